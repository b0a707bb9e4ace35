//! What a frontier tells to those who audit it: of all URLs that it has seen, of its queue, and of damage.

use super::*;

/// All that is told of a table.
fn audit(frontier: &mut dyn Frontier, table: Table) -> Vec<Audited> {
    let mut told = Vec::new();
    frontier.audit(table, &mut |audited| told.push(audited)).unwrap();
    told
}

/// The URLs that were seen, and where they are queued.
pub(super) fn all_seen(frontier: &mut dyn Frontier) -> Vec<(Fingerprint, Option<Place>)> {
    let url = |audited| match audited {
        Audited::Seen(url, place) => (url, place),
        other => panic!("it is of another table: {other:?}"),
    };
    audit(frontier, Table::Seen).into_iter().map(url).collect()
}

/// The queues, one after the other.
pub(super) fn all_queued(frontier: &mut dyn Frontier) -> Vec<QueuedUrl> {
    let url = |audited| match audited {
        Audited::Queued(queued) => *queued,
        other => panic!("it is of another table: {other:?}"),
    };
    audit(frontier, Table::Queue).into_iter().map(url).collect()
}

#[test]
fn all_that_was_seen_is_told_once_in_order() {
    each(&OPTIONS, |frontier| {
        let refused = Discovery { verdict: Verdict::Refuse(Refusal::OutOfScope), ..found("http://x/", 0) };
        let pages = (0..300).map(|n| found(&format!("http://h{}/{n}", n % 7), 1));
        frontier.sift(pages.chain([refused]).collect()).unwrap();
        frontier.conclude(&url("http://h0/0")).unwrap();
        frontier.commit(b"book").unwrap();
        frontier.conclude(&url("http://h1/1")).unwrap();
        frontier.sift(vec![found("http://h2/2", 0), found("http://new/", 0)]).unwrap();
        let seen = all_seen(frontier);
        assert_eq!(seen.len(), 302);
        assert!(seen.is_sorted_by(|(a, _), (b, _)| a < b), "strictly ascending");
        let mut done: Vec<_> = seen.iter().filter(|(_, place)| place.is_none()).map(|(it, _)| *it).collect();
        let mut expected = ["http://x/", "http://h0/0", "http://h1/1"].map(|text| url(text).fingerprint());
        done.sort();
        expected.sort();
        assert_eq!(done, expected);
        let mut queued: Vec<_> = seen.iter().filter_map(|(url, place)| Some((*url, (*place)?))).collect();
        let queue = all_queued(frontier);
        assert!(queue.is_sorted_by_key(|queued| (queued.host().id(), queued.place)), "host by host, in order");
        let mut expected: Vec<_> = queue.iter().map(|queued| (queued.url.fingerprint(), queued.place)).collect();
        queued.sort();
        expected.sort();
        assert_eq!(
            (queued.len() as u64, queued),
            (frontier.n_queued(), expected),
            "each is queued where it is seen to be"
        );
        frontier.begin_pass(b"next").unwrap();
        assert!(all_seen(frontier).is_empty() && all_queued(frontier).is_empty(), "nothing is known in a new pass");
    });
}

#[test]
fn what_is_fine_is_told_of_without_damage() {
    each(&OPTIONS, |frontier| {
        frontier.sift(vec![found("http://a/1", 0), found("http://b:8080/2", 2)]).unwrap();
        frontier.conclude(&url("http://a/1")).unwrap();
        frontier.set_host(&HostRecord::new(url("http://a/").host())).unwrap();
        let policy = Policy::allow_all(Timestamp(5), &crate::robots::Options::default());
        for text in ["http://a/", "https://a:8443/"] {
            frontier.set_robots(host("a"), &url(text).origin(), &policy).unwrap();
        }
        frontier.set_directory_pages(host("a"), DirectoryKey::of("http://a/d/"), 7).unwrap();
        for why in [Refusal::DuplicateContent, Refusal::DirectoryPageLimit] {
            let retired = Retired { directory: "http://a/d/".into(), why, rule: "rule".into() };
            frontier.retire(host("a"), &retired).unwrap();
        }
        frontier.set_validators(url("http://a/1").fingerprint(), Some(&kept(1))).unwrap();
        frontier.commit(b"book").unwrap();
        let told = Table::ALL.map(|table| audit(frontier, table).len());
        assert_eq!(told, [2, 1, 0, 0, 0, 0, 0]);
    });
}

#[test]
fn what_it_remembers_is_no_news_to_it() {
    each(&OPTIONS, |frontier| {
        let Some(recent) = frontier.recent() else { return };
        let mut random = 7u64;
        let mut below = |n: u64| {
            random = random.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            (random >> 33) % n
        };
        let told = |it: &Discovery| (it.fingerprint, it.forward_to());
        let (mut n_known, mut n_moved) = (0, 0);
        for _ in 0..500 {
            let batch: Vec<Discovery> = (0..10)
                .map(|_| {
                    let n = below(60);
                    let it = found(&format!("http://h{}/{n}", n % 3), u16::try_from(below(6)).expect("it is small"));
                    match below(8) {
                        0 => Discovery { verdict: Verdict::Refuse(Refusal::OutOfScope), ..it },
                        1 => Discovery { verdict: Verdict::Refuse(Refusal::TooDeep), depends_on_way: true, ..it },
                        _ => it,
                    }
                })
                .collect();
            let mut flags = recent.may_be_news(batch.iter().map(told)).into_iter();
            let (news, known) = batch.into_iter().partition::<Vec<_>, _>(|_| flags.next().expect("one for each"));
            n_known += known.len();
            if below(2) == 0 {
                // Whoever asks and whoever tells are two, and time passes in between.
                frontier.conclude(&url(&format!("http://h0/{}", 3 * below(20)))).unwrap();
            }
            let sifted = frontier.sift(known).unwrap();
            assert_eq!((sifted.admitted.len(), sifted.refused.len(), sifted.moved.len()), (0, 0, 0));
            n_moved += frontier.sift(news).unwrap().moved.len();
        }
        assert!(n_known > 4000 && n_moved > 10, "{n_known} known, {n_moved} moved");
        frontier.begin_pass(b"next").unwrap();
        let flags = recent.may_be_news([found("http://h0/0", 0)].iter().map(told));
        assert_eq!(flags, [true], "in a new pass nothing is known, whoever had it from before");
    });
}
