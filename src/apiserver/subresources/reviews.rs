//! Questions about rights and users. Everybody who may talk to the server may do everything.

use serde_json::{Value, json};

use crate::apiserver::failure::Failure;
use crate::apiserver::verbs::{Answer, Call};

use super::binding;

/// Answers the POST of a kind that is not stored.
pub fn answer(call: &mut Call<'_>, mut body: Value) -> Result<Answer, Failure> {
    let resource = call.resource();
    let groups = json!(["system:masters", "system:authenticated"]);
    let user = json!({"username": call.api.user, "groups": groups});
    let status = match resource.plural {
        "bindings" => return binding::bind_named(call, &body),
        "selfsubjectreviews" => json!({"userInfo": user}),
        "tokenreviews" => json!({"authenticated": true, "user": user}),
        "selfsubjectrulesreviews" => json!({
            "incomplete": false,
            "nonResourceRules": [{"nonResourceURLs": ["*"], "verbs": ["*"]}],
            "resourceRules": [{"apiGroups": ["*"], "resources": ["*"], "verbs": ["*"]}],
        }),
        _ => json!({"allowed": true}),
    };
    body["apiVersion"] = resource.api_version.clone().into();
    body["kind"] = resource.kind.into();
    if !body["metadata"].is_object() {
        body["metadata"] = json!({});
    }
    body["status"] = status;
    Ok(Answer::Value { code: 201, value: body })
}
