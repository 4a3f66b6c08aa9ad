//! In which namespace a one-to-one message is addressed.
//!
//! Each account has a phone-number name (PN) and a hidden one (LID), and a message stanza must use
//! one of the two throughout: recipient, all devices, our own companions. Accounts move from PN to
//! LID; which side of the move an account is on is not always told, so it may have to be found out:
//!
//! ```text
//!            migration signal                       migration signal
//! Unknown ─────────────────────────► Lid ◄───────────────────────────── Pn
//!    │                                                                   ▲
//!    └── a LID message refused with 400, accepted when sent by PN ───────┘
//! ```
//!
//! A new pairing starts over at [`DmAddressing::Unknown`].

use crate::jid::Jid;

/// One of the two namespaces of people.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Namespace {
    /// Phone numbers, `@s.whatsapp.net`.
    Pn,
    /// Hidden ids, `@lid`.
    Lid,
}

impl Namespace {
    /// The namespace of a user's or device's JID; `None` for groups, bots and the rest.
    #[must_use]
    pub fn of(jid: &Jid) -> Option<Self> {
        match (jid.is_lid(), jid.is_pn()) {
            (true, _) => Some(Self::Lid),
            (false, true) => Some(Self::Pn),
            (false, false) => None,
        }
    }

    /// The name of the server of its accounts.
    #[must_use]
    pub const fn server_name(self) -> &'static str {
        match self {
            Self::Pn => "s.whatsapp.net",
            Self::Lid => "lid",
        }
    }

    /// The value of an `addressing_mode` attribute.
    #[must_use]
    pub const fn as_attr(self) -> &'static str {
        match self {
            Self::Pn => "pn",
            Self::Lid => "lid",
        }
    }

    /// Reads an `addressing_mode` attribute.
    #[must_use]
    pub fn from_attr(value: &str) -> Option<Self> {
        match value {
            "pn" => Some(Self::Pn),
            "lid" => Some(Self::Lid),
            _ => None,
        }
    }

    /// The other one.
    #[must_use]
    pub fn other(self) -> Self {
        match self {
            Self::Pn => Self::Lid,
            Self::Lid => Self::Pn,
        }
    }
}

/// The text of a JID without its device, in pieces: for texts that are hashed or wrapped, without
/// making the text.
pub(super) fn account_name(jid: &Jid) -> [&[u8]; 3] {
    let server = match Namespace::of(jid) {
        Some(namespace) => namespace.server_name(),
        None => jid.server().as_str(),
    };
    [jid.user_bytes(), b"@", server.as_bytes()]
}

/// The two names of an account, without devices, as far as they are known.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Names {
    pn: Option<Jid>,
    lid: Option<Jid>,
}

impl Names {
    /// Takes the names that are given, of any device; one in the wrong namespace counts as unknown.
    #[must_use]
    pub fn new(pn: Option<&Jid>, lid: Option<&Jid>) -> Self {
        Self { pn: pn.filter(|pn| pn.is_pn()).map(Jid::account), lid: lid.filter(|lid| lid.is_lid()).map(Jid::account) }
    }

    /// The one name that a JID shows.
    #[must_use]
    pub fn of(jid: &Jid) -> Self {
        Self::new(Some(jid), Some(jid))
    }

    /// The phone-number name.
    #[must_use]
    pub fn pn(&self) -> Option<&Jid> {
        self.pn.as_ref()
    }

    /// The hidden name.
    #[must_use]
    pub fn lid(&self) -> Option<&Jid> {
        self.lid.as_ref()
    }

    /// The name in `namespace`.
    #[must_use]
    pub fn in_namespace(&self, namespace: Namespace) -> Option<&Jid> {
        match namespace {
            Namespace::Pn => self.pn(),
            Namespace::Lid => self.lid(),
        }
    }

    /// The name under which things are stored: the LID when it is known.
    #[must_use]
    pub fn canonical(&self) -> Option<&Jid> {
        self.lid.as_ref().or(self.pn.as_ref())
    }

    /// Whether `jid` is this account or one of its devices, under either name.
    #[must_use]
    pub fn contains(&self, jid: &Jid) -> bool {
        [&self.pn, &self.lid].into_iter().flatten().any(|name| name.is_same_account(jid))
    }
}

/// What is known about an account's own place in the move from PN to LID. Kept with the account.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Hash)]
pub enum DmAddressing {
    /// Nothing was seen yet; LID is tried first, since nearly all accounts have moved.
    #[default]
    Unknown,
    /// The account has moved: a migration signal was seen.
    Lid,
    /// The account has not moved: the server took a message by PN that it refused by LID.
    Pn,
}

impl DmAddressing {
    /// A migration signal was seen: the pairing properties, the phone's mapping message, or the AB
    /// property 9435. It wins over everything learnt by trying.
    #[must_use]
    pub fn migrated(self) -> Self {
        Self::Lid
    }

    /// Begins the attempts at one message.
    #[must_use]
    pub fn begin(self) -> DmAttempt {
        let namespace = match self {
            Self::Unknown | Self::Lid => Namespace::Lid,
            Self::Pn => Namespace::Pn,
        };
        DmAttempt { namespace, is_second: false }
    }
}

/// One attempt at sending a message, in one namespace; there are at most two.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct DmAttempt {
    namespace: Namespace,
    is_second: bool,
}

impl DmAttempt {
    /// The namespace to send in.
    #[must_use]
    pub fn namespace(self) -> Namespace {
        self.namespace
    }

