//! Ids: one type per table, so that the wrong one does not compile.

/// Declares ids: positive 64-bit integers that the database gives.
macro_rules! ids {
    ($($(#[$doc:meta])* $name:ident),+ $(,)?) => {$(
        $(#[$doc])*
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, serde::Serialize, serde::Deserialize)]
        #[derive(sqlx::Type)]
        #[serde(transparent)]
        #[sqlx(transparent)]
        pub struct $name(i64);

        impl $name {
            /// Wraps the number of a row.
            #[must_use]
            pub const fn new(id: i64) -> Self {
                Self(id)
            }

            /// The number of the row.
            #[must_use]
            pub const fn get(self) -> i64 {
                self.0
            }
        }

        impl std::fmt::Display for $name {
            fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                self.0.fmt(f)
            }
        }
    )+};
}

ids! {
    /// A tenant.
    BusinessId,
    /// Somebody who logs in.
    UserId,
    /// What is booked.
    ServiceId,
    /// Who serves.
    MasterId,
    /// Who is served.
    ClientId,
    /// A visit.
    BookingId,
    /// A WhatsApp number paired to us.
    AccountId,
    /// A row of the outbox.
    MessageId,
    /// A question to whoever holds an account.
    RequestId,
    /// A message that an account received.
    InboundId,
    /// One text for many.
    BulkId,
    /// A key of a program that calls the API.
    ApiKeyId,
    /// A login that lasts.
    SessionId,
    /// A link by which somebody joins the staff.
    InvitationId,
    /// A stretch of time in which nobody works.
    TimeOffId,
}
