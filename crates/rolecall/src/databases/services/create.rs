//! Making a managed service, and attaching a server that is there already.

use super::types::{
    DefaultUser, Mode, ServiceError, ServiceKey, ServiceName, ServiceView, State, TlsMode, Wanted,
    password_place,
};
use super::{SETTLE, Service, resource, store};
use crate::app::App;
use crate::ground::access::{Action, Allowed, AttachService, CreateService, Project};
use crate::ground::faults;
use crate::ground::jobs;
use crate::ground::secret::Secret;
use crate::ground::store::{Error, Tx};
use crate::transaction;
use engines::postgresql::{Facts, Login, Reach, Server, check_database_name};
use engines::{Address, EngineError};
use serde_json::json;

/// The database of a service, unless it is named otherwise.
const DATABASE: &str = "defaultdb";
/// The superuser of a managed cluster.
pub const SUPERUSER: &str = "postgres";

/// A managed service to be made.
#[derive(Debug, Clone)]
pub struct NewManaged {
    /// Its name.
    pub name: String,
    /// The PostgreSQL to use, `17` or `17.10`; the newest installed one without.
    pub version: Option<String>,
    /// Which protected user it gets.
    pub default_user: DefaultUser,
    /// Its own database.
    pub database: Option<String>,
}

/// A server to be attached.
#[derive(Debug, Clone)]
pub struct NewAttached {
    /// The service's name.
    pub name: String,
    /// A host name or an address.
    pub host: String,
    /// The port; 5432 without.
    pub port: Option<u16>,
    /// An administrator's login.
    pub username: String,
    /// Its password.
    pub password: Secret,
    /// A database that this login may connect to; `postgres` without.
    pub database: Option<String>,
    /// How connections are encrypted; required without.
    pub tls: TlsMode,
    /// The authority that signs the server's certificate, PEM.
    pub tls_ca: Option<String>,
}

/// Makes a managed service. It answers at once; the state tells how far it is.
///
/// # Errors
/// [`ServiceError`]; then nothing was made.
pub async fn create(
    app: &App,
    allowed: &Allowed<CreateService>,
    new: &NewManaged,
) -> Result<ServiceView, ServiceError> {
    let name = ServiceName::parse(&new.name)?;
    let installation = match (app.fleet.installation(new.version.as_deref()), &new.version) {
        (Some(found), _) => found,
        (None, Some(version)) if !app.fleet.installations().is_empty() => {
            return Err(ServiceError::NoVersion(version.clone()));
        }
        (None, _) => return Err(ServiceError::NoneInstalled),
    };
    let database = checked_database(new.database.as_deref(), DATABASE)?;
    let key = ServiceKey(app.dice.uuid());
    let now = app.clock.now();
    let sealed = app.vault.seal(&password_place(key), &app.dice.password())?;
    let service = Service {
        key,
        project: allowed.project().key,
        name: name.as_str().to_owned(),
        engine: "postgresql".to_owned(),
        mode: Mode::Managed,
        state: State::Creating,
        wanted: Wanted::Running,
        step: None,
        failure: None,
        findings: "[]".to_owned(),
        version: installation.version.clone(),
        host: app.config.service_host(),
        port: 0,
        database_name: database,
        tls: TlsMode::Required,
        tls_ca: None,
        admin_username: SUPERUSER.to_owned(),
        admin_password: Some(sealed),
        default_user: default_username(app, new.default_user),
        node: app.node().to_owned(),
        uid: None,
        created_by: allowed.actor().standing().account.id.clone(),
        created_at: now,
        changed_at: now,
    };
    insert(app, allowed, &service).await?;
    app.wake.notify_one();
    Ok(service.view(&allowed.project().name))
}

fn default_username(app: &App, wish: DefaultUser) -> String {
    match wish {
        DefaultUser::Tsdbadmin => "tsdbadmin".to_owned(),
        DefaultUser::Random => {
            format!("user_{}", app.dice.random_text(crate::ground::dice::Alphabet::Lower, 8))
        }
    }
}

fn checked_database(asked: Option<&str>, otherwise: &str) -> Result<String, ServiceError> {
    let database = asked.filter(|name| !name.is_empty()).unwrap_or(otherwise);
    check_database_name(database).map_err(|error| ServiceError::Field("database", error.to_string()))?;
    Ok(database.to_owned())
}

