//! Puts the objects of manifests and dumps into the API server. Called once, before anything else acts.

use std::collections::BTreeMap;

use serde_json::Value;

use crate::apiserver::api::Api;
use crate::apiserver::import::Imported;
use crate::apiserver::orphans::{Note, Owners};

use super::manifests::{self, ManifestError, Source};

/// What was put in.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Loaded {
    /// Objects created.
    pub created: usize,
    /// Objects of a dump.
    pub restored: usize,
    /// Objects that were there already.
    pub present: usize,
    /// Objects of a dump that named owners that are not in it.
    pub orphans: usize,
    /// Nodes among all of them.
    pub nodes: usize,
    /// Objects of kinds that are not served, with how many there were.
    pub skipped: BTreeMap<String, usize>,
    /// What clients are warned of, each text once, with how often.
    pub warnings: BTreeMap<String, usize>,
}

/// Which objects of the sources are wanted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Wanted {
    /// All.
    Everything,
    /// Nodes alone.
    Nodes,
}

/// Reads `sources` in order and puts their objects in. Stops at the first object that is refused. References
/// to owners that are in none of them are left out: a garbage collector would delete what has them.
pub fn load(
    api: &Api,
    sources: &[Source],
    wanted: Wanted,
    loaded: &mut Loaded,
) -> Result<(), ManifestError> {
    let mut owners = Owners::default();
    for source in sources {
        manifests::read(source, &mut |object| put(api, object, wanted, loaded, &mut owners))?;
    }
    loaded.orphans += owners.drop_missing(api);
    Ok(())
}

fn put(
    api: &Api,
    object: Value,
    wanted: Wanted,
    loaded: &mut Loaded,
    owners: &mut Owners,
) -> Result<(), String> {
    let is_node = object["kind"] == "Node" && object["apiVersion"] == "v1";
    if wanted == Wanted::Nodes && !is_node {
        return Ok(());
    }
    let note = Note::of(&object);
    match api.import(object).map_err(|failure| failure.message)? {
        Imported::Created(warnings) => {
            loaded.created += 1;
            for warning in warnings {
                *loaded.warnings.entry(warning).or_default() += 1;
            }
        }
        Imported::Restored => {
            loaded.restored += 1;
            owners.add(note);
        }
        Imported::Present => loaded.present += 1,
        Imported::UnknownKind(kind) => *loaded.skipped.entry(kind).or_default() += 1,
    }
    loaded.nodes += usize::from(is_node);
    Ok(())
}
