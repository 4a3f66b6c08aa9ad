//! The `wa-client` command.

#![expect(
    clippy::wildcard_enum_match_arm,
    reason = "the library's enums may grow, and what the command does not know has one honest answer"
)]

mod cli;

use std::process::ExitCode;

fn main() -> ExitCode {
    cli::main()
}
