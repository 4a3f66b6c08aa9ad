//! What accounts receive: each message is dealt with once.
//!
//! A message makes its sender warm. A word that asks for an end is obeyed. An answer to the last word about a visit to
//! come is taken as one: yes is noted, no is asked about once and then obeyed, within the tenant's rules. Everything
//! else is left to a person.

pub mod answer;
mod list;
mod visit;

use std::fmt;

use db::Connection;

use crate::account;
use crate::business::{self, Business};
use crate::client;
use crate::client::language::{Sign, learn};
use crate::clock::Timestamp;
use crate::consent::{self, CHAT_VERSION, Channel, Evidence, Purpose, StopWord};
use crate::contact;
use crate::id::{AccountId, BookingId, BusinessId, InboundId};
use crate::language::Language;
use crate::outbox::{self, MessageKind, NewMessage};
use crate::phone::Phone;
use crate::platform::Platform;
use crate::store::{StoreError, text_enum};

pub use list::{Inbound, InboundFilter, MOST_INBOUND, list, mark_read, unread};

/// How long an answer in the chat stays worth sending, in seconds.
const REPLY_SECONDS: i64 = 3_600;

text_enum! {
    /// What came of a message.
    Outcome {
        /// The client comes.
        Confirmed = "confirmed",
        /// The client was asked whether to call the visit off.
        CancelAsked = "cancel_asked",
        /// The visit was called off.
        Cancelled = "cancelled",
        /// It could not be called off any more, and the client was told so.
        CancelRefused = "cancel_refused",
        /// The client wants no messages any more.
        Stopped = "stopped",
        /// The client wants messages again.
        Started = "started",
        /// It is left to a person.
        Unread = "unread",
    }
}

/// A message that an account received in a chat with one person. `Debug` shows neither.
#[derive(Clone)]
pub struct Incoming<'a> {
    /// The chat, as WhatsApp names it.
    pub chat: &'a str,
    /// The message's id in the chat.
    pub wa_message_id: &'a str,
    /// Who wrote, if their number is known.
    pub phone: Option<&'a Phone>,
    /// What they wrote, if it is a text.
    pub text: Option<&'a str>,
    /// When.
    pub at: Timestamp,
}

impl fmt::Debug for Incoming<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Incoming").field("at", &self.at).finish_non_exhaustive()
    }
}

/// Deals with a message, once: one that came before and was dealt with changes nothing, one whose dealing was cut short
/// is dealt with again.
///
/// # Errors
///
/// [`StoreError`]: it has to be handed in again.
pub async fn receive(
    platform: &Platform,
    account_id: AccountId,
    incoming: &Incoming<'_>,
) -> Result<Outcome, StoreError> {
    let now = platform.clock.now();
    let mut tx = platform.db.begin().await?;
    let Some(id) = note(&mut tx, account_id, incoming, now).await? else { return Ok(Outcome::Unread) };
    if let Some(phone) = incoming.phone {
        contact::note_inbound(&mut tx, account_id, phone, incoming.at, now).await?;
    }
    let business = match business_of(&mut tx, account_id, incoming.phone).await? {
        Some(business_id) => business::by_id(&mut tx, business_id).await?,
        None => None,
    };
    tx.commit().await?;
    platform.outbox.ring();
    let (outcome, booking_id) = match (&business, incoming.phone, incoming.text) {
        (Some(business), Some(phone), Some(text)) => {
            let message = Understood { platform, account_id, id, business, phone, incoming, now };
            message.answer(text).await?
        }
        _ => (Outcome::Unread, None),
    };
    let mut tx = platform.db.begin().await?;
    db::execute!(
        &mut tx,
        "update inbound set business_id = $2, booking_id = $3, outcome = $4, handled_at = $5 where id = $1",
        id,
        business.as_ref().map(|business| business.id),
        booking_id,
        outcome.as_str(),
        now,
    )?;
    tx.commit().await?;
    platform.outbox.ring();
    tracing::info!(account.id = %account_id, inbound.id = %id, outcome = outcome.as_str(), "dealt with message {id}");
    Ok(outcome)
}

/// Writes a message down; none if it was dealt with before.
async fn note(
    connection: &mut Connection,
    account_id: AccountId,
    incoming: &Incoming<'_>,
    now: Timestamp,
) -> Result<Option<InboundId>, StoreError> {
    let noted = db::fetch_optional!(
        connection,
        (InboundId,),
        "insert into inbound (account_id, chat, wa_message_id, phone, text, received_at) values ($1, $2, $3, $4, $5, $6)
         on conflict (account_id, chat, wa_message_id) do update set received_at = inbound.received_at
             where inbound.handled_at is null
         returning id",
        account_id,
        incoming.chat,
        incoming.wa_message_id,
        incoming.phone.map(Phone::expose),
        incoming.text,
        now,
    )?;
    Ok(noted.map(|(id,)| id))
}

