//! One connection of the administrator, set up so that nothing in a hostile database can bend what we ask.

use std::collections::HashMap;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio_postgres::types::{FromSql, ToSql};
use tokio_postgres::{Client, Row, Statement};

use crate::error::within;
use crate::{EngineError, Result};

/// The first words of every connection.
///
/// A database's owner may have set a `search_path`, a role, literals with backslashes or read-only transactions for
/// everyone who comes in, so all of that is set back before anything is asked; `search_path` alone in its own
/// statement first, because until then even `=` could be somebody's own operator (CVE-2018-1058).
const SET_UP: &str = "
    SET search_path = '';
    SET ROLE NONE;
    SET standard_conforming_strings = on;
    SET default_transaction_read_only = off;
    SET default_transaction_isolation = 'read committed';
    SET row_security = on;
    SET check_function_bodies = on;
    SET default_tablespace = '';
    SET DateStyle = 'ISO';
    SET TimeZone = 'UTC';
    SET bytea_output = 'hex';
    SET client_min_messages = warning;
    SET statement_timeout = '60s';
    SET lock_timeout = '5s';
    SET idle_in_transaction_session_timeout = '60s';
";

/// Silences what a superuser may silence for the rest of the transaction, so that a statement that carries a
/// verifier is written nowhere: not to the log, not to the statistics of statements, not to an audit extension.
const HUSH: &str = "
    SET LOCAL log_statement = 'none';
    SET LOCAL log_duration = off;
    SET LOCAL log_min_duration_statement = -1;
    SET LOCAL log_min_duration_sample = -1;
    SET LOCAL log_transaction_sample_rate = 0;
    SET LOCAL log_min_error_statement = panic;
    SET LOCAL pg_stat_statements.track_utility = off;
    SET LOCAL pgaudit.log = 'none';
";

/// The server ends a statement after 60 seconds; a connection that says nothing for longer is dead.
const ANSWER_LIMIT: Duration = Duration::from_secs(75);

/// What the administrator's login may do here, asked once per connection.
#[derive(Debug, Clone, Copy)]
pub(super) struct Standing {
    /// `server_version_num`: 150018 and the like.
    pub(super) number: i32,
    pub(super) superuser: bool,
    pub(super) create_role: bool,
    /// May it see stored verifiers?
    pub(super) reads_verifiers: bool,
}

/// A connection of the administrator to one database.
pub(super) struct Session {
    client: Client,
    pub(super) database: String,
    pub(super) standing: Standing,
    /// Set while an answer or the end of a transaction is outstanding: then the connection isn't used again.
    unsettled: AtomicBool,
    /// Questions asked before, which the server need not understand anew; half of what a change costs it otherwise.
    asked: Mutex<HashMap<String, Statement>>,
}

/// So many questions are remembered; there are fewer, but some name a role.
const MOST_ASKED: usize = 64;

impl Session {
    /// Sets a fresh connection up.
    pub(super) async fn begin(client: Client, database: &str) -> Result<Self> {
        within(ANSWER_LIMIT, client.batch_execute(SET_UP)).await?;
        let row = within(
            ANSWER_LIMIT,
            client.query_one(
                "SELECT pg_catalog.current_setting('server_version_num')::pg_catalog.int4, rolsuper, rolcreaterole,
                        pg_catalog.has_column_privilege('pg_catalog.pg_authid', 'rolpassword', 'SELECT'),
                        CASE WHEN pg_catalog.current_setting('server_version_num')::pg_catalog.int4 >= 140000
                             THEN pg_catalog.set_config('idle_session_timeout', '0', false) END,
                        CASE WHEN pg_catalog.current_setting('server_version_num')::pg_catalog.int4 >= 170000
                             THEN pg_catalog.set_config('transaction_timeout', '0', false) END
                   FROM pg_catalog.pg_roles WHERE rolname = CURRENT_USER",
                &[],
            ),
        )
        .await?;
        let standing = Standing {
            number: row.try_get(0)?,
            superuser: row.try_get(1)?,
            create_role: row.try_get(2)?,
            reads_verifiers: row.try_get(3)?,
        };
        Ok(Self {
            client,
            database: database.to_owned(),
            standing,
            unsettled: AtomicBool::new(false),
            asked: Mutex::default(),
        })
    }

