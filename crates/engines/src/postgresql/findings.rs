//! What a server really grants, where it differs from what was declared; and what nobody but a superuser can mend.

/// A difference between what was declared and what the server does.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Finding {
    /// What it is about.
    pub matter: Matter,
    /// The database in which it was found; `None` for the server as a whole.
    pub database: Option<String>,
    /// The user whom it concerns, if one.
    pub user: Option<String>,
    /// One sentence.
    pub text: String,
    /// Whether it was set right just now.
    pub mended: bool,
    /// What a superuser may run to set it right, where we may not.
    pub sql: Option<String>,
}

/// What a finding is about.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Matter {
    /// One of our groups was missing, renamed or given rights of its own.
    Group,
    /// The triggers that keep everybody's rights were missing, switched off or altered.
    Triggers,
    /// Rights on objects were missing or too wide.
    Rights,
    /// A user can do more or less than was declared.
    Attributes,
    /// A user's own settings were changed.
    Settings,
    /// A user's password isn't the one that was set last.
    Password,
    /// A user is a member of a role that nobody declared.
    Membership,
    /// A database could not be looked at.
    Database,
    /// The server's version or setting makes a promise impossible.
    Limit,
}

impl Finding {
    /// A finding about the server as a whole that was set right.
    pub(super) fn mended(matter: Matter, text: impl Into<String>) -> Self {
        Self { matter, database: None, user: None, text: text.into(), mended: true, sql: None }
    }

    /// A finding about the server as a whole that still stands.
    pub(super) fn open(matter: Matter, text: impl Into<String>) -> Self {
        Self { mended: false, ..Self::mended(matter, text) }
    }

    pub(super) fn in_database(mut self, database: &str) -> Self {
        self.database = Some(database.to_owned());
        self
    }

    pub(super) fn about(mut self, user: &str) -> Self {
        self.user = Some(user.to_owned());
        self
    }

    pub(super) fn with_sql(mut self, sql: impl Into<String>) -> Self {
        self.sql = Some(sql.into());
        self
    }
}
