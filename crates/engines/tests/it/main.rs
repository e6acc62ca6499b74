//! One conformance suite over real servers of every PostgreSQL version that is installed.

mod harness;
mod login;
