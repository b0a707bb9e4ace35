//! The flags of `dragline ctl` and `dragline healthcheck`.

use std::{path::PathBuf, time::Duration};

use clap::{Args, Subcommand, ValueEnum, builder::PossibleValuesParser};

/// States of a crawl, as the API calls them.
const STATES: [&str; 9] =
    ["queued", "running", "pausing", "paused", "cancelling", "cancelled", "finished", "limit-reached", "failed"];
/// How the story of a URL ends, in records.
const OUTCOMES: [&str; 5] = ["fetched", "not-modified", "redirected", "failed", "refused"];

/// Tell a daemon what to do, and see what it does: crawls and single URLs
///
/// Speaks to a running `dragline serve` over HTTP. A crawl is named by its id, by the first or last characters of it (4 or
/// more, as long as no other crawl has them too), or by its name.
///
/// There is no flag for a key, since the command line of a process can be read by everybody on the machine: it is
/// taken from the environment or from a file.
#[derive(Debug, Args)]
#[command(after_long_help = HELP)]
pub(crate) struct CtlArgs {
    #[command(flatten)]
    pub(super) target: TargetArgs,
    #[command(subcommand)]
    pub(super) command: CtlCommand,
}

const HELP: &str = "Examples:
  dragline ctl submit site.toml --watch
  dragline ctl crawls --state running
  dragline ctl watch 5f3a
  dragline ctl pages docs --outcome failed | jq -r .url
  DRAGLINE_KEY=$(cat key) dragline ctl --url https://crawl.example.org/ crawls

Environment:
  DRAGLINE_URL  the daemon, if --url is not given
  DRAGLINE_KEY  the key, if --key-file is not given

Exit codes:
  0   done; watch: the crawl is finished
  1   internal error; watch: the crawl failed
  2   usage error, or a document or value that the daemon can't make sense of
  3   watch: the crawl reached a limit
  4   watch: the crawl was cancelled, or Ctrl-C (which leaves the crawl alone)
  5   watch, fetch: nothing was fetched
  6   a file can't be written
  9   no daemon was reached, or what answered is none, or it did not come back
  10  the daemon did not do it: wrong key, no such crawl, not in this state, too much at a time";

/// Which daemon.
#[derive(Debug, Clone, Args)]
pub(crate) struct TargetArgs {
    /// The daemon [default: $DRAGLINE_URL, else http://127.0.0.1:7700]
    #[arg(long, value_name = "URL", global = true, help_heading = "Daemon")]
    pub(super) url: Option<String>,
    /// A file with the key on its first line [default: the key in $DRAGLINE_KEY, if any]
    #[arg(long, value_name = "FILE", global = true, help_heading = "Daemon")]
    pub(super) key_file: Option<PathBuf>,
    /// A PEM file with certificate authorities to trust besides those of the program (https)
    #[arg(long, value_name = "FILE", global = true, help_heading = "Daemon")]
    pub(super) ca_file: Option<PathBuf>,
}

#[derive(Debug, Subcommand)]
pub(crate) enum CtlCommand {
    Crawls(ListArgs),
    Submit(SubmitArgs),
    Show(ShowArgs),
    Watch(WatchArgs),
    /// Pause crawls: what is in flight is finished, nothing is lost
    #[command(after_long_help = "Examples:\n  dragline ctl pause 5f3a\n  dragline ctl pause docs shop")]
    Pause(ActArgs),
    /// Go on with crawls that are paused, were cancelled, failed or reached a limit
    #[command(after_long_help = "Examples:\n  dragline ctl resume 5f3a")]
    Resume(ActArgs),
    /// End crawls; what they have written stays
    #[command(after_long_help = "Examples:\n  dragline ctl cancel 5f3a")]
    Cancel(ActArgs),
    /// Do crawls that are over again: only what has changed is sent for
    #[command(after_long_help = "Examples:\n  dragline ctl recrawl docs && dragline ctl watch docs")]
    Recrawl(ActArgs),
    /// Delete crawls with all that they have written
    #[command(after_long_help = "Examples:\n  dragline ctl cancel 5f3a\n  dragline ctl delete 5f3a\n\n\
        One that is being worked on is to be cancelled first.")]
    Delete(ActArgs),
    Seeds(SeedsArgs),
    Pages(PagesArgs),
    Receipt(ReceiptArgs),
    Get(GetArgs),
    Fetch(FetchArgs),
    Explain(ExplainArgs),
    Version(VersionArgs),
}

