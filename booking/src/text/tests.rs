//! The wording of every language, and of tenants.

use std::collections::{BTreeMap, BTreeSet};

use fluent_bundle::FluentResource;
use jiff::civil::date;

use super::*;

const FILES: [(Language, &str); 3] = [
    (Language::Ru, include_str!("../../texts/ru.ftl")),
    (Language::En, include_str!("../../texts/en.ftl")),
    (Language::Kk, include_str!("../../texts/kk.ftl")),
];

/// Words that are Russian and not Kazakh, at least in these texts.
const RUSSIAN_ONLY: [&str; 38] = [
    "адрес",
    "будем",
    "вас",
    "ваш",
    "ваша",
    "вам",
    "визит",
    "во",
    "время",
    "вы",
    "для",
    "запись",
    "записи",
    "здравствуйте",
    "или",
    "к",
    "мастер",
    "мы",
    "на",
    "напишите",
    "не",
    "о",
    "отмена",
    "отменена",
    "по",
    "прием",
    "приём",
    "ссылка",
    "сообщение",
    "стоимость",
    "у",
    "услуга",
    "час",
    "часа",
    "часов",
    "что",
    "чтобы",
    "это",
];

fn visit(days_ahead: i8) -> VisitText<'static> {
    VisitText {
        business: "Ару",
        address: Some("Абая 10"),
        client: "Айгерим",
        service: "Стрижка",
        master: "Айгуль",
        price_tiyn: 500_000,
        start: date(2026, 1, 16).at(14, 0, 0, 0),
        moved_from: Some(date(2026, 1, 15).at(12, 30, 0, 0)),
        today: date(2026, 1, 16 - days_ahead),
        cancellation_hours: 2,
        link: None,
    }
}

fn told(event: Event, language: Language, visit: &VisitText<'_>) -> String {
    Texts::new().unwrap().visit(event, language, &Wording::default(), visit)
}

#[test]
fn a_confirmation_says_what_when_where_and_for_how_much() {
    assert_eq!(
        told(Event::Confirmation, Language::Ru, &visit(1)),
        "Здравствуйте, Айгерим! Вы записаны: Ару.\nЖдём вас в пятницу, 16 января, в 14:00.\nСтрижка, мастер: Айгуль\n\
         Стоимость: 5\u{a0}000\u{a0}₸\nАдрес: Абая 10\n\
         Чтобы отменить или перенести запись, ответьте на это сообщение не позднее чем за 2 часа до визита."
    );
    assert_eq!(
        told(Event::Confirmation, Language::En, &visit(1)),
        "Hello, Айгерим! You are booked at Ару.\nWe look forward to seeing you on Friday, 16 January, at 14:00.\n\
         Стрижка with Айгуль\nPrice: 5\u{a0}000\u{a0}₸\nAddress: Абая 10\n\
         To cancel or move your visit, reply to this message at least 2 hours before it."
    );
    assert_eq!(
        told(Event::Confirmation, Language::Kk, &visit(1)),
        "Сәлеметсіз бе, Айгерим! Сіз жазылдыңыз: Ару.\nСізді 16 қаңтар, жұма күні, сағат 14:00-де күтеміз.\n\
         Стрижка, шебер: Айгуль\nБағасы: 5\u{a0}000\u{a0}₸\nМекенжайы: Абая 10\n\
         Бас тарту немесе уақытын ауыстыру үшін келетін уақыттан кемінде 2 сағат бұрын осы хабарламаға жауап жазыңыз."
    );
}

#[test]
fn a_moved_visit_tells_both_times() {
    let lines = |language| told(Event::Moved, language, &visit(3)).lines().map(str::to_owned).collect::<Vec<_>>();
    assert_eq!(lines(Language::Ru)[1..3], ["Было: четверг, 15 января, 12:30", "Стало: пятница, 16 января, 14:00"]);
    assert_eq!(lines(Language::En)[1..3], ["Before: Thursday, 15 January, 12:30", "Now: Friday, 16 January, 14:00"]);
    assert_eq!(
        lines(Language::Kk)[1..3],
        ["Бұрынғы уақыты: 15 қаңтар, бейсенбі, сағат 12:30", "Жаңа уақыты: 16 қаңтар, жұма, сағат 14:00"]
    );
}

