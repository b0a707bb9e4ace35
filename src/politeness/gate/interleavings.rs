//! The gate under shuttle: jobs that ask, hold, leave, close and go away in any order. Time moves when somebody waits
//! for it. Who waits for a wake-up that never comes ends a test at once: nobody can go on then, which shuttle reports.

use std::sync::{
    Arc,
    atomic::{AtomicBool, AtomicU32, AtomicU64, Ordering},
};

use shuttle::future::{self, JoinHandle, yield_now};

use super::*;
use crate::{
    address::{Canonicalizer, HostKey},
    clock::Clock,
    lock::in_many_orders,
    politeness::{Conduct, Policy, Signal},
};

/// Orders tried of each test.
const N_ORDERS: usize = 1_000;
const T: Timestamp = Timestamp(1_700_000_000_000_000);

fn host(name: &str) -> HostKey {
    Canonicalizer::default().parse(&format!("http://{name}/")).expect("valid").host()
}

fn policy(interval_ms: u64, connections: u32) -> Policy {
    let connections = NonZeroU32::new(connections).expect("not zero");
    Policy { interval: Duration::from_millis(interval_ms), connections, ..Policy::default() }
}

/// What the servers see.
#[derive(Default)]
struct World {
    /// Microseconds after [`T`].
    now: AtomicU64,
    in_flight: AtomicU32,
    n_answered: AtomicU32,
    sent: std::sync::Mutex<Vec<u64>>,
}

/// A request, over when it is dropped.
struct Request<'a>(&'a World);

impl Drop for Request<'_> {
    fn drop(&mut self) {
        self.0.in_flight.fetch_sub(1, Ordering::SeqCst);
    }
}

impl World {
    fn now(&self) -> Timestamp {
        T + Duration::from_micros(self.now.load(Ordering::SeqCst))
    }

    fn request(&self, at: Timestamp, most: u32) -> Request<'_> {
        assert!(self.in_flight.fetch_add(1, Ordering::SeqCst) < most, "too many at once");
        self.sent.lock().expect("nobody panics").push(at.0);
        Request(self)
    }

    /// As dispatcher and workbench do it: look at what changes, ask, and do not ask again until it is said that
    /// something has changed about this very host.
    async fn enter(&self, member: &Member, host: &HostKey) -> (Ticket, Timestamp) {
        let mut changes = member.changes();
        let mut may_ask = true;
        loop {
            changes.borrow_and_update();
            may_ask |= member.take_woken().contains(&host.id());
            if std::mem::take(&mut may_ask) {
                let now = self.now();
                match member.try_enter(host.id(), now) {
                    Ok(ticket) => return (ticket, now),
                    Err(Denied::Until(at, _)) => {
                        self.now.fetch_max(at.0 - T.0, Ordering::SeqCst);
                        yield_now().await;
                        may_ask = true;
                        continue;
                    }
                    Err(Denied::Busy(_)) => {}
                }
            }
            changes.changed().await.expect("the gate is there");
        }
    }

    fn leave(&self, member: &Member, host: &HostKey, (ticket, sent_at): (Ticket, Timestamp)) {
        let ended_at = self.now();
        let (signal, first_byte_at) = (Signal::Fine, Some(ended_at));
        let conduct = Conduct { sent_at, first_byte_at, ended_at, signal, jitter: 0.5, remote: None };
        member.leave(host.id(), ticket, Some(&conduct));
        self.n_answered.fetch_add(1, Ordering::SeqCst);
    }
}

/// A job: where, under what limits, and how often it asks.
#[derive(Clone)]
struct Job {
    host: &'static str,
    policy: Policy,
    limits: Limits,
    n_requests: u32,
    /// Whether it keeps its host open when it has asked.
    stays: bool,
}

impl Job {
    fn of(host: &'static str, policy: Policy, n_requests: u32) -> Self {
        Self { host, policy, limits: Limits::default(), n_requests, stays: false }
    }

