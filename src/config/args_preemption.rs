//! The args of DefaultPreemption. Called by `args`.

use crate::model::PreemptionArgs;

use super::args::{Args, Meaning, check_range, fields};
use super::reader::Reader;
use super::value::Value;

/// Upstream: ValidateDefaultPreemptionArgs, v1.37.
pub(super) fn read(reader: &mut Reader, value: &Value) -> Args {
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
    let defaults = PreemptionArgs::default();
    // What is out of range was refused.
    let percentage = percentage.and_then(|percentage| u8::try_from(percentage).ok());
    let absolute = absolute.and_then(|absolute| u32::try_from(absolute).ok());
    let args = PreemptionArgs {
        min_candidate_nodes_percentage: percentage
            .unwrap_or(defaults.min_candidate_nodes_percentage),
        min_candidate_nodes_absolute: absolute.unwrap_or(defaults.min_candidate_nodes_absolute),
    };
    let fields = Value::map([
        ("minCandidateNodesPercentage", i64::from(args.min_candidate_nodes_percentage).into()),
        ("minCandidateNodesAbsolute", i64::from(args.min_candidate_nodes_absolute).into()),
    ]);
    Args { fields, meaning: Meaning::Preemption(args) }
}
