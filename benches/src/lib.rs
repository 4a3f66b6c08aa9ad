//! What things cost: the protocol's steps beside the same steps of its peers, measured in one run.
//!
//! `cargo run --release -p benches` prints the comparison (the program `benches`); `cargo run --release -p benches --bin
//! measure` runs our own cases alone, and under `valgrind --tool=callgrind` counts their instructions. Peers are built
//! in a workspace of their own, `benches/peers`. Nothing depends on this crate.

pub mod compare;
pub mod party;
