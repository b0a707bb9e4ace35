//! The round: items in, as many at once as there is room for, results out.
//!
//! An item is a task. The loop here starts them, writes what they come to, and ends when nothing is left or
//! somebody interrupts. Writing waits for a reader who is slow, and while it does nothing new is begun.

use std::{
    collections::{BTreeMap, HashSet},
    io::{self, ErrorKind, Write},
    sync::Arc,
};

use tokio::{
    signal::unix::{Signal, SignalKind, signal},
    sync::mpsc,
    task::JoinSet,
    time::{MissedTickBehavior, interval},
};

use super::{
    super::Exit,
    MAX_HOSTS_WITHOUT_CONTACT,
    display::{Counts, Line, REDRAW_EVERY},
    input::Item,
    run::Failure,
    task::{Desk, Done},
};
use crate::{
    address::{CanonicalUrl, HostKey},
    config::Settings,
    engine::courier::FetchResult,
    shutdown::blocking,
    telemetry::Terminal,
};

/// URLs that are under way at once, most of them waiting for their host's turn. Requests in flight have a
/// bound of their own, `fetch.concurrency`.
const MAX_UNDER_WAY: usize = 1024;

/// How a round ends.
pub(super) enum End {
    /// Every item has its result.
    Finished,
    /// Somebody asked to stop.
    Interrupted,
    /// Nobody reads the results any more.
    Unheard,
}

/// What happens next.
enum Event {
    Item(Option<Item>),
    Done(Done),
    Tick,
    Signal,
}

pub(super) struct Round {
    desk: Arc<Desk>,
    contact: Contact,
    running: JoinSet<Done>,
    counts: Counts,
    ordered: bool,
    /// Items that are under way or wait to be written.
    window: usize,
    /// With `ordered`: results that wait for an earlier one, and their bytes.
    waiting: BTreeMap<u64, Done>,
    waiting_bytes: usize,
    max_waiting_bytes: usize,
    /// With `ordered`: the position that is written next.
    next: u64,
    terminal: Terminal,
    display: Option<Line>,
}

impl Round {
    /// With `ordered`, which says how many results may wait, in the order of the input. Beyond
    /// `max_waiting_bytes` of them nothing is begun.
    pub(super) fn new(
        desk: Arc<Desk>,
        contact: Contact,
        ordered: Option<usize>,
        max_waiting_bytes: usize,
        terminal: Terminal,
        display: Option<Line>,
    ) -> Self {
        Self {
            desk,
            contact,
            running: JoinSet::new(),
            counts: Counts::default(),
            ordered: ordered.is_some(),
            window: ordered.unwrap_or(MAX_UNDER_WAY).clamp(1, MAX_UNDER_WAY),
            waiting: BTreeMap::new(),
            waiting_bytes: 0,
            max_waiting_bytes,
            next: 1,
            terminal,
            display,
        }
    }

    /// What came of it; the display is gone with the round.
    pub(super) fn end(self) -> Counts {
        self.counts
    }

    pub(super) async fn go(&mut self, mut items: mpsc::Receiver<Item>) -> Result<End, Failure> {
        let mut interrupt = listen(SignalKind::interrupt())?;
        let mut terminate = listen(SignalKind::terminate())?;
        let mut ticker = interval(REDRAW_EVERY);
        ticker.set_missed_tick_behavior(MissedTickBehavior::Delay);
        let mut is_read = false;
        while !is_read || !self.running.is_empty() {
            let event = tokio::select! {
                biased;
                _ = interrupt.recv() => Event::Signal,
                _ = terminate.recv() => Event::Signal,
                _ = ticker.tick(), if self.display.is_some() => Event::Tick,
                Some(done) = self.running.join_next(), if !self.running.is_empty() => {
                    Event::Done(done.map_err(|error| Failure::new(Exit::Internal, error.to_string()))?)
                }
                item = items.recv(), if !is_read && self.has_room() => Event::Item(item),
            };
            let written = match event {
                Event::Signal => return self.stop().await,
                Event::Tick => {
                    self.display.iter().for_each(|line| line.draw(&self.counts));
                    Ok(())
                }
                Event::Item(Some(item)) => self.begin(item),
                Event::Item(None) => {
                    is_read = true;
                    Ok(())
                }
                Event::Done(done) => self.finish(done),
            };
            if !heard(written)? {
                return Ok(End::Unheard);
            }
        }
        Ok(End::Finished)
    }

    fn has_room(&self) -> bool {
        self.running.len() + self.waiting.len() < self.window && self.waiting_bytes < self.max_waiting_bytes
    }

