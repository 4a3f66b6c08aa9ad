//! What clients write in the chat, and whom the account may write to.

use booking::access::{Access, Origin};
use booking::account;
use booking::booking::{self as visits, Booking, BookingState};
use booking::bulk::{self, Recipients};
use booking::clock::Timestamp;
use booking::contact;
use booking::direct::{self, DirectError};
use booking::id::AccountId;
use booking::inbound::{self, Incoming, Outcome};
use booking::lease::{self, Lease};
use booking::outbox::{self, MessageKind, MessageState, OutboxMessage};
use booking::phone::Phone;
use booking::settings::Switches;
use booking::user::Role;
use db::testing::on_each;

use crate::salon::Salon;

pub(crate) const CLIENT: &str = "77771234567";
const JID: &str = "77771234567@s.whatsapp.net";

/// The salon with its account, and the lease of it.
pub(crate) struct Chat {
    pub(crate) salon: Salon,
    account_id: AccountId,
    lease: Lease,
}

impl Chat {
    pub(crate) async fn open(db: &db::Db) -> Self {
        let salon = Salon::open(db).await;
        let mut connection = db.read().await.unwrap();
        let account_id = account::of_business(&mut connection, salon.business.id).await.unwrap().unwrap().id;
        drop(connection);
        let phone: Phone = "77010000001".parse().unwrap();
        let now = salon.platform.clock.real_now();
        account::set_identity(db, account_id, &phone, "77010000001:1@s.whatsapp.net", None, now).await.unwrap();
        let lease = lease::acquire(db, account_id, "a", now, 300).await.unwrap().unwrap();
        Self { salon, account_id, lease }
    }

    fn now(&self) -> Timestamp {
        self.salon.platform.clock.now()
    }

    async fn claim(&self) -> Vec<OutboxMessage> {
        let platform = &self.salon.platform;
        outbox::claim_due(&platform.db, &platform.policy, &self.lease, self.now(), 50).await.unwrap()
    }

    /// Sends everything that may go out now; gives the texts.
    pub(crate) async fn send(&self) -> Vec<String> {
        let claimed = self.claim().await;
        for message in &claimed {
            outbox::mark_sent(&self.salon.platform.db, message, self.now()).await.unwrap();
        }
        claimed.into_iter().map(|message| message.text).collect()
    }

    pub(crate) async fn hear(&self, id: &str, text: &str) -> Outcome {
        let phone: Phone = CLIENT.parse().unwrap();
        let incoming = Incoming { chat: JID, wa_message_id: id, phone: Some(&phone), text: Some(text), at: self.now() };
        inbound::receive(&self.salon.platform, self.account_id, &incoming).await.unwrap()
    }

    pub(crate) async fn visit(&self, booking: &Booking) -> Booking {
        let mut connection = self.salon.platform.db.read().await.unwrap();
        visits::find(&mut connection, booking.business_id, booking.id).await.unwrap().unwrap()
    }

    async fn confirmed_at(&self, booking: &Booking) -> Option<i64> {
        let mut connection = self.salon.platform.db.read().await.unwrap();
        let sql = "select acknowledged_at from bookings where id = $1";
        db::fetch_one!(&mut connection, (Option<i64>,), sql, booking.id).unwrap().0
    }

    fn access(&self) -> Access {
        Access {
            business_id: self.salon.business.id,
            origin: Origin::system(),
            role: Role::Owner,
            master_id: None,
            sees: Switches::ALL,
        }
    }
}

#[tokio::test]
async fn yes_confirms_the_visit_and_is_thanked_once() {
    on_each(async |db| {
        let chat = Chat::open(&db).await;
        let visit = chat.salon.book("2026-01-16T14:00:00", CLIENT).await.unwrap();
        assert_eq!(chat.send().await.len(), 1, "the confirmation");
        assert_eq!(chat.hear("A", "Да!").await, Outcome::Confirmed);
        assert_eq!(chat.confirmed_at(&visit).await, Some(chat.now().seconds()));
        assert_eq!(chat.send().await.len(), 1, "thanks");
        // The same message again, as after a crash; and another one that says the same.
        chat.hear("A", "Да!").await;
        assert_eq!(chat.hear("B", "1").await, Outcome::Confirmed);
        assert!(chat.send().await.is_empty(), "thanked twice");
    })
    .await;
}

