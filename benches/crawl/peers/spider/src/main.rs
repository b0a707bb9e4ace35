//! spider as its documentation has it: a `Website`, a subscription that takes each page, and its advice for release builds.

use std::{env, fs::File, io::Write};

use spider::{
    tokio::{self, sync::broadcast::error::RecvError},
    website::Website,
};

#[tokio::main]
async fn main() {
    let words: Vec<String> = env::args().collect();
    if words.get(1).is_some_and(|word| word == "--version") {
        let lock = include_str!("../Cargo.lock").split("name = \"spider\"\nversion = \"").nth(1);
        println!("spider {}", lock.and_then(|rest| rest.split('"').next()).unwrap_or("?"));
        return;
    }
    let [_, seed, connections, out, scope] = &words[..] else { panic!("spider-crawl SEED CONNECTIONS OUT SCOPE") };
    let mut website = Website::new(seed);
    website
        .with_respect_robots_txt(false)
        .with_delay(0)
        .with_concurrency_limit(Some(connections.parse().expect("a number")));
    if scope == "all" {
        website.with_external_domains(Some(std::iter::once("*".to_owned())));
    }
    let mut pages = website.subscribe(4096);
    let mut file = File::create(out).expect("writable");
    let writer = tokio::spawn(async move {
        loop {
            let page = match pages.recv().await {
                Ok(page) => page,
                // What a slow consumer loses is told, and the crawl goes on.
                Err(RecvError::Lagged(n)) => {
                    eprintln!("{n} pages were lost");
                    continue;
                }
                Err(RecvError::Closed) => break,
            };
            let line = serde_json::json!({
                "url": page.get_url(),
                "status": page.status_code.as_u16(),
                "bytes": page.get_html_bytes_u8().len(),
            });
            writeln!(file, "{line}").expect("writable");
        }
    });
    website.crawl().await;
    website.unsubscribe();
    writer.await.expect("it writes");
}
