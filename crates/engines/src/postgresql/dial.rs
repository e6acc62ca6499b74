//! Opening a connection: the address resolved once, looked at, and used as it was looked at.

use std::net::{IpAddr, Ipv6Addr, SocketAddr};
use std::sync::atomic::{AtomicI32, Ordering};
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::{TcpStream, UnixStream};
use tokio::sync::OnceCell;
use tokio_postgres::config::SslMode;
use tokio_postgres::error::SqlState;
use tokio_postgres::tls::{MakeTlsConnect, TlsConnect};
use tokio_postgres::{Client, Config, NoTls};
use tokio_postgres_rustls::MakeRustlsConnect;

use super::wary::{Wary, WaryTls};
use super::{Login, Reach};
use crate::error::within;
use crate::{Address, EngineError, Result};

/// A server that doesn't answer within this is not there.
const CONNECT_LIMIT: Duration = Duration::from_secs(8);

/// Opens connections to one address.
pub(super) struct Dialer {
    address: Address,
    reach: Reach,
    tls: OnceCell<Option<MakeRustlsConnect>>,
    /// The server's version, as soon as it has told it; 0 before.
    version: AtomicI32,
}

impl Dialer {
    pub(super) fn new(address: Address, reach: Reach) -> Self {
        Self { address, reach, tls: OnceCell::new(), version: AtomicI32::new(0) }
    }

    /// Notes the server's version, on which depends what a connection may ask for before it is open.
    pub(super) fn note_version(&self, number: i32) {
        self.version.store(number, Ordering::Relaxed);
    }

    /// Limits for a connection that hold before its first question: a database's owner may have set some that end it
    /// sooner. Only where we know that nothing stands between us and the server that refuses them.
    fn options(&self) -> &'static str {
        match (self.reach, self.version.load(Ordering::Relaxed)) {
            (Reach::Attached, _) => "",
            (Reach::Managed, ..170_000) => {
                "-c idle_session_timeout=0 -c statement_timeout=60s -c lock_timeout=5s"
            }
            (Reach::Managed, _) => {
                "-c idle_session_timeout=0 -c statement_timeout=60s -c lock_timeout=5s -c transaction_timeout=0"
            }
        }
    }

    /// Opens a connection as `login` to `database`.
    pub(super) async fn connect(&self, login: &Login, database: &str) -> Result<Client> {
        let tls = self.tls.get_or_try_init(async || super::tls::connector(&self.address.tls)).await?;
        let config = self.configure(login, database);
        let opened = within(CONNECT_LIMIT, self.reach_and_open(tls.as_ref(), &config));
        opened.await.map_err(|error| match error {
            EngineError::Database { code, .. } if is_refusal(&code) => {
                EngineError::Refused { username: login.username.clone() }
            }
            EngineError::Database { code, .. } if code == SqlState::INVALID_CATALOG_NAME.code() => {
                EngineError::NotFound { kind: "database", name: database.to_owned() }
            }
            EngineError::Timeout => EngineError::Unreachable(format!(
                "Nothing answers at {}; check that the server runs and lets this machine in.",
                self.place()
            )),
            EngineError::Unreachable(reason) => {
                EngineError::Unreachable(format!("No connection to {}. {reason}", self.place()))
            }
            other => other,
        })
    }

    fn configure(&self, login: &Login, database: &str) -> Config {
        let mut config = Config::new();
        config
            .user(&login.username)
            .password(login.password.expose())
            .dbname(database)
            .application_name("rolecall")
            .options(self.options());
        let encrypted = self.address.tls != crate::Tls::Off;
        config.ssl_mode(if encrypted { SslMode::Require } else { SslMode::Disable });
        config
    }

    async fn reach_and_open(&self, tls: Option<&MakeRustlsConnect>, config: &Config) -> Result<Client> {
        if self.address.host.starts_with('/') {
            if self.reach == Reach::Attached {
                return Err(EngineError::Invalid(
                    "An attached server needs a host name or address.".to_owned(),
                ));
            }
            let path = format!("{}/.s.PGSQL.{}", self.address.host, self.address.port);
            let stream = UnixStream::connect(path).await.map_err(unreachable)?;
            return open(config, Wary::new(stream), NoTls).await;
        }
        let places: Vec<SocketAddr> =
            self.resolve().await?.into_iter().map(|ip| SocketAddr::new(ip, self.address.port)).collect();
        let stream = TcpStream::connect(places.as_slice()).await.map_err(unreachable)?;
        stream.set_nodelay(true).map_err(unreachable)?;
        let Some(tls) = tls else { return open(config, Wary::new(stream), NoTls).await };
        let mut tls = tls.clone();
        let connect = MakeTlsConnect::<TcpStream>::make_tls_connect(&mut tls, &self.address.host)
            .map_err(|error| EngineError::Invalid(format!("TLS cannot be set up for this host: {error}.")))?;
        open(config, stream, WaryTls(connect)).await
    }

    fn place(&self) -> String {
        format!("{}:{}", self.address.host, self.address.port)
    }

    /// The addresses behind the host. What was looked at here is what is connected to: a name that resolves to
    /// something else a moment later changes nothing.
    async fn resolve(&self) -> Result<Vec<IpAddr>> {
        let host = self.address.host.as_str();
        let found = tokio::net::lookup_host((host, self.address.port)).await.map_err(|_| {
            EngineError::Unreachable(format!("The host \"{host}\" is not known; check how it is spelled."))
        })?;
        let mut addresses: Vec<IpAddr> = found.map(|socket| socket.ip().to_canonical()).collect();
        if self.reach == Reach::Attached {
            addresses.retain(|ip| !is_forbidden(*ip));
        }
        if addresses.is_empty() {
            return Err(EngineError::Invalid(format!(
                "The address \"{host}\" is not one of a database server."
            )));
        }
        Ok(addresses)
    }
}

