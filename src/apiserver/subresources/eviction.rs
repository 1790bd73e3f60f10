//! `pods/NAME/eviction`: a deletion that asks the PodDisruptionBudgets first.
//! Upstream: EvictionREST, v1.37.

use std::sync::Arc;

use serde_json::{Value, json};

use crate::apiserver::failure::{Cause, Failure};
use crate::apiserver::http::Target;
use crate::apiserver::identity::now;
use crate::apiserver::kinds::Resource;
use crate::apiserver::objects::Lookup as _;
use crate::apiserver::store::Stored;
use crate::apiserver::verbs::delete::{self, Options};
use crate::apiserver::verbs::{Answer, Call, success, text, update};

/// How many evicted pods may be on their way before the controller has caught up. Upstream:
/// MaxDisruptedPodSize.
const DISRUPTED_MAX: usize = 2000;

/// Evicts the pod that the call names.
pub fn evict(call: &mut Call<'_>, eviction: &Value) -> Result<Answer, Failure> {
    let name = text(eviction, "/metadata/name");
    if !name.is_empty() && name != call.target.name {
        return Err(Failure::bad_request("name in URL does not match name in Eviction object"));
    }
    let mut options = Options::read(call.params, eviction.get("deleteOptions"))?;
    let pod = call.find()?.parse().map_err(Failure::internal)?;
    if !ignores_budgets(&pod) {
        ask_budgets(call, &pod, &options)?;
    }
    if !options.dry_run {
        let marked = add_condition(call, &options)?;
        // What was meant is now another version by our own doing.
        if !options.resource_version.is_empty() {
            options.resource_version = marked.revision().to_string();
        }
    }
    let target = Target { subresource: String::new(), ..call.target.clone() };
    let mut deletion = Call {
        api: call.api,
        target: &target,
        params: call.params,
        manager: call.manager.clone(),
        warnings: Vec::new(),
    };
    delete::delete(&mut deletion, &options)?;
    Ok(success(201))
}

/// Upstream: canIgnorePDB.
fn ignores_budgets(pod: &Value) -> bool {
    matches!(text(pod, "/status/phase"), "Succeeded" | "Failed" | "Pending")
        || !text(pod, "/metadata/deletionTimestamp").is_empty()
}

fn ask_budgets(call: &Call<'_>, pod: &Value, options: &Options) -> Result<(), Failure> {
    let namespace = call.target.namespace.as_str();
    let mut budgets = call.api.list("poddisruptionbudgets.policy", Some(namespace));
    budgets.retain(|budget| selects(&budget["spec"]["selector"], &pod["metadata"]["labels"]));
    let budget = match &*budgets {
        [] => return Ok(()),
        [one] => one,
        _ => {
            return Err(Failure::new(
                500,
                "",
                "This pod has more than one PodDisruptionBudget, which the eviction subresource does not support.",
            ));
        }
    };
    if !is_ready(pod) && spares_unready(budget) {
        return Ok(());
    }
    take_one(call, budget, options)
}

/// Whether a pod that is not ready may go without counting.
fn spares_unready(budget: &Value) -> bool {
    let status = &budget["status"];
    let desired = status["desiredHealthy"].as_i64().unwrap_or(0);
    text(budget, "/spec/unhealthyPodEvictionPolicy") == "AlwaysAllow"
        || (status["currentHealthy"].as_i64().unwrap_or(0) >= desired && desired > 0)
}

fn is_ready(pod: &Value) -> bool {
    let conditions = pod["status"]["conditions"].as_array();
    conditions.into_iter().flatten().any(|c| c["type"] == "Ready" && c["status"] == "True")
}

