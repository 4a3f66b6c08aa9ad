//! Time off: nobody works, whatever else the schedule says. Of one master, or of the whole salon.

use db::{Connection, Tx};
use jiff::civil::Date;
use serde_json::json;

use crate::access::Staff;
use crate::audit::{self, Change};
use crate::availability::MINUTES_A_DAY;
use crate::clock::Timestamp;
use crate::id::{BusinessId, MasterId, TimeOffId};
use crate::master;
use crate::name::Notes;
use crate::platform::Platform;
use crate::schedule::{Attempt, Intent, Outcome, ScheduleError, Scope};
use crate::store::{StoreError, text_enum};

/// The longest time off, in days: two years.
const LONGEST_DAYS: i32 = 731;
/// The most rows of one answer.
const MOST_ROWS: i64 = 1_000;

text_enum! {
    /// Why somebody does not work.
    TimeOffKind {
        /// A holiday of theirs.
        Vacation = "vacation",
        /// They are ill.
        Illness = "illness",
        /// A day or some hours were closed.
        Closed = "closed",
        /// Something else.
        Other = "other",
    }
}

/// Time off to be: from a minute of one date up to a minute of another, on the salon's wall clock.
#[derive(Debug, Clone)]
pub struct NewTimeOff<'a> {
    /// Whose; none is the whole salon's.
    pub master_id: Option<MasterId>,
    /// The first date, and the minute of it from midnight; 0 is the whole day.
    pub from: (Date, u16),
    /// The last date, and the minute of it up to which it goes; 1440 is the whole day.
    pub to: (Date, u16),
    /// Why.
    pub kind: TimeOffKind,
    /// Why, in words, for the staff.
    pub reason: &'a Notes,
}

/// Time off.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct TimeOff {
    /// The row.
    pub id: TimeOffId,
    /// Whose; none is the whole salon's.
    pub master_id: Option<MasterId>,
    /// The first date, and the minute of it.
    pub from: (Date, u16),
    /// The last date, and the minute of it up to which it goes.
    pub to: (Date, u16),
    /// Why.
    pub kind: TimeOffKind,
    /// Why, in words.
    pub reason: Notes,
}

/// Gives time off, unless that breaks visits and `intent` is to ask first. The number is none when nothing was changed.
///
/// # Errors
///
/// [`ScheduleError`].
pub async fn add_time_off(
    platform: &Platform,
    staff: &Staff,
    new: &NewTimeOff<'_>,
    intent: Intent,
) -> Result<(Option<TimeOffId>, Outcome), ScheduleError> {
    check(new)?;
    let business_id = staff.business.id;
    let mut attempt = Attempt::begin(platform, staff, new.master_id.map_or(Scope::Business, Scope::Master)).await?;
    let tx = &mut attempt.tx;
    if let Some(master_id) = new.master_id
        && !master::exists(tx, business_id, master_id).await?
    {
        return Err(ScheduleError::UnknownMaster);
    }
    let id = insert(tx, business_id, new, attempt.now).await?;
    let row = find(tx, business_id, id).await?.ok_or(ScheduleError::UnknownTimeOff)?;
    let entry =
        Change { entity: "time_off", entity_id: id.get(), action: "create", old: None, new: Some(row.audited()) };
    audit::record(tx, Some(business_id), &staff.access.origin, &entry, attempt.now).await?;
    let outcome = attempt.finish(intent).await?;
    Ok((outcome.changed.then_some(id), outcome))
}

/// Takes time off back.
///
/// # Errors
///
/// [`ScheduleError::UnknownTimeOff`], [`ScheduleError::Store`].
pub async fn remove_time_off(platform: &Platform, staff: &Staff, id: TimeOffId) -> Result<(), ScheduleError> {
    let business_id = staff.business.id;
    let mut tx = platform.db.begin().await?;
    let row = find(&mut tx, business_id, id).await?.ok_or(ScheduleError::UnknownTimeOff)?;
    db::execute!(&mut tx, "delete from time_off where business_id = $1 and id = $2", business_id, id)?;
    let entry =
        Change { entity: "time_off", entity_id: id.get(), action: "delete", old: Some(row.audited()), new: None };
    audit::record(&mut tx, Some(business_id), &staff.access.origin, &entry, platform.clock.now()).await?;
    tx.commit().await?;
    Ok(())
}

