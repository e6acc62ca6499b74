//! The SQL of services.

use super::types::{
    Mode, NamedFinding, ServiceError, ServiceKey, ServiceView, State, TlsMode, Wanted, connection_strings,
};
use crate::app::App;
use crate::ground::access::{AccountKey, ProjectKey};
use crate::ground::clock::At;
use crate::ground::store::{Error, PageRequest, ReadTx, Tx};
use crate::{row, sql};
use uuid::Uuid;

row! {
    /// A service as it is kept.
    #[derive(Debug, Clone)]
    pub struct Service {
        /// Its key.
        pub key: ServiceKey,
        /// Its project.
        pub project: ProjectKey,
        /// Its name.
        pub name: String,
        /// `postgresql`.
        pub engine: String,
        /// Managed or attached.
        pub mode: Mode,
        /// How it was seen last.
        pub state: State,
        /// What was asked for last.
        pub wanted: Wanted,
        /// How far a long piece of work is.
        pub step: Option<String>,
        /// Why it failed.
        pub failure: Option<String>,
        /// What could not be done on it, as JSON.
        pub findings: String,
        /// The server's version.
        pub version: String,
        /// Where it listens.
        pub host: String,
        /// On which port.
        pub port: i64,
        /// Its own database.
        pub database_name: String,
        /// How connections are encrypted.
        pub tls: TlsMode,
        /// The authority that signs its certificate, PEM.
        pub tls_ca: Option<String>,
        /// The administrator's login.
        pub admin_username: String,
        /// Its password, sealed.
        pub admin_password: Option<Vec<u8>>,
        /// The protected user.
        pub default_user: String,
        /// The node on whose disk it lies; none for an attached one.
        pub node: String,
        /// The user number it runs under.
        pub uid: Option<i64>,
        /// Who made it.
        pub created_by: String,
        /// When.
        pub created_at: At,
        /// When its address or login was changed last.
        pub changed_at: At,
    }
}

impl Service {
    /// Whether what was wanted is there, or has failed.
    #[must_use]
    pub fn is_settled(&self) -> bool {
        match self.state {
            State::Failed | State::Unreachable => true,
            State::Running => self.wanted == Wanted::Running,
            State::Stopped => self.wanted == Wanted::Stopped,
            State::Creating | State::Starting | State::Stopping => false,
        }
    }

    /// Itself, unless somebody else runs it.
    pub(super) fn must_be_managed(self) -> Result<Self, ServiceError> {
        if self.mode == Mode::Managed { Ok(self) } else { Err(ServiceError::Attached) }
    }

    /// Only the node on whose disk a managed service lies can work on it.
    pub(super) fn must_be_here(&self, app: &App) -> Result<(), ServiceError> {
        let is_here = self.mode == Mode::Attached || self.node == app.node();
        if is_here { Ok(()) } else { Err(ServiceError::Elsewhere(self.node.clone())) }
    }

    /// As it is shown.
    #[must_use]
    pub fn view(self, project: &str) -> ServiceView {
        let user = if self.default_user.is_empty() { &self.admin_username } else { &self.default_user };
        ServiceView {
            connection: connection_strings(&self, user),
            findings: serde_json::from_str::<Vec<NamedFinding>>(&self.findings).unwrap_or_default(),
            default_user: (!self.default_user.is_empty()).then(|| self.default_user.clone()),
            name: self.name,
            project: project.to_owned(),
            engine: self.engine,
            mode: self.mode,
            state: self.state,
            step: self.step,
            failure: self.failure,
            version: self.version,
            host: self.host,
            port: self.port,
            database: self.database_name,
            tls: self.tls,
            created_by: self.created_by,
            created_at: self.created_at,
        }
    }
}

macro_rules! select {
    ($($rest:expr),+) => {
        concat!(
            "SELECT key, project, name, engine, mode, state, wanted, step, failure, findings, version, host, port,
                database_name, tls, tls_ca, admin_username, admin_password, default_user, node, uid, created_by,
                created_at, changed_at FROM service ",
            $($rest),+
        )
    };
}

