//! One connection of a client to the server, from the first handshake message to the last stanza.
//!
//! [`Connection`] does no I/O and reads neither a clock nor a random source. Received bytes, the time and
//! commands go in; all that it wants done comes out of [`Connection::poll`].
//!
//! ```text
//!                 received: the server's answer
//!  open ──► Handshaking ───────────────────────► Open ──┐ stanzas, requests, pings
//!               │                                  │ ◄───┘
//!               │ rejected, timed out, lost        │ ended by the server, out of step, silent, lost
//!               └──────────────► Closed ◄──────────┘
//! ```
//!
//! What it does by itself: the handshake, encryption, request ids and their answers, keepalive, and the answers
//! to the server's pings. Everything else is handed on as a [`Stanza`].

mod keepalive;
mod output;
mod requests;
mod stanza;
#[cfg(test)]
mod tests;

use std::collections::VecDeque;
use std::time::Duration;

use rand::CryptoRng;

use self::keepalive::Keepalive;
pub use self::output::{CloseReason, Event, Output, SendError};
pub use self::requests::{MAX_REQUESTS, REQUEST_TIMEOUT, RequestError, RequestId};
use self::requests::{Purpose, Requests};
use self::stanza::Route;
pub use self::stanza::{FrameProblem, Stanza};
use crate::cert::ServerVerified;
use crate::frame::{self, FrameDecoder};
use crate::jid::Jid;
use crate::keys::{KeyPair, PublicKey};
use crate::node::{self, ElementWriter, Node};
use crate::noise::{ClientHandshake, HandshakeError, Transport, TransportError};
use crate::plaintext;

/// Longest wait for the server's answer to the first message. Source: observed.
pub const HANDSHAKE_TIMEOUT: Duration = Duration::from_secs(20);

/// Frames are put into one transmission up to about this many bytes.
const COALESCED: usize = 64 * 1024;

/// What a connection begins with.
pub struct Settings {
    /// The device's static key pair for the handshake.
    pub noise: KeyPair,
    /// The encoded client payload: who connects.
    pub payload: Vec<u8>,
    /// The key that has to vouch for the server.
    pub root: PublicKey,
    /// The time in unix seconds, for the validity of certificates.
    pub unix_now: u64,
    /// The proof of an earlier connection, to resume with one round trip less.
    pub resume: Option<ServerVerified>,
    /// The routing information that the server sent last, passed back as it was.
    pub routing_info: Option<Vec<u8>>,
}

/// A connection; see the [module](self).
///
/// Times are durations since any fixed moment and never go back. After each call [`poll`](Self::poll) is to be
/// called until it says [`Output::Idle`]: nothing else empties the queue.
pub struct Connection {
    state: State,
    frames: FrameDecoder,
    requests: Requests,
    keepalive: Keepalive,
    queue: VecDeque<Output>,
}

enum State {
    Handshaking { handshake: Box<ClientHandshake>, root: PublicKey, unix_now: u64, deadline: Duration },
    Open(Box<Transport>),
    Closed,
}

impl Connection {
    /// Begins a connection; the first [`Output::Transmit`] is there at once.
    pub fn open<R: CryptoRng + ?Sized>(settings: Settings, now: Duration, rng: &mut R) -> Self {
        let Settings { noise, payload, root, unix_now, resume, routing_info } = settings;
        let begun = match resume {
            Some(server) => ClientHandshake::ik(&noise, server, payload, rng),
            None => Ok(ClientHandshake::xx(&noise, payload, rng)),
        };
        let mut connection = Self {
            state: State::Closed,
            frames: FrameDecoder::new(),
            requests: Requests::new(rng),
            keepalive: Keepalive::new(now, rng),
            queue: VecDeque::new(),
        };
        let mut wire = Vec::new();
        frame::write_intro(routing_info.as_deref(), &mut wire);
        match begun {
            Ok((handshake, hello)) if frame::write(&hello, &mut wire).is_ok() => {
                let deadline = now.saturating_add(HANDSHAKE_TIMEOUT);
                let handshake = Box::new(handshake);
                connection.state = State::Handshaking { handshake, root, unix_now, deadline };
                connection.queue.push_back(Output::Transmit(wire));
            }
            Ok((handshake, _)) => {
                let resumed = handshake.is_resumption();
                connection.close(CloseReason::Handshake { error: HandshakeError::Malformed, resumed });
            }
            Err(error) => connection.close(CloseReason::Handshake { error, resumed: true }),
        }
        connection
    }

    /// Returns the next thing to do; call it until it says [`Output::Idle`].
    pub fn poll(&mut self) -> Output {
        self.queue.pop_front().unwrap_or_else(|| Output::Idle { until: self.next_deadline() })
    }

    /// Tells whether stanzas can be sent.
    #[must_use]
    pub fn is_open(&self) -> bool {
        matches!(self.state, State::Open(_))
    }

