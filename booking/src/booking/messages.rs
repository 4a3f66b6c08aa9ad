//! What a visit's client is written, and when.

use db::Connection;
use jiff::Span;
use jiff::civil::DateTime;

use crate::booking::reminding::{self, Known};
use crate::booking::transition::{self, Remark, Step};
use crate::booking::{Actor, Booking, BookingState, read};
use crate::business::{self, Business};
use crate::clock::Timestamp;
use crate::consent;
use crate::id::{AccountId, BookingId, BusinessId};
use crate::link::{self, LinkToken};
use crate::name::Name;
use crate::outbox::{self, MessageKind, NewMessage};
use crate::platform::Platform;
use crate::quiet::QuietHours;
use crate::store::StoreError;
use crate::text::{Event, VisitText};

/// How long after it was decided a cancellation is still worth sending, also when the visit's time is over by then.
const CANCELLATION_SECONDS: i64 = 3_600;

/// A message with its text and times, before it has a row.
pub(super) struct Planned {
    pub(super) kind: MessageKind,
    pub(super) key: String,
    pub(super) text: String,
    pub(super) due_at: Timestamp,
    pub(super) expires_at: Timestamp,
}

/// What has happened to a visit that its client has to be told.
#[derive(Debug, Clone, Copy)]
pub(super) struct News {
    /// What.
    pub(super) event: Event,
    /// When it was to begin, if it was moved.
    pub(super) moved_from: Option<DateTime>,
}

impl From<Event> for News {
    fn from(event: Event) -> Self {
        Self { event, moved_from: None }
    }
}

/// The words of one business about one visit.
pub(super) struct Writer<'a> {
    platform: &'a Platform,
    business: &'a Business,
    booking: &'a Booking,
    service: String,
    master: String,
    link: Option<String>,
    hours: u32,
}

impl<'a> Writer<'a> {
    /// `link` leads the client to the visit, where the platform has an address.
    pub(super) fn new(
        platform: &'a Platform,
        business: &'a Business,
        booking: &'a Booking,
        link: Option<&LinkToken>,
    ) -> Self {
        Self {
            service: booking.services(booking.language),
            master: booking.masters(),
            link: platform.policy.public_url.as_deref().zip(link).map(|(base, link)| link.address(base)),
            hours: booking.cancel_deadline(business, &platform.policy).hours,
            platform,
            business,
            booking,
        }
    }

    /// What to write about the event, now, and the reminders that are still to come, of a visit that has `known` ones.
    pub(super) fn tell(&self, news: News, known: &[Known], now: Timestamp) -> Vec<Planned> {
        let mut planned = vec![self.news(news, now)];
        planned.extend(self.reminders(known, now));
        planned
    }

    fn news(&self, news: News, now: Timestamp) -> Planned {
        let (kind, expires_at) = match news.event {
            Event::Confirmation => (MessageKind::Confirmation, self.booking.starts_at),
            Event::Request => (MessageKind::Request, self.booking.starts_at),
            Event::Moved => (MessageKind::Change, self.booking.starts_at),
            Event::Reminder => (MessageKind::Reminder, self.booking.starts_at),
            Event::CancelledByClient | Event::CancelledBySalon => (MessageKind::Cancellation, self.too_late(now)),
            Event::Expired => (MessageKind::Expiry, self.too_late(now)),
        };
        let text = self.text(news.event, news.moved_from, now);
        Planned { kind, key: format!("v{}:{kind}", self.booking.version), text, due_at: now, expires_at }
    }

    /// From when on it is no use to say that a visit is off.
    fn too_late(&self, now: Timestamp) -> Timestamp {
        self.booking.ends_at.max(now.plus(CANCELLATION_SECONDS))
    }

    /// The reminders that are still to come; only what is agreed is reminded of.
    pub(super) fn reminders(&self, known: &[Known], now: Timestamp) -> Vec<Planned> {
        let booking = self.booking;
        if booking.state != BookingState::Confirmed {
            return Vec::new();
        }
        let hours = self.business.settings.messages.reminder_hours.as_ref();
        let hours = hours.unwrap_or(&self.platform.policy.reminder_hours);
        let quiet = QuietHours::of(&self.business.settings.messages, &self.platform.policy);
        let due = |hours| quiet.reminder(&booking.zone, reminder_time(booking, hours), booking.starts_at);
        let reminder = |hours| {
            let due_at = due(hours);
            Planned {
                kind: MessageKind::Reminder,
                key: reminding::key(booking, hours),
                text: self.text(Event::Reminder, None, due_at),
                due_at,
                expires_at: booking.starts_at,
            }
        };
        reminding::wanted(hours, known, due, now).into_iter().map(reminder).collect()
    }

