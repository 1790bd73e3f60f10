//! Who is known without an API server: certificates and proxies against authorities that the tests make.

use http::Request as HttpRequest;
use rcgen::{
    BasicConstraints, CertificateParams, DnType, ExtendedKeyUsagePurpose, IsCa, Issuer, KeyPair,
};
use tokio_rustls::rustls::pki_types::CertificateDer;

use super::*;

/// An authority that signs for clients.
struct Authority {
    pem: String,
    issuer: Issuer<'static, KeyPair>,
}

impl Authority {
    fn new(name: &str) -> Self {
        let key = KeyPair::generate().unwrap();
        let mut params = CertificateParams::default();
        params.distinguished_name.push(DnType::CommonName, name);
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        let pem = params.self_signed(&key).unwrap().pem();
        Self { pem, issuer: Issuer::new(params, key) }
    }

    /// The certificate of a user in a group.
    fn sign(&self, name: &str, group: &str, usage: ExtendedKeyUsagePurpose) -> PeerCertificates {
        let mut params = CertificateParams::default();
        params.distinguished_name.push(DnType::CommonName, name);
        params.distinguished_name.push(DnType::OrganizationName, group);
        params.extended_key_usages.push(usage);
        let certificate = params.signed_by(&KeyPair::generate().unwrap(), &self.issuer).unwrap();
        PeerCertificates::from_der(vec![CertificateDer::from(certificate.der().to_vec())])
    }
}

fn options(folder: &std::path::Path, client: &Authority, proxy: &Authority) -> AccessOptions {
    let write = |name: &str, authority: &Authority| {
        let path = folder.join(name);
        std::fs::write(&path, &authority.pem).unwrap();
        Some(path)
    };
    AccessOptions {
        client_ca: write("client", client),
        proxy_ca: write("proxy", proxy),
        proxy_headers: HeaderNames {
            allowed: vec!["front".to_owned()],
            user: vec!["x-remote-user".to_owned()],
            ..HeaderNames::default()
        },
        skip_lookup: false,
        tolerate_lookup_failure: false,
        token_ttl: Duration::ZERO,
        always_allowed: Vec::new(),
        allowed_ttl: Duration::ZERO,
        denied_ttl: Duration::ZERO,
    }
}

fn request(peer: Option<PeerCertificates>, headers: &[(&str, &str)]) -> Parts {
    let builder = headers
        .iter()
        .fold(HttpRequest::get("/metrics"), |builder, (name, value)| builder.header(*name, *value));
    let (mut parts, ()) = builder.body(()).unwrap().into_parts();
    if let Some(peer) = peer {
        parts.extensions.insert(peer);
    }
    parts
}

#[tokio::test]
async fn who_asks_without_an_api_server() {
    let folder = tempfile::tempdir().unwrap();
    let (client, proxy, other) =
        (Authority::new("clients"), Authority::new("proxies"), Authority::new("others"));
    let access = Access::start(options(folder.path(), &client, &proxy), None, None).await.unwrap();
    let usage = ExtendedKeyUsagePurpose::ClientAuth;
    let alice = client.sign("alice", "devs", usage.clone());
    let known = |name: &str, groups: &[&str]| {
        let groups = groups.iter().map(|group| (*group).to_owned()).collect();
        Ok(User { name: name.to_owned(), groups, ..User::default() })
    };
    let asked = [("x-remote-user", "bob"), ("authorization", "Bearer x")];

    let table = [
        (None, known("system:anonymous", &["system:unauthenticated"])),
        (Some(alice), known("alice", &["devs", "system:authenticated"])),
        (Some(proxy.sign("front", "", usage.clone())), known("bob", &["system:authenticated"])),
    ];
    for (peer, expected) in table {
        assert_eq!(access.user(&request(peer, &asked)).await, expected);
    }
    let wrong = [
        (proxy.sign("back", "", usage.clone()), "cn=back is not in the allowed list"),
        (other.sign("alice", "devs", usage), "UnknownIssuer"),
        (client.sign("alice", "devs", ExtendedKeyUsagePurpose::ServerAuth), "extended key usage"),
    ];
    for (peer, reason) in wrong {
        let error = access.user(&request(Some(peer), &asked)).await.unwrap_err();
        assert!(error.contains(reason), "{error}");
    }
}

#[tokio::test]
async fn authorities_that_cannot_be_read_are_named() {
    let folder = tempfile::tempdir().unwrap();
    let authority = Authority::new("a");
    let mut options = options(folder.path(), &authority, &authority);
    std::fs::write(folder.path().join("proxy"), "nothing").unwrap();
    let error = Access::start(options.clone(), None, None).await.unwrap_err().to_string();
    let expected = format!(
        "--requestheader-client-ca-file: {}: no PEM section with a certificate in it",
        folder.path().join("proxy").display()
    );
    assert_eq!(error, expected);
    options.client_ca = Some(folder.path().join("gone"));
    let error = Access::start(options, None, None).await.unwrap_err().to_string();
    assert!(error.starts_with("--client-ca-file: ") && error.contains("gone"), "{error}");
}
