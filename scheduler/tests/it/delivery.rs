//! What one dispatcher does with the messages of its accounts.

use std::time::Duration;

use booking::account::AccountState;
use booking::outbox::MessageState::{Cancelled, Delivered, Expired, Failed, Planned, Read};
use fixtures::sandbox::{Fault, FaultKind, NewPhone, Receipts, Sandbox, SandboxConfig};

use crate::support::{AFTERNOON, CLIENT, on_each, text};

const DAY: i64 = 86_400;
const HOUR: i64 = 3_600;

fn fault(kind: FaultKind) -> Fault {
    Fault { kind, account: None, device: None, times: Some(1) }
}

#[tokio::test]
async fn a_confirmation_arrives_and_its_receipts_are_written_down() {
    on_each(async |salon| {
        let running = salon.spawn().await;
        let booking = salon.book(0, CLIENT).await;
        let inbox = salon.inbox(CLIENT, 1).await;
        assert!(text(&inbox[0]).contains("Вы записаны"), "{}", text(&inbox[0]));
        salon.wait_for_states(&booking, &[Delivered, Planned, Planned]).await;
        salon.sandbox.read(CLIENT, &Receipts::default()).expect("the client reads");
        salon.wait_for_states(&booking, &[Read, Planned, Planned]).await;
        running.finish().await;
    })
    .await;
}

#[tokio::test]
async fn reminders_follow_the_sandboxs_clock_and_stop_at_the_visit() {
    on_each(async |salon| {
        let running = salon.spawn().await;
        let booking = salon.book(AFTERNOON, CLIENT).await;
        salon.inbox(CLIENT, 1).await;
        salon.travel_to(booking.starts_at.plus(-DAY));
        let inbox = salon.inbox(CLIENT, 2).await;
        assert!(text(&inbox[1]).starts_with("Напоминаем:"), "{}", text(&inbox[1]));
        salon.travel_to(booking.starts_at.plus(-2 * HOUR));
        let inbox = salon.inbox(CLIENT, 3).await;
        assert!(text(&inbox[2]).contains("сегодня"), "{}", text(&inbox[2]));
        salon.wait_for_states(&booking, &[Delivered, Delivered, Delivered]).await;
        running.finish().await;
    })
    .await;
}

#[tokio::test]
async fn what_comes_too_late_is_not_sent() {
    on_each(async |salon| {
        let booking = salon.book(0, CLIENT).await;
        salon.travel_to(booking.ends_at.plus(DAY));
        let running = salon.spawn().await;
        salon.wait_for_states(&booking, &[Expired, Expired, Expired]).await;
        assert!(salon.sandbox.inbox(CLIENT, 0).expect("inbox").is_empty());
        running.finish().await;
    })
    .await;
}

#[tokio::test]
async fn a_number_that_is_not_on_whatsapp_fails_and_the_others_go_on() {
    on_each(async |salon| {
        let nobody = NewPhone { phone: Some("77770000001".to_owned()), exists: Some(false), ..NewPhone::default() };
        salon.sandbox.create_phone(nobody).expect("declared");
        let running = salon.spawn().await;
        salon.wait_for(AccountState::Online).await;
        let lost = salon.book(0, "77770000001").await;
        let fine = salon.book(4, CLIENT).await;
        salon.inbox(CLIENT, 1).await;
        salon.wait_for_states(&fine, &[Delivered, Planned, Planned]).await;
        salon.wait_for_states(&lost, &[Failed, Planned, Planned]).await;
        assert_eq!(salon.messages(&lost).await[0].error.as_deref(), Some("not-on-whatsapp"));
        running.finish().await;
    })
    .await;
}

#[tokio::test]
async fn a_refusal_that_repetition_makes_worse_is_final() {
    on_each(async |salon| {
        let running = salon.spawn().await;
        salon.wait_for(AccountState::Online).await;
        salon.sandbox.add_fault(fault(FaultKind::AckError { code: 463 }));
        let booking = salon.book(0, CLIENT).await;
        salon.wait_for_states(&booking, &[Failed, Planned, Planned]).await;
        let messages = salon.messages(&booking).await;
        assert_eq!((messages[0].attempts, messages[0].error.as_deref()), (1, Some("new-contact-refused")));
        running.finish().await;
    })
    .await;
}

#[tokio::test]
async fn a_message_whose_ack_was_lost_is_sent_again_and_shown_once() {
    on_each(async |salon| {
        let running = salon.spawn().await;
        salon.wait_for(AccountState::Online).await;
        let quiet = Receipts { auto_deliver: Some(false), ..Receipts::default() };
        salon.book(0, CLIENT).await;
        salon.inbox(CLIENT, 1).await;
        salon.sandbox.deliver(CLIENT, &quiet).expect("the phone falls silent");
        salon.sandbox.add_fault(fault(FaultKind::AckDrop));
        let booking = salon.book(4, CLIENT).await;
        salon.inbox(CLIENT, 2).await;
        let confirmed = async {
            while salon.messages(&booking).await[0].sent_at.is_none() {
                tokio::time::sleep(Duration::from_millis(50)).await;
            }
        };
        tokio::time::timeout(crate::support::PATIENCE, confirmed).await.expect("the second attempt is confirmed");
        assert_eq!(salon.messages(&booking).await[0].attempts, 2);
        assert_eq!(salon.sandbox.inbox(CLIENT, 0).expect("inbox").len(), 2);
        running.finish().await;
    })
    .await;
}

#[tokio::test]
async fn a_pairing_that_the_sandbox_forgot_is_made_anew() {
    on_each(async |salon| {
        let running = salon.spawn().await;
        salon.book(0, CLIENT).await;
        salon.inbox(CLIENT, 1).await;
        running.finish().await;
        let config = SandboxConfig { no_tls: true, auto_deliver: true, ..SandboxConfig::default() };
        let forgetful = Sandbox::start(config).await.expect("another sandbox starts");
        let running = salon.spawn_at(&forgetful).await;
        let booking = salon.book(4, CLIENT).await;
        salon.wait_for_states(&booking, &[Delivered, Planned, Planned]).await;
        let inbox = forgetful.inbox(CLIENT, 0).expect("inbox");
        assert!(inbox.len() == 1 && inbox[0].undecryptable.is_none(), "{inbox:?}");
        running.finish().await;
    })
    .await;
}

#[tokio::test]
async fn a_cancelled_visit_has_no_reminders_and_tells_so() {
    on_each(async |salon| {
        let running = salon.spawn().await;
        let booking = salon.book(0, CLIENT).await;
        salon.inbox(CLIENT, 1).await;
        salon.cancel(&booking).await;
        let inbox = salon.inbox(CLIENT, 2).await;
        assert!(text(&inbox[1]).contains("отмен"), "{}", text(&inbox[1]));
        salon.travel_to(booking.starts_at.plus(-HOUR));
        salon.wait_for_states(&booking, &[Delivered, Delivered, Cancelled, Cancelled]).await;
        assert_eq!(salon.sandbox.inbox(CLIENT, 0).expect("inbox").len(), 2);
        running.finish().await;
    })
    .await;
}
