//! The edge: routes, proofs from requests, problems, pages. The one place where HTTP is known.

pub mod assets;
pub mod body;
mod console_face;
pub mod cookies;
pub mod csrf;
mod layers;
mod observe;
mod openapi;
pub mod page;
pub mod problem;
pub mod proofs;
pub mod reply;
pub mod routes;
mod server;
#[cfg(test)]
mod tests;

pub use observe::{Observer, REQUEST_ID};
pub use server::{Routed, assemble, serve, stop};
