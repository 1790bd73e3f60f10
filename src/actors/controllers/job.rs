//! Jobs: pods that run until so many have succeeded, or too many have failed. Pure.
//!
//! Upstream: pkg/controller/job and ttlafterfinished, v1.37. Differs from upstream: pods get no finalizer
//! `batch.kubernetes.io/job-tracking`, so one that is deleted after it ended, before it was counted, is
//! run again; `podFailurePolicy`, `successPolicy`, `backoffLimitPerIndex` and pods of other makers that
//! the selector matches are not looked at.

use std::collections::BTreeSet;

use kube::core::DynamicObject;
use serde_json::{Map, Value, json};

use crate::units::Nanos;

use super::super::clock::{self, seconds_text};
use super::super::phase::Phase;
use super::cache::Cache;
use super::conditions::Conditions;
use super::kind::{Key, Kind};
use super::plan::{
    Action, BURST, Plan, Say, condition, count, int, is_deleting, name, namespace, number, pod_from,
};
use super::pod::Pod;

const INDEX: &str = "batch.kubernetes.io/job-completion-index";
/// The pause after a pod failed; it doubles with each failure.
const BACKOFF: Nanos = Nanos::from_secs(10);
const BACKOFF_MAX: Nanos = Nanos::from_secs(600);
/// Greatest `backoffLimit` where none is given.
const BACKOFF_LIMIT: i64 = 6;

/// A Job and its pods, counted.
struct Job<'a> {
    object: &'a DynamicObject,
    spec: &'a Value,
    known: &'a Value,
    active: Vec<&'a Pod>,
    terminating: usize,
    succeeded: i64,
    failed: i64,
    /// Indexes of pods that succeeded.
    completed: BTreeSet<u32>,
    last_failure: Option<Nanos>,
    now: Nanos,
}

/// How a Job ends.
struct End {
    succeeded: bool,
    reason: &'static str,
    message: &'static str,
}

/// What is to be done about one.
pub(super) fn reconcile(cache: &Cache, key: &Key, now: Nanos) -> Plan {
    let mut plan = Plan::default();
    let Some(object) = cache.get(Kind::Job, key) else { return plan };
    let manager = object.data["spec"]["managedBy"].as_str();
    if manager.is_some_and(|name| name != "kubernetes.io/job-controller") || is_deleting(object) {
        return plan;
    }
    if let Some(finished) = finished_at(object) {
        expire(object, finished, now, &mut plan);
        return plan;
    }
    let job = Job::new(cache, object, now);
    let mut status = job.counts();
    let mut conditions = Conditions::of(&job.known["conditions"], "lastProbeTime", now);
    match job.end(&conditions) {
        Some(end) => job.finish(&end, &mut conditions, &mut status, &mut plan),
        None if job.spec["suspend"] == true => {
            job.delete_active(job.active.len(), &mut plan);
            if conditions.turn("Suspended", "True", "JobSuspended", "Job suspended") {
                plan.push(say(Say::normal("Suspended", "Job suspended")));
            }
            status.insert("startTime".into(), Value::Null);
        }
        None => job.run(&mut conditions, &mut status, &mut plan),
    }
    status.insert("conditions".into(), conditions.value());
    plan.status(Kind::Job, object, status);
    plan
}

fn say(say: Say) -> Action {
    Action::say_only(Kind::Job, say)
}

/// When a Job ended, if it has.
fn finished_at(object: &DynamicObject) -> Option<Nanos> {
    let conditions = &object.data["status"]["conditions"];
    let of = |name| condition(conditions, name).filter(|condition| condition["status"] == "True");
    let ended = of("Complete").or_else(|| of("Failed"))?;
    let at = ended["lastTransitionTime"].as_str().and_then(clock::parse);
    Some(at.unwrap_or_default())
}

/// Deletes a Job that ended long enough ago.
fn expire(object: &DynamicObject, finished: Nanos, now: Nanos, plan: &mut Plan) {
    let Some(seconds) = object.data["spec"]["ttlSecondsAfterFinished"].as_u64() else { return };
    let at = finished + Nanos::from_secs(seconds);
    if at > now {
        plan.again_at(at);
        return;
    }
    let key = super::pod::key(&object.metadata);
    plan.push(Action::delete(Kind::Job, &key, super::plan::uid(object)));
}

