//! `dragline ctl crawls` and `show`.

use std::ops::ControlFlow;

use super::{
    super::{Exit, complain},
    args::{ListArgs, ShowArgs},
    client::Client,
    find::{each, find, read},
    output::{body_on_one_line, one_line, put, put_line},
    text,
    trouble::Trouble,
};

/// Crawls asked for at once, which is as many as are in memory.
const PER_PAGE: u32 = 500;

pub(super) async fn list(client: &Client, args: &ListArgs) -> Result<Exit, Trouble> {
    let (mut n, mut is_more, mut table) = (0, false, Vec::new());
    // One more than is wanted says whether there are more.
    let per_page = args.limit.saturating_add(1).min(PER_PAGE);
    each(client, args.state.as_deref(), per_page, |raw, crawl| {
        if n == args.limit {
            is_more = true;
            return Ok(ControlFlow::Break(()));
        }
        n += 1;
        if args.json {
            put_line(&one_line(raw))?;
            return Ok(ControlFlow::Continue(()));
        }
        table.push(crawl);
        if table.len() == PER_PAGE as usize {
            put(text::table(&std::mem::take(&mut table)).as_bytes())?;
        }
        Ok(ControlFlow::Continue(()))
    })
    .await?;
    if !table.is_empty() {
        put(text::table(&table).as_bytes())?;
    }
    if n == 0 && !args.json {
        complain("no crawls");
    }
    if is_more {
        complain(&format!("there are more: these are the last {n}; see --limit"));
    }
    Ok(Exit::Finished)
}

pub(super) async fn show(client: &Client, args: &ShowArgs) -> Result<Exit, Trouble> {
    let id = find(client, &args.id).await?;
    let (crawl, body) = read(client, &id).await?;
    if args.json {
        put_line(&body_on_one_line(&body))?;
    } else {
        put(text::crawl(&crawl).as_bytes())?;
    }
    Ok(Exit::Finished)
}
