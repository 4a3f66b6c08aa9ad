//! Problems: the one shape of every error answer (RFC 9457).

use axum::Json;
use axum::http::header::{CONTENT_TYPE, RETRY_AFTER, WWW_AUTHENTICATE};
use axum::http::{HeaderValue, StatusCode};
use axum::response::{IntoResponse, Response};
use booking::language::Language;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::broken::BrokenVisitOut;
use super::extract::BODY_MAX;
use super::slot::SlotOut;
use super::texts::{Parameters, Texts};

/// The body of every error answer, `application/problem+json` (RFC 9457).
///
/// `type` and `code` are stable; `title` and `detail` follow `Accept-Language` (ru, kk, en).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Problem {
    /// A reference to what this kind of problem means, relative to the API's address.
    #[serde(rename = "type")]
    #[schema(example = "/api/problems/slot-taken")]
    pub type_uri: String,
    /// The last part of `type`, for programs.
    #[schema(example = "slot-taken")]
    pub code: String,
    /// The kind of problem in a few words.
    pub title: String,
    /// The HTTP status.
    #[schema(example = 409)]
    pub status: u16,
    /// What is wrong in this case and what to do.
    pub detail: String,
    /// Names this request in the logs.
    pub request_id: String,
    /// The fields that are wrong, where fields are.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub errors: Vec<FieldProblem>,
    /// The nearest free start times, where a slot was refused.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub alternatives: Vec<SlotOut>,
    /// The version that the request had seen, where it was stale.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(example = 1)]
    pub sent_version: Option<i64>,
    /// What is there now, as its own route shows it, where the request's version was stale.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<Object>)]
    pub current: Option<serde_json::Value>,
    /// The client who has the number, where that was refused.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub client_id: Option<i64>,
    /// How many parts of visits a change would break, where it was refused for them.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(example = 1)]
    pub visits_count: Option<usize>,
    /// The first of them in the order of their times, 100 at most.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub visits: Vec<BrokenVisitOut>,
}

/// What is wrong with one field of a request.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct FieldProblem {
    /// The field as the request names it.
    #[schema(example = "client_phone")]
    pub field: String,
    /// The kind of mistake, for programs.
    #[schema(example = "phone-too-short")]
    pub code: String,
    /// What is wrong, in the language of the answer.
    pub detail: String,
}

