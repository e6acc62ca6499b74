//! The forms of new services: one that is made here, and one that is there already.

use super::address;
use crate::app::App;
use crate::databases::services::{self, DefaultUser, NewAttached, NewManaged, TlsMode};
use crate::ground::access::{
    ActionId, AttachService, CreateService, Own, Project, SeeSelf, find_project, visible_projects,
};
use crate::ground::secret::Secret;
use crate::ground::web::body::{Ask, Asked, Form};
use crate::ground::web::page::form::{choices, select};
use crate::ground::web::page::{
    Crumb, Input, Mood, Shell, Tab, complaint, empty, field, head, note, page, tabs,
};
use crate::ground::web::problem::Problem;
use crate::ground::web::proofs::Asking;
use crate::ground::web::reply::Turn;
use crate::ground::web::routes::Routes;
use axum::extract::State;
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use engines::postgresql::Facts;
use maud::{Markup, html};
use serde::Deserialize;

pub(super) fn routes() -> Routes {
    Routes::new()
        .get("/o/{org}/services/new", "The form of a new service", ask_managed)
        .post("/o/{org}/services/new", "Make a managed service", create)
        .get("/o/{org}/services/attach", "The form of a server to attach", ask_attached)
        .post("/o/{org}/services/attach", "Attach a server, or only test the connection", attach)
}

#[derive(Deserialize, Default)]
#[serde(default)]
struct ManagedForm {
    project: String,
    name: String,
    version: String,
    default_user: String,
    database: String,
}

#[derive(Deserialize, Default)]
#[serde(default)]
struct AttachedForm {
    project: String,
    name: String,
    host: String,
    port: String,
    username: String,
    password: String,
    database: String,
    tls: String,
    tls_ca: String,
    act: String,
}

impl Asked for ManagedForm {}
impl Asked for AttachedForm {}

/// Where a new service may go, and what may be chosen.
struct Choice {
    projects: Vec<String>,
    versions: Vec<(String, u32)>,
}

async fn ask_managed(
    State(app): State<App>,
    shell: Shell,
    _: Own<SeeSelf>,
    Ask(typed): Ask<ManagedForm>,
) -> Result<Markup, Problem> {
    let choice = choice(&app, &shell).await?;
    Ok(managed_page(&shell, &choice, &typed, None))
}

async fn create(
    State(app): State<App>,
    shell: Shell,
    asking: Asking<CreateService>,
    Form(typed): Form<ManagedForm>,
) -> Result<Response, Problem> {
    let project = project_named(&app, &shell, &typed.project).await?;
    match services::create(&app, &asking.on(project)?, &typed.wanted()).await.map_err(super::at_name) {
        Ok(service) => Ok(Turn::to(address(&shell, &service)).into_response()),
        Err(problem) => {
            let choice = choice(&app, &shell).await?;
            Ok((problem.status_code(), managed_page(&shell, &choice, &typed, Some(&problem))).into_response())
        }
    }
}

async fn ask_attached(
    State(app): State<App>,
    shell: Shell,
    _: Own<SeeSelf>,
    Ask(typed): Ask<AttachedForm>,
) -> Result<Markup, Problem> {
    let choice = choice(&app, &shell).await?;
    Ok(attached_page(&shell, &choice, &typed, None))
}

async fn attach(
    State(app): State<App>,
    shell: Shell,
    asking: Asking<AttachService>,
    Form(typed): Form<AttachedForm>,
) -> Result<Response, Problem> {
    let allowed = asking.on(project_named(&app, &shell, &typed.project).await?)?;
    let answer = match typed.wanted() {
        Ok(new) if typed.act == "test" => services::test(&allowed, &new).await.map_err(Problem::from),
        Ok(new) => match services::attach(&app, &allowed, &new).await.map_err(super::at_name) {
            Ok(made) => {
                return Ok(Turn::to(address(&shell, &made))
                    .saying("The server is attached.")
                    .into_response());
            }
            Err(problem) => Err(problem),
        },
        Err(problem) => Err(problem),
    };
    let code = answer.as_ref().map_or_else(Problem::status_code, |_| StatusCode::OK);
    Ok((code, attached_page(&shell, &choice(&app, &shell).await?, &typed, Some(&answer))).into_response())
}

/// The project that the form names, in this organization.
async fn project_named(app: &App, shell: &Shell, name: &str) -> Result<Project, Problem> {
    let mut tx = app.store.read(&shell.actor.own::<SeeSelf>()).await?;
    let found = find_project(&mut tx, name).await?;
    found.filter(|project| project.organization == shell.organization.id).ok_or_else(Problem::not_found)
}

