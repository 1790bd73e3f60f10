//! What has become of the pods, and how full the nodes are, as text for people. Printed by `show` while
//! it happens and by the playground at its end.

use std::collections::BTreeMap;
use std::fmt::Write;

use super::picture::{Counts, NodeView, Picture, Standing};

/// Names of pods that are shown under one reason; the rest is counted.
const NAMES_MAX: usize = 5;
/// Nodes that are shown one by one; of more, only some.
pub(super) const NODES_MAX: usize = 30;
/// The width of a bar, in characters.
const BAR_CHARS: usize = 20;

/// The whole summary.
pub(super) fn summary(picture: &Picture) -> String {
    let mut text = counts(&picture.counts());
    text.push('\n');
    let (mut unschedulable, mut gated, mut foreign) =
        (BTreeMap::new(), BTreeMap::new(), BTreeMap::new());
    for (pod, standing) in picture.pods() {
        let (group, reason) = match standing {
            Standing::Unschedulable(message) => (&mut unschedulable, message.to_string()),
            Standing::Gated(names) => (&mut gated, names.join(", ")),
            Standing::Foreign(scheduler) => (&mut foreign, scheduler.to_string()),
            Standing::Placed(_) | Standing::Undecided => continue,
        };
        group.entry(reason).or_insert_with(Vec::new).push(pod.to_string());
    }
    groups(&mut text, "unschedulable", &unschedulable);
    groups(&mut text, "waiting for scheduling gates", &gated);
    groups(&mut text, "waiting for a scheduler that is not here", &foreign);
    text.push('\n');
    text.push_str(&nodes(picture, NODES_MAX));
    text
}

/// One line with the counts.
pub(super) fn counts(counts: &Counts) -> String {
    let all = [
        (counts.placed, "placed"),
        (counts.unschedulable, "unschedulable"),
        (counts.gated, "gated"),
        (counts.undecided, "undecided"),
        (counts.foreign, "for other schedulers"),
    ];
    let said = all.iter().filter(|(count, name)| *count > 0 || *name == "placed");
    let said: Vec<_> = said.map(|(count, name)| format!("{count} {name}")).collect();
    format!("pods: {}", said.join(", "))
}

fn groups(text: &mut String, title: &str, groups: &BTreeMap<String, Vec<String>>) {
    for (reason, pods) in groups {
        let shown = pods.iter().take(NAMES_MAX).cloned().collect::<Vec<_>>().join(", ");
        let more = match pods.len().saturating_sub(NAMES_MAX) {
            0 => String::new(),
            more => format!(" and {more} more"),
        };
        let _ = writeln!(text, "\n{title}: {shown}{more}\n    {reason}");
    }
}

/// A bar for CPU and memory a node. Of many nodes, the fullest.
pub(super) fn nodes(picture: &Picture, lines_max: usize) -> String {
    let mut nodes = picture.nodes();
    let all = nodes.len();
    if all > lines_max {
        nodes.sort_by_key(|(_, node)| std::cmp::Reverse(fullness(node)));
        nodes.truncate(lines_max);
    }
    let width = nodes.iter().map(|(name, _)| name.chars().count()).max().unwrap_or(0).max(4);
    let mut text = String::new();
    let cpu_memory = format!("{:<bar$} {:<bar$}", "CPU", "MEMORY", bar = BAR_WIDTH);
    let _ = writeln!(text, "{:<width$}  {:>9}  {}", "NODE", "PODS", cpu_memory.trim_end());
    for (name, node) in nodes {
        let pods = format!("{}/{}", node.pods, node.pods_max);
        let cpu = bar(node.milli_cpu, node.milli_cpu_max);
        let memory = bar(node.memory, node.memory_max);
        let _ = writeln!(text, "{name:<width$}  {pods:>9}  {cpu} {memory}");
    }
    if all > lines_max {
        let _ = writeln!(text, "and {} more nodes, less full", all - lines_max);
    }
    text
}

/// A bar with its percentage.
const BAR_WIDTH: usize = BAR_CHARS + 6;

/// The larger of the two shares, in thousandths.
fn fullness(node: &NodeView) -> i64 {
    let share = |used: i64, of: i64| if of > 0 { used.saturating_mul(1000) / of } else { 0 };
    share(node.milli_cpu, node.milli_cpu_max).max(share(node.memory, node.memory_max))
}

/// How much of something is used. What is over the limit is marked.
fn bar(used: i64, of: i64) -> String {
    if of <= 0 {
        return format!("{:<BAR_WIDTH$}", "-");
    }
    let percent = i128::from(used) * 100 / i128::from(of);
    let is_filled = |at: usize| percent * (BAR_CHARS as i128) >= 100 * (at as i128 + 1);
    let cells: String = (0..BAR_CHARS).map(|at| if is_filled(at) { '█' } else { '░' }).collect();
    let mark = if used > of { '!' } else { ' ' };
    format!("{cells} {percent:>3}%{mark}")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::engine::Event;
    use crate::model::{Node, Pod, PodKey, ScheduledCondition};

    fn put(picture: &mut Picture, name: &str, change: impl FnOnce(&mut Pod)) {
        let key = PodKey { namespace: "default".into(), name: name.into() };
        let mut pod = Pod { key, scheduler_name: "berth".into(), ..Pod::default() };
        pod.requests.usage.milli_cpu = 1000;
        change(&mut pod);
        picture.take_in(Event::PodUpsert(Box::new(pod)), &mut Vec::new());
    }

    #[test]
    fn everything_is_said_once() {
        let mut picture = Picture::new(vec!["berth".into()]);
        let mut node = Node { name: "n1".into(), allocatable_pods: 110, ..Node::default() };
        node.allocatable.milli_cpu = 4000;
        picture.take_in(Event::NodeUpsert(Box::new(node)), &mut Vec::new());
        put(&mut picture, "a", |pod| pod.node_name = Some("n1".into()));
        for at in 0..7 {
            put(&mut picture, &format!("big-{at}"), |pod| {
                pod.scheduled_condition = Some(ScheduledCondition {
                    reason: "Unschedulable".into(),
                    message: "no room".into(),
                    ..ScheduledCondition::default()
                });
            });
        }
        put(&mut picture, "held", |pod| pod.scheduling_gates = vec!["x/y".into()]);
        let bar = "█████░░░░░░░░░░░░░░░  25% ";
        let want = format!(
            "pods: 1 placed, 7 unschedulable, 1 gated\n\n\
             unschedulable: default/big-0, default/big-1, default/big-2, default/big-3, default/big-4 and 2 more\n    no room\n\n\
             waiting for scheduling gates: default/held\n    x/y\n\n\
             NODE       PODS  CPU                        MEMORY\n\
             n1        1/110  {bar} -                         \n"
        );
        assert_eq!(summary(&picture), want);
    }

    #[test]
    fn a_bar_shows_what_is_over_the_limit() {
        assert_eq!(bar(0, 10), "░░░░░░░░░░░░░░░░░░░░   0% ");
        assert_eq!(bar(15, 10), "████████████████████ 150%!");
        assert!(bar(i64::MAX, 1).ends_with("00%!"), "{}", bar(i64::MAX, 1));
    }
}
