//! `dragline vitro`: the procedural web, served alone until Ctrl-C.
//!
//! An instrument for tests and benchmarks of crawlers, this one and others: it knows what there is to be found, and
//! what was asked for. One thread serves it, unless told otherwise, so that its cost can be read off the process.

use std::{
    fs::File,
    io::{self, BufWriter, Write},
    net::{IpAddr, Ipv4Addr, SocketAddr},
    path::{Path, PathBuf},
    sync::Arc,
    time::Duration,
};

use clap::{Args, ValueEnum, builder::PossibleValuesParser};
use serde::Serialize;
use tokio::net::TcpListener;

use super::{Exit, complain, human, print, run};
use crate::{
    job::files,
    shutdown::{Shutdown, Tasks},
    vitro::{
        Authority, Form, INSTRUMENT_LINKS, INSTRUMENT_PAGE_BYTES, Journal, Latency, Log, Naming, Options, Reach,
        Server, Web,
        knobs::{self, Bandwidth, Knobs, Share},
        server,
    },
};

/// How often what was logged is written.
const FLUSH_EVERY: Duration = Duration::from_millis(500);

/// Serve a procedural web of any size on loopback, for tests and benchmarks of crawlers
///
/// Every page is computed from the seed, its host and its number: the same flags give the same web, byte by byte, and
/// nothing is stored for a page. Runs until Ctrl-C. The first line of its output says where it is.
#[derive(Debug, Args)]
#[command(after_long_help = "Examples:\n  dragline vitro\n  \
    dragline vitro --hosts 200 --pages 1000000 --latency lognormal:20ms,0.5 --urls urls.txt --log arrivals.jsonl\n  \
    dragline vitro --listen 0 --json --errors 0.02 --redirects 0.05 --robots some --sitemaps --encoding gzip\n  \
    dragline vitro --hosts 20 --by name --knobs knobs.toml --tls --http2 --ca ca.pem\n\n\
    Hosts are 127.0.0.1, 127.0.0.2, … and h0.vitro.test, h1.vitro.test, …: a page's links go by what it was asked by.\n\
    docs/VITRO.md tells the whole.")]
