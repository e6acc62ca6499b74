//! Organizations and projects: what things belong to.

pub mod projects;