/// Attaches a server, after it was reached with the login given.
///
/// # Errors
/// [`ServiceError`]; then nothing was kept.
pub async fn attach(
    app: &App,
    allowed: &Allowed<AttachService>,
    new: &NewAttached,
) -> Result<ServiceView, ServiceError> {
    let name = ServiceName::parse(&new.name)?;
    let facts = test(allowed, new).await?;
    let key = ServiceKey(app.dice.uuid());
    let now = app.clock.now();
    let service = Service {
        key,
        project: allowed.project().key,
        name: name.as_str().to_owned(),
        engine: "postgresql".to_owned(),
        mode: Mode::Attached,
        state: State::Running,
        wanted: Wanted::Running,
        step: None,
        failure: None,
        findings: "[]".to_owned(),
        version: facts.version,
        host: new.host.trim().to_owned(),
        port: i64::from(new.port.unwrap_or(5432)),
        database_name: new
            .database
            .clone()
            .filter(|name| !name.is_empty())
            .unwrap_or_else(|| SUPERUSER.to_owned()),
        tls: new.tls,
        tls_ca: new.tls_ca.clone().filter(|pem| !pem.trim().is_empty()),
        admin_username: new.username.clone(),
        admin_password: Some(app.vault.seal(&password_place(key), &new.password)?),
        default_user: String::new(),
        node: String::new(),
        uid: None,
        created_by: allowed.actor().standing().account.id.clone(),
        created_at: now,
        changed_at: now,
    };
    insert(app, allowed, &service).await?;
    app.wake.notify_one();
    Ok(service.view(&allowed.project().name))
}

/// Tries to reach a server with a login, and tells what it is. Nothing is kept.
///
/// # Errors
/// Why it was not reached: name, network, TLS, or login.
pub async fn test(_: &Allowed<AttachService>, new: &NewAttached) -> Result<Facts, ServiceError> {
    let host = new.host.trim();
    let port = new.port.unwrap_or(5432);
    // A path would be a socket of this machine; which addresses no database has, the engine knows.
    if host.is_empty() || host.starts_with('/') || host.contains('\0') {
        return Err(ServiceError::Field("host", "Give the server's host name or address.".to_owned()));
    }
    let address = Address { host: host.to_owned(), port, tls: new.tls.with_ca(new.tls_ca.clone()) };
    let login = Login { username: new.username.clone(), password: new.password.clone() };
    let database =
        new.database.clone().filter(|name| !name.is_empty()).unwrap_or_else(|| SUPERUSER.to_owned());
    Server::new(address, login, database, Reach::Attached).check().await.map_err(at_the_host)
}

/// What the engine says of an address belongs to the field that it was typed into.
fn at_the_host(error: EngineError) -> ServiceError {
    match error {
        EngineError::Invalid(sentence) => ServiceError::Field("host", sentence),
        other => other.into(),
    }
}

/// User numbers are drawn from so many: what runs under a number of ours is ours to end, so two installations on one
/// machine must not come to the same ones by counting.
const UIDS: u32 = 1_000_000;

/// A user number that no service of this node has.
async fn own_uid(app: &App, tx: &mut Tx, node: &str) -> Result<i64, Error> {
    loop {
        let drawn = u32::from_be_bytes(app.dice.bytes()) % UIDS;
        let uid = i64::from(app.config.postgresql_first_uid) + i64::from(drawn);
        if !store::has_uid(tx, node, uid).await? {
            return Ok(uid);
        }
    }
}

/// Keeps the new service, with a job that makes it and one that looks after it.
async fn insert<A: Action<On = Project>>(
    app: &App,
    allowed: &Allowed<A>,
    service: &Service,
) -> Result<(), ServiceError> {
    let now = app.clock.now();
    transaction!(app.store, allowed, |tx| {
        let mut service = service.clone();
        if service.mode == Mode::Managed {
            service.uid = Some(own_uid(app, tx, &service.node).await?);
        }
        match store::insert(tx, &service).await {
            Err(Error::Taken) => return Err(ServiceError::Taken),
            other => other?,
        }
        tx.on(resource(allowed.project(), &service.name)).after(json!({
            "mode": service.mode, "version": service.version, "host": service.host, "port": service.port,
            "database": service.database_name, "default_user": service.default_user,
        }));
        let subject = service.key.to_string();
        Ok(jobs::enqueue(tx, app.dice.uuid(), SETTLE, &subject, now, now).await?)
    })?;
    faults::reached(format_args!("service.inserted"));
    Ok(())
}
