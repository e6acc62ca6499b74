//! OpenBao's database engine on the same PostgreSQL, if there is a `bao` in the path.

use std::{
    process::{Child, Command, Stdio},
    time::{Duration, Instant},
};

use anyhow::{Context, Result, ensure};
use futures_util::future::try_join_all;
use serde_json::{Value, json};

use crate::{cpu::Used, http::Connection, psql::Database, report::Rate, rolecall::free_port};

const TOKEN: &str = "X-Vault-Token: bench\r\n";

pub(crate) struct OpenBao {
    server: Child,
    port: u16,
}

impl OpenBao {
    /// `None` where it is not installed.
    pub(crate) async fn start(database: &Database) -> Result<Option<Self>> {
        let port = free_port()?;
        let mut command = Command::new("bao");
        command.args(["server", "-dev", "-dev-no-store-token", "-dev-root-token-id=bench"]);
        command.arg(format!("-dev-listen-address=127.0.0.1:{port}"));
        command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
        let Ok(server) = command.spawn() else { return Ok(None) };
        let openbao = Self { server, port };
        openbao.prepare(database).await?;
        Ok(Some(openbao))
    }

    /// A role that makes what Rolecall makes, and takes as much care when it revokes.
    async fn prepare(&self, database: &Database) -> Result<()> {
        let mut root = self.until_ready().await?;
        root.call("POST", "/v1/sys/mounts/database", Some(json!({"type": "database"}))).await?;
        let connection = json!({
            "plugin_name": "postgresql-database-plugin", "allowed_roles": "bench",
            "connection_url": format!("postgresql://{{{{username}}}}:{{{{password}}}}@{}", database.address),
            "username": "postgres", "password": database.password,
            "password_authentication": "scram-sha-256", "max_open_connections": 8,
        });
        root.call("POST", "/v1/database/config/bench", Some(connection)).await?;
        let role = json!({
            "db_name": "bench", "default_ttl": "1h",
            "creation_statements": ["CREATE ROLE \"{{name}}\" LOGIN PASSWORD '{{password}}' VALID UNTIL '{{expiration}}';
                GRANT rolecall_readwrite TO \"{{name}}\"; ALTER ROLE \"{{name}}\" SET role = 'rolecall_readwrite';"],
            "revocation_statements": ["ALTER ROLE \"{{name}}\" NOLOGIN; REASSIGN OWNED BY \"{{name}}\" TO rolecall_former;
                DROP OWNED BY \"{{name}}\"; DROP ROLE \"{{name}}\";"],
        });
        root.call("POST", "/v1/database/roles/bench", Some(role)).await?;
        Ok(())
    }

    async fn until_ready(&self) -> Result<Connection> {
        let begin = Instant::now();
        loop {
            if let Ok(mut connection) = Connection::open(self.port, TOKEN).await
                && connection
                    .send("GET", "/v1/sys/health", None)
                    .await
                    .is_ok_and(|answer| answer.status == 200)
            {
                return Ok(connection);
            }
            ensure!(begin.elapsed() < Duration::from_secs(30), "OpenBao does not become ready");
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    }

    /// `database` asks for PostgreSQL's processor time.
    pub(crate) async fn make_and_revoke(
        &self,
        count: u32,
        clients: u32,
        database: impl Fn() -> Duration,
    ) -> Result<Rate> {
        let used = || Used { database: database(), ..Used::by(self.server.id()) };
        let (begin, before) = (Instant::now(), used());
        try_join_all((0..clients).map(|_| self.one_client(count / clients))).await?;
        Ok(Rate::of(count, begin.elapsed(), before, used()))
    }

    async fn one_client(&self, count: u32) -> Result<()> {
        let mut root = Connection::open(self.port, TOKEN).await?;
        for _ in 0..count {
            let made = root.call("GET", "/v1/database/creds/bench", None).await?;
            let lease = made.get("lease_id").and_then(Value::as_str).context("no lease")?;
            let revoke = json!({"lease_id": lease, "sync": true});
            root.call("POST", "/v1/sys/leases/revoke", Some(revoke)).await?;
        }
        Ok(())
    }
}

impl Drop for OpenBao {
    fn drop(&mut self) {
        drop(self.server.kill());
        drop(self.server.wait());
    }
}