/// Whether a server says by this that the name or the password is wrong, or that this login may not come in.
fn is_refusal(code: &str) -> bool {
    [SqlState::INVALID_PASSWORD, SqlState::INVALID_AUTHORIZATION_SPECIFICATION]
        .iter()
        .any(|state| state.code() == code)
}

#[expect(clippy::needless_pass_by_value, reason = "it is what `map_err` hands over")]
fn unreachable(error: std::io::Error) -> EngineError {
    EngineError::Unreachable(format!("The machine says: {error}."))
}

/// Link-local addresses and those where clouds tell machines their secrets: no database lives there (SSRF).
fn is_forbidden(ip: IpAddr) -> bool {
    /// Amazon's metadata over IPv6.
    const METADATA: Ipv6Addr = Ipv6Addr::new(0xfd00, 0xec2, 0, 0, 0, 0, 0, 0x254);
    match ip {
        IpAddr::V4(ip) => {
            ip.is_link_local()
                || ip.is_unspecified()
                || ip.is_broadcast()
                || ip.is_multicast()
                || ip.octets() == [100, 100, 100, 200]
                || ip.octets() == [168, 63, 129, 16]
        }
        IpAddr::V6(ip) => {
            ip.is_unicast_link_local() || ip.is_unspecified() || ip.is_multicast() || ip == METADATA
        }
    }
}

async fn open<S, T>(config: &Config, stream: S, tls: T) -> Result<Client>
where
    S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
    T: TlsConnect<S>,
    T::Stream: Send + 'static,
{
    let (client, connection) = config.connect_raw(stream, tls).await?;
    tokio::spawn(async move {
        if let Err(error) = connection.await {
            tracing::debug!(%error, "a connection to a database server ended");
        }
    });
    Ok(client)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_of_metadata_and_of_the_link_are_forbidden_and_ordinary_ones_are_not() {
        for ip in
            ["169.254.169.254", "fe80::1", "fd00:ec2::254", "0.0.0.0", "::", "224.0.0.1", "100.100.100.200"]
        {
            assert!(is_forbidden(ip.parse().unwrap()), "{ip}");
        }
        for ip in ["127.0.0.1", "10.0.0.7", "192.168.1.4", "2001:db8::1", "8.8.8.8"] {
            assert!(!is_forbidden(ip.parse().unwrap()), "{ip}");
        }
    }
}
