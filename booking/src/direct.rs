//! Texts that a person or a program of a business writes to one person.

use std::fmt;
use std::str::FromStr;

use crate::account;
use crate::business::Business;
use crate::clock::Timestamp;
use crate::contact::{self, NO_CONSENT};
use crate::id::{AccountId, MessageId};
use crate::idempotency::{self, Ticket};
use crate::language::Language;
use crate::outbox::{self, MessageKind, NewMessage};
use crate::phone::Phone;
use crate::platform::Platform;
use crate::store::{StoreError, from_store};

/// The longest text, in characters.
pub const TEXT_LENGTH: usize = 4_096;
/// How long a text stays worth sending, in seconds.
pub const WORTH_SECONDS: i64 = 86_400;

/// A text to be sent: 1 to [`TEXT_LENGTH`] characters, not only blanks. `Debug` does not show it.
#[derive(Clone, PartialEq, Eq)]
pub struct MessageText(Box<str>);

/// Why a text is not a [`MessageText`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum TextError {
    /// It has no visible character.
    #[error("the text is empty")]
    Empty,
    /// It has more than [`TEXT_LENGTH`] characters.
    #[error("the text is longer than {TEXT_LENGTH} characters")]
    TooLong,
    /// It has control characters.
    #[error("the text has characters that cannot be seen")]
    Invisible,
}

impl MessageText {
    /// The text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl FromStr for MessageText {
    type Err = TextError;

    fn from_str(text: &str) -> Result<Self, TextError> {
        if text.trim().is_empty() {
            return Err(TextError::Empty);
        }
        if text.chars().count() > TEXT_LENGTH {
            return Err(TextError::TooLong);
        }
        if text.chars().any(|character| character.is_control() && !matches!(character, '\n' | '\r' | '\t')) {
            return Err(TextError::Invisible);
        }
        Ok(Self(text.into()))
    }
}

impl fmt::Debug for MessageText {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("MessageText(…)")
    }
}

/// Why a text was not planned.
#[derive(Debug, Clone, thiserror::Error)]
#[non_exhaustive]
pub enum DirectError {
    /// The recipient wants no messages.
    #[error("the recipient opted out")]
    OptedOut,
    /// The recipient neither wrote nor agreed to be written to: a message would be a reason to ban the account.
    #[error("the recipient neither wrote nor agreed to be written to")]
    NoConsent,
    /// The business has no account, and the operator's does not write for it.
    #[error("there is no account to write from")]
    NoAccount,
    /// The database.
    #[error(transparent)]
    Store(#[from] StoreError),
}
from_store!(DirectError);

/// Plans a text that is due at once: to somebody who wrote first or agreed to be written to. A request that is repeated
/// after a death, with its `ticket`, finds the message that it has made.
///
/// # Errors
///
/// [`DirectError`].
pub async fn send(
    platform: &Platform,
    business: &Business,
    phone: &Phone,
    text: &MessageText,
    ticket: Option<&Ticket>,
) -> Result<MessageId, DirectError> {
    match ticket.and_then(Ticket::made) {
        Some(id) => Ok(MessageId::new(id)),
        None => plan(platform, business, MessageKind::Direct, phone, text, ticket).await,
    }
}

/// Plans a text that is due at once and came through the routes of the earlier WhatsApp service, whose caller is the
/// operator's own program and answers for the consent: it goes to everybody who did not opt out, within the day's
/// budget.
///
/// # Errors
///
/// [`DirectError`].
pub async fn relay(
    platform: &Platform,
    business: &Business,
    phone: &Phone,
    text: &MessageText,
) -> Result<MessageId, DirectError> {
    plan(platform, business, MessageKind::Relay, phone, text, None).await
}

/// Plans a text to the number of the account that writes for the business, to show that messages arrive.
///
/// # Errors
///
/// [`DirectError::NoAccount`] also while the account is not linked.
pub async fn test(platform: &Platform, business: &Business, language: Language) -> Result<MessageId, DirectError> {
    let text = platform.texts.test(language, business.name.as_str());
    let account = sender(platform, business).await?;
    let own = account.phone.as_ref().filter(|_| account.is_linked()).ok_or(DirectError::NoAccount)?;
    write(platform, business, account.id, MessageKind::Reply, (own, &text), None).await
}

async fn plan(
    platform: &Platform,
    business: &Business,
    kind: MessageKind,
    phone: &Phone,
    text: &MessageText,
    ticket: Option<&Ticket>,
) -> Result<MessageId, DirectError> {
    let account = sender(platform, business).await?;
    let mut connection = platform.db.read().await?;
    let contact = contact::find(&mut connection, account.id, phone).await?;
    let refusal = contact::refusal(&mut connection, business.id, kind, phone, &contact).await?;
    drop(connection);
    match refusal {
        Some(NO_CONSENT) => return Err(DirectError::NoConsent),
        Some(_) => return Err(DirectError::OptedOut),
        None => {}
    }
    let text = signed(business, account.business_id.is_none(), text.as_str());
    write(platform, business, account.id, kind, (phone, &text), ticket).await
}

/// The account that writes for a business.
async fn sender(platform: &Platform, business: &Business) -> Result<account::Account, DirectError> {
    let may_share = platform.policy.platform_account;
    let sender = account::sender_of(&mut platform.db.read().await?, business.id, may_share).await?;
    sender.ok_or(DirectError::NoAccount)
}

/// A text from an account that many share says whom it is from.
pub(crate) fn signed(business: &Business, is_shared: bool, text: &str) -> String {
    if is_shared { format!("{}:\n{text}", business.name.as_str()) } else { text.to_owned() }
}

async fn write(
    platform: &Platform,
    business: &Business,
    account_id: AccountId,
    kind: MessageKind,
    (phone, text): (&Phone, &str),
    ticket: Option<&Ticket>,
) -> Result<MessageId, DirectError> {
    let now: Timestamp = platform.clock.now();
    // Each is one of its own; whoever repeats a request has its ticket.
    let dedup_key = format!("direct:{}", hex::encode(platform.entropy.bytes::<16>()));
    let message = NewMessage {
        business_id: business.id,
        account_id: Some(account_id),
        booking_id: None,
        kind,
        dedup_key: &dedup_key,
        phone,
        text,
        language: business.language,
        due_at: now,
        expires_at: now.plus(WORTH_SECONDS),
    };
    let mut tx = platform.db.begin().await?;
    let planned = outbox::plan(&mut tx, &message, &platform.entropy, now).await?;
    let id = planned.ok_or(StoreError::Row { table: "outbox", id: 0, rule: "random keys differ" })?;
    if let Some(ticket) = ticket {
        idempotency::note_done(&mut tx, ticket, id.get()).await?;
    }
    tx.commit().await?;
    platform.outbox.ring();
    Ok(id)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_text_is_something_to_read() {
        assert_eq!("Ждём вас!\nАру".parse::<MessageText>().unwrap().as_str(), "Ждём вас!\nАру");
        assert_eq!(" \n".parse::<MessageText>(), Err(TextError::Empty));
        assert_eq!("a\0b".parse::<MessageText>(), Err(TextError::Invisible));
        assert_eq!("ж".repeat(4_097).parse::<MessageText>(), Err(TextError::TooLong));
    }
}
