//! What happens when the process that holds an account dies.

use std::collections::BTreeSet;

use booking::account::AccountState;

use crate::support::{AFTERNOON, CLIENT, on_each};

const DAY: i64 = 86_400;
const HOUR: i64 = 3_600;

#[tokio::test(flavor = "multi_thread")]
async fn after_kill_9_the_other_process_sends_the_reminders_each_once() {
    on_each(async |salon| {
        let first = salon.spawn_process();
        salon.wait_for(AccountState::Online).await;
        let second = salon.spawn_process();
        let booking = salon.book(AFTERNOON, CLIENT).await;
        salon.inbox(CLIENT, 1).await;
        drop(first);
        salon.travel_to(booking.starts_at.plus(-DAY));
        salon.inbox(CLIENT, 2).await;
        salon.travel_to(booking.starts_at.plus(-2 * HOUR));
        let inbox = salon.inbox(CLIENT, 3).await;
        drop(second);
        let ids: BTreeSet<_> = inbox.iter().map(|message| message.id.as_str()).collect();
        assert_eq!((inbox.len(), ids.len()), (3, 3), "{inbox:?}");
        assert!(inbox.iter().all(|message| message.undecryptable.is_none()));
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_process_that_dies_while_it_sends_loses_and_repeats_nothing() {
    on_each(async |salon| {
        let phones: Vec<String> = (0..20).map(|number| format!("7777000{number:04}")).collect();
        let first = salon.spawn_process();
        salon.wait_for(AccountState::Online).await;
        for phone in &phones {
            salon.book(0, phone).await;
        }
        // Some have left by now and some have not.
        salon.inbox(&phones[3], 1).await;
        drop(first);
        let second = salon.spawn_process();
        for phone in &phones {
            let inbox = salon.inbox(phone, 1).await;
            assert!(inbox.len() == 1 && inbox[0].undecryptable.is_none(), "{inbox:?}");
        }
        drop(second);
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_process_that_is_told_to_stop_while_it_sends_finishes_what_it_began_and_leaves_the_rest() {
    on_each(async |salon| {
        let phones: Vec<String> = (0..20).map(|number| format!("7777000{number:04}")).collect();
        let mut first = salon.spawn_process();
        salon.wait_for(AccountState::Online).await;
        let mut visits = Vec::new();
        for phone in &phones {
            visits.push(salon.book(0, phone).await);
        }
        salon.inbox(&phones[3], 1).await;
        first.signal("TERM");
        assert!(first.ended().success());
        // Nothing that left is left in doubt: nobody has to send it once more to be sure.
        for (visit, phone) in visits.iter().zip(&phones) {
            let message = salon.messages(visit).await.swap_remove(0);
            let arrived = salon.sandbox.inbox(phone, 0).map_or(0, |inbox| inbox.len());
            assert_eq!(arrived == 1, message.sent_at.is_some(), "{message:?}");
        }
        let second = salon.spawn_process();
        for phone in &phones {
            assert_eq!(salon.inbox(phone, 1).await.len(), 1);
        }
        drop(second);
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_dispatcher_that_ends_gives_its_accounts_back_at_once() {
    on_each(async |salon| {
        let running = salon.spawn().await;
        salon.wait_for(AccountState::Online).await;
        assert_eq!(running.live.count(), (1, 1));
        running.finish().await;
        let free = booking::lease::free_accounts(&salon.platform.db, salon.platform.clock.real_now(), true, 10).await;
        assert_eq!(free.expect("accounts").len(), 1);
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_dispatcher_whose_lease_was_taken_lets_go_and_comes_back_when_it_is_free() {
    on_each(async |salon| {
        let running = salon.spawn().await;
        salon.wait_for(AccountState::Online).await;
        salon.set_lease("another", i64::MAX).await;
        while running.live.count() != (0, 0) {
            tokio::time::sleep(std::time::Duration::from_millis(20)).await;
        }
        let booking = salon.book(0, CLIENT).await;
        salon.set_lease("another", 0).await;
        let inbox = salon.inbox(CLIENT, 1).await;
        assert_eq!(inbox.len(), 1);
        assert_eq!(salon.messages(&booking).await[0].attempts, 1);
        running.finish().await;
    })
    .await;
}
