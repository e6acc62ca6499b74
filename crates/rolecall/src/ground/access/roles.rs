//! Who may do what, as one table (M1, C2). Every decision and every explanation is read from here.

use super::ActionId::{self, *};

crate::words! {
    /// A role in an organization; each may do what the ones before it may (C2).
    pub enum OrganizationRole {
        /// Nothing but Purgatory.
        Member = "member",
        /// Opens dashboards.
        Reader = "reader",
        /// Sees what the organization owns, works with what it reaches.
        Viewer = "viewer",
        /// Changes dashboards and connections.
        Editor = "editor",
        /// Manages users and projects.
        Admin = "admin",
    }
}

crate::words! {
    /// A role in a project; these do not form a ladder (M1).
    pub enum ProjectRole {
        /// Everything in the project.
        Admin = "admin",
        /// Manages, starts and stops services.
        Operator = "operator",
        /// Manages existing services, and invites.
        Developer = "developer",
        /// Sees, and never a secret.
        ReadOnly = "read_only",
    }
}

/// What suffices for an action.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Needs {
    /// Being oneself.
    Oneself,
    /// This role in the organization, or a higher one.
    Organization(OrganizationRole),
    /// One of these roles in the project; an admin of the project's organization passes as its admin.
    Project(&'static [ProjectRole]),
    /// Being a SuperAdmin.
    SuperAdmin,
    /// Nobody: only Rolecall itself does it.
    Rolecall,
}

/// Everybody in the project.
const VIEW: Needs = Needs::Project(ProjectRole::ALL);
/// "Manage existing services".
const MANAGE: Needs = Needs::Project(&[ProjectRole::Admin, ProjectRole::Operator, ProjectRole::Developer]);
/// "Start and stop services".
const RUN: Needs = Needs::Project(&[ProjectRole::Admin, ProjectRole::Operator]);
/// "Invite more users".
const INVITE: Needs = Needs::Project(&[ProjectRole::Admin, ProjectRole::Developer]);
/// "Modify billing information", and what else administers a project.
const ADMINISTER: Needs = Needs::Project(&[ProjectRole::Admin]);

const READER: Needs = Needs::Organization(OrganizationRole::Reader);
const VIEWER: Needs = Needs::Organization(OrganizationRole::Viewer);
const EDITOR: Needs = Needs::Organization(OrganizationRole::Editor);
const ADMIN: Needs = Needs::Organization(OrganizationRole::Admin);

/// The table.
#[must_use]
pub const fn needs(action: ActionId) -> Needs {
    match action {
        SeeSelf | SignIn | SignOut | SwitchOrganization | SeeTokens | RevokeTokens => Needs::Oneself,

        SeeOrganization | ListProjects => Needs::Organization(OrganizationRole::Member),
        ViewDashboards => READER,
        ViewLayouts | ViewStatus | ViewInfluxConnections | SwitchInfluxConnection | ViewKapacitorName => {
            VIEWER
        }
        ReadSeries
        | WriteSeries
        | ManageInfluxDatabases
        | ManageRetentionPolicies
        | ManageInfluxUsers
        | ManageInfluxRoles
        | ManageInfluxQueries
        | ViewAlerts
        | ManageAlertRules => VIEWER,
        CreateDashboard | EditDashboard | DeleteDashboard => EDITOR,
        CreateInfluxConnection | EditInfluxConnection | DeleteInfluxConnection => EDITOR,
        ViewKapacitorConnections
        | CreateKapacitorConnection
        | EditKapacitorConnection
        | DeleteKapacitorConnection
        | SwitchKapacitorConnection => EDITOR,
        ListOrganizationMembers
        | CreateOrganizationMember
        | ChangeOrganizationRole
        | RemoveOrganizationMember
        | CreateProject => ADMIN,

        SeeProject | ListMembers | SeeServices | SeeServiceUsers | SeeDatabases => VIEW,
        CreateDatabase | DeleteDatabase | CreateServiceUser | AdoptServiceUser | RevealPassword
        | ChangePassword | ChangeReplication | DeleteServiceUser => MANAGE,
        CreateService | AttachService | EditService | StartService | StopService | RestartService
        | DeleteService => RUN,
        ListInvitations | SendInvitation | WithdrawInvitation => INVITE,
        ChangeMember | RemoveMember | SeeBilling | EditBilling | RenameProject | DeleteProject
        | RevealSuperuser => ADMINISTER,

        CreateOrganization | EditOrganization | DeleteOrganization | SeeSettings | EditSettings
        | ChangeSuperAdmin | ReadAudit => Needs::SuperAdmin,

        ClaimInstallation | FinishWork | NoteUse | CountFailure | Prepare | ObserveService => Needs::Rolecall,
    }
}

/// Whether a commit of this action can change what anybody may do, so that cached actors must be asked anew.
/// Only what works on databases, and what merely counts, cannot.
#[must_use]
pub const fn may_change_rights(action: ActionId) -> bool {
    !matches!(
        action,
        CreateDatabase
            | DeleteDatabase
            | CreateServiceUser
            | AdoptServiceUser
            | RevealPassword
            | RevealSuperuser
            | ChangePassword
            | ChangeReplication
            | DeleteServiceUser
            | CreateService
            | AttachService
            | EditService
            | StartService
            | StopService
            | RestartService
            | DeleteService
            | NoteUse
            | CountFailure
            | FinishWork
            | ObserveService
            | SignIn
    )
}

impl ActionId {
    /// Whether a commit of this action leaves an audit record. What finishes recorded work, or counts, does not.
    #[must_use]
    pub const fn is_recorded(self) -> bool {
        !matches!(self, FinishWork | NoteUse)
    }
}

impl OrganizationRole {
    /// Whether this role may do `action` to its organization.
    #[must_use]
    pub fn may(self, action: ActionId) -> bool {
        matches!(needs(action), Needs::Organization(least) if self >= least)
    }
}

impl ProjectRole {
    /// Whether this role may do `action` to its project.
    #[must_use]
    pub fn may(self, action: ActionId) -> bool {
        matches!(needs(action), Needs::Project(roles) if roles.contains(&self))
    }

    /// How it is written for people.
    #[must_use]
    pub const fn title(self) -> &'static str {
        match self {
            Self::Admin => "Admin",
            Self::Operator => "Operator",
            Self::Developer => "Developer",
            Self::ReadOnly => "Read-only",
        }
    }
}
