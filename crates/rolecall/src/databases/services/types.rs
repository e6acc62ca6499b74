//! What a service is.

use super::store::Service;
use crate::app::App;
use crate::ground::clock::At;
use crate::ground::store::Error;
use crate::ground::vault::{Place, VaultError};
use engines::postgresql::cluster::{Cluster, ClusterError};
use engines::postgresql::{Login, Reach, Server};
use engines::{Address, EngineError, Tls};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

crate::key! {
    /// A service's key; its name is what people see.
    ServiceKey
}

crate::words! {
    /// Who runs the server.
    pub enum Mode {
        /// Made and run here.
        Managed = "managed",
        /// Registered by address.
        Attached = "attached",
    }
}

crate::words! {
    /// How a service is, as last seen.
    pub enum State {
        /// Being made.
        Creating = "creating",
        /// Takes connections.
        Running = "running",
        /// Stopped, its data kept.
        Stopped = "stopped",
        /// On its way up.
        Starting = "starting",
        /// On its way down.
        Stopping = "stopping",
        /// It crashed, or could not be made or started; `failure` says why.
        Failed = "failed",
        /// It does not answer; this heals by itself.
        Unreachable = "unreachable",
    }
}

crate::words! {
    /// What was asked for last.
    pub enum Wanted {
        /// That it runs.
        Running = "running",
        /// That it stops and starts again.
        Restarted = "restarted",
        /// That it is stopped.
        Stopped = "stopped",
        /// That it is gone.
        Deleted = "deleted",
    }
}

crate::words! {
    /// Which user a new service gets (M4, S2).
    pub enum DefaultUser {
        /// `tsdbadmin`.
        Tsdbadmin = "tsdbadmin",
        /// A random name.
        Random = "random",
    }
}

crate::words! {
    /// How a connection to an attached server is encrypted.
    pub enum TlsMode {
        /// Not at all.
        Off = "off",
        /// Encrypted, whoever the server is.
        Required = "required",
        /// Its certificate is signed by a known authority.
        VerifyCa = "verify_ca",
        /// And names the host.
        VerifyFull = "verify_full",
    }
}

impl TlsMode {
    /// What the engine asks for.
    #[must_use]
    pub fn with_ca(self, ca: Option<String>) -> Tls {
        match self {
            Self::Off => Tls::Off,
            Self::Required => Tls::Required,
            Self::VerifyCa => Tls::VerifyCa(ca),
            Self::VerifyFull => Tls::VerifyFull(ca),
        }
    }
}

