//! Services: PostgreSQL servers made and run here (managed), or registered by address (attached). M4–M6.

pub mod api;
mod care;
pub mod cli;
pub mod console;
mod create;
mod lines;
mod settle;
mod store;
#[cfg(test)]
mod tests;
mod turn;
mod types;
mod watch;

pub use care::{RECONCILE, after_new_database, reconcile};
pub use create::{NewAttached, NewManaged, attach, create, test};
pub use lines::{LINE_SORTS, all, confinement, of_project};
pub use settle::{SETTLE, enqueue_all, settle};
pub use store::{Service, ServiceLine};
pub use turn::{Turn, turn};
pub use types::{
    ConnectionStrings, DefaultUser, Mode, NamedFinding, ServiceError, ServiceKey, ServiceName, ServiceView,
    State, TlsMode, Wanted, connection_strings, password_place,
};
pub use watch::Watcher;

use crate::app::App;
use crate::ground::access::{
    Action, Allowed, DeleteService, EditService, FinishWork, Installation, Project, Proof, Resource,
    RestartService, SeeServices, StartService, StopService, System,
};
use crate::ground::faults;
use crate::ground::jobs;
use crate::ground::store::{Error, Page, PageRequest};
use crate::transaction;
use engines::postgresql::Server;
use engines::postgresql::cluster::{Cluster, PATIENCE as CLUSTER_PATIENCE};
use serde_json::json;
use std::time::Duration;
use tokio::time::Instant;

/// For how long a request waits to see the end of what it asked for.
const PATIENCE: Duration = Duration::from_secs(20);

/// What a project's list can be sorted by.
pub const SORTS: &[&str] = &["name"];

/// The services of a project, by name.
///
/// # Errors
/// The store's.
pub async fn list(
    app: &App,
    allowed: &Allowed<SeeServices>,
    request: &PageRequest,
) -> Result<Page<ServiceView>, Error> {
    let mut tx = app.store.read(allowed).await?;
    let items = store::list(&mut tx, allowed.project().key, request).await?;
    Ok(Page::cut(items, request, |service| service.name.clone())
        .map(|service| service.view(&allowed.project().name)))
}

/// One service.
///
/// # Errors
/// [`ServiceError::Unknown`].
pub async fn show(
    app: &App,
    allowed: &Allowed<SeeServices>,
    name: &str,
) -> Result<ServiceView, ServiceError> {
    Ok(find(app, allowed, name).await?.view(&allowed.project().name))
}

/// The service of this name in the project that was checked.
///
/// # Errors
/// [`ServiceError::Unknown`].
pub async fn find<A: Action<On = Project>>(
    app: &App,
    allowed: &Allowed<A>,
    name: &str,
) -> Result<Service, ServiceError> {
    let mut tx = app.store.read(allowed).await?;
    store::find(&mut tx, allowed.project().key, name).await?.ok_or(ServiceError::Unknown)
}

/// The service of this name, if it takes users now (M5).
///
/// # Errors
/// [`ServiceError::NotRunning`] says in which state it is.
pub async fn find_running<A: Action<On = Project>>(
    app: &App,
    allowed: &Allowed<A>,
    name: &str,
) -> Result<Service, ServiceError> {
    let service = find(app, allowed, name).await?;
    match (service.mode, service.state) {
        (_, State::Running) | (Mode::Attached, State::Unreachable) => Ok(service),
        (_, state) => Err(ServiceError::NotRunning { name: service.name, state }),
    }
}

/// The connections to a service's server.
///
/// # Errors
/// When its administrator's password cannot be opened.
pub async fn server(app: &App, service: &Service) -> Result<Server, ServiceError> {
    types::server(app, service).await
}

/// A service by its key, for work that goes on in the background.
///
/// # Errors
/// The store's.
pub async fn look(app: &App, proof: &dyn Proof, key: ServiceKey) -> Result<Option<Service>, Error> {
    store::look(&mut app.store.read(proof).await?, key).await
}

/// Starts a service (M6).
///
/// # Errors
/// [`ServiceError::Attached`]: what is not ours is not started here.
pub async fn start(
    app: &App,
    allowed: &Allowed<StartService>,
    name: &str,
) -> Result<ServiceView, ServiceError> {
    let service = find(app, allowed, name).await?.must_be_managed()?;
    if (service.state, service.wanted) == (State::Running, Wanted::Running) {
        return Ok(service.view(&allowed.project().name));
    }
    want(app, allowed, &service, Wanted::Running, State::Starting).await
}

