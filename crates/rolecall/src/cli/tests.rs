use super::{ClientCommand, Command, Line, ScalingoCommand};
use clap::{CommandFactory as _, Parser as _};
use std::fmt::Write as _;

fn parse(line: &str) -> Line {
    Line::try_parse_from(line.split_whitespace()).unwrap_or_else(|error| panic!("{error}"))
}

#[test]
fn the_tree_of_commands_is_sound() {
    Line::command().debug_assert();
}

#[test]
fn scalingos_flags_stand_before_or_after_its_words() {
    for line in [
        "rolecall --app shop --addon main database-users-create --read-only my_user",
        "rolecall -a shop database-users-create --addon main --read-only my_user",
        "rolecall database-users-create my_user --read-only -a shop --addon main",
        "rolecall database-create-user --app=shop my_user --addon=main --read-only",
        "rolecall -p shop -s main database-users-create my_user --read-only",
    ] {
        let Line { globals, command } = parse(line);
        let told = format!("{globals:?} {command:?}");
        for part in [
            r#"project: Some("shop")"#,
            r#"service: Some("main")"#,
            r#"username: "my_user""#,
            "read_only: true",
        ] {
            assert!(told.contains(part), "{line}: {told}");
        }
    }
}

#[test]
fn scalingos_sister_words_are_the_same() {
    let same = |one: &str, other: &str| {
        let told = [one, other].map(|word| format!("{:?}", parse(&format!("rolecall {word}")).command));
        assert_eq!(told[0], told[1]);
    };
    same("database-users-list", "database-list-users");
    same("database-users-create my_user", "database-create-user my_user");
    same("database-users-update-password my_user", "database-update-user-password my_user");
    same("database-users-delete my_user", "database-delete-user my_user");
    assert!(matches!(
        parse("rolecall database-users-list").command,
        Command::Client(ClientCommand::Scalingo(ScalingoCommand::DatabaseUsersList))
    ));
}

#[test]
fn no_password_is_an_argument() {
    for line in [
        "rolecall login --account admin --password hunter2",
        "rolecall user create my_user hunter2",
        "rolecall user password my_user --password hunter2",
        "rolecall database-users-create my_user hunter2",
        "rolecall user create my_user --password-stdin --generate",
        "rolecall --token rc_x whoami",
    ] {
        let error = Line::try_parse_from(line.split_whitespace()).unwrap_err();
        assert_eq!(error.exit_code(), 2, "{line}");
    }
}

/// Every command's help in one text, so that a change of any is seen.
#[test]
fn help() {
    let mut text = String::new();
    let mut root = Line::command().term_width(110);
    root.build();
    gather(&mut root, &mut text);
    insta::assert_snapshot!(text);
}

fn gather(command: &mut clap::Command, text: &mut String) {
    // The server's settings have a page of their own, made from the same table.
    if command.get_name() == "serve" {
        return;
    }
    let name = command.get_display_name().unwrap_or_else(|| command.get_name()).to_owned();
    let help = command.render_help().to_string();
    let (help, everywhere) = help.split_once("\nEverywhere:\n").unwrap_or((&help, ""));
    // What may be said everywhere is the same everywhere.
    let everywhere =
        if name == "rolecall" { everywhere } else { everywhere.split_once("\n\n").unwrap_or_default().1 };
    writeln!(text, "──── {name}\n{help}\n{everywhere}").unwrap();
    let subcommands = command.get_subcommands_mut();
    subcommands.filter(|one| one.get_name() != "help").for_each(|one| gather(one, text));
}
