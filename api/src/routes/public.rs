//! What a client of a business sees: no token, and nothing that is not meant for everybody.

use crate::resource::{Resource, routes};
use axum::extract::{Path, State};
use axum::http::StatusCode;
use booking::booking::{self as visits, NewBooking, Party, Source};
use booking::business::{self, Business};
use booking::hold::{self, Held, HoldToken};
use booking::id::ServiceId;
use booking::language::Language;
use booking::master::{self, Offer};
use booking::name::{Name, Notes};
use booking::phone::{Phone, PhoneWarning};
use booking::platform::Platform;
use booking::service::{self, Service};
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

use super::bookings::PartIn;
use crate::errors;
use crate::http::context::RequestContext;
use crate::http::extract::{Json, Query};
use crate::http::host::HostOf;
use crate::http::problem::{ApiError, Problem, ProblemKind};
use crate::http::slot::wall_text;
use crate::input;
use crate::money;
use crate::state::AppState;

/// The routes of this resource.
pub fn routes() -> Resource {
    Resource::new()
        .routes(routes!(create_booking))
        .routes(routes!(show_business))
        .routes(routes!(list_services))
        .routes(routes!(list_masters))
}

/// A business as everybody sees it.
#[derive(Serialize, ToSchema)]
pub struct BusinessOut {
    /// The business.
    id: i64,
    /// Its name.
    #[schema(example = "Салон красоты «Демо»")]
    business_name: String,
    /// Its name in addresses.
    #[schema(example = "demo")]
    subdomain: String,
    /// Its number, in E.164 form.
    #[schema(example = "+77010000001")]
    phone: String,
    /// Where it is.
    #[serde(skip_serializing_if = "Option::is_none")]
    address: Option<String>,
    /// The IANA zone of its wall clock.
    #[schema(example = "Asia/Almaty")]
    time_zone: String,
    /// The language its clients are written to in: ru, kk or en.
    #[schema(example = "ru")]
    language: String,
    /// Whether it can be booked at present. If not, free times are refused too, and its clients still see and cancel
    /// what they have booked.
    takes_bookings: bool,
}

/// The services of a business.
#[derive(Serialize, ToSchema)]
pub struct ServicesOut {
    /// In the order of the business.
    services: Vec<ServiceOut>,
}

/// A service.
#[derive(Serialize, ToSchema)]
pub struct ServiceOut {
    /// The service.
    id: i64,
    /// Its name, in the language of the answer where there is one in it.
    #[schema(example = "Женская стрижка")]
    name: String,
    /// What it is, likewise.
    #[serde(skip_serializing_if = "Option::is_none")]
    description: Option<String>,
    /// The heading it stands under, likewise.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(example = "Волосы")]
    category: Option<String>,
    /// How long it takes, without the master's preparations. Some masters may take another time.
    #[schema(example = 60)]
    duration_minutes: u16,
    /// Whether the price is the least it can be: "from 5 000 ₸".
    price_from: bool,
    /// The price in tenge. With some masters it may be another.
    #[schema(example = 5000.0)]
    price: f64,
    /// The price in tiyn, hundredths of a tenge.
    #[schema(example = 500_000)]
    price_tiyn: i64,
    /// Always `KZT`.
    #[schema(example = "KZT")]
    currency: &'static str,
}

/// The masters of a business.
#[derive(Serialize, ToSchema)]
pub struct MastersOut {
    /// In the order of the business.
    masters: Vec<MasterOut>,
}

/// Who serves.
#[derive(Serialize, ToSchema)]
pub struct MasterOut {
    /// The master.
    id: i64,
    /// Their name.
    #[schema(example = "Айгуль")]
    full_name: String,
    /// The services they offer.
    service_ids: Vec<i64>,
    /// The same with their own times and prices.
    offers: Vec<OfferOut>,
}

