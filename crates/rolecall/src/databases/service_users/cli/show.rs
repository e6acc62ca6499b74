//! Service users as people see them, and the sentences about them.

use crate::ground::cli::{Facts, Table, Text, Tone};
use crate::ground::secret::Secret;
use serde::Deserialize;

/// A user, as far as we show it.
#[derive(Debug, Deserialize)]
#[expect(clippy::struct_excessive_bools, reason = "a role's attributes are just that")]
pub(super) struct User {
    pub(super) username: String,
    read_only: bool,
    replication: bool,
    protected: bool,
    #[serde(default)]
    superuser: bool,
    password_encryption: Option<String>,
    managed: bool,
    valid_until: Option<String>,
    created_at: Option<String>,
    created_by: Option<String>,
    password_changed_at: Option<String>,
}

/// A user that was made or changed; with its password if that was generated.
#[derive(Deserialize)]
pub(super) struct WithPassword {
    pub(super) username: String,
    pub(super) password: Option<Secret>,
}

/// What a reveal tells.
#[derive(Deserialize)]
pub(super) struct Revealed {
    pub(super) password: Option<Secret>,
    pub(super) hint: Option<String>,
}

/// What deleting a user touches.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct Touched {
    objects: u64,
    first_objects: Vec<String>,
    databases: Vec<String>,
    sessions: u64,
    memberships: Vec<String>,
    foreign_logins: Vec<String>,
    definer_routines: Vec<String>,
    prepared_transactions: Vec<String>,
    unseen: Vec<String>,
}

pub(super) fn table(users: Vec<User>) -> Table {
    let header = &["USERNAME", "READ-ONLY", "REPLICATION", "PROTECTED", "MANAGED", "PASSWORD ENCRYPTION"];
    let row = |one: User| {
        let encryption = encryption(&one);
        vec![
            one.username.into(),
            one.read_only.into(),
            one.replication.into(),
            one.protected.into(),
            one.managed.into(),
            encryption,
        ]
    };
    Table::new(header, users.into_iter().map(row).collect())
}

/// MD5 is old and weak.
fn encryption(user: &User) -> Text {
    match user.password_encryption.as_deref() {
        Some("MD5") => Text::new("MD5", Tone::Bad),
        other => other.into(),
    }
}

/// Scalingo's table.
pub(super) fn scalingo(users: Vec<User>) -> Table {
    let row = |one: User| {
        let encryption = one.password_encryption.unwrap_or_default();
        vec![
            one.username.into(),
            one.read_only.to_string().into(),
            one.protected.to_string().into(),
            encryption.into(),
        ]
    };
    Table::boxed(
        &["USERNAME", "READ-ONLY", "PROTECTED", "PASSWORD ENCRYPTION"],
        users.into_iter().map(row).collect(),
    )
}

pub(super) fn facts(user: User) -> Facts {
    let encryption = encryption(&user);
    let instant = |text: Option<String>| text.map(|text| Text::instant(&text));
    Facts::default()
        .with("Username", user.username)
        .with("Read-only", user.read_only)
        .with("Replication", user.replication)
        .with("Protected", user.protected)
        .with_some("Superuser", user.superuser.then_some(true))
        .with("Managed", user.managed)
        .with("Password encryption", encryption)
        .with_some("Password valid until", instant(user.valid_until))
        .with_some("Password changed", instant(user.password_changed_at))
        .with_some("Created", instant(user.created_at))
        .with_some("Created by", user.created_by)
}

pub(super) fn created(user: &WithPassword) -> String {
    match &user.password {
        Some(password) => {
            format!("User \"{}\" created with password \"{}\".", user.username, password.expose())
        }
        None => format!("User \"{}\" created.", user.username),
    }
}

pub(super) fn updated(user: &WithPassword) -> String {
    match &user.password {
        Some(password) => {
            format!("User \"{}\" updated with password \"{}\".", user.username, password.expose())
        }
        None => format!("User \"{}\" password updated.", user.username),
    }
}

pub(super) fn deleted(username: &str) -> String {
    format!("User \"{username}\" deleted.")
}

pub(super) fn replication(user: &User) -> String {
    let may = if user.replication { "may replicate" } else { "may no longer replicate" };
    format!("User \"{}\" {may}.", user.username)
}

/// What deleting a user touches, a sentence each; what does not apply is left out.
pub(super) fn touched(username: &str, touched: Touched) -> Vec<String> {
    let count = |number: u64, what: &str| (number > 0).then(|| format!("{number} {what}"));
    let named = |names: Vec<String>, what: &str| {
        (!names.is_empty()).then(|| format!("{what}: {}.", names.join(", ")))
    };
    let objects =
        count(touched.objects, "objects that it owns go to \"rolecall_former\"; nothing in them is lost");
    let more = if touched.objects > touched.first_objects.len() as u64 { ", …" } else { "" };
    let objects = objects.map(|text| format!("{text}: {}{more}.", touched.first_objects.join(", ")));
    let sessions = count(touched.sessions, "open sessions end.");
    let lines = [
        objects,
        named(touched.databases, "Databases that go to \"rolecall_former\""),
        sessions,
        named(touched.memberships, "Memberships that it gave, which end"),
        named(touched.foreign_logins, "Logins to foreign servers, which are lost"),
        named(touched.definer_routines, "Routines that run as it, and will run as \"rolecall_former\""),
        named(touched.prepared_transactions, "Prepared transactions that have to be ended before"),
        named(touched.unseen, "Databases that could not be looked into"),
    ];
    let lines: Vec<_> = lines.into_iter().flatten().collect();
    if lines.is_empty() {
        vec![format!("User \"{username}\" owns nothing and has no open sessions.")]
    } else {
        lines
    }
}
