//! What a connection begins with.

use wa_proto::cert::ServerVerified;
use wa_proto::connection::Settings;
use wa_proto::device::DeviceRecord;
use wa_proto::payload::NotALogin;
use wa_proto::proto::{ClientPayload, ProtobufMessage};

use crate::driver::account::Account;

/// Puts together who connects and whom we expect: a login for a linked device, else a registration.
pub(super) fn settings(account: &Account, device: &DeviceRecord) -> Result<Settings, NotALogin> {
    let settings = &account.settings;
    let unix_now = account.now_seconds();
    let push_name = settings.push_name.as_deref().or(device.login.push_name.as_deref());
    let payload = match &device.linked {
        Some(linked) => {
            let counter = Some(device.login.login_counter);
            let mut payload = ClientPayload::login(&linked.jid, &settings.profile, counter, device.login.lid_migrated)?;
            payload.push_name = push_name.map(str::to_owned);
            payload
        }
        None => ClientPayload::registration(&device.keys, &settings.profile, push_name),
    };
    let root = *settings.endpoint.root_key();
    let resume = device.linked.as_ref().and(device.login.server_chain.as_deref());
    Ok(Settings {
        noise: device.keys.noise.clone(),
        payload: payload.encode_to_vec(),
        root,
        unix_now,
        resume: resume.and_then(|chain| ServerVerified::restore(chain, &root, unix_now).ok()),
        routing_info: device.login.routing_info.clone(),
    })
}
