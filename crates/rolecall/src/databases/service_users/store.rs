//! The SQL of service users.

use super::types::{Intent, UserKey};
use crate::databases::services::ServiceKey;
use crate::ground::clock::At;
use crate::ground::store::{Error, ReadTx, Tx};
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
    /// The sealed password and its verifier, where we know them.
    pub fn password(&self) -> Option<(&[u8], &str)> {
        self.password.as_deref().zip(self.verifier.as_deref())
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

pub async fn intend_deletion(tx: &mut Tx, key: UserKey) -> Result<(), Error> {
    sql!(exec tx, "UPDATE service_user SET intent = 'deleting' WHERE key = $1", key).map(drop)
}

/// The new password is the password now, if there is a new one.
pub async fn settled(tx: &mut Tx, key: UserKey, password: Option<&[u8]>, now: At) -> Result<(), Error> {
    if let Some(password) = password {
        sql!(exec tx,
            "UPDATE service_user SET password = $2, verifier = next_verifier, password_changed_at = $3 WHERE key = $1",
            key, password, now)?;
    }
    sql!(exec tx,
        "UPDATE service_user SET intent = 'kept', replication = COALESCE(next_replication, replication),
            next_password = NULL, next_verifier = NULL, next_replication = NULL WHERE key = $1", key)
    .map(drop)
}

pub async fn adopted(tx: &mut Tx, key: UserKey, read_only: bool, replication: bool) -> Result<(), Error> {
    sql!(exec tx, "UPDATE service_user SET intent = 'kept', read_only = $2, replication = $3 WHERE key = $1",
        key, read_only, replication)
    .map(drop)
}

/// What was intended did not happen.
pub async fn give_up(tx: &mut Tx, key: UserKey) -> Result<(), Error> {
    sql!(exec tx,
        "UPDATE service_user SET intent = 'kept', next_password = NULL, next_verifier = NULL, next_replication = NULL
         WHERE key = $1", key)
    .map(drop)
}

pub async fn delete(tx: &mut Tx, key: UserKey) -> Result<(), Error> {
    sql!(exec tx, "DELETE FROM service_user WHERE key = $1", key).map(drop)
}
