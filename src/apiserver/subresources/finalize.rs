//! `namespaces/NAME/finalize`: the end of a namespace, asked for by whoever has emptied it.

use serde_json::Value;

use crate::apiserver::failure::Failure;
use crate::apiserver::verbs::{Answer, Call, update};

/// Takes over `spec.finalizers` of `body`; when none is left, a deletion that has begun comes to its end.
pub fn finalize(call: &mut Call<'_>, body: &Value) -> Result<Answer, Failure> {
    let finalizers = body["spec"]["finalizers"].clone();
    let version = body["metadata"]["resourceVersion"].clone();
    let object = update::rewrite(call, true, &mut |old| {
        let mut new = old.clone();
        if let Some(spec) = new["spec"].as_object_mut() {
            if finalizers.as_array().is_none_or(Vec::is_empty) {
                spec.remove("finalizers");
            } else {
                spec.insert("finalizers".to_owned(), finalizers.clone());
            }
        }
        if version.is_string() {
            new["metadata"]["resourceVersion"] = version.clone();
        }
        Ok(new)
    })?;
    Ok(Answer::Object { code: 200, object })
}
