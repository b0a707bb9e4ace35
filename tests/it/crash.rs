//! The short form of the crash harness: `tests/fire/crash.rs`, with fixed seeds.

use std::{collections::BTreeSet, fs, path::Path};

use regex::Regex;

use crate::fire::crash::{self, sweep::Way};

#[tokio::test(flavor = "multi_thread")]
async fn killed_at_random_and_at_failpoints_a_crawl_is_as_if_nothing_had_been() {
    let (tally, violations) = crash::play(3..=10, 6, |_, _| {}).await;
    assert!(violations.is_empty(), "{violations:#?}");
    assert!(tally.n_kills() > 20 && !tally.at_failpoints.is_empty(), "{tally:?}");
    assert!(tally.torn.cut + tally.torn.zeroed > 0 && tally.torn.longer > 0, "nothing was torn: {tally:?}");
    assert!(tally.due > 0 && tally.calm > 0, "nothing was answered long before a kill: {tally:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn every_failpoint_is_come_past_and_survived() {
    let (swept, violations) = crash::sweep::sweep(false).await;
    assert!(violations.is_empty(), "{violations:#?}");
    let (all, writes) = in_the_sources();
    let missing = |names: &BTreeSet<String>, way| -> Vec<String> {
        let came_up = |name: &str| swept.0.iter().any(|((at, its), n)| *at == name && *its == way && n.came_up > 0);
        names.iter().filter(|name| !came_up(name)).cloned().collect()
    };
    for (names, way) in [(&all, Way::Kill), (&all, Way::Error), (&writes, Way::TornFirst)] {
        assert_eq!(missing(names, way), Vec::<String>::new(), "{way:?} never came up: {swept:#?}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn damage_is_told_or_does_no_harm() {
    let (told, violations) = crash::damage::damage(1, 40).await;
    assert!(violations.is_empty(), "{violations:#?}");
    assert!(told.at_once > 0 && told.outputs > 0, "{told:?}");
}

#[test]
fn every_failpoint_is_listed() {
    let (all, writes) = in_the_sources();
    let set = |names: &[&str]| names.iter().map(|name| (*name).to_owned()).collect::<BTreeSet<_>>();
    assert_eq!(all, set(crash::FAILPOINTS));
    assert_eq!(writes, set(crash::WRITES));
}

/// The names of all failpoints, and of those that are writes.
fn in_the_sources() -> (BTreeSet<String>, BTreeSet<String>) {
    let names = |kinds: &str| {
        let names = Regex::new(&format!(r#"{kinds}\s*"([a-z.]+)""#)).unwrap();
        let mut found = BTreeSet::new();
        collect(&Path::new(env!("CARGO_MANIFEST_DIR")).join("src"), &mut |text| {
            found.extend(names.captures_iter(text).map(|found| found[1].to_owned()));
        });
        // Those of the daemon, which no crawl comes past, have their turn in `daemon/lives.rs` and `daemon/webhooks.rs`.
        found.retain(|name: &String| !name.starts_with("ledger.") && !name.starts_with("hooks."));
        found
    };
    let writes = names(r"(?:fault::write_all\(|\bwrite:)");
    let others = names(r"(?:fault::io\(|\b(?:sync|rename|folder):)");
    (others.union(&writes).cloned().collect(), writes)
}

/// Shows `each` the text of every source.
fn collect(folder: &Path, each: &mut impl FnMut(&str)) {
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            collect(&path, each);
        } else if path.extension().is_some_and(|ending| ending == "rs") && !path.ends_with("src/fault.rs") {
            each(&fs::read_to_string(path).unwrap());
        }
    }
}
