//! The recorder: the only one who writes.
//!
//! It takes visits in the order in which they come. For each it appends the record, takes the URL
//! out of its queue, sifts what was found and appends the records of what is refused at once. A
//! commit makes the outputs durable first and then, in one atomic step, the frontier with the
//! marks of the outputs in its book. Killed between the two, the outputs are longer than the marks,
//! and the next start cuts them back.

mod answers;
mod commit;
mod trails;

use std::{collections::HashMap, mem, sync::Arc, time::Duration};

use tokio::{sync::mpsc, time::sleep_until};

use super::{
    EngineError, Options, Seed,
    book::Book,
    event::{Conclusion, CrawlEvent, Outcome},
    groups::{self, Groups},
    judge::{Lead, Source, Way, discover},
    look::LooksIn,
    stats::{self},
    visit::{Keep, Subject, ToDispatcher, ToRecorder, Visit},
    worker::write,
};
use crate::{
    address::{HostId, HostKey},
    clock::{Clock, Timestamp},
    frontier::{
        Discovery, Frontier, HostRecord, QueuedUrl,
        workbench::{Fate, News},
    },
    politeness::{Conduct, Signal},
    scope::{Role, Scope},
    shutdown::blocking,
    sink::Sink,
    verdict::Refusal,
};

/// Most messages taken in one go.
const BATCH: usize = 256;
/// How often the counts are shown to the dispatcher.
const TALLY_EVERY: Duration = Duration::from_millis(100);

/// Listens to what happens, in the order of the commits.
pub type Observer = Box<dyn FnMut(&CrawlEvent) + Send>;

pub(super) struct Recorder {
    pub(super) frontier: Box<dyn Frontier>,
    sink: Box<dyn Sink>,
    book: Book,
    /// Hosts that were dealt with lately, and whether they changed since the last commit.
    hosts: HashMap<HostId, (HostRecord, bool)>,
    groups: Groups,
    observers: Vec<Observer>,
    clock: Clock,
    options: Options,
    /// Time spent crawling before this run, and when this run began.
    active_before: Duration,
    began: Timestamp,
    n_uncommitted: usize,
    /// When something has to be committed that must not be forgotten: a host is to be left in peace, or another
    /// attempt may be made before the next commit.
    commit_by: Option<Timestamp>,
    committed_at: Timestamp,
    shown_at: Timestamp,
    /// Whether the counts have not changed since they were shown.
    is_shown: bool,
}

impl Recorder {
    pub(super) fn new(
        frontier: Box<dyn Frontier>,
        sink: Box<dyn Sink>,
        book: Book,
        observers: Vec<Observer>,
        clock: Clock,
        options: Options,
    ) -> Self {
        let now = clock.now();
        Self {
            frontier,
            sink,
            active_before: Duration::from_millis(book.tally.active_ms),
            book,
            hosts: HashMap::new(),
            groups: Groups::new(options.groups.clone()),
            observers,
            clock,
            options,
            began: now,
            n_uncommitted: 0,
            commit_by: None,
            committed_at: now,
            shown_at: Timestamp::default(),
            is_shown: false,
        }
    }

    /// Puts the seeds into the frontier, judged like everything else, and commits.
    pub(super) fn seed(&mut self, seeds: Vec<Seed>, scope: &Scope) -> Result<(), EngineError> {
        let found = seeds.into_iter().map(|seed| {
            let way = Way { depth: 0, kind: seed.kind, nesting: 0 };
            discover(scope, Lead::new(seed.url, Role::Seed, way), &Source::default())
        });
        let mut news = Vec::new();
        self.sift(found.collect(), &mut news)?;
        self.book.seeded = true;
        self.commit()
    }

