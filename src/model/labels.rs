//! Labels of objects, and the one thing that we know of a namespace.

use std::fmt;
use std::hash::{Hash, Hasher};
use std::sync::Arc;

/// The label whose values name single nodes.
pub const HOSTNAME: &str = "kubernetes.io/hostname";

/// Labels of an object, sorted by key. Copies share them.
#[derive(Clone, Default)]
pub struct Labels(
    /// None where there is no label.
    Option<Arc<[Label]>>,
);

type Label = (Box<str>, Box<str>);

impl Labels {
    /// No labels.
    pub const EMPTY: Self = Self(None);

    fn all(&self) -> &[Label] {
        self.0.as_deref().unwrap_or_default()
    }

    /// The value of `key`, if the object has that label.
    #[must_use]
    pub fn get(&self, key: &str) -> Option<&str> {
        let all = self.all();
        let found = all.binary_search_by(|(k, _)| (**k).cmp(key)).ok()?;
        Some(&all[found].1)
    }

    /// All labels, sorted by key.
    pub fn iter(&self) -> impl Iterator<Item = (&str, &str)> {
        self.all().iter().map(|(k, v)| (&**k, &**v))
    }

    /// Number of labels.
    #[must_use]
    pub fn len(&self) -> usize {
        self.all().len()
    }

    /// Whether there is no label.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.is_none()
    }
}

impl PartialEq for Labels {
    fn eq(&self, other: &Self) -> bool {
        let same = |(one, other)| Arc::ptr_eq(one, other);
        self.0.as_ref().zip(other.0.as_ref()).is_some_and(same) || self.all() == other.all()
    }
}

impl Eq for Labels {}

impl Hash for Labels {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.all().hash(state);
    }
}

impl fmt::Debug for Labels {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Labels").field(&self.all()).finish()
    }
}

impl<K: Into<Box<str>>, V: Into<Box<str>>> FromIterator<(K, V)> for Labels {
    /// Sorts by key; of two entries with one key the later one stays.
    fn from_iter<T: IntoIterator<Item = (K, V)>>(iter: T) -> Self {
        let mut all: Vec<Label> = iter.into_iter().map(|(k, v)| (k.into(), v.into())).collect();
        all.sort_by(|a, b| a.0.cmp(&b.0));
        all.reverse();
        all.dedup_by(|a, b| a.0 == b.0);
        all.reverse();
        Self((!all.is_empty()).then(|| all.into()))
    }
}

/// A namespace: its labels are what pod affinity selects by.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Namespace {
    /// Its name.
    pub name: Box<str>,
    /// Its labels.
    pub labels: Labels,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sorted_and_the_last_of_a_key_wins() {
        let labels = Labels::from_iter([("b", "1"), ("a", "2"), ("b", "3")]);
        assert_eq!(labels.iter().collect::<Vec<_>>(), [("a", "2"), ("b", "3")]);
        assert_eq!(labels.get("b"), Some("3"));
        assert_eq!(labels.get("c"), None);
    }
}
