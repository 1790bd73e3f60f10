//! `delete` and `deletecollection`. Upstream: rest.BeforeDelete, registry.Store.Delete, the strategies of
//! pods and namespaces, v1.37. What belongs to a deleted object is the controllers' to collect.

use std::sync::Arc;

use jiff::{SignedDuration, Timestamp};
use serde_json::{Value, json};

use crate::apiserver::failure::Failure;
use crate::apiserver::http::{Params, Target, dry_run};
use crate::apiserver::identity::format_time;
use crate::apiserver::selection::Selection;
use crate::apiserver::store::{ListRequest, Page, Stored, WriteError};

use super::{Answer, Call, metadata, text, update};

/// How often a deletion is tried when others change the object at the same time.
const TRIES_MAX: usize = 16;

/// Kinds whose deleted objects are answered whole, not as a Status. Upstream: ReturnDeletedObject.
const ANSWERED_WHOLE: [&str; 14] = [
    "pods",
    "namespaces",
    "services",
    "serviceaccounts",
    "persistentvolumes",
    "persistentvolumeclaims",
    "resourcequotas",
    "csidrivers",
    "csinodes",
    "storageclasses",
    "volumeattachments",
    "resourceclaims",
    "resourceclaimtemplates",
    "resourceslices",
];

/// How to delete.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Options {
    /// Seconds until a pod is gone.
    pub grace_period_seconds: Option<i64>,
    /// `Orphan`, `Background`, `Foreground`, or nothing.
    pub propagation_policy: String,
    /// Only the object of this UID; empty for any.
    pub uid: String,
    /// Only this version of it; empty for any.
    pub resource_version: String,
    /// Whether nothing is to be stored.
    pub dry_run: bool,
}

impl Options {
    /// Reads DeleteOptions; where there is no body, the query has them.
    pub fn read(params: &Params, body: Option<&Value>) -> Result<Self, Failure> {
        let mut options = Self {
            grace_period_seconds: params.grace_period_seconds,
            propagation_policy: params.propagation_policy.clone(),
            dry_run: params.dry_run,
            ..Self::default()
        };
        if let Some(body) = body {
            options.grace_period_seconds =
                body["gracePeriodSeconds"].as_i64().or(options.grace_period_seconds);
            let policy = text(body, "/propagationPolicy");
            if !policy.is_empty() {
                policy.clone_into(&mut options.propagation_policy);
            } else if let Some(orphan) = body["orphanDependents"].as_bool() {
                let policy = if orphan { "Orphan" } else { "Background" };
                policy.clone_into(&mut options.propagation_policy);
            }
            text(body, "/preconditions/uid").clone_into(&mut options.uid);
            text(body, "/preconditions/resourceVersion").clone_into(&mut options.resource_version);
            let values = body["dryRun"].as_array().into_iter().flatten();
            let values: Vec<_> = values.map(|value| value.as_str().unwrap_or_default()).collect();
            options.dry_run |= dry_run("DeleteOptions", &values)?;
        }
        options.check_policy()?;
        Ok(options)
    }

    fn check_policy(&self) -> Result<(), Failure> {
        let policy = self.propagation_policy.as_str();
        if matches!(policy, "" | "Orphan" | "Background" | "Foreground") {
            return Ok(());
        }
        let supported = ["Foreground", "Background", "Orphan", "nil"];
        let shown = format!("{policy:?}");
        Err(Failure::unsupported_value("DeleteOptions", "propagationPolicy", &shown, &supported))
    }

    /// Refuses an object that is not the one that is meant.
    pub fn check_preconditions(&self, target: &Target, object: &Value) -> Result<(), Failure> {
        // Upstream: these two name the kind where others name the resource.
        let conflict = |why: String| {
            let (name, kind) = (&target.name, target.resource.group_kind());
            let mut failure = Failure::conflict(target.resource, name, "");
            failure.message = format!("Operation cannot be fulfilled on {kind} {name:?}: {why}");
            if let Some(details) = &mut failure.details {
                target.resource.kind.clone_into(&mut details.kind);
            }
            Err(failure)
        };
        let uid = text(object, "/metadata/uid");
        if !self.uid.is_empty() && self.uid != uid {
            return conflict(format!(
                "the UID in the precondition ({}) does not match the UID in record ({uid}). The object might have been deleted and then recreated",
                self.uid
            ));
        }
        let version = text(object, "/metadata/resourceVersion");
        if !self.resource_version.is_empty() && self.resource_version != version {
            return conflict(format!(
                "the ResourceVersion in the precondition ({}) does not match the ResourceVersion in record ({version}). The object might have been modified",
                self.resource_version
            ));
        }
        Ok(())
    }
}

