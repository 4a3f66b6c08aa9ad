//! What an account still knows of a client who was erased.

use std::time::Duration;

use booking::access::{Access, Origin};
use booking::clock::Timestamp;
use booking::outbox::MessageState::{Cancelled, Delivered, Planned};

use booking::settings::Switches;
use booking::user::Role;
use booking::{client::erase::erase, timekeeping};

use crate::support::{CLIENT, PATIENCE, Salon, on_each, text};

impl Salon {
    /// The keys of the account's own store that name the client, by number or by LID, and how many messages to them it
    /// keeps: it wrote to nobody else.
    async fn known(&self, lid: &str) -> (Vec<String>, usize) {
        let mut connection = self.platform.db.read().await.expect("connection");
        let rows = db::fetch_all!(&mut connection, (i64, Vec<u8>), "select kind, key from wa_records").expect("keys");
        let sent = i64::from(wa_client::store::Kind::Sent.code());
        let kept = rows.iter().filter(|(kind, _)| *kind == sent).count();
        let keys = rows.into_iter().map(|(_, key)| String::from_utf8_lossy(&key).into_owned());
        (keys.filter(|key| key.contains(CLIENT) || key.contains(lid)).collect(), kept)
    }

    /// The numbers that are still to be forgotten, with their times.
    async fn to_forget(&self) -> Vec<(String, Timestamp)> {
        let mut connection = self.platform.db.read().await.expect("connection");
        let sql = "select phone, due_at from contacts_to_forget";
        db::fetch_all!(&mut connection, (String, Timestamp), sql).expect("rows")
    }
}

#[tokio::test]
async fn an_erased_client_is_told_and_then_forgotten_by_the_account_too() {
    on_each(async |salon| {
        let running = salon.spawn().await;
        let booking = salon.book(0, CLIENT).await;
        salon.wait_for_states(&booking, &[Delivered, Planned, Planned]).await;
        let lid = salon.sandbox.phone(CLIENT).expect("the client's phone").lid;
        let lid = lid.split('@').next().expect("digits").to_owned();
        let (keys, kept) = salon.known(&lid).await;
        assert!(keys.len() >= 3 && kept == 1, "{keys:?}");

        let owner = Access {
            business_id: salon.business.id,
            origin: Origin::system(),
            role: Role::Owner,
            master_id: None,
            sees: Switches::ALL,
        };
        let client_id = booking.client_id.expect("a client");
        erase(&salon.platform, &owner, client_id, true).await.expect("erased");
        assert!(salon.to_forget().await.is_empty(), "the last word needs what the account knows");
        let inbox = salon.inbox(CLIENT, 2).await;
        assert!(text(&inbox[1]).contains("отмен"), "{}", text(&inbox[1]));
        salon.wait_for_states(&booking, &[Delivered, Delivered, Cancelled, Cancelled]).await;
        timekeeping::round(&salon.platform).await.expect("a round");
        let [(phone, due_at)] = salon.to_forget().await.try_into().expect("one number");
        assert_eq!(phone, CLIENT);

        // Whoever does it need not be who was there when it was wished for.
        running.finish().await;
        salon.travel_to(due_at);
        let running = salon.spawn().await;
        let forgotten = async {
            while !salon.to_forget().await.is_empty() {
                tokio::time::sleep(Duration::from_millis(20)).await;
            }
        };
        tokio::time::timeout(PATIENCE, forgotten).await.expect("it is forgotten in time");
        assert_eq!(salon.known(&lid).await, (Vec::new(), 0));

        // Who comes back is written to as anybody else.
        let booking = salon.book(0, CLIENT).await;
        salon.wait_for_states(&booking, &[Delivered, Planned, Planned]).await;
        running.finish().await;
    })
    .await;
}
