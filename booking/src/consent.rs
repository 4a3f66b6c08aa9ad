//! What a client agreed to, with the evidence; and how they take it back.
//!
//! Whoever books on the public page agrees to messages about that visit; offers need a consent of their own. Each yes
//! and no is a row that stays, with the words it was about, the way it came, and the message or request that shows it.
//! Since when a client is not to be written to also stands in the client's row, where planning and sending look.

use db::Connection;

use crate::access::Access;
use crate::audit::{self, Change};
use crate::client::{self, ClientError, NO_NAME, key};
use crate::clock::Timestamp;
use crate::id::{BusinessId, ClientId};
use crate::phone::Phone;
use crate::platform::Platform;
use crate::store::{StoreError, text_enum};

/// Names the words of the public page that a client agrees to when they book. They change: so does this.
pub const FORM_VERSION: &str = "booking-form-1";
/// Names what a client says when they write one of the words of [`stop_word`].
pub const CHAT_VERSION: &str = "chat-word-1";
/// Names what a client told somebody of the staff.
pub const STAFF_VERSION: &str = "staff-1";
/// The reason of a message that was taken back because its client opted out.
pub const OPTED_OUT: &str = "opted-out";

text_enum! {
    /// What a client is written to for.
    #[derive(serde::Serialize, serde::Deserialize)]
    #[serde(rename_all = "snake_case")]
    Purpose {
        /// Their visits.
        Service = "service",
        /// Offers.
        Marketing = "marketing",
    }
}

text_enum! {
    /// How a consent came.
    Channel {
        /// By the public page.
        Form = "form",
        /// By a message of the client.
        Chat = "chat",
        /// Somebody of the staff was told.
        Staff = "staff",
    }
}

/// What shows that somebody said so.
#[derive(Debug, Clone)]
pub struct Evidence<'a> {
    /// How it came.
    pub channel: Channel,
    /// The words it was about.
    pub text_version: &'a str,
    /// The id of the message or of the request.
    pub id: Option<&'a str>,
    /// The address that the request came from.
    pub address: Option<String>,
}

/// A yes or a no, as it was written down.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Consent {
    /// To what.
    pub purpose: Purpose,
    /// Whether it was a yes.
    pub granted: bool,
    /// The words it was about.
    pub text_version: String,
    /// How it came.
    pub channel: Channel,
    /// The id of the message or of the request.
    pub evidence: Option<String>,
    /// When.
    pub at: Timestamp,
}

/// What a word in a chat asks for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum StopWord {
    /// Not to be written to any more.
    Stop,
    /// To be written to again.
    Start,
}

/// Words that ask for an end, as [`plain`] has them.
const STOP: [&str; 11] = [
    "СТОП",
    "STOP",
    "ТОҚТАТ",
    "ТОКТАТ",
    "ТОҚТА",
    "ТОҚТАТУ",
    "TOQTAT",
    "TOKTAT",
    "ОТПИСАТЬСЯ",
    "ОТПИСКА",
    "UNSUBSCRIBE",
];
/// Words that ask for a beginning. `БАСТА` is none: in Kazakh it begins, in Russian it ends.
const START: [&str; 5] = ["СТАРТ", "START", "БАСТАУ", "BASTAU", "ПОДПИСАТЬСЯ"];

/// Whether a whole message is a word that asks for an end or a beginning: `СТОП!`, `тоқтат`, `Stop.`, also when Latin
/// and Cyrillic letters that look alike are mixed. A sentence in which such a word stands is left to people.
#[must_use]
pub fn stop_word(message: &str) -> Option<StopWord> {
    let said = plain(message);
    let is = |words: &[&str]| words.iter().any(|word| plain(word) == said);
    if said.is_empty() {
        None
    } else if is(&STOP) {
        Some(StopWord::Stop)
    } else if is(&START) {
        Some(StopWord::Start)
    } else {
        None
    }
}

/// Whether a whole message asks not to be written to any more.
#[must_use]
pub fn is_stop_word(message: &str) -> bool {
    stop_word(message) == Some(StopWord::Stop)
}

/// The letters of a message in upper case; those that look alike are one. Nothing if it is longer than any word here.
fn plain(message: &str) -> String {
    let letters = message.chars().filter(|character| character.is_alphanumeric());
    let letters: String = letters.flat_map(char::to_uppercase).map(lookalike).take(16).collect();
    if letters.chars().count() == 16 { String::new() } else { letters }
}

const fn lookalike(character: char) -> char {
    match character {
        'А' => 'A',
        'В' => 'B',
        'Е' => 'E',
        'К' => 'K',
        'М' => 'M',
        'Н' => 'H',
        'О' => 'O',
        'Р' => 'P',
        'С' => 'C',
        'Т' => 'T',
        'У' => 'Y',
        'Х' => 'X',
        other => other,
    }
}

