//! Targets for what stands inside stanzas.

use wa_proto::device::DeviceRecord;
use wa_proto::messaging::{DeviceList, MessageId, ParticipantHash, Plaintext, padding};
use wa_proto::node::{self, NodeRef};
use wa_proto::pairing::adv::{DeviceIdentityDetails, SignedDeviceIdentity, SignedKeyIndexList};
use wa_proto::pairing::code::PairingCode;
use wa_proto::pairing::qr::QrCode;
use wa_proto::payload::ClientPurpose;
use wa_proto::stanza::chatstate::{ChatState, Presence, PresenceRequest};
use wa_proto::stanza::iq::{Ping, read_response};
use wa_proto::stanza::usync::{UsyncAnswer, UsyncQuery};
use wa_proto::stanza::{
    Ack, Direction, IncomingMessage, Notification, OutgoingMessage, Receipt, ib, login, pair, prekeys,
};

/// Reads a node as every stanza there is.
pub fn stanza(data: &[u8]) {
    let Ok(tree) = node::decode(data) else { return };
    let root = tree.root();
    for node in std::iter::once(root).chain(root.children()) {
        read_as_all(node);
    }
}

fn read_as_all(node: NodeRef<'_>) {
    for direction in [Direction::Up, Direction::Down] {
        let _ = (Ack::parse(node, direction), Receipt::parse(node, direction), ChatState::parse(node, direction));
    }
    let _ = (IncomingMessage::parse(node), OutgoingMessage::parse(node), Notification::parse(node));
    let _ = (Presence::parse(node), PresenceRequest::parse(node));
    let _ = (UsyncAnswer::parse(node), UsyncQuery::parse(node));
    let _ = (ib::Aside::read_all(node), ib::read_offline_batch(node));
    let _ = (login::Success::read(node), login::Failure::read(node), login::StreamError::read(node));
    let _ = (login::SetActivity::read(node), read_response::<Ping>(node));
    let _ = (pair::PairDevice::read(node), pair::PairSuccess::read(node), pair::PairReply::read(node));
    let _ = (pair::CompanionHello::read(node), pair::CompanionFinish::read(node), pair::CodeNotification::read(node));
    let _ = (pair::SecretRefresh::read(node), pair::PasskeyRequest::read(node), pair::RemoveDevice::read(node));
    let _ = (prekeys::KeyNotification::read(node), prekeys::UploadPrekeys::read(node));
    let _ = (prekeys::RotateSignedPrekey::read(node), prekeys::FetchBundles::read(node));
    let _ = (read_response::<prekeys::CountPrekeys>(node), read_response::<prekeys::FetchBundles>(node));
    let _ = read_response::<prekeys::FetchDigest>(node);
}

/// Reads bytes as each document of pairing and login, and text as each code.
pub fn pairing(data: &[u8]) {
    let _ =
        (SignedDeviceIdentity::from_bytes(data), DeviceIdentityDetails::parse(data), SignedKeyIndexList::parse(data));
    let _ = (ClientPurpose::read(data), DeviceRecord::from_bytes(data));
    let text = String::from_utf8_lossy(data);
    let _ = (PairingCode::parse(&text), QrCode::parse(&text));
}

/// Reads decrypted bytes as a padded message.
pub fn message(data: &[u8]) {
    if let Ok(unpadded) = padding::unpad(data)
        && let Ok(plaintext) = Plaintext::from_bytes(unpadded.to_vec())
    {
        let _ = plaintext.decode();
    }
    let _ = DeviceList::from_bytes(data);
    let text = String::from_utf8_lossy(data);
    let _ = (MessageId::parse(&text), text.parse::<ParticipantHash>());
}
