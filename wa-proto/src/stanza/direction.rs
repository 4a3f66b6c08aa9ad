/// Which way a stanza goes. It decides in which attribute the other party's address stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Direction {
    /// From a client to the server: the other party is in `to`.
    Up,
    /// From the server to a client: the other party is in `from`.
    Down,
}

impl Direction {
    /// The attribute that names the other party.
    #[must_use]
    pub const fn peer_attr(self) -> &'static str {
        match self {
            Self::Up => "to",
            Self::Down => "from",
        }
    }
}
