//! The server's asides, and ours: backlog, routing, dirty state, the session id.
//!
//! They are neither answered nor acknowledged.

use std::fmt;

use super::iq::{self, Kind, Request};
use crate::jid::Jid;
use crate::node::{Node, NodeRef, ShapeError};

/// How many backlog stanzas to ask for at a time.
pub const OFFLINE_BATCH: u32 = 200;

/// Milliseconds in a week, and in three days.
const WEEK_MS: u64 = 7 * 24 * 60 * 60 * 1000;
const THREE_DAYS_MS: u64 = 3 * 24 * 60 * 60 * 1000;

/// One thing that the server says aside.
#[derive(Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum Aside {
    /// A backlog is waiting. If it is not empty, ask for it in batches.
    OfflinePreview(OfflineCounts),
    /// The backlog is over.
    OfflineEnd {
        /// How many stanzas it had.
        count: u64,
    },
    /// To be sent in front of the next connection; opaque.
    EdgeRouting(Vec<u8>),
    /// Some state on the server has changed: read it again, then send [`Clean`].
    Dirty {
        /// Which state, e.g. `account_sync`, `groups`.
        kind: String,
        /// When, unix seconds; to be repeated in [`Clean`].
        timestamp: Option<u64>,
    },
    /// The QR code was scanned by a phone that knows no linked devices; it stays valid.
    DowngradeWebclient,
    /// Not known to us.
    Unknown,
}

/// Sizes of the parts of a backlog.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
#[non_exhaustive]
pub struct OfflineCounts {
    /// All stanzas.
    pub count: u64,
    /// Messages.
    pub message: u64,
    /// Receipts.
    pub receipt: u64,
    /// Notifications.
    pub notification: u64,
    /// Calls.
    pub call: u64,
}

impl OfflineCounts {
    /// Counts a backlog.
    #[must_use]
    pub const fn new(message: u64, receipt: u64, notification: u64) -> Self {
        let count = message.saturating_add(receipt).saturating_add(notification);
        Self { count, message, receipt, notification, call: 0 }
    }
}

impl Aside {
    /// Reads every child of an `<ib>` stanza.
    ///
    /// # Errors
    ///
    /// [`ShapeError::Tag`] if it is another stanza.
    pub fn read_all(node: NodeRef<'_>) -> Result<Vec<Self>, ShapeError> {
        node.expect_tag("ib")?;
        Ok(node.children().map(Self::read).collect())
    }

    fn read(child: NodeRef<'_>) -> Self {
        let count = |key| child.attr_u64(key).unwrap_or_default();
        match child.tag() {
            "offline_preview" => Self::OfflinePreview(OfflineCounts {
                count: count("count"),
                message: count("message"),
                receipt: count("receipt"),
                notification: count("notification"),
                call: count("call"),
            }),
            "offline" => Self::OfflineEnd { count: count("count") },
            "edge_routing" => child
                .child("routing_info")
                .and_then(NodeRef::content_bytes)
                .map_or(Self::Unknown, |info| Self::EdgeRouting(info.to_vec())),
            "dirty" => child.attr_str("type").map_or(Self::Unknown, |kind| Self::Dirty {
                kind: kind.to_owned(),
                timestamp: child.attr_u64("timestamp"),
            }),
            "downgrade_webclient" => Self::DowngradeWebclient,
            _ => Self::Unknown,
        }
    }

    /// Writes the stanza, as the server does. [`Unknown`](Self::Unknown) gives an empty one.
    #[must_use]
    pub fn to_node(&self) -> Node {
        let node = Node::new("ib").attr("from", Jid::SERVER);
        let child = match self {
            Self::OfflinePreview(counts) => Node::new("offline_preview")
                .attr("count", counts.count)
                .attr("message", counts.message)
                .attr("receipt", counts.receipt)
                .attr("notification", counts.notification)
                .attr("appdata", "0")
                .attr("call", counts.call),
            Self::OfflineEnd { count } => Node::new("offline").attr("count", *count),
            Self::EdgeRouting(info) => Node::new("edge_routing").child(Node::new("routing_info").bytes(info.clone())),
            Self::Dirty { kind, timestamp } => {
                Node::new("dirty").attr("type", kind.clone()).attr_opt("timestamp", *timestamp)
            }
            Self::DowngradeWebclient => Node::new("downgrade_webclient"),
            Self::Unknown => return node,
        };
        node.child(child)
    }
}