    /// Takes bytes that arrived, in any pieces.
    pub fn received<R: CryptoRng + ?Sized>(&mut self, bytes: &[u8], now: Duration, rng: &mut R) {
        if matches!(self.state, State::Closed) {
            return;
        }
        self.frames.push(bytes);
        while let Some(payload) = self.frames.next_frame() {
            match std::mem::replace(&mut self.state, State::Closed) {
                State::Handshaking { handshake, root, unix_now, .. } => {
                    let resumed = handshake.is_resumption();
                    match handshake.finish(payload, &root, unix_now) {
                        Ok(established) => self.establish(established, now, rng),
                        Err(error) => self.close(CloseReason::Handshake { error, resumed }),
                    }
                }
                State::Open(mut transport) => match transport.open(payload) {
                    Ok(plaintext) => {
                        let read = Stanza::read(plaintext);
                        self.state = State::Open(transport);
                        self.keepalive.received(now);
                        match read {
                            Ok((stanza, route)) => self.route(stanza, route, now),
                            Err(problem) => self.queue.push_back(Output::Event(Event::Dropped(problem))),
                        }
                    }
                    Err(error) => self.close(CloseReason::Transport(error)),
                },
                State::Closed => break,
            }
        }
        self.frames.shrink();
    }

    /// Does what is due at `now`; to be called when the time of [`Output::Idle`] has come. Earlier is harmless.
    pub fn timed_out<R: CryptoRng + ?Sized>(&mut self, now: Duration, rng: &mut R) {
        match &self.state {
            State::Handshaking { deadline, .. } if now >= *deadline => self.close(CloseReason::HandshakeTimeout),
            State::Handshaking { .. } | State::Closed => {}
            State::Open(_) if self.keepalive.is_dead(now) => self.close(CloseReason::Silent),
            State::Open(_) => {
                for (id, purpose) in self.requests.take_due(now) {
                    self.answer(id, &purpose, Err(RequestError::TimedOut), now);
                }
                if self.keepalive.ping_is_due(now, !self.requests.is_empty(), rng) {
                    self.ping(now);
                }
            }
        }
    }

    /// Sends a stanza.
    ///
    /// # Errors
    ///
    /// [`SendError`]; after [`SendError::Transport`] the connection is closed.
    pub fn send(&mut self, node: &Node, now: Duration) -> Result<(), SendError> {
        let kind = match node.value("type") {
            Some(node::Value::Text(kind)) => Some(kind.as_ref()),
            Some(node::Value::Jid(_)) | None => None,
        };
        let answered = keepalive::is_answered(node.tag(), kind);
        self.transmit(answered, now, |out| plaintext::write(node, out).map_err(SendError::Encode))
    }

