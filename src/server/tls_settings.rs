//! Which TLS is spoken: versions, cipher suites, key exchanges, by the names that the Kubernetes components
//! have for them. Made by `cli`, used by `tls`.
//!
//! Upstream: component-base/cli/flag/ciphersuites_flag.go and crypto/tls of Go, v1.37.

use tokio_rustls::rustls::crypto::CryptoProvider;
use tokio_rustls::rustls::version::{TLS12, TLS13};
use tokio_rustls::rustls::{CipherSuite, NamedGroup, SupportedProtocolVersion};

/// The cipher suites of TLS 1.3, which are always on, as in Go.
const SUITES_13: [&str; 3] =
    ["TLS_AES_128_GCM_SHA256", "TLS_AES_256_GCM_SHA384", "TLS_CHACHA20_POLY1305_SHA256"];

/// The cipher suites of TLS 1.2 that there are; two have an old name, too.
const SUITES_12: [(&str, CipherSuite); 8] = [
    (
        "TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256",
        CipherSuite::TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256,
    ),
    (
        "TLS_ECDHE_ECDSA_WITH_AES_256_GCM_SHA384",
        CipherSuite::TLS_ECDHE_ECDSA_WITH_AES_256_GCM_SHA384,
    ),
    (
        "TLS_ECDHE_ECDSA_WITH_CHACHA20_POLY1305_SHA256",
        CipherSuite::TLS_ECDHE_ECDSA_WITH_CHACHA20_POLY1305_SHA256,
    ),
    (
        "TLS_ECDHE_ECDSA_WITH_CHACHA20_POLY1305",
        CipherSuite::TLS_ECDHE_ECDSA_WITH_CHACHA20_POLY1305_SHA256,
    ),
    ("TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256", CipherSuite::TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256),
    ("TLS_ECDHE_RSA_WITH_AES_256_GCM_SHA384", CipherSuite::TLS_ECDHE_RSA_WITH_AES_256_GCM_SHA384),
    (
        "TLS_ECDHE_RSA_WITH_CHACHA20_POLY1305_SHA256",
        CipherSuite::TLS_ECDHE_RSA_WITH_CHACHA20_POLY1305_SHA256,
    ),
    (
        "TLS_ECDHE_RSA_WITH_CHACHA20_POLY1305",
        CipherSuite::TLS_ECDHE_RSA_WITH_CHACHA20_POLY1305_SHA256,
    ),
];

/// The key exchanges that there are, by Go's `CurveID`.
const GROUPS: [(&str, NamedGroup); 3] =
    [("23", NamedGroup::secp256r1), ("24", NamedGroup::secp384r1), ("29", NamedGroup::X25519)];

const ALL_VERSIONS: &[&SupportedProtocolVersion] = &[&TLS13, &TLS12];
const ONLY_13: &[&SupportedProtocolVersion] = &[&TLS13];

/// Which TLS is spoken.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct TlsSettings {
    /// TLS 1.3 only.
    only_13: bool,
    /// The cipher suites of TLS 1.2; `None` is all.
    suites: Option<Vec<CipherSuite>>,
    /// The key exchanges; `None` is all.
    groups: Option<Vec<NamedGroup>>,
    /// HTTP/1.1 only.
    pub only_http1: bool,
    /// Ask clients for certificates, and take any: whose they are is judged with each request.
    pub asks_clients: bool,
}

