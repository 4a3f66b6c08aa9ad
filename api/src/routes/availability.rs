//! Free start times, for clients and for the staff: for a new visit, and for one that is moved.

use crate::resource::{Resource, routes};
use axum::extract::{Path, State};
use booking::booking::{self as visits, By};
use booking::business::Business;
use booking::id::{BookingId, MasterId, ServiceId};
use booking::platform::Platform;
use booking::slots::{self, Audience, Free, LONGEST_PAUSE, MOST_PARTS, Part, Wanted};
use booking::zone::Zone;
use jiff::civil::Date;
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

use super::public;
use crate::authority::{BookingsRead, CatalogueRead, Tenant};
use crate::errors;
use crate::http::extract::Query;
use crate::http::host::HostOf;
use crate::http::problem::{ApiError, Problem, ProblemKind};
use crate::http::slot::SlotOut;
use crate::input;

/// The routes of this resource.
pub fn routes() -> Resource {
    Resource::new().routes(routes!(list_slots)).routes(routes!(list_slots_of_staff)).routes(routes!(list_slots_to_move))
}

/// Which start times to list.
#[derive(Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct AvailabilityQuery {
    /// Whose time; absent: anybody's.
    #[param(example = 1)]
    master_id: Option<i64>,
    /// The service to be booked: its length, notice and horizon count. Absent, with `items` absent too: times that are
    /// free for one step of the grid.
    service_id: Option<i64>,
    /// In the place of both: a visit of several services one after the other, with commas, each as `service:master` or
    /// `service:any`. A third number is a pause before it, in minutes: `1:2,3:any:30` is service 1 by master 2, then,
    /// 30 minutes after its end, service 3 by whoever is free.
    #[param(example = "1:any", pattern = r"^[0-9]+:([0-9]+|any)(:[0-9]+)?(,[0-9]+:([0-9]+|any)(:[0-9]+)?)*$")]
    items: Option<String>,
    /// One date on the salon's calendar.
    #[param(example = "2024-01-15", format = Date)]
    date: Option<String>,
    /// In the place of `date`: the first of several dates.
    #[param(format = Date)]
    from: Option<String>,
    /// The last of several dates, 62 at most; absent: the first.
    #[param(format = Date)]
    to: Option<String>,
}

/// Which start times to list for a visit that is moved.
#[derive(Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct MoveSlotsQuery {
    /// Another master for all parts.
    #[param(example = 1)]
    master_id: Option<i64>,
    /// Other parts, instead of `master_id`: `1:2,3:any:30` as for a new visit. Absent: what by whom it is now.
    #[param(example = "1:any", pattern = r"^[0-9]+:([0-9]+|any)(:[0-9]+)?(,[0-9]+:([0-9]+|any)(:[0-9]+)?)*$")]
    items: Option<String>,
    /// One date on the salon's calendar.
    #[param(example = "2024-01-15", format = Date)]
    date: Option<String>,
    /// In the place of `date`: the first of several dates.
    #[param(format = Date)]
    from: Option<String>,
    /// The last of several dates, 62 at most; absent: the first.
    #[param(format = Date)]
    to: Option<String>,
}

/// The dates of which to list start times.
#[derive(Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct DatesQuery {
    /// One date on the salon's calendar.
    #[param(example = "2024-01-15", format = Date)]
    date: Option<String>,
    /// In the place of `date`: the first of several dates.
    #[param(format = Date)]
    from: Option<String>,
    /// The last of several dates, 62 at most; absent: the first.
    #[param(format = Date)]
    to: Option<String>,
}

/// Free start times: of one date, if `date` was asked for, else by days.
#[derive(Serialize, ToSchema)]
pub struct AvailabilityOut {
    /// The date that was asked for.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(example = "2024-01-15")]
    date: Option<String>,
    /// The master who was asked for.
    #[serde(skip_serializing_if = "Option::is_none")]
    master_id: Option<i64>,
    /// The IANA zone of the salon's wall clock.
    #[schema(example = "Asia/Almaty")]
    time_zone: String,
    /// The start times of the date on the salon's wall clock, hours and minutes.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(example = json!(["14:00", "14:30"]))]
    available_slots: Option<Vec<String>>,
    /// The same start times in full.
    #[serde(skip_serializing_if = "Option::is_none")]
    slots: Option<Vec<FreeOut>>,
    /// The start times of each date from `from` to `to`.
    #[serde(skip_serializing_if = "Option::is_none")]
    days: Option<Vec<DayOut>>,
}

/// The free start times of one date.
#[derive(Serialize, ToSchema)]
pub struct DayOut {
    /// The date on the salon's calendar.
    #[schema(example = "2024-01-15")]
    date: String,
    /// In order.
    slots: Vec<FreeOut>,
}

