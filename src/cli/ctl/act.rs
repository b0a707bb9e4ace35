//! What is done with crawls that are there: pause, resume, cancel, recrawl, delete, further seeds.

use reqwest::Method;
use serde::Deserialize;
use serde_json::json;

use super::{
    super::{Exit, complain, human::plural},
    args::{ActArgs, SeedsArgs},
    client::Client,
    find::find,
    model::Crawl,
    output::{body_on_one_line, put_line},
    text,
    trouble::Trouble,
};

/// What is done.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Act {
    Pause,
    Resume,
    Cancel,
    Recrawl,
    Delete,
}

impl Act {
    fn word(self) -> &'static str {
        match self {
            Self::Pause => "pause",
            Self::Resume => "resume",
            Self::Cancel => "cancel",
            Self::Recrawl => "recrawl",
            Self::Delete => "delete",
        }
    }
}

/// Does it to each crawl. What can't be done to one is no reason not to do it to the others; the exit code tells of
/// the first that failed.
pub(super) async fn each(client: &Client, act: Act, args: &ActArgs) -> Result<Exit, Trouble> {
    let mut exit = Exit::Finished;
    for word in &args.ids {
        match one(client, act, word, args.json).await {
            Ok(()) => {}
            Err(trouble) if matches!(trouble.exit(), Exit::Declined | Exit::Usage) => {
                complain(&format!("error: {}: {}: {trouble}", act.word(), text::name(word)));
                exit = if exit == Exit::Finished { trouble.exit() } else { exit };
            }
            Err(trouble) => return Err(trouble),
        }
    }
    Ok(exit)
}

async fn one(client: &Client, act: Act, word: &str, json: bool) -> Result<(), Trouble> {
    let id = find(client, word).await?;
    if act == Act::Delete {
        client.call(Method::DELETE, ["v1", "crawls", &id]).send().await?;
        let told = if json {
            json!({"id": id, "deleted": true}).to_string()
        } else {
            format!("{}: deleted", text::short(&id))
        };
        return put_line(&told);
    }
    let answer = client.call(Method::POST, ["v1", "crawls", &id, act.word()]).send().await?;
    let (crawl, body): (Crawl, _) = answer.json_and_bytes().await?;
    if json {
        return put_line(&body_on_one_line(&body));
    }
    put_line(&format!("{} {}: {}", text::short(&crawl.id), text::name(&crawl.name), text::name(&crawl.state)))
}

#[derive(Deserialize)]
struct SeedsAdded {
    added: u64,
    crawl: Crawl,
}

pub(super) async fn add_seeds(client: &Client, args: &SeedsArgs) -> Result<Exit, Trouble> {
    let id = find(client, &args.id).await?;
    let body = json!({ "urls": args.urls }).to_string();
    let call = client.call(Method::POST, ["v1", "crawls", &id, "seeds"]).body("application/json", body);
    let (SeedsAdded { added, crawl }, body) = call.send().await?.json_and_bytes().await?;
    if args.json {
        put_line(&body_on_one_line(&body))?;
    } else {
        let (name, seeds) = (text::name(&crawl.name), plural(added, "seed"));
        put_line(&format!("{} {name}: {seeds} added, {}", text::short(&crawl.id), text::name(&crawl.state)))?;
    }
    Ok(Exit::Finished)
}
