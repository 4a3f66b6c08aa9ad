//! A database from before with visits in it is brought up to date, whole.

use booking::booking::{Actor, BookingState, Remark};
use booking::clock::Timestamp;
use booking::id::{BookingId, BusinessId, UserId};
use booking::link::{self, LinkToken};
use booking::schema::COMPONENT;
use db::migration::Component;
use db::testing::on_each;
use sha2::{Digest, Sha256};

const BEFORE: &str = "
insert into businesses (id, subdomain, name, phone, time_zone, language, state, created_at)
    values (1, 'old', 'Старый', '77770000000', 'Asia/Almaty', 'ru', 'active', 0);
insert into users (id, business_id, email, password_hash, full_name, role, created_at)
    values (1, 1, 'owner@old.kz', 'x', 'Владелец', 'OWNER', 0);
insert into services (id, business_id, name, price_tiyn, duration_minutes, buffer_before_minutes, buffer_after_minutes,
    notice_minutes, horizon_days, position, active) values (1, 1, 'Стрижка', 100, 60, 0, 0, 0, 30, 0, true);
insert into masters (id, business_id, name, position, active) values (1, 1, 'Айгуль', 0, true);
insert into clients (id, business_id, phone, name, created_at, updated_at) values (1, 1, '77771234567', 'Данияр', 0, 0);
insert into bookings (id, business_id, client_id, client_name, state, version, starts_at, ends_at, wall_start,
    time_zone,
    price_tiyn, language, source, created_at)
    values (1, 1, 1, 'Данияр', 'confirmed', 1, 3600, 7200, '1970-01-01T06:00:00', 'Asia/Almaty', 100, 'ru', 'staff', 0),
        (2, 1, 1, 'Данияр', 'cancelled', 2, 3600, 7200, '1970-01-01T06:00:00', 'Asia/Almaty', 100, 'ru', 'public', 0);
insert into booking_segments (id, business_id, booking_id, position, service_id, master_id, starts_at, ends_at,
    busy_from,
    busy_to, price_tiyn, live, overbooked)
    values (1, 1, 1, 0, 1, 1, 3600, 7200, 3600, 7200, 100, true, false),
        (2, 1, 2, 0, 1, 1, 3600, 7200, 3600, 7200, 100, false, false);
insert into booking_transitions (id, business_id, booking_id, version, from_state, to_state, actor, actor_user_id,
    reason, at)
    values (1, 1, 1, 1, null, 'confirmed', 'user', 1, 'overbooked', 0),
        (2, 1, 2, 1, null, 'confirmed', 'client', null, null, 0),
        (3, 1, 2, 2, 'confirmed', 'cancelled', 'client', null, 'late', 0);
insert into audit_log (id, business_id, at, actor, entity, entity_id, action, new)
    values (1, 1, 0, 'user', 'booking', 1, 'cancel', '{\"state\": \"cancelled\", \"reason\": \"болеет\"}'),
        (2, 1, 0, 'user', 'time_off', 1, 'create', '{\"reason\": \"отпуск\"}');
insert into outbox (id, business_id, booking_id, kind, dedup_key, wa_message_id, phone, text, language, state, due_at,
    next_at, expires_at, created_at)
    values (1, 1, 1, 'reminder', 'v1:reminder:2', '3EB0', '77771234567', 'x', 'ru', 'planned', 1, 1, 2, 0)";

const HOLD: &str = "
insert into holds (id, business_id, token_hash, address, until_at, created_at) values (1, 1, $1, '', 9, 0)";

/// What names the hold, and what one user did in the place of another.
const NAMES: &str = "
insert into booking_segments (business_id, position, service_id, master_id, starts_at, ends_at, busy_from, busy_to,
    price_tiyn, live, overbooked, hold_id, hold_until)
    values (1, 0, 1, 1, 9000, 9900, 9000, 9900, 0, true, false, 1, 9);
insert into audit_log (business_id, at, actor, impersonator_id, entity, entity_id, action)
    values (1, 0, 'user', 1, 'booking', 1, 'change')";

