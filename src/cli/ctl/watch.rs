//! `dragline ctl watch`: follows a crawl to its end, through restarts of its daemon.
//!
//! What is going on comes as events; the crawl itself is read whenever they end, and now and then for what it waits for.
//! The crawl is over when it says so itself, not when an event does: a crawl that is done again has old events.

use std::time::Duration;

use reqwest::header::{self, HeaderName, HeaderValue};
use serde::Deserialize;
use serde_json::{json, value::RawValue};
use tokio::{
    signal::unix::{SignalKind, signal},
    sync::watch,
};

use super::{
    super::{
        Exit,
        progress::{Mode, ticker},
    },
    args::{WatchArgs, WatchingArgs},
    backoff::Backoff,
    client::Client,
    find::{find, read},
    model::{Counts, Crawl},
    output::{one_line, put_line},
    sse::{Event, Parser},
    text,
    trouble::Trouble,
    view::{Seen, Show},
};
use crate::{clock::Clock, config, telemetry};

/// Longer silence than this is no silence: a daemon that has nothing to tell says so every 15 s.
const MAX_SILENCE: Duration = Duration::from_secs(60);
/// How often a crawl that is shown is asked what it waits for.
const LOOK_EVERY: Duration = Duration::from_secs(2);

const LAST_EVENT_ID: HeaderName = HeaderName::from_static("last-event-id");

pub(super) async fn watch(client: &Client, args: &WatchArgs) -> Result<Exit, Trouble> {
    let id = find(client, &args.id).await?;
    let (crawl, _) = read(client, &id).await?;
    to_the_end(client, &crawl, &args.watching, args.json).await
}

/// Watches a crawl until it is over, and gives the exit code that `dragline run` would have ended with.
pub(super) async fn to_the_end(
    client: &Client,
    crawl: &Crawl,
    how: &WatchingArgs,
    json: bool,
) -> Result<Exit, Trouble> {
    let filter = if how.quiet { "error" } else { "warn,dragline=info" };
    let terminal = telemetry::init(telemetry::Format::Pretty, filter);
    let terminal = terminal.map_err(|error| Trouble::Internal(error.to_string()))?;
    let wanted =
        if how.progress.as_deref() == Some("never") { config::Progress::Never } else { config::Progress::Auto };
    let show = Show { mode: Mode::choose(wanted, &terminal, how.quiet || json), terminal, clock: Clock::system() };
    let (heard, seen) = watch::channel(Seen::of(crawl));
    let watcher = Watcher { client, id: &crawl.id, json, heard };
    let interrupted = interrupted().map_err(|error| Trouble::Internal(format!("no signal handlers: {error}")))?;
    let crawl = tokio::select! {
        biased;
        ended = watcher.follow(how.patience) => ended?,
        () = interrupted => {
            if !how.quiet {
                let text = format!("{}: no longer watched; the crawl goes on at its daemon\n", seen.borrow().name);
                show.terminal.write(text.as_bytes());
            }
            return Ok(Exit::Interrupted);
        }
        () = show.show(seen.clone()) => unreachable!("it shows for ever"),
        () = watcher.look(show.mode) => unreachable!("it looks for ever"),
    };
    if !how.quiet {
        show.terminal.write(format!("{}\n", text::end(&crawl)).as_bytes());
    }
    Ok(crawl.exit())
}

/// Resolves on Ctrl-C or SIGTERM.
fn interrupted() -> std::io::Result<impl Future<Output = ()>> {
    let (mut interrupt, mut terminate) = (signal(SignalKind::interrupt())?, signal(SignalKind::terminate())?);
    Ok(async move {
        tokio::select! {
            _ = interrupt.recv() => {}
            _ = terminate.recv() => {}
        }
    })
}

struct Watcher<'a> {
    client: &'a Client,
    id: &'a str,
    json: bool,
    heard: watch::Sender<Seen>,
}

/// What is read of a state's event.
#[derive(Deserialize)]
struct StateEvent {
    state: String,
}

