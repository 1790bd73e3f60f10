//! The certificate that a client shows in the handshake. Any is taken there, if the client has its key; whose
//! it is, is judged with each request by `access`, since the authorities may change meanwhile.

use std::sync::Arc;

use tokio_rustls::rustls::client::danger::HandshakeSignatureValid;
use tokio_rustls::rustls::crypto::{
    WebPkiSupportedAlgorithms, verify_tls12_signature, verify_tls13_signature,
};
use tokio_rustls::rustls::pki_types::{CertificateDer, UnixTime};
use tokio_rustls::rustls::server::danger::{ClientCertVerified, ClientCertVerifier};
use tokio_rustls::rustls::{
    DigitallySignedStruct, DistinguishedName, Error, ServerConnection, SignatureScheme,
};

/// The certificate of a client and those behind it; at least one.
#[derive(Clone, Debug)]
pub(super) struct PeerCertificates(Arc<[CertificateDer<'static>]>);

impl PeerCertificates {
    /// Those that the client of a connection showed; `None` where it showed none.
    pub(super) fn of(connection: &ServerConnection) -> Option<Self> {
        let shown = connection.peer_certificates().filter(|shown| !shown.is_empty())?;
        Some(Self(shown.iter().map(|one| one.clone().into_owned()).collect()))
    }

    /// The client's own, and the others.
    pub(super) fn parts(&self) -> Option<(&CertificateDer<'static>, &[CertificateDer<'static>])> {
        self.0.split_first()
    }

    #[cfg(test)]
    pub(super) fn from_der(certificates: Vec<CertificateDer<'static>>) -> Self {
        Self(certificates.into())
    }
}

/// Asks for a certificate, and takes any whose key the client has.
///
/// Upstream: `RequestClientCert`, which the secure server of k8s.io/apiserver asks for, v1.37.
#[derive(Debug)]
pub(super) struct AnyPeer(pub(super) WebPkiSupportedAlgorithms);

impl ClientCertVerifier for AnyPeer {
    fn client_auth_mandatory(&self) -> bool {
        false
    }

    fn root_hint_subjects(&self) -> &[DistinguishedName] {
        // The authorities may change while this stays.
        &[]
    }

    fn verify_client_cert(
        &self,
        _: &CertificateDer<'_>,
        _: &[CertificateDer<'_>],
        _: UnixTime,
    ) -> Result<ClientCertVerified, Error> {
        Ok(ClientCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        verify_tls12_signature(message, certificate, signed, &self.0)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        verify_tls13_signature(message, certificate, signed, &self.0)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.0.supported_schemes()
    }
}
