use super::{MAX_USERS_READ, Protocol, UsyncQuery};
use crate::jid::Jid;
use crate::messaging::device_list::{Device, ListedDevices, MAX_DEVICES, SignedList};
use crate::node::{Node, NodeRef, ShapeError};
use crate::stanza::iq;

/// A failure of one protocol for all users of a query.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct UsyncFailure {
    /// What failed.
    pub protocol: Protocol,
    /// The code; 429 is a rate limit.
    pub code: u16,
    /// The reason in words.
    pub text: Option<String>,
    /// Seconds to wait before this is asked again; 60 if the server does not say.
    pub backoff: u64,
}

/// How long to wait when the server does not say, in seconds.
const DEFAULT_BACKOFF: u64 = 60;

/// A failure of one protocol for one user. It says nothing about the user's devices: keep what is known.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct UserError {
    /// The code, 404 for nobody.
    pub code: u16,
}

/// Whether a number is a WhatsApp user.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Registration {
    /// It is; use the JID of the answer.
    Registered,
    /// It is not.
    NotRegistered,
    /// It is no valid number.
    Invalid,
    /// The server did not say: ask again later, do not take it for "not registered".
    Unknown,
}

/// The answer about a number.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Contact {
    /// The number as it was asked, with its plus.
    pub asked: String,
    /// Whether it is registered.
    pub registration: Registration,
}

/// What the server says about one user.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct UserAnswer {
    /// The account, in the namespace it was asked in.
    pub jid: Option<Jid>,
    /// Its phone number, where the answer is by LID.
    pub pn: Option<Jid>,
    /// Its devices, or why they are not told; `None` if it was not asked.
    pub devices: Option<Result<ListedDevices, UserError>>,
    /// Its LID.
    pub lid: Option<Jid>,
    /// About the number it was asked by.
    pub contact: Option<Contact>,
}

/// The answer to a usync query.
///
/// With a hint, a user whose list has not changed is left out; without one, a missing user is unknown.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct UsyncAnswer {
    /// The id of the query.
    pub sid: String,
    /// Protocols that failed as a whole.
    pub failures: Vec<UsyncFailure>,
    /// The users.
    pub users: Vec<UserAnswer>,
}

impl UsyncAnswer {
    /// The failure of a protocol as a whole, if it failed.
    #[must_use]
    pub fn failure(&self, protocol: Protocol) -> Option<&UsyncFailure> {
        self.failures.iter().find(|failure| failure.protocol == protocol)
    }

    /// The answer about an account, by either name.
    #[must_use]
    pub fn user(&self, account: &Jid) -> Option<&UserAnswer> {
        let is_it = |name: &Option<Jid>| name.as_ref().is_some_and(|name| name.is_same_account(account));
        self.users.iter().find(|user| is_it(&user.jid) || is_it(&user.pn) || is_it(&user.lid))
    }

    /// The answer about a number, matched by the text that was asked (E.164, with or without plus).
    #[must_use]
    pub fn contact(&self, number: &str) -> Option<&UserAnswer> {
        let digits = number.trim_start_matches('+');
        let asked = |contact: &Contact| contact.asked.trim_start_matches('+') == digits;
        self.users.iter().find(|user| user.contact.as_ref().is_some_and(asked))
    }

    /// Reads an answer; `iq` is the whole element, of type `result`.
    ///
    /// # Errors
    ///
    /// [`ShapeError`] when `<usync>` or `<list>` is missing.
    pub fn parse(iq: NodeRef<'_>) -> Result<Self, ShapeError> {
        let usync = iq.require_child("usync")?;
        let list = usync.require_child("list")?;
        let results = usync.child("result").into_iter().flat_map(NodeRef::children);
        Ok(Self {
            sid: usync.value("sid").map(|sid| sid.to_text().into_owned()).unwrap_or_default(),
            failures: results.filter_map(read_failure).collect(),
            users: list.children_named("user").take(MAX_USERS_READ).map(read_user).collect(),
        })
    }

    /// Writes the answer to `query`.
    #[must_use]
    pub fn to_iq(&self, id: &str, query: &UsyncQuery) -> Node {
        let results = query.protocols.iter().map(|protocol| {
            let failure = self.failure(*protocol).map(failure_node);
            failure.into_iter().fold(Node::new(protocol.tag()), Node::child)
        });
        let list = Node::new("list").children(self.users.iter().map(user_node));
        let usync = query.envelope().child(Node::new("result").children(results)).child(list);
        iq::result(id).child(usync)
    }
}

