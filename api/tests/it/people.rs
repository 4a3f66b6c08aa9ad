//! Who gets in, as what, and what they see; over HTTP.

use std::sync::atomic::Ordering;

use axum::http::{Method, StatusCode};
use booking::demo;
use serde_json::{Value, json};

use crate::support::{Answer, NOW_MS, TestApi, visit};

const STAFF: &str = "87771112233";

/// The text of the newest message of a kind.
async fn newest(api: &TestApi, kind: &str) -> String {
    let mut connection = api.platform.db.read().await.expect("database");
    let sql = "select text from outbox where kind = $1 order by id desc limit 1";
    db::fetch_one!(&mut connection, (String,), sql, kind).expect("a message").0
}

/// Invites somebody as the demo's owner, accepts, and gives the access token.
async fn hire(api: &TestApi, role: &str, master_id: Option<i64>) -> String {
    let owner = api.login(demo::OWNER).await;
    let body = json!({ "phone": STAFF, "role": role, "master_id": master_id });
    let sent = api.request(Method::POST, "/api/v1/invitations", Some(&owner), Some(body)).await;
    assert_eq!(sent.status, StatusCode::CREATED, "{sent:?}");
    let text = newest(api, "invitation").await;
    let link = text.split("http://api.test").nth(1).and_then(|rest| rest.split_whitespace().next()).expect("a link");
    let shown = api.get(link).await;
    assert_eq!((&shown.body["role"], &shown.body["phone"]), (&json!(role), &json!("•••33")), "{shown:?}");
    let form = json!({ "full_name": "Дмитрий Ким", "password": "correct horse" });
    let accepted = api.post(&format!("{link}/accept"), form.clone()).await;
    assert_eq!(accepted.status, StatusCode::CREATED, "{accepted:?}");
    let again = api.post(&format!("{link}/accept"), form).await;
    assert_eq!((again.status, &again.body["code"]), (StatusCode::NOT_FOUND, &json!("invitation-not-found")));
    accepted.body["access_token"].as_str().expect("token").to_owned()
}

async fn book(api: &TestApi) -> i64 {
    let mut body = visit("2026-01-15T14:00:00");
    body["notes"] = json!("перезвонить на 8 777 987-65-43");
    let answer = api.post("/api/v1/public/booking", body).await;
    assert_eq!(answer.status, StatusCode::CREATED, "{answer:?}");
    answer.body["booking_id"].as_i64().expect("id")
}

async fn settings(api: &TestApi, patch: Value) -> Answer {
    let owner = api.login(demo::OWNER).await;
    api.request(Method::PATCH, "/api/v1/settings", Some(&owner), Some(json!({ "settings": patch }))).await
}

#[tokio::test]
async fn a_master_sees_their_own_visits_without_numbers_or_money() {
    let api = TestApi::start().await;
    let id = book(&api).await;
    let master = hire(&api, "MASTER", Some(1)).await;
    let shown = api.request(Method::GET, &format!("/api/v1/bookings/{id}"), Some(&master), None).await;
    assert_eq!(shown.status, StatusCode::OK, "{shown:?}");
    assert_eq!(shown.body["client_phone"], "•••43");
    assert_eq!(shown.body["notes"], "перезвонить на •••43");
    assert_eq!(shown.body.get("price"), None);
    let listed = api.request(Method::GET, "/api/v1/bookings", Some(&master), None).await;
    assert_eq!(listed.body["bookings"].as_array().map(Vec::len), Some(1));
    for answer in [&shown, &listed] {
        let text = answer.body.to_string();
        assert!(!text.contains("7779876543") && !text.contains("987-65-43"), "{text}");
    }
    // What somebody is is looked up at each request: another master's visits are not theirs.
    let owner = api.login(demo::OWNER).await;
    let users = api.request(Method::GET, "/api/v1/users", Some(&owner), None).await;
    let user = users.body["users"][1]["id"].as_i64().expect("the master");
    let path = format!("/api/v1/users/{user}");
    let moved = api.request(Method::PATCH, &path, Some(&owner), Some(json!({ "master_id": 2 }))).await;
    assert_eq!((moved.status, &moved.body["master_id"]), (StatusCode::OK, &json!(2)), "{moved:?}");
    let gone = api.request(Method::GET, &format!("/api/v1/bookings/{id}"), Some(&master), None).await;
    assert_eq!(gone.status, StatusCode::NOT_FOUND);
    let seen =
        settings(&api, json!({ "staff": { "master": { "calendars": true, "phones": true, "money": true } } })).await;
    assert_eq!(seen.status, StatusCode::OK, "{seen:?}");
    let shown = api.request(Method::GET, &format!("/api/v1/bookings/{id}"), Some(&master), None).await;
    assert_eq!((&shown.body["client_phone"], &shown.body["price"]), (&json!("+77779876543"), &json!(5000.0)));
    // Removed, they are out at once.
    let removed = api.request(Method::DELETE, &path, Some(&owner), None).await;
    assert_eq!(removed.status, StatusCode::NO_CONTENT);
    let out = api.request(Method::GET, "/api/v1/bookings", Some(&master), None).await;
    assert_eq!((out.status, &out.body["code"]), (StatusCode::UNAUTHORIZED, &json!("session-ended")));
}

