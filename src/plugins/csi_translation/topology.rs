//! Where an in-tree volume can be used, in the words of the CSI driver that took its place. Used by
//! VolumeBinding.
//!
//! Upstream: csi-translation-lib translateTopologyFromInTreeToCSI, v1.37.

use crate::model::{
    NodeOperator, NodeRequirement, NodeSelectorTerm, PersistentVolume, PersistentVolumeSource,
};

use super::{DELIMITER, InTreePlugin, ebs_volume_id, region};

const ZONE: &str = "topology.kubernetes.io/zone";
const REGION: &str = "topology.kubernetes.io/region";
const BETA_ZONE: &str = "failure-domain.beta.kubernetes.io/zone";
const BETA_REGION: &str = "failure-domain.beta.kubernetes.io/region";

/// The node affinity of a volume, `None` where all nodes will do.
type Affinity = Option<Vec<NodeSelectorTerm>>;

/// The in-tree plugin of `volume` and the volume's node affinity on nodes where a CSI driver took the
/// plugin's place, the error where it cannot be translated; `None` where nothing is ever translated.
pub(in crate::plugins) fn migrated_affinity(
    volume: &PersistentVolume,
) -> Option<(&'static str, Result<Affinity, String>)> {
    let (plugin, affinity) = match &volume.source {
        PersistentVolumeSource::AwsElasticBlockStore { volume_id } => {
            let known = ebs_volume_id(volume_id);
            let affinity = known.map(|_| translated(volume, "topology.ebs.csi.aws.com/zone"));
            (InTreePlugin::AwsElasticBlockStore, affinity)
        }
        PersistentVolumeSource::GcePersistentDisk { .. } => {
            let affinity = check_google_zones(volume);
            let affinity = affinity.map(|()| translated(volume, "topology.gke.io/zone"));
            (InTreePlugin::GcePersistentDisk, affinity)
        }
        PersistentVolumeSource::Cinder { .. } => {
            let key = "topology.cinder.csi.openstack.org/zone";
            (InTreePlugin::Cinder, Ok(translated(volume, key)))
        }
        PersistentVolumeSource::AzureDisk { managed: false, .. } => {
            let error = "kind(Shared) is not supported in csi migration".to_owned();
            (InTreePlugin::AzureDisk, Err(error))
        }
        // Their places stay as they are.
        PersistentVolumeSource::AzureDisk { .. }
        | PersistentVolumeSource::Portworx { .. }
        | PersistentVolumeSource::Csi { .. }
        | PersistentVolumeSource::Other => return None,
    };
    let affinity = affinity.map_err(|why| format!("could not translate pv: {why}"));
    Some((plugin.names().0, affinity))
}

/// A disk in several zones must be in those of one region.
///
/// Upstream: gceGetRegionFromZones, v1.37.
fn check_google_zones(volume: &PersistentVolume) -> Result<(), String> {
    let label = |key| volume.labels.get(key).filter(|zones| !zones.is_empty());
    let Some(zones) = label(BETA_ZONE).or_else(|| label(ZONE)) else { return Ok(()) };
    if !zones.contains(DELIMITER) {
        return Ok(());
    }
    let failed = |why: String| Err(format!("failed to get region from zones: {why}"));
    let mut regions = Vec::new();
    for zone in zones.split(DELIMITER) {
        match region(zone) {
            Some(region) => regions.push(region),
            None => {
                return failed(format!(
                    "zone in unexpected format, expected: {{locale}}-{{region}}-{{zone}}, got: {zone}"
                ));
            }
        }
    }
    regions.sort_unstable();
    regions.dedup();
    if regions.len() == 1 {
        return Ok(());
    }
    let shown: Vec<_> = regions.iter().map(|region| format!("{region}:{{}}")).collect();
    failed(format!("multiple or no regions gotten from zones, got: map[{}]", shown.join(" ")))
}

