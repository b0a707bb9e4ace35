//! What every [`Frontier`] promises, run against each adapter.

mod durable;
mod seen;

use proptest::prelude::*;

use super::*;
use crate::{address::Canonicalizer, verdict::Refusal};

const OPTIONS: Options = Options { max_queued: None, seen_cache_bytes: 1 << 12, buffer_bytes: 1 << 10 };

fn url(text: &str) -> CanonicalUrl {
    Canonicalizer::default().parse(text).expect("valid")
}

fn found(text: &str, depth: u16) -> Discovery {
    let url = url(text);
    Discovery {
        fingerprint: url.fingerprint(),
        url,
        role: Role::Link,
        depth,
        kind: Kind::Page,
        nesting: 0,
        hops_off_site: 0,
        via: Some("http://via.example/".into()),
        redirects: Vec::new(),
        verdict: Verdict::Fetch,
        rule: None,
        depends_on_way: false,
    }
}

fn host(name: &str) -> HostId {
    url(&format!("http://{name}/")).host().id()
}

fn texts(queued: &[QueuedUrl]) -> Vec<&str> {
    queued.iter().map(|q| q.url.as_str()).collect()
}

/// Runs `test` on an empty frontier of each kind; the disk's is in a folder of its own.
fn each(options: &Options, test: impl Fn(&mut dyn Frontier)) {
    test(&mut MemoryFrontier::new(options));
    let folder = tempfile::tempdir().expect("a temporary folder");
    test(&mut DiskFrontier::create(&folder.path().join("frontier"), options).expect("created"));
}

#[test]
fn a_url_is_admitted_once() {
    each(&OPTIONS, |frontier| {
        let sifted =
            frontier.sift(vec![found("http://a/1", 0), found("http://a/1", 0), found("http://a/2", 1)]).unwrap();
        assert_eq!(texts(&sifted.admitted), ["http://a/1", "http://a/2"]);
        assert!(frontier.sift(vec![found("http://a/2", 1)]).unwrap().admitted.is_empty());
        assert_eq!(frontier.n_queued(), 2);
        assert!(frontier.conclude(&url("http://a/1")).unwrap());
        assert!(!frontier.conclude(&url("http://a/1")).unwrap(), "done is for ever");
        assert!(frontier.sift(vec![found("http://a/1", 0)]).unwrap().admitted.is_empty());
        assert_eq!(frontier.n_queued(), 1);
    });
}

#[test]
fn queues_are_per_host_and_ordered_by_depth_then_discovery() {
    each(&OPTIONS, |frontier| {
        frontier
            .sift(vec![
                found("http://a/deep", 2),
                found("http://b/1", 0),
                found("http://a/1", 1),
                found("http://a/2", 1),
            ])
            .unwrap();
        let queue = frontier.head(host("a"), None, 10).unwrap();
        assert_eq!(texts(&queue), ["http://a/1", "http://a/2", "http://a/deep"]);
        assert_eq!(queue[0].via.as_deref(), Some("http://via.example/"));
        let rest = frontier.head(host("a"), Some(queue[0].place), 1).unwrap();
        assert_eq!(texts(&rest), ["http://a/2"]);
        let mut hosts = vec![host("a"), host("b")];
        hosts.sort();
        assert_eq!(frontier.waiting_hosts(None, 10, None).unwrap().hosts, hosts);
        assert_eq!(frontier.waiting_hosts(None, 10, Some(0)).unwrap().hosts, [host("b")]);
        assert_eq!(frontier.waiting_hosts(Some(hosts[0]), 10, None).unwrap().hosts, hosts[1..]);
    });
}

#[test]
fn refused_urls_are_done_at_once() {
    each(&OPTIONS, |frontier| {
        let refused = Discovery { verdict: Verdict::Refuse(Refusal::OutOfScope), ..found("http://x/", 0) };
        let sifted = frontier.sift(vec![refused.clone(), refused]).unwrap();
        assert_eq!(sifted.refused.len(), 1);
        assert!(frontier.sift(vec![found("http://x/", 0)]).unwrap().admitted.is_empty());
        assert_eq!(frontier.n_queued(), 0);
    });
}

