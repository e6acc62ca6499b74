//! `rolecall database`.

use crate::databases::services::cli::named;
use crate::ground::cli::{Context, Failure, ListOptions, Table, Text};
use clap::Subcommand;
use serde::Deserialize;
use serde_json::{Value, json};

/// What can be done with a service's databases.
#[derive(Debug, Subcommand)]
pub enum DatabaseCommand {
    /// List a service's databases
    #[command(after_help = "Example:\n  rolecall -p acme-prod -s metrics database list")]
    List(ListOptions),
    /// Make a database, owned by the service's default user
    #[command(after_help = "Example:\n  rolecall -p acme-prod -s metrics database create shop")]
    Create {
        /// The database's name
        name: String,
    },
    /// Delete a database with all it holds
    #[command(
        after_help = "Examples:\n  rolecall -p acme-prod -s metrics database delete shop\n  rolecall -p acme-prod -s metrics database delete shop --yes"
    )]
    Delete {
        /// The database's name
        name: String,
    },
}

/// A database, as far as we show it.
#[derive(Debug, Deserialize)]
pub struct Database {
    /// Its name.
    pub name: String,
    owner: String,
    /// Its size, if it may be known.
    pub bytes: Option<u64>,
    protected: bool,
}

#[derive(Deserialize)]
struct Contents {
    tables: u64,
    rows: u64,
    bytes: u64,
    sessions: u64,
}

/// Runs a command.
///
/// # Errors
/// [`Failure`].
pub async fn run(context: &Context, command: DatabaseCommand) -> Result<(), Failure> {
    let databases = named(context).await?.join("databases")?;
    match command {
        DatabaseCommand::List(options) => {
            let items = context.client.list(&databases, &options).await?;
            context.output.list(items, table)
        }
        DatabaseCommand::Create { name } => {
            let database: Value = context.client.post(&databases, &json!({ "name": name })).await?;
            context.output.show(database, |one: Database| {
                format!("Database \"{}\" created; it belongs to \"{}\".", one.name, one.owner)
            })
        }
        DatabaseCommand::Delete { name } => {
            let database = databases.join(&name)?;
            if context.ask.must_ask()? {
                let Contents { tables, rows, bytes, sessions } = context.client.get(&database).await?;
                let held = format!(
                    "Database \"{name}\" holds {tables} tables with about {rows} rows, {}.",
                    size(Some(bytes))
                );
                context.ask.retype(&[held, format!("{sessions} open sessions will be ended.")], &name)?;
            }
            context.client.delete(&database).await?;
            context.output.say(format!("Database \"{name}\" deleted."))
        }
    }
}

fn table(databases: Vec<Database>) -> Table {
    let row = |one: Database| {
        vec![one.name.into(), one.owner.into(), Text::from(size(one.bytes)), one.protected.into()]
    };
    Table::new(&["NAME", "OWNER", "SIZE", "PROTECTED"], databases.into_iter().map(row).collect())
}

/// A size in words: `7.4 MB`.
#[must_use]
pub fn size(bytes: Option<u64>) -> String {
    let Some(bytes) = bytes else { return "-".to_owned() };
    let units = ["kB", "MB", "GB", "TB"];
    let mut tenths = u128::from(bytes) * 10;
    let mut unit = "bytes";
    for next in units {
        if tenths < 10_240 {
            break;
        }
        (tenths, unit) = (tenths / 1024, next);
    }
    if unit == "bytes" { format!("{bytes} bytes") } else { format!("{}.{} {unit}", tenths / 10, tenths % 10) }
}

#[cfg(test)]
mod tests {
    use super::size;

    #[test]
    fn sizes_are_told_in_units_that_people_read() {
        let told = [None, Some(0), Some(1023), Some(1024), Some(7_766_016), Some(u64::MAX)].map(size);
        assert_eq!(told, ["-", "0 bytes", "1023 bytes", "1.0 kB", "7.4 MB", "16777215.9 TB"]);
    }
}
