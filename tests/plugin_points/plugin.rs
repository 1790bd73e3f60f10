//! The scripted plugins `Scripted1` to `Scripted4`: each answers at every extension point where a profile
//! enables it what its script says, and notes each call.

use std::path::Path;
use std::sync::Arc;

use berth::cluster::{Cluster, View};
use berth::framework::{
    Bind, Candidate, Cells, Change, Code, Eval, ExtensionPoint, FailedNodes, Hint, Interest, Parts,
    Permit, Placement, Plugin, PluginEval, PluginInfo, PodRejection, PostFilter, PreBind,
    PrepareCx, Refusal, Verdict, WaitingPods,
};
use berth::model::{PluginArgs, Pod, PodKey};
use berth::units::{Nanos, NodeId};
use serde_json::json;

use crate::script::{About, Say, Script};
use crate::support::rest::{Rest, pods_path};
use crate::support::users;

/// The annotation of a Binding that says which plugin asked for it.
pub(crate) const BOUND_BY: &str = "bound-by";

/// What they are called.
pub(crate) const NAMES: [&str; 4] = ["Scripted1", "Scripted2", "Scripted3", "Scripted4"];

/// Every extension point.
const POINTS: &[ExtensionPoint] = &[
    ExtensionPoint::PreEnqueue,
    ExtensionPoint::QueueSort,
    ExtensionPoint::PreFilter,
    ExtensionPoint::Filter,
    ExtensionPoint::PostFilter,
    ExtensionPoint::PreScore,
    ExtensionPoint::Score,
    ExtensionPoint::Reserve,
    ExtensionPoint::Permit,
    ExtensionPoint::PreBind,
    ExtensionPoint::Bind,
    ExtensionPoint::PostBind,
];

/// All of them, for [`berth::cli::main_with`].
pub(crate) const SCRIPTED: [PluginInfo; 4] = [info::<0>(), info::<1>(), info::<2>(), info::<3>()];

const fn info<const N: usize>() -> PluginInfo {
    PluginInfo {
        name: NAMES[N],
        default_weight: None,
        points: POINTS,
        summary: "answers as it is told",
        make: make::<N>,
    }
}

fn make<const N: usize>(args: &PluginArgs) -> Result<Box<dyn Plugin>, String> {
    let script = Arc::new(Script::parse(args.own(NAMES[N]))?);
    // There are as many as profiles have scripted plugins.
    let events = script.interests()?.leak();
    Ok(Box::new(Scripted { name: NAMES[N], script, events }))
}

struct Scripted {
    name: &'static str,
    script: Arc<Script>,
    events: &'static [Interest],
}

impl Scripted {
    fn note(&self, point: &str, pod: &Pod, what: &str) {
        self.script.note(self.name, point, &pod.key.to_string(), what);
    }

    fn answer(&self, point: &str, pod: &Pod, node: &str) -> Say {
        self.script.answer(point, about(pod), node)
    }

    /// The eval of a pod; at PreFilter it has been asked, or its profile leaves that out.
    fn run(&self, pod: &Pod, position: u16) -> Box<dyn Eval> {
        let (name, script) = (self.name, Arc::clone(&self.script));
        let pre_score = match script.peek("PreScore", about(pod), "") {
            Say::Fail(why) => Some(why),
            _ => None,
        };
        Box::new(OnePod { name, script, pod: pod.clone(), position, pre_score })
    }
}

fn about(pod: &Pod) -> About<'_> {
    About { name: &pod.key.name, labels: &pod.labels, gated: !pod.scheduling_gates.is_empty() }
}

