//! Kept tables: caught up they hold what would be built, which `Sorted::check` does in tests at every use, and
//! decisions are the same without them.

use proptest::prelude::*;

use crate::engine::tables::TABLE_BYTES_MAX;
use crate::engine::{BindOutcome, Effect, Event};
use crate::model::{
    AffinityTerm, Effect as TaintEffect, HostPort, Image, LabelOperator, LabelRequirement,
    LabelSelector, Labels, Namespace, NodeAffinity, NodeOperator, NodeRequirement,
    NodeSelectorTerm, Object, ObjectKey, ObjectKind, Pod, PreferredTerm, Service, SpreadConstraint,
    Toleration, TolerationOperator, WeightedTerm, WhenUnsatisfiable,
};
use crate::units::Nanos;

use super::kit::{Kit, TestNode, TestPod, bind, node, pod};

const MIB: i64 = 1 << 20;
const ZONE: &str = "topology.kubernetes.io/zone";
/// Number of templates.
const TEMPLATES: u8 = 14;

/// Something that happens to an engine.
#[derive(Clone, Debug)]
enum Happening {
    Node {
        which: u8,
        cpu: u16,
        traits: u8,
        image: u8,
    },
    NodeGoes(u8),
    /// A pod of one of a few templates.
    Pod {
        which: u8,
        template: u8,
    },
    /// A pod that another one put on a node.
    Foreign {
        which: u8,
        node: u8,
        template: u8,
    },
    /// A waiting pod of another scheduler's wish is nominated to a node.
    Nominated {
        which: u8,
        node: u8,
        template: u8,
        priority: i8,
    },
    PodGoes(u8),
    /// A service comes or goes that selects an app.
    Service(u8),
    /// A namespace gets other labels.
    Namespace(u8),
    Attempts(u8),
    Wait(u16),
}

fn happening() -> impl Strategy<Value = Happening> {
    use Happening::{Attempts, Foreign, Namespace, Nominated, PodGoes, Service, Wait};
    prop_oneof![
        4 => (0u8..12, 500u16..4000, any::<u8>(), 0u8..4).prop_map(
            |(which, cpu, traits, image)| Happening::Node { which, cpu, traits, image }
        ),
        1 => (0u8..12).prop_map(Happening::NodeGoes),
        8 => (0u8..40, 0..TEMPLATES)
            .prop_map(|(which, template)| Happening::Pod { which, template }),
        2 => (0u8..10, 0u8..13, 0..TEMPLATES).prop_map(
            |(which, node, template)| Foreign { which, node, template }
        ),
        1 => (0u8..5, 0u8..13, 0..TEMPLATES, -1i8..3).prop_map(
            |(which, node, template, priority)| Nominated { which, node, template, priority }
        ),
        2 => (0u8..55).prop_map(PodGoes),
        1 => (0u8..4).prop_map(Service),
        1 => (0u8..2).prop_map(Namespace),
        8 => (1u8..6).prop_map(Attempts),
        2 => (0u16..20_000).prop_map(Wait),
    ]
}

fn test_node(which: u8, cpu: u16, traits: u8, image: u8) -> TestNode {
    let has = |bit: u8| traits >> bit & 1 == 1;
    let mut test = node(&format!("n{which}")).cpu(i64::from(cpu)).gpus(i64::from(has(0)) * 2);
    let name = format!("n{}", which - u8::from(has(7) && has(3) && which > 0));
    let zone = format!("z{}", cpu % 3);
    let labels = [("disk", "ssd"), ("kubernetes.io/hostname", &name), (ZONE, &zone)];
    let has_label = [has(1), !(has(5) && has(4)), !(has(2) && has(5))];
    let labels = labels.into_iter().zip(has_label).filter(|(_, has)| *has);
    test.0.labels = labels.map(|(label, _)| label).collect();
    if has(2) && has(3) {
        test = test.taint("k", TaintEffect::NoSchedule);
    }
    if has(4) {
        test = test.taint("p", TaintEffect::PreferNoSchedule);
    }
    if has(5) && has(6) {
        test = test.cordoned();
    }
    let images = [("a", 300), ("b", 700)].into_iter().zip([image & 1, image >> 1]);
    for ((name, size), _) in images.filter(|(_, has)| *has == 1) {
        test.0.images.push(Image { names: vec![name.into()], size_bytes: size * MIB });
    }
    if has(7) {
        test.0.declared_features.push("F".into());
    }
    test
}

