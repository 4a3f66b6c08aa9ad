//! What a client is written to in, and what is remembered of it.

use booking::booking::{Action, Booking, Change, NewBooking, Party, Source, create};
use booking::client::merge::merge;
use booking::client::write::{ClientEdit, update};
use booking::consent::{self, CHAT_VERSION, Channel, Evidence, OPTED_OUT, Purpose};
use booking::inbound::{self, Incoming, Outcome};
use booking::language::Language;
use booking::outbox::{self, MessageState, MessageStatus};
use booking::phone::Phone;
use booking::settings::Settings;
use booking::timekeeping;
use booking::user::Role;
use booking::{account, lease};
use db::testing::on_each;
use jiff::civil::DateTime;

use crate::clients::access;
use crate::salon::{ORIGIN, Salon};

const CLIENT: &str = "77771234567";
const CHAT: &str = "77771234567@s.whatsapp.net";

/// Books on the public page, as a form with this choice in a browser with that language.
async fn book(salon: &Salon, start: &str, chosen: Option<Language>, browser: Option<Language>) -> Booking {
    let new = NewBooking {
        client: Party::Phone { phone: &CLIENT.parse().unwrap(), name: Some(&"Дана".parse().unwrap()) },
        parts: &[salon.cut().into()],
        start: start.parse::<DateTime>().unwrap(),
        notes: &"".parse().unwrap(),
        language: chosen,
        source: Source::Public { origin: &ORIGIN, hold: None, browser },
    };
    create(&salon.platform, &salon.business, &new).await.unwrap()
}

async fn messages(salon: &Salon, booking: &Booking) -> Vec<MessageStatus> {
    let mut connection = salon.platform.db.read().await.unwrap();
    outbox::of_booking(&mut connection, salon.business.id, booking.id).await.unwrap()
}

/// The language that the client has, and the one that was guessed.
async fn remembered(salon: &Salon) -> (Option<String>, Option<String>) {
    let mut connection = salon.platform.db.read().await.unwrap();
    let sql = "select language, guessed_language from clients where phone = $1";
    db::fetch_one!(&mut connection, (Option<String>, Option<String>), sql, CLIENT).unwrap()
}

/// The first words of a confirmation and of a reminder.
const fn words(language: Language) -> (&'static str, &'static str, &'static str) {
    match language {
        Language::Ru => ("Здравствуйте", "Напоминаем", "Стрижка"),
        Language::Kk => ("Сәлеметсіз бе", "Еске саламыз", "Шаш қию"),
        Language::En => ("Hello", "A reminder", "Haircut"),
    }
}

#[track_caller]
fn told_in(messages: &[MessageStatus], language: Language) {
    let (greeting, reminder, service) = words(language);
    assert!(messages.len() > 1);
    for message in messages {
        let start = if message.kind == outbox::MessageKind::Reminder { reminder } else { greeting };
        assert!(message.text.starts_with(start) && message.text.contains(service), "{language}: {}", message.text);
    }
}

#[tokio::test]
async fn a_service_is_called_what_it_is_called_in_the_messages_language() {
    on_each(async |db| {
        let salon = Salon::open(&db).await;
        for (day, language) in [(16, Language::Ru), (17, Language::Kk), (18, Language::En)] {
            for (hour, named) in [(10, true), (12, true), (14, false)] {
                let mut part: booking::slots::Part = salon.cut().into();
                if !named {
                    part.master_id = None;
                }
                let new = NewBooking {
                    client: Party::Phone {
                        phone: &"87001112233".parse().unwrap(),
                        name: Some(&"Дана".parse().unwrap()),
                    },
                    parts: &[part],
                    start: format!("2026-01-{day}T{hour}:00:00").parse().unwrap(),
                    notes: &"".parse().unwrap(),
                    language: Some(language),
                    source: Source::Staff { access: &salon.owner().await, overbook: false },
                };
                let booking = create(&salon.platform, &salon.business, &new).await.unwrap();
                told_in(&messages(&salon, &booking).await, language);
            }
        }
        // A service without a name in the language has the one that is shown.
        let mut tx = db.begin().await.unwrap();
        db::execute!(
            &mut tx,
            "update services set texts = '{\"name\":{\"ru\":\"Стрижка\"}}' where id = $1",
            salon.cut().service_id
        )
        .unwrap();
        tx.commit().await.unwrap();
        let booking = book(&salon, "2026-01-19T12:00:00", Some(Language::En), None).await;
        assert!(messages(&salon, &booking).await.iter().all(|message| message.text.contains("Стрижка with")));
    })
    .await;
}

