//! What is lost comes back without a restart, and nothing is half-done meanwhile.

use std::time::Duration;

use db::Db;
use hyper::Method;
use serde_json::Value;

use crate::postgres::Cluster;
use crate::process::{Process, folder, free_times, run, whole};
use crate::program::{CLIENT, PATIENCE, sandbox};
use crate::redis::{Redis, until};
use crate::support::visit;

const QUIET: (&str, &str) = ("WHATSAPP_ENABLED", "false");
const BOOKING: &str = "/api/v1/public/booking";
const SERVICES: &str = "/api/v1/public/business/demo/services";

fn assert_unavailable((status, headers, body): (u16, String, Value)) {
    assert_eq!((status, body["code"].as_str()), (503, Some("unavailable")), "{body}");
    assert!(headers.starts_with("application/problem+json retry-after="), "{headers}");
    assert!(!headers.ends_with('='), "no Retry-After: {headers}");
}

/// Visits, their parts, and their messages: all of one booking or nothing.
async fn counts(url: &str) -> (i64, i64, i64) {
    let db = Db::connect(url).await.expect("database");
    let mut connection = db.read().await.expect("connection");
    let found = db::fetch_one!(
        &mut connection,
        (i64, i64, i64),
        "select (select count(*) from bookings), (select count(*) from booking_segments),
                (select count(distinct booking_id) from outbox)",
    );
    drop(connection);
    db.close().await;
    found.expect("counts")
}

#[tokio::test(flavor = "multi_thread")]
async fn a_full_disk_refuses_bookings_until_there_is_room() {
    let folder = folder();
    let mut process = Process::start(folder.path(), &[QUIET]);
    let times = free_times(process.api).await;
    assert_eq!(process.book(&times[0]).await.0, 201);

    // Nothing can be written past the first kilobyte of any file.
    let pid = process.child.id().to_string();
    run("prlimit", &["--pid", &pid, "--fsize=1024:unlimited"]);
    for time in [&times[4], &times[8]] {
        assert_unavailable(whole(Method::POST, process.api, BOOKING, Some(visit(time))).await);
    }
    assert_eq!(process.get(SERVICES).await.0, 200, "reading goes on");
    assert_eq!(process.get("/health").await.0, 200);

    run("prlimit", &["--pid", &pid, "--fsize=unlimited:unlimited"]);
    assert_eq!(process.book(&times[4]).await.0, 201);
    process.signal("TERM");
    assert!(process.ended().await.success());
    let url = format!("sqlite:{}", folder.path().join("data/booking.db").display());
    assert_eq!(counts(&url).await, (2, 2, 2));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_lost_postgres_is_a_503_and_comes_back_without_a_restart() {
    let Some(cluster) = Cluster::start() else { return };
    let folder = folder();
    let url = cluster.url();
    let process = Process::start(folder.path(), &[("DATABASE_URL", &url), QUIET]);
    let times = free_times(process.api).await;
    assert_eq!(process.book(&times[0]).await.0, 201);
    assert!(process.is_ready().await);

    cluster.stop();
    let asked = tokio::join!(
        whole(Method::GET, process.api, SERVICES, None),
        whole(Method::POST, process.api, BOOKING, Some(visit(&times[4]))),
        process.get("/health"),
        process.get("/ready"),
    );
    let (services, booking, health, ready) = asked;
    assert_unavailable(services);
    assert_unavailable(booking);
    assert_eq!((health.0, &health.1["database"]), (200, &Value::from("disconnected")));
    assert_eq!((ready.0, &ready.1["database"]), (503, &Value::from("disconnected")));

    cluster.run();
    until(async || process.is_ready().await).await;
    assert_eq!(process.book(&times[4]).await.0, 201);
    assert_eq!(counts(&url).await, (2, 2, 2));
    process.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_lost_redis_costs_nobody_an_answer_and_comes_back_without_a_restart() {
    let Some(mut redis) = Redis::start().await else { return };
    let (folder, url) = (folder(), redis.url());
    let settings = [QUIET, ("REDIS_URL", url.as_str()), ("RATE_LIMIT_PER_MINUTE", "100")];
    let process = Process::start(folder.path(), &settings);
    let counted_in = async |place: &str| process.get("/health").await.1["rate_limit"] == place;
    until(async || counted_in("redis").await).await;
    let times = free_times(process.api).await;
    assert_eq!(process.book(&times[0]).await.0, 201);

    redis.kill();
    assert_eq!(process.book(&times[4]).await.0, 201);
    assert!(counted_in("fallback").await && process.is_ready().await);
    redis.run().await;
    until(async || counted_in("redis").await).await;

    // One that takes requests and answers none holds nobody up either.
    redis.signal("STOP");
    let booked = tokio::time::timeout(Duration::from_secs(5), process.book(&times[8])).await;
    assert_eq!(booked.expect("an answer in time").0, 201);
    assert!(counted_in("fallback").await);
    redis.signal("CONT");
    until(async || counted_in("redis").await).await;

    // While it is away the limit holds for each process alone; it has forgotten who asked when it is back.
    redis.kill();
    until(async || process.get(SERVICES).await.0 == 429).await;
    redis.run().await;
    until(async || counted_in("redis").await).await;
    assert_eq!(process.book(&times[12]).await.0, 201);

    process.stop().await;
    let url = format!("sqlite:{}", folder.path().join("data/booking.db").display());
    assert_eq!(counts(&url).await, (4, 4, 4));
}

#[tokio::test(flavor = "multi_thread")]
async fn delivery_goes_on_when_a_lost_postgres_is_back_and_nothing_is_sent_twice() {
    let Some(cluster) = Cluster::start() else { return };
    let (folder, url, sandbox) = (folder(), cluster.url(), sandbox().await);
    let base = sandbox.base_url();
    let settings = [("DATABASE_URL", url.as_str()), ("SANDBOX_URL", base.as_str()), ("LEASE_SECONDS", "3")];
    let process = Process::start(folder.path(), &settings);
    until(async || process.get("/health").await.1["whatsapp"]["state"] == "online").await;
    let times = free_times(process.api).await;
    assert_eq!(process.book(&times[0]).await.0, 201);
    assert_eq!(sandbox.wait_inbox(CLIENT, 0, PATIENCE).await.expect("inbox").len(), 1);

    cluster.stop();
    assert_unavailable(whole(Method::POST, process.api, BOOKING, Some(visit(&times[4]))).await);
    // Longer than its lease, so that the account has to be taken anew.
    until(async || process.get("/ready").await.0 == 503).await;
    cluster.run();
    until(async || process.is_ready().await).await;
    assert_eq!(process.book(&times[8]).await.0, 201);
    until(async || sandbox.inbox(CLIENT, 0).expect("inbox").len() >= 2).await;
    process.stop().await;
    let inbox = sandbox.inbox(CLIENT, 0).expect("inbox");
    assert!(inbox.len() == 2 && inbox.iter().all(|message| message.undecryptable.is_none()), "{inbox:?}");
    assert_eq!(counts(&url).await, (2, 2, 2));
}