/// The pages of one direction.
macro_rules! page {
    ($beyond:literal, $order:literal) => {
        select!(
            "WHERE project = $1 AND name ",
            $beyond,
            " $2 AND ($3 IS NULL OR name LIKE $3 ESCAPE '\\') ORDER BY name ",
            $order,
            " LIMIT $4"
        )
    };
}

pub async fn insert(tx: &mut Tx, service: &Service) -> Result<(), Error> {
    let new = service.clone();
    sql!(exec tx,
        "INSERT INTO service (key, project, name, engine, mode, state, wanted, version, host, port, database_name, tls,
            tls_ca, admin_username, admin_password, default_user, node, uid, created_by, created_at, changed_at, findings)
         VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16, $17, $18, $19, $20, $21, $22)",
        new.key, new.project, new.name, new.engine, new.mode, new.state, new.wanted, new.version, new.host, new.port,
        new.database_name, new.tls, new.tls_ca, new.admin_username, new.admin_password, new.default_user, new.node, new.uid,
        new.created_by, new.created_at, new.changed_at, new.findings)
    .map(drop)
}

/// Whether a service of this node runs under this user number.
pub async fn has_uid(tx: &mut Tx, node: &str, uid: i64) -> Result<bool, Error> {
    let found = sql!(maybe tx, (i64,), "SELECT uid FROM service WHERE node = $1 AND uid = $2", node, uid)?;
    Ok(found.is_some())
}

pub async fn find(tx: &mut ReadTx, project: ProjectKey, name: &str) -> Result<Option<Service>, Error> {
    sql!(maybe tx, Service, select!("WHERE project = $1 AND name = $2"), project, name)
}

pub async fn look(tx: &mut ReadTx, key: ServiceKey) -> Result<Option<Service>, Error> {
    sql!(maybe tx, Service, select!("WHERE key = $1"), key)
}

pub async fn get(tx: &mut Tx, key: ServiceKey) -> Result<Option<Service>, Error> {
    sql!(maybe tx, Service, select!("WHERE key = $1"), key)
}

pub async fn list(
    tx: &mut ReadTx,
    project: ProjectKey,
    request: &PageRequest,
) -> Result<Vec<Service>, Error> {
    let limit = i64::try_from(request.size() + 1).unwrap_or(i64::MAX);
    let text = if request.descending() { page!("<", "DESC") } else { page!(">", "ASC") };
    sql!(all tx, Service, text, project, request.after_name(), request.pattern(), limit)
}

/// Every service that this node looks after: its own managed ones, and all attached ones.
pub async fn of_node(tx: &mut ReadTx, node: &str) -> Result<Vec<Service>, Error> {
    sql!(all tx, Service, select!("WHERE node = $1 OR mode = 'attached' ORDER BY key"), node)
}

pub async fn rename(tx: &mut Tx, key: ServiceKey, name: &str) -> Result<(), Error> {
    sql!(exec tx, "UPDATE service SET name = $2 WHERE key = $1", key, name).map(drop)
}

pub async fn want(tx: &mut Tx, key: ServiceKey, wanted: Wanted, state: State) -> Result<(), Error> {
    sql!(exec tx, "UPDATE service SET wanted = $2, state = $3, step = NULL, failure = NULL WHERE key = $1",
        key, wanted, state)
    .map(drop)
}

pub async fn step(tx: &mut Tx, key: ServiceKey, step: &str) -> Result<(), Error> {
    sql!(exec tx, "UPDATE service SET step = $2 WHERE key = $1", key, step).map(drop)
}

/// Notes why work that goes on has not succeeded yet.
pub async fn note_failure(tx: &mut Tx, key: ServiceKey, failure: &str) -> Result<(), Error> {
    sql!(exec tx, "UPDATE service SET failure = $2 WHERE key = $1", key, failure).map(drop)
}

