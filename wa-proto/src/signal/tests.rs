//! Tests of whole conversations.

mod replay;
mod transcripts;