impl TlsSettings {
    /// Sets the least version, by its name in Go.
    ///
    /// # Errors
    ///
    /// What is wrong with the name.
    pub fn set_min_version(&mut self, name: &str) -> Result<(), &'static str> {
        self.only_13 = match name {
            "" | "VersionTLS12" => false,
            "VersionTLS13" => true,
            "VersionTLS10" | "VersionTLS11" => {
                return Err("TLS before 1.2 is not spoken; give VersionTLS12 or VersionTLS13");
            }
            _ => return Err("must be VersionTLS12 or VersionTLS13"),
        };
        Ok(())
    }

    /// Allows these cipher suites of TLS 1.2; no name at all allows all.
    ///
    /// # Errors
    ///
    /// The name of a suite that there is not.
    pub fn set_cipher_suites(&mut self, names: &[String]) -> Result<(), String> {
        let mut suites = Vec::new();
        for name in names.iter().filter(|name| !SUITES_13.contains(&name.as_str())) {
            let known = SUITES_12.iter().find(|(known, _)| known == name);
            suites.push(known.ok_or_else(|| name.clone())?.1);
        }
        self.suites = (!names.is_empty()).then_some(suites);
        Ok(())
    }

    /// Allows these key exchanges; no number at all allows all.
    ///
    /// # Errors
    ///
    /// The number of one that there is not.
    pub fn set_curves(&mut self, numbers: &[String]) -> Result<(), String> {
        let group = |number: &String| {
            let known = GROUPS.iter().find(|(known, _)| known == number);
            known.map(|(_, group)| *group).ok_or_else(|| number.clone())
        };
        let groups = numbers.iter().map(group).collect::<Result<Vec<_>, _>>()?;
        self.groups = (!groups.is_empty()).then_some(groups);
        Ok(())
    }

    /// The cipher suites that there are, for a message.
    #[must_use]
    pub fn known_cipher_suites() -> String {
        let names = SUITES_12.iter().map(|(name, _)| *name).chain(SUITES_13);
        names.collect::<Vec<_>>().join(", ")
    }

    /// The versions to speak.
    pub(super) fn versions(&self) -> &'static [&'static SupportedProtocolVersion] {
        if self.only_13 { ONLY_13 } else { ALL_VERSIONS }
    }

    /// Leaves in `provider` what is allowed.
    pub(super) fn narrow(&self, provider: &mut CryptoProvider) {
        if let Some(suites) = &self.suites {
            provider
                .cipher_suites
                .retain(|suite| suite.version() == &TLS13 || suites.contains(&suite.suite()));
        }
        if let Some(groups) = &self.groups {
            provider.kx_groups.retain(|group| groups.contains(&group.name()));
        }
    }
}

#[cfg(test)]
mod tests {
    use tokio_rustls::rustls::SupportedCipherSuite;
    use tokio_rustls::rustls::crypto::ring;

    use super::*;

    fn names(texts: &[&str]) -> Vec<String> {
        texts.iter().map(|text| (*text).to_owned()).collect()
    }

    #[test]
    fn what_is_allowed_is_left() {
        let mut settings = TlsSettings::default();
        let suites = names(&["TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256", "TLS_AES_128_GCM_SHA256"]);
        settings.set_cipher_suites(&suites).unwrap();
        settings.set_curves(&names(&["29", "23"])).unwrap();
        let mut provider = ring::default_provider();
        settings.narrow(&mut provider);
        let of_12 = provider.cipher_suites.iter().filter(|suite| suite.version() == &TLS12);
        let of_12: Vec<_> = of_12.map(SupportedCipherSuite::suite).collect();
        assert_eq!(of_12, [CipherSuite::TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256]);
        assert_eq!(provider.cipher_suites.len(), 4);
        assert_eq!(provider.kx_groups.len(), 2);

        let mut provider = ring::default_provider();
        let all = provider.cipher_suites.len();
        TlsSettings::default().narrow(&mut provider);
        assert_eq!(provider.cipher_suites.len(), all);
    }

    #[test]
    fn what_there_is_not_is_named() {
        let mut settings = TlsSettings::default();
        let cbc = "TLS_ECDHE_RSA_WITH_AES_128_CBC_SHA";
        assert_eq!(settings.set_cipher_suites(&names(&[cbc])), Err(cbc.to_owned()));
        assert_eq!(settings.set_curves(&names(&["29", "4588"])), Err("4588".to_owned()));
        assert!(settings.set_min_version("VersionTLS11").is_err());
        assert!(settings.set_min_version("1.3").is_err());
        assert_eq!(settings, TlsSettings::default());
        settings.set_min_version("VersionTLS13").unwrap();
        assert_eq!(settings.versions().len(), 1);
    }

    #[test]
    fn every_suite_named_here_is_there() {
        let provider = ring::default_provider();
        for (name, suite) in SUITES_12 {
            assert!(provider.cipher_suites.iter().any(|known| known.suite() == suite), "{name}");
        }
        for (name, group) in GROUPS {
            assert!(provider.kx_groups.iter().any(|known| known.name() == group), "{name}");
        }
    }
}
