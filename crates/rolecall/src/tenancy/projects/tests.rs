use super::ProjectName;
use crate::ground::access::{OrganizationRole, ProjectRole};
use crate::testing::{Client, World};
use crate::{look, meddle};
use serde_json::{Value, json};
use std::collections::BTreeSet;

async fn create(client: &Client, name: &str) -> crate::testing::Answer {
    client.post("/api/v1/projects", &json!({ "name": name })).await
}

/// The names on one page.
fn names(page: &Value) -> Vec<&str> {
    page["items"].as_array().unwrap().iter().map(|item| item["name"].as_str().unwrap()).collect()
}

#[test]
fn a_project_name_is_three_to_sixty_three_letters_digits_and_hyphens() {
    for good in ["abc", "a-1", "acme-prod", &format!("a{}", "b".repeat(62)), "a--"] {
        assert!(ProjectName::parse(good).is_ok(), "{good}");
    }
    let long = "a".repeat(64);
    for bad in
        ["", "ab", "1abc", "-abc", "Abc", "a_b", "abc ", "a.b", "äbc", "abc\n", "abc\0", "a/b", long.as_str()]
    {
        assert!(ProjectName::parse(bad).is_err(), "{bad:?}");
    }
}

#[tokio::test]
async fn a_project_is_made_shown_renamed_and_deleted() {
    let world = World::new().await;
    let admin = world.admin().await;
    let made = create(&admin, "acme-prod").await.status(201);
    assert_eq!(made.header("location"), "/api/v1/projects/acme-prod");
    let expected = json!({ "name": "acme-prod", "organization": "default", "services": 0, "created_at": "2026-01-02T03:04:05.000Z" });
    assert_eq!(made.json(), expected);
    let shown = admin.get("/api/v1/projects/acme-prod").await.status(200);
    assert_eq!(shown.json(), expected);
    assert!(shown.header("etag").starts_with('"'));
    let me = admin.get("/api/v1/me").await.status(200).json();
    assert_eq!(me["projects"], json!([{ "name": "acme-prod", "role": "admin" }]));
    let renamed =
        admin.patch("/api/v1/projects/acme-prod", &json!({ "name": "acme-live" })).await.status(200);
    assert_eq!(renamed.json()["name"], "acme-live");
    assert_ne!(renamed.header("etag"), shown.header("etag"));
    admin.get("/api/v1/projects/acme-prod").await.status(404);
    admin.delete("/api/v1/projects/acme-live").await.status(204);
    admin.delete("/api/v1/projects/acme-live").await.status(404);
    assert_eq!(admin.get("/api/v1/me").await.json()["projects"], json!([]));
    world.stop().await;
}

#[tokio::test]
async fn a_name_is_unique_in_the_installation_without_telling_where() {
    let world = World::new().await;
    world.organization("other").await;
    world.project("other", "secret-plan").await;
    let admin = world.account("eve", Some(OrganizationRole::Admin), None).await;
    create(&admin, "ours").await.status(201);
    let (theirs, own) =
        (create(&admin, "secret-plan").await.status(409), create(&admin, "ours").await.status(409));
    assert_eq!(theirs.body, own.body);
    assert_eq!(own.problem(), "already_exists");
    let rename = admin.patch("/api/v1/projects/ours", &json!({ "name": "secret-plan" })).await.status(409);
    assert_eq!(rename.body, own.body);
    admin.patch("/api/v1/projects/ours", &json!({ "name": "ours" })).await.status(200);
    world.stop().await;
}

#[tokio::test]
async fn a_bad_name_is_told_at_its_field() {
    let world = World::new().await;
    let admin = world.admin().await;
    for answer in [
        create(&admin, "Bad Name").await.status(422),
        create(&admin, "ab").await.status(422),
        create(&admin, "nul\u{0}nul").await.status(422),
    ] {
        assert_eq!((answer.problem(), &answer.json()["errors"][0]["field"]), ("invalid", &json!("name")));
    }
    let page = admin.form("/o/default/projects", "name=Bad+Name").await.status(422);
    assert!(page.body.contains("3 to 63 small letters") && page.body.contains("value=\"Bad Name\""));
    world.stop().await;
}

