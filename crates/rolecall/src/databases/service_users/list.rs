//! The list: what the server says of its users, with what we know beside (S1).

use super::store::{self, Row};
use super::types::{DeletionView, UserError, UserView};
use crate::app::App;
use crate::databases::services::{self, Mode, Service};
use crate::ground::access::{Allowed, FinishWork, Resource, SeeServiceUsers, System};
use crate::ground::clock::At;
use crate::ground::store::{Page, PageRequest};
use engines::postgresql::{DeletionPreview, PasswordEncryption, User};
use std::collections::HashMap;

/// What the list can be sorted by.
pub const SORTS: &[&str] = &["username", "access", "password_encryption"];

/// The users of a service, by name: read from the server, also those made behind our back.
///
/// # Errors
/// [`UserError`]: not running, unreachable.
pub async fn list(
    app: &App,
    allowed: &Allowed<SeeServiceUsers>,
    service: &str,
    request: &PageRequest,
) -> Result<Page<UserView>, UserError> {
    let service = services::find_running(app, allowed, service).await?;
    let mut users = services::server(app, &service).await?.users().await?;
    if let Some(needle) = request.needle() {
        users.retain(|user| user.name.to_lowercase().contains(&needle));
    }
    let page = cut(users, request);
    let mut tx = app.store.read(allowed).await?;
    let known = known_of(&mut tx, &service, &page).await?;
    Ok(page.map(|user| merge(&service, &user, known.get(&user.name))))
}

/// Sorts by what was asked for, then by name, and cuts the page.
fn cut(users: Vec<User>, request: &PageRequest) -> Page<User> {
    let field = request.sort().map_or("username", |sort| sort.field).to_owned();
    Page::of_all(users, request, |user| match field.as_str() {
        "access" => format!("{} {}", access(user), user.name),
        "password_encryption" => {
            format!("{} {}", user.password_encryption.map_or("", PasswordEncryption::as_str), user.name)
        }
        _ => user.name.clone(),
    })
}

/// From the one to whom nothing is forbidden to the one who may only read.
const fn access(user: &User) -> u8 {
    match (user.superuser, user.replication, user.read_only) {
        (true, ..) => 0,
        (_, true, _) => 1,
        (_, _, false) => 2,
        _ => 3,
    }
}

async fn known_of(
    tx: &mut crate::ground::store::ReadTx,
    service: &Service,
    page: &Page<User>,
) -> Result<HashMap<String, Row>, UserError> {
    let names = || page.items.iter().map(|user| user.name.as_str());
    let (Some(first), Some(last)) = (names().min(), names().max()) else { return Ok(HashMap::new()) };
    let rows = store::between(tx, service.key, first, last).await?;
    Ok(rows.into_iter().map(|row| (row.username.clone(), row)).collect())
}

/// One user.
///
/// # Errors
/// [`UserError::Unknown`].
pub async fn show(
    app: &App,
    allowed: &Allowed<SeeServiceUsers>,
    service: &str,
    username: &str,
) -> Result<UserView, UserError> {
    let service = services::find_running(app, allowed, service).await?;
    view(app, &service, username).await
}

pub(super) async fn view(app: &App, service: &Service, username: &str) -> Result<UserView, UserError> {
    let found = services::server(app, service).await?.user(username).await?;
    let user = found.filter(|user| user.can_login).ok_or(UserError::Unknown)?;
    let proof = System::<FinishWork>::named(Resource::new("service_user", username));
    let row = store::find(&mut app.store.read(&proof).await?, service.key, username).await?;
    Ok(merge(service, &user, row.as_ref()))
}

fn merge(service: &Service, user: &User, row: Option<&Row>) -> UserView {
    let is_own = user.name == service.admin_username;
    UserView {
        username: user.name.clone(),
        read_only: user.read_only,
        replication: user.replication,
        protected: is_own || row.is_some_and(|row| row.protected),
        superuser: user.superuser,
        password_encryption: user.password_encryption.map(PasswordEncryption::as_str).map(str::to_owned),
        managed: row.is_some() || (is_own && service.mode == Mode::Managed),
        valid_until: user.valid_until.map(At::from_millis),
        created_at: row
            .map(|row| row.created_at)
            .or((is_own && service.mode == Mode::Managed).then_some(service.created_at)),
        created_by: row.map(|row| row.created_by.clone()),
        password_changed_at: row.filter(|row| row.password.is_some()).map(|row| row.password_changed_at),
    }
}

/// What deleting a user would touch, to be shown before anybody is asked to confirm it (S6).
///
/// # Errors
/// [`UserError::Unknown`].
pub async fn deletion_preview(
    app: &App,
    allowed: &Allowed<SeeServiceUsers>,
    service: &str,
    username: &str,
) -> Result<DeletionView, UserError> {
    let service = services::find_running(app, allowed, service).await?;
    let preview = services::server(app, &service).await?.deletion_preview(username).await?;
    Ok(shown(preview))
}

fn shown(preview: DeletionPreview) -> DeletionView {
    let mut shown = DeletionView {
        objects: preview.holdings.iter().map(|holdings| holdings.count).sum(),
        first_objects: Vec::new(),
        databases: preview.databases,
        sessions: preview.sessions,
        memberships: preview
            .memberships_given
            .iter()
            .map(|one| format!("{} to {}", one.role, one.member))
            .collect(),
        foreign_logins: Vec::new(),
        definer_routines: Vec::new(),
        prepared_transactions: preview.prepared_transactions,
        unseen: preview.unseen,
    };
    for holdings in preview.holdings {
        let named = |what: &str| format!("{what} in {}", holdings.database);
        shown
            .first_objects
            .extend(holdings.first.iter().map(|one| named(&format!("{} {}", one.kind, one.name))));
        shown.foreign_logins.extend(holdings.user_mappings.iter().map(|one| named(one)));
        shown.definer_routines.extend(holdings.definer_routines.iter().map(|one| named(one)));
    }
    shown
}
