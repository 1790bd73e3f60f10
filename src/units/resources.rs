//! Amounts of resources as the scheduler compares them: milli CPU, bytes, counts.

use super::Quantity;

/// Amounts of the resources that nodes offer and pods ask for.
///
/// Upstream: framework.Resource, v1.37.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub struct Resources {
    /// CPU in thousandths of a core.
    pub milli_cpu: i64,
    /// Memory in bytes.
    pub memory: i64,
    /// Ephemeral storage in bytes.
    pub ephemeral_storage: i64,
    /// Extended resources, huge pages and other countable resources, sorted by name.
    pub scalars: Vec<(Box<str>, i64)>,
}

impl Resources {
    /// Converts a list of named quantities; names that the scheduler does not count are left out.
    ///
    /// Each quantity is rounded up once, after everything that belongs in it was added.
    pub fn from_quantities<'a>(list: impl IntoIterator<Item = (&'a str, Quantity)>) -> Self {
        let mut out = Self::default();
        for (name, quantity) in list {
            match name {
                "cpu" => out.milli_cpu = quantity.milli_value(),
                "memory" => out.memory = quantity.value(),
                "ephemeral-storage" => out.ephemeral_storage = quantity.value(),
                other if is_scalar_resource(other) => {
                    out.scalars.push((other.into(), quantity.value()));
                }
                _ => {}
            }
        }
        out.scalars.sort_unstable();
        out
    }

    /// The amount of the scalar resource `name`; zero where it is not listed.
    #[must_use]
    pub fn scalar(&self, name: &str) -> i64 {
        let found = self.scalars.binary_search_by(|(n, _)| (**n).cmp(name));
        found.map_or(0, |i| self.scalars[i].1)
    }
}

/// Whether `name` is counted as a scalar: extended resources, huge pages, prefixed native resources and
/// attachable volume limits.
///
/// Upstream: schedutil.IsScalarResourceName, v1.37.
#[must_use]
pub fn is_scalar_resource(name: &str) -> bool {
    is_extended_resource(name)
        || name.starts_with("hugepages-")
        || name.contains("kubernetes.io/")
        || name.starts_with("attachable-volumes-")
}

/// Upstream: v1helper.IsExtendedResourceName, v1.37. A name with a slash outside `kubernetes.io/` that,
/// behind the prefix `requests.`, is still a qualified name of at most 63 + 253 characters.
#[must_use]
pub fn is_extended_resource(name: &str) -> bool {
    const QUOTA_PREFIX: &str = "requests.";
    if !name.contains('/') || name.contains("kubernetes.io/") || name.starts_with(QUOTA_PREFIX) {
        return false;
    }
    let Some((domain, rest)) = name.split_once('/') else { return false };
    let domain_fits = !domain.is_empty()
        && domain.len() + QUOTA_PREFIX.len() <= 253
        && domain.split('.').all(|label| {
            !label.is_empty()
                && label.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-')
                && !label.starts_with('-')
                && !label.ends_with('-')
        });
    let word = |b: u8| b.is_ascii_alphanumeric();
    domain_fits
        && !rest.is_empty()
        && rest.len() <= 63
        && rest.bytes().all(|b| word(b) || matches!(b, b'-' | b'_' | b'.'))
        && rest.bytes().next().is_some_and(word)
        && rest.bytes().next_back().is_some_and(word)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn which_names_are_scalars() {
        let rows = [
            ("example.com/gpu", true),
            ("nvidia.com/gpu", true),
            ("hugepages-2Mi", true),
            ("kubernetes.io/batch-cpu", true),
            ("attachable-volumes-aws-ebs", true),
            ("requests.example.com/gpu", false),
            ("pods", false),
            ("storage", false),
            ("gpu", false),
            ("example.com/", false),
            ("Example.com/gpu", false),
            ("example.com/a/b", false),
            ("example.com/gpu-", false),
        ];
        for (name, want) in rows {
            assert_eq!(is_scalar_resource(name), want, "{name}");
        }
    }

    #[test]
    fn scalars_are_sorted_and_found() {
        let of = |n: i64| Quantity::from_units(n);
        let list = [("z.io/b", of(2)), ("cpu", of(1)), ("a.io/a", of(3)), ("pods", of(9))];
        let resources = Resources::from_quantities(list);
        assert_eq!(resources.milli_cpu, 1000);
        assert_eq!(resources.scalars.len(), 2);
        assert_eq!((resources.scalar("a.io/a"), resources.scalar("z.io/b")), (3, 2));
        assert_eq!(resources.scalar("pods"), 0);
    }
}
