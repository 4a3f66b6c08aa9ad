//! Which devices an account has: built from what the server lists, checked against the list that the
//! account's phone signs, patched by notifications.
//!
//! A list holds device numbers, not JIDs: the numbers are the same under both names of an account,
//! so one list serves both namespaces.

use prost::Message as _;

use super::ParticipantHash;
use crate::jid::{Jid, Server};
use crate::keys::PublicKey;
use crate::pairing::adv::{AdvError, KeyIndexList, SignedKeyIndexList};

/// The age in seconds at which a list is asked for again before a send.
pub const MAX_AGE: u64 = 86_400;

/// Most devices taken into one list; what a server lists beyond it is dropped.
pub const MAX_DEVICES: usize = 256;

/// One device of an account.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Device {
    /// The number: 0 is the phone, companions have 1 to 255.
    pub id: u16,
    /// The companion's place in the phone's signed list; the phone itself has none.
    pub key_index: Option<u32>,
    /// Whether the device is run in the vendor's cloud for a business.
    pub is_hosted: bool,
}

impl Device {
    /// The phone of an account.
    pub const PRIMARY: Self = Self { id: 0, key_index: None, is_hosted: false };

    /// The device's JID under a name of its account.
    #[must_use]
    pub fn jid(&self, account: &Jid) -> Jid {
        if !self.is_hosted {
            return account.with_device(self.id);
        }
        let server = if account.is_lid() { Server::HostedLid } else { Server::Hosted };
        Jid::new(account.user(), server).with_device(self.id)
    }
}

/// The signed list as it stands in an answer or a notification.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SignedList {
    /// When the account's devices last changed, in Unix seconds.
    pub timestamp: u64,
    /// When the server expects a newer list, if it says so.
    pub expected_timestamp: Option<u64>,
    /// The serialised list; the `remove` notification may leave it out.
    pub content: Option<Vec<u8>>,
}

/// The devices of one account as the server lists them, nothing checked.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct ListedDevices {
    /// All devices, the phone included.
    pub devices: Vec<Device>,
    /// The hash that the server gives the list.
    pub hash: Option<String>,
    /// What the phone says about its companions.
    pub signed: Option<SignedList>,
}

/// The devices of one account, checked. Kept per account, under its canonical name.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DeviceList {
    devices: Vec<Device>,
    raw_id: Option<u32>,
    listed_at: Option<u64>,
    fetched_at: u64,
    is_stale: bool,
}

/// A new list, and what it says about the old one.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ListUpdate {
    /// The list to keep.
    pub list: DeviceList,
    /// Devices that are gone: delete their sessions and what is tracked about their sender keys.
    pub removed: Vec<u16>,
    /// Whether the account was registered anew.
    pub is_reregistered: bool,
}

/// Why a list is not taken; the one that is kept stays.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum DeviceListError {
    /// No device is listed at all.
    #[error("the account has no devices")]
    Empty,
    /// The signed list is older than the one we have of the same registration.
    #[error("the signed list is older than the one that is kept")]
    Replayed,
    /// The signed list does not verify.
    #[error("the signed list is not valid")]
    Signature(#[source] AdvError),
    /// The signed list verifies with the key that came along, not with the identity that we know of
    /// the account's phone. Fetch the phone's bundle; if it shows that key, the account registered
    /// anew and the list can be taken then.
    #[error("the signed list names another phone than the one that is known")]
    OtherPrimary {
        /// The identity the list claims for the phone.
        claimed: PublicKey,
    },
}

impl DeviceList {
    /// Checks what the server listed and makes the list to keep of it.
    ///
    /// `stored` is the list kept so far, `primary` the identity known for the account's device 0,
    /// `now` in Unix seconds. Companions without a key index are dropped (the server refuses
    /// messages to them), and so are those the signed list does not admit. Where the signed list is
    /// missing although there are companions, only the phone stays and the list is stale at once.
    ///
    /// # Errors
    ///
    /// [`DeviceListError`]: keep the stored list.
    pub fn resolve(
        listed: &ListedDevices,
        stored: Option<&Self>,
        primary: Option<&PublicKey>,
        now: u64,
    ) -> Result<ListUpdate, DeviceListError> {
        let mut devices = sorted(&listed.devices);
        if devices.is_empty() {
            return Err(DeviceListError::Empty);
        }
        let signed = listed.signed.as_ref();
        let expects_newer = signed.is_some_and(|signed| signed.expected_timestamp > Some(signed.timestamp));
        let Some(content) = signed.and_then(|signed| signed.content.as_deref()) else {
            let had_companions = devices.iter().any(|device| device.id != 0);
            devices.retain(|device| device.id == 0);
            let raw_id = stored.and_then(|stored| stored.raw_id);
            let listed_at = signed.map(|signed| signed.timestamp);
            let is_stale = had_companions || expects_newer;
            let list = Self { devices, raw_id, listed_at, fetched_at: now, is_stale };
            // Without a statement of the phone nothing says that the companions are gone.
            let removed = if had_companions { Vec::new() } else { list.missing_from(stored) };
            return Ok(ListUpdate { list, removed, is_reregistered: false });
        };
        let checked = verify(content, primary)?;
        let is_reregistered = check_replay(&checked, stored)?;
        devices.retain(|device| admits(&checked, device));
        let list = Self {
            devices,
            raw_id: Some(checked.raw_id),
            listed_at: Some(checked.timestamp),
            fetched_at: now,
            is_stale: expects_newer,
        };
        let removed = if is_reregistered { companions(stored) } else { list.missing_from(stored) };
        Ok(ListUpdate { list, removed, is_reregistered })
    }

