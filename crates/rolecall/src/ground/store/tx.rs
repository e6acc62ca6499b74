//! Transactions: one that reads, one that writes and records what it did.

use super::error::is_conflict;
use super::{Error, Store};
use crate::ground::access::{Proof, Resource};
use crate::ground::audit;
use sqlx::pool::PoolConnection;
use sqlx::{PgConnection, Postgres, Sqlite, SqliteConnection, Transaction};
use std::net::IpAddr;
use tokio::sync::OwnedMutexGuard;

/// The driver under a transaction.
pub enum Connection<'c> {
    /// The embedded store.
    Sqlite(&'c mut SqliteConnection),
    /// A PostgreSQL store.
    Postgres(&'c mut PgConnection),
}

/// A transaction that can only read. Its pool's connections refuse to write, too.
pub struct ReadTx {
    held: Held,
}

enum Held {
    Sqlite(PoolConnection<Sqlite>),
    Postgres(PoolConnection<Postgres>),
}

impl ReadTx {
    pub(super) fn sqlite(held: PoolConnection<Sqlite>) -> Self {
        Self { held: Held::Sqlite(held) }
    }

    pub(super) fn postgres(held: PoolConnection<Postgres>) -> Self {
        Self { held: Held::Postgres(held) }
    }

    #[doc(hidden)]
    pub fn connection(&mut self) -> Connection<'_> {
        match &mut self.held {
            Held::Sqlite(c) => Connection::Sqlite(c),
            Held::Postgres(c) => Connection::Postgres(c),
        }
    }

    #[doc(hidden)]
    pub fn failed(&mut self, error: sqlx::Error) -> Error {
        error.into()
    }
}

/// A transaction that writes. It commits together with its audit record, or not at all.
pub struct Tx {
    open: Open,
    conflict: bool,
    change: Change,
}

enum Open {
    /// With the turn to write, which ends when the transaction does.
    Sqlite(Transaction<'static, Sqlite>, OwnedMutexGuard<()>),
    Postgres(Transaction<'static, Postgres>),
}

/// What the audit record will say beside who, when and which action.
#[derive(Debug, Default, Clone)]
pub struct Change {
    /// The thing itself, where it is narrower than what the proof was about (a service in a project).
    pub resource: Option<Resource>,
    /// From where it was asked for, where the program acts on somebody's request.
    pub address: Option<IpAddr>,
    /// State before, without secrets.
    pub before: Option<serde_json::Value>,
    /// State after, without secrets.
    pub after: Option<serde_json::Value>,
    /// Nothing changed, so nothing is recorded (a job that found no work).
    pub silent: bool,
}

impl Tx {
    pub(super) fn sqlite(open: Transaction<'static, Sqlite>, turn: OwnedMutexGuard<()>) -> Self {
        Self { open: Open::Sqlite(open, turn), conflict: false, change: Change::default() }
    }

    pub(super) fn postgres(open: Transaction<'static, Postgres>) -> Self {
        Self { open: Open::Postgres(open), conflict: false, change: Change::default() }
    }

    #[doc(hidden)]
    pub fn connection(&mut self) -> Connection<'_> {
        match &mut self.open {
            Open::Sqlite(c, _) => Connection::Sqlite(c),
            Open::Postgres(c) => Connection::Postgres(c),
        }
    }

    #[doc(hidden)]
    pub fn writing(&mut self) -> Connection<'_> {
        self.connection()
    }

    #[doc(hidden)]
    pub fn failed(&mut self, error: sqlx::Error) -> Error {
        self.conflict |= is_conflict(&error);
        error.into()
    }

    /// Names the thing that is changed, for the audit record.
    pub fn on(&mut self, resource: Resource) -> &mut Self {
        self.change.resource = Some(resource);
        self
    }

    /// Names the address of whoever made the program act, for the audit record.
    pub fn asked_from(&mut self, address: IpAddr) -> &mut Self {
        self.change.address = Some(address);
        self
    }

    /// States what was there before, for the audit record; never a secret.
    pub fn before(&mut self, state: serde_json::Value) -> &mut Self {
        self.change.before = Some(state);
        self
    }

    /// States what is there now, for the audit record; never a secret.
    pub fn after(&mut self, state: serde_json::Value) -> &mut Self {
        self.change.after = Some(state);
        self
    }

    /// Nothing worth a record happened. Only [`System`](crate::ground::access::System) work may stay silent.
    pub fn silent(&mut self) -> &mut Self {
        self.change.silent = true;
        self
    }

    pub(super) fn is_in_conflict(&self) -> bool {
        self.conflict
    }

    /// Commits the shape of the store itself, which nobody has to be allowed to bring up to date.
    pub(super) async fn commit_unrecorded(self) -> Result<(), Error> {
        match self.open {
            Open::Sqlite(tx, _turn) => tx.commit().await?,
            Open::Postgres(tx) => tx.commit().await?,
        }
        Ok(())
    }

    /// Writes the audit record and commits; `Ok(false)` when it must be run once more.
    pub(super) async fn finish(mut self, store: &Store, proof: &dyn Proof) -> Result<bool, Error> {
        let change = std::mem::take(&mut self.change);
        if proof.action().is_recorded() && !(change.silent && proof.is_system()) {
            let written = audit::record(&mut self, store, proof, change).await;
            if let Err(error) = written {
                return if self.conflict { Ok(false) } else { Err(error) };
            }
        }
        let committed = match self.open {
            Open::Sqlite(tx, _turn) => tx.commit().await,
            Open::Postgres(tx) => tx.commit().await,
        };
        match committed {
            Ok(()) => Ok(true),
            Err(error) if is_conflict(&error) => Ok(false),
            Err(error) => Err(error.into()),
        }
    }
}
