//! Reminders of visits whose salon changes when it reminds.

use booking::booking::{Booking, replan_all};
use booking::outbox::{self, MessageKind, MessageState, MessageStatus};
use booking::timekeeping;
use db::Db;
use db::testing::on_each;

use crate::inbound::{CLIENT, Chat};
use crate::visits::set;

/// 14:00 on the day after tomorrow: the clock stands 52 hours before.
const START: &str = "2026-01-16T14:00:00";

async fn booked(db: &Db, hours: &[u32]) -> (Chat, Booking) {
    let mut chat = Chat::open(db).await;
    chat.hear("A", "привет").await;
    set(db, &mut chat.salon, |settings| settings.messages.reminder_hours = Some(hours.to_vec())).await;
    let visit = chat.salon.book(START, CLIENT).await.unwrap();
    assert_eq!(chat.send().await.len(), 1, "the confirmation");
    (chat, visit)
}

/// The salon reminds at other hours from now on.
async fn change(db: &Db, chat: &mut Chat, hours: &[u32]) {
    set(db, &mut chat.salon, |settings| settings.messages.reminder_hours = Some(hours.to_vec())).await;
    // Planning the same anew changes nothing.
    for _ in 0..2 {
        let mut tx = db.begin().await.unwrap();
        replan_all(&mut tx, chat.salon.business.id).await.unwrap();
        tx.commit().await.unwrap();
        timekeeping::round(&chat.salon.platform).await.unwrap();
    }
}

async fn reminders(db: &Db, visit: &Booking) -> Vec<MessageStatus> {
    let mut connection = db.read().await.unwrap();
    let messages = outbox::of_booking(&mut connection, visit.business_id, visit.id).await.unwrap();
    messages.into_iter().filter(|message| message.kind == MessageKind::Reminder).collect()
}

async fn planned(db: &Db, visit: &Booking) -> Vec<i64> {
    let reminders = reminders(db, visit).await;
    let planned = reminders.iter().filter(|message| message.state == MessageState::Planned);
    planned.map(|message| visit.starts_at.since(message.due_at) / 3_600).collect()
}

#[tokio::test]
async fn who_was_reminded_an_hour_ago_is_not_reminded_again() {
    on_each(async |db| {
        let (mut chat, visit) = booked(&db, &[24, 2]).await;
        chat.salon.travel_hours(28);
        assert_eq!(chat.send().await.len(), 1, "the day before");
        change(&db, &mut chat, &[23, 2]).await;
        assert_eq!(planned(&db, &visit).await, [2]);
        chat.salon.travel_hours(2);
        assert!(chat.send().await.is_empty());
        // A wish that is far enough from what has left is granted, and the first hours are no new ones.
        change(&db, &mut chat, &[24, 5, 2]).await;
        assert_eq!(planned(&db, &visit).await, [5, 2]);
        chat.salon.travel_hours(20);
        assert_eq!(chat.send().await.len(), 2, "all that is due");
        assert_eq!(reminders(&db, &visit).await.len(), 3);
    })
    .await;
}

#[tokio::test]
async fn who_was_to_be_reminded_is_also_if_the_new_hours_have_passed() {
    on_each(async |db| {
        let (mut chat, visit) = booked(&db, &[2]).await;
        chat.salon.travel_hours(40);
        change(&db, &mut chat, &[24]).await;
        assert_eq!(planned(&db, &visit).await, [2]);
        // Who wants no reminders at all sends none.
        change(&db, &mut chat, &[]).await;
        assert_eq!(planned(&db, &visit).await, [0_i64; 0]);
        change(&db, &mut chat, &[3]).await;
        assert_eq!(planned(&db, &visit).await, [3]);
    })
    .await;
}

#[tokio::test]
async fn a_reminder_that_waits_for_the_account_is_not_lost_when_all_are_planned_anew() {
    on_each(async |db| {
        let (mut chat, visit) = booked(&db, &[24]).await;
        // Nobody sends for an hour after it was due.
        chat.salon.travel_hours(29);
        change(&db, &mut chat, &[24]).await;
        assert_eq!(planned(&db, &visit).await, [24]);
        assert_eq!(chat.send().await.len(), 1);
        change(&db, &mut chat, &[24]).await;
        chat.salon.travel_hours(1);
        assert!(chat.send().await.is_empty());
        assert_eq!(reminders(&db, &visit).await.len(), 1);
    })
    .await;
}
