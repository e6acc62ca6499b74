//! The command line: every slice's commands in one tree, and how the program ends.

use crate::config::{self, Flags, Inputs};
use crate::databases::service_databases::cli::{self as service_databases, DatabaseCommand};
use crate::databases::service_users::cli::{self as service_users, ScalingoCommand, UserCommand};
use crate::databases::services::cli::{self as services, ServiceCommand};
use crate::ground::cli::{Context, Environment, Failure, Globals, Output};
use crate::people::sign_in::cli::{self as sign_in, Login};
use crate::tenancy::projects::cli::{self as projects, ProjectCommand};
use clap::{Parser, Subcommand};
use std::ffi::OsString;
use std::io::{self, Write as _};
use std::process::ExitCode;
use tokio::runtime;

#[cfg(test)]
mod tests;

/// Who may use which database, as what, since when, and why
#[derive(Debug, Parser)]
#[command(
    name = "rolecall",
    version,
    propagate_version = false,
    after_help = "\
Examples:
  rolecall serve
  rolecall login --url https://rolecall.example.org
  rolecall -p acme-prod service create metrics
  rolecall -p acme-prod -s metrics user create my_app_4553

Exit codes: 0 done, 1 failed, 2 wrong usage, 3 refused, 4 not found."
)]
struct Line {
    #[command(flatten)]
    globals: Globals,
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Run the server
    #[command(after_help = "\
Examples:
  rolecall serve --demo
  rolecall serve --listen 127.0.0.1:8080 --data /var/lib/rolecall

Every setting may also stand in rolecall.toml or in the environment.")]
    Serve(Flags),
    /// Print a rolecall.toml with every setting, what it is for and its default
    #[command(after_help = "Example:\n  rolecall config > rolecall.toml")]
    Config,
    #[command(flatten)]
    Client(ClientCommand),
}

/// What is asked of a server.
#[derive(Debug, Subcommand)]
enum ClientCommand {
    /// Sign in, and stay signed in
    Login(Login),
    /// Sign out: the token is revoked
    #[command(after_help = "Example:\n  rolecall logout")]
    Logout,
    /// Tell who is signed in, and with which roles
    #[command(after_help = "Example:\n  rolecall whoami --json")]
    Whoami,
    /// Projects: list, show, create, edit, delete
    #[command(subcommand)]
    Project(ProjectCommand),
    /// Services, which are database servers: list, show, create, attach, start, stop, delete, …
    #[command(subcommand)]
    Service(ServiceCommand),
    /// Users of a service, which are database logins: list, show, create, password, delete, …
    #[command(subcommand)]
    User(UserCommand),
    /// Databases of a service: list, create, delete
    #[command(subcommand)]
    Database(DatabaseCommand),
    #[command(flatten)]
    Scalingo(ScalingoCommand),
}

/// Runs the program with these arguments.
pub fn run(arguments: impl IntoIterator<Item = OsString>) -> ExitCode {
    let line = match Line::try_parse_from(arguments) {
        Ok(line) => line,
        Err(error) => {
            // A reader that has seen enough of the help is no failure.
            drop(error.print());
            return ExitCode::from(u8::try_from(error.exit_code()).unwrap_or(2));
        }
    };
    match line.command {
        Command::Serve(flags) => serve(flags),
        Command::Config => end(Output::new(false, false).say(config::toml())),
        Command::Client(command) => end(ask_server(line.globals, command)),
    }
}

fn end(done: Result<(), Failure>) -> ExitCode {
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => {
            tell(&failure);
            failure.exit().into()
        }
    }
}

/// The server uses all cores.
fn serve(flags: Flags) -> ExitCode {
    let run = || -> anyhow::Result<()> {
        let inputs = Inputs::of_process(flags)?;
        runtime::Builder::new_multi_thread().enable_all().build()?.block_on(crate::serve::run(inputs))
    };
    match run() {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            tell(&format_args!("{error:#}"));
            ExitCode::FAILURE
        }
    }
}

/// A command waits for one answer at a time.
fn ask_server(globals: Globals, command: ClientCommand) -> Result<(), Failure> {
    let mut context = Context::new(globals, Environment::of_process())?;
    let runtime = runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .map_err(|error| Failure::failed(format!("This process cannot wait for answers: {error}.")))?;
    runtime.block_on(dispatch(&mut context, command))
}

async fn dispatch(context: &mut Context, command: ClientCommand) -> Result<(), Failure> {
    match command {
        ClientCommand::Login(login) => sign_in::login(context, login).await,
        ClientCommand::Logout => sign_in::logout(context).await,
        ClientCommand::Whoami => sign_in::whoami(context).await,
        ClientCommand::Project(command) => projects::run(context, command).await,
        ClientCommand::Service(command) => services::run(context, command).await,
        ClientCommand::User(command) => service_users::run(context, command).await,
        ClientCommand::Database(command) => service_databases::run(context, command).await,
        ClientCommand::Scalingo(command) => service_users::run_scalingo(context, command).await,
    }
}

/// Says on standard error why it did not work; when even that is closed, the exit code says it.
fn tell(why: &dyn std::fmt::Display) {
    drop(writeln!(io::stderr(), "{why}"));
}
