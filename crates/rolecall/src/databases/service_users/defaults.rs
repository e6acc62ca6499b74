//! The users that come with a managed service: `tsdbadmin` (M4) or one with a random name (S2).

use super::store::{self, NewRow};
use super::types::{Intent, UserKey, next_password_place, password_place};
use crate::app::App;
use crate::databases::services::{Mode, Service, ServiceError};
use crate::ground::access::{FinishWork, Resource, System};
use crate::ground::jobs;
use crate::ground::store::Error;
use crate::transaction;
use engines::postgresql::{DefaultUser, DefaultUsers, Server, Verifier};

fn working(username: &str) -> System<FinishWork> {
    System::named(Resource::new("service_user", username))
}

/// The default users of a service, recorded before the server hears of them.
///
/// # Errors
/// [`ServiceError`].
pub async fn of(app: &App, service: &Service) -> Result<DefaultUsers, ServiceError> {
    if service.mode == Mode::Attached || service.default_user.is_empty() {
        return Ok(DefaultUsers::default());
    }
    let (key, verifier) = recorded(app, service).await?;
    let user = DefaultUser { name: service.default_user.clone(), verifier, id: key.to_string() };
    Ok(if service.default_user == "tsdbadmin" {
        DefaultUsers { admin: Some(user), protected: None }
    } else {
        DefaultUsers { admin: None, protected: Some(user) }
    })
}

/// Its key and verifier, from the store, made there if it is new.
async fn recorded(app: &App, service: &Service) -> Result<(UserKey, Verifier), ServiceError> {
    let username = &service.default_user;
    let proof = working(username);
    let found = store::find(&mut app.store.read(&proof).await?, service.key, username).await?;
    if let Some(row) = found {
        let text = row.next_verifier.as_deref().or(row.verifier.as_deref()).unwrap_or_default();
        let verifier = Verifier::parse(text)
            .ok_or(ServiceError::Store(Error::Driver("a verifier is damaged".into())))?;
        return Ok((row.key, verifier));
    }
    let password = app.dice.password();
    let verifier = Verifier::derive(&password)?;
    let key = UserKey(app.dice.uuid());
    let row = NewRow {
        key,
        service: service.key,
        username: username.clone(),
        read_only: false,
        replication: username == "tsdbadmin",
        protected: true,
        intent: Intent::Creating,
        next_password: app.vault.seal(&next_password_place(key), &password)?,
        next_verifier: verifier.text().to_owned(),
        created_by: service.created_by.clone(),
        now: app.clock.now(),
    };
    transaction!(app.store, &proof, |tx| {
        tx.on(Resource::new("service_user", format!("{}/{username}", service.name)));
        store::insert(tx, &row).await
    })?;
    Ok((key, verifier))
}

/// Records that the default user is there, once the server lets it in.
///
/// # Errors
/// [`ServiceError`].
pub async fn settle(app: &App, service: &Service, server: &Server) -> Result<(), ServiceError> {
    if service.default_user.is_empty() {
        return Ok(());
    }
    let proof = working(&service.default_user);
    let found = store::find(&mut app.store.read(&proof).await?, service.key, &service.default_user).await?;
    let Some(row) = found.filter(|row| row.intent == Intent::Creating) else { return Ok(()) };
    let password =
        app.vault.open(&next_password_place(row.key), row.next_password.as_deref().unwrap_or_default())?;
    let outcome = server.try_login(&row.username, &password, None).await;
    if outcome != engines::postgresql::LoginOutcome::Accepted {
        let why =
            format!("The server does not let its default user in ({outcome:?}); start the service again.");
        return Err(engines::EngineError::InUse(why).into());
    }
    let sealed = app.vault.seal(&password_place(row.key), &password)?;
    transaction!(app.store, &proof, |tx| {
        store::settled(tx, &row, Some(&sealed), app.clock.now()).await?;
        jobs::withdraw(tx, super::SETTLE, &row.key.to_string()).await
    })?;
    Ok(())
}
