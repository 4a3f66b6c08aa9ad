//! The demo: a salon with which a booking can be made at once, and two logins everybody knows.
//!
//! Only for the sandbox network. A program on the real network asks [`logins_work`] and refuses to start if they do.

use db::Tx;
use jiff::civil::Weekday;

use crate::account;
use crate::availability::{Interval, VisitLength};
use crate::business::{self, BusinessState, DEFAULT_ZONE, NewBusiness, Subdomain};
use crate::clock::Timestamp;
use crate::id::{BusinessId, MasterId, ServiceId};
use crate::language::Language;
use crate::localized::Localized;
use crate::master;
use crate::name::Name;
use crate::password::PasswordError;
use crate::phone::Phone;
use crate::platform::Platform;
use crate::schedule::{self, ScheduleError, WeeklyInterval};
use crate::service::{self, ServiceFields};
use crate::store::{StoreError, from_store};
use crate::user::{self, Email, LoginError, NewUser, Role};

/// The subdomain of the demo salon.
pub const SUBDOMAIN: &str = "demo";
/// The number that the demo salon writes from.
pub const PHONE: &str = "77010000001";
/// The operator's login.
pub const ADMIN: (&str, &str) = ("admin@jazyl.tech", "admin123");
/// The salon owner's login.
pub const OWNER: (&str, &str) = ("owner@demo.jazyl.tech", "demo123");

/// Name in Russian, Kazakh and English, price in tiyn, minutes, buffer after.
const SERVICES: [([&str; 3], i64, u16, u16); 4] = [
    (["Стрижка", "Шаш қию", "Haircut"], 500_000, 60, 0),
    (["Маникюр", "Маникюр", "Manicure"], 700_000, 90, 0),
    (["Окрашивание", "Шаш бояу", "Hair colouring"], 1_500_000, 120, 15),
    (["Укладка", "Шаш сәндеу", "Hair styling"], 400_000, 30, 0),
];

/// A master of the demo salon.
struct DemoMaster {
    name: &'static str,
    /// Working intervals of each day, in minutes.
    intervals: &'static [(u16, u16)],
    /// Places of the services they offer.
    offers: &'static [usize],
}

const MASTERS: [DemoMaster; 3] = [
    DemoMaster { name: "Айгуль", intervals: &[(540, 1_260)], offers: &[0, 1, 2, 3] },
    DemoMaster { name: "Дмитрий", intervals: &[(600, 840), (900, 1_200)], offers: &[0, 3] },
    DemoMaster { name: "Әсем", intervals: &[(540, 780), (840, 1_140)], offers: &[1] },
];

