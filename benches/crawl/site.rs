//! What is crawled: a server, the true set of its pages, and its log of requests.
//!
//! `docs` is the documentation that rustup installs with a toolchain, behind nginx, without the folder `core` (whose forty
//! thousand pages, most of them of processors' intrinsics, repeat what `std` says); `docs-all` is all of it. Which pages can be reached is said by
//! `tests/truth/reachable.py`, which shares nothing with dragline. `vitro` is the built-in web, a process of its own, which writes
//! down which of its pages can be reached.

use std::{
    collections::BTreeSet,
    fs::{self, File},
    io::{BufRead, BufReader, Read, Seek, SeekFrom},
    net::{Ipv4Addr, TcpListener, TcpStream},
    os::unix::fs::symlink,
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    thread,
    time::{Duration, Instant},
};

use rustix::process::{Resource, getrlimit};
use serde_json::Value;

use super::{Served, setup};

/// A server answers within this time or not at all.
const START_DEADLINE: Duration = Duration::from_secs(10);
/// How long nginx holds lines of its log back; the built-in web half a second.
const LOG_FLUSH: Duration = Duration::from_millis(200);
/// When all of a log is written for certain.
const LOG_WRITTEN: Duration = Duration::from_millis(700);

#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
pub(crate) enum SiteName {
    /// The Rust documentation without `core`, behind nginx
    Docs,
    /// All of it
    DocsAll,
    /// The built-in web
    Vitro,
}

impl SiteName {
    pub(crate) fn as_str(self) -> &'static str {
        match self {
            Self::Docs => "docs",
            Self::DocsAll => "docs-all",
            Self::Vitro => "vitro",
        }
    }
}

/// One request, as the server saw it.
#[derive(Debug, Clone)]
pub(crate) struct Hit {
    pub(crate) url: String,
    /// Whether it was a `GET` that was answered with a page.
    pub(crate) is_page: bool,
}

/// A built-in web that is asked for.
pub(crate) struct Vitro {
    /// The dragline that serves it.
    pub(crate) binary: PathBuf,
    /// What it is like.
    pub(crate) flags: Vec<String>,
    /// How results name it.
    pub(crate) label: String,
    /// Whether all of it is crawled: only then its true set is asked for.
    pub(crate) is_all: bool,
}

/// A running server. Killed when dropped.
pub(crate) struct Site {
    pub(crate) name: SiteName,
    /// As results name it.
    pub(crate) label: String,
    server: Child,
    seed: String,
    pages: BTreeSet<String>,
    log: PathBuf,
}

impl Site {
    pub(crate) fn serve(name: SiteName, args: &Served, scratch: &Path) -> Self {
        match name {
            SiteName::Docs | SiteName::DocsAll => Self::documentation(name, scratch),
            SiteName::Vitro => Self::vitro(&args.vitro(), scratch),
        }
    }

    fn documentation(name: SiteName, scratch: &Path) -> Self {
        let folder = scratch.join(name.as_str());
        let docs = documentation_folder();
        lay_out(&docs, &folder.join("www"), name);
        let port = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap().local_addr().unwrap().port();
        fs::write(folder.join("nginx.conf"), configuration(port)).unwrap();
        let server = start_nginx(&folder, port);
        let base = format!("http://127.0.0.1:{port}");
        let pages = reachable(&folder.join("www"), name).into_iter().map(|path| format!("{base}{path}")).collect();
        let (label, log) = (name.as_str().to_owned(), folder.join("access.log"));
        Self { name, label, server, seed: format!("{base}/index.html"), pages, log }
    }

    pub(crate) fn vitro(vitro: &Vitro, scratch: &Path) -> Self {
        let (log, urls) = (scratch.join("vitro.log"), scratch.join("vitro.urls.jsonl"));
        let mut command = Command::new(&vitro.binary);
        command.args(["vitro", "--listen", "127.0.0.1:0", "--json"]).args(&vitro.flags).arg("--log").arg(&log);
        if vitro.is_all {
            command.arg("--urls").arg(&urls);
        }
        let mut server = command.stdin(Stdio::null()).stdout(Stdio::piped()).spawn().unwrap();
        let mut line = String::new();
        BufReader::new(server.stdout.take().unwrap()).read_line(&mut line).unwrap();
        let hello: Value =
            serde_json::from_str(&line).unwrap_or_else(|error| panic!("dragline vitro: {error}: {line}"));
        let text = if vitro.is_all { fs::read_to_string(&urls).unwrap() } else { String::new() };
        let pages = text.lines().filter_map(vitro_page).collect();
        let (label, seed) = (vitro.label.clone(), hello["seed"].as_str().unwrap().to_owned());
        Self { name: SiteName::Vitro, label, server, seed, pages, log }
    }

