//! `dragline verify`, by the built binary: fine folders of every kind verify, and every kind of damage is
//! named.

use std::{collections::BTreeMap, fs, path::Path, sync::Arc, time::Duration};

use dragline::{
    frontier::{self, DiskFrontier, Frontier, QueuedUrl},
    vitro::{Latency, Options, Server, Web},
};
use serde_json::{Value, json};

use crate::support::{
    binary::{by_url, read_records, signal},
    ground::{Config, Ground, contents, finish, until},
    site::{Reply, Site},
};

/// A web of some three hundred URLs.
async fn serve() -> Server {
    serve_with(Options { slow: Duration::ZERO, latency: Latency::NONE, ..Options::demo() }).await
}

async fn serve_with(options: Options) -> Server {
    Server::start(Arc::new(Web::new(options)), 0).await.unwrap()
}

/// What the program says of a folder.
struct Verdict {
    code: i32,
    told: Value,
    text: String,
}

impl Verdict {
    /// How many findings there are of each kind.
    fn kinds(&self) -> BTreeMap<&str, u64> {
        let counts = self.told["counts"].as_object().unwrap();
        counts.iter().map(|(kind, n)| (kind.as_str(), n.as_u64().unwrap())).collect()
    }

    #[track_caller]
    fn is_fine(&self) {
        assert_eq!((self.code, &self.told["verified"]), (0, &json!(true)), "{}", self.text);
        assert!(self.kinds().is_empty() && self.text.contains(": verified"), "{}", self.text);
    }

    /// Exactly these kinds of findings, and these words in the text.
    #[track_caller]
    fn is_not(&self, kinds: &[&str], words: &[&str]) {
        assert_eq!((self.code, &self.told["verified"]), (8, &json!(false)), "{}", self.text);
        assert_eq!(self.kinds().into_keys().collect::<Vec<_>>(), kinds, "{}", self.text);
        for word in words {
            assert!(self.text.contains(word), "{word:?} is not in: {}", self.text);
        }
    }
}

/// Verifies a folder, which stays as it is.
async fn verify(ground: &Ground, folder: &Path) -> Verdict {
    let before = contents(folder);
    let folder_text = folder.to_str().unwrap();
    let ended = ground.run(&["verify", folder_text, "--json"]).await;
    let text = ground.run(&["verify", folder_text]).await;
    assert_eq!(text.code, ended.code);
    assert!(contents(folder) == before, "it changed something");
    let told = serde_json::from_str(&ended.stdout).unwrap_or(Value::Null);
    Verdict { code: ended.code.unwrap(), told, text: text.stdout + &text.stderr }
}

fn copy(from: &Path, to: &Path) {
    fs::create_dir_all(to).unwrap();
    for entry in fs::read_dir(from).unwrap() {
        let path = entry.unwrap().path();
        let target = to.join(path.file_name().unwrap());
        if path.is_dir() {
            copy(&path, &target);
        } else {
            fs::copy(&path, &target).unwrap();
        }
    }
}

/// A finished crawl, damaged in one way after the other.
struct Bench {
    ground: Ground,
}

impl Bench {
    async fn new(change: impl FnOnce(Config) -> Config) -> Self {
        Self::of(&serve().await, change).await
    }

    async fn of(server: &Server, change: impl FnOnce(Config) -> Config) -> Self {
        let ground = Ground::new();
        ground.crawl(&change(Config::vitro(server))).await.with(0);
        Self { ground }
    }

    /// The verdict on a copy of the crawl after `damage`.
    async fn after(&self, damage: impl FnOnce(&Path)) -> Verdict {
        let folder = self.ground.path("damaged");
        let _ = fs::remove_dir_all(&folder);
        copy(&self.ground.out(), &folder);
        damage(&folder);
        verify(&self.ground, &folder).await
    }

