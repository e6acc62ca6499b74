//! Managed clusters, on every PostgreSQL that this machine has.
#![expect(
    clippy::disallowed_methods,
    clippy::panic,
    clippy::unwrap_used,
    reason = "what tests share may say what it expects, too"
)]

mod confined;
mod life;
mod support;
