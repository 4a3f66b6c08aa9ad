//! Errors of reading a stanza out of a well-formed node.

/// Why an element is not the stanza it was read as. Names only, so that it can be logged.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum ShapeError {
    /// The element has another tag.
    #[error("the element is not a <{expected}>")]
    Tag {
        /// The tag it should have.
        expected: &'static str,
    },
    /// An attribute is absent.
    #[error("attribute {key} is absent")]
    NoAttr {
        /// The attribute's name.
        key: &'static str,
    },
    /// An attribute's value is not of the kind it should be.
    #[error("attribute {key} has a malformed value")]
    BadAttr {
        /// The attribute's name.
        key: &'static str,
    },
    /// A child element is absent.
    #[error("child <{tag}> is absent")]
    NoChild {
        /// The child's tag.
        tag: &'static str,
    },
    /// The content is absent, or not of the kind or length it should be.
    #[error("the content is absent or malformed")]
    BadContent,
}
