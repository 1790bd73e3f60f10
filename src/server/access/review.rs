//! One question to the API server, as an object that comes back with a status. Used by `token` and
//! `permission`.

use std::time::Duration;

use http::Request;
use http::header::CONTENT_TYPE;
use kube::Client;
use serde_json::Value;
use tokio::time::{sleep, timeout};

/// How long a question may take, with all that is tried again.
///
/// Upstream: TokenRequestTimeout and the webhook timeout of DelegatingAuthorizationOptions, v1.37.
const REVIEW_MAX: Duration = Duration::from_secs(10);
/// How long to wait before the first try again; each next wait is half as long again.
///
/// Upstream: DefaultAuthWebhookRetryBackoff, v1.37, without its jitter.
const FIRST_PAUSE: Duration = Duration::from_millis(500);
/// Tries, the first one included.
const TRIES_MAX: u32 = 5;

/// Asks at `path` with `object`; what comes back is the object with its status.
///
/// # Errors
///
/// One line that says why there is no answer.
pub(super) async fn ask(client: &Client, path: &str, object: &Value) -> Result<Value, String> {
    let ask = async {
        let mut pause = FIRST_PAUSE;
        for _ in 1..TRIES_MAX {
            match once(client, path, object).await {
                Err(error) if may_pass(&error) => sleep(pause).await,
                answer => return answer,
            }
            pause = pause * 3 / 2;
        }
        once(client, path, object).await
    };
    match timeout(REVIEW_MAX, ask).await {
        Ok(answer) => answer.map_err(|error| said(&error)),
        Err(_) => Err(format!("no answer within {REVIEW_MAX:?}")),
    }
}

async fn once(client: &Client, path: &str, object: &Value) -> Result<Value, kube::Error> {
    let request = Request::post(path).header(CONTENT_TYPE, "application/json");
    let request = request.body(object.to_string().into_bytes());
    client.request(request.map_err(kube::Error::HttpError)?).await
}

/// What is wrong, in one line.
pub(super) fn said(error: &kube::Error) -> String {
    match error {
        kube::Error::Api(status) => status.message.clone(),
        error => error.to_string(),
    }
}

/// The same question may get an answer later.
fn may_pass(error: &kube::Error) -> bool {
    match error {
        kube::Error::Api(status) => status.code == 429 || status.code >= 500,
        kube::Error::HyperError(_) | kube::Error::Service(_) => true,
        _ => false,
    }
}
