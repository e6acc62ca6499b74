//! `rolecall login`, `logout`, `whoami`.

use crate::ground::cli::{Context, Exposed, Facts, Failure, PasswordFrom, Path, SignIn, read};
use crate::ground::secret::Secret;
use clap::Args;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

/// How to sign in.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  rolecall login --url https://rolecall.example.org
  rolecall login --account deploy --password-stdin < password.txt

The sign-in is kept in ~/.config/rolecall, readable by you alone, and ends after 30 days
without use. Scripts set ROLECALL_URL and ROLECALL_TOKEN instead.")]
pub struct Login {
    /// The account's id, or its email
    #[arg(long, value_name = "ACCOUNT")]
    account: Option<String>,
    #[command(flatten)]
    password: PasswordFrom,
}

#[derive(Serialize)]
struct Credentials<'a> {
    account: &'a str,
    password: Exposed<'a>,
}

#[derive(Deserialize)]
struct LoggedIn {
    token: Secret,
    token_id: String,
    expires_at: String,
    account: Value,
}

#[derive(Deserialize)]
struct Account {
    id: String,
}

/// Signs in, and keeps the token.
///
/// # Errors
/// [`Failure`].
pub async fn login(context: &mut Context, login: Login) -> Result<(), Failure> {
    let account = match login.account {
        Some(account) => account,
        None if context.ask.is_terminal() => context.ask.line("Account: ")?,
        None => return Err(Failure::usage("There is no terminal to ask for the account at: use --account.")),
    };
    let password = login.password.known(context.ask, "Password: ")?;
    let session: LoggedIn =
        context.client.sign_in(&Credentials { account: &account, password: Exposed(&password) }).await?;
    let Account { id } = read(session.account.clone())?;
    let server = context.client.server().clone();
    let replaced = context.sign_ins.keep(&server, SignIn { account: id.clone(), token: session.token })?;
    if let Some(old) = replaced {
        // Nobody has it any longer; should it have ended already, all the better.
        drop(context.client.with_token(old.token).act::<()>(&Path::of(&["logout"])?).await);
    }
    let shown = json!({
        "account": session.account, "token_id": session.token_id, "expires_at": session.expires_at, "url": server.as_str(),
    });
    context.output.show(shown, |_: Value| format!("You are signed in to {server} as \"{id}\"."))
}

/// Signs out: the token is revoked and forgotten.
///
/// # Errors
/// [`Failure`]; then the token is kept, for it may still be good.
pub async fn logout(context: &mut Context) -> Result<(), Failure> {
    let server = context.client.server().clone();
    let done = context.client.act::<()>(&Path::of(&["logout"])?).await;
    let is_over = |failure: &Failure| failure.is("token_expired") || failure.is("token_revoked");
    if let Err(failure) = done
        && !is_over(&failure)
    {
        return Err(failure);
    }
    if context.is_kept {
        context.sign_ins.forget(&server)?;
    }
    context.output.say(format!("You are signed out of {server}."))
}

#[derive(Deserialize)]
struct Me {
    account: Person,
    organization: Option<Role>,
    #[serde(default)]
    organizations: Vec<Role>,
    #[serde(default)]
    projects: Vec<Role>,
    #[serde(default)]
    superadmin: bool,
}

#[derive(Deserialize)]
struct Person {
    id: String,
    name: Option<String>,
    email: Option<String>,
}

#[derive(Deserialize)]
struct Role {
    name: String,
    role: String,
}

/// Tells who is signed in, and with which roles.
///
/// # Errors
/// [`Failure`].
pub async fn whoami(context: &Context) -> Result<(), Failure> {
    let me = context.client.get(&Path::of(&["me"])?).await?;
    context.output.show(me, |me: Me| {
        let given = |text: Option<String>| text.filter(|text| !text.is_empty());
        let roles = |roles: Vec<Role>| roles.into_iter().map(|one| format!("{} ({})", one.name, one.role));
        Facts::default()
            .with("Account", me.account.id)
            .with_some("Name", given(me.account.name))
            .with_some("Email", given(me.account.email))
            .with_some("SuperAdmin", me.superadmin.then_some("yes"))
            .with("Organization", me.organization.map(|one| one.name))
            .with_each("Roles", roles(me.organizations))
            .with_each("Projects", roles(me.projects))
            .with("Server", context.client.server().as_str())
    })
}
