//! The certificate that a server shows: of files, which are read again when they change, or made in memory
//! at the start. Called by `runtime` before anything is served.

use std::fs::{self, Metadata};
use std::io;
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant, SystemTime};

use rcgen::{CertificateParams, DnType, ExtendedKeyUsagePurpose, KeyPair, SanType};
use tokio_rustls::rustls::crypto::{CryptoProvider, ring};
use tokio_rustls::rustls::pki_types::pem::{self, PemObject};
use tokio_rustls::rustls::pki_types::{CertificateDer, PrivateKeyDer, PrivatePkcs8KeyDer};
use tokio_rustls::rustls::server::{ClientHello, ResolvesServerCert};
use tokio_rustls::rustls::sign::CertifiedKey;
use tokio_rustls::rustls::{self, InconsistentKeys, ServerConfig};
use tracing::{info, warn};

/// How often the files are looked at, at most.
const LOOK_AGAIN_AFTER: Duration = Duration::from_secs(2);

/// Bytes of a certificate or key file at most. A long chain has some ten thousand.
const FILE_BYTES_MAX: u64 = 1 << 20;

/// What is spoken inside, best first.
const PROTOCOLS: [&[u8]; 2] = [b"h2", b"http/1.1"];

/// Why there is no certificate to show.
#[derive(Debug, thiserror::Error)]
pub enum TlsError {
    /// A file cannot be read.
    #[error("{}: {error}", path.display())]
    Read {
        /// The file.
        path: PathBuf,
        /// What the system says.
        error: io::Error,
    },
    /// A file is larger than any certificate.
    #[error("{}: {bytes} bytes, at most {FILE_BYTES_MAX}", path.display())]
    TooLarge {
        /// The file.
        path: PathBuf,
        /// Its size.
        bytes: u64,
    },
    /// A file lacks what it is there for.
    #[error("{}: no PEM section with a {missing} in it", path.display())]
    Missing {
        /// The file.
        path: PathBuf,
        /// `certificate` or `private key`.
        missing: &'static str,
    },
    /// A file is not PEM.
    #[error("{}: {error}", path.display())]
    Pem {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        error: pem::Error,
    },
    /// A certificate or key cannot be used.
    #[error("{}: {error}", path.display())]
    Unusable {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        error: rustls::Error,
    },
    /// The two files do not belong together.
    #[error("{}: is not the private key of the certificate in {}", key.display(), certificate.display())]
    Mismatch {
        /// The certificate's file.
        certificate: PathBuf,
        /// The key's file.
        key: PathBuf,
    },
    /// No certificate could be made.
    #[error("no certificate could be made: {0}")]
    Make(#[from] rcgen::Error),
    /// TLS itself could not be set up.
    #[error("TLS could not be set up: {0}")]
    Setup(#[from] rustls::Error),
}

/// A server whose certificate was made at its start.
#[derive(Clone, Debug)]
pub struct SelfSigned {
    /// For the listener.
    pub config: Arc<ServerConfig>,
    /// The certificate, for clients that want to check it.
    pub certificate_pem: String,
}

/// Makes a certificate for localhost, the loopback addresses and `hostname`, in memory alone.
///
/// Upstream: kube-scheduler without `--cert-dir`, v1.37.
pub fn self_signed(hostname: &str) -> Result<SelfSigned, TlsError> {
    let names = ["localhost", "127.0.0.1", "::1"].map(str::to_owned);
    let mut params = CertificateParams::new(names)?;
    // A host may have a name that no certificate can have.
    if let Ok(name) = hostname.try_into() {
        params.subject_alt_names.push(SanType::DnsName(name));
    }
    params.distinguished_name.push(DnType::CommonName, hostname);
    params.extended_key_usages.push(ExtendedKeyUsagePurpose::ServerAuth);
    let key = KeyPair::generate()?;
    let certificate = params.self_signed(&key)?;
    let key = PrivatePkcs8KeyDer::from(key.serialize_der());
    let provider = ring::default_provider();
    let certified = CertifiedKey::from_der(vec![certificate.der().clone()], key.into(), &provider)?;
    let config = config(provider, Arc::new(Fixed(Arc::new(certified))))?;
    Ok(SelfSigned { config, certificate_pem: certificate.pem() })
}

/// Reads a certificate, with those that lead to its authority behind it, and its private key. Both files
/// are PEM, and are read again when they change.
pub fn from_files(certificate: &Path, key: &Path) -> Result<Arc<ServerConfig>, TlsError> {
    let provider = ring::default_provider();
    let watched = Watched::open(certificate, key, provider.clone())?;
    config(provider, Arc::new(watched))
}

fn config(
    provider: CryptoProvider,
    certificates: Arc<dyn ResolvesServerCert>,
) -> Result<Arc<ServerConfig>, TlsError> {
    let mut config = ServerConfig::builder_with_provider(Arc::new(provider))
        .with_safe_default_protocol_versions()?
        .with_no_client_auth()
        .with_cert_resolver(certificates);
    config.alpn_protocols = PROTOCOLS.map(<[u8]>::to_vec).into();
    Ok(Arc::new(config))
}

/// The same certificate for ever.
#[derive(Debug)]
struct Fixed(Arc<CertifiedKey>);

impl ResolvesServerCert for Fixed {
    fn resolve(&self, _: ClientHello<'_>) -> Option<Arc<CertifiedKey>> {
        Some(Arc::clone(&self.0))
    }
}

/// Where a certificate and its key are.
#[derive(Debug)]
struct Files {
    certificate: PathBuf,
    key: PathBuf,
}

/// What tells whether a file has changed. A mounted Secret is a link to another file afterwards.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Stamp {
    modified: Option<SystemTime>,
    bytes: u64,
    inode: u64,
}

impl Files {
    /// `None` for a file that cannot be looked at.
    fn stamps(&self) -> [Option<Stamp>; 2] {
        let stamp = |found: Metadata| Stamp {
            modified: found.modified().ok(),
            bytes: found.len(),
            inode: found.ino(),
        };
        [&self.certificate, &self.key].map(|path| fs::metadata(path).ok().map(stamp))
    }

