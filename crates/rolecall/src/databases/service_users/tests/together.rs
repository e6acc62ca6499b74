//! Many changes to one service at the same time.

use super::{names, unfinished};
use crate::testing::{Client, Managed, one};
use futures_util::future::join_all;
use serde_json::json;
use std::collections::BTreeSet;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn thirty_two_changes_at_the_same_time_each_succeed_or_fail_cleanly() {
    let managed = Managed::new().await;
    for number in 0..8 {
        managed.user(&format!("present_{number}"), json!({ "read_only": number % 2 == 0 })).await;
    }
    let users = managed.at("/users");
    let work = (0..32).map(|number| {
        let (client, users) = (managed.admin.clone(), users.clone());
        tokio::spawn(async move { change(&client, &users, number).await })
    });
    for done in join_all(work).await {
        let (what, code) = done.unwrap();
        assert!([200, 201, 204, 404, 409].contains(&code), "{what}: {code}");
    }
    assert_eq!(unfinished(&managed).await, 0, "nothing is left half done");
    // What we say, what the server says, and what a login does are the same.
    let ours: BTreeSet<String> = names(&managed).await.into_iter().collect();
    let postgres = managed.postgres("postgres").await;
    let theirs = one(&postgres, "SELECT string_agg(rolname, ',') FROM pg_roles WHERE rolcanlogin").await;
    assert_eq!(ours, theirs.split(',').map(str::to_owned).collect());
    for name in ours.iter().filter(|name| name.contains('_')) {
        let password = managed.revealed(name).await["password"].as_str().unwrap().to_owned();
        managed.sign_in(name, &password).await.unwrap_or_else(|error| panic!("{name}: {error}"));
    }
    for number in 0..8 {
        assert!(ours.contains(&format!("new_user_{number}")), "all eight are made");
    }
    managed.world.stop().await;
}

/// Eight new users, eight times the same one, eight changes of passwords, eight deletions.
async fn change(client: &Client, users: &str, number: u32) -> (String, u16) {
    let nth = number % 8;
    let (what, answer) = match number / 8 {
        0 => (
            "create",
            client.post(users, &json!({ "username": format!("new_user_{nth}") })).await.status(201),
        ),
        1 => ("create the same", client.post(users, &json!({ "username": "same_user" })).await),
        2 => {
            let path = format!("{users}/present_{nth}/password");
            ("password", client.put(&path, &json!({})).await)
        }
        _ => ("delete", client.delete(&format!("{users}/present_{}", nth / 2)).await),
    };
    (format!("{what} {number}: {}", answer.body), answer.code.as_u16())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn one_of_many_who_make_the_same_user_makes_it_and_one_of_many_who_delete_it_deletes_it() {
    let managed = Managed::new().await;
    let users = managed.at("/users");
    let made = join_all(
        (0..6).map(|_| async { managed.admin.post(&users, &json!({ "username": "contested" })).await }),
    )
    .await;
    let winners: Vec<_> = made.iter().filter(|answer| answer.code == 201).collect();
    assert_eq!(winners.len(), 1);
    assert!(made.iter().all(|answer| answer.code == 201 || answer.problem() == "already_exists"));
    managed.sign_in("contested", winners[0].text("password")).await.unwrap();
    let path = managed.at("/users/contested");
    let gone = join_all((0..6).map(|_| async { managed.admin.delete(&path).await.code.as_u16() })).await;
    assert_eq!(gone.iter().filter(|code| **code == 204).count(), 1, "{gone:?}");
    assert!(gone.iter().all(|code| [204, 404].contains(code)), "{gone:?}");
    managed.world.stop().await;
}
