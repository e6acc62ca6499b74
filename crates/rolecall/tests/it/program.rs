//! A Rolecall that runs, and somebody who gives it commands.

use std::fs;
use std::io::{BufRead as _, BufReader, Write as _};
use std::os::unix::fs::PermissionsExt as _;
use std::process::{Child, Command, Stdio};
use std::sync::atomic::{AtomicU32, Ordering};
use tempfile::TempDir;

const PROGRAM: &str = env!("CARGO_BIN_EXE_rolecall");
pub(crate) const PASSWORD: &str = "correct-horse-battery-9";

/// A server on an empty data folder; it takes its databases with it.
pub(crate) struct Rolecall {
    server: Child,
    pub(crate) url: String,
    folder: TempDir,
}

/// How a command ended.
#[derive(Debug)]
pub(crate) struct Ended {
    pub(crate) code: Option<i32>,
    pub(crate) out: String,
    pub(crate) err: String,
}

impl Rolecall {
    pub(crate) fn start() -> Self {
        // Below /tmp itself: database servers under users of their own must be able to pass through.
        let folder = tempfile::Builder::new().prefix("rolecall-it-").tempdir_in("/tmp").unwrap();
        fs::set_permissions(folder.path(), fs::Permissions::from_mode(0o711)).unwrap();
        // Should the test be ended, its server ends as well.
        let mut command = Command::new("setpriv");
        command.args(["--pdeathsig", "TERM", PROGRAM]);
        command.args(["serve", "--listen", "127.0.0.1:0", "--stop-services-with-server", "--data"]);
        command
            .arg(folder.path().join("data"))
            .args(["--postgresql-first-uid", &first_uid().to_string()])
            .env("ROLECALL_ADMIN_PASSWORD", PASSWORD);
        let mut server = command.current_dir(&folder).stderr(Stdio::piped()).spawn().unwrap();
        let mut told = BufReader::new(server.stderr.take().unwrap()).lines().map_while(Result::ok);
        let url = told.find_map(|line| Some(line.split_once(" ready at ")?.1.trim().to_owned())).unwrap();
        // What it says later goes nowhere, but somebody has to listen.
        std::thread::spawn(move || told.for_each(drop));
        Self { server, url, folder }
    }

    /// A server at which `admin` is signed in, with the project `shop`.
    pub(crate) fn with_project() -> Self {
        let rolecall = Self::start();
        let password = format!("{PASSWORD}\n");
        let url = rolecall.url.clone();
        let login = ["login", "--url", &url, "--account", "admin", "--password-stdin"];
        let said = rolecall.with_input(&login, &password).good();
        assert_eq!(said, format!("You are signed in to {url} as \"admin\".\n"));
        assert_eq!(rolecall.run(&["project", "create", "shop"]).good(), "Project \"shop\" created.\n");
        rolecall
    }

    /// The same with the running service `main`.
    pub(crate) fn with_service() -> Self {
        let rolecall = Self::with_project();
        let said = rolecall.run(&["-p", "shop", "service", "create", "main"]).good();
        assert!(said.starts_with("Service \"main\" is running at 127.0.0.1:"), "{said}");
        rolecall
    }

    /// A command that has not begun; its sign-ins are kept in the data's folder.
    pub(crate) fn command(&self, program: &str) -> Command {
        let mut command = Command::new(program);
        command.current_dir(&self.folder).env("XDG_CONFIG_HOME", self.folder.path().join("config"));
        for variable in ["URL", "TOKEN", "PROJECT", "SERVICE", "ORGANIZATION", "CA_FILE"] {
            command.env_remove(format!("ROLECALL_{variable}"));
        }
        command
    }

    /// Runs a command without a terminal and without input.
    pub(crate) fn run(&self, arguments: &[&str]) -> Ended {
        self.with_input(arguments, "")
    }

    /// Runs a command without a terminal.
    pub(crate) fn with_input(&self, arguments: &[&str], input: &str) -> Ended {
        let mut command = self.command(PROGRAM);
        let piped =
            command.args(arguments).stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut child = piped.spawn().unwrap();
        // A command that needs no input may have ended.
        drop(child.stdin.take().unwrap().write_all(input.as_bytes()));
        let output = child.wait_with_output().unwrap();
        let text = |bytes| String::from_utf8(bytes).unwrap();
        Ended { code: output.status.code(), out: text(output.stdout), err: text(output.stderr) }
    }

    /// Runs one of Scalingo's words on the only PostgreSQL of the project.
    pub(crate) fn scalingo(&self, words: &[&str], input: &str) -> Ended {
        self.with_input(&[&["--app", "shop", "--addon", "postgresql"], words].concat(), input)
    }

    /// What SQL says to a login.
    pub(crate) fn psql(&self, username: &str, password: &str, sql: &str) -> Result<String, String> {
        let uri = self.run(&["-p", "shop", "service", "connect", "main", "--format", "uri"]).good();
        let uri = uri.trim().replacen("tsdbadmin@", &format!("{username}@"), 1);
        let output =
            Command::new("psql").args([&uri, "-XAtc", sql]).env("PGPASSWORD", password).output().unwrap();
        let text = |bytes| String::from_utf8(bytes).unwrap().trim().to_owned();
        if output.status.success() { Ok(text(output.stdout)) } else { Err(text(output.stderr)) }
    }

    pub(crate) fn program() -> &'static str {
        PROGRAM
    }
}

impl Drop for Rolecall {
    fn drop(&mut self) {
        drop(Command::new("kill").arg(self.server.id().to_string()).status());
        drop(self.server.wait());
    }
}

/// User ids for this server alone: whoever runs database servers under an id ends everything that does.
fn first_uid() -> u32 {
    static STARTED: AtomicU32 = AtomicU32::new(0);
    100_000_000 + (std::process::id() % 10_000_000) * 100 + STARTED.fetch_add(10, Ordering::Relaxed) % 100
}

impl Ended {
    /// What was printed by a command that did what it was asked.
    pub(crate) fn good(self) -> String {
        assert_eq!((self.code, self.err.as_str()), (Some(0), ""), "{}", self.out);
        self.out
    }

    /// What was said by one that did not, in one line.
    pub(crate) fn bad(self, code: i32) -> String {
        assert_eq!((self.code, self.out.as_str()), (Some(code), ""), "{}", self.err);
        let line = self.err.strip_suffix('\n').unwrap();
        assert!(!line.contains('\n') && !line.contains("panicked"), "{line}");
        line.to_owned()
    }
}
