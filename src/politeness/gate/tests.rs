//! The gate, asked synchronously over handed-in time and waited for under paused time.

use std::{cell::RefCell, collections::VecDeque, net::IpAddr};

use super::{
    super::{Quiet, Signal},
    *,
};
use crate::{
    address::{Canonicalizer, HostId, HostKey},
    clock::Clock,
    politeness::{Conduct, HostState, Policy},
};

const T: Timestamp = Timestamp(1_700_000_000_000_000);

fn ms(n: u64) -> Duration {
    Duration::from_millis(n)
}

fn n(number: u32) -> NonZeroU32 {
    NonZeroU32::new(number).expect("not zero")
}

fn host(name: &str) -> HostKey {
    Canonicalizer::default().parse(&format!("http://{name}/")).expect("valid").host()
}

fn policy(interval: Duration, connections: u32) -> Policy {
    Policy { interval, connections: n(connections), ..Policy::default() }
}

/// A request that was sent at `at` and answered at once.
fn conduct(at: Timestamp, signal: Signal) -> Conduct {
    Conduct { sent_at: at, first_byte_at: Some(at), ended_at: at, signal, jitter: 1.0, remote: None }
}

fn from(address: &str, at: Timestamp) -> Conduct {
    Conduct { remote: Some(address.parse::<IpAddr>().expect("an address")), ..conduct(at, Signal::Fine) }
}

/// A member, and the tickets of what it has under way, oldest first.
struct Job(Member, RefCell<VecDeque<(HostId, Ticket)>>);

impl Job {
    fn new(gate: &Gate) -> Self {
        Self::of(gate.join(Limits::default(), T))
    }

    fn of(member: Member) -> Self {
        Self(member, RefCell::default())
    }

    fn open(self, names: &[&str], policy: &Policy) -> Self {
        names.iter().for_each(|name| self.0.open(&host(name), policy, None, T).expect("room"));
        self
    }

    fn ask(&self, name: &str, at: Timestamp) -> Result<(), Denied> {
        let id = host(name).id();
        let ticket = self.0.try_enter(id, at)?;
        self.1.borrow_mut().push_back((id, ticket));
        Ok(())
    }

    /// Its oldest request to the host is over.
    fn leave(&self, name: &str, conduct: &Conduct) {
        let (id, mut out) = (host(name).id(), self.1.borrow_mut());
        let oldest = out.iter().position(|(other, _)| *other == id).and_then(|at| out.remove(at));
        self.0.leave(id, oldest.expect("it has asked").1, Some(conduct));
    }

    /// Asks and is answered at once.
    fn visit(&self, name: &str, at: Timestamp) {
        assert_eq!(self.ask(name, at), Ok(()), "{name} at {at}");
        self.leave(name, &conduct(at, Signal::Fine));
    }
}

#[test]
fn one_job_is_held_to_its_policy() {
    let gate = Gate::default();
    let job = Job::new(&gate).open(&["a.test"], &policy(ms(1000), 1));
    assert_eq!(job.ask("a.test", T), Ok(()));
    assert_eq!(job.ask("a.test", T), Err(Denied::Busy(Hold::Connections)));
    let slow = Conduct { first_byte_at: Some(T + ms(300)), ended_at: T + ms(400), ..conduct(T, Signal::Fine) };
    job.leave("a.test", &slow);
    assert_eq!(job.ask("a.test", T + ms(1200)), Err(Denied::Until(T + ms(1300), Hold::Interval)));
    assert_eq!(job.ask("a.test", T + ms(1300)), Ok(()));
}

#[test]
fn two_jobs_keep_one_promise_the_stricter_one() {
    let gate = Gate::default();
    let fast = Job::new(&gate).open(&["a.test"], &policy(ms(10), 4));
    fast.visit("a.test", T);
    fast.visit("a.test", T + ms(10));
    let slow = Job::new(&gate).open(&["a.test"], &policy(ms(1000), 1));
    fast.visit("a.test", T + ms(2000));
    assert_eq!(slow.ask("a.test", T + ms(2500)), Err(Denied::Until(T + ms(3000), Hold::Interval)));
    assert_eq!(fast.ask("a.test", T + ms(2600)), Err(Denied::Until(T + ms(3000), Hold::Interval)));
    assert_eq!(slow.ask("a.test", T + ms(3000)), Ok(()));
    assert_eq!(
        fast.ask("a.test", T + ms(5000)),
        Err(Denied::Busy(Hold::Connections)),
        "one connection is left of four"
    );
    slow.leave("a.test", &conduct(T + ms(3000), Signal::Fine));
    // When the strict one has left, the other's promise is all there is.
    drop(slow);
    fast.visit("a.test", T + ms(6000));
    fast.visit("a.test", T + ms(6010));
}

#[test]
fn trouble_of_one_job_is_trouble_of_all() {
    let gate = Gate::default();
    let one = Job::new(&gate).open(&["a.test"], &policy(ms(1), 4));
    let two = Job::new(&gate).open(&["a.test"], &policy(ms(1), 4));
    assert_eq!(one.ask("a.test", T), Ok(()));
    one.leave("a.test", &conduct(T, Signal::SlowDown(Some(ms(7000)))));
    assert_eq!(two.ask("a.test", T + ms(50)), Err(Denied::Until(T + ms(7000), Hold::Resting)));
    // Half open: one request at a time, whatever the policy says.
    assert_eq!(two.ask("a.test", T + ms(7000)), Ok(()));
    assert_eq!(one.ask("a.test", T + ms(7001)), Err(Denied::Busy(Hold::Probe)));
    two.leave("a.test", &conduct(T + ms(7002), Signal::Fine));
    assert_eq!(one.ask("a.test", T + ms(7100)), Ok(()));
    assert_eq!(two.ask("a.test", T + ms(7102)), Ok(()), "closed again");
}

#[test]
fn the_pauses_of_a_host_that_keeps_failing_grow() {
    let gate = Gate::default();
    let job = Job::new(&gate).open(&["a.test"], &policy(ms(1), 4));
    let mut at = T;
    let mut pauses = Vec::new();
    for _ in 0..9 {
        assert_eq!(job.ask("a.test", at), Ok(()));
        job.leave("a.test", &conduct(at, Signal::Trouble));
        let Err(Denied::Until(next, Hold::Resting)) = job.ask("a.test", at) else { panic!("not resting") };
        pauses.push(next.since(at).as_secs());
        at = next;
    }
    assert_eq!(pauses, [2, 4, 8, 16, 32, 64, 128, 256, 300]);
}

