//! One conformance suite over real servers of every PostgreSQL version that is installed.

mod actions;
mod attached;
mod deletion;
mod harness;
mod hostile;
mod login;
mod reconcile;
mod traps;
mod world;
