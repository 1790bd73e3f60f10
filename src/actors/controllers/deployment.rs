//! Deployments: which ReplicaSets there are to be, of what size, and what the status says. Pure. The
//! sizes during a rollout are worked out in `rollout`.
//!
//! Upstream: pkg/controller/deployment, v1.37. Differs from upstream: a ReplicaSet's name has another
//! hash, and one whose name is taken by another template is not given a second one.

use std::collections::BTreeMap;

use kube::core::DynamicObject;
use serde_json::{Map, Value, json};

use crate::units::Nanos;

use super::super::clock;
use super::super::metadata::created;
use super::cache::Cache;
use super::conditions::Conditions;
use super::kind::{Key, Kind};
use super::plan::{
    Action, Plan, annotation, condition, controller_reference, int, is_deleting, name, namespace,
    template_hash, uid,
};
use super::pod;
use super::rollout::{self, Limits, Set};

pub(super) const REVISION: &str = "deployment.kubernetes.io/revision";
/// A field of the status. Upstream: the feature gate DeploymentReplicaSetTerminatingReplicas.
const TERMINATING: &str = "terminatingReplicas";
const HISTORY: &str = "deployment.kubernetes.io/revision-history";
const DESIRED: &str = "deployment.kubernetes.io/desired-replicas";
const MAX: &str = "deployment.kubernetes.io/max-replicas";
const HASH: &str = "pod-template-hash";
/// Annotations of a Deployment that its ReplicaSets do not get.
const NOT_COPIED: [&str; 6] = [
    "kubectl.kubernetes.io/last-applied-configuration",
    REVISION,
    HISTORY,
    DESIRED,
    MAX,
    "deprecated.deployment.rollback.to",
];

/// A Deployment and its ReplicaSets.
struct Rollout<'a> {
    object: &'a DynamicObject,
    limits: Limits,
    /// The one with its template, if there is one.
    new: Option<&'a DynamicObject>,
    /// All others, the oldest first.
    old: Vec<&'a DynamicObject>,
}

/// What is to be done about one.
pub(super) fn reconcile(cache: &Cache, key: &Key, now: Nanos) -> Plan {
    let mut plan = Plan::default();
    let Some(object) = cache.get(Kind::Deployment, key) else { return plan };
    adopt(cache, object, &mut plan);
    let mut sets: Vec<_> = cache.owned_by(Kind::ReplicaSet, uid(object)).collect();
    sets.sort_by_key(|set| (created(&set.metadata), name(set).to_owned()));
    let template = &object.data["spec"]["template"];
    let new = sets.iter().position(|set| is_of(set, template)).map(|at| sets.remove(at));
    let rollout = Rollout { object, limits: Limits::of(&object.data["spec"]), new, old: sets };

    if is_deleting(object) {
        rollout.write_status(&mut plan, None, now);
        return plan;
    }
    let paused = object.data["spec"]["paused"] == true;
    let mut created = None;
    if rollout.limits_changed() || paused {
        rollout.scale(&mut plan);
    } else if object.data["spec"]["strategy"]["type"] == "Recreate" {
        created = rollout.recreate(cache, &mut plan);
    } else {
        created = rollout.roll(&mut plan);
    }
    rollout.write_status(&mut plan, created.as_deref(), now);
    rollout.clean_up(&mut plan);
    plan
}

/// Takes over ReplicaSets that nobody owns.
fn adopt(cache: &Cache, object: &DynamicObject, plan: &mut Plan) {
    let key = pod::key(&object.metadata);
    let Some(selector) = cache.selector(Kind::Deployment, &key) else { return };
    if is_deleting(object) {
        return;
    }
    for set in cache.objects_in(Kind::ReplicaSet, namespace(object)) {
        let is_orphan = pod::owner(&set.metadata).is_none() && !is_deleting(set);
        if is_orphan && selector.matches(&pod::labels(&set.metadata)) {
            let owner = controller_reference(Kind::Deployment, object);
            let change = json!({"metadata": {"uid": uid(set), "ownerReferences": [owner]}});
            plan.push(Action::strategic(Kind::ReplicaSet, &pod::key(&set.metadata), change));
        }
    }
}

/// Whether a ReplicaSet has this template, but for the hash in its labels.
///
/// Upstream: deploymentutil.EqualIgnoreHash, v1.37.
fn is_of(set: &DynamicObject, template: &Value) -> bool {
    let mut own = set.data["spec"]["template"].clone();
    if let Some(labels) = own["metadata"]["labels"].as_object_mut() {
        labels.remove(HASH);
    }
    own == *template
}

fn revision(object: &DynamicObject) -> i64 {
    annotation(object, REVISION).and_then(|text| text.parse().ok()).unwrap_or_default()
}

