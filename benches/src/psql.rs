//! The service's database, by `psql` as the superuser.

use std::process::{Output, Stdio};

use anyhow::{Context, Result, ensure};
use serde_json::Value;
use tokio::{io::AsyncWriteExt, process::Command};

pub(crate) struct Database {
    pub(crate) address: String,
    pub(crate) password: String,
}

impl Database {
    /// From a service, and from the revealed password of its `postgres`.
    pub(crate) fn new(service: &Value, revealed: &Value) -> Result<Self> {
        let text = |of: &Value, field: &str| of.get(field).and_then(Value::as_str).map(str::to_owned);
        let port = service.get("port").and_then(Value::as_u64).context("the service has no port")?;
        let host = text(service, "host").context("the service has no host")?;
        let database = text(service, "database").context("the service has no database")?;
        let password = text(revealed, "password").context("no password was revealed")?;
        Ok(Self { address: format!("{host}:{port}/{database}?sslmode=require"), password })
    }

    /// Runs a script in one session.
    pub(crate) async fn run(&self, script: &str) -> Result<()> {
        let output = self.psql("postgres", &self.password, script).await?;
        ensure!(output.status.success(), "psql: {}", String::from_utf8_lossy(&output.stderr));
        Ok(())
    }

    /// Whether this user is turned away.
    pub(crate) async fn refuses(&self, username: &str, password: &str) -> Result<bool> {
        let output = self.psql(username, password, "SELECT 1").await?;
        Ok(String::from_utf8_lossy(&output.stderr).contains("password authentication failed"))
    }

    /// Fills the server up to this many users, by plain SQL: without passwords they cost next to nothing.
    pub(crate) async fn grow(&self, users: u32) -> Result<()> {
        let script = format!(
            "SELECT format('CREATE ROLE crowd_%s LOGIN IN ROLE rolecall_readwrite', n) FROM generate_series(1, {users}) n
              WHERE NOT EXISTS (SELECT FROM pg_roles WHERE rolname = 'crowd_' || n) \\gexec"
        );
        self.run(&script).await
    }

    async fn psql(&self, username: &str, password: &str, script: &str) -> Result<Output> {
        let mut command = Command::new("psql");
        command.kill_on_drop(true);
        command.args([
            "-qAtX",
            "-v",
            "ON_ERROR_STOP=1",
            &format!("postgresql://{username}@{}", self.address),
        ]);
        command
            .env("PGPASSWORD", password)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped());
        let mut child = command.spawn().context("psql is not installed")?;
        let mut input = child.stdin.take().context("psql takes no input")?;
        // A login that is refused closes its end early; what it said is in the output.
        drop(input.write_all(script.as_bytes()).await);
        drop(input);
        Ok(child.wait_with_output().await?)
    }
}
