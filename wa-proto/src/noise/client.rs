//! The client's side of a handshake.

use rand::CryptoRng;

use super::message::{Answer, Hello, Sealed};
use super::symmetric::{Pattern, Symmetric};
use super::{HandshakeError, Transport};
use crate::cert::{self, ServerVerified};
use crate::keys::{KeyPair, PublicKey};

/// A handshake whose first message is sent and whose answer is awaited.
///
/// ```
/// # use rand_chacha::{ChaCha20Rng, rand_core::SeedableRng};
/// # use wa_proto::cert::{Issuer, Validity};
/// # use wa_proto::keys::KeyPair;
/// use wa_proto::noise::{Accepted, ClientHandshake, ResumePolicy, ServerHandshake, ServerIdentity};
///
/// # let mut rng = ChaCha20Rng::seed_from_u64(1);
/// # let [root, intermediate, server, noise] = std::array::from_fn(|_| KeyPair::generate(&mut rng));
/// # let validity = Validity { not_before: 0, not_after: 2_000_000_000 };
/// # let issuer = Issuer { root: root.private(), intermediate: &intermediate, intermediate_serial: 1, validity };
/// # let chain = issuer.issue(server.public(), 2, &mut rng);
/// # let identity = ServerIdentity { key: &server, chain: &chain };
/// let (client, hello) = ClientHandshake::xx(&noise, b"client payload".to_vec(), &mut rng);
/// let accepted = ServerHandshake::accept(&hello, identity, ResumePolicy::Accept, &mut rng)?;
/// let Accepted::AwaitFinish { answer, handshake } = accepted else { unreachable!("not resumed") };
/// let established = client.finish(&answer, root.public(), 1_800_000_000)?;
/// let at_server = handshake.finish(&established.finish.unwrap_or_default())?;
/// assert_eq!(at_server.client, *noise.public());
/// assert_eq!(at_server.payload, b"client payload");
/// # Ok::<(), wa_proto::noise::HandshakeError>(())
/// ```
pub struct ClientHandshake {
    attempt: Attempt,
    ephemeral: KeyPair,
    noise: KeyPair,
    payload: Vec<u8>,
}

enum Attempt {
    Xx(Symmetric),
    Ik(Symmetric, ServerVerified),
}

/// A finished handshake, as the client sees it.
#[derive(Debug)]
pub struct ClientEstablished {
    /// The last message, to be sent before anything else; IK has none.
    pub finish: Option<Vec<u8>>,
    /// The encrypted connection.
    pub transport: Transport,
    /// Proof that the server is the one that the root vouches for, and what to keep for resuming.
    pub server: ServerVerified,
    /// Which handshake it became.
    pub pattern: Pattern,
}

impl ClientHandshake {
    /// Begins an XX handshake and returns its first message.
    ///
    /// `noise` is the device's own static key pair, `payload` the client payload, which is sent encrypted at the
    /// end.
    #[must_use]
    pub fn xx<R: CryptoRng + ?Sized>(noise: &KeyPair, payload: Vec<u8>, rng: &mut R) -> (Self, Vec<u8>) {
        Self::xx_with(KeyPair::generate(rng), noise, payload)
    }

    pub(super) fn xx_with(ephemeral: KeyPair, noise: &KeyPair, payload: Vec<u8>) -> (Self, Vec<u8>) {
        let mut state = Symmetric::new(Pattern::Xx);
        state.mix_hash(ephemeral.public().as_bytes());
        let hello = Hello { ephemeral: *ephemeral.public(), resumption: None };
        (Self { attempt: Attempt::Xx(state), ephemeral, noise: noise.clone(), payload }, hello.write())
    }

    /// Begins an IK handshake with a server known from an earlier connection, and returns its first message,
    /// which holds the encrypted `payload` already.
    ///
    /// # Errors
    ///
    /// [`HandshakeError::Key`] if the server's key makes the agreement predictable; the proof is then worthless
    /// and to be forgotten.
    pub fn ik<R: CryptoRng + ?Sized>(
        noise: &KeyPair,
        server: ServerVerified,
        payload: Vec<u8>,
        rng: &mut R,
    ) -> Result<(Self, Vec<u8>), HandshakeError> {
        Self::ik_with(KeyPair::generate(rng), noise, server, payload)
    }