impl fmt::Debug for Aside {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::OfflinePreview(counts) => f.debug_tuple("OfflinePreview").field(counts).finish(),
            Self::OfflineEnd { count } => f.debug_struct("OfflineEnd").field("count", count).finish(),
            Self::EdgeRouting(info) => write!(f, "EdgeRouting({} bytes)", info.len()),
            Self::Dirty { kind, .. } => f.debug_struct("Dirty").field("kind", kind).finish_non_exhaustive(),
            Self::DowngradeWebclient => f.write_str("DowngradeWebclient"),
            Self::Unknown => f.write_str("Unknown"),
        }
    }
}

/// Writes the request for the next part of the backlog.
#[must_use]
pub fn offline_batch(count: u32) -> Node {
    Node::new("ib").child(Node::new("offline_batch").attr("count", count))
}

/// Reads a client's request for the next part of the backlog, as the server does.
#[must_use]
pub fn read_offline_batch(node: NodeRef<'_>) -> Option<u64> {
    node.expect_tag("ib").ok()?.child("offline_batch")?.attr_u64("count")
}

/// Computes the session id that clients report after a login.
///
/// `offset_ms` is the server's time minus ours. Source: observed, vector `unified_session`.
#[must_use]
pub const fn unified_session_id(now_ms: u64, offset_ms: i64) -> u64 {
    now_ms.saturating_add_signed(offset_ms).saturating_add(THREE_DAYS_MS) % WEEK_MS
}

/// Writes the report of the session id.
#[must_use]
pub fn unified_session(id: u64) -> Node {
    Node::new("ib").child(Node::new("unified_session").attr("id", id))
}

/// Tells the server that a dirty state was read again.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Clean {
    /// The state, as in [`Aside::Dirty`].
    pub kind: String,
    /// The time, as in [`Aside::Dirty`].
    pub timestamp: Option<u64>,
}

impl Request for Clean {
    type Answer = ();

    fn to_node(&self, id: &str) -> Node {
        let clean = Node::new("clean").attr("type", self.kind.clone()).attr_opt("timestamp", self.timestamp);
        iq::request(id, Kind::Set, "urn:xmpp:whatsapp:dirty").child(clean)
    }

    fn read_answer(_: NodeRef<'_>) -> Result<(), ShapeError> {
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::vectors::{self, list, text};

    #[test]
    fn asides_are_written_and_read() {
        for aside in [
            Aside::OfflinePreview(OfflineCounts::new(4, 0, 1)),
            Aside::OfflineEnd { count: 5 },
            Aside::EdgeRouting(vec![8, 1]),
            Aside::Dirty { kind: "account_sync".to_owned(), timestamp: Some(1_795_335_296) },
            Aside::DowngradeWebclient,
        ] {
            assert_eq!(Aside::read_all(aside.to_node().tree().root()), Ok(vec![aside]));
        }
    }

    #[test]
    fn several_and_unknown_children_are_read() {
        let node = Node::new("ib")
            .child(Node::new("thread_metadata"))
            .child(Node::new("edge_routing"))
            .child(Node::new("dirty"))
            .child(Node::new("offline"));
        let expected = vec![Aside::Unknown, Aside::Unknown, Aside::Unknown, Aside::OfflineEnd { count: 0 }];
        assert_eq!(Aside::read_all(node.tree().root()), Ok(expected));
        assert!(Aside::read_all(Node::new("iq").tree().root()).is_err());
    }

    #[test]
    fn the_published_session_ids_are_computed() {
        for case in list(&vectors::pairing()["unified_session"]) {
            let now = case["now_ms"].as_u64().unwrap();
            let offset = case["server_offset_ms"].as_i64().unwrap();
            let expected: u64 = text(&case["id"]).parse().unwrap();
            assert_eq!(unified_session_id(now, offset), expected);
        }
    }

    #[test]
    fn extreme_times_have_a_session_id_too() {
        assert!(unified_session_id(u64::MAX, i64::MAX) < WEEK_MS);
        assert!(unified_session_id(0, i64::MIN) < WEEK_MS);
    }

    #[test]
    fn batches_are_asked_for() {
        let request = offline_batch(OFFLINE_BATCH);
        assert_eq!(read_offline_batch(request.tree().root()), Some(200));
        assert_eq!(read_offline_batch(unified_session(7).tree().root()), None);
    }

    #[test]
    fn clean_repeats_what_was_dirty() {
        let clean = Clean { kind: "groups".to_owned(), timestamp: Some(9) }.to_node("1");
        let tree = clean.tree();
        let child = tree.root().child("clean").unwrap();
        assert_eq!((child.attr_str("type"), child.attr_u64("timestamp")), (Some("groups"), Some(9)));
    }
}