    /// Runs, and sees no more than `most` requests at once, those of all others counted.
    fn run(self, gate: &Gate, world: &Arc<World>, most: u32) -> JoinHandle<Member> {
        let (gate, world) = (gate.clone(), Arc::clone(world));
        future::spawn(async move {
            let host = host(self.host);
            let member = gate.join(self.limits, T);
            member.open(&host, &self.policy, None, T).expect("room");
            for _ in 0..self.n_requests {
                let entered = world.enter(&member, &host).await;
                let request = world.request(entered.1, most);
                yield_now().await;
                drop(request);
                world.leave(&member, &host, entered);
            }
            if !self.stays {
                member.close(host.id());
            }
            member
        })
    }
}

/// Waits for all, and only then lets the members go.
fn all_end(jobs: Vec<JoinHandle<Member>>) {
    let members: Vec<_> = jobs.into_iter().map(|job| future::block_on(job).expect("not cancelled")).collect();
    drop(members);
}

/// All hosts are forgotten when they are owed nothing more, as none is that somebody has open.
fn nothing_is_left(gate: &Gate) {
    // Who went away in the middle of a request is owed for from here on.
    gate.desk().tell(T);
    assert!(gate.desk().is_filed_well());
    gate.desk().sweep(T + Duration::from_secs(24 * 3600));
    assert_eq!(gate.n_hosts(), 0, "a host is held by nobody");
}

#[test]
fn jobs_share_one_connection_and_none_waits_for_ever() {
    in_many_orders(N_ORDERS, || {
        let (gate, world) = (Gate::default(), Arc::new(World::default()));
        let job = Job { stays: true, ..Job::of("a.test", policy(0, 1), 2) };
        all_end((0..3).map(|_| job.clone().run(&gate, &world, 1)).collect());
        assert_eq!(world.n_answered.load(Ordering::SeqCst), 6);
    });
}

#[test]
fn jobs_share_the_rate_of_a_host() {
    in_many_orders(N_ORDERS, || {
        let (gate, world) = (Gate::default(), Arc::new(World::default()));
        all_end((0..2).map(|_| Job::of("a.test", policy(100, 2), 3).run(&gate, &world, 2)).collect());
        // Who was let in first may come to note it last.
        let mut sent = world.sent.lock().expect("nobody panics").clone();
        sent.sort_unstable();
        assert_eq!(sent.len(), 6);
        assert!(sent.windows(2).all(|two| two[1] >= two[0] + 100_000), "{sent:?}");
    });
}

#[test]
fn jobs_on_different_hosts_share_the_limit_of_the_process() {
    in_many_orders(N_ORDERS, || {
        let options = Options { connections: NonZeroU32::new(1), ..Options::default() };
        let (gate, world) = (Gate::new(options, T), Arc::new(World::default()));
        let names = ["a.test", "b.test", "c.test"];
        let job = |name| Job { stays: true, ..Job::of(name, policy(0, 3), 2) };
        all_end(names.map(|name| job(name).run(&gate, &world, 1)).into());
        assert_eq!(world.n_answered.load(Ordering::SeqCst), 6);
    });
}

/// The domain's connection goes round too, also when one who has it or stands in line for it goes away.
#[test]
fn jobs_on_different_hosts_share_the_limit_of_a_domain_and_one_goes_away() {
    in_many_orders(N_ORDERS, || {
        let (gate, world) = (Gate::default(), Arc::new(World::default()));
        let domain = GroupLimit { connections: NonZeroU32::new(1), ..GroupLimit::default() };
        let jobs = ["a.example.com", "b.example.com", "c.example.com"].map(|name| {
            let limits = Limits { domain, ..Limits::default() };
            Job { limits, ..Job::of(name, policy(0, 3), 2) }.run(&gate, &world, 1)
        });
        jobs[0].abort();
        let n_ended = jobs.into_iter().map(future::block_on).filter(Result::is_ok).count();
        assert!(n_ended >= 2, "two were left alone");
        nothing_is_left(&gate);
    });
}

