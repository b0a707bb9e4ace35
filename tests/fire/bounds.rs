//! What a series of vital signs must be like: no count over its bound, none that grows with time, and none missing.
//!
//! A bound that a run comes nowhere near is not tried by it, so each [`Bound`] says whether the run is to come to it, and
//! the run is told when it did not. Which bounds there are and how they follow from a configuration is for whoever
//! chooses that to say.

use std::collections::BTreeSet;

use super::vitals::{Sign, settled, thirds};

/// The most that a count may be.
#[derive(Debug, Clone)]
pub(crate) struct Bound {
    pub(crate) name: &'static str,
    pub(crate) most: u64,
    pub(crate) kind: Kind,
}

/// How a bounded count behaves.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    /// It fills up until it is at its bound, and comes there, or within a tenth of it.
    Full,
    /// It would fill up, and the run is too small for that, which is why. That it grows says nothing, and that it is
    /// below its bound says little.
    Filling(&'static str),
    /// It goes up and down with the load. That it grows over time would be as wrong as too many.
    Swaying,
}

/// Counts that grow because the crawl goes on, and nothing in memory with them.
const PROGRESS: [&str; 3] = ["pages", "discovered", "peak_rss_bytes"];

/// What every sign says.
const ALWAYS: [&str; 5] = ["pages", "discovered", "rss_bytes", "tasks", "sockets"];

/// How much a count may differ between two thirds of a run, beyond a tenth.
fn slack(name: &str) -> u64 {
    match name {
        "rss_bytes" => 8 << 20,
        name if name.ends_with("_bytes") || name.ends_with(".bytes") => 4 << 20,
        _ => 32,
    }
}

/// What is wrong whatever the crawl was like and however long it took: counts that are missing, are over their bound,
/// or did not come to the bound that they are held against.
pub(crate) fn broken(signs: &[Sign], bounds: &[Bound]) -> Vec<String> {
    if signs.is_empty() {
        return vec!["no vital signs were logged".to_owned()];
    }
    let missing = bounds.iter().map(|bound| bound.name).chain(ALWAYS).filter_map(|name| missing(signs, name));
    let wrong = bounds.iter().filter_map(|Bound { name, most, kind }| {
        let values = signs.iter().filter_map(|sign| sign.of(name));
        let highest = values.max()?;
        if highest > *most {
            return Some(format!("{name} is {highest}, over its bound of {most}"));
        }
        let is_tried = *kind != Kind::Full || highest >= most - most / 10;
        (!is_tried).then(|| format!("{name} is {highest} at most, which does not try its bound of {most}"))
    });
    missing.chain(wrong).collect()
}

/// A count that must be in every sign once the crawl has settled.
fn missing(signs: &[Sign], name: &str) -> Option<String> {
    let n_missing = settled(signs).iter().filter(|sign| sign.of(name).is_none()).count();
    (n_missing > 0).then(|| format!("{name} is missing {n_missing} times"))
}

/// Which counts grow with time: those whose medians rise from third to third, and in all by more than a tenth and a
/// slack. Not those that fill up to a bound.
pub(crate) fn growing(signs: &[Sign], bounds: &[Bound]) -> Vec<String> {
    let fills = |name: &str| bounds.iter().any(|bound| bound.name == name && bound.kind != Kind::Swaying);
    let names: BTreeSet<&String> = signs.iter().flat_map(|sign| sign.counts.keys()).collect();
    let judged = names.into_iter().filter(|name| !PROGRESS.contains(&name.as_str()) && !fills(name));
    let grows = |name: &&String| {
        let [first, second, third] = thirds(signs, name);
        first < second && second < third && third > first + first / 10 + slack(name)
    };
    judged.filter(grows).map(|name| format!("{name} grows: {:?}", thirds(signs, name))).collect()
}

