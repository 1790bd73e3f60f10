//! Kubernetes' rules on names: label keys and label values. Called by the readers of plugin args.

/// What a label's key must be made of.
const KEY: &str = "must consist of alphanumeric characters, '-', '_' or '.', and must start and end \
                   with an alphanumeric character";
/// The longest name of a label's key and the longest value, in bytes.
const LENGTH_MAX: usize = 63;
/// The longest prefix of a label's key, in bytes.
const PREFIX_MAX: usize = 253;

/// What is wrong with `text` as the key of a label: an optional DNS subdomain, `/`, a name.
///
/// Upstream: content.IsLabelKey, v1.37; the words without its regular expressions.
pub(super) fn label_key_error(text: &str) -> Option<String> {
    let (prefix, name) = match text.split_once('/') {
        None => (None, text),
        Some((_, name)) if name.contains('/') => {
            return Some(format!(
                "a valid label key {KEY}, with an optional DNS subdomain and '/'"
            ));
        }
        Some((prefix, name)) => (Some(prefix), name),
    };
    let mut wrong = Vec::new();
    match prefix {
        Some("") => wrong.push("prefix part must be non-empty".to_owned()),
        Some(prefix) if prefix.len() > PREFIX_MAX => {
            wrong.push(format!("prefix part must be no more than {PREFIX_MAX} bytes"));
        }
        Some(prefix) if !is_subdomain(prefix) => wrong.push(
            "prefix part must be a DNS subdomain: lower case alphanumeric characters, '-' or '.', \
             starting and ending with an alphanumeric character"
                .to_owned(),
        ),
        Some(_) | None => {}
    }
    if name.is_empty() {
        wrong.push("name part must be non-empty".to_owned());
    } else if name.len() > LENGTH_MAX {
        wrong.push(format!("name part must be no more than {LENGTH_MAX} bytes"));
    } else if !is_name(name) {
        wrong.push(format!("name part {KEY}"));
    }
    (!wrong.is_empty()).then(|| wrong.join("; "))
}

/// What is wrong with `text` as the value of a label.
///
/// Upstream: content.IsLabelValue, v1.37.
pub(super) fn label_value_error(text: &str) -> Option<String> {
    if text.len() > LENGTH_MAX {
        return Some(format!("must be no more than {LENGTH_MAX} bytes"));
    }
    (!text.is_empty() && !is_name(text))
        .then(|| format!("a valid label must be an empty string or {}", &KEY["must ".len()..]))
}

fn is_name(text: &str) -> bool {
    let inner = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_' | b'.');
    ends_with(text, |byte| byte.is_ascii_alphanumeric()) && text.bytes().all(inner)
}

fn is_subdomain(text: &str) -> bool {
    let alphanumeric = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit();
    let label = |label: &str| {
        ends_with(label, alphanumeric)
            && label.bytes().all(|byte| alphanumeric(byte) || byte == b'-')
    };
    text.split('.').all(label)
}

/// Whether the first and the last byte of `text` are such.
fn ends_with(text: &str, such: impl Fn(u8) -> bool) -> bool {
    let bytes = text.as_bytes();
    bytes.first().is_some_and(|byte| such(*byte)) && bytes.last().is_some_and(|byte| such(*byte))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn label_keys() {
        let long = "a".repeat(63);
        let good = ["a", "A_b.c-9", "a.b/c", "1/1", "a-b.c-d/E", &long, &format!("x/{long}")];
        for key in good {
            assert_eq!(label_key_error(key), None, "{key}");
        }
        let too_long = format!("{long}a");
        let bad =
            ["", "/", "/a", "a/", "a/b/c", "A/b", "a b", "-a", "a-", "a..b/c", "_/a", &too_long];
        for key in bad {
            assert!(label_key_error(key).is_some(), "{key}");
        }
    }

    #[test]
    fn label_values() {
        for value in ["", "a", "A_b.c-9", "5"] {
            assert_eq!(label_value_error(value), None, "{value}");
        }
        for value in ["-5", "+5", "a b", "a/b", "a-", &"a".repeat(64)] {
            assert!(label_value_error(value).is_some(), "{value}");
        }
    }
}
