//! `/projects/{project}/services/{service}/users`.

use super::{DeletionView, NewServiceUser, UserError, UserView, WithPassword};
use crate::app::App;
use crate::ground::access::{
    AdoptServiceUser, Allowed, ChangePassword, ChangeReplication, CreateServiceUser, DeleteServiceUser,
    RevealPassword, SeeServiceUsers,
};
use crate::ground::secret::Secret;
use crate::ground::web::body::{Body, ListQuery, OptionalBody};
use crate::ground::web::problem::Problem;
use crate::ground::web::reply::{Created, Gone, Listed, Shown};
use crate::ground::web::routes::Routes;
use axum::extract::{Path, State};
use axum::http::StatusCode;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// The routes of this slice.
#[must_use]
pub fn routes() -> Routes {
    Routes::new()
        .get(
            "/api/v1/projects/{project}/services/{service}/users",
            "List a service's users, as the server tells them",
            list,
        )
        .post("/api/v1/projects/{project}/services/{service}/users", "Make a service user", create)
        .get("/api/v1/projects/{project}/services/{service}/users/{username}", "Show a service user", show)
        .patch(
            "/api/v1/projects/{project}/services/{service}/users/{username}",
            "Allow or end replication",
            edit,
        )
        .delete(
            "/api/v1/projects/{project}/services/{service}/users/{username}",
            "Delete a service user",
            delete,
        )
        .get(
            "/api/v1/projects/{project}/services/{service}/users/{username}/deletion",
            "What deleting a user would touch",
            preview,
        )
        .post(
            "/api/v1/projects/{project}/services/{service}/users/{username}/adopt",
            "Take an unmanaged user over",
            adopt,
        )
        .post(
            "/api/v1/projects/{project}/services/{service}/users/{username}/reveal",
            "Read a password, which is recorded",
            reveal,
        )
        .put(
            "/api/v1/projects/{project}/services/{service}/users/{username}/password",
            "Set or generate a password",
            set_password,
        )
}

/// A service user to be made.
#[derive(Debug, Deserialize, ToSchema)]
#[schema(as = NewServiceUser)]
#[serde(deny_unknown_fields)]
pub struct NewUser {
    /// 6 to 32 letters, digits and underscores, a letter first.
    username: String,
    /// 24 to 64 characters without quotes; empty or left out: one is generated.
    #[serde(default)]
    #[schema(value_type = Option<String>, format = Password)]
    password: Option<Secret>,
    /// It reads everything and changes nothing.
    #[serde(default)]
    read_only: bool,
    /// It may replicate, which reads everything, password hashes too.
    #[serde(default)]
    replication: bool,
}

/// What can be changed of a service user.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct ServiceUserEdit {
    /// Whether it may replicate.
    #[serde(default)]
    replication: Option<bool>,
}

/// A new password.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct NewPassword {
    /// 24 to 64 characters without quotes; empty or left out: one is generated.
    #[serde(default)]
    #[schema(value_type = Option<String>, format = Password)]
    password: Option<Secret>,
}

/// A user, with its password if that was generated.
#[derive(Debug, Serialize, ToSchema)]
pub struct CreatedServiceUser {
    /// The user.
    #[serde(flatten)]
    user: UserView,
    /// The generated password, shown this once.
    #[serde(skip_serializing_if = "Option::is_none")]
    password: Option<String>,
}

/// A new password's answer.
#[derive(Debug, Serialize, ToSchema)]
pub struct ChangedPassword {
    /// Whose.
    username: String,
    /// The generated password, shown this once.
    #[serde(skip_serializing_if = "Option::is_none")]
    password: Option<String>,
}

/// What a reveal tells.
#[derive(Debug, Serialize, ToSchema)]
pub struct RevealedPassword {
    /// The password; null where the database holds another one than ours.
    password: Option<String>,
    /// Why there is none, and what to do.
    #[serde(skip_serializing_if = "Option::is_none")]
    hint: Option<&'static str>,
}

type Names = Path<(String, String)>;
type NamesOfUser = Path<(String, String, String)>;

fn text(password: Option<&Secret>) -> Option<String> {
    password.map(|password| password.expose().to_owned())
}

async fn list(
    State(app): State<App>,
    allowed: Allowed<SeeServiceUsers>,
    Path((_, service)): Names,
    query: ListQuery,
) -> Result<Listed<UserView>, Problem> {
    Ok(Listed(super::list(&app, &allowed, &service, &query.by(super::SORTS)?).await?))
}

