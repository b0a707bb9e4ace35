//! The command line from the outside: configuration errors, `check`, help, and files it prints.

use std::{fs, path::Path};

use assert_cmd::Command;
use dragline::config::{Environment, Flags, Sources};
use predicates::{prelude::PredicateBooleanExt, str::contains};
use tempfile::TempDir;

/// A folder with `files`, in which commands run.
fn folder(files: &[(&str, &str)]) -> TempDir {
    let dir = tempfile::tempdir().expect("a temporary folder");
    for (name, text) in files {
        fs::write(dir.path().join(name), text).expect("writable");
    }
    dir
}

/// The binary in `dir`, without anything of ours from the environment of the tests.
fn dragline(dir: &Path, args: &[&str]) -> Command {
    let mut command = Command::cargo_bin("dragline").expect("built");
    for (name, _) in std::env::vars_os() {
        if name.to_string_lossy().starts_with("DRAGLINE") {
            command.env_remove(name);
        }
    }
    command.env_remove("RUST_LOG").current_dir(dir).args(args);
    command
}

/// Standard output of a command that succeeds.
fn stdout(dir: &Path, args: &[&str]) -> String {
    let output = dragline(dir, args).assert().code(0).get_output().stdout.clone();
    String::from_utf8(output).expect("text")
}

/// What `check` complains of.
fn complaints(name: &str, text: &str) -> String {
    let dir = folder(&[(name, text)]);
    let output = dragline(dir.path(), &["check", name]).assert().code(2).stdout("").get_output().stderr.clone();
    String::from_utf8(output).expect("text")
}

const GOOD: &str = "[seeds]\nurls = [\"http://localhost/\"]\n";

#[test]
fn every_kind_of_error_at_once() {
    let text = r#"
[seeds]
urls = ["https://a.org", "ftp://b",
  "::"]
files = ["nope.txt"]

[scope]
mode = "galaxy"
include = ["re:(", "[a"]

[limits]
depht = 3
pages = "many"
url_length = 1

[fetch]
allow_addresses = ["10.0.0.0/99"]
timeout = 10
timout = "1s"
memory = "1 MiB"
headers = { Authorization = { env = "NOT_SET_ANYWHERE" }, Accept = 3, Host = "x" }
resolve = { "a.org" = "home" }

[telemetry]
log = "a=b=c"

[robots]
agent = "a bot/1"

[[host]]
match = "a b"
rat = "1/s"

[[host]]
rate = "1/s"

[sedes]
"#;
    insta::assert_snapshot!(complaints("bad.toml", text));
}

#[test]
fn yaml_and_json_name_lines_too() {
    let yaml = "seeds:\n  urls:\n    - http://localhost/\nlimits:\n  depht: 3\nhost:\n- match: x\n  burst: 0\ncache:\n";
    insta::assert_snapshot!(complaints("bad.yaml", yaml));
    let json = "{\n \"seeds\": {\"urls\": [\"http://localhost/\"]},\n \"limits\": {\n  \"depht\": 3,\n  \"pages\": null\n }\n}";
    insta::assert_snapshot!(complaints("bad.json", json));
}

#[test]
fn files_that_are_no_configuration() {
    insta::assert_snapshot!(complaints("syntax.toml", "[seeds]\nurls = [\n"));
    insta::assert_snapshot!(complaints("syntax.json", "{\n \"a\": }"));
    insta::assert_snapshot!(complaints("syntax.yaml", "a: b\n c: [\n"));
    insta::assert_snapshot!(complaints("format.ini", ""));
    insta::assert_snapshot!(complaints("empty.toml", ""));
    let dir = folder(&[]);
    dragline(dir.path(), &["run", "missing.toml"]).assert().code(2).stderr(contains("missing.toml: can't be read"));
}

