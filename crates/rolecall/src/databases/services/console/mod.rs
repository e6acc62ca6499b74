//! The pages of services: the lists, the forms of new ones, and a service's Overview.

mod list;
mod new;
mod overview;

use super::{Mode, ServiceLine, ServiceView, State};
use crate::app::App;
use crate::databases::services::{self, ServiceError};
use crate::ground::access::{
    ActionId, Allowed, DeleteService, EditService, ListProjects, Own, Project, RestartService, SeeSelf,
    SeeServices, StartService, StopService,
};
use crate::ground::web::body::{Form, ListQuery};
use crate::ground::web::page::{
    Crumb, Mood, Shell, Tab, empty, head, note, or_why, page, state, tabs, tag, watching_page,
};
use crate::ground::web::problem::Problem;
use crate::ground::web::reply::Turn;
use crate::ground::web::routes::Routes;
use axum::extract::{Path, State as Ours};
use axum::http::header;
use axum::response::{IntoResponse, Redirect, Response};
use maud::{Markup, html};
use serde::Deserialize;

/// The routes of this slice.
#[must_use]
pub fn routes() -> Routes {
    Routes::new()
        .get("/", "The start page: the services of the current organization", start_page)
        .get("/o/{org}", "The start page of an organization", organization_page)
        .get("/o/{org}/services", "The services one may see in an organization", all)
        .get("/o/{org}/projects/{project}", "A project's services", project_page)
        .get("/o/{org}/projects/{project}/services", "A project's services", of_project)
        .get("/o/{org}/projects/{project}/services/{service}", "A service's Overview", show)
        .post("/o/{org}/projects/{project}/services/{service}/start", "Start a service", start)
        .post("/o/{org}/projects/{project}/services/{service}/stop", "Stop a service", stop)
        .post("/o/{org}/projects/{project}/services/{service}/restart", "Restart a service", restart)
        .get(
            "/o/{org}/projects/{project}/services/{service}/rename",
            "The form of a service's name",
            ask_name,
        )
        .post("/o/{org}/projects/{project}/services/{service}/rename", "Rename a service", rename)
        .get("/o/{org}/projects/{project}/services/{service}/delete", "Ask before a service is deleted", ask)
        .post("/o/{org}/projects/{project}/services/{service}/delete", "Delete a service", delete)
        .get(
            "/authority.pem",
            "The certificate that managed services' certificates are signed with",
            authority,
        )
        .and(new::routes())
}

/// Organization, project and service.
pub type Names = Path<(String, String, String)>;

#[derive(Deserialize)]
struct NameForm {
    #[serde(default)]
    name: String,
}

#[derive(Deserialize)]
struct ConfirmForm {
    #[serde(default)]
    confirm: String,
}

async fn start_page(own: Own<SeeSelf>) -> Redirect {
    Redirect::to(&format!("/o/{}/services", own.actor().organization()))
}

async fn organization_page(shell: Shell, _: Allowed<ListProjects>) -> Redirect {
    Redirect::to(&shell.at("/services"))
}

async fn project_page(shell: Shell, allowed: Allowed<SeeServices>) -> Redirect {
    Redirect::to(&shell.at(&format!("/projects/{}/services", allowed.project().name)))
}

async fn all(
    Ours(app): Ours<App>,
    shell: Shell,
    allowed: Allowed<ListProjects>,
    query: ListQuery,
) -> Result<Markup, Problem> {
    let request = query.by(services::LINE_SORTS)?;
    let found = services::all(&app, &allowed, &request).await?;
    Ok(list::all_page(&shell, &found, &request))
}

async fn of_project(
    Ours(app): Ours<App>,
    shell: Shell,
    allowed: Allowed<SeeServices>,
    query: ListQuery,
) -> Result<Markup, Problem> {
    let request = query.by(services::LINE_SORTS)?;
    let found = services::of_project(&app, &allowed, &request).await?;
    Ok(list::project_page(&shell, allowed.project(), &found, &request))
}

