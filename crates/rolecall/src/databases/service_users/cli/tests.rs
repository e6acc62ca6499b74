use super::check_name;
use super::show::{self, User, WithPassword};
use crate::ground::cli::View;
use crate::ground::secret::Secret;
use serde_json::json;

fn user(username: &str, read_only: bool, protected: bool, encryption: Option<&str>) -> User {
    serde_json::from_value(json!({
        "username": username, "read_only": read_only, "replication": false, "protected": protected, "managed": true,
        "password_encryption": encryption,
    }))
    .unwrap()
}

fn users() -> Vec<User> {
    vec![
        user("my_app_4553", false, true, Some("SCRAM-SHA-256")),
        user("my_app_4553_rw", false, false, Some("MD5")),
        user("my_app_4553_ro", true, false, Some("MD5")),
    ]
}

#[test]
fn scalingos_table_is_the_seeds() {
    let seed = "\
+----------------+-----------+-----------+---------------------+
|    USERNAME    | READ-ONLY | PROTECTED | PASSWORD ENCRYPTION |
+----------------+-----------+-----------+---------------------+
| my_app_4553    | false     | true      | SCRAM-SHA-256       |
| my_app_4553_rw | false     | false     | MD5                 |
| my_app_4553_ro | true      | false     | MD5                 |
+----------------+-----------+-----------+---------------------+";
    assert_eq!(View::from(show::scalingo(users())).render(false), seed);
}

#[test]
fn our_own_table_says_more() {
    let mut users = users();
    users.push(user("legacy", false, false, None));
    insta::assert_snapshot!(View::from(show::table(users)).render(false), @"
    USERNAME        READ-ONLY  REPLICATION  PROTECTED  MANAGED  PASSWORD ENCRYPTION
    my_app_4553     no         no           yes        yes      SCRAM-SHA-256
    my_app_4553_rw  no         no           no         yes      MD5
    my_app_4553_ro  yes        no           no         yes      MD5
    legacy          no         no           no         yes      -
    ");
}

#[test]
fn the_sentences_are_scalingos_with_its_slips_set_right() {
    let with = |password: Option<&str>| WithPassword {
        username: "my_user".to_owned(),
        password: password.map(Secret::new),
    };
    assert_eq!(show::created(&with(None)), r#"User "my_user" created."#);
    assert_eq!(show::created(&with(Some("YANs3"))), r#"User "my_user" created with password "YANs3"."#);
    assert_eq!(show::updated(&with(None)), r#"User "my_user" password updated."#);
    assert_eq!(show::updated(&with(Some("YANs3"))), r#"User "my_user" updated with password "YANs3"."#);
    assert_eq!(show::deleted("my_user"), r#"User "my_user" deleted."#);
}

#[test]
fn what_a_deletion_touches_is_told_and_nothing_else() {
    let touched = |value| show::touched("my_user", serde_json::from_value(value).unwrap());
    assert_eq!(touched(json!({})), ["User \"my_user\" owns nothing and has no open sessions."]);
    let lines = touched(json!({
        "objects": 3, "first_objects": ["table public.t in shop", "view public.v in shop"], "sessions": 1,
        "memberships": ["app to ann"], "a field of later": 1,
    }));
    assert_eq!(
        lines,
        [
            "3 objects that it owns go to \"rolecall_former\"; nothing in them is lost: table public.t in shop, view public.v in shop, ….",
            "1 open sessions end.",
            "Memberships that it gave, which end: app to ann.",
        ]
    );
}

#[test]
fn a_broken_rule_is_told_in_the_words_of_the_server() {
    let failure = check_name("short").unwrap_err();
    assert_eq!(failure.to_string(), "The username must be at least 6 characters long.");
    assert_eq!(failure.exit() as u8, 1);
}
