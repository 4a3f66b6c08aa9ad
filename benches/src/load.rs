//! A load generator: bookings over a few connections that are kept open, each sending its next request when it has the
//! answer to the last. It talks to this machine only.
//!
//! It shares the processor with what it measures, so it writes requests and reads answers as bytes, without an HTTP
//! library: what it spends of the machine is missing to every server alike, and hides the differences between them.

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use anyhow::{Context as _, bail, ensure};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio::task::JoinSet;
use tokio::time::Instant;

/// Connections, each with one request under way.
pub const CONNECTIONS: usize = 16;

/// The status of a booking that was made.
const CREATED: u16 = 201;

/// Writes the request body of the booking with a number; each number is another booking.
pub type Body = Arc<dyn Fn(u64) -> String + Send + Sync>;

/// What is asked for, and how much of it.
#[derive(Clone)]
pub struct Load {
    /// Where the server listens; a loopback address.
    pub server: SocketAddr,
    /// The path that takes bookings.
    pub path: &'static str,
    /// The bookings.
    pub body: Body,
    /// The number of the next booking; goes on from run to run.
    pub next: Arc<AtomicU64>,
}

/// What came back.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Outcome {
    /// Bookings that the server said it made.
    pub booked: u64,
    /// Anything else that it answered.
    pub refused: u64,
    /// The first answer that was not a booking.
    pub refusal: Option<String>,
    /// Seconds from the first request to the last answer.
    pub seconds: f64,
    /// How long the bookings took, in order.
    pub latencies: Vec<Duration>,
}

impl Outcome {
    /// Bookings per second.
    #[must_use]
    #[expect(clippy::cast_precision_loss, reason = "a count of requests is far below 2^52")]
    pub fn rate(&self) -> f64 {
        if self.seconds > 0.0 { self.booked as f64 / self.seconds } else { 0.0 }
    }

    /// The time within which 99 of 100 bookings were made, in milliseconds.
    #[must_use]
    pub fn p99_milliseconds(&self) -> f64 {
        let place = (self.latencies.len() * 99 / 100).min(self.latencies.len().saturating_sub(1));
        self.latencies.get(place).map_or(0.0, |latency| latency.as_secs_f64() * 1e3)
    }

    fn add(&mut self, other: Self) {
        self.booked += other.booked;
        self.refused += other.refused;
        self.refusal = self.refusal.take().or(other.refusal);
        self.latencies.extend(other.latencies);
    }
}

/// Books for `time`, or until `most` bookings were asked for.
///
/// # Errors
///
/// When the server is not on this machine, closes a connection, or does not speak HTTP.
pub async fn run(load: &Load, time: Duration, most: u64) -> anyhow::Result<Outcome> {
    ensure!(load.server.ip().is_loopback(), "load goes to this machine only");
    let mut connections = Vec::with_capacity(CONNECTIONS);
    for _ in 0..CONNECTIONS {
        connections.push(Connection::open(load.server).await?);
    }
    let start = Instant::now();
    let last = load.next.load(Ordering::Relaxed).saturating_add(most);
    let mut tasks = JoinSet::new();
    for connection in connections {
        tasks.spawn(drive(connection, load.clone(), start + time, last));
    }
    let mut all = Outcome::default();
    while let Some(ended) = tasks.join_next().await {
        all.add(ended??);
    }
    all.seconds = start.elapsed().as_secs_f64();
    all.latencies.sort_unstable();
    Ok(all)
}

async fn drive(mut connection: Connection, load: Load, end: Instant, last: u64) -> anyhow::Result<Outcome> {
    let head = format!("POST {} HTTP/1.1\r\nhost: {}\r\ncontent-type: application/json\r\n", load.path, load.server);
    let mut outcome = Outcome::default();
    loop {
        let asked = Instant::now();
        let number = load.next.fetch_add(1, Ordering::Relaxed);
        if asked >= end || number >= last {
            return Ok(outcome);
        }
        let body = (load.body)(number);
        let request = format!("{head}content-length: {}\r\n\r\n{body}", body.len());
        let status = connection.ask(request.as_bytes()).await?;
        if status == CREATED {
            outcome.booked += 1;
            outcome.latencies.push(asked.elapsed());
        } else {
            outcome.refused += 1;
            outcome.refusal.get_or_insert_with(|| connection.text());
        }
    }
}

/// A connection, and the last answer that came over it.
struct Connection {
    stream: TcpStream,
    buffer: Vec<u8>,
    filled: usize,
}

/// Room for an answer; none of the servers sends a longer one.
const ANSWER_MAX: usize = 64 * 1024;

