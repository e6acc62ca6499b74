//! The command line without a terminal, as scripts use it.

use crate::program::{PASSWORD, Rolecall};
use serde_json::Value;

const TYPED: &str = "typed-by-hand-0123456789";
const LATER: &str = "typed-later-0123456789-x";

/// The text between the last two quotes.
fn quoted(sentence: &str) -> &str {
    sentence.rsplit('"').nth(1).unwrap()
}

#[test]
fn scalingos_words_make_logins_that_work() {
    let rolecall = Rolecall::with_service();
    let created = rolecall.scalingo(&["database-users-create", "my_app_4553", "--generate"], "").good();
    let generated = quoted(&created).to_owned();
    assert_eq!(created, format!("User \"my_app_4553\" created with password \"{generated}\".\n"));
    assert_eq!(generated.len(), 64);
    let typed = format!("{TYPED}\n");
    let read_only = ["database-create-user", "--read-only", "my_app_4553_ro", "--password-stdin"];
    assert_eq!(rolecall.scalingo(&read_only, &typed).good(), "User \"my_app_4553_ro\" created.\n");

    let who = |username, password| rolecall.psql(username, password, "SELECT session_user");
    assert_eq!(who("my_app_4553", &generated), Ok("my_app_4553".to_owned()));
    assert_eq!(who("my_app_4553_ro", TYPED), Ok("my_app_4553_ro".to_owned()));
    let refused = rolecall.psql("my_app_4553_ro", TYPED, "CREATE TABLE t ()").unwrap_err();
    assert!(refused.contains("may only read"), "{refused}");

    let table = "\
+----------------+-----------+-----------+---------------------+
|    USERNAME    | READ-ONLY | PROTECTED | PASSWORD ENCRYPTION |
+----------------+-----------+-----------+---------------------+
| my_app_4553    | false     | false     | SCRAM-SHA-256       |
| my_app_4553_ro | true      | false     | SCRAM-SHA-256       |
| postgres       | false     | true      | SCRAM-SHA-256       |
| tsdbadmin      | false     | true      | SCRAM-SHA-256       |
+----------------+-----------+-----------+---------------------+
";
    assert_eq!(rolecall.scalingo(&["database-users-list"], "").good(), table);
    assert_eq!(rolecall.scalingo(&["database-list-users"], "").good(), table);

    let update = ["database-users-update-password", "my_app_4553", "--password-stdin"];
    let said = rolecall.scalingo(&update, LATER).good();
    assert_eq!(said, "User \"my_app_4553\" password updated.\n");
    assert!(who("my_app_4553", LATER).is_ok() && who("my_app_4553", &generated).is_err());
    let said = rolecall.scalingo(&update, "").good();
    assert_eq!(said, format!("User \"my_app_4553\" updated with password \"{}\".\n", quoted(&said)));
    assert!(who("my_app_4553", quoted(&said)).is_ok());

    let said = rolecall.scalingo(&["database-users-delete", "my_app_4553"], "").good();
    assert_eq!(said, "User \"my_app_4553\" deleted.\n");
    assert!(who("my_app_4553", LATER).is_err());
    rolecall.scalingo(&["database-users-delete", "my_app_4553"], "").bad(4);
}

