//! Services over real servers: made, found again, stopped, crashed, attached, deleted.

use crate::ground::access::{FinishWork, Installation, OrganizationRole, ProjectRole, System};
use crate::ground::store::Backend;
use crate::testing::{Answer, Client, Managed, World, made, one, port_of, sign_in, until};
use serde_json::{Value, json};
use std::net::TcpListener;
use std::time::Duration;

const SERVICES: &str = "/api/v1/projects/shop/services";

async fn world_with_project() -> (World, Client) {
    let world = World::at_work().await;
    let admin = world.admin().await;
    admin.post("/api/v1/projects", &json!({ "name": "shop", "organization": "default" })).await.status(201);
    (world, admin)
}

/// One sentence that says what to do: not two, not none.
fn sentence(answer: &Answer) -> String {
    let problem = answer.json();
    let text = problem["errors"][0]["message"].as_str().or(problem["detail"].as_str()).unwrap().to_owned();
    assert!(text.ends_with('.') && text.len() > 20, "{text}");
    text
}

fn processes_below(folder: &str) -> usize {
    let entries = std::fs::read_dir("/proc").unwrap().flatten();
    let lines = entries.filter_map(|entry| std::fs::read(entry.path().join("cmdline")).ok());
    lines.filter(|line| String::from_utf8_lossy(line).contains(folder)).count()
}

fn servers_of(world: &World) -> usize {
    processes_below(world.app.config.data.join("clusters").to_str().unwrap())
}

fn folders_of(world: &World) -> usize {
    std::fs::read_dir(world.app.config.data.join("clusters")).unwrap().count()
}

#[tokio::test]
async fn a_managed_service_is_made_stopped_started_restarted_renamed_and_deleted_with_all_its_data() {
    let (world, admin) = world_with_project().await;
    let body = json!({ "name": "main", "mode": "managed", "engine": "postgresql" });
    let answer = admin.post(SERVICES, &body).await.status(201);
    assert_eq!(answer.headers["location"], "/api/v1/projects/shop/services/main");
    let first = answer.json();
    assert_eq!((first["state"].as_str(), first["mode"].as_str()), (Some("creating"), Some("managed")));
    let path = format!("{SERVICES}/main");
    let mut seen = Vec::new();
    until("it runs", async || {
        let view = admin.get(&path).await.json();
        seen.extend(
            [view["state"].clone(), view["step"].clone()].iter().filter_map(Value::as_str).map(str::to_owned),
        );
        view["state"] == "running"
    })
    .await;
    assert!(seen.iter().any(|word| word == "initdb"), "progress is visible: {seen:?}");
    let view = admin.get(&path).await.json();
    let port = port_of(&view);
    let newest = admin.get("/api/v1/service-versions").await.json()["items"][0].clone();
    assert_eq!((&view["version"], &newest["default"]), (&newest["version"], &json!(true)));
    assert_eq!(view["findings"], json!([]), "nothing is left undone on a fresh server");
    assert_eq!(view["step"], Value::Null);

    let stopped = admin.post(&format!("{path}/stop"), &json!({})).await.status(200).json();
    assert_eq!((&stopped["state"], servers_of(&world)), (&json!("stopped"), 0));
    let again = admin.post(&format!("{path}/stop"), &json!({})).await.status(200).json();
    assert_eq!(again["state"], "stopped", "stopping twice is stopping once");
    let started = admin.post(&format!("{path}/start"), &json!({})).await.status(200).json();
    assert_eq!((&started["state"], port_of(&started)), (&json!("running"), port), "the port stays");
    let restarted = admin.post(&format!("{path}/restart"), &json!({})).await.status(200).json();
    assert_eq!(restarted["state"], "running");

    admin.patch(&path, &json!({ "name": "Bad Name" })).await.status(422);
    let renamed = admin.patch(&path, &json!({ "name": "other" })).await.status(200).json();
    assert_eq!((&renamed["name"], port_of(&renamed)), (&json!("other"), port));
    admin.get(&path).await.status(404);
    admin.delete(&format!("{SERVICES}/other")).await.status(204);
    admin.get(&format!("{SERVICES}/other")).await.status(404);
    assert_eq!((servers_of(&world), folders_of(&world)), (0, 0), "no process and no folder is left");
    assert_eq!(admin.get(SERVICES).await.json()["items"], json!([]));
    admin.delete("/api/v1/projects/shop").await.status(204);
    world.stop().await;
}

