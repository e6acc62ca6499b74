//! A service's Databases tab (M13): list, create, delete with what it holds shown first.

use super::{DatabaseContents, DatabaseView};
use crate::app::App;
use crate::databases::services::console::{Names, address, crumbs_to, not_now, service_page};
use crate::databases::services::{self, ServiceView};
use crate::ground::access::{ActionId, Allowed, CreateDatabase, DeleteDatabase, Project, SeeDatabases};
use crate::ground::store::{Page, PageRequest};
use crate::ground::web::body::{Form, ListQuery};
use crate::ground::web::page::form::Losing;
use crate::ground::web::page::list::encode;
use crate::ground::web::page::parts::{count, entries, icon, menu, size};
use crate::ground::web::page::{
    Crumb, Input, Listing, Mood, Shell, complaint, confirm_by_name, head, or_why, page, tag,
};
use crate::ground::web::problem::Problem;
use crate::ground::web::reply::Turn;
use crate::ground::web::routes::Routes;
use axum::extract::{Path, State};
use axum::response::{IntoResponse, Response};
use maud::{Markup, html};
use serde::Deserialize;

/// The routes of this slice.
#[must_use]
pub fn routes() -> Routes {
    Routes::new()
        .get("/o/{org}/projects/{project}/services/{service}/databases", "A service's databases", list)
        .post("/o/{org}/projects/{project}/services/{service}/databases", "Make a database", create)
        .get(
            "/o/{org}/projects/{project}/services/{service}/databases/new",
            "The form of a new database",
            new,
        )
        .get(
            "/o/{org}/projects/{project}/services/{service}/databases/{name}/delete",
            "Ask before a database is deleted",
            ask,
        )
        .post(
            "/o/{org}/projects/{project}/services/{service}/databases/{name}/delete",
            "Delete a database",
            delete,
        )
}

type NamesOfDatabase = Path<(String, String, String, String)>;

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
    allowed: Allowed<SeeDatabases>,
    Path((_, _, name)): Names,
    query: ListQuery,
) -> Result<Markup, Problem> {
    let request = query.by(super::SORTS)?;
    let service = services::show(&app, &allowed.also()?, &name).await?;
    let found = super::list(&app, &allowed, &name, &request).await.map_err(Problem::from);
    Ok(tab_page(&shell, allowed.project(), &service, &found, &request))
}

async fn new(
    State(app): State<App>,
    shell: Shell,
    allowed: Allowed<CreateDatabase>,
    Path((_, _, name)): Names,
) -> Result<Markup, Problem> {
    let service = services::show(&app, &allowed.also()?, &name).await?;
    Ok(new_page(&shell, &service, "", None))
}

async fn create(
    State(app): State<App>,
    shell: Shell,
    allowed: Allowed<CreateDatabase>,
    Path((_, _, name)): Names,
    Form(typed): Form<NameForm>,
) -> Result<Response, Problem> {
    let service = services::show(&app, &allowed.also()?, &name).await?;
    Ok(match super::create(&app, &allowed, &name, &typed.name).await.map_err(Problem::from) {
        Ok(made) => {
            let notice = format!("The database {} was made.", made.name);
            Turn::to(format!("{}/databases", address(&shell, &service))).saying(&notice).into_response()
        }
        Err(problem) => {
            (problem.status_code(), new_page(&shell, &service, &typed.name, Some(&problem))).into_response()
        }
    })
}

async fn ask(
    State(app): State<App>,
    shell: Shell,
    allowed: Allowed<DeleteDatabase>,
    Path((_, _, service, name)): NamesOfDatabase,
) -> Result<Markup, Problem> {
    let contents = super::contents(&app, &allowed.also()?, &service, &name).await?;
    let service = services::show(&app, &allowed.also()?, &service).await?;
    Ok(delete_page(&shell, &service, &contents, None))
}

async fn delete(
    State(app): State<App>,
    shell: Shell,
    allowed: Allowed<DeleteDatabase>,
    Path((_, _, of, name)): NamesOfDatabase,
    Form(typed): Form<ConfirmForm>,
) -> Result<Response, Problem> {
    let service = services::show(&app, &allowed.also()?, &of).await?;
    let outcome = match Problem::unless_typed(&typed.confirm, &name) {
        None => super::delete(&app, &allowed, &of, &name).await.map_err(Problem::from),
        Some(problem) => Err(problem),
    };
    let Err(problem) = outcome else {
        let turn = Turn::to(format!("{}/databases", address(&shell, &service)));
        return Ok(turn.saying(&format!("The database {name} is deleted.")).into_response());
    };
    let contents = super::contents(&app, &allowed.also()?, &of, &name).await?;
    Ok((problem.status_code(), delete_page(&shell, &service, &contents, Some(&problem))).into_response())
}

