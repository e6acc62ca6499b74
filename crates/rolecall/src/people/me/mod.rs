//! Oneself: one's account, organizations and projects.

pub mod api;

use crate::ground::access::{AccountView, Actor, Organization, OrganizationRole, Own, ProjectRole, SeeSelf};
use serde::Serialize;
use utoipa::ToSchema;

/// Who is calling, and what they may use.
#[derive(Debug, Serialize, ToSchema)]
pub struct Me {
    /// The account.
    account: AccountView,
    /// The current organization; `null` without a role there.
    organization: Option<OrganizationMembership>,
    /// Every organization with a role.
    organizations: Vec<OrganizationMembership>,
    /// Every project with an explicit role.
    projects: Vec<ProjectMembership>,
    /// Whether the account is a SuperAdmin.
    superadmin: bool,
    /// Whether the current organization has nothing for this account (C8).
    purgatory: bool,
}

/// A role in an organization.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct OrganizationMembership {
    /// The organization's id.
    id: String,
    /// Its name.
    name: String,
    /// The role there.
    role: OrganizationRole,
}

/// A role in a project.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct ProjectMembership {
    /// The project's name.
    name: String,
    /// The role there.
    role: ProjectRole,
}

impl From<&(Organization, OrganizationRole)> for OrganizationMembership {
    fn from((organization, role): &(Organization, OrganizationRole)) -> Self {
        Self { id: organization.id.clone(), name: organization.name.clone(), role: *role }
    }
}

/// Tells who is calling; read from the cached standing alone.
#[must_use]
pub fn me(own: &Own<SeeSelf>) -> Me {
    let actor = own.actor();
    let standing = actor.standing();
    let organizations: Vec<_> = standing.organizations.iter().map(OrganizationMembership::from).collect();
    let projects = standing.projects.iter();
    Me {
        account: standing.account.clone(),
        organization: organizations.iter().find(|one| one.id == actor.organization()).cloned(),
        projects: projects
            .map(|(project, role)| ProjectMembership { name: project.name.clone(), role: *role })
            .collect(),
        superadmin: standing.superadmin,
        purgatory: is_in_purgatory(actor),
        organizations,
    }
}

/// The current organization gives member or nothing, and no project in it has the account (C8).
#[must_use]
pub fn is_in_purgatory(actor: &Actor) -> bool {
    let standing = actor.standing();
    let has_role = standing.role_in(actor.organization()).is_some_and(|role| role > OrganizationRole::Member);
    let has_project =
        standing.projects.iter().any(|(project, _)| project.organization == actor.organization());
    !standing.superadmin && !has_role && !has_project
}
