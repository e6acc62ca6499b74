use super::ActionId::*;
use super::roles::{Needs, needs};
use super::{
    Account, AccountKey, AccountKind, AccountView, ActionId, Decision, Installation, Organization,
    OrganizationRole, Project, ProjectKey, ProjectRole, Refusal, Rule, Standing, Thing, decide, roles, table,
};
use crate::ground::clock::At;
use crate::testing::must_be_committed;
use proptest::prelude::*;
use uuid::Uuid;

fn organization(id: &str) -> Organization {
    Organization { id: id.to_owned(), name: id.to_owned() }
}

fn project(number: u128, organization: &str) -> Project {
    Project {
        key: ProjectKey(Uuid::from_u128(number)),
        name: format!("p{number}"),
        organization: organization.to_owned(),
    }
}

fn standing(
    superadmin: bool,
    organizations: &[(&str, OrganizationRole)],
    projects: &[(&Project, ProjectRole)],
) -> Standing {
    Standing {
        key: AccountKey(Uuid::from_u128(1)),
        account: AccountView {
            id: "ada".to_owned(),
            kind: AccountKind::Person,
            name: String::new(),
            email: None,
            has_password: true,
            disabled: false,
            created_at: At::from_millis(0),
            last_sign_in_at: None,
        },
        superadmin,
        organizations: organizations.iter().map(|(id, role)| (organization(id), *role)).collect(),
        projects: projects.iter().map(|(project, role)| ((*project).clone(), *role)).collect(),
    }
}

/// The thing of `acme` that an action is done to.
fn thing(action: ActionId) -> Box<dyn Thing> {
    match action.on() {
        "Organization" => Box::new(organization("acme")),
        "Project" => Box::new(project(1, "acme")),
        "Account" => Box::new(Account { key: AccountKey(Uuid::from_u128(2)), id: "bob".to_owned() }),
        _ => Box::new(Installation),
    }
}

fn may(standing: &Standing, action: ActionId) -> bool {
    matches!(decide::decide(standing, action, &*thing(action)), Decision::Granted(_))
}

#[test]
fn the_access_table_is_the_one_in_the_manual() {
    must_be_committed("docs/manual/access-table.md", &table::markdown());
}

#[test]
fn project_roles_hold_the_five_permissions_of_the_seeds() {
    // M1, as the seeds draw it: invite, billing, manage services, start and stop, view.
    for (role, permissions) in [
        (ProjectRole::Admin, [true, true, true, true, true]),
        (ProjectRole::Operator, [false, false, true, true, true]),
        (ProjectRole::Developer, [true, false, true, false, true]),
        (ProjectRole::ReadOnly, [false, false, false, false, true]),
    ] {
        let actions = [SendInvitation, EditBilling, CreateServiceUser, StartService, SeeServices];
        assert_eq!(actions.map(|action| role.may(action)), permissions, "{role}");
    }
}

#[test]
fn what_the_seeds_leave_open_is_decided_as_the_mission_says() {
    let holders = |action: ActionId| {
        ProjectRole::ALL.iter().filter(|role| role.may(action)).map(|role| role.word()).collect::<Vec<_>>()
    };
    for action in [ChangeMember, RemoveMember, EditBilling, RenameProject, DeleteProject, RevealSuperuser] {
        assert_eq!(holders(action), ["admin"], "{action:?}");
    }
    for action in [CreateService, AttachService, DeleteService, RestartService] {
        assert_eq!(holders(action), ["admin", "operator"], "{action:?}");
    }
    for action in [RevealPassword, ChangePassword, CreateDatabase, DeleteDatabase, DeleteServiceUser] {
        assert_eq!(holders(action), ["admin", "operator", "developer"], "{action:?}");
    }
    for action in [SendInvitation, WithdrawInvitation] {
        assert_eq!(holders(action), ["admin", "developer"], "{action:?}");
    }
    assert_eq!(needs(CreateProject), Needs::Organization(OrganizationRole::Admin));
}

