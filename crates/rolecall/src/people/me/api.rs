//! `GET /me`.

use super::Me;
use crate::ground::access::{Own, SeeSelf};
use crate::ground::web::reply::Shown;
use crate::ground::web::routes::Routes;

/// The routes of this slice.
#[must_use]
pub fn routes() -> Routes {
    Routes::new().get("/api/v1/me", "Who is calling, and what they may use", show)
}

async fn show(own: Own<SeeSelf>) -> Shown<Me> {
    Shown(super::me(&own))
}
