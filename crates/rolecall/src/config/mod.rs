//! The settings of the server: a flag beats the environment, which beats `rolecall.toml`, which beats the default.
//!
//! [`SETTINGS`] is the one table of them; the flags of `rolecall serve`, the errors and the reference in the manual
//! come from it. A mistake changes nothing: either every setting is right, or all mistakes are told at once.

mod flags;
mod load;
mod reference;
mod table;
#[cfg(test)]
mod tests;
mod values;

use std::fmt;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::ops::RangeInclusive;
use std::path::PathBuf;
use std::time::Duration;

use crate::ground::secret::Secret;

pub use flags::Flags;
pub use reference::{markdown, toml};
pub use table::{Form, SETTINGS, Setting};
pub use values::{LogFormat, Network, StoreAddress};

/// Variables with our prefix that belong to the command line and to tests, not to the server.
const OTHER_VARIABLES: [&str; 6] = [
    "ROLECALL_URL",
    "ROLECALL_CA_FILE",
    "ROLECALL_TOKEN",
    "ROLECALL_ORGANIZATION",
    "ROLECALL_PROJECT",
    "ROLECALL_SERVICE",
];

/// What the server was told. Each field is the setting of that name: [`SETTINGS`] says what it is for. Paths are absolute.
#[derive(Clone, Debug)]
pub struct Config {
    pub listen: SocketAddr,
    pub data: PathBuf,
    pub store: StoreAddress,
    pub demo: bool,
    pub stop_services_with_server: bool,
    pub request_body_limit_bytes: usize,
    pub request_timeout: Duration,
    pub admin_password: Option<Secret>,
    pub sealing_key: Option<Secret>,
    pub base_url: Option<String>,
    pub tls_cert: Option<PathBuf>,
    pub tls_key: Option<PathBuf>,
    pub trusted_proxies: Vec<Network>,
    pub postgresql_folders: Vec<PathBuf>,
    pub postgresql_listen: Vec<IpAddr>,
    pub postgresql_networks: Vec<Network>,
    pub postgresql_ports: RangeInclusive<u16>,
    pub postgresql_first_uid: u32,
    pub sqlite_folders: Vec<PathBuf>,
    pub smtp_url: Option<Secret>,
    pub mail_from: Option<String>,
    pub log: String,
    pub log_format: LogFormat,
    pub metrics_token: Option<Secret>,
    /// What is odd but does not stop the server, a sentence each, to be logged once logging works.
    pub warnings: Vec<String>,
}

/// Where settings come from.
#[derive(Clone, Debug, Default)]
pub struct Inputs {
    /// The flags of the command line.
    pub flags: Flags,
    /// The environment; variables without our prefix are ignored.
    pub environment: Vec<(String, Secret)>,
    /// The working folder.
    pub folder: PathBuf,
}

impl Inputs {
    /// Those of this process.
    ///
    /// # Errors
    /// When the working folder is gone.
    pub fn of_process(flags: Flags) -> std::io::Result<Self> {
        let variables = std::env::vars_os().filter_map(|(name, value)| {
            let name = name.into_string().ok().filter(|name| name.starts_with("ROLECALL_"))?;
            Some((name, Secret::new(value.to_string_lossy())))
        });
        Ok(Inputs { flags, environment: variables.collect(), folder: std::env::current_dir()? })
    }
}

/// Where a value was given.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Source {
    /// Nowhere.
    Default,
    /// In this file.
    File(PathBuf),
    /// In this variable.
    Environment(&'static str),
    /// By this flag.
    Flag(&'static str),
}

impl fmt::Display for Source {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Source::Default => f.write_str("by default"),
            Source::File(path) => write!(f, "in {}", path.display()),
            Source::Environment(variable) => write!(f, "from {variable}"),
            Source::Flag(flag) => write!(f, "from --{flag}"),
        }
    }
}

/// One mistake in the settings.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
pub enum ConfigError {
    /// A value that does not fit.
    #[error("{key} {source_name}{shown} is not right: {advice}")]
    WrongValue {
        /// The setting.
        key: &'static str,
        /// Where it was given.
        source_name: Source,
        /// The value, if it is not secret.
        shown: String,
        /// What to write.
        advice: String,
    },
    /// A key that no setting has.
    #[error("{} has the key {key}, which there is not: {advice}", file.display())]
    UnknownKey {
        /// The file.
        file: PathBuf,
        /// The key in it.
        key: String,
        /// The key that was meant, perhaps.
        advice: String,
    },
    /// The file is not TOML.
    #[error("{} is not TOML at line {line}: {message}", file.display())]
    NotToml {
        /// The file.
        file: PathBuf,
        /// The line, from 1.
        line: usize,
        /// What is wrong there.
        message: String,
    },
    /// The file can't be read.
    #[error("can't read {} ({reason}): name another with --config, or make it readable", file.display())]
    CannotRead {
        /// The file.
        file: PathBuf,
        /// What the operating system said.
        reason: String,
    },
    /// Two settings that go together, and one of them is missing.
    #[error("{given} is set and {missing} is not: set both or neither")]
    Alone {
        /// The setting that is there.
        given: &'static str,
        /// The one that is not.
        missing: &'static str,
    },
}

