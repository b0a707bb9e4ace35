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
    let mut n_seen = 0;
    frontier.for_each_seen(&mut |_, _| n_seen += 1)?;
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
