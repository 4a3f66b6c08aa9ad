//! Starting a session: the extended triple Diffie-Hellman agreement in both roles.
//!
//! Source: <https://signal.org/docs/specifications/x3dh/>; concatenation and labels: vectors `x3dh`.

use rand::CryptoRng;

use super::chain::{ChainKey, RootKey};
use super::hmac::{HkdfInfo, HmacKey, hkdf};
use super::receiving::ReceivingChain;
use super::session::{MAX_RECEIVER_CHAINS, Pending, ReceiverChain, SenderChain, Session};
use super::{LocalDevice, Prekey, PrekeyMessage, SignedPrekey, ValidBundle};
use crate::keys::{AgreementKey, KeyError, KeyPair, SharedSecret};

const TEXT: HkdfInfo = HkdfInfo::new(b"WhisperText");

/// What comes before the agreements, so that they cannot be mistaken for a signature key's input.
const PREFIX: [u8; 32] = [0xff; 32];

/// Starts a session as the one who has the other's bundle.
pub(super) fn initiate<R: CryptoRng + ?Sized>(
    local: &LocalDevice<'_>,
    bundle: &ValidBundle,
    rng: &mut R,
) -> Result<Session, KeyError> {
    let bundle = bundle.as_bundle();
    let base = KeyPair::generate(rng);
    let ratchet = KeyPair::generate(rng);
    let signed_prekey = AgreementKey::new(&bundle.signed_prekey);
    let (root, receiving) = derive(
        &local.identity.private().agree_prepared(&signed_prekey)?,
        &base.private().agree(&bundle.identity)?,
        &base.private().agree_prepared(&signed_prekey)?,
        bundle.prekey.as_ref().map(|(_, prekey)| base.private().agree(prekey)).transpose()?.as_ref(),
    );
    let (root, sending) = root.step(&ratchet.private().agree_prepared(&signed_prekey)?);
    let mut receivers = Vec::with_capacity(MAX_RECEIVER_CHAINS.saturating_add(1));
    receivers.push(ReceiverChain { ratchet: bundle.signed_prekey, chain: ReceivingChain::new(receiving, 0) });
    Ok(Session {
        local_identity: *local.identity.public(),
        remote_identity: bundle.identity,
        local_registration_id: local.registration_id,
        remote_registration_id: bundle.registration_id,
        base_key: *base.public(),
        initiated_by_us: true,
        root,
        previous_counter: 0,
        sender: SenderChain { ratchet, chain: sending, index: 0 },
        receivers,
        pending: Some(Pending {
            prekey_id: bundle.prekey.as_ref().map(|(id, _)| id.value()),
            signed_prekey_id: bundle.signed_prekey_id.value(),
        }),
    })
}

/// Starts the session that a message announces, as the one whose prekeys it names.
pub(super) fn respond(
    local: &LocalDevice<'_>,
    message: &PrekeyMessage<'_>,
    signed_prekey: &SignedPrekey,
    prekey: Option<&Prekey>,
) -> Result<Session, KeyError> {
    let (identity, base) = (message.identity_key(), message.base_key());
    let prepared_base = AgreementKey::new(base);
    let (root, sending) = derive(
        &signed_prekey.private().agree(identity)?,
        &local.identity.private().agree_prepared(&prepared_base)?,
        &signed_prekey.private().agree_prepared(&prepared_base)?,
        prekey.map(|prekey| prekey.private().agree_prepared(&prepared_base)).transpose()?.as_ref(),
    );
    Ok(Session {
        local_identity: *local.identity.public(),
        remote_identity: *identity,
        local_registration_id: local.registration_id,
        remote_registration_id: message.registration_id(),
        base_key: *base,
        initiated_by_us: false,
        root,
        previous_counter: 0,
        sender: SenderChain { ratchet: signed_prekey.pair().clone(), chain: sending, index: 0 },
        receivers: Vec::with_capacity(MAX_RECEIVER_CHAINS.saturating_add(1)),
        pending: None,
    })
}

/// Derives the first root and chain key of a session from its three or four agreements.
fn derive(
    first: &SharedSecret,
    second: &SharedSecret,
    third: &SharedSecret,
    fourth: Option<&SharedSecret>,
) -> (RootKey, ChainKey) {
    let fourth: &[u8] = fourth.map_or(&[], |secret| secret.as_bytes());
    let secrets = [&PREFIX, first.as_bytes(), second.as_bytes(), third.as_bytes(), fourth];
    let [root, chain] = hkdf(&HmacKey::ZERO, &secrets, &TEXT);
    (RootKey(root), ChainKey(chain))
}
