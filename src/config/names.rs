//! Kubernetes' rules on label keys and label values, each as one text. Called by the readers of plugin args.

use crate::model::{label_key_errors, label_value_errors};

/// What is wrong with `text` as the key of a label.
pub(super) fn label_key_error(text: &str) -> Option<String> {
    joined(&label_key_errors(text))
}

/// What is wrong with `text` as the value of a label.
pub(super) fn label_value_error(text: &str) -> Option<String> {
    joined(&label_value_errors(text))
}

fn joined(wrong: &[String]) -> Option<String> {
    (!wrong.is_empty()).then(|| wrong.join("; "))
}