/// The ancestor gave a manager the bookings of all tenants, with phones.
#[tokio::test]
async fn a_manager_runs_one_business_and_owns_none() {
    let api = TestApi::start().await;
    let id = book(&api).await;
    let stranger = api.register("stranger").await;
    let manager = hire(&api, "MANAGER", None).await;
    let own = api.request(Method::GET, "/api/v1/bookings", Some(&manager), None).await;
    assert_eq!(own.body["bookings"][0]["id"], id);
    for path in ["/api/v1/users", "/api/v1/settings", "/api/v1/audit", "/api/v1/api-keys", "/api/v1/invitations"] {
        let answer = api.request(Method::GET, path, Some(&manager), None).await;
        assert_eq!((answer.status, &answer.body["code"]), (StatusCode::FORBIDDEN, &json!("not-allowed")), "{path}");
    }
    let owner = api.login(demo::OWNER).await;
    let users = api.request(Method::GET, "/api/v1/users", Some(&owner), None).await;
    let user = users.body["users"][1]["id"].as_i64().expect("the manager");
    for method in [Method::PATCH, Method::DELETE] {
        let body = (method == Method::PATCH).then(|| json!({ "role": "OWNER" }));
        let answer = api.request(method, &format!("/api/v1/users/{user}"), Some(&stranger), body).await;
        assert_eq!((answer.status, &answer.body["code"]), (StatusCode::NOT_FOUND, &json!("user-not-found")));
    }
    let first = users.body["users"][0]["id"].as_i64().expect("the owner");
    let last = api.request(Method::DELETE, &format!("/api/v1/users/{first}"), Some(&owner), None).await;
    assert_eq!((last.status, &last.body["code"]), (StatusCode::CONFLICT, &json!("last-owner")));
    let me = api.request(Method::GET, "/api/v1/me", Some(&manager), None).await;
    assert_eq!((&me.body["user"]["role"], &me.body["sees"]["phones"]), (&json!("MANAGER"), &json!(true)), "{me:?}");
    assert_eq!(me.body["user"]["phone"], "+77771112233");
}

