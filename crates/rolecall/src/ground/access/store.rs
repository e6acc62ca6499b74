//! What decisions read: standings, tokens, and the things that paths name.

use super::actor::{Actor, Credential};
use super::{
    Account, AccountKey, AccountView, Organization, OrganizationRole, Project, ProjectKey, ProjectRole,
    Refusal, Standing, Thing, TokenKey,
};
use crate::ground::clock::At;
use crate::ground::store::{Error, ReadTx, Tx};
use crate::ground::throttle::{Failures, Limits};
use crate::{row, sql};

const ACCOUNT: &str = "SELECT id, kind, name, email, (password_hash IS NOT NULL) AS has_password, disabled,
    created_at, last_sign_in_at FROM account WHERE key = $1 AND disabled = FALSE";
const SUPERADMIN: &str = "SELECT superadmin FROM account WHERE key = $1";

row! {
    /// A token and what it needs to be used.
    pub struct TokenRow {
        pub key: TokenKey,
        pub account: AccountKey,
        pub expires_at: Option<At>,
        pub extend_by: Option<i64>,
        pub organization: Option<String>,
    }
}

row! {
    struct ProjectRow { key: ProjectKey, name: String, organization: String }
}

impl From<ProjectRow> for Project {
    fn from(row: ProjectRow) -> Self {
        Self { key: row.key, name: row.name, organization: row.organization }
    }
}

/// The token of this hash.
pub async fn token(tx: &mut ReadTx, hash: &[u8]) -> Result<Option<TokenRow>, Error> {
    sql!(maybe tx, TokenRow, "SELECT key, account, expires_at, extend_by, organization FROM token WHERE hash = $1", hash)
}