#[test]
fn what_only_its_way_refuses_waits_for_another() {
    each(&OPTIONS, |frontier| {
        let refused = |text| Discovery {
            verdict: Verdict::Refuse(Refusal::TooFar),
            rule: Some("scope.hops_off_site = 1".into()),
            depends_on_way: true,
            ..found(text, 3)
        };
        let sifted = frontier.sift(vec![refused("http://a/1"), refused("http://a/2"), found("http://a/3", 9)]).unwrap();
        assert!(sifted.refused.is_empty());
        assert_eq!(texts(&frontier.head(host("a"), None, 9).unwrap()), ["http://a/3", "http://a/1", "http://a/2"]);
        let sifted = frontier.sift(vec![refused("http://a/1"), found("http://a/2", 9)]).unwrap();
        assert_eq!((sifted.moved.len(), sifted.moved[0].1.held.is_none()), (1, true));
        let queue = frontier.head(host("a"), None, 9).unwrap();
        assert_eq!(texts(&queue), ["http://a/2", "http://a/3", "http://a/1"]);
        assert_eq!((queue[0].depth(), queue[2].depth()), (9, 3));
        let held = queue[2].held.as_deref().unwrap();
        assert_eq!(
            (held.refused.why, held.refused.rule.as_deref()),
            (Refusal::TooFar, Some("scope.hops_off_site = 1"))
        );
        assert_eq!(frontier.n_queued(), 3);
    });
}

#[test]
fn a_full_queue_refuses() {
    each(&Options { max_queued: Some(1), ..OPTIONS }, |frontier| {
        let sifted = frontier.sift(vec![found("http://a/1", 0), found("http://a/2", 0)]).unwrap();
        assert_eq!(texts(&sifted.admitted), ["http://a/1"]);
        assert_eq!(sifted.refused[0].1, Refusal::QueueFull);
    });
}

#[test]
fn a_shorter_way_moves_a_url_forward() {
    each(&OPTIONS, |frontier| {
        frontier.sift(vec![found("http://a/1", 2), found("http://a/2", 5)]).unwrap();
        let sifted = frontier.sift(vec![found("http://a/2", 1), found("http://a/1", 2)]).unwrap();
        assert_eq!(sifted.moved.len(), 1);
        assert_eq!(sifted.moved[0].0.depth, 5);
        assert_eq!(texts(&frontier.head(host("a"), None, 9).unwrap()), ["http://a/2", "http://a/1"]);
        assert!(frontier.conclude(&url("http://a/2")).unwrap());
        assert!(frontier.sift(vec![found("http://a/2", 0)]).unwrap().moved.is_empty());
    });
}

#[test]
fn a_postponed_url_keeps_its_place() {
    each(&OPTIONS, |frontier| {
        let mut queued = frontier.sift(vec![found("http://a/1", 0)]).unwrap().admitted.remove(0);
        queued.attempts = 2;
        queued.not_before = Timestamp(99);
        frontier.postpone(&queued).unwrap();
        assert_eq!(frontier.head(host("a"), None, 9).unwrap(), [queued.clone()]);
        frontier.conclude(&queued.url).unwrap();
        frontier.postpone(&queued).unwrap();
        assert!(frontier.head(host("a"), None, 9).unwrap().is_empty(), "done is for ever");
    });
}

#[test]
fn a_shorter_way_to_what_is_tried_again_is_kept() {
    each(&OPTIONS, |frontier| {
        let leased = frontier.sift(vec![found("http://a/1", 5)]).unwrap().admitted.remove(0);
        let shorter = Discovery { via: Some("http://nearer.example/".into()), ..found("http://a/1", 2) };
        let moved = frontier.sift(vec![shorter]).unwrap().moved.remove(0).1;
        frontier.postpone(&QueuedUrl { attempts: 1, not_before: Timestamp(99), ..leased }).unwrap();
        let expected = QueuedUrl { attempts: 1, not_before: Timestamp(99), ..moved };
        assert_eq!(expected.via.as_deref(), Some("http://nearer.example/"));
        assert_eq!(frontier.head(host("a"), None, 9).unwrap(), [expected]);
    });
}

#[test]
fn a_search_for_hosts_comes_past_what_is_done_a_part_at_a_time() {
    each(&OPTIONS, |frontier| {
        for batch in 0..10 {
            let urls: Vec<_> = (0..1000).map(|n| found(&format!("http://a/{batch}/{n}"), 0)).collect();
            for queued in frontier.sift(urls).unwrap().admitted {
                frontier.conclude(&queued.url).unwrap();
            }
        }
        frontier.sift(vec![found("http://b/", 0), found("http://c/", 3)]).unwrap();
        let (mut hosts, mut after) = (Vec::new(), None);
        for _ in 0..100 {
            let waiting = frontier.waiting_hosts(after, 9, Some(2)).unwrap();
            hosts.extend(waiting.hosts);
            assert!(waiting.reached.is_none() || waiting.reached >= after, "it goes on");
            after = waiting.reached;
            if after.is_none() {
                break;
            }
        }
        assert_eq!((hosts, after), (vec![host("b")], None));
    });
}

