//! Rolecall is killed at every step of a change. After the next start our store and the database agree again.

use crate::server::{Installation, sign_in, until, was_killed};
use reqwest::Method;
use serde_json::json;

const USERS: &str = "/projects/shop/services/main/users";
const SERVICES: &str = "/projects/shop/services";

/// Where a change to a user may be cut off.
const STEPS: [&str; 4] = ["begun", "acted", "proved", "recorded"];

#[tokio::test]
async fn a_user_whose_making_was_cut_off_anywhere_is_there_with_its_password() {
    let mut rolecall = Installation::new().await;
    let port = rolecall.service("main", None).await;
    for step in STEPS {
        let name = format!("made_{step}");
        rolecall.arm(&format!("user.creating.{step}"));
        let answer = rolecall.send(Method::POST, USERS, Some(json!({ "username": name }))).await;
        assert!(answer.is_none(), "{step}: {answer:?}");
        assert!(was_killed(rolecall.rise_again().await));
        lets_in(&rolecall, port, &name).await;
        rolecall.post(USERS, json!({ "username": name })).await.expect(409);
    }
    assert_eq!(rolecall.servers(), (1, 1));
}

#[tokio::test]
async fn a_change_that_was_cut_off_anywhere_is_finished() {
    let mut rolecall = Installation::new().await;
    let port = rolecall.service("main", None).await;
    let made = rolecall.post(USERS, json!({ "username": "changer" })).await.expect(201);
    let mut old = made.json()["password"].as_str().unwrap().to_owned();
    for step in STEPS {
        let typed = format!("a-new-password-after-{step}");
        rolecall.arm(&format!("user.changing.{step}"));
        let path = format!("{USERS}/changer/password");
        let answer = rolecall.send(Method::PUT, &path, Some(json!({ "password": typed }))).await;
        assert!(answer.is_none(), "{step}: {answer:?}");
        assert!(was_killed(rolecall.rise_again().await));
        rolecall.until_state("main", "running").await;
        until("the new password counts", async || {
            rolecall.revealed("main", "changer").await.as_ref() == Some(&typed)
                && sign_in(port, "changer", &typed).await.is_ok()
        })
        .await;
        assert!(sign_in(port, "changer", &old).await.is_err(), "{step}: the old one does not");
        // Another change waits for what is left of the first.
        rolecall.put(&path, json!({ "password": typed })).await.expect(200);
        old = typed;
    }
    for step in ["begun", "acted", "recorded"] {
        let wanted = step != "acted";
        rolecall.arm(&format!("user.changing.{step}"));
        let path = format!("{USERS}/changer");
        let answer = rolecall.send(Method::PATCH, &path, Some(json!({ "replication": wanted }))).await;
        assert!(answer.is_none(), "{step}: {answer:?}");
        rolecall.rise_again().await;
        rolecall.until_state("main", "running").await;
        until("replication is what was wanted", async || {
            rolecall.get(&path).await.json()["replication"] == wanted
        })
        .await;
        rolecall.put(&format!("{path}/password"), json!({ "password": old })).await.expect(200);
    }
}

#[tokio::test]
async fn a_user_whose_deletion_was_cut_off_anywhere_is_gone() {
    let mut rolecall = Installation::new().await;
    let port = rolecall.service("main", None).await;
    for step in STEPS {
        let made = rolecall.post(USERS, json!({ "username": "leaver" })).await.expect(201);
        let password = made.json()["password"].as_str().unwrap().to_owned();
        let session = sign_in(port, "leaver", &password).await.unwrap();
        session.batch_execute(&format!("SET ROLE NONE; CREATE TABLE kept_{step} (n int)")).await.unwrap();
        rolecall.arm(&format!("user.deleting.{step}"));
        let path = format!("{USERS}/leaver");
        assert!(rolecall.send(Method::DELETE, &path, None).await.is_none(), "{step}");
        assert!(was_killed(rolecall.rise_again().await));
        rolecall.until_state("main", "running").await;
        until("the user is gone", async || rolecall.get(&path).await.code == 404).await;
        assert!(sign_in(port, "leaver", &password).await.is_err());
        let superuser = rolecall.revealed("main", "postgres").await.unwrap();
        let superuser = sign_in(port, "postgres", &superuser).await.unwrap();
        superuser.batch_execute(&format!("TABLE kept_{step}")).await.unwrap();
    }
}

