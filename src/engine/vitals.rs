//! Vital signs of a running crawl: what it holds, in counts, for those who look for what grows.
//!
//! A [`Vitals`] has the process's memory, open files and sockets as the system has them, the tasks of the
//! runtime, and the size of every map, queue and pool that exists while a crawl runs: of the workbench, the
//! recorder, the store, the gate and the fetch stack. [`watch()`] logs one every now and then, as one line at
//! `debug` with the target `dragline::vitals`.
//!
//! It changes nothing, takes locks for no longer than to read a length, and costs nothing when nobody logs it.

use std::{fs, sync::Arc, time::Duration};

use serde::Serialize;
use tokio::{runtime::Handle, sync::watch, time::sleep};

use super::stats::{Gauges, Progress, Stage};
use crate::{fetch::Fetcher, politeness::Gate};

/// Of a process, at one moment.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct Vitals {
    /// Pages fetched, over all runs.
    pub pages: u64,
    /// URLs known, over all runs.
    pub discovered: u64,
    /// Memory that is resident, bytes; 0 where the system does not say.
    pub rss_bytes: u64,
    /// The most that ever was.
    pub peak_rss_bytes: u64,
    /// Memory that is mapped, bytes.
    pub virtual_bytes: u64,
    /// Time of processors that was used, by the program and for it.
    pub cpu_ms: u64,
    /// Tasks of the runtime that have not ended.
    pub tasks: usize,
    /// Open files, sockets among them.
    pub files: usize,
    /// Open sockets.
    pub sockets: usize,
    /// Sizes of maps, queues and pools, by name.
    pub held: Gauges,
}

/// Takes them. Needs a tokio runtime.
pub fn take(progress: &Progress, fetcher: &dyn Fetcher, gate: &Gate) -> Vitals {
    let mut held = counts(progress);
    held.insert("gate.hosts", gate.n_hosts() as u64);
    fetcher.held(&mut |name, n| held.extend([(name, n)]));
    let (files, sockets) = open_files();
    let Memory { rss_bytes, peak_rss_bytes, virtual_bytes } = memory();
    Vitals {
        pages: progress.tally.n_pages(),
        discovered: progress.tally.discovered,
        rss_bytes,
        peak_rss_bytes,
        virtual_bytes,
        cpu_ms: cpu_ms(),
        tasks: Handle::current().metrics().num_alive_tasks(),
        files,
        sockets,
        held,
    }
}

/// The sizes of what one crawl alone has.
pub fn counts(progress: &Progress) -> Gauges {
    let mut held = progress.recorder.clone();
    let (bench, dispatcher) = (&progress.held.bench, &progress.held);
    let counts = [
        ("bench.places", bench.places),
        ("bench.slots", bench.slots),
        ("bench.idle", bench.idle),
        ("bench.opening", bench.opening),
        ("bench.ready", bench.ready),
        ("bench.waiting", bench.waiting),
        ("bench.busy", bench.busy),
        ("bench.asleep", bench.asleep),
        ("bench.in_line", bench.in_line),
        ("bench.urls", bench.urls),
        ("bench.urls_out", bench.urls_out),
        ("bench.asks", bench.asks),
        ("dispatcher.permits", dispatcher.permits),
        ("dispatcher.inbox", dispatcher.inbox),
    ];
    held.extend(counts.map(|(name, n)| (name, n as u64)));
    held.insert("bench.leases", bench.leases);
    held
}

/// Logs them `every` so often, until the crawl is over.
pub async fn watch(
    crawl: Option<Arc<str>>,
    picture: watch::Receiver<Progress>,
    fetcher: Arc<dyn Fetcher>,
    gate: Gate,
    every: Duration,
) {
    while picture.borrow().stage != Stage::Done {
        if tracing::enabled!(target: "dragline::vitals", tracing::Level::DEBUG) {
            let progress = picture.borrow().clone();
            let vitals = take(&progress, fetcher.as_ref(), &gate);
            let held = serde_json::to_string(&vitals.held).expect("names and numbers always serialise");
            let Vitals { pages, discovered, rss_bytes, peak_rss_bytes, tasks, files, sockets, .. } = vitals;
            tracing::debug!(
                target: "dragline::vitals",
                crawl = crawl.as_deref(),
                pages, discovered, rss_bytes, peak_rss_bytes, tasks, files, sockets, held, "vital signs"
            );
        }
        sleep(every).await;
    }
}

/// Open files and, among them, sockets; none where the system has no list of them.
fn open_files() -> (usize, usize) {
    let Ok(entries) = fs::read_dir("/proc/self/fd") else { return (0, 0) };
    // Reading the folder is an open file itself.
    let targets = entries.filter_map(|entry| fs::read_link(entry.ok()?.path()).ok());
    targets.fold((0, 0), |(files, sockets), target| {
        (files + 1, sockets + usize::from(target.to_string_lossy().starts_with("socket:")))
    })
}

/// Of the process.
struct Memory {
    rss_bytes: u64,
    peak_rss_bytes: u64,
    virtual_bytes: u64,
}

fn memory() -> Memory {
    let status = fs::read_to_string("/proc/self/status").unwrap_or_default();
    let kib = |name: &str| -> Option<u64> {
        let line = status.lines().find_map(|line| line.strip_prefix(name))?;
        line.trim_start_matches(':').trim().strip_suffix("kB")?.trim().parse().ok()
    };
    let bytes = |name: &str| kib(name).unwrap_or_default() * 1024;
    Memory { rss_bytes: bytes("VmRSS"), peak_rss_bytes: bytes("VmHWM"), virtual_bytes: bytes("VmSize") }
}

/// Time of processors, by the program and for it.
fn cpu_ms() -> u64 {
    // In ticks, of which Linux has a hundred a second wherever it tells of them.
    const TICK_MS: u64 = 10;
    let stat = fs::read_to_string("/proc/self/stat").unwrap_or_default();
    // The second field is the name of the program, in brackets, and may hold anything.
    let fields = stat.rsplit_once(')').map_or("", |(_, fields)| fields);
    fields.split_whitespace().skip(11).take(2).filter_map(|ticks| ticks.parse::<u64>().ok()).sum::<u64>() * TICK_MS
}

#[cfg(test)]
mod tests {
    use futures::{FutureExt, future::BoxFuture};

    use super::*;
    use crate::fetch::{FetchError, Request, Response};

    struct Nobody;

    impl Fetcher for Nobody {
        fn fetch(&self, _: Request) -> BoxFuture<'_, Result<Response, FetchError>> {
            async { Ok(Response::default()) }.boxed()
        }

        fn held(&self, tell: &mut dyn FnMut(&'static str, u64)) {
            tell("fetch.names", 7);
        }
    }

    #[tokio::test]
    async fn everything_has_its_size() {
        let mut progress = Progress { recorder: Gauges::from([("recorder.hosts", 3)]), ..Progress::default() };
        progress.held.bench.slots = 5;
        let vitals = take(&progress, &Nobody, &Gate::default());
        let held = ["fetch.names", "recorder.hosts", "bench.slots", "gate.hosts"].map(|name| vitals.held[name]);
        assert_eq!(held, [7, 3, 5, 0]);
        if cfg!(target_os = "linux") {
            assert!(vitals.virtual_bytes > vitals.rss_bytes);
            assert!(vitals.rss_bytes > 1 << 20 && vitals.peak_rss_bytes >= vitals.rss_bytes && vitals.files > 2);
        }
    }
}