fn tab_page(
    shell: &Shell,
    project: &Project,
    service: &ServiceView,
    found: &Result<Page<DatabaseView>, Problem>,
    request: &PageRequest,
) -> Markup {
    let path = format!("{}/databases", address(shell, service));
    let why = shell.why_not(ActionId::CreateDatabase, project);
    let why = why.or_else(|| found.as_ref().err().map(|problem| problem.detail.clone()));
    let new = or_why(
        why.as_deref(),
        "New database",
        &html! {
            a.btn.primary href={ (path) "/new" } { (icon("plus")) "New database" }
        },
    );
    let may_delete = shell.why_not(ActionId::DeleteDatabase, project);
    let listing = Listing { path: &path, request, by_default: "name" };
    service_page(
        shell,
        service,
        "Databases",
        &new,
        &html! {
            @match found {
                Err(problem) => { (not_now(shell, project, service, problem)) }
                Ok(found) => {
                    div.bar { (listing.search("Search databases")) }
                    @if found.items.is_empty() { (listing.nothing_found("databases")) } @else {
                        div.card {
                            table.stack {
                                thead { tr {
                                    (listing.header("Database", "name")) th { "Owner" } th.num { "Size" } th { span.unseen { "Actions" } }
                                } }
                                tbody { @for one in &found.items { (row(&path, one, may_delete.as_deref())) } }
                            }
                            (listing.foot(&count(found.items.len(), "database", "databases"), found.next.as_deref(), "As the server tells it now"))
                        }
                    }
                }
            }
        },
    )
}

fn row(path: &str, one: &DatabaseView, may_not_delete: Option<&str>) -> Markup {
    let protected = one.protected.then_some("Protected: the service needs this database.");
    let delete = html! { a.danger href={ (path) "/" (encode(&one.name)) "/delete" } { "Delete" } };
    html! {
        tr {
            td.name.mono { (one.name) @if one.protected { " " (tag(Mood::Plain, "Protected")) } }
            td data-th="Owner" { code { (one.owner) } }
            td.num data-th="Size" { @match one.bytes { Some(bytes) => (size(bytes)), None => "–" } }
            td.row-acts { div {
                (menu(&one.name, &entries(&[("Delete", may_not_delete.or(protected).map(str::to_owned), delete)])))
            } }
        }
    }
}

fn crumbs(shell: &Shell, service: &ServiceView) -> [Crumb; 3] {
    let [project, own] = crumbs_to(shell, service);
    [project, own, Crumb::new("Databases", format!("{}/databases", address(shell, service)))]
}

fn new_page(shell: &Shell, service: &ServiceView, name: &str, problem: Option<&Problem>) -> Markup {
    let path = format!("{}/databases", address(shell, service));
    let owner = service.default_user.as_deref().unwrap_or("the administrator's login");
    let input = Input::new("name", "Name").value(name).code().required().first();
    page(
        shell,
        "New database",
        &crumbs(shell, service),
        &html! {
            (head("New database", &html! {}, &html! {}))
            (complaint(problem))
            form.card.form method="post" action=(path) {
                (shell.token())
                (input.hint(&format!("At most 63 characters. It is owned by {owner}.")).show(problem))
                div.acts { button.btn.primary { "Save" } a.btn href=(path) { "Close" } }
            }
        },
    )
}

fn delete_page(
    shell: &Shell,
    service: &ServiceView,
    holds: &DatabaseContents,
    problem: Option<&Problem>,
) -> Markup {
    let back = format!("{}/databases", address(shell, service));
    let number = |number: i64| usize::try_from(number).unwrap_or_default();
    let mut details = vec![match number(holds.tables) {
        0 => "It holds no tables.".to_owned(),
        tables => format!(
            "{} with about {} ({}) are lost.",
            count(tables, "table", "tables"),
            count(number(holds.rows), "row", "rows"),
            size(holds.bytes)
        ),
    }];
    if holds.sessions > 0 {
        details.push(format!("{} end.", count(number(holds.sessions), "open session", "open sessions")));
    }
    let losing = Losing {
        what: "The database is deleted with everything in it. This cannot be undone.",
        details: &details,
        name: &holds.name,
        verb: "Delete",
        back: &back,
    };
    page(
        shell,
        "Delete",
        &crumbs(shell, service),
        &html! {
            (head(&format!("Delete {}?", holds.name), &html! {}, &html! {}))
            (confirm_by_name(&shell.token(), problem, &losing))
        },
    )
}