/// Why something about a service was not done.
#[derive(Debug, thiserror::Error)]
pub enum ServiceError {
    /// No such service here.
    #[error("no such service")]
    Unknown,
    /// Not a name for a service.
    #[error("not a service name")]
    BadName,
    /// A service of this name is in the project.
    #[error("the name is taken")]
    Taken,
    /// A field is wrong; one sentence.
    #[error("{0}: {1}")]
    Field(&'static str, String),
    /// No PostgreSQL of this version is installed.
    #[error("version {0} is not installed")]
    NoVersion(String),
    /// No PostgreSQL is installed at all.
    #[error("no PostgreSQL is installed")]
    NoneInstalled,
    /// It does not run, so that its users cannot be managed (M5).
    #[error("{name} is {state}")]
    NotRunning {
        /// Which.
        name: String,
        /// How it is.
        state: State,
    },
    /// Attached servers are started and stopped where they live.
    #[error("attached services are not started or stopped here")]
    Attached,
    /// The service needs this database.
    #[error("the service needs this database")]
    ProtectedDatabase,
    /// It is on its way out.
    #[error("it is being deleted")]
    BeingDeleted,
    /// It goes on in the background.
    #[error("it is not finished yet")]
    Unfinished,
    /// Another node is changing it, and does not come to an end.
    #[error("another change is under way")]
    Busy,
    /// It lies on another node's disk.
    #[error("it lies on the node {0}")]
    Elsewhere(String),
    /// The service has no such database.
    #[error("no such database")]
    UnknownDatabase,
    /// It has one of that name.
    #[error("the database's name is taken")]
    DatabaseTaken,
    /// The server said no, or nothing.
    #[error(transparent)]
    Engine(#[from] EngineError),
    /// The managed cluster could not be worked on.
    #[error(transparent)]
    Cluster(#[from] ClusterError),
    /// A sealed secret could not be opened.
    #[error(transparent)]
    Vault(#[from] VaultError),
    /// The store failed.
    #[error(transparent)]
    Store(#[from] Error),
}

/// A name for a service: `^[a-z][a-z0-9-]{0,62}$`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ServiceName(String);

impl ServiceName {
    /// Takes a text that is a name.
    ///
    /// # Errors
    /// [`ServiceError::BadName`].
    pub fn parse(text: &str) -> Result<Self, ServiceError> {
        let mut bytes = text.bytes();
        let starts_well = bytes.next().is_some_and(|byte| byte.is_ascii_lowercase());
        let goes_on = bytes.all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-');
        if starts_well && goes_on && text.len() <= 63 {
            Ok(Self(text.to_owned()))
        } else {
            Err(ServiceError::BadName)
        }
    }

    /// The name.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// What a server could not be made to do, with what a superuser may run about it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct NamedFinding {
    /// One sentence.
    pub text: String,
    /// SQL that would set it right.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub sql: Option<String>,
}

/// A service as it is shown; never a secret.
#[derive(Debug, Clone, Serialize, ToSchema)]
#[schema(as = Service)]
pub struct ServiceView {
    /// Its name, unique in its project.
    pub name: String,
    /// Its project.
    pub project: String,
    /// `postgresql`.
    pub engine: String,
    /// Managed or attached.
    pub mode: Mode,
    /// How it is.
    pub state: State,
    /// How far a long piece of work is.
    pub step: Option<String>,
    /// Why it failed or cannot be reached, in one sentence.
    pub failure: Option<String>,
    /// The server's version.
    pub version: String,
    /// Where it listens.
    pub host: String,
    /// On which port; 0 until it is chosen.
    pub port: i64,
    /// Its own database.
    pub database: String,
    /// How connections are encrypted.
    pub tls: TlsMode,
    /// The protected user that it came with.
    pub default_user: Option<String>,
    /// What could not be done on it.
    pub findings: Vec<NamedFinding>,
    /// How to connect, without any password.
    pub connection: ConnectionStrings,
    /// Who made it.
    pub created_by: String,
    /// When.
    pub created_at: At,
}

/// How to connect to a service; each asks for the password.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
pub struct ConnectionStrings {
    /// A command.
    pub psql: String,
    /// An address for libpq and most drivers.
    pub uri: String,
    /// The same as keywords.
    pub libpq: String,
    /// An address for Java.
    pub jdbc: String,
}

/// The connection strings of a service for one user.
#[must_use]
pub fn connection_strings(service: &Service, username: &str) -> ConnectionStrings {
    let (host, port) = (&service.host, service.port);
    let (database, user) = (percent(&service.database_name), percent(username));
    let mode = match (service.mode, service.tls) {
        (Mode::Managed, _) | (_, TlsMode::Required) => "require",
        (_, TlsMode::Off) => "prefer",
        (_, TlsMode::VerifyCa) => "verify-ca",
        (_, TlsMode::VerifyFull) => "verify-full",
    };
    let uri_host = if host.contains(':') { format!("[{host}]") } else { host.clone() };
    let uri = format!("postgres://{user}@{uri_host}:{port}/{database}?sslmode={mode}");
    ConnectionStrings {
        psql: format!("psql '{uri}'"),
        libpq: format!(
            "host={host} port={port} dbname={} user={} sslmode={mode}",
            keyword(&service.database_name),
            keyword(username)
        ),
        jdbc: format!("jdbc:postgresql://{uri_host}:{port}/{database}?user={user}&sslmode={mode}"),
        uri,
    }
}

/// Percent-encodes what an address cannot hold; a quote, too, since the command quotes it.
fn percent(text: &str) -> String {
    text.bytes()
        .map(|byte| match byte {
            b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'-' | b'.' | b'_' | b'~' => {
                char::from(byte).to_string()
            }
            _ => format!("%{byte:02X}"),
        })
        .collect()
}

/// Quotes a value of libpq's keyword form where it needs it.
fn keyword(text: &str) -> String {
    let is_plain =
        !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"_-.".contains(&byte));
    if is_plain { text.to_owned() } else { format!("'{}'", text.replace('\\', "\\\\").replace('\'', "\\'")) }
}

/// Where a service's administrator password is sealed.
#[must_use]
pub fn password_place(key: ServiceKey) -> Place {
    Place::new("service", "admin_password", key)
}

/// The connections to a service's server.
pub(super) async fn server(app: &App, service: &Service) -> Result<Server, ServiceError> {
    service.must_be_here(app)?;
    let sealed = service.admin_password.as_deref().unwrap_or_default();
    let password = app.vault.open(&password_place(service.key), sealed)?;
    let login = Login {
        username: service.admin_username.clone(),
        password: engines::Secret::new(password.expose().to_owned()),
    };
    let database = service.database_name.clone();
    let port = u16::try_from(service.port).unwrap_or_default();
    let public =
        Address { host: service.host.clone(), port, tls: service.tls.with_ca(service.tls_ca.clone()) };
    let server = match service.mode {
        Mode::Attached => Server::new(public, login, database, Reach::Attached),
        Mode::Managed => {
            let own = Cluster::at(app.fleet.home(), &service.key.to_string())?.address().await?;
            // Loopback to a server of our own: TLS would prove nothing that its folder and port don't, and cost most of
            // a login's time. Passwords cross it as SCRAM only.
            let by_tcp = Address { host: own.tcp.ip().to_string(), port: own.tcp.port(), tls: Tls::Off };
            let inside = match own.socket_dir {
                Some(folder) => Address {
                    host: folder.to_string_lossy().into_owned(),
                    port: own.tcp.port(),
                    tls: Tls::Off,
                },
                None => by_tcp.clone(),
            };
            Server::with_public(inside, by_tcp, login, database, Reach::Managed)
        }
    };
    Ok(app.fleet.server(service.key, (service.changed_at.millis(), service.port), || server))
}
