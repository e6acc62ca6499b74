//! Deleting a user loses nothing that it owned (S6).

use engines::EngineError;
use engines::postgresql::{Access, LoginOutcome};

use crate::actions::{allowed, forbidden};
use crate::harness::{on_every_version, unique};
use crate::world::{ADMIN, DATABASE, READER, WRITER, World, new_user, secret, world};

/// Who owns a relation.
async fn owner(client: &tokio_postgres::Client, relation: &str) -> String {
    let sql = "SELECT pg_catalog.pg_get_userbyid(relowner)::text FROM pg_catalog.pg_class WHERE oid = $1::text::regclass";
    client.query_one(sql, &[&relation]).await.unwrap().get(0)
}

/// One of each kind of thing that a user may own, in a schema of its own.
fn things_of(name: &str) -> String {
    format!(
            "CREATE SCHEMA s_{name}; CREATE TABLE s_{name}.t (i serial); INSERT INTO s_{name}.t DEFAULT VALUES;
             CREATE VIEW s_{name}.v AS SELECT * FROM s_{name}.t; CREATE TYPE s_{name}.e AS ENUM ('a');
             CREATE FUNCTION s_{name}.f() RETURNS bigint LANGUAGE sql SECURITY DEFINER AS 'SELECT count(*) FROM s_{name}.t';
             SELECT pg_catalog.lo_from_bytea(0, 'kept');"
    )
}

/// What a user owned in a database that nobody may connect to is there, belongs to another, and the door is closed.
async fn is_kept_behind_closed_doors(world: &World, closed: &str, name: &str) {
    let superuser = world.superuser().await;
    let closed_again =
        "SELECT NOT datallowconn AND datconnlimit = -1 FROM pg_catalog.pg_database WHERE datname = $1";
    assert!(superuser.query_one(closed_again, &[&closed]).await.unwrap().get::<_, bool>(0));
    superuser.batch_execute(&format!("ALTER DATABASE {closed} ALLOW_CONNECTIONS true")).await.unwrap();
    let client = world.postgres.superuser(closed).await;
    assert_eq!(owner(&client, &format!("s_{name}.t")).await, "rolecall_former");
    assert_eq!(
        client.query_one(&format!("SELECT count(*) FROM s_{name}.t"), &[]).await.unwrap().get::<_, i64>(0),
        1
    );
    let objects =
        "SELECT count(*) FROM pg_catalog.pg_largeobject_metadata WHERE lomowner = 'rolecall_former'::regrole";
    assert_eq!(client.query_one(objects, &[]).await.unwrap().get::<_, i64>(0), 1);
}

#[test]
fn what_a_deleted_user_owned_anywhere_is_kept_and_still_used() {
    on_every_version(async |postgres| {
        let world = world(postgres).await;
        // A replication user makes things in its own name.
        let name = format!("leaver_{}", unique());
        world.server.create_user(&new_user(&name, Access::ReadWrite, true)).await.unwrap();
        let other = world.add_database("elsewhere", "").await;
        let closed = world.add_database("closed", "").await;
        world.server.reconcile().await.unwrap();
        let things = things_of(&name);
        for database in [DATABASE, &other, &closed] {
            world.connect_to(database, &name).await.batch_execute(&things).await.unwrap();
        }
        let superuser = world.superuser().await;
        superuser.batch_execute(&format!("ALTER DATABASE {closed} ALLOW_CONNECTIONS false")).await.unwrap();
        superuser.batch_execute(&format!("ALTER DATABASE {other} OWNER TO {name}")).await.unwrap();
        let session = world.connect(&name).await;

        let preview = world.server.deletion_preview(&name).await.unwrap();
        assert_eq!(preview.databases, std::slice::from_ref(&other));
        assert_eq!(preview.sessions, 1);
        assert_eq!(preview.unseen, std::slice::from_ref(&closed));
        let here = preview.holdings.iter().find(|holdings| holdings.database == DATABASE).unwrap();
        assert_eq!(here.definer_routines, [format!("s_{name}.f()")]);
        assert!(
            here.first.iter().any(|holding| holding.kind == "table" && holding.name == format!("s_{name}.t"))
        );
        assert_eq!(here.count, i64::try_from(here.first.len()).unwrap());

        let deleted = world.server.delete_user(&name).await.unwrap();
        assert!(deleted.existed && deleted.sessions == 1 && deleted.handed_over >= 15);
        assert!(session.batch_execute("SELECT 1").await.is_err(), "its session has ended");
        assert_eq!(world.server.try_login(&name, &secret(), None).await, LoginOutcome::Refused);

        let admin = world.connect(ADMIN).await;
        assert_eq!(owner(&admin, &format!("s_{name}.t")).await, "rolecall_former");
        allowed(&admin, &format!("ALTER TABLE s_{name}.t ADD COLUMN more int; SELECT s_{name}.f()")).await;
        let reader = world.connect_to(&other, READER).await;
        allowed(&reader, &format!("SELECT * FROM s_{name}.v")).await;
        forbidden(&reader, &format!("SELECT s_{name}.f()")).await;
        allowed(&world.connect(WRITER).await, &format!("INSERT INTO s_{name}.t DEFAULT VALUES")).await;

        is_kept_behind_closed_doors(&world, &closed, &name).await;
        drop(reader);
        world.server.delete_database(&closed).await.unwrap();
        world.server.delete_database(&other).await.unwrap();
    });
}

