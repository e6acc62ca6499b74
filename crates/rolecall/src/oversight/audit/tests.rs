use crate::ground::access::OrganizationRole;
use crate::ground::audit::seal_pending;
use crate::meddle;
use crate::testing::{Client, World};
use serde_json::{Value, json};

/// Two projects made by `admin` and one by `ada`, an hour apart, all of it sealed.
async fn world() -> (World, Client) {
    let world = World::new().await;
    let admin = world.admin().await;
    let ada = world.account("ada", Some(OrganizationRole::Admin), None).await;
    for (client, name) in [(&admin, "one"), (&admin, "two"), (&ada, "three")] {
        world.hands.pass(std::time::Duration::from_hours(1));
        client.post("/api/v1/projects", &json!({ "name": format!("project-{name}") })).await.status(201);
    }
    seal_pending(&world.app.store, &world.app.vault).await.unwrap();
    (world, admin)
}

async fn resources(client: &Client, query: &str) -> Vec<String> {
    let page = client.get(&format!("/api/v1/audit?{query}")).await.status(200).json();
    let items = page["items"].as_array().unwrap();
    items
        .iter()
        .map(|item| item["resource"].as_str().unwrap().trim_start_matches("project:project-").to_owned())
        .collect()
}

#[tokio::test]
async fn records_tell_who_did_what_the_newest_first() {
    let (world, admin) = world().await;
    let page = admin.get("/api/v1/audit?limit=1").await.status(200).json();
    let mut record = page["items"][0].clone();
    let sequence = record["sequence"].take().as_i64().unwrap();
    assert_eq!(
        record,
        json!({
            "sequence": null, "at": "2026-01-02T06:04:05.000Z", "account": "ada", "address": "127.0.0.1",
            "action": "project.create", "resource": "project:project-three", "outcome": "done",
            "rule": "the organization role admin allows it",
            "after": { "name": "project-three", "organization": "default" },
        })
    );
    let next = page["next"].as_str().unwrap();
    let second = admin.get(&format!("/api/v1/audit?limit=1&cursor={next}")).await.status(200).json();
    assert_eq!(second["items"][0]["sequence"], Value::from(sequence - 1));
    let first = admin.get("/api/v1/audit?limit=1&sort=sequence").await.status(200).json();
    assert_eq!(first["items"][0]["sequence"], 1);
    world.stop().await;
}

#[tokio::test]
async fn records_are_found_by_account_action_resource_and_time() {
    let (world, admin) = world().await;
    let create = "action=project.create";
    assert_eq!(resources(&admin, create).await, ["three", "two", "one"]);
    assert_eq!(resources(&admin, &format!("{create}&sort=sequence")).await, ["one", "two", "three"]);
    assert_eq!(resources(&admin, &format!("{create}&account=admin")).await, ["two", "one"]);
    assert_eq!(resources(&admin, "resource=project:project-two").await, ["two"]);
    let from = "from=2026-01-02T05:04:05Z";
    assert_eq!(resources(&admin, &format!("{create}&{from}")).await, ["three", "two"]);
    assert_eq!(resources(&admin, &format!("{create}&{from}&to=2026-01-02T06:04:05Z")).await, ["two"]);
    assert_eq!(resources(&admin, "account=nobody").await, Vec::<String>::new());
    admin.get("/api/v1/audit?from=yesterday").await.status(400);
    world.stop().await;
}

#[tokio::test]
async fn a_failed_sign_in_is_a_refusal() {
    let world = World::new().await;
    let admin = world.admin().await;
    let wrong = json!({ "account": "admin", "password": "wrong" });
    world.nobody().post("/api/v1/login", &wrong).await.status(401);
    seal_pending(&world.app.store, &world.app.vault).await.unwrap();
    let record = admin.get("/api/v1/audit?action=account.sign_in_failed").await.json()["items"][0].clone();
    assert_eq!((&record["outcome"], &record["address"]), (&json!("refused"), &json!("127.0.0.1")));
    world.stop().await;
}

#[tokio::test]
async fn a_change_behind_our_back_is_found_and_named() {
    let (world, admin) = world().await;
    let verify = async || admin.get("/api/v1/audit/verify").await.status(200).json();
    let good = verify().await;
    assert_eq!((&good["ok"], &good["unsealed"], good.get("first_bad")), (&json!(true), &json!(0), None));
    meddle!(world, "UPDATE audit_record SET account = 'eve' WHERE sequence = 2");
    let bad = verify().await;
    assert_eq!((&bad["ok"], &bad["first_bad"]), (&json!(false), &json!(2)));
    world.stop().await;
}

#[tokio::test]
async fn only_a_superadmin_reads_the_log() {
    let (world, _) = world().await;
    let ada = world.account("eve", Some(OrganizationRole::Admin), None).await;
    for path in ["/api/v1/audit", "/api/v1/audit/verify"] {
        assert_eq!(ada.get(path).await.status(403).text("decision").len(), 36);
        world.nobody().get(path).await.status(401);
    }
    world.stop().await;
}
