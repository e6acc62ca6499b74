//! What tests need of a server beyond the store's own doors.

use sqlx::{AssertSqlSafe, ConnectOptions as _, Executor as _};

/// Runs one statement on the server of the test store.
pub async fn run(url: &str, statement: String) {
    let options: sqlx::postgres::PgConnectOptions = url.parse().unwrap();
    let mut connection = options.connect().await.unwrap();
    connection.execute(sqlx::raw_sql(AssertSqlSafe(statement))).await.unwrap();
}
