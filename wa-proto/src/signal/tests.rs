//! Tests of whole conversations.

mod groups;
mod replay;
mod transcripts;
