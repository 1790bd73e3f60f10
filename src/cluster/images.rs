//! Which images are on which nodes.

use crate::units::{Map, NodeId};

use super::interner::Interner;

/// An image as the cluster knows it.
#[derive(Clone, Debug)]
struct ImageState {
    /// Size in bytes, as the first node that had it said.
    size_bytes: i64,
    /// How many nodes have it.
    nodes: u32,
    /// One bit a node id.
    on: Vec<u64>,
}

/// All images of all nodes, by name.
///
/// Upstream: the scheduler cache's imageStates, v1.37; a name that no node has any more is forgotten with
/// its size.
#[derive(Clone, Debug, Default)]
pub(crate) struct Images {
    names: Interner<Box<str>>,
    states: Map<u32, ImageState>,
}

/// One image, as ImageLocality reads it.
#[derive(Clone, Copy, Debug)]
pub struct ImageOn<'a> {
    /// Size in bytes.
    pub size_bytes: i64,
    /// How many nodes have it.
    pub nodes: u32,
    on: &'a [u64],
}

impl ImageOn<'_> {
    /// Whether `node` has the image.
    #[must_use]
    pub fn is_on(&self, node: NodeId) -> bool {
        let word = self.on.get(node.0 as usize / 64).copied().unwrap_or_default();
        word >> (node.0 % 64) & 1 == 1
    }
}

impl Images {
    /// Records that `node` has the image `name`; returns its number. Asking twice counts once.
    pub(crate) fn add(&mut self, node: NodeId, name: &str, size_bytes: i64) -> u32 {
        let id = self.names.acquire_str(name);
        let state = self.states.entry(id).or_insert_with(|| ImageState {
            size_bytes,
            nodes: 0,
            on: Vec::new(),
        });
        let word = node.0 as usize / 64;
        if state.on.len() <= word {
            state.on.resize(word + 1, 0);
        }
        let bit = 1 << (node.0 % 64);
        if state.on[word] & bit == 0 {
            state.on[word] |= bit;
            state.nodes += 1;
        }
        id
    }

    /// Takes back one [`Images::add`].
    pub(crate) fn remove(&mut self, node: NodeId, id: u32) {
        if let Some(state) = self.states.get_mut(&id) {
            let bit = 1 << (node.0 % 64);
            if let Some(word) = state.on.get_mut(node.0 as usize / 64)
                && *word & bit != 0
            {
                *word &= !bit;
                state.nodes -= 1;
            }
            if state.nodes == 0 {
                self.states.remove(&id);
            }
        }
        self.names.release(id);
    }

    /// The image `name`, if a node has it.
    pub(crate) fn find(&self, name: &str) -> Option<ImageOn<'_>> {
        let state = self.states.get(&self.names.find(name)?)?;
        Some(ImageOn { size_bytes: state.size_bytes, nodes: state.nodes, on: &state.on })
    }

    /// How often an image came or went.
    pub(crate) fn epoch(&self) -> u64 {
        self.names.epoch()
    }

    /// The name of image `id`.
    pub(crate) fn name(&self, id: u32) -> Option<&str> {
        self.names.get(id).map(|name| &**name)
    }
}
