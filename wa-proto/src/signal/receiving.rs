//! The receiving side of a chain: messages in any order, each key once.

use zeroize::Zeroize;

use super::SignalError;
use super::chain::{ChainKey, Seed};

/// How far ahead of its chain a message may be, in messages.
pub const MAX_JUMP: u32 = 2000;

/// How many seeds of missing messages a chain keeps; beyond, those with the lowest counters are dropped.
pub const MAX_SKIPPED: usize = 2000;

/// A chain of message keys as its receiver holds it.
#[derive(Clone)]
pub(super) struct ReceivingChain {
    pub(super) chain: ChainKey,
    /// The counter of the next message that needs no jump.
    pub(super) index: u32,
    pub(super) skipped: SkippedSeeds,
}

impl ReceivingChain {
    pub(super) const fn new(chain: ChainKey, index: u32) -> Self {
        Self { chain, index, skipped: SkippedSeeds(Vec::new()) }
    }

    /// Finds the seed of the message `counter` without changing the chain.
    ///
    /// What follows from using it is in the returned [`Advance`], to be applied once the message is authentic.
    pub(super) fn seed(&self, counter: u32) -> Result<(Seed, Advance), SignalError> {
        let Some(jump) = counter.checked_sub(self.index) else {
            let seed = self.skipped.find(counter).ok_or(SignalError::Duplicate)?;
            return Ok((seed.clone(), Advance::Take { counter }));
        };
        let index = counter.checked_add(1).ok_or(SignalError::Future)?;
        if jump > MAX_JUMP {
            return Err(SignalError::Future);
        }
        let (mut seed, mut chain) = self.chain.step();
        if jump == 0 {
            return Ok((seed, Advance::Step { chain, index }));
        }
        let mut skipped = SkippedSeeds::with_capacity(usize::try_from(jump).unwrap_or(MAX_SKIPPED));
        for missing in self.index..counter {
            skipped.0.push((missing, seed));
            (seed, chain) = chain.step();
        }
        Ok((seed, Advance::Jump { chain, index, skipped }))
    }

    /// Applies what using a seed entails; says whether seeds were added.
    pub(super) fn apply(&mut self, advance: Advance) -> bool {
        match advance {
            Advance::Take { counter } => self.skipped.remove(counter),
            Advance::Step { chain, index } => (self.chain, self.index) = (chain, index),
            Advance::Jump { chain, index, skipped } => {
                (self.chain, self.index) = (chain, index);
                self.skipped.append(skipped);
                return true;
            }
        }
        false
    }
}

/// The change of a chain that goes with the use of one of its seeds.
pub(super) enum Advance {
    /// A kept seed is used up.
    Take { counter: u32 },
    /// The next message.
    Step { chain: ChainKey, index: u32 },
    /// A later message; the seeds of those between are kept.
    Jump { chain: ChainKey, index: u32, skipped: SkippedSeeds },
}

/// The seeds of messages that have not come yet, by ascending counter, at most [`MAX_SKIPPED`].
#[derive(Clone)]
pub(super) struct SkippedSeeds(Vec<(u32, Seed)>);

impl SkippedSeeds {
    pub(super) fn with_capacity(seeds: usize) -> Self {
        Self(Vec::with_capacity(seeds))
    }

    pub(super) fn len(&self) -> usize {
        self.0.len()
    }

    pub(super) fn iter(&self) -> impl ExactSizeIterator<Item = &(u32, Seed)> {
        self.0.iter()
    }

    /// Adds the seed of a message after all those kept; says whether it was one.
    pub(super) fn push(&mut self, counter: u32, seed: Seed) -> bool {
        let ascends = self.0.last().is_none_or(|(last, _)| *last < counter);
        if ascends {
            self.0.push((counter, seed));
        }
        ascends
    }

    /// Drops the `count` seeds with the lowest counters.
    pub(super) fn drop_lowest(&mut self, count: usize) {
        self.0.drain(..count.min(self.0.len()));
    }

    fn find(&self, counter: u32) -> Option<&Seed> {
        let at = self.position(counter)?;
        self.0.get(at).map(|(_, seed)| seed)
    }

    fn position(&self, counter: u32) -> Option<usize> {
        self.0.binary_search_by_key(&counter, |(kept, _)| *kept).ok()
    }

    fn remove(&mut self, counter: u32) {
        if let Some(at) = self.position(counter) {
            self.0.remove(at);
        }
    }

    /// Adds seeds with higher counters than those kept.
    fn append(&mut self, mut newer: Self) {
        let excess = self.len().saturating_add(newer.len()).saturating_sub(MAX_SKIPPED);
        self.drop_lowest(excess);
        let total = self.len().saturating_add(newer.len());
        if total > self.0.capacity() {
            // Growing in place would leave a copy of the seeds behind.
            let mut grown = Vec::with_capacity(total.saturating_mul(2).min(MAX_SKIPPED));
            grown.extend(self.0.iter().cloned());
            for (_, seed) in &mut self.0 {
                seed.zeroize();
            }
            self.0 = grown;
        }
        self.0.append(&mut newer.0);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn chain() -> ReceivingChain {
        ReceivingChain::new(ChainKey([7; 32]), 0)
    }

    fn receive(chain: &mut ReceivingChain, counter: u32) -> Result<[u8; 32], SignalError> {
        let (seed, advance) = chain.seed(counter)?;
        chain.apply(advance);
        Ok(seed.0)
    }

    #[test]
    fn messages_in_any_order_get_the_same_seeds_once() {
        let mut in_order = chain();
        let seeds: Vec<_> = (0..10).map(|counter| receive(&mut in_order, counter).unwrap()).collect();
        let mut shuffled = chain();
        for counter in [3, 9, 0, 8, 4, 1, 2, 7, 5, 6] {
            assert_eq!(receive(&mut shuffled, counter).unwrap(), seeds[counter as usize]);
            assert_eq!(receive(&mut shuffled, counter), Err(SignalError::Duplicate));
        }
        assert_eq!(shuffled.skipped.len(), 0);
    }

    #[test]
    fn jumps_and_kept_seeds_are_limited() {
        let mut chain = chain();
        assert_eq!(receive(&mut chain, MAX_JUMP + 1), Err(SignalError::Future));
        receive(&mut chain, MAX_JUMP).unwrap();
        assert_eq!(chain.skipped.len(), MAX_SKIPPED);
        receive(&mut chain, MAX_JUMP + 11).unwrap();
        assert_eq!(chain.skipped.len(), MAX_SKIPPED);
        assert_eq!(receive(&mut chain, 9), Err(SignalError::Duplicate), "dropped as the lowest");
        assert!(receive(&mut chain, 10).is_ok());
        assert!(receive(&mut chain, MAX_JUMP + 1).is_ok());
    }

    #[test]
    fn the_last_counter_is_refused() {
        let mut chain = ReceivingChain::new(ChainKey([7; 32]), u32::MAX - 1);
        assert_eq!(receive(&mut chain, u32::MAX), Err(SignalError::Future));
        assert!(receive(&mut chain, u32::MAX - 1).is_ok());
    }
}
