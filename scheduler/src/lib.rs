//! Delivery: account leases, the dispatcher, everything that time causes.
