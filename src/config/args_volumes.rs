//! The args of DefaultPreemption, DynamicResources and VolumeBinding. Called by `args`.

use super::args::{Args, Meaning, check_range, fields};
use super::args_resources::{read_shape, shape_value};
use super::duration::go_duration;
use super::reader::Reader;
use super::value::Value;
use crate::model::{DefaultPreemptionArgs, VolumeBindingArgs};

const SECOND: i64 = 1_000_000_000;

/// Upstream: ValidateDefaultPreemptionArgs, v1.37.
pub(super) fn default_preemption(reader: &mut Reader, value: &Value) -> Args {
    let (mut percentage, mut absolute) = (None, None);
    fields(reader, "DefaultPreemption", value, |reader, key, value| match key {
        "minCandidateNodesPercentage" => {
            percentage = reader.int32(value);
            check_range(reader, value, percentage.map(i64::from), 0, 100);
        }
        "minCandidateNodesAbsolute" => {
            absolute = reader.int32(value);
            if absolute.is_some_and(|absolute| absolute < 0) {
                reader.refuse(value, "not in valid range [0, inf)");
            }
        }
        _ => reader.unknown(),
    });
    if (percentage, absolute) == (Some(0), Some(0)) {
        for (field, other) in [
            ("minCandidateNodesPercentage", "minCandidateNodesAbsolute"),
            ("minCandidateNodesAbsolute", "minCandidateNodesPercentage"),
        ] {
            let message = format!("cannot be zero at the same time as {other}");
            reader.field(field, |reader| reader.refuse(&Value::from(0), &message));
        }
    }
    let default = DefaultPreemptionArgs::default();
    let or = |given: Option<i32>, default| given.map_or(default, i64::from);
    let args = DefaultPreemptionArgs {
        min_candidate_nodes_percentage: or(percentage, default.min_candidate_nodes_percentage),
        min_candidate_nodes_absolute: or(absolute, default.min_candidate_nodes_absolute),
    };
    let fields = Value::map([
        ("minCandidateNodesPercentage", args.min_candidate_nodes_percentage.into()),
        ("minCandidateNodesAbsolute", args.min_candidate_nodes_absolute.into()),
    ]);
    Args { fields, meaning: Meaning::Preemption(args) }
}

/// Upstream: ValidateDynamicResourcesArgs with the feature gates of v1.37.
pub(super) fn dynamic_resources(reader: &mut Reader, value: &Value) -> Args {
    let (mut filter, mut binding) = (None, None);
    fields(reader, "DynamicResources", value, |reader, key, value| match key {
        "filterTimeout" => {
            filter = reader.duration_nanos(value);
            if filter.is_some_and(|filter| filter < 0) {
                reader.refuse(value, "must be zero or positive");
            }
        }
        "bindingTimeout" => {
            binding = reader.duration_nanos(value);
            if binding.is_some_and(|binding| binding < SECOND) {
                reader.refuse(value, "must be at least 1 second");
            }
        }
        _ => reader.unknown(),
    });
    let shown = |nanos: Option<i64>, seconds: i64| {
        Value::String(go_duration(nanos.unwrap_or(seconds * SECOND)))
    };
    let fields = [("filterTimeout", shown(filter, 10)), ("bindingTimeout", shown(binding, 600))];
    Args { fields: Value::map(fields), meaning: Meaning::None }
}

/// Upstream: ValidateVolumeBindingArgs, v1.37.
pub(super) fn volume_binding(reader: &mut Reader, value: &Value) -> Args {
    let scores = reader.gates().storage_capacity_scoring;
    let (mut timeout, mut shape) = (None, Vec::new());
    fields(reader, "VolumeBinding", value, |reader, key, value| match key {
        "bindTimeoutSeconds" => {
            timeout = reader.int64(value);
            if timeout.is_some_and(|timeout| timeout < 0) {
                let message = "invalid BindTimeoutSeconds, should not be a negative value";
                reader.refuse(value, message);
            }
        }
        "shape" if !scores && !matches!(value, Value::Null) => {
            let message = "unexpected field `shape`, remove it or turn on the feature gate \
                           StorageCapacityScoring";
            reader.refuse(value, message);
        }
        "shape" => shape = read_shape(reader, value),
        _ => reader.unknown(),
    });
    let default = VolumeBindingArgs::default();
    if shape.is_empty() && scores {
        shape = default.shape;
    }
    let bind_timeout_seconds = timeout.unwrap_or(default.bind_timeout_seconds);
    let fields = Value::map([
        ("bindTimeoutSeconds", bind_timeout_seconds.into()),
        ("shape", if scores { shape_value(&shape) } else { Value::Null }),
    ]);
    Args { fields, meaning: Meaning::Volumes(VolumeBindingArgs { bind_timeout_seconds, shape }) }
}