#[tokio::test]
async fn leaving_ends_access_at_once() {
    let api = TestApi::start().await;
    let login = json!({ "email": demo::OWNER.0, "password": demo::OWNER.1 });
    let one = api.post("/api/v1/login", login.clone()).await;
    let two = api.login(demo::OWNER).await;
    let token = one.body["access_token"].as_str().expect("token");
    let logout = json!({ "refresh_token": one.body["refresh_token"] });
    assert_eq!(api.post("/api/v1/logout", logout).await.status, StatusCode::NO_CONTENT);
    let out = api.request(Method::GET, "/api/v1/bookings", Some(token), None).await;
    assert_eq!(out.body["code"], "session-ended");
    let third = api.login(demo::OWNER).await;
    let form = json!({ "current_password": demo::OWNER.1, "password": "correct horse" });
    let changed = api.request(Method::PUT, "/api/v1/me/password", Some(&two), Some(form)).await;
    assert_eq!(changed.status, StatusCode::NO_CONTENT, "{changed:?}");
    let status = async |token: &str| api.request(Method::GET, "/api/v1/me", Some(token), None).await.status;
    assert_eq!((status(&two).await, status(&third).await), (StatusCode::OK, StatusCode::UNAUTHORIZED));
    let everywhere = api.request(Method::POST, "/api/v1/logout-everywhere", Some(&two), None).await;
    assert_eq!(everywhere.status, StatusCode::NO_CONTENT);
    assert_eq!(status(&two).await, StatusCode::UNAUTHORIZED);
}

#[tokio::test]
async fn after_a_trial_the_staff_reads_on_and_a_suspended_one_is_shut_out() {
    let api = TestApi::start().await;
    let owner = api.register("fresh").await;
    api.clock.store(NOW_MS + 31 * 86_400_000, Ordering::Relaxed);
    let login = json!({ "email": "owner@fresh.example.com", "password": "correct horse battery" });
    let owner_again = api.post("/api/v1/login", login).await.body["access_token"].as_str().expect("token").to_owned();
    drop(owner);
    let read = api.request(Method::GET, "/api/v1/settings", Some(&owner_again), None).await;
    assert_eq!(read.status, StatusCode::OK, "{read:?}");
    let change = Some(json!({ "name": "Ару" }));
    let write = api.request(Method::PATCH, "/api/v1/settings", Some(&owner_again), change.clone()).await;
    assert_eq!((write.status, &write.body["code"]), (StatusCode::FORBIDDEN, &json!("trial-expired")));

    let admin = api.login(demo::ADMIN).await;
    let found = api.request(Method::GET, "/api/v1/admin/businesses?q=fresh", Some(&admin), None).await;
    let id = found.body["businesses"][0]["id"].as_i64().expect("the business");
    assert_eq!(found.body["businesses"][0]["is_open"], false);
    let act = async |what: &str, body: Value| {
        let path = format!("/api/v1/admin/businesses/{id}/{what}");
        api.request(Method::POST, &path, Some(&admin), Some(body)).await
    };
    let extended = act("trial", json!({ "days": 14 })).await;
    assert_eq!(extended.body["is_open"], true, "{extended:?}");
    let write = api.request(Method::PATCH, "/api/v1/settings", Some(&owner_again), change).await;
    assert_eq!((write.status, &write.body["name"]), (StatusCode::OK, &json!("Ару")));
    act("suspend", json!({ "reason": "проверка" })).await;
    let shut = api.request(Method::GET, "/api/v1/settings", Some(&owner_again), None).await;
    assert_eq!((shut.status, &shut.body["code"]), (StatusCode::FORBIDDEN, &json!("business-suspended")));
    act("activate", json!({ "reason": "оплачено" })).await;
    let open = api.request(Method::GET, "/api/v1/settings", Some(&owner_again), None).await;
    assert_eq!(open.body["state"], "active");
}