/// Reads the failure of a protocol from its element in `<result>`.
fn read_failure(result: NodeRef<'_>) -> Option<UsyncFailure> {
    let protocol = Protocol::from_tag(result.tag())?;
    let error = result.child("error")?;
    Some(UsyncFailure {
        protocol,
        code: code(error),
        text: error.attr_str("text").map(str::to_owned),
        backoff: error.attr_u64("backoff").unwrap_or(DEFAULT_BACKOFF),
    })
}

fn failure_node(failure: &UsyncFailure) -> Node {
    Node::new("error")
        .attr("code", failure.code)
        .attr_opt("text", failure.text.clone())
        .attr("backoff", failure.backoff)
}

fn code(error: NodeRef<'_>) -> u16 {
    error.attr_u64("code").and_then(|code| u16::try_from(code).ok()).unwrap_or(u16::MAX)
}

fn read_user(user: NodeRef<'_>) -> UserAnswer {
    UserAnswer {
        jid: user.attr_jid("jid"),
        pn: user.attr_jid("pn_jid"),
        devices: user.child("devices").map(read_devices),
        lid: user.child("lid").and_then(|lid| lid.attr_jid("val")).filter(Jid::is_lid),
        contact: user.child("contact").map(read_contact),
    }
}

fn user_node(user: &UserAnswer) -> Node {
    let mut node = Node::new("user").attr_opt("jid", user.jid.as_ref()).attr_opt("pn_jid", user.pn.as_ref());
    if let Some(contact) = &user.contact {
        let kind = match contact.registration {
            Registration::Registered => Some("in"),
            Registration::NotRegistered => Some("out"),
            Registration::Invalid => Some("invalid"),
            Registration::Unknown => None,
        };
        node = node.child(Node::new("contact").attr_opt("type", kind).text(contact.asked.clone()));
    }
    if let Some(devices) = &user.devices {
        node = node.child(devices_node(devices));
    }
    match &user.lid {
        Some(lid) => node.child(Node::new("lid").attr("val", lid)),
        None => node,
    }
}

fn read_contact(contact: NodeRef<'_>) -> Contact {
    let registration = match contact.attr_str("type") {
        _ if contact.child("error").is_some() => Registration::Unknown,
        Some("in") => Registration::Registered,
        Some("out") => Registration::NotRegistered,
        Some("invalid") => Registration::Invalid,
        _ => Registration::Unknown,
    };
    let asked = contact.content_str().unwrap_or_default();
    Contact { asked: asked.trim_end_matches("@c.us").to_owned(), registration }
}

/// Reads the devices of one user.
fn read_devices(node: NodeRef<'_>) -> Result<ListedDevices, UserError> {
    if let Some(error) = node.child("error") {
        return Err(UserError { code: code(error) });
    }
    let list = node.child("device-list");
    let devices = list.into_iter().flat_map(|list| list.children_named("device"));
    Ok(ListedDevices {
        devices: devices.filter_map(read_listed).take(MAX_DEVICES).collect(),
        hash: list.and_then(|list| list.attr_str("hash")).map(str::to_owned),
        signed: node.child("key-index-list").map(read_signed_list),
    })
}

fn devices_node(devices: &Result<ListedDevices, UserError>) -> Node {
    let node = Node::new("devices");
    let listed = match devices {
        Ok(listed) => listed,
        Err(error) => return node.child(Node::new("error").attr("code", error.code)),
    };
    let list = Node::new("device-list").attr_opt("hash", listed.hash.clone());
    let list = list.children(listed.devices.iter().map(|device| {
        let listed = device_node(Node::new("device").attr("id", device.id), device);
        listed.attr_opt("is_hosted", device.is_hosted.then_some("true"))
    }));
    listed.signed.iter().map(signed_list_node).fold(node.child(list), Node::child)
}

/// Reads a `<device id>` of an answer.
fn read_listed(node: NodeRef<'_>) -> Option<Device> {
    let id = u16::try_from(node.attr_u64("id")?).ok()?;
    read_device(node, id, node.attr_str("is_hosted") == Some("true"))
}

