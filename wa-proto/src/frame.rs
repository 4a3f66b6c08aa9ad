//! Frames: the pieces of the byte stream that a WebSocket carries.
//!
//! A frame is a length in three big-endian bytes and a payload. Before its first frame a client writes the
//! intro, which says which protocol and token dictionary follow. Where one WebSocket message ends and the next
//! begins has no meaning.
//!
//! Source: observed.

/// The intro: `WA`, protocol version 6, token dictionary version 3. Also the prologue of every handshake.
pub const INTRO: [u8; 4] = *b"WA\x06\x03";

/// Longest payload of a frame, in bytes.
pub const MAX_PAYLOAD: usize = (1 << 24) - 1;

/// Length of what stands before a payload.
pub const HEADER: usize = 3;

/// What stands before the intro of a client that has routing information, followed by its length as of a frame.
const ROUTING: [u8; 4] = *b"ED\x00\x01";

/// A buffer that has grown beyond this is given back once it is empty: most connections are idle.
const KEPT_CAPACITY: usize = 4 * 1024;

/// Why a byte stream cannot be cut into frames. The connection cannot go on.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum FrameError {
    /// The stream does not begin with an intro of this protocol.
    #[error("the stream does not begin with the intro of this protocol")]
    Intro,
    /// A payload over [`MAX_PAYLOAD`].
    #[error("a payload of {0} bytes does not fit a frame")]
    TooLong(usize),
}

/// Appends the intro, after `routing_info` of an earlier connection if there is any.
///
/// Routing information too long for its length field is left out: it only helps.
pub fn write_intro(routing_info: Option<&[u8]>, out: &mut Vec<u8>) {
    if let Some((info, header)) = routing_info.and_then(|info| Some((info, header(info.len()).ok()?))) {
        out.extend_from_slice(&ROUTING);
        out.extend_from_slice(&header);
        out.extend_from_slice(info);
    }
    out.extend_from_slice(&INTRO);
}

/// Appends a frame with `payload`.
///
/// # Errors
///
/// [`FrameError::TooLong`] over [`MAX_PAYLOAD`]; nothing is written then.
pub fn write(payload: &[u8], out: &mut Vec<u8>) -> Result<(), FrameError> {
    out.extend_from_slice(&header(payload.len())?);
    out.extend_from_slice(payload);
    Ok(())
}

/// Returns the header of a frame whose payload has `length` bytes.
///
/// # Errors
///
/// [`FrameError::TooLong`] over [`MAX_PAYLOAD`].
pub fn header(length: usize) -> Result<[u8; HEADER], FrameError> {
    match u32::try_from(length).map(u32::to_be_bytes) {
        Ok([0, high, middle, low]) => Ok([high, middle, low]),
        _ => Err(FrameError::TooLong(length)),
    }
}

/// Cuts a received byte stream into frames, however it arrives.
///
/// Holds what was pushed and not yet taken: at most one unfinished frame if all whole ones are taken after each
/// push. Memory grows with the bytes that arrive, never with a length that is only announced.
#[derive(Default)]
pub struct FrameDecoder {
    buffer: Vec<u8>,
    /// Where in `buffer` the next frame begins.
    start: usize,
}

impl FrameDecoder {
    /// Makes a decoder at the beginning of a stream of frames.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Appends received bytes.
    pub fn push(&mut self, bytes: &[u8]) {
        if self.start > 0 {
            self.buffer.drain(..self.start);
            self.start = 0;
        }
        if self.buffer.is_empty() && self.buffer.capacity() > KEPT_CAPACITY {
            self.buffer = Vec::new();
        }
        self.buffer.extend_from_slice(bytes);
    }

    /// Takes the payload of the next frame, if all of it is there. It can be decrypted where it is.
    pub fn next_frame(&mut self) -> Option<&mut [u8]> {
        let [high, middle, low] = *self.buffer.get(self.start..)?.first_chunk::<HEADER>()?;
        let length = usize::try_from(u32::from_be_bytes([0, high, middle, low])).ok()?;
        let payload = self.start.checked_add(HEADER)?;
        let end = payload.checked_add(length)?;
        if end > self.buffer.len() {
            return None;
        }
        self.start = end;
        self.buffer.get_mut(payload..end)
    }

    /// Gives back memory beyond what an idle connection needs, if all frames are taken.
    pub fn shrink(&mut self) {
        if self.start == self.buffer.len() {
            self.start = 0;
            self.buffer.clear();
            self.buffer.shrink_to(KEPT_CAPACITY);
        }
    }
}

/// What a server reads before the first frame of a client.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Intro {
    /// The routing information that the client carried over from an earlier connection.
    pub routing_info: Option<Vec<u8>>,
    /// Number of bytes that the intro took; frames follow.
    pub length: usize,
}

