//! `POST /login`, `POST /logout`.

use crate::app::App;
use crate::ground::access::{AccountView, Bearer, Own, SignIn, SignOut};
use crate::ground::clock::At;
use crate::ground::secret::Secret;
use crate::ground::web::body::Body;
use crate::ground::web::problem::Problem;
use crate::ground::web::proofs::UserAgent;
use crate::ground::web::reply::{Created, Gone};
use crate::ground::web::routes::Routes;
use axum::extract::State;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// The routes of this slice.
#[must_use]
pub fn routes() -> Routes {
    Routes::new().post("/api/v1/login", "Sign in: makes a sign-in token", login).post(
        "/api/v1/logout",
        "Sign out: revokes the token used",
        logout,
    )
}

/// Who signs in.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Login {
    /// The account's id, or its email.
    account: String,
    /// Its password.
    #[schema(value_type = String, format = Password)]
    password: Secret,
    /// For accounts with two-factor authentication.
    #[serde(default)]
    #[expect(dead_code, reason = "accounts have no second factor yet; a code sent early is not an error")]
    one_time_code: Option<String>,
}

/// A session that has begun.
#[derive(Debug, Serialize, ToSchema)]
pub struct LoggedIn {
    /// The token, shown this once. Send it as `Authorization: Bearer …`.
    token: String,
    /// The token's id, safe to show.
    token_id: String,
    /// When it ends unless it is used.
    expires_at: At,
    /// Who signed in.
    account: AccountView,
}

async fn login(
    State(app): State<App>,
    bearer: Bearer<SignIn>,
    UserAgent(agent): UserAgent,
    Body(login): Body<Login>,
) -> Result<Created<LoggedIn>, Problem> {
    let session = super::sign_in(&app, &bearer, &login.account, &login.password, &agent).await?;
    let thing = LoggedIn {
        token: session.token.expose().to_owned(),
        token_id: session.key.to_string(),
        expires_at: session.expires_at,
        account: session.view,
    };
    Ok(Created { location: "/api/v1/me".to_owned(), thing })
}

async fn logout(State(app): State<App>, own: Own<SignOut>) -> Result<Gone, Problem> {
    super::sign_out(&app, &own).await?;
    Ok(Gone)
}
