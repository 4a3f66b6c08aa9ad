//! Planning messages, and taking plans back.

use std::fmt;

use db::Connection;

use crate::account;
use crate::clock::Timestamp;
use crate::consent::OPTED_OUT;
use crate::entropy::Entropy;
use crate::id::{AccountId, BookingId, BusinessId, MessageId};
use crate::language::Language;
use crate::outbox::{MessageState, fresh_wa_message_id};
use crate::phone::Phone;
use crate::platform::Platform;
use crate::store::{StoreError, text_enum};

text_enum! {
    /// What a message is for.
    MessageKind {
        /// The visit is booked.
        Confirmation = "confirmation",
        /// The visit is asked for, and waits for the staff's word.
        Request = "request",
        /// Nobody agreed to the visit in time.
        Expiry = "expiry",
        /// The visit is near.
        Reminder = "reminder",
        /// The visit is off.
        Cancellation = "cancellation",
        /// The visit is at another time, or by somebody else.
        Change = "change",
        /// A code to sign in with, or to choose a new password.
        Code = "code",
        /// Somebody is asked to join the staff.
        Invitation = "invitation",
        /// An answer to what the client wrote in the chat.
        Reply = "reply",
        /// A text that a person or a program wrote.
        Direct = "direct",
        /// A text through the routes of the earlier WhatsApp service, which sends at any hour.
        Relay = "relay",
        /// A text for many.
        Bulk = "bulk",
    }
}

impl MessageKind {
    /// Whether it goes out at any hour: somebody waits for it.
    pub(crate) const fn is_urgent(self) -> bool {
        match self {
            Self::Code => true,
            Self::Confirmation
            | Self::Reminder
            | Self::Cancellation
            | Self::Change
            | Self::Request
            | Self::Expiry
            | Self::Invitation
            | Self::Reply
            | Self::Direct
            | Self::Relay
            | Self::Bulk => false,
        }
    }

    /// Whether it answers what its recipient just did: such a message is not held up by quiet hours for a while.
    pub(crate) const fn is_answer(self) -> bool {
        match self {
            Self::Confirmation
            | Self::Request
            | Self::Cancellation
            | Self::Change
            | Self::Code
            | Self::Reply
            | Self::Relay => true,
            Self::Reminder | Self::Expiry | Self::Invitation | Self::Direct | Self::Bulk => false,
        }
    }

    /// Whether the staff, or a program of theirs, wrote it: it has nothing to do with a visit that was promised.
    pub(crate) const fn is_written_by_staff(self) -> bool {
        match self {
            Self::Direct | Self::Relay | Self::Bulk | Self::Invitation => true,
            Self::Confirmation
            | Self::Reminder
            | Self::Cancellation
            | Self::Change
            | Self::Request
            | Self::Expiry
            | Self::Code
            | Self::Reply => false,
        }
    }

    /// Whether its text opens something: nobody but its recipient sees it, and it is forgotten once it has left.
    pub(crate) const fn is_secret(self) -> bool {
        match self {
            Self::Code | Self::Invitation => true,
            Self::Confirmation
            | Self::Reminder
            | Self::Cancellation
            | Self::Change
            | Self::Request
            | Self::Expiry
            | Self::Reply
            | Self::Direct
            | Self::Relay
            | Self::Bulk => false,
        }
    }

    /// Whether it also goes to somebody who wants to hear nothing more: they asked for it themselves.
    pub(crate) const fn ignores_opt_out(self) -> bool {
        match self {
            Self::Code | Self::Reply => true,
            Self::Confirmation
            | Self::Reminder
            | Self::Cancellation
            | Self::Change
            | Self::Request
            | Self::Expiry
            | Self::Invitation
            | Self::Direct
            | Self::Relay
            | Self::Bulk => false,
        }
    }
}

/// A message to be sent at its time. `Debug` shows neither the text nor the recipient.
#[derive(Clone)]
pub struct NewMessage<'a> {
    /// The tenant it is from.
    pub business_id: BusinessId,
    /// The account that sends it; none waits until the tenant has one.
    pub account_id: Option<AccountId>,
    /// The visit it is about.
    pub booking_id: Option<BookingId>,
    /// What it is for.
    pub kind: MessageKind,
    /// Makes it the only one of its booking, or of its tenant when it has no booking: planning it twice is once.
    pub dedup_key: &'a str,
    /// To whom.
    pub phone: &'a Phone,
    /// What it says.
    pub text: &'a str,
    /// In which language.
    pub language: Language,
    /// When it goes out.
    pub due_at: Timestamp,
    /// From when on it is worth nothing.
    pub expires_at: Timestamp,
}

