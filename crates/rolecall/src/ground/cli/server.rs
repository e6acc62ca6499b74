//! Which Rolecall a command speaks to, and whether a secret may travel there.

use super::failure::Failure;
use reqwest::Url;
use std::fmt;
use std::net::IpAddr;
use std::str::FromStr;

/// The address of a Rolecall, in one spelling.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Server {
    base: String,
    is_loopback: bool,
}

impl Server {
    /// Where Rolecall listens unless it is told otherwise.
    pub const DEFAULT: &str = "http://127.0.0.1:8080";

    /// Whether it is on this machine: then no proxy may come between.
    #[must_use]
    pub fn is_loopback(&self) -> bool {
        self.is_loopback
    }

    /// Whether what is sent is encrypted.
    #[must_use]
    pub fn is_encrypted(&self) -> bool {
        self.base.starts_with("https:")
    }

    /// Its spelling: what sign-ins are kept by.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.base
    }
}

impl fmt::Display for Server {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.base)
    }
}

impl FromStr for Server {
    type Err = Failure;

    fn from_str(text: &str) -> Result<Self, Failure> {
        let wrong = || {
            Failure::usage(format!(
                "\"{text}\" is not an address of Rolecall; write https://HOST or http://127.0.0.1:8080."
            ))
        };
        let url = Url::parse(text).map_err(|_| wrong())?;
        if !url.username().is_empty() || url.password().is_some() {
            return Err(Failure::usage("An address holds no password; sign in with `rolecall login`."));
        }
        let host =
            url.host_str().filter(|_| url.query().is_none() && url.fragment().is_none()).ok_or_else(wrong)?;
        let is_loopback = is_loopback(host);
        match (url.scheme(), is_loopback) {
            ("https", _) | ("http", true) => {
                Ok(Self { base: url.as_str().trim_end_matches('/').to_owned(), is_loopback })
            }
            ("http", false) => Err(Failure::usage(format!(
                "Over plain http your token could be read on the way to {host}: use https://, or a tunnel to a port of this machine."
            ))),
            _ => Err(wrong()),
        }
    }
}

fn is_loopback(host: &str) -> bool {
    let address = host.trim_start_matches('[').trim_end_matches(']').parse::<IpAddr>();
    address.map_or(host == "localhost" || host.ends_with(".localhost"), |address| {
        address.to_canonical().is_loopback()
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_server_has_one_spelling() {
        for (text, expected) in [
            ("http://127.0.0.1:8080", "http://127.0.0.1:8080"),
            ("HTTP://LocalHost:80/", "http://localhost"),
            ("https://Rolecall.example.org:443/", "https://rolecall.example.org"),
            ("https://example.org/rolecall/", "https://example.org/rolecall"),
            ("http://[::1]:8080/", "http://[::1]:8080"),
        ] {
            assert_eq!(text.parse::<Server>().unwrap().as_str(), expected);
        }
    }

    #[test]
    fn nothing_is_sent_in_clear_to_another_machine() {
        for text in [
            "http://example.org",
            "http://10.0.0.1:8080",
            "http://localhost.example.org",
            "http://127.0.0.1.example.org",
            "http://0.0.0.0:8080",
        ] {
            let failure = text.parse::<Server>().unwrap_err();
            assert!(
                failure.to_string().starts_with("Over plain http your token could be read"),
                "{text}: {failure}"
            );
        }
    }

    #[test]
    fn an_address_is_an_address_and_nothing_more() {
        for text in [
            "",
            "example.org",
            "ftp://example.org",
            "https://me:secret@example.org",
            "https://example.org/?a=b",
            "file:///etc",
        ] {
            let failure = text.parse::<Server>().unwrap_err();
            assert_eq!(failure.exit() as u8, 2, "{text}");
            assert!(!failure.to_string().contains("secret"));
        }
    }
}
