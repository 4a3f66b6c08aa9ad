//! Which texts a tenant has replaced by its own.
//!
//! All of them are one JSON document in the tenant's row, so that whoever looks the tenant up has its wording too.

use std::collections::BTreeMap;
use std::fmt;

use jiff::Span;
use serde_json::json;

use super::{Event, Template, VisitText};
use crate::access::Access;
use crate::audit::{self, Change};
use crate::business::{self, Business};
use crate::language::Language;
use crate::platform::Platform;
use crate::store::{StoreError, from_store};

/// A tenant's own texts, by event and language. `Debug` shows how many there are.
#[derive(Clone, Default, PartialEq, Eq)]
pub struct Wording(BTreeMap<(Event, Language), Template>);

/// A change of one text.
#[derive(Debug, Clone)]
pub struct TextsEdit {
    /// What it is about.
    pub event: Event,
    /// In which language.
    pub language: Language,
    /// The new text; none goes back to the program's.
    pub template: Option<Template>,
}

/// Why a text could not be changed. Nothing was.
#[derive(Debug, Clone, thiserror::Error)]
#[non_exhaustive]
pub enum WordingError {
    /// Only who runs the business changes its texts.
    #[error("only who runs the business changes its texts")]
    NotAllowed,
    /// There is no such business any more.
    #[error("there is no such business")]
    NotFound,
    /// The database.
    #[error(transparent)]
    Store(#[from] StoreError),
}
from_store!(WordingError);

impl Wording {
    /// The tenant's own text, if there is one.
    #[must_use]
    pub fn find(&self, event: Event, language: Language) -> Option<&Template> {
        self.0.get(&(event, language))
    }

    /// The same with one text more.
    #[must_use]
    pub fn with(&self, event: Event, language: Language, template: Template) -> Self {
        let mut more = self.clone();
        more.0.insert((event, language), template);
        more
    }

    /// Reads what a row has. A text that no longer fits its event, because a later version of the program took a
    /// variable away, is passed over: the program's own is used instead.
    pub(crate) fn read(document: &str) -> Result<Self, serde_json::Error> {
        if document == "{}" {
            return Ok(Self::default());
        }
        let events: BTreeMap<String, BTreeMap<String, String>> = serde_json::from_str(document)?;
        let mut wording = Self::default();
        for (event, texts) in events {
            let Some(event) = Event::from_text(&event) else { continue };
            for (language, text) in texts {
                let Some(language) = Language::from_text(&language) else { continue };
                match Template::for_event(&text, event) {
                    Ok(template) => drop(wording.0.insert((event, language), template)),
                    Err(error) => tracing::warn!(%event, %language, "a tenant's text is passed over: {error}"),
                }
            }
        }
        Ok(wording)
    }

    /// What [`read`](Self::read) reads.
    pub(super) fn write(&self) -> String {
        let mut events: BTreeMap<&str, BTreeMap<&str, &str>> = BTreeMap::new();
        for ((event, language), template) in &self.0 {
            events.entry(event.as_str()).or_default().insert(language.as_str(), template.as_str());
        }
        json!(events).to_string()
    }
}

/// Changes one text of a business and writes it down. Messages that are planned keep their text; whoever calls this
/// plans those of the business anew.
///
/// # Errors
///
/// [`WordingError`].
pub async fn change_wording(platform: &Platform, access: &Access, edit: &TextsEdit) -> Result<Wording, WordingError> {
    if !access.runs_business() {
        return Err(WordingError::NotAllowed);
    }
    let mut tx = platform.db.begin().await?;
    // The row is written first: on PostgreSQL a second change waits here, and then reads what the first one wrote.
    let found = db::execute!(&mut tx, "update businesses set texts = texts where id = $1", access.business_id)?;
    let business = business::by_id(&mut tx, access.business_id).await?;
    let Some(business) = business.filter(|_| found == 1) else { return Err(WordingError::NotFound) };
    let mut wording = business.wording;
    let key = (edit.event, edit.language);
    let old = match &edit.template {
        Some(template) => wording.0.insert(key, template.clone()),
        None => wording.0.remove(&key),
    };
    if old == edit.template {
        return Ok(wording);
    }
    db::execute!(&mut tx, "update businesses set texts = $2 where id = $1", access.business_id, wording.write())?;
    let told = |template: Option<&Template>| {
        json!({ "event": edit.event.as_str(), "language": edit.language.as_str(),
            "text": template.map(Template::as_str) })
    };
    let change = Change {
        entity: "text",
        entity_id: access.business_id.get(),
        action: if edit.template.is_some() { "update" } else { "delete" },
        old: Some(told(old.as_ref())),
        new: Some(told(edit.template.as_ref())),
    };
    audit::record(&mut tx, Some(access.business_id), &access.origin, &change, platform.clock.now()).await?;
    crate::booking::replan_all(&mut tx, access.business_id).await?;
    tx.commit().await?;
    Ok(wording)
}

/// How a text reads for a visit that might be: the day after tomorrow at 14:00, moved by a day.
#[must_use]
pub fn example(
    platform: &Platform,
    business: &Business,
    wording: &Wording,
    event: Event,
    language: Language,
) -> String {
    let today = business.zone.date(platform.clock.now());
    let start = today.saturating_add(Span::new().days(2)).at(14, 0, 0, 0);
    let (client, service, master) = match language {
        Language::Ru => ("Айгерим", "Стрижка", "Айгуль"),
        Language::Kk => ("Әйгерім", "Шаш қию", "Айгүл"),
        Language::En => ("Aigerim", "Haircut", "Aigul"),
    };
    let visit = VisitText {
        business: business.name.as_str(),
        address: business.address.as_deref(),
        client,
        service,
        master,
        price_tiyn: 500_000,
        start,
        moved_from: Some(start.saturating_sub(Span::new().days(1))),
        today,
        cancellation_hours: business.settings.visits.cancel_hours.unwrap_or(platform.policy.cancellation_hours),
        link: None,
    };
    platform.texts.visit(event, language, wording, &visit)
}

impl fmt::Debug for Wording {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Wording({} texts)", self.0.len())
    }
}
