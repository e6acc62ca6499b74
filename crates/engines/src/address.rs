//! Where a database server listens, and how much its encryption must prove.

/// Where a server listens.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Address {
    /// A host name, an IP address, or the folder of a Unix socket (begins with `/`).
    pub host: String,
    /// The port.
    pub port: u16,
    /// How the connection is encrypted.
    pub tls: Tls,
}

/// How a connection is encrypted, and what the server's certificate must prove.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Tls {
    /// Not at all: for Unix sockets and loopback.
    Off,
    /// Encrypted, whoever the server is.
    Required,
    /// Its certificate is signed by this authority (PEM), or by one that the system trusts.
    VerifyCa(Option<String>),
    /// As [`Tls::VerifyCa`], and the certificate names the host.
    VerifyFull(Option<String>),
}
