//! How the frontier's store bears size: `cargo bench --bench frontier -- [--urls N] [--hosts N] [--window N] [--folder F]
//! [--out F] [--plot F]`.
//!
//! Feeds a [`DiskFrontier`] with N distinct URLs over many hosts, of sizes by a power law, without fetching anything, and looks at it
//! whenever the number of URLs known has reached 1, 3, 10, 30, … million: a *window* of seen-tests, 95 % of them
//! repeats, in batches of a page's links, with commits; then the store is closed and opened. Repeats are drawn from
//! all URLs known with equal probability, which is the worst there can be: no memory of recent ones helps.
//!
//! Time is processor time, because other programs run beside this one: of the thread that asks, and of the store's own
//! thread. Making the URLs is left out. Stalls are wall-clock time, for they are what a crawl would wait.

#![expect(clippy::print_stdout, clippy::print_stderr, reason = "a program for the terminal")]
#![expect(clippy::unwrap_used, reason = "a measurement that can't go on panics")]

use std::{
    fs,
    io::Write,
    path::{Path, PathBuf},
    process::ExitCode,
    sync::Arc,
    time::{Duration, Instant},
};

use dragline::{
    address::{CanonicalUrl, Canonicalizer, HostId},
    frontier::{Discovery, DiskFrontier, Frontier, Kind, Options},
    scope::Role,
    verdict::Verdict,
};
use plotters::prelude::*;
use rustix::time::{ClockId, clock_gettime};

/// Links of a page.
const BATCH: u64 = 60;
/// URLs between two commits: a busy second's.
const COMMIT: u64 = 20_000;
/// New URLs of a page, of a host of which it is one.
const SIBLINGS: u64 = 3;

#[derive(Debug)]
struct Args {
    n_urls: u64,
    n_hosts: u64,
    window: u64,
    folder: PathBuf,
    out: Option<PathBuf>,
    plot: Option<PathBuf>,
}

/// What was found at one size.
#[derive(Debug, serde::Serialize)]
struct Row {
    urls_known: u64,
    hosts: u64,
    seen_tests: u64,
    tests_per_cpu_second: u64,
    tests_per_cpu_second_with_keeper: u64,
    adds_per_cpu_second_with_keeper: u64,
    bytes_per_url_seen: f64,
    bytes_per_url_queued: f64,
    files: u64,
    resident_mib: u64,
    peak_resident_mib: u64,
    open_ms: u64,
    commits: u64,
    commit_p50_ms: f64,
    commit_p99_ms: f64,
    commit_max_ms: f64,
    lease_read_p99_ms: f64,
    lease_read_max_ms: f64,
}

fn main() -> ExitCode {
    let args = match Args::parse(std::env::args().skip(1).filter(|word| word != "--bench")) {
        Ok(args) => args,
        Err(what) => {
            eprintln!("error: {what}\nflags: --urls N, --hosts N, --window N, --folder F, --out F.jsonl, --plot F.svg");
            return ExitCode::from(2);
        }
    };
    let store = args.folder.join("frontier-bench");
    DiskFrontier::remove(&store).unwrap();
    let web = Web { n_hosts: args.n_hosts, canonicalizer: Canonicalizer::default() };
    let options = Options { max_queued: None, seen_cache_bytes: 32 << 20, buffer_bytes: 32 << 20 };
    let mut frontier = DiskFrontier::create(&store, &options).unwrap();
    let mut rows = Vec::new();
    let mut known = 0;
    for size in sizes(args.n_urls) {
        let mut growth = Meter::default();
        grow(&mut frontier, &web, known, size, &mut growth);
        let mut window = Meter::default();
        known = measure(&mut frontier, &web, size, args.window, &mut window);
        let settling = Cpu::now();
        frontier.settle().unwrap();
        window.keeper += settling.elapsed().keeper;
        drop(frontier);
        let opened = Instant::now();
        frontier = DiskFrontier::open(&store, &options).unwrap();
        let open = opened.elapsed();
        let row = row(&frontier, known, args.n_hosts, &growth, &window, open);
        let line = serde_json::to_string(&row).unwrap();
        println!("{line}");
        if let Some(out) = &args.out {
            let mut file = fs::OpenOptions::new().create(true).append(true).open(out).unwrap();
            writeln!(file, "{line}").unwrap();
        }
        rows.push(row);
    }
    drop(frontier);
    if let Some(plot) = &args.plot {
        draw(plot, &rows).unwrap();
    }
    DiskFrontier::remove(&store).unwrap();
    ExitCode::SUCCESS
}

