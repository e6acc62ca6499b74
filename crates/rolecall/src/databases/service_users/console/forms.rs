//! The forms of service users: a new one, a new password, and what is asked before one is deleted.

use super::{UserForm, address};
use crate::databases::service_users::DeletionView;
use crate::databases::services::{ServiceView, console::crumbs_to};
use crate::ground::web::page::form::{Losing, check};
use crate::ground::web::page::list::encode;
use crate::ground::web::page::parts::count;
use crate::ground::web::page::{Crumb, Input, Shell, complaint, confirm_by_name, head, page};
use crate::ground::web::problem::Problem;
use maud::{Markup, html};

fn crumbs(shell: &Shell, service: &ServiceView) -> [Crumb; 3] {
    let [project, own] = crumbs_to(shell, service);
    [project, own, Crumb::new("Users", address(shell, &service.project, &service.name))]
}

/// The form of a new user.
pub(super) fn new_page(
    shell: &Shell,
    service: &ServiceView,
    typed: &UserForm,
    problem: Option<&Problem>,
) -> Markup {
    let path = address(shell, &service.project, &service.name);
    let username = Input::new("username", "Username").value(&typed.username).code().required().first();
    page(
        shell,
        "Add a new user",
        &crumbs(shell, service),
        &html! {
            (head("Add a new user", &html! {}, &html! {}))
            (complaint(problem))
            form.card.form method="post" action=(path) {
                (shell.token())
                (username.hint("6 to 32 letters, digits and underscores, a letter first.").show(problem))
                (passwords(problem))
                (check(problem, "read_only", "Read only", "Reads every table, view and sequence, also those made later, and changes nothing.", typed.read_only))
                (check(problem, "replication", "Allow replication", "For copying the whole server; reads everything, password hashes too.", typed.replication))
                div.acts { button.btn.primary { "Save" } a.btn href=(path) { "Close" } }
            }
        },
    )
}

fn passwords(problem: Option<&Problem>) -> Markup {
    let password =
        Input::new("password", "Password").password("new-password").placeholder("Generated when empty");
    let again = Input::new("again", "The same once more").password("new-password");
    html! {
        div.two {
            (password.hint("24 to 64 characters, no quotes.").show(problem))
            (again.show(problem))
        }
    }
}

/// The form of a new password.
pub(super) fn password_page(
    shell: &Shell,
    service: &ServiceView,
    username: &str,
    problem: Option<&Problem>,
) -> Markup {
    let path = address(shell, &service.project, &service.name);
    page(
        shell,
        "New password",
        &crumbs(shell, service),
        &html! {
            (head(&format!("New password for {username}"), &html! {}, &html! {}))
            (complaint(problem))
            form.card.form method="post" action={ (path) "/" (encode(username)) "/password" } {
                (shell.token())
                p.muted { "From now on only the new password opens new sessions. Sessions that are open go on." }
                (passwords(problem))
                div.acts { button.btn.primary { "Save" } a.btn href=(path) { "Close" } }
            }
        },
    )
}

/// Asks before a user is deleted, and tells what that touches.
pub(super) fn delete_page(
    shell: &Shell,
    service: &ServiceView,
    username: &str,
    preview: &DeletionView,
    problem: Option<&Problem>,
) -> Markup {
    let back = address(shell, &service.project, &service.name);
    let details = touched(preview);
    let losing = Losing {
        what: "The login is refused from then on. Nothing that it owned is lost.",
        details: &details,
        name: username,
        verb: "Delete",
        back: &back,
    };
    page(
        shell,
        "Delete",
        &crumbs(shell, service),
        &html! {
            (head(&format!("Delete {username}?"), &html! {}, &html! {}))
            (confirm_by_name(&shell.token(), problem, &losing))
        },
    )
}

fn touched(preview: &DeletionView) -> Vec<String> {
    let mut lines = Vec::new();
    lines.push(match usize::try_from(preview.sessions).unwrap_or_default() {
        0 => "It has no open sessions.".to_owned(),
        sessions => format!("{} end.", count(sessions, "open session", "open sessions")),
    });
    match usize::try_from(preview.objects).unwrap_or_default() {
        0 if preview.databases.is_empty() => lines.push("It owns nothing.".to_owned()),
        0 => {}
        objects => {
            let first = preview.first_objects.join(", ");
            lines.push(format!(
                "{} to rolecall_former: {first}.",
                count(objects, "object goes", "objects go")
            ));
        }
    }
    if !preview.databases.is_empty() {
        lines.push(format!(
            "The databases that it owns go to rolecall_former: {}.",
            preview.databases.join(", ")
        ));
    }
    for (what, things) in [
        ("Memberships that it gave end", &preview.memberships),
        ("Logins to foreign servers are lost", &preview.foreign_logins),
        ("Routines that run as it will run as rolecall_former", &preview.definer_routines),
        ("Prepared transactions have to be ended first", &preview.prepared_transactions),
        ("Databases that could not be looked into", &preview.unseen),
    ] {
        if !things.is_empty() {
            lines.push(format!("{what}: {}.", things.join(", ")));
        }
    }
    lines
}
