//! What each kind of user can do, tried as that user (S4, S2, M4, M7).

use engines::postgresql::Access;
use tokio_postgres::Client;
use tokio_postgres::error::SqlState;

use crate::harness::on_every_version;
use crate::world::{ADMIN, MAKERS, OTHER_WRITER, PROTECTED, READER, REPLICA, THINGS, WRITER, world};

/// Tries a statement and takes it back; `Ok` if it was allowed.
pub async fn attempt(client: &Client, sql: &str) -> Result<(), tokio_postgres::Error> {
    client.batch_execute("BEGIN").await.unwrap();
    let outcome = client.batch_execute(sql).await;
    client.batch_execute("ROLLBACK").await.unwrap();
    outcome
}

pub async fn allowed(client: &Client, sql: &str) {
    if let Err(error) = attempt(client, sql).await {
        panic!("must be allowed, but is not: {sql}: {error:?}");
    }
}

pub async fn forbidden(client: &Client, sql: &str) {
    match attempt(client, sql).await {
        Ok(()) => panic!("must be forbidden, but is not: {sql}"),
        Err(error) => assert_eq!(error.code(), Some(&SqlState::INSUFFICIENT_PRIVILEGE), "{sql}: {error:?}"),
    }
}

/// Everything that changes something.
const CHANGES: [&str; 30] = [
    "INSERT INTO public.app_4553_rw_plain (text) VALUES ('x')",
    "UPDATE public.app_4553_rw_plain SET text = 'x'",
    "DELETE FROM public.app_4553_rw_plain",
    "TRUNCATE public.app_4553_rw_plain",
    "SELECT * FROM public.app_4553_rw_plain FOR UPDATE",
    "COPY public.app_4553_rw_plain (text) FROM stdin",
    "MERGE INTO public.app_4553_rw_plain t USING (VALUES (1)) v(i) ON t.id = v.i WHEN MATCHED THEN DELETE",
    "SELECT pg_catalog.nextval('public.app_4553_rw_counter')",
    "SELECT pg_catalog.setval('public.app_4553_rw_counter', 7)",
    "CREATE TABLE public.mine (i int)",
    "CREATE TEMPORARY TABLE mine (i int)",
    "CREATE TEMPORARY SEQUENCE mine",
    "SELECT 1 AS i INTO TEMPORARY mine",
    "CREATE VIEW pg_temp.mine AS SELECT 1",
    "CREATE SCHEMA mine",
    "CREATE SEQUENCE public.mine",
    "CREATE FUNCTION public.mine() RETURNS int LANGUAGE sql AS 'SELECT 1'",
    "CREATE FUNCTION pg_temp.mine() RETURNS int LANGUAGE sql AS 'SELECT 1'",
    "DROP TABLE public.app_4553_rw_seen CASCADE",
    "ALTER TABLE public.app_4553_rw_plain ADD COLUMN more int",
    "REFRESH MATERIALIZED VIEW public.app_4553_rw_kept",
    "COMMENT ON TABLE public.app_4553_rw_plain IS 'x'",
    "ALTER DEFAULT PRIVILEGES GRANT SELECT ON TABLES TO PUBLIC",
    "SELECT pg_catalog.lo_create(0)",
    "SELECT pg_catalog.lo_creat(-1)",
    "SELECT pg_catalog.lo_from_bytea(0, 'x')",
    "SELECT pg_catalog.pg_logical_emit_message(true, 'x', 'y')",
    "SELECT public.app_4553_rw_write()",
    "SELECT public.tsdbadmin_write()",
    "SELECT public.plain_sql_role_write()",
];

#[test]
fn a_read_only_user_reads_what_everybody_made() {
    on_every_version(async |postgres| {
        let reader = world(postgres).await.connect(READER).await;
        for maker in MAKERS {
            for thing in THINGS {
                allowed(&reader, &format!("SELECT * FROM public.{maker}_{thing}")).await;
            }
        }
    });
}

#[test]
fn a_read_only_user_changes_nothing() {
    on_every_version(async |postgres| {
        let reader = world(postgres).await.connect(READER).await;
        for change in CHANGES {
            // `COPY FROM` and the like are refused for lack of a right, not for being malformed.
            if change.contains("DROP TABLE public.app_4553_rw_seen") {
                forbidden(&reader, "DROP VIEW public.app_4553_rw_seen CASCADE").await;
            } else {
                forbidden(&reader, change).await;
            }
        }
        for maker in MAKERS {
            for change in [
                format!("INSERT INTO public.{maker}_plain (text) VALUES ('x')"),
                format!("DELETE FROM public.{maker}_seen"),
                format!("INSERT INTO public.{maker}_part VALUES (1)"),
                format!("SELECT pg_catalog.nextval('public.{maker}_counter')"),
                format!("SELECT public.{maker}_write()"),
            ] {
                forbidden(&reader, &change).await;
            }
        }
        for escape in
            ["SET ROLE rolecall_readwrite", "SET ROLE tsdbadmin", "SET SESSION AUTHORIZATION postgres"]
        {
            forbidden(&reader, escape).await;
        }
    });
}