#[test]
fn hosts_are_remembered() {
    each(&OPTIONS, |frontier| {
        let mut record = HostRecord::new(url("http://a/").host());
        assert!(frontier.host(host("a")).unwrap().is_none());
        record.state.errors_in_row = 7;
        frontier.set_host(&record).unwrap();
        assert_eq!(frontier.host(host("a")).unwrap().unwrap().state.errors_in_row, 7);
        let mut names = Vec::new();
        frontier.for_each_host(&mut |record| names.push(record.host.to_string())).unwrap();
        assert_eq!(names, ["a"]);
    });
}

#[test]
fn directories_are_counted_and_retired() {
    each(&OPTIONS, |frontier| {
        let key = DirectoryKey::of("http://a/d/");
        assert_eq!(frontier.directory_pages(host("a"), key).unwrap(), 0);
        frontier.set_directory_pages(host("a"), key, 7).unwrap();
        assert_eq!(frontier.directory_pages(host("a"), key).unwrap(), 7);
        assert_eq!(frontier.directory_pages(host("b"), key).unwrap(), 0);

        let retired = |n: usize| Retired {
            directory: format!("http://a/{n}/"),
            why: Refusal::DuplicateContent,
            rule: "traps.same_content = 3".into(),
        };
        assert!(frontier.retired(host("a")).unwrap().is_empty());
        for n in [0, 1, 0] {
            frontier.retire(host("a"), &retired(n)).unwrap();
        }
        let full = Retired { why: Refusal::DirectoryPageLimit, ..retired(0) };
        frontier.retire(host("a"), &full).unwrap();
        let kept = frontier.retired(host("a")).unwrap();
        assert_eq!(kept.len(), 3, "a directory can be done with for two reasons: {kept:?}");
        assert!([retired(0), retired(1), full].iter().all(|one| kept.contains(one)));
        assert!(frontier.retired(host("b")).unwrap().is_empty());
    });
}

#[test]
fn the_status_of_a_url_is_told() {
    each(&OPTIONS, |frontier| {
        frontier.sift(vec![found("http://a/2", 2), found("http://b/1", 0), found("http://a/1", 1)]).unwrap();
        assert_eq!(frontier.status(&url("http://a/0")).unwrap(), Status::Unseen);
        let Status::Queued { queued, n_before } = frontier.status(&url("http://a/2")).unwrap() else {
            panic!("it is queued")
        };
        assert_eq!((queued.url, n_before), (url("http://a/2"), 1));
        frontier.conclude(&url("http://a/1")).unwrap();
        assert_eq!(frontier.status(&url("http://a/1")).unwrap(), Status::Done);
        assert!(matches!(frontier.status(&url("http://a/2")).unwrap(), Status::Queued { n_before: 0, .. }));
    });
}

fn kept(pass: u32) -> Validators {
    let etag = Some(format!("\"{pass}\"").into_bytes());
    Validators { pass, etag, last_modified: None, digest: [7; 32], is_sitemap: false, links: vec![1, 2, 3] }
}

#[test]
fn a_new_pass_knows_hosts_and_validators_and_no_url() {
    each(&OPTIONS, |frontier| {
        let (page, key) = (url("http://a/1"), DirectoryKey::of("http://a/d/"));
        frontier.sift(vec![found("http://a/1", 0), found("http://a/2", 3)]).unwrap();
        frontier.conclude(&page).unwrap();
        assert_eq!(frontier.validators(page.fingerprint()).unwrap(), None);
        frontier.set_validators(page.fingerprint(), Some(&kept(1))).unwrap();
        frontier.set_directory_pages(host("a"), key, 7).unwrap();
        let retired = Retired {
            directory: "http://a/d/".into(),
            why: Refusal::DuplicateContent,
            rule: "traps.same_content".into(),
        };
        frontier.retire(host("a"), &retired).unwrap();
        for n in 0..3000 {
            let mut record = HostRecord::new(url(&format!("http://h{n}/")).host());
            (record.state.not_before, record.state.given_up, record.state.errors_in_row) = (Timestamp(n), true, 20);
            record.tally.fetched = 9;
            frontier.set_host(&record).unwrap();
        }
        let origin = page.origin();
        let policy = Policy::allow_all(Timestamp(5), &crate::robots::Options::default());
        frontier.set_robots(host("a"), &origin, &policy).unwrap();
        frontier.commit(b"first").unwrap();

        frontier.begin_pass(b"second").unwrap();
        let known = frontier.robots(host("a")).unwrap();
        assert!(known[0].0 == origin && known[0].1.is_expired(Timestamp(6)), "{known:?}");
        assert_eq!((frontier.book(), frontier.n_queued()), (b"second".as_slice(), 0));
        assert!(frontier.waiting_hosts(None, 9, None).unwrap().hosts.is_empty());
        assert_eq!(frontier.status(&page).unwrap(), Status::Unseen);
        assert_eq!(frontier.directory_pages(host("a"), key).unwrap(), 0);
        assert!(frontier.retired(host("a")).unwrap().is_empty());
        for n in [0, 1, 2999] {
            let record = frontier.host(host(&format!("h{n}"))).unwrap().unwrap();
            assert_eq!(record.state.not_before, Timestamp(n), "what is owed is still owed");
            assert!(!record.state.given_up && record.state.errors_in_row == 0 && record.tally == HostTally::default());
        }
        assert_eq!(frontier.validators(page.fingerprint()).unwrap(), Some(kept(1)));
        let sifted = frontier.sift(vec![found("http://a/1", 0), found("http://a/3", 0)]).unwrap();
        assert_eq!(texts(&sifted.admitted), ["http://a/1", "http://a/3"]);
        frontier.set_validators(page.fingerprint(), Some(&kept(2))).unwrap();
        assert_eq!(frontier.validators(page.fingerprint()).unwrap(), Some(kept(2)));
        frontier.set_validators(page.fingerprint(), None).unwrap();
        assert_eq!(frontier.validators(page.fingerprint()).unwrap(), None);
    });
}