#[test]
fn who_was_let_in_last_stands_back_for_who_waits() {
    let gate = Gate::default();
    let none = policy(Duration::ZERO, 1);
    let (one, two) = (Job::new(&gate).open(&["a.test"], &none), Job::new(&gate).open(&["a.test"], &none));
    assert_eq!(one.ask("a.test", T), Ok(()));
    assert_eq!(two.ask("a.test", T), Err(Denied::Busy(Hold::Connections)));
    one.leave("a.test", &conduct(T, Signal::Fine));
    let Err(Denied::Until(until, _)) = one.ask("a.test", T) else { panic!("it went first again") };
    assert!(two.0.take_woken().contains(&host("a.test").id()));
    assert_eq!(two.ask("a.test", T), Ok(()));
    two.leave("a.test", &conduct(T, Signal::Fine));
    // `one` waits, so `two` stands back; but not for ever.
    assert!(two.ask("a.test", T).is_err());
    assert_eq!(two.ask("a.test", until), Ok(()));
}

#[test]
fn a_member_that_goes_gives_everything_back() {
    let gate = Gate::new(Options { connections: Some(n(1)), ..Options::default() }, T);
    let one = Job::new(&gate).open(&["a.test"], &policy(ms(100), 1));
    let two = Job::new(&gate).open(&["a.test", "b.test"], &policy(ms(100), 1));
    let changes = two.0.changes();
    assert_eq!(one.ask("a.test", T), Ok(()));
    assert_eq!(two.ask("a.test", T), Err(Denied::Busy(Hold::Connections)));
    assert_eq!(two.ask("b.test", T), Err(Denied::Busy(Hold::AllHosts)));
    drop(one);
    assert!(changes.has_changed().expect("the gate is there"));
    assert_eq!(two.ask("b.test", T), Ok(()));
    two.leave("b.test", &conduct(T, Signal::Fine));
    assert_eq!(
        two.ask("a.test", T),
        Err(Denied::Until(T + ms(100), Hold::Interval)),
        "it was asked for certain or not"
    );
}

/// What broke: a workbench that was dropped closed its hosts first, and the connections that it held were nobody's
/// from then on. No other job could ask those hosts ever again.
#[test]
fn a_host_that_is_closed_in_the_middle_of_a_request_gets_its_connection_back() {
    let gate = Gate::new(Options { connections: Some(n(1)), ..Options::default() }, T);
    let one = Job::new(&gate).open(&["a.test"], &policy(ms(100), 1));
    let two = Job::new(&gate).open(&["a.test", "b.test"], &policy(ms(100), 1));
    let changes = two.0.changes();
    assert_eq!(one.ask("a.test", T), Ok(()));
    assert_eq!(two.ask("a.test", T), Err(Denied::Busy(Hold::Connections)));
    one.0.close(host("a.test").id());
    assert!(changes.has_changed().expect("the gate is there"));
    drop(one);
    assert_eq!(two.ask("b.test", T), Ok(()));
    two.leave("b.test", &conduct(T, Signal::Fine));
    assert_eq!(two.ask("a.test", T), Err(Denied::Until(T + ms(100), Hold::Interval)));
    assert_eq!(two.ask("a.test", T + ms(101)), Ok(()));
}

/// What broke: the host was held from the last time that the gate had been told, which may have been long before.
#[test]
fn whoever_goes_away_without_a_word_may_have_asked_until_just_then() {
    let rests = Policy { delay: ms(5000), ..policy(ms(1000), 1) };
    for closes in [false, true] {
        let gate = Gate::new(Options { max_hosts: 2, ..Options::default() }, T);
        let one = Job::new(&gate).open(&["a.test"], &rests);
        let two = Job::new(&gate).open(&["a.test"], &rests);
        let three = Job::new(&gate);
        assert_eq!(one.ask("a.test", T), Ok(()));
        if closes {
            one.0.close(host("a.test").id());
        }
        drop(one);
        // Nobody has told a time for twenty seconds, and the server may have been at work for as long.
        let at = T + ms(20_000);
        assert_eq!(two.ask("a.test", at), Err(Denied::Until(at + ms(5000), Hold::Interval)));
        assert_eq!(two.ask("a.test", at + ms(5000)), Ok(()));

        // Nor is the host forgotten before the time is told.
        drop(two);
        let later = T + ms(60_000);
        for name in ["b.test", "c.test"] {
            let opened = three.0.open(&host(name), &rests, None, later);
            assert_eq!(opened.is_ok(), name == "b.test", "there is room for two");
        }
        three.0.open(&host("a.test"), &rests, None, later).expect("it is there");
        assert_eq!(three.ask("a.test", later), Err(Denied::Until(later + ms(5000), Hold::Interval)));
    }
}

#[test]
fn what_was_broken_off_counts_for_its_domain_and_its_address_too() {
    let limit = GroupLimit { interval: ms(500), connections: None };
    for (limits, hold) in [
        (Limits { domain: limit, ..Limits::default() }, Hold::Domain),
        (Limits { address: limit, ..Limits::default() }, Hold::Address),
    ] {
        let gate = Gate::default();
        let names = ["a.example.com", "b.example.com"];
        let join = || Job::of(gate.join(limits.clone(), T)).open(&names, &policy(ms(1), 1));
        let (one, two) = (join(), join());
        for (name, at) in names.into_iter().zip([T, T + ms(500)]) {
            assert_eq!(two.ask(name, at), Ok(()));
            two.leave(name, &from("192.0.2.1", at));
        }
        assert_eq!(one.ask("a.example.com", T + ms(1000)), Ok(()));
        drop(one);
        let at = T + ms(20_000);
        assert_eq!(two.ask("b.example.com", at), Err(Denied::Until(at + ms(500), hold)));
    }
}

