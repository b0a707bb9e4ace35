//! Instructions and allocations a page, counted under valgrind: the same on every machine of a kind, and no matter what runs beside.
//!
//! `callgrind` counts instructions, and how often each function is called, the allocator's among them; so the program is counted as it
//! is, with its own allocator and nothing added. Two runs of different length are compared, and what both have (start, end)
//! falls out. Threads take turns under valgrind, so waiting for each other is not counted, nor is the kernel.

use std::{
    fs,
    io::Write,
    path::{Path, PathBuf},
    process::{Command, Stdio},
};

use super::{
    Served,
    contender::{self, Contender, Job},
    rows::{self, Count, Measured},
    scratch,
    site::{Site, SiteName},
};

/// Functions of allocators that give memory. jemalloc's have a prefix; what one of them calls itself is not of them.
const ALLOCATE: [&str; 12] = [
    "malloc",
    "calloc",
    "realloc",
    "posix_memalign",
    "aligned_alloc",
    "_rjem_malloc",
    "_rjem_calloc",
    "_rjem_realloc",
    "_rjem_mallocx",
    "_rjem_rallocx",
    "_rjem_aligned_alloc",
    "_rjem_posix_memalign",
];

#[derive(Debug, clap::Args)]
pub(crate) struct CountArgs {
    /// Who is counted: dragline and the floors
    #[arg(long, value_enum, value_delimiter = ',', default_value = "dragline,floor-get,floor-scan")]
    contenders: Vec<Contender>,
    /// Pages of the shorter run
    #[arg(long, default_value_t = 300)]
    from: usize,
    /// Pages of the longer run
    #[arg(long, default_value_t = 1300)]
    to: usize,
    /// Lines are added to this file
    #[arg(long)]
    out: Option<PathBuf>,
    #[command(flatten)]
    served: Served,
}

/// What one run came to.
struct Counted {
    instructions: u64,
    allocations: u64,
    /// In the order in which they were asked for.
    pages: Vec<String>,
}

pub(crate) fn run(args: &CountArgs) {
    let scratch = scratch(None);
    let site = Site::serve(SiteName::Docs, &args.served, scratch.path());
    let mut counts = Vec::new();
    let mut list: Vec<String> = site.pages().iter().cloned().collect();
    for contender in &args.contenders {
        let [short, long] = [args.from, args.to].map(|n| one(&site, *contender, (&list, n), args, scratch.path()));
        let pages = long.pages.len() - short.pages.len();
        if *contender == Contender::Dragline {
            // Whoever is counted after it gets the same pages: others are shorter, or have fewer links.
            list.clone_from(&long.pages);
        }
        #[expect(clippy::cast_precision_loss, reason = "far below 2^52")]
        let per_page = |long: u64, short: u64| (long - short) as f64 / pages as f64;
        let count = Count {
            contender: contender.as_str().to_owned(),
            commit: rows::commit(),
            counted_pages: pages,
            instructions_per_page: per_page(long.instructions, short.instructions),
            allocations_per_page: per_page(long.allocations, short.allocations),
        };
        let line = serde_json::to_string(&count).unwrap();
        println!("{line}");
        if let Some(out) = &args.out {
            let mut file = fs::OpenOptions::new().create(true).append(true).open(out).unwrap();
            writeln!(file, "{line}").unwrap();
        }
        counts.push(count);
    }
    println!("\n{}", rows::tables(&Measured { runs: Vec::new(), counts }));
}

fn one(
    site: &Site,
    contender: Contender,
    (list, n_pages): (&[String], usize),
    args: &CountArgs,
    scratch: &Path,
) -> Counted {
    let folder = scratch.join("count");
    let _ = fs::remove_dir_all(&folder);
    fs::create_dir_all(&folder).unwrap();
    let job = Job { site, n_connections: 16, folder: &folder, binary: args.served.binary() };
    let command = match contender {
        Contender::Dragline => {
            // Under valgrind it is fifty times slower: no timeout may strike.
            let patient = "fetch.first_byte_timeout = \"10m\"\nfetch.timeout = \"10m\"\nfetch.min_rate = \"unlimited\"";
            contender::dragline(&job, &format!("limits.pages = {n_pages}\n{patient}"))
        }
        Contender::FloorGet | Contender::FloorScan => {
            let command = contender.command(&job).unwrap();
            let list: String = list.iter().take(n_pages).map(|url| format!("{url}\n")).collect();
            fs::write(folder.join("list.txt"), list).unwrap();
            command
        }
        other => panic!("{} can't be counted: only dragline and the floors can", other.as_str()),
    };
    let profile = folder.join("callgrind.out");
    let from = site.mark();
    let status = Command::new("valgrind")
        .args(["--tool=callgrind", "--compress-strings=no", "--compress-pos=no"])
        .arg(format!("--callgrind-out-file={}", profile.display()))
        .arg(command.get_program())
        .args(command.get_args())
        .current_dir(&folder)
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(fs::File::create(folder.join("said.txt")).unwrap())
        .status()
        .expect("valgrind is missing: apt-get install valgrind");
    // 3: the limit of pages was reached.
    let said = || fs::read_to_string(folder.join("said.txt")).unwrap_or_default();
    assert!(matches!(status.code(), Some(0 | 3)), "{} ended with {status}: {}", contender.as_str(), said());
    let pages = site.hits_since(from).into_iter().filter(|hit| hit.is_page).map(|hit| hit.url).collect();
    let (instructions, allocations) = read(&fs::read_to_string(&profile).unwrap());
    Counted { instructions, allocations, pages }
}

/// All instructions, and all calls of the allocator, of a profile whose names are written in full.
fn read(profile: &str) -> (u64, u64) {
    let (mut instructions, mut allocations, mut allocates) = (0, 0, false);
    for line in profile.lines() {
        if let Some(name) = line.strip_prefix("cfn=") {
            // One that calls itself has a number behind its name.
            allocates = ALLOCATE.contains(&name.split('\'').next().unwrap_or(name));
        } else if let Some(calls) = line.strip_prefix("calls=") {
            let n: u64 = calls.split(' ').next().and_then(|n| n.parse().ok()).expect("calls=N …");
            allocations += if allocates { n } else { 0 };
        } else if let Some(totals) = line.strip_prefix("totals:") {
            instructions = totals.trim().parse().expect("a number");
        }
    }
    (instructions, allocations)
}
