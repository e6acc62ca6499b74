//! A database server and the administrator's connections to it.

use std::ops::Deref;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Instant;

use tokio::sync::{Semaphore, SemaphorePermit};

use super::dial::Dialer;
use super::session::Session;
use crate::{Address, EngineError, Result, Secret};

/// A name and password to sign in to a server with.
#[derive(Debug, Clone)]
pub struct Login {
    /// The role's name.
    pub username: String,
    /// Its password.
    pub password: Secret,
}

/// How far our rights on a server reach.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Reach {
    /// We made it and are its superuser.
    Managed,
    /// Somebody else's: we are whatever the login is.
    Attached,
}

/// What a server tells about itself and about our login.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Facts {
    /// "17.10".
    pub version: String,
    /// 170010.
    pub version_number: i32,
    /// Whether our login is a superuser.
    pub superuser: bool,
    /// Whether our login may make users.
    pub can_create_roles: bool,
    /// How long the server took to answer a question.
    pub milliseconds: u64,
}

/// What came of trying to sign in.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum LoginOutcome {
    /// The login works.
    Accepted,
    /// The server refuses it.
    Refused,
    /// The server could not be asked; the reason.
    Unknown(String),
}

/// As many connections of ours as a server ever sees at a time.
const MOST_SESSIONS: usize = 4;
/// As many as wait for the next question; only in the database that nobody's work is hindered in.
const MOST_IDLE: usize = 2;

/// A database server. Cheap to clone; keeps a few connections and opens new ones when they break.
#[derive(Clone)]
pub struct Server(Arc<Inner>);

struct Inner {
    dialer: Dialer,
    public: Option<Dialer>,
    login: Login,
    database: String,
    reach: Reach,
    idle: Mutex<Vec<Arc<Session>>>,
    room: Semaphore,
}

impl Server {
    /// A server at an address, reached with an administrator's login; `database` is the service's own.
    #[must_use]
    pub fn new(address: Address, login: Login, database: String, reach: Reach) -> Self {
        Self::build(Dialer::new(address, reach), None, login, database, reach)
    }

    /// As [`Server::new`], for a server that its users reach elsewhere than its administrator (who comes by a Unix
    /// socket, say): logins are tried at `public`.
    #[must_use]
    pub fn with_public(
        address: Address,
        public: Address,
        login: Login,
        database: String,
        reach: Reach,
    ) -> Self {
        Self::build(Dialer::new(address, reach), Some(Dialer::new(public, reach)), login, database, reach)
    }

    fn build(dialer: Dialer, public: Option<Dialer>, login: Login, database: String, reach: Reach) -> Self {
        let room = Semaphore::new(MOST_SESSIONS);
        Self(Arc::new(Inner { dialer, public, login, database, reach, idle: Mutex::default(), room }))
    }

    /// Signs in and asks for the server's version and our rights (Test Connection, D7).
    ///
    /// # Errors
    /// When it cannot be reached or refuses the login.
    pub async fn check(&self) -> Result<Facts> {
        let session = self.hub().await?;
        let asked = Instant::now();
        let version: String =
            session.value("SELECT pg_catalog.current_setting('server_version')", &[]).await?;
        // Distributions put their own name behind it.
        let version = version.split(' ').next().unwrap_or_default().to_owned();
        let milliseconds = u64::try_from(asked.elapsed().as_millis()).unwrap_or(u64::MAX);
        Ok(Facts {
            version,
            version_number: session.standing.number,
            superuser: session.standing.superuser,
            can_create_roles: session.standing.superuser || session.standing.create_role,
            milliseconds,
        })
    }

    /// Signs in as somebody else, over the network and with the password itself, and tells what came of it.
    pub async fn try_login(&self, username: &str, password: &Secret, database: Option<&str>) -> LoginOutcome {
        let login = Login { username: username.to_owned(), password: password.clone() };
        let dialer = self.0.public.as_ref().unwrap_or(&self.0.dialer);
        match dialer.connect(&login, database.unwrap_or(&self.0.database)).await {
            Ok(_) => LoginOutcome::Accepted,
            // The password was right, but this database lets the login not in.
            Err(EngineError::Refused { .. } | EngineError::Forbidden(_)) => LoginOutcome::Refused,
            Err(other) => LoginOutcome::Unknown(other.to_string()),
        }
    }

    /// Runs a script as one of the server's own users, signed in with its own password, in the service's database.
    ///
    /// # Errors
    /// When the login is refused, or the server refuses the script.
    pub async fn run_as(&self, login: &Login, script: &str) -> Result<()> {
        let dialer = self.0.public.as_ref().unwrap_or(&self.0.dialer);
        Ok(dialer.connect(login, &self.0.database).await?.batch_execute(script).await?)
    }

    pub(super) fn reach(&self) -> Reach {
        self.0.reach
    }

    /// The service's own database.
    pub(super) fn database(&self) -> &str {
        &self.0.database
    }

    /// The administrator's own login.
    pub(super) fn administrator(&self) -> &str {
        &self.0.login.username
    }

    /// The database from which the server as a whole is looked after. On a managed server `postgres`, where our
    /// waiting connections hinder nobody from dropping, renaming or copying a database.
    pub(super) fn hub_name(&self) -> &str {
        match self.0.reach {
            Reach::Managed => "postgres",
            Reach::Attached => &self.0.database,
        }
    }

    /// A connection to the hub.
    pub(super) async fn hub(&self) -> Result<Lease<'_>> {
        self.session(self.hub_name()).await
    }

    /// A connection to a database, for one caller at a time.
    pub(super) async fn session(&self, database: &str) -> Result<Lease<'_>> {
        let Ok(permit) = self.0.room.acquire().await else {
            return Err(EngineError::Internal("the server's connections were closed".to_owned()));
        };
        let waiting = if database == self.hub_name() { self.idle().pop() } else { None };
        let session = if let Some(session) = waiting.filter(|session| session.is_sound()) {
            session
        } else {
            let client = self.0.dialer.connect(&self.0.login, database).await?;
            let session = Session::begin(client, database).await?;
            self.0.dialer.note_version(session.standing.number);
            Arc::new(session)
        };
        Ok(Lease { session, server: self, _permit: permit })
    }

    fn idle(&self) -> std::sync::MutexGuard<'_, Vec<Arc<Session>>> {
        self.0.idle.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl std::fmt::Debug for Server {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Server")
            .field("database", &self.0.database)
            .field("reach", &self.0.reach)
            .finish_non_exhaustive()
    }
}

/// A session that goes back to the waiting ones when it is dropped, if it is sound. Whoever holds one asks for no
/// second: that is how everybody gets a turn.
pub(super) struct Lease<'a> {
    session: Arc<Session>,
    server: &'a Server,
    _permit: SemaphorePermit<'a>,
}

impl Deref for Lease<'_> {
    type Target = Session;

    fn deref(&self) -> &Session {
        &self.session
    }
}

impl Drop for Lease<'_> {
    fn drop(&mut self) {
        if self.session.database != self.server.hub_name() || !self.session.is_sound() {
            return;
        }
        let mut idle = self.server.idle();
        if idle.len() < MOST_IDLE {
            idle.push(Arc::clone(&self.session));
        }
    }
}
