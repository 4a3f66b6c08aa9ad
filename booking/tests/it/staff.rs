//! Who may do what, from the next request on: roles, sessions, invitations, codes, keys, tenants.

use std::sync::Arc;

use booking::access::{Access, Origin, Who};
use booking::api_key::{self, KeyText, Scope};
use booking::audit;
use booking::authority::{self, KeyError};
use booking::business::BusinessState;
use booking::client_login::{self, ClientLoginError};
use booking::clock::Clock;
use booking::demo;
use booking::entropy::Entropy;
use booking::id::{BusinessId, UserId};
use booking::invitation::{self, AcceptError, Acceptance, InviteError, NewInvitation};
use booking::language::Language;
use booking::outbox::{self, MessageKind};
use booking::phone::Phone;
use booking::platform::Platform;
use booking::policy::Policy;
use booking::profile::{self, ProfileChange, ProfileError};
use booking::schema;
use booking::session::{self, SessionError};
use booking::settings::Switches;
use booking::tenants::{self, Filter};
use booking::user::{
    self, ChangePasswordError, Credentials, LoginError, LoginName, ResetError, ResetRequest, Role, StaffChange,
    StaffError, User,
};
use db::Db;
use db::migration::Component;
use db::testing::on_each;
use serde_json::json;
use sha2::{Digest, Sha256};

use crate::people::login;
use crate::salon::Salon;

const PHONE: &str = "87771112233";

/// The salon with an address for links.
async fn open(db: &Db) -> Salon {
    let mut salon = Salon::open(db).await;
    let mut policy = (*salon.platform.policy).clone();
    policy.public_url = Some("http://test".to_owned());
    salon.platform.policy = Arc::new(policy);
    salon
}

fn access(business_id: BusinessId, user: &User) -> Access {
    let origin = Origin { who: Who::User { id: user.id, impersonator: None }, ..Origin::system() };
    Access { business_id, origin, role: user.role, master_id: None, sees: Switches::ALL }
}

async fn owner(salon: &Salon) -> (User, Access) {
    let (owner, _) = login(&salon.platform, demo::OWNER.0, demo::OWNER.1).await.unwrap();
    let access = access(salon.business.id, &owner);
    (owner, access)
}

/// The text of the newest message of a kind, if there is one.
async fn newest(db: &Db, kind: &str) -> Option<String> {
    let mut connection = db.read().await.unwrap();
    let sql = "select text from outbox where kind = $1 order by id desc limit 1";
    db::fetch_optional!(&mut connection, (String,), sql, kind).unwrap().map(|(text,)| text)
}

async fn invited(salon: &Salon, role: Role) -> String {
    let (_, access) = owner(salon).await;
    let phone: Phone = PHONE.parse().unwrap();
    let new =
        NewInvitation { phone: &phone, role, master_id: Some(salon.masters[1]), name: None, language: Language::Ru };
    invitation::invite(&salon.platform, &salon.business, &access, &new).await.unwrap();
    let text = newest(&salon.platform.db, "invitation").await.unwrap();
    let token = text.split("/api/v1/invitations/").nth(1).unwrap();
    token.chars().take_while(char::is_ascii_hexdigit).collect()
}

async fn accept(platform: &Platform, token: &str) -> Result<(User, session::RefreshToken), AcceptError> {
    let form = Acceptance { full_name: "Дмитрий", password: "correct horse", email: None };
    invitation::accept(platform, token, &form, &Origin::system()).await
}

