//! `/projects`.

use super::{ProjectError, ProjectView};
use crate::app::App;
use crate::ground::access::{
    Allowed, CreateProject, DeleteProject, ListProjects, RenameProject, SeeProject, SeeSelf,
    find_organization,
};
use crate::ground::web::body::{Body, IfMatch, ListQuery};
use crate::ground::web::problem::Problem;
use crate::ground::web::proofs::Asking;
use crate::ground::web::reply::{Created, Gone, Listed, Tagged};
use crate::ground::web::routes::Routes;
use axum::extract::State;
use serde::Deserialize;
use utoipa::ToSchema;

/// The routes of this slice.
#[must_use]
pub fn routes() -> Routes {
    Routes::new()
        .get("/api/v1/projects", "List the projects of an organization that you may see", list)
        .post("/api/v1/projects", "Make a project", create)
        .get("/api/v1/projects/{project}", "Show a project", show)
        .patch("/api/v1/projects/{project}", "Rename a project", edit)
        .delete("/api/v1/projects/{project}", "Delete an empty project", delete)
}

/// A project to be made.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct NewProject {
    /// `^[a-z][a-z0-9-]{2,62}$`, unique in the installation.
    name: String,
    /// The id of the organization; the current one where it is left out.
    #[serde(default)]
    organization: Option<String>,
}

/// What can be changed of a project.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct ProjectEdit {
    /// Its new name.
    #[serde(default)]
    name: Option<String>,
}

async fn list(
    State(app): State<App>,
    allowed: Allowed<ListProjects>,
    query: ListQuery,
) -> Result<Listed<ProjectView>, Problem> {
    Ok(Listed(super::list(&app, &allowed, &query.by(super::SORTS)?).await?))
}

async fn create(
    State(app): State<App>,
    asking: Asking<CreateProject>,
    Body(new): Body<NewProject>,
) -> Result<Created<ProjectView>, Problem> {
    let id = new.organization.as_deref().unwrap_or(asking.actor().organization());
    let mut tx = app.store.read(&asking.actor().own::<SeeSelf>()).await?;
    let organization = find_organization(&mut tx, id).await?.ok_or_else(Problem::not_found)?;
    drop(tx);
    let project = super::create(&app, &asking.on(organization)?, &new.name).await?;
    Ok(Created { location: format!("/api/v1/projects/{}", project.name), thing: project })
}

async fn show(State(app): State<App>, allowed: Allowed<SeeProject>) -> Result<Tagged<ProjectView>, Problem> {
    Ok(Tagged(super::show(&app, &allowed).await?))
}

async fn edit(
    State(app): State<App>,
    allowed: Allowed<RenameProject>,
    IfMatch(seen): IfMatch,
    Body(edit): Body<ProjectEdit>,
) -> Result<Tagged<ProjectView>, Problem> {
    match edit.name {
        Some(name) => Ok(Tagged(super::rename(&app, &allowed, &name, &seen).await?)),
        None => Ok(Tagged(super::show(&app, &allowed.also::<SeeProject>()?).await?)),
    }
}

async fn delete(State(app): State<App>, allowed: Allowed<DeleteProject>) -> Result<Gone, Problem> {
    super::delete(&app, &allowed).await?;
    Ok(Gone)
}

impl From<ProjectError> for Problem {
    fn from(error: ProjectError) -> Self {
        match error {
            ProjectError::BadName => Self::field(
                "name",
                "A project's name has 3 to 63 small letters, digits and hyphens, a letter first; choose another one.",
            ),
            ProjectError::Taken => {
                Self::conflict("already_exists", "This name is taken; choose another one.")
            }
            ProjectError::NotEmpty(services) => Self::conflict(
                "not_empty",
                format!("The project still holds services; delete them first: {}.", services.join(", ")),
            ),
            ProjectError::Stale => Self::stale(),
            ProjectError::Store(error) => error.into(),
        }
    }
}
