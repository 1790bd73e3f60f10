//! The lists of a strategic merge patch: merged by key, deleted from, put into an order.

use serde_json::Value;

use super::order::{Keyed, merge_by_order, sort_by_order};
use super::strategic::{bad, directive, merge_object, remove_directives};
use super::{PatchError, go};
use crate::apiserver::schema::{Shape, Type};
use crate::units::{Map, Set};

/// What the schema says of a list.
pub(super) struct ListRule<'a> {
    pub(super) item: &'a Type,
    /// Whether it is merged, not replaced.
    pub(super) merges: bool,
    /// The field that tells objects apart; empty for lists of scalars.
    pub(super) key: &'a str,
}

/// Merges two lists. The second list of the answer is what is left of the live one: it says where
/// elements that the patch does not name stand.
pub(super) fn merge_list(
    original: Vec<Value>,
    patch: Vec<Value>,
    rule: &ListRule<'_>,
    is_deletion: bool,
) -> Result<(Vec<Value>, Vec<Value>), PatchError> {
    if !rule.merges && !is_deletion {
        return Ok((patch, original));
    }
    if original.is_empty() && patch.is_empty() {
        return Ok((Vec::new(), Vec::new()));
    }
    if !is_list_of_objects(&[&original, &patch])? {
        if is_deletion {
            let gone: Set<&Value> = patch.iter().collect();
            let kept = original.iter().filter(|item| !gone.contains(item)).cloned().collect();
            return Ok((kept, original));
        }
        let both: Vec<Value> = original.iter().chain(&patch).cloned().collect();
        let merged = without_repetition(both);
        return Ok((in_order(merged, &patch, &original, rule)?, original));
    }
    if rule.key.is_empty() {
        let kind =
            if matches!(rule.item.shape, Shape::Struct { .. }) { "struct" } else { "string" };
        return Err(bad(format!("cannot merge lists without merge key for {kind}")));
    }
    let (original, patch) = apply_directives(original, patch, rule.key)?;
    let merged = merge_objects(original.clone(), &patch, rule)?;
    Ok((in_order(merged, &patch, &original, rule)?, original))
}

/// `$setElementOrder`: merges the lists, if there are any, and puts the elements that `order` names into
/// that order.
pub(super) fn merge_ordered(
    live: Option<Vec<Value>>,
    patch: Option<Vec<Value>>,
    order: &[Value],
    rule: &ListRule<'_>,
) -> Result<Option<Vec<Value>>, PatchError> {
    check_order(patch.as_deref().unwrap_or_default(), order, rule.key)?;
    let nothing = |list: &Option<Vec<Value>>| list.as_ref().is_none_or(Vec::is_empty);
    if nothing(&live) && nothing(&patch) && (live.is_some() || patch.is_some()) {
        return Err(bad("no elements in any of the given slices".to_owned()));
    }
    let (merged, live) = match (live, patch) {
        (None, None) => return Ok(None),
        (Some(live), None) => (live.clone(), live),
        (None, Some(patch)) => {
            let mut patch = Value::Array(patch);
            remove_directives(&mut patch);
            match patch {
                Value::Array(items) => (items, Vec::new()),
                _ => return Ok(None),
            }
        }
        (Some(live), Some(patch)) => merge_list(live, patch, rule, false)?,
    };
    in_order(merged, order, &live, rule).map(Some)
}

/// Puts the elements that `first` names into its order, and the others between them as `live` has them.
fn in_order(
    merged: Vec<Value>,
    first: &[Value],
    live: &[Value],
    rule: &ListRule<'_>,
) -> Result<Vec<Value>, PatchError> {
    if !rule.key.is_empty() {
        for item in merged.iter().chain(first).chain(live) {
            key_of(item, rule.key)?;
        }
    }
    let by_first = Keyed::new(first, rule.key);
    let by_live = Keyed::new(live, rule.key);
    let (mut named, mut others): (Vec<_>, Vec<_>) =
        merged.into_iter().partition(|item| by_first.position(item).is_some());
    sort_by_order(&mut named, &by_first);
    sort_by_order(&mut others, &by_live);
    Ok(merge_by_order(others, named, &by_live))
}

