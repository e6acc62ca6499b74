//! People and programs: who they are and how they prove it.

pub mod me;
pub mod setup;
pub mod sign_in;
