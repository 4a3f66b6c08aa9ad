//! Messages to clients: planned in the transaction that causes them, sent by whoever holds the account's lease.
//!
//! ```text
//!            claim ► send                    receipts
//!  planned ────────────────► sent ─────► delivered ─────► read
//!     │  └ failed, retry: planned again, later
//!     │  └ not now: planned again, when the quiet hours, a stop or the day's budget for strangers end
//!     ├─ cancelled   the visit was cancelled or moved, or the recipient wants no messages
//!     ├─ expired     not sent in time: worth nothing any more
//!     └─ failed      given up, with the reason
//! ```
//!
//! The WhatsApp message id is chosen when the row is written and used at each attempt: phones drop a second message
//! with the same id, so that at-least-once delivery shows exactly once. What really happened wins over what was
//! planned: a message that left before its visit was cancelled is `sent`.

mod admit;
mod deliver;
mod forget;
mod plan;
mod signal;

pub use admit::ANSWER_SECONDS;
pub(crate) use deliver::release_claims;
pub use deliver::{
    CLAIM_SECONDS, Failure, OutboxMessage, adopt, claim_due, mark_delivered, mark_failed, mark_read, mark_sent,
    next_due, put_back,
};
pub(crate) use forget::{forget_number, forget_said, forget_visits};
pub use plan::{
    MOST_MESSAGES, MessageFilter, MessageKind, MessageStatus, NewMessage, cancel_of_booking, find, list, of_booking,
    plan,
};
pub(crate) use plan::{Notice, keep_only, plan_again, plan_notice, reword};
pub use signal::OutboxSignal;

use crate::entropy::Entropy;
use crate::store::text_enum;

text_enum! {
    /// Where a message is in its life.
    MessageState {
        /// Waits for its time, or for the next attempt.
        Planned = "planned",
        /// The server has it.
        Sent = "sent",
        /// A device of the recipient has it.
        Delivered = "delivered",
        /// The recipient opened the chat.
        Read = "read",
        /// Given up.
        Failed = "failed",
        /// Not wanted any more.
        Cancelled = "cancelled",
        /// Its time passed.
        Expired = "expired",
    }
}

/// Chooses a WhatsApp message id: `3EB0` and 18 upper-case hex digits, as the web client's are.
#[must_use]
pub fn fresh_wa_message_id(entropy: &Entropy) -> String {
    format!("3EB0{}", hex::encode_upper(entropy.bytes::<9>()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_message_id_has_the_form_of_the_web_client() {
        let id = fresh_wa_message_id(&Entropy::seeded(1));
        assert_eq!(id.len(), 22);
        assert!(id.starts_with("3EB0") && id.chars().all(|digit| matches!(digit, '0'..='9' | 'A'..='F')), "{id}");
    }
}