/// What broke: a change of terms made a full bucket of one that was empty.
#[test]
fn a_change_of_terms_gives_no_tokens_back() {
    let bursts = |burst, interval| Policy { burst: n(burst), ..policy(ms(interval), 16) };
    let held = |job: &Job, at| match job.ask("a.test", at) {
        Err(Denied::Until(at, Hold::Interval)) => at.since(T),
        other => panic!("{other:?} at {at}"),
    };
    let soon = T + ms(10);
    // All four are spent and answered, or still under way, and a job with other terms comes.
    for (burst, interval) in [(1, 1000), (3, 1000), (2, 500), (1, 5000)] {
        for is_answered in [true, false] {
            let gate = Gate::default();
            let one = Job::new(&gate).open(&["a.test"], &bursts(4, 1000));
            (0..4).for_each(|_| assert_eq!(one.ask("a.test", T), Ok(())));
            if is_answered {
                (0..4).for_each(|_| one.leave("a.test", &conduct(T, Signal::Fine)));
            }
            let two = Job::new(&gate);
            two.0.open(&host("a.test"), &bursts(burst, interval), None, soon).expect("room");
            let what = format!("{burst} every {interval} ms");
            assert!(held(&two, soon) >= ms(interval.max(1000)), "{what}");
            // What is paid back by then is there at once, and no more.
            let at = T + held(&two, soon);
            for _ in 0..burst.min(4) {
                assert_eq!(two.ask("a.test", at), Ok(()), "{what}");
            }
            assert!(two.ask("a.test", at).is_err(), "{what}");
        }
    }
    // Nor does one that comes and goes again and again.
    let gate = Gate::default();
    let one = Job::new(&gate).open(&["a.test"], &bursts(4, 1000));
    (0..4).for_each(|_| assert_eq!(one.ask("a.test", T), Ok(())));
    for i in 1..50 {
        let two = Job::new(&gate);
        two.0.open(&host("a.test"), &bursts(3, 10), None, T + ms(i)).expect("room");
        two.0.close(host("a.test").id());
    }
    assert!(held(&one, T + ms(50)) >= ms(4000));
    // When it has been paid back, it is a whole burst again.
    (0..4).for_each(|_| assert_eq!(one.ask("a.test", T + ms(4001)), Ok(())));
    assert!(held(&one, T + ms(4001)) >= ms(5000));
}

#[test]
fn terms_that_are_stricter_count_from_the_last_request_and_the_last_answer() {
    let gate = Gate::default();
    let one = Job::new(&gate).open(&["a.test"], &policy(ms(10), 1));
    assert_eq!(one.ask("a.test", T), Ok(()));
    let slow = Conduct { first_byte_at: Some(T + ms(300)), ended_at: T + ms(400), ..conduct(T, Signal::Fine) };
    one.leave("a.test", &slow);
    let two = Job::new(&gate);
    two.0.open(&host("a.test"), &policy(ms(1000), 1), None, T + ms(500)).expect("room");
    assert_eq!(one.ask("a.test", T + ms(500)), Err(Denied::Until(T + ms(1300), Hold::Interval)));
    let three = Job::new(&gate);
    let rests = Policy { delay: ms(2000), ..policy(ms(10), 1) };
    three.0.open(&host("a.test"), &rests, None, T + ms(600)).expect("room");
    assert_eq!(one.ask("a.test", T + ms(600)), Err(Denied::Until(T + ms(2400), Hold::Interval)));
}

/// What broke: a token was taken for a request that something else then kept back, and was one more than the
/// burst when the bucket was full again.
#[test]
fn a_request_that_waits_for_something_else_holds_no_token() {
    let gate = Gate::new(Options { connections: Some(n(1)), ..Options::default() }, T);
    let bursts = Policy { burst: n(2), ..policy(ms(1000), 9) };
    let job = Job::new(&gate).open(&["a.test"], &bursts).open(&["b.test"], &policy(ms(0), 1));
    assert_eq!(job.ask("b.test", T), Ok(()));
    assert_eq!(job.ask("a.test", T), Err(Denied::Busy(Hold::AllHosts)));
    let later = T + ms(5000);
    job.leave("b.test", &conduct(later, Signal::Fine));
    for _ in 0..2 {
        assert_eq!(job.ask("a.test", later), Ok(()));
        job.leave("a.test", &conduct(later, Signal::Fine));
    }
    assert!(matches!(job.ask("a.test", later), Err(Denied::Until(_, Hold::Interval))));

    // And of the limit of all hosts, one came just before the next.
    let gate = Gate::new(Options { interval: ms(1500), ..Options::default() }, T);
    let limits = Limits { interval: ms(1000), ..Limits::default() };
    let job = Job::of(gate.join(limits, T)).open(&["a.test", "b.test", "c.test"], &policy(ms(0), 1));
    assert_eq!(job.ask("a.test", T), Ok(()));
    assert!(job.ask("b.test", T + ms(1001)).is_err(), "the process has its own limit");
    assert_eq!(job.ask("b.test", T + ms(1501)), Ok(()));
    let Err(Denied::Until(at, _)) = job.ask("c.test", T + ms(2100)) else { panic!("too soon") };
    assert!(at >= T + ms(2501), "{at:?}");
}

#[test]
fn an_address_has_a_limit_of_its_own_from_the_first_answer_on() {
    let gate = Gate::default();
    let address = GroupLimit { interval: ms(500), connections: Some(n(1)) };
    let job = Job::of(gate.join(Limits { address, ..Limits::default() }, T));
    let names = ["a.test", "b.test", "c.test"];
    let job = job.open(&names, &policy(ms(1), 4));
    for name in names {
        assert_eq!(job.ask(name, T), Ok(()), "nobody knows yet that it is one machine");
        assert_eq!(job.ask(name, T + ms(5)), Err(Denied::Busy(Hold::Address)), "one question at a time until then");
    }
    job.leave("a.test", &from("192.0.2.1", T + ms(10)));
    job.leave("b.test", &from("192.0.2.1", T + ms(10)));
    job.leave("c.test", &from("192.0.2.2", T + ms(10)));
    assert_eq!(job.ask("a.test", T + ms(20)), Err(Denied::Until(T + ms(510), Hold::Address)));
    assert_eq!(job.ask("b.test", T + ms(20)), Err(Denied::Until(T + ms(1010), Hold::Address)), "in line behind a");
    assert_eq!(job.ask("a.test", T + ms(510)), Ok(()));
    assert_eq!(job.ask("c.test", T + ms(510)), Ok(()), "another machine");
    assert_eq!(job.ask("b.test", T + ms(1010)), Err(Denied::Busy(Hold::Address)));
    job.leave("a.test", &from("192.0.2.1", T + ms(1020)));
    assert!(job.0.take_woken().contains(&host("b.test").id()));
    assert_eq!(job.ask("b.test", T + ms(1020)), Err(Denied::Until(T + ms(1520), Hold::Address)));
    assert_eq!(job.ask("b.test", T + ms(1520)), Ok(()));
}

