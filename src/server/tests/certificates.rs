//! Certificates in files: what is wrong with them is said, and when they change the new one is shown.

use std::path::Path;
use std::time::{Duration, Instant};

use rcgen::{CertificateParams, KeyPair};
use tempfile::TempDir;

use super::super::tls::{self, TlsError, Watched};
use super::*;

/// A certificate for localhost and its private key.
fn pair() -> (String, String) {
    let key = KeyPair::generate().unwrap();
    let params = CertificateParams::new(["localhost".to_owned()]).unwrap();
    (params.self_signed(&key).unwrap().pem(), key.serialize_pem())
}

/// A folder with the files `crt` and `key`.
fn folder(certificate: &str, key: &str) -> TempDir {
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("crt"), certificate).unwrap();
    std::fs::write(folder.path().join("key"), key).unwrap();
    folder
}

fn load(folder: &Path) -> Result<Arc<ServerConfig>, TlsError> {
    tls::from_files(&folder.join("crt"), &folder.join("key"))
}

#[test]
fn what_is_wrong_with_the_files_is_said() {
    let (certificate, key) = pair();
    let (_, other) = pair();
    let broken = "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n";
    let unfinished = "-----BEGIN CERTIFICATE-----\nAAAA\n";
    let no_key = "-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----\n";
    for (certificate, key, file, said) in [
        ("", &*key, "crt", "no PEM section with a certificate in it"),
        (&key, &key, "crt", "no PEM section with a certificate in it"),
        (&certificate, "", "key", "no PEM section with a private key in it"),
        (&certificate, &certificate, "key", "no PEM section with a private key in it"),
        (&certificate, &other, "key", "is not the private key of the certificate in"),
        (unfinished, &key, "crt", "missing section end"),
        (broken, &key, "crt", "invalid peer certificate"),
        (&certificate, no_key, "key", "failed to parse private key"),
        (&"#\n".repeat(1 << 20), &key, "crt", "2097152 bytes, at most 1048576"),
    ] {
        let folder = folder(certificate, key);
        let error = load(folder.path()).unwrap_err().to_string();
        let path = folder.path().join(file).display().to_string();
        assert!(error.starts_with(&format!("{path}: ")) && error.contains(said), "{error}");
        assert_eq!(error.lines().count(), 1, "{error}");
    }
    let folder = folder(&certificate, &key);
    load(folder.path()).unwrap();
    std::fs::remove_file(folder.path().join("key")).unwrap();
    let error = load(folder.path()).unwrap_err().to_string();
    assert!(error.contains("key: No such file or directory"), "{error}");
}

#[test]
fn a_changed_certificate_is_shown_and_a_bad_one_is_not() {
    let (certificate, key) = pair();
    let (new_certificate, new_key) = pair();
    let der = |pem: &str| CertificateDer::from_pem_slice(pem.as_bytes()).unwrap();
    let folder = folder(&certificate, &key);
    let path = |name| folder.path().join(name);
    // As those do who do it well: the new file takes the place of the old one.
    let replace = |name, text: &str| {
        std::fs::write(path("new"), text).unwrap();
        std::fs::rename(path("new"), path(name)).unwrap();
    };
    let watched = Watched::open(&path("crt"), &path("key"), ring::default_provider()).unwrap();
    let start = Instant::now();
    let shown = |second| watched.current(start + Duration::from_secs(second)).cert[0].clone();

    assert_eq!(shown(10), der(&certificate));
    replace("crt", &new_certificate);
    assert_eq!(shown(11), der(&certificate), "looked at too often");
    assert_eq!(shown(20), der(&certificate), "shown without its key");
    replace("key", &new_key);
    assert_eq!(shown(30), der(&new_certificate));
    std::fs::remove_file(path("crt")).unwrap();
    assert_eq!(shown(40), der(&new_certificate));
    replace("crt", "nonsense");
    assert_eq!(shown(50), der(&new_certificate));
    replace("crt", &certificate);
    replace("key", &key);
    assert_eq!(shown(60), der(&certificate));
}

#[test]
fn a_name_that_no_certificate_can_have_is_left_out() {
    for hostname in ["", "höst", "a b"] {
        tls::self_signed(hostname).unwrap();
    }
}
