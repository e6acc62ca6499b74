//! Servers of somebody else: attached, unreachable, back again.

use super::{SERVICES, sentence, world_with_project};
use crate::ground::access::{FinishWork, Installation, System};
use crate::ground::store::Backend;
use crate::testing::{Client, Foreign, Managed, one, sign_in, until};
use serde_json::{Value, json};
use std::net::TcpListener;
use std::time::Duration;

fn attached(port: u16, username: &str, password: &str) -> Value {
    json!({ "name": "theirs", "mode": "attached", "engine": "postgresql", "host": "127.0.0.1", "port": port,
            "username": username, "password": password, "database": "postgres", "tls": "required" })
}

#[tokio::test]
async fn a_server_that_cannot_be_attached_is_told_apart_in_one_sentence() {
    let managed = Managed::new().await;
    let admin = &managed.admin;
    let password = managed.revealed("tsdbadmin").await["password"].as_str().unwrap().to_owned();
    let good = attached(managed.port, "tsdbadmin", &password);
    let tested = admin.post(&format!("{SERVICES}/test"), &good).await.status(200).json();
    assert_eq!((&tested["ok"], &tested["server_version"]), (&json!(true), &managed.view().await["version"]));

    let closed = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
    let with = |field: &str, value: Value| {
        let mut body = good.clone();
        body[field] = value;
        body
    };
    let authority = authority_of(&managed).await;
    let cases = [
        (with("host", json!("no-such-host.invalid")), 502, "unreachable"),
        (with("port", json!(closed)), 502, "unreachable"),
        (with("password", json!("wrong-canary-password-000")), 502, "login_refused"),
        (with("username", json!("nobody_here")), 502, "login_refused"),
        (with("database", json!("no_such_db")), 404, "not_found"),
        (with("tls", json!("verify_full")), 502, "unreachable"),
        (with("host", json!("169.254.169.254")), 422, "invalid"),
        (with("host", json!("fe80::1")), 422, "invalid"),
        (with("host", json!("0.0.0.0")), 422, "invalid"),
        (with("host", json!("/var/run/postgresql")), 422, "invalid"),
        (with("host", json!("")), 422, "invalid"),
    ];
    for (body, status, code) in cases {
        for path in [format!("{SERVICES}/test"), SERVICES.to_owned()] {
            let answer = admin.post(&path, &body).await.status(status);
            assert_eq!(answer.problem(), code, "{}", answer.body);
            let said = sentence(&answer);
            assert!(!said.contains("canary") && !answer.body.contains(&password), "{said}");
        }
    }
    // With the authority that signed the server's certificate, it is the one that it says it is.
    let mut verified = with("tls", json!("verify_full"));
    verified["tls_ca"] = json!(authority);
    admin.post(&format!("{SERVICES}/test"), &verified).await.status(200);
    let services = admin.get(SERVICES).await.json();
    assert_eq!(services["items"].as_array().unwrap().len(), 1, "nothing was kept: {services}");
    managed.world.stop().await;
}

async fn authority_of(managed: &Managed) -> String {
    managed.admin.get("/api/v1/service-authority").await.text("certificate").to_owned()
}

#[tokio::test]
async fn an_attached_server_takes_users_cannot_be_started_here_and_heals_when_it_is_back() {
    let (world, admin) = world_with_project().await;
    let foreign = Foreign::start(&world).await;
    let login = "CREATE ROLE manager LOGIN CREATEROLE PASSWORD 'manager-of-somebody-else'";
    foreign.postgres().await.batch_execute(login).await.unwrap();
    foreign.postgres().await.batch_execute("CREATE TABLE theirs AS SELECT 1 AS n").await.unwrap();
    admin.post(SERVICES, &attached(foreign.port, "manager", "manager-of-somebody-else")).await.status(201);
    let path = format!("{SERVICES}/theirs");
    for verb in ["start", "stop", "restart"] {
        let answer = admin.post(&format!("{path}/{verb}"), &json!({})).await.status(409);
        assert_eq!(answer.problem(), "attached");
        sentence(&answer);
    }
    let generated =
        admin.post(&format!("{path}/users"), &json!({ "username": "reader_1", "read_only": true })).await;
    let secret = generated.status(201).text("password");
    let reader = sign_in(foreign.port, "reader_1", secret, "postgres").await.unwrap();
    assert_eq!(one(&reader, "session_user").await, "reader_1");
    let revealed = admin.post(&format!("{path}/users/reader_1/reveal"), &json!({})).await.status(200);
    assert_eq!(revealed.text("password"), secret, "though the verifier cannot be read there");
    until("what could not be done is said, with the SQL for it", async || {
        world.hands.pass(Duration::from_secs(61));
        world.app.wake.notify_one();
        let findings = admin.get(&path).await.json()["findings"].to_string();
        findings.contains("GRANT SELECT ON TABLE") && findings.contains("temporary tables")
    })
    .await;
    foreign
        .postgres()
        .await
        .batch_execute("ALTER ROLE reader_1 PASSWORD 'set-behind-our-back-001'")
        .await
        .unwrap();
    let revealed = admin.post(&format!("{path}/users/reader_1/reveal"), &json!({})).await.status(200);
    assert_eq!(revealed.json()["password"], Value::Null);
    goes_and_comes_back(&admin, &foreign).await;
    world.stop().await;
}

