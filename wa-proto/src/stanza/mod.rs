//! Typed stanzas: each type knows how to write its node and how to read it.
//!
//! No tag or attribute name is matched outside of the module that owns the stanza. Most types work
//! in both directions, because the local server speaks the other role.
