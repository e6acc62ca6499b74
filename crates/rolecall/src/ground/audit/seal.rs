//! The sealer: moves pending records into the chain, and signs where it ends.

use super::Record;
use super::chain::{hash, statement};
use super::store::{self, Checkpoint, Link};
use crate::ground::access::{FinishWork, Installation, System};
use crate::ground::store::{Error, Store};
use crate::ground::vault::Vault;
use crate::transaction;
use std::time::Duration;
use tokio::sync::watch;

/// How often the sealer looks; with the work itself a record is sealed within 200 ms.
const PAUSE: Duration = Duration::from_millis(100);
/// How many records one signature covers at most.
const BATCH: i64 = 500;

/// Seals for as long as the server runs.
pub struct Sealer {
    store: Store,
    vault: Vault,
}

impl Sealer {
    /// A sealer of `store`, signing with the installation's key.
    #[must_use]
    pub fn new(store: Store, vault: Vault) -> Self {
        Self { store, vault }
    }

    /// Seals until `stop` turns true, and once more after that.
    pub async fn run(self, mut stop: watch::Receiver<bool>) {
        loop {
            let stopping = *stop.borrow();
            if let Err(error) = self.seal_all().await {
                tracing::error!(%error, "audit records could not be sealed; they stay pending and will be tried again");
            }
            if stopping {
                return;
            }
            tokio::select! {
                () = tokio::time::sleep(PAUSE) => {}
                _ = stop.changed() => {}
            }
        }
    }

    async fn seal_all(&self) -> Result<(), Error> {
        while seal_pending(&self.store, &self.vault).await? == usize::try_from(BATCH).unwrap_or(usize::MAX) {}
        Ok(())
    }
}

fn link(sequence: i64, text: &str, hash: Vec<u8>) -> Link {
    let Record { at, account, action, resource, .. } = Record::read(text);
    Link { sequence, at, account, action, resource, record: text.to_owned(), hash }
}

/// Seals what is pending, one batch; returns how many records that were.
///
/// # Errors
/// The store's; then the records stay pending.
pub async fn seal_pending(store: &Store, vault: &Vault) -> Result<usize, Error> {
    if !store::has_pending(&mut store.reader().await?).await? {
        return Ok(0);
    }
    let proof = System::<FinishWork>::on(&Installation);
    transaction!(store, &proof, |tx| {
        let pending = store::pending(tx, BATCH).await?;
        let (end, mut before) = store::head(tx).await?.unwrap_or_default();
        // Where the tail was cut, its numbers are not given out again.
        let from = end.max(store::signed_to(tx).await?.unwrap_or_default());
        let mut sequence = from;
        for (key, text) in &pending {
            sequence += 1;
            before = hash(&before, sequence, text);
            store::insert(tx, &link(sequence, text, before.clone())).await?;
            store::delete_pending(tx, *key).await?;
        }
        if !pending.is_empty() {
            let signature = vault.signer().sign(&statement(from, sequence, &before));
            let checkpoint = Checkpoint { sequence, hash: before, signature: signature.to_vec() };
            store::insert_checkpoint(tx, &checkpoint, store.clock().now()).await?;
        }
        Ok(pending.len())
    })
}
