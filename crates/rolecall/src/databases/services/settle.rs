//! The work behind a service: brings it to where it is wanted, from wherever a crash may have left it.

use super::care::{NOT_OURS, RECONCILE, keep_findings, look_after, write_rules};
use super::types::{Mode, ServiceError, ServiceKey, State, Wanted, password_place};
use super::{Service, store, turn, types};
use crate::app::App;
use crate::databases::service_users::defaults;
use crate::ground::access::{FinishWork, Installation, ObserveService, Resource, System};
use crate::ground::faults;
use crate::ground::jobs::{self, Job, Outcome};
use crate::ground::store::Error;
use crate::transaction;
use engines::postgresql::Verifier;
use engines::postgresql::cluster::{Cluster, PATIENCE, Plan, Status, Step};
use tokio::sync::mpsc;

/// The job that brings a service to where it is wanted.
pub const SETTLE: &str = "service.settle";

/// A service that cannot be brought up is tried so often before somebody has to look.
const ATTEMPTS: i64 = 3;

/// Makes the jobs that bring every service of this node to where it is wanted, once, at the start.
///
/// # Errors
/// The store's.
pub async fn enqueue_all(app: &App) -> Result<(), Error> {
    let proof = System::<FinishWork>::on(&Installation);
    let services = store::of_node(&mut app.store.read(&proof).await?, app.node()).await?;
    let now = app.clock.now();
    transaction!(app.store, &proof, |tx| {
        for service in services.iter().filter(|service| service.state != State::Failed) {
            jobs::enqueue(tx, app.dice.uuid(), SETTLE, &service.key.to_string(), now, now).await?;
        }
        Ok(())
    })
}

/// Does the job [`SETTLE`].
pub async fn settle(app: App, job: Job) -> Outcome {
    let Ok(key) = job.subject.parse::<ServiceKey>() else { return Outcome::Done };
    match settle_once(&app, key).await {
        Ok(outcome) => outcome,
        Err(error) => failed(&app, key, &error, job.attempts).await,
    }
}

pub(super) async fn look(app: &App, key: ServiceKey) -> Result<Option<Service>, Error> {
    let proof = System::<FinishWork>::on(&Installation);
    store::look(&mut app.store.read(&proof).await?, key).await
}

async fn settle_once(app: &App, key: ServiceKey) -> Result<Outcome, ServiceError> {
    let Some(found) = look(app, key).await? else { return Ok(Outcome::Done) };
    if found.must_be_here(app).is_err() {
        // The node on whose disk it lies takes the job next.
        return Ok(Outcome::Again(NOT_OURS));
    }
    let _turn = turn(app, &found).await?;
    // What was wanted when the turn was asked for may not be what is wanted now.
    let Some(service) = look(app, key).await? else { return Ok(Outcome::Done) };
    match service.mode {
        Mode::Attached => settle_attached(app, &service).await?,
        Mode::Managed => settle_managed(app, &service).await?,
    }
    Ok(Outcome::Done)
}

async fn settle_managed(app: &App, service: &Service) -> Result<(), ServiceError> {
    let key = service.key;
    let cluster = Cluster::at(app.fleet.home(), &key.to_string())?;
    if service.wanted != Wanted::Running {
        app.fleet.forget(key);
    }
    match service.wanted {
        Wanted::Deleted => {
            cluster.destroy().await?;
            faults::reached(format_args!("service.destroyed"));
            delete_row(app, service).await
        }
        Wanted::Stopped => {
            bring_down(&cluster).await?;
            faults::reached(format_args!("service.stopped"));
            observe(app, service, State::Stopped, None).await
        }
        Wanted::Restarted => {
            bring_down(&cluster).await?;
            faults::reached(format_args!("service.restarting"));
            let proof = observing(service);
            transaction!(app.store, &proof, |tx| {
                // Unless something else is wanted meanwhile: that goes before.
                store::restarted(tx, key).await
            })?;
            let Some(service) = look(app, key).await? else { return Ok(()) };
            if service.wanted == Wanted::Running { bring_up(app, &service, &cluster).await } else { Ok(()) }
        }
        Wanted::Running => bring_up(app, service, &cluster).await,
    }
}