#[test]
fn those_who_wait_for_an_address_have_their_turns() {
    let gate = Gate::default();
    let address = GroupLimit { interval: ms(100), connections: None };
    let job = Job::of(gate.join(Limits { address, ..Limits::default() }, T));
    let names: Vec<String> = (0..5).map(|n| format!("h{n}.test")).collect();
    let refs: Vec<&str> = names.iter().map(String::as_str).collect();
    let job = job.open(&refs, &policy(ms(1), 1));
    let mut wake: Vec<(Timestamp, &str)> = Vec::new();
    for name in &refs {
        assert_eq!(job.ask(name, T), Ok(()));
        job.leave(name, &from("192.0.2.1", T));
        wake.push((T, name));
    }
    // All are always hungry, and whoever sorts first is asked first.
    let (mut counts, mut times) = (std::collections::BTreeMap::new(), Vec::new());
    while times.len() < 50 {
        wake.sort_unstable();
        let (at, name) = wake.remove(0);
        match job.ask(name, at) {
            Ok(()) => {
                job.leave(name, &from("192.0.2.1", at));
                *counts.entry(name).or_insert(0) += 1;
                times.push(at);
                wake.push((at + ms(1), name));
            }
            Err(Denied::Until(next, _)) => wake.push((next, name)),
            Err(busy) => panic!("{busy:?}"),
        }
    }
    assert!(times.windows(2).all(|two| two[1].since(two[0]) >= ms(100)), "{times:?}");
    assert!(counts.values().all(|n| *n == 10), "{counts:?}");
    assert!(times[49].since(T) <= ms(5100), "the limit is used: {:?}", times[49].since(T));
}

#[test]
fn who_waited_for_an_address_and_went_away_leaves_no_gap() {
    let gate = Gate::default();
    let address = GroupLimit { interval: ms(100), connections: None };
    let limits = Limits { address, ..Limits::default() };
    let names: Vec<String> = (0..50).map(|n| format!("h{n}.test")).collect();
    let refs: Vec<&str> = names.iter().map(String::as_str).collect();
    let many = Job::of(gate.join(limits.clone(), T)).open(&refs, &policy(ms(1), 1));
    let one = Job::of(gate.join(limits, T)).open(&["one.test"], &policy(ms(1), 1));
    for (job, name) in refs.iter().map(|name| (&many, *name)).chain([(&one, "one.test")]) {
        assert_eq!(job.ask(name, T), Ok(()));
        job.leave(name, &from("192.0.2.1", T));
    }
    for name in &refs {
        assert!(matches!(many.ask(name, T + ms(10)), Err(Denied::Until(_, Hold::Address))));
    }
    drop(many);
    assert_eq!(one.ask("one.test", T + ms(20)), Err(Denied::Until(T + ms(100), Hold::Address)));
}

#[test]
fn a_host_that_moves_leaves_nothing_at_its_old_address() {
    let gate = Gate::default();
    let address = GroupLimit { interval: ms(100), connections: None };
    let job = Job::of(gate.join(Limits { address, ..Limits::default() }, T)).open(&["a.test"], &policy(ms(1), 2));
    assert_eq!(job.ask("a.test", T), Ok(()));
    job.leave("a.test", &from("192.0.2.1", T));
    assert_eq!(job.ask("a.test", T + ms(200)), Ok(()));
    assert_eq!(job.ask("a.test", T + ms(250)), Err(Denied::Until(T + ms(300), Hold::Address)));
    job.leave("a.test", &from("192.0.2.2", T + ms(260)));
    assert!(job.0.take_woken().contains(&host("a.test").id()));
    job.0.close(host("a.test").id());
    gate.desk().sweep(T + ms(10_000));
    assert_eq!((gate.n_hosts(), gate.desk().n_groups()), (0, 0));
}

/// What broke: the counts of addresses were taken back in the order in which requests were sent, and not in that in which
/// they ended.
#[test]
fn a_request_that_ends_is_taken_back_from_its_own_address() {
    let gate = Gate::default();
    let address = GroupLimit { interval: Duration::ZERO, connections: Some(n(2)) };
    let limits = Limits { address, ..Limits::default() };
    let job = Job::of(gate.join(limits, T)).open(&["a.test", "b.test", "c.test"], &policy(Duration::ZERO, 9));
    for (name, address) in [("a.test", "192.0.2.1"), ("b.test", "192.0.2.1"), ("c.test", "192.0.2.2")] {
        assert_eq!(job.ask(name, T), Ok(()));
        job.leave(name, &from(address, T));
    }
    let id = host("a.test").id();
    let enter = || job.0.try_enter(id, T);
    let (first, moving) = (enter().expect("one"), enter().expect("two"));
    job.0.leave(id, moving, Some(&from("192.0.2.2", T)));
    let second = enter().expect("it is elsewhere now");
    job.0.leave(id, second, Some(&from("192.0.2.2", T)));
    // One is under way at the first address, and none at the second.
    assert_eq!(job.ask("b.test", T), Ok(()));
    assert_eq!(job.ask("b.test", T), Err(Denied::Busy(Hold::Address)));
    assert_eq!((job.ask("c.test", T), job.ask("c.test", T)), (Ok(()), Ok(())));
    // What is over is over: to say so twice frees nobody else's place.
    job.0.leave(id, second, None);
    job.0.leave(id, first, None);
    job.0.leave(id, first, None);
    assert_eq!(job.ask("b.test", T), Ok(()));
    assert_eq!(job.ask("b.test", T), Err(Denied::Busy(Hold::Address)));
}

#[test]
fn a_stricter_policy_holds_also_while_the_host_is_open_under_another() {
    let gate = Gate::default();
    let job = Job::new(&gate).open(&["h.test"], &policy(ms(1), 4));
    job.visit("h.test", T);
    let job = job.open(&["h.test"], &policy(ms(10_000), 1));
    job.visit("h.test", T + ms(20_000));
    assert_eq!(job.ask("h.test", T + ms(21_000)), Err(Denied::Until(T + ms(30_000), Hold::Interval)));
}

#[test]
fn a_domain_has_a_limit_of_its_own() {
    let gate = Gate::default();
    let domain = GroupLimit { interval: ms(200), connections: None };
    let job = Job::of(gate.join(Limits { domain, ..Limits::default() }, T));
    let job = job.open(&["a.example.com", "b.example.com", "example.org", "192.0.2.1"], &policy(ms(1), 1));
    job.visit("a.example.com", T);
    assert_eq!(job.ask("b.example.com", T), Err(Denied::Until(T + ms(200), Hold::Domain)));
    job.visit("example.org", T);
    job.visit("192.0.2.1", T);
    job.visit("b.example.com", T + ms(200));
}

#[test]
fn quiet_hours_are_the_members_own() {
    let gate = Gate::default();
    let night = Quiet::parse(&["22:00-06:00 UTC"]).expect("valid");
    let quiet = Job::new(&gate).open(&["a.test"], &Policy { quiet: night, ..policy(ms(1), 1) });
    let other = Job::new(&gate).open(&["a.test"], &policy(ms(1), 1));
    // 22:13:20 UTC.
    let morning = Timestamp(1_700_028_000_000_000);
    assert_eq!(quiet.ask("a.test", T), Err(Denied::Until(morning, Hold::Quiet)));
    other.visit("a.test", T);
    quiet.visit("a.test", morning);
}