impl Watcher<'_> {
    /// Follows the crawl, and gives it as it is when it is over.
    async fn follow(&self, patience: Duration) -> Result<Crawl, Trouble> {
        let mut backoff = Backoff::new(patience, |text| tracing::warn!("{text}"));
        let mut last_id = String::new();
        loop {
            let events = self.events(&mut last_id, &mut backoff).await;
            if let Err(trouble) = events {
                self.away(&mut backoff, trouble).await?;
            }
            match read(self.client, self.id).await {
                Ok((crawl, _)) if crawl.is_over() => return Ok(crawl),
                Ok((crawl, _)) => {
                    self.heard.send_replace(Seen::of(&crawl));
                    let (url, why) = (self.client.place(), "the events ended".to_owned());
                    self.away(&mut backoff, Trouble::Broken { url, why }).await?;
                }
                Err(trouble) => self.away(&mut backoff, trouble).await?,
            }
        }
    }

    async fn away(&self, backoff: &mut Backoff, trouble: Trouble) -> Result<(), Trouble> {
        if trouble.is_passing() {
            self.heard.send_modify(|seen| seen.is_away = true);
        }
        backoff.pause(trouble).await
    }

    /// Hears events until they end.
    async fn events(&self, last_id: &mut String, backoff: &mut Backoff) -> Result<(), Trouble> {
        let call = self.client.get(["v1", "crawls", self.id, "events"]).patience(MAX_SILENCE);
        let call = call.header(header::ACCEPT, HeaderValue::from_static("text/event-stream"));
        let call = match HeaderValue::try_from(last_id.as_str()) {
            Ok(id) if !last_id.is_empty() => call.header(LAST_EVENT_ID, id),
            _ => call,
        };
        let mut answer = call.send().await?;
        let kind = answer.headers.get(header::CONTENT_TYPE).map(HeaderValue::as_bytes).unwrap_or_default();
        if !kind.starts_with(b"text/event-stream") {
            return Err(answer.foreign("its events are of another kind"));
        }
        let (mut parser, mut events) = (Parser::default(), Vec::new());
        while let Some(chunk) = answer.chunk().await? {
            backoff.reset();
            self.heard.send_if_modified(|seen| std::mem::take(&mut seen.is_away));
            let pushed = parser.push(&chunk, &mut events);
            for event in events.drain(..) {
                self.take(&event)?;
                *last_id = event.id;
            }
            pushed.map_err(|_| answer.foreign("it sent an event that is longer than any of a daemon's"))?;
        }
        Ok(())
    }

    fn take(&self, event: &Event) -> Result<(), Trouble> {
        let what = || format!("an event `{}` whose data is not what it should be", text::name(&event.kind));
        let foreign = |_| Trouble::Foreign { url: self.client.place(), what: what() };
        match event.kind.as_str() {
            "state" => {
                let StateEvent { state } = serde_json::from_str(&event.data).map_err(foreign)?;
                self.heard.send_modify(|seen| {
                    seen.state = text::name(&state);
                    // What it waited for was true of the state before.
                    seen.waiting = None;
                });
            }
            "progress" => {
                let counts: Counts = serde_json::from_str(&event.data).map_err(foreign)?;
                self.heard.send_modify(|seen| seen.counts = Some(counts));
            }
            _ => {}
        }
        if !self.json {
            return Ok(());
        }
        let data: &RawValue = serde_json::from_str(&event.data).map_err(foreign)?;
        let (id, kind) = (json!(event.id), json!(event.kind));
        put_line(&format!("{{\"id\":{id},\"event\":{kind},\"data\":{}}}", one_line(data)))
    }

    /// Asks now and then what the crawl waits for, which no event tells.
    async fn look(&self, mode: Mode) {
        if mode == Mode::Silent {
            return std::future::pending().await;
        }
        let mut ticker = ticker(LOOK_EVERY);
        loop {
            ticker.tick().await;
            // That it can't be asked is noticed by whoever hears its events.
            if let Ok((crawl, _)) = read(self.client, self.id).await {
                self.heard.send_modify(|seen| seen.waiting = crawl.waiting);
            }
        }
    }
}
