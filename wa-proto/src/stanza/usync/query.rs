use super::{MAX_USERS_READ, UsyncAnswer};
use crate::jid::Jid;
use crate::node::{Node, NodeRef, ShapeError};
use crate::stanza::iq::{self, Kind, Request};

/// A thing that can be asked about users.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
#[non_exhaustive]
pub enum Protocol {
    /// The devices of an account.
    Devices,
    /// The LID of a phone number.
    Lid,
    /// Whether a number is registered.
    Contact,
    /// The verified name of a business.
    Business,
    /// The "about" text.
    Status,
    /// The id of the profile picture.
    Picture,
    /// The user's default timer.
    DisappearingMode,
}

impl Protocol {
    /// All of them.
    pub const ALL: [Self; 7] =
        [Self::Devices, Self::Lid, Self::Contact, Self::Business, Self::Status, Self::Picture, Self::DisappearingMode];

    /// The tag that asks and answers.
    #[must_use]
    pub const fn tag(self) -> &'static str {
        match self {
            Self::Devices => "devices",
            Self::Lid => "lid",
            Self::Contact => "contact",
            Self::Business => "business",
            Self::Status => "status",
            Self::Picture => "picture",
            Self::DisappearingMode => "disappearing_mode",
        }
    }

    /// The protocol of a tag.
    #[must_use]
    pub fn from_tag(tag: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|protocol| protocol.tag() == tag)
    }

    /// The element in `<query>`.
    fn to_node(self) -> Node {
        let node = Node::new(self.tag());
        match self {
            Self::Devices => node.attr("version", "2"),
            Self::Business => node.child(Node::new("verified_name")),
            Self::Lid | Self::Contact | Self::Status | Self::Picture | Self::DisappearingMode => node,
        }
    }
}

/// How the answer is going to be used.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Context {
    /// To send a message.
    Message,
    /// A person is waiting.
    Interactive,
    /// Nobody is waiting.
    Background,
    /// To place a call.
    Voip,
}

impl Context {
    const ALL: [Self; 4] = [Self::Message, Self::Interactive, Self::Background, Self::Voip];

    const fn as_attr(self) -> &'static str {
        match self {
            Self::Message => "message",
            Self::Interactive => "interactive",
            Self::Background => "background",
            Self::Voip => "voip",
        }
    }
}

/// What kind of query it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Mode {
    /// About exactly these users.
    Query,
    /// A refresh of profiles.
    Full,
    /// Synchronising an address book.
    Delta,
}

impl Mode {
    const ALL: [Self; 3] = [Self::Query, Self::Full, Self::Delta];

    const fn as_attr(self) -> &'static str {
        match self {
            Self::Query => "query",
            Self::Full => "full",
            Self::Delta => "delta",
        }
    }
}

/// What we already have of a user's devices, so that an unchanged list need not be sent.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DevicesHint {
    /// The hash of the list.
    pub hash: String,
    /// The time of the signed list, in Unix seconds.
    pub timestamp: Option<u64>,
    /// The newest time that a notification announced.
    pub expected_timestamp: Option<u64>,
}

/// One user that is asked about.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct UserQuery {
    /// The account, unless it is named by number.
    pub jid: Option<Jid>,
    /// The number to look up, with its plus.
    pub contact: Option<String>,
    /// What is known about its devices.
    pub devices_hint: Option<DevicesHint>,
}

impl UserQuery {
    /// Asks about an account.
    #[must_use]
    pub fn account(jid: &Jid) -> Self {
        Self { jid: Some(jid.account()), ..Self::default() }
    }

    /// Asks whether a number is registered; `digits` is E.164 without the plus.
    #[must_use]
    pub fn number(digits: &str) -> Self {
        Self { contact: Some(format!("+{digits}")), ..Self::default() }
    }

    fn to_node(&self) -> Node {
        let mut node = Node::new("user").attr_opt("jid", self.jid.as_ref());
        if let Some(contact) = &self.contact {
            node = node.child(Node::new("contact").text(contact.clone()));
        }
        if let Some(hint) = &self.devices_hint {
            let hint = Node::new("devices")
                .attr("device_hash", hint.hash.clone())
                .attr_opt("ts", hint.timestamp)
                .attr_opt("expected_ts", hint.expected_timestamp);
            node = node.child(hint);
        }
        node
    }

    fn parse(node: NodeRef<'_>) -> Self {
        let hint = node.child("devices").and_then(|hint| {
            Some(DevicesHint {
                hash: hint.attr_str("device_hash")?.to_owned(),
                timestamp: hint.attr_u64("ts"),
                expected_timestamp: hint.attr_u64("expected_ts"),
            })
        });
        Self {
            jid: node.attr_jid("jid"),
            contact: node.child("contact").and_then(NodeRef::content_str).map(str::to_owned),
            devices_hint: hint,
        }
    }
}

/// A usync query.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct UsyncQuery {
    /// Any fresh request id, beside that of the iq.
    pub sid: String,
    /// What kind of query it is.
    pub mode: Mode,
    /// What the answer is for.
    pub context: Context,
    /// What is asked, about every user.
    pub protocols: Vec<Protocol>,
    /// Whether contacts should be answered by LID, with the number beside it.
    pub prefers_lid: bool,
    /// The users.
    pub users: Vec<UserQuery>,
}

