//! The lease channel and the pool under shuttle: leases go in, workers are dropped at any point, stations go away, and
//! each lease comes back once and with its visit, or not at all.

use std::{
    collections::BTreeSet,
    sync::atomic::{AtomicUsize, Ordering},
};

use futures::{FutureExt, future::BoxFuture};
use shuttle::future::{self, yield_now};
use tokio::sync::mpsc;
use tokio_util::sync::CancellationToken;

use super::*;
use crate::{
    address::HostId,
    engine::{
        pool,
        visit::{Subject, ToDispatcher, ToRecorder},
        worker::Worker,
    },
    fetch::{FetchError, Fetcher, Request, Response},
    frontier::{Discovery, Lease, Task},
    lock::in_many_orders,
    verdict::Verdict,
};

/// Orders tried of each test.
const N_ORDERS: usize = 600;
const N_LEASES: usize = 4;
const CONCURRENCY: usize = 2;

/// Answers after a while, makes the worker of the last lease panic, and counts who waits. Asserts nothing itself:
/// the pool would catch that.
struct Slow {
    n_now: AtomicUsize,
    most: AtomicUsize,
    /// The last but one never gets an answer.
    hangs: bool,
}

struct Waiting<'a>(&'a AtomicUsize);

impl Drop for Waiting<'_> {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::SeqCst);
    }
}

impl Fetcher for Slow {
    fn fetch(&self, request: Request) -> BoxFuture<'_, Result<Response, FetchError>> {
        async move {
            self.most.fetch_max(1 + self.n_now.fetch_add(1, Ordering::SeqCst), Ordering::SeqCst);
            let _waiting = Waiting(&self.n_now);
            yield_now().await;
            if request.url.as_str().contains("h2") && self.hangs {
                std::future::pending::<()>().await;
            }
            if request.url.as_str().contains("h3") {
                // Without the hook, which would print.
                std::panic::resume_unwind(Box::new("as planned"));
            }
            yield_now().await;
            Ok(Response { status: 404, ..Response::default() })
        }
        .boxed()
    }
}

/// Each of a host of its own, by which it is known when it comes back.
fn lease(n: usize) -> Lease {
    let url = Canonicalizer::default().parse(&format!("http://h{n}/")).unwrap();
    let found = Discovery {
        role: scope::Role::Link,
        fingerprint: url.fingerprint(),
        url: url.clone(),
        depth: 0,
        kind: Kind::Page,
        nesting: 0,
        hops_off_site: 0,
        via: None,
        redirects: Vec::new(),
        verdict: Verdict::Fetch,
        rule: None,
        depends_on_way: false,
    };
    let sizes = crate::frontier::Options { max_queued: None, seen_cache_bytes: 0, buffer_bytes: 0 };
    let queued = MemoryFrontier::new(&sizes).sift(vec![found]).unwrap().admitted.remove(0);
    let (host, task) = (url.host(), Task::Visit(queued, None));
    Lease { host, task, ticket: None, may_retry: true, recalled: None, leased_at: Timestamp(0) }
}

/// What happens while the pool works.
#[derive(Clone, Copy, PartialEq)]
enum Trouble {
    Nothing,
    /// All that is in flight is to be dropped, one of which would never end.
    Abort,
    /// The recorder ends after one visit.
    NoRecorder,
}

/// A host, which must be new.
fn note(hosts: &mut BTreeSet<HostId>, host: HostId) {
    assert!(hosts.insert(host), "a lease is doubled");
}

fn check(trouble: Trouble) {
    let leases: Vec<Lease> = (0..N_LEASES).map(lease).collect();
    in_many_orders(N_ORDERS, move || {
        let clock = Clock::starting_at(Timestamp(1_700_000_000_000_000));
        let (canonicalizer, scope) = (Canonicalizer::default(), Scope::any());
        let hangs = trouble == Trouble::Abort;
        let fetcher = Arc::new(Slow { n_now: AtomicUsize::new(0), most: AtomicUsize::new(0), hangs });
        let stack = Stack { fetcher: fetcher.clone(), scope, canonicalizer, clock };
        let worker = Arc::new(Worker::new(stack, Crawl::of(&[]).options, 1, None));
        let (to_pool, from_dispatcher) = mpsc::channel(N_LEASES);
        let (to_dispatcher, mut returned) = mpsc::channel::<ToDispatcher>(1);
        let (to_recorder, mut visits) = mpsc::channel::<ToRecorder>(1);
        let abort = CancellationToken::new();
        let aborted = abort.clone();
        let pool = future::spawn(async move {
            pool::run(worker.clone(), CONCURRENCY, from_dispatcher, to_dispatcher, to_recorder, aborted).await;
            Arc::strong_count(&worker)
        });
        let recorder = future::spawn(async move {
            let mut visited = BTreeSet::new();
            while let Some(message) = visits.recv().await {
                let ToRecorder::Visit(visit) = message else { panic!("nobody asks") };
                assert!(matches!(visit.subject, Subject::Concluded { .. }), "a 404, or our fault");
                note(&mut visited, visit.host.id());
                if trouble == Trouble::NoRecorder {
                    break;
                }
            }
            visited
        });
        if trouble == Trouble::Abort {
            drop(future::spawn(async move { abort.cancel() }));
        }
        let sender = {
            let leases = leases.clone();
            future::spawn(async move {
                for lease in leases {
                    // An aborted pool takes no more.
                    let _ = to_pool.send(lease).await;
                    yield_now().await;
                }
            })
        };
        let came_back = future::block_on(async {
            let mut came_back = BTreeSet::new();
            while let Some(ToDispatcher::Returned(lease)) = returned.recv().await {
                note(&mut came_back, lease.host);
            }
            came_back
        });
        assert_eq!(future::block_on(pool).expect("it ends"), 1, "a worker outlives its pool");
        assert_eq!(fetcher.n_now.load(Ordering::SeqCst), 0, "a request outlives its pool");
        assert!(fetcher.most.load(Ordering::SeqCst) <= CONCURRENCY, "more at once than there are permits");
        future::block_on(sender).expect("it ends");
        let visited = future::block_on(recorder).expect("it ends");
        match trouble {
            Trouble::Nothing => {
                assert_eq!(came_back, leases.iter().map(|lease| lease.host.id()).collect(), "a lease is lost");
                assert_eq!(visited, came_back);
            }
            Trouble::Abort => assert_eq!(visited, came_back, "a visit without its lease, or the other way round"),
            // What lay in the channel then went with the recorder.
            Trouble::NoRecorder => assert!(visited.is_subset(&came_back)),
        }
    });
}

#[test]
fn each_lease_comes_back_once_and_its_visit_too() {
    check(Trouble::Nothing);
}

#[test]
fn aborted_at_any_point_each_lease_comes_back_with_its_visit_or_is_dropped() {
    check(Trouble::Abort);
}

#[test]
fn without_a_recorder_the_pool_ends_and_no_lease_comes_back_twice() {
    check(Trouble::NoRecorder);
}
