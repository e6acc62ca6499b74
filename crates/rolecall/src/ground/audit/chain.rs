//! The chain: each hash covers the one before, so that a record changed, moved or left out is named.

use super::store;
use crate::ground::store::{Error, ReadTx};
use serde::Serialize;
use sha2::{Digest as _, Sha256};

/// How many records are read at a time while verifying.
const BATCH: i64 = 1_000;

/// What a walk along the whole chain found.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, utoipa::ToSchema)]
pub struct Verdict {
    /// Whether every record is the one that was sealed.
    pub ok: bool,
    /// How many records are in the chain.
    pub records: i64,
    /// How many wait for the sealer; they are not covered yet.
    pub unsealed: i64,
    /// The first record that isn't what was sealed; where the tail was cut, the first one missing.
    pub first_bad: Option<i64>,
}

/// The hash of a record, given the one before it.
#[must_use]
pub fn hash(before: &[u8], sequence: i64, record: &str) -> Vec<u8> {
    let mut digest = Sha256::new();
    digest.update(before);
    digest.update(sequence.to_be_bytes());
    digest.update((record.len() as u64).to_be_bytes());
    digest.update(record.as_bytes());
    digest.finalize().to_vec()
}

/// What a checkpoint signs: the count and the hash.
#[must_use]
pub fn statement(sequence: i64, hash: &[u8]) -> Vec<u8> {
    [b"rolecall audit checkpoint\0".as_slice(), &sequence.to_be_bytes(), hash].concat()
}

/// Walks the chain from its first record and checks every hash and every signature.
///
/// # Errors
/// The store's.
pub async fn verify(
    tx: &mut ReadTx,
    is_signed: &(dyn Fn(&[u8], &[u8]) -> bool + Sync),
) -> Result<Verdict, Error> {
    let mut before = Vec::new();
    let mut records = 0;
    let mut first_bad = None;
    let mut signed_to = 0;
    'walk: loop {
        let links = store::links(tx, records, BATCH).await?;
        let Some(last) = links.last() else { break };
        let end = last.sequence;
        let mut checkpoints = store::checkpoints(tx, records, BATCH).await?.into_iter().peekable();
        for link in links {
            if link.sequence != records + 1 || link.hash != hash(&before, link.sequence, &link.record) {
                first_bad = Some(records + 1);
                break 'walk;
            }
            records = link.sequence;
            before = link.hash;
            while let Some(checkpoint) = checkpoints.next_if(|one| one.sequence <= records) {
                let holds = checkpoint.sequence == records
                    && checkpoint.hash == before
                    && is_signed(&statement(records, &before), &checkpoint.signature);
                if !holds {
                    first_bad = Some(signed_to + 1);
                    break 'walk;
                }
                signed_to = records;
            }
        }
        debug_assert!(end == records, "a batch is walked to its end");
    }
    if first_bad.is_none() {
        first_bad = tail(tx, records, signed_to).await?;
    }
    let unsealed = store::count_pending(tx).await?;
    Ok(Verdict { ok: first_bad.is_none(), records, unsealed, first_bad })
}

/// A signature beyond the last record shows a cut; records beyond the last signature were never sealed by us.
async fn tail(tx: &mut ReadTx, records: i64, signed_to: i64) -> Result<Option<i64>, Error> {
    if !store::checkpoints(tx, records, 1).await?.is_empty() {
        return Ok(Some(records + 1));
    }
    Ok((signed_to < records).then_some(signed_to + 1))
}