/// One random step, the same for a frontier and for the model that it is compared with.
#[derive(Debug, Clone)]
enum Step {
    Sift(Vec<(u8, u8, u16)>),
    Conclude(u8, u8),
    Commit,
    Settle,
    Reopen,
}

fn step() -> impl Strategy<Value = Step> {
    let name = (0u8..4, 0u8..20);
    prop_oneof![
        proptest::collection::vec((0u8..4, 0u8..20, 0u16..4), 1..12).prop_map(Step::Sift),
        name.prop_map(|(host, page)| Step::Conclude(host, page)),
        Just(Step::Commit),
        Just(Step::Settle),
        Just(Step::Reopen),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]
    #[test]
    fn disk_and_memory_agree(steps in proptest::collection::vec(step(), 1..60)) {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("f");
        // So small that nearly every commit becomes runs, and that nothing is remembered.
        let options = Options { buffer_bytes: 1, seen_cache_bytes: 0, ..OPTIONS };
        let mut disk = DiskFrontier::create(&path, &options).unwrap();
        let mut memory = MemoryFrontier::new(&OPTIONS);
        let name = |host: u8, page: u8| format!("http://h{host}/{page}");
        for step in steps {
            match step {
                Step::Sift(pages) => {
                    let batch: Vec<_> = pages.iter().map(|(h, p, depth)| found(&name(*h, *p), *depth)).collect();
                    let (a, b) = (disk.sift(batch.clone()).unwrap(), memory.sift(batch).unwrap());
                    prop_assert_eq!(a.admitted, b.admitted);
                    prop_assert_eq!(a.moved, b.moved);
                }
                Step::Conclude(h, p) => {
                    let url = url(&name(h, p));
                    // Only what was seen is ever concluded.
                    if memory.sift(vec![found(&name(h, p), 9)]).unwrap().admitted.is_empty() {
                        prop_assert_eq!(disk.conclude(&url).unwrap(), memory.conclude(&url).unwrap());
                    } else {
                        disk.sift(vec![found(&name(h, p), 9)]).unwrap();
                    }
                }
                Step::Commit => disk.commit(b"x").unwrap(),
                Step::Settle => disk.settle().unwrap(),
                Step::Reopen => {
                    disk.commit(b"x").unwrap();
                    drop(disk);
                    disk = DiskFrontier::open(&path, &options).unwrap();
                }
            }
            prop_assert_eq!(disk.n_queued(), memory.n_queued());
        }
        for h in 0..4 {
            let id = host(&format!("h{h}"));
            prop_assert_eq!(disk.head(id, None, 99).unwrap(), memory.head(id, None, 99).unwrap());
        }
        prop_assert_eq!(disk.waiting_hosts(None, 9, None).unwrap().hosts, memory.waiting_hosts(None, 9, None).unwrap().hosts);
        prop_assert_eq!(disk.waiting_hosts(None, 9, Some(1)).unwrap().hosts, memory.waiting_hosts(None, 9, Some(1)).unwrap().hosts);
        prop_assert_eq!(seen::all_seen(&mut disk), seen::all_seen(&mut memory));
        prop_assert_eq!(seen::all_queued(&mut disk), seen::all_queued(&mut memory));
    }
}
