//! Kills of a daemon: it dies over and over while clients create, pause, resume, cancel, delete and run crawls.
//!
//! Each client has crawls of its own, so that it knows what was last said of each: what the daemon has
//! acknowledged, and what was asked and answered by nobody because it died. After each kill: every crawl that was
//! acknowledged is there, none that was deleted is, a call that is made again makes no second crawl, and each crawl is wanted
//! as it was last said to be, or as the one call in doubt has it. In the end all crawls are let run: each one that
//! finishes passes `dragline verify`, and holds what an undisturbed crawl of the same document does.
//!
//! Deliberately not: what one crawl does under a kill ([`super::crash`]).

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
    time::{Duration, Instant},
};

use dragline::{
    shutdown::Tasks,
    vitro::{Options, Server, Web},
};
use serde_json::{Value, json};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
    sync::{Mutex, watch},
};

use super::{Args, Results, Violations, dice::Dice};
use crate::support::{
    daemon::{Daemon, config},
    ground::{Ground, reconciled},
};

/// Clients at once.
const CLIENTS: u64 = 4;
/// Crawls that a client has at most at a time.
const MAX_CRAWLS: usize = 12;
/// A call that takes longer is answered by nobody.
const PATIENCE: Duration = Duration::from_secs(20);

/// How a crawl is wanted to go on.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Wish {
    Run,
    Pause,
    Cancel,
    Gone,
}

impl Wish {
    /// Whether a crawl in `state` may be one that is wanted so. What runs may end by itself.
    fn fits(self, state: Option<&str>) -> bool {
        let ended = ["finished", "limit-reached"];
        match (self, state) {
            (Self::Gone, state) => state.is_none(),
            (_, None) => false,
            (Self::Run, Some(state)) => ["queued", "running"].contains(&state) || ended.contains(&state),
            (Self::Pause, Some(state)) => ["paused", "pausing"].contains(&state) || ended.contains(&state),
            (Self::Cancel, Some(state)) => ["cancelling", "cancelled"].contains(&state) || ended.contains(&state),
        }
    }
}

/// What a client knows of a crawl of its own.
#[derive(Debug, Clone)]
struct Known {
    /// By which it was made.
    word: String,
    /// None while nobody has answered.
    id: Option<String>,
    /// As last acknowledged.
    wish: Wish,
    /// Asked, and answered by nobody.
    doubt: Option<Wish>,
}

/// What a run did.
#[derive(Debug, Default, Clone)]
pub(crate) struct Tally {
    pub(crate) kills: u64,
    pub(crate) calls: u64,
    /// Calls that nobody answered because the daemon died.
    pub(crate) in_doubt: u64,
    pub(crate) acknowledged: u64,
    pub(crate) deleted: u64,
    pub(crate) finished: u64,
    pub(crate) cancelled: u64,
    pub(crate) records: u64,
}

/// A client and its crawls.
struct Client {
    number: u64,
    dice: Dice,
    crawls: Vec<Known>,
    n_made: u64,
    tally: Tally,
    document: Value,
}

/// Kills a daemon `kills` times. Gives what was done and what went wrong.
pub(crate) async fn play(seed: u64, kills: u64, mut each: impl FnMut(&Tally)) -> (Tally, Vec<String>) {
    let mut dice = Dice::new(seed);
    let options =
        Options { seed, n_hosts: 3, pages_per_host: 12, slow: Duration::ZERO, curios: false, ..Options::demo() };
    let server = Server::start(Arc::new(Web::new(options)), 0).await.unwrap();
    let document = json!({
        "seeds": {"urls": server.seeds()}, "scope": {"mode": "domain"}, "politeness": {"rate": "100/s"},
    });
    let ground = Ground::new();
    let settings = config()
        .set("daemon.running", 3)
        .set("frontier.commit_every", "40ms")
        .set("telemetry.log", "warn,dragline::cli=info");
    let mut daemon = Daemon::start(&ground, &settings).await;
    let (addr, addr_seen) = watch::channel(daemon.addr);
    let clients: Vec<_> = (0..CLIENTS)
        .map(|number| {
            let (dice, crawls, document) = (Dice::new(dice.next()), Vec::new(), document.clone());
            Arc::new(Mutex::new(Client { number, dice, crawls, n_made: 0, tally: Tally::default(), document }))
        })
        .collect();
    let mut violations = Vec::new();
    let mut tally = Tally::default();
    for _ in 0..kills {
        let tasks = Tasks::new();
        for client in &clients {
            let (client, addr) = (client.clone(), addr_seen.clone());
            tasks.spawn("client", async move {
                loop {
                    let mut client = client.lock().await;
                    let addr = *addr.borrow();
                    // A call is made to its end, or to the daemon's.
                    client.act(addr).await;
                    let pause = client.dice.below(20);
                    drop(client);
                    tokio::time::sleep(Duration::from_millis(pause)).await;
                }
            });
        }
        tokio::time::sleep(Duration::from_millis(50 + dice.below(1200))).await;
        daemon.kill().await;
        // What is under way ends with the connection; then nobody calls any more.
        let mut held = Vec::new();
        for client in &clients {
            held.push(client.lock().await);
        }
        drop(tasks);
        daemon = Daemon::start_again(&ground, "").await;
        addr.send_replace(daemon.addr);
        tally = Tally { kills: tally.kills + 1, ..Tally::default() };
        for client in &mut held {
            violations.extend(client.check(&daemon).await);
            tally.calls += client.tally.calls;
            tally.in_doubt += client.tally.in_doubt;
            tally.acknowledged += client.tally.acknowledged;
            tally.deleted += client.tally.deleted;
        }
        each(&tally);
        if violations.len() > 20 {
            break;
        }
    }
    violations.extend(finish(&daemon, &ground, &clients, &document, &mut tally).await);
    (tally, violations)
}

