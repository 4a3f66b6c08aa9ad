//! Another tenant's ids find nothing and change nothing, in every function that takes a tenant.

use booking::availability::DayHours;
use booking::booking::{Action, By, Change, ChangeError, CreateError, Filter, change, find, list, transitions};
use booking::business::{self, Business};
use booking::clock::Timestamp;
use booking::master::MasterService;
use booking::schedule::ScheduleError;
use booking::slots::{self, Audience, Item, OfferError, Part, Wanted};
use booking::user::{self, Registration};
use booking::{account, client, master, outbox, schedule, service};
use db::testing::on_each;
use jiff::civil::date;

use crate::salon::{ORIGIN, PUBLIC, Salon};

/// A second salon, without anything of its own.
async fn rival(salon: &Salon) -> Business {
    let form = Registration {
        email: "rival@example.kz",
        password: "correct horse",
        full_name: "Соперник",
        phone: "87012223344",
        business_name: "Соперник",
        subdomain: "rival",
    };
    let owner = user::register(&salon.platform, &form).await.unwrap();
    let mut connection = salon.platform.db.read().await.unwrap();
    business::by_id(&mut connection, owner.business_id.unwrap()).await.unwrap().unwrap()
}

#[tokio::test]
async fn reading_crosses_no_border() {
    on_each(async |db| {
        let salon = Salon::open(&db).await;
        let booking = salon.book("2026-01-16T14:00:00", "87771234567").await.unwrap();
        let rival = rival(&salon).await;
        let (item, day) = (salon.cut(), date(2026, 1, 16));
        let mut connection = db.read().await.unwrap();
        let c = &mut connection;
        assert!(find(c, rival.id, booking.id).await.unwrap().is_none());
        assert!(list(c, rival.id, &Filter { limit: 10, ..Filter::default() }).await.unwrap().is_empty());
        let of_master = Filter { master_id: Some(item.master_id), limit: 10, ..Filter::default() };
        assert!(list(c, rival.id, &of_master).await.unwrap().is_empty());
        assert!(transitions(c, rival.id, booking.id).await.unwrap().is_empty());
        assert!(outbox::of_booking(c, rival.id, booking.id).await.unwrap().is_empty());
        let message = outbox::of_booking(c, booking.business_id, booking.id).await.unwrap().remove(0);
        assert_eq!(outbox::find(c, booking.business_id, message.id).await.unwrap(), Some(message.clone()));
        assert_eq!(outbox::find(c, rival.id, message.id).await.unwrap(), None);
        assert!(service::active(c, rival.id).await.unwrap().is_empty());
        assert!(master::active(c, rival.id).await.unwrap().is_empty());
        assert!(!master::is_active(c, rival.id, item.master_id).await.unwrap());
        assert!(master::offered(c, rival.id, item.master_id, item.service_id).await.unwrap().is_none());
        let hours = schedule::hours(c, rival.id, item.master_id, day, day).await.unwrap();
        assert!(hours.iter().all(|day| day.intervals().is_empty()));
        let (start, end) = (Timestamp::from_seconds(0), Timestamp::from_seconds(i64::MAX));
        assert!(schedule::busy(c, rival.id, item.master_id, (start, end), start).await.unwrap().is_empty());
        let phone = booking.client_phone.clone().unwrap();
        assert_eq!(client::by_phone(c, rival.id, &phone).await.unwrap(), None);
        let own = account::of_business(c, rival.id).await.unwrap().unwrap();
        assert_eq!(own.business_id, Some(rival.id));
        for wanted in [Wanted::Step(Some(item.master_id)), Wanted::Visit(&[item.into()])] {
            let free = slots::free(&salon.platform, &rival, wanted, (day, day), Audience::Public).await;
            assert!(matches!(free, Err(OfferError::UnknownMaster)), "{free:?}");
        }
        let anybody = [Part { master_id: None, ..item.into() }];
        let free = slots::free(&salon.platform, &rival, Wanted::Visit(&anybody), (day, day), Audience::Staff).await;
        assert!(matches!(free, Err(OfferError::UnknownService)), "{free:?}");
        let free = slots::free(&salon.platform, &rival, Wanted::Step(None), (day, day), Audience::Staff).await;
        assert!(free.unwrap().is_empty());
        let found = slots::candidates(c, &rival, &anybody, booking.starts_at, booking.created_at).await;
        assert!(matches!(found, Err(OfferError::UnknownService)), "{found:?}");
    })
    .await;
}

