//! Leases and the outbox.

use booking::clock::Timestamp;
use booking::entropy::Entropy;
use booking::id::{AccountId, BusinessId};
use booking::language::Language;
use booking::outbox::{self, Failure, MessageKind, NewMessage};
use booking::phone::Phone;
use booking::policy::Policy;
use booking::store::StoreError;
use booking::{account, lease, schema};
use db::Db;
use db::testing::on_each;

const NOON: Timestamp = Timestamp::from_seconds(1_760_000_000);

struct Salon {
    db: Db,
    business_id: BusinessId,
    account_id: AccountId,
}

impl Salon {
    async fn open(db: &Db, subdomain: &str) -> Self {
        db.migrate(&schema::COMPONENT).await.unwrap();
        let mut tx = db.begin().await.unwrap();
        let (business_id,) = db::fetch_one!(
            &mut tx,
            (BusinessId,),
            "insert into businesses (subdomain, name, phone, time_zone, language, state, created_at)
             values ($1, $1, '77770000000', 'Asia/Almaty', 'ru', 'active', 0) returning id",
            subdomain,
        )
        .unwrap();
        let account_id = account::ensure(&mut tx, business_id, NOON).await.unwrap();
        assert_eq!(account::ensure(&mut tx, business_id, NOON).await.unwrap(), account_id);
        tx.commit().await.unwrap();
        Self { db: db.clone(), business_id, account_id }
    }

    async fn plan(&self, key: &str, due_in: i64, expires_in: i64) -> bool {
        self.plan_with(key, due_in, expires_in, &Entropy::system()).await.unwrap()
    }

    async fn plan_with(&self, key: &str, due_in: i64, expires_in: i64, entropy: &Entropy) -> Result<bool, StoreError> {
        let phone: Phone = "77771234567".parse().unwrap();
        let mut tx = self.db.begin().await.unwrap();
        let message = NewMessage {
            business_id: self.business_id,
            account_id: Some(self.account_id),
            booking_id: None,
            kind: MessageKind::Relay,
            dedup_key: key,
            phone: &phone,
            text: key,
            language: Language::Ru,
            due_at: NOON.plus(due_in),
            expires_at: NOON.plus(expires_in),
        };
        let planned = outbox::plan(&mut tx, &message, entropy, NOON).await?;
        tx.commit().await.unwrap();
        Ok(planned.is_some())
    }

    async fn state(&self, key: &str) -> (String, Option<String>) {
        let mut connection = self.db.read().await.unwrap();
        db::fetch_one!(
            &mut connection,
            (String, Option<String>),
            "select state, error from outbox where business_id = $1 and dedup_key = $2",
            self.business_id,
            key
        )
        .unwrap()
    }
}

#[tokio::test]
async fn a_lease_has_one_holder_and_its_fence_grows() {
    on_each(async |db| {
        let salon = Salon::open(&db, "one").await;
        let id = salon.account_id;
        assert_eq!(lease::free_accounts(&db, NOON, true, 9).await.unwrap(), [id]);
        let first = lease::acquire(&db, id, "a", NOON, 30).await.unwrap().unwrap();
        assert_eq!(lease::acquire(&db, id, "b", NOON.plus(29), 30).await.unwrap(), None);
        assert!(lease::free_accounts(&db, NOON.plus(29), true, 9).await.unwrap().is_empty());
        let renewed = lease::renew(&db, &first, NOON.plus(20), 30).await.unwrap().unwrap();
        assert_eq!((renewed.fence, renewed.until), (first.fence, NOON.plus(50)));
        let second = lease::acquire(&db, id, "b", NOON.plus(50), 30).await.unwrap().unwrap();
        assert!(second.fence > first.fence);
        assert_eq!(lease::renew(&db, &renewed, NOON.plus(51), 30).await.unwrap(), None);
        lease::release(&db, &renewed).await.unwrap();
        assert!(lease::free_accounts(&db, NOON.plus(51), true, 9).await.unwrap().is_empty());
        lease::release(&db, &second).await.unwrap();
        let third = lease::acquire(&db, id, "a", NOON.plus(51), 30).await.unwrap().unwrap();
        assert!(third.fence > second.fence);
    })
    .await;
}