/// Whether a client does not want to be written to for a purpose. Of a number that nobody knows, nothing is.
///
/// # Errors
///
/// [`StoreError`].
pub async fn has_opted_out(
    connection: &mut Connection,
    business_id: BusinessId,
    phone: &Phone,
    purpose: Purpose,
) -> Result<bool, StoreError> {
    let row = db::fetch_optional!(
        connection,
        (Option<Timestamp>,),
        "select case when $3 = 'service' then c.service_stopped_at else c.marketing_stopped_at end
         from clients p join clients c on c.business_id = p.business_id and c.id = coalesce(p.merged_into, p.id)
         where p.business_id = $1 and p.phone = $2",
        business_id,
        phone.expose(),
        purpose.as_str(),
    )?;
    Ok(row.is_some_and(|(stopped_at,)| stopped_at.is_some()))
}

/// Whether a client does not want messages about their visits.
pub(crate) async fn is_stopped(
    connection: &mut Connection,
    business_id: BusinessId,
    client_id: ClientId,
) -> Result<bool, StoreError> {
    let row = db::fetch_optional!(
        connection,
        (Option<Timestamp>,),
        "select service_stopped_at from clients where business_id = $1 and id = $2",
        business_id,
        client_id,
    )?;
    Ok(row.is_some_and(|(stopped_at,)| stopped_at.is_some()))
}

/// Whoever has this number does not want to be written to any more: what is planned for them is taken back, and what
/// would be planned is not sent. Somebody nobody knows is remembered for it. To end messages about visits ends offers
/// too.
///
/// # Errors
///
/// [`StoreError`].
pub async fn opt_out(
    connection: &mut Connection,
    business_id: BusinessId,
    phone: &Phone,
    purpose: Purpose,
    evidence: &Evidence<'_>,
    now: Timestamp,
) -> Result<ClientId, StoreError> {
    let client_id = by_phone(connection, business_id, phone, now).await?;
    stop(connection, business_id, client_id, purpose, now).await?;
    record(connection, business_id, client_id, purpose, false, evidence, now).await?;
    Ok(client_id)
}

/// Whoever has this number wants to be written to again. What was taken back when they did not, and is still to come,
/// is planned again.
///
/// # Errors
///
/// [`StoreError`].
pub async fn opt_in(
    connection: &mut Connection,
    business_id: BusinessId,
    phone: &Phone,
    purpose: Purpose,
    evidence: &Evidence<'_>,
    now: Timestamp,
) -> Result<ClientId, StoreError> {
    let client_id = by_phone(connection, business_id, phone, now).await?;
    start(connection, business_id, client_id, purpose, now).await?;
    record(connection, business_id, client_id, purpose, true, evidence, now).await?;
    Ok(client_id)
}

/// As [`opt_out`] or, with `wants`, [`opt_in`], written down by somebody of the staff whom the client told.
///
/// # Errors
///
/// [`ClientError::NotAllowed`], [`ClientError::NotFound`], [`ClientError::Erased`], [`ClientError::Store`].
pub async fn told(
    platform: &Platform,
    access: &Access,
    client_id: ClientId,
    purpose: Purpose,
    wants: bool,
) -> Result<client::Client, ClientError> {
    if !access.runs_business() {
        return Err(ClientError::NotAllowed);
    }
    let (business_id, now) = (access.business_id, platform.clock.now());
    let mut tx = platform.db.begin().await?;
    let found = client::read::find(&mut tx, platform, access, client_id).await?;
    if found.standing.erased_at.is_some() {
        return Err(ClientError::Erased);
    }
    let evidence = Evidence {
        channel: Channel::Staff,
        text_version: STAFF_VERSION,
        id: access.origin.request_id.as_deref(),
        address: access.origin.address.map(|address| address.to_string()),
    };
    if wants {
        start(&mut tx, business_id, found.id, purpose, now).await?;
    } else {
        stop(&mut tx, business_id, found.id, purpose, now).await?;
    }
    record(&mut tx, business_id, found.id, purpose, wants, &evidence, now).await?;
    let change = Change {
        entity: "client",
        entity_id: found.id.get(),
        action: if wants { "opt_in" } else { "opt_out" },
        old: None,
        new: Some(serde_json::json!({ "purpose": purpose.as_str() })),
    };
    audit::record(&mut tx, Some(business_id), &access.origin, &change, now).await?;
    let changed = client::read::find(&mut tx, platform, access, found.id).await?;
    tx.commit().await?;
    platform.outbox.ring();
    Ok(changed)
}

/// What a client said, the newest first; at most 200.
///
/// # Errors
///
/// [`StoreError`].
pub async fn of_client(
    connection: &mut Connection,
    business_id: BusinessId,
    client_id: ClientId,
) -> Result<Vec<Consent>, StoreError> {
    let rows = db::fetch_all!(
        connection,
        Row,
        "select id, purpose, granted, text_version, channel, evidence, at from client_consents
         where business_id = $1 and client_id = $2 order by id desc limit 200",
        business_id,
        client_id,
    )?;
    rows.into_iter().map(Consent::try_from).collect()
}

