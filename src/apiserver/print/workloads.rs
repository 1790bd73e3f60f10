//! Kinds that make pods or guard them: controllers of replicas, jobs, disruption budgets.
//!
//! Upstream: the functions print* of these kinds, v1.37.

use jiff::Timestamp;
use serde_json::Value;

use super::column::{AGE, Column, NAME};
use super::duration::{human_duration, since, time};
use super::fields::{at, has_condition, is_deleting, list, number, text};
use super::selector::{label_selector, labels, requirements};

const CONTAINERS: Column =
    Column::joined("Containers", "spec.template.spec.containers", "name").wide();
const IMAGES: Column = Column::joined("Images", "spec.template.spec.containers", "image").wide();
const SELECTOR: Column =
    Column::read("Selector", |object| label_selector(at(object, "spec.selector")).into()).wide();
const DESIRED: Column = Column::read("Desired", |object| desired(object).into()).typed("integer");
const CURRENT: Column = Column::number("Current", "status.replicas");
const READY: Column = Column::number("Ready", "status.readyReplicas");
/// How many of the desired replicas are ready.
const READY_OF_DESIRED: Column = Column::read("Ready", |object| {
    format!("{}/{}", number(object, "status.readyReplicas"), desired(object)).into()
});

/// The columns of replication controllers; their selectors are maps of labels.
pub(super) const REPLICATION_CONTROLLERS: &[Column] = &[
    NAME,
    DESIRED,
    CURRENT,
    READY,
    AGE,
    CONTAINERS,
    IMAGES,
    Column::read("Selector", |object| labels(at(object, "spec.selector")).into()).wide(),
];

/// The columns of replica sets.
pub(super) const REPLICA_SETS: &[Column] =
    &[NAME, DESIRED, CURRENT, READY, AGE, CONTAINERS, IMAGES, SELECTOR];

/// The columns of deployments.
pub(super) const DEPLOYMENTS: &[Column] = &[
    NAME,
    READY_OF_DESIRED,
    Column::number("Up-to-date", "status.updatedReplicas").typed("string"),
    Column::number("Available", "status.availableReplicas").typed("string"),
    AGE,
    CONTAINERS,
    IMAGES,
    Column::read("Selector", |object| {
        // Only here an empty selector is shown as nothing, and a wrong one by this word.
        requirements(at(object, "spec.selector")).unwrap_or_else(|| "<invalid>".to_owned()).into()
    })
    .wide(),
];

/// The columns of stateful sets.
pub(super) const STATEFUL_SETS: &[Column] = &[NAME, READY_OF_DESIRED, AGE, CONTAINERS, IMAGES];

/// The columns of daemon sets.
pub(super) const DAEMON_SETS: &[Column] = &[
    NAME,
    Column::number("Desired", "status.desiredNumberScheduled"),
    Column::number("Current", "status.currentNumberScheduled"),
    Column::number("Ready", "status.numberReady"),
    Column::number("Up-to-date", "status.updatedNumberScheduled"),
    Column::number("Available", "status.numberAvailable"),
    Column::read("Node Selector", |object| {
        labels(at(object, "spec.template.spec.nodeSelector")).into()
    }),
    AGE,
    CONTAINERS,
    IMAGES,
    SELECTOR,
];

/// The columns of controller revisions.
pub(super) const CONTROLLER_REVISIONS: &[Column] = &[
    NAME,
    Column::read("Controller", |revision| controller(revision).into()),
    Column::number("Revision", "revision").typed("string"),
    AGE,
];

/// The columns of scales, which workloads have as a subresource.
pub(super) const SCALES: &[Column] = &[
    // Only here a name is not declared as one.
    Column::field("Name", "metadata.name"),
    Column::number("Desired", "spec.replicas"),
    Column::number("Available", "status.replicas"),
    AGE,
];

