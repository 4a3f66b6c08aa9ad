//! The `scheduler` program.

fn main() {}
