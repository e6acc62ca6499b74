//! However an address or a method is written, the decision stays the same.

use crate::ground::access::{OrganizationRole, ProjectRole};
use crate::testing::World;
use axum::http::Method;

/// A world with a project, its read-only member, and an outsider.
async fn world() -> World {
    let world = World::new().await;
    world.project("default", "acme-prod").await;
    world
}

#[tokio::test]
async fn no_way_of_writing_a_path_leads_around_a_refusal() {
    let world = world().await;
    let member = Some(("acme-prod", ProjectRole::ReadOnly));
    let reader = world.account("reader", Some(OrganizationRole::Member), member).await;
    let outsider = world.account("outsider", None, None).await;
    reader.get("/api/v1/projects/acme-prod").await.status(200);
    for path in [
        "/api/v1/projects/acme-prod/",
        "/api/v1/projects//acme-prod",
        "//api/v1/projects/acme-prod",
        "/api/v1/./projects/acme-prod",
        "/api/v1/projects/x/../acme-prod",
        "/api/v1/projects/%2e%2e/projects/acme-prod",
        "/api/v1/projects/x/%2e%2e/acme-prod",
        "/api/v1/projects/..%2fprojects%2facme-prod",
        "/api/v1/projects/ACME-PROD",
        "/API/V1/projects/acme-prod",
        "/api/v1/Projects/acme-prod",
        "/api/v1/projects/acme-prod%00",
        "/api/v1/projects/acme-prod%20",
        "/api/v1/projects/acme-prod;x",
        "/api/v1/projects/acme%EF%BC%8Dprod",
        "/api/v1/projects/..",
        "/api/v1/projects/.",
        "/api/v1/projects/*",
        "/api/v1/projects/%25",
        "/api/v1/projects/%FF",
        "/api/v1/../../etc/passwd",
        "/assets/../api/v1/projects/acme-prod",
        "/assets/..%2f..%2fetc/passwd",
    ] {
        for client in [&reader, &outsider, &world.nobody()] {
            let answer = client.get(path).await;
            let expected: &[u16] = &[400, 401, 404];
            assert!(expected.contains(&answer.code.as_u16()), "{path}: {} {}", answer.code, answer.body);
            assert!(!answer.body.contains("created_at"), "{path}: {}", answer.body);
        }
    }
    // Encoded letters are the letters.
    reader.get("/api/v1/projects/%61cme-prod").await.status(200);
    outsider.get("/api/v1/projects/%61cme-prod").await.status(404);
    world.stop().await;
}

#[tokio::test]
async fn every_method_meets_the_same_decision() {
    let world = world().await;
    let outsider = world.account("outsider", None, None).await;
    let member = Some(("acme-prod", ProjectRole::ReadOnly));
    let reader = world.account("reader", Some(OrganizationRole::Member), member).await;
    let path = "/api/v1/projects/acme-prod/services/pg";
    let methods = ["HEAD", "LIST", "OPTIONS", "TRACE", "PROPFIND", "POST", "get", "CONNECT"];
    for (client, head) in [(&outsider, 404), (&world.nobody(), 401), (&reader, 200)] {
        for name in methods {
            let method = Method::from_bytes(name.as_bytes()).unwrap();
            let answer = client.send(method, path, None, "").await;
            let expected = if name == "HEAD" { head } else { 405 };
            assert_eq!(answer.code, expected, "{name}");
            assert!(!answer.body.contains("acme-prod"), "{name}: {}", answer.body);
        }
    }
    let delete = reader.clone().header("x-http-method-override", "DELETE");
    delete.get(path).await.status(200);
    delete.send(Method::POST, path, None, "").await.status(405);
    reader.delete(path).await.status(403);
    world.stop().await;
}

#[tokio::test]
async fn what_is_no_route_is_a_problem_to_programs_and_a_page_to_people() {
    let world = world().await;
    for path in ["/api/v1/nowhere", "/api/v2/me", "/api/", "/api/v1"] {
        let answer = world.nobody().get(path).await.status(404);
        assert_eq!(
            (answer.problem(), answer.header("content-type")),
            ("not_found", "application/problem+json")
        );
    }
    let page = world.nobody().get("/nowhere").await.status(404);
    assert!(page.header("content-type").starts_with("text/html") && page.body.contains("Nothing here"));
    let answer = world.nobody().delete("/api/v1/login").await.status(405);
    assert_eq!(
        (answer.problem(), answer.header("content-type")),
        ("method_not_allowed", "application/problem+json")
    );
    assert_eq!(answer.header("allow"), "POST");
    let page = world.nobody().delete("/sign-in").await.status(405);
    assert!(page.header("content-type").starts_with("text/html"), "{}", page.body);
    world.stop().await;
}

#[tokio::test]
async fn a_console_page_asks_to_sign_in_and_leads_back() {
    let world = world().await;
    let asked = world.nobody().get("/o/default/projects?search=a%26b").await.status(303);
    assert_eq!(asked.header("location"), "/sign-in?next=/o/default/projects%3Fsearch%3Da%2526b");
    let page = world.nobody().get("/sign-in?next=/o/default/projects").await.status(200);
    assert!(page.body.contains("value=\"/o/default/projects\""));
    // What was to be done is not done by signing in.
    let asked = world.nobody().form("/o/default/projects", "name=x").await.status(303);
    assert_eq!(asked.header("location"), "/sign-in?next=/");
    world.stop().await;
}

#[tokio::test]
async fn figures_and_logs_do_not_grow_with_made_up_methods() {
    let world = world().await;
    for number in 0..20 {
        let method = Method::from_bytes(format!("MADEUP{number}").as_bytes()).unwrap();
        world.nobody().send(method, "/api/v1/me", None, "").await.status(405);
    }
    let figures = world.nobody().get("/metrics").await.status(200).body;
    assert!(!figures.contains("MADEUP"), "{figures}");
    world.stop().await;
}