#[tokio::test]
async fn what_is_due_is_claimed_once_and_by_the_holder() {
    on_each(async |db| {
        let salon = Salon::open(&db, "one").await;
        let other = Salon::open(&db, "two").await;
        assert!(salon.plan("later", 600, 900).await);
        assert!(salon.plan("now", 0, 900).await);
        assert!(salon.plan("stale", -100, 0).await);
        assert!(!salon.plan("now", 5, 900).await, "planned twice");
        assert!(other.plan("now", 0, 900).await, "another tenant's key is its own");

        let old = lease::acquire(&db, salon.account_id, "a", NOON, 30).await.unwrap().unwrap();
        let claimed = outbox::claim_due(&db, &Policy::default(), &old, NOON, 10).await.unwrap();
        assert_eq!(claimed.iter().map(|message| message.text.as_str()).collect::<Vec<_>>(), ["now"]);
        assert!(outbox::claim_due(&db, &Policy::default(), &old, NOON, 10).await.unwrap().is_empty(), "claimed twice");
        assert_eq!(salon.state("stale").await, ("expired".to_owned(), Some("expired".to_owned())));
        let claim_end = NOON.plus(outbox::CLAIM_SECONDS);
        assert_eq!(outbox::next_due(&db, &old).await.unwrap(), Some(claim_end), "before the one that is due later");
        let forgotten = outbox::claim_due(&db, &Policy::default(), &old, claim_end, 10).await.unwrap();
        assert_eq!(forgotten[0].wa_message_id, claimed[0].wa_message_id, "a claim ends");

        // The holder dies; the next one finds what it had begun, under the same id.
        let new = lease::acquire(&db, salon.account_id, "b", NOON.plus(30), 30).await.unwrap().unwrap();
        assert!(
            outbox::claim_due(&db, &Policy::default(), &old, NOON.plus(700), 10).await.unwrap().is_empty(),
            "claimed under an old fence"
        );
        let again = outbox::claim_due(&db, &Policy::default(), &new, NOON.plus(30), 10).await.unwrap();
        assert_eq!(again[0].wa_message_id, claimed[0].wa_message_id);
        assert_eq!(again[0].attempts, 3);
        // The old one wakes up: it decides nothing.
        outbox::mark_failed(&db, &old, &claimed[0], Failure::Final, "too late").await.unwrap();
        assert_eq!(salon.state("now").await.0, "planned");

        let retry = Failure::Retry { at: NOON.plus(60) };
        outbox::mark_failed(&db, &new, &again[0], retry, "no connection").await.unwrap();
        assert_eq!(salon.state("now").await, ("planned".to_owned(), Some("no connection".to_owned())));
        assert!(outbox::claim_due(&db, &Policy::default(), &new, NOON.plus(59), 10).await.unwrap().is_empty());
        let third = outbox::claim_due(&db, &Policy::default(), &new, NOON.plus(60), 10).await.unwrap();
        outbox::mark_failed(&db, &new, &third[0], Failure::Final, "not on WhatsApp").await.unwrap();
        assert_eq!(salon.state("now").await.0, "failed");
        assert_eq!(other.state("now").await.0, "planned");
    })
    .await;
}

#[tokio::test]
async fn a_message_id_that_comes_twice_loses_no_message_silently() {
    on_each(async |db| {
        let salon = Salon::open(&db, "one").await;
        assert!(salon.plan_with("first", 0, 900, &Entropy::seeded(1)).await.unwrap());
        assert!(salon.plan_with("second", 0, 900, &Entropy::seeded(1)).await.unwrap());
        let lease = lease::acquire(&db, salon.account_id, "a", NOON, 30).await.unwrap().unwrap();
        let error = outbox::claim_due(&db, &Policy::default(), &lease, NOON, 10).await.unwrap_err();
        assert_eq!(error.constraint(), Some("outbox_wa_message_id_key"));
    })
    .await;
}

#[tokio::test]
async fn receipts_move_a_message_forward_only() {
    on_each(async |db| {
        let salon = Salon::open(&db, "one").await;
        let other = Salon::open(&db, "two").await;
        salon.plan("hello", 0, 900).await;
        let lease = lease::acquire(&db, salon.account_id, "a", NOON, 30).await.unwrap().unwrap();
        let message = outbox::claim_due(&db, &Policy::default(), &lease, NOON, 10).await.unwrap().remove(0);
        let ids = [message.wa_message_id.as_str(), "3EB0UNKNOWN"];
        outbox::mark_read(&db, other.account_id, &ids, NOON).await.unwrap();
        assert_eq!(salon.state("hello").await.0, "planned", "another account's receipt");
        // A receipt can overtake the note that the message left.
        outbox::mark_delivered(&db, salon.account_id, &ids, NOON).await.unwrap();
        outbox::mark_sent(&db, &message, NOON).await.unwrap();
        assert_eq!(salon.state("hello").await.0, "delivered");
        outbox::mark_read(&db, salon.account_id, &ids, NOON).await.unwrap();
        outbox::mark_delivered(&db, salon.account_id, &ids, NOON).await.unwrap();
        outbox::mark_sent(&db, &message, NOON).await.unwrap();
        assert_eq!(salon.state("hello").await, ("read".to_owned(), None));
    })
    .await;
}

#[tokio::test]
async fn an_account_keeps_its_identity_and_state() {
    on_each(async |db| {
        let salon = Salon::open(&db, "one").await;
        let phone: Phone = "77770000001".parse().unwrap();
        account::set_identity(&db, salon.account_id, &phone, "77770000001:1@s.whatsapp.net", None, NOON).await.unwrap();
        let lease = lease::acquire(&db, salon.account_id, "a", NOON, 30).await.unwrap().unwrap();
        let change = account::StateChange {
            state: account::AccountState::Banned,
            detail: Some("402"),
            until: Some(NOON.plus(60)),
            seen_at: Some(NOON),
        };
        account::set_state(&db, &lease, &change, NOON).await.unwrap();
        let change = account::StateChange { seen_at: None, ..change };
        account::set_state(&db, &lease, &change, NOON).await.unwrap();
        let mut connection = db.read().await.unwrap();
        let found = account::of_business(&mut connection, salon.business_id).await.unwrap().unwrap();
        assert_eq!((found.state, found.until, found.seen_at), (change.state, change.until, Some(NOON)));
        assert_eq!(found.phone, Some(phone));
        let by_id = account::by_id(&mut connection, salon.account_id).await.unwrap().unwrap();
        assert_eq!(by_id.business_id, Some(salon.business_id));
        assert_eq!(account::all(&mut connection, None, 10).await.unwrap().len(), 1);
        assert!(account::all(&mut connection, Some(salon.account_id), 10).await.unwrap().is_empty());
    })
    .await;
}
