//! A Rolecall of its own for each test: real store, real routes, a clock that tests move. Words are the user's.
//!
//! `ROLECALL_TEST_STORE=postgres://…` runs the same tests on PostgreSQL, each in a database of its own.

mod client;
mod servers;

pub use client::{Answer, Client};
pub use servers::{Foreign, Managed, encoded, made, one, port_of, sign_in, until};

/// Changes the store behind everybody's back: nothing is recorded, and no cache is told.
#[macro_export]
macro_rules! meddle {
    ($world:expr, $text:expr $(, $value:expr)* $(,)?) => {{
        let done: Result<u64, $crate::ground::store::Error> =
            $crate::transaction!($world.app.store, &$crate::testing::unrecorded(), |tx| $crate::sql!(exec tx, $text $(, $value)*));
        done.unwrap()
    }};
}

/// Reads rows of the store.
#[macro_export]
macro_rules! look {
    ($world:expr, $row:ty, $text:expr $(, $value:expr)* $(,)?) => {{
        let mut tx = $world.app.store.read(&$crate::testing::unrecorded()).await.unwrap();
        $crate::sql!(all tx, $row, $text $(, $value)*).unwrap()
    }};
}

/// A proof of work that leaves no record.
#[must_use]
pub fn unrecorded() -> System<FinishWork> {
    System::on(&Installation)
}

use crate::app::App;
use crate::config::{Config, Flags, Inputs};
use crate::databases::services::{ServiceKey, password_place};
use crate::ground::access::{
    AccountKey, FinishWork, Installation, OrganizationRole, Prepare, ProjectKey, ProjectRole, System,
    TokenKey,
};
use crate::ground::clock::{At, Clock, Hands};
use crate::ground::dice::Dice;
use crate::ground::passwords::{Cost, Passwords};
use crate::ground::secret::Secret;
use crate::ground::store::Error;
use crate::ground::telemetry::Figures;
use crate::ground::web::Routed;
use crate::people::sign_in::make_token;
use crate::serve::{self, Background, Tools};
use crate::{sql, transaction};
use sha2::{Digest as _, Sha256};
use std::path::{Path, PathBuf};

/// The password of `admin` in a world.
pub const PASSWORD: &str = "correct-horse-battery";

/// One installation.
pub struct World {
    /// It.
    pub app: App,
    /// Its routes.
    pub routed: Routed,
    /// Moves its clock.
    pub hands: Hands,
    database: Option<TestDatabase>,
    background: Option<Background>,
    environment: Vec<(String, Secret)>,
    /// Gone with the world; the servers before the folder that they lie in.
    _servers: Option<servers::Servers>,
    _folder: Option<tempfile::TempDir>,
}

struct TestDatabase {
    name: String,
    server: String,
}

impl World {
    /// An installation that `admin` holds, without background work.
    pub async fn new() -> Self {
        Self::with(&[("ROLECALL_ADMIN_PASSWORD", PASSWORD)]).await
    }

    /// An installation with these settings, by the names of their variables.
    pub async fn with(settings: &[(&str, &str)]) -> Self {
        // Below /tmp itself: servers under users of their own must be able to pass through.
        let folder = tempfile::Builder::new().prefix("rolecall-test-").tempdir_in("/tmp").unwrap();
        let permissions = std::os::unix::fs::PermissionsExt::from_mode(0o711);
        std::fs::set_permissions(folder.path(), permissions).unwrap();
        let (clock, hands) = Clock::movable(At::parse("2026-01-02T03:04:05Z").unwrap());
        let dice = Dice::system(clock.clone());
        let database = TestDatabase::create(&dice).await;
        let data = folder.path().join("data");
        let mut environment: Vec<(String, Secret)> =
            settings.iter().map(|(name, value)| ((*name).to_owned(), Secret::new(*value))).collect();
        environment.push(("ROLECALL_DATA".into(), Secret::new(data.to_string_lossy())));
        environment.push(("ROLECALL_POSTGRESQL_FOLDERS".into(), Secret::new(postgresql_folders())));
        for (name, value) in servers::settings() {
            environment.push((name.into(), Secret::new(value)));
        }
        if let Some(database) = &database {
            environment.push(("ROLECALL_STORE".into(), Secret::new(database.url())));
        }
        let app = open(&environment, &clock).await;
        let routed = serve::routes(&app);
        let servers = servers::Servers(app.fleet.home().clone(), data.join("clusters"));
        Self {
            app,
            routed,
            hands,
            database,
            background: None,
            environment,
            _servers: Some(servers),
            _folder: Some(folder),
        }
    }

