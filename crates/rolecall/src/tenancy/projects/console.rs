//! The pages of projects: list, create, rename, delete.

use super::{ProjectError, ProjectView};
use crate::app::App;
use crate::ground::access::{
    ActionId, Allowed, CreateProject, DeleteProject, ListProjects, Project, RenameProject, SeeProject,
};
use crate::ground::seen::Seen;
use crate::ground::store::{Page, PageRequest};
use crate::ground::web::body::{Form, ListQuery};
use crate::ground::web::page::form::Losing;
use crate::ground::web::page::parts::{count, icon};
use crate::ground::web::page::{
    Crumb, Input, Listing, Shell, Tab, complaint, confirm_by_name, empty, head, or_why, page, tabs, when,
};
use crate::ground::web::problem::Problem;
use crate::ground::web::reply::Turn;
use crate::ground::web::routes::Routes;
use axum::extract::State;
use axum::response::{IntoResponse, Response};
use maud::{Markup, html};
use serde::Deserialize;

/// The routes of this slice.
#[must_use]
pub fn routes() -> Routes {
    Routes::new()
        .get("/o/{org}/projects", "The projects of an organization", list)
        .post("/o/{org}/projects", "Make a project", create)
        .get("/o/{org}/projects/new", "The form of a new project", new)
        .get("/o/{org}/projects/{project}/settings", "The settings of a project", settings)
        .post("/o/{org}/projects/{project}/settings", "Rename a project", rename)
        .get("/o/{org}/projects/{project}/delete", "Ask before a project is deleted", ask)
        .post("/o/{org}/projects/{project}/delete", "Delete a project", delete)
}

#[derive(Deserialize, Default)]
struct NameForm {
    #[serde(default)]
    name: String,
}

#[derive(Deserialize)]
struct ConfirmForm {
    #[serde(default)]
    confirm: String,
}

async fn list(
    State(app): State<App>,
    shell: Shell,
    allowed: Allowed<ListProjects>,
    query: ListQuery,
) -> Result<Markup, Problem> {
    let request = query.by(super::SORTS)?;
    let found = super::list(&app, &allowed, &request).await?;
    Ok(list_page(&shell, &found, &request))
}

async fn new(shell: Shell, _: Allowed<CreateProject>) -> Markup {
    new_page(&shell, "", None)
}

async fn create(
    State(app): State<App>,
    shell: Shell,
    allowed: Allowed<CreateProject>,
    Form(typed): Form<NameForm>,
) -> Response {
    match super::create(&app, &allowed, &typed.name).await.map_err(at_name) {
        Ok(made) => {
            let notice = format!("The project {} was made. It takes services now.", made.name);
            Turn::to(shell.at(&format!("/projects/{}/services", made.name))).saying(&notice).into_response()
        }
        Err(problem) => {
            (problem.status_code(), new_page(&shell, &typed.name, Some(&problem))).into_response()
        }
    }
}

async fn settings(shell: Shell, allowed: Allowed<SeeProject>) -> Markup {
    settings_page(&shell, allowed.project(), &allowed.project().name, None)
}

async fn rename(
    State(app): State<App>,
    shell: Shell,
    allowed: Allowed<RenameProject>,
    Form(typed): Form<NameForm>,
) -> Response {
    match super::rename(&app, &allowed, &typed.name, &Seen::Anything).await.map_err(at_name) {
        Ok(project) => {
            let notice = format!("The project is called {} now.", project.name);
            Turn::to(shell.at(&format!("/projects/{}/settings", project.name)))
                .saying(&notice)
                .into_response()
        }
        Err(problem) => {
            (problem.status_code(), settings_page(&shell, allowed.project(), &typed.name, Some(&problem)))
                .into_response()
        }
    }
}

async fn ask(
    State(app): State<App>,
    shell: Shell,
    allowed: Allowed<DeleteProject>,
) -> Result<Markup, Problem> {
    let project = super::show(&app, &allowed.also::<SeeProject>()?).await?;
    Ok(delete_page(&shell, &project, None))
}

async fn delete(
    State(app): State<App>,
    shell: Shell,
    allowed: Allowed<DeleteProject>,
    Form(typed): Form<ConfirmForm>,
) -> Result<Response, Problem> {
    let project = super::show(&app, &allowed.also::<SeeProject>()?).await?;
    let outcome = match Problem::unless_typed(&typed.confirm, &project.name) {
        None => super::delete(&app, &allowed).await.map_err(Problem::from),
        Some(problem) => Err(problem),
    };
    Ok(match outcome {
        Ok(()) => Turn::to(shell.at("/projects"))
            .saying(&format!("The project {} is deleted.", project.name))
            .into_response(),
        Err(problem) => {
            (problem.status_code(), delete_page(&shell, &project, Some(&problem))).into_response()
        }
    })
}

/// A name that is taken is told at its field.
fn at_name(error: ProjectError) -> Problem {
    match error {
        ProjectError::Taken => Problem::field("name", Problem::from(ProjectError::Taken).detail),
        other => other.into(),
    }
}

