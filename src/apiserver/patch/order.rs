//! The order of the elements of a merged list.

use serde_json::Value;

use crate::units::Map;

/// The places of the elements of a list, by their key or, without one, by themselves.
pub(super) struct Keyed<'a> {
    key: &'a str,
    places: Map<&'a Value, usize>,
}

impl<'a> Keyed<'a> {
    pub(super) fn new(items: &'a [Value], key: &'a str) -> Self {
        let mut keyed = Self { key, places: Map::default() };
        for (at, item) in items.iter().enumerate() {
            if let Some(item) = keyed.identity(item) {
                keyed.places.entry(item).or_insert(at);
            }
        }
        keyed
    }

    fn identity<'v>(&self, item: &'v Value) -> Option<&'v Value> {
        if self.key.is_empty() { Some(item) } else { item.get(self.key) }
    }

    /// Where the first element with the identity of `item` stands.
    pub(super) fn position(&self, item: &Value) -> Option<usize> {
        self.places.get(self.identity(item)?).copied()
    }
}

/// Sorts `items` by their places; those that have none come first, the last of them foremost, as in
/// upstream's stable sort of up to 20 elements.
pub(super) fn sort_by_order(items: &mut Vec<Value>, order: &Keyed<'_>) {
    let (mut found, unknown): (Vec<_>, Vec<_>) =
        std::mem::take(items).into_iter().partition(|item| order.position(item).is_some());
    found.sort_by_cached_key(|item| order.position(item));
    items.extend(unknown.into_iter().rev());
    items.extend(found);
}

/// Merges two lists that keep their own orders: an element of `left` goes before the first of `right`
/// that stands behind it in `order`.
pub(super) fn merge_by_order(left: Vec<Value>, right: Vec<Value>, order: &Keyed<'_>) -> Vec<Value> {
    let mut merged = Vec::with_capacity(left.len() + right.len());
    let mut left = left.into_iter().peekable();
    for item in right {
        let place = order.position(&item);
        while let Some(other) = left.next_if(|other| {
            order.position(other).zip(place).is_some_and(|(other, place)| other < place)
        }) {
            merged.push(other);
        }
        merged.push(item);
    }
    merged.extend(left);
    merged
}