/// The columns of jobs.
pub(super) const JOBS: &[Column] = &[
    NAME,
    Column::read("Status", |job| job_status(job).into()),
    Column::read("Completions", |job| completions(job).into()),
    Column::timed("Duration", job_duration),
    AGE,
    CONTAINERS,
    IMAGES,
    SELECTOR,
];

const CRON_CONTAINERS: &str = "spec.jobTemplate.spec.template.spec.containers";

/// The columns of cron jobs.
pub(super) const CRON_JOBS: &[Column] = &[
    NAME,
    Column::field("Schedule", "spec.schedule"),
    Column::field_or("Timezone", "spec.timeZone", "<none>"),
    Column::read("Suspend", |job| {
        match at(job, "spec.suspend").as_bool() {
            None => "<unset>",
            Some(false) => "False",
            Some(true) => "True",
        }
        .into()
    })
    .typed("boolean"),
    Column::count("Active", "status.active"),
    Column::timed("Last Schedule", |job, now| {
        let last = time(at(job, "status.lastScheduleTime"));
        last.map_or_else(|| "<none>".to_owned(), |last| since(Some(last), now))
    }),
    AGE,
    Column::joined("Containers", CRON_CONTAINERS, "name").wide(),
    Column::joined("Images", CRON_CONTAINERS, "image").wide(),
    Column::read("Selector", |job| {
        label_selector(at(job, "spec.jobTemplate.spec.selector")).into()
    })
    .wide(),
];

/// The columns of pod disruption budgets.
pub(super) const POD_DISRUPTION_BUDGETS: &[Column] = &[
    NAME,
    Column::read("Min Available", |budget| number_or_percent(budget, "spec.minAvailable").into()),
    Column::read("Max Unavailable", |budget| {
        number_or_percent(budget, "spec.maxUnavailable").into()
    }),
    Column::number("Allowed Disruptions", "status.disruptionsAllowed"),
    AGE,
];

/// How many replicas are wanted; 1 where nobody said.
fn desired(object: &Value) -> i64 {
    at(object, "spec.replicas").as_i64().unwrap_or(1)
}

/// The owner that controls the object: `statefulset.apps/web`.
fn controller(object: &Value) -> String {
    let mut owners = list(object, "metadata.ownerReferences").iter();
    let Some(owner) = owners.find(|owner| owner["controller"] == true) else {
        return "<none>".to_owned();
    };
    let kind = text(owner, "kind").to_lowercase();
    let name = text(owner, "name");
    match text(owner, "apiVersion").split_once('/') {
        Some((group, _)) => format!("{kind}.{}/{name}", group.to_lowercase()),
        None => format!("{kind}/{name}"),
    }
}

fn job_status(job: &Value) -> &'static str {
    let has = |kind| has_condition(job, kind);
    match () {
        () if has("Complete") => "Complete",
        () if has("Failed") => "Failed",
        () if is_deleting(job) => "Terminating",
        () if has("Suspended") => "Suspended",
        () if has("FailureTarget") => "FailureTarget",
        () if has("SuccessCriteriaMet") => "SuccessCriteriaMet",
        () => "Running",
    }
}

/// `2/5`; for a job that ends with any success, `0/1 of 3` while three run at a time.
fn completions(job: &Value) -> String {
    let succeeded = number(job, "status.succeeded");
    match (at(job, "spec.completions").as_i64(), number(job, "spec.parallelism")) {
        (Some(wanted), _) => format!("{succeeded}/{wanted}"),
        (None, ..=1) => format!("{succeeded}/1"),
        (None, parallelism) => format!("{succeeded}/1 of {parallelism}"),
    }
}

fn job_duration(job: &Value, now: Timestamp) -> String {
    let Some(start) = time(at(job, "status.startTime")) else { return String::new() };
    let end = time(at(job, "status.completionTime")).unwrap_or(now);
    human_duration(end.duration_since(start))
}

fn number_or_percent(budget: &Value, path: &str) -> String {
    match at(budget, path) {
        Value::Number(number) => number.to_string(),
        Value::String(percent) => percent.clone(),
        _ => "N/A".to_owned(),
    }
}