/// Why the demo could not be set up.
#[derive(Debug, Clone, thiserror::Error)]
#[non_exhaustive]
pub enum DemoError {
    /// A password could not be hashed.
    #[error(transparent)]
    Password(#[from] PasswordError),
    /// The demo's own values break a rule: a defect.
    #[error("the demo's {what} breaks a rule")]
    Value {
        /// Which value.
        what: &'static str,
    },
    /// The demo's hours break a rule: a defect.
    #[error(transparent)]
    Schedule(#[from] ScheduleError),
    /// The database.
    #[error(transparent)]
    Store(#[from] StoreError),
}
from_store!(DemoError);

/// Sets the demo up where it is missing; gives its business.
///
/// # Errors
///
/// [`DemoError`].
pub async fn seed(platform: &Platform) -> Result<BusinessId, DemoError> {
    if let Some(business) = business::by_subdomain(&mut platform.db.read().await?, SUBDOMAIN).await? {
        return Ok(business.id);
    }
    let admin_hash = platform.passwords.hash(ADMIN.1, platform.entropy.bytes()).await?;
    let owner_hash = platform.passwords.hash(OWNER.1, platform.entropy.bytes()).await?;
    let now = platform.clock.real_now();
    let mut tx = platform.db.begin().await?;
    let written = async {
        let business_id = write_business(&mut tx, now).await?;
        write_user(&mut tx, None, ADMIN.0, "Администратор", Role::SuperAdmin, &admin_hash, now).await?;
        write_user(&mut tx, Some(business_id), OWNER.0, "Владелица салона", Role::Owner, &owner_hash, now).await?;
        write_catalogue(&mut tx, business_id).await?;
        account::ensure(&mut tx, business_id, now).await?;
        Ok::<_, DemoError>(business_id)
    };
    let business_id = match written.await {
        Ok(business_id) => business_id,
        // Another process was faster.
        Err(DemoError::Store(error)) if error.constraint() == Some("businesses_subdomain_key") => {
            drop(tx);
            let found = business::by_subdomain(&mut platform.db.read().await?, SUBDOMAIN).await?;
            return found.map(|business| business.id).ok_or(DemoError::Store(error));
        }
        Err(error) => return Err(error),
    };
    tx.commit().await?;
    tracing::info!(business.id = %business_id, "set up the demo salon");
    Ok(business_id)
}

/// Whether anybody could log in with a password of the demo.
///
/// # Errors
///
/// [`LoginError`]: the database, or no memory to check.
pub async fn logins_work(platform: &Platform) -> Result<bool, LoginError> {
    for (email, password) in [ADMIN, OWNER] {
        if user::password_is(platform, email, password).await? {
            return Ok(true);
        }
    }
    Ok(false)
}

async fn write_business(tx: &mut Tx, now: Timestamp) -> Result<BusinessId, DemoError> {
    let subdomain: Subdomain = SUBDOMAIN.parse().map_err(|_| DemoError::Value { what: "subdomain" })?;
    let phone: Phone = PHONE.parse().map_err(|_| DemoError::Value { what: "phone" })?;
    let zone = DEFAULT_ZONE.parse().map_err(|_| DemoError::Value { what: "time zone" })?;
    let new = NewBusiness {
        subdomain: &subdomain,
        name: &name("Салон «Демо»")?,
        phone: &phone,
        address: Some("Алматы, проспект Абая, 10"),
        zone: &zone,
        language: Language::Ru,
        state: BusinessState::Active,
        trial_ends_at: None,
    };
    Ok(business::create(tx, &new, now).await?)
}

async fn write_user(
    tx: &mut Tx,
    business_id: Option<BusinessId>,
    email: &str,
    full_name: &str,
    role: Role,
    password_hash: &str,
    now: Timestamp,
) -> Result<(), DemoError> {
    let email: Email = email.parse().map_err(|_| DemoError::Value { what: "e-mail address" })?;
    let full_name = name(full_name)?;
    let new = NewUser { business_id, email: Some(&email), full_name: &full_name, phone: None, role, password_hash };
    user::create(tx, &new, now).await?;
    Ok(())
}

async fn write_catalogue(tx: &mut Tx, business_id: BusinessId) -> Result<(), DemoError> {
    let mut services: Vec<ServiceId> = Vec::with_capacity(SERVICES.len());
    for (position, ([ru, kk, en], price_tiyn, duration, buffer_after)) in (0..).zip(SERVICES) {
        let text = Localized { ru: Some(name(ru)?), kk: Some(name(kk)?), en: Some(name(en)?) };
        let length = VisitLength { duration, buffer_before: 0, buffer_after };
        let fields = ServiceFields::new(text, price_tiyn, length);
        services.push(service::create(tx, business_id, Language::Ru, &fields, position).await?);
    }
    for (position, demo) in (0..).zip(MASTERS) {
        let master_id = master::create(tx, business_id, &name(demo.name)?, None, position).await?;
        for service_id in demo.offers.iter().filter_map(|place| services.get(*place)) {
            master::offer(tx, business_id, master_id, &(*service_id).into()).await?;
        }
        write_hours(tx, business_id, master_id, demo.intervals).await?;
    }
    Ok(())
}

async fn write_hours(
    tx: &mut Tx,
    business_id: BusinessId,
    master_id: MasterId,
    intervals: &[(u16, u16)],
) -> Result<(), DemoError> {
    let mut hours = Vec::with_capacity(7 * intervals.len());
    for weekday in Weekday::Monday.cycle_forward().take(7) {
        for (start, end) in intervals {
            let interval = Interval::new(*start, *end).map_err(ScheduleError::Interval)?;
            hours.push(WeeklyInterval { weekday, interval });
        }
    }
    Ok(schedule::set_weekly(tx, business_id, master_id, &hours).await?)
}

fn name(text: &str) -> Result<Name, DemoError> {
    text.parse().map_err(|_| DemoError::Value { what: "name" })
}
