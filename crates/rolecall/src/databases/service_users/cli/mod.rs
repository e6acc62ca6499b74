//! `rolecall user`, and Scalingo's words for the same.

mod scalingo;
mod show;
#[cfg(test)]
mod tests;

pub use scalingo::{ScalingoCommand, run as run_scalingo};

use crate::databases::services::cli::named;
use crate::ground::cli::{Context, Exposed, Failure, ListOptions, NewPassword, Path, read};
use clap::{Args, Subcommand, ValueEnum};
use engines::postgresql::{check_password, check_username};
use serde::Serialize;
use serde_json::{Value, json};
use show::{Revealed, User, WithPassword};

/// What can be done with the users of a service.
#[derive(Debug, Subcommand)]
pub enum UserCommand {
    /// List a service's users
    #[command(
        after_help = "Examples:\n  rolecall -p acme-prod -s metrics user list\n  rolecall -p acme-prod -s metrics user list --search app --json"
    )]
    List(ListOptions),
    /// Show a user
    #[command(after_help = "Example:\n  rolecall -p acme-prod -s metrics user show my_app_4553")]
    Show(Named),
    /// Make a user
    #[command(after_help = "\
Examples:
  rolecall -p acme-prod -s metrics user create my_app_4553
  rolecall -p acme-prod -s metrics user create my_app_4553_ro --read-only --generate
  rolecall -p acme-prod -s metrics user create my_app_4553 --password-stdin < password.txt

The password is asked for twice; leave it empty to have one generated and printed this once.")]
    Create(Create),
    /// Set or generate a user's password
    #[command(after_help = "\
Examples:
  rolecall -p acme-prod -s metrics user password my_app_4553
  rolecall -p acme-prod -s metrics user password my_app_4553 --generate")]
    Password {
        #[command(flatten)]
        user: Named,
        #[command(flatten)]
        password: NewPassword,
    },
    /// Print a user's password, which is recorded
    #[command(
        after_help = "Example:\n  PGPASSWORD=$(rolecall -p acme-prod -s metrics user reveal my_app_4553) psql …"
    )]
    Reveal(Named),
    /// Allow or end replication
    #[command(after_help = "Example:\n  rolecall -p acme-prod -s metrics user replication my_app_4553 on")]
    Replication {
        #[command(flatten)]
        user: Named,
        /// Whether it may replicate, which reads everything, the stored passwords too
        wish: Wish,
    },
    /// Take over a user that was made outside Rolecall
    #[command(after_help = "Example:\n  rolecall -p acme-prod -s metrics user adopt legacy_app")]
    Adopt(Named),
    /// Delete a user; nothing that it owned is lost
    #[command(
        after_help = "Examples:\n  rolecall -p acme-prod -s metrics user delete my_app_4553\n  rolecall -p acme-prod -s metrics user delete my_app_4553 --yes"
    )]
    Delete(Named),
}

/// A user by its name.
#[derive(Debug, Args)]
pub struct Named {
    /// The user's name
    username: String,
}

/// A user to be made.
#[derive(Debug, Args)]
pub struct Create {
    /// 6 to 32 letters, digits and underscores, a letter first
    username: String,
    /// It reads everything and changes nothing
    #[arg(long, conflicts_with = "replication")]
    read_only: bool,
    /// It may replicate, which reads everything, the stored passwords too
    #[arg(long)]
    replication: bool,
    #[command(flatten)]
    password: NewPassword,
}

/// On or off.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Wish {
    /// It may
    On,
    /// It may not
    Off,
}

/// Runs a command.
///
/// # Errors
/// [`Failure`].
pub async fn run(context: &Context, command: UserCommand) -> Result<(), Failure> {
    let client = &context.client;
    let user = async |named: &Named| at(context, &named.username).await;
    match command {
        UserCommand::List(options) => {
            let items = client.list(&users(context).await?, &options).await?;
            context.output.list(items, show::table)
        }
        UserCommand::Show(named) => context.output.show(client.get(&user(&named).await?).await?, show::facts),
        UserCommand::Create(new) => create(context, &new).await,
        UserCommand::Password { user, password } => set_password(context, &user.username, &password).await,
        UserCommand::Reveal(named) => reveal(context, &user(&named).await?).await,
        UserCommand::Replication { user: named, wish } => {
            let body = json!({ "replication": wish == Wish::On });
            let changed: Value = client.patch(&user(&named).await?, &body).await?;
            context.output.show(changed, |user: User| show::replication(&user))
        }
        UserCommand::Adopt(named) => {
            let adopted: Value = client.act(&user(&named).await?.join("adopt")?).await?;
            context.output.show(adopted, |user: User| format!("User \"{}\" adopted.", user.username))
        }
        UserCommand::Delete(named) => {
            let must_ask = context.ask.must_ask()?;
            delete(context, &named.username, must_ask).await
        }
    }
}

async fn users(context: &Context) -> Result<Path, Failure> {
    named(context).await?.join("users")
}

async fn at(context: &Context, username: &str) -> Result<Path, Failure> {
    users(context).await?.join(username)
}

/// What the server checks again: told before anybody types a password.
fn check_name(username: &str) -> Result<(), Failure> {
    check_username(username).map(drop).map_err(|error| Failure::failed(error.to_string()))
}

async fn create(context: &Context, new: &Create) -> Result<(), Failure> {
    #[derive(Serialize)]
    struct Body<'a> {
        username: &'a str,
        #[serde(skip_serializing_if = "Option::is_none")]
        password: Option<Exposed<'a>>,
        read_only: bool,
        replication: bool,
    }
    check_name(&new.username)?;
    let path = users(context).await?;
    let password = new.password.choose(context.ask, check_password)?;
    let Create { username, read_only, replication, .. } = new;
    let body = Body {
        username,
        password: password.as_ref().map(Exposed),
        read_only: *read_only,
        replication: *replication,
    };
    let made: Value = context.client.post(&path, &body).await?;
    context.output.show(made, |user: WithPassword| show::created(&user))
}

async fn set_password(context: &Context, username: &str, password: &NewPassword) -> Result<(), Failure> {
    #[derive(Serialize)]
    struct Body<'a> {
        #[serde(skip_serializing_if = "Option::is_none")]
        password: Option<Exposed<'a>>,
    }
    let path = at(context, username).await?.join("password")?;
    let password = password.choose(context.ask, check_password)?;
    let set: Value = context.client.put(&path, &Body { password: password.as_ref().map(Exposed) }).await?;
    context.output.show(set, |user: WithPassword| show::updated(&user))
}

/// The password alone, so that a script can take it; without one it is a failure that says why.
async fn reveal(context: &Context, user: &Path) -> Result<(), Failure> {
    let answer: Value = context.client.act(&user.join("reveal")?).await?;
    let revealed: Revealed = read(answer.clone())?;
    match revealed.password {
        Some(password) => context.output.show(answer, |_: Value| password.expose().to_owned()),
        None => Err(Failure::failed(
            revealed
                .hint
                .unwrap_or_else(|| "Rolecall does not know this password; set a new one.".to_owned()),
        )),
    }
}

async fn delete(context: &Context, username: &str, must_ask: bool) -> Result<(), Failure> {
    let path = at(context, username).await?;
    if must_ask {
        let touched = show::touched(username, context.client.get(&path.join("deletion")?).await?);
        context.ask.confirm(&touched, &format!("Delete user \"{username}\"?"))?;
    }
    context.client.delete(&path).await?;
    context.output.say(show::deleted(username))
}
