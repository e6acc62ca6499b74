//! The navigation: at the side, or behind a button on a narrow screen, which needs no script.

use super::Shell;
use maud::{Markup, html};

/// So many projects are shown; the rest is on their page.
pub(super) const PROJECTS: usize = 12;

pub(super) fn navigation(shell: &Shell) -> Markup {
    html! {
        header.side {
            a.brand href="/" { span.mark aria-hidden="true" {} "Rolecall" }
            button.btn.opener type="button" popovertarget="panel" { span.ico.i-menu aria-hidden="true" {} "Menu" }
            div #panel .panel popover {
                (organization(shell))
                nav aria-label="Main" { (links(shell)) }
                (account(shell))
            }
        }
    }
}

fn organization(shell: &Shell) -> Markup {
    let current = &shell.organization;
    let known = &shell.actor.standing().organizations;
    let role = shell.actor.standing().role_in(&current.id);
    let face = html! {
        span { small { "Organization" @if let Some(role) = role { " · " (role) } } b { (current.name) } }
    };
    html! {
        @if known.len() < 2 { div.org { div { (face) } } } @else {
            details.org {
                summary aria-label={ "Switch Organizations; the current one is " (current.name) } {
                    (face) span.ico.i-down aria-hidden="true" {}
                }
                div.drop {
                    p { "Switch Organizations" }
                    @for (one, role) in known {
                        a href={ "/o/" (one.id) "/services" } aria-current=[(one.id == current.id).then_some("true")] {
                            (one.name) small.muted { " · " (role) }
                        }
                    }
                }
            }
        }
    }
}

fn links(shell: &Shell) -> Markup {
    let services = shell.at("/services");
    let all = shell.at("/projects");
    html! {
        a href=(services) aria-current=[current(shell, &services)] {
            span.ico.i-services aria-hidden="true" {} "Services"
        }
        a href=(all) aria-current=[(shell.path == all).then_some("page")] {
            span.ico.i-folder aria-hidden="true" {} "Projects"
        }
        @if !shell.projects.is_empty() {
            h2 { "Projects" }
            @for name in shell.projects.iter().take(PROJECTS) {
                @let href = format!("{all}/{name}");
                a href={ (href) "/services" } aria-current=[current(shell, &href)] { span { (name) } }
            }
            @if shell.projects.len() > PROJECTS { a href=(all) { span { "All projects" } } }
        }
        h2 { "For programs" }
        a href="/api/docs/" { span.ico.i-api aria-hidden="true" {} "API" }
    }
}

/// Whether this page lies at or below `href`.
fn current(shell: &Shell, href: &str) -> Option<&'static str> {
    let below = shell.path.strip_prefix(href)?;
    (below.is_empty() || below.starts_with('/')).then_some("page")
}

fn account(shell: &Shell) -> Markup {
    let id = &shell.actor.standing().account.id;
    html! {
        form.me method="post" action="/sign-out" {
            (shell.token())
            span title=(id) { (id) }
            button.link { "Log out" }
        }
    }
}
