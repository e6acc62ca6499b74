//! The work behind a change to a service user: made on the server, proved there, and recorded as done.
//!
//! Repeatable from wherever it stopped. The request that asked runs it at once; should its process die, the job does.

use super::store::{self, Row};
use super::types::{Intent, UserError, UserKey, next_password_place, password_place};
use crate::app::App;
use crate::databases::services::{self, Service, ServiceError};
use crate::ground::access::{FinishWork, Resource, System};
use crate::ground::jobs::{self, Job, Outcome};
use crate::ground::secret::Secret;
use crate::ground::store::Error;
use crate::transaction;
use engines::EngineError;
use engines::postgresql::{Access, LoginOutcome, NewUser, Server, Verifier};
use std::time::Duration;

/// The job that finishes a change.
pub const SETTLE: &str = "service_user.settle";

/// Does the job.
pub async fn settle(app: App, job: Job) -> Outcome {
    let Ok(key) = job.subject.parse::<UserKey>() else { return Outcome::Done };
    match settle_job(&app, key).await {
        Ok(()) => Outcome::Done,
        Err(error) => Outcome::Failed(error.to_string()),
    }
}

async fn settle_job(app: &App, key: UserKey) -> Result<(), UserError> {
    let Some(row) = look(app, key).await? else { return Ok(()) };
    let proof = working(&row.username);
    let Some(service) = services::look(app, &proof, row.service).await? else { return Ok(()) };
    if service.state != services::State::Running {
        let not_running = ServiceError::NotRunning { name: service.name, state: service.state };
        return Err(not_running.into());
    }
    let _turn = app.fleet.turn(service.key).await;
    carry_out(app, &service, key).await
}

/// Runs the change for the request that asked for it; what fails for good is taken back.
pub(super) async fn now(app: &App, service: &Service, key: UserKey) -> Result<(), UserError> {
    let _turn = app.fleet.turn(service.key).await;
    let Err(error) = carry_out(app, service, key).await else { return Ok(()) };
    take_back(app, service, key, &error).await?;
    Err(error)
}

async fn look(app: &App, key: UserKey) -> Result<Option<Row>, Error> {
    let proof = working("");
    store::look(&mut app.store.read(&proof).await?, key).await
}

fn working(username: &str) -> System<FinishWork> {
    System::named(Resource::new("service_user", username))
}

async fn carry_out(app: &App, service: &Service, key: UserKey) -> Result<(), UserError> {
    let Some(row) = look(app, key).await? else { return Ok(()) };
    let server = services::server(app, service).await?;
    match row.intent {
        Intent::Kept => finish(app, &row, &Done::Nothing).await,
        Intent::Creating => create(app, &server, &row).await,
        Intent::Changing => change(app, &server, &row).await,
        Intent::Adopting => adopt(app, &server, &row).await,
        Intent::Deleting => delete(app, &server, &row).await,
    }
}

async fn create(app: &App, server: &Server, row: &Row) -> Result<(), UserError> {
    let (password, verifier) = next(app, row)?;
    let new = NewUser {
        name: row.username.clone(),
        verifier,
        access: if row.read_only { Access::ReadOnly } else { Access::ReadWrite },
        replication: row.replication,
        id: row.key.to_string(),
    };
    server.create_user(&new).await?;
    prove(server, row, &password).await?;
    keep_password(app, row, &password).await
}

async fn change(app: &App, server: &Server, row: &Row) -> Result<(), UserError> {
    if let Some(replication) = row.next_replication {
        server.set_replication(&row.username, replication).await?;
    }
    if row.next_password.is_none() {
        return finish(app, row, &Done::Changed).await;
    }
    let (password, verifier) = next(app, row)?;
    server.set_verifier(&row.username, &verifier).await?;
    prove(server, row, &password).await?;
    keep_password(app, row, &password).await
}

async fn adopt(app: &App, server: &Server, row: &Row) -> Result<(), UserError> {
    server.adopt(&row.username, &row.key.to_string()).await?;
    let user = server.user(&row.username).await?.ok_or(UserError::Unknown)?;
    finish(app, row, &Done::Adopted { read_only: user.read_only, replication: user.replication }).await
}

