//! Jobs and CronJobs.
//!
//! Upstream: batch/v1 defaults, registry/batch/job strategy, batch/validation, v1.37.

use serde_json::{Value, json};

use super::workload_rules::not_negative;
use crate::apiserver::objects::json::{
    ensure, int, length, name, set, set_default, set_default_text, text,
};
use crate::apiserver::objects::pod::{defaults, validate};
use crate::apiserver::objects::refusal::{Causes, Field};
use crate::apiserver::objects::selector;

const JOB_NAMES: [&str; 2] = ["job-name", "batch.kubernetes.io/job-name"];
const CONTROLLERS: [&str; 2] = ["controller-uid", "batch.kubernetes.io/controller-uid"];
const RETRIES: i64 = 6;
const MODES: [&str; 2] = ["NonIndexed", "Indexed"];

/// Fills in a Job.
pub(super) fn job_defaults(job: &mut Value) {
    let Some(spec) = ensure(job, "spec") else { return };
    fill_spec(spec);
    let labels = spec["template"]["metadata"]["labels"].clone();
    if length(&labels) > 0
        && let Some(meta) = ensure(job, "metadata")
        && length(&meta["labels"]) == 0
    {
        set(meta, "labels", labels);
        // Upstream has the labels of the job and of its template in one map then, to which creation adds.
        label_pods(job);
        let labels = job["spec"]["template"]["metadata"]["labels"].clone();
        set(&mut job["metadata"], "labels", labels);
    }
    ensure(job, "status");
}

/// Gives the template the labels by which a Job knows its pods.
fn label_pods(job: &mut Value) {
    let (name, uid) = (name(job).to_owned(), text(&job["metadata"], "uid").to_owned());
    if job["spec"]["manualSelector"] == true || uid.is_empty() {
        return;
    }
    let template = ensure(&mut job["spec"], "template").and_then(|own| ensure(own, "metadata"));
    if let Some(labels) = template.and_then(|meta| ensure(meta, "labels")) {
        for (keys, value) in [(JOB_NAMES, name), (CONTROLLERS, uid)] {
            for key in keys {
                set_default(labels, key, value.as_str());
            }
        }
    }
}

fn fill_spec(spec: &mut Value) {
    if let Some(template) = ensure(spec, "template") {
        defaults::template(template);
    }
    if spec["completions"].is_null() && spec["parallelism"].is_null() {
        set(spec, "completions", 1);
    }
    set_default(spec, "parallelism", 1);
    let per_index = !spec["backoffLimitPerIndex"].is_null();
    set_default(spec, "backoffLimit", if per_index { i64::from(i32::MAX) } else { RETRIES });
    set_default(spec, "completionMode", "NonIndexed");
    set_default(spec, "suspend", false);
    let on_failure = !spec["podFailurePolicy"].is_null();
    let policy = if on_failure { "Failed" } else { "TerminatingOrFailed" };
    set_default(spec, "podReplacementPolicy", policy);
    set_default(spec, "manualSelector", false);
}

/// Makes the Job a new one, with labels and a selector of its own.
pub(super) fn create_job(job: &mut Value, _now: &str) {
    if job["spec"]["manualSelector"] != true {
        label_pods(job);
        let uid = text(&job["metadata"], "uid").to_owned();
        let selector =
            ensure(&mut job["spec"], "selector").and_then(|own| ensure(own, "matchLabels"));
        if let Some(labels) = selector {
            set_default(labels, CONTROLLERS[1], uid);
        }
    }
    set(job, "status", json!({}));
    set(&mut job["metadata"], "generation", 1);
}

/// What is refused in a Job.
pub(super) fn validate_job(job: &Value, causes: &mut Causes) {
    let (spec, field) = (&job["spec"], Field::new("spec"));
    rules(spec, &field, causes);
    let own = &spec["selector"];
    if own.is_null() {
        causes.required(&field.child("selector"), "");
        return;
    }
    let before = causes.len();
    selector::selector(own, &field.child("selector"), causes);
    let labels = &spec["template"]["metadata"]["labels"];
    if causes.len() == before && !selector::selects(own, labels) {
        let at = field.child("template").child("metadata").child("labels");
        causes.invalid(&at, labels.clone(), "`selector` does not match template `labels`");
    }
    if spec["manualSelector"] != true {
        generated(job, causes);
    }
}

/// The labels and the selector have to be those that creation made.
fn generated(job: &Value, causes: &mut Causes) {
    let (name, uid) = (name(job), text(&job["metadata"], "uid"));
    let labels = &job["spec"]["template"]["metadata"]["labels"];
    let field = Field::new("spec.template.metadata.labels");
    let mut wanted = json!({});
    for (keys, value) in [(CONTROLLERS, uid), (JOB_NAMES, name)] {
        for key in keys {
            set(&mut wanted, key, value);
            if labels[key].is_null() {
                causes.required(&field.key(key), &format!("must be '{value}'"));
            } else if labels[key] != value {
                causes.invalid(&field.key(key), labels[key].clone(), &format!("must be '{value}'"));
            }
        }
    }
    let own = &job["spec"]["selector"];
    if !selector::selects(own, &wanted) {
        let why = "`selector` not auto-generated";
        causes.invalid(&Field::new("spec.selector"), own.clone(), why);
    }
}