#[test]
fn environment_and_flags_are_named() {
    let dir = folder(&[("good.toml", GOOD)]);
    dragline(dir.path(), &["check", "good.toml"])
        .env("DRAGLINE__LIMITS__DEPTH", "deep")
        .env("DRAGLINE__LIMIT__PAGES", "3")
        .env("RUST_LOG", "a=b=c")
        .assert()
        .code(2)
        .stderr(contains("environment DRAGLINE__LIMITS__DEPTH: limits.depth: expected a whole number"))
        .stderr(contains("environment DRAGLINE__LIMIT__PAGES: limit: unknown key; did you mean `limits`?"))
        .stderr(contains("environment RUST_LOG: telemetry.log: not a log filter"));
    dragline(dir.path(), &["crawl", "http://localhost/", "--rate", "fast", "--max-bytes=-1", "--exclude", "re:["])
        .assert()
        .code(2)
        .stderr(contains("flag --rate: politeness.rate: expected a rate"))
        .stderr(contains("flag --max-bytes: limits.bytes: expected a size"))
        .stderr(contains("flag --exclude: scope.exclude[0]: pattern `re:[`"));
    dragline(dir.path(), &["crawl", "nonsense"]).assert().code(2).stderr(contains("argument <URL>: seeds.urls[0]"));
    dragline(dir.path(), &["crawl", "--no-such-flag"]).assert().code(2);
    dragline(dir.path(), &[]).assert().code(2);
}

#[test]
fn a_mistake_in_the_file_is_told_though_a_flag_covers_it() {
    let dir = folder(&[("site.toml", &format!("{GOOD}[telemetry]\nprogress = \"allways\"\n"))]);
    dragline(dir.path(), &["run", "site.toml", "--progress", "never"])
        .assert()
        .code(2)
        .stderr(contains("site.toml:4: telemetry.progress: expected one of \"auto\", \"never\""));
}

#[test]
fn the_public_internet_needs_a_contact() {
    let dir = folder(&[("seeds.txt", "# public\nhttps://example.org/\n"), ("lab.txt", "http://10.0.0.1/\n")]);
    let refused = |args: &[&str]| {
        let args = [&["crawl", "--print-config"], args].concat();
        dragline(dir.path(), &args).assert().code(2).stderr(contains("--contact"));
    };
    let allowed = |args: &[&str]| drop(stdout(dir.path(), &[&["crawl", "--print-config"], args].concat()));
    refused(&["https://example.org/"]);
    refused(&["http://localhost/", "--sitemap", "https://example.org/sitemap.xml"]);
    refused(&["https://example.org/", "--user-agent", "mybot/1.0"]);
    refused(&["https://example.org/", "--contact", "nobody"]);
    allowed(&["https://example.org/", "--contact", "me@example.org"]);
    allowed(&["https://example.org/", "--user-agent", "mybot/1.0 (+https://example.org/bot)"]);
    allowed(&["http://127.0.0.1:8080/", "http://a.test/", "http://[::1]/"]);

    let check = |file: &str| {
        let mut command = dragline(dir.path(), &["check", "site.toml"]);
        fs::write(dir.path().join("site.toml"), format!("[seeds]\nfiles = [\"{file}\"]\n")).expect("writable");
        command.assert()
    };
    check("seeds.txt").code(2).stderr(contains("is needed to crawl example.org"));
    check("lab.txt").code(0);
}

#[test]
fn bad_lines_of_seed_files_are_told() {
    let dir = folder(&[
        ("seeds.txt", "http://localhost/\n\n  nonsense\n"),
        ("site.toml", "[seeds]\nfiles = [\"seeds.txt\"]\n"),
    ]);
    dragline(dir.path(), &["check", "site.toml"])
        .assert()
        .code(2)
        .stderr(contains("site.toml:2: seeds.files[0]: seeds.txt:3: `nonsense`: not a valid URL"));
}

#[test]
fn check_shows_values_and_origins() {
    let text = format!(
        "{GOOD}[limits]\ndepth = 3\npages = 10\n[fetch.headers]\nX-Token = {{ env = \"TOKEN\" }}\nCookie = \"sesame\"\nAccept = \"text/html\"\n\
         [[host]]\nmatch = \"(com,example,\"\nrate = \"30/m\"\n"
    );
    let dir = folder(&[("site.toml", &text)]);
    let output = dragline(dir.path(), &["check", "site.toml"])
        .env("TOKEN", "sesame")
        .env("DRAGLINE__LIMITS__PAGES", "20")
        .env("DRAGLINE__SCOPE__EXCLUDE", "*.zip, *.iso")
        .assert()
        .code(0)
        .get_output()
        .stdout
        .clone();
    let table = String::from_utf8(output).expect("text");
    assert!(!table.contains("sesame"), "a secret is shown");
    insta::assert_snapshot!(table.replace(env!("CARGO_PKG_VERSION"), "VERSION"));

    let output =
        dragline(dir.path(), &["check", "site.toml", "--format", "json"]).env("TOKEN", "sesame").assert().code(0);
    let rows: serde_json::Value = serde_json::from_slice(&output.get_output().stdout).expect("JSON");
    let depth = rows.as_array().into_iter().flatten().find(|row| row["key"] == "limits.depth");
    assert_eq!(depth, Some(&serde_json::json!({ "key": "limits.depth", "value": 3, "origin": "site.toml:4" })));
    assert!(!rows.to_string().contains("sesame"), "a secret is shown");
}

