//! Each trap that was found by trying, as a test.

use std::num::NonZeroU32;

use engines::EngineError;
use engines::postgresql::{Access, LoginOutcome, Matter, Verifier};

use crate::actions::{allowed, attempt, forbidden};
use crate::harness::{on_every_version, unique};
use crate::world::{ADMIN, READER, WRITER, default_users, new_user, secret, verifier, world};

#[test]
fn trap_1_where_the_admin_can_make_itself_superuser_it_is_told() {
    on_every_version(async |postgres| {
        let world = world(postgres).await;
        let admin = world.connect(ADMIN).await;
        let taken = attempt(&admin, "GRANT pg_execute_server_program TO tsdbadmin").await;
        let findings = world.server.prepare(&default_users()).await.unwrap();
        let told = findings.iter().any(|finding| finding.matter == Matter::Limit && !finding.mended);
        assert_eq!(taken.is_ok(), postgres.version < 16);
        assert_eq!(told, postgres.version < 16);
    });
}

#[test]
fn trap_2_dropping_what_a_group_owns_takes_nobodys_rights_on_what_comes_later() {
    on_every_version(async |postgres| {
        let world = world(postgres).await;
        let reader = world.connect(READER).await;
        forbidden(&reader, "DROP OWNED BY rolecall_readonly").await;
        let database = world.add_database("dropped", "").await;
        let writer = world.connect_to(&database, WRITER).await;
        writer.batch_execute("DROP OWNED BY rolecall_readwrite").await.unwrap();
        let admin = world.connect_to(&database, ADMIN).await;
        admin.batch_execute("CREATE TABLE later (i int)").await.unwrap();
        allowed(&world.connect_to(&database, READER).await, "SELECT * FROM public.later").await;
        world.server.reconcile().await.unwrap();
        allowed(&writer, "INSERT INTO public.later VALUES (1); CREATE TABLE public.more (i int)").await;
        drop((writer, admin));
        world.server.delete_database(&database).await.unwrap();
    });
}

#[test]
fn trap_3_a_reader_makes_nothing_in_the_server_s_own_database_either() {
    on_every_version(async |postgres| {
        let world = world(postgres).await;
        for database in ["postgres", "template1"] {
            let reader = world.connect_to(database, READER).await;
            forbidden(&reader, "CREATE TEMPORARY TABLE x (i int)").await;
            forbidden(&reader, "SELECT pg_catalog.lo_create(0)").await;
            forbidden(&reader, "SELECT pg_catalog.lo_from_bytea(0, 'x')").await;
            forbidden(&reader, "SELECT pg_catalog.pg_logical_emit_message(false, 'x', 'y')").await;
        }
    });
}

#[test]
fn trap_4_a_reader_does_not_see_stored_passwords() {
    on_every_version(async |postgres| {
        let reader = world(postgres).await.connect(READER).await;
        forbidden(&reader, "SELECT rolpassword FROM pg_catalog.pg_authid").await;
        forbidden(&reader, "SELECT * FROM pg_catalog.pg_largeobject").await;
    });
}

#[test]
fn trap_6_names_that_would_be_cut_to_one_are_refused() {
    on_every_version(async |postgres| {
        let server = world(postgres).await.server;
        let (one, two) = (format!("{}_one", "n".repeat(60)), format!("{}_two", "n".repeat(60)));
        for name in [&one, &two, &one[..63].to_owned()] {
            let made = server.create_user(&new_user(name, Access::ReadWrite, false)).await;
            assert_eq!(made.is_ok(), name.len() < 64, "{name}: {made:?}");
        }
        assert!(matches!(server.delete_user(&two).await, Ok(deleted) if !deleted.existed));
        assert!(server.delete_user(&one[..63]).await.unwrap().existed);
    });
}

#[test]
fn trap_7_a_leavers_routine_does_not_run_as_the_admin_nor_for_everybody() {
    on_every_version(async |postgres| {
        let world = world(postgres).await;
        let name = format!("author_{}", unique());
        world.server.create_user(&new_user(&name, Access::ReadWrite, true)).await.unwrap();
        let sql = format!(
            "CREATE FUNCTION public.who_{name}() RETURNS text LANGUAGE sql SECURITY DEFINER AS 'SELECT current_user::text';
             GRANT EXECUTE ON FUNCTION public.who_{name}() TO PUBLIC"
        );
        world.connect(&name).await.batch_execute(&sql).await.unwrap();
        world.server.delete_user(&name).await.unwrap();
        let writer = world.connect(WRITER).await;
        let who: String = writer.query_one(&format!("SELECT public.who_{name}()"), &[]).await.unwrap().get(0);
        assert_eq!(who, "rolecall_former");
        forbidden(&world.connect(READER).await, &format!("SELECT public.who_{name}()")).await;
    });
}

