//! Label selectors as they are written, and which keys and values labels may have.

use std::collections::BTreeMap;

use serde::Deserialize;

use crate::model::{self, LabelOperator, LabelRequirement};

use super::json::{List, string_map};

#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default, rename_all = "camelCase", expecting = "an object")]
pub(super) struct LabelSelector {
    #[serde(deserialize_with = "string_map")]
    match_labels: Option<BTreeMap<String, String>>,
    match_expressions: List<Requirement>,
}

#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default, expecting = "an object")]
pub(super) struct Requirement {
    pub(super) key: Option<Box<str>>,
    pub(super) operator: Option<Box<str>>,
    pub(super) values: List<Box<str>>,
}

impl LabelSelector {
    /// The selector, its requirements by key; `None` where upstream finds it wrong.
    ///
    /// Upstream: metav1.LabelSelectorAsSelector, v1.37.
    pub(super) fn to_model(&self) -> Option<model::LabelSelector> {
        let labels = self.match_labels.iter().flatten();
        let equal = labels.map(|(key, value)| LabelRequirement {
            key: key.as_str().into(),
            operator: LabelOperator::In,
            values: vec![value.as_str().into()],
        });
        let listed = self.match_expressions.iter().map(Requirement::to_model);
        let all = equal.map(Some).chain(listed);
        let all = all.map(|requirement| requirement.filter(is_valid));
        let mut requirements = all.collect::<Option<Vec<_>>>()?;
        requirements.sort_by(|a, b| a.key.cmp(&b.key));
        Some(model::LabelSelector { requirements })
    }
}

impl Requirement {
    fn to_model(&self) -> Option<LabelRequirement> {
        let operator = match self.operator.as_deref().unwrap_or_default() {
            "In" => LabelOperator::In,
            "NotIn" => LabelOperator::NotIn,
            "Exists" => LabelOperator::Exists,
            "DoesNotExist" => LabelOperator::DoesNotExist,
            _ => return None,
        };
        Some(LabelRequirement {
            key: self.key.clone().unwrap_or_default(),
            operator,
            values: self.values.to_vec(),
        })
    }
}

/// Upstream: labels.NewRequirement, v1.37.
fn is_valid(requirement: &LabelRequirement) -> bool {
    let named = match requirement.operator {
        LabelOperator::In | LabelOperator::NotIn => !requirement.values.is_empty(),
        LabelOperator::Exists | LabelOperator::DoesNotExist => requirement.values.is_empty(),
    };
    named && is_label_key(&requirement.key) && requirement.values.iter().all(|v| is_label_value(v))
}

/// A word, or nothing.
pub(super) fn is_label_value(value: &str) -> bool {
    value.is_empty() || is_label_word(value)
}

/// A word, after a DNS subdomain and a slash where it has a prefix.
pub(super) fn is_label_key(key: &str) -> bool {
    match key.split_once('/') {
        None => is_label_word(key),
        Some((prefix, word)) => is_label_word(word) && is_subdomain(prefix),
    }
}

/// 1 to 63 letters, digits, `-`, `_` and `.`, with a letter or digit at both ends.
fn is_label_word(word: &str) -> bool {
    let bytes = word.as_bytes();
    let ends = [bytes.first(), bytes.last()];
    bytes.len() <= 63
        && ends.iter().all(|end| end.is_some_and(u8::is_ascii_alphanumeric))
        && bytes.iter().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'_' | b'.'))
}

/// At most 253 characters: labels of small letters, digits and `-`, joined by points.
fn is_subdomain(name: &str) -> bool {
    let inner = |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-';
    name.len() <= 253
        && name.split('.').all(|label| {
            !label.is_empty()
                && label.bytes().all(inner)
                && !label.starts_with('-')
                && !label.ends_with('-')
        })
}
