//! What a statement can fail with, in the words a caller can act on.

use std::fmt;
use std::sync::Arc;

use sqlx::error::DatabaseError;

/// Why a statement, a transaction or a connection failed.
///
/// The driver's error is the source of every variant that has one. Cloning is cheap: all transactions of a shared
/// commit report the one failure.
#[derive(Debug, Clone, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// The statement would break a rule of the schema. Nothing was changed by it.
    #[error("constraint {name} refused the statement")]
    Constraint {
        /// Which kind of rule.
        kind: ConstraintKind,
        /// Its name, as PostgreSQL gives it. SQLite names only checks and triggers; for the other kinds the name is
        /// made the way PostgreSQL makes it: `table_column_column_key` for a unique rule, `table_pkey` for a primary
        /// key, `table_column_not_null` for a missing value, `foreign_key` for a reference.
        name: String,
        /// What the driver said.
        #[source]
        source: Cause,
    },
    /// Somebody else holds what the statement needs, for longer than we wait. Running the whole transaction again may
    /// succeed.
    #[error("the database is busy")]
    Busy {
        /// What the driver said; none when the wait was for a connection of our own.
        #[source]
        source: Option<Cause>,
    },
    /// The disk is full. The transaction was undone; writing works again once there is room.
    #[error("the database's disk is full")]
    Full {
        /// What the driver said.
        #[source]
        source: Cause,
    },
    /// The database cannot be reached, is shutting down, or its file cannot be read or written. The same call works
    /// again once it is back.
    #[error("the database is unavailable")]
    Unavailable {
        /// What the driver said.
        #[source]
        source: Cause,
    },
    /// The transaction was undone by an earlier failure, of one of its statements or of the commit it shared; nothing
    /// of it is left. Running it again may succeed.
    #[error("the transaction was lost to an earlier failure")]
    Lost,
    /// The statement or the row does not fit the code: a defect, or a database that is not ours.
    #[error("the statement does not fit the database")]
    Defect {
        /// What the driver said.
        #[source]
        source: Cause,
    },
}

/// What the driver said. A cheap handle.
///
/// `Debug` is its message, like `Display`: the details that PostgreSQL adds to a broken rule are the row's data.
#[derive(Clone)]
pub struct Cause(Arc<dyn std::error::Error + Send + Sync>);

impl fmt::Display for Cause {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl fmt::Debug for Cause {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:?}", self.0.to_string())
    }
}

impl std::error::Error for Cause {}

/// The kinds of rule a schema can enforce.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum ConstraintKind {
    /// A unique index or constraint, the primary key included.
    Unique,
    /// A reference to a row that is not there, or a row that is still referred to.
    ForeignKey,
    /// A missing value.
    NotNull,
    /// A check.
    Check,
    /// An exclusion constraint of PostgreSQL, or a trigger of either engine that raised its name.
    Exclusion,
}

impl Error {
    /// Whether the failure is the rule `name` of the schema.
    #[must_use]
    pub fn is_constraint(&self, name: &str) -> bool {
        self.constraint() == Some(name)
    }

    /// The name of the rule that refused the statement, if one did.
    #[must_use]
    pub fn constraint(&self) -> Option<&str> {
        match self {
            Self::Constraint { name, .. } => Some(name),
            Self::Busy { .. } | Self::Full { .. } | Self::Unavailable { .. } | Self::Lost | Self::Defect { .. } => None,
        }
    }

    /// Whether running the same transaction again, a little later, may succeed.
    #[must_use]
    pub fn is_transient(&self) -> bool {
        match self {
            Self::Busy { .. } | Self::Full { .. } | Self::Unavailable { .. } | Self::Lost => true,
            Self::Constraint { .. } | Self::Defect { .. } => false,
        }
    }

    /// Whether SQLite may have undone the whole transaction, not only the statement.
    pub(crate) fn ends_transaction(&self) -> bool {
        match self {
            Self::Busy { .. } | Self::Full { .. } | Self::Unavailable { .. } | Self::Lost => true,
            Self::Constraint { .. } | Self::Defect { .. } => false,
        }
    }
}

impl From<sqlx::Error> for Error {
    fn from(error: sqlx::Error) -> Self {
        if let Some(found) = error.as_database_error().map(classify) {
            return found.with_source(error);
        }
        let unavailable = matches!(
            error,
            sqlx::Error::Io(_)
                | sqlx::Error::Tls(_)
                | sqlx::Error::PoolTimedOut
                | sqlx::Error::PoolClosed
                | sqlx::Error::WorkerCrashed
        );
        let class = if unavailable { Class::Unavailable } else { Class::Defect };
        class.with_source(error)
    }
}

impl From<tokio_postgres::Error> for Error {
    fn from(error: tokio_postgres::Error) -> Self {
        let source = std::error::Error::source(&error);
        if let Some(refusal) = error.as_db_error() {
            let violation = Violation {
                constraint: refusal.constraint(),
                message: refusal.message(),
                table: refusal.table(),
                column: refusal.column(),
            };
            let class = classify_postgres(refusal.code().code(), &violation);
            // The driver's own text is the same for every refusal, and what it shows besides may be the row's data.
            return class.with_source(Refusal(refusal.message().to_owned()));
        }
        let is_broken =
            error.is_closed() || source.and_then(|source| source.downcast_ref::<std::io::Error>()).is_some();
        let class = if is_broken { Class::Unavailable } else { Class::Defect };
        let text = source.map_or_else(|| error.to_string(), |source| format!("{error}: {source}"));
        class.with_source(Refusal(text))
    }
}

/// What a PostgreSQL server said.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
struct Refusal(String);

