//! How the text of a setting becomes a value; an error says what a right one looks like and never repeats the text.

use std::fmt;
use std::net::{IpAddr, SocketAddr};
use std::ops::RangeInclusive;
use std::path::PathBuf;
use std::str::FromStr;

use tracing_subscriber::EnvFilter;

use crate::ground::secret::Secret;

/// What somebody gave for a setting: one text, or for a list any number.
pub(super) struct Given(pub(super) Vec<Secret>);

impl Given {
    pub(super) fn one(&self) -> &str {
        self.0.first().map_or("", Secret::expose)
    }

    pub(super) fn each<T>(&self, read: fn(&str) -> Result<T, String>) -> Result<Vec<T>, String> {
        self.0.iter().map(|item| read(item.expose())).collect()
    }
}

/// Where the store is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum StoreAddress {
    /// The SQLite file at this path; made if it is not there.
    Sqlite(PathBuf),
    /// PostgreSQL at this URL, which may hold a password.
    Postgres(Secret),
}

/// How logs are written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LogFormat {
    /// For people.
    Text,
    /// One JSON object a line.
    Json,
}

/// A network: an address and how many of its first bits count.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Network {
    address: IpAddr,
    prefix: u8,
}

impl Network {
    /// Whether the address lies in the network; IPv4 in IPv6's clothes counts as IPv4.
    #[must_use]
    pub fn contains(&self, address: IpAddr) -> bool {
        match (self.address, address.to_canonical()) {
            (IpAddr::V4(network), IpAddr::V4(address)) => {
                mask(u128::from(network.to_bits()), self.prefix, 32)
                    == mask(u128::from(address.to_bits()), self.prefix, 32)
            }
            (IpAddr::V6(network), IpAddr::V6(address)) => {
                mask(network.to_bits(), self.prefix, 128) == mask(address.to_bits(), self.prefix, 128)
            }
            _ => false,
        }
    }
}

fn mask(address: u128, prefix: u8, bits: u8) -> u128 {
    let hosts = u32::from(bits.saturating_sub(prefix));
    address.checked_shr(hosts).and_then(|network| network.checked_shl(hosts)).unwrap_or(0)
}

impl fmt::Display for Network {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.address, self.prefix)
    }
}

impl FromStr for Network {
    type Err = String;

    /// Reads `10.0.0.0/8`, or one address.
    fn from_str(text: &str) -> Result<Self, String> {
        let wrong = || "write addresses or networks such as 10.0.0.0/8 or fd00::/8".to_owned();
        let (address, prefix) =
            text.split_once('/').map_or((text, None), |(address, prefix)| (address, Some(prefix)));
        let address: IpAddr = address.parse().map_err(|_| wrong())?;
        let (bits, whole) = match address {
            IpAddr::V4(v4) => (32, u128::from(v4.to_bits())),
            IpAddr::V6(v6) => (128, v6.to_bits()),
        };
        let prefix = prefix.map_or(Ok(bits), |prefix| prefix.parse::<u8>().map_err(|_| wrong()))?;
        if prefix > bits {
            return Err(wrong());
        }
        if mask(whole, prefix, bits) != whole {
            return Err(format!("write zeros after the first {prefix} bits of a network of /{prefix}"));
        }
        Ok(Network { address, prefix })
    }
}

pub(super) fn network(text: &str) -> Result<Network, String> {
    text.parse()
}

pub(super) fn address(text: &str) -> Result<IpAddr, String> {
    text.parse().map_err(|_| "write addresses such as 127.0.0.1, 0.0.0.0 or ::1".to_owned())
}

pub(super) fn socket(text: &str) -> Result<SocketAddr, String> {
    text.parse().map_err(|_| "write an address and a port, such as 127.0.0.1:8080 or [::1]:8080".to_owned())
}

pub(super) fn path(text: &str) -> Result<PathBuf, String> {
    if text.is_empty() || text.contains('\0') {
        Err("write a path".to_owned())
    } else {
        Ok(PathBuf::from(text))
    }
}

