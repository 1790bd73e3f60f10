//! The args of plugins that berth does not have yet, read and checked as upstream does. Called by `args`.
//! Each function gives the fields with their defaults.

use super::args::{check_range, fields};
use super::args_resources::{read_shape, shape_value};
use super::duration::go_duration;
use super::reader::Reader;
use super::value::Value;

const SECOND: i64 = 1_000_000_000;

/// Upstream: ValidateDefaultPreemptionArgs, v1.37.
pub(super) fn default_preemption(reader: &mut Reader, value: &Value) -> Value {
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
    Value::map([
        ("minCandidateNodesPercentage", percentage.unwrap_or(10).into()),
        ("minCandidateNodesAbsolute", absolute.unwrap_or(100).into()),
    ])
}

/// Upstream: ValidateDynamicResourcesArgs with the feature gates of v1.37.
pub(super) fn dynamic_resources(reader: &mut Reader, value: &Value) -> Value {
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
    Value::map([("filterTimeout", shown(filter, 10)), ("bindingTimeout", shown(binding, 600))])
}

/// Upstream: ValidateVolumeBindingArgs with StorageCapacityScoring on, as it is in v1.37.
pub(super) fn volume_binding(reader: &mut Reader, value: &Value) -> Value {
    let (mut timeout, mut shape) = (None, Vec::new());
    fields(reader, "VolumeBinding", value, |reader, key, value| match key {
        "bindTimeoutSeconds" => {
            timeout = reader.int64(value);
            if timeout.is_some_and(|timeout| timeout < 0) {
                let message = "invalid BindTimeoutSeconds, should not be a negative value";
                reader.refuse(value, message);
            }
        }
        "shape" => shape = read_shape(reader, value),
        _ => reader.unknown(),
    });
    if shape.is_empty() {
        shape = vec![(0, 10), (100, 0)];
    }
    Value::map([
        ("bindTimeoutSeconds", timeout.unwrap_or(600).into()),
        ("shape", shape_value(&shape)),
    ])
}
