//! What may go wrong with a database server, in sentences that say what to do next. None of them holds a secret.

use std::time::Duration;

use tokio_postgres::error::{DbError, SqlState};

/// The result of everything that speaks to a database server.
pub type Result<T, E = EngineError> = std::result::Result<T, E>;

/// Why a database server did not do what it was asked.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum EngineError {
    /// Nothing answers, or the connection broke.
    #[error("{0}")]
    Unreachable(String),
    /// The server does not accept the login.
    #[error("The server refuses the login \"{username}\": check its name and password.")]
    Refused {
        /// The login.
        username: String,
    },
    /// What was named isn't there.
    #[error("There is no {kind} named \"{name}\" on this server.")]
    NotFound {
        /// "user", "database" and the like.
        kind: &'static str,
        /// Its name.
        name: String,
    },
    /// The name is taken, by something that isn't ours.
    #[error("There already is a {kind} named \"{name}\" on this server.")]
    AlreadyExists {
        /// "user", "database" and the like.
        kind: &'static str,
        /// Its name.
        name: String,
    },
    /// Something else holds it: the reason says what, and trying again later may work.
    #[error("{0}")]
    InUse(String),
    /// The administrator's login lacks the right, or the thing is protected.
    #[error("{0}")]
    Forbidden(String),
    /// A name or value that cannot be.
    #[error("{0}")]
    Invalid(String),
    /// The server took too long.
    #[error("The server did not answer in time; try again later.")]
    Timeout,
    /// Any other answer of the server.
    #[error("The server says: {message} ({code})")]
    Database {
        /// The five characters of its SQLSTATE.
        code: String,
        /// Its message.
        message: String,
    },
    /// A fault on our side.
    #[error("This failed on our side: {0}.")]
    Internal(String),
}

impl EngineError {
    /// Whether trying the same again later, unchanged, may work.
    #[must_use]
    pub fn is_passing(&self) -> bool {
        matches!(self, Self::Unreachable(_) | Self::InUse(_) | Self::Timeout)
    }
}

impl From<tokio_postgres::Error> for EngineError {
    fn from(error: tokio_postgres::Error) -> Self {
        if let Some(answer) = error.as_db_error() {
            return from_answer(answer);
        }
        if error.is_closed() {
            return Self::Unreachable("The server closed the connection; try again.".to_owned());
        }
        // The driver's own sentence and its cause ("Connection refused"); neither names the login.
        let cause = std::error::Error::source(&error).map(|cause| format!(": {cause}")).unwrap_or_default();
        Self::Unreachable(format!("The connection to the server failed ({error}{cause})."))
    }
}

impl From<tokio::time::error::Elapsed> for EngineError {
    fn from(_: tokio::time::error::Elapsed) -> Self {
        Self::Timeout
    }
}

fn from_answer(answer: &DbError) -> EngineError {
    let message = answer.message().to_owned();
    let with_detail = || match answer.detail() {
        Some(detail) => format!("The server says: {message} ({})", detail.replace('\n', "; ")),
        None => format!("The server says: {message}"),
    };
    let code = answer.code();
    if *code == SqlState::INSUFFICIENT_PRIVILEGE {
        return EngineError::Forbidden(format!(
            "The administrator's login lacks the right to do this: {message}."
        ));
    }
    if *code == SqlState::QUERY_CANCELED {
        return EngineError::Timeout;
    }
    if [SqlState::LOCK_NOT_AVAILABLE, SqlState::OBJECT_IN_USE, SqlState::DEPENDENT_OBJECTS_STILL_EXIST]
        .contains(code)
    {
        return EngineError::InUse(with_detail());
    }
    if code.code().starts_with("57P")
        || code.code().starts_with("08")
        || *code == SqlState::TOO_MANY_CONNECTIONS
    {
        return EngineError::Unreachable(with_detail());
    }
    EngineError::Database { code: code.code().to_owned(), message }
}

/// Runs something that must end within a time, whatever the network does.
pub(crate) async fn within<T, E>(
    limit: Duration,
    work: impl Future<Output = std::result::Result<T, E>>,
) -> Result<T>
where
    EngineError: From<E>,
{
    Ok(tokio::time::timeout(limit, work).await??)
}
