//! Rolecall: who may use which database, as what, since when, and why.
//!
//! The table of contents. A wing imports only what stands above it.

pub mod app;
pub mod config;
pub mod ground;

pub mod people;

pub mod tenancy;

pub mod databases;

pub mod oversight;

pub mod demo;

pub mod serve;

pub mod cli;

#[cfg(test)]
mod refusals;

#[cfg(test)]
pub mod testing;
