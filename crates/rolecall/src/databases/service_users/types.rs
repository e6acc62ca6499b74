//! What a service user is.

use crate::databases::services::ServiceError;
use crate::ground::access::{Project, Resource};
use crate::ground::clock::At;
use crate::ground::secret::Secret;
use crate::ground::store::Error;
use crate::ground::vault::{Place, VaultError};
use engines::EngineError;
use engines::postgresql::names::{NameError, PasswordError};
use serde::Serialize;
use utoipa::ToSchema;

crate::key! {
    /// The key of what we know of a service user; also its mark on the server.
    UserKey
}

crate::words! {
    /// What is being done to a service user.
    pub enum Intent {
        /// Nothing.
        Kept = "kept",
        /// It is being made.
        Creating = "creating",
        /// Its making failed: what may have come of it is being removed.
        Undoing = "undoing",
        /// Its password or its replication is being changed.
        Changing = "changing",
        /// It is being taken over.
        Adopting = "adopting",
        /// It is being deleted.
        Deleting = "deleting",
        /// It was never ours and is being deleted.
        Removing = "removing",
    }
}

/// Why something about a service user was not done.
#[derive(Debug, thiserror::Error)]
pub enum UserError {
    /// No such user.
    #[error("no such user")]
    Unknown,
    /// A name that cannot be (S3).
    #[error(transparent)]
    Username(NameError),
    /// A password that cannot be (S3).
    #[error(transparent)]
    Password(PasswordError),
    /// Replication reads everything, password hashes too.
    #[error("read-only and replication exclude each other")]
    ReadOnlyReplication,
    /// A user of this name is there.
    #[error("the name is taken")]
    Taken,
    /// It came with the service, or is a superuser.
    #[error("it is protected")]
    Protected,
    /// It is the login that Rolecall itself uses.
    #[error("it is Rolecall's own login")]
    OwnLogin,
    /// It was made outside Rolecall.
    #[error("it is unmanaged")]
    Unmanaged,
    /// It was taken over already.
    #[error("it is managed already")]
    Managed,
    /// Another change to it is under way.
    #[error("another change to it is under way")]
    Busy,
    /// The server did what was asked, and then did not let the login in as it should.
    #[error("the server did not confirm the change: {0}")]
    Unproved(String),
    /// Something about its service.
    #[error(transparent)]
    Service(#[from] ServiceError),
    /// The server said no, or nothing.
    #[error(transparent)]
    Engine(#[from] EngineError),
    /// A sealed secret could not be opened.
    #[error(transparent)]
    Vault(#[from] VaultError),
    /// The store failed.
    #[error(transparent)]
    Store(#[from] Error),
}

/// A service user to be made.
#[derive(Debug, Clone)]
pub struct NewServiceUser {
    /// Its name (S3).
    pub username: String,
    /// Its password; a generated one where it is empty.
    pub password: Option<Secret>,
    /// Whether it may only read (S4).
    pub read_only: bool,
    /// Whether it may replicate (M7).
    pub replication: bool,
}

/// A service user, as its server tells it, with what we know beside.
#[derive(Debug, Clone, Serialize, ToSchema)]
#[schema(as = ServiceUser)]
#[expect(clippy::struct_excessive_bools, reason = "a role's attributes are just that")]
pub struct UserView {
    /// Its name.
    pub username: String,
    /// Whether it may only read.
    pub read_only: bool,
    /// Whether it may replicate.
    pub replication: bool,
    /// Whether it came with the service, so that it cannot be deleted.
    pub protected: bool,
    /// Whether nothing is forbidden to it.
    pub superuser: bool,
    /// `SCRAM-SHA-256`, `MD5`, or null: none, or not for us to see.
    pub password_encryption: Option<String>,
    /// Whether Rolecall made it or took it over.
    pub managed: bool,
    /// Until when its password is good.
    pub valid_until: Option<At>,
    /// When it was made; null where that was outside Rolecall.
    pub created_at: Option<At>,
    /// Who made it.
    pub created_by: Option<String>,
    /// When its password was set last.
    pub password_changed_at: Option<At>,
}

/// A user, with its password if that was generated just now.
#[derive(Debug)]
pub struct WithPassword {
    /// The user.
    pub user: UserView,
    /// Its new password, where nobody typed it.
    pub password: Option<Secret>,
}

/// What a reveal tells.
#[derive(Debug)]
pub struct Revealed {
    /// The password; `None` where the server holds another one than ours.
    pub password: Option<Secret>,
    /// Why there is none.
    pub hint: Option<&'static str>,
}

impl Revealed {
    pub(super) fn unknown(hint: &'static str) -> Self {
        Self { password: None, hint: Some(hint) }
    }
}

/// What deleting a user touches.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct DeletionView {
    /// How many objects get another owner, `rolecall_former`; nothing of them is lost.
    pub objects: i64,
    /// The first of them: `kind name in database`.
    pub first_objects: Vec<String>,
    /// Databases that it owns as a whole.
    pub databases: Vec<String>,
    /// Open sessions, which end.
    pub sessions: i64,
    /// Memberships that it gave others, which end with it.
    pub memberships: Vec<String>,
    /// Logins to foreign servers, which are lost.
    pub foreign_logins: Vec<String>,
    /// Routines that run as it, and will run as `rolecall_former`.
    pub definer_routines: Vec<String>,
    /// Prepared transactions that have to be ended before.
    pub prepared_transactions: Vec<String>,
    /// Databases that could not be looked into.
    pub unseen: Vec<String>,
}

/// Where a service user's password is sealed.
#[must_use]
pub fn password_place(key: UserKey) -> Place {
    Place::new("service_user", "password", key)
}

/// Where the password is sealed that the server is about to hear of.
#[must_use]
pub fn next_password_place(key: UserKey) -> Place {
    Place::new("service_user", "next_password", key)
}

/// How records name a service user.
#[must_use]
pub fn resource(project: &Project, service: &str, username: &str) -> Resource {
    Resource::new("service_user", format!("{}/{service}/{username}", project.name))
}