#[tokio::test]
async fn a_link_makes_one_of_the_staff_once() {
    on_each(async |db| {
        let salon = open(&db).await;
        let token = invited(&salon, Role::Master).await;
        let mut connection = db.read().await.unwrap();
        let now = salon.platform.clock.real_now();
        let (shown, business) = invitation::by_token(&mut connection, &token, now).await.unwrap().unwrap();
        assert_eq!((shown.role, business.id), (Role::Master, salon.business.id));
        assert!(invitation::by_token(&mut connection, "forged", now).await.unwrap().is_none());
        let (row,) = db::fetch_one!(&mut connection, (Vec<u8>,), "select token_hash from invitations").unwrap();
        assert_ne!(row, token.as_bytes(), "the token itself is nowhere but in the message");
        drop(connection);

        let (user, refresh) = accept(&salon.platform, &token).await.unwrap();
        assert!(matches!(accept(&salon.platform, &token).await, Err(AcceptError::Gone)));
        let mut connection = db.read().await.unwrap();
        let staff =
            authority::staff(&mut connection, salon.business.id, refresh.session(), user.id, Origin::system()).await;
        let staff = staff.unwrap().unwrap();
        assert_eq!((staff.access.role, staff.access.master_id), (Role::Master, Some(salon.masters[1])));
        assert_eq!(staff.access.sees, Switches::NONE, "as the settings have it for masters");
        drop(connection);

        // They log in by number; a second one with the number cannot come.
        let name = LoginName::Phone { phone: "+7 777 111-22-33", subdomain: Some("demo") };
        let credentials = Credentials { name, password: "correct horse", address: None };
        assert_eq!(user::login(&salon.platform, &credentials).await.unwrap().0.id, user.id);
        let elsewhere = LoginName::Phone { phone: PHONE, subdomain: Some("rival") };
        let refused = user::login(&salon.platform, &Credentials { name: elsewhere, ..credentials }).await;
        assert!(matches!(refused, Err(LoginError::Rejected)), "{refused:?}");
        let (_, access) = owner(&salon).await;
        let phone: Phone = PHONE.parse().unwrap();
        let again =
            NewInvitation { phone: &phone, role: Role::Manager, master_id: None, name: None, language: Language::Ru };
        let again = invitation::invite(&salon.platform, &salon.business, &access, &again).await;
        assert!(matches!(again, Err(InviteError::PhoneTaken)), "{again:?}");
    })
    .await;
}

#[tokio::test]
async fn a_link_ends_with_its_week_and_with_a_newer_one() {
    on_each(async |db| {
        let salon = open(&db).await;
        let first = invited(&salon, Role::Manager).await;
        let second = invited(&salon, Role::Manager).await;
        assert!(matches!(accept(&salon.platform, &first).await, Err(AcceptError::Gone)));
        let now = salon.platform.clock.real_now();
        let listed = invitation::open(&mut db.read().await.unwrap(), salon.business.id, now).await.unwrap();
        assert_eq!(listed.len(), 1);
        let (_, access) = owner(&salon).await;
        assert!(!invitation::revoke(&salon.platform, BusinessId::new(99), listed[0].id, &access.origin).await.unwrap());
        salon.travel_hours(7 * 24);
        assert!(matches!(accept(&salon.platform, &second).await, Err(AcceptError::Gone)));
    })
    .await;
}

