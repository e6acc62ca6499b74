//! Brings the tables up to date: one set of numbered files, each run once in a transaction of its own.

use super::{Connection, Error, Store, Tx};

/// Every migration, in order. A file is never changed once it was released.
const MIGRATIONS: &[(i64, &str, &str)] = &[
    (1, "accounts", include_str!("../../../migrations/0001_accounts.sql")),
    (2, "tenancy", include_str!("../../../migrations/0002_tenancy.sql")),
    (3, "audit", include_str!("../../../migrations/0003_audit.sql")),
    (4, "jobs", include_str!("../../../migrations/0004_jobs.sql")),
    (5, "databases", include_str!("../../../migrations/0005_databases.sql")),
];

pub(super) async fn run(store: &Store) -> Result<(), Error> {
    let mut tx = store.open_transaction().await?;
    lock(&mut tx).await?;
    let created = "CREATE TABLE IF NOT EXISTS migration (number BIGINT PRIMARY KEY, name TEXT NOT NULL, applied_at BIGINT NOT NULL)";
    crate::sql!(exec tx, created)?;
    let (found,) = crate::sql!(one tx, (i64,), "SELECT COALESCE(MAX(number), 0) FROM migration")?;
    let known = MIGRATIONS.last().map_or(0, |(number, ..)| *number);
    if found > known {
        return Err(Error::Newer { found, known });
    }
    for (number, name, text) in MIGRATIONS.iter().filter(|(number, ..)| *number > found) {
        run_script(&mut tx, text).await?;
        let insert = "INSERT INTO migration (number, name, applied_at) VALUES ($1, $2, $3)";
        crate::sql!(exec tx, insert, *number, *name, store.clock().now())?;
    }
    tx.commit_unrecorded().await
}

/// Two nodes that start at once take turns. (SQLite's writing transaction is a turn already.)
async fn lock(tx: &mut Tx) -> Result<(), Error> {
    if let Connection::Postgres(connection) = tx.connection() {
        sqlx::query("SELECT pg_advisory_xact_lock(7155091242)").execute(connection).await?;
    }
    Ok(())
}

async fn run_script(tx: &mut Tx, text: &'static str) -> Result<(), Error> {
    match tx.connection() {
        Connection::Sqlite(connection) => sqlx::raw_sql(text).execute(connection).await.map(drop)?,
        Connection::Postgres(connection) => sqlx::raw_sql(text).execute(connection).await.map(drop)?,
    }
    Ok(())
}