impl UsyncQuery {
    /// Asks for the devices and LIDs of accounts; each account once.
    #[must_use]
    pub fn devices<'a>(sid: impl Into<String>, accounts: impl IntoIterator<Item = &'a Jid>, context: Context) -> Self {
        let mut users: Vec<UserQuery> = Vec::new();
        for account in accounts {
            let user = UserQuery::account(account);
            if !users.contains(&user) {
                users.push(user);
            }
        }
        let protocols = vec![Protocol::Devices, Protocol::Lid];
        Self { sid: sid.into(), mode: Mode::Query, context, protocols, prefers_lid: false, users }
    }

    /// Asks which numbers (E.164 without the plus) are registered, and for their LIDs.
    #[must_use]
    pub fn contacts<'a>(sid: impl Into<String>, numbers: impl IntoIterator<Item = &'a str>) -> Self {
        Self {
            sid: sid.into(),
            mode: Mode::Query,
            context: Context::Interactive,
            protocols: vec![Protocol::Contact, Protocol::Lid],
            prefers_lid: false,
            users: numbers.into_iter().map(UserQuery::number).collect(),
        }
    }

    /// Writes the query as the iq it is.
    #[must_use]
    pub fn to_iq(&self, id: &str) -> Node {
        let protocols = self.protocols.iter().map(|protocol| {
            let by_lid = *protocol == Protocol::Contact && self.prefers_lid;
            protocol.to_node().attr_opt("addressing_mode", by_lid.then_some("lid"))
        });
        let list = Node::new("list").children(self.users.iter().map(UserQuery::to_node));
        let usync = self.envelope().child(Node::new("query").children(protocols)).child(list);
        iq::request(id, Kind::Get, "usync").child(usync)
    }

    /// The `<usync>` element without its content; the answer echoes it.
    pub(super) fn envelope(&self) -> Node {
        Node::new("usync")
            .attr("sid", self.sid.clone())
            .attr("mode", self.mode.as_attr())
            .attr("context", self.context.as_attr())
            .attr("index", "0")
            .attr("last", "true")
    }

    /// Reads a query; `iq` is the whole element. Protocols that are not known are passed over.
    ///
    /// # Errors
    ///
    /// [`ShapeError`] when `<usync>`, `<query>` or `<list>` is missing.
    pub fn parse(iq: NodeRef<'_>) -> Result<Self, ShapeError> {
        let usync = iq.require_child("usync")?;
        let query = usync.require_child("query")?;
        let mode = usync.attr_str("mode");
        let context = usync.attr_str("context");
        let contact = query.child("contact");
        Ok(Self {
            sid: usync.value("sid").map(|sid| sid.to_text().into_owned()).unwrap_or_default(),
            mode: Mode::ALL.into_iter().find(|known| Some(known.as_attr()) == mode).unwrap_or(Mode::Query),
            context: Context::ALL
                .into_iter()
                .find(|known| Some(known.as_attr()) == context)
                .unwrap_or(Context::Interactive),
            protocols: query.children().filter_map(|child| Protocol::from_tag(child.tag())).collect(),
            prefers_lid: contact.and_then(|contact| contact.attr_str("addressing_mode")) == Some("lid"),
            users: usync
                .require_child("list")?
                .children_named("user")
                .take(MAX_USERS_READ)
                .map(UserQuery::parse)
                .collect(),
        })
    }
}

impl Request for UsyncQuery {
    type Answer = UsyncAnswer;

    fn to_node(&self, id: &str) -> Node {
        self.to_iq(id)
    }

    fn read_answer(answer: NodeRef<'_>) -> Result<UsyncAnswer, ShapeError> {
        UsyncAnswer::parse(answer)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_device_query_comes_back() {
        let accounts = [Jid::pn("77010000002"), Jid::lid("990000000000003"), Jid::pn("77010000002").with_device(4)];
        let mut query = UsyncQuery::devices("u-18", &accounts, Context::Message);
        assert_eq!(query.users.len(), 2, "each account once");
        query.users[0].devices_hint =
            Some(DevicesHint { hash: "2:AbCdEfGh".into(), timestamp: Some(5), expected_timestamp: None });
        let wire = query.to_iq("u-17").encode().unwrap();
        let tree = crate::node::decode(&wire).unwrap();
        assert_eq!(UsyncQuery::parse(tree.root()), Ok(query));
    }

    #[test]
    fn a_contact_query_comes_back() {
        let mut query = UsyncQuery::contacts("u-1", ["77010000002", "77010000003"]);
        assert_eq!(query.users[0].contact.as_deref(), Some("+77010000002"));
        for prefers_lid in [false, true] {
            query.prefers_lid = prefers_lid;
            let wire = query.to_iq("u-2").encode().unwrap();
            let tree = crate::node::decode(&wire).unwrap();
            assert_eq!(UsyncQuery::parse(tree.root()), Ok(query.clone()));
        }
    }
}
