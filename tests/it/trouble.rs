//! What goes wrong around a crawl: each has its exit code and one message that says what to do, and
//! nothing that was there before is harmed.
//!
//! The proof of the latter is [`contents`]: every byte below the output folder, before and after.

use std::{
    collections::BTreeMap,
    fs::{self, OpenOptions},
    path::{Path, PathBuf},
    sync::Arc,
    time::Duration,
};

use dragline::vitro::{Latency, Options, Server, Web};
use serde_json::json;

use crate::{
    run::assert_truth,
    support::{
        binary::{read_receipt, signal},
        ground::{Config, Ended, Ground, contents, finish, until},
        links,
        responder::Running,
        site::{Reply, Site},
    },
};

/// What a small crawl leaves of its frontier.
const STORE: [&str; 3] = ["state/frontier/manifest", "state/frontier/log-00000001", "state/frontier/seal"];

/// A message is one paragraph on standard error that begins with `error:`, and nothing else.
#[track_caller]
fn assert_one_message(ended: &Ended) {
    assert_eq!(ended.stderr.matches("error:").count(), 1, "{}", ended.stderr);
    assert!(ended.stderr.starts_with("error: "), "{}", ended.stderr);
    assert!(ended.stderr.lines().count() <= 6, "{}", ended.stderr);
    assert_eq!(ended.stdout, "");
}

/// The message with what differs from run to run taken out.
fn redacted(ended: &Ended, ground: &Ground) -> String {
    assert_one_message(ended);
    ended.stderr.replace(ground.path("").to_str().unwrap(), "<dir>/")
}

async fn site() -> Running {
    Site::new().page("/", links!["/a", "/b"]).page("/a", &[]).page("/b", &[]).serve().await
}

/// A folder with a crawl that a limit stopped, and its configuration.
async fn stopped(site: &Running) -> (Ground, Config) {
    let ground = Ground::new();
    let config = Config::new(json!([site.url("/")])).set("limits.pages", 1);
    ground.crawl(&config).await.with(3);
    (ground, config.without("limits.pages"))
}

/// What is in a folder without the file whose lock every run takes.
fn before(ground: &Ground) -> BTreeMap<PathBuf, Vec<u8>> {
    contents(&ground.out())
}

#[tokio::test]
async fn a_wrong_configuration_makes_no_folder() {
    let ground = Ground::new();
    let ended = ground.crawl(&Config::new(json!(["http://127.0.0.1/"])).set("limits.pagse", 1)).await.with(2);
    assert_one_message(&ended);
    ended.saying("limits.pagse: unknown key; did you mean `limits.pages`?");
    assert!(!ground.out().exists());
}

#[tokio::test]
async fn a_folder_that_cannot_be_made_is_named() {
    let ground = Ground::new();
    ground.write("out", "a file of somebody's");
    let config = Config::new(json!(["http://127.0.0.1/"]));
    let ended = ground.crawl(&config).await.with(6);
    insta::assert_snapshot!(redacted(&ended, &ground), @"error: out/state can't be written: Not a directory (os error 20)");
    let ended = ground.crawl(&config.clone().set("job.out", "out/below")).await.with(6);
    assert_one_message(&ended);
    let ended = ground.crawl(&config.set("job.out", "/proc/dragline")).await.with(6);
    assert_one_message(&ended);
    assert_eq!(fs::read_to_string(ground.out()).unwrap(), "a file of somebody's");
}

#[tokio::test]
async fn a_folder_of_somebody_else_is_left_alone() {
    let (site, ground) = (site().await, Ground::new());
    fs::create_dir(ground.out()).unwrap();
    for name in ["pages.jsonl", "notes.txt"] {
        fs::write(ground.out().join(name), "precious").unwrap();
    }
    let ended = ground.crawl(&Config::new(json!([site.url("/")]))).await.with(6);
    insta::assert_snapshot!(
        redacted(&ended, &ground),
        @"error: out holds outputs but no state to go on from; use --fresh to start over, or --out for another folder"
    );
    for name in ["pages.jsonl", "notes.txt"] {
        assert_eq!(fs::read_to_string(ground.out().join(name)).unwrap(), "precious");
    }
}