/// The sizes of a ReplicaSet.
fn sizes(set: &DynamicObject) -> Set {
    let status = &set.data["status"];
    let max = annotation(set, MAX).and_then(|text| text.parse().ok());
    Set {
        wanted: int(&set.data["spec"]["replicas"], 1),
        there: int(&status["replicas"], 0),
        available: int(&status["availableReplicas"], 0),
        max: max.unwrap_or_default(),
    }
}

impl Rollout<'_> {
    fn old_sizes(&self) -> Vec<Set> {
        self.old.iter().map(|set| sizes(set)).collect()
    }

    fn all(&self) -> impl Iterator<Item = &DynamicObject> {
        self.old.iter().copied().chain(self.new)
    }

    /// Whether the Deployment was scaled since its ReplicaSets were.
    fn limits_changed(&self) -> bool {
        let mut active = self.all().filter(|set| int(&set.data["spec"]["replicas"], 1) > 0);
        active.any(|set| {
            let desired = annotation(set, DESIRED).and_then(|text| text.parse::<i64>().ok());
            desired.is_some_and(|desired| desired != self.limits.replicas)
        })
    }

    /// Scales without a rollout.
    fn scale(&self, plan: &mut Plan) {
        let new = self.new.map(sizes);
        let desired = self.new.and_then(|set| annotation(set, DESIRED)?.parse().ok());
        let (to_new, to_old) = rollout::scale(self.limits, new, desired, &self.old_sizes());
        for (set, to) in self.old.iter().zip(to_old) {
            self.resize(plan, set, to);
        }
        if let (Some(set), Some(to)) = (self.new, to_new) {
            self.resize(plan, set, to);
        }
    }

    /// One step of a rolling update; returns the name of a ReplicaSet that is new.
    fn roll(&self, plan: &mut Plan) -> Option<String> {
        let old = self.old_sizes();
        let size = rollout::new_size(self.limits, self.new.map(sizes), &old);
        let Some(new) = self.new else { return Some(self.create(plan, size)) };
        self.renumber(plan, new);
        if size != sizes(new).wanted {
            self.resize(plan, new, size);
            return None;
        }
        for (set, to) in self.old.iter().zip(rollout::old_sizes(self.limits, sizes(new), &old)) {
            self.resize(plan, set, to);
        }
        None
    }

    /// One step of doing away with the old before the new.
    fn recreate(&self, cache: &Cache, plan: &mut Plan) -> Option<String> {
        let mut scaled = false;
        for set in &self.old {
            scaled |= sizes(set).wanted > 0;
            self.resize(plan, set, 0);
        }
        let runs = |set: &&DynamicObject| cache.pods_of(uid(set)).any(|pod| !pod.is_finished());
        if scaled || self.old.iter().any(runs) {
            return None;
        }
        match self.new {
            Some(new) => {
                self.renumber(plan, new);
                self.resize(plan, new, self.limits.replicas);
                None
            }
            None => Some(self.create(plan, self.limits.replicas)),
        }
    }

    /// The number that the new ReplicaSet is to have.
    fn next_revision(&self) -> i64 {
        self.old.iter().map(|set| revision(set)).max().unwrap_or_default() + 1
    }

    fn create(&self, plan: &mut Plan, size: i64) -> String {
        let object = self.object;
        let template = &object.data["spec"]["template"];
        let hash = template_hash(template);
        let set_name = format!("{}-{hash}", name(object));
        let revision = self.next_revision().to_string();
        let mut template = template.clone();
        template["metadata"]["labels"][HASH] = json!(hash);
        let mut selector = object.data["spec"]["selector"].clone();
        selector["matchLabels"][HASH] = json!(hash);
        let mut annotations = self.copied_annotations();
        annotations.insert(REVISION.to_owned(), revision.clone());
        annotations.insert(DESIRED.to_owned(), self.limits.replicas.to_string());
        annotations.insert(MAX.to_owned(), self.limits.most().to_string());
        let set = json!({
            "apiVersion": "apps/v1", "kind": "ReplicaSet",
            "metadata": {
                "name": set_name, "namespace": object.metadata.namespace,
                "labels": template["metadata"]["labels"], "annotations": annotations,
                "ownerReferences": [controller_reference(Kind::Deployment, object)],
            },
            "spec": {
                "replicas": size, "minReadySeconds": object.data["spec"]["minReadySeconds"],
                "selector": selector, "template": template,
            },
        });
        let create = Action::create(Kind::ReplicaSet, namespace(object), set);
        let create = if size > 0 {
            let text = format!("Scaled up replica set {set_name} from 0 to {size}");
            create.saying("ScalingReplicaSet", text)
        } else {
            create
        };
        plan.push(create);
        self.write_revision(plan, &revision);
        set_name
    }

    fn copied_annotations(&self) -> BTreeMap<String, String> {
        let all = self.object.metadata.annotations.clone().unwrap_or_default();
        all.into_iter().filter(|(name, _)| !NOT_COPIED.contains(&name.as_str())).collect()
    }

    /// The new ReplicaSet has the greatest number, also where it is an old one that came back, and the
    /// Deployment's annotations.
    fn renumber(&self, plan: &mut Plan, new: &DynamicObject) {
        let wanted = self.next_revision().max(revision(new)).to_string();
        let mut annotations = self.copied_annotations();
        let known = annotation(new, REVISION);
        if known != Some(&wanted) {
            if let Some(known) = known {
                let history = annotation(new, HISTORY).map(|text| format!("{text},{known}"));
                annotations.insert(HISTORY.to_owned(), history.unwrap_or_else(|| known.to_owned()));
            }
            annotations.insert(REVISION.to_owned(), wanted.clone());
        }
        let differs = annotations.iter().any(|(name, value)| annotation(new, name) != Some(value));
        let seconds = &self.object.data["spec"]["minReadySeconds"];
        let waits = int(seconds, 0) != int(&new.data["spec"]["minReadySeconds"], 0);
        if differs || waits {
            let change = json!({
                "metadata": {"uid": uid(new), "annotations": annotations},
                "spec": {"minReadySeconds": int(seconds, 0)},
            });
            plan.push(Action::merge(Kind::ReplicaSet, &pod::key(&new.metadata), change));
        }
        self.write_revision(plan, &wanted);
    }

    fn write_revision(&self, plan: &mut Plan, revision: &str) {
        if annotation(self.object, REVISION) != Some(revision) {
            let change = json!({"metadata": {
                "uid": uid(self.object), "annotations": {REVISION: revision},
            }});
            let key = pod::key(&self.object.metadata);
            plan.push(Action::merge_status(Kind::Deployment, &key, change));
        }
    }

    /// Brings a ReplicaSet to a size, and its notes of the Deployment's size up to date.
    fn resize(&self, plan: &mut Plan, set: &DynamicObject, to: i64) {
        let from = sizes(set).wanted;
        let (desired, max) = (self.limits.replicas.to_string(), self.limits.most().to_string());
        let noted =
            annotation(set, DESIRED) == Some(&desired) && annotation(set, MAX) == Some(&max);
        // A set that is at zero and stays there needs no note.
        if from == to && (noted || to == 0) {
            return;
        }
        let change = json!({
            "metadata": {"uid": uid(set), "annotations": {DESIRED: desired, MAX: max}},
            "spec": {"replicas": to},
        });
        let action = Action::merge(Kind::ReplicaSet, &pod::key(&set.metadata), change);
        let way = if to > from { "up" } else { "down" };
        plan.push(if from == to {
            action
        } else {
            let text = format!("Scaled {way} replica set {} from {from} to {to}", name(set));
            action.saying("ScalingReplicaSet", text)
        });
    }

    /// Deletes old ReplicaSets beyond `revisionHistoryLimit`, the oldest first, once a rollout is done.
    fn clean_up(&self, plan: &mut Plan) {
        let keep = int(&self.object.data["spec"]["revisionHistoryLimit"], 10);
        let status = &self.object.data["status"];
        if !self.is_complete(status) {
            return;
        }
        let is_empty = |set: &&&DynamicObject| {
            let sizes = sizes(set);
            sizes.wanted == 0 && sizes.there == 0 && !is_deleting(set)
        };
        let mut empty: Vec<_> = self.old.iter().filter(is_empty).collect();
        empty.sort_by_key(|set| revision(set));
        let surplus = empty.len().saturating_sub(super::plan::count(keep));
        for set in empty.into_iter().take(surplus) {
            plan.push(Action::delete(Kind::ReplicaSet, &pod::key(&set.metadata), uid(set)));
        }
    }

    fn is_complete(&self, status: &Value) -> bool {
        let replicas = self.limits.replicas;
        int(&status["updatedReplicas"], 0) == replicas
            && int(&status["replicas"], 0) == replicas
            && int(&status["availableReplicas"], 0) == replicas
            && int(&status["observedGeneration"], 0) >= self.object.metadata.generation.unwrap_or(0)
    }

    /// Counts and conditions, from the ReplicaSets as they were before this step.
    fn write_status(&self, plan: &mut Plan, created: Option<&str>, now: Nanos) {
        let sum =
            |field: &str| -> i64 { self.all().map(|set| int(&set.data["status"][field], 0)).sum() };
        let wanted: i64 = self.all().map(|set| sizes(set).wanted).sum();
        let available = sum("availableReplicas");
        let updated = self.new.map_or(0, |set| int(&set.data["status"]["replicas"], 0));
        let mut status = Map::new();
        status.insert("observedGeneration".into(), json!(self.object.metadata.generation));
        for (name, count) in [
            ("replicas", sum("replicas")),
            ("updatedReplicas", updated),
            ("readyReplicas", sum("readyReplicas")),
            ("availableReplicas", available),
            ("unavailableReplicas", (wanted - available).max(0)),
        ] {
            status.insert(name.into(), if count == 0 { Value::Null } else { json!(count) });
        }
        let terminating = self.all().filter_map(|set| set.data["status"][TERMINATING].as_i64());
        status.insert(TERMINATING.into(), terminating.reduce(|sum, more| sum + more).into());
        let known = &self.object.data["status"];
        let mut conditions = Conditions::of(&known["conditions"], "lastUpdateTime", now);
        self.availability(&mut conditions, available);
        self.progress(&mut conditions, known, &Value::Object(status.clone()), created, plan);
        status.insert("conditions".into(), conditions.value());
        plan.status(Kind::Deployment, self.object, status);
    }

    fn availability(&self, conditions: &mut Conditions, available: i64) {
        if available >= self.limits.least() {
            let text = "Deployment has minimum availability.";
            conditions.set("Available", "True", "MinimumReplicasAvailable", text);
        } else {
            let text = "Deployment does not have minimum availability.";
            conditions.set("Available", "False", "MinimumReplicasUnavailable", text);
        }
    }

    /// The condition Progressing, which `kubectl rollout status` reads.
    ///
    /// Upstream: syncRolloutStatus, getNewReplicaSet and checkPausedConditions, v1.37.
    fn progress(
        &self,
        conditions: &mut Conditions,
        known: &Value,
        status: &Value,
        created: Option<&str>,
        plan: &mut Plan,
    ) {
        const NAME: &str = "Progressing";
        let spec = &self.object.data["spec"];
        let before = condition(&known["conditions"], NAME).cloned().unwrap_or_default();
        let was = before["reason"].as_str().unwrap_or_default();
        // The largest number means that there is no deadline.
        let deadline =
            spec["progressDeadlineSeconds"].as_i64().filter(|s| *s < i64::from(i32::MAX));
        if spec["paused"] == true {
            if was != "DeploymentPaused" && was != "ProgressDeadlineExceeded" {
                conditions.set(NAME, "Unknown", "DeploymentPaused", "Deployment is paused");
            }
            return;
        }
        if was == "DeploymentPaused" {
            conditions.set(NAME, "Unknown", "DeploymentResumed", "Deployment is resumed");
            return;
        }
        let Some(deadline) = deadline else { return };
        if let Some(name) = created {
            let text = format!("Created new replica set \"{name}\"");
            conditions.set(NAME, "True", "NewReplicaSetCreated", &text);
            return;
        }
        let Some(new) = self.new else { return };
        let count = |of: &Value, field: &str| int(&of[field], 0);
        let old_left = |of: &Value| count(of, "replicas") - count(of, "updatedReplicas");
        let progressed = count(status, "updatedReplicas") > count(known, "updatedReplicas")
            || old_left(status) < old_left(known)
            || count(status, "readyReplicas") > count(known, "readyReplicas")
            || count(status, "availableReplicas") > count(known, "availableReplicas");
        let quoted = format!("ReplicaSet \"{}\"", name(new));
        if self.is_complete(status) {
            let text = format!("{quoted} has successfully progressed.");
            conditions.set(NAME, "True", "NewReplicaSetAvailable", &text);
        } else if progressed || was == "NewReplicaSetAvailable" {
            let text = format!("{quoted} is progressing.");
            conditions.touch(NAME, "True", "ReplicaSetUpdated", &text);
        } else if before.is_null() {
            let text = format!("Found new replica set \"{}\"", name(new));
            conditions.set(NAME, "True", "FoundNewReplicaSet", &text);
        } else if was != "ProgressDeadlineExceeded" {
            let since = before["lastUpdateTime"].as_str().and_then(clock::parse);
            let seconds = Nanos::from_secs(u64::try_from(deadline).unwrap_or_default());
            let due = since.unwrap_or(conditions.now) + seconds;
            if due <= conditions.now {
                let text = format!("{quoted} has timed out progressing.");
                conditions.set(NAME, "False", "ProgressDeadlineExceeded", &text);
            } else {
                plan.again_at(due);
            }
        }
    }
}

#[cfg(test)]
mod tests;
