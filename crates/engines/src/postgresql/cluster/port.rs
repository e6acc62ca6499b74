//! Which port a new cluster gets, and whether one is free.

use std::collections::HashSet;
use std::io;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, TcpListener};
use std::ops::RangeInclusive;

use ring::rand::{SecureRandom, SystemRandom};

use super::error::ClusterError;

/// Below the ports that the system hands out by itself, above those of well-known services.
pub const PORTS: RangeInclusive<u16> = 20_000..=29_999;

/// The addresses to listen on: those given, and loopback always, since we come by it ourselves.
pub(super) fn addresses(given: &[IpAddr]) -> Vec<IpAddr> {
    let any = |address: IpAddr| given.contains(&address);
    let v4 = if any(Ipv4Addr::UNSPECIFIED.into()) { Ipv4Addr::UNSPECIFIED } else { Ipv4Addr::LOCALHOST };
    let mut all = vec![IpAddr::V4(v4)];
    if any(Ipv6Addr::UNSPECIFIED.into()) {
        all.push(Ipv6Addr::UNSPECIFIED.into());
    } else if TcpListener::bind((Ipv6Addr::LOCALHOST, 0)).is_ok() {
        all.push(Ipv6Addr::LOCALHOST.into());
    }
    // Listening on all addresses covers each of them; twice would be a clash with oneself.
    let covered =
        |address: &IpAddr| all.iter().any(|one| one.is_unspecified() && one.is_ipv4() == address.is_ipv4());
    let rest: Vec<_> =
        given.iter().filter(|address| !covered(address) && !all.contains(address)).copied().collect();
    all.extend(rest);
    all
}

/// Fails unless every address can be listened on at this port right now.
pub(super) fn free(addresses: &[IpAddr], port: u16) -> Result<(), ClusterError> {
    for &address in addresses {
        match TcpListener::bind((address, port)) {
            Ok(_) => {}
            Err(error) if error.kind() == io::ErrorKind::AddrInUse => {
                return Err(ClusterError::PortTaken { port, address });
            }
            // IPv6 may have been switched off since; IPv4 remains.
            Err(_) if address == IpAddr::from(Ipv6Addr::LOCALHOST) => {}
            Err(source) => return Err(ClusterError::Listen { address, source }),
        }
    }
    Ok(())
}

/// A free port of the range, at random, that is not promised to a cluster that happens to be stopped.
pub(super) fn choose(
    range: &RangeInclusive<u16>,
    addresses: &[IpAddr],
    promised: &HashSet<u16>,
) -> Result<u16, ClusterError> {
    let none = || ClusterError::NoPort(*range.start(), *range.end());
    let count = u32::try_from(range.len()).map_err(|_| none())?;
    let first = random().checked_rem(count).ok_or_else(none)?;
    for step in 0..count {
        let offset = u16::try_from((first + step) % count).map_err(|_| none())?;
        let port = range.start().saturating_add(offset);
        if promised.contains(&port) {
            continue;
        }
        match free(addresses, port) {
            Ok(()) => return Ok(port),
            Err(ClusterError::PortTaken { .. }) => {}
            Err(error) => return Err(error),
        }
    }
    Err(none())
}

#[expect(clippy::disallowed_methods, reason = "whether a port is free is up to the machine, not to dice")]
fn random() -> u32 {
    let mut bytes = [0; 4];
    // Without randomness the search begins at the range's first port, which is as good.
    let _ = SystemRandom::new().fill(&mut bytes);
    u32::from_le_bytes(bytes) / 2
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn loopback_is_always_listened_on_and_no_address_twice() {
        let local: IpAddr = Ipv4Addr::LOCALHOST.into();
        let other: IpAddr = Ipv4Addr::new(10, 0, 0, 5).into();
        assert!(addresses(&[]).contains(&local));
        let both = addresses(&[other, local]);
        assert!(both.contains(&local) && both.contains(&other));
        let all = addresses(&[Ipv4Addr::UNSPECIFIED.into(), other, local]);
        assert_eq!(all.iter().filter(|address| address.is_ipv4()).count(), 1);
    }

    #[test]
    fn a_port_that_is_taken_or_promised_is_passed_over() {
        let local = [IpAddr::from(Ipv4Addr::LOCALHOST)];
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
        let taken = listener.local_addr().unwrap().port();
        assert!(matches!(free(&local, taken), Err(ClusterError::PortTaken { port, .. }) if port == taken));
        assert!(matches!(choose(&(taken..=taken), &local, &HashSet::new()), Err(ClusterError::NoPort(..))));
        let range = 29_998..=29_999;
        assert_eq!(choose(&range, &local, &HashSet::from([29_998])).ok(), Some(29_999));
    }
}