/// Carries out `$patch: delete` and `$patch: replace` among the elements of the patch.
fn apply_directives(
    mut original: Vec<Value>,
    patch: Vec<Value>,
    key: &str,
) -> Result<(Vec<Value>, Vec<Value>), PatchError> {
    let mut plain = Vec::with_capacity(patch.len());
    let mut gone: Set<Value> = Set::default();
    let mut replace = false;
    for item in patch {
        match directive(&item).map(|directive| (directive.as_str(), directive)) {
            None => plain.push(item),
            Some((Some("delete"), _)) => {
                gone.insert(key_of(&item, key)?.clone());
            }
            Some((Some("replace"), _)) => replace = true,
            Some((Some("merge"), _)) => {
                return Err(bad("merging lists cannot yet be specified in the patch".to_owned()));
            }
            Some((_, directive)) => {
                let (directive, map) = (go::text(directive), go::text(&item));
                return Err(bad(format!("unknown patch type: {directive} in map: {map}")));
            }
        }
    }
    original.retain(|item| item.get(key).is_none_or(|value| !gone.contains(value)));
    if replace { Ok((plain, Vec::new())) } else { Ok((original, plain)) }
}

/// Merges each object of the patch into the first one of the same key, or appends it.
fn merge_objects(
    mut original: Vec<Value>,
    patch: &[Value],
    rule: &ListRule<'_>,
) -> Result<Vec<Value>, PatchError> {
    let mut places: Map<Value, usize> = Map::default();
    for (at, item) in original.iter().enumerate() {
        if let Some(key) = item.get(rule.key) {
            places.entry(key.clone()).or_insert(at);
        }
    }
    for item in patch {
        let key = key_of(item, rule.key)?;
        let place = places.get(key).and_then(|&at| original.get_mut(at));
        if let (Some(Value::Object(into)), Value::Object(patch)) = (place, item) {
            merge_object(into, patch.clone(), rule.item)?;
        } else {
            places.insert(key.clone(), original.len());
            original.push(item.clone());
        }
    }
    Ok(original)
}

fn key_of<'a>(item: &'a Value, key: &str) -> Result<&'a Value, PatchError> {
    let Value::Object(fields) = item else {
        let got = go::type_name(item);
        return Err(bad(format!("expected a map[string]interface {{}}, but received a {got}")));
    };
    fields.get(key).ok_or_else(|| {
        let map = go::text(item);
        bad(format!("map: {map} does not contain declared merge key: {key}"))
    })
}

/// Whether the elements are objects; they must all be of one type, and no lists.
fn is_list_of_objects(lists: &[&[Value]]) -> Result<bool, PatchError> {
    let mut items = lists.iter().flat_map(|list| list.iter());
    let Some(first) = items.next() else { return Ok(false) };
    if first.is_array() {
        return Err(PatchError::Invalid("lists of lists are not supported".to_owned()));
    }
    let kind = go::type_name(first);
    if items.any(|item| go::type_name(item) != kind) {
        let lists: Vec<String> =
            lists.iter().map(|list| go::text(&Value::Array(list.to_vec()))).collect();
        let lists = lists.join(" ");
        return Err(bad(format!("list element types are not identical: [{lists}]")));
    }
    Ok(first.is_object())
}

fn without_repetition(items: Vec<Value>) -> Vec<Value> {
    let mut seen: Set<Value> = Set::default();
    items.into_iter().filter(|item| seen.insert(item.clone())).collect()
}

/// What the patch has must stand in the order in the same order.
fn check_order(patch: &[Value], order: &[Value], key: &str) -> Result<(), PatchError> {
    if order.is_empty() || patch.is_empty() {
        return Ok(());
    }
    let is_deletion = |item: &&Value| {
        !key.is_empty() && directive(item).and_then(Value::as_str) == Some("delete")
    };
    let mut items = patch.iter().filter(|item| !is_deletion(item)).peekable();
    let mut places = order.iter().peekable();
    while let (Some(item), Some(place)) = (items.peek(), places.peek()) {
        if directive(item).is_some() {
            items.next();
            continue;
        }
        let is_same =
            if key.is_empty() { item == place } else { key_of(item, key)? == key_of(place, key)? };
        places.next();
        if is_same {
            items.next();
        }
    }
    if items.peek().is_none() {
        return Ok(());
    }
    let patch = go::text(&Value::Array(patch.to_vec()));
    let order = go::text(&Value::Array(order.to_vec()));
    Err(bad(format!(
        "The order in patch list:\n{patch}\n doesn't match $setElementOrder list:\n{order}\n"
    )))
}