pub(crate) struct VitroArgs {
    /// Hosts
    #[arg(long, value_name = "N", default_value_t = 10, value_parser = clap::value_parser!(u32).range(1..=16_000_000))]
    pub(crate) hosts: u32,
    /// Pages of all hosts together; each host has one at least
    #[arg(long, value_name = "N", default_value_t = 10_000, value_parser = clap::value_parser!(u32).range(1..=1_000_000_000))]
    pub(crate) pages: u32,
    /// Links of a page besides those to its children in the tree, on average: from two thirds to four thirds of it
    #[arg(long, value_name = "N", default_value_t = INSTRUMENT_LINKS, value_parser = clap::value_parser!(u32).range(0..=10_000))]
    pub(crate) links: u32,
    /// Bytes of a page, likewise; a page is never shorter than its links take, some 200 bytes each
    #[arg(long, value_name = "N", default_value_t = INSTRUMENT_PAGE_BYTES, value_parser = clap::value_parser!(u32).range(1_000..=16_777_216))]
    pub(crate) page_bytes: u32,
    /// What the web is computed from
    #[arg(long, value_name = "N", default_value_t = 1)]
    pub(crate) seed: u64,
    /// Port, or address of 127.0.0.0/8 and port, to listen at; port 0 for any
    #[arg(long, value_name = "[ADDR:]PORT", default_value = "4280", value_parser = parse_listen)]
    pub(crate) listen: SocketAddr,
    /// How the seed and --urls address hosts
    #[arg(long, value_name = "HOW", default_value = "address", value_parser = PossibleValuesParser::new(["address", "name"]))]
    pub(crate) by: String,
    /// Print the first line as JSON: listen, seed, pages (how many URLs can be reached)
    #[arg(long)]
    pub(crate) json: bool,
    /// Write what can be reached from the seed, one URL a line, before serving; with the ending .jsonl, how each ends too
    #[arg(long, value_name = "FILE")]
    pub(crate) urls: Option<PathBuf>,
    /// With --urls: all hosts, or the seed's alone
    #[arg(long, value_name = "SCOPE", default_value = "web")]
    pub(crate) scope: Scope,
    /// With --urls: most links from the seed
    #[arg(long, value_name = "N")]
    pub(crate) depth: Option<u16>,
    /// Log each request, when its answer has gone out, as a line of JSON
    #[arg(long, value_name = "FILE")]
    pub(crate) log: Option<PathBuf>,
    /// How long pages take: "20ms", "10ms-50ms" or "lognormal:20ms,0.5" (median, sigma)
    #[arg(long, value_name = "TIME")]
    pub(crate) latency: Option<Latency>,
    /// How fast the body of an answer comes, a second: "64 KiB"
    #[arg(long, value_name = "SIZE")]
    pub(crate) bandwidth: Option<Bandwidth>,
    /// Share of pages that are 404, 410, 500, or 500 once, in equal parts; of those without children in the tree
    #[arg(long, value_name = "SHARE")]
    pub(crate) errors: Option<Share>,
    /// Share of pages that redirect; likewise
    #[arg(long, value_name = "SHARE")]
    pub(crate) redirects: Option<Share>,
    /// What robots.txt is like [default: allow]
    #[arg(long, value_name = "RULES", value_parser = PossibleValuesParser::new(["allow", "some", "deny", "missing", "closed", "varied"]))]
    pub(crate) robots: Option<String>,
    /// Have sitemaps, and pages that only they name
    #[arg(long)]
    pub(crate) sitemaps: bool,
    /// How pages are compressed for those who accept it [default: identity]
    #[arg(long, value_name = "CODING", value_parser = PossibleValuesParser::new(["identity", "gzip", "br", "zstd"]))]
    pub(crate) encoding: Option<String>,
    /// Close the connection after each answer
    #[arg(long)]
    pub(crate) close: bool,
    /// Be asked over TLS (https), with certificates of an authority that is made at start
    #[arg(long)]
    pub(crate) tls: bool,
    /// Write the certificate of that authority, for those who shall trust it
    #[arg(long, value_name = "FILE")]
    pub(crate) ca: Option<PathBuf>,
    /// Speak HTTP/2 too: by ALPN over TLS, with prior knowledge otherwise
    #[arg(long)]
    pub(crate) http2: bool,
    /// A TOML file of knobs for all hosts ([all]) and for some ([[host]]); flags come before [all]
    #[arg(long, value_name = "FILE")]
    pub(crate) knobs: Option<PathBuf>,
    /// Threads that serve
    #[arg(long, value_name = "N", default_value_t = 1, value_parser = clap::value_parser!(u16).range(1..=64))]
    pub(crate) threads: u16,
}

/// What is in scope.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum Scope {
    Web,
    Host,
}

/// `4280`, `127.0.0.1:4280`.
fn parse_listen(text: &str) -> Result<SocketAddr, String> {
    let addr = match text.parse::<u16>() {
        Ok(port) => (Ipv4Addr::LOCALHOST, port).into(),
        Err(_) => text.parse::<SocketAddr>().map_err(|_| "neither a port nor an address and a port".to_owned())?,
    };
    match addr.ip() {
        IpAddr::V4(ip) if ip.is_loopback() => Ok(addr),
        _ => Err("the web is served on loopback only: an address of 127.0.0.0/8".to_owned()),
    }
}

/// What went wrong, and how the program ends.
struct Failure(String, Exit);

impl Failure {
    fn file(path: &Path, error: impl std::fmt::Display) -> Self {
        Self(format!("{}: {error}", path.display()), Exit::Usage)
    }
}

pub(super) fn execute(args: &VitroArgs) -> Exit {
    match prepare(args).and_then(|web| serve(args, web)) {
        Ok(exit) => exit,
        Err(Failure(why, exit)) => {
            complain(&format!("error: {why}"));
            exit
        }
    }
}

