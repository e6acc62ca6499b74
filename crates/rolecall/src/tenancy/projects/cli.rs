//! `rolecall project`.

use crate::ground::cli::{Context, Facts, Failure, ListOptions, Path, Table, Text, View};
use clap::Subcommand;
use serde::Deserialize;
use serde_json::{Value, json};

/// What can be done with projects.
#[derive(Debug, Subcommand)]
pub enum ProjectCommand {
    /// List the projects that you may see
    #[command(
        after_help = "Examples:\n  rolecall project list\n  rolecall project list --search shop --json"
    )]
    List(ListOptions),
    /// Show a project
    #[command(after_help = "Example:\n  rolecall project show acme-prod")]
    Show {
        /// The project's name; the one of --project without it
        name: Option<String>,
    },
    /// Make a project in your organization
    #[command(
        after_help = "Examples:\n  rolecall project create acme-prod\n  rolecall --organization shop project create shop-test"
    )]
    Create {
        /// 3 to 63 small letters, digits and hyphens, a letter first
        name: String,
    },
    /// Rename a project
    #[command(after_help = "Example:\n  rolecall project edit acme-prod --name acme-live")]
    Edit {
        /// The project's name
        #[arg(id = "current", value_name = "NAME")]
        current: String,
        /// Its new name
        #[arg(long, id = "new", value_name = "NEW")]
        name: String,
    },
    /// Delete an empty project
    #[command(after_help = "Example:\n  rolecall project delete acme-test")]
    Delete {
        /// The project's name
        name: String,
    },
}

#[derive(Deserialize)]
struct Project {
    name: String,
    organization: String,
    services: u64,
    created_at: String,
}

/// Runs a command.
///
/// # Errors
/// [`Failure`].
pub async fn run(context: &Context, command: ProjectCommand) -> Result<(), Failure> {
    let client = &context.client;
    match command {
        ProjectCommand::List(options) => {
            let items = client.list(&Path::of(&["projects"])?, &options).await?;
            context.output.list(items, table)
        }
        ProjectCommand::Show { name } => {
            let name = name.as_deref().map_or_else(|| context.project(), Ok)?;
            context.output.show(client.get(&at(name)?).await?, facts)
        }
        ProjectCommand::Create { name } => {
            let project: Value = client.post(&Path::of(&["projects"])?, &json!({ "name": name })).await?;
            context.output.show(project, |project: Project| format!("Project \"{}\" created.", project.name))
        }
        ProjectCommand::Edit { current, name } => {
            let project: Value = client.patch(&at(&current)?, &json!({ "name": name })).await?;
            context.output.show(project, |project: Project| {
                format!("Project \"{current}\" is now \"{}\".", project.name)
            })
        }
        ProjectCommand::Delete { name } => delete(context, &name).await,
    }
}

/// Asks before it deletes; a project that holds services is refused by the server, whatever is answered.
async fn delete(context: &Context, name: &str) -> Result<(), Failure> {
    let path = at(name)?;
    if context.ask.must_ask()? {
        let project: Project = context.client.get(&path).await?;
        let held = format!(
            "Project \"{name}\" of organization \"{}\" holds {} services.",
            project.organization, project.services
        );
        context.ask.confirm(&[held], &format!("Delete project \"{name}\"?"))?;
    }
    context.client.delete(&path).await?;
    context.output.say(format!("Project \"{name}\" deleted."))
}

fn at(name: &str) -> Result<Path, Failure> {
    Path::of(&["projects", name])
}

fn table(projects: Vec<Project>) -> View {
    if projects.is_empty() {
        return View::Says("No projects here yet: make one with `rolecall project create NAME`.".to_owned());
    }
    let row = |one: Project| {
        vec![
            one.name.into(),
            one.organization.into(),
            Text::from(one.services.to_string()),
            Text::instant(&one.created_at),
        ]
    };
    Table::new(&["NAME", "ORGANIZATION", "SERVICES", "CREATED"], projects.into_iter().map(row).collect())
        .into()
}

fn facts(project: Project) -> Facts {
    Facts::default()
        .with("Name", project.name)
        .with("Organization", project.organization)
        .with("Services", project.services.to_string())
        .with("Created", Text::instant(&project.created_at))
}
