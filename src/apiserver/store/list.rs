//! Pages of a list, all of one revision: what has changed since is undone from the history.

use std::collections::BTreeMap;
use std::ops::Bound;
use std::sync::Arc;

use super::table::Table;
use super::{Expired, Selection, Stored};

/// Which objects to list.
#[derive(Clone, Copy, Debug)]
pub struct ListRequest<'a> {
    /// What to select.
    pub selection: &'a Selection,
    /// The revision to list at, where it is not that of now.
    pub at: Option<u64>,
    /// Only keys after this one.
    pub after: Option<&'a str>,
    /// At most this many objects; 0 is no limit.
    pub limit: usize,
}

impl<'a> ListRequest<'a> {
    /// All of a selection, as it is now.
    #[must_use]
    pub fn of(selection: &'a Selection) -> Self {
        Self { selection, at: None, after: None, limit: 0 }
    }
}

/// What a list found.
#[derive(Debug)]
pub struct Page {
    /// The objects, by key.
    pub objects: Vec<Arc<Stored>>,
    /// The revision of all of them.
    pub revision: u64,
    /// Whether there are more behind them.
    pub more: bool,
    /// How many more there are, where nothing but the namespace selects.
    pub remaining: Option<usize>,
}

impl Page {
    pub(super) fn empty(revision: u64) -> Self {
        Self { objects: Vec::new(), revision, more: false, remaining: None }
    }
}

impl Table {
    /// A page of a list. `now` is the revision of now.
    pub(super) fn list(&self, request: &ListRequest<'_>, now: u64) -> Result<Page, Expired> {
        let revision = request.at.unwrap_or(now);
        // The objects as they were, where that is not as they are.
        let mut then: BTreeMap<&str, Option<&Arc<Stored>>> = BTreeMap::new();
        for change in self.history.after(revision)?.rev() {
            then.insert(change.key(), change.old.as_ref());
        }
        let prefix = request.selection.key_prefix();
        let from = match request.after {
            Some(after) if *after >= *prefix => Bound::Excluded(after),
            _ => Bound::Included(&*prefix),
        };
        let mut page = Page::empty(revision);
        let mut rest = 0;
        for object in merged(self, &then, from).take_while(|o| o.key().starts_with(&*prefix)) {
            if !request.selection.matches(object) {
                continue;
            }
            if request.limit == 0 || page.objects.len() < request.limit {
                page.objects.push(Arc::clone(object));
                continue;
            }
            page.more = true;
            if request.selection.selects_on_content() {
                break;
            }
            rest += 1;
        }
        if page.more && !request.selection.selects_on_content() {
            page.remaining = Some(rest);
        }
        Ok(page)
    }
}

/// The objects of `table` from a key on, with those of `then` in their places.
fn merged<'a>(
    table: &'a Table,
    then: &'a BTreeMap<&'a str, Option<&'a Arc<Stored>>>,
    from: Bound<&str>,
) -> impl Iterator<Item = &'a Arc<Stored>> {
    let range = (from, Bound::Unbounded);
    let mut now = table.objects.range::<str, _>(range).map(|entry| &entry.0).peekable();
    let mut then = then.range::<str, _>(range).peekable();
    std::iter::from_fn(move || {
        loop {
            match (now.peek(), then.peek()) {
                (Some(object), Some((key, _))) if object.key() < **key => return now.next(),
                (Some(object), Some((key, _))) if object.key() == **key => {
                    now.next();
                }
                (_, Some(_)) => {
                    if let Some((_, Some(object))) = then.next() {
                        return Some(*object);
                    }
                }
                (_, None) => return now.next(),
            }
        }
    })
}
