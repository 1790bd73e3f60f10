//! Server-side apply: merges what somebody applies, takes away what they no longer apply, and refuses to
//! change what others own.
//!
//! Upstream: FieldManager.Apply in apimachinery/pkg/util/managedfields and merge.Updater of
//! structured-merge-diff, v1.37. Differs from upstream: as [`super::track`] does; and what a malformed
//! patch is answered with is a 400 where upstream says 500.

use serde_json::Value;

use super::compare::{Difference, compare, fields_of};
use super::fields::{FieldSet, path_text};
use super::join::join;
use super::managed::{self, Operation, Owner};
use super::remove::without;
use super::strategic::bad;
use super::track::{empty, strip, update};
use super::{ApplyConflict, PatchError, check_depth, last_applied, reset, validate};
use crate::apiserver::schema::{GroupVersionKind, Schema, Type, prune};

/// Who owned the fields of an object before anybody applied to it.
const BEFORE_FIRST_APPLY: &str = "before-first-apply";

/// Who applies, and how.
#[derive(Clone, Copy, Debug)]
pub struct ApplyOptions<'a> {
    /// The fieldManager of the request.
    pub manager: &'a str,
    /// Whether to take fields from others.
    pub force: bool,
    /// The subresource applied through, empty for the object itself.
    pub subresource: &'a str,
    /// Now, as RFC 3339 in UTC and whole seconds.
    pub time: &'a str,
}

/// A field that somebody else owns and that would change.
struct Conflict {
    owner: Owner,
    path: Vec<String>,
}

/// What an object of `kind` becomes when `applied` is applied to it, `metadata.managedFields` included;
/// `live` is `None` where it is created. The answer is pruned, not yet defaulted or validated.
pub fn apply(
    kind: &GroupVersionKind,
    live: Option<&Value>,
    applied: &Value,
    options: &ApplyOptions<'_>,
) -> Result<Value, PatchError> {
    let shape = check(kind, applied)?;
    let mut object = live.cloned().unwrap_or_else(|| empty(kind));
    let mut owners = match managed::take(&mut object) {
        Some(entries) => managed::read(entries, false)
            .ok_or_else(|| bad("failed to decode managed fields".to_owned()))?,
        None => Vec::new(),
    };
    if owners.is_empty() && live.is_some() {
        let mut difference = compare(Some(shape), Some(&empty(kind)), Some(&object));
        reset::filter(kind, options.subresource, &mut difference.changed);
        let writer = Owner::new(kind, Operation::Update, BEFORE_FIRST_APPLY, options.subresource);
        update(&mut owners, difference, writer, options.time);
    }
    let work = Work { kind, shape, live: &object, applied, options };
    let is_kubectl = options.manager == last_applied::KUBECTL;
    let outcome = match work.attempt(owners.clone(), options.force) {
        Err(conflicts) if is_kubectl => {
            let allowed = last_applied::untouched(kind, shape, &object).unwrap_or_default();
            let left: Vec<Conflict> =
                conflicts.into_iter().filter(|conflict| !allowed.has(&conflict.path)).collect();
            if left.is_empty() { work.attempt(owners, true) } else { Err(left) }
        }
        outcome => outcome,
    };
    let (merged, owners) = outcome.map_err(in_words)?;
    let mut result = merged.unwrap_or(object);
    if is_kubectl {
        last_applied::renew(&mut result, applied);
    }
    prune(kind, &mut result);
    managed::write(&mut result, owners);
    Ok(result)
}

/// The type of what is applied, if it may be applied at all.
fn check(kind: &GroupVersionKind, applied: &Value) -> Result<&'static Type, PatchError> {
    check_depth(applied)?;
    let shape = Schema::of(kind).ok_or_else(|| {
        PatchError::UnsupportedMediaType(format!("server-side apply knows nothing of {kind}"))
    })?;
    let text = |name: &str| applied.get(name).and_then(Value::as_str).unwrap_or_default();
    if text("kind") != &*kind.kind || text("apiVersion") != kind.api_version() {
        let (group, version) =
            text("apiVersion").rsplit_once('/').unwrap_or(("", text("apiVersion")));
        let given = GroupVersionKind::new(group, version, text("kind"));
        return Err(bad(format!("invalid object type: {given}")));
    }
    if managed::entries(applied).is_some() {
        return Err(bad("metadata.managedFields must be nil".to_owned()));
    }
    match validate::mistakes(shape, applied) {
        None => Ok(shape),
        Some(mistakes) => {
            let metadata = |name: &str| {
                let value = applied.get("metadata").and_then(|metadata| metadata.get(name));
                value.and_then(Value::as_str).unwrap_or_default()
            };
            let (namespace, name) = (metadata("namespace"), metadata("name"));
            Err(bad(format!(
                "failed to create typed patch object ({namespace}/{name}; {kind}): {mistakes}"
            )))
        }
    }
}

struct Work<'a> {
    kind: &'a GroupVersionKind,
    shape: &'static Type,
    /// Without its entries.
    live: &'a Value,
    applied: &'a Value,
    options: &'a ApplyOptions<'a>,
}

