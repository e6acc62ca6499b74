//! The command line at a terminal: what it asks, and what it does not show.

use crate::program::{PASSWORD, Rolecall};
use rustix::pty::{OpenptFlags, grantpt, openpt, ptsname, unlockpt};
use rustix::termios::{LocalModes, tcgetattr};
use std::fs::{File, OpenOptions};
use std::io::{Read as _, Write as _};
use std::process::{Child, Stdio};
use std::time::{Duration, Instant};

/// A command at a terminal of its own.
struct Terminal {
    screen: File,
    shown: String,
    child: Child,
}

impl Terminal {
    fn run(rolecall: &Rolecall, arguments: &[&str]) -> Self {
        let screen = openpt(OpenptFlags::RDWR | OpenptFlags::NOCTTY).unwrap();
        grantpt(&screen).unwrap();
        unlockpt(&screen).unwrap();
        let name = ptsname(&screen, Vec::new()).unwrap().into_string().unwrap();
        let line = || Stdio::from(OpenOptions::new().read(true).write(true).open(&name).unwrap());
        // It makes the terminal its own, where passwords are asked for.
        let mut command = rolecall.command("setsid");
        command.args(["--ctty", "--wait", Rolecall::program()]).args(arguments);
        let child = command.stdin(line()).stdout(line()).stderr(line()).spawn().unwrap();
        Self { screen: screen.into(), shown: String::new(), child }
    }

    /// Reads until this is asked.
    fn expect(&mut self, question: &str) {
        while !self.shown.ends_with(question) {
            assert!(self.read(), "{question:?} was not asked: {}", self.shown);
        }
    }

    /// Types an answer.
    fn answer(&mut self, question: &str, answer: &str) {
        self.expect(question);
        self.screen.write_all(format!("{answer}\n").as_bytes()).unwrap();
    }

    /// Types a password, once the terminal no longer shows what is typed.
    fn hide(&mut self, question: &str, password: &str) {
        self.expect(question);
        let begin = Instant::now();
        while tcgetattr(&self.screen).unwrap().local_modes.contains(LocalModes::ECHO) {
            assert!(begin.elapsed() < Duration::from_secs(20), "a password would be shown");
            std::thread::yield_now();
        }
        self.screen.write_all(format!("{password}\n").as_bytes()).unwrap();
    }

    /// What was shown, and the exit code.
    fn end(mut self) -> (String, Option<i32>) {
        while self.read() {}
        let code = self.child.wait().unwrap().code();
        (self.shown.replace("\r\n", "\n"), code)
    }

    fn read(&mut self) -> bool {
        let mut buffer = [0; 1024];
        // Once nobody has the terminal open any longer, reading it is an error.
        let count = self.screen.read(&mut buffer).unwrap_or(0);
        self.shown.push_str(&String::from_utf8_lossy(&buffer[..count]));
        count > 0
    }
}

const FIRST: &str = "Password (leave it empty to have one generated): ";
const AGAIN: &str = "The same password again: ";
const TYPED: &str = "typed-at-a-terminal-0123456789";
const CREATE: [&str; 6] = ["--app", "shop", "--addon", "main", "database-users-create", "my_user"];

#[test]
fn signing_in_shows_no_password() {
    let rolecall = Rolecall::start();
    let mut terminal = Terminal::run(&rolecall, &["login", "--url", &rolecall.url]);
    terminal.answer("Account: ", "admin");
    terminal.hide("Password: ", PASSWORD);
    let (shown, code) = terminal.end();
    assert_eq!(code, Some(0), "{shown}");
    assert!(shown.ends_with(&format!("You are signed in to {} as \"admin\".\n", rolecall.url)), "{shown}");
    assert!(!shown.contains(PASSWORD), "{shown}");
}

#[test]
fn a_password_is_typed_twice_and_never_shown() {
    let rolecall = Rolecall::with_service();
    let mut terminal = Terminal::run(&rolecall, &CREATE);
    terminal.hide(FIRST, TYPED);
    terminal.hide(AGAIN, "something-else-0123456789-x");
    let (shown, code) = terminal.end();
    assert!(shown.ends_with("The two passwords differ; try again.\n"), "{shown}");
    assert_eq!(code, Some(1));

    let mut terminal = Terminal::run(&rolecall, &CREATE);
    terminal.hide(FIRST, "short");
    let (shown, code) = terminal.end();
    assert!(shown.ends_with("The password must be at least 24 characters long.\n"), "{shown}");
    assert_eq!(code, Some(1));

    let mut terminal = Terminal::run(&rolecall, &CREATE);
    terminal.hide(FIRST, TYPED);
    terminal.hide(AGAIN, TYPED);
    let (shown, code) = terminal.end();
    assert!(shown.ends_with("User \"my_user\" created.\n") && !shown.contains(TYPED), "{shown}");
    assert_eq!(code, Some(0));
    assert!(rolecall.psql("my_user", TYPED, "SELECT").is_ok());

    let update = ["-a", "shop", "--addon", "main", "database-users-update-password", "my_user"];
    let mut terminal = Terminal::run(&rolecall, &update);
    terminal.hide(FIRST, "");
    let (shown, code) = terminal.end();
    assert!(shown.contains("User \"my_user\" updated with password \"") && !shown.contains(AGAIN), "{shown}");
    assert_eq!(code, Some(0));
}

#[test]
fn what_will_be_lost_is_shown_before_anybody_is_asked() {
    let rolecall = Rolecall::with_service();
    rolecall.scalingo(&["database-users-create", "my_user", "--password-stdin"], TYPED).good();
    rolecall.psql("my_user", TYPED, "SET ROLE NONE; CREATE TABLE kept ()").unwrap();
    let delete = ["--app", "shop", "--addon", "main", "database-users-delete", "my_user"];
    let mut terminal = Terminal::run(&rolecall, &delete);
    terminal.answer("Delete user \"my_user\"? [y/N] ", "");
    let (shown, code) = terminal.end();
    assert!(shown.contains("rolecall_former") && shown.contains("kept"), "{shown}");
    assert!(shown.ends_with("Nothing was changed.\n") && code == Some(1), "{shown}");

    let mut terminal = Terminal::run(&rolecall, &delete);
    terminal.answer("Delete user \"my_user\"? [y/N] ", "y");
    let (shown, code) = terminal.end();
    assert!(shown.ends_with("User \"my_user\" deleted.\n") && code == Some(0), "{shown}");

    let mut terminal = Terminal::run(&rolecall, &["-p", "shop", "service", "delete", "main"]);
    terminal.answer("Type \"main\" to delete it: ", "mian");
    let (shown, code) = terminal.end();
    assert!(
        shown.contains("everything in it will be lost") && shown.contains("database defaultdb ("),
        "{shown}"
    );
    assert!(shown.ends_with("Nothing was changed.\n") && code == Some(1), "{shown}");
    rolecall.run(&["-p", "shop", "service", "show", "main"]).good();
}