    /// Plans these messages, whose link is of this token, and takes back what else was planned, of one kind if it is
    /// given.
    async fn replace(
        &self,
        connection: &mut Connection,
        kind: Option<MessageKind>,
        (token, planned): (&LinkToken, Vec<Planned>),
        now: Timestamp,
    ) -> Result<(), StoreError> {
        let (business_id, id) = (self.booking.business_id, self.booking.id);
        if self.link.is_some() && !planned.is_empty() {
            link::keep(connection, business_id, id, token).await?;
        }
        let account_id = if planned.is_empty() { None } else { account(connection, business_id).await? };
        plan(connection, self.platform, self.booking, account_id, &planned, now).await?;
        let keys: Vec<&str> = planned.iter().map(|message| message.key.as_str()).collect();
        outbox::keep_only(connection, business_id, id, kind, &keys).await
    }

    fn text(&self, event: Event, moved_from: Option<DateTime>, sent_at: Timestamp) -> String {
        let visit = VisitText {
            business: self.business.name.as_str(),
            address: self.business.address.as_deref(),
            client: self.booking.client_name.as_ref().map_or("", Name::as_str),
            service: &self.service,
            master: &self.master,
            price_tiyn: self.booking.price_tiyn,
            start: self.booking.wall_start,
            moved_from,
            today: self.booking.zone.date(sent_at),
            cancellation_hours: self.hours,
            link: self.link.as_deref(),
        };
        self.platform.texts.visit(event, self.booking.language, &self.business.wording, &visit)
    }
}

/// Plans what there is to tell of a visit now, brings up to date what was planned, and takes back the rest of it. A
/// client without a phone is told nothing.
pub(super) async fn replan(
    connection: &mut Connection,
    platform: &Platform,
    business: &Business,
    booking: &Booking,
    news: Option<News>,
    now: Timestamp,
) -> Result<(), StoreError> {
    let token = LinkToken::fresh(&platform.entropy, platform.clock.now_ms());
    let writer = Writer::new(platform, business, booking, Some(&token));
    let known = reminding::known(connection, booking).await?;
    let planned = match (news, &booking.client_phone) {
        (_, None) => Vec::new(),
        (Some(news), Some(_)) => writer.tell(news, &known, now),
        (None, Some(_)) => writer.reminders(&known, now),
    };
    writer.replace(connection, None, (&token, planned), now).await
}

/// Brings the reminders of a visit up to date, and leaves its other messages as they are.
pub(super) async fn replan_reminders(
    connection: &mut Connection,
    platform: &Platform,
    business: &Business,
    booking: &Booking,
    now: Timestamp,
) -> Result<(), StoreError> {
    let token = LinkToken::fresh(&platform.entropy, platform.clock.now_ms());
    let writer = Writer::new(platform, business, booking, Some(&token));
    let known = reminding::known(connection, booking).await?;
    let planned = if booking.client_phone.is_some() { writer.reminders(&known, now) } else { Vec::new() };
    writer.replace(connection, Some(MessageKind::Reminder), (&token, planned), now).await
}

/// Words what is planned for a visit anew, news that have not left included; nothing is planned and nothing taken back.
pub(super) async fn reword(
    connection: &mut Connection,
    platform: &Platform,
    business: &Business,
    booking: &Booking,
    now: Timestamp,
) -> Result<(), StoreError> {
    if booking.client_phone.is_none() {
        return Ok(());
    }
    let token = LinkToken::fresh(&platform.entropy, platform.clock.now_ms());
    let writer = Writer::new(platform, business, booking, Some(&token));
    let known = reminding::known(connection, booking).await?;
    let mut planned = writer.reminders(&known, now);
    planned.extend(waiting_news(connection, booking).await?.map(|news| writer.news(news, now)));
    let mut worded = 0;
    for Planned { key, text, .. } in &planned {
        let (business_id, language) = (booking.business_id, booking.language);
        worded += outbox::reword(connection, business_id, (booking.id, key), text, language).await?;
    }
    if writer.link.is_some() && worded > 0 {
        link::keep(connection, booking.business_id, booking.id, &token).await?;
    }
    Ok(())
}