#[test]
fn all_requests_together_have_a_rate() {
    let gate = Gate::new(Options { interval: ms(100), ..Options::default() }, T);
    let (one, two) = (Job::new(&gate), Job::new(&gate));
    let (one, two) = (one.open(&["a.test"], &policy(ms(1), 1)), two.open(&["b.test"], &policy(ms(1), 1)));
    one.visit("a.test", T);
    let Err(Denied::Until(at, Hold::AllHosts)) = two.ask("b.test", T) else { panic!("too soon") };
    assert!(at.since(T) >= ms(100) && at.since(T) < ms(101));
    two.visit("b.test", at);
}

#[test]
fn places_are_shared_by_those_who_want_them() {
    let gate = Gate::new(Options { connections: Some(n(4)), ..Options::default() }, T);
    let names = ["a.test", "b.test", "c.test", "d.test", "e.test"];
    let (greedy, late) = (Job::new(&gate).open(&names, &policy(ms(0), 1)), Job::new(&gate));
    names[..4].iter().for_each(|name| assert_eq!(greedy.ask(name, T), Ok(())));
    let late = late.open(&["x.test", "y.test", "z.test"], &policy(ms(0), 1));
    assert_eq!(late.ask("x.test", T), Err(Denied::Busy(Hold::AllHosts)));
    assert_eq!(greedy.ask("e.test", T), Err(Denied::Busy(Hold::AllHosts)));
    greedy.leave("a.test", &conduct(T, Signal::Fine));
    assert_eq!(greedy.ask("e.test", T), Err(Denied::Until(T + ms(20), Hold::AllHosts)), "it has more than its share");
    assert_eq!(late.ask("x.test", T), Ok(()));
    assert_eq!(late.ask("y.test", T), Err(Denied::Busy(Hold::AllHosts)));
    greedy.leave("b.test", &conduct(T, Signal::Fine));
    assert_eq!(late.ask("y.test", T), Ok(()));
    // Each has its share by now, and keeps it.
    assert_eq!(late.ask("z.test", T), Err(Denied::Busy(Hold::AllHosts)));
    greedy.leave("c.test", &conduct(T, Signal::Fine));
    assert_eq!(greedy.ask("e.test", T), Ok(()), "less than its share");
    // What the other does not ask for is anybody's after a moment, and what it does not want any more at once.
    late.leave("x.test", &conduct(T, Signal::Fine));
    late.leave("y.test", &conduct(T, Signal::Fine));
    assert_eq!(greedy.ask("a.test", T), Err(Denied::Until(T + ms(20), Hold::AllHosts)));
    let later = T + ms(20);
    assert_eq!(greedy.ask("a.test", later), Ok(()));
    assert_eq!(greedy.ask("b.test", later), Ok(()));
    assert_eq!(late.ask("z.test", later), Err(Denied::Busy(Hold::AllHosts)));
    greedy.leave("d.test", &conduct(later, Signal::Fine));
    assert_eq!(greedy.ask("c.test", later), Err(Denied::Until(later + ms(20), Hold::AllHosts)));
    late.0.close(host("z.test").id());
    assert_eq!(greedy.ask("c.test", later), Ok(()));
}

#[test]
fn an_operator_blocks_a_host_and_pardons_it() {
    let gate = Gate::default();
    let job = Job::new(&gate).open(&["a.test"], &policy(ms(1000), 1));
    assert!(gate.block(&host("a.test"), T + ms(5000)));
    assert_eq!(job.ask("a.test", T), Err(Denied::Until(T + ms(5000), Hold::Blocked)));
    assert_eq!(gate.view(&host("a.test"), T).blocked_until, Some(T + ms(5000)));
    let mut changes = job.0.changes();
    changes.borrow_and_update();
    gate.unblock(&host("a.test"));
    assert!(changes.has_changed().unwrap(), "whoever waits is woken");
    assert_eq!(job.ask("a.test", T), Ok(()));
    job.leave("a.test", &conduct(T, Signal::Trouble));
    let resting = gate.view(&host("a.test"), T + ms(1));
    assert!(resting.rests_until > Some(T + ms(1000)) && resting.errors_in_row == 1, "{resting:?}");
    gate.pardon(&host("a.test"), T + ms(10));
    assert_eq!(
        job.ask("a.test", T + ms(999)),
        Err(Denied::Until(T + ms(1000), Hold::Interval)),
        "its interval is kept"
    );
    assert_eq!(job.ask("a.test", T + ms(1000)), Ok(()));
    job.leave("a.test", &conduct(T + ms(1000), Signal::Fine));
    // Also by those who come with what they remember of its trouble.
    let mut known = HostState { backing_off: true, troubled_at: T, not_before: T + ms(90_000), ..HostState::default() };
    let other = gate.join(Limits::default(), T);
    other.open(&host("a.test"), &policy(ms(1000), 1), Some(&known), T + ms(2000)).unwrap();
    job.visit("a.test", T + ms(2001));
    known.troubled_at = T + ms(1500);
    other.open(&host("a.test"), &policy(ms(1000), 1), Some(&known), T + ms(2002)).unwrap();
    let later = job.ask("a.test", T + ms(5000));
    assert_eq!(later, Err(Denied::Until(T + ms(90_000), Hold::Interval)), "it failed again after that");
}

#[test]
fn a_crawl_delay_is_for_all_who_honour_it() {
    let gate = Gate::default();
    let one = Job::new(&gate).open(&["a.test"], &policy(ms(1), 2));
    let two = Job::new(&gate).open(&["a.test"], &Policy { honour_crawl_delay: false, ..policy(ms(1), 2) });
    one.visit("a.test", T);
    one.0.learn_crawl_delay(host("a.test").id(), Some(ms(3000)), T);
    assert_eq!(two.ask("a.test", T + ms(9)), Err(Denied::Until(T + ms(3000), Hold::Interval)));
    // Who opens it without knowing anything goes by what was heard; who ignores it, alone, does not.
    drop(one);
    let three = Job::new(&gate).open(&["a.test"], &policy(ms(1), 2));
    three.visit("a.test", T + ms(4000));
    drop(three);
    two.visit("a.test", T + ms(5000));
    two.visit("a.test", T + ms(5001));
}

#[test]
fn what_a_store_remembers_holds_for_all() {
    let gate = Gate::default();
    let job = Job::new(&gate).open(&["a.test"], &policy(ms(1), 1));
    let known = HostState { not_before: T + ms(9000), ..HostState::default() };
    let other = gate.join(Limits::default(), T);
    other.open(&host("a.test"), &policy(ms(1), 1), Some(&known), T).expect("room");
    assert_eq!(job.ask("a.test", T), Err(Denied::Until(T + ms(9000), Hold::Interval)));
}

