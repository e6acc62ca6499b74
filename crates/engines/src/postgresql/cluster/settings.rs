//! What a server is told: its settings, its command line, and who may come in.

use std::fmt::Write;
use std::net::IpAddr;
use std::process::{Command, Stdio};

use super::error::ClusterError;
use super::folder::{self, Layout};
use super::network::Network;
use super::owner::{Owner, we_are_root};
use super::record::Record;

/// The group that read-only users are members of.
const READONLY: &str = "+rolecall_readonly";

/// The file of settings, which the server reads instead of the one in its data folder. A superuser's
/// `ALTER SYSTEM` still goes before it, except for what stands on the command line.
const SETTINGS: &str = "\
# Written by Rolecall at every start: changes made here are lost. Use ALTER SYSTEM instead.

max_connections = 100
shared_buffers = 32MB
huge_pages = off
# Shared memory that needs no folder: /dev/shm stays closed to the server.
dynamic_shared_memory_type = sysv

# Replication users may stream changes; one that stops reading cannot fill the disk.
wal_level = logical
max_wal_senders = 10
max_replication_slots = 10
max_slot_wal_keep_size = 4GB

password_encryption = scram-sha-256
ssl_min_protocol_version = 'TLSv1.2'

log_destination = stderr
log_rotation_age = 1d
log_rotation_size = 0
log_truncate_on_rotation = on
log_line_prefix = '%m [%p] %q%u@%d '
# Statements may hold what nobody should read in a log.
log_statement = none
log_min_duration_statement = -1
log_min_error_statement = panic
log_timezone = UTC

timezone = UTC
datestyle = 'iso, mdy'
default_text_search_config = 'pg_catalog.english'
lc_messages = C
";

/// The rights of files that the server reads and does not write.
fn readable(owner: Owner) -> (u32, Option<(u32, u32)>) {
    if we_are_root() { (0o640, Some((0, owner.gid))) } else { (0o600, None) }
}

/// Writes one file of the settings folder.
pub(super) fn write(layout: &Layout, owner: Owner, name: &str, text: &str) -> Result<(), ClusterError> {
    let (mode, who) = readable(owner);
    folder::write(&layout.settings().join(name), text, mode, who)
}

/// What a file of ours says now.
pub(super) fn read(layout: &Layout, name: &str) -> Result<String, ClusterError> {
    let path = layout.settings().join(name);
    std::fs::read_to_string(&path).map_err(ClusterError::file("Could not read", &path))
}

/// Writes what is the same for every cluster; the rules of who may come in are left as they are.
pub(super) fn write_all(layout: &Layout, owner: Owner) -> Result<(), ClusterError> {
    write(layout, owner, "rolecall.conf", SETTINGS)?;
    write(layout, owner, "pg_ident.conf", "# No login takes its name from the operating system.\n")
}

/// The command that is the server. What we rely on stands here, where no SQL can change it; every path but one is
/// relative to the data folder, so no folder's name needs quoting.
pub(super) fn command(layout: &Layout, record: &Record) -> Result<Command, ClusterError> {
    let listen: Vec<_> = record.listen.iter().map(IpAddr::to_string).collect();
    let name = layout.folder.file_name().map(|name| name.to_string_lossy()).unwrap_or_default();
    let log = std::fs::File::create(layout.start_log());
    let log = log.map_err(ClusterError::file("Could not write", &layout.start_log()))?;
    let again = log.try_clone().map_err(ClusterError::file("Could not write", &layout.start_log()))?;
    let mut command = Command::new(record.installation.bin.join("postgres"));
    command.arg("-D").arg(layout.data());
    for (setting, value) in [
        ("config_file", "../settings/rolecall.conf"),
        ("hba_file", "../settings/pg_hba.conf"),
        ("ident_file", "../settings/pg_ident.conf"),
        ("external_pid_file", ""),
        ("listen_addresses", &listen.join(",")),
        ("port", &record.port.to_string()),
        ("unix_socket_directories", if layout.socket_dir().is_some() { "../run" } else { "" }),
        ("ssl", "on"),
        ("ssl_cert_file", "../settings/server.crt"),
        ("ssl_key_file", "../settings/server.key"),
        ("logging_collector", "on"),
        ("log_directory", "../log"),
        ("log_filename", "server-%a.log"),
        ("cluster_name", &printable(&name)),
    ] {
        command.arg("-c").arg(format!("{setting}={value}"));
    }
    command.current_dir(layout.data()).stdin(Stdio::null()).stdout(log).stderr(again);
    Ok(command)
}

