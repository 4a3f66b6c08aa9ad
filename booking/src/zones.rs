//! Zones whose rules changed: the promise to a client is the clock on the wall, so the instants of visits to come move.
//!
//! What a zone's offsets are is kept as a fingerprint. Nothing is looked at while it stays the same; when the zone data
//! of this machine tells another, all visits to come are compared with their wall times, tenant by tenant.

use db::Connection;
use jiff::civil::{DateTime, date};
use serde_json::json;
use sha2::{Digest, Sha256};

use crate::access::Origin;
use crate::audit;
use crate::booking::{self as visits, Actor};
use crate::clock::Timestamp;
use crate::id::{BookingId, BusinessId};
use crate::platform::Platform;
use crate::schema::NO_OVERLAP;
use crate::store::StoreError;
use crate::zone::Zone;

/// How long a zone counts as looked at, in seconds.
const CHECKED_FOR: i64 = 3_600;
/// How many years ahead its rules are compared.
const YEARS: i16 = 4;
/// Tenants and visits that are read at once.
const AT_ONCE: i64 = 200;

/// Moves the visits to come whose instants no longer are their wall times; gives how many.
///
/// A visit whose new time is taken stays where it is, and the audit log says so.
///
/// # Errors
///
/// [`StoreError`]: the next call begins again.
pub async fn recompute(platform: &Platform) -> Result<u64, StoreError> {
    let now = platform.clock.now();
    let changed = changed_zones(platform, now).await?;
    if changed.is_empty() {
        return Ok(0);
    }
    let mut moved = 0;
    if changed.iter().any(|(_, _, is_new)| !is_new) {
        moved = all_tenants(platform, now).await?;
    }
    let mut tx = platform.db.begin().await?;
    for (name, fingerprint, _) in &changed {
        db::execute!(
            &mut tx,
            "insert into zone_rules (time_zone, fingerprint, checked_at) values ($1, $2, $3)
             on conflict (time_zone) do update set fingerprint = excluded.fingerprint,
                 checked_at = excluded.checked_at",
            name.as_str(),
            fingerprint.as_str(),
            now,
        )?;
    }
    tx.commit().await?;
    Ok(moved)
}

/// The zones of tenants that were not looked at for a while, with what they are now, and whether they are new.
async fn changed_zones(platform: &Platform, now: Timestamp) -> Result<Vec<(String, String, bool)>, StoreError> {
    let mut connection = platform.db.read().await?;
    let (mut found, mut last) = (Vec::new(), String::new());
    // From one zone to the next, by the index.
    loop {
        let next = db::fetch_optional!(
            &mut connection,
            (String, Option<String>, Option<i64>),
            "select b.time_zone, z.fingerprint, z.checked_at
             from businesses b left join zone_rules z on z.time_zone = b.time_zone
             where b.time_zone > $1 order by b.time_zone limit 1",
            last.as_str(),
        )?;
        let Some((name, before, checked_at)) = next else { return Ok(found) };
        if checked_at.is_none_or(|at| now.seconds().saturating_sub(at) >= CHECKED_FOR)
            && let Ok(zone) = name.parse::<Zone>()
        {
            let fingerprint = fingerprint(&zone, now);
            let is_new = before.as_ref().is_none_or(|before| *before == fingerprint);
            found.push((name.clone(), fingerprint, is_new));
        }
        last = name;
    }
}

/// What a zone's offsets are, from this year on.
fn fingerprint(zone: &Zone, now: Timestamp) -> String {
    let year = zone.date(now).year();
    let start = |year| zone.nearest_instant(date(year, 1, 1).at(0, 0, 0, 0));
    let mut hash = Sha256::new();
    for span in zone.spans(start(year), start(year.saturating_add(YEARS))) {
        hash.update(format!("{} {};", span.from, span.offset));
    }
    hex::encode(hash.finalize())
}

async fn all_tenants(platform: &Platform, now: Timestamp) -> Result<u64, StoreError> {
    let (mut moved, mut last) = (0, BusinessId::new(0));
    loop {
        let tenants = db::fetch_all!(
            &mut platform.db.read().await?,
            (BusinessId,),
            "select id from businesses where id > $1 order by id limit $2",
            last,
            AT_ONCE,
        )?;
        let Some((end,)) = tenants.last() else { return Ok(moved) };
        last = *end;
        for (business_id,) in tenants {
            moved += tenant(platform, business_id, now).await?;
        }
    }
}

