//! Texts that refer to something: a quoted message, mentioned people, a chat's timer.
//!
//! A text without any of it is a plain `conversation`: [`Plaintext::text`]. All of them have the
//! labels of [`Labels::TEXT`](super::outbound::Labels::TEXT).

use super::{MessageId, MessageSecret, Plaintext};
use crate::jid::Jid;
use crate::proto;

/// A text and what it refers to.
#[derive(Clone)]
#[non_exhaustive]
pub struct Text {
    body: String,
    quote: Option<Quote>,
    mentions: Vec<Jid>,
    expiration: Option<u32>,
}

/// The message that a text answers.
#[derive(Clone)]
pub struct Quote {
    /// Its id.
    pub id: MessageId,
    /// Its author; always named, also in one-to-one chats.
    pub author: Jid,
    /// Its content, of which the context is left out.
    pub message: proto::Message,
}

impl Text {
    /// A text that refers to nothing yet.
    #[must_use]
    pub fn new(body: impl Into<String>) -> Self {
        Self { body: body.into(), quote: None, mentions: Vec::new(), expiration: None }
    }

    /// Makes it an answer to another message.
    #[must_use]
    pub fn quoting(self, quote: Quote) -> Self {
        Self { quote: Some(quote), ..self }
    }

    /// Mentions people; the body has to hold `@` and the user part of each, in the chat's namespace.
    #[must_use]
    pub fn mentioning(self, people: impl IntoIterator<Item = Jid>) -> Self {
        Self { mentions: people.into_iter().collect(), ..self }
    }

    /// Lets it disappear after that many seconds: the timer of the chat.
    #[must_use]
    pub fn expiring(self, seconds: u32) -> Self {
        Self { expiration: Some(seconds), ..self }
    }

    /// Serialises the text, with its secret.
    #[must_use]
    pub fn plaintext(self, secret: &MessageSecret) -> Plaintext {
        let Some(context_info) = self.context() else {
            return Plaintext::text(&self.body, secret);
        };
        let text = proto::ExtendedTextMessage {
            text: Some(self.body),
            context_info: Some(context_info.into()),
            ..Default::default()
        };
        Plaintext::encode(&proto::Message {
            extended_text_message: Some(text.into()),
            message_context_info: Some(proto::MessageContextInfo {
                message_secret: Some(secret.expose().to_vec()),
                ..Default::default()
            }),
            ..Default::default()
        })
    }

    /// What the text refers to, if anything.
    fn context(&self) -> Option<proto::ContextInfo> {
        if self.quote.is_none() && self.mentions.is_empty() && self.expiration.is_none() {
            return None;
        }
        let quote = self.quote.as_ref();
        Some(proto::ContextInfo {
            stanza_id: quote.map(|quote| quote.id.to_string()),
            participant: quote.map(|quote| quote.author.account().to_string()),
            quoted_message: quote.map(|quote| without_context(quote.message.clone()).into()),
            mentioned_jid: self.mentions.iter().map(|jid| jid.account().to_string()).collect(),
            expiration: self.expiration,
            ..Default::default()
        })
    }
}

/// A message as it is quoted: without its secret and without what it quoted itself.
fn without_context(message: proto::Message) -> proto::Message {
    let mut message = proto::Message { message_context_info: None, ..message };
    if let Some(text) = message.extended_text_message.as_mut() {
        text.context_info = None;
    }
    message
}

impl std::fmt::Debug for Text {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Text").field("is_answer", &self.quote.is_some()).finish_non_exhaustive()
    }
}

impl std::fmt::Debug for Quote {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Quote").field("id", &self.id).finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::messaging::vectors;

    fn secret() -> MessageSecret {
        MessageSecret::from_slice(&[7; 32]).unwrap()
    }

    /// Checks that a text is the published message followed by its secret.
    fn assert_is(text: Text, name: &str) {
        let vectors = vectors::load();
        let cases = vectors::cases(&vectors["messages"]["cases"]);
        let published = vectors::bytes(&cases.iter().find(|case| case["name"] == name).unwrap()["hex"]);
        let plaintext = text.plaintext(&secret());
        let (content, info) = plaintext.as_bytes().split_at(published.len());
        assert_eq!(content, published, "{name}");
        assert_eq!(info[..5], [0x9a, 0x02, 0x22, 0x1a, 0x20]);
    }

    fn peer() -> Jid {
        Jid::lid("990000000000002")
    }

    #[test]
    fn texts_are_the_published_ones() {
        assert_is(Text::new("Hello"), "text");
        let quoted = proto::Message { conversation: Some("Question?".into()), ..Default::default() };
        let id = MessageId::parse("3EB0AAAAAAAAAAAAAAAAA1").unwrap();
        let quote = Quote { id, author: peer().with_device(3), message: quoted };
        assert_is(Text::new("My answer").quoting(quote), "extended_text_quote");
        assert_is(Text::new("@990000000000002 look").mentioning([peer()]), "extended_text_mention");
    }

    #[test]
    fn a_quote_does_not_give_the_secret_away() {
        let quoted = Text::new("first").expiring(86_400).plaintext(&secret()).decode().unwrap();
        let quote = Quote { id: MessageId::parse("A").unwrap(), author: peer(), message: quoted };
        let answer = Text::new("second").quoting(quote).plaintext(&secret()).decode().unwrap();
        let context = answer.extended_text_message.unwrap().context_info.unwrap();
        let quoted = context.quoted_message.unwrap();
        assert!(quoted.message_context_info.is_none());
        let quoted = quoted.extended_text_message.unwrap();
        assert_eq!((quoted.text.as_deref(), quoted.context_info), (Some("first"), None));
    }

    #[test]
    fn a_timer_goes_along() {
        let message = Text::new("soon gone").expiring(604_800).plaintext(&secret()).decode().unwrap();
        let context = message.extended_text_message.unwrap().context_info.unwrap();
        assert_eq!(context.expiration, Some(604_800));
    }
}
