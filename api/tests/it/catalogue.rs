//! Services, masters, schedules, holidays, templates and free times over HTTP.

use std::sync::Arc;

use axum::body::Body;
use axum::http::{Method, Request, StatusCode};
use booking::demo::OWNER;
use serde_json::{Value, json};

use crate::support::{Answer, TestApi, visit};

const PUBLIC: &str = "/api/v1/public/business/demo";

async fn put(api: &TestApi, token: &str, path: &str, body: Value) -> Answer {
    api.request(Method::PUT, path, Some(token), Some(body)).await
}

async fn public_services(api: &TestApi, language: &str) -> Value {
    let request = Request::get(format!("{PUBLIC}/services")).header("accept-language", language);
    api.send(request.body(Body::empty()).expect("request")).await.body["services"].clone()
}

fn every_day(start: &str, end: &str) -> Value {
    json!({ "intervals": (1..=7).map(|day| json!({ "weekday": day, "start": start, "end": end })).collect::<Vec<_>>() })
}

#[tokio::test]
async fn a_service_is_shown_to_clients_in_their_language() {
    let api = TestApi::start().await;
    let token = api.login(OWNER).await;
    let body = json!({
        "name": { "ru": "Массаж", "kk": "Уқалау" },
        "description": { "ru": "Спина и шея" },
        "price_tiyn": 900_000,
        "price_from": true,
        "duration_minutes": 45,
        "cancel_hours": 24,
    });
    let created = api.request(Method::POST, "/api/v1/services", Some(&token), Some(body.clone())).await;
    assert_eq!(created.status, StatusCode::CREATED, "{created:?}");
    assert_eq!((&created.body["name"]["kk"], &created.body["price"]), (&json!("Уқалау"), &json!(9000.0)));
    let id = created.body["id"].as_i64().expect("a number");
    let last = |services: &Value| services.as_array().and_then(|services| services.last().cloned()).expect("services");
    let kazakh = last(&public_services(&api, "kk").await);
    assert_eq!((&kazakh["name"], &kazakh["description"]), (&json!("Уқалау"), &json!("Спина и шея")));
    assert_eq!(kazakh["price_from"], true);
    assert_eq!(last(&public_services(&api, "en").await)["name"], "Массаж", "the salon's language stands in");
    assert_eq!(public_services(&api, "en").await[0]["name"], "Haircut");

    let path = format!("/api/v1/services/{id}");
    let mut cheaper = body.clone();
    cheaper["price_tiyn"] = json!(800_000);
    assert_eq!(put(&api, &token, &path, cheaper).await.body["price_tiyn"], 800_000);
    let archived = api.request(Method::DELETE, &path, Some(&token), None).await;
    assert_eq!((archived.status, &archived.body["active"]), (StatusCode::OK, &json!(false)));
    assert_eq!(public_services(&api, "ru").await.as_array().map(Vec::len), Some(4));
    let own = api.request(Method::GET, "/api/v1/services", Some(&token), None).await;
    assert_eq!(own.body["services"].as_array().map(Vec::len), Some(5));
    let order = put(&api, &token, "/api/v1/services/order", json!({ "service_ids": [id, 4, 3, 2, 1] })).await;
    assert_eq!(order.body["services"][0]["id"], id, "{order:?}");
}

#[tokio::test]
async fn wrong_fields_are_named() {
    let api = TestApi::start().await;
    let token = api.login(OWNER).await;
    let fine = json!({ "name": { "ru": "x" }, "price_tiyn": 0, "duration_minutes": 60 });
    for (field, value, code) in [
        ("name", json!({}), "field-empty"),
        ("price_tiyn", json!(-1), "number-out-of-range"),
        ("duration_minutes", json!(721), "number-out-of-range"),
        ("horizon_days", json!(0), "number-out-of-range"),
        ("color", json!("red"), "field-unknown"),
    ] {
        let mut body = fine.clone();
        body[field] = value;
        let refused = api.request(Method::POST, "/api/v1/services", Some(&token), Some(body)).await;
        let error = &refused.body["errors"][0];
        assert_eq!(
            (refused.status, &error["field"], &error["code"]),
            (StatusCode::UNPROCESSABLE_ENTITY, &json!(field), &json!(code))
        );
    }
    let mut body = fine.clone();
    body["name"] = json!({ "kk": "a\nb" });
    let refused = api.request(Method::POST, "/api/v1/services", Some(&token), Some(body)).await;
    assert_eq!(refused.body["errors"][0]["field"], "name.kk");
    for interval in [("9:00", "10:00"), ("10:00", "10:00"), ("10:00", "24:30")] {
        let week = every_day(interval.0, interval.1);
        let refused = put(&api, &token, "/api/v1/masters/1/schedule/weekly", week).await;
        assert_eq!(refused.body["errors"][0]["code"], "interval-invalid", "{interval:?}");
    }
    let overlap = json!({ "intervals": [{ "start": "09:00", "end": "12:00" }, { "start": "11:00", "end": "13:00" }] });
    let refused = put(&api, &token, "/api/v1/masters/1/schedule/dates/2026-01-16", overlap).await;
    assert_eq!(refused.body["errors"][0]["code"], "intervals-overlap");
    let missing = api.request(Method::GET, "/api/v1/services/999", Some(&token), None).await;
    assert_eq!((missing.status, &missing.body["code"]), (StatusCode::NOT_FOUND, &json!("service-not-found")));
}