impl From<rusqlite::Error> for Error {
    fn from(error: rusqlite::Error) -> Self {
        let code = error.sqlite_error().map(|failure| failure.extended_code);
        let class = match (code, &error) {
            (Some(code), rusqlite::Error::SqliteFailure(_, message)) => {
                classify_sqlite(code, message.as_deref().unwrap_or_default())
            }
            // A statement that could not be prepared, for want of a table or of a readable file.
            (Some(code), _) => classify_sqlite(code, ""),
            (None, _) => Class::Defect,
        };
        class.with_source(error)
    }
}

/// A variant of [`Error`] before it has its source.
enum Class {
    Constraint(ConstraintKind, String),
    Busy,
    Full,
    Unavailable,
    Defect,
}

impl Class {
    fn with_source(self, source: impl std::error::Error + Send + Sync + 'static) -> Error {
        let source = Cause(Arc::new(source));
        match self {
            Self::Constraint(kind, name) => Error::Constraint { kind, name, source },
            Self::Busy => Error::Busy { source: Some(source) },
            Self::Full => Error::Full { source },
            Self::Unavailable => Error::Unavailable { source },
            Self::Defect => Error::Defect { source },
        }
    }
}

fn classify(error: &dyn DatabaseError) -> Class {
    let code = error.code().unwrap_or_default();
    if let Some(postgres) = error.try_downcast_ref::<sqlx::postgres::PgDatabaseError>() {
        let violation = Violation {
            constraint: postgres.constraint(),
            message: postgres.message(),
            table: postgres.table(),
            column: postgres.column(),
        };
        return classify_postgres(&code, &violation);
    }
    code.parse().map_or(Class::Defect, |code| classify_sqlite(code, error.message()))
}

/// What a PostgreSQL server says of a refusal, whichever driver asked it.
struct Violation<'e> {
    constraint: Option<&'e str>,
    message: &'e str,
    table: Option<&'e str>,
    column: Option<&'e str>,
}

/// Source: `PostgreSQL` 15, appendix A, "`PostgreSQL` Error Codes".
fn classify_postgres(state: &str, violation: &Violation<'_>) -> Class {
    let constraint = || violation.constraint.unwrap_or_default().to_owned();
    match state {
        "23505" => Class::Constraint(ConstraintKind::Unique, constraint()),
        "23503" => Class::Constraint(ConstraintKind::ForeignKey, "foreign_key".to_owned()),
        "23514" => Class::Constraint(ConstraintKind::Check, constraint()),
        "23P01" => Class::Constraint(ConstraintKind::Exclusion, constraint()),
        // A trigger's `raise exception 'name'`: the same meaning as SQLite's `raise(abort, 'name')`.
        "P0001" => Class::Constraint(ConstraintKind::Exclusion, violation.message.to_owned()),
        "23502" => {
            let (table, column) = (violation.table.unwrap_or_default(), violation.column.unwrap_or_default());
            Class::Constraint(ConstraintKind::NotNull, format!("{table}_{column}_not_null"))
        }
        "40001" | "40P01" | "55P03" => Class::Busy,
        "53100" => Class::Full,
        _ if ["08", "53", "57", "58"].iter().any(|class| state.starts_with(class)) => Class::Unavailable,
        _ => Class::Defect,
    }
}

/// Source: `SQLite`, "Result and Error Codes"; the primary code is the lowest byte.
fn classify_sqlite(code: i32, message: &str) -> Class {
    /// What the message says after its last colon: `UNIQUE constraint failed: clients.business_id, clients.phone`.
    fn subject(message: &str) -> &str {
        message.rsplit_once(": ").map_or("", |(_, subject)| subject)
    }
    match (code & 0xff, code) {
        (5 | 6, _) => Class::Busy,
        (13, _) => Class::Full,
        // perm, nomem, readonly, interrupt, ioerr, corrupt, cantopen, notadb
        (3 | 7..=11 | 14 | 26, _) => Class::Unavailable,
        (19, 1555 | 2579) => Class::Constraint(ConstraintKind::Unique, named(subject(message), "pkey", false)),
        (19, 2067) => Class::Constraint(ConstraintKind::Unique, named(subject(message), "key", true)),
        (19, 787) => Class::Constraint(ConstraintKind::ForeignKey, "foreign_key".to_owned()),
        (19, 1299) => Class::Constraint(ConstraintKind::NotNull, named(subject(message), "not_null", true)),
        (19, 275) => Class::Constraint(ConstraintKind::Check, subject(message).to_owned()),
        (19, 1811) => Class::Constraint(ConstraintKind::Exclusion, message.to_owned()),
        _ => Class::Defect,
    }
}

/// `table.one, table.two` and `key` make `table_one_two_key`, or `table_key` without the columns.
fn named(subject: &str, suffix: &str, columns: bool) -> String {
    // An index over expressions is reported by name: `index 'name'`.
    if let Some(index) = subject.strip_prefix("index '") {
        return index.trim_end_matches('\'').to_owned();
    }
    let mut name = String::with_capacity(subject.len() + suffix.len());
    for (position, part) in subject.split(", ").enumerate() {
        let (table, column) = part.split_once('.').unwrap_or((part, ""));
        if position == 0 {
            name.push_str(table);
        }
        if columns {
            name.push('_');
            name.push_str(column);
        }
    }
    name.push('_');
    name.push_str(suffix);
    name
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sqlite_names_are_made_like_those_of_postgres() {
        assert_eq!(named("clients.business_id, clients.phone", "key", true), "clients_business_id_phone_key");
        assert_eq!(named("clients.id", "pkey", false), "clients_pkey");
        assert_eq!(named("index 'users_lower_email_key'", "key", true), "users_lower_email_key");
    }
}
