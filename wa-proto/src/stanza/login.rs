//! How a login ends and how a connection ends: success, failure, stream errors; going active.

mod failure;
mod stream_error;

pub use self::failure::{BanCode, Failure, FailureReason, FailureStep};
pub use self::stream_error::{StreamError, StreamErrorStep};
use super::iq::{self, Kind, Request};
use crate::jid::Jid;
use crate::node::{Node, NodeRef, ShapeError};

/// The login was accepted.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
#[non_exhaustive]
pub struct Success {
    /// The server's time, unix seconds.
    pub time: Option<u64>,
    /// Our LID, with the device number.
    pub lid: Option<Jid>,
    /// When the account was made, unix seconds.
    pub creation: Option<u64>,
    /// The account's own name.
    pub display_name: Option<String>,
}

impl Success {
    /// Reads the stanza. Nothing in it is required: what is missing was known before.
    ///
    /// # Errors
    ///
    /// [`ShapeError::Tag`] if it is another stanza.
    pub fn read(node: NodeRef<'_>) -> Result<Self, ShapeError> {
        node.expect_tag("success")?;
        Ok(Self {
            time: node.attr_u64("t"),
            lid: node.attr_jid("lid").filter(Jid::is_lid),
            creation: node.attr_u64("creation"),
            display_name: node.attr_str("display_name").map(str::to_owned),
        })
    }

    /// Writes the stanza, as the server does.
    #[must_use]
    pub fn to_node(&self) -> Node {
        Node::new("success")
            .attr_opt("t", self.time)
            .attr_opt("lid", self.lid.as_ref())
            .attr_opt("creation", self.creation)
            .attr("props", "27")
            .attr("abprops", "5")
            .attr("location", "lla")
            .attr_opt("display_name", self.display_name.clone())
    }
}

/// Asks the server to deliver traffic, or to hold it back.
///
/// A login starts passive, so that prekeys are in order before the backlog arrives; [`Active`](Self::Active) ends that.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SetActivity {
    /// Deliver everything from now on.
    Active,
    /// Hold messages back.
    Passive,
}

impl SetActivity {
    /// Reads a client's request, as the server does.
    #[must_use]
    pub fn read(node: NodeRef<'_>) -> Option<Self> {
        iq::kind_of(node, "passive")?;
        node.children().find_map(|child| match child.tag() {
            "active" => Some(Self::Active),
            "passive" => Some(Self::Passive),
            _ => None,
        })
    }
}

impl Request for SetActivity {
    type Answer = ();

    fn to_node(&self, id: &str) -> Node {
        let child = match self {
            Self::Active => Node::new("active"),
            Self::Passive => Node::new("passive"),
        };
        iq::request(id, Kind::Set, "passive").child(child)
    }

    fn read_answer(_: NodeRef<'_>) -> Result<(), ShapeError> {
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn success_is_written_and_read() {
        let success = Success {
            time: Some(1_795_335_296),
            lid: Some(Jid::lid("137000000000001").with_device(1)),
            creation: Some(1_795_335_000),
            display_name: Some("Aigerim".to_owned()),
        };
        assert_eq!(Success::read(success.to_node().tree().root()), Ok(success));
    }

    #[test]
    fn a_bare_success_is_enough_but_another_address_is_no_lid() {
        let bare = Node::new("success");
        assert_eq!(Success::read(bare.tree().root()), Ok(Success::default()));
        let pn = Node::new("success").attr("lid", Jid::pn("77010000001"));
        assert_eq!(Success::read(pn.tree().root()).unwrap().lid, None);
        assert!(Success::read(Node::new("failure").tree().root()).is_err());
    }

    #[test]
    fn activity_is_written_and_read() {
        for activity in [SetActivity::Active, SetActivity::Passive] {
            assert_eq!(SetActivity::read(activity.to_node("1").tree().root()), Some(activity));
        }
        let other = iq::request("1", Kind::Set, "passive");
        assert_eq!(SetActivity::read(other.tree().root()), None);
    }
}
