//! The server's side of a handshake.

use rand::CryptoRng;

use super::message::{Answer, Hello, Sealed};
use super::symmetric::{Pattern, Symmetric};
use super::{HandshakeError, Transport};
use crate::keys::{KeyPair, PublicKey};

/// What a server proves itself with.
#[derive(Clone, Copy)]
pub struct ServerIdentity<'a> {
    /// The static key pair, which the leaf of the chain certifies.
    pub key: &'a KeyPair,
    /// The encoded certificate chain; see [`Issuer`](crate::cert::Issuer).
    pub chain: &'a [u8],
}

/// What a server does with a client that resumes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum ResumePolicy {
    /// Accepts the attempt if it was made for the right key, else falls back.
    #[default]
    Accept,
    /// Falls back always, as if the key had changed.
    FallBack,
}

/// A client's first message, accepted.
pub enum Accepted {
    /// XX or XXfallback: the answer is to be sent, the client's last message to be awaited.
    AwaitFinish {
        /// The second message.
        answer: Vec<u8>,
        /// What takes the third.
        handshake: ServerHandshake,
    },
    /// IK: the answer is to be sent, and then the handshake is over.
    Established {
        /// The second message.
        answer: Vec<u8>,
        /// What came of it.
        established: Box<ServerEstablished>,
    },
}

/// A handshake whose last message is awaited.
pub struct ServerHandshake {
    state: Symmetric,
    ephemeral: KeyPair,
    pattern: Pattern,
}

/// A finished handshake, as the server sees it.
#[derive(Debug)]
pub struct ServerEstablished {
    /// The client's static key.
    pub client: PublicKey,
    /// The client payload.
    pub payload: Vec<u8>,
    /// The encrypted connection.
    pub transport: Transport,
    /// Which handshake it became.
    pub pattern: Pattern,
}

impl ServerHandshake {
    /// Takes a client's first message and makes the answer.
    ///
    /// # Errors
    ///
    /// [`HandshakeError`] if it is malformed. An attempt to resume that was made for another key is no error.
    pub fn accept<R: CryptoRng + ?Sized>(
        hello: &[u8],
        identity: ServerIdentity<'_>,
        policy: ResumePolicy,
        rng: &mut R,
    ) -> Result<Accepted, HandshakeError> {
        Self::accept_with(KeyPair::generate(rng), hello, identity, policy)
    }

    pub(super) fn accept_with(
        ephemeral: KeyPair,
        hello: &[u8],
        identity: ServerIdentity<'_>,
        policy: ResumePolicy,
    ) -> Result<Accepted, HandshakeError> {
        let hello = Hello::read(hello)?;
        let pattern = match (&hello.resumption, policy) {
            (None, _) => Pattern::Xx,
            (Some(_), ResumePolicy::FallBack) => Pattern::XxFallback,
            (Some(sealed), ResumePolicy::Accept) => match open_ik(&hello.ephemeral, sealed, identity.key) {
                Ok(opened) => return answer_ik(opened, &hello.ephemeral, &ephemeral, identity.chain),
                Err(HandshakeError::Unauthentic) => Pattern::XxFallback,
                Err(error) => return Err(error),
            },
        };
        Self::answer_xx(pattern, &hello.ephemeral, ephemeral, identity)
    }

    fn answer_xx(
        pattern: Pattern,
        client_ephemeral: &PublicKey,
        ephemeral: KeyPair,
        identity: ServerIdentity<'_>,
    ) -> Result<Accepted, HandshakeError> {
        let mut state = Symmetric::new(pattern);
        state.mix_hash(client_ephemeral.as_bytes());
        state.mix_hash(ephemeral.public().as_bytes());
        state.mix_agreement(ephemeral.private(), client_ephemeral)?;
        let static_key = state.seal(identity.key.public().as_bytes())?;
        state.mix_agreement(identity.key.private(), client_ephemeral)?;
        let payload = state.seal(identity.chain)?;
        let answer = Answer { ephemeral: *ephemeral.public(), static_key: Some(static_key), payload }.write();
        Ok(Accepted::AwaitFinish { answer, handshake: Self { state, ephemeral, pattern } })
    }

    /// Takes the client's last message and ends the handshake.
    ///
    /// # Errors
    ///
    /// [`HandshakeError`] if it is malformed or does not authenticate.
    pub fn finish(self, finish: &[u8]) -> Result<ServerEstablished, HandshakeError> {
        let sealed = Sealed::read_finish(finish)?;
        let mut state = self.state;
        let client = state.open_key(&sealed.static_key)?;
        state.mix_agreement(self.ephemeral.private(), &client)?;
        let payload = state.open(&sealed.payload)?;
        let transport = state.into_server_transport();
        Ok(ServerEstablished { client, payload, transport, pattern: self.pattern })
    }
}

/// An IK attempt that was made for the right key.
struct OpenedIk {
    state: Symmetric,
    client: PublicKey,
    payload: Vec<u8>,
}

fn open_ik(client_ephemeral: &PublicKey, sealed: &Sealed, key: &KeyPair) -> Result<OpenedIk, HandshakeError> {
    let mut state = Symmetric::new(Pattern::Ik);
    state.mix_hash(key.public().as_bytes());
    state.mix_hash(client_ephemeral.as_bytes());
    state.mix_agreement(key.private(), client_ephemeral)?;
    let client = state.open_key(&sealed.static_key)?;
    state.mix_agreement(key.private(), &client)?;
    let payload = state.open(&sealed.payload)?;
    Ok(OpenedIk { state, client, payload })
}

fn answer_ik(
    opened: OpenedIk,
    client_ephemeral: &PublicKey,
    ephemeral: &KeyPair,
    chain: &[u8],
) -> Result<Accepted, HandshakeError> {
    let OpenedIk { mut state, client, payload } = opened;
    state.mix_hash(ephemeral.public().as_bytes());
    state.mix_agreement(ephemeral.private(), client_ephemeral)?;
    state.mix_agreement(ephemeral.private(), &client)?;
    let sealed_chain = state.seal(chain)?;
    let answer = Answer { ephemeral: *ephemeral.public(), static_key: None, payload: sealed_chain }.write();
    let transport = state.into_server_transport();
    let established = Box::new(ServerEstablished { client, payload, transport, pattern: Pattern::Ik });
    Ok(Accepted::Established { answer, established })
}