    /// The same, where one line is changed.
    async fn with_line(&self, change: impl FnOnce(&mut Vec<String>)) -> Verdict {
        self.after(|folder| lines(&folder.join("pages.jsonl"), change)).await
    }
}

fn lines(path: &Path, change: impl FnOnce(&mut Vec<String>)) {
    let mut lines: Vec<String> = fs::read_to_string(path).unwrap().lines().map(str::to_owned).collect();
    change(&mut lines);
    fs::write(path, lines.join("\n") + "\n").unwrap();
}

/// The number of the first line of this outcome.
fn of(lines: &[String], outcome: &str) -> usize {
    let wanted = format!("\"outcome\":\"{outcome}\"");
    lines.iter().position(|line| line.contains(&wanted)).unwrap()
}

#[tokio::test]
async fn every_kind_of_damage_to_records_is_named() {
    let bench = Bench::new(|config| config).await;
    verify(&bench.ground, &bench.ground.out()).await.is_fine();
    let n = read_records(&bench.ground.out()).len();

    // Lines that are lost, doubled, or of another crawl.
    let gone = bench.with_line(|lines| drop(lines.remove(7))).await;
    gone.is_not(&["gap", "short"], &["bytes of the", "a URL of h", "is done in the state", "counts were not compared"]);
    let doubled = bench.with_line(|lines| lines.push(lines[5].clone())).await;
    doubled.is_not(&["stray"], &["bytes behind what was committed"]);
    let twice = |lines: &mut Vec<String>| {
        // In the room of a record that is longer.
        let i = (0..lines.len()).find(|i| lines[*i].len() < lines[7].len() - 30).unwrap();
        let pad = " ".repeat(lines[7].len() - lines[i].len());
        lines[7] = lines[i].clone() + &pad;
    };
    let twice = bench.with_line(twice).await;
    assert!(
        ["changed", "count", "double", "gap"].iter().all(|kind| twice.kinds().contains_key(kind)),
        "{}",
        twice.text
    );
    assert!(twice.text.contains("pages.jsonl line 8"), "{}", twice.text);
    assert!(twice.text.contains("it has a record already, in pages.jsonl line"), "{}", twice.text);
    let foreign = bench.with_line(|lines| {
        let i = of(lines, "fetched");
        lines[i] = lines[i].replacen("http://h", "http://g", 2);
    });
    let foreign = foreign.await;
    assert!(
        ["changed", "gap", "host-count", "unknown"].iter().all(|kind| foreign.kinds().contains_key(kind)),
        "{}",
        foreign.text
    );
    assert!(foreign.text.contains("and the state does not know it"), "{}", foreign.text);

    // Lines that are changed, by as much as is put in their place.
    let changed = bench.with_line(|lines| {
        let i = of(lines, "fetched");
        lines[i] = lines[i].replacen("\"outcome\":\"fetched\"", "\"outcome\":\"refused\"", 1);
    });
    let changed = changed.await;
    assert!(["changed", "count", "record"].iter().all(|kind| changed.kinds().contains_key(kind)), "{}", changed.text);
    assert!(changed.text.contains("its reason is no reason of a refusal"), "{}", changed.text);
    let flipped = bench.after(|folder| flip(&folder.join("pages.jsonl"), b"\"title\":\"", 10)).await;
    flipped.is_not(&["changed"], &["pages.jsonl: its bytes are not those that were committed"]);
    let flipped = bench.after(|folder| flip(&folder.join("pages.jsonl"), b"{\"url\"", 0)).await;
    flipped.is_not(&["changed", "gap", "line"], &["pages.jsonl line 1: ", "counts were not compared"]);
    let renamed = bench.with_line(|lines| lines[3] = lines[3].replacen("\"depth\"", "\"dopth\"", 1)).await;
    renamed.is_not(&["changed", "gap", "schema"], &["line 4: unknown field `dopth`"]);
    let no_text = bench.after(|folder| {
        let path = folder.join("pages.jsonl");
        let mut bytes = fs::read(&path).unwrap();
        let at = bytes.windows(9).position(|it| it == b"\"title\":\"").unwrap() + 10;
        bytes[at] = 0xff;
        fs::write(path, bytes).unwrap();
    });
    no_text.await.is_not(&["changed", "gap", "line"], &["no UTF-8"]);

    // Files that are cut, or gone.
    let cut = bench.after(|folder| {
        let path = folder.join("pages.jsonl");
        let bytes = fs::read(&path).unwrap();
        fs::write(path, &bytes[..bytes.len() - 40]).unwrap();
    });
    cut.await.is_not(&["gap", "line", "short"], &[&format!("pages.jsonl line {n}: "), "it breaks off"]);
    let gone = bench.after(|folder| fs::remove_file(folder.join("pages.jsonl")).unwrap()).await;
    gone.is_not(&["gap", "missing"], &["pages.jsonl: it is missing, with", &format!("and {} more", n - 20)]);
    let extra = bench.after(|folder| fs::write(folder.join("pages-00007.jsonl"), "{}\n").unwrap()).await;
    extra.is_not(&["stray"], &["pages-00007.jsonl", "not one of the files that were committed"]);
    let other = bench.after(|folder| fs::write(folder.join("notes.txt"), "not ours").unwrap()).await;
    other.is_fine();
}

