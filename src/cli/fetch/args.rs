//! The flags of `dragline fetch`, and the keys that they stand for.

use std::{path::PathBuf, time::Duration};

use clap::{Args, ValueEnum, builder::PossibleValuesParser};

use super::super::args::{parse_header, set};
use crate::{config::Flags, engine::courier};

/// Fetch URLs by hand or in scripts: politely, guarded, with retries and redirects
///
/// Every URL has one result, as soon as it is there. It passes what a page of a crawl passes: robots.txt
/// of its origin first, the address guard, one request a second and one connection for a host (different
/// hosts don't wait for each other), redirects judged hop by hop, retries with backoff.
#[derive(Debug, Args)]
#[command(after_long_help = HELP)]
pub(crate) struct FetchArgs {
    /// URLs; "-" reads them from standard input, one a line
    #[arg(value_name = "URL", required_unless_present_any = ["input", "schema"])]
    pub(super) urls: Vec<String>,
    /// Read URLs from a file, one a line ("#" begins a comment); may be repeated
    #[arg(long, value_name = "FILE")]
    pub(super) input: Vec<PathBuf>,
    /// Take settings from a configuration file; its seeds, scope and outputs are not looked at
    #[arg(long, value_name = "FILE")]
    pub(super) config: Option<PathBuf>,
    /// How results are written [default: text on a terminal, else json, one object a line]
    #[arg(long, value_name = "FORMAT")]
    pub(super) format: Option<Format>,
    /// Write results in the order of the input, instead of as they come
    #[arg(long)]
    pub(super) ordered: bool,
    /// Write bodies: "body" when it is UTF-8, else "body_base64"
    #[arg(long)]
    pub(super) include_body: bool,
    /// Write the bodies of 2xx answers to files in this folder; results name them
    #[arg(long, value_name = "DIR")]
    pub(super) output_dir: Option<PathBuf>,
    /// What else to tell, separated by commas
    #[arg(long, value_name = "WHAT", value_delimiter = ',')]
    pub(super) show: Vec<Show>,
    /// Ask for headers only
    #[arg(long, conflicts_with_all = ["include_body", "output_dir"])]
    pub(super) head: bool,
    /// Exit with 7 if a URL did not end with 2xx
    #[arg(long)]
    pub(super) fail: bool,
    /// Don't follow redirects: the redirect is the result
    #[arg(long)]
    pub(super) no_follow: bool,
    /// Redirects followed [default: 10]
    #[arg(long, value_name = "N")]
    max_redirects: Option<String>,
    /// Attempts after the first, for failures that may pass [default: 2]
    #[arg(long, value_name = "N")]
    retries: Option<String>,
    /// One request, from call to last byte [default: 60s]
    #[arg(long, value_name = "TIME")]
    timeout: Option<String>,
    /// One URL altogether, waiting, retries and redirects included [default: none]
    #[arg(long, value_name = "TIME", value_parser = parse_time)]
    pub(super) deadline: Option<Duration>,
    /// Longest body kept, decoded; more is cut and the result says so [default: 10 MiB]
    #[arg(long, value_name = "SIZE")]
    max_size: Option<String>,
    /// Requests in flight, all hosts together [default: 64]
    #[arg(long, value_name = "N")]
    concurrency: Option<String>,
    /// Connections to one host at once [default: 1]
    #[arg(long, value_name = "N")]
    per_host: Option<String>,
    /// Requests to one host: "N", "N/s", "N/m" or "unlimited" [default: 1/s]
    #[arg(long, value_name = "RATE")]
    rate: Option<String>,
    /// Don't ask for robots.txt (for your own servers only); logged
    #[arg(long)]
    ignore_robots: bool,
    /// Also connect to this network ("10.0.0.0/8", "loopback"); may be repeated
    #[arg(long, value_name = "CIDR|loopback")]
    allow_address: Vec<String>,
    /// A URL or mail address by which the owners of servers can reach you
    #[arg(long, value_name = "URL|MAIL")]
    contact: Option<String>,
    /// The User-Agent header [default: dragline/<version> (+<contact>)]
    #[arg(long, value_name = "TEXT")]
    user_agent: Option<String>,
    /// A further header, "Name: value"; secret ones don't follow to other origins; may be repeated
    #[arg(long, value_name = "HEADER", value_parser = parse_header)]
    header: Vec<(String, String)>,
    /// Say nothing but errors
    #[arg(long, short)]
    pub(super) quiet: bool,
    /// Whether there may be a live display [default: auto]
    #[arg(long, value_name = "WHEN", value_parser = PossibleValuesParser::new(["auto", "never"]))]
    progress: Option<String>,
    /// Print the JSON Schema of results, and do nothing else
    #[arg(long, conflicts_with_all = ["urls", "input", "config"])]
    pub(super) schema: bool,
}

