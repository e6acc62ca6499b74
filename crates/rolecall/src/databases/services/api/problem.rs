//! What callers are told when something about a service was not done.

use crate::databases::services::ServiceError;
use crate::ground::web::problem::Problem;
use axum::http::StatusCode;
use engines::EngineError;

impl From<EngineError> for Problem {
    fn from(error: EngineError) -> Self {
        let detail = error.to_string();
        match error {
            EngineError::Unreachable(_) => Self::new(StatusCode::BAD_GATEWAY, "unreachable", detail),
            EngineError::Refused { .. } => Self::new(StatusCode::BAD_GATEWAY, "login_refused", detail),
            EngineError::NotFound { .. } => Self::new(StatusCode::NOT_FOUND, "not_found", detail),
            EngineError::AlreadyExists { .. } => Self::conflict("already_exists", detail),
            EngineError::InUse(_) => Self::conflict("in_use", detail),
            EngineError::Forbidden(_) => Self::new(StatusCode::BAD_GATEWAY, "refused_by_server", detail),
            EngineError::Invalid(_) => Self::new(StatusCode::UNPROCESSABLE_ENTITY, "invalid", detail),
            EngineError::Timeout => Self::new(StatusCode::GATEWAY_TIMEOUT, "timed_out", detail),
            EngineError::Database { .. } => Self::new(StatusCode::BAD_GATEWAY, "database_error", detail),
            EngineError::Internal(_) => Self::internal(&error),
        }
    }
}

/// What clashes with how things are: the code, and what to do instead.
fn clash(error: &ServiceError) -> Option<(&'static str, &'static str)> {
    Some(match error {
        ServiceError::Taken => {
            ("already_exists", "This project has a service of that name; choose another name.")
        }
        ServiceError::DatabaseTaken => {
            ("already_exists", "This service has a database of that name already; choose another name.")
        }
        ServiceError::NoneInstalled => (
            "nothing_installed",
            "No PostgreSQL is installed on this machine; install one (apt install postgresql), or attach a server.",
        ),
        ServiceError::Attached => {
            ("attached", "This server is attached: it is started and stopped where it lives, not here.")
        }
        ServiceError::ProtectedDatabase => {
            ("protected", "The service needs this database, so it cannot be deleted.")
        }
        ServiceError::BeingDeleted => ("being_deleted", "This service is being deleted; choose another one."),
        ServiceError::Busy => {
            ("busy", "Another change to this service is not finished yet; try again in a moment.")
        }
        _ => return None,
    })
}

impl From<ServiceError> for Problem {
    fn from(error: ServiceError) -> Self {
        if let Some((code, sentence)) = clash(&error) {
            return Self::conflict(code, sentence);
        }
        match error {
            ServiceError::Unknown | ServiceError::UnknownDatabase => Self::not_found(),
            ServiceError::BadName => Self::field(
                "name",
                "A service's name has at most 63 small letters, digits and hyphens, a letter first; choose another one.",
            ),
            ServiceError::Field(field, message) => Self::field(field, message),
            ServiceError::NoVersion(version) => Self::field(
                "version",
                format!("PostgreSQL {version} is not installed on this machine; see GET /service-versions."),
            ),
            ServiceError::NotRunning { name, state } => Self::conflict(
                "not_running",
                format!(
                    "The service {name} is {state}; its users and databases can be managed while it runs."
                ),
            ),
            ServiceError::Elsewhere(node) => Self::conflict(
                "elsewhere",
                format!("This service lies on the node {node}; ask Rolecall there."),
            ),
            ServiceError::Unfinished => Self::new(
                StatusCode::GATEWAY_TIMEOUT,
                "unfinished",
                "It takes longer than a request may wait and goes on in the background; look at the service's state.",
            ),
            ServiceError::Engine(error) => error.into(),
            ServiceError::Cluster(error) => Self::new(StatusCode::BAD_GATEWAY, "cluster", error.to_string()),
            ServiceError::Vault(error) => Self::internal(&error),
            ServiceError::Store(error) => error.into(),
            other => Self::internal(&other),
        }
    }
}
