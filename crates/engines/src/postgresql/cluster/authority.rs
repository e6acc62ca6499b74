//! The installation's own certificate authority, which the servers' certificates come from.

use std::fs;
use std::path::Path;
use std::time::{Duration, SystemTime};

use rcgen::{
    BasicConstraints, CertificateParams, DistinguishedName, DnType, ExtendedKeyUsagePurpose, IsCa, Issuer,
    KeyPair, KeyUsagePurpose, PKCS_ECDSA_P256_SHA256,
};

use super::error::ClusterError;
use super::folder::{self, Lock};

const DAY: Duration = Duration::from_hours(24);
/// An authority is handed to clients once and should not run out on them.
const AUTHORITY_DAYS: u32 = 20 * 365;
/// Clients refuse certificates that are good for much longer than a year.
const SERVER_DAYS: u32 = 397;
/// A server's certificate is renewed when it has no more than this left.
const RENEW_DAYS: u32 = 30;
/// Clocks differ: what is made now is good since yesterday.
const EARLIER: Duration = DAY;

/// Signs the certificates of managed servers; clients that trust its certificate know them.
#[derive(Debug)]
pub struct Authority {
    issuer: Issuer<'static, KeyPair>,
    certificate: String,
}

impl Authority {
    /// Opens the authority in `folder`, made on the first call: `authority.pem`, and `authority.key`, which only
    /// we may read. `name` is what clients see as the issuer. Blocks for some milliseconds.
    pub fn open_or_create(folder: &Path, name: &str) -> Result<Self, ClusterError> {
        if !folder.is_dir() {
            folder::make(folder, 0o700)?;
        }
        // Two processes that start at once must not each make one.
        let _lock = Lock::take(folder)?;
        let (key_file, certificate_file) = (folder.join("authority.key"), folder.join("authority.pem"));
        let key = if key_file.exists() {
            KeyPair::from_pem(&read(&key_file)?)?
        } else {
            let key = KeyPair::generate_for(&PKCS_ECDSA_P256_SHA256)?;
            folder::write(&key_file, &key.serialize_pem(), 0o600, None)?;
            key
        };
        if !certificate_file.exists() {
            let certificate = root(name)?.self_signed(&key)?;
            folder::write(&certificate_file, &certificate.pem(), 0o644, None)?;
        }
        let certificate = read(&certificate_file)?;
        Ok(Self { issuer: Issuer::from_ca_cert_pem(&certificate, key)?, certificate })
    }

    /// The certificate that clients trust (`sslrootcert`), for anyone to have.
    pub fn certificate_pem(&self) -> &str {
        &self.certificate
    }

    /// A server's new certificate for these names and addresses, and its key.
    pub fn issue(&self, hosts: &[String]) -> Result<(String, String), ClusterError> {
        let key = KeyPair::generate_for(&PKCS_ECDSA_P256_SHA256)?;
        let mut params = CertificateParams::new(hosts)?;
        params.distinguished_name = named(hosts.first().map_or("postgresql", String::as_str));
        params.is_ca = IsCa::ExplicitNoCa;
        params.key_usages = vec![KeyUsagePurpose::DigitalSignature];
        params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ServerAuth];
        params.use_authority_key_identifier_extension = true;
        lasting(&mut params, SERVER_DAYS);
        let certificate = params.signed_by(&key, &self.issuer)?;
        Ok((format!("{}{}", note(hosts, now()), certificate.pem()), key.serialize_pem()))
    }
}

/// Is there no certificate for these names, or one that soon runs out?
pub(super) fn due(certificate: &str, hosts: &[String]) -> bool {
    due_at(certificate, hosts, now())
}

fn due_at(certificate: &str, hosts: &[String], now: SystemTime) -> bool {
    let until = certificate.lines().next().and_then(|line| {
        let (until, names) = line.strip_prefix("# until ")?.split_once(" for ")?;
        (names == hosts.join(",")).then_some(())?;
        Some(SystemTime::UNIX_EPOCH + Duration::from_secs(until.parse().ok()?))
    });
    until.is_none_or(|until| until < now + DAY * RENEW_DAYS)
}

/// The line before a certificate's text (readers skip it) that tells what it is for without parsing it.
fn note(hosts: &[String], now: SystemTime) -> String {
    let until = (now + DAY * SERVER_DAYS).duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
    format!("# until {} for {}\n", until.as_secs(), hosts.join(","))
}

fn root(name: &str) -> Result<CertificateParams, ClusterError> {
    let mut params = CertificateParams::new(Vec::new())?;
    params.distinguished_name = named(name);
    params.is_ca = IsCa::Ca(BasicConstraints::Constrained(0));
    params.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign];
    lasting(&mut params, AUTHORITY_DAYS);
    Ok(params)
}

fn named(name: &str) -> DistinguishedName {
    // X.509 ends a common name at 64 characters.
    let mut distinguished = DistinguishedName::new();
    distinguished.push(DnType::CommonName, name.chars().take(64).collect::<String>());
    distinguished
}

fn lasting(params: &mut CertificateParams, days: u32) {
    params.not_before = (now() - EARLIER).into();
    params.not_after = (now() + DAY * days).into();
}

#[expect(
    clippy::disallowed_methods,
    reason = "clients hold a certificate's dates against the machine's clock"
)]
fn now() -> SystemTime {
    SystemTime::now()
}

fn read(path: &Path) -> Result<String, ClusterError> {
    fs::read_to_string(path).map_err(ClusterError::file("Could not read", path))
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::fs::MetadataExt;

    #[test]
    fn an_authority_is_made_once_and_its_key_is_for_us_alone() {
        let folder = tempfile::tempdir().unwrap();
        let first = Authority::open_or_create(folder.path(), "Test").unwrap();
        let second = Authority::open_or_create(folder.path(), "Test").unwrap();
        assert_eq!(first.certificate_pem(), second.certificate_pem());
        assert_eq!(fs::metadata(folder.path().join("authority.key")).unwrap().mode() & 0o777, 0o600);
    }

    #[test]
    fn a_certificate_is_due_a_month_before_it_runs_out_and_when_its_names_change() {
        let folder = tempfile::tempdir().unwrap();
        let authority = Authority::open_or_create(folder.path(), "Test").unwrap();
        let hosts = ["localhost".to_owned(), "127.0.0.1".to_owned()];
        let (certificate, _) = authority.issue(&hosts).unwrap();
        let now = now();
        assert!(!due_at(&certificate, &hosts, now));
        assert!(!due_at(&certificate, &hosts, now + DAY * (SERVER_DAYS - RENEW_DAYS - 1)));
        assert!(due_at(&certificate, &hosts, now + DAY * (SERVER_DAYS - RENEW_DAYS + 1)));
        assert!(due_at(&certificate, &["localhost".to_owned()], now));
        assert!(due_at("", &hosts, now));
    }
}
