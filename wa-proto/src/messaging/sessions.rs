//! Which devices need a session before a send, and how one is started from a fetched bundle.
//!
//! The order of a send: [`target_devices`] → load their records → [`missing`] → fetch bundles for
//! those → [`install`] each → [`outbound::encrypt`](super::outbound::encrypt). Nothing is encrypted
//! before all bundles were asked for, and all of it happens under the locks of the devices.

use std::collections::BTreeSet;

use rand::CryptoRng;

use super::addressing::{Names, Route};
use super::device_list::DeviceList;
use crate::jid::Jid;
use crate::keys::PublicKey;
use crate::pairing::adv::{AdvError, check_device_identity};
use crate::signal::{AddressError, BundleError, DeviceAddress, IdentityChange, LocalDevice, SessionRecord};
use crate::stanza::prekeys::DeviceBundle;

/// The devices that a one-to-one message goes to, in the namespace of its route: those of the
/// recipient, then our own others. No device occurs twice, and `own_device` never.
///
/// In the chat with ourselves only our own devices count.
#[must_use]
pub fn target_devices(route: &Route, recipient: &DeviceList, own: &DeviceList, own_device: u16) -> Vec<Jid> {
    let mut targets = Vec::with_capacity(recipient.devices().len().saturating_add(own.devices().len()));
    if !route.is_self {
        targets.extend(recipient.jids(&route.to));
    }
    targets.extend(own.jids(&route.own).filter(|jid| jid.device() != own_device));
    targets
}

/// The name under which everything about a device is stored: by the account's LID when the mapping is
/// known, else by its phone number. One device has one record, whatever the namespace of a stanza.
///
/// `names` are the names of the device's account as far as they are known.
///
/// # Errors
///
/// [`AddressError`] for what is no device.
pub fn session_address(device: &Jid, names: &Names) -> Result<DeviceAddress, AddressError> {
    let address = DeviceAddress::new(device)?;
    Ok(match names.lid().filter(|_| names.contains(device)) {
        Some(lid) => address.under_lid(lid),
        None => address,
    })
}

/// The devices of `targets` without a session: fetch bundles for them, in one request.
pub fn missing<'a>(
    targets: impl IntoIterator<Item = (&'a Jid, Option<&'a SessionRecord>)>,
) -> impl Iterator<Item = &'a Jid> {
    targets.into_iter().filter(|(_, record)| !record.is_some_and(SessionRecord::has_session)).map(|(device, _)| device)
}

/// Whose identity the account's phone has, as far as we know.
#[derive(Debug, Clone, Copy, Default)]
pub struct PrimaryIdentity<'a> {
    /// The identity stored for the account's device 0.
    pub known: Option<&'a PublicKey>,
    /// Whether the account is our own: then `known` is the key that signed our pairing, and the
    /// phone's identity can be no other.
    pub is_own_account: bool,
}

