//! Tests of [`Elector`] in a small world: a server with one Lease, a network that delays and loses, machines
//! whose clocks differ and that die. All of it follows from a seed.

use std::collections::BTreeMap;

use proptest::prelude::*;

use super::elector::{Answer, Ask, Elector, Record, Step, Times};
use crate::units::{Nanos, mix};

const MS: u64 = Nanos::MILLISECOND.0;
const SECOND: u64 = Nanos::SECOND.0;

/// Upstream's.
const TIMES: Times = Times {
    lease_duration: Nanos::from_secs(15),
    renew_deadline: Nanos::from_secs(10),
    retry_period: Nanos::from_secs(2),
};
/// How long a write of a leader may still be under way after it has stopped: lease duration less renew deadline.
const WRITE: u64 = 5 * SECOND;
/// The same rate as everybody's, in thousandths.
const TRUE_RATE: u64 = 1_000;

/// How the network is.
#[derive(Clone, Copy, Debug)]
struct Network {
    /// Of a thousand messages so many are lost, each way.
    lost: u64,
    delay_max: u64,
}

const GOOD: Network = Network { lost: 0, delay_max: 20 * MS };
/// Requests land long after their senders have given them up.
const BAD: Network = Network { lost: 200, delay_max: 9 * SECOND };

struct Machine {
    elector: Elector,
    /// Of its clock, against the world's; the clock of the wall is off by as much.
    offset: u64,
    rate: u64,
    /// The version of the Lease that it read or wrote last.
    version: u64,
    /// Number of the request whose answer is awaited.
    request: u64,
    /// Until when it led, or will if nothing more is heard, in the world's time.
    led_until: Option<u64>,
    alive: bool,
    cut_off: bool,
}

enum Happens {
    Wake(usize, u64),
    Arrives(usize, u64, Ask, u64),
    Answered(usize, u64, Answer, u64),
}

struct World {
    now: u64,
    network: Network,
    seed: u64,
    drawn: u64,
    machines: Vec<Machine>,
    lease: Option<Record>,
    version: u64,
    queue: BTreeMap<(u64, u64), Happens>,
    queued: u64,
    /// Time after the end of a leader's belief in which nobody else may begin.
    guard: u64,
}

impl Machine {
    fn clock(&self, now: u64) -> Nanos {
        Nanos(self.offset + now * self.rate / TRUE_RATE)
    }

    /// When its clock shows `at`.
    fn world_time(&self, at: Nanos) -> u64 {
        (at.0.saturating_sub(self.offset)).saturating_mul(TRUE_RATE).div_ceil(self.rate)
    }

    /// In the world's time.
    fn leads_until(&self) -> Option<u64> {
        self.elector.leads_until().map(|until| self.world_time(until))
    }
}

impl World {
    fn new(seed: u64, rates: &[u64], network: Network) -> Self {
        let mut world = Self {
            now: 0,
            network,
            seed,
            drawn: 0,
            machines: Vec::new(),
            lease: None,
            version: 0,
            queue: BTreeMap::new(),
            queued: 0,
            guard: 0,
        };
        for (i, &rate) in rates.iter().enumerate() {
            let offset = world.draw(1_000_000_000) * MS;
            let elector = Elector::new(&format!("machine-{i}"), TIMES);
            world.machines.push(Machine {
                elector,
                offset,
                rate,
                version: 0,
                request: 0,
                led_until: None,
                alive: true,
                cut_off: false,
            });
            world.push(0, Happens::Wake(i, 0));
        }
        world
    }

    fn draw(&mut self, below: u64) -> u64 {
        self.drawn += 1;
        mix(self.seed, self.drawn) % below
    }

    fn push(&mut self, at: u64, what: Happens) {
        self.queued += 1;
        self.queue.insert((at, self.queued), what);
    }

    /// Puts `what` on its way from or to machine `i`.
    fn send(&mut self, i: usize, what: Happens) {
        let lost = self.draw(1_000) < self.network.lost;
        let delay = 1 + self.draw(self.network.delay_max);
        if !lost && !self.machines[i].cut_off {
            self.push(self.now + delay, what);
        }
    }

