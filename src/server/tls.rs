//! The certificate that a server shows: of files, which are read again when they change, or made in memory
//! at the start, and kept in a folder where one is given. Called by `cli` before anything is served.

use std::fs::{self, Metadata, OpenOptions};
use std::io::{self, Write as _};
use std::os::unix::fs::{MetadataExt as _, OpenOptionsExt as _};
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

use super::peer::AnyPeer;
use super::tls_settings::TlsSettings;

/// How often the files are looked at, at most.
pub(super) const LOOK_AGAIN_AFTER: Duration = Duration::from_secs(2);

/// Bytes of a certificate or key file at most. A long chain has some ten thousand.
const FILE_BYTES_MAX: u64 = 1 << 20;

/// What a certificate and a key are called that are kept in a folder.
///
/// Upstream: the PairName of kube-scheduler's secure serving is `kube-scheduler`, v1.37.
const PAIR: [&str; 2] = ["berth.crt", "berth.key"];

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
    /// An authority cannot be used.
    #[error("{}: {message}", path.display())]
    Authority {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        message: String,
    },
    /// The two files do not belong together.
    #[error("{}: is not the private key of the certificate in {}", key.display(), certificate.display())]
    Mismatch {
        /// The certificate's file.
        certificate: PathBuf,
        /// The key's file.
        key: PathBuf,
    },
    /// A certificate that was made cannot be kept.
    #[error("{}: the certificate that was made cannot be written: {error}", path.display())]
    Write {
        /// The file or folder.
        path: PathBuf,
        /// What the system says.
        error: io::Error,
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
    self_signed_with(hostname, &TlsSettings::default())
}

/// [`self_signed`], with these settings.
pub(super) fn self_signed_with(
    hostname: &str,
    settings: &TlsSettings,
) -> Result<SelfSigned, TlsError> {
    let made = make(hostname)?;
    let key = PrivatePkcs8KeyDer::from(made.key.serialize_der());
    let provider = ring::default_provider();
    let chain = vec![made.certificate.der().clone()];
    let certified = CertifiedKey::from_der(chain, key.into(), &provider)?;
    let config = config(provider, Arc::new(Fixed(Arc::new(certified))), settings)?;
    Ok(SelfSigned { config, certificate_pem: made.certificate.pem() })
}

/// The certificate that is kept in `folder`; one that is made, where there is none.
///
/// Upstream: MaybeDefaultWithSelfSignedCerts, v1.37.
pub(super) fn from_folder(
    folder: &Path,
    hostname: &str,
    settings: &TlsSettings,
) -> Result<Arc<ServerConfig>, TlsError> {
    let [certificate, key] = PAIR.map(|name| folder.join(name));
    if !(certificate.exists() && key.exists()) {
        let failed = |path: &Path| {
            let path = path.to_owned();
            move |error| TlsError::Write { path, error }
        };
        let made = make(hostname)?;
        fs::create_dir_all(folder).map_err(failed(folder))?;
        fs::write(&certificate, made.certificate.pem()).map_err(failed(&certificate))?;
        write_secret(&key, &made.key.serialize_pem()).map_err(failed(&key))?;
        info!("{}: a certificate was made and is kept there", certificate.display());
    }
    from_files_with(&certificate, &key, settings)
}

/// Writes a file that only this user can read.
fn write_secret(path: &Path, text: &str) -> io::Result<()> {
    match fs::remove_file(path) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
        Ok(()) | Err(_) => {}
    }
    let mut file = OpenOptions::new().write(true).create_new(true).mode(0o600).open(path)?;
    file.write_all(text.as_bytes())
}

/// A certificate that is its own authority, and its key.
struct Made {
    certificate: rcgen::Certificate,
    key: KeyPair,
}

fn make(hostname: &str) -> Result<Made, TlsError> {
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
    Ok(Made { certificate, key })
}

/// Reads a certificate, with those that lead to its authority behind it, and its private key. Both files
/// are PEM, and are read again when they change.
pub fn from_files(certificate: &Path, key: &Path) -> Result<Arc<ServerConfig>, TlsError> {
    from_files_with(certificate, key, &TlsSettings::default())
}

/// [`from_files`], with these settings.
pub(super) fn from_files_with(
    certificate: &Path,
    key: &Path,
    settings: &TlsSettings,
) -> Result<Arc<ServerConfig>, TlsError> {
    let provider = ring::default_provider();
    let watched = Watched::open(certificate, key, provider.clone())?;
    config(provider, Arc::new(watched), settings)
}

fn config(
    mut provider: CryptoProvider,
    certificates: Arc<dyn ResolvesServerCert>,
    settings: &TlsSettings,
) -> Result<Arc<ServerConfig>, TlsError> {
    settings.narrow(&mut provider);
    let algorithms = provider.signature_verification_algorithms;
    let builder = ServerConfig::builder_with_provider(Arc::new(provider))
        .with_protocol_versions(settings.versions())?;
    let builder = if settings.asks_clients {
        builder.with_client_cert_verifier(Arc::new(AnyPeer(algorithms)))
    } else {
        builder.with_no_client_auth()
    };
    let mut config = builder.with_cert_resolver(certificates);
    let spoken = PROTOCOLS.into_iter().filter(|name| !settings.only_http1 || *name != b"h2");
    config.alpn_protocols = spoken.map(<[u8]>::to_vec).collect();
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
pub(super) struct Stamp {
    modified: Option<SystemTime>,
    bytes: u64,
    inode: u64,
}

impl Stamp {
    /// `None` for a file that cannot be looked at.
    pub(super) fn of(path: &Path) -> Option<Self> {
        let stamp = |found: Metadata| Self {
            modified: found.modified().ok(),
            bytes: found.len(),
            inode: found.ino(),
        };
        fs::metadata(path).ok().map(stamp)
    }
}

impl Files {
    /// `None` for a file that cannot be looked at.
    fn stamps(&self) -> [Option<Stamp>; 2] {
        [&self.certificate, &self.key].map(|path| Stamp::of(path))
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

/// Reads a file of certificates or keys.
pub(super) fn read(path: &Path) -> Result<Vec<u8>, TlsError> {
    let failed = |error| TlsError::Read { path: path.to_owned(), error };
    let bytes = fs::metadata(path).map_err(failed)?.len();
    if bytes > FILE_BYTES_MAX {
        return Err(TlsError::TooLarge { path: path.to_owned(), bytes });
    }
    fs::read(path).map_err(failed)
}

pub(super) fn not_pem(path: &Path, missing: &'static str, error: pem::Error) -> TlsError {
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