/// Whom a message is for: the account's tenant; on the operator's account the one that last wrote to its sender.
async fn business_of(
    connection: &mut Connection,
    account_id: AccountId,
    phone: Option<&Phone>,
) -> Result<Option<BusinessId>, StoreError> {
    let account = account::by_id(connection, account_id).await?;
    if let Some(id) = account.and_then(|account| account.business_id) {
        return Ok(Some(id));
    }
    let Some(phone) = phone else { return Ok(None) };
    let last = db::fetch_optional!(
        connection,
        (BusinessId,),
        "select business_id from outbox where account_id = $1 and phone = $2 and sent_at is not null
         order by sent_at desc, id desc limit 1",
        account_id,
        phone.expose(),
    )?;
    Ok(last.map(|(id,)| id))
}

/// A text of somebody known to a tenant.
struct Understood<'a> {
    platform: &'a Platform,
    account_id: AccountId,
    id: InboundId,
    business: &'a Business,
    phone: &'a Phone,
    incoming: &'a Incoming<'a>,
    now: Timestamp,
}

impl Understood<'_> {
    async fn answer(&self, text: &str) -> Result<(Outcome, Option<BookingId>), StoreError> {
        if let Some(word) = consent::stop_word(text) {
            return Ok((self.stop_or_start(word).await?, None));
        }
        let Some(answer) = answer::read(text) else { return Ok((Outcome::Unread, None)) };
        let answered = self.of_visit(answer.said).await?;
        if let (Some(language), true) = (answer.language, answered.1.is_some()) {
            self.hint(language).await?;
        }
        Ok(answered)
    }

    /// Obeys a word that asks for an end or a beginning, and says so once.
    async fn stop_or_start(&self, word: StopWord) -> Result<Outcome, StoreError> {
        let mut tx = self.platform.db.begin().await?;
        let known = client::by_phone(&mut tx, self.business.id, self.phone).await?;
        let was_stopped = known.as_ref().is_some_and(|known| known.is_stopped);
        let language = known.and_then(|known| known.language).unwrap_or(self.business.language);
        let evidence = Evidence {
            channel: Channel::Chat,
            text_version: CHAT_VERSION,
            id: Some(self.incoming.wa_message_id),
            address: None,
        };
        let (business_id, name) = (self.business.id, self.business.name.as_str());
        let texts = &self.platform.texts;
        let (outcome, changed, text) = match word {
            StopWord::Stop => {
                consent::opt_out(&mut tx, business_id, self.phone, Purpose::Service, &evidence, self.now).await?;
                (Outcome::Stopped, !was_stopped, texts.stopped(language, name))
            }
            StopWord::Start => {
                consent::opt_in(&mut tx, business_id, self.phone, Purpose::Service, &evidence, self.now).await?;
                (Outcome::Started, was_stopped, texts.started(language, name))
            }
        };
        if changed {
            self.reply(&mut tx, None, &format!("{}:{}", outcome.as_str(), self.id), &text, language).await?;
        }
        tx.commit().await?;
        Ok(outcome)
    }

    /// A client who chose no language is written to in the one they write in.
    async fn hint(&self, language: Language) -> Result<(), StoreError> {
        if !self.platform.policy.supported_languages.contains(&language) {
            return Ok(());
        }
        let mut tx = self.platform.db.begin().await?;
        if let Some(known) = client::by_phone(&mut tx, self.business.id, self.phone).await? {
            let said = (language, Sign::Word);
            learn(&mut tx, self.platform, self.business.id, known.id, said, self.now).await?;
        }
        Ok(tx.commit().await?)
    }

    /// Plans an answer; `key` makes it the only one of its visit, or of its tenant.
    async fn reply(
        &self,
        connection: &mut Connection,
        booking_id: Option<BookingId>,
        key: &str,
        text: &str,
        language: Language,
    ) -> Result<(), StoreError> {
        let message = NewMessage {
            business_id: self.business.id,
            account_id: Some(self.account_id),
            booking_id,
            kind: MessageKind::Reply,
            dedup_key: key,
            phone: self.phone,
            text,
            language,
            due_at: self.now,
            expires_at: self.now.plus(REPLY_SECONDS),
        };
        outbox::plan(connection, &message, &self.platform.entropy, self.now).await?;
        Ok(())
    }
}
