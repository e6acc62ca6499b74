//! Who is calling, and in what standing. Only `access` makes an actor.

use super::{
    AccountKey, AccountView, Action, Allowed, Decision, Organization, OrganizationRole, Own, Project,
    ProjectKey, ProjectRole, Refusal, Thing, TokenKey,
};
use crate::ground::clock::At;
use std::net::IpAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};

/// What an account is and may, as last read from the store.
#[derive(Debug)]
pub struct Standing {
    /// The account's key.
    pub key: AccountKey,
    /// The account.
    pub account: AccountView,
    /// The flag (C3).
    pub superadmin: bool,
    /// Its role in each organization.
    pub organizations: Vec<(Organization, OrganizationRole)>,
    /// Its explicit role in each project.
    pub projects: Vec<(Project, ProjectRole)>,
}

impl Standing {
    /// The role held in an organization.
    #[must_use]
    pub fn role_in(&self, organization: &str) -> Option<OrganizationRole> {
        self.organizations.iter().find(|(one, _)| one.id == organization).map(|(_, role)| *role)
    }

    /// The explicit role held in a project.
    #[must_use]
    pub fn role_on(&self, project: ProjectKey) -> Option<ProjectRole> {
        self.projects.iter().find(|(one, _)| one.key == project).map(|(_, role)| *role)
    }
}

/// How the caller signed in.
#[derive(Debug)]
pub enum Credential {
    /// By a token, in a header or in the console's cookie.
    Token(TokenUse),
    /// By account and password with this one request (Basic).
    Password,
}

/// The token in use.
#[derive(Debug)]
pub struct TokenUse {
    /// Its key.
    pub key: TokenKey,
    /// Its SHA-256.
    pub hash: [u8; 32],
    /// When it ends unless it is used; milliseconds, `i64::MAX` for never. Use puts it off.
    pub expires_at: AtomicI64,
    /// By how much a use puts the end off.
    pub extend_by: Option<i64>,
}

impl TokenUse {
    /// Whether the token is still good; a use puts its end off.
    pub fn touch(&self, now: At) -> bool {
        if now.millis() >= self.expires_at.load(Ordering::Relaxed) {
            return false;
        }
        if let Some(by) = self.extend_by {
            self.expires_at.store(now.millis() + by, Ordering::Relaxed);
        }
        true
    }
}

/// A signed-in caller of one request.
#[derive(Debug, Clone)]
pub struct Actor {
    pub(super) standing: Arc<Standing>,
    pub(super) credential: Arc<Credential>,
    pub(super) organization: String,
    pub(super) address: IpAddr,
}

impl Actor {
    /// Who it is, and in what standing.
    #[must_use]
    pub fn standing(&self) -> &Standing {
        &self.standing
    }

    /// How it signed in.
    #[must_use]
    pub fn credential(&self) -> &Credential {
        &self.credential
    }

    /// The id of the current organization: the request's, else the token's, else the Default one.
    #[must_use]
    pub fn organization(&self) -> &str {
        &self.organization
    }

    /// Where the request came from.
    #[must_use]
    pub fn address(&self) -> IpAddr {
        self.address
    }

    /// The proof that this actor may do `A` to `thing`.
    ///
    /// # Errors
    /// A [`Refusal`] that says what is missing.
    pub fn allow<A: Action>(&self, thing: A::On) -> Result<Allowed<A>, Refusal> {
        let decision = self.decide(A::ID, &thing);
        match decision {
            Decision::Granted(rule) => Ok(Allowed::new(self.clone(), thing, rule)),
            Decision::Refused(refusal) => Err(refusal),
        }
    }

    /// What would be decided; the explanation is the decision printed.
    #[must_use]
    pub fn decide(&self, action: super::ActionId, thing: &dyn Thing) -> Decision {
        super::decide::decide(&self.standing, action, thing)
    }

    /// Whether the actor may; for showing and hiding, never in place of a proof.
    #[must_use]
    pub fn may<A: Action>(&self, thing: &A::On) -> bool {
        matches!(self.decide(A::ID, thing), Decision::Granted(_))
    }

    /// The proof of being oneself.
    #[must_use]
    pub fn own<A: Action<On = super::Account>>(&self) -> Own<A> {
        Own::new(self.clone())
    }
}
