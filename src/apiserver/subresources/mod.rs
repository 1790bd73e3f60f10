//! Parts of objects with rules of their own: binding, eviction, scale, finalize, token; and the kinds
//! that are answered and not stored.

pub mod binding;
pub mod eviction;
pub mod finalize;
pub mod reviews;
pub mod scale;
pub mod token;

use serde_json::Value;

use super::failure::Failure;
use super::verbs::{Answer, Call};

/// Answers the POST of `body` to a subresource.
pub fn create(call: &mut Call<'_>, body: Value) -> Result<Answer, Failure> {
    match (call.resource().plural, call.target.subresource.as_str()) {
        ("pods", "binding") => binding::bind(call, &body),
        ("pods", "eviction") => eviction::evict(call, &body),
        ("serviceaccounts", "token") => token::create(call, body),
        _ => Err(Failure::no_such_method()),
    }
}

/// What `kubectl logs` is told.
pub fn log(call: &Call<'_>) -> Result<Answer, Failure> {
    let pod = call.find()?;
    let text = format!(
        "no logs: the pod {} runs on a pretend kubelet, which starts no containers\n",
        pod.name()
    );
    Ok(Answer::Text(text))
}
