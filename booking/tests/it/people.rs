//! Registration, login, sessions, the demo.

use booking::business::{self, BusinessState};
use booking::demo;
use booking::platform::Platform;
use booking::session::{self, RefreshToken, SessionError};
use booking::user::{self, Credentials, LoginError, LoginName, RegisterError, Registration, Role, User};
use db::testing::on_each;

use crate::salon::Salon;

/// Logs in by e-mail address, from nowhere.
pub(crate) async fn login(
    platform: &Platform,
    email: &str,
    password: &str,
) -> Result<(User, RefreshToken), LoginError> {
    user::login(platform, &Credentials { name: LoginName::Email(email), password, address: None }).await
}

pub(crate) const FORM: Registration<'static> = Registration {
    email: "Aigul@Example.kz",
    password: "correct horse",
    full_name: "Айгуль",
    phone: "8 701 222 33 44",
    business_name: "Ару",
    subdomain: "Aru",
};

#[tokio::test]
async fn an_owner_registers_and_logs_in() {
    on_each(async |db| {
        let salon = Salon::open(&db).await;
        let owner = user::register(&salon.platform, &FORM).await.unwrap();
        let mut connection = db.read().await.unwrap();
        let business = business::by_subdomain(&mut connection, "ARU").await.unwrap().unwrap();
        assert_eq!((owner.business_id, business.state), (Some(business.id), BusinessState::Trial));
        let days = business.trial_ends_at.unwrap().since(salon.platform.clock.now()) / 86_400;
        assert_eq!((days, business.phone.expose(), business.zone.name()), (30, "77012223344", "Asia/Almaty"));
        assert!(booking::account::of_business(&mut connection, business.id).await.unwrap().is_some());
        drop(connection);

        let (user, _) = login(&salon.platform, " aigul@example.kz", "correct horse").await.unwrap();
        assert_eq!((user.id, user.role, user.business_id), (owner.id, Role::Owner, owner.business_id));
        for (email, password) in [("aigul@example.kz", "wrong horse"), ("x@example.kz", "correct horse"), ("", "")] {
            let refused = login(&salon.platform, email, password).await;
            assert!(matches!(refused, Err(LoginError::Rejected)), "{refused:?}");
        }
    })
    .await;
}

#[tokio::test]
async fn a_registration_names_the_field_that_is_wrong() {
    on_each(async |db| {
        let salon = Salon::open(&db).await;
        user::register(&salon.platform, &FORM).await.unwrap();
        let attempt = async |form: Registration<'static>| user::register(&salon.platform, &form).await.unwrap_err();
        let other = Registration { email: "other@example.kz", subdomain: "other", ..FORM };
        assert!(matches!(attempt(Registration { email: "x", ..other.clone() }).await, RegisterError::Email(_)));
        assert!(matches!(
            attempt(Registration { email: FORM.email, ..other.clone() }).await,
            RegisterError::EmailTaken
        ));
        assert!(matches!(
            attempt(Registration { subdomain: "aru", ..other.clone() }).await,
            RegisterError::SubdomainTaken
        ));
        assert!(matches!(
            attempt(Registration { subdomain: "a b", ..other.clone() }).await,
            RegisterError::Subdomain(_)
        ));
        assert!(matches!(
            attempt(Registration { password: "short", ..other.clone() }).await,
            RegisterError::Password(_)
        ));
        assert!(matches!(attempt(Registration { phone: "12", ..other.clone() }).await, RegisterError::Phone(_)));
        assert!(matches!(attempt(Registration { full_name: " ", ..other.clone() }).await, RegisterError::FullName(_)));
        assert!(matches!(
            attempt(Registration { business_name: "", ..other.clone() }).await,
            RegisterError::BusinessName(_)
        ));
        let mut connection = db.read().await.unwrap();
        assert!(business::by_subdomain(&mut connection, "other").await.unwrap().is_none(), "nothing half-done");
    })
    .await;
}