/// A service as one master offers it.
#[derive(Serialize, ToSchema)]
pub struct OfferOut {
    /// The service.
    service_id: i64,
    /// How long they take, without preparations.
    #[schema(example = 60)]
    duration_minutes: u16,
    /// Their price in tenge.
    #[schema(example = 5000.0)]
    price: f64,
    /// Their price in tiyn, hundredths of a tenge.
    #[schema(example = 500_000)]
    price_tiyn: i64,
}

/// Which masters to list.
#[derive(Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct MastersQuery {
    /// Only those who offer this service.
    service_id: Option<i64>,
}

/// A visit to book.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct BookingIn {
    /// The business; absent on a business's own address, `demo.example.kz`, where it may be no other.
    #[serde(default)]
    #[schema(example = "demo")]
    subdomain: Option<String>,
    /// The client's number, as people write it.
    #[schema(example = "+77779876543")]
    client_phone: String,
    /// The client's name.
    #[schema(example = "Иван Иванов", min_length = 1, max_length = 100)]
    client_name: String,
    /// By whom; absent is whoever is free.
    #[serde(default)]
    #[schema(example = 1)]
    master_id: Option<i64>,
    /// What; instead of `items`.
    #[serde(default)]
    #[schema(example = 1)]
    service_id: Option<i64>,
    /// Several parts one after the other; instead of `service_id`.
    #[serde(default)]
    #[schema(min_items = 1, max_items = 10)]
    items: Option<Vec<PartIn>>,
    /// The start on the salon's wall clock; with an offset, as an instant.
    #[serde(default)]
    #[schema(example = "2024-01-15T14:00:00")]
    booking_date: Option<String>,
    /// A time that is held, which says what, by whom and when by itself.
    #[serde(default)]
    #[schema(max_length = 64)]
    hold_token: Option<String>,
    /// What the client adds in words.
    #[serde(default)]
    #[schema(example = "Первый визит", max_length = 1000)]
    notes: Option<String>,
    /// What the client wants to be written to in: ru, kk or en. Remembered for the next time. Absent: what they chose
    /// before, else what `Accept-Language` names, else the business's language.
    #[serde(default)]
    #[schema(example = "ru", pattern = "^(ru|kk|en)$")]
    language: Option<String>,
}

/// A visit that was booked.
#[derive(Serialize, ToSchema)]
pub struct BookedOut {
    /// The booking.
    booking_id: i64,
    /// Where it is in its life.
    #[schema(example = "confirmed")]
    status: &'static str,
    /// The start on the salon's wall clock.
    #[schema(example = "2024-01-15T14:00:00")]
    booking_date: String,
    /// The start as an instant.
    #[schema(example = "2024-01-15T14:00:00+05:00")]
    starts_at: String,
    /// The end as an instant.
    #[schema(example = "2024-01-15T15:00:00+05:00")]
    ends_at: String,
    /// The IANA zone of the salon's wall clock.
    #[schema(example = "Asia/Almaty")]
    time_zone: String,
    /// The client's number in E.164 form.
    #[schema(example = "+77779876543")]
    client_phone: String,
    /// `whatsapp_unlikely` for a landline, `number_unusual` where a digit may be wrong: worth another look.
    #[serde(skip_serializing_if = "Option::is_none")]
    phone_warning: Option<&'static str>,
    /// The price in tenge.
    #[schema(example = 5000.0)]
    price: f64,
    /// The price in tiyn, hundredths of a tenge.
    #[schema(example = 500_000)]
    price_tiyn: i64,
    /// Always `KZT`.
    #[schema(example = "KZT")]
    currency: &'static str,
}

/// Shows a business.
#[utoipa::path(
    get, path = "/api/v1/public/business/{subdomain}", tag = "public",
    params(("subdomain" = String, Path, description = "The business", example = "demo")),
    responses(
        (status = 200, body = BusinessOut),
        (status = "4XX", body = Problem, content_type = "application/problem+json"),
    ),
)]
async fn show_business(
    State(platform): State<Platform>,
    host: HostOf,
    Path(subdomain): Path<String>,
) -> Result<axum::Json<BusinessOut>, ApiError> {
    let business = find(&platform, &host, Some(&subdomain)).await?;
    let takes_bookings = business.is_open(platform.clock.real_now());
    Ok(axum::Json(BusinessOut::new(business, takes_bookings)))
}