#[tokio::test]
async fn the_operator_acts_for_an_owner_who_sees_it() {
    let api = TestApi::start().await;
    book(&api).await;
    let admin = api.login(demo::ADMIN).await;
    let begun = api.request(
        Method::POST,
        "/api/v1/admin/businesses/1/impersonate",
        Some(&admin),
        Some(json!({ "reason": "помощь по просьбе" })),
    );
    let begun = begun.await;
    assert_eq!(begun.status, StatusCode::CREATED, "{begun:?}");
    let acting = begun.body["access_token"].as_str().expect("token");
    let me = api.request(Method::GET, "/api/v1/me", Some(acting), None).await;
    assert_eq!((&me.body["impersonated"], &me.body["user"]["role"]), (&json!(true), &json!("OWNER")));
    let rename = api.request(Method::PATCH, "/api/v1/settings", Some(acting), Some(json!({ "name": "Ару" }))).await;
    assert_eq!(rename.status, StatusCode::OK);
    let form = json!({ "current_password": demo::OWNER.1, "password": "correct horse" });
    let password = api.request(Method::PUT, "/api/v1/me/password", Some(acting), Some(form)).await;
    assert_eq!(password.status, StatusCode::FORBIDDEN, "the password is the owner's own");
    let owner = api.login(demo::OWNER).await;
    let log = api.request(Method::GET, "/api/v1/audit?limit=2", Some(&owner), None).await;
    let changes = log.body["changes"].as_array().expect("changes");
    assert!(changes.iter().all(|change| change["impersonated"] == true), "{log:?}");
    assert_eq!(changes[0]["action"], "update");
    assert_eq!(changes[1]["new"]["reason"], "помощь по просьбе");
    // The quarter of an hour is over.
    api.clock.store(NOW_MS + 15 * 60_000, Ordering::Relaxed);
    let over = api.request(Method::GET, "/api/v1/me", Some(acting), None).await;
    assert_eq!(over.body["code"], "token-expired");
    // Nothing of the operator's routes is for tenants, and nothing there is about clients.
    for path in ["/api/v1/admin/businesses", "/api/v1/admin/businesses/1", "/api/v1/admin/accounts"] {
        let refused = api.request(Method::GET, path, Some(&owner), None).await;
        assert_eq!(refused.status, StatusCode::FORBIDDEN, "{path}");
        let shown = api.request(Method::GET, path, Some(&admin), None).await;
        let text = shown.body.to_string();
        assert!(shown.status == StatusCode::OK && !text.contains("9876543") && !text.contains("Иван"), "{text}");
    }
}

#[tokio::test]
async fn the_operator_sees_which_accounts_are_down() {
    let api = TestApi::start().await;
    api.register("fresh").await;
    let admin = api.login(demo::ADMIN).await;
    let list = async |query: &str| {
        let path = format!("/api/v1/admin/accounts{query}");
        let listed = api.request(Method::GET, &path, Some(&admin), None).await;
        assert_eq!(listed.status, StatusCode::OK, "{listed:?}");
        listed.body
    };
    assert_eq!(list("").await["accounts"].as_array().map(Vec::len), Some(2));
    assert_eq!(list("?down=true").await["accounts"], json!([]));
    // The demo's was linked and online until the process that held it died.
    let mut tx = api.platform.db.begin().await.expect("transaction");
    let id = db::fetch_one!(
        &mut tx,
        (i64,),
        "update accounts set phone = '77010000009', jid = '77010000009:1@s.whatsapp.net', state = 'online',
             detail = 'stream-closed'
         where business_id = (select id from businesses where subdomain = 'demo') returning id",
    );
    tx.commit().await.expect("commit");
    for query in ["?down=true", "?state=offline", "?state=offline&down=true&limit=1"] {
        let body = list(query).await;
        let account = &body["accounts"][0];
        assert_eq!(account["id"], id.as_ref().expect("the demo's account").0, "{query}: {body}");
        assert_eq!((&account["subdomain"], &account["state"]), (&json!("demo"), &json!("offline")));
        assert_eq!((&account["linked"], &account["held"]), (&json!(true), &json!(false)));
        assert_eq!(account["reason_code"], "stream-closed");
        assert!(account["since"].is_string() && account["down_since"].is_string(), "{body}");
        assert!(!body.to_string().contains("7010000009"), "{body}");
    }
    assert_eq!(list("?state=unpaired").await["accounts"][0]["subdomain"], "fresh");
    assert_eq!(list("?state=online").await["accounts"], json!([]));
    let first = list("?limit=1").await;
    let next = first["next_cursor"].as_str().expect("there is another");
    let second = list(&format!("?limit=1&cursor={next}")).await;
    assert_ne!(first["accounts"][0]["id"], second["accounts"][0]["id"]);
    for (query, field) in [("?state=sleepy", "state"), ("?down=perhaps", "down"), ("?cursor=0", "cursor")] {
        let path = format!("/api/v1/admin/accounts{query}");
        let refused = api.request(Method::GET, &path, Some(&admin), None).await;
        assert_eq!(refused.status, StatusCode::UNPROCESSABLE_ENTITY, "{refused:?}");
        assert_eq!(refused.body["errors"][0]["field"], field);
    }
}

