//! What the tests of the connection share: a sandbox, a store that fails when told, a network that
//! breaks when told, and a client that can be killed like a process.

pub(crate) mod faulty_store;
pub(crate) mod journal;
pub(crate) mod network;
pub(crate) mod process;
pub(crate) mod scene;
