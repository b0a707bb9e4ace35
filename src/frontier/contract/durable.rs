//! What a frontier on disk promises beyond the contract: what is committed outlives the process, what is not never
//! happened, and damage is named.

use super::*;

#[test]
fn a_pass_begins_whole_or_not_at_all() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("frontier");
    let mut frontier = DiskFrontier::create(&path, &OPTIONS).unwrap();
    let page = url("http://a/1").fingerprint();
    frontier.sift(vec![found("http://a/1", 0), found("http://a/2", 0)]).unwrap();
    frontier.set_validators(page, Some(&kept(1))).unwrap();
    frontier.commit(b"first").unwrap();
    frontier.set_validators(page, Some(&kept(2))).unwrap();
    // A place that is taken: the new manifest can't be put there.
    std::fs::create_dir(path.join("manifest.new")).unwrap();
    frontier.begin_pass(b"second").unwrap_err();
    assert!(frontier.commit(b"third").is_err(), "it must be dropped");
    drop(frontier);
    std::fs::remove_dir(path.join("manifest.new")).unwrap();
    let mut again = DiskFrontier::open(&path, &OPTIONS).unwrap();
    assert_eq!((again.book(), again.n_queued()), (b"first".as_slice(), 2), "it was not committed");
    assert_eq!(again.validators(page).unwrap(), Some(kept(1)));
    again.begin_pass(b"second").unwrap();
    drop(again);
    let mut again = DiskFrontier::open(&path, &OPTIONS).unwrap();
    assert_eq!((again.book(), again.n_queued()), (b"second".as_slice(), 0));
    assert_eq!(again.validators(page).unwrap(), Some(kept(1)));
}

#[test]
fn what_is_not_committed_never_happened() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("frontier");
    let mut frontier = DiskFrontier::create(&path, &OPTIONS).unwrap();
    frontier.sift(vec![found("http://a/1", 0), found("http://a/2", 0)]).unwrap();
    frontier.commit(b"first").unwrap();
    frontier.conclude(&url("http://a/1")).unwrap();
    frontier.sift(vec![found("http://a/3", 0)]).unwrap();
    drop(frontier);

    let mut again = DiskFrontier::open(&path, &OPTIONS).unwrap();
    assert_eq!(again.book(), b"first");
    assert_eq!(again.n_queued(), 2);
    assert_eq!(texts(&again.head(host("a"), None, 9).unwrap()), ["http://a/1", "http://a/2"]);
    let sifted = again.sift(vec![found("http://a/3", 0)]).unwrap();
    assert_eq!(sifted.admitted[0].place.seq, 2, "numbers of discovery go on where the commit left them");
}

/// Every file of a store, by name.
fn files(folder: &std::path::Path) -> std::collections::BTreeMap<String, Vec<u8>> {
    let entries = std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap());
    entries.map(|entry| (entry.file_name().into_string().unwrap(), std::fs::read(entry.path()).unwrap())).collect()
}

/// Reads all that there is.
fn read_all(path: &std::path::Path) -> Result<(Vec<u8>, u64, usize), FrontierError> {
    let mut frontier = DiskFrontier::look(path, &OPTIONS)?;
    let n_seen = audited(&mut frontier, Table::Seen)?;
    frontier.for_each_host(&mut |_| {})?;
    let mut after = None;
    loop {
        let waiting = frontier.waiting_hosts(after, usize::MAX, None)?;
        for host in waiting.hosts {
            frontier.head(host, None, usize::MAX)?;
            frontier.robots(host)?;
        }
        after = waiting.reached;
        if after.is_none() {
            break;
        }
    }
    Ok((frontier.book().to_vec(), frontier.n_queued(), n_seen))
}

/// How many URLs a table tells of.
fn audited(frontier: &mut DiskFrontier, table: Table) -> Result<usize, FrontierError> {
    let (mut n_told, mut damage) = (0, None);
    frontier.audit(table, &mut |audited| match audited {
        Audited::Damaged(error) => damage = Some(error),
        _ => n_told += 1,
    })?;
    damage.map_or(Ok(n_told), Err)
}

/// A store with runs of all that is asked for, and a log with two commits behind them.
fn store_with_everything(path: &std::path::Path) {
    let mut frontier = DiskFrontier::create(path, &OPTIONS).unwrap();
    for n in 0..4 {
        frontier.sift((0..100).map(|i| found(&format!("http://h{i}/{n}"), 0)).collect()).unwrap();
        for i in 0..20 {
            frontier.set_host(&HostRecord::new(url(&format!("http://h{i}/")).host())).unwrap();
        }
        frontier.commit(b"book").unwrap();
        frontier.settle().unwrap();
    }
    drop(frontier);
    let mut frontier = DiskFrontier::open(path, &Options { buffer_bytes: 1 << 20, ..OPTIONS }).unwrap();
    for n in 0..2 {
        frontier.sift(vec![found(&format!("http://late/{n}"), 0)]).unwrap();
        frontier.commit(b"book").unwrap();
    }
}