async fn show(
    Ours(app): Ours<App>,
    shell: Shell,
    allowed: Allowed<SeeServices>,
    Path((_, _, name)): Names,
) -> Result<Markup, Problem> {
    let service = services::show(&app, &allowed, &name).await?;
    let confinement = services::confinement(&app, &allowed, &name).await.ok().flatten();
    Ok(overview::overview_page(&shell, allowed.project(), &service, confinement.as_ref()))
}

async fn start(
    Ours(app): Ours<App>,
    shell: Shell,
    allowed: Allowed<StartService>,
    Path((_, _, name)): Names,
) -> Result<Turn, Problem> {
    let service = services::start(&app, &allowed, &name).await?;
    Ok(Turn::to(address(&shell, &service)).saying(&done(&service)))
}

async fn stop(
    Ours(app): Ours<App>,
    shell: Shell,
    allowed: Allowed<StopService>,
    Path((_, _, name)): Names,
) -> Result<Turn, Problem> {
    let service = services::stop(&app, &allowed, &name).await?;
    Ok(Turn::to(address(&shell, &service)).saying(&done(&service)))
}

async fn restart(
    Ours(app): Ours<App>,
    shell: Shell,
    allowed: Allowed<RestartService>,
    Path((_, _, name)): Names,
) -> Result<Turn, Problem> {
    let service = services::restart(&app, &allowed, &name).await?;
    Ok(Turn::to(address(&shell, &service)).saying(&done(&service)))
}

fn done(service: &ServiceView) -> String {
    format!("The service {} is {}.", service.name, word(service.state).to_lowercase())
}

async fn ask_name(
    Ours(app): Ours<App>,
    shell: Shell,
    allowed: Allowed<EditService>,
    Path((_, _, name)): Names,
) -> Result<Markup, Problem> {
    let service = services::show(&app, &allowed.also()?, &name).await?;
    Ok(overview::rename_page(&shell, &service, &name, None))
}

async fn rename(
    Ours(app): Ours<App>,
    shell: Shell,
    allowed: Allowed<EditService>,
    Path((_, _, name)): Names,
    Form(typed): Form<NameForm>,
) -> Result<Response, Problem> {
    let service = services::show(&app, &allowed.also()?, &name).await?;
    Ok(match services::rename(&app, &allowed, &name, &typed.name).await.map_err(at_name) {
        Ok(service) => {
            Turn::to(address(&shell, &service)).saying("The service has its new name.").into_response()
        }
        Err(problem) => {
            (problem.status_code(), overview::rename_page(&shell, &service, &typed.name, Some(&problem)))
                .into_response()
        }
    })
}

async fn ask(
    Ours(app): Ours<App>,
    shell: Shell,
    allowed: Allowed<DeleteService>,
    Path((_, _, name)): Names,
) -> Result<Markup, Problem> {
    let service = services::show(&app, &allowed.also()?, &name).await?;
    Ok(overview::delete_page(&shell, &service, None))
}

async fn delete(
    Ours(app): Ours<App>,
    shell: Shell,
    allowed: Allowed<DeleteService>,
    Path((_, _, name)): Names,
    Form(typed): Form<ConfirmForm>,
) -> Result<Response, Problem> {
    if let Some(problem) = Problem::unless_typed(&typed.confirm, &name) {
        let service = services::show(&app, &allowed.also()?, &name).await?;
        return Ok(
            (problem.status_code(), overview::delete_page(&shell, &service, Some(&problem))).into_response()
        );
    }
    let notice = match services::delete(&app, &allowed, &name).await {
        Err(ServiceError::Unfinished) => format!("The service {name} is being deleted."),
        other => other.map(|()| format!("The service {name} is deleted."))?,
    };
    Ok(Turn::to(shell.at("/services")).saying(&notice).into_response())
}

async fn authority(Ours(app): Ours<App>, _: Own<SeeSelf>) -> Response {
    let certificate = app.fleet.home().authority().certificate_pem().to_owned();
    let headers = [
        (header::CONTENT_TYPE, "application/x-pem-file"),
        (header::CONTENT_DISPOSITION, "attachment; filename=\"rolecall-authority.pem\""),
    ];
    (headers, certificate).into_response()
}

