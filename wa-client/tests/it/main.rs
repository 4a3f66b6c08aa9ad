//! Whole flows of the client: its stores on real databases, and its connection against the sandbox.

mod store;