#[tokio::test]
async fn visits_from_before_are_all_there() {
    on_each(async |db| {
        let before = Component { name: COMPONENT.name, steps: &COMPONENT.steps[..7] };
        db.migrate(&before).await.unwrap();
        let mut tx = db.begin().await.unwrap();
        tx.run_script(BEFORE).await.unwrap();
        tx.commit().await.unwrap();
        db.migrate(&COMPONENT).await.unwrap();
        let mut connection = db.read().await.unwrap();
        let counts = db::fetch_one!(
            &mut connection,
            (i64, i64, i64, i64),
            "select (select count(*) from bookings), (select count(*) from booking_segments where hold_id is null),
                 (select count(*) from booking_transitions), (select count(*) from outbox where booking_id = 1)",
        )
        .unwrap();
        assert_eq!(counts, (2, 2, 1, 1), "how a visit was booked is in its own row");
        let due = db::fetch_all!(&mut connection, (i64, Option<i64>), "select id, due_at from bookings order by id",)
            .unwrap();
        assert_eq!(due, [(1, Some(7_200 + 43_200)), (2, None)]);
        let life = async |connection: &mut _, id| {
            let steps =
                booking::booking::transitions(connection, BusinessId::new(1), BookingId::new(id)).await.unwrap();
            steps.into_iter().map(|step| (step.from, step.to, step.actor, step.remark, step.reason)).collect::<Vec<_>>()
        };
        let (confirmed, cancelled) = (BookingState::Confirmed, BookingState::Cancelled);
        let by_owner = (None, confirmed, Actor::User(UserId::new(1)), Some(Remark::Overbooked), None);
        assert_eq!(life(&mut connection, 1).await, [by_owner]);
        let late = Some("late".to_owned());
        let by_client = (None, confirmed, Actor::Client, None, None);
        let called_off = (Some(confirmed), cancelled, Actor::Client, None, late);
        assert_eq!(life(&mut connection, 2).await, [by_client, called_off]);
        // What was typed stands in one place.
        let log = db::fetch_all!(&mut connection, (String,), "select new from audit_log order by id").unwrap();
        assert!(log[0].0.contains("cancelled") && !log[0].0.contains("reason"), "{log:?}");
        assert!(log[1].0.contains("отпуск"), "{log:?}");
        drop(connection);
        // The guards are there again.
        for (statement, rule) in [
            (
                "insert into booking_segments (id, business_id, booking_id, position, service_id, master_id, starts_at,
                     ends_at, busy_from, busy_to, price_tiyn, live, overbooked)
                 values (9, 1, 2, 1, 1, 1, 4000, 5000, 4000, 5000, 0, true, false)",
                "booking_segments_no_overlap",
            ),
            ("update booking_transitions set reason = 'x'", "booking_transitions_append_only"),
            ("update bookings set booked_by = 'client'", "bookings_booked_by_stays"),
            ("update bookings set booked_by_id = 2, state = state", "bookings_booked_by_stays"),
            ("update bookings set business_id = 2", "foreign_key"),
            ("update bookings set ends_at = starts_at where id = 2", "bookings_interval"),
            ("update bookings set price_tiyn = -1 where id = 2", "bookings_price"),
            ("update booking_segments set busy_from = starts_at + 1 where booking_id = 2", "booking_segments_interval"),
            ("update booking_segments set busy_to = busy_from + 86401 where id = 2", "booking_segments_interval"),
            ("update booking_segments set hold_until = 9 where booking_id = 2", "booking_segments_owner"),
            ("update booking_segments set booking_id = null where booking_id = 2", "booking_segments_owner"),
            (
                "insert into bookings (id, business_id, client_id, client_name, state, version, starts_at, ends_at,
                     wall_start, time_zone, price_tiyn, language, source, created_at)
                 values (9, 1, 1, 'x', 'confirmed', 1, 2, 1, 'x', 'x', 0, 'ru', 'staff', 0)",
                "bookings_interval",
            ),
            (
                "insert into booking_segments (business_id, booking_id, position, service_id, master_id, starts_at,
                     ends_at, busy_from, busy_to, price_tiyn, live, overbooked)
                 values (1, 2, 1, 1, 1, 5000, 4000, 5000, 4000, 0, false, false)",
                "booking_segments_interval",
            ),
            (
                "insert into booking_segments (business_id, position, service_id, master_id, starts_at, ends_at,
                     busy_from, busy_to, price_tiyn, live, overbooked, hold_id, hold_until)
                 values (1, 0, 1, 1, 9000, 9900, 9000, 9900, 0, true, false, 7, 9)",
                "foreign_key",
            ),
            (
                "insert into audit_log (business_id, at, actor, impersonator_id, entity, entity_id, action)
                 values (1, 0, 'user', 7, 'booking', 1, 'change')",
                "foreign_key",
            ),
        ] {
            let mut tx = db.begin().await.unwrap();
            let error = db::execute!(&mut tx, statement).unwrap_err();
            assert!(error.is_constraint(rule), "{statement}: {error:?}");
        }
        // What is named stays as long as it is.
        let mut tx = db.begin().await.unwrap();
        db::execute!(&mut tx, HOLD, b"x".as_slice()).unwrap();
        tx.run_script(NAMES).await.unwrap();
        tx.commit().await.unwrap();
        for statement in ["delete from holds", "delete from users"] {
            let mut tx = db.begin().await.unwrap();
            let refused = db::execute!(&mut tx, statement);
            assert!(refused.is_err(), "{statement}: {refused:?}");
        }
        let mut tx = db.begin().await.unwrap();
        tx.run_script("delete from booking_segments where hold_id = 1; delete from holds").await.unwrap();
        tx.commit().await.unwrap();
    })
    .await;
}

#[tokio::test]
async fn a_link_from_before_leads_to_its_visit() {
    on_each(async |db| {
        let up_to = |step| Component { name: COMPONENT.name, steps: &COMPONENT.steps[..step] };
        db.migrate(&up_to(7)).await.unwrap();
        let mut tx = db.begin().await.unwrap();
        tx.run_script(BEFORE).await.unwrap();
        tx.commit().await.unwrap();
        db.migrate(&up_to(21)).await.unwrap();
        let token = "00112233445566778899aabbccddeeff";
        let mut tx = db.begin().await.unwrap();
        db::execute!(
            &mut tx,
            "insert into visit_links (token_hash, business_id, booking_id, created_at) values ($1, 1, 2, 77)",
            Sha256::digest(token).as_slice(),
        )
        .unwrap();
        tx.commit().await.unwrap();
        db.migrate(&COMPONENT).await.unwrap();
        let mut connection = db.read().await.unwrap();
        let mut find = async |token: &str, now| {
            link::find(&mut connection, &LinkToken::given(token), Timestamp::from_seconds(now)).await.unwrap()
        };
        assert_eq!(find(token, 7_199).await, Some((BusinessId::new(1), BookingId::new(2))));
        assert_eq!(find(token, 7_200).await, None, "the visit is over");
        assert_eq!(find(&token.to_uppercase(), 7_199).await, None);
        assert_eq!(find(&format!("00000000004d{token}"), 7_199).await, None);
    })
    .await;
}