#[test]
fn an_ordinary_writer_leaves_nothing_to_hand_over() {
    on_every_version(async |postgres| {
        let world = world(postgres).await;
        let name = world.add("tidy", Access::ReadWrite).await;
        let client = world.connect(&name).await;
        client.batch_execute(&format!("CREATE TABLE public.of_{name} (i int)")).await.unwrap();
        assert!(world.server.deletion_preview(&name).await.unwrap().holdings.is_empty());
        assert_eq!(world.server.delete_user(&name).await.unwrap().handed_over, 0);
        allowed(&world.connect(WRITER).await, &format!("ALTER TABLE public.of_{name} ADD COLUMN more int"))
            .await;
    });
}

#[test]
fn rights_that_others_gave_a_user_and_its_own_promises_do_not_hold_it_back() {
    on_every_version(async |postgres| {
        let world = world(postgres).await;
        let name = world.add("granted", Access::ReadWrite).await;
        let superuser = world.superuser().await;
        superuser
            .batch_execute(&format!(
                "GRANT SELECT ON public.tsdbadmin_plain TO {name}; GRANT CREATE ON DATABASE {DATABASE} TO {name};
                 ALTER DEFAULT PRIVILEGES FOR ROLE {name} GRANT SELECT ON TABLES TO PUBLIC;
                 ALTER DEFAULT PRIVILEGES FOR ROLE tsdbadmin GRANT SELECT ON TABLES TO {name};
                 CREATE POLICY p_{name} ON public.tsdbadmin_plain TO {name}, PUBLIC USING (true);
                 ALTER ROLE {name} IN DATABASE {DATABASE} SET work_mem = '5MB';"
            ))
            .await
            .unwrap();
        world.server.delete_user(&name).await.unwrap();
        superuser.batch_execute(&format!("DROP POLICY p_{name} ON public.tsdbadmin_plain")).await.unwrap();
    });
}

#[test]
fn the_login_of_a_foreign_server_is_shown_before_it_is_lost() {
    on_every_version(async |postgres| {
        let world = world(postgres).await;
        let name = world.add("mapped", Access::ReadWrite).await;
        let superuser = world.superuser().await;
        superuser
            .batch_execute(&format!(
                "CREATE FOREIGN DATA WRAPPER w_{name}; CREATE SERVER far_{name} FOREIGN DATA WRAPPER w_{name};
                 CREATE USER MAPPING FOR {name} SERVER far_{name} OPTIONS (user 'x')"
            ))
            .await
            .unwrap();
        let preview = world.server.deletion_preview(&name).await.unwrap();
        assert_eq!(preview.holdings[0].user_mappings, [format!("far_{name}")]);
        assert_eq!(preview.holdings[0].count, 0);
        world.server.delete_user(&name).await.unwrap();
    });
}

