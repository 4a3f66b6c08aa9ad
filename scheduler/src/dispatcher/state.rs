//! How a client's status is written down for the owner.

use booking::account::{AccountState, StateChange};
use booking::clock::Timestamp;
use wa_client::Status;

/// How long an account that the server does not want waits, in seconds.
const UNWELCOME: i64 = 300;

/// The account's state that stands for `status` at `now`, which is real time; `None` where there is nothing new to say.
pub(crate) fn change_of(status: &Status, now: Timestamp) -> Option<StateChange<'static>> {
    let change = |state, detail, until| StateChange { state, detail, until, seen_at: None };
    Some(match status {
        Status::Connecting => change(AccountState::Connecting, None, None),
        Status::WaitingForScan => change(AccountState::WaitingForScan, None, None),
        Status::PasskeyRequired => change(AccountState::PasskeyRequired, None, None),
        Status::Online { last_pong, .. } => {
            StateChange { seen_at: Some(Timestamp::from(*last_pong)), ..change(AccountState::Online, None, None) }
        }
        Status::Backoff { until, reason } => {
            change(AccountState::Backoff, Some(reason.as_str()), Some(Timestamp::from(*until)))
        }
        Status::LoggedOut => change(AccountState::LoggedOut, None, None),
        Status::Banned { until } => change(AccountState::Banned, None, until.map(Timestamp::from)),
        Status::Replaced => change(AccountState::Replaced, None, None),
        Status::Outdated => change(AccountState::Backoff, Some("outdated"), Some(now.plus(UNWELCOME))),
        Status::Refused { .. } => change(AccountState::Backoff, Some("refused"), Some(now.plus(UNWELCOME))),
        Status::StoreFailed => change(AccountState::Backoff, Some("store_failed"), Some(now.plus(UNWELCOME))),
        Status::NotPaired => change(AccountState::Unpaired, None, None),
        // The next holder writes what it sees.
        Status::Superseded | Status::Stopped | _ => return None,
    })
}