    /// Whether the connection can be used once more.
    pub(super) fn is_sound(&self) -> bool {
        !self.client.is_closed() && !self.unsettled.load(Ordering::Relaxed)
    }

    /// Asks the catalog.
    pub(super) async fn rows(&self, sql: &str, values: &[&(dyn ToSql + Sync)]) -> Result<Vec<Row>> {
        let statement = self.understood(sql).await?;
        self.settled(self.client.query(&statement, values)).await
    }

    /// Asks the catalog for at most one row.
    pub(super) async fn row(&self, sql: &str, values: &[&(dyn ToSql + Sync)]) -> Result<Option<Row>> {
        let statement = self.understood(sql).await?;
        self.settled(self.client.query_opt(&statement, values)).await
    }

    /// Asks the catalog for one value.
    pub(super) async fn value<T>(&self, sql: &str, values: &[&(dyn ToSql + Sync)]) -> Result<T>
    where
        T: for<'a> FromSql<'a>,
    {
        let statement = self.understood(sql).await?;
        let row = self.settled(self.client.query_one(&statement, values)).await?;
        Ok(row.try_get(0)?)
    }

    /// A question, prepared once for each connection.
    async fn understood(&self, sql: &str) -> Result<Statement> {
        let known = |sql: &str| self.asked().get(sql).cloned();
        if let Some(statement) = known(sql) {
            return Ok(statement);
        }
        let statement = self.settled(self.client.prepare(sql)).await?;
        let mut asked = self.asked();
        if asked.len() >= MOST_ASKED {
            asked.clear();
        }
        asked.insert(sql.to_owned(), statement.clone());
        Ok(statement)
    }

    fn asked(&self) -> MutexGuard<'_, HashMap<String, Statement>> {
        self.asked.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Runs statements: all of them or none, unless there is one that allows no transaction.
    pub(super) async fn run(&self, sql: &str) -> Result<()> {
        self.settled(self.client.batch_execute(sql)).await
    }

    /// Runs one statement that may take as long as it needs, within ten minutes (making a database, moving what
    /// somebody owned).
    pub(super) async fn run_long(&self, sql: &str) -> Result<()> {
        self.run("SET statement_timeout = '600s'").await?;
        let done = self.settle_within(Duration::from_secs(615), self.client.batch_execute(sql)).await;
        self.run("SET statement_timeout = '60s'").await?;
        done
    }

    /// Runs statements that carry a verifier, unseen by the server's log where we may say so.
    pub(super) async fn run_hushed(&self, sql: &str) -> Result<()> {
        if !self.standing.superuser {
            return self.run(sql).await;
        }
        self.unsettled.store(true, Ordering::Relaxed);
        within(ANSWER_LIMIT, self.client.batch_execute(&format!("BEGIN; {HUSH}"))).await?;
        let done = within(ANSWER_LIMIT, self.client.batch_execute(sql)).await;
        let end = if done.is_ok() { "COMMIT" } else { "ROLLBACK" };
        within(ANSWER_LIMIT, self.client.batch_execute(end)).await?;
        self.unsettled.store(false, Ordering::Relaxed);
        done
    }

    async fn settled<T>(&self, work: impl Future<Output = Result<T, tokio_postgres::Error>>) -> Result<T> {
        self.settle_within(ANSWER_LIMIT, work).await
    }

    async fn settle_within<T>(
        &self,
        limit: Duration,
        work: impl Future<Output = Result<T, tokio_postgres::Error>>,
    ) -> Result<T> {
        self.unsettled.store(true, Ordering::Relaxed);
        let answer = tokio::time::timeout(limit, work).await.map_err(|_| EngineError::Timeout)?;
        self.unsettled.store(false, Ordering::Relaxed);
        Ok(answer?)
    }
}