/// Lists the services of a business.
#[utoipa::path(
    get, path = "/api/v1/public/business/{subdomain}/services", tag = "public",
    params(("subdomain" = String, Path, description = "The business", example = "demo")),
    responses(
        (status = 200, body = ServicesOut),
        (status = "4XX", body = Problem, content_type = "application/problem+json"),
    ),
)]
async fn list_services(
    State(platform): State<Platform>,
    context: RequestContext,
    host: HostOf,
    Path(subdomain): Path<String>,
) -> Result<axum::Json<ServicesOut>, ApiError> {
    let business = find(&platform, &host, Some(&subdomain)).await?;
    let services = service::active(&mut platform.db.read().await?, business.id).await?;
    let out =
        |service: &Service| ServiceOut::new(service, context.asked.unwrap_or(business.language), business.language);
    Ok(axum::Json(ServicesOut { services: services.iter().map(out).collect() }))
}

/// Lists the masters of a business.
#[utoipa::path(
    get, path = "/api/v1/public/business/{subdomain}/masters", tag = "public",
    params(("subdomain" = String, Path, description = "The business", example = "demo"), MastersQuery),
    responses(
        (status = 200, body = MastersOut),
        (status = "4XX", body = Problem, content_type = "application/problem+json"),
    ),
)]
async fn list_masters(
    State(platform): State<Platform>,
    host: HostOf,
    Path(subdomain): Path<String>,
    Query(query): Query<MastersQuery>,
) -> Result<axum::Json<MastersOut>, ApiError> {
    let business = find(&platform, &host, Some(&subdomain)).await?;
    let mut connection = platform.db.read().await?;
    let masters = master::active(&mut connection, business.id).await?;
    let offers = master::offers(&mut connection, business.id, None).await?;
    let wanted = query.service_id.map(ServiceId::new);
    let masters = masters
        .into_iter()
        .filter(|master| wanted.is_none_or(|service| master.services.contains(&service)))
        .map(|master| MasterOut {
            id: master.id.get(),
            full_name: master.name.as_str().to_owned(),
            service_ids: master.services.iter().map(|id| id.get()).collect(),
            offers: offers.iter().filter(|offer| offer.master_id == master.id).map(OfferOut::new).collect(),
        });
    Ok(axum::Json(MastersOut { masters: masters.collect() }))
}

/// Books a visit; the confirmation goes to the client's WhatsApp.
///
/// A time that is taken answers 409 with the nearest free times in `alternatives`.
#[utoipa::path(
    post, path = "/api/v1/public/booking", tag = "public", request_body = BookingIn,
    responses(
        (status = 201, body = BookedOut),
        (status = "4XX", body = Problem, content_type = "application/problem+json"),
    ),
)]
async fn create_booking(
    State(state): State<AppState>,
    context: RequestContext,
    host: HostOf,
    Json(form): Json<BookingIn>,
) -> Result<(StatusCode, axum::Json<BookedOut>), ApiError> {
    let platform = &state.platform;
    let client_phone: Phone = form.client_phone.parse().map_err(|error| errors::phone("client_phone", error))?;
    let client_name: Name = form.client_name.parse().map_err(|error| errors::name("client_name", error))?;
    let notes: Notes = form.notes.as_deref().unwrap_or_default().parse().map_err(|e| errors::name("notes", e))?;
    let language = form.language.as_deref().map(|code| input::language("language", code)).transpose()?;
    let business = business::known(platform, host.business(form.subdomain.as_deref())?).await?;
    let business = business.ok_or(ApiError::new(ProblemKind::BusinessNotFound))?;
    let (origin, hold) = (context.origin(), form.hold_token.as_deref().map(HoldToken::given));
    let wanted = wanted(platform, &business, &form, hold.as_ref()).await?;
    let new = NewBooking {
        client: Party::Phone { phone: &client_phone, name: Some(&client_name) },
        parts: &wanted.parts,
        start: wanted.start,
        notes: &notes,
        language,
        source: Source::Public { origin: &origin, hold: hold.as_ref(), browser: context.asked },
    };
    let booked = visits::create(platform, &business, &new).await;
    let booked = booked.map_err(|error| errors::bookings::create(error, &business.zone))?;
    Ok((StatusCode::CREATED, axum::Json(BookedOut::new(&booked, &client_phone))))
}

