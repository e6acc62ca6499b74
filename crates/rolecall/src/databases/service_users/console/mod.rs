//! A service's Users tab (User Management): the list, and what can be done with each user (M7, S1–S6).

mod forms;
mod list;

use super::{NewServiceUser, Revealed, UserError, UserView, WithPassword};
use crate::app::App;
use crate::databases::services::{self, console::Names};
use crate::ground::access::{
    AdoptServiceUser, Allowed, ChangePassword, ChangeReplication, CreateServiceUser, DeleteServiceUser,
    RevealPassword, SeeServiceUsers,
};
use crate::ground::secret::Secret;
use crate::ground::store::{Page, PageRequest};
use crate::ground::web::body::{Form, ListQuery};
use crate::ground::web::page::Shell;
use crate::ground::web::page::list::encode;
use crate::ground::web::problem::Problem;
use crate::ground::web::reply::Turn;
use crate::ground::web::routes::Routes;
use axum::extract::{Path, State};
use axum::response::{IntoResponse, Response};
use maud::Markup;
use serde::Deserialize;

/// The routes of this slice.
#[must_use]
pub fn routes() -> Routes {
    Routes::new()
        .get("/o/{org}/projects/{project}/services/{service}/users", "A service's users", list)
        .post("/o/{org}/projects/{project}/services/{service}/users", "Make a service user", create)
        .get("/o/{org}/projects/{project}/services/{service}/users/new", "The form of a new user", new)
        .post(
            "/o/{org}/projects/{project}/services/{service}/users/{username}/reveal",
            "Show a password",
            reveal,
        )
        .get(
            "/o/{org}/projects/{project}/services/{service}/users/{username}/password",
            "The form of a new password",
            ask_password,
        )
        .post(
            "/o/{org}/projects/{project}/services/{service}/users/{username}/password",
            "Set or generate a password",
            set_password,
        )
        .post(
            "/o/{org}/projects/{project}/services/{service}/users/{username}/replication",
            "Allow or end replication",
            replication,
        )
        .post(
            "/o/{org}/projects/{project}/services/{service}/users/{username}/adopt",
            "Take an unmanaged user over",
            adopt,
        )
        .get(
            "/o/{org}/projects/{project}/services/{service}/users/{username}/delete",
            "Ask before a user is deleted",
            ask,
        )
        .post(
            "/o/{org}/projects/{project}/services/{service}/users/{username}/delete",
            "Delete a user",
            delete,
        )
}

/// Organization, project, service and user.
type NamesOfUser = Path<(String, String, String, String)>;

#[derive(Deserialize, Default)]
#[serde(default)]
struct UserForm {
    username: String,
    password: String,
    again: String,
    read_only: bool,
    replication: bool,
}

#[derive(Deserialize, Default)]
#[serde(default)]
struct PasswordForm {
    password: String,
    again: String,
}

#[derive(Deserialize)]
struct ReplicationForm {
    replication: bool,
}

#[derive(Deserialize)]
struct ConfirmForm {
    #[serde(default)]
    confirm: String,
}

/// What the list says above or within itself, this once.
enum Said {
    Nothing,
    Made(WithPassword),
    Changed(WithPassword),
    Revealed(String, Revealed),
}

async fn list(
    State(app): State<App>,
    shell: Shell,
    allowed: Allowed<SeeServiceUsers>,
    Path((_, _, service)): Names,
    query: ListQuery,
) -> Result<Markup, Problem> {
    let request = query.by(super::SORTS)?;
    tab(&app, &shell, &allowed, &service, &request, &Said::Nothing).await
}

/// The tab; while the service does not run, it says so in place of the list.
async fn tab(
    app: &App,
    shell: &Shell,
    allowed: &Allowed<SeeServiceUsers>,
    name: &str,
    request: &PageRequest,
    said: &Said,
) -> Result<Markup, Problem> {
    let service = services::show(app, &allowed.also()?, name).await?;
    let found = super::list(app, allowed, name, request).await.map_err(Problem::from);
    Ok(list::tab_page(
        &list::Here { shell, project: allowed.project(), service: &service },
        &found,
        request,
        said,
    ))
}

async fn new(
    State(app): State<App>,
    shell: Shell,
    allowed: Allowed<CreateServiceUser>,
    Path((_, _, name)): Names,
) -> Result<Markup, Problem> {
    let service = services::show(&app, &allowed.also()?, &name).await?;
    Ok(forms::new_page(&shell, &service, &UserForm::default(), None))
}

async fn create(
    State(app): State<App>,
    shell: Shell,
    allowed: Allowed<CreateServiceUser>,
    Path((_, _, name)): Names,
    Form(typed): Form<UserForm>,
) -> Result<Response, Problem> {
    match typed.wanted() {
        Ok(new) => match super::create(&app, &allowed, &name, &new).await.map_err(at_name) {
            Ok(made) => {
                let request = PageRequest::default();
                Ok(tab(&app, &shell, &allowed.also()?, &name, &request, &Said::Made(made))
                    .await?
                    .into_response())
            }
            Err(problem) => refused(&app, &shell, &allowed, &name, &typed, &problem).await,
        },
        Err(problem) => refused(&app, &shell, &allowed, &name, &typed, &problem).await,
    }
}

async fn refused(
    app: &App,
    shell: &Shell,
    allowed: &Allowed<CreateServiceUser>,
    name: &str,
    typed: &UserForm,
    problem: &Problem,
) -> Result<Response, Problem> {
    let service = services::show(app, &allowed.also()?, name).await?;
    Ok((problem.status_code(), forms::new_page(shell, &service, typed, Some(problem))).into_response())
}