/// A start time that is free, and who can serve.
#[derive(Serialize, ToSchema)]
pub struct FreeOut {
    #[serde(flatten)]
    slot: SlotOut,
    /// For each part of the visit the masters who can serve it in some visit that fits. Where masters take different
    /// times for one service, not every choice of them goes together: leave it to the booking (`any`), or ask again
    /// with the masters chosen.
    #[schema(example = json!([[1, 2]]))]
    masters: Vec<Vec<i64>>,
}

/// Lists the free start times of a business.
///
/// Of one master or of any, for one service or for a visit of several, on one date or on up to 62.
#[utoipa::path(
    get, path = "/api/v1/public/business/{subdomain}/availability", tag = "public",
    params(("subdomain" = String, Path, description = "The business", example = "demo"), AvailabilityQuery),
    responses(
        (status = 200, body = AvailabilityOut),
        (status = "4XX", body = Problem, content_type = "application/problem+json"),
    ),
)]
async fn list_slots(
    State(platform): State<Platform>,
    host: HostOf,
    Path(subdomain): Path<String>,
    Query(query): Query<AvailabilityQuery>,
) -> Result<axum::Json<AvailabilityOut>, ApiError> {
    let asked = Asked::read(&query)?;
    let business = public::find(&platform, &host, Some(&subdomain)).await?;
    asked.answer(&platform, &business, Audience::Public).await
}

/// Lists the free start times of one's own business.
///
/// As clients see them, without the services' notice and horizon.
#[utoipa::path(
    get, path = "/api/v1/availability", tag = "schedule", params(AvailabilityQuery), security(("bearer" = [])),
    responses(
        (status = 200, body = AvailabilityOut),
        (status = "4XX", body = Problem, content_type = "application/problem+json"),
    ),
)]
async fn list_slots_of_staff(
    State(platform): State<Platform>,
    tenant: Tenant<CatalogueRead>,
    Query(query): Query<AvailabilityQuery>,
) -> Result<axum::Json<AvailabilityOut>, ApiError> {
    Asked::read(&query)?.answer(&platform, &tenant.business, Audience::Staff).await
}

/// Lists the times that a visit could be moved to.
///
/// Those that are free, and those that only it takes itself. Those who may move it late are told times when the time
/// for it is over, too.
#[utoipa::path(
    get, path = "/api/v1/bookings/{booking_id}/availability", tag = "bookings", security(("bearer" = [])),
    params(("booking_id" = i64, Path, description = "The booking"), MoveSlotsQuery),
    responses(
        (status = 200, body = AvailabilityOut),
        (status = "4XX", body = Problem, content_type = "application/problem+json"),
    ),
)]
async fn list_slots_to_move(
    State(platform): State<Platform>,
    tenant: Tenant<BookingsRead>,
    Path(id): Path<String>,
    Query(query): Query<MoveSlotsQuery>,
) -> Result<axum::Json<AvailabilityOut>, ApiError> {
    let id = BookingId::new(input::id(&id, ProblemKind::BookingNotFound)?);
    let dates = Dates::read(query.date.as_deref(), query.from.as_deref(), query.to.as_deref())?;
    let by = By::Staff(&tenant.access);
    let items = match (&query.items, query.master_id) {
        (Some(_), Some(_)) => return Err(not_with("items", "master_id")),
        (Some(items), None) => Some(parts(items)?),
        (None, Some(master_id)) => Some(visits::parts_by(&platform, by, id, MasterId::new(master_id)).await?),
        (None, None) => None,
    };
    let free = visits::times_to_move(&platform, by, id, items.as_deref(), dates.range()).await;
    let free = free.map_err(|error| errors::bookings::moving(error, None, &tenant))?;
    Ok(axum::Json(AvailabilityOut::new(&free, &tenant.business.zone, dates, query.master_id)))
}

/// The times that a client could move a visit of theirs to, with what and by whom as it is.
pub(super) async fn to_move_by_client(
    platform: &Platform,
    by: By<'_>,
    booking_id: BookingId,
    query: &DatesQuery,
    zone: &Zone,
) -> Result<axum::Json<AvailabilityOut>, ApiError> {
    let dates = Dates::read(query.date.as_deref(), query.from.as_deref(), query.to.as_deref())?;
    let free = visits::times_to_move(platform, by, booking_id, None, dates.range()).await;
    let free = free.map_err(|error| errors::bookings::moving_by_client(error, zone))?;
    Ok(axum::Json(AvailabilityOut::new(&free, zone, dates, None)))
}

/// The dates that a query asks about.
#[derive(Clone, Copy)]
struct Dates {
    from: Date,
    to: Date,
    /// Whether one date was asked for, as `date`.
    by_date: bool,
}

