//! Adds up what pods ask for on every node, from the API server's objects alone: [`overfull`].
//!
//! The end-to-end tests audit whole clusters with it. It is written apart from berth's own sums, so that
//! both would have to be wrong in the same way; amounts are exact integers.

use std::collections::BTreeMap;

use serde_json::Value;

/// Steps of an amount in one unit: as fine as Kubernetes writes amounts.
const NANO: i128 = 1_000_000_000;

/// Suffixes of amounts, in steps; longer ones first where one is the end of another.
const SUFFIXES: [(&str, i128); 15] = [
    ("Ki", NANO << 10),
    ("Mi", NANO << 20),
    ("Gi", NANO << 30),
    ("Ti", NANO << 40),
    ("Pi", NANO << 50),
    ("Ei", NANO << 60),
    ("n", 1),
    ("u", 1_000),
    ("m", 1_000_000),
    ("k", NANO * 1_000),
    ("M", NANO * 1_000_000),
    ("G", NANO * 1_000_000_000),
    ("T", NANO * 1_000_000_000_000),
    ("P", NANO * 1_000_000_000_000_000),
    ("", NANO),
];

/// Amounts by resource, in billionths.
type Amounts = BTreeMap<String, i128>;

/// What is wrong: nodes whose pods ask for more than is allocatable or are too many, and pods on nodes that
/// are not there.
pub(crate) fn overfull(nodes: &[Value], pods: &[Value]) -> Vec<String> {
    let mut used: BTreeMap<&str, Amounts> = BTreeMap::new();
    for pod in pods {
        if let Some(node) = pod["spec"]["nodeName"].as_str() {
            let used = used.entry(node).or_default();
            add(used, &requests(pod));
            add(used, &Amounts::from([("pods".to_owned(), NANO)]));
        }
    }
    let mut wrong = Vec::new();
    for node in nodes {
        let name = node["metadata"]["name"].as_str().unwrap_or_default();
        let room = amounts(&node["status"]["allocatable"]);
        for (resource, used) in used.remove(name).unwrap_or_default() {
            let room = room.get(&resource).copied().unwrap_or_default();
            if used > room {
                wrong.push(format!("{name}: {used} of {room} billionths of {resource}"));
            }
        }
    }
    wrong.extend(used.into_keys().map(|name| format!("{name}: has pods and is not there")));
    wrong
}

/// What a pod asks for: all that runs at once, or what an init container needs on its way, if that is more.
fn requests(pod: &Value) -> Amounts {
    let mut running = Amounts::new();
    let mut most = Amounts::new();
    for container in list(&pod["spec"]["initContainers"]) {
        let own = amounts(&container["resources"]["requests"]);
        let mut meanwhile = running.clone();
        add(&mut meanwhile, &own);
        if container["restartPolicy"] == "Always" {
            running.clone_from(&meanwhile);
        }
        raise(&mut most, &meanwhile);
    }
    for container in list(&pod["spec"]["containers"]) {
        add(&mut running, &amounts(&container["resources"]["requests"]));
    }
    raise(&mut most, &running);
    most
}

fn list(value: &Value) -> &[Value] {
    value.as_array().map(Vec::as_slice).unwrap_or_default()
}

fn amounts(list: &Value) -> Amounts {
    let amount = |(name, value): (&String, &Value)| {
        (name.clone(), amount(value.as_str().unwrap_or_default()))
    };
    list.as_object().into_iter().flatten().map(amount).collect()
}

/// An amount as the API server writes it.
fn amount(text: &str) -> i128 {
    let suffix = SUFFIXES.iter().find(|(suffix, _)| text.ends_with(suffix));
    let (suffix, steps) = suffix.expect("every text ends with nothing");
    let number = &text[..text.len() - suffix.len()];
    let (whole, fraction) = number.split_once('.').unwrap_or((number, ""));
    let digits: i128 = format!("{whole}{fraction}").parse().expect("an amount begins with digits");
    let shift = 10_i128.pow(u32::try_from(fraction.len()).expect("a fraction is short"));
    digits * steps / shift
}

fn add(sum: &mut Amounts, more: &Amounts) {
    for (name, amount) in more {
        *sum.entry(name.clone()).or_default() += amount;
    }
}

fn raise(most: &mut Amounts, other: &Amounts) {
    for (name, amount) in other {
        let most = most.entry(name.clone()).or_default();
        *most = (*most).max(*amount);
    }
}
