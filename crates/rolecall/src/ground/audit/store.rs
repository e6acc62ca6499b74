//! The SQL of the audit log.

use crate::ground::clock::At;
use crate::ground::store::{Error, ReadTx, Tx};
use crate::{row, sql};
use uuid::Uuid;

row! {
    /// A record in the chain; what stands beside the record is there to be searched.
    #[derive(Debug, Clone)]
    pub struct Link {
        pub sequence: i64,
        pub at: At,
        pub account: String,
        pub action: String,
        pub resource: String,
        pub record: String,
        pub hash: Vec<u8>,
    }
}

row! {
    /// A signature over the chain up to a record.
    #[derive(Debug, Clone)]
    pub struct Checkpoint { pub sequence: i64, pub hash: Vec<u8>, pub signature: Vec<u8> }
}

/// The pages of one direction.
macro_rules! page {
    ($beyond:literal, $order:literal) => {
        concat!(
            "SELECT sequence, at, account, action, resource, record, hash FROM audit_record WHERE sequence ", $beyond,
            " $1 AND ($2 IS NULL OR account = $2) AND ($3 IS NULL OR action = $3) AND ($4 IS NULL OR resource = $4)
              AND ($5 IS NULL OR at >= $5) AND ($6 IS NULL OR at < $6) ORDER BY sequence ", $order, " LIMIT $7"
        )
    };
}

pub async fn insert_pending(tx: &mut Tx, key: Uuid, record: &str) -> Result<(), Error> {
    sql!(exec tx, "INSERT INTO audit_pending (key, record) VALUES ($1, $2)", key, record).map(drop)
}

pub async fn pending(tx: &mut Tx, limit: i64) -> Result<Vec<(Uuid, String)>, Error> {
    sql!(all tx, (Uuid, String), "SELECT key, record FROM audit_pending ORDER BY key LIMIT $1", limit)
}

pub async fn has_pending(tx: &mut ReadTx) -> Result<bool, Error> {
    Ok(sql!(maybe tx, (Uuid,), "SELECT key FROM audit_pending LIMIT 1")?.is_some())
}

pub async fn delete_pending(tx: &mut Tx, key: Uuid) -> Result<(), Error> {
    sql!(exec tx, "DELETE FROM audit_pending WHERE key = $1", key).map(drop)
}

/// Where the chain ends.
pub async fn head(tx: &mut Tx) -> Result<Option<(i64, Vec<u8>)>, Error> {
    sql!(maybe tx, (i64, Vec<u8>), "SELECT sequence, hash FROM audit_record ORDER BY sequence DESC LIMIT 1")
}

/// How far it was ever signed.
pub async fn signed_to(tx: &mut Tx) -> Result<Option<i64>, Error> {
    Ok(sql!(one tx, (Option<i64>,), "SELECT MAX(sequence) FROM audit_checkpoint")?.0)
}

pub async fn insert(tx: &mut Tx, link: &Link) -> Result<(), Error> {
    sql!(exec tx,
        "INSERT INTO audit_record (sequence, at, account, action, resource, record, hash) VALUES ($1, $2, $3, $4, $5, $6, $7)",
        link.sequence, link.at, link.account.as_str(), link.action.as_str(), link.resource.as_str(), link.record.as_str(), link.hash.as_slice())
    .map(drop)
}

pub async fn insert_checkpoint(tx: &mut Tx, checkpoint: &Checkpoint, at: At) -> Result<(), Error> {
    sql!(exec tx, "INSERT INTO audit_checkpoint (sequence, hash, signature, at) VALUES ($1, $2, $3, $4)",
        checkpoint.sequence, checkpoint.hash.as_slice(), checkpoint.signature.as_slice(), at)
    .map(drop)
}

pub async fn links(tx: &mut ReadTx, after: i64, limit: i64) -> Result<Vec<Link>, Error> {
    sql!(all tx, Link,
        "SELECT sequence, at, account, action, resource, record, hash FROM audit_record
         WHERE sequence > $1 ORDER BY sequence LIMIT $2", after, limit)
}

pub async fn checkpoints(tx: &mut ReadTx, after: i64, limit: i64) -> Result<Vec<Checkpoint>, Error> {
    sql!(all tx, Checkpoint,
        "SELECT sequence, hash, signature FROM audit_checkpoint WHERE sequence > $1 ORDER BY sequence LIMIT $2",
        after, limit)
}

/// A page of the chain, the newest first unless it is turned round; what isn't asked for is not compared.
pub async fn page(
    tx: &mut ReadTx,
    filter: &super::Filter,
    after: i64,
    descending: bool,
    limit: i64,
) -> Result<Vec<Link>, Error> {
    let text = if descending { page!("<", "DESC") } else { page!(">", "ASC") };
    sql!(all tx, Link, text, after, filter.account.as_deref(), filter.action.as_deref(), filter.resource.as_deref(),
        filter.from, filter.to, limit)
}

pub async fn count_pending(tx: &mut ReadTx) -> Result<i64, Error> {
    Ok(sql!(one tx, (i64,), "SELECT COUNT(*) FROM audit_pending")?.0)
}
