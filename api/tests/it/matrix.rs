//! Every operation of the document, for everybody, with another business's ids: nothing of that business is shown or
//! changed, nothing fails, and each answer is one that the document has.
//!
//! Requests are made from the document, so a new route is tested without a word here.

use std::collections::{BTreeMap, BTreeSet};

use axum::body::Body;
use axum::http::{Method, Request};
use booking::id::{BusinessId, ClientId, SessionId, UserId};
use serde_json::Value;
use sha2::{Digest, Sha256};

use api::http::token::Bearer;

use crate::support::{Answer, TestApi, visit};

/// What is of the other business, and shown to nobody here.
const FOREIGN: [&str; 3] = ["7779876543", "Иван Иванов", "Первый визит"];

/// Asks everything that an owner may, about their own business; gives what they were answered.
pub(crate) async fn everything_as_an_owner(api: &TestApi) -> Vec<String> {
    let people = People::of(api, "demo").await;
    let ids = Ids::of_demo(api).await;
    let document = serde_json::to_value(api::router::document()).expect("document");
    let mut answers = Vec::new();
    for operation in Operation::all(&document) {
        if operation.is_endless() {
            continue;
        }
        let token = if operation.needs_token() { people.token(api, Actor::Owner).await } else { None };
        let (uri, body) = (operation.uri(&document, &ids), operation.body(&document, &ids));
        answers.push(ask(api, &operation, &uri, token.as_deref(), body.as_ref()).await.1);
    }
    answers
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Actor {
    Nobody,
    Forger,
    Client,
    Master,
    Manager,
    Owner,
    SuperAdmin,
    /// A program whose key has no rights.
    Program,
}

const ACTORS: [Actor; 8] = [
    Actor::Nobody,
    Actor::Forger,
    Actor::Client,
    Actor::Master,
    Actor::Manager,
    Actor::Owner,
    Actor::Program,
    // The last, because they may close the business of the others.
    Actor::SuperAdmin,
];

/// One operation of the document.
struct Operation {
    method: Method,
    path: String,
    value: Value,
}

impl Operation {
    fn all(document: &Value) -> Vec<Self> {
        let paths = document["paths"].as_object().expect("paths");
        let mut all: Vec<_> = paths
            .iter()
            .flat_map(|(path, item)| {
                let operations = item.as_object().expect("operations").iter();
                operations.map(|(method, value)| Self {
                    method: method.to_uppercase().parse().expect("method"),
                    path: path.clone(),
                    value: value.clone(),
                })
            })
            .collect();
        // Reading comes before changing, and changing before removing.
        all.sort_by_key(|operation| match operation.method {
            Method::GET => 0,
            Method::DELETE => 2,
            _ => 1,
        });
        all
    }

    fn needs_token(&self) -> bool {
        self.value["security"].as_array().is_some_and(|schemes| !schemes.is_empty())
    }

    /// Whether the answer is an event stream, which has no end to wait for.
    fn is_endless(&self) -> bool {
        self.value["responses"]["200"]["content"].get("text/event-stream").is_some()
    }

    fn names_an_id(&self) -> bool {
        self.path.contains("_id}")
    }

    fn documents(&self, status: u16) -> bool {
        let responses = &self.value["responses"];
        [status.to_string(), format!("{}XX", status / 100)].iter().any(|code| responses.get(code).is_some())
    }

    /// The path with its parameters and those of the query that are needed, name an id or say of which date.
    fn uri(&self, document: &Value, ids: &Ids) -> String {
        let mut path = self.path.clone();
        let mut query = Vec::new();
        for parameter in self.value["parameters"].as_array().into_iter().flatten() {
            let name = parameter["name"].as_str().expect("name");
            let value = match ids.of(name) {
                Some(id) => id.to_string(),
                None => match name {
                    "subdomain" => "demo".to_owned(),
                    _ => plain(&example(document, &with_example(parameter), name, ids)),
                },
            };
            match parameter["in"].as_str() {
                Some("path") => path = path.replace(&format!("{{{name}}}"), &value),
                Some("query") if parameter["required"] == true || name.ends_with("_id") || name == "date" => {
                    query.push(format!("{name}={value}"));
                }
                _ => {}
            }
        }
        assert!(!path.contains('{'), "{path}");
        if query.is_empty() { path } else { format!("{path}?{}", query.join("&")) }
    }

    fn body(&self, document: &Value, ids: &Ids) -> Option<Value> {
        let schema = self.value["requestBody"]["content"]["application/json"].get("schema")?;
        Some(example(document, schema, "", ids))
    }
}

/// A parameter's schema with its example, which stands beside it.
fn with_example(parameter: &Value) -> Value {
    let mut schema = parameter["schema"].clone();
    if let (Some(example), Some(schema)) = (parameter.get("example"), schema.as_object_mut()) {
        schema.insert("example".to_owned(), example.clone());
    }
    schema
}

fn plain(value: &Value) -> String {
    value.as_str().map_or_else(|| value.to_string(), str::to_owned)
}

/// A small value that a schema allows, with ids of the business that `ids` is about.
fn example(document: &Value, schema: &Value, name: &str, ids: &Ids) -> Value {
    if let Some(reference) = schema["$ref"].as_str() {
        let target = document.pointer(reference.trim_start_matches('#')).expect("the document has what it refers to");
        return example(document, target, name, ids);
    }
    if let Some(id) = ids.of(name) {
        return id.into();
    }
    if let Some(parts) = schema["allOf"].as_array() {
        let mut whole = serde_json::Map::new();
        for part in parts {
            if let Value::Object(fields) = example(document, part, name, ids) {
                whole.extend(fields);
            }
        }
        return Value::Object(whole);
    }
    for choice in ["oneOf", "anyOf"] {
        if let Some(variants) = schema[choice].as_array() {
            let variant = variants.iter().find(|variant| variant["type"] != "null").expect("a variant");
            return example(document, variant, name, ids);
        }
    }
    let kinds = schema["type"].as_array().into_iter().flatten();
    let kind = kinds.chain([&schema["type"]]).find_map(|kind| kind.as_str().filter(|kind| *kind != "null"));
    match kind {
        Some("object") => {
            let required = schema["required"].as_array().cloned().unwrap_or_default();
            let fields = schema["properties"].as_object().into_iter().flatten();
            let wanted =
                fields.filter(|(field, _)| required.contains(&Value::from(field.as_str())) || ids.of(field).is_some());
            wanted.map(|(field, schema)| (field.clone(), example(document, schema, field, ids))).collect()
        }
        Some("array") => Value::Array(vec![example(document, &schema["items"], name.trim_end_matches('s'), ids)]),
        _ => {
            for given in ["example", "default", "const"] {
                if let Some(value) = schema.get(given) {
                    return value.clone();
                }
            }
            if let Some(value) = schema["enum"].get(0).or_else(|| schema["examples"].get(0)) {
                return value.clone();
            }
            match (kind, schema["format"].as_str()) {
                (Some("integer" | "number"), _) => schema["minimum"].as_i64().unwrap_or(1).into(),
                (Some("boolean"), _) => false.into(),
                (_, Some("date")) => "2026-01-20".into(),
                (_, Some("date-time")) => "2026-01-20T14:00:00+05:00".into(),
                _ => "x".repeat(schema["minLength"].as_u64().unwrap_or(1).try_into().unwrap_or(1)).into(),
            }
        }
    }
}

/// Ids of one business, by the names that parameters and fields have.
struct Ids(BTreeMap<&'static str, i64>);

/// Names that end like an id and are no id of anything that a business has.
const NO_IDS: [&str; 1] = ["request_id"];

/// Whether a name is one of an id, or of several.
fn is_id(name: &str) -> bool {
    (name.ends_with("_id") || name.ends_with("_ids")) && !NO_IDS.contains(&name)
}

impl Ids {
    /// The id that a parameter or field of this name takes; none when it takes no id.
    ///
    /// A name that nobody told this test of fails it: a route that takes the id of something new must be asked for that
    /// of another business too.
    fn of(&self, name: &str) -> Option<i64> {
        let name = name.strip_suffix('s').filter(|one| one.ends_with("_id")).unwrap_or(name);
        is_id(name).then(|| {
            let id = self.0.get(name);
            *id.unwrap_or_else(|| panic!("{name} is an id of something unknown: add one of the demo's to Ids::of_demo"))
        })
    }

    async fn of_demo(api: &TestApi) -> Self {
        let mut tx = api.platform.db.begin().await.expect("transaction");
        let (business, booking, client, service, master, user, message, account) = db::fetch_one!(
            &mut tx,
            (i64, i64, i64, i64, i64, i64, i64, i64),
            "select b.id, (select min(id) from bookings where business_id = b.id),
                (select min(id) from clients where business_id = b.id),
                (select min(id) from services where business_id = b.id),
                (select min(id) from masters where business_id = b.id),
                (select min(id) from users where business_id = b.id),
                (select min(id) from outbox where business_id = b.id),
                (select min(id) from accounts where business_id = b.id)
             from businesses b where b.subdomain = 'demo'",
        )
        .expect("the demo has one of each");
        let one = |(id,): (i64,)| id;
        let api_key = db::fetch_one!(
            &mut tx,
            (i64,),
            "insert into api_keys (business_id, name, public, secret_hash, scopes, created_at)
             values ($1, 'Demo', 'demo', $2, '', 0) returning id",
            business,
            [0_u8; 32].as_slice(),
        );
        let invitation = db::fetch_one!(
            &mut tx,
            (i64,),
            "insert into invitations (business_id, role, phone, language, token_hash, invited_by,
                 created_at, expires_at)
             values ($1, 'MANAGER', '77779876543', 'ru', $2, $3, 0, 2000000000) returning id",
            business,
            [1_u8; 32].as_slice(),
            user,
        );
        let time_off = db::fetch_one!(
            &mut tx,
            (i64,),
            "insert into time_off (business_id, from_date, start_minute, to_date, end_minute, kind, reason, created_at)
             values ($1, '2020-01-01', 0, '2020-01-02', 1440, 'closed', '', 0) returning id",
            business,
        );
        let bulk = db::fetch_one!(
            &mut tx,
            (i64,),
            "insert into bulk_jobs (business_id, text, created_at) values ($1, 'x', 0) returning id",
            business,
        );
        let inbound = db::fetch_one!(
            &mut tx,
            (i64,),
            "insert into inbound (account_id, business_id, chat, wa_message_id, phone, text, outcome,
                 received_at, handled_at)
             values ($1, $2, 'chat', 'message', '77779876543', 'Иван Иванов', 'unread', 0, 0) returning id",
            account,
            business,
        );
        tx.commit().await.expect("commit");
        Self(BTreeMap::from([
            ("business_id", business),
            ("booking_id", booking),
            ("client_id", client),
            // The client whom another is merged into or from.
            ("other_id", client),
            ("service_id", service),
            ("master_id", master),
            ("user_id", user),
            ("message_id", message),
            ("account_id", account),
            // Of whatever an entry of the audit log is about.
            ("entity_id", booking),
            ("api_key_id", one(api_key.expect("a key"))),
            ("invitation_id", one(invitation.expect("an invitation"))),
            ("time_off_id", one(time_off.expect("time off"))),
            ("bulk_id", one(bulk.expect("a bulk job"))),
            ("inbound_id", one(inbound.expect("an incoming message"))),
        ]))
    }

    fn business(&self) -> i64 {
        self.0["business_id"]
    }
}

