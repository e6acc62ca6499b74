//! Opening the store, and the two doors into it: `read` and `write`.

use super::{Error, ReadTx, Tx, migrate};
use crate::config::StoreAddress;
use crate::ground::access::Proof;
use crate::ground::clock::Clock;
use crate::ground::dice::Dice;
use sqlx::postgres::{PgConnectOptions, PgPoolOptions};
use sqlx::sqlite::{SqliteConnectOptions, SqliteJournalMode, SqlitePoolOptions, SqliteSynchronous};
use sqlx::{ConnectOptions, PgPool, SqlitePool};
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;
use tokio::sync::Mutex;

/// How often a transaction that lost a race is run again before it gives up.
const ATTEMPTS: u32 = 12;

/// Rolecall's own data. Cheap to clone.
#[derive(Clone)]
pub struct Store {
    inner: Arc<Inner>,
}

struct Inner {
    pools: Pools,
    clock: Clock,
    dice: Dice,
    /// SQLite has one writer: a fair queue here, where the driver's would poll.
    writer: Arc<Mutex<()>>,
    /// Counts commits that may have changed what somebody may do; caches compare it.
    generation: AtomicU64,
}

enum Pools {
    Sqlite { read: SqlitePool, write: SqlitePool },
    Postgres { read: PgPool, write: PgPool },
}

/// Which database holds the store.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Backend {
    /// A file beside the sealing key; one node.
    Sqlite,
    /// A server; several nodes may share it.
    Postgres,
}

impl Store {
    /// Opens the store and brings its tables up to date.
    ///
    /// # Errors
    /// [`Error::Newer`] for a store of a later version, [`Error::Unavailable`] when it does not answer.
    pub async fn open(address: &StoreAddress, clock: Clock, dice: Dice) -> Result<Self, Error> {
        let pools = match address {
            StoreAddress::Sqlite(path) => open_sqlite(path).await?,
            StoreAddress::Postgres(url) => open_postgres(url.expose()).await?,
        };
        let inner = Inner { pools, clock, dice, writer: Arc::default(), generation: AtomicU64::new(0) };
        let store = Self { inner: Arc::new(inner) };
        migrate::run(&store).await?;
        Ok(store)
    }

    /// Which database this is.
    #[must_use]
    pub fn backend(&self) -> Backend {
        match self.inner.pools {
            Pools::Sqlite { .. } => Backend::Sqlite,
            Pools::Postgres { .. } => Backend::Postgres,
        }
    }

    /// The clock that stamps records.
    #[must_use]
    pub fn clock(&self) -> &Clock {
        &self.inner.clock
    }

    /// The dice that make keys.
    #[must_use]
    pub fn dice(&self) -> &Dice {
        &self.inner.dice
    }

    /// Grows with each commit here that may have changed anybody's rights.
    #[must_use]
    pub fn generation(&self) -> u64 {
        self.inner.generation.load(Ordering::Acquire)
    }

    /// A transaction that reads what `_proof` allows to be read.
    ///
    /// # Errors
    /// [`Error::Unavailable`] when no connection is to be had.
    pub async fn read(&self, _proof: &dyn Proof) -> Result<ReadTx, Error> {
        self.reader().await
    }

    /// A reader for `access` itself, which has to read before there can be a proof.
    pub(in crate::ground) async fn reader(&self) -> Result<ReadTx, Error> {
        Ok(match &self.inner.pools {
            Pools::Sqlite { read, .. } => ReadTx::sqlite(read.acquire().await?),
            Pools::Postgres { read, .. } => ReadTx::postgres(read.acquire().await?),
        })
    }

    /// Whether it answers a question just now.
    pub async fn is_answering(&self) -> bool {
        let Ok(mut tx) = self.reader().await else { return false };
        crate::sql!(one tx, (i64,), "SELECT COUNT(*) FROM migration").is_ok()
    }

    /// Begins a transaction for [`transaction!`](crate::transaction): waits its turn, and asks `proof` once more.
    ///
    /// # Errors
    /// [`Error::Withdrawn`] when the right is gone, [`Error::Unavailable`] when no connection is to be had.
    #[doc(hidden)]
    pub async fn begin(&self, proof: &dyn Proof, attempt: &mut u32) -> Result<Tx, Error> {
        loop {
            let mut tx = self.open_transaction().await?;
            match proof.recheck(&mut tx).await {
                Ok(()) => return Ok(tx),
                Err(error) if !tx.is_in_conflict() => return Err(error),
                Err(_) => self.lost(attempt).await?,
            }
        }
    }

