//! How many pods there are in each domain of a topology, and in the emptiest of them.

use std::collections::BTreeMap;

use crate::units::Map;

/// The lowest number of pods where there is no domain.
///
/// Upstream: newCriticalPaths, v1.37.
const NO_DOMAIN: i64 = i32::MAX as i64;

/// Where the pods of a node are counted.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) enum At {
    /// Nowhere.
    #[default]
    Nowhere,
    /// The node has no such label.
    Without,
    /// In the domain whose value has this number.
    Domain(u32),
}

/// What one node adds, in eight bytes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Share {
    /// 0 is nowhere, `u32::MAX` a node without the label, the rest a domain's number plus one.
    place: u32,
    pods: u32,
}

impl Share {
    /// `pods`, counted `at`.
    pub(super) fn new(at: At, pods: u32) -> Self {
        match at {
            At::Nowhere => Self::default(),
            At::Without => Self { place: u32::MAX, pods },
            At::Domain(number) => Self { place: number + 1, pods },
        }
    }

    fn at(self) -> At {
        match self.place {
            0 => At::Nowhere,
            u32::MAX => At::Without,
            place => At::Domain(place - 1),
        }
    }
}

/// What each node adds, in four bytes a share.
#[derive(Clone, Debug, Default)]
pub(super) struct Shares {
    /// The pods in the lowest byte, the place above it.
    packed: Vec<u32>,
    /// Those that do not fit there.
    large: Map<usize, Share>,
}

/// Stands for a share in `large`.
const LARGE: u32 = u32::MAX;
/// A packed place that stands for `u32::MAX`.
const WITHOUT: u32 = LARGE >> 8;

impl Shares {
    /// Makes room for so many.
    pub(super) fn grow(&mut self, shares: usize) {
        if self.packed.len() < shares {
            self.packed.reserve_exact(shares - self.packed.len());
            self.packed.resize(shares, 0);
        }
    }

    /// Puts `new` in the place of what is returned.
    pub(super) fn replace(&mut self, at: usize, new: Share) -> Share {
        let place = if new.place == u32::MAX { WITHOUT } else { new.place };
        let fits = new.pods < u8::MAX.into() && (place < WITHOUT || new.place == u32::MAX);
        let packed = if fits { place << 8 | new.pods } else { LARGE };
        let old = std::mem::replace(&mut self.packed[at], packed);
        let large = if packed == LARGE {
            self.large.insert(at, new)
        } else if old == LARGE {
            self.large.remove(&at)
        } else {
            None
        };
        large.unwrap_or_else(|| {
            let place = if old >> 8 == WITHOUT { u32::MAX } else { old >> 8 };
            Share { place, pods: old & u32::from(u8::MAX) }
        })
    }

    /// What they take, in bytes.
    pub(super) fn bytes(&self) -> usize {
        self.packed.capacity() * size_of::<u32>()
            + self.large.capacity() * size_of::<(usize, Share)>()
    }
}

/// One domain.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
struct Domain {
    /// Nodes that count; without any it is no domain.
    nodes: u32,
    pods: u32,
}

/// How many pods are counted in each domain.
#[derive(Clone, Debug, Default)]
pub(super) struct Domains {
    /// By number of the domain's value; shorter where the rest is no domain.
    all: Vec<Domain>,
    /// Pods on nodes that have no such label.
    without: u32,
    /// How many domains have so many pods, while they are followed.
    by_pods: Option<BTreeMap<u32, u32>>,
    /// Number of domains, while they are followed.
    number: i64,
}

/// The emptiest domains.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Lows {
    /// Number of domains.
    pub(super) domains: i64,
    /// The fewest pods of a domain.
    pub(super) fewest: i64,
    /// The fewest pods of any other domain than the emptiest one.
    pub(super) next: i64,
}

impl Lows {
    /// Takes in so many domains with so many pods each.
    fn add(&mut self, pods: u32, domains: u32) {
        self.domains += i64::from(domains);
        let pods = i64::from(pods);
        if pods < self.fewest {
            self.next = if domains > 1 { pods } else { self.fewest };
            self.fewest = pods;
        } else {
            self.next = self.next.min(pods);
        }
    }
}

