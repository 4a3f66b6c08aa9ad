//! Writes the visits of all who book at once together.
//!
//! ```text
//!  create ─┐                    ┌─ batch ─► one commit ─► everybody's answer
//!  create ─┼─► queue ─► writer ─┤
//!  create ─┘                    └─ what arrives meanwhile is the next batch
//! ```
//!
//! Nobody waits for company: the first to come is written at once, alone, and those who come while the database is at it
//! are the next batch. The more there is to do, the larger the batches and the less each visit costs.
//!
//! On a SQLite file the writer is a thread that has the file open itself, and a visit that is refused is undone alone. On
//! PostgreSQL, and for a database in memory, it is a task. PostgreSQL gets a batch as one statement, and where enough are
//! waiting for it to be worth its cost, the next one is sent before the first is answered: the server goes on without a
//! pause. A statement that fails is written again, visit by visit, so that nobody gets an error that is another's. Where
//! the database itself is gone, everybody is told so. A caller that goes away is written all the same, and finds its visit
//! under its idempotency key.

use db::Db;
use db::direct::{self, Direct, Jobs};
use tokio::sync::{mpsc, oneshot};
use tokio::task::JoinSet;

use crate::booking::rows::Known;
use crate::booking::write::{Draft, Outcome};
use crate::booking::{batch, rows};
use crate::store::StoreError;

/// The most visits of a batch: more would keep the first of them waiting without costing less.
const MOST: usize = 32;
/// How many have to wait before a batch is sent behind another one.
const ENOUGH: usize = 7;
/// How many visits wait for the writer at most; who comes after them waits for a place in the queue.
const QUEUE: usize = 256;

/// The handle to whoever writes. Clones share it; it ends with the last of them.
#[derive(Debug, Clone)]
pub(crate) enum Writer {
    Thread(Jobs<Job>),
    Task(mpsc::Sender<Job>),
}

/// A visit, and who waits for it.
#[derive(Debug)]
pub(crate) struct Job {
    draft: Draft,
    answer: oneshot::Sender<Result<Outcome, StoreError>>,
}

impl Writer {
    /// Starts the thread or the task.
    ///
    /// # Errors
    ///
    /// When the system gives no thread.
    pub(crate) fn start(db: Db) -> Result<Self, db::Error> {
        if let Some(jobs) = db.start_jobs()? {
            return Ok(Self::Thread(jobs));
        }
        let (queue, jobs) = mpsc::channel(QUEUE);
        tokio::spawn(run(db, jobs));
        Ok(Self::Task(queue))
    }

    /// Writes a draft; when this returns [`Outcome::Booked`] it is durable.
    ///
    /// # Errors
    ///
    /// The database's; [`db::Error::Lost`] when the program is stopping.
    pub(super) async fn write(&self, draft: Draft) -> Result<Outcome, StoreError> {
        let (answer, outcome) = oneshot::channel();
        let job = Job { draft, answer };
        match self {
            Self::Thread(jobs) => jobs.send(job).await?,
            Self::Task(queue) => queue.send(job).await.map_err(|_stopped| db::Error::Lost)?,
        }
        outcome.await.map_err(|_stopped| db::Error::Lost)?
    }
}

impl direct::Job for Job {
    type Done = Outcome;

    fn act(&self, connection: &Direct<'_>) -> Result<Outcome, db::Error> {
        let draft = &self.draft;
        let Some(known) = Known::of(connection.fetch(&rows::known(draft))?) else { return Ok(Outcome::Moved) };
        let client_id = match (known.client_id, rows::newcomer(draft)) {
            (None, Some(newcomer)) => Some(connection.insert(&newcomer)?),
            (client_id, _) => client_id,
        };
        let id = connection.insert(&rows::visit(draft, client_id))?;
        for statement in rows::parts(draft, id, client_id, known) {
            connection.execute(&statement)?;
        }
        Ok(rows::booked(id, client_id))
    }

    fn tell(self, outcome: Result<Outcome, db::Error>) {
        let outcome = outcome.map_err(StoreError::from);
        tell(self.answer, outcome.or_else(|error| batch::refusal(&error, &self.draft).ok_or(error)));
    }
}

async fn run(db: Db, mut queue: mpsc::Receiver<Job>) {
    let mut waiting: Vec<Job> = Vec::with_capacity(MOST);
    let mut under_way = JoinSet::new();
    loop {
        let is_worth_it = under_way.is_empty() || (waiting.len() >= ENOUGH && under_way.len() < db.batches_at_once());
        if !waiting.is_empty() && is_worth_it {
            // Those who are about to come go along.
            tokio::task::yield_now().await;
            while waiting.len() < MOST
                && let Ok(job) = queue.try_recv()
            {
                waiting.push(job);
            }
            let (db, jobs) = (db.clone(), std::mem::replace(&mut waiting, Vec::with_capacity(MOST)));
            under_way.spawn(async move { write_and_answer(&db, jobs).await });
            continue;
        }
        tokio::select! {
            job = queue.recv(), if waiting.len() < MOST => match job {
                Some(job) => waiting.push(job),
                None if waiting.is_empty() => break,
                // Nobody comes any more; those who wait are the last batch.
                None => drop(under_way.join_next().await),
            },
            Some(_written) = under_way.join_next(), if !under_way.is_empty() => {}
        }
    }
    while under_way.join_next().await.is_some() {}
}

async fn write_and_answer(db: &Db, jobs: Vec<Job>) {
    let drafts: Vec<&Draft> = jobs.iter().map(|job| &job.draft).collect();
    match write(db, &drafts).await {
        Ok(outcomes) => {
            for (job, outcome) in jobs.into_iter().zip(outcomes) {
                tell(job.answer, Ok(outcome));
            }
        }
        Err(error) if is_everybodys(&error) => {
            for job in jobs {
                tell(job.answer, Err(error.clone()));
            }
        }
        Err(error) => match <[Job; 1]>::try_from(jobs) {
            Ok([job]) => tell(job.answer, batch::refusal(&error, &job.draft).ok_or(error)),
            Err(jobs) => one_by_one(db, jobs).await,
        },
    }
}

/// Side by side, so that nobody waits for the answers of those before.
async fn one_by_one(db: &Db, jobs: Vec<Job>) {
    let mut tasks = JoinSet::new();
    for job in jobs {
        let db = db.clone();
        tasks.spawn(async move {
            let written = write(&db, &[&job.draft]).await;
            let alone = |outcomes: Vec<Outcome>| outcomes.first().copied().ok_or(db::Error::Lost.into());
            let outcome = written.and_then(alone);
            tell(job.answer, outcome.or_else(|error| batch::refusal(&error, &job.draft).ok_or(error)));
        });
    }
    while tasks.join_next().await.is_some() {}
}

async fn write(db: &Db, drafts: &[&Draft]) -> Result<Vec<Outcome>, StoreError> {
    if let Some(pipeline) = db.pipeline() {
        return batch::pipe(pipeline, drafts).await;
    }
    let mut tx = db.begin().await?;
    let outcomes = batch::write(&mut tx, drafts).await?;
    tx.commit().await?;
    Ok(outcomes)
}

/// Whether trying with fewer visits is hopeless.
fn is_everybodys(error: &StoreError) -> bool {
    matches!(error, StoreError::Database(db::Error::Full { .. } | db::Error::Unavailable { .. }))
}

/// A caller that went away needs no answer.
fn tell(answer: oneshot::Sender<Result<Outcome, StoreError>>, outcome: Result<Outcome, StoreError>) {
    answer.send(outcome).ok();
}