#[tokio::test]
async fn yes_to_a_time_that_was_is_no_yes_to_the_new_one() {
    on_each(async |db| {
        let chat = Chat::open(&db).await;
        let visit = chat.salon.book("2026-01-16T14:00:00", CLIENT).await.unwrap();
        chat.send().await;
        chat.salon.travel_seconds(60);
        let owner = chat.access();
        let to = visits::Move {
            start: "2026-01-16T16:00:00".parse().unwrap(),
            parts: None,
            reason: None,
            version: None,
            late: false,
            notify: true,
        };
        visits::move_visit(&chat.salon.platform, visits::By::Staff(&owner), visit.id, &to).await.unwrap();
        // They have not been told yet.
        assert_eq!(chat.hear("A", "Да!").await, Outcome::Unread);
        assert_eq!(chat.confirmed_at(&visit).await, None);
        chat.salon.travel_seconds(60);
        assert_eq!(chat.send().await.len(), 1, "the word of the move");
        assert_eq!(chat.hear("B", "Да!").await, Outcome::Confirmed);
        assert!(chat.confirmed_at(&visit).await.is_some());
    })
    .await;
}

#[tokio::test]
async fn no_asks_once_and_then_calls_the_visit_off() {
    on_each(async |db| {
        let chat = Chat::open(&db).await;
        let visit = chat.salon.book("2026-01-16T14:00:00", CLIENT).await.unwrap();
        chat.send().await;
        assert_eq!(chat.hear("A", "2").await, Outcome::CancelAsked);
        // A message that is handed in twice is not the second no.
        chat.hear("A", "2").await;
        assert_eq!(chat.visit(&visit).await.state, BookingState::Confirmed);
        let asked = chat.send().await;
        assert!(asked.len() == 1 && asked[0].contains("14:00"), "{asked:?}");
        assert_eq!(chat.hear("B", "отмена").await, Outcome::Cancelled);
        assert_eq!(chat.visit(&visit).await.state, BookingState::Cancelled);
        assert_eq!(chat.send().await.len(), 1, "the word that it is off");
        assert_eq!(chat.hear("C", "2").await, Outcome::Unread, "there is nothing to cancel");
    })
    .await;
}

#[tokio::test]
async fn a_no_that_is_taken_back_cancels_nothing() {
    on_each(async |db| {
        let chat = Chat::open(&db).await;
        let visit = chat.salon.book("2026-01-16T14:00:00", CLIENT).await.unwrap();
        chat.send().await;
        chat.hear("A", "нет").await;
        chat.send().await;
        assert_eq!(chat.hear("B", "да").await, Outcome::Confirmed);
        chat.send().await;
        assert_eq!(chat.hear("C", "нет").await, Outcome::CancelAsked, "asked again, not cancelled");
        assert_eq!(chat.visit(&visit).await.state, BookingState::Confirmed);
    })
    .await;
}

#[tokio::test]
async fn an_answer_is_about_the_visit_that_was_written_about_last() {
    on_each(async |db| {
        let chat = Chat::open(&db).await;
        let first = chat.salon.book("2026-01-16T14:00:00", CLIENT).await.unwrap();
        chat.send().await;
        assert_eq!(chat.hear("A", "2").await, Outcome::CancelAsked);
        chat.send().await;
        chat.salon.travel_hours(1);
        let second = chat.salon.book("2026-01-17T15:00:00", CLIENT).await.unwrap();
        chat.send().await;
        assert_eq!(chat.hear("B", "2").await, Outcome::CancelAsked, "about the other visit");
        assert_eq!(chat.visit(&first).await.state, BookingState::Confirmed);
        assert_eq!(chat.visit(&second).await.state, BookingState::Confirmed);
    })
    .await;
}