/// The last news of a visit, if its client was not told yet.
async fn waiting_news(connection: &mut Connection, booking: &Booking) -> Result<Option<News>, StoreError> {
    let row = db::fetch_optional!(
        connection,
        (String, Option<String>),
        "select o.kind, t.moved_from
         from outbox o left join booking_transitions t on t.booking_id = o.booking_id and t.version = $3
         where o.business_id = $1 and o.booking_id = $2 and o.state in ('planned', 'cancelled')
             and o.dedup_key = $4 || o.kind and o.kind in ('confirmation', 'request', 'change')
         order by o.id desc limit 1",
        booking.business_id,
        booking.id,
        booking.version,
        format!("v{}:", booking.version),
    )?;
    let Some((kind, moved_from)) = row else { return Ok(None) };
    let others = [(MessageKind::Request, Event::Request), (MessageKind::Change, Event::Moved)];
    let other = others.into_iter().find(|(of, _)| of.as_str() == kind);
    let event = other.map_or(Event::Confirmation, |(_, event)| event);
    Ok(Some(News { event, moved_from: moved_from.and_then(|wall| wall.parse().ok()) }))
}

/// Writes down that a visit followed its zone, and moves its reminders along.
pub(crate) async fn moved_by_zone(
    connection: &mut Connection,
    platform: &Platform,
    business_id: BusinessId,
    booking_id: BookingId,
    actor: Actor,
    now: Timestamp,
) -> Result<(), StoreError> {
    db::execute!(
        connection,
        "update bookings set version = version + 1 where business_id = $1 and id = $2",
        business_id,
        booking_id,
    )?;
    let booking = read::find(connection, business_id, booking_id).await?;
    let business = business::by_id(connection, business_id).await?;
    let Some((booking, business)) = booking.zip(business) else { return Ok(()) };
    let step = Step { to: booking.state, actor, reason: None, remark: Some(Remark::Zone), moved_from: None };
    transition::record(connection, &booking, booking.state, &step, now).await?;
    replan_reminders(connection, platform, &business, &booking, now).await
}

/// Whole days before a visit are counted on the clock on the wall, so that the reminder of a visit at 10 goes out at
/// 10, also when the clocks change in between; the hours that remain are hours that pass.
fn reminder_time(booking: &Booking, hours: u32) -> Timestamp {
    let (days, hours) = (i64::from(hours / 24), i64::from(hours % 24));
    let at = if days == 0 {
        booking.starts_at
    } else {
        booking.zone.nearest_instant(booking.wall_start.saturating_sub(Span::new().days(days)))
    };
    at.plus(-hours * 3_600)
}

/// The account that writes for a business.
async fn account(connection: &mut Connection, business_id: BusinessId) -> Result<Option<AccountId>, StoreError> {
    let row =
        db::fetch_optional!(connection, (AccountId,), "select id from accounts where business_id = $1", business_id,)?;
    Ok(row.map(|(id,)| id))
}

/// Plans messages of a visit; a client without a phone gets none.
async fn plan(
    connection: &mut Connection,
    platform: &Platform,
    booking: &Booking,
    account_id: Option<AccountId>,
    planned: &[Planned],
    now: Timestamp,
) -> Result<(), StoreError> {
    let Some(phone) = &booking.client_phone else { return Ok(()) };
    let is_stopped = match booking.client_id {
        Some(client_id) if !planned.is_empty() => {
            consent::is_stopped(connection, booking.business_id, client_id).await?
        }
        Some(_) | None => false,
    };
    for message in planned {
        let new = NewMessage {
            business_id: booking.business_id,
            account_id,
            booking_id: Some(booking.id),
            kind: message.kind,
            dedup_key: &message.key,
            phone,
            text: &message.text,
            language: booking.language,
            due_at: message.due_at,
            expires_at: message.expires_at,
        };
        outbox::plan_again(connection, &new, is_stopped, &platform.entropy, now).await?;
    }
    Ok(())
}
