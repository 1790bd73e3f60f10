//! A node as the scheduler sees it.

use std::borrow::Cow;

use crate::units::Resources;

use super::{Labels, Taint};

/// A node, without what nobody here reads.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Node {
    /// Its name.
    pub name: Box<str>,
    /// Its labels.
    pub labels: Labels,
    /// Its taints, in the order of its spec.
    pub taints: Vec<Taint>,
    /// `spec.unschedulable`: cordoned.
    pub unschedulable: bool,
    /// What pods may use of it (`status.allocatable`).
    pub allocatable: Resources,
    /// How many pods it takes (`status.allocatable.pods`).
    pub allocatable_pods: i64,
    /// `status.declaredFeatures`, rising.
    pub declared_features: Vec<Box<str>>,
    /// Images that are there, each under all of its normalised names.
    pub images: Vec<Image>,
}

/// An image that a node has.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Image {
    /// Its names, as the node reports them.
    pub names: Vec<Box<str>>,
    /// Its size in bytes.
    pub size_bytes: i64,
}

/// The name under which an image of a container is looked up: without a tag or digest it is `:latest`.
///
/// Upstream: imagelocality.normalizedImageName, v1.37.
#[must_use]
pub fn normalized_image_name(name: &str) -> Cow<'_, str> {
    let colon = name.rfind(':');
    let slash = name.rfind('/');
    if colon <= slash { format!("{name}:latest").into() } else { name.into() }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_without_a_tag_is_latest() {
        let rows = [
            ("root", "root:latest"),
            ("root:tag", "root:tag"),
            ("gcr.io:5000/root", "gcr.io:5000/root:latest"),
            ("root@sha256:12", "root@sha256:12"),
            ("gcr.io:5000/root:tag", "gcr.io:5000/root:tag"),
        ];
        for (name, want) in rows {
            assert_eq!(normalized_image_name(name), want);
        }
    }
}