async fn goes_and_comes_back(admin: &Client, foreign: &Foreign) {
    let path = format!("{SERVICES}/theirs");
    foreign.stop().await;
    let state = async || admin.get(&path).await.json()["state"].clone();
    until("it shows that it cannot be reached", async || state().await == "unreachable").await;
    let unreachable = admin.get(&path).await.json();
    assert!(unreachable["failure"].as_str().unwrap().contains("127.0.0.1"), "{unreachable}");
    let answer = admin.get(&format!("{path}/users")).await.status(502);
    assert_eq!(answer.problem(), "unreachable");
    sentence(&answer);
    foreign.resume().await;
    until("it is seen to be back", async || state().await == "running").await;
    let fresh = admin.put(&format!("{path}/users/reader_1/password"), &json!({})).await.status(200);
    sign_in(foreign.port, "reader_1", fresh.text("password"), "postgres").await.unwrap();
    admin.delete(&format!("{path}/users/reader_1")).await.status(204);
    assert!(sign_in(foreign.port, "reader_1", fresh.text("password"), "postgres").await.is_err());
    assert_eq!(admin.delete(&format!("{path}/users/manager")).await.status(409).problem(), "protected");

    // One that does not answer can be deleted too, for that is in our books only.
    foreign.stop().await;
    admin.delete(&path).await.status(204);
    admin.get(&path).await.status(404);
}

#[tokio::test]
async fn a_login_that_may_not_make_users_is_attached_with_a_finding_that_says_so() {
    let (world, admin) = world_with_project().await;
    let foreign = Foreign::start(&world).await;
    let login = "CREATE ROLE plain_1 LOGIN PASSWORD 'plain-of-somebody-else-1'";
    foreign.postgres().await.batch_execute(login).await.unwrap();
    admin.post(SERVICES, &attached(foreign.port, "plain_1", "plain-of-somebody-else-1")).await.status(201);
    let path = format!("{SERVICES}/theirs");
    until("the finding is there", async || {
        let findings = admin.get(&path).await.json()["findings"].to_string();
        findings.contains("may not make users") && findings.contains("CREATEROLE")
    })
    .await;
    let refused = admin.post(&format!("{path}/users"), &json!({ "username": "another_1" })).await.status(502);
    assert_eq!(refused.problem(), "refused_by_server");
    let users = admin.get(&format!("{path}/users")).await.status(200).json();
    assert!(!users.to_string().contains("another_1"), "{users}");
    world.stop().await;
}

#[tokio::test]
async fn two_nodes_change_an_attached_server_one_at_a_time() {
    let managed = Managed::new().await;
    let app = &managed.world.app;
    if app.store.backend() == Backend::Sqlite {
        return managed.world.stop().await; // The embedded store has one node only.
    }
    let password = managed.revealed("tsdbadmin").await["password"].as_str().unwrap().to_owned();
    let body = attached(managed.port, "tsdbadmin", &password);
    managed.admin.post(SERVICES, &body).await.status(201);
    let proof = System::<FinishWork>::on(&Installation);
    let services =
        super::super::store::of_node(&mut app.store.read(&proof).await.unwrap(), app.node()).await.unwrap();
    let theirs = services.into_iter().find(|service| service.name == "theirs").unwrap();
    let other = managed.world.beside().await.app;
    let here = super::super::turn(app, &theirs).await.unwrap();
    let mut there = std::pin::pin!(super::super::turn(&other, &theirs));
    let early = tokio::time::timeout(Duration::from_millis(700), &mut there).await;
    assert!(early.is_err(), "the other node waits");
    drop(here);
    there.await.unwrap();
    other.store.close().await;
    managed.world.stop().await;
}
