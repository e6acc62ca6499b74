//! The databases of a server (M13).

use super::quote::Ident;
use super::server::{Reach, Server};
use crate::{EngineError, Result};

/// A database.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Database {
    /// Its name.
    pub name: String,
    /// Who owns it.
    pub owner: String,
    /// How much it takes on disk; `None` if we may not see.
    pub bytes: Option<i64>,
    /// "UTF8".
    pub encoding: String,
    /// Whether it cannot be deleted here: the server's own, a template, or the service's own database.
    pub protected: bool,
}

/// What is lost when a database is deleted.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DatabasePreview {
    /// Tables, partitions included.
    pub tables: i64,
    /// Rows as the server estimates them; tables that were never analysed count nothing.
    pub rows_estimate: i64,
    /// How much it takes on disk.
    pub bytes: i64,
    /// Sessions that would be ended.
    pub sessions: i64,
}

impl Server {
    /// All databases but the templates, by name.
    ///
    /// # Errors
    /// When the server cannot be asked.
    pub async fn databases(&self) -> Result<Vec<Database>> {
        let session = self.hub().await?;
        let sql = "SELECT d.datname, pg_catalog.pg_get_userbyid(d.datdba)::pg_catalog.text AS owner,
                          pg_catalog.pg_encoding_to_char(d.encoding)::pg_catalog.text AS encoding,
                          CASE WHEN pg_catalog.has_database_privilege(d.oid, 'CONNECT')
                                 OR pg_catalog.pg_has_role('pg_read_all_stats', 'MEMBER')
                               THEN pg_catalog.pg_database_size(d.oid) END AS bytes
                     FROM pg_catalog.pg_database d WHERE NOT d.datistemplate ORDER BY d.datname";
        let rows = session.rows(sql, &[]).await?;
        let read = |row: &tokio_postgres::Row| -> Result<Database> {
            let name: String = row.try_get("datname")?;
            Ok(Database {
                protected: self.is_protected(&name),
                name,
                owner: row.try_get("owner")?,
                bytes: row.try_get("bytes")?,
                encoding: row.try_get("encoding")?,
            })
        };
        rows.iter().map(read).collect()
    }

    /// Makes a database that belongs to `owner`. Making it again changes nothing if it belongs to the same one.
    ///
    /// # Errors
    /// [`EngineError::AlreadyExists`] if one of that name belongs to somebody else.
    pub async fn create_database(&self, name: &str, owner: &str) -> Result<()> {
        super::check_database_name(name).map_err(|error| EngineError::Invalid(error.to_string()))?;
        let session = self.hub().await?;
        let sql = "SELECT pg_catalog.pg_get_userbyid(datdba)::pg_catalog.text
                     FROM pg_catalog.pg_database WHERE datname = $1";
        if let Some(row) = session.row(sql, &[&name]).await? {
            let found: String = row.try_get(0)?;
            if found == owner {
                return Ok(());
            }
            return Err(EngineError::AlreadyExists { kind: "database", name: name.to_owned() });
        }
        session.run_long(&format!("CREATE DATABASE {} OWNER {}", Ident::new(name)?, Ident::new(owner)?)).await
    }

    /// What is lost when a database is deleted.
    ///
    /// # Errors
    /// [`EngineError::NotFound`] if there is no such database.
    pub async fn database_preview(&self, name: &str) -> Result<DatabasePreview> {
        let session = self.session(name).await?;
        // Estimates only: counting rows would run what the database's owner wrote into views and policies.
        let sql = "SELECT pg_catalog.count(*) AS tables,
                          COALESCE(pg_catalog.sum(GREATEST(c.reltuples, 0)), 0)::pg_catalog.int8 AS row_estimate,
                          pg_catalog.pg_database_size(pg_catalog.current_database()) AS bytes,
                          (SELECT pg_catalog.count(*) FROM pg_catalog.pg_stat_activity a
                            WHERE a.datname = pg_catalog.current_database()
                              AND a.pid <> pg_catalog.pg_backend_pid()) AS sessions
                     FROM pg_catalog.pg_class c JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
                    WHERE c.relkind IN ('r', 'p', 'f', 'm') AND n.nspname <> 'information_schema'
                      AND n.nspname !~ '^pg_' AND NOT (c.relkind = 'p' AND c.relispartition)";
        let Some(row) = session.row(sql, &[]).await? else {
            return Err(EngineError::Internal("a count returned no row".to_owned()));
        };
        Ok(DatabasePreview {
            tables: row.try_get("tables")?,
            rows_estimate: row.try_get("row_estimate")?,
            bytes: row.try_get("bytes")?,
            sessions: row.try_get("sessions")?,
        })
    }

    /// Deletes a database and ends its sessions. Deleting one that is already gone succeeds.
    ///
    /// # Errors
    /// [`EngineError::Forbidden`] for the server's own databases and the service's own.
    pub async fn delete_database(&self, name: &str) -> Result<()> {
        if self.is_protected(name) {
            return Err(EngineError::Forbidden(format!(
                "The database \"{name}\" is protected; it cannot be deleted."
            )));
        }
        let session = self.hub().await?;
        let sql = "SELECT datistemplate FROM pg_catalog.pg_database WHERE datname = $1";
        let Some(row) = session.row(sql, &[&name]).await? else { return Ok(()) };
        if row.try_get(0)? {
            return Err(EngineError::Forbidden(format!(
                "The database \"{name}\" is a template; it cannot be deleted."
            )));
        }
        session.run_long(&format!("DROP DATABASE IF EXISTS {} WITH (FORCE)", Ident::new(name)?)).await
    }

    /// The databases that the server or the service cannot do without.
    fn is_protected(&self, name: &str) -> bool {
        ["postgres", "template0", "template1", self.database()].contains(&name)
    }

    /// Databases that can be connected to, templates included.
    pub(super) async fn open_databases(&self) -> Result<Vec<String>> {
        let session = self.hub().await?;
        let sql = "SELECT d.datname FROM pg_catalog.pg_database d
                    WHERE d.datallowconn AND d.datconnlimit <> -2
                      AND ($1 OR pg_catalog.has_database_privilege(d.oid, 'CONNECT')) ORDER BY d.datname";
        let all = self.reach() == Reach::Managed;
        session.rows(sql, &[&all]).await?.iter().map(|row| Ok(row.try_get(0)?)).collect()
    }
}
