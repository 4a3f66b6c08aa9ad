//! Who is served: one client per phone within a business, and what the business knows of them.
//!
//! How often a client came, did not come, or called off too late is counted from the visits when it is asked for: their
//! states change in many places, and a counter beside them would drift.
//!
//! Two rows that turn out to be one person are [merged](merge::merge): the second keeps its number and points to the
//! first, so that the number still finds the client. A client who is [erased](erase::erase) leaves a row without a name
//! or number, for the visits that stay in the statistics.

pub(crate) mod contact;
pub mod erase;
pub(crate) mod language;
pub mod merge;
pub mod read;
mod search;
pub mod write;

pub use search::{Search, key};

use std::fmt;

use db::Connection;

use crate::access::Access;
use crate::clock::Timestamp;
use crate::id::{BookingId, BusinessId, ClientId};
use crate::language::Language;
use crate::name::Name;
use crate::phone::Phone;
use crate::platform::Platform;
use crate::store::StoreError;

/// The name of a client of whom none is known, or no more.
pub const NO_NAME: &str = "—";
/// The most tags of one client.
pub const MOST_TAGS: usize = 20;
/// The most characters of a tag.
pub const TAG_LENGTH: usize = 40;

/// Who is served. `Debug` shows only the number of the row.
#[derive(Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Client {
    /// The row.
    pub id: ClientId,
    /// Their number; a walk-in may have none.
    pub phone: Option<Phone>,
    /// Other numbers of theirs.
    pub other_phones: Vec<Phone>,
    /// Their name.
    pub name: Name,
    /// What they are written to in, if they chose.
    pub language: Option<Language>,
    /// Labels of the business's own.
    pub tags: Vec<Tag>,
    /// What the staff notes down.
    pub notes: String,
    /// What must not be done to them, and why: for who runs the business and who serves them, hidden from the others.
    pub health_notes: Option<String>,
    /// Whether they may book and be written to.
    pub standing: Standing,
    /// What became of their visits.
    pub history: History,
    /// When they were first seen.
    pub created_at: Timestamp,
    /// When any of this changed.
    pub updated_at: Timestamp,
}

/// Whether a client may book and be written to.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Standing {
    /// Since when they cannot book on their own.
    pub blocked_at: Option<Timestamp>,
    /// Why, for the staff.
    pub blocked_reason: Option<String>,
    /// Since when they do not want messages about their visits.
    pub service_stopped_at: Option<Timestamp>,
    /// Since when they do not want offers.
    pub marketing_stopped_at: Option<Timestamp>,
    /// Since when nothing but their visits is left.
    pub erased_at: Option<Timestamp>,
}

/// What became of a client's visits, counted when it was asked for.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct History {
    /// Visits they came to.
    pub visits: i64,
    /// Visits they did not come to.
    pub no_shows: i64,
    /// Visits they called off when the time for it was over.
    pub late_cancellations: i64,
    /// When the last visit began that they came to.
    pub last_visit_at: Option<Timestamp>,
    /// When their next visit begins.
    pub next_visit_at: Option<Timestamp>,
    /// Visits to come.
    pub upcoming: i64,
}

/// A label of 1 to [`TAG_LENGTH`] letters, digits, spaces and hyphens, in lower case.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Tag(Box<str>);

/// Why a text is not a [`Tag`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("a tag has 1 to {TAG_LENGTH} letters, digits, spaces and hyphens")]
pub struct TagError;

impl Tag {
    /// The text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl std::str::FromStr for Tag {
    type Err = TagError;

    fn from_str(text: &str) -> Result<Self, TagError> {
        let text = text.split_whitespace().collect::<Vec<_>>().join(" ").to_lowercase();
        let fits = (1..=TAG_LENGTH).contains(&text.chars().count())
            && text.chars().all(|character| character.is_alphanumeric() || matches!(character, ' ' | '-'));
        if fits { Ok(Self(text.into())) } else { Err(TagError) }
    }
}

impl fmt::Debug for Client {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Client").field("id", &self.id).finish_non_exhaustive()
    }
}