    fn load(&self, provider: &CryptoProvider) -> Result<CertifiedKey, TlsError> {
        let text = read(&self.certificate)?;
        let chain = CertificateDer::pem_slice_iter(&text).collect::<Result<Vec<_>, _>>();
        let chain = chain.map_err(|error| not_pem(&self.certificate, "certificate", error))?;
        if chain.is_empty() {
            let error = pem::Error::NoItemsFound;
            return Err(not_pem(&self.certificate, "certificate", error));
        }
        let key = PrivateKeyDer::from_pem_slice(&read(&self.key)?);
        let key = key.map_err(|error| not_pem(&self.key, "private key", error))?;
        let unusable = |path: &Path, error| TlsError::Unusable { path: path.to_owned(), error };
        let key = provider.key_provider.load_private_key(key);
        let key = key.map_err(|error| unusable(&self.key, error))?;
        let certified = CertifiedKey::new(chain, key);
        match certified.keys_match() {
            Ok(()) | Err(rustls::Error::InconsistentKeys(InconsistentKeys::Unknown)) => {
                Ok(certified)
            }
            Err(rustls::Error::InconsistentKeys(_)) => Err(TlsError::Mismatch {
                certificate: self.certificate.clone(),
                key: self.key.clone(),
            }),
            Err(error) => Err(unusable(&self.certificate, error)),
        }
    }
}

fn read(path: &Path) -> Result<Vec<u8>, TlsError> {
    let failed = |error| TlsError::Read { path: path.to_owned(), error };
    let bytes = fs::metadata(path).map_err(failed)?.len();
    if bytes > FILE_BYTES_MAX {
        return Err(TlsError::TooLarge { path: path.to_owned(), bytes });
    }
    fs::read(path).map_err(failed)
}

fn not_pem(path: &Path, missing: &'static str, error: pem::Error) -> TlsError {
    let path = path.to_owned();
    match error {
        pem::Error::NoItemsFound => TlsError::Missing { path, missing },
        error => TlsError::Pem { path, error },
    }
}

/// The certificate of files that may change.
#[derive(Debug)]
pub(super) struct Watched {
    files: Files,
    provider: CryptoProvider,
    // Held for as long as it takes to read two small files, every other second at most.
    shown: Mutex<Shown>,
}

#[derive(Debug)]
struct Shown {
    certified: Arc<CertifiedKey>,
    /// What the files were like when they were read last, whether or not they were any good.
    of: [Option<Stamp>; 2],
    looked_at: Instant,
}

impl Watched {
    /// Reads the files for the first time.
    pub(super) fn open(
        certificate: &Path,
        key: &Path,
        provider: CryptoProvider,
    ) -> Result<Self, TlsError> {
        let files = Files { certificate: certificate.to_owned(), key: key.to_owned() };
        // Looked at first: a change while they are read is seen later.
        let of = files.stamps();
        let certified = Arc::new(files.load(&provider)?);
        let shown = Mutex::new(Shown { certified, of, looked_at: Instant::now() });
        Ok(Self { files, provider, shown })
    }

    /// The certificate to show at `now`.
    pub(super) fn current(&self, now: Instant) -> Arc<CertifiedKey> {
        let mut shown = self.shown.lock().unwrap_or_else(PoisonError::into_inner);
        if now.saturating_duration_since(shown.looked_at) < LOOK_AGAIN_AFTER {
            return Arc::clone(&shown.certified);
        }
        shown.looked_at = now;
        let stamps = self.files.stamps();
        if stamps != shown.of {
            shown.of = stamps;
            match self.files.load(&self.provider) {
                Ok(certified) => {
                    shown.certified = Arc::new(certified);
                    info!("{}: the new certificate is used", self.files.certificate.display());
                }
                Err(error) => warn!("the certificate stays the one that was read before: {error}"),
            }
        }
        Arc::clone(&shown.certified)
    }
}

impl ResolvesServerCert for Watched {
    fn resolve(&self, _: ClientHello<'_>) -> Option<Arc<CertifiedKey>> {
        Some(self.current(Instant::now()))
    }
}