#[test]
fn a_printed_configuration_is_the_same_crawl() {
    let dir = folder(&[]);
    let args = [
        "crawl",
        "https://a.example/x?y",
        "http://localhost/",
        "--print-config",
        "--depth",
        "3",
        "--max-pages",
        "100",
        "--max-duration",
        "1h30m",
        "--max-bytes",
        "2 GiB",
        "--concurrency",
        "7",
        "--per-host",
        "2",
        "--rate",
        "30/m",
        "--robots",
        "ignore",
        "--allow-address",
        "loopback",
        "--allow-address",
        "10.0.0.0/8",
        "--include",
        "re:^http.*\\d",
        "--exclude",
        "*.pdf",
        "--scope",
        "any",
        "--output",
        "none",
        "--user-agent",
        "bot/1 (+https://a.example)",
        "--contact",
        "me@a.example",
        "--header",
        "X-A: \"quoted\" \\ text",
        "--sitemap",
        "https://a.example/s.xml",
        "--progress",
        "never",
    ];
    let printed = stdout(dir.path(), &args);
    fs::write(dir.path().join("other-name.toml"), &printed).expect("writable");
    let values = |text: &str| -> Vec<(String, String)> {
        let rows: serde_json::Value = serde_json::from_str(text).expect("JSON");
        let pair = |row: &serde_json::Value| (row["key"].to_string(), row["value"].to_string());
        rows.as_array().into_iter().flatten().map(pair).collect()
    };
    let from_file = values(&stdout(dir.path(), &["check", "other-name.toml", "--format", "json"]));
    let value = |key: &str| {
        let found = from_file.iter().find(|(name, _)| *name == format!("\"{key}\""));
        found.map(|(_, value)| value.as_str()).unwrap_or_default()
    };
    assert_eq!(value("job.name"), "\"a.example\"");
    assert_eq!(value("seeds.urls"), r#"["https://a.example/x?y","http://localhost/"]"#);
    assert_eq!(value("fetch.headers.x-a"), r#""\"quoted\" \\ text""#);
    insta::assert_snapshot!(printed);
}

#[test]
fn a_printed_configuration_comes_to_the_same_settings() {
    let mut flags = Flags::default();
    flags.set("seeds.urls", "<URL>", vec!["http://a.test/".to_owned()]);
    flags.set("limits.depth", "--depth", "3");
    flags.set("politeness.rate", "--rate", "unlimited");
    flags.set("fetch.headers.X-A", "--header", "b");
    flags.set("fetch.resolve.www.a.test", "--resolve", "127.0.0.1");
    let environment = Environment::given([
        ("DRAGLINE__HOST", "[{ match = '*.a.test', rate = '2/s' }, { match = '(com,b,', burst = 3 }]"),
        ("DRAGLINE__CACHE__ENABLED", "true"),
        ("DRAGLINE__LIMITS__DEPTH", "9"),
    ]);
    let first = Sources { environment, flags, ..Sources::default() }.load().expect("good");
    assert_eq!(first.settings.limits.depth, Some(3), "flags win over the environment");
    let dir = folder(&[("printed.toml", &first.to_toml())]);
    let file = Some(dir.path().join("printed.toml"));
    let none: [(&str, &str); 0] = [];
    let second = Sources { file, environment: Environment::given(none), ..Sources::default() }.load().expect("good");
    assert_eq!(format!("{:#?}", first.settings), format!("{:#?}", second.settings));
    assert_eq!(first.settings.fingerprint(), second.settings.fingerprint());
}

#[test]
fn a_printed_configuration_holds_no_secret() {
    let dir = folder(&[]);
    let args = ["crawl", "http://localhost/", "--print-config", "--header", "Authorization: Bearer sesame"];
    dragline(dir.path(), &args)
        .assert()
        .code(0)
        .stdout(contains("sesame").not().and(contains("authorization = { env = \"DRAGLINE_AUTHORIZATION\" }")));
}

#[test]
fn the_reference_is_complete_and_changes_nothing() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let committed = fs::read_to_string(root.join("config/reference.toml")).expect("there is one");
    let dir = folder(&[("plain.toml", GOOD)]);
    let made = stdout(dir.path(), &["check", "--reference"]);
    assert!(
        made == committed,
        "config/reference.toml is out of date: dragline check --reference > config/reference.toml"
    );

    // With seeds, which have no default, it comes to what the same seeds alone come to.
    let rows = |file: &str| {
        let output = dragline(dir.path(), &["check", file, "--format", "json"])
            .env("DRAGLINE__SEEDS__URLS", "http://localhost/")
            .env("DRAGLINE__JOB__NAME", "same")
            .assert()
            .code(0);
        let rows: Vec<serde_json::Value> = serde_json::from_slice(&output.get_output().stdout).expect("JSON");
        rows
    };
    fs::write(dir.path().join("reference.toml"), &committed).expect("writable");
    let (of_reference, of_nothing) = (rows("reference.toml"), rows("plain.toml"));
    assert_eq!(of_reference.len(), of_nothing.len());
    for (reference, plain) in of_reference.iter().zip(&of_nothing) {
        assert_eq!((&reference["key"], &reference["value"]), (&plain["key"], &plain["value"]));
        let key = reference["key"].as_str().expect("text");
        let origin = reference["origin"].as_str().expect("text");
        // Given by the environment, derived, or empty tables, which carry no origin.
        let is_elsewhere = matches!(
            key,
            "auth"
                | "client_certificate"
                | "host"
                | "key"
                | "job.name"
                | "webhook"
                | "job.out"
                | "seeds.urls"
                | "fetch.headers"
                | "fetch.resolve"
                | "traces.headers"
                | "traces.attributes"
        );
        assert!(is_elsewhere || origin.starts_with("reference.toml:"), "{key} is not in the reference: {origin}");
    }

    assert!(made.contains("\nheaders = {}\n") && made.contains("\nresolve = {}\n"));

    // The example of [[host]] is one, and has every key of the schema.
    let schema: serde_json::Value = serde_json::from_str(&stdout(dir.path(), &["check", "--schema"])).expect("JSON");
    let (_, example) = made.split_once("# [[host]]").expect("an example");
    let example: String =
        example.lines().map(|line| format!("{}\n", line.trim_start_matches('#').trim_start())).collect();
    for key in schema["properties"]["host"]["items"]["properties"].as_object().expect("keys").keys() {
        assert!(example.contains(&format!("\n{key} = ")), "host.{key} is not in the reference");
    }
}

#[test]
fn the_quickstart_is_good() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    dragline(root, &["check", "config/quickstart.toml"]).assert().code(0).stdout(contains("config/quickstart.toml:"));
}