#[test]
fn a_reminder_names_the_date_unless_it_is_today() {
    let first = |language, days| told(Event::Reminder, language, &visit(days)).lines().next().unwrap().to_owned();
    assert_eq!(first(Language::Ru, 0), "Напоминаем: сегодня в 14:00 у вас запись, Ару.");
    assert_eq!(first(Language::Ru, 1), "Напоминаем: в пятницу, 16 января, в 14:00 у вас запись, Ару.");
    assert_eq!(first(Language::En, 0), "A reminder: you have a visit at Ару today at 14:00.");
    assert_eq!(first(Language::En, 2), "A reminder: you have a visit at Ару on Friday, 16 January, at 14:00.");
    assert_eq!(first(Language::Kk, 0), "Еске саламыз: сізді бүгін сағат 14:00-де күтеміз, Ару.");
    assert_eq!(first(Language::Kk, 1), "Еске саламыз: сізді 16 қаңтар, жұма күні, сағат 14:00-де күтеміз, Ару.");
}

#[test]
fn plurals_and_edges_are_right() {
    let texts = Texts::new().unwrap();
    let hours = |language, cancellation_hours| {
        let visit = VisitText { cancellation_hours, address: None, ..visit(1) };
        told(Event::Confirmation, language, &visit).lines().last().unwrap().to_owned()
    };
    for (count, noun) in [(1, "1 час "), (3, "3 часа "), (5, "5 часов "), (21, "21 час "), (24, "24 часа ")]
    {
        assert!(hours(Language::Ru, count).contains(noun), "{count}");
    }
    assert!(hours(Language::En, 1).contains("1 hour before"));
    assert!(Language::ALL.iter().all(|language| !hours(*language, 0).contains('0')));
    let next_year = VisitText { today: date(2025, 12, 31), price_tiyn: 0, ..visit(0) };
    let line = |language| told(Event::CancelledBySalon, language, &next_year);
    assert!(line(Language::Ru).contains("пятница, 16 января 2026 года, 14:00"));
    assert!(line(Language::En).contains("Friday, 16 January 2026, 14:00"));
    assert!(line(Language::Kk).contains("2026 жылғы 16 қаңтар, жұма, сағат 14:00"));
    assert!(told(Event::Confirmation, Language::Ru, &next_year).contains("Стоимость: бесплатно"));
    assert_eq!(texts.price(Language::Ru, 123_456_789), "1\u{a0}234\u{a0}567,89\u{a0}₸");
    assert_eq!(texts.price(Language::En, 5), "0.05\u{a0}₸");
    let code = |minutes| texts.code(Language::Ru, "Ару", CodePurpose::SignIn, "123456", minutes);
    assert_eq!(code(5), "123456 — код для входа, Ару.\nОн действует 5 минут. Никому его не сообщайте.");
    assert!(code(1).contains("1 минуту") && code(2).contains("2 минуты") && code(10).contains("10 минут."));
    let invitation = texts.invitation(Language::Ru, "Ару", "Дмитрий", "https://x.kz/i/1", 7);
    assert!(invitation.contains("https://x.kz/i/1\nСсылка действует 7 дней."), "{invitation}");
}

#[test]
fn russian_has_its_prepositions_and_kazakh_its_endings() {
    let texts = Texts::new().unwrap();
    let when = |language, day, hour, minute| {
        let at = VisitText { start: date(2026, 1, day).at(hour, minute, 0, 0), ..visit(0) };
        texts.value(language, Variable::When, &at)
    };
    assert_eq!(when(Language::Ru, 13, 9, 5), "во вторник, 13 января, в 09:05");
    assert_eq!(when(Language::Ru, 14, 9, 5), "в среду, 14 января, в 09:05");
    let kazakh = [
        (0, "14:00-де"),
        (5, "14:05-те"),
        (10, "14:10-да"),
        (15, "14:15-те"),
        (20, "14:20-да"),
        (25, "14:25-те"),
        (30, "14:30-да"),
        (35, "14:35-те"),
        (40, "14:40-та"),
        (45, "14:45-те"),
        (50, "14:50-де"),
        (55, "14:55-те"),
        (3, "14:03-те"),
        (6, "14:06-да"),
        (7, "14:07-де"),
        (8, "14:08-де"),
        (9, "14:09-да"),
    ];
    for (minute, expected) in kazakh {
        assert_eq!(when(Language::Kk, 16, 14, minute), format!("16 қаңтар, жұма күні, сағат {expected}"));
    }
}