/// Stops the cluster. One that was never finished holds nothing yet: it is made anew when it is wanted.
async fn bring_down(cluster: &Cluster) -> Result<(), ServiceError> {
    match cluster.status().await? {
        Status::Absent => {}
        Status::HalfMade => cluster.destroy().await?,
        _ => cluster.stop(PATIENCE).await?,
    }
    Ok(())
}

/// Makes or starts the cluster, then its users and rights; every step may have been done before.
async fn bring_up(app: &App, service: &Service, cluster: &Cluster) -> Result<(), ServiceError> {
    match cluster.status().await? {
        Status::Absent | Status::HalfMade => make(app, service).await?,
        Status::Stopped | Status::Crashed | Status::Starting | Status::Stopping => cluster.start().await?,
        Status::Running { .. } => {}
    }
    faults::reached(format_args!("service.up"));
    let record = cluster.record().await?;
    let (port, version) = record
        .map_or((0, service.version.clone()), |record| (i64::from(record.port), record.installation.version));
    let proof = observing(service);
    if (port, version.as_str()) != (service.port, service.version.as_str()) {
        let now = app.clock.now();
        transaction!(app.store, &proof, |tx| store::address(tx, service.key, port, &version, now).await)?;
    }
    faults::reached(format_args!("service.addressed"));
    let Some(service) = look(app, service.key).await? else { return Ok(()) };
    prepare(app, &service).await?;
    faults::reached(format_args!("service.settled"));
    observe(app, &service, State::Running, None).await?;
    look_after(app, service.key).await
}

async fn make(app: &App, service: &Service) -> Result<(), ServiceError> {
    // PostgreSQL may have been brought up to date since the service was asked for.
    let major = service.version.split('.').next();
    let wanted = app.fleet.installation(Some(&service.version)).or_else(|| app.fleet.installation(major));
    let installation = wanted.ok_or_else(|| ServiceError::NoVersion(service.version.clone()))?;
    let sealed = service.admin_password.as_deref().unwrap_or_default();
    let password = app.vault.open(&password_place(service.key), sealed)?;
    let plan = Plan {
        name: service.key.to_string(),
        installation: installation.clone(),
        port: None,
        listen: app.config.postgresql_listen.clone(),
        hosts: vec![service.host.clone()],
        networks: app.config.cluster_networks(),
        owner: service.uid.and_then(|uid| u32::try_from(uid).ok()),
        superuser_verifier: Verifier::derive(&password)?.text().to_owned(),
    };
    let (told, steps) = mpsc::unbounded_channel();
    let writing = tokio::spawn(write_steps(app.clone(), service.clone(), steps));
    let made = Cluster::create(app.fleet.home(), &plan, &move |step| {
        faults::reached(format_args!("service.step.{}", step_word(step)));
        let _ = told.send(step);
    })
    .await;
    let _ = writing.await;
    made?;
    Ok(())
}

/// Writes down how far the work is, for those who look on.
async fn write_steps(app: App, service: Service, mut steps: mpsc::UnboundedReceiver<Step>) {
    let proof = System::<FinishWork>::on(&Installation);
    while let Some(step) = steps.recv().await {
        let word = step_word(step);
        let written = transaction!(app.store, &proof, |tx| store::step(tx, service.key, word).await);
        if let Err(error) = written {
            tracing::warn!(%error, "the progress of a service could not be written");
        }
    }
}

const fn step_word(step: Step) -> &'static str {
    match step {
        Step::Folder => "folder",
        Step::Initdb => "initdb",
        Step::Certificate => "certificate",
        Step::Settings => "settings",
        Step::Start => "start",
        Step::Ready => "ready",
    }
}

