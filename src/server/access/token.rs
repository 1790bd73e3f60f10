//! Users by bearer token, which the API server reviews.
//!
//! Upstream: authentication/request/bearertoken and plugin/pkg/authenticator/token/webhook in
//! k8s.io/apiserver, v1.37.

use std::time::Duration;

use http::HeaderMap;
use http::header::AUTHORIZATION;
use kube::Client;
use serde::Deserialize;
use serde_json::json;

use super::cache::Cache;
use super::{Said, User, review};

const PATH: &str = "/apis/authentication.k8s.io/v1/tokenreviews";

/// Knows users by their tokens.
pub(super) struct Tokens {
    client: Client,
    ttl: Duration,
    /// `None` for tokens that are nobody's.
    known: Cache<Option<User>>,
}

impl std::fmt::Debug for Tokens {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        // The cache has tokens in it.
        f.debug_struct("Tokens").field("ttl", &self.ttl).finish_non_exhaustive()
    }
}

/// The part of a TokenReview that is read.
#[derive(Deserialize, Default)]
#[serde(default)]
struct Status {
    authenticated: bool,
    user: UserInfo,
    error: String,
}

#[derive(Deserialize, Default)]
#[serde(default)]
struct UserInfo {
    username: String,
    uid: String,
    groups: Vec<String>,
    extra: std::collections::BTreeMap<String, Vec<String>>,
}

impl Tokens {
    pub(super) fn new(client: Client, ttl: Duration) -> Self {
        Self { client, ttl, known: Cache::new() }
    }

    /// Whose token a request has.
    pub(super) async fn user(&self, headers: &HeaderMap) -> Said {
        let Some(token) = bearer(headers) else { return Said::Nothing };
        let user = match self.known.get(token) {
            Some(user) => user,
            None => match self.review(token).await {
                Ok(user) => {
                    self.known.put(token.to_owned(), user.clone(), self.ttl);
                    user
                }
                Err(reason) => {
                    return Said::Wrong(format!("the token cannot be reviewed: {reason}"));
                }
            },
        };
        user.map_or_else(|| Said::Wrong("invalid bearer token".to_owned()), Said::User)
    }

    async fn review(&self, token: &str) -> Result<Option<User>, String> {
        let object = json!({
            "apiVersion": "authentication.k8s.io/v1",
            "kind": "TokenReview",
            "spec": {"token": token},
        });
        let mut answer = review::ask(&self.client, PATH, &object).await?;
        let status = answer.get_mut("status").map(serde_json::Value::take).unwrap_or_default();
        let status: Status = serde_json::from_value(status).map_err(|error| error.to_string())?;
        if !status.authenticated {
            if !status.error.is_empty() {
                return Err(status.error);
            }
            return Ok(None);
        }
        let UserInfo { username, uid, groups, extra } = status.user;
        Ok(Some(User { name: username, uid, groups, extra: extra.into_iter().collect() }))
    }
}

/// The token of a request that has one.
fn bearer(headers: &HeaderMap) -> Option<&str> {
    let text = headers.get(AUTHORIZATION)?.to_str().ok()?.trim();
    let (scheme, rest) = text.split_once(' ')?;
    let token = rest.split(' ').next()?;
    (scheme.eq_ignore_ascii_case("bearer") && !token.is_empty()).then_some(token)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_token_is_the_word_after_bearer() {
        let of = |text: &str| {
            let mut headers = HeaderMap::new();
            headers.insert(AUTHORIZATION, text.parse().unwrap());
            bearer(&headers).map(str::to_owned)
        };
        assert_eq!(of("Bearer abc"), Some("abc".to_owned()));
        assert_eq!(of(" bEARER abc d "), Some("abc".to_owned()));
        for text in ["", "Bearer", "Bearer ", "Bearer  abc", "Basic abc", "Bearerabc"] {
            assert_eq!(of(text), None, "{text:?}");
        }
        assert_eq!(bearer(&HeaderMap::new()), None);
    }
}
