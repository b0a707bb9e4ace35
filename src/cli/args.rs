//! The definition of the command line: commands, flags, help.
//!
//! Flags that stand for a key of the configuration stay texts here. Words with a fixed set of values
//! are listed, for completions.

use std::path::PathBuf;

use clap::{Args, Parser, Subcommand, builder::PossibleValuesParser};
use clap_complete::Shell;

use super::{
    Exit, Start,
    ctl::{CtlArgs, HealthArgs},
    fetch::FetchArgs,
    inspect::InspectCommand,
    vitro::VitroArgs,
};
use crate::{config::Flags, job::Beginning};

/// A polite, crash-proof web crawler.
///
/// It asks no server more often than promised, records every URL exactly once whatever kills it, and
/// ends with a receipt that accounts for each.
#[derive(Debug, Parser)]
#[command(name = "dragline", version, propagate_version = true, max_term_width = 100, after_long_help = after_help())]
pub struct Cli {
    #[command(subcommand)]
    pub(crate) command: Command,
}

fn after_help() -> String {
    format!(
        "Examples:\n  dragline demo\n  dragline crawl https://example.org/ --contact me@example.org --max-pages 100\n  \
         dragline check site.toml\n  dragline run site.toml\n\n{}\n\nEnvironment:\n  \
         DRAGLINE__SECTION__KEY  sets a key of the configuration, e.g. DRAGLINE__LIMITS__DEPTH=3\n  \
         RUST_LOG                sets telemetry.log\n  \
         DRAGLINE_URL, DRAGLINE_KEY  the daemon that `dragline ctl` speaks to, and its key",
        Exit::help()
    )
}

#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    Run(RunArgs),
    Crawl(Box<CrawlArgs>),
    Fetch(Box<FetchArgs>),
    Check(CheckArgs),
    Demo(DemoArgs),
    Vitro(Box<VitroArgs>),
    Explain(ExplainArgs),
    Verify(VerifyArgs),
    Serve(ServeArgs),
    Key(KeyArgs),
    Ctl(Box<CtlArgs>),
    Healthcheck(HealthArgs),
    /// See how dragline judges one thing: a robots.txt, a URL, a page, a sitemap, a charset, where it may connect
    ///
    /// Reads a file, standard input ("-") or a URL; with --batch, questions as JSON lines.
    #[command(after_long_help = "Examples:\n  dragline inspect robots https://www.example.org/\n  \
        dragline inspect links page.html --json\n  dragline inspect url --batch < questions.jsonl")]
    Inspect {
        #[command(subcommand)]
        what: InspectCommand,
    },
    Completions(CompletionsArgs),
    Man(ManArgs),
}

/// Crawl as a file says, to completion
///
/// Resumes by itself when the output folder holds an unfinished run of the same configuration.
#[derive(Debug, Args)]
#[command(
    after_long_help = "Examples:\n  dragline run site.toml\n  dragline run site.toml --fresh --out /data/site\n  \
    dragline run site.toml --recrawl\n  \
    DRAGLINE__LIMITS__PAGES=100 dragline run site.toml"
)]
pub(crate) struct RunArgs {
    /// The configuration file (.toml, .yaml, .yml or .json)
    pub(crate) config: PathBuf,
    #[command(flatten)]
    pub(crate) start: StartArgs,
}

/// What commands that crawl have in common.
#[derive(Debug, Args)]
pub(crate) struct StartArgs {
    /// Output folder [default: crawl-<name>; of the demo: dragline-demo]
    #[arg(long, value_name = "DIR")]
    pub(crate) out: Option<String>,
    /// Start over: do away with what the output folder holds
    #[arg(long)]
    pub(crate) fresh: bool,
    /// If the crawl is over, do it again: what it wrote is set aside in passes/, and only what has changed
    /// is sent for
    #[arg(long, conflicts_with = "fresh")]
    pub(crate) recrawl: bool,
    /// Say nothing but errors
    #[arg(long, short)]
    pub(crate) quiet: bool,
    /// Whether there may be a live display [default: auto]
    #[arg(long, value_name = "WHEN", value_parser = PossibleValuesParser::new(["auto", "never"]))]
    pub(crate) progress: Option<String>,
}