fn prepare(args: &VitroArgs) -> Result<Web, Failure> {
    let mut options = Options {
        seed: args.seed,
        links_per_page: args.links,
        page_bytes: args.page_bytes,
        ..Options::instrument(args.hosts, args.pages)
    };
    if let Some(path) = &args.knobs {
        let text = std::fs::read_to_string(path).map_err(|error| Failure::file(path, error))?;
        let (all, exceptions) = knobs::read(&text).map_err(|error| Failure::file(path, error))?;
        all.apply(&mut options);
        options.exceptions = exceptions;
    }
    // Their words are checked by clap, so none is lost here.
    let word = |text: &Option<String>| text.clone();
    let flags = Knobs {
        latency: args.latency,
        bandwidth: args.bandwidth,
        errors: args.errors,
        redirects: args.redirects,
        robots: word(&args.robots).and_then(|text| text.parse().ok()),
        encoding: word(&args.encoding).and_then(|text| text.parse().ok()),
        sitemaps: args.sitemaps.then_some(true),
        close: args.close.then_some(true),
        tls: args.tls.then_some(true),
        http2: args.http2.then_some(true),
        ..Knobs::default()
    };
    flags.apply(&mut options);
    Ok(Web::new(options))
}

fn serve(args: &VitroArgs, web: Web) -> Result<Exit, Failure> {
    let internal = |error: &dyn std::fmt::Display| Failure(error.to_string(), Exit::Internal);
    files::raise();
    let authority = match web.is_secure() || args.ca.is_some() {
        true => Some(Arc::new(Authority::new().map_err(|error| internal(&error))?)),
        false => None,
    };
    if let (Some(path), Some(authority)) = (&args.ca, &authority) {
        std::fs::write(path, authority.pem()).map_err(|error| Failure::file(path, error))?;
    }
    let journal = args.log.as_ref().map(|path| Journal::create(path).map_err(|error| Failure::file(path, error)));
    let journal = journal.transpose()?;
    let mut builder = match args.threads {
        1 => tokio::runtime::Builder::new_current_thread(),
        _ => tokio::runtime::Builder::new_multi_thread(),
    };
    let runtime = builder.worker_threads(args.threads.into()).enable_all().build().map_err(|error| internal(&error))?;
    runtime.block_on(async {
        let listener = listen(args)?;
        let log = journal.as_ref().map_or_else(|| Log::new(0), Journal::log);
        let server = Server::start_on(listener, Arc::new(web), log, authority).map_err(|error| internal(&error))?;
        announce(args, &server)?;
        stay(server, journal.as_ref()).await
    })
}

fn listen(args: &VitroArgs) -> Result<TcpListener, Failure> {
    let is_for_all = args.listen.ip() == IpAddr::from(Ipv4Addr::LOCALHOST);
    let listener = match is_for_all {
        true => server::listen_everywhere(args.listen.port()),
        false => server::listen(args.listen),
    };
    listener.map_err(|error| {
        let why = format!("can't listen at {}: {error}\nuse --listen 0 for any free port", args.listen);
        Failure(why, Exit::Usage)
    })
}

/// The first line of `--json`.
#[derive(Serialize)]
struct Announcement<'a> {
    listen: SocketAddr,
    seed: &'a str,
    pages: u64,
    hosts: u32,
}

