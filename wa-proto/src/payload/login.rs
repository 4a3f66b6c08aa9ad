use super::{ClientProfile, PayloadError};
use crate::jid::Jid;
use crate::proto::ClientPayload;

/// A JID that no login can be made with: not a phone-number JID of a companion.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("only a phone-number JID with a device number can log in")]
pub struct NotALogin;

impl ClientPayload {
    /// Writes the payload of a linked device.
    ///
    /// It asks for a passive connection: queued traffic waits until the client says that it is ready, after its prekeys
    /// are in order. `lid_migrated` says that one-to-one chats are addressed by LID.
    ///
    /// # Errors
    ///
    /// [`NotALogin`] if `jid` is not the phone-number JID of a companion.
    pub fn login(
        jid: &Jid,
        profile: &ClientProfile,
        login_counter: Option<u32>,
        lid_migrated: bool,
    ) -> Result<Self, NotALogin> {
        if !jid.is_pn() || jid.device() == 0 {
            return Err(NotALogin);
        }
        let lc = login_counter.map(|counter| i32::try_from(counter).unwrap_or(i32::MAX));
        Ok(Self {
            username: Some(jid.user().parse().map_err(|_| NotALogin)?),
            passive: Some(true),
            device: Some(u32::from(jid.device())),
            lc,
            pull: Some(true),
            lid_db_migrated: Some(lid_migrated),
            ..profile.payload()
        })
    }
}

/// A login as the server sees it.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct Login {
    /// The phone-number JID with the device number.
    pub jid: Jid,
    /// Traffic is to be held back until the client asks to be active.
    pub is_passive: bool,
    /// The whole payload.
    pub payload: ClientPayload,
}

impl Login {
    pub(super) fn read(username: u64, payload: &ClientPayload) -> Result<Self, PayloadError> {
        let device =
            u16::try_from(payload.device.unwrap_or_default()).map_err(|_| PayloadError::Field { field: "device" })?;
        Ok(Self {
            jid: Jid::pn(&username.to_string()).with_device(device),
            is_passive: payload.passive.unwrap_or_default(),
            payload: payload.clone(),
        })
    }
}
