//! The built program as a daemon, and calls of its API by a client that shares no code with it.

use std::{
    net::SocketAddr,
    path::PathBuf,
    sync::{Arc, Mutex},
    time::Duration,
};

use dragline::shutdown::Tasks;
use serde_json::{Value, json};
use tokio::{
    io::{AsyncBufReadExt, BufReader},
    process::Child,
};

use super::{
    binary::signal,
    client::{Client, Got},
    ground::{Config, Ground},
};

/// How often a crawl is looked at.
const LOOK_EVERY: Duration = Duration::from_millis(20);
/// What takes longer never comes.
const PATIENCE: Duration = Duration::from_secs(60);

/// A daemon, killed when it is dropped.
pub(crate) struct Daemon {
    pub(crate) child: Child,
    pub(crate) addr: SocketAddr,
    pub(crate) log: Arc<Mutex<Vec<String>>>,
    data: PathBuf,
    /// Sent with every call.
    pub(crate) lines: String,
    /// Whoever reads its log.
    _tasks: Tasks,
}

/// For loopback, fast, with a cache: what a daemon of a test has in common for all of its crawls.
pub(crate) fn config() -> Config {
    Config::new(Vec::<String>::new())
        .without("seeds.urls")
        .without("job.out")
        .set("daemon.data", "data")
        .set("daemon.listen", "127.0.0.1:0")
        .set("fetch.resolve", json!({"*.vitro.test": "127.0.0.1"}))
        .set("politeness.crawl_delay", false)
        .set("cache.enabled", true)
        .set("shutdown.deadline", "5s")
        .set("telemetry.format", "json")
        .set("telemetry.log", "info")
}

impl Daemon {
    /// Starts one as `config` says, and waits until it listens.
    pub(crate) async fn start(ground: &Ground, config: &Config) -> Self {
        ground.write("daemon.toml", config.toml());
        Self::start_again(ground, "").await
    }

    /// Starts one as the file of the one before says.
    pub(crate) async fn start_again(ground: &Ground, failpoints: &str) -> Self {
        let mut command = ground.command(&["serve", "--config", "daemon.toml"]);
        let mut child = command.env("FAILPOINTS", failpoints).spawn().expect("the program starts");
        let mut lines = BufReader::new(child.stderr.take().expect("it is piped")).lines();
        let log = Arc::new(Mutex::new(Vec::new()));
        let addr = loop {
            let line = tokio::time::timeout(PATIENCE, lines.next_line()).await.expect("it starts in time").unwrap();
            let line = line.unwrap_or_else(|| panic!("the daemon ended: {:?}", log.lock().unwrap()));
            let said: Value = serde_json::from_str(&line).unwrap_or_default();
            log.lock().unwrap().push(line);
            if let Some(addr) = said["address"].as_str().or(said["fields"]["address"].as_str()) {
                break addr.parse().expect("an address");
            }
        };
        let heard = log.clone();
        let tasks = Tasks::new();
        tasks.spawn("log", async move {
            while let Ok(Some(line)) = lines.next_line().await {
                heard.lock().unwrap().push(line);
            }
        });
        Self { child, addr, log, data: ground.path("data"), lines: String::new(), _tasks: tasks }
    }

    /// The same daemon, called with another key.
    pub(crate) fn with_key(&mut self, key: &str) {
        self.lines = format!("Authorization: Bearer {key}\r\n");
    }

    /// One call on a connection of its own, with further header lines.
    pub(crate) async fn call(&self, method: &str, target: &str, lines: &str, body: &[u8]) -> Got {
        let lines = format!("Connection: close\r\n{}{lines}", self.lines);
        Client::connect(self.addr).await.call(method, &self.addr.to_string(), target, &lines, body).await
    }

    /// The same with JSON both ways.
    pub(crate) async fn json(&self, method: &str, target: &str, body: Option<&Value>) -> (u16, Value) {
        let (lines, body) = match body {
            Some(body) => ("Content-Type: application/json\r\n", body.to_string()),
            None => ("", String::new()),
        };
        let got = self.call(method, target, lines, body.as_bytes()).await;
        (got.status, serde_json::from_slice(&got.body).unwrap_or_default())
    }

    pub(crate) async fn get(&self, target: &str) -> (u16, Value) {
        self.json("GET", target, None).await
    }

    /// Begins a crawl, and gives its id.
    #[track_caller]
    pub(crate) fn begin(&self, document: &Value) -> impl Future<Output = String> {
        let at = std::panic::Location::caller();
        async move {
            let (status, crawl) = self.json("POST", "/v1/crawls", Some(document)).await;
            assert_eq!(status, 201, "{crawl} at {at}");
            crawl["id"].as_str().unwrap().to_owned()
        }
    }

    /// Waits until a crawl is in one of these states.
    #[track_caller]
    pub(crate) fn until(&self, id: &str, states: &[&str]) -> impl Future<Output = Value> {
        let at = std::panic::Location::caller();
        async move {
            let mut last = Value::Null;
            let wait = async {
                loop {
                    let (_, crawl) = self.get(&format!("/v1/crawls/{id}")).await;
                    if states.iter().any(|state| crawl["state"] == *state) {
                        return crawl;
                    }
                    last = crawl;
                    tokio::time::sleep(LOOK_EVERY).await;
                }
            };
            let found = tokio::time::timeout(PATIENCE, wait).await;
            found.unwrap_or_else(|_| panic!("never {states:?} at {at}: {last}"))
        }
    }

    /// The output folder of a crawl.
    pub(crate) fn out(&self, id: &str) -> PathBuf {
        self.data.join("crawls").join(id).join("out")
    }

    /// Asks it to stop, and gives the exit code.
    pub(crate) async fn stop(mut self) -> Option<i32> {
        signal(&self.child, "TERM").await;
        let ended = tokio::time::timeout(PATIENCE, self.child.wait()).await;
        ended.expect("it stops in time").unwrap().code()
    }

    /// Kills it.
    pub(crate) async fn kill(mut self) {
        self.child.kill().await.unwrap();
    }

    /// Whether anything it has logged so far holds `text`.
    pub(crate) fn has_logged(&self, text: &str) -> bool {
        self.log.lock().unwrap().iter().any(|line| line.contains(text))
    }
}
