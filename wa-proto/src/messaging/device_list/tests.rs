use proptest::prelude::*;
use rand::SeedableRng;
use rand_chacha::ChaCha20Rng;

use super::*;
use crate::keys::{KeyPair, PrivateKey};
use crate::messaging::vectors;
use crate::pairing::adv::Hosting;

const NOW: u64 = 1_760_000_100;

fn device(id: u16, key_index: Option<u32>) -> Device {
    Device { id, key_index, is_hosted: false }
}

fn phone() -> KeyPair {
    let vectors = vectors::load();
    let private: [u8; 32] = vectors::bytes(&vectors["adv"]["account_private"]).try_into().unwrap();
    KeyPair::from_private(PrivateKey::from_bytes(private))
}

fn list(raw_id: u32, timestamp: u64, current_index: u32, valid_indexes: &[u32]) -> KeyIndexList {
    let valid_indexes = valid_indexes.to_vec();
    KeyIndexList { raw_id, timestamp, current_index, valid_indexes, account_type: Hosting::Own }
}

fn signed(list: &KeyIndexList, by: &KeyPair, with_key: bool) -> SignedList {
    let content = list.sign(by, with_key, &mut ChaCha20Rng::seed_from_u64(5));
    SignedList { timestamp: list.timestamp, expected_timestamp: None, content: Some(content) }
}

fn listed(devices: &[Device], signed: Option<SignedList>) -> ListedDevices {
    ListedDevices { devices: devices.to_vec(), hash: None, signed }
}

fn ids(update: &ListUpdate) -> Vec<u16> {
    update.list.devices().iter().map(|device| device.id).collect()
}

#[test]
fn the_published_list_filters_as_published() {
    let vectors = vectors::load();
    let case = &vectors["adv"]["key_index_list"];
    let devices: Vec<Device> = vectors::cases(&case["filter"]["devices"])
        .iter()
        .map(|entry| {
            let index = entry["key_index"].as_u64().map(|index| u32::try_from(index).unwrap());
            device(u16::try_from(entry["id"].as_u64().unwrap()).unwrap(), index)
        })
        .collect();
    let kept: Vec<u16> =
        vectors::cases(&case["filter"]["kept"]).iter().map(|id| u16::try_from(id.as_u64().unwrap()).unwrap()).collect();
    for form in ["list_without_key", "list_with_account_key"] {
        let content = Some(vectors::bytes(&case[form]));
        let signed = SignedList { timestamp: 1_760_000_000, expected_timestamp: None, content };
        let listed = listed(&devices, Some(signed));
        let update = DeviceList::resolve(&listed, None, Some(phone().public()), NOW).unwrap();
        assert_eq!(ids(&update), kept);
        assert_eq!(update.list.listed_at(), Some(1_760_000_000));
        assert!(DeviceList::resolve(&listed, None, None, NOW).is_ok());
    }
}

#[test]
fn a_list_signed_by_somebody_else_is_refused() {
    let other = KeyPair::generate(&mut ChaCha20Rng::seed_from_u64(9));
    let devices = [Device::PRIMARY, device(1, Some(1))];
    let forged = listed(&devices, Some(signed(&list(1, 10, 1, &[1]), &other, false)));
    let error = DeviceList::resolve(&forged, None, Some(phone().public()), NOW).unwrap_err();
    assert!(matches!(error, DeviceListError::Signature(_)));
    let claiming = listed(&devices, Some(signed(&list(1, 10, 1, &[1]), &other, true)));
    let error = DeviceList::resolve(&claiming, None, Some(phone().public()), NOW).unwrap_err();
    assert_eq!(error, DeviceListError::OtherPrimary { claimed: *other.public() });
}

#[test]
fn companions_without_a_signed_list_are_not_taken() {
    let devices = [Device::PRIMARY, device(1, Some(1))];
    let update = DeviceList::resolve(&listed(&devices, None), None, None, NOW).unwrap();
    assert_eq!(ids(&update), [0]);
    assert!(update.list.needs_refresh(NOW));
    let alone = DeviceList::resolve(&listed(&[Device::PRIMARY], None), None, None, NOW).unwrap();
    assert!(!alone.list.needs_refresh(NOW));
    assert!(alone.list.needs_refresh(NOW + MAX_AGE + 1));
}

