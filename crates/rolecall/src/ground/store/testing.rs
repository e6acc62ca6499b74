//! What tests need beyond the store's own doors.

use super::{Connection, Error, ReadTx, Store};
use sqlx::{AssertSqlSafe, ConnectOptions as _, Executor as _};

/// Runs one statement on the server of the test store.
pub async fn run(url: &str, statement: String) {
    let options: sqlx::postgres::PgConnectOptions = url.parse().unwrap();
    let mut connection = options.connect().await.unwrap();
    connection.execute(sqlx::raw_sql(AssertSqlSafe(statement))).await.unwrap();
}

/// Tries a statement on a reader's own connection.
pub async fn run_here(tx: &mut ReadTx, statement: &'static str) -> Result<(), Error> {
    match tx.connection() {
        Connection::Sqlite(connection) => connection.execute(statement).await.map(drop)?,
        Connection::Postgres(connection) => connection.execute(statement).await.map(drop)?,
    }
    Ok(())
}

/// Table, column, type and whether it is required, of every table: in words that both stores share.
pub async fn columns(store: &Store) -> Vec<(String, String, &'static str, bool)> {
    const SQLITE: &str = "SELECT t.name AS t, c.name AS c, c.type AS k, (c.\"notnull\" = 1 OR c.pk > 0) AS n
        FROM sqlite_schema t JOIN pragma_table_info(t.name) c WHERE t.type = 'table' AND t.name NOT LIKE 'sqlite_%'
        ORDER BY t.name, c.cid";
    const POSTGRES: &str = "SELECT table_name::text AS t, column_name::text AS c, data_type::text AS k, is_nullable = 'NO' AS n
        FROM information_schema.columns WHERE table_schema = 'public' ORDER BY table_name COLLATE \"C\", ordinal_position";
    type Row = (String, String, String, bool);
    let rows: Vec<Row> = match store.reader().await.unwrap().connection() {
        Connection::Sqlite(c) => sqlx::query_as::<_, Row>(SQLITE).fetch_all(c).await.unwrap(),
        Connection::Postgres(c) => sqlx::query_as::<_, Row>(POSTGRES).fetch_all(c).await.unwrap(),
    };
    rows.into_iter().map(|(table, column, kind, required)| (table, column, word(&kind), required)).collect()
}

fn word(kind: &str) -> &'static str {
    match kind.to_lowercase().as_str() {
        "uuid" => "uuid",
        "text" => "text",
        "bigint" => "integer",
        "boolean" => "boolean",
        "bytea" => "bytes",
        other => panic!("a type that the SQL subset does not have: {other}"),
    }
}
