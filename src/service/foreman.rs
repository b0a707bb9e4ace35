//! The foreman: the one task that owns the ledger, and has its crawls worked on.
//!
//! It takes orders one after the other, writes down what comes of each before it answers, and starts what is due
//! as long as there is room. A crawl runs in a task of its own, which owns nothing that the foreman needs:
//! whatever happens to it, its entry says what to go on with.

mod begin;
mod calendar;
mod order;
mod telling;

use std::{
    collections::{BTreeMap, BTreeSet, HashMap},
    sync::Arc,
    time::Duration,
};

use rustix::fs::statvfs;
use tokio::{
    sync::{mpsc, watch},
    task::{Id as TaskId, JoinSet},
    time::{MissedTickBehavior, interval},
};

use super::{
    api::Metrics,
    board::{Board, Live, Shown},
    events::Events,
    hooks::Post,
    ledger::{CrawlId, Entry, Held, How, Schedule, Shelf, Want},
};
use crate::{
    address::{HostKey, without_userinfo},
    clock::Timestamp,
    config::Base,
    engine::End,
    job::Surroundings,
    shutdown::Shutdown,
};
use begin::{Note, Ran, Trouble, Work};
pub(crate) use calendar::Set;
pub(crate) use order::{Crawls, NewCrawl, Order, Refused};

/// Orders that wait.
const MAX_ORDERS: usize = 64;
/// How often the foreman looks at the calendar, and tries again to write what it could not.
const TICK: Duration = Duration::from_secs(2);

/// How long all events of a crawl that is over are kept.
const EVENTS_KEPT: Duration = Duration::from_secs(60);

/// How much the foreman takes on.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Options {
    /// Crawls at once (`daemon.running`).
    pub(crate) running: usize,
    /// Crawls in the ledger (`daemon.crawls`).
    pub(crate) crawls: usize,
    /// Events of each that are kept (`daemon.events`).
    pub(crate) events: usize,
    /// Free space that is left alone (`daemon.disk_reserve`).
    pub(crate) disk_reserve_bytes: u64,
}

/// What the foreman has of a crawl that is being worked on.
struct Running {
    shutdown: Shutdown,
    live: Option<Live>,
    /// Seeds that it knows of, of those that were added.
    n_seeds: usize,
}

pub(crate) struct Foreman {
    shelf: Arc<Shelf>,
    base: watch::Receiver<Arc<Base>>,
    surroundings: Surroundings,
    options: Options,
    metrics: Metrics,
    post: Post,
    board: Board,
    entries: BTreeMap<CrawlId, Entry>,
    events: HashMap<CrawlId, Arc<Events>>,
    /// Owner and word of a call that made a crawl.
    calls: HashMap<(String, String), CrawlId>,
    running: HashMap<CrawlId, Running>,
    crawls: JoinSet<Ran>,
    tasks: HashMap<TaskId, CrawlId>,
    /// Hosts that nobody is to ask, and until when.
    blocked: BTreeMap<String, Timestamp>,
    schedules: BTreeMap<CrawlId, Schedule>,
    /// Entries that could not be written, and have to be.
    unwritten: BTreeSet<CrawlId>,
    orders: mpsc::Receiver<Order>,
    notes: (mpsc::Sender<Note>, mpsc::Receiver<Note>),
    shutdown: Shutdown,
}

/// What the loop goes on with.
enum Event {
    Order(Order),
    Note(Note),
    Ran(TaskId, Option<Ran>),
    Tick,
    Stop,
    Now,
}

impl Foreman {
    /// With the crawls that `shelf` holds, and by whom orders are given.
    pub(crate) fn new(
        (shelf, held): (Shelf, Held),
        base: watch::Receiver<Arc<Base>>,
        surroundings: Surroundings,
        options: Options,
        metrics: Metrics,
        post: Post,
        shutdown: Shutdown,
    ) -> (Self, Crawls) {
        let (to, orders) = mpsc::channel(MAX_ORDERS);
        let shelf = Arc::new(shelf);
        let mut foreman = Self {
            shelf: shelf.clone(),
            base,
            surroundings,
            options,
            metrics,
            post,
            board: Board::default(),
            entries: BTreeMap::new(),
            events: HashMap::new(),
            calls: HashMap::new(),
            running: HashMap::new(),
            crawls: JoinSet::new(),
            tasks: HashMap::new(),
            blocked: held.blocked,
            schedules: held.schedules,
            unwritten: BTreeSet::new(),
            orders,
            notes: mpsc::channel(MAX_ORDERS),
            shutdown,
        };
        let mut entries = held.entries.into_iter().map(|entry| (entry.id, entry)).collect();
        telling::recover(&foreman.post, &foreman.shelf, &mut entries);
        entries.into_values().for_each(|entry| foreman.keep(entry));
        // Whoever was to end and died with the process has ended.
        let now = foreman.surroundings.clock.now();
        let ended: Vec<Entry> = foreman.entries.values().filter(|entry| entry.is_to_end()).cloned().collect();
        ended.into_iter().for_each(|entry| foreman.change(entry.end(How::Cancelled, None, now)));
        // And whoever was to pause has paused; if nobody was told of it, he is now.
        let paused = foreman.entries.values().filter(|entry| entry.ended.is_none() && entry.want == Want::Pause);
        paused.cloned().collect::<Vec<_>>().into_iter().for_each(|entry| foreman.settle(entry));
        foreman.show_schedules();
        foreman.board.show_blocked(foreman.blocked.clone());
        for (host, until) in &foreman.blocked {
            foreman.surroundings.gate.block(&HostKey::new(host), *until);
        }
        let crawls = Crawls { orders: to, board: foreman.board.clone(), shelf };
        (foreman, crawls)
    }