#[tokio::test]
async fn a_refresh_token_is_good_for_one_use() {
    on_each(async |db| {
        let salon = Salon::open(&db).await;
        let platform = &salon.platform;
        let (user, first) = login(platform, demo::OWNER.0, demo::OWNER.1).await.unwrap();
        let (_, other_login) = login(platform, demo::OWNER.0, demo::OWNER.1).await.unwrap();
        let (same, second) = session::refresh(platform, first.expose()).await.unwrap();
        assert_eq!(same.id, user.id);
        assert!(matches!(session::refresh(platform, "forged").await, Err(SessionError::Ended)));
        // The first comes back: somebody stole one of the two, so both are out.
        assert!(matches!(session::refresh(platform, first.expose()).await, Err(SessionError::Reused)));
        assert!(matches!(session::refresh(platform, second.expose()).await, Err(SessionError::Ended)));
        let (_, other_login) = session::refresh(platform, other_login.expose()).await.unwrap();
        session::end(platform, other_login.expose()).await.unwrap();
        assert!(matches!(session::refresh(platform, other_login.expose()).await, Err(SessionError::Ended)));

        let (_, one) = login(platform, demo::OWNER.0, demo::OWNER.1).await.unwrap();
        let (_, two) = login(platform, demo::OWNER.0, demo::OWNER.1).await.unwrap();
        session::end_all(platform, user.id).await.unwrap();
        for token in [one, two] {
            assert!(matches!(session::refresh(platform, token.expose()).await, Err(SessionError::Ended)));
        }
        let (_, old) = login(platform, demo::OWNER.0, demo::OWNER.1).await.unwrap();
        salon.travel_hours(7 * 24);
        assert!(matches!(session::refresh(platform, old.expose()).await, Err(SessionError::Ended)), "it expires");
    })
    .await;
}

#[tokio::test]
async fn the_demo_is_set_up_once_and_found_out() {
    on_each(async |db| {
        let salon = Salon::open(&db).await;
        assert_eq!(demo::seed(&salon.platform).await.unwrap(), salon.business.id);
        let (admin, _) = login(&salon.platform, demo::ADMIN.0, demo::ADMIN.1).await.unwrap();
        assert_eq!((admin.role, admin.business_id), (Role::SuperAdmin, None));
        assert!(demo::logins_work(&salon.platform).await.unwrap());
        let mut tx = db.begin().await.unwrap();
        db::execute!(&mut tx, "update users set password_hash = 'changed'").unwrap();
        tx.commit().await.unwrap();
        assert!(!demo::logins_work(&salon.platform).await.unwrap());
    })
    .await;
}

#[tokio::test]
async fn nobody_is_shown_by_debug() {
    db::testing::on_sqlite(async |db| {
        let salon = Salon::open(&db).await;
        let booking = salon.book("2026-01-16T14:00:00", "87771234567").await.unwrap();
        let (user, token) = login(&salon.platform, demo::OWNER.0, demo::OWNER.1).await.unwrap();
        let phone: booking::phone::Phone = "77012223344".parse().unwrap();
        let mut connection = db.read().await.unwrap();
        let account = booking::account::of_business(&mut connection, salon.business.id).await.unwrap().unwrap();
        let now = salon.platform.clock.now();
        booking::account::set_identity(
            &db,
            account.id,
            &phone,
            "77012223344:1@s.whatsapp.net",
            Some("1234567890@lid"),
            now,
        )
        .await
        .unwrap();
        let account = booking::account::of_business(&mut connection, salon.business.id).await.unwrap().unwrap();
        let lease = booking::lease::acquire(&db, account.id, "a", now, 30).await.unwrap().unwrap();
        let claimed = booking::outbox::claim_due(&db, &salon.platform.policy, &lease, now, 10).await.unwrap();
        let messages = booking::outbox::of_booking(&mut connection, salon.business.id, booking.id).await.unwrap();
        assert!(!claimed.is_empty() && !messages.is_empty());
        let shown = format!("{booking:?} {user:?} {token:?} {account:?} {claimed:?} {messages:?} {FORM:?}");
        for secret in ["7123456", "1222334", "23456789", "Данияр", "Стрижка", "owner@", "correct horse", "Здравствуйте"]
        {
            assert!(!shown.contains(secret), "{secret} in {shown}");
        }
        assert!(!shown.contains(token.expose()));
    })
    .await;
}