#[tokio::test]
async fn writing_crosses_no_border() {
    on_each(async |db| {
        let mut salon = Salon::open(&db).await;
        let booking = salon.book("2026-01-16T14:00:00", "87771234567").await.unwrap();
        let rival = rival(&salon).await;
        let (item, day) = (salon.cut(), date(2026, 1, 16));
        let client = By::Client { business_id: rival.id, origin: &ORIGIN };
        let mut stranger = salon.owner().await;
        stranger.business_id = rival.id;
        for action in Action::ALL {
            for by in [client, By::Staff(&stranger)] {
                let changed = change(&salon.platform, by, booking.id, &Change::of(*action)).await;
                assert!(matches!(changed, Err(ChangeError::NotFound)), "{action}: {changed:?}");
            }
        }

        salon.business = rival.clone();
        let booked = salon.book_items("2026-01-16T16:00:00", "87771234567", &[item], PUBLIC).await;
        assert!(matches!(booked, Err(CreateError::Offer(OfferError::UnknownMaster))), "{booked:?}");

        let mut tx = db.begin().await.unwrap();
        assert_eq!(outbox::cancel_of_booking(&mut tx, rival.id, booking.id).await.unwrap(), 0);
        schedule::set_weekly(&mut tx, rival.id, item.master_id, &[]).await.unwrap();
        schedule::clear_date(&mut tx, rival.id, item.master_id, day).await.unwrap();
        tx.commit().await.unwrap();
        let mut tx = db.begin().await.unwrap();
        let off = DayHours::new(day, vec![]).unwrap();
        let refused = schedule::set_date(&mut tx, rival.id, item.master_id, &off).await;
        assert!(matches!(refused, Err(ScheduleError::UnknownMaster)), "{refused:?}");
        drop(tx);
        let mut tx = db.begin().await.unwrap();
        let changed = MasterService { duration_minutes: Some(5), ..item.service_id.into() };
        let offered = master::offer(&mut tx, rival.id, item.master_id, &changed).await;
        // SQLite passes over the row, PostgreSQL may refuse the reference first: either way nothing is written.
        if offered.is_ok() {
            tx.commit().await.unwrap();
        }
        // Nothing moved at home.
        let mut connection = db.read().await.unwrap();
        let home = booking.business_id;
        let hours = schedule::hours(&mut connection, home, item.master_id, day, day).await.unwrap();
        assert_eq!(hours[0].intervals().len(), 1);
        let offer = master::offered(&mut connection, home, item.master_id, item.service_id).await.unwrap().unwrap();
        assert_eq!(offer.length.duration, 60);
        assert_eq!(outbox::of_booking(&mut connection, home, booking.id).await.unwrap().len(), 3);
    })
    .await;
}

/// The schema itself holds the border, for whoever forgets it in a statement.
#[tokio::test]
async fn the_schema_refuses_a_reference_into_another_tenant() {
    on_each(async |db| {
        let salon = Salon::open(&db).await;
        let booking = salon.book("2026-01-16T14:00:00", "87771234567").await.unwrap();
        let rival = rival(&salon).await;
        let strays = [
            "update bookings set business_id = $1 where id = $2",
            "update booking_segments set business_id = $1 where booking_id = $2",
            "update outbox set business_id = $1 where booking_id = $2",
            "insert into weekly_hours (business_id, master_id, weekday, start_minute, end_minute)
             select $1, master_id, 1, 0, 60 from booking_segments where booking_id = $2",
            "insert into bookings (business_id, client_id, client_name, state, version, starts_at, ends_at, wall_start,
                 time_zone, price_tiyn, language, source, created_at)
             select $1, client_id, 'x', 'confirmed', 1, 0, 1, 'x', 'x', 0, 'ru', 'staff', 0
             from bookings where id = $2",
            "insert into booking_segments (business_id, booking_id, position, service_id, master_id, starts_at, ends_at,
                 busy_from, busy_to, price_tiyn, live, overbooked)
             select business_id, booking_id, 1, service_id, $1 + 1000, 0, 1, 0, 1, 0, false, false
             from booking_segments where booking_id = $2",
            "insert into booking_segments (business_id, booking_id, position, service_id, master_id, starts_at, ends_at,
                 busy_from, busy_to, price_tiyn, live, overbooked)
             select business_id, booking_id, 1, $1 + 1000, master_id, 0, 1, 0, 1, 0, false, false
             from booking_segments where booking_id = $2",
            "insert into booking_segments (business_id, booking_id, position, service_id, master_id, starts_at, ends_at,
                 busy_from, busy_to, price_tiyn, live, overbooked)
             select business_id, $1 + 1000, 1, service_id, master_id, 0, 1, 0, 1, 0, false, false
             from booking_segments where booking_id = $2",
            "insert into outbox (business_id, booking_id, kind, dedup_key, wa_message_id, phone, text, language, state,
                 due_at, next_at, expires_at, created_at)
             select $1, id, 'reminder', 'stray', 'stray', '', '', 'ru', 'planned', 1, 1, 1, 1
             from bookings where id = $2",
            "update bookings set client_id = $1 + 1000 where id = $2",
        ];
        for statement in strays {
            let mut tx = db.begin().await.unwrap();
            let error = db::execute!(&mut tx, statement, rival.id, booking.id).unwrap_err();
            assert!(error.is_constraint("foreign_key"), "{statement}: {error:?}");
        }
        // What is named stays.
        for statement in [
            "delete from bookings where id = $2 and business_id <> $1",
            "delete from clients where business_id <> $1 and id in (select client_id from bookings where id = $2)",
            "delete from masters where business_id <> $1 and id in (select master_id from booking_segments where booking_id = $2)",
            "delete from services where business_id <> $1 and id in (select service_id from booking_segments where booking_id = $2)",
            "delete from businesses where id <> $1 and id in (select business_id from bookings where id = $2)",
        ] {
            let mut tx = db.begin().await.unwrap();
            let refused = db::execute!(&mut tx, statement, rival.id, booking.id);
            assert!(refused.is_err(), "{statement}: {refused:?}");
        }
        let stray_item = Item { master_id: salon.masters[1], ..salon.cut() };
        salon.book_items("2026-01-16T16:00:00", "87771234567", &[stray_item], PUBLIC).await.unwrap();
    })
    .await;
}
