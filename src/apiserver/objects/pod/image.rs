//! Which tag the name of an image has: the pull policy follows from it.
//!
//! Upstream: parsers.ParseImageName, v1.37.

/// Whether the image is to be pulled always: its tag is `latest`, or it has neither tag nor digest.
/// A name that cannot be read is not.
pub(super) fn is_latest(image: &str) -> bool {
    let (name, digest) = match image.split_once('@') {
        Some((name, digest)) => (name, Some(digest)),
        None => (image, None),
    };
    let path_at = name.rfind('/').map_or(0, |at| at + 1);
    let (repository, tag) = match name[path_at..].rfind(':') {
        Some(at) => (&name[..path_at + at], Some(&name[path_at + at + 1..])),
        None => (name, None),
    };
    let readable = is_repository(repository)
        && tag.is_none_or(is_tag)
        && digest.is_none_or(|digest| digest.contains(':'));
    readable && tag.map_or(digest.is_none(), |tag| tag == "latest")
}

fn is_tag(tag: &str) -> bool {
    let word = |c: char| c.is_ascii_alphanumeric() || c == '_';
    tag.len() <= 128
        && tag.starts_with(word)
        && tag.chars().all(|c| word(c) || c == '.' || c == '-')
}

fn is_repository(name: &str) -> bool {
    let parts: Vec<&str> = name.split('/').collect();
    let is_domain = |part: &str| {
        part.contains(['.', ':']) || part == "localhost" || part.contains(char::is_uppercase)
    };
    let path = match parts.split_first() {
        Some((first, rest)) if !rest.is_empty() && is_domain(first) => rest,
        _ => &parts[..],
    };
    path.iter().all(|part| {
        let alphanumeric = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit();
        part.starts_with(alphanumeric)
            && part.ends_with(alphanumeric)
            && part.chars().all(|c| alphanumeric(c) || matches!(c, '.' | '_' | '-'))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_tag_decides() {
        let latest = ["nginx", "nginx:latest", "localhost:5000/nginx", "registry.k8s.io/a/b"];
        let other =
            ["nginx:1.27", "nginx@sha256:0123", "a.b:5000/nginx:1", "Nginx", "", "nginx:la test"];
        for image in latest {
            assert!(is_latest(image), "{image}");
        }
        for image in other {
            assert!(!is_latest(image), "{image}");
        }
    }
}
