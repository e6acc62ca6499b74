//! Where a request comes from, and what crosses the network in clear.

use super::behind_tls;
use crate::look;
use crate::testing::{Client, PASSWORD, World};
use serde_json::json;

async fn login(client: &Client) -> crate::testing::Answer {
    client.post("/api/v1/login", &json!({ "account": "admin", "password": PASSWORD })).await
}

/// From where the last sign-in was seen to come.
async fn seen_from(world: &World, client: Client) -> String {
    login(&client).await.status(201);
    look!(world, (String,), "SELECT last_ip FROM token ORDER BY key DESC LIMIT 1").remove(0).0
}

#[tokio::test]
async fn no_password_or_token_crosses_the_network_in_clear() {
    let world = World::new().await;
    let token = world.admin().await.token().to_owned();
    for address in ["192.0.2.7", "::ffff:192.0.2.7", "2001:db8::1"] {
        let far = world.nobody().from(address);
        let answer = login(&far).await.status(403);
        assert_eq!(answer.problem(), "insecure_transport");
        for setting in
            ["ROLECALL_TLS_CERT", "ROLECALL_TLS_KEY", "ROLECALL_BASE_URL", "ROLECALL_TRUSTED_PROXIES"]
        {
            assert!(answer.text("detail").contains(setting), "{}", answer.body);
        }
        let page = far.form("/sign-in", &format!("account=admin&password={PASSWORD}")).await.status(403);
        assert!(page.body.contains("ROLECALL_TLS_CERT") && page.header("set-cookie").is_empty());
        world.bearer(&token).from(address).get("/api/v1/me").await.status(403);
    }
    for address in ["127.0.0.1", "127.9.9.9", "::1", "::ffff:127.0.0.1"] {
        login(&world.nobody().from(address)).await.status(201);
    }
    world.stop().await;
}

#[tokio::test]
async fn behind_a_proxy_with_tls_only_the_proxy_is_let_in() {
    let world = behind_tls().await;
    for proxy in ["127.0.0.1", "10.1.2.3"] {
        login(&world.nobody().from(proxy).header("x-forwarded-for", "192.0.2.7")).await.status(201);
    }
    // Past the proxy, in clear.
    let past = world.nobody().from("192.0.2.7").header("x-forwarded-for", "127.0.0.1");
    assert_eq!(login(&past).await.status(403).problem(), "insecure_transport");
    world.stop().await;
}

#[tokio::test]
async fn an_address_is_believed_from_our_own_proxies_only() {
    let world = behind_tls().await;
    let from = |peer: &str, lines: &[&str]| {
        let client = world.nobody().from(peer);
        lines.iter().fold(client, |client, line| client.header("x-forwarded-for", *line))
    };
    for (lines, expected) in [
        (vec![], "10.0.0.1"),
        (vec!["192.0.2.7"], "192.0.2.7"),
        (vec!["6.6.6.6, 192.0.2.7"], "192.0.2.7"),
        (vec!["6.6.6.6, 192.0.2.7, 10.0.0.2"], "192.0.2.7"),
        (vec!["6.6.6.6", "192.0.2.7"], "192.0.2.7"),
        (vec!["6.6.6.6, unknown"], "10.0.0.1"),
        (vec!["6.6.6.6, unknown, 192.0.2.7"], "192.0.2.7"),
        (vec!["6.6.6.6, 192.0.2.7, not an address"], "10.0.0.1"),
        (vec!["::ffff:192.0.2.7"], "192.0.2.7"),
        (vec![""], "10.0.0.1"),
        (vec!["10.0.0.3, 10.0.0.2"], "10.0.0.3"),
    ] {
        assert_eq!(seen_from(&world, from("10.0.0.1", &lines)).await, expected, "{lines:?}");
    }
    world.stop().await;
    let alone = World::new().await;
    let client = alone.nobody().header("x-forwarded-for", "192.0.2.7");
    assert_eq!(seen_from(&alone, client).await, "127.0.0.1");
    alone.stop().await;
}

#[tokio::test]
async fn figures_are_for_this_machine_or_whoever_has_the_token() {
    let world = World::with(&[
        ("ROLECALL_ADMIN_PASSWORD", PASSWORD),
        ("ROLECALL_METRICS_TOKEN", "a-long-token-for-figures-0123456789"),
    ])
    .await;
    world.nobody().get("/metrics").await.status(200);
    let far = world.nobody().from("192.0.2.7");
    far.get("/metrics").await.status(403);
    far.clone().header("authorization", "Bearer wrong").get("/metrics").await.status(403);
    far.header("authorization", "Bearer a-long-token-for-figures-0123456789")
        .get("/metrics")
        .await
        .status(200);
    world.stop().await;
}
