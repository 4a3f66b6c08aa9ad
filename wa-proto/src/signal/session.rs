//! One session: the state of one double ratchet, and how it encrypts and decrypts.

use rand::CryptoRng;

use super::chain::{ChainKey, RootKey};
use super::cipher;
use super::hmac::HmacKey;
use super::message::{PrekeyHeader, SignalHeader, write_mac};
use super::receiving::{Advance, ReceivingChain};
use super::{CiphertextKind, EncryptError, SignalError, SignalMessage};
use crate::keys::{AgreementKey, KeyPair, PublicKey};

/// How many receiving chains a session keeps; beyond, the oldest is dropped with its seeds.
pub(super) const MAX_RECEIVER_CHAINS: usize = 5;

/// The state of one double ratchet with one remote device.
#[derive(Clone)]
pub(super) struct Session {
    pub(super) local_identity: PublicKey,
    pub(super) remote_identity: PublicKey,
    pub(super) local_registration_id: u32,
    pub(super) remote_registration_id: u32,
    /// The initiator's base key; names the session.
    pub(super) base_key: PublicKey,
    pub(super) initiated_by_us: bool,
    pub(super) root: RootKey,
    /// The last counter used on the previous sending chain. Sent, never evaluated on receipt.
    pub(super) previous_counter: u32,
    pub(super) sender: SenderChain,
    /// Oldest first.
    pub(super) receivers: Vec<ReceiverChain>,
    pub(super) pending: Option<Pending>,
}

/// The chain with which we send.
#[derive(Clone)]
pub(super) struct SenderChain {
    pub(super) ratchet: KeyPair,
    pub(super) chain: ChainKey,
    /// The counter of the next message.
    pub(super) index: u32,
}

/// A chain with which the peer sends, named by the peer's ratchet key.
#[derive(Clone)]
pub(super) struct ReceiverChain {
    pub(super) ratchet: PublicKey,
    pub(super) chain: ReceivingChain,
}

/// What every message has to repeat until the peer has answered a session that we started.
#[derive(Clone, Copy)]
pub(super) struct Pending {
    pub(super) prekey_id: Option<u32>,
    pub(super) signed_prekey_id: u32,
}

impl Session {
    /// Encrypts `plaintext` with the next index, appending the message to `output`.
    pub(super) fn encrypt_onto(
        &mut self,
        plaintext: &[u8],
        output: &mut Vec<u8>,
    ) -> Result<CiphertextKind, EncryptError> {
        let counter = self.sender.index;
        let next_index = counter.checked_add(1).ok_or(EncryptError::Exhausted)?;
        let (seed, next_chain) = self.sender.chain.step();
        let header = SignalHeader {
            ratchet_key: self.sender.ratchet.public(),
            counter,
            previous_counter: self.previous_counter,
            plaintext_length: plaintext.len(),
        };
        let length = header.message_length();
        let envelope = self.pending.map(|pending| PrekeyHeader {
            prekey_id: pending.prekey_id,
            base_key: &self.base_key,
            identity_key: &self.local_identity,
            registration_id: self.local_registration_id,
            signed_prekey_id: pending.signed_prekey_id,
        });
        output.reserve(length.saturating_add(envelope.as_ref().map_or(0, |_| PrekeyHeader::MAX_LENGTH)));
        if let Some(envelope) = &envelope {
            envelope.write_front(length, output);
        }
        let start = output.len();
        header.write(output);
        let keys = seed.message_keys();
        cipher::encrypt_onto(&keys.cipher, &keys.iv, plaintext, output);
        let authenticated = output.get(start..).unwrap_or_default();
        let code = code(&keys.mac, &self.local_identity, &self.remote_identity, authenticated);
        write_mac(&code, output);
        let kind = match &envelope {
            None => CiphertextKind::Signal,
            Some(envelope) => {
                envelope.write_back(output);
                CiphertextKind::Prekey
            }
        };
        self.sender.chain = next_chain;
        self.sender.index = next_index;
        Ok(kind)
    }