#[tokio::test]
async fn writes_that_fail_stop_a_crawl_that_goes_on_later() {
    let ground = Ground::new();
    let paths: Vec<String> = (0..30).map(|n| format!("/{n}")).collect();
    let links: Vec<&str> = paths.iter().map(String::as_str).collect();
    let page = format!("<p>{}</p>", "words and ".repeat(40_000));
    let site = paths.iter().fold(Site::new().page("/", &links), |site, path| site.html(path, &page)).serve().await;
    let config = Config::new(json!([site.url("/")])).set("outputs.text", true).set("frontier.commit_urls", 1);
    ground.write("crawl.toml", config.toml());
    // Files may grow to 8192 blocks (of 512 or 1024 bytes), which the records need and the state does not.
    let limited = format!("trap '' XFSZ; ulimit -f 8192; exec {} run crawl.toml", env!("CARGO_BIN_EXE_dragline"));
    let ended = tokio::process::Command::new("sh").args(["-c", &limited]).current_dir(ground.path("")).output().await;
    let ended = Ended::from(ended.unwrap()).with(6);
    insta::assert_snapshot!(redacted(&ended, &ground), @r"
    error: writing out/pages.jsonl failed: File too large (os error 27)
    what was committed is safe: mend this and run the same command again to resume in out
    ");
    ground.crawl(&config).await.with(0);
    assert_eq!(ground.reconciled().len(), 31);
}

/// A file system of `size` in `folder`, as long as this lives. Only root may have one.
struct SmallDisk(PathBuf);

impl SmallDisk {
    fn mount(folder: &Path, size: &str) -> Self {
        fs::create_dir_all(folder).unwrap();
        let mount = std::process::Command::new("mount")
            .args(["-t", "tmpfs", "-o", &format!("size={size}"), "dragline-tests"])
            .arg(folder)
            .output()
            .unwrap();
        let why = String::from_utf8_lossy(&mount.stderr);
        assert!(mount.status.success(), "this test mounts a small tmpfs and so needs root: {why}");
        Self(folder.to_owned())
    }

    fn resize(&self, size: &str) {
        self.remount(&format!("size={size}"));
    }

    fn remount(&self, options: &str) {
        let options = format!("remount,{options}");
        let status = std::process::Command::new("mount").args(["-o", &options]).arg(&self.0).status();
        assert!(status.unwrap().success());
    }
}

impl Drop for SmallDisk {
    fn drop(&mut self) {
        let _ = std::process::Command::new("umount").arg("-l").arg(&self.0).status();
    }
}

#[tokio::test]
async fn a_disk_that_fills_up_loses_nothing() {
    let ground = Ground::new();
    let disk = SmallDisk::mount(&ground.path("disk"), "2m");
    let latency = Latency::Even(Duration::ZERO, Duration::from_millis(3));
    let options = Options { latency, slow: Duration::ZERO, pages_per_host: 120, ..Options::demo() };
    let server = Server::start(Arc::new(Web::new(options)), 0).await.unwrap();
    let config = Config::vitro(&server).set("job.out", "disk/out").set("frontier.commit_every", "50ms");
    let config = config.set("outputs.text", true).set("telemetry.log", "error");
    let mut n_full = 0;
    for size in ["2200k", "2600k", "3500k"] {
        let ended = ground.crawl(&config).await;
        if ended.code == Some(6) {
            assert_one_message(&ended);
            ended.saying("No space left on device");
            n_full += 1;
        }
        disk.resize(size);
    }
    assert!(n_full > 0);
    disk.resize("64m");
    ground.crawl(&config).await.with(0);
    assert_truth(&server, &crate::support::ground::reconciled(&ground.path("disk/out")));
}

#[tokio::test]
async fn a_folder_that_can_only_be_read_is_told_and_left_as_it_is() {
    let (site, ground) = (site().await, Ground::new());
    let disk = SmallDisk::mount(&ground.path("disk"), "8m");
    let config = Config::new(json!([site.url("/")])).set("job.out", "disk/out").set("limits.pages", 1);
    let whole = config.clone().without("limits.pages");
    let is_told = |ended: &Ended| {
        assert_one_message(ended);
        assert!(ended.stderr.contains("Read-only file system"), "{ended:?}");
    };
    disk.remount("ro");
    is_told(&ground.crawl(&config).await.with(6));
    disk.remount("rw");
    ground.crawl(&config).await.with(3);
    disk.remount("ro");
    let before = contents(&ground.path("disk"));
    is_told(&ground.crawl(&whole).await.with(6));
    assert!(contents(&ground.path("disk")) == before);
    disk.remount("rw");
    ground.crawl(&whole).await.with(0);
    assert_eq!(crate::support::ground::reconciled(&ground.path("disk/out")).len(), 3);
}

#[tokio::test]
async fn a_clock_that_steps_between_runs_changes_nothing() {
    let (server, ground) = (Server::start(Arc::new(Web::new(Options::demo())), 0).await.unwrap(), Ground::new());
    // However wrong the clock was, what it left in the state is waited for so long at most.
    let config = Config::vitro(&server).set("politeness.max_delay", "2s").set("politeness.backoff_max", "2s");
    // Few enough that seven runs of three commits don't come to the end.
    ground.write("crawl.toml", config.set("frontier.commit_urls", 8).toml());
    let (day, decade) = (86_400, 320_000_000);
    for (n, shift) in [0, day, -day, decade, -decade, -1, 1].into_iter().enumerate() {
        let failpoints = format!("clock.start=return({shift});pages.sync=3*off->return(kill)");
        let run = ground.command(&["run", "crawl.toml"]).env("FAILPOINTS", failpoints).spawn().unwrap();
        assert_eq!(finish(run).await.code, None, "run {n}");
    }
    let began = std::time::Instant::now();
    ground.run(&["run", "crawl.toml"]).await.with(0);
    assert!(began.elapsed() < Duration::from_secs(60), "{:?}", began.elapsed());
    assert_truth(&server, &ground.reconciled());
}

#[tokio::test]
async fn of_many_that_start_at_once_one_crawls() {
    let site = Site::new().page("/", links!["/slow"]).reply("/slow", Reply::html("").after(Duration::from_secs(5)));
    let (site, ground) = (site.serve().await, Ground::new());
    ground.write("crawl.toml", Config::new(json!([site.url("/")])).toml());
    let all: Vec<_> = (0..6).map(|_| ground.start(&["run", "crawl.toml"])).collect();
    let mut codes = Vec::new();
    for child in all {
        let ended = finish(child).await;
        if ended.code == Some(6) {
            assert_one_message(&ended);
            ended.saying("another process is crawling into out");
            codes.push(6);
        } else {
            codes.push(ended.with(0).code.unwrap());
        }
    }
    codes.sort_unstable();
    assert_eq!(codes, [0, 6, 6, 6, 6, 6]);
    assert_eq!(ground.reconciled().len(), 2);
    assert_eq!(site.paths().iter().filter(|path| *path == "/slow").count(), 1);
}

#[tokio::test]
async fn a_damaged_state_is_told_and_left_as_it_is() {
    let site = site().await;
    let (ground, config) = stopped(&site).await;
    for file in STORE {
        let store = ground.out().join(file);
        let good = fs::read(&store).unwrap();
        let middle = good.len() / 2;
        let damages: [(&str, Vec<u8>); 4] = [
            ("cut", good[..middle].to_vec()),
            ("cut short", good[..good.len() - 1].to_vec()),
            ("zeroes", vec![0; good.len()]),
            ("garbage", b"not a store at all\n".repeat(500)),
        ];
        for (name, bytes) in damages {
            fs::write(&store, bytes).unwrap();
            let before = before(&ground);
            let ended = ground.crawl(&config).await;
            assert_eq!(ended.code, Some(6), "{file} {name}: {ended:?}");
            assert_one_message(&ended);
            assert!(
                ended.stderr.contains("state/frontier/") && ended.stderr.contains("--fresh"),
                "{file} {name}: {ended:?}"
            );
            assert!(contents(&ground.out()) == before, "{file} {name}: something was changed");
        }
        fs::write(&store, good).unwrap();
    }
    ground.crawl(&config).await.with(0);
    assert_eq!(ground.reconciled().len(), 3);
}

#[tokio::test]
async fn a_flipped_bit_is_no_wrong_answer() {
    let site = site().await;
    let (ground, config) = stopped(&site).await;
    for file in STORE {
        let store = ground.out().join(file);
        let good = fs::read(&store).unwrap();
        for n in 0..12 {
            let spot = n * (good.len() - 1) / 11;
            let mut bad = good.clone();
            bad[spot] ^= 1 << (n % 8);
            fs::write(&store, &bad).unwrap();
            let before = before(&ground);
            let ended = ground.crawl(&config).await.with(6).saying("state/frontier/");
            assert_one_message(&ended);
            assert!(contents(&ground.out()) == before, "{file}, byte {spot}: something was changed");
        }
        fs::write(&store, good).unwrap();
    }
    ground.crawl(&config).await.with(0);
    assert_eq!(ground.reconciled().len(), 3);
}

#[tokio::test]
async fn outputs_that_are_shorter_than_committed_are_told() {
    let site = site().await;
    let (ground, config) = stopped(&site).await;
    let pages = ground.out().join("pages.jsonl");
    let good = fs::read(&pages).unwrap();
    OpenOptions::new().write(true).open(&pages).unwrap().set_len(good.len() as u64 - 1).unwrap();
    let before = fs::read(&pages).unwrap();
    let ended = ground.crawl(&config).await.with(6);
    let (n, expected) = (before.len().to_string(), good.len().to_string());
    let text = redacted(&ended, &ground).replace(&expected, "<all>").replace(&n, "<less>");
    insta::assert_snapshot!(text, @"
    error: out/pages.jsonl is damaged: <less> bytes of the <all> that were committed are there
    restore the folder, or use --fresh to start over
    ");
    assert_eq!(fs::read(&pages).unwrap(), before);
    fs::remove_file(&pages).unwrap();
    assert_one_message(&ground.crawl(&config).await.with(6));
    assert!(!pages.exists());
    // What was written after the last commit is cut off, whatever it is.
    fs::write(&pages, [&good[..], b"{\"url\":\"half a rec"].concat()).unwrap();
    ground.crawl(&config).await.with(0);
    assert_eq!(ground.reconciled().len(), 3);
}

#[tokio::test]
async fn a_second_process_is_sent_away() {
    let site = Site::new().reply("/", Reply::html("late").after(Duration::from_secs(600))).serve().await;
    let ground = Ground::new();
    let config = Config::new(json!([site.url("/")]));
    let child = ground.start_crawl(&config);
    until("the request", || site.paths().contains(&"/".to_owned())).await;
    // The crawl commits once a second; from then on it waits for the answer and writes nothing.
    let mut quiet = BTreeMap::new();
    while quiet != before(&ground) {
        quiet = before(&ground);
        tokio::time::sleep(Duration::from_millis(1500)).await;
    }
    for args in [&["run", "crawl.toml"][..], &["run", "crawl.toml", "--fresh"]] {
        let before = before(&ground);
        let ended = ground.run(args).await.with(6);
        assert_eq!(redacted(&ended, &ground).trim_end(), "error: another process is crawling into out");
        assert!(contents(&ground.out()) == before);
    }
    // A lock ends with its owner, however that ends.
    signal(&child, "KILL").await;
    finish(child).await;
    let next = ground.start_crawl(&config);
    until("the request", || site.paths().iter().filter(|path| *path == "/").count() == 2).await;
    drop(next);
}

#[tokio::test]
async fn a_finished_crawl_is_not_crawled_again_unless_afresh() {
    let (site, ground) = (site().await, Ground::new());
    let config = Config::new(json!([site.url("/")]));
    ground.crawl(&config).await.with(0);
    let finished = before(&ground);
    let n_asked = site.paths().len();
    let ended = ground.crawl(&config).await.with(6);
    insta::assert_snapshot!(
        redacted(&ended, &ground),
        @"error: out holds a finished crawl; use --recrawl to do it again, --fresh to start over, or --out for another folder"
    );
    assert_eq!(site.paths().len(), n_asked);
    assert_eq!(fs::read(ground.out().join("pages.jsonl")).unwrap(), finished[&ground.out().join("pages.jsonl")]);

    let own = ["notes.txt", "pages.json", "my-pages.jsonl", "state/mine", "warc.gz"];
    own.iter().for_each(|name| fs::write(ground.out().join(name), name).unwrap());
    fs::write(ground.out().join("pages-00007.jsonl.gz"), "of a crawl with other outputs").unwrap();
    ground.run(&["run", "crawl.toml", "--fresh"]).await.with(0);
    assert!(own.iter().all(|name| fs::read_to_string(ground.out().join(name)).unwrap() == **name));
    assert!(!ground.out().join("pages-00007.jsonl.gz").exists());
    assert_eq!(ground.reconciled().len(), 3);
    assert_eq!(read_receipt(&ground.out())["runs"], 1);
}

#[tokio::test]
async fn a_crawl_of_another_configuration_names_what_differs() {
    let site = site().await;
    let (ground, config) = stopped(&site).await;
    let pages = fs::read(ground.out().join("pages.jsonl")).unwrap();
    let other = config.clone().set("seeds.urls", json!([site.url("/b")])).set("robots.mode", "ignore");
    let ended = ground.crawl(&other).await.with(6);
    let text = redacted(&ended, &ground).replace(&site.addr().to_string(), "<site>");
    insta::assert_snapshot!(text, @r#"
    error: out holds a crawl of another configuration:
      robots.mode: "obey" → "ignore"
      seeds.urls: ["http://<site>/"] → ["http://<site>/b"]
    use --fresh to start over, or --out for another folder
    "#);
    assert_eq!(fs::read(ground.out().join("pages.jsonl")).unwrap(), pages);
    // How fast and how much is no other crawl.
    let config = config.set("politeness.rate", "500/s").set("fetch.concurrency", 3).set("limits.pages", 100);
    ground.crawl(&config).await.with(0);
    assert_eq!(ground.reconciled().len(), 3);
}

#[tokio::test]
async fn seeds_that_cannot_be_read_harm_nothing() {
    let (site, ground) = (site().await, Ground::new());
    ground.write("seeds.txt", site.url("/"));
    let config = Config::new(json!([])).set("seeds.files", json!(["seeds.txt"]));
    ground.crawl(&config).await.with(0);
    let pages = fs::read(ground.out().join("pages.jsonl")).unwrap();
    ground.write("seeds.txt", format!("{}\nht!tp:/nonsense\n", site.url("/")));
    let ended = ground.run(&["run", "crawl.toml", "--fresh"]).await.with(2);
    assert_one_message(&ended);
    assert!(ended.stderr.contains("seeds.txt") && ended.stderr.contains('2'), "{}", ended.stderr);
    assert_eq!(fs::read(ground.out().join("pages.jsonl")).unwrap(), pages, "--fresh cleared before it knew its seeds");
}

#[tokio::test]
async fn an_unreachable_seed_is_data() {
    let ground = Ground::new();
    let nobody = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let seeds = json!(["http://no-such-host.invalid/", format!("http://{nobody}/")]);
    let config = Config::new(seeds).set("job.contact", "me@example.org").set("fetch.retries", 0);
    let ended = ground.crawl(&config.set("robots.attempts", 1)).await.with(5).saying("no page was fetched");
    assert!(!ended.stderr.contains("panicked"), "{}", ended.stderr);
    let records = ground.reconciled();
    assert_eq!(records.len(), 2);
    assert!(records.values().all(|record| record["reason"] == "robots-unreachable"), "{records:#?}");
}

#[tokio::test]
async fn the_demo_harms_no_crawl_of_somebody_else() {
    let site = site().await;
    let (ground, config) = stopped(&site).await;
    let untouched = before(&ground);
    let ended = ground.run(&["demo", "--port", "0", "--out", "out", "--quiet"]).await.with(6);
    assert_one_message(&ended);
    ended.saying("holds a crawl of another configuration");
    assert!(before(&ground) == untouched, "something was changed");
    ground.crawl(&config).await.with(0);
    assert_eq!(ground.reconciled().len(), 3, "and the crawl goes on");
}

#[tokio::test]
async fn a_receipt_that_a_crash_prevented_is_written_by_the_next_run() {
    let site = site().await;
    let ground = Ground::new();
    let config = Config::new(json!([site.url("/")]));
    ground.crawl(&config).await.with(0);
    let pages = fs::read(ground.out().join("pages.jsonl")).unwrap();
    fs::remove_file(ground.out().join("receipt.json")).unwrap();
    ground.crawl(&config).await.with(0);
    assert_eq!(fs::read(ground.out().join("pages.jsonl")).unwrap(), pages, "nothing is recorded twice");
    assert_eq!(ground.reconciled().len(), 3);
    ground.crawl(&config).await.with(6).saying("holds a finished crawl");
}
