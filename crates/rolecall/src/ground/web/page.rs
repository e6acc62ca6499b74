//! The console's frame: navigation, notices, and the small parts that pages are made of.

use super::proofs::SignedIn;
use super::{cookies, csrf, problem::Problem, routes::Describe, routes::Spec};
use crate::app::App;
use crate::ground::access::Actor;
use axum::extract::FromRequestParts;
use axum::http::request::Parts;
use maud::{DOCTYPE, Markup, PreEscaped, html};

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
}

impl FromRequestParts<App> for Shell {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, app: &App) -> Result<Self, Problem> {
        let SignedIn(actor) = SignedIn::from_request_parts(parts, app).await?;
        let session = cookies::session(&parts.headers).unwrap_or_default();
        Ok(Self {
            csrf: csrf::of(app, session),
            notice: cookies::notice(&parts.headers),
            path: parts.uri.path().to_owned(),
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

    /// The name of the current organization.
    #[must_use]
    pub fn organization_name(&self) -> &str {
        let id = self.actor.organization();
        let known = &self.actor.standing().organizations;
        known.iter().find(|(one, _)| one.id == id).map_or(id, |(one, _)| one.name.as_str())
    }

    /// An address within the current organization.
    #[must_use]
    pub fn at(&self, rest: &str) -> String {
        format!("/o/{}{rest}", self.actor.organization())
    }
}

/// One step of the way to a page.
pub struct Crumb {
    /// What it is called.
    pub text: String,
    /// Where it leads.
    pub href: String,
}

/// A whole page of the console.
#[must_use]
pub fn page(shell: &Shell, title: &str, crumbs: &[Crumb], content: &Markup) -> Markup {
    document(
        title,
        &html! {
            a.skip href="#main" { "Skip to the content" }
            (navigation(shell))
            main #main {
                @if !crumbs.is_empty() {
                    nav.crumbs aria-label="Where you are" {
                        @for crumb in crumbs { a href=(crumb.href) { (crumb.text) } span aria-hidden="true" { "/" } }
                        b { (title) }
                    }
                }
                @if let Some(notice) = &shell.notice { p.note.good role="status" { (notice) } }
                (content)
            }
        },
    )
}

fn navigation(shell: &Shell) -> Markup {
    let standing = shell.actor.standing();
    let link = |rest: &str, text: &str| {
        let href = shell.at(rest);
        let here = shell.path.starts_with(&href);
        html! { a href=(href) aria-current=[here.then_some("page")] { (text) } }
    };
    html! {
        header.side {
            a.brand href="/" { span.mark aria-hidden="true" {} "Rolecall" }
            div.switch { small { "Organization" } span { (shell.organization_name()) } }
            nav aria-label="Main" {
                (link("/services", "Services"))
                (link("/projects", "Projects"))
                a href="/api/docs/" { "API" }
            }
            form.me method="post" action="/sign-out" {
                (shell.token())
                span title=(standing.account.id) { (standing.account.id) }
                button.link { "Log out" }
            }
        }
    }
}

/// A page without navigation: signing in, setting up, errors.
#[must_use]
pub fn bare(title: &str, content: &Markup) -> Markup {
    document(
        title,
        &html! {
            main #main .bare {
                p.brand { span.mark aria-hidden="true" {} "Rolecall" }
                (content)
            }
        },
    )
}

fn document(title: &str, body: &Markup) -> Markup {
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
                script src=(super::assets::SCRIPT_PATH) defer {}
            }
            body { (body) }
        }
    }
}

/// A field of a form: its label, its input, and what is wrong with it.
#[must_use]
pub fn field(problem: Option<&Problem>, name: &str, label: &str, hint: &str, input: &Markup) -> Markup {
    let message = problem.and_then(|problem| problem.at(name));
    html! {
        div.field.wrong[message.is_some()] {
            label for=(name) { (label) }
            (input)
            @if !hint.is_empty() { small.hint { (hint) } }
            @if let Some(message) = message { small.error role="alert" { (message) } }
        }
    }
}

/// What is wrong with a form as a whole, where no field has it.
#[must_use]
pub fn complaint(problem: Option<&Problem>) -> Markup {
    html! {
        @if let Some(problem) = problem {
            @if problem.errors.is_empty() { p.note.bad role="alert" { (problem.detail) } }
        }
    }
}

/// An icon, drawn by the stylesheet's text colour.
#[must_use]
pub fn icon(path: &'static str) -> Markup {
    html! {
        svg.icon width="16" height="16" viewBox="0 0 16 16" fill="none" stroke="currentColor" stroke-width="1.4" aria-hidden="true" {
            (PreEscaped(path))
        }
    }
}