#[tokio::test]
async fn what_a_service_cannot_be_is_said_at_its_field() {
    let (world, admin) = world_with_project().await;
    let managed = |more: Value| {
        let mut body = json!({ "name": "main", "mode": "managed", "engine": "postgresql" });
        body.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        body
    };
    let huge = "a".repeat(64);
    for (field, body) in [
        ("name", managed(json!({ "name": "" }))),
        ("name", managed(json!({ "name": "Main" }))),
        ("name", managed(json!({ "name": "1main" }))),
        ("name", managed(json!({ "name": "a b" }))),
        ("name", managed(json!({ "name": "mäin" }))),
        ("name", managed(json!({ "name": huge }))),
        ("name", managed(json!({ "name": "../../etc" }))),
        ("version", managed(json!({ "version": "9.6" }))),
        ("version", managed(json!({ "version": "17; rm" }))),
        ("database", managed(json!({ "database": "my\"db" }))),
        ("database", managed(json!({ "database": "postgres" }))),
        ("database", managed(json!({ "database": "d".repeat(64) }))),
        ("engine", managed(json!({ "engine": "oracle" }))),
    ] {
        let answer = admin.post(SERVICES, &body).await.status(422);
        assert_eq!(answer.json()["errors"][0]["field"], field, "{body}: {}", answer.body);
        sentence(&answer);
    }
    admin.post(SERVICES, &managed(json!({ "nmae": "x" }))).await.status(400);
    admin.post(SERVICES, &json!({ "name": "main", "mode": "borrowed" })).await.status(400);
    assert_eq!(folders_of(&world), 0, "nothing was begun");

    let body = managed(json!({}));
    let (first, second) = tokio::join!(admin.post(SERVICES, &body), admin.post(SERVICES, &body));
    let mut codes = [first.code.as_u16(), second.code.as_u16()];
    codes.sort_unstable();
    assert_eq!(codes, [201, 409], "one of two of the same name is made");
    admin.delete(&format!("{SERVICES}/main")).await.status(204);
    assert_eq!((servers_of(&world), folders_of(&world)), (0, 0), "deleted while it was being made");
    world.stop().await;
}

#[tokio::test]
async fn each_installed_version_can_be_chosen_and_the_oldest_warns() {
    let (world, admin) = world_with_project().await;
    let versions = admin.get("/api/v1/service-versions").await.json()["items"].clone();
    let oldest = versions.as_array().unwrap().last().unwrap().clone();
    let view = made(&admin, "shop", "old", json!({ "version": oldest["major"].to_string() })).await;
    assert_eq!(view["version"], oldest["version"]);
    if oldest["major"].as_u64() < Some(16) {
        let finding = view["findings"][0]["text"].as_str().unwrap();
        assert!(finding.contains("tsdbadmin") && finding.contains("superuser"), "{finding}");
    }
    world.stop().await;
}

#[tokio::test]
async fn services_are_found_again_by_another_rolecall_on_the_same_data() {
    let managed = Managed::new().await;
    let password = managed.user("keeper_1", json!({})).await;
    let Managed { world, admin, path, port } = managed;
    made(&admin, "shop", "asleep", json!({})).await;
    admin.post(&format!("{SERVICES}/asleep/stop"), &json!({})).await.status(200);
    let session = sign_in(port, "keeper_1", &password, "defaultdb").await.unwrap();
    let world = world.again().await;
    let admin = world.admin().await;
    assert_eq!(one(&session, "1").await, "1", "open sessions did not notice");
    let managed = Managed { world, admin, path, port };
    managed.until_state("running").await;
    let shown = managed.revealed("keeper_1").await;
    assert_eq!(shown["password"], password);
    let asleep = managed.admin.get(&format!("{SERVICES}/asleep")).await.json();
    assert_eq!(asleep["state"], "stopped", "what was stopped stays so");
    managed.user("keeper_2", json!({})).await;
    managed.world.stop().await;
}