/// Reads the intro at the beginning of a client's stream; `None` if more bytes are needed.
///
/// # Errors
///
/// [`FrameError::Intro`] as soon as the bytes cannot become an intro.
pub fn read_intro(stream: &[u8]) -> Result<Option<Intro>, FrameError> {
    let Some(after_routing) = strip(stream, ROUTING)? else {
        return Ok(strip_intro(stream)?.map(|length| Intro { routing_info: None, length }));
    };
    let Some((&[high, middle, low], rest)) = after_routing.split_first_chunk() else { return Ok(None) };
    let length = u32::from_be_bytes([0, high, middle, low]);
    let length = usize::try_from(length).map_err(|_| FrameError::Intro)?;
    let Some((info, rest)) = rest.split_at_checked(length) else { return Ok(None) };
    let Some(consumed) = strip_intro(rest)? else { return Ok(None) };
    let length = stream.len().saturating_sub(rest.len()).saturating_add(consumed);
    Ok(Some(Intro { routing_info: Some(info.to_vec()), length }))
}

/// Returns what follows the optional `prefix`, `None` if the stream begins otherwise.
fn strip(stream: &[u8], prefix: [u8; 4]) -> Result<Option<&[u8]>, FrameError> {
    if stream.first() != prefix.first() {
        return Ok(None);
    }
    match stream.split_first_chunk() {
        Some((found, rest)) if *found == prefix => Ok(Some(rest)),
        None if prefix.starts_with(stream) => Ok(Some(&[])),
        _ => Err(FrameError::Intro),
    }
}

/// Returns the length of the bare intro, `None` if it is not all there yet.
fn strip_intro(stream: &[u8]) -> Result<Option<usize>, FrameError> {
    if stream.starts_with(&INTRO) {
        Ok(Some(INTRO.len()))
    } else if INTRO.starts_with(stream) {
        Ok(None)
    } else {
        Err(FrameError::Intro)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn intros_are_written_and_read_with_and_without_routing() {
        for routing in [None, Some(vec![]), Some(vec![0xde; 6]), Some(vec![1; 300])] {
            let mut stream = Vec::new();
            write_intro(routing.as_deref(), &mut stream);
            let length = stream.len();
            stream.extend_from_slice(b"frames");
            let intro = Intro { routing_info: routing, length };
            assert_eq!(read_intro(&stream), Ok(Some(intro)));
            for end in 0..length {
                assert_eq!(read_intro(&stream[..end]), Ok(None), "{end} of {length}");
            }
        }
    }

    #[test]
    fn other_protocols_are_refused_at_once() {
        for stream in [&b"G"[..], b"WB", b"WA\x05\x03", b"WA\x06\x02", b"EX", b"ED\x00\x01\x00\x00\x01xW1"] {
            assert_eq!(read_intro(stream), Err(FrameError::Intro), "{stream:?}");
        }
    }

    #[test]
    fn routing_information_that_does_not_fit_is_left_out() {
        let mut out = Vec::new();
        write_intro(Some(&vec![0; MAX_PAYLOAD + 1]), &mut out);
        assert_eq!(out, INTRO);
    }

    #[test]
    fn a_payload_over_the_limit_is_refused() {
        assert_eq!(header(MAX_PAYLOAD), Ok([0xff; 3]));
        assert_eq!(header(MAX_PAYLOAD + 1), Err(FrameError::TooLong(1 << 24)));
    }

    #[test]
    fn an_announced_length_reserves_nothing() {
        let mut decoder = FrameDecoder::new();
        decoder.push(&[0xff, 0xff, 0xff, 1, 2, 3]);
        assert_eq!(decoder.next_frame(), None);
        assert!(decoder.buffer.capacity() < 1024);
    }

    #[test]
    fn memory_of_a_large_frame_is_given_back() {
        let mut decoder = FrameDecoder::new();
        let mut stream = Vec::new();
        write(&vec![0; 100_000], &mut stream).unwrap();
        decoder.push(&stream);
        assert!(decoder.next_frame().is_some());
        decoder.shrink();
        assert!(decoder.buffer.capacity() <= KEPT_CAPACITY);
    }

    proptest! {
        #[test]
        fn frames_come_out_as_they_went_in(
            payloads in prop::collection::vec(prop::collection::vec(any::<u8>(), 0..300), 0..8),
            cuts in prop::collection::vec(1_usize..200, 1..20),
        ) {
            let mut stream = Vec::new();
            for payload in &payloads {
                write(payload, &mut stream).unwrap();
            }
            let mut decoder = FrameDecoder::new();
            let mut received: Vec<Vec<u8>> = Vec::new();
            let mut rest = &stream[..];
            for cut in cuts.into_iter().cycle() {
                let (piece, later) = rest.split_at(cut.min(rest.len()));
                decoder.push(piece);
                while let Some(frame) = decoder.next_frame() {
                    received.push(frame.to_vec());
                }
                decoder.shrink();
                rest = later;
                if rest.is_empty() {
                    break;
                }
            }
            prop_assert_eq!(received, payloads);
        }

        #[test]
        fn any_stream_is_an_intro_or_not(stream in prop::collection::vec(any::<u8>(), 0..40)) {
            let _ = read_intro(&stream);
        }
    }
}