/// List crawls, those that were made last first
#[derive(Debug, Args)]
#[command(
    after_long_help = "Examples:\n  dragline ctl crawls\n  dragline ctl crawls --state failed --json | jq -r .id"
)]
pub(crate) struct ListArgs {
    /// Only those in this state
    #[arg(long, value_name = "STATE", value_parser = PossibleValuesParser::new(STATES))]
    pub(super) state: Option<String>,
    /// At most so many
    #[arg(long, value_name = "N", default_value_t = 100, value_parser = clap::value_parser!(u32).range(1..))]
    pub(super) limit: u32,
    /// Print JSON, a crawl a line
    #[arg(long)]
    pub(super) json: bool,
}

/// Begin a crawl, and print its id
///
/// The document is a configuration as `dragline run` takes it, as TOML or JSON.
#[derive(Debug, Args)]
#[command(after_long_help = "Examples:\n  dragline ctl submit site.toml\n  dragline ctl submit site.toml --watch\n  \
    generate | dragline ctl submit - --format json --idempotency-key \"site-$(date +%F)\"")]
pub(crate) struct SubmitArgs {
    /// The document (.toml or .json), or "-" for standard input
    #[arg(value_name = "FILE")]
    pub(super) file: PathBuf,
    /// What the document is written in [default: by the file's extension, on standard input by its first character]
    #[arg(long, value_name = "FORMAT")]
    pub(super) format: Option<DocumentKind>,
    /// Of those that wait, the ones with more go first: from 0 to 9 [default: 5]
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u8).range(0..=9))]
    pub(super) priority: Option<u8>,
    /// Don't begin before `dragline ctl resume`
    #[arg(long)]
    pub(super) paused: bool,
    /// Watch it to its end, as `dragline ctl watch` does
    #[arg(long)]
    pub(super) watch: bool,
    /// A word for this call: however often the same call is made with it, it makes one crawl
    #[arg(long, value_name = "WORD")]
    pub(super) idempotency_key: Option<String>,
    /// Print the crawl as JSON instead of its id
    #[arg(long)]
    pub(super) json: bool,
    #[command(flatten)]
    pub(super) watching: WatchingArgs,
}

/// What a document is written in.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum DocumentKind {
    Toml,
    Json,
}

/// Show a crawl: its state, counts, and what it waits for
#[derive(Debug, Args)]
#[command(after_long_help = "Examples:\n  dragline ctl show 5f3a\n  dragline ctl show docs --json | jq .document")]
pub(crate) struct ShowArgs {
    /// Which crawl
    #[arg(value_name = "ID")]
    pub(super) id: String,
    /// Print JSON, with the document
    #[arg(long)]
    pub(super) json: bool,
}

/// Watch a crawl until it is over
///
/// Ends with the exit code that `dragline run` would have ended with. A daemon that is started again meanwhile is waited for.
/// Ctrl-C leaves the crawl alone.
#[derive(Debug, Args)]
#[command(
    after_long_help = "Examples:\n  dragline ctl watch 5f3a\n  dragline ctl watch docs --quiet && dragline ctl receipt docs\n  \
    dragline ctl watch docs --json | jq -r 'select(.event == \"page\") | .data.url'\n\n\
    Exit codes:\n  0   finished\n  1   failed\n  3   reached a limit\n  4   cancelled; or Ctrl-C\n  5   finished, but no page was fetched\n  \
    9   the daemon did not come back\n  10  the crawl was deleted, or this key does not open it"
)]
pub(crate) struct WatchArgs {
    /// Which crawl
    #[arg(value_name = "ID")]
    pub(super) id: String,
    /// Print the events as JSON, one a line, and show nothing else
    #[arg(long)]
    pub(super) json: bool,
    #[command(flatten)]
    pub(super) watching: WatchingArgs,
}

