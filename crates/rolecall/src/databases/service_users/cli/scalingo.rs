//! Scalingo's words, with its table and its sentences.
//!
//! `--app` is the project and `--addon` the service; both stand before or after the word.

use super::{Create, Named, create, delete, set_password, show, users};
use crate::ground::cli::{Context, Failure, ListOptions, NewPassword};
use clap::Subcommand;

/// Scalingo's commands for database users.
#[derive(Debug, Subcommand)]
pub enum ScalingoCommand {
    /// List a service's users, in Scalingo's table
    #[command(
        visible_alias = "database-list-users",
        after_help = "Example:\n  rolecall --app my-app --addon postgresql database-users-list"
    )]
    DatabaseUsersList,
    /// Make a user, in Scalingo's words
    #[command(
        visible_alias = "database-create-user",
        after_help = "\
Examples:
  rolecall --app my-app --addon postgresql database-users-create my_user
  rolecall --app my-app --addon postgresql database-users-create --read-only my_user"
    )]
    DatabaseUsersCreate(Create),
    /// Set or generate a user's password, in Scalingo's words
    #[command(
        visible_alias = "database-update-user-password",
        after_help = "Example:\n  rolecall --app my-app --addon postgresql database-users-update-password my_user"
    )]
    DatabaseUsersUpdatePassword {
        #[command(flatten)]
        user: Named,
        #[command(flatten)]
        password: NewPassword,
    },
    /// Delete a user, in Scalingo's words; asks at a terminal only
    #[command(
        visible_alias = "database-delete-user",
        after_help = "Example:\n  rolecall --app my-app --addon postgresql database-users-delete my_user"
    )]
    DatabaseUsersDelete(Named),
}

/// Runs a command.
///
/// # Errors
/// [`Failure`].
pub async fn run(context: &Context, command: ScalingoCommand) -> Result<(), Failure> {
    match command {
        ScalingoCommand::DatabaseUsersList => {
            let items = context.client.list(&users(context).await?, &ListOptions::default()).await?;
            context.output.list(items, show::scalingo)
        }
        ScalingoCommand::DatabaseUsersCreate(new) => create(context, &new).await,
        ScalingoCommand::DatabaseUsersUpdatePassword { user, password } => {
            set_password(context, &user.username, &password).await
        }
        ScalingoCommand::DatabaseUsersDelete(named) => {
            let must_ask = context.ask.is_terminal() && context.ask.must_ask()?;
            delete(context, &named.username, must_ask).await
        }
    }
}
