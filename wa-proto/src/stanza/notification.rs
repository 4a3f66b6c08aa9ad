//! `<notification>`: something changed at the server.
//!
//! Every notification is acknowledged, also one that is not understood.

use crate::jid::Jid;
use crate::messaging::device_list::{Device, SignedList};
use crate::messaging::token::TrustedToken;
use crate::node::{Node, NodeRef, ShapeError};
use crate::stanza::privacy_token::{read_tokens, tokens_node};
use crate::stanza::usync::{device_node, read_device, read_signed_list, signed_list_node};

/// A notification, the parts that this client acts on typed.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct Notification {
    /// The id to acknowledge.
    pub id: String,
    /// Whom it is about, or the server.
    pub from: Jid,
    /// The same account under its other name, if the server says it.
    pub other_name: Option<Jid>,
    /// Server time in Unix seconds.
    pub timestamp: Option<u64>,
    /// Whether it waited in the queue.
    pub is_offline: bool,
    /// What happened.
    pub content: NotificationContent,
}

/// What a notification tells.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub enum NotificationContent {
    /// `devices`: a contact's device list changed.
    Devices(DevicesChange),
    /// `account_sync` with `<devices>`: our own device list, whole.
    OwnDevices {
        /// The server's hash of it.
        hash: Option<String>,
        /// The devices.
        devices: Vec<Device>,
    },
    /// `encrypt` with `<identity>`: an account was registered anew.
    IdentityChanged,
    /// `encrypt` with `<count>`: this many one-time prekeys of ours are left.
    PrekeysLow {
        /// How many.
        left: u64,
    },
    /// `encrypt` with `<digest>`: the server wants our prekeys compared.
    PrekeyDigest,
    /// `privacy_token`: a contact issued a token to us.
    PrivacyTokens(Vec<TrustedToken>),
    /// Anything else, with its type.
    Other {
        /// The `type` attribute.
        kind: String,
    },
}

/// A change of a contact's device list.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum DevicesChange {
    /// A device was linked.
    Added(ChangedDevice),
    /// A device was removed.
    Removed(ChangedDevice),
    /// The list changed in a way that is not told: ask for it.
    Updated {
        /// A hash of the contact, which names it to clients with an address book.
        hash: Option<String>,
    },
}

/// The device that was added or removed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ChangedDevice {
    /// The device.
    pub device: Device,
    /// What the phone says about its companions now.
    pub signed: Option<SignedList>,
    /// The hash of the list by phone numbers after the change.
    pub hash: Option<String>,
    /// The hash of the list by hidden ids after the change.
    pub lid_hash: Option<String>,
}

impl Notification {
    /// A notification of that content.
    #[must_use]
    pub fn new(id: impl Into<String>, from: Jid, content: NotificationContent) -> Self {
        Self { id: id.into(), from, other_name: None, timestamp: None, is_offline: false, content }
    }

    /// Reads a notification.
    ///
    /// # Errors
    ///
    /// [`ShapeError`] when id, sender or type is missing. Content that is malformed is
    /// [`NotificationContent::Other`]: it is acknowledged and otherwise ignored.
    pub fn parse(node: NodeRef<'_>) -> Result<Self, ShapeError> {
        let node = node.expect_tag("notification")?;
        let kind = node.require_str("type")?;
        let content = match kind {
            "devices" => read_change(node).map(NotificationContent::Devices),
            "account_sync" => read_own_devices(node),
            "encrypt" => read_encrypt(node),
            "privacy_token" => node.child("tokens").map(read_tokens).map(NotificationContent::PrivacyTokens),
            _ => None,
        };
        Ok(Self {
            id: node.value("id").ok_or(ShapeError::NoAttr { key: "id" })?.to_text().into_owned(),
            from: node.require_jid("from")?,
            other_name: ["lid", "sender_lid", "pn"].into_iter().find_map(|key| node.attr_jid(key)),
            timestamp: node.attr_u64("t"),
            is_offline: node.value("offline").is_some(),
            content: content.unwrap_or_else(|| NotificationContent::Other { kind: kind.to_owned() }),
        })
    }

    /// Writes the notification.
    #[must_use]
    pub fn to_node(&self) -> Node {
        let (kind, child) = match &self.content {
            NotificationContent::Devices(change) => ("devices", Some(change_node(change, self))),
            NotificationContent::OwnDevices { hash, devices } => {
                let node = Node::new("devices").attr_opt("dhash", hash.clone());
                let account = self.from.account();
                let devices = devices.iter().map(|device| keyed_device(device, &account, None));
                ("account_sync", Some(node.children(devices)))
            }
            NotificationContent::IdentityChanged => ("encrypt", Some(Node::new("identity"))),
            NotificationContent::PrekeysLow { left } => ("encrypt", Some(Node::new("count").attr("value", *left))),
            NotificationContent::PrekeyDigest => ("encrypt", Some(Node::new("digest"))),
            NotificationContent::PrivacyTokens(tokens) => ("privacy_token", Some(tokens_node(tokens, None))),
            NotificationContent::Other { kind } => (kind.as_str(), None),
        };
        let name_attr = if kind == "privacy_token" { "sender_lid" } else { "lid" };
        let node = Node::new("notification")
            .attr("id", self.id.clone())
            .attr("from", &self.from)
            .attr("type", kind.to_owned())
            .attr_opt("t", self.timestamp)
            .attr_opt(name_attr, self.other_name.as_ref())
            .attr_opt("offline", self.is_offline.then_some("0"));
        child.into_iter().fold(node, Node::child)
    }
}

