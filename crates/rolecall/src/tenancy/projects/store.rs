//! The SQL of projects.

use super::ProjectView;
use crate::ground::access::{AccountKey, ProjectKey, ProjectRole};
use crate::ground::clock::At;
use crate::ground::store::{Error, PageRequest, ReadTx, Tx};
use crate::sql;

pub async fn insert(
    tx: &mut Tx,
    key: ProjectKey,
    name: &str,
    organization: &str,
    now: At,
) -> Result<(), Error> {
    sql!(exec tx, "INSERT INTO project (key, name, organization, created_at) VALUES ($1, $2, $3, $4)",
        key, name, organization, now)
    .map(drop)
}

pub async fn add_member(
    tx: &mut Tx,
    project: ProjectKey,
    account: AccountKey,
    role: ProjectRole,
    now: At,
) -> Result<(), Error> {
    sql!(exec tx, "INSERT INTO project_member (project, account, role, joined_at) VALUES ($1, $2, $3, $4)",
        project, account, role, now)
    .map(drop)
}

const VIEW: &str =
    "SELECT p.name, p.organization, (SELECT COUNT(*) FROM service s WHERE s.project = p.key) AS services,
    p.created_at FROM project p WHERE p.key = $1";

pub async fn view(tx: &mut ReadTx, key: ProjectKey) -> Result<ProjectView, Error> {
    sql!(one tx, ProjectView, VIEW, key)
}

/// As it is where the change will be written.
pub async fn get(tx: &mut Tx, key: ProjectKey) -> Result<ProjectView, Error> {
    sql!(one tx, ProjectView, VIEW, key)
}

/// The pages of one direction.
macro_rules! page {
    ($beyond:literal, $order:literal) => {
        concat!(
            "SELECT page.name, page.organization,
                (SELECT COUNT(*) FROM service s WHERE s.project = page.key) AS services, page.created_at
             FROM (SELECT p.key, p.name, p.organization, p.created_at FROM project p
                WHERE p.organization = $1 AND p.name ", $beyond, " $2 AND ($3 IS NULL OR p.name LIKE $3 ESCAPE '\\')
                  AND ($4 IS NULL OR EXISTS (SELECT 1 FROM project_member m WHERE m.project = p.key AND m.account = $4))
                ORDER BY p.name ", $order, " LIMIT $5) page ORDER BY page.name ", $order
        )
    };
}

/// A page by name; one more than fits where there is a next one.
pub async fn list(
    tx: &mut ReadTx,
    organization: &str,
    viewer: Option<AccountKey>,
    request: &PageRequest,
) -> Result<Vec<ProjectView>, Error> {
    let limit = i64::try_from(request.size() + 1).unwrap_or(i64::MAX);
    let text = if request.descending() { page!("<", "DESC") } else { page!(">", "ASC") };
    sql!(all tx, ProjectView, text, organization, request.after_name(), request.pattern(), viewer, limit)
}

pub async fn rename(tx: &mut Tx, key: ProjectKey, name: &str) -> Result<(), Error> {
    sql!(exec tx, "UPDATE project SET name = $2 WHERE key = $1", key, name).map(drop)
}

pub async fn services(tx: &mut Tx, key: ProjectKey) -> Result<Vec<String>, Error> {
    let rows = sql!(all tx, (String,), "SELECT name FROM service WHERE project = $1 ORDER BY name", key)?;
    Ok(rows.into_iter().map(|(name,)| name).collect())
}

pub async fn delete(tx: &mut Tx, key: ProjectKey) -> Result<(), Error> {
    sql!(exec tx, "DELETE FROM project WHERE key = $1", key).map(drop)
}
