//! Making a managed service, and attaching a server that is there already.

use super::types::{
    DefaultUser, Mode, NamedFinding, ServiceError, ServiceKey, ServiceName, ServiceView, State, TlsMode,
    Wanted, password_place,
};
use super::{SETTLE, Service, resource, store};
use crate::app::App;
use crate::ground::access::{Action, Allowed, AttachService, CreateService, Project};
use crate::ground::jobs;
use crate::ground::secret::Secret;
use crate::ground::store::Error;
use crate::transaction;
use engines::Address;
use engines::postgresql::{Facts, Login, Reach, Server, check_database_name};
use serde_json::json;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};

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
        uid: None,
        created_by: allowed.actor().standing().account.id.clone(),
        created_at: now,
        changed_at: now,
    };
    insert(app, allowed, &service, true).await?;
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
    let mut findings = Vec::new();
    if !facts.can_create_roles && !facts.superuser {
        findings.push(NamedFinding {
            text: format!(
                "\"{}\" may not make users here; the commands that manage users will be refused.",
                new.username
            ),
            sql: Some(format!("ALTER ROLE \"{}\" CREATEROLE;", new.username.replace('"', "\"\""))),
        });
    }
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
        findings: serde_json::to_string(&findings).unwrap_or_else(|_| "[]".to_owned()),
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
        uid: None,
        created_by: allowed.actor().standing().account.id.clone(),
        created_at: now,
        changed_at: now,
    };
    insert(app, allowed, &service, false).await?;
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
    refuse_forbidden_address(host, port).await?;
    let address = Address { host: host.to_owned(), port, tls: new.tls.with_ca(new.tls_ca.clone()) };
    let login = Login { username: new.username.clone(), password: new.password.clone() };
    let database =
        new.database.clone().filter(|name| !name.is_empty()).unwrap_or_else(|| SUPERUSER.to_owned());
    Ok(Server::new(address, login, database, Reach::Attached).check().await?)
}

/// Sockets of this machine, link-local addresses and cloud metadata are no database servers.
async fn refuse_forbidden_address(host: &str, port: u16) -> Result<(), ServiceError> {
    if host.is_empty() || host.starts_with('/') || host.contains('\0') {
        return Err(ServiceError::Field("host", "Give the server's host name or address.".to_owned()));
    }
    let unknown =
        |_| ServiceError::Field("host", format!("The name {host} is not known; check its spelling."));
    let found: Vec<SocketAddr> = tokio::net::lookup_host((host, port)).await.map_err(unknown)?.collect();
    if found.iter().any(|address| is_forbidden(address.ip().to_canonical())) {
        return Err(ServiceError::Field(
            "host",
            "This address is not one that a database may have.".to_owned(),
        ));
    }
    Ok(())
}

fn is_forbidden(address: IpAddr) -> bool {
    match address {
        IpAddr::V4(v4) => {
            v4.is_link_local() || v4.is_unspecified() || v4.is_multicast() || v4 == Ipv4Addr::BROADCAST
        }
        IpAddr::V6(v6) => {
            v6.is_unicast_link_local()
                || v6.is_unspecified()
                || v6.is_multicast()
                || v6 == Ipv6Addr::new(0xfd00, 0xec2, 0, 0, 0, 0, 0, 0x254)
        }
    }
}

/// Keeps the new service, with a job that makes it and one that looks after it.
async fn insert<A: Action<On = Project>>(
    app: &App,
    allowed: &Allowed<A>,
    service: &Service,
    is_ours: bool,
) -> Result<(), ServiceError> {
    let now = app.clock.now();
    let first_uid = i64::from(app.config.postgresql_first_uid);
    transaction!(app.store, allowed, |tx| {
        let mut service = service.clone();
        let node = if is_ours { app.node() } else { "" };
        if is_ours {
            service.uid = Some(store::next_uid(tx, node, first_uid).await?);
        }
        match store::insert(tx, &service, node).await {
            Err(Error::Taken) => return Err(ServiceError::Taken),
            other => other?,
        }
        tx.on(resource(allowed.project(), &service.name)).after(json!({
            "mode": service.mode, "version": service.version, "host": service.host, "port": service.port,
            "database": service.database_name, "default_user": service.default_user,
        }));
        let subject = service.key.to_string();
        Ok(jobs::enqueue(tx, app.dice.uuid(), SETTLE, &subject, now, now).await?)
    })
}

#[cfg(test)]
mod tests {
    use super::is_forbidden;

    #[test]
    fn link_local_and_metadata_addresses_are_refused() {
        for text in
            ["169.254.169.254", "fe80::1", "fd00:ec2::254", "0.0.0.0", "::", "224.0.0.1", "255.255.255.255"]
        {
            assert!(is_forbidden(text.parse().unwrap()), "{text}");
        }
        assert!(!is_forbidden("127.0.0.1".parse().unwrap()) && !is_forbidden("10.1.2.3".parse().unwrap()));
    }
}
