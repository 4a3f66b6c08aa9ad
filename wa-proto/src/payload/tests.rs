use proptest::prelude::*;
use prost::Message as _;

use super::*;
use crate::device::{DeviceKeys, RegistrationId};
use crate::jid::Jid;
use crate::keys::{KeyPair, PrivateKey, Signature};
use crate::pairing::adv::AdvSecret;
use crate::proto::{DevicePlatform, DeviceProps};
use crate::signal::{SignedPrekey, SignedPrekeyId};
use crate::vectors::{self, array, bytes, text};

fn published_keys() -> DeviceKeys {
    let vectors = vectors::pairing();
    let keys = &vectors["keys"];
    let pair = |name: &str| KeyPair::from_private(PrivateKey::from_bytes(array(&keys[name]["private"])));
    let signature = Signature::from_bytes(array(&keys["companion_signed_prekey"]["signature"]));
    DeviceKeys::from_stored(
        pair("companion_noise"),
        pair("companion_identity"),
        RegistrationId::new(12_345),
        SignedPrekey::from_stored(SignedPrekeyId::FIRST, pair("companion_signed_prekey"), signature),
        AdvSecret::from_bytes(array(&keys["adv_secret"])),
    )
}

fn published_profile() -> ClientProfile {
    let vectors = vectors::pairing();
    let version = text(&vectors["registration_payload"]["config"]["version"]);
    ClientProfile {
        version: version.parse().unwrap(),
        operating_system: OperatingSystem::MacOs,
        ..ClientProfile::default()
    }
}

/// The published payloads come from a client that leaves the manufacturer out.
fn without_manufacturer(mut payload: ClientPayload) -> ClientPayload {
    payload.user_agent.as_mut().unwrap().manufacturer = None;
    payload
}

fn published_registration() -> Vec<u8> {
    bytes(&vectors::pairing()["registration_payload"]["client_payload"])
}

#[test]
fn the_published_registration_is_written() {
    let vectors = vectors::pairing();
    let vector = &vectors["registration_payload"];
    let profile = published_profile();
    let payload = ClientPayload::registration(&published_keys(), &profile, None);
    let mut payload = without_manufacturer(payload);
    let pairing = payload.device_pairing_data.as_mut().unwrap();
    assert_eq!(pairing.build_hash, Some(bytes(&vector["config"]["build_hash_md5"])));

    // Version and history wishes are that client's own; everything else in the device properties is ours.
    let published = DeviceProps::decode(bytes(&vector["device_props"]).as_slice()).unwrap();
    let mut props = DeviceProps::decode(pairing.device_props.as_deref().unwrap()).unwrap();
    props.version = published.version;
    props.history_sync_config.clone_from(&published.history_sync_config);
    pairing.device_props = Some(props.encode_to_vec());
    assert_eq!(payload.encode_to_vec(), published_registration());
}

#[test]
fn the_published_registration_is_read() {
    let ClientPurpose::Registration(read) = ClientPurpose::read(&published_registration()).unwrap() else {
        panic!("read as a login");
    };
    let keys = published_keys();
    assert_eq!(read.registration_id, keys.registration_id);
    assert_eq!(read.identity, *keys.identity.public());
    assert_eq!(read.signed_prekey, *keys.signed_prekey.public());
    assert_eq!(read.signed_prekey_id, keys.signed_prekey.id());
    let props = read.device_props.unwrap();
    assert_eq!((props.os(), props.platform_type()), ("Mac OS", DevicePlatform::Chrome));
}

#[test]
fn the_published_login_is_written_and_read() {
    let vectors = vectors::pairing();
    let jid: Jid = text(&vectors["login_payload"]["jid"]).parse().unwrap();
    let published = bytes(&vectors["login_payload"]["client_payload"]);
    let payload = ClientPayload::login(&jid, &published_profile(), None, false).unwrap();
    assert_eq!(without_manufacturer(payload).encode_to_vec(), published);

    let ClientPurpose::Login(read) = ClientPurpose::read(&published).unwrap() else {
        panic!("read as a registration");
    };
    assert_eq!(read.jid, jid);
    assert!(read.is_passive);
}

#[test]
fn only_companions_with_a_phone_number_log_in() {
    let profile = ClientProfile::default();
    for jid in
        [Jid::pn("77010000001"), Jid::lid("990000000000001").with_device(3), Jid::pn("not-a-number").with_device(3)]
    {
        let refused = ClientPayload::login(&jid, &profile, Some(1), true);
        assert_eq!(refused.map(drop), Err(NotALogin));
    }
    let jid = Jid::pn("77010000001").with_device(3);
    let payload = ClientPayload::login(&jid, &profile, Some(u32::MAX), true).unwrap();
    assert_eq!((payload.lc, payload.lid_db_migrated), (Some(i32::MAX), Some(true)));
}