    /// Rolecall ends and another one begins on the same store and data. The managed servers go on.
    pub async fn again(mut self) -> Self {
        if let Some(background) = self.background.take() {
            background.stop().await;
        }
        self.app.store.close().await;
        let clock = self.app.clock.clone();
        self.app = open(&self.environment, &clock).await;
        self.routed = serve::routes(&self.app);
        self.background = Some(Background::start(&self.app).await.unwrap());
        self
    }

    /// Another node on the same store, without background work: what it knows, it has read.
    pub async fn beside(&self) -> Self {
        let app = open(&self.environment, &self.app.clock).await;
        let routed = serve::routes(&app);
        Self {
            app,
            routed,
            hands: self.hands.clone(),
            database: None,
            background: None,
            environment: self.environment.clone(),
            _servers: None,
            _folder: None,
        }
    }

    /// The same with its background work: jobs, sealing, watching.
    pub async fn at_work() -> Self {
        let mut world = Self::new().await;
        world.background = Some(Background::start(&world.app).await.unwrap());
        world
    }

    /// An organization made behind everybody's back.
    pub async fn organization(&self, id: &str) {
        meddle!(
            self,
            "INSERT INTO organization (id, name, folded_name, default_role, created_at)
            VALUES ($1, $1, $1, 'member', 0)",
            id
        );
    }

    /// A role in an organization, given behind everybody's back, before its holder's next request.
    pub async fn join(&self, organization: &str, account: &str, role: OrganizationRole) {
        meddle!(
            self,
            "INSERT INTO organization_member (organization, account, role, joined_at)
            SELECT $1, key, $3, 0 FROM account WHERE id = $2",
            organization,
            account,
            role
        );
        self.tell().await;
    }

    /// A project made behind everybody's back, with an attached service in it that nobody reaches.
    pub async fn project(&self, organization: &str, name: &str) {
        meddle!(
            self,
            "INSERT INTO project (key, name, organization, created_at) VALUES ($1, $2, $3, 0)",
            ProjectKey(self.app.dice.uuid()),
            name,
            organization
        );
        self.service(name, "pg").await;
    }

    /// An attached service that nobody reaches, made behind everybody's back if it isn't there.
    pub async fn service(&self, project: &str, name: &str) {
        let key = ServiceKey(self.app.dice.uuid());
        let password = self.app.vault.seal(&password_place(key), &Secret::new("of-no-use")).unwrap();
        meddle!(self, "INSERT INTO service (key, project, name, engine, mode, state, wanted, host, port, database_name, tls,
                admin_username, admin_password, created_by, created_at, changed_at)
            SELECT $1, key, $3, 'postgresql', 'attached', 'running', 'running', '127.0.0.1', 1, 'postgres', 'off',
                'postgres', $4, 'admin', 0, 0 FROM project WHERE name = $2
            ON CONFLICT (project, name) DO NOTHING", key, project, name, password.as_slice());
    }

    /// Lets everybody look anew who may do what.
    pub async fn tell(&self) {
        let proof = System::<Prepare>::on(&Installation);
        let done: Result<(), Error> = transaction!(self.app.store, &proof, |tx| {
            tx.silent();
            Ok(())
        });
        done.unwrap();
    }

    /// Nobody's client.
    pub fn nobody(&self) -> Client {
        Client::new(self.routed.router.clone(), None)
    }

    /// `admin`'s client.
    pub async fn admin(&self) -> Client {
        let answer = self
            .nobody()
            .post("/api/v1/login", &serde_json::json!({ "account": "admin", "password": PASSWORD }))
            .await;
        self.bearer(answer.status(201).text("token"))
    }

    /// The client of whoever holds this token.
    pub fn bearer(&self, token: &str) -> Client {
        Client::new(self.routed.router.clone(), Some(token.to_owned()))
    }

    /// An account made behind everybody's back, signed in, with these roles.
    pub async fn account(
        &self,
        id: &str,
        organization: Option<OrganizationRole>,
        project: Option<(&str, ProjectRole)>,
    ) -> Client {
        let token = make_token(&self.app.dice);
        self.insert_account(id, organization, project, &token).await.unwrap();
        self.bearer(token.expose())
    }