impl Domains {
    /// None, and with `followed` it is kept up which one is the emptiest.
    pub(super) fn new(followed: bool) -> Self {
        Self { by_pods: followed.then(BTreeMap::new), ..Self::default() }
    }

    /// Counts what one node more adds.
    pub(super) fn add(&mut self, share: Share) {
        self.change(share, |domain| {
            domain.nodes += 1;
            domain.pods += share.pods;
        });
        if share.at() == At::Without {
            self.without += share.pods;
        }
    }

    /// A node that added `old` adds `new` now.
    pub(super) fn replace(&mut self, old: Share, new: Share) {
        if old.place == new.place && matches!(old.at(), At::Domain(_)) {
            self.change(old, |domain| domain.pods = domain.pods - old.pods + new.pods);
            return;
        }
        self.change(old, |domain| {
            domain.nodes -= 1;
            domain.pods -= old.pods;
        });
        if old.at() == At::Without {
            self.without -= old.pods;
        }
        self.add(new);
    }

    /// Changes the domain of `share`, if it has one.
    fn change(&mut self, share: Share, change: impl FnOnce(&mut Domain)) {
        let At::Domain(number) = share.at() else { return };
        let at = number as usize;
        if self.all.len() <= at {
            self.all.resize(at + 1, Domain::default());
        }
        let domain = &mut self.all[at];
        let before = *domain;
        change(domain);
        let after = *domain;
        let Some(by_pods) = &mut self.by_pods else { return };
        self.number += i64::from(after.nodes > 0) - i64::from(before.nodes > 0);
        if before.nodes > 0
            && let Some(domains) = by_pods.get_mut(&before.pods)
        {
            *domains -= 1;
            if *domains == 0 {
                by_pods.remove(&before.pods);
            }
        }
        if after.nodes > 0 {
            *by_pods.entry(after.pods).or_default() += 1;
        }
    }

    /// Number of pods in a domain, none where it is no domain.
    pub(super) fn pods(&self, domain: u32) -> u32 {
        self.all.get(domain as usize).map_or(0, |domain| domain.pods)
    }

    /// Number of pods on nodes that have no such label.
    pub(super) fn without(&self) -> u32 {
        self.without
    }

    /// Whether a node that counts has this value.
    pub(super) fn is_domain(&self, domain: u32) -> bool {
        self.all.get(domain as usize).is_some_and(|domain| domain.nodes > 0)
    }

    /// The emptiest domains.
    pub(super) fn lows(&self) -> Lows {
        let mut lows = Lows { domains: 0, fewest: NO_DOMAIN, next: NO_DOMAIN };
        if let Some(by_pods) = &self.by_pods {
            // The two smallest numbers say it all.
            by_pods.iter().take(2).for_each(|(pods, domains)| lows.add(*pods, *domains));
            lows.domains = self.number;
            return lows;
        }
        let domains = self.all.iter().filter(|domain| domain.nodes > 0);
        domains.for_each(|domain| lows.add(domain.pods, 1));
        lows
    }

    /// What it keeps, in bytes.
    pub(super) fn bytes(&self) -> usize {
        let by_pods = self.by_pods.as_ref().map_or(0, BTreeMap::len);
        self.all.capacity() * size_of::<Domain>() + by_pods * 2 * size_of::<(u32, u32)>()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn shares_of_any_size() {
        let mut shares = Shares::default();
        shares.grow(2);
        let mut before = Share::default();
        let places = [0, 1, WITHOUT - 1, WITHOUT, WITHOUT + 1, u32::MAX - 1, u32::MAX];
        for place in places {
            for pods in [0, 254, 255, 256, u32::MAX, 1] {
                let share = Share { place, pods };
                assert_eq!(shares.replace(1, share), before);
                before = share;
            }
        }
        assert_eq!((shares.replace(0, before), shares.large.len()), (Share::default(), 0));
    }
}