/// The people of one business, who sign in anew for each request: some requests end sessions.
struct People {
    business: i64,
    master: i64,
    manager: i64,
    owner: i64,
    super_admin: i64,
    client: i64,
    key: String,
}

impl People {
    async fn of(api: &TestApi, subdomain: &str) -> Self {
        let mut tx = api.platform.db.begin().await.expect("transaction");
        let (business, owner) = db::fetch_one!(
            &mut tx,
            (i64, i64),
            "select b.id, (select min(id) from users where business_id = b.id and role = 'OWNER')
             from businesses b where b.subdomain = $1",
            subdomain,
        )
        .expect("the business");
        let (super_admin,) = db::fetch_one!(&mut tx, (i64,), "select min(id) from users where role = 'SUPER_ADMIN'")
            .expect("the operator");
        let mut staff = Vec::new();
        for (role, phone) in [("MASTER", "77015550001"), ("MANAGER", "77015550002")] {
            let insert = db::fetch_one!(
                &mut tx,
                (i64,),
                "insert into users (business_id, email, password_hash, full_name, phone, role, created_at)
                 values ($1, null, 'none', 'Somebody', $2, $3, 0) returning id",
                business,
                phone,
                role,
            );
            staff.push(insert.expect("a user").0);
        }
        let (client,) = db::fetch_one!(
            &mut tx,
            (i64,),
            "insert into clients (business_id, phone, name, created_at, updated_at)
             values ($1, '77015550003', 'Somebody', 0, 0) returning id",
            business,
        )
        .expect("a client");
        let secret_hash: [u8; 32] = Sha256::digest(b"secret").into();
        let public = format!("key{business}");
        db::execute!(
            &mut tx,
            "insert into api_keys (business_id, name, public, secret_hash, scopes, created_by, created_at)
             values ($1, 'Somebody', $2, $3, '', $4, 0)",
            business,
            public.as_str(),
            secret_hash.as_slice(),
            owner,
        )
        .expect("a key");
        tx.commit().await.expect("commit");
        let key = format!("bk_{public}_secret");
        Self { business, master: staff[0], manager: staff[1], owner, super_admin, client, key }
    }