impl fmt::Debug for NewMessage<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("NewMessage")
            .field("business_id", &self.business_id)
            .field("booking_id", &self.booking_id)
            .field("kind", &self.kind)
            .finish_non_exhaustive()
    }
}

/// Writes the row of a message, and says what is done about one with its key. Parameters: $1 business, $2 account, $3
/// visit, $4 kind, $5 key, $6 message id, $7 number, $8 text, $9 language, $10 when it is due, $11 when it expires, $12
/// now, $13 state, $14 why it is in that state.
macro_rules! planned {
    ($conflict:literal) => {
        concat!(
            "insert into outbox (business_id, account_id, booking_id, kind, dedup_key, wa_message_id, phone, text,
                 language, state, due_at, next_at, expires_at, created_at, error)
             values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $13, $10, $10, $11, $12, $14) on conflict ",
            $conflict
        )
    };
}

/// Plans a message, in the transaction of what causes it. `None` when it was planned before.
///
/// # Errors
///
/// [`StoreError`].
pub async fn plan(
    connection: &mut Connection,
    message: &NewMessage<'_>,
    entropy: &Entropy,
    now: Timestamp,
) -> Result<Option<MessageId>, StoreError> {
    // Only the second of two equal plans is passed over. A message id that comes twice, from a broken source of
    // randomness, is an error: passed over, it would lose a message.
    let sql = if message.booking_id.is_some() {
        planned!("(booking_id, dedup_key) where booking_id is not null do nothing returning id")
    } else {
        planned!("(business_id, dedup_key) where booking_id is null do nothing returning id")
    };
    let planned = db::fetch_optional!(
        connection,
        (MessageId,),
        sql,
        message.business_id,
        message.account_id,
        message.booking_id,
        message.kind.as_str(),
        message.dedup_key,
        fresh_wa_message_id(entropy),
        message.phone.expose(),
        message.text,
        message.language.as_str(),
        message.due_at,
        message.expires_at,
        now,
        "planned",
        None::<&str>,
    )?;
    Ok(planned.map(|(id,)| id))
}

/// A message about no visit, due at once. It has a number and a text, so it has no `Debug`.
pub(crate) struct Notice<'a> {
    pub(crate) kind: MessageKind,
    /// Makes it the only one of its tenant.
    pub(crate) dedup_key: &'a str,
    pub(crate) phone: &'a Phone,
    pub(crate) text: &'a str,
    pub(crate) language: Language,
    /// How long it is worth sending.
    pub(crate) worth_seconds: i64,
}

/// Plans a notice from the account that writes for a business; without one it waits until there is.
///
/// # Errors
///
/// [`StoreError`].
pub(crate) async fn plan_notice(
    connection: &mut Connection,
    platform: &Platform,
    business_id: BusinessId,
    notice: &Notice<'_>,
) -> Result<(), StoreError> {
    let account = account::sender_of(connection, business_id, platform.policy.platform_account).await?;
    // Messages follow the clock of visits, which a demo may move.
    let now = platform.clock.now();
    let message = NewMessage {
        business_id,
        account_id: account.map(|account| account.id),
        booking_id: None,
        kind: notice.kind,
        dedup_key: notice.dedup_key,
        phone: notice.phone,
        text: notice.text,
        language: notice.language,
        due_at: now,
        expires_at: now.plus(notice.worth_seconds),
    };
    plan(connection, &message, &platform.entropy, now).await?;
    Ok(())
}

/// Plans a message of a visit, or brings the one with its key up to date unless it has left or is leaving. One that was
/// taken back is planned again, under the same id. For a client who wants no messages it is kept, taken back.
///
/// # Errors
///
/// [`StoreError`].
pub(crate) async fn plan_again(
    connection: &mut Connection,
    message: &NewMessage<'_>,
    is_stopped: bool,
    entropy: &Entropy,
    now: Timestamp,
) -> Result<(), StoreError> {
    let (state, error) = if is_stopped { ("cancelled", Some(OPTED_OUT)) } else { ("planned", None) };
    db::execute!(
        connection,
        planned!(
            "(booking_id, dedup_key) where booking_id is not null do update
             set account_id = excluded.account_id, phone = excluded.phone, text = excluded.text,
                 language = excluded.language, state = excluded.state, due_at = excluded.due_at,
                 next_at = excluded.next_at, expires_at = excluded.expires_at, error = excluded.error
             where outbox.state in ('planned', 'cancelled') and outbox.claim_fence is null"
        ),
        message.business_id,
        message.account_id,
        message.booking_id,
        message.kind.as_str(),
        message.dedup_key,
        fresh_wa_message_id(entropy),
        message.phone.expose(),
        message.text,
        message.language.as_str(),
        message.due_at,
        message.expires_at,
        now,
        state,
        error,
    )?;
    Ok(())
}