/// The bounds that a run is not to come to, and why, for whoever reads its results.
pub(crate) fn untried(bounds: &[Bound]) -> Vec<String> {
    let untried = bounds.iter().filter_map(|Bound { name, most, kind }| match kind {
        Kind::Filling(why) => Some(format!("{name} (at most {most}): {why}")),
        Kind::Full | Kind::Swaying => None,
    });
    untried.collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A hundred signs with everything in them that must be, and one more count.
    fn signs(name: &str, value: impl Fn(u64) -> Option<u64>) -> Vec<Sign> {
        let always = || ALWAYS.iter().map(|name| ((*name).to_owned(), 500));
        let own = |at| value(at).map(|n| (name.to_owned(), n));
        let sign = |at| Sign { at, counts: always().filter(|(other, _)| other != name).chain(own(at)).collect() };
        (0..100).map(sign).collect()
    }

    fn bound(name: &'static str, most: u64, kind: Kind) -> Vec<Bound> {
        vec![Bound { name, most, kind }]
    }

    #[test]
    fn what_grows_is_told_from_what_sways() {
        let check = |name: &'static str, value: fn(u64) -> u64, bounds: &[Bound], expected: bool| {
            let growing = growing(&signs(name, |at| Some(value(at))), bounds);
            assert_eq!(growing.len(), usize::from(expected), "{name}: {growing:?}");
            assert!(growing.iter().all(|text| text.starts_with(name)), "{growing:?}");
        };
        check("tasks", |_| 500, &[], false);
        check("tasks", |at| at.min(20) * 50, &[], false);
        check("tasks", |at| 500 + at % 7 * 30, &[], false);
        check("tasks", |at| 500 + at / 2, &[], false);
        check("tasks", |at| 500 + at * 3, &[], true);
        check("tasks", |at| at * at, &[], true);
        // Up and down again.
        check("tasks", |at| 500 + (100 - at) * 3, &[], false);
        check("pages", |at| at * 100, &[], false);
        let (rises, mib) = (|at| at * 10, |at| at << 20);
        check("a.map", rises, &[], true);
        check("a.map", rises, &bound("another", 9999, Kind::Full), true);
        check("a.map", rises, &bound("a.map", 9999, Kind::Swaying), true);
        check("a.map", rises, &bound("a.map", 990, Kind::Full), false);
        check("a.map", rises, &bound("a.map", 9999, Kind::Filling("it is large")), false);
        // Bytes have more room, and no end of it.
        check("a.held_bytes", rises, &[], false);
        check("rss_bytes", |at| (500 << 20) + (at << 18), &[], false);
        check("rss_bytes", |at| (50 << 20) + (at << 19), &[], true);
        check("a.held_bytes", mib, &[], true);
        check("a.bytes", mib, &[], true);
    }

    #[test]
    fn what_is_there_for_a_part_of_the_run_is_judged_as_well() {
        let late = signs("a.map", |at| (at < 99).then_some(at * 10));
        assert_eq!(growing(&late, &[]).len(), 1, "it is not in the last sign");
    }

    #[test]
    fn what_is_over_its_bound_is_told_and_what_does_not_try_it() {
        let check = |most, kind, value: fn(u64) -> u64, expected: &str| {
            let broken = broken(&signs("a.map", |at| Some(value(at))), &bound("a.map", most, kind));
            let told: Vec<_> = broken.iter().map(|text| text.trim_start_matches("a.map is ")).collect();
            assert_eq!(told.join("; "), expected, "{kind:?}");
        };
        let large = Kind::Filling("it is large");
        check(100, Kind::Full, |at| at.min(90), "");
        check(100, Kind::Full, |at| at.min(89), "89 at most, which does not try its bound of 100");
        // Once is enough, at the beginning too.
        check(100, Kind::Full, |at| if at == 3 { 101 } else { 95 }, "101, over its bound of 100");
        check(100, Kind::Swaying, |at| if at == 3 { 101 } else { 0 }, "101, over its bound of 100");
        check(100, large, |at| at + 3, "102, over its bound of 100");
        check(100, Kind::Swaying, |_| 0, "");
        check(100, large, |_| 0, "");
        assert_eq!(untried(&bound("a.map", 100, large)), ["a.map (at most 100): it is large"]);
    }

    #[test]
    fn what_is_missing_is_not_nothing() {
        let check = |name: &'static str, value: fn(u64) -> Option<u64>, expected: &[&str]| {
            let bounds = bound("a.map", 100, Kind::Swaying);
            let with_map = |mut sign: Sign| {
                sign.counts.entry("a.map".to_owned()).or_insert(7);
                sign
            };
            let mut signs = signs(name, value);
            if name != "a.map" {
                signs = signs.into_iter().map(with_map).collect();
            }
            assert_eq!(broken(&signs, &bounds), expected);
        };
        check("tasks", |_| Some(3), &[]);
        check("a.map", |_| None, &["a.map is missing 80 times"]);
        check("a.map", |at| (at != 50).then_some(1), &["a.map is missing 1 times"]);
        check("rss_bytes", |_| None, &["rss_bytes is missing 80 times"]);
        // It takes a moment until everybody has said what he holds.
        check("a.map", |at| (at > 3).then_some(1), &[]);
        assert_eq!(broken(&[], &[]), ["no vital signs were logged"]);
    }
}
