use std::fmt;

use super::XMLNS;
use crate::jid::Jid;
use crate::keys::PublicKey;
use crate::node::{Node, NodeRef, ShapeError};
use crate::pairing::code::WrappedKey;
use crate::pairing::qr::ClientType;
use crate::stanza::iq::{self, Kind, Request};

const TAG: &str = "link_code_companion_reg";
const REFERENCE: &str = "link_code_pairing_ref";
const COMPANION_EPHEMERAL: &str = "link_code_pairing_wrapped_companion_ephemeral_pub";
const PRIMARY_EPHEMERAL: &str = "link_code_pairing_wrapped_primary_ephemeral_pub";
const PRIMARY_IDENTITY: &str = "primary_identity_pub";
const BUNDLE: &str = "link_code_pairing_wrapped_key_bundle";
const COMPANION_IDENTITY: &str = "companion_identity_public";

/// Announces that a code is shown; the answer is the server's reference to it.
#[derive(Clone)]
pub struct CompanionHello {
    /// The phone's JID, without device.
    pub phone: Jid,
    /// Whether the phone should show a notification that asks for the code.
    pub notify: bool,
    /// Our ephemeral key, under the code.
    pub ephemeral: WrappedKey,
    /// Our noise public key.
    pub noise: PublicKey,
    /// Kind of companion; the server refuses the unknown one.
    pub client_type: Option<ClientType>,
    /// What the phone shows, `Browser (System)`; the server checks both names.
    pub display_name: String,
}

impl CompanionHello {
    /// Reads the request, as the server does; `None` if it is another one.
    ///
    /// # Errors
    ///
    /// [`ShapeError`] if a part is missing or malformed.
    #[must_use]
    pub fn read(node: NodeRef<'_>) -> Option<Result<Self, ShapeError>> {
        stage(node, "companion_hello").map(|hello| {
            Ok(Self {
                phone: hello.require_jid("jid")?,
                notify: hello.attr_str("should_show_push_notification") == Some("true"),
                ephemeral: wrapped_key(hello.require_child(COMPANION_EPHEMERAL)?)?,
                noise: public_key(hello.require_child("companion_server_auth_key_pub")?)?,
                client_type: content_str(hello, "companion_platform_id").and_then(ClientType::from_text),
                display_name: content_str(hello, "companion_platform_display").unwrap_or_default().to_owned(),
            })
        })
    }

    /// Writes the server's answer.
    #[must_use]
    pub fn answer(id: &str, reference: &[u8]) -> Node {
        let hello = Node::new(TAG).attr("stage", "companion_hello").child(Node::new(REFERENCE).bytes(reference));
        iq::result(id).child(hello)
    }
}

impl Request for CompanionHello {
    /// The reference, never empty.
    type Answer = Vec<u8>;

    fn to_node(&self, id: &str) -> Node {
        let client_type = self.client_type.unwrap_or(ClientType::Unknown).as_char();
        let hello = Node::new(TAG)
            .attr("jid", &self.phone)
            .attr("stage", "companion_hello")
            .attr("should_show_push_notification", if self.notify { "true" } else { "false" })
            .children([
                Node::new(COMPANION_EPHEMERAL).bytes(self.ephemeral.to_bytes()),
                Node::new("companion_server_auth_key_pub").bytes(*self.noise.as_bytes()),
                Node::new("companion_platform_id").bytes(client_type.to_string()),
                Node::new("companion_platform_display").bytes(self.display_name.as_bytes()),
                Node::new("link_code_pairing_nonce").bytes([0]),
            ]);
        iq::request(id, Kind::Set, XMLNS).child(hello)
    }

    fn read_answer(answer: NodeRef<'_>) -> Result<Vec<u8>, ShapeError> {
        reference(answer.require_child(TAG)?)
    }
}

impl fmt::Debug for CompanionHello {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("CompanionHello").field("display_name", &self.display_name).finish_non_exhaustive()
    }
}

/// What the phone says while it is being linked by code.
#[derive(Clone)]
pub enum CodeNotification {
    /// The user has typed a code.
    PrimaryHello {
        /// The reference from the answer to [`CompanionHello`].
        reference: Vec<u8>,
        /// The phone's ephemeral key, under the code that was typed.
        ephemeral: WrappedKey,
        /// The phone's identity key.
        identity: PublicKey,
    },
    /// The code is not to be used any more: show a new one.
    RefreshCode {
        /// The reference of the code.
        reference: Vec<u8>,
        /// Ask the user first.
        is_forced_manual: bool,
    },
}

impl CodeNotification {
    /// Reads the notification; `None` if it is another one, or not the server's.
    ///
    /// # Errors
    ///
    /// [`ShapeError`] if a part is missing or malformed.
    #[must_use]
    pub fn read(node: NodeRef<'_>) -> Option<Result<Self, ShapeError>> {
        let is_ours = node.tag() == "notification" && node.attr_str("type") == Some(TAG) && iq::is_from_server(node);
        let child = is_ours.then(|| node.child(TAG)).flatten()?;
        match child.attr_str("stage")? {
            "primary_hello" => Some(Self::read_hello(child)),
            "refresh_code" => Some(reference(child).map(|reference| Self::RefreshCode {
                reference,
                is_forced_manual: child.attr_str("force_manual_refresh") == Some("true"),
            })),
            _ => None,
        }
    }

