//! Logs: where they go, how they look, and which of a crawl's events are worth a line.
//!
//! [`init`] installs the one subscriber of the process; [`log()`] is a listener of the crawl like the
//! tally and the report, and counts nothing. Filters come from the configuration, which knows about
//! the environment; this module does not. What is logged goes through [`Terminal`], so that a line
//! and a live display on the same screen never run into each other.

mod terminal;
pub mod traces;

pub use terminal::{Display, Terminal, Writer};

use std::sync::Arc;

use tracing::{debug, field::display, trace, warn};
use tracing_subscriber::{
    EnvFilter, Layer,
    filter::ParseError,
    fmt::{self, MakeWriter},
    layer::SubscriberExt,
    registry::LookupSpan,
    util::{SubscriberInitExt, TryInitError},
};

use crate::engine::{
    Observer,
    event::{Conclusion, CrawlEvent, Outcome},
    waits::Waited,
};

/// How log lines look. Each is one line.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Format {
    /// Time, level, message and fields, for people.
    Pretty,
    /// The same with the module that speaks, for people who look for it.
    Compact,
    /// One JSON object, fields at the top level.
    Json,
}

/// Why there are no logs.
#[derive(Debug, thiserror::Error)]
pub enum TelemetryError {
    /// The filter does not parse.
    #[error("telemetry.log: `{filter}` is no filter such as \"info,dragline::fetch=debug\": {source}")]
    Filter {
        /// As given.
        filter: String,
        /// What the parser says.
        source: ParseError,
    },
    /// The process has a subscriber already.
    #[error("logs are set up already: {0}")]
    Installed(#[from] TryInitError),
}

/// Sends the process's logs to standard error, those that `filter` lets through (in the syntax of
/// [`EnvFilter`]). Returns the terminal that they share with a live display: [`Terminal::stderr`].
///
/// # Errors
/// When the filter does not parse, or when this was called before.
pub fn init(format: Format, filter: &str) -> Result<Terminal, TelemetryError> {
    let filter = parse(filter)?;
    let terminal = Terminal::stderr();
    let layer = layer(format, terminal.clone(), terminal.has_colours());
    tracing_subscriber::registry().with(filter).with(layer).try_init()?;
    Ok(terminal)
}

fn parse(filter: &str) -> Result<EnvFilter, TelemetryError> {
    EnvFilter::try_new(filter).map_err(|source| TelemetryError::Filter { filter: filter.to_owned(), source })
}

/// What writes lines of `format`.
fn layer<S, W>(format: Format, writer: W, has_colours: bool) -> Box<dyn Layer<S> + Send + Sync>
where
    S: tracing::Subscriber + for<'a> LookupSpan<'a>,
    W: for<'a> MakeWriter<'a> + Send + Sync + 'static,
{
    let plain = fmt::layer().with_ansi(has_colours).with_writer(writer);
    match format {
        Format::Pretty => plain.with_target(false).boxed(),
        Format::Compact => plain.compact().boxed(),
        Format::Json => plain.json().flatten_event(true).boxed(),
    }
}

/// Logs one event of a crawl: hosts that are given up as warnings, the tale of each URL at
/// `debug`, commits at `trace`. All have the target `dragline::crawl`. Costs next to nothing when
/// its level is off. Each line names the `crawl`, if it has a name among others.
pub fn log(crawl: Option<Arc<str>>) -> Observer {
    Box::new(move |event| tell(crawl.as_deref(), event))
}

fn tell(crawl: Option<&str>, event: &CrawlEvent) {
    match event {
        CrawlEvent::Discovered { n_urls } => trace!(target: "dragline::crawl", crawl, n_urls, "discovered"),
        CrawlEvent::Concluded(conclusion) => concluded(crawl, conclusion),
        CrawlEvent::Retrying { url, attempts, at, why } => {
            debug!(target: "dragline::crawl", crawl, %url, attempts, %at, %why, "will be tried again");
        }
        CrawlEvent::RobotsFetched { host, standing } => {
            debug!(target: "dragline::crawl", crawl, %host, standing, "robots.txt is known");
        }
        CrawlEvent::HostSlowed { host, until, why } => {
            debug!(target: "dragline::crawl", crawl, %host, %until, why, "the host is left in peace for a while");
        }
        CrawlEvent::HostGivenUp { host } => {
            warn!(target: "dragline::crawl", crawl, %host, "the host failed too often in a row and is given up");
        }
        CrawlEvent::DirectoryRetired { directory, rule, .. } => {
            warn!(target: "dragline::crawl", crawl, directory, %rule, "the rest of the directory is left alone");
        }
        CrawlEvent::Waited(Waited { host, why, took }) => {
            trace!(target: "dragline::crawl", crawl, %host, %why, ?took, "the crawl waited for a host");
        }
        // That is for traces.
        CrawlEvent::Followed(_) => {}
        CrawlEvent::Committed { n_visits, took, .. } => {
            trace!(target: "dragline::crawl", crawl, n_visits, ?took, "committed");
        }
    }
}

fn concluded(crawl: Option<&str>, it: &Conclusion) {
    let (failure, refusal) = match it.outcome {
        Outcome::Fetched | Outcome::NotModified | Outcome::Redirected => (None, None),
        Outcome::Failed(why) => (Some(display(why)), None),
        Outcome::Refused(why) => (None, Some(why.as_str())),
    };
    debug!(
        target: "dragline::crawl",
        crawl,
        url = %it.url,
        failure,
        refusal,
        status = it.status,
        depth = it.depth,
        body_bytes = it.body_bytes,
        latency_ms = it.latency.map(|latency| u64::try_from(latency.as_millis()).unwrap_or(u64::MAX)),
        "{}",
        it.outcome.as_str(),
    );
}

#[cfg(test)]
mod tests {
    use std::{
        io::{self, Write},
        sync::Mutex,
        time::Duration,
    };

