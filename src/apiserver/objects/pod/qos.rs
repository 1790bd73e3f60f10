//! The class of service of a pod.
//!
//! Upstream: helper/qos.ComputePodQOS, v1.37.

use serde_json::Value;

use super::own_containers;
use crate::apiserver::objects::json::{length, quantity};
use crate::units::Canonical;

const BEST_EFFORT: &str = "BestEffort";
const BURSTABLE: &str = "Burstable";
const GUARANTEED: &str = "Guaranteed";

/// The class that the resources of `spec` make.
pub(super) fn class(spec: &Value) -> &'static str {
    let own = &spec["resources"];
    if length(&own["requests"]) + length(&own["limits"]) > 0 {
        return of_resources(own);
    }
    let classes = own_containers(spec).map(|container| of_resources(&container["resources"]));
    common(classes)
}

fn of_resources(resources: &Value) -> &'static str {
    if length(&resources["requests"]) + length(&resources["limits"]) == 0 {
        return BEST_EFFORT;
    }
    common(["cpu", "memory"].into_iter().map(|name| {
        let amount = |which: &str| quantity(&resources[which][name]).unwrap_or(Canonical::ZERO);
        let (request, limit) = (amount("requests"), amount("limits"));
        if request.compare(&limit).is_ne() {
            BURSTABLE
        } else if request.amount().is_zero() {
            BEST_EFFORT
        } else {
            GUARANTEED
        }
    }))
}

/// The one class of all parts, or Burstable.
fn common(mut classes: impl Iterator<Item = &'static str>) -> &'static str {
    let first = classes.next().unwrap_or(BEST_EFFORT);
    if classes.all(|class| class == first) { first } else { BURSTABLE }
}
