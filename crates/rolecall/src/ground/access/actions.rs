//! The whole vocabulary of what can be done, one line each. The same names are the audit's, the token
//! scopes', the explanations' and the manual's.

use super::{Account, Installation, Organization, Project};

/// Something that can be done to a kind of thing.
pub trait Action: Send + Sync + 'static {
    /// What it is done to.
    type On: super::Thing;
    /// Its one name.
    const ID: ActionId;
}

macro_rules! actions {
    ($(#[doc = $doc:literal] $name:ident on $thing:ident = $text:literal;)*) => {
        /// Names an action where its type is not at hand: in tables, records and explanations.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub enum ActionId { $(#[doc = $doc] $name),* }

        impl ActionId {
            /// All of them, in the order of this file.
            pub const ALL: &'static [Self] = &[$(Self::$name),*];

            /// The name that everybody reads: `service.start`.
            #[must_use]
            pub const fn name(self) -> &'static str { match self { $(Self::$name => $text),* } }

            /// What it does, in one sentence.
            #[must_use]
            pub const fn sentence(self) -> &'static str { match self { $(Self::$name => $doc),* } }

            /// The kind of thing it is done to.
            #[must_use]
            pub const fn on(self) -> &'static str { match self { $(Self::$name => stringify!($thing)),* } }

            /// The action of this name.
            #[must_use]
            pub fn named(name: &str) -> Option<Self> { match name { $($text => Some(Self::$name),)* _ => None } }
        }

        $(#[doc = $doc] #[derive(Debug, Clone, Copy)] pub struct $name;
        impl Action for $name { type On = $thing; const ID: ActionId = ActionId::$name; })*
    };
}

actions! {
    // Oneself and the door.
    /// Takes the installation into possession at its first start.
    ClaimInstallation on Installation = "installation.claim";
    /// Signs in.
    SignIn on Account = "account.sign_in";
    /// Signs out, which revokes the token.
    SignOut on Account = "account.sign_out";
    /// Reads one's own account and what it may use.
    SeeSelf on Account = "self.show";
    /// Changes which organization is the current one.
    SwitchOrganization on Account = "organization.switch";
    /// Lists one's own tokens.
    SeeTokens on Account = "token.list";
    /// Revokes one's own tokens.
    RevokeTokens on Account = "token.revoke";

    // Organizations.
    /// Sees an organization and who may be asked.
    SeeOrganization on Organization = "organization.show";
    /// Makes an organization.
    CreateOrganization on Installation = "organization.create";
    /// Renames an organization, or changes its default role.
    EditOrganization on Organization = "organization.edit";
    /// Deletes an organization with everything in it.
    DeleteOrganization on Organization = "organization.delete";
    /// Lists the users of an organization.
    ListOrganizationMembers on Organization = "organization_member.list";
    /// Adds a user to an organization.
    CreateOrganizationMember on Organization = "organization_member.create";
    /// Changes a user's role in an organization.
    ChangeOrganizationRole on Organization = "organization_member.change";
    /// Removes a user from an organization.
    RemoveOrganizationMember on Organization = "organization_member.remove";
    /// Makes a project in an organization.
    CreateProject on Organization = "project.create";
    /// Lists the projects of an organization that one may see.
    ListProjects on Organization = "project.list";

    // What an organization owns (C2).
    /// Opens dashboards.
    ViewDashboards on Organization = "dashboard.show";
    /// Makes a dashboard.
    CreateDashboard on Organization = "dashboard.create";
    /// Changes a dashboard.
    EditDashboard on Organization = "dashboard.edit";
    /// Deletes a dashboard.
    DeleteDashboard on Organization = "dashboard.delete";
    /// Sees canned layouts.
    ViewLayouts on Organization = "layout.show";
    /// Sees the status page, its news and its getting started.
    ViewStatus on Organization = "status.show";
    /// Sees InfluxDB connections.
    ViewInfluxConnections on Organization = "influx_connection.show";
    /// Makes an InfluxDB connection.
    CreateInfluxConnection on Organization = "influx_connection.create";
    /// Changes an InfluxDB connection.
    EditInfluxConnection on Organization = "influx_connection.edit";
    /// Deletes an InfluxDB connection.
    DeleteInfluxConnection on Organization = "influx_connection.delete";
    /// Makes another InfluxDB connection one's current one.
    SwitchInfluxConnection on Organization = "influx_connection.switch";
    /// Sees the name of the current Kapacitor connection.
    ViewKapacitorName on Organization = "kapacitor_connection.name";
    /// Sees Kapacitor connections.
    ViewKapacitorConnections on Organization = "kapacitor_connection.show";
    /// Makes a Kapacitor connection.
    CreateKapacitorConnection on Organization = "kapacitor_connection.create";
    /// Changes a Kapacitor connection.
    EditKapacitorConnection on Organization = "kapacitor_connection.edit";
    /// Deletes a Kapacitor connection.
    DeleteKapacitorConnection on Organization = "kapacitor_connection.delete";
    /// Makes another Kapacitor connection one's current one.
    SwitchKapacitorConnection on Organization = "kapacitor_connection.switch";

    // What an organization reaches through its connections (C2), bounded by the connection's login.
    /// Reads time series.
    ReadSeries on Organization = "influx.read";
    /// Writes time series.
    WriteSeries on Organization = "influx.write";
    /// Makes, changes and deletes InfluxDB databases.
    ManageInfluxDatabases on Organization = "influx.databases";
    /// Makes, changes and deletes retention policies.
    ManageRetentionPolicies on Organization = "influx.retention_policies";
    /// Makes, changes and deletes InfluxDB users.
    ManageInfluxUsers on Organization = "influx.users";
    /// Makes, changes and deletes InfluxDB Enterprise roles.
    ManageInfluxRoles on Organization = "influx.roles";
    /// Sees and kills running queries.
    ManageInfluxQueries on Organization = "influx.queries";
    /// Sees Kapacitor alerts.
    ViewAlerts on Organization = "kapacitor.alerts";
    /// Makes, changes and deletes alert rules.
    ManageAlertRules on Organization = "kapacitor.rules";

    // Projects (M1): what everybody in one may see.
    /// Sees a project.
    SeeProject on Project = "project.show";
    /// Lists the members of a project.
    ListMembers on Project = "member.list";
    /// Sees services: their state, address and version.
    SeeServices on Project = "service.show";
    /// Lists service users, never their passwords.
    SeeServiceUsers on Project = "service_user.list";
    /// Lists the databases of a service.
    SeeDatabases on Project = "database.list";

    // Projects (M1): manage existing services.
    /// Makes a database on a service.
    CreateDatabase on Project = "database.create";
    /// Deletes a database of a service.
    DeleteDatabase on Project = "database.delete";
    /// Makes a service user.
    CreateServiceUser on Project = "service_user.create";
    /// Takes over a login that was made outside Rolecall.
    AdoptServiceUser on Project = "service_user.adopt";
    /// Reads a service user's password.
    RevealPassword on Project = "service_user.reveal";
    /// Sets or generates a service user's password.
    ChangePassword on Project = "service_user.password";
    /// Allows or ends replication for a service user.
    ChangeReplication on Project = "service_user.replication";
    /// Deletes a service user.
    DeleteServiceUser on Project = "service_user.delete";

    // Projects (M1): start and stop services, and with it make and remove them.
    /// Makes a managed service.
    CreateService on Project = "service.create";
    /// Attaches a database server that is there already.
    AttachService on Project = "service.attach";
    /// Renames a service, or changes how an attached one is reached.
    EditService on Project = "service.edit";
    /// Starts a service.
    StartService on Project = "service.start";
    /// Stops a service.
    StopService on Project = "service.stop";
    /// Restarts a service.
    RestartService on Project = "service.restart";
    /// Deletes a service with everything in it.
    DeleteService on Project = "service.delete";

    // Projects (M1): invite.
    /// Lists pending invitations.
    ListInvitations on Project = "invitation.list";
    /// Sends an invitation, or sends it again.
    SendInvitation on Project = "invitation.send";
    /// Withdraws an invitation.
    WithdrawInvitation on Project = "invitation.withdraw";

    // Projects (M1): administration.
    /// Changes a member's role.
    ChangeMember on Project = "member.change";
    /// Removes a member.
    RemoveMember on Project = "member.remove";
    /// Sees billing information.
    SeeBilling on Project = "billing.show";
    /// Changes billing information.
    EditBilling on Project = "billing.edit";
    /// Renames a project.
    RenameProject on Project = "project.rename";
    /// Deletes a project.
    DeleteProject on Project = "project.delete";
    /// Reads or changes the password of a superuser (`postgres`).
    RevealSuperuser on Project = "service_user.reveal_superuser";

    // Everything: SuperAdmins only (C3).
    /// Reads the installation's settings.
    SeeSettings on Installation = "settings.show";
    /// Changes the installation's settings.
    EditSettings on Installation = "settings.edit";
    /// Gives or takes the SuperAdmin flag.
    ChangeSuperAdmin on Account = "account.superadmin";
    /// Reads the audit log.
    ReadAudit on Installation = "audit.show";

    // Rolecall's own work.
    /// Finishes what a request or a crash left open.
    FinishWork on Installation = "job.run";
    /// Writes down when tokens were last used.
    NoteUse on Installation = "token.note_use";
    /// Counts a failed sign-in.
    CountFailure on Account = "account.sign_in_failed";
    /// Prepares the installation at its start.
    Prepare on Installation = "installation.prepare";
    /// Notes what a service was seen to be.
    ObserveService on Project = "service.observe";
}
