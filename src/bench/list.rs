//! Lists of objects as far as the bench reads them: names, page by page. Used by `clean`, by `floor` for nodes,
//! and by those who follow pods.

use anyhow::Context as _;
use serde::Deserialize;

use crate::client::Plain;

/// Objects of a page of a list.
pub(super) const PAGE_OBJECTS: usize = 500;

/// A page of a list, or all of it.
#[derive(Deserialize)]
pub(super) struct List<T> {
    pub(super) metadata: ListMetadata,
    pub(super) items: Vec<T>,
}

/// What a list says of itself.
#[derive(Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub(super) struct ListMetadata {
    pub(super) resource_version: String,
    #[serde(rename = "continue")]
    next: String,
}

/// An object of a list.
#[derive(Deserialize)]
struct Item {
    metadata: Named,
}

/// What an object is called, and who wants to see it before it goes.
#[derive(Default, Deserialize)]
#[serde(default)]
pub(super) struct Named {
    pub(super) name: String,
    pub(super) namespace: String,
    pub(super) finalizers: Vec<String>,
}

/// The first object at `path` that a label selector chooses.
pub(super) async fn first(
    plain: &Plain,
    path: &str,
    selector: &str,
) -> anyhow::Result<Option<String>> {
    let page = page(plain, path, selector, 1, "").await?;
    Ok(page.items.into_iter().next().map(|item| item.metadata.name))
}

/// All objects at `path` that a label selector chooses.
pub(super) async fn all(plain: &Plain, path: &str, selector: &str) -> anyhow::Result<Vec<Named>> {
    let (mut all, mut next) = (Vec::new(), String::new());
    loop {
        let page = page(plain, path, selector, PAGE_OBJECTS, &next).await?;
        all.extend(page.items.into_iter().map(|item| item.metadata));
        next = page.metadata.next;
        if next.is_empty() {
            return Ok(all);
        }
    }
}

async fn page(
    plain: &Plain,
    path: &str,
    selector: &str,
    limit: usize,
    next: &str,
) -> anyhow::Result<List<Item>> {
    let escaped = |text: &str| text.replace('/', "%2F").replace('!', "%21").replace('=', "%3D");
    let query =
        format!("limit={limit}&labelSelector={}&continue={}", escaped(selector), escaped(next));
    plain.read(&format!("{path}?{query}")).await.with_context(|| format!("GET {path}"))
}