/// How a crawl is watched.
#[derive(Debug, Clone, Args)]
pub(crate) struct WatchingArgs {
    /// Say nothing but errors
    #[arg(long, short)]
    pub(super) quiet: bool,
    /// Whether there may be a live display [default: auto]
    #[arg(long, value_name = "WHEN", value_parser = PossibleValuesParser::new(["auto", "never"]))]
    pub(super) progress: Option<String>,
    /// How long a daemon that went away is waited for
    #[arg(long, value_name = "TIME", default_value = "10m", value_parser = parse_time)]
    pub(super) patience: Duration,
}

/// Crawls to do something with.
#[derive(Debug, Args)]
pub(crate) struct ActArgs {
    /// Which crawls
    #[arg(value_name = "ID", required = true)]
    pub(super) ids: Vec<String>,
    /// Print JSON, a crawl a line
    #[arg(long)]
    pub(super) json: bool,
}

/// Add seeds to a crawl; one that is finished goes on with them
#[derive(Debug, Args)]
#[command(after_long_help = "Examples:\n  dragline ctl seeds docs https://example.org/new/")]
pub(crate) struct SeedsArgs {
    /// Which crawl
    #[arg(value_name = "ID")]
    pub(super) id: String,
    /// URLs of pages
    #[arg(value_name = "URL", required = true)]
    pub(super) urls: Vec<String>,
    /// Print what the daemon answers, as JSON
    #[arg(long)]
    pub(super) json: bool,
}

/// Print the records of a crawl as JSON lines, as in pages.jsonl
#[derive(Debug, Args)]
#[command(after_long_help = "Examples:\n  dragline ctl pages docs > pages.jsonl\n  \
    dragline ctl pages docs --outcome failed --reason timeout | jq -r .url\n  dragline ctl pages docs --follow")]
pub(crate) struct PagesArgs {
    /// Which crawl
    #[arg(value_name = "ID")]
    pub(super) id: String,
    /// Only those that ended so
    #[arg(long, value_name = "OUTCOME", value_parser = PossibleValuesParser::new(OUTCOMES))]
    pub(super) outcome: Option<String>,
    /// Only those that failed or were refused for this reason ("timeout", "robots-denied")
    #[arg(long, value_name = "REASON")]
    pub(super) reason: Option<String>,
    /// Only those whose last answer had this status
    #[arg(long, value_name = "STATUS")]
    pub(super) status: Option<u16>,
    /// Only those whose URL has this in it (--url is the daemon)
    #[arg(long, value_name = "TEXT")]
    pub(super) url_part: Option<String>,
    /// Go on until the crawl is over
    #[arg(long)]
    pub(super) follow: bool,
    /// With --follow: how long a daemon that went away is waited for
    #[arg(long, value_name = "TIME", default_value = "10m", value_parser = parse_time)]
    pub(super) patience: Duration,
}

/// Print the receipt of a crawl that nobody works on, as JSON
#[derive(Debug, Args)]
#[command(after_long_help = "Examples:\n  dragline ctl receipt docs | jq .totals")]
pub(crate) struct ReceiptArgs {
    /// Which crawl
    #[arg(value_name = "ID")]
    pub(super) id: String,
    /// Changes nothing: a receipt is JSON
    #[arg(long, hide = true)]
    pub(super) json: bool,
}

/// Download a file of a crawl, going on where an earlier download stopped; without FILE, list them
///
/// It is written to FILE.part, and renamed when it is whole. Of a crawl that runs it is what is on disk by now.
#[derive(Debug, Args)]
#[command(after_long_help = "Examples:\n  dragline ctl get docs\n  dragline ctl get docs pages.jsonl\n  \
    dragline ctl get docs passes/1/pages.jsonl --output old.jsonl\n  dragline ctl get docs pages.jsonl --output - | wc -l")]
