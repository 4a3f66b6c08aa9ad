//! Round after round, many want one time in every way there is, and one gets it.

use std::sync::Arc;

use booking::access::Access;
use booking::booking::{CreateError, NewBooking, Party, Source, create};
use booking::hold::{self, Hold, HoldError};
use booking::slots::Part;
use db::Db;
use db::testing::{on_postgres, on_sqlite};
use jiff::ToSpan;
use jiff::civil::{DateTime, date};
use tokio::task::JoinSet;

use crate::salon::{ORIGIN, PUBLIC, Salon};

const ROUNDS: usize = 100;
const TASKS: usize = 200;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn of_two_hundred_in_a_hundred_rounds_a_hundred_book_on_sqlite() {
    on_sqlite(play).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn of_two_hundred_in_a_hundred_rounds_a_hundred_book_on_postgres() {
    on_postgres(play).await;
}

/// How somebody tries to get the time of one master.
#[derive(Debug, Clone, Copy)]
enum Way {
    /// Exactly it, as a client.
    Named,
    /// Half an hour later, which overlaps.
    Later,
    /// A service that only this master does, by anybody.
    Anybody,
    /// As the staff.
    Staff,
    /// Keeping it free while a form is filled in.
    Hold,
}

impl Way {
    /// Every third round is mixed; in the others clients want the time, or half of it.
    const fn of(round: usize, task: usize) -> Self {
        match (round % 3, task % 5) {
            (1, 0) => Self::Hold,
            (1, 1) => Self::Anybody,
            (1, 2) => Self::Staff,
            (_, 3) => Self::Later,
            _ => Self::Named,
        }
    }
}

/// A round's prize.
enum Prize {
    Booked,
    Held(Hold),
}

struct Play {
    salon: Salon,
    owner: Access,
}

impl Play {
    /// Whoever is told that the database is busy tries again, as clients do.
    async fn attempt(&self, way: Way, start: DateTime, phone: &str) -> Option<Prize> {
        loop {
            match self.attempt_once(way, start, phone).await {
                Err(CreateError::SlotTaken { .. }) => return None,
                Err(CreateError::Store(error)) if error.is_transient() => {}
                prize => return Some(prize.unwrap()),
            }
        }
    }

    async fn attempt_once(&self, way: Way, start: DateTime, phone: &str) -> Result<Prize, CreateError> {
        let cut = Part::from(self.salon.cut());
        let anybody = Part { service_id: self.salon.services[2], master_id: None, pause_minutes: 0 };
        let staff = Source::Staff { access: &self.owner, overbook: false };
        match way {
            Way::Named => self.book(cut, start, phone, PUBLIC).await,
            Way::Later => self.book(cut, start + 30.minutes(), phone, PUBLIC).await,
            Way::Anybody => self.book(anybody, start, phone, PUBLIC).await,
            Way::Staff => self.book(cut, start, phone, staff).await,
            Way::Hold => match hold::hold(&self.salon.platform, &self.salon.business, &[cut], start, &ORIGIN).await {
                Ok(held) => Ok(Prize::Held(held)),
                Err(HoldError::Create(error)) => Err(error),
                Err(error) => panic!("{error:?}"),
            },
        }
    }

    async fn book(&self, part: Part, start: DateTime, phone: &str, source: Source<'_>) -> Result<Prize, CreateError> {
        let new = NewBooking {
            client: Party::Phone { phone: &phone.parse().unwrap(), name: Some(&"Данияр".parse().unwrap()) },
            parts: &[part],
            start,
            notes: &"".parse().unwrap(),
            language: None,
            source,
        };
        create(&self.salon.platform, &self.salon.business, &new).await.map(|_| Prize::Booked)
    }
}

async fn play(db: Db) {
    let salon = Salon::open(&db).await;
    let mut tx = db.begin().await.unwrap();
    // Few times to offer to those who lose: what they are offered is another test's matter.
    let settings = r#"{"slots": {"step_minutes": 240}}"#;
    db::execute!(&mut tx, "update businesses set settings = $2 where id = $1", salon.business.id, settings).unwrap();
    tx.commit().await.unwrap();
    let owner = salon.owner().await;
    let play = Arc::new(Play { salon, owner });
    for round in 0..ROUNDS {
        let day = date(2026, 1, 16).saturating_add(i64::try_from(round / 4).unwrap().days());
        let start = [day.at(9, 0, 0, 0), day.at(11, 30, 0, 0), day.at(14, 0, 0, 0), day.at(16, 30, 0, 0)][round % 4];
        let mut tasks = JoinSet::new();
        for task in 0..TASKS {
            let play = Arc::clone(&play);
            let phone = format!("8777{:07}", round * TASKS + task);
            tasks.spawn(async move { play.attempt(Way::of(round, task), start, &phone).await });
        }
        let mut prizes: Vec<Prize> = tasks.join_all().await.into_iter().flatten().collect();
        assert_eq!(prizes.len(), 1, "round {round}");
        if let Some(Prize::Held(held)) = prizes.pop() {
            let cut = Part::from(play.salon.cut());
            let source = Source::Public { origin: &ORIGIN, hold: Some(&held.token), browser: None };
            let booked = play.book(cut, start, &format!("8701{round:07}"), source).await;
            assert!(booked.is_ok(), "round {round}: what is held can be booked");
        }
    }
    let mut connection = db.read().await.unwrap();
    let (visits, days, overlaps) = db::fetch_one!(
        &mut connection,
        (i64, i64, i64),
        "select (select count(*) from bookings), (select count(*) from booking_segments where live = true),
             (select count(*) from booking_segments a join booking_segments b
              on a.master_id = b.master_id and a.id < b.id and a.busy_from < b.busy_to and b.busy_from < a.busy_to)",
    )
    .unwrap();
    assert_eq!((visits, days, overlaps), (100, 100, 0));
}