/// Flips a bit, so many bytes behind where `mark` begins.
fn flip(path: &Path, mark: &[u8], behind: usize) {
    let mut bytes = fs::read(path).unwrap();
    let at = bytes.windows(mark.len()).position(|it| it == mark).unwrap() + behind;
    bytes[at] ^= 1;
    fs::write(path, bytes).unwrap();
}

#[tokio::test]
async fn every_kind_of_damage_to_receipt_and_state_is_named() {
    let bench = Bench::new(|config| config).await;
    let edit = |change: fn(&mut Value)| receipt(change);
    bench.after(edit(|_| {})).await.is_fine();
    let more = bench.after(edit(|receipt| receipt["totals"]["fetched"] = json!(1))).await;
    more.is_not(&["receipt-count"], &["receipt.json: totals.fetched is 1, and should be", "its parts are"]);
    let reason = bench.after(edit(|receipt| receipt["failed"]["timeout"] = json!(3))).await;
    reason.is_not(&["receipt-count"], &["failed.timeout is 3, and should be 0"]);
    let host = bench.after(edit(|receipt| receipt["hosts"][0]["body_bytes"] = json!(3))).await;
    host.is_not(&["receipt-count"], &["hosts[0].body_bytes is 3"]);
    let wire = bench.after(edit(|receipt| receipt["wire_bytes"] = json!(receipt["wire_bytes"].as_u64().unwrap() + 1)));
    wire.await.is_not(&["receipt-count"], &["wire_bytes is"]);
    let pass = bench.after(edit(|receipt| receipt["pass"] = json!(3))).await;
    pass.is_not(&["receipt-count"], &["it is of pass 3"]);
    let broken = bench.after(|folder| fs::write(folder.join("receipt.json"), "{").unwrap()).await;
    broken.is_not(&["receipt"], &["receipt.json: EOF"]);
    let gone = bench.after(|folder| fs::remove_file(folder.join("receipt.json")).unwrap()).await;
    gone.is_not(&["missing"], &["receipt.json: it is missing, and the last run ended"]);
    let report = bench.after(|folder| fs::remove_file(folder.join("report.html")).unwrap()).await;
    report.is_fine();
    assert!(report.text.contains("there is no report.html"), "{}", report.text);

    // Without the state the receipt is the witness, and it is as good a one.
    let without = |folder: &Path| fs::remove_dir_all(folder.join("state")).unwrap();
    let alone = bench.after(without).await;
    alone.is_fine();
    assert!(alone.text.contains("there is no state"), "{}", alone.text);
    let edited = bench.after(|folder| {
        without(folder);
        edit(|receipt| receipt["hosts"][0]["fetched"] = json!(1))(folder);
    });
    edited.await.is_not(&["receipt-count"], &["hosts, ", "fetched 1 and"]);
    let gone = bench.after(|folder| {
        without(folder);
        lines(&folder.join("pages.jsonl"), |lines| drop(lines.remove(3)));
    });
    gone.await.is_not(&["short"], &["bytes of the"]);
    let nothing = bench.after(|folder| {
        without(folder);
        fs::remove_file(folder.join("receipt.json")).unwrap();
    });
    nothing.await.is_not(&["missing"], &["nothing says what there should be"]);
}

