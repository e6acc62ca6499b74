//! Services over real servers: made, found again, stopped, crashed, attached, deleted.

mod attached;

use crate::ground::access::{OrganizationRole, ProjectRole};
use crate::testing::{Answer, Client, Managed, World, made, one, port_of, sign_in, until};
use serde_json::{Value, json};

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
    let is_tame = newest["major"].as_u64() >= Some(16);
    assert_eq!(view["findings"] == json!([]), is_tame, "nothing is left undone on a fresh server");
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
