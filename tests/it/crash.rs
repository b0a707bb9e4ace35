//! The short form of the crash harness: `tests/fire/crash.rs`, with fixed seeds.

use std::{collections::BTreeSet, fs, path::Path};

use regex::Regex;

use crate::fire::crash;

#[tokio::test(flavor = "multi_thread")]
async fn killed_at_random_and_at_failpoints_a_crawl_is_as_if_nothing_had_been() {
    let (tally, violations) = crash::play(1..=8, 6, |_, _| {}).await;
    assert!(violations.is_empty(), "{violations:#?}");
    assert!(tally.n_kills() > 20 && tally.torn > 0 && !tally.at_failpoints.is_empty(), "{tally:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn every_failpoint_is_come_past_and_survived() {
    let (n_struck, violations) = crash::sweep::sweep(false).await;
    assert!(violations.is_empty(), "{violations:#?}");
    assert!(n_struck >= 2 * crash::FAILPOINTS.len() as u64);
}

#[tokio::test(flavor = "multi_thread")]
async fn damage_is_told_or_does_no_harm() {
    let (told, violations) = crash::damage::damage(1, 40).await;
    assert!(violations.is_empty(), "{violations:#?}");
    assert!(told.at_once > 0 && told.outputs > 0, "{told:?}");
}

#[test]
fn every_failpoint_is_listed() {
    let mut found = BTreeSet::new();
    let names = Regex::new(r#"(?:fault::(?:io|write_all)\(|\b(?:write|sync|rename|folder):)\s*"([a-z.]+)""#).unwrap();
    collect(&Path::new(env!("CARGO_MANIFEST_DIR")).join("src"), &mut |text| {
        found.extend(names.captures_iter(text).map(|found| found[1].to_owned()));
    });
    // Those of the daemon, which no crawl comes past, have their turn in `daemon/lives.rs`.
    found.retain(|name| !name.starts_with("ledger."));
    let listed: BTreeSet<_> = crash::FAILPOINTS.iter().map(|name| (*name).to_owned()).collect();
    assert_eq!(found, listed);
    assert!(crash::WRITES.iter().all(|name| listed.contains(*name)));
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