macro_rules! problem_kinds {
    ($($(#[$doc:meta])* $name:ident = $status:ident $code:literal;)*) => {
        /// The kinds of problems, each with a stable code and one status.
        #[derive(Debug, Clone, Copy, PartialEq, Eq)]
        pub enum ProblemKind { $($(#[$doc])* $name,)* }

        impl ProblemKind {
            /// Every kind there is.
            pub const ALL: &'static [Self] = &[$(Self::$name,)*];

            /// The stable code, the last part of the problem's `type`.
            #[must_use]
            pub const fn code(self) -> &'static str {
                match self { $(Self::$name => $code,)* }
            }

            /// The HTTP status.
            #[must_use]
            pub const fn status(self) -> StatusCode {
                match self { $(Self::$name => StatusCode::$status,)* }
            }
        }
    };
}

problem_kinds! {
    /// The body is not JSON, or the request's line and headers make no sense.
    MalformedRequest = BAD_REQUEST "malformed-request";
    /// Some fields are missing, unknown or wrong.
    InvalidFields = UNPROCESSABLE_ENTITY "invalid-fields";
    /// No access token came along.
    NotSignedIn = UNAUTHORIZED "not-signed-in";
    /// The access token is not one of ours.
    TokenInvalid = UNAUTHORIZED "token-invalid";
    /// The access token was ours and its time is over.
    TokenExpired = UNAUTHORIZED "token-expired";
    /// E-mail and password do not fit.
    WrongCredentials = UNAUTHORIZED "wrong-credentials";
    /// The code from WhatsApp is wrong, used or too old.
    CodeWrong = UNAUTHORIZED "code-wrong";
    /// The refresh token is unknown, used, revoked or expired.
    RefreshTokenInvalid = UNAUTHORIZED "refresh-token-invalid";
    /// The session was ended, or its user removed.
    SessionEnded = UNAUTHORIZED "session-ended";
    /// The operator has closed the business.
    BusinessSuspended = FORBIDDEN "business-suspended";
    /// The business's trial is over: it can be looked at and not changed.
    TrialExpired = FORBIDDEN "trial-expired";
    /// API keys may not use this route.
    KeyNotAllowed = FORBIDDEN "key-not-allowed";
    /// The API key lacks the right for this route.
    KeyScopeMissing = FORBIDDEN "key-scope-missing";
    /// The role may not do this.
    NotAllowed = FORBIDDEN "not-allowed";
    /// No route has this path.
    RouteNotFound = NOT_FOUND "route-not-found";
    /// No business has this subdomain.
    BusinessNotFound = NOT_FOUND "business-not-found";
    /// The business has no such master.
    MasterNotFound = NOT_FOUND "master-not-found";
    /// The business has no such service.
    ServiceNotFound = NOT_FOUND "service-not-found";
    /// The business has no such time off.
    TimeOffNotFound = NOT_FOUND "time-off-not-found";
    /// The date is no holiday.
    HolidayNotFound = NOT_FOUND "holiday-not-found";
    /// There is no such template.
    TemplateNotFound = NOT_FOUND "template-not-found";
    /// The business has no such booking.
    BookingNotFound = NOT_FOUND "booking-not-found";
    /// The business has no such client, or whoever asks does not serve them.
    ClientNotFound = NOT_FOUND "client-not-found";
    /// There is no text of this event in this language.
    TextNotFound = NOT_FOUND "text-not-found";
    /// The business has no such user.
    UserNotFound = NOT_FOUND "user-not-found";
    /// The link of an invitation is worth nothing, or the business has no such invitation.
    InvitationNotFound = NOT_FOUND "invitation-not-found";
    /// The business has no such key.
    ApiKeyNotFound = NOT_FOUND "api-key-not-found";
    /// The platform has no such tenant.
    TenantNotFound = NOT_FOUND "tenant-not-found";
    /// The path exists, with other methods.
    MethodNotAllowed = METHOD_NOT_ALLOWED "method-not-allowed";
    /// The request did not arrive in time.
    RequestTimeout = REQUEST_TIMEOUT "request-timeout";
    /// The slot overlaps a live booking.
    SlotTaken = CONFLICT "slot-taken";
    /// An account has this e-mail.
    EmailTaken = CONFLICT "email-taken";
    /// Somebody of the staff has this number.
    PhoneTaken = CONFLICT "phone-taken";
    /// Nobody would own the business any more.
    LastOwner = CONFLICT "last-owner";
    /// Too many invitations are open.
    TooManyInvitations = CONFLICT "too-many-invitations";
    /// The platform has no address for links.
    NoPublicAddress = CONFLICT "no-public-address";
    /// The business has too many keys.
    TooManyKeys = CONFLICT "too-many-keys";
    /// Somebody else changed the settings meanwhile.
    SettingsChanged = CONFLICT "settings-changed";
    /// The business is not on a trial.
    NotOnTrial = CONFLICT "not-on-trial";
    /// A business has this subdomain.
    SubdomainTaken = CONFLICT "subdomain-taken";
    /// The time for cancelling is over.
    CancellationTooLate = CONFLICT "cancellation-too-late";
    /// The booking is over or cancelled.
    BookingClosed = CONFLICT "booking-closed";
    /// The status of the booking does not allow this step.
    StepNotPossible = CONFLICT "step-not-possible";
    /// A visit that has not begun is neither over nor missed.
    VisitNotBegun = CONFLICT "visit-not-begun";
    /// The time for moving is over.
    MoveTooLate = CONFLICT "move-too-late";
    /// The client has as many visits to come as they may book by themselves.
    TooManyVisits = CONFLICT "too-many-visits";
    /// The time is no longer held.
    HoldOver = CONFLICT "hold-over";
    /// The client address, or everybody together, holds as many times as they may.
    TooManyHolds = TOO_MANY_REQUESTS "too-many-holds";
    /// The link leads to no visit, or to one that is over.
    VisitNotFound = NOT_FOUND "visit-not-found";
    /// Somebody else changed the booking meanwhile.
    BookingChanged = CONFLICT "booking-changed";
    /// The business takes no bookings at present.
    BusinessClosed = CONFLICT "business-closed";
    /// Another client of the business has this phone number.
    ClientExists = CONFLICT "client-exists";
    /// The client was erased.
    ClientErased = CONFLICT "client-erased";
    /// The client has visits to come.
    ClientHasVisits = CONFLICT "client-has-visits";
    /// It is the same client.
    ClientSame = CONFLICT "client-same";
    /// The business does not let this client book on their own.
    ClientBlocked = FORBIDDEN "client-blocked";
    /// The change would break visits, and was not confirmed.
    BreaksVisits = CONFLICT "breaks-visits";
    /// The business has as many services or masters as fit.
    CatalogueFull = CONFLICT "catalogue-full";
    /// The business has services already.
    CatalogueNotEmpty = CONFLICT "catalogue-not-empty";
    /// The body is over the limit.
    BodyTooLarge = PAYLOAD_TOO_LARGE "body-too-large";
    /// The body is not announced as JSON.
    UnsupportedMediaType = UNSUPPORTED_MEDIA_TYPE "unsupported-media-type";
    /// The visit would be in the past.
    TimePast = UNPROCESSABLE_ENTITY "time-past";
    /// The visit must be booked earlier before its time.
    TimeTooSoon = UNPROCESSABLE_ENTITY "time-too-soon";
    /// The visit is further ahead than can be booked.
    TimeTooFar = UNPROCESSABLE_ENTITY "time-too-far";
    /// The wall clock skips this time.
    TimeSkipped = UNPROCESSABLE_ENTITY "time-skipped";
    /// The master does not work then.
    OutsideHours = UNPROCESSABLE_ENTITY "outside-hours";
    /// The master does not offer this service.
    ServiceNotOffered = UNPROCESSABLE_ENTITY "service-not-offered";
    /// The same `Idempotency-Key` came with another body.
    IdempotencyKeyReused = UNPROCESSABLE_ENTITY "idempotency-key-reused";
    /// The first request with this `Idempotency-Key` is not finished yet.
    RequestUnderWay = CONFLICT "request-under-way";
    /// A request with this `Idempotency-Key` was carried out, but its answer was lost.
    DoneBefore = CONFLICT "done-before";
    /// The client address is over its limit.
    TooManyRequests = TOO_MANY_REQUESTS "too-many-requests";
    /// Too many logins failed.
    TooManyAttempts = TOO_MANY_REQUESTS "too-many-attempts";
    /// Too many codes were asked for.
    TooManyCodes = TOO_MANY_REQUESTS "too-many-codes";
    /// A fault of ours.
    Internal = INTERNAL_SERVER_ERROR "internal";
    /// The database is busy or away.
    Unavailable = SERVICE_UNAVAILABLE "unavailable";
    /// The WhatsApp account is not connected.
    WhatsAppNotReady = CONFLICT "whatsapp-not-ready";
    /// The WhatsApp account is linked already.
    WhatsAppLinked = CONFLICT "whatsapp-linked";
    /// WhatsApp gives no pairing code now.
    PairingCodesUsedUp = TOO_MANY_REQUESTS "pairing-codes-used-up";
    /// WhatsApp did not do what it was asked for.
    WhatsAppRefused = BAD_GATEWAY "whatsapp-refused";
    /// The recipient wants no messages.
    RecipientOptedOut = CONFLICT "recipient-opted-out";
    /// The recipient neither wrote nor agreed to messages.
    RecipientNoConsent = CONFLICT "recipient-no-consent";
    /// The business has no such message.
    MessageNotFound = NOT_FOUND "message-not-found";
    /// The business has no such text for many.
    BulkNotFound = NOT_FOUND "bulk-not-found";
}

impl ProblemKind {
    /// The kind with this code.
    #[must_use]
    pub fn from_code(code: &str) -> Option<Self> {
        Self::ALL.iter().copied().find(|kind| kind.code() == code)
    }

    /// The kind that stands for a bare status, as the router's own rejections have it.
    #[must_use]
    pub fn from_status(status: StatusCode) -> Self {
        match status {
            StatusCode::NOT_FOUND => Self::RouteNotFound,
            StatusCode::METHOD_NOT_ALLOWED => Self::MethodNotAllowed,
            StatusCode::REQUEST_TIMEOUT => Self::RequestTimeout,
            StatusCode::PAYLOAD_TOO_LARGE => Self::BodyTooLarge,
            StatusCode::UNSUPPORTED_MEDIA_TYPE => Self::UnsupportedMediaType,
            status if status.is_client_error() => Self::MalformedRequest,
            _ => Self::Internal,
        }
    }
}

/// A failed request, before it is told to the client in its language.
#[derive(Debug, Clone)]
pub struct ApiError {
    kind: ProblemKind,
    parameters: Parameters,
    fields: Vec<FieldError>,
    beside: Option<Box<Beside>>,
    retry_after: Option<u64>,
    cause: Option<String>,
}

/// What few problems bring along; apart, so that the error of everything else stays small.
#[derive(Debug, Clone, Default)]
struct Beside {
    alternatives: Vec<SlotOut>,
    sent_version: Option<i64>,
    current: Option<serde_json::Value>,
    client_id: Option<i64>,
    visits_count: Option<usize>,
    visits: Vec<BrokenVisitOut>,
}

/// A wrong field, before it is told to the client in its language.
#[derive(Debug, Clone)]
pub struct FieldError {
    /// The field as the request names it.
    pub field: String,
    /// The code of its text.
    pub code: &'static str,
    /// The parameters of its text.
    pub parameters: Parameters,
}

impl ApiError {
    /// Makes an error of `kind` with nothing more to tell.
    #[must_use]
    pub fn new(kind: ProblemKind) -> Self {
        Self { kind, parameters: Vec::new(), fields: Vec::new(), beside: None, retry_after: None, cause: None }
    }

    /// Makes an error about one wrong field.
    #[must_use]
    pub fn field(field: impl Into<String>, code: &'static str, parameters: Parameters) -> Self {
        let field = field.into();
        let fields = vec![FieldError { field, code, parameters }];
        Self { fields, ..Self::new(ProblemKind::InvalidFields) }
    }

    /// Makes an error of `kind` whose cause goes to the log and not to the client.
    #[must_use]
    pub fn caused(kind: ProblemKind, cause: &(dyn std::error::Error + 'static)) -> Self {
        Self { cause: Some(scheduler::telemetry::chain(cause)), ..Self::new(kind) }
    }

    /// Makes the error of a body over [`BODY_MAX`].
    #[must_use]
    pub fn body_too_large() -> Self {
        Self::new(ProblemKind::BodyTooLarge).with("kilobytes", (BODY_MAX / 1024).to_string())
    }

    /// Adds a parameter of the detail text.
    #[must_use]
    pub fn with(mut self, name: &'static str, value: impl Into<String>) -> Self {
        self.parameters.push((name, value.into()));
        self
    }

    /// Adds the nearest free start times.
    #[must_use]
    pub fn with_alternatives(mut self, alternatives: Vec<SlotOut>) -> Self {
        self.beside().alternatives = alternatives;
        self
    }

    /// Adds the version that the request had seen, and what is there now.
    #[must_use]
    pub fn with_versions(mut self, sent: Option<i64>, current: &impl Serialize) -> Self {
        let beside = self.beside();
        beside.sent_version = sent;
        beside.current = serde_json::to_value(current).ok();
        self
    }

    /// Adds the client who has what was asked for.
    #[must_use]
    pub fn with_client(mut self, client_id: i64) -> Self {
        self.beside().client_id = Some(client_id);
        self
    }

    /// Adds how many visits the change would break, and the first of them.
    #[must_use]
    pub fn with_visits(mut self, count: usize, visits: Vec<BrokenVisitOut>) -> Self {
        let beside = self.beside();
        beside.visits_count = Some(count);
        beside.visits = visits;
        self
    }

    /// Adds when to try again, in seconds.
    #[must_use]
    pub fn with_retry_after(mut self, seconds: u64) -> Self {
        self.retry_after = Some(seconds);
        self.with("seconds", seconds.to_string())
    }

    /// The kind of problem.
    #[must_use]
    pub fn kind(&self) -> ProblemKind {
        self.kind
    }

    /// What to log, if somebody has to look.
    #[must_use]
    pub fn cause(&self) -> Option<&str> {
        self.cause.as_deref()
    }

    /// Writes the answer in `language`.
    #[must_use]
    pub fn render(&self, texts: &Texts, language: Language, request_id: &str) -> Response {
        let text = texts.problem(language, self.kind.code(), &self.parameters);
        let errors = self.fields.iter().map(|error| FieldProblem {
            field: error.field.clone(),
            code: error.code.to_owned(),
            detail: texts.field(language, error.code, &error.parameters),
        });
        let status = self.kind.status();
        let beside = self.beside.as_deref().cloned().unwrap_or_default();
        let problem = Problem {
            type_uri: format!("/api/problems/{}", self.kind.code()),
            code: self.kind.code().to_owned(),
            title: text.title,
            status: status.as_u16(),
            detail: text.detail,
            request_id: request_id.to_owned(),
            errors: errors.collect(),
            alternatives: beside.alternatives,
            sent_version: beside.sent_version,
            current: beside.current,
            client_id: beside.client_id,
            visits_count: beside.visits_count,
            visits: beside.visits,
        };
        let mut response = (status, Json(problem)).into_response();
        let headers = response.headers_mut();
        headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/problem+json"));
        if status == StatusCode::UNAUTHORIZED {
            headers.insert(WWW_AUTHENTICATE, self.challenge());
        }
        if let Some(seconds) = self.retry_after {
            headers.insert(RETRY_AFTER, seconds.into());
        }
        response
    }

    fn beside(&mut self) -> &mut Beside {
        self.beside.get_or_insert_default()
    }

    /// Source: RFC 6750 §3.
    fn challenge(&self) -> HeaderValue {
        let is_bad_token = self.kind != ProblemKind::NotSignedIn;
        HeaderValue::from_static(if is_bad_token { "Bearer error=\"invalid_token\"" } else { "Bearer" })
    }
}

/// Leaves the error in the response's extensions; the context layer, which knows the language
/// and the request's id, writes the body.
impl IntoResponse for ApiError {
    fn into_response(self) -> Response {
        let mut response = self.kind.status().into_response();
        response.extensions_mut().insert(self);
        response
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_kind_has_a_text_in_every_language() {
        let texts = Texts::load();
        for kind in ProblemKind::ALL {
            for language in [Language::Ru, Language::Kk, Language::En] {
                let text = texts.problem(language, kind.code(), &Vec::new());
                assert_ne!(text.title, kind.code(), "{language:?}");
                assert_ne!(text.detail, kind.code(), "{language:?}");
            }
        }
    }

    #[test]
    fn codes_are_unique() {
        let mut codes: Vec<_> = ProblemKind::ALL.iter().map(|kind| kind.code()).collect();
        codes.sort_unstable();
        assert!(codes.windows(2).all(|pair| pair[0] != pair[1]));
        for kind in ProblemKind::ALL {
            assert_eq!(ProblemKind::from_code(kind.code()), Some(*kind));
        }
    }
}
