//! Changes of a visit: compare-and-set on its version, and a log that nothing changes.

use db::Connection;
use jiff::civil::DateTime;

use crate::booking::{Actor, Booking, BookingState};
use crate::clock::Timestamp;
use crate::id::{ApiKeyId, BookingId, BusinessId, UserId};
use crate::store::{StoreError, text_enum};

text_enum! {
    /// What is remarkable about a step.
    Remark {
        /// Over other visits or outside of the masters' hours, on purpose.
        Overbooked = "overbooked",
        /// When the time for it was over, on purpose.
        Late = "late",
        /// The rules of the zone changed, and the promise is the clock on the wall.
        Zone = "zone",
        /// A hold became the visit.
        Held = "held",
    }
}

/// One step in a visit's life.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Transition {
    /// The version that it made.
    pub version: i64,
    /// The state before; none where the visit was booked.
    pub from: Option<BookingState>,
    /// The state after.
    pub to: BookingState,
    /// Who did it.
    pub actor: Actor,
    /// Why, in their words.
    pub reason: Option<String>,
    /// What the program remarked.
    pub remark: Option<Remark>,
    /// From when to when it was moved, on the salon's wall clock.
    pub moved: Option<(DateTime, DateTime)>,
    /// When.
    pub at: Timestamp,
}

/// A step to be written.
#[derive(Debug, Clone, Copy)]
pub(super) struct Step<'a> {
    pub(super) to: BookingState,
    pub(super) actor: Actor,
    pub(super) reason: Option<&'a str>,
    pub(super) remark: Option<Remark>,
    /// From when it is moved; to when is what the visit says.
    pub(super) moved_from: Option<DateTime>,
}

/// Takes a visit from the state and version it was read in to another state, and from there on time acts on it at
/// `due_at`; gives whether it still was in them.
pub(super) async fn apply(
    connection: &mut Connection,
    booking: &mut Booking,
    step: &Step<'_>,
    due_at: Option<Timestamp>,
    now: Timestamp,
) -> Result<bool, StoreError> {
    let moved = db::execute!(
        connection,
        "update bookings set state = $5, version = version + 1, due_at = $6
         where business_id = $1 and id = $2 and state = $3 and version = $4",
        booking.business_id,
        booking.id,
        booking.state.as_str(),
        booking.version,
        step.to.as_str(),
        due_at,
    )?;
    if moved == 0 {
        return Ok(false);
    }
    if booking.state.is_live() != step.to.is_live() {
        db::execute!(
            connection,
            "update booking_segments set live = $3 where business_id = $1 and booking_id = $2",
            booking.business_id,
            booking.id,
            step.to.is_live(),
        )?;
    }
    let from = booking.state;
    booking.state = step.to;
    booking.version = booking.version.saturating_add(1);
    record(connection, booking, from, step, now).await?;
    Ok(true)
}

/// Writes a step down, by which `booking` came from the state `from` into what it is.
pub(super) async fn record(
    connection: &mut Connection,
    booking: &Booking,
    from: BookingState,
    step: &Step<'_>,
    now: Timestamp,
) -> Result<(), StoreError> {
    let (actor, actor_id) = step.actor.columns();
    db::execute!(
        connection,
        "insert into booking_transitions (business_id, booking_id, version, from_state, to_state, actor,
             actor_id, reason,
             remark, moved_from, moved_to, at)
         values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12)",
        booking.business_id,
        booking.id,
        booking.version,
        from.as_str(),
        step.to.as_str(),
        actor,
        actor_id,
        step.reason,
        step.remark.map(Remark::as_str),
        step.moved_from.map(|wall| wall.to_string()),
        step.moved_from.map(|_| booking.wall_start.to_string()),
        now,
    )?;
    Ok(())
}

/// The state that a visit was in before it came into the one it is in.
pub(super) async fn state_before(
    connection: &mut Connection,
    booking: &Booking,
) -> Result<Option<BookingState>, StoreError> {
    let row = db::fetch_optional!(
        connection,
        (String,),
        "select from_state from booking_transitions
         where business_id = $1 and booking_id = $2 and to_state = $3 and from_state <> to_state
         order by version desc limit 1",
        booking.business_id,
        booking.id,
        booking.state.as_str(),
    )?;
    row.map(|(text,)| BookingState::of_row(&text, TABLE, booking.id.get())).transpose()
}

/// A visit's life so far. Empty for one of another business.
///
/// How it was booked is in the row of the visit, what followed in `booking_transitions`: the first step's state before
/// is the one it was booked in.
///
/// # Errors
///
/// [`StoreError`].
pub async fn transitions(
    connection: &mut Connection,
    business_id: BusinessId,
    booking_id: BookingId,
) -> Result<Vec<Transition>, StoreError> {
    let rows = db::fetch_all!(
        connection,
        Row,
        "select booking_id, version, from_state, to_state, actor, actor_id, reason, remark, moved_from, moved_to, at
         from booking_transitions where business_id = $1 and booking_id = $2
         union all
         select id, 1, null, coalesce(
                 (select t.from_state from booking_transitions t where t.booking_id = b.id order by t.version limit 1),
                 b.state),
             booked_by, booked_by_id, null, remark, null, null, created_at
         from bookings b where b.business_id = $1 and b.id = $2
         order by version",
        business_id,
        booking_id,
    )?;
    rows.into_iter().map(Transition::try_from).collect()
}

impl Actor {
    /// As the columns `actor` and `actor_id` have it.
    pub(super) const fn columns(self) -> (&'static str, Option<i64>) {
        match self {
            Self::Client => ("client", None),
            Self::User(id) => ("user", Some(id.get())),
            Self::ApiKey(id) => ("api_key", Some(id.get())),
            Self::System => ("system", None),
        }
    }
}

const TABLE: &str = "booking_transitions";

#[derive(sqlx::FromRow)]
struct Row {
    booking_id: i64,
    version: i64,
    from_state: Option<String>,
    to_state: String,
    actor: String,
    actor_id: Option<i64>,
    reason: Option<String>,
    remark: Option<String>,
    moved_from: Option<String>,
    moved_to: Option<String>,
    at: Timestamp,
}

impl TryFrom<Row> for Transition {
    type Error = StoreError;

    fn try_from(row: Row) -> Result<Self, StoreError> {
        let broken = |rule| StoreError::Row { table: TABLE, id: row.booking_id, rule };
        let state = |text: &str| BookingState::of_row(text, TABLE, row.booking_id);
        let actor = match (row.actor.as_str(), row.actor_id) {
            ("client", None) => Actor::Client,
            ("user", Some(id)) => Actor::User(UserId::new(id)),
            ("api_key", Some(id)) => Actor::ApiKey(ApiKeyId::new(id)),
            ("system", None) => Actor::System,
            _ => return Err(broken("unknown actor")),
        };
        let wall = |text: &str| text.parse::<DateTime>().map_err(|_| broken("a wall time is malformed"));
        let moved = match (row.moved_from.as_deref(), row.moved_to.as_deref()) {
            (Some(from), Some(to)) => Some((wall(from)?, wall(to)?)),
            _ => None,
        };
        Ok(Self {
            version: row.version,
            from: row.from_state.as_deref().map(state).transpose()?,
            to: state(&row.to_state)?,
            actor,
            remark: row.remark.as_deref().map(|text| Remark::of_row(text, TABLE, row.booking_id)).transpose()?,
            reason: row.reason,
            moved,
            at: row.at,
        })
    }
}
