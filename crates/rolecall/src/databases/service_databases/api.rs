//! `/projects/{project}/services/{service}/databases`.

use super::{DatabaseContents, DatabaseView};
use crate::app::App;
use crate::ground::access::{Allowed, CreateDatabase, DeleteDatabase, SeeDatabases};
use crate::ground::web::body::{Body, ListQuery};
use crate::ground::web::page::list::encode;
use crate::ground::web::problem::Problem;
use crate::ground::web::reply::{Created, Gone, Listed, Shown};
use crate::ground::web::routes::Routes;
use axum::extract::{Path, State};
use serde::Deserialize;
use utoipa::ToSchema;

/// The routes of this slice.
#[must_use]
pub fn routes() -> Routes {
    Routes::new()
        .get("/api/v1/projects/{project}/services/{service}/databases", "List a service's databases", list)
        .post("/api/v1/projects/{project}/services/{service}/databases", "Make a database", create)
        .get(
            "/api/v1/projects/{project}/services/{service}/databases/{name}",
            "Show what a database holds",
            show,
        )
        .delete(
            "/api/v1/projects/{project}/services/{service}/databases/{name}",
            "Delete a database with all it holds",
            delete,
        )
}

/// A database to be made.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct NewDatabase {
    /// At most 63 bytes.
    name: String,
}

type Names = Path<(String, String)>;
type NamesOfDatabase = Path<(String, String, String)>;

async fn list(
    State(app): State<App>,
    allowed: Allowed<SeeDatabases>,
    Path((_, service)): Names,
    query: ListQuery,
) -> Result<Listed<DatabaseView>, Problem> {
    Ok(Listed(super::list(&app, &allowed, &service, &query.by(super::SORTS)?).await?))
}

async fn create(
    State(app): State<App>,
    allowed: Allowed<CreateDatabase>,
    Path((project, service)): Names,
    Body(new): Body<NewDatabase>,
) -> Result<Created<DatabaseView>, Problem> {
    let database = super::create(&app, &allowed, &service, &new.name).await?;
    let location =
        format!("/api/v1/projects/{project}/services/{service}/databases/{}", encode(&database.name));
    Ok(Created { location, thing: database })
}

async fn show(
    State(app): State<App>,
    allowed: Allowed<SeeDatabases>,
    Path((_, service, name)): NamesOfDatabase,
) -> Result<Shown<DatabaseContents>, Problem> {
    Ok(Shown(super::contents(&app, &allowed, &service, &name).await?))
}

async fn delete(
    State(app): State<App>,
    allowed: Allowed<DeleteDatabase>,
    Path((_, service, name)): NamesOfDatabase,
) -> Result<Gone, Problem> {
    super::delete(&app, &allowed, &service, &name).await?;
    Ok(Gone)
}