#[test]
fn nouns_and_verbs_do_the_same_and_more() {
    let rolecall = Rolecall::with_service();
    let user = |words: &[&str], input| {
        rolecall.with_input(&[&["user", "-p", "shop", "-s", "main"], words].concat(), input)
    };
    assert_eq!(user(&["create", "my_user", "--password-stdin"], TYPED).good(), "User \"my_user\" created.\n");
    assert_eq!(user(&["reveal", "my_user"], "").good(), format!("{TYPED}\n"));
    assert_eq!(user(&["replication", "my_user", "on"], "").good(), "User \"my_user\" may replicate.\n");
    let shown: Value = serde_json::from_str(&user(&["show", "my_user", "--json"], "").good()).unwrap();
    assert_eq!((&shown["username"], &shown["replication"]), (&"my_user".into(), &true.into()));
    let set: Value =
        serde_json::from_str(&user(&["password", "my_user", "--generate", "--json"], "").good()).unwrap();
    assert!(rolecall.psql("my_user", set["password"].as_str().unwrap(), "SELECT").is_ok());

    let admin = user(&["reveal", "tsdbadmin"], "").good();
    rolecall.psql("tsdbadmin", admin.trim(), "CREATE ROLE made_by_sql LOGIN").unwrap();
    let unknown = user(&["reveal", "made_by_sql"], "").bad(1);
    assert_eq!(unknown, "Rolecall does not know this password; set a new one to know it.");
    assert_eq!(user(&["adopt", "made_by_sql"], "").good(), "User \"made_by_sql\" adopted.\n");
    let list: Value =
        serde_json::from_str(&user(&["list", "--search", "made", "--json"], "").good()).unwrap();
    assert_eq!((list["items"].as_array().unwrap().len(), &list["items"][0]["managed"]), (1, &true.into()));

    assert!(user(&["delete", "my_user"], "y\n").bad(2).ends_with("add --yes."));
    assert_eq!(user(&["delete", "my_user", "--yes"], "").good(), "User \"my_user\" deleted.\n");

    let database =
        |words: &[&str]| rolecall.run(&[&["database", "-p", "shop", "-s", "main"], words].concat());
    let said = database(&["create", "orders"]).good();
    assert_eq!(said, "Database \"orders\" created; it belongs to \"tsdbadmin\".\n");
    assert!(database(&["list"]).good().contains("\norders     tsdbadmin"));
    assert_eq!(database(&["delete", "orders", "-y"]).good(), "Database \"orders\" deleted.\n");
}

#[test]
fn a_service_is_stopped_started_renamed_and_deleted() {
    let rolecall = Rolecall::with_service();
    let service = |words: &[&str]| rolecall.run(&[&["-p", "shop", "service"], words].concat());
    assert_eq!(service(&["stop", "main"]).good(), "Service \"main\" is stopped.\n");
    let stopped = rolecall.scalingo(&["database-users-list"], "").bad(1);
    assert!(stopped.contains("is stopped"), "{stopped}");
    assert!(service(&["start", "main"]).good().starts_with("Service \"main\" is running at "));
    assert!(service(&["restart", "main"]).good().starts_with("Service \"main\" is running at "));
    assert_eq!(service(&["edit", "main", "--name", "core"]).good(), "Service \"main\" is now \"core\".\n");
    assert!(rolecall.run(&["project", "delete", "shop", "--yes"]).bad(1).contains("core"));
    assert_eq!(service(&["delete", "core", "--yes"]).good(), "Service \"core\" deleted.\n");
    assert!(service(&["list"]).good().starts_with("No services here yet"));
    let none = rolecall.scalingo(&["database-users-list"], "").bad(4);
    assert!(none.starts_with("Project \"shop\" has no PostgreSQL service"), "{none}");
    assert_eq!(rolecall.run(&["project", "delete", "shop", "--yes"]).good(), "Project \"shop\" deleted.\n");
}

