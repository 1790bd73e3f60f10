//! Field selectors: `spec.nodeName=n1,status.phase!=Failed`.
//! Upstream: apimachinery pkg/fields, v1.37; which fields there are says the table of kinds.

use crate::apiserver::kinds::{NEW_EVENT_LABELS, Resource, View};
use crate::apiserver::store::Stored;

/// Where a value is found on a [`Stored`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Place {
    Name,
    Namespace,
    /// In the list of the resource's fields.
    Field(usize),
}

/// A requirement on one field.
#[derive(Clone, Debug)]
pub(super) struct FieldTest {
    pub(super) place: Place,
    pub(super) equal: bool,
    pub(super) value: Box<str>,
}

impl FieldTest {
    pub(super) fn matches(&self, object: &Stored) -> bool {
        let value = match self.place {
            Place::Name => object.name(),
            Place::Namespace => object.namespace(),
            Place::Field(at) => object.field(at),
        };
        (value == &*self.value) == self.equal
    }
}

/// Reads a selector on `resource`; the error is a sentence.
pub(super) fn parse(resource: &Resource, text: &str) -> Result<Vec<FieldTest>, String> {
    let mut tests = Vec::new();
    for term in split_terms(text) {
        if term.is_empty() {
            continue;
        }
        let (label, equal, value) = split_term(term)
            .ok_or_else(|| format!("invalid selector: '{text}'; can't understand '{term}'"))?;
        let place = place(resource, label)?;
        tests.push(FieldTest { place, equal, value: unescape(value)?.into() });
    }
    Ok(tests)
}

/// The parts between commas that no backslash protects.
fn split_terms(text: &str) -> Vec<&str> {
    let mut terms = Vec::new();
    let (mut start, mut escaped) = (0, false);
    for (at, c) in text.char_indices() {
        match c {
            _ if escaped => escaped = false,
            '\\' => escaped = true,
            ',' => {
                terms.push(&text[start..at]);
                start = at + 1;
            }
            _ => {}
        }
    }
    terms.push(&text[start..]);
    terms
}

fn split_term(term: &str) -> Option<(&str, bool, &str)> {
    let at = term.find('=')?;
    let (left, right) = (&term[..at], &term[at + 1..]);
    if let Some(label) = left.strip_suffix('!') {
        return Some((label, false, right));
    }
    Some((left, true, right.strip_prefix('=').unwrap_or(right)))
}

/// A value without the backslashes before commas, equal signs and backslashes.
fn unescape(value: &str) -> Result<String, String> {
    let mut out = String::with_capacity(value.len());
    let mut chars = value.chars();
    while let Some(c) = chars.next() {
        match c {
            '\\' => match chars.next() {
                Some(next @ ('\\' | ',' | '=')) => out.push(next),
                Some(next) => return Err(format!("invalid escape sequence: \\{next}")),
                None => return Err("invalid escape sequence: \\".to_owned()),
            },
            '=' => {
                return Err(format!("invalid field selector: unescaped character in value: {c}"));
            }
            _ => out.push(c),
        }
    }
    Ok(out)
}

fn place(resource: &Resource, label: &str) -> Result<Place, String> {
    match label {
        "metadata.name" => return Ok(Place::Name),
        "metadata.namespace" if resource.namespaced => return Ok(Place::Namespace),
        _ => {}
    }
    let renamed = match resource.view {
        View::NewEvents => NEW_EVENT_LABELS
            .iter()
            .find_map(|(new, old)| Some(format!("{old}{}", label.strip_prefix(new)?))),
        _ => None,
    };
    let wanted = renamed.as_deref().unwrap_or(label);
    let at = resource.fields.iter().position(|field| field.label == wanted);
    at.map(Place::Field).ok_or_else(|| format!("field label not supported: {label}"))
}
