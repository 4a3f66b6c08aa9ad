//! Bookings per second and processor time per booking, beside the same transaction as others write it.
//!
//! Server, database and load share the machine. The programs take turns, each on a database of its own, so that what
//! disturbs one round does not favour anybody.

pub mod postgres;
pub mod rest;
pub mod seed;
pub mod server;
pub mod table;

use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use anyhow::{Context as _, ensure};
use tempfile::TempDir;

use crate::api::postgres::Postgres;
use crate::api::seed::Salon;
use crate::api::server::{FastApi, Server};
use crate::api::table::{Case, Contender, Engine, Results, Sample};
use crate::build;
use crate::load::{self, Body, Load};
use crate::usage::{self, Usage};

/// How long connections, caches and prepared statements get ready before the measurement.
const WARM_UP: Duration = Duration::from_secs(1);
/// From this load average on the figures are not worth much.
const BUSY: f64 = 1.0;

const ON_SQLITE: [Contender; 5] =
    [Contender::Axum, Contender::SameWork, Contender::Ours, Contender::OursDurable, Contender::OursWithHistory];
const ON_POSTGRES: [Contender; 4] = [Contender::Axum, Contender::SameWork, Contender::Ours, Contender::OursWithHistory];

/// How much is measured, and with what.
#[derive(Debug, Clone, clap::Args)]
pub struct Options {
    /// How often the programs take turns.
    #[arg(long, default_value_t = 3)]
    rounds: u32,
    /// Seconds of load on each program in each round.
    #[arg(long, default_value_t = 4)]
    seconds: u64,
    /// Visits of the past in the case with history.
    #[arg(long, default_value_t = 1_000_000)]
    history: i64,
    /// A PostgreSQL on which databases may be made. Absent: one is started with the server's own defaults.
    #[arg(long, env = "TEST_POSTGRES_URL")]
    postgres: Option<String>,
    /// A Python with fastapi, uvicorn and asyncpg. Absent: an environment with them is made in the target directory.
    #[arg(long)]
    python: Option<PathBuf>,
    /// Measure on one engine only.
    #[arg(long)]
    only: Option<Engine>,
}

/// Builds the programs, measures them, and prints the comparison; gives whether all that has to hold does.
///
/// # Errors
///
/// When a program cannot be built or started, or answers a booking with anything but a booking.
pub async fn run(options: &Options, workspace: &Path) -> anyhow::Result<bool> {
    let peers = workspace.join("benches/peers");
    build::build(workspace, &["--profile", "dist", "-p", "api", "--bin", "api"])?;
    build::build(&peers, &["--release", "-p", "api-axum"])?;
    let programs = Programs {
        ours: build::target_directory(workspace)?.join("dist/api"),
        axum: build::target_directory(&peers)?.join("release/api-axum"),
        fastapi: match (options.only, &options.python) {
            (Some(Engine::Sqlite), _) => Err("it is for PostgreSQL".to_owned()),
            (_, Some(python)) => server::fastapi(python, &peers.join("api-fastapi")),
            (_, None) => {
                let environment = build::target_directory(workspace)?.join("fastapi");
                server::environment(&environment, &peers.join("api-fastapi"))
                    .and_then(|python| server::fastapi(&python, &peers.join("api-fastapi")))
            }
        },
    };
    let mut results = Results::default();
    let postgres = match options.only {
        Some(Engine::Sqlite) => None,
        Some(Engine::Postgres) | None => match Postgres::open(options.postgres.as_deref()).await {
            Ok(postgres) => Some(postgres),
            Err(error) => {
                for contender in ON_POSTGRES.into_iter().chain([Contender::FastApi]) {
                    results.skip((Engine::Postgres, contender), &format!("no PostgreSQL: {error:#}"));
                }
                None
            }
        },
    };
    if let (Some(_), Err(why)) = (&postgres, &programs.fastapi) {
        results.skip((Engine::Postgres, Contender::FastApi), why);
    }
    print_conditions(options, postgres.as_ref());

    let folder = tempfile::tempdir()?;
    let mut bench = Bench { options, programs, postgres, folder, pasts: Vec::new() };
    bench.make_pasts().await?;
    for round in 1..=options.rounds {
        for case in bench.cases() {
            eprintln!("round {round} of {}: {}, {}", options.rounds, case.0, case.1);
            results.add(case, bench.measure(case).await?);
        }
    }
    bench.clean().await?;
    let (table, reached) = results.table();
    print!("{table}");
    let (figures, held) = rest::measure(&bench.programs.ours, bench.folder.path()).await?;
    print!("\n{figures}");
    Ok(reached && held)
}