#[tokio::test]
async fn what_somebody_may_do_changes_with_the_next_request() {
    on_each(async |db| {
        let salon = open(&db).await;
        let platform = &salon.platform;
        let token = invited(&salon, Role::Manager).await;
        let (manager, refresh) = accept(platform, &token).await.unwrap();
        let (owner, access) = owner(&salon).await;
        let seen = async || {
            let mut connection = db.read().await.unwrap();
            let home = salon.business.id;
            authority::staff(&mut connection, home, refresh.session(), manager.id, Origin::system()).await.unwrap()
        };
        assert!(seen().await.unwrap().access.sees.phones);
        let hide = json!({ "staff": { "manager": { "phones": false } } });
        let change = ProfileChange { settings: Some(&hide), ..ProfileChange::default() };
        profile::change(platform, salon.business.id, &change, &access.origin).await.unwrap();
        let staff = seen().await.unwrap();
        assert_eq!(staff.access.phone(&"87771234567".parse().unwrap()), "•••67");
        assert_eq!(staff.access.text("звонить 8 777 123 45 67"), "звонить •••67");

        let demote = StaffChange { role: Some(Role::Master), master_id: Some(None) };
        let member = user::change(platform, salon.business.id, manager.id, &demote, &access.origin).await.unwrap();
        assert_eq!((member.user.role, member.master_id), (Role::Master, None));
        assert_eq!(seen().await.unwrap().access.role, Role::Master);

        let stranger = user::change(platform, BusinessId::new(99), manager.id, &demote, &access.origin).await;
        assert!(matches!(stranger, Err(StaffError::NotFound)), "{stranger:?}");
        let step_down = StaffChange { role: Some(Role::Manager), master_id: None };
        let alone = user::change(platform, salon.business.id, owner.id, &step_down, &access.origin).await;
        assert!(matches!(alone, Err(StaffError::LastOwner)), "{alone:?}");
        let alone = user::deactivate(platform, salon.business.id, owner.id, &access.origin).await;
        assert!(matches!(alone, Err(StaffError::LastOwner)), "{alone:?}");

        user::deactivate(platform, salon.business.id, manager.id, &access.origin).await.unwrap();
        assert!(seen().await.is_none(), "removed");
        assert!(session::refresh(platform, refresh.expose()).await.is_err());
        let mut connection = db.read().await.unwrap();
        let of_manager = audit::Filter {
            entity: Some("user"),
            entity_id: Some(manager.id.get()),
            limit: 10,
            ..audit::Filter::default()
        };
        let actions = audit::list(&mut connection, salon.business.id, &of_manager).await;
        let actions: Vec<String> = actions.unwrap().into_iter().map(|entry| entry.action).collect();
        assert_eq!(actions, ["deactivate", "update", "join"]);
        let other = audit::Filter { limit: 10, ..audit::Filter::default() };
        assert!(audit::list(&mut connection, BusinessId::new(99), &other).await.unwrap().is_empty());
    })
    .await;
}

#[tokio::test]
async fn a_session_that_ended_opens_nothing_at_once() {
    on_each(async |db| {
        let salon = open(&db).await;
        let platform = &salon.platform;
        let (user, first) = login(platform, demo::OWNER.0, demo::OWNER.1).await.unwrap();
        let (_, second) = login(platform, demo::OWNER.0, demo::OWNER.1).await.unwrap();
        let is_there = async |token: &session::RefreshToken| {
            authority::user(&mut db.read().await.unwrap(), token.session(), user.id).await.unwrap().is_some()
        };
        assert!(is_there(&first).await && is_there(&second).await);
        assert!(
            authority::user(&mut db.read().await.unwrap(), first.session(), UserId::new(99)).await.unwrap().is_none()
        );
        let origin = Origin::system();
        let change = |old, new| user::change_password(platform, user.id, second.session(), (old, new), &origin);
        assert!(matches!(change("wrong", "correct horse").await, Err(ChangePasswordError::Wrong)));
        assert!(matches!(change(demo::OWNER.1, "short").await, Err(ChangePasswordError::Password(_))));
        change(demo::OWNER.1, "correct horse").await.unwrap();
        assert!(!is_there(&first).await && is_there(&second).await, "the other sessions end, this one stays");
        session::end(platform, second.expose()).await.unwrap();
        assert!(!is_there(&second).await);
    })
    .await;
}

#[tokio::test]
async fn whoever_fails_to_log_in_waits_longer_each_time() {
    on_each(async |db| {
        let salon = open(&db).await;
        let address = Some("203.0.113.9".parse().unwrap());
        let attempt = async |email, password| {
            let credentials = Credentials { name: LoginName::Email(email), password, address };
            match user::login(&salon.platform, &credentials).await {
                Ok(_) => Ok(()),
                Err(LoginError::Rejected) => Err(0),
                Err(LoginError::TooMany { seconds }) => Err(seconds),
                Err(error) => panic!("{error}"),
            }
        };
        // Who exists is not told: both are treated alike.
        for email in [demo::OWNER.0, "nobody@example.com"] {
            for _ in 0..5 {
                assert_eq!(attempt(email, "wrong").await, Err(0));
            }
            assert_eq!(attempt(email, "wrong").await, Err(15));
        }
        assert_eq!(attempt(demo::OWNER.0, demo::OWNER.1).await, Err(15), "also with the right one");
        salon.travel_seconds(15);
        assert_eq!(attempt(demo::OWNER.0, "wrong").await, Err(0));
        assert_eq!(attempt(demo::OWNER.0, "wrong").await, Err(30));
        salon.travel_seconds(30);
        attempt(demo::OWNER.0, demo::OWNER.1).await.unwrap();
        assert_eq!(attempt(demo::OWNER.0, "wrong").await, Err(0), "forgotten");
    })
    .await;
}