#[tokio::test]
async fn a_crashed_server_is_seen_and_can_be_started_again() {
    let managed = Managed::new().await;
    let postgres = managed.postgres("postgres").await;
    one(&postgres, "1").await;
    let clusters = managed.world.app.config.data.join("clusters");
    let folder = std::fs::read_dir(clusters).unwrap().flatten().next().unwrap().path();
    let pid = std::fs::read_to_string(folder.join("data/postmaster.pid")).unwrap();
    let pid = pid.lines().next().unwrap();
    assert!(std::process::Command::new("kill").args(["-9", pid]).status().unwrap().success());
    managed.until_state("failed").await;
    let view = managed.view().await;
    assert!(view["failure"].as_str().unwrap().ends_with('.'), "{view}");
    let refused = managed.admin.get(&managed.at("/users")).await.status(409);
    assert_eq!(refused.problem(), "not_running");
    let started = managed.admin.post(&managed.at("/start"), &json!({})).await.status(200).json();
    assert_eq!((&started["state"], &started["failure"]), (&json!("running"), &Value::Null));
    managed.admin.get(&managed.at("/users")).await.status(200);
    managed.world.stop().await;
}

#[tokio::test]
async fn a_service_that_is_not_running_says_so_on_every_route_of_its_users_and_databases() {
    let managed = Managed::new().await;
    managed.user("somebody", json!({})).await;
    managed.admin.post(&managed.at("/stop"), &json!({})).await.status(200);
    let admin = &managed.admin;
    let user = json!({ "username": "another_1" });
    let answers = [
        admin.get(&managed.at("/users")).await,
        admin.post(&managed.at("/users"), &user).await,
        admin.get(&managed.at("/users/somebody")).await,
        admin.patch(&managed.at("/users/somebody"), &json!({ "replication": true })).await,
        admin.delete(&managed.at("/users/somebody")).await,
        admin.get(&managed.at("/users/somebody/deletion")).await,
        admin.post(&managed.at("/users/somebody/adopt"), &json!({})).await,
        admin.post(&managed.at("/users/somebody/reveal"), &json!({})).await,
        admin.put(&managed.at("/users/somebody/password"), &json!({})).await,
        admin.get(&managed.at("/databases")).await,
        admin.post(&managed.at("/databases"), &json!({ "name": "more" })).await,
        admin.get(&managed.at("/databases/defaultdb")).await,
        admin.delete(&managed.at("/databases/more")).await,
    ];
    for answer in answers {
        let answer = answer.status(409);
        assert_eq!(answer.problem(), "not_running");
        assert_eq!(
            sentence(&answer),
            "The service main is stopped; its users and databases can be managed while it runs."
        );
    }
    managed.world.stop().await;
}

#[tokio::test]
async fn a_project_shows_its_own_services_to_its_own_members_only() {
    let managed = Managed::new().await;
    let (world, admin) = (&managed.world, &managed.admin);
    admin.post("/api/v1/projects", &json!({ "name": "other", "organization": "default" })).await.status(201);
    let stranger =
        world.account("stranger", Some(OrganizationRole::Member), Some(("other", ProjectRole::Admin))).await;
    for path in [managed.path.clone(), managed.at("/users"), managed.at("/databases"), SERVICES.to_owned()] {
        assert_eq!(stranger.get(&path).await.status(404).problem(), "not_found");
    }
    stranger.get("/api/v1/projects/other/services/main").await.status(404);
    stranger.get("/api/v1/projects/other/services/main/users").await.status(404);
    stranger.delete(&managed.path).await.status(404);
    let reader =
        world.account("reader", Some(OrganizationRole::Member), Some(("shop", ProjectRole::ReadOnly))).await;
    assert_eq!(reader.get(&managed.path).await.status(200).json()["state"], "running");
    reader.post(&managed.at("/stop"), &json!({})).await.status(403);
    reader.post(&managed.at("/users/postgres/reveal"), &json!({})).await.status(403);
    managed.until_state("running").await;
    managed.world.stop().await;
}