/// Gives a message of a visit, by its key, another text, unless it has left or is leaving; gives whether there was one.
///
/// # Errors
///
/// [`StoreError`].
pub(crate) async fn reword(
    connection: &mut Connection,
    business_id: BusinessId,
    (booking_id, key): (BookingId, &str),
    text: &str,
    language: Language,
) -> Result<u64, StoreError> {
    Ok(db::execute!(
        connection,
        "update outbox set text = $4, language = $5
         where business_id = $1 and booking_id = $2 and dedup_key = $3 and state in ('planned', 'cancelled')
             and claim_fence is null",
        business_id,
        booking_id,
        key,
        text,
        language.as_str(),
    )?)
}

/// Takes back what is planned for a visit and has not left; gives how many that were.
///
/// # Errors
///
/// [`StoreError`].
pub async fn cancel_of_booking(
    connection: &mut Connection,
    business_id: BusinessId,
    booking_id: BookingId,
) -> Result<u64, StoreError> {
    Ok(db::execute!(
        connection,
        "update outbox set state = 'cancelled' where business_id = $1 and booking_id = $2 and state = 'planned'",
        business_id,
        booking_id,
    )?)
}

/// Takes back what is planned for a visit, of one kind or of all, under other keys than these, and has not left. What
/// was taken back because its client opted out does not come back with them then.
///
/// # Errors
///
/// [`StoreError`].
pub(crate) async fn keep_only(
    connection: &mut Connection,
    business_id: BusinessId,
    booking_id: BookingId,
    kind: Option<MessageKind>,
    keys: &[&str],
) -> Result<(), StoreError> {
    db::execute!(
        connection,
        sqlite: "update outbox set state = 'cancelled', error = nullif(error, $5)
            where business_id = $1 and booking_id = $2 and (state = 'planned' or state = 'cancelled' and error = $5)
                and kind = coalesce($4, kind) and dedup_key not in (select value from json_each($3))",
        postgres: "update outbox set state = 'cancelled', error = nullif(error, $5)
            where business_id = $1 and booking_id = $2 and (state = 'planned' or state = 'cancelled' and error = $5)
                and kind = coalesce($4, kind) and dedup_key not in (select jsonb_array_elements_text($3::jsonb))",
        business_id,
        booking_id,
        serde_json::json!(keys).to_string(),
        kind.map(MessageKind::as_str),
        OPTED_OUT,
    )?;
    Ok(())
}

/// What became of a message. `Debug` does not show the text.
#[derive(Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct MessageStatus {
    /// The row.
    pub id: MessageId,
    /// The visit it is about.
    pub booking_id: Option<BookingId>,
    /// To whom; none once the client was erased. Personal.
    pub phone: Option<Phone>,
    /// What it is for.
    pub kind: MessageKind,
    /// Where it is in its life.
    pub state: MessageState,
    /// The WhatsApp message id.
    pub wa_message_id: String,
    /// What it says; nothing, where it is a code or a link that opens something. Personal: not for logs.
    pub text: String,
    /// When it was planned for.
    pub due_at: Timestamp,
    /// When it is tried next, while it is planned.
    pub next_at: Timestamp,
    /// From when on it is worth nothing.
    pub expires_at: Timestamp,
    /// How often it was tried.
    pub attempts: i64,
    /// Why it was not sent, or not at the last attempt.
    pub error: Option<String>,
    /// When the server took it.
    pub sent_at: Option<Timestamp>,
    /// When the first device of the recipient had it.
    pub delivered_at: Option<Timestamp>,
    /// When the recipient saw it.
    pub read_at: Option<Timestamp>,
}

impl fmt::Debug for MessageStatus {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("MessageStatus")
            .field("id", &self.id)
            .field("kind", &self.kind)
            .field("state", &self.state)
            .finish_non_exhaustive()
    }
}

