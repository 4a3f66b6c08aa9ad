//! A load generator: bookings over a few connections that are kept open, each sending its next request when it has the
//! answer to the last. It talks to this machine only.

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use anyhow::{Context as _, ensure};
use bytes::Bytes;
use http_body_util::{BodyExt as _, Full};
use hyper::client::conn::http1::{self, SendRequest};
use hyper::header::{CONTENT_TYPE, HOST};
use hyper::{Request, StatusCode};
use hyper_util::rt::TokioIo;
use tokio::net::TcpStream;
use tokio::task::JoinSet;
use tokio::time::Instant;

/// Connections, each with one request under way.
pub const CONNECTIONS: usize = 16;

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
/// When the server is not on this machine, or closes a connection.
pub async fn run(load: &Load, time: Duration, most: u64) -> anyhow::Result<Outcome> {
    ensure!(load.server.ip().is_loopback(), "load goes to this machine only");
    let mut connections = Vec::with_capacity(CONNECTIONS);
    for _ in 0..CONNECTIONS {
        connections.push(connect(load.server).await?);
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

async fn connect(server: SocketAddr) -> anyhow::Result<SendRequest<Full<Bytes>>> {
    let stream = TcpStream::connect(server).await.with_context(|| format!("cannot connect to {server}"))?;
    stream.set_nodelay(true)?;
    let (sender, connection) = http1::handshake(TokioIo::new(stream)).await?;
    tokio::spawn(async move {
        // Its error is also the request's, who reports it.
        connection.await.ok();
    });
    Ok(sender)
}

async fn drive(
    mut connection: SendRequest<Full<Bytes>>,
    load: Load,
    end: Instant,
    last: u64,
) -> anyhow::Result<Outcome> {
    let host = load.server.to_string();
    let mut outcome = Outcome::default();
    loop {
        let asked = Instant::now();
        let number = load.next.fetch_add(1, Ordering::Relaxed);
        if asked >= end || number >= last {
            return Ok(outcome);
        }
        let request = Request::post(load.path)
            .header(HOST, &host)
            .header(CONTENT_TYPE, "application/json")
            .body(Full::new(Bytes::from((load.body)(number))))?;
        connection.ready().await.context("the server closed a connection")?;
        let response = connection.send_request(request).await.context("the server closed a connection")?;
        let status = response.status();
        let body = response.into_body().collect().await?.to_bytes();
        if status == StatusCode::CREATED {
            outcome.booked += 1;
            outcome.latencies.push(asked.elapsed());
        } else {
            outcome.refused += 1;
            outcome.refusal.get_or_insert_with(|| format!("{status}: {}", String::from_utf8_lossy(&body)));
        }
    }
}

#[cfg(test)]
mod tests {
    use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
    use tokio::net::TcpListener;

    use super::*;

    /// Books even numbers and refuses odd ones.
    async fn serve(listener: TcpListener) {
        loop {
            let (mut stream, _) = listener.accept().await.unwrap();
            tokio::spawn(async move {
                let mut buffer = vec![0; 4096];
                while let Ok(length @ 1..) = stream.read(&mut buffer).await {
                    let text = String::from_utf8_lossy(&buffer[..length]).into_owned();
                    let number: u64 = text.rsplit("\r\n").next().unwrap().parse().unwrap();
                    let status = if number.is_multiple_of(2) { "201 Created" } else { "409 Conflict" };
                    let answer = format!("HTTP/1.1 {status}\r\ncontent-length: 0\r\n\r\n");
                    stream.write_all(answer.as_bytes()).await.unwrap();
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
        assert!(outcome.refusal.unwrap().starts_with("409"));
    }

    #[tokio::test]
    async fn load_never_leaves_the_machine() {
        let server = "192.0.2.1:80".parse().unwrap();
        let load = Load { server, path: "/", body: Arc::new(|number| number.to_string()), next: Arc::default() };
        assert!(run(&load, Duration::from_secs(1), 1).await.is_err());
    }
}
