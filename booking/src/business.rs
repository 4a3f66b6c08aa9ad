//! Tenants.

use std::fmt;
use std::str::FromStr;
use std::sync::Arc;

use db::Connection;

use crate::clock::Timestamp;
use crate::id::BusinessId;
use crate::language::Language;
use crate::name::Name;
use crate::phone::Phone;
use crate::platform::Platform;
use crate::settings::Settings;
use crate::store::{StoreError, text_enum};
use crate::text::Wording;
use crate::zone::Zone;

/// Labels that a tenant cannot have: they are addresses of the platform itself.
const RESERVED: [&str; 12] =
    ["admin", "api", "app", "docs", "help", "mail", "platform", "static", "status", "support", "whatsapp", "www"];

/// The zone of a business that did not name one.
pub const DEFAULT_ZONE: &str = "Asia/Almaty";

/// The columns of a [`Row`], for statements that call the table `b`.
macro_rules! business_columns {
    () => {
        "b.id, b.subdomain, b.name, b.phone, b.address, b.time_zone, b.language, b.state, b.trial_ends_at, \
         b.settings, b.texts, b.version, b.revision"
    };
}
pub(crate) use business_columns;

/// The name of a business in addresses: 3 to 40 of `a`–`z`, `0`–`9` and inner hyphens.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Subdomain(Box<str>);

/// Why a text is not a [`Subdomain`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum SubdomainError {
    /// It has fewer than 3 or more than 40 characters.
    #[error("a subdomain has 3 to 40 characters")]
    Length,
    /// It has a character that is not allowed, or a hyphen at an end.
    #[error("a subdomain has only letters a to z, digits, and hyphens between them")]
    Character,
    /// The platform needs it itself.
    #[error("this subdomain is reserved")]
    Reserved,
}

impl Subdomain {
    /// The text, in lower case.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl FromStr for Subdomain {
    type Err = SubdomainError;

    fn from_str(text: &str) -> Result<Self, SubdomainError> {
        let text = text.trim().to_ascii_lowercase();
        if !(3..=40).contains(&text.chars().count()) {
            return Err(SubdomainError::Length);
        }
        let allowed = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-';
        if !text.bytes().all(allowed) || text.starts_with('-') || text.ends_with('-') {
            return Err(SubdomainError::Character);
        }
        if RESERVED.contains(&text.as_str()) {
            return Err(SubdomainError::Reserved);
        }
        Ok(Self(text.into()))
    }
}

impl fmt::Display for Subdomain {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

text_enum! {
    /// Whether a business may be used.
    ///
    /// One whose trial is over and one that is suspended are *closed* ([`Business::is_open`]), which is one rule for
    /// their clients: nothing new is promised, and what was promised is theirs to see and to call off. So nobody books,
    /// holds or moves, and free times are not told; but who the business is and how to reach it is, and a client, by
    /// their link, in the chat or signed in, sees their visits, cancels them and says that they come. What is planned
    /// about visits goes out.
    ///
    /// The staff of the first reads on and changes nothing. The staff of a suspended one is shut out, and what they
    /// wrote themselves, to one or to many, waits.
    BusinessState {
        /// Free of charge until [`Business::trial_ends_at`].
        Trial = "trial",
        /// A customer.
        Active = "active",
        /// Closed by the operator.
        Suspended = "suspended",
    }
}

/// A tenant.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct Business {
    /// The row.
    pub id: BusinessId,
    /// Its name in addresses.
    pub subdomain: Subdomain,
    /// Its name for people.
    pub name: Name,
    /// Its number for people.
    pub phone: Phone,
    /// Where it is, for people.
    pub address: Option<String>,
    /// The zone of its wall clock.
    pub zone: Zone,
    /// What its clients are written to in who have not chosen.
    pub language: Language,
    /// Whether it may be used.
    pub state: BusinessState,
    /// When its trial ends or ended.
    pub trial_ends_at: Option<Timestamp>,
    /// What it has set for itself.
    pub settings: Settings,
    /// The texts that it words itself.
    pub wording: Wording,
    /// Counts the changes of all this, from 1.
    pub version: i64,
    /// Counts the changes of whatever decides whether and how something is booked: of this, of offers, of hours.
    pub revision: i64,
}

impl Business {
    /// Whether it takes bookings and its staff may change anything at `now`: it is not suspended, and its trial, if it
    /// is on one, is not over. Follows [`real_now`](crate::clock::Clock::real_now), which no demo moves.
    #[must_use]
    pub fn is_open(&self, now: Timestamp) -> bool {
        match self.state {
            BusinessState::Trial => self.trial_ends_at.is_none_or(|end| now < end),
            BusinessState::Active => true,
            BusinessState::Suspended => false,
        }
    }
}

/// A tenant to be.
#[derive(Debug, Clone)]
pub struct NewBusiness<'a> {
    /// Its name in addresses.
    pub subdomain: &'a Subdomain,
    /// Its name for people.
    pub name: &'a Name,
    /// Its number for people.
    pub phone: &'a Phone,
    /// Where it is, for people.
    pub address: Option<&'a str>,
    /// The zone of its wall clock.
    pub zone: &'a Zone,
    /// What its clients are written to in who have not chosen.
    pub language: Language,
    /// Whether it may be used.
    pub state: BusinessState,
    /// When its trial ends.
    pub trial_ends_at: Option<Timestamp>,
}