    /// Lets the world go on until `end`, or `done` says so.
    fn run(&mut self, end: u64, done: impl Fn(&Self) -> bool) -> bool {
        loop {
            if done(self) {
                return true;
            }
            match self.queue.pop_first() {
                Some(((at, _), what)) if at <= end => {
                    self.now = at;
                    self.happen(what);
                }
                Some((key, what)) => {
                    self.queue.insert(key, what);
                    self.now = end;
                    return done(self);
                }
                None => return done(self),
            }
        }
    }

    fn happen(&mut self, what: Happens) {
        match what {
            Happens::Wake(i, request) => {
                if self.machines[i].alive && self.machines[i].request == request {
                    let now = self.machines[i].clock(self.now);
                    // Nobody has answered until now.
                    self.machines[i].elector.answered(Answer::Failed, now);
                    self.step(i);
                }
            }
            Happens::Arrives(i, request, ask, version) => {
                let answer = self.serve(ask, version);
                self.send(i, Happens::Answered(i, request, answer, self.version));
            }
            Happens::Answered(i, request, answer, version) => {
                let machine = &mut self.machines[i];
                if machine.alive && machine.request == request {
                    if answer != Answer::Failed {
                        machine.version = version;
                    }
                    let now = machine.clock(self.now);
                    let before = machine.elector.leads_until();
                    machine.elector.answered(answer, now);
                    let until = machine.leads_until();
                    machine.led_until = until.or(machine.led_until);
                    if before.is_none() && until.is_some() {
                        self.begins(i);
                    }
                    self.step(i);
                }
            }
        }
    }

    fn step(&mut self, i: usize) {
        let machine = &mut self.machines[i];
        let now = machine.clock(self.now);
        let stamp = format!("{:020}", now.0);
        machine.request += 1;
        let request = machine.request;
        let (until, ask) = match machine.elector.step(now, &stamp) {
            Step::Lost(_) => return,
            Step::Wait(at) => (machine.world_time(at), None),
            Step::Ask(ask, until) => (machine.world_time(until), Some(ask)),
        };
        let version = machine.version;
        self.push(until.max(self.now + 1), Happens::Wake(i, request));
        if let Some(ask) = ask {
            self.send(i, Happens::Arrives(i, request, ask, version));
        }
    }

    fn serve(&mut self, ask: Ask, version: u64) -> Answer {
        let written = match (ask, &self.lease) {
            (Ask::Read, Some(record)) => return Answer::Found(record.clone()),
            (Ask::Read, None) => return Answer::Missing,
            (Ask::Create(record), None) => record,
            (Ask::Update(record), Some(_)) if version == self.version => record,
            _ => return Answer::Failed,
        };
        self.write(Some(written));
        Answer::Written
    }

    fn write(&mut self, record: Option<Record>) {
        self.version += 1;
        self.lease = record;
    }

    /// Machine `i` has just begun to lead.
    fn begins(&self, i: usize) {
        for (j, other) in self.machines.iter().enumerate().filter(|(j, _)| *j != i) {
            // What a dead one has sent may still be under way, too.
            let Some(until) = other.led_until.map(|until| until + self.guard) else { continue };
            assert!(until <= self.now, "{j} leads until {until}, {i} from {} on", self.now);
        }
    }

