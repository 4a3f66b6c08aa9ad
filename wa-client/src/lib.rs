//! An asynchronous WhatsApp client on tokio, and the wa-client command.
