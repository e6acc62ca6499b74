//! What every wing stands on.

pub mod access;
pub mod audit;
pub mod cli;
pub mod clock;
pub mod dice;
pub mod faults;
pub mod jobs;
pub mod passwords;
pub mod secret;
pub mod seen;
pub mod store;
pub mod telemetry;
pub mod throttle;
pub mod vault;
pub mod web;
