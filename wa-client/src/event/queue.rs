//! The way of events from the account's task to its application.

use std::collections::VecDeque;
use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::sync::Notify;

use super::{Event, stored};
use crate::store::{AccountStore, Changes, Key, Kind, StoreError};

/// Durable events held in memory; further ones wait in the store and are read from there.
const MAX_DURABLE: usize = 256;
/// Events of the moment held in memory; the oldest goes when one more comes.
const MAX_MOMENTS: usize = 64;
/// Rows read from the store at a time.
const PAGE: usize = 64;
/// Taken events that may be confirmed with one commit.
const CONFIRM_BATCH: usize = 32;
/// Pause after the store failed to answer.
const STORE_RETRY: Duration = Duration::from_secs(1);
/// Seconds after which an event nobody took is dropped: 30 days.
const INBOX_LIFETIME: i64 = 30 * 24 * 3600;

/// An event with its place in the inbox, to be committed and then published.
#[derive(Debug)]
pub(crate) struct Durable {
    sequence: u64,
    event: Event,
}

impl Durable {
    /// Adds the inbox row to what is about to be committed at `now` (Unix seconds).
    pub(crate) fn add_to(&self, changes: &mut Changes, now: i64) {
        if let Some(bytes) = stored::encode(&self.event) {
            let key = Key::sequence(self.sequence);
            changes.put_until(Kind::Inbox, key, bytes, now.saturating_add(INBOX_LIFETIME));
        }
    }
}

/// The sending side; one per account, written by the account's task only.
#[derive(Debug, Default)]
pub(crate) struct EventQueue {
    state: Mutex<State>,
    changed: Notify,
}

#[derive(Debug, Default)]
struct State {
    moments: VecDeque<Event>,
    durable: VecDeque<(u64, Event)>,
    /// The last sequence number that was given out.
    last_reserved: u64,
    /// The last sequence number that was read from the store or put into `durable`.
    last_queued: u64,
    /// The store holds events after `last_queued`.
    behind: bool,
    /// Counts events that were left to the store, so that a reader notices one that came while it
    /// read.
    left_to_store: u64,
    closed: bool,
}

enum Next {
    Event(Event),
    Durable(u64, Event),
    Load { after: u64, left_to_store: u64 },
    Nothing,
    Closed,
}

impl EventQueue {
    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Continues after the events that an earlier run left in the store.
    pub(crate) async fn resume(&self, store: &dyn AccountStore) -> Result<(), StoreError> {
        let mut last = None;
        loop {
            let rows = store.scan(Kind::Inbox, &[], last.as_ref(), PAGE).await?;
            let full = rows.len() == PAGE;
            if let Some((key, _)) = rows.into_iter().next_back() {
                last = Some(key);
            }
            if !full {
                break;
            }
        }
        let mut state = self.state();
        if let Some(sequence) = last.as_ref().and_then(Key::to_sequence) {
            state.last_reserved = sequence;
            state.behind = true;
        }
        Ok(())
    }

    /// Gives `event` a place in the inbox.
    pub(crate) fn reserve(&self, event: Event) -> Durable {
        let mut state = self.state();
        state.last_reserved = state.last_reserved.saturating_add(1);
        Durable { sequence: state.last_reserved, event }
    }

    /// Hands over events whose rows are committed, in the order of their reservation.
    pub(crate) fn publish(&self, events: impl IntoIterator<Item = Durable>) {
        let mut state = self.state();
        for Durable { sequence, event } in events {
            if sequence <= state.last_queued {
                // A reader of the store was faster.
                continue;
            }
            if state.behind || state.durable.len() >= MAX_DURABLE {
                state.behind = true;
                state.left_to_store = state.left_to_store.wrapping_add(1);
            } else {
                state.last_queued = sequence;
                state.durable.push_back((sequence, event));
            }
        }
        drop(state);
        self.changed.notify_one();
    }

    /// Looks into the store for rows that were committed and never published, because whoever did so was dropped or did
    /// not hear of the commit.
    pub(crate) fn look_again(&self) {
        let mut state = self.state();
        state.behind = true;
        state.left_to_store = state.left_to_store.wrapping_add(1);
        drop(state);
        self.changed.notify_one();
    }

    /// Tells something about the moment. If the application does not keep up, the oldest is lost.
    pub(crate) fn tell(&self, event: Event) {
        let mut state = self.state();
        if state.moments.len() >= MAX_MOMENTS {
            state.moments.pop_front();
        }
        state.moments.push_back(event);
        drop(state);
        self.changed.notify_one();
    }

    /// Ends the stream after what is in it.
    pub(crate) fn close(&self) {
        self.state().closed = true;
        self.changed.notify_one();
    }

