//! Finding and listing visits.

use std::sync::Arc;

use db::Connection;

use crate::booking::{Booking, BookingState, Segment, Windows};
use crate::clock::Timestamp;
use crate::id::{BookingId, BusinessId, ClientId, MasterId, ServiceId};
use crate::language::Language;
use crate::name::Name;
use crate::phone::Phone;
use crate::service::ServiceName;
use crate::store::StoreError;

/// The most visits of one page.
pub const MOST_ROWS: u32 = 200;

/// Which visits to list. The newest booked come first, so that a page has neither holes nor doubles however many are
/// booked meanwhile.
#[derive(Debug, Clone, Copy, Default)]
pub struct Filter {
    /// Only those booked before this one: the last of the page before.
    pub before: Option<BookingId>,
    /// Only those with a part by this master.
    pub master_id: Option<MasterId>,
    /// Only those that begin at this instant or later.
    pub from: Option<Timestamp>,
    /// Only those that begin before this instant.
    pub to: Option<Timestamp>,
    /// Only those in this state.
    pub state: Option<BookingState>,
    /// Only those of this client.
    pub client_id: Option<ClientId>,
    /// At most so many; [`MOST_ROWS`] at most.
    pub limit: u32,
}

/// The visits of a business that fit the filter.
///
/// # Errors
///
/// [`StoreError`].
pub async fn list(
    connection: &mut Connection,
    business_id: BusinessId,
    filter: &Filter,
) -> Result<Vec<Booking>, StoreError> {
    let last = filter.before.map_or(i64::MAX, |before| before.get().saturating_sub(1));
    read(connection, business_id, 0, last, filter).await
}

/// A visit of a business.
///
/// # Errors
///
/// [`StoreError`].
pub async fn find(
    connection: &mut Connection,
    business_id: BusinessId,
    booking_id: BookingId,
) -> Result<Option<Booking>, StoreError> {
    let one = Filter { limit: 1, ..Filter::default() };
    Ok(read(connection, business_id, booking_id.get(), booking_id.get(), &one).await?.pop())
}

async fn read(
    connection: &mut Connection,
    business_id: BusinessId,
    first: i64,
    last: i64,
    filter: &Filter,
) -> Result<Vec<Booking>, StoreError> {
    let rows = db::fetch_all!(
        connection,
        Row,
        "select b.id, b.client_id, b.client_name, c.phone, b.state, b.version, b.starts_at, b.ends_at, b.wall_start,
             b.time_zone, b.price_tiyn, b.language, b.notes, b.acknowledged_at, b.created_at, s.service_id,
             v.name as service,
             v.texts as service_texts, v.cancel_hours, v.move_hours, s.master_id, m.name as master,
             s.starts_at as segment_starts_at,
             s.ends_at as segment_ends_at
         from (
             select id, business_id, client_id, client_name, state, version, starts_at, ends_at, wall_start, time_zone,
                 price_tiyn, language, notes, acknowledged_at, created_at
             from bookings
             where business_id = $1 and id between $2 and $3 and starts_at >= $4 and starts_at < $5
                 and ($6 = 0 or exists (
                     select 1 from booking_segments
                     where booking_segments.booking_id = bookings.id and booking_segments.master_id = $6
                 ))
                 and ($8 = '' or state = $8) and ($9 = 0 or client_id = $9)
             order by id desc limit $7
         ) b
             left join clients c on c.business_id = b.business_id and c.id = b.client_id
             join booking_segments s on s.business_id = b.business_id and s.booking_id = b.id
             join services v on v.business_id = s.business_id and v.id = s.service_id
             join masters m on m.business_id = s.business_id and m.id = s.master_id
         order by b.id desc, s.position",
        business_id,
        first,
        last,
        filter.from.map_or(i64::MIN, Timestamp::seconds),
        filter.to.map_or(i64::MAX, Timestamp::seconds),
        filter.master_id.map_or(0, MasterId::get),
        i64::from(filter.limit.min(MOST_ROWS)),
        filter.state.map_or("", BookingState::as_str),
        filter.client_id.map_or(0, ClientId::get),
    )?;
    let mut bookings: Vec<Booking> = Vec::new();
    for row in rows {
        let segment = row.segment()?;
        match bookings.last_mut().filter(|last| last.id == row.id) {
            Some(last) => last.segments.push(segment),
            None => bookings.push(row.read(business_id, segment)?),
        }
    }
    Ok(bookings)
}

#[derive(sqlx::FromRow)]
struct Row {
    id: BookingId,
    client_id: Option<ClientId>,
    client_name: Option<String>,
    phone: Option<String>,
    state: String,
    version: i64,
    starts_at: Timestamp,
    ends_at: Timestamp,
    wall_start: String,
    time_zone: String,
    price_tiyn: i64,
    language: String,
    notes: Option<String>,
    acknowledged_at: Option<Timestamp>,
    created_at: Timestamp,
    service_id: ServiceId,
    service: String,
    service_texts: String,
    cancel_hours: Option<i64>,
    move_hours: Option<i64>,
    master_id: MasterId,
    master: String,
    segment_starts_at: Timestamp,
    segment_ends_at: Timestamp,
}

impl Row {
    fn broken(&self, rule: &'static str) -> StoreError {
        StoreError::Row { table: "bookings", id: self.id.get(), rule }
    }

    fn name(&self, text: &str) -> Result<Name, StoreError> {
        text.parse().map_err(|_| self.broken("a name is malformed"))
    }

    fn segment(&self) -> Result<Segment, StoreError> {
        Ok(Segment {
            service_id: self.service_id,
            service: Arc::new(ServiceName::of_row(self.name(&self.service)?, &self.service_texts, self.service_id)?),
            master_id: self.master_id,
            master: self.name(&self.master)?,
            starts_at: self.segment_starts_at,
            ends_at: self.segment_ends_at,
            windows: Windows::of_row(self.cancel_hours, self.move_hours),
        })
    }

    fn read(self, business_id: BusinessId, segment: Segment) -> Result<Booking, StoreError> {
        let phone = self.phone.clone().map(Phone::try_from).transpose();
        let notes = self.notes.as_deref().unwrap_or_default().parse();
        Ok(Booking {
            id: self.id,
            business_id,
            client_id: self.client_id,
            client_name: self.client_name.as_deref().map(|text| self.name(text)).transpose()?,
            client_phone: phone.map_err(|_| self.broken("phone is not in E.164 form"))?,
            state: BookingState::of_row(&self.state, "bookings", self.id.get())?,
            version: self.version,
            starts_at: self.starts_at,
            ends_at: self.ends_at,
            wall_start: self.wall_start.parse().map_err(|_| self.broken("wall time is malformed"))?,
            zone: self.time_zone.parse().map_err(|_| self.broken("time zone is unknown"))?,
            price_tiyn: self.price_tiyn,
            language: Language::of_row(&self.language, "bookings", self.id.get())?,
            notes: notes.map_err(|_| self.broken("notes are malformed"))?,
            segments: vec![segment],
            acknowledged_at: self.acknowledged_at,
            created_at: self.created_at,
        })
    }
}
