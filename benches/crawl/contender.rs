//! Who crawls: the program, its version, and the command line that asks it for the same as all others.
//!
//! The same means: from the same seed everything that can be reached on the site by links, as many connections as are asked for,
//! no politeness, HTML only, robots.txt ignored by those that would need to be asked to obey it, and otherwise what its own documentation
//! advises. Each writes what it writes by default, or, if that is nothing, a line of JSON for each page. dragline keeps its
//! durable frontier, syncs its records, obeys robots.txt, and writes its receipt.

use std::{
    fs,
    path::{Path, PathBuf},
    process::Command,
};

use super::{
    setup::{self, PEERS},
    site::{Site, SiteName},
};

/// Endings of what is no page, for those that can leave links out by them. What else there is of that kind is fetched by all.
pub(crate) const NO_PAGES: &str = "css|js|json|png|svg|ico|gif|jpg|jpeg|webp|woff|woff2|ttf|txt|pdf|zip|gz|xml";

#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, clap::ValueEnum)]
pub(crate) enum Contender {
    /// A loop that GETs a list
    FloorGet,
    /// The same, with dragline's parser
    FloorScan,
    /// The program that this is about
    Dragline,
    /// GNU Wget2, of Debian
    Wget2,
    /// The Rust crate `spider`
    Spider,
    /// Scrapy, of PyPI
    Scrapy,
    /// Crawlee with Cheerio, of npm
    Crawlee,
    /// Colly, if Debian has it
    Colly,
}

/// One crawl that is asked for.
pub(crate) struct Job<'a> {
    pub(crate) site: &'a Site,
    pub(crate) n_connections: usize,
    /// Its own, empty.
    pub(crate) folder: &'a Path,
    /// Of dragline.
    pub(crate) binary: PathBuf,
}

impl Contender {
    pub(crate) fn as_str(self) -> &'static str {
        match self {
            Self::FloorGet => "floor-get",
            Self::FloorScan => "floor-scan",
            Self::Dragline => "dragline",
            Self::Wget2 => "wget2",
            Self::Spider => "spider",
            Self::Scrapy => "scrapy",
            Self::Crawlee => "crawlee",
            Self::Colly => "colly",
        }
    }

    /// What is to be run in the job's folder.
    ///
    /// # Errors
    /// With what is missing.
    pub(crate) fn command(self, job: &Job<'_>) -> Result<Command, String> {
        match self {
            Self::FloorGet => Ok(floor(job, "get")),
            Self::FloorScan => Ok(floor(job, "scan")),
            Self::Dragline => Ok(dragline(job, "")),
            Self::Wget2 => wget2(job),
            Self::Spider => spider(job),
            Self::Scrapy => scrapy(job),
            Self::Crawlee => crawlee(job),
            Self::Colly => Err("Debian has no package golang-github-gocolly-colly-dev".to_owned()),
        }
    }

    /// As the program itself says it.
    pub(crate) fn version(self, job: &Job<'_>) -> Option<String> {
        let python = setup::scrapy().join("bin/python");
        let say = |program: &Path, args: &[&str]| {
            let said = Command::new(program).args(args).current_dir(job.folder).output().ok()?.stdout;
            let said = String::from_utf8(said).ok()?;
            Some(said.lines().next()?.split_whitespace().last()?.to_owned())
        };
        match self {
            Self::FloorGet | Self::FloorScan | Self::Colly => None,
            Self::Dragline => say(&job.binary, &["--version"]),
            Self::Wget2 => {
                let said = Command::new("wget2").arg("--version").output().ok()?.stdout;
                Some(String::from_utf8(said).ok()?.split_whitespace().nth(2)?.to_owned())
            }
            Self::Spider => say(&setup::spider(), &["--version"]),
            Self::Scrapy => say(&python, &["-c", "import scrapy; print(scrapy.__version__)"]),
            Self::Crawlee => {
                let package = fs::read(setup::crawlee().join("node_modules/@crawlee/cheerio/package.json")).ok()?;
                let package: serde_json::Value = serde_json::from_slice(&package).ok()?;
                Some(package["version"].as_str()?.to_owned())
            }
        }
    }
}

fn floor(job: &Job<'_>, what: &str) -> Command {
    let list = job.folder.join("list.txt");
    fs::write(&list, job.site.pages().iter().map(|url| format!("{url}\n")).collect::<String>()).unwrap();
    let mut command = Command::new(std::env::current_exe().unwrap());
    command.args(["floor", what]).arg(list).args(["--connections", &job.n_connections.to_string()]);
    command
}

