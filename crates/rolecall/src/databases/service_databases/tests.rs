//! The databases of a real service.

use crate::testing::{Managed, encoded, one};
use serde_json::json;

#[tokio::test]
async fn a_database_is_made_shown_and_deleted_with_what_it_holds() {
    let managed = Managed::new().await;
    let (admin, databases) = (&managed.admin, managed.at("/databases"));
    let made = admin.post(&databases, &json!({ "name": "Sales-2" })).await.status(201);
    assert_eq!(made.headers["location"], format!("{databases}/Sales-2").as_str());
    assert_eq!(
        (made.json()["owner"].as_str(), made.json()["protected"].as_bool()),
        (Some("tsdbadmin"), Some(false))
    );
    assert_eq!(
        admin.post(&databases, &json!({ "name": "Sales-2" })).await.status(409).problem(),
        "already_exists"
    );
    for bad in
        ["", "postgres", "template0", "pg_x", "rolecall_x", "a b", "a\"b", "a'b", "1a", &"x".repeat(64)]
    {
        let answer = admin.post(&databases, &json!({ "name": bad })).await.status(422);
        assert_eq!(answer.json()["errors"][0]["field"], "name", "{bad}");
    }
    // A read-only user gets in at once, and reads what is there.
    let password = managed.user("reader_1", json!({ "read_only": true })).await;
    let writer = managed.user("writer_1", json!({})).await;
    let session = crate::testing::sign_in(managed.port, "writer_1", &writer, "Sales-2").await.unwrap();
    session.batch_execute("CREATE TABLE t AS SELECT 1 AS n; ANALYZE t").await.unwrap();
    let reader = crate::testing::sign_in(managed.port, "reader_1", &password, "Sales-2").await.unwrap();
    assert_eq!(one(&reader, "SELECT n FROM t").await, "1");
    let shown = admin.get(&format!("{databases}/Sales-2")).await.status(200).json();
    assert_eq!(
        (shown["tables"].as_i64(), shown["rows"].as_i64(), shown["sessions"].as_i64()),
        (Some(1), Some(1), Some(2))
    );
    admin.delete(&format!("{databases}/Sales-2")).await.status(204);
    assert!(reader.simple_query("SELECT 1").await.is_err(), "its sessions ended");
    admin.delete(&format!("{databases}/Sales-2")).await.status(404);
    admin.get(&format!("{databases}/Sales-2")).await.status(404);
    for protected in ["defaultdb", "postgres", "template1"] {
        assert_eq!(
            admin.delete(&format!("{databases}/{protected}")).await.status(409).problem(),
            "protected"
        );
    }
    managed.world.stop().await;
}

#[tokio::test]
async fn databases_with_hostile_names_change_nothing_and_can_be_deleted() {
    let managed = Managed::new().await;
    let (admin, databases) = (&managed.admin, managed.at("/databases"));
    let postgres = managed.postgres("postgres").await;
    let long = "d".repeat(63);
    let names =
        ["quo\"te", "sem;DROP DATABASE defaultdb;--", "ünïcødé/slash", "back\\slash $$ %s", "all", &long];
    for name in names {
        postgres.batch_execute(&format!("CREATE DATABASE \"{}\"", name.replace('"', "\"\""))).await.unwrap();
    }
    // Users are made, found in and deleted from all of them.
    let password = managed.user("crosser_1", json!({ "read_only": true })).await;
    managed.world.hands.pass(std::time::Duration::from_secs(61));
    managed.world.app.wake.notify_one();
    crate::testing::until("every database is prepared", async || {
        let mut all = true;
        for name in names {
            all &= crate::testing::sign_in(managed.port, "crosser_1", &password, name).await.is_ok();
        }
        all
    })
    .await;
    let listed = admin.get(&databases).await.status(200).json();
    let listed: Vec<_> =
        listed["items"].as_array().unwrap().iter().map(|one| one["name"].as_str().unwrap()).collect();
    assert!(names.iter().all(|name| listed.contains(name)), "{listed:?}");
    admin.delete(&managed.at("/users/crosser_1")).await.status(204);
    for name in names {
        let encoded = encoded(name);
        assert_eq!(admin.get(&format!("{databases}/{encoded}")).await.status(200).json()["name"], *name);
        admin.delete(&format!("{databases}/{encoded}")).await.status(204);
    }
    let left = admin.get(&databases).await.status(200).json();
    let left: Vec<_> =
        left["items"].as_array().unwrap().iter().map(|one| one["name"].as_str().unwrap()).collect();
    assert_eq!(left, ["defaultdb", "postgres"]);
    managed.world.stop().await;
}