impl StartArgs {
    pub(crate) fn set_flags(&self, flags: &mut Flags) {
        set(flags, "job.out", "--out", self.out.as_ref());
        set(flags, "telemetry.progress", "--progress", self.progress.as_ref());
    }

    pub(crate) fn start(&self) -> Start {
        Start { beginning: Beginning { fresh: self.fresh, recrawl: self.recrawl, reopen: false }, quiet: self.quiet }
    }
}

/// Sets `key` if its flag was given.
pub(crate) fn set(flags: &mut Flags, key: &str, flag: &str, value: Option<&String>) {
    if let Some(value) = value {
        flags.set(key, flag, value.as_str());
    }
}

/// Crawl from the command line alone
///
/// Every flag stands for a key of the configuration; --print-config turns them into a file.
#[derive(Debug, Args)]
#[command(after_long_help = "Examples:\n  \
    dragline crawl https://example.org/ --contact me@example.org --depth 2\n  \
    dragline crawl http://localhost:8000/ --allow-address loopback --rate unlimited --per-host 8\n  \
    dragline crawl https://example.org/docs/ --scope prefix --print-config > docs.toml")]
pub(crate) struct CrawlArgs {
    /// URLs to start from
    #[arg(value_name = "URL", required_unless_present = "sitemap")]
    pub(crate) urls: Vec<String>,
    /// A sitemap whose pages are seeds; may be repeated
    #[arg(long, value_name = "URL")]
    pub(crate) sitemap: Vec<String>,
    /// A URL or mail address by which the owners of servers can reach you
    #[arg(long, value_name = "URL|MAIL")]
    pub(crate) contact: Option<String>,
    /// How far from the seeds [default: host]
    #[arg(long, value_name = "MODE", value_parser = PossibleValuesParser::new(["host", "subdomains", "domain", "prefix", "surt", "list", "any"]))]
    pub(crate) scope: Option<String>,
    /// With --scope surt: visit what starts so, such as "(org,example,)/docs/"; may be repeated
    #[arg(long, value_name = "PREFIX")]
    pub(crate) surt: Vec<String>,
    /// Visit only URLs that match (a glob, or "re:" and a regular expression); may be repeated
    #[arg(long, value_name = "PATTERN")]
    pub(crate) include: Vec<String>,
    /// Don't visit URLs that match; may be repeated
    #[arg(long, value_name = "PATTERN")]
    pub(crate) exclude: Vec<String>,
    /// Most links away from a seed
    #[arg(long, value_name = "N")]
    pub(crate) depth: Option<String>,
    /// Stop after so many pages
    #[arg(long, value_name = "N")]
    pub(crate) max_pages: Option<String>,
    /// Stop after this time ("10m", "1h30m")
    #[arg(long, value_name = "TIME")]
    pub(crate) max_duration: Option<String>,
    /// Stop after so many bytes ("500 MB", "2 GiB")
    #[arg(long, value_name = "SIZE")]
    pub(crate) max_bytes: Option<String>,
    /// Requests in flight, all hosts together [default: 64]
    #[arg(long, value_name = "N")]
    pub(crate) concurrency: Option<String>,
    /// Connections to one host at once [default: 1]
    #[arg(long, value_name = "N")]
    pub(crate) per_host: Option<String>,
    /// Requests to one host: "N", "N/s", "N/m" or "unlimited" [default: 1/s]
    #[arg(long, value_name = "RATE")]
    pub(crate) rate: Option<String>,
    /// Obey robots.txt, or ignore it (for your own servers only) [default: obey]
    #[arg(long, value_name = "MODE", value_parser = PossibleValuesParser::new(["obey", "ignore"]))]
    pub(crate) robots: Option<String>,
    /// Also connect to this network ("10.0.0.0/8", "loopback"); may be repeated
    #[arg(long, value_name = "CIDR|loopback")]
    pub(crate) allow_address: Vec<String>,
    /// The User-Agent header [default: dragline/<version> (+<contact>)]
    #[arg(long, value_name = "TEXT")]
    pub(crate) user_agent: Option<String>,
    /// A further header, "Name: value"; may be repeated
    #[arg(long, value_name = "HEADER", value_parser = parse_header)]
    pub(crate) header: Vec<(String, String)>,
    /// How records are written [default: jsonl]
    #[arg(long, value_name = "FORMAT", value_parser = PossibleValuesParser::new(["jsonl", "none"]))]
    pub(crate) output: Option<String>,
    /// Print these flags as a configuration file, and do nothing else
    #[arg(long)]
    pub(crate) print_config: bool,
    #[command(flatten)]
    pub(crate) start: StartArgs,
}

