use crate::look;
use crate::testing::{Client, PASSWORD, World};
use serde_json::json;

/// An installation that nobody holds yet, and the code of its link.
async fn unclaimed() -> (World, String) {
    let world = World::with(&[]).await;
    let code = world.app.setup_code.as_ref().unwrap().expose().to_owned();
    (world, code)
}

async fn claim(client: &Client, code: &str, password: &str, again: &str) -> crate::testing::Answer {
    client.form("/setup", &format!("code={code}&password={password}&again={again}")).await
}

async fn has_password(world: &World) -> bool {
    look!(world, (bool,), "SELECT password_hash IS NOT NULL FROM account WHERE id = 'admin'")[0].0
}

#[tokio::test]
async fn until_somebody_holds_it_there_is_nothing_but_the_set_up_page() {
    let (world, code) = unclaimed().await;
    let nobody = world.nobody();
    for path in [
        "/api/v1/me",
        "/api/v1/projects",
        "/api/v1/openapi.json",
        "/api/v1/nowhere",
        "/api/v1/projects/health",
    ] {
        assert_eq!(nobody.get(path).await.status(503).problem(), "not_set_up", "{path}");
    }
    let login = json!({ "account": "admin", "password": "" });
    assert_eq!(nobody.post("/api/v1/login", &login).await.status(503).problem(), "not_set_up");
    for path in ["/", "/sign-in", "/o/default/services", "/o/default/projects/health", "/nowhere"] {
        assert_eq!(nobody.get(path).await.status(303).header("location"), "/setup", "{path}");
    }
    for path in ["/health", "/api/v1/health", "/metrics", "/assets/console.css"] {
        nobody.get(path).await.status(200);
    }
    let page = nobody.get("/setup").await.status(200);
    assert!(page.body.contains("the set-up link") && !page.body.contains(&code));
    assert!(
        nobody.get(&format!("/setup?code={code}")).await.status(200).body.contains("Choose the password")
    );
    world.stop().await;
}

#[tokio::test]
async fn a_wrong_code_takes_nothing() {
    let (world, code) = unclaimed().await;
    for wrong in ["", "x", &code[1..], &format!("{code}x"), &code.to_uppercase()] {
        let answer = claim(&world.nobody(), wrong, PASSWORD, PASSWORD).await.status(403);
        assert!(answer.body.contains("not the one that the server printed"), "{}", answer.body);
    }
    assert!(!has_password(&world).await);
    world.stop().await;
}

#[tokio::test]
async fn a_weak_or_differing_password_is_told_at_its_field_and_changes_nothing() {
    let (world, code) = unclaimed().await;
    for (password, again, sentence) in [
        ("short", "short", "at least 12 characters"),
        ("administrator", "administrator", "does not contain the account"),
        ("password1234", "password1234", "tried first"),
        (PASSWORD, "correct-horse-batterY", "The two passwords differ"),
    ] {
        let answer = claim(&world.nobody(), &code, password, again).await.status(422);
        assert!(answer.body.contains(sentence), "{password}: {}", answer.body);
        assert!(!answer.body.contains(&format!("value=\"{password}\"")), "{}", answer.body);
    }
    assert!(!has_password(&world).await);
    world.nobody().get("/api/v1/me").await.status(503);
    world.stop().await;
}

#[tokio::test]
async fn the_first_claim_opens_the_installation_and_a_second_is_refused() {
    let (world, code) = unclaimed().await;
    let answer = claim(&world.nobody(), &code, PASSWORD, PASSWORD).await.status(303);
    assert_eq!(answer.header("location"), "/");
    let cookie = answer.header("set-cookie").split(';').next().unwrap().to_owned();
    world.nobody().header("cookie", cookie).get("/o/default/services").await.status(200);
    world.nobody().get("/api/v1/me").await.status(401);
    world.admin().await.get("/api/v1/me").await.status(200);
    let second = claim(&world.nobody(), &code, "another-good-password", "another-good-password").await;
    assert!(second.status(409).body.contains("was set up already"));
    assert_eq!(world.nobody().get("/setup").await.status(303).header("location"), "/sign-in");
    world.admin().await;
    world.stop().await;
}

#[tokio::test]
async fn of_two_claims_at_once_one_wins() {
    let (world, code) = unclaimed().await;
    let nobody = world.nobody();
    let (one, other) = futures_util::future::join(
        claim(&nobody, &code, PASSWORD, PASSWORD),
        claim(&nobody, &code, "another-good-password", "another-good-password"),
    )
    .await;
    let mut codes = [one.code.as_u16(), other.code.as_u16()];
    codes.sort_unstable();
    assert_eq!(codes, [303, 409]);
    let claims = "SELECT COUNT(*) FROM audit_pending WHERE record LIKE '%installation.claim%'";
    assert_eq!(look!(world, (i64,), claims), [(1,)]);
    world.stop().await;
}

#[tokio::test]
async fn a_claim_at_one_node_is_soon_known_at_another() {
    let (world, code) = unclaimed().await;
    let other = world.beside().await;
    claim(&world.nobody(), &code, PASSWORD, PASSWORD).await.status(303);
    super::look_again(&other.app).await.unwrap();
    other.nobody().get("/api/v1/me").await.status(401);
    other.stop().await;
    world.stop().await;
}

#[tokio::test]
async fn a_password_from_the_environment_claims_it_once() {
    let world = World::new().await;
    assert!(world.app.setup_code.is_none());
    world.nobody().get("/api/v1/me").await.status(401);
    let weak = World::with(&[("ROLECALL_ADMIN_PASSWORD", "x")]).await;
    let login = json!({ "account": "admin", "password": "x" });
    weak.nobody().post("/api/v1/login", &login).await.status(201);
    weak.stop().await;
    world.stop().await;
}

#[tokio::test]
async fn the_first_start_makes_admin_public_and_the_default_organization_once() {
    let world = World::new().await;
    super::prepare(&world.app.store).await.unwrap();
    let accounts =
        look!(world, (String, bool, bool), "SELECT id, superadmin, built_in FROM account ORDER BY id");
    assert_eq!(accounts, [("admin".to_owned(), true, true), ("public".to_owned(), false, true)]);
    let organizations =
        look!(world, (String, String, bool), "SELECT id, default_role, public FROM organization");
    assert_eq!(organizations, [("default".to_owned(), "member".to_owned(), false)]);
    let members = look!(
        world,
        (String, String),
        "SELECT a.id, m.role FROM organization_member m JOIN account a ON a.key = m.account"
    );
    assert_eq!(members, [("admin".to_owned(), "admin".to_owned())]);
    world.stop().await;
}

#[tokio::test]
async fn the_decision_on_new_users_is_kept() {
    let (world, code) = unclaimed().await;
    let form = format!("code={code}&password={PASSWORD}&again={PASSWORD}&new_users_are_superadmins=true");
    world.nobody().form("/setup", &form).await.status(303);
    let settings = look!(world, (String, String), "SELECT name, value FROM setting");
    assert_eq!(settings, [("new_users_are_superadmins".to_owned(), "true".to_owned())]);
    world.stop().await;
}