#[tokio::test]
async fn too_late_a_no_is_told_whom_to_call() {
    on_each(async |db| {
        let chat = Chat::open(&db).await;
        // It is 10:00; the visit is at 11:30, and two hours before it the time to cancel is over.
        let visit = chat.salon.book("2026-01-14T11:30:00", CLIENT).await.unwrap();
        chat.send().await;
        chat.hear("A", "жоқ").await;
        chat.send().await;
        assert_eq!(chat.hear("B", "2").await, Outcome::CancelRefused);
        let told = chat.send().await;
        let phone = chat.salon.business.phone.display();
        assert!(told.len() == 1 && told[0].contains(&phone), "{told:?}");
        assert_eq!(chat.visit(&visit).await.state, BookingState::Confirmed);
    })
    .await;
}

#[tokio::test]
async fn what_is_not_understood_is_left_to_a_person() {
    on_each(async |db| {
        let chat = Chat::open(&db).await;
        let visit = chat.salon.book("2026-01-16T14:00:00", CLIENT).await.unwrap();
        assert_eq!(chat.hear("0", "2").await, Outcome::Unread, "nothing was written to them yet");
        chat.send().await;
        assert_eq!(chat.hear("A", "можно на час позже?").await, Outcome::Unread);
        let mut connection = db.read().await.unwrap();
        let business_id = chat.salon.business.id;
        assert_eq!(inbound::unread(&mut connection, business_id).await.unwrap(), 2);
        let filter = inbound::InboundFilter { limit: 10, unread: true, ..Default::default() };
        let found = inbound::list(&mut connection, business_id, &filter).await.unwrap();
        assert_eq!(found[0].text.as_deref(), Some("можно на час позже?"));
        drop(connection);
        let mut tx = db.begin().await.unwrap();
        assert!(inbound::mark_read(&mut tx, business_id, found[0].id, chat.now()).await.unwrap());
        assert!(!inbound::mark_read(&mut tx, booking::id::BusinessId::new(99), found[0].id, chat.now()).await.unwrap());
        tx.commit().await.unwrap();
        assert_eq!(inbound::unread(&mut db.read().await.unwrap(), business_id).await.unwrap(), 1);
        assert_eq!(chat.visit(&visit).await.state, BookingState::Confirmed);
    })
    .await;
}

#[tokio::test]
async fn stop_is_obeyed_at_once_and_confirmed_once() {
    on_each(async |db| {
        let chat = Chat::open(&db).await;
        let visit = chat.salon.book("2026-01-16T14:00:00", CLIENT).await.unwrap();
        chat.send().await;
        assert_eq!(chat.hear("A", "СТОП").await, Outcome::Stopped);
        assert_eq!(chat.send().await.len(), 1, "said once");
        assert_eq!(chat.hear("B", "стоп!").await, Outcome::Stopped);
        assert!(chat.send().await.is_empty());
        let phone: Phone = CLIENT.parse().unwrap();
        let text = "Скидка".parse().unwrap();
        let refused = direct::send(&chat.salon.platform, &chat.salon.business, &phone, &text, None).await.unwrap_err();
        assert!(matches!(refused, DirectError::OptedOut));
        chat.salon.travel_hours(28);
        assert!(chat.send().await.is_empty(), "the reminder");
        let mut connection = db.read().await.unwrap();
        let messages = outbox::of_booking(&mut connection, visit.business_id, visit.id).await.unwrap();
        assert_eq!(messages[1].error.as_deref(), Some("opted-out"));
        drop(connection);
        assert_eq!(chat.hear("C", "START").await, Outcome::Started);
        assert_eq!(chat.send().await.len(), 1, "and the reminder is not sent late");
    })
    .await;
}

