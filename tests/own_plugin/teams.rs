//! A plugin of one's own: pods with the label `team` go to nodes of their team only, and are bound in pairs.

use berth::framework::{
    Code, Eval, ExtensionPoint, Parts, Permit, Placement, Plugin, PluginEval, PluginInfo,
    PrepareCx, Verdict, WaitingPods,
};
use berth::{cluster::View, model::Pod, units::Nanos, units::NodeId};

pub(crate) const TEAMS: PluginInfo = PluginInfo {
    name: "Teams",
    default_weight: None,
    points: &[ExtensionPoint::Filter, ExtensionPoint::Permit],
    summary: "keeps pods on the nodes of their team",
    make: |_| Ok(Box::new(Teams)),
};

struct Teams;

impl Plugin for Teams {
    fn prepare(&self, pod: &Pod, cx: &PrepareCx<'_>) -> PluginEval {
        let Some(team) = pod.labels.get("team") else { return PluginEval::Skip };
        PluginEval::Run(Box::new(OfTeam { team: team.into(), position: cx.position }))
    }

    fn permit(&self, at: &Placement<'_>, waiting: &mut WaitingPods) -> Permit {
        if at.pod.labels.get("team").is_none() {
            return Permit::Allow;
        }
        let Some(&(_, other)) = waiting.pods.first() else {
            return Permit::Wait(Nanos::from_secs(60));
        };
        waiting.allow(other);
        Permit::Allow
    }
}

struct OfTeam {
    team: Box<str>,
    position: u16,
}

impl Eval for OfTeam {
    fn parts(&self) -> Parts {
        Parts { filter: true, ..Parts::default() }
    }

    fn filter(&self, view: &View<'_>, nodes: &[NodeId], out: &mut [Verdict]) {
        let teams = view.cluster.label_column("team");
        for (node, verdict) in nodes.iter().zip(out).filter(|(_, verdict)| verdict.is_pass()) {
            if teams.and_then(|teams| teams.value(*node)) != Some(&*self.team) {
                *verdict = Verdict::reject(self.position, Code::UnschedulableAndUnresolvable, 0);
            }
        }
    }

    fn reasons(&self, _view: &View<'_>, _node: NodeId, _verdict: Verdict) -> Vec<String> {
        vec![format!("node(s) not of team {}", self.team)]
    }
}