/// With `more` lines in its configuration.
pub(crate) fn dragline(job: &Job<'_>, more: &str) -> Command {
    let extensions: Vec<String> = NO_PAGES.split('|').map(|it| format!("{it:?}")).collect();
    let scope = match job.site.name {
        SiteName::Docs | SiteName::DocsAll => "scope.mode = \"host\"",
        // Hosts are addresses, so that nothing need be resolved.
        SiteName::Vitro => "scope.mode = \"any\"\nscope.include = [\"http://127.*\"]",
    };
    let config = format!(
        "job.out = \"out\"\n\
        seeds.urls = [{seed:?}]\n\
        {scope}\n\
        scope.exclude_extensions = [{extensions}]\n\
        politeness.rate = \"unlimited\"\n\
        politeness.per_host = {n}\n\
        politeness.crawl_delay = false\n\
        fetch.concurrency = {n}\n\
        fetch.allow_addresses = [\"loopback\"]\n\
        telemetry.log = \"warn\"\n\
        telemetry.progress = \"never\"\n\
        {more}\n",
        seed = job.site.seed(),
        extensions = extensions.join(", "),
        n = job.n_connections,
    );
    fs::write(job.folder.join("crawl.toml"), config).unwrap();
    let mut command = Command::new(&job.binary);
    command.args(["run", "crawl.toml"]);
    for (name, _) in std::env::vars_os() {
        if name.to_string_lossy().starts_with("DRAGLINE_") || name == "RUST_LOG" {
            command.env_remove(name);
        }
    }
    command
}

/// Its manual: `--recursive`, `--level=inf`, `--max-threads`; no configuration of the user's, no list of known HTTPS hosts.
fn wget2(job: &Job<'_>) -> Result<Command, String> {
    if Command::new("wget2").arg("--version").output().is_err() {
        return Err("wget2 is not installed: apt-get install wget2".to_owned());
    }
    let mut command = Command::new("wget2");
    command.args([
        "--no-config",
        "--no-hsts",
        "--no-hpkp",
        "--quiet",
        "--recursive",
        "--level=inf",
        "--robots=off",
        "--tries=1",
    ]);
    command.arg(format!("--max-threads={}", job.n_connections));
    command.arg("--filter-urls").arg(format!("--reject-regex=\\.({NO_PAGES})([?#].*)?$"));
    if job.site.name == SiteName::Vitro {
        command.arg("--span-hosts");
    }
    // It ends with 8 when a link was dead, which is no failure of its own.
    let mut shell = Command::new("sh");
    shell.args(["-c", "\"$@\"; code=$?; [ $code -eq 8 ] || exit $code", "sh"]).arg(command.get_program());
    shell.args(command.get_args()).arg(job.site.seed());
    Ok(shell)
}

fn spider(job: &Job<'_>) -> Result<Command, String> {
    let program = setup::spider();
    if !program.is_file() {
        return Err("spider is not built: cargo bench --bench crawl -- setup --contenders spider".to_owned());
    }
    let mut command = Command::new(program);
    command.args([job.site.seed(), &job.n_connections.to_string(), "pages.jsonl", scope(job)]);
    Ok(command)
}

fn scrapy(job: &Job<'_>) -> Result<Command, String> {
    let program = setup::scrapy().join("bin/python");
    if !program.is_file() {
        return Err("Scrapy is not installed: cargo bench --bench crawl -- setup --contenders scrapy".to_owned());
    }
    let mut command = Command::new(program);
    command.arg(Path::new(PEERS).join("scrapy/crawl.py"));
    command.args([job.site.seed(), &job.n_connections.to_string(), "pages.jsonl", scope(job), NO_PAGES]);
    Ok(command)
}

fn crawlee(job: &Job<'_>) -> Result<Command, String> {
    let home = setup::crawlee();
    if !home.join("node_modules").is_dir() {
        return Err("Crawlee is not installed: cargo bench --bench crawl -- setup --contenders crawlee".to_owned());
    }
    let mut command = Command::new("node");
    command.arg(home.join("crawl.mjs"));
    command.args([job.site.seed(), &job.n_connections.to_string(), scope(job), NO_PAGES]);
    command.env("CRAWLEE_STORAGE_DIR", job.folder.join("storage"));
    Ok(command)
}

/// `host`, or `all` where the site has many.
fn scope(job: &Job<'_>) -> &'static str {
    if job.site.name == SiteName::Vitro { "all" } else { "host" }
}