    pub(super) fn ik_with(
        ephemeral: KeyPair,
        noise: &KeyPair,
        server: ServerVerified,
        payload: Vec<u8>,
    ) -> Result<(Self, Vec<u8>), HandshakeError> {
        let mut state = Symmetric::new(Pattern::Ik);
        state.mix_hash(server.key().as_bytes());
        state.mix_hash(ephemeral.public().as_bytes());
        state.mix_agreement(ephemeral.private(), server.key())?;
        let static_key = state.seal(noise.public().as_bytes())?;
        state.mix_agreement(noise.private(), server.key())?;
        let sealed = Sealed { static_key, payload: state.seal(&payload)? };
        let hello = Hello { ephemeral: *ephemeral.public(), resumption: Some(sealed) };
        Ok((Self { attempt: Attempt::Ik(state, server), ephemeral, noise: noise.clone(), payload }, hello.write()))
    }

    /// Tells whether the answer may end the handshake at once: this is an IK attempt.
    #[must_use]
    pub fn is_resumption(&self) -> bool {
        matches!(self.attempt, Attempt::Ik(..))
    }

    /// Takes the server's answer and ends the handshake.
    ///
    /// `root` is the key that has to vouch for the server, `now` the unix time in seconds. Nothing is to be sent
    /// after an error, not even the last message.
    ///
    /// # Errors
    ///
    /// [`HandshakeError`]: the server is not who it should be, or does not speak this protocol.
    pub fn finish(self, answer: &[u8], root: &PublicKey, now: u64) -> Result<ClientEstablished, HandshakeError> {
        let answer = Answer::read(answer)?;
        match (self.attempt, answer.static_key) {
            (Attempt::Ik(state, server), None) => {
                let answer = Answer { static_key: None, ..answer };
                finish_ik(state, &answer, &self.ephemeral, &self.noise, server)
            }
            (Attempt::Ik(..), Some(static_key)) => {
                // The client's ephemeral key that is already sent opens the new handshake.
                let mut state = Symmetric::new(Pattern::XxFallback);
                state.mix_hash(self.ephemeral.public().as_bytes());
                let sealed = Sealed { static_key, payload: answer.payload };
                let ours = Ours { ephemeral: &self.ephemeral, noise: &self.noise, payload: &self.payload };
                finish_xx(state, Pattern::XxFallback, &answer.ephemeral, &sealed, &ours, root, now)
            }
            (Attempt::Xx(state), Some(static_key)) => {
                let sealed = Sealed { static_key, payload: answer.payload };
                let ours = Ours { ephemeral: &self.ephemeral, noise: &self.noise, payload: &self.payload };
                finish_xx(state, Pattern::Xx, &answer.ephemeral, &sealed, &ours, root, now)
            }
            (Attempt::Xx(_), None) => Err(HandshakeError::Malformed),
        }
    }
}

struct Ours<'a> {
    ephemeral: &'a KeyPair,
    noise: &'a KeyPair,
    payload: &'a [u8],
}

fn finish_ik(
    mut state: Symmetric,
    answer: &Answer,
    ephemeral: &KeyPair,
    noise: &KeyPair,
    server: ServerVerified,
) -> Result<ClientEstablished, HandshakeError> {
    state.mix_hash(answer.ephemeral.as_bytes());
    state.mix_agreement(ephemeral.private(), &answer.ephemeral)?;
    state.mix_agreement(noise.private(), &answer.ephemeral)?;
    // That it decrypts is the proof: only the holder of the static key that was verified could seal it.
    state.open(&answer.payload)?;
    let transport = state.into_client_transport();
    Ok(ClientEstablished { finish: None, transport, server, pattern: Pattern::Ik })
}

fn finish_xx(
    mut state: Symmetric,
    pattern: Pattern,
    server_ephemeral: &PublicKey,
    sealed: &Sealed,
    ours: &Ours<'_>,
    root: &PublicKey,
    now: u64,
) -> Result<ClientEstablished, HandshakeError> {
    state.mix_hash(server_ephemeral.as_bytes());
    state.mix_agreement(ours.ephemeral.private(), server_ephemeral)?;
    let server_static = state.open_key(&sealed.static_key)?;
    state.mix_agreement(ours.ephemeral.private(), &server_static)?;
    let chain = state.open(&sealed.payload)?;
    let server = cert::verify(&chain, root, &server_static, now).map_err(HandshakeError::Certificate)?;

    let static_key = state.seal(ours.noise.public().as_bytes())?;
    state.mix_agreement(ours.noise.private(), server_ephemeral)?;
    let payload = state.seal(ours.payload)?;
    let finish = Some(Sealed { static_key, payload }.write_finish());
    Ok(ClientEstablished { finish, transport: state.into_client_transport(), server, pattern })
}