pub(crate) struct GetArgs {
    /// Which crawl
    #[arg(value_name = "ID")]
    pub(super) id: String,
    /// Which file
    #[arg(value_name = "FILE")]
    pub(super) file: Option<String>,
    /// Where to, or "-" for standard output [default: its own name, in this folder]
    #[arg(long, short, value_name = "FILE", requires = "file")]
    pub(super) output: Option<PathBuf>,
    /// How long a daemon that went away is waited for
    #[arg(long, value_name = "TIME", default_value = "10m", value_parser = parse_time)]
    pub(super) patience: Duration,
    /// Print the list as JSON
    #[arg(long, conflicts_with = "file")]
    pub(super) json: bool,
}

/// Have the daemon fetch URLs, politely and through its cache
#[derive(Debug, Args)]
#[command(after_long_help = "Examples:\n  dragline ctl fetch https://example.org/ --max-age 3600\n  \
    dragline ctl fetch https://example.org/ --include-body | jq -r .body")]
pub(crate) struct FetchArgs {
    /// Which
    #[arg(value_name = "URL", required = true)]
    pub(super) urls: Vec<String>,
    /// A kept answer will do if it is no older than this, seconds
    #[arg(long, value_name = "SECONDS")]
    pub(super) max_age: Option<u64>,
    /// Write bodies: "body" when it is UTF-8, else "body_base64"
    #[arg(long)]
    pub(super) include_body: bool,
    /// For all of one URL, waiting included, at most 10m [default: 60s]
    #[arg(long, value_name = "TIME", value_parser = parse_time)]
    pub(super) deadline: Option<Duration>,
    /// Print JSON, one result a line, on a terminal too
    #[arg(long)]
    pub(super) json: bool,
}

/// Why a URL of a crawl was fetched or was not, or what it waits for
#[derive(Debug, Args)]
#[command(after_long_help = "Examples:\n  dragline ctl explain docs https://example.org/page\n\n\
    Also while the crawl runs.")]
pub(crate) struct ExplainArgs {
    /// Which crawl
    #[arg(value_name = "ID")]
    pub(super) id: String,
    /// Which URL
    #[arg(value_name = "URL")]
    pub(super) asked: String,
    /// Print JSON instead of text
    #[arg(long)]
    pub(super) json: bool,
}

/// Which version the daemon is, and since when it runs
#[derive(Debug, Args)]
#[command(after_long_help = "Examples:\n  dragline ctl version")]
pub(crate) struct VersionArgs {
    /// Print JSON instead of text
    #[arg(long)]
    pub(super) json: bool,
}

/// Ask whether a daemon is ready: for Docker's HEALTHCHECK and the like
///
/// Asks /readyz, which needs no key, and waits 3 seconds at most. Ends with 0 if it is ready, else with 1 and says on
/// standard error what is wrong.
#[derive(Debug, Args)]
#[command(
    after_long_help = "Examples:\n  dragline healthcheck\n  dragline healthcheck --url http://127.0.0.1:8080\n  \
    HEALTHCHECK CMD [\"/dragline\", \"healthcheck\"]\n\nEnvironment:\n  DRAGLINE_URL  the daemon, if --url is not given\n\n\
    Exit codes:\n  0  ready\n  1  not ready, or no daemon was reached\n  2  usage error"
)]
pub(crate) struct HealthArgs {
    /// The daemon [default: $DRAGLINE_URL, else http://127.0.0.1:7700]
    #[arg(long, value_name = "URL")]
    pub(super) url: Option<String>,
    /// A PEM file with certificate authorities to trust besides those of the program (https)
    #[arg(long, value_name = "FILE")]
    pub(super) ca_file: Option<PathBuf>,
}

fn parse_time(text: &str) -> Result<Duration, String> {
    humantime::parse_duration(text).map_err(|error| error.to_string())
}