    fn next(&self) -> Next {
        let mut state = self.state();
        if let Some(event) = state.moments.pop_front() {
            return Next::Event(event);
        }
        if let Some((sequence, event)) = state.durable.pop_front() {
            return Next::Durable(sequence, event);
        }
        if state.behind {
            return Next::Load { after: state.last_queued, left_to_store: state.left_to_store };
        }
        if state.closed { Next::Closed } else { Next::Nothing }
    }

    fn loaded(&self, rows: Vec<(u64, Event)>, last: Option<u64>, full: bool, left_before: u64) {
        let mut state = self.state();
        if let Some(last) = last {
            state.last_queued = last;
        }
        state.durable.extend(rows);
        if !full && state.left_to_store == left_before {
            state.behind = false;
        }
    }
}

/// The events of one account, in order.
///
/// Asking for the next event says that the one before is dealt with: only then its row leaves the
/// store. So a crash repeats at most the last few events, and loses none.
pub struct Events {
    queue: Arc<EventQueue>,
    store: Arc<dyn AccountStore>,
    taken: Vec<u64>,
    /// The row of the event that was given last, if it has one.
    last: Option<u64>,
}

impl Events {
    pub(crate) fn new(queue: Arc<EventQueue>, store: Arc<dyn AccountStore>) -> Self {
        Self { queue, store, taken: Vec::new(), last: None }
    }

    /// Waits for the next event; `None` once the client has stopped and everything was taken.
    ///
    /// Dropping the future loses nothing.
    pub async fn recv(&mut self) -> Option<Event> {
        if self.taken.len() >= CONFIRM_BATCH {
            self.confirm_or_warn().await;
        }
        loop {
            match self.queue.next() {
                Next::Event(event) => {
                    self.last = None;
                    return Some(event);
                }
                Next::Durable(sequence, event) => {
                    self.last = Some(sequence);
                    self.taken.push(sequence);
                    return Some(event);
                }
                Next::Load { after, left_to_store } => self.load(after, left_to_store).await,
                Next::Nothing => {
                    self.confirm_or_warn().await;
                    self.queue.changed.notified().await;
                }
                Next::Closed => {
                    self.confirm_or_warn().await;
                    return None;
                }
            }
        }
    }

    /// Leaves the event that was given last in the store: the next client of the account gives it again.
    ///
    /// For whoever looks for one event and shall not take away the others. One that is not durable, or that was
    /// [confirmed](Self::confirm) already, cannot be left.
    pub fn leave(&mut self) {
        if let Some(last) = self.last.take() {
            self.taken.retain(|sequence| *sequence != last);
        }
    }

    /// Removes from the store what was taken so far, without waiting for the next event.
    ///
    /// # Errors
    ///
    /// Those of the store; the events then come again after a restart.
    pub async fn confirm(&mut self) -> Result<(), StoreError> {
        if self.taken.is_empty() {
            return Ok(());
        }
        let mut changes = Changes::new();
        for sequence in &self.taken {
            changes.delete(Kind::Inbox, Key::sequence(*sequence));
        }
        self.store.commit(changes).await?;
        self.taken.clear();
        Ok(())
    }

    async fn confirm_or_warn(&mut self) {
        if let Err(error) = self.confirm().await {
            tracing::warn!(%error, "events that were handed over stay in the store");
        }
    }

    async fn load(&mut self, after: u64, left_to_store: u64) {
        let after = Key::sequence(after);
        match self.store.scan(Kind::Inbox, &[], Some(&after), PAGE).await {
            Ok(rows) => {
                let full = rows.len() == PAGE;
                let last = rows.last().and_then(|(key, _)| key.to_sequence());
                let events =
                    rows.iter().filter_map(|(key, value)| Some((key.to_sequence()?, stored::decode(value)?))).collect();
                self.queue.loaded(events, last, full, left_to_store);
            }
            Err(error) => {
                tracing::warn!(%error, "the inbox cannot be read");
                tokio::time::sleep(STORE_RETRY).await;
            }
        }
    }
}

impl fmt::Debug for Events {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Events").field("unconfirmed", &self.taken.len()).finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::store::MemoryStore;

    fn event(number: u64) -> Event {
        Event::IdentityChanged { of: wa_proto::jid::Jid::pn(&format!("7701{number:06}")) }
    }

    async fn commit_and_publish(queue: &EventQueue, store: &dyn AccountStore, number: u64) {
        let durable = queue.reserve(event(number));
        let mut changes = Changes::new();
        durable.add_to(&mut changes, 0);
        store.commit(changes).await.unwrap();
        queue.publish([durable]);
    }

