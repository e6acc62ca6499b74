//! The SQL of the first start.

use crate::ground::access::AccountKey;
use crate::ground::clock::At;
use crate::ground::store::{Error, ReadTx, Tx};
use crate::sql;

/// `admin`'s key, and whether it has a password.
pub async fn admin(tx: &mut ReadTx) -> Result<Option<(AccountKey, bool)>, Error> {
    sql!(maybe tx, (AccountKey, bool),
        "SELECT key, (password_hash IS NOT NULL) AS has_password FROM account WHERE folded_id = 'admin'")
}

pub async fn insert_organization(tx: &mut Tx, now: At) -> Result<(), Error> {
    sql!(exec tx,
        "INSERT INTO organization (id, name, folded_name, default_role, public, created_at)
         VALUES ('default', 'Default', 'default', 'member', FALSE, $1)", now)
    .map(drop)
}

pub async fn insert_built_in(
    tx: &mut Tx,
    key: AccountKey,
    id: &str,
    name: &str,
    superadmin: bool,
    now: At,
) -> Result<(), Error> {
    sql!(exec tx,
        "INSERT INTO account (key, id, folded_id, kind, name, superadmin, built_in, created_at)
         VALUES ($1, $2, $2, 'person', $3, $4, TRUE, $5)", key, id, name, superadmin, now)
    .map(drop)
}

pub async fn make_admin(tx: &mut Tx, account: AccountKey, now: At) -> Result<(), Error> {
    sql!(exec tx,
        "INSERT INTO organization_member (organization, account, role, joined_at) VALUES ('default', $1, 'admin', $2)",
        account, now)
    .map(drop)
}

/// Gives `admin` its first password; `None` when it has one.
pub async fn claim(tx: &mut Tx, hash: &str) -> Result<Option<AccountKey>, Error> {
    let claimed = sql!(changed tx, (AccountKey,),
        "UPDATE account SET password_hash = $1 WHERE folded_id = 'admin' AND password_hash IS NULL RETURNING key", hash)?;
    Ok(claimed.into_iter().next().map(|(key,)| key))
}

pub async fn decide_superadmins(tx: &mut Tx, on: bool) -> Result<(), Error> {
    sql!(exec tx,
        "INSERT INTO setting (name, value) VALUES ('new_users_are_superadmins', $1)
         ON CONFLICT (name) DO UPDATE SET value = excluded.value", if on { "true" } else { "false" })
    .map(drop)
}
