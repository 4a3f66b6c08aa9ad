//! What is in the database before the load: a salon with time to sell, and, if wanted, years of visits.

use std::sync::Arc;

use anyhow::Context as _;
use booking::availability::{Interval, MINUTES_A_DAY, VisitLength};
use booking::business::{self, BusinessState, DEFAULT_ZONE, NewBusiness};
use booking::clock::Clock;
use booking::entropy::Entropy;
use booking::id::{MasterId, ServiceId};
use booking::language::Language;
use booking::localized::Localized;
use booking::platform::Platform;
use booking::policy::Policy;
use booking::schedule::{self, WeeklyInterval};
use booking::service::{self, ServiceFields};
use booking::{account, master};
use db::Db;
use jiff::civil::{Date, Weekday};

use crate::load::Body;

/// The salon's name in addresses.
pub const SUBDOMAIN: &str = "load";
/// Masters, who take turns.
const MASTERS: u32 = 20;
/// Minutes of a visit. Masters work around the clock, so a day has this many visits each.
const MINUTES: u16 = 30;
const A_DAY: u64 = 48;
/// Clients, who take turns too: a new one for each booking would be as unreal as one for all.
const CLIENTS: u64 = 10_000;
/// What the salon sets for itself: its few clients book again and again, and not five visits at most.
const SETTINGS: &str = r#"{"visits":{"most_active":100}}"#;
/// The farthest ahead that a visit can be booked.
const HORIZON_DAYS: u32 = 730;

/// The most bookings that there is time for, two days left for what happens around midnight.
pub const MOST: u64 = MASTERS as u64 * A_DAY * (HORIZON_DAYS as u64 - 2);

/// A salon.
#[derive(Debug, Clone)]
pub struct Salon {
    masters: Vec<MasterId>,
    service: ServiceId,
    /// The first day that is sold.
    first: Date,
}

impl Salon {
    /// Makes the tables and the salon in an empty database.
    ///
    /// # Errors
    ///
    /// The database's.
    pub async fn make(url: &str) -> anyhow::Result<Self> {
        let db = Db::connect(url).await?;
        let platform = Platform::open(db.clone(), Clock::system(), Entropy::seeded(1), Policy::default()).await?;
        let now = platform.clock.now();
        let zone = DEFAULT_ZONE.parse()?;
        let mut tx = db.begin().await?;
        let new = NewBusiness {
            subdomain: &SUBDOMAIN.parse()?,
            name: &"Салон нагрузки".parse()?,
            phone: &"+77010000002".parse()?,
            address: None,
            zone: &zone,
            language: Language::Ru,
            state: BusinessState::Active,
            trial_ends_at: None,
        };
        let id = business::create(&mut tx, &new, now).await?;
        db::execute!(&mut tx, "update businesses set settings = $2 where id = $1", id, SETTINGS)?;
        account::ensure(&mut tx, id, now).await?;
        let name = Localized { ru: Some("Стрижка".parse()?), ..Localized::default() };
        let length = VisitLength { duration: MINUTES, buffer_before: 0, buffer_after: 0 };
        let fields = ServiceFields { horizon_days: HORIZON_DAYS, ..ServiceFields::new(name, 500_000, length) };
        let service = service::create(&mut tx, id, Language::Ru, &fields, 0).await?;
        let interval = Interval::new(0, MINUTES_A_DAY)?;
        let week = Weekday::Monday.cycle_forward().take(7);
        let hours: Vec<_> = week.map(|weekday| WeeklyInterval { weekday, interval }).collect();
        let mut masters = Vec::new();
        for position in 0..MASTERS {
            let name = format!("Мастер {position}").parse()?;
            let master = master::create(&mut tx, id, &name, None, position).await?;
            master::offer(&mut tx, id, master, &service.into()).await?;
            schedule::set_weekly(&mut tx, id, master, &hours).await?;
            masters.push(master);
        }
        tx.commit().await?;
        db.close().await;
        Ok(Self { masters, service, first: zone.date(now).tomorrow()? })
    }