async fn delete(app: &App, server: &Server, row: &Row) -> Result<(), UserError> {
    server.delete_user(&row.username).await?;
    let known =
        row.password.as_deref().map(|sealed| app.vault.open(&password_place(row.key), sealed)).transpose()?;
    // Without its password the refusal of any password still shows that the name is gone.
    let password = known.unwrap_or_else(|| app.dice.password());
    if let LoginOutcome::Accepted = server.try_login(&row.username, &password, None).await {
        return Err(UserError::Unproved("the login is still let in".to_owned()));
    }
    finish(app, row, &Done::Deleted).await
}

/// The password and verifier that the server is to hear of.
fn next(app: &App, row: &Row) -> Result<(Secret, Verifier), UserError> {
    let sealed = row.next_password.as_deref().unwrap_or_default();
    let password = app.vault.open(&next_password_place(row.key), sealed)?;
    let verifier = row.next_verifier.as_deref().and_then(Verifier::parse);
    Ok((password, verifier.ok_or_else(|| EngineError::Internal("a verifier was not kept".to_owned()))?))
}

/// What we say about a login is what the server does: it is let in.
async fn prove(server: &Server, row: &Row, password: &Secret) -> Result<(), UserError> {
    match server.try_login(&row.username, password, None).await {
        LoginOutcome::Accepted => Ok(()),
        LoginOutcome::Refused => Err(UserError::Unproved("the server refuses the new password".to_owned())),
        LoginOutcome::Unknown(reason) => Err(EngineError::Unreachable(reason).into()),
    }
}

async fn keep_password(app: &App, row: &Row, password: &Secret) -> Result<(), UserError> {
    let sealed = app.vault.seal(&password_place(row.key), password)?;
    finish(app, row, &Done::Password(sealed)).await
}

/// What a change came to.
enum Done {
    Nothing,
    Changed,
    Password(Vec<u8>),
    Adopted { read_only: bool, replication: bool },
    Deleted,
}

/// Records the outcome and withdraws the job, in one transaction. The act itself was recorded with its intent.
async fn finish(app: &App, row: &Row, done: &Done) -> Result<(), UserError> {
    let now = app.clock.now();
    transaction!(app.store, &working(&row.username), |tx| {
        match done {
            Done::Nothing => {}
            Done::Changed => store::settled(tx, row.key, None, now).await?,
            Done::Password(sealed) => store::settled(tx, row.key, Some(sealed), now).await?,
            Done::Adopted { read_only, replication } => {
                store::adopted(tx, row.key, *read_only, *replication).await?
            }
            Done::Deleted => store::delete(tx, row.key).await?,
        }
        Ok(jobs::withdraw(tx, SETTLE, &row.key.to_string()).await?)
    })
}

/// After a failure: what surely did not happen is forgotten; what may have happened is put right by the job.
async fn take_back(app: &App, service: &Service, key: UserKey, error: &UserError) -> Result<(), UserError> {
    let Some(row) = look(app, key).await? else { return Ok(()) };
    let is_uncertain = match error {
        UserError::Engine(error) => error.is_passing(),
        UserError::Unproved(_) => true,
        _ => false,
    };
    let now = app.clock.now();
    let subject = key.to_string();
    tracing::warn!(service = service.name, username = row.username, intent = %row.intent, %error, "a change to a service user failed");
    transaction!(app.store, &working(&row.username), |tx| {
        tx.on(Resource::new("service_user", format!("{}/{}", service.name, row.username)))
            .after(serde_json::json!({ "failed": row.intent }));
        match (row.intent, is_uncertain) {
            (Intent::Creating, false) => store::delete(tx, key).await?,
            (Intent::Creating, true) => store::intend_deletion(tx, key).await?,
            (Intent::Adopting, _) => store::delete(tx, key).await?,
            (Intent::Changing, false) => store::give_up(tx, key).await?,
            (Intent::Deleting, false) => store::give_up(tx, key).await?,
            (Intent::Changing | Intent::Deleting, true) | (Intent::Kept, _) => {}
        }
        if is_uncertain {
            return jobs::enqueue(
                tx,
                app.dice.uuid(),
                SETTLE,
                &subject,
                now.plus(Duration::from_secs(2)),
                now,
            )
            .await;
        }
        jobs::withdraw(tx, SETTLE, &subject).await
    })?;
    Ok(())
}