#[tokio::test]
async fn a_key_opens_the_routes_of_its_scopes_and_no_other() {
    let api = TestApi::start().await;
    let id = book(&api).await;
    let owner = api.login(demo::OWNER).await;
    let form = json!({ "name": "Сайт", "scopes": ["bookings:read"] });
    let made = api.request(Method::POST, "/api/v1/api-keys", Some(&owner), Some(form)).await;
    assert_eq!(made.status, StatusCode::CREATED, "{made:?}");
    let key = made.body["key"].as_str().expect("key").to_owned();
    let shown = api.request(Method::GET, &format!("/api/v1/bookings/{id}"), Some(&key), None).await;
    assert_eq!((shown.status, &shown.body["client_phone"]), (StatusCode::OK, &json!("•••43")), "{shown:?}");
    let expect = async |method: Method, path: &str, code: &str| {
        let answer = api.request(method, path, Some(&key), None).await;
        assert_eq!((answer.status, &answer.body["code"]), (StatusCode::FORBIDDEN, &json!(code)), "{path}");
    };
    expect(Method::GET, "/api/v1/settings", "key-scope-missing").await;
    for path in ["/api/v1/me", "/api/v1/users", "/api/v1/api-keys", "/api/v1/audit", "/api/v1/admin/businesses"] {
        expect(Method::GET, path, "key-not-allowed").await;
    }
    let wrong = json!({ "name": "Сайт", "scopes": ["everything"] });
    let wrong = api.request(Method::POST, "/api/v1/api-keys", Some(&owner), Some(wrong)).await;
    assert_eq!(wrong.body["errors"][0]["field"], "scopes");
    let listed = api.request(Method::GET, "/api/v1/api-keys", Some(&owner), None).await;
    let listed_key = &listed.body["api_keys"][0];
    assert!(listed_key["last_used_at"].is_string() && !listed.body.to_string().contains(&key), "{listed:?}");
    let stranger = api.register("stranger").await;
    let path = format!("/api/v1/api-keys/{}", listed_key["id"]);
    assert_eq!(api.request(Method::DELETE, &path, Some(&stranger), None).await.status, StatusCode::NOT_FOUND);
    assert_eq!(api.request(Method::DELETE, &path, Some(&owner), None).await.status, StatusCode::NO_CONTENT);
    let out = api.request(Method::GET, "/api/v1/bookings", Some(&key), None).await;
    assert_eq!((out.status, &out.body["code"]), (StatusCode::UNAUTHORIZED, &json!("token-invalid")));
}

#[tokio::test]
async fn a_stale_change_of_settings_gets_both_versions() {
    let api = TestApi::start().await;
    let owner = api.login(demo::OWNER).await;
    let patch = async |body: Value| api.request(Method::PATCH, "/api/v1/settings", Some(&owner), Some(body)).await;
    assert_eq!(patch(json!({ "version": 1, "name": "Ару", "address": null })).await.body["version"], 2);
    let stale = patch(json!({ "version": 1, "name": "Айгуль" })).await;
    assert_eq!((stale.status, &stale.body["code"]), (StatusCode::CONFLICT, &json!("settings-changed")));
    assert_eq!((&stale.body["sent_version"], &stale.body["current"]["name"]), (&json!(1), &json!("Ару")));
    for (body, field) in [
        (json!({ "settings": { "colour": 1 } }), "settings"),
        (json!({ "settings": { "visits": { "cancel_hours": 721 } } }), "settings.visits.cancel_hours"),
        (json!({ "time_zone": "Mars" }), "time_zone"),
        (json!({ "phone": "1" }), "phone"),
        (json!({ "language": "de" }), "language"),
        (json!({ "colour": 1 }), "colour"),
    ] {
        let answer = patch(body).await;
        assert_eq!(answer.status, StatusCode::UNPROCESSABLE_ENTITY, "{answer:?}");
        assert_eq!(answer.body["errors"][0]["field"], field);
    }
}

