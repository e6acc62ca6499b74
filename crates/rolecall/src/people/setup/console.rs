//! The set-up page, reached by the one-time link that the server prints.

use super::{Claim, ClaimError};
use crate::app::App;
use crate::ground::access::{Bearer, ClaimInstallation};
use crate::ground::web::body::{Ask, Asked, Form};
use crate::ground::web::cookies;
use crate::ground::web::page::form::check;
use crate::ground::web::page::{Input, bare, complaint};
use crate::ground::web::problem::{FieldError, Problem};
use crate::ground::web::proofs::{Anybody, UserAgent};
use crate::ground::web::routes::Routes;
use crate::people::sign_in;
use axum::extract::State;
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Redirect, Response};
use maud::{Markup, html};
use serde::Deserialize;
use std::sync::atomic::Ordering;

/// The routes of this slice.
#[must_use]
pub fn routes() -> Routes {
    Routes::new().get("/setup", "The set-up page", show).post("/setup", "Set the installation up", submit)
}

#[derive(Deserialize)]
struct Link {
    #[serde(default)]
    code: String,
}

impl Asked for Link {}

async fn show(State(app): State<App>, _: Anybody, Ask(link): Ask<Link>) -> Response {
    if app.claimed.load(Ordering::Acquire) {
        return Redirect::to("/sign-in").into_response();
    }
    if link.code.is_empty() {
        return where_the_link_is().into_response();
    }
    form(&link.code, None).into_response()
}

async fn submit(
    State(app): State<App>,
    bearer: Bearer<ClaimInstallation>,
    UserAgent(agent): UserAgent,
    Form(claim): Form<Claim>,
) -> Result<Response, Problem> {
    match super::claim(&app, &bearer, &claim).await {
        Ok(admin) => {
            let session = sign_in::begin(&app, &bearer.doing(), admin, &agent).await?;
            let cookie = cookies::keep_session(&app, session.token.expose());
            Ok(([(header::SET_COOKIE, cookie)], Redirect::to("/")).into_response())
        }
        Err(error) => {
            let problem = Problem::from(error);
            let status = StatusCode::from_u16(problem.status).unwrap_or(StatusCode::BAD_REQUEST);
            Ok((status, form(claim.code.expose(), Some(&problem))).into_response())
        }
    }
}

fn where_the_link_is() -> Markup {
    bare(
        "Set up Rolecall",
        &html! {
            h1 { "Set up Rolecall" }
            p { "Nobody holds this installation yet. Open the set-up link that the server printed on its terminal "
                "when it started; it works once." }
            p.muted { "No terminal at hand? Stop the server and start it again with " code { "ROLECALL_ADMIN_PASSWORD" } " set." }
        },
    )
}

fn form(code: &str, problem: Option<&Problem>) -> Markup {
    let password =
        Input::new("password", "Password").password("new-password").hint("At least 12 characters.");
    let again = Input::new("again", "The same once more").password("new-password");
    let everybody = "Everybody who signs in may do everything. For trying things out; change it any time.";
    bare(
        "Set up Rolecall",
        &html! {
            h1 { "Set up Rolecall" }
            p { "Choose the password of the account " b { "admin" } ", which may do everything here." }
            (complaint(problem))
            form.form method="post" action="/setup" {
                input type="hidden" name="code" value=(code);
                // For password managers.
                input type="hidden" name="account" value="admin" autocomplete="username";
                (password.required().first().show(problem))
                (again.required().show(problem))
                (check(problem, "new_users_are_superadmins", "All new users are SuperAdmins", everybody, false))
                button.btn.primary { "Set up" }
            }
        },
    )
}

impl From<ClaimError> for Problem {
    fn from(error: ClaimError) -> Self {
        match error {
            ClaimError::Taken => Self::conflict(
                "already_set_up",
                "This installation was set up already; sign in as admin instead.",
            ),
            ClaimError::WrongCode => Self::forbidden(
                "This set-up link is not the one that the server printed; copy it whole from its terminal.",
            ),
            ClaimError::Differ => Self::field("again", "The two passwords differ; type the same twice."),
            ClaimError::Password(rules) => Self::invalid(
                rules
                    .iter()
                    .map(|rule| FieldError { field: "password".into(), message: rule.to_string() })
                    .collect(),
            ),
            ClaimError::Hash(error) => Self::internal(&error),
            ClaimError::Store(error) => error.into(),
        }
    }
}