    async fn token(&self, api: &TestApi, actor: Actor) -> Option<String> {
        let user = match actor {
            Actor::Nobody => return None,
            Actor::Forger => return Some("forged".to_owned()),
            Actor::Program => return Some(self.key.clone()),
            Actor::Client => return Some(self.client_token(api).await),
            Actor::Master => self.master,
            Actor::Manager => self.manager,
            Actor::Owner => self.owner,
            Actor::SuperAdmin => self.super_admin,
        };
        let business = (actor != Actor::SuperAdmin).then_some(self.business);
        let mut tx = api.platform.db.begin().await.expect("transaction");
        let (session,) = db::fetch_one!(
            &mut tx,
            (i64,),
            "insert into sessions (user_id, business_id, begun_at) values ($1, $2, 0) returning id",
            user,
            business,
        )
        .expect("a session");
        tx.commit().await.expect("commit");
        let (user, session) = (UserId::new(user), SessionId::new(session));
        Some(api.token(&Bearer::User { user, business: business.map(BusinessId::new), session }))
    }

    async fn client_token(&self, api: &TestApi) -> String {
        let mut tx = api.platform.db.begin().await.expect("transaction");
        let (session,) = db::fetch_one!(
            &mut tx,
            (i64,),
            "insert into sessions (business_id, client_id, begun_at) values ($1, $2, 0) returning id",
            self.business,
            self.client,
        )
        .expect("a session");
        tx.commit().await.expect("commit");
        let (client, business) = (ClientId::new(self.client), BusinessId::new(self.business));
        api.token(&Bearer::Client { client, business, session: SessionId::new(session) })
    }
}

