//! The work behind a service: brings it to where it is wanted, from wherever a crash may have left it.

use super::types::{Mode, NamedFinding, ServiceError, ServiceKey, State, Wanted, password_place};
use super::{Service, store, types};
use crate::app::App;
use crate::databases::service_users::defaults;
use crate::ground::access::{FinishWork, Installation, ObserveService, Resource, System};
use crate::ground::jobs::{self, Job, Outcome};
use crate::ground::store::Error;
use crate::transaction;
use engines::postgresql::cluster::{Cluster, PATIENCE, Plan, Status, Step};
use engines::postgresql::{Finding, Verifier};
use std::time::Duration;
use tokio::sync::mpsc;

/// The job that brings a service to where it is wanted.
pub const SETTLE: &str = "service.settle";
/// The job that sets right, once a minute, what others changed on it.
pub const RECONCILE: &str = "service.reconcile";

const EVERY_MINUTE: Duration = Duration::from_mins(1);
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
    let _turn = app.fleet.turn(key).await;
    match settle_once(&app, key).await {
        Ok(outcome) => outcome,
        Err(error) => failed(&app, key, &error, job.attempts).await,
    }
}

async fn look(app: &App, key: ServiceKey) -> Result<Option<Service>, Error> {
    let proof = System::<FinishWork>::on(&Installation);
    store::look(&mut app.store.read(&proof).await?, key).await
}

async fn settle_once(app: &App, key: ServiceKey) -> Result<Outcome, ServiceError> {
    let Some(service) = look(app, key).await? else { return Ok(Outcome::Done) };
    if service.mode == Mode::Attached {
        return settle_attached(app, &service).await;
    }
    let cluster = Cluster::at(app.fleet.home(), &key.to_string())?;
    match service.wanted {
        Wanted::Deleted => {
            app.fleet.forget(key);
            cluster.destroy().await?;
            delete_row(app, &service).await?;
        }
        Wanted::Stopped => {
            app.fleet.forget(key);
            if cluster.status().await? != Status::Absent {
                cluster.stop(PATIENCE).await?;
            }
            observe(app, &service, State::Stopped, None).await?;
        }
        Wanted::Restarted => {
            app.fleet.forget(key);
            cluster.stop(PATIENCE).await?;
            let proof = observing(&service);
            transaction!(app.store, &proof, |tx| store::now_wants(tx, key, Wanted::Running).await)?;
            bring_up(app, &service, &cluster).await?;
        }
        Wanted::Running => bring_up(app, &service, &cluster).await?,
    }
    Ok(Outcome::Done)
}

/// Makes or starts the cluster, then its users and rights; every step may have been done before.
async fn bring_up(app: &App, service: &Service, cluster: &Cluster) -> Result<(), ServiceError> {
    match cluster.status().await? {
        Status::Absent | Status::HalfMade => make(app, service).await?,
        Status::Stopped | Status::Crashed | Status::Starting | Status::Stopping => cluster.start().await?,
        Status::Running { .. } => {}
    }
    let record = cluster.record().await?;
    let (port, version) = record
        .map_or((0, service.version.clone()), |record| (i64::from(record.port), record.installation.version));
    let proof = observing(service);
    if (port, version.as_str()) != (service.port, service.version.as_str()) {
        let now = app.clock.now();
        transaction!(app.store, &proof, |tx| store::address(tx, service.key, port, &version, now).await)?;
    }
    let Some(service) = look(app, service.key).await? else { return Ok(()) };
    prepare(app, &service).await?;
    observe(app, &service, State::Running, None).await?;
    begin_reconciling(app, service.key).await
}

async fn make(app: &App, service: &Service) -> Result<(), ServiceError> {
    let wanted = app.fleet.installation(Some(&service.version));
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
    let findings = server.prepare(&defaults::of(app, service).await?).await?;
    keep_findings(app, service, &findings).await?;
    write_rules(app, service, &server).await?;
    defaults::settle(app, service, &server).await
}

/// A new database takes read-only users at once.
///
/// # Errors
/// [`ServiceError`].
pub async fn after_new_database(app: &App, service: &Service) -> Result<(), ServiceError> {
    let server = types::server(app, service).await?;
    server.reconcile().await?;
    write_rules(app, service, &server).await
}

/// Lets read-only users into the databases that are prepared for them, and into no other.
async fn write_rules(
    app: &App,
    service: &Service,
    server: &engines::postgresql::Server,
) -> Result<(), ServiceError> {
    if service.mode == Mode::Attached {
        return Ok(());
    }
    let prepared = server.prepared_databases().await?;
    let cluster = Cluster::at(app.fleet.home(), &service.key.to_string())?;
    if cluster.write_hba(&prepared, &app.config.cluster_networks()).await? {
        cluster.reload().await?;
    }
    Ok(())
}

