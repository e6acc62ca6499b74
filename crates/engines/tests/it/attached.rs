//! Somebody else's server: what our login may grant is granted, the rest is told with the SQL for it.

use engines::EngineError;
use engines::postgresql::{Access, LoginOutcome, Server};

use crate::actions::{allowed, forbidden};
use crate::harness::{Postgres, on_every_version, unique};
use crate::world::{PASSWORD, new_user, secret};

/// A database that nobody prepared, and a login that may make roles and no more.
async fn somebody_elses(postgres: &Postgres) -> (Server, String, String) {
    let (owner, database) = (format!("owner_{}", unique()), format!("theirs_{}", unique()));
    let superuser = postgres.superuser("postgres").await;
    superuser
        .batch_execute(&format!("CREATE ROLE {owner} LOGIN CREATEROLE PASSWORD '{PASSWORD}'"))
        .await
        .unwrap();
    superuser
        .batch_execute(&format!("CREATE DATABASE {database} OWNER {owner} TEMPLATE template0"))
        .await
        .unwrap();
    superuser
        .batch_execute("DO $$ BEGIN CREATE ROLE rolecall_former; EXCEPTION WHEN duplicate_object THEN END $$")
        .await
        .unwrap();
    let former =
        if postgres.version >= 16 { "WITH ADMIN TRUE, INHERIT TRUE, SET TRUE" } else { "WITH ADMIN OPTION" };
    superuser.batch_execute(&format!("GRANT rolecall_former TO {owner} {former}")).await.unwrap();
    let server = postgres.attached(&owner, PASSWORD, &database);
    (server, owner, database)
}

#[test]
fn a_reader_on_an_attached_server_reads_what_our_login_owns_and_makes_later() {
    on_every_version(async |postgres| {
        let (server, owner, database) = somebody_elses(postgres).await;
        let client = postgres.connect(&owner, PASSWORD, &database).await.unwrap();
        client.batch_execute("CREATE SCHEMA s; CREATE TABLE s.early (i serial)").await.unwrap();
        let name = format!("guest_{}", unique());
        let findings = server.create_user(&new_user(&name, Access::ReadOnly, false)).await.unwrap();
        assert!(
            findings.iter().any(|finding| finding.sql.as_ref().is_some_and(|sql| sql.contains("lo_create")))
        );
        client
            .batch_execute(
                "CREATE TABLE s.late (i serial); CREATE SCHEMA later; CREATE TABLE later.t (i int)",
            )
            .await
            .unwrap();
        let reader = postgres.connect(&name, PASSWORD, &database).await.unwrap();
        for table in ["s.early", "s.late", "later.t", "s.late_i_seq"] {
            allowed(&reader, &format!("SELECT * FROM {table}")).await;
        }
        forbidden(&reader, "INSERT INTO s.early VALUES (1)").await;
        let user = server.user(&name).await.unwrap().unwrap();
        assert!(user.read_only && user.managed_marker() && user.password_encryption.is_none());
        assert_eq!(server.try_login(&name, &secret(), None).await, LoginOutcome::Accepted);
        assert_eq!(server.holds(&name, &crate::world::verifier()).await.unwrap(), None);
        assert!(server.delete_user(&name).await.unwrap().existed);
        assert_eq!(server.try_login(&name, &secret(), None).await, LoginOutcome::Refused);
        drop((client, reader));
        tidy(postgres, &database).await;
    });
}

#[test]
fn what_others_own_comes_back_as_sql_that_a_superuser_runs() {
    on_every_version(async |postgres| {
        let (server, _, database) = somebody_elses(postgres).await;
        let superuser = postgres.superuser(&database).await;
        superuser
            .batch_execute("CREATE SCHEMA \"o'ther\"; CREATE TABLE \"o'ther\".\"t\"\"\" (i int)")
            .await
            .unwrap();
        let name = format!("guest_{}", unique());
        let findings = server.create_user(&new_user(&name, Access::ReadOnly, false)).await.unwrap();
        let here = |finding: &&engines::postgresql::Finding| {
            finding.database.as_ref() == Some(&database) && finding.user.as_ref() == Some(&name)
        };
        let sql: String = findings.iter().filter(here).filter_map(|finding| finding.sql.clone()).collect();
        let reader = postgres.connect(&name, PASSWORD, &database).await.unwrap();
        forbidden(&reader, "SELECT * FROM \"o'ther\".\"t\"\"\"").await;
        superuser.batch_execute(&sql).await.unwrap();
        allowed(&reader, "SELECT * FROM \"o'ther\".\"t\"\"\"").await;
        forbidden(&reader, "CREATE TEMPORARY TABLE x (i int)").await;
        let left = server.reconcile().await.unwrap();
        assert_eq!(left.iter().filter(here).count(), 0, "{left:?}");
        superuser.batch_execute(&format!("DROP OWNED BY {name}")).await.unwrap();
        drop(reader);
        server.delete_user(&name).await.unwrap();
        drop(superuser);
        tidy(postgres, &database).await;
    });
}

#[test]
fn a_leaver_s_things_are_kept_on_an_attached_server_too() {
    on_every_version(async |postgres| {
        let (server, owner, database) = somebody_elses(postgres).await;
        let name = format!("guest_{}", unique());
        server.create_user(&new_user(&name, Access::ReadWrite, false)).await.unwrap();
        let client = postgres.connect(&name, PASSWORD, &database).await.unwrap();
        client.batch_execute("CREATE TABLE public.mine AS SELECT 1 AS i").await.unwrap();
        let deleted = server.delete_user(&name).await.unwrap();
        assert_eq!((deleted.handed_over, deleted.sessions), (1, 1));
        let heir = postgres.connect(&owner, PASSWORD, &database).await.unwrap();
        allowed(&heir, "SELECT * FROM public.mine; ALTER TABLE public.mine ADD COLUMN more int").await;
        drop(heir);
        tidy(postgres, &database).await;
    });
}

#[test]
fn a_login_that_may_not_make_roles_is_told_so() {
    on_every_version(async |postgres| {
        let (_, _, database) = somebody_elses(postgres).await;
        let weak = format!("weak_{}", unique());
        let superuser = postgres.superuser("postgres").await;
        superuser.batch_execute(&format!("CREATE ROLE {weak} LOGIN PASSWORD '{PASSWORD}'")).await.unwrap();
        let server = postgres.attached(&weak, PASSWORD, &database);
        assert!(!server.check().await.unwrap().can_create_roles);
        let refused =
            server.create_user(&new_user(&format!("guest_{}", unique()), Access::ReadOnly, false)).await;
        assert!(matches!(refused, Err(EngineError::Forbidden(_))), "{refused:?}");
        tidy(postgres, &database).await;
    });
}

async fn tidy(postgres: &Postgres, database: &str) {
    let superuser = postgres.superuser("postgres").await;
    superuser.batch_execute(&format!("DROP DATABASE {database} WITH (FORCE)")).await.unwrap();
}
