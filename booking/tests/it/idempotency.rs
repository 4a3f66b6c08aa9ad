//! Requests that are repeated.

use booking::access::{Access, Origin};
use booking::audit::{self, Change};
use booking::booking::{CreateError, NewBooking, Party, Source, create};
use booking::clock::Timestamp;
use booking::idempotency::{
    ABANDONED_AFTER, Begin, KEPT_FOR, Key, SWEPT_AT_ONCE, Ticket, begin, finish, forget, note_made,
};
use booking::slots::Part;
use booking::store::StoreError;
use db::Db;
use db::testing::on_each;

use crate::salon::Salon;

const NOW: Timestamp = Timestamp::from_seconds(1_768_366_800);
const KEY: Key<'static> = Key { scope: "booking", caller: "user 1", text: "key" };

#[tokio::test]
async fn the_first_acts_and_the_others_get_its_answer() {
    on_each(async |db| {
        Salon::open(&db).await;
        let Begin::Act(ticket) = begin(&db, KEY, b"request", NOW).await.unwrap() else { panic!() };
        assert_eq!(begin(&db, KEY, b"request", NOW).await.unwrap(), Begin::UnderWay);
        assert_eq!(begin(&db, KEY, b"another", NOW).await.unwrap(), Begin::Mismatch);
        finish(&db, &ticket, 201, b"{}").await.unwrap();
        let replay = Begin::Replay { status: 201, answer: b"{}".to_vec() };
        let within_a_day = NOW.plus(KEPT_FOR - 1);
        assert_eq!(begin(&db, KEY, b"request", within_a_day).await.unwrap(), replay);
        assert_eq!(begin(&db, KEY, b"another", within_a_day).await.unwrap(), Begin::Mismatch);
        for elsewhere in [
            Key { scope: "other", ..KEY },
            Key { caller: "user 2", ..KEY },
            Key { text: "yek", ..KEY },
            Key { caller: "user ", text: "1key", ..KEY },
        ] {
            let begun = begin(&db, elsewhere, b"another", NOW).await.unwrap();
            assert!(matches!(begun, Begin::Act(_)), "{elsewhere:?}: {begun:?}");
        }
        let later = begin(&db, KEY, b"another", NOW.plus(KEPT_FOR)).await.unwrap();
        assert!(matches!(later, Begin::Act(_)), "{later:?}");
    })
    .await;
}

#[tokio::test]
async fn a_request_that_failed_or_died_frees_its_key() {
    on_each(async |db| {
        Salon::open(&db).await;
        let Begin::Act(failed) = begin(&db, KEY, b"request", NOW).await.unwrap() else { panic!() };
        forget(&db, &failed).await.unwrap();
        let Begin::Act(died) = begin(&db, KEY, b"other", NOW).await.unwrap() else { panic!() };
        let later = NOW.plus(ABANDONED_AFTER);
        let Begin::Act(next) = begin(&db, KEY, b"request", later).await.unwrap() else { panic!() };
        // Who was taken for dead and comes back changes nothing.
        finish(&db, &died, 500, b"late").await.unwrap();
        forget(&db, &died).await.unwrap();
        assert_eq!(begin(&db, KEY, b"request", later).await.unwrap(), Begin::UnderWay);
        finish(&db, &next, 201, b"{}").await.unwrap();
    })
    .await;
}

async fn make(db: &Db, ticket: &Ticket, id: i64) -> bool {
    let mut tx = db.begin().await.unwrap();
    let is_theirs = note_made(&mut tx, ticket, id).await.unwrap();
    tx.commit().await.unwrap();
    is_theirs
}

#[tokio::test]
async fn what_a_request_made_before_it_died_is_told_to_who_acts_next() {
    on_each(async |db| {
        Salon::open(&db).await;
        let Begin::Act(died) = begin(&db, KEY, b"request", NOW).await.unwrap() else { panic!() };
        assert_eq!(died.made(), None);
        assert!(make(&db, &died, 7).await);
        assert_eq!(begin(&db, KEY, b"request", NOW).await.unwrap(), Begin::UnderWay);
        // Nor does an error after it free the key.
        forget(&db, &died).await.unwrap();
        let later = NOW.plus(ABANDONED_AFTER);
        assert_eq!(begin(&db, KEY, b"another", later).await.unwrap(), Begin::Mismatch);
        for again in 0..2 {
            let now = later.plus(again * ABANDONED_AFTER);
            let Begin::Act(next) = begin(&db, KEY, b"request", now).await.unwrap() else { panic!() };
            assert_eq!(next.made(), Some(7));
            assert!(!make(&db, &died, 8).await && !make(&db, &next, 8).await, "it was made");
            if again == 1 {
                finish(&db, &next, 202, b"{}").await.unwrap();
                let replay = Begin::Replay { status: 202, answer: b"{}".to_vec() };
                assert_eq!(begin(&db, KEY, b"request", now).await.unwrap(), replay);
            }
        }
        let Begin::Act(new) = begin(&db, KEY, b"another", later.plus(2 * KEPT_FOR)).await.unwrap() else { panic!() };
        assert_eq!(new.made(), None, "a day later it is another request");
    })
    .await;
}