#[tokio::test]
async fn a_code_replaces_a_forgotten_password() {
    on_each(async |db| {
        let salon = open(&db).await;
        let platform = &salon.platform;
        let token = invited(&salon, Role::Manager).await;
        let (manager, refresh) = accept(platform, &token).await.unwrap();
        let request = ResetRequest { phone: PHONE, subdomain: None, address: None };
        user::request_reset(platform, &request, Some(Language::En)).await.unwrap();
        let text = newest(&db, "code").await.unwrap();
        let code: String = text.chars().take(6).collect();
        assert!(text.contains("10 minutes"), "{text}");
        let wrong = if code == "000000" { "000001" } else { "000000" };
        let reset = async |phone: &str, code: &str, password: &str| {
            user::reset(platform, phone, code, password, &Origin::system()).await
        };
        assert!(matches!(reset(PHONE, wrong, "battery staple").await, Err(ResetError::Code)));
        assert!(matches!(reset("87770000000", &code, "battery staple").await, Err(ResetError::Code)));
        reset(PHONE, &code, "battery staple").await.unwrap();
        assert!(matches!(reset(PHONE, &code, "battery staple").await, Err(ResetError::Code)), "one use");
        assert!(session::refresh(platform, refresh.expose()).await.is_err(), "all sessions ended");
        let name = LoginName::Phone { phone: PHONE, subdomain: None };
        let credentials = Credentials { name, password: "battery staple", address: None };
        assert_eq!(user::login(platform, &credentials).await.unwrap().0.id, manager.id);

        // The next code is guessed five times and is worth nothing then.
        salon.travel_seconds(60);
        user::request_reset(platform, &request, Some(Language::En)).await.unwrap();
        let code: String = newest(&db, "code").await.unwrap().chars().take(6).collect();
        for _ in 0..5 {
            assert!(matches!(reset(PHONE, "abc", "battery staple").await, Err(ResetError::Code)));
        }
        assert!(matches!(reset(PHONE, &code, "battery staple").await, Err(ResetError::Code)));
        // Ten minutes later a code is worth nothing either.
        salon.travel_seconds(60);
        user::request_reset(platform, &request, Some(Language::En)).await.unwrap();
        let code: String = newest(&db, "code").await.unwrap().chars().take(6).collect();
        salon.travel_seconds(600);
        assert!(matches!(reset(PHONE, &code, "battery staple").await, Err(ResetError::Code)));
    })
    .await;
}

#[tokio::test]
async fn a_code_opens_nothing_under_another_key() {
    on_each(async |db| {
        let salon = open(&db).await;
        let platform = &salon.platform;
        salon.book("2026-01-16T14:00:00", "87771234567").await.unwrap();
        let key = |byte| zeroize::Zeroizing::new([byte; 32]);
        let (ours, theirs) = (platform.clone().with_code_key(&key(1)), platform.clone().with_code_key(&key(2)));
        client_login::request_code(&ours, "demo", "87771234567", None, None).await.unwrap();
        let code: String = newest(&db, "code").await.unwrap().chars().take(6).collect();
        let refused = client_login::login(&theirs, "demo", "87771234567", &code).await;
        assert!(matches!(refused, Err(ClientLoginError::Code)), "{refused:?}");
        // Another process with the key takes it, once.
        let same = platform.clone().with_code_key(&key(1));
        client_login::login(&same, "demo", "87771234567", &code).await.unwrap();
        let again = client_login::login(&ours, "demo", "87771234567", &code).await;
        assert!(matches!(again, Err(ClientLoginError::Code)), "{again:?}");
    })
    .await;
}

