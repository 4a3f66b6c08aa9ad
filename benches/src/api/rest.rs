//! What the program takes when nothing happens, and how soon free times are told over HTTP.

use std::fmt::Write as _;
use std::fs;
use std::net::SocketAddr;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context as _, ensure};
use jiff::ToSpan as _;
use tokio::io::{AsyncBufReadExt as _, AsyncReadExt as _, AsyncWriteExt as _, BufReader};
use tokio::net::TcpStream;
use tokio::time::Instant;

use crate::api::seed::{self, Salon};
use crate::api::server::{Server, free_address, ours};
use crate::load::{self, Body, Load};

/// Visits in the database when free times are asked for: most of them past, the rest in the weeks that are asked about.
const VISITS: i64 = 100_000;
const VISITS_AHEAD: u64 = 10_000;
/// Of so many times one is booked, so that the month that is asked about is a third full, and no day is booked out.
const EVERY: u64 = 3;
/// Requests of each kind, after as many as warm up.
const REQUESTS: usize = 200;
const WARM_UP: usize = 20;
/// How long the program is left alone before its memory is read.
const REST: Duration = Duration::from_secs(5);
/// What has to hold: memory at rest in kilobytes, and milliseconds for a day of one master, and for a month of all.
const MOST_KILOBYTES: u64 = 24 * 1024;
const MOST_DAY: f64 = 5.0;
const MOST_MONTH: f64 = 50.0;

/// Measures `program` on databases in `folder`; gives what to print and whether all that has to hold does.
///
/// # Errors
///
/// When the program does not start or answers anything but free times.
pub async fn measure(program: &Path, folder: &Path) -> anyhow::Result<(String, bool)> {
    let mut text = String::new();
    let kilobytes = at_rest(program, folder).await?;
    let mut holds = line(
        &mut text,
        "memory at rest, no sandbox",
        as_f64(kilobytes) / 1024.0,
        as_f64(MOST_KILOBYTES) / 1024.0,
        "MiB",
    )?;
    let (day, month) = free_times(program, folder).await?;
    holds &= line(&mut text, "free times, a master's day, p95", day, MOST_DAY, "ms")?;
    holds &= line(&mut text, "free times, 30 days of 20 masters, p95", month, MOST_MONTH, "ms")?;
    Ok((text, holds))
}

fn line(text: &mut String, name: &str, value: f64, most: f64, unit: &str) -> anyhow::Result<bool> {
    let holds = value <= most;
    let verdict = if holds { "ok" } else { "MISSED" };
    writeln!(text, "{name:<42}{value:>9.2} {unit:<4} must {most:.0}  {verdict}")?;
    Ok(holds)
}

#[expect(clippy::cast_precision_loss, reason = "kilobytes of a process are far below 2^52")]
fn as_f64(value: u64) -> f64 {
    value as f64
}

/// The program as it is deployed, with its dispatcher looking for a network that is not there.
async fn at_rest(program: &Path, folder: &Path) -> anyhow::Result<u64> {
    let url = format!("sqlite:///{}", folder.join("rest.db").display());
    let mut kilobytes = u64::MAX;
    // The first start makes the demo, whose passwords take memory to hash; it is the second that is at rest.
    for _ in 0..2 {
        let address = free_address()?;
        let mut command = ours(program, &url, address);
        command.envs([("WHATSAPP_ENABLED", "true"), ("MALLOC_ARENA_MAX", "2"), ("MALLOC_MMAP_THRESHOLD_", "1048576")]);
        let server = Server::start(&mut command, address, folder).await?;
        tokio::time::sleep(REST).await;
        kilobytes = resident(server.process())?;
    }
    Ok(kilobytes)
}

/// Source: proc(5), `VmRSS`.
fn resident(process: u32) -> anyhow::Result<u64> {
    let status = fs::read_to_string(format!("/proc/{process}/status"))?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).context("the process has memory")?;
    Ok(line.trim().trim_end_matches("kB").trim().parse()?)
}

async fn free_times(program: &Path, folder: &Path) -> anyhow::Result<(f64, f64)> {
    let url = format!("sqlite:///{}", folder.join("free-times.db").display());
    let salon = Salon::make(&url).await?;
    seed::history(&url, VISITS - i64::try_from(VISITS_AHEAD)?).await?;
    let address = free_address()?;
    let server = Server::start(&mut ours(program, &url, address), address, folder).await?;
    let every_time = salon.bookings()?;
    let body: Body = Arc::new(move |number| every_time(number * EVERY));
    let load = Load { server: address, path: "/api/v1/public/booking", body, next: Arc::default() };
    let made = load::run(&load, Duration::from_mins(5), VISITS_AHEAD).await?;
    ensure!(made.booked == VISITS_AHEAD, "only {} visits were booked: {:?}", made.booked, made.refusal);

    let first = salon.first();
    let last = first.checked_add(29.days())?;
    let path = format!("/api/v1/public/business/{}/availability", seed::SUBDOMAIN);
    let (master, service) = salon.ids();
    let day = format!("{path}?master_id={master}&service_id={service}&date={}", first.checked_add(3.days())?);
    let month = format!("{path}?service_id={service}&from={first}&to={last}");
    let mut client = Client::connect(server.address()).await?;
    Ok((client.p95(&day).await?, client.p95(&month).await?))
}

/// One connection that is kept open.
struct Client {
    stream: BufReader<TcpStream>,
    host: String,
}

impl Client {
    async fn connect(server: SocketAddr) -> anyhow::Result<Self> {
        ensure!(server.ip().is_loopback(), "load goes to this machine only");
        let stream = TcpStream::connect(server).await?;
        stream.set_nodelay(true)?;
        Ok(Self { stream: BufReader::new(stream), host: server.to_string() })
    }

    /// Milliseconds within which 95 of 100 answers came.
    async fn p95(&mut self, path: &str) -> anyhow::Result<f64> {
        let mut took = Vec::with_capacity(REQUESTS);
        for number in 0..WARM_UP + REQUESTS {
            let asked = Instant::now();
            let (head, body) = self.get(path).await?;
            ensure!(head.starts_with("HTTP/1.1 200"), "{path}: {head}{body}");
            ensure!(body.len() > 500, "{path} tells of no free times: {body}");
            if number >= WARM_UP {
                took.push(asked.elapsed());
            }
        }
        took.sort_unstable();
        let place = took.len().saturating_mul(95) / 100;
        Ok(took.get(place).context("requests were made")?.as_secs_f64() * 1e3)
    }

    /// Head and body of an answer, which says how long it is.
    async fn get(&mut self, path: &str) -> anyhow::Result<(String, String)> {
        let request = format!("GET {path} HTTP/1.1\r\nhost: {}\r\n\r\n", self.host);
        self.stream.get_mut().write_all(request.as_bytes()).await?;
        let (mut head, mut length) = (String::new(), 0);
        loop {
            let start = head.len();
            ensure!(self.stream.read_line(&mut head).await? > 0, "the server closed a connection");
            let line = head.get(start..).unwrap_or_default().to_ascii_lowercase();
            if let Some(value) = line.strip_prefix("content-length:") {
                length = value.trim().parse()?;
            }
            if line.trim().is_empty() {
                break;
            }
        }
        let mut body = vec![0; length];
        self.stream.read_exact(&mut body).await?;
        Ok((head, String::from_utf8(body)?))
    }
}