async fn reveal(
    State(app): State<App>,
    shell: Shell,
    allowed: Allowed<RevealPassword>,
    Path((_, _, service, username)): NamesOfUser,
    query: ListQuery,
) -> Result<Markup, Problem> {
    let request = query.by(super::SORTS)?;
    let revealed = super::reveal(&app, &allowed, &service, &username).await?;
    tab(&app, &shell, &allowed.also()?, &service, &request, &Said::Revealed(username, revealed)).await
}

async fn ask_password(
    State(app): State<App>,
    shell: Shell,
    allowed: Allowed<ChangePassword>,
    Path((_, _, name, username)): NamesOfUser,
) -> Result<Markup, Problem> {
    let service = services::show(&app, &allowed.also()?, &name).await?;
    Ok(forms::password_page(&shell, &service, &username, None))
}

async fn set_password(
    State(app): State<App>,
    shell: Shell,
    allowed: Allowed<ChangePassword>,
    Path((_, _, name, username)): NamesOfUser,
    Form(typed): Form<PasswordForm>,
) -> Result<Response, Problem> {
    let outcome = match chosen(&typed.password, &typed.again) {
        Ok(password) => super::set_password(&app, &allowed, &name, &username, password.as_ref()).await,
        Err(problem) => return asked_again(&app, &shell, &allowed, &name, &username, &problem).await,
    };
    match outcome.map_err(Problem::from) {
        Ok(changed) => {
            let (request, said) = (PageRequest::default(), Said::Changed(changed));
            Ok(tab(&app, &shell, &allowed.also()?, &name, &request, &said).await?.into_response())
        }
        Err(problem) => asked_again(&app, &shell, &allowed, &name, &username, &problem).await,
    }
}

async fn asked_again(
    app: &App,
    shell: &Shell,
    allowed: &Allowed<ChangePassword>,
    name: &str,
    username: &str,
    problem: &Problem,
) -> Result<Response, Problem> {
    let service = services::show(app, &allowed.also()?, name).await?;
    Ok((problem.status_code(), forms::password_page(shell, &service, username, Some(problem)))
        .into_response())
}

async fn replication(
    State(app): State<App>,
    shell: Shell,
    allowed: Allowed<ChangeReplication>,
    Path((_, project, service, username)): NamesOfUser,
    Form(typed): Form<ReplicationForm>,
) -> Result<Turn, Problem> {
    super::set_replication(&app, &allowed, &service, &username, typed.replication).await?;
    let may = if typed.replication { "may replicate now" } else { "may no longer replicate" };
    Ok(Turn::to(address(&shell, &project, &service)).saying(&format!("{username} {may}.")))
}

async fn adopt(
    State(app): State<App>,
    shell: Shell,
    allowed: Allowed<AdoptServiceUser>,
    Path((_, project, service, username)): NamesOfUser,
) -> Result<Turn, Problem> {
    super::adopt(&app, &allowed, &service, &username).await?;
    let notice = format!("{username} is managed by Rolecall now. Set a new password to know it here.");
    Ok(Turn::to(address(&shell, &project, &service)).saying(&notice))
}

async fn ask(
    State(app): State<App>,
    shell: Shell,
    allowed: Allowed<DeleteServiceUser>,
    Path((_, _, name, username)): NamesOfUser,
) -> Result<Markup, Problem> {
    let service = services::show(&app, &allowed.also()?, &name).await?;
    let preview = super::deletion_preview(&app, &allowed.also()?, &name, &username).await?;
    Ok(forms::delete_page(&shell, &service, &username, &preview, None))
}

async fn delete(
    State(app): State<App>,
    shell: Shell,
    allowed: Allowed<DeleteServiceUser>,
    Path((_, project, name, username)): NamesOfUser,
    Form(typed): Form<ConfirmForm>,
) -> Result<Response, Problem> {
    let outcome = match Problem::unless_typed(&typed.confirm, &username) {
        None => super::delete(&app, &allowed, &name, &username).await.map_err(Problem::from),
        Some(problem) => Err(problem),
    };
    let Err(problem) = outcome else {
        return Ok(Turn::to(address(&shell, &project, &name))
            .saying(&format!("{username} is deleted."))
            .into_response());
    };
    let service = services::show(&app, &allowed.also()?, &name).await?;
    let preview = super::deletion_preview(&app, &allowed.also()?, &name, &username).await?;
    let page = forms::delete_page(&shell, &service, &username, &preview, Some(&problem));
    Ok((problem.status_code(), page).into_response())
}

/// Where a service's users are.
fn address(shell: &Shell, project: &str, service: &str) -> String {
    shell.at(&format!("/projects/{}/services/{}/users", encode(project), encode(service)))
}

/// A name that is taken is told at its field.
fn at_name(error: UserError) -> Problem {
    match error {
        UserError::Taken => Problem::field("username", Problem::from(UserError::Taken).detail),
        other => other.into(),
    }
}

/// The password that was typed twice; none was typed: one is generated.
fn chosen(password: &str, again: &str) -> Result<Option<Secret>, Problem> {
    if password != again {
        return Err(Problem::field("again", "The two passwords differ; type the same twice."));
    }
    Ok((!password.is_empty()).then(|| Secret::new(password)))
}

impl UserForm {
    fn wanted(&self) -> Result<NewServiceUser, Problem> {
        Ok(NewServiceUser {
            username: self.username.trim().to_owned(),
            password: chosen(&self.password, &self.again)?,
            read_only: self.read_only,
            replication: self.replication,
        })
    }
}

/// The users that were found, or why there is no list.
type Found = Result<Page<UserView>, Problem>;