/// Upstream: checkAndDecrement.
fn take_one(call: &Call<'_>, budget: &Arc<Value>, options: &Options) -> Result<(), Failure> {
    let name = text(budget, "/metadata/name");
    let Some(resource) = Resource::by_qualified("poddisruptionbudgets.policy") else {
        return Ok(());
    };
    let status = &budget["status"];
    let observed = status["observedGeneration"].as_i64().unwrap_or(0);
    if observed < budget["metadata"]["generation"].as_i64().unwrap_or(0) {
        let text = format!("The disruption budget {name} is still being processed by the server.");
        return Err(disrupted(&text).retry_after(10));
    }
    let allowed = status["disruptionsAllowed"].as_i64().unwrap_or(0);
    if allowed < 0 {
        return Err(Failure::forbidden(resource, name, "pdb disruptions allowed is negative"));
    }
    let waiting = status["disruptedPods"].as_object().map_or(0, serde_json::Map::len);
    if waiting > DISRUPTED_MAX {
        let why = "DisruptedPods map too big - too many evictions not confirmed by PDB controller";
        return Err(Failure::forbidden(resource, name, why));
    }
    if allowed == 0 {
        return Err(disrupted(&format!(
            "The disruption budget {name} needs {} healthy pods and has {} currently",
            status["desiredHealthy"].as_i64().unwrap_or(0),
            status["currentHealthy"].as_i64().unwrap_or(0),
        )));
    }
    if options.dry_run {
        return Ok(());
    }
    let mut new = Value::clone(budget);
    new["status"]["disruptionsAllowed"] = (allowed - 1).into();
    new["status"]["disruptedPods"][call.target.name.as_str()] = now().into();
    let target = Target {
        resource,
        namespace: call.target.namespace.clone(),
        name: name.to_owned(),
        subresource: "status".to_owned(),
    };
    let call = Call {
        api: call.api,
        target: &target,
        params: call.params,
        manager: call.manager.clone(),
        warnings: Vec::new(),
    };
    let stored = call.find()?;
    if text(budget, "/metadata/resourceVersion") != stored.revision().to_string() {
        return Err(Failure::modified(resource, name).retry_after(1));
    }
    update::store(&call, &stored, &new)?
        .map(drop)
        .ok_or_else(|| Failure::modified(resource, name).retry_after(1))
}

/// Upstream: createTooManyRequestsError.
fn disrupted(message: &str) -> Failure {
    let cause = Cause {
        reason: "DisruptionBudget".to_owned(),
        message: message.to_owned(),
        field: String::new(),
    };
    Failure::too_many_requests(
        "Cannot evict pod as it would violate the pod's disruption budget.",
        0,
    )
    .with_cause(cause)
}

/// Says in the pod why it goes, if it is the one that is meant.
fn add_condition(call: &mut Call<'_>, options: &Options) -> Result<Arc<Stored>, Failure> {
    let target = call.target;
    update::rewrite(call, true, &mut |old| {
        options.check_preconditions(target, old)?;
        let mut new = old.clone();
        let condition = json!({
            "type": "DisruptionTarget", "status": "True", "lastProbeTime": null,
            "lastTransitionTime": now(), "reason": "EvictionByEvictionAPI",
            "message": "Eviction API: evicting",
        });
        match new["status"]["conditions"].as_array_mut() {
            Some(conditions) => {
                conditions.retain(|one| one["type"] != "DisruptionTarget");
                conditions.push(condition);
            }
            None => new["status"]["conditions"] = json!([condition]),
        }
        Ok(new)
    })
}

/// Whether a LabelSelector of the API selects `labels`. In policy/v1 an empty one selects everything, and
/// one that is absent nothing.
fn selects(selector: &Value, labels: &Value) -> bool {
    let Some(selector) = selector.as_object() else { return false };
    let pairs = selector.get("matchLabels").and_then(Value::as_object);
    let mut pairs = pairs.into_iter().flatten();
    let terms = selector.get("matchExpressions").and_then(Value::as_array);
    let mut terms = terms.into_iter().flatten();
    pairs.all(|(key, value)| labels.get(key) == Some(value))
        && terms.all(|term| {
            let label = labels.get(text(term, "/key"));
            let listed =
                label.is_some_and(|l| term["values"].as_array().is_some_and(|all| all.contains(l)));
            match text(term, "/operator") {
                "In" => listed,
                "NotIn" => !listed,
                "Exists" => label.is_some(),
                "DoesNotExist" => label.is_none(),
                _ => false,
            }
        })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn selectors_of_budgets_select_labels() {
        let labels = json!({"app": "web", "tier": "front"});
        let yes = [
            json!({}),
            json!({"matchLabels": {"app": "web"}}),
            json!({"matchExpressions": [{"key": "app", "operator": "In", "values": ["web", "x"]}]}),
            json!({"matchExpressions": [{"key": "zone", "operator": "DoesNotExist"}]}),
        ];
        for selector in yes {
            assert!(selects(&selector, &labels), "{selector}");
        }
        let no = [
            Value::Null,
            json!({"matchLabels": {"app": "db"}}),
            json!({"matchExpressions": [{"key": "app", "operator": "NotIn", "values": ["web"]}]}),
        ];
        for selector in no {
            assert!(!selects(&selector, &labels), "{selector}");
        }
    }
}