/// Reads a change of a device list: of several, the first in the order remove, add, update.
fn read_change(node: NodeRef<'_>) -> Option<DevicesChange> {
    let changed = |child: NodeRef<'_>| {
        Some(ChangedDevice {
            device: read_device_jid(child.child("device")?)?,
            signed: child.child("key-index-list").map(read_signed_list),
            hash: child.attr_str("device_hash").map(str::to_owned),
            lid_hash: child.attr_str("device_lid_hash").map(str::to_owned),
        })
    };
    if let Some(child) = node.child("remove") {
        return changed(child).map(DevicesChange::Removed);
    }
    if let Some(child) = node.child("add") {
        return changed(child).map(DevicesChange::Added);
    }
    let hash = node.child("update")?.attr_str("hash").map(str::to_owned);
    Some(DevicesChange::Updated { hash })
}

/// Reads a `<device jid key-index>`.
fn read_device_jid(node: NodeRef<'_>) -> Option<Device> {
    let jid = node.attr_jid("jid").or_else(|| node.attr_jid("lid"))?;
    read_device(node, jid.device(), jid.is_hosted())
}

/// Reads our own device list; other account changes are not for this client.
fn read_own_devices(node: NodeRef<'_>) -> Option<NotificationContent> {
    let list = node.child("devices")?;
    let devices = list.children_named("device").filter_map(read_device_jid).collect();
    Some(NotificationContent::OwnDevices { hash: list.attr_str("dhash").map(str::to_owned), devices })
}

/// Reads what the server says about keys.
fn read_encrypt(node: NodeRef<'_>) -> Option<NotificationContent> {
    let child = node.children().next()?;
    match child.tag() {
        "identity" => Some(NotificationContent::IdentityChanged),
        "count" => Some(NotificationContent::PrekeysLow { left: child.attr_u64("value")? }),
        "digest" => Some(NotificationContent::PrekeyDigest),
        _ => None,
    }
}

/// Writes a change of a device list.
fn change_node(change: &DevicesChange, notification: &Notification) -> Node {
    let (tag, changed) = match change {
        DevicesChange::Added(changed) => ("add", changed),
        DevicesChange::Removed(changed) => ("remove", changed),
        DevicesChange::Updated { hash } => return Node::new("update").attr_opt("hash", hash.clone()),
    };
    let lid = notification.other_name.as_ref().map(|lid| changed.device.jid(lid));
    let node = Node::new(tag)
        .attr_opt("device_hash", changed.hash.clone())
        .attr_opt("device_lid_hash", changed.lid_hash.clone())
        .child(keyed_device(&changed.device, &notification.from.account(), lid));
    changed.signed.iter().map(signed_list_node).fold(node, Node::child)
}

/// Writes a `<device jid lid key-index>`.
fn keyed_device(device: &Device, account: &Jid, lid: Option<Jid>) -> Node {
    device_node(Node::new("device").attr("jid", device.jid(account)).attr_opt("lid", lid), device)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn round_trip(content: NotificationContent) -> Notification {
        let mut notification = Notification::new("n1", Jid::pn("77010000002"), content);
        notification.other_name = Some(Jid::lid("990000000000002"));
        notification.timestamp = Some(1_760_000_000);
        let wire = notification.to_node().encode().unwrap();
        let tree = crate::node::decode(&wire).unwrap();
        let read = Notification::parse(tree.root()).unwrap();
        assert_eq!(read.to_node(), notification.to_node());
        assert_eq!(read.other_name, notification.other_name);
        read
    }

    fn changed() -> ChangedDevice {
        ChangedDevice {
            device: Device { id: 12, key_index: Some(3), is_hosted: false },
            signed: Some(SignedList { timestamp: 1_760_000_000, expected_timestamp: None, content: Some(vec![1]) }),
            hash: Some("2:AbCdEfGh".into()),
            lid_hash: Some("2:HgFeDcBa".into()),
        }
    }

    #[test]
    fn device_changes_come_back() {
        for change in [
            DevicesChange::Added(changed()),
            DevicesChange::Removed(changed()),
            DevicesChange::Updated { hash: Some("abcd".into()) },
        ] {
            let read = round_trip(NotificationContent::Devices(change.clone()));
            assert!(matches!(read.content, NotificationContent::Devices(read) if read == change));
        }
    }

    #[test]
    fn the_own_list_comes_back() {
        let own = vec![Device::PRIMARY, Device { id: 7, key_index: Some(1), is_hosted: false }];
        let content = NotificationContent::OwnDevices { hash: Some("2:AbCdEfGh".into()), devices: own.clone() };
        let read = round_trip(content);
        assert!(matches!(read.content, NotificationContent::OwnDevices { devices, .. } if devices == own));
    }

    #[test]
    fn key_notifications_and_tokens_come_back() {
        round_trip(NotificationContent::IdentityChanged);
        round_trip(NotificationContent::PrekeyDigest);
        let read = round_trip(NotificationContent::PrekeysLow { left: 4 });
        assert!(matches!(read.content, NotificationContent::PrekeysLow { left: 4 }));
        let token = TrustedToken { bytes: vec![7; 16], timestamp: 1_760_000_000 };
        let read = round_trip(NotificationContent::PrivacyTokens(vec![token]));
        assert!(matches!(read.content, NotificationContent::PrivacyTokens(tokens) if tokens[0].bytes == [7; 16]));
    }

    #[test]
    fn what_is_not_understood_is_still_read() {
        let node = Node::new("notification").attr("id", "1").attr("from", Jid::SERVER).attr("type", "mystery");
        let read = Notification::parse(node.tree().root()).unwrap();
        assert!(matches!(read.content, NotificationContent::Other { kind } if kind == "mystery"));
        let node = Node::new("notification").attr("id", "1").attr("from", Jid::pn("1")).attr("type", "devices");
        let read = Notification::parse(node.tree().root()).unwrap();
        assert!(matches!(read.content, NotificationContent::Other { .. }));
    }
}
