//! Who may do what: actions, roles, actors, decisions and proofs. Default is no.

mod actions;
mod actor;
mod decide;
mod gate;
mod password;
mod proof;
pub mod roles;
mod store;
pub mod table;
#[cfg(test)]
mod tests;
mod thing;

pub use actions::*;
pub use actor::{Actor, Credential, Standing, TokenUse};
pub use decide::{Decision, Refusal, Rule};
pub use gate::{Gate, Unrecognized, Use as TokenUseNote};
pub use password::{NotProved, prove_password};
pub use proof::{Allowed, Bearer, Own, Proof, System};
pub use roles::{OrganizationRole, ProjectRole};
pub use store::{
    organization as find_organization, project as find_project, sign_in as find_account, visible_projects,
};
pub use thing::{
    Account, AccountKey, AccountKind, AccountView, Installation, Organization, Project, ProjectKey, Resource,
    Thing, TokenKey,
};
