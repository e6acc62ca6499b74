//! Deleting without losing anything.

use super::{names, unfinished};
use crate::testing::{Managed, one, sign_in};
use serde_json::json;

#[tokio::test]
async fn what_a_deleted_user_owned_is_kept_in_every_database_and_its_sessions_end() {
    let managed = Managed::new().await;
    let admin = &managed.admin;
    admin.post(&managed.at("/databases"), &json!({ "name": "second" })).await.status(201);
    let password = managed.user("leaver_1", json!({ "replication": true })).await;
    let mut sessions = Vec::new();
    for database in ["defaultdb", "second"] {
        let session = sign_in(managed.port, "leaver_1", &password, database).await.unwrap();
        session
            .batch_execute(
                "CREATE SCHEMA mine; CREATE TABLE mine.kept AS SELECT generate_series(1, 100) AS n;
                 CREATE VIEW mine.seen AS SELECT * FROM mine.kept; CREATE SEQUENCE mine.counter;
                 CREATE FUNCTION mine.definer() RETURNS int SECURITY DEFINER LANGUAGE sql AS 'SELECT 1'",
            )
            .await
            .unwrap();
        sessions.push(session);
    }
    let preview = admin.get(&managed.at("/users/leaver_1/deletion")).await.status(200).json();
    assert_eq!((preview["sessions"].as_i64(), preview["objects"].as_i64()), (Some(2), Some(10)), "{preview}");
    let first = preview["first_objects"].to_string();
    assert!(first.contains("table mine.kept in defaultdb") && first.contains("in second"), "{first}");
    assert!(preview["definer_routines"].to_string().contains("mine.definer() in second"), "{preview}");
    admin.delete(&managed.at("/users/leaver_1")).await.status(204);
    for session in &sessions {
        assert!(session.simple_query("SELECT 1").await.is_err(), "an open session ends");
    }
    assert!(sign_in(managed.port, "leaver_1", &password, "defaultdb").await.is_err());
    assert!(!names(&managed).await.contains(&"leaver_1".to_owned()));
    for database in ["defaultdb", "second"] {
        let postgres = managed.postgres(database).await;
        assert_eq!(one(&postgres, "SELECT sum(n) FROM mine.kept").await, "5050");
        for object in ["kept", "seen", "counter"] {
            let owner =
                format!("SELECT relowner::regrole FROM pg_class WHERE oid = 'mine.{object}'::regclass");
            assert_eq!(one(&postgres, &owner).await, "rolecall_former", "{object} in {database}");
        }
    }
    // Whoever administers the service reaches it still, and another user of the name starts anew.
    let tsdbadmin = managed.revealed("tsdbadmin").await["password"].as_str().unwrap().to_owned();
    let session = managed.sign_in("tsdbadmin", &tsdbadmin).await.unwrap();
    session.batch_execute("ALTER TABLE mine.kept ADD m int; DROP VIEW mine.seen").await.unwrap();
    let fresh = managed.user("leaver_1", json!({ "read_only": true })).await;
    let reader = managed.sign_in("leaver_1", &fresh).await.unwrap();
    assert_eq!(one(&reader, "SELECT count(*) FROM mine.kept").await, "100");
    assert!(reader.simple_query("INSERT INTO mine.kept VALUES (1)").await.is_err());
    managed.world.stop().await;
}

#[tokio::test]
async fn a_user_that_was_never_ours_can_be_deleted_and_what_holds_one_is_said() {
    let managed = Managed::new().await;
    let admin = &managed.admin;
    let postgres = managed.postgres("postgres").await;
    postgres.batch_execute("ALTER SYSTEM SET max_prepared_transactions = 5").await.unwrap();
    postgres.batch_execute("CREATE ROLE by_hand LOGIN").await.unwrap();
    admin.post(&managed.at("/restart"), &json!({})).await.status(200);
    admin.delete(&managed.at("/users/by_hand")).await.status(204);
    admin.delete(&managed.at("/users/by_hand")).await.status(404);
    let password = managed.user("holder_1", json!({})).await;
    let session = managed.sign_in("holder_1", &password).await.unwrap();
    for statement in [
        "SET ROLE NONE",
        "CREATE TABLE t (n int)",
        "BEGIN",
        "INSERT INTO t VALUES (1)",
        "PREPARE TRANSACTION 'held'",
    ] {
        session.batch_execute(statement).await.unwrap();
    }
    let preview = admin.get(&managed.at("/users/holder_1/deletion")).await.status(200).json();
    assert_eq!(preview["prepared_transactions"], json!(["held"]));
    let refused = admin.delete(&managed.at("/users/holder_1")).await.status(409);
    assert_eq!(refused.problem(), "in_use");
    assert!(refused.text("detail").contains("held"), "{}", refused.body);
    assert!(managed.sign_in("holder_1", &password).await.is_err(), "its login is blocked meanwhile");
    let postgres = managed.postgres("defaultdb").await;
    postgres.batch_execute("ROLLBACK PREPARED 'held'").await.unwrap();
    admin.delete(&managed.at("/users/holder_1")).await.status(204);
    assert_eq!(unfinished(&managed).await, 0);
    assert_eq!(one(&postgres, "SELECT count(*) FROM pg_roles WHERE rolname = 'holder_1'").await, "0");
    managed.world.stop().await;
}
