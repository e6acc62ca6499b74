//! Service users: real logins on a service. List, create, reveal, change, adopt, delete (M7, S1–S6).
//!
//! Every change is recorded as an intent first, then made on the server, then proved there, then recorded as done;
//! `settle` makes it, for the request that asked and for the job that finishes what a crash left open.

pub mod api;
pub mod cli;
pub mod console;
pub mod defaults;
mod list;
mod settle;
mod store;
#[cfg(test)]
mod tests;
mod types;

pub use list::{SORTS, deletion_preview, list, show};
pub use settle::{SETTLE, resume, settle};
pub use types::{DeletionView, Intent, NewServiceUser, Revealed, UserError, UserKey, UserView, WithPassword};

use super::services::{self, Mode, Service};
use crate::app::App;
use crate::ground::access::{
    Action, AdoptServiceUser, Allowed, ChangePassword, ChangeReplication, CreateServiceUser,
    DeleteServiceUser, Project, RevealPassword, RevealSuperuser,
};
use crate::ground::jobs;
use crate::ground::secret::Secret;
use crate::ground::store::{Error, Tx};
use crate::transaction;
use engines::EngineError;
use engines::postgresql::{LoginOutcome, Verifier, check_password, check_username};
use serde_json::json;
use std::time::Duration;
use store::{NewRow, Row};
use types::{next_password_place, resource};

/// When a job looks after an intent whose request has not come back.
const LATE: Duration = Duration::from_mins(1);

/// Makes a service user. The password is in the answer only if it was generated.
///
/// # Errors
/// [`UserError`]; then there is no such login, or a job sees to it that there soon is none.
pub async fn create(
    app: &App,
    allowed: &Allowed<CreateServiceUser>,
    service: &str,
    new: &NewServiceUser,
) -> Result<WithPassword, UserError> {
    let name = check_username(&new.username).map_err(UserError::Username)?;
    if new.read_only && new.replication {
        return Err(UserError::ReadOnlyReplication);
    }
    let (password, generated) = chosen(app, new.password.as_ref())?;
    let service = services::find_running(app, allowed, service).await?;
    let verifier = derive(&password).await?;
    let key = UserKey(app.dice.uuid());
    let row = NewRow {
        key,
        service: service.key,
        username: name.as_str().to_owned(),
        read_only: new.read_only,
        replication: new.replication,
        protected: false,
        intent: Intent::Creating,
        next_password: app.vault.seal(&next_password_place(key), &password)?,
        next_verifier: verifier.text().to_owned(),
        created_by: allowed.actor().standing().account.id.clone(),
        now: app.clock.now(),
    };
    let turn = services::turn(app, &service).await?;
    settle::leftover(app, &service, name.as_str()).await?;
    transaction!(app.store, allowed, |tx| {
        tx.on(resource(allowed.project(), &service.name, name.as_str()));
        tx.after(
            json!({ "username": name.as_str(), "read_only": new.read_only, "replication": new.replication }),
        );
        match store::insert(tx, &row).await {
            Err(Error::Taken) => return Err(UserError::Taken),
            other => other?,
        }
        promise(app, tx, key).await
    })?;
    settle::now(app, turn, &service, key).await.map_err(taken)?;
    let user = show_changed(app, &service, name.as_str()).await?;
    Ok(WithPassword { user, password: generated.then_some(password) })
}

/// A role that was on the server before is as much in the way as a user of ours.
fn taken(error: UserError) -> UserError {
    match error {
        UserError::Engine(EngineError::AlreadyExists { .. }) => UserError::Taken,
        other => other,
    }
}

/// The password that was typed, checked by the rules of S3; or a generated one, and that it was.
fn chosen(app: &App, typed: Option<&Secret>) -> Result<(Secret, bool), UserError> {
    match typed.filter(|password| !password.is_empty()) {
        Some(password) => {
            check_password(password.expose()).map_err(UserError::Password)?;
            Ok((password.clone(), false))
        }
        None => Ok((app.dice.password(), true)),
    }
}

/// Key derivation takes milliseconds: not on the threads that answer requests.
async fn derive(password: &Secret) -> Result<Verifier, UserError> {
    let password = password.clone();
    let derived = tokio::task::spawn_blocking(move || Verifier::derive(&password)).await;
    Ok(derived.map_err(|error| EngineError::Internal(error.to_string()))??)
}

/// Writes, beside an intent, the job that finishes it should this process not come back.
async fn promise(app: &App, tx: &mut Tx, key: UserKey) -> Result<(), UserError> {
    let now = app.clock.now();
    Ok(jobs::enqueue(tx, app.dice.uuid(), SETTLE, &key.to_string(), now.plus(LATE), now).await?)
}

