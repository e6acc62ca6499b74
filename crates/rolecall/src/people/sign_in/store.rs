//! The SQL of signing in.

use crate::ground::access::{AccountKey, AccountView, Refusal, TokenKey, TokenUseNote};
use crate::ground::clock::At;
use crate::ground::store::{Error, ReadTx, Tx};
use crate::ground::throttle::{Failures, Limits};
use crate::sql;

/// A sign-in token to be kept.
pub struct NewToken {
    pub key: TokenKey,
    pub account: AccountKey,
    pub hash: Vec<u8>,
    pub now: At,
    pub expires_at: At,
    pub extend_by: i64,
    pub address: String,
    pub user_agent: String,
}

const FAILURES: &str = "SELECT failures, last_failure_at FROM throttle WHERE counter = $1";

fn counted(row: Option<(i64, At)>) -> Option<Failures> {
    row.map(|(count, last_at)| Failures { count: u32::try_from(count).unwrap_or(u32::MAX), last_at })
}

pub async fn failures(tx: &mut ReadTx, counter: &str) -> Result<Option<Failures>, Error> {
    sql!(maybe tx, (i64, At), FAILURES, counter).map(counted)
}

/// Counts one more failure, in the store, so that two at once are two.
pub async fn count(tx: &mut Tx, counter: &str, limits: Limits, now: At) -> Result<(), Error> {
    let before = sql!(maybe tx, (i64, At), FAILURES, counter).map(counted)?;
    let after = limits.after_failure(before, now);
    sql!(exec tx,
        "INSERT INTO throttle (counter, failures, last_failure_at) VALUES ($1, $2, $3)
         ON CONFLICT (counter) DO UPDATE SET failures = excluded.failures, last_failure_at = excluded.last_failure_at",
        counter, i64::from(after.count), after.last_at)
    .map(drop)
}

pub async fn forget(tx: &mut Tx, counter: &str) -> Result<(), Error> {
    sql!(exec tx, "DELETE FROM throttle WHERE counter = $1", counter).map(drop)
}

/// Keeps the token and notes the sign-in; returns the account as it is now.
pub async fn insert_token(tx: &mut Tx, token: &NewToken) -> Result<AccountView, Error> {
    sql!(exec tx,
        "INSERT INTO token (key, account, hash, kind, created_at, expires_at, extend_by, proved_at, last_used_at,
            last_ip, last_user_agent)
         VALUES ($1, $2, $3, 'sign_in', $4, $5, $6, $4, $4, $7, $8)",
        token.key, token.account, token.hash.as_slice(), token.now, token.expires_at, token.extend_by,
        token.address.as_str(), token.user_agent.as_str())?;
    let changed = sql!(changed tx, AccountView,
        "UPDATE account SET last_sign_in_at = $2 WHERE key = $1 AND disabled = FALSE RETURNING id, kind, name, email,
            (password_hash IS NOT NULL) AS has_password, disabled, created_at, last_sign_in_at", token.account, token.now)?;
    changed.into_iter().next().ok_or(Error::Withdrawn(Refusal::Unknown))
}

pub async fn delete_token(tx: &mut Tx, key: TokenKey) -> Result<(), Error> {
    sql!(exec tx, "DELETE FROM token WHERE key = $1", key).map(drop)
}

pub async fn note_use(tx: &mut Tx, key: TokenKey, seen: &TokenUseNote) -> Result<(), Error> {
    sql!(exec tx,
        "UPDATE token SET last_used_at = $2, last_ip = $3, last_user_agent = $4,
            expires_at = COALESCE($5, expires_at) WHERE key = $1",
        key, seen.at, seen.address.to_string(), seen.user_agent.as_str(), seen.expires_at)
    .map(drop)
}

pub async fn delete_expired(tx: &mut Tx, now: At) -> Result<(), Error> {
    sql!(exec tx, "DELETE FROM token WHERE expires_at < $1", now).map(drop)
}