#[test]
fn the_schema_documents_every_key() {
    let dir = folder(&[]);
    let schema: serde_json::Value = serde_json::from_str(&stdout(dir.path(), &["check", "--schema"])).expect("JSON");
    assert_eq!(schema["$schema"], "https://json-schema.org/draft/2020-12/schema");
    assert_eq!(schema["additionalProperties"], false);
    let mut n_keys = 0;
    for (name, section) in schema["properties"].as_object().expect("sections") {
        let section = section.get("items").unwrap_or(section);
        assert_eq!(section["additionalProperties"], false, "{name} lets unknown keys pass");
        for (key, node) in section["properties"].as_object().expect("keys") {
            n_keys += 1;
            assert_eq!(node["title"], format!("{name}.{key}"));
            assert!(node["description"].as_str().is_some_and(|text| text.len() > 10), "{name}.{key}");
            assert!(name == "host" || node.get("default").is_some(), "{name}.{key} has no default");
        }
    }
    assert!(n_keys > 60, "only {n_keys} keys");
    assert_eq!(schema["properties"]["limits"]["properties"]["url_length"]["maximum"], 65536);
}

#[test]
fn help_has_examples() {
    let dir = folder(&[]);
    let commands = ["", "run", "crawl", "fetch", "check", "demo", "vitro", "explain", "verify", "completions", "man"];
    let subjects = [
        "inspect",
        "inspect robots",
        "inspect url",
        "inspect links",
        "inspect sitemap",
        "inspect charset",
        "inspect guard",
        "healthcheck",
        "ctl",
        "ctl crawls",
        "ctl submit",
        "ctl show",
        "ctl watch",
        "ctl pause",
        "ctl resume",
        "ctl cancel",
        "ctl recrawl",
        "ctl delete",
        "ctl seeds",
        "ctl pages",
        "ctl receipt",
        "ctl get",
        "ctl fetch",
        "ctl explain",
        "ctl version",
    ];
    for command in commands.into_iter().chain(subjects) {
        let args: Vec<&str> = command.split_whitespace().chain(["--help"]).collect();
        let help = stdout(dir.path(), &args);
        assert!(help.contains("Examples:\n  "), "{command} has no examples");
        let name = if command.is_empty() { "dragline".to_owned() } else { command.replace(' ', "_") };
        insta::assert_snapshot!(format!("help_{name}"), help);
    }
}