    async fn insert_account(
        &self,
        id: &str,
        organization: Option<OrganizationRole>,
        project: Option<(&str, ProjectRole)>,
        token: &Secret,
    ) -> Result<(), Error> {
        let (key, now) = (AccountKey(self.app.dice.uuid()), self.app.clock.now());
        let hash = Sha256::digest(token.expose().as_bytes()).to_vec();
        let proof = System::<Prepare>::on(&Installation);
        transaction!(self.app.store, &proof, |tx| {
            sql!(exec tx, "INSERT INTO account (key, id, folded_id, kind, created_at) VALUES ($1, $2, $2, 'person', $3)",
                key, id, now)?;
            sql!(exec tx,
                "INSERT INTO token (key, account, hash, kind, created_at, proved_at, last_used_at)
                 VALUES ($1, $2, $3, 'generated', $4, $4, $4)",
                TokenKey(self.app.dice.uuid()), key, hash.as_slice(), now)?;
            if let Some(role) = organization {
                sql!(exec tx, "INSERT INTO organization_member VALUES ('default', $1, $2, $3)", key, role, now)?;
            }
            if let Some((name, role)) = project {
                let (project,) =
                    sql!(one tx, (ProjectKey,), "SELECT key FROM project WHERE name = $1", name)?;
                sql!(exec tx, "INSERT INTO project_member VALUES ($1, $2, $3, $4)", project, key, role, now)?;
            }
            Ok::<_, Error>(())
        })
    }

    /// Ends background work, then the installation.
    pub async fn stop(mut self) {
        if let Some(background) = self.background.take() {
            background.stop().await;
        }
        self.app.store.close().await;
        if let Some(database) = self.database.take() {
            database.drop().await;
        }
    }
}

async fn open(environment: &[(String, Secret)], clock: &Clock) -> App {
    let dice = Dice::system(clock.clone());
    let inputs =
        Inputs { flags: Flags::default(), environment: environment.to_vec(), folder: PathBuf::from("/tmp") };
    let config = Config::load(&inputs).unwrap();
    let cheap = Cost { memory_kib: 64, passes: 1 };
    let tools = Tools {
        passwords: Passwords::with_cost(cheap, 2, dice.clone()).unwrap(),
        figures: Figures::recorder(clock.clone()).unwrap().1,
        clock: clock.clone(),
        dice,
    };
    serve::open(config, tools).await.unwrap()
}

/// Holds a text against the committed file of this name; `UPDATE_DOCS=1` writes it.
#[expect(clippy::disallowed_methods, reason = "whoever runs the tests asks for the file to be written")]
pub fn must_be_committed(path: &str, text: &str) {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..").join(path);
    if std::env::var_os("UPDATE_DOCS").is_some() {
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(&path, text).unwrap();
    }
    let written = std::fs::read_to_string(&path).unwrap_or_default();
    let first = written.lines().zip(text.lines()).find(|(old, new)| old != new);
    assert!(
        written == text,
        "{} is stale, first here: {first:#?}
look at what changed, then run the test with UPDATE_DOCS=1",
        path.display()
    );
}

/// Where installed PostgreSQL versions are looked for.
#[expect(clippy::disallowed_methods, reason = "tests are told by their environment where servers are")]
fn postgresql_folders() -> String {
    std::env::var("ROLECALL_POSTGRESQL_FOLDERS").unwrap_or_default()
}

#[expect(clippy::disallowed_methods, reason = "tests are told by their environment which store to run on")]
fn test_store() -> Option<String> {
    std::env::var("ROLECALL_TEST_STORE").ok().filter(|url| url.starts_with("postgres"))
}

impl TestDatabase {
    async fn create(dice: &Dice) -> Option<Self> {
        let server = test_store()?;
        let name = format!("t{}", dice.uuid().simple());
        crate::ground::store::testing::run(&server, format!("CREATE DATABASE {name}")).await;
        Some(Self { name, server })
    }

    fn url(&self) -> String {
        let (base, _) = self.server.rsplit_once('/').unwrap();
        format!("{base}/{}", self.name)
    }

    async fn drop(self) {
        crate::ground::store::testing::run(&self.server, format!("DROP DATABASE {} WITH (FORCE)", self.name))
            .await;
    }
}