impl Connection {
    async fn open(server: SocketAddr) -> anyhow::Result<Self> {
        let stream = TcpStream::connect(server).await.with_context(|| format!("cannot connect to {server}"))?;
        stream.set_nodelay(true)?;
        Ok(Self { stream, buffer: vec![0; ANSWER_MAX], filled: 0 })
    }

    /// Sends a request and reads its answer; gives the status.
    async fn ask(&mut self, request: &[u8]) -> anyhow::Result<u16> {
        self.stream.write_all(request).await?;
        self.filled = 0;
        loop {
            let room = self.buffer.get_mut(self.filled..).unwrap_or_default();
            ensure!(!room.is_empty(), "the server answered at length");
            let read = self.stream.read(room).await?;
            ensure!(read > 0, "the server closed a connection");
            self.filled += read;
            if let Some(status) = parse(self.answer())? {
                return Ok(status);
            }
        }
    }

    fn answer(&self) -> &[u8] {
        self.buffer.get(..self.filled).unwrap_or_default()
    }

    fn text(&self) -> String {
        String::from_utf8_lossy(self.answer()).into_owned()
    }
}

/// The status of an answer, when all of it is there. Every server here says how long its answers are.
fn parse(answer: &[u8]) -> anyhow::Result<Option<u16>> {
    let Some(end) = answer.windows(4).position(|bytes| bytes == b"\r\n\r\n") else { return Ok(None) };
    let head = std::str::from_utf8(answer.get(..end).unwrap_or_default())?;
    let mut lines = head.split("\r\n");
    let status = lines.next().and_then(|line| line.split(' ').nth(1)).and_then(|status| status.parse().ok());
    let Some(status) = status else { bail!("the server does not speak HTTP") };
    let length =
        lines.filter_map(|line| line.split_once(':')).find(|(name, _)| name.eq_ignore_ascii_case("content-length"));
    let length: usize = length.context("the server does not say how long its answer is")?.1.trim().parse()?;
    Ok((answer.len() >= end + 4 + length).then_some(status))
}

#[cfg(test)]
mod tests {
    use tokio::net::TcpListener;

    use super::*;

    /// Books even numbers and refuses odd ones, in two pieces.
    async fn serve(listener: TcpListener) {
        loop {
            let (mut stream, _) = listener.accept().await.unwrap();
            tokio::spawn(async move {
                let mut buffer = vec![0; 4096];
                while let Ok(length @ 1..) = stream.read(&mut buffer).await {
                    let text = String::from_utf8_lossy(&buffer[..length]).into_owned();
                    let number: u64 = text.rsplit("\r\n").next().unwrap().parse().unwrap();
                    let status = if number.is_multiple_of(2) { "201 Created" } else { "409 Conflict" };
                    stream
                        .write_all(format!("HTTP/1.1 {status}\r\nContent-Length: 4\r\n\r\nan").as_bytes())
                        .await
                        .unwrap();
                    tokio::task::yield_now().await;
                    stream.write_all(b"sw").await.unwrap();
                }
            });
        }
    }

    #[tokio::test]
    async fn each_booking_is_asked_for_once_and_only_bookings_count() {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let server = listener.local_addr().unwrap();
        tokio::spawn(serve(listener));
        let next = Arc::default();
        let load = Load { server, path: "/book", body: Arc::new(|number| number.to_string()), next };
        let outcome = run(&load, Duration::from_mins(1), 100).await.unwrap();
        assert_eq!((outcome.booked, outcome.refused), (50, 50));
        assert_eq!(outcome.latencies.len(), 50);
        assert!(outcome.refusal.unwrap().contains("409"));
    }

    #[tokio::test]
    async fn load_never_leaves_the_machine() {
        let server = "192.0.2.1:80".parse().unwrap();
        let load = Load { server, path: "/", body: Arc::new(|number| number.to_string()), next: Arc::default() };
        assert!(run(&load, Duration::from_secs(1), 1).await.is_err());
    }

    #[test]
    fn an_answer_is_read_to_its_end() {
        assert_eq!(parse(b"HTTP/1.1 201 Created\r\ncontent-len").unwrap(), None);
        assert_eq!(parse(b"HTTP/1.1 201 Created\r\ncontent-length: 2\r\n\r\n{").unwrap(), None);
        assert_eq!(parse(b"HTTP/1.1 201 Created\r\ncontent-length: 2\r\n\r\n{}").unwrap(), Some(201));
        assert!(parse(b"HTTP/1.1 200 OK\r\n\r\n").is_err());
        assert!(parse(b"nonsense\r\n\r\n").is_err());
    }
}
