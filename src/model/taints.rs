//! Taints and tolerations, and when one tolerates the other.

/// Key of the taint that stands for `spec.unschedulable`.
pub const UNSCHEDULABLE_TAINT_KEY: &str = "node.kubernetes.io/unschedulable";

/// What a taint does to a pod that does not tolerate it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Effect {
    /// The pod is not placed there.
    NoSchedule,
    /// Other nodes are preferred.
    PreferNoSchedule,
    /// The pod is not placed there, and would be evicted.
    NoExecute,
    /// An effect that no scheduler knows; it does nothing.
    Unknown,
}

/// A taint of a node.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Taint {
    /// Its key.
    pub key: Box<str>,
    /// Its value, often empty.
    pub value: Box<str>,
    /// What it does.
    pub effect: Effect,
}

/// How a toleration compares values.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum TolerationOperator {
    /// The values are equal; also what no operator means.
    Equal,
    /// Any value.
    Exists,
    /// The taint's value is the lesser integer; only with the gate.
    Lt,
    /// The taint's value is the greater integer; only with the gate.
    Gt,
    /// Anything else: tolerates nothing.
    Never,
}

/// A toleration of a pod.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Toleration {
    /// The taint's key; empty for any.
    pub key: Box<str>,
    /// How values are compared.
    pub operator: TolerationOperator,
    /// What the taint's value is compared with.
    pub value: Box<str>,
    /// The taint's effect; `None` for any.
    pub effect: Option<Effect>,
}

impl Toleration {
    /// Whether this tolerates `taint`. An empty key with `Equal` compares values all the same. `compares`
    /// is the gate TaintTolerationComparisonOperators.
    ///
    /// Upstream: v1.Toleration.ToleratesTaint, v1.37.
    #[must_use]
    pub fn tolerates(&self, taint: &Taint, compares: bool) -> bool {
        let numbers = || Some((decimal(&taint.value)?, decimal(&self.value)?));
        self.effect.is_none_or(|effect| effect == taint.effect)
            && (self.key.is_empty() || self.key == taint.key)
            && match self.operator {
                TolerationOperator::Equal => self.value == taint.value,
                TolerationOperator::Exists => true,
                TolerationOperator::Lt => compares && numbers().is_some_and(|(of, own)| of < own),
                TolerationOperator::Gt => compares && numbers().is_some_and(|(of, own)| of > own),
                TolerationOperator::Never => false,
            }
    }
}

/// An integer as people write it: no plus sign, no zeros in front.
///
/// Upstream: content.IsDecimalInteger, v1.37.
fn decimal(text: &str) -> Option<i64> {
    let digits = text.strip_prefix('-').unwrap_or(text);
    let canonical = text == "0" || digits.starts_with(|c: char| ('1'..='9').contains(&c));
    if canonical { text.parse().ok() } else { None }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn toleration(key: &str, operator: TolerationOperator, effect: Option<Effect>) -> Toleration {
        Toleration { key: key.into(), operator, value: "v".into(), effect }
    }

    #[test]
    fn when_a_taint_is_tolerated() {
        use TolerationOperator::{Equal, Exists, Never};
        let taint = Taint { key: "k".into(), value: "v".into(), effect: Effect::NoSchedule };
        let rows = [
            (toleration("k", Equal, None), true),
            (toleration("", Equal, None), true),
            (toleration("x", Exists, None), false),
            (toleration("", Exists, Some(Effect::NoSchedule)), true),
            (toleration("k", Exists, Some(Effect::NoExecute)), false),
            (toleration("k", Never, None), false),
            (Toleration { value: "w".into(), ..toleration("k", Equal, None) }, false),
        ];
        for (toleration, want) in rows {
            assert_eq!(toleration.tolerates(&taint, false), want, "{toleration:?}");
            assert_eq!(toleration.tolerates(&taint, true), want, "{toleration:?}");
        }
    }

    #[test]
    fn comparing_numbers_takes_the_gate() {
        use TolerationOperator::{Gt, Lt};
        // The taint's value, the toleration's, whether Lt and Gt tolerate.
        let rows = [
            ("5", "10", (true, false)),
            ("10", "5", (false, true)),
            ("5", "5", (false, false)),
            ("-7", "0", (true, false)),
            ("05", "10", (false, false)),
            ("5", "+10", (false, false)),
            ("-0", "10", (false, false)),
            ("5", "1e1", (false, false)),
            ("5", "", (false, false)),
            ("5", "9223372036854775808", (false, false)),
        ];
        for (of_taint, own, (lt, gt)) in rows {
            let taint =
                Taint { key: "k".into(), value: of_taint.into(), effect: Effect::NoSchedule };
            for (operator, want) in [(Lt, lt), (Gt, gt)] {
                let toleration =
                    Toleration { value: own.into(), ..toleration("k", operator, None) };
                let what = format!("{of_taint} {operator:?} {own}");
                assert_eq!(toleration.tolerates(&taint, true), want, "{what}");
                assert!(!toleration.tolerates(&taint, false), "{what}");
            }
        }
    }
}
