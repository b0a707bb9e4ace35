//! Traps in paths: relative links that pile up on each other, and session IDs that join them.

use super::trap;
use crate::scope::{
    Traps,
    rule::{Trap, quoted},
};

/// Longest run of segments whose repetition is looked for.
const MAX_RUN: usize = 8;
/// Segments at the beginning of a path among which recurring ones are looked for; longer paths are
/// refused for their length, unless that is switched off.
const MAX_COUNTED: usize = 256;
/// What begins a session ID in a path, in lower case: Java's, others', ASP.NET's.
const SESSION_MARKS: [&str; 4] = [";jsessionid=", ";sid=", ";phpsessid=", "/(s("];

/// The first trap in `path`, which starts with a slash.
pub(super) fn find(path: &str, traps: &Traps) -> Option<Trap> {
    too_deep(path, traps)
        .or_else(|| repeated(path, traps))
        .or_else(|| recurring(path, traps))
        .or_else(|| sessions(path, traps))
}

/// The segments; the empty one after a last slash is none.
fn segments(path: &str) -> impl Iterator<Item = &str> {
    let path = path.strip_prefix('/').unwrap_or(path);
    let path = path.strip_suffix('/').unwrap_or(path);
    path.split('/')
}

fn too_deep(path: &str, traps: &Traps) -> Option<Trap> {
    let max = traps.path_segments?;
    let n = segments(path).count();
    (n > usize::from(max)).then(|| trap("traps.path_segments", max, format!("{n} segments")))
}

/// A run of segments that stands next to itself, once and again.
///
/// For each length of a run, the streak is how many segments in a row were equal to the one so far
/// before them: a run of `p` segments that stands `n` times has a streak of `p * (n - 1)`.
fn repeated(path: &str, traps: &Traps) -> Option<Trap> {
    let bound = usize::from(traps.repeated_segments?).max(2);
    if path.bytes().filter(|byte| *byte == b'/').count() < bound {
        return None;
    }
    let mut recent = [""; MAX_RUN];
    let mut streaks = [0usize; MAX_RUN];
    for (i, segment) in segments(path).enumerate() {
        for run in 1..=MAX_RUN.min(i) {
            let streak = &mut streaks[run - 1];
            *streak = if recent[(i - run) % MAX_RUN] == segment { *streak + 1 } else { 0 };
            if *streak < run * (bound - 1) {
                continue;
            }
            let is_plain = (1..=run).all(|back| is_plain(recent[(i - back) % MAX_RUN]));
            let enough = if is_plain { 2 * bound - 1 } else { bound };
            if *streak >= run * (enough - 1) {
                let text: Vec<&str> = (1..=run).rev().map(|back| recent[(i - back) % MAX_RUN]).collect();
                // The run that ended just now began with the segment after the oldest one.
                let found = format!("{} {enough} times in a row", quoted(&rotated(&text, segment).join("/")));
                return Some(trap("traps.repeated_segments", bound, found));
            }
        }
        recent[i % MAX_RUN] = segment;
    }
    None
}

/// The last run: all but the oldest of the recent segments, and the current one.
fn rotated<'a>(recent: &[&'a str], current: &'a str) -> Vec<&'a str> {
    recent.iter().skip(1).copied().chain([current]).collect()
}

/// Numbers (parts of dates, of coordinates, of sharded names) and nothing at all.
fn is_plain(segment: &str) -> bool {
    segment.bytes().all(|byte| byte.is_ascii_digit())
}

fn recurring(path: &str, traps: &Traps) -> Option<Trap> {
    let bound = usize::from(traps.recurring_segments?).max(2);
    // Most paths have too few segments, and the buffer is better not made for them.
    if path.bytes().filter(|byte| *byte == b'/').count() < bound {
        return None;
    }
    let mut counted = [""; MAX_COUNTED];
    let mut n_counted = 0;
    for segment in segments(path).filter(|segment| !is_plain(segment)).take(MAX_COUNTED) {
        counted[n_counted] = segment;
        n_counted += 1;
    }
    let (segment, n) = most_frequent(&mut counted[..n_counted], bound)?;
    Some(trap("traps.recurring_segments", bound, format!("{} {n} times", quoted(segment))))
}