fn attached(port: u16, username: &str, password: &str) -> Value {
    json!({ "name": "theirs", "mode": "attached", "engine": "postgresql", "host": "127.0.0.1", "port": port,
            "username": username, "password": password, "database": "defaultdb", "tls": "required" })
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
    let managed = Managed::new().await;
    let admin = &managed.admin;
    let password = managed.revealed("tsdbadmin").await["password"].as_str().unwrap().to_owned();
    admin.post(SERVICES, &attached(managed.port, "tsdbadmin", &password)).await.status(201);
    let path = format!("{SERVICES}/theirs");
    for verb in ["start", "stop", "restart"] {
        let answer = admin.post(&format!("{path}/{verb}"), &json!({})).await.status(409);
        assert_eq!(answer.problem(), "attached");
        sentence(&answer);
    }
    let generated =
        admin.post(&format!("{path}/users"), &json!({ "username": "reader_1", "read_only": true })).await;
    let secret = generated.status(201).text("password");
    let reader = sign_in(managed.port, "reader_1", secret, "defaultdb").await.unwrap();
    assert_eq!(one(&reader, "session_user").await, "reader_1");
    managed.world.hands.pass(Duration::from_secs(61));
    managed.world.app.wake.notify_one();
    until("what could not be done is said", async || {
        !admin.get(&path).await.json()["findings"].as_array().unwrap().is_empty()
    })
    .await;

    admin.post(&managed.at("/stop"), &json!({})).await.status(200);
    until("it shows that it cannot be reached", async || {
        admin.get(&path).await.json()["state"] == "unreachable"
    })
    .await;
    let unreachable = admin.get(&path).await.json();
    assert!(unreachable["failure"].as_str().unwrap().contains("127.0.0.1"), "{unreachable}");
    let answer = admin.get(&format!("{path}/users")).await.status(502);
    assert_eq!(answer.problem(), "unreachable");
    sentence(&answer);
    admin.post(&managed.at("/start"), &json!({})).await.status(200);
    until("it is seen to be back", async || admin.get(&path).await.json()["state"] == "running").await;
    admin.delete(&format!("{path}/users/reader_1")).await.status(204);
    assert!(sign_in(managed.port, "reader_1", secret, "defaultdb").await.is_err());

    // One that does not answer can be deleted too, for that is in our books only.
    admin.post(&managed.at("/stop"), &json!({})).await.status(200);
    admin.delete(&path).await.status(204);
    admin.get(&path).await.status(404);
    managed.world.stop().await;
}

#[tokio::test]
async fn a_login_that_may_not_make_users_is_attached_with_a_finding_that_says_so() {
    let managed = Managed::new().await;
    let admin = &managed.admin;
    let password = managed.user("plain_1", json!({})).await;
    admin.post(SERVICES, &attached(managed.port, "plain_1", &password)).await.status(201);
    let path = format!("{SERVICES}/theirs");
    until("the finding is there", async || {
        let findings = admin.get(&path).await.json()["findings"].clone();
        let text = findings.to_string();
        text.contains("may not make users") && text.contains("CREATEROLE")
    })
    .await;
    let refused = admin.post(&format!("{path}/users"), &json!({ "username": "another_1" })).await.status(502);
    assert_eq!(refused.problem(), "refused_by_server");
    let users = admin.get(&format!("{path}/users")).await.status(200).json();
    assert!(!users.to_string().contains("another_1"), "{users}");
    managed.world.stop().await;
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
        super::store::of_node(&mut app.store.read(&proof).await.unwrap(), app.node()).await.unwrap();
    let theirs = services.into_iter().find(|service| service.name == "theirs").unwrap();
    let other = managed.world.beside().await;
    let here = super::turn(app, &theirs).await.unwrap();
    let mut there = std::pin::pin!(super::turn(&other, &theirs));
    let early = tokio::time::timeout(Duration::from_millis(700), &mut there).await;
    assert!(early.is_err(), "the other node waits");
    drop(here);
    there.await.unwrap();
    other.store.close().await;
    managed.world.stop().await;
}
