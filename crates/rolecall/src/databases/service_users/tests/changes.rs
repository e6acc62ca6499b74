//! Passwords and replication.

use super::{shown, unfinished};
use crate::ground::access::{FinishWork, Installation, System};
use crate::testing::{Managed, one, sign_in, until};
use serde_json::{Value, json};
use std::time::Duration;

#[tokio::test]
async fn a_new_password_opens_the_door_and_the_old_one_does_not() {
    let managed = Managed::new().await;
    let first = managed.user("changer_1", json!({})).await;
    let open = managed.sign_in("changer_1", &first).await.unwrap();
    managed.world.hands.pass(Duration::from_secs(5));
    let path = managed.at("/users/changer_1/password");
    let second = managed.admin.put(&path, &json!({})).await.status(200).text("password").to_owned();
    assert!(managed.sign_in("changer_1", &first).await.is_err(), "the old one is refused");
    managed.sign_in("changer_1", &second).await.unwrap();
    assert_eq!(one(&open, "1").await, "1", "open sessions go on");
    let typed = "typed-by-hand-0123456789 $$ \\";
    let answer = managed.admin.put(&path, &json!({ "password": typed })).await.status(200);
    assert_eq!(answer.json()["password"], Value::Null);
    assert!(managed.sign_in("changer_1", &second).await.is_err());
    managed.sign_in("changer_1", typed).await.unwrap();
    let user = shown(&managed, "changer_1").await;
    assert!(user["password_changed_at"].as_str() > user["created_at"].as_str(), "{user}");
    for bad in ["short", "quote'quote'quote'quote'quote"] {
        let answer = managed.admin.put(&path, &json!({ "password": bad })).await.status(422);
        assert_eq!(answer.json()["errors"][0]["field"], "password");
    }
    managed.sign_in("changer_1", typed).await.unwrap();
    assert_eq!(managed.revealed("changer_1").await["password"], typed);

    // The protected user's can be changed too, and survives the next start.
    let fresh = managed.admin.put(&managed.at("/users/tsdbadmin/password"), &json!({})).await.status(200);
    managed.admin.post(&managed.at("/restart"), &json!({})).await.status(200);
    managed.sign_in("tsdbadmin", fresh.text("password")).await.unwrap();
    managed.world.stop().await;
}

#[tokio::test]
async fn a_password_that_somebody_changed_on_the_server_is_not_revealed_as_ours() {
    let managed = Managed::new().await;
    managed.user("changed_1", json!({})).await;
    let postgres = managed.postgres("postgres").await;
    postgres.batch_execute("ALTER ROLE changed_1 PASSWORD 'set-behind-our-back-0001'").await.unwrap();
    let revealed = managed.revealed("changed_1").await;
    assert_eq!(revealed["password"], Value::Null);
    assert_eq!(revealed["hint"], "The server holds another password than Rolecall; set a new one.");
    let fresh = managed.admin.put(&managed.at("/users/changed_1/password"), &json!({})).await.status(200);
    assert_eq!(managed.revealed("changed_1").await["password"], fresh.text("password"));
    // The superuser's own, too.
    let original = managed.revealed("postgres").await["password"].as_str().unwrap().to_owned();
    postgres.batch_execute("ALTER ROLE postgres PASSWORD 'the-superuser-went-astray'").await.unwrap();
    let revealed = managed.revealed("postgres").await;
    assert_eq!(revealed["password"], Value::Null);
    assert!(revealed["hint"].as_str().unwrap().contains("set it back"), "{revealed}");
    postgres.batch_execute(&format!("ALTER ROLE postgres PASSWORD '{original}'")).await.unwrap();
    assert_eq!(managed.revealed("postgres").await["password"], original);
    managed.world.stop().await;
}

#[tokio::test]
async fn every_reveal_and_every_change_is_recorded() {
    let managed = Managed::new().await;
    managed.user("watched_1", json!({})).await;
    managed.revealed("watched_1").await;
    managed.revealed("postgres").await;
    managed.admin.put(&managed.at("/users/watched_1/password"), &json!({})).await.status(200);
    managed.admin.delete(&managed.at("/users/watched_1")).await.status(204);
    until("the records are sealed", async || {
        recorded(&managed).await.iter().any(|record| record.1 == "service_user.delete")
    })
    .await;
    let recorded = recorded(&managed).await;
    for (action, resource) in [
        ("service_user.create", "shop/main/watched_1"),
        ("service_user.reveal", "shop/main/watched_1"),
        ("service_user.reveal_superuser", "shop/main/postgres"),
        ("service_user.password", "shop/main/watched_1"),
        ("service_user.delete", "shop/main/watched_1"),
    ] {
        let is_there = |record: &&(String, String, String)| {
            record.0 == "admin" && record.1 == action && record.2.ends_with(resource)
        };
        assert_eq!(recorded.iter().filter(is_there).count(), 1, "{action} {resource} in {recorded:?}");
    }
    managed.world.stop().await;
}