fn rules(spec: &Value, field: &Field, causes: &mut Causes) {
    let keys = [
        "parallelism",
        "completions",
        "activeDeadlineSeconds",
        "backoffLimit",
        "ttlSecondsAfterFinished",
        "backoffLimitPerIndex",
        "maxFailedIndexes",
    ];
    not_negative(spec, &keys, field, causes);
    let mode = text(spec, "completionMode");
    if !MODES.contains(&mode) {
        causes.not_supported(&field.child("completionMode"), mode, &MODES);
    }
    if mode == "Indexed" && spec["completions"].is_null() {
        causes.required(&field.child("completions"), "when completion mode is Indexed");
    }
    if mode == "NonIndexed" {
        for key in ["backoffLimitPerIndex", "maxFailedIndexes"] {
            if let Some(number) = int(spec, key) {
                causes.invalid(&field.child(key), number, "requires indexed completion mode");
            }
        }
    }
    validate::template(&spec["template"], &field.child("template"), causes);
    let at = field.child("template").child("spec").child("restartPolicy");
    match text(&spec["template"]["spec"], "restartPolicy") {
        "OnFailure" if !spec["podFailurePolicy"].is_null() => {
            let why = "only \"Never\" is supported when podFailurePolicy is specified";
            causes.invalid(&at, "OnFailure", why);
        }
        "OnFailure" | "Never" => {}
        "" | "Always" => causes.required(&at, "valid values: \"OnFailure\", \"Never\""),
        other => causes.not_supported(&at, other, &["OnFailure", "Never"]),
    }
}

/// What is refused in a change of a Job.
pub(super) fn validate_job_update(new: &Value, old: &Value, causes: &mut Causes) {
    let (spec, was, field) = (&new["spec"], &old["spec"], Field::new("spec"));
    let indexed = text(spec, "completionMode") == "Indexed";
    let elastic = indexed && spec["completions"] == spec["parallelism"];
    let mut keys = vec!["selector", "completionMode", "podFailurePolicy", "backoffLimitPerIndex"];
    if !elastic {
        keys.push("completions");
    }
    // A job that has not started may be placed elsewhere.
    if was["suspend"] != true {
        keys.push("template");
    }
    for key in keys {
        causes.unchanged(&field.child(key), &spec[key], &was[key]);
    }
}

/// Fills in a CronJob.
pub(super) fn cron_job_defaults(job: &mut Value) {
    let Some(spec) = ensure(job, "spec") else { return };
    set_default_text(spec, "concurrencyPolicy", "Allow");
    set_default(spec, "suspend", false);
    set_default(spec, "successfulJobsHistoryLimit", 3);
    set_default(spec, "failedJobsHistoryLimit", 1);
    if let Some(template) = ensure(spec, "jobTemplate") {
        ensure(template, "metadata");
        // A template is not a Job: only the template in it is filled in.
        let pods = ensure(template, "spec").and_then(|own| ensure(own, "template"));
        if let Some(pods) = pods {
            defaults::template(pods);
        }
    }
    ensure(job, "status");
}

/// A schedule has five fields, or is one of a few words.
fn schedule(schedule: &str, field: &Field, causes: &mut Causes) {
    let fields: Vec<&str> = schedule.split_whitespace().collect();
    if schedule.is_empty() {
        causes.required(field, "");
    } else if !schedule.starts_with('@') && fields.len() != 5 {
        let (count, shown) = (fields.len(), fields.join(" "));
        let why = format!("expected exactly 5 fields, found {count}: [{shown}]");
        causes.invalid(field, schedule, &why);
    }
}

/// What is refused in a CronJob.
pub(super) fn validate_cron_job(job: &Value, causes: &mut Causes) {
    let (spec, field) = (&job["spec"], Field::new("spec"));
    schedule(text(spec, "schedule"), &field.child("schedule"), causes);
    let policies = ["Allow", "Forbid", "Replace"];
    let policy = text(spec, "concurrencyPolicy");
    causes.one_of(&field.child("concurrencyPolicy"), policy, &policies);
    let keys = ["startingDeadlineSeconds", "successfulJobsHistoryLimit", "failedJobsHistoryLimit"];
    not_negative(spec, &keys, &field, causes);
    let template = &spec["jobTemplate"]["spec"]["template"];
    let at = field.child("jobTemplate").child("spec").child("template");
    validate::template(template, &at, causes);
    let at = at.child("spec").child("restartPolicy");
    match text(&template["spec"], "restartPolicy") {
        "OnFailure" | "Never" => {}
        "" | "Always" => causes.required(&at, "valid values: \"OnFailure\", \"Never\""),
        other => causes.not_supported(&at, other, &["OnFailure", "Never"]),
    }
}
