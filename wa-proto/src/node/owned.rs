//! Owned nodes.

use std::borrow::Cow;

use super::encode::{EncodeError, encode_into};
use super::tree::Tree;
use crate::jid::Jid;

/// An owned element: a tag, attributes in the order they are written, and content.
///
/// Equality takes the order of attributes into account. `Debug` hides values that may name a person or hold a
/// secret.
#[derive(Clone, PartialEq, Eq)]
pub struct Node {
    pub(super) tag: Cow<'static, str>,
    pub(super) attrs: Vec<(Cow<'static, str>, Value)>,
    pub(super) content: Content,
}

/// The value of an attribute.
#[derive(Clone, PartialEq, Eq)]
pub enum Value {
    /// Text; numbers and booleans are written as text too.
    Text(Cow<'static, str>),
    /// An address, which has an encoding of its own.
    Jid(Jid),
}

/// What stands between the start and the end of an element.
#[derive(Clone, Default, PartialEq, Eq)]
pub enum Content {
    /// Nothing.
    #[default]
    None,
    /// Child elements; an empty list is written, and read back as nothing.
    Nodes(Vec<Node>),
    /// Bytes, written as they are.
    Bytes(Vec<u8>),
    /// Text, written as a token or packed where it can be.
    Text(Cow<'static, str>),
}

impl Node {
    /// Makes an element without attributes and content.
    #[must_use]
    pub fn new(tag: impl Into<Cow<'static, str>>) -> Self {
        Self { tag: tag.into(), attrs: Vec::new(), content: Content::None }
    }

    /// Appends an attribute: text, a number or an address. The key must not be there yet.
    #[must_use]
    pub fn attr(mut self, key: impl Into<Cow<'static, str>>, value: impl Into<Value>) -> Self {
        self.attrs.push((key.into(), value.into()));
        self
    }

    /// Appends an attribute if there is a value for it.
    #[must_use]
    pub fn attr_opt(self, key: impl Into<Cow<'static, str>>, value: Option<impl Into<Value>>) -> Self {
        match value {
            Some(value) => self.attr(key, value),
            None => self,
        }
    }

    /// Replaces the content by child elements.
    #[must_use]
    pub fn children(mut self, children: impl IntoIterator<Item = Self>) -> Self {
        self.content = Content::Nodes(children.into_iter().collect());
        self
    }

    /// Appends a child element; content other than elements is replaced.
    #[must_use]
    pub fn child(mut self, child: Self) -> Self {
        match &mut self.content {
            Content::Nodes(children) => children.push(child),
            Content::None | Content::Bytes(_) | Content::Text(_) => self.content = Content::Nodes(vec![child]),
        }
        self
    }

    /// Replaces the content by bytes.
    #[must_use]
    pub fn bytes(mut self, bytes: impl Into<Vec<u8>>) -> Self {
        self.content = Content::Bytes(bytes.into());
        self
    }

    /// Replaces the content by text.
    #[must_use]
    pub fn text(mut self, text: impl Into<Cow<'static, str>>) -> Self {
        self.content = Content::Text(text.into());
        self
    }

    /// Returns the tag.
    #[must_use]
    pub fn tag(&self) -> &str {
        &self.tag
    }

    /// Returns the attributes in order.
    #[must_use]
    pub fn attrs(&self) -> &[(Cow<'static, str>, Value)] {
        &self.attrs
    }

    /// Returns the value of an attribute.
    #[must_use]
    pub fn value(&self, key: &str) -> Option<&Value> {
        self.attrs.iter().rev().find(|(name, _)| name == key).map(|(_, value)| value)
    }

    /// Returns the content.
    #[must_use]
    pub fn content(&self) -> &Content {
        &self.content
    }

    /// Copies the element into the form that stanzas are read from.
    #[must_use]
    pub fn tree(&self) -> Tree<'static> {
        Tree::of(self)
    }

    /// Encodes the element into a new buffer; see [`encode_into`] for one that is kept.
    ///
    /// # Errors
    ///
    /// As [`encode_into`].
    pub fn encode(&self) -> Result<Vec<u8>, EncodeError> {
        let mut out = Vec::new();
        encode_into(self, &mut out)?;
        Ok(out)
    }
}

impl From<&'static str> for Value {
    fn from(text: &'static str) -> Self {
        Self::Text(Cow::Borrowed(text))
    }
}

impl From<String> for Value {
    fn from(text: String) -> Self {
        Self::Text(Cow::Owned(text))
    }
}

impl From<Cow<'static, str>> for Value {
    fn from(text: Cow<'static, str>) -> Self {
        Self::Text(text)
    }
}

impl From<Jid> for Value {
    fn from(jid: Jid) -> Self {
        Self::Jid(jid)
    }
}

impl From<&Jid> for Value {
    fn from(jid: &Jid) -> Self {
        Self::Jid(jid.clone())
    }
}

macro_rules! value_from_number {
    ($($number:ty),*) => {
        $(impl From<$number> for Value {
            fn from(number: $number) -> Self {
                Self::Text(Cow::Owned(number.to_string()))
            }
        })*
    };
}

value_from_number!(u8, u16, u32, u64, i64, usize);
