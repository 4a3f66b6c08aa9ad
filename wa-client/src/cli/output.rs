//! What the commands print: sentences for people, one JSON object per line for scripts.

use std::io::{self, Write};

use jiff::Timestamp;
use serde::Serialize;
use wa_client::{Message, Receipt, Status};
use wa_proto::jid::Jid;

/// One line of output. In JSON the name of the variant comes first, as `event`.
#[derive(Debug, Serialize)]
#[serde(tag = "event", rename_all = "snake_case")]
pub(crate) enum Line {
    Qr {
        code: String,
        valid_until: i64,
    },
    PairingCode {
        code: String,
        valid_until: i64,
    },
    PairingFailed {
        message: String,
    },
    Paired {
        jid: String,
        lid: String,
    },
    Online {
        jid: Option<String>,
    },
    Status {
        paired: bool,
        jid: Option<String>,
        lid: Option<String>,
        connection: String,
        reason: Option<String>,
    },
    Sent {
        id: String,
        to: String,
        timestamp: i64,
    },
    Delivered {
        id: String,
        to: String,
        from: String,
        timestamp: i64,
    },
    Failed {
        to: String,
        message: String,
    },
    Skipped {
        to: String,
    },
    Number {
        input: String,
        jid: Option<String>,
        exists: Option<bool>,
        lid: Option<String>,
    },
    Device {
        jid: String,
        own: bool,
    },
    Message {
        id: String,
        from: String,
        chat: String,
        text: Option<String>,
        timestamp: i64,
        from_me: bool,
        offline: bool,
        push_name: Option<String>,
        chat_lid: Option<String>,
    },
    Receipt {
        ids: Vec<String>,
        kind: &'static str,
        from: String,
        chat: String,
        timestamp: i64,
    },
    Undecryptable {
        id: String,
        from: String,
        chat: String,
        timestamp: i64,
    },
    IdentityChanged {
        of: String,
    },
    Connection {
        status: &'static str,
        reason: Option<&'static str>,
        until: Option<i64>,
    },
    LoggedOut {},
    Check {
        name: &'static str,
        ok: bool,
        detail: String,
    },
    Error {
        kind: &'static str,
        message: String,
    },
}

impl Line {
    pub(crate) fn message(message: &Message) -> Self {
        Self::Message {
            id: message.id.clone(),
            from: message.from.to_string(),
            chat: message.chat.to_string(),
            text: message.text.clone(),
            timestamp: message.timestamp.as_second(),
            from_me: message.from_me,
            offline: message.offline,
            push_name: message.push_name.clone(),
            chat_lid: message.chat_lid.as_ref().map(Jid::to_string),
        }
    }

    pub(crate) fn receipt(receipt: &Receipt) -> Self {
        Self::Receipt {
            ids: receipt.ids.clone(),
            kind: receipt.kind.as_str(),
            from: receipt.from.to_string(),
            chat: receipt.chat.to_string(),
            timestamp: receipt.timestamp.as_second(),
        }
    }

    pub(crate) fn connection(status: Status) -> Self {
        let (reason, until) = why(status);
        Self::Connection { status: status.as_str(), reason, until: until.map(Timestamp::as_second) }
    }

