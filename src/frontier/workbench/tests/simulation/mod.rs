//! The workbench in a simulated world: step by step, in random order, with every promise checked after each step.
//!
//! A seed makes a web, one to three jobs that meet at one gate, and an order of events: leases are answered late and
//! out of order, the store answers late, time passes in jumps, jobs are killed and go on from their last commit. The
//! store is a [`MemoryFrontier`](crate::frontier::MemoryFrontier); the recorder and the workers are models of a few lines (`job`), and so
//! are the servers (`web`) and what they are promised (`promise`). The whole engine with its real stations is
//! simulated in `engine/tests/simulation`. Not here: threads (see `lock.rs`).
//!
//! Checked after each step: each known URL is queued, leased or done, and only one of them; no lease is given
//! twice; what is leased may be asked for (robots.txt, depth, budgets, retired directories, the pause before another
//! attempt); no host is asked too soon or too much; memory is bounded; no ready host is passed by; and at the end,
//! when the world is quick and fair, everything is done, without anybody being woken who was not told to wake.
//!
//! A seed that fails is printed with the command that runs it again (`seeds.rs`).

mod job;
mod promise;
mod web;

use std::{
    num::{NonZeroU32, NonZeroU64},
    time::Duration,
};

use super::super::{Next, Options};
use crate::{
    clock::Timestamp,
    politeness::{Gate, gate},
    seeds::{self, Chance},
};
use job::Job;
use promise::Promises;
use web::Web;

const START: Timestamp = Timestamp(1_700_000_000_000_000);
/// A run that takes more steps than this is stuck.
const MAX_STEPS: usize = 20_000;
/// So is one that takes longer: few pauses of these webs are longer than eight seconds.
const MAX_TIME: Duration = Duration::from_secs(3 * 3600);

#[test]
fn whatever_the_order_of_things_every_promise_is_kept() {
    seeds::each("frontier::workbench::tests::simulation", 0..600, |seed| World::new(seed).run());
}

#[test]
fn a_seed_is_all_that_a_run_depends_on() {
    let trace = |seed| {
        let mut world = World::new(seed);
        world.run();
        world.trace
    };
    for seed in 0..40 {
        assert_eq!(trace(seed), trace(seed), "seed {seed}");
    }
}

/// Everything that a step may change.
struct World {
    chance: Chance,
    now: Timestamp,
    gate: Gate,
    web: Web,
    promises: Promises,
    jobs: Vec<Job>,
    n_steps: usize,
    /// A digest of all that was leased, and when.
    trace: u64,
}

impl World {
    fn new(seed: u64) -> Self {
        let mut chance = Chance::new(seed);
        let web = Web::new(&mut chance);
        let some = |chance: &mut Chance| NonZeroU32::new(u32::try_from(chance.below(4)).expect("small"));
        let process = gate::Options {
            interval: if chance.percent(15) { Duration::from_millis(50) } else { Duration::ZERO },
            connections: if chance.percent(20) { some(&mut chance) } else { None },
            max_hosts: if chance.percent(20) { chance.size(1..8) } else { 1000 },
            ..gate::Options::default()
        };
        let mut group = |percent| {
            if !chance.percent(percent) {
                return gate::GroupLimit::default();
            }
            gate::GroupLimit {
                interval: chance.pick(&[0, 300].map(Duration::from_millis)),
                connections: some(&mut chance),
            }
        };
        let limits = gate::Limits { address: group(15), domain: group(15), ..gate::Limits::default() };
        let n_jobs = chance.pick(&[1, 1, 2, 3]);
        let promises = Promises::new(&web, limits.clone(), process.clone(), n_jobs);
        let gate = Gate::new(process, START);
        let options: Vec<Options> = (0..n_jobs).map(|_| options(&mut chance, &web, &limits)).collect();
        let jobs = options.into_iter().map(|options| Job::new(options, &web, &gate, &mut chance, START)).collect();
        Self { chance, now: START, gate, web, promises, jobs, n_steps: 0, trace: 0 }
    }

    fn run(&mut self) {
        let n_steps = self.chance.size(0..600);
        for _ in 0..n_steps {
            self.any_step();
            self.check();
        }
        self.finish();
    }

