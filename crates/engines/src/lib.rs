//! External databases: what they are, who may sign in to them, and what they really grant.
//!
//! This crate knows nothing of accounts, organizations or roles. It takes an address and a login of an
//! administrator, and tells and changes what the database itself says: its users, their rights, its databases.
//! Reading order: [`Address`] and [`Secret`] (how to get in), [`EngineError`] (what may go wrong), [`Kind`] (what an
//! engine can do), then one folder per engine.

mod address;
mod error;
mod kind;
pub mod postgresql;
mod secret;

pub use address::{Address, Tls};
pub use error::{EngineError, Result};
pub use kind::{Abilities, Kind};
pub use secret::Secret;