async fn choice(app: &App, shell: &Shell) -> Result<Choice, Problem> {
    let mut tx = app.store.read(&shell.actor.own::<SeeSelf>()).await?;
    let mut projects = visible_projects(&mut tx, &shell.actor, 500).await?;
    let own = &shell.actor.standing().projects;
    // Who sees a project without being its member is an admin of all of them.
    projects.retain(|name| {
        let member = own.iter().find(|(project, _)| project.name == *name);
        member.is_none_or(|(project, _)| shell.why_not(ActionId::CreateService, project).is_none())
    });
    let versions = app.fleet.installations().iter().map(|one| (one.version.clone(), one.major)).collect();
    Ok(Choice { projects, versions })
}

impl ManagedForm {
    fn wanted(&self) -> NewManaged {
        let some = |text: &str| (!text.trim().is_empty()).then(|| text.trim().to_owned());
        NewManaged {
            name: self.name.trim().to_owned(),
            version: some(&self.version),
            default_user: if self.default_user == "random" {
                DefaultUser::Random
            } else {
                DefaultUser::Tsdbadmin
            },
            database: some(&self.database),
        }
    }
}

impl AttachedForm {
    fn wanted(&self) -> Result<NewAttached, Problem> {
        let some = |text: &str| (!text.trim().is_empty()).then(|| text.trim().to_owned());
        let number = |text: String| text.parse::<u16>().ok().filter(|port| *port > 0);
        let port = match some(&self.port) {
            None => None,
            Some(text) => Some(
                number(text).ok_or_else(|| Problem::field("port", "A port is a number from 1 to 65535."))?,
            ),
        };
        Ok(NewAttached {
            name: self.name.trim().to_owned(),
            host: self.host.trim().to_owned(),
            port,
            username: self.username.trim().to_owned(),
            password: Secret::new(self.password.clone()),
            database: some(&self.database),
            tls: TlsMode::ALL
                .iter()
                .copied()
                .find(|mode| mode.to_string() == self.tls)
                .unwrap_or(TlsMode::Required),
            tls_ca: some(&self.tls_ca),
        })
    }
}

/// What both pages begin with; or, where one may make services nowhere, why not.
fn new_page(shell: &Shell, tab: &str, project: &str, choice: &Choice, form: &Markup) -> Markup {
    let path = shell.at("/services");
    let chosen = if project.is_empty() { String::new() } else { format!("?project={project}") };
    page(
        shell,
        "New service",
        &[Crumb::new("Services", &*path)],
        &html! {
            (head("New service", &html! {}, &html! {}))
            @if choice.projects.is_empty() {
                (empty("lock", "You may make services in none of the projects here", &html! {
                    "It needs the project role admin or operator in some project. Ask an admin of the project for it."
                }, &html! {
                    @if shell.why_not(ActionId::CreateProject, &shell.organization).is_none() {
                        a.btn.primary href=(shell.at("/projects/new")) { "New project" }
                    }
                    a.btn href=(path) { "Close" }
                }))
            } @else {
                (tabs(tab, &[
                    Tab::new("Make one here", format!("{path}/new{chosen}")),
                    Tab::new("Attach one that is there", format!("{path}/attach{chosen}")),
                ]))
                (form)
            }
        },
    )
}

fn project_field(choice: &Choice, chosen: &str, problem: Option<&Problem>) -> Markup {
    let options: Vec<_> = choice.projects.iter().map(|name| (name.clone(), name.clone())).collect();
    field(problem, "project", "Project", "", &select("project", chosen, &options))
}

