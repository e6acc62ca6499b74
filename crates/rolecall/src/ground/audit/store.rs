//! The SQL of the audit log.

use crate::ground::clock::At;
use crate::ground::store::{Error, ReadTx, Tx};
use crate::{row, sql};
use uuid::Uuid;

row! {
    /// A record in the chain.
    #[derive(Debug, Clone)]
    pub struct Link { pub sequence: i64, pub record: String, pub hash: Vec<u8> }
}

row! {
    /// A signature over the chain up to a record.
    #[derive(Debug, Clone)]
    pub struct Checkpoint { pub sequence: i64, pub hash: Vec<u8>, pub signature: Vec<u8> }
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

pub async fn head(tx: &mut Tx) -> Result<Option<Link>, Error> {
    sql!(maybe tx, Link, "SELECT sequence, record, hash FROM audit_record ORDER BY sequence DESC LIMIT 1")
}

pub async fn insert(
    tx: &mut Tx,
    link: &Link,
    at: At,
    account: &str,
    action: &str,
    resource: &str,
) -> Result<(), Error> {
    sql!(exec tx,
        "INSERT INTO audit_record (sequence, at, account, action, resource, record, hash) VALUES ($1, $2, $3, $4, $5, $6, $7)",
        link.sequence, at, account, action, resource, link.record.as_str(), link.hash.as_slice())
    .map(drop)
}

pub async fn insert_checkpoint(tx: &mut Tx, checkpoint: &Checkpoint, at: At) -> Result<(), Error> {
    sql!(exec tx, "INSERT INTO audit_checkpoint (sequence, hash, signature, at) VALUES ($1, $2, $3, $4)",
        checkpoint.sequence, checkpoint.hash.as_slice(), checkpoint.signature.as_slice(), at)
    .map(drop)
}

pub async fn links(tx: &mut ReadTx, after: i64, limit: i64) -> Result<Vec<Link>, Error> {
    sql!(all tx, Link,
        "SELECT sequence, record, hash FROM audit_record WHERE sequence > $1 ORDER BY sequence LIMIT $2", after, limit)
}

pub async fn checkpoints(tx: &mut ReadTx, after: i64, limit: i64) -> Result<Vec<Checkpoint>, Error> {
    sql!(all tx, Checkpoint,
        "SELECT sequence, hash, signature FROM audit_checkpoint WHERE sequence > $1 ORDER BY sequence LIMIT $2",
        after, limit)
}

pub async fn count_pending(tx: &mut ReadTx) -> Result<i64, Error> {
    Ok(sql!(one tx, (i64,), "SELECT COUNT(*) FROM audit_pending")?.0)
}