#[tokio::test]
async fn a_change_that_breaks_visits_answers_409_with_them() {
    let api = TestApi::start().await;
    let token = api.login(OWNER).await;
    let booked = api.post("/api/v1/public/booking", visit("2026-01-13T19:00:00")).await;
    let (path, week) = ("/api/v1/masters/1/schedule/weekly", every_day("09:00", "18:00"));
    let refused = put(&api, &token, path, week.clone()).await;
    assert_eq!((refused.status, &refused.body["code"]), (StatusCode::CONFLICT, &json!("breaks-visits")));
    let broken = &refused.body["visits"][0];
    assert_eq!(broken["booking_id"], booked.body["booking_id"]);
    assert_eq!((&broken["first_name"], &broken["starts_at"]), (&json!("Иван"), &json!("2026-01-13T19:00:00+05:00")));
    assert!(!refused.body.to_string().contains("77779876543"));
    let tried = put(&api, &token, &format!("{path}?dry_run=true"), week.clone()).await;
    assert_eq!((tried.status, &tried.body["changed"]), (StatusCode::OK, &json!(false)));
    assert_eq!(tried.body["breaks_visits"][0], *broken);
    let made = put(&api, &token, &format!("{path}?confirm=true"), week).await;
    assert_eq!((&made.body["changed"], &made.body["breaks_visits"][0]), (&json!(true), broken));
    let schedule = api.request(Method::GET, "/api/v1/masters/1/schedule", Some(&token), None).await;
    assert_eq!(schedule.body["weekly"][6], json!({ "weekday": 7, "start": "09:00", "end": "18:00" }));
    let days = api.request(Method::GET, "/api/v1/schedule/days?from=2026-01-13", Some(&token), None).await;
    let expected = json!({ "date": "2026-01-13", "intervals": [{ "start": "09:00", "end": "18:00" }] });
    assert_eq!(days.body["masters"][0]["days"][0], expected);
}

#[tokio::test]
async fn taking_what_is_booked_from_the_catalogue_asks_first() {
    let api = TestApi::start().await;
    let token = api.login(OWNER).await;
    let booked = api.post("/api/v1/public/booking", visit("2026-01-13T19:00:00")).await;
    let others = json!({ "services": [{ "service_id": 2 }, { "service_id": 3 }, { "service_id": 4 }] });
    let path = "/api/v1/masters/1/services";
    let refused = put(&api, &token, path, others.clone()).await;
    assert_eq!((refused.status, &refused.body["code"]), (StatusCode::CONFLICT, &json!("breaks-visits")));
    assert_eq!(refused.body["visits_count"], 1);
    assert_eq!(refused.body["visits"][0]["booking_id"], booked.body["booking_id"]);
    let tried = put(&api, &token, &format!("{path}?dry_run=true"), others).await;
    assert_eq!((&tried.body["changed"], &tried.body["breaks_count"]), (&json!(false), &json!(1)), "{tried:?}");
    assert_eq!(tried.body["services"].as_array().map(Vec::len), Some(4), "the master as they are");
    let path = "/api/v1/services/1";
    let refused = api.request(Method::DELETE, path, Some(&token), None).await;
    assert_eq!((refused.status, &refused.body["code"]), (StatusCode::CONFLICT, &json!("breaks-visits")));
    let archived = api.request(Method::DELETE, &format!("{path}?confirm=true"), Some(&token), None).await;
    assert_eq!((archived.status, &archived.body["active"]), (StatusCode::OK, &json!(false)));
    assert_eq!((&archived.body["changed"], &archived.body["breaks_count"]), (&json!(true), &json!(1)));
    assert_eq!(archived.body["breaks_visits"][0]["booking_id"], booked.body["booking_id"]);
}

