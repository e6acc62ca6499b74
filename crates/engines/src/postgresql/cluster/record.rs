//! What we remember about a cluster, in a small text file beside it.

use std::fmt::{self, Write};
use std::fs;
use std::io;
use std::net::IpAddr;
use std::path::{Path, PathBuf};

use super::error::ClusterError;
use super::folder;
use super::installation::Installation;
use super::owner::{Owner, we_are_root};

/// The first line of every record: what the file is, and in which form.
const HEAD: &str = "rolecall postgresql cluster 1";

/// What is fixed when a cluster is made.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Record {
    /// The PostgreSQL that made it.
    pub installation: Installation,
    /// Its port, for good.
    pub port: u16,
    /// The user number of its own that it runs under, if it has one.
    pub owner: Option<u32>,
    /// The addresses that it listens on.
    pub listen: Vec<IpAddr>,
    /// The names that its certificate carries beside its addresses.
    pub hosts: Vec<String>,
}

impl Record {
    /// The user that its processes run as.
    pub(super) fn runs_as(&self) -> Result<Owner, ClusterError> {
        Owner::of(self.owner)
    }

    /// What the certificate must be good for.
    pub(super) fn certified(&self) -> Vec<String> {
        let addresses = self.listen.iter().filter(|address| !address.is_unspecified()).map(IpAddr::to_string);
        let always = ["localhost", "127.0.0.1", "::1"].map(str::to_owned);
        let mut all: Vec<_> = self.hosts.iter().cloned().chain(always).chain(addresses).collect();
        all.sort();
        all.dedup();
        all
    }

    /// Reads a record; `None` when there is no such file.
    pub(super) fn read(path: &Path) -> Result<Option<Self>, ClusterError> {
        match fs::read_to_string(path) {
            Ok(text) => {
                let damaged = |what| ClusterError::Damaged { path: path.to_owned(), what };
                parse(&text).map(Some).map_err(damaged)
            }
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
            Err(error) => Err(ClusterError::file("Could not read", path)(error)),
        }
    }

    /// Writes it in one step.
    pub(super) fn write(&self, path: &Path) -> Result<(), ClusterError> {
        folder::write(path, &self.text(), 0o600, None)
    }

    fn text(&self) -> String {
        let Installation { version, major, bin } = &self.installation;
        let mut text = format!("{HEAD}\n");
        let mut line = |name: &str, value: &dyn fmt::Display| {
            // Writing into a string does not fail.
            let _ = writeln!(text, "{name}={value}");
        };
        line("version", version);
        line("major", major);
        line("bin", &bin.display());
        line("port", &self.port);
        self.owner.iter().for_each(|owner| line("owner", owner));
        self.listen.iter().for_each(|address| line("listen", address));
        self.hosts.iter().for_each(|host| line("host", host));
        text
    }
}

/// Refuses names that would break the record's lines, or that no certificate can carry.
pub(super) fn check_hosts(hosts: &[String]) -> Result<(), ClusterError> {
    let fit = |host: &str| !host.is_empty() && host.chars().all(|c| c.is_ascii_graphic() && c != ',');
    hosts.iter().find(|host| !fit(host)).map_or(Ok(()), |host| Err(ClusterError::Host(host.clone())))
}

fn parse(text: &str) -> Result<Record, &'static str> {
    let mut lines = text.lines();
    if lines.next() != Some(HEAD) {
        return Err("its first line is not ours");
    }
    let pairs: Vec<_> = lines.filter_map(|line| line.split_once('=')).collect();
    let all = |name: &'static str| pairs.iter().filter(move |(key, _)| *key == name).map(|(_, value)| *value);
    let one = |name| all(name).next();
    let owner =
        one("owner").map(|owner| owner.parse().map_err(|_| "its owner is not a number")).transpose()?;
    Ok(Record {
        installation: Installation {
            version: one("version").ok_or("it names no version")?.to_owned(),
            major: one("major").and_then(|major| major.parse().ok()).ok_or("it names no major version")?,
            bin: PathBuf::from(one("bin").ok_or("it names no installation")?),
        },
        port: one("port").and_then(|port| port.parse().ok()).ok_or("it names no port")?,
        // One that was made by root and is found by someone else runs, if at all, as that someone.
        owner: owner.filter(|_| we_are_root()),
        listen: all("listen").filter_map(|address| address.parse().ok()).collect(),
        hosts: all("host").map(str::to_owned).collect(),
    })
}