#[test]
fn a_registration_whose_signed_prekey_is_not_signed_is_refused() {
    let refused = |change: &dyn Fn(&mut crate::proto::DevicePairingData)| {
        let mut payload = ClientPayload::decode(published_registration().as_slice()).unwrap();
        change(payload.device_pairing_data.as_mut().unwrap());
        ClientPurpose::read(&payload.encode_to_vec()).map(drop)
    };
    assert_eq!(refused(&|_| ()), Ok(()));
    let flip = |field: &mut Option<Vec<u8>>| field.as_mut().unwrap()[1] ^= 1;
    assert_eq!(refused(&|data| flip(&mut data.e_skey_sig)), Err(PayloadError::SignedPrekey));
    assert_eq!(refused(&|data| flip(&mut data.e_skey_val)), Err(PayloadError::SignedPrekey));
    assert_eq!(refused(&|data| flip(&mut data.e_ident)), Err(PayloadError::SignedPrekey));
    let field = |field| Err(PayloadError::Field { field });
    assert_eq!(refused(&|data| data.e_regid = Some(vec![1])), field("registration id"));
    assert_eq!(refused(&|data| data.e_keytype = Some(vec![6])), field("key type"));
    assert_eq!(refused(&|data| data.e_ident = None), field("identity key"));
    assert_eq!(refused(&|data| data.e_skey_id = Some(vec![1; 4])), field("signed prekey id"));
    assert_eq!(refused(&|data| data.e_skey_val = None), field("signed prekey"));
    assert_eq!(refused(&|data| data.e_skey_sig = Some(vec![0; 63])), field("signature"));
}

#[test]
fn payloads_without_purpose_are_refused() {
    assert_eq!(ClientPurpose::read(&[0xff]).map(drop), Err(PayloadError::Malformed));
    assert_eq!(ClientPurpose::read(&[]).map(drop), Err(PayloadError::NoPurpose));
    let login = ClientPayload { username: Some(1), device: Some(70_000), ..ClientPayload::default() };
    let refused = ClientPurpose::read(&login.encode_to_vec()).map(drop);
    assert_eq!(refused, Err(PayloadError::Field { field: "device" }));
}

#[test]
fn a_login_without_device_number_is_the_primary() {
    let login = ClientPayload { username: Some(77_010_000_001), ..ClientPayload::default() };
    let ClientPurpose::Login(read) = ClientPurpose::read(&login.encode_to_vec()).unwrap() else {
        panic!("read as a registration");
    };
    assert_eq!(read.jid, Jid::pn("77010000001"));
    assert!(!read.is_passive);
}

#[test]
fn versions_are_written_and_read() {
    let version = ClientVersion::web(1_035_194_821);
    assert_eq!(version.to_string(), "2.3000.1035194821");
    assert_eq!("2.3000.1035194821".parse(), Ok(version));
    for wrong in ["", "2.3000", "2.3000.1.1", "2.3000.x", "2.3000.", "2.3000.1."] {
        assert_eq!(wrong.parse::<ClientVersion>(), Err(MalformedVersion), "{wrong}");
    }
    assert!(ClientVersion::BUILT_IN >= version);
}

#[test]
fn the_revision_is_found_in_either_form_of_the_page() {
    for page in [
        r#"{"client_revision":1045649367,"x":1}"#,
        r#"JSON.parse(/*BTDS*/"{\"client_revision\":1045649367}")"#,
        "client_revision unknown, then client_revision: 1045649367",
    ] {
        assert_eq!(find_client_revision(page), Some(1_045_649_367), "{page}");
    }
    assert_eq!(find_client_revision("client_revision"), None);
    assert_eq!(find_client_revision("client_revision:99999999999"), None);
}

#[test]
fn the_display_name_is_browser_and_system() {
    assert_eq!(ClientProfile::default().display_name(), "Chrome (Linux)");
}

proptest! {
    #[test]
    fn no_payload_panics(input in proptest::collection::vec(any::<u8>(), 0..300)) {
        let _ = ClientPurpose::read(&input);
    }

    #[test]
    fn no_page_panics(page in ".{0,60}(client_revision.{0,20}){0,3}") {
        let _ = find_client_revision(&page);
    }
}
