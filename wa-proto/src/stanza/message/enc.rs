use crate::node::{Node, NodeRef, ShapeError};

/// What a ciphertext is.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum EncKind {
    /// `pkmsg`: a message that also sets up the session.
    PreKey,
    /// `msg`: a message of a session.
    Session,
    /// `skmsg`: a message under a group's sender key.
    SenderKey,
    /// `msmsg`: a bot's answer under a message secret.
    MessageSecret,
    /// Another kind, which this client cannot read.
    Other(String),
}

impl EncKind {
    /// The value of the `type` attribute.
    #[must_use]
    pub fn as_str(&self) -> &str {
        match self {
            Self::PreKey => "pkmsg",
            Self::Session => "msg",
            Self::SenderKey => "skmsg",
            Self::MessageSecret => "msmsg",
            Self::Other(kind) => kind,
        }
    }

    fn from_attr(kind: &str) -> Self {
        match kind {
            "pkmsg" => Self::PreKey,
            "msg" => Self::Session,
            "skmsg" => Self::SenderKey,
            "msmsg" => Self::MessageSecret,
            other => Self::Other(other.to_owned()),
        }
    }
}

/// `<enc>`: one ciphertext for one device, or for all under a sender key.
#[derive(Clone, PartialEq, Eq)]
pub struct Enc {
    /// Version of the padding: 2 is padded, 3 is not.
    pub version: u64,
    /// What the ciphertext is.
    pub kind: EncKind,
    /// The ciphertext.
    pub ciphertext: Vec<u8>,
    /// The kind of media, where the message is one.
    pub media_type: Option<String>,
    /// Whether a receiver that cannot decrypt it should show nothing.
    pub hides_failure: bool,
    /// Which retry this answers.
    pub count: Option<u32>,
}

impl Enc {
    /// The version this client writes.
    pub const VERSION: u64 = 2;

    /// A ciphertext without any of the optional marks.
    #[must_use]
    pub fn new(kind: EncKind, ciphertext: Vec<u8>) -> Self {
        Self { version: Self::VERSION, kind, ciphertext, media_type: None, hides_failure: false, count: None }
    }

    /// Reads an `<enc>`.
    ///
    /// # Errors
    ///
    /// [`ShapeError`] when the type or the content is missing.
    pub fn parse(node: NodeRef<'_>) -> Result<Self, ShapeError> {
        let node = node.expect_tag("enc")?;
        Ok(Self {
            version: node.attr_u64("v").unwrap_or(Self::VERSION),
            kind: EncKind::from_attr(node.require_str("type")?),
            ciphertext: node.require_bytes()?.to_vec(),
            media_type: node.attr_str("mediatype").map(str::to_owned),
            hides_failure: node.attr_str("decrypt-fail") == Some("hide"),
            count: node.attr_u64("count").map(|count| u32::try_from(count).unwrap_or(u32::MAX)),
        })
    }

    /// Writes the `<enc>`.
    #[must_use]
    pub fn to_node(&self) -> Node {
        Node::new("enc")
            .attr("v", self.version)
            .attr("type", self.kind.as_str().to_owned())
            .attr_opt("mediatype", self.media_type.clone())
            .attr_opt("decrypt-fail", self.hides_failure.then_some("hide"))
            .attr_opt("count", self.count)
            .bytes(self.ciphertext.clone())
    }

    /// Reads all direct `<enc>` children.
    pub(super) fn children_of(node: NodeRef<'_>) -> Result<Vec<Self>, ShapeError> {
        node.children_named("enc").map(Self::parse).collect()
    }
}

impl std::fmt::Debug for Enc {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Enc({}, {} bytes)", self.kind.as_str(), self.ciphertext.len())
    }
}