/// Everything an account is and may; `None` when it is gone or disabled.
pub async fn standing(tx: &mut ReadTx, account: AccountKey) -> Result<Option<Standing>, Error> {
    let key = account;
    let Some(account) = sql!(maybe tx, AccountView, ACCOUNT, key)? else { return Ok(None) };
    let (superadmin,) = sql!(one tx, (bool,), SUPERADMIN, key)?;
    let organizations = sql!(all tx, (String, String, OrganizationRole),
        "SELECT o.id, o.name, m.role FROM organization_member m JOIN organization o ON o.id = m.organization
         WHERE m.account = $1 ORDER BY o.folded_name, o.id", key)?;
    let projects = sql!(all tx, (ProjectKey, String, String, ProjectRole),
        "SELECT p.key, p.name, p.organization, m.role FROM project_member m JOIN project p ON p.key = m.project
         WHERE m.account = $1 ORDER BY p.name", key)?;
    let organizations =
        organizations.into_iter().map(|(id, name, role)| (Organization { id, name }, role)).collect();
    let projects = projects
        .into_iter()
        .map(|(key, name, organization, role)| (Project { key, name, organization }, role))
        .collect();
    Ok(Some(Standing { key, account, superadmin, organizations, projects }))
}

/// The part of a standing that bears on `thing`, read where the change will be written.
pub(super) async fn standing_in(
    tx: &mut Tx,
    account: AccountKey,
    thing: &dyn Thing,
) -> Result<Option<Standing>, Error> {
    let key = account;
    let Some(account) = sql!(maybe tx, AccountView, ACCOUNT, key)? else { return Ok(None) };
    let (superadmin,) = sql!(one tx, (bool,), SUPERADMIN, key)?;
    let mut organizations = Vec::new();
    if let Some(id) = thing.organization() {
        let role = sql!(maybe tx, (OrganizationRole,),
            "SELECT role FROM organization_member WHERE organization = $1 AND account = $2", id, key)?;
        organizations
            .extend(role.map(|(role,)| (Organization { id: id.to_owned(), name: String::new() }, role)));
    }
    let mut projects = Vec::new();
    if let Some(project) = thing.project() {
        let found = sql!(maybe tx, ProjectRow, "SELECT key, name, organization FROM project WHERE key = $1", project)?;
        let project = Project::from(found.ok_or(Error::Withdrawn(Refusal::Unknown))?);
        let role = sql!(maybe tx, (ProjectRole,),
            "SELECT role FROM project_member WHERE project = $1 AND account = $2", project.key, key)?;
        projects.extend(role.map(|(role,)| (project, role)));
    }
    Ok(Some(Standing { key, account, superadmin, organizations, projects }))
}

/// A token revoked a moment ago does not write.
pub(super) async fn credential_holds(tx: &mut Tx, actor: &Actor) -> Result<(), Error> {
    let Credential::Token(token) = actor.credential() else { return Ok(()) };
    let found = sql!(maybe tx, (TokenKey,), "SELECT key FROM token WHERE key = $1", token.key)?;
    found.map(drop).ok_or(Error::Withdrawn(Refusal::Unknown))
}

/// The project of this name.
pub async fn project(tx: &mut ReadTx, name: &str) -> Result<Option<Project>, Error> {
    let row =
        sql!(maybe tx, ProjectRow, "SELECT key, name, organization FROM project WHERE name = $1", name)?;
    Ok(row.map(Project::from))
}

/// The organization of this id.
pub async fn organization(tx: &mut ReadTx, id: &str) -> Result<Option<Organization>, Error> {
    let row = sql!(maybe tx, (String, String), "SELECT id, name FROM organization WHERE id = $1", id)?;
    Ok(row.map(|(id, name)| Organization { id, name }))
}

/// The account that signs in by this folded id or email, with its password's hash.
pub async fn sign_in(tx: &mut ReadTx, folded: &str) -> Result<Option<(Account, Option<String>)>, Error> {
    let row = sql!(maybe tx, (AccountKey, String, Option<String>),
        "SELECT key, id, password_hash FROM account WHERE (folded_id = $1 OR folded_email = $1) AND disabled = FALSE
         ORDER BY CASE WHEN folded_id = $1 THEN 0 ELSE 1 END LIMIT 1", folded)?;
    Ok(row.map(|(key, id, hash)| (Account { key, id }, hash)))
}

/// The names of the first `limit` projects of the current organization that the actor may see.
pub async fn visible_projects(tx: &mut ReadTx, actor: &Actor, limit: usize) -> Result<Vec<String>, Error> {
    let standing = actor.standing();
    let organization = actor.organization();
    if !standing.superadmin && standing.role_in(organization) != Some(OrganizationRole::Admin) {
        let own = standing.projects.iter().filter(|(project, _)| project.organization == organization);
        return Ok(own.map(|(project, _)| project.name.clone()).take(limit).collect());
    }
    let limit = i64::try_from(limit).unwrap_or(i64::MAX);
    let rows = sql!(all tx, (String,),
        "SELECT name FROM project WHERE organization = $1 ORDER BY name LIMIT $2", organization, limit)?;
    Ok(rows.into_iter().map(|(name,)| name).collect())
}

const FAILURES: &str = "SELECT failures, last_failure_at FROM throttle WHERE counter = $1";

fn counted(row: Option<(i64, At)>) -> Option<Failures> {
    row.map(|(count, last_at)| Failures { count: u32::try_from(count).unwrap_or(u32::MAX), last_at })
}

pub async fn failures(tx: &mut ReadTx, counter: &str) -> Result<Option<Failures>, Error> {
    sql!(maybe tx, (i64, At), FAILURES, counter).map(counted)
}

/// The same where it can be counted on.
pub async fn failures_now(tx: &mut Tx, counter: &str) -> Result<Option<Failures>, Error> {
    sql!(maybe tx, (i64, At), FAILURES, counter).map(counted)
}

/// Counts one more failure, in the store, so that two at once are two.
pub async fn count(tx: &mut Tx, counter: &str, limits: Limits, now: At) -> Result<(), Error> {
    let before = failures_now(tx, counter).await?;
    let after = limits.after_failure(before, now);
    sql!(exec tx,
        "INSERT INTO throttle (counter, failures, last_failure_at) VALUES ($1, $2, $3)
         ON CONFLICT (counter) DO UPDATE SET failures = excluded.failures, last_failure_at = excluded.last_failure_at",
        counter, i64::from(after.count), after.last_at)
    .map(drop)
}

pub async fn forget(tx: &mut Tx, counter: &str) -> Result<(), Error> {
    sql!(exec tx, "DELETE FROM throttle WHERE counter = $1", counter).map(drop)
}
