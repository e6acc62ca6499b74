//! The three groups of a managed server. Logins are members of one and hold nothing themselves, so that a thousand
//! logins cost no more than one, and nobody is left behind in a grant.

/// Reads every table, view and sequence.
pub(super) const READ_ONLY: &str = "rolecall_readonly";
/// Reads and writes everything; its members make things in its name, so that each may alter what another made.
pub(super) const READ_WRITE: &str = "rolecall_readwrite";
/// Owns what deleted users owned.
pub(super) const FORMER: &str = "rolecall_former";

/// All three.
pub(super) const ALL: [&str; 3] = [READ_ONLY, READ_WRITE, FORMER];
