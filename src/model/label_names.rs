//! What label keys and values may look like, with upstream's texts. Every check gives the list of what is
//! wrong; an empty list is good news. Called by all readers of objects and of configuration.
//!
//! Upstream: apimachinery api/validate/content, v1.37.

/// The longest name of a label's key and the longest value, in bytes.
const LABEL_MAX: usize = 63;
/// The longest DNS subdomain, in bytes.
const SUBDOMAIN_MAX: usize = 253;
const DNS_LABEL: &str = "[a-z0-9]([-a-z0-9]*[a-z0-9])?";
const KEY: &str = "([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9]";

/// What is wrong with the key of a label, of a taint, of a resource: an optional prefix and a name.
///
/// Upstream: content.IsLabelKey, v1.37.
#[must_use]
pub fn label_key_errors(text: &str) -> Vec<String> {
    let rule = || {
        format!(
            "must consist of alphanumeric characters, '-', '_' or '.', and must start and end with an \
             alphanumeric character (e.g. 'MyName',  or 'my.name',  or '123-abc', regex used for \
             validation is '{KEY}')"
        )
    };
    let mut wrong = Vec::new();
    let name = match text.split_once('/') {
        None => text,
        Some((_, name)) if name.contains('/') => {
            let prefix =
                "with an optional DNS subdomain prefix and '/' (e.g. 'example.com/MyName')";
            return vec![format!("a valid label key {} {prefix}", rule())];
        }
        Some(("", name)) => {
            wrong.push("prefix part must be non-empty".to_owned());
            name
        }
        Some((prefix, name)) => {
            let texts = subdomain_errors(prefix, "bytes");
            wrong.extend(texts.into_iter().map(|text| format!("prefix part {text}")));
            name
        }
    };
    if name.is_empty() {
        wrong.push("name part must be non-empty".to_owned());
    } else if name.len() > LABEL_MAX {
        wrong.push(format!("name part must be no more than {LABEL_MAX} bytes"));
    }
    if !is_word(name) {
        wrong.push(format!("name part {}", rule()));
    }
    wrong
}

/// What is wrong with the value of a label.
///
/// Upstream: content.IsLabelValue, v1.37.
#[must_use]
pub fn label_value_errors(text: &str) -> Vec<String> {
    let mut wrong = Vec::new();
    if text.len() > LABEL_MAX {
        wrong.push(format!("must be no more than {LABEL_MAX} bytes"));
    }
    if !text.is_empty() && !is_word(text) {
        wrong.push(format!(
            "a valid label must be an empty string or consist of alphanumeric characters, '-', '_' or \
             '.', and must start and end with an alphanumeric character (e.g. 'MyValue',  or \
             'my_value',  or '12345', regex used for validation is '({KEY})?')"
        ));
    }
    wrong
}

/// What is wrong with a DNS subdomain of RFC 1123; `unit` is what a message about its length counts.
///
/// Upstream: content.IsDNS1123Subdomain, v1.37.
#[must_use]
pub fn subdomain_errors(text: &str, unit: &str) -> Vec<String> {
    let mut wrong = Vec::new();
    if text.len() > SUBDOMAIN_MAX {
        wrong.push(format!("must be no more than {SUBDOMAIN_MAX} {unit}"));
    }
    if !text.split('.').all(is_dns_label) {
        wrong.push(format!(
            "a lowercase RFC 1123 subdomain must consist of lower case alphanumeric characters, '-' or \
             '.', and must start and end with an alphanumeric character (e.g. 'example.com', regex used \
             for validation is '{DNS_LABEL}(\\.{DNS_LABEL})*')"
        ));
    }
    wrong
}

/// Small letters, digits and `-`, with a letter or digit at both ends.
#[must_use]
pub fn is_dns_label(text: &str) -> bool {
    let alphanumeric = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit();
    text.starts_with(alphanumeric)
        && text.ends_with(alphanumeric)
        && text.chars().all(|c| alphanumeric(c) || c == '-')
}

/// Letters, digits, `-`, `_` and `.`, with a letter or digit at both ends.
fn is_word(text: &str) -> bool {
    let alphanumeric = |c: char| c.is_ascii_alphanumeric();
    text.starts_with(alphanumeric)
        && text.ends_with(alphanumeric)
        && text.chars().all(|c| alphanumeric(c) || matches!(c, '-' | '_' | '.'))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn label_keys() {
        let long = "a".repeat(63);
        let good = ["a", "A_b.c-9", "a.b/c", "1/1", "a-b.c-d/E", &long, &format!("x/{long}")];
        for key in good {
            assert_eq!(label_key_errors(key), [] as [&str; 0], "{key}");
        }
        let too_long = format!("{long}a");
        let bad =
            ["", "/", "/a", "a/", "a/b/c", "A/b", "a b", "-a", "a-", "a..b/c", "_/a", &too_long];
        for key in bad {
            assert!(!label_key_errors(key).is_empty(), "{key}");
        }
        assert_eq!(label_key_errors("/").len(), 3);
        assert_eq!(label_key_errors(&format!("{too_long}-")).len(), 2);
    }

    #[test]
    fn label_values() {
        for value in ["", "a", "A_b.c-9", "5"] {
            assert_eq!(label_value_errors(value), [] as [&str; 0], "{value}");
        }
        for value in ["-5", "+5", "a b", "a/b", "a-", &"a".repeat(64)] {
            assert!(!label_value_errors(value).is_empty(), "{value}");
        }
    }
}