#[tokio::test]
async fn another_number_of_a_client_opens_their_visits_in_their_language() {
    on_each(async |db| {
        let salon = open(&db).await;
        let platform = &salon.platform;
        let owner = salon.owner().await;
        let one = salon.book("2026-01-16T14:00:00", "87771234567").await.unwrap().client_id.unwrap();
        let other = salon.book("2026-01-16T16:00:00", "87001112233").await.unwrap().client_id.unwrap();
        booking::client::merge::merge(platform, &owner, one, other).await.unwrap();
        let ask = async |asked| {
            salon.travel_seconds(60);
            client_login::request_code(platform, "demo", "87001112233", asked, None).await.unwrap();
            newest(&db, "code").await.unwrap()
        };
        // Asked for none: the business's. Asked for one: that, until they choose.
        assert!(ask(None).await.contains("код для входа"));
        assert!(ask(Some(Language::En)).await.contains("your code"));
        let edit = booking::client::write::ClientEdit { language: Some(Language::Kk), ..Default::default() };
        booking::client::write::update(platform, &owner, one, &edit).await.unwrap();
        let text = ask(Some(Language::En)).await;
        assert!(text.contains("кіру коды"), "{text}");
        let code: String = text.chars().take(6).collect();
        let (_, client, _) = client_login::login(platform, "demo", "87001112233", &code).await.unwrap();
        assert_eq!(client, one, "the client, not the number");
        // Whoever has a number that is no longer the client's is signed out.
        salon.travel_seconds(60);
        client_login::request_code(platform, "demo", "87771234567", None, None).await.unwrap();
        let code: String = newest(&db, "code").await.unwrap().chars().take(6).collect();
        let (_, _, refresh) = client_login::login(platform, "demo", "87771234567", &code).await.unwrap();
        let edit = booking::client::write::ClientEdit { phone: "87475556677".parse().ok(), ..Default::default() };
        booking::client::write::update(platform, &owner, one, &edit).await.unwrap();
        assert!(session::refresh_client(platform, refresh.expose()).await.is_err());
    })
    .await;
}

#[tokio::test]
async fn asking_for_codes_tells_nobody_who_exists() {
    on_each(async |db| {
        let salon = open(&db).await;
        let platform = &salon.platform;
        salon.book("2026-01-16T14:00:00", "87771234567").await.unwrap();
        for phone in ["87771234567", "87770000001"] {
            let ask = async || client_login::request_code(platform, "demo", phone, Some(Language::Ru), None).await;
            ask().await.unwrap();
            let again = ask().await;
            assert!(matches!(again, Err(ClientLoginError::TooMany { seconds: 60 })), "{again:?}");
        }
        let mut connection = db.read().await.unwrap();
        let (sent,) =
            db::fetch_one!(&mut connection, (i64,), "select count(*) from outbox where kind = 'code'").unwrap();
        assert_eq!(sent, 1, "only the client is written to");
        drop(connection);
        let address = Some("203.0.113.9".parse().unwrap());
        for number in 0..30 {
            let phone = format!("8777000{:04}", 100 + number);
            client_login::request_code(platform, "demo", &phone, Some(Language::Ru), address).await.unwrap();
        }
        let over = client_login::request_code(platform, "demo", "87770009999", Some(Language::Ru), address).await;
        assert!(matches!(over, Err(ClientLoginError::TooMany { .. })), "{over:?}");
    })
    .await;
}

