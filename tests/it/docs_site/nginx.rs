//! A site behind Debian's nginx, for one test: private folder, private port, own access log.
//!
//! nginx runs as one process of the invoking user without a master, so that it can read the test's
//! folder, and that killing it leaves nothing behind. Deliberately not configured beyond types and
//! logging: what it answers is what a plain static server answers.

use std::{
    fs,
    io::{Read, Write},
    net::{Ipv4Addr, TcpListener, TcpStream},
    os::unix::fs::symlink,
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    thread,
    time::{Duration, Instant},
};

use tempfile::TempDir;

/// How often a port that somebody else took first is exchanged for another.
const MAX_PORTS_TRIED: usize = 5;
/// nginx answers within this time or not at all.
const START_DEADLINE: Duration = Duration::from_secs(10);

/// The path prefix that the site's robots.txt closes.
pub(super) const CLOSED: &str = "/closed/";

/// The front page: a link of every kind, some of them into the void, and the documentation.
const PORCH: &str = include_str!("porch.html");

/// The pages that the porch leads to, below `/porch/`.
const PORCH_PAGES: [(&str, &str); 5] = [
    ("next.html", "<meta http-equiv=Refresh content='0; refreshed.html'>"),
    ("refreshed.html", "<p>No links.</p>"),
    (
        "base.html",
        "<base href=/docs/><a href=../porch/area.html>seen</a><base href=/nowhere/><a href=void.html>void</a>",
    ),
    ("area.html", "<textarea><a href=in-textarea.html></textarea><a href=http:../porch/>seen</a>"),
    ("frame.html", "<a href=//[broken>invalid</a><a href='javascript:x()'>script</a><a href>seen</a>"),
];

/// A running nginx. Killed when dropped.
pub(super) struct Site {
    folder: TempDir,
    port: u16,
    nginx: Child,
}

/// One line of the access log.
#[derive(Debug)]
pub(super) struct Hit {
    /// Unix time, seconds.
    pub(super) at: f64,
    /// nginx's number of the connection.
    pub(super) connection: u64,
    /// Of the answer.
    pub(super) status: u16,
    /// `GET`.
    pub(super) method: String,
    /// The request's target as sent: path and query.
    pub(super) target: String,
}

impl Site {
    /// Serves the porch with the documentation in `docs` below it.
    ///
    /// # Panics
    /// With what to install when nginx or the documentation is missing.
    pub(super) fn serve(docs: &str) -> Self {
        assert!(Path::new(docs).join("index.html").is_file(), "{docs} is missing: run tests/run, which installs it");
        let folder = tempfile::tempdir().expect("a folder for temporary files");
        let www = folder.path().join("www");
        fs::create_dir_all(www.join("porch")).expect("writable");
        symlink(fs::canonicalize(docs).expect("it is there"), www.join("docs")).expect("writable");
        fs::write(www.join("index.html"), PORCH).expect("writable");
        fs::write(www.join("robots.txt"), format!("User-agent: *\nDisallow: {CLOSED}\n")).expect("writable");
        for (name, html) in PORCH_PAGES {
            fs::write(www.join("porch").join(name), html).expect("writable");
        }
        for _ in 0..MAX_PORTS_TRIED {
            let port = free_port();
            if let Some(nginx) = start(folder.path(), port) {
                return Self { folder, port, nginx };
            }
        }
        panic!("nginx does not start: {}", fs::read_to_string(folder.path().join("error.log")).unwrap_or_default());
    }

    /// `http://127.0.0.1:port/`.
    pub(super) fn base(&self) -> String {
        format!("http://127.0.0.1:{}/", self.port)
    }

    /// The status of one request, made by hand.
    pub(super) fn head(&self, target: &str) -> u16 {
        let mut stream = TcpStream::connect((Ipv4Addr::LOCALHOST, self.port)).expect("nginx listens");
        write!(stream, "HEAD {target} HTTP/1.0\r\n\r\n").expect("nginx reads");
        let mut answer = String::new();
        stream.read_to_string(&mut answer).expect("nginx answers");
        let status = answer.split(' ').nth(1).and_then(|code| code.parse().ok());
        status.unwrap_or_else(|| panic!("{target}: no status in {answer}"))
    }

