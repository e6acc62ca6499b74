//! What a server must prove before anything is said to it, and what it never gets.

use std::io::{Read, Write};
use std::net::TcpListener;

use engines::postgresql::{Login, LoginOutcome, Reach, Server};
use engines::{Address, EngineError, Result, Secret, Tls};

use crate::harness::{Postgres, SUPERUSER_PASSWORD, on_every_version};

async fn check(postgres: &Postgres, host: &str, tls: Tls) -> Result<()> {
    let login = Login { username: "postgres".into(), password: Secret::new(SUPERUSER_PASSWORD) };
    let address = Address { host: host.into(), port: postgres.port, tls };
    Server::new(address, login, "postgres".into(), Reach::Attached).check().await.map(|_| ())
}

#[test]
fn an_encrypted_connection_proves_as_much_as_was_asked() {
    on_every_version(async |postgres| {
        let ours = Some(postgres.authority.clone());
        check(postgres, "127.0.0.1", Tls::Required).await.unwrap();
        check(postgres, "127.0.0.1", Tls::VerifyCa(ours.clone())).await.unwrap();
        check(postgres, "localhost", Tls::VerifyFull(ours.clone())).await.unwrap();
        let stranger = rcgen::KeyPair::generate().unwrap();
        let mut authority = rcgen::CertificateParams::new(Vec::new()).unwrap();
        authority.is_ca = rcgen::IsCa::Ca(rcgen::BasicConstraints::Unconstrained);
        let theirs = Some(authority.self_signed(&stranger).unwrap().pem());
        for (host, tls) in [
            ("127.0.0.1", Tls::VerifyFull(ours)),
            ("localhost", Tls::VerifyCa(theirs.clone())),
            ("localhost", Tls::VerifyFull(theirs)),
            ("localhost", Tls::VerifyCa(None)),
            ("localhost", Tls::VerifyFull(None)),
        ] {
            let refused = check(postgres, host, tls.clone()).await;
            assert!(matches!(refused, Err(EngineError::Unreachable(_))), "{tls:?}: {refused:?}");
        }
    });
}

#[test]
fn a_managed_server_is_reached_by_its_socket_too() {
    on_every_version(async |postgres| {
        let login = Login { username: "postgres".into(), password: Secret::new(SUPERUSER_PASSWORD) };
        let host = postgres.socket_folder();
        let address = Address { host: host.clone(), port: postgres.port, tls: Tls::Off };
        let server =
            Server::with_public(address, postgres.address(), login, "postgres".into(), Reach::Managed);
        assert!(server.check().await.unwrap().superuser);
        let superuser = Secret::new(SUPERUSER_PASSWORD);
        assert_eq!(server.try_login("postgres", &superuser, None).await, LoginOutcome::Accepted);
        let refused = check(postgres, &host, Tls::Off).await;
        assert!(matches!(refused, Err(EngineError::Invalid(_))), "an attached server has no socket here");
    });
}

#[tokio::test]
async fn a_rogue_server_that_asks_for_the_password_in_clear_does_not_get_it() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    let rogue = std::thread::spawn(move || {
        let (mut stream, _) = listener.accept().unwrap();
        let mut hello = [0; 1024];
        assert!(stream.read(&mut hello).unwrap() > 8);
        stream.write_all(&[b'R', 0, 0, 0, 8, 0, 0, 0, 3]).unwrap();
        let mut said = Vec::new();
        let _ = stream.read_to_end(&mut said);
        said
    });
    let login = Login { username: "postgres".into(), password: Secret::new("canary-never-in-clear") };
    let address = Address { host: "127.0.0.1".into(), port, tls: Tls::Off };
    let refused = Server::new(address, login, "postgres".into(), Reach::Attached).check().await;
    assert!(
        matches!(&refused, Err(EngineError::Unreachable(reason)) if reason.contains("in clear")),
        "{refused:?}"
    );
    assert_eq!(rogue.join().unwrap(), b"");
}

#[tokio::test]
async fn an_address_of_metadata_is_refused_unasked_and_a_dead_port_says_what_to_do() {
    let check = async |host: &str, port| {
        let login = Login { username: "postgres".into(), password: Secret::new("x") };
        let address = Address { host: host.into(), port, tls: Tls::Off };
        Server::new(address, login, "postgres".into(), Reach::Attached).check().await
    };
    assert!(matches!(check("169.254.169.254", 80).await, Err(EngineError::Invalid(_))));
    let port = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
    assert!(matches!(check("127.0.0.1", port).await, Err(EngineError::Unreachable(_))));
    assert!(matches!(check("no-such-host.invalid", 5432).await, Err(EngineError::Unreachable(_))));
}
