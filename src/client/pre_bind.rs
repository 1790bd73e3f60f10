//! What plugins want written before a pod is bound: volumes given to claims, claims that ask for a volume
//! near a node. One request at a time for each pod, tried again where that may help, and always answered.

use http::Method;
use tokio::sync::mpsc;

use crate::engine::{AttemptId, Event};
use crate::framework::{ApiOperation, Refusal};
use crate::units::Nanos;

use super::api::{Api, MERGE, Problem};
use super::json::{field, quote};

/// How often one write is tried: 0.5, 1, 2 s apart. After that the pod is scheduled again.
pub(super) const PRE_BIND_TRIES_MAX: u32 = 4;

/// The writes for one pod.
#[derive(Clone, Debug)]
pub(super) struct PreBind {
    attempt: AttemptId,
    operations: Vec<ApiOperation>,
    /// Which of them is next.
    next: usize,
    /// Tries of that one so far.
    pub(super) tries: u32,
    /// It may have taken effect, though no answer said so.
    uncertain: bool,
    /// Not before this time; zero for a first try.
    pub(super) not_before: Nanos,
}

/// What came of one request.
#[derive(Debug)]
pub(super) enum Answer {
    /// The engine has been told. The object that could not be written, and why, if there is one.
    Finished(Option<(String, String)>),
    /// There is more to be written.
    More(PreBind),
    /// The same once more, later.
    Again(PreBind, Problem),
}

impl PreBind {
    pub(super) fn new(attempt: AttemptId, operations: Vec<ApiOperation>) -> Self {
        let not_before = Nanos::default();
        Self { attempt, operations, next: 0, tries: 0, uncertain: false, not_before }
    }
}

/// Sends the next write of `work`; tells the engine where that ends it.
pub(super) async fn send(api: &Api, results: &mpsc::Sender<Event>, mut work: PreBind) -> Answer {
    let problem = match work.operations.get(work.next) {
        None => None,
        Some(operation) => {
            let (path, body) = (path(operation), body(operation));
            api.write(Method::PATCH, &path, MERGE, body).await.err()
        }
    };
    let outcome = match problem {
        // An earlier try may have been carried out, and then its version is another one. The plugin
        // looks at the objects before the pod is bound.
        Some(problem) if problem.status() == 409 && work.uncertain => Ok(()),
        Some(problem) if problem.is_transient() && work.tries + 1 < PRE_BIND_TRIES_MAX => {
            work.tries += 1;
            work.uncertain = true;
            return Answer::Again(work, problem);
        }
        Some(problem) => Err(problem.to_string()),
        None => Ok(()),
    };
    if outcome.is_ok() && work.next + 1 < work.operations.len() {
        let next = work.next + 1;
        let not_before = Nanos::default();
        return Answer::More(PreBind { next, tries: 0, uncertain: false, not_before, ..work });
    }
    let refused = work.operations.get(work.next).map(path);
    let trouble = refused.zip(outcome.clone().err());
    let outcome = outcome.map_err(Refusal::Fail);
    // Nobody listens only when the process ends.
    let _ = results.send(Event::PreBindResult { attempt: work.attempt, outcome }).await;
    Answer::Finished(trouble)
}

fn path(operation: &ApiOperation) -> String {
    match operation {
        ApiOperation::BindVolume { volume, .. } => format!("/api/v1/persistentvolumes/{volume}"),
        ApiOperation::SelectNode { claim, .. } => {
            let (namespace, name) = (&claim.namespace, &claim.name);
            format!("/api/v1/namespaces/{namespace}/persistentvolumeclaims/{name}")
        }
    }
}

/// Upstream: volumeBinder.bindAPIUpdate, v1.37, writes the whole objects; here it is what differs. The
/// version makes either fail where somebody else was faster.
fn body(operation: &ApiOperation) -> String {
    let mut out = String::with_capacity(384);
    out.push_str(r#"{"metadata":{"resourceVersion":"#);
    match operation {
        ApiOperation::BindVolume {
            resource_version,
            claim,
            claim_uid,
            claim_version,
            by_controller,
            ..
        } => {
            quote(&mut out, resource_version);
            if *by_controller {
                out.push_str(r#","annotations":{"pv.kubernetes.io/bound-by-controller":"yes"}"#);
            }
            out.push_str(r#"},"spec":{"claimRef":{"apiVersion":"v1""#);
            field(&mut out, "kind", "PersistentVolumeClaim");
            field(&mut out, "namespace", &claim.namespace);
            field(&mut out, "name", &claim.name);
            field(&mut out, "uid", claim_uid);
            field(&mut out, "resourceVersion", claim_version);
            out.push_str("}}}");
        }
        ApiOperation::SelectNode { resource_version, node, .. } => {
            quote(&mut out, resource_version);
            out.push_str(r#","annotations":{"volume.kubernetes.io/selected-node":"#);
            quote(&mut out, node);
            out.push_str("}}}");
        }
    }
    out
}