    /// The first day that is sold.
    #[must_use]
    pub const fn first(&self) -> Date {
        self.first
    }

    /// Its first master and its service.
    #[must_use]
    pub fn ids(&self) -> (i64, i64) {
        (self.masters.first().map_or(0, |master| master.get()), self.service.get())
    }

    /// The bookings of this salon, each at a time of its own.
    ///
    /// # Errors
    ///
    /// When the salon has no master.
    pub fn bookings(&self) -> anyhow::Result<Body> {
        let salon = self.clone();
        let first = self.masters.first().context("the salon has masters")?.get();
        Ok(Arc::new(move |number| {
            let (turn, slot) = (number % u64::from(MASTERS), number / u64::from(MASTERS));
            let master =
                usize::try_from(turn).ok().and_then(|turn| salon.masters.get(turn)).map_or(first, |id| id.get());
            // Beyond the calendar's end the answer is a refusal, which the measurement reports.
            let days = jiff::Span::new().try_days(i64::try_from(slot / A_DAY).unwrap_or(i64::MAX)).unwrap_or_default();
            let date = salon.first.saturating_add(days);
            let minute = slot % A_DAY * u64::from(MINUTES);
            format!(
                r#"{{"subdomain":"{SUBDOMAIN}","client_phone":"+7701{:07}","client_name":"Айгерим Сапарова","master_id":{master},"service_id":{},"booking_date":"{date}T{:02}:{:02}:00"}}"#,
                1_000_000 + number % CLIENTS,
                salon.service.get(),
                minute / 60,
                minute % 60,
            )
        }))
    }
}

/// Writes `visits` of the past for the masters by turns, half an hour each, without a gap: done, with their segment,
/// their log and a message that was read.
///
/// # Errors
///
/// The database's.
pub async fn history(url: &str, visits: i64) -> anyhow::Result<()> {
    let db = Db::connect(url).await?;
    let mut tx = db.begin().await?;
    if matches!(db, Db::Postgres(_)) {
        // Keys that were just made need no look-up each. The constraint on overlaps is not a trigger, and stays.
        tx.run_script("set local session_replication_role = replica").await.context("seeding needs a superuser")?;
    }
    // The day's first second, so that the youngest visit is over.
    let end = Clock::system().now().seconds().div_euclid(86_400) * 86_400;
    write_history(&mut tx, visits, end).await?;
    tx.commit().await?;
    if matches!(db, Db::Postgres(_)) {
        db.read().await?.run_script("vacuum analyze").await?;
    } else {
        let mut tx = db.begin().await?;
        tx.run_script("analyze").await?;
        tx.commit().await?;
    }
    db.close().await;
    Ok(())
}

