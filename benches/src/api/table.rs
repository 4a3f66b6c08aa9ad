//! What was measured, and what has to hold.

use std::collections::BTreeMap;
use std::fmt::{self, Write as _};

/// Who books.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Contender {
    /// Plain axum and sqlx.
    Axum,
    /// `FastAPI` and asyncpg.
    FastApi,
    /// Our program, one message for each visit, as the peers write: the same work.
    SameWork,
    /// Our program as it comes: a confirmation and two reminders for each visit.
    Ours,
    /// The same, and each commit waits for the disk; on SQLite only, where the peer's does not.
    OursDurable,
    /// Our program as it comes, years of visits in the tables.
    OursWithHistory,
}

/// Where it is kept.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, clap::ValueEnum)]
pub enum Engine {
    /// A file.
    Sqlite,
    /// A server.
    Postgres,
}

/// A row of the comparison.
pub type Case = (Engine, Contender);

/// One round of a case.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Sample {
    /// Bookings per second.
    pub rate: f64,
    /// The server's processor time for a booking, in microseconds.
    pub server: f64,
    /// PostgreSQL's, where it can be seen.
    pub database: Option<f64>,
    /// The time within which 99 of 100 bookings were made, in milliseconds.
    pub p99: f64,
    /// The share of the machine that others used meanwhile, 0 to 1.
    pub foreign: f64,
}

/// The best of each figure over the rounds: what the program does when nothing disturbs it.
#[derive(Debug, Clone, Default)]
pub struct Results {
    best: BTreeMap<Case, Sample>,
    absent: Vec<(Case, String)>,
}

impl Results {
    /// Adds one round of a case.
    pub fn add(&mut self, case: Case, sample: Sample) {
        self.best
            .entry(case)
            .and_modify(|best| {
                best.rate = best.rate.max(sample.rate);
                best.server = best.server.min(sample.server);
                best.database = best.database.zip(sample.database).map(|(one, other)| one.min(other));
                best.p99 = best.p99.min(sample.p99);
                best.foreign = best.foreign.min(sample.foreign);
            })
            .or_insert(sample);
    }

    /// Notes that a case could not be measured, and why.
    pub fn skip(&mut self, case: Case, why: &str) {
        self.absent.push((case, why.to_owned()));
    }

    /// Writes everything as a table, and says whether all that has to hold does.
    #[must_use]
    pub fn table(&self) -> (String, bool) {
        let mut text = format!(
            "{:<11} {:<32} {:>10} {:>12} {:>12} {:>8} {:>8}\n",
            "", "who books", "bookings/s", "server us", "database us", "p99 ms", "others %"
        );
        for ((engine, contender), best) in &self.best {
            let database = best.database.map_or_else(|| "-".to_owned(), |database| format!("{database:.0}"));
            line(
                &mut text,
                format_args!(
                    "{:<11} {:<32} {:>10.0} {:>12.0} {:>12} {:>8.1} {:>8.0}",
                    engine.to_string(),
                    contender.to_string(),
                    best.rate,
                    best.server,
                    database,
                    best.p99,
                    best.foreign * 100.0
                ),
            );
        }
        for ((engine, contender), why) in &self.absent {
            line(&mut text, format_args!("{:<11} {contender}: NOT MEASURED: {why}", engine.to_string()));
        }
        text.push('\n');
        let mut reached = true;
        for target in TARGETS {
            let holds = self.judge(target, &mut text);
            reached &= holds;
        }
        (text, reached)
    }

    fn judge(&self, target: &Target, text: &mut String) -> bool {
        let pair = self.best.get(&target.ours).zip(self.best.get(&target.other));
        let Some((ours, other)) = pair else {
            line(text, format_args!("{:<4} {:<66} NOT MEASURED", target.id, target.what));
            return target.least.is_none();
        };
        let ratio = match target.figure {
            Figure::Rate => ours.rate / other.rate,
            Figure::ServerTime => other.server / ours.server,
        };
        let Some(least) = target.least else {
            line(text, format_args!("{:<4} {:<66} {ratio:>6.2}x", target.id, target.what));
            return true;
        };
        // Two decimals are printed, so two decimals decide.
        let holds = (ratio * 100.0).round() >= least * 100.0;
        let verdict = if holds { "ok" } else { "MISSED" };
        line(text, format_args!("{:<4} {:<66} {ratio:>6.2}x must {least:>4.1}x  {verdict}", target.id, target.what));
        holds
    }
}

fn line(text: &mut String, arguments: fmt::Arguments<'_>) {
    // Writing to a string does not fail.
    let _infallible = writeln!(text, "{arguments}");
}

/// What has to hold between two cases.
struct Target {
    id: &'static str,
    what: &'static str,
    figure: Figure,
    ours: Case,
    other: Case,
    /// What the ratio has to reach; none where it is only told.
    least: Option<f64>,
}

enum Figure {
    /// Ours divided by the other's.
    Rate,
    /// The other's divided by ours.
    ServerTime,
}

