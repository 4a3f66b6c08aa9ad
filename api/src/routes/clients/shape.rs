//! Requests and answers about clients.

use booking::access::Staff;
use booking::booking::BookingState;
use booking::client::{Client, Tag, Upcoming};
use booking::clock::Timestamp;
use booking::consent::Consent;
use booking::language::Language;
use booking::phone::{Phone, PhoneWarning};
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

/// Which clients to list.
#[derive(Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(super) struct ClientsQuery {
    /// Where the page begins: `next_cursor` of the page before.
    #[param(pattern = "^[1-9][0-9]{0,17}$")]
    pub(super) cursor: Option<String>,
    /// Clients on the page, 1 to 200; 50 if absent.
    #[param(minimum = 1, maximum = 200)]
    pub(super) limit: Option<u32>,
    /// Any part of a name, and any digits of a number.
    #[param(example = "айг 4567", max_length = 100)]
    pub(super) search: Option<String>,
    /// Only those with this tag.
    #[param(example = "vip")]
    pub(super) tag: Option<String>,
}

/// A client to write down.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct ClientIn {
    /// The number, as people write it; a walk-in may have none.
    #[serde(default)]
    #[schema(example = "8 777 123 45 67")]
    pub(super) phone: Option<String>,
    /// The name.
    #[schema(example = "Әйгерім", min_length = 1, max_length = 100)]
    pub(super) name: String,
    /// What they are written to in: ru, kk or en.
    #[serde(default)]
    #[schema(pattern = "^(ru|kk|en)$")]
    pub(super) language: Option<String>,
    /// What the staff notes down.
    #[serde(default)]
    #[schema(max_length = 1000)]
    pub(super) notes: String,
    /// What must not be done to them, and why: seen by who runs the business and who serves them.
    #[serde(default)]
    #[schema(max_length = 1000)]
    pub(super) health_notes: String,
    /// Labels, at most 20.
    #[serde(default)]
    #[schema(example = json!(["vip"]), max_items = 20)]
    pub(super) tags: Vec<String>,
}

/// What to change of a client. What is absent stays.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct ClientPatch {
    /// The number, as people write it.
    #[serde(default)]
    #[schema(example = "8 777 123 45 67")]
    pub(super) phone: Option<String>,
    /// The name.
    #[serde(default)]
    #[schema(min_length = 1, max_length = 100)]
    pub(super) name: Option<String>,
    /// What they are written to in: ru, kk or en.
    #[serde(default)]
    #[schema(pattern = "^(ru|kk|en)$")]
    pub(super) language: Option<String>,
    /// What the staff notes down.
    #[serde(default)]
    #[schema(max_length = 1000)]
    pub(super) notes: Option<String>,
    /// What must not be done to them, and why.
    #[serde(default)]
    #[schema(max_length = 1000)]
    pub(super) health_notes: Option<String>,
    /// All labels, at most 20.
    #[serde(default)]
    #[schema(max_items = 20)]
    pub(super) tags: Option<Vec<String>>,
}

/// Who goes into another client.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct MergeIn {
    /// The client whose visits move.
    pub(super) other_id: i64,
}

/// Why a client cannot book on their own any more.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct BlockIn {
    /// For the staff.
    #[schema(example = "Трижды не пришла", min_length = 1, max_length = 1000)]
    pub(super) reason: String,
}

/// How to erase a client.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct EraseIn {
    /// Calls their visits to come off first.
    #[serde(default)]
    pub(super) cancel_visits: bool,
}

/// What a client is or is not written to for.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct PurposeIn {
    /// service (their visits) or marketing (offers).
    #[schema(example = "service", pattern = "^(service|marketing)$")]
    pub(super) purpose: String,
}

/// A page of clients, the newest first.
#[derive(Serialize, ToSchema)]
pub(super) struct ClientsOut {
    /// The clients.
    pub(super) clients: Vec<ClientOut>,
    /// Where the next page begins; absent on the last one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) next_cursor: Option<String>,
}

/// A client.
#[derive(Serialize, ToSchema)]
pub(super) struct ClientOut {
    /// The client.
    id: i64,
    /// The name.
    name: String,
    /// The number in E.164 form; absent where numbers are hidden, or there is none.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(example = "+77771234567")]
    phone: Option<String>,
    /// The number for people; its last digits where numbers are hidden.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(example = "+7 777 123 45 67")]
    phone_display: Option<String>,
    /// `whatsapp_unlikely` for a landline, `number_unusual` where a digit may be wrong.
    #[serde(skip_serializing_if = "Option::is_none")]
    phone_warning: Option<&'static str>,
    /// What they are written to in, if they chose.
    #[serde(skip_serializing_if = "Option::is_none")]
    language: Option<&'static str>,
    /// Labels.
    tags: Vec<String>,
    /// What the staff notes down.
    notes: String,
    /// What must not be done to them, and why; absent for those who may not see it, and in lists for masters.
    #[serde(skip_serializing_if = "Option::is_none")]
    health_notes: Option<String>,
    /// Since when they cannot book on their own.
    #[serde(skip_serializing_if = "Option::is_none")]
    blocked_at: Option<String>,
    /// Why.
    #[serde(skip_serializing_if = "Option::is_none")]
    blocked_reason: Option<String>,
    /// Since when they do not want messages about their visits.
    #[serde(skip_serializing_if = "Option::is_none")]
    service_stopped_at: Option<String>,
    /// Since when they do not want offers.
    #[serde(skip_serializing_if = "Option::is_none")]
    marketing_stopped_at: Option<String>,
    /// Since when nothing but their visits is left.
    #[serde(skip_serializing_if = "Option::is_none")]
    erased_at: Option<String>,
    /// What became of their visits.
    history: HistoryOut,
    /// When they were first seen, in UTC.
    created_at: String,
    /// When any of this changed, in UTC.
    updated_at: String,
}

