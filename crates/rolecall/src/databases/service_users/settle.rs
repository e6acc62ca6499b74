//! The work behind a change to a service user: made on the server, proved there, and recorded as done.
//!
//! Repeatable from wherever it stopped. The request that asked runs it at once; should its process die, the job does.
//! Whoever runs it holds the service's turn, from before the intent is written until its outcome is.

use super::store::{self, Row};
use super::types::{Intent, UserError, UserKey, next_password_place, password_place};
use crate::app::App;
use crate::databases::services::{self, Mode, Service, ServiceError, ServiceKey, State, Turn};
use crate::ground::access::{FinishWork, Installation, Resource, System};
use crate::ground::faults;
use crate::ground::jobs::{self, Job, Outcome};
use crate::ground::secret::Secret;
use crate::ground::store::Error;
use crate::transaction;
use engines::EngineError;
use engines::postgresql::{Access, LoginOutcome, NewUser, Server, Verifier};
use std::time::Duration;
use tracing::Instrument as _;

/// The job that finishes a change.
pub const SETTLE: &str = "service_user.settle";

/// When a job tries again what a request could not finish.
const SOON: Duration = Duration::from_secs(2);

/// Does the job.
pub async fn settle(app: App, job: Job) -> Outcome {
    let Ok(key) = job.subject.parse::<UserKey>() else { return Outcome::Done };
    match settle_job(&app, key).await {
        Ok(()) => Outcome::Done,
        Err(error) => match look(&app, key).await {
            // What cannot be done was taken back: there is nothing left to try.
            Ok(row) if row.as_ref().is_none_or(|row| row.intent == Intent::Kept) => Outcome::Done,
            _ => Outcome::Failed(error.to_string()),
        },
    }
}

async fn settle_job(app: &App, key: UserKey) -> Result<(), UserError> {
    let Some(row) = look(app, key).await? else { return Ok(()) };
    let proof = working(&row.username);
    let Some(service) = services::look(app, &proof, row.service).await? else { return Ok(()) };
    let may_answer = service.state == State::Running
        || (service.mode, service.state) == (Mode::Attached, State::Unreachable);
    if !may_answer {
        return Err(ServiceError::NotRunning { name: service.name, state: service.state }.into());
    }
    let _turn = services::turn(app, &service).await?;
    attempt(app, &service, key, Told::Nobody).await
}

/// Has the jobs of a service's unfinished changes run now: it is back.
///
/// # Errors
/// The store's.
pub async fn resume(app: &App, service: ServiceKey) -> Result<(), Error> {
    let proof = System::<FinishWork>::on(&Installation);
    let unfinished = store::unfinished(&mut app.store.read(&proof).await?, service).await?;
    if unfinished.is_empty() {
        return Ok(());
    }
    let now = app.clock.now();
    transaction!(app.store, &proof, |tx| {
        for key in &unfinished {
            jobs::enqueue(tx, app.dice.uuid(), SETTLE, &key.to_string(), now, now).await?;
        }
        Ok(())
    })
}

/// Runs the change for the request that asked for it; what fails for good is taken back. It goes on to its end even
/// if nobody waits for the answer any more.
pub(super) async fn now(app: &App, turn: Turn, service: &Service, key: UserKey) -> Result<(), UserError> {
    let (app, service) = (app.clone(), service.clone());
    let work = async move {
        let _turn = turn;
        let done = attempt(&app, &service, key, Told::TheCaller).await;
        if done.is_err() {
            hasten(&app, key).await;
        }
        done
    };
    let done = tokio::spawn(work.in_current_span()).await;
    done.map_err(|error| EngineError::Internal(error.to_string()))?
}

/// Finishes what an earlier change to a user has left open, so that another one can begin.
pub(super) async fn leftover(app: &App, service: &Service, username: &str) -> Result<(), UserError> {
    let proof = working(username);
    let row = store::find(&mut app.store.read(&proof).await?, service.key, username).await?;
    match row.filter(|row| row.intent != Intent::Kept) {
        Some(row) => attempt(app, service, row.key, Told::Nobody).await,
        None => Ok(()),
    }
}

/// Whether somebody was told that the change failed, so that it must not happen later after all.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Told {
    TheCaller,
    Nobody,
}

async fn attempt(app: &App, service: &Service, key: UserKey, told: Told) -> Result<(), UserError> {
    let Err(error) = carry_out(app, service, key).await else { return Ok(()) };
    take_back(app, service, key, &error, told).await?;
    if let Some(Row { intent: Intent::Undoing, .. }) = look(app, key).await? {
        // At best nothing is left at once; else the job sees to it.
        if let Err(error) = carry_out(app, service, key).await {
            tracing::warn!(%error, "a user whose making failed could not be removed yet");
        }
    }
    Err(error)
}