#[tokio::test]
async fn nobody_is_written_to_who_neither_wrote_nor_agreed() {
    on_each(async |db| {
        let chat = Chat::open(&db).await;
        let Salon { platform, business, .. } = &chat.salon;
        let stranger: Phone = "77775550000".parse().unwrap();
        let text = "Здравствуйте".parse().unwrap();
        let refused = direct::send(platform, business, &stranger, &text, None).await.unwrap_err();
        assert!(matches!(refused, DirectError::NoConsent));
        chat.hear("A", "привет").await;
        let given = ["+7 777 123 45 67", "87771234567", "8 777 555 00 00", "call me"].map(str::to_owned).to_vec();
        let many = Recipients::Given(given);
        let job = bulk::create(platform, &chat.access(), business, &many, &text).await.unwrap();
        assert_eq!(job.messages, [(MessageState::Planned, 1)]);
        let skipped: Vec<(&str, i64)> = job.skipped.iter().map(|(reason, count)| (reason.as_str(), *count)).collect();
        assert_eq!(skipped, [("duplicate", 1), ("no-consent", 1), ("phone-invalid", 1)]);
        let rows = bulk::recipients(&mut db.read().await.unwrap(), business.id, job.id, None, 10).await.unwrap();
        assert_eq!(rows.len(), 4);
        let rest = bulk::recipients(&mut db.read().await.unwrap(), business.id, job.id, Some(1), 10).await.unwrap();
        assert_eq!(rest.len(), 2);
        assert_eq!(chat.send().await, ["Здравствуйте"]);
        let done = bulk::find(&mut db.read().await.unwrap(), business.id, job.id).await.unwrap();
        assert_eq!(done.messages, [(MessageState::Sent, 1)]);
        let nobody = bulk::find(&mut db.read().await.unwrap(), booking::id::BusinessId::new(99), job.id).await;
        assert!(matches!(nobody, Err(bulk::BulkError::NotFound)));
    })
    .await;
}

#[tokio::test]
async fn a_text_for_many_can_be_called_off() {
    on_each(async |db| {
        let chat = Chat::open(&db).await;
        let Salon { platform, business, .. } = &chat.salon;
        chat.hear("A", "привет").await;
        let many = Recipients::Given(vec![CLIENT.to_owned()]);
        let job = bulk::create(platform, &chat.access(), business, &many, &"Скидка".parse().unwrap()).await.unwrap();
        let off = bulk::cancel(platform, &chat.access(), job.id).await.unwrap();
        assert_eq!(off.messages, [(MessageState::Cancelled, 1)]);
        assert!(off.cancelled_at.is_some() && chat.send().await.is_empty());
    })
    .await;
}

#[tokio::test]
async fn strangers_have_a_budget_a_day_and_wait_for_the_next() {
    on_each(async |db| {
        let mut chat = Chat::open(&db).await;
        let policy = std::sync::Arc::make_mut(&mut chat.salon.platform.policy);
        policy.cold_per_day = 2;
        let mut visits = Vec::new();
        for (hour, last) in (10..14).zip(0..) {
            let (start, phone) = (format!("2026-01-16T{hour}:00:00"), format!("7777000000{last}"));
            visits.push(chat.salon.book(&start, &phone).await.unwrap());
        }
        assert_eq!(chat.send().await.len(), 2);
        let mut connection = db.read().await.unwrap();
        let waiting = outbox::of_booking(&mut connection, visits[3].business_id, visits[3].id).await.unwrap();
        assert_eq!((waiting[0].state, waiting[0].error.as_deref()), (MessageState::Planned, Some("cold-budget")));
        assert_eq!(waiting[0].attempts, 0, "waiting is no attempt");
        drop(connection);
        // Whoever writes is a stranger no more.
        let phone: Phone = "77770000003".parse().unwrap();
        let incoming = Incoming {
            chat: "77770000003@s.whatsapp.net",
            wa_message_id: "A",
            phone: Some(&phone),
            text: None,
            at: chat.now(),
        };
        inbound::receive(&chat.salon.platform, chat.account_id, &incoming).await.unwrap();
        assert_eq!(chat.send().await.len(), 1);
        // The next day at nine, with a reminder each for those of yesterday: the budget is for new ones.
        chat.salon.travel_hours(23);
        assert!(chat.send().await.iter().any(|text| text.contains("12:00")), "the third confirmation");
    })
    .await;
}