#[test]
fn a_server_that_runs_elsewhere_is_attached() {
    let rolecall = Rolecall::with_service();
    let superuser = rolecall.run(&["-p", "shop", "-s", "main", "user", "reveal", "postgres"]).good();
    let main = rolecall.run(&["-p", "shop", "service", "show", "main", "--json"]).good();
    let main: Value = serde_json::from_str(&main).unwrap();
    let port = main["port"].to_string();
    let service = |words: &[&str], password: &str| {
        let address = ["--host", "localhost", "--port", &port, "--username", "postgres", "--password-stdin"];
        rolecall.with_input(&[&["-p", "shop", "service"], words, &address].concat(), password)
    };
    assert!(service(&["test"], &superuser).good().starts_with("Reached  PostgreSQL "));
    service(&["test"], "wrong").bad(1);
    let said = service(&["attach", "elsewhere"], &superuser).good();
    assert!(said.starts_with("Service \"elsewhere\" attached: PostgreSQL "), "{said}");
    let users = |service| rolecall.run(&["-p", "shop", "-s", service, "user", "list"]).good();
    assert!(users("elsewhere").contains("\ntsdbadmin"));
    let several = rolecall.scalingo(&["database-users-list"], "").bad(2);
    assert!(several.ends_with("name one: elsewhere, main."), "{several}");
    assert!(rolecall.run(&["-p", "shop", "service", "stop", "elsewhere"]).bad(1).contains("attached"));
    rolecall.run(&["-p", "shop", "service", "delete", "elsewhere", "--yes"]).good();
    assert!(users("main").contains("\ntsdbadmin"), "the server stays as it is");
}

#[test]
fn scripts_are_told_by_the_exit_code() {
    let rolecall = Rolecall::with_project();
    let url = rolecall.url.clone();
    rolecall.run(&["project", "show", "shop"]).good();
    rolecall.run(&["project", "create", "shop"]).bad(1);
    rolecall.run(&["project", "create", "Not A Name"]).bad(1);
    assert_eq!(rolecall.run(&["project", "frobnicate"]).code, Some(2));
    assert!(rolecall.run(&["service", "list"]).bad(2).contains("--project"));
    assert!(rolecall.run(&["-p", "shop", "user", "list"]).bad(2).contains("--service"));
    assert!(rolecall.run(&["project", "show", ".."]).bad(2).contains("not a name"));
    rolecall.run(&["project", "show", "x/../shop"]).bad(4);
    rolecall.run(&["-p", "shop", "-s", "nothing", "user", "list"]).bad(4);
    let wrong = ["login", "--account", "admin", "--password-stdin"];
    let said = rolecall.with_input(&wrong, "wrong").bad(3);
    assert_eq!(said, "The account or the password is wrong; check both and try again.");
    rolecall.run(&["whoami"]).good();

    assert_eq!(rolecall.run(&["logout"]).good(), format!("You are signed out of {url}.\n"));
    let said = rolecall.run(&["--url", &url, "whoami"]).bad(3);
    assert_eq!(said, format!("You are not signed in to {url}: `rolecall login --url {url}`."));
    let said = rolecall.run(&["--url", "http://127.0.0.1:1", "login", "--account", "a"]).bad(2);
    assert!(said.contains("--password-stdin"), "{said}");
}

#[test]
fn a_token_in_the_environment_takes_the_place_of_signing_in() {
    let rolecall = Rolecall::with_project();
    let kept = rolecall.command("cat").arg("config/rolecall/sign-ins.json").output().unwrap();
    let kept: Value = serde_json::from_slice(&kept.stdout).unwrap();
    let token = kept["servers"][&rolecall.url]["token"].as_str().unwrap();
    let whoami = |token: &str| {
        let mut command = rolecall.command(Rolecall::program());
        command.args(["whoami", "--json"]).env("ROLECALL_URL", &rolecall.url).env("ROLECALL_TOKEN", token);
        command.env("XDG_CONFIG_HOME", "/nowhere").output().unwrap()
    };
    let me: Value = serde_json::from_slice(&whoami(token).stdout).unwrap();
    assert_eq!(me["account"]["id"], "admin");
    let wrong = whoami("rc_wrong");
    assert_eq!(wrong.status.code(), Some(3));
    assert!(String::from_utf8(wrong.stderr).unwrap().ends_with("(It stands in ROLECALL_TOKEN.)\n"));

    let again = ["login", "--account", "admin", "--password-stdin"];
    rolecall.with_input(&again, PASSWORD).good();
    assert_eq!(whoami(token).status.code(), Some(3), "signing in again ends the sign-in that was kept");
}