    pub(crate) fn seed(&self) -> &str {
        &self.seed
    }

    /// The true set.
    pub(crate) fn pages(&self) -> &BTreeSet<String> {
        &self.pages
    }

    /// `host:port` of the seed.
    pub(crate) fn authority(&self) -> &str {
        self.seed.trim_start_matches("http://").split('/').next().unwrap()
    }

    /// How long the log is once everything before is in it.
    pub(crate) fn mark(&self) -> u64 {
        thread::sleep(LOG_WRITTEN);
        fs::metadata(&self.log).map_or(0, |it| it.len())
    }

    /// What was asked for since then.
    pub(crate) fn hits_since(&self, mark: u64) -> Vec<Hit> {
        self.mark();
        let mut text = String::new();
        let mut log = File::open(&self.log).unwrap();
        log.seek(SeekFrom::Start(mark)).unwrap();
        log.read_to_string(&mut text).unwrap();
        let port = self.authority().rsplit(':').next().unwrap();
        let is_vitro = self.name == SiteName::Vitro;
        text.lines().map(|line| if is_vitro { vitro_hit(line, port) } else { nginx_hit(line) }).collect()
    }
}

impl Drop for Site {
    fn drop(&mut self) {
        // Errors mean that it has ended already.
        let _ = self.server.kill();
        let _ = self.server.wait();
    }
}

/// Of a line of the format `hits`: `GET 200 text/html http://127.0.0.1:8080/a%20b?c`.
fn nginx_hit(line: &str) -> Hit {
    let fields: Vec<&str> = line.splitn(4, ' ').collect();
    let [method, status, kind, url] = fields[..] else { panic!("access log: {line}") };
    Hit { url: url.to_owned(), is_page: method == "GET" && status == "200" && kind.starts_with("text/html") }
}

/// Of a line of the built-in web's log: `{"host": "h0.vitro.test", "path": "/", "status": 200, …}`. It is asked by `GET` only.
fn vitro_hit(line: &str, port: &str) -> Hit {
    let json: Value = serde_json::from_str(line).unwrap_or_else(|error| panic!("{error}: {line}"));
    let text = |key: &str| json[key].as_str().unwrap_or_else(|| panic!("no {key}: {line}"));
    let is_page = json["status"] == 200 && text("path") != "/robots.txt";
    Hit { url: format!("http://{}:{port}{}", vitro_address(text("host")), text("path")), is_page }
}

/// The address of a host by its name: `h1.vitro.test` is 127.0.0.2.
fn vitro_address(name: &str) -> Ipv4Addr {
    let number = name.strip_prefix('h').and_then(|rest| rest.split('.').next()?.parse::<u32>().ok());
    let number = number.unwrap_or_else(|| panic!("not a host of the built-in web: {name}"));
    Ipv4Addr::from_bits(Ipv4Addr::LOCALHOST.to_bits() + number)
}

/// The URL of a page, of a line of what can be reached.
fn vitro_page(line: &str) -> Option<String> {
    let json: Value = serde_json::from_str(line).unwrap_or_else(|error| panic!("{error}: {line}"));
    (json["status"] == 200).then(|| json["url"].as_str().unwrap_or_else(|| panic!("no url: {line}")).to_owned())
}

/// Where rustup puts the documentation of the toolchain in use.
pub(crate) fn documentation_folder() -> PathBuf {
    let root = Command::new("rustc").args(["--print", "sysroot"]).output().unwrap().stdout;
    let docs = Path::new(String::from_utf8(root).unwrap().trim()).join("share/doc/rust/html");
    assert!(docs.join("index.html").is_file(), "{} is missing: rustup component add rust-docs", docs.display());
    docs
}

/// Links to everything that is served.
fn lay_out(docs: &Path, www: &Path, name: SiteName) {
    let _ = fs::remove_dir_all(www);
    fs::create_dir_all(www).unwrap();
    for entry in fs::read_dir(docs).unwrap() {
        let entry = entry.unwrap();
        if name == SiteName::DocsAll || entry.file_name() != "core" {
            symlink(entry.path(), www.join(entry.file_name())).unwrap();
        }
    }
}