#[tokio::test]
async fn a_client_signs_in_by_code_and_opens_nothing_of_the_staff() {
    let api = TestApi::start().await;
    book(&api).await;
    let ask = json!({ "subdomain": "demo", "phone": "8 777 987 65 43" });
    assert_eq!(api.post("/api/v1/client/code", ask.clone()).await.status, StatusCode::ACCEPTED);
    let again = api.post("/api/v1/client/code", ask).await;
    assert_eq!((again.status, &again.body["code"]), (StatusCode::TOO_MANY_REQUESTS, &json!("too-many-codes")));
    assert!(again.headers.contains_key("retry-after"));
    let code: String = newest(&api, "code").await.chars().take(6).collect();
    let form = |code: &str| json!({ "subdomain": "demo", "phone": "87779876543", "code": code });
    let wrong = api.post("/api/v1/client/login", form("abc")).await;
    assert_eq!((wrong.status, &wrong.body["code"]), (StatusCode::UNAUTHORIZED, &json!("code-wrong")));
    let tokens = api.post("/api/v1/client/login", form(&code)).await;
    assert_eq!(tokens.status, StatusCode::OK, "{tokens:?}");
    let token = tokens.body["access_token"].as_str().expect("token");
    for path in ["/api/v1/me", "/api/v1/bookings", "/api/v1/settings", "/api/v1/users", "/api/v1/admin/businesses"] {
        let answer = api.request(Method::GET, path, Some(token), None).await;
        assert_eq!((answer.status, &answer.body["code"]), (StatusCode::FORBIDDEN, &json!("not-allowed")), "{path}");
    }
    own_visits_and_nobody_elses(&api, token).await;
    let refresh = json!({ "refresh_token": tokens.body["refresh_token"] });
    assert_eq!(api.post("/api/v1/refresh-token", refresh.clone()).await.status, StatusCode::UNAUTHORIZED);
    let next = api.post("/api/v1/client/refresh-token", refresh.clone()).await;
    assert_eq!(next.status, StatusCode::OK, "{next:?}");
    assert_eq!(api.post("/api/v1/client/refresh-token", refresh).await.status, StatusCode::UNAUTHORIZED);
}

async fn own_visits_and_nobody_elses(api: &TestApi, token: &str) {
    let mut other = visit("2026-01-16T14:00:00");
    other["client_phone"] = json!("87771234567");
    let other = api.post("/api/v1/public/booking", other).await.body["booking_id"].as_i64().expect("id");
    let listed = api.request(Method::GET, "/api/v1/client/bookings", Some(token), None).await;
    assert_eq!(listed.body["bookings"].as_array().map(Vec::len), Some(1), "{listed:?}");
    let own = listed.body["bookings"][0]["id"].as_i64().expect("id");
    let path = |id: i64| format!("/api/v1/client/bookings/{id}");
    let cancel = async |id: i64| {
        api.request(Method::POST, &format!("{}/cancel", path(id)), Some(token), Some(json!({ "reason": "болею" })))
            .await
    };
    let hidden = api.request(Method::GET, &path(other), Some(token), None).await;
    assert_eq!((hidden.status, &hidden.body["code"]), (StatusCode::NOT_FOUND, &json!("booking-not-found")));
    assert_eq!(cancel(other).await.status, StatusCode::NOT_FOUND);
    let shown = api.request(Method::GET, &path(own), Some(token), None).await;
    assert_eq!(shown.body["cancel_until"], "2026-01-15T12:00:00+05:00", "{shown:?}");
    let to = json!({ "start": "2026-01-16T16:00:00" });
    let strange = api.request(Method::POST, &format!("{}/move", path(other)), Some(token), Some(to.clone())).await;
    assert_eq!(strange.status, StatusCode::NOT_FOUND);
    let moved = api.request(Method::POST, &format!("{}/move", path(own)), Some(token), Some(to)).await;
    assert_eq!(
        (moved.status, &moved.body["booking_date"]),
        (StatusCode::OK, &json!("2026-01-16T16:00:00")),
        "{moved:?}"
    );
    assert_eq!(cancel(own).await.body["status"], "cancelled");
    assert_eq!(cancel(own).await.status, StatusCode::CONFLICT);
    // Whoever works there gets no further with their own token.
    let owner = api.login(demo::OWNER).await;
    let staff = api.request(Method::GET, "/api/v1/client/bookings", Some(&owner), None).await;
    assert_eq!(staff.status, StatusCode::FORBIDDEN);
}

