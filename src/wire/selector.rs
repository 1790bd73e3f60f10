//! Label selectors as they are written, and which keys and values labels may have.

use std::collections::BTreeMap;

use serde::Deserialize;

use crate::model::{
    self, LabelOperator, LabelRequirement, NodeOperator, label_key_errors, label_value_errors,
};

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
    pub(super) fn to_model(&self) -> Option<model::LabelSelector> {
        self.compile().ok()
    }

    /// The selector, its requirements by key, or what is wrong with the first wrong one of them, labels by
    /// key before expressions (upstream takes its labels in any order).
    ///
    /// Upstream: metav1.LabelSelectorAsSelector, v1.37.
    pub(super) fn compile(&self) -> Result<model::LabelSelector, String> {
        let labels = self.match_labels.iter().flatten();
        let equal = labels.map(|(key, value)| {
            Ok(LabelRequirement {
                key: key.as_str().into(),
                operator: LabelOperator::In,
                values: vec![value.as_str().into()],
            })
        });
        let listed = self.match_expressions.iter().map(Requirement::compile);
        let all = equal.chain(listed).map(|requirement| {
            let requirement = requirement?;
            let LabelRequirement { key, operator, values } = &requirement;
            let wrong = label_errors(key, values, (*operator).into(), "");
            if wrong.is_empty() { Ok(requirement) } else { Err(aggregate(&wrong)) }
        });
        let mut requirements = all.collect::<Result<Vec<_>, _>>()?;
        requirements.sort_by(|a, b| a.key.cmp(&b.key));
        Ok(model::LabelSelector { requirements })
    }
}

impl Requirement {
    fn compile(&self) -> Result<LabelRequirement, String> {
        let operator = match self.operator.as_deref().unwrap_or_default() {
            "In" => LabelOperator::In,
            "NotIn" => LabelOperator::NotIn,
            "Exists" => LabelOperator::Exists,
            "DoesNotExist" => LabelOperator::DoesNotExist,
            other => return Err(format!("{other:?} is not a valid label selector operator")),
        };
        Ok(LabelRequirement {
            key: self.key.clone().unwrap_or_default(),
            operator,
            values: self.values.to_vec(),
        })
    }
}

/// Several errors in one text: one as it is, more in brackets, none twice.
///
/// Upstream: utilerrors.Aggregate, v1.37.
pub(super) fn aggregate(errors: &[String]) -> String {
    let mut texts: Vec<&str> = Vec::new();
    for error in errors {
        if !texts.contains(&error.as_str()) {
            texts.push(error);
        }
    }
    match texts[..] {
        [one] => one.to_owned(),
        _ => format!("[{}]", texts.join(", ")),
    }
}

/// What is wrong with a requirement of `values` under `key`; `path` is where they stand.
///
/// Upstream: labels.NewRequirement, v1.37.
pub(super) fn label_errors(
    key: &str,
    values: &[Box<str>],
    operator: NodeOperator,
    path: &str,
) -> Vec<String> {
    let mut all = Vec::new();
    let mut invalid = |field: &str, value: &str, wrong: &[String]| {
        if !wrong.is_empty() {
            all.push(format!("{path}{field}: Invalid value: {value}: {}", wrong.join("; ")));
        }
    };
    invalid("key", &format!("{key:?}"), &label_key_errors(key));
    if let Some(text) = operator.wrong_count(values) {
        invalid("values", &listed(values), &[text.to_owned()]);
    }
    for (at, value) in values.iter().enumerate().filter(|_| operator.is_ordered()) {
        if value.parse::<i64>().is_err() {
            let text = "for 'Gt', 'Lt' operators, the value must be an integer".to_owned();
            invalid(&format!("values[{at}]"), &format!("{value:?}"), &[text]);
        }
    }
    for (at, value) in values.iter().enumerate() {
        let wrong = label_value_errors(value);
        invalid(&format!("values[{at}][{key}]"), &format!("{value:?}"), &wrong);
    }
    all
}

/// A list of texts as Go shows it; an empty one is none.
pub(super) fn listed(values: &[Box<str>]) -> String {
    if values.is_empty() {
        return "null".to_owned();
    }
    // Go's JSON is safe in HTML.
    let text = serde_json::json!(values).to_string();
    text.replace('<', "\\u003c").replace('>', "\\u003e").replace('&', "\\u0026")
}

/// A word, or nothing.
pub(super) fn is_label_value(value: &str) -> bool {
    label_value_errors(value).is_empty()
}

/// A word, after a DNS subdomain and a slash where it has a prefix.
pub(super) fn is_label_key(key: &str) -> bool {
    label_key_errors(key).is_empty()
}
