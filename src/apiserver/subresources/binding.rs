//! A pod gets its node: `pods/NAME/binding`, and `bindings` of a namespace.

use serde_json::Value;

use crate::apiserver::failure::Failure;
use crate::apiserver::http::Target;
use crate::apiserver::identity::now;
use crate::apiserver::kinds::Resource;
use crate::apiserver::objects::{self, Refusal};
use crate::apiserver::verbs::{Answer, Call, success, text, update};

/// How often a binding is tried when others change the pod at the same time.
const TRIES_MAX: usize = 16;

/// Binds the pod that the call names.
pub fn bind(call: &mut Call<'_>, binding: &Value) -> Result<Answer, Failure> {
    let name = text(binding, "/metadata/name");
    if !name.is_empty() && name != call.target.name {
        return Err(Failure::bad_request("name in URL does not match name in Binding object"));
    }
    for _ in 0..TRIES_MAX {
        let stored = call.find()?;
        let old = stored.parse().map_err(Failure::internal)?;
        // Upstream: the generation stays, though the spec changes, and nobody owns the fields.
        let new = objects::on_bind(old, binding, &now(), call.api)
            .map_err(|refusal| refused(call, refusal))?;
        if update::store(call, &stored, &new)?.is_some() {
            return Ok(success(201));
        }
    }
    Err(Failure::modified(call.resource(), &call.target.name))
}

/// Upstream: what a pod itself is refused for is about `pods/binding`.
fn refused(call: &Call<'_>, refusal: Refusal) -> Failure {
    let mut failure = call.refused(&call.target.name, refusal);
    let is_about_binding = failure.message.contains("pods/binding");
    if let Some(details) = failure.details.as_mut().filter(|_| is_about_binding) {
        "pods/binding".clone_into(&mut details.kind);
    }
    failure
}

/// Binds the pod that the body names.
pub fn bind_named(call: &mut Call<'_>, binding: &Value) -> Result<Answer, Failure> {
    let Some(resource) = Resource::find("", "v1", "pods") else {
        return Err(Failure::no_such_path());
    };
    let target = Target {
        resource,
        namespace: call.target.namespace.clone(),
        name: text(binding, "/metadata/name").to_owned(),
        subresource: "binding".to_owned(),
    };
    if target.name.is_empty() {
        return Err(Failure::bad_request("Name parameter required."));
    }
    let mut call = Call {
        api: call.api,
        target: &target,
        params: call.params,
        manager: call.manager.clone(),
        warnings: Vec::new(),
    };
    bind(&mut call, binding)
}