    /// The sentence for people; empty if there is nothing to say.
    fn sentence(&self) -> String {
        match self {
            Self::Qr { code, .. } => super::qr::draw(code).map_or_else(
                |_| format!("This text, as a QR code, links the device:\n{code}"),
                |drawn| format!("{drawn}\nOn the phone: Settings, Linked devices, Link a device."),
            ),
            Self::PairingCode { code, .. } => format!(
                "Code: {code}\nOn the phone: Settings, Linked devices, Link a device, Link with \
                 phone number instead."
            ),
            Self::PairingFailed { message } => format!("Linking failed: {message}."),
            Self::Paired { jid, lid } => format!("Linked as {jid} ({lid})."),
            Self::Online { jid } => match jid {
                Some(jid) => format!("Online as {jid}."),
                None => "Online.".to_owned(),
            },
            Self::Status { paired, jid, connection, reason, .. } => {
                let account = match (paired, jid) {
                    (true, Some(jid)) => format!("Linked as {jid}"),
                    _ => "Not linked to an account".to_owned(),
                };
                let reason = reason.as_ref().map(|why| format!(" ({why})")).unwrap_or_default();
                format!("{account}; connection: {connection}{reason}.")
            }
            Self::Sent { id, to, .. } => format!("Sent {id} to {to}."),
            Self::Delivered { id, from, .. } => format!("Delivered {id} to {from}."),
            Self::Failed { to, message } => format!("{to}: {message}."),
            Self::Skipped { to } => format!("{to}: not tried."),
            Self::Number { input, jid, exists, .. } => match (exists, jid) {
                (Some(true), Some(jid)) => format!("{input} is on WhatsApp as {jid}."),
                (Some(true), None) => format!("{input} is on WhatsApp."),
                (Some(false), _) => format!("{input} is not on WhatsApp."),
                (None, _) => format!("{input}: the server does not say."),
            },
            Self::Device { jid, own } => {
                if *own {
                    format!("{jid} (this device)")
                } else {
                    jid.clone()
                }
            }
            Self::Message { from, push_name, text, timestamp, .. } => {
                let name = push_name.as_ref().map(|name| format!(" ({name})")).unwrap_or_default();
                let text = text.as_deref().unwrap_or("[something that is not text]");
                format!("{} {from}{name}: {text}", clock_time(*timestamp))
            }
            Self::Receipt { ids, kind, from, timestamp, .. } => {
                format!("{} {from}: {kind} {}", clock_time(*timestamp), ids.join(", "))
            }
            Self::Undecryptable { id, from, timestamp, .. } => {
                format!("{} {from}: {id} cannot be read yet", clock_time(*timestamp))
            }
            Self::IdentityChanged { of } => format!("{of} has a new security code."),
            Self::Connection { status, reason, .. } => match reason {
                Some(reason) => format!("Connection: {status} ({reason})."),
                None => format!("Connection: {status}."),
            },
            Self::LoggedOut {} => "Unlinked; the keys are gone.".to_owned(),
            Self::Check { name, ok, detail } => {
                format!("[{}] {name}: {detail}", if *ok { "ok" } else { "!!" })
            }
            Self::Error { message, .. } => format!("error: {message}"),
        }
    }
}

/// Why a status is what it is, and until when.
pub(crate) fn why(status: Status) -> (Option<&'static str>, Option<Timestamp>) {
    match status {
        Status::Backoff { until, reason } => (Some(reason.as_str()), Some(until)),
        Status::Banned { until } => (None, until),
        _ => (None, None),
    }
}

fn clock_time(seconds: i64) -> String {
    Timestamp::from_second(seconds).map_or_else(|_| seconds.to_string(), |time| time.to_string())
}

/// Prints lines in the form the user asked for.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Printer {
    pub(crate) json: bool,
}

impl Printer {
    /// Prints one line. A reader that went away ends the command: there is nobody to print for.
    pub(crate) fn print(self, line: &Line) -> io::Result<()> {
        let mut out = io::stdout().lock();
        if self.json {
            serde_json::to_writer(&mut out, line)?;
            out.write_all(b"\n")?;
        } else if let Line::Error { .. } = line {
            writeln!(io::stderr().lock(), "{}", line.sentence())?;
        } else {
            writeln!(out, "{}", line.sentence())?;
        }
        out.flush()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_event_comes_first_in_json() {
        let line = Line::Sent { id: "3EB0".into(), to: "7701@s.whatsapp.net".into(), timestamp: 5 };
        let json = serde_json::to_string(&line).unwrap();
        assert_eq!(json, r#"{"event":"sent","id":"3EB0","to":"7701@s.whatsapp.net","timestamp":5}"#);
        assert_eq!(serde_json::to_string(&Line::LoggedOut {}).unwrap(), r#"{"event":"logged_out"}"#);
    }
}