/// What was not finished is tried again soon, and not only when its late job comes.
async fn hasten(app: &App, key: UserKey) {
    let Ok(Some(row)) = look(app, key).await else { return };
    if row.intent == Intent::Kept {
        return;
    }
    let now = app.clock.now();
    let asked: Result<(), Error> = transaction!(app.store, &working(&row.username), |tx| {
        jobs::enqueue(tx, app.dice.uuid(), SETTLE, &key.to_string(), now.plus(SOON), now).await
    });
    if let Err(error) = asked {
        tracing::warn!(%error, "an unfinished change is left to its late job");
    }
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
    faults::reached(format_args!("user.{}.begun", row.intent));
    let server = services::server(app, service).await?;
    match row.intent {
        Intent::Kept => finish(app, &row, &Done::Nothing).await,
        // Those that come with a service are made by the service's own work.
        Intent::Creating if row.protected => Err(UserError::Busy),
        Intent::Creating => create(app, &server, &row).await,
        Intent::Undoing => undo(app, &server, &row).await,
        Intent::Changing => change(app, &server, &row).await,
        Intent::Adopting => adopt(app, &server, &row).await,
        Intent::Deleting | Intent::Removing => delete(app, &server, &row).await,
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
    faults::reached(format_args!("user.creating.acted"));
    // What we say about a login is what the server does: it is let in.
    match server.try_login(&row.username, &password, None).await {
        LoginOutcome::Accepted => {}
        LoginOutcome::Refused => {
            return Err(UserError::Unproved("the server does not let the new user in".to_owned()));
        }
        LoginOutcome::Unknown(reason) => return Err(EngineError::Unreachable(reason).into()),
    }
    faults::reached(format_args!("user.creating.proved"));
    keep_password(app, row, &password).await
}

/// Removes what an attempt to make a user has left; never a role that somebody else made under that name.
async fn undo(app: &App, server: &Server, row: &Row) -> Result<(), UserError> {
    let found = server.user(&row.username).await?.and_then(|user| user.marker);
    if found.is_some_and(|marker| marker.id == row.key.to_string()) {
        server.delete_user(&row.username).await?;
        faults::reached(format_args!("user.undoing.acted"));
    }
    finish(app, row, &Done::Deleted).await
}

async fn change(app: &App, server: &Server, row: &Row) -> Result<(), UserError> {
    if let Some(replication) = row.next_replication {
        server.set_replication(&row.username, replication).await?;
        faults::reached(format_args!("user.changing.acted"));
    }
    if row.next_password.is_none() {
        return finish(app, row, &Done::Changed).await;
    }
    let (password, verifier) = next(app, row)?;
    server.set_verifier(&row.username, &verifier).await?;
    faults::reached(format_args!("user.changing.acted"));
    let outcome = server.try_login(&row.username, &password, None).await;
    faults::reached(format_args!("user.changing.proved"));
    let reason = match (outcome, server.holds(&row.username, &verifier).await?) {
        (LoginOutcome::Accepted, _) => return keep_password(app, row, &password).await,
        (_, Some(false)) => {
            let why = "Somebody else set another password at the same time; try again.";
            return Err(EngineError::InUse(why.to_owned()).into());
        }
        (LoginOutcome::Unknown(reason), None) => return Err(EngineError::Unreachable(reason).into()),
        (LoginOutcome::Unknown(reason), _) => reason,
        (LoginOutcome::Refused, _) => {
            "it may have expired, or may not connect to the service's database".to_owned()
        }
    };
    // The password is the new one, whatever else keeps the login out.
    keep_password(app, row, &password).await?;
    Err(UserError::Unproved(format!(
        "the server holds the new password and does not let the user in all the same ({reason})"
    )))
}

async fn adopt(app: &App, server: &Server, row: &Row) -> Result<(), UserError> {
    server.adopt(&row.username, &row.key.to_string()).await?;
    faults::reached(format_args!("user.adopting.acted"));
    let user = server.user(&row.username).await?.ok_or(UserError::Unknown)?;
    finish(app, row, &Done::Adopted { read_only: user.read_only, replication: user.replication }).await
}

async fn delete(app: &App, server: &Server, row: &Row) -> Result<(), UserError> {
    server.delete_user(&row.username).await?;
    faults::reached(format_args!("user.deleting.acted"));
    let known =
        row.password.as_deref().map(|sealed| app.vault.open(&password_place(row.key), sealed)).transpose()?;
    // Without its password the refusal of any password still shows that the name is gone.
    let password = known.unwrap_or_else(|| app.dice.password());
    match server.try_login(&row.username, &password, None).await {
        LoginOutcome::Refused => {}
        LoginOutcome::Accepted => return Err(UserError::Unproved("the login is still let in".to_owned())),
        LoginOutcome::Unknown(reason) => return Err(EngineError::Unreachable(reason).into()),
    }
    faults::reached(format_args!("user.deleting.proved"));
    finish(app, row, &Done::Deleted).await
}

/// The password and verifier that the server is to hear of.
fn next(app: &App, row: &Row) -> Result<(Secret, Verifier), UserError> {
    let sealed = row.next_password.as_deref().unwrap_or_default();
    let password = app.vault.open(&next_password_place(row.key), sealed)?;
    let verifier = row.next_verifier.as_deref().and_then(Verifier::parse);
    Ok((password, verifier.ok_or_else(|| EngineError::Internal("a verifier was not kept".to_owned()))?))
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
        let is_current = match done {
            Done::Nothing => true,
            Done::Changed => store::settled(tx, row, None, now).await?,
            Done::Password(sealed) => store::settled(tx, row, Some(sealed), now).await?,
            Done::Adopted { read_only, replication } => {
                store::adopted(tx, row.key, *read_only, *replication).await?
            }
            Done::Deleted => store::delete(tx, row).await?,
        };
        if !is_current {
            // Another node took over meanwhile; what it does counts.
            return Err(UserError::Busy);
        }
        Ok(jobs::withdraw(tx, SETTLE, &row.key.to_string()).await?)
    })?;
    faults::reached(format_args!("user.{}.recorded", row.intent));
    Ok(())
}

