//! One statement, run on whichever engine is behind a connection.
//!
//! Each macro takes a `&mut` [`Connection`](crate::Connection) or [`Tx`](crate::Tx), the statement as a literal or
//! constant, and its parameters `$1`, `$2`… in order. Parameters are evaluated once and bound natively: `i64`, `bool`,
//! `&str`, `String`, `&[u8]`, `Vec<u8>`, and `Option` of these. Where one text cannot serve both engines, write
//! `sqlite: "…", postgres: "…"` in the place of the statement.

/// Runs a statement; gives the number of rows it changed (`u64`), or [`Error`](crate::Error).
///
/// ```
/// # async fn example(tx: &mut db::Tx, business: i64) -> Result<(), db::Error> {
/// let gone = db::execute!(tx, "delete from notes where business_id = $1 and done = $2", business, true)?;
/// # let _ = gone; Ok(()) }
/// ```
#[macro_export]
macro_rules! execute {
    ($connection:expr, sqlite: $sqlite:expr, postgres: $postgres:expr $(, $bind:expr)* $(,)?) => {{
        let connection: &mut $crate::Connection = $connection;
        let result = match $crate::Connection::engine(connection) {
            Ok($crate::Engine::Sqlite(engine)) => $crate::sqlx::query::<$crate::sqlx::Sqlite>($sqlite)
                $(.bind($bind))*.execute(engine).await.map(|done| done.rows_affected()).map_err($crate::Error::from),
            Ok($crate::Engine::Postgres(engine)) => $crate::sqlx::query::<$crate::sqlx::Postgres>($postgres)
                $(.bind($bind))*.execute(engine).await.map(|done| done.rows_affected()).map_err($crate::Error::from),
            Err(error) => Err(error),
        };
        $crate::Connection::note(connection, result)
    }};
    ($connection:expr, $sql:expr $(, $bind:expr)* $(,)?) => {
        $crate::execute!($connection, sqlite: $sql, postgres: $sql $(, $bind)*)
    };
}

/// Runs a statement that answers exactly one row; gives it as the named type, which derives `sqlx::FromRow` or is a
/// tuple, or [`Error`](crate::Error). No row at all is an [`Error::Defect`](crate::Error::Defect).
#[macro_export]
macro_rules! fetch_one {
    ($connection:expr, $row:ty, $($query:tt)+) => { $crate::__fetch!(fetch_one, $connection, $row, $($query)+) };
}

/// Runs a statement that answers one row or none; gives `Option` of the named type, or [`Error`](crate::Error).
#[macro_export]
macro_rules! fetch_optional {
    ($connection:expr, $row:ty, $($query:tt)+) => { $crate::__fetch!(fetch_optional, $connection, $row, $($query)+) };
}

/// Runs a statement that answers any number of rows; gives `Vec` of the named type, or [`Error`](crate::Error).
///
/// All rows are held in memory: bound the answer with `limit`.
#[macro_export]
macro_rules! fetch_all {
    ($connection:expr, $row:ty, $($query:tt)+) => { $crate::__fetch!(fetch_all, $connection, $row, $($query)+) };
}

#[doc(hidden)]
#[macro_export]
macro_rules! __fetch {
    ($method:ident, $connection:expr, $row:ty, sqlite: $sqlite:expr,
        postgres: $postgres:expr $(, $bind:expr)* $(,)?) => {{
        let connection: &mut $crate::Connection = $connection;
        let result = match $crate::Connection::engine(connection) {
            Ok($crate::Engine::Sqlite(engine)) => $crate::sqlx::query_as::<$crate::sqlx::Sqlite, $row>($sqlite)
                $(.bind($bind))*.$method(engine).await.map_err($crate::Error::from),
            Ok($crate::Engine::Postgres(engine)) => $crate::sqlx::query_as::<$crate::sqlx::Postgres, $row>($postgres)
                $(.bind($bind))*.$method(engine).await.map_err($crate::Error::from),
            Err(error) => Err(error),
        };
        $crate::Connection::note(connection, result)
    }};
    ($method:ident, $connection:expr, $row:ty, $sql:expr $(, $bind:expr)* $(,)?) => {
        $crate::__fetch!($method, $connection, $row, sqlite: $sql, postgres: $sql $(, $bind)*)
    };
}