fn templated(name: &str, template: u8) -> TestPod {
    let mut test = pod(name).cpu(100 + 150 * i64::from(template));
    let on_ssd = || NodeRequirement {
        key: "disk".into(),
        operator: Some(NodeOperator::In),
        values: vec!["ssd".into()],
    };
    match template {
        0 => test.0.images = ["a".into(), "b".into()].into(),
        1 => test.0.node_selector = Labels::from_iter([("disk", "ssd")]),
        2 => {
            let port = HostPort { protocol: "TCP".into(), ip: "0.0.0.0".into(), port: 80 };
            test.0.host_ports = vec![port];
        }
        3 => {
            let term =
                NodeSelectorTerm { expressions: vec![on_ssd()], ..NodeSelectorTerm::default() };
            let preferred = vec![PreferredTerm { weight: 7, term }];
            test.0.node_affinity = Some(NodeAffinity { preferred, ..NodeAffinity::default() });
        }
        4 => {
            test.0.required_features = vec!["F"];
            test.0.tolerations = [Toleration {
                key: "".into(),
                operator: TolerationOperator::Exists,
                value: "".into(),
                effect: None,
            }]
            .into();
        }
        5 => test = test.gpus(1),
        _ => test = related(test, template),
    }
    test
}

/// A pod that is about other pods.
fn related(test: TestPod, template: u8) -> TestPod {
    let app = if template.is_multiple_of(2) { "a" } else { "b" };
    let mut test = test.label("app", app);
    let selector = || {
        let values = vec![app.into()];
        let requirement =
            LabelRequirement { key: "app".into(), operator: LabelOperator::In, values };
        Some(LabelSelector { requirements: vec![requirement] })
    };
    let spread = |topology_key: &str, when_unsatisfiable| SpreadConstraint {
        max_skew: 1,
        topology_key: topology_key.into(),
        when_unsatisfiable,
        selector: selector(),
        min_domains: (template == 9).then_some(3),
        honors_taints: template == 7,
        ..SpreadConstraint::default()
    };
    let term = |topology_key: &str| AffinityTerm {
        selector: selector(),
        namespaces: Vec::new(),
        namespace_selector: (template == 12).then(|| LabelSelector {
            requirements: vec![LabelRequirement {
                key: "team".into(),
                operator: LabelOperator::Exists,
                values: Vec::new(),
            }],
        }),
        topology_key: topology_key.into(),
    };
    let hostname = "kubernetes.io/hostname";
    let affinity = test.0.pod_affinity.get_or_insert_default();
    match template {
        6 => {}
        7 => test.0.topology_spread = vec![spread(ZONE, WhenUnsatisfiable::DoNotSchedule)],
        8 => {
            test.0.topology_spread = vec![
                spread(ZONE, WhenUnsatisfiable::ScheduleAnyway),
                spread(hostname, WhenUnsatisfiable::ScheduleAnyway),
            ];
        }
        9 => {
            test.0.topology_spread = vec![
                spread(hostname, WhenUnsatisfiable::DoNotSchedule),
                spread(ZONE, WhenUnsatisfiable::DoNotSchedule),
            ];
        }
        10 => affinity.anti_required.push(term(hostname)),
        11 => affinity.required.push(term(ZONE)),
        12 => affinity.anti_required.push(term(ZONE)),
        _ => {
            affinity.preferred.push(WeightedTerm { weight: 5, term: term(ZONE) });
            affinity.anti_preferred.push(WeightedTerm { weight: 3, term: term(hostname) });
        }
    }
    test.0.pod_affinity = test.0.pod_affinity.filter(|affinity| affinity.terms().next().is_some());
    test
}

struct World {
    kit: Kit,
    pods: std::collections::BTreeMap<String, Pod>,
}

impl World {
    fn new(kit: Kit) -> Self {
        Self { kit, pods: std::collections::BTreeMap::new() }
    }

    fn put(&mut self, pod: TestPod) -> Vec<Effect> {
        self.pods.insert(pod.0.key.name.to_string(), pod.0.clone());
        self.kit.put(pod)
    }