    /// Anything may happen next.
    fn any_step(&mut self) {
        let j = self.chance.size(0..self.jobs.len());
        let job = &mut self.jobs[j];
        match self.chance.below(100) {
            0..30 => drop(self.look(j)),
            30..50 => job.answer_any(&mut self.chance, &self.web, &mut self.promises, self.now),
            50..65 => job.record_some(&mut self.chance, &self.web, self.now),
            65..85 => job.hear_some(&mut self.chance, &self.web, &mut self.promises, self.now),
            85..97 => self.now = self.now + self.chance.millis(1500),
            97 | 98 => job.commit(),
            _ => job.crash(&self.web, &mut self.promises, &self.gate, self.now),
        }
    }

    /// The job asks its workbench for something to do, as often as it has hands.
    fn look(&mut self, j: usize) -> Next {
        loop {
            let job = &mut self.jobs[j];
            let before = job.ready();
            match job.next(self.now) {
                Next::Lease(lease) => {
                    let words = format!("{j} {:?} {:?}", self.now, lease);
                    self.trace = xxhash_rust::xxh3::xxh3_64_with_seed(words.as_bytes(), self.trace);
                    job.leased(*lease, &before, &self.web, &mut self.promises, self.now);
                }
                Next::Drained => {
                    job.drained();
                    return Next::Drained;
                }
                Next::WaitUntil(at) => {
                    assert!(at > self.now, "to wait for the past is to spin");
                    assert!(at.since(self.now) < Duration::from_secs(100), "nobody has asked for so long a pause");
                    return Next::WaitUntil(at);
                }
                Next::Rest => return Next::Rest,
            }
            self.check();
        }
    }

    fn check(&mut self) {
        self.n_steps += 1;
        assert!(self.n_steps < MAX_STEPS, "it never ends: {}", self.picture());
        self.jobs.iter().for_each(Job::check);
    }

    /// For those who read why a run failed.
    fn picture(&self) -> String {
        let jobs: String = self.jobs.iter().map(Job::picture).collect();
        format!("{:?}, {} hosts at the gate {jobs}", self.now, self.gate.n_hosts())
    }

    /// From here on everything is answered at once, nobody is killed, and a job looks for work only when it was
    /// told something, when the time has come that it waits for, or when the gate wakes it.
    fn finish(&mut self) {
        let began = self.now;
        let mut wake_at = vec![Some(self.now); self.jobs.len()];
        loop {
            let mut is_quiet = true;
            for (j, wakes) in wake_at.iter_mut().enumerate() {
                if self.jobs[j].is_over(self.now) {
                    continue;
                }
                let is_told = self.jobs[j].settle_all(&mut self.chance, &self.web, &mut self.promises, self.now);
                let is_woken = self.jobs[j].is_woken();
                if is_told || is_woken || wakes.is_some_and(|at| at <= self.now) {
                    is_quiet = false;
                    *wakes = match self.look(j) {
                        Next::WaitUntil(at) => Some(at),
                        Next::Rest | Next::Drained | Next::Lease(_) => None,
                    };
                }
                self.check();
            }
            if self.jobs.iter_mut().all(|job| job.is_over(self.now)) {
                break;
            }
            if is_quiet {
                let next = wake_at.iter().flatten().filter(|at| **at > self.now).min();
                let stuck = || panic!("work is left, and nobody will ever do it: {}", self.picture());
                self.now = *next.unwrap_or_else(stuck);
                assert!(self.now.since(began) < MAX_TIME, "somebody was forgotten");
            }
        }
        self.jobs.iter().for_each(|job| job.check_end(&self.web));
    }
}

fn options(chance: &mut Chance, web: &Web, limits: &gate::Limits) -> Options {
    let mut maybe = |percent, range: std::ops::Range<usize>| chance.percent(percent).then(|| chance.size(range) as u64);
    let (max_pages, pages_per_host, bytes_per_host) = (maybe(15, 1..20), maybe(15, 1..8), maybe(10, 1..3000));
    let (pages_per_directory, max_depth) = (maybe(20, 1..5), maybe(25, 0..5));
    Options {
        active_hosts: if chance.percent(80) { chance.size(1..6) } else { chance.size(17..40) },
        session_budget: NonZeroU64::new(chance.pick(&[1, 2, 5, 500])).expect("not zero"),
        head: chance.size(1..6),
        max_depth: max_depth.map(|depth| u16::try_from(depth).expect("small")),
        max_pages,
        pages_per_host,
        pages_per_directory,
        same_content: None,
        directory_levels: 2,
        bytes_per_host,
        obey_robots: chance.percent(60),
        recalls: chance.percent(30),
        limits: limits.clone(),
        politeness: web.politeness(),
    }
}
