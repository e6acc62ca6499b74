use super::LIFETIME;
use crate::testing::{Answer, Client, PASSWORD, World};
use crate::{look, meddle};
use serde_json::{Value, json};
use std::time::Duration;

const WRONG: &str = "not-the-password";
/// So many failures of an account cost nothing.
const FREE: usize = 6;

fn days(days: u64) -> Duration {
    Duration::from_hours(24 * days)
}

async fn login(client: &Client, account: &str, password: &str) -> Answer {
    client.post("/api/v1/login", &json!({ "account": account, "password": password })).await
}

fn basic(client: Client, account: &str, password: &str) -> Client {
    use base64::Engine as _;
    let encoded = base64::prelude::BASE64_STANDARD.encode(format!("{account}:{password}"));
    client.header("authorization", format!("Basic {encoded}"))
}

/// Fails so often that the next try has to wait.
async fn lock(client: &Client, account: &str) {
    for _ in 0..FREE {
        login(client, account, WRONG).await.status(401);
    }
}

#[tokio::test]
async fn a_right_password_makes_a_token_that_tells_who_one_is() {
    let world = World::new().await;
    let answer = login(&world.nobody(), "admin", PASSWORD).await.status(201);
    assert_eq!(answer.header("location"), "/api/v1/me");
    let body = answer.json();
    assert_eq!(body["account"]["id"], "admin");
    assert_eq!(body["expires_at"], "2026-02-01T03:04:05.000Z");
    assert!(body["token"].as_str().unwrap().starts_with("rc_") && answer.text("token").len() <= 90);
    let me = world.bearer(answer.text("token")).get("/api/v1/me").await.status(200).json();
    assert_eq!((&me["account"]["id"], &me["superadmin"]), (&json!("admin"), &json!(true)));
    assert_eq!(me["organization"], json!({ "id": "default", "name": "Default", "role": "admin" }));
    world.stop().await;
}

#[tokio::test]
async fn a_wrong_password_and_an_unknown_account_are_answered_alike() {
    let world = World::new().await;
    world.account("without_password", None, None).await;
    let mut answers = Vec::new();
    for (account, password) in [
        ("admin", WRONG),
        ("admin", ""),
        ("nobody_knows", WRONG),
        ("without_password", WRONG),
        ("without_password", ""),
        ("public", ""),
        ("", ""),
        ("admin\u{0}", PASSWORD),
    ] {
        let answer = login(&world.nobody(), account, password).await;
        if account.contains('\0') {
            answer.status(400);
            continue;
        }
        let answer = answer.status(401);
        assert_eq!(answer.problem(), "invalid_credentials", "{account}");
        answers.push((answer.body.clone(), answer.header("www-authenticate").to_owned()));
    }
    assert!(answers.iter().all(|answer| *answer == answers[0]), "{answers:?}");
    world.stop().await;
}

#[tokio::test]
async fn an_account_spelled_alike_is_the_same_account_and_shares_its_counter() {
    let world = World::new().await;
    for alike in ["ADMIN", " admin\t", "ａｄｍｉｎ", "\u{a0}Admin"] {
        login(&world.nobody(), alike, PASSWORD).await.status(201);
    }
    for other in ["admin1", "ad min", "admin@", "аdmin"] {
        login(&world.nobody(), other, PASSWORD).await.status(401);
    }
    for (alike, _) in ["admin", "Admin", " admin", "ADMIN ", "ａｄｍｉｎ", "aDmin"].iter().zip(0..FREE) {
        login(&world.nobody(), alike, WRONG).await.status(401);
    }
    login(&world.nobody(), "aDMIN", PASSWORD).await.status(429);
    world.stop().await;
}

#[tokio::test]
async fn too_many_failures_keep_even_the_right_password_waiting_by_every_door() {
    let world = World::new().await;
    lock(&world.nobody(), "admin").await;
    let answer = login(&world.nobody(), "admin", PASSWORD).await.status(429);
    assert_eq!((answer.problem(), answer.header("retry-after")), ("too_many_attempts", "1"));
    basic(world.nobody(), "admin", PASSWORD).get("/api/v1/me").await.status(429);
    let form = format!("account=admin&password={PASSWORD}&next=/");
    world.nobody().form("/sign-in", &form).await.status(429);
    world.hands.pass(Duration::from_secs(1));
    login(&world.nobody(), "admin", PASSWORD).await.status(201);
    // And it begins anew.
    lock(&world.nobody(), "admin").await;
    world.stop().await;
}