async fn recorded(managed: &Managed) -> Vec<(String, String, String)> {
    let proof = System::<FinishWork>::on(&Installation);
    let mut tx = managed.world.app.store.read(&proof).await.unwrap();
    super::super::store::recorded(&mut tx).await.unwrap()
}

#[tokio::test]
async fn replication_is_switched_on_and_off_and_a_logical_slot_streams_meanwhile() {
    let managed = Managed::new().await;
    let password = managed.user("streamer_1", json!({})).await;
    let path = managed.at("/users/streamer_1");
    let session = managed.sign_in("streamer_1", &password).await.unwrap();
    let slot = "SELECT pg_create_logical_replication_slot('s1', 'pgoutput')";
    assert!(session.simple_query(slot).await.is_err(), "not yet");
    let on = managed.admin.patch(&path, &json!({ "replication": true })).await.status(200).json();
    assert_eq!((&on["replication"], &on["read_only"]), (&json!(true), &json!(false)));
    let session = managed.sign_in("streamer_1", &password).await.unwrap();
    session.batch_execute("CREATE TABLE moved (n int); CREATE PUBLICATION p FOR TABLE moved").await.unwrap();
    session.batch_execute(slot).await.unwrap();
    session.batch_execute("INSERT INTO moved VALUES (7)").await.unwrap();
    let changes = "SELECT count(*) FROM pg_logical_slot_get_binary_changes('s1', NULL, NULL, 'proto_version', '1', 'publication_names', 'p')";
    assert!(one(&session, changes).await.parse::<i64>().unwrap() >= 3, "begin, insert, commit");
    session.batch_execute("SELECT pg_drop_replication_slot('s1')").await.unwrap();
    let off = managed.admin.patch(&path, &json!({ "replication": false })).await.status(200).json();
    assert_eq!(off["replication"], false);
    let session = managed.sign_in("streamer_1", &password).await.unwrap();
    assert!(session.simple_query(slot).await.is_err(), "no longer");
    managed.admin.patch(&path, &json!({})).await.status(200);
    managed.user("reader_1", json!({ "read_only": true })).await;
    let refused = managed.admin.patch(&managed.at("/users/reader_1"), &json!({ "replication": true })).await;
    assert_eq!(refused.status(422).json()["errors"][0]["field"], "replication");
    // Made with it from the start.
    let password = managed.user("streamer_2", json!({ "replication": true })).await;
    let session = managed.sign_in("streamer_2", &password).await.unwrap();
    session.simple_query("SELECT pg_create_logical_replication_slot('s2', 'pgoutput')").await.unwrap();
    session.simple_query("SELECT pg_drop_replication_slot('s2')").await.unwrap();
    managed.world.stop().await;
}

#[tokio::test]
async fn a_user_that_the_server_keeps_out_for_another_reason_gets_its_password_and_the_reason() {
    let managed = Managed::new().await;
    managed.user("expired_1", json!({})).await;
    let postgres = managed.postgres("postgres").await;
    postgres.batch_execute("ALTER ROLE expired_1 VALID UNTIL '2001-01-01'").await.unwrap();
    let typed = "a-password-for-the-expired";
    let path = managed.at("/users/expired_1/password");
    let answer = managed.admin.put(&path, &json!({ "password": typed })).await.status(502);
    assert_eq!(answer.problem(), "not_confirmed");
    assert_eq!(unfinished(&managed).await, 0, "it is not stuck");
    assert_eq!(managed.revealed("expired_1").await["password"], typed, "the server holds it");
    postgres.batch_execute("ALTER ROLE expired_1 VALID UNTIL 'infinity'").await.unwrap();
    sign_in(managed.port, "expired_1", typed, "defaultdb").await.unwrap();
    // One who is gone from the server is told so, and nothing is left open.
    postgres.batch_execute("DROP ROLE expired_1").await.unwrap();
    let gone = managed.admin.put(&path, &json!({ "password": typed })).await;
    assert_eq!(gone.status(404).problem(), "not_found");
    until("nothing is left open", async || unfinished(&managed).await == 0).await;
    managed.admin.delete(&managed.at("/users/expired_1")).await.status(204);
    managed.admin.delete(&managed.at("/users/expired_1")).await.status(404);
    managed.user("expired_1", json!({})).await;
    managed.world.stop().await;
}