#[tokio::test]
async fn a_client_signs_in_with_a_code_and_is_nobody_else() {
    on_each(async |db| {
        let salon = open(&db).await;
        let platform = &salon.platform;
        let booking = salon.book("2026-01-16T14:00:00", "87771234567").await.unwrap();
        client_login::request_code(platform, "demo", "87771234567", Some(Language::Ru), None).await.unwrap();
        let code: String = newest(&db, "code").await.unwrap().chars().take(6).collect();
        let (business, client, refresh) =
            client_login::login(platform, "demo", "8 777 123 45 67", &code).await.unwrap();
        assert_eq!((business.id, Some(client)), (salon.business.id, booking.client_id));
        let mut connection = db.read().await.unwrap();
        let here = authority::client(&mut connection, business.id, refresh.session(), client).await.unwrap();
        assert_eq!(here.unwrap().id, business.id);
        let session = refresh.session();
        let as_staff = authority::staff(&mut connection, business.id, session, UserId::new(1), Origin::system()).await;
        assert!(as_staff.unwrap().is_none());
        drop(connection);
        // A client's token continues no user's session, and comes back spent only once.
        assert!(session::refresh(platform, refresh.expose()).await.is_err());
        let (_, _, next) = session::refresh_client(platform, refresh.expose()).await.unwrap();
        assert!(session::refresh_client(platform, refresh.expose()).await.is_err());
        assert!(session::refresh_client(platform, next.expose()).await.is_err(), "stolen: the session is over");
    })
    .await;
}

#[tokio::test]
async fn a_key_opens_what_it_may_until_it_is_revoked() {
    on_each(async |db| {
        let salon = open(&db).await;
        let platform = &salon.platform;
        let (_, access) = owner(&salon).await;
        let now = platform.clock.real_now();
        let name = "Сайт".parse().unwrap();
        let scopes = [Scope::BookingsRead, Scope::BookingsRead];
        let (key, secret) = api_key::create(platform, &access, &name, &scopes, Some(now.plus(3_600))).await.unwrap();
        let text = secret.expose().to_owned();
        assert!(text.starts_with(&format!("bk_{}_", key.public)) && key.public.len() == 8, "{text}");
        let find = async |text: &str| {
            let mut connection = db.read().await.unwrap();
            let now = platform.clock.real_now();
            authority::program(&mut connection, &KeyText::parse(text).unwrap(), Origin::system(), now).await
        };
        let program = find(&text).await.unwrap();
        assert_eq!(program.scopes, [Scope::BookingsRead]);
        assert_eq!(program.staff.business.id, salon.business.id);
        assert!(!program.staff.access.sees.phones, "numbers need a right of their own");
        let mut forged = text.clone();
        forged.replace_range(text.len() - 1.., if text.ends_with('0') { "1" } else { "0" });
        assert!(matches!(find(&forged).await, Err(KeyError::Unknown)));
        for used in [true, false] {
            let before = find(&text).await.unwrap().last_used_at;
            api_key::used(&db, key.id, before, platform.clock.real_now()).await.unwrap();
            let after = find(&text).await.unwrap().last_used_at;
            assert_eq!(before != after, used, "once a minute");
            salon.travel_seconds(20);
        }
        assert!(!api_key::revoke(platform, BusinessId::new(99), key.id, &access.origin).await.unwrap());
        assert!(api_key::revoke(platform, salon.business.id, key.id, &access.origin).await.unwrap());
        assert!(matches!(find(&text).await, Err(KeyError::Unknown)));
        let end = Some(platform.clock.real_now().plus(10));
        let (_, secret) = api_key::create(platform, &access, &name, &[Scope::ClientsRead], end).await.unwrap();
        assert!(find(secret.expose()).await.unwrap().staff.access.sees.phones);
        salon.travel_seconds(10);
        assert!(matches!(find(secret.expose()).await, Err(KeyError::Expired)));
        assert_eq!(api_key::list(&mut db.read().await.unwrap(), salon.business.id).await.unwrap().len(), 1);
    })
    .await;
}

