//! Pages.

use crate::ground::web::routes::Routes;

/// The routes of this slice.
#[must_use]
pub fn routes() -> Routes {
    Routes::new()
}