#[tokio::test]
async fn what_a_receipt_makes_up_is_named() {
    let bench = Bench::new(|config| config).await;
    let host = json!({"host": "made.up", "fetched": 3, "not_modified": 0, "redirected": 0, "failed": 0, "refused": 0,
        "body_bytes": 9});
    let counts = json!({"fetched": 0, "not_modified": 0, "redirected": 0, "failed": 0, "refused": 0, "body_bytes": 0});
    let mark = json!({"file": "pages-00077.jsonl", "bytes": 0, "records": 0});
    let bucket = json!({"from": 1, "below": 2, "label": "made up", "count": 0});
    for (at, line) in [
        ("/hosts", host.clone()),
        ("/outputs", mark),
        ("/waited/hosts", json!({"host": "made.up", "seconds": 1.5})),
        ("/waited/left", json!({"host": "made.up", "until": "2030-01-01T00:00:00Z", "why": "politeness"})),
        ("/latency_ms", bucket),
        ("/timeline/fetched", json!(0)),
    ] {
        let verdict = bench.after(receipt(|receipt| {
            let (above, name) = at.rsplit_once('/').unwrap();
            let above = receipt.pointer_mut(above).unwrap().as_object_mut().unwrap();
            above.entry(name).or_insert_with(|| json!([])).as_array_mut().unwrap().push(line);
        }));
        let path = at[1..].replace('/', ".");
        verdict.await.is_not(&["receipt-count"], &[&format!("receipt.json: {path}"), "and should not be there"]);
    }
    for (at, key, value) in [
        ("", "other_hosts", counts),
        ("", "retired", json!({"http://made.up/": "duplicate-content"})),
        ("/waited/why", "backoff", json!(1.5)),
        ("/waited/why", "weather", json!(1.5)),
        ("", "made_up", json!(3)),
        ("/totals", "made_up", json!("three")),
    ] {
        let verdict = bench.after(receipt(|receipt| receipt.pointer_mut(at).unwrap()[key] = value));
        verdict.await.is_not(&["receipt-count"], &[&format!("{key} is "), "by the state"]);
    }

    // Without the state, whatever the records can tell.
    let without = |folder: &Path, change: &dyn Fn(&mut Value)| {
        fs::remove_dir_all(folder.join("state")).unwrap();
        receipt(|it| change(it))(folder);
    };
    let named = host["host"].as_str().unwrap();
    let more = bench.after(|it| without(it, &|receipt| receipt["hosts"].as_array_mut().unwrap().push(host.clone())));
    more.await.is_not(&["receipt-count"], &[&format!("hosts, {named}: no record is of it")]);
    let twice = |receipt: &mut Value| {
        let hosts = receipt["hosts"].as_array_mut().unwrap();
        let mut line = hosts[0].clone();
        line["fetched"] = json!(77);
        hosts.insert(0, line);
    };
    let twice = bench.after(|it| without(it, &twice)).await;
    twice.is_not(&["receipt-count"], &["it is named twice"]);
    let marked = |receipt: &mut Value| {
        let mark = json!({"file": "pages-00077.jsonl", "bytes": 0, "records": 5});
        receipt["outputs"].as_array_mut().unwrap().push(mark);
    };
    bench.after(|it| without(it, &marked)).await.is_not(&["missing"], &["pages-00077.jsonl: it is missing, with 5"]);
}

