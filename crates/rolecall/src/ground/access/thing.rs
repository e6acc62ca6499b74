//! The kinds of things that actions are done to, as far as decisions need to know them.

use crate::ground::clock::At;

crate::key! {
    /// An account's key; its id is what people see.
    AccountKey
}
crate::key! {
    /// A project's key; its name is what people see.
    ProjectKey
}
crate::key! {
    /// A token's key, safe to show.
    TokenKey
}

crate::words! {
    /// What kind of account it is (D1).
    pub enum AccountKind {
        /// Somebody.
        Person = "person",
        /// A program: no password, no console.
        Application = "application",
    }
}

crate::row! {
    /// An account as its holder sees it.
    #[derive(Debug, Clone, serde::Serialize, utoipa::ToSchema)]
    #[schema(as = Account)]
    pub struct AccountView {
        /// Its id (D2).
        pub id: String,
        /// Person or application.
        pub kind: AccountKind,
        /// Full name.
        pub name: String,
        /// Email, if there is one.
        pub email: Option<String>,
        /// Whether it can sign in by password.
        pub has_password: bool,
        /// Whether it is kept out.
        pub disabled: bool,
        /// When it was made.
        pub created_at: At,
        /// When it signed in last.
        pub last_sign_in_at: Option<At>,
    }
}

/// A thing that can be acted upon.
pub trait Thing: Send + Sync {
    /// The organization it belongs to.
    fn organization(&self) -> Option<&str> {
        None
    }
    /// The project it belongs to.
    fn project(&self) -> Option<ProjectKey> {
        None
    }
    /// The account it is.
    fn account(&self) -> Option<AccountKey> {
        None
    }
    /// How records and explanations name it: `project:acme-prod`.
    fn resource(&self) -> Resource;
}

/// A thing's name in records and explanations.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Resource(String);

impl Resource {
    /// `kind:name`, or `kind:outer/name`.
    pub fn new(kind: &str, name: impl std::fmt::Display) -> Self {
        Self(format!("{kind}:{name}"))
    }
}

impl std::fmt::Display for Resource {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.0)
    }
}

/// This installation of Rolecall as a whole.
#[derive(Debug, Clone, Copy)]
pub struct Installation;

impl Thing for Installation {
    fn resource(&self) -> Resource {
        Resource("installation".to_owned())
    }
}

/// An organization.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Organization {
    /// `default`, or a UUID.
    pub id: String,
    /// What people call it.
    pub name: String,
}

impl Thing for Organization {
    fn organization(&self) -> Option<&str> {
        Some(&self.id)
    }
    fn resource(&self) -> Resource {
        Resource::new("organization", &self.id)
    }
}

/// A project, with the organization it lies in.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Project {
    /// Its key.
    pub key: ProjectKey,
    /// Its name, unique in the installation.
    pub name: String,
    /// The id of its organization.
    pub organization: String,
}

impl Thing for Project {
    fn organization(&self) -> Option<&str> {
        Some(&self.organization)
    }
    fn project(&self) -> Option<ProjectKey> {
        Some(self.key)
    }
    fn resource(&self) -> Resource {
        Resource::new("project", &self.name)
    }
}

/// An account.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Account {
    /// Its key.
    pub key: AccountKey,
    /// Its id.
    pub id: String,
}

impl Thing for Account {
    fn account(&self) -> Option<AccountKey> {
        Some(self.key)
    }
    fn resource(&self) -> Resource {
        Resource::new("account", &self.id)
    }
}
