//! The engines, and what each can do.

/// An engine that this crate speaks to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Kind {
    /// `PostgreSQL` 15 and newer.
    PostgreSql,
}

/// What an engine can do. A `None` hides the button, refuses in the API and fills the manual's table: one value for
/// all three, so that nothing is ever a silent no-op.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Abilities {
    /// How a login that may only read is named in its forms (S4).
    pub read_only_users: Option<&'static str>,
    /// What replication reads, as its form says (M7).
    pub replication: Option<&'static str>,
    /// What is stored of a password, best first (S1).
    pub password_encryptions: &'static [&'static str],
    /// Whether one server holds several databases (M13).
    pub many_databases: bool,
}

impl Kind {
    /// What this engine can do.
    #[must_use]
    pub fn abilities(self) -> Abilities {
        match self {
            Self::PostgreSql => Abilities {
                read_only_users: Some("reads every table, view and sequence, and changes nothing"),
                replication: Some(
                    "reads everything on the server, the stored passwords of all users included",
                ),
                password_encryptions: &["SCRAM-SHA-256", "MD5"],
                many_databases: true,
            },
        }
    }
}