#[tokio::test]
async fn a_project_with_services_is_not_deleted() {
    let world = World::new().await;
    world.project("default", "acme-prod").await;
    let answer = world.admin().await.delete("/api/v1/projects/acme-prod").await.status(409);
    assert_eq!(answer.problem(), "not_empty");
    assert!(answer.text("detail").contains(": pg."));
    assert_eq!(look!(world, (i64,), "SELECT COUNT(*) FROM project"), [(1,)]);
    world.stop().await;
}

#[tokio::test]
async fn what_somebody_changed_meanwhile_is_not_overwritten() {
    let world = World::new().await;
    let admin = world.admin().await;
    create(&admin, "acme-prod").await.status(201);
    let seen = admin.get("/api/v1/projects/acme-prod").await.header("etag").to_owned();
    let rename = async |tag: &str, from: &str, to: &str| {
        let client = admin.clone().header("if-match", tag);
        client.patch(&format!("/api/v1/projects/{from}"), &json!({ "name": to })).await
    };
    rename(&seen, "acme-prod", "acme-live").await.status(200);
    for stale in [seen.as_str(), "\"never\"", "", "W/\"x\""] {
        let answer = rename(stale, "acme-live", "acme-test").await.status(412);
        assert_eq!(answer.problem(), "stale", "{stale}");
    }
    let now = admin.get("/api/v1/projects/acme-live").await.header("etag").to_owned();
    rename(&format!("\"never\", {now}"), "acme-live", "acme-test").await.status(200);
    rename("*", "acme-test", "acme-last").await.status(200);
    world.stop().await;
}

#[tokio::test]
async fn a_member_lists_their_projects_and_an_admin_all_of_them() {
    let world = World::new().await;
    for name in ["one", "two", "three"] {
        world.project("default", name).await;
    }
    world.organization("other").await;
    world.project("other", "theirs").await;
    let member =
        world.account("bob", Some(OrganizationRole::Member), Some(("two", ProjectRole::ReadOnly))).await;
    let editor = world.account("eve", Some(OrganizationRole::Editor), None).await;
    let admin = world.account("ada", Some(OrganizationRole::Admin), None).await;
    for (client, expected) in
        [(&member, vec!["two"]), (&editor, vec![]), (&admin, vec!["one", "three", "two"])]
    {
        assert_eq!(names(&client.get("/api/v1/projects").await.status(200).json()), expected);
    }
    let elsewhere = world.admin().await.header("rolecall-organization", "other");
    assert_eq!(names(&elsewhere.get("/api/v1/projects").await.status(200).json()), ["theirs"]);
    world.stop().await;
}

/// Walks a list to its end.
async fn walk(client: &Client, path: &str, mut between: impl AsyncFnMut(usize)) -> Vec<String> {
    let (mut found, mut cursor) = (Vec::new(), String::new());
    for page_number in 0.. {
        let page = client.get(&format!("{path}&cursor={cursor}")).await.status(200).json();
        found.extend(names(&page).into_iter().map(str::to_owned));
        between(page_number).await;
        match page["next"].as_str() {
            Some(next) => next.clone_into(&mut cursor),
            None => break,
        }
    }
    found
}

