//! Whole crawls, measured beside a floor and beside other crawlers: `cargo bench --bench crawl -- <command> …`.
//!
//! ```text
//!   run ──▶ site: what is served, the true set of its pages, the server's log
//!    │        contender: a program, its version, its command line
//!    └──▶ meter: one process a run ──▶ tally: what of the truth was fetched, by the log ──▶ rows
//! ```
//!
//! In reading order: [`contender`] (who), [`site`] (what is crawled), [`meter`] (time, processor time and memory of a
//! process and its children), [`tally`] (completeness), [`rows`] (results, and tables of them), [`plot`],
//! [`grow`] (webs of which one thing grows), [`count`] (instructions and allocations a page), [`floor`] (the loops that are no crawlers), [`setup`] (installs the others).
//!
//! Every run is a process of its own; rounds go through all contenders in an order that is rotated from round to round.
//! Nothing is skipped in silence: a contender that is not installed, or fails, has a row that says so.

#![expect(clippy::print_stdout, clippy::print_stderr, reason = "a program for the terminal")]
#![expect(clippy::unwrap_used, reason = "a measurement that can't go on panics")]

mod contender;
mod count;
mod floor;
mod grow;
mod meter;
mod plot;
mod rows;
mod setup;
mod site;
mod tally;

use std::{
    fs,
    io::Write,
    path::{Path, PathBuf},
    process::ExitCode,
};

use clap::{Parser, Subcommand};
use tikv_jemallocator::Jemalloc;

use contender::{Contender, Job};
use rows::Row;
use site::{Site, SiteName};

/// As in the program itself: the floors are to differ from it in what they do.
#[global_allocator]
static ALLOCATOR: Jemalloc = Jemalloc;

/// What a contender that hangs is given before it is killed, seconds.
const DEADLINE_S: u64 = 1800;

#[derive(Debug, Parser)]
#[command(name = "cargo bench --bench crawl --", about = "Whole crawls beside a floor and beside other crawlers")]
struct Args {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Crawls, and writes a line of JSON for each run
    Run(RunArgs),
    /// Crawls built-in webs in which one thing grows, and prints a table in Markdown
    Grow(grow::GrowArgs),
    /// Counts instructions and allocations a page, under valgrind
    Count(count::CountArgs),
    /// Installs the other crawlers below the target folder
    Setup {
        /// Only these
        #[arg(long, value_enum, value_delimiter = ',')]
        contenders: Vec<Contender>,
    },
    /// Prints tables of what was measured, in Markdown
    Table {
        /// Files that `run` and `count` wrote
        files: Vec<PathBuf>,
    },
    /// Draws what was measured
    Plot {
        /// Files that `run` wrote
        files: Vec<PathBuf>,
        /// Where the pictures go
        #[arg(long, default_value = "docs/plots")]
        folder: PathBuf,
    },
    /// A floor, as a process of its own (`run` calls it)
    #[command(hide = true)]
    Floor(floor::FloorArgs),
    /// Runs a program and writes down what it took (`run` calls it)
    #[command(hide = true)]
    Meter(meter::MeterArgs),
}

#[derive(Debug, clap::Args)]
struct RunArgs {
    /// What is crawled
    #[arg(long, value_enum, value_delimiter = ',', default_value = "docs")]
    sites: Vec<SiteName>,
    /// Who crawls
    #[arg(long, value_enum, value_delimiter = ',', default_value = "dragline,floor-get,floor-scan")]
    contenders: Vec<Contender>,
    /// Connections, or whatever a contender calls it
    #[arg(long, value_delimiter = ',', default_value = "1,16,64,256")]
    connections: Vec<usize>,
    /// How often each is run
    #[arg(long, default_value_t = 5)]
    rounds: usize,
    /// Lines are added to this file
    #[arg(long)]
    out: Option<PathBuf>,
    #[command(flatten)]
    served: Served,
    /// Where contenders write: a disk, for the frontier is durable and memory never is
    #[arg(long)]
    folder: Option<PathBuf>,
    /// Seconds after which a run is killed
    #[arg(long, default_value_t = DEADLINE_S)]
    deadline: u64,
}

/// What is served, and by which program.
#[derive(Debug, clap::Args)]
struct Served {
    /// Hosts of the site `vitro`
    #[arg(long, default_value_t = 200)]
    hosts: u32,
    /// Pages of all of them together
    #[arg(long, default_value_t = 10_000)]
    pages: u32,
    /// Which of all such webs
    #[arg(long, default_value_t = 1)]
    seed: u64,
    /// The dragline that is measured and that serves, if not the one that cargo built beside this program
    #[arg(long)]
    binary: Option<PathBuf>,
}

