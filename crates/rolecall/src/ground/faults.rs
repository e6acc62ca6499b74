//! Points at which a test build ends itself on the spot, to try what a crash leaves behind.
//!
//! They stand between every write to our store and every act on a database. `ROLECALL_FAULT_POINT` names a file; the
//! process ends at the point whose name stands in it. Optimised builds have none of this.

use std::fmt::Arguments;

/// The variable that says in which file the point is named.
pub const VARIABLE: &str = "ROLECALL_FAULT_POINT";

/// Ends the process here, without any clearing up, if this is the point that is named.
#[cfg(debug_assertions)]
pub fn reached(point: Arguments<'_>) {
    let Some(file) = file() else { return };
    let named = std::fs::read_to_string(file).unwrap_or_default();
    if named.trim() == point.to_string() {
        eprintln!("fault point {point} reached");
        std::process::abort();
    }
}

/// Nothing, in a build that people use.
#[cfg(not(debug_assertions))]
#[inline]
pub fn reached(_: Arguments<'_>) {}

#[cfg(debug_assertions)]
fn file() -> Option<&'static std::path::PathBuf> {
    static FILE: std::sync::OnceLock<Option<std::path::PathBuf>> = std::sync::OnceLock::new();
    #[expect(clippy::disallowed_methods, reason = "no setting: only test builds know it")]
    FILE.get_or_init(|| std::env::var_os(VARIABLE).map(Into::into)).as_ref()
}
