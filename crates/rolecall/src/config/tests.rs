use std::fs;
use std::path::Path;

use clap::{Args, FromArgMatches};

use super::*;

/// A working folder with this `rolecall.toml`, and what these variables and flags make of it.
fn load(
    file: &str,
    environment: &[(&str, &str)],
    flags: &[(&'static str, &str)],
) -> Result<Config, ConfigErrors> {
    let folder = tempfile::tempdir().unwrap();
    if !file.is_empty() {
        fs::write(folder.path().join("rolecall.toml"), file).unwrap();
    }
    load_in(folder.path(), environment, flags)
}

fn load_in(
    folder: &Path,
    environment: &[(&str, &str)],
    flags: &[(&'static str, &str)],
) -> Result<Config, ConfigErrors> {
    let environment =
        environment.iter().map(|(name, value)| ((*name).to_owned(), Secret::new(*value))).collect();
    Config::load(&Inputs { flags: Flags::of(flags), environment, folder: folder.to_owned() })
}

fn refusal(file: &str, environment: &[(&str, &str)], flags: &[(&'static str, &str)]) -> String {
    load(file, environment, flags).unwrap_err().to_string()
}

#[test]
fn it_starts_with_no_file_at_all() {
    let folder = tempfile::tempdir().unwrap();
    let config = load_in(folder.path(), &[], &[]).unwrap();
    assert_eq!(config.listen.to_string(), "127.0.0.1:8080");
    assert_eq!(config.data, folder.path().join("data"));
    assert_eq!(config.store, StoreAddress::Sqlite(folder.path().join("data/rolecall.db")));
    assert_eq!((config.postgresql_ports.clone(), config.postgresql_first_uid), (20000..=29999, 700_000));
    assert_eq!((config.request_body_limit_bytes, config.request_timeout), (1 << 20, Duration::from_secs(30)));
    assert_eq!((config.demo, config.stop_services_with_server, config.speaks_tls()), (false, false, false));
    assert_eq!(config.link_base(), "http://127.0.0.1:8080");
    assert!(config.warnings.is_empty() && config.admin_password.is_none() && config.smtp_url.is_none());
}

#[test]
fn a_flag_beats_the_environment_which_beats_the_file_which_beats_the_default() {
    let file = "listen = '127.0.0.1:1'";
    let variable = [("ROLECALL_LISTEN", "127.0.0.1:2")];
    let flag = [("listen", "127.0.0.1:3")];
    for (port, config) in [
        (8080, load("", &[], &[])),
        (1, load(file, &[], &[])),
        (2, load(file, &variable, &[])),
        (3, load(file, &variable, &flag)),
        (3, load("", &[], &flag)),
        (1, load(file, &[("ROLECALL_LISTEN", "")], &[])),
    ] {
        assert_eq!(config.unwrap().listen.port(), port);
    }
}

#[test]
fn every_setting_can_be_given_by_each_of_its_ways_and_the_stronger_way_wins() {
    for setting in SETTINGS.iter().filter(|setting| setting.key != "config") {
        let bad = "\u{1}bad";
        let errors = |file: &str, environment: &[(&str, &str)], flags: &[(&'static str, &str)]| {
            load(file, environment, flags).err().map(|errors| errors.to_string()).unwrap_or_default()
        };
        let file = format!("{} = \"\\u0001bad\"", setting.key);
        let takes_any_text = ["admin_password", "sealing_key", "data", "tls_cert", "tls_key"]
            .contains(&setting.key)
            || setting.key.ends_with("_folders");
        if takes_any_text {
            continue;
        }
        let (variable, key) = ([(setting.variable, bad)], setting.key);
        assert!(errors(&file, &[], &[]).contains(&format!("{key} in ")), "{key}");
        let from_variable = errors(&file, &variable, &[]);
        assert!(from_variable.contains(&format!("{key} from {}", setting.variable)), "{from_variable}");
        if let Some(flag) = setting.flag {
            let from_flag = errors(&file, &variable, &[(key, bad)]);
            assert!(from_flag.contains(&format!("{key} from --{flag} ")), "{from_flag}");
        }
    }
}

#[test]
fn every_key_has_the_variable_and_the_flag_of_its_name_and_secrets_have_no_flag() {
    for setting in SETTINGS {
        assert_eq!(setting.variable, format!("ROLECALL_{}", setting.key.to_uppercase()));
        if let Some(flag) = setting.flag {
            assert_eq!(flag, setting.key.replace('_', "-"));
        }
        assert!(!(setting.secret && setting.flag.is_some()), "{}", setting.key);
        assert!(setting.doc.ends_with('.') && !setting.doc.contains("  "), "{}", setting.key);
        assert_eq!(SETTINGS.iter().filter(|other| other.key == setting.key).count(), 1);
    }
}

#[test]
fn a_wrong_value_is_named_with_its_key_its_source_and_what_to_write() {
    assert_eq!(
        refusal("", &[("ROLECALL_LISTEN", "8080")], &[]),
        "listen from ROLECALL_LISTEN (“8080”) is not right: write an address and a port, such as 127.0.0.1:8080 or [::1]:8080"
    );
    for (key, values) in [
        ("listen", &["", "localhost:8080", "127.0.0.1", "127.0.0.1:70000"][..]),
        ("data", &[""]),
        (
            "store",
            &[
                "",
                "rolecall.db",
                "sqlite:",
                "sqlite::memory:",
                "sqlite:x?mode=ro",
                "mysql://h/d",
                "postgres://h",
            ],
        ),
        ("demo", &["yes", "1", ""]),
        ("request_body_limit_bytes", &["1023", "-1", "1MiB", "1073741825"]),
        ("request_timeout_seconds", &["0", "3601", "30s"]),
        (
            "base_url",
            &[
                "rolecall.example.org",
                "ftp://x",
                "https://x/y",
                "https://u:p@x",
                "https://x?a",
                "https://x#a",
            ],
        ),
        ("trusted_proxies", &["proxy", "10.0.0.1/8", "10.0.0.0/33", "fd00::/129", "10.0.0.0/"]),
        ("postgresql_listen", &["", "localhost", "127.0.0.1:5432"]),
        ("postgresql_networks", &["everyone", "0.0.0.0/x"]),
        ("postgresql_ports", &["20000", "2-1", "29999-20000", "80-90", "20000-70000"]),
        ("postgresql_first_uid", &["0", "999", "x", "4000000000"]),
        ("mail_from", &["", "rolecall", "@x", "a@", "a@b\nBcc: c@d"]),
        ("log", &["", "rolecall=loud"]),
        ("log_format", &["xml", "JSON"]),
    ] {
        for value in values {
            let error = refusal("", &[], &[(key, value)]);
            let flag = key.replace('_', "-");
            let shown = if key == "store" { String::new() } else { format!(" (“{value}”)") };
            let expected = format!("{key} from --{flag}{shown} is not right: ");
            assert!(error.starts_with(&expected) && error.contains("write "), "{value}: {error}");
        }
    }
}

#[test]
fn no_secret_stands_in_an_error_or_in_what_debug_prints() {
    let canary = "hunter2-canary";
    for (file, variable) in [
        (format!("smtp_url = 'http://{canary}'"), "ROLECALL_SMTP_URL"),
        (format!("metrics_token = '{canary} '"), "ROLECALL_METRICS_TOKEN"),
        (format!("store = 'mysql://u:{canary}@h/d'"), "ROLECALL_STORE"),
        (format!("smtp_url = 'smtp://{canary}"), "ROLECALL_SMTP_URL"),
        (format!("admin_password = '{canary}'"), "ROLECALL_SMTP_URL"),
    ] {
        for error in [load(&file, &[], &[]), load("", &[(variable, &format!("http:// {canary}"))], &[])] {
            let error = error.unwrap_err();
            assert!(!format!("{error} {error:?}").contains(canary), "{error}");
        }
    }
    let environment = [
        ("ROLECALL_ADMIN_PASSWORD", canary),
        ("ROLECALL_STORE", "postgres://u:hunter2-canary@h/d"),
        ("ROLECALL_SEALING_KEY", canary),
        ("ROLECALL_SMTP_URL", "smtps://u:hunter2-canary@h"),
        ("ROLECALL_MAIL_FROM", "a@b"),
        ("ROLECALL_METRICS_TOKEN", "hunter2-canary-of-the-metrics"),
    ];
    let config = load("", &environment, &[]).unwrap();
    assert!(!format!("{config:?}").contains(canary));
    assert_eq!(config.admin_password.unwrap().expose(), canary);
}

#[test]
fn unknown_keys_of_the_file_are_refused_with_the_one_that_was_meant() {
    assert!(
        refusal("listne = '127.0.0.1:1'", &[], &[])
            .ends_with("has the key listne, which there is not: did you mean listen?")
    );
    assert!(
        refusal("colour = 'red'", &[], &[])
            .contains("has the key colour, which there is not: see the manual")
    );
    assert!(refusal("[listen]\nport = 1", &[], &[]).contains("write a text in quotes"));
    let error = refusal("admin_password = 'correct horse battery'", &[], &[]);
    assert!(error.ends_with("set it by ROLECALL_ADMIN_PASSWORD instead"), "{error}");
}

#[test]
fn unknown_variables_with_our_prefix_are_warned_of_only() {
    let environment = [
        ("ROLECALL_LISTNE", "x"),
        ("ROLECALL_SERVICE_HOST", "10.0.0.1"),
        ("ROLECALL_TOKEN", "x"),
        ("PATH", "/bin"),
    ];
    assert_eq!(
        load("", &environment, &[]).unwrap().warnings,
        [
            "ROLECALL_LISTNE is no setting and is ignored: did you mean ROLECALL_LISTEN?",
            "ROLECALL_SERVICE_HOST is no setting and is ignored."
        ]
    );
}

#[test]
fn all_mistakes_are_told_at_once() {
    let error = refusal("listen = 8080\ndemo = 'maybe'\ncolour = 1", &[("ROLECALL_LOG_FORMAT", "xml")], &[]);
    assert_eq!(error.lines().count(), 4, "{error}");
}

#[test]
fn a_file_that_is_not_toml_is_named_with_its_line() {
    let error = refusal("listen = '127.0.0.1:1'\n\ndemo = ", &[], &[]);
    assert!(error.contains("rolecall.toml is not TOML at line 3: "), "{error}");
}

#[test]
fn the_file_that_is_named_must_be_there() {
    let folder = tempfile::tempdir().unwrap();
    let error = load_in(folder.path(), &[("ROLECALL_CONFIG", "other.toml")], &[]).unwrap_err().to_string();
    assert!(error.starts_with("can't read ") && error.contains("other.toml"), "{error}");
    fs::write(folder.path().join("other.toml"), "demo = true").unwrap();
    fs::write(folder.path().join("rolecall.toml"), "demo = 'not read'").unwrap();
    assert!(load_in(folder.path(), &[("ROLECALL_CONFIG", "other.toml")], &[]).unwrap().demo);
    assert!(load_in(folder.path(), &[], &[("config", "other.toml")]).unwrap().demo);
}

#[test]
fn settings_that_go_together_are_not_set_alone() {
    for (file, given, missing) in [
        ("tls_cert = 'a'", "tls_cert", "tls_key"),
        ("tls_key = 'a'", "tls_key", "tls_cert"),
        ("smtp_url = 'smtp://mail'", "smtp_url", "mail_from"),
        ("mail_from = 'a@b'", "mail_from", "smtp_url"),
    ] {
        assert_eq!(
            refusal(file, &[], &[]),
            format!("{given} is set and {missing} is not: set both or neither")
        );
    }
}

#[test]
fn relative_paths_start_at_the_working_folder_and_the_store_lies_in_the_data() {
    let folder = tempfile::tempdir().unwrap();
    let flags = [("data", "./d"), ("tls_cert", "c.pem"), ("tls_key", "/k.pem"), ("sqlite_folders", "a:/b")];
    let config = load_in(folder.path(), &[], &flags).unwrap();
    assert_eq!(
        (config.data, config.tls_cert.unwrap()),
        (folder.path().join("d"), folder.path().join("c.pem"))
    );
    assert_eq!(config.tls_key.unwrap(), Path::new("/k.pem"));
    assert_eq!(config.sqlite_folders, [folder.path().join("a"), "/b".into()]);
    assert_eq!(config.store, StoreAddress::Sqlite(folder.path().join("d/rolecall.db")));
    let stored = |store| load_in(folder.path(), &[], &[("store", store)]).unwrap().store;
    assert_eq!(stored("sqlite:x.db"), StoreAddress::Sqlite(folder.path().join("x.db")));
    assert_eq!(stored("sqlite:///v/x.db"), StoreAddress::Sqlite("/v/x.db".into()));
    assert_eq!(stored("postgres://u@h/d"), StoreAddress::Postgres(Secret::new("postgres://u@h/d")));
}

#[test]
fn lists_are_arrays_in_the_file_and_separated_elsewhere() {
    let networks =
        |config: Config| config.postgresql_networks.iter().map(ToString::to_string).collect::<Vec<_>>();
    let given = load("postgresql_networks = ['10.0.0.0/8', '::/0']", &[], &[]).unwrap();
    assert_eq!(networks(given), ["10.0.0.0/8", "::/0"]);
    let given = load("", &[("ROLECALL_POSTGRESQL_NETWORKS", " 10.0.0.0/8 , 192.0.2.7,")], &[]).unwrap();
    assert_eq!(networks(given), ["10.0.0.0/8", "192.0.2.7/32"]);
    assert!(load("postgresql_networks = []", &[], &[]).unwrap().postgresql_networks.is_empty());
    assert!(refusal("postgresql_networks = [1]", &[], &[]).contains("write a list of texts"));
}

#[test]
fn a_network_contains_what_begins_like_it() {
    for (network, address, inside) in [
        ("10.0.0.0/8", "10.255.0.1", true),
        ("10.0.0.0/8", "11.0.0.1", false),
        ("10.0.0.0/8", "::ffff:10.1.1.1", true),
        ("0.0.0.0/0", "203.0.113.9", true),
        ("0.0.0.0/0", "::1", false),
        ("::/0", "2001:db8::1", true),
        ("fd00::/8", "fdff::1", true),
        ("fd00::/8", "fe80::1", false),
        ("192.0.2.7", "192.0.2.7", true),
        ("192.0.2.7", "192.0.2.8", false),
    ] {
        let parsed: Network = network.parse().unwrap();
        assert_eq!(parsed.contains(address.parse().unwrap()), inside, "{address} in {network}");
    }
}

#[test]
fn links_begin_with_the_base_url_or_with_the_listen_address() {
    for (file, base) in [
        ("base_url = 'https://rolecall.example.org/'", "https://rolecall.example.org"),
        ("base_url = 'http://h:8443'", "http://h:8443"),
        ("listen = '0.0.0.0:80'", "http://127.0.0.1:80"),
        ("listen = '[::]:80'\ntls_cert = 'a'\ntls_key = 'b'", "https://[::1]:80"),
    ] {
        assert_eq!(load(file, &[], &[]).unwrap().link_base(), base);
    }
}

#[test]
fn the_flags_of_the_command_line_are_those_of_the_table() {
    let parse = |line: &[&str]| {
        let matches = Flags::augment_args(clap::Command::new("serve")).try_get_matches_from(line)?;
        Flags::from_arg_matches(&matches)
    };
    let flags = parse(&["serve", "--listen", "127.0.0.1:0", "--demo", "--log-format=json"]).unwrap();
    let folder = tempfile::tempdir().unwrap();
    let config =
        Config::load(&Inputs { flags, environment: Vec::new(), folder: folder.path().to_owned() }).unwrap();
    assert_eq!((config.listen.port(), config.demo, config.log_format), (0, true, LogFormat::Json));
    assert_eq!(parse(&["serve", "--demo=false"]).unwrap().get("demo"), Some(&Secret::new("false")));
    assert!(parse(&["serve", "--admin-password", "x"]).is_err());
    Flags::augment_args(clap::Command::new("serve")).debug_assert();
}

#[test]
fn the_reference_file_says_what_holds_without_it() {
    let reference = toml();
    let is_key = |line: &&str| line.starts_with(|c: char| c.is_ascii_lowercase()) && !line.ends_with("\"\"");
    let lines: Vec<&str> =
        reference.lines().filter_map(|line| line.strip_prefix('#')).filter(is_key).collect();
    let given = lines.join("\n");
    let folder = tempfile::tempdir().unwrap();
    let without = load_in(folder.path(), &[], &[]).unwrap();
    fs::write(folder.path().join("rolecall.toml"), &given).unwrap();
    let with = load_in(folder.path(), &[], &[]).unwrap_or_else(|errors| panic!("{errors}\n{given}"));
    assert_eq!(format!("{with:?}"), format!("{without:?}"));
    assert_eq!(reference.matches("\n#").count() - reference.matches("\n# ").count(), 22, "{reference}");
}

#[test]
fn the_manual_has_every_setting() {
    crate::testing::must_be_committed("docs/manual/configuration.md", &markdown());
}
