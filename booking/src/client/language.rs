//! What a client is written to in.
//!
//! What they choose themselves counts: in a form, with the staff, by the language of a word in the chat where nothing
//! was chosen. Until they choose, the language their browser asked for stands in for a choice; the column
//! `guessed_language` has it then, equal to `language`, and any choice takes its place.

use db::Connection;

use crate::booking as visits;
use crate::business::Business;
use crate::clock::Timestamp;
use crate::id::{BusinessId, ClientId};
use crate::language::Language;
use crate::platform::Platform;
use crate::store::StoreError;

/// How a language came to be known.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Sign {
    /// The client said so: it takes the place of any other.
    Choice,
    /// They used a word of it: it takes the place of a guess.
    Word,
    /// Their browser asked for it: it takes no other's place.
    Browser,
}

/// Remembers what a client is written to in from now on, and words what is planned for them anew; gives whether that
/// was news.
pub(crate) async fn learn(
    connection: &mut Connection,
    platform: &Platform,
    business_id: BusinessId,
    client_id: ClientId,
    (language, sign): (Language, Sign),
    now: Timestamp,
) -> Result<bool, StoreError> {
    let learned = match sign {
        Sign::Choice => db::execute!(
            connection,
            "update clients set language = $3, guessed_language = null, updated_at = $4
             where business_id = $1 and id = $2
                 and (language is null or language <> $3 or guessed_language is not null)",
            business_id,
            client_id,
            language.as_str(),
            now,
        )?,
        Sign::Word => db::execute!(
            connection,
            "update clients set language = $3, guessed_language = null, updated_at = $4
             where business_id = $1 and id = $2 and (language is null or language = guessed_language)",
            business_id,
            client_id,
            language.as_str(),
            now,
        )?,
        Sign::Browser => db::execute!(
            connection,
            "update clients set language = $3, guessed_language = $3, updated_at = $4
             where business_id = $1 and id = $2 and language is null",
            business_id,
            client_id,
            language.as_str(),
            now,
        )?,
    };
    // Visits can differ from what is remembered: a form chooses for the next one before it is remembered.
    if learned > 0 || sign == Sign::Choice {
        visits::speak(connection, platform, business_id, client_id, language, now).await?;
    }
    Ok(learned > 0)
}

/// Remembers what the form of a visit, which is booked by now, said of its client's language.
///
/// A choice is in the client's row already, so all there is to do is to word what is planned for their other visits
/// anew, if there are any. The business's own language needs no remembering while the client has chosen none.
pub(crate) async fn learn_from_visit(
    platform: &Platform,
    business: &Business,
    client_id: ClientId,
    (chosen, browser): (Option<Language>, Option<Language>),
    now: Timestamp,
) -> Result<(), StoreError> {
    let said = match (chosen, browser.filter(|language| *language != business.language)) {
        (Some(chosen), _) if leaves_work(platform, business.id, client_id, chosen, now).await? => {
            (chosen, Sign::Choice)
        }
        (None, Some(browser)) => (browser, Sign::Browser),
        (Some(_) | None, _) => return Ok(()),
    };
    let mut tx = platform.db.begin().await?;
    learn(&mut tx, platform, business.id, client_id, said, now).await?;
    Ok(tx.commit().await?)
}

/// Whether a client has visits to come in another language, or a guess that is none any more.
async fn leaves_work(
    platform: &Platform,
    business_id: BusinessId,
    client_id: ClientId,
    language: Language,
    now: Timestamp,
) -> Result<bool, StoreError> {
    let found = db::fetch_optional!(
        &mut platform.db.read().await?,
        (ClientId,),
        "select id from clients
         where business_id = $1 and id = $2 and (guessed_language is not null or exists (
             select 1 from bookings
             where client_id = $2 and starts_at > $4 and state in ('pending', 'confirmed', 'arrived') and language <> $3
         ))",
        business_id,
        client_id,
        language.as_str(),
        now,
    )?;
    Ok(found.is_some())
}
