//! What a frontier tells of all URLs that it has seen.

use super::*;

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
        let mut seen = Vec::new();
        frontier.for_each_seen(&mut |fingerprint, known| seen.push((fingerprint, known))).unwrap();
        assert_eq!(seen.len(), 302);
        assert!(seen.is_sorted_by(|(a, _), (b, _)| a < b), "strictly ascending");
        let mut done: Vec<_> = seen.iter().filter(|(_, known)| *known == Known::Done).map(|(it, _)| *it).collect();
        let mut expected = ["http://x/", "http://h0/0", "http://h1/1"].map(|text| url(text).fingerprint());
        done.sort();
        expected.sort();
        assert_eq!(done, expected);
        assert!(seen.contains(&(url("http://new/").fingerprint(), Known::Queued)));
        frontier.begin_pass(b"next").unwrap();
        frontier.for_each_seen(&mut |_, _| panic!("nothing is known in a new pass")).unwrap();
    });
}
