//! What has to be known before a visit can be booked, in one trip to the database for each of its parts.

use std::collections::BTreeMap;
use std::sync::Arc;

use db::Connection;
use jiff::Span;
use jiff::civil::Date;

use crate::availability::Calendar;
use crate::booking::Windows;
use crate::booking::rules::Terms;
use crate::business::Business;
use crate::clock::Timestamp;
use crate::id::{ClientId, MasterId};
use crate::language::Language;
use crate::master::OfferRow;
use crate::phone::Phone;
use crate::schedule::{Plans, hours_sql};
use crate::service::ServiceName;
use crate::slots::{self, Item, Moved, OfferError, Part, Visit};
use crate::store::StoreError;

/// More days than the longest visit touches: ten parts of twelve hours.
const MOST_DAYS: i64 = 7;
const DAY_SECONDS: i64 = 86_400;
const WEEK_DAYS: i64 = 7;

/// Parameters: $1 business, $2 master, $3 service, $4 phone, $5 and $6 the first and last date, $7 now.
macro_rules! asked {
    ($hours:literal) => {
        concat!(
            "select s.name as service, s.texts, m.name as master,
                 coalesce(o.duration_minutes, s.duration_minutes) as duration_minutes,
                 coalesce(o.buffer_before_minutes, s.buffer_before_minutes) as buffer_before_minutes,
                 coalesce(o.buffer_after_minutes, s.buffer_after_minutes) as buffer_after_minutes,
                 coalesce(o.price_tiyn, s.price_tiyn) as price_tiyn, s.notice_minutes,
                 s.horizon_days, s.cancel_hours, s.move_hours, c.id as client_id, c.language as client_language,
                 c.blocked_at, c.service_stopped_at,
                 (select count(*) from bookings b
                  where b.client_id = c.id and b.starts_at > $7 and b.state in ('pending', 'confirmed')) as ahead,
                 (select ",
            $hours,
            " from (",
            hours_sql!("$1", "$2", "$5", "$6"),
            ") as h) as hours
             from master_services o
                 join services s on s.id = o.service_id and s.business_id = o.business_id and s.active = true
                 join masters m on m.id = o.master_id and m.business_id = o.business_id and m.active = true
                 left join clients p on p.business_id = o.business_id and p.phone = $4
                 left join clients c on c.business_id = o.business_id and c.id = coalesce(p.merged_into, p.id)
             where o.business_id = $1 and o.master_id = $2 and o.service_id = $3"
        )
    };
}

const SQLITE: &str = asked!(
    "json_group_array(json_object('id', id, 'master_id', master_id, 'layer', layer, 'day', day, 'cycle', cycle,
         'date', date, 'until', until, 'start_minute', start_minute, 'end_minute', end_minute))"
);
const POSTGRES: &str = asked!("json_agg(h)::text");

/// What the business offers for the parts of a visit, and when the masters work in the week that it begins in; where any
/// master will do, only at the time that was asked for. It is the same for everybody.
pub(crate) struct Asked {
    /// The visits that it could be, in the order in which to try them: one where every master was named, else those
    /// that seem free at the time that was asked for.
    pub(super) visits: Vec<Visit>,
    /// What the service of each part is called, and says about changing the visit.
    pub(super) terms: Vec<Terms>,
    /// Seconds before the visit by which it must be booked.
    pub(super) notice: i64,
    /// Days ahead that it can be booked.
    pub(super) horizon_days: u32,
    open: Open,
}

/// Whether somebody works at every part, free or not.
enum Open {
    /// To be looked up in the masters' calendars of the week.
    Named(BTreeMap<MasterId, Calendar>),
    /// Found out for the time that was asked for.
    Anybody(bool),
}

/// How a client stands with the business. A new one, and most others, as by default.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Standing {
    /// The language that they have chosen.
    pub(super) language: Option<Language>,
    /// Whether they may not book on their own.
    pub(super) is_blocked: bool,
    /// Whether they do not want to be written to.
    pub(super) is_stopped: bool,
    /// How many visits to come they have.
    pub(super) ahead: i64,
}

#[derive(sqlx::FromRow)]
struct Row {
    #[sqlx(flatten)]
    offer: OfferRow,
    #[sqlx(flatten)]
    client: ClientRow,
    texts: String,
    cancel_hours: Option<i64>,
    move_hours: Option<i64>,
    hours: Option<String>,
}

#[derive(sqlx::FromRow)]
struct ClientRow {
    client_id: Option<ClientId>,
    client_language: Option<String>,
    blocked_at: Option<Timestamp>,
    service_stopped_at: Option<Timestamp>,
    ahead: i64,
}

/// The first date of the week of a date.
pub(crate) fn week(date: Date) -> Date {
    date.saturating_sub(Span::new().days(date.weekday().to_monday_zero_offset()))
}

impl ClientRow {
    fn read(self) -> Result<Standing, StoreError> {
        let chosen = self.client_id.zip(self.client_language.as_deref());
        let language = chosen.map(|(id, text)| Language::of_row(text, "clients", id.get())).transpose()?;
        let (is_blocked, is_stopped) = (self.blocked_at.is_some(), self.service_stopped_at.is_some());
        Ok(Standing { language, is_blocked, is_stopped, ahead: self.ahead })
    }
}