#[tokio::test]
async fn settings_change_once_for_each_version() {
    on_each(async |db| {
        let salon = open(&db).await;
        let platform = &salon.platform;
        let (_, access) = owner(&salon).await;
        let (id, version) = (salon.business.id, salon.business.version);
        let named = |name, version| ProfileChange { name: Some(name), version, ..ProfileChange::default() };
        let (_, after) = profile::change(platform, id, &named("Ару", Some(version)), &access.origin).await.unwrap();
        assert_eq!((after.name.as_str(), after.version), ("Ару", version + 1));
        let stale = profile::change(platform, id, &named("Айгуль", Some(version)), &access.origin).await;
        assert!(matches!(stale, Err(ProfileError::Changed { current }) if current.name.as_str() == "Ару"));
        let same = profile::change(platform, id, &named("Ару", None), &access.origin).await.unwrap().1;
        assert_eq!(same.version, version + 1, "nothing to change is no change");
        let zone = ProfileChange { time_zone: Some("Mars/Phobos"), ..ProfileChange::default() };
        assert!(matches!(profile::change(platform, id, &zone, &access.origin).await, Err(ProfileError::Zone)));
        let mut connection = db.read().await.unwrap();
        let filter = audit::Filter { entity: Some("business"), limit: 10, ..audit::Filter::default() };
        let entries = audit::list(&mut connection, id, &filter).await.unwrap();
        assert_eq!(entries.len(), 1);
        assert_eq!(entries[0].new, Some(json!({ "name": "Ару" })));
    })
    .await;
}

#[tokio::test]
async fn the_operator_closes_opens_and_extends_and_is_seen_doing_it() {
    on_each(async |db| {
        let salon = open(&db).await;
        let platform = &salon.platform;
        let (admin, _) = login(platform, demo::ADMIN.0, demo::ADMIN.1).await.unwrap();
        let who = Who::User { id: admin.id, impersonator: None };
        let origin = Origin { who, ..Origin::system() };
        let owner = user::register(platform, &crate::people::FORM).await.unwrap();
        let id = owner.business_id.unwrap();
        let reason = "проверка".parse().unwrap();

        let mut connection = db.read().await.unwrap();
        for (search, found) in [("ару", 1), ("ARU", 1), ("701 222", 1), ("demo", 1), ("100%", 0), ("", 2)] {
            let filter = Filter { search: Some(search), limit: 10, ..Filter::default() };
            assert_eq!(tenants::tenants(&mut connection, &filter).await.unwrap().len(), found, "{search}");
        }
        let trial = Filter { state: Some(BusinessState::Trial), limit: 10, ..Filter::default() };
        assert_eq!(tenants::tenants(&mut connection, &trial).await.unwrap().len(), 1);
        drop(connection);

        salon.travel_hours(30 * 24);
        let row = tenants::tenant(&mut db.read().await.unwrap(), id).await.unwrap().unwrap();
        assert!(!row.business.is_open(platform.clock.real_now()), "the trial is over");
        let row = tenants::extend_trial(platform, id, 14, &origin).await.unwrap();
        assert!(row.business.is_open(platform.clock.real_now()));
        let row = tenants::suspend(platform, id, &reason, &origin).await.unwrap();
        assert_eq!((row.business.state, row.suspended_reason.as_deref()), (BusinessState::Suspended, Some("проверка")));
        assert!(tenants::extend_trial(platform, id, 14, &origin).await.is_err());
        tenants::activate(platform, id, &reason, &origin).await.unwrap();

        let acting = tenants::impersonate(platform, id, admin.id, &reason, &origin).await.unwrap();
        assert_eq!(acting.user_id, owner.id);
        let mut connection = db.read().await.unwrap();
        let staff = authority::staff(&mut connection, id, acting.session, owner.id, Origin::system()).await.unwrap();
        let who = staff.unwrap().access.origin.who;
        assert_eq!(who, Who::User { id: owner.id, impersonator: Some(admin.id) });
        let seen = audit::list(&mut connection, id, &audit::Filter { limit: 10, ..audit::Filter::default() }).await;
        let seen: Vec<_> = seen.unwrap().into_iter().map(|entry| (entry.action, entry.impersonator)).collect();
        assert_eq!(seen[0], ("impersonate".to_owned(), Some(admin.id)));
        assert_eq!(seen.len(), 4);
    })
    .await;
}

