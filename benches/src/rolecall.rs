//! A Rolecall of our own, on an empty data folder, with one managed service.

use std::{
    fs,
    net::TcpListener,
    os::unix::fs::DirBuilderExt,
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    time::{Duration, Instant},
};

use anyhow::{Context, Result, ensure};
use serde_json::{Value, json};

use crate::{
    cpu::{self, Used},
    http::Connection,
};

const PASSWORD: &str = "measured-by-the-bench-1";
pub(crate) const SERVICE: &str = "/api/v1/projects/bench/services/bench";

pub(crate) struct Rolecall {
    program: String,
    data: PathBuf,
    server: Option<Child>,
    pub(crate) port: u16,
    token: String,
}

impl Rolecall {
    pub(crate) async fn start(program: &str) -> Result<Self> {
        // Under root each database server has a uid of its own, which must be able to enter.
        let data = std::env::temp_dir().join(format!("rolecall-bench.{}", std::process::id()));
        fs::DirBuilder::new().mode(0o755).create(&data)?;
        let server = None;
        let mut rolecall =
            Self { program: program.to_owned(), data, server, port: free_port()?, token: String::new() };
        rolecall.spawn()?;
        let mut nobody = rolecall.until_ready("").await?;
        let session = sign_in(&mut nobody).await?;
        session.get("token").and_then(Value::as_str).context("no token")?.clone_into(&mut rolecall.token);
        Ok(rolecall)
    }

    /// Stops the server, starts it again, and says how long it took until it answered somebody signed in.
    pub(crate) async fn restart(&mut self) -> Result<Duration> {
        self.stop();
        let begin = Instant::now();
        self.spawn()?;
        let authorization = self.authorization();
        let mut connection = self.until_ready(&authorization).await?;
        connection.call("GET", "/api/v1/me", None).await?;
        Ok(begin.elapsed())
    }

    pub(crate) async fn connect(&self) -> Result<Connection> {
        Connection::open(self.port, &self.authorization()).await
    }

    pub(crate) fn authorization(&self) -> String {
        format!("Authorization: Bearer {}\r\n", self.token)
    }

    pub(crate) fn id(&self) -> u32 {
        self.server.as_ref().map_or(0, Child::id)
    }

    /// Processor time of the server without its databases, and of the databases.
    pub(crate) fn used(&self) -> Used {
        let postmaster = postmasters(&self.data).first().copied();
        Used {
            own: cpu::used(self.id(), postmaster),
            database: postmaster.map_or(Duration::ZERO, |id| cpu::used(id, None)),
        }
    }

    /// Makes a project with a managed service, and returns the service once it runs.
    pub(crate) async fn make_service(&self) -> Result<Value> {
        let mut admin = self.connect().await?;
        admin
            .call("POST", "/api/v1/projects", Some(json!({"name": "bench", "organization": "default"})))
            .await?;
        let service = json!({"name": "bench", "engine": "postgresql", "mode": "managed"});
        admin.call("POST", "/api/v1/projects/bench/services", Some(service)).await?;
        let begin = Instant::now();
        loop {
            let service = admin.call("GET", SERVICE, None).await?;
            if service.get("state").and_then(Value::as_str) == Some("running") {
                return Ok(service);
            }
            ensure!(begin.elapsed() < Duration::from_mins(2), "the service does not run: {service}");
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
    }

    fn spawn(&mut self) -> Result<()> {
        let mut command = Command::new(&self.program);
        command.args(["serve", "--listen", &format!("127.0.0.1:{}", self.port), "--data"]).arg(&self.data);
        command.env("ROLECALL_ADMIN_PASSWORD", PASSWORD).stdin(Stdio::null()).stdout(Stdio::null());
        command.stderr(fs::File::create(self.data.with_extension("log"))?);
        self.server = Some(command.spawn().with_context(|| format!("{} does not start", self.program))?);
        Ok(())
    }

    async fn until_ready(&self, header: &str) -> Result<Connection> {
        let begin = Instant::now();
        loop {
            if let Ok(mut connection) = Connection::open(self.port, header).await
                && connection.send("GET", "/health", None).await.is_ok_and(|answer| answer.status == 200)
            {
                return Ok(connection);
            }
            ensure!(begin.elapsed() < Duration::from_mins(1), "Rolecall does not become ready");
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
    }

    fn stop(&mut self) {
        if let Some(mut server) = self.server.take() {
            signal("TERM", server.id());
            drop(server.wait());
        }
    }
}

impl Drop for Rolecall {
    fn drop(&mut self) {
        self.stop();
        for postmaster in postmasters(&self.data) {
            signal("QUIT", postmaster);
        }
        drop(fs::remove_dir_all(&self.data));
        drop(fs::remove_file(self.data.with_extension("log")));
    }
}

pub(crate) async fn sign_in(connection: &mut Connection) -> Result<Value> {
    connection.call("POST", "/api/v1/login", Some(json!({"account": "admin", "password": PASSWORD}))).await
}

pub(crate) fn free_port() -> Result<u16> {
    Ok(TcpListener::bind("127.0.0.1:0")?.local_addr()?.port())
}

fn signal(name: &str, id: u32) {
    drop(Command::new("kill").arg(format!("-{name}")).arg(id.to_string()).status());
}

/// The database servers below a folder, by the files in which PostgreSQL keeps its process ids.
fn postmasters(folder: &Path) -> Vec<u32> {
    let Ok(entries) = fs::read_dir(folder) else { return Vec::new() };
    let mut found = Vec::new();
    for path in entries.flatten().map(|entry| entry.path()) {
        if path.ends_with("postmaster.pid") {
            let text = fs::read_to_string(path).unwrap_or_default();
            found.extend(text.lines().next().and_then(|id| id.trim().parse::<u32>().ok()));
        } else if path.is_dir() && !path.is_symlink() {
            found.extend(postmasters(&path));
        }
    }
    found
}
