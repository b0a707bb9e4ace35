//! The address guard in whole crawls: what pages, redirects and sitemaps point at is not connected to.
//!
//! 127.0.0.1 is the site that may be asked; 127.0.0.2 stands for the machines that may not.

use std::sync::{
    Arc,
    atomic::{AtomicUsize, Ordering},
};

use serde_json::json;
use tokio::{net::TcpListener, task::JoinSet};

use crate::support::{
    ground::{Config, Ground},
    site::Site,
};

/// Hosts that must not be asked, as hostile pages write them: 127.0.0.2, then others.
const HOSTS: [&str; 16] = [
    "127.0.0.2",
    "0x7f.2",
    "0x7f000002",
    "2130706434",
    "017700000002",
    "127.2",
    "127.0.0.2.",
    "%31%32%37.0.0.2",
    "１２７。０。０。２",
    "[::ffff:127.0.0.2]",
    "[::ffff:7f00:2]",
    "[64:ff9b::7f00:2]",
    "[2002:7f00:2::]",
    "0.0.0.0",
    "169.254.169.254",
    "[fd00:ec2::254]",
];

#[tokio::test]
async fn no_link_or_redirect_leads_to_an_address_that_is_not_allowed() {
    let inside = TcpListener::bind("127.0.0.2:0").await.unwrap();
    let port = inside.local_addr().unwrap().port();
    let n_accepted = Arc::new(AtomicUsize::new(0));
    let count = Arc::clone(&n_accepted);
    let mut tasks = JoinSet::new();
    tasks.spawn(async move {
        while inside.accept().await.is_ok() {
            count.fetch_add(1, Ordering::SeqCst);
        }
    });

    let targets: Vec<String> = HOSTS.iter().enumerate().map(|(i, host)| format!("http://{host}:{port}/{i}")).collect();
    let redirects: Vec<String> = (0..targets.len()).map(|i| format!("/to/{i}")).collect();
    let mut links: Vec<&str> = redirects.iter().map(String::as_str).collect();
    let direct: Vec<String> = targets.iter().map(|target| format!("{target}/direct")).collect();
    links.extend(direct.iter().map(String::as_str));
    links.extend(["/port", "http://127.0.0.1:25/direct"]);
    let site = Site::new().page("/", &links).redirect("/port", 302, "http://127.0.0.1:6667/");
    let site = redirects.iter().zip(&targets).fold(site, |site, (from, to)| site.redirect(from, 302, to));
    let (site, ground) = (site.serve().await, Ground::new());

    let config = Config::new(json!([site.url("/")]))
        .set("fetch.allow_addresses", json!(["127.0.0.1"]))
        .set("scope.mode", "any")
        .set("job.contact", "me@example.org");
    ground.crawl(&config).await.with(0);
    let records = ground.reconciled();
    let mut n_refused = 0;
    for (url, record) in &records {
        if url.starts_with(&site.url("")) {
            continue;
        }
        let is_port = url.starts_with("http://127.0.0.1:");
        let reason = if is_port { "port-refused" } else { "address-refused" };
        assert_eq!((&record["outcome"], &record["reason"]), (&json!("refused"), &json!(reason)), "{url}");
        n_refused += 1;
    }
    assert_eq!(n_refused, 2 * HOSTS.len() + 2);
    assert_eq!(n_accepted.load(Ordering::SeqCst), 0);
}