#[test]
fn completions_for_every_shell() {
    let dir = folder(&[]);
    for shell in ["bash", "zsh", "fish", "elvish", "powershell"] {
        let script = stdout(dir.path(), &["completions", shell]);
        assert!(script.contains("allow-address") && script.contains("print-config"), "{shell}");
    }
    dragline(dir.path(), &["completions", "tcl"]).assert().code(2);
}

#[test]
fn man_pages() {
    let dir = folder(&[]);
    assert!(stdout(dir.path(), &["man"]).contains(".TH dragline 1"));
    stdout(dir.path(), &["man", "--dir", "man1"]);
    let pages = ["dragline.1", "dragline-run.1", "dragline-crawl.1", "dragline-check.1", "dragline-demo.1"];
    for page in pages.into_iter().chain([
        "dragline-inspect.1",
        "dragline-inspect-robots.1",
        "dragline-inspect-url.1",
        "dragline-healthcheck.1",
        "dragline-ctl.1",
        "dragline-ctl-watch.1",
        "dragline-ctl-get.1",
    ]) {
        let text = fs::read_to_string(dir.path().join("man1").join(page)).expect(page);
        assert!(text.contains(".SH \"EXAMPLES\"\n.nf\ndragline"), "{page} has no examples");
    }
}

#[test]
fn inspect_is_asked_wrongly() {
    let dir = folder(&[("r.txt", "User-agent: *\nDisallow: /x\n")]);
    let check = |args: &[&str], expected: &str| {
        let args: Vec<&str> = ["inspect"].iter().chain(args).copied().collect();
        dragline(dir.path(), &args).assert().code(2).stderr(contains(expected).and(contains("pw").not()));
    };
    check(&["links", "http://me:pw@h:99999/"], "invalid port");
    check(&["robots", "ftp://h/"], "scheme `ftp`");
    check(&["sitemap", "example.com"], "for a URL write https://example.com/");
    check(&["charset", "page.html"], "can't be read");
    for subject in ["robots", "url", "links", "sitemap", "charset"] {
        check(&[subject, "--batch", "r.txt"], "cannot be used with");
    }
    let broken = dragline(dir.path(), &["inspect", "url", "http://me:pw@h:x/"]).assert().code(2).get_output().clone();
    let text = String::from_utf8(broken.stdout).expect("text");
    assert!(text.starts_with("reference  http://h:x/\n") && text.contains("invalid port"), "{text}");
}

#[test]
fn a_batch_needs_bodies() {
    let dir = folder(&[]);
    for subject in ["links", "sitemap", "charset"] {
        let questions = "{\"body_base64\":null}\n{}\n[]\n\u{feff}\n";
        let mut command = dragline(dir.path(), &["inspect", subject, "--batch"]);
        let output = command.write_stdin(questions).assert().code(2).get_output().stdout.clone();
        let text = String::from_utf8(output).expect("text");
        assert_eq!(text.matches("`body_base64` is missing").count(), 2, "{text}");
        assert_eq!(text.matches("no JSON object").count(), 2, "{text}");
    }
}

#[test]
fn a_long_url_does_not_panic() {
    let dir = folder(&[("r.txt", "User-agent: *\nDisallow: /x\n")]);
    let url = format!("/{}", "a".repeat(65_535));
    assert!(stdout(dir.path(), &["inspect", "robots", "r.txt", "--url", &url]).contains("allowed"));
}
