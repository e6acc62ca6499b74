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
    Account, AccountView, Bearer, Credential, Installation, NotProved, NoteUse, Own, SignIn, SignOut, System,
    TokenKey, prove_password,
};
use crate::ground::clock::At;
use crate::ground::secret::Secret;
use crate::ground::store::Error;
use crate::transaction;
use sha2::{Digest as _, Sha256};

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

/// Signs in: proves the password and makes a sign-in token.
///
/// # Errors
/// [`NotProved`].
pub async fn sign_in(
    app: &App,
    bearer: &Bearer<SignIn>,
    typed: &str,
    password: &Secret,
    user_agent: &str,
) -> Result<Session, NotProved> {
    let account = prove_password(app, typed, password, bearer.from()).await?;
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
