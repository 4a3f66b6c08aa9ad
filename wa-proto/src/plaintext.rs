//! What a decrypted frame holds: a flag byte, then a node, possibly compressed.

use std::borrow::Cow;

use flate2::{Decompress, FlushDecompress, Status};

use crate::node::{self, EncodeError, Node};

/// Largest node that is inflated, in bytes.
pub const MAX_INFLATED: usize = 16 * 1024 * 1024;

/// The bit of the flag byte that says the node is compressed; the others mean nothing.
const COMPRESSED: u8 = 2;
/// The flag byte of everything that is written: not compressed.
pub(crate) const PLAIN: u8 = 0;

/// Why a plaintext holds no node's bytes. The frame is dropped; the connection can go on.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum PlaintextError {
    /// Not even a flag byte.
    #[error("the plaintext is empty")]
    Empty,
    /// Compressed, but not a whole zlib stream with the right checksum.
    #[error("the compressed node is malformed")]
    Malformed,
    /// Compressed, and larger than [`MAX_INFLATED`].
    #[error("the compressed node inflates to over {MAX_INFLATED} bytes")]
    TooLarge,
}

/// Returns the bytes of the node in `plaintext`, inflated if they are compressed.
///
/// Bytes after the end of the compressed stream are ignored, as all clients do.
///
/// # Errors
///
/// [`PlaintextError`] if there are none.
pub fn open(plaintext: &[u8]) -> Result<Cow<'_, [u8]>, PlaintextError> {
    let (flag, body) = plaintext.split_first().ok_or(PlaintextError::Empty)?;
    if flag & COMPRESSED == 0 { Ok(Cow::Borrowed(body)) } else { inflate(body).map(Cow::Owned) }
}

/// Appends the plaintext of a frame that carries `node`: flag byte and encoding.
///
/// # Errors
///
/// [`EncodeError`] if the node has no encoding; `out` is then as it was.
pub fn write(node: &Node, out: &mut Vec<u8>) -> Result<(), EncodeError> {
    let start = out.len();
    out.push(PLAIN);
    node::encode_into(node, out).inspect_err(|_| out.truncate(start))
}

fn inflate(body: &[u8]) -> Result<Vec<u8>, PlaintextError> {
    let mut stream = Decompress::new(true);
    // Grown as the stream yields: what it will be is not known, and must not be believed.
    let mut out = Vec::with_capacity(body.len().saturating_mul(4).clamp(256, 64 * 1024));
    loop {
        let consumed = usize::try_from(stream.total_in()).map_err(|_| PlaintextError::Malformed)?;
        let input = body.get(consumed..).unwrap_or_default();
        let before = (stream.total_in(), out.len());
        let status =
            stream.decompress_vec(input, &mut out, FlushDecompress::None).map_err(|_| PlaintextError::Malformed)?;
        if out.len() > MAX_INFLATED {
            return Err(PlaintextError::TooLarge);
        }
        if status == Status::StreamEnd {
            return Ok(out);
        }
        if out.len() == out.capacity() {
            let limit = MAX_INFLATED.saturating_add(1);
            out.reserve_exact(out.len().min(limit.saturating_sub(out.len())).max(1));
        } else if before == (stream.total_in(), out.len()) {
            // Room to write and no progress: the stream is cut.
            return Err(PlaintextError::Malformed);
        }
    }
}

#[cfg(test)]
mod tests {
    use std::io::Write as _;

    use flate2::Compression;
    use flate2::write::ZlibEncoder;

    use super::*;
    use crate::vectors::{bytes, list, noise_and_codec, text};

    fn compressed(body: &[u8]) -> Vec<u8> {
        let mut encoder = ZlibEncoder::new(vec![COMPRESSED], Compression::best());
        encoder.write_all(body).unwrap();
        encoder.finish().unwrap()
    }

    #[test]
    fn published_frames_are_opened_or_refused_as_agreed() {
        let vectors = noise_and_codec();
        let rows = list(&vectors["frames"]);
        assert_eq!(rows.len(), 11);
        for row in rows {
            let (name, expect) = (text(&row["name"]), text(&row["expect"]));
            let plaintext = bytes(&row["hex"]);
            let opened = open(&plaintext);
            assert_eq!(opened.is_ok(), expect.starts_with("ok"), "{name}");
            let Ok(body) = opened else { continue };
            let tree = node::decode(&body).expect(name);
            assert_eq!(tree.root().tag(), text(&row["decoded"]["tag"]), "{name}");
            if let Some(len) = row["decoded"]["content"]["len"].as_u64() {
                assert_eq!(tree.root().content_bytes().map(|b| b.len() as u64), Some(len), "{name}");
            }
        }
    }

    #[test]
    fn what_is_written_is_opened() {
        let mut out = vec![9];
        write(&Node::new("iq"), &mut out).unwrap();
        assert_eq!(out, [9, 0, 0xf8, 1, 0x19]);
        assert_eq!(open(&out[1..]).unwrap(), &out[2..]);
        assert!(write(&Node::new(""), &mut out).is_err());
        assert_eq!(out.len(), 5);
    }

    #[test]
    fn inflation_ends_at_the_limit() {
        let largest = vec![7; MAX_INFLATED];
        assert_eq!(open(&compressed(&largest)).unwrap().len(), MAX_INFLATED);
        let larger = vec![7; MAX_INFLATED + 1];
        assert_eq!(open(&compressed(&larger)), Err(PlaintextError::TooLarge));
    }

    #[test]
    fn a_stream_cut_anywhere_is_refused() {
        let whole = compressed(b"a node that is long enough to be cut in many places");
        for end in 0..whole.len() {
            assert!(open(&whole[..end]).is_err(), "{end} bytes");
        }
    }
}
