//! The SQL of jobs.

use super::Job;
use crate::ground::clock::At;
use crate::ground::store::{Error, ReadTx, Tx};
use crate::sql;
use uuid::Uuid;

/// What is asked for again while it is under way runs once more afterwards: whoever is at work on it loses its hold,
/// so that its outcome does not end the job.
pub async fn insert(
    tx: &mut Tx,
    key: Uuid,
    kind: &str,
    subject: &str,
    run_at: At,
    now: At,
) -> Result<(), Error> {
    sql!(exec tx,
        "INSERT INTO job (key, kind, subject, run_at, created_at) VALUES ($1, $2, $3, $4, $5)
         ON CONFLICT (kind, subject) DO UPDATE SET attempts = 0, holder = NULL, held_until = NULL,
            run_at = CASE WHEN excluded.run_at < job.run_at THEN excluded.run_at ELSE job.run_at END",
        key, kind, subject, run_at, now)
    .map(drop)
}

pub async fn delete(tx: &mut Tx, key: Uuid, holder: Uuid) -> Result<(), Error> {
    sql!(exec tx, "DELETE FROM job WHERE key = $1 AND holder = $2", key, holder).map(drop)
}

pub async fn delete_about(tx: &mut Tx, kind: &str, subject: &str) -> Result<(), Error> {
    sql!(exec tx, "DELETE FROM job WHERE kind = $1 AND subject = $2", kind, subject).map(drop)
}

pub async fn any_due(tx: &mut ReadTx, now: At) -> Result<bool, Error> {
    let found = sql!(maybe tx, (Uuid,),
        "SELECT key FROM job WHERE run_at <= $1 AND (held_until IS NULL OR held_until < $1) LIMIT 1", now)?;
    Ok(found.is_some())
}

/// Takes the job that has been due the longest.
pub async fn take(tx: &mut Tx, holder: Uuid, now: At, until: At) -> Result<Option<Job>, Error> {
    let taken = sql!(changed tx, (Uuid, String, String, i64),
        "UPDATE job SET holder = $1, held_until = $3, attempts = attempts + 1 WHERE key = (
            SELECT key FROM job WHERE run_at <= $2 AND (held_until IS NULL OR held_until < $2) ORDER BY run_at LIMIT 1)
         RETURNING key, kind, subject, attempts", holder, now, until)?;
    Ok(taken.into_iter().next().map(|(key, kind, subject, attempts)| Job {
        key,
        kind,
        subject,
        holder,
        attempts,
    }))
}

pub async fn extend(tx: &mut Tx, key: Uuid, holder: Uuid, until: At) -> Result<(), Error> {
    sql!(exec tx, "UPDATE job SET held_until = $3 WHERE key = $1 AND holder = $2", key, holder, until)
        .map(drop)
}

pub async fn put_off(
    tx: &mut Tx,
    key: Uuid,
    holder: Uuid,
    run_at: At,
    error: Option<&str>,
) -> Result<(), Error> {
    sql!(exec tx,
        "UPDATE job SET holder = NULL, held_until = NULL, run_at = $3, last_error = $4,
            attempts = CASE WHEN $4 IS NULL THEN 0 ELSE attempts END WHERE key = $1 AND holder = $2",
        key, holder, run_at, error)
    .map(drop)
}

/// On a store with one node, whatever is held when it starts was held by a process that is gone.
pub async fn release_all(tx: &mut Tx, now: At) -> Result<(), Error> {
    sql!(exec tx, "UPDATE job SET holder = NULL, held_until = NULL").map(drop)?;
    sql!(exec tx, "UPDATE job SET run_at = $1 WHERE run_at > $1", now).map(drop)
}
