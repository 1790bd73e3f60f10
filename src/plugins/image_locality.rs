//! ImageLocality: prefers nodes that have the pod's images already.

use crate::cluster::{Fact, Facts, View};
use crate::framework::{
    Cells, Eval, ExtensionPoint, KeyOut, MAX_NODE_SCORE, Parts, Plugin, PluginEval, PluginInfo,
    PrepareCx,
};
use crate::model::Pod;
use crate::units::{NodeId, hash_bytes};

pub(super) const INFO: PluginInfo = PluginInfo {
    name: "ImageLocality",
    default_weight: Some(1),
    points: &[ExtensionPoint::Score],
    summary: "prefers nodes that have the pod's images",
    make: |_| Ok(Box::new(ImageLocality)),
};

const MIB: i64 = 1024 * 1024;
/// Images of less than this together count for nothing, in bytes.
const BYTES_MIN: i64 = 23 * MIB;
/// What one image counts for at most, in bytes.
const BYTES_MAX_PER_IMAGE: i64 = 1000 * MIB;
/// Images in one key word.
const IMAGES_PER_WORD: usize = 32;

struct ImageLocality;

impl Plugin for ImageLocality {
    fn prepared_from(&self, _pod: &Pod) -> Option<Facts> {
        Some(Facts::of(&[Fact::Images]))
    }

    fn prepare(&self, pod: &Pod, cx: &PrepareCx<'_>) -> PluginEval {
        let mut images: Vec<PodImage> = Vec::new();
        for name in pod.images.iter() {
            if let Some(image) = images.iter_mut().find(|image| image.name == *name) {
                image.times += 1;
            } else if cx.view.cluster.image(name).is_some() {
                images.push(PodImage { name: name.clone(), times: 1 });
            }
        }
        if images.is_empty() {
            return PluginEval::Skip;
        }
        let count = i64::try_from(pod.images.len()).unwrap_or(i64::MAX);
        PluginEval::Run(Box::new(ImageLocalityEval { images, count }))
    }
}

/// An image of the pod that some node has.
struct PodImage {
    name: Box<str>,
    /// How often the pod names it.
    times: i64,
}

struct ImageLocalityEval {
    images: Vec<PodImage>,
    /// How many images the pod names, repetitions included.
    count: i64,
}

impl Eval for ImageLocalityEval {
    fn parts(&self) -> Parts {
        let key_words = self.images.len().div_ceil(IMAGES_PER_WORD);
        Parts { key_words, cell_score: true, ..Parts::default() }
    }

    /// The bits of the mask: images of the pod that no node has have none.
    fn lasting(&self) -> Option<u64> {
        let names = self.images.iter().map(|image| image.name.as_bytes());
        Some(names.fold(0, hash_bytes))
    }

    /// A mask of which of the images are there.
    fn key(&self, view: &View<'_>, nodes: &[NodeId], out: &mut KeyOut<'_>) {
        for (word, images) in self.images.chunks(IMAGES_PER_WORD).enumerate() {
            let on: Vec<_> = images.iter().map(|image| view.cluster.image(&image.name)).collect();
            for (index, node) in nodes.iter().enumerate() {
                let bit = |(at, image): (usize, &Option<crate::cluster::ImageOn<'_>>)| {
                    u32::from(image.is_some_and(|image| image.is_on(*node))) << at
                };
                out.set(index, word, on.iter().enumerate().map(bit).sum());
            }
        }
    }

    /// Upstream: sumImageScores and calculatePriority, v1.37: sizes weighed by how many nodes have them.
    fn raw(&self, view: &View<'_>, cells: Cells<'_>, out: &mut [i64]) {
        let nodes = view.cluster.node_count();
        let scaled: Vec<i64> = self
            .images
            .iter()
            .map(|image| {
                let known = view.cluster.image(&image.name);
                known.map_or(0, |on| {
                    image.times.wrapping_mul(spread(on.size_bytes, on.nodes, nodes))
                })
            })
            .collect();
        for (cell, score) in out.iter_mut().enumerate() {
            let there = |at: &usize| {
                cells.word(cell, at / IMAGES_PER_WORD) >> (at % IMAGES_PER_WORD) & 1 == 1
            };
            let found = (0..scaled.len()).filter(there).map(|at| scaled[at]);
            let sum = found.fold(0, i64::wrapping_add);
            *score = priority(sum, self.count);
        }
    }
}

/// `size_bytes` times the share of nodes that have the image.
#[expect(clippy::cast_precision_loss, reason = "upstream multiplies the same numbers as floats")]
#[expect(clippy::cast_possible_truncation, reason = "upstream cuts the same float")]
fn spread(size_bytes: i64, on: u32, nodes: u32) -> i64 {
    let share = f64::from(on) / f64::from(nodes);
    let scaled = size_bytes as f64 * share;
    // Go on amd64 gives the lowest number for a float that does not fit.
    if scaled >= i64::MAX as f64 { i64::MIN } else { scaled as i64 }
}

/// A sum of bytes between the thresholds as points from 0 to 100.
fn priority(sum: i64, count: i64) -> i64 {
    let most = BYTES_MAX_PER_IMAGE.saturating_mul(count);
    if most <= BYTES_MIN {
        return 0;
    }
    MAX_NODE_SCORE * (sum.clamp(BYTES_MIN, most) - BYTES_MIN) / (most - BYTES_MIN)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bytes_to_points() {
        let rows = [
            ((0, 1), 0),
            ((23 * MIB, 1), 0),
            ((1000 * MIB, 1), 100),
            ((5000 * MIB, 1), 100),
            ((250 * MIB, 1), 23),
            ((1000 * MIB, 2), 49),
            ((0, 0), 0),
        ];
        for ((sum, count), want) in rows {
            assert_eq!(priority(sum, count), want, "{sum} {count}");
        }
        assert_eq!(spread(10 * MIB, 1, 4), 2_621_440);
    }
}