/// What has to hold is judged on the same work as the peers do; what the program does by default is printed beside it.
const TARGETS: &[Target] = &[
    Target {
        id: "P22",
        what: "PostgreSQL, the same work: server CPU, less than axum + sqlx",
        figure: Figure::ServerTime,
        ours: (Engine::Postgres, Contender::SameWork),
        other: (Engine::Postgres, Contender::Axum),
        least: Some(1.3),
    },
    Target {
        id: "P22",
        what: "PostgreSQL, the same work: server CPU, less than FastAPI",
        figure: Figure::ServerTime,
        ours: (Engine::Postgres, Contender::SameWork),
        other: (Engine::Postgres, Contender::FastApi),
        least: Some(5.0),
    },
    Target {
        id: "P23",
        what: "PostgreSQL, the same work: bookings a second, to axum + sqlx",
        figure: Figure::Rate,
        ours: (Engine::Postgres, Contender::SameWork),
        other: (Engine::Postgres, Contender::Axum),
        least: Some(1.6),
    },
    Target {
        id: "P23",
        what: "PostgreSQL, the same work: bookings a second, to FastAPI",
        figure: Figure::Rate,
        ours: (Engine::Postgres, Contender::SameWork),
        other: (Engine::Postgres, Contender::FastApi),
        least: Some(4.0),
    },
    Target {
        id: "P24",
        what: "SQLite, the same work: bookings a second, to axum + sqlx",
        figure: Figure::Rate,
        ours: (Engine::Sqlite, Contender::SameWork),
        other: (Engine::Sqlite, Contender::Axum),
        least: Some(3.0),
    },
    Target {
        id: "P22",
        what: "PostgreSQL, three messages: server CPU, less than axum + sqlx",
        figure: Figure::ServerTime,
        ours: (Engine::Postgres, Contender::Ours),
        other: (Engine::Postgres, Contender::Axum),
        least: None,
    },
    Target {
        id: "P22",
        what: "PostgreSQL, three messages: server CPU, less than FastAPI",
        figure: Figure::ServerTime,
        ours: (Engine::Postgres, Contender::Ours),
        other: (Engine::Postgres, Contender::FastApi),
        least: None,
    },
    Target {
        id: "P23",
        what: "PostgreSQL, three messages: bookings a second, to axum + sqlx",
        figure: Figure::Rate,
        ours: (Engine::Postgres, Contender::Ours),
        other: (Engine::Postgres, Contender::Axum),
        least: None,
    },
    Target {
        id: "P23",
        what: "PostgreSQL, three messages: bookings a second, to FastAPI",
        figure: Figure::Rate,
        ours: (Engine::Postgres, Contender::Ours),
        other: (Engine::Postgres, Contender::FastApi),
        least: None,
    },
    Target {
        id: "P24",
        what: "SQLite, three messages: bookings a second, to axum + sqlx",
        figure: Figure::Rate,
        ours: (Engine::Sqlite, Contender::Ours),
        other: (Engine::Sqlite, Contender::Axum),
        least: None,
    },
    Target {
        id: "P24",
        what: "SQLite, three messages, full sync: bookings a second",
        figure: Figure::Rate,
        ours: (Engine::Sqlite, Contender::OursDurable),
        other: (Engine::Sqlite, Contender::Axum),
        least: None,
    },
    Target {
        id: "P25",
        what: "SQLite, bookings a second with history, to without",
        figure: Figure::Rate,
        ours: (Engine::Sqlite, Contender::OursWithHistory),
        other: (Engine::Sqlite, Contender::Ours),
        least: Some(0.8),
    },
    Target {
        id: "P25",
        what: "PostgreSQL, bookings a second with history, to without",
        figure: Figure::Rate,
        ours: (Engine::Postgres, Contender::OursWithHistory),
        other: (Engine::Postgres, Contender::Ours),
        least: Some(0.8),
    },
];

impl fmt::Display for Contender {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Axum => "plain axum + sqlx",
            Self::FastApi => "FastAPI + asyncpg, one worker",
            Self::SameWork => "api, one message",
            Self::Ours => "api, three messages",
            Self::OursDurable => "api, three messages, full sync",
            Self::OursWithHistory => "api, three messages, history",
        })
    }
}

impl fmt::Display for Engine {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Sqlite => "SQLite",
            Self::Postgres => "PostgreSQL",
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const CASES: [Case; 10] = [
        (Engine::Sqlite, Contender::Axum),
        (Engine::Sqlite, Contender::SameWork),
        (Engine::Sqlite, Contender::OursDurable),
        (Engine::Sqlite, Contender::Ours),
        (Engine::Sqlite, Contender::OursWithHistory),
        (Engine::Postgres, Contender::Axum),
        (Engine::Postgres, Contender::SameWork),
        (Engine::Postgres, Contender::Ours),
        (Engine::Postgres, Contender::OursWithHistory),
        (Engine::Postgres, Contender::FastApi),
    ];

    fn results(rate_of_ours: f64, rate_with_history: f64) -> Results {
        let mut results = Results::default();
        for case in CASES {
            let (rate, server) = match case.1 {
                Contender::SameWork | Contender::Ours | Contender::OursDurable => (rate_of_ours, 10.0),
                Contender::OursWithHistory => (rate_with_history, 10.0),
                Contender::Axum | Contender::FastApi => (1_000.0, 100.0),
            };
            results.add(case, Sample { rate, server, database: None, p99: 1.0, foreign: 0.0 });
        }
        results
    }

    #[test]
    fn faster_by_enough_is_enough() {
        assert!(results(4_000.0, 3_200.0).table().1);
        assert!(!results(2_900.0, 2_900.0).table().1);
    }

    #[test]
    fn a_history_that_slows_bookings_down_is_told() {
        assert!(!results(4_000.0, 3_100.0).table().1);
    }

    #[test]
    fn what_nobody_measured_is_no_success() {
        let mut results = Results::default();
        results.skip((Engine::Postgres, Contender::FastApi), "there is no Python");
        let (text, reached) = results.table();
        assert!(!reached);
        assert!(text.contains("NOT MEASURED: there is no Python"));
    }

    #[test]
    fn the_best_round_counts() {
        let mut results = Results::default();
        let case = (Engine::Postgres, Contender::Ours);
        let sample = |rate, server| Sample { rate, server, database: Some(server), p99: 1.0, foreign: 0.0 };
        results.add(case, sample(100.0, 50.0));
        results.add(case, sample(90.0, 40.0));
        assert_eq!(results.best.get(&case), Some(&sample(100.0, 40.0)));
    }
}