#[tokio::test]
async fn failures_by_basic_and_by_the_console_lock_the_account_too() {
    let world = World::new().await;
    for _ in 0..FREE / 2 {
        basic(world.nobody(), "Admin", WRONG).get("/api/v1/me").await.status(401);
        world.nobody().form("/sign-in", &format!("account=admin&password={WRONG}")).await.status(401);
    }
    login(&world.nobody(), "admin", PASSWORD).await.status(429);
    world.stop().await;
}

#[tokio::test]
async fn a_name_that_nobody_has_is_locked_like_one_that_somebody_has() {
    let world = World::new().await;
    lock(&world.nobody(), "nobody_knows").await;
    assert_eq!(login(&world.nobody(), "nobody_knows", WRONG).await.status(429).header("retry-after"), "1");
    login(&world.nobody(), "admin", PASSWORD).await.status(201);
    world.stop().await;
}

#[tokio::test]
async fn a_lock_survives_a_restart() {
    let world = World::new().await;
    lock(&world.nobody(), "admin").await;
    let after = world.beside().await;
    login(&after.nobody(), "admin", PASSWORD).await.status(429);
    after.stop().await;
    world.stop().await;
}

#[tokio::test]
async fn a_failure_is_counted_although_the_request_is_refused() {
    let world = World::new().await;
    login(&world.nobody(), "admin", WRONG).await.status(401);
    let counted = look!(world, (String, i64), "SELECT counter, failures FROM throttle ORDER BY counter");
    assert_eq!(counted, [("account:admin".to_owned(), 1), ("address:127.0.0.1".to_owned(), 1)]);
    login(&world.nobody(), "admin", PASSWORD).await.status(201);
    // A success forgives the account; the address stays, or a guesser would clear it with an account of their own.
    let counted = look!(world, (String, i64), "SELECT counter, failures FROM throttle ORDER BY counter");
    assert_eq!(counted, [("address:127.0.0.1".to_owned(), 1)]);
    world.stop().await;
}

#[tokio::test]
async fn one_address_that_tries_many_accounts_has_to_wait() {
    let world = World::with(&[
        ("ROLECALL_ADMIN_PASSWORD", PASSWORD),
        ("ROLECALL_BASE_URL", "https://rolecall.example.org"),
        ("ROLECALL_TRUSTED_PROXIES", "127.0.0.1"),
    ])
    .await;
    let from = |address: &str| world.nobody().header("x-forwarded-for", address);
    for number in 0..31 {
        login(&from("192.0.2.7"), &format!("account_{number}"), WRONG).await.status(401);
    }
    login(&from("192.0.2.7"), "admin", PASSWORD).await.status(429);
    login(&from("192.0.2.8"), "admin", PASSWORD).await.status(201);
    world.stop().await;
}

#[tokio::test]
async fn guesses_sent_at_once_get_no_further_than_guesses_in_a_row() {
    let world = World::new().await;
    let guesses = (0..60).map(|_| async { login(&world.nobody(), "admin", WRONG).await.code.as_u16() });
    let answers = futures_util::future::join_all(guesses).await;
    let told = answers.iter().filter(|code| **code == 401).count();
    assert_eq!(told, FREE, "{answers:?}");
    assert!(answers.iter().all(|code| [401, 429].contains(code)), "{answers:?}");
    world.stop().await;
}

#[tokio::test]
async fn a_disabled_account_is_refused_on_its_next_request() {
    let world = World::new().await;
    let admin = world.admin().await;
    admin.get("/api/v1/me").await.status(200);
    meddle!(world, "UPDATE account SET disabled = TRUE WHERE id = 'admin'");
    world.tell().await;
    assert_eq!(admin.get("/api/v1/me").await.status(401).problem(), "token_revoked");
    login(&world.nobody(), "admin", PASSWORD).await.status(401);
    basic(world.nobody(), "admin", PASSWORD).get("/api/v1/me").await.status(401);
    world.stop().await;
}

