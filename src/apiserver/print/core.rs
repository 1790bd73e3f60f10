//! Small kinds of the core group, and RBAC: namespaces, maps, accounts, quotas, bindings of roles.
//!
//! Upstream: the functions print* of these kinds, v1.37.

use serde_json::Value;

use super::column::{AGE, Column, NAME};
use super::fields::{at, count, list, text};

/// The columns of namespaces.
pub(super) const NAMESPACES: &[Column] = &[NAME, Column::field("Status", "status.phase"), AGE];

/// The columns of config maps.
pub(super) const CONFIG_MAPS: &[Column] = &[
    NAME,
    Column::read("Data", |map| (count(map, "data") + count(map, "binaryData")).into()),
    AGE,
];

/// The columns of secrets.
pub(super) const SECRETS: &[Column] =
    &[NAME, Column::field("Type", "type"), Column::count("Data", "data").typed("string"), AGE];

/// The columns of resource quotas.
pub(super) const RESOURCE_QUOTAS: &[Column] = &[
    NAME,
    Column::read("Request", |quota| quota_use(quota, false).into()),
    Column::read("Limit", |quota| quota_use(quota, true).into()),
    AGE,
];

/// The columns of role bindings and cluster role bindings.
pub(super) const ROLE_BINDINGS: &[Column] = &[
    NAME,
    Column::read("Role", |binding| {
        format!("{}/{}", text(binding, "roleRef.kind"), text(binding, "roleRef.name")).into()
    }),
    AGE,
    Column::read("Users", |binding| subjects(binding, "User").into()).wide(),
    Column::read("Groups", |binding| subjects(binding, "Group").into()).wide(),
    Column::read("ServiceAccounts", |binding| subjects(binding, "ServiceAccount").into()).wide(),
];

/// The columns of leases.
pub(super) const LEASES: &[Column] = &[NAME, Column::field("Holder", "spec.holderIdentity"), AGE];

/// `pods: 1/10, requests.cpu: 2/4`: what is used of the limits (`limits.*`) or of all else.
///
/// Amounts are shown as they are stored, which is their canonical form.
fn quota_use(quota: &Value, of_limits: bool) -> String {
    let hard = at(quota, "status.hard").as_object().into_iter().flatten();
    let mut hard: Vec<_> =
        hard.filter(|(name, _)| name.starts_with("limits.") == of_limits).collect();
    hard.sort_unstable_by_key(|(name, _)| *name);
    let used = at(quota, "status.used");
    let amount = |amount: Option<&Value>| amount.and_then(Value::as_str).unwrap_or("0").to_owned();
    let shown = |(name, hard): (&String, _)| {
        format!("{name}: {}/{}", amount(used.get(name)), amount(Some(hard)))
    };
    hard.into_iter().map(shown).collect::<Vec<_>>().join(", ")
}

/// The names of the subjects of a kind; those of service accounts with their namespaces.
fn subjects(binding: &Value, kind: &str) -> String {
    let of_kind = list(binding, "subjects").iter().filter(|subject| text(subject, "kind") == kind);
    let shown = |subject| match kind {
        "ServiceAccount" => format!("{}/{}", text(subject, "namespace"), text(subject, "name")),
        _ => text(subject, "name").to_owned(),
    };
    of_kind.map(shown).collect::<Vec<_>>().join(", ")
}
