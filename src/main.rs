//! The binary: arguments in, exit code out. What it does is told in [`dragline::cli`].

use std::process::ExitCode;

use tikv_jemallocator::Jemalloc;

// Gives back what a long crawl no longer needs, which the system's does not: docs/PERFORMANCE.md has the numbers.
#[global_allocator]
static ALLOCATOR: Jemalloc = Jemalloc;

fn main() -> ExitCode {
    dragline::cli::run(std::env::args_os()).into()
}
