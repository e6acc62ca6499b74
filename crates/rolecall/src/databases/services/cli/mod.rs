//! `rolecall service`.

mod attached;
mod find;
mod show;
mod wait;

pub use find::{at, named};

use crate::ground::cli::{Context, Failure, ListOptions, Path};
use attached::Address;
use clap::{Args, Subcommand, ValueEnum};
use serde::Serialize;
use serde_json::{Value, json};
use show::Service;
use wait::Patience;

/// What can be done with services.
#[derive(Debug, Subcommand)]
pub enum ServiceCommand {
    /// List a project's services
    #[command(after_help = "Example:\n  rolecall -p acme-prod service list")]
    List(ListOptions),
    /// Show a service
    #[command(after_help = "Example:\n  rolecall -p acme-prod service show metrics")]
    Show {
        /// The service's name
        name: String,
    },
    /// Make a PostgreSQL server that Rolecall runs
    #[command(after_help = "\
Examples:
  rolecall -p acme-prod service create metrics
  rolecall -p acme-prod service create shop --version 17 --default-user random --database shop")]
    Create(Create),
    /// Attach a PostgreSQL server that runs elsewhere
    #[command(after_help = "\
Examples:
  rolecall -p acme-prod service attach billing --host db.example.org --username admin --tls verify_full
  rolecall -p acme-prod service attach billing --host 10.1.2.3 --username admin --password-file admin.txt")]
    Attach {
        /// The name that the service gets
        name: String,
        #[command(flatten)]
        address: Address,
    },
    /// Try to reach a server before attaching it
    #[command(
        after_help = "Example:\n  rolecall -p acme-prod service test --host db.example.org --username admin"
    )]
    Test(Address),
    /// Rename a service
    #[command(after_help = "Example:\n  rolecall -p acme-prod service edit metrics --name numbers")]
    Edit {
        /// The service's name
        #[arg(id = "current", value_name = "NAME")]
        current: String,
        /// Its new name
        #[arg(long, id = "new", value_name = "NEW")]
        name: String,
    },
    /// Start a managed service
    #[command(after_help = "Example:\n  rolecall -p acme-prod service start metrics")]
    Start(Act),
    /// Stop a managed service: its users are cut off, its data stays
    #[command(after_help = "Example:\n  rolecall -p acme-prod service stop metrics")]
    Stop(Act),
    /// Stop a managed service and start it again
    #[command(after_help = "Example:\n  rolecall -p acme-prod service restart metrics --no-wait")]
    Restart(Act),
    /// Delete a service: a managed one with all its data, an attached one from the list only
    #[command(
        after_help = "Examples:\n  rolecall -p acme-test service delete metrics\n  rolecall -p acme-test service delete metrics --yes"
    )]
    Delete(Act),
    /// Print how to connect to a service; no password is in it
    #[command(after_help = "\
Examples:
  rolecall -p acme-prod service connect metrics
  psql \"$(rolecall -p acme-prod service connect metrics --format uri)\"")]
    Connect {
        /// The service's name
        name: String,
        /// Print this form alone
        #[arg(long, value_enum)]
        format: Option<Format>,
    },
    /// List the PostgreSQL versions to choose from
    #[command(after_help = "Example:\n  rolecall service versions")]
    Versions,
}

/// A managed service to be made.
#[derive(Debug, Args)]
pub struct Create {
    /// Small letters, digits and hyphens, a letter first
    name: String,
    /// The PostgreSQL version, such as 17; the newest installed one without
    #[arg(long)]
    version: Option<String>,
    /// The protected user that it comes with
    #[arg(long, value_enum)]
    default_user: Option<DefaultUser>,
    /// The name of its database, instead of defaultdb
    #[arg(long, value_name = "NAME")]
    database: Option<String>,
    #[command(flatten)]
    patience: Patience,
}

/// A service to do something with.
#[derive(Debug, Args)]
pub struct Act {
    /// The service's name
    name: String,
    #[command(flatten)]
    patience: Patience,
}