/// Writes what can be reached and says where it is.
fn announce(args: &VitroArgs, server: &Server) -> Result<(), Failure> {
    let (web, addr) = (server.web(), server.addr());
    let naming = if args.by == "name" { Naming::Names } else { Naming::Addresses };
    let form = Form { naming, port: addr.port() };
    if let Some(path) = &args.urls {
        let reach = Reach { form, seeds: vec![0], stays: args.scope == Scope::Host, depth: args.depth };
        write_urls(path, web, &reach).map_err(|error| Failure::file(path, error))?;
    }
    let (seed, pages, hosts) = (web.home(form, 0), web.n_reachable(form), web.n_hosts());
    let text = if args.json {
        let announcement = Announcement { listen: addr, seed: &seed, pages, hosts };
        serde_json::to_string(&announcement).map_err(|error| Failure(error.to_string(), Exit::Internal))? + "\n"
    } else {
        let (pages, hosts) = (human::plural(pages, "page"), human::plural(hosts.into(), "host"));
        let roots = match &args.ca {
            Some(path) => format!("DRAGLINE__TLS__ROOTS='[{:?}]' ", path.display().to_string()),
            None => String::new(),
        };
        let names = match naming {
            Naming::Names => format!("DRAGLINE__FETCH__RESOLVE='{{ \"*.vitro.test\" = \"{}\" }}' ", addr.ip()),
            Naming::Addresses => String::new(),
        };
        format!(
            "Serving {pages} on {hosts} at {addr} until Ctrl-C.\n  seed   {seed}\n  crawl  {roots}{names}dragline crawl \
             {seed} --scope any --allow-address loopback --rate unlimited --per-host 8\n",
        )
    };
    match print(text.as_bytes()) {
        Exit::Finished => Ok(()),
        exit => Err(Failure("nobody can be told where the web is".to_owned(), exit)),
    }
}

/// One line of `--urls FILE.jsonl`.
#[derive(Serialize)]
struct Reached<'a> {
    url: &'a str,
    depth: u16,
    outcome: &'static str,
    status: Option<u16>,
    truncated: bool,
}

fn write_urls(path: &Path, web: &Web, reach: &Reach) -> io::Result<()> {
    let mut out = BufWriter::with_capacity(1 << 16, File::create(path)?);
    let is_jsonl = path.extension().is_some_and(|ending| ending == "jsonl");
    let mut written = Ok(());
    web.reach(reach, |found| {
        let expectation = found.expectation;
        // Those that robots.txt keeps a crawler from are no URLs that it asks for.
        if written.is_err() || (!is_jsonl && expectation.status.is_none()) {
            return;
        }
        written = match is_jsonl {
            false => out.write_all(found.url.as_bytes()),
            true => {
                let outcome = expectation.outcome.as_str();
                let (url, depth) = (found.url, found.depth);
                let line =
                    Reached { url, depth, outcome, status: expectation.status, truncated: expectation.truncated };
                serde_json::to_writer(&mut out, &line).map_err(io::Error::from)
            }
        }
        .and_then(|()| out.write_all(b"\n"));
    });
    written.and_then(|()| out.flush())
}

/// Serves until somebody asks to stop, or the log can't be written.
async fn stay(server: Server, journal: Option<&Journal>) -> Result<Exit, Failure> {
    let (shutdown, tasks) = (Shutdown::new(), Tasks::new());
    run::listen(&tasks, &shutdown, true)
        .map_err(|error| Failure(format!("no signal handlers: {error}"), Exit::Internal))?;
    let flushed = |journal: &Journal| {
        journal.flush().map_err(|error| Failure(format!("the log can't be written: {error}"), Exit::OutputRefused))
    };
    let failed = async {
        let Some(journal) = journal else { return std::future::pending().await };
        loop {
            tokio::time::sleep(FLUSH_EVERY).await;
            if let Err(failure) = flushed(journal) {
                return failure;
            }
        }
    };
    tokio::select! {
        () = shutdown.requested() => {}
        failure = failed => return Err(failure),
    }
    server.stop().await;
    journal.map_or(Ok(()), flushed)?;
    Ok(Exit::Finished)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_listens_on_loopback_only() {
        let check = |text, expected: Option<&str>| {
            assert_eq!(parse_listen(text).ok().map(|addr| addr.to_string()).as_deref(), expected, "{text}");
        };
        check("4280", Some("127.0.0.1:4280"));
        check("127.1.2.3:0", Some("127.1.2.3:0"));
        for wrong in ["0.0.0.0:80", "192.0.2.1:80", "[::1]:80", "[::]:80", "99999", "127.0.0.1", "", "localhost:80"] {
            check(wrong, None);
        }
    }
}
