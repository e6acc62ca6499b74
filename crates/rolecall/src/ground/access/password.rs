//! Proving a password, for every door alike: wrong tries count per account and per address, in the store.

use super::{Account, CountFailure, Installation, NoteUse, Resource, System, store};
use crate::app::App;
use crate::ground::secret::Secret;
use crate::ground::store::Error;
use crate::ground::throttle::{self, PER_ACCOUNT, PER_ADDRESS, Verdict};
use crate::transaction;
use serde_json::json;
use std::net::IpAddr;

/// Why a password proved nothing.
#[derive(Debug, thiserror::Error)]
pub enum NotProved {
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

/// Checks account and password, by whatever door they came; failures count for all doors alike.
///
/// # Errors
/// [`NotProved`].
pub async fn prove_password(
    app: &App,
    typed: &str,
    password: &Secret,
    address: IpAddr,
) -> Result<Account, NotProved> {
    let name = throttle::account_key(typed);
    let counters = (format!("account:{name}"), format!("address:{}", throttle::address_key(address)));
    must_not_wait(app, &counters).await?;
    let proof = System::<CountFailure>::on(&Installation);
    let found = store::sign_in(&mut app.store.read(&proof).await?, &name).await?;
    let hash = found.as_ref().and_then(|(_, hash)| hash.as_deref());
    let is_right = app.passwords.verify(password, hash).await;
    // Of many guesses sent at once, those that come after the limit tell nothing, right or wrong.
    must_not_wait(app, &counters).await?;
    match found {
        Some((account, _)) if is_right => {
            forgive(app, &counters.0).await?;
            Ok(account)
        }
        _ => {
            count_failure(app, &counters, address).await?;
            Err(NotProved::Wrong)
        }
    }
}

async fn must_not_wait(app: &App, counters: &(String, String)) -> Result<(), NotProved> {
    let now = app.clock.now();
    let mut tx = app.store.read(&System::<CountFailure>::on(&Installation)).await?;
    let verdict = PER_ACCOUNT
        .verdict(store::failures(&mut tx, &counters.0).await?, now)
        .and(PER_ADDRESS.verdict(store::failures(&mut tx, &counters.1).await?, now));
    if verdict == Verdict::Go { Ok(()) } else { Err(NotProved::Wait(verdict.seconds())) }
}

/// A transaction of its own: the refusal that follows rolls nothing back.
async fn count_failure(app: &App, counters: &(String, String), address: IpAddr) -> Result<(), Error> {
    let name = counters.0.trim_start_matches("account:");
    let proof = System::<CountFailure>::named(Resource::new("account", name));
    let now = app.clock.now();
    transaction!(app.store, &proof, |tx| {
        tx.after(json!({ "address": address }));
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