#[tokio::test]
async fn a_token_lives_thirty_days_from_its_last_use() {
    let world = World::new().await;
    let (used, unused) = (world.admin().await, world.admin().await);
    for _ in 0..3 {
        world.hands.pass(days(29));
        used.get("/api/v1/me").await.status(200);
        super::write_uses(&world.app).await.unwrap();
    }
    assert_eq!(
        unused.get("/api/v1/me").await.status(401).header("www-authenticate"),
        "Bearer, Basic realm=\"Rolecall\""
    );
    world.hands.pass(LIFETIME.saturating_sub(Duration::from_millis(1)));
    used.get("/api/v1/me").await.status(200);
    super::write_uses(&world.app).await.unwrap();
    world.hands.pass(days(31));
    assert_eq!(used.get("/api/v1/me").await.status(401).problem(), "token_expired");
    world.stop().await;
}

#[tokio::test]
async fn an_expired_token_stays_expired_at_every_node() {
    let world = World::new().await;
    let admin = world.admin().await;
    world.hands.pass(days(31));
    assert_eq!(admin.get("/api/v1/me").await.status(401).problem(), "token_expired");
    let other = world.beside().await;
    assert_eq!(other.bearer(admin.token()).get("/api/v1/me").await.status(401).problem(), "token_expired");
    other.stop().await;
    world.stop().await;
}

#[tokio::test]
async fn uses_are_written_in_batches_and_seen_after_a_restart() {
    let world = World::new().await;
    let admin = world.admin().await.header("user-agent", "curl/8");
    world.hands.pass(days(29));
    admin.get("/api/v1/me").await.status(200);
    super::write_uses(&world.app).await.unwrap();
    let seen = look!(world, (i64, String), "SELECT last_used_at, last_user_agent FROM token");
    assert_eq!(seen, [(world.app.clock.now().millis(), "curl/8".to_owned())]);
    let after = world.beside().await;
    world.hands.pass(days(29));
    after.bearer(admin.token()).get("/api/v1/me").await.status(200);
    after.stop().await;
    world.stop().await;
}

#[tokio::test]
async fn signing_out_revokes_the_token_and_no_other() {
    let world = World::new().await;
    let (one, other) = (world.admin().await, world.admin().await);
    one.post("/api/v1/logout", &json!({})).await.status(204);
    assert_eq!(one.get("/api/v1/me").await.status(401).problem(), "token_revoked");
    one.post("/api/v1/logout", &json!({})).await.status(401);
    other.get("/api/v1/me").await.status(200);
    world.stop().await;
}

#[tokio::test]
async fn tokens_and_passwords_are_nowhere_in_the_store() {
    let world = World::new().await;
    let admin = world.admin().await;
    admin.get("/api/v1/me").await.status(200);
    super::write_uses(&world.app).await.unwrap();
    assert_eq!(look!(world, (i64,), "SELECT COUNT(*) FROM token WHERE LENGTH(hash) = 32"), [(1,)]);
    let folder = world.app.config.data.clone();
    let mut files: Vec<_> = std::fs::read_dir(&folder).unwrap().map(|entry| entry.unwrap().path()).collect();
    files.retain(|path| path.is_file());
    assert!(!files.is_empty());
    for file in files {
        let bytes = std::fs::read(&file).unwrap();
        for secret in [admin.token(), &admin.token()[3..20], PASSWORD] {
            let is_there = bytes.windows(secret.len()).any(|window| window == secret.as_bytes());
            assert!(!is_there, "{secret} stands in {}", file.display());
        }
    }
    world.stop().await;
}