/// The user that a new service comes with.
#[derive(Debug, Clone, Copy, Serialize, ValueEnum)]
#[serde(rename_all = "snake_case")]
pub enum DefaultUser {
    /// Owns the database, makes databases and roles, and replicates
    Tsdbadmin,
    /// Reads and writes, under a random name
    Random,
}

/// A form of connection string.
#[derive(Debug, Clone, Copy, ValueEnum)]
pub enum Format {
    /// A command
    Psql,
    /// An address for most drivers
    Uri,
    /// Keywords and values
    Libpq,
    /// An address for Java
    Jdbc,
}

/// Runs a command.
///
/// # Errors
/// [`Failure`].
pub async fn run(context: &Context, command: ServiceCommand) -> Result<(), Failure> {
    use ServiceCommand as Command;
    match command {
        Command::List(options) => {
            let items = context.client.list(&services(context)?, &options).await?;
            context.output.list(items, show::table)
        }
        Command::Show { name } => context.output.show(get(context, &name).await?, show::facts),
        Command::Create(new) => create(context, new).await,
        Command::Attach { name, address } => attached::attach(context, &name, &address).await,
        Command::Test(address) => attached::test(context, &address).await,
        Command::Edit { current, name } => {
            let service: Value =
                context.client.patch(&at(context, &current)?, &json!({ "name": name })).await?;
            context.output.show(service, |service: Service| {
                format!("Service \"{current}\" is now \"{}\".", service.name)
            })
        }
        Command::Start(act) => change(context, &act, "start").await,
        Command::Stop(act) => change(context, &act, "stop").await,
        Command::Restart(act) => change(context, &act, "restart").await,
        Command::Delete(act) => delete(context, &act).await,
        Command::Connect { name, format } => {
            context.output.show(get(context, &name).await?, |service| show::connection(service, format))
        }
        Command::Versions => {
            let items =
                context.client.list(&Path::of(&["service-versions"])?, &ListOptions::default()).await?;
            context.output.list(items, show::versions)
        }
    }
}

fn services(context: &Context) -> Result<Path, Failure> {
    Path::of(&["projects", context.project()?, "services"])
}

async fn get(context: &Context, name: &str) -> Result<Value, Failure> {
    context.client.get(&at(context, name)?).await
}

async fn create(context: &Context, new: Create) -> Result<(), Failure> {
    #[derive(Serialize)]
    struct Body<'a> {
        mode: &'static str,
        name: &'a str,
        #[serde(skip_serializing_if = "Option::is_none")]
        version: Option<String>,
        #[serde(skip_serializing_if = "Option::is_none")]
        default_user: Option<DefaultUser>,
        #[serde(skip_serializing_if = "Option::is_none")]
        database: Option<String>,
    }
    let Create { name, version, default_user, database, patience } = new;
    let body = Body { mode: "managed", name: &name, version, default_user, database };
    let made = context.client.post(&services(context)?, &body).await?;
    let service = wait::settled(context, made, &patience).await?;
    context.output.show(service, show::state)
}

async fn change(context: &Context, act: &Act, verb: &str) -> Result<(), Failure> {
    let asked = context.client.act(&at(context, &act.name)?.join(verb)?).await?;
    let service = wait::settled(context, asked, &act.patience).await?;
    context.output.show(service, show::state)
}

/// Shows what will be lost, asks for the name, and deletes.
async fn delete(context: &Context, act: &Act) -> Result<(), Failure> {
    let path = at(context, &act.name)?;
    if context.ask.must_ask()? {
        let losses = show::losses(context, &path).await?;
        context.ask.retype(&losses, &act.name)?;
    }
    if wait::gone(context, &path, &act.name, &act.patience).await? {
        context.output.say(format!("Service \"{}\" deleted.", act.name))
    } else {
        context.output.say(format!("Service \"{}\" is being deleted.", act.name))
    }
}