/// Changes the receipt of a folder.
fn receipt(change: impl FnOnce(&mut Value)) -> impl FnOnce(&Path) {
    move |folder| {
        let path = folder.join("receipt.json");
        let mut receipt: Value = serde_json::from_slice(&fs::read(&path).unwrap()).unwrap();
        change(&mut receipt);
        fs::write(path, serde_json::to_vec(&receipt).unwrap()).unwrap();
    }
}

/// A crawl that was interrupted with most of its URLs queued, in runs of the store and in its log.
async fn interrupted(change: impl FnOnce(Config) -> Config) -> Ground {
    let latency = Latency::Even(Duration::from_millis(5), Duration::from_millis(20));
    let (server, ground) = (serve_with(Options { latency, ..Options::bench(4, 900) }).await, Ground::new());
    let config = Config::vitro(&server)
        .set("frontier.buffer", "16 KiB")
        .set("frontier.commit_every", "30ms")
        .set("limits.pages_per_directory", 20);
    let child = ground.start_crawl(&change(config));
    until("requests", || server.log().n_seen() >= 300).await;
    signal(&child, "INT").await;
    finish(child).await.with(4);
    // What the store was about to merge is no file of its own yet.
    let mut store = open(&ground.out());
    let book = store.book().to_vec();
    // The first may make a run of all that is in the log, the second is in the log then.
    (0..2).for_each(|_| store.commit(&book).unwrap());
    store.settle().unwrap();
    drop(store);
    let store = open(&ground.out());
    let queue = store.tables().into_iter().find(|table| table.name == "queue").unwrap();
    assert!(queue.n_runs > 0 && store.n_queued() > 1000, "{queue:?}");
    drop(store);
    ground
}

fn open(out: &Path) -> DiskFrontier {
    let options = frontier::Options { max_queued: None, seen_cache_bytes: 1 << 16, buffer_bytes: 16 << 10 };
    DiskFrontier::open(&out.join("state/frontier"), &options).unwrap()
}

#[tokio::test]
async fn damage_to_any_file_of_the_state_is_named() {
    let ground = interrupted(|config| config).await;
    verify(&ground, &ground.out()).await.is_fine();
    let state = ground.out().join("state");
    let mut kinds = BTreeMap::new();
    for (path, bytes) in contents(&state).into_iter().filter(|(_, bytes)| !bytes.is_empty()) {
        let name = path.strip_prefix(ground.out()).unwrap().to_str().unwrap();
        let last = bytes.len() - 1;
        for at in [0, last / 3, last / 2, last - last / 5, last] {
            let mut bad = bytes.clone();
            bad[at] ^= 0x10;
            fs::write(&path, bad).unwrap();
            let ended = ground.run(&["verify", "out", "--json"]).await;
            assert_eq!(ended.code, Some(8), "{name}, byte {at}: {ended:?}");
            let told: Value = serde_json::from_str(&ended.stdout).unwrap();
            let is_named =
                told["findings"].as_array().unwrap().iter().any(|it| it["kind"] == "state" && it["file"] == name);
            assert!(is_named, "{name}, byte {at}: {told}");
        }
        fs::write(&path, bytes).unwrap();
        let kind = name.rsplit('/').next().unwrap().split('-').next().unwrap().to_owned();
        *kinds.entry(kind).or_insert(0) += 1;
    }
    assert!(["log", "manifest", "run", "seal"].iter().all(|kind| kinds.contains_key(*kind)), "{kinds:?}");
    verify(&ground, &ground.out()).await.is_fine();

    // Each damaged file is named, not the first alone.
    let runs = contents(&state).into_iter().filter(|(path, _)| path.to_string_lossy().contains("run-"));
    let runs: Vec<_> = runs.take(15).collect();
    for (path, bytes) in &runs {
        let mut bad = bytes.clone();
        bad[0] ^= 1;
        fs::write(path, bad).unwrap();
    }
    let told = verify(&ground, &ground.out()).await;
    told.is_not(&["state"], &["the block at byte 0 is damaged"]);
    for (path, _) in &runs {
        let name = path.file_name().unwrap().to_str().unwrap();
        assert!(told.text.contains(&format!("state/frontier/{name}: ")), "{name} is not in {}", told.text);
    }
}

