//! What commands stand on: requests to the API, questions, passwords, answers as tables or JSON.
//!
//! A slice's `cli.rs` declares its commands and runs them with a [`Context`]; `crate::cli` gathers them. Commands know
//! the API and nothing else of the server: whatever they check, the server checks again.

mod ask;
mod client;
mod failure;
mod output;
mod password;
mod path;
mod progress;
mod saved;
mod server;
mod table;

pub use ask::Ask;
pub use client::{Client, ListOptions};
pub use failure::{Exit, Failure, one_line};
pub use output::{Output, read};
pub use password::{NewPassword, PasswordFrom};
pub use path::Path;
pub use progress::Progress;
pub use saved::{Exposed, SignIn, SignIns};
pub use server::Server;
pub use table::{Facts, Table, Text, Tone, View};

use crate::ground::secret::Secret;
use clap::Args;
use std::io::{self, IsTerminal as _};
use std::path::PathBuf;

/// What may be said before or after any command.
#[derive(Debug, Default, Args)]
#[command(next_help_heading = "Everywhere")]
pub struct Globals {
    /// The Rolecall to use: the one signed in to last, unless told
    #[arg(long, global = true, env = "ROLECALL_URL", hide_env_values = true, value_name = "URL")]
    url: Option<String>,
    /// Trust the certificate authorities in this file, too (PEM)
    #[arg(long, global = true, env = "ROLECALL_CA_FILE", hide_env_values = true, value_name = "FILE")]
    ca_file: Option<PathBuf>,
    /// The organization's id, if not your current one
    #[arg(long, global = true, env = "ROLECALL_ORGANIZATION", hide_env_values = true, value_name = "ID")]
    organization: Option<String>,
    /// The project
    #[arg(
        short,
        long,
        visible_alias = "app",
        visible_short_alias = 'a',
        global = true,
        env = "ROLECALL_PROJECT",
        hide_env_values = true,
        value_name = "NAME"
    )]
    project: Option<String>,
    /// The service in the project; or `postgresql`, if it has just one of those
    #[arg(
        short,
        long,
        visible_alias = "addon",
        global = true,
        env = "ROLECALL_SERVICE",
        hide_env_values = true,
        value_name = "NAME"
    )]
    service: Option<String>,
    /// Print the API's JSON
    #[arg(long, global = true)]
    json: bool,
    /// Say yes to whatever would be asked
    #[arg(short, long, global = true)]
    yes: bool,
}

/// What is read from the environment, beside the variables that stand for a flag.
#[derive(Debug, Default)]
pub struct Environment {
    /// `ROLECALL_TOKEN`: in place of a kept sign-in.
    pub token: Option<Secret>,
    /// `NO_COLOR`, or a terminal without colours.
    pub no_color: bool,
    /// Where programs keep their settings.
    pub config_folder: Option<PathBuf>,
}

impl Environment {
    /// That of this process.
    #[must_use]
    pub fn of_process() -> Self {
        #[expect(clippy::disallowed_methods, reason = "the command line's own variables, read once")]
        let variable = |name| std::env::var_os(name).filter(|value| !value.is_empty());
        let config = variable("XDG_CONFIG_HOME").map(PathBuf::from).filter(|path| path.is_absolute());
        Self {
            token: variable("ROLECALL_TOKEN").map(|token| Secret::new(token.to_string_lossy())),
            no_color: variable("NO_COLOR").is_some() || variable("TERM").is_some_and(|term| term == "dumb"),
            config_folder: config.or_else(|| Some(variable("HOME").map(PathBuf::from)?.join(".config"))),
        }
    }
}

/// What a command works with.
#[derive(Debug)]
pub struct Context {
    /// The server.
    pub client: Client,
    /// Where answers go.
    pub output: Output,
    /// Whom to ask.
    pub ask: Ask,
    /// The kept sign-ins.
    pub sign_ins: SignIns,
    /// Whether the token is that of a kept sign-in.
    pub is_kept: bool,
    project: Option<String>,
    service: Option<String>,
}

impl Context {
    /// Puts together what was said in the command, in the environment, and when signing in.
    ///
    /// # Errors
    /// When one of it is not right.
    pub fn new(globals: Globals, environment: Environment) -> Result<Self, Failure> {
        // Compose files and units leave a variable out by making it empty.
        let said = |text: Option<String>| text.filter(|text| !text.is_empty());
        let sign_ins =
            environment.config_folder.as_deref().map(SignIns::read).transpose()?.unwrap_or_default();
        let url = said(globals.url);
        let server: Server = url.as_deref().or(sign_ins.current()).unwrap_or(Server::DEFAULT).parse()?;
        let ca_file = globals.ca_file.filter(|path| !path.as_os_str().is_empty());
        let colour = !environment.no_color && io::stdout().is_terminal();
        let nobody = Client::new(server, said(globals.organization).as_deref(), ca_file.as_deref())?;
        let is_kept = environment.token.is_none();
        let client = match (environment.token, sign_ins.at(nobody.server())) {
            (Some(token), _) => nobody.with_token(token).with_remedy("It stands in ROLECALL_TOKEN."),
            (None, Some(kept)) => nobody.with_token(kept.token.clone()),
            (None, None) => nobody,
        };
        Ok(Self {
            client,
            output: Output::new(globals.json, colour),
            ask: Ask::new(io::stdin().is_terminal(), globals.yes),
            sign_ins,
            is_kept,
            project: said(globals.project),
            service: said(globals.service),
        })
    }

    /// The project that the command is about.
    ///
    /// # Errors
    /// When none was named.
    pub fn project(&self) -> Result<&str, Failure> {
        self.project
            .as_deref()
            .ok_or_else(|| Failure::usage("Name the project with --project, or in ROLECALL_PROJECT."))
    }

    /// The service that the command is about, as it was named.
    ///
    /// # Errors
    /// When none was named.
    pub fn service(&self) -> Result<&str, Failure> {
        self.service
            .as_deref()
            .ok_or_else(|| Failure::usage("Name the service with --service, or in ROLECALL_SERVICE."))
    }
}