#[tokio::test]
async fn one_tap_closes_a_day_and_the_times_are_gone() {
    let api = TestApi::start().await;
    let token = api.login(OWNER).await;
    let free = async || {
        let answer = api.get(&format!("{PUBLIC}/availability?date=2026-01-13")).await;
        answer.body["available_slots"].as_array().map(Vec::len).expect("slots")
    };
    assert!(free().await > 0);
    let close = json!({ "from": "2026-01-13" });
    let closed = api.request(Method::POST, "/api/v1/time-off", Some(&token), Some(close)).await;
    assert_eq!(closed.status, StatusCode::CREATED, "{closed:?}");
    assert_eq!(free().await, 0);
    let listed = api.request(Method::GET, "/api/v1/time-off?from=2026-01-01&to=2026-01-31", Some(&token), None).await;
    let row = &listed.body["time_off"][0];
    assert_eq!((&row["from"], &row["to"]), (&json!("2026-01-13T00:00:00"), &json!("2026-01-14T00:00:00")));
    assert_eq!((&row["kind"], &row["master_id"]), (&json!("closed"), &Value::Null));
    let path = format!("/api/v1/time-off/{}", closed.body["id"]);
    assert_eq!(api.request(Method::DELETE, &path, Some(&token), None).await.status, StatusCode::NO_CONTENT);
    assert!(free().await > 0);
    // Some hours of one master, as instants.
    let ill = json!({ "master_id": 1, "from": "2026-01-13T04:00:00Z", "to": "2026-01-13T13:00:00", "kind": "illness" });
    let given = api.request(Method::POST, "/api/v1/time-off?dry_run=true", Some(&token), Some(ill.clone())).await;
    assert_eq!((given.status, &given.body["id"]), (StatusCode::OK, &Value::Null));
    api.request(Method::POST, "/api/v1/time-off", Some(&token), Some(ill)).await;
    let answer = api.get(&format!("{PUBLIC}/availability?date=2026-01-13&master_id=1")).await;
    assert_eq!(answer.body["available_slots"][0], "13:00");
}

#[tokio::test]
async fn free_times_of_any_master_over_days_and_for_several_services() {
    let api = TestApi::start().await;
    let token = api.login(OWNER).await;
    let month = api.get(&format!("{PUBLIC}/availability?service_id=1&from=2026-01-13&to=2026-02-11")).await;
    let days = month.body["days"].as_array().expect("days");
    assert_eq!((days.len(), &days[0]["date"]), (30, &json!("2026-01-13")));
    assert_eq!(days[0]["slots"][0]["masters"], json!([[1]]));
    assert_eq!(days[0]["slots"][2]["masters"], json!([[1, 2]]));
    let several = api.get(&format!("{PUBLIC}/availability?items=1:2,2:any:30&date=2026-01-13")).await;
    assert_eq!(several.status, StatusCode::OK, "{several:?}");
    assert_eq!(several.body["slots"][0]["time"], "10:00");
    assert_eq!(several.body["slots"][0]["masters"], json!([[2], [1, 3]]));
    for wrong in ["items=1:2&service_id=1", "items=1", "items=1:x", "items=1:any:241", "items=", "items=1:2:3:4"] {
        let refused = api.get(&format!("{PUBLIC}/availability?{wrong}&date=2026-01-13")).await;
        assert_eq!(
            (refused.status, &refused.body["errors"][0]["field"]),
            (StatusCode::UNPROCESSABLE_ENTITY, &json!("items"))
        );
    }
    for wrong in
        ["", "date=2026-01-13&from=2026-01-13", "from=2026-01-13&to=2026-01-12", "from=2026-01-01&to=2026-03-04"]
    {
        let refused = api.get(&format!("{PUBLIC}/availability?service_id=1&{wrong}")).await;
        assert_eq!(refused.status, StatusCode::UNPROCESSABLE_ENTITY, "{wrong}");
    }
    let far = "service_id=1&date=2026-12-01";
    let public = api.get(&format!("{PUBLIC}/availability?{far}")).await;
    assert_eq!(public.body["available_slots"], json!([]), "past the horizon");
    let staff = api.request(Method::GET, &format!("/api/v1/availability?{far}"), Some(&token), None).await;
    assert_eq!(staff.body["available_slots"][0], "09:00");
}