    /// The server refused the stanza with 400: the attempt in the other namespace, same message id
    /// but encrypted anew, or `None` when both were refused and the send has failed.
    #[must_use]
    pub fn refused(self) -> Option<Self> {
        (!self.is_second).then_some(Self { namespace: self.namespace.other(), is_second: true })
    }

    /// The server took the stanza: what is now known, to be stored if it differs from `known`.
    #[must_use]
    pub fn accepted(self, known: DmAddressing) -> DmAddressing {
        match (known, self.namespace, self.is_second) {
            (DmAddressing::Unknown, Namespace::Pn, true) => DmAddressing::Pn,
            // It had been told to use PN and took only LID: the account has moved since.
            (DmAddressing::Pn, Namespace::Lid, true) => DmAddressing::Unknown,
            (known, _, _) => known,
        }
    }
}

/// How one message is addressed; all JIDs but `peer_recipient_pn` in one namespace.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Route {
    /// The chat: `to` of the stanza, without device.
    pub to: Jid,
    /// Ourselves in that namespace, without device: the base of our companions' JIDs.
    pub own: Jid,
    /// The recipient's phone number, beside a LID in `to`.
    pub peer_recipient_pn: Option<Jid>,
    /// Whether the chat is the one with ourselves.
    pub is_self: bool,
}

/// Why a message cannot be addressed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum RouteError {
    /// The recipient's name in this namespace is not known; ask for it (or whether the number is
    /// registered at all) before sending.
    #[error("the recipient's name in the namespace is not known")]
    UnknownRecipient(Namespace),
    /// Our own name in this namespace is not known: log in first.
    #[error("our own name in the namespace is not known")]
    UnknownSelf(Namespace),
}

/// Addresses a message to `recipient` in `namespace`.
///
/// # Errors
///
/// [`RouteError`] when one of the two names is missing. Names of different namespaces are never
/// mixed: the server refuses such a stanza as a whole.
pub fn route(namespace: Namespace, own: &Names, recipient: &Names) -> Result<Route, RouteError> {
    let own_name = own.in_namespace(namespace).ok_or(RouteError::UnknownSelf(namespace))?;
    let is_self = [recipient.pn(), recipient.lid()].into_iter().flatten().any(|jid| own.contains(jid));
    let recipient_name = if is_self { Some(own_name) } else { recipient.in_namespace(namespace) };
    let to = recipient_name.ok_or(RouteError::UnknownRecipient(namespace))?.clone();
    let peer_recipient_pn = match namespace {
        Namespace::Lid if !is_self => recipient.pn().cloned(),
        Namespace::Lid | Namespace::Pn => None,
    };
    Ok(Route { to, own: own_name.clone(), peer_recipient_pn, is_self })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn names(number: &str) -> Names {
        let pn = Jid::pn(&format!("7701000000{number}"));
        let lid = Jid::lid(&format!("99000000000000{number}"));
        Names::new(Some(&pn), Some(&lid))
    }

    #[test]
    fn an_unknown_account_that_refuses_lid_is_latched_to_pn() {
        let known = DmAddressing::Unknown;
        let first = known.begin();
        assert_eq!(first.namespace(), Namespace::Lid);
        let second = first.refused().unwrap();
        assert_eq!(second.namespace(), Namespace::Pn);
        assert_eq!(second.accepted(known), DmAddressing::Pn);
        assert_eq!(second.refused(), None);
        assert_eq!(first.accepted(known), DmAddressing::Unknown);
    }

    #[test]
    fn a_signal_wins_over_what_was_learnt() {
        assert_eq!(DmAddressing::Pn.migrated(), DmAddressing::Lid);
        let second = DmAddressing::Lid.begin().refused().unwrap();
        assert_eq!(second.accepted(DmAddressing::Lid), DmAddressing::Lid);
    }

    #[test]
    fn a_latched_account_that_moved_is_found_out() {
        let first = DmAddressing::Pn.begin();
        assert_eq!(first.namespace(), Namespace::Pn);
        let second = first.refused().unwrap();
        assert_eq!(second.accepted(DmAddressing::Pn), DmAddressing::Unknown);
    }

    #[test]
    fn a_route_never_mixes_namespaces() {
        let by_lid = route(Namespace::Lid, &names("1"), &names("2")).unwrap();
        assert!(by_lid.to.is_lid() && by_lid.own.is_lid());
        assert_eq!(by_lid.peer_recipient_pn, Some(Jid::pn("77010000002")));
        let by_pn = route(Namespace::Pn, &names("1"), &names("2")).unwrap();
        assert!(by_pn.to.is_pn() && by_pn.own.is_pn());
        assert_eq!(by_pn.peer_recipient_pn, None);
    }

    #[test]
    fn a_missing_name_is_an_error() {
        let number_only = Names::of(&Jid::pn("77010000002"));
        assert_eq!(route(Namespace::Lid, &names("1"), &number_only), Err(RouteError::UnknownRecipient(Namespace::Lid)));
        assert_eq!(route(Namespace::Lid, &number_only, &names("1")), Err(RouteError::UnknownSelf(Namespace::Lid)));
    }

    #[test]
    fn a_chat_with_oneself_uses_the_own_name() {
        let own_number = Names::of(&Jid::pn("77010000001"));
        let to_self = route(Namespace::Lid, &names("1"), &own_number).unwrap();
        assert!(to_self.is_self);
        assert_eq!(to_self.to, to_self.own);
        assert_eq!(to_self.peer_recipient_pn, None);
    }
}