async fn ask(
    api: &TestApi,
    operation: &Operation,
    uri: &str,
    token: Option<&str>,
    body: Option<&Value>,
) -> (Answer, String) {
    let mut request = Request::builder().method(operation.method.clone()).uri(uri);
    if let Some(token) = token {
        request = request.header("authorization", format!("Bearer {token}"));
    }
    let request = match body {
        Some(body) => request.header("content-type", "application/json").body(Body::from(body.to_string())),
        None => request.body(Body::empty()),
    };
    api.send_whole(request.expect("request")).await
}

/// What another business must find as it left it.
async fn left_alone(api: &TestApi, business: i64) -> Vec<(String, i64, i64)> {
    let mut connection = api.platform.db.read().await.expect("database");
    db::fetch_all!(
        &mut connection,
        (String, i64, i64),
        "select 'booking ' || state, id, version from bookings where business_id = $1
         union all select 'client ' || name, id, 0 from clients where business_id = $1
         union all select 'service ' || name, id, price_tiyn from services where business_id = $1
         union all select 'master ' || name, id, 0 from masters where business_id = $1
         union all select 'user ' || full_name, id, 0 from users where business_id = $1
         union all select 'settings ' || settings, id, version from businesses where id = $1
         union all select 'message ' || state, id, 0 from outbox where business_id = $1
         union all select 'key ' || name, id, coalesce(revoked_at, 0) from api_keys where business_id = $1
         union all select 'invitation ' || role, id, coalesce(revoked_at, 0) from invitations where business_id = $1
         union all select 'time off ' || kind, id, 0 from time_off where business_id = $1
         union all select 'bulk ' || text, id, coalesce(cancelled_at, 0) from bulk_jobs where business_id = $1
         union all select 'inbound ' || chat, id, coalesce(read_at, 0) from inbound where business_id = $1
         order by 1, 2",
        business,
    )
    .expect("rows")
}