/// Sets a password, or generates one (S5). Open sessions go on; new ones need the new password.
///
/// # Errors
/// [`UserError`].
pub async fn set_password(
    app: &App,
    allowed: &Allowed<ChangePassword>,
    service: &str,
    username: &str,
    typed: Option<&Secret>,
) -> Result<WithPassword, UserError> {
    let (password, generated) = chosen(app, typed)?;
    let service = services::find_running(app, allowed, service).await?;
    refuse_own_login(&service, username)?;
    let verifier = derive(&password).await?;
    let turn = services::turn(app, &service).await?;
    settle::leftover(app, &service, username).await?;
    let row = must_know(app, allowed, &service, username).await?;
    let sealed = app.vault.seal(&next_password_place(row.key), &password)?;
    transaction!(app.store, allowed, |tx| {
        tx.on(resource(allowed.project(), &service.name, username));
        let changed = store::intend_password(tx, row.key, &sealed, verifier.text()).await?;
        if changed { promise(app, tx, row.key).await } else { Err(UserError::Busy) }
    })?;
    settle::now(app, turn, &service, row.key).await?;
    let user = show_changed(app, &service, username).await?;
    Ok(WithPassword { user, password: generated.then_some(password) })
}

/// Allows or ends replication (M7).
///
/// # Errors
/// [`UserError::ReadOnlyReplication`]: replication reads everything, password hashes too.
pub async fn set_replication(
    app: &App,
    allowed: &Allowed<ChangeReplication>,
    service: &str,
    username: &str,
    replication: bool,
) -> Result<UserView, UserError> {
    let service = services::find_running(app, allowed, service).await?;
    refuse_own_login(&service, username)?;
    let turn = services::turn(app, &service).await?;
    settle::leftover(app, &service, username).await?;
    let row = must_know(app, allowed, &service, username).await?;
    if row.protected {
        return Err(UserError::Protected);
    }
    if row.read_only && replication {
        return Err(UserError::ReadOnlyReplication);
    }
    transaction!(app.store, allowed, |tx| {
        tx.on(resource(allowed.project(), &service.name, username));
        tx.before(json!({ "replication": row.replication })).after(json!({ "replication": replication }));
        let changed = store::intend_replication(tx, row.key, replication).await?;
        if changed { promise(app, tx, row.key).await } else { Err(UserError::Busy) }
    })?;
    settle::now(app, turn, &service, row.key).await?;
    show_changed(app, &service, username).await
}

/// Deletes a service user: its sessions end, what it owned goes to `rolecall_former`, and its login is refused (S6).
///
/// # Errors
/// [`UserError::Protected`] for the users that came with the service.
pub async fn delete(
    app: &App,
    allowed: &Allowed<DeleteServiceUser>,
    service: &str,
    username: &str,
) -> Result<(), UserError> {
    let service = services::find_running(app, allowed, service).await?;
    refuse_own_login(&service, username)?;
    let turn = services::turn(app, &service).await?;
    let row = find_row(app, allowed, &service, username).await?;
    if row.as_ref().is_some_and(|row| row.protected) {
        return Err(UserError::Protected);
    }
    let on_server = services::server(app, &service).await?.user(username).await?;
    if on_server.as_ref().is_some_and(|user| user.superuser) {
        return Err(UserError::Protected);
    }
    // A role that cannot sign in is nobody's user, unless it is one of ours whose deletion was cut short.
    if row.is_none() && on_server.is_none_or(|user| !user.can_login) {
        return Err(UserError::Unknown);
    }
    let key = row.as_ref().map_or_else(|| UserKey(app.dice.uuid()), |row| row.key);
    let creator = &allowed.actor().standing().account.id;
    transaction!(app.store, allowed, |tx| {
        tx.on(resource(allowed.project(), &service.name, username));
        tx.before(json!({ "username": username }));
        match row.as_ref().map(|row| row.intent) {
            None => {
                let now = app.clock.now();
                store::insert_found(tx, key, service.key, username, Intent::Removing, creator, now).await?;
            }
            // What was never finished may not be ours on the server, which is looked at first.
            Some(Intent::Creating) => store::intend(tx, key, Intent::Undoing).await?,
            Some(Intent::Undoing | Intent::Removing) => {}
            Some(_) => store::intend(tx, key, Intent::Deleting).await?,
        }
        promise(app, tx, key).await
    })?;
    settle::now(app, turn, &service, key).await
}

