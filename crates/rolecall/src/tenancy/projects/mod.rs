//! Projects group services inside an organization: create, list, show, rename, delete.

pub mod api;
pub mod cli;
pub mod console;
mod store;
#[cfg(test)]
mod tests;

use crate::app::App;
use crate::ground::access::{
    Actor, Allowed, CreateProject, DeleteProject, ListProjects, Organization, OrganizationRole, ProjectKey,
    ProjectRole, RenameProject, Resource, SeeProject,
};
use crate::ground::clock::At;
use crate::ground::seen::Seen;
use crate::ground::store::{Error, Page, PageRequest};
use crate::transaction;
use serde::Serialize;
use serde_json::json;
use utoipa::ToSchema;

/// Why a project was not made, renamed or deleted.
#[derive(Debug, thiserror::Error)]
pub enum ProjectError {
    /// Not a name for a project.
    #[error("not a project name")]
    BadName,
    /// A project of this name exists in the installation; where is not told.
    #[error("the name is taken")]
    Taken,
    /// It still holds services.
    #[error("the project still holds services")]
    NotEmpty(Vec<String>),
    /// It is not as the caller saw it.
    #[error("the project was changed meanwhile")]
    Stale,
    /// The store failed.
    #[error(transparent)]
    Store(#[from] Error),
}

crate::row! {
    /// A project.
    #[derive(Debug, Clone, Serialize, ToSchema)]
    #[schema(as = Project)]
    pub struct ProjectView {
        /// Its name, unique in the installation.
        pub name: String,
        /// The id of its organization.
        pub organization: String,
        /// How many services it holds.
        pub services: i64,
        /// When it was made.
        pub created_at: At,
    }
}

/// A name for a project: `^[a-z][a-z0-9-]{2,62}$`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ProjectName(String);

impl ProjectName {
    /// Takes a text that is a name.
    ///
    /// # Errors
    /// [`ProjectError::BadName`].
    pub fn parse(text: &str) -> Result<Self, ProjectError> {
        let mut bytes = text.bytes();
        let starts_well = bytes.next().is_some_and(|byte| byte.is_ascii_lowercase());
        let goes_on = bytes.all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-');
        if starts_well && goes_on && (3..=63).contains(&text.len()) {
            Ok(Self(text.to_owned()))
        } else {
            Err(ProjectError::BadName)
        }
    }

    /// The name.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// Makes a project; its maker becomes its first explicit admin.
///
/// # Errors
/// [`ProjectError`].
pub async fn create(
    app: &App,
    allowed: &Allowed<CreateProject>,
    name: &str,
) -> Result<ProjectView, ProjectError> {
    let name = ProjectName::parse(name)?;
    let key = ProjectKey(app.dice.uuid());
    let now = app.clock.now();
    let organization = &allowed.organization().id;
    transaction!(app.store, allowed, |tx| {
        store::insert(tx, key, name.as_str(), organization, now).await.map_err(taken)?;
        store::add_member(tx, key, allowed.actor().standing().key, ProjectRole::Admin, now).await?;
        tx.on(Resource::new("project", name.as_str()))
            .after(json!({ "name": name.as_str(), "organization": organization }));
        Ok::<_, ProjectError>(())
    })?;
    Ok(ProjectView { name: name.0, organization: organization.clone(), services: 0, created_at: now })
}

fn taken(error: Error) -> ProjectError {
    match error {
        Error::Taken => ProjectError::Taken,
        other => other.into(),
    }
}

/// What the list can be sorted by.
pub const SORTS: &[&str] = &["name"];

/// The projects of an organization that the caller may see.
///
/// # Errors
/// The store's.
pub async fn list(
    app: &App,
    allowed: &Allowed<ListProjects>,
    request: &PageRequest,
) -> Result<Page<ProjectView>, Error> {
    let mut tx = app.store.read(allowed).await?;
    let viewer = (!sees_all(allowed.actor(), allowed.organization())).then(|| allowed.actor().standing().key);
    let items = store::list(&mut tx, &allowed.organization().id, viewer, request).await?;
    Ok(Page::cut(items, request, |project| project.name.clone()))
}

/// An admin of the organization, and a SuperAdmin, see every project in it.
fn sees_all(actor: &Actor, organization: &Organization) -> bool {
    let standing = actor.standing();
    standing.superadmin || standing.role_in(&organization.id) == Some(OrganizationRole::Admin)
}

/// One project.
///
/// # Errors
/// The store's.
pub async fn show(app: &App, allowed: &Allowed<SeeProject>) -> Result<ProjectView, Error> {
    let mut tx = app.store.read(allowed).await?;
    store::view(&mut tx, allowed.project().key).await
}

/// Gives a project another name, if it is still as it was `seen`.
///
/// # Errors
/// [`ProjectError`].
pub async fn rename(
    app: &App,
    allowed: &Allowed<RenameProject>,
    name: &str,
    seen: &Seen,
) -> Result<ProjectView, ProjectError> {
    let name = ProjectName::parse(name)?;
    let project = allowed.project();
    transaction!(app.store, allowed, |tx| {
        if !seen.is(&store::get(tx, project.key).await?) {
            return Err(ProjectError::Stale);
        }
        store::rename(tx, project.key, name.as_str()).await.map_err(taken)?;
        tx.before(json!({ "name": project.name })).after(json!({ "name": name.as_str() }));
        Ok::<_, ProjectError>(())
    })?;
    let mut tx = app.store.read(allowed).await?;
    Ok(store::view(&mut tx, project.key).await?)
}

/// Deletes an empty project: databases are lost one at a time and by name, never with their project.
///
/// # Errors
/// [`ProjectError::NotEmpty`] names the services that it still holds.
pub async fn delete(app: &App, allowed: &Allowed<DeleteProject>) -> Result<(), ProjectError> {
    let project = allowed.project();
    transaction!(app.store, allowed, |tx| {
        let services = store::services(tx, project.key).await?;
        if !services.is_empty() {
            return Err(ProjectError::NotEmpty(services));
        }
        tx.before(json!({ "name": project.name, "organization": project.organization }));
        Ok(store::delete(tx, project.key).await?)
    })
}
