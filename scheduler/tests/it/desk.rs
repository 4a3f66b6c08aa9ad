//! Accounts that another process holds, and what clients write to them.

use std::time::Duration;

use booking::account::{self, Account, AccountState};
use booking::outbox::MessageState::{Cancelled, Delivered, Planned};
use fixtures::sandbox::{InboxMessage, ScanOptions};
use scheduler::desk::Desk;
use wa_client::store::SealingKey;

use crate::support::{AFTERNOON, CLIENT, PATIENCE, SEALING_KEY, Salon, on_each, text};

impl Salon {
    /// The desk of a process that holds nothing.
    fn desk(&self) -> Desk {
        Desk::new(self.platform.clone(), SealingKey::new(SEALING_KEY))
    }

    async fn account(&self) -> Account {
        let mut connection = self.platform.db.read().await.expect("connection");
        account::of_business(&mut connection, self.business.id).await.expect("read").expect("account")
    }

    /// Lets the client write to the salon; waits until their phone shows so many messages, their own among them.
    async fn hear(&self, words: &str, count: usize) -> Vec<InboxMessage> {
        let salon = self.account().await.phone.expect("linked");
        self.sandbox.send_from_phone(CLIENT, salon.expose(), words).expect("the client writes");
        self.inbox(CLIENT, count).await
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_account_of_another_process_is_checked_unlinked_and_linked_again() {
    on_each(async |salon| {
        let process = salon.spawn_process();
        salon.wait_for(AccountState::Online).await;
        let desk = salon.desk();
        let account = salon.account().await;
        assert_eq!(desk.check(account.id, vec![CLIENT.to_owned()]).await.expect("an answer"), [Some(true)]);
        let booking = salon.book(AFTERNOON, CLIENT).await;
        salon.inbox(CLIENT, 1).await;

        desk.logout(account.id).await.expect("logged out");
        let gone = salon.account().await;
        assert!(!gone.is_linked() && gone.by_hand && gone.phone.is_some());
        assert!(desk.qr(account.id).await.expect("read").is_none(), "nobody looks for a phone");

        // In a sandbox phones scan by themselves, but not for whoever logged out by hand.
        desk.look_for_phone(account.id).await.expect("noted");
        let code = tokio::time::timeout(PATIENCE, async {
            loop {
                if let Some(code) = desk.qr(account.id).await.expect("read") {
                    return code;
                }
                tokio::time::sleep(Duration::from_millis(50)).await;
            }
        });
        let code = code.await.expect("a code in time");
        let number = gone.phone.expect("its number").expose().to_owned();
        let mut options = ScanOptions::default();
        options.phone = Some(number);
        salon.sandbox.scan_qr(&code.text, &options).expect("the phone scans");
        salon.wait_for(AccountState::Online).await;
        assert!(salon.account().await.is_linked());
        assert!(desk.qr(account.id).await.expect("read").is_none(), "a used code is not shown");
        // What was planned before is still there.
        salon.wait_for_states(&booking, &[Delivered, Planned, Planned]).await;
        drop(process);
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_client_confirms_and_calls_off_in_the_chat() {
    on_each(async |salon| {
        let running = salon.spawn().await;
        let booking = salon.book(AFTERNOON, CLIENT).await;
        salon.inbox(CLIENT, 1).await;
        let thanked = salon.hear("да", 3).await;
        assert!(text(&thanked[2]).starts_with("Спасибо!"), "{}", text(&thanked[2]));
        let asked = salon.hear("2", 5).await;
        assert!(text(&asked[4]).starts_with("Отменить запись"), "{}", text(&asked[4]));
        let off = salon.hear("ОТМЕНА", 7).await;
        assert!(text(&off[6]).contains("отмен"), "{}", text(&off[6]));
        let states: Vec<_> = salon.messages(&booking).await.into_iter().map(|message| message.state).collect();
        assert_eq!(states.iter().filter(|state| **state == Cancelled).count(), 2, "the reminders: {states:?}");
        running.finish().await;
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn stop_is_obeyed_and_said_once() {
    on_each(async |salon| {
        let running = salon.spawn().await;
        let booking = salon.book(AFTERNOON, CLIENT).await;
        salon.inbox(CLIENT, 1).await;
        let told = salon.hear("Стоп!", 3).await;
        assert!(text(&told[2]).contains("СТАРТ"), "{}", text(&told[2]));
        salon.travel_to(booking.starts_at.plus(-3_600));
        salon.wait_for_states(&booking, &[Delivered, Cancelled, Cancelled]).await;
        assert_eq!(salon.sandbox.inbox(CLIENT, 0).expect("inbox").len(), 3);
        running.finish().await;
    })
    .await;
}