    /// The folder that is served.
    pub(super) fn root(&self) -> PathBuf {
        self.folder.path().join("www")
    }

    /// A folder that lives as long as the site, for outputs.
    pub(super) fn scratch(&self) -> &Path {
        self.folder.path()
    }

    /// What was asked for so far, in order.
    pub(super) fn hits(&self) -> Vec<Hit> {
        let log = fs::read_to_string(self.folder.path().join("access.log")).expect("nginx writes it");
        log.lines().map(parse_hit).collect()
    }
}

impl Drop for Site {
    fn drop(&mut self) {
        // Errors mean that it has ended already.
        let _ = self.nginx.kill();
        let _ = self.nginx.wait();
    }
}

fn free_port() -> u16 {
    let socket = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).expect("loopback");
    socket.local_addr().expect("bound").port()
}

/// Starts nginx and waits until it accepts; `None` when it ended instead.
fn start(folder: &Path, port: u16) -> Option<Child> {
    let config = folder.join("nginx.conf");
    fs::write(&config, configuration(port)).expect("writable");
    let mut nginx = spawn(folder, &config);
    let deadline = Instant::now() + START_DEADLINE;
    while Instant::now() < deadline {
        if nginx.try_wait().expect("our child").is_some() {
            return None;
        }
        if TcpStream::connect((Ipv4Addr::LOCALHOST, port)).is_ok() {
            // Somebody else may have taken the port; then nginx is about to end.
            thread::sleep(Duration::from_millis(50));
            return nginx.try_wait().expect("our child").is_none().then_some(nginx);
        }
        thread::sleep(Duration::from_millis(10));
    }
    let _ = nginx.kill();
    let _ = nginx.wait();
    None
}

fn spawn(folder: &Path, config: &Path) -> Child {
    // Debian puts it where only root's PATH looks.
    for program in ["nginx", "/usr/sbin/nginx"] {
        let child = Command::new(program)
            .args(["-e", "error.log", "-p"])
            .arg(folder)
            .arg("-c")
            .arg(config)
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn();
        if let Ok(child) = child {
            return child;
        }
    }
    panic!("nginx is missing: install nginx-light, or run tests/run, which does");
}

/// Relative paths in it are relative to the prefix, the test's folder.
fn configuration(port: u16) -> String {
    format!(
        r#"daemon off;
master_process off;
pid nginx.pid;
error_log error.log warn;
events {{ worker_connections 256; }}
http {{
    types {{
        text/html html htm;
        text/plain txt;
        text/css css;
        text/javascript js;
        application/json json;
        application/pdf pdf;
        application/xml xml;
        image/gif gif;
        image/png png;
        image/svg+xml svg;
        image/x-icon ico;
    }}
    default_type application/octet-stream;
    log_format hits '$msec $connection $status $request';
    access_log access.log hits;
    client_body_temp_path tmp; proxy_temp_path tmp; fastcgi_temp_path tmp; uwsgi_temp_path tmp; scgi_temp_path tmp;
    server {{
        listen 127.0.0.1:{port};
        root www;
        index index.html;
    }}
}}
"#
    )
}

/// Reads a line of the format `hits`: `1700000000.123 7 200 GET /a%20b?c HTTP/1.1`.
fn parse_hit(line: &str) -> Hit {
    let fields: Vec<&str> = line.split(' ').collect();
    let [at, connection, status, method, target, _version] = fields[..] else { panic!("access log: {line}") };
    Hit {
        at: at.parse().expect("$msec"),
        connection: connection.parse().expect("$connection"),
        status: status.parse().expect("$status"),
        method: method.to_owned(),
        target: target.to_owned(),
    }
}
