//! Facts of upstream's own unit tests of the volume plugins: a cluster, a pod, what the plugin says.

mod limits;
mod restrictions;
mod zone;

use crate::cluster::{Cluster, Overlay, View};
use crate::framework::{Code, PluginEval, PrepareCx, Verdict};
use crate::model::{
    Labels, Node, Object, PersistentVolumeClaim, PluginArgs, Pod, PodKey, PodVolume, VolumeSource,
};
use crate::units::PodId;

use super::PLUGINS;

const NAMESPACE: &str = "default";

/// What a plugin says of a pod.
#[derive(Debug, PartialEq, Eq)]
enum Said {
    Skip,
    /// At PreFilter.
    Rejected(Code, String),
    /// Of the node called `n`.
    Node(Result<(), (Code, String)>),
}

const FITS: Said = Said::Node(Ok(()));

fn not_on_node(code: Code, reason: &str) -> Said {
    Said::Node(Err((code, reason.into())))
}

fn labels(pairs: &[(&str, &str)]) -> Labels {
    pairs.iter().copied().collect()
}

fn pod(name: &str, volumes: impl IntoIterator<Item = VolumeSource>) -> Pod {
    let key = PodKey { namespace: NAMESPACE.into(), name: name.into() };
    let volume = |(i, source)| PodVolume { name: format!("v{i}").into(), source };
    let volumes = volumes.into_iter().enumerate().map(volume).collect();
    Pod { key, uid: format!("uid-{name}").into(), volumes, ..Pod::default() }
}

fn claims(names: &[&str]) -> Vec<VolumeSource> {
    names.iter().map(|name| VolumeSource::Claim { name: (*name).into() }).collect()
}

fn bound_to(name: &str, volume: &str) -> PersistentVolumeClaim {
    let (namespace, name, volume_name) = (NAMESPACE.into(), name.into(), volume.into());
    PersistentVolumeClaim { namespace, name, volume_name, ..PersistentVolumeClaim::default() }
}

/// A cluster with one node, `n`, that has these labels and pods.
fn cluster(
    node_labels: &[(&str, &str)],
    pods: impl IntoIterator<Item = Pod>,
    objects: impl IntoIterator<Item = Object>,
) -> Cluster {
    let mut cluster = Cluster::new(0);
    let node = Node { name: "n".into(), labels: labels(node_labels), ..Node::default() };
    cluster.upsert_node(&node, 0);
    for pod in pods {
        cluster.add_pod(&Pod { node_name: Some("n".into()), ..pod }, 0);
    }
    for object in objects {
        cluster.upsert_object(object);
    }
    cluster
}

fn said(plugin: &str, cluster: &Cluster, pod: &Pod) -> Said {
    said_without(plugin, cluster, pod, &[])
}

/// What `plugin` says where the pods `removed` are taken off the node in thought after PreFilter.
fn said_without(plugin: &str, cluster: &Cluster, pod: &Pod, removed: &[PodId]) -> Said {
    let info = PLUGINS.iter().find(|info| info.name == plugin).expect("a built-in plugin");
    let view = View::new(cluster);
    let plugin = (info.make)(&PluginArgs::default()).expect("the defaults are right");
    let eval = match plugin.prepare(pod, &PrepareCx { view, position: 0 }) {
        PluginEval::Skip | PluginEval::SkipWhile(_) => return Said::Skip,
        PluginEval::Reject(code, reasons) => return Said::Rejected(code, reasons.join(", ")),
        PluginEval::Run(eval) => eval,
        PluginEval::Fail(_) | PluginEval::Narrow(..) => panic!("no volume plugin does that"),
    };
    let node = cluster.find_node("n").expect("the node");
    let overlay = Overlay::without(cluster, node, removed.iter().copied());
    let view = if removed.is_empty() { view } else { view.with(&overlay) };
    let mut out = [Verdict::PASS];
    eval.filter(&view, &[node], &mut out);
    let reasons = || eval.reasons(&view, node, out[0]).join(", ");
    Said::Node(if out[0].is_pass() { Ok(()) } else { Err((out[0].code, reasons())) })
}
