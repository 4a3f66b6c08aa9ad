//! What a hold needs of the rules of booking: the same as the visit that it may become.

use jiff::civil::DateTime;

use crate::access::Origin;
use crate::booking::asked::Asked;
use crate::booking::create::{CreateError, NewBooking, Party, Source, check_rules, segments};
use crate::booking::write::{SegmentRow, segment_rows};
use crate::business::Business;
use crate::id::MasterId;
use crate::name::Notes;
use crate::platform::Platform;
use crate::slots::{Part, Visit};

/// A visit that the public could book, ready to be held.
pub(crate) struct HoldDraft {
    /// Whose time.
    pub(crate) masters: Vec<MasterId>,
    /// Its parts.
    pub(crate) rows: Vec<SegmentRow>,
}

impl HoldDraft {
    /// The visits that it could become, in the order in which to try them.
    ///
    /// # Errors
    ///
    /// [`CreateError`], as for the visit itself.
    pub(crate) async fn look_up(
        platform: &Platform,
        business: &Business,
        parts: &[Part],
        start: DateTime,
    ) -> Result<Vec<Self>, CreateError> {
        let now = platform.clock.now();
        if !business.is_open(platform.clock.real_now()) {
            return Err(CreateError::Suspended);
        }
        let at = business.zone.instant(start)?;
        if at <= now {
            return Err(CreateError::Past);
        }
        let mut connection = platform.db.read().await?;
        let (asked, standing) = Asked::look_up(&mut connection, business, parts, None, at, now, None).await?;
        let visit = NewBooking {
            client: Party::WalkIn { name: None },
            parts,
            start,
            notes: &Notes::default(),
            language: None,
            source: Source::Public { origin: &Origin::system(), hold: None, browser: None },
        };
        check_rules(&mut connection, platform, business, &visit, (&asked, standing), at).await?;
        let draft = |visit: &Visit| {
            let rows = segment_rows(&segments(visit, &asked.terms, at), visit);
            Self { masters: visit.legs.iter().map(|leg| leg.master_id).collect(), rows }
        };
        Ok(asked.visits.iter().map(draft).collect())
    }
}
