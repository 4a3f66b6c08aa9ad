//! What things cost: the protocol's steps beside the same steps of its peers, and bookings through the API beside the
//! same transaction as others write it, each measured in one run.
//!
//! `cargo run --release -p benches` prints the comparisons (the program `benches`), `… protocol` and `… api` one of
//! them; `cargo run --release -p benches --bin measure` runs our own protocol cases alone, and under `valgrind
//! --tool=callgrind` counts their instructions. Peers are built in a workspace of their own, `benches/peers`. Nothing
//! depends on this crate.

#[cfg(feature = "api")]
pub mod api;
pub mod build;
pub mod compare;
#[cfg(feature = "api")]
pub mod load;
pub mod party;
#[cfg(feature = "api")]
pub mod usage;
