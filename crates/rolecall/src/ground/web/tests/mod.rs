//! The edge, knocked at from outside.

mod addresses;
mod bodies;
mod browsers;
mod document;
mod paths;

use crate::testing::{PASSWORD, World};

/// A world whose browsers reach it over TLS, by a proxy on its own machine.
async fn behind_tls() -> World {
    World::with(&[
        ("ROLECALL_ADMIN_PASSWORD", PASSWORD),
        ("ROLECALL_BASE_URL", "https://rolecall.example.org"),
        ("ROLECALL_TRUSTED_PROXIES", "127.0.0.1,10.0.0.0/8"),
    ])
    .await
}
