//! The WhatsApp multi-device protocol as pure functions and state machines.