fn print_conditions(options: &Options, postgres: Option<&Postgres>) {
    println!(
        "POST of a booking, {} connections, best of {} rounds of {} s; server, database and load share the machine.",
        load::CONNECTIONS,
        options.rounds,
        options.seconds
    );
    println!(
        "The peers check that the time is free, and write a booking and one outbox row. api checks offers, hours and"
    );
    println!("the client too, and writes client, booking, segment, link, log and its messages; with one message (no");
    println!(
        "reminders) that is the same work, and what has to hold is judged by it. Its settings are the defaults but for"
    );
    println!(
        "no rate limit, no log below warn, WHATSAPP_ENABLED=false: delivery is not measured. SQLite: synchronous=normal"
    );
    println!(
        "for everybody, but for the line \"full sync\", api's default. History: {} visits of the past.",
        options.history
    );
    match postgres {
        Some(postgres) => println!("{}", postgres.settings),
        None => println!("NO PostgreSQL: SKIPPED what needs it"),
    }
    let busy = usage::load_average().unwrap_or_default();
    let warning = if busy > BUSY { "  THE MACHINE IS BUSY: these figures say little" } else { "" };
    println!("load average before: {busy:.1}{warning}\n");
}

struct Programs {
    ours: PathBuf,
    axum: PathBuf,
    fastapi: Result<FastApi, String>,
}

struct Bench<'a> {
    options: &'a Options,
    programs: Programs,
    postgres: Option<Postgres>,
    folder: TempDir,
    /// Databases with history: dear to make, so they serve all rounds.
    pasts: Vec<(Engine, Place)>,
}

/// A database with a salon in it, and the number of the next booking there.
#[derive(Clone)]
struct Place {
    url: String,
    body: Body,
    next: Arc<AtomicU64>,
}