#[tokio::test]
async fn a_walk_over_all_pages_misses_and_repeats_nothing_while_rows_change() {
    let world = World::new().await;
    let admin = world.admin().await;
    for number in 0..25 {
        world.project("default", &format!("p-{number:02}")).await;
    }
    for (sort, is_up) in [("name", true), ("-name", false), ("", true)] {
        let path = format!("/api/v1/projects?limit=4&sort={sort}");
        let found = walk(&admin, &path, async |page| {
            // One comes before and one goes that was seen; neither moves the rest.
            let name = if is_up { format!("a-{sort}-{page}") } else { format!("z{sort}-{page}") };
            world.project("default", &name).await;
            meddle!(
                world,
                "DELETE FROM service WHERE project IN (SELECT key FROM project WHERE name = $1)",
                name.as_str()
            );
            meddle!(world, "DELETE FROM project WHERE name = $1", name.as_str());
        })
        .await;
        let own: Vec<_> = found.iter().filter(|name| name.starts_with("p-")).collect();
        let distinct: BTreeSet<_> = own.iter().collect();
        assert_eq!((own.len(), distinct.len()), (25, 25), "{found:?}");
        let mut sorted = found.clone();
        sorted.sort();
        if !is_up {
            sorted.reverse();
        }
        assert_eq!(found, sorted);
    }
    world.stop().await;
}

#[tokio::test]
async fn limits_sorts_and_cursors_that_make_no_sense_are_refused() {
    let world = World::new().await;
    let admin = world.admin().await;
    for query in [
        "limit=abc",
        "limit=0",
        "limit=-1",
        "limit=1.5",
        "limit=99999999999",
        "sort=created_at",
        "sort=--name",
        "cursor=!!",
    ] {
        for path in ["/api/v1/projects", "/api/v1/audit"] {
            let answer = admin.get(&format!("{path}?{query}")).await.status(400);
            assert_eq!(answer.problem(), "malformed", "{query}");
        }
    }
    for query in
        ["limit=1", "limit=500", "limit=501", "limit=", "cursor=", "sort=", "sort=-name", "unknown=1"]
    {
        admin.get(&format!("/api/v1/projects?{query}")).await.status(200);
    }
    admin.get("/o/default/projects?sort=created_at").await.status(400);
    world.stop().await;
}

#[tokio::test]
async fn a_search_takes_every_character_for_itself() {
    let world = World::new().await;
    let admin = world.admin().await;
    for name in ["acme-prod", "acme-test", "beta"] {
        world.project("default", name).await;
    }
    for (search, expected) in [
        ("acme", vec!["acme-prod", "acme-test"]),
        ("ACME", vec!["acme-prod", "acme-test"]),
        ("%20prod%20", vec!["acme-prod"]),
        ("e-", vec!["acme-prod", "acme-test"]),
        ("%25", vec![]),
        ("_", vec![]),
        ("a_me", vec![]),
        ("a%25d", vec![]),
        ("%5C", vec![]),
        ("%27", vec![]),
        ("%22", vec![]),
        ("%27%20OR%201=1--", vec![]),
        ("", vec!["acme-prod", "acme-test", "beta"]),
    ] {
        let page = admin.get(&format!("/api/v1/projects?search={search}")).await.status(200).json();
        assert_eq!(names(&page), expected, "{search}");
        let services =
            admin.get(&format!("/api/v1/projects/beta/services?search={search}")).await.status(200);
        let is_any = search.is_empty();
        assert_eq!(names(&services.json()).len(), usize::from(is_any), "{search}");
    }
    admin.get("/api/v1/projects?search=%00").await.status(400);
    world.stop().await;
}

#[tokio::test]
async fn services_are_sorted_and_paged_like_projects() {
    let world = World::new().await;
    let admin = world.admin().await;
    world.project("default", "acme-prod").await;
    for name in ["alpha", "beta", "gamma"] {
        world.service("acme-prod", name).await;
    }
    let path = "/api/v1/projects/acme-prod/services?limit=3";
    assert_eq!(
        walk(&admin, &format!("{path}&sort=name"), async |_| ()).await,
        ["alpha", "beta", "gamma", "pg"]
    );
    assert_eq!(
        walk(&admin, &format!("{path}&sort=-name"), async |_| ()).await,
        ["pg", "gamma", "beta", "alpha"]
    );
    admin.get(&format!("{path}&sort=state")).await.status(400);
    admin.get("/api/v1/projects/acme-prod/services/pg/users?sort=oid").await.status(400);
    admin.get("/api/v1/projects/acme-prod/services/pg/databases?sort=owner").await.status(400);
    world.stop().await;
}
