//! Label selectors, parsed, and when they match.

use super::Labels;

/// Operator of a requirement on one label.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum LabelOperator {
    /// The value is one of those listed.
    In,
    /// The value is none of those listed, or there is no such label.
    NotIn,
    /// There is such a label.
    Exists,
    /// There is no such label.
    DoesNotExist,
}

/// A requirement on one label.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct LabelRequirement {
    /// The label's key.
    pub key: Box<str>,
    /// What is asked of it.
    pub operator: LabelOperator,
    /// The values for `In` and `NotIn`.
    pub values: Vec<Box<str>>,
}

/// A label selector: all requirements hold. No requirement at all selects everything.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub struct LabelSelector {
    /// The requirements, `matchLabels` among them.
    pub requirements: Vec<LabelRequirement>,
}

impl LabelSelector {
    /// Whether an object with `labels` is selected.
    #[must_use]
    pub fn matches(&self, labels: &Labels) -> bool {
        self.requirements.iter().all(|requirement| {
            let value = labels.get(&requirement.key);
            let listed = || value.is_some_and(|v| requirement.values.iter().any(|x| **x == *v));
            match requirement.operator {
                LabelOperator::In => listed(),
                LabelOperator::NotIn => !listed(),
                LabelOperator::Exists => value.is_some(),
                LabelOperator::DoesNotExist => value.is_none(),
            }
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn operators() {
        use LabelOperator::{DoesNotExist, Exists, In, NotIn};
        let labels = Labels::from_iter([("app", "web")]);
        let rows = [
            ("app", In, vec!["web", "db"], true),
            ("app", In, vec!["db"], false),
            ("app", NotIn, vec!["web"], false),
            ("none", NotIn, vec!["web"], true),
            ("none", In, vec!["web"], false),
            ("app", Exists, vec![], true),
            ("app", DoesNotExist, vec![], false),
            ("none", DoesNotExist, vec![], true),
        ];
        for (key, operator, values, want) in rows {
            let values = values.into_iter().map(Into::into).collect();
            let requirement = LabelRequirement { key: key.into(), operator, values };
            let selector = LabelSelector { requirements: vec![requirement] };
            assert_eq!(selector.matches(&labels), want, "{selector:?}");
        }
        assert!(LabelSelector::default().matches(&labels));
    }
}
