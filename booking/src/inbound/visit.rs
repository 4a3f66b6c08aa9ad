//! Answers to what a client was last written about a visit.

use db::Connection;

use super::answer::Said;
use super::{Outcome, Understood};
use crate::access::{Origin, Who};
use crate::booking::{self as visits, Action, Booking, BookingState, By, ChangeError};
use crate::id::BookingId;
use crate::store::StoreError;
use crate::text::ChatText;

/// How much later than an answer, by the server's clock, what it answers may have been noted as sent, in seconds.
const SKEW: i64 = 60;
/// How the key of a question whether to call a visit off begins; the visit's version follows.
const ASK: &str = "ask-cancel:";

/// What a client was last written about, and whether that was the question whether to call it off.
struct Topic {
    booking: Booking,
    was_asked: bool,
}

impl Understood<'_> {
    /// Takes an answer for one to the last word about a visit that is still to come; anything else is left to a person.
    pub(super) async fn of_visit(&self, said: Said) -> Result<(Outcome, Option<BookingId>), StoreError> {
        let Some(topic) = self.topic(&mut self.platform.db.read().await?).await? else {
            return Ok((Outcome::Unread, None));
        };
        let id = topic.booking.id;
        let outcome = match said {
            Said::Yes => self.confirm(&topic.booking).await?,
            Said::No if topic.was_asked => self.cancel(&topic.booking).await?,
            Said::No => self.ask(&topic.booking).await?,
        };
        Ok((outcome, Some(id)))
    }

    async fn topic(&self, connection: &mut Connection) -> Result<Option<Topic>, StoreError> {
        let last = db::fetch_optional!(
            connection,
            (BookingId, String, bool),
            "select booking_id, dedup_key, exists (
                 select 1 from booking_transitions t
                 where t.business_id = outbox.business_id and t.booking_id = outbox.booking_id
                     and t.moved_from is not null and t.at > outbox.sent_at
             )
             from outbox
             where account_id = $1 and business_id = $2 and phone = $3 and booking_id is not null
                 and sent_at is not null and sent_at <= $4
             order by sent_at desc, id desc limit 1",
            self.account_id,
            self.business.id,
            self.phone.expose(),
            self.incoming.at.plus(SKEW),
        )?;
        // What was said about a visit before somebody moved it is about another time: a person has to look.
        let Some((id, key, false)) = last else { return Ok(None) };
        let found = visits::find(connection, self.business.id, id).await?;
        let Some(booking) = found.filter(|booking| {
            matches!(booking.state, BookingState::Pending | BookingState::Confirmed) && booking.starts_at > self.now
        }) else {
            return Ok(None);
        };
        let asked = key.strip_prefix(ASK).and_then(|rest| rest.split(':').next());
        let was_asked = asked.is_some_and(|version| version == booking.version.to_string());
        // A question about the visit as it was before somebody moved it is about nothing any more.
        if asked.is_some() && !was_asked {
            return Ok(None);
        }
        Ok(Some(Topic { booking, was_asked }))
    }

    async fn confirm(&self, booking: &Booking) -> Result<Outcome, StoreError> {
        let mut tx = self.platform.db.begin().await?;
        let said = Some(self.incoming.wa_message_id);
        visits::note_acknowledged(&mut tx, booking, &client(booking), said, self.now).await?;
        let key = format!("thanks:{}", booking.version);
        self.say(&mut tx, booking, ChatText::Thanks, &key).await?;
        tx.commit().await?;
        Ok(Outcome::Confirmed)
    }

    async fn ask(&self, booking: &Booking) -> Result<Outcome, StoreError> {
        let key = format!("{ASK}{}:{}", booking.version, self.id);
        let mut tx = self.platform.db.begin().await?;
        self.say(&mut tx, booking, ChatText::AskCancel, &key).await?;
        tx.commit().await?;
        Ok(Outcome::CancelAsked)
    }

    async fn cancel(&self, booking: &Booking) -> Result<Outcome, StoreError> {
        let cancel = visits::Change { version: Some(booking.version), ..visits::Change::of(Action::Cancel) };
        let by = By::Client { business_id: self.business.id, origin: &client(booking) };
        match visits::change(self.platform, by, booking.id, &cancel).await {
            // Calling off tells the client so itself.
            Ok(_) => Ok(Outcome::Cancelled),
            Err(ChangeError::TooLate { .. }) => {
                let key = format!("cannot-cancel:{}:{}", booking.version, self.id);
                let mut tx = self.platform.db.begin().await?;
                self.say(&mut tx, booking, ChatText::CannotCancel, &key).await?;
                tx.commit().await?;
                Ok(Outcome::CancelRefused)
            }
            Err(ChangeError::Store(error)) => Err(error),
            // Somebody was faster: a person has to look.
            Err(_) => Ok(Outcome::Unread),
        }
    }

    async fn say(
        &self,
        connection: &mut Connection,
        booking: &Booking,
        text: ChatText,
        key: &str,
    ) -> Result<(), StoreError> {
        let salon = (self.business.name.as_str(), self.business.phone.display());
        let today = booking.zone.date(self.now);
        let texts = &self.platform.texts;
        let text = texts.chat(booking.language, text, (salon.0, &salon.1), booking.wall_start, today);
        self.reply(connection, Some(booking.id), key, &text, booking.language).await
    }
}

/// Who wrote: the client of the visit.
fn client(booking: &Booking) -> Origin {
    let who = booking.client_id.map_or(Who::System, Who::Client);
    Origin { who, ..Origin::system() }
}