#[test]
fn a_prepared_transaction_is_named_and_nothing_is_lost() {
    on_every_version(async |postgres| {
        let world = world(postgres).await;
        // What a writer prepares belongs to the group; a replication user acts in its own name.
        let name = format!("prepared_{}", unique());
        world.server.create_user(&new_user(&name, Access::ReadWrite, true)).await.unwrap();
        let client = world.connect(&name).await;
        client
            .batch_execute(&format!(
                "BEGIN; CREATE TABLE public.of_{name} (i int); PREPARE TRANSACTION 'two {name}'"
            ))
            .await
            .unwrap();
        match world.server.delete_user(&name).await {
            Err(EngineError::InUse(reason)) => assert!(reason.contains(&format!("two {name}")), "{reason}"),
            other => panic!("{other:?}"),
        }
        assert_eq!(
            world.server.try_login(&name, &secret(), None).await,
            LoginOutcome::Refused,
            "it stays shut out"
        );
        world.superuser().await.batch_execute(&format!("COMMIT PREPARED 'two {name}'")).await.unwrap();
        assert!(world.server.delete_user(&name).await.unwrap().existed);
        allowed(&world.connect(READER).await, &format!("SELECT * FROM public.of_{name}")).await;
    });
}

#[test]
fn superusers_our_groups_and_default_users_cannot_be_deleted() {
    on_every_version(async |postgres| {
        let world = world(postgres).await;
        for name in ["postgres", "rolecall_readonly", "rolecall_former", "pg_monitor", ADMIN] {
            let refused = world.server.delete_user(name).await;
            assert!(matches!(refused, Err(EngineError::Forbidden(_))), "{name}: {refused:?}");
        }
        let other = format!("root_{}", unique());
        world.superuser().await.batch_execute(&format!("CREATE ROLE {other} SUPERUSER LOGIN")).await.unwrap();
        assert!(matches!(world.server.delete_user(&other).await, Err(EngineError::Forbidden(_))));
        world.superuser().await.batch_execute(&format!("DROP ROLE {other}")).await.unwrap();
    });
}

#[test]
fn while_a_user_is_deleted_the_database_drops_nothing_but_rights() {
    on_every_version(async |postgres| {
        let world = world(postgres).await;
        let name = world.add("late", Access::ReadWrite).await;
        let superuser = world.superuser().await;
        let sql =
            format!("CREATE TABLE public.of_{name} (i int); ALTER TABLE public.of_{name} OWNER TO {name}");
        superuser.batch_execute(&sql).await.unwrap();
        let drop = format!("SET rolecall.deleting = on; DROP OWNED BY {name}");
        let refused = superuser.batch_execute(&drop).await.unwrap_err();
        assert_eq!(refused.code().unwrap().code(), "55006", "{refused:?}");
        world.server.delete_user(&name).await.unwrap();
        assert_eq!(owner(&superuser, &format!("public.of_{name}")).await, "rolecall_former");
    });
}

#[test]
fn a_database_is_made_shown_and_deleted_with_its_sessions() {
    on_every_version(async |postgres| {
        let world = world(postgres).await;
        let name = format!("shop-{}", unique());
        world.server.create_database(&name, ADMIN).await.unwrap();
        world.server.create_database(&name, ADMIN).await.unwrap();
        let taken = world.server.create_database(&name, READER).await;
        assert!(matches!(taken, Err(EngineError::AlreadyExists { .. })));
        let client = world.connect_to(&name, ADMIN).await;
        let sql = "CREATE TABLE t AS SELECT g FROM generate_series(1, 500) g; ANALYZE t";
        client.batch_execute(sql).await.unwrap();
        let preview = world.server.database_preview(&name).await.unwrap();
        assert_eq!((preview.tables, preview.rows_estimate, preview.sessions), (1, 500, 1));
        world.server.delete_database(&name).await.unwrap();
        world.server.delete_database(&name).await.unwrap();
        assert!(client.batch_execute("SELECT 1").await.is_err());
        for protected in ["postgres", "template1", "template0", DATABASE] {
            assert!(matches!(world.server.delete_database(protected).await, Err(EngineError::Forbidden(_))));
        }
        let missing = world.server.database_preview(&name).await;
        assert!(matches!(missing, Err(EngineError::NotFound { kind: "database", .. })));
    });
}