    /// Records until nobody can send any more, then commits and gives everything back.
    pub(super) async fn run(
        mut self,
        mut inbox: mpsc::Receiver<ToRecorder>,
        to_dispatcher: mpsc::Sender<ToDispatcher>,
        LooksIn(mut looks): LooksIn,
    ) -> Result<Self, EngineError> {
        let mut batch = Vec::with_capacity(BATCH);
        loop {
            let commit_due = self.commit_due();
            let show_due = self.shown_at + TALLY_EVERY;
            let mut look = None;
            let n_taken = tokio::select! {
                // In this order, so that a simulated crawl can be repeated; no arm starves another, because what
                // is due is done after each batch as well.
                biased;
                n_taken = inbox.recv_many(&mut batch, BATCH) => Some(n_taken),
                Some(it) = looks.recv() => {
                    look = Some(it);
                    None
                }
                () = sleep_until(self.clock.instant(commit_due)), if self.n_uncommitted > 0 => None,
                () = sleep_until(self.clock.instant(show_due)), if !self.is_shown => None,
            };
            if n_taken == Some(0) {
                break;
            }
            let news = blocking(|| self.absorb(mem::take(&mut batch)))?;
            if let Some(look) = look.or_else(|| looks.try_recv().ok()) {
                blocking(|| self.look(look))?;
            }
            let tally = self.tally_to_show();
            if !news.is_empty() || tally.is_some() {
                // When the dispatcher is gone the crawl is ending; what is in the inbox still counts.
                let held = if tally.is_some() { self.held(inbox.len()) } else { stats::Gauges::new() };
                let _ = to_dispatcher.send(ToDispatcher::Recorded { news, tally, held }).await;
            }
        }
        blocking(|| self.commit())?;
        Ok(self)
    }

    /// Takes in messages, and commits when it is time.
    fn absorb(&mut self, messages: Vec<ToRecorder>) -> Result<Vec<News>, EngineError> {
        self.count_time();
        let mut news = Vec::new();
        for message in messages {
            match message {
                ToRecorder::Visit(visit) => self.take_down(*visit, &mut news)?,
                ToRecorder::Ask(ask) => news.push(self.answer(ask)?),
                ToRecorder::Waited(waits) => {
                    waits.into_iter().for_each(|waited| self.tell(&CrawlEvent::Waited(waited)));
                }
            }
        }
        let is_due = self.clock.now() >= self.commit_due();
        if self.n_uncommitted >= self.options.commit_visits || (is_due && self.n_uncommitted > 0) {
            self.commit()?;
        }
        Ok(news)
    }

