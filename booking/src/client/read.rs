//! Finding and listing clients.

use db::Connection;

use super::{Client, ClientError, History, Search, Standing, Tag, Upcoming};
use crate::access::Access;
use crate::booking::BookingState;
use crate::clock::Timestamp;
use crate::id::{BookingId, BusinessId, ClientId, MasterId};
use crate::language::Language;
use crate::phone::Phone;
use crate::platform::Platform;
use crate::store::StoreError;

/// The most clients of one page.
pub const MOST_ROWS: u32 = 200;
/// The most visits to come that a client's card shows.
const MOST_UPCOMING: i64 = 20;

/// Clients with what became of their visits: `$found` selects their ids, `$now` is the parameter with the present time.
macro_rules! clients_sql {
    ($now:literal, $($found:expr),+) => {
        concat!(
            "select c.id, c.phone, c.name, c.language, c.tags, c.notes, c.health_notes, c.blocked_at, c.blocked_reason,
                 c.service_stopped_at, c.marketing_stopped_at, c.erased_at, c.created_at, c.updated_at,
                 (select count(*) from bookings b where b.client_id = c.id and b.state = 'completed') as visits,
                 (select count(*) from bookings b where b.client_id = c.id and b.state = 'no_show') as no_shows,
                 (select count(*) from bookings b join booking_transitions t on t.booking_id = b.id
                  where b.client_id = c.id and b.state = 'cancelled' and t.to_state = 'cancelled'
                      and t.actor = 'client' and t.remark = 'late') as late_cancellations,
                 (select max(b.starts_at) from bookings b
                  where b.client_id = c.id and b.state in ('arrived', 'completed')) as last_visit_at,
                 (select min(b.starts_at) from bookings b
                  where b.client_id = c.id and b.state in ('pending', 'confirmed')
                      and b.ends_at > ", $now, ") as next_visit_at,
                 (select count(*) from bookings b
                  where b.client_id = c.id and b.state in ('pending', 'confirmed')
                      and b.ends_at > ", $now, ") as upcoming
             from (", $($found,)+ ") f join clients c on c.id = f.id
             order by c.id desc"
        )
    };
}