impl<'a> Job<'a> {
    fn new(cache: &'a Cache, object: &'a DynamicObject, now: Nanos) -> Self {
        let (spec, known) = (&object.data["spec"], &object.data["status"]);
        let pods: Vec<&Pod> = cache.pods_of(super::plan::uid(object)).collect();
        let of = |phase: Phase| pods.iter().filter(move |pod| pod.phase == phase);
        let indexes = of(Phase::Succeeded).filter_map(|pod| pod.completion_index);
        let mut completed: BTreeSet<u32> = indexes.collect();
        completed.extend(read_indexes(known["completedIndexes"].as_str().unwrap_or_default()));
        let is_indexed = spec["completionMode"] == "Indexed";
        let succeeded = if is_indexed { completed.len() } else { of(Phase::Succeeded).count() };
        Self {
            object,
            spec,
            known,
            active: pods.iter().copied().filter(|pod| pod.is_active()).collect(),
            terminating: pods.iter().filter(|pod| pod.deleting && !pod.is_finished()).count(),
            // What was counted once is not taken back.
            succeeded: number(succeeded).max(int(&known["succeeded"], 0)),
            failed: number(of(Phase::Failed).count()).max(int(&known["failed"], 0)),
            completed,
            last_failure: of(Phase::Failed).map(|pod| pod.finished).max(),
            now,
        }
    }

    fn is_indexed(&self) -> bool {
        self.spec["completionMode"] == "Indexed"
    }

    fn counts(&self) -> Map<String, Value> {
        let ready = number(self.active.iter().filter(|pod| pod.is_ready()).count());
        let mut status = Map::new();
        for (name, count) in [
            ("active", number(self.active.len())),
            ("succeeded", self.succeeded),
            ("failed", self.failed),
        ] {
            status.insert(name.into(), if count == 0 { Value::Null } else { json!(count) });
        }
        status.insert("ready".into(), json!(ready));
        status.insert("terminating".into(), json!(self.terminating));
        status.insert("uncountedTerminatedPods".into(), json!({}));
        if self.is_indexed() && !self.completed.is_empty() {
            status.insert("completedIndexes".into(), json!(write_indexes(&self.completed)));
        }
        status
    }

    /// How it ends, if it does or is about to.
    fn end(&self, conditions: &Conditions) -> Option<End> {
        let was = |name| conditions.is(name, "True");
        let failed = |reason, message| Some(End { succeeded: false, reason, message });
        let limit = int(&self.spec["backoffLimit"], BACKOFF_LIMIT);
        let restarts: i64 = self.active.iter().map(|pod| pod.restarts).sum();
        let retries = if self.spec["template"]["spec"]["restartPolicy"] == "OnFailure" {
            self.failed + restarts
        } else {
            self.failed
        };
        if was("SuccessCriteriaMet") || self.is_complete() {
            return Some(End {
                succeeded: true,
                reason: "CompletionsReached",
                message: "Reached expected number of succeeded pods",
            });
        }
        let known = conditions.get("FailureTarget");
        if known.is_some_and(|known| known["reason"] == "DeadlineExceeded") || self.is_overdue() {
            let message = "Job was active longer than specified deadline";
            return failed("DeadlineExceeded", message);
        }
        if was("FailureTarget") || retries > limit {
            return failed("BackoffLimitExceeded", "Job has reached the specified backoff limit");
        }
        None
    }

    fn is_complete(&self) -> bool {
        match self.spec["completions"].as_i64() {
            Some(completions) => self.succeeded >= completions,
            // A queue of work: one success means that there is none left.
            None => self.succeeded > 0 && self.active.is_empty(),
        }
    }

    fn started(&self) -> Option<Nanos> {
        clock::parse(self.known["startTime"].as_str()?)
    }

    fn deadline(&self) -> Option<Nanos> {
        let seconds = self.spec["activeDeadlineSeconds"].as_u64()?;
        Some(self.started()? + Nanos::from_secs(seconds))
    }

    fn is_overdue(&self) -> bool {
        self.spec["suspend"] != true && self.deadline().is_some_and(|at| at <= self.now)
    }

    /// First the pods that still run are done away with, then it has ended.
    fn finish(
        &self,
        end: &End,
        conditions: &mut Conditions,
        status: &mut Map<String, Value>,
        plan: &mut Plan,
    ) {
        let (target, done) = if end.succeeded {
            ("SuccessCriteriaMet", "Complete")
        } else {
            ("FailureTarget", "Failed")
        };
        if self.started().is_none() {
            status.insert("startTime".into(), json!(seconds_text(self.now)));
        }
        conditions.turn(target, "True", end.reason, end.message);
        self.delete_active(self.active.len(), plan);
        if !self.active.is_empty() || self.terminating > 0 {
            return;
        }
        conditions.turn(done, "True", end.reason, end.message);
        if end.succeeded {
            status.insert("completionTime".into(), json!(seconds_text(self.now)));
            plan.push(say(Say::normal("Completed", "Job completed")));
        } else {
            plan.push(say(Say::warning(end.reason, end.message)));
        }
    }

    fn delete_active(&self, count: usize, plan: &mut Plan) {
        let mut pods = self.active.clone();
        pods.sort_by_key(|pod| (pod.is_ready(), std::cmp::Reverse(pod.created)));
        for pod in pods.into_iter().take(count.min(BURST)) {
            let delete = Action::delete(Kind::Pod, &pod.key, &pod.uid);
            plan.push(delete.saying("SuccessfulDelete", format!("Deleted pod: {}", pod.key.name)));
        }
    }

