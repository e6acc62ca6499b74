//! The lists of services: of an organization (the start page), and of one project.

use super::{ServiceLine, short, socket, state_of};
use crate::ground::access::{ActionId, Project};
use crate::ground::store::{Page, PageRequest};
use crate::ground::web::page::parts::{count, icon};
use crate::ground::web::page::{Crumb, Listing, Mood, Shell, empty, head, or_why, page, tag, when};
use crate::tenancy::projects::console::project_tabs;
use maud::{Markup, html};

/// The start page.
pub(super) fn all_page(shell: &Shell, found: &Page<ServiceLine>, request: &PageRequest) -> Markup {
    let path = shell.at("/services");
    let listing = Listing { path: &path, request, by_default: "name" };
    let new = html! { a.btn.primary href={ (path) "/new" } { (icon("plus")) "New service" } };
    let is_bare = found.items.is_empty() && !listing.is_searched();
    page(
        shell,
        "Services",
        &[],
        &html! {
            (head("Services", &html! {}, &html! { @if !is_bare { (new) } }))
            @if is_bare { (nothing_yet(shell, &path, &new)) } @else { (table(shell, &listing, found, true)) }
        },
    )
}

/// The services of a project.
pub(super) fn project_page(
    shell: &Shell,
    project: &Project,
    found: &Page<ServiceLine>,
    request: &PageRequest,
) -> Markup {
    let path = shell.at(&format!("/projects/{}/services", project.name));
    let listing = Listing { path: &path, request, by_default: "name" };
    let why = shell.why_not(ActionId::CreateService, project);
    let new = or_why(
        why.as_deref(),
        "New service",
        &html! {
            a.btn.primary href={ (shell.at("/services/new?project=")) (project.name) } { (icon("plus")) "New service" }
        },
    );
    let is_bare = found.items.is_empty() && !listing.is_searched();
    page(
        shell,
        &project.name,
        &[Crumb::new("Projects", shell.at("/projects"))],
        &html! {
            (head(&project.name, &html! {}, &new))
            (project_tabs(shell, &project.name, "Services"))
            @if is_bare {
                @let attach = shell.at(&format!("/services/attach?project={}", project.name));
                (empty("services", "No services in this project yet", &what_a_service_is(),
                    &html! { @if why.is_none() { a.btn href=(attach) { "Attach a server" } } }))
            } @else { (table(shell, &listing, found, false)) }
        },
    )
}

fn what_a_service_is() -> Markup {
    html! { "A service is a PostgreSQL server. Make one that runs on this machine, or attach one that is there already." }
}

fn nothing_yet(shell: &Shell, path: &str, new: &Markup) -> Markup {
    if !shell.projects.is_empty() {
        let acts = html! { (new) a.btn href={ (path) "/attach" } { "Attach a server" } };
        return empty("services", "No services yet", &what_a_service_is(), &acts);
    }
    if shell.why_not(ActionId::CreateProject, &shell.organization).is_none() {
        let text = html! { "Services live in projects. Make a project first; then it takes services." };
        let acts = html! { a.btn.primary href=(shell.at("/projects/new")) { (icon("plus")) "New project" } };
        return empty("folder", &format!("Welcome to {}", shell.organization.name), &text, &acts);
    }
    let text = html! {
        "You are signed in as " b { (shell.actor.standing().account.id) } ", but nothing in " (shell.organization.name)
        " is open to you. Ask an admin there for a role, or an admin of a project to invite you."
    };
    empty("lock", "Nothing here for you yet", &text, &html! {})
}

fn table(shell: &Shell, listing: &Listing<'_>, found: &Page<ServiceLine>, with_project: bool) -> Markup {
    html! {
        div.bar { (listing.search("Search services")) }
        @if found.items.is_empty() { (listing.nothing_found("services")) } @else {
            div.card {
                table.stack {
                    thead { tr {
                        (listing.header("Service", "name"))
                        @if with_project { (listing.header("Project", "project")) }
                        (listing.header("State", "state"))
                        (listing.header("Engine", "version"))
                        th { "Address" }
                        (listing.header("Created", "created_at"))
                    } }
                    tbody { @for line in &found.items { (row(shell, line, with_project)) } }
                }
                (listing.foot(&count(found.items.len(), "service", "services"), found.next.as_deref(), ""))
            }
        }
    }
}

fn row(shell: &Shell, line: &ServiceLine, with_project: bool) -> Markup {
    let project = shell.at(&format!("/projects/{}/services", line.project));
    html! {
        tr {
            td.name { a href={ (project) "/" (line.name) } { (line.name) } }
            @if with_project { td data-th="Project" { a.muted href=(project) { (line.project) } } }
            td data-th="State" { (state_of(line.state)) }
            td data-th="Engine" {
                span { "PostgreSQL " (short(&line.version)) @if line.mode == super::Mode::Attached { " " (tag(Mood::Plain, "Attached")) } }
            }
            td.nowrap data-th="Address" { code { (socket(&line.host, line.port)) } }
            td.nowrap data-th="Created" { (when(line.created_at, shell.now)) }
        }
    }
}
