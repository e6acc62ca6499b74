//! `/audit`.

use super::AuditRecord;
use crate::app::App;
use crate::ground::access::{Allowed, ReadAudit};
use crate::ground::audit::{Filter, Verdict};
use crate::ground::web::body::{Ask, Asked, ListQuery};
use crate::ground::web::problem::Problem;
use crate::ground::web::reply::{Listed, Shown};
use crate::ground::web::routes::Routes;
use axum::extract::State;

/// The routes of this slice.
#[must_use]
pub fn routes() -> Routes {
    Routes::new().get("/api/v1/audit", "Who did what, the newest first", list).get(
        "/api/v1/audit/verify",
        "Check that no record was changed, moved or left out",
        verify,
    )
}

impl Asked for Filter {
    const FIELDS: &'static [(&'static str, &'static str)] = &[
        ("account", "Only what this account did."),
        ("action", "Only this action: `project.create`."),
        ("resource", "Only what was done to this: `project:acme-prod`."),
        ("from", "Not before this instant."),
        ("to", "Before this instant."),
    ];
}

async fn list(
    State(app): State<App>,
    allowed: Allowed<ReadAudit>,
    Ask(filter): Ask<Filter>,
    query: ListQuery,
) -> Result<Listed<AuditRecord>, Problem> {
    Ok(Listed(super::list(&app, &allowed, &filter, &query.by(super::SORTS)?).await?))
}

async fn verify(State(app): State<App>, allowed: Allowed<ReadAudit>) -> Result<Shown<Verdict>, Problem> {
    Ok(Shown(super::verify(&app, &allowed).await?))
}