fn candidate(pod: Candidate<'_>) -> About<'_> {
    About { name: pod.name, ..about(pod.pod) }
}

/// An answer where one can only go on or not.
fn stand(say: Say) -> Result<(), Refusal> {
    match say {
        Say::Reject(why) => Err(Refusal::Reject(Code::Unschedulable, vec![why])),
        Say::Unresolvable(why) => {
            Err(Refusal::Reject(Code::UnschedulableAndUnresolvable, vec![why]))
        }
        Say::Pending(why) => Err(Refusal::Reject(Code::Pending, vec![why])),
        Say::Fail(why) => Err(Refusal::Fail(why)),
        _ => Ok(()),
    }
}

impl Plugin for Scripted {
    fn sort(&self, pod: Candidate<'_>) -> i64 {
        if self.script.by_priority { pod.pod.priority.into() } else { 0 }
    }

    fn pre_enqueue(&self, pod: Candidate<'_>, _cluster: &Cluster) -> Option<PodRejection> {
        let key = format!("{}/{}", pod.pod.key.namespace, pod.name);
        self.script.note(self.name, "PreEnqueue", &key, "");
        match stand(self.script.answer("PreEnqueue", candidate(pod), "")) {
            Ok(()) => None,
            Err(Refusal::Reject(code, reasons)) => Some(PodRejection { code, reasons }),
            Err(Refusal::Fail(why)) => Some(PodRejection { code: Code::Error, reasons: vec![why] }),
        }
    }

    fn prepare(&self, pod: &Pod, cx: &PrepareCx<'_>) -> PluginEval {
        self.note("PreFilter", pod, "");
        match self.answer("PreFilter", pod, "") {
            Say::Skip => PluginEval::Skip,
            Say::Nodes(names) => {
                let names = names.into_iter().map(String::into_boxed_str).collect();
                PluginEval::Narrow(Some(self.run(pod, cx.position)), names)
            }
            say => match stand(say) {
                Ok(()) => PluginEval::Run(self.run(pod, cx.position)),
                Err(Refusal::Reject(code, reasons)) => PluginEval::Reject(code, reasons),
                Err(Refusal::Fail(why)) => PluginEval::Fail(why),
            },
        }
    }

    fn unprepared(&self, pod: &Pod, cx: &PrepareCx<'_>) -> PluginEval {
        PluginEval::Run(self.run(pod, cx.position))
    }

    fn events(&self) -> &'static [Interest] {
        self.events
    }

    fn hint(&self, _change: &Change, pod: Candidate<'_>, _cluster: &Cluster) -> Hint {
        let key = format!("{}/{}", pod.pod.key.namespace, pod.name);
        self.script.note(self.name, "Hint", &key, "");
        match self.script.answer("Hint", candidate(pod), "") {
            Say::Skip => Hint::Skip,
            Say::Fail(_) => Hint::Error,
            _ => Hint::Queue,
        }
    }

    fn post_filter(&self, pod: &Pod, _: &View<'_>, _: Option<&FailedNodes>) -> PostFilter {
        self.note("PostFilter", pod, "");
        match self.answer("PostFilter", pod, "") {
            Say::Help(node) => {
                let node = (!node.is_empty()).then(|| node.into_boxed_str());
                PostFilter::Helped { node, message: "helped".to_owned() }
            }
            say => match stand(say) {
                Ok(()) => PostFilter::Reject(Code::Unschedulable, Vec::new()),
                Err(Refusal::Reject(code, reasons)) => PostFilter::Reject(code, reasons),
                Err(Refusal::Fail(why)) => PostFilter::Fail(why),
            },
        }
    }

    fn reserve(&self, at: &Placement<'_>, _cluster: &mut Cluster) -> Result<(), Refusal> {
        self.note("Reserve", at.pod, at.node_name);
        stand(self.answer("Reserve", at.pod, at.node_name))
    }

    fn unreserve(&self, at: &Placement<'_>, _cluster: &mut Cluster) {
        self.note("Unreserve", at.pod, at.node_name);
    }

    fn permit(&self, at: &Placement<'_>, waiting: &mut WaitingPods) -> Permit {
        let others: Vec<_> = waiting.pods.iter().map(|(_, id)| *id).collect();
        let names: Vec<&str> = waiting.pods.iter().map(|(key, _)| &*key.name).collect();
        self.note("Permit", at.pod, &format!("{} waiting={}", at.node_name, names.join(",")));
        let refusal = match self.answer("Permit", at.pod, at.node_name) {
            Say::Wait(milliseconds) => {
                return Permit::Wait(Nanos(milliseconds * Nanos::MILLISECOND.0));
            }
            Say::AllowWaiting => {
                for pod in others {
                    waiting.allow(pod);
                }
                Ok(())
            }
            Say::RejectOthers(why) => {
                for pod in others {
                    waiting.reject(pod, why.clone());
                }
                Ok(())
            }
            Say::RejectWaiting(why) => {
                for pod in others {
                    waiting.reject(pod, why.clone());
                }
                stand(Say::Reject(why))
            }
            say => stand(say),
        };
        refusal.map_or_else(Permit::Refuse, |()| Permit::Allow)
    }

    fn pre_bind(&self, at: &Placement<'_>, _cluster: &Cluster) -> PreBind {
        match self.script.peek("PreBind", about(at.pod), at.node_name) {
            Say::Skip => PreBind::Skip,
            _ => PreBind::Call,
        }
    }

    fn pre_bind_call(&self, pod: &Pod, node: &str) -> Result<(), Refusal> {
        self.note("PreBind", pod, node);
        stand(self.answer("PreBind", pod, node))
    }

    fn bind(&self, at: &Placement<'_>) -> Bind {
        self.note("Bind", at.pod, at.node_name);
        match self
            .script
            .rule("Bind", about(at.pod), at.node_name)
            .map(|rule| self.script.says(rule))
        {
            Some(Say::Skip) => Bind::Skip,
            None => Bind::Api,
            Some(_) => Bind::Call,
        }
    }

    fn bind_call(&self, pod: &Pod, node: &str) -> Result<(), Refusal> {
        match self.answer("Bind", pod, node) {
            Say::Bind(kubeconfig) => bind(self.name, &kubeconfig, pod, node),
            say => stand(say),
        }
    }

    fn post_bind(&self, pod: &Pod, node: &str) {
        self.note("PostBind", pod, node);
        self.answer("PostBind", pod, node);
    }

    fn activates(&self, at: &Placement<'_>, _cluster: &Cluster) -> Vec<PodKey> {
        let Say::Activate(names) = self.script.peek("PostBind", about(at.pod), at.node_name) else {
            return Vec::new();
        };
        let namespace = &at.pod.key.namespace;
        let key = |name: String| PodKey { namespace: namespace.clone(), name: name.into() };
        names.into_iter().map(key).collect()
    }
}

