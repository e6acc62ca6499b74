//! External databases.

pub mod postgresql;
