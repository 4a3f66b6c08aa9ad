//! Whether a due message may go out now: what its recipient wants, whether its business is suspended, the hour, and how
//! the account stands with strangers.
//!
//! A contact is *warm* once they wrote to the account. WhatsApp punishes messages to others, so those have a small
//! budget, and stop altogether while WhatsApp refuses them.

use std::collections::BTreeMap;

use db::Connection;

use crate::account;
use crate::business::{self, BusinessState};
use crate::clock::Timestamp;
use crate::contact::{self, Contact};
use crate::id::{AccountId, BusinessId};
use crate::outbox::OutboxMessage;
use crate::phone::Phone;
use crate::policy::Policy;
use crate::quiet::QuietHours;
use crate::store::StoreError;
use crate::zone::Zone;

/// How long after what it answers a message is not held up by quiet hours, in seconds.
pub const ANSWER_SECONDS: i64 = 600;

/// After how long what the staff of a suspended business wrote is judged again, in seconds.
const SUSPENDED_SECONDS: i64 = 3_600;

/// What becomes of a due message.
pub(super) enum Verdict {
    /// It goes out.
    Send { is_cold: bool },
    /// It is judged again at a time.
    Wait { until: Timestamp, reason: &'static str },
    /// It never goes out.
    Drop { reason: &'static str },
}

/// Judges the messages of one claim.
pub(super) struct Admission<'a> {
    account_id: AccountId,
    policy: &'a Policy,
    now: Timestamp,
    account: Option<Standing>,
    rules: BTreeMap<BusinessId, Option<Rules>>,
}

/// How the account stands with strangers.
#[derive(Clone)]
struct Standing {
    phone: Option<Phone>,
    cold_until: Option<Timestamp>,
    is_shared: bool,
}

/// What a tenant has set for its messages.
#[derive(Clone)]
struct Rules {
    quiet: QuietHours,
    zone: Zone,
    budget: Option<u32>,
    is_suspended: bool,
}

impl<'a> Admission<'a> {
    pub(super) fn new(account_id: AccountId, policy: &'a Policy, now: Timestamp) -> Self {
        Self { account_id, policy, now, account: None, rules: BTreeMap::new() }
    }

    pub(super) async fn judge(
        &mut self,
        connection: &mut Connection,
        message: &OutboxMessage,
    ) -> Result<Verdict, StoreError> {
        let contact = contact::find(connection, self.account_id, &message.phone).await?;
        if let Some(reason) =
            contact::refusal(connection, message.business_id, message.kind, &message.phone, &contact).await?
        {
            return Ok(Verdict::Drop { reason });
        }
        let Some(Rules { quiet, zone, budget, is_suspended }) = self.rules(connection, message.business_id).await?
        else {
            return Ok(Verdict::Drop { reason: "internal" });
        };
        if is_suspended && message.kind.is_written_by_staff() {
            return Ok(Verdict::Wait { until: self.now.plus(SUSPENDED_SECONDS), reason: "business-suspended" });
        }
        let opens = quiet.opens(&zone, self.now);
        if opens > self.now && !self.is_awaited(message, &contact) {
            return Ok(Verdict::Wait { until: opens, reason: "quiet-hours" });
        }
        let account = self.account(connection).await?;
        if contact.is_warm() || account.phone.as_ref() == Some(&message.phone) {
            return Ok(Verdict::Send { is_cold: false });
        }
        if let Some(until) = account.cold_until.filter(|until| *until > self.now) {
            return Ok(Verdict::Wait { until, reason: "cold-stopped" });
        }
        let midnight = zone.nearest_instant(zone.date(self.now).at(0, 0, 0, 0));
        if contact.first_sent_at.is_none() && !message.kind.is_urgent() {
            let budget = budget.filter(|_| !account.is_shared).unwrap_or(self.policy.cold_per_day);
            if contact::met_since(connection, self.account_id, midnight).await? >= i64::from(budget) {
                let tomorrow = zone.date(self.now).tomorrow().unwrap_or(jiff::civil::Date::MAX);
                let until = quiet.opens(&zone, zone.nearest_instant(tomorrow.at(0, 0, 0, 0)));
                return Ok(Verdict::Wait { until, reason: "cold-budget" });
            }
        }
        contact::note_sent(connection, self.account_id, &message.phone, self.now).await?;
        Ok(Verdict::Send { is_cold: true })
    }

    /// Whether somebody waits for the message, at whatever hour.
    fn is_awaited(&self, message: &OutboxMessage, contact: &Contact) -> bool {
        let wrote = contact.last_inbound_at.is_some_and(|at| self.now.since(at) <= ANSWER_SECONDS);
        let answers = message.kind.is_answer() && self.now.since(message.due_at) <= ANSWER_SECONDS;
        message.kind.is_urgent() || wrote || answers
    }

    async fn rules(&mut self, connection: &mut Connection, id: BusinessId) -> Result<Option<Rules>, StoreError> {
        if let Some(rules) = self.rules.get(&id) {
            return Ok(rules.clone());
        }
        let rules = business::by_id(connection, id).await?.map(|business| Rules {
            quiet: QuietHours::of(&business.settings.messages, self.policy),
            budget: business.settings.messages.cold_per_day,
            is_suspended: business.state == BusinessState::Suspended,
            zone: business.zone,
        });
        self.rules.insert(id, rules.clone());
        Ok(rules)
    }

    async fn account(&mut self, connection: &mut Connection) -> Result<Standing, StoreError> {
        if let Some(standing) = &self.account {
            return Ok(standing.clone());
        }
        let id = self.account_id;
        let missing = StoreError::Row { table: "accounts", id: id.get(), rule: "it holds a lease" };
        let account = account::by_id(connection, id).await?.ok_or(missing)?;
        let standing =
            Standing { phone: account.phone, cold_until: account.cold_until, is_shared: account.business_id.is_none() };
        self.account = Some(standing.clone());
        Ok(standing)
    }
}
