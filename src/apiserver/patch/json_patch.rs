//! JSON patch (RFC 6902), with bounds on what it may cost.

use json_patch::jsonptr::Pointer;
use json_patch::{AddOperation, PatchError as Failure, PatchErrorKind, PatchOperation};
use serde_json::Value;

use crate::apiserver::schema::json_type;

use super::{DEPTH_MAX, PatchError, check_depth, is_deeper};

/// How many operations a JSON patch may have. Upstream: maxJSONPatchOperations.
pub const OPERATIONS_MAX: usize = 10_000;

/// How many bytes of JSON the copies of one patch may add, together.
///
/// Upstream: JSONPatchMaxCopyBytes, three times the largest object in etcd.
pub const COPIED_BYTES_MAX: usize = 3 << 20;

/// Applies a JSON patch. `doc` stays as it is when there is an error.
///
/// Differs from upstream: indices that count from the end of a list are refused.
pub fn json(doc: &mut Value, patch: &Value) -> Result<(), PatchError> {
    check_depth(patch)?;
    let Value::Array(operations) = patch else {
        return Err(PatchError::BadRequest(
            "error decoding patch: a JSON patch is a list of operations".to_owned(),
        ));
    };
    if operations.len() > OPERATIONS_MAX {
        return Err(PatchError::TooLarge(format!(
            "The allowed maximum operations in a JSON patch is {OPERATIONS_MAX}, got {}",
            operations.len()
        )));
    }
    if let Some(other) = operations.iter().find(|operation| !operation.is_object()) {
        let what = json_type(other);
        return Err(PatchError::BadRequest(format!(
            "error decoding patch: json: cannot unmarshal {what} into Go value of type \
             jsonpatch.Operation"
        )));
    }
    // Upstream: what is wrong inside of an operation is found when it is its turn.
    let operations = operations
        .iter()
        .map(serde::Deserialize::deserialize)
        .collect::<Result<Vec<PatchOperation>, _>>()
        .map_err(|error| PatchError::Invalid(format!("error decoding patch: {error}")))?;

    let mut patched = doc.clone();
    let mut copied = 0;
    for operation in &operations {
        if let PatchOperation::Copy(copy) = operation
            && let Ok(value) = copy.from.resolve(&patched)
        {
            copied += value.to_string().len();
            if copied > COPIED_BYTES_MAX {
                return Err(PatchError::Invalid(format!(
                    "Unable to complete the copy, the accumulated size increase of copy is {copied}, \
                     exceeding the limit {COPIED_BYTES_MAX}"
                )));
            }
            if is_deeper(value, DEPTH_MAX - copy.path.count().min(DEPTH_MAX)) {
                return Err(too_deep());
            }
        }
        if let PatchOperation::Copy(copy) = operation
            && lacks(&patched, &copy.from)
        {
            let add = AddOperation { path: copy.path.clone(), value: Value::Null };
            json_patch::patch(&mut patched, &[PatchOperation::Add(add)])
                .map_err(|failure| PatchError::Invalid(message(operation, &failure)))?;
        } else if !absent_field(&mut patched, operation)? {
            json_patch::patch(&mut patched, std::slice::from_ref(operation))
                .map_err(|failure| PatchError::Invalid(message(operation, &failure)))?;
        }
    }
    if is_deeper(&patched, DEPTH_MAX) {
        return Err(too_deep());
    }
    *doc = patched;
    Ok(())
}

/// Whether the path is that of a field which the object it should be in has not.
fn lacks(doc: &Value, path: &Pointer) -> bool {
    let (Some(parent), Some(last)) = (path.parent(), path.last()) else { return false };
    let fields = parent.resolve(doc).ok().and_then(Value::as_object);
    fields.is_some_and(|fields| !fields.contains_key(&*last.decoded()))
}

/// What upstream's library does about fields that an object has not: it replaces them, and takes them for
/// null in a test and a copy. Whether that was it.
fn absent_field(doc: &mut Value, operation: &PatchOperation) -> Result<bool, PatchError> {
    let path = operation.path();
    if !lacks(doc, path) {
        return Ok(false);
    }
    let (Some(parent), Some(last)) = (path.parent(), path.last()) else { return Ok(false) };
    let Ok(Value::Object(fields)) = parent.resolve_mut(doc) else { return Ok(false) };
    let name = last.decoded();
    match operation {
        PatchOperation::Replace(replace) => {
            fields.insert(name.into_owned(), replace.value.clone());
            Ok(true)
        }
        PatchOperation::Test(test) if test.value.is_null() => Ok(true),
        PatchOperation::Test(_) => {
            Err(PatchError::Invalid(format!("testing value {path} failed: test failed")))
        }
        PatchOperation::Remove(_) => Err(PatchError::Invalid(format!(
            "error in remove for path: '{path}': Unable to remove nonexistent key: {name}: missing value"
        ))),
        _ => Ok(false),
    }
}