    fn happen(&mut self, happening: &Happening) -> Vec<Effect> {
        let free = |world: &Self, name: &str| !world.pods.contains_key(name);
        match *happening {
            Happening::Node { which, cpu, traits, image } => {
                self.kit.put_node(&test_node(which, cpu, traits, image))
            }
            Happening::NodeGoes(which) => {
                self.kit.step(Event::NodeDelete(format!("n{which}").into()))
            }
            Happening::Pod { which, template } => {
                let name = format!("p{which}");
                if free(self, &name) { self.put(templated(&name, template)) } else { Vec::new() }
            }
            Happening::Foreign { which, node, template } => {
                let name = format!("f{which}");
                let test = templated(&name, template).scheduler("x").on(&format!("n{node}"));
                if free(self, &name) { self.put(test) } else { Vec::new() }
            }
            Happening::Nominated { which, node, template, priority } => {
                let name = format!("m{which}");
                let mut test = templated(&name, template).priority(i32::from(priority));
                test.0.nominated_node = Some(format!("n{node}").into());
                let bound = self.pods.get(&name).is_some_and(|pod| pod.node_name.is_some());
                if bound { Vec::new() } else { self.put(test) }
            }
            Happening::PodGoes(which) => {
                let name = match which {
                    0..40 => format!("p{which}"),
                    40..50 => format!("f{}", which - 40),
                    _ => format!("m{}", which - 50),
                };
                let gone = self.pods.remove(&name).is_some();
                if gone { self.kit.delete(&name) } else { Vec::new() }
            }
            Happening::Service(which) => {
                let name: Box<str> = format!("s{}", which % 2).into();
                let app = if which % 2 == 0 { "a" } else { "b" };
                let key = ObjectKey { namespace: "default".into(), name: name.clone() };
                self.kit.step(if which < 2 {
                    let selector = Labels::from_iter([("app", app)]);
                    let service = Service { namespace: "default".into(), name, selector };
                    Event::ObjectUpsert(Box::new(Object::Service(service)))
                } else {
                    Event::ObjectDelete(ObjectKind::Service, key)
                })
            }
            Happening::Namespace(which) => {
                let labels = [("team", "x")].into_iter().take(which.into()).collect();
                let namespace = Namespace { name: "default".into(), labels };
                self.kit.step(Event::NamespaceUpsert(Box::new(namespace)))
            }
            Happening::Attempts(count) => (0..count).flat_map(|_| self.attempt()).collect(),
            Happening::Wait(millis) => {
                self.kit.wait(Nanos(u64::from(millis) * Nanos::MILLISECOND.0))
            }
        }
    }

    /// One attempt; what it binds is bound, and the watch shows it.
    fn attempt(&mut self) -> Vec<Effect> {
        let mut effects = self.kit.step(Event::Attempt);
        if let Some((attempt, node)) = bind(&effects) {
            let name = effects.iter().find_map(|effect| match effect {
                Effect::Bind { pod, .. } => Some(pod.key.name.to_string()),
                _ => None,
            });
            let known = name.and_then(|name| self.pods.get_mut(&name));
            let outcome = if known.is_some() { BindOutcome::Bound } else { BindOutcome::Gone };
            let shown = known.map(|pod| {
                pod.node_name = Some(node.as_str().into());
                TestPod(pod.clone())
            });
            effects.extend(self.kit.answer(attempt, outcome));
            effects.extend(shown.into_iter().flat_map(|pod| self.kit.put(pod)));
        }
        effects
    }
}

proptest! {
    #[test]
    fn decisions_are_the_same_without_tables(
        happenings in prop::collection::vec(happening(), 1..100),
        seed in 0u64..4,
    ) {
        let made = |kit: Kit| {
            let mut world = World::new(kit);
            world.kit.sync();
            world
        };
        let mut with = made(Kit::seeded(seed));
        let mut without = Kit::seeded(seed);
        without.engine = without.engine.without_tables();
        let mut without = made(without);
        for happening in &happenings {
            prop_assert_eq!(with.happen(happening), without.happen(happening), "{:?}", happening);
        }
        prop_assert_eq!(without.kit.engine.tables_found(), 0);
    }
}

#[test]
fn the_third_pod_of_a_template_finds_a_table_and_so_do_its_labels() {
    let mut world = World::new(Kit::unsynced());
    world.kit.sync();
    for which in 0..12 {
        world.kit.put_node(&test_node(which, 4000, 0, 0));
    }
    for at in 0..5 {
        world.put(templated(&format!("a{at}"), 3).label("pod", &format!("{at}")));
        world.put(templated(&format!("b{at}"), 4));
        world.attempt();
        world.attempt();
    }
    // Template 4 fits nowhere.
    assert_eq!(world.kit.engine.tables_found(), 6);
    let (count, bytes) = world.kit.engine.tables_size();
    assert!(count == 2 && bytes > 0 && bytes < TABLE_BYTES_MAX, "{count} {bytes}");
}
