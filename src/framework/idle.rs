//! Which of nodes that are equally good is taken beside another scheduler: one that it is not filling just now.
//! Called by a table's pick, and by the cycle where extenders have chosen.

use crate::units::NodeId;

/// Busy nodes that are passed by, at most.
const BUSY_PASSED_MAX: usize = 256;

/// The first of `nodes` that is not `busy`; the first one where none of them is free.
pub fn first_idle(
    nodes: impl IntoIterator<Item = NodeId>,
    busy: impl Fn(NodeId) -> bool,
) -> Option<NodeId> {
    let mut nodes = nodes.into_iter().take(BUSY_PASSED_MAX).peekable();
    let first = nodes.peek().copied();
    nodes.find(|node| !busy(*node)).or(first)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_that_is_free_or_else_the_first() {
        let nodes = || (3..6).map(NodeId);
        assert_eq!(first_idle(nodes(), |_| false), Some(NodeId(3)));
        assert_eq!(first_idle(nodes(), |node| node.0 < 5), Some(NodeId(5)));
        assert_eq!(first_idle(nodes(), |_| true), Some(NodeId(3)));
        assert_eq!(first_idle([], |_| false), None);
        // Not all of a large cluster is looked through.
        assert_eq!(first_idle((0..1000).map(NodeId), |node| node.0 < 999), Some(NodeId(0)));
    }
}
