//! Pages of lists while rows come in: what was there when somebody began to turn them is shown once, in order.

use booking::booking::{self as visits, NewBooking, Party, Source};
use booking::client;
use booking::id::{BookingId, ClientId};
use booking::slots::Part;
use db::testing::on_each;
use proptest::prelude::*;
use proptest::strategy::ValueTree;
use proptest::test_runner::{Config, RngSeed, TestRunner};

use crate::salon::Salon;

/// What happens next.
#[derive(Debug, Clone, Copy)]
enum Step {
    /// So many rows come in.
    Insert(usize),
    /// Somebody turns a page with so many rows.
    Turn(u32),
}

/// How often the same is done with other steps.
const CASES: u32 = 12;

fn cases() -> Vec<Vec<Step>> {
    let step = prop_oneof![(1_usize..4).prop_map(Step::Insert), (1_u32..5).prop_map(Step::Turn)];
    let steps = proptest::collection::vec(step, 4..14);
    let mut runner = TestRunner::new(Config { rng_seed: RngSeed::Fixed(0x9A6E), ..Config::default() });
    (0..CASES).map(|_| steps.new_tree(&mut runner).unwrap().current()).collect()
}

/// Somebody who turns pages, and what they saw.
#[derive(Debug, Default)]
struct Reader {
    /// What was there when they began.
    expected: Option<Vec<i64>>,
    seen: Vec<i64>,
    done: bool,
}

impl Reader {
    /// Notes a page of at most `limit` rows; `all` is what there is now.
    fn turn(&mut self, page: &[i64], limit: u32, all: &[i64]) {
        if self.expected.is_none() {
            self.expected = Some(all.iter().rev().copied().collect());
        }
        self.seen.extend(page);
        self.done = page.len() < usize::try_from(limit).unwrap();
    }

    /// The last of the page before.
    fn cursor(&self) -> Option<i64> {
        self.seen.last().copied()
    }
}

/// Runs all cases with a way to add a row and one to read a page.
async fn run(mut insert: impl AsyncFnMut() -> i64, mut page: impl AsyncFnMut(Option<i64>, u32) -> Vec<i64>) {
    let mut all = Vec::new();
    for steps in cases() {
        let mut reader = Reader::default();
        // Whoever has begun goes on to the end.
        for step in steps.iter().copied().chain(std::iter::repeat(Step::Turn(3))) {
            match step {
                Step::Insert(rows) => {
                    for _ in 0..rows {
                        all.push(insert().await);
                    }
                }
                Step::Turn(limit) => {
                    let page = page(reader.cursor(), limit).await;
                    reader.turn(&page, limit, &all);
                    if reader.done {
                        break;
                    }
                }
            }
        }
        assert_eq!(Some(&reader.seen), reader.expected.as_ref(), "{steps:?}");
    }
}

#[tokio::test]
async fn pages_of_bookings_have_neither_holes_nor_doubles() {
    on_each(async |db| {
        let salon = Salon::open(&db).await;
        let owner = salon.owner().await;
        let insert = async || {
            let new = NewBooking {
                client: Party::WalkIn { name: None },
                parts: &[Part::from(salon.cut())],
                start: "2026-01-16T14:00:00".parse().unwrap(),
                notes: &"".parse().unwrap(),
                language: None,
                source: Source::Staff { access: &owner, overbook: true },
            };
            visits::create(&salon.platform, &salon.business, &new).await.unwrap().id.get()
        };
        let page = async |before: Option<i64>, limit| {
            let filter = visits::Filter { before: before.map(BookingId::new), limit, ..visits::Filter::default() };
            let page = visits::list(&mut db.read().await.unwrap(), salon.business.id, &filter).await.unwrap();
            page.iter().map(|booking| booking.id.get()).collect()
        };
        run(insert, page).await;
    })
    .await;
}

#[tokio::test]
async fn pages_of_clients_have_neither_holes_nor_doubles() {
    on_each(async |db| {
        let salon = Salon::open(&db).await;
        let owner = salon.owner().await;
        let mut number = 0;
        let insert = async || {
            number += 1;
            let mut tx = db.begin().await.unwrap();
            let (id,) = db::fetch_one!(
                &mut tx,
                (i64,),
                "insert into clients (business_id, phone, name, search, created_at, updated_at)
                 values ($1, $2, 'x', 'x', 0, 0)
                 returning id",
                salon.business.id,
                format!("7701{number:07}"),
            )
            .unwrap();
            tx.commit().await.unwrap();
            id
        };
        let page = async |before: Option<i64>, limit| {
            let before = before.map(ClientId::new);
            let filter = client::read::Filter { before, limit, ..client::read::Filter::default() };
            let page = client::read::list(&salon.platform, &owner, &filter).await.unwrap();
            page.iter().map(|client| client.id.get()).collect()
        };
        run(insert, page).await;
    })
    .await;
}
