//! Services, which are real database servers, and their users, which are real logins.

pub mod fleet;
pub mod service_databases;
pub mod service_users;
pub mod services;