    /// Says whether the session has the receiving chain to which `message` belongs.
    pub(super) fn knows_chain_of(&self, message: &SignalMessage<'_>) -> bool {
        self.receivers.iter().any(|receiver| receiver.belongs(message))
    }

    /// Decrypts `message`; nothing changes unless it is authentic.
    pub(super) fn decrypt<R: CryptoRng + ?Sized>(
        &mut self,
        message: &SignalMessage<'_>,
        rng: &mut R,
    ) -> Result<Received, SignalError> {
        let Some(at) = self.receivers.iter().rposition(|receiver| receiver.belongs(message)) else {
            return self.decrypt_with_ratchet(message, rng);
        };
        let Some(receiver) = self.receivers.get(at) else {
            return Err(SignalError::NoSession); // not reached: the position was just found
        };
        let (plaintext, advance) = self.open(&receiver.chain, message)?;
        let seeds_added = self.receivers.get_mut(at).is_some_and(|receiver| receiver.chain.apply(advance));
        self.pending = None;
        Ok(Received { plaintext, seeds_added })
    }

    /// Decrypts a message under a new ratchet key of the peer, and answers it with a new one of ours.
    ///
    /// Our new key is drawn last: forged messages cost no randomness.
    fn decrypt_with_ratchet<R: CryptoRng + ?Sized>(
        &mut self,
        message: &SignalMessage<'_>,
        rng: &mut R,
    ) -> Result<Received, SignalError> {
        let theirs = message.ratchet_key();
        let prepared = AgreementKey::new(theirs);
        let (root, chain) = self.root.step(&self.sender.ratchet.private().agree_prepared(&prepared)?);
        let mut chain = ReceivingChain::new(chain, 0);
        let (plaintext, advance) = self.open(&chain, message)?;
        let ratchet = KeyPair::generate(rng);
        let (root, sending) = root.step(&ratchet.private().agree_prepared(&prepared)?);

        let seeds_added = chain.apply(advance);
        self.receivers.push(ReceiverChain { ratchet: *theirs, chain });
        if self.receivers.len() > MAX_RECEIVER_CHAINS {
            self.receivers.remove(0);
        }
        self.previous_counter = self.sender.index.saturating_sub(1);
        self.sender = SenderChain { ratchet, chain: sending, index: 0 };
        self.root = root;
        self.pending = None;
        Ok(Received { plaintext, seeds_added })
    }

    /// Authenticates and decrypts `message` with a key of `chain`.
    fn open(&self, chain: &ReceivingChain, message: &SignalMessage<'_>) -> Result<(Vec<u8>, Advance), SignalError> {
        let (seed, advance) = chain.seed(message.counter())?;
        let keys = seed.message_keys();
        let code = code(&keys.mac, &self.remote_identity, &self.local_identity, message.authenticated());
        if !message.mac_is(&code) {
            return Err(SignalError::BadMac);
        }
        let plaintext = cipher::decrypt(&keys.cipher, &keys.iv, message.ciphertext())
            .map_err(|cipher::BadPadding| SignalError::BrokenContent)?;
        Ok((plaintext, advance))
    }
}

impl ReceiverChain {
    /// Ratchet keys are public, so that the comparison need not hide anything.
    fn belongs(&self, message: &SignalMessage<'_>) -> bool {
        self.ratchet.as_bytes() == message.ratchet_key().as_bytes()
    }
}

/// What a successful decryption gives.
pub(super) struct Received {
    pub(super) plaintext: Vec<u8>,
    /// Whether the session now keeps more seeds than before.
    pub(super) seeds_added: bool,
}

/// The authentication code of `authenticated` (version ‖ protobuf) from one identity to another.
fn code(key: &[u8; 32], sender: &PublicKey, receiver: &PublicKey, authenticated: &[u8]) -> [u8; 32] {
    HmacKey::new(key).authenticate(&[&sender.to_typed_bytes(), &receiver.to_typed_bytes(), authenticated])
}
