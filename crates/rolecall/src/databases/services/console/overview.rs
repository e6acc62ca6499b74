//! A service's Overview: how it is, how to connect to it, and what can be done with it.

use super::{Mode, ServiceView, State, address, crumbs_to, service_page, socket};
use crate::ground::access::{ActionId, Project};
use crate::ground::web::page::form::Losing;
use crate::ground::web::page::parts::{Step, copy_button, entries, facts, menu, steps};
use crate::ground::web::page::{
    Input, Mood, Shell, complaint, confirm_by_name, head, note, off, or_why, page, take, when,
};
use crate::ground::web::problem::Problem;
use engines::postgresql::cluster::Confinement;
use maud::{Markup, html};

/// The Overview tab.
pub(super) fn overview_page(
    shell: &Shell,
    project: &Project,
    service: &ServiceView,
    confinement: Option<&Confinement>,
) -> Markup {
    let acts = acts(shell, project, service);
    service_page(
        shell,
        service,
        "Overview",
        &acts,
        &html! {
            (trouble(service))
            @if service.state == State::Creating { (progress(service)) } @else {
                (what_it_is(shell, service, confinement))
                (how_to_connect(shell, service))
                (findings(service))
            }
        },
    )
}

fn acts(shell: &Shell, project: &Project, service: &ServiceView) -> Markup {
    let path = address(shell, service);
    let why = |action| shell.why_not(action, project);
    let rename = html! { a href={ (path) "/rename" } { "Rename" } };
    let delete = html! { a.danger href={ (path) "/delete" } { "Delete" } };
    html! {
        @if service.mode == Mode::Managed { (power(shell, project, service, &path)) }
        (menu(&service.name, &entries(&[
            ("Rename", why(ActionId::EditService), rename),
            ("Delete", why(ActionId::DeleteService), delete),
        ])))
    }
}

/// Start, or Restart and Stop, which say first what they do.
fn power(shell: &Shell, project: &Project, service: &ServiceView, path: &str) -> Markup {
    let why = |action| shell.why_not(action, project);
    match service.state {
        State::Stopped | State::Failed => or_why(
            why(ActionId::StartService).as_deref(),
            "Start",
            &html! {
                form method="post" action={ (path) "/start" } { (shell.token()) button.btn.primary { "Start" } }
            },
        ),
        State::Running | State::Unreachable => html! {
            (or_why(why(ActionId::RestartService).as_deref(), "Restart",
                &ask_first(shell, path, "Restart", "restart", "Open sessions end; it is back within seconds.")))
            (or_why(why(ActionId::StopService).as_deref(), "Stop",
                &ask_first(shell, path, "Stop", "stop", "Open sessions end, and nobody gets in. The data stays.")))
        },
        State::Creating | State::Starting | State::Stopping => {
            off("Stop", "The service is changing its state right now; wait until that is done.")
        }
    }
}

fn ask_first(shell: &Shell, path: &str, label: &str, act: &str, what: &str) -> Markup {
    html! {
        details.menu.asks name="menu" {
            summary.btn { (label) }
            form.drop method="post" action={ (path) "/" (act) } {
                (shell.token())
                p { (what) }
                button.btn { (label) " now" }
            }
        }
    }
}

fn trouble(service: &ServiceView) -> Markup {
    html! {
        @if let Some(failure) = &service.failure { (note(Mood::Bad, &html! { p { (failure) } })) }
        @if service.state == State::Unreachable {
            (note(Mood::Warn, &html! { p { "The server does not answer. Rolecall keeps trying, and shows it here once it does." } }))
        }
    }
}

fn progress(service: &ServiceView) -> Markup {
    const ALL: [(&str, &str); 6] = [
        ("folder", "Make a folder of its own"),
        ("initdb", "Prepare an empty cluster"),
        ("certificate", "Sign its certificate"),
        ("settings", "Write its settings"),
        ("start", "Start the server"),
        ("ready", "Make its users and its database"),
    ];
    let now =
        service.step.as_deref().and_then(|step| ALL.iter().position(|(name, _)| *name == step)).unwrap_or(0);
    let shown: Vec<_> = ALL
        .iter()
        .enumerate()
        .map(|(place, (_, text))| {
            (
                *text,
                match place.cmp(&now) {
                    std::cmp::Ordering::Less => Step::Done,
                    std::cmp::Ordering::Equal => Step::Now,
                    std::cmp::Ordering::Greater => Step::Next,
                },
            )
        })
        .collect();
    html! {
        p.lead { "The service is being made. This takes a few seconds, and goes on if you leave this page." }
        (steps(&shown))
    }
}