/// `Name: value`. Without a colon it has no name, which the configuration complains of: a complaint from
/// here would quote all of it, and it may be a secret.
#[expect(clippy::unnecessary_wraps, reason = "the shape of a parser of flags")]
pub(super) fn parse_header(text: &str) -> Result<(String, String), String> {
    let (name, value) = text.split_once(':').unwrap_or_default();
    Ok((name.trim().to_owned(), value.trim().to_owned()))
}

/// Check a configuration and show what it comes to
///
/// Prints every effective value and where it comes from, or everything that is wrong.
#[derive(Debug, Args)]
#[command(after_long_help = "Examples:\n  dragline check site.toml\n  dragline check site.toml --format json\n  \
    dragline check --schema > dragline.schema.json\n  dragline check --schema=record")]
pub(crate) struct CheckArgs {
    /// The configuration file (.toml, .yaml, .yml or .json)
    #[arg(required_unless_present_any = ["schema", "reference"])]
    pub(crate) config: Option<PathBuf>,
    /// Print the JSON Schema of configuration files (for editors), of records, receipts or results of fetch
    #[arg(long, value_name = "OF", num_args = 0..=1, require_equals = true, default_missing_value = "config",
        conflicts_with_all = ["config", "reference"], value_parser = PossibleValuesParser::new(["config", "record", "receipt", "fetch", "openapi"]))]
    pub(crate) schema: Option<String>,
    /// Print a file with every key, its documentation and default
    #[arg(long, hide = true, conflicts_with = "config")]
    pub(crate) reference: bool,
    /// How the values are shown
    #[arg(long, value_name = "FORMAT", default_value = "text", value_parser = PossibleValuesParser::new(["text", "json"]))]
    pub(crate) format: String,
}

/// Crawl a small built-in web, offline
///
/// Serves several hosts on loopback, with robots.txt, sitemaps, redirects, errors, slow pages and a
/// trap, and crawls them with the whole pipeline.
#[derive(Debug, Args)]
#[command(after_long_help = "Examples:\n  dragline demo\n  dragline demo --pages 5000 --out /tmp/demo")]
pub(crate) struct DemoArgs {
    /// Pages of the built-in web, about
    #[arg(long, value_name = "N", default_value_t = 300, value_parser = clap::value_parser!(u32).range(1..=1_000_000))]
    pub(crate) pages: u32,
    /// Port on 127.0.0.1 at which the web is served; 0 for any
    #[arg(long, value_name = "N", default_value_t = 4280)]
    pub(crate) port: u16,
    #[command(flatten)]
    pub(crate) start: StartArgs,
}

/// Why a URL was fetched or was not, or what it waits for
///
/// Tells the whole chain of decisions: its canonical form, scope, robots.txt, its place in the
/// frontier, its host, budgets, and its record. Asks no server and changes nothing of the crawl.
#[derive(Debug, Args)]
#[command(after_long_help = "Examples:\n  dragline explain https://example.org/page --config site.toml\n  \
    dragline explain https://example.org/page --config site.toml --json")]
pub(crate) struct ExplainArgs {
    /// URLs to explain
    #[arg(value_name = "URL", required = true)]
    pub(crate) urls: Vec<String>,
    /// The crawl's configuration file
    #[arg(long, value_name = "FILE")]
    pub(crate) config: PathBuf,
    /// Its output folder [default: as configured]
    #[arg(long, value_name = "DIR")]
    pub(crate) out: Option<String>,
    /// Print JSON, one object a line, instead of text
    #[arg(long)]
    pub(crate) json: bool,
}