/// Every mistake in the settings, at least one; prints one a line.
#[derive(Debug, PartialEq, Eq)]
pub struct ConfigErrors(pub Vec<ConfigError>);

impl fmt::Display for ConfigErrors {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let lines: Vec<String> = self.0.iter().map(ToString::to_string).collect();
        f.write_str(&lines.join("\n"))
    }
}

impl std::error::Error for ConfigErrors {}

impl Config {
    /// A configuration before any setting, not even a default, was put into it.
    fn blank() -> Self {
        Config {
            listen: SocketAddr::from(([127, 0, 0, 1], 0)),
            data: PathBuf::new(),
            store: StoreAddress::Sqlite(PathBuf::new()),
            demo: false,
            stop_services_with_server: false,
            request_body_limit_bytes: 0,
            request_timeout: Duration::ZERO,
            admin_password: None,
            sealing_key: None,
            base_url: None,
            tls_cert: None,
            tls_key: None,
            trusted_proxies: Vec::new(),
            postgresql_folders: Vec::new(),
            postgresql_listen: Vec::new(),
            postgresql_networks: Vec::new(),
            postgresql_ports: 0..=0,
            postgresql_first_uid: 0,
            sqlite_folders: Vec::new(),
            smtp_url: None,
            mail_from: None,
            log: String::new(),
            log_format: LogFormat::Text,
            metrics_token: None,
            warnings: Vec::new(),
        }
    }

    /// Whether Rolecall itself speaks TLS.
    #[must_use]
    pub fn speaks_tls(&self) -> bool {
        self.tls_cert.is_some()
    }

    /// Whether browsers reach Rolecall over TLS, its own or a proxy's.
    #[must_use]
    pub fn is_https(&self) -> bool {
        self.speaks_tls() || self.base_url.as_deref().is_some_and(|url| url.starts_with("https://"))
    }

    /// The networks that may reach managed services, as the engine takes them.
    #[must_use]
    pub fn cluster_networks(&self) -> Vec<engines::postgresql::cluster::Network> {
        self.postgresql_networks.iter().filter_map(|network| network.to_string().parse().ok()).collect()
    }

    /// The host under which managed services are reached: the first address they listen on beside loopback.
    #[must_use]
    pub fn service_host(&self) -> String {
        let beside_loopback = self.postgresql_listen.iter().find(|address| !address.is_loopback());
        match beside_loopback {
            Some(address) if address.is_unspecified() => {
                self.base_host().unwrap_or_else(|| "127.0.0.1".to_owned())
            }
            Some(address) => address.to_string(),
            None => "127.0.0.1".to_owned(),
        }
    }

    /// The host of `base_url`.
    fn base_host(&self) -> Option<String> {
        let rest = self.base_url.as_deref()?.split_once("://")?.1;
        let authority = rest.split('/').next().unwrap_or_default();
        let host = authority
            .rsplit_once(':')
            .filter(|(_, port)| port.parse::<u16>().is_ok())
            .map_or(authority, |(host, _)| host);
        Some(host.trim_matches(['[', ']']).to_owned())
    }

    /// What links begin with, without a slash at the end: `base_url`, else the listen address (loopback's if it is
    /// all addresses).
    #[must_use]
    pub fn link_base(&self) -> String {
        self.base_url.clone().unwrap_or_else(|| {
            let mut address = self.listen;
            match address.ip() {
                IpAddr::V4(ip) if ip.is_unspecified() => address.set_ip(Ipv4Addr::LOCALHOST.into()),
                IpAddr::V6(ip) if ip.is_unspecified() => address.set_ip(Ipv6Addr::LOCALHOST.into()),
                _ => {}
            }
            format!("{}://{address}", if self.speaks_tls() { "https" } else { "http" })
        })
    }
}

/// Puts a value into its field, or passes on why there is none.
fn put<T>(field: &mut T, value: Result<T, String>) -> Result<(), String> {
    value.map(|value| *field = value)
}