/// What the earlier platform did wrong: it ignored lengths and breaks, and offered times that had passed.
#[tokio::test]
async fn lengths_breaks_and_the_present_count() {
    let api = TestApi::start().await;
    let slots = async |query: &str| {
        let answer = api.get(&format!("{PUBLIC}/availability?{query}")).await;
        answer.body["available_slots"].as_array().cloned().expect("slots")
    };
    // It is 08:00 now; four hours later the morning is gone.
    api.clock.fetch_add(4 * 3_600_000, std::sync::atomic::Ordering::Relaxed);
    let today = slots("master_id=1&service_id=1&date=2026-01-12").await;
    assert_eq!(today.first(), Some(&json!("12:30")));
    assert_eq!(today.last(), Some(&json!("20:00")), "an hour before closing");
    assert_eq!(slots("master_id=1&service_id=3&date=2026-01-13").await.last(), Some(&json!("19:00")), "two hours");
    // The second master's lunch is from 14:00 to 15:00.
    let lunch = slots("master_id=2&service_id=1&date=2026-01-13").await;
    assert!(lunch.contains(&json!("13:00")) && lunch.contains(&json!("15:00")));
    assert!(!lunch.contains(&json!("13:30")) && !lunch.contains(&json!("14:00")));
    assert!(slots("master_id=1&date=2026-01-11").await.is_empty(), "yesterday");
}

#[tokio::test]
async fn the_day_of_25_hours_is_booked_at_the_first_of_two_half_past_elevens() {
    let api = TestApi::start().await;
    // 2024-02-28, 12:00 in Almaty.
    api.clock.store(1_709_100_000_000, std::sync::atomic::Ordering::Relaxed);
    let token = api.login(OWNER).await;
    let night = json!({ "intervals": [{ "start": "22:00", "end": "24:00" }] });
    let path = "/api/v1/masters/1/schedule/dates/2024-02-29";
    assert_eq!(put(&api, &token, path, night).await.status, StatusCode::OK);
    let answer = api.get(&format!("{PUBLIC}/availability?master_id=1&service_id=1&date=2024-02-29")).await;
    let starts: Vec<&str> =
        answer.body["slots"].as_array().expect("slots").iter().filter_map(|slot| slot["starts_at"].as_str()).collect();
    assert_eq!(
        starts,
        [
            "2024-02-29T22:00:00+06:00",
            "2024-02-29T22:30:00+06:00",
            "2024-02-29T23:00:00+06:00",
            "2024-02-29T23:30:00+06:00",
        ]
    );
    let booked = api.post("/api/v1/public/booking", visit("2024-02-29T23:30:00")).await;
    assert_eq!(booked.body["starts_at"], "2024-02-29T23:30:00+06:00", "{booked:?}");
    // The visit ends when the clock shows 23:30 again.
    assert_eq!(booked.body["ends_at"], "2024-02-29T23:30:00+05:00");
    let again = api.post("/api/v1/public/booking", visit("2024-02-29T23:30:00")).await;
    assert_eq!(again.status, StatusCode::CONFLICT);
}

#[tokio::test]
async fn holidays_are_suggestions() {
    let api = TestApi::start().await;
    let token = api.login(OWNER).await;
    let listed = api.request(Method::GET, "/api/v1/holidays?year=2026", Some(&token), None).await;
    let holidays = listed.body["holidays"].as_array().expect("holidays");
    assert!(holidays.iter().all(|holiday| holiday["state"] == "undecided"));
    let moved = holidays.iter().find(|holiday| holiday["date"] == "2026-03-09").expect("a moved day");
    assert_eq!((&moved["moved_from"], &moved["name"]), (&json!("2026-03-08"), &json!("International Women's Day")));
    let closed = put(&api, &token, "/api/v1/holidays/2026-03-09", json!({ "state": "closed" })).await;
    assert_eq!(closed.body["changed"], true, "{closed:?}");
    let free = api.get(&format!("{PUBLIC}/availability?service_id=1&date=2026-03-09")).await;
    assert_eq!(free.body["available_slots"], json!([]));
    let plain = put(&api, &token, "/api/v1/holidays/2026-03-10", json!({ "state": "closed" })).await;
    assert_eq!((plain.status, &plain.body["code"]), (StatusCode::NOT_FOUND, &json!("holiday-not-found")));
    let wrong = put(&api, &token, "/api/v1/holidays/2026-03-09", json!({ "state": "maybe" })).await;
    assert_eq!(wrong.status, StatusCode::UNPROCESSABLE_ENTITY);
}

