//! Every setting, once: its names, its default, what it is for, and how its text becomes a value.

use std::time::Duration;

use super::values::{self, Given};
use super::{Config, put};

/// How a setting is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Form {
    /// Text of this kind.
    Text(&'static str),
    /// A whole number of this unit.
    Number(&'static str),
    /// `true` or `false`; as a flag the name alone means `true`.
    Switch,
    /// Several of this kind: an array in the file, separated by the character elsewhere.
    List(&'static str, char),
}

/// One setting.
pub struct Setting {
    /// The heading that it stands under in the reference.
    pub group: &'static str,
    /// Its key in `rolecall.toml`, and in every error.
    pub key: &'static str,
    /// Its environment variable.
    pub variable: &'static str,
    /// Its flag, without the dashes. Secrets have none: every user of a machine sees its processes' arguments.
    pub flag: Option<&'static str>,
    /// Whether it may stand in `rolecall.toml`.
    pub in_file: bool,
    /// How it is written.
    pub form: Form,
    /// What holds when nobody says anything, as one would write it; empty if there is nothing then.
    pub default: &'static str,
    /// What it is for, in whole sentences.
    pub doc: &'static str,
    /// Never shown, not even in an error.
    pub secret: bool,
    pub(super) set: fn(&mut Config, &Given) -> Result<(), String>,
}

const SERVER: &str = "The server";
const SECRETS: &str = "Secrets";
const TLS: &str = "TLS, addresses and proxies";
const POSTGRESQL: &str = "Managed PostgreSQL";
const FILES: &str = "SQLite files";
const MAIL: &str = "Mail";
const LOGS: &str = "Logs and figures";

/// What most settings are; the table names where one differs.
const PLAIN: Setting = Setting {
    group: SERVER,
    key: "",
    variable: "",
    flag: None,
    in_file: true,
    form: Form::Text("TEXT"),
    default: "",
    doc: "",
    secret: false,
    set: |_, _| Ok(()),
};

/// All settings, in the order of the reference.
pub const SETTINGS: &[Setting] = &[
    Setting {
        key: "config",
        variable: "ROLECALL_CONFIG",
        flag: Some("config"),
        in_file: false,
        form: Form::Text("FILE"),
        doc: "The configuration file. Without it `rolecall.toml` in the working folder is read, if \
              there is one.",
        set: |_, _| Ok(()),
        ..PLAIN
    },
    Setting {
        key: "listen",
        variable: "ROLECALL_LISTEN",
        flag: Some("listen"),
        form: Form::Text("ADDRESS:PORT"),
        default: "127.0.0.1:8080",
        doc: "Where console and API answer. On another address than loopback people can sign in over \
              TLS only.",
        set: |config, given| put(&mut config.listen, values::socket(given.one())),
        ..PLAIN
    },
    Setting {
        key: "data",
        variable: "ROLECALL_DATA",
        flag: Some("data"),
        form: Form::Text("FOLDER"),
        default: "data",
        doc: "The folder of everything Rolecall keeps: the store, the sealing key, managed database \
              servers. Relative paths, here and below, start at the working folder; packages set \
              `/var/lib/rolecall`.",
        set: |config, given| put(&mut config.data, values::path(given.one())),
        ..PLAIN
    },
    Setting {
        key: "store",
        variable: "ROLECALL_STORE",
        flag: Some("store"),
        form: Form::Text("ADDRESS"),
        default: "sqlite:<data>/rolecall.db",
        doc: "Where accounts, roles and the audit trail are kept: `sqlite:PATH` for one server, \
              `postgres://USER:PASSWORD@HOST/DATABASE` for several. An address with a password belongs \
              into the file or the environment, as other users see a program's flags.",
        set: |config, given| put(&mut config.store, values::store(given.one())),
        ..PLAIN
    },
    Setting {
        key: "demo",
        variable: "ROLECALL_DEMO",
        flag: Some("demo"),
        form: Form::Switch,
        default: "false",
        doc: "Fills an empty store with an example: an organization, a project, a running PostgreSQL \
              service and its users.",
        set: |config, given| put(&mut config.demo, values::switch(given.one())),
        ..PLAIN
    },
    Setting {
        key: "stop_services_with_server",
        variable: "ROLECALL_STOP_SERVICES_WITH_SERVER",
        flag: Some("stop-services-with-server"),
        form: Form::Switch,
        default: "false",
        doc: "Stops managed database servers when Rolecall stops. Otherwise they go on, and Rolecall \
              finds them again.",
        set: |config, given| put(&mut config.stop_services_with_server, values::switch(given.one())),
        ..PLAIN
    },
    Setting {
        key: "request_body_limit_bytes",
        variable: "ROLECALL_REQUEST_BODY_LIMIT_BYTES",
        flag: Some("request-body-limit-bytes"),
        form: Form::Number("BYTES"),
        default: "1048576",
        doc: "The largest body of a request, from 1024 to 1073741824.",
        set: |config, given| {
            put(&mut config.request_body_limit_bytes, values::number(given.one(), 1024, 1 << 30))
        },
        ..PLAIN
    },
    Setting {
        key: "request_timeout_seconds",
        variable: "ROLECALL_REQUEST_TIMEOUT_SECONDS",
        flag: Some("request-timeout-seconds"),
        form: Form::Number("SECONDS"),
        default: "30",
        doc: "How long one request may take, from 1 to 3600; data queries have a limit of their own.",
        set: |config, given| {
            put(&mut config.request_timeout, values::number(given.one(), 1, 3600).map(Duration::from_secs))
        },
        ..PLAIN
    },
    Setting {
        group: SECRETS,
        key: "admin_password",
        variable: "ROLECALL_ADMIN_PASSWORD",
        in_file: false,
        form: Form::Text("PASSWORD"),
        doc: "The password of the account `admin`, for the first start on an empty store; later it is \
              ignored. Without it the server prints a link to set it up.",
        secret: true,
        set: |config, given| put(&mut config.admin_password, values::secret(given.one()).map(Some)),
        ..PLAIN
    },
    Setting {
        group: SECRETS,
        key: "sealing_key",
        variable: "ROLECALL_SEALING_KEY",
        in_file: false,
        form: Form::Text("KEYS"),
        doc: "Takes the place of `sealing.key` in the data folder, so that several servers share it: \
              32 bytes in base64 (`openssl rand -base64 32`). Several are separated by commas: the \
              first seals, the others open what they sealed.",
        secret: true,
        set: |config, given| put(&mut config.sealing_key, values::secret(given.one()).map(Some)),
        ..PLAIN
    },
    Setting {
        group: TLS,
        key: "base_url",
        variable: "ROLECALL_BASE_URL",
        flag: Some("base-url"),
        form: Form::Text("URL"),
        doc: "How people reach Rolecall, for links in mail and for sign-in by other providers, for \
              example `https://rolecall.example.org`. Without it the listen address is used.",
        set: |config, given| put(&mut config.base_url, values::base_url(given.one()).map(Some)),
        ..PLAIN
    },
    Setting {
        group: TLS,
        key: "tls_cert",
        variable: "ROLECALL_TLS_CERT",
        flag: Some("tls-cert"),
        form: Form::Text("FILE"),
        doc: "The certificate, with those between it and its authority, in PEM. Goes with `tls_key`.",
        set: |config, given| put(&mut config.tls_cert, values::path(given.one()).map(Some)),
        ..PLAIN
    },
    Setting {
        group: TLS,
        key: "tls_key",
        variable: "ROLECALL_TLS_KEY",
        flag: Some("tls-key"),
        form: Form::Text("FILE"),
        doc: "The certificate's private key in PEM. Goes with `tls_cert`.",
        set: |config, given| put(&mut config.tls_key, values::path(given.one()).map(Some)),
        ..PLAIN
    },
    Setting {
        group: TLS,
        key: "trusted_proxies",
        variable: "ROLECALL_TRUSTED_PROXIES",
        flag: Some("trusted-proxies"),
        form: Form::List("NETWORKS", ','),
        doc: "Addresses or networks (`10.0.0.0/8`) of proxies that speak TLS for Rolecall. Only they \
              are believed about the caller's address and about TLS.",
        set: |config, given| put(&mut config.trusted_proxies, given.each(values::network)),
        ..PLAIN
    },
    Setting {
        group: POSTGRESQL,
        key: "postgresql_folders",
        variable: "ROLECALL_POSTGRESQL_FOLDERS",
        flag: Some("postgresql-folders"),
        form: Form::List("FOLDERS", ':'),
        doc: "More places to look for installed PostgreSQL, each a folder that holds `bin/postgres`. \
              Those of Debian and those on the `PATH` are found without it.",
        set: |config, given| put(&mut config.postgresql_folders, given.each(values::path)),
        ..PLAIN
    },
    Setting {
        group: POSTGRESQL,
        key: "postgresql_listen",
        variable: "ROLECALL_POSTGRESQL_LISTEN",
        flag: Some("postgresql-listen"),
        form: Form::List("ADDRESSES", ','),
        default: "127.0.0.1",
        doc: "The addresses that managed servers listen on.",
        set: |config, given| put(&mut config.postgresql_listen, values::some(given.each(values::address))),
        ..PLAIN
    },
    Setting {
        group: POSTGRESQL,
        key: "postgresql_networks",
        variable: "ROLECALL_POSTGRESQL_NETWORKS",
        flag: Some("postgresql-networks"),
        form: Form::List("NETWORKS", ','),
        default: "127.0.0.1/32,::1/128",
        doc: "The networks from which managed servers accept logins, always by SCRAM and over TLS.",
        set: |config, given| put(&mut config.postgresql_networks, given.each(values::network)),
        ..PLAIN
    },
    Setting {
        group: POSTGRESQL,
        key: "postgresql_ports",
        variable: "ROLECALL_POSTGRESQL_PORTS",
        flag: Some("postgresql-ports"),
        form: Form::Text("FIRST-LAST"),
        default: "20000-29999",
        doc: "The ports that managed servers get, first and last.",
        set: |config, given| put(&mut config.postgresql_ports, values::ports(given.one())),
        ..PLAIN
    },
    Setting {
        group: POSTGRESQL,
        key: "postgresql_first_uid",
        variable: "ROLECALL_POSTGRESQL_FIRST_UID",
        flag: Some("postgresql-first-uid"),
        form: Form::Number("UID"),
        default: "700000",
        doc: "When Rolecall runs as root each managed server runs under a user id of its own, drawn from the \
              million that begins here (from 1000). Keep them free of other users.",
        set: |config, given| {
            put(&mut config.postgresql_first_uid, values::number(given.one(), 1000, 2_000_000_000))
        },
        ..PLAIN
    },
    Setting {
        group: FILES,
        key: "sqlite_folders",
        variable: "ROLECALL_SQLITE_FOLDERS",
        flag: Some("sqlite-folders"),
        form: Form::List("FOLDERS", ':'),
        doc: "Folders whose SQLite files may be made connections, besides `files` in the data folder.",
        set: |config, given| put(&mut config.sqlite_folders, given.each(values::path)),
        ..PLAIN
    },
    Setting {
        group: MAIL,
        key: "smtp_url",
        variable: "ROLECALL_SMTP_URL",
        form: Form::Text("URL"),
        doc: "The mail server: `smtps://USER:PASSWORD@HOST`, or `smtp://` with STARTTLS. Without it no \
              mail is sent, and the console shows links to pass on.",
        secret: true,
        set: |config, given| put(&mut config.smtp_url, values::smtp_url(given.one()).map(Some)),
        ..PLAIN
    },
    Setting {
        group: MAIL,
        key: "mail_from",
        variable: "ROLECALL_MAIL_FROM",
        flag: Some("mail-from"),
        form: Form::Text("ADDRESS"),
        doc: "The sender of mail, for example `Rolecall <rolecall@example.org>`. Goes with `smtp_url`.",
        set: |config, given| put(&mut config.mail_from, values::mail_address(given.one()).map(Some)),
        ..PLAIN
    },
    Setting {
        group: LOGS,
        key: "log",
        variable: "ROLECALL_LOG",
        flag: Some("log"),
        form: Form::Text("FILTER"),
        default: "info",
        doc: "What is logged: `error`, `warn`, `info`, `debug` or `trace`, also by part, as in \
              `info,rolecall=debug`. Logs go to standard error.",
        set: |config, given| put(&mut config.log, values::log_filter(given.one())),
        ..PLAIN
    },
    Setting {
        group: LOGS,
        key: "log_format",
        variable: "ROLECALL_LOG_FORMAT",
        flag: Some("log-format"),
        form: Form::Text("text|json"),
        default: "text",
        doc: "How logs are written: `text` for people, `json` (one object a line) for programs.",
        set: |config, given| put(&mut config.log_format, values::log_format(given.one())),
        ..PLAIN
    },
    Setting {
        group: LOGS,
        key: "metrics_token",
        variable: "ROLECALL_METRICS_TOKEN",
        form: Form::Text("TOKEN"),
        doc: "Lets `GET /metrics` be read from other machines with `Authorization: Bearer TOKEN`, of \
              at least 16 characters. Without it the figures are for loopback only.",
        secret: true,
        set: |config, given| put(&mut config.metrics_token, values::token(given.one()).map(Some)),
        ..PLAIN
    },
];