#[test]
fn memory_follows_what_is_open_or_owed() {
    let gate = Gate::new(Options { max_hosts: 2000, ..Options::default() }, T);
    let job = gate.join(Limits::default(), T);
    let policy = policy(ms(1000), 1);
    for number in 0..10_000u64 {
        let (key, at) = (host(&format!("h{number}.test")), T + ms(number));
        job.open(&key, &policy, None, at).expect("room");
        let ticket = job.try_enter(key.id(), at).expect("it is new");
        job.leave(key.id(), ticket, Some(&conduct(at, Signal::Fine)));
        job.close(key.id());
    }
    assert!(gate.n_hosts() <= 2 * 1024 + 1, "{}", gate.n_hosts());
}

#[test]
fn the_address_of_a_host_that_was_closed_is_not_forgotten_too_soon() {
    let gate = Gate::default();
    let address = GroupLimit { interval: ms(60_000), connections: None };
    let job =
        Job::of(gate.join(Limits { address, ..Limits::default() }, T)).open(&["a.test", "b.test"], &policy(ms(1), 1));
    for (name, at) in [("a.test", T), ("b.test", T)] {
        assert_eq!(job.ask(name, at), Ok(()));
        job.leave(name, &from("192.0.2.1", at));
        job.0.close(host(name).id());
    }
    // The two are owed nothing when two thousand others come and go.
    let at = T + ms(10_000);
    for number in 0..2000u64 {
        let key = host(&format!("h{number}.test"));
        job.0.open(&key, &policy(ms(1), 1), None, at).expect("room");
        job.0.close(key.id());
    }
    job.0.open(&host("b.test"), &policy(ms(1), 1), None, at).expect("room");
    assert_eq!(job.ask("b.test", at), Err(Denied::Until(T + ms(60_000), Hold::Address)));
}

#[test]
fn failures_in_a_row_are_not_forgotten_while_nobody_has_the_host_open() {
    let gate = Gate::default();
    let one = Job::new(&gate).open(&["a.test"], &policy(ms(1), 1));
    assert_eq!(one.ask("a.test", T), Ok(()));
    one.leave("a.test", &conduct(T, Signal::Trouble));
    let Err(Denied::Until(first, Hold::Resting)) = one.ask("a.test", T + ms(1)) else { panic!("it rests") };
    one.0.close(host("a.test").id());
    for number in 0..3000u64 {
        let key = host(&format!("h{number}.test"));
        one.0.open(&key, &policy(ms(1), 1), None, first).expect("room");
        one.0.close(key.id());
    }
    // Another job, which did not see the first failure, meets the second.
    let two = Job::new(&gate);
    two.0.open(&host("a.test"), &policy(ms(1), 1), None, first).expect("room");
    assert_eq!(two.ask("a.test", first), Ok(()));
    two.leave("a.test", &conduct(first, Signal::Trouble));
    let Err(Denied::Until(second, Hold::Resting)) = two.ask("a.test", first + ms(1)) else { panic!("it rests") };
    assert_eq!(second.since(first), 2 * first.since(T), "the pause grows");
}

#[test]
fn a_host_too_many_waits_and_nothing_is_forgotten_for_it() {
    let gate = Gate::new(Options { max_hosts: 2, ..Options::default() }, T);
    let job = gate.join(Limits::default(), T);
    let policy = policy(ms(5000), 1);
    for name in ["a.test", "b.test"] {
        let key = host(name);
        job.open(&key, &policy, None, T).expect("room");
        let ticket = job.try_enter(key.id(), T).expect("it is new");
        job.leave(key.id(), ticket, Some(&conduct(T, Signal::Fine)));
        job.close(key.id());
    }
    let late = host("late.test");
    assert_eq!(job.open(&late, &policy, None, T), Err(Denied::Until(T + ms(5000), Hold::Memory)));
    assert_eq!(job.try_enter(late.id(), T).map_err(Denied::hold), Err(Hold::Memory));
    assert_eq!(job.open(&late, &policy, None, T + ms(5000)), Ok(()));
}

#[tokio::test(start_paused = true)]
async fn any_number_of_callers_wait_in_turn() {
    let clock = Clock::starting_at(T);
    let gate = Gate::default();
    let member = gate.join(Limits::default(), T);
    let key = host("a.test");
    let calls = (0..20).map(|_| {
        let (member, key) = (member.clone(), key.clone());
        async move {
            let permit = member.enter(&key, &policy(ms(100), 1), clock, None).await.expect("patience");
            let sent_at = clock.now();
            tokio::time::sleep(ms(30)).await;
            let first_byte_at = Some(clock.now());
            permit.settle(Some(&Conduct { first_byte_at, ended_at: clock.now(), ..conduct(sent_at, Signal::Fine) }));
            sent_at
        }
    });
    let mut times = futures::future::join_all(calls).await;
    times.sort_unstable();
    assert!(times.windows(2).all(|two| two[1].since(two[0]) >= ms(130)), "{times:?}");
    assert!(times[19].since(T) < ms(20 * 131), "nobody was forgotten: {times:?}");
    assert_eq!(gate.n_hosts(), 1);
}

#[tokio::test(start_paused = true)]
async fn patience_ends_and_a_permit_that_is_dropped_counts() {
    let clock = Clock::starting_at(T);
    let gate = Gate::default();
    let member = gate.join(Limits::default(), T);
    let (key, policy) = (host("a.test"), policy(ms(1000), 1));
    let permit = member.enter(&key, &policy, clock, None).await.expect("nobody is there");
    let busy = member.enter(&key, &policy, clock, Some(T + ms(300))).await.expect_err("the connection is held");
    assert_eq!((busy, clock.now()), (Denied::Busy(Hold::Connections), T + ms(300)));
    drop(permit);
    let early = member.enter(&key, &policy, clock, Some(T + ms(900))).await.expect_err("an interval is owed");
    assert_eq!(early, Denied::Until(T + ms(1300), Hold::Interval));
    member.enter(&key, &policy, clock, Some(T + ms(1300))).await.expect("it has passed").settle(None);
}

