//! A server that goes away in the middle, a store that fails: clean errors, and everything agrees again afterwards.

use super::{names, unfinished};
use crate::testing::{Managed, until};
use futures_util::future::join_all;
use serde_json::json;
use std::time::Duration;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_server_that_stops_while_users_change_leaves_nothing_half_done() {
    let managed = Managed::new().await;
    let mut kept = Vec::new();
    for number in 0..4 {
        let name = format!("before_{number}");
        managed.user(&name, json!({})).await;
        kept.push(name);
    }
    let users = managed.at("/users");
    let mut work: Vec<_> = (0..12)
        .map(|number| {
            let (client, users) = (managed.admin.clone(), users.clone());
            tokio::spawn(async move {
                match number % 3 {
                    0 => client.post(&users, &json!({ "username": format!("during_{number}") })).await,
                    1 => client.put(&format!("{users}/before_{}/password", number / 3), &json!({})).await,
                    _ => client.delete(&format!("{users}/before_{}", number / 6)).await,
                }
            })
        })
        .collect();
    let (client, stop) = (managed.admin.clone(), managed.at("/stop"));
    work.push(tokio::spawn(async move { client.post(&stop, &json!({})).await }));
    kill_postmaster(&managed);
    for done in join_all(work).await {
        let answer = done.unwrap();
        let code = answer.code.as_u16();
        assert!([200, 201, 204, 404, 409, 502, 504].contains(&code), "{code}: {}", answer.body);
        assert!(code < 400 || answer.text("detail").ends_with('.'), "{}", answer.body);
    }
    managed.until_state("stopped").await;
    managed.admin.post(&managed.at("/start"), &json!({})).await.status(200);
    managed.until_state("running").await;
    until("the work that was cut off is finished", async || {
        managed.world.hands.pass(Duration::from_secs(10));
        managed.world.app.wake.notify_one();
        unfinished(&managed).await == 0
    })
    .await;
    for name in names(&managed).await.iter().filter(|name| name.contains('_')) {
        let revealed = managed.revealed(name).await;
        let password = revealed["password"].as_str().unwrap_or_else(|| panic!("{name}: {revealed}"));
        managed.sign_in(name, password).await.unwrap_or_else(|error| panic!("{name}: {error}"));
    }
    managed.world.stop().await;
}

/// As an operating system that runs out of memory would.
fn kill_postmaster(managed: &Managed) {
    let clusters = managed.world.app.config.data.join("clusters");
    let folder = std::fs::read_dir(clusters).unwrap().flatten().next().unwrap().path();
    let pid = std::fs::read_to_string(folder.join("data/postmaster.pid")).unwrap();
    let pid = pid.lines().next().unwrap().to_owned();
    assert!(std::process::Command::new("kill").args(["-9", &pid]).status().unwrap().success());
}

#[tokio::test]
async fn a_creation_that_was_cut_off_never_touches_a_role_that_somebody_else_made_meanwhile() {
    let managed = Managed::new().await;
    kill_postmaster(&managed);
    let answer = managed.admin.post(&managed.at("/users"), &json!({ "username": "contested_1" })).await;
    assert!([409, 502].contains(&answer.code.as_u16()), "{}", answer.body);
    managed.until_state("failed").await;
    managed.admin.post(&managed.at("/start"), &json!({})).await.status(200);
    let postgres = managed.postgres("postgres").await;
    let made =
        postgres.batch_execute("CREATE ROLE contested_1 LOGIN PASSWORD 'somebody-else-made-this-1'").await;
    made.unwrap();
    until("the intent is gone", async || {
        managed.world.hands.pass(Duration::from_secs(10));
        managed.world.app.wake.notify_one();
        unfinished(&managed).await == 0
    })
    .await;
    managed.sign_in("contested_1", "somebody-else-made-this-1").await.unwrap();
    let user = super::shown(&managed, "contested_1").await;
    assert_eq!(user["managed"], false);
    managed.world.stop().await;
}