/// Selects what became of messages.
macro_rules! messages {
    ($rest:literal) => {
        concat!(
            "select id, booking_id, phone, kind, state, wa_message_id, text, due_at, next_at, expires_at,
                 attempts, error,
                 sent_at, delivered_at, read_at
             from outbox where business_id = $1 ",
            $rest
        )
    };
}

/// The messages of a visit, in the order of their times.
///
/// # Errors
///
/// [`StoreError`].
pub async fn of_booking(
    connection: &mut Connection,
    business_id: BusinessId,
    booking_id: BookingId,
) -> Result<Vec<MessageStatus>, StoreError> {
    let sql = messages!("and booking_id = $2 order by due_at, id");
    let rows = db::fetch_all!(connection, Row, sql, business_id, booking_id)?;
    rows.into_iter().map(MessageStatus::try_from).collect()
}

/// What became of one message of a business.
///
/// # Errors
///
/// [`StoreError`].
pub async fn find(
    connection: &mut Connection,
    business_id: BusinessId,
    message_id: MessageId,
) -> Result<Option<MessageStatus>, StoreError> {
    let row = db::fetch_optional!(connection, Row, messages!("and id = $2"), business_id, message_id)?;
    row.map(MessageStatus::try_from).transpose()
}

/// The most messages of one page.
pub const MOST_MESSAGES: u32 = 200;

/// Which messages to list. The newest planned come first, so that a page has neither holes nor doubles however many are
/// planned meanwhile.
#[derive(Debug, Clone, Default)]
pub struct MessageFilter {
    /// Only those planned before this one: the last of the page before.
    pub before: Option<MessageId>,
    /// Only those in this state.
    pub state: Option<MessageState>,
    /// Only those for this.
    pub kind: Option<MessageKind>,
    /// Only those to this number.
    pub phone: Option<Phone>,
    /// Only those about this visit.
    pub booking_id: Option<BookingId>,
    /// At most so many; [`MOST_MESSAGES`] at most.
    pub limit: u32,
}

/// The messages of a business that fit the filter.
///
/// # Errors
///
/// [`StoreError`].
pub async fn list(
    connection: &mut Connection,
    business_id: BusinessId,
    filter: &MessageFilter,
) -> Result<Vec<MessageStatus>, StoreError> {
    // What is not asked for is compared with itself.
    let rows = db::fetch_all!(
        connection,
        Row,
        messages!(
            "and id < $2 and state = coalesce($3, state) and kind = coalesce($4, kind)
             and phone = coalesce($5, phone) and ($6 = 0 or booking_id = $6)
             order by id desc limit $7"
        ),
        business_id,
        filter.before.map_or(i64::MAX, MessageId::get),
        filter.state.map(MessageState::as_str),
        filter.kind.map(MessageKind::as_str),
        filter.phone.as_ref().map(Phone::expose),
        filter.booking_id.map_or(0, BookingId::get),
        i64::from(filter.limit.min(MOST_MESSAGES)),
    )?;
    rows.into_iter().map(MessageStatus::try_from).collect()
}

#[derive(sqlx::FromRow)]
struct Row {
    id: MessageId,
    booking_id: Option<BookingId>,
    phone: String,
    kind: String,
    state: String,
    wa_message_id: String,
    text: String,
    due_at: Timestamp,
    next_at: Timestamp,
    expires_at: Timestamp,
    attempts: i64,
    error: Option<String>,
    sent_at: Option<Timestamp>,
    delivered_at: Option<Timestamp>,
    read_at: Option<Timestamp>,
}

impl TryFrom<Row> for MessageStatus {
    type Error = StoreError;

    fn try_from(row: Row) -> Result<Self, StoreError> {
        let id = row.id.get();
        let broken = |_| StoreError::Row { table: "outbox", id, rule: "phone is not in E.164 form" };
        let kind = MessageKind::of_row(&row.kind, "outbox", id)?;
        Ok(Self {
            id: row.id,
            booking_id: row.booking_id,
            phone: Some(row.phone)
                .filter(|phone| !phone.is_empty())
                .map(Phone::try_from)
                .transpose()
                .map_err(broken)?,
            kind,
            state: MessageState::of_row(&row.state, "outbox", id)?,
            wa_message_id: row.wa_message_id,
            text: if kind.is_secret() { String::new() } else { row.text },
            due_at: row.due_at,
            next_at: row.next_at,
            expires_at: row.expires_at,
            attempts: row.attempts,
            error: row.error,
            sent_at: row.sent_at,
            delivered_at: row.delivered_at,
            read_at: row.read_at,
        })
    }
}
