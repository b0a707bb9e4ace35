//! A real browser: Chromium without a window, driven over the WebDriver protocol (W3C) by chromedriver.
//!
//! Driver and browser are a process group of their own, which ends when this is dropped.

use std::{net::SocketAddr, path::Path, process::Stdio, time::Duration};

use base64::{Engine as _, engine::general_purpose::STANDARD as BASE64};
use rustix::process::{Pid, Signal, kill_process_group};
use serde_json::{Value, json};
use tempfile::TempDir;
use tokio::{
    io::{AsyncBufReadExt, BufReader},
    process::{Child, Command},
};

use super::client::Client;

/// Named in what fails without it.
const HOW: &str = "run tests/run, which installs it, or: apt-get install chromium chromium-driver";
/// How often a page is looked at.
const LOOK_EVERY: Duration = Duration::from_millis(50);
/// What takes longer never comes.
const PATIENCE: Duration = Duration::from_secs(60);

pub(crate) struct Browser {
    driver: Child,
    addr: SocketAddr,
    session: String,
    _profile: TempDir,
}

impl Browser {
    /// Starts one with a profile that nobody has used.
    pub(crate) async fn start() -> Self {
        let mut driver = Command::new("chromedriver")
            .arg("--port=0")
            .process_group(0)
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .unwrap_or_else(|error| panic!("chromedriver does not start ({error}): {HOW}"));
        let mut lines = BufReader::new(driver.stdout.take().unwrap()).lines();
        let port = loop {
            let line = tokio::time::timeout(PATIENCE, lines.next_line()).await.expect("it starts in time").unwrap();
            let line = line.unwrap_or_else(|| panic!("chromedriver ended before it listened: {HOW}"));
            let found = line.split_once("started successfully on port ").map(|(_, port)| port.trim_end_matches('.'));
            if let Some(port) = found {
                break port.parse().unwrap();
            }
        };
        let profile = tempfile::tempdir().unwrap();
        let folder = format!("--user-data-dir={}", profile.path().display());
        let flags = [
            "--headless=new",
            "--no-sandbox",
            "--disable-gpu",
            "--disable-quic",
            "--no-first-run",
            "--disable-background-networking",
            "--disable-component-update",
            "--disable-sync",
            "--disable-dev-shm-usage",
            "--hide-scrollbars",
            "--window-size=1280,900",
            &folder,
        ];
        let wanted = json!({"capabilities": {"alwaysMatch": {
            "goog:chromeOptions": {"args": flags},
            "goog:loggingPrefs": {"browser": "ALL"},
        }}});
        let addr = SocketAddr::from(([127, 0, 0, 1], port));
        let mut browser = Self { driver, addr, session: String::new(), _profile: profile };
        let made = browser.call("POST", "/session", &wanted).await;
        let session = made["sessionId"].as_str().unwrap_or_else(|| panic!("Chromium does not start ({made}): {HOW}"));
        browser.session = session.to_owned();
        browser
    }

    async fn call(&self, method: &str, target: &str, body: &Value) -> Value {
        let (lines, body) = match method {
            "GET" | "DELETE" => ("", String::new()),
            _ => ("Content-Type: application/json\r\n", body.to_string()),
        };
        let lines = format!("Connection: close\r\n{lines}");
        let answer = async {
            let mut client = Client::connect(self.addr).await;
            client.call(method, &self.addr.to_string(), target, &lines, body.as_bytes()).await
        };
        let got = tokio::time::timeout(PATIENCE, answer).await.expect("the driver answers in time");
        let mut value: Value = serde_json::from_slice(&got.body).unwrap_or_default();
        value["value"].take()
    }

    /// A command of the session. Fails if the browser says no.
    #[track_caller]
    fn command(&self, what: &str, body: &Value) -> impl Future<Output = Value> {
        let (at, target) = (std::panic::Location::caller(), format!("/session/{}/{what}", self.session));
        async move {
            let value = self.call("POST", &target, body).await;
            assert!(value.get("error").is_none(), "{what} {body} at {at}: {}", value["message"]);
            value
        }
    }

    pub(crate) async fn open(&self, url: &str) {
        self.command("url", &json!({"url": url})).await;
    }