/// Namespaces that cannot be deleted. Upstream: the plugin NamespaceLifecycle.
const IMMORTAL: [&str; 3] = ["default", "kube-system", "kube-public"];

/// What a deletion came to.
enum Deleted {
    /// The object is gone; this is how it was.
    Gone(Arc<Stored>),
    /// It is still there, marked.
    Marked(Arc<Stored>),
}

/// Deletes the object that the call names.
pub fn delete(call: &mut Call<'_>, options: &Options) -> Result<Answer, Failure> {
    match delete_object(call, options)? {
        Deleted::Marked(object) => Ok(Answer::Object { code: 200, object }),
        Deleted::Gone(object) if ANSWERED_WHOLE.contains(&call.kept().plural) => {
            Ok(Answer::Object { code: 200, object })
        }
        Deleted::Gone(object) => Ok(gone(call, &object)),
    }
}

fn gone(call: &Call<'_>, object: &Stored) -> Answer {
    let resource = call.resource();
    let uid = object.parse().map(|object| text(&object, "/metadata/uid").to_owned());
    let mut details = json!({
        "name": call.target.name, "kind": resource.plural, "uid": uid.unwrap_or_default(),
    });
    if !resource.group.is_empty() {
        details["group"] = resource.group.into();
    }
    let value = json!({
        "kind": "Status", "apiVersion": "v1", "metadata": {}, "status": "Success",
        "details": details,
    });
    Answer::Value { code: 200, value }
}

fn delete_object(call: &mut Call<'_>, options: &Options) -> Result<Deleted, Failure> {
    for _ in 0..TRIES_MAX {
        let stored = call.find()?;
        let old = stored.parse().map_err(Failure::internal)?;
        options.check_preconditions(call.target, &old)?;
        if let Some(done) = try_delete(call, options, &stored, old)? {
            return Ok(done);
        }
    }
    Err(Failure::modified(call.resource(), &call.target.name))
}

fn try_delete(
    call: &mut Call<'_>,
    options: &Options,
    stored: &Arc<Stored>,
    old: Value,
) -> Result<Option<Deleted>, Failure> {
    let kept = call.kept();
    let name = call.target.name.as_str();
    if kept.plural == "namespaces" && IMMORTAL.contains(&name) {
        return Err(Failure::forbidden(kept, name, "this namespace may not be deleted"));
    }
    let mut new = old;
    settle_finalizers(options, &mut new);
    let held = !new["metadata"]["finalizers"].as_array().is_none_or(Vec::is_empty)
        || (kept.plural == "namespaces"
            && !new["spec"]["finalizers"].as_array().is_none_or(Vec::is_empty));
    let grace = if kept.plural == "pods" { pod_grace(options, &new) } else { Some(0) };
    let Some(grace) = grace else {
        // The deletion is under way and is not made shorter.
        return Ok(Some(Deleted::Marked(Arc::clone(stored))));
    };
    if held || grace > 0 {
        mark(kept.plural, &mut new, grace);
        let object = write(call, options, stored, &new)?;
        return Ok(object.map(Deleted::Marked));
    }
    let mut stored = Arc::clone(stored);
    if kept.plural == "pods" && !options.dry_run {
        // Upstream: a pod is marked even when it goes at once.
        mark(kept.plural, &mut new, 0);
        let draft = crate::apiserver::store::Encoder(kept).encode(&new);
        match call.api.store.replace(kept.table, draft, stored.revision()) {
            Ok(marked) => stored = marked,
            Err(WriteError::Missing) => {
                return Err(Failure::not_found(call.resource(), &call.target.name));
            }
            Err(_) => return Ok(None),
        }
    }
    if options.dry_run {
        return Ok(Some(Deleted::Gone(stored)));
    }
    match call.api.store.remove(kept.table, stored.key(), stored.revision()) {
        Ok(_) => Ok(Some(Deleted::Gone(stored))),
        Err(WriteError::Missing) => Err(Failure::not_found(call.resource(), &call.target.name)),
        Err(_) => Ok(None),
    }
}

fn write(
    call: &Call<'_>,
    options: &Options,
    stored: &Arc<Stored>,
    new: &Value,
) -> Result<Option<Arc<Stored>>, Failure> {
    let draft = crate::apiserver::store::Encoder(call.kept()).encode(new);
    if options.dry_run {
        return Ok(Some(Arc::new(draft.finish(stored.revision()))));
    }
    update::store(call, stored, new)
}