impl Client {
    /// One call, of whatever kind.
    async fn act(&mut self, addr: std::net::SocketAddr) {
        let roll = self.dice.below(100);
        if self.crawls.len() < MAX_CRAWLS && (self.crawls.is_empty() || roll < 30) {
            self.n_made += 1;
            let word = format!("client {} call {}", self.number, self.n_made);
            self.crawls.push(Known { word, id: None, wish: Wish::Run, doubt: None });
            return self.create(addr, self.crawls.len() - 1).await;
        }
        let n = usize::try_from(self.dice.below(self.crawls.len() as u64)).expect("few");
        let Some(id) = self.crawls[n].id.clone() else { return self.create(addr, n).await };
        let (method, what, wish) = match roll {
            0..40 => ("POST", "/pause", Wish::Pause),
            40..80 => ("POST", "/resume", Wish::Run),
            80..94 => ("POST", "/recrawl", Wish::Run),
            94..98 => ("POST", "/cancel", Wish::Cancel),
            _ => ("DELETE", "", Wish::Gone),
        };
        self.crawls[n].doubt = Some(wish);
        let answer = self.call(addr, method, &format!("/v1/crawls/{id}{what}"), "", "").await;
        let Some((status, _)) = answer else { return };
        let crawl = &mut self.crawls[n];
        crawl.doubt = None;
        if status == 200 || status == 204 {
            crawl.wish = wish;
        }
        if status == 204 {
            self.tally.deleted += 1;
        }
    }

    async fn create(&mut self, addr: std::net::SocketAddr, n: usize) {
        let word = self.crawls[n].word.clone();
        let lines = format!("Content-Type: application/json\r\nIdempotency-Key: {word}\r\n");
        let body = self.document.to_string();
        let Some((status, crawl)) = self.call(addr, "POST", "/v1/crawls", &lines, &body).await else { return };
        if status == 200 || status == 201 {
            self.crawls[n].id = crawl["id"].as_str().map(str::to_owned);
            self.tally.acknowledged += 1;
        }
    }

    async fn call(
        &mut self,
        addr: std::net::SocketAddr,
        method: &str,
        target: &str,
        lines: &str,
        body: &str,
    ) -> Option<(u16, Value)> {
        self.tally.calls += 1;
        let answer = tokio::time::timeout(PATIENCE, call(addr, method, target, lines, body)).await.ok().flatten();
        self.tally.in_doubt += u64::from(answer.is_none());
        answer
    }

    /// Holds what the daemon has against what it has acknowledged.
    async fn check(&mut self, daemon: &Daemon) -> Vec<String> {
        let mut violations = Vec::new();
        let mut ids = BTreeSet::new();
        for n in 0..self.crawls.len() {
            if self.crawls[n].id.is_none() {
                // Asked again, it is made now, or is there already.
                self.create(daemon.addr, n).await;
            }
            let Known { word, id, wish, doubt } = self.crawls[n].clone();
            let Some(id) = id else {
                violations.push(format!("{word}: can't be made"));
                continue;
            };
            if !ids.insert(id.clone()) {
                violations.push(format!("{word}: is a crawl that another call has made: {id}"));
            }
            let (status, crawl) = daemon.get(&format!("/v1/crawls/{id}")).await;
            let state = (status == 200).then(|| crawl["state"].as_str().unwrap_or_default().to_owned());
            let fitting = [Some(wish), doubt].into_iter().flatten().find(|wish| wish.fits(state.as_deref()));
            match fitting {
                Some(wish) => self.crawls[n].wish = wish,
                None => violations.push(format!(
                    "{word}: {state:?}, although {wish:?} was acknowledged, {doubt:?} in doubt: {crawl}"
                )),
            }
            self.crawls[n].doubt = None;
        }
        self.crawls.retain(|crawl| crawl.wish != Wish::Gone);
        violations
    }
}

