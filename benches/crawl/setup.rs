//! Installs the other crawlers below the target folder, by the registries' own clients, and says where they are.
//!
//! wget2 is a Debian package and needs root, so it is named and left to the caller. What is installed already is installed again, which
//! is how it is brought up to date with its list.

use std::{
    fs,
    path::{Path, PathBuf},
    process::Command,
};

use super::contender::Contender;

/// Their sources.
pub(crate) const PEERS: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/benches/crawl/peers");

/// What can be installed, if nothing else is said.
const ALL: [Contender; 5] =
    [Contender::Wget2, Contender::Spider, Contender::Scrapy, Contender::Crawlee, Contender::Colly];

/// Everything of this benchmark that outlives a run.
pub(crate) fn target() -> PathBuf {
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join("bench-crawl");
    fs::create_dir_all(&folder).unwrap();
    folder
}

/// The virtual environment.
pub(crate) fn scrapy() -> PathBuf {
    target().join("scrapy")
}

/// The folder with `crawl.mjs` and its packages.
pub(crate) fn crawlee() -> PathBuf {
    target().join("crawlee")
}

/// The program.
pub(crate) fn spider() -> PathBuf {
    target().join("spider/release/spider-crawl")
}

pub(crate) fn run(contenders: &[Contender]) {
    let wanted = if contenders.is_empty() { &ALL[..] } else { contenders };
    for contender in wanted {
        match contender {
            Contender::Scrapy => install_scrapy(),
            Contender::Crawlee => install_crawlee(),
            Contender::Spider => install_spider(),
            Contender::Wget2 => println!("wget2: apt-get install wget2"),
            Contender::Colly => println!("colly: Debian has no package golang-github-gocolly-colly-dev; left out"),
            Contender::Dragline | Contender::FloorGet | Contender::FloorScan => {}
        }
    }
}

fn install_scrapy() {
    let home = scrapy();
    let list = Path::new(PEERS).join("scrapy/requirements.txt");
    must(Command::new("python3").args(["-m", "venv", "--clear"]).arg(&home));
    let python = home.join("bin/python");
    must(Command::new(python).args(["-m", "pip", "install", "--quiet", "--disable-pip-version-check", "-r"]).arg(list));
}

fn install_crawlee() {
    let home = crawlee();
    fs::create_dir_all(&home).unwrap();
    for file in ["package.json", "crawl.mjs"] {
        fs::copy(Path::new(PEERS).join("crawlee").join(file), home.join(file)).unwrap();
    }
    must(Command::new("npm").args(["install", "--no-audit", "--no-fund", "--loglevel=error"]).current_dir(home));
}

/// In a workspace and a target folder of its own, so that its features change nothing of dragline's.
fn install_spider() {
    let manifest = Path::new(PEERS).join("spider/Cargo.toml");
    let mut build = Command::new("cargo");
    build
        .args(["build", "--release", "--manifest-path"])
        .arg(manifest)
        .arg("--target-dir")
        .arg(target().join("spider"));
    must(&mut build);
}

fn must(command: &mut Command) {
    println!("{command:?}");
    let status = command.status().unwrap_or_else(|error| panic!("{command:?}: {error}"));
    assert!(status.success(), "{command:?} ended with {status}");
}
