//! The list of a service's users.

use super::{Found, Said, UserView, WithPassword, address};
use crate::databases::services::ServiceView;
use crate::databases::services::console::{not_now, service_page};
use crate::ground::access::{ActionId, Project};
use crate::ground::store::{Page, PageRequest};
use crate::ground::web::page::list::encode;
use crate::ground::web::page::parts::{copy_button, count, entries, icon, menu};
use crate::ground::web::page::{Listing, Mood, Shell, note, or_why, tag, when};
use maud::{Markup, html};

/// Who looks at which service.
pub(super) struct Here<'a> {
    pub(super) shell: &'a Shell,
    pub(super) project: &'a Project,
    pub(super) service: &'a ServiceView,
}

impl Here<'_> {
    fn why_not(&self, action: ActionId) -> Option<String> {
        self.shell.why_not(action, self.project)
    }

    fn path(&self) -> String {
        address(self.shell, &self.project.name, &self.service.name)
    }
}

/// The Users tab.
pub(super) fn tab_page(here: &Here<'_>, found: &Found, request: &PageRequest, said: &Said) -> Markup {
    let path = here.path();
    let why = here
        .why_not(ActionId::CreateServiceUser)
        .or_else(|| found.as_ref().err().map(|problem| problem.detail.clone()));
    let add = or_why(
        why.as_deref(),
        "Add service user",
        &html! {
            a.btn.primary href={ (path) "/new" } { (icon("plus")) "Add service user" }
        },
    );
    let listing = Listing { path: &path, request, by_default: "username" };
    service_page(
        here.shell,
        here.service,
        "Users",
        &add,
        &html! {
            (told(said))
            @match found {
                Err(problem) => { (not_now(here.shell, here.project, here.service, problem)) }
                Ok(found) => { (list(here, &listing, found, said)) }
            }
        },
    )
}

/// A generated password, shown this once.
fn told(said: &Said) -> Markup {
    match said {
        Said::Made(WithPassword { user, password }) => {
            generated(&user.username, "was made", password.as_ref())
        }
        Said::Changed(WithPassword { user, password }) => {
            generated(&user.username, "has a new password", password.as_ref())
        }
        Said::Nothing | Said::Revealed(..) => html! {},
    }
}

fn generated(username: &str, what: &str, password: Option<&crate::ground::secret::Secret>) -> Markup {
    note(
        Mood::Good,
        &html! {
            p { "The user " b { (username) } " " (what) "." @if password.is_some() { " Its generated password:" } }
            @if let Some(password) = password {
                span.secret { code { (password.expose()) } (copy_button("the password")) }
            }
        },
    )
}

fn list(here: &Here<'_>, listing: &Listing<'_>, found: &Page<UserView>, said: &Said) -> Markup {
    html! {
        (weak(here, found))
        div.bar { (listing.search("Search users")) }
        @if found.items.is_empty() { (listing.nothing_found("users")) } @else {
            // One form for the acts of all rows: their buttons say where it goes.
            form #acts method="post" { (here.shell.token()) }
            div.card {
                table.stack {
                    thead { tr {
                        (listing.header("Username", "username"))
                        (listing.header("Access", "access"))
                        th { "Password" }
                        (listing.header("Encryption", "password_encryption"))
                        th { "Created" }
                        th { span.unseen { "Actions" } }
                    } }
                    @for user in &found.items { (row(here, listing, user, said)) }
                }
                (listing.foot(&count(found.items.len(), "user", "users"), found.next.as_deref(), "As the server tells it now"))
            }
        }
    }
}

/// Who still has an MD5 password.
fn weak(here: &Here<'_>, found: &Page<UserView>) -> Markup {
    let weak: Vec<_> = found.items.iter().filter(|user| has_md5(user)).collect();
    html! {
        @if let [first, rest @ ..] = weak.as_slice() {
            (note(Mood::Warn, &html! {
                p {
                    (first.username)
                    @if rest.is_empty() { " still stores its password" } @else { " and " (rest.len()) " more still store their passwords" }
                    " as MD5, which newer servers refuse. "
                    @if first.managed { "Set a new one." } @else { "Adopt it, then set a new one." }
                }
                @if first.managed { a href={ (here.path()) "/" (encode(&first.username)) "/password" } { "New password" } }
            }))
        }
    }
}

fn has_md5(user: &UserView) -> bool {
    user.password_encryption.as_deref() == Some("MD5")
}

fn row(here: &Here<'_>, listing: &Listing<'_>, user: &UserView, said: &Said) -> Markup {
    let name = encode(&user.username);
    let shown = match said {
        Said::Revealed(username, revealed) if *username == user.username => Some(revealed),
        _ => None,
    };
    let is_known = is_known(user);
    html! {
        tbody id={ "user-" (name) } {
            tr {
                td.name.mono { (user.username) }
                td data-th="Access" { (access(here, user)) }
                td data-th="Password" {
                    @if is_known { span.dots aria-label="hidden" { "••••••••••••" } } @else { span.muted { "not known" } }
                }
                td.nowrap data-th="Encryption" { (encryption(user)) }
                td.nowrap data-th="Created" { (created(here, user)) }
                td.row-acts { div { (eye(here, listing, user, &name, shown.is_some())) (more(here, user, &name)) } }
            }
            @if let Some(revealed) = shown {
                tr.told { td colspan="6" { div.secret role="status" {
                    @match (&revealed.password, revealed.hint) {
                        (Some(password), _) => { code { (password.expose()) } (copy_button("the password")) }
                        (None, hint) => { span { (hint.unwrap_or("Rolecall does not know this password.")) } }
                    }
                    a.link href={ (listing.path) (listing.query()) } data-hide={ "user-" (name) } { "Hide" }
                } } }
            }
        }
    }
}

