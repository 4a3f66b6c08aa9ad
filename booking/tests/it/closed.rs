//! A business that is closed, because it is suspended or its trial is over: what stays possible for its clients.

use booking::booking::{
    Action, Booking, BookingState, By, Change, CreateError, Move, MoveError, acknowledge, find, move_visit,
    times_to_move,
};
use booking::business;
use booking::direct;
use booking::hold::{self, HoldError};
use booking::inbound::Outcome;
use booking::outbox::{MessageKind, MessageState};
use booking::slots::{self, Audience, OfferError, Wanted};
use db::Db;
use db::testing::on_each;
use jiff::civil::{Date, date};

use crate::inbound::{CLIENT, Chat};
use crate::salon::{ORIGIN, Salon};

const DAY: Date = date(2026, 1, 16);

async fn run(db: &Db, salon: &mut Salon, sql: &'static str) {
    let mut tx = db.begin().await.unwrap();
    tx.run_script(sql).await.unwrap();
    tx.commit().await.unwrap();
    salon.business = business::by_id(&mut db.read().await.unwrap(), salon.business.id).await.unwrap().unwrap();
}

async fn nothing_new(salon: &Salon, visit: &Booking) {
    let Salon { platform, business, .. } = salon;
    let part = [salon.cut().into()];
    let booked = salon.book("2026-01-16T16:00:00", "87770000001").await;
    assert!(matches!(booked, Err(CreateError::Suspended)), "{booked:?}");
    let held = hold::hold(platform, business, &part, "2026-01-16T16:00:00".parse().unwrap(), &ORIGIN).await;
    assert!(matches!(held, Err(HoldError::Create(CreateError::Suspended))), "{held:?}");
    let free = slots::free(platform, business, Wanted::Visit(&part), (DAY, DAY), Audience::Public).await;
    assert!(matches!(free, Err(OfferError::Suspended)), "{free:?}");
    let client = By::Client { business_id: business.id, origin: &ORIGIN };
    let times = times_to_move(platform, client, visit.id, None, (DAY, DAY)).await;
    assert!(matches!(times, Err(MoveError::Visit(CreateError::Suspended))), "{times:?}");
    let start = "2026-01-16T16:00:00".parse().unwrap();
    let to = Move { start, parts: None, reason: None, version: None, late: false, notify: true };
    let moved = move_visit(platform, client, visit.id, &to).await;
    assert!(matches!(moved, Err(MoveError::Visit(CreateError::Suspended))), "{moved:?}");
}

#[tokio::test]
async fn in_a_closed_business_clients_promise_nothing_new_and_call_off_what_they_have() {
    const CLOSED: [&str; 2] =
        ["update businesses set state = 'suspended'", "update businesses set state = 'trial', trial_ends_at = 1"];
    for close in CLOSED {
        on_each(async |db| {
            let mut salon = Salon::open(&db).await;
            let visit = salon.book("2026-01-16T11:00:00", "87771234567").await.unwrap();
            run(&db, &mut salon, close).await;
            nothing_new(&salon, &visit).await;
            let choices = visit.choices(&salon.business, &salon.platform);
            assert!(choices.cancel_until.is_some() && choices.move_until.is_none(), "{choices:?}");
            let client = By::Client { business_id: salon.business.id, origin: &ORIGIN };
            acknowledge(&salon.platform, client, visit.id).await.unwrap();
            let found = find(&mut db.read().await.unwrap(), salon.business.id, visit.id).await.unwrap().unwrap();
            assert!(found.acknowledged_at.is_some() && found.starts_at == visit.starts_at && found.version == 1);
            let cancelled = salon.as_client(visit.id, &Change::of(Action::Cancel)).await.unwrap();
            assert_eq!(cancelled.state, BookingState::Cancelled);
            let messages =
                booking::outbox::of_booking(&mut db.read().await.unwrap(), salon.business.id, visit.id).await.unwrap();
            let planned = messages.iter().filter(|message| message.state == MessageState::Planned);
            assert_eq!(planned.map(|message| message.kind).collect::<Vec<_>>(), [MessageKind::Cancellation]);
            // Open again, it is as before.
            run(&db, &mut salon, "update businesses set state = 'active'").await;
            salon.book("2026-01-16T11:00:00", "87771234567").await.unwrap();
        })
        .await;
    }
}

#[tokio::test]
async fn what_the_staff_of_a_suspended_business_wrote_waits_and_what_is_about_visits_goes_out() {
    on_each(async |db| {
        let mut chat = Chat::open(&db).await;
        chat.hear("A", "привет").await;
        chat.salon.book("2026-01-16T11:00:00", CLIENT).await.unwrap();
        let phone = CLIENT.parse().unwrap();
        let (platform, business) = (&chat.salon.platform, &chat.salon.business);
        let written = direct::send(platform, business, &phone, &"Скидка".parse().unwrap(), None).await.unwrap();
        run(&db, &mut chat.salon, "update businesses set state = 'suspended'").await;
        let sent = chat.send().await;
        assert_eq!(sent.len(), 1, "{sent:?}");
        assert!(!sent[0].contains("Скидка"), "the confirmation");
        let mut connection = db.read().await.unwrap();
        let waiting = booking::outbox::find(&mut connection, chat.salon.business.id, written).await.unwrap().unwrap();
        drop(connection);
        assert_eq!((waiting.state, waiting.error.as_deref()), (MessageState::Planned, Some("business-suspended")));
        run(&db, &mut chat.salon, "update businesses set state = 'active'").await;
        chat.salon.travel_seconds(3_600);
        assert!(chat.send().await.iter().any(|text| text.contains("Скидка")));
    })
    .await;
}

#[tokio::test]
async fn in_the_chat_of_a_suspended_business_a_visit_can_be_called_off() {
    on_each(async |db| {
        let mut chat = Chat::open(&db).await;
        let visit = chat.salon.book("2026-01-16T11:00:00", CLIENT).await.unwrap();
        chat.send().await;
        run(&db, &mut chat.salon, "update businesses set state = 'suspended'").await;
        assert_eq!(chat.hear("A", "2").await, Outcome::CancelAsked);
        chat.send().await;
        assert_eq!(chat.hear("B", "2").await, Outcome::Cancelled);
        assert_eq!(chat.visit(&visit).await.state, BookingState::Cancelled);
    })
    .await;
}