const HELP: &str = "Examples:
  dragline fetch https://example.org/
  dragline fetch https://example.org/ --show timings,headers,redirects --include-body
  dragline fetch - --contact me@example.org --fail < urls.txt > results.jsonl
  dragline fetch --input urls.txt --ordered --output-dir pages --contact me@example.org
  dragline fetch http://127.0.0.1:8000/ --allow-address loopback --ignore-robots --rate unlimited

Without a contact at most 10 hosts of the public internet are asked.
User name and password of a URL are sent to its origin (basic authentication) and shown nowhere.

Exit codes:
  0  every URL has its result
  1  internal error
  2  usage or configuration error, or a line of the input that is no URL
  4  interrupted; results so far are written
  5  no URL gave an answer
  6  the folder of --output-dir can't be written
  7  with --fail: some URL did not end with 2xx";

/// How results are written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum Format {
    /// For machines, one object a line
    Json,
    /// For people
    Text,
}

/// What else a result tells.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum Show {
    /// How long the phases of the last request took
    Timings,
    /// The header fields of the answer
    Headers,
    /// Every URL on the way
    Redirects,
    /// Whether the cache answered
    Cache,
    /// What robots.txt says
    Robots,
}

fn parse_time(text: &str) -> Result<Duration, String> {
    let time = humantime::parse_duration(text).map_err(|error| error.to_string())?;
    if time.is_zero() { Err("must be longer than nothing".to_owned()) } else { Ok(time) }
}

impl FetchArgs {
    pub(super) fn shown(&self) -> courier::Show {
        let has = |what: Show| self.show.contains(&what);
        courier::Show {
            timings: has(Show::Timings),
            headers: has(Show::Headers),
            redirects: has(Show::Redirects),
            cache: has(Show::Cache),
            robots: has(Show::Robots),
            digest: !self.head,
        }
    }

    /// Each flag's key.
    pub(super) fn flags(&self) -> Flags {
        let mut flags = Flags::default();
        let values = [
            ("job.contact", "--contact", &self.contact),
            ("fetch.max_redirects", "--max-redirects", &self.max_redirects),
            ("fetch.retries", "--retries", &self.retries),
            ("fetch.timeout", "--timeout", &self.timeout),
            ("fetch.body", "--max-size", &self.max_size),
            ("fetch.concurrency", "--concurrency", &self.concurrency),
            ("politeness.per_host", "--per-host", &self.per_host),
            ("politeness.rate", "--rate", &self.rate),
            ("fetch.user_agent", "--user-agent", &self.user_agent),
            ("telemetry.progress", "--progress", &self.progress),
        ];
        for (key, flag, value) in values {
            set(&mut flags, key, flag, value.as_ref());
        }
        if self.ignore_robots {
            flags.set("robots.mode", "--ignore-robots", "ignore");
        }
        if !self.allow_address.is_empty() {
            flags.set("fetch.allow_addresses", "--allow-address", self.allow_address.clone());
        }
        for (name, value) in &self.header {
            flags.set(&format!("fetch.headers.{name}"), "--header", value.as_str());
        }
        flags
    }
}