#[tokio::test(start_paused = true)]
async fn who_gives_up_waiting_leaves_nothing_behind() {
    let clock = Clock::starting_at(T);
    let gate = Gate::default();
    let member = gate.join(Limits::default(), T);
    let (key, policy) = (host("a.test"), policy(ms(1000), 1));
    let permit = member.enter(&key, &policy, clock, None).await.expect("nobody is there");
    for _ in 0..100 {
        let waiting = member.enter(&key, &policy, clock, None);
        assert!(tokio::time::timeout(ms(1), waiting).await.is_err());
    }
    permit.settle(Some(&conduct(clock.now(), Signal::Fine)));
    let other = gate.join(Limits::default(), clock.now());
    let asked = clock.now();
    other.enter(&key, &policy, clock, None).await.expect("in time").settle(None);
    assert_eq!(clock.now().since(asked), ms(1000));
}

/// A job in a simulation. As a slot of a workbench does, it has a host open only as long as it wants something of it,
/// and closes it when nothing of its own is under way.
struct Hungry {
    job: Job,
    policy: Policy,
    /// So many requests, then it closes the host, and opens it again so much later.
    session: (u32, Duration),
    wants: Vec<Want>,
}

struct Want {
    name: &'static str,
    left: u32,
    /// When it looks next, if a time is known.
    next: Option<Timestamp>,
    is_open: bool,
    in_flight: u32,
    /// Requests that are left of the session.
    share: u32,
}

impl Hungry {
    fn new(job: Job, policy: Policy, session: (u32, Duration), wants: &[u32], from: Timestamp) -> Self {
        let want = |(name, left): (&&'static str, &u32)| Want {
            name,
            left: *left,
            next: Some(from),
            is_open: false,
            in_flight: 0,
            share: session.0,
        };
        Self { job, policy, session, wants: HOSTS.iter().zip(wants).map(want).collect() }
    }
}

#[derive(Debug, Clone, Copy, PartialEq)]
enum Event {
    Opened,
    Closed,
    Sent,
    Answered,
}

/// What happened: when, who did it, to which host.
type Log = Vec<(Timestamp, usize, &'static str, Event)>;

const HOSTS: [&str; 4] = ["a.x.test", "b.x.test", "c.y.test", "192.0.2.9"];

/// Two or three jobs that want some requests to some hosts, served from `takes` ms each. Everybody asks
/// only when told a time or woken, as a workbench does.
fn simulate(jobs: &mut [Hungry], takes: &[u64], signals: &[Signal]) -> Log {
    let mut now = T;
    let mut log = Log::new();
    let mut out: Vec<(Timestamp, usize, usize, Ticket, Timestamp)> = Vec::new();
    let mut n_sent = 0;
    loop {
        // Those who are due ask, until nobody gets anything any more.
        let mut progress = true;
        while progress {
            progress = false;
            for (number, hungry) in jobs.iter_mut().enumerate() {
                let woken = hungry.job.0.take_woken();
                for (i, want) in hungry.wants.iter_mut().enumerate() {
                    if woken.contains(&host(want.name).id()) {
                        want.next = Some(now);
                    }
                    if want.left == 0 || want.share == 0 || want.next.is_none_or(|at| at > now) {
                        continue;
                    }
                    if !std::mem::replace(&mut want.is_open, true) {
                        hungry.job.0.open(&host(want.name), &hungry.policy, None, now).expect("room");
                        log.push((now, number, want.name, Event::Opened));
                    }
                    match hungry.job.0.try_enter(host(want.name).id(), now) {
                        Ok(ticket) => {
                            (want.left, want.share, want.in_flight) =
                                (want.left - 1, want.share - 1, want.in_flight + 1);
                            progress = true;
                            let ended_at = now + ms(takes[n_sent % takes.len()]);
                            n_sent += 1;
                            out.push((ended_at, number, i, ticket, now));
                            log.push((now, number, want.name, Event::Sent));
                        }
                        Err(Denied::Until(at, _)) => {
                            assert!(at > now, "told to ask now, and refused");
                            want.next = Some(at);
                        }
                        // From here on only a wake-up brings it back.
                        Err(Denied::Busy(_)) => want.next = None,
                    }
                }
            }
        }
        if jobs.iter().all(|hungry| hungry.wants.iter().all(|want| want.left == 0)) {
            return log;
        }
        let asking = jobs.iter().flat_map(|hungry| &hungry.wants).filter(|want| want.left > 0 && want.share > 0);
        let next = asking.filter_map(|want| want.next).chain(out.iter().map(|(at, ..)| *at)).min();
        now = next.expect("somebody waits for ever").max(now);
        out.sort_unstable_by_key(|(at, ..)| *at);
        while out.first().is_some_and(|(at, ..)| *at <= now) {
            let (ended_at, number, i, ticket, sent_at) = out.remove(0);
            let hungry = &mut jobs[number];
            let want = &mut hungry.wants[i];
            let address = if want.name.ends_with("x.test") { "192.0.2.1" } else { "192.0.2.9" };
            let signal = signals[log.len() % signals.len()];
            let conduct = Conduct { first_byte_at: Some(ended_at), ended_at, signal, ..from(address, sent_at) };
            hungry.job.0.leave(host(want.name).id(), ticket, Some(&conduct));
            log.push((now, number, want.name, Event::Answered));
            want.in_flight -= 1;
            if want.in_flight == 0 && (want.share == 0 || want.left == 0) {
                hungry.job.0.close(host(want.name).id());
                log.push((now, number, want.name, Event::Closed));
                (want.is_open, want.share, want.next) = (false, hungry.session.0, Some(now + hungry.session.1));
            }
        }
    }
}

/// What one job promises to one host, whoever asks it while the job has it open. Shares nothing with the gate.
#[derive(Debug, Clone, Copy, Default)]
struct Promise {
    is_open: bool,
    /// When the tokens of its bucket will all have come back.
    full_at: Timestamp,
}

/// Holds the log against what each of the jobs promises.
fn judge(jobs: &[Hungry], log: &Log) {
    /// Rounding of a token bucket.
    const ROUNDING: Duration = Duration::from_micros(2);
    for name in HOSTS {
        let mut promises = vec![Promise::default(); jobs.len()];
        let (mut in_flight, mut sent_at, mut answered_at) = (0, None, None);
        for (at, number, _, event) in log.iter().filter(|(_, _, other, _)| *other == name) {
            match event {
                Event::Opened => promises[*number].is_open = true,
                Event::Closed => promises[*number].is_open = false,
                Event::Answered => (in_flight, answered_at) = (in_flight - 1, Some(*at)),
                Event::Sent => {
                    for (promise, hungry) in promises.iter_mut().zip(jobs).filter(|(promise, _)| promise.is_open) {
                        let policy = &hungry.policy;
                        let what = || format!("{name} at {at} under {policy:?}: {log:#?}");
                        let is_apart = |before: Option<Timestamp>, by| before.is_none_or(|before| *at >= before + by);
                        let (interval, burst) = (policy.interval, policy.burst.get());
                        assert!(in_flight < policy.connections.get(), "too many at once: {}", what());
                        let allowed = promise.full_at - interval * (burst - 1);
                        assert!(*at + ROUNDING >= allowed, "beyond the burst: {}", what());
                        assert!(burst > 1 || is_apart(sent_at, interval), "too soon: {}", what());
                        assert!(is_apart(answered_at, policy.delay), "no rest: {}", what());
                        promise.full_at = promise.full_at.max(*at) + interval;
                    }
                    (in_flight, sent_at) = (in_flight + 1, Some(*at));
                }
            }
        }
    }
}

mod random {
    use proptest::prelude::*;

    use super::*;

    fn signal() -> impl Strategy<Value = Signal> {
        prop_oneof![
            6 => Just(Signal::Fine),
            1 => Just(Signal::Faulty),
            1 => Just(Signal::Trouble),
            1 => Just(Signal::SlowDown(Some(ms(700)))),
            1 => Just(Signal::Later(ms(300))),
        ]
    }

    fn policies() -> impl Strategy<Value = Policy> {
        (0u64..300, 1u32..5, 1u32..6, prop_oneof![Just(0), 0u64..100]).prop_map(
            |(interval, burst, connections, delay)| {
                let policy = policy(ms(interval), connections);
                Policy { burst: n(burst), delay: ms(delay), backoff_base: ms(200), ..policy }
            },
        )
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(256))]

        /// Nobody waits for ever, and what each job promises is kept by all together as long as it has the host open.
        #[test]
        fn promises_are_kept_and_nobody_is_forgotten(
            policies in prop::collection::vec(policies(), 2..4),
            sessions in prop::collection::vec((1u32..6, 0u64..400, 0u64..400), 3),
            wants in prop::collection::vec(prop::collection::vec(1u32..9, 4), 3),
            takes in prop::collection::vec(0u64..250, 1..9),
            signals in prop::collection::vec(signal(), 1..9),
            address in prop::option::of((0u64..80, 1u32..3)),
            domain in prop::option::of((0u64..80, 1u32..3)),
            all in prop::option::of(1u32..4),
        ) {
            let limit = |limit: Option<(u64, u32)>| limit.map_or_else(GroupLimit::default, |(interval, connections)| {
                GroupLimit { interval: ms(interval), connections: Some(n(connections)) }
            });
            let gate = Gate::new(Options { connections: all.map(n), ..Options::default() }, T);
            let limits = Limits { address: limit(address), domain: limit(domain), ..Limits::default() };
            let jobs = policies.into_iter().zip(sessions).zip(&wants);
            let mut jobs: Vec<Hungry> = jobs.map(|((policy, (length, pause, from)), wants)| {
                Hungry::new(Job::of(gate.join(limits.clone(), T)), policy, (length, ms(pause)), wants, T + ms(from))
            }).collect();
            let log = simulate(&mut jobs, &takes, &signals);
            prop_assert_eq!(gate.n_hosts(), HOSTS.len());
            judge(&jobs, &log);

            let together = |wanted: &dyn Fn(&str) -> bool, interval: Duration, connections: u32| {
                let (mut in_flight, mut sent_at) = (0, None::<Timestamp>);
                log.iter().filter(|(_, _, name, _)| wanted(name)).all(|(at, _, _, event)| match event {
                    Event::Sent => {
                        in_flight += 1;
                        let before = sent_at.replace(*at);
                        in_flight <= connections && before.is_none_or(|before| at.since(before) >= interval)
                    }
                    Event::Answered => {
                        in_flight -= 1;
                        true
                    }
                    Event::Opened | Event::Closed => true,
                })
            };
            if let Some((interval, connections)) = domain {
                prop_assert!(together(&|name| name.ends_with("x.test"), ms(interval), connections), "{:#?}", log);
            }
            if let Some(connections) = all {
                prop_assert!(together(&|_| true, Duration::ZERO, connections), "{:#?}", log);
            }
        }
    }
}

