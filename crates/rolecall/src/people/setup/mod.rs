//! The first start: the built-in accounts, the Default organization, and who takes the installation into possession.

pub mod console;
mod store;
#[cfg(test)]
mod tests;

use crate::app::App;
use crate::ground::access::{Account, AccountKey, Bearer, ClaimInstallation, Installation, Prepare, System};
use crate::ground::passwords::{BrokenRule, PasswordError, PasswordRules, Passwords};
use crate::ground::secret::Secret;
use crate::ground::store::{Error, Store};
use crate::transaction;
use serde::Deserialize;
use std::sync::atomic::Ordering;

/// The id of the built-in administrator (D8).
pub const ADMIN: &str = "admin";

/// Why the installation was not claimed.
#[derive(Debug, thiserror::Error)]
pub enum ClaimError {
    /// Somebody holds it already.
    #[error("this installation was set up already")]
    Taken,
    /// Not the code of the link.
    #[error("the set-up code is wrong")]
    WrongCode,
    /// The two passwords differ.
    #[error("the two passwords differ")]
    Differ,
    /// The password breaks rules.
    #[error("the password breaks a rule")]
    Password(Vec<BrokenRule>),
    /// Hashing failed.
    #[error(transparent)]
    Hash(#[from] PasswordError),
    /// The store failed.
    #[error(transparent)]
    Store(#[from] Error),
}

/// Makes what every installation has, where it isn't there yet: `admin`, `public`, the Default organization.
///
/// # Errors
/// The store's.
pub async fn prepare(store: &Store) -> Result<(), Error> {
    let proof = System::<Prepare>::on(&Installation);
    if is_prepared(store).await? {
        return Ok(());
    }
    let (admin, public) = (AccountKey(store.dice().uuid()), AccountKey(store.dice().uuid()));
    let now = store.clock().now();
    transaction!(store, &proof, |tx| {
        store::insert_organization(tx, now).await?;
        store::insert_built_in(tx, admin, ADMIN, "Administrator", true, now).await?;
        store::insert_built_in(tx, public, "public", "Whoever did not sign in", false, now).await?;
        store::make_admin(tx, admin, now).await
    })
}

/// Whether this store has been used before.
///
/// # Errors
/// The store's.
pub async fn is_prepared(store: &Store) -> Result<bool, Error> {
    let proof = System::<Prepare>::on(&Installation);
    Ok(store::admin(&mut store.read(&proof).await?).await?.is_some())
}

/// Whether `admin` has a password, so that somebody holds the installation.
///
/// # Errors
/// The store's.
pub async fn is_claimed(store: &Store) -> Result<bool, Error> {
    let proof = System::<Prepare>::on(&Installation);
    let admin = store::admin(&mut store.read(&proof).await?).await?;
    Ok(admin.is_some_and(|(_, has_password)| has_password))
}

/// Looks whether somebody took the installation into possession at another node.
///
/// # Errors
/// The store's.
pub async fn look_again(app: &App) -> Result<(), Error> {
    if !app.claimed.load(Ordering::Acquire) && is_claimed(&app.store).await? {
        app.claimed.store(true, Ordering::Release);
    }
    Ok(())
}

/// Sets `admin`'s password from the environment, where it has none yet.
///
/// # Errors
/// The store's, or hashing's.
pub async fn claim_from_environment(
    store: &Store,
    passwords: &Passwords,
    password: &Secret,
) -> Result<(), ClaimError> {
    if is_claimed(store).await? {
        return Ok(());
    }
    for rule in PasswordRules::default().check(password, ADMIN, None) {
        tracing::warn!("ROLECALL_ADMIN_PASSWORD was taken, but is weak: {rule}");
    }
    let hash = passwords.hash(password).await?;
    let proof = System::<Prepare>::on(&Installation);
    transaction!(store, &proof, |tx| store::claim(tx, &hash).await.map(drop))?;
    Ok(())
}

/// What the set-up page asks.
#[derive(Debug, Deserialize)]
pub struct Claim {
    /// The code of the printed link.
    pub code: Secret,
    /// The password for `admin`.
    pub password: Secret,
    /// The same once more.
    pub again: Secret,
    /// "All new users are SuperAdmins" (C4).
    #[serde(default)]
    pub new_users_are_superadmins: bool,
}

/// Takes the installation into possession, once.
///
/// # Errors
/// [`ClaimError`]; a second claim is refused, also one made at the same time.
pub async fn claim(
    app: &App,
    bearer: &Bearer<ClaimInstallation>,
    claim: &Claim,
) -> Result<Account, ClaimError> {
    if app.claimed.load(Ordering::Acquire) {
        return Err(ClaimError::Taken);
    }
    if app.setup_code.as_ref() != Some(&claim.code) {
        return Err(ClaimError::WrongCode);
    }
    if claim.password != claim.again {
        return Err(ClaimError::Differ);
    }
    let broken = PasswordRules::default().check(&claim.password, ADMIN, None);
    if !broken.is_empty() {
        return Err(ClaimError::Password(broken));
    }
    let hash = app.passwords.hash(&claim.password).await?;
    let proof = bearer.clone().known_as(ADMIN);
    let admin = transaction!(app.store, &proof, |tx| {
        let admin = store::claim(tx, &hash).await?.ok_or(ClaimError::Taken)?;
        store::decide_superadmins(tx, claim.new_users_are_superadmins).await?;
        Ok::<_, ClaimError>(admin)
    });
    if matches!(admin, Ok(_) | Err(ClaimError::Taken)) {
        app.claimed.store(true, Ordering::Release);
    }
    admin.map(|key| Account { key, id: ADMIN.to_owned() })
}
