//! `dragline healthcheck`, and `dragline ctl version`.

use std::time::Duration;

use serde::Deserialize;

use super::{
    super::{Exit, complain, human::plain},
    args::{HealthArgs, VersionArgs},
    client::Client,
    output::{body_on_one_line, put_line},
    target::Target,
    trouble::Trouble,
};

/// For all of it: Docker's own limit is longer.
const DEADLINE: Duration = Duration::from_secs(3);

#[derive(Deserialize)]
struct Readiness {
    ready: bool,
    #[serde(default)]
    checks: Vec<Check>,
}

#[derive(Deserialize)]
struct Check {
    name: String,
    ok: bool,
    why: Option<String>,
}

/// Docker knows 0 and 1 and no other number.
pub(super) async fn check(args: &HealthArgs) -> Exit {
    let client = match Target::without_key(args.url.as_deref(), args.ca_file.as_deref()).and_then(Client::new) {
        Ok(client) => client,
        Err(trouble) => {
            complain(&format!("error: {trouble}"));
            return trouble.exit();
        }
    };
    let asked = tokio::time::timeout(DEADLINE, ask(&client)).await;
    let wrong = match asked {
        Ok(Ok(wrong)) => wrong,
        Ok(Err(trouble)) => Some(trouble.to_string()),
        Err(_) => Some(format!("{} did not answer for {} s", client.place(), DEADLINE.as_secs())),
    };
    match wrong {
        None => Exit::Finished,
        Some(why) => {
            complain(&format!("error: not ready: {why}"));
            Exit::Internal
        }
    }
}

/// What is wrong, if anything is.
async fn ask(client: &Client) -> Result<Option<String>, Trouble> {
    let answer = client.get(["readyz"]).patience(DEADLINE).send_whatever().await?;
    // One that is not ready says so with the same words.
    if !matches!(answer.status.as_u16(), 200 | 503) {
        return Err(answer.foreign(format!("it answered with {}", answer.status)));
    }
    let is_good = answer.status.is_success();
    let Readiness { ready, checks } = answer.json().await?;
    let wrong = checks.iter().filter(|check| !check.ok);
    let wrong: Vec<String> = wrong
        .map(|check| format!("{}: {}", plain(&check.name), plain(check.why.as_deref().unwrap_or("not in order"))))
        .collect();
    let told = if wrong.is_empty() { "it says so".to_owned() } else { wrong.join("; ") };
    Ok((!(ready && is_good)).then_some(told))
}

#[derive(Deserialize)]
struct Version {
    name: String,
    version: String,
    started_at: String,
}

pub(super) async fn version(client: &Client, args: &VersionArgs) -> Result<Exit, Trouble> {
    let (it, body): (Version, _) = client.get(["version"]).send().await?.json_and_bytes().await?;
    if args.json {
        put_line(&body_on_one_line(&body))?;
    } else {
        put_line(&format!("{} {}, running since {}", plain(&it.name), plain(&it.version), plain(&it.started_at)))?;
    }
    Ok(Exit::Finished)
}
