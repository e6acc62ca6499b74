//! The lists of services for people: of one project, or of all that one may see in an organization.

use super::store::{self, ServiceLine};
use super::{Mode, ServiceError, find};
use crate::app::App;
use crate::ground::access::{AccountKey, Allowed, ListProjects, OrganizationRole, SeeServices};
use crate::ground::store::{Error, Page, PageRequest};
use engines::postgresql::cluster::{Cluster, Confinement};

/// What the lists for people can be sorted by.
pub const LINE_SORTS: &[&str] = &["name", "project", "state", "version", "created_at"];

/// The services of every project that the caller may see in the organization.
///
/// # Errors
/// The store's.
pub async fn all(
    app: &App,
    allowed: &Allowed<ListProjects>,
    request: &PageRequest,
) -> Result<Page<ServiceLine>, Error> {
    let organization = &allowed.organization().id;
    let standing = allowed.actor().standing();
    let sees_all = standing.superadmin || standing.role_in(organization) == Some(OrganizationRole::Admin);
    let viewer: Option<AccountKey> = (!sees_all).then_some(standing.key);
    let mut tx = app.store.read(allowed).await?;
    Ok(page_of(store::lines(&mut tx, organization, None, viewer).await?, request))
}

/// The services of a project.
///
/// # Errors
/// The store's.
pub async fn of_project(
    app: &App,
    allowed: &Allowed<SeeServices>,
    request: &PageRequest,
) -> Result<Page<ServiceLine>, Error> {
    let project = allowed.project();
    let mut tx = app.store.read(allowed).await?;
    Ok(page_of(store::lines(&mut tx, &project.organization, Some(project.key), None).await?, request))
}

fn page_of(mut lines: Vec<ServiceLine>, request: &PageRequest) -> Page<ServiceLine> {
    if let Some(needle) = request.needle() {
        lines.retain(|line| {
            let address = format!("{}:{}", line.host, line.port);
            [&line.name, &line.project, &line.version, &address].iter().any(|text| text.contains(&needle))
        });
    }
    let field = request.sort().map_or("name", |sort| sort.field).to_owned();
    Page::of_all(lines, request, |line| {
        let by = match field.as_str() {
            "project" => line.project.clone(),
            "state" => line.state.to_string(),
            "version" => line.version.clone(),
            "created_at" => format!("{:020}", line.created_at.millis()),
            _ => line.name.clone(),
        };
        format!("{by} {} {}", line.name, line.project)
    })
}

/// How a managed service's server is confined on this machine; nothing for an attached one.
///
/// # Errors
/// [`ServiceError`].
pub async fn confinement(
    app: &App,
    allowed: &Allowed<SeeServices>,
    name: &str,
) -> Result<Option<Confinement>, ServiceError> {
    let service = find(app, allowed, name).await?;
    if service.mode == Mode::Attached {
        return Ok(None);
    }
    Ok(Some(Cluster::at(app.fleet.home(), &service.key.to_string())?.confinement().await?))
}