/// Whether the eye has something to show, as far as Rolecall knows.
fn is_known(user: &UserView) -> bool {
    user.managed && (user.superuser || user.password_changed_at.is_some())
}

fn access(here: &Here<'_>, user: &UserView) -> Markup {
    let is_owner = here.service.default_user.as_deref() == Some(&user.username);
    html! {
        div.tags {
            @if user.superuser { (tag(Mood::Warn, "Superuser")) }
            @else if is_owner { (tag(Mood::Plain, "Owner")) }
            @else if user.read_only { (tag(Mood::Plain, "Read only")) }
            @else if user.managed { (tag(Mood::Plain, "Read and write")) }
            @if user.replication && !user.superuser { (tag(Mood::Blue, "Replication")) }
            @if user.protected { (tag(Mood::Plain, "Protected")) }
            @if !user.managed && !user.protected { span.tag.dashed title="Made outside Rolecall; adopt it to manage it here" { "Unmanaged" } }
        }
    }
}

fn encryption(user: &UserView) -> Markup {
    match user.password_encryption.as_deref() {
        Some("MD5") => tag(Mood::Warn, "MD5"),
        Some(other) => html! { (other) },
        None => html! { span.muted { "–" } },
    }
}

fn created(here: &Here<'_>, user: &UserView) -> Markup {
    let Some(at) = user.created_at else { return html! { span.muted { "–" } } };
    when(at, here.shell.now)
}

fn eye(here: &Here<'_>, listing: &Listing<'_>, user: &UserView, name: &str, is_shown: bool) -> Markup {
    let row = format!("user-{name}");
    if is_shown {
        return html! {
            a.icon href={ (listing.path) (listing.query()) } data-hide=(row) aria-label={ "Hide the password of " (user.username) } title="Hide" {
                (icon("eye-off"))
            }
        };
    }
    let action = if user.superuser { ActionId::RevealSuperuser } else { ActionId::RevealPassword };
    let unknown = (!is_known(user))
        .then(|| "Rolecall does not know this password; set a new one to know it.".to_owned());
    if let Some(why) = here.why_not(action).or(unknown) {
        return html! {
            details.why name="menu" {
                summary.icon title=(why) aria-label={ "The password of " (user.username) ": why can't I see it?" } { (icon("eye")) }
                div.drop role="note" { p { (why) } }
            }
        };
    }
    html! {
        button.icon form="acts" formaction={ (listing.path) "/" (name) "/reveal" (listing.query()) } data-row=(row)
            aria-label={ "Show the password of " (user.username) } title="Show the password; this is recorded" { (icon("eye")) }
    }
}

fn more(here: &Here<'_>, user: &UserView, name: &str) -> Markup {
    let path = format!("{}/{name}", here.path());
    let is_own = user.protected && (user.superuser || !user.managed);
    let ours = |action| here.why_not(action);
    let unmanaged = (!user.managed).then(|| "Made outside Rolecall; adopt it first.".to_owned());
    let own = is_own.then(|| "Rolecall's own way into this server.".to_owned());
    let password = ours(ActionId::ChangePassword).or_else(|| own.clone()).or_else(|| unmanaged.clone());
    let reads = user
        .read_only
        .then(|| "Replication reads everything, so a read-only user cannot have it.".to_owned());
    let protected = user.protected.then(|| "Protected: the service needs this user.".to_owned());
    let replication = ours(ActionId::ChangeReplication)
        .or_else(|| protected.clone())
        .or(unmanaged)
        .or(reads.filter(|_| !user.replication));
    let delete = ours(ActionId::DeleteServiceUser).or(protected);
    let (word, wish) =
        if user.replication { ("End replication", "false") } else { ("Allow replication", "true") };
    let mut acts = vec![
        ("New password", password, html! { a href={ (path) "/password" } { "New password" } }),
        (
            word,
            replication,
            html! {
                button form="acts" formaction={ (path) "/replication" } name="replication" value=(wish) { (word) }
            },
        ),
        ("Delete", delete, html! { a.danger href={ (path) "/delete" } { "Delete" } }),
    ];
    if !user.managed && !user.protected {
        let superuser = user.superuser.then(|| "A superuser is not managed here.".to_owned());
        let adopt = html! { button form="acts" formaction={ (path) "/adopt" } { "Adopt" } };
        acts.insert(0, ("Adopt", ours(ActionId::AdoptServiceUser).or(superuser), adopt));
    }
    menu(&user.username, &entries(&acts))
}
