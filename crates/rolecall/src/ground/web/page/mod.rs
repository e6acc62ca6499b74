//! The console's pages: their frame, and (below) the parts that they are made of.

#[cfg(test)]
mod contrast;
pub mod form;
pub mod list;
mod navigation;
pub mod parts;
pub mod when;

pub use form::{Input, complaint, confirm_by_name, field};
pub use list::Listing;
pub use parts::{Mood, Tab, empty, head, note, off, or_why, state, tabs, tag, take};
pub use when::when;

use super::proofs::SignedIn;
use super::{cookies, csrf, problem::Problem, routes::Describe, routes::Spec};
use crate::app::App;
use crate::ground::access::{
    ActionId, Actor, Decision, Organization, Project, Refusal, SeeOrganization, SeeSelf, Thing,
    find_organization, visible_projects,
};
use crate::ground::clock::At;
use axum::extract::FromRequestParts;
use axum::http::request::Parts;
use maud::{DOCTYPE, Markup, html};

/// What a page of a signed-in person needs beside its own content.
pub struct Shell {
    /// Who is looking.
    pub actor: Actor,
    /// For the forms on the page.
    pub csrf: String,
    /// What the page before wants said.
    pub notice: Option<String>,
    /// Where this page is.
    pub path: String,
    /// When it is.
    pub now: At,
    /// The current organization.
    pub organization: Organization,
    /// The names of the projects that the navigation shows; one more than fits where there are more.
    pub projects: Vec<String>,
}

impl FromRequestParts<App> for Shell {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, app: &App) -> Result<Self, Problem> {
        let SignedIn(actor) = SignedIn::from_request_parts(parts, app).await?;
        let session = cookies::session(app, &parts.headers).unwrap_or_default();
        let mut tx = app.store.read(&actor.own::<SeeSelf>()).await?;
        let id = actor.organization();
        let known =
            actor.standing().organizations.iter().find(|(one, _)| one.id == id).map(|(one, _)| one.clone());
        let organization = match known {
            Some(organization) => organization,
            None => find_organization(&mut tx, id).await?.ok_or_else(Problem::not_found)?,
        };
        let is_in_it = |project: &Project| project.organization == organization.id;
        let has_project = actor.standing().projects.iter().any(|(project, _)| is_in_it(project));
        if !has_project && !actor.may::<SeeOrganization>(&organization) {
            return Err(Problem::not_found());
        }
        let projects = visible_projects(&mut tx, &actor, navigation::PROJECTS + 1).await?;
        Ok(Self {
            csrf: csrf::of(app, session),
            notice: cookies::notice(&parts.headers),
            path: parts.uri.path().to_owned(),
            now: app.clock.now(),
            organization,
            projects,
            actor,
        })
    }
}

impl Describe for Shell {
    fn describe(_: &mut Spec) {}
}

impl Shell {
    /// The hidden field that each form carries.
    #[must_use]
    pub fn token(&self) -> Markup {
        html! { input type="hidden" name="csrf" value=(self.csrf); }
    }

    /// An address within the current organization.
    #[must_use]
    pub fn at(&self, rest: &str) -> String {
        format!("/o/{}{rest}", self.organization.id)
    }

    /// Why the person may not do this, in one sentence; nothing where they may.
    #[must_use]
    pub fn why_not(&self, action: ActionId, thing: &dyn Thing) -> Option<String> {
        match self.actor.decide(action, thing) {
            Decision::Granted(_) => None,
            Decision::Refused(Refusal::TooLow { missing, held, .. }) => {
                Some(format!("This needs {missing}; you have {held}. Ask an admin there for more."))
            }
            Decision::Refused(Refusal::Unknown) => Some("This is not open to your account.".to_owned()),
        }
    }
}

/// One step of the way to a page.
pub struct Crumb {
    /// What it is called.
    pub text: String,
    /// Where it leads.
    pub href: String,
}

impl Crumb {
    /// A step.
    pub fn new(text: impl Into<String>, href: impl Into<String>) -> Self {
        Self { text: text.into(), href: href.into() }
    }
}

/// A whole page of the console.
#[must_use]
pub fn page(shell: &Shell, title: &str, crumbs: &[Crumb], content: &Markup) -> Markup {
    framed(shell, title, crumbs, false, content)
}

/// A page that shows work in progress, and looks again every few seconds.
#[must_use]
pub fn watching_page(shell: &Shell, title: &str, crumbs: &[Crumb], content: &Markup) -> Markup {
    framed(shell, title, crumbs, true, content)
}

fn framed(shell: &Shell, title: &str, crumbs: &[Crumb], watch: bool, content: &Markup) -> Markup {
    let way = crumbs.iter().rev().fold(title.to_owned(), |way, crumb| format!("{way} · {}", crumb.text));
    document(
        &way,
        "framed",
        watch,
        &html! {
            a.skip href="#main" { "Skip to the content" }
            (navigation::navigation(shell))
            main #main tabindex="-1" data-watch[watch] {
                @if !crumbs.is_empty() {
                    nav.crumbs aria-label="Where you are" {
                        @for crumb in crumbs { a href=(crumb.href) { (crumb.text) } span aria-hidden="true" { "/" } }
                        span aria-current="page" { (title) }
                    }
                }
                @if let Some(notice) = &shell.notice { (note(Mood::Good, &html! { (notice) })) }
                (content)
            }
        },
    )
}

/// A page without navigation: signing in, setting up, errors.
#[must_use]
pub fn bare(title: &str, content: &Markup) -> Markup {
    document(
        title,
        "plain",
        false,
        &html! {
            main #main .bare {
                p.brand { span.mark aria-hidden="true" {} "Rolecall" }
                div.card { (content) }
            }
        },
    )
}

fn document(title: &str, class: &str, watch: bool, body: &Markup) -> Markup {
    html! {
        (DOCTYPE)
        html lang="en" {
            head {
                meta charset="utf-8";
                meta name="viewport" content="width=device-width, initial-scale=1";
                meta name="color-scheme" content="light dark";
                title { (title) " · Rolecall" }
                link rel="stylesheet" href=(super::assets::STYLE_PATH);
                link rel="icon" href=(super::assets::ICON_PATH) type="image/svg+xml";
                // With the script, only what changed is fetched.
                @if watch { noscript { meta http-equiv="refresh" content="3"; } }
                script src=(super::assets::SCRIPT_PATH) defer {}
            }
            body class=(class) { (body) }
        }
    }
}
