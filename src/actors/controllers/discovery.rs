//! Which kinds of objects an API server has that can be listed, watched and deleted.

use futures::{StreamExt, stream};
use k8s_openapi::apimachinery::pkg::apis::meta::v1::APIResourceList;
use kube::Client;
use kube::core::{ApiResource, GroupVersionKind};
use tracing::debug;

use super::kind::collection;

/// Requests at the same time.
const REQUESTS: usize = 4;
/// What a kind must be able to do.
const VERBS: [&str; 3] = ["list", "watch", "delete"];

/// A kind.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Discovered {
    /// Such as `apps/v1`.
    pub(super) api_version: String,
    pub(super) kind: String,
    pub(super) plural: String,
    pub(super) namespaced: bool,
}

impl Discovered {
    /// The path of the objects of a namespace; of all where that is empty.
    pub(super) fn collection(&self, namespace: &str) -> String {
        collection(&self.api_version, &self.plural, namespace)
    }

    pub(super) fn api_resource(&self) -> ApiResource {
        let (group, version) = match self.api_version.split_once('/') {
            Some(parts) => parts,
            None => ("", self.api_version.as_str()),
        };
        let kind = GroupVersionKind::gvk(group, version, &self.kind);
        ApiResource::from_gvk_with_plural(&kind, &self.plural)
    }
}

/// All such kinds, each in its group's preferred version, without events: those of one group are those
/// of the other, and they belong to nobody. A group that does not answer is left out.
pub(super) async fn discover(client: &Client) -> kube::Result<Vec<Discovered>> {
    let groups = client.list_api_groups().await?;
    let preferred = groups.groups.into_iter().filter_map(|group| {
        let version = group.preferred_version.or_else(|| group.versions.into_iter().next());
        Some(version?.group_version)
    });
    let lists = preferred.map(|version| async move {
        let list = client.list_api_group_resources(&version).await;
        (version, list)
    });
    let mut found = kinds("v1", client.list_core_api_resources("v1").await?);
    let lists: Vec<_> = stream::iter(lists).buffered(REQUESTS).collect().await;
    for (version, list) in lists {
        match list {
            Ok(list) => found.extend(kinds(&version, list)),
            Err(error) => debug!("{version} is left out: {error}"),
        }
    }
    Ok(found)
}

fn kinds(version: &str, list: APIResourceList) -> Vec<Discovered> {
    let suits = |verbs: &[String]| VERBS.iter().all(|verb| verbs.iter().any(|v| v == verb));
    let resources = list.resources.into_iter();
    resources
        .filter(|resource| suits(&resource.verbs) && resource.name != "events")
        .map(|resource| Discovered {
            api_version: version.to_owned(),
            kind: resource.kind,
            plural: resource.name,
            namespaced: resource.namespaced,
        })
        .collect()
}
