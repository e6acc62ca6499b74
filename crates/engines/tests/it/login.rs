//! Passwords, verifiers, and whether a login really works.

use engines::postgresql::{Access, LoginOutcome, PasswordEncryption, Verifier};
use engines::{EngineError, Secret};

use crate::harness::{SUPERUSER_PASSWORD, on_every_version, unique};
use crate::world::{PASSWORD, new_user, world};

#[test]
fn the_server_tells_its_version_and_our_rights() {
    on_every_version(async |postgres| {
        let facts = postgres.managed("postgres").check().await.unwrap();
        assert_eq!(u32::try_from(facts.version_number).unwrap() / 10_000, postgres.version);
        assert!(facts.superuser && facts.can_create_roles);
    });
}

#[test]
fn a_login_works_with_its_password_and_with_no_other_until_it_is_deleted() {
    on_every_version(async |postgres| {
        let server = world(postgres).await.server;
        let name = format!("login_{}", unique());
        let (one, two) = (Secret::random().unwrap(), Secret::random().unwrap());
        let mut user = new_user(&name, Access::ReadWrite, false);
        user.verifier = Verifier::derive(&one).unwrap();
        server.create_user(&user).await.unwrap();
        assert_eq!(server.try_login(&name, &one, None).await, LoginOutcome::Accepted);
        assert_eq!(server.try_login(&name, &two, None).await, LoginOutcome::Refused);
        server.set_verifier(&name, &Verifier::derive(&two).unwrap()).await.unwrap();
        assert_eq!(server.try_login(&name, &one, None).await, LoginOutcome::Refused);
        assert_eq!(server.try_login(&name, &two, None).await, LoginOutcome::Accepted);
        let found = server.user(&name).await.unwrap().unwrap();
        assert_eq!(found.password_encryption, Some(PasswordEncryption::ScramSha256));
        assert!(found.managed_marker() && !found.read_only);
        server.delete_user(&name).await.unwrap();
        assert_eq!(server.try_login(&name, &two, None).await, LoginOutcome::Refused);
        assert!(!server.delete_user(&name).await.unwrap().existed);
        assert!(server.user(&name).await.unwrap().is_none());
    });
}

#[test]
fn a_password_in_any_script_works_as_postgresql_itself_would_spell_it() {
    on_every_version(async |postgres| {
        let server = world(postgres).await.server;
        let name = format!("script_{}", unique());
        server.create_user(&new_user(&name, Access::ReadWrite, false)).await.unwrap();
        for password in [
            "\u{2168}\u{AD} soft and roman, long enough",
            "пароль-длиной-больше-24-знаков",
            "with\\slash $$ and ; -- 0123456",
        ] {
            let secret = Secret::new(password);
            server.set_verifier(&name, &Verifier::derive(&secret).unwrap()).await.unwrap();
            assert_eq!(server.try_login(&name, &secret, None).await, LoginOutcome::Accepted, "{password}");
        }
        server.delete_user(&name).await.unwrap();
    });
}

#[test]
fn a_verifier_made_by_postgresql_matches_its_password() {
    on_every_version(async |postgres| {
        let superuser = postgres.superuser("postgres").await;
        let name = format!("native_{}", unique());
        superuser
            .batch_execute(&format!("CREATE ROLE {name} PASSWORD 'some password of its own'"))
            .await
            .unwrap();
        let sql = "SELECT rolpassword FROM pg_catalog.pg_authid WHERE rolname = $1";
        let text: String = superuser.query_one(sql, &[&name]).await.unwrap().get(0);
        let verifier = Verifier::parse(&text).unwrap();
        assert!(verifier.matches(&Secret::new("some password of its own")));
        assert!(!verifier.matches(&Secret::new("another")));
        assert_eq!(postgres.managed("postgres").holds(&name, &verifier).await.unwrap(), Some(true));
    });
}

#[test]
fn an_old_md5_password_is_shown_as_what_it_is() {
    on_every_version(async |postgres| {
        let server = world(postgres).await.server;
        let name = format!("older_{}", unique());
        let sql = format!("CREATE ROLE {name} LOGIN PASSWORD 'md5d41d8cd98f00b204e9800998ecf8427e'");
        postgres.superuser("postgres").await.batch_execute(&sql).await.unwrap();
        let user = server.user(&name).await.unwrap().unwrap();
        assert_eq!(user.password_encryption, Some(PasswordEncryption::Md5));
        assert!(!user.managed_marker());
        server.delete_user(&name).await.unwrap();
    });
}

