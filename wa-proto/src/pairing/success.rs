//! From pair-success to a linked device: the companion's checks and changes, and the phone's check of the reply.
//!
//! The companion: [`verify`] gives a proof, [`Verified::accept`] countersigns it, and the resulting [`Linked`] says
//! what to store and what to answer, in this order. The phone: [`check_reply`].

use std::fmt;

use rand::CryptoRng;

use super::adv::{self, AccountVerified, AdvError, PendingLink, SignedDeviceIdentity};
use crate::device::{DeviceKeys, DeviceRecord, LinkedAccount};
use crate::jid::Jid;
use crate::keys::PublicKey;
use crate::node::Node;
use crate::stanza::iq::IqError;
use crate::stanza::pair::{PairRefusal, PairReply, PairSuccess};

/// Checks that the phone which read our code links us.
///
/// # Errors
///
/// The [`PairRefusal`] to answer with: [`HmacMismatch`](PairRefusal::HmacMismatch),
/// [`SignatureMismatch`](PairRefusal::SignatureMismatch), or [`Internal`](PairRefusal::Internal) for what does not
/// parse.
pub fn verify<'a>(success: &'a PairSuccess, keys: &'a DeviceKeys) -> Result<Verified<'a>, PairRefusal> {
    let account = adv::verify_container(&success.container, &keys.adv_secret, &keys.identity);
    let account = account.map_err(|error| match error {
        AdvError::HmacMismatch => PairRefusal::HmacMismatch,
        AdvError::AccountSignature => PairRefusal::SignatureMismatch,
        AdvError::Malformed | AdvError::DeviceSignature | AdvError::Changed => PairRefusal::Internal,
    })?;
    Ok(Verified { success, account })
}

/// Proof that a pair-success was checked; only [`verify`] makes one.
#[derive(Debug)]
pub struct Verified<'a> {
    success: &'a PairSuccess,
    account: AccountVerified<'a>,
}

impl Verified<'_> {
    /// Returns the account that links us, by phone number, for the application to refuse it.
    #[must_use]
    pub fn account(&self) -> Jid {
        self.success.jid.account()
    }

    /// Countersigns.
    #[must_use]
    pub fn accept<R: CryptoRng + ?Sized>(self, rng: &mut R) -> Linked {
        let key_index = self.account.details().key_index;
        let identity = self.account.sign(rng);
        let reply = PairReply::Signed { key_index, identity: identity.to_reply_bytes() };
        let mut account = LinkedAccount::new(self.success.jid.clone(), self.success.lid.clone(), identity);
        account.platform.clone_from(&self.success.platform);
        account.business_name.clone_from(&self.success.business_name);
        let props = self.success.props.as_ref();
        Linked {
            account,
            lid_migrated: props.and_then(|props| props.is_chat_db_lid_migrated).unwrap_or_default(),
            reply: reply.to_node(&self.success.id),
        }
    }
}

/// A device that is linked once this is stored and the reply sent.
#[derive(Clone)]
pub struct Linked {
    account: LinkedAccount,
    lid_migrated: bool,
    reply: Node,
}

impl Linked {
    /// Returns the account.
    #[must_use]
    pub const fn account(&self) -> &LinkedAccount {
        &self.account
    }

    /// Returns the primary's address and identity key, to be stored as the identity of that device.
    ///
    /// The address is the LID: sessions with our own phone are kept under it.
    #[must_use]
    pub fn primary_identity(&self) -> (Jid, PublicKey) {
        (self.account.lid.account(), *self.account.identity.account_key())
    }

    /// Returns phone number and LID of the account, to be stored as a pair.
    #[must_use]
    pub fn addresses(&self) -> (Jid, Jid) {
        (self.account.jid.account(), self.account.lid.account())
    }

