//! The sign-in page, and signing out.

use crate::app::App;
use crate::ground::access::{Bearer, Own, SignIn, SignOut};
use crate::ground::secret::Secret;
use crate::ground::web::body::{Ask, Asked, Form};
use crate::ground::web::cookies;
use crate::ground::web::page::{Input, bare, complaint};
use crate::ground::web::problem::Problem;
use crate::ground::web::proofs::{Anybody, UserAgent};
use crate::ground::web::routes::Routes;
use axum::extract::State;
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Redirect, Response};
use maud::{Markup, html};
use serde::Deserialize;

/// The routes of this slice.
#[must_use]
pub fn routes() -> Routes {
    Routes::new()
        .get("/sign-in", "The sign-in page", show)
        .post("/sign-in", "Sign in to the console", submit)
        .post("/sign-out", "Sign out of the console", leave)
}

#[derive(Deserialize)]
struct Next {
    #[serde(default)]
    next: String,
}

#[derive(Deserialize)]
struct SignInForm {
    account: String,
    password: Secret,
    #[serde(default)]
    next: String,
}

impl Asked for Next {}

async fn show(_: Anybody, Ask(ask): Ask<Next>) -> Markup {
    form("", &ask.next, None)
}

async fn submit(
    State(app): State<App>,
    bearer: Bearer<SignIn>,
    UserAgent(agent): UserAgent,
    Form(typed): Form<SignInForm>,
) -> Response {
    match super::sign_in(&app, &bearer, &typed.account, &typed.password, &agent).await {
        Ok(session) => {
            let cookie = cookies::keep_session(&app, session.token.expose());
            ([(header::SET_COOKIE, cookie)], Redirect::to(inner_path(&typed.next))).into_response()
        }
        Err(error) => {
            let problem = Problem::from(error);
            let status = StatusCode::from_u16(problem.status).unwrap_or(StatusCode::UNAUTHORIZED);
            (status, form(&typed.account, &typed.next, Some(&problem))).into_response()
        }
    }
}

async fn leave(State(app): State<App>, own: Own<SignOut>) -> Result<Response, Problem> {
    super::sign_out(&app, &own).await?;
    Ok(([(header::SET_COOKIE, cookies::end_session(&app))], Redirect::to("/sign-in")).into_response())
}

/// A path of ours, or the start page: a sign-in never leads to another site.
fn inner_path(next: &str) -> &str {
    let is_inner = next.starts_with('/')
        && !next.starts_with("//")
        && next.bytes().all(|byte| byte.is_ascii_graphic() && byte != b'\\');
    if is_inner { next } else { "/" }
}

fn form(account: &str, next: &str, problem: Option<&Problem>) -> Markup {
    let name =
        Input::new("account", "Account or email").value(account).autocomplete("username").code().required();
    let name = if account.is_empty() { name.first() } else { name };
    let password = Input::new("password", "Password").password("current-password").required();
    let password = if account.is_empty() { password } else { password.first() };
    bare(
        "Sign in",
        &html! {
            h1 { "Sign in" }
            (complaint(problem))
            form.form method="post" action="/sign-in" {
                input type="hidden" name="next" value=(next);
                (name.show(problem))
                (password.show(problem))
                button.btn.primary { "Sign in" }
            }
        },
    )
}

#[cfg(test)]
mod tests {
    use super::inner_path;

    #[test]
    fn signing_in_never_leads_to_another_site() {
        for foreign in ["//h", "/\\h", "https://h", "javascript:alert(1)", "", "h", "/a\nb", "\\\\h"] {
            assert_eq!(inner_path(foreign), "/", "{foreign}");
        }
        assert_eq!(inner_path("/o/default/services?x=1"), "/o/default/services?x=1");
    }
}
