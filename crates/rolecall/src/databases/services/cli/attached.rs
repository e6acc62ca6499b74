//! Servers that run elsewhere: testing and attaching them.

use super::services;
use super::show::{self, Service};
use crate::ground::cli::{Context, Exposed, Facts, Failure, PasswordFrom};
use crate::ground::secret::Secret;
use clap::{Args, ValueEnum};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use std::path::PathBuf;

/// Where a server is, and how to get in.
#[derive(Debug, Args)]
pub struct Address {
    /// Its host name or address
    #[arg(long)]
    host: String,
    /// Its port
    #[arg(long, default_value_t = 5432)]
    port: u16,
    /// An administrator's login: a superuser, or one that may make roles
    #[arg(long, value_name = "NAME")]
    username: String,
    /// A database that this login may connect to, instead of postgres
    #[arg(long, value_name = "NAME")]
    database: Option<String>,
    /// How the connection is encrypted
    #[arg(long, value_enum, default_value = "required")]
    tls: Tls,
    /// The authority that signs the server's certificate (PEM)
    #[arg(long, value_name = "FILE")]
    tls_ca_file: Option<PathBuf>,
    #[command(flatten)]
    password: PasswordFrom,
}

#[derive(Debug, Clone, Copy, Serialize, ValueEnum)]
#[serde(rename_all = "snake_case")]
#[value(rename_all = "snake_case")]
enum Tls {
    /// Not at all
    Off,
    /// Encrypted, whoever the server is
    Required,
    /// And its certificate is signed by a known authority
    #[value(alias = "verify-ca")]
    VerifyCa,
    /// And names the host
    #[value(alias = "verify-full")]
    VerifyFull,
}

#[derive(Serialize)]
struct Body<'a> {
    mode: &'static str,
    name: &'a str,
    host: &'a str,
    port: u16,
    username: &'a str,
    password: Exposed<'a>,
    #[serde(skip_serializing_if = "Option::is_none")]
    database: Option<&'a str>,
    tls: Tls,
    #[serde(skip_serializing_if = "Option::is_none")]
    tls_ca: Option<String>,
}

#[derive(Deserialize)]
struct Tested {
    message: String,
}

impl Address {
    fn password(&self, context: &Context) -> Result<Secret, Failure> {
        self.password.known(context.ask, &format!("Password of \"{}\" at {}: ", self.username, self.host))
    }

    fn body<'a>(&'a self, name: &'a str, password: &'a Secret) -> Result<Body<'a>, Failure> {
        let unread =
            |path: &PathBuf, error| Failure::failed(format!("{} cannot be read: {error}.", path.display()));
        let read = |path: &PathBuf| std::fs::read_to_string(path).map_err(|error| unread(path, error));
        Ok(Body {
            mode: "attached",
            name,
            host: &self.host,
            port: self.port,
            username: &self.username,
            password: Exposed(password),
            database: self.database.as_deref(),
            tls: self.tls,
            tls_ca: self.tls_ca_file.as_ref().map(read).transpose()?,
        })
    }
}

/// Attaches a server.
pub(super) async fn attach(context: &Context, name: &str, address: &Address) -> Result<(), Failure> {
    let path = services(context)?;
    let password = address.password(context)?;
    let service: Value = context.client.post(&path, &address.body(name, &password)?).await?;
    context.output.show(service, |service: Service| {
        let attached = format!("Service \"{}\" attached: PostgreSQL {}.", service.name, service.version);
        show::findings(&service).fold(attached, |text, finding| format!("{text}\n{finding}"))
    })
}

/// Tries to reach a server; nothing is kept.
pub(super) async fn test(context: &Context, address: &Address) -> Result<(), Failure> {
    let path = services(context)?.join("test")?;
    let password = address.password(context)?;
    let tested: Value = context.client.post(&path, &address.body("", &password)?).await?;
    context.output.show(tested, |tested: Tested| Facts::default().with("Reached", tested.message))
}