/// Every name that a request of the document gives a value: of its parameters, and of the fields of its body.
fn names(document: &Value, operation: &Operation) -> BTreeSet<String> {
    fn fields(document: &Value, schema: &Value, names: &mut BTreeSet<String>, seen: &mut BTreeSet<String>) {
        match schema {
            Value::Object(object) => {
                if let Some(reference) = object.get("$ref").and_then(Value::as_str)
                    && seen.insert(reference.to_owned())
                {
                    let target = document.pointer(reference.trim_start_matches('#')).expect("what is referred to");
                    fields(document, target, names, seen);
                }
                if let Some(Value::Object(properties)) = object.get("properties") {
                    names.extend(properties.keys().cloned());
                }
                object.values().for_each(|value| fields(document, value, names, seen));
            }
            Value::Array(values) => values.iter().for_each(|value| fields(document, value, names, seen)),
            Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {}
        }
    }
    let mut names = BTreeSet::new();
    for parameter in operation.value["parameters"].as_array().into_iter().flatten() {
        names.extend(parameter["name"].as_str().map(str::to_owned));
    }
    fields(document, &operation.value["requestBody"], &mut names, &mut BTreeSet::new());
    names
}

#[tokio::test]
async fn every_id_that_a_request_can_name_is_one_of_another_business() {
    let api = TestApi::start().await;
    assert_eq!(api.post("/api/v1/public/booking", visit("2026-01-13T14:00:00")).await.status, 201);
    let ids = Ids::of_demo(&api).await;
    let document = serde_json::to_value(api::router::document()).expect("document");
    let mut used = BTreeSet::new();
    for operation in Operation::all(&document) {
        for name in names(&document, &operation) {
            // Fails for an id of something that is not known here.
            if ids.of(&name).is_some() {
                used.insert(name.strip_suffix('s').unwrap_or(&name).to_owned());
            }
        }
        // A number in a path is an id, whatever it is called.
        for parameter in operation.value["parameters"].as_array().into_iter().flatten() {
            let name = parameter["name"].as_str().expect("name");
            let is_number = parameter["in"] == "path" && parameter["schema"]["type"] == "integer";
            assert!(
                !is_number || is_id(name),
                "{}: {name} is a number in the path and not called an id",
                operation.path
            );
        }
    }
    let known: BTreeSet<String> =
        ids.0.keys().filter(|name| **name != "account_id").map(|name| (*name).to_owned()).collect();
    assert_eq!(used, known, "what is known here is what the document names");
}

#[test]
#[should_panic(expected = "voucher_id is an id of something unknown")]
fn an_id_of_something_new_fails_the_test() {
    Ids(BTreeMap::from([("booking_id", 1)])).of("voucher_ids");
}

