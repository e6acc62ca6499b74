//! Managed servers in tests: numbers and ports that no other test uses, their end with their world, clients as their
//! users.

use super::{Client, World};
use crate::ground::secret::Secret;
use engines::postgresql::Verifier;
use engines::postgresql::cluster::{Cluster, Home, Plan};
use serde_json::{Value, json};
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;
use tokio_postgres::NoTls;

/// Settings by which the servers of this world are told from those of every other test that runs.
pub(super) fn settings() -> [(&'static str, String); 2] {
    static WORLDS: AtomicU32 = AtomicU32::new(0);
    let process = std::process::id();
    let first_uid = 500_000_000 + process * 128 + WORLDS.fetch_add(1, Ordering::Relaxed) * 16;
    let first_port = 10_000 + process % 400 * 25;
    [
        ("ROLECALL_POSTGRESQL_FIRST_UID", first_uid.to_string()),
        ("ROLECALL_POSTGRESQL_PORTS", format!("{first_port}-{}", first_port + 24)),
    ]
}

/// Ends and removes the servers of a world with it, also when its test panics.
pub(super) struct Servers(pub(super) Home, pub(super) std::path::PathBuf);

impl Drop for Servers {
    fn drop(&mut self) {
        let names: Vec<String> = std::fs::read_dir(&self.1)
            .into_iter()
            .flatten()
            .flatten()
            .filter_map(|entry| entry.file_name().into_string().ok())
            .collect();
        let destroy_all = || {
            let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
            let all = async {
                for cluster in names.iter().filter_map(|name| Cluster::at(&self.0, name).ok()) {
                    if let Err(error) = cluster.destroy().await {
                        eprintln!("a server of a test could not be removed: {error}");
                    }
                }
            };
            let _ = runtime.block_on(async { tokio::time::timeout(Duration::from_secs(20), all).await });
            runtime.shutdown_background();
        };
        // From a thread where no other runtime is in the way.
        let _ = std::thread::scope(|scope| scope.spawn(destroy_all).join());
    }
}

/// Waits for something to come true that another program does, for a while.
pub async fn until(what: &str, mut come: impl AsyncFnMut() -> bool) {
    let true_at_last = async {
        while !come().await {
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    };
    let waited = tokio::time::timeout(Duration::from_secs(40), true_at_last).await;
    assert!(waited.is_ok(), "it did not happen that {what}");
}

/// Signs in to a server on this machine.
///
/// # Errors
/// When the server refuses it.
pub async fn sign_in(
    port: u16,
    username: &str,
    password: &str,
    database: &str,
) -> Result<tokio_postgres::Client, tokio_postgres::Error> {
    let mut config = tokio_postgres::Config::new();
    config.host("127.0.0.1").port(port).user(username).password(password).dbname(database);
    let (client, connection) = config.connect_timeout(Duration::from_secs(10)).connect(NoTls).await?;
    tokio::spawn(connection);
    Ok(client)
}

/// A name as a part of a path.
pub fn encoded(name: &str) -> String {
    name.bytes().fold(String::new(), |path, byte| path + &format!("%{byte:02X}"))
}

/// One value of a row as text.
pub async fn one(client: &tokio_postgres::Client, sql: &str) -> String {
    let row = client.query_one(&format!("SELECT ({sql})::text"), &[]).await;
    row.unwrap_or_else(|error| panic!("{sql}: {error:?}")).get::<_, Option<String>>(0).unwrap_or_default()
}

/// A running managed service and whoever administers it.
pub struct Managed {
    /// Where it is.
    pub world: World,
    /// `admin`'s client.
    pub admin: Client,
    /// The service's address in the API.
    pub path: String,
    /// The port of its server.
    pub port: u16,
}

impl Managed {
    /// A service named `main` in a project named `shop`.
    pub async fn new() -> Self {
        Self::with(json!({})).await
    }

    /// The same with more in the body that makes it.
    pub async fn with(more: Value) -> Self {
        let world = World::at_work().await;
        let admin = world.admin().await;
        admin
            .post("/api/v1/projects", &json!({ "name": "shop", "organization": "default" }))
            .await
            .status(201);
        let view = made(&admin, "shop", "main", more).await;
        let port = port_of(&view);
        Self { world, admin, path: "/api/v1/projects/shop/services/main".to_owned(), port }
    }

    /// A path below the service's.
    pub fn at(&self, rest: &str) -> String {
        format!("{}{rest}", self.path)
    }

    /// A user with a generated password, which is returned.
    pub async fn user(&self, name: &str, more: Value) -> String {
        let body = merged(json!({ "username": name }), more);
        let answer = self.admin.post(&self.at("/users"), &body).await.status(201);
        answer.text("password").to_owned()
    }

    /// Signs in to the service's database.
    ///
    /// # Errors
    /// When the server refuses it.
    pub async fn sign_in(
        &self,
        username: &str,
        password: &str,
    ) -> Result<tokio_postgres::Client, tokio_postgres::Error> {
        sign_in(self.port, username, password, "defaultdb").await
    }

    /// The password that a user's eye shows.
    pub async fn revealed(&self, username: &str) -> Value {
        self.admin.post(&self.at(&format!("/users/{username}/reveal")), &json!({})).await.status(200).json()
    }

    /// The server's superuser in a database.
    pub async fn postgres(&self, database: &str) -> tokio_postgres::Client {
        let revealed = self.revealed("postgres").await;
        sign_in(self.port, "postgres", revealed["password"].as_str().unwrap(), database).await.unwrap()
    }

    /// What the API says of the service.
    pub async fn view(&self) -> Value {
        self.admin.get(&self.path).await.status(200).json()
    }

    /// Waits until the service is in this state.
    pub async fn until_state(&self, state: &str) {
        until(&format!("the service is {state}"), async || self.view().await["state"] == state).await;
    }
}

/// A server that belongs to somebody else: nothing in it is ours.
pub struct Foreign {
    cluster: Cluster,
    /// Where it listens.
    pub port: u16,
}

impl Foreign {
    /// The superuser's password on it.
    pub const PASSWORD: &'static str = "somebody-elses-superuser";

    /// One that runs; it ends with the world.
    pub async fn start(world: &World) -> Self {
        let config = &world.app.config;
        let plan = Plan {
            name: "foreign".to_owned(),
            installation: world.app.fleet.installations()[0].clone(),
            port: None,
            listen: Vec::new(),
            hosts: Vec::new(),
            networks: Vec::new(),
            owner: Some(config.postgresql_first_uid + 15),
            superuser_verifier: Verifier::derive(&Secret::new(Self::PASSWORD)).unwrap().text().to_owned(),
        };
        let cluster = Cluster::create(world.app.fleet.home(), &plan, &|_| {}).await.unwrap();
        let port = cluster.address().await.unwrap().tcp.port();
        Self { cluster, port }
    }

    /// Its superuser.
    pub async fn postgres(&self) -> tokio_postgres::Client {
        sign_in(self.port, "postgres", Self::PASSWORD, "postgres").await.unwrap()
    }

    /// Its owner stops it.
    pub async fn stop(&self) {
        self.cluster.stop(Duration::from_secs(10)).await.unwrap();
    }

    /// Its owner starts it again.
    pub async fn resume(&self) {
        self.cluster.start().await.unwrap();
    }
}

/// Makes a managed service and waits until it runs.
pub async fn made(admin: &Client, project: &str, name: &str, more: Value) -> Value {
    let body = merged(json!({ "name": name, "mode": "managed", "engine": "postgresql" }), more);
    let services = format!("/api/v1/projects/{project}/services");
    admin.post(&services, &body).await.status(201);
    let path = format!("{services}/{name}");
    until("the service runs", async || {
        let view = admin.get(&path).await.status(200).json();
        assert_ne!(view["state"], "failed", "{view}");
        view["state"] == "running"
    })
    .await;
    admin.get(&path).await.status(200).json()
}

/// The port in a service's view.
pub fn port_of(view: &Value) -> u16 {
    u16::try_from(view["port"].as_u64().unwrap()).unwrap()
}

fn merged(mut body: Value, more: Value) -> Value {
    let (Some(body_fields), Value::Object(more)) = (body.as_object_mut(), more) else { return body };
    body_fields.extend(more);
    body
}
