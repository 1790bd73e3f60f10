//! Users whom a proxy names in headers, such as the API server's own aggregator. The proxy shows a certificate
//! of authorities that sign for proxies only.
//!
//! Upstream: authentication/request/headerrequest in k8s.io/apiserver, v1.37.

use std::sync::{Arc, Mutex, PoisonError};

use http::HeaderMap;

use super::super::peer::PeerCertificates;
use super::authorities::Authorities;
use super::refusal::percent_decoded;
use super::{Said, User, subject};

/// Who may name users, and in which headers.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct HeaderNames {
    /// Common names of proxies; without any, every certificate of the authorities is good.
    pub allowed: Vec<String>,
    /// Headers with the name; the first that is there counts.
    pub user: Vec<String>,
    /// Headers with the UID.
    pub uid: Vec<String>,
    /// Headers with groups, one each.
    pub groups: Vec<String>,
    /// Beginnings of headers with more.
    pub extra_prefixes: Vec<String>,
}

/// The proxies that may name users.
#[derive(Debug)]
pub(super) struct RequestHeader {
    pub(super) authorities: Authorities,
    names: Mutex<HeaderNames>,
}

impl RequestHeader {
    pub(super) fn new(authorities: Authorities, names: HeaderNames) -> Arc<Self> {
        Arc::new(Self { authorities, names: Mutex::new(names) })
    }

    /// Takes these names from here on.
    pub(super) fn replace_names(&self, names: HeaderNames) {
        *self.names.lock().unwrap_or_else(PoisonError::into_inner) = names;
    }

    /// Whom the proxy names that shows `peer`.
    pub(super) fn user(&self, peer: Option<&PeerCertificates>, headers: &HeaderMap) -> Said {
        let Some((own, others)) = peer.and_then(PeerCertificates::parts) else {
            return Said::Nothing;
        };
        match self.authorities.verify(own, others) {
            None => return Said::Nothing,
            Some(Err(reason)) => return Said::Wrong(reason),
            Some(Ok(())) => {}
        }
        let names = self.names.lock().unwrap_or_else(PoisonError::into_inner).clone();
        let common_name = subject::read(own).unwrap_or_default().common_name;
        if !names.allowed.is_empty() && !names.allowed.contains(&common_name) {
            let reason = format!("x509: subject with cn={common_name} is not in the allowed list");
            return Said::Wrong(reason);
        }
        named(&names, headers)
    }
}

fn named(names: &HeaderNames, headers: &HeaderMap) -> Said {
    let first = |names: &[String]| {
        let mut values = names.iter().filter_map(|name| value(headers, name));
        values.find(|value| !value.is_empty()).unwrap_or_default()
    };
    let name = first(&names.user);
    if name.is_empty() {
        return Said::Nothing;
    }
    let groups = names.groups.iter().flat_map(|name| headers.get_all(name.trim()));
    let groups = groups.filter_map(|group| group.to_str().ok()).map(str::to_owned).collect();
    let mut extra: Vec<(String, Vec<String>)> = Vec::new();
    for prefix in &names.extra_prefixes {
        let prefix = prefix.to_ascii_lowercase();
        for (header, value) in headers {
            let Some(key) = header.as_str().strip_prefix(&prefix) else { continue };
            let Ok(value) = value.to_str() else { continue };
            let key = percent_decoded(key);
            match extra.iter_mut().find(|(known, _)| *known == key) {
                Some((_, values)) => values.push(value.to_owned()),
                None => extra.push((key, vec![value.to_owned()])),
            }
        }
    }
    Said::User(User { name, uid: first(&names.uid), groups, extra })
}

fn value(headers: &HeaderMap, name: &str) -> Option<String> {
    headers.get(name.trim()).and_then(|value| value.to_str().ok()).map(str::to_owned)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn names() -> HeaderNames {
        let one = |name: &str| vec![name.to_owned()];
        HeaderNames {
            allowed: Vec::new(),
            user: one("X-Remote-User"),
            uid: one("x-remote-uid"),
            groups: one("x-remote-group"),
            extra_prefixes: one("X-Remote-Extra-"),
        }
    }

    #[test]
    fn headers_say_who_it_is() {
        let mut headers = HeaderMap::new();
        assert_eq!(named(&names(), &headers), Said::Nothing);
        for (name, value) in [
            ("x-remote-user", "alice"),
            ("x-remote-uid", "u"),
            ("x-remote-group", "a"),
            ("x-remote-group", "b"),
            ("x-remote-extra-scopes", "s"),
            ("x-remote-extra-scopes", "t"),
            ("x-remote-extra-a%2fb", "c"),
        ] {
            headers.append(name, value.parse().unwrap());
        }
        let texts = |texts: &[&str]| texts.iter().map(|text| (*text).to_owned()).collect();
        let mut user = match named(&names(), &headers) {
            Said::User(user) => user,
            other => panic!("{other:?}"),
        };
        user.extra.sort();
        assert_eq!(
            user,
            User {
                name: "alice".to_owned(),
                uid: "u".to_owned(),
                groups: texts(&["a", "b"]),
                extra: vec![
                    ("a/b".to_owned(), texts(&["c"])),
                    ("scopes".to_owned(), texts(&["s", "t"])),
                ],
            }
        );
    }
}