/// Paths of all pages that can be reached. It takes minutes to find out, so it is remembered by the version of the documentation.
fn reachable(www: &Path, name: SiteName) -> Vec<String> {
    let version = Command::new("rustc").arg("--version").output().unwrap().stdout;
    let version = String::from_utf8(version).unwrap().trim().replace(|c: char| !c.is_ascii_alphanumeric(), "-");
    let known = setup::target().join(format!("{}-{version}.txt", name.as_str()));
    if !known.is_file() {
        println!("finding out which pages of {} can be reached …", name.as_str());
        let answer = Command::new(python())
            .args(["-B", concat!(env!("CARGO_MANIFEST_DIR"), "/tests/truth/reachable.py")])
            .arg(www)
            .args(["--base", "http://127.0.0.1/", "--start", "/index.html"])
            .stderr(Stdio::inherit())
            .output()
            .unwrap();
        assert!(answer.status.success(), "reachable.py failed");
        let lines = String::from_utf8(answer.stdout).unwrap();
        let pages: String = lines.lines().filter_map(page).map(|path| path + "\n").collect();
        fs::write(&known, pages).unwrap();
    }
    fs::read_to_string(&known).unwrap().lines().map(str::to_owned).collect()
}

/// The path of a URL that is a page, of a line of the script.
fn page(line: &str) -> Option<String> {
    let json: Value = serde_json::from_str(line).unwrap();
    let path = json["url"].as_str().unwrap().strip_prefix("http://127.0.0.1")?;
    let file = path.split('?').next().unwrap();
    let is_page = json["status"] == 200 && [".html", ".htm", "/"].iter().any(|end| file.ends_with(end));
    is_page.then(|| path.to_owned())
}

/// The first Python that has html5lib: Debian's, or the caller's own.
fn python() -> &'static str {
    let has_parser = |python: &&str| {
        Command::new(python).args(["-c", "import html5lib"]).output().is_ok_and(|it| it.status.success())
    };
    ["/usr/bin/python3", "python3"].into_iter().find(has_parser).expect("html5lib is missing: tests/run installs it")
}

fn start_nginx(folder: &Path, port: u16) -> Child {
    // Debian puts it where only root's PATH looks.
    let program = if Path::new("/usr/sbin/nginx").exists() { "/usr/sbin/nginx" } else { "nginx" };
    let mut nginx = Command::new(program)
        .args(["-e", "error.log", "-p"])
        .arg(folder)
        .arg("-c")
        .arg(folder.join("nginx.conf"))
        .stdin(Stdio::null())
        .spawn()
        .expect("nginx is missing: tests/run installs it");
    let deadline = Instant::now() + START_DEADLINE;
    while TcpStream::connect((Ipv4Addr::LOCALHOST, port)).is_err() {
        assert!(nginx.try_wait().unwrap().is_none() && Instant::now() < deadline, "nginx does not start");
        thread::sleep(Duration::from_millis(10));
    }
    nginx
}

/// One process without a master, so that killing it leaves nothing behind. Connections are never closed for having
/// served many requests; files stay open, as many as the system lets a process have beside its connections.
fn configuration(port: u16) -> String {
    let files = getrlimit(Resource::Nofile).current.unwrap_or(u64::MAX).saturating_sub(4096).clamp(256, 100_000);
    format!(
        r#"daemon off;
master_process off;
pid nginx.pid;
error_log error.log warn;
events {{ worker_connections 2048; }}
http {{
    types {{
        text/html html htm;
        text/plain txt;
        text/css css;
        text/javascript js;
        application/json json;
        application/pdf pdf;
        application/xml xml;
        image/png png;
        image/svg+xml svg;
        font/woff2 woff2;
    }}
    default_type application/octet-stream;
    sendfile on;
    tcp_nopush on;
    keepalive_requests 10000000;
    keepalive_timeout 60s;
    open_file_cache max={files} inactive=10m;
    open_file_cache_valid 10m;
    log_format hits '$request_method $status $sent_http_content_type http://127.0.0.1:{port}$request_uri';
    access_log access.log hits buffer=256k flush={flush}ms;
    client_body_temp_path tmp; proxy_temp_path tmp; fastcgi_temp_path tmp; uwsgi_temp_path tmp; scgi_temp_path tmp;
    server {{
        listen 127.0.0.1:{port} backlog=1024;
        root www;
        index index.html;
    }}
}}
"#,
        flush = LOG_FLUSH.as_millis()
    )
}