    /// A list of the phone alone, for an account whose list cannot be had (bots, tests).
    #[must_use]
    pub fn primary_only(now: u64) -> Self {
        Self { devices: vec![Device::PRIMARY], raw_id: None, listed_at: None, fetched_at: now, is_stale: false }
    }

    /// The own list as the server announces it (`account_sync`): it replaces the kept one.
    ///
    /// # Errors
    ///
    /// [`DeviceListError::Empty`].
    pub fn own(devices: &[Device], stored: Option<&Self>, now: u64) -> Result<ListUpdate, DeviceListError> {
        let devices = sorted(devices);
        if devices.is_empty() {
            return Err(DeviceListError::Empty);
        }
        let (raw_id, listed_at) = stored.map_or((None, None), |stored| (stored.raw_id, stored.listed_at));
        let list = Self { devices, raw_id, listed_at, fetched_at: now, is_stale: false };
        let removed = list.missing_from(stored);
        Ok(ListUpdate { list, removed, is_reregistered: false })
    }

    /// Adds a device that a notification announces, and filters the others by the list it carries.
    ///
    /// # Errors
    ///
    /// [`DeviceListError`]: drop the kept list, so that the next send asks for it.
    pub fn add(
        &self,
        device: Device,
        signed: &SignedList,
        primary: Option<&PublicKey>,
    ) -> Result<ListUpdate, DeviceListError> {
        let mut listed = self.devices.clone();
        listed.retain(|known| known.id != device.id);
        listed.push(device);
        let listed = ListedDevices { devices: listed, hash: None, signed: Some(signed.clone()) };
        Ok(self.patched(Self::resolve(&listed, Some(self), primary, self.fetched_at)?))
    }

    /// Removes a device that a notification says is gone; its list may come without content.
    ///
    /// # Errors
    ///
    /// [`DeviceListError`]: drop the kept list, so that the next send asks for it.
    pub fn remove(
        &self,
        id: u16,
        signed: Option<&SignedList>,
        primary: Option<&PublicKey>,
    ) -> Result<ListUpdate, DeviceListError> {
        let mut devices = self.devices.clone();
        devices.retain(|known| known.id != id || known.id == 0);
        if signed.is_some_and(|signed| signed.content.is_some()) {
            let listed = ListedDevices { devices, hash: None, signed: signed.cloned() };
            return Ok(self.patched(Self::resolve(&listed, Some(self), primary, self.fetched_at)?));
        }
        let listed_at = signed.map(|signed| signed.timestamp).max(self.listed_at);
        let list = Self { devices, listed_at, ..self.clone() };
        let removed = list.missing_from(Some(self));
        Ok(ListUpdate { list, removed, is_reregistered: false })
    }

    /// The devices, ordered by number.
    #[must_use]
    pub fn devices(&self) -> &[Device] {
        &self.devices
    }

    /// The devices' JIDs under a name of the account, in the order of their numbers.
    pub fn jids<'a>(&'a self, account: &'a Jid) -> impl Iterator<Item = Jid> + 'a {
        self.devices.iter().map(|device| device.jid(account))
    }

    /// Whether the account has this device.
    #[must_use]
    pub fn contains(&self, id: u16) -> bool {
        self.devices.iter().any(|device| device.id == id)
    }

    /// The hash of the list under a name of the account, to compare with what the server says.
    #[must_use]
    pub fn participant_hash(&self, account: &Jid) -> ParticipantHash {
        let jids: Vec<Jid> = self.jids(account).collect();
        ParticipantHash::of(&jids)
    }

    /// When the signed list in use was made, in Unix seconds.
    #[must_use]
    pub fn listed_at(&self) -> Option<u64> {
        self.listed_at
    }

    /// Whether to ask for the list before the next send.
    #[must_use]
    pub fn needs_refresh(&self, now: u64) -> bool {
        self.is_stale || now.saturating_sub(self.fetched_at) > MAX_AGE
    }

    /// Notes that the list is known to be wrong somewhere; it stays usable until it was asked for.
    pub fn mark_stale(&mut self) {
        self.is_stale = true;
    }

    /// Drops one device that the server says is gone (406 on its bundle).
    pub fn drop_device(&mut self, id: u16) {
        self.devices.retain(|device| device.id != id || device.id == 0);
        self.is_stale = true;
    }

