//! What names, label keys and label values may look like, with upstream's texts. Every check gives the
//! list of what is wrong; an empty list is good news.
//!
//! Upstream: apimachinery util/validation and api/validate/content, v1.37.

use crate::model::{is_dns_label, subdomain_errors};

pub(super) use crate::model::{label_key_errors as qualified, label_value_errors as label_value};

const LABEL_MAX: usize = 63;
const SUBDOMAIN_MAX: usize = 253;
const PORT_NAME_MAX: usize = 15;
const DNS_LABEL: &str = "[a-z0-9]([-a-z0-9]*[a-z0-9])?";

/// A DNS label of RFC 1123: container names, volume names, namespaces.
pub(super) fn dns_label(text: &str) -> Vec<String> {
    let mut wrong = too_long(text, LABEL_MAX, "characters");
    if is_dns_label(text) {
        return wrong;
    }
    if is_subdomain(text) {
        wrong.push("must not contain dots".to_owned());
    } else {
        wrong.push(format!(
            "a lowercase RFC 1123 label must consist of lower case alphanumeric characters or '-', and \
             must start and end with an alphanumeric character (e.g. 'my-name',  or '123-abc', regex \
             used for validation is '{DNS_LABEL}')"
        ));
    }
    wrong
}

/// A DNS subdomain of RFC 1123: the names of most kinds.
pub(super) fn subdomain(text: &str) -> Vec<String> {
    subdomain_errors(text, "characters")
}

/// A name that is one part of a path: RBAC's names.
pub(super) fn path_segment(text: &str) -> Vec<String> {
    if text == "." || text == ".." {
        return vec![format!("may not be '{text}'")];
    }
    let bad = ["/", "%"].into_iter().filter(|part| text.contains(part));
    bad.map(|part| format!("may not contain '{part}'")).collect()
}

/// The name of a port.
pub(super) fn port_name(text: &str) -> Vec<String> {
    let mut wrong = too_long(text, PORT_NAME_MAX, "characters");
    let alphanumeric = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit();
    let characters = text.chars().all(|c| alphanumeric(c) || c == '-') && !text.is_empty();
    let mut check = |good: bool, message: &str| {
        if !good {
            wrong.push(message.to_owned());
        }
    };
    check(characters, "must contain only alpha-numeric characters (a-z, 0-9), and hyphens (-)");
    let letter = text.chars().any(|c| c.is_ascii_lowercase());
    check(letter, "must contain at least one letter (a-z)");
    check(!text.contains("--"), "must not contain consecutive hyphens");
    let edges = !text.starts_with('-') && !text.ends_with('-');
    check(edges, "must not begin or end with a hyphen");
    wrong
}

/// The number of a port.
pub(super) fn port_number(number: i64) -> Vec<String> {
    if (1..=65_535).contains(&number) {
        return Vec::new();
    }
    vec!["must be between 1 and 65535, inclusive".to_owned()]
}

/// The name of an environment variable.
pub(super) fn env_name(text: &str) -> Vec<String> {
    if text.is_empty() {
        return vec!["environment variable name must be non-empty".to_owned()];
    }
    if text.bytes().all(|byte| (b' '..=b'~').contains(&byte) && byte != b'=') {
        return Vec::new();
    }
    let rule = "a valid environment variable name must consist only of printable ASCII characters \
                other than '='";
    vec![rule.to_owned()]
}

/// The key of a ConfigMap or a Secret.
pub(super) fn data_key(text: &str) -> Vec<String> {
    let mut wrong = too_long(text, SUBDOMAIN_MAX, "characters");
    let good = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.');
    if text.is_empty() || !text.chars().all(good) {
        wrong.push(
            "a valid config key must consist of alphanumeric characters, '-', '_' or '.' (e.g. \
             'key.name',  or 'KEY_NAME',  or 'key-name', regex used for validation is \
             '[-._a-zA-Z0-9]+')"
                .to_owned(),
        );
    }
    match text {
        "." => wrong.push("must not be '.'".to_owned()),
        ".." => wrong.push("must not be '..'".to_owned()),
        other if other.starts_with("..") => wrong.push("must not start with '..'".to_owned()),
        _ => {}
    }
    wrong
}

fn too_long(text: &str, most: usize, unit: &str) -> Vec<String> {
    let long = text.len() > most;
    long.then(|| format!("must be no more than {most} {unit}")).into_iter().collect()
}

fn is_subdomain(text: &str) -> bool {
    text.split('.').all(is_dns_label)
}
