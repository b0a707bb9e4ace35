//! `dragline ctl fetch`: single URLs, through the daemon.
//!
//! Each URL is a call of its own, a few at a time, and results are printed in the order of the arguments.

use std::{fmt::Write as _, time::Duration};

use futures::{StreamExt, stream};
use reqwest::Method;
use serde::Deserialize;
use serde_json::{json, value::RawValue};

use super::{
    super::{
        Exit, complain,
        human::{bytes, duration, plain},
    },
    args::FetchArgs,
    backoff::Backoff,
    client::Client,
    output::{is_for_people, one_line, put, put_line},
    trouble::Trouble,
};

/// URLs under way at once, which is as many results as are in memory.
const AT_ONCE: usize = 4;
/// What the daemon gives a URL unless told otherwise.
const DEFAULT_DEADLINE: Duration = Duration::from_secs(60);
/// How much longer than that an answer may take.
const GRACE: Duration = Duration::from_secs(30);
/// How long a daemon that has its hands full is asked again.
const PATIENCE: Duration = Duration::from_secs(120);

#[derive(Deserialize)]
struct Batch {
    results: Vec<Box<RawValue>>,
}

/// What is read of a result.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct Told {
    url: String,
    outcome: String,
    reason: Option<String>,
    rule: Option<String>,
    error: Option<String>,
    status: Option<u16>,
    final_url: Option<String>,
    body_bytes: Option<u64>,
    elapsed_ms: u64,
    cache: Option<String>,
    truncated: Option<String>,
    body: Option<String>,
    body_base64: Option<String>,
}

pub(super) async fn fetch(client: &Client, args: &FetchArgs) -> Result<Exit, Trouble> {
    let results = stream::iter(&args.urls).map(|url| one(client, args, url)).buffered(AT_ONCE);
    let mut results = std::pin::pin!(results.enumerate());
    let as_text = is_for_people() && !args.json;
    let mut has_answer = false;
    while let Some((n, result)) = results.next().await {
        let result = result?;
        let told: Told = serde_json::from_str(result.get()).map_err(|error| unexpected(client, &error))?;
        has_answer |= told.status.is_some();
        if as_text { put(text(&told).as_bytes())? } else { put_line(&placed(&one_line(&result), n + 1))? }
    }
    Ok(if has_answer { Exit::Finished } else { Exit::NothingFetched })
}

async fn one(client: &Client, args: &FetchArgs, url: &str) -> Result<Box<RawValue>, Trouble> {
    let mut asked = json!({"urls": [url], "include_body": args.include_body});
    if let Some(seconds) = args.max_age {
        asked["max_age"] = json!(seconds);
    }
    if let Some(deadline) = args.deadline {
        asked["deadline_ms"] = json!(u64::try_from(deadline.as_millis()).unwrap_or(u64::MAX));
    }
    let asked = asked.to_string();
    let patience = args.deadline.unwrap_or(DEFAULT_DEADLINE).saturating_add(GRACE);
    let mut backoff = Backoff::new(PATIENCE, |text| complain(&format!("warning: {text}")));
    loop {
        let call = client.call(Method::POST, ["v1", "fetch"]).body("application/json", asked.clone());
        let sent = match call.patience(patience).send().await {
            Ok(answer) => answer.json::<Batch>().await,
            Err(trouble) => Err(trouble),
        };
        match sent {
            Ok(mut batch) => return batch.results.pop().ok_or_else(|| unexpected(client, &"no result")),
            Err(Trouble::Problem(problem)) => backoff.pause(Trouble::Problem(problem)).await?,
            Err(trouble) => return Err(trouble),
        }
    }
}

/// A result as that of the `n`th argument: to the daemon each is the first one of its call.
fn placed(result: &str, n: usize) -> String {
    let rest = result.strip_prefix("{\"position\":1,");
    rest.map_or_else(|| result.to_owned(), |rest| format!("{{\"position\":{n},{rest}"))
}

fn unexpected(client: &Client, why: &dyn std::fmt::Display) -> Trouble {
    Trouble::Foreign { url: client.place(), what: format!("unexpected result: {}", plain(&why.to_string())) }
}

/// One line, indented lines for what else there is to say, and the body.
fn text(it: &Told) -> String {
    let status = match it.status {
        Some(status) => status.to_string(),
        None if it.outcome == "refused" => "no".to_owned(),
        None => "-".to_owned(),
    };
    let (size, elapsed) =
        (it.body_bytes.map(bytes).unwrap_or_default(), duration(Duration::from_millis(it.elapsed_ms)));
    let end = it.final_url.as_ref().filter(|end| **end != it.url).map(|end| format!(" → {}", plain(end)));
    let mut out = format!("{status:>3}  {size:>10}  {elapsed:>6}  {}{}\n", plain(&it.url), end.unwrap_or_default());
    let mut line = |name: &str, value: &str| {
        writeln!(out, "     {:<10}  {}", plain(name), plain(value)).expect("a String takes everything");
    };
    let why: Vec<&str> = [&it.reason, &it.error, &it.rule].into_iter().flatten().map(String::as_str).collect();
    if !why.is_empty() {
        line(&it.outcome, &why.join(": "));
    }
    if let Some(truncated) = &it.truncated {
        line("truncated", truncated);
    }
    if let Some(cache) = it.cache.as_ref().filter(|cache| *cache != "miss" && *cache != "off") {
        line("cache", cache);
    }
    if it.body_base64.is_some() {
        line("body", "not text; --json has it in base64");
    }
    if let Some(body) = &it.body {
        body.lines().for_each(|line| {
            out.push_str(&plain(line));
            out.push('\n');
        });
    }
    out
}