    use tracing::subscriber::with_default;

    use super::*;
    use crate::{address::Canonicalizer, clock::Timestamp, engine::event::Failure, fetch::ErrorKind, verdict::Refusal};

    #[derive(Clone, Default)]
    struct Paper(Arc<Mutex<Vec<u8>>>);

    impl Write for Paper {
        fn write(&mut self, text: &[u8]) -> io::Result<usize> {
            self.0.lock().unwrap().extend_from_slice(text);
            Ok(text.len())
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    /// What logging `events` writes.
    fn logged(format: Format, filter: &str, events: &[CrawlEvent]) -> String {
        let paper = Paper::default();
        let writer = paper.clone();
        let layer = layer(format, move || writer.clone(), false);
        let subscriber = tracing_subscriber::registry().with(parse(filter).unwrap()).with(layer);
        with_default(subscriber, || events.iter().for_each(|event| tell(Some("01ab"), event)));
        String::from_utf8(paper.0.lock().unwrap().clone()).unwrap()
    }

    fn concluded(outcome: Outcome, status: Option<u16>) -> CrawlEvent {
        CrawlEvent::Concluded(Arc::new(Conclusion {
            url: Canonicalizer::default().parse("http://a.example/x").unwrap(),
            depth: 3,
            outcome,
            status,
            body_bytes: 17,
            wire_bytes: 9,
            via: None,
            content: None,
            latency: status.map(|_| Duration::from_millis(45)),
            at: Timestamp(0),
        }))
    }

    fn events() -> Vec<CrawlEvent> {
        let url = Canonicalizer::default().parse("http://a.example/x").unwrap();
        let host = url.host();
        vec![
            CrawlEvent::Discovered { n_urls: 2 },
            concluded(Outcome::Fetched, Some(200)),
            concluded(Outcome::Failed(Failure::Status(404)), Some(404)),
            concluded(Outcome::Refused(Refusal::TooDeep), None),
            CrawlEvent::Retrying { url, attempts: 1, at: Timestamp(0), why: Failure::Error(ErrorKind::Timeout) },
            CrawlEvent::RobotsFetched { host: host.clone(), standing: "allow-all" },
            CrawlEvent::HostSlowed { host: host.clone(), until: Timestamp(0), why: "in trouble" },
            CrawlEvent::HostGivenUp { host },
            CrawlEvent::Committed { n_visits: 1, took: Duration::from_millis(2), outputs: Arc::from([]) },
        ]
    }

    #[test]
    fn a_level_says_which_events_are_told() {
        let n_lines = |filter| logged(Format::Pretty, filter, &events()).lines().count();
        assert_eq!([n_lines("error"), n_lines("info"), n_lines("debug"), n_lines("trace")], [0, 1, 7, 9]);
        assert_eq!(n_lines("error,dragline::crawl=debug"), 7);
    }

    #[test]
    fn json_lines_have_their_fields_at_the_top() {
        let text = logged(Format::Json, "debug", &events());
        let lines: Vec<serde_json::Value> = text.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
        assert_eq!(lines[0]["message"], "fetched");
        assert_eq!(lines[0]["status"], 200);
        assert_eq!(lines[0]["latency_ms"], 45);
        assert_eq!(lines[0]["url"], "http://a.example/x");
        assert!(lines.iter().all(|line| line["crawl"] == "01ab"));
        assert!(lines[0].get("failure").is_none() && lines[0].get("refusal").is_none());
        assert_eq!(lines[1]["failure"], "http-404");
        assert_eq!(lines[2]["refusal"], "too-deep");
        assert!(lines[2].get("status").is_none());
        assert_eq!(lines[6]["level"], "WARN");
    }

    #[test]
    fn lines_for_people_are_single_and_plain_without_colours() {
        for format in [Format::Pretty, Format::Compact] {
            let text = logged(format, "warn", &events());
            assert_eq!(text.lines().count(), 1, "{text}");
            assert!(text.contains("is given up") && text.contains("a.example") && !text.contains('\x1b'), "{text}");
        }
    }

    #[test]
    fn a_bad_filter_is_named() {
        let error = init(Format::Pretty, "info,dragline=loud").unwrap_err();
        assert!(error.to_string().contains("`info,dragline=loud`"), "{error}");
    }

    #[test]
    fn a_second_subscriber_is_an_error() {
        // The one that listens for all tests; were it not the first, they would hear nothing.
        crate::heard::n_heard("anything");
        assert!(matches!(init(Format::Json, "off"), Err(TelemetryError::Installed(_))));
    }
}
