//! The decision: a standing, an action and a thing make a rule that grants, or what is missing.

use super::roles::{Needs, needs};
use super::{ActionId, OrganizationRole, ProjectRole, Standing, Thing};

/// Yes with its rule, or no with what is missing. Default is no.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Decision {
    /// Allowed, by this rule.
    Granted(Rule),
    /// Not allowed.
    Refused(Refusal),
}

/// The rule that granted an action.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Rule {
    /// A SuperAdmin may do everything.
    SuperAdmin,
    /// It is one's own.
    Oneself,
    /// A role in the organization.
    Organization(OrganizationRole),
    /// A role in the project.
    Project(ProjectRole),
    /// An admin of the organization is admin of its projects.
    AdminOfItsOrganization,
    /// Rolecall itself, or whoever holds a mailed or printed secret.
    Bearer,
}

impl std::fmt::Display for Rule {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::SuperAdmin => f.write_str("a SuperAdmin may do everything"),
            Self::Oneself => f.write_str("it is one's own"),
            Self::Organization(role) => write!(f, "the organization role {role} allows it"),
            Self::Project(role) => write!(f, "the project role {role} allows it"),
            Self::AdminOfItsOrganization => {
                f.write_str("an admin of the organization is admin of its projects")
            }
            Self::Bearer => f.write_str("who signs in proves it by doing so"),
        }
    }
}

/// Why not.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Refusal {
    /// The thing is not to be seen by this caller; it answers as if it were not there.
    #[error("it is not there, or not for you to see")]
    Unknown,
    /// It may be seen, but the role is too low for this.
    #[error("{action} needs {missing}; you have {held}")]
    TooLow {
        /// The action's name.
        action: &'static str,
        /// What would allow it.
        missing: String,
        /// What is there instead.
        held: String,
    },
}

/// Decides. One code path with the explanation of the decision.
#[must_use]
pub fn decide(standing: &Standing, action: ActionId, thing: &dyn Thing) -> Decision {
    let needed = needs(action);
    if needed == Needs::Rolecall {
        return Decision::Refused(Refusal::Unknown);
    }
    if standing.superadmin && needed != Needs::Oneself {
        return Decision::Granted(Rule::SuperAdmin);
    }
    match needed {
        Needs::Oneself if thing.account() == Some(standing.key) => Decision::Granted(Rule::Oneself),
        Needs::Oneself | Needs::Rolecall => Decision::Refused(Refusal::Unknown),
        Needs::SuperAdmin => Decision::Refused(too_low_or_unknown(standing, action, thing)),
        Needs::Organization(least) => match role_in(standing, thing) {
            Some(role) if role >= least => Decision::Granted(Rule::Organization(role)),
            _ => Decision::Refused(too_low_or_unknown(standing, action, thing)),
        },
        Needs::Project(roles) => match thing.project().and_then(|key| standing.role_on(key)) {
            Some(role) if roles.contains(&role) => Decision::Granted(Rule::Project(role)),
            _ if role_in(standing, thing) == Some(OrganizationRole::Admin) => {
                Decision::Granted(Rule::AdminOfItsOrganization)
            }
            _ => Decision::Refused(too_low_or_unknown(standing, action, thing)),
        },
    }
}

fn role_in(standing: &Standing, thing: &dyn Thing) -> Option<OrganizationRole> {
    thing.organization().and_then(|id| standing.role_in(id))
}

/// An outsider learns nothing; who may see the thing learns what is missing.
fn too_low_or_unknown(standing: &Standing, action: ActionId, thing: &dyn Thing) -> Refusal {
    let Some(held) = held(standing, thing) else { return Refusal::Unknown };
    Refusal::TooLow { action: action.name(), missing: missing(action), held }
}

/// The role through which `thing` is visible at all.
fn held(standing: &Standing, thing: &dyn Thing) -> Option<String> {
    match (thing.project(), thing.organization()) {
        (Some(project), _) => standing.role_on(project).map(|role| format!("the project role {role}")),
        (None, Some(_)) => role_in(standing, thing).map(|role| format!("the organization role {role}")),
        (None, None) => Some("no such right".to_owned()),
    }
}

/// What single change would allow it.
fn missing(action: ActionId) -> String {
    match needs(action) {
        Needs::Oneself => "to be the account itself".to_owned(),
        Needs::SuperAdmin | Needs::Rolecall => "SuperAdmin".to_owned(),
        Needs::Organization(least) => format!("the organization role {least} or a higher one"),
        Needs::Project(roles) => {
            let words: Vec<_> = roles.iter().map(|role| role.word()).collect();
            format!("the project role {}", words.join(" or "))
        }
    }
}