#[test]
fn damage_is_named_and_nothing_is_changed() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("frontier");
    store_with_everything(&path);
    let whole = files(&path);
    assert!(whole.keys().filter(|name| name.starts_with("run-")).count() >= 3, "{:?}", whole.keys());
    let expected = read_all(&path).unwrap();
    assert_eq!(expected, (b"book".to_vec(), 402, 402));
    for (name, bytes) in whole.iter().filter(|(name, _)| *name != "lock") {
        let file = path.join(name);
        let spots = (0..bytes.len()).step_by(1 + bytes.len() / 200).chain(bytes.len().checked_sub(1));
        let flipped = spots.map(|at| {
            let mut bad = bytes.clone();
            bad[at] ^= 1 << (at % 8);
            bad
        });
        let cut = [0, 1, bytes.len() / 2, bytes.len() - 1].map(|length| bytes[..length].to_vec());
        for (n, bad) in flipped.chain(cut).chain([b"no store at all".repeat(99), vec![0; bytes.len()]]).enumerate() {
            std::fs::write(&file, &bad).unwrap();
            let before = files(&path);
            let error = read_all(&path).expect_err(&format!("{name}, damage {n}"));
            let is_named = match &error {
                FrontierError::Corrupted { path, .. } => path.starts_with(folder.path()),
                FrontierError::Format { .. } => name == "manifest",
                _ => false,
            };
            assert!(is_named, "{name}, damage {n}: {error}");
            assert!(files(&path) == before, "{name}, damage {n}: something was changed");
        }
        std::fs::remove_file(&file).unwrap();
        assert!(matches!(read_all(&path), Err(FrontierError::Corrupted { .. })), "{name} is missing");
        std::fs::write(&file, bytes).unwrap();
        assert_eq!(read_all(&path).unwrap(), expected, "{name}");
    }
    all_damage_is_told(&path, &whole);
    let frontier = DiskFrontier::open(&path, &OPTIONS).unwrap();
    assert!(matches!(DiskFrontier::open(&path, &OPTIONS), Err(FrontierError::InUse(_))));
    drop(frontier);
    std::fs::write(path.join("notes"), "mine").unwrap();
    DiskFrontier::remove(&path).unwrap_err();
    assert_eq!(files(&path).keys().collect::<Vec<_>>(), ["notes"]);
    std::fs::remove_file(path.join("notes")).unwrap();
    DiskFrontier::remove(&path).unwrap();
    assert!(!path.exists());
}

/// Spoils the first block of every run at once: each is told of, by whichever table it is of.
fn all_damage_is_told(path: &std::path::Path, whole: &std::collections::BTreeMap<String, Vec<u8>>) {
    let runs = || whole.iter().filter(|(name, _)| name.starts_with("run-"));
    for (name, bytes) in runs() {
        let mut bad = bytes.clone();
        bad[0] ^= 1;
        std::fs::write(path.join(name), bad).unwrap();
    }
    let mut frontier = DiskFrontier::look(path, &OPTIONS).unwrap();
    let mut told = Vec::new();
    for table in Table::ALL {
        let mut tell = |audited| {
            if let Audited::Damaged(FrontierError::Corrupted { path, .. }) = audited {
                told.push(path.file_name().unwrap().to_owned());
            }
        };
        frontier.audit(table, &mut tell).unwrap();
    }
    told.sort();
    assert_eq!(told, runs().map(|(name, _)| name.as_str()).collect::<Vec<_>>());
    runs().for_each(|(name, bytes)| std::fs::write(path.join(name), bytes).unwrap());
}