#[tokio::test]
async fn a_token_cut_extended_or_changed_is_no_token() {
    let world = World::new().await;
    let token = world.admin().await.token().to_owned();
    let mut spoilt = vec![format!("{token}x"), format!("{token} x"), String::new(), "rc_".to_owned()];
    for at in [0, 3, 10, 30, token.len() - 1] {
        spoilt.push(token[..at].to_owned());
        let mut bytes = token.clone().into_bytes();
        bytes[at] = if bytes[at] == b'A' { b'B' } else { b'A' };
        spoilt.push(String::from_utf8(bytes).unwrap());
    }
    spoilt.extend([token.to_uppercase(), token.to_lowercase()]);
    for text in spoilt {
        let answer = world.bearer(&text).get("/api/v1/me").await;
        assert_eq!(answer.code, 401, "{text}");
    }
    world.bearer(&token).get("/api/v1/me").await.status(200);
    world.stop().await;
}

#[tokio::test]
async fn the_first_credential_that_is_there_counts_and_a_wrong_one_is_never_passed_over() {
    let world = World::new().await;
    let admin = world.admin().await;
    let (token, bob) = (admin.token().to_owned(), world.account("bob", None, None).await);
    let cookie = |client: Client, token: &str| client.header("cookie", format!("rolecall={token}"));
    let who = async |client: Client| {
        let answer = client.get("/api/v1/me").await;
        match answer.code.as_u16() {
            200 => answer.json()["account"]["id"].clone(),
            _ => Value::from(answer.code.as_u16()),
        }
    };
    assert_eq!(who(world.nobody()).await, 401);
    assert_eq!(who(cookie(world.nobody(), &token)).await, "admin");
    assert_eq!(who(cookie(world.nobody(), "rc_wrong")).await, 401);
    assert_eq!(who(cookie(bob.clone(), &token)).await, "bob");
    assert_eq!(who(cookie(world.bearer("rc_wrong"), &token)).await, 401);
    assert_eq!(who(cookie(basic(world.nobody(), "admin", WRONG), bob.token())).await, 401);
    assert_eq!(who(cookie(basic(world.nobody(), "admin", PASSWORD), bob.token())).await, "admin");
    assert_eq!(who(cookie(world.nobody().header("apikey", "wrong"), &token)).await, 401);
    assert_eq!(who(cookie(world.nobody().header("appid", "wrong"), &token)).await, 401);
    assert_eq!(who(bob.header("apikey", "wrong")).await, "bob");
    for scheme in ["Digest x", "Bearer", "Basic", "Basic !!!", "Basic YWRtaW4=", "Negotiate abc", ""] {
        let other = world.nobody().header("authorization", scheme);
        assert_eq!(who(cookie(other, &token)).await, 401, "{scheme}");
    }
    world.stop().await;
}

#[tokio::test]
async fn a_storm_of_sign_ins_keeps_nobody_else_waiting() {
    let world = World::new().await;
    let storm = futures_util::future::join_all((0..50).map(|number| {
        let client = world.nobody();
        tokio::spawn(async move { login(&client, &format!("storm_{number}"), WRONG).await.code.as_u16() })
    }));
    let calm = async {
        for _ in 0..20 {
            let began = std::time::Instant::now();
            world.nobody().get("/health").await.status(200);
            assert!(began.elapsed() < Duration::from_secs(1), "{:?}", began.elapsed());
        }
    };
    let (codes, ()) = futures_util::future::join(storm, calm).await;
    let codes: Vec<u16> = codes.into_iter().map(Result::unwrap).collect();
    assert!(codes.iter().all(|code| [401, 429].contains(code)), "{codes:?}");
    world.stop().await;
}

#[tokio::test]
async fn a_session_notes_where_it_came_from_and_when_its_holder_signed_in() {
    let world = World::new().await;
    login(&world.nobody().header("user-agent", "a".repeat(500)), "admin", PASSWORD).await.status(201);
    let tokens = look!(world, (String, String, String), "SELECT kind, last_ip, last_user_agent FROM token");
    assert_eq!(tokens, [("sign_in".to_owned(), "127.0.0.1".to_owned(), "a".repeat(200))]);
    let seen = look!(world, (Option<i64>,), "SELECT last_sign_in_at FROM account WHERE id = 'admin'");
    assert_eq!(seen, [(Some(world.app.clock.now().millis()),)]);
    world.stop().await;
}