fn managed_page(shell: &Shell, choice: &Choice, typed: &ManagedForm, problem: Option<&Problem>) -> Markup {
    let newest = choice.versions.first().map(|(version, _)| version.as_str()).unwrap_or_default();
    let version = if typed.version.is_empty() { newest } else { &typed.version };
    let default_user = if typed.default_user.is_empty() { "tsdbadmin" } else { &typed.default_user };
    let labels: Vec<_> = choice.versions.iter().map(|(version, _)| format!("PostgreSQL {version}")).collect();
    let options: Vec<_> = choice
        .versions
        .iter()
        .zip(&labels)
        .map(|((version, major), label)| {
            // What to know before choosing it comes before that it is the newest.
            let newest = if version == newest { "The newest one installed." } else { "" };
            let hint = if *major < 16 { "Before 16, tsdbadmin can make itself a superuser." } else { newest };
            (version.as_str(), label.as_str(), hint)
        })
        .collect();
    let name = Input::new("name", "Name").value(&typed.name).code().required().first();
    let database = Input::new("database", "Database").value(&typed.database).code().placeholder("defaultdb");
    new_page(
        shell,
        "Make one here",
        &typed.project,
        choice,
        &html! {
            (complaint(problem))
            form.card.form method="post" action=(shell.at("/services/new")) {
                (shell.token())
                (project_field(choice, &typed.project, problem))
                (name.hint("Small letters, digits and hyphens, a letter first.").show(problem))
                (choices("version", "Version", version, &options))
                (choices("default_user", "Default user", default_user, &[
                    ("tsdbadmin", "tsdbadmin", "Owns the database; may create databases and roles, and replicate. No superuser."),
                    ("random", "A random name", "Has all rights in the database of the service."),
                ]))
                (database.hint("Made with the service, and owned by its default user.").show(problem))
                div.acts { button.btn.primary { "Save" } a.btn href=(shell.at("/services")) { "Close" } }
            }
        },
    )
}

fn attached_page(
    shell: &Shell,
    choice: &Choice,
    typed: &AttachedForm,
    answer: Option<&Result<Facts, Problem>>,
) -> Markup {
    let problem = answer.and_then(|answer| answer.as_ref().err());
    let facts = answer.and_then(|answer| answer.as_ref().ok());
    let name = Input::new("name", "Name").value(&typed.name).code().required().first();
    let is_again = facts.is_some() || problem.is_some();
    let secret =
        if is_again { "Type it again: what was typed is not sent back." } else { "It is kept sealed." };
    new_page(
        shell,
        "Attach one that is there",
        &typed.project,
        choice,
        &html! {
            @if let Some(facts) = facts { (answered(facts)) }
            (complaint(problem))
            form.card.form method="post" action=(shell.at("/services/attach")) {
                (shell.token())
                (project_field(choice, &typed.project, problem))
                (name.hint("How the service is called here: small letters, digits and hyphens.").show(problem))
                div.two.short {
                    (Input::new("host", "Host").value(&typed.host).code().required().show(problem))
                    (Input::new("port", "Port").value(&typed.port).placeholder("5432").code().show(problem))
                }
                div.two {
                    (Input::new("username", "Username").value(&typed.username).code().required().hint("A login that may create roles.").show(problem))
                    (Input::new("password", "Password").password("off").hint(secret).show(problem))
                }
                (Input::new("database", "Database").value(&typed.database).code().placeholder("postgres").show(problem))
                (tls(typed, problem))
                div.acts {
                    button.btn.primary { "Save" }
                    button.btn name="act" value="test" formnovalidate { "Test Connection" }
                    a.btn href=(shell.at("/services")) { "Close" }
                }
            }
        },
    )
}

fn answered(facts: &Facts) -> Markup {
    note(
        Mood::Good,
        &html! {
            p {
                "PostgreSQL " (facts.version) " answered in " (facts.milliseconds) " ms. "
                @if facts.superuser { "The login is a superuser." }
                @else if facts.can_create_roles { "The login may create roles." }
                @else { "The login may not create roles, so no users can be made with it." }
            }
        },
    )
}

fn tls(typed: &AttachedForm, problem: Option<&Problem>) -> Markup {
    let mode = if typed.tls.is_empty() { "required" } else { &typed.tls };
    html! {
        (choices("tls", "Encryption", mode, &[
            ("required", "Required", "Encrypted, whoever the server is."),
            ("verify_ca", "Verify the authority", "Its certificate is signed by a known one."),
            ("verify_full", "Verify all", "And the certificate names the host."),
            ("off", "Off", "Only on a network that you trust."),
        ]))
        details.more open[!typed.tls_ca.is_empty()] {
            summary { "The authority's certificate" }
            (field(problem, "tls_ca", "Certificate (PEM)", "Empty: what this machine trusts.", &html! {
                textarea #tls_ca .mono name="tls_ca" rows="4" spellcheck="false" { (typed.tls_ca) }
            }))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_port_that_is_none_is_told_at_its_field() {
        for port in ["0", "65536", "five", "-1"] {
            let typed = AttachedForm { port: port.to_owned(), ..AttachedForm::default() };
            assert!(typed.wanted().unwrap_err().at("port").is_some(), "{port}");
        }
        assert_eq!(AttachedForm::default().wanted().unwrap().port, None);
    }
}
