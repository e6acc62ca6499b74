//! Background work that survives a restart.
//!
//! A job is a row: made in the same transaction as the intent it serves, done once its work is, and taken over
//! from a process that died. There is one job per kind and subject; each kind is repeatable.

mod store;
#[cfg(test)]
mod tests;
mod worker;

pub use worker::{Outcome, Work, Worker};

use crate::ground::clock::At;
use crate::ground::store::{Error, Tx};
use uuid::Uuid;

/// A piece of work to be done.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Job {
    /// Its key.
    pub key: Uuid,
    /// What is to be done: the name of a registered [`Work`].
    pub kind: String,
    /// What it is about.
    pub subject: String,
    /// Whose hold it is: each take's own, so that an outcome never ends what was taken anew.
    pub holder: Uuid,
    /// How often it was tried before.
    pub attempts: i64,
}

/// Asks for `kind` to be done about `subject`, not before `run_at`. Asking twice is asking once, for the sooner.
///
/// # Errors
/// The store's.
pub async fn enqueue(
    tx: &mut Tx,
    key: Uuid,
    kind: &str,
    subject: &str,
    run_at: At,
    now: At,
) -> Result<(), Error> {
    store::insert(tx, key, kind, subject, run_at, now).await
}

/// Takes a job back: its work was done by whoever asked for it.
///
/// # Errors
/// The store's.
pub async fn withdraw(tx: &mut Tx, kind: &str, subject: &str) -> Result<(), Error> {
    store::delete_about(tx, kind, subject).await
}
