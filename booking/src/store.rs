//! What every function that asks the database can fail with.

/// Why the database could not answer.
#[derive(Debug, Clone, thiserror::Error)]
#[non_exhaustive]
pub enum StoreError {
    /// The statement failed; [`db::Error`] says whether a retry may help.
    #[error("the database did not do it")]
    Database(#[from] db::Error),
    /// A row breaks a rule that this program relies on: somebody else wrote it.
    #[error("row {id} of {table} breaks a rule: {rule}")]
    Row {
        /// The table.
        table: &'static str,
        /// The row.
        id: i64,
        /// The rule, in a few words without the row's data.
        rule: &'static str,
    },
    /// A request under the same key did this before its process died; its answer is lost.
    #[error("this was done before under the same key, and the answer is lost")]
    DoneBefore,
}

impl StoreError {
    /// Whether the same call may succeed a little later.
    #[must_use]
    pub fn is_transient(&self) -> bool {
        match self {
            Self::Database(error) => error.is_transient(),
            Self::Row { .. } | Self::DoneBefore => false,
        }
    }

    /// The name of the schema's rule that refused the statement, if one did.
    #[must_use]
    pub fn constraint(&self) -> Option<&str> {
        match self {
            Self::Database(error) => error.constraint(),
            Self::Row { .. } | Self::DoneBefore => None,
        }
    }
}

/// Makes `?` take database errors into errors of use cases, which have a variant `Store(StoreError)`.
macro_rules! from_store {
    ($($error:ty),+ $(,)?) => {$(
        impl From<db::Error> for $error {
            fn from(error: db::Error) -> Self {
                Self::Store(error.into())
            }
        }
    )+};
}
pub(crate) use from_store;

/// Declares an enum without data that is kept as text.
macro_rules! text_enum {
    ($(#[$doc:meta])* $name:ident { $($(#[$variant_doc:meta])* $variant:ident = $text:literal),+ $(,)? }) => {
        $(#[$doc])*
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub enum $name {
            $($(#[$variant_doc])* $variant),+
        }

        impl $name {
            /// All of them, in the order of their declaration.
            pub const ALL: &'static [Self] = &[$(Self::$variant),+];

            /// The text it is kept as.
            #[must_use]
            pub const fn as_str(self) -> &'static str {
                match self {
                    $(Self::$variant => $text),+
                }
            }

            /// Reads what [`as_str`](Self::as_str) gave.
            #[must_use]
            pub fn from_text(text: &str) -> Option<Self> {
                match text {
                    $($text => Some(Self::$variant),)+
                    _ => None,
                }
            }

            /// Reads what a row of `table` has.
            ///
            /// # Errors
            ///
            /// [`StoreError::Row`]($crate::store::StoreError::Row) when it is none of them.
            pub fn of_row(text: &str, table: &'static str, id: i64) -> Result<Self, $crate::store::StoreError> {
                Self::from_text(text).ok_or($crate::store::StoreError::Row {
                    table,
                    id,
                    rule: concat!("unknown ", stringify!($name)),
                })
            }
        }

        impl std::fmt::Display for $name {
            fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.write_str(self.as_str())
            }
        }
    };
}
pub(crate) use text_enum;