#[tokio::test]
async fn a_choice_counts_more_than_what_is_remembered_and_that_more_than_a_browser() {
    on_each(async |db| {
        let salon = Salon::open(&db).await;
        let text = |text: &str| Some(text.to_owned());
        // The business's own language needs no remembering.
        let first = book(&salon, "2026-01-16T10:00:00", None, Some(Language::Ru)).await;
        told_in(&messages(&salon, &first).await, Language::Ru);
        assert_eq!(remembered(&salon).await, (None, None));
        // A browser stands in for a choice, for the visits that are booked already too, and for those to come.
        let second = book(&salon, "2026-01-16T12:00:00", None, Some(Language::En)).await;
        assert_eq!(remembered(&salon).await, (text("en"), text("en")));
        told_in(&messages(&salon, &first).await, Language::En);
        for (start, browser) in [("2026-01-16T14:00:00", Some(Language::Kk)), ("2026-01-16T16:00:00", None)] {
            let booking = book(&salon, start, None, browser).await;
            told_in(&messages(&salon, &booking).await, Language::En);
            salon.as_client(booking.id, &Change::of(Action::Cancel)).await.unwrap();
        }
        assert_eq!(remembered(&salon).await, (text("en"), text("en")));
        // A choice counts for all of them, whatever the browser says, and is not guessed away again.
        let chosen = book(&salon, "2026-01-17T10:00:00", Some(Language::Kk), Some(Language::En)).await;
        assert_eq!(remembered(&salon).await, (text("kk"), None));
        for booking in [&first, &second, &chosen] {
            told_in(&messages(&salon, booking).await, Language::Kk);
        }
        let later = book(&salon, "2026-01-17T12:00:00", None, Some(Language::En)).await;
        told_in(&messages(&salon, &later).await, Language::Kk);
        assert_eq!(remembered(&salon).await, (text("kk"), None));
    })
    .await;
}

#[tokio::test]
async fn a_choice_of_what_was_guessed_is_a_choice() {
    on_each(async |db| {
        let salon = Salon::open(&db).await;
        book(&salon, "2026-01-16T10:00:00", None, Some(Language::En)).await;
        book(&salon, "2026-01-16T12:00:00", Some(Language::En), None).await;
        assert_eq!(remembered(&salon).await, (Some("en".to_owned()), None));
    })
    .await;
}

#[tokio::test]
async fn a_word_in_the_chat_counts_more_than_a_browser_and_less_than_a_choice() {
    on_each(async |db| {
        let salon = Salon::open(&db).await;
        let mut connection = db.read().await.unwrap();
        let account = account::of_business(&mut connection, salon.business.id).await.unwrap().unwrap();
        drop(connection);
        let now = salon.platform.clock.now();
        let lease = lease::acquire(&db, account.id, "a", now, 300).await.unwrap().unwrap();
        let booking = book(&salon, "2026-01-16T10:00:00", None, Some(Language::En)).await;
        for message in outbox::claim_due(&db, &salon.platform.policy, &lease, now, 10).await.unwrap() {
            outbox::mark_sent(&db, &message, now).await.unwrap();
        }
        let phone: Phone = CLIENT.parse().unwrap();
        let hear = async |id, text| {
            let incoming = Incoming { chat: CHAT, wa_message_id: id, phone: Some(&phone), text: Some(text), at: now };
            inbound::receive(&salon.platform, account.id, &incoming).await.unwrap()
        };
        assert_eq!(hear("A", "иә").await, Outcome::Confirmed);
        assert_eq!(remembered(&salon).await, (Some("kk".to_owned()), None));
        let waiting = |messages: Vec<MessageStatus>| {
            let is_reminder = |message: &MessageStatus| message.kind == outbox::MessageKind::Reminder;
            messages.into_iter().filter(is_reminder).collect::<Vec<_>>()
        };
        told_in(&waiting(messages(&salon, &booking).await), Language::Kk);
        // What has left stays as it was.
        assert!(messages(&salon, &booking).await[0].text.starts_with("Hello"));
        assert_eq!(hear("B", "да").await, Outcome::Confirmed);
        assert_eq!(remembered(&salon).await, (Some("kk".to_owned()), None));
    })
    .await;
}

