//! The list of phone numbers and LIDs that the phone hands out when the account moves to LIDs.

use prost::Message as _;

use super::fields::MalformedMessage;
use super::source::Mapping;
use crate::jid::Jid;
use crate::proto;

/// What the phone says about the move.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Migration {
    /// The pairs. A list of many only adds what is missing: where it contradicts what a contact's own
    /// stanza has shown, ask the server instead of overwriting.
    pub mappings: Vec<Mapping>,
    /// When the account moved, in Unix seconds.
    pub moved_at: Option<u64>,
}

impl Migration {
    /// Reads the payload of a migration message; it proves by itself that the account has moved.
    ///
    /// Where a pair has two LIDs, the latest counts. Source: vectors `lid_migration_payload`.
    ///
    /// # Errors
    ///
    /// [`MalformedMessage`] when the payload does not decode; pairs without both names are left out.
    pub fn parse(message: &proto::LidMigrationMappingSyncMessage) -> Result<Self, MalformedMessage> {
        let payload = message.encoded_mapping_payload.as_deref().unwrap_or_default();
        let payload = proto::LidMigrationMappingSyncPayload::decode(payload).map_err(|_| MalformedMessage)?;
        let mappings = payload.pn_to_lid_mappings.iter().filter_map(|pair| {
            let lid = pair.latest_lid.or(pair.assigned_lid).filter(|lid| *lid != 0)?;
            let pn = pair.pn.filter(|pn| *pn != 0)?;
            Mapping::new(&Jid::pn(&pn.to_string()), &Jid::lid(&lid.to_string()))
        });
        Ok(Self { mappings: mappings.collect(), moved_at: payload.chat_db_migration_timestamp })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::messaging::vectors;

    #[test]
    fn the_published_payload_is_read() {
        let vectors = vectors::load();
        let payload = vectors::bytes(&vectors["lid_migration_payload"]["hex"]);
        let message = proto::LidMigrationMappingSyncMessage { encoded_mapping_payload: Some(payload) };
        let migration = Migration::parse(&message).unwrap();
        let lids: Vec<String> = migration.mappings.iter().map(|mapping| mapping.lid().to_string()).collect();
        assert_eq!(lids, ["990000000000002@lid", "990000000000033@lid"], "the latest where there are two");
        assert_eq!(migration.mappings[1].pn(), &Jid::pn("77010000003"));
        assert_eq!(migration.moved_at, Some(1_760_000_000));
    }

    #[test]
    fn halves_and_garbage_give_no_pairs() {
        let half = proto::LidMigrationMappingSyncPayload {
            pn_to_lid_mappings: vec![proto::LidMigrationMapping { pn: Some(77_010_000_002), ..Default::default() }],
            chat_db_migration_timestamp: None,
        };
        let message = proto::LidMigrationMappingSyncMessage { encoded_mapping_payload: Some(half.encode_to_vec()) };
        assert!(Migration::parse(&message).unwrap().mappings.is_empty());
        let message = proto::LidMigrationMappingSyncMessage { encoded_mapping_payload: Some(vec![0xff]) };
        assert_eq!(Migration::parse(&message), Err(MalformedMessage));
    }
}
