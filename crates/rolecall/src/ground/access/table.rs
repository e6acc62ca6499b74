//! The manual's page on who may do what, written from the very table that decides.

use super::ActionId::{self, *};
use super::roles::{Needs, needs};
use super::{OrganizationRole, ProjectRole};
use std::fmt::Write;

const INTRODUCTION: &str = "\
# Who may do what

<!-- Generated from crates/rolecall/src/ground/access/roles.rs: change it there. -->

What is not granted here is refused. Roles in a project do not form a ladder; roles in an organization do. An admin of an
organization is admin of its projects. A SuperAdmin may do everything but act as somebody else.
";

/// The five permissions that the seeds name (M1), each with what it stands for.
const PERMISSIONS: [(&str, &[ActionId]); 5] = [
    ("Invite more users", &[ListInvitations, SendInvitation, WithdrawInvitation]),
    ("Modify billing information", &[SeeBilling, EditBilling]),
    (
        "Manage existing services",
        &[
            CreateDatabase,
            DeleteDatabase,
            CreateServiceUser,
            AdoptServiceUser,
            RevealPassword,
            ChangePassword,
            ChangeReplication,
            DeleteServiceUser,
        ],
    ),
    (
        "Start and stop services",
        &[
            CreateService,
            AttachService,
            EditService,
            StartService,
            StopService,
            RestartService,
            DeleteService,
        ],
    ),
    ("View service information", &[SeeProject, ListMembers, SeeServices, SeeServiceUsers, SeeDatabases]),
];

/// The whole page (`docs/manual/access-table.md`).
#[must_use]
pub fn markdown() -> String {
    let mut page = INTRODUCTION.to_owned();
    heading(&mut page, "Roles in a project", "What each role stands for; below, action by action.");
    let columns: Vec<_> = PERMISSIONS.iter().map(|(title, _)| *title).collect();
    head(&mut page, "role", &columns);
    for role in ProjectRole::ALL {
        let cells = PERMISSIONS.iter().map(|(_, actions)| actions.iter().all(|action| role.may(*action)));
        row(&mut page, role.title(), cells);
    }
    heading(&mut page, "Actions on a project", "");
    let titles: Vec<_> = ProjectRole::ALL.iter().map(|role| role.title()).collect();
    head(&mut page, "action | what it does", &titles);
    for action in of(|needs| matches!(needs, Needs::Project(_))) {
        row(&mut page, &named(action), ProjectRole::ALL.iter().map(|role| role.may(action)));
    }
    heading(&mut page, "Actions on an organization", "");
    let words: Vec<_> = OrganizationRole::ALL.iter().map(|role| role.word()).collect();
    head(&mut page, "action | what it does", &words);
    for action in of(|needs| matches!(needs, Needs::Organization(_))) {
        row(&mut page, &named(action), OrganizationRole::ALL.iter().map(|role| role.may(action)));
    }
    for (title, lead, group) in [
        ("SuperAdmins alone", "No role gives these.", Needs::SuperAdmin),
        ("Oneself", "Everybody, on their own account and on no other.", Needs::Oneself),
        ("Rolecall itself", "Nobody may ask for these; records name them.", Needs::Rolecall),
    ] {
        heading(&mut page, title, lead);
        head(&mut page, "action | what it does", &[]);
        for action in of(|needs| needs == group) {
            row(&mut page, &named(action), std::iter::empty());
        }
    }
    page
}

fn of(belongs: impl Fn(Needs) -> bool) -> impl Iterator<Item = ActionId> {
    ActionId::ALL.iter().copied().filter(move |action| belongs(needs(*action)))
}

fn named(action: ActionId) -> String {
    format!("`{}` | {}", action.name(), action.sentence().trim())
}

// Writing to a String cannot fail.

fn heading(page: &mut String, title: &str, lead: &str) {
    let _ = write!(page, "\n## {title}\n\n");
    if !lead.is_empty() {
        let _ = write!(page, "{lead}\n\n");
    }
}

fn head(page: &mut String, first: &str, columns: &[&str]) {
    let count = first.split('|').count() + columns.len();
    let _ = writeln!(page, "| {} |", [&[first], columns].concat().join(" | "));
    let _ = writeln!(page, "|{}", "---|".repeat(count));
}

fn row(page: &mut String, first: &str, cells: impl Iterator<Item = bool>) {
    let cells: String = cells.map(|may| if may { " ✅ |" } else { " ❌ |" }).collect();
    let _ = writeln!(page, "| {first} |{cells}");
}