#[tokio::test]
async fn a_state_that_contradicts_itself_is_named_whatever_is_recorded() {
    for format in ["jsonl", "none"] {
        let ground = interrupted(|config| config.set("outputs.format", format)).await;
        verify(&ground, &ground.out()).await.is_fine();
        let path = ground.out().join("state/frontier");
        let runs = || contents(&path).into_iter().filter(|(path, _)| path.to_string_lossy().contains("run-"));
        for (path, bytes) in runs() {
            let mut bad = bytes.clone();
            bad[40] ^= 1;
            fs::write(&path, bad).unwrap();
            let told = verify(&ground, &ground.out()).await;
            assert_eq!((told.code, told.kinds().get("state")), (8, Some(&1)), "{format}: {}", told.text);
            fs::write(&path, bytes).unwrap();
        }

        // One URL in another's place: nothing is miscounted, and one of the two would never be asked for.
        let mut store = open(&ground.out());
        let host = store.waiting_hosts(None, 1, None).unwrap().hosts[0];
        let [lost, other] = <[QueuedUrl; 2]>::try_from(store.head(host, None, 2).unwrap()).unwrap();
        store.postpone(&QueuedUrl { fingerprint: lost.fingerprint, place: lost.place, ..other.clone() }).unwrap();
        let book = store.book().to_vec();
        store.commit(&book).unwrap();
        drop(store);
        let fingerprint = format!("{:?}", lost.fingerprint);
        verify(&ground, &ground.out()).await.is_not(
            &["queue"],
            &[&fingerprint, lost.host().as_str(), "stands in no queue", other.url.as_str(), "queues do not hold"],
        );
    }
}

