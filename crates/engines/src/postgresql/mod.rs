//! PostgreSQL.

pub mod cluster;
