//! What this process remembers of businesses, so that a visit can be booked without reading it again.
//!
//! A memory may be old. So it never says no: whoever would refuse something because of it reads first. And when it says
//! yes, the statement that writes checks that [`Business::revision`] is still the one the memory is of. The database
//! counts the revision up, by a trigger, in the transaction of whatever changes a row that bookings are decided by.

use std::collections::HashMap;
use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use jiff::civil::Date;

use crate::booking::{Asked, week};
use crate::business::Business;
use crate::id::BusinessId;
use crate::slots::Part;

/// The most businesses and the most kinds of visit that are remembered, about a kilobyte each. When there is no room,
/// all are forgotten, and read again as they are asked for.
const MOST: usize = 2_048;

/// The memory. A cheap handle; clones share it.
#[derive(Clone, Default)]
pub(crate) struct Known(Arc<Mutex<Memory>>);

#[derive(Default)]
struct Memory {
    businesses: HashMap<Box<str>, Arc<Business>>,
    visits: HashMap<Visits, (i64, Arc<Asked>)>,
}

/// What by whom in the week that begins on a date.
type Visits = (BusinessId, Box<[Part]>, Date);

impl Known {
    /// The business with a subdomain, in the form it is kept in.
    pub(crate) fn business(&self, subdomain: &str) -> Option<Arc<Business>> {
        self.memory().businesses.get(subdomain).cloned()
    }

    /// What visits of a kind that begin on a date rest on, as of the business's revision.
    pub(crate) fn asked(&self, business: &Business, parts: &[Part], date: Date) -> Option<Arc<Asked>> {
        let key = (business.id, parts.into(), week(date));
        let memory = self.memory();
        let (revision, asked) = memory.visits.get(&key)?;
        (*revision == business.revision).then(|| Arc::clone(asked))
    }

    /// Remembers a business that was read.
    pub(crate) fn learn(&self, business: Arc<Business>) {
        let mut memory = self.memory();
        make_room(&mut memory.businesses);
        memory.businesses.insert(business.subdomain.as_str().into(), business);
    }

    /// Remembers what was read after the business was, for a visit of this kind that begins on this date: it is of the
    /// whole week.
    pub(crate) fn learn_asked(&self, business: &Business, parts: &[Part], date: Date, asked: Arc<Asked>) {
        let mut memory = self.memory();
        make_room(&mut memory.visits);
        memory.visits.insert((business.id, parts.into(), week(date)), (business.revision, asked));
    }

    fn memory(&self) -> MutexGuard<'_, Memory> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn make_room<K, V>(map: &mut HashMap<K, V>) {
    if map.len() >= MOST {
        map.clear();
    }
}

/// Shows nothing of what it holds.
impl fmt::Debug for Known {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Known")
    }
}
