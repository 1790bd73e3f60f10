//! Which object or list a path names: [`Target`].

use crate::apiserver::kinds::Resource;

/// What a path below `/api` or `/apis` names.
#[derive(Clone, Debug)]
pub struct Target {
    /// The kind.
    pub resource: &'static Resource,
    /// The namespace, empty where none is named.
    pub namespace: String,
    /// The object, empty for all of them.
    pub name: String,
    /// The part of the object, empty for the whole.
    pub subresource: String,
}

impl Target {
    /// Reads a path; `None` where nothing is served at it.
    #[must_use]
    pub fn parse(path: &str) -> Option<Self> {
        let parts = path.trim_matches('/').split('/').map(decode);
        let parts: Vec<String> = parts.collect::<Option<_>>()?;
        let parts: Vec<&str> = parts.iter().map(String::as_str).collect();
        let (group, version, rest) = match &*parts {
            ["api", version, rest @ ..] => ("", *version, rest),
            ["apis", group, version, rest @ ..] => (*group, *version, rest),
            _ => return None,
        };
        let (namespace, rest) = match rest {
            // Parts of the Namespace itself, not of what is in it.
            ["namespaces", _, "status" | "finalize"] => ("", rest),
            ["namespaces", namespace, rest @ ..] if !rest.is_empty() => (*namespace, rest),
            _ => ("", rest),
        };
        let (plural, name, subresource) = match rest {
            [plural] => (*plural, "", ""),
            [plural, name] => (*plural, *name, ""),
            [plural, name, subresource] => (*plural, *name, *subresource),
            _ => return None,
        };
        let resource = Resource::find(group, version, plural)?;
        let fits = resource.namespaced || namespace.is_empty();
        let named = name.is_empty() || !resource.namespaced || !namespace.is_empty();
        let known = subresource.is_empty() || resource.subresource(subresource).is_some();
        (fits && named && known).then(|| Self {
            resource,
            namespace: namespace.to_owned(),
            name: name.to_owned(),
            subresource: subresource.to_owned(),
        })
    }
}

impl Target {
    /// Whether a path lies below a group that is served.
    #[must_use]
    pub fn is_of_served_group(path: &str) -> bool {
        let mut parts = path.trim_matches('/').split('/');
        match (parts.next(), parts.next()) {
            (Some("api"), _) => true,
            (Some("apis"), Some(group)) => {
                !group.is_empty() && Resource::all().iter().any(|row| row.group == group)
            }
            _ => false,
        }
    }
}

/// A part of a path without its percent signs; `None` where they are wrong.
fn decode(part: &str) -> Option<String> {
    let mut bytes = Vec::with_capacity(part.len());
    let mut rest = part.as_bytes();
    while let Some((first, tail)) = rest.split_first() {
        rest = tail;
        if *first != b'%' {
            bytes.push(*first);
            continue;
        }
        let (digits, tail) = tail.split_at_checked(2)?;
        bytes.push(u8::from_str_radix(std::str::from_utf8(digits).ok()?, 16).ok()?);
        rest = tail;
    }
    String::from_utf8(bytes).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(path: &str) -> Option<(&'static str, String, String, String)> {
        let Target { resource, namespace, name, subresource } = Target::parse(path)?;
        Some((resource.plural, namespace, name, subresource))
    }

    #[test]
    fn paths_name_objects_lists_and_parts() {
        let found = |plural, ns: &str, name: &str, sub: &str| {
            Some((plural, ns.to_owned(), name.to_owned(), sub.to_owned()))
        };
        assert_eq!(parse("/api/v1/pods"), found("pods", "", "", ""));
        assert_eq!(parse("/api/v1/namespaces/d/pods/x"), found("pods", "d", "x", ""));
        assert_eq!(
            parse("/api/v1/namespaces/d/pods/x/binding"),
            found("pods", "d", "x", "binding")
        );
        assert_eq!(parse("/api/v1/namespaces/d"), found("namespaces", "", "d", ""));
        assert_eq!(
            parse("/api/v1/namespaces/d/finalize"),
            found("namespaces", "", "d", "finalize")
        );
        let role = "/apis/rbac.authorization.k8s.io/v1/clusterroles/system%3Anode";
        assert_eq!(parse(role), found("clusterroles", "", "system:node", ""));
    }

    #[test]
    fn what_is_not_served_is_not_found() {
        for path in [
            "/api/v1/gadgets",
            "/api/v2/pods",
            "/api/v1/pods/x",
            "/api/v1/namespaces/d/nodes",
            "/api/v1/namespaces/d/pods/x/attach",
            "/api/v1/nodes/%zz",
        ] {
            assert_eq!(parse(path), None, "{path}");
        }
    }
}