    /// Ends it: commits with its audit record, or rolls back. `None`: it lost a race and is to be run once more.
    #[doc(hidden)]
    pub async fn end<T, E: From<Error>>(
        &self,
        tx: Tx,
        proof: &dyn Proof,
        attempt: &mut u32,
        done: Result<T, E>,
    ) -> Option<Result<T, E>> {
        let has_lost = tx.is_in_conflict();
        let outcome = match done {
            Ok(value) if !has_lost => match tx.finish(self, proof).await {
                Ok(true) => {
                    if proof.may_change_rights() {
                        self.inner.generation.fetch_add(1, Ordering::AcqRel);
                    }
                    return Some(Ok(value));
                }
                Ok(false) => None,
                Err(error) => return Some(Err(error.into())),
            },
            Err(error) if !has_lost => return Some(Err(error)),
            Ok(_) | Err(_) => {
                drop(tx);
                None
            }
        };
        match self.lost(attempt).await {
            Ok(()) => outcome,
            Err(error) => Some(Err(error.into())),
        }
    }

    /// Waits a moment after a lost race, longer each time; gives up after so many.
    async fn lost(&self, attempt: &mut u32) -> Result<(), Error> {
        *attempt += 1;
        if *attempt >= ATTEMPTS {
            return Err(Error::Contended);
        }
        tokio::time::sleep(self.inner.dice.jitter(Duration::from_millis(4 << (*attempt).min(6)))).await;
        Ok(())
    }

    pub(super) async fn open_transaction(&self) -> Result<Tx, Error> {
        Ok(match &self.inner.pools {
            Pools::Sqlite { write, .. } => {
                let turn = Arc::clone(&self.inner.writer).lock_owned().await;
                Tx::sqlite(write.begin_with("BEGIN IMMEDIATE").await?, turn)
            }
            Pools::Postgres { write, .. } => {
                Tx::postgres(write.begin_with("BEGIN ISOLATION LEVEL SERIALIZABLE").await?)
            }
        })
    }

    /// Closes every connection; on SQLite this folds the write-ahead log into the file.
    pub async fn close(&self) {
        match &self.inner.pools {
            Pools::Sqlite { read, write } => {
                read.close().await;
                write.close().await;
            }
            Pools::Postgres { read, write } => {
                read.close().await;
                write.close().await;
            }
        }
    }
}

/// Makes the file readable by nobody else; SQLite gives its companions the same mode.
fn make_file(path: &Path) -> Result<(), Error> {
    use std::os::unix::fs::OpenOptionsExt as _;
    let made = std::fs::OpenOptions::new().append(true).create(true).mode(0o600).open(path);
    made.map(drop)
        .map_err(|error| Error::Unavailable(format!("{} cannot be written: {error}", path.display())))
}

async fn open_sqlite(path: &Path) -> Result<Pools, Error> {
    make_file(path)?;
    let options = SqliteConnectOptions::new()
        .filename(path)
        .create_if_missing(true)
        .journal_mode(SqliteJournalMode::Wal)
        .synchronous(SqliteSynchronous::Full)
        .foreign_keys(true)
        .busy_timeout(Duration::from_secs(10))
        .pragma("journal_size_limit", "67108864")
        .optimize_on_close(true, None)
        .disable_statement_logging();
    let write = SqlitePoolOptions::new()
        .max_connections(1)
        .idle_timeout(None)
        .max_lifetime(None)
        .connect_with(options.clone())
        .await?;
    let read = SqlitePoolOptions::new()
        .max_connections(8)
        .min_connections(1)
        .connect_with(options.pragma("query_only", "ON"))
        .await?;
    Ok(Pools::Sqlite { read, write })
}

async fn open_postgres(url: &str) -> Result<Pools, Error> {
    let options: PgConnectOptions = url.parse().map_err(|_| {
        Error::Unavailable("the store's address is neither sqlite:PATH nor postgres://…".into())
    })?;
    let options = options.application_name("rolecall").disable_statement_logging();
    let pool = |limit| PgPoolOptions::new().max_connections(limit).acquire_timeout(Duration::from_secs(10));
    let write = pool(8).connect_with(options.clone()).await?;
    let read = pool(8).connect_with(options.options([("default_transaction_read_only", "on")])).await?;
    Ok(Pools::Postgres { read, write })
}