/// Takes the lease on a service, or holds it on; `false` while another holder's lasts.
pub async fn hold_lease(
    tx: &mut Tx,
    key: ServiceKey,
    holder: Uuid,
    now: At,
    until: At,
) -> Result<bool, Error> {
    // A service that is gone keeps nobody waiting.
    let (others,) = sql!(one tx, (i64,),
        "SELECT COUNT(*) FROM service WHERE key = $1 AND lease_holder <> $2 AND lease_until >= $3", key, holder, now)?;
    sql!(exec tx,
        "UPDATE service SET lease_holder = $2, lease_until = $4
         WHERE key = $1 AND (lease_holder IS NULL OR lease_holder = $2 OR lease_until < $3)",
        key, holder, now, until)?;
    Ok(others == 0)
}

pub async fn give_back_lease(tx: &mut Tx, key: ServiceKey, holder: Uuid) -> Result<(), Error> {
    sql!(exec tx, "UPDATE service SET lease_holder = NULL, lease_until = NULL WHERE key = $1 AND lease_holder = $2",
        key, holder)
    .map(drop)
}

/// Notes how a service was seen to be.
pub async fn observe(tx: &mut Tx, key: ServiceKey, state: State, failure: Option<&str>) -> Result<(), Error> {
    sql!(exec tx, "UPDATE service SET state = $2, failure = $3, step = NULL WHERE key = $1", key, state, failure)
        .map(drop)
}

/// A restart that has stopped the server has only to start it.
pub async fn restarted(tx: &mut Tx, key: ServiceKey) -> Result<(), Error> {
    sql!(exec tx, "UPDATE service SET wanted = 'running', state = 'starting' WHERE key = $1 AND wanted = 'restarted'", key)
        .map(drop)
}

pub async fn address(tx: &mut Tx, key: ServiceKey, port: i64, version: &str, now: At) -> Result<(), Error> {
    sql!(exec tx, "UPDATE service SET port = $2, version = $3, changed_at = $4 WHERE key = $1", key, port, version, now)
        .map(drop)
}

pub async fn findings(tx: &mut Tx, key: ServiceKey, findings: &str) -> Result<(), Error> {
    sql!(exec tx, "UPDATE service SET findings = $2 WHERE key = $1", key, findings).map(drop)
}

pub async fn delete(tx: &mut Tx, key: ServiceKey) -> Result<(), Error> {
    sql!(exec tx, "DELETE FROM service WHERE key = $1", key).map(drop)
}

row! {
    /// A line of the list of services.
    #[derive(Debug, Clone)]
    pub struct ServiceLine {
        /// Its name.
        pub name: String,
        /// Its project's.
        pub project: String,
        /// Managed or attached.
        pub mode: Mode,
        /// How it was seen last.
        pub state: State,
        /// The server's version.
        pub version: String,
        /// Where it listens.
        pub host: String,
        /// On which port; 0 until it is chosen.
        pub port: i64,
        /// When it was made.
        pub created_at: At,
    }
}

/// The services of an organization's projects, or of one of them; for a viewer, of those that they are a member of.
pub async fn lines(
    tx: &mut ReadTx,
    organization: &str,
    project: Option<ProjectKey>,
    viewer: Option<AccountKey>,
) -> Result<Vec<ServiceLine>, Error> {
    sql!(all tx, ServiceLine,
        "SELECT s.name, p.name AS project, s.mode, s.state, s.version, s.host, s.port, s.created_at
         FROM service s JOIN project p ON p.key = s.project
         WHERE p.organization = $1 AND ($2 IS NULL OR p.key = $2)
           AND ($3 IS NULL OR EXISTS (SELECT 1 FROM project_member m WHERE m.project = p.key AND m.account = $3))
         ORDER BY s.name, p.name LIMIT 5000",
        organization, project, viewer)
}