/// A text that stands at least `bound` times among `texts`, and how often. Sorts them.
pub(super) fn most_frequent<'a>(texts: &mut [&'a str], bound: usize) -> Option<(&'a str, usize)> {
    // Most URLs have too few to sort.
    if texts.len() < bound {
        return None;
    }
    texts.sort_unstable();
    let runs = texts.chunk_by(|a, b| a == b).map(|run| (run[0], run.len()));
    runs.max_by_key(|(_, n)| *n).filter(|(_, n)| *n >= bound)
}

/// A session ID in the path is a nuisance, two are a loop: links are resolved against the first.
fn sessions(path: &str, traps: &Traps) -> Option<Trap> {
    if !traps.session_ids || !path.contains([';', '(']) {
        return None;
    }
    let marks = |mark: &&str| {
        path.as_bytes().windows(mark.len()).filter(|window| window.eq_ignore_ascii_case(mark.as_bytes())).count()
    };
    let n: usize = SESSION_MARKS.iter().map(marks).sum();
    (n >= 2).then(|| trap("traps.session_ids", true, format!("{n} session IDs in the path")))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(path: &str, expected: Option<&str>) {
        let found = find(path, &Traps::default()).map(|trap| trap.to_string());
        assert_eq!(found.as_deref(), expected, "{path}");
    }

    #[test]
    fn runs_of_segments_in_a_row() {
        check("/a/b/a/b/a/b", Some("traps.repeated_segments = 3: `a/b` 3 times in a row"));
        check("/x/y/a/b/a/b/a/b/index.html", Some("traps.repeated_segments = 3: `a/b` 3 times in a row"));
        check("/a/a/a/", Some("traps.repeated_segments = 3: `a` 3 times in a row"));
        check(
            "/x/about/us/now/about/us/now/about/us/now/",
            Some("traps.repeated_segments = 3: `about/us/now` 3 times in a row"),
        );
        check("/a/a/", None);
        check("/a/b/a/b/a", None);
        check("/a/b/a/b/c/a/b", None);
    }

    #[test]
    fn numbers_may_repeat_more() {
        check("/2011/11/11/11/11/title", None);
        check("/tiles/0/0/0.png", None);
        check("/00/00/00/00/", None);
        check("/1/1/1/1/1/", Some("traps.repeated_segments = 3: `1` 5 times in a row"));
        check("/web/http:///x", None);
        check("/a//////b", Some("traps.repeated_segments = 3: `` 5 times in a row"));
        check("/1/x/1/x/1/x", Some("traps.repeated_segments = 3: `1/x` 3 times in a row"));
    }

    #[test]
    fn segments_that_come_back() {
        let path = |n: usize| {
            (0..n).fold(String::new(), |path, i| format!("{path}/nav/{}", ["x", "y", "zz"][i % 3].repeat(i + 1)))
        };
        check(&path(8), Some("traps.recurring_segments = 8: `nav` 8 times"));
        check(&path(7), None);
    }

    #[test]
    fn depth() {
        let deep = |n: usize| (0..n).fold(String::new(), |path, i| format!("{path}/s{i}"));
        check(&deep(32), None);
        check(&format!("{}/", deep(32)), None);
        check(&deep(33), Some("traps.path_segments = 32: 33 segments"));
    }

    #[test]
    fn session_ids() {
        check("/a;jsessionid=1F/b;JSESSIONID=2E/c", Some("traps.session_ids = true: 2 session IDs in the path"));
        check("/(S(abc))/x/(s(def))/y", Some("traps.session_ids = true: 2 session IDs in the path"));
        check("/a;jsessionid=1F/b", None);
        check("/Rust_(programming_language);x=1", None);
    }
}
