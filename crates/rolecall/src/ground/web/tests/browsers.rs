//! What a browser is asked to do, and what another site makes it do.

use super::behind_tls;
use crate::ground::web::csrf;
use crate::testing::{Answer, Client, PASSWORD, World};
use serde_json::json;

/// A console session: its cookie, and its CSRF token.
struct Session {
    client: Client,
    token: String,
    csrf: String,
}

async fn sign_in(world: &World, next: &str) -> Answer {
    world.nobody().form("/sign-in", &format!("account=admin&password={PASSWORD}&next={next}")).await
}

async fn session(world: &World) -> Session {
    let answer = sign_in(world, "/").await.status(303);
    let cookie = answer.header("set-cookie").split(';').next().unwrap().to_owned();
    let token = cookie.split_once('=').unwrap().1.to_owned();
    let csrf = csrf::of(&world.app, &token);
    Session { client: world.nobody().header("cookie", cookie), token, csrf }
}

#[tokio::test]
async fn a_session_is_a_cookie_that_no_script_reads_and_no_other_site_sends() {
    let world = World::new().await;
    let cookie = sign_in(&world, "/").await.status(303).header("set-cookie").to_owned();
    assert!(cookie.starts_with("rolecall=rc_"), "{cookie}");
    assert!(cookie.ends_with("; Path=/; Max-Age=2592000; HttpOnly; SameSite=Lax"), "{cookie}");
    world.stop().await;
    let world = behind_tls().await;
    let cookie = sign_in(&world, "/").await.status(303).header("set-cookie").to_owned();
    assert!(cookie.starts_with("__Host-rolecall=rc_"), "{cookie}");
    assert!(cookie.ends_with("; Path=/; Max-Age=2592000; HttpOnly; SameSite=Lax; Secure"), "{cookie}");
    // The plain name, which a neighbouring host could set, counts for nothing.
    let token = cookie.split(['=', ';']).nth(1).unwrap();
    world.nobody().header("cookie", format!("rolecall={token}")).get("/api/v1/me").await.status(401);
    world.nobody().header("cookie", format!("__Host-rolecall={token}")).get("/api/v1/me").await.status(200);
    world.stop().await;
}

#[tokio::test]
async fn each_sign_in_has_a_session_of_its_own_and_signing_out_ends_it() {
    let world = World::new().await;
    let (one, other) = (session(&world).await, session(&world).await);
    assert_ne!(one.token, other.token);
    let fixed = world.nobody().header("cookie", "rolecall=rc_chosen-by-an-attacker");
    let answer = fixed.form("/sign-in", &format!("account=admin&password={PASSWORD}")).await.status(303);
    assert!(!answer.header("set-cookie").contains("chosen"));
    let answer = one.client.form("/sign-out", &format!("csrf={}", one.csrf)).await.status(303);
    assert_eq!(answer.header("location"), "/sign-in");
    assert!(answer.header("set-cookie").starts_with("rolecall=; Path=/; Max-Age=0;"));
    one.client.get("/api/v1/me").await.status(401);
    other.client.get("/api/v1/me").await.status(200);
    world.stop().await;
}

#[tokio::test]
async fn a_change_by_cookie_needs_the_sessions_own_token() {
    let world = World::new().await;
    let (session, other) = (session(&world).await, session(&world).await);
    for body in [
        "",
        "csrf=",
        "csrf=wrong",
        &format!("csrf={}", other.csrf),
        &format!("x={}", session.csrf),
        &format!("CSRF={}", session.csrf),
    ] {
        let answer = session.client.form("/sign-out", body).await.status(403);
        assert!(answer.body.contains("open the page again"), "{body}: {}", answer.body);
    }
    session.client.get("/api/v1/me").await.status(200);
    let new = json!({ "name": "acme-prod" });
    assert_eq!(session.client.post("/api/v1/projects", &new).await.status(403).problem(), "csrf");
    for wrong in ["", "wrong", &other.csrf] {
        session
            .client
            .clone()
            .header("rolecall-csrf", wrong)
            .post("/api/v1/projects", &new)
            .await
            .status(403);
    }
    let scripted = session.client.clone().header("rolecall-csrf", session.csrf.clone());
    scripted.post("/api/v1/projects", &new).await.status(201);
    session.client.form("/sign-out", &format!("a=1&csrf={}", session.csrf)).await.status(303);
    world.stop().await;
}

#[tokio::test]
async fn the_token_is_taken_from_a_form_only() {
    let world = World::new().await;
    let session = session(&world).await;
    let body = format!("csrf={}", session.csrf);
    for kind in [
        None,
        Some("text/plain"),
        Some("application/json"),
        Some("multipart/form-data; boundary=x"),
        Some("application/xml"),
    ] {
        let answer = session.client.send(axum::http::Method::POST, "/sign-out", kind, &body).await;
        assert_eq!(answer.code, 403, "{kind:?}");
    }
    let form = Some("application/x-www-form-urlencoded; charset=utf-8");
    session.client.send(axum::http::Method::POST, "/sign-out", form, &body).await.status(303);
    world.stop().await;
}

