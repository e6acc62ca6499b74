//! Opening a connection: the address resolved once, looked at, and used as it was looked at.

use std::net::{IpAddr, Ipv6Addr};
use std::sync::atomic::{AtomicI32, Ordering};
use std::time::Duration;

use tokio::sync::OnceCell;
use tokio_postgres::config::SslMode;
use tokio_postgres::error::SqlState;
use tokio_postgres::{Client, Config, NoTls};
use tokio_postgres_rustls::MakeRustlsConnect;

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
        let config =
            within(CONNECT_LIMIT, self.configure(login, database)).await.map_err(|e| self.explain(e))?;
        let opened = tokio::time::timeout(CONNECT_LIMIT, async {
            match tls {
                None => open(&config, NoTls).await,
                Some(tls) => open(&config, tls.clone()).await,
            }
        });
        let error = match opened.await {
            Ok(Ok(client)) => return Ok(client),
            Ok(Err(error)) => error,
            Err(elapsed) => return Err(self.explain(elapsed.into())),
        };
        Err(match error.code() {
            Some(code) if is_refusal(code) => EngineError::Refused { username: login.username.clone() },
            Some(code) if *code == SqlState::INVALID_CATALOG_NAME => {
                EngineError::NotFound { kind: "database", name: database.to_owned() }
            }
            _ => self.explain(error.into()),
        })
    }

    async fn configure(&self, login: &Login, database: &str) -> Result<Config> {
        let mut config = Config::new();
        config
            .user(&login.username)
            .password(login.password.expose())
            .dbname(database)
            .port(self.address.port)
            .application_name("rolecall")
            .options(self.options())
            .connect_timeout(CONNECT_LIMIT)
            .tcp_user_timeout(Duration::from_secs(30))
            .keepalives_idle(Duration::from_secs(60));
        let encrypted = self.address.tls != crate::Tls::Off;
        config.ssl_mode(if encrypted { SslMode::Require } else { SslMode::Disable });
        if self.address.host.starts_with('/') {
            if self.reach == Reach::Attached {
                return Err(EngineError::Invalid(
                    "An attached server needs a host name or address.".to_owned(),
                ));
            }
            config.host_path(&self.address.host);
        } else {
            for ip in self.resolve().await? {
                config.host(&self.address.host).hostaddr(ip);
            }
        }
        Ok(config)
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

    fn explain(&self, error: EngineError) -> EngineError {
        let place = format!("{}:{}", self.address.host, self.address.port);
        match error {
            EngineError::Timeout => EngineError::Unreachable(format!(
                "Nothing answers at {place}; check that the server runs and lets this machine in."
            )),
            EngineError::Unreachable(reason) => {
                EngineError::Unreachable(format!("No connection to {place}. {reason}"))
            }
            other => other,
        }
    }
}

/// Whether a server says by this that the name or the password is wrong, or that this login may not come in.
fn is_refusal(code: &SqlState) -> bool {
    [SqlState::INVALID_PASSWORD, SqlState::INVALID_AUTHORIZATION_SPECIFICATION].contains(code)
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

async fn open<T>(config: &Config, tls: T) -> Result<Client, tokio_postgres::Error>
where
    T: tokio_postgres::tls::MakeTlsConnect<tokio_postgres::Socket>,
    T::Stream: Send + 'static,
{
    let (client, connection) = config.connect(tls).await?;
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