/// The node affinity with `zone_key` in the place of the label of zones. Where none of its terms names a
/// zone, the volume's own label does.
fn translated(volume: &PersistentVolume, zone_key: &str) -> Affinity {
    let mut affinity = volume.node_affinity.clone();
    let terms = affinity.iter().flatten();
    let named =
        |key: &str| terms.clone().any(|term| term.expressions.iter().any(|e| *e.key == *key));
    let beta = if named(ZONE) {
        false
    } else if named(BETA_ZONE) {
        true
    } else {
        volume.labels.get(ZONE).is_none() && volume.labels.get(BETA_ZONE).is_some()
    };
    let (zone, region) = if beta { (BETA_ZONE, BETA_REGION) } else { (ZONE, REGION) };
    let has_values = |affinity: &Affinity, key: &str| {
        let mut expressions = affinity.iter().flatten().flat_map(|term| &term.expressions);
        expressions.any(|e| *e.key == *key && !e.values.is_empty())
    };
    if has_values(&affinity, zone) {
        rename(&mut affinity, zone, zone_key);
    } else if let Some(label) = volume.labels.get(zone) {
        add_zones(&mut affinity, zone_key, label);
    }
    if beta && has_values(&affinity, region) {
        rename(&mut affinity, region, REGION);
    }
    affinity
}

fn rename(affinity: &mut Affinity, old: &str, new: &str) {
    let terms = affinity.iter_mut().flatten();
    for expression in terms.flat_map(|term| &mut term.expressions) {
        if *expression.key == *old {
            expression.key = new.into();
        }
    }
}

/// Asks in every term for one of the zones in `label`; where there is no term, in one that is made.
fn add_zones(affinity: &mut Affinity, key: &str, label: &str) {
    let zones = label.split(DELIMITER).map(str::trim).filter(|zone| !zone.is_empty());
    let mut values: Vec<Box<str>> = zones.map(Into::into).collect();
    values.sort();
    values.dedup();
    if values.is_empty() {
        return;
    }
    let terms = affinity.get_or_insert_default();
    if terms.is_empty() {
        terms.push(NodeSelectorTerm::default());
    }
    for term in terms {
        term.expressions.push(NodeRequirement {
            key: key.into(),
            operator: Some(NodeOperator::In),
            values: values.clone(),
        });
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn requirement(key: &str, values: &[&str]) -> NodeRequirement {
        let values = values.iter().map(|value| (*value).into()).collect();
        NodeRequirement { key: key.into(), operator: Some(NodeOperator::In), values }
    }

    fn affinity(keys: &[(&str, &[&str])]) -> Vec<NodeSelectorTerm> {
        let expressions = keys.iter().map(|(key, values)| requirement(key, values)).collect();
        vec![NodeSelectorTerm { expressions, fields: vec![] }]
    }

    fn disk(labels: &[(&str, &str)], node_affinity: Affinity) -> PersistentVolume {
        PersistentVolume {
            labels: labels.iter().copied().collect(),
            node_affinity,
            source: PersistentVolumeSource::GcePersistentDisk { pd_name: "d".into() },
            ..PersistentVolume::default()
        }
    }

    #[test]
    fn zones_become_those_of_the_driver() {
        let key = "topology.gke.io/zone";
        let some = |keys| Some(affinity(keys));
        let rows = [
            (disk(&[], None), Ok(None)),
            (disk(&[(ZONE, "a")], None), Ok(some(&[(key, &["a"])]))),
            (disk(&[(BETA_ZONE, "x-y-b__x-y-a")], None), Ok(some(&[(key, &["x-y-a", "x-y-b"])]))),
            (disk(&[(ZONE, "")], None), Ok(None)),
            (disk(&[(ZONE, "b")], some(&[(ZONE, &["a"])])), Ok(some(&[(key, &["a"])]))),
            (
                disk(&[(ZONE, "b")], some(&[("disk", &["ssd"])])),
                Ok(some(&[("disk", &["ssd"]), (key, &["b"])])),
            ),
            (
                disk(&[], some(&[(BETA_ZONE, &["a"]), (BETA_REGION, &["r"])])),
                Ok(some(&[(key, &["a"]), (REGION, &["r"])])),
            ),
            (
                disk(&[], some(&[(ZONE, &["a"]), (BETA_REGION, &["r"])])),
                Ok(some(&[(key, &["a"]), (BETA_REGION, &["r"])])),
            ),
        ];
        for (volume, want) in rows {
            let (plugin, got) = migrated_affinity(&volume).expect("it is in-tree");
            assert_eq!((plugin, got), ("kubernetes.io/gce-pd", want), "{volume:?}");
        }
    }

    #[test]
    fn zones_of_two_regions_are_an_error() {
        let (_, got) = migrated_affinity(&disk(&[(ZONE, "a-b-c__a-d-c")], None)).expect("in-tree");
        let want = "could not translate pv: failed to get region from zones: multiple or no regions \
                    gotten from zones, got: map[a-b:{} a-d:{}]";
        assert_eq!(got, Err(want.to_owned()));
    }
}