    /// Brings the number of pods to what it is to be.
    fn run(&self, conditions: &mut Conditions, status: &mut Map<String, Value>, plan: &mut Plan) {
        let resumed = conditions.is("Suspended", "True")
            && conditions.turn("Suspended", "False", "JobResumed", "Job resumed");
        if resumed {
            plan.push(say(Say::normal("Resumed", "Job resumed")));
        }
        if resumed || self.started().is_none() {
            status.insert("startTime".into(), json!(seconds_text(self.now)));
        }
        if let Some(at) = self.deadline() {
            plan.again_at(at);
        }
        let parallelism = int(&self.spec["parallelism"], 1);
        let wanted = match self.spec["completions"].as_i64() {
            Some(completions) => parallelism.min(completions - self.succeeded),
            None if self.succeeded > 0 => number(self.active.len()),
            None => parallelism,
        };
        let (wanted, there) = (count(wanted), self.active.len());
        if there > wanted {
            self.delete_active(there - wanted, plan);
        } else if there + self.terminating < wanted {
            if let Some(at) = self.backoff_until().filter(|at| *at > self.now) {
                plan.again_at(at);
            } else {
                self.create((wanted - there - self.terminating).min(BURST), plan);
            }
        }
    }

    /// Until when no pod is made, for others have failed.
    fn backoff_until(&self) -> Option<Nanos> {
        let last = self.last_failure?;
        let doublings = u32::try_from(self.failed - 1).unwrap_or_default().min(16);
        let pause = Nanos(BACKOFF.0.saturating_mul(1 << doublings)).min(BACKOFF_MAX);
        Some(last + pause)
    }

    fn create(&self, count: usize, plan: &mut Plan) {
        let template = &self.spec["template"];
        if !self.is_indexed() {
            let pod =
                pod_from(Kind::Job, self.object, &format!("{}-", name(self.object)), template);
            for _ in 0..count {
                self.push_pod(pod.clone(), plan);
            }
            return;
        }
        let taken: BTreeSet<u32> =
            self.active.iter().filter_map(|pod| pod.completion_index).collect();
        let completions = u32::try_from(int(&self.spec["completions"], 0)).unwrap_or_default();
        let free = (0..completions)
            .filter(|index| !taken.contains(index) && !self.completed.contains(index));
        for index in free.take(count) {
            let prefix = format!("{}-{index}-", name(self.object));
            let mut pod = pod_from(Kind::Job, self.object, &prefix, template);
            let text = index.to_string();
            pod["metadata"]["annotations"][INDEX] = json!(text);
            pod["metadata"]["labels"][INDEX] = json!(text);
            if pod["spec"]["hostname"].is_null() {
                pod["spec"]["hostname"] = json!(format!("{}-{index}", name(self.object)));
            }
            for list in ["containers", "initContainers"] {
                for container in pod["spec"][list].as_array_mut().into_iter().flatten() {
                    add_index_variable(container);
                }
            }
            self.push_pod(pod, plan);
        }
    }

    fn push_pod(&self, pod: Value, plan: &mut Plan) {
        let create = Action::create(Kind::Pod, namespace(self.object), pod);
        plan.push(create.saying("SuccessfulCreate", "Created pod: {}"));
    }
}

fn add_index_variable(container: &mut Value) {
    const NAME: &str = "JOB_COMPLETION_INDEX";
    let path = format!("metadata.labels['{INDEX}']");
    let variable = json!({"name": NAME, "valueFrom": {"fieldRef": {"fieldPath": path}}});
    match container["env"].as_array_mut() {
        Some(all) if all.iter().any(|known| known["name"] == NAME) => {}
        Some(all) => all.push(variable),
        None => container["env"] = json!([variable]),
    }
}

/// Reads `1-3,5`; what cannot be read is left out.
fn read_indexes(text: &str) -> BTreeSet<u32> {
    let parts = text.split(',').filter_map(|part| {
        let (first, last) = part.split_once('-').unwrap_or((part, part));
        Some(first.parse::<u32>().ok()?..=last.parse::<u32>().ok()?)
    });
    parts.flatten().collect()
}

/// Writes `1-3,5`.
fn write_indexes(indexes: &BTreeSet<u32>) -> String {
    let mut runs: Vec<(u32, u32)> = Vec::new();
    for index in indexes {
        match runs.last_mut() {
            Some((_, last)) if last.checked_add(1) == Some(*index) => *last = *index,
            _ => runs.push((*index, *index)),
        }
    }
    let run = |(first, last): (u32, u32)| match last - first {
        0 => first.to_string(),
        1 => format!("{first},{last}"),
        _ => format!("{first}-{last}"),
    };
    runs.into_iter().map(run).collect::<Vec<_>>().join(",")
}

#[cfg(test)]
mod tests;