    /// Sends a stanza that `fill` writes straight into the frame; see [`node::encode_with`].
    ///
    /// # Errors
    ///
    /// As [`send`](Self::send).
    pub fn send_with(
        &mut self,
        tag: &str,
        now: Duration,
        fill: impl FnOnce(&mut ElementWriter<'_>),
    ) -> Result<(), SendError> {
        let answered = keepalive::is_answered(tag, None);
        self.transmit(answered, now, |out| {
            out.push(plaintext::PLAIN);
            node::encode_with(out, tag, fill).map_err(SendError::Encode)
        })
    }

    /// Sends a stanza that is already encoded, as [`node::encode_into`] does it.
    ///
    /// # Errors
    ///
    /// As [`send`](Self::send); the bytes are not looked at.
    pub fn send_encoded(&mut self, body: &[u8], now: Duration) -> Result<(), SendError> {
        let answered = node::peek_tag(body).is_some_and(|tag| keepalive::is_answered(tag, None));
        self.transmit(answered, now, |out| {
            out.push(plaintext::PLAIN);
            out.extend_from_slice(body);
            Ok(())
        })
    }

    /// Sends a request: an `<iq>` of type `get` or `set` without an id, which is appended here. The answer comes
    /// as [`Event::Response`] with the id returned, within `timeout` ([`REQUEST_TIMEOUT`] if there is no reason
    /// for another).
    ///
    /// # Errors
    ///
    /// As [`send`](Self::send), and [`SendError::TooManyRequests`].
    pub fn request(&mut self, iq: Node, timeout: Duration, now: Duration) -> Result<RequestId, SendError> {
        self.request_with(|id| iq.attr("id", id.to_owned()), timeout, now)
    }

    /// Sends a request that is written with the id it is given, as those of [`stanza`](crate::stanza) are;
    /// otherwise like [`request`](Self::request).
    ///
    /// # Errors
    ///
    /// As [`request`](Self::request).
    pub fn request_with(
        &mut self,
        write: impl FnOnce(&str) -> Node,
        timeout: Duration,
        now: Duration,
    ) -> Result<RequestId, SendError> {
        self.request_for(Purpose::Caller, write, timeout, now)
    }

    /// Returns an id for a stanza that is not a request, from the same sequence as those of requests.
    pub fn next_id(&mut self) -> String {
        let id = self.requests.next_id();
        self.requests.text_of(id)
    }

    /// Tells the connection that its socket is gone, or is about to be closed for a reason outside of it.
    pub fn disconnected(&mut self) {
        self.close(CloseReason::Disconnected);
    }

    fn establish<R: CryptoRng + ?Sized>(
        &mut self,
        established: crate::noise::ClientEstablished,
        now: Duration,
        rng: &mut R,
    ) {
        let crate::noise::ClientEstablished { finish, transport, server, pattern } = established;
        if let Some(finish) = finish {
            let mut wire = Vec::new();
            if frame::write(&finish, &mut wire).is_err() {
                let resumed = false;
                return self.close(CloseReason::Handshake { error: HandshakeError::Malformed, resumed });
            }
            self.queue.push_back(Output::Transmit(wire));
        }
        self.state = State::Open(Box::new(transport));
        self.keepalive = Keepalive::new(now, rng);
        self.queue.push_back(Output::Event(Event::Established { server, pattern }));
    }

    fn route(&mut self, stanza: Stanza, route: Route, now: Duration) {
        match route {
            Route::Deliver => self.queue.push_back(Output::Event(Event::Stanza(stanza))),
            Route::Answer { id, refusal } => {
                let Some((id, purpose)) = self.requests.take(&id) else { return };
                self.answer(id, &purpose, refusal.map_or(Ok(stanza), Err), now);
            }
            Route::Ping(pong) => {
                // A failure has closed the connection already, and there is nobody to tell.
                let _ = self.send(&pong, now);
            }
            Route::StreamEnd => self.close(CloseReason::StreamEnd),
            Route::StreamError => self.close(CloseReason::StreamError(stanza)),
        }
    }

    fn answer(&mut self, id: RequestId, purpose: &Purpose, answer: Result<Stanza, RequestError>, now: Duration) {
        match purpose {
            Purpose::Caller => self.queue.push_back(Output::Event(Event::Response { id, answer })),
            // Any answer proves life, a refusal too.
            Purpose::Ping { sent } if !matches!(answer, Err(RequestError::TimedOut | RequestError::Closed)) => {
                let server_time = answer.ok().and_then(|pong| pong.tree().root().attr_u64("t"));
                let round_trip = now.saturating_sub(*sent);
                self.queue.push_back(Output::Event(Event::Pong { round_trip, server_time }));
            }
            Purpose::Ping { .. } => {}
        }
    }

    fn ping(&mut self, now: Duration) {
        let ping = |id: &str| {
            let ping = Node::new("iq").attr("xmlns", "w:p").attr("type", "get").attr("to", Jid::SERVER);
            ping.attr("id", id.to_owned())
        };
        // A failure has closed the connection already; the next one begins with a ping of its own.
        let _ = self.request_for(Purpose::Ping { sent: now }, ping, keepalive::PONG_TIMEOUT, now);
    }

    fn request_for(
        &mut self,
        purpose: Purpose,
        write: impl FnOnce(&str) -> Node,
        timeout: Duration,
        now: Duration,
    ) -> Result<RequestId, SendError> {
        if self.requests.is_full() {
            return Err(SendError::TooManyRequests);
        }
        let id = self.requests.next_id();
        let iq = write(&self.requests.text_of(id));
        self.send(&iq, now)?;
        self.requests.insert(id, purpose, now.saturating_add(timeout));
        Ok(id)
    }

    fn transmit(
        &mut self,
        answered: bool,
        now: Duration,
        write: impl FnOnce(&mut Vec<u8>) -> Result<(), SendError>,
    ) -> Result<(), SendError> {
        let State::Open(transport) = &mut self.state else { return Err(SendError::NotOpen) };
        let sealed = match self.queue.back_mut() {
            Some(Output::Transmit(wire)) if wire.len() < COALESCED => transport.seal(wire, write),
            _ => {
                let mut wire = Vec::new();
                let sealed = transport.seal(&mut wire, write);
                if sealed.is_ok() {
                    self.queue.push_back(Output::Transmit(wire));
                }
                sealed
            }
        };
        match sealed {
            Ok(()) => {
                self.keepalive.sent(answered, now);
                Ok(())
            }
            Err(error) => {
                if let SendError::Transport(TransportError::Exhausted) = error {
                    self.close(CloseReason::Transport(TransportError::Exhausted));
                }
                Err(error)
            }
        }
    }

    /// Ends the connection once: requests end unanswered, then the reason is told.
    fn close(&mut self, reason: CloseReason) {
        if self.requests.is_closed() {
            return;
        }
        self.state = State::Closed;
        for (id, purpose) in self.requests.close() {
            self.answer(id, &purpose, Err(RequestError::Closed), Duration::ZERO);
        }
        self.queue.push_back(Output::Event(Event::Closed(reason)));
    }

    fn next_deadline(&self) -> Option<Duration> {
        match &self.state {
            State::Closed => None,
            State::Handshaking { deadline, .. } => Some(*deadline),
            State::Open(_) => {
                let keepalive = self.keepalive.next_deadline();
                Some(self.requests.next_deadline().map_or(keepalive, |request| request.min(keepalive)))
            }
        }
    }
}
