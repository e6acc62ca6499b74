//! Users of real services: what the server then lets them do is what counts.

mod changes;
mod creation;
mod deletion;
mod failures;
mod together;

use crate::ground::access::{FinishWork, Installation, System};
use crate::testing::Managed;
use serde_json::Value;

/// The names in the list of users.
async fn names(managed: &Managed) -> Vec<String> {
    let listed = managed.admin.get(&managed.at("/users?limit=500")).await.status(200).json();
    let items = listed["items"].as_array().unwrap();
    items.iter().map(|user| user["username"].as_str().unwrap().to_owned()).collect()
}

/// One user of the API.
async fn shown(managed: &Managed, username: &str) -> Value {
    managed.admin.get(&managed.at(&format!("/users/{username}"))).await.status(200).json()
}

/// Every intent that is left in the store.
async fn unfinished(managed: &Managed) -> i64 {
    let proof = System::<FinishWork>::on(&Installation);
    let mut tx = managed.world.app.store.read(&proof).await.unwrap();
    super::store::count_unfinished(&mut tx).await.unwrap()
}