fn list_page(shell: &Shell, found: &Page<ProjectView>, request: &PageRequest) -> Markup {
    let path = shell.at("/projects");
    let listing = Listing { path: &path, request, by_default: "name" };
    let why = shell.why_not(ActionId::CreateProject, &shell.organization);
    let new = or_why(
        why.as_deref(),
        "New project",
        &html! {
            a.btn.primary href={ (path) "/new" } { (icon("plus")) "New project" }
        },
    );
    page(
        shell,
        "Projects",
        &[],
        &html! {
            (head("Projects", &html! {}, &new))
            @if found.items.is_empty() && listing.is_searched() { (listing.search("Search projects")) (listing.nothing_found("projects")) }
            @else if found.items.is_empty() { (nothing_yet(shell, why.is_none(), &new)) }
            @else {
                div.bar { (listing.search("Search projects")) }
                div.card {
                    table.stack {
                        thead { tr { th { "Project" } th.num { "Services" } th { "Created" } } }
                        tbody { @for project in &found.items { (row(shell, &path, project)) } }
                    }
                    (listing.foot(&count(found.items.len(), "project", "projects"), found.next.as_deref(), ""))
                }
            }
        },
    )
}

fn row(shell: &Shell, path: &str, project: &ProjectView) -> Markup {
    html! {
        tr {
            td.name { a href={ (path) "/" (project.name) "/services" } { (project.name) } }
            td.num data-th="Services" { (project.services) }
            td data-th="Created" { (when(project.created_at, shell.now)) }
        }
    }
}

fn nothing_yet(shell: &Shell, may_create: bool, new: &Markup) -> Markup {
    if may_create {
        let text = html! { "A project groups services, and the people who work with them. Make one first; then it takes services." };
        return empty("folder", "No projects yet", &text, new);
    }
    let text = html! {
        "None of the projects in " (shell.organization.name) " has your account as a member. "
        "Ask an admin of a project to invite you."
    };
    empty("lock", "Nothing here for you yet", &text, &html! {})
}

fn new_page(shell: &Shell, name: &str, problem: Option<&Problem>) -> Markup {
    let path = shell.at("/projects");
    let input = Input::new("name", "Name").value(name).code().required().first();
    page(
        shell,
        "New project",
        &[Crumb::new("Projects", &*path)],
        &html! {
            (head("New project", &html! {}, &html! {}))
            (complaint(problem))
            form.card.form method="post" action=(path) {
                (shell.token())
                (input.hint("3 to 63 small letters, digits and hyphens, a letter first. Unique in this installation.").show(problem))
                div.acts { button.btn.primary { "Save" } a.btn href=(path) { "Close" } }
            }
        },
    )
}

/// The tabs of a project.
#[must_use]
pub fn project_tabs(shell: &Shell, project: &str, current: &str) -> Markup {
    let path = shell.at(&format!("/projects/{project}"));
    tabs(
        current,
        &[Tab::new("Services", format!("{path}/services")), Tab::new("Settings", format!("{path}/settings"))],
    )
}

fn settings_page(shell: &Shell, project: &Project, name: &str, problem: Option<&Problem>) -> Markup {
    let path = shell.at(&format!("/projects/{}", project.name));
    let may_rename = shell.why_not(ActionId::RenameProject, project);
    let may_delete = shell.why_not(ActionId::DeleteProject, project);
    let input = Input::new("name", "Name").value(name).code().required();
    let hint = "Addresses and scripts that use the old name have to be changed.";
    page(
        shell,
        &project.name,
        &[Crumb::new("Projects", shell.at("/projects"))],
        &html! {
            (head(&project.name, &html! {}, &html! {}))
            (project_tabs(shell, &project.name, "Settings"))
            (complaint(problem))
            form.card.form method="post" action={ (path) "/settings" } {
                (shell.token())
                fieldset disabled[may_rename.is_some()] { (input.hint(hint).show(problem)) }
                div.acts { (or_why(may_rename.as_deref(), "Save", &html! { button.btn.primary { "Save" } })) }
            }
            section.section {
                h2 { "Delete this project" }
                p.lead { "Only an empty project can be deleted: databases are lost one at a time, never with their project." }
                div.acts {
                    (or_why(may_delete.as_deref(), "Delete", &html! { a.btn.danger href={ (path) "/delete" } { "Delete" } }))
                }
            }
        },
    )
}

fn delete_page(shell: &Shell, project: &ProjectView, problem: Option<&Problem>) -> Markup {
    let path = shell.at(&format!("/projects/{}", project.name));
    let services = usize::try_from(project.services).unwrap_or_default();
    let details = if services == 0 {
        vec!["It holds no services, so no data is lost.".to_owned()]
    } else {
        vec![format!("It still holds {}; delete them first.", count(services, "service", "services"))]
    };
    let back = format!("{path}/settings");
    let losing = Losing {
        what: "The project is deleted, with its memberships and pending invitations.",
        details: &details,
        name: &project.name,
        verb: "Delete",
        back: &back,
    };
    let crumbs = [Crumb::new("Projects", shell.at("/projects")), Crumb::new(&*project.name, &*back)];
    page(
        shell,
        "Delete",
        &crumbs,
        &html! {
            (head(&format!("Delete {}?", project.name), &html! {}, &html! {}))
            (confirm_by_name(&shell.token(), problem, &losing))
        },
    )
}