    fn leader(&self) -> Option<usize> {
        let leads = |m: &Machine| m.alive && m.leads_until().is_some_and(|until| until > self.now);
        self.machines.iter().position(leads)
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(300))]

    #[test]
    fn two_never_lead_at_once(seed: u64, rates in prop::collection::vec(900_u64..1_100, 2..4)) {
        let mut world = World::new(seed, &rates, BAD);
        world.run(600 * SECOND, |_| false);
    }

    #[test]
    fn writes_of_the_last_leader_end_before_the_next_one_begins(seed: u64, count in 2..4_usize) {
        let mut world = World::new(seed, &[TRUE_RATE; 3][..count], BAD);
        world.guard = WRITE;
        for _ in 0..20 {
            let found = world.run(world.now + 60 * SECOND, |world| world.leader().is_some());
            let Some(leader) = world.leader().filter(|_| found) else { continue };
            world.machines[leader].alive = false;
            if world.machines.iter().all(|machine| !machine.alive) {
                break;
            }
        }
    }

    #[test]
    fn after_a_death_another_leads_in_time(seed: u64, died_after in 0..20_000_u64) {
        let mut world = World::new(seed, &[TRUE_RATE; 3], GOOD);
        prop_assert!(world.run(SECOND, |world| world.leader().is_some()));
        world.run(world.now + died_after * MS, |_| false);
        let leader = world.leader().unwrap();
        world.machines[leader].alive = false;
        // Requests take their time: the last look, and a look and a write of the next leader.
        let slack = 6 * GOOD.delay_max;
        let end = world.now + TIMES.lease_duration.0 + TIMES.retry_period.0 + slack;
        prop_assert!(world.run(end, |world| world.leader().is_some()), "nobody leads");
    }

    #[test]
    fn one_that_is_cut_off_stops_in_time_and_another_leads(seed: u64, after in 0..20_000_u64) {
        let mut world = World::new(seed, &[TRUE_RATE; 2], GOOD);
        world.guard = WRITE;
        prop_assert!(world.run(SECOND, |world| world.leader().is_some()));
        world.run(world.now + after * MS, |_| false);
        let leader = world.leader().unwrap();
        world.machines[leader].cut_off = true;
        let cut_at = world.now;
        world.run(cut_at + TIMES.renew_deadline.0, |_| false);
        prop_assert_ne!(world.leader(), Some(leader));
        let slack = 6 * GOOD.delay_max;
        let end = cut_at + TIMES.lease_duration.0 + TIMES.retry_period.0 + slack;
        prop_assert!(world.run(end, |world| world.leader().is_some()), "nobody leads");
        // It has stopped for good.
        world.machines[leader].cut_off = false;
        world.run(world.now + 60 * SECOND, |_| false);
        prop_assert_eq!(world.leader(), Some(1 - leader));
    }

    #[test]
    fn what_is_released_is_taken_within_a_retry_period(seed: u64, after in 0..20_000_u64) {
        let mut world = World::new(seed, &[TRUE_RATE; 2], GOOD);
        prop_assert!(world.run(SECOND, |world| world.leader().is_some()));
        world.run(world.now + after * MS, |_| false);
        let leader = world.leader().unwrap();
        let found = world.lease.clone().unwrap();
        let released = world.machines[leader].elector.release(&found, "now").unwrap();
        prop_assert_eq!(world.machines[1 - leader].elector.release(&found, "now"), None);
        world.machines[leader].alive = false;
        world.machines[leader].led_until = None;
        world.write(Some(released));
        let end = world.now + TIMES.retry_period.0 + 6 * GOOD.delay_max;
        prop_assert!(world.run(end, |world| world.leader() == Some(1 - leader)));
    }
}

#[test]
fn one_leads_for_as_long_as_all_is_well_and_the_record_is_upstreams() {
    let mut world = World::new(1, &[TRUE_RATE; 3], GOOD);
    assert!(world.run(SECOND, |world| world.leader().is_some()));
    let leader = world.leader();
    let first = world.lease.clone().unwrap();
    for _ in 0..100 {
        world.run(world.now + 3 * SECOND, |_| false);
        assert_eq!(world.leader(), leader);
    }
    let last = world.lease.clone().unwrap();
    assert_eq!(&*last.holder, format!("machine-{}", leader.unwrap()).as_str());
    assert_eq!((last.duration_seconds, last.transitions), (15, 0));
    assert_eq!(last.acquired, first.acquired);
    assert!(last.renewed > first.renewed);
    let elector = &world.machines[leader.unwrap()].elector;
    assert_eq!(elector.slow_renewals(), 0);
}