#[tokio::test]
async fn a_service_whose_making_was_cut_off_anywhere_runs_or_can_be_deleted() {
    let mut rolecall = Installation::new().await;
    for point in [
        "inserted",
        "step.folder",
        "step.initdb",
        "step.certificate",
        "step.settings",
        "step.start",
        "step.ready",
        "up",
        "addressed",
        "default_user.intended",
        "prepared",
        "settled",
    ] {
        rolecall.arm(&format!("service.{point}"));
        let body = json!({ "name": "main", "mode": "managed", "engine": "postgresql" });
        drop(rolecall.send(Method::POST, SERVICES, Some(body)).await);
        assert!(was_killed(rolecall.rise_again().await), "{point}");
        let port = rolecall.until_state("main", "running").await;
        lets_in(&rolecall, port, "tsdbadmin").await;
        assert_eq!(rolecall.servers(), (1, 1), "{point}: one server, no orphan");
        rolecall.delete(&format!("{SERVICES}/main")).await.expect(204);
        assert_eq!(rolecall.servers(), (0, 0), "{point}");
    }
}

#[tokio::test]
async fn a_service_that_was_cut_off_on_its_way_down_arrives_there() {
    let mut rolecall = Installation::new().await;
    rolecall.service("main", None).await;
    for (verb, point, state) in [
        ("stop", "stopped.wanted", "stopped"),
        ("start", "running.wanted", "running"),
        ("stop", "stopped", "stopped"),
        ("start", "up", "running"),
        ("restart", "restarted.wanted", "running"),
        ("restart", "restarting", "running"),
        ("restart", "up", "running"),
    ] {
        rolecall.arm(&format!("service.{point}"));
        drop(rolecall.send(Method::POST, &format!("{SERVICES}/main/{verb}"), Some(json!({}))).await);
        assert!(was_killed(rolecall.rise_again().await), "{verb} {point}");
        let port = rolecall.until_state("main", state).await;
        if state == "running" {
            lets_in(&rolecall, port, "tsdbadmin").await;
        }
        assert_eq!(rolecall.servers(), (usize::from(state == "running"), 1), "{verb} {point}");
    }
    for point in ["deleted.wanted", "destroyed", "deleted"] {
        rolecall.arm(&format!("service.{point}"));
        drop(rolecall.send(Method::DELETE, &format!("{SERVICES}/main"), None).await);
        assert!(was_killed(rolecall.rise_again().await), "{point}");
        let path = format!("{SERVICES}/main");
        until("the service is gone", async || rolecall.get(&path).await.code == 404).await;
        assert_eq!(rolecall.servers(), (0, 0), "{point}");
        if point != "deleted" {
            rolecall.service("main", None).await;
        }
    }
}

#[tokio::test]
async fn kill_nine_in_the_midst_of_many_changes_leaves_nothing_stuck() {
    let mut rolecall = Installation::new().await;
    let port = rolecall.service("main", None).await;
    for round in 0..2 {
        let changes = (0..6).map(|number| {
            let name = format!("round_{round}_{number}");
            rolecall.send(Method::POST, USERS, Some(json!({ "username": name })))
        });
        let all = futures_util::future::join_all(changes);
        let first_done = until("one is made", async || {
            let listed = rolecall.get(USERS).await;
            listed.text.contains(&format!("round_{round}_"))
        });
        futures_util::future::select(std::pin::pin!(all), std::pin::pin!(first_done)).await;
        rolecall.kill();
        assert!(was_killed(rolecall.rise_again().await));
        rolecall.until_state("main", "running").await;
    }
    let listed = rolecall.get(&format!("{USERS}?search=round_")).await.expect(200).json();
    let names: Vec<_> =
        listed["items"].as_array().unwrap().iter().map(|user| user["username"].clone()).collect();
    assert!(names.len() >= 2, "{names:?}");
    for name in names {
        lets_in(&rolecall, port, name.as_str().unwrap()).await;
    }
}

/// What we say about a login is what the server does.
async fn lets_in(rolecall: &Installation, port: u16, username: &str) {
    rolecall.until_state("main", "running").await;
    until(&format!("{username} is let in"), async || match rolecall.revealed("main", username).await {
        Some(password) => sign_in(port, username, &password).await.is_ok(),
        None => false,
    })
    .await;
}
