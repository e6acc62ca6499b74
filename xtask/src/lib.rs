//! The workshop: what looks after the repository itself.

pub mod tidy;
