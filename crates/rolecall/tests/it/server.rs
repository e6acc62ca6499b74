//! A Rolecall that can be killed and started again on the same data.

use engines::postgresql::cluster::{Authority, Cluster, Home};
use reqwest::Method;
use rolecall::ground::faults;
use serde_json::{Value, json};
use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::os::unix::process::ExitStatusExt as _;
use std::path::PathBuf;
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;
use tempfile::TempDir;
use tokio_postgres::NoTls;

const PASSWORD: &str = "correct-horse-battery-9";

/// An installation; whatever it started ends with it.
pub(crate) struct Installation {
    server: Child,
    url: String,
    token: String,
    http: reqwest::Client,
    first_uid: u32,
    folder: TempDir,
}

/// What the API answered.
#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) code: u16,
    pub(crate) text: String,
}

impl Answer {
    pub(crate) fn json(&self) -> Value {
        serde_json::from_str(&self.text).unwrap_or_default()
    }

    pub(crate) fn expect(self, code: u16) -> Self {
        assert_eq!(self.code, code, "{}", self.text);
        self
    }
}

/// No two of them run servers under the same user ids.
static STARTED: AtomicU32 = AtomicU32::new(0);

impl Installation {
    /// One with the project `shop`, `admin` signed in.
    pub(crate) async fn new() -> Self {
        drop(rustls::crypto::ring::default_provider().install_default());
        // Below /tmp itself: servers under users of their own must be able to pass through.
        let folder = tempfile::Builder::new().prefix("rolecall-it-").tempdir_in("/tmp").unwrap();
        fs::set_permissions(folder.path(), fs::Permissions::from_mode(0o711)).unwrap();
        let first_uid =
            1_100_000_000 + std::process::id() * 128 + STARTED.fetch_add(1, Ordering::Relaxed) * 32;
        let http = reqwest::Client::builder().timeout(Duration::from_mins(1)).build().unwrap();
        let server = spawn(&folder, first_uid);
        let mut new = Self { server, url: String::new(), token: String::new(), http, first_uid, folder };
        new.ready().await;
        let login = new.post("/login", json!({ "account": "admin", "password": PASSWORD })).await.expect(201);
        login.json()["token"].as_str().unwrap().clone_into(&mut new.token);
        new.post("/projects", json!({ "name": "shop", "organization": "default" })).await.expect(201);
        new
    }

    async fn ready(&mut self) {
        let mut url = None;
        until("Rolecall is ready", async || {
            let said = self.log();
            url =
                said.lines().rev().find_map(|line| Some(line.split_once(" ready at ")?.1.trim().to_owned()));
            url.is_some()
        })
        .await;
        self.url = url.unwrap();
    }

    /// Names the point at which it shall end.
    pub(crate) fn arm(&self, point: &str) {
        fs::write(self.folder.path().join("fault"), point).unwrap();
    }

    /// Waits for its end, and starts another one on the same data.
    pub(crate) async fn rise_again(&mut self) -> ExitStatus {
        let mut ended = None;
        until("the process ends", async || {
            ended = self.server.try_wait().unwrap();
            ended.is_some()
        })
        .await;
        self.arm("");
        fs::write(self.folder.path().join("log"), "").unwrap();
        self.server = spawn(&self.folder, self.first_uid);
        self.ready().await;
        ended.unwrap()
    }

    /// As `kill -9`.
    pub(crate) fn kill(&mut self) {
        self.server.kill().unwrap();
    }

    /// What it logged since it was started.
    pub(crate) fn log(&self) -> String {
        fs::read_to_string(self.folder.path().join("log")).unwrap_or_default()
    }

    pub(crate) fn folder(&self) -> PathBuf {
        self.folder.path().to_owned()
    }

    pub(crate) async fn get(&self, path: &str) -> Answer {
        self.send(Method::GET, path, None).await.unwrap()
    }

    pub(crate) async fn post(&self, path: &str, body: Value) -> Answer {
        self.send(Method::POST, path, Some(body)).await.unwrap()
    }

    pub(crate) async fn put(&self, path: &str, body: Value) -> Answer {
        self.send(Method::PUT, path, Some(body)).await.unwrap()
    }

    pub(crate) async fn delete(&self, path: &str) -> Answer {
        self.send(Method::DELETE, path, None).await.unwrap()
    }

    /// What came back, if anything did.
    pub(crate) async fn send(&self, method: Method, path: &str, body: Option<Value>) -> Option<Answer> {
        let mut request = self.http.request(method, format!("{}/api/v1{path}", self.url));
        if !self.token.is_empty() {
            request = request.bearer_auth(&self.token);
        }
        if let Some(body) = body {
            request = request.header("content-type", "application/json").body(body.to_string());
        }
        let response = request.send().await.ok()?;
        Some(Answer { code: response.status().as_u16(), text: response.text().await.ok()? })
    }