/// The time off that touches the dates from `from` to `to`, in order, a thousand at most: everybody's, or with a master
/// theirs and the salon's.
///
/// # Errors
///
/// [`StoreError`].
pub async fn time_off(
    connection: &mut Connection,
    business_id: BusinessId,
    master_id: Option<MasterId>,
    from: Date,
    to: Date,
) -> Result<Vec<TimeOff>, StoreError> {
    let rows = db::fetch_all!(
        connection,
        Row,
        "select id, master_id, from_date, start_minute, to_date, end_minute, kind, reason from time_off
         where business_id = $1 and ($2 = 0 or master_id is null or master_id = $2)
             and to_date >= $3 and from_date <= $4
         order by from_date, start_minute, id limit $5",
        business_id,
        master_id.map_or(0, MasterId::get),
        from.to_string(),
        to.to_string(),
        MOST_ROWS,
    )?;
    rows.into_iter().map(TimeOff::try_from).collect()
}

fn check(new: &NewTimeOff<'_>) -> Result<(), ScheduleError> {
    let is_short = new.from.0.until(new.to.0).is_ok_and(|span| (0..LONGEST_DAYS).contains(&span.get_days()));
    let are_minutes = new.from.1 < MINUTES_A_DAY && (1..=MINUTES_A_DAY).contains(&new.to.1);
    if is_short && are_minutes && new.from < new.to { Ok(()) } else { Err(ScheduleError::TimeOffRange) }
}

async fn insert(
    tx: &mut Tx,
    business_id: BusinessId,
    new: &NewTimeOff<'_>,
    now: Timestamp,
) -> Result<TimeOffId, StoreError> {
    let (id,) = db::fetch_one!(
        tx,
        (TimeOffId,),
        "insert into time_off
             (business_id, master_id, from_date, start_minute, to_date, end_minute, kind, reason, created_at)
         values ($1, $2, $3, $4, $5, $6, $7, $8, $9) returning id",
        business_id,
        new.master_id,
        new.from.0.to_string(),
        i64::from(new.from.1),
        new.to.0.to_string(),
        i64::from(new.to.1),
        new.kind.as_str(),
        new.reason.as_str(),
        now,
    )?;
    Ok(id)
}

async fn find(
    connection: &mut Connection,
    business_id: BusinessId,
    id: TimeOffId,
) -> Result<Option<TimeOff>, StoreError> {
    let row = db::fetch_optional!(
        connection,
        Row,
        "select id, master_id, from_date, start_minute, to_date, end_minute, kind, reason from time_off
         where business_id = $1 and id = $2",
        business_id,
        id,
    )?;
    row.map(TimeOff::try_from).transpose()
}

#[derive(sqlx::FromRow)]
struct Row {
    id: TimeOffId,
    master_id: Option<MasterId>,
    from_date: String,
    start_minute: i64,
    to_date: String,
    end_minute: i64,
    kind: String,
    reason: String,
}

impl TryFrom<Row> for TimeOff {
    type Error = StoreError;

    fn try_from(row: Row) -> Result<Self, StoreError> {
        let broken = |rule| StoreError::Row { table: "time_off", id: row.id.get(), rule };
        let date = |text: &str| text.parse::<Date>().map_err(|_| broken("a date is malformed"));
        let minute = |minute: i64| u16::try_from(minute).map_err(|_| broken("a minute is out of range"));
        Ok(Self {
            id: row.id,
            master_id: row.master_id,
            from: (date(&row.from_date)?, minute(row.start_minute)?),
            to: (date(&row.to_date)?, minute(row.end_minute)?),
            kind: TimeOffKind::of_row(&row.kind, "time_off", row.id.get())?,
            reason: row.reason.parse().map_err(|_| broken("reason is malformed"))?,
        })
    }
}

impl TimeOff {
    fn audited(&self) -> serde_json::Value {
        json!({
            "master_id": self.master_id,
            "from": [self.from.0.to_string(), self.from.1.to_string()],
            "to": [self.to.0.to_string(), self.to.1.to_string()],
            "kind": self.kind.as_str(),
            "reason": self.reason.as_str(),
        })
    }
}
