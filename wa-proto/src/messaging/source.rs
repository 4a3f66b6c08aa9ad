//! Who wrote an incoming message, and to which chat it belongs.

use super::addressing::Names;
use crate::jid::{Jid, Server};
use crate::stanza::IncomingMessage;

/// What kind of chat a message is in.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum ChatKind {
    /// With one person, or with ourselves.
    Direct,
    /// A group.
    Group,
    /// Status updates.
    Status,
    /// A broadcast list.
    BroadcastList,
    /// A channel: its posts are not encrypted.
    Newsletter,
    /// With a bot.
    Bot,
}

/// The two names of one account, as a peer's own stanza shows them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Mapping {
    pn: Jid,
    lid: Jid,
}

impl Mapping {
    /// Joins two names; `None` unless one is a phone number and the other a LID, both of an account.
    #[must_use]
    pub fn new(one: &Jid, other: &Jid) -> Option<Self> {
        let (pn, lid) = if one.is_pn() { (one, other) } else { (other, one) };
        (pn.is_pn() && lid.is_lid()).then(|| Self { pn: pn.account(), lid: lid.account() })
    }

    /// The phone-number name, without device.
    #[must_use]
    pub fn pn(&self) -> &Jid {
        &self.pn
    }

    /// The hidden name, without device.
    #[must_use]
    pub fn lid(&self) -> &Jid {
        &self.lid
    }

    /// Both names.
    #[must_use]
    pub fn names(&self) -> Names {
        Names::new(Some(&self.pn), Some(&self.lid))
    }

    /// Whether the mapping may be stored: it does not join one of our own names to somebody else's.
    #[must_use]
    pub fn is_credible(&self, own: &Names) -> bool {
        let pn_is_ours = own.pn().map(|pn| *pn == self.pn);
        let lid_is_ours = own.lid().map(|lid| *lid == self.lid);
        match (pn_is_ours, lid_is_ours) {
            (Some(pn), Some(lid)) => pn == lid,
            (Some(ours), None) | (None, Some(ours)) => !ours,
            (None, None) => true,
        }
    }
}

/// Where an incoming message comes from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Source {
    /// The chat, without device, in the namespace of the stanza.
    pub chat: Jid,
    /// What kind of chat it is.
    pub chat_kind: ChatKind,
    /// The device that wrote it, as the stanza names it.
    pub author: Jid,
    /// Whether the author is a device of our own account.
    pub is_own: bool,
    /// The author's two names, if the stanza shows both.
    pub author_mapping: Option<Mapping>,
    /// The chat partner's two names, in a message of our own account that shows both.
    pub chat_mapping: Option<Mapping>,
}

impl Source {
    /// Works out the source of a message to the account with the names `own`.
    ///
    /// Mappings that are not credible are left out.
    #[must_use]
    pub fn of(message: &IncomingMessage, own: &Names) -> Self {
        let from = &message.from;
        let author = message.participant.as_ref().unwrap_or(from);
        let is_own = own.contains(author);
        let chat_kind = chat_kind(from);
        let partner = message.recipient.as_ref().filter(|_| is_own && chat_kind == ChatKind::Direct);
        let mapping = |one: &Jid, other: &Option<Jid>| {
            Mapping::new(one, other.as_ref()?).filter(|mapping| mapping.is_credible(own))
        };
        Self {
            chat: partner.unwrap_or(from).account(),
            chat_kind,
            author: author.clone(),
            is_own,
            author_mapping: mapping(author, &message.author_other_name),
            chat_mapping: partner.and_then(|partner| mapping(partner, &message.recipient_other_name)),
        }
    }

    /// All mappings that the stanza shows.
    pub fn mappings(&self) -> impl Iterator<Item = &Mapping> {
        self.author_mapping.iter().chain(&self.chat_mapping)
    }

    /// The author's names: those the stanza shows, or those in `known`.
    #[must_use]
    pub fn author_names(&self, known: Option<Names>) -> Names {
        let shown = self.author_mapping.as_ref().map(Mapping::names);
        shown.or(known).unwrap_or_else(|| Names::of(&self.author))
    }
}

fn chat_kind(from: &Jid) -> ChatKind {
    match from.server() {
        Server::Group => ChatKind::Group,
        Server::Broadcast if from.is_status() => ChatKind::Status,
        Server::Broadcast => ChatKind::BroadcastList,
        Server::Newsletter => ChatKind::Newsletter,
        Server::Bot => ChatKind::Bot,
        Server::Pn
        | Server::Lid
        | Server::Hosted
        | Server::HostedLid
        | Server::Legacy
        | Server::Call
        | Server::Messenger
        | Server::Interop
        | Server::Other(_) => ChatKind::Direct,
    }
}

#[cfg(test)]
mod tests {
    use super::super::testing::names;
    use super::*;
    use crate::messaging::MessageId;

    fn message(from: &str) -> IncomingMessage {
        IncomingMessage::new(MessageId::parse("3A01").unwrap(), from.parse().unwrap(), 1, "text")
    }

    #[test]
    fn a_direct_message_is_in_the_chat_with_its_author() {
        let mut message = message("990000000000002:12@lid");
        message.author_other_name = Some(Jid::pn("77010000002"));
        let source = Source::of(&message, &names(1));
        assert_eq!(source.chat, Jid::lid("990000000000002"));
        assert_eq!(source.author.device(), 12);
        assert!(!source.is_own);
        assert_eq!(source.author_mapping.unwrap().names(), names(2));
    }

    #[test]
    fn a_copy_of_our_own_message_is_in_the_chat_it_was_sent_to() {
        for from in ["990000000000001@lid", "77010000001:3@s.whatsapp.net"] {
            let mut message = message(from);
            message.recipient = Some(Jid::lid("990000000000002"));
            message.recipient_other_name = Some(Jid::pn("77010000002"));
            let source = Source::of(&message, &names(1));
            assert!(source.is_own);
            assert_eq!(source.chat, Jid::lid("990000000000002"));
            assert_eq!(source.mappings().count(), 1);
        }
        let note = Source::of(&message("990000000000001@lid"), &names(1));
        assert_eq!(note.chat, Jid::lid("990000000000001"));
    }

    #[test]
    fn a_group_message_has_an_author_of_its_own() {
        let mut message = message("120363000000000001@g.us");
        message.participant = Some("990000000000002:1@lid".parse().unwrap());
        message.author_other_name = Some(Jid::pn("77010000002"));
        let source = Source::of(&message, &names(1));
        assert_eq!((source.chat_kind, source.author.device()), (ChatKind::Group, 1));
        assert_eq!(source.chat, message.from);
        assert!(source.author_mapping.is_some());
    }

    #[test]
    fn our_own_name_is_never_joined_to_a_strangers() {
        let mut stranger = message("990000000000002@lid");
        stranger.author_other_name = Some(Jid::pn("77010000001"));
        assert_eq!(Source::of(&stranger, &names(1)).author_mapping, None);
        let mut ours = message("990000000000001:4@lid");
        ours.author_other_name = Some(Jid::pn("77010000001"));
        assert!(Source::of(&ours, &names(1)).author_mapping.is_some());
        let half_known = Names::of(&Jid::pn("77010000001"));
        stranger.author_other_name = Some(Jid::pn("77010000002"));
        assert!(Source::of(&stranger, &half_known).author_mapping.is_some());
        assert_eq!(Mapping::new(&Jid::pn("1"), &Jid::pn("2")), None);
    }
}
