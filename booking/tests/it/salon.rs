//! A platform with the demo salon, on a clock that stands.

use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};

use booking::access::{Access, Origin, Who};
use booking::booking::{Booking, By, Change, ChangeError, CreateError, NewBooking, Party, Source, change, create};
use booking::business::{self, Business};
use booking::clock::Clock;
use booking::demo;
use booking::entropy::Entropy;
use booking::id::{BookingId, MasterId, ServiceId, UserId};
use booking::master;
use booking::platform::Platform;
use booking::policy::Policy;
use booking::slots::{self, Audience, Item, Part, Wanted};
use booking::user::Role;
use db::Db;
use jiff::civil::{Date, DateTime};

/// 2026-01-14 10:00 in Almaty, a Wednesday.
pub(crate) const NOW_MS: i64 = 1_768_366_800_000;

/// A stranger who books for themselves.
pub(crate) const PUBLIC: Source<'static> = Source::Public { origin: &ORIGIN, hold: None, browser: None };

pub(crate) const ORIGIN: Origin = Origin::system();

pub(crate) struct Salon {
    pub(crate) platform: Platform,
    pub(crate) business: Business,
    pub(crate) masters: Vec<MasterId>,
    pub(crate) services: Vec<ServiceId>,
    now_ms: Arc<AtomicI64>,
}

impl Salon {
    pub(crate) async fn open(db: &Db) -> Self {
        let now_ms = Arc::new(AtomicI64::new(NOW_MS));
        let clock = Clock::fixed(Arc::clone(&now_ms));
        let platform = Platform::open(db.clone(), clock, Entropy::system(), Policy::default()).await.unwrap();
        demo::seed(&platform).await.unwrap();
        let mut connection = db.read().await.unwrap();
        let business = business::by_subdomain(&mut connection, "demo").await.unwrap().unwrap();
        let masters = master::active(&mut connection, business.id).await.unwrap();
        let services = masters[0].services.clone();
        let masters = masters.iter().map(|master| master.id).collect();
        Self { platform, business, masters, services, now_ms }
    }

    pub(crate) fn travel_hours(&self, hours: i64) {
        self.now_ms.fetch_add(hours * 3_600_000, Ordering::Relaxed);
    }

    /// The owner, who may do everything.
    pub(crate) async fn owner(&self) -> Access {
        let (id,) = db::fetch_one!(
            &mut self.platform.db.read().await.unwrap(),
            (UserId,),
            "select id from users where business_id = $1 and role = 'OWNER'",
            self.business.id,
        )
        .unwrap();
        self.staff(Who::User { id, impersonator: None }, Role::Owner, None)
    }

    /// Somebody of the staff with what their role sees by default.
    pub(crate) fn staff(&self, who: Who, role: Role, master_id: Option<MasterId>) -> Access {
        let sees = self.business.settings.staff.of(role);
        Access { business_id: self.business.id, origin: Origin { who, ..ORIGIN }, role, master_id, sees }
    }

    /// Changes a visit as its client does.
    pub(crate) async fn as_client(&self, id: BookingId, what: &Change<'_>) -> Result<Booking, ChangeError> {
        let by = By::Client { business_id: self.business.id, origin: &ORIGIN };
        change(&self.platform, by, id, what).await
    }

    pub(crate) fn travel_seconds(&self, seconds: i64) {
        self.now_ms.fetch_add(seconds * 1_000, Ordering::Relaxed);
    }

    /// The first service by the first master.
    pub(crate) fn cut(&self) -> Item {
        Item { service_id: self.services[0], master_id: self.masters[0] }
    }

    pub(crate) async fn book(&self, start: &str, phone: &str) -> Result<Booking, CreateError> {
        self.book_items(start, phone, &[self.cut()], PUBLIC).await
    }

    pub(crate) async fn book_items(
        &self,
        start: &str,
        phone: &str,
        items: &[Item],
        source: Source<'_>,
    ) -> Result<Booking, CreateError> {
        let new = NewBooking {
            client: Party::Phone { phone: &phone.parse().unwrap(), name: Some(&"Данияр".parse().unwrap()) },
            parts: &items.iter().copied().map(Part::from).collect::<Vec<_>>(),
            start: start.parse::<DateTime>().unwrap(),
            notes: &"".parse().unwrap(),
            language: None,
            source,
        };
        create(&self.platform, &self.business, &new).await
    }

    /// The free start times for one service by one master, on the wall.
    pub(crate) async fn free(&self, item: Item, day: Date) -> Vec<String> {
        let parts = [item.into()];
        let wanted = Wanted::Visit(&parts);
        let free = slots::free(&self.platform, &self.business, wanted, (day, day), Audience::Public).await;
        free.unwrap().iter().map(|free| free.slot.wall.strftime("%H:%M").to_string()).collect()
    }

    pub(crate) async fn count(&self, table: &str) -> i64 {
        let mut connection = self.platform.db.read().await.unwrap();
        let sql = match table {
            "bookings" => "select count(*) from bookings",
            "segments" => "select count(*) from booking_segments where live = true",
            "outbox" => "select count(*) from outbox",
            "clients" => "select count(*) from clients",
            _ => panic!("no count of {table}"),
        };
        db::fetch_one!(&mut connection, (i64,), sql).unwrap().0
    }
}