/// Asks the API server to bind, and tells it which plugin asks.
fn bind(plugin: &str, kubeconfig: &Path, pod: &Pod, node: &str) -> Result<(), Refusal> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    let runtime = runtime.expect("a runtime can be made");
    let binding = json!({
        "apiVersion": "v1", "kind": "Binding",
        "metadata": {
            "name": pod.key.name, "namespace": pod.key.namespace, "uid": pod.uid,
            "annotations": {BOUND_BY: plugin},
        },
        "target": {"apiVersion": "v1", "kind": "Node", "name": node},
    });
    let path = format!("{}/{}/binding", pods_path(&pod.key.namespace), pod.key.name);
    runtime.block_on(async {
        let client = users::client(kubeconfig).await;
        let rest = Rest(client.map_err(|error| Refusal::Fail(error.to_string()))?);
        let said = rest.send(http::Method::POST, &path, "application/json", Some(&binding)).await;
        said.map(drop).map_err(|error| Refusal::Fail(format!("bind failed: {error}")))
    })
}

/// A scripted plugin and one pod.
struct OnePod {
    name: &'static str,
    script: Arc<Script>,
    pod: Pod,
    position: u16,
    pre_score: Option<String>,
}

impl OnePod {
    fn note(&self, point: &str, what: &str) {
        self.script.note(self.name, point, &self.pod.key.to_string(), what);
    }

    fn points(&self, node: &str) -> i64 {
        match self.script.answer("Score", about(&self.pod), node) {
            Say::Points(points) => points,
            _ => 0,
        }
    }
}

impl Eval for OnePod {
    fn parts(&self) -> Parts {
        let cells = self.script.normalises;
        Parts {
            filter: true,
            pre_score: true,
            score: !cells,
            cell_score: cells,
            ..Parts::default()
        }
    }

    fn filter(&self, view: &View<'_>, nodes: &[NodeId], out: &mut [Verdict]) {
        for (node, verdict) in nodes.iter().zip(out).filter(|(_, verdict)| verdict.is_pass()) {
            let name = view.cluster.node_name(*node);
            self.note("Filter", name);
            let Some(rule) = self.script.rule("Filter", about(&self.pod), name) else { continue };
            let code = match stand(self.script.answer("Filter", about(&self.pod), name)) {
                Ok(()) => continue,
                Err(refusal) => refusal.code(),
            };
            let rule = u32::try_from(rule).expect("a script is short");
            *verdict = Verdict::reject(self.position, code, rule);
        }
    }

    fn reasons(&self, _view: &View<'_>, _node: NodeId, verdict: Verdict) -> Vec<String> {
        match stand(self.script.says(verdict.detail as usize)) {
            Ok(()) => Vec::new(),
            Err(Refusal::Reject(_, reasons)) => reasons,
            Err(Refusal::Fail(why)) => vec![why],
        }
    }

    fn score_error(&self) -> Option<&str> {
        self.note("PreScore", "");
        self.pre_score.as_deref()
    }

    fn score(&self, view: &View<'_>, nodes: &[NodeId], out: &mut [i64]) {
        for (node, points) in nodes.iter().zip(out) {
            let name = view.cluster.node_name(*node);
            self.note("Score", name);
            *points = self.points(name);
        }
    }

    fn raw(&self, _view: &View<'_>, _cells: Cells<'_>, out: &mut [i64]) {
        self.note("Score", "");
        out.fill(self.points(""));
    }

    fn normalise(&self, _cells: Cells<'_>, _raw: &mut [i64]) {
        self.note("NormalizeScore", "");
    }
}
