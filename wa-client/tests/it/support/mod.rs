//! What the tests of the connection share: a store that fails when told, a network that breaks when
//! told, and a client process that can be killed.

pub(crate) mod faulty_store;
pub(crate) mod network;
pub(crate) mod process;
