//! Changes of a visit's state: compare-and-set, and a log that nothing changes.

use db::Connection;

use crate::booking::{Actor, Booking, BookingState};
use crate::clock::Timestamp;
use crate::id::{BookingId, BusinessId, UserId};
use crate::store::StoreError;

/// One step in a visit's life.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Transition {
    /// The version that it made.
    pub version: i64,
    /// The state before; none is the booking itself.
    pub from: Option<BookingState>,
    /// The state after.
    pub to: BookingState,
    /// Who did it.
    pub actor: Actor,
    /// Why.
    pub reason: Option<String>,
    /// When.
    pub at: Timestamp,
}

/// A step to be written.
pub(super) struct Change<'a> {
    pub(super) from: Option<BookingState>,
    pub(super) to: BookingState,
    pub(super) version: i64,
    pub(super) actor: Actor,
    pub(super) reason: Option<&'a str>,
}

/// Moves a visit from the state and version it was read in to another state; gives whether it still was in them.
pub(super) async fn apply(
    connection: &mut Connection,
    booking: &mut Booking,
    to: BookingState,
    actor: Actor,
    reason: Option<&str>,
    now: Timestamp,
) -> Result<bool, StoreError> {
    let moved = db::execute!(
        connection,
        "update bookings set state = $5, version = version + 1
         where business_id = $1 and id = $2 and state = $3 and version = $4",
        booking.business_id,
        booking.id,
        booking.state.as_str(),
        booking.version,
        to.as_str(),
    )?;
    if moved == 0 {
        return Ok(false);
    }
    if booking.state.is_live() != to.is_live() {
        db::execute!(
            connection,
            "update booking_segments set live = $3 where business_id = $1 and booking_id = $2",
            booking.business_id,
            booking.id,
            to.is_live(),
        )?;
    }
    let change = Change { from: Some(booking.state), to, version: booking.version.saturating_add(1), actor, reason };
    record(connection, booking.business_id, booking.id, &change, now).await?;
    booking.state = to;
    booking.version = change.version;
    Ok(true)
}

pub(super) async fn record(
    connection: &mut Connection,
    business_id: BusinessId,
    booking_id: BookingId,
    change: &Change<'_>,
    now: Timestamp,
) -> Result<(), StoreError> {
    let (actor, user_id) = match change.actor {
        Actor::Client => ("client", None),
        Actor::User(id) => ("user", Some(id)),
        Actor::System => ("system", None),
    };
    db::execute!(
        connection,
        "insert into booking_transitions
             (business_id, booking_id, version, from_state, to_state, actor, actor_user_id, reason, at)
         values ($1, $2, $3, $4, $5, $6, $7, $8, $9)",
        business_id,
        booking_id,
        change.version,
        change.from.map(BookingState::as_str),
        change.to.as_str(),
        actor,
        user_id,
        change.reason,
        now,
    )?;
    Ok(())
}

/// A visit's life so far. Empty for one of another business.
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
        "select id, version, from_state, to_state, actor, actor_user_id, reason, at
         from booking_transitions where business_id = $1 and booking_id = $2 order by version",
        business_id,
        booking_id,
    )?;
    rows.into_iter().map(Transition::try_from).collect()
}

#[derive(sqlx::FromRow)]
struct Row {
    id: i64,
    version: i64,
    from_state: Option<String>,
    to_state: String,
    actor: String,
    actor_user_id: Option<UserId>,
    reason: Option<String>,
    at: Timestamp,
}

impl TryFrom<Row> for Transition {
    type Error = StoreError;

    fn try_from(row: Row) -> Result<Self, StoreError> {
        let table = "booking_transitions";
        let state = |text: &str| BookingState::of_row(text, table, row.id);
        let actor = match (row.actor.as_str(), row.actor_user_id) {
            ("client", None) => Actor::Client,
            ("user", Some(id)) => Actor::User(id),
            ("system", None) => Actor::System,
            _ => return Err(StoreError::Row { table, id: row.id, rule: "unknown actor" }),
        };
        Ok(Self {
            version: row.version,
            from: row.from_state.as_deref().map(state).transpose()?,
            to: state(&row.to_state)?,
            actor,
            reason: row.reason,
            at: row.at,
        })
    }
}
