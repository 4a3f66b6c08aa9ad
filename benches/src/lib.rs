//! Measurements: criterion benches, load generators, comparisons with peers.