pub(super) fn store(text: &str) -> Result<StoreAddress, String> {
    if let Some(path) = text.strip_prefix("sqlite:") {
        let path = path.strip_prefix("//").unwrap_or(path);
        if path.is_empty() || path.starts_with(':') || path.contains(['?', '\0']) {
            return Err("write sqlite: and the path of a file, such as sqlite:/var/lib/rolecall/rolecall.db"
                .to_owned());
        }
        return Ok(StoreAddress::Sqlite(PathBuf::from(path)));
    }
    let is_postgres = ["postgres://", "postgresql://"].iter().any(|scheme| text.starts_with(scheme));
    match reqwest::Url::parse(text) {
        Ok(url) if is_postgres && url.path().len() > 1 => Ok(StoreAddress::Postgres(Secret::new(text))),
        _ => Err("write sqlite:PATH, or postgres://USER:PASSWORD@HOST/DATABASE".to_owned()),
    }
}

pub(super) fn switch(text: &str) -> Result<bool, String> {
    text.parse().map_err(|_| "write true or false".to_owned())
}

pub(super) fn number<T: FromStr + PartialOrd + Copy + fmt::Display>(
    text: &str,
    least: T,
    most: T,
) -> Result<T, String> {
    let wrong = format!("write a whole number from {least} to {most}");
    text.parse().ok().filter(|number| (&least..=&most).contains(&number)).ok_or(wrong)
}

pub(super) fn ports(text: &str) -> Result<RangeInclusive<u16>, String> {
    let read = |port: &str| port.trim().parse::<u16>().ok().filter(|port| *port >= 1024);
    let range = text.split_once('-').and_then(|(first, last)| Some(read(first)?..=read(last)?));
    range.filter(|range| !range.is_empty()).ok_or_else(|| {
        "write the first and the last port, such as 20000-29999, both from 1024 to 65535".to_owned()
    })
}

pub(super) fn secret(text: &str) -> Result<Secret, String> {
    if text.is_empty() { Err("write something, or leave it out".to_owned()) } else { Ok(Secret::new(text)) }
}

pub(super) fn token(text: &str) -> Result<Secret, String> {
    let fits = text.len() >= 16 && text.bytes().all(|byte| byte.is_ascii_graphic());
    if fits {
        Ok(Secret::new(text))
    } else {
        Err("write at least 16 letters, digits or signs, without blanks".to_owned())
    }
}

pub(super) fn base_url(text: &str) -> Result<String, String> {
    let wrong =
        "write http:// or https://, a host and, if need be, a port, such as https://rolecall.example.org";
    let url = reqwest::Url::parse(text).map_err(|_| wrong.to_owned())?;
    let plain = url.username().is_empty()
        && url.password().is_none()
        && url.query().is_none()
        && url.fragment().is_none();
    if ["http", "https"].contains(&url.scheme()) && plain && url.path() == "/" {
        return Ok(url.origin().ascii_serialization());
    }
    Err(wrong.to_owned())
}

pub(super) fn smtp_url(text: &str) -> Result<Secret, String> {
    match reqwest::Url::parse(text) {
        Ok(url)
            if ["smtp", "smtps"].contains(&url.scheme())
                && url.host_str().is_some_and(|host| !host.is_empty()) =>
        {
            Ok(Secret::new(text))
        }
        _ => Err("write smtps://USER:PASSWORD@HOST or smtp://HOST:PORT".to_owned()),
    }
}

pub(super) fn mail_address(text: &str) -> Result<String, String> {
    let address = text.rsplit_once('<').map_or(text, |(_, address)| address.trim_end_matches('>'));
    let halves = address.split_once('@').filter(|(name, host)| !name.is_empty() && !host.is_empty());
    if halves.is_some() && !text.contains(char::is_control) {
        return Ok(text.to_owned());
    }
    Err("write an address such as rolecall@example.org or Rolecall <rolecall@example.org>".to_owned())
}

pub(super) fn log_filter(text: &str) -> Result<String, String> {
    let wrong =
        || "write error, warn, info, debug or trace, also by part, as in info,rolecall=debug".to_owned();
    if text.is_empty() {
        return Err(wrong());
    }
    EnvFilter::builder().parse(text).map(|_| text.to_owned()).map_err(|_| wrong())
}

pub(super) fn log_format(text: &str) -> Result<LogFormat, String> {
    match text {
        "text" => Ok(LogFormat::Text),
        "json" => Ok(LogFormat::Json),
        _ => Err("write text or json".to_owned()),
    }
}

pub(super) fn some<T>(list: Result<Vec<T>, String>) -> Result<Vec<T>, String> {
    list.and_then(|list| if list.is_empty() { Err("write at least one".to_owned()) } else { Ok(list) })
}
