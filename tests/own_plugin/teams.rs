//! A plugin of one's own: pods with the label `team`, or another that its args name, go to nodes of their team
//! only, and are bound in pairs.

use berth::framework::{
    Code, Eval, ExtensionPoint, Parts, Permit, Placement, Plugin, PluginEval, PluginInfo,
    PrepareCx, Verdict, WaitingPods,
};
use berth::{cluster::View, model::Pod, units::Nanos, units::NodeId};
use serde::Deserialize;

pub(crate) const TEAMS: PluginInfo = PluginInfo {
    name: "Teams",
    default_weight: None,
    points: &[ExtensionPoint::Filter, ExtensionPoint::Permit],
    summary: "keeps pods on the nodes of their team",
    make: |args| {
        let args: Args = serde_json::from_str(args.own("Teams")).map_err(|e| e.to_string())?;
        Ok(Box::new(Teams { label: args.label }))
    },
};

/// Its `args` in `pluginConfig`.
#[derive(Deserialize)]
#[serde(default, deny_unknown_fields)]
struct Args {
    /// The label that says the team, of pods and of nodes.
    label: Box<str>,
}

impl Default for Args {
    fn default() -> Self {
        Self { label: "team".into() }
    }
}

struct Teams {
    label: Box<str>,
}

impl Plugin for Teams {
    fn prepare(&self, pod: &Pod, cx: &PrepareCx<'_>) -> PluginEval {
        let Some(team) = pod.labels.get(&self.label) else { return PluginEval::Skip };
        PluginEval::Run(Box::new(OfTeam {
            team: team.into(),
            label: self.label.clone(),
            position: cx.position,
        }))
    }

    fn permit(&self, at: &Placement<'_>, waiting: &mut WaitingPods) -> Permit {
        if at.pod.labels.get(&self.label).is_none() {
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
    label: Box<str>,
    position: u16,
}

impl Eval for OfTeam {
    fn parts(&self) -> Parts {
        Parts { filter: true, ..Parts::default() }
    }

    fn filter(&self, view: &View<'_>, nodes: &[NodeId], out: &mut [Verdict]) {
        let teams = view.cluster.label_column(&self.label);
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