    async fn start(store: &Arc<dyn AccountStore>) -> (Arc<EventQueue>, Events) {
        let queue = Arc::new(EventQueue::default());
        queue.resume(store.as_ref()).await.unwrap();
        let events = Events::new(Arc::clone(&queue), Arc::clone(store));
        (queue, events)
    }

    async fn rows(store: &Arc<dyn AccountStore>) -> usize {
        store.scan(Kind::Inbox, &[], None, 10_000).await.unwrap().len()
    }

    #[tokio::test]
    async fn an_event_leaves_the_store_when_the_next_one_is_asked_for() {
        let store: Arc<dyn AccountStore> = Arc::new(MemoryStore::new());
        let (queue, mut events) = start(&store).await;
        commit_and_publish(&queue, store.as_ref(), 1).await;
        assert_eq!(events.recv().await, Some(event(1)));
        assert_eq!(rows(&store).await, 1);
        queue.close();
        assert_eq!(events.recv().await, None);
        assert_eq!(rows(&store).await, 0);
    }

    #[tokio::test]
    async fn what_is_left_comes_again_after_a_restart_and_what_was_taken_does_not() {
        let store: Arc<dyn AccountStore> = Arc::new(MemoryStore::new());
        let (queue, mut events) = start(&store).await;
        for number in 1..=3 {
            commit_and_publish(&queue, store.as_ref(), number).await;
        }
        queue.tell(Event::Status(crate::Status::Connecting));
        assert_eq!(events.recv().await, Some(Event::Status(crate::Status::Connecting)));
        assert_eq!(events.recv().await, Some(event(1)));
        assert_eq!(events.recv().await, Some(event(2)));
        events.leave();
        events.leave();
        assert_eq!(events.recv().await, Some(event(3)));
        queue.close();
        assert_eq!(events.recv().await, None);

        let (_, mut events) = start(&store).await;
        assert_eq!(events.recv().await, Some(event(2)));
    }

    #[tokio::test]
    async fn what_was_not_taken_comes_again_after_a_restart_before_what_is_new() {
        let store: Arc<dyn AccountStore> = Arc::new(MemoryStore::new());
        let (queue, mut events) = start(&store).await;
        for number in 1..=3 {
            commit_and_publish(&queue, store.as_ref(), number).await;
        }
        assert_eq!(events.recv().await, Some(event(1)));
        drop((queue, events));

        let (queue, mut events) = start(&store).await;
        commit_and_publish(&queue, store.as_ref(), 4).await;
        for number in 1..=4 {
            assert_eq!(events.recv().await, Some(event(number)));
        }
    }

    #[tokio::test]
    async fn more_events_than_fit_into_memory_arrive_in_order() {
        let store: Arc<dyn AccountStore> = Arc::new(MemoryStore::new());
        let (queue, mut events) = start(&store).await;
        let total = 3 * MAX_DURABLE as u64;
        for number in 1..=total {
            commit_and_publish(&queue, store.as_ref(), number).await;
        }
        for number in 1..=total {
            assert_eq!(events.recv().await, Some(event(number)));
            if number % 100 == 0 {
                commit_and_publish(&queue, store.as_ref(), total + number / 100).await;
            }
        }
        for number in 1..=total / 100 {
            assert_eq!(events.recv().await, Some(event(total + number)));
        }
        queue.close();
        assert_eq!(events.recv().await, None);
        assert_eq!(rows(&store).await, 0);
    }

    #[tokio::test]
    async fn what_was_committed_and_not_published_is_told_once_before_what_is_new() {
        let store: Arc<dyn AccountStore> = Arc::new(MemoryStore::new());
        let (queue, mut events) = start(&store).await;
        commit_and_publish(&queue, store.as_ref(), 1).await;
        let unpublished = queue.reserve(event(2));
        let mut changes = Changes::new();
        unpublished.add_to(&mut changes, 0);
        store.commit(changes).await.unwrap();
        queue.look_again();
        commit_and_publish(&queue, store.as_ref(), 3).await;
        for number in 1..=3 {
            assert_eq!(events.recv().await, Some(event(number)));
        }
        // Whoever has committed it comes late.
        queue.publish([unpublished]);
        queue.close();
        assert_eq!(events.recv().await, None);
        assert_eq!(rows(&store).await, 0);
    }

    #[tokio::test]
    async fn moments_do_not_pile_up() {
        let store: Arc<dyn AccountStore> = Arc::new(MemoryStore::new());
        let (queue, mut events) = start(&store).await;
        for _ in 0..10 * MAX_MOMENTS {
            queue.tell(Event::Status(crate::Status::Connecting));
        }
        queue.close();
        let mut told = 0;
        while events.recv().await.is_some() {
            told += 1;
        }
        assert_eq!(told, MAX_MOMENTS);
    }
}
