//! The running hash and keys of a handshake.

use aes_gcm::aead::{AeadInOut, KeyInit};
use aes_gcm::{Aes256Gcm, Nonce};
use hkdf::Hkdf;
use sha2::{Digest, Sha256};
use zeroize::{Zeroize, ZeroizeOnDrop};

use super::HandshakeError;
use super::transport::Transport;
use crate::frame::INTRO;
use crate::keys::{PrivateKey, PublicKey};

/// Length of the authentication tag at the end of every ciphertext.
pub(super) const TAG: usize = 16;

/// The nonce of AES-GCM, 12 bytes.
pub(super) type FrameNonce = Nonce<aes_gcm::aes::cipher::consts::U12>;

/// Which handshake it is; its name is the first thing that is hashed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Pattern {
    /// Neither side knows the other's static key.
    Xx,
    /// The client knows the server's static key.
    Ik,
    /// The client thought so, and goes on as in XX.
    XxFallback,
}

impl Pattern {
    fn name(self) -> &'static [u8] {
        match self {
            Self::Xx => b"Noise_XX_25519_AESGCM_SHA256",
            Self::Ik => b"Noise_IK_25519_AESGCM_SHA256",
            Self::XxFallback => b"Noise_XXfallback_25519_AESGCM_SHA256",
        }
    }
}

/// A handshake's hash `h`, chaining key `ck`, key `k` and counter `n`.
///
/// Source: Noise rev 34, §5.2; unlike there, `k` is `h` until the first key is mixed in, and nothing is
/// encrypted before that.
#[derive(Zeroize, ZeroizeOnDrop)]
pub(super) struct Symmetric {
    hash: [u8; 32],
    chaining_key: [u8; 32],
    key: [u8; 32],
    counter: u32,
}

impl Symmetric {
    /// Begins a handshake: pattern name and prologue.
    pub(super) fn new(pattern: Pattern) -> Self {
        let name = pattern.name();
        let mut hash = [0; 32];
        match hash.get_mut(..name.len()) {
            Some(start) => start.copy_from_slice(name),
            None => hash = Sha256::digest(name).into(),
        }
        let mut state = Self { hash, chaining_key: hash, key: hash, counter: 0 };
        state.mix_hash(&INTRO);
        state
    }

    pub(super) fn mix_hash(&mut self, data: &[u8]) {
        self.hash = Sha256::new_with_prefix(self.hash).chain_update(data).finalize().into();
    }

    /// Mixes in the secret that `ours` and `theirs` agree on.
    pub(super) fn mix_agreement(&mut self, ours: &PrivateKey, theirs: &PublicKey) -> Result<(), HandshakeError> {
        let shared = ours.agree(theirs).map_err(HandshakeError::Key)?;
        [self.chaining_key, self.key] = self.derive(shared.as_bytes());
        self.counter = 0;
        Ok(())
    }

    /// Encrypts `plaintext` and hashes what comes out.
    pub(super) fn seal(&mut self, plaintext: &[u8]) -> Result<Vec<u8>, HandshakeError> {
        let mut ciphertext = Vec::with_capacity(plaintext.len().saturating_add(TAG));
        ciphertext.extend_from_slice(plaintext);
        let nonce = self.next_nonce()?;
        let tag = self
            .cipher()
            .encrypt_inout_detached(&nonce, &self.hash, ciphertext.as_mut_slice().into())
            .map_err(|_| HandshakeError::Malformed)?;
        ciphertext.extend_from_slice(&tag);
        self.mix_hash(&ciphertext);
        Ok(ciphertext)
    }

    /// Decrypts `ciphertext`, then hashes it.
    pub(super) fn open(&mut self, ciphertext: &[u8]) -> Result<Vec<u8>, HandshakeError> {
        let (body, tag) = ciphertext.split_last_chunk::<TAG>().ok_or(HandshakeError::Malformed)?;
        let mut plaintext = body.to_vec();
        let nonce = self.next_nonce()?;
        self.cipher()
            .decrypt_inout_detached(&nonce, &self.hash, plaintext.as_mut_slice().into(), &(*tag).into())
            .map_err(|_| HandshakeError::Unauthentic)?;
        self.mix_hash(ciphertext);
        Ok(plaintext)
    }

    /// Decrypts a public key.
    pub(super) fn open_key(&mut self, ciphertext: &[u8]) -> Result<PublicKey, HandshakeError> {
        PublicKey::from_slice(&self.open(ciphertext)?).map_err(HandshakeError::Key)
    }

    /// Ends the handshake: the keys from the client to the server, and back.
    pub(super) fn split(&self) -> [[u8; 32]; 2] {
        self.derive(&[])
    }

    pub(super) fn into_client_transport(self) -> Transport {
        let [mut up, mut down] = self.split();
        let transport = Transport::new(&up, &down);
        up.zeroize();
        down.zeroize();
        transport
    }

    pub(super) fn into_server_transport(self) -> Transport {
        let [mut up, mut down] = self.split();
        let transport = Transport::new(&down, &up);
        up.zeroize();
        down.zeroize();
        transport
    }

    fn derive(&self, secret: &[u8]) -> [[u8; 32]; 2] {
        let mut output = [0; 64];
        let derived = Hkdf::<Sha256>::new(Some(&self.chaining_key), secret).expand(&[], &mut output);
        debug_assert!(derived.is_ok(), "64 bytes are within the limit of HKDF");
        let (mut first, mut second) = ([0; 32], [0; 32]);
        let (front, back) = output.split_at(32);
        first.copy_from_slice(front);
        second.copy_from_slice(back);
        output.zeroize();
        [first, second]
    }

    fn cipher(&self) -> Aes256Gcm {
        Aes256Gcm::new(&self.key.into())
    }

    fn next_nonce(&mut self) -> Result<FrameNonce, HandshakeError> {
        let nonce = nonce(self.counter);
        self.counter = self.counter.checked_add(1).ok_or(HandshakeError::Malformed)?;
        Ok(nonce)
    }

    #[cfg(test)]
    pub(super) fn parts(&self) -> ([u8; 32], [u8; 32], [u8; 32], u32) {
        (self.hash, self.chaining_key, self.key, self.counter)
    }
}

/// Returns the nonce of message number `counter`: eight zero bytes, then the counter, big-endian.
pub(super) fn nonce(counter: u32) -> FrameNonce {
    let mut nonce = [0; 12];
    if let Some(tail) = nonce.last_chunk_mut() {
        *tail = counter.to_be_bytes();
    }
    nonce.into()
}