async fn record(db: &Db, ticket: &Ticket, ids: &[i64]) -> Result<(), StoreError> {
    let origin = Origin { ticket: Some(ticket.clone()), ..Origin::system() };
    let mut tx = db.begin().await.unwrap();
    for id in ids {
        let change = Change { entity: "service", entity_id: *id, action: "create", old: None, new: None };
        audit::record(&mut tx, None, &origin, &change, NOW).await?;
    }
    Ok(tx.commit().await?)
}

#[tokio::test]
async fn what_is_recorded_under_a_key_is_done_once() {
    on_each(async |db| {
        Salon::open(&db).await;
        let Begin::Act(slow) = begin(&db, KEY, b"request", NOW).await.unwrap() else { panic!() };
        let Begin::Act(died) = begin(&db, KEY, b"request", NOW.plus(ABANDONED_AFTER)).await.unwrap() else { panic!() };
        let taken_for_dead = record(&db, &slow, &[6]).await;
        assert!(matches!(taken_for_dead, Err(StoreError::Database(db::Error::Busy { .. }))), "{taken_for_dead:?}");
        record(&db, &died, &[7, 8]).await.unwrap();
        let later = NOW.plus(2 * ABANDONED_AFTER);
        let Begin::Act(next) = begin(&db, KEY, b"request", later).await.unwrap() else { panic!() };
        assert_eq!(next.made(), Some(7), "the first");
        assert!(matches!(record(&db, &next, &[9]).await, Err(StoreError::DoneBefore)));
        assert!(matches!(record(&db, &died, &[9]).await, Err(StoreError::Database(db::Error::Busy { .. }))));
        let mut connection = db.read().await.unwrap();
        let noted = db::fetch_all!(
            &mut connection,
            (i64,),
            "select entity_id from audit_log where entity = 'service' and business_id is null order by id"
        );
        assert_eq!(noted.unwrap(), [(7,), (8,)]);
    })
    .await;
}

#[tokio::test]
async fn a_visit_that_its_time_would_let_be_booked_twice_is_booked_once() {
    on_each(async |db| {
        let salon = Salon::open(&db).await;
        let owner = salon.owner().await;
        let anybody = Part { service_id: salon.services[0], master_id: None, pause_minutes: 0 };
        for (key, start, part, overbook) in [
            ("any master", "2026-01-16T12:00:00", anybody, false),
            ("over others", "2026-01-16T14:00:00", salon.cut().into(), true),
        ] {
            let key = Key { text: key, ..KEY };
            let before = salon.count("bookings").await;
            let book = async |ticket: Ticket| {
                let origin = Origin { ticket: Some(ticket), ..owner.origin.clone() };
                let access = Access { origin, ..owner.clone() };
                let new = NewBooking {
                    client: Party::WalkIn { name: None },
                    parts: &[part],
                    start: start.parse().unwrap(),
                    notes: &"".parse().unwrap(),
                    language: None,
                    source: Source::Staff { access: &access, overbook },
                };
                create(&salon.platform, &salon.business, &new).await
            };
            let Begin::Act(died) = begin(&db, key, b"request", NOW).await.unwrap() else { panic!() };
            let booked = book(died).await.unwrap();
            let later = NOW.plus(ABANDONED_AFTER);
            let Begin::Act(next) = begin(&db, key, b"request", later).await.unwrap() else { panic!() };
            assert_eq!(next.made(), Some(booked.id.get()));
            let again = book(next).await;
            assert!(matches!(again, Err(CreateError::Store(StoreError::DoneBefore))), "{again:?}");
            assert_eq!(salon.count("bookings").await, before + 1);
        }
    })
    .await;
}

#[tokio::test]
async fn who_was_taken_for_dead_makes_nothing_any_more() {
    on_each(async |db| {
        Salon::open(&db).await;
        let Begin::Act(slow) = begin(&db, KEY, b"request", NOW).await.unwrap() else { panic!() };
        let Begin::Act(next) = begin(&db, KEY, b"request", NOW.plus(ABANDONED_AFTER)).await.unwrap() else { panic!() };
        assert!(!make(&db, &slow, 7).await);
        assert!(make(&db, &next, 8).await);
    })
    .await;
}

#[tokio::test]
async fn old_keys_go_a_few_at_a_time() {
    on_each(async |db| {
        Salon::open(&db).await;
        let many = usize::try_from(SWEPT_AT_ONCE).unwrap() + 4;
        for number in 0..many {
            let text = number.to_string();
            let begun = begin(&db, Key { text: &text, ..KEY }, b"request", NOW).await.unwrap();
            assert!(matches!(begun, Begin::Act(_)));
        }
        let later = NOW.plus(KEPT_FOR);
        let Begin::Act(_) = begin(&db, Key { text: "new", ..KEY }, b"", later).await.unwrap() else { panic!() };
        assert_eq!(count(&db).await, 4 + 1);
        let Begin::Act(_) = begin(&db, Key { text: "newer", ..KEY }, b"", later).await.unwrap() else { panic!() };
        assert_eq!(count(&db).await, 2);
    })
    .await;
}

async fn count(db: &Db) -> i64 {
    let mut connection = db.read().await.unwrap();
    db::fetch_one!(&mut connection, (i64,), "select count(*) from idempotency_keys").unwrap().0
}