#[tokio::test]
async fn a_new_business_can_be_booked_after_two_calls() {
    let api = TestApi::start().await;
    let token = api.register("fresh").await;
    let body = json!({ "masters": ["Айгуль", "Дмитрий"] });
    let filled = api.request(Method::POST, "/api/v1/templates/barbershop", Some(&token), Some(body)).await;
    assert_eq!(filled.status, StatusCode::CREATED, "{filled:?}");
    let service = &filled.body["services"][0];
    assert_eq!(service["name"]["en"], "Men's haircut");
    let path = format!("/api/v1/public/business/fresh/availability?service_id={}&date=2026-01-13", service["id"]);
    let free = api.get(&path).await;
    assert_eq!(free.body["slots"][0]["masters"][0].as_array().map(Vec::len), Some(2), "{free:?}");
    let again = api.request(Method::POST, "/api/v1/templates/nails", Some(&token), Some(json!({}))).await;
    assert_eq!((again.status, &again.body["code"]), (StatusCode::CONFLICT, &json!("catalogue-not-empty")));
    let unknown = api.request(Method::POST, "/api/v1/templates/zoo", Some(&token), Some(json!({}))).await;
    assert_eq!(unknown.body["code"], "template-not-found");
}

#[tokio::test]
async fn another_business_finds_nothing() {
    let api = Arc::new(TestApi::start().await);
    let owner = api.login(OWNER).await;
    let rival = api.register("rival").await;
    let off = json!({ "master_id": 1, "from": "2026-01-20" });
    let id = api.request(Method::POST, "/api/v1/time-off", Some(&owner), Some(off.clone())).await.body["id"].clone();
    let service = json!({ "name": { "ru": "x" }, "price_tiyn": 0, "duration_minutes": 60 });
    let master = json!({ "full_name": "x" });
    let day = json!({ "intervals": [] });
    let pattern = json!({ "anchor": "2026-01-20", "days": [[]] });
    let time_off = format!("/api/v1/time-off/{id}");
    for (method, path, body) in [
        (Method::GET, "/api/v1/services/1", None),
        (Method::PUT, "/api/v1/services/1", Some(service)),
        (Method::DELETE, "/api/v1/services/1", None),
        (Method::GET, "/api/v1/masters/1", None),
        (Method::PUT, "/api/v1/masters/1", Some(master)),
        (Method::DELETE, "/api/v1/masters/1", None),
        (Method::PUT, "/api/v1/masters/1/services", Some(json!({ "services": [] }))),
        (Method::GET, "/api/v1/masters/1/schedule", None),
        (Method::PUT, "/api/v1/masters/1/schedule/weekly", Some(day.clone())),
        (Method::PUT, "/api/v1/masters/1/schedule/breaks", Some(day.clone())),
        (Method::PUT, "/api/v1/masters/1/schedule/pattern", Some(pattern)),
        (Method::DELETE, "/api/v1/masters/1/schedule/pattern", None),
        (Method::PUT, "/api/v1/masters/1/schedule/dates/2026-01-20", Some(day)),
        (Method::DELETE, "/api/v1/masters/1/schedule/dates/2026-01-20", None),
        (Method::POST, "/api/v1/time-off", Some(off)),
        (Method::DELETE, time_off.as_str(), None),
        (Method::GET, "/api/v1/availability?master_id=1&date=2026-01-21", None),
        (Method::GET, "/api/v1/availability?items=1:any&date=2026-01-21", None),
    ] {
        let answer = api.request(method.clone(), path, Some(&rival), body).await;
        assert_eq!(answer.status, StatusCode::NOT_FOUND, "{method} {path} {answer:?}");
    }
    let own = api.request(Method::GET, "/api/v1/services/1", Some(&owner), None).await;
    assert_eq!(own.body["name"]["ru"], "Стрижка");
}
