//! The databases of a service: list, create, show what one holds, delete (M13).

pub mod api;
pub mod cli;
pub mod console;
#[cfg(test)]
mod tests;

use super::services::{self, ServiceError};
use crate::app::App;
use crate::ground::access::{Allowed, CreateDatabase, DeleteDatabase, Project, Resource, SeeDatabases};
use crate::ground::store::{Page, PageRequest};
use crate::transaction;
use engines::postgresql::{Database, DatabasePreview, check_database_name};
use serde::Serialize;
use serde_json::json;
use utoipa::ToSchema;

/// A database of a service.
#[derive(Debug, Clone, Serialize, ToSchema)]
#[schema(as = Database)]
pub struct DatabaseView {
    /// Its name.
    pub name: String,
    /// Who owns it.
    pub owner: String,
    /// Its size.
    pub bytes: Option<i64>,
    /// Whether the service needs it, so that it cannot be deleted.
    pub protected: bool,
}

/// What a database holds, shown before it is deleted.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct DatabaseContents {
    /// Its name.
    pub name: String,
    /// How many tables.
    pub tables: i64,
    /// About how many rows.
    pub rows: i64,
    /// Its size.
    pub bytes: i64,
    /// Open sessions, which would end.
    pub sessions: i64,
}

fn is_protected(service: &services::Service, name: &str) -> bool {
    name == service.database_name || matches!(name, "postgres" | "template0" | "template1")
}

/// What the list can be sorted by.
pub const SORTS: &[&str] = &["name"];

/// The databases, by name.
///
/// # Errors
/// [`ServiceError`].
pub async fn list(
    app: &App,
    allowed: &Allowed<SeeDatabases>,
    service: &str,
    request: &PageRequest,
) -> Result<Page<DatabaseView>, ServiceError> {
    let service = services::find_running(app, allowed, service).await?;
    let found = services::server(app, &service).await?.databases().await?;
    let needle = request.needle();
    let items = found
        .into_iter()
        .filter(|one| needle.as_ref().is_none_or(|needle| one.name.to_lowercase().contains(needle)))
        .map(|one: Database| DatabaseView {
            protected: is_protected(&service, &one.name),
            name: one.name,
            owner: one.owner,
            bytes: one.bytes,
        })
        .collect();
    Ok(Page::of_all(items, request, |one: &DatabaseView| one.name.clone()))
}

/// Makes a database, owned by the service's default user.
///
/// # Errors
/// [`ServiceError::DatabaseTaken`].
pub async fn create(
    app: &App,
    allowed: &Allowed<CreateDatabase>,
    service: &str,
    name: &str,
) -> Result<DatabaseView, ServiceError> {
    check_database_name(name).map_err(|error| ServiceError::Field("name", error.to_string()))?;
    let service = services::find_running(app, allowed, service).await?;
    let owner = if service.default_user.is_empty() { &service.admin_username } else { &service.default_user };
    let _turn = services::turn(app, &service).await?;
    let server = services::server(app, &service).await?;
    if server.databases().await?.iter().any(|database| database.name == name) {
        return Err(ServiceError::DatabaseTaken);
    }
    record(app, allowed, &resource(allowed.project(), &service.name, name), json!({ "name": name })).await?;
    server.create_database(name, owner).await?;
    services::after_new_database(app, &service).await?;
    Ok(DatabaseView { name: name.to_owned(), owner: owner.clone(), bytes: None, protected: false })
}

/// What a database holds.
///
/// # Errors
/// [`ServiceError`].
pub async fn contents(
    app: &App,
    allowed: &Allowed<SeeDatabases>,
    service: &str,
    name: &str,
) -> Result<DatabaseContents, ServiceError> {
    let service = services::find_running(app, allowed, service).await?;
    let DatabasePreview { tables, rows_estimate: rows, bytes, sessions } =
        services::server(app, &service).await?.database_preview(name).await?;
    Ok(DatabaseContents { name: name.to_owned(), tables, rows, bytes, sessions })
}

/// Deletes a database and ends the sessions in it.
///
/// # Errors
/// [`ServiceError::ProtectedDatabase`] for those that the service needs; [`ServiceError::UnknownDatabase`].
pub async fn delete(
    app: &App,
    allowed: &Allowed<DeleteDatabase>,
    service: &str,
    name: &str,
) -> Result<(), ServiceError> {
    let service = services::find_running(app, allowed, service).await?;
    if is_protected(&service, name) {
        return Err(ServiceError::ProtectedDatabase);
    }
    let _turn = services::turn(app, &service).await?;
    let server = services::server(app, &service).await?;
    if !server.databases().await?.iter().any(|database| database.name == name) {
        return Err(ServiceError::UnknownDatabase);
    }
    record(app, allowed, &resource(allowed.project(), &service.name, name), json!({ "deleted": name }))
        .await?;
    Ok(server.delete_database(name).await?)
}

fn resource(project: &Project, service: &str, name: &str) -> Resource {
    Resource::new("database", format!("{}/{service}/{name}", project.name))
}

/// What cannot be recorded does not happen.
async fn record<A: crate::ground::access::Action<On = Project>>(
    app: &App,
    allowed: &Allowed<A>,
    resource: &Resource,
    after: serde_json::Value,
) -> Result<(), ServiceError> {
    transaction!(app.store, allowed, |tx| {
        tx.on(resource.clone()).after(after.clone());
        Ok::<_, ServiceError>(())
    })
}