#[test]
fn an_older_list_is_a_replay_and_a_new_registration_drops_the_companions() {
    let devices = [Device::PRIMARY, device(1, Some(1)), device(2, Some(2))];
    let resolve = |made: &KeyIndexList, stored: Option<&DeviceList>| {
        DeviceList::resolve(&listed(&devices, Some(signed(made, &phone(), false))), stored, None, NOW)
    };
    let first = resolve(&list(1, 20, 2, &[1, 2]), None).unwrap().list;
    assert_eq!(resolve(&list(1, 19, 2, &[1]), Some(&first)), Err(DeviceListError::Replayed));
    let anew = resolve(&list(2, 5, 9, &[2]), Some(&first)).unwrap();
    assert!(anew.is_reregistered);
    assert_eq!(anew.removed, [1, 2]);
    assert_eq!(ids(&anew), [0, 2]);
}

#[test]
fn notifications_add_and_remove() {
    let devices = [Device::PRIMARY, device(1, Some(1))];
    let start = listed(&devices, Some(signed(&list(1, 20, 1, &[1]), &phone(), false)));
    let stored = DeviceList::resolve(&start, None, None, NOW).unwrap().list;
    let grown = signed(&list(1, 21, 2, &[1, 2]), &phone(), false);
    let added = stored.add(device(2, Some(2)), &grown, Some(phone().public())).unwrap();
    assert_eq!(ids(&added), [0, 1, 2]);
    assert!(added.removed.is_empty());
    let bare = SignedList { timestamp: 22, expected_timestamp: None, content: None };
    let removed = added.list.remove(1, Some(&bare), None).unwrap();
    assert_eq!((ids(&removed), removed.removed), (vec![0, 2], vec![1]));
    assert_eq!(removed.list.listed_at(), Some(22));
    let mut stale = stored.clone();
    stale.mark_stale();
    let patched = stale.add(device(2, Some(2)), &grown, None).unwrap().list;
    assert!(patched.needs_refresh(NOW), "a patch does not mend a stale list");
    let unsigned = removed.list.remove(0, None, None).unwrap();
    assert!(unsigned.list.contains(0), "the phone cannot be removed");
}

#[test]
fn hosted_devices_are_addressed_on_their_own_servers() {
    let hosted = Device { id: 99, key_index: Some(5), is_hosted: true };
    assert_eq!(hosted.jid(&Jid::pn("77010000002")).to_string(), "77010000002:99@hosted");
    assert_eq!(hosted.jid(&Jid::lid("990000000000002")).to_string(), "990000000000002:99@hosted.lid");
    assert_eq!(Device::PRIMARY.jid(&Jid::lid("990000000000002")).to_string(), "990000000000002@lid");
}

#[test]
fn a_list_hashes_like_the_published_sets() {
    let list = DeviceList::primary_only(NOW);
    let hash = list.participant_hash(&Jid::pn("77010000001"));
    assert_eq!(hash.to_string(), "2:qtzhP3EV");
}

proptest! {
    #[test]
    fn a_stored_list_comes_back(
        devices in proptest::collection::vec((0_u16..300, proptest::option::of(any::<u32>()), any::<bool>()), 1..20),
        raw_id: Option<u32>, listed_at: Option<u64>, fetched_at: u64, is_stale: bool,
    ) {
        let devices: Vec<Device> = devices
            .into_iter()
            .map(|(id, key_index, is_hosted)| Device { id, key_index, is_hosted })
            .collect();
        let list = DeviceList { devices: sorted(&devices), raw_id, listed_at, fetched_at, is_stale };
        prop_assert_eq!(DeviceList::from_bytes(&list.to_bytes()), Some(list));
    }

    #[test]
    fn any_bytes_are_survived(bytes in proptest::collection::vec(any::<u8>(), 0..64)) {
        let _ = DeviceList::from_bytes(&bytes);
        let signed = SignedList { timestamp: 0, expected_timestamp: None, content: Some(bytes) };
        let _ = DeviceList::resolve(&listed(&[Device::PRIMARY], Some(signed)), None, None, NOW);
    }
}
