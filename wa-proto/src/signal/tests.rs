//! Tests of whole conversations.

mod groups;
mod properties;
mod replay;
mod transcripts;
mod x3dh;