/// Writes a tenant. The rule `businesses_subdomain_key` refuses a subdomain that is taken.
///
/// # Errors
///
/// [`StoreError`].
pub async fn create(
    connection: &mut Connection,
    new: &NewBusiness<'_>,
    now: Timestamp,
) -> Result<BusinessId, StoreError> {
    let (id,) = db::fetch_one!(
        connection,
        (BusinessId,),
        "insert into businesses
             (subdomain, name, phone, address, time_zone, language, state, trial_ends_at, created_at, search)
         values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10) returning id",
        new.subdomain.as_str(),
        new.name.as_str(),
        new.phone.expose(),
        new.address,
        new.zone.name(),
        new.language.as_str(),
        new.state.as_str(),
        new.trial_ends_at,
        now,
        search_text(new.name, new.subdomain, new.phone),
    )?;
    Ok(id)
}

/// What the operator's search looks in: SQLite folds the case of Latin letters only.
pub(crate) fn search_text(name: &Name, subdomain: &Subdomain, phone: &Phone) -> String {
    format!("{} {subdomain} {}", name.as_str().to_lowercase(), phone.expose())
}

/// The tenant with a subdomain; any text may be asked for.
///
/// # Errors
///
/// [`StoreError`].
pub async fn by_subdomain(connection: &mut Connection, subdomain: &str) -> Result<Option<Business>, StoreError> {
    db::fetch_optional!(
        connection,
        Row,
        concat!("select ", business_columns!(), " from businesses b where b.subdomain = $1"),
        subdomain.trim().to_ascii_lowercase(),
    )?
    .map(Business::try_from)
    .transpose()
}

/// The tenant with a subdomain as this process knows it, read where it does not; any text may be asked for.
///
/// It may be old: good for [`create`](crate::booking::create), which checks that nothing has changed, and for nothing
/// that only reads.
///
/// # Errors
///
/// [`StoreError`].
pub async fn known(platform: &Platform, subdomain: &str) -> Result<Option<Arc<Business>>, StoreError> {
    let subdomain = subdomain.trim().to_ascii_lowercase();
    if let Some(business) = platform.known.business(&subdomain) {
        return Ok(Some(business));
    }
    let business = by_subdomain(&mut platform.db.read().await?, &subdomain).await?.map(Arc::new);
    if let Some(business) = &business {
        platform.known.learn(Arc::clone(business));
    }
    Ok(business)
}

/// A tenant by its number.
///
/// # Errors
///
/// [`StoreError`].
pub async fn by_id(connection: &mut Connection, id: BusinessId) -> Result<Option<Business>, StoreError> {
    db::fetch_optional!(
        connection,
        Row,
        concat!("select ", business_columns!(), " from businesses b where b.id = $1"),
        id,
    )?
    .map(Business::try_from)
    .transpose()
}

#[derive(sqlx::FromRow)]
pub(crate) struct Row {
    id: BusinessId,
    subdomain: String,
    name: String,
    phone: String,
    address: Option<String>,
    time_zone: String,
    language: String,
    state: String,
    trial_ends_at: Option<Timestamp>,
    settings: String,
    texts: String,
    version: i64,
    revision: i64,
}

impl TryFrom<Row> for Business {
    type Error = StoreError;

    fn try_from(row: Row) -> Result<Self, StoreError> {
        let id = row.id.get();
        let broken = |rule| StoreError::Row { table: "businesses", id, rule };
        Ok(Self {
            id: row.id,
            subdomain: row.subdomain.parse().map_err(|_| broken("subdomain is malformed"))?,
            name: row.name.parse().map_err(|_| broken("name is malformed"))?,
            phone: Phone::try_from(row.phone).map_err(|_| broken("phone is not in E.164 form"))?,
            address: row.address,
            zone: row.time_zone.parse().map_err(|_| broken("time zone is unknown"))?,
            language: Language::of_row(&row.language, "businesses", id)?,
            state: BusinessState::of_row(&row.state, "businesses", id)?,
            trial_ends_at: row.trial_ends_at,
            settings: serde_json::from_str(&row.settings).map_err(|_| broken("settings are malformed"))?,
            wording: Wording::read(&row.texts).map_err(|_| broken("texts are malformed"))?,
            version: row.version,
            revision: row.revision,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_subdomain_fits_in_an_address() {
        assert_eq!(" Demo-2 ".parse::<Subdomain>().unwrap().as_str(), "demo-2");
        assert_eq!("ab".parse::<Subdomain>(), Err(SubdomainError::Length));
        assert_eq!("a.b.c".parse::<Subdomain>(), Err(SubdomainError::Character));
        assert_eq!("-abc".parse::<Subdomain>(), Err(SubdomainError::Character));
        assert_eq!("салон".parse::<Subdomain>(), Err(SubdomainError::Character));
        assert_eq!("API".parse::<Subdomain>(), Err(SubdomainError::Reserved));
    }
}