/// Why no session is started with a bundle: skip the device.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum BundleRefused {
    /// A key or its signature is wrong.
    #[error("the bundle is not valid")]
    Bundle(#[source] BundleError),
    /// The device is not vouched for by the account's phone.
    #[error("the device is not one of the account")]
    Identity(#[source] AdvError),
    /// A companion's bundle without its signed identity.
    #[error("the bundle lacks the companion's signed identity")]
    NoDeviceIdentity,
    /// Our own phone shows another identity than at pairing: it was registered anew, and this
    /// device is no longer linked.
    #[error("our own phone has another identity than at pairing")]
    OwnPrimaryChanged,
}

/// Starts a session from a bundle; the former session, if any, is archived.
///
/// Checks the bundle's signature and, for companions, that the account's phone signed their
/// identity. A companion of another account may come without a signed identity only while the
/// phone's identity is not known; `device` is its address. The bundle may come from a query or from
/// the device's retry receipt.
///
/// # Errors
///
/// [`BundleRefused`]: the record is unchanged, the device has to be skipped.
pub fn install<R: CryptoRng + ?Sized>(
    record: &mut SessionRecord,
    local: LocalDevice<'_>,
    device: &Jid,
    fetched: DeviceBundle,
    primary: PrimaryIdentity<'_>,
    rng: &mut R,
) -> Result<IdentityChange, BundleRefused> {
    let identity = fetched.bundle.identity;
    if device.device() == 0 {
        if primary.is_own_account && primary.known.is_some_and(|known| *known != identity) {
            return Err(BundleRefused::OwnPrimaryChanged);
        }
    } else {
        check_companion(&identity, fetched.device_identity.as_deref(), primary)?;
    }
    let bundle = fetched.bundle.validate().map_err(BundleRefused::Bundle)?;
    record.start(local, &bundle, rng).map_err(BundleRefused::Bundle)
}

/// Checks that a companion belongs to its account.
///
/// # Errors
///
/// [`BundleRefused::Identity`] when the phone's or the device's signature is wrong,
/// [`BundleRefused::NoDeviceIdentity`] when there is nothing to check although the phone is known.
pub fn check_companion(
    identity: &PublicKey,
    device_identity: Option<&[u8]>,
    primary: PrimaryIdentity<'_>,
) -> Result<(), BundleRefused> {
    match (device_identity, primary.known) {
        (Some(signed), known) => {
            check_device_identity(signed, identity, known).map(drop).map_err(BundleRefused::Identity)
        }
        (None, Some(_)) => Err(BundleRefused::NoDeviceIdentity),
        (None, None) => Ok(()),
    }
}

/// The moves to make when a phone number's LID becomes known: from each address under the number to
/// the one under the LID. `devices` are the numbers of all devices with anything stored under either.
///
/// [`join`] the two session records of a move, store the result under the second address and delete
/// the first, all in one commit under the locks of both.
///
/// # Errors
///
/// [`AddressError`] when `pn` or `lid` is no account.
pub fn migration(
    pn: &Jid,
    lid: &Jid,
    devices: impl IntoIterator<Item = u16>,
) -> Result<Vec<(DeviceAddress, DeviceAddress)>, AddressError> {
    let devices: BTreeSet<u16> = devices.into_iter().collect();
    let address = |account: &Jid, device| DeviceAddress::new(&account.with_device(device));
    devices.into_iter().map(|device| Ok((address(pn, device)?, address(lid, device)?))).collect()
}

/// Joins what is stored about one device under its two names; tells whether that moves anything.
#[must_use]
pub fn join(under_pn: Option<SessionRecord>, under_lid: Option<SessionRecord>) -> (SessionRecord, bool) {
    match (under_pn, under_lid) {
        (Some(pn), Some(lid)) => (SessionRecord::merge(pn, lid), true),
        (Some(pn), None) => (pn, true),
        (None, lid) => (lid.unwrap_or_default(), false),
    }
}

#[cfg(test)]
mod tests {
    use super::super::addressing::{Namespace, route};
    use super::super::device_list::Device;
    use super::super::testing::{Party, names};
    use super::*;

    fn list(ids: &[u16]) -> DeviceList {
        let devices: Vec<Device> =
            ids.iter().map(|&id| Device { id, key_index: Some(u32::from(id)), is_hosted: id == 99 }).collect();
        DeviceList::own(&devices, None, 0).unwrap().list
    }

    #[test]
    fn targets_are_in_one_namespace_without_ourselves() {
        for namespace in [Namespace::Pn, Namespace::Lid] {
            let route = route(namespace, &names(1), &names(2)).unwrap();
            let targets = target_devices(&route, &list(&[0, 12, 99]), &list(&[0, 7, 8]), 7);
            assert_eq!(targets.len(), 5);
            assert!(targets.iter().all(|jid| Namespace::of(jid) == Some(namespace)));
            assert!(!targets.contains(&route.own.with_device(7)));
        }
    }

    #[test]
    fn a_chat_with_ourselves_names_each_own_device_once() {
        let route = route(Namespace::Lid, &names(1), &names(1)).unwrap();
        let own = list(&[0, 7, 8]);
        let targets = target_devices(&route, &own, &own, 7);
        assert_eq!(targets, [route.own.clone(), route.own.with_device(8)]);
    }

    #[test]
    fn a_device_has_one_address() {
        let known = names(2);
        let by_number = Jid::pn("77010000002").with_device(3);
        let by_lid = Jid::lid("990000000000002").with_device(3);
        let address = |device: &Jid, names: &Names| session_address(device, names).unwrap().as_jid().clone();
        assert_eq!(address(&by_number, &known), by_lid);
        assert_eq!(address(&by_lid, &known), by_lid);
        assert_eq!(address(&by_number, &Names::of(&by_number)), by_number);
        assert_eq!(address(&by_number, &names(3)), by_number, "the names of somebody else do not count");
        let hosted: Jid = "77010000002:99@hosted".parse().unwrap();
        assert_eq!(address(&hosted, &known), Jid::lid("990000000000002").with_device(99));
        assert!(session_address(&Jid::group("1"), &known).is_err());
    }

    #[test]
    fn a_companion_is_taken_only_with_its_phones_signature() {
        let (mut us, phone, mut companion) = (Party::new(1), Party::new(2), Party::new(3));
        let device = Jid::lid("990000000000002").with_device(12);
        let install = |fetched, known: Option<&PublicKey>, us: &mut Party| {
            let mut record = SessionRecord::default();
            let local = LocalDevice { identity: &us.identity, registration_id: 1 };
            let primary = PrimaryIdentity { known, is_own_account: false };
            let installed = install(&mut record, local, &device, fetched, primary, &mut us.rng);
            assert_eq!(record.has_session(), installed.is_ok());
            installed
        };
        let key = phone.identity.public();
        assert_eq!(install(companion.fetched(Some(&phone)), Some(key), &mut us), Ok(IdentityChange::First));
        assert_eq!(install(companion.fetched(None), None, &mut us), Ok(IdentityChange::First));
        let refused = install(companion.fetched(None), Some(key), &mut us);
        assert_eq!(refused, Err(BundleRefused::NoDeviceIdentity));
        let mut forged = companion.fetched(Some(&phone));
        forged.device_identity.as_mut().unwrap()[10] ^= 1;
        assert!(matches!(install(forged, Some(key), &mut us), Err(BundleRefused::Identity(_))));
        let mut forged = companion.fetched(Some(&phone));
        forged.bundle.signed_prekey = *us.identity.public();
        assert!(matches!(install(forged, Some(key), &mut us), Err(BundleRefused::Bundle(_))));
    }

    #[test]
    fn our_own_phone_cannot_change_its_identity() {
        let (mut us, mut phone) = (Party::new(1), Party::new(2));
        let device = Jid::lid("990000000000001");
        let known = *Party::new(3).identity.public();
        let primary = PrimaryIdentity { known: Some(&known), is_own_account: true };
        let mut record = SessionRecord::default();
        let local = LocalDevice { identity: &us.identity, registration_id: 1 };
        let refused = install(&mut record, local, &device, phone.fetched(None), primary, &mut us.rng);
        assert_eq!(refused, Err(BundleRefused::OwnPrimaryChanged));
        assert!(!record.has_session());
    }

    #[test]
    fn devices_without_a_session_are_named() {
        let (mut us, other) = (Party::new(1), Party::new(2));
        let ready = us.session_with(&other);
        let jids = [Jid::lid("1"), Jid::lid("2"), Jid::lid("3")];
        let empty = SessionRecord::default();
        let records = [Some(&ready), Some(&empty), None];
        let missing: Vec<&Jid> = missing(jids.iter().zip(records)).collect();
        assert_eq!(missing, [&jids[1], &jids[2]]);
    }

    #[test]
    fn a_migration_moves_every_device_once() {
        let moves = migration(&Jid::pn("77010000002"), &Jid::lid("990000000000002"), [12, 0, 12]).unwrap();
        assert_eq!(moves.len(), 2);
        assert_eq!(moves[1].0.to_string(), "77010000002:12@s.whatsapp.net");
        assert_eq!(moves[1].1.to_string(), "990000000000002:12@lid");
    }
}