/// A name that is taken is told at its field.
fn at_name(error: ServiceError) -> Problem {
    match error {
        ServiceError::Taken => Problem::field("name", Problem::from(ServiceError::Taken).detail),
        other => other.into(),
    }
}

/// Where a service's Overview is.
#[must_use]
pub fn address(shell: &Shell, service: &ServiceView) -> String {
    shell.at(&format!("/projects/{}/services/{}", service.project, service.name))
}

/// A state in one word.
const fn word(state: State) -> &'static str {
    match state {
        State::Creating => "Being made",
        State::Running => "Running",
        State::Stopped => "Stopped",
        State::Starting => "Starting",
        State::Stopping => "Stopping",
        State::Failed => "Failed",
        State::Unreachable => "Unreachable",
    }
}

fn state_of(service: State) -> Markup {
    let mood = match service {
        State::Running => Mood::Good,
        State::Stopped => Mood::Plain,
        State::Creating | State::Starting | State::Stopping => Mood::Warn,
        State::Failed | State::Unreachable => Mood::Bad,
    };
    state(mood, word(service))
}

/// `17.10`, of `17.10 (Debian 17.10-1)`.
fn short(version: &str) -> &str {
    version.split(' ').next().unwrap_or(version)
}

/// `127.0.0.1:5433`, once the port is chosen.
fn socket(host: &str, port: i64) -> String {
    match (host.contains(':'), port) {
        (_, 0) => "–".to_owned(),
        (true, port) => format!("[{host}]:{port}"),
        (false, port) => format!("{host}:{port}"),
    }
}

/// A page of a service: its name and state, its tabs, and what the tab shows.
#[must_use]
pub fn service_page(
    shell: &Shell,
    service: &ServiceView,
    tab: &str,
    acts: &Markup,
    content: &Markup,
) -> Markup {
    let path = address(shell, service);
    let is_changing = matches!(service.state, State::Creating | State::Starting | State::Stopping);
    let crumbs = crumbs_to(shell, service);
    let (title, crumbs) = match (tab, &crumbs) {
        ("Overview", [to_project, _]) => (&*service.name, std::slice::from_ref(to_project)),
        _ => (tab, crumbs.as_slice()),
    };
    let beside = html! {
        (state_of(service.state))
        (tag(Mood::Plain, &format!("PostgreSQL {}", short(&service.version))))
        @if service.mode == Mode::Attached { (tag(Mood::Plain, "Attached")) }
    };
    let content = html! {
        (head(&service.name, &beside, acts))
        (tabs(tab, &[
            Tab::new("Overview", path.clone()),
            Tab::new("Users", format!("{path}/users")),
            Tab::new("Databases", format!("{path}/databases")),
        ]))
        (content)
    };
    let draw = if is_changing { watching_page } else { page };
    draw(shell, title, crumbs, &content)
}

/// The way to a service's inner pages.
#[must_use]
pub fn crumbs_to(shell: &Shell, service: &ServiceView) -> [Crumb; 2] {
    let project = shell.at(&format!("/projects/{}/services", service.project));
    [Crumb::new(&*service.project, project), Crumb::new(&*service.name, address(shell, service))]
}

/// In place of a list that cannot be had now: why, and what can be done about it.
#[must_use]
pub fn not_now(shell: &Shell, project: &Project, service: &ServiceView, problem: &Problem) -> Markup {
    if service.mode == Mode::Attached || !matches!(service.state, State::Stopped | State::Failed) {
        return note(Mood::Warn, &html! { p { (problem.detail) } });
    }
    let why = shell.why_not(ActionId::StartService, project);
    let start = html! {
        form method="post" action={ (address(shell, service)) "/start" } {
            (shell.token())
            button.btn.primary { "Start" }
        }
    };
    let text = html! { (problem.detail) };
    empty("services", "Not while it is stopped", &text, &or_why(why.as_deref(), "Start", &start))
}