#[test]
fn trap_8_memberships_that_a_leaver_gave_are_shown_and_do_not_hold_it_back() {
    on_every_version(async |postgres| {
        let world = world(postgres).await;
        let (name, group) = (world.add("giver", Access::ReadWrite).await, format!("club_{}", unique()));
        let sql = format!("CREATE ROLE {group}; GRANT {group} TO {name} WITH ADMIN OPTION");
        world.superuser().await.batch_execute(&sql).await.unwrap();
        let giver = world.connect(&name).await;
        giver.batch_execute(&format!("SET ROLE NONE; GRANT {group} TO plain_sql_role")).await.unwrap();
        let preview = world.server.deletion_preview(&name).await.unwrap();
        assert_eq!(preview.memberships_given.len(), usize::from(postgres.version >= 16));
        let deleted = world.server.delete_user(&name).await.unwrap();
        assert_eq!(deleted.memberships, preview.memberships_given.len());
    });
}

#[test]
fn trap_9_nobodys_advisory_lock_stops_us() {
    on_every_version(async |postgres| {
        let world = world(postgres).await;
        let reader = world.connect(READER).await;
        let sql = "SELECT pg_catalog.pg_advisory_lock(n) FROM pg_catalog.generate_series(0, 999) n";
        reader.batch_execute(sql).await.unwrap();
        world.server.reconcile().await.unwrap();
        let name = world.add("unlocked", Access::ReadOnly).await;
        world.server.delete_user(&name).await.unwrap();
    });
}

#[test]
fn trap_11_a_verifier_of_few_iterations_signs_in() {
    on_every_version(async |postgres| {
        let server = world(postgres).await.server;
        let mut user = new_user(&format!("cheap_{}", unique()), Access::ReadWrite, false);
        user.verifier = Verifier::derive_with(&secret(), NonZeroU32::MIN).unwrap();
        server.create_user(&user).await.unwrap();
        assert_eq!(server.try_login(&user.name, &secret(), None).await, LoginOutcome::Accepted);
        server.delete_user(&user.name).await.unwrap();
    });
}

#[test]
fn trap_12_an_ordinary_user_is_named_in_no_grant_however_much_there_is() {
    on_every_version(async |postgres| {
        let world = world(postgres).await;
        let (reader, writer) =
            (world.add("flat", Access::ReadOnly).await, world.add("flat", Access::ReadWrite).await);
        let client = world.connect(&writer).await;
        for _ in 0..20 {
            client.batch_execute(&format!("CREATE TABLE public.flat_{} (i serial)", unique())).await.unwrap();
        }
        world.server.reconcile().await.unwrap();
        let sql = "SELECT count(*) FROM pg_catalog.pg_shdepend
                    WHERE refclassid = 'pg_catalog.pg_authid'::regclass
                      AND refobjid IN ($1::text::regrole, $2::text::regrole)";
        let named: i64 = world.superuser().await.query_one(sql, &[&reader, &writer]).await.unwrap().get(0);
        assert_eq!(named, 0);
    });
}

#[test]
fn a_replication_user_keeps_its_own_name_and_a_writer_acts_in_the_groups() {
    on_every_version(async |postgres| {
        let world = world(postgres).await;
        let sql = "SELECT session_user::text, current_user::text";
        let row = world.connect(WRITER).await.query_one(sql, &[]).await.unwrap();
        assert_eq!((row.get(0), row.get(1)), (WRITER, "rolecall_readwrite"));
        let row = world.connect("app_4553_repl").await.query_one(sql, &[]).await.unwrap();
        assert_eq!((row.get(0), row.get(1)), ("app_4553_repl", "app_4553_repl"));
        let row = world.connect(READER).await.query_one(sql, &[]).await.unwrap();
        assert_eq!((row.get(0), row.get(1)), (READER, READER));
    });
}

#[test]
fn a_user_of_that_name_that_is_not_ours_is_adopted_with_the_rights_that_it_has() {
    on_every_version(async |postgres| {
        let world = world(postgres).await;
        let name = format!("found_{}", unique());
        let sql =
            format!("CREATE ROLE {name} LOGIN CREATEDB; GRANT SELECT ON public.tsdbadmin_plain TO {name}");
        world.superuser().await.batch_execute(&sql).await.unwrap();
        let findings = world.server.adopt(&name, "its id").await.unwrap();
        assert_eq!(findings.len(), 1, "it may make databases: {findings:?}");
        world.server.adopt(&name, "its id").await.unwrap();
        let user = world.server.user(&name).await.unwrap().unwrap();
        assert!(user.managed_marker() && user.create_db);
        world.server.set_verifier(&name, &verifier()).await.unwrap();
        let client = world.connect(&name).await;
        allowed(&client, "SELECT * FROM public.tsdbadmin_plain").await;
        forbidden(&client, "SELECT * FROM public.app_4553_rw_plain").await;
        assert!(
            world
                .server
                .reconcile()
                .await
                .unwrap()
                .iter()
                .all(|finding| finding.user.as_ref() != Some(&name))
        );
        world.server.delete_user(&name).await.unwrap();
        let missing = world.server.adopt(&name, "x").await;
        assert!(matches!(missing, Err(EngineError::NotFound { kind: "user", .. })));
    });
}