#[test]
fn making_the_same_user_again_is_fine_and_another_of_its_name_is_a_conflict() {
    on_every_version(async |postgres| {
        let server = world(postgres).await.server;
        let same = new_user(&format!("again_{}", unique()), Access::ReadOnly, false);
        server.create_user(&same).await.unwrap();
        server.create_user(&same).await.unwrap();
        let mut other = new_user(&same.name, Access::ReadOnly, false);
        assert!(matches!(server.create_user(&other).await, Err(EngineError::AlreadyExists { .. })));
        other.verifier = same.verifier.clone();
        other.id = "somebody else".into();
        assert!(matches!(server.create_user(&other).await, Err(EngineError::AlreadyExists { .. })));
        let foreign = new_user("plain_sql_role", Access::ReadOnly, false);
        assert!(matches!(server.create_user(&foreign).await, Err(EngineError::AlreadyExists { .. })));
        server.delete_user(&same.name).await.unwrap();
    });
}

#[test]
fn a_wrong_login_a_missing_database_and_a_dead_port_are_told_apart() {
    on_every_version(async |postgres| {
        let wrong = postgres.attached("postgres", "wrong", "postgres");
        assert!(matches!(wrong.check().await, Err(EngineError::Refused { .. })));
        let nowhere = postgres.attached("postgres", SUPERUSER_PASSWORD, "nowhere");
        assert!(matches!(nowhere.check().await, Err(EngineError::NotFound { kind: "database", .. })));
        let superuser = Secret::new(SUPERUSER_PASSWORD);
        let outcome = nowhere.try_login("postgres", &superuser, None).await;
        assert!(matches!(outcome, LoginOutcome::Unknown(_)));
    });
}

#[test]
fn no_password_and_no_verifier_is_written_to_the_servers_log() {
    on_every_version(async |postgres| {
        let world = world(postgres).await;
        let user = new_user(&format!("hushed_{}", unique()), Access::ReadWrite, false);
        world.server.create_user(&user).await.unwrap();
        let other = crate::world::verifier();
        world.server.set_verifier(&user.name, &other).await.unwrap();
        let taken = crate::world::verifier();
        let mut conflict = new_user(&user.name, Access::ReadWrite, false);
        conflict.verifier = taken.clone();
        world.server.create_user(&conflict).await.unwrap_err();
        world.server.delete_user(&user.name).await.unwrap();
        let log = postgres.log();
        assert!(log.contains(&user.name), "statements are logged on this server");
        for canary in [user.verifier.text(), other.text(), taken.text(), SUPERUSER_PASSWORD] {
            assert!(!log.contains(canary));
        }
        // `plain_sql_role` was made by hand, in clear, as users do: that this is seen shows that the test can see.
        assert!(log.contains(PASSWORD));
    });
}

#[test]
fn a_user_that_is_locked_out_is_out_at_once_and_keeps_its_rights() {
    on_every_version(async |postgres| {
        let world = world(postgres).await;
        let name = world.add("locked", Access::ReadOnly).await;
        let client = world.connect(&name).await;
        assert_eq!(world.server.set_login(&name, false).await.unwrap(), 1);
        assert!(client.batch_execute("SELECT 1").await.is_err());
        assert_eq!(world.server.try_login(&name, &crate::world::secret(), None).await, LoginOutcome::Refused);
        assert!(world.server.users().await.unwrap().iter().all(|user| user.name != name));
        assert_eq!(world.server.set_login(&name, true).await.unwrap(), 0);
        crate::actions::allowed(&world.connect(&name).await, "SELECT * FROM public.tsdbadmin_plain").await;
        world.server.delete_user(&name).await.unwrap();
    });
}

#[test]
fn a_server_that_ended_our_connections_is_reached_again() {
    on_every_version(async |postgres| {
        let server = world(postgres).await.server;
        server.check().await.unwrap();
        let sql = "SELECT pg_catalog.pg_terminate_backend(pid) FROM pg_catalog.pg_stat_activity
                    WHERE application_name = 'rolecall'";
        postgres.superuser("postgres").await.batch_execute(sql).await.unwrap();
        let again = async {
            // The end of a connection may reach us only with the next question.
            while server.check().await.is_err() {}
        };
        tokio::time::timeout(std::time::Duration::from_secs(10), again).await.unwrap();
    });
}
