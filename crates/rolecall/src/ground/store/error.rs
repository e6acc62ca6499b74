//! What can go wrong between a use case and its store.

use crate::ground::access::Refusal;

/// An error of the store. Texts are for logs; the edge has its own sentences.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// A row with this key is there already; the use case knows which key it was.
    #[error("a unique key is taken already")]
    Taken,
    /// The right that opened the transaction was withdrawn before it could write.
    #[error("the right was withdrawn: {0}")]
    Withdrawn(Refusal),
    /// Other writers kept changing the same rows through every retry.
    #[error("the same rows were changed by others through every retry")]
    Contended,
    /// The store does not answer.
    #[error("the store does not answer: {0}")]
    Unavailable(String),
    /// The store is newer than this program.
    #[error(
        "this store was written by a newer Rolecall (migration {found}, this one knows {known}): start that version or a later one"
    )]
    Newer {
        /// The highest migration found in the store.
        found: i64,
        /// The highest migration this program knows.
        known: i64,
    },
    /// A value that the store cannot keep (a NUL in a text), refused before it is sent.
    #[error("a text holds a NUL character")]
    Nul,
    /// Anything else the driver says.
    #[error("the store refused: {0}")]
    Driver(String),
}

impl From<sqlx::Error> for Error {
    fn from(error: sqlx::Error) -> Self {
        match &error {
            sqlx::Error::Database(inner) if inner.is_unique_violation() => Self::Taken,
            sqlx::Error::Io(_)
            | sqlx::Error::Tls(_)
            | sqlx::Error::PoolTimedOut
            | sqlx::Error::PoolClosed
            | sqlx::Error::WorkerCrashed => Self::Unavailable(error.to_string()),
            _ => Self::Driver(error.to_string()),
        }
    }
}

/// Whether trying the whole transaction again may succeed (PostgreSQL's serialization failures and deadlocks).
pub(super) fn is_conflict(error: &sqlx::Error) -> bool {
    matches!(error, sqlx::Error::Database(inner)
        if matches!(inner.code().as_deref(), Some("40001" | "40P01")))
}
