//! Bodies and queries that make no sense, or mean harm.

use crate::testing::{PASSWORD, World};
use axum::http::Method;
use serde_json::json;

const JSON: Option<&str> = Some("application/json");

#[tokio::test]
async fn a_body_that_cannot_be_read_is_refused_in_one_shape() {
    let world = World::new().await;
    let admin = world.admin().await;
    let deep = format!("{{\"name\": {}1{}}}", "[".repeat(100_000), "]".repeat(100_000));
    let many = format!("{{{}}}", (0..20_000).map(|n| format!("\"k{n}\":1")).collect::<Vec<_>>().join(","));
    for body in [
        "",
        "{",
        "null",
        "[]",
        "\"name\"",
        "{}",
        "{\"name\": 1}",
        "{\"name\": null}",
        "{\"name\": \"abc\", \"unknown\": 1}",
        "{\"name\": \"abc\", \"name\": \"abd\"}",
        "{\"name\": \"abc\"} x",
        "{\"name\": \"a\u{0}c\"}",
        deep.as_str(),
        many.as_str(),
    ] {
        let answer = admin.send(Method::POST, "/api/v1/projects", JSON, body).await.status(400);
        assert_eq!(answer.header("content-type"), "application/problem+json");
        let problem = answer.json();
        let mut fields: Vec<_> = problem.as_object().unwrap().keys().map(String::as_str).collect();
        fields.sort_unstable();
        assert_eq!(fields, ["code", "detail", "status", "title", "type"]);
        assert_eq!((&problem["code"], &problem["status"]), (&json!("malformed"), &json!(400)));
        assert!(problem["detail"].as_str().unwrap().ends_with('.'), "{problem}");
    }
    admin.send(Method::PATCH, "/api/v1/projects/nowhere", JSON, "{").await.status(404);
    world.stop().await;
}

#[tokio::test]
async fn a_body_beyond_the_limit_is_413_by_every_door() {
    let world =
        World::with(&[("ROLECALL_ADMIN_PASSWORD", PASSWORD), ("ROLECALL_REQUEST_BODY_LIMIT_BYTES", "1024")])
            .await;
    let admin = world.admin().await;
    let large = "x".repeat(2000);
    let new = json!({ "name": large });
    assert_eq!(admin.post("/api/v1/projects", &new).await.status(413).problem(), "too_large");
    assert_eq!(world.nobody().form("/sign-in", &format!("account={large}&password=x")).await.code, 413);
    let by_cookie = world.nobody().header("cookie", format!("rolecall={}", admin.token()));
    by_cookie.form("/o/default/projects", &format!("name={large}")).await.status(413);
    world.stop().await;
}

#[tokio::test]
async fn a_nul_is_refused_wherever_it_stands() {
    let world = World::new().await;
    let admin = world.admin().await;
    let login = "{\"account\": \"ad\\u0000min\", \"password\": \"x\"}";
    for answer in [
        world.nobody().send(Method::POST, "/api/v1/login", JSON, login).await,
        world.nobody().form("/sign-in", "account=a%00b&password=x").await,
        admin.get("/api/v1/projects/a%00b").await,
        admin.get("/api/v1/projects?cursor=AA").await,
        admin.get("/api/v1/projects?search=a%00b").await,
        admin.clone().header("rolecall-organization", "x").get("/o/a%00b/projects").await,
    ] {
        assert_eq!(answer.code, 400, "{}", answer.body);
    }
    world.stop().await;
}

#[tokio::test]
async fn a_problem_never_says_what_a_secret_field_held() {
    let world = World::new().await;
    for body in [
        "{\"account\": \"admin\", \"password\": 1234567890}",
        "{\"account\": \"admin\", \"password\": [\"hunter-two\"]}",
        "{\"account\": \"admin\", \"password\": {\"a\": \"hunter-two\"}}",
        "{\"account\": \"admin\", \"password\": true}",
    ] {
        let answer = world.nobody().send(Method::POST, "/api/v1/login", JSON, body).await.status(400);
        assert!(
            !answer.body.contains("hunter-two") && !answer.body.contains("1234567890"),
            "{}",
            answer.body
        );
    }
    world.stop().await;
}

#[tokio::test]
async fn names_with_line_ends_split_no_header() {
    let world = World::new().await;
    let admin = world.admin().await;
    let names = ["a%0D%0ASet-Cookie:%20x=y", "a%0Ab"];
    for name in names {
        let answer = admin.get(&format!("/api/v1/projects/{name}")).await.status(404);
        assert_eq!(answer.header("set-cookie"), "");
        let page = admin.get(&format!("/o/{name}/projects")).await.status(404);
        assert_eq!(page.header("set-cookie"), "");
        let asked = world.nobody().get(&format!("/o/{name}/projects")).await.status(303);
        assert_eq!((asked.header("set-cookie"), asked.headers.len() > 3), ("", true));
    }
    let new = json!({ "name": "abc\r\nx-evil: 1" });
    assert_eq!(admin.post("/api/v1/projects", &new).await.status(422).header("x-evil"), "");
    world.stop().await;
}

#[tokio::test]
async fn what_goes_wrong_inside_is_told_without_its_cause() {
    let world = World::new().await;
    let admin = world.admin().await;
    admin.get("/api/v1/me").await.status(200);
    crate::meddle!(world, "ALTER TABLE project RENAME TO gone");
    let answer = admin.get("/api/v1/projects").await.status(500);
    assert_eq!(answer.problem(), "internal");
    assert!(!answer.body.contains("gone") && !answer.body.contains("table"), "{}", answer.body);
    world.stop().await;
}