#[tokio::test]
async fn nobody_reaches_into_another_business_on_any_route() {
    let api = TestApi::start().await;
    let booked = api.post("/api/v1/public/booking", visit("2026-01-13T14:00:00")).await;
    assert_eq!(booked.status, 201, "{booked:?}");
    api.register("neighbour").await;
    let people = People::of(&api, "neighbour").await;
    let ids = Ids::of_demo(&api).await;
    let document = serde_json::to_value(api::router::document()).expect("document");
    let operations = Operation::all(&document);
    let before = left_alone(&api, ids.business()).await;
    let mut wrong = Vec::new();
    for actor in ACTORS {
        for operation in operations.iter().filter(|operation| operation.needs_token()) {
            if operation.is_endless() {
                continue;
            }
            let token = people.token(&api, actor).await;
            let (uri, body) = (operation.uri(&document, &ids), operation.body(&document, &ids));
            let (answer, text) = ask(&api, operation, &uri, token.as_deref(), body.as_ref()).await;
            if let Some(problem) = judge(operation, actor, &answer, &text) {
                wrong.push(format!("{actor:?} {} {uri} {body:?}: {problem}: {text}", operation.method));
            }
        }
        if actor != Actor::SuperAdmin {
            let after = left_alone(&api, ids.business()).await;
            assert_eq!(after, before, "{actor:?} changed another business");
        }
    }
    assert!(wrong.is_empty(), "{} wrong answers:\n{}", wrong.len(), wrong.join("\n"));
}

/// What is wrong with an answer to `actor`, who asked with ids of another business.
fn judge(operation: &Operation, actor: Actor, answer: &Answer, text: &str) -> Option<String> {
    let status = answer.status.as_u16();
    let is_problem = answer.headers.get("content-type").is_some_and(|kind| kind == "application/problem+json");
    let is_refused = match actor {
        Actor::Nobody | Actor::Forger => status == 401,
        Actor::Client | Actor::Program => !operation.names_an_id() || (400..500).contains(&status),
        Actor::Master | Actor::Manager | Actor::Owner => {
            let is_bodiless = operation.value.get("requestBody").is_none();
            let is_refused = if is_bodiless { [403, 404].contains(&status) } else { (400..500).contains(&status) };
            !operation.names_an_id() || is_refused
        }
        Actor::SuperAdmin => true,
    };
    let shown = FOREIGN.iter().find(|secret| actor != Actor::SuperAdmin && text.contains(**secret));
    if status >= 500 && status != 503 {
        Some(format!("status {status}"))
    } else if !operation.documents(status) {
        Some(format!("status {status} is not in the document"))
    } else if status >= 400 && !is_problem {
        Some(format!("status {status} without a problem"))
    } else if !is_refused {
        Some(format!("status {status} is no refusal"))
    } else {
        shown.map(|secret| format!("shows {secret}"))
    }
}

#[tokio::test]
async fn a_master_who_sees_no_numbers_finds_none_on_any_route() {
    let api = TestApi::start().await;
    let mut form = visit("2026-01-13T14:00:00");
    form["notes"] = "Звоните на +7 777 987-65-43 или 8 (777) 987 65 43".into();
    assert_eq!(api.post("/api/v1/public/booking", form).await.status, 201);
    let people = People::of(&api, "demo").await;
    let mut tx = api.platform.db.begin().await.expect("transaction");
    db::execute!(&mut tx, "update masters set user_id = $1 where id = 1", people.master).expect("the first master");
    tx.commit().await.expect("commit");
    let ids = Ids::of_demo(&api).await;
    let document = serde_json::to_value(api::router::document()).expect("document");
    let operations = Operation::all(&document);
    let (mut wrong, mut seen_by_owner) = (Vec::new(), 0);
    for operation in operations.iter().filter(|operation| operation.method == Method::GET && operation.needs_token()) {
        if operation.is_endless() {
            continue;
        }
        let uri = operation.uri(&document, &ids);
        for actor in [Actor::Master, Actor::Owner] {
            let token = people.token(&api, actor).await;
            let (_, text) = ask(&api, operation, &uri, token.as_deref(), None).await;
            // Whatever stands between the digits.
            let digits: String = text.chars().filter(|character| !" -()+".contains(*character)).collect();
            match (actor, digits.contains("7779876543")) {
                (Actor::Owner, true) => seen_by_owner += 1,
                (Actor::Master, true) => wrong.push(format!("{uri}: {text}")),
                _ => {}
            }
        }
    }
    assert!(wrong.is_empty(), "a master sees a number:\n{}", wrong.join("\n"));
    assert!(seen_by_owner > 0, "the owner sees it, so the test sees something");
}