#[derive(Debug, Clone)]
enum Step {
    Open(usize, usize),
    Close(usize, usize),
    Visit(usize, usize, u64, bool),
    Learn(usize, usize),
    Hold(usize, u64),
    Part(usize),
}

fn step() -> impl proptest::strategy::Strategy<Value = Step> {
    use proptest::prelude::*;
    let (who, whom) = (0..3usize, 0..8usize);
    prop_oneof![
        4 => (who.clone(), whom.clone()).prop_map(|(who, whom)| Step::Open(who, whom)),
        4 => (who.clone(), whom.clone()).prop_map(|(who, whom)| Step::Close(who, whom)),
        4 => (who.clone(), whom.clone(), 0..500u64, any::<bool>()).prop_map(|(who, whom, ms, told)| Step::Visit(who, whom, ms, told)),
        1 => (who.clone(), whom.clone()).prop_map(|(who, whom)| Step::Learn(who, whom)),
        1 => (whom, 0..5000u64).prop_map(|(whom, ms)| Step::Hold(whom, ms)),
        1 => who.prop_map(Step::Part),
    ]
}

proptest::proptest! {
    #[test]
    fn what_may_be_forgotten_is_known_at_any_time(steps in proptest::collection::vec(step(), 1..120)) {
        let gate = Gate::new(Options { max_hosts: 5, ..Options::default() }, T);
        let mut members: Vec<Member> = (0..3).map(|_| gate.join(Limits::default(), T)).collect();
        let policy = policy(ms(100), 2);
        let mut now = T;
        for step in steps {
            now = now + ms(20);
            match step {
                Step::Open(who, whom) => drop(members[who].open(&host(&format!("h{whom}")), &policy, None, now)),
                Step::Close(who, whom) => members[who].close(host(&format!("h{whom}")).id()),
                Step::Visit(who, whom, took, told) => {
                    let id = host(&format!("h{whom}")).id();
                    if let Ok(ticket) = members[who].try_enter(id, now) {
                        now = now + ms(took);
                        members[who].leave(id, ticket, told.then(|| conduct(now, Signal::Trouble)).as_ref());
                    }
                }
                Step::Learn(who, whom) => {
                    members[who].learn_crawl_delay(host(&format!("h{whom}")).id(), Some(ms(3000)), now);
                }
                Step::Hold(whom, until) => members[0].hold_until(host(&format!("h{whom}")).id(), now + ms(until)),
                Step::Part(who) => members[who] = gate.join(Limits::default(), now),
            }
            proptest::prop_assert!(gate.desk().is_filed_well());
            proptest::prop_assert!(gate.n_hosts() <= 5);
        }
    }
}