#[tokio::test]
async fn nothing_goes_out_at_night_but_what_somebody_waits_for() {
    on_each(async |db| {
        let chat = Chat::open(&db).await;
        let Salon { platform, business, .. } = &chat.salon;
        chat.hear("A", "привет").await;
        chat.salon.travel_hours(13);
        let phone: Phone = CLIENT.parse().unwrap();
        let text = "Здравствуйте".parse().unwrap();
        let id = direct::send(platform, business, &phone, &text, None).await.unwrap();
        assert!(chat.send().await.is_empty(), "it is 23:00");
        let found = outbox::find(&mut db.read().await.unwrap(), business.id, id).await.unwrap().unwrap();
        assert_eq!(found.error.as_deref(), Some("quiet-hours"));
        assert_eq!(business.zone.wall(found.next_at).to_string(), "2026-01-15T09:00:00");
        let late = chat.salon.book("2026-01-16T14:00:00", "77775550000").await.unwrap();
        assert_eq!(chat.send().await.len(), 1, "the confirmation of what was just booked");
        assert_eq!(late.state, BookingState::Confirmed);
        // Whoever writes at night is answered at night.
        chat.hear("B", "вы работаете?").await;
        assert_eq!(chat.send().await, ["Здравствуйте"]);
    })
    .await;
}

#[tokio::test]
async fn a_refusal_of_whatsapp_stops_messages_to_strangers_only() {
    on_each(async |db| {
        let chat = Chat::open(&db).await;
        let Salon { platform, business, .. } = &chat.salon;
        chat.hear("A", "привет").await;
        let until = chat.now().plus(86_400);
        account::stop_cold(&db, chat.account_id, until, "new-contact-refused").await.unwrap();
        account::stop_cold(&db, chat.account_id, until.plus(-600), "new-chat-limit").await.unwrap();
        let stranger = chat.salon.book("2026-01-16T14:00:00", "77775550000").await.unwrap();
        let phone: Phone = CLIENT.parse().unwrap();
        direct::send(platform, business, &phone, &"Здравствуйте".parse().unwrap(), None).await.unwrap();
        assert_eq!(chat.send().await, ["Здравствуйте"]);
        let mut connection = db.read().await.unwrap();
        let waiting = outbox::of_booking(&mut connection, business.id, stranger.id).await.unwrap();
        assert_eq!((waiting[0].error.as_deref(), waiting[0].next_at), (Some("cold-stopped"), until));
        let account = account::by_id(&mut connection, chat.account_id).await.unwrap().unwrap();
        let status = account::status(&mut connection, platform, account, Some(business)).await.unwrap();
        assert_eq!(status.cold.stopped_until, Some(until));
        assert_eq!(status.cold.reason.as_deref(), Some("new-contact-refused"));
        assert_eq!((status.queue.waiting, status.queue.due), (1, 0));
        assert_eq!(contact::met_since(&mut connection, chat.account_id, chat.now()).await.unwrap(), 0);
    })
    .await;
}

