//! Looking after services that run: rules of who may connect, what others changed, findings, certificates.

use super::settle::observing;
use super::types::{Mode, NamedFinding, ServiceError, ServiceKey, State, Wanted};
use super::{Service, store, turn, types};
use crate::app::App;
use crate::databases::service_users;
use crate::ground::access::{FinishWork, Installation, System};
use crate::ground::jobs::{self, Job, Outcome};
use crate::transaction;
use engines::EngineError;
use engines::postgresql::cluster::Cluster;
use engines::postgresql::{Finding, Server};
use std::time::Duration;

/// The job that sets right, once a minute, what others changed on a service.
pub const RECONCILE: &str = "service.reconcile";

const EVERY_MINUTE: Duration = Duration::from_mins(1);
/// How long a job is left to the node that it belongs to.
pub(super) const NOT_OURS: Duration = Duration::from_secs(1);

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
pub(super) async fn write_rules(app: &App, service: &Service, server: &Server) -> Result<(), ServiceError> {
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

/// Has what was left open on a service's users finished now, and the service looked after from now on.
pub(super) async fn look_after(app: &App, key: ServiceKey) -> Result<(), ServiceError> {
    let now = app.clock.now();
    let proof = System::<FinishWork>::on(&Installation);
    transaction!(app.store, &proof, |tx| {
        let subject = key.to_string();
        jobs::enqueue(tx, app.dice.uuid(), RECONCILE, &subject, now.plus(EVERY_MINUTE), now).await
    })?;
    service_users::resume(app, key).await?;
    app.wake.notify_one();
    Ok(())
}

/// Does the job [`RECONCILE`].
pub async fn reconcile(app: App, job: Job) -> Outcome {
    let Ok(key) = job.subject.parse::<ServiceKey>() else { return Outcome::Done };
    match reconcile_once(&app, key).await {
        Ok(outcome) => outcome,
        Err(error) => {
            tracing::warn!(%error, service = %key, "a service could not be looked after; trying again in a minute");
            Outcome::Again(EVERY_MINUTE)
        }
    }
}

async fn reconcile_once(app: &App, key: ServiceKey) -> Result<Outcome, ServiceError> {
    let Some(found) = super::settle::look(app, key).await? else { return Ok(Outcome::Done) };
    if found.must_be_here(app).is_err() {
        return Ok(Outcome::Again(NOT_OURS));
    }
    let _turn = turn(app, &found).await?;
    let Some(service) = super::settle::look(app, key).await? else { return Ok(Outcome::Done) };
    if service.state != State::Running {
        return Ok(if service.wanted == Wanted::Deleted {
            Outcome::Done
        } else {
            Outcome::Again(EVERY_MINUTE)
        });
    }
    let server = types::server(app, &service).await?;
    let findings = match server.reconcile().await {
        // Its own login is refused: somebody changed it there, which nobody would see otherwise.
        Err(error @ EngineError::Refused { .. }) => {
            keep_open(app, &service, vec![NamedFinding { text: error.to_string(), sql: None }]).await?;
            return Err(error.into());
        }
        found => found?,
    };
    keep_findings(app, &service, &server, &findings).await?;
    write_rules(app, &service, &server).await?;
    if service.mode == Mode::Managed && app.fleet.is_certificate_due(key) {
        let cluster = Cluster::at(app.fleet.home(), &key.to_string())?;
        if cluster.renew_certificate().await? {
            tracing::info!(service = service.name, "the server's certificate was renewed");
        }
    }
    Ok(Outcome::Again(EVERY_MINUTE))
}

/// Keeps what could not be set right; what could is a matter for the log.
pub(super) async fn keep_findings(
    app: &App,
    service: &Service,
    server: &Server,
    findings: &[Finding],
) -> Result<(), ServiceError> {
    for finding in findings.iter().filter(|finding| finding.mended) {
        tracing::info!(
            service = service.name,
            database = finding.database,
            user = finding.user,
            "{}",
            finding.text
        );
    }
    let mut open: Vec<NamedFinding> = limits_of_login(service, server).await?.into_iter().collect();
    open.extend(
        findings
            .iter()
            .filter(|finding| !finding.mended)
            .map(|finding| NamedFinding { text: finding.text.clone(), sql: finding.sql.clone() }),
    );
    keep_open(app, service, open).await
}

/// What the login that a server was attached with lacks for managing users there.
async fn limits_of_login(service: &Service, server: &Server) -> Result<Option<NamedFinding>, ServiceError> {
    if service.mode == Mode::Managed {
        return Ok(None);
    }
    let facts = server.check().await?;
    if facts.superuser || facts.can_create_roles {
        return Ok(None);
    }
    let login = &service.admin_username;
    Ok(Some(NamedFinding {
        text: format!("\"{login}\" may not make users here; the commands that manage users will be refused."),
        sql: Some(format!("ALTER ROLE \"{}\" CREATEROLE;", login.replace('"', "\"\""))),
    }))
}

async fn keep_open(app: &App, service: &Service, open: Vec<NamedFinding>) -> Result<(), ServiceError> {
    let text = serde_json::to_string(&open).unwrap_or_else(|_| "[]".to_owned());
    if text != service.findings {
        transaction!(app.store, &observing(service), |tx| store::findings(tx, service.key, &text).await)?;
    }
    Ok(())
}