fn what_it_is(shell: &Shell, service: &ServiceView, confinement: Option<&Confinement>) -> Markup {
    let mut rows = vec![
        (
            "Address",
            html! { span.secret { code { (socket(&service.host, service.port)) } (copy_button("the address")) } },
        ),
        ("Database", html! { code { (service.database) } }),
    ];
    if let Some(user) = &service.default_user {
        rows.push(("Default user", html! { code { (user) } }));
    }
    rows.push(("Encryption", encryption(service)));
    if let Some(confinement) = confinement {
        rows.push(("Confinement", confined(*confinement)));
    }
    rows.push(("Created", html! { (when(service.created_at, shell.now)) " by " (service.created_by) }));
    facts(&rows)
}

fn encryption(service: &ServiceView) -> Markup {
    use crate::databases::services::TlsMode;
    match (service.mode, service.tls) {
        (Mode::Managed, _) => html! {
            "TLS, with a certificate of this installation's authority"
            small { "For " code { "sslmode=verify-full" } ": " a href="/authority.pem" { "download the authority's certificate" } }
        },
        (_, TlsMode::Off) => {
            html! { span.tag.warn { "Off" } small { "Passwords travel as SCRAM, but data in clear." } }
        }
        (_, TlsMode::Required) => html! { "TLS; who the server is, is not checked" },
        (_, TlsMode::VerifyCa) => html! { "TLS, signed by a known authority" },
        (_, TlsMode::VerifyFull) => html! { "TLS, signed by a known authority and for this host" },
    }
}

fn confined(confinement: Confinement) -> Markup {
    let text = match (confinement.uid, confinement.landlock) {
        (true, true) => "A system user of its own, and a Landlock domain",
        (true, false) => "A system user of its own; this kernel has no Landlock",
        (false, true) => "A Landlock domain; not a system user of its own",
        (false, false) => "None: start Rolecall as root to give each server a system user of its own",
    };
    html! {
        (text)
        @if confinement.uid || confinement.landlock {
            small { "Even its superuser reaches neither Rolecall's files nor another service's." }
        }
    }
}

fn how_to_connect(shell: &Shell, service: &ServiceView) -> Markup {
    let strings = &service.connection;
    html! {
        section.section {
            h2 { "Connect" }
            div.card {
                (take("psql", &strings.psql))
                (take("URI", &strings.uri))
                (take("libpq", &strings.libpq))
                (take("JDBC", &strings.jdbc))
                @if service.mode == Mode::Managed {
                    div.foot { span {
                        "Each asks for the password; the eye on the "
                        a href={ (address(shell, service)) "/users" } { "Users" } " tab shows it."
                    } }
                }
            }
        }
    }
}

fn findings(service: &ServiceView) -> Markup {
    html! {
        @if !service.findings.is_empty() {
            section.section {
                h2 { "Findings" }
                @for finding in &service.findings {
                    (note(Mood::Warn, &html! {
                        p { (finding.text) }
                        @if let Some(sql) = &finding.sql { span.secret { code { (sql) } (copy_button("the SQL")) } }
                    }))
                }
            }
        }
    }
}

/// The form of a service's name.
pub(super) fn rename_page(
    shell: &Shell,
    service: &ServiceView,
    name: &str,
    problem: Option<&Problem>,
) -> Markup {
    let path = address(shell, service);
    let input = Input::new("name", "Name").value(name).code().required().first();
    page(
        shell,
        "Rename",
        &crumbs_to(shell, service),
        &html! {
            (head(&format!("Rename {}", service.name), &html! {}, &html! {}))
            (complaint(problem))
            form.card.form method="post" {
                (shell.token())
                (input.hint("Its address and its data stay as they are; scripts that name the service have to be changed.").show(problem))
                div.acts { button.btn.primary { "Save" } a.btn href=(path) { "Close" } }
            }
        },
    )
}

/// Asks before a service is deleted.
pub(super) fn delete_page(shell: &Shell, service: &ServiceView, problem: Option<&Problem>) -> Markup {
    let back = address(shell, service);
    let (what, details) = match service.mode {
        Mode::Managed => (
            "The server is stopped and deleted with everything in it. This cannot be undone, and Rolecall keeps no copy.",
            vec![
                format!("All its databases are lost, among them {}.", service.database),
                "All its users are lost, and their passwords.".to_owned(),
                "Open sessions end.".to_owned(),
            ],
        ),
        Mode::Attached => (
            "Rolecall forgets this server. The server itself, its data and its users stay as they are.",
            vec![
                "The passwords that Rolecall keeps for its users are lost; on the server they go on to work."
                    .to_owned(),
            ],
        ),
    };
    let losing = Losing { what, details: &details, name: &service.name, verb: "Delete", back: &back };
    page(
        shell,
        "Delete",
        &crumbs_to(shell, service),
        &html! {
            (head(&format!("Delete {}?", service.name), &html! {}, &html! {}))
            (confirm_by_name(&shell.token(), problem, &losing))
        },
    )
}