async fn write_history(tx: &mut db::Tx, visits: i64, end: i64) -> anyhow::Result<()> {
    tx.run_script(
        "create table past (number bigint not null, master_id bigint not null, business_id bigint not null,
             service_id bigint not null, starts_at bigint not null)",
    )
    .await?;
    let masters = i64::from(MASTERS);
    db::execute!(
        tx,
        sqlite: "with recursive numbers (number) as (select 1 union all select number + 1 from numbers where number < $1)
                 insert into past
                 select number, m.id, m.business_id, o.service_id, $3 - 1800 * ((number + $2 - 1) / $2)
                 from numbers join masters m on m.position = number % $2
                     join businesses b on b.id = m.business_id and b.subdomain = 'load'
                     join master_services o on o.master_id = m.id",
        postgres: "insert into past
                   select number, m.id, m.business_id, o.service_id, $3 - 1800 * ((number + $2 - 1) / $2)
                   from generate_series(1, $1) as numbers (number) join masters m on m.position = number % $2
                       join businesses b on b.id = m.business_id and b.subdomain = 'load'
                       join master_services o on o.master_id = m.id
                   order by number",
        visits,
        masters,
        end,
    )?;
    tx.run_script(
        "insert into clients (id, business_id, phone, name, created_at, updated_at)
         select number, business_id, '7702' || (1000000 + number), 'Прежний клиент', starts_at, starts_at
         from past where number <= 10000;

         insert into bookings (id, business_id, client_id, client_name, state, version, starts_at, ends_at, wall_start,
             time_zone, price_tiyn, language, source, created_at, booked_by)
         select number, business_id, 1 + number % (select count(*) from clients), 'Прежний клиент', 'completed', 2,
             starts_at, starts_at + 1800, '2020-01-01T00:00:00', 'Asia/Almaty', 500000, 'ru', 'public', starts_at - 86400,
             'client'
         from past order by number;

         insert into booking_segments (business_id, booking_id, position, service_id, master_id, starts_at, ends_at,
             busy_from, busy_to, price_tiyn, live, overbooked)
         select business_id, number, 0, service_id, master_id, starts_at, starts_at + 1800, starts_at, starts_at + 1800,
             500000, true, false
         from past order by number;

         insert into booking_transitions (business_id, booking_id, version, from_state, to_state, actor, at)
         select business_id, number, 2, 'confirmed', 'completed', 'system', starts_at + 43200 from past order by number;

         insert into outbox (business_id, account_id, booking_id, kind, dedup_key, wa_message_id, phone, text, language,
             state, due_at, next_at, expires_at, created_at)
         select business_id, (select min(id) from accounts), number, 'confirmation', 'v1:confirmation', 'PAST' || number,
             '77021000000', 'Вы записаны.', 'ru', 'read', starts_at - 86400, starts_at - 86400, starts_at,
             starts_at - 86400
         from past order by number;

         drop table past",
    )
    .await?;
    // Ids that were given by hand do not move PostgreSQL's counters.
    db::execute!(
        tx,
        sqlite: "select 1",
        postgres: "select setval(pg_get_serial_sequence('clients', 'id'), (select max(id) from clients)),
                       setval(pg_get_serial_sequence('bookings', 'id'), (select max(id) from bookings))",
    )?;
    Ok(())
}

/// How many visits there are.
///
/// # Errors
///
/// The database's.
pub async fn count(url: &str) -> anyhow::Result<u64> {
    let db = Db::connect(url).await?;
    let (count,) = db::fetch_one!(&mut db.read().await?, (i64,), "select count(*) from bookings")?;
    db.close().await;
    Ok(u64::try_from(count)?)
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    fn salon() -> Salon {
        let masters = (1..=i64::from(MASTERS)).map(MasterId::new).collect();
        Salon { masters, service: ServiceId::new(1), first: jiff::civil::date(2026, 1, 1) }
    }

    #[test]
    fn no_two_bookings_want_the_same_time_of_a_master() {
        let bookings = salon().bookings().unwrap();
        let wanted: BTreeSet<String> = (0..5_000)
            .map(|number| {
                let body: serde_json::Value = serde_json::from_str(&bookings(number)).unwrap();
                format!("{} {}", body["master_id"], body["booking_date"])
            })
            .collect();
        assert_eq!(wanted.len(), 5_000);
    }

    #[tokio::test]
    async fn a_salon_with_a_history_has_it_in_every_table() {
        let folder = tempfile::tempdir().unwrap();
        let url = format!("sqlite:{}", folder.path().join("test.db").display());
        Salon::make(&url).await.unwrap();
        history(&url, 1_000).await.unwrap();
        assert_eq!(count(&url).await.unwrap(), 1_000);
        let db = Db::connect(&url).await.unwrap();
        let mut connection = db.read().await.unwrap();
        let (segments, messages) = db::fetch_one!(
            &mut connection,
            (i64, i64),
            "select (select count(*) from booking_segments where live = true), (select count(*) from outbox)",
        )
        .unwrap();
        assert_eq!((segments, messages), (1_000, 1_000));
    }
}
