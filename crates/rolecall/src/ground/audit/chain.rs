//! The chain: each hash covers the one before, so that a record changed, moved or left out is named.

use super::Record;
use super::store::{self, Checkpoint, Link};
use crate::ground::store::{Error, ReadTx};
use serde::Serialize;
use sha2::{Digest as _, Sha256};
use std::iter::Peekable;
use std::vec::IntoIter;

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
    #[serde(skip_serializing_if = "Option::is_none")]
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

/// What a checkpoint signs: the hash of a record, its number, and the number after which its batch began. So it vouches
/// for the records of its own batch alone, not for one that somebody put in between.
#[must_use]
pub fn statement(from: i64, to: i64, hash: &[u8]) -> Vec<u8> {
    [b"rolecall audit checkpoint\0".as_slice(), &from.to_be_bytes(), &to.to_be_bytes(), hash].concat()
}

/// Whether a link is the one that was sealed as number `sequence`, with what stands beside its record.
fn is_sealed(link: &Link, before: &[u8], sequence: i64) -> bool {
    let record = Record::read(&link.record);
    link.sequence == sequence
        && link.hash == hash(before, sequence, &link.record)
        && (link.at, &link.account, &link.action, &link.resource)
            == (record.at, &record.account, &record.action, &record.resource)
}

/// Tells whether a signature over a statement is this installation's.
pub type IsSigned<'a> = &'a (dyn Fn(&[u8], &[u8]) -> bool + Sync);

/// Walks the chain from its first record and checks every hash and every signature.
///
/// # Errors
/// The store's.
pub async fn verify(tx: &mut ReadTx, is_signed: IsSigned<'_>) -> Result<Verdict, Error> {
    let mut walk = Walk { is_signed, before: Vec::new(), records: 0, signed_to: 0 };
    let first_bad = loop {
        // Signatures before the records that they cover: what is sealed meanwhile does not look like a cut.
        let signatures = store::checkpoints(tx, walk.signed_to, BATCH).await?;
        let links = store::links(tx, walk.records, BATCH).await?;
        let is_end = links.is_empty() && signatures.len() < usize::try_from(BATCH).unwrap_or(usize::MAX);
        if let Err(bad) = walk.on(links, signatures, is_end) {
            break Some(bad);
        }
        if is_end {
            break None;
        }
    };
    let unsealed = store::count_pending(tx).await?;
    Ok(Verdict { ok: first_bad.is_none(), records: walk.records, unsealed, first_bad })
}

/// How far the chain was found to be good.
struct Walk<'a> {
    is_signed: IsSigned<'a>,
    before: Vec<u8>,
    records: i64,
    signed_to: i64,
}

impl Walk<'_> {
    /// Goes on over these; the number of the first bad record where it cannot.
    fn on(&mut self, links: Vec<Link>, signatures: Vec<Checkpoint>, is_end: bool) -> Result<(), i64> {
        let mut signatures = signatures.into_iter().peekable();
        self.check_signatures(&mut signatures)?;
        for link in links {
            if !is_sealed(&link, &self.before, self.records + 1) {
                return Err(self.records + 1);
            }
            self.records = link.sequence;
            self.before = link.hash;
            self.check_signatures(&mut signatures)?;
        }
        // A signature beyond the last record shows a cut; records beyond the last signature were never sealed by us.
        match signatures.peek() {
            Some(_) if is_end => Err(self.records + 1),
            None if is_end && self.signed_to < self.records => Err(self.signed_to + 1),
            _ => Ok(()),
        }
    }

    fn check_signatures(&mut self, signatures: &mut Peekable<IntoIter<Checkpoint>>) -> Result<(), i64> {
        while let Some(one) = signatures.next_if(|one| one.sequence <= self.records) {
            let text = statement(self.signed_to, self.records, &self.before);
            let is_here = one.sequence == self.records && one.hash == self.before;
            if !is_here || !(self.is_signed)(&text, &one.signature) {
                return Err(self.signed_to + 1);
            }
            self.signed_to = self.records;
        }
        Ok(())
    }
}
