//! Whose certificates are good: authorities from a file, which is read again when it changes, or handed in as
//! they are found in the cluster.

use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Instant;

use tokio_rustls::rustls::RootCertStore;
use tokio_rustls::rustls::crypto::ring;
use tokio_rustls::rustls::pki_types::pem::{self, PemObject as _};
use tokio_rustls::rustls::pki_types::{CertificateDer, UnixTime};
use tokio_rustls::rustls::server::WebPkiClientVerifier;
use tokio_rustls::rustls::server::danger::ClientCertVerifier;
use tracing::{info, warn};

use super::super::tls::{LOOK_AGAIN_AFTER, Stamp, TlsError, not_pem, read};

/// Authorities that may change.
#[derive(Debug)]
pub(super) struct Authorities {
    file: Option<PathBuf>,
    // Held for as long as it takes to read a small file, every other second at most.
    state: Mutex<State>,
}

#[derive(Debug)]
struct State {
    /// `None` where there are no authorities.
    verifier: Option<Arc<dyn ClientCertVerifier>>,
    /// What the file was like when it was read last.
    of: Option<Stamp>,
    looked_at: Instant,
}

impl Authorities {
    /// None, until some are handed in.
    pub(super) fn none() -> Self {
        let state = State { verifier: None, of: None, looked_at: Instant::now() };
        Self { file: None, state: Mutex::new(state) }
    }

    /// Those in a PEM file; at least one.
    pub(super) fn of_file(path: &Path) -> Result<Self, TlsError> {
        // Looked at first: a change while it is read is seen later.
        let of = Stamp::of(path);
        let verifier = Some(load(path)?);
        let state = State { verifier, of, looked_at: Instant::now() };
        Ok(Self { file: Some(path.to_owned()), state: Mutex::new(state) })
    }

    /// Takes these instead, PEM; no text is none.
    ///
    /// # Errors
    ///
    /// What is wrong with the text; those of before stay.
    pub(super) fn replace(&self, pem: &str) -> Result<(), String> {
        let verifier = if pem.is_empty() {
            None
        } else {
            Some(verifier(pem.as_bytes()).map_err(|error| match error {
                Wrong::Pem(error) => format!("not PEM: {error}"),
                Wrong::Certificate(error) => error,
            })?)
        };
        self.state.lock().unwrap_or_else(PoisonError::into_inner).verifier = verifier;
        Ok(())
    }

    /// Whether a client's certificate is good; `None` where there are no authorities.
    pub(super) fn verify(
        &self,
        own: &CertificateDer<'_>,
        others: &[CertificateDer<'_>],
    ) -> Option<Result<(), String>> {
        let verifier = self.current(Instant::now())?;
        let outcome = verifier.verify_client_cert(own, others, UnixTime::now());
        Some(outcome.map(drop).map_err(|error| format!("the client's certificate: {error}")))
    }

    fn current(&self, now: Instant) -> Option<Arc<dyn ClientCertVerifier>> {
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        let due = now.saturating_duration_since(state.looked_at) >= LOOK_AGAIN_AFTER;
        if let Some(path) = self.file.as_ref().filter(|_| due) {
            state.looked_at = now;
            let stamp = Stamp::of(path);
            if stamp != state.of {
                state.of = stamp;
                match load(path) {
                    Ok(verifier) => {
                        state.verifier = Some(verifier);
                        info!("{}: the new authorities are used", path.display());
                    }
                    Err(error) => {
                        warn!("the authorities stay those that were read before: {error}");
                    }
                }
            }
        }
        state.verifier.clone()
    }
}

/// Why there are no authorities in a text.
enum Wrong {
    Pem(pem::Error),
    Certificate(String),
}

fn load(path: &Path) -> Result<Arc<dyn ClientCertVerifier>, TlsError> {
    verifier(&read(path)?).map_err(|error| match error {
        Wrong::Pem(error) => not_pem(path, "certificate", error),
        Wrong::Certificate(message) => TlsError::Authority { path: path.to_owned(), message },
    })
}

fn verifier(pem: &[u8]) -> Result<Arc<dyn ClientCertVerifier>, Wrong> {
    let mut roots = RootCertStore::empty();
    for certificate in CertificateDer::pem_slice_iter(pem) {
        let certificate = certificate.map_err(Wrong::Pem)?;
        roots.add(certificate).map_err(|error| Wrong::Certificate(error.to_string()))?;
    }
    if roots.is_empty() {
        return Err(Wrong::Pem(pem::Error::NoItemsFound));
    }
    let provider = Arc::new(ring::default_provider());
    let builder = WebPkiClientVerifier::builder_with_provider(Arc::new(roots), provider);
    let verifier = builder.build().map_err(|error| Wrong::Certificate(error.to_string()))?;
    Ok(verifier)
}