    /// Makes a service and waits until it runs.
    pub(crate) async fn service(&self, name: &str, version: Option<&str>) -> u16 {
        let body = json!({ "name": name, "mode": "managed", "engine": "postgresql", "version": version });
        self.post("/projects/shop/services", body).await.expect(201);
        self.until_state(name, "running").await
    }

    /// Waits until a service is in a state; its port.
    pub(crate) async fn until_state(&self, name: &str, state: &str) -> u16 {
        let path = format!("/projects/shop/services/{name}");
        let mut view = Value::Null;
        until(&format!("{name} is {state}"), async || {
            view = self.get(&path).await.json();
            view["state"] == state
        })
        .await;
        u16::try_from(view["port"].as_u64().unwrap()).unwrap()
    }

    /// The password of a user as the eye shows it.
    pub(crate) async fn revealed(&self, service: &str, username: &str) -> Option<String> {
        let path = format!("/projects/shop/services/{service}/users/{username}/reveal");
        Some(self.post(&path, json!({})).await.json()["password"].as_str()?.to_owned())
    }

    /// How many servers run below the data folder, and how many folders of servers there are.
    pub(crate) fn servers(&self) -> (usize, usize) {
        let clusters = self.folder.path().join("data/clusters");
        let needle = clusters.to_str().unwrap();
        let processes: Vec<(u32, u32)> = fs::read_dir("/proc")
            .unwrap()
            .flatten()
            .filter(|entry| {
                let line = fs::read(entry.path().join("cmdline")).unwrap_or_default();
                String::from_utf8_lossy(&line).contains(needle)
            })
            .filter_map(|entry| Some((entry.file_name().to_str()?.parse().ok()?, parent(&entry.path())?)))
            .collect();
        // A child that was forked a moment ago still bears its parent's name.
        let is_child = |parent: u32| processes.iter().any(|(pid, _)| *pid == parent);
        let running = processes.iter().filter(|(_, parent)| !is_child(*parent)).count();
        (running, fs::read_dir(clusters).map_or(0, Iterator::count))
    }
}

/// The parent of a process, by its folder in `/proc`.
fn parent(process: &std::path::Path) -> Option<u32> {
    let stat = fs::read_to_string(process.join("stat")).ok()?;
    stat.rsplit_once(')')?.1.split_whitespace().nth(1)?.parse().ok()
}

/// Whether it ended by a signal, as it does at a fault point and by `kill -9`.
pub(crate) fn was_killed(ended: ExitStatus) -> bool {
    ended.signal().is_some()
}

fn spawn(folder: &TempDir, first_uid: u32) -> Child {
    let log = fs::File::options().create(true).append(true).open(folder.path().join("log")).unwrap();
    let first_port = 30_000 + std::process::id() % 90 * 30;
    Command::new(env!("CARGO_BIN_EXE_rolecall"))
        .args(["serve", "--listen", "127.0.0.1:0", "--log", "trace", "--data"])
        .arg(folder.path().join("data"))
        .args(["--postgresql-first-uid", &first_uid.to_string()])
        .args(["--postgresql-ports", &format!("{first_port}-{}", first_port + 29)])
        .env("ROLECALL_ADMIN_PASSWORD", PASSWORD)
        .env(faults::VARIABLE, folder.path().join("fault"))
        .current_dir(folder.path())
        .stdout(Stdio::null())
        .stderr(log)
        .spawn()
        .unwrap()
}

impl Drop for Installation {
    fn drop(&mut self) {
        if std::thread::panicking() {
            let log = self.log();
            let telling = log.lines().filter(|line| line.contains("WARN") || line.contains("ERROR"));
            telling.for_each(|line| eprintln!("{line}"));
        }
        drop(self.server.kill());
        drop(self.server.wait());
        let data = self.folder.path().join("data");
        let destroy_all = || {
            let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
            let all = async {
                let authority = Authority::open_or_create(&data.join("authority"), "Rolecall").unwrap();
                let home =
                    Home::open(&data.join("clusters"), Arc::new(authority), 30_000..=30_001).await.unwrap();
                for entry in fs::read_dir(data.join("clusters")).unwrap().flatten() {
                    let cluster = Cluster::at(&home, &entry.file_name().to_string_lossy()).unwrap();
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
pub(crate) async fn until(what: &str, mut come: impl AsyncFnMut() -> bool) {
    let true_at_last = async {
        while !come().await {
            tokio::time::sleep(Duration::from_millis(30)).await;
        }
    };
    let waited = tokio::time::timeout(Duration::from_secs(45), true_at_last).await;
    assert!(waited.is_ok(), "it did not happen that {what}");
}

/// Signs in to a server on this machine.
pub(crate) async fn sign_in(
    port: u16,
    username: &str,
    password: &str,
) -> Result<tokio_postgres::Client, tokio_postgres::Error> {
    let mut config = tokio_postgres::Config::new();
    config.host("127.0.0.1").port(port).user(username).password(password).dbname("defaultdb");
    let (client, connection) = config.connect_timeout(Duration::from_secs(10)).connect(NoTls).await?;
    tokio::spawn(connection);
    Ok(client)
}