/// Adds and takes away the finalizers that the garbage collector acts on.
/// Upstream: deletionFinalizersForGarbageCollection.
fn settle_finalizers(options: &Options, object: &mut Value) {
    let (orphan, foreground) = match options.propagation_policy.as_str() {
        "Orphan" => (true, false),
        "Foreground" => (false, true),
        "Background" => (false, false),
        // Those that are there stay.
        _ => return,
    };
    let map = metadata::of(object);
    let mut finalizers =
        map.get("finalizers").and_then(Value::as_array).cloned().unwrap_or_default();
    finalizers.retain(|one| *one != "orphan" && *one != "foregroundDeletion");
    if orphan {
        finalizers.push("orphan".into());
    }
    if foreground {
        finalizers.push("foregroundDeletion".into());
    }
    if finalizers.is_empty() {
        map.remove("finalizers");
    } else {
        map.insert("finalizers".to_owned(), finalizers.into());
    }
}

/// Seconds until the pod is gone; `None` where a deletion is under way that this one does not shorten.
/// Upstream: podStrategy.CheckGracefulDelete, rest.BeforeDelete.
fn pod_grace(options: &Options, pod: &Value) -> Option<i64> {
    let asked = options.grace_period_seconds.map(|seconds| if seconds < 0 { 1 } else { seconds });
    let meta = &pod["metadata"];
    if !text(meta, "/deletionTimestamp").is_empty() {
        let current = meta["deletionGracePeriodSeconds"].as_i64().unwrap_or(0);
        return match asked {
            _ if current == 0 => Some(0),
            Some(asked) if asked < current => Some(asked),
            _ => None,
        };
    }
    let unassigned = text(pod, "/spec/nodeName").is_empty();
    let finished = matches!(text(pod, "/status/phase"), "Failed" | "Succeeded");
    if unassigned || finished {
        return Some(0);
    }
    let own = pod["spec"]["terminationGracePeriodSeconds"].as_i64().unwrap_or(0);
    Some(asked.unwrap_or(if own < 0 { 1 } else { own }))
}

/// Says in `object` that its deletion has begun and when it will be over.
fn mark(plural: &str, object: &mut Value, grace: i64) {
    let now = Timestamp::now();
    let map = metadata::of(object);
    let begun = map.get("deletionTimestamp").and_then(Value::as_str).map(str::to_owned);
    let was = map.get("deletionGracePeriodSeconds").and_then(Value::as_i64).unwrap_or(0);
    if begun.is_some() && plural != "pods" {
        return;
    }
    // A deletion that is made shorter still counts from when it was asked for.
    let started = begun
        .and_then(|time| time.parse::<Timestamp>().ok())
        .and_then(|end| end.checked_sub(SignedDuration::from_secs(was)).ok())
        .unwrap_or(now);
    let end = started.checked_add(SignedDuration::from_secs(grace)).unwrap_or(now).max(now);
    let generation = map.get("generation").and_then(Value::as_i64);
    if let Some(generation) = generation.filter(|_| !map.contains_key("deletionTimestamp")) {
        map.insert("generation".to_owned(), (generation + 1).into());
    }
    map.insert("deletionTimestamp".to_owned(), format_time(end).into());
    if plural == "namespaces" {
        object["status"]["phase"] = "Terminating".into();
    } else {
        map.insert("deletionGracePeriodSeconds".to_owned(), grace.into());
    }
}

/// Deletes all that the call selects, and answers what it was.
pub fn delete_collection(
    call: &mut Call<'_>,
    selection: &Selection,
    options: &Options,
) -> Result<Answer, Failure> {
    let page = call.api.store.list(call.kept().table, &ListRequest::of(selection));
    let page = page.map_err(|_| Failure::expired("the list has expired"))?;
    let mut objects = Vec::with_capacity(page.objects.len());
    for object in page.objects {
        let target = Target {
            namespace: object.namespace().to_owned(),
            name: object.name().to_owned(),
            ..call.target.clone()
        };
        let mut one = Call {
            api: call.api,
            target: &target,
            params: call.params,
            manager: String::new(),
            warnings: Vec::new(),
        };
        match delete_object(&mut one, options) {
            Ok(Deleted::Gone(object) | Deleted::Marked(object)) => objects.push(object),
            // Somebody else was faster.
            Err(failure) if failure.code == 404 => {}
            Err(failure) => return Err(failure),
        }
    }
    let page = Page { objects, revision: call.api.store.revision(), more: false, remaining: None };
    Ok(Answer::List { page, continue_token: String::new() })
}