/// Why a client could not be changed. Nothing was.
#[derive(Debug, Clone, thiserror::Error)]
#[non_exhaustive]
pub enum ClientError {
    /// The business has no such client, or whoever asks does not serve them.
    #[error("the business has no such client")]
    NotFound,
    /// Whoever asks may not do this.
    #[error("only who runs the business may do this")]
    NotAllowed,
    /// Another client of the business has this number.
    #[error("another client has this phone number")]
    PhoneTaken {
        /// Who.
        client_id: ClientId,
    },
    /// Nothing is left of the client that could be changed.
    #[error("the client was erased")]
    Erased,
    /// A client cannot be merged with itself.
    #[error("it is the same client")]
    Same,
    /// There are visits to come; they have to be called off first.
    #[error("the client has {count} visits to come")]
    HasVisits {
        /// How many.
        count: i64,
    },
    /// A visit could not be called off.
    #[error("a visit could not be cancelled")]
    Visit(#[from] Box<crate::booking::ChangeError>),
    /// The database.
    #[error(transparent)]
    Store(#[from] StoreError),
}
crate::store::from_store!(ClientError);

/// Who, as far as a client's card is concerned, may see and change what.
impl Access {
    /// The master to whose clients somebody is held; none sees everybody's.
    pub(crate) fn only_clients_of(&self) -> Option<crate::id::MasterId> {
        if self.runs_business() || self.sees.calendars {
            return None;
        }
        // A number that no master has: whoever is no master serves nobody.
        Some(self.master_id.unwrap_or(crate::id::MasterId::new(-1)))
    }
}

/// What has to be known of whoever books or is written to, by their number.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Known {
    /// The client.
    pub id: ClientId,
    /// What they are written to in, if they chose.
    pub language: Option<Language>,
    /// Whether they may not book on their own.
    pub is_blocked: bool,
    /// Whether they do not want messages about their visits.
    pub is_stopped: bool,
}

/// The client with a number, which may be another one than the number they go by.
///
/// # Errors
///
/// [`StoreError`].
pub async fn by_phone(
    connection: &mut Connection,
    business_id: BusinessId,
    phone: &Phone,
) -> Result<Option<Known>, StoreError> {
    let row = db::fetch_optional!(
        connection,
        (ClientId, Option<String>, Option<Timestamp>, Option<Timestamp>),
        "select c.id, c.language, c.blocked_at, c.service_stopped_at
         from clients p join clients c on c.business_id = p.business_id and c.id = coalesce(p.merged_into, p.id)
         where p.business_id = $1 and p.phone = $2",
        business_id,
        phone.expose(),
    )?;
    let Some((id, language, blocked_at, stopped_at)) = row else { return Ok(None) };
    let language = language.map(|language| Language::of_row(&language, "clients", id.get())).transpose()?;
    Ok(Some(Known { id, language, is_blocked: blocked_at.is_some(), is_stopped: stopped_at.is_some() }))
}

/// Prepares names for searches that the program has not seen yet: those from before it could search, and those that a
/// foreign hand wrote. Called when the platform opens.
///
/// # Errors
///
/// [`StoreError`].
pub(crate) async fn prepare_search(platform: &Platform) -> Result<(), StoreError> {
    loop {
        let mut tx = platform.db.begin().await?;
        let rows = db::fetch_all!(
            &mut tx,
            (ClientId, String),
            "select id, name from clients where search is null order by id limit 500",
        )?;
        if rows.is_empty() {
            return Ok(());
        }
        for (id, name) in rows {
            db::execute!(&mut tx, "update clients set search = $2 where id = $1", id, key(&name))?;
        }
        tx.commit().await?;
    }
}

/// A visit to come, in few words.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Upcoming {
    /// The visit.
    pub booking_id: BookingId,
    /// When it begins.
    pub starts_at: Timestamp,
    /// Where it is in its life.
    pub state: crate::booking::BookingState,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_tag_is_a_plain_word_or_two() {
        assert_eq!(" VIP  Гость ".parse::<Tag>().unwrap().as_str(), "vip гость");
        for wrong in ["", " ", "a%b", "a\"b", "x_y", "#vip", &"я".repeat(41)] {
            assert_eq!(wrong.parse::<Tag>(), Err(TagError), "{wrong}");
        }
    }
}
