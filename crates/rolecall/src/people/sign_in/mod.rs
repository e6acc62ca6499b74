//! Signing in by password, the sign-in token that it makes, and signing out (M9, D13).

pub mod api;
pub mod cli;
pub mod console;
mod store;
#[cfg(test)]
mod tests;
mod token;

pub use token::{LIFETIME, make_token, well_formed};

use crate::app::App;
use crate::ground::access::{
    self, Account, AccountView, Bearer, CountFailure, Credential, Installation, NoteUse, Own, SignIn,
    SignOut, System, TokenKey,
};
use crate::ground::clock::At;
use crate::ground::secret::Secret;
use crate::ground::store::Error;
use crate::ground::throttle::{self, PER_ACCOUNT, PER_ADDRESS, Verdict};
use crate::transaction;
use sha2::{Digest as _, Sha256};
use std::net::IpAddr;

/// Why nobody was signed in.
#[derive(Debug, thiserror::Error)]
pub enum SignInError {
    /// No such account, or not its password: which of the two is not told.
    #[error("the account or the password is wrong")]
    Wrong,
    /// Too many failures before this try.
    #[error("too many failed attempts; wait {0} seconds")]
    Wait(u64),
    /// The store failed.
    #[error(transparent)]
    Store(#[from] Error),
}

/// A session that has begun.
#[derive(Debug)]
pub struct Session {
    /// The token, shown this once.
    pub token: Secret,
    /// Its key, safe to show.
    pub key: TokenKey,
    /// When it ends unless it is used.
    pub expires_at: At,
    /// Who signed in.
    pub view: AccountView,
}

/// Checks account and password, by whatever door they came; failures count for all doors alike.
///
/// # Errors
/// [`SignInError`].
pub async fn prove(
    app: &App,
    typed: &str,
    password: &Secret,
    address: IpAddr,
) -> Result<Account, SignInError> {
    let name = throttle::account_key(typed);
    let counters = (format!("account:{name}"), format!("address:{}", throttle::address_key(address)));
    let now = app.clock.now();
    let proof = System::<CountFailure>::on(&Installation);
    let mut tx = app.store.read(&proof).await?;
    let verdict = PER_ACCOUNT
        .verdict(store::failures(&mut tx, &counters.0).await?, now)
        .and(PER_ADDRESS.verdict(store::failures(&mut tx, &counters.1).await?, now));
    if let Verdict::Wait(_) = verdict {
        return Err(SignInError::Wait(verdict.seconds()));
    }
    let found = access::store::sign_in(&mut tx, &name).await?;
    drop(tx);
    let hash = found.as_ref().and_then(|(_, hash)| hash.as_deref());
    let is_right = app.passwords.verify(password, hash).await;
    match found {
        Some((account, _)) if is_right => {
            forgive(app, &counters.0).await?;
            Ok(account)
        }
        _ => {
            count_failure(app, &counters, now).await?;
            Err(SignInError::Wrong)
        }
    }
}

/// A transaction of its own: the refusal that follows rolls nothing back.
async fn count_failure(app: &App, counters: &(String, String), now: At) -> Result<(), Error> {
    let proof = System::<CountFailure>::named(access::Resource::new(
        "account",
        counters.0.trim_start_matches("account:"),
    ));
    transaction!(app.store, &proof, |tx| {
        store::count(tx, &counters.0, PER_ACCOUNT, now).await?;
        store::count(tx, &counters.1, PER_ADDRESS, now).await
    })
}

/// A success clears the account's counter; the address's stays, or a guesser could clear it with an own account.
async fn forgive(app: &App, counter: &str) -> Result<(), Error> {
    let proof = System::<NoteUse>::on(&Installation);
    if store::failures(&mut app.store.read(&proof).await?, counter).await?.is_none() {
        return Ok(());
    }
    transaction!(app.store, &proof, |tx| store::forget(tx, counter).await)
}

/// Signs in: proves the password and makes a sign-in token.
///
/// # Errors
/// [`SignInError`].
pub async fn sign_in(
    app: &App,
    bearer: &Bearer<SignIn>,
    typed: &str,
    password: &Secret,
    user_agent: &str,
) -> Result<Session, SignInError> {
    let account = prove(app, typed, password, bearer.from()).await?;
    Ok(begin(app, bearer, account, user_agent).await?)
}

/// Begins a session for an account that has proved who it is.
///
/// # Errors
/// The store's.
pub async fn begin(
    app: &App,
    bearer: &Bearer<SignIn>,
    account: Account,
    user_agent: &str,
) -> Result<Session, Error> {
    let token = make_token(&app.dice);
    let now = app.clock.now();
    let key = TokenKey(app.dice.uuid());
    let new = store::NewToken {
        key,
        account: account.key,
        hash: Sha256::digest(token.expose().as_bytes()).to_vec(),
        now,
        expires_at: now.plus(LIFETIME),
        extend_by: i64::try_from(LIFETIME.as_millis()).unwrap_or(i64::MAX),
        address: bearer.from().to_string(),
        user_agent: user_agent.chars().take(200).collect(),
    };
    let proof = bearer.clone().known_as(&account.id);
    let view = transaction!(app.store, &proof, |tx| store::insert_token(tx, &new).await)?;
    Ok(Session { token, key, expires_at: new.expires_at, view })
}

/// Signs out: the token used is revoked, and refused on the very next request.
///
/// # Errors
/// The store's.
pub async fn sign_out(app: &App, own: &Own<SignOut>) -> Result<(), Error> {
    let Credential::Token(token) = own.actor().credential() else { return Ok(()) };
    transaction!(app.store, own, |tx| store::delete_token(tx, token.key).await)
}

/// Writes down, in one transaction, when tokens were used since the last call; and drops those whose time is over.
///
/// # Errors
/// The store's; then these uses are lost, never more.
pub async fn write_uses(app: &App) -> Result<(), Error> {
    let uses = app.gate.take_uses();
    if uses.is_empty() {
        return Ok(());
    }
    transaction!(app.store, &System::<NoteUse>::on(&Installation), |tx| {
        for (key, seen) in &uses {
            store::note_use(tx, *key, seen).await?;
        }
        store::delete_expired(tx, app.clock.now()).await
    })
}