#[test]
fn a_read_write_user_changes_what_everybody_made() {
    on_every_version(async |postgres| {
        let world = world(postgres).await;
        for name in [WRITER, OTHER_WRITER, PROTECTED, ADMIN] {
            let writer = world.connect(name).await;
            for maker in MAKERS {
                for change in [
                    format!("INSERT INTO public.{maker}_plain (text) VALUES ('x')"),
                    format!("UPDATE public.{maker}_seen SET text = 'y'"),
                    format!("DELETE FROM public.{maker}_plain; TRUNCATE public.{maker}_part_one"),
                    format!("SELECT pg_catalog.nextval('public.{maker}_counter')"),
                    format!("SELECT public.{maker}_write()"),
                ] {
                    allowed(&writer, &change).await;
                }
            }
            for change in CHANGES {
                if !change.contains("COPY") && !change.contains("DROP TABLE") {
                    allowed(&writer, change).await;
                }
            }
        }
    });
}

#[test]
fn a_read_write_user_alters_and_drops_what_another_one_made() {
    on_every_version(async |postgres| {
        let world = world(postgres).await;
        for name in [OTHER_WRITER, PROTECTED, ADMIN] {
            let writer = world.connect(name).await;
            allowed(&writer, "ALTER TABLE public.app_4553_rw_plain ADD COLUMN more int").await;
            allowed(&writer, "DROP TABLE public.app_4553_rw_plain CASCADE").await;
            allowed(&writer, "DROP TABLE public.app_4553_plain CASCADE").await;
        }
    });
}

#[test]
fn a_read_only_user_reads_what_a_user_made_by_plain_sql_makes_in_a_schema_made_later() {
    on_every_version(async |postgres| {
        let world = world(postgres).await;
        let late = format!("late_{}", crate::harness::unique());
        let admin = world.connect(ADMIN).await;
        let password = crate::world::PASSWORD;
        let sql = format!(
            "CREATE ROLE {late} LOGIN PASSWORD '{password}'; CREATE SCHEMA {late}; GRANT ALL ON SCHEMA {late} TO {late}"
        );
        admin.batch_execute(&sql).await.unwrap();
        let reader = world.connect(READER).await;
        let maker = world.connect(&late).await;
        maker
            .batch_execute(&format!(
                "CREATE TABLE {late}.\"it's \"\"new\"\"\" AS SELECT 1 AS i; SELECT 2 AS i INTO {late}.two"
            ))
            .await
            .unwrap();
        allowed(&reader, &format!("SELECT * FROM {late}.\"it's \"\"new\"\"\"")).await;
        allowed(&reader, &format!("SELECT * FROM {late}.two")).await;
        forbidden(&reader, &format!("DELETE FROM {late}.two")).await;
    });
}

#[test]
fn a_database_that_the_admin_makes_is_read_at_once() {
    on_every_version(async |postgres| {
        let world = world(postgres).await;
        let database = world.add_database("fresh", "").await;
        let sql = "CREATE TABLE t (i int); CREATE SCHEMA s; CREATE MATERIALIZED VIEW s.v AS SELECT 1 AS i";
        world.connect_to(&database, ADMIN).await.batch_execute(sql).await.unwrap();
        let reader = world.connect_to(&database, READER).await;
        allowed(&reader, "SELECT * FROM t").await;
        allowed(&reader, "SELECT * FROM s.v").await;
        forbidden(&reader, "INSERT INTO t VALUES (1)").await;
        forbidden(&reader, "CREATE TEMPORARY TABLE x (i int)").await;
        forbidden(&reader, "SELECT pg_catalog.lo_create(0)").await;
        drop(reader);
        world.server.delete_database(&database).await.unwrap();
    });
}

#[test]
fn the_admin_owns_the_database_and_is_no_superuser() {
    on_every_version(async |postgres| {
        let world = world(postgres).await;
        let admin = world.server.user(ADMIN).await.unwrap().unwrap();
        assert!(
            admin.create_db && admin.create_role && admin.replication && admin.bypass_rls && admin.can_login
        );
        assert!(!admin.superuser && !admin.read_only);
        let databases = world.server.databases().await.unwrap();
        let own = databases.iter().find(|database| database.name == crate::world::DATABASE).unwrap();
        assert_eq!(own.owner, ADMIN);
        assert!(own.protected && own.bytes.is_some());
        let client = world.connect(ADMIN).await;
        let role = format!("by_admin_{}", crate::harness::unique());
        allowed(&client, &format!("CREATE ROLE {role} LOGIN; DROP ROLE {role}")).await;
        allowed(&client, "SELECT pg_catalog.pg_create_logical_replication_slot('s', 'pgoutput', true)").await;
        allowed(&client, "CREATE EXTENSION hstore").await;
        forbidden(&client, "COPY public.tsdbadmin_plain TO '/dev/null'").await;
        forbidden(&client, "SELECT * FROM pg_catalog.pg_authid").await;
    });
}