/// What becomes of an intent that failed.
enum Verdict {
    /// It is tried again.
    Stays,
    /// There is no such user.
    Forgotten,
    /// What may be there of it is removed.
    Undone,
    /// Everything is as before.
    GivenUp,
}

/// What surely did not happen is forgotten; what may have happened is put right, now or by the job.
fn verdict(intent: Intent, error: &UserError, told: Told) -> Verdict {
    let UserError::Engine(answer) = error else {
        // It failed on our side or could not be proved: what the server did is not known.
        let is_undone = intent == Intent::Creating && !matches!(error, UserError::Busy);
        return if is_undone { Verdict::Undone } else { Verdict::Stays };
    };
    // Our own login may be refused between two steps, too.
    let may_pass =
        answer.is_passing() || matches!(answer, EngineError::Internal(_) | EngineError::Refused { .. });
    match intent {
        Intent::Creating if matches!(answer, EngineError::AlreadyExists { .. }) => Verdict::Forgotten,
        Intent::Creating if may_pass && told == Told::Nobody => Verdict::Stays,
        Intent::Creating => Verdict::Undone,
        Intent::Undoing | Intent::Kept => Verdict::Stays,
        _ if may_pass => Verdict::Stays,
        Intent::Changing => Verdict::GivenUp,
        Intent::Adopting => Verdict::Forgotten,
        // Its login is blocked by now, so what else keeps it from going is tried again and again.
        Intent::Deleting | Intent::Removing if !matches!(answer, EngineError::Forbidden(_)) => Verdict::Stays,
        Intent::Deleting => Verdict::GivenUp,
        Intent::Removing => Verdict::Forgotten,
    }
}

async fn take_back(
    app: &App,
    service: &Service,
    key: UserKey,
    error: &UserError,
    told: Told,
) -> Result<(), UserError> {
    let Some(row) = look(app, key).await?.filter(|row| row.intent != Intent::Kept) else { return Ok(()) };
    let verdict = verdict(row.intent, error, told);
    tracing::warn!(service = service.name, username = row.username, intent = %row.intent, %error, "a change to a service user failed");
    transaction!(app.store, &working(&row.username), |tx| {
        tx.on(Resource::new("service_user", format!("{}/{}", service.name, row.username)))
            .after(serde_json::json!({ "failed": row.intent }));
        match verdict {
            Verdict::Stays => return Ok(()),
            Verdict::Undone => return store::intend(tx, key, Intent::Undoing).await,
            Verdict::Forgotten => drop(store::delete(tx, &row).await?),
            Verdict::GivenUp => store::give_up(tx, &row).await?,
        }
        jobs::withdraw(tx, SETTLE, &key.to_string()).await
    })?;
    Ok(())
}