/// Entries that no crawl would file where they are, or at all.
#[test]
fn entries_that_can_not_be_are_told() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("frontier");
    let options = store::Options { buffer_bytes: 1 << 10 };
    let mut store = store::Store::create(&path, options).unwrap();
    let key = |name: &str, rest: u64| (u128::from(host(name).0) << 64) | u128::from(rest);
    let queued = found("http://a/1", 0).queued_at(Place { depth: 0, seq: 9 });
    let bytes = stored::encode(&queued);
    let at = |seq| Place { depth: 0, seq }.pack();
    store.put(Table::Queue, key("a", at(0)), Some(&bytes));
    store.put(Table::Queue, key("a", at(9)), Some(&bytes));
    store.put(Table::Queue, key("b", at(1)), Some(&bytes));
    store.put(Table::Queue, key("b", at(2)), Some(b"no entry"));
    let record = serde_json::to_vec(&HostRecord::new(url("http://a/").host())).unwrap();
    store.put(Table::Hosts, key("a", 0), Some(&record));
    store.put(Table::Hosts, key("b", 0), Some(&record));
    store.put(Table::Hosts, key("c", 0), Some(b"{}"));
    let policy = Policy::allow_all(Timestamp(5), &crate::robots::Options::default());
    let robots = serde_json::to_vec(&[(url("http://a/").origin(), policy)]).unwrap();
    store.put(Table::Robots, key("a", 0), Some(&robots));
    store.put(Table::Robots, key("b", 0), Some(&robots));
    store.put(Table::Robots, key("c", 0), Some(b"none"));
    store.put(Table::Directories, key("a", 1), Some(&[0; 8]));
    store.put(Table::Directories, key("a", 2), Some(&[0; 7]));
    let retired =
        Retired { directory: "http://a/d/".into(), why: Refusal::DuplicateContent, rule: "traps.same_content".into() };
    let bytes = serde_json::to_vec(&retired).unwrap();
    store.put(Table::Retired, key("a", retired.key()), Some(&bytes));
    store.put(Table::Retired, key("a", 5), Some(&bytes));
    store.put(Table::Retired, key("a", 6), Some(b"[]"));
    store.put(Table::Validators, 1, Some(&validators::encode(&kept(1))));
    store.put(Table::Validators, 2, Some(b""));
    store.commit(store::Meta { next_seq: 9, n_queued: 1, book: b"book".to_vec() }).unwrap();
    drop(store);

    let mut frontier = DiskFrontier::look(&path, &OPTIONS).unwrap();
    let mut n_fine = 0;
    for (table, expected) in [
        (
            Table::Queue,
            &["http://a/1 is queued as number 9", "http://a/1 stands in the queue of another host", "does not decode"]
                [..],
        ),
        (Table::Hosts, &["a is filed in the place of another host", "a host does not decode"]),
        (Table::Robots, &["the robots.txt of http://a is filed in the place", "a robots.txt does not decode"]),
        (Table::Directories, &["a count of pages has the wrong length"]),
        (Table::Retired, &["http://a/d/ is filed in the place of another", "a retired directory does not decode"]),
        (Table::Validators, &["validators do not decode"]),
    ] {
        let mut damage = Vec::new();
        let mut tell = |audited| match audited {
            Audited::Damaged(error) => damage.push(error.to_string()),
            _ => n_fine += 1,
        };
        frontier.audit(table, &mut tell).unwrap();
        assert_eq!(damage.len(), expected.len(), "{damage:?}");
        for words in expected {
            assert!(damage.iter().any(|what| what.contains(words)), "{words:?}: {damage:?}");
        }
    }
    assert_eq!(n_fine, 1);
}

#[test]
fn what_a_crash_leaves_of_a_commit_is_cut_off() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("frontier");
    let mut frontier = DiskFrontier::create(&path, &OPTIONS).unwrap();
    frontier.sift(vec![found("http://a/1", 0)]).unwrap();
    frontier.commit(b"first").unwrap();
    let (log, seal) = (path.join("log-00000001"), std::fs::read(path.join("seal")).unwrap());
    let first = std::fs::read(&log).unwrap();
    frontier.sift(vec![found("http://a/2", 0)]).unwrap();
    frontier.commit(b"second").unwrap();
    drop(frontier);
    let both = std::fs::read(&log).unwrap();
    // As if the process had died between the frame and its seal, and as if the machine had gone down in the frame.
    std::fs::write(path.join("seal"), seal).unwrap();
    for length in (first.len()..=both.len()).rev() {
        for rest in [0, both.len() - length] {
            let left = [&both[..length], &vec![0; rest]].concat();
            std::fs::write(&log, &left).unwrap();
            let is_whole = left == both;
            let expected = if is_whole { (b"second".to_vec(), 2, 2) } else { (b"first".to_vec(), 1, 1) };
            assert_eq!(read_all(&path).unwrap(), expected, "{length} and {rest}");
            assert!(std::fs::read(&log).unwrap() == left, "who only looks changes nothing");
            drop(DiskFrontier::open(&path, &OPTIONS).unwrap());
            let kept = std::fs::read(&log).unwrap();
            assert!(kept == if is_whole { &both[..] } else { &first }, "{length} and {rest}");
        }
    }
    let mut frontier = DiskFrontier::open(&path, &OPTIONS).unwrap();
    frontier.sift(vec![found("http://a/3", 0)]).unwrap();
    frontier.commit(b"another second").unwrap();
    drop(frontier);
    assert_eq!(read_all(&path).unwrap(), (b"another second".to_vec(), 2, 2));
}
