//! The real program, from outside: its server, its commands, real databases.
#![expect(
    clippy::indexing_slicing,
    clippy::unwrap_used,
    reason = "what tests share may say what it expects, too"
)]

mod browser;
mod canary;
mod commands;
mod crash;
mod driver;
mod program;
mod server;
mod terminal;
