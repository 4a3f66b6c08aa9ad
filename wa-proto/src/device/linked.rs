use std::fmt;

use crate::jid::Jid;
use crate::pairing::adv::SignedDeviceIdentity;

/// The account that a device is linked to.
#[derive(Clone)]
#[non_exhaustive]
pub struct LinkedAccount {
    /// Our phone-number JID, with our device number.
    pub jid: Jid,
    /// Our LID, with the same device number.
    pub lid: Jid,
    /// Our membership, signed by the primary and by us. It goes with prekey messages and retry receipts.
    pub identity: SignedDeviceIdentity,
    /// Kind of phone, e.g. `android`, `iphone`, `smba`.
    pub platform: Option<String>,
    /// Name of the business; only business accounts have one.
    pub business_name: Option<String>,
}

impl LinkedAccount {
    /// Puts the parts together.
    #[must_use]
    pub const fn new(jid: Jid, lid: Jid, identity: SignedDeviceIdentity) -> Self {
        Self { jid, lid, identity, platform: None, business_name: None }
    }

    /// Returns our device number.
    #[must_use]
    pub fn device(&self) -> u16 {
        self.jid.device()
    }
}

impl fmt::Debug for LinkedAccount {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("LinkedAccount")
            .field("device", &self.device())
            .field("platform", &self.platform)
            .finish_non_exhaustive()
    }
}