async fn settle_attached(app: &App, service: &Service) -> Result<Outcome, ServiceError> {
    if service.wanted == Wanted::Deleted {
        app.fleet.forget(service.key);
        delete_row(app, service).await?;
        return Ok(Outcome::Done);
    }
    prepare(app, service).await?;
    observe(app, service, State::Running, None).await?;
    begin_reconciling(app, service.key).await?;
    Ok(Outcome::Done)
}

async fn delete_row(app: &App, service: &Service) -> Result<(), ServiceError> {
    transaction!(app.store, &observing(service), |tx| {
        jobs::withdraw(tx, RECONCILE, &service.key.to_string()).await?;
        tx.after(serde_json::json!({ "deleted": service.name }));
        store::delete(tx, service.key).await
    })?;
    Ok(())
}

async fn begin_reconciling(app: &App, key: ServiceKey) -> Result<(), ServiceError> {
    let now = app.clock.now();
    let proof = System::<FinishWork>::on(&Installation);
    transaction!(app.store, &proof, |tx| {
        let subject = key.to_string();
        jobs::enqueue(tx, app.dice.uuid(), RECONCILE, &subject, now.plus(EVERY_MINUTE), now).await
    })?;
    Ok(())
}

/// Does the job [`RECONCILE`].
pub async fn reconcile(app: App, job: Job) -> Outcome {
    let Ok(key) = job.subject.parse::<ServiceKey>() else { return Outcome::Done };
    let _turn = app.fleet.turn(key).await;
    match reconcile_once(&app, key).await {
        Ok(true) => Outcome::Again(EVERY_MINUTE),
        Ok(false) => Outcome::Done,
        Err(error) => {
            tracing::warn!(%error, service = %key, "a service could not be looked after; trying again in a minute");
            Outcome::Again(EVERY_MINUTE)
        }
    }
}

async fn reconcile_once(app: &App, key: ServiceKey) -> Result<bool, ServiceError> {
    let Some(service) = look(app, key).await? else { return Ok(false) };
    if service.state != State::Running {
        return Ok(service.wanted != Wanted::Deleted);
    }
    let server = types::server(app, &service).await?;
    let findings = server.reconcile().await?;
    keep_findings(app, &service, &findings).await?;
    write_rules(app, &service, &server).await?;
    Ok(true)
}

/// Keeps what could not be set right; what could is a matter for the log.
async fn keep_findings(app: &App, service: &Service, findings: &[Finding]) -> Result<(), ServiceError> {
    for finding in findings.iter().filter(|finding| finding.mended) {
        tracing::info!(
            service = service.name,
            database = finding.database,
            user = finding.user,
            "{}",
            finding.text
        );
    }
    let open: Vec<NamedFinding> = findings
        .iter()
        .filter(|finding| !finding.mended)
        .map(|finding| NamedFinding { text: finding.text.clone(), sql: finding.sql.clone() })
        .collect();
    let text = serde_json::to_string(&open).unwrap_or_else(|_| "[]".to_owned());
    if text != service.findings {
        transaction!(app.store, &observing(service), |tx| store::findings(tx, service.key, &text).await)?;
    }
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
        // Somebody asked for something else meanwhile: their work will tell how that went.
        if current.wanted != service.wanted && current.wanted != Wanted::Running {
            tx.silent();
            return Ok(());
        }
        tx.before(serde_json::json!({ "state": current.state }))
            .after(serde_json::json!({ "state": state, "failure": failure }));
        store::observe(tx, service.key, state, failure).await
    })?;
    Ok(())
}

fn observing(service: &Service) -> System<ObserveService> {
    System::named(Resource::new("service", &service.name))
}

/// Says why the work did not succeed, and tries again as long as that may help.
async fn failed(app: &App, key: ServiceKey, error: &ServiceError, attempts: i64) -> Outcome {
    let sentence = sentence(error);
    let Ok(Some(service)) = look(app, key).await else { return Outcome::Failed(sentence) };
    let state = if service.mode == Mode::Attached { State::Unreachable } else { State::Failed };
    let is_final = attempts >= ATTEMPTS && service.mode == Mode::Managed && service.wanted != Wanted::Deleted;
    if is_final || service.mode == Mode::Attached {
        if let Err(error) = observe(app, &service, state, Some(&sentence)).await {
            tracing::error!(%error, "the failure of a service could not be written");
        }
    }
    if is_final { Outcome::Done } else { Outcome::Failed(sentence) }
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