#[tokio::test]
async fn the_operators_account_writes_for_those_who_linked_none() {
    on_each(async |db| {
        let salon = Salon::open(&db).await;
        let mut tx = db.begin().await.unwrap();
        let now = salon.platform.clock.real_now();
        let shared = account::ensure_platform(&mut tx, now).await.unwrap();
        assert_eq!(account::ensure_platform(&mut tx, now).await.unwrap(), shared);
        let own = account::of_business(&mut tx, salon.business.id).await.unwrap().unwrap();
        tx.commit().await.unwrap();
        let number = |digits: &str| -> Phone { digits.parse().unwrap() };
        account::set_identity(&db, shared, &number("77010000099"), "77010000099@s.whatsapp.net", None, now)
            .await
            .unwrap();
        salon.book("2026-01-16T14:00:00", CLIENT).await.unwrap();
        let lease = lease::acquire(&db, shared, "a", now, 300).await.unwrap().unwrap();
        let at = salon.platform.clock.now();
        assert_eq!(outbox::adopt(&db, &lease, at, 10).await.unwrap(), 1, "what is due");
        let sent = outbox::claim_due(&db, &salon.platform.policy, &lease, at, 10).await.unwrap();
        assert!(sent.len() == 1 && sent[0].kind == MessageKind::Confirmation);
        assert!(sent[0].text.contains(salon.business.name.as_str()), "it names the salon");
        outbox::mark_sent(&db, &sent[0], at).await.unwrap();
        // An answer finds the salon that wrote last.
        let phone = number(CLIENT);
        let incoming = Incoming { chat: JID, wa_message_id: "A", phone: Some(&phone), text: Some("1"), at };
        assert_eq!(inbound::receive(&salon.platform, shared, &incoming).await.unwrap(), Outcome::Confirmed);
        // From the moment the tenant links its own, messages are its own.
        account::set_identity(&db, own.id, &number("77010000001"), "77010000001@s.whatsapp.net", None, now)
            .await
            .unwrap();
        let mut connection = db.read().await.unwrap();
        let (others,) = db::fetch_one!(
            &mut connection,
            (i64,),
            "select count(*) from outbox where state = 'planned' and account_id <> $1",
            own.id,
        )
        .unwrap();
        assert_eq!(others, 0);
        assert_eq!(outbox::adopt(&db, &lease, at.plus(172_800), 10).await.unwrap(), 0);
        // When it unlinks it, they are the operator's to send again.
        account::forget_device(&db, own.id, true, now).await.unwrap();
        let due = at.plus(101_100);
        assert_eq!(outbox::adopt(&db, &lease, due, 10).await.unwrap(), 2, "a reminder, and thanks nobody needs now");
        let sent = outbox::claim_due(&db, &salon.platform.policy, &lease, due, 10).await.unwrap();
        assert!(sent.len() == 1 && sent[0].kind == MessageKind::Reminder);
        // What is booked meanwhile goes the same way.
        salon.book("2026-01-19T14:00:00", CLIENT).await.unwrap();
        assert_eq!(outbox::adopt(&db, &lease, at, 10).await.unwrap(), 1);
        let sent = outbox::claim_due(&db, &salon.platform.policy, &lease, at, 10).await.unwrap();
        assert!(sent.len() == 1 && sent[0].kind == MessageKind::Confirmation);
    })
    .await;
}

#[tokio::test]
async fn whom_to_call_is_listed_with_the_reason() {
    on_each(async |db| {
        let chat = Chat::open(&db).await;
        let reached = chat.salon.book("2026-01-14T14:00:00", CLIENT).await.unwrap();
        let lost = chat.salon.book("2026-01-14T16:00:00", "77775550000").await.unwrap();
        for message in chat.claim().await {
            let db = &chat.salon.platform.db;
            if message.booking_id == Some(reached.id) {
                outbox::mark_delivered(db, chat.account_id, &[&message.wa_message_id], chat.now()).await.unwrap();
            } else {
                outbox::mark_failed(db, &chat.lease, &message, outbox::Failure::Final, "not-on-whatsapp")
                    .await
                    .unwrap();
            }
        }
        let mut connection = db.read().await.unwrap();
        let calls = booking::call_list::call_list(&mut connection, chat.salon.business.id, chat.now()).await.unwrap();
        let listed: Vec<_> = calls.iter().map(|call| (call.booking_id, call.reason.as_str())).collect();
        assert_eq!(listed, [(lost.id, "not-on-whatsapp")]);
    })
    .await;
}
