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
    /// `Lt`, `Gt` (behind an alpha gate that is off) and anything else: tolerates nothing.
    Never,
}

/// A toleration of a pod.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Toleration {
    /// The taint's key; empty for any.
    pub key: Box<str>,
    /// How values are compared.
    pub operator: TolerationOperator,
    /// The taint's value, for [`TolerationOperator::Equal`].
    pub value: Box<str>,
    /// The taint's effect; `None` for any.
    pub effect: Option<Effect>,
}

impl Toleration {
    /// Whether this tolerates `taint`. An empty key with `Equal` compares values all the same.
    ///
    /// Upstream: v1.Toleration.ToleratesTaint, v1.37, gate TaintTolerationComparisonOperators off.
    #[must_use]
    pub fn tolerates(&self, taint: &Taint) -> bool {
        self.effect.is_none_or(|effect| effect == taint.effect)
            && (self.key.is_empty() || self.key == taint.key)
            && match self.operator {
                TolerationOperator::Equal => self.value == taint.value,
                TolerationOperator::Exists => true,
                TolerationOperator::Never => false,
            }
    }
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
            assert_eq!(toleration.tolerates(&taint), want, "{toleration:?}");
        }
    }
}
