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

/// What stands in for the choice of a client who books and chooses nothing: their browser's language, where it is not
/// the business's own, which needs no remembering.
pub(crate) fn guess(business: &Business, chosen: Option<Language>, browser: Option<Language>) -> Option<Language> {
    browser.filter(|browser| chosen.is_none() && *browser != business.language)
}

/// Remembers what the form of a visit, which is booked by now, said of its client's language.
///
/// A choice is in the client's row already, and so is a guess about a new one. What is left to do, mostly nothing, is
/// to guess about somebody who was there and never chose, and to word what is planned for other visits anew.
pub(crate) async fn learn_from_visit(
    platform: &Platform,
    business: &Business,
    client_id: ClientId,
    (chosen, browser): (Option<Language>, Option<Language>),
    now: Timestamp,
) -> Result<(), StoreError> {
    let said = match (chosen, guess(business, chosen, browser)) {
        (Some(chosen), _) => (chosen, Sign::Choice),
        (None, Some(guess)) => (guess, Sign::Browser),
        (None, None) => return Ok(()),
    };
    if !leaves_work(platform, business.id, client_id, said, now).await? {
        return Ok(());
    }
    let mut tx = platform.db.begin().await?;
    learn(&mut tx, platform, business.id, client_id, said, now).await?;
    Ok(tx.commit().await?)
}

/// Whether a client has visits to come in another language than they choose, or a guess that is none any more; or, of a
/// guess, whether they have no language yet.
async fn leaves_work(
    platform: &Platform,
    business_id: BusinessId,
    client_id: ClientId,
    (language, sign): (Language, Sign),
    now: Timestamp,
) -> Result<bool, StoreError> {
    let mut connection = platform.db.read().await?;
    let found = match sign {
        Sign::Browser => db::fetch_optional!(
            &mut connection,
            (ClientId,),
            "select id from clients where business_id = $1 and id = $2 and language is null",
            business_id,
            client_id,
        )?,
        Sign::Choice | Sign::Word => db::fetch_optional!(
            &mut connection,
            (ClientId,),
            "select id from clients
             where business_id = $1 and id = $2 and (guessed_language is not null or exists (
                 select 1 from bookings
                 where client_id = $2 and starts_at > $4 and state in ('pending', 'confirmed', 'arrived')
                     and language <> $3
             ))",
            business_id,
            client_id,
            language.as_str(),
            now,
        )?,
    };
    Ok(found.is_some())
}
