//! Sign-ins kept between commands: a token per server, in a file that only its owner reads.

use super::failure::Failure;
use super::server::Server;
use crate::ground::secret::Secret;
use serde::{Deserialize, Serialize, Serializer};
use std::collections::BTreeMap;
use std::fs::{self, DirBuilder, OpenOptions};
use std::io::{self, Write as _};
use std::os::unix::fs::{DirBuilderExt as _, OpenOptionsExt as _};
use std::path::{Path, PathBuf};

/// A secret that goes into a body or a file: the one way in which the command line writes any.
#[derive(Debug, Clone, Copy)]
pub struct Exposed<'a>(pub &'a Secret);

impl Serialize for Exposed<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.0.expose())
    }
}

fn expose<S: Serializer>(secret: &Secret, serializer: S) -> Result<S::Ok, S::Error> {
    Exposed(secret).serialize(serializer)
}

/// Who is signed in where.
#[derive(Debug, Default, Serialize, Deserialize)]
pub struct SignIns {
    /// The server that was signed in to last.
    current: Option<String>,
    servers: BTreeMap<String, SignIn>,
    /// Where they are kept; without a home they are not.
    #[serde(skip)]
    file: Option<PathBuf>,
}

/// A sign-in.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct SignIn {
    /// The account's id.
    pub account: String,
    /// The token.
    #[serde(serialize_with = "expose")]
    pub token: Secret,
}

impl SignIns {
    /// Those kept below this folder; none if nobody has signed in yet.
    ///
    /// # Errors
    /// When the file cannot be read.
    pub fn read(folder: &Path) -> Result<Self, Failure> {
        let file = folder.join("rolecall").join("sign-ins.json");
        let broken = |reason: &dyn std::fmt::Display| {
            Failure::failed(format!(
                "{} cannot be read ({reason}): delete it and sign in again.",
                file.display()
            ))
        };
        let read = match fs::read(&file) {
            Ok(bytes) => serde_json::from_slice(&bytes).map_err(|error| broken(&error))?,
            Err(error) if error.kind() == io::ErrorKind::NotFound => Self::default(),
            Err(error) => return Err(broken(&error)),
        };
        Ok(Self { file: Some(file), ..read })
    }

    /// The server that was signed in to last.
    #[must_use]
    pub fn current(&self) -> Option<&str> {
        self.current.as_deref()
    }

    /// The sign-in at a server.
    #[must_use]
    pub fn at(&self, server: &Server) -> Option<&SignIn> {
        self.servers.get(server.as_str())
    }

    /// Keeps a sign-in, and goes to its server from now on. Gives the one that it replaces.
    ///
    /// # Errors
    /// When the file cannot be written.
    pub fn keep(&mut self, server: &Server, sign_in: SignIn) -> Result<Option<SignIn>, Failure> {
        self.current = Some(server.to_string());
        let before = self.servers.insert(server.to_string(), sign_in);
        self.write().map(|()| before)
    }

    /// Forgets the sign-in at a server.
    ///
    /// # Errors
    /// When the file cannot be written.
    pub fn forget(&mut self, server: &Server) -> Result<(), Failure> {
        if self.servers.remove(server.as_str()).is_none() {
            return Ok(());
        }
        if self.current() == Some(server.as_str()) {
            self.current = None;
        }
        self.write()
    }

    fn write(&self) -> Result<(), Failure> {
        let Some(file) = &self.file else {
            return Err(Failure::failed(
                "Set HOME or XDG_CONFIG_HOME, so that the sign-in can be kept there.",
            ));
        };
        self.try_write(file).map_err(|error| {
            Failure::failed(format!("The sign-in cannot be kept in {}: {error}.", file.display()))
        })
    }

    /// Whoever reads the file at any moment finds the old or the new one, whole.
    fn try_write(&self, path: &Path) -> io::Result<()> {
        let folder = path.parent().unwrap_or(Path::new("."));
        DirBuilder::new().recursive(true).mode(0o700).create(folder)?;
        let draft = path.with_extension(format!("{}.new", std::process::id()));
        let write = || {
            let mut file = OpenOptions::new().write(true).create_new(true).mode(0o600).open(&draft)?;
            file.write_all(&serde_json::to_vec_pretty(self)?)?;
            file.sync_all()?;
            fs::rename(&draft, path)
        };
        write().inspect_err(|_| drop(fs::remove_file(&draft)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::fs::PermissionsExt as _;

    fn sign_in(token: &str) -> SignIn {
        SignIn { account: "admin".to_owned(), token: Secret::new(token) }
    }

    #[test]
    fn a_sign_in_is_kept_per_server_and_only_its_owner_reads_it() {
        let folder = tempfile::tempdir().unwrap();
        let (one, two): (Server, Server) =
            ("http://localhost:1".parse().unwrap(), "https://example.org".parse().unwrap());
        let mut kept = SignIns::read(folder.path()).unwrap();
        assert!(kept.at(&one).is_none() && kept.current().is_none());
        kept.keep(&one, sign_in("rc_1")).unwrap();
        kept.keep(&two, sign_in("rc_2")).unwrap();

        let mut read = SignIns::read(folder.path()).unwrap();
        assert_eq!(read.at(&one).unwrap().token.expose(), "rc_1");
        assert_eq!(read.current(), Some("https://example.org"));
        let mode = |path: &str| fs::metadata(folder.path().join(path)).unwrap().permissions().mode() & 0o777;
        assert_eq!((mode("rolecall"), mode("rolecall/sign-ins.json")), (0o700, 0o600));

        let replaced = read.keep(&two, sign_in("rc_3")).unwrap();
        assert_eq!(replaced.unwrap().token.expose(), "rc_2");
        read.forget(&two).unwrap();
        let read = SignIns::read(folder.path()).unwrap();
        assert!(read.at(&two).is_none() && read.at(&one).is_some() && read.current().is_none());
    }

    #[test]
    fn a_broken_file_is_told_without_what_it_holds() {
        let folder = tempfile::tempdir().unwrap();
        fs::create_dir(folder.path().join("rolecall")).unwrap();
        fs::write(folder.path().join("rolecall/sign-ins.json"), "rc_secret").unwrap();
        let failure = SignIns::read(folder.path()).unwrap_err().to_string();
        assert!(failure.contains("sign in again") && !failure.contains("rc_secret"), "{failure}");
    }
}