impl Args {
    fn parse(mut words: impl Iterator<Item = String>) -> Result<Self, String> {
        let mut args = Self {
            n_urls: 10_000_000,
            n_hosts: 1_000_000,
            window: 10_000_000,
            folder: std::env::temp_dir(),
            out: None,
            plot: None,
        };
        while let Some(flag) = words.next() {
            let value = words.next().ok_or_else(|| format!("{flag} wants a value"))?;
            let number = || value.replace('_', "").parse::<u64>().map_err(|e| format!("{flag} {value}: {e}"));
            match flag.as_str() {
                "--urls" => args.n_urls = number()?,
                "--hosts" => args.n_hosts = number()?,
                "--window" => args.window = number()?,
                "--folder" => args.folder = value.into(),
                "--out" => args.out = Some(value.into()),
                "--plot" => args.plot = Some(value.into()),
                _ => return Err(format!("no such flag: {flag}")),
            }
        }
        Ok(args)
    }
}

/// 1, 3, 10, … million, and `most`.
fn sizes(most: u64) -> Vec<u64> {
    let steps = (0..).map(|n: u32| 10_u64.pow(6 + n / 2) * if n.is_multiple_of(2) { 1 } else { 3 });
    steps.take_while(|size| *size < most).chain([most]).collect()
}

/// URLs by their numbers.
struct Web {
    n_hosts: u64,
    canonicalizer: Canonicalizer,
}

impl Web {
    /// By a power law: the share of the host of rank r is in proportion to 1/r.
    fn host(&self, dice: u64) -> u64 {
        #[expect(
            clippy::cast_precision_loss,
            clippy::cast_possible_truncation,
            clippy::cast_sign_loss,
            reason = "a rank"
        )]
        let rank = (self.n_hosts as f64).powf(dice as f64 / u64::MAX as f64) as u64;
        rank.min(self.n_hosts)
    }

    /// Whose page the `n`-th URL is found on: two of three lead to the same host.
    fn page_host(&self, n: u64) -> u64 {
        self.host(mix(n / SIBLINGS))
    }

    fn text(&self, n: u64) -> String {
        let host = if n % SIBLINGS < 2 { self.page_host(n) } else { self.host(mix(!n)) };
        let dice = mix(n ^ 0x5555);
        let section = WORDS[(dice % 16) as usize];
        let (a, b) = (WORDS[(dice >> 8) as usize % 16], WORDS[(dice >> 16) as usize % 16]);
        format!(
            "https://www.{}{host}.example/{section}/{:03x}/{a}-{b}-{n}.html",
            WORDS[(host % 16) as usize],
            dice >> 52
        )
    }

    fn found(&self, n: u64, via: Option<&Arc<str>>) -> Discovery {
        let url: CanonicalUrl = self.canonicalizer.parse(&self.text(n)).unwrap();
        Discovery {
            fingerprint: url.fingerprint(),
            url,
            role: Role::Link,
            depth: 1 + (mix(n) % 9) as u16,
            kind: Kind::Page,
            nesting: 0,
            hops_off_site: 0,
            via: via.cloned(),
            redirects: Vec::new(),
            verdict: Verdict::Fetch,
            rule: None,
            depends_on_way: false,
        }
    }

    /// The page on which the `n`-th URL is found.
    fn via(&self, n: u64) -> Arc<str> {
        let (host, page) = (self.page_host(n), n / SIBLINGS);
        let dice = mix(page ^ 0x3333);
        let section = WORDS[(dice % 16) as usize];
        format!(
            "https://www.{}{host}.example/{section}/{:03x}/page-{page}.html",
            WORDS[(host % 16) as usize],
            dice >> 52
        )
        .into()
    }
}

const WORDS: [&str; 16] = [
    "news", "archive", "guide", "river", "library", "market", "garden", "science", "travel", "history", "music",
    "forum", "recipes", "weather", "report", "gallery",
];

