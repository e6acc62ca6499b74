//! Who did what: the audit log's own face.

pub mod audit;