    /// Writes the list for the store.
    #[must_use]
    pub fn to_bytes(&self) -> Vec<u8> {
        StoredList {
            devices: self.devices.iter().map(StoredDevice::from).collect(),
            raw_id: self.raw_id,
            listed_at: self.listed_at,
            fetched_at: self.fetched_at,
            is_stale: self.is_stale,
        }
        .encode_to_vec()
    }

    /// Reads a list from the store; `None` when it is damaged, which only means asking for it.
    #[must_use]
    pub fn from_bytes(bytes: &[u8]) -> Option<Self> {
        let stored = StoredList::decode(bytes).ok()?;
        let devices: Option<Vec<Device>> = stored.devices.iter().map(StoredDevice::device).collect();
        let devices = sorted(&devices?);
        Some(Self {
            devices,
            raw_id: stored.raw_id,
            listed_at: stored.listed_at,
            fetched_at: stored.fetched_at,
            is_stale: stored.is_stale,
        })
    }

    /// A patch of a stale list leaves it stale: only asking for the whole mends that.
    fn patched(&self, update: ListUpdate) -> ListUpdate {
        let is_stale = update.list.is_stale || self.is_stale;
        ListUpdate { list: Self { is_stale, ..update.list }, ..update }
    }

    /// The devices of `stored` that this list no longer has.
    fn missing_from(&self, stored: Option<&Self>) -> Vec<u16> {
        let old = stored.map(Self::devices).unwrap_or_default();
        old.iter().map(|device| device.id).filter(|&id| !self.contains(id)).collect()
    }
}

/// The devices in order, each once, within [`MAX_DEVICES`].
fn sorted(devices: &[Device]) -> Vec<Device> {
    let mut devices = devices.to_vec();
    devices.sort_by_key(|device| device.id);
    devices.dedup_by_key(|device| device.id);
    devices.truncate(MAX_DEVICES);
    devices
}

/// The numbers of all companions in a list.
fn companions(list: Option<&DeviceList>) -> Vec<u16> {
    let devices = list.map(DeviceList::devices).unwrap_or_default();
    devices.iter().map(|device| device.id).filter(|&id| id != 0).collect()
}

/// Whether the phone's list admits a device: the phone itself always, companions by their index.
fn admits(list: &KeyIndexList, device: &Device) -> bool {
    device.id == 0 || device.key_index.is_some_and(|index| list.admits(index))
}

/// Checks the signature with the identity that is known, else with the one that came along.
fn verify(content: &[u8], primary: Option<&PublicKey>) -> Result<KeyIndexList, DeviceListError> {
    let signed = SignedKeyIndexList::parse(content).map_err(DeviceListError::Signature)?;
    let Err(error) = signed.verify(primary) else {
        return signed.verify(primary).map_err(DeviceListError::Signature);
    };
    match signed.account_key().copied() {
        Some(claimed) if primary.is_some_and(|known| *known != claimed) && signed.verify(None).is_ok() => {
            Err(DeviceListError::OtherPrimary { claimed })
        }
        _ => Err(DeviceListError::Signature(error)),
    }
}

/// Refuses an older list of the same registration; tells whether the registration is another one.
fn check_replay(list: &KeyIndexList, stored: Option<&DeviceList>) -> Result<bool, DeviceListError> {
    let Some((raw_id, listed_at)) = stored.and_then(|stored| Some((stored.raw_id?, stored.listed_at?))) else {
        return Ok(false);
    };
    if raw_id != list.raw_id {
        return Ok(true);
    }
    if list.timestamp < listed_at { Err(DeviceListError::Replayed) } else { Ok(false) }
}

/// The stored form of a list.
#[derive(Clone, PartialEq, prost::Message)]
struct StoredList {
    #[prost(message, repeated, tag = "1")]
    devices: Vec<StoredDevice>,
    #[prost(uint32, optional, tag = "2")]
    raw_id: Option<u32>,
    #[prost(uint64, optional, tag = "3")]
    listed_at: Option<u64>,
    #[prost(uint64, tag = "4")]
    fetched_at: u64,
    #[prost(bool, tag = "5")]
    is_stale: bool,
}

/// The stored form of a device.
#[derive(Clone, Copy, PartialEq, prost::Message)]
struct StoredDevice {
    #[prost(uint32, tag = "1")]
    id: u32,
    #[prost(uint32, optional, tag = "2")]
    key_index: Option<u32>,
    #[prost(bool, tag = "3")]
    is_hosted: bool,
}

impl StoredDevice {
    fn device(&self) -> Option<Device> {
        let id = u16::try_from(self.id).ok()?;
        Some(Device { id, key_index: self.key_index, is_hosted: self.is_hosted })
    }
}

impl From<&Device> for StoredDevice {
    fn from(device: &Device) -> Self {
        Self { id: device.id.into(), key_index: device.key_index, is_hosted: device.is_hosted }
    }
}

#[cfg(test)]
mod tests;
