//! Points at which a test build ends itself on the spot, to try what a crash leaves behind.
//!
//! They stand between every write to our store and every act on a database. `ROLECALL_FAULT_POINT=NAME` names the one;
//! optimised builds have none of this.

use std::fmt::Arguments;

/// The variable that names the point to end at.
pub const VARIABLE: &str = "ROLECALL_FAULT_POINT";

/// Ends the process here, without any clearing up, if this is the point that was named.
#[cfg(debug_assertions)]
pub fn reached(point: Arguments<'_>) {
    if let Some(named) = named()
        && point.to_string() == *named
    {
        eprintln!("fault point {named} reached");
        std::process::abort();
    }
}

/// Nothing, in a build that people use.
#[cfg(not(debug_assertions))]
#[inline]
pub fn reached(_: Arguments<'_>) {}

#[cfg(debug_assertions)]
fn named() -> Option<&'static String> {
    static NAMED: std::sync::OnceLock<Option<String>> = std::sync::OnceLock::new();
    #[expect(clippy::disallowed_methods, reason = "no setting: only test builds know it")]
    NAMED.get_or_init(|| std::env::var(VARIABLE).ok()).as_ref()
}