/// Parameters: $1 business, $2 the highest id, $3 to $6 words of a name, $7 and $8 digits as typed and with the
/// country's code, $9 tag, $10 the only master, $11 limit, $12 now. What is empty is not searched for: it stands at the
/// beginning of every text.
///
/// All that the search compares of a row is in the index `clients_search`, so it reads nothing else of those that do
/// not fit, and of other tenants nothing at all. The time grows with the tenant: 50,000 clients are read in 5 to 20 ms.
/// Were one more column asked for, PostgreSQL would walk down the primary key instead, through everybody's clients.
/// SQLite is told its name: to its planner another index of the same columns is as good, whose every row it then looks
/// up.
///
/// The engines name the place of a text in another differently. `like` would do on both, at four times the time on
/// SQLite.
macro_rules! page_sql {
    ($place:literal, $index:literal) => {
        clients_sql!(
            "$12",
            "select id from clients ",
            $index,
            " where business_id = $1 and id <= $2 and merged_into is null and erased_at is null
                 and ",
            $place,
            "(search, $3) > 0 and ",
            $place,
            "(search, $4) > 0
                 and ",
            $place,
            "(search, $5) > 0 and ",
            $place,
            "(search, $6) > 0
                 and ($7 = '' or id in (
                     select coalesce(merged_into, id) from clients
                     where business_id = $1 and (",
            $place,
            "(phone, $7) > 0 or ",
            $place,
            "(phone, $8) > 0)
                 ))
                 and ($9 = '' or id in (select id from clients where business_id = $1 and ",
            $place,
            "(tags, $9) > 0))
                 and ($10 = 0 or exists (
                     select 1 from bookings b join booking_segments s on s.booking_id = b.id
                     where b.client_id = clients.id and s.master_id = $10
                 ))
             order by id desc limit $11"
        )
    };
}

const SQLITE: &str = page_sql!("instr", "indexed by clients_search");
const POSTGRES: &str = page_sql!("strpos", "");

/// Which clients to list, the newest first.
#[derive(Debug, Clone, Default)]
pub struct Filter {
    /// Only those who were first seen before this one: the last of the page before.
    pub before: Option<ClientId>,
    /// Only those that this finds.
    pub search: Search,
    /// Only those with this tag.
    pub tag: Option<Tag>,
    /// At most so many; [`MOST_ROWS`] at most.
    pub limit: u32,
}

/// The clients of a business that somebody may see and that fit the filter.
///
/// # Errors
///
/// [`StoreError`].
pub async fn list(platform: &Platform, access: &Access, filter: &Filter) -> Result<Vec<Client>, StoreError> {
    let mut connection = platform.db.read().await?;
    let last = filter.before.map_or(i64::MAX, |before| before.get().saturating_sub(1));
    let only = access.only_clients_of();
    let (typed, national) = filter.search.number().unwrap_or_default();
    let rows = db::fetch_all!(
        &mut connection,
        Row,
        sqlite: SQLITE,
        postgres: POSTGRES,
        access.business_id,
        last,
        filter.search.word(0),
        filter.search.word(1),
        filter.search.word(2),
        filter.search.word(3),
        typed.as_str(),
        national.as_str(),
        filter.tag.as_ref().map_or_else(String::new, |tag| format!("\"{}\"", tag.as_str())),
        only.map_or(0, MasterId::get),
        i64::from(filter.limit.min(MOST_ROWS)),
        platform.clock.now(),
    )?;
    rows.into_iter().map(|row| row.read(access)).collect()
}

/// A client of a business, with their other numbers, and their visits to come. A number of a row that was merged finds
/// the client it was merged into.
///
/// # Errors
///
/// [`ClientError::NotFound`], also for a client of another master's where somebody sees only their own, and
/// [`ClientError::Store`].
pub async fn show(
    platform: &Platform,
    access: &Access,
    client_id: ClientId,
) -> Result<(Client, Vec<Upcoming>), ClientError> {
    let mut connection = platform.db.read().await?;
    let client = find(&mut connection, platform, access, client_id).await?;
    let upcoming = upcoming(&mut connection, access.business_id, client.id, platform.clock.now()).await?;
    Ok((client, upcoming))
}

/// As [`show`], on a connection, without the visits.
pub(crate) async fn find(
    connection: &mut Connection,
    platform: &Platform,
    access: &Access,
    client_id: ClientId,
) -> Result<Client, ClientError> {
    let business_id = access.business_id;
    let id = resolve(connection, business_id, client_id).await?.ok_or(ClientError::NotFound)?;
    let row = db::fetch_optional!(
        connection,
        Row,
        clients_sql!(
            "$4",
            "select id from clients
             where business_id = $1 and id = $2 and merged_into is null
                 and ($3 = 0 or exists (
                     select 1 from bookings b join booking_segments s on s.booking_id = b.id
                     where b.client_id = clients.id and s.master_id = $3
                 ))"
        ),
        business_id,
        id,
        access.only_clients_of().map_or(0, MasterId::get),
        platform.clock.now(),
    )?;
    let row = row.ok_or(ClientError::NotFound)?;
    let serves = match access.master_id {
        Some(master_id) if !access.runs_business() => is_served_by(connection, business_id, id, master_id).await?,
        Some(_) | None => false,
    };
    let health_notes = row.health_notes.clone();
    let mut client = row.read(access)?;
    if serves {
        client.health_notes = Some(health_notes);
    }
    let others = db::fetch_all!(
        connection,
        (ClientId, String),
        "select id, phone from clients where business_id = $1 and merged_into = $2 and phone is not null order by id",
        business_id,
        id,
    )?;
    for (other, phone) in others {
        client.other_phones.push(read_phone(phone, other)?);
    }
    Ok(client)
}

/// The client that a row stands for: itself, or the one it was merged into.
pub(super) async fn resolve(
    connection: &mut Connection,
    business_id: BusinessId,
    client_id: ClientId,
) -> Result<Option<ClientId>, StoreError> {
    let row = db::fetch_optional!(
        connection,
        (ClientId,),
        "select coalesce(merged_into, id) from clients where business_id = $1 and id = $2",
        business_id,
        client_id,
    )?;
    Ok(row.map(|(id,)| id))
}

/// A client's visits to come.
pub(super) async fn upcoming(
    connection: &mut Connection,
    business_id: BusinessId,
    client_id: ClientId,
    now: Timestamp,
) -> Result<Vec<Upcoming>, StoreError> {
    let rows = db::fetch_all!(
        connection,
        (BookingId, Timestamp, String),
        "select id, starts_at, state from bookings
         where business_id = $1 and client_id = $2 and state in ('held', 'pending', 'confirmed', 'arrived')
             and ends_at > $3
         order by starts_at, id limit $4",
        business_id,
        client_id,
        now,
        MOST_UPCOMING,
    )?;
    let read = |(booking_id, starts_at, state): (BookingId, Timestamp, String)| {
        let state = BookingState::of_row(&state, "bookings", booking_id.get())?;
        Ok(Upcoming { booking_id, starts_at, state })
    };
    rows.into_iter().map(read).collect()
}

async fn is_served_by(
    connection: &mut Connection,
    business_id: BusinessId,
    client_id: ClientId,
    master_id: MasterId,
) -> Result<bool, StoreError> {
    let row = db::fetch_optional!(
        connection,
        (BookingId,),
        "select b.id from bookings b join booking_segments s on s.booking_id = b.id
         where b.business_id = $1 and b.client_id = $2 and s.master_id = $3 limit 1",
        business_id,
        client_id,
        master_id,
    )?;
    Ok(row.is_some())
}

pub(super) fn read_phone(phone: String, id: ClientId) -> Result<Phone, StoreError> {
    let broken = |_| StoreError::Row { table: "clients", id: id.get(), rule: "phone is not in E.164 form" };
    Phone::try_from(phone).map_err(broken)
}

#[derive(sqlx::FromRow)]
struct Row {
    id: ClientId,
    phone: Option<String>,
    name: String,
    language: Option<String>,
    tags: String,
    notes: String,
    health_notes: String,
    blocked_at: Option<Timestamp>,
    blocked_reason: Option<String>,
    service_stopped_at: Option<Timestamp>,
    marketing_stopped_at: Option<Timestamp>,
    erased_at: Option<Timestamp>,
    created_at: Timestamp,
    updated_at: Timestamp,
    visits: i64,
    no_shows: i64,
    late_cancellations: i64,
    last_visit_at: Option<Timestamp>,
    next_visit_at: Option<Timestamp>,
    upcoming: i64,
}

impl Row {
    /// What `access` may see of it.
    fn read(self, access: &Access) -> Result<Client, StoreError> {
        let id = self.id.get();
        let broken = |rule| StoreError::Row { table: "clients", id, rule };
        let tags: Vec<String> = serde_json::from_str(&self.tags).map_err(|_| broken("tags are malformed"))?;
        let tags = tags.iter().map(|tag| tag.parse()).collect::<Result<_, _>>();
        Ok(Client {
            id: self.id,
            phone: self.phone.map(|phone| read_phone(phone, self.id)).transpose()?,
            other_phones: Vec::new(),
            name: self.name.parse().map_err(|_| broken("name is malformed"))?,
            language: self.language.map(|language| Language::of_row(&language, "clients", id)).transpose()?,
            tags: tags.map_err(|_| broken("a tag is malformed"))?,
            notes: self.notes,
            health_notes: access.runs_business().then_some(self.health_notes),
            standing: Standing {
                blocked_at: self.blocked_at,
                blocked_reason: self.blocked_reason,
                service_stopped_at: self.service_stopped_at,
                marketing_stopped_at: self.marketing_stopped_at,
                erased_at: self.erased_at,
            },
            history: History {
                visits: self.visits,
                no_shows: self.no_shows,
                late_cancellations: self.late_cancellations,
                last_visit_at: self.last_visit_at,
                next_visit_at: self.next_visit_at,
                upcoming: self.upcoming,
            },
            created_at: self.created_at,
            updated_at: self.updated_at,
        })
    }
}

#[cfg(test)]
mod tests {
    use db::Db;
    use db::testing::on_sqlite;

    use crate::schema;

    /// How SQLite would go about a search.
    async fn plan(db: &Db) -> Vec<String> {
        let rows = db::fetch_all!(
            &mut db.read().await.unwrap(),
            (i64, i64, i64, String),
            concat!("explain query plan ", page_sql!("instr", "indexed by clients_search")),
            1_i64,
            i64::MAX,
            "ivan",
            "",
            "",
            "",
            "",
            "",
            "",
            0_i64,
            50_i64,
            0_i64,
        );
        rows.unwrap().into_iter().map(|(_, _, _, step)| step).collect()
    }

    /// SQLite counts its tables when the writing connection is closed, and whoever has the file may say `analyze`.
    #[tokio::test]
    async fn what_sqlite_counted_leads_no_search_off_its_index() {
        on_sqlite(async |db| {
            db.migrate(&schema::COMPONENT).await.unwrap();
            let mut tx = db.begin().await.unwrap();
            tx.run_script(
                "insert into businesses (id, subdomain, name, phone, time_zone, language, state, created_at)
                 values (1, 'a', 'a', '1', 'Asia/Almaty', 'ru', 'active', 0),
                     (2, 'b', 'b', '2', 'Asia/Almaty', 'ru', 'active', 0);
                 with recursive n (i) as (select 1 union all select i + 1 from n where i < 2000)
                 insert into clients (business_id, phone, name, search, created_at, updated_at)
                 select 1 + i % 2, 77010000000 + i, 'x', 'x' || i, 0, 0 from n;",
            )
            .await
            .unwrap();
            tx.commit().await.unwrap();
            let before = plan(&db).await;
            assert!(before.iter().any(|step| step.contains("clients_search (business_id=? AND id<?)")), "{before:?}");
            let mut tx = db.begin().await.unwrap();
            tx.run_script("analyze").await.unwrap();
            let (counted,) =
                db::fetch_one!(&mut tx, (i64,), "select count(*) from sqlite_stat1 where idx = 'clients_search'")
                    .unwrap();
            assert_eq!(counted, 1);
            tx.commit().await.unwrap();
            // A connection that was open may not have seen the figures; a new one has.
            let path = db::fetch_one!(
                &mut db.read().await.unwrap(),
                (String,),
                "select file from pragma_database_list where name = 'main'",
            );
            let again = Db::connect(&format!("sqlite:{}", path.unwrap().0)).await.unwrap();
            assert_eq!(plan(&again).await, before);
            again.close().await;
        })
        .await;
    }
}
