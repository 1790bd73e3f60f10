//! What a PATCH does to an object: JSON patch, merge patch, strategic merge patch, server-side apply; and
//! who owns which field (`metadata.managedFields`), which every write keeps up.
//!
//! The REST side calls [`json`], [`merge`], [`strategic`] or [`apply`] on the stored object, then decodes,
//! prunes and validates the result as it does with any body, then calls [`track`] (not after [`apply`],
//! which has done it). A Binding changes a pod without [`track`]: upstream's does not own fields either.
//!
//! Nothing here does IO or reads a clock: the time of an entry comes in as text. Any [`Value`] may come in
//! as a patch: what nests deeper than [`DEPTH_MAX`] is refused, so that recursion has an end.

mod apply;
mod compare;
mod element;
mod error;
mod fields;
mod go;
mod join;
mod json_patch;
mod last_applied;
mod managed;
mod order;
mod remove;
mod reset;
mod strategic;
mod strategic_list;
mod track;
mod validate;

use serde_json::Value;

use crate::apiserver::schema::json_type;

pub use apply::{ApplyOptions, apply};
pub use error::{ApplyConflict, PatchError};
pub use json_patch::{COPIED_BYTES_MAX, OPERATIONS_MAX, json};
pub use strategic::strategic;
pub use track::{TrackOptions, UPDATE_MANAGERS_MAX, track};

/// How many objects and lists may stand inside one another in a patch, and in what it gives: what
/// `serde_json` reads.
pub const DEPTH_MAX: usize = 127;

/// Applies a merge patch (RFC 7396). `doc` stays as it is when there is an error.
pub fn merge(doc: &mut Value, patch: &Value) -> Result<(), PatchError> {
    if !patch.is_object() {
        let what = json_type(patch);
        return Err(PatchError::BadRequest(format!(
            "error decoding patch: json: cannot unmarshal {what} into Go value of type \
             map[string]interface {{}}"
        )));
    }
    check_depth(patch)?;
    ::json_patch::merge(doc, patch);
    Ok(())
}

/// Refuses what nests deeper than [`DEPTH_MAX`].
fn check_depth(value: &Value) -> Result<(), PatchError> {
    if is_deeper(value, DEPTH_MAX) {
        let message = format!("the patch nests deeper than {DEPTH_MAX} levels");
        return Err(PatchError::BadRequest(message));
    }
    Ok(())
}

fn is_deeper(value: &Value, levels: usize) -> bool {
    let below = |value: &Value| is_deeper(value, levels - 1);
    match value {
        Value::Array(_) | Value::Object(_) if levels == 0 => true,
        Value::Array(items) => items.iter().any(below),
        Value::Object(fields) => fields.values().any(below),
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn depth_has_an_end() {
        let nest = |levels: usize| (0..levels).fold(json!(1), |inner, _| json!({"a": inner}));
        assert!(check_depth(&nest(DEPTH_MAX)).is_ok());
        assert!(check_depth(&nest(DEPTH_MAX + 1)).is_err());
        let text = nest(DEPTH_MAX).to_string();
        assert!(serde_json::from_str::<Value>(&text).is_ok());
    }

    #[test]
    fn a_merge_patch_must_be_an_object() {
        let mut doc = json!({"a": {"b": 1, "c": [1]}});
        assert!(merge(&mut doc, &json!([])).is_err());
        assert_eq!(merge(&mut doc, &json!({"a": {"b": null, "c": [2], "d": {"e": null}}})), Ok(()));
        assert_eq!(doc, json!({"a": {"c": [2], "d": {}}}));
    }
}
