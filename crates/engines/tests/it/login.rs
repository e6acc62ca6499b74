//! Passwords, verifiers, and whether a login really works.

use engines::postgresql::{Access, LoginOutcome, NewUser, PasswordEncryption, Verifier};
use engines::{EngineError, Secret};

use crate::harness::{on_every_version, unique};

fn new_user(name: &str, password: &Secret, access: Access) -> NewUser {
    let verifier = Verifier::derive(password).unwrap();
    NewUser { name: name.into(), verifier, access, replication: false, id: format!("id of {name}") }
}

#[test]
fn the_server_tells_its_version_and_our_rights() {
    on_every_version(async |postgres| {
        let facts = postgres.managed("postgres").check().await.unwrap();
        assert_eq!(u32::try_from(facts.version_number).unwrap() / 10_000, postgres.version);
        assert!(facts.superuser && facts.can_create_roles);
    });
}

#[test]
fn a_login_works_with_its_password_and_with_no_other() {
    on_every_version(async |postgres| {
        let server = postgres.managed("postgres");
        let name = format!("plain_{}", unique());
        postgres
            .superuser("postgres")
            .await
            .batch_execute("CREATE ROLE rolecall_readwrite; CREATE ROLE rolecall_former;")
            .await
            .unwrap();
        let password = Secret::random().unwrap();
        server.create_user(&new_user(&name, &password, Access::ReadWrite)).await.unwrap();
        assert_eq!(server.try_login(&name, &password, None).await, LoginOutcome::Accepted);
        assert_eq!(server.try_login(&name, &Secret::random().unwrap(), None).await, LoginOutcome::Refused);
        let user = server.user(&name).await.unwrap().unwrap();
        assert_eq!(user.password_encryption, Some(PasswordEncryption::ScramSha256));
        assert!(user.managed_marker());
        server.delete_user(&name).await.unwrap();
        assert_eq!(server.try_login(&name, &password, None).await, LoginOutcome::Refused);
        assert!(!server.delete_user(&name).await.unwrap().existed);
        assert!(matches!(postgres.managed("nowhere").check().await, Ok(_)), "the hub is `postgres`");
        let superuser = Secret::new(crate::harness::SUPERUSER_PASSWORD.into());
        let nowhere = server.try_login("postgres", &superuser, Some("nowhere")).await;
        assert!(matches!(nowhere, LoginOutcome::Unknown(_)));
        let wrong = postgres.attached("postgres", "wrong", "postgres");
        assert!(matches!(wrong.check().await, Err(EngineError::Refused { .. })));
    });
}
