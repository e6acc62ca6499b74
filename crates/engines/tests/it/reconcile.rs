//! What somebody changed behind our back is noticed, and set right where it may be.

use engines::postgresql::{Access, Finding, Matter};

use crate::actions::{allowed, forbidden};
use crate::harness::{Postgres, on_every_version};
use crate::world::{ADMIN, DATABASE, PASSWORD, READER, World, verifier, world};

/// What one reconcile finds after something was changed.
async fn findings_after(world: &World, sql: &str) -> Vec<Finding> {
    world.superuser().await.batch_execute(sql).await.unwrap();
    world.server.reconcile().await.unwrap()
}

/// The service, with everything set right that other tests left behind.
async fn tidy_world(postgres: &'static Postgres) -> World {
    let world = world(postgres).await;
    world.server.reconcile().await.unwrap();
    world
}

/// Asserts that there is one finding, of this matter, and none the next time.
async fn is_mended(world: &World, sql: &str, matter: Matter) {
    let findings = findings_after(world, sql).await;
    assert_eq!(
        findings.iter().map(|finding| finding.matter).collect::<Vec<_>>(),
        [matter],
        "{sql}: {findings:?}"
    );
    assert!(findings.iter().all(|finding| finding.mended), "{findings:?}");
    assert_eq!(world.server.reconcile().await.unwrap(), [], "{sql}");
}

#[test]
fn what_is_as_it_should_be_is_not_mentioned() {
    on_every_version(async |postgres| {
        let world = tidy_world(postgres).await;
        assert_eq!(world.server.reconcile().await.unwrap(), []);
    });
}

#[test]
fn what_an_owner_withdrew_or_opened_to_everybody_is_set_back() {
    on_every_version(async |postgres| {
        let world = tidy_world(postgres).await;
        for change in [
            "REVOKE ALL ON public.tsdbadmin_plain FROM rolecall_readonly",
            "REVOKE INSERT ON public.tsdbadmin_plain FROM rolecall_readwrite",
            "REVOKE ALL ON SCHEMA public FROM rolecall_readonly",
            "REVOKE ALL ON SEQUENCE public.tsdbadmin_counter FROM rolecall_readonly",
            "GRANT INSERT ON public.tsdbadmin_plain TO PUBLIC",
            "GRANT UPDATE (text) ON public.tsdbadmin_plain TO PUBLIC",
            "GRANT ALL ON public.tsdbadmin_plain TO rolecall_readonly",
            "GRANT DELETE ON public.tsdbadmin_plain TO app_4553_ro",
            "GRANT CREATE ON SCHEMA public TO PUBLIC",
            "GRANT USAGE ON SEQUENCE public.tsdbadmin_counter TO PUBLIC",
            "GRANT EXECUTE ON FUNCTION public.tsdbadmin_write() TO PUBLIC",
            "GRANT CREATE ON DATABASE defaultdb TO PUBLIC",
        ] {
            is_mended(&world, change, Matter::Rights).await;
        }
        let reader = world.connect(READER).await;
        allowed(&reader, "SELECT * FROM public.tsdbadmin_plain").await;
        forbidden(&reader, "UPDATE public.tsdbadmin_plain SET text = ''").await;
        forbidden(&reader, "SELECT public.tsdbadmin_write()").await;
    });
}

#[test]
fn default_privileges_that_open_everything_to_everybody_open_nothing() {
    on_every_version(async |postgres| {
        let world = tidy_world(postgres).await;
        let database = world.add_database("opened", "").await;
        let admin = world.connect_to(&database, ADMIN).await;
        let sql = "ALTER DEFAULT PRIVILEGES GRANT ALL ON TABLES TO PUBLIC; CREATE TABLE public.t (i int)";
        admin.batch_execute(sql).await.unwrap();
        forbidden(&world.connect_to(&database, READER).await, "INSERT INTO public.t VALUES (1)").await;
        drop(admin);
        world.server.delete_database(&database).await.unwrap();
    });
}

#[test]
fn a_database_made_from_the_empty_template_is_prepared() {
    on_every_version(async |postgres| {
        let world = tidy_world(postgres).await;
        let database = world.add_database("empty", "TEMPLATE template0").await;
        let admin = world.connect_to(&database, ADMIN).await;
        admin.batch_execute("CREATE TABLE public.early (i int)").await.unwrap();
        assert!(!world.server.prepared_databases().await.unwrap().contains(&database));
        world.server.reconcile().await.unwrap();
        assert!(world.server.prepared_databases().await.unwrap().contains(&database));
        assert!(world.server.prepared_databases().await.unwrap().contains(&DATABASE.to_owned()));
        admin.batch_execute("CREATE TABLE public.late (i int)").await.unwrap();
        let reader = world.connect_to(&database, READER).await;
        allowed(&reader, "SELECT * FROM public.early, public.late").await;
        forbidden(&reader, "CREATE TEMPORARY TABLE x (i int)").await;
        drop((admin, reader));
        world.server.delete_database(&database).await.unwrap();
    });
}