#[test]
fn every_month_and_weekday_has_its_own_name() {
    for language in Language::ALL {
        let lines: BTreeSet<String> = (0..366)
            .map(|day| date(2028, 1, 1).saturating_add(jiff::Span::new().days(day)))
            .map(|day| VisitText { start: day.at(9, 0, 0, 0), today: day, ..visit(0) })
            .map(|visit| told(Event::CancelledByClient, *language, &visit))
            .collect();
        assert_eq!(lines.len(), 366, "{language}");
    }
}

/// The variables of each message, with those of the messages it uses. Nothing is missing, nothing is too much.
fn outline(file: &str) -> BTreeMap<String, BTreeSet<String>> {
    FluentResource::try_new(file.to_owned()).expect("the file is Fluent");
    let mut messages: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
    let mut name = String::new();
    for line in file.lines().filter(|line| !line.starts_with('#') && !line.trim().is_empty()) {
        if !line.starts_with([' ', '}']) {
            line.split(' ').next().unwrap_or_default().clone_into(&mut name);
        }
        let used = messages.entry(name.clone()).or_default();
        for piece in line.split('{').skip(1) {
            let word = piece.split([' ', '}']).find(|word| !word.is_empty()).unwrap_or_default();
            if !word.starts_with('"') {
                used.insert(word.to_owned());
            }
        }
    }
    messages
}

fn variables(messages: &BTreeMap<String, BTreeSet<String>>, name: &str) -> BTreeSet<String> {
    let mut all = BTreeSet::new();
    for word in messages.get(name).into_iter().flatten() {
        if word.starts_with('$') {
            // The time, with its ending or without: a sentence needs the one, a line the other.
            all.insert(if word == "$at" { "$time".to_owned() } else { word.clone() });
        } else {
            all.extend(variables(messages, word));
        }
    }
    all
}

#[test]
fn every_language_has_the_same_texts_with_the_same_variables() {
    let outlines: Vec<_> = FILES.iter().map(|(_, file)| outline(file)).collect();
    let names: Vec<BTreeSet<&String>> = outlines.iter().map(|outline| outline.keys().collect()).collect();
    assert!(names.iter().all(|other| *other == names[0]), "{names:?}");
    assert!(MESSAGES.iter().all(|message| outlines[0].contains_key(*message)));
    for name in names[0].iter().copied() {
        let of: Vec<_> = outlines.iter().map(|outline| variables(outline, name)).collect();
        assert!(of.iter().all(|other| *other == of[0]), "{name}: {of:?}");
    }
}

#[test]
fn nothing_in_kazakh_is_russian() {
    let (_, kazakh) = FILES[2];
    let text: String =
        kazakh.lines().filter(|line| !line.starts_with('#')).collect::<Vec<_>>().join("\n").to_lowercase();
    for word in text.split(|character: char| !character.is_alphabetic()) {
        assert!(!RUSSIAN_ONLY.contains(&word), "{word}");
    }
}

#[test]
fn no_word_mixes_alphabets_and_nobody_is_addressed_familiarly() {
    for (language, file) in FILES {
        for word in
            file.lines().filter(|line| !line.starts_with('#')).flat_map(|line| line.split(|c: char| !c.is_alphabetic()))
        {
            assert!(word.is_ascii() || !word.chars().any(|letter| letter.is_ascii_alphabetic()), "{language}: {word}");
            let word = word.to_lowercase();
            assert!(
                language == Language::Kk || !word.contains(['ә', 'ғ', 'қ', 'ң', 'ө', 'ұ', 'ү', 'һ', 'і']),
                "{word}"
            );
            assert!(
                !["ты", "тебя", "тебе", "твой", "твоя", "сен", "саған", "сені", "сенің"].contains(&&*word),
                "{word}"
            );
        }
    }
}

#[test]
fn no_text_of_ours_asks_for_a_number_as_an_answer() {
    for language in Language::ALL {
        for event in Event::ALL {
            let text = told(*event, *language, &visit(1)).to_lowercase();
            assert!(!text.contains("ответьте 1") && !text.contains("reply 1") && !text.contains("1 деп"), "{text}");
        }
    }
}

