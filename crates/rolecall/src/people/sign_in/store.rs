//! The SQL of signing in.

use crate::ground::access::{AccountKey, AccountView, Refusal, TokenKey, TokenUseNote};
use crate::ground::clock::At;
use crate::ground::store::{Error, Tx};
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