    /// Works until it is asked to stop and every crawl has stopped.
    pub(crate) async fn run(mut self) {
        let mut ticks = interval(TICK);
        ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
        let shutdown = self.shutdown.clone();
        let (mut is_stopping, mut is_leaving) = (false, false);
        loop {
            if is_stopping && self.crawls.is_empty() {
                return;
            }
            let event = tokio::select! {
                biased;
                () = shutdown.now(), if !is_leaving => Event::Now,
                () = shutdown.requested(), if !is_stopping => Event::Stop,
                Some(ran) = self.crawls.join_next_with_id() => match ran {
                    Ok((task, ran)) => Event::Ran(task, Some(ran)),
                    Err(error) => Event::Ran(error.id(), None),
                },
                Some(note) = self.notes.1.recv() => Event::Note(note),
                Some(order) = self.orders.recv(), if !is_stopping => Event::Order(order),
                _ = ticks.tick() => Event::Tick,
            };
            match event {
                Event::Now => {
                    is_leaving = true;
                    self.running.values().for_each(|crawl| crawl.shutdown.request());
                }
                Event::Stop => {
                    is_stopping = true;
                    // Whoever gives an order now learns that nobody takes it.
                    self.orders.close();
                    self.running.values().for_each(|crawl| crawl.shutdown.request());
                }
                Event::Ran(task, ran) => self.ran(task, ran),
                Event::Note(note) => self.begun(note),
                Event::Order(order) => self.take(order),
                Event::Tick => {
                    self.write_again();
                    self.keep_the_calendar();
                    self.let_go_of_events();
                }
            }
            if !is_stopping {
                self.start_what_is_due();
            }
        }
    }

    /// Takes an entry into the books, and shows it.
    fn keep(&mut self, entry: Entry) {
        if let Some(call) = &entry.idempotency {
            self.calls.insert((entry.owner.clone(), call.key.clone()), entry.id);
        }
        let id = entry.id;
        self.entries.insert(id, entry);
        self.show(id);
    }

    /// Shows a crawl as it is now, and tells of its state if that has changed.
    fn show(&mut self, id: CrawlId) {
        let Some(entry) = self.entries.get(&id) else { return };
        let now = self.surroundings.clock.now();
        let events = self.events.entry(id).or_insert_with(|| Arc::new(Events::new(now.0, self.options.events))).clone();
        let name = name_of(entry);
        let live = self.running.get(&id).and_then(|crawl| crawl.live.clone());
        let before = self.board.get(id).map(|shown| shown.state());
        let shown = Shown { entry: Arc::new(entry.clone()), name, live, events: events.clone() };
        let state = shown.state();
        self.board.show(shown);
        if before != Some(state) {
            let error = entry.ended.as_ref().and_then(|ended| ended.error.clone());
            events.tell("state", serde_json::json!({"state": state, "at": now.rfc3339(), "error": error}));
        }
    }

    /// Writes an entry that has changed. If that can't be done it is tried again later: what it says of a crawl that
    /// has ended is found out again by whoever starts it.
    fn change(&mut self, mut entry: Entry) {
        let id = entry.id;
        self.note_news(&mut entry);
        if let Err(error) = self.write(&mut entry, Shelf::update) {
            tracing::error!(crawl = %id, %error, "the ledger can't be written");
            self.unwritten.insert(id);
        }
        self.entries.insert(id, entry);
        self.show(id);
    }

    /// Shows an entry that has not changed in itself, and writes it if somebody is to be told how it stands.
    fn settle(&mut self, mut entry: Entry) {
        if self.note_news(&mut entry) { self.change(entry) } else { self.show(entry.id) }
    }

