//! A made dump of a cluster, as `kubectl get nodes,pods -A -o yaml` prints one: [`write`].

use std::io::{self, Write};

const POD: &str = include_str!("../data/dump/pod.yaml");
const NODE: &str = include_str!("../data/dump/node.yaml");
/// Zones of the nodes and namespaces of the pods.
const ZONES: usize = 3;
pub(crate) const NAMESPACES: usize = 4;

/// Writes `nodes` nodes and `pods` pods, about 4 kB each, all of them bound and running. Their ReplicaSets
/// are not in it.
pub(crate) fn write(out: &mut impl Write, nodes: usize, pods: usize) -> io::Result<()> {
    out.write_all(b"apiVersion: v1\nitems:\n")?;
    for node in 0..nodes {
        let text = NODE.replace("@NUMBER@", &number(node));
        out.write_all(text.replace("@ZONE@", &(node % ZONES).to_string()).as_bytes())?;
    }
    for pod in 0..pods {
        let text = POD.replace("@NUMBER@", &number(pod)).replace("@NODE@", &number(pod % nodes));
        let text = text.replace("@ZONE@", &(pod % nodes % ZONES).to_string());
        let text = text.replace("@NAMESPACE@", &(pod % NAMESPACES).to_string());
        out.write_all(text.as_bytes())?;
    }
    out.write_all(b"kind: List\nmetadata:\n  resourceVersion: \"\"\n")
}

/// As it stands in names and UIDs.
pub(crate) fn number(index: usize) -> String {
    format!("{index:06}")
}
