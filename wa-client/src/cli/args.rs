//! The command line, as it is typed.

use std::path::PathBuf;
use std::time::Duration;

use clap::{Args, Parser, Subcommand, ValueEnum};

/// Talks to WhatsApp as a linked device of your account.
#[derive(Debug, Parser)]
#[command(name = "wa-client", version, about, max_term_width = 100)]
pub(crate) struct Cli {
    #[command(flatten)]
    pub(crate) global: Global,
    #[command(subcommand)]
    pub(crate) command: Command,
}

/// What every command takes.
#[derive(Debug, Args)]
pub(crate) struct Global {
    /// Where the account is kept: a SQLite file, or a postgres:// address.
    #[arg(long, global = true, env = "WA_STORE", default_value = "wa-client.db", value_name = "PATH")]
    pub(crate) store: String,
    /// Which server to talk to (ws:// or wss://); the real one if absent.
    #[arg(long, global = true, env = "WA_ENDPOINT", value_name = "URL")]
    pub(crate) endpoint: Option<String>,
    /// Root key of the server's certificates, 64 hexadecimal digits; the real one if absent.
    #[arg(long, global = true, env = "WA_ROOT_KEY", value_name = "HEX")]
    pub(crate) root_key: Option<String>,
    /// File of a certificate authority (PEM) to trust for wss:// besides the public ones.
    #[arg(long, global = true, env = "WA_CA_FILE", value_name = "FILE")]
    pub(crate) ca_file: Option<PathBuf>,
    /// The name that others see.
    #[arg(long, global = true, value_name = "NAME")]
    pub(crate) push_name: Option<String>,
    /// Print one JSON object per line.
    #[arg(long, global = true)]
    pub(crate) json: bool,
    /// Log to standard error; twice for more.
    #[arg(short, long, global = true, action = clap::ArgAction::Count)]
    pub(crate) verbose: u8,
}

#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Link this device to an account, by QR code or by a code typed into the phone.
    Pair(Pair),
    /// Tell which account is linked and whether it can go online.
    Status(Patience),
    /// Send a text.
    Send(Send),
    /// Ask which numbers are on WhatsApp.
    Check(Check),
    /// Print messages and receipts as they arrive.
    Listen(Listen),
    /// Send one text to many numbers, slowly.
    Bulk(Bulk),
    /// List the devices of an account; of the own one if no number is given.
    Devices(Devices),
    /// Unlink this device and forget its keys.
    Logout(Patience),
    /// Check store, clock, network, pairing and connection, and say what is wrong.
    Doctor(Patience),
}

#[derive(Debug, Args)]
pub(crate) struct Pair {
    /// Show an 8-character code for this phone number instead of a QR code.
    #[arg(long, value_name = "NUMBER")]
    pub(crate) phone: Option<String>,
    /// Seconds to wait for the scan.
    #[arg(long, default_value_t = 300, value_name = "SECONDS")]
    pub(crate) timeout: u64,
}

/// How long to wait.
#[derive(Debug, Args)]
pub(crate) struct Patience {
    /// Seconds to wait for the server.
    #[arg(long, default_value_t = 30, value_name = "SECONDS")]
    timeout: u64,
}

impl Patience {
    pub(crate) fn timeout(&self) -> Duration {
        Duration::from_secs(self.timeout)
    }
}

#[derive(Debug, Args)]
pub(crate) struct Send {
    /// A phone number, or a JID.
    pub(crate) to: String,
    /// What to say.
    pub(crate) text: String,
    /// How far the message must get before the command ends.
    #[arg(long, value_enum, default_value_t = Wait::Sent)]
    pub(crate) wait: Wait,
    /// Message id to use; sending again with the same id shows once.
    #[arg(long, value_name = "ID")]
    pub(crate) id: Option<String>,
    #[command(flatten)]
    pub(crate) patience: Patience,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum Wait {
    /// The server has taken it.
    Sent,
    /// A device of the recipient has it.
    Delivered,
}

#[derive(Debug, Args)]
pub(crate) struct Check {
    /// Phone numbers, international, e.g. 77771234567.
    #[arg(required = true, value_name = "NUMBER")]
    pub(crate) numbers: Vec<String>,
    #[command(flatten)]
    pub(crate) patience: Patience,
}

#[derive(Debug, Args)]
pub(crate) struct Listen {
    /// Stop after so many seconds; never if absent.
    #[arg(long = "for", value_name = "SECONDS")]
    pub(crate) seconds: Option<u64>,
    /// Stay in the background: the phone goes on notifying, and senders do not see that a message has arrived here.
    #[arg(long)]
    pub(crate) background: bool,
    /// Stop after so many messages.
    #[arg(long, value_name = "N")]
    pub(crate) count: Option<u64>,
}

#[derive(Debug, Args)]
pub(crate) struct Bulk {
    /// What to say.
    pub(crate) text: String,
    /// Phone numbers.
    #[arg(required_unless_present = "file", value_name = "NUMBER")]
    pub(crate) numbers: Vec<String>,
    /// File with one number per line.
    #[arg(long, value_name = "FILE")]
    pub(crate) file: Option<PathBuf>,
    /// Seconds between two messages; a random third of it is added.
    #[arg(long, default_value_t = 15.0, value_name = "SECONDS")]
    pub(crate) pause: f64,
    #[command(flatten)]
    pub(crate) patience: Patience,
}

#[derive(Debug, Args)]
pub(crate) struct Devices {
    /// Whose devices to list.
    #[arg(value_name = "NUMBER")]
    pub(crate) number: Option<String>,
    #[command(flatten)]
    pub(crate) patience: Patience,
}

#[cfg(test)]
impl Bulk {
    pub(crate) fn example(numbers: &[&str]) -> Self {
        Self {
            text: "text".to_owned(),
            numbers: numbers.iter().map(ToString::to_string).collect(),
            file: None,
            pause: 0.0,
            patience: Patience { timeout: 1 },
        }
    }
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory;

    use super::*;

    #[test]
    fn the_command_line_is_consistent() {
        Cli::command().debug_assert();
    }

    #[test]
    fn global_options_may_stand_after_the_command() {
        let cli = Cli::try_parse_from(["wa-client", "listen", "--json", "--store", "a.db"]).unwrap();
        assert!(cli.global.json);
        assert_eq!(cli.global.store, "a.db");
        assert!(matches!(cli.command, Command::Listen(_)));
    }

    #[test]
    fn a_usage_error_exits_with_two() {
        for line in [vec!["wa-client"], vec!["wa-client", "send", "7701"], vec!["wa-client", "check"]] {
            assert_eq!(Cli::try_parse_from(line).unwrap_err().exit_code(), 2);
        }
    }
}
