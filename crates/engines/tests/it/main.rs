//! One conformance suite over real servers of every PostgreSQL version that is installed.

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
