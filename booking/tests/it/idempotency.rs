//! Requests that are repeated.

use booking::clock::Timestamp;
use booking::idempotency::{ABANDONED_AFTER, Begin, KEPT_FOR, begin, finish, forget};
use db::testing::on_each;

use crate::salon::Salon;

const NOW: Timestamp = Timestamp::from_seconds(1_768_366_800);

#[tokio::test]
async fn the_first_acts_and_the_others_get_its_answer() {
    on_each(async |db| {
        Salon::open(&db).await;
        let Begin::Act(ticket) = begin(&db, "booking", "key", b"request", NOW).await.unwrap() else { panic!() };
        assert_eq!(begin(&db, "booking", "key", b"request", NOW).await.unwrap(), Begin::UnderWay);
        assert_eq!(begin(&db, "booking", "key", b"another", NOW).await.unwrap(), Begin::Mismatch);
        finish(&db, &ticket, 201, "{}").await.unwrap();
        let replay = Begin::Replay { status: 201, answer: "{}".to_owned() };
        let within_a_day = NOW.plus(86_400);
        assert_eq!(begin(&db, "booking", "key", b"request", within_a_day).await.unwrap(), replay);
        assert_eq!(begin(&db, "booking", "key", b"another", within_a_day).await.unwrap(), Begin::Mismatch);
        let elsewhere = begin(&db, "other", "key", b"another", NOW).await.unwrap();
        assert!(matches!(elsewhere, Begin::Act(_)), "{elsewhere:?}");
        let later = begin(&db, "booking", "key", b"another", NOW.plus(KEPT_FOR + 1)).await.unwrap();
        assert!(matches!(later, Begin::Act(_)), "{later:?}");
    })
    .await;
}

#[tokio::test]
async fn a_request_that_failed_or_died_frees_its_key() {
    on_each(async |db| {
        Salon::open(&db).await;
        let Begin::Act(failed) = begin(&db, "booking", "key", b"request", NOW).await.unwrap() else { panic!() };
        forget(&db, &failed).await.unwrap();
        let Begin::Act(died) = begin(&db, "booking", "key", b"other", NOW).await.unwrap() else { panic!() };
        let later = NOW.plus(ABANDONED_AFTER);
        let Begin::Act(next) = begin(&db, "booking", "key", b"request", later).await.unwrap() else { panic!() };
        // Who was taken for dead and comes back changes nothing.
        finish(&db, &died, 500, "late").await.unwrap();
        forget(&db, &died).await.unwrap();
        assert_eq!(begin(&db, "booking", "key", b"request", later).await.unwrap(), Begin::UnderWay);
        finish(&db, &next, 201, "{}").await.unwrap();
    })
    .await;
}