#[test]
fn a_job_that_goes_away_at_any_point_leaves_its_connection_to_others() {
    in_many_orders(N_ORDERS, || {
        let (gate, world) = (Gate::default(), Arc::new(World::default()));
        let jobs: Vec<_> = (0..3).map(|_| Job::of("a.test", policy(0, 1), 2).run(&gate, &world, 1)).collect();
        jobs[0].abort();
        let n_ended = jobs.into_iter().map(future::block_on).filter(Result::is_ok).count();
        assert!(n_ended >= 2, "two were left alone");
        nothing_is_left(&gate);
    });
}

/// One job holds a connection until it has a second, which it may not have while a stricter job has the host open.
#[test]
fn who_waits_because_of_a_stricter_job_is_woken_when_that_one_closes_or_is_dropped() {
    for closes in [true, false] {
        in_many_orders(N_ORDERS, move || {
            let (gate, world) = (Gate::default(), Arc::new(World::default()));
            let is_open = Arc::new(AtomicBool::new(false));
            let strict = {
                let (gate, is_open) = (gate.clone(), Arc::clone(&is_open));
                future::spawn(async move {
                    let (member, host) = (gate.join(Limits::default(), T), host("a.test"));
                    member.open(&host, &policy(0, 1), None, T).expect("room");
                    is_open.store(true, Ordering::SeqCst);
                    yield_now().await;
                    yield_now().await;
                    is_open.store(false, Ordering::SeqCst);
                    if closes {
                        member.close(host.id());
                    }
                })
            };
            let (member, host) = (gate.join(Limits::default(), T), host("a.test"));
            member.open(&host, &policy(0, 2), None, T).expect("room");
            future::block_on(async {
                let entered = world.enter(&member, &host).await;
                let first = world.request(entered.1, 2);
                // Not as `World::enter`: what was open before it asked and is so still was open all the time.
                let mut changes = member.changes();
                let ticket = loop {
                    changes.borrow_and_update();
                    let was_open = is_open.load(Ordering::SeqCst);
                    let may = member.try_enter(host.id(), world.now());
                    let is_open = was_open && is_open.load(Ordering::SeqCst);
                    match may {
                        Ok(ticket) => {
                            assert!(!is_open, "more than the stricter job allows");
                            break ticket;
                        }
                        Err(Denied::Busy(_)) => changes.changed().await.expect("the gate is there"),
                        Err(denied) => panic!("{denied:?}"),
                    }
                };
                let second = world.request(world.now(), 2);
                drop((first, second));
                world.leave(&member, &host, entered);
                world.leave(&member, &host, (ticket, entered.1));
            });
            future::block_on(strict).expect("not cancelled");
        });
    }
}

#[test]
fn permits_go_round_whatever_becomes_of_those_who_hold_or_want_them() {
    let runtime =
        tokio::runtime::Builder::new_current_thread().enable_time().start_paused(true).build().expect("timers");
    in_many_orders(N_ORDERS, move || {
        // For timers that are made and not waited for: nothing takes time here.
        let _context = runtime.enter();
        let (gate, world) = (Gate::default(), Arc::new(World::default()));
        let (clock, member) = (Clock::starting_at(T), gate.join(Limits::default(), T));
        let tasks: Vec<_> = (0..4)
            .map(|i| {
                let (member, world) = (member.clone(), Arc::clone(&world));
                future::spawn(async move {
                    let permit = member.enter(&host("a.test"), &policy(0, 1), clock, None).await.expect("patient");
                    let request = world.request(T, 1);
                    yield_now().await;
                    drop(request);
                    if i % 2 == 0 {
                        permit.settle(None);
                    }
                })
            })
            .collect();
        tasks[0].abort();
        tasks[1].abort();
        let n_ended = tasks.into_iter().map(future::block_on).filter(Result::is_ok).count();
        assert!(n_ended >= 2, "two were left alone");
        nothing_is_left(&gate);
    });
}
