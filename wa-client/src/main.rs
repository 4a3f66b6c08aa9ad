//! The `wa-client` command.

fn main() {}