#[tokio::test]
async fn the_staff_changes_a_clients_language_and_what_is_planned_follows() {
    on_each(async |db| {
        let salon = Salon::open(&db).await;
        let owner = access(&salon, Role::Owner, None);
        let booking = book(&salon, "2026-01-16T10:00:00", None, None).await;
        let before = messages(&salon, &booking).await;
        let edit = ClientEdit { language: Some(Language::En), ..ClientEdit::default() };
        update(&salon.platform, &owner, booking.client_id.unwrap(), &edit).await.unwrap();
        let after = messages(&salon, &booking).await;
        told_in(&after, Language::En);
        let plan = |messages: &[MessageStatus]| {
            messages.iter().map(|message| (message.id, message.due_at, message.state)).collect::<Vec<_>>()
        };
        assert_eq!(plan(&before), plan(&after), "the same messages at the same times");
        // A visit that was moved is told about in the new language too, with both its times.
        let edit = ClientEdit { language: Some(Language::Kk), ..ClientEdit::default() };
        let by = booking::booking::By::Staff(&owner);
        let to = booking::booking::Move {
            start: "2026-01-16T12:00:00".parse().unwrap(),
            parts: None,
            reason: None,
            version: None,
            late: false,
            notify: true,
        };
        booking::booking::move_visit(&salon.platform, by, booking.id, &to).await.unwrap();
        update(&salon.platform, &owner, booking.client_id.unwrap(), &edit).await.unwrap();
        let moved = messages(&salon, &booking).await;
        let moved = moved.iter().find(|message| message.kind == outbox::MessageKind::Change).unwrap();
        assert!(moved.text.contains("Бұрынғы уақыты: 16 қаңтар, жұма, сағат 10:00"), "{}", moved.text);
        // Who is merged into somebody is written to in that one's language.
        let other = salon.book("2026-01-17T10:00:00", "87001112233").await.unwrap();
        merge(&salon.platform, &owner, booking.client_id.unwrap(), other.client_id.unwrap()).await.unwrap();
        told_in(&messages(&salon, &other).await, Language::Kk);
    })
    .await;
}

#[tokio::test]
async fn whoever_opted_out_is_not_planned_for_again() {
    on_each(async |db| {
        let salon = Salon::open(&db).await;
        let owner = access(&salon, Role::Owner, None);
        let booking = book(&salon, "2026-01-16T10:00:00", None, None).await;
        let phone: Phone = CLIENT.parse().unwrap();
        let evidence = Evidence { channel: Channel::Chat, text_version: CHAT_VERSION, id: Some("A"), address: None };
        let now = salon.platform.clock.now();
        let mut tx = db.begin().await.unwrap();
        consent::opt_out(&mut tx, salon.business.id, &phone, Purpose::Service, &evidence, now).await.unwrap();
        tx.commit().await.unwrap();
        let stopped = |messages: &[MessageStatus]| {
            messages
                .iter()
                .all(|message| message.state == MessageState::Cancelled && message.error.as_deref() == Some(OPTED_OUT))
        };
        // Neither other reminder times, nor another language, nor a move bring messages back.
        let mut settings = Settings::default();
        settings.messages.reminder_hours = Some(vec![24, 5]);
        let mut tx = db.begin().await.unwrap();
        db::execute!(
            &mut tx,
            "update businesses set settings = $2, replan_after = 0 where id = $1",
            salon.business.id,
            serde_json::to_string(&settings).unwrap(),
        )
        .unwrap();
        tx.commit().await.unwrap();
        timekeeping::round(&salon.platform).await.unwrap();
        let edit = ClientEdit { language: Some(Language::En), ..ClientEdit::default() };
        update(&salon.platform, &owner, booking.client_id.unwrap(), &edit).await.unwrap();
        let planned = messages(&salon, &booking).await;
        let others: Vec<_> = planned.iter().filter(|message| message.error.is_none()).collect();
        assert!(planned.iter().all(|message| message.state == MessageState::Cancelled), "{planned:?}");
        assert_eq!(others.len(), 1, "the reminder at an hour that is none any more");
        assert!(planned.iter().any(|message| message.error.is_some() && message.text.starts_with("A reminder")));
        let to = booking::booking::Move {
            start: "2026-01-17T12:00:00".parse().unwrap(),
            parts: None,
            reason: None,
            version: None,
            late: false,
            notify: true,
        };
        let by = booking::booking::By::Staff(&owner);
        booking::booking::move_visit(&salon.platform, by, booking.id, &to).await.unwrap();
        let moved = messages(&salon, &booking).await;
        assert!(moved.len() > planned.len() && moved.iter().all(|message| message.state == MessageState::Cancelled));
        assert!(stopped(&moved.into_iter().filter(|message| message.error.is_some()).collect::<Vec<_>>()));
        // They come back in the language of now.
        let mut tx = db.begin().await.unwrap();
        consent::opt_in(&mut tx, salon.business.id, &phone, Purpose::Service, &evidence, now).await.unwrap();
        tx.commit().await.unwrap();
        let back = messages(&salon, &booking).await;
        let back: Vec<_> = back.iter().filter(|message| message.state == MessageState::Planned).collect();
        assert!(!back.is_empty() && back.iter().all(|message| message.text.starts_with("A reminder")), "{back:?}");
    })
    .await;
}
