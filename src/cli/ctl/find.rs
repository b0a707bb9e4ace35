//! Which crawl is meant: by its id, by a part of it that no other has, or by its name.

use std::ops::ControlFlow;

use serde::Deserialize;
use serde_json::value::RawValue;
use uuid::Uuid;

use super::{super::human::plain, client::Client, model::Crawl, text::short, trouble::Trouble};

/// Shortest part of an id.
const LEAST_CHARS: usize = 4;
/// Crawls asked for at once.
const PER_PAGE: u32 = 500;
/// Pages of a list after which it is no list of a daemon's: 5 million crawls.
const MAX_PAGES: usize = 10_000;
/// Crawls that are named when several are meant.
const MAX_NAMED: usize = 5;

/// The id of the crawl that `word` means.
pub(super) async fn find(client: &Client, word: &str) -> Result<String, Trouble> {
    if let Ok(id) = Uuid::try_parse(word) {
        return Ok(id.as_hyphenated().to_string());
    }
    let mut found: Vec<Crawl> = Vec::new();
    let mut n_found = 0_usize;
    each(client, None, PER_PAGE, |_, crawl| {
        if is_meant(word, &crawl) {
            n_found += 1;
            if found.len() < MAX_NAMED {
                found.push(crawl);
            }
        }
        Ok(ControlFlow::Continue(()))
    })
    .await?;
    match (found.pop(), n_found) {
        (Some(crawl), 1) => Ok(crawl.id),
        (None, _) => Err(Trouble::WhichCrawl(unknown(word))),
        (Some(last), n) => {
            let named =
                found.iter().chain([&last]).map(|crawl| format!("  {} {}", short(&crawl.id), plain(&crawl.name)));
            let named: Vec<String> = named.collect();
            let more = if n > named.len() { format!("\n  and {} more", n - named.len()) } else { String::new() };
            Err(Trouble::WhichCrawl(format!("{n} crawls are meant by `{}`:\n{}{more}", plain(word), named.join("\n"))))
        }
    }
}

fn unknown(word: &str) -> String {
    let hint = if word.chars().count() < LEAST_CHARS { "; of an id it takes 4 characters" } else { "" };
    format!("no crawl has the name `{0}`, nor an id that begins or ends with it{hint}", plain(word))
}

fn is_meant(word: &str, crawl: &Crawl) -> bool {
    let digits = |text: &str| text.chars().filter(|c| *c != '-').map(|c| c.to_ascii_lowercase()).collect::<String>();
    let (part, id) = (digits(word), digits(&crawl.id));
    let is_part = part.len() >= LEAST_CHARS && (id.starts_with(&part) || id.ends_with(&part));
    is_part || crawl.name == word
}

#[derive(Deserialize)]
struct Page {
    crawls: Vec<Box<RawValue>>,
    next: Option<String>,
}

/// Goes through the list, newest first, until `take` has enough.
pub(super) async fn each(
    client: &Client,
    state: Option<&str>,
    per_page: u32,
    mut take: impl FnMut(&RawValue, Crawl) -> Result<ControlFlow<()>, Trouble>,
) -> Result<(), Trouble> {
    let mut cursor: Option<String> = None;
    for _ in 0..MAX_PAGES {
        let call = client.get(["v1", "crawls"]).query("limit", Some(per_page.to_string()));
        let answer = call.query("state", state).query("cursor", cursor.as_ref()).send().await?;
        let page: Page = answer.json().await?;
        for raw in &page.crawls {
            let crawl = serde_json::from_str(raw.get()).map_err(|error| Trouble::Foreign {
                url: client.place(),
                what: format!("unexpected crawl: {}", plain(&error.to_string())),
            })?;
            if take(raw, crawl)?.is_break() {
                return Ok(());
            }
        }
        match page.next {
            None => return Ok(()),
            next if next == cursor => break,
            next => cursor = next,
        }
    }
    Err(Trouble::Foreign { url: client.place(), what: "its list of crawls has no end".to_owned() })
}

/// A crawl as it is now, and how that was said.
pub(super) async fn read(client: &Client, id: &str) -> Result<(Crawl, Vec<u8>), Trouble> {
    client.get(["v1", "crawls", id]).send().await?.json_and_bytes().await
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parts_of_ids_and_names() {
        let id = "0193b2c4-5d6e-7f80-9a1b-2c3d4e5f6071".to_owned();
        let crawl = Crawl { id, name: "docs".into(), ..Crawl::default() };
        let check = |word: &str, expected: bool| assert_eq!(is_meant(word, &crawl), expected, "{word}");
        check("0193", true);
        check("0193b2c4-5d", true);
        check("0193B2C45D", true);
        check("6071", true);
        check("4e5f6071", true);
        check("071", false);
        check("b2c4", false);
        check("----", false);
        check("", false);
        check("docs", true);
        check("doc", false);
    }
}
