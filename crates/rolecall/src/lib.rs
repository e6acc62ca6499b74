//! Rolecall: who may use which database, as what, since when, and why.

pub mod config;
pub mod ground;