    /// What a script on the page returns.
    pub(crate) async fn run(&self, script: &str) -> Value {
        self.command("execute/sync", &json!({"script": script, "args": []})).await
    }

    async fn element(&self, css: &str) -> String {
        let found = self.command("element", &json!({"using": "css selector", "value": css})).await;
        let id = found.as_object().and_then(|it| it.values().next()).and_then(Value::as_str);
        id.unwrap_or_else(|| panic!("no {css}")).to_owned()
    }

    /// Types into a field.
    pub(crate) async fn type_in(&self, css: &str, text: &str) {
        let element = self.element(css).await;
        self.command(&format!("element/{element}/value"), &json!({"text": text})).await;
    }

    pub(crate) async fn click(&self, css: &str) {
        let element = self.element(css).await;
        self.command(&format!("element/{element}/click"), &json!({})).await;
    }

    /// Presses keys wherever the focus is; what is no character has a code point of its own (WebDriver, section 17.4.2).
    pub(crate) async fn press(&self, keys: &str) {
        let strokes = keys.chars().flat_map(|key| ["keyDown", "keyUp"].map(|kind| json!({"type": kind, "value": key})));
        let keyboard = json!({"type": "key", "id": "keyboard", "actions": strokes.collect::<Vec<_>>()});
        self.command("actions", &json!({"actions": [keyboard]})).await;
    }

    /// The text that is seen of an element.
    pub(crate) async fn text(&self, css: &str) -> String {
        let script = format!("return document.querySelector({})?.innerText ?? ''", json!(css));
        self.run(&script).await.as_str().unwrap_or_default().to_owned()
    }

    /// Waits until a script returns true.
    #[track_caller]
    pub(crate) fn until(&self, script: &str) -> impl Future<Output = ()> {
        let (at, script) = (std::panic::Location::caller(), script.to_owned());
        async move {
            let wait = async {
                while self.run(&script).await != json!(true) {
                    tokio::time::sleep(LOOK_EVERY).await;
                }
            };
            let came = tokio::time::timeout(PATIENCE, wait).await.is_ok();
            assert!(came, "never {script} at {at}: {}", self.text("body").await);
        }
    }

    async fn devtools(&self, command: &str, params: Value) -> Value {
        self.command("goog/cdp/execute", &json!({"cmd": command, "params": params})).await
    }

    /// A window of this width, as of a phone if it is narrow.
    pub(crate) async fn resize(&self, width: u32, height: u32) {
        let metrics = json!({"width": width, "height": height, "deviceScaleFactor": 1, "mobile": width < 600});
        self.devtools("Emulation.setDeviceMetricsOverride", metrics).await;
    }

    /// Whether people want it dark.
    pub(crate) async fn darken(&self, is_dark: bool) {
        let value = if is_dark { "dark" } else { "light" };
        let features = json!({"features": [{"name": "prefers-color-scheme", "value": value}]});
        self.devtools("Emulation.setEmulatedMedia", features).await;
    }

    /// From the next page on no script of a page is run; those of [`Browser::run`] are.
    pub(crate) async fn forbid_scripts(&self) {
        self.devtools("Emulation.setScriptExecutionDisabled", json!({"value": true})).await;
    }

    /// A picture of the whole page.
    pub(crate) async fn picture(&self, file: &Path) {
        let taken = self.devtools("Page.captureScreenshot", json!({"captureBeyondViewport": true})).await;
        std::fs::write(file, BASE64.decode(taken["data"].as_str().unwrap()).unwrap()).unwrap();
    }

    /// What the browser has complained of since it was asked last.
    pub(crate) async fn complaints(&self) -> Vec<String> {
        let log = self.command("se/log", &json!({"type": "browser"})).await;
        log.as_array().unwrap().iter().map(|entry| entry["message"].as_str().unwrap().to_owned()).collect()
    }
}

impl Drop for Browser {
    fn drop(&mut self) {
        let group = self.driver.id().and_then(|id| Pid::from_raw(id.cast_signed()));
        if let Some(group) = group {
            let _ = kill_process_group(group, Signal::KILL);
        }
    }
}
