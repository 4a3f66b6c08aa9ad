//! The booking transaction as one writes it at first: is the time free, insert the booking, insert an outbox row,
//! commit; each a statement of its own. It makes its tables anew and checks nothing else.
//!
//! `api-axum postgres://… | sqlite:/path PORT`

use std::str::FromStr;
use std::sync::atomic::{AtomicI64, Ordering};

use axum::extract::State;
use axum::http::StatusCode;
use axum::routing::post;
use axum::{Json, Router};
use sqlx::postgres::PgPoolOptions;
use sqlx::sqlite::{SqliteConnectOptions, SqliteJournalMode, SqlitePoolOptions, SqliteSynchronous};
use sqlx::{PgPool, SqlitePool};

/// Connections to PostgreSQL. SQLite has one, for it has one writer.
const POOL: u32 = 16;

const POSTGRES: &[&str] = &[
    "drop table if exists bookings, outbox",
    "create table bookings (id bigserial primary key, staff bigint not null, starts bigint not null,
        ends bigint not null, name text not null, phone text not null)",
    "create index on bookings (staff, starts, ends)",
    "create table outbox (id bigserial primary key, kind text not null, body text not null)",
];

const SQLITE: &[&str] = &[
    "drop table if exists bookings",
    "drop table if exists outbox",
    "create table bookings (id integer primary key, staff integer not null, starts integer not null,
        ends integer not null, name text not null, phone text not null)",
    "create index b on bookings (staff, starts, ends)",
    "create table outbox (id integer primary key, kind text not null, body text not null)",
];

static NEXT: AtomicI64 = AtomicI64::new(0);

#[derive(serde::Deserialize)]
struct Request {
    staff: i64,
    name: String,
    phone: String,
}

/// Each request books half an hour of its own.
fn slot() -> (i64, i64) {
    let number = NEXT.fetch_add(1, Ordering::Relaxed);
    (number * 1800, number * 1800 + 1800)
}

fn event(id: i64, phone: &str) -> String {
    format!("{{\"id\":{id},\"phone\":\"{phone}\"}}")
}

async fn book_postgres(State(pool): State<PgPool>, Json(request): Json<Request>) -> StatusCode {
    let (starts, ends) = slot();
    let mut tx = pool.begin().await.unwrap();
    sqlx::query("select pg_advisory_xact_lock($1)")
        .bind(request.staff * 1_000_000 + starts / 86400)
        .execute(&mut *tx)
        .await
        .unwrap();
    // The bound on the start from below (no booking is longer than a day) keeps the search off the history.
    let busy: Option<(i64,)> = sqlx::query_as(
        "select id from bookings where staff = $1 and starts < $2 and starts > $3 - 86400 and ends > $3 limit 1",
    )
    .bind(request.staff)
    .bind(ends)
    .bind(starts)
    .fetch_optional(&mut *tx)
    .await
    .unwrap();
    if busy.is_some() {
        return StatusCode::CONFLICT;
    }
    let (id,): (i64,) = sqlx::query_as(
        "insert into bookings (staff, starts, ends, name, phone) values ($1, $2, $3, $4, $5) returning id",
    )
    .bind(request.staff)
    .bind(starts)
    .bind(ends)
    .bind(&request.name)
    .bind(&request.phone)
    .fetch_one(&mut *tx)
    .await
    .unwrap();
    sqlx::query("insert into outbox (kind, body) values ('booking.created', $1)")
        .bind(event(id, &request.phone))
        .execute(&mut *tx)
        .await
        .unwrap();
    tx.commit().await.unwrap();
    StatusCode::CREATED
}

async fn book_sqlite(State(pool): State<SqlitePool>, Json(request): Json<Request>) -> StatusCode {
    let (starts, ends) = slot();
    let mut tx = pool.begin().await.unwrap();
    let busy: Option<(i64,)> = sqlx::query_as(
        "select id from bookings where staff = ?1 and starts < ?2 and starts > ?3 - 86400 and ends > ?3 limit 1",
    )
    .bind(request.staff)
    .bind(ends)
    .bind(starts)
    .fetch_optional(&mut *tx)
    .await
    .unwrap();
    if busy.is_some() {
        return StatusCode::CONFLICT;
    }
    let id = sqlx::query("insert into bookings (staff, starts, ends, name, phone) values (?, ?, ?, ?, ?)")
        .bind(request.staff)
        .bind(starts)
        .bind(ends)
        .bind(&request.name)
        .bind(&request.phone)
        .execute(&mut *tx)
        .await
        .unwrap()
        .last_insert_rowid();
    sqlx::query("insert into outbox (kind, body) values ('booking.created', ?)")
        .bind(event(id, &request.phone))
        .execute(&mut *tx)
        .await
        .unwrap();
    tx.commit().await.unwrap();
    StatusCode::CREATED
}

#[tokio::main]
async fn main() {
    let mut arguments = std::env::args().skip(1);
    let url = arguments.next().expect("the first argument is a database URL");
    let port: u16 = arguments.next().and_then(|port| port.parse().ok()).expect("the second argument is a port");
    let app = if url.starts_with("postgres") {
        let pool = PgPoolOptions::new().max_connections(POOL).connect(&url).await.unwrap();
        for statement in POSTGRES {
            sqlx::query(statement).execute(&pool).await.unwrap();
        }
        Router::new().route("/book", post(book_postgres)).with_state(pool)
    } else {
        let options = SqliteConnectOptions::from_str(&url)
            .unwrap()
            .create_if_missing(true)
            .journal_mode(SqliteJournalMode::Wal)
            .synchronous(SqliteSynchronous::Normal)
            .pragma("mmap_size", "268435456");
        let pool = SqlitePoolOptions::new().max_connections(1).connect_with(options).await.unwrap();
        for statement in SQLITE {
            sqlx::query(statement).execute(&pool).await.unwrap();
        }
        Router::new().route("/book", post(book_sqlite)).with_state(pool)
    };
    let listener = tokio::net::TcpListener::bind(("127.0.0.1", port)).await.unwrap();
    axum::serve(listener, app).await.unwrap();
}