/// Stops a service (M6): its users are cut off, its data stays.
///
/// # Errors
/// [`ServiceError::Attached`].
pub async fn stop(
    app: &App,
    allowed: &Allowed<StopService>,
    name: &str,
) -> Result<ServiceView, ServiceError> {
    let service = find(app, allowed, name).await?.must_be_managed()?;
    if (service.state, service.wanted) == (State::Stopped, Wanted::Stopped) {
        return Ok(service.view(&allowed.project().name));
    }
    want(app, allowed, &service, Wanted::Stopped, State::Stopping).await
}

/// Stops a service and starts it again.
///
/// # Errors
/// [`ServiceError::Attached`].
pub async fn restart(
    app: &App,
    allowed: &Allowed<RestartService>,
    name: &str,
) -> Result<ServiceView, ServiceError> {
    let service = find(app, allowed, name).await?.must_be_managed()?;
    want(app, allowed, &service, Wanted::Restarted, State::Stopping).await
}

/// Deletes a service: a managed one with all its data, an attached one from our books only.
///
/// # Errors
/// [`ServiceError`]; [`ServiceError::Unfinished`] when it takes longer than a request may wait.
pub async fn delete(app: &App, allowed: &Allowed<DeleteService>, name: &str) -> Result<(), ServiceError> {
    let service = find(app, allowed, name).await?;
    match want(app, allowed, &service, Wanted::Deleted, State::Stopping).await {
        Err(ServiceError::Unknown) => Ok(()),
        Ok(_) => Err(ServiceError::Unfinished),
        Err(other) => Err(other),
    }
}

/// Gives a service another name. Its address and its data stay as they are.
///
/// # Errors
/// [`ServiceError::Taken`].
pub async fn rename(
    app: &App,
    allowed: &Allowed<EditService>,
    name: &str,
    new: &str,
) -> Result<ServiceView, ServiceError> {
    let new = ServiceName::parse(new)?;
    let service = find(app, allowed, name).await?;
    transaction!(app.store, allowed, |tx| {
        tx.on(resource(allowed.project(), name))
            .before(json!({ "name": name }))
            .after(json!({ "name": new.as_str() }));
        match store::rename(tx, service.key, new.as_str()).await {
            Err(Error::Taken) => Err(ServiceError::Taken),
            other => Ok(other?),
        }
    })?;
    show(app, &allowed.also::<SeeServices>().map_err(Error::Withdrawn)?, new.as_str()).await
}

/// Stops the managed servers of this node without changing what is wanted of them: they come back with Rolecall.
pub async fn stop_all(app: &App) {
    let proof = System::<FinishWork>::on(&Installation);
    let found = async { store::of_node(&mut app.store.read(&proof).await?, app.node()).await };
    let services = found.await.unwrap_or_default();
    for service in services.iter().filter(|service| service.mode == Mode::Managed) {
        let Ok(cluster) = Cluster::at(app.fleet.home(), &service.key.to_string()) else { continue };
        if let Err(error) = cluster.stop(CLUSTER_PATIENCE).await {
            tracing::warn!(%error, service = service.name, "a server could not be stopped");
        }
    }
}

/// How records name a service.
#[must_use]
pub fn resource(project: &Project, name: &str) -> Resource {
    Resource::new("service", format!("{}/{name}", project.name))
}

/// Records what is wanted of a service, wakes the worker, and waits a while to see it done.
async fn want<A: Action<On = Project>>(
    app: &App,
    allowed: &Allowed<A>,
    service: &Service,
    wanted: Wanted,
    meanwhile: State,
) -> Result<ServiceView, ServiceError> {
    service.must_be_here(app)?;
    let now = app.clock.now();
    transaction!(app.store, allowed, |tx| {
        let current = store::get(tx, service.key).await?.ok_or(ServiceError::Unknown)?;
        if current.wanted == Wanted::Deleted && wanted != Wanted::Deleted {
            return Err(ServiceError::BeingDeleted);
        }
        tx.on(resource(allowed.project(), &service.name))
            .before(json!({ "state": current.state }))
            .after(json!({ "wanted": wanted }));
        store::want(tx, service.key, wanted, meanwhile).await?;
        Ok(jobs::enqueue(tx, app.dice.uuid(), SETTLE, &service.key.to_string(), now, now).await?)
    })?;
    faults::reached(format_args!("service.{wanted}.wanted"));
    app.wake.notify_one();
    wait_until_settled(app, allowed, service.key).await
}

/// Looks until the service is in the state that was wanted, or the request has waited long enough.
async fn wait_until_settled<A: Action<On = Project>>(
    app: &App,
    allowed: &Allowed<A>,
    key: ServiceKey,
) -> Result<ServiceView, ServiceError> {
    let began = Instant::now();
    loop {
        let found = {
            let mut tx = app.store.read(allowed).await?;
            store::look(&mut tx, key).await?.ok_or(ServiceError::Unknown)?
        };
        if found.is_settled() || began.elapsed() >= PATIENCE {
            return Ok(found.view(&allowed.project().name));
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
}