/// Check that an output folder holds what its receipt says: every URL once, every count right
///
/// Reads all records, receipts and the state of a crawl that has ended or was killed, and names what does not
/// agree: gaps, doubles, damaged lines, wrong counts. Changes nothing. Ends with 0 if all agree, with 8 if not.
#[derive(Debug, Args)]
#[command(after_long_help = "Examples:\n  dragline verify site\n  dragline verify site --json | jq .counts\n  \
    dragline run site.toml && dragline verify site --quiet")]
pub(crate) struct VerifyArgs {
    /// The output folder
    #[arg(value_name = "DIR")]
    pub(crate) out: PathBuf,
    /// Print one JSON object instead of text
    #[arg(long)]
    pub(crate) json: bool,
    /// Folder for what does not fit into memory while it is sorted: about 30 bytes a record from some million
    /// records on [default: the system's folder for temporary files]
    #[arg(long, value_name = "DIR")]
    pub(crate) temp: Option<PathBuf>,
    /// No live display
    #[arg(long, short)]
    pub(crate) quiet: bool,
}

/// Print a completion script for a shell
#[derive(Debug, Args)]
#[command(after_long_help = "Examples:\n  dragline completions bash > /etc/bash_completion.d/dragline\n  \
    dragline completions zsh > ~/.zfunc/_dragline")]
pub(crate) struct CompletionsArgs {
    /// Which shell
    pub(crate) shell: Shell,
}

/// Print the man page, or write one for each command
#[derive(Debug, Args)]
#[command(after_long_help = "Examples:\n  dragline man | man -l -\n  dragline man --dir /usr/local/share/man/man1")]
pub(crate) struct ManArgs {
    /// Write dragline.1, dragline-run.1, … into this folder, which is made if needed
    #[arg(long, value_name = "DIR")]
    pub(crate) dir: Option<PathBuf>,
}

/// Run as a daemon that takes crawls and single URLs over HTTP
///
/// Keeps its crawls in a folder, goes on with all that were not over when it was started, and runs until SIGTERM or
/// Ctrl-C; SIGHUP has it read its configuration again. The API is described by itself, at /openapi.json.
#[derive(Debug, Args)]
#[command(after_long_help = "Examples:\n  dragline serve\n  dragline serve --config config/daemon.toml\n  \
    curl -H 'Content-Type: application/toml' --data-binary @site.toml http://127.0.0.1:7700/v1/crawls\n\n\
    Without a [[key]] it listens to this machine only, and answers everybody on it: see `dragline key --help`.")]
pub(crate) struct ServeArgs {
    /// The daemon's configuration (.toml, .yaml, .yml or .json): what crawls have in common, and [daemon]
    #[arg(long, value_name = "FILE")]
    pub(crate) config: Option<PathBuf>,
    /// Address and port to listen at [default: 127.0.0.1:7700]
    #[arg(long, value_name = "ADDR:PORT")]
    pub(crate) listen: Option<String>,
    /// The folder that crawls are kept in [default: dragline-data]
    #[arg(long, value_name = "DIR")]
    pub(crate) data: Option<String>,
    /// Read the configuration, say what is wrong with it, and start nothing
    #[arg(long)]
    pub(crate) check: bool,
}

/// Make a key for a caller of the daemon
///
/// Prints the key to standard error and stores it nowhere, and to standard output the [[key]] of the configuration that
/// knows its hash.
#[derive(Debug, Args)]
#[command(after_long_help = "Examples:\n  dragline key search-team >> daemon.toml\n  \
    dragline key monitoring --scopes read\n  dragline key me --scopes admin")]
pub(crate) struct KeyArgs {
    /// Whose key it is: letters, digits, ".", "-" and "_"
    pub(crate) name: String,
    /// What it opens, separated by commas
    #[arg(long, value_name = "SCOPES", value_delimiter = ',', default_value = "read,crawl,fetch",
        value_parser = PossibleValuesParser::new(["read", "crawl", "fetch", "admin"]))]
    pub(crate) scopes: Vec<String>,
}