#[test]
fn a_greeting_has_a_name_and_nothing_else() {
    assert_eq!(greeting_name(" Әйгерім  Сәтбаева "), Some("Әйгерім Сәтбаева".to_owned()));
    assert_eq!(greeting_name("Иванов И. И."), Some("Иванов".to_owned()));
    assert_eq!(greeting_name("Жан-Клод О’Хара"), Some("Жан-Клод О’Хара".to_owned()));
    for stranger in ["", "-", "выиграли http://evil.kz", "evil.kz", "87771234567", "@evil", "Иван {code}", "I."]
    {
        let greeting = greeting_name(stranger);
        assert!(greeting.is_none() || stranger == "-", "{greeting:?}");
    }
    assert_eq!(greeting_name(&format!("Мария {}", "Я".repeat(80))), Some("Мария".to_owned()));
    assert_eq!(greeting_name(&"Я".repeat(80)), None);
    let nameless = VisitText { client: "http://evil.kz", ..visit(1) };
    assert!(told(Event::Confirmation, Language::Ru, &nameless).starts_with("Здравствуйте! Вы записаны"));
}

#[test]
fn a_link_takes_the_place_of_the_request_for_an_answer() {
    let visit = VisitText { link: Some("https://x.kz/v/abc"), ..visit(1) };
    for (language, line) in [
        (Language::Ru, "Отменить или перенести: https://x.kz/v/abc"),
        (Language::En, "Cancel or move it: https://x.kz/v/abc"),
        (Language::Kk, "Бас тарту немесе уақытын ауыстыру: https://x.kz/v/abc"),
    ] {
        assert_eq!(told(Event::Confirmation, language, &visit).lines().last(), Some(line));
        assert_eq!(told(Event::Reminder, language, &visit).lines().last(), Some(line));
    }
}

#[test]
fn a_template_knows_its_variables_and_nothing_else() {
    let error = |text: &str| text.parse::<Template>().unwrap_err();
    assert_eq!(error("  "), TemplateError::Empty);
    assert_eq!(error(&"я".repeat(1_001)), TemplateError::TooLong);
    assert_eq!(error("a\u{202e}b"), TemplateError::Invisible);
    assert_eq!(error("a {client"), TemplateError::Unbalanced { place: 3 });
    assert_eq!(error("{client}\nя }"), TemplateError::Unbalanced { place: 12 });
    assert_eq!(error("{ {client} }"), TemplateError::Unbalanced { place: 1 });
    assert_eq!(error("{}"), TemplateError::Unknown { name: String::new() });
    assert_eq!(error("{ NUMBER($price) }"), TemplateError::Unknown { name: "NUMBER($price)".to_owned() });
    assert_eq!(error("{$client}"), TemplateError::Unknown { name: "$client".to_owned() });
    let old = "{old_when} → {when}";
    assert!(Template::for_event(old, Event::Moved).is_ok());
    assert_eq!(Template::for_event(old, Event::Reminder), Err(TemplateError::Unknown { name: "old_when".to_owned() }));
}

#[test]
fn a_tenants_own_text_is_used_for_its_event_and_language_only() {
    let texts = Texts::new().unwrap();
    let document = r#"{"reminder":{"ru":"{client}, ждём {when}: {service}, {price}.\nСсылка: {link}"},
        "gone":{"ru":"x"},"moved":{"ru":"{no_such_thing}"}}"#;
    let wording = Wording::read(document).unwrap();
    assert_eq!(
        texts.visit(Event::Reminder, Language::Ru, &wording, &visit(1)),
        "Айгерим, ждём в пятницу, 16 января, в 14:00: Стрижка, 5\u{a0}000\u{a0}₸."
    );
    for (event, language) in [(Event::Reminder, Language::Kk), (Event::Moved, Language::Ru)] {
        assert_eq!(texts.visit(event, language, &wording, &visit(1)), told(event, language, &visit(1)));
    }
    assert_eq!(Wording::read(&wording.write()).unwrap(), wording);
    // What people typed is a value: it is not read again.
    let sly = VisitText { service: "{price}\n{ $hours }", ..visit(1) };
    let text = texts.visit(Event::Reminder, Language::Ru, &wording, &sly);
    assert!(text.contains(": {price} { $hours }, 5"), "{text}");
    assert!(told(Event::Confirmation, Language::Ru, &sly).contains("{price}"));
}

proptest::proptest! {
    #[test]
    fn no_text_panics_a_template(text in "[a-z{}\\n я]{0,40}") {
        if let Ok(template) = text.parse::<Template>() {
            let told = template.render(|variable| variable.as_str().to_owned());
            let braces = told.matches(['{', '}']).count();
            proptest::prop_assert_eq!(braces, 0);
        }
    }
}