    fn begin(&mut self, item: Item) -> io::Result<()> {
        self.counts.begun += 1;
        let Item { position, source, asked } = item;
        let now = self.desk.clock.now();
        let result = match asked {
            Err(bad) => FetchResult::invalid(bad.text, bad.error, now),
            Ok(asked) if !self.contact.allows(&asked.url) => {
                let error = format!(
                    "without a contact at most {MAX_HOSTS_WITHOUT_CONTACT} hosts of the public internet are asked \
                     (--contact, or job.contact)"
                );
                FetchResult::refused(asked.url.to_string(), "contact-missing", &error, now)
            }
            Ok(asked) => {
                self.running.spawn(Arc::clone(&self.desk).work(position, source, asked));
                return Ok(());
            }
        };
        self.finish(self.desk.done(position, source, result))
    }

    fn finish(&mut self, done: Done) -> io::Result<()> {
        let counts = &mut self.counts;
        counts.done += 1;
        counts.fetched += u64::from(done.outcome == "fetched");
        counts.invalid += u64::from(done.outcome == "invalid");
        counts.answered += u64::from(done.answered);
        counts.unwritten += u64::from(done.unwritten);
        counts.bytes += done.body_bytes;
        if !self.ordered {
            return self.write(&done.text);
        }
        self.waiting_bytes += done.text.len();
        self.waiting.insert(done.position, done);
        while let Some(done) = self.waiting.remove(&self.next) {
            self.next += 1;
            self.waiting_bytes -= done.text.len();
            self.write(&done.text)?;
        }
        Ok(())
    }

    /// Gives up what is under way, and writes what is there.
    async fn stop(&mut self) -> Result<End, Failure> {
        let mut there = Vec::new();
        while let Some(done) = self.running.try_join_next() {
            there.extend(done);
        }
        self.running.shutdown().await;
        let mut written = there.into_iter().try_for_each(|done| self.finish(done));
        for done in std::mem::take(&mut self.waiting).into_values() {
            written = written.and_then(|()| self.write(&done.text));
        }
        heard(written)?;
        Ok(End::Interrupted)
    }

    fn write(&self, text: &[u8]) -> io::Result<()> {
        let write = || {
            let mut stdout = io::stdout().lock();
            stdout.write_all(text).and_then(|()| stdout.flush())
        };
        blocking(|| self.terminal.without_display(write))
    }
}

fn listen(kind: SignalKind) -> Result<Signal, Failure> {
    signal(kind).map_err(|error| Failure::new(Exit::Internal, format!("no signal handlers: {error}")))
}

/// Whether somebody still reads the results.
fn heard(written: io::Result<()>) -> Result<bool, Failure> {
    match written {
        Ok(()) => Ok(true),
        Err(error) if error.kind() == ErrorKind::BrokenPipe => Ok(false),
        Err(error) => Err(Failure::new(Exit::Internal, format!("can't write to standard output: {error}"))),
    }
}

/// The rule that whoever asks many can be reached.
pub(super) struct Contact {
    pub(super) settings: Settings,
    /// The public hosts that were let through without a contact.
    pub(super) hosts: HashSet<HostKey>,
}

impl Contact {
    fn allows(&mut self, url: &CanonicalUrl) -> bool {
        if self.settings.can_be_reached() || !self.settings.is_public(url) {
            return true;
        }
        let host = url.host();
        self.hosts.contains(&host) || (self.hosts.len() < MAX_HOSTS_WITHOUT_CONTACT && self.hosts.insert(host))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        address::Canonicalizer,
        config::{Environment, Flags, Purpose, Sources},
    };

    /// Which of `urls` are let through.
    fn check(contact: Option<&str>, urls: &[&str], expected: &[bool]) {
        let mut flags = Flags::default();
        contact.into_iter().for_each(|contact| flags.set("job.contact", "--contact", contact));
        let none: [(&str, &str); 0] = [];
        let environment = Environment::given(none);
        let sources = Sources { environment, flags, purpose: Purpose::Fetch, ..Sources::default() };
        let mut rule = Contact { settings: sources.load().expect("good").settings, hosts: HashSet::new() };
        let allowed = urls.iter().map(|url| rule.allows(&Canonicalizer::default().parse(url).expect("valid")));
        assert_eq!(allowed.collect::<Vec<_>>(), expected);
    }

    #[test]
    fn many_public_hosts_want_a_contact() {
        let hosts: Vec<String> = (0..12).map(|i| format!("http://h{i}.org/")).collect();
        let hosts: Vec<&str> = hosts.iter().map(String::as_str).collect();
        let ten = [[true; 10].as_slice(), &[false; 2]].concat();
        check(None, &hosts, &ten);
        check(Some("me@h.org"), &hosts, &[true; 12]);
        let more =
            [&hosts[..], &["http://h3.org/other", "http://h11.org/", "http://10.0.0.1/", "http://a.test/"]].concat();
        check(None, &more, &[&ten[..], &[true, false, true, true]].concat());
    }
}
