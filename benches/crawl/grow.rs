//! How a crawl's cost grows: series of built-in webs in which one thing does, crawled by dragline.
//!
//! Server and crawler are on the same processors; what the server takes is in `docs/PERFORMANCE.md`. Pages are counted by
//! the server's log, and held against the truth but where there are more of them than are crawled.

use std::{
    fs,
    io::Write,
    path::{Path, PathBuf},
    process::Command,
};

use super::{
    absolute,
    contender::{self, Contender, Job},
    meter, rows,
    rows::Row,
    scratch,
    site::{Site, Vitro},
    tally,
};

/// Most seconds of one crawl.
const DEADLINE_S: u64 = 1800;

#[derive(Debug, clap::Args)]
pub(crate) struct GrowArgs {
    /// What grows
    #[arg(value_enum, value_delimiter = ',', default_value = "hosts,pages,known,links,bytes,latency")]
    series: Vec<Series>,
    /// How often each is run
    #[arg(long, default_value_t = 1)]
    rounds: usize,
    /// Lines are added to this file
    #[arg(long)]
    out: Option<PathBuf>,
    /// The dragline that crawls and serves, if not the one that cargo built beside this program
    #[arg(long, default_value = env!("CARGO_BIN_EXE_dragline"))]
    binary: PathBuf,
    /// Where it writes: a disk
    #[arg(long)]
    folder: Option<PathBuf>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
pub(crate) enum Series {
    /// 1 to 100,000 hosts
    Hosts,
    /// 10,000 to a million pages, all crawled
    Pages,
    /// URLs known, to ten million: many links, few pages crawled
    Known,
    /// 10 to 1,000 links a page, in pages of the same size
    Links,
    /// Pages of 1 kB to 1 MB, with few links
    Bytes,
    /// 0 to 500 ms until a page is answered, 64 connections
    Latency,
}

/// One web, and how it is crawled.
struct Step {
    label: String,
    flags: Vec<String>,
    /// Where not all is crawled.
    max_pages: Option<u32>,
}

impl Series {
    fn steps(self) -> Vec<Step> {
        let step = |label: String, flags: &[(&str, u32)], max_pages| Step {
            label,
            flags: flags.iter().flat_map(|(name, value)| [format!("--{name}"), value.to_string()]).collect(),
            max_pages,
        };
        let each = |values: &[u32], of: &dyn Fn(u32) -> Step| values.iter().map(|value| of(*value)).collect();
        match self {
            Self::Hosts => each(&[1, 10, 100, 1_000, 10_000, 100_000], &|hosts| {
                step(format!("{hosts} hosts"), &[("hosts", hosts), ("pages", 100_000)], None)
            }),
            Self::Pages => each(&[10_000, 100_000, 1_000_000], &|pages| {
                step(format!("{pages} pages"), &[("hosts", 1_000), ("pages", pages)], None)
            }),
            Self::Known => each(&[100, 1_000, 10_000, 60_000, 150_000], &|pages| {
                let flags = [("hosts", 1_000), ("pages", 20_000_000), ("links", 500), ("page-bytes", 100_000)];
                step(format!("{pages} of 20,000,000 pages"), &flags, Some(pages))
            }),
            Self::Links => each(&[10, 30, 100, 300, 1_000], &|links| {
                let flags = [("hosts", 100), ("pages", 10_000), ("links", links), ("page-bytes", 300_000)];
                step(format!("{links} links in 300 kB"), &flags, None)
            }),
            Self::Bytes => each(&[1_000, 4_000, 16_000, 64_000, 256_000, 1_000_000], &|bytes| {
                let flags = [("hosts", 100), ("pages", 10_000), ("links", 3), ("page-bytes", bytes)];
                step(format!("{bytes} bytes"), &flags, None)
            }),
            Self::Latency => each(&[0, 20, 50, 100, 500], &|millis| {
                let pages = if millis < 100 { 20_000 } else { 5_000 };
                let mut step = step(format!("{millis} ms"), &[("hosts", 100), ("pages", pages)], None);
                step.flags.extend(["--latency".to_owned(), format!("{millis}ms")]);
                step
            }),
        }
    }
}

pub(crate) fn run(args: &GrowArgs) {
    let scratch = scratch(args.folder.as_deref());
    let binary = absolute(&args.binary);
    let mut out = args.out.as_ref().map(|path| fs::OpenOptions::new().create(true).append(true).open(path).unwrap());
    println!("| web | pages crawled | URLs known | pages/s | CPU ms/page | peak MiB | missed | fetched twice |");
    println!("|---|---|---|---|---|---|---|---|");
    for step in args.series.iter().flat_map(|series| series.steps()) {
        for round in 0..args.rounds {
            let (row, n_known) = one(&step, round, &binary, scratch.path());
            let Row { site, pages, pages_per_s, cpu_ms_per_page, peak_mib, missed, twice, failure, .. } = &row;
            match failure {
                Some(why) => println!("| {site} | {why} |"),
                None => println!(
                    "| {site} | {pages} | {n_known} | {pages_per_s:.0} | {cpu_ms_per_page:.3} | {peak_mib:.0} | {missed} | {twice} |"
                ),
            }
            if let Some(file) = &mut out {
                writeln!(file, "{}", serde_json::to_string(&row).unwrap()).unwrap();
            }
        }
    }
}

/// The row, and how many URLs the receipt says were known.
fn one(step: &Step, round: usize, binary: &Path, scratch: &Path) -> (Row, u64) {
    let folder = scratch.join("run");
    let _ = fs::remove_dir_all(&folder);
    fs::create_dir_all(&folder).unwrap();
    let vitro = Vitro {
        binary: binary.to_owned(),
        flags: step.flags.clone(),
        label: format!("vitro, {}", step.label),
        is_all: step.max_pages.is_none(),
    };
    let site = Site::vitro(&vitro, scratch);
    let job = Job { site: &site, n_connections: 64, folder: &folder, binary: binary.to_owned() };
    let limit = step.max_pages.map(|most| format!("limits.pages = {most}"));
    let crawl = contender::dragline(&job, limit.as_deref().unwrap_or_default());
    // It ends with 3 at a limit, which is no failure here.
    let mut command = Command::new("sh");
    command
        .args(["-c", "\"$@\"; code=$?; [ $code -eq 3 ] || exit $code", "sh"])
        .arg(crawl.get_program())
        .args(crawl.get_args());
    for (name, value) in crawl.get_envs() {
        if value.is_none() {
            command.env_remove(name);
        }
    }
    let blank = Row::new(&site, Contender::Dragline, job.n_connections, round);
    let from = site.mark();
    let row = match meter::measure(&command, &folder, DEADLINE_S) {
        Ok(taken) => blank.with(&taken, &tally::tally(site.pages(), &site.hits_since(from))),
        Err(why) => Row { failure: Some(why), ..blank },
    };
    (row, rows::n_known(&folder.join("out/receipt.json")))
}
