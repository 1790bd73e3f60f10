//! What users may ask for: everything for system:masters, some paths for everybody, and otherwise what the
//! API server says.
//!
//! Upstream: authorization/path, authorization/union and plugin/pkg/authorizer/webhook in k8s.io/apiserver,
//! v1.37.

use std::time::Duration;

use kube::Client;
use serde_json::{Map, Value, json};

use super::cache::Cache;
use super::{User, review};

const REVIEWS: &str = "/apis/authorization.k8s.io/v1/subjectaccessreviews";
/// Whoever is in it may do everything.
const MASTERS: &str = "system:masters";

/// What comes of a request.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Verdict {
    Allowed,
    /// Why, in the API server's words; often nothing.
    Forbidden(String),
    /// The API server could not be asked.
    Unknown(String),
}

/// A path that is to be always allowed, and is none.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
#[error("only trailing * allowed in {0:?}")]
pub struct PathError(String);

/// Decides what users may ask for.
pub(super) struct Permissions {
    paths: Vec<String>,
    prefixes: Vec<String>,
    client: Option<Client>,
    allowed_ttl: Duration,
    denied_ttl: Duration,
    /// Of each question: whether it is allowed, and the reason.
    known: Cache<(bool, String)>,
}

impl std::fmt::Debug for Permissions {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Permissions").field("paths", &self.paths).finish_non_exhaustive()
    }
}

impl Permissions {
    pub(super) fn new(
        always_allowed: &[String],
        client: Option<Client>,
        allowed_ttl: Duration,
        denied_ttl: Duration,
    ) -> Result<Self, PathError> {
        let (mut paths, mut prefixes) = (Vec::new(), Vec::new());
        for path in always_allowed {
            let bare = path.strip_prefix('/').unwrap_or(path);
            match bare.strip_suffix('*') {
                Some(prefix) if !prefix.contains('*') => prefixes.push(prefix.to_owned()),
                None if !bare.contains('*') => paths.push(bare.to_owned()),
                _ => return Err(PathError(bare.to_owned())),
            }
        }
        Ok(Self { paths, prefixes, client, allowed_ttl, denied_ttl, known: Cache::new() })
    }

    /// Whether `user` may do `verb` at `path`.
    pub(super) async fn of(&self, user: &User, verb: &str, path: &str) -> Verdict {
        if user.groups.iter().any(|group| group == MASTERS) || self.is_always_allowed(path) {
            return Verdict::Allowed;
        }
        let Some(client) = &self.client else { return Verdict::Forbidden(String::new()) };
        let spec = spec(user, verb, path);
        let key = spec.to_string();
        let (allowed, reason) = match self.known.get(&key) {
            Some(known) => known,
            None => match ask(client, spec).await {
                Ok(answer) => {
                    let ttl = if answer.0 { self.allowed_ttl } else { self.denied_ttl };
                    self.known.put(key, answer.clone(), ttl);
                    answer
                }
                Err(reason) => return Verdict::Unknown(reason),
            },
        };
        if allowed { Verdict::Allowed } else { Verdict::Forbidden(reason) }
    }

    fn is_always_allowed(&self, path: &str) -> bool {
        let bare = path.strip_prefix('/').unwrap_or(path);
        self.paths.iter().any(|known| known == bare)
            || self.prefixes.iter().any(|prefix| bare.starts_with(prefix.as_str()))
    }
}

fn spec(user: &User, verb: &str, path: &str) -> Value {
    let mut spec = Map::new();
    spec.insert("nonResourceAttributes".to_owned(), json!({"path": path, "verb": verb}));
    spec.insert("user".to_owned(), user.name.as_str().into());
    spec.insert("groups".to_owned(), user.groups.clone().into());
    if !user.uid.is_empty() {
        spec.insert("uid".to_owned(), user.uid.as_str().into());
    }
    if !user.extra.is_empty() {
        let extra = user.extra.iter().map(|(key, values)| (key.clone(), values.clone().into()));
        spec.insert("extra".to_owned(), Value::Object(extra.collect()));
    }
    Value::Object(spec)
}

async fn ask(client: &Client, spec: Value) -> Result<(bool, String), String> {
    let object = json!({
        "apiVersion": "authorization.k8s.io/v1",
        "kind": "SubjectAccessReview",
        "spec": spec,
    });
    let answer = review::ask(client, REVIEWS, &object).await?;
    let status = answer.get("status").ok_or("the answer has no status")?;
    let allowed = status.get("allowed").and_then(Value::as_bool).unwrap_or(false);
    let reason = status.get("reason").and_then(Value::as_str).unwrap_or_default();
    Ok((allowed, reason.to_owned()))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn permissions(paths: &[&str]) -> Result<Permissions, PathError> {
        let paths: Vec<_> = paths.iter().map(|path| (*path).to_owned()).collect();
        Permissions::new(&paths, None, Duration::ZERO, Duration::ZERO)
    }

    #[tokio::test]
    async fn without_an_api_server_only_masters_and_open_paths() {
        let permissions = permissions(&["/healthz", "livez", "/open/*", "/"]).unwrap();
        let nobody = User::default();
        for (path, allowed) in [
            ("/healthz", true),
            ("/livez", true),
            ("/open/a/b", true),
            ("/open/", true),
            ("/", true),
            ("/open", false),
            ("/healthz/ping", false),
            ("/metrics", false),
        ] {
            let verdict = permissions.of(&nobody, "get", path).await;
            assert_eq!(verdict == Verdict::Allowed, allowed, "{path}");
        }
        let master = User { groups: vec![MASTERS.to_owned()], ..User::default() };
        assert_eq!(permissions.of(&master, "put", "/debug/flags/v").await, Verdict::Allowed);
    }

    #[test]
    fn a_star_stands_at_the_end() {
        let error = permissions(&["/a/*/b"]).unwrap_err();
        assert_eq!(error.to_string(), "only trailing * allowed in \"a/*/b\"");
        assert!(permissions(&["/*"]).is_ok());
    }
}