#[test]
fn what_keeps_the_rights_is_put_back_when_a_superuser_touched_it() {
    on_every_version(async |postgres| {
        let world = tidy_world(postgres).await;
        for change in [
            "DROP EVENT TRIGGER rolecall_guard",
            "ALTER EVENT TRIGGER rolecall_follow DISABLE",
            "DROP FUNCTION rolecall.follow() CASCADE",
            "CREATE OR REPLACE FUNCTION rolecall.settle(class oid, object oid) RETURNS void LANGUAGE plpgsql AS 'BEGIN END'",
            "GRANT USAGE ON SCHEMA rolecall TO PUBLIC",
            "GRANT EXECUTE ON FUNCTION pg_catalog.lo_create(oid) TO PUBLIC",
        ] {
            is_mended(&world, change, Matter::Triggers).await;
        }
        let reader = world.connect(READER).await;
        forbidden(&reader, "CREATE TEMPORARY TABLE x (i int)").await;
        forbidden(&reader, "SELECT pg_catalog.lo_create(0)").await;
    });
}

#[test]
fn a_group_that_was_renamed_or_given_rights_stops_nobody_and_is_set_back() {
    on_every_version(async |postgres| {
        let world = tidy_world(postgres).await;
        let superuser = world.superuser().await;
        superuser.batch_execute("ALTER ROLE rolecall_readonly RENAME TO somebody").await.unwrap();
        superuser.batch_execute("ALTER ROLE rolecall_readwrite RENAME TO somebody_else").await.unwrap();
        let admin = world.connect(ADMIN).await;
        let table = format!("renamed_{}", crate::harness::unique());
        admin.batch_execute(&format!("CREATE TABLE public.{table} (i int)")).await.unwrap();
        let reader = world.connect(READER).await;
        allowed(&reader, &format!("SELECT * FROM public.{table}")).await;
        forbidden(&reader, "CREATE TEMPORARY TABLE x (i int)").await;
        let findings = world.server.reconcile().await.unwrap();
        assert_eq!(
            findings.iter().filter(|finding| finding.matter == Matter::Group).count(),
            2,
            "{findings:?}"
        );
        is_mended(&world, "ALTER ROLE rolecall_readonly LOGIN CREATEROLE", Matter::Group).await;
        is_mended(&world, "GRANT pg_read_all_data TO rolecall_readonly", Matter::Group).await;
    });
}

#[test]
fn users_that_were_given_more_or_less_are_set_back() {
    on_every_version(async |postgres| {
        let world = tidy_world(postgres).await;
        for (change, matter) in [
            ("ALTER ROLE app_4553_ro CREATEROLE CREATEDB", Matter::Attributes),
            ("ALTER ROLE app_4553_ro REPLICATION", Matter::Attributes),
            ("ALTER ROLE app_4553_rw BYPASSRLS", Matter::Attributes),
            ("REVOKE rolecall_readonly FROM app_4553_ro", Matter::Membership),
            ("REVOKE rolecall_readwrite FROM app_4553_rw", Matter::Membership),
            ("GRANT app_4553_rw TO app_4553_ro", Matter::Membership),
            ("GRANT pg_write_all_data TO app_4553_ro", Matter::Membership),
            ("ALTER ROLE app_4553_ro SET work_mem = '9MB'", Matter::Settings),
            ("ALTER ROLE app_4553_ro IN DATABASE defaultdb SET search_path = 'x'", Matter::Settings),
            ("ALTER ROLE app_4553_rw RESET ALL", Matter::Settings),
        ] {
            is_mended(&world, change, matter).await;
        }
        // A writer's settings of its own are its own.
        let own = findings_after(&world, "ALTER ROLE app_4553_rw SET work_mem = '9MB'").await;
        assert_eq!(own, []);
    });
}

#[test]
fn a_password_that_a_user_changed_itself_is_noticed_and_can_be_set_back() {
    on_every_version(async |postgres| {
        let world = tidy_world(postgres).await;
        let name = world.add("changer", Access::ReadOnly).await;
        let client = world.connect(&name).await;
        client
            .batch_execute(&format!("ALTER ROLE {name} PASSWORD 'its own idea of a password'"))
            .await
            .unwrap();
        let findings = world.server.reconcile().await.unwrap();
        let told: Vec<_> = findings.iter().filter(|finding| finding.user.as_ref() == Some(&name)).collect();
        assert_eq!(told.len(), 1, "{findings:?}");
        assert!(told[0].matter == Matter::Password && !told[0].mended);
        world.server.set_verifier(&name, &verifier()).await.unwrap();
        assert_eq!(world.server.reconcile().await.unwrap(), []);
        assert!(postgres.connect(&name, PASSWORD, DATABASE).await.is_ok());
        world.server.delete_user(&name).await.unwrap();
    });
}

#[test]
fn a_group_that_was_dropped_is_made_again_with_all_its_members_and_rights() {
    on_every_version(async |postgres| {
        let world = tidy_world(postgres).await;
        for database in world.server.databases().await.unwrap() {
            let superuser = postgres.superuser(&database.name).await;
            superuser.batch_execute("DROP OWNED BY rolecall_readonly").await.unwrap();
        }
        let template = postgres.superuser("template1").await;
        template.batch_execute("DROP OWNED BY rolecall_readonly; DROP ROLE rolecall_readonly").await.unwrap();
        drop(template);
        let admin = world.connect(ADMIN).await;
        let table = format!("orphan_{}", crate::harness::unique());
        admin.batch_execute(&format!("CREATE TABLE public.{table} (i int)")).await.unwrap();
        world.server.reconcile().await.unwrap();
        assert_eq!(world.server.reconcile().await.unwrap(), []);
        let reader = world.connect(READER).await;
        allowed(&reader, &format!("SELECT * FROM public.{table}, public.tsdbadmin_plain")).await;
        forbidden(&reader, "CREATE TEMPORARY TABLE x (i int)").await;
    });
}
