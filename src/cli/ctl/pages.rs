//! `dragline ctl pages`: the records of a crawl as JSON lines.

use std::time::Duration;

use serde::Deserialize;
use serde_json::value::RawValue;

use super::{
    super::{Exit, complain},
    args::PagesArgs,
    backoff::Backoff,
    client::Client,
    find::find,
    output::{one_line, put},
    trouble::Trouble,
};

/// Records asked for at once; the daemon sends fewer if they are long.
const PER_PAGE: &str = "1000";
/// How often a crawl that has nothing new is asked again.
const LOOK_EVERY: Duration = Duration::from_secs(1);

#[derive(Deserialize)]
struct Page {
    pages: Vec<Box<RawValue>>,
    next: Option<String>,
}

pub(super) async fn pages(client: &Client, args: &PagesArgs) -> Result<Exit, Trouble> {
    let id = find(client, &args.id).await?;
    let patience = if args.follow { args.patience } else { Duration::ZERO };
    let mut backoff = Backoff::new(patience, |text| complain(&format!("warning: {text}")));
    let mut cursor: Option<String> = None;
    loop {
        let Page { pages, next } = match page(client, &id, args, cursor.as_deref()).await {
            Ok(page) => page,
            Err(trouble) if args.follow => {
                backoff.pause(trouble).await?;
                continue;
            }
            Err(trouble) => return Err(trouble),
        };
        backoff.reset();
        let lines = pages.iter().fold(String::new(), |lines, record| lines + &one_line(record) + "\n");
        put(lines.as_bytes())?;
        let is_at_end = pages.is_empty() && next == cursor;
        match next {
            // Nothing is left, and nobody works on the crawl.
            None => return Ok(Exit::Finished),
            Some(_) if is_at_end && !args.follow => return Ok(Exit::Finished),
            Some(_) if is_at_end => tokio::time::sleep(LOOK_EVERY).await,
            next => cursor = next,
        }
    }
}

async fn page(client: &Client, id: &str, args: &PagesArgs, cursor: Option<&str>) -> Result<Page, Trouble> {
    let call = client.get(["v1", "crawls", id, "pages"]).query("limit", Some(PER_PAGE)).query("cursor", cursor);
    let call = call.query("outcome", args.outcome.as_ref()).query("reason", args.reason.as_ref());
    let call = call.query("status", args.status.map(|status| status.to_string()));
    call.query("url", args.url_part.as_ref()).send().await?.json().await
}