#[tokio::test]
async fn the_host_names_the_business_of_public_routes() {
    let api = TestApi::start().await;
    let get = async |host: &str, path: &str| {
        let request = axum::http::Request::builder().uri(path).header("host", host);
        api.send(request.body(axum::body::Body::empty()).expect("request")).await
    };
    let shown = get("demo.api.test", "/api/v1/public/business").await;
    assert_eq!((shown.status, &shown.body["subdomain"]), (StatusCode::OK, &json!("demo")), "{shown:?}");
    for path in ["/api/v1/public/business/services", "/api/v1/public/business/demo/services"] {
        assert!(get("demo.api.test:8000", path).await.body["services"].is_array(), "{path}");
    }
    let unknown = get("nobody.api.test", "/api/v1/public/business").await;
    assert_eq!((unknown.status, &unknown.body["code"]), (StatusCode::NOT_FOUND, &json!("business-not-found")));
    assert_eq!(get("elsewhere.test", "/api/v1/public/business").await.body["code"], "route-not-found");
}

#[tokio::test]
async fn a_forgotten_password_is_replaced_by_a_code() {
    let api = TestApi::start().await;
    hire(&api, "MANAGER", None).await;
    let unknown = api.post("/api/v1/password-reset", json!({ "phone": "87770000001" })).await;
    let known = api.post("/api/v1/password-reset", json!({ "phone": STAFF })).await;
    assert_eq!((unknown.status, known.status), (StatusCode::ACCEPTED, StatusCode::ACCEPTED));
    let code: String = newest(&api, "code").await.chars().take(6).collect();
    let form = json!({ "phone": STAFF, "code": code, "password": "battery staple" });
    assert_eq!(api.post("/api/v1/password-reset/confirm", form.clone()).await.status, StatusCode::NO_CONTENT);
    assert_eq!(api.post("/api/v1/password-reset/confirm", form).await.body["code"], "code-wrong");
    let login = api.post("/api/v1/login", json!({ "phone": STAFF, "password": "battery staple" })).await;
    assert_eq!(login.body["user"]["role"], "MANAGER", "{login:?}");
    let both = api.post("/api/v1/login", json!({ "phone": STAFF, "email": "a@b.kz", "password": "x" })).await;
    assert_eq!(both.status, StatusCode::UNPROCESSABLE_ENTITY);
}

#[tokio::test]
async fn guessing_a_password_takes_longer_and_longer() {
    let api = TestApi::start().await;
    let attempt = async |email: &str| api.post("/api/v1/login", json!({ "email": email, "password": "x" })).await;
    for email in [demo::OWNER.0, "nobody@example.com"] {
        for _ in 0..5 {
            assert_eq!(attempt(email).await.status, StatusCode::UNAUTHORIZED);
        }
        let over = attempt(email).await;
        assert_eq!((over.status, &over.body["code"]), (StatusCode::TOO_MANY_REQUESTS, &json!("too-many-attempts")));
        assert_eq!(over.headers["retry-after"], "15");
    }
}