#[tokio::test]
async fn nothing_that_another_site_sends_changes_anything() {
    let world = World::new().await;
    let session = session(&world).await;
    let token = world.admin().await.token().to_owned();
    let basic = {
        use base64::Engine as _;
        format!("Basic {}", base64::prelude::BASE64_STANDARD.encode(format!("admin:{PASSWORD}")))
    };
    let signs_out = format!("csrf={}", session.csrf);
    for (name, value) in [
        ("sec-fetch-site", "cross-site"),
        ("sec-fetch-site", "same-site"),
        ("origin", "https://evil.example"),
        ("origin", "null"),
        ("origin", "http://rolecall.example.evil"),
    ] {
        let from_there = |client: Client| client.header("host", "rolecall.example").header(name, value);
        from_there(session.client.clone()).form("/sign-out", &signs_out).await.status(403);
        // Browsers send a Basic password that they were told once by themselves.
        let new = json!({ "name": "acme-prod" });
        from_there(world.nobody().header("authorization", basic.clone()))
            .post("/api/v1/projects", &new)
            .await
            .status(403);
        from_there(world.bearer(&token)).post("/api/v1/projects", &new).await.status(403);
        from_there(world.nobody())
            .form("/sign-in", &format!("account=admin&password={PASSWORD}"))
            .await
            .status(403);
        from_there(session.client.clone()).get("/api/v1/me").await.status(200);
    }
    for (name, value) in
        [("sec-fetch-site", "none"), ("sec-fetch-site", "same-origin"), ("origin", "http://rolecall.example")]
    {
        let from_here = session.client.clone().header("host", "rolecall.example").header(name, value);
        from_here
            .header("rolecall-csrf", session.csrf.clone())
            .post("/api/v1/projects", &json!({ "name": "x" }))
            .await
            .status(422);
    }
    world.stop().await;
}

#[tokio::test]
async fn signing_in_leads_to_pages_of_ours_only() {
    let world = World::new().await;
    for next in [
        "//evil.example",
        "/%5Cevil.example",
        "https://evil.example",
        "javascript:alert(1)",
        "/%09/evil.example",
        "%2F%2Fevil",
        "/%0D%0ASet-Cookie:x=y",
        "",
        "evil",
    ] {
        assert_eq!(sign_in(&world, next).await.status(303).header("location"), "/", "{next}");
    }
    let good = sign_in(&world, "/o/default/projects%3Fsort=name").await.status(303);
    assert_eq!(good.header("location"), "/o/default/projects?sort=name");
    world.stop().await;
}

#[tokio::test]
async fn every_answer_carries_the_headers_that_keep_a_browser_in_check() {
    let world = World::new().await;
    let session = session(&world).await;
    let mut ids = std::collections::HashSet::new();
    for path in [
        "/",
        "/sign-in",
        "/nowhere",
        "/health",
        "/api/v1/me",
        "/api/v1/nowhere",
        "/api/docs/",
        "/o/default/services",
        "/setup",
        "/assets/console.css",
    ] {
        let answer = session.client.get(path).await;
        let policy = answer.header("content-security-policy");
        assert!(
            policy.contains("default-src 'none'") && policy.contains("frame-ancestors 'none'"),
            "{path}: {policy}"
        );
        assert!(
            !policy.contains("script-src 'self' 'unsafe") && policy.contains("base-uri 'none'"),
            "{path}: {policy}"
        );
        assert_eq!(answer.header("x-content-type-options"), "nosniff", "{path}");
        assert_eq!(answer.header("x-frame-options"), "DENY", "{path}");
        assert_eq!(answer.header("referrer-policy"), "same-origin", "{path}");
        let cache = if path.starts_with("/assets/") { "public, max-age=3600" } else { "no-store" };
        assert_eq!(answer.header("cache-control"), cache, "{path}");
        assert_eq!(answer.header("strict-transport-security"), "", "{path}");
        assert!(ids.insert(answer.header("x-request-id").to_owned()), "{path}");
    }
    assert!(ids.iter().all(|id| id.len() >= 8 && id.contains('-')));
    world.stop().await;
    let world = behind_tls().await;
    assert_eq!(world.nobody().get("/health").await.header("strict-transport-security"), "max-age=31536000");
    world.stop().await;
}

#[tokio::test]
async fn what_somebody_called_something_is_text_on_a_page() {
    let world = World::new().await;
    let session = session(&world).await;
    let hostile = "%3Cscript%3Ealert(1)%3C/script%3E%22%27";
    for path in [
        "/o/default/projects?search=",
        "/sign-in?next=",
        "/o/default/services?search=",
        "/o/default/services/new?name=",
    ] {
        let page = session.client.get(&format!("{path}{hostile}")).await.status(200);
        assert!(!page.body.contains("<script>alert"), "{path}: {}", page.body);
    }
    let page = session
        .client
        .form("/o/default/projects", &format!("name={hostile}&csrf={}", session.csrf))
        .await
        .status(422);
    assert!(!page.body.contains("<script>alert") && page.body.contains("&lt;script&gt;"), "{}", page.body);
    world.stop().await;
}

#[tokio::test]
async fn links_never_take_the_host_that_a_request_claims() {
    let world = World::new().await;
    let session = session(&world).await;
    let forged = session.client.header("host", "evil.example").header("x-forwarded-host", "evil.example");
    for path in ["/", "/o/default/services", "/o/default/projects", "/api/v1/openapi.json"] {
        let answer = forged.get(path).await;
        assert!(
            !answer.body.contains("evil.example") && !answer.header("location").contains("evil"),
            "{path}"
        );
    }
    world.stop().await;
}