impl Served {
    fn vitro(&self) -> site::Vitro {
        let Self { hosts, pages, seed, .. } = self;
        let flags = format!("--hosts {hosts} --pages {pages} --seed {seed}").split(' ').map(str::to_owned).collect();
        site::Vitro { binary: self.binary(), flags, label: SiteName::Vitro.as_str().to_owned(), is_all: true }
    }

    fn binary(&self) -> PathBuf {
        absolute(self.binary.as_deref().unwrap_or(Path::new(env!("CARGO_BIN_EXE_dragline"))))
    }
}

fn main() -> ExitCode {
    // Cargo adds `--bench`.
    let words = std::env::args().filter(|word| word != "--bench");
    match Args::parse_from(words).command {
        Command::Run(args) => run(&args),
        Command::Grow(args) => grow::run(&args),
        Command::Count(args) => count::run(&args),
        Command::Setup { contenders } => setup::run(&contenders),
        Command::Table { files } => println!("{}", rows::tables(&rows::read(&files))),
        Command::Plot { files, folder } => plot::draw(&rows::read(&files), &folder),
        Command::Floor(args) => floor::run(&args),
        Command::Meter(args) => return meter::run(&args),
    }
    ExitCode::SUCCESS
}

fn run(args: &RunArgs) {
    let scratch = scratch(args.folder.as_deref());
    let mut out = args.out.as_ref().map(|path| fs::OpenOptions::new().create(true).append(true).open(path).unwrap());
    let mut measured = rows::Measured::default();
    for name in &args.sites {
        let site = Site::serve(*name, &args.served, scratch.path());
        println!("{}: {} pages from {}", name.as_str(), site.pages().len(), site.seed());
        warm_up(&site, scratch.path());
        for round in 0..args.rounds {
            for n_connections in &args.connections {
                for contender in rotated(&args.contenders, round) {
                    let row = one(&site, contender, *n_connections, round, args, scratch.path());
                    println!("{}", row.line());
                    if let Some(file) = &mut out {
                        writeln!(file, "{}", serde_json::to_string(&row).unwrap()).unwrap();
                    }
                    measured.runs.push(row);
                }
            }
        }
    }
    println!("\n{}", rows::tables(&measured));
}

/// One run of one contender.
fn one(site: &Site, contender: Contender, n_connections: usize, round: usize, args: &RunArgs, scratch: &Path) -> Row {
    let folder = scratch.join("run");
    // What the last one wrote is no longer wanted.
    let _ = fs::remove_dir_all(&folder);
    fs::create_dir_all(&folder).unwrap();
    let job = Job { site, n_connections, folder: &folder, binary: args.served.binary() };
    let blank = Row::new(site, contender, n_connections, round);
    let command = match contender.command(&job) {
        Ok(command) => command,
        Err(why) => return Row { failure: Some(format!("missing: {why}")), ..blank },
    };
    let version = contender.version(&job);
    let from = site.mark();
    match meter::measure(&command, &folder, args.deadline) {
        Ok(taken) => Row { version, ..blank }.with(&taken, &tally::tally(site.pages(), &site.hits_since(from))),
        Err(why) => Row { version, failure: Some(why), ..blank },
    }
}

/// Everything in the system's cache, and the server's files open.
fn warm_up(site: &Site, scratch: &Path) {
    let list = scratch.join("list.txt");
    fs::write(&list, site.pages().iter().map(|url| format!("{url}\n")).collect::<String>()).unwrap();
    floor::run(&floor::FloorArgs { what: floor::What::Get, list, connections: 16, repeat: 1 });
}

/// The same in another order each round: what comes first in one round comes last in the next.
fn rotated(contenders: &[Contender], round: usize) -> impl Iterator<Item = Contender> {
    let n = contenders.len();
    contenders.iter().copied().cycle().skip(round % n.max(1)).take(n)
}

/// A program is started in another folder than this one.
fn absolute(program: &Path) -> PathBuf {
    program.canonicalize().unwrap_or_else(|error| panic!("{}: {error}", program.display()))
}

/// A folder that goes away with everything in it.
fn scratch(folder: Option<&Path>) -> tempfile::TempDir {
    tempfile::tempdir_in(folder.unwrap_or(&setup::target())).unwrap()
}