/// Completes a device with its key index.
pub(crate) fn read_device(node: NodeRef<'_>, id: u16, is_hosted: bool) -> Option<Device> {
    let key_index = match node.attr_u64("key-index") {
        Some(index) => Some(u32::try_from(index).ok()?),
        None => None,
    };
    Some(Device { id, key_index, is_hosted })
}

/// Completes a `<device>` element with the key index.
pub(crate) fn device_node(node: Node, device: &Device) -> Node {
    node.attr_opt("key-index", device.key_index)
}

/// Reads a `<key-index-list>`.
pub(crate) fn read_signed_list(node: NodeRef<'_>) -> SignedList {
    SignedList {
        timestamp: node.attr_u64("ts").unwrap_or(0),
        expected_timestamp: node.attr_u64("expected_ts"),
        content: node.content_bytes().filter(|content| !content.is_empty()).map(<[u8]>::to_vec),
    }
}

/// Writes a `<key-index-list>`.
pub(crate) fn signed_list_node(signed: &SignedList) -> Node {
    let node =
        Node::new("key-index-list").attr("ts", signed.timestamp).attr_opt("expected_ts", signed.expected_timestamp);
    match &signed.content {
        Some(content) => node.bytes(content.clone()),
        None => node,
    }
}

#[cfg(test)]
mod tests {
    use super::super::Context;
    use super::*;

    fn round_trip(answer: &UsyncAnswer, query: &UsyncQuery) -> UsyncAnswer {
        let wire = answer.to_iq("u-17", query).encode().unwrap();
        let tree = crate::node::decode(&wire).unwrap();
        UsyncAnswer::parse(tree.root()).unwrap()
    }

    #[test]
    fn devices_come_back() {
        let account = Jid::pn("77010000002");
        let query = UsyncQuery::devices("u-18", [&account], Context::Message);
        let listed = ListedDevices {
            devices: vec![
                Device::PRIMARY,
                Device { id: 12, key_index: Some(3), is_hosted: false },
                Device { id: 99, key_index: Some(5), is_hosted: true },
            ],
            hash: Some("2:AbCdEfGh".into()),
            signed: Some(SignedList { timestamp: 5, expected_timestamp: Some(6), content: Some(vec![1, 2]) }),
        };
        let user = UserAnswer {
            jid: Some(account.clone()),
            devices: Some(Ok(listed)),
            lid: Some(Jid::lid("990000000000002")),
            ..UserAnswer::default()
        };
        let nobody = UserAnswer {
            jid: Some(Jid::pn("77010000003")),
            devices: Some(Err(UserError { code: 404 })),
            ..UserAnswer::default()
        };
        let answer = UsyncAnswer { sid: "u-18".into(), failures: vec![], users: vec![user, nobody] };
        let read = round_trip(&answer, &query);
        assert_eq!(read, answer);
        assert!(read.user(&Jid::lid("990000000000002").with_device(3)).is_some());
    }

    #[test]
    fn numbers_are_matched_by_their_text() {
        let query = UsyncQuery::contacts("u-18", ["77010000002", "77010000003"]);
        let user = |number: &str, registration| UserAnswer {
            jid: Some(Jid::pn(number)),
            contact: Some(Contact { asked: format!("+{number}"), registration }),
            ..UserAnswer::default()
        };
        let users = vec![
            user("77010000003", Registration::NotRegistered),
            user("77010000002", Registration::Registered),
            user("1", Registration::Invalid),
            user("77010000004", Registration::Unknown),
        ];
        let answer = UsyncAnswer { sid: "u-18".into(), failures: vec![], users };
        let read = round_trip(&answer, &query);
        assert_eq!(read, answer);
        let found = read.contact("77010000002").unwrap();
        assert_eq!(found.contact.as_ref().unwrap().registration, Registration::Registered);
    }

    #[test]
    fn a_protocol_that_failed_is_not_an_empty_answer() {
        let query = UsyncQuery::devices("u-18", [&Jid::pn("77010000002")], Context::Message);
        let failure =
            UsyncFailure { protocol: Protocol::Devices, code: 429, text: Some("rate-overlimit".into()), backoff: 120 };
        let answer = UsyncAnswer { sid: "u-18".into(), failures: vec![failure], users: vec![] };
        let read = round_trip(&answer, &query);
        assert_eq!(read, answer);
        assert_eq!(read.failure(Protocol::Devices).map(|failure| failure.backoff), Some(120));
        assert!(read.failure(Protocol::Lid).is_none());
    }
}
