//! What has to be known before a visit can be booked, in one trip to the database for each of its parts.

use std::collections::BTreeMap;

use db::Connection;
use jiff::Span;

use crate::availability::Calendar;
use crate::business::Business;
use crate::clock::Timestamp;
use crate::id::{ClientId, MasterId};
use crate::language::Language;
use crate::master::OfferRow;
use crate::phone::Phone;
use crate::schedule::{Plans, hours_sql};
use crate::slots::{self, Item, OfferError, Visit};
use crate::store::StoreError;

/// More days than the longest visit touches: ten parts of twelve hours.
const MOST_DAYS: i64 = 7;
const DAY_SECONDS: i64 = 86_400;

/// Parameters: $1 business, $2 master, $3 service, $4 phone, $5 and $6 the first and last date.
macro_rules! asked {
    ($hours:literal) => {
        concat!(
            "select s.name as service, m.name as master,
                 coalesce(o.duration_minutes, s.duration_minutes) as duration_minutes,
                 coalesce(o.buffer_before_minutes, s.buffer_before_minutes) as buffer_before_minutes,
                 coalesce(o.buffer_after_minutes, s.buffer_after_minutes) as buffer_after_minutes,
                 coalesce(o.price_tiyn, s.price_tiyn) as price_tiyn, s.notice_minutes,
                 s.horizon_days, c.id as client_id, c.language as client_language, c.blocked_at,
                 c.service_stopped_at, (select ",
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

/// What the business offers for the parts of a visit that begins on one date, and when the masters work then. It is the
/// same for everybody.
pub(crate) struct Asked {
    pub(super) visit: Visit,
    calendars: BTreeMap<MasterId, Calendar>,
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
}

#[derive(sqlx::FromRow)]
struct Row {
    #[sqlx(flatten)]
    offer: OfferRow,
    client_id: Option<ClientId>,
    client_language: Option<String>,
    blocked_at: Option<Timestamp>,
    service_stopped_at: Option<Timestamp>,
    hours: Option<String>,
}

impl Asked {
    /// Looks it all up for a visit that begins at `start`, and how the client stands.
    pub(super) async fn look_up(
        connection: &mut Connection,
        business: &Business,
        items: &[Item],
        phone: &Phone,
        start: Timestamp,
    ) -> Result<(Self, Standing), OfferError> {
        let from = business.zone.date(start);
        let to = from.saturating_add(Span::new().days(MOST_DAYS));
        let (mut offers, mut hours) = (Vec::with_capacity(items.len()), BTreeMap::new());
        let mut standing = Standing::default();
        for item in items {
            let row = db::fetch_optional!(
                connection,
                Row,
                sqlite: SQLITE,
                postgres: POSTGRES,
                business.id,
                item.master_id,
                item.service_id,
                phone.expose(),
                from.to_string(),
                to.to_string(),
            );
            let Some(row) = row.map_err(StoreError::from)? else {
                return Err(slots::why_not(connection, business.id, *item).await?);
            };
            if let Some((id, chosen)) = row.client_id.zip(row.client_language.as_deref()) {
                standing.language = Some(Language::of_row(chosen, "clients", id.get())?);
            }
            standing.is_blocked |= row.blocked_at.is_some();
            standing.is_stopped |= row.service_stopped_at.is_some();
            hours.insert(item.master_id, Plans::parse(row.hours.as_deref(), item.master_id)?);
            offers.push(row.offer.read(item.master_id, item.service_id)?);
        }
        let visit = Visit::of_offers(offers);
        // However late on the first date it begins.
        let to = from.saturating_add(Span::new().days(1 + visit.seconds() / DAY_SECONDS));
        let mut calendars = BTreeMap::new();
        for (master_id, plans) in &hours {
            let days = plans.days(*master_id, from, to)?;
            calendars.insert(*master_id, Calendar::new(&business.zone, days, Vec::new()));
        }
        Ok((Self { visit, calendars }, standing))
    }

    /// Whether all masters work at their parts of the visit that begins at `start`, on the date it was looked up for.
    pub(super) fn is_open(&self, start: Timestamp) -> bool {
        self.visit.all(&self.calendars, |calendar, leg| calendar.is_open(start.plus(leg.offset), leg.length))
    }
}
