//! What a route asks of an API key, as a type in its signature.

use booking::api_key::Scope;

/// The right that a route asks of a key.
pub trait Admits: Send + Sync + 'static {
    /// The right; none closes the route to keys.
    const SCOPE: Option<Scope>;
}

/// Only people: the route is closed to keys, whatever their rights.
#[derive(Debug, Clone, Copy)]
pub struct People;

impl Admits for People {
    const SCOPE: Option<Scope> = None;
}

macro_rules! scopes {
    ($($(#[$doc:meta])* $name:ident;)*) => {$(
        $(#[$doc])*
        #[derive(Debug, Clone, Copy)]
        pub struct $name;

        impl Admits for $name {
            const SCOPE: Option<Scope> = Some(Scope::$name);
        }
    )*};
}

scopes! {
    /// People, and keys with `bookings:read`.
    BookingsRead;
    /// People, and keys with `bookings:write`.
    BookingsWrite;
    /// People, and keys with `clients:read`.
    ClientsRead;
    /// People, and keys with `clients:write`.
    ClientsWrite;
    /// People, and keys with `catalogue:read`.
    CatalogueRead;
    /// People, and keys with `catalogue:write`.
    CatalogueWrite;
    /// People, and keys with `messages:read`.
    MessagesRead;
    /// People, and keys with `messages:write`.
    MessagesWrite;
    /// People, and keys with `settings:read`.
    SettingsRead;
}