/// Writes a yes or a no down.
///
/// # Errors
///
/// [`StoreError`].
pub async fn record(
    connection: &mut Connection,
    business_id: BusinessId,
    client_id: ClientId,
    purpose: Purpose,
    granted: bool,
    evidence: &Evidence<'_>,
    now: Timestamp,
) -> Result<(), StoreError> {
    db::execute!(
        connection,
        "insert into client_consents
             (business_id, client_id, purpose, granted, text_version, channel, evidence, address, at)
         values ($1, $2, $3, $4, $5, $6, $7, $8, $9)",
        business_id,
        client_id,
        purpose.as_str(),
        granted,
        evidence.text_version,
        evidence.channel.as_str(),
        evidence.id,
        evidence.address.as_deref(),
        now,
    )?;
    Ok(())
}

/// The client with a number; a new one without a name if there is none.
async fn by_phone(
    connection: &mut Connection,
    business_id: BusinessId,
    phone: &Phone,
    now: Timestamp,
) -> Result<ClientId, StoreError> {
    if let Some(known) = client::by_phone(connection, business_id, phone).await? {
        return Ok(known.id);
    }
    let (id, alias_of) = db::fetch_one!(
        connection,
        (ClientId, Option<ClientId>),
        "insert into clients (business_id, phone, name, search, created_at, updated_at) values ($1, $2, $3, $4, $5, $5)
         on conflict (business_id, phone) do update set updated_at = excluded.updated_at returning id, merged_into",
        business_id,
        phone.expose(),
        NO_NAME,
        key(NO_NAME),
        now,
    )?;
    Ok(alias_of.unwrap_or(id))
}

async fn stop(
    connection: &mut Connection,
    business_id: BusinessId,
    client_id: ClientId,
    purpose: Purpose,
    now: Timestamp,
) -> Result<(), StoreError> {
    db::execute!(
        connection,
        "update clients set updated_at = $4, marketing_stopped_at = coalesce(marketing_stopped_at, $4),
             service_stopped_at = case when $3 = 'service' then coalesce(service_stopped_at, $4)
                 else service_stopped_at end
         where business_id = $1 and id = $2",
        business_id,
        client_id,
        purpose.as_str(),
        now,
    )?;
    if purpose == Purpose::Service {
        db::execute!(
            connection,
            "update outbox set state = 'cancelled', error = $3, claim_fence = null
             where business_id = $1 and state = 'planned'
                 and booking_id in (select id from bookings where business_id = $1 and client_id = $2)",
            business_id,
            client_id,
            OPTED_OUT,
        )?;
    }
    Ok(())
}

async fn start(
    connection: &mut Connection,
    business_id: BusinessId,
    client_id: ClientId,
    purpose: Purpose,
    now: Timestamp,
) -> Result<(), StoreError> {
    db::execute!(
        connection,
        "update clients set updated_at = $4,
             marketing_stopped_at = case when $3 = 'marketing' then null else marketing_stopped_at end,
             service_stopped_at = null
         where business_id = $1 and id = $2",
        business_id,
        client_id,
        purpose.as_str(),
        now,
    )?;
    db::execute!(
        connection,
        "update outbox set state = 'planned', error = null
         where business_id = $1 and state = 'cancelled' and error = $3 and due_at > $4
             and booking_id in (
                 select id from bookings
                 where business_id = $1 and client_id = $2 and state in ('pending', 'confirmed')
             )",
        business_id,
        client_id,
        OPTED_OUT,
        now,
    )?;
    Ok(())
}

#[derive(sqlx::FromRow)]
struct Row {
    id: i64,
    purpose: String,
    granted: bool,
    text_version: String,
    channel: String,
    evidence: Option<String>,
    at: Timestamp,
}

impl TryFrom<Row> for Consent {
    type Error = StoreError;

    fn try_from(row: Row) -> Result<Self, StoreError> {
        Ok(Self {
            purpose: Purpose::of_row(&row.purpose, "client_consents", row.id)?,
            granted: row.granted,
            text_version: row.text_version,
            channel: Channel::of_row(&row.channel, "client_consents", row.id)?,
            evidence: row.evidence,
            at: row.at,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_word_in_any_script_ends_and_begins() {
        for word in [
            "СТОП",
            "стоп!",
            " Стоп. ",
            "STOP",
            "stop",
            "Тоқтат",
            "ТОҚТАТ!!!",
            "токтат",
            "CТОП",
            "СTOП",
            "\"stop\"",
            "🛑 стоп",
            "отписаться",
            "Unsubscribe",
        ] {
            assert_eq!(stop_word(word), Some(StopWord::Stop), "{word}");
            assert!(is_stop_word(word));
        }
        for word in ["START", "старт", "Бастау", "БАСТАУ!", "CTАРТ"] {
            assert_eq!(stop_word(word), Some(StopWord::Start), "{word}");
        }
    }

    #[test]
    fn a_sentence_is_left_to_people() {
        for message in [
            "",
            "!",
            "стоп, а можно позже?",
            "не стоп",
            "остановка",
            "stopwatch",
            "да",
            "1",
            "нет",
            "stop it now please",
            "нонстоп",
            "баста",
        ] {
            assert_eq!(stop_word(message), None, "{message}");
        }
    }

    proptest::proptest! {
        #[test]
        fn no_message_panics(message in "\\PC{0,60}") {
            let _ = stop_word(&message);
        }
    }
}