    /// Changes the device record. The commit that stores it has to be durable before the [`reply`](Self::reply) is
    /// sent.
    ///
    /// The server has no prekeys of a device that was just linked. That chats are addressed by LID is set when the
    /// phone says so, and forgotten with another account.
    pub fn apply(&self, record: &mut DeviceRecord) {
        let is_same_account =
            record.linked.as_ref().is_some_and(|before| before.jid.is_same_account(&self.account.jid));
        let login = &mut record.login;
        login.lid_migrated = self.lid_migrated || (login.lid_migrated && is_same_account);
        login.is_logged_out = false;
        if login.push_name.is_none() {
            login.push_name.clone_from(&self.account.business_name);
        }
        record.prekeys.server_has_prekeys = false;
        record.linked = Some(self.account.clone());
    }

    /// Returns the answer to pair-success.
    #[must_use]
    pub const fn reply(&self) -> &Node {
        &self.reply
    }
}

impl fmt::Debug for Linked {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Linked")
            .field("account", &self.account)
            .field("lid_migrated", &self.lid_migrated)
            .finish_non_exhaustive()
    }
}

/// Why a companion that the phone wanted to link is to be dropped.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum NotLinked {
    /// The companion refused.
    #[error("the companion refused to be linked")]
    Refused(#[source] IqError),
    /// The companion answered for another key index.
    #[error("the companion answered for another key index")]
    KeyIndex,
    /// The device identity in the reply does not hold.
    #[error("the companion's device identity does not hold")]
    Identity(#[from] AdvError),
}

/// Checks a companion's answer to pair-success, as the phone.
///
/// # Errors
///
/// [`NotLinked`]: the device must be dropped.
pub fn check_reply(link: &PendingLink, reply: &PairReply) -> Result<SignedDeviceIdentity, NotLinked> {
    match reply {
        PairReply::Signed { key_index, .. } if *key_index != link.key_index() => Err(NotLinked::KeyIndex),
        PairReply::Signed { identity, .. } => Ok(link.accept_reply(identity)?),
        PairReply::Refused(error) => Err(NotLinked::Refused(error.clone())),
    }
}

#[cfg(test)]
mod tests {
    use rand_chacha::ChaCha20Rng;
    use rand_chacha::rand_core::SeedableRng as _;

    use super::*;
    use crate::keys::KeyPair;
    use crate::pairing::adv::{AdvSecret, DeviceIdentityDetails, Hosting, Linking};
    use crate::proto::ClientPairingProps;

    struct Phone {
        identity: KeyPair,
        rng: ChaCha20Rng,
    }

    impl Phone {
        fn new() -> Self {
            let mut rng = ChaCha20Rng::seed_from_u64(8);
            Self { identity: KeyPair::generate(&mut rng), rng }
        }

        fn link(&mut self, keys: &DeviceKeys, secret: &AdvSecret) -> (PendingLink, PairSuccess) {
            let details = DeviceIdentityDetails {
                raw_id: 1,
                timestamp: 2,
                key_index: 3,
                account_type: Hosting::Own,
                device_type: Hosting::Own,
            };
            let companion = keys.identity.public();
            let link = Linking { primary: &self.identity, companion, secret, details }.offer(&mut self.rng);
            let (jid, lid) = (Jid::pn("77010000001").with_device(4), Jid::lid("137000000000001").with_device(4));
            let success = PairSuccess::new("1", jid, lid, link.container().to_vec());
            (link, success)
        }
    }

    fn record() -> DeviceRecord {
        DeviceRecord::generate(&mut ChaCha20Rng::seed_from_u64(9))
    }

    fn reply_of(linked: &Linked) -> PairReply {
        PairReply::read(linked.reply().tree().root()).unwrap()
    }

    #[test]
    fn a_phone_and_a_companion_are_linked() {
        let (mut phone, mut record) = (Phone::new(), record());
        record.prekeys.server_has_prekeys = true;
        let (link, success) = phone.link(&record.keys, &record.keys.adv_secret);
        let verified = verify(&success, &record.keys).unwrap();
        assert_eq!(verified.account(), Jid::pn("77010000001"));
        let linked = verified.accept(&mut phone.rng);
        linked.apply(&mut record);

        let account = record.linked.as_ref().unwrap();
        assert_eq!((&account.jid, &account.lid), (&success.jid, &success.lid));
        assert!(!record.prekeys.server_has_prekeys && !record.login.lid_migrated);
        assert_eq!(linked.primary_identity(), (Jid::lid("137000000000001"), *phone.identity.public()));
        assert_eq!(linked.addresses(), (Jid::pn("77010000001"), Jid::lid("137000000000001")));

        let stored = check_reply(&link, &reply_of(&linked)).unwrap();
        assert_eq!(stored.to_bytes(), account.identity.to_bytes());
    }

    #[test]
    fn a_phone_that_does_not_know_the_secret_is_refused() {
        let (mut phone, record) = (Phone::new(), record());
        let other = AdvSecret::generate(&mut phone.rng);
        let (_, success) = phone.link(&record.keys, &other);
        assert_eq!(verify(&success, &record.keys).map(drop), Err(PairRefusal::HmacMismatch));
    }

    #[test]
    fn a_signature_over_another_companion_is_refused() {
        let (mut phone, record) = (Phone::new(), record());
        let other = DeviceRecord::generate(&mut phone.rng);
        let (_, success) = phone.link(&other.keys, &record.keys.adv_secret);
        assert_eq!(verify(&success, &record.keys).map(drop), Err(PairRefusal::SignatureMismatch));
    }

    #[test]
    fn an_unreadable_identity_is_refused() {
        let (mut phone, record) = (Phone::new(), record());
        let (_, mut success) = phone.link(&record.keys, &record.keys.adv_secret);
        success.container.truncate(10);
        assert_eq!(verify(&success, &record.keys).map(drop), Err(PairRefusal::Internal));
    }

    #[test]
    fn the_phone_drops_a_companion_that_refuses_or_answers_for_something_else() {
        let (mut phone, record) = (Phone::new(), record());
        let (link, success) = phone.link(&record.keys, &record.keys.adv_secret);
        let linked = verify(&success, &record.keys).unwrap().accept(&mut phone.rng);
        let PairReply::Signed { key_index, mut identity } = reply_of(&linked) else {
            panic!("refused");
        };
        let other_index = PairReply::Signed { key_index: key_index + 1, identity: identity.clone() };
        assert_eq!(check_reply(&link, &other_index).map(drop), Err(NotLinked::KeyIndex));
        *identity.last_mut().unwrap() ^= 1;
        let forged = PairReply::Signed { key_index, identity };
        let refused = check_reply(&link, &forged).map(drop);
        assert_eq!(refused, Err(NotLinked::Identity(AdvError::DeviceSignature)));
        let refusal = PairReply::refused(PairRefusal::HmacMismatch);
        let expected = NotLinked::Refused(IqError::new(401, "hmac-mismatch"));
        assert_eq!(check_reply(&link, &refusal).map(drop), Err(expected));
    }

    #[test]
    fn business_name_and_migration_reach_the_record() {
        let (mut phone, mut record) = (Phone::new(), record());
        let (_, mut success) = phone.link(&record.keys, &record.keys.adv_secret);
        success.business_name = Some("Salon".to_owned());
        success.platform = Some("smba".to_owned());
        success.props =
            Some(ClientPairingProps { is_chat_db_lid_migrated: Some(true), ..ClientPairingProps::default() });
        record.login.is_logged_out = true;
        verify(&success, &record.keys.clone()).unwrap().accept(&mut phone.rng).apply(&mut record);
        assert_eq!(record.login.push_name.as_deref(), Some("Salon"));
        assert_eq!(record.linked.as_ref().unwrap().platform.as_deref(), Some("smba"));
        assert!(record.login.lid_migrated && !record.login.is_logged_out);

        // The same account without advice keeps what was known; another account forgets it.
        success.props = None;
        success.business_name = Some("Clinic".to_owned());
        verify(&success, &record.keys.clone()).unwrap().accept(&mut phone.rng).apply(&mut record);
        assert!(record.login.lid_migrated);
        assert_eq!(record.login.push_name.as_deref(), Some("Salon"));
        success.jid = Jid::pn("77010000002").with_device(4);
        verify(&success, &record.keys.clone()).unwrap().accept(&mut phone.rng).apply(&mut record);
        assert!(!record.login.lid_migrated);
    }
}