#[tokio::test]
async fn a_damaged_jar_of_cookies_is_named() {
    let site = Site::new().page("/", &[]).serve().await;
    let ground = Ground::new();
    ground.crawl(&Config::new(json!([site.url("/")]))).await.with(0);
    let jar = ground.out().join("state/cookies.json");
    fs::write(&jar, r#"{"version":1,"cookies":[],"xxh3":"0000000000000000"}"#).unwrap();
    verify(&ground, &ground.out()).await.is_not(&["state"], &["state/cookies.json: ", "is damaged"]);
    fs::write(&jar, r#"{"version":1,"cookies":[]}"#).unwrap();
    verify(&ground, &ground.out()).await.is_fine();
}

#[tokio::test]
async fn a_recrawl_that_died_while_it_set_the_last_pass_aside_verifies() {
    let server = serve().await;
    for point in ["folder=return(kill)", "move=return(kill)", "move=1*off->return(kill)", "move=2*off->return(kill)"] {
        let ground = Ground::new();
        ground.crawl(&Config::vitro(&server)).await.with(0);
        for n in [1, 2] {
            let mut command = ground.command(&["run", "crawl.toml", "--recrawl"]);
            let ended = finish(command.env("FAILPOINTS", format!("pass.{point}")).spawn().unwrap()).await;
            assert_eq!(ended.code, None, "{point}: {ended:?}");
            let verdict = verify(&ground, &ground.out()).await;
            verdict.is_fine();
            assert_eq!((&verdict.told["end"], &verdict.told["pass"]), (&json!("killed"), &json!(n + 1)), "{point}");
            let read = verdict.told["read"].as_array().unwrap();
            assert!(read.iter().any(|it| it["pass"] == n && it["records"].as_u64() > Some(0)), "{point}: {read:?}");

            // The receipt is judged as that of the pass it is of, wherever it is.
            let folder = ground.path("damaged");
            let _ = fs::remove_dir_all(&folder);
            copy(&ground.out(), &folder);
            let moved = folder.join("passes").join(n.to_string());
            let holder = if moved.join("receipt.json").exists() { &moved } else { &folder };
            receipt(|receipt| receipt["totals"]["fetched"] = json!(1))(holder);
            let verdict = verify(&ground, &folder).await;
            verdict.is_not(&["receipt-count"], &["receipt.json: totals.fetched is 1", "by the records"]);
            assert!(verdict.told["findings"].as_array().unwrap().iter().all(|it| it["pass"] == n), "{}", verdict.text);
            fs::remove_file(holder.join("receipt.json")).unwrap();
            let gone = format!("nothing can be said of pass {n}");
            verify(&ground, &folder).await.is_not(&["missing"], &[&gone]);
            ground.run(&["run", "crawl.toml"]).await.with(0);
            verify(&ground, &ground.out()).await.is_fine();
        }
    }
}

#[tokio::test]
async fn packed_and_rotated_outputs_are_verified_frame_by_frame() {
    // More than goes into one file.
    let server = serve_with(Options { page_bytes: 40_000, ..Options::bench(3, 70) }).await;
    for (compression, ending) in [("gzip", "gz"), ("zstd", "zst")] {
        let bench = Bench::of(&server, |config| {
            let config = config.set("outputs.compression", compression).set("outputs.rotate", "64 KiB");
            config.set("frontier.commit_every", "10ms").set("outputs.text", true)
        });
        let bench = bench.await;
        verify(&bench.ground, &bench.ground.out()).await.is_fine();
        let first = format!("pages-00000.jsonl.{ending}");
        let cut = bench.after(|folder| {
            let bytes = fs::read(folder.join(&first)).unwrap();
            fs::write(folder.join(&first), &bytes[..bytes.len() - 3]).unwrap();
        });
        let cut = cut.await;
        let kinds = cut.kinds();
        assert!(["frame", "short"].iter().all(|kind| kinds.contains_key(kind)), "{}", cut.text);
        assert!(cut.text.contains(&format!("{first} byte ")), "{}", cut.text);
        let flipped = bench.after(|folder| {
            let mut bytes = fs::read(folder.join(&first)).unwrap();
            let half = bytes.len() / 2;
            bytes[half] ^= 1;
            fs::write(folder.join(&first), bytes).unwrap();
        });
        let flipped = flipped.await;
        assert!(flipped.kinds().contains_key("changed"), "{}", flipped.text);
        let gone = bench.after(|folder| fs::remove_file(folder.join(format!("pages-00001.jsonl.{ending}"))).unwrap());
        gone.await.is_not(&["gap", "missing"], &["pages-00001.jsonl"]);
    }
}

#[tokio::test]
async fn interrupted_and_killed_crawls_verify_as_far_as_they_are() {
    let latency = Latency::Even(Duration::from_millis(20), Duration::from_millis(60));
    let (server, ground) = (serve_with(Options { latency, ..Options::bench(4, 150) }).await, Ground::new());
    let config = Config::vitro(&server).set("frontier.commit_every", "30ms").set("outputs.rotate", "64 KiB");
    for name in ["INT", "KILL", "TERM", "KILL", "KILL"] {
        let enough = server.log().n_seen() + 40;
        let mut child = ground.start_crawl(&config);
        until("requests", || server.log().n_seen() >= enough).await;
        if child.try_wait().unwrap().is_none() {
            signal(&child, name).await;
        }
        finish(child).await;
        let verdict = verify(&ground, &ground.out()).await;
        verdict.is_fine();
        let urls = &verdict.told["urls"];
        assert!(urls["done"].as_u64().unwrap() > 0, "{}", verdict.text);
    }
    ground.crawl(&config).await.with(0);
    let verdict = verify(&ground, &ground.out()).await;
    verdict.is_fine();
    assert_eq!((&verdict.told["end"], &verdict.told["urls"]["queued"]), (&json!("finished"), &json!(0)));

    // What a kill may leave behind is said, and is no fault; after the end of a run it is one.
    let folder = ground.path("longer");
    copy(&ground.out(), &folder);
    fs::write(folder.join("pages-00099.jsonl"), "half a rec").unwrap();
    verify(&ground, &folder).await.is_not(&["stray"], &["pages-00099.jsonl"]);
}

#[tokio::test]
async fn of_a_crawl_under_way_nothing_is_said() {
    let slow = Reply::html("late").after(Duration::from_secs(600));
    let (site, ground) = (Site::new().page("/", &["/slow"]).reply("/slow", slow).serve().await, Ground::new());
    let child = ground.start_crawl(&Config::new(json!([site.url("/")])));
    until("the slow page", || site.paths().contains(&"/slow".to_owned())).await;
    ground.run(&["verify", "out"]).await.with(6).saying("a crawl is under way in out");
    signal(&child, "KILL").await;
    finish(child).await;
    let verdict = verify(&ground, &ground.out()).await;
    verdict.is_fine();
    assert_eq!(verdict.told["end"], "killed");
}

#[tokio::test]
async fn every_pass_is_verified() {
    let (server, ground) = (serve().await, Ground::new());
    ground.crawl(&Config::vitro(&server)).await.with(0);
    for _ in 0..2 {
        ground.run(&["run", "crawl.toml", "--recrawl"]).await.with(0);
    }
    let fine = verify(&ground, &ground.out()).await;
    fine.is_fine();
    assert_eq!(fine.told["read"].as_array().unwrap().len(), 3);
    let passes = ground.out().join("passes");
    let swapped = ground.path("swapped");
    copy(&ground.out(), &swapped);
    fs::rename(swapped.join("passes/1"), swapped.join("passes/9")).unwrap();
    let verdict = verify(&ground, &swapped).await;
    verdict.is_not(&["missing", "stray"], &["passes/1/receipt.json: it is missing", "there was no pass 9"]);
    fs::rename(swapped.join("passes/9"), swapped.join("passes/1")).unwrap();
    lines(&swapped.join("passes/2/pages.jsonl"), |lines| drop(lines.pop()));
    let verdict = verify(&ground, &swapped).await;
    verdict.is_not(&["short"], &["passes/2/pages.jsonl: it has"]);
    fs::remove_dir_all(swapped.join("passes/2")).unwrap();
    copy(&passes.join("1"), &swapped.join("passes/2"));
    let verdict = verify(&ground, &swapped).await;
    verdict.is_not(&["receipt-count"], &["passes/2/receipt.json: it is of pass 1"]);
}

#[tokio::test]
async fn crawls_without_records_or_without_state_are_verified_by_what_there_is() {
    let (server, ground) = (serve().await, Ground::new());
    ground.crawl(&Config::vitro(&server).set("outputs.format", "none")).await.with(0);
    let verdict = verify(&ground, &ground.out()).await;
    verdict.is_fine();
    assert!(verdict.text.contains("there are no records to look at"), "{}", verdict.text);
    fs::remove_dir_all(ground.out()).unwrap();
    ground.crawl(&Config::vitro(&server).set("frontier.store", "memory")).await.with(0);
    let verdict = verify(&ground, &ground.out()).await;
    verdict.is_fine();
    assert_eq!(verdict.told["read"][0]["records"], json!(by_url(read_records(&ground.out())).len()));
    ground.run(&["verify", "nowhere"]).await.with(6).saying("nowhere holds no crawl");
    fs::create_dir(ground.path("empty")).unwrap();
    ground.run(&["verify", "empty"]).await.with(6).saying("empty holds no crawl");
}