impl Bench<'_> {
    fn cases(&self) -> Vec<Case> {
        let mut cases = Vec::new();
        if self.options.only != Some(Engine::Postgres) {
            cases.extend(ON_SQLITE.map(|contender| (Engine::Sqlite, contender)));
        }
        if self.postgres.is_some() {
            cases.extend(ON_POSTGRES.map(|contender| (Engine::Postgres, contender)));
            if self.programs.fastapi.is_ok() {
                cases.push((Engine::Postgres, Contender::FastApi));
            }
        }
        cases
    }

    async fn make_pasts(&mut self) -> anyhow::Result<()> {
        let with_history = self.cases().into_iter().filter(|(_, contender)| *contender == Contender::OursWithHistory);
        for (engine, _) in with_history.collect::<Vec<_>>() {
            eprintln!("{engine}: writing {} visits of the past", self.options.history);
            let place = self.salon(engine, "past").await?;
            seed::history(&place.url, self.options.history).await?;
            self.pasts.push((engine, place));
        }
        Ok(())
    }

    /// A new database with a salon.
    async fn salon(&self, engine: Engine, name: &str) -> anyhow::Result<Place> {
        let url = self.database(engine, name).await?;
        let salon = Salon::make(&url).await?;
        Ok(Place { url, body: salon.bookings()?, next: Arc::default() })
    }

    async fn database(&self, engine: Engine, name: &str) -> anyhow::Result<String> {
        match engine {
            Engine::Sqlite => {
                let file = self.folder.path().join(format!("{name}.db"));
                for suffix in ["", "-wal", "-shm"] {
                    let mut old = file.clone().into_os_string();
                    old.push(suffix);
                    if Path::new(&old).exists() {
                        std::fs::remove_file(old)?;
                    }
                }
                Ok(format!("sqlite:///{}", file.display()))
            }
            Engine::Postgres => {
                let postgres = self.postgres.as_ref().context("there is no PostgreSQL")?;
                postgres.create(&database_name(name)).await
            }
        }
    }

    async fn measure(&self, case: Case) -> anyhow::Result<Sample> {
        let (engine, contender) = case;
        let is_ours = !matches!(contender, Contender::Axum | Contender::FastApi);
        let past = self.pasts.iter().find(|(of, _)| *of == engine).map(|(_, place)| place.clone());
        let place = match contender {
            Contender::SameWork | Contender::Ours | Contender::OursDurable => self.salon(engine, "fresh").await?,
            Contender::OursWithHistory => past.context("the history was written")?,
            Contender::Axum | Contender::FastApi => {
                Place { url: self.database(engine, "peer").await?, body: Arc::new(peers_body), next: Arc::default() }
            }
        };
        let before = if is_ours { seed::count(&place.url).await? } else { 0 };
        if let (Engine::Postgres, Some(postgres)) = (engine, &self.postgres) {
            postgres.settle().await?;
        }
        let address = server::free_address()?;
        let mut command = self.command(contender, &place.url, address)?;
        let server = Server::start(&mut command, address, self.folder.path()).await?;
        let path = if is_ours { "/api/v1/public/booking" } else { "/book" };
        let load = Load { server: server.address(), path, body: place.body, next: place.next };
        let (sample, booked) = self.load(&load, server.process(), engine).await?;
        drop(server);
        if is_ours {
            let rows = seed::count(&place.url).await?.saturating_sub(before);
            ensure!(rows == booked, "{booked} bookings were confirmed, and {rows} are in the database");
        }
        Ok(sample)
    }

    fn command(&self, contender: Contender, database: &str, address: std::net::SocketAddr) -> anyhow::Result<Command> {
        Ok(match contender {
            Contender::Axum => server::axum(&self.programs.axum, database, address),
            Contender::SameWork | Contender::Ours | Contender::OursDurable | Contender::OursWithHistory => {
                let mut command = server::ours(&self.programs.ours, database, address);
                if contender == Contender::SameWork {
                    command.env("REMINDER_HOURS", "none");
                }
                // The peer's SQLite does not wait for the disk.
                command.env("SQLITE_SYNC", if contender == Contender::OursDurable { "full" } else { "normal" });
                command
            }
            Contender::FastApi => match &self.programs.fastapi {
                Ok(fastapi) => fastapi.command(database, address),
                Err(why) => anyhow::bail!("{why}"),
            },
        })
    }

    /// Warms up, measures; gives the figures and how many bookings there are now that were not before.
    async fn load(&self, load: &Load, server: u32, engine: Engine) -> anyhow::Result<(Sample, u64)> {
        let postmaster = match engine {
            Engine::Sqlite => None,
            Engine::Postgres => self.postgres.as_ref().and_then(Postgres::postmaster),
        };
        let left = || seed::MOST.saturating_sub(load.next.load(Ordering::Relaxed));
        let warm = load::run(load, WARM_UP, left()).await?;
        let before = Usage::now(server, postmaster)?;
        let outcome = load::run(load, Duration::from_secs(self.options.seconds), left()).await?;
        let used = Usage::now(server, postmaster)?.since(&before);
        if let Some(refusal) = warm.refusal.or(outcome.refusal.clone()) {
            anyhow::bail!("{} bookings were refused, the first with {refusal}", warm.refused + outcome.refused);
        }
        ensure!(outcome.booked > 0, "nothing was booked");
        let processors = std::thread::available_parallelism()?.get();
        let sample = Sample {
            rate: outcome.rate(),
            server: micros(used.server, outcome.booked),
            database: postmaster.map(|_| micros(used.database, outcome.booked)),
            p99: outcome.p99_milliseconds(),
            foreign: used.foreign() / (outcome.seconds * f64::from(u32::try_from(processors)?)),
        };
        eprintln!(
            "    {:.0} bookings/s, server {:.0} us, database {:.0} us, others {:.0} %",
            sample.rate,
            sample.server,
            sample.database.unwrap_or_default(),
            sample.foreign * 100.0
        );
        Ok((sample, warm.booked + outcome.booked))
    }

    async fn clean(&self) -> anyhow::Result<()> {
        if let Some(postgres) = &self.postgres {
            for name in ["past", "fresh", "peer"] {
                postgres.drop_database(&database_name(name)).await?;
            }
        }
        Ok(())
    }
}

/// Differs between runs that share a server.
fn database_name(name: &str) -> String {
    format!("bench_{}_{name}", std::process::id())
}

#[expect(clippy::cast_precision_loss, reason = "a count of bookings is far below 2^52")]
fn micros(seconds: f64, bookings: u64) -> f64 {
    seconds * 1e6 / bookings as f64
}

fn peers_body(number: u64) -> String {
    format!(r#"{{"staff":{},"name":"Айгерим Сапарова","phone":"7701{:07}"}}"#, number % 20, number % 10_000)
}