fn too_deep() -> PatchError {
    PatchError::Invalid(format!("the result nests deeper than {DEPTH_MAX} levels"))
}

/// What upstream's library says, as near as the reasons of ours allow.
fn message(operation: &PatchOperation, failure: &Failure) -> String {
    let path = operation.path();
    match (operation, &failure.kind) {
        (PatchOperation::Test(_), PatchErrorKind::TestFailed) => {
            format!("testing value {path} failed: test failed")
        }
        (PatchOperation::Test(_), _) => {
            format!("test operation does not apply: is missing path: {path}: missing value")
        }
        (PatchOperation::Replace(_), PatchErrorKind::InvalidPointer) => {
            format!("replace operation does not apply: doc is missing key: {path}: missing value")
        }
        (PatchOperation::Remove(_), PatchErrorKind::InvalidPointer) => {
            format!(
                "remove operation does not apply: doc is missing path: \"{path}\": missing value"
            )
        }
        (PatchOperation::Add(_), PatchErrorKind::InvalidPointer) => {
            format!("add operation does not apply: doc is missing path: \"{path}\": missing value")
        }
        (_, kind) => format!("{} operation does not apply: {path}: {kind}", name(operation)),
    }
}

fn name(operation: &PatchOperation) -> &'static str {
    match operation {
        PatchOperation::Add(_) => "add",
        PatchOperation::Remove(_) => "remove",
        PatchOperation::Replace(_) => "replace",
        PatchOperation::Move(_) => "move",
        PatchOperation::Copy(_) => "copy",
        PatchOperation::Test(_) => "test",
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn operations_and_their_errors() {
        let mut doc = json!({"a": [1, 2], "b": {}});
        let patch = json!([
            {"op": "test", "path": "/a/0", "value": 1},
            {"op": "add", "path": "/a/-", "value": 3},
            {"op": "remove", "path": "/b"},
        ]);
        assert_eq!(json(&mut doc, &patch), Ok(()));
        assert_eq!(doc, json!({"a": [1, 2, 3]}));
        let rows = [
            (
                json!([{"op": "remove", "path": "/a/0"}, {"op": "test", "path": "/a", "value": 1}]),
                "testing value /a failed: test failed",
            ),
            (
                json!([{"op": "replace", "path": "/x/y", "value": 1}]),
                "replace operation does not apply: doc is missing key: /x/y: missing value",
            ),
            (
                json!([{"op": "remove", "path": "/x"}]),
                "error in remove for path: '/x': Unable to remove nonexistent key: x: missing value",
            ),
            (
                json!([{"op": "remove", "path": "/x/y"}]),
                "remove operation does not apply: doc is missing path: \"/x/y\": missing value",
            ),
        ];
        for (patch, want) in rows {
            assert_eq!(json(&mut doc, &patch), Err(PatchError::Invalid(want.to_owned())));
            assert_eq!(doc, json!({"a": [1, 2, 3]}));
        }
        for patch in [json!({}), json!([1])] {
            assert!(matches!(json(&mut doc, &patch), Err(PatchError::BadRequest(_))), "{patch}");
        }
        for patch in [json!([{"op": "jump", "path": ""}]), json!([{"op": "add"}])] {
            assert!(matches!(json(&mut doc, &patch), Err(PatchError::Invalid(_))), "{patch}");
        }
    }

    #[test]
    fn copies_cannot_fill_the_memory() {
        let mut doc = json!({"a": ["0123456789"]});
        let copy = json!({"op": "copy", "from": "/a", "path": "/a/-"});
        let patch = Value::Array(vec![copy.clone(); 60]);
        assert!(matches!(json(&mut doc, &patch), Err(PatchError::Invalid(_))));
        let patch = Value::Array(vec![copy; OPERATIONS_MAX + 1]);
        assert!(matches!(json(&mut doc, &patch), Err(PatchError::TooLarge(_))));
        let deeper = json!({"op": "copy", "from": "", "path": "/b"});
        let patch = Value::Array(vec![deeper; 200]);
        assert!(matches!(json(&mut doc, &patch), Err(PatchError::Invalid(_))));
    }
}