/// C2: what each role may do that the one below it may not.
const GAINS: [(OrganizationRole, &[ActionId]); 5] = [
    (OrganizationRole::Member, &[SeeOrganization, ListProjects]),
    (OrganizationRole::Reader, &[ViewDashboards]),
    (
        OrganizationRole::Viewer,
        &[
            ViewLayouts,
            ViewStatus,
            ViewInfluxConnections,
            SwitchInfluxConnection,
            ViewKapacitorName,
            ReadSeries,
            WriteSeries,
            ManageInfluxDatabases,
            ManageRetentionPolicies,
            ManageInfluxUsers,
            ManageInfluxRoles,
            ManageInfluxQueries,
            ViewAlerts,
            ManageAlertRules,
        ],
    ),
    (
        OrganizationRole::Editor,
        &[
            CreateDashboard,
            EditDashboard,
            DeleteDashboard,
            CreateInfluxConnection,
            EditInfluxConnection,
            DeleteInfluxConnection,
            ViewKapacitorConnections,
            CreateKapacitorConnection,
            EditKapacitorConnection,
            DeleteKapacitorConnection,
            SwitchKapacitorConnection,
        ],
    ),
    (
        OrganizationRole::Admin,
        &[
            CreateProject,
            ListOrganizationMembers,
            CreateOrganizationMember,
            ChangeOrganizationRole,
            RemoveOrganizationMember,
        ],
    ),
];

#[test]
fn organization_roles_do_what_the_seed_says_of_each() {
    let mut expected: Vec<ActionId> = Vec::new();
    for (role, gained) in GAINS {
        expected.extend(gained);
        expected.sort();
        // Declared in no order of rank.
        let mut found: Vec<_> = ActionId::ALL.iter().copied().filter(|action| role.may(*action)).collect();
        found.sort();
        assert_eq!(found, expected, "{role}");
    }
}

#[test]
fn every_name_is_its_own_and_leads_back() {
    let mut names: Vec<_> = ActionId::ALL.iter().map(|action| action.name()).collect();
    assert!(ActionId::ALL.iter().all(|action| ActionId::named(action.name()) == Some(*action)));
    names.sort_unstable();
    names.dedup();
    assert_eq!(names.len(), ActionId::ALL.len());
    assert_eq!(ActionId::named("Service.start"), None);
}

#[test]
fn a_superadmin_may_everything_but_act_as_somebody_else_or_as_the_program() {
    let superadmin = standing(true, &[], &[]);
    for action in ActionId::ALL {
        let expected = !matches!(needs(*action), Needs::Oneself | Needs::Rolecall);
        assert_eq!(may(&superadmin, *action), expected, "{action:?}");
    }
}

#[test]
fn nobody_is_the_program_and_everybody_is_themselves_only() {
    let ada = standing(true, &[("acme", OrganizationRole::Admin)], &[]);
    for action in ActionId::ALL.iter().filter(|action| needs(**action) == Needs::Rolecall) {
        assert_eq!(decide::decide(&ada, *action, &*thing(*action)), Decision::Refused(Refusal::Unknown));
    }
    let herself = Account { key: ada.key, id: "ada".to_owned() };
    assert_eq!(decide::decide(&ada, SeeTokens, &herself), Decision::Granted(Rule::Oneself));
    assert!(!may(&ada, SeeTokens));
}

#[test]
fn an_admin_of_the_organization_is_admin_of_its_projects_and_of_no_others() {
    let roles = [("acme", OrganizationRole::Admin), ("other", OrganizationRole::Editor)];
    let admin = standing(false, &roles, &[]);
    for action in ActionId::ALL.iter().filter(|action| matches!(needs(**action), Needs::Project(_))) {
        let own = decide::decide(&admin, *action, &project(1, "acme"));
        assert_eq!(own, Decision::Granted(Rule::AdminOfItsOrganization), "{action:?}");
        let others = decide::decide(&admin, *action, &project(2, "other"));
        assert_eq!(others, Decision::Refused(Refusal::Unknown), "{action:?}");
    }
    // A lower role in the project takes nothing from it.
    let one = project(1, "acme");
    let both = standing(false, &[("acme", OrganizationRole::Admin)], &[(&one, ProjectRole::ReadOnly)]);
    assert!(may(&both, DeleteProject) && may(&both, SeeProject));
}

