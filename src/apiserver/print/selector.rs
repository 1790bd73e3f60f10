//! Labels and label selectors as text.
//!
//! Upstream: labels.FormatLabels, LabelSelectorAsSelector and Selector.String, v1.37.

use std::borrow::Cow;

use serde_json::Value;

use super::fields::{list, text};

/// A map of labels: `a=1,b=2` in the order of the keys, or `<none>`.
pub(super) fn labels(map: &Value) -> String {
    let mut pairs = pairs(map);
    pairs.sort_unstable();
    let pairs: Vec<_> = pairs.into_iter().map(|(key, value)| format!("{key}={value}")).collect();
    if pairs.is_empty() { "<none>".to_owned() } else { pairs.join(",") }
}

/// A LabelSelector: `a=1,b in (2,3),!c` in the order of the keys; `None` where it is wrong.
///
/// The text is empty for a selector that is not there and for one without requirements.
pub(super) fn requirements(selector: &Value) -> Option<String> {
    let equal = pairs(&selector["matchLabels"]).into_iter();
    let mut all: Vec<_> = equal.map(|(key, value)| (key, format!("{key}={value}"))).collect();
    for expression in list(selector, "matchExpressions") {
        all.push((text(expression, "key"), requirement(expression)?));
    }
    all.sort_by_key(|(key, _)| *key);
    Some(all.into_iter().map(|(_, text)| text).collect::<Vec<_>>().join(","))
}

/// A LabelSelector as most kinds show it: `<none>` where it is empty, `<error>` where it is wrong.
pub(super) fn label_selector(selector: &Value) -> String {
    match requirements(selector) {
        None => "<error>".to_owned(),
        Some(text) if text.is_empty() => "<none>".to_owned(),
        Some(text) => text,
    }
}

fn pairs(map: &Value) -> Vec<(&str, &str)> {
    let entries = map.as_object().into_iter().flatten();
    entries.map(|(key, value)| (key.as_str(), value.as_str().unwrap_or_default())).collect()
}

fn requirement(expression: &Value) -> Option<String> {
    let key = text(expression, "key");
    let mut values: Vec<Cow<'_, str>> = list(expression, "values").iter().map(as_text).collect();
    values.sort_unstable();
    match (text(expression, "operator"), values.is_empty()) {
        ("In", false) => Some(format!("{key} in ({})", values.join(","))),
        ("NotIn", false) => Some(format!("{key} notin ({})", values.join(","))),
        ("Exists", true) => Some(key.to_owned()),
        ("DoesNotExist", true) => Some(format!("!{key}")),
        _ => None,
    }
}

fn as_text(value: &Value) -> Cow<'_, str> {
    value.as_str().map_or_else(|| value.to_string().into(), Cow::Borrowed)
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn labels_stand_in_the_order_of_their_keys() {
        assert_eq!(labels(&json!({"b": "2", "a": "1", "c": ""})), "a=1,b=2,c=");
        assert_eq!(labels(&json!({})), "<none>");
        assert_eq!(labels(&Value::Null), "<none>");
    }

    #[test]
    fn requirements_stand_in_the_order_of_their_keys() {
        let selector = json!({
            "matchLabels": {"d": "4", "a": "1"},
            "matchExpressions": [
                {"key": "e", "operator": "DoesNotExist"},
                {"key": "c", "operator": "In", "values": ["y", "x"]},
                {"key": "b", "operator": "NotIn", "values": ["z"]},
                {"key": "f", "operator": "Exists"},
            ],
        });
        assert_eq!(label_selector(&selector), "a=1,b notin (z),c in (x,y),d=4,!e,f");
        assert_eq!(label_selector(&Value::Null), "<none>");
        assert_eq!(requirements(&json!({})).unwrap(), "");
    }

    #[test]
    fn a_wrong_selector_says_so() {
        for wrong in [
            json!({"key": "a", "operator": "In"}),
            json!({"key": "a", "operator": "Exists", "values": ["b"]}),
            json!({"key": "a", "operator": "Near", "values": ["b"]}),
        ] {
            let selector = json!({"matchExpressions": [wrong]});
            assert_eq!(label_selector(&selector), "<error>");
            assert_eq!(requirements(&selector), None);
        }
    }
}
