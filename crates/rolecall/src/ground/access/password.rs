//! Proving a password, for every door alike: wrong tries count per account and per address, in the store.

use super::{Account, CountFailure, Installation, NoteUse, Resource, System, store};
use crate::app::App;
use crate::ground::clock::At;
use crate::ground::secret::Secret;
use crate::ground::store::{Error, Tx};
use crate::ground::throttle::{self, Failures, PER_ACCOUNT, PER_ADDRESS, Verdict};
use crate::transaction;
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
    let proof = System::<CountFailure>::on(&Installation);
    let mut tx = app.store.read(&proof).await?;
    let (of_account, of_address) =
        (store::failures(&mut tx, &counters.0).await?, store::failures(&mut tx, &counters.1).await?);
    must_not_wait(of_account, of_address, app.clock.now())?;
    let found = store::sign_in(&mut tx, &name).await?;
    drop(tx);
    let hash = found.as_ref().and_then(|(_, hash)| hash.as_deref());
    let is_right = app.passwords.verify(password, hash).await;
    match found {
        Some((account, _)) if is_right => {
            forgive(app, &counters).await?;
            Ok(account)
        }
        _ => {
            count_failure(app, &counters, address).await?;
            Err(NotProved::Wrong)
        }
    }
}

fn must_not_wait(
    of_account: Option<Failures>,
    of_address: Option<Failures>,
    now: At,
) -> Result<(), NotProved> {
    let verdict = PER_ACCOUNT.verdict(of_account, now).and(PER_ADDRESS.verdict(of_address, now));
    if verdict == Verdict::Go { Ok(()) } else { Err(NotProved::Wait(verdict.seconds())) }
}

/// Asks again where answers are settled one at a time: of many guesses sent at once, those beyond the limit tell
/// nothing, right or wrong.
async fn must_still_not_wait(tx: &mut Tx, counters: &(String, String), now: At) -> Result<(), NotProved> {
    let of_account = store::failures_now(tx, &counters.0).await?;
    must_not_wait(of_account, store::failures_now(tx, &counters.1).await?, now)
}

/// A transaction of its own: the refusal that follows rolls nothing back.
async fn count_failure(app: &App, counters: &(String, String), address: IpAddr) -> Result<(), NotProved> {
    let name = counters.0.trim_start_matches("account:");
    let proof = System::<CountFailure>::named(Resource::new("account", name));
    let now = app.clock.now();
    transaction!(app.store, &proof, |tx| {
        must_still_not_wait(tx, counters, now).await?;
        tx.asked_from(address);
        store::count(tx, &counters.0, PER_ACCOUNT, now).await?;
        Ok(store::count(tx, &counters.1, PER_ADDRESS, now).await?)
    })
}

/// A success clears the account's counter; the address's stays, or a guesser could clear it with an own account.
async fn forgive(app: &App, counters: &(String, String)) -> Result<(), NotProved> {
    let now = app.clock.now();
    transaction!(app.store, &System::<NoteUse>::on(&Installation), |tx| {
        must_still_not_wait(tx, counters, now).await?;
        Ok(store::forget(tx, &counters.0).await?)
    })
}
