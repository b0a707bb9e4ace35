//! The steps of the hot path one by one: `cargo bench --bench micro -- [filter] [--sample-count N] …`, as divan has it.
//!
//! Over fifty pages of the Rust documentation that rustup installs, of 8 to 40 KiB, or over made-up ones where it is not
//! installed. Times are of all pages together, and the throughput beside them is in pages, links or whatever the step does many of.
//! Allocations are counted along. What each step does is in `tests/hot/mod.rs`; the counts that CI looks at are those
//! of `tests/it/cost.rs`.

#![expect(clippy::print_stdout, reason = "a program for the terminal")]
#![expect(clippy::unwrap_used, reason = "a measurement that can't go on panics")]

#[path = "../tests/hot/mod.rs"]
#[expect(dead_code, reason = "the counts of CI name the units")]
mod hot;

use std::{
    fs,
    path::{Path, PathBuf},
    process::Command,
};

use divan::{AllocProfiler, Bencher, counter::ItemsCount};
use hot::{Hot, Input, STEPS, corpus};
use tikv_jemallocator::Jemalloc;

/// The program's own allocator, with a counter before it.
#[global_allocator]
static ALLOCATOR: AllocProfiler<Jemalloc> = AllocProfiler::new(Jemalloc);

/// Pages of the corpus.
const N_PAGES: usize = 50;

fn main() {
    let (pages, whence) = pages();
    let bytes: usize = pages.iter().map(|page| page.body.len()).sum();
    println!("{} pages of {whence}, {} bytes each on average", pages.len(), bytes / pages.len());
    divan::main();
}

/// A benchmark a step.
#[divan::bench(args = STEPS.map(|step| step.name))]
fn step(bencher: Bencher<'_, '_>, name: &str) {
    let step = STEPS.into_iter().find(|step| step.name == name).unwrap();
    let folder = tempfile::tempdir().unwrap();
    let mut hot = Hot::new(pages().0, folder.path());
    // The first time is another: tables are filled, regular expressions made.
    let n = (step.run)(&mut hot);
    bencher.counter(ItemsCount::new(n)).bench_local(|| (step.run)(&mut hot));
}

/// The corpus, and what it is.
fn pages() -> (Vec<Input>, &'static str) {
    let found = documentation().map(|folder| read(&folder)).unwrap_or_default();
    if found.len() == N_PAGES {
        (found, "the Rust documentation")
    } else {
        (corpus::pages(N_PAGES), "made-up documentation")
    }
}

fn documentation() -> Option<PathBuf> {
    let root = Command::new("rustc").args(["--print", "sysroot"]).output().ok()?.stdout;
    Some(Path::new(String::from_utf8(root).ok()?.trim()).join("share/doc/rust/html/std"))
}

/// The first pages, by name, of each of its folders in turn.
fn read(folder: &Path) -> Vec<Input> {
    let mut folders: Vec<PathBuf> = entries(folder).into_iter().filter(|path| path.is_dir()).collect();
    folders.sort();
    let of_folder = |folder: &PathBuf| {
        let mut files: Vec<PathBuf> = entries(folder).into_iter().filter(|path| is_fitting(path)).collect();
        files.sort();
        files.into_iter().take(3)
    };
    let page = |path: PathBuf| {
        let name = path.strip_prefix(folder).unwrap().to_str().unwrap().to_owned();
        let url = format!("http://docs.test/std/{name}").parse().unwrap();
        Input { url, body: fs::read(path).unwrap() }
    };
    folders.iter().flat_map(of_folder).take(N_PAGES).map(page).collect()
}

fn entries(folder: &Path) -> Vec<PathBuf> {
    let entries = fs::read_dir(folder).into_iter().flatten().flatten();
    entries.map(|entry| entry.path()).collect()
}

/// Whether it is a page of a usual size.
fn is_fitting(path: &Path) -> bool {
    let is_page = path.extension().is_some_and(|extension| extension == "html");
    is_page && fs::metadata(path).is_ok_and(|file| (8 << 10..40 << 10).contains(&file.len()))
}
