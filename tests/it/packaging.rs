//! What is in `docker/`, as far as it can be tried without an engine, a service manager or a registry: the image's build
//! has all that it needs, and commands and variables mean something to the program. That what is watched exists, `daemon/metrics.rs` tells.

use std::{fs, os::unix::fs::PermissionsExt, path::Path, process::Command};

use crate::support::ground::Ground;

const DOCKERFILE: &str = include_str!("../../Dockerfile");
const UNIT: &str = include_str!("../../docker/dragline.service");
const DAEMON: &str = include_str!("../../docker/daemon.compose.yaml");
const CRAWL: &str = include_str!("../../docker/compose.yaml");

/// Stands for cargo: has it read the manifest with every target that must be there, and then fail for want of a binary
/// that there is not, before it compiles anything; and leaves what a build leaves.
const CARGO: &str = r#"#!/bin/sh
"$REAL_CARGO" build --offline --locked --bin no-such 2>said
grep -q no-such said || { cat said >&2; exit 1; }
mkdir -p target/release/.fingerprint/dragline-0
printf '#!/bin/sh\n' >target/release/dragline
chmod +x target/release/dragline
"#;

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

/// The instructions of the Dockerfile's first stage, each on one line.
fn build_stage() -> Vec<String> {
    let lines = DOCKERFILE.lines().filter(|line| !line.starts_with('#')).collect::<Vec<_>>().join("\n");
    let stage = lines.replace("\\\n", " ");
    let stages: Vec<&str> = stage.split("\nFROM ").collect();
    assert_eq!(stages.len(), 3, "an image to build in, and one to run");
    stages[1].lines().map(ToOwned::to_owned).collect()
}

/// `COPY` from the build context, which has what `.dockerignore` lets in and nothing else.
fn copy(names: &str, to: &Path) {
    let context = fs::read_to_string(root().join(".dockerignore")).unwrap();
    let names: Vec<&str> = names.split_whitespace().collect();
    let (target, names) = names.split_last().unwrap();
    for name in names {
        assert!(context.lines().any(|line| line.strip_prefix('!') == Some(name)), "{name} is not in the context");
        let copied = Command::new("cp").arg("-r").arg(root().join(name)).arg(to.join(target)).status().unwrap();
        assert!(copied.success(), "COPY {name} {target}");
    }
}

#[test]
fn the_image_is_built_from_all_that_it_needs() {
    let ground = Ground::new();
    let (bin, build) = (ground.path("bin"), ground.path("build"));
    fs::create_dir(&bin).unwrap();
    fs::create_dir(&build).unwrap();
    for (name, text) in [("cargo", CARGO), ("apk", "#!/bin/sh\n")] {
        fs::write(bin.join(name), text).unwrap();
        fs::set_permissions(bin.join(name), fs::Permissions::from_mode(0o755)).unwrap();
    }
    let mut n_run = 0;
    for line in build_stage() {
        if let Some(script) = line.strip_prefix("RUN ") {
            let mut shell = Command::new("sh");
            shell.args(["-ec", &format!("PATH={}:$PATH; {script}", bin.display())]);
            shell.current_dir(&build).env("REAL_CARGO", env!("CARGO"));
            let ran = shell.output().unwrap();
            assert!(ran.status.success(), "RUN {script}\n{}", String::from_utf8_lossy(&ran.stderr));
            n_run += 1;
        } else if let Some(names) = line.strip_prefix("COPY ") {
            copy(names, &build);
        }
    }
    assert_eq!(n_run, 3);
    // The sources are there at the end, and not what stood for them.
    assert!(build.join("src/main.rs").metadata().unwrap().len() > 100);
}

/// The variables of a unit (`Environment=NAME=value`) or of a compose file (`NAME: value`) that are meant for dragline; those
/// that are taken from the environment as they are without it (`${NAME:-value}`).
fn variables(text: &str) -> Vec<(&str, &str)> {
    let meant = text.lines().map(|line| line.trim().trim_start_matches("Environment="));
    let meant = meant.filter(|line| line.starts_with("DRAGLINE__"));
    meant.map(|line| line.split_once(": ").or_else(|| line.split_once('=')).unwrap()).map(without).collect()
}

fn without<'a>((name, value): (&'a str, &'a str)) -> (&'a str, &'a str) {
    let expanded = value.strip_prefix("${").and_then(|it| it.strip_suffix('}')?.split_once(":-"));
    (name, expanded.map_or(value, |(_, value)| value))
}

#[tokio::test(flavor = "multi_thread")]
async fn commands_and_variables_are_understood() {
    let ground = Ground::new();
    let key = ground.run(&["key", "me"]).await.with(0).stdout;
    ground.write("daemon.toml", format!("{}{key}", include_str!("../../config/daemon.toml")));
    ground.write("job.toml", include_str!("../../config/quickstart.toml"));
    for (text, command) in [
        (UNIT, "ExecStart=/usr/local/bin/dragline serve --config /etc/dragline/daemon.toml\n"),
        (UNIT, "ExecReload=/usr/local/bin/dragline serve --config /etc/dragline/daemon.toml --check\n"),
        (DAEMON, r#"command: ["serve", "--config", "/etc/dragline/daemon.toml"]"#),
        (DAEMON, r#"test: ["CMD", "/dragline", "healthcheck"]"#),
        (CRAWL, r#"command: ["run", "/etc/dragline/job.toml"]"#),
        (CRAWL, "target: /etc/dragline/job.toml\n"),
    ] {
        assert!(text.contains(command), "what is tried below is not what is shipped any more: {command}");
    }
    for (text, args) in [
        (UNIT, &["serve", "--config", "daemon.toml", "--check"][..]),
        (DAEMON, &["serve", "--config", "daemon.toml", "--check"]),
        (CRAWL, &["check", "job.toml"]),
    ] {
        let variables = variables(text);
        assert!(!variables.is_empty());
        let child = ground.command(args).envs(variables.clone()).spawn().unwrap();
        crate::support::ground::finish(child).await.with(0);
        // The check sees them: the same with a letter less is an error that names the nearest key.
        let (name, value) = variables[0];
        let child = ground.command(args).env(&name[..name.len() - 1], value).spawn().unwrap();
        crate::support::ground::finish(child).await.with(2).saying("did you mean");
    }
    assert!(!ground.path("dragline-data").exists(), "a check starts nothing");
}