#[tokio::test]
async fn nobody_reads_somebody_elses_code() {
    on_each(async |db| {
        let salon = open(&db).await;
        let platform = &salon.platform;
        salon.book("2026-01-16T14:00:00", "87771234567").await.unwrap();
        client_login::request_code(platform, "demo", "87771234567", Some(Language::Ru), None).await.unwrap();
        let mut connection = db.read().await.unwrap();
        let filter =
            outbox::MessageFilter { kind: Some(MessageKind::Code), limit: 10, ..outbox::MessageFilter::default() };
        let shown = outbox::list(&mut connection, salon.business.id, &filter).await.unwrap();
        assert_eq!((shown.len(), shown[0].text.as_str()), (1, ""));
        let account = booking::account::of_business(&mut connection, salon.business.id).await.unwrap().unwrap();
        drop(connection);
        let now = platform.clock.now();
        let lease = booking::lease::acquire(&db, account.id, "a", now, 30).await.unwrap().unwrap();
        let claimed = outbox::claim_due(&db, &platform.policy, &lease, now, 10).await.unwrap();
        let code = claimed.iter().find(|message| message.kind == MessageKind::Code).unwrap();
        assert!(code.text.starts_with(|digit: char| digit.is_ascii_digit()), "its recipient gets it");
        outbox::mark_sent(&db, code, now).await.unwrap();
        assert_eq!(newest(&db, "code").await.as_deref(), Some(""), "and then it is forgotten");
    })
    .await;
}

/// A database as it was when every login was a family of refresh tokens and everybody had an address.
#[tokio::test]
async fn logins_of_an_older_database_go_on() {
    on_each(async |db| {
        let old = Component { name: "booking", steps: &schema::COMPONENT.steps[..7] };
        db.migrate(&old).await.unwrap();
        let mut tx = db.begin().await.unwrap();
        for statement in [
            "insert into businesses (id, subdomain, name, phone, time_zone, language, state, created_at)
             values (1, 'old', 'Салон', '77010000001', 'Asia/Almaty', 'ru', 'active', 0)",
            "insert into users (id, business_id, email, password_hash, full_name, phone, role, created_at)
             values (5, 1, 'old@example.kz', 'x', 'Айгуль', '77010000001', 'OWNER', 0)",
            "insert into users (id, email, password_hash, full_name, role, created_at)
             values (6, 'admin@example.kz', 'x', 'Оператор', 'SUPER_ADMIN', 0)",
            "insert into masters (id, business_id, user_id, name, position, active)
             values (3, 1, 5, 'Айгуль', 0, true)",
            "insert into audit_log (business_id, at, actor, actor_id, impersonator_id, entity, entity_id, action)
             values (1, 0, 'user', 5, 6, 'user', 5, 'update')",
        ] {
            db::execute!(&mut tx, statement).unwrap();
        }
        for (family, token, revoked) in [(1, "first", None), (1, "second", None), (2, "third", Some(1))] {
            db::execute!(
                &mut tx,
                "insert into refresh_tokens (user_id, family, token_hash, issued_at, expires_at, used_at, revoked_at)
                 values (5, $1, $2, 0, $3, $4, $5)",
                vec![family; 16],
                Sha256::digest(token).to_vec(),
                i64::MAX,
                (token == "first").then_some(1_i64),
                revoked.map(i64::from),
            )
            .unwrap();
        }
        tx.commit().await.unwrap();
        let opened = Platform::open(db.clone(), Clock::system(), Entropy::seeded(1), Policy::default()).await;
        let platform = opened.unwrap();
        let (user, _) = session::refresh(&platform, "second").await.unwrap();
        assert_eq!((user.id, user.email.unwrap().as_str()), (UserId::new(5), "old@example.kz"));
        assert!(matches!(session::refresh(&platform, "third").await, Err(SessionError::Ended)));
        assert!(matches!(session::refresh(&platform, "first").await, Err(SessionError::Reused)));
        let mut connection = db.read().await.unwrap();
        let own = booking::master::of_user(&mut connection, BusinessId::new(1), UserId::new(5)).await.unwrap();
        assert_eq!(own.map(booking::id::MasterId::get), Some(3));
        drop(connection);
        // New rows get numbers of their own, and an address can be missing.
        session::start(&platform, &user::by_id(&mut db.read().await.unwrap(), user.id).await.unwrap().unwrap())
            .await
            .unwrap();
    })
    .await;
}