    fn record(&mut self, visit: Visit, news: &mut Vec<News>) -> Result<(), EngineError> {
        self.n_uncommitted += 1;
        // One page can name thousands of hosts.
        if self.hosts.len() > 2 * self.options.workbench.active_hosts {
            self.write_hosts()?;
        }
        let host = visit.host.id();
        match visit.subject {
            Subject::Concluded { conclusion, record, keep } => {
                let fate = Fate::Done { fetched: conclusion.outcome.is_page(), body_bytes: conclusion.body_bytes };
                let fingerprint = conclusion.url.fingerprint();
                // Exactly once: whoever takes it out of the queue writes the record.
                let conclusion = if self.frontier.conclude(&conclusion.url)? {
                    self.sink.append(&record)?;
                    match keep {
                        Keep::AsItIs => {}
                        Keep::This(validators) => self.frontier.set_validators(fingerprint, Some(&validators))?,
                        Keep::Nothing => self.frontier.set_validators(fingerprint, None)?,
                    }
                    Some(self.conclude(&visit.host, conclusion)?)
                } else {
                    let crawl = self.options.crawl.as_deref();
                    tracing::error!(crawl, url = %conclusion.url, "a URL was visited that is not queued; its record is dropped");
                    None
                };
                self.settle(&visit.host, visit.conduct.as_ref())?;
                let n_before = news.len();
                self.sift(visit.found, news)?;
                if let Some(conclusion) = conclusion.filter(|conclusion| conclusion.outcome.is_page()) {
                    let is_new = |news: &&News| matches!(news, News::Admitted(queued) if queued.held.is_none() && queued.host() == visit.host);
                    let n_new = news[n_before..].iter().filter(is_new).count();
                    self.note_page(&visit.host, &conclusion, n_new, news)?;
                }
                news.push(News::Settled { host, fingerprint, fate });
            }
            Subject::Again { queued, why, at: _ } => {
                self.frontier.postpone(&queued)?;
                self.settle(&visit.host, visit.conduct.as_ref())?;
                self.with_host(&visit.host, |record| record.state.note_retry())?;
                self.press_before(self.next_attempt(&queued, visit.conduct.as_ref()));
                let (url, attempts, at) = (queued.url.clone(), queued.attempts, queued.not_before);
                self.tell(&CrawlEvent::Retrying { url, attempts, at, why });
                news.push(News::Settled { host, fingerprint: queued.fingerprint, fate: Fate::Again(queued) });
            }
            Subject::Robots { origin, policy } => {
                self.settle(&visit.host, visit.conduct.as_ref())?;
                self.sift(visit.found, news)?;
                let standing = match &policy {
                    None => "elsewhere",
                    Some(Ok(policy)) => policy.standing.as_str(),
                    Some(Err(why)) => why.as_str(),
                };
                self.tell(&CrawlEvent::RobotsFetched { host: visit.host, standing });
                if let Some(policy) = policy {
                    let owner = origin.host();
                    if let Ok(policy) = &policy {
                        self.frontier.set_robots(owner.id(), &origin, policy)?;
                        let known = self.frontier.robots(owner.id())?;
                        let delay = known.iter().filter_map(|(_, policy)| policy.crawl_delay()).max();
                        let promised = self.options.workbench.politeness.policy(owner.as_str()).clone();
                        let heard = policy.fetched_at;
                        if delay.is_some_and(|delay| delay > promised.interval) {
                            self.press();
                        }
                        self.with_host(&owner, |record| record.state.learn_crawl_delay(delay, heard, &promised))?;
                    }
                    news.push(News::Robots { host: owner.id(), origin, policy });
                }
            }
        }
        Ok(())
    }

    /// Sorts what was found, and writes the records of what is refused at once.
    fn sift(&mut self, found: Vec<Discovery>, news: &mut Vec<News>) -> Result<(), EngineError> {
        if found.is_empty() {
            return Ok(());
        }
        let sifted = self.frontier.sift(found)?;
        let n_urls = (sifted.admitted.len() + sifted.refused.len()) as u64;
        if n_urls > 0 {
            self.tell(&CrawlEvent::Discovered { n_urls });
        }
        let now = self.clock.now();
        for (discovery, why) in sifted.refused {
            self.refuse(&discovery, why, now)?;
        }
        news.extend(sifted.admitted.into_iter().map(News::Admitted));
        news.extend(sifted.moved.into_iter().map(|(from, url): (_, QueuedUrl)| News::Moved { from, url }));
        Ok(())
    }

    fn refuse(&mut self, discovery: &Discovery, why: Refusal, at: Timestamp) -> Result<(), EngineError> {
        self.sink.append(&write::refused(discovery, why, at).to_line())?;
        let conclusion = Conclusion {
            url: discovery.url.clone(),
            depth: discovery.depth,
            outcome: Outcome::Refused(why),
            status: None,
            via: discovery.via.clone(),
            content: None,
            body_bytes: 0,
            wire_bytes: 0,
            latency: None,
            at,
        };
        self.conclude(&discovery.url.host(), conclusion).map(drop)
    }

    /// Counts the end of a URL's story.
    fn conclude(&mut self, host: &HostKey, conclusion: Conclusion) -> Result<Arc<Conclusion>, EngineError> {
        self.with_host(host, |record| stats::count(&mut record.tally, &conclusion))?;
        let conclusion = Arc::new(conclusion);
        self.tell(&CrawlEvent::Concluded(conclusion.clone()));
        Ok(conclusion)
    }