    /// Of crawls that have been over for a while nobody comes back for events.
    fn let_go_of_events(&self) {
        let now = self.surroundings.clock.now();
        let over = self.entries.values().filter_map(|entry| Some((entry.id, entry.ended.as_ref()?.at)));
        let long_over = over.filter(|(_, at)| now.since(*at) > EVENTS_KEPT);
        long_over.filter_map(|(id, _)| self.events.get(&id)).for_each(|events| events.let_go());
    }

    fn write_again(&mut self) {
        for id in std::mem::take(&mut self.unwritten) {
            if let Some(entry) = self.entries.get(&id).cloned() {
                self.change(entry);
            }
        }
    }

    /// Starts crawls, those with the highest priority first, and of them the oldest.
    fn start_what_is_due(&mut self) {
        while self.running.len() < self.options.running {
            let due = self.entries.values().filter(|entry| entry.is_due() && !self.running.contains_key(&entry.id));
            let next = due.max_by_key(|entry| (entry.priority, std::cmp::Reverse(entry.id)));
            let Some(entry) = next.cloned() else { return };
            if !self.has_room_on_disk() {
                return;
            }
            self.start(&entry);
        }
    }

    fn has_room_on_disk(&self) -> bool {
        free_bytes(&self.shelf).is_none_or(|free| free >= self.options.disk_reserve_bytes)
    }

    fn start(&mut self, entry: &Entry) {
        let (base, out) = (self.base.borrow().clone(), self.shelf.out(entry.id));
        let work = Work { entry: entry.clone(), base, out, surroundings: self.surroundings.clone() };
        let shutdown = Shutdown::new();
        let events = self.events.get(&entry.id).cloned().expect("what is in the ledger is shown");
        let task = self.crawls.spawn(work.run(shutdown.clone(), events, self.metrics.clone(), self.notes.0.clone()));
        self.tasks.insert(task.id(), entry.id);
        self.running.insert(entry.id, Running { shutdown, live: None, n_seeds: entry.more_seeds.len() });
        self.show(entry.id);
    }

    /// A crawl has its folder and is about to ask somebody.
    fn begun(&mut self, note: Note) {
        let Note { id, live, go } = note;
        if let Some(crawl) = self.running.get_mut(&id) {
            crawl.live = Some(live);
        }
        match self.entries.get(&id).cloned() {
            Some(entry) if entry.next.is_some() => self.change(entry.begun()),
            Some(entry) => self.settle(entry),
            None => {}
        }
        // It may have been dropped meanwhile.
        let _ = go.send(());
    }

    /// A crawl is no longer worked on.
    fn ran(&mut self, task: TaskId, ran: Option<Ran>) {
        let Some(id) = self.tasks.remove(&task) else { return };
        let Some(crawl) = self.running.remove(&id) else { return };
        let was_asked = crawl.shutdown.is_requested();
        let Some(entry) = self.entries.get(&id).cloned() else { return };
        let now = self.surroundings.clock.now();
        let ran = ran.unwrap_or_else(|| {
            tracing::error!(crawl = %id, "the task of a crawl panicked");
            Err(Trouble::said("this is a fault in dragline; the log says more"))
        });
        let has_more = entry.more_seeds.len() > crawl.n_seeds && entry.want == Want::Run;
        match (ran, entry.want) {
            (Ok(End::Finished), _) if has_more => self.change(entry.go_on_with_seeds()),
            (Ok(End::Finished), _) => self.change(entry.end(How::Finished, None, now)),
            (Ok(_), Want::Cancel) => self.change(entry.end(How::Cancelled, None, now)),
            (Ok(End::LimitReached(_)), _) => self.change(entry.end(How::LimitReached, None, now)),
            (Ok(End::Interrupted), _) if was_asked => self.settle(entry),
            (Ok(End::Interrupted), _) => {
                let why = "it stopped early; this is a fault in dragline";
                self.change(entry.end(How::Failed, Some(why.to_owned()), now));
            }
            (Err(trouble), _) => self.change(entry.end(How::Failed, Some(trouble.text), now)),
        }
    }
}

/// What a crawl is called: by its document, or after its first seed.
fn name_of(entry: &Entry) -> String {
    let name = entry.document["job"]["name"].as_str().filter(|name| !name.is_empty());
    let seed = || entry.document["seeds"]["urls"][0].as_str().or(entry.document["seeds"]["sitemaps"][0].as_str());
    // A login in a seed is for its server alone.
    without_userinfo(name.or_else(seed).unwrap_or_default()).into_owned()
}

/// Free space where the ledger is; none if the system does not say.
pub(crate) fn free_bytes(shelf: &Shelf) -> Option<u64> {
    statvfs(shelf.path()).ok().map(|disk| disk.f_bavail.saturating_mul(disk.f_frsize))
}