/// Takes over a login that was made behind our back: its rights stay as they are; from now on it is ours to change.
///
/// # Errors
/// [`UserError`].
pub async fn adopt(
    app: &App,
    allowed: &Allowed<AdoptServiceUser>,
    service: &str,
    username: &str,
) -> Result<UserView, UserError> {
    let service = services::find_running(app, allowed, service).await?;
    refuse_own_login(&service, username)?;
    let turn = services::turn(app, &service).await?;
    settle::leftover(app, &service, username).await?;
    if find_row(app, allowed, &service, username).await?.is_some() {
        return Err(UserError::Managed);
    }
    let server = services::server(app, &service).await?;
    let found = server.user(username).await?.filter(|user| user.can_login).ok_or(UserError::Unknown)?;
    if found.superuser {
        return Err(UserError::Protected);
    }
    let key = UserKey(app.dice.uuid());
    let creator = &allowed.actor().standing().account.id;
    transaction!(app.store, allowed, |tx| {
        tx.on(resource(allowed.project(), &service.name, username));
        tx.after(
            json!({ "adopted": username, "read_only": found.read_only, "replication": found.replication }),
        );
        match store::insert_found(tx, key, service.key, username, Intent::Adopting, creator, app.clock.now())
            .await
        {
            Err(Error::Taken) => return Err(UserError::Managed),
            other => other?,
        }
        promise(app, tx, key).await
    })?;
    settle::now(app, turn, &service, key).await?;
    show_changed(app, &service, username).await
}

/// Reads a password (the eye), which is recorded. There is none where the server holds another one than ours.
///
/// # Errors
/// [`UserError`]; a superuser's needs more than anybody else's.
pub async fn reveal(
    app: &App,
    allowed: &Allowed<RevealPassword>,
    service: &str,
    username: &str,
) -> Result<Revealed, UserError> {
    let service = services::find_running(app, allowed, service).await?;
    if service.mode == Mode::Managed && username == service.admin_username {
        let allowed: Allowed<RevealSuperuser> = allowed.also().map_err(Error::Withdrawn)?;
        return reveal_superuser(app, &allowed, &service).await;
    }
    let row = find_row(app, allowed, &service, username).await?;
    let server = services::server(app, &service).await?;
    if server.user(username).await?.is_none_or(|user| !user.can_login) {
        return Err(UserError::Unknown);
    }
    let known = row.as_ref().map(Row::passwords).unwrap_or_default();
    if known.is_empty() {
        return Ok(Revealed::unknown("Rolecall does not know this password; set a new one to know it."));
    }
    // The newer one first: a change that was cut short may have reached the server.
    for (sealed, verifier, place) in known {
        let verifier = Verifier::parse(verifier).ok_or(UserError::Busy)?;
        let password = app.vault.open(&place, sealed)?;
        let is_held = match server.holds(username, &verifier).await? {
            Some(is_held) => is_held,
            None => server.try_login(username, &password, None).await != LoginOutcome::Refused,
        };
        if is_held {
            record_reveal(app, allowed, &service, username).await?;
            return Ok(Revealed { password: Some(password), hint: None });
        }
    }
    Ok(Revealed::unknown("The server holds another password than Rolecall; set a new one."))
}

/// The superuser's needs more than anybody else's.
async fn reveal_superuser(
    app: &App,
    allowed: &Allowed<RevealSuperuser>,
    service: &Service,
) -> Result<Revealed, UserError> {
    let username = &service.admin_username;
    let sealed = service.admin_password.as_deref().unwrap_or_default();
    let password = app.vault.open(&services::password_place(service.key), sealed)?;
    let server = services::server(app, service).await?;
    if server.try_login(username, &password, None).await == LoginOutcome::Refused {
        return Ok(Revealed::unknown(
            "The server holds another password for Rolecall's own login, so Rolecall cannot look after it; set it back there.",
        ));
    }
    record_reveal(app, allowed, service, username).await?;
    Ok(Revealed { password: Some(password), hint: None })
}

/// What cannot be recorded is not revealed.
async fn record_reveal<A: Action<On = Project>>(
    app: &App,
    allowed: &Allowed<A>,
    service: &Service,
    username: &str,
) -> Result<(), UserError> {
    transaction!(app.store, allowed, |tx| {
        tx.on(resource(allowed.project(), &service.name, username));
        Ok::<_, UserError>(())
    })
}

/// Rolecall's own way into a server is not changed through the list of its users.
fn refuse_own_login(service: &Service, username: &str) -> Result<(), UserError> {
    if username == service.admin_username { Err(UserError::OwnLogin) } else { Ok(()) }
}

async fn find_row<A: Action<On = Project>>(
    app: &App,
    allowed: &Allowed<A>,
    service: &Service,
    username: &str,
) -> Result<Option<Row>, UserError> {
    let mut tx = app.store.read(allowed).await?;
    Ok(store::find(&mut tx, service.key, username).await?)
}

/// The row of a managed user; one that is on the server only has to be adopted first.
async fn must_know<A: Action<On = Project>>(
    app: &App,
    allowed: &Allowed<A>,
    service: &Service,
    username: &str,
) -> Result<Row, UserError> {
    if let Some(row) = find_row(app, allowed, service, username).await? {
        return Ok(row);
    }
    match services::server(app, service).await?.user(username).await? {
        Some(user) if user.can_login => Err(UserError::Unmanaged),
        _ => Err(UserError::Unknown),
    }
}

/// The user as the server tells it after a change.
async fn show_changed(app: &App, service: &Service, username: &str) -> Result<UserView, UserError> {
    list::view(app, service, username).await
}
