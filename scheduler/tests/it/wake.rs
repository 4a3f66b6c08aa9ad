//! Processes that share a PostgreSQL database wake each other.

use std::time::Duration;

use booking::account::AccountState;

use crate::support::{CLIENT, PATIENCE, on_postgres};

/// By itself a dispatcher would look again after the test has failed.
const NEVER: Duration = PATIENCE.saturating_mul(10);

#[tokio::test(flavor = "multi_thread")]
async fn a_booking_in_one_process_wakes_the_one_that_holds_the_account() {
    on_postgres(async |salon| {
        let holder = salon.spawn_with(salon.platform.clone(), &salon.sandbox, NEVER).await;
        salon.wait_for(AccountState::Online).await;
        let elsewhere = salon.elsewhere().await;
        let other = salon.spawn_with(elsewhere.clone(), &salon.sandbox, NEVER).await;
        for (count, time) in (1..=3).zip([0, 4, 8]) {
            salon.book_at(&elsewhere, time, CLIENT).await;
            salon.inbox(CLIENT, count).await;
        }
        assert_eq!((holder.live.count(), other.live.count()), ((1, 1), (0, 0)));
        other.finish().await;
        holder.finish().await;
        elsewhere.db.close().await;
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_account_that_is_given_back_is_taken_by_another_process() {
    on_postgres(async |salon| {
        let elsewhere = salon.elsewhere().await;
        let first = salon.spawn().await;
        salon.wait_for(AccountState::Online).await;
        let second = salon.spawn_with(elsewhere.clone(), &salon.sandbox, Duration::from_secs(2)).await;
        first.finish().await;
        let booking = salon.book_at(&elsewhere, 0, CLIENT).await;
        salon.inbox(CLIENT, 1).await;
        assert_eq!(second.live.count(), (1, 1));
        assert_eq!(salon.messages(&booking).await.first().map(|message| message.attempts), Some(1));
        second.finish().await;
        elsewhere.db.close().await;
    })
    .await;
}