impl Asked {
    /// Looks it all up for a visit that begins at `start`; `moved` is the one that it is now, if there is one.
    pub(super) async fn look_up(
        connection: &mut Connection,
        business: &Business,
        parts: &[Part],
        phone: Option<&Phone>,
        start: Timestamp,
        now: Timestamp,
        moved: Option<Moved<'_>>,
    ) -> Result<(Self, Standing), OfferError> {
        slots::check(parts)?;
        if parts.iter().all(|part| part.master_id.is_some()) {
            Self::of_named(connection, business, parts, phone, start, now).await
        } else {
            Self::of_anybody(connection, business, parts, phone, (start, now), moved).await
        }
    }

    /// Every master is named: one statement a part tells all.
    async fn of_named(
        connection: &mut Connection,
        business: &Business,
        parts: &[Part],
        phone: Option<&Phone>,
        start: Timestamp,
        now: Timestamp,
    ) -> Result<(Self, Standing), OfferError> {
        // Of its whole week: for its other days this can be remembered, and costs next to nothing more.
        let from = week(business.zone.date(start));
        let to = from.saturating_add(Span::new().days(WEEK_DAYS + MOST_DAYS));
        let (mut offers, mut terms) = (Vec::with_capacity(parts.len()), Vec::with_capacity(parts.len()));
        let (mut hours, mut client) = (BTreeMap::new(), Standing::default());
        for part in parts {
            let Some(master_id) = part.master_id else { return Err(OfferError::UnknownMaster) };
            let item = Item { service_id: part.service_id, master_id };
            let row = db::fetch_optional!(
                connection,
                Row,
                sqlite: SQLITE,
                postgres: POSTGRES,
                business.id,
                item.master_id,
                item.service_id,
                phone.map(Phone::expose),
                from.to_string(),
                to.to_string(),
                now,
            );
            let Some(row) = row.map_err(StoreError::from)? else {
                return Err(slots::why_not(connection, business.id, item).await?);
            };
            client = row.client.read()?;
            let windows = Windows::of_row(row.cancel_hours, row.move_hours);
            hours.insert(item.master_id, Plans::parse(row.hours.as_deref(), item.master_id)?);
            let offer = row.offer.read(item.master_id, item.service_id)?;
            let service = Arc::new(ServiceName::of_row(offer.service.clone(), &row.texts, item.service_id)?);
            terms.push(Terms { service, windows });
            offers.push((part.pause_minutes, offer));
        }
        let visit = Visit::new(offers);
        // However late in the week it begins.
        let to = from.saturating_add(Span::new().days(WEEK_DAYS + visit.seconds() / DAY_SECONDS));
        let mut calendars = BTreeMap::new();
        for (master_id, plans) in &hours {
            let days = plans.days(*master_id, from, to)?;
            calendars.insert(*master_id, Calendar::new(&business.zone, days, Vec::new()));
        }
        let (notice, horizon_days) = (visit.notice, visit.horizon_days);
        let open = Open::Named(calendars);
        Ok((Self { visits: vec![visit], terms, notice, horizon_days, open }, client))
    }

    /// Some part is by whoever is free.
    async fn of_anybody(
        connection: &mut Connection,
        business: &Business,
        parts: &[Part],
        phone: Option<&Phone>,
        (start, now): (Timestamp, Timestamp),
        moved: Option<Moved<'_>>,
    ) -> Result<(Self, Standing), OfferError> {
        let found = slots::candidates_of(connection, business, parts, start, now, moved).await?;
        let mut terms = Vec::with_capacity(parts.len());
        for part in parts {
            let row = db::fetch_optional!(
                connection,
                (String, String, Option<i64>, Option<i64>),
                "select name, texts, cancel_hours, move_hours from services where business_id = $1 and id = $2",
                business.id,
                part.service_id,
            )?;
            let (name, texts, cancel_hours, move_hours) = row.ok_or(OfferError::UnknownService)?;
            let broken =
                |_| StoreError::Row { table: "services", id: part.service_id.get(), rule: "name is malformed" };
            let service = ServiceName::of_row(name.parse().map_err(broken)?, &texts, part.service_id)?;
            terms.push(Terms { service: Arc::new(service), windows: Windows::of_row(cancel_hours, move_hours) });
        }
        let row = db::fetch_optional!(
            connection,
            ClientRow,
            "select c.id as client_id, c.language as client_language, c.blocked_at, c.service_stopped_at,
                 (select count(*) from bookings b
                  where b.client_id = c.id and b.starts_at > $3 and b.state in ('pending', 'confirmed')) as ahead
             from clients p join clients c on c.business_id = p.business_id and c.id = coalesce(p.merged_into, p.id)
             where p.business_id = $1 and p.phone = $2",
            business.id,
            phone.map(Phone::expose),
            now,
        )?;
        let client = row.map_or_else(|| Ok(Standing::default()), ClientRow::read)?;
        let (notice, horizon_days, open) = (found.notice, found.horizon_days, Open::Anybody(found.open));
        Ok((Self { visits: found.visits, terms, notice, horizon_days, open }, client))
    }

    /// Whether somebody works at every part of the visit that begins at `start`, in the week it was looked up for; where
    /// any master will do, whether somebody does at the time it was looked up for.
    pub(super) fn is_open(&self, start: Timestamp) -> bool {
        match &self.open {
            Open::Anybody(open) => *open,
            Open::Named(calendars) => self.visits.iter().all(|visit| {
                visit.all(calendars, |calendar, leg| calendar.is_open(start.plus(leg.offset), leg.length))
            }),
        }
    }

    /// The last instant at which the visit can begin, as seen now.
    pub(super) fn latest(&self, now: Timestamp) -> Timestamp {
        now.plus(i64::from(self.horizon_days).saturating_mul(86_400))
    }
}