#[derive(sqlx::FromRow)]
struct Row {
    id: BookingId,
    starts_at: Timestamp,
    wall_start: String,
    time_zone: String,
}

impl Row {
    /// Seconds by which it has to move.
    fn shift(&self) -> Result<i64, StoreError> {
        let broken = |rule| StoreError::Row { table: "bookings", id: self.id.get(), rule };
        let wall: DateTime = self.wall_start.parse().map_err(|_| broken("wall time is malformed"))?;
        let zone: Zone = self.time_zone.parse().map_err(|_| broken("time zone is unknown"))?;
        Ok(zone.nearest_instant(wall).since(self.starts_at))
    }
}

/// Moves what has to be, those ahead first: what moves later makes room for what comes after it, and the other way
/// round.
async fn tenant(platform: &Platform, business_id: BusinessId, now: Timestamp) -> Result<u64, StoreError> {
    let mut wrong: Vec<(Row, i64)> = Vec::new();
    let mut last = (now, BookingId::new(0));
    loop {
        let rows = db::fetch_all!(
            &mut platform.db.read().await?,
            Row,
            "select id, starts_at, wall_start, time_zone from bookings
             where business_id = $1 and (starts_at, id) > ($2, $3) and state in ('pending', 'confirmed')
             order by starts_at, id limit $4",
            business_id,
            last.0,
            last.1,
            AT_ONCE,
        )?;
        let Some(end) = rows.last() else { break };
        last = (end.starts_at, end.id);
        for row in rows {
            let shift = row.shift()?;
            if shift != 0 {
                wrong.push((row, shift));
            }
        }
    }
    wrong.sort_by_key(|(row, shift)| if *shift > 0 { -row.starts_at.seconds() } else { row.starts_at.seconds() });
    let mut moved = 0;
    for (row, shift) in wrong {
        let mut tx = platform.db.begin().await?;
        match shifted(&mut tx, business_id, &row, shift).await {
            Ok(()) => {
                visits::moved_by_zone(&mut tx, platform, business_id, row.id, Actor::System, now).await?;
                log(&mut tx, business_id, &row, shift, "zone", now).await?;
                moved += 1;
            }
            Err(error) if error.is_constraint(NO_OVERLAP) => {
                drop(tx);
                tx = platform.db.begin().await?;
                log(&mut tx, business_id, &row, shift, "zone_conflict", now).await?;
                tracing::warn!(business.id = %business_id, booking.id = %row.id, "a visit cannot follow its zone");
            }
            Err(error) => return Err(error.into()),
        }
        tx.commit().await?;
        tracing::info!(business.id = %business_id, booking.id = %row.id, shift, "visit {} followed its zone", row.id);
    }
    Ok(moved)
}

async fn shifted(connection: &mut Connection, business_id: BusinessId, row: &Row, shift: i64) -> Result<(), db::Error> {
    db::execute!(
        connection,
        "update bookings set starts_at = starts_at + $3, ends_at = ends_at + $3, due_at = due_at + $3
         where business_id = $1 and id = $2",
        business_id,
        row.id,
        shift,
    )?;
    // Not in one statement: the parts of one visit would stand in each other's way.
    db::execute!(
        connection,
        "update booking_segments set live = false where business_id = $1 and booking_id = $2",
        business_id,
        row.id,
    )?;
    db::execute!(
        connection,
        "update booking_segments set starts_at = starts_at + $3, ends_at = ends_at + $3, busy_from = busy_from + $3,
             busy_to = busy_to + $3, live = true
         where business_id = $1 and booking_id = $2",
        business_id,
        row.id,
        shift,
    )?;
    Ok(())
}

async fn log(
    connection: &mut Connection,
    business_id: BusinessId,
    row: &Row,
    shift: i64,
    action: &str,
    now: Timestamp,
) -> Result<(), StoreError> {
    let change = audit::Change {
        entity: "booking",
        entity_id: row.id.get(),
        action,
        old: Some(json!({ "starts_at": row.starts_at.to_string() })),
        new: Some(json!({ "starts_at": row.starts_at.plus(shift).to_string() })),
    };
    audit::record(connection, Some(business_id), &Origin::system(), &change, now).await
}