    fn read_hello(hello: NodeRef<'_>) -> Result<Self, ShapeError> {
        Ok(Self::PrimaryHello {
            reference: reference(hello)?,
            ephemeral: wrapped_key(hello.require_child(PRIMARY_EPHEMERAL)?)?,
            identity: public_key(hello.require_child(PRIMARY_IDENTITY)?)?,
        })
    }

    /// Writes the notification, as the server does. `time` is in unix seconds.
    #[must_use]
    pub fn to_node(&self, id: &str, time: u64) -> Node {
        let child = match self {
            Self::PrimaryHello { reference, ephemeral, identity } => {
                Node::new(TAG).attr("stage", "primary_hello").children([
                    Node::new(PRIMARY_EPHEMERAL).bytes(ephemeral.to_bytes()),
                    Node::new(PRIMARY_IDENTITY).bytes(*identity.as_bytes()),
                    Node::new(REFERENCE).bytes(reference.clone()),
                ])
            }
            Self::RefreshCode { reference, is_forced_manual } => Node::new(TAG)
                .attr("stage", "refresh_code")
                .attr("force_manual_refresh", if *is_forced_manual { "true" } else { "false" })
                .child(Node::new(REFERENCE).bytes(reference.clone())),
        };
        Node::new("notification")
            .attr("from", Jid::SERVER)
            .attr("type", TAG)
            .attr("id", id.to_owned())
            .attr("t", time)
            .child(child)
    }
}

impl fmt::Debug for CodeNotification {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::PrimaryHello { .. } => "PrimaryHello { .. }",
            Self::RefreshCode { .. } => "RefreshCode { .. }",
        })
    }
}

/// Hands the bundle to the phone. The answer is empty; what follows is pair-success.
#[derive(Clone)]
pub struct CompanionFinish {
    /// The phone's JID, without device.
    pub phone: Jid,
    /// The bundle, [`BUNDLE_LENGTH`](crate::pairing::code::BUNDLE_LENGTH) bytes.
    pub bundle: Vec<u8>,
    /// Our identity key.
    pub identity: PublicKey,
    /// The reference from the answer to [`CompanionHello`].
    pub reference: Vec<u8>,
}

impl CompanionFinish {
    /// Reads the request, as the server does; `None` if it is another one.
    ///
    /// # Errors
    ///
    /// [`ShapeError`] if a part is missing or malformed.
    #[must_use]
    pub fn read(node: NodeRef<'_>) -> Option<Result<Self, ShapeError>> {
        stage(node, "companion_finish").map(|finish| {
            Ok(Self {
                phone: finish.require_jid("jid")?,
                bundle: finish.require_child(BUNDLE)?.require_bytes()?.to_vec(),
                identity: public_key(finish.require_child(COMPANION_IDENTITY)?)?,
                reference: reference(finish)?,
            })
        })
    }
}

impl Request for CompanionFinish {
    type Answer = ();

    fn to_node(&self, id: &str) -> Node {
        let finish = Node::new(TAG).attr("jid", &self.phone).attr("stage", "companion_finish").children([
            Node::new(BUNDLE).bytes(self.bundle.clone()),
            Node::new(COMPANION_IDENTITY).bytes(*self.identity.as_bytes()),
            Node::new(REFERENCE).bytes(self.reference.clone()),
        ]);
        iq::request(id, Kind::Set, XMLNS).child(finish)
    }

    fn read_answer(_: NodeRef<'_>) -> Result<(), ShapeError> {
        Ok(())
    }
}

impl fmt::Debug for CompanionFinish {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("CompanionFinish").finish_non_exhaustive()
    }
}

/// The element of a client's request at this stage.
fn stage<'t>(node: NodeRef<'t>, stage: &str) -> Option<NodeRef<'t>> {
    if iq::kind_of(node, XMLNS) != Some(Kind::Set) {
        return None;
    }
    node.child(TAG).filter(|child| child.attr_str("stage") == Some(stage))
}

fn reference(node: NodeRef<'_>) -> Result<Vec<u8>, ShapeError> {
    let reference = node.require_child(REFERENCE)?.require_bytes()?;
    if reference.is_empty() { Err(ShapeError::BadContent) } else { Ok(reference.to_vec()) }
}

fn wrapped_key(node: NodeRef<'_>) -> Result<WrappedKey, ShapeError> {
    WrappedKey::from_slice(node.require_bytes()?).map_err(|_| ShapeError::BadContent)
}

fn public_key(node: NodeRef<'_>) -> Result<PublicKey, ShapeError> {
    node.require_array().map(PublicKey::from_bytes)
}

fn content_str<'t>(node: NodeRef<'t>, tag: &str) -> Option<&'t str> {
    node.child(tag)?.content_str()
}