impl Work<'_> {
    /// What the object becomes (`None`: it stays) and who then owns what, or the conflicts.
    fn attempt(
        &self,
        mut owners: Vec<Owner>,
        force: bool,
    ) -> Result<(Option<Value>, Vec<Owner>), Vec<Conflict>> {
        let options = self.options;
        let shape = Some(self.shape);
        let merged = join(shape, Some(self.live), Some(self.applied)).unwrap_or_default();
        let mut me = Owner::new(self.kind, Operation::Apply, options.manager, options.subresource);
        me.fields = fields_of(shape, self.applied);
        reset::filter(self.kind, options.subresource, &mut me.fields);
        let last = owners.iter().position(|owner| owner.is(&me)).map(|at| owners.remove(at));
        let merged = match &last {
            Some(last) => self.without_dropped(merged, &last.fields, &me, &owners),
            None => merged,
        };

        let mut difference = compare(shape, Some(self.live), Some(&merged));
        reset::filter(self.kind, options.subresource, &mut difference.changed);
        reset::filter(self.kind, options.subresource, &mut difference.removed);
        if !force {
            let conflicts = conflicts(&owners, &difference);
            if !conflicts.is_empty() {
                return Err(conflicts);
            }
        }
        for owner in &mut owners {
            owner.fields.subtract(&difference.changed);
            owner.fields.subtract(&difference.removed);
        }
        owners.retain(|owner| !owner.fields.is_empty());

        let is_new = merged != *self.live;
        me.time =
            if is_new { Some(options.time.to_owned()) } else { last.and_then(|last| last.time) };
        strip(&mut me);
        if !me.fields.is_empty() {
            owners.push(me);
        }
        Ok((is_new.then_some(merged), owners))
    }

    /// Takes out what was applied last time and is not now, unless somebody else owns it.
    fn without_dropped(
        &self,
        merged: Value,
        last: &FieldSet,
        me: &Owner,
        others: &[Owner],
    ) -> Value {
        if last.is_empty() {
            return merged;
        }
        let shape = Some(self.shape);
        let named = |set: FieldSet| set.with_named_fields(shape);
        let last = named(last.clone());
        let had = named(fields_of(shape, &merged));
        let bare = without(shape, &merged, &last);

        let mut kept = named(fields_of(shape, &bare));
        let mut owned = me.fields.clone();
        for other in others {
            owned.unite(other.fields.clone());
        }
        kept.unite(named(owned));
        let mut gone = had.clone();
        gone.subtract(&kept);
        let owned_only = without(shape, &merged, &gone);

        // What hangs below something that went goes only if it was applied last time.
        let mut gone = had;
        gone.subtract(&named(fields_of(shape, &owned_only)));
        without(shape, &merged, &gone.intersection(&last))
    }
}

fn conflicts(owners: &[Owner], difference: &Difference) -> Vec<Conflict> {
    let mut owners: Vec<&Owner> = owners.iter().collect();
    owners.sort_by_cached_key(|owner| owner.identifier());
    let mut found = Vec::new();
    for owner in owners {
        let both = owner.fields.intersection(&difference.changed);
        both.each(&mut Vec::new(), &mut |path| {
            let owner = Owner { fields: FieldSet::default(), ..owner.clone() };
            found.push(Conflict { owner, path: path.to_vec() });
        });
    }
    found
}

fn in_words(conflicts: Vec<Conflict>) -> PatchError {
    let in_words = |conflict: Conflict| ApplyConflict {
        manager: conflict.owner.manager,
        subresource: conflict.owner.subresource,
        api_version: (conflict.owner.operation == Operation::Update)
            .then_some(conflict.owner.api_version),
        field: path_text(&conflict.path),
    };
    PatchError::Conflict(conflicts.into_iter().map(in_words).collect())
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn by(manager: &str) -> ApplyOptions<'_> {
        ApplyOptions { manager, force: false, subresource: "", time: "2026-01-01T00:00:00Z" }
    }

    #[test]
    fn owners_conflicts_and_removal() {
        let kind = GroupVersionKind::new("", "v1", "ConfigMap");
        let object = |data: Value| json!({"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "a"}, "data": data});
        let first =
            apply(&kind, None, &object(json!({"x": "1", "y": "1"})), &by("a")).expect("new");
        let both =
            apply(&kind, Some(&first), &object(json!({"y": "1"})), &by("b")).expect("shared");
        let conflict = apply(&kind, Some(&both), &object(json!({"y": "2"})), &by("b"));
        let conflict = conflict.expect_err("owned by a").to_string();
        assert_eq!(conflict, "Apply failed with 1 conflict: conflict with \"a\": .data.y");
        let forced = ApplyOptions { force: true, ..by("b") };
        let taken = apply(&kind, Some(&both), &object(json!({"y": "2"})), &forced).expect("force");
        assert_eq!(taken["data"], json!({"x": "1", "y": "2"}));
        let gone = apply(&kind, Some(&taken), &object(json!({})), &by("a")).expect("x goes");
        assert_eq!(gone["data"], json!({"y": "2"}));

        let wrong = apply(&kind, None, &object(json!({"x": 1})), &by("a")).expect_err("a number");
        assert!(wrong.to_string().contains(".data.x: expected string"), "{wrong}");
        let mut wrong = object(json!({}));
        wrong["specs"] = json!({});
        let wrong = apply(&kind, None, &wrong, &by("a")).expect_err("an unknown field");
        assert_eq!(
            wrong.to_string(),
            "failed to create typed patch object (/a; /v1, Kind=ConfigMap): .specs: field not declared \
             in schema"
        );
    }
}
