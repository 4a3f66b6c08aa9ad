//! Writing elements without building them first.

use super::encode::{EncodeError, element_size, write_bytes, write_jid, write_text};
use super::{MAX_DEPTH, tag};
use crate::jid::Jid;

/// Appends the encoding of one element to `out`, written by `fill`: the same bytes as [`encode_into`] of a node
/// with the same tag, attributes and content, without the node.
///
/// ```
/// use wa_proto::jid::Jid;
/// use wa_proto::node::{self, Node};
///
/// let to = Jid::pn("77012345678");
/// let mut direct = Vec::new();
/// node::encode_with(&mut direct, "message", |message| {
///     message.attr("id", "3EB0A1B2C3D4E5F60718").attr_jid("to", &to);
///     message.children(|children| {
///         children.node("enc", |enc| enc.attr_u64("v", 2).attr("type", "msg").bytes(&[1, 2, 3]));
///     });
/// })?;
///
/// let enc = Node::new("enc").attr("v", "2").attr("type", "msg").bytes([1, 2, 3]);
/// let node = Node::new("message").attr("id", "3EB0A1B2C3D4E5F60718").attr("to", &to).children([enc]);
/// assert_eq!(direct, node.encode()?);
/// # Ok::<(), node::EncodeError>(())
/// ```
///
/// # Errors
///
/// [`EncodeError`] if what was written has no encoding, at the first such value; `out` is then as it was.
///
/// [`encode_into`]: super::encode_into
pub fn encode_with(out: &mut Vec<u8>, tag: &str, fill: impl FnOnce(&mut ElementWriter<'_>)) -> Result<(), EncodeError> {
    let start = out.len();
    let mut error = None;
    ElementWriter::write(out, &mut error, MAX_DEPTH, tag, fill);
    match error {
        None => Ok(()),
        Some(error) => {
            out.truncate(start);
            Err(error)
        }
    }
}

/// An element that is being written: attributes first, then at most one content.
pub struct ElementWriter<'w> {
    out: &'w mut Vec<u8>,
    error: &'w mut Option<EncodeError>,
    levels: usize,
    attrs: usize,
    has_content: bool,
}

impl ElementWriter<'_> {
    fn write(
        out: &mut Vec<u8>,
        error: &mut Option<EncodeError>,
        levels: usize,
        name: &str,
        fill: impl FnOnce(&mut ElementWriter<'_>),
    ) {
        let Some(levels) = levels.checked_sub(1) else {
            error.get_or_insert(EncodeError::TooDeep);
            return;
        };
        if name.is_empty() {
            error.get_or_insert(EncodeError::NoTag);
            return;
        }
        let header = open_list(out);
        let mut element = ElementWriter { out, error, levels, attrs: 0, has_content: false };
        element.note(|out| write_text(name.as_bytes(), out));
        fill(&mut element);
        let size = element_size(element.attrs, element.has_content);
        element.note(|out| close_list(out, header, size?));
    }

    /// Writes an attribute that is text.
    pub fn attr(&mut self, key: &str, value: &str) -> &mut Self {
        self.key(key);
        self.note(|out| write_text(value.as_bytes(), out));
        self
    }

    /// Writes an attribute that is text if there is a value for it.
    pub fn attr_opt(&mut self, key: &str, value: Option<&str>) -> &mut Self {
        match value {
            Some(value) => self.attr(key, value),
            None => self,
        }
    }

    /// Writes an attribute that is an address.
    pub fn attr_jid(&mut self, key: &str, value: &Jid) -> &mut Self {
        self.key(key);
        self.note(|out| write_jid(value, out));
        self
    }

    /// Writes an attribute that is a decimal number.
    pub fn attr_u64(&mut self, key: &str, value: u64) -> &mut Self {
        self.key(key);
        let mut digits = [0; 20];
        self.note(|out| write_text(decimal(value, &mut digits), out));
        self
    }

    /// Writes child elements as the content.
    pub fn children(&mut self, fill: impl FnOnce(&mut ChildrenWriter<'_>)) {
        self.begin_content();
        let header = open_list(self.out);
        let mut children = ChildrenWriter { out: self.out, error: self.error, levels: self.levels, count: 0 };
        fill(&mut children);
        let count = children.count;
        self.note(|out| close_list(out, header, count));
    }

    /// Writes bytes as the content.
    pub fn bytes(&mut self, bytes: &[u8]) {
        self.begin_content();
        self.note(|out| write_bytes(bytes, out));
    }

    /// Writes text as the content.
    pub fn text(&mut self, text: &str) {
        self.begin_content();
        self.note(|out| write_text(text.as_bytes(), out));
    }

    fn key(&mut self, key: &str) {
        if self.has_content {
            self.error.get_or_insert(EncodeError::Order);
        }
        self.attrs = self.attrs.saturating_add(1);
        self.note(|out| write_text(key.as_bytes(), out));
    }

    fn begin_content(&mut self) {
        if self.has_content {
            self.error.get_or_insert(EncodeError::Order);
        }
        self.has_content = true;
    }

    fn note(&mut self, write: impl FnOnce(&mut Vec<u8>) -> Result<(), EncodeError>) {
        if let Err(error) = write(self.out) {
            self.error.get_or_insert(error);
        }
    }
}

/// Child elements that are being written.
pub struct ChildrenWriter<'w> {
    out: &'w mut Vec<u8>,
    error: &'w mut Option<EncodeError>,
    levels: usize,
    count: usize,
}

impl ChildrenWriter<'_> {
    /// Writes a child element.
    pub fn node(&mut self, tag: &str, fill: impl FnOnce(&mut ElementWriter<'_>)) -> &mut Self {
        self.count = self.count.saturating_add(1);
        ElementWriter::write(self.out, self.error, self.levels, tag, fill);
        self
    }

    /// Writes a child element that is already built.
    pub fn built(&mut self, node: &super::Node) -> &mut Self {
        self.count = self.count.saturating_add(1);
        if let Err(error) = super::encode::write_node(node, self.out, self.levels) {
            self.error.get_or_insert(error);
        }
        self
    }
}

/// Begins a list whose size is not known yet and returns its place; most have one of under 256.
fn open_list(out: &mut Vec<u8>) -> usize {
    let header = out.len();
    out.extend_from_slice(&[tag::LIST_8, 0]);
    header
}

fn close_list(out: &mut Vec<u8>, header: usize, size: usize) -> Result<(), EncodeError> {
    let place = header..header.saturating_add(2);
    match (u8::try_from(size), u16::try_from(size)) {
        (Ok(0), _) => drop(out.splice(place, [tag::LIST_EMPTY])),
        (Ok(size), _) => {
            if let Some([_, slot]) = out.get_mut(place) {
                *slot = size;
            }
        }
        (_, Ok(size)) => {
            let [high, low] = size.to_be_bytes();
            drop(out.splice(place, [tag::LIST_16, high, low]));
        }
        _ => return Err(EncodeError::ListTooLong),
    }
    Ok(())
}

/// Writes a number's decimal digits to the end of `digits` and returns them.
fn decimal(mut number: u64, digits: &mut [u8; 20]) -> &[u8] {
    let mut at = digits.len();
    for (index, place) in digits.iter_mut().enumerate().rev() {
        // A remainder of ten is one digit.
        *place = b'0' | (number % 10).to_le_bytes()[0];
        number /= 10;
        at = index;
        if number == 0 {
            break;
        }
    }
    digits.get(at..).unwrap_or_default()
}