async fn create(
    State(app): State<App>,
    allowed: Allowed<CreateServiceUser>,
    Path((project, service)): Names,
    Body(new): Body<NewUser>,
) -> Result<Created<CreatedServiceUser>, Problem> {
    let NewUser { username, password, read_only, replication } = new;
    let new = NewServiceUser { username, password, read_only, replication };
    let WithPassword { user, password } = super::create(&app, &allowed, &service, &new).await?;
    let location = format!("/api/v1/projects/{project}/services/{service}/users/{}", user.username);
    Ok(Created { location, thing: CreatedServiceUser { user, password: text(password.as_ref()) } })
}

async fn show(
    State(app): State<App>,
    allowed: Allowed<SeeServiceUsers>,
    Path((_, service, username)): NamesOfUser,
) -> Result<Shown<UserView>, Problem> {
    Ok(Shown(super::show(&app, &allowed, &service, &username).await?))
}

async fn edit(
    State(app): State<App>,
    allowed: Allowed<ChangeReplication>,
    Path((_, service, username)): NamesOfUser,
    Body(edit): Body<ServiceUserEdit>,
) -> Result<Shown<UserView>, Problem> {
    match edit.replication {
        Some(wish) => Ok(Shown(super::set_replication(&app, &allowed, &service, &username, wish).await?)),
        None => Ok(Shown(super::show(&app, &allowed.also()?, &service, &username).await?)),
    }
}

async fn delete(
    State(app): State<App>,
    allowed: Allowed<DeleteServiceUser>,
    Path((_, service, username)): NamesOfUser,
) -> Result<Gone, Problem> {
    super::delete(&app, &allowed, &service, &username).await?;
    Ok(Gone)
}

async fn preview(
    State(app): State<App>,
    allowed: Allowed<SeeServiceUsers>,
    Path((_, service, username)): NamesOfUser,
) -> Result<Shown<DeletionView>, Problem> {
    Ok(Shown(super::deletion_preview(&app, &allowed, &service, &username).await?))
}

async fn adopt(
    State(app): State<App>,
    allowed: Allowed<AdoptServiceUser>,
    Path((_, service, username)): NamesOfUser,
) -> Result<Shown<UserView>, Problem> {
    Ok(Shown(super::adopt(&app, &allowed, &service, &username).await?))
}

async fn reveal(
    State(app): State<App>,
    allowed: Allowed<RevealPassword>,
    Path((_, service, username)): NamesOfUser,
) -> Result<Shown<RevealedPassword>, Problem> {
    let revealed = super::reveal(&app, &allowed, &service, &username).await?;
    Ok(Shown(RevealedPassword { password: text(revealed.password.as_ref()), hint: revealed.hint }))
}

async fn set_password(
    State(app): State<App>,
    allowed: Allowed<ChangePassword>,
    Path((_, service, username)): NamesOfUser,
    OptionalBody(new): OptionalBody<NewPassword>,
) -> Result<Shown<ChangedPassword>, Problem> {
    let changed = super::set_password(&app, &allowed, &service, &username, new.password.as_ref()).await?;
    Ok(Shown(ChangedPassword { username, password: text(changed.password.as_ref()) }))
}

impl From<UserError> for Problem {
    fn from(error: UserError) -> Self {
        match error {
            UserError::Unknown => Self::not_found(),
            UserError::Username(error) => Self::field("username", error.to_string()),
            UserError::Password(error) => Self::field("password", error.to_string()),
            UserError::ReadOnlyReplication => Self::field(
                "replication",
                "A read-only user cannot replicate, since replication reads everything, password hashes too; choose one.",
            ),
            UserError::Taken => Self::conflict(
                "already_exists",
                "This service has a user of that name already; choose another name.",
            ),
            UserError::Protected => Self::conflict(
                "protected",
                "This user is protected: the service needs it, so it cannot be deleted or changed in this way.",
            ),
            UserError::OwnLogin => Self::conflict(
                "protected",
                "Rolecall itself signs in as this user to look after the service, so it cannot be changed or deleted here.",
            ),
            UserError::Managed => Self::conflict(
                "already_exists",
                "Rolecall manages this user already; there is nothing to adopt.",
            ),
            UserError::Unmanaged => Self::conflict(
                "unmanaged",
                "This user was made outside Rolecall; adopt it first, then change it.",
            ),
            UserError::Busy => Self::conflict(
                "busy",
                "Another change to this user is not finished yet; try again in a moment.",
            ),
            UserError::Unproved(reason) => Self::new(
                StatusCode::BAD_GATEWAY,
                "not_confirmed",
                format!("The change could not be confirmed: {reason}."),
            ),
            UserError::Service(error) => error.into(),
            UserError::Engine(error) => error.into(),
            UserError::Vault(error) => Self::internal(&error),
            UserError::Store(error) => error.into(),
        }
    }
}