    /// Takes notice of a page in the groups that it belongs to; a group that is done with is retired.
    fn note_page(
        &mut self,
        host: &HostKey,
        conclusion: &Conclusion,
        n_new: usize,
        news: &mut Vec<News>,
    ) -> Result<(), EngineError> {
        let id = host.id();
        let page =
            groups::Page { url: &conclusion.url, via: conclusion.via.as_deref(), content: conclusion.content, n_new };
        for retired in self.groups.note(&page, id, self.frontier.as_mut())? {
            self.frontier.retire(id, &retired)?;
            self.tell(&CrawlEvent::DirectoryRetired {
                directory: retired.directory.clone(),
                why: retired.why,
                rule: retired.rule.clone(),
            });
            news.push(News::Retired { host: id, retired });
        }
        Ok(())
    }

    /// Takes in how a request went: the same step that the workbench takes.
    fn settle(&mut self, host: &HostKey, conduct: Option<&Conduct>) -> Result<(), EngineError> {
        let Some(conduct) = conduct else { return Ok(()) };
        let policy = self.options.workbench.politeness.policy(host.as_str()).clone();
        let (slowed, given_up) = self.with_host(host, |record| {
            let before = (record.state.backing_off, record.state.given_up);
            record.state.settle(conduct, &policy);
            let slowed = (record.state.backing_off && !before.0).then_some(record.state.not_before);
            (slowed, record.state.given_up && !before.1)
        })?;
        // Whatever makes a host wait for longer than its interval must outlive the process.
        if matches!(conduct.signal, Signal::Trouble | Signal::SlowDown(_) | Signal::Later(_)) {
            self.press();
        }
        if let Some(until) = slowed {
            let why = if matches!(conduct.signal, Signal::SlowDown(_)) { "asked for a pause" } else { "in trouble" };
            self.tell(&CrawlEvent::HostSlowed { host: host.clone(), until, why });
        }
        if given_up {
            self.tell(&CrawlEvent::HostGivenUp { host: host.clone() });
        }
        Ok(())
    }

    /// Before which a URL is not tried again. What its host's state says does not count: a clock that was wrong may have left
    /// any time there. What this conduct alone makes of it does.
    fn next_attempt(&self, queued: &QueuedUrl, conduct: Option<&Conduct>) -> Timestamp {
        let is_trouble = conduct.is_some_and(|conduct| conduct.signal == Signal::Trouble);
        let rest = self.options.workbench.politeness.policy(queued.host().as_str()).backoff_base / 2;
        if is_trouble { queued.not_before.max(self.clock.now() + rest) } else { queued.not_before }
    }

    fn with_host<T>(&mut self, host: &HostKey, change: impl FnOnce(&mut HostRecord) -> T) -> Result<T, EngineError> {
        let id = host.id();
        if !self.hosts.contains_key(&id) {
            let record = self.stored_host(id)?.unwrap_or_else(|| HostRecord::new(host.clone()));
            self.hosts.insert(id, (record, false));
        }
        let (record, changed) = self.hosts.get_mut(&id).expect("it was inserted if it was missing");
        *changed = true;
        Ok(change(record))
    }

    pub(super) fn book_mut(&mut self) -> &mut Book {
        &mut self.book
    }

    pub(super) fn book(&self) -> &Book {
        &self.book
    }

    fn count_time(&mut self) {
        let active = self.active_before + self.clock.now().since(self.began);
        self.book.tally.active_ms = u64::try_from(active.as_millis()).unwrap_or(u64::MAX);
    }

    fn tally_to_show(&mut self) -> Option<Box<stats::Tally>> {
        let now = self.clock.now();
        if self.is_shown || now.since(self.shown_at) < TALLY_EVERY {
            return None;
        }
        self.shown_at = now;
        self.is_shown = true;
        Some(Box::new(self.book.tally.clone()))
    }

    fn tell(&mut self, event: &CrawlEvent) {
        self.book.tally.apply(event);
        self.is_shown = false;
        self.observers.iter_mut().for_each(|observer| observer(event));
    }
}