async fn call(addr: std::net::SocketAddr, method: &str, target: &str, lines: &str, body: &str) -> Option<(u16, Value)> {
    let mut stream = TcpStream::connect(addr).await.ok()?;
    let length = if body.is_empty() { String::new() } else { format!("Content-Length: {}\r\n", body.len()) };
    let head = format!("{method} {target} HTTP/1.1\r\nHost: {addr}\r\nConnection: close\r\n{lines}{length}\r\n");
    stream.write_all(format!("{head}{body}").as_bytes()).await.ok()?;
    let mut answer = Vec::new();
    stream.read_to_end(&mut answer).await.ok()?;
    let text = String::from_utf8(answer).ok()?;
    let (head, body) = text.split_once("\r\n\r\n")?;
    let status: u16 = head.split(' ').nth(1)?.parse().ok()?;
    let body = serde_json::from_str(body);
    // Half an answer is none.
    if status == 204 { Some((status, Value::Null)) } else { Some((status, body.ok()?)) }
}

/// Lets all crawls run to their end, and looks at what they wrote.
async fn finish(
    daemon: &Daemon,
    ground: &Ground,
    clients: &[Arc<Mutex<Client>>],
    document: &Value,
    tally: &mut Tally,
) -> Vec<String> {
    let mut violations = Vec::new();
    let undisturbed = daemon.begin(document).await;
    daemon.until(&undisturbed, &["finished"]).await;
    let expected = reconciled(&daemon.out(&undisturbed));
    let mut known = BTreeMap::new();
    for client in clients {
        for crawl in &client.lock().await.crawls {
            known.extend(crawl.id.clone().map(|id| (id, crawl.wish)));
        }
    }
    let (_, listed) = daemon.get("/v1/crawls?limit=500").await;
    for crawl in listed["crawls"].as_array().into_iter().flatten() {
        let id = crawl["id"].as_str().unwrap_or_default();
        if id != undisturbed && !known.contains_key(id) {
            violations.push(format!("nobody has made {crawl}"));
        }
    }
    for (id, wish) in known {
        if wish == Wish::Cancel {
            tally.cancelled += 1;
            continue;
        }
        daemon.json("POST", &format!("/v1/crawls/{id}/resume"), None).await;
        let crawl = daemon.until(&id, &["finished", "failed"]).await;
        if crawl["state"] != "finished" {
            violations.push(format!("it has failed: {crawl}"));
            continue;
        }
        let out = daemon.out(&id);
        let verified = ground.run(&["verify", out.to_str().expect("UTF-8"), "--quiet"]).await;
        if verified.code != Some(0) {
            violations.push(format!("{id} does not verify: {verified:?}"));
        }
        let records = reconciled(&out);
        if !records.keys().eq(expected.keys()) {
            violations.push(format!("{id} holds other URLs than an undisturbed crawl"));
        }
        tally.finished += 1;
        tally.records += records.len() as u64;
    }
    violations
}

/// The long form.
#[expect(clippy::print_stdout, reason = "progress, for people")]
pub(crate) fn run(args: &Args, results: &mut Results) -> Result<(), Violations> {
    let (kills, seed) = (args.number("kills", 100), args.number("seed", 1));
    let runtime = tokio::runtime::Runtime::new().expect("a runtime");
    let began = Instant::now();
    let (tally, violations) = runtime.block_on(play(seed, kills, |tally| {
        let Tally { kills, calls, in_doubt, acknowledged, .. } = tally;
        let seconds = began.elapsed().as_secs();
        println!(
            "{seconds:>5} s  {kills} kills, {calls} calls, {in_doubt} in doubt, {acknowledged} crawls acknowledged"
        );
    }));
    let Tally { kills, calls, in_doubt, acknowledged, deleted, finished, cancelled, records } = tally;
    let line = json!({
        "command": "daemon", "seed": seed, "seconds": began.elapsed().as_secs(), "kills": kills, "calls": calls,
        "in_doubt": in_doubt, "acknowledged": acknowledged, "deleted": deleted, "finished": finished,
        "cancelled": cancelled, "records": records, "violations": violations,
    });
    println!("{line:#}");
    results.push(&line);
    if violations.is_empty() { Ok(()) } else { Err(Violations(violations)) }
}