#[test]
fn the_admin_can_neither_drop_nor_disable_what_keeps_the_rights() {
    on_every_version(async |postgres| {
        let admin = world(postgres).await.connect(ADMIN).await;
        for sql in [
            "DROP EVENT TRIGGER rolecall_guard",
            "ALTER EVENT TRIGGER rolecall_follow DISABLE",
            "DROP FUNCTION rolecall.follow() CASCADE",
            "CREATE OR REPLACE FUNCTION rolecall.settle(oid, oid) RETURNS void LANGUAGE sql AS ''",
            "DROP SCHEMA rolecall CASCADE",
            "CREATE FUNCTION rolecall.mine() RETURNS int LANGUAGE sql AS 'SELECT 1'",
        ] {
            let refused = attempt(&admin, sql).await.unwrap_err();
            assert_eq!(refused.code(), Some(&SqlState::INSUFFICIENT_PRIVILEGE), "{sql}: {refused:?}");
        }
        assert!(attempt(&admin, "SET event_triggers = off").await.is_err());
        assert!(attempt(&admin, "SET session_replication_role = replica").await.is_err());
    });
}

#[test]
fn the_protected_user_holds_the_six_grants_of_its_system() {
    on_every_version(async |postgres| {
        let world = world(postgres).await;
        let client = world.superuser().await;
        let sql = "SELECT pg_catalog.has_schema_privilege($1, 'public', 'CREATE')
                      AND pg_catalog.has_database_privilege($1, 'defaultdb', 'CREATE, CONNECT, TEMPORARY')
                      AND (SELECT count(*) FROM pg_catalog.pg_default_acl d, pg_catalog.aclexplode(d.defaclacl) a
                            WHERE d.defaclrole = 'tsdbadmin'::regrole AND a.grantee = $1::text::regrole
                              AND d.defaclnamespace = 'public'::regnamespace AND d.defaclobjtype IN ('r', 'S')) >= 10";
        let granted: bool = client.query_one(sql, &[&PROTECTED]).await.unwrap().get(0);
        assert!(granted);
        let refused = world.server.delete_user(PROTECTED).await.unwrap_err();
        assert!(matches!(refused, engines::EngineError::Forbidden(_)), "{refused:?}");
    });
}

#[test]
fn a_replication_user_makes_a_logical_slot_and_streams() {
    on_every_version(async |postgres| {
        let world = world(postgres).await;
        let client = world.connect(REPLICA).await;
        let slot = format!("slot_{}", crate::harness::unique());
        let made = format!("SELECT pg_catalog.pg_create_logical_replication_slot('{slot}', 'test_decoding')");
        let made = match client.batch_execute(&made).await {
            Ok(()) => Ok(()),
            // Not every installation brings the plug-in that prints.
            Err(_) => client.batch_execute(&made.replace("test_decoding", "pgoutput")).await,
        };
        made.unwrap();
        client
            .batch_execute("SET synchronous_commit = on; INSERT INTO public.app_4553_repl_plain (text) VALUES ('streamed')")
            .await
            .unwrap();
        let slots =
            "SELECT plugin::text FROM pg_catalog.pg_replication_slots WHERE slot_name = $1::text::name";
        let plugin: String = client.query_one(slots, &[&slot]).await.unwrap().get(0);
        if plugin == "test_decoding" {
            let sql =
                "SELECT count(*) FROM pg_catalog.pg_logical_slot_get_changes($1::text::name, NULL, NULL) c
                        WHERE c.data LIKE '%streamed%'";
            assert_eq!(client.query_one(sql, &[&slot]).await.unwrap().get::<_, i64>(0), 1);
        }
        client.execute("SELECT pg_catalog.pg_drop_replication_slot($1::text::name)", &[&slot]).await.unwrap();
        world.server.set_replication(REPLICA, false).await.unwrap();
        let without = world.connect(REPLICA).await;
        forbidden(&without, "SELECT pg_catalog.pg_create_logical_replication_slot('x', 'pgoutput')").await;
        world.server.set_replication(REPLICA, true).await.unwrap();
        assert!(world.server.user(REPLICA).await.unwrap().unwrap().replication);
    });
}

#[test]
fn read_only_together_with_replication_is_refused() {
    on_every_version(async |postgres| {
        let world = world(postgres).await;
        let both = crate::world::new_user("reads_and_copies", Access::ReadOnly, true);
        assert!(matches!(world.server.create_user(&both).await, Err(engines::EngineError::Invalid(_))));
        let later = world.server.set_replication(READER, true).await;
        assert!(matches!(later, Err(engines::EngineError::Invalid(_))));
    });
}
