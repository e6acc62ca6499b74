//! The SQL of service users.

use super::types::{Intent, UserKey, next_password_place, password_place};
use crate::databases::services::ServiceKey;
use crate::ground::clock::At;
use crate::ground::store::{Error, ReadTx, Tx};
use crate::ground::vault::Place;
use crate::{row, sql};

row! {
    /// What we know of a service user.
    #[derive(Debug, Clone)]
    pub struct Row {
        pub key: UserKey,
        pub service: ServiceKey,
        pub username: String,
        pub read_only: bool,
        pub replication: bool,
        pub protected: bool,
        pub password: Option<Vec<u8>>,
        pub verifier: Option<String>,
        pub intent: Intent,
        pub next_password: Option<Vec<u8>>,
        pub next_verifier: Option<String>,
        pub next_replication: Option<bool>,
        pub created_by: String,
        pub created_at: At,
        pub password_changed_at: At,
    }
}

impl Row {
    /// The sealed passwords that we know, each with its verifier and where it is sealed; the newer one first.
    pub fn passwords(&self) -> Vec<(&[u8], &str, Place)> {
        let next = self.next_password.as_deref().zip(self.next_verifier.as_deref());
        let kept = self.password.as_deref().zip(self.verifier.as_deref());
        let next = next.map(|(sealed, verifier)| (sealed, verifier, next_password_place(self.key)));
        let kept = kept.map(|(sealed, verifier)| (sealed, verifier, password_place(self.key)));
        next.into_iter().chain(kept).collect()
    }
}

/// A user to be made.
pub struct NewRow {
    pub key: UserKey,
    pub service: ServiceKey,
    pub username: String,
    pub read_only: bool,
    pub replication: bool,
    pub protected: bool,
    pub intent: Intent,
    pub next_password: Vec<u8>,
    pub next_verifier: String,
    pub created_by: String,
    pub now: At,
}

macro_rules! select {
    ($rest:literal) => {
        concat!(
            "SELECT key, service, username, read_only, replication, protected, password, verifier, intent, next_password,
                next_verifier, next_replication, created_by, created_at, password_changed_at FROM service_user ",
            $rest
        )
    };
}

pub async fn insert(tx: &mut Tx, row: &NewRow) -> Result<(), Error> {
    sql!(exec tx,
        "INSERT INTO service_user (key, service, username, read_only, replication, protected, intent, next_password,
            next_verifier, created_by, created_at, password_changed_at)
         VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $11)",
        row.key, row.service, row.username.as_str(), row.read_only, row.replication, row.protected, row.intent,
        row.next_password.as_slice(), row.next_verifier.as_str(), row.created_by.as_str(), row.now)
    .map(drop)
}

/// A user that was found on the server.
pub async fn insert_found(
    tx: &mut Tx,
    key: UserKey,
    service: ServiceKey,
    username: &str,
    intent: Intent,
    created_by: &str,
    now: At,
) -> Result<(), Error> {
    sql!(exec tx,
        "INSERT INTO service_user (key, service, username, read_only, replication, intent, created_by, created_at,
            password_changed_at) VALUES ($1, $2, $3, FALSE, FALSE, $4, $5, $6, $6)",
        key, service, username, intent, created_by, now)
    .map(drop)
}

pub async fn find(tx: &mut ReadTx, service: ServiceKey, username: &str) -> Result<Option<Row>, Error> {
    sql!(maybe tx, Row, select!("WHERE service = $1 AND username = $2"), service, username)
}

pub async fn look(tx: &mut ReadTx, key: UserKey) -> Result<Option<Row>, Error> {
    sql!(maybe tx, Row, select!("WHERE key = $1"), key)
}

/// What we know of the users from one name to another, for a page of the list.
pub async fn between(
    tx: &mut ReadTx,
    service: ServiceKey,
    first: &str,
    last: &str,
) -> Result<Vec<Row>, Error> {
    sql!(all tx, Row, select!("WHERE service = $1 AND username >= $2 AND username <= $3"), service, first, last)
}