/// What is booked and when: as the form says, or as it is held.
async fn wanted(
    platform: &Platform,
    business: &Business,
    form: &BookingIn,
    hold: Option<&HoldToken>,
) -> Result<Held, ApiError> {
    let needed = |field| ApiError::field(field, "field-required", Vec::new());
    if let Some(token) = hold {
        let found = hold::find(&mut platform.db.read().await?, business, token, platform.clock.now()).await?;
        return found.ok_or(ApiError::new(ProblemKind::HoldOver));
    }
    let parts = match (&form.items, form.service_id) {
        (Some(items), None) => PartIn::parts(items),
        (None, Some(service_id)) => PartIn::parts(&[PartIn::one(service_id, form.master_id)]),
        (Some(_), Some(_)) => return Err(ApiError::field("service_id", "field-unknown", Vec::new())),
        (None, None) => return Err(needed("service_id")),
    };
    let start = form.booking_date.as_deref().ok_or_else(|| needed("booking_date"))?;
    Ok(Held { start: input::wall_time("booking_date", start, &business.zone)?, parts })
}

/// The business that a request means, by what it names and by its host.
pub(super) async fn find(platform: &Platform, host: &HostOf, named: Option<&str>) -> Result<Business, ApiError> {
    let subdomain = host.business(named)?;
    let business = business::by_subdomain(&mut platform.db.read().await?, subdomain).await?;
    business.ok_or(ApiError::new(ProblemKind::BusinessNotFound))
}

impl ServiceOut {
    fn new(service: &Service, wanted: Language, fallback: Language) -> Self {
        let fields = &service.fields;
        Self {
            id: service.id.get(),
            name: fields.name.pick(wanted, fallback).unwrap_or(&service.name).as_str().to_owned(),
            description: fields.description.pick(wanted, fallback).map(|text| text.as_str().to_owned()),
            category: fields.category.pick(wanted, fallback).map(|name| name.as_str().to_owned()),
            duration_minutes: fields.length.duration,
            price_from: fields.price_from,
            price: money::tenge(fields.price_tiyn),
            price_tiyn: fields.price_tiyn,
            currency: money::CURRENCY,
        }
    }
}

impl OfferOut {
    fn new(offer: &Offer) -> Self {
        Self {
            service_id: offer.service_id.get(),
            duration_minutes: offer.length.duration,
            price: money::tenge(offer.price_tiyn),
            price_tiyn: offer.price_tiyn,
        }
    }
}

impl BusinessOut {
    fn new(business: Business, takes_bookings: bool) -> Self {
        Self {
            id: business.id.get(),
            business_name: business.name.as_str().to_owned(),
            subdomain: business.subdomain.to_string(),
            phone: format!("+{}", business.phone.expose()),
            address: business.address,
            time_zone: business.zone.name().to_owned(),
            language: business.language.as_str().to_owned(),
            takes_bookings,
        }
    }
}

impl BookedOut {
    fn new(booked: &visits::Booking, client_phone: &Phone) -> Self {
        Self {
            booking_id: booked.id.get(),
            status: booked.state.as_str(),
            booking_date: wall_text(booked.wall_start),
            starts_at: booked.zone.rfc_3339(booked.starts_at),
            ends_at: booked.zone.rfc_3339(booked.ends_at),
            time_zone: booked.zone.name().to_owned(),
            client_phone: format!("+{}", client_phone.expose()),
            phone_warning: client_phone.warning().map(PhoneWarning::as_str),
            price: money::tenge(booked.price_tiyn),
            price_tiyn: booked.price_tiyn,
            currency: money::CURRENCY,
        }
    }
}