#[test]
fn an_outsider_learns_nothing_and_a_low_role_what_is_missing() {
    let (one, other) = (project(1, "acme"), project(2, "acme"));
    let outsiders = [
        standing(false, &[], &[]),
        standing(false, &[("elsewhere", OrganizationRole::Admin)], &[]),
        standing(false, &[("acme", OrganizationRole::Editor)], &[(&other, ProjectRole::Admin)]),
    ];
    for outsider in &outsiders {
        assert_eq!(decide::decide(outsider, StartService, &one), Decision::Refused(Refusal::Unknown));
    }
    let reader = standing(false, &[("acme", OrganizationRole::Reader)], &[(&one, ProjectRole::Developer)]);
    let refusal = |action, thing: &dyn Thing| match decide::decide(&reader, action, thing) {
        Decision::Refused(refusal) => refusal.to_string(),
        Decision::Granted(rule) => panic!("{rule}"),
    };
    assert_eq!(
        refusal(StartService, &one),
        "service.start needs the project role admin or operator; you have the project role developer"
    );
    assert_eq!(
        refusal(CreateDashboard, &organization("acme")),
        "dashboard.create needs the organization role editor or a higher one; you have the organization role reader"
    );
    assert_eq!(refusal(ReadAudit, &Installation), "audit.show needs SuperAdmin; you have no such right");
}

#[test]
fn what_changes_rights_is_never_taken_for_mere_work() {
    for action in [
        SignOut,
        RevokeTokens,
        ChangeOrganizationRole,
        RemoveOrganizationMember,
        CreateProject,
        RenameProject,
        DeleteProject,
        ChangeMember,
        RemoveMember,
        ChangeSuperAdmin,
        ClaimInstallation,
        Prepare,
    ] {
        assert!(roles::may_change_rights(action), "{action:?}");
    }
    let unrecorded: Vec<_> = ActionId::ALL.iter().filter(|action| !action.is_recorded()).collect();
    assert_eq!(unrecorded, [&FinishWork, &NoteUse]);
}

fn actions() -> impl Strategy<Value = ActionId> {
    proptest::sample::select(ActionId::ALL)
}

fn project_roles() -> impl Strategy<Value = ProjectRole> {
    proptest::sample::select(ProjectRole::ALL)
}

proptest! {
    #[test]
    fn a_higher_organization_role_never_may_less(
        low in 0..OrganizationRole::ALL.len(),
        step in 0..OrganizationRole::ALL.len(),
        in_project in proptest::option::of(project_roles()),
        action in actions(),
    ) {
        let high = (low + step).min(OrganizationRole::ALL.len() - 1);
        let one = project(1, "acme");
        let with = |role: usize| {
            let projects: Vec<_> = in_project.iter().map(|role| (&one, *role)).collect();
            standing(false, &[("acme", OrganizationRole::ALL[role])], &projects)
        };
        prop_assert!(!may(&with(low), action) || may(&with(high), action));
    }

    #[test]
    fn the_project_role_admin_may_whatever_another_project_role_may(role in project_roles(), action in actions()) {
        prop_assert!(!role.may(action) || ProjectRole::Admin.may(action));
    }

    #[test]
    fn a_role_elsewhere_grants_nothing_here(
        role in proptest::sample::select(OrganizationRole::ALL),
        in_project in project_roles(),
        action in actions(),
    ) {
        let elsewhere = project(2, "elsewhere");
        let stranger = standing(false, &[("elsewhere", role)], &[(&elsewhere, in_project)]);
        prop_assert!(!may(&stranger, action));
    }
}
