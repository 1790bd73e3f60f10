//! `scale`: the number of replicas of a workload, seen and set alone. Upstream: autoscaling/v1 Scale.

use serde_json::{Value, json};

use crate::apiserver::failure::{Cause, Failure};
use crate::apiserver::patch::PatchError;
use crate::apiserver::schema::GroupVersionKind;
use crate::apiserver::store::Stored;
use crate::apiserver::verbs::patch::{Sort, patched, refused};
use crate::apiserver::verbs::{Answer, Call, text, update};

/// Reads the scale of the object that the call names.
pub fn get(call: &Call<'_>) -> Result<Answer, Failure> {
    answer(&*call.find()?)
}

fn answer(object: &Stored) -> Result<Answer, Failure> {
    let object = object.parse().map_err(Failure::internal)?;
    Ok(Answer::Value { code: 200, value: of(&object) })
}

/// The scale of a workload.
fn of(object: &Value) -> Value {
    let mut metadata = json!({});
    for key in ["name", "namespace", "uid", "resourceVersion", "creationTimestamp"] {
        if let Some(value) = object["metadata"].get(key) {
            metadata[key] = value.clone();
        }
    }
    let mut scale = json!({
        "kind": "Scale", "apiVersion": "autoscaling/v1", "metadata": metadata,
        "spec": {}, "status": {"replicas": object["status"]["replicas"].as_i64().unwrap_or(0)},
    });
    if let Some(replicas) = object["spec"]["replicas"].as_i64().filter(|replicas| *replicas != 0) {
        scale["spec"]["replicas"] = replicas.into();
    }
    let selector = selector(&object["spec"]["selector"]);
    if !selector.is_empty() {
        scale["status"]["selector"] = selector.into();
    }
    scale
}

/// A label selector as text.
fn selector(selector: &Value) -> String {
    let pairs = selector.get("matchLabels").unwrap_or(selector).as_object();
    let mut terms: Vec<String> = pairs
        .into_iter()
        .flatten()
        .filter_map(|(key, value)| Some(format!("{key}={}", value.as_str()?)))
        .collect();
    for one in selector["matchExpressions"].as_array().into_iter().flatten() {
        let key = text(one, "/key");
        let values: Vec<&str> =
            one["values"].as_array().into_iter().flatten().filter_map(Value::as_str).collect();
        terms.push(match text(one, "/operator") {
            "In" => format!("{key} in ({})", values.join(",")),
            "NotIn" => format!("{key} notin ({})", values.join(",")),
            "DoesNotExist" => format!("!{key}"),
            _ => key.to_owned(),
        });
    }
    terms.join(",")
}

/// Sets the scale to that of `body`.
pub fn update(call: &mut Call<'_>, body: &Value) -> Result<Answer, Failure> {
    set(call, &mut |_| Ok(body.clone()))
}

/// Patches the scale.
pub fn patch(call: &mut Call<'_>, sort: Sort, body: &Value) -> Result<Answer, Failure> {
    let name = call.target.name.clone();
    let kind = GroupVersionKind::new("autoscaling", "v1", "Scale");
    // An apply of a scale sets its one field.
    let sort = if sort == Sort::Apply { Sort::Merge } else { sort };
    set(call, &mut |scale| {
        let failure = |error: PatchError| refused("autoscaling", "Scale", &name, error);
        patched(&kind, sort, scale, body).map_err(failure)
    })
}

fn set(
    call: &mut Call<'_>,
    make: &mut dyn FnMut(&Value) -> Result<Value, Failure>,
) -> Result<Answer, Failure> {
    let name = call.target.name.clone();
    let object = update::rewrite(call, true, &mut |old| {
        let scale = make(&of(old))?;
        let replicas = scale["spec"]["replicas"].as_i64().unwrap_or(0);
        if replicas < 0 {
            let cause = Cause {
                reason: "FieldValueInvalid".to_owned(),
                message: format!("Invalid value: {replicas}: must be greater than or equal to 0"),
                field: "spec.replicas".to_owned(),
            };
            return Err(Failure::invalid("autoscaling", "Scale", &name, vec![cause]));
        }
        let mut new = old.clone();
        new["spec"]["replicas"] = replicas.into();
        let version = &scale["metadata"]["resourceVersion"];
        new["metadata"]["resourceVersion"] = version.clone();
        Ok(new)
    })?;
    answer(&object)
}