/// The finaliser of SplitMix64.
fn mix(mut x: u64) -> u64 {
    x = x.wrapping_add(0x9e37_79b9_7f4a_7c15);
    x = (x ^ (x >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    x = (x ^ (x >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    x ^ (x >> 31)
}

/// What a phase took.
#[derive(Debug, Default)]
struct Meter {
    n_tests: u64,
    n_new: u64,
    /// Processor time of the thread that asks, inside of the store.
    asking: Duration,
    /// Processor time of the store's own thread.
    keeper: Duration,
    /// Wall-clock time of each commit, and of each reading of a queue.
    commits: Vec<Duration>,
    reads: Vec<Duration>,
}

/// Only new URLs.
fn grow(frontier: &mut DiskFrontier, web: &Web, from: u64, to: u64, meter: &mut Meter) {
    let began = Cpu::now();
    let mut outside = Duration::ZERO;
    let mut n = from;
    while n < to {
        let making = Cpu::thread();
        let end = (n + BATCH).min(to);
        let batch: Vec<_> = batch_of_new(web, n..end);
        outside += Cpu::thread() - making;
        let added = frontier.sift(batch).unwrap().admitted.len() as u64;
        assert_eq!(added, end - n, "all of them are new");
        if n / COMMIT != end / COMMIT || end == to {
            commit(frontier, meter);
        }
        n = end;
    }
    meter.n_new += to - from;
    let spent = began.elapsed();
    meter.asking += spent.own - outside;
    meter.keeper += spent.keeper;
    eprintln!("{to} URLs known");
}

fn batch_of_new(web: &Web, numbers: std::ops::Range<u64>) -> Vec<Discovery> {
    let mut via = web.via(numbers.start);
    let mut page = numbers.start / SIBLINGS;
    let found = numbers.map(|n| {
        if n / SIBLINGS != page {
            (page, via) = (n / SIBLINGS, web.via(n));
        }
        web.found(n, Some(&via))
    });
    found.collect()
}

/// `window` seen-tests of which one in twenty is new; how many URLs are known then.
fn measure(frontier: &mut DiskFrontier, web: &Web, known: u64, window: u64, meter: &mut Meter) -> u64 {
    let began = Cpu::now();
    let mut outside = Duration::ZERO;
    let (mut n, mut tested) = (known, 0);
    while tested < window {
        let making = Cpu::thread();
        let mut batch = batch_of_new(web, n..n + BATCH / 20);
        let via = batch.first().and_then(|found| found.via.clone());
        batch.extend((0..BATCH - BATCH / 20).map(|i| web.found(mix(tested + i) % known, via.as_ref())));
        outside += Cpu::thread() - making;
        let sifted = frontier.sift(batch).unwrap();
        assert_eq!(sifted.admitted.len() as u64, BATCH / 20, "a repeat is no news, and what is new is");
        n += BATCH / 20;
        tested += BATCH;
        if (n - known).is_multiple_of(COMMIT / 20) {
            commit(frontier, meter);
        }
    }
    commit(frontier, meter);
    meter.n_tests += tested;
    let spent = began.elapsed();
    meter.asking += spent.own - outside;
    meter.keeper += spent.keeper;
    n
}

/// A commit, and what the workbench would ask for beside it.
fn commit(frontier: &mut DiskFrontier, meter: &mut Meter) {
    let began = Instant::now();
    frontier.commit(b"a book of some length, as the engine would write one").unwrap();
    meter.commits.push(began.elapsed());
    let began = Instant::now();
    let some = HostId(mix(meter.commits.len() as u64));
    let hosts = frontier.waiting_hosts(Some(some), 16, None).unwrap().hosts;
    meter.reads.push(began.elapsed());
    for host in hosts {
        let began = Instant::now();
        assert!(!frontier.head(host, None, 64).unwrap().is_empty(), "a host that waits has something queued");
        meter.reads.push(began.elapsed());
    }
}

#[expect(clippy::cast_precision_loss, reason = "for people")]
fn row(frontier: &DiskFrontier, known: u64, hosts: u64, growth: &Meter, window: &Meter, open: Duration) -> Row {
    let per_second = |n: u64, time: Duration| (n as f64 / time.as_secs_f64().max(1e-9)).round();
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "a rate")]
    let rate = |n: u64, time: Duration| per_second(n, time) as u64;
    let tables = frontier.tables();
    let bytes = |name: &str| tables.iter().find(|table| table.name == name).map_or(0, |table| table.bytes) as f64;
    let millis = |time: Duration| (time.as_secs_f64() * 1e5).round() / 100.0;
    let all = |pick: fn(&Meter) -> &Vec<Duration>| {
        let mut times: Vec<_> = pick(growth).iter().chain(pick(window)).copied().collect();
        times.sort_unstable();
        times
    };
    let (commits, reads) = (all(|meter| &meter.commits), all(|meter| &meter.reads));
    let at = |times: &[Duration], share: f64| {
        #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "an index")]
        let i = ((times.len() - 1) as f64 * share).ceil() as usize;
        millis(times[i])
    };
    Row {
        urls_known: known,
        hosts,
        seen_tests: window.n_tests,
        tests_per_cpu_second: rate(window.n_tests, window.asking),
        tests_per_cpu_second_with_keeper: rate(window.n_tests, window.asking + window.keeper),
        adds_per_cpu_second_with_keeper: rate(growth.n_new, growth.asking + growth.keeper),
        bytes_per_url_seen: (bytes("seen") / known as f64 * 100.0).round() / 100.0,
        bytes_per_url_queued: (bytes("queue") / known as f64 * 100.0).round() / 100.0,
        files: tables.iter().map(|table| table.n_runs).sum(),
        resident_mib: status("VmRSS:") >> 10,
        peak_resident_mib: status("VmHWM:") >> 10,
        open_ms: u64::try_from(open.as_millis()).unwrap(),
        commits: commits.len() as u64,
        commit_p50_ms: at(&commits, 0.5),
        commit_p99_ms: at(&commits, 0.99),
        commit_max_ms: at(&commits, 1.0),
        lease_read_p99_ms: at(&reads, 0.99),
        lease_read_max_ms: at(&reads, 1.0),
    }
}

/// A line of the system's file on this process, in KiB.
fn status(name: &str) -> u64 {
    let text = fs::read_to_string("/proc/self/status").unwrap();
    let line = text.lines().find_map(|line| line.strip_prefix(name)).unwrap();
    line.trim().trim_end_matches(" kB").parse().unwrap()
}

/// Processor time at some moment: of this thread, and of all others together.
#[derive(Clone, Copy)]
struct Cpu {
    own: Duration,
    keeper: Duration,
}

impl Cpu {
    fn now() -> Self {
        let own = Self::thread();
        Self { own, keeper: Self::read(ClockId::ProcessCPUTime).saturating_sub(own) }
    }

    fn thread() -> Duration {
        Self::read(ClockId::ThreadCPUTime)
    }

    fn read(clock: ClockId) -> Duration {
        let time = clock_gettime(clock);
        Duration::new(time.tv_sec.try_into().unwrap(), time.tv_nsec.try_into().unwrap())
    }

    fn elapsed(self) -> Self {
        let now = Self::now();
        Self { own: now.own - self.own, keeper: now.keeper.saturating_sub(self.keeper) }
    }
}

/// Rates and memory by size, both axes logarithmic.
#[expect(clippy::cast_precision_loss, reason = "a plot")]
fn draw(path: &Path, rows: &[Row]) -> Result<(), Box<dyn std::error::Error>> {
    let root = SVGBackend::new(path, (860, 420)).into_drawing_area();
    root.fill(&WHITE)?;
    let (left, right) = root.split_horizontally(430);
    let most = rows.iter().map(|row| row.urls_known).max().unwrap_or(1) as f64 * 1.1;
    let sizes = || (1e6..most).log_scale();
    let mut chart = ChartBuilder::on(&left)
        .caption("seen-tests a CPU-second", ("sans-serif", 16))
        .margin(10)
        .x_label_area_size(36)
        .y_label_area_size(64)
        .build_cartesian_2d(
            sizes(),
            0.0..rows.iter().map(|row| row.tests_per_cpu_second).max().unwrap_or(1) as f64 * 1.1,
        )?;
    chart.configure_mesh().x_desc("URLs known").y_label_formatter(&|y| format!("{:.0} k", y / 1e3)).draw()?;
    let points = |pick: fn(&Row) -> f64| rows.iter().map(move |row| (row.urls_known as f64, pick(row)));
    chart
        .draw_series(LineSeries::new(points(|row| row.tests_per_cpu_second as f64), &BLUE).point_size(3))?
        .label("of the thread that asks")
        .legend(|(x, y)| PathElement::new([(x, y), (x + 16, y)], BLUE));
    chart
        .draw_series(LineSeries::new(points(|row| row.tests_per_cpu_second_with_keeper as f64), &RED).point_size(3))?
        .label("with the store's own thread")
        .legend(|(x, y)| PathElement::new([(x, y), (x + 16, y)], RED));
    chart.configure_series_labels().position(SeriesLabelPosition::LowerLeft).border_style(BLACK).draw()?;
    let mut chart = ChartBuilder::on(&right)
        .caption("resident memory, MiB", ("sans-serif", 16))
        .margin(10)
        .x_label_area_size(36)
        .y_label_area_size(64)
        .build_cartesian_2d(sizes(), 0.0..1100.0)?;
    chart.configure_mesh().x_desc("URLs known").draw()?;
    chart
        .draw_series(LineSeries::new(points(|row| row.peak_resident_mib as f64), &BLUE).point_size(3))?
        .label("at most so far")
        .legend(|(x, y)| PathElement::new([(x, y), (x + 16, y)], BLUE));
    chart
        .draw_series(LineSeries::new(points(|row| row.resident_mib as f64), &RED).point_size(3))?
        .label("just opened")
        .legend(|(x, y)| PathElement::new([(x, y), (x + 16, y)], RED));
    chart.configure_series_labels().position(SeriesLabelPosition::UpperLeft).border_style(BLACK).draw()?;
    root.present()?;
    Ok(())
}
