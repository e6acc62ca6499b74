//! How much a server's certificate must prove before anything is said to it.

use std::sync::Arc;

use rustls::client::WebPkiServerVerifier;
use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::crypto::{CryptoProvider, ring, verify_tls12_signature, verify_tls13_signature};
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, ServerName, UnixTime};
use rustls::{CertificateError, ClientConfig, DigitallySignedStruct, Error, RootCertStore, SignatureScheme};
use tokio_postgres_rustls::MakeRustlsConnect;

use crate::{EngineError, Result, Tls};

/// What opens encrypted connections as `tls` asks; `None` for unencrypted ones.
pub(super) fn connector(tls: &Tls) -> Result<Option<MakeRustlsConnect>> {
    let provider = Arc::new(ring::default_provider());
    let verifier: Arc<dyn ServerCertVerifier> = match tls {
        Tls::Off => return Ok(None),
        Tls::Required => Arc::new(Lenient { chain: None, provider: Arc::clone(&provider) }),
        Tls::VerifyCa(authority) => {
            let chain = Some(chain_verifier(authority.as_deref(), &provider)?);
            Arc::new(Lenient { chain, provider: Arc::clone(&provider) })
        }
        Tls::VerifyFull(authority) => chain_verifier(authority.as_deref(), &provider)?,
    };
    let config = ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .map_err(|error| EngineError::Internal(format!("TLS cannot be set up: {error}")))?
        .dangerous()
        .with_custom_certificate_verifier(verifier)
        .with_no_client_auth();
    Ok(Some(MakeRustlsConnect::new(config)))
}

/// Checks the chain up to the given authority, or up to one that the system trusts; and the name.
fn chain_verifier(
    authority: Option<&str>,
    provider: &Arc<CryptoProvider>,
) -> Result<Arc<dyn ServerCertVerifier>> {
    let unusable =
        |error: String| EngineError::Invalid(format!("The authority's certificate is unusable: {error}."));
    let Some(pem) = authority else {
        return match rustls_platform_verifier::Verifier::new(Arc::clone(provider)) {
            Ok(verifier) => Ok(Arc::new(verifier)),
            Err(error) => {
                Err(EngineError::Internal(format!("the system's certificates are unusable: {error}")))
            }
        };
    };
    let mut roots = RootCertStore::empty();
    for certificate in CertificateDer::pem_slice_iter(pem.as_bytes()) {
        let certificate = certificate.map_err(|error| unusable(error.to_string()))?;
        roots.add(certificate).map_err(|error| unusable(error.to_string()))?;
    }
    let verifier = WebPkiServerVerifier::builder_with_provider(Arc::new(roots), Arc::clone(provider))
        .build()
        .map_err(|error| unusable(error.to_string()))?;
    Ok(verifier)
}

/// Asks for less than the name: the chain alone, or nothing but that the server holds its certificate's key.
#[derive(Debug)]
struct Lenient {
    chain: Option<Arc<dyn ServerCertVerifier>>,
    provider: Arc<CryptoProvider>,
}

impl ServerCertVerifier for Lenient {
    fn verify_server_cert(
        &self,
        end_entity: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        server_name: &ServerName<'_>,
        ocsp_response: &[u8],
        now: UnixTime,
    ) -> Result<ServerCertVerified, Error> {
        let Some(chain) = &self.chain else { return Ok(ServerCertVerified::assertion()) };
        match chain.verify_server_cert(end_entity, intermediates, server_name, ocsp_response, now) {
            // The name is looked at last, after the chain was found good.
            Err(Error::InvalidCertificate(
                CertificateError::NotValidForName | CertificateError::NotValidForNameContext { .. },
            )) => Ok(ServerCertVerified::assertion()),
            outcome => outcome,
        }
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        verify_tls12_signature(message, cert, dss, &self.provider.signature_verification_algorithms)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        verify_tls13_signature(message, cert, dss, &self.provider.signature_verification_algorithms)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.provider.signature_verification_algorithms.supported_schemes()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_unusable_authority_is_told_and_an_empty_one_is_not_the_systems() {
        assert!(matches!(
            connector(&Tls::VerifyFull(Some("nonsense".to_owned()))),
            Err(EngineError::Invalid(_))
        ));
        assert!(matches!(connector(&Tls::VerifyCa(Some(String::new()))), Err(EngineError::Invalid(_))));
    }

    #[test]
    fn an_unencrypted_address_has_no_connector() {
        assert!(connector(&Tls::Off).unwrap().is_none());
        assert!(connector(&Tls::Required).unwrap().is_some());
    }
}
