//! How the accounts of all businesses are, as their operator sees it.

use booking::account::health::{self, Filter};
use booking::account::{self, AccountState, Condition, StateChange, status};
use booking::business;
use booking::id::AccountId;
use booking::lease::{self, Lease};
use booking::user;
use db::Db;
use db::testing::on_each;

use crate::salon::Salon;

async fn set(db: &Db, lease: &Lease, state: AccountState, detail: Option<&str>, salon: &Salon) {
    let now = salon.platform.clock.real_now();
    account::set_state(db, lease, &StateChange { state, detail, until: None, seen_at: Some(now) }, now).await.unwrap();
}

async fn list(salon: &Salon, filter: Filter) -> Vec<health::Health> {
    let clock = &salon.platform.clock;
    let mut connection = salon.platform.db.read().await.unwrap();
    let listed = health::list(&mut connection, &filter, (clock.now(), clock.real_now())).await.unwrap();
    // What the statement selected by is what the account says of itself, and what its owner is told.
    for health in &listed {
        let (condition, down) =
            (health.account.condition(clock.real_now()), health.account.down_since(clock.real_now()));
        assert!(filter.condition.is_none_or(|wanted| wanted == condition), "{condition:?}");
        assert!(filter.is_down.is_none_or(|wanted| wanted == down.is_some()), "{down:?}");
        let status = status(&mut connection, &salon.platform, health.account.clone(), None).await.unwrap();
        assert_eq!((status.condition, status.down_since), (condition, down));
        assert_eq!(
            (status.queue.due, status.queue.failed, status.last_ack),
            (health.due, health.failed, health.last_ack)
        );
    }
    listed
}

async fn ids(salon: &Salon, condition: Option<Condition>, is_down: Option<bool>) -> Vec<AccountId> {
    let listed = list(salon, Filter { condition, is_down, limit: 10, ..Filter::default() }).await;
    listed.iter().map(|health| health.account.id).collect()
}

#[tokio::test]
async fn the_operator_finds_the_accounts_that_are_down() {
    on_each(async |db| {
        let salon = Salon::open(&db).await;
        user::register(&salon.platform, &crate::people::FORM).await.unwrap();
        let now = salon.platform.clock.real_now();
        let mut tx = db.begin().await.unwrap();
        let shared = account::ensure_platform(&mut tx, now).await.unwrap();
        let other = business::by_subdomain(&mut tx, crate::people::FORM.subdomain).await.unwrap().unwrap();
        let other = account::ensure(&mut tx, other.id, now).await.unwrap();
        let own = account::ensure(&mut tx, salon.business.id, now).await.unwrap();
        tx.commit().await.unwrap();
        let phone = "77010000009".parse().unwrap();
        account::set_identity(&db, own, &phone, "77010000009:1@s.whatsapp.net", None, now).await.unwrap();

        let lease = lease::acquire(&db, own, "a", now, 30).await.unwrap().unwrap();
        set(&db, &lease, AccountState::Online, None, &salon).await;
        let mut all = [own, other, shared];
        all.sort();
        assert_eq!(ids(&salon, None, None).await, all);
        assert_eq!(ids(&salon, None, Some(true)).await, []);
        assert_eq!(ids(&salon, Some(Condition::Seen(AccountState::Online)), None).await, [own]);
        assert_eq!(ids(&salon, Some(Condition::Seen(AccountState::Unpaired)), Some(false)).await.len(), 2);

        // It loses its connection, and says why.
        salon.travel_seconds(10);
        set(&db, &lease, AccountState::Backoff, Some("stream-closed"), &salon).await;
        let since = salon.platform.clock.real_now();
        salon.travel_seconds(5);
        let down = list(&salon, Filter { is_down: Some(true), limit: 10, ..Filter::default() }).await;
        assert_eq!(down.len(), 1);
        let now = salon.platform.clock.real_now();
        assert_eq!((down[0].account.id, down[0].subdomain.as_deref()), (own, Some("demo")));
        assert_eq!(down[0].account.detail.as_deref(), Some("stream-closed"));
        assert_eq!((down[0].account.condition_since(now), down[0].account.down_since(now)), (since, Some(since)));
        assert!(!down[0].account.is_alarming(now));
        assert!(!format!("{:?}", down[0]).contains("7010000009"), "{:?}", down[0]);

        // Its holder comes back, and dies without a word.
        set(&db, &lease, AccountState::Online, None, &salon).await;
        salon.travel_seconds(account::ALARM_SECONDS + 60);
        assert_eq!(ids(&salon, Some(Condition::Offline), None).await, [own]);
        assert_eq!(ids(&salon, Some(Condition::Seen(AccountState::Online)), None).await, []);
        let down = list(&salon, Filter { is_down: Some(true), limit: 10, ..Filter::default() }).await;
        let now = salon.platform.clock.real_now();
        assert_eq!(down[0].account.condition_since(now), lease.until);
        assert!(down[0].account.is_alarming(now));

        // A page ends where the next begins.
        let mut paged = Vec::new();
        let mut after = None;
        while let Some(health) = list(&salon, Filter { after, limit: 1, ..Filter::default() }).await.pop() {
            after = Some(health.account.id);
            paged.push(health.account.id);
        }
        assert_eq!(paged, all);
    })
    .await;
}
