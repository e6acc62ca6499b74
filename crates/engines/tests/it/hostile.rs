//! Databases, names and settings that were made to trap whoever looks after them change nothing.

use engines::postgresql::{Access, Matter};

use crate::actions::{allowed, forbidden};
use crate::harness::{on_every_version, unique};
use crate::world::{ADMIN, PASSWORD, READER, new_user, world};

/// Operators, functions and relations of the catalog's names that note whoever uses them, found before the catalog.
const SHADOWS: &str = "
    CREATE SCHEMA evil;
    CREATE TABLE evil.caught (who text DEFAULT current_user, what text);
    GRANT ALL ON SCHEMA evil TO PUBLIC; GRANT ALL ON evil.caught TO PUBLIC;
    CREATE FUNCTION evil.text_equal(text, text) RETURNS boolean LANGUAGE plpgsql AS
      $f$ BEGIN INSERT INTO evil.caught (what) VALUES ('text ='); RETURN true; END $f$;
    CREATE FUNCTION evil.name_equal(name, name) RETURNS boolean LANGUAGE plpgsql AS
      $f$ BEGIN INSERT INTO evil.caught (what) VALUES ('name ='); RETURN true; END $f$;
    CREATE FUNCTION evil.oid_equal(oid, oid) RETURNS boolean LANGUAGE plpgsql AS
      $f$ BEGIN INSERT INTO evil.caught (what) VALUES ('oid ='); RETURN true; END $f$;
    CREATE OPERATOR evil.= (LEFTARG = text, RIGHTARG = text, FUNCTION = evil.text_equal);
    CREATE OPERATOR evil.= (LEFTARG = name, RIGHTARG = name, FUNCTION = evil.name_equal);
    CREATE OPERATOR evil.= (LEFTARG = oid, RIGHTARG = oid, FUNCTION = evil.oid_equal);
    CREATE FUNCTION evil.set_config(text, text, boolean) RETURNS text LANGUAGE plpgsql AS
      $f$ BEGIN INSERT INTO evil.caught (what) VALUES ('set_config'); RETURN ''; END $f$;
    CREATE FUNCTION evil.format(text, VARIADIC \"text\"[]) RETURNS text LANGUAGE plpgsql AS
      $f$ BEGIN INSERT INTO evil.caught (what) VALUES ('format'); RETURN 'SELECT 1'; END $f$;
    CREATE VIEW evil.pg_roles AS SELECT evil.set_config('', '', true) AS rolname, 0::oid AS oid, true AS rolsuper;
    CREATE VIEW evil.pg_authid AS SELECT * FROM evil.pg_roles;
    CREATE VIEW evil.pg_database AS SELECT * FROM evil.pg_roles;
    CREATE VIEW evil.pg_class AS SELECT * FROM evil.pg_roles;
";

/// What a database's owner may set for everybody who comes in.
const SETTINGS: [&str; 10] = [
    "search_path = evil, pg_catalog, public",
    "role = 'tsdbadmin'",
    "standard_conforming_strings = off",
    "default_transaction_read_only = on",
    "default_transaction_isolation = 'serializable'",
    "row_security = off",
    "statement_timeout = '1ms'",
    "lock_timeout = '1ms'",
    "idle_session_timeout = '1ms'",
    "idle_in_transaction_session_timeout = '1ms'",
];

#[test]
fn a_database_full_of_shadows_and_settings_catches_nothing() {
    on_every_version(async |postgres| {
        let world = world(postgres).await;
        let name = world.add_database("shadows", "TEMPLATE template0").await;
        let leaver = format!("shadowed_{}", unique());
        world.server.create_user(&new_user(&leaver, Access::ReadWrite, true)).await.unwrap();
        let admin = world.connect_to(&name, ADMIN).await;
        admin.batch_execute(SHADOWS).await.unwrap();
        for setting in SETTINGS {
            admin.batch_execute(&format!("ALTER DATABASE {name} SET {setting}")).await.unwrap();
        }
        if postgres.version >= 17 {
            admin
                .batch_execute(&format!("ALTER DATABASE {name} SET transaction_timeout = '1ms'"))
                .await
                .unwrap();
        }
        admin
            .batch_execute(&format!(
                "GRANT ALL ON DATABASE {name} TO {leaver}; CREATE TABLE public.t (i int)"
            ))
            .await
            .unwrap();
        admin.batch_execute("INSERT INTO evil.caught VALUES ('the trap works', '')").await.unwrap();
        postgres
            .superuser("postgres")
            .await
            .batch_execute(&format!("GRANT ALL ON DATABASE {name} TO {leaver}"))
            .await
            .unwrap();

        let findings = world.server.reconcile().await.unwrap();
        let failed: Vec<_> = findings.iter().filter(|finding| finding.matter == Matter::Database).collect();
        assert!(failed.is_empty(), "{failed:?}");
        world.server.database_preview(&name).await.unwrap();
        world.server.deletion_preview(&leaver).await.unwrap();
        world.server.delete_user(&leaver).await.unwrap();
        admin.batch_execute("CREATE TABLE public.after (i int)").await.unwrap();

        let caught =
            "SELECT coalesce(pg_catalog.string_agg(who || ' by ' || what, ', '), '') FROM evil.caught
                       WHERE who OPERATOR(pg_catalog.<>) 'the trap works'";
        let caught: String = admin.query_one(caught, &[]).await.unwrap().get(0);
        assert_eq!(caught, "");
        world.server.delete_database(&name).await.unwrap();
    });
}

#[test]
fn shadows_in_a_users_own_path_do_not_reach_what_keeps_the_rights() {
    on_every_version(async |postgres| {
        let world = world(postgres).await;
        let name = world.add_database("paths", "").await;
        let admin = world.connect_to(&name, ADMIN).await;
        admin.batch_execute(SHADOWS).await.unwrap();
        let sql = "SET search_path = evil, pg_catalog, public; CREATE TEMPORARY TABLE pg_class (oid oid);
                   CREATE TEMPORARY TABLE pg_roles (oid oid, rolname name); CREATE TABLE public.t (i int);
                   CREATE FUNCTION public.f() RETURNS int LANGUAGE sql SECURITY DEFINER AS 'SELECT 1'; RESET search_path";
        admin.batch_execute(sql).await.unwrap();
        let caught: i64 = admin
            .query_one("SELECT pg_catalog.count(*) FROM evil.caught WHERE who <> 'tsdbadmin'", &[])
            .await
            .unwrap()
            .get(0);
        assert_eq!(caught, 0);
        let reader = world.connect_to(&name, READER).await;
        allowed(&reader, "SELECT * FROM public.t").await;
        forbidden(&reader, "SELECT public.f()").await;
        drop((admin, reader));
        world.server.delete_database(&name).await.unwrap();
    });
}

#[test]
fn hostile_names_of_databases_schemas_tables_and_users_break_nothing() {
    on_every_version(async |postgres| {
        let world = world(postgres).await;
        let superuser = postgres.superuser("postgres").await;
        let roles = "SELECT pg_catalog.string_agg(rolname || rolsuper, ',' ORDER BY rolname) FROM pg_catalog.pg_roles";
        let before: String = superuser.query_one(roles, &[]).await.unwrap().get(0);
        for hostile in [
            "a\"; ALTER ROLE app_4553_ro SUPERUSER; --",
            "a'; ALTER ROLE app_4553_ro SUPERUSER; --",
            "a\\'; SELECT 1; --",
            "line\nbreak\t$$ $1 %I %s {readers}",
            "ünïcödé 🦀 ]`",
            &"x".repeat(63),
            " ",
        ] {
            let quoted = format!("\"{}\"", hostile.replace('"', "\"\""));
            superuser.batch_execute(&format!("CREATE DATABASE {quoted} OWNER tsdbadmin")).await.unwrap();
            let sql = format!("CREATE ROLE {quoted} LOGIN CREATEDB PASSWORD '{PASSWORD}'");
            superuser.batch_execute(&sql).await.unwrap();
            let admin = world.connect_to(hostile, ADMIN).await;
            let sql = format!(
                "CREATE SCHEMA {quoted}; CREATE TABLE {quoted}.{quoted} ({quoted} serial);
                               GRANT ALL ON SCHEMA {quoted} TO {quoted}"
            );
            admin.batch_execute(&sql).await.unwrap();
            let owner = world.connect_to(hostile, hostile).await;
            owner.batch_execute(&format!("CREATE TABLE {quoted}.other (i int)")).await.unwrap();
            world.server.reconcile().await.unwrap();
            allowed(
                &world.connect_to(hostile, READER).await,
                &format!("SELECT * FROM {quoted}.{quoted}, {quoted}.other"),
            )
            .await;
            world.server.adopt(hostile, hostile).await.unwrap();
            assert_eq!(world.server.user(hostile).await.unwrap().unwrap().marker.unwrap().id, hostile);
            world.server.deletion_preview(hostile).await.unwrap();
            world.server.delete_user(hostile).await.unwrap();
            world.server.delete_database(hostile).await.unwrap();
            let created = world.server.create_user(&new_user(hostile, Access::ReadOnly, false)).await;
            assert!(created.is_ok(), "{created:?}");
            world.server.delete_user(hostile).await.unwrap();
        }
        let after: String = superuser.query_one(roles, &[]).await.unwrap().get(0);
        assert_eq!(before, after);
    });
}

#[test]
fn a_schema_of_our_name_that_somebody_made_before_us_is_set_aside() {
    on_every_version(async |postgres| {
        let world = world(postgres).await;
        let name = world.add_database("squatted", "TEMPLATE template0").await;
        let admin = world.connect_to(&name, ADMIN).await;
        let sql = "CREATE SCHEMA rolecall; CREATE TABLE rolecall.kept (i int);
                   CREATE FUNCTION rolecall.follow() RETURNS event_trigger LANGUAGE plpgsql AS
                     $f$ BEGIN ALTER ROLE tsdbadmin SUPERUSER; END $f$";
        admin.batch_execute(sql).await.unwrap();
        let findings = world.server.reconcile().await.unwrap();
        let told = findings.iter().find(|finding| finding.database.as_ref() == Some(&name)).unwrap();
        assert_eq!(told.matter, Matter::Triggers);
        postgres.superuser(&name).await.batch_execute("CREATE TABLE public.t (i int)").await.unwrap();
        assert!(!world.server.user(ADMIN).await.unwrap().unwrap().superuser);
        let sql = "SELECT count(*) FROM pg_catalog.pg_class c JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
                    WHERE c.relname = 'kept' AND n.nspname LIKE 'rolecall\\_aside\\_%'";
        assert_eq!(admin.query_one(sql, &[]).await.unwrap().get::<_, i64>(0), 1, "nothing is lost");
        drop(admin);
        world.server.delete_database(&name).await.unwrap();
    });
}
