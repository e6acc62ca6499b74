//! One conformance suite over real servers of every PostgreSQL version that is installed.
#![expect(
    clippy::disallowed_methods,
    clippy::panic,
    clippy::unwrap_used,
    reason = "what tests share may say what it expects, too"
)]

mod actions;
mod attached;
mod connect;
mod deletion;
mod harness;
mod hostile;
mod login;
mod reconcile;
mod traps;
mod world;
