//! Which CSI driver upstream names where a node lacks several: any of them, as a Go map has it. So answers are
//! compared as if no name was given.
//!
//! Called by `compare`.

use serde_json::Value;

const MISSING: &str = " CSI driver is not installed on the node";
/// What follows the reasons of nodes in a message.
const PREEMPTION: &str = ". preemption: ";

/// Takes the names of missing drivers out of all reasons and messages in `value`.
pub(super) fn forget_drivers(value: &mut Value) {
    match value {
        Value::String(text) => {
            if let Some(forgotten) = of_message(text).or_else(|| of_reason(text)) {
                *text = forgotten;
            }
        }
        Value::Array(items) => items.iter_mut().for_each(forget_drivers),
        Value::Object(fields) => fields.values_mut().for_each(forget_drivers),
        _ => {}
    }
}

/// One reason of one node.
fn of_reason(text: &str) -> Option<String> {
    let driver = text.strip_suffix(MISSING)?;
    (!driver.contains(' ')).then(|| format!("a{MISSING}"))
}

/// `0/N nodes are available: 3 this, 4 that. preemption: ...`, where what follows may be such a message, too.
fn of_message(text: &str) -> Option<String> {
    let Some((first, preemption)) = text.split_once(PREEMPTION) else {
        return of_reasons(text);
    };
    let (forgotten, forgotten_preemption) = (of_reasons(first), of_reasons(preemption));
    if forgotten.is_none() && forgotten_preemption.is_none() {
        return None;
    }
    let first = forgotten.as_deref().unwrap_or(first);
    let preemption = forgotten_preemption.as_deref().unwrap_or(preemption);
    Some(format!("{first}{PREEMPTION}{preemption}"))
}

/// `0/N nodes are available: 3 this, 4 that`, with or without its full stop.
fn of_reasons(text: &str) -> Option<String> {
    let (head, rest) = text.split_once(" nodes are available: ")?;
    if !rest.contains(MISSING) {
        return None;
    }
    let (reasons, stop) = rest.strip_suffix('.').map_or((rest, ""), |reasons| (reasons, "."));
    let mut missing = 0u32;
    let mut others: Vec<&str> = Vec::new();
    for reason in reasons.split(", ") {
        let counted = reason.strip_suffix(MISSING).and_then(|start| start.split_once(' '));
        match counted.map(|(count, _)| count.parse::<u32>()) {
            Some(Ok(count)) => missing += count,
            _ => others.push(reason),
        }
    }
    Some(format!("{head} nodes are available: {}, {missing}{MISSING}{stop}", others.join(", ")))
}

#[test]
fn only_the_names_of_missing_drivers_are_forgotten() {
    let mut answers = [
        "0/9 nodes are available: 1 too few, 2 x CSI driver is not installed on the node, 3 y CSI driver is \
         not installed on the node. preemption: no.",
        "0/9 nodes are available: 1 too few, 5 y CSI driver is not installed on the node. preemption: no.",
        "0/9 nodes are available: 1 too few, 4 y CSI driver is not installed on the node. preemption: no.",
        "0/9 nodes are available: 2 too few, 5 y CSI driver is not installed on the node. preemption: no.",
        "0/9 nodes are available: 2 x CSI driver is not installed on the node. preemption: 0/9 nodes are available: \
         1 too few, 2 x CSI driver is not installed on the node.",
        "0/9 nodes are available: 2 y CSI driver is not installed on the node. preemption: 0/9 nodes are available: \
         1 too few, 1 x CSI driver is not installed on the node, 1 y CSI driver is not installed on the node.",
        "0/9 nodes are available: 2 y CSI driver is not installed on the node. preemption: 0/9 nodes are available: \
         1 too few, 1 x CSI driver is not installed on the node.",
        "x CSI driver is not installed on the node",
        "y CSI driver is not installed on the node",
        "y is not installed on the node",
    ]
    .map(Value::from);
    answers.iter_mut().for_each(forget_drivers);
    let [two, one, fewer, other, twice, again, elsewhere, first, second, no_driver] = answers;
    assert_eq!((&two, &twice, &first), (&one, &again, &second));
    assert!(
        one != fewer && one != other && again != elsewhere && second != no_driver,
        "{one} {fewer} {other}"
    );
}