impl Dates {
    fn read(date: Option<&str>, from: Option<&str>, to: Option<&str>) -> Result<Self, ApiError> {
        let (from, to) = match (date, from) {
            (Some(_), Some(_)) => return Err(not_with("date", "from")),
            (Some(_), None) if to.is_some() => return Err(not_with("date", "to")),
            (Some(date), None) => (input::date("date", date)?, None),
            (None, Some(from)) => (input::date("from", from)?, to),
            (None, None) => {
                let either = vec![("one", "date".to_owned()), ("other", "from".to_owned())];
                return Err(ApiError::field("date", "field-one-of", either));
            }
        };
        let to = to.map_or(Ok(from), |to| input::date("to", to))?;
        Ok(Self { from, to, by_date: date.is_some() })
    }

    const fn range(self) -> (Date, Date) {
        (self.from, self.to)
    }
}

/// A query that makes sense.
struct Asked {
    master_id: Option<i64>,
    parts: Vec<Part>,
    dates: Dates,
}

impl Asked {
    fn read(query: &AvailabilityQuery) -> Result<Self, ApiError> {
        let master_id = query.master_id.map(MasterId::new);
        let parts = match (&query.items, query.service_id) {
            (Some(_), Some(_)) => return Err(not_with("items", "service_id")),
            (Some(_), None) if query.master_id.is_some() => return Err(not_with("items", "master_id")),
            (Some(items), None) => parts(items)?,
            (None, Some(id)) => vec![Part { service_id: ServiceId::new(id), master_id, pause_minutes: 0 }],
            (None, None) => Vec::new(),
        };
        let dates = Dates::read(query.date.as_deref(), query.from.as_deref(), query.to.as_deref())?;
        Ok(Self { master_id: query.master_id, parts, dates })
    }

    async fn answer(
        &self,
        platform: &Platform,
        business: &Business,
        audience: Audience,
    ) -> Result<axum::Json<AvailabilityOut>, ApiError> {
        let wanted = match self.parts.as_slice() {
            [] => Wanted::Step(self.master_id.map(MasterId::new)),
            parts => Wanted::Visit(parts),
        };
        let free = slots::free(platform, business, wanted, self.dates.range(), audience).await?;
        Ok(axum::Json(AvailabilityOut::new(&free, &business.zone, self.dates, self.master_id)))
    }
}

fn not_with(field: &'static str, other: &str) -> ApiError {
    ApiError::field(field, "field-not-with", vec![("other", other.to_owned())])
}

impl AvailabilityOut {
    fn new(free: &[Free], zone: &Zone, dates: Dates, master_id: Option<i64>) -> Self {
        let days = days(free, zone, dates.range());
        let mut out = Self {
            date: None,
            master_id,
            time_zone: zone.name().to_owned(),
            available_slots: None,
            slots: None,
            days: None,
        };
        if dates.by_date {
            let slots: Vec<FreeOut> = days.into_iter().flat_map(|day| day.slots).collect();
            out.date = Some(dates.from.to_string());
            out.available_slots = Some(slots.iter().map(|free| free.slot.time.clone()).collect());
            out.slots = Some(slots);
        } else {
            out.days = Some(days);
        }
        out
    }
}

/// The times by their dates, in one walk: both are in order.
fn days(free: &[Free], zone: &Zone, (from, to): (Date, Date)) -> Vec<DayOut> {
    let mut rest = free;
    let dates = from.series(jiff::Span::new().days(1)).take_while(|date| *date <= to);
    dates
        .map(|date| {
            let count = rest.iter().take_while(|free| free.slot.wall.date() <= date).count();
            let (of_day, later) = rest.split_at(count);
            rest = later;
            DayOut { date: date.to_string(), slots: of_day.iter().map(|free| FreeOut::new(free, zone)).collect() }
        })
        .collect()
}

/// Reads `1:2,3:any:30`.
fn parts(text: &str) -> Result<Vec<Part>, ApiError> {
    let part = |text: &str| {
        let mut fields = text.split(':');
        let service_id = ServiceId::new(fields.next()?.parse().ok()?);
        let master_id = match fields.next()? {
            "any" => None,
            id => Some(MasterId::new(id.parse().ok()?)),
        };
        let pause_minutes = fields.next().map_or(Some(0), |pause| pause.parse().ok())?;
        fields.next().is_none().then_some(Part { service_id, master_id, pause_minutes })
    };
    let limits = || vec![("max", MOST_PARTS.to_string()), ("pause", LONGEST_PAUSE.to_string())];
    let parts: Option<Vec<Part>> = text.split(',').take(MOST_PARTS + 1).map(|text| part(text.trim())).collect();
    parts.ok_or_else(|| ApiError::field("items", "items-invalid", limits()))
}

impl FreeOut {
    fn new(free: &Free, zone: &Zone) -> Self {
        let ids = |masters: &Vec<MasterId>| masters.iter().map(|id| id.get()).collect();
        Self { slot: SlotOut::new(&free.slot, zone), masters: free.masters.iter().map(ids).collect() }
    }
}
