//! `serviceaccounts/NAME/token`: a token is answered, so that clients that ask for one go on. It opens
//! nothing.

use jiff::{SignedDuration, Timestamp};
use serde_json::{Value, json};

use crate::apiserver::failure::Failure;
use crate::apiserver::identity::format_time;
use crate::apiserver::verbs::{Answer, Call};

/// How long a token is said to hold where the request does not say. Upstream: an hour.
const SECONDS_DEFAULT: i64 = 3600;

/// Answers a TokenRequest.
pub fn create(call: &mut Call<'_>, mut body: Value) -> Result<Answer, Failure> {
    let account = call.find()?;
    let seconds = body["spec"]["expirationSeconds"].as_i64().unwrap_or(SECONDS_DEFAULT);
    let end = Timestamp::now().checked_add(SignedDuration::from_secs(seconds));
    let end = end.map_err(|error| Failure::bad_request(error.to_string()))?;
    let token = format!("{}.{}", account.name(), call.api.identities.uid());
    body["kind"] = "TokenRequest".into();
    body["apiVersion"] = "authentication.k8s.io/v1".into();
    body["spec"]["expirationSeconds"] = seconds.into();
    body["status"] = json!({"token": token, "expirationTimestamp": format_time(end)});
    Ok(Answer::Value { code: 201, value: body })
}