/// A name as the process list can show it.
fn printable(name: &str) -> String {
    name.chars().filter(char::is_ascii_graphic).take(63).collect()
}

/// The rules by which logins are let in. Prepared databases are those whose triggers keep the read-only promise:
/// read-only users get into these alone. Loopback may do without TLS, networks may not.
pub(super) fn hba(prepared: &[String], networks: &[Network]) -> String {
    let loopback = ["127.0.0.1/32", "::1/128"];
    let mut text = String::from(
        "# Written by Rolecall: changes made here are lost.\n\
         local all postgres scram-sha-256\n\
         local all all reject\n",
    );
    let mut rule = |kind: &str, databases: &str, user: &str, from: &str, how: &str| {
        // Writing into a string does not fail.
        let _ = writeln!(text, "{kind} {databases} {user} {from} {how}");
    };
    let places = || {
        let far = networks.iter().map(|network| ("hostssl", network.to_string()));
        loopback.iter().map(|near| ("host", (*near).to_owned())).chain(far)
    };
    let databases: Vec<_> = prepared.iter().filter_map(|name| quoted(name)).collect();
    if !databases.is_empty() {
        for (kind, place) in places() {
            rule(kind, &databases.join(","), READONLY, &place, "scram-sha-256");
        }
    }
    rule("host", "all", READONLY, "all", "reject");
    rule("host", "replication", READONLY, "all", "reject");
    for (kind, place) in places() {
        rule(kind, "all", "all", &place, "scram-sha-256");
        rule(kind, "replication", "all", &place, "scram-sha-256");
    }
    text
}

/// A database's name, quoted so that it means itself: not `all`, not a file, not a pattern. A name with a line
/// break cannot be written in this file, so such a database is never counted among the prepared ones.
fn quoted(name: &str) -> Option<String> {
    let plain = !name.is_empty() && !name.contains(['\n', '\r', '\0']);
    plain.then(|| format!("\"{}\"", name.replace('"', "\"\"")))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn read_only_users_are_let_into_prepared_databases_and_then_refused() {
        let text = hba(&["app".into()], &["10.0.0.0/8".parse().unwrap()]);
        let lines: Vec<_> = text.lines().collect();
        let at = |line: &str| {
            lines.iter().position(|one| *one == line).unwrap_or_else(|| panic!("{line}\n{text}"))
        };
        let allowed = at("host \"app\" +rolecall_readonly 127.0.0.1/32 scram-sha-256");
        let allowed_far = at("hostssl \"app\" +rolecall_readonly 10.0.0.0/8 scram-sha-256");
        let rejected = at("host all +rolecall_readonly all reject");
        let replication = at("host replication +rolecall_readonly all reject");
        let everyone = at("host all all 127.0.0.1/32 scram-sha-256");
        let streams = at("hostssl replication all 10.0.0.0/8 scram-sha-256");
        assert!(allowed < rejected && allowed_far < rejected && rejected < everyone && replication < streams);
        assert!(!text.contains("trust"));
    }

    #[test]
    fn a_database_name_means_itself() {
        assert_eq!(quoted("all").as_deref(), Some("\"all\""));
        assert_eq!(quoted("a\"b, c").as_deref(), Some("\"a\"\"b, c\""));
        assert_eq!(quoted("a\nhost all all all trust"), None);
        assert_eq!(quoted(""), None);
    }
}