/// Whether the intent was written: `false` when another one is under way.
pub async fn intend_password(
    tx: &mut Tx,
    key: UserKey,
    sealed: &[u8],
    verifier: &str,
) -> Result<bool, Error> {
    let changed = sql!(exec tx,
        "UPDATE service_user SET intent = 'changing', next_password = $2, next_verifier = $3
         WHERE key = $1 AND intent = 'kept'", key, sealed, verifier)?;
    Ok(changed > 0)
}

/// Whether the intent was written: `false` when another one is under way.
pub async fn intend_replication(tx: &mut Tx, key: UserKey, replication: bool) -> Result<bool, Error> {
    let changed = sql!(exec tx,
        "UPDATE service_user SET intent = 'changing', next_replication = $2 WHERE key = $1 AND intent = 'kept'",
        key, replication)?;
    Ok(changed > 0)
}

/// Whatever else was intended is not any more.
pub async fn intend(tx: &mut Tx, key: UserKey, intent: Intent) -> Result<(), Error> {
    sql!(exec tx, "UPDATE service_user SET intent = $2 WHERE key = $1", key, intent).map(drop)
}

/// The new password is the password now, if there is a new one; `false` when something else is intended meanwhile.
pub async fn settled(tx: &mut Tx, row: &Row, password: Option<&[u8]>, now: At) -> Result<bool, Error> {
    if let Some(password) = password {
        sql!(exec tx,
            "UPDATE service_user SET password = $3, verifier = next_verifier, password_changed_at = $4
             WHERE key = $1 AND intent = $2", row.key, row.intent, password, now)?;
    }
    let changed = sql!(exec tx,
        "UPDATE service_user SET intent = 'kept', replication = COALESCE(next_replication, replication),
            next_password = NULL, next_verifier = NULL, next_replication = NULL WHERE key = $1 AND intent = $2",
        row.key, row.intent)?;
    Ok(changed > 0)
}

pub async fn adopted(tx: &mut Tx, key: UserKey, read_only: bool, replication: bool) -> Result<bool, Error> {
    let changed = sql!(exec tx,
        "UPDATE service_user SET intent = 'kept', read_only = $2, replication = $3 WHERE key = $1 AND intent = 'adopting'",
        key, read_only, replication)?;
    Ok(changed > 0)
}

/// What was intended did not happen.
pub async fn give_up(tx: &mut Tx, row: &Row) -> Result<(), Error> {
    sql!(exec tx,
        "UPDATE service_user SET intent = 'kept', next_password = NULL, next_verifier = NULL, next_replication = NULL
         WHERE key = $1 AND intent = $2", row.key, row.intent)
    .map(drop)
}

/// Forgets a user, unless something else is intended meanwhile.
pub async fn delete(tx: &mut Tx, row: &Row) -> Result<bool, Error> {
    let gone = sql!(exec tx, "DELETE FROM service_user WHERE key = $1 AND intent = $2", row.key, row.intent)?;
    Ok(gone > 0)
}

/// The users of a service about whom something was left unfinished, except those that the service itself makes.
pub async fn unfinished(tx: &mut ReadTx, service: ServiceKey) -> Result<Vec<UserKey>, Error> {
    let found: Vec<(UserKey,)> = sql!(all tx, (UserKey,),
        "SELECT key FROM service_user
         WHERE service = $1 AND intent <> 'kept' AND NOT (protected AND intent = 'creating')", service)?;
    Ok(found.into_iter().map(|(key,)| key).collect())
}

/// How many intents are not finished.
#[cfg(test)]
pub async fn count_unfinished(tx: &mut ReadTx) -> Result<i64, Error> {
    let (count,) = sql!(one tx, (i64,), "SELECT COUNT(*) FROM service_user WHERE intent <> 'kept'")?;
    Ok(count)
}

/// Who did what to which thing, by the audit.
#[cfg(test)]
pub async fn recorded(tx: &mut ReadTx) -> Result<Vec<(String, String, String)>, Error> {
    sql!(all tx, (String, String, String), "SELECT account, action, resource FROM audit_record")
}