/// Groups, triggers, the default user and its database; and who may connect to which databases.
async fn prepare(app: &App, service: &Service) -> Result<(), ServiceError> {
    let server = types::server(app, service).await?;
    let default_users = defaults::of(app, service).await?;
    faults::reached(format_args!("service.default_user.intended"));
    let findings = server.prepare(&default_users).await?;
    faults::reached(format_args!("service.prepared"));
    keep_findings(app, service, &server, &findings).await?;
    write_rules(app, service, &server).await?;
    if service.mode == Mode::Managed {
        // What was written before a crash was perhaps not read.
        Cluster::at(app.fleet.home(), &service.key.to_string())?.reload().await?;
    }
    defaults::settle(app, service, &server).await
}

async fn settle_attached(app: &App, service: &Service) -> Result<(), ServiceError> {
    if service.wanted == Wanted::Deleted {
        // From our books only, so it does not matter whether the server answers.
        app.fleet.forget(service.key);
        return delete_row(app, service).await;
    }
    prepare(app, service).await?;
    observe(app, service, State::Running, None).await?;
    look_after(app, service.key).await
}

async fn delete_row(app: &App, service: &Service) -> Result<(), ServiceError> {
    transaction!(app.store, &observing(service), |tx| {
        jobs::withdraw(tx, RECONCILE, &service.key.to_string()).await?;
        tx.after(serde_json::json!({ "deleted": service.name }));
        store::delete(tx, service.key).await
    })?;
    faults::reached(format_args!("service.deleted"));
    Ok(())
}

/// Notes how a service is, where that is news.
pub(super) async fn observe(
    app: &App,
    service: &Service,
    state: State,
    failure: Option<&str>,
) -> Result<(), ServiceError> {
    if (service.state, service.failure.as_deref(), service.step.is_some()) == (state, failure, false) {
        return Ok(());
    }
    transaction!(app.store, &observing(service), |tx| {
        let Some(current) = store::get(tx, service.key).await? else { return Ok(()) };
        // Somebody asked for something else meanwhile, or saw it change: their work will tell how that went.
        if (current.wanted, current.state) != (service.wanted, service.state) {
            tx.silent();
            return Ok(());
        }
        tx.before(serde_json::json!({ "state": current.state }))
            .after(serde_json::json!({ "state": state, "failure": failure }));
        store::observe(tx, service.key, state, failure).await
    })?;
    Ok(())
}

pub(super) fn observing(service: &Service) -> System<ObserveService> {
    System::named(Resource::new("service", &service.name))
}

/// Says why the work did not succeed, and tries again as long as that may help.
async fn failed(app: &App, key: ServiceKey, error: &ServiceError, attempts: i64) -> Outcome {
    let sentence = sentence(error);
    let Ok(Some(service)) = look(app, key).await else { return Outcome::Failed(sentence) };
    // Deleting goes on until it succeeds, and an attached server may be back at any time.
    let is_deletion = service.wanted == Wanted::Deleted;
    let is_final = attempts >= ATTEMPTS && service.mode == Mode::Managed && !is_deletion;
    let written = match service.mode {
        Mode::Attached if !is_deletion => observe(app, &service, State::Unreachable, Some(&sentence)).await,
        _ if is_final => observe(app, &service, State::Failed, Some(&sentence)).await,
        _ => note(app, &service, &sentence).await,
    };
    if let Err(error) = written {
        tracing::error!(%error, "the failure of a service could not be written");
    }
    if is_final { Outcome::Done } else { Outcome::Failed(sentence) }
}

/// Notes, beside the state, why it lasts.
async fn note(app: &App, service: &Service, sentence: &str) -> Result<(), ServiceError> {
    let proof = System::<FinishWork>::on(&Installation);
    Ok(transaction!(app.store, &proof, |tx| store::note_failure(tx, service.key, sentence).await)?)
}

/// What people are told of an error of the work itself.
pub(super) fn sentence(error: &ServiceError) -> String {
    match error {
        ServiceError::Engine(error) => error.to_string(),
        ServiceError::Cluster(error) => error.to_string(),
        ServiceError::NoVersion(version) => {
            format!(
                "PostgreSQL {version} is not installed on this machine; install it, then start the service again."
            )
        }
        ServiceError::Vault(error) => error.to_string(),
        other => format!("It could not be finished: {other}."),
    }
}