/// What became of a client's visits.
#[derive(Serialize, ToSchema)]
pub(super) struct HistoryOut {
    /// Visits they came to.
    visits: i64,
    /// Visits they did not come to.
    no_shows: i64,
    /// Visits they called off when the time for it was over.
    late_cancellations: i64,
    /// When the last visit began that they came to, on the salon's clock.
    #[serde(skip_serializing_if = "Option::is_none")]
    last_visit_at: Option<String>,
    /// When their next visit begins, on the salon's clock.
    #[serde(skip_serializing_if = "Option::is_none")]
    next_visit_at: Option<String>,
    /// Visits to come.
    upcoming: i64,
}

/// A client with all that belongs to them.
#[derive(Serialize, ToSchema)]
pub(super) struct ClientDetailOut {
    #[serde(flatten)]
    client: ClientOut,
    /// Other numbers that find them, for people.
    other_phones: Vec<String>,
    /// Visits to come, the next first.
    upcoming: Vec<UpcomingOut>,
    /// What they agreed to and what they did not, the newest first.
    consents: Vec<ConsentOut>,
}

/// A visit to come.
#[derive(Serialize, ToSchema)]
pub(super) struct UpcomingOut {
    /// The booking.
    booking_id: i64,
    /// When it begins, on the salon's clock.
    starts_at: String,
    /// Where it is in its life.
    #[schema(example = "confirmed")]
    status: &'static str,
}

/// A yes or a no.
#[derive(Serialize, ToSchema)]
pub(super) struct ConsentOut {
    /// service or marketing.
    purpose: &'static str,
    /// Whether it was a yes.
    granted: bool,
    /// The words it was about.
    text_version: String,
    /// form, chat or staff.
    channel: &'static str,
    /// The message or request that shows it.
    #[serde(skip_serializing_if = "Option::is_none")]
    evidence: Option<String>,
    /// When, in UTC.
    at: String,
}

impl ClientOut {
    /// As the staff may see it.
    pub(super) fn new(client: &Client, staff: &Staff) -> Self {
        let (access, zone, standing) = (&staff.access, &staff.business.zone, &client.standing);
        let utc = |at: Option<Timestamp>| at.map(|at| at.to_string());
        let wall = |at: Option<Timestamp>| at.map(|at| zone.rfc_3339(at));
        let shown = client.phone.as_ref().filter(|_| access.sees.phones);
        Self {
            id: client.id.get(),
            name: access.text(client.name.as_str()),
            phone: shown.map(|phone| access.phone(phone)),
            phone_display: client.phone.as_ref().map(|phone| for_people(phone, staff)),
            phone_warning: client.phone.as_ref().and_then(Phone::warning).map(PhoneWarning::as_str),
            language: client.language.map(Language::as_str),
            tags: client.tags.iter().map(Tag::as_str).map(|tag| access.text(tag)).collect(),
            notes: access.text(&client.notes),
            health_notes: client.health_notes.as_deref().map(|notes| access.text(notes)),
            blocked_at: utc(standing.blocked_at),
            blocked_reason: standing.blocked_reason.as_deref().map(|reason| access.text(reason)),
            service_stopped_at: utc(standing.service_stopped_at),
            marketing_stopped_at: utc(standing.marketing_stopped_at),
            erased_at: utc(standing.erased_at),
            history: HistoryOut {
                visits: client.history.visits,
                no_shows: client.history.no_shows,
                late_cancellations: client.history.late_cancellations,
                last_visit_at: wall(client.history.last_visit_at),
                next_visit_at: wall(client.history.next_visit_at),
                upcoming: client.history.upcoming,
            },
            created_at: client.created_at.to_string(),
            updated_at: client.updated_at.to_string(),
        }
    }
}

impl ClientDetailOut {
    pub(super) fn new(client: &Client, upcoming: &[Upcoming], consents: &[Consent], staff: &Staff) -> Self {
        let upcoming = upcoming.iter().map(|visit| UpcomingOut {
            booking_id: visit.booking_id.get(),
            starts_at: staff.business.zone.rfc_3339(visit.starts_at),
            status: BookingState::as_str(visit.state),
        });
        let consents = consents.iter().map(|consent| ConsentOut {
            purpose: consent.purpose.as_str(),
            granted: consent.granted,
            text_version: consent.text_version.clone(),
            channel: consent.channel.as_str(),
            evidence: consent.evidence.clone(),
            at: consent.at.to_string(),
        });
        Self {
            client: ClientOut::new(client, staff),
            other_phones: client.other_phones.iter().map(|phone| for_people(phone, staff)).collect(),
            upcoming: upcoming.collect(),
            consents: consents.collect(),
        }
    }
}

/// A number in groups, or its last digits for those who may not see it.
fn for_people(phone: &Phone, staff: &Staff) -> String {
    if staff.access.sees.phones { phone.display() } else { staff.access.phone(phone) }
}
