//! The dashboard as a browser shows it: a crawl that is started by typing and clicking, and pages for everybody.

use std::{path::PathBuf, sync::Arc, time::Duration};

use dragline::vitro::{Options, Server, Web};
use serde_json::{Value, json};
use sha2::{Digest, Sha256};
use tempfile::TempDir;

use crate::support::{
    browser::Browser,
    daemon::{Daemon, config},
    ground::Ground,
    site::{Reply, Site},
};

const ACCESSIBLE: &str = include_str!("accessible.js");

/// Where pictures go: where somebody wants to see them, or nowhere that lasts.
struct Artifacts {
    folder: PathBuf,
    _temporary: Option<TempDir>,
}

impl Artifacts {
    #[expect(clippy::disallowed_methods, reason = "whoever runs the tests says where he wants the pictures")]
    fn new() -> Self {
        match std::env::var_os("DRAGLINE_ARTIFACTS") {
            Some(folder) => {
                std::fs::create_dir_all(&folder).unwrap();
                Self { folder: folder.into(), _temporary: None }
            }
            None => {
                let temporary = tempfile::tempdir().unwrap();
                Self { folder: temporary.path().to_owned(), _temporary: Some(temporary) }
            }
        }
    }

    /// Looks at the page in a light and a dark window, and on a phone, and takes a picture of each.
    async fn look(&self, browser: &Browser, name: &str) {
        let elsewhere = "return performance.getEntriesByType('resource').map((it) => it.name).filter((it) => !it.startsWith(location.origin))";
        assert_eq!(browser.run(elsewhere).await, json!([]), "{name} loads something from elsewhere");
        for (how, width, height, is_dark) in [
            ("light", 1280, 900, false),
            ("dark", 1280, 900, true),
            ("phone", 390, 844, false),
            ("phone-dark", 390, 844, true),
        ] {
            browser.resize(width, height).await;
            browser.darken(is_dark).await;
            let wrong = browser.run(ACCESSIBLE).await;
            browser.picture(&self.folder.join(format!("dashboard-{name}-{how}.png"))).await;
            assert_eq!(wrong, json!([]), "{name}, {how}");
        }
        browser.resize(1280, 900).await;
        browser.darken(false).await;
    }
}

/// What the page says of `what`, as a number.
fn number(account: &str, what: &str) -> Option<u64> {
    // Each term is a number and what it counts, in lines or not.
    let words: Vec<&str> = account.split_whitespace().collect();
    let at = words.windows(2).position(|pair| pair[1] == what)?;
    words[at].replace(',', "").parse().ok()
}

#[tokio::test(flavor = "multi_thread")]
async fn the_measure_finds_what_is_planted() {
    let browser = Browser::start().await;
    let planted = "<h1>x</h1><h3>y</h3><input id=a><input id=a><svg></svg><svg role=img></svg><button></button>\
                   <p style='color:%23999'>pale</p><div style='width:3000px'>wide</div>\
                   <p aria-describedby=nobody>z</p><table><tr><th>t</th></tr></table>";
    browser.open(&format!("data:text/html,{planted}")).await;
    let wrong = browser.run(ACCESSIBLE).await.to_string();
    for what in [
        "no language",
        "no title",
        "not 1 of main",
        "no label",
        "twice: #a",
        "h3 after h1",
        "a picture without a role",
        "no name",
        "nothing to say",
        "contrast 2.85",
        "moved sideways",
        "#nobody, which is not there",
        "no scope",
        "a table without a name",
    ] {
        assert!(wrong.contains(what), "{what} is not in {wrong}");
    }
}

/// Records that are shown from a page of them on, by going to the next one as long as there is one.
async fn rows(daemon: &Daemon, from: &str) -> usize {
    let (mut n, mut target) = (0, from.to_owned());
    loop {
        let page = String::from_utf8(daemon.call("GET", &target, "", b"").await.body).unwrap();
        n += page.matches("<th scope=\"row\"").count();
        let Some((before, _)) = page.split_once("\">Next</a>") else { return n };
        target = before.rsplit_once("href=\"").unwrap().1.replace("&amp;", "&");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_crawl_is_started_by_clicking_and_watched_to_its_end() {
    let (ground, artifacts) = (Ground::new(), Artifacts::new());
    let options = Options { n_hosts: 3, pages_per_host: 60, ..Options::demo() };
    let web = Server::start(Arc::new(Web::new(options)), 0).await.unwrap();
    let daemon = Daemon::start(&ground, &config().set("politeness.crawl_delay", true)).await;
    let browser = Browser::start().await;
    let base = format!("http://{}", daemon.addr);
    browser.open(&base).await;
    artifacts.look(&browser, "empty").await;
    browser.type_in("#seeds", &web.seeds().join("\n")).await;
    browser.type_in("#name", "glass-web").await;
    browser.type_in("#rate", "8/s").await;
    browser.run("document.querySelector('#scope').value = 'domain'").await;
    browser.click("#start form button").await;
    browser.until("return location.pathname.startsWith('/crawls/')").await;
    // From here on the page keeps itself up to date: it is never loaded again.
    browser.run("window.isTheSame = true").await;
    let id = browser.run("return location.pathname.split('/')[2]").await.as_str().unwrap().to_owned();
    assert_eq!(browser.text("h1").await, "glass-web");
    browser.until("return document.querySelectorAll('#plots-part svg').length >= 4").await;
    browser
        .until(
            "return /[1-9]/.test(document.querySelector('#account-part .equation li:nth-child(2) b')?.innerText ?? '')",
        )
        .await;
    tokio::time::sleep(Duration::from_secs(3)).await;
    artifacts.look(&browser, "running").await;
    // What is written can be explained while the crawl runs.
    browser.type_in("#explain-url", &web.seeds()[0]).await;
    browser.press("\u{e007}").await;
    browser.until("return location.pathname.endsWith('/explain')").await;
    let answer = browser.text(".conclusion").await;
    assert!(answer.contains("fetched"), "{answer}");
    browser.open(&base).await;
    browser.until("return document.querySelector('#under-way .badge')?.innerText === 'running'").await;
    artifacts.look(&browser, "crawls").await;
    browser.open(&format!("{base}/crawls/{id}")).await;
    browser.run("window.isTheSame = true").await;
    browser.until("return document.querySelector('#state .badge').innerText === 'finished'").await;
    assert_eq!(browser.run("return window.isTheSame").await, json!(true), "the page was loaded again");
    browser.until("return document.querySelector('#outputs-part').innerText.includes('receipt.json')").await;

    let (_, receipt) = daemon.get(&format!("/v1/crawls/{id}/receipt")).await;
    let account = browser.text("#account-part .equation").await;
    for what in ["discovered", "fetched", "redirected", "failed", "refused", "pending"] {
        assert_eq!(number(&account, what), receipt["totals"][what].as_u64(), "{what}: {account}");
    }
    assert!(receipt["totals"]["fetched"].as_u64().unwrap() > 50, "{receipt}");
    artifacts.look(&browser, "finished").await;
    for (filter, n) in [("", "discovered"), ("outcome=failed&", "failed"), ("outcome=refused&url=private&", "")] {
        let shown = rows(&daemon, &format!("/crawls/{id}/pages?{filter}")).await;
        assert!(n.is_empty() && shown > 0 || receipt["totals"][n] == shown, "{filter}: {shown}");
    }
    let seed = web.seeds()[0].clone();
    for (name, target) in [
        ("records", format!("/crawls/{id}/pages")),
        ("failed", format!("/crawls/{id}/pages?outcome=failed&status=404")),
        ("errors", format!("/crawls/{id}/errors")),
        ("hosts", "/hosts".to_owned()),
        ("host", "/host?name=h0.vitro.test".to_owned()),
        ("schedules", format!("/schedules?from={id}")),
        ("status", "/status".to_owned()),
        ("explain", format!("/crawls/{id}/explain?url={seed}private/x")),
        ("fetch", format!("/fetch?url={seed}")),
        ("over", "/".to_owned()),
    ] {
        browser.open(&format!("{base}{target}")).await;
        artifacts.look(&browser, name).await;
    }
    assert_eq!(browser.complaints().await, Vec::<String>::new());

    // What is wrong is told beside what was typed, and the browser's console says no more than that.
    browser.type_in("#seeds", &seed).await;
    browser.type_in("#pages", "many").await;
    browser.click("#start form button").await;
    browser.until("return document.querySelector('.alert') !== null").await;
    assert_eq!(browser.run("return document.querySelector('#pages').value").await, json!("many"));
    assert!(browser.text("#pages-error").await.contains("whole number"));
    artifacts.look(&browser, "wrong").await;
    let told = browser.complaints().await;
    assert!(told.iter().all(|line| line.contains("422")), "{told:?}");
    assert_eq!(daemon.stop().await, Some(0));
}

#[tokio::test(flavor = "multi_thread")]
async fn buttons_do_what_they_say_without_scripts_too() {
    let ground = Ground::new();
    let options = Options { n_hosts: 2, pages_per_host: 40, curios: false, ..Options::demo() };
    let web = Server::start(Arc::new(Web::new(options)), 0).await.unwrap();
    let daemon = Daemon::start(&ground, &config()).await;
    let browser = Browser::start().await;
    let document = json!({"seeds": {"urls": web.seeds()}, "politeness": {"rate": "1/s", "per_host": 1}});
    for has_scripts in [true, false] {
        let id = daemon.begin(&document).await;
        let page = format!("http://{}/crawls/{id}", daemon.addr);
        if !has_scripts {
            browser.forbid_scripts().await;
        }
        browser.open(&page).await;
        daemon.until(&id, &["running"]).await;
        // Longer than a script would wait before it asks for news.
        tokio::time::sleep(Duration::from_millis(1500)).await;
        let asked = "return performance.getEntriesByType('resource').some((it) => it.name.endsWith('/live'))";
        assert_eq!(browser.run(asked).await, json!(has_scripts));
        for (button, state) in [("#act-pause", "paused"), ("#act-cancel", "cancelled")] {
            browser.click(button).await;
            daemon.until(&id, &[state]).await;
            if !has_scripts {
                browser.open(&page).await;
            }
            browser.until(&format!("return document.querySelector('#state .badge').innerText === '{state}'")).await;
        }
        browser.click("#delete summary").await;
        browser.click("#act-delete").await;
        browser.until("return location.pathname === '/'").await;
        assert_eq!(daemon.get("/v1/crawls").await.1["crawls"], Value::Array(Vec::new()));
    }
    assert_eq!(browser.complaints().await, Vec::<String>::new());
}

#[tokio::test(flavor = "multi_thread")]
async fn people_sign_in_and_out() {
    let (ground, artifacts) = (Ground::new(), Artifacts::new());
    let digest: String = Sha256::digest("sesame").iter().map(|byte| format!("{byte:02x}")).collect();
    let key = format!("[[key]]\nname = \"eve\"\nhash = \"sha256:{digest}\"\nscopes = [\"read\", \"crawl\"]\n");
    ground.write("daemon.toml", format!("{}\n{key}", config().toml()));
    let daemon = Daemon::start_again(&ground, "").await;
    let browser = Browser::start().await;
    browser.open(&format!("http://{}/", daemon.addr)).await;
    browser.until("return location.pathname === '/login'").await;
    browser.type_in("#key", "sesam").await;
    browser.click("main button").await;
    browser.until("return document.querySelector('#wrong') !== null").await;
    artifacts.look(&browser, "login").await;
    browser.type_in("#key", "sesame").await;
    browser.click("main button").await;
    browser.until("return location.pathname === '/' && document.body.innerText.includes('Signed in as eve')").await;
    assert_eq!(browser.run("return document.cookie").await, json!(""), "scripts don't see it");
    artifacts.look(&browser, "signed-in").await;
    browser.type_in("#seeds", "http://nobody.vitro.test/").await;
    browser.click("#start form button").await;
    browser.until("return document.querySelector('#state .badge') !== null").await;
    browser.click(".out button").await;
    browser.until("return location.pathname === '/login'").await;
    browser.open(&format!("http://{}/", daemon.addr)).await;
    browser.until("return location.pathname === '/login'").await;
    let told = browser.complaints().await;
    assert!(told.iter().all(|line| line.contains("403")), "{told:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn names_that_others_chose_do_no_harm_and_break_no_page() {
    let (ground, artifacts) = (Ground::new(), Artifacts::new());
    let evil = "&lt;script>xss=1&lt;/script>&lt;img src=x onerror=xss=2>";
    let long = format!("/{}?q=%3Cscript%3Exss=3%3C/script%3E&\"'", "path".repeat(300));
    let titles =
        [evil, "\u{202e}gnp.exe \u{202d}x", "مرحبا بالعالم", "🦀🕷\u{fe0f}", "a\u{7}b\u{1b}[31m", &"w".repeat(2000)];
    let mut site = Site::new().page("/", &["/0", "/1", "/2", "/3", "/4", "/5", "/kind", &long, "/no"]);
    for (n, title) in titles.iter().enumerate() {
        site = site.html(&format!("/{n}"), &format!("<title>{title}</title>"));
    }
    let kind =
        Reply::new(200, "text/<script>xss=4</script>", "<script>xss=5</script>").header("X-Evil", "<b onclick=xss=6>");
    let site = site.reply("/kind", kind).robots("User-agent: *\nDisallow: /no<script>xss=7</script>\nDisallow: /no");
    let site = site.serve().await;
    let daemon = Daemon::start(&ground, &config()).await;
    let seeds = json!([site.url("/"), site.url(&long)]);
    let id = daemon.begin(&json!({"seeds": {"urls": seeds}})).await;
    daemon.until(&id, &["finished"]).await;
    let schedule = json!({"cron": "0  0\t1 1 *", "document": {"seeds": {"urls": [site.url(&long)]}}});
    let (status, schedule) = daemon.json("POST", "/v1/schedules", Some(&schedule)).await;
    assert_eq!(status, 201, "{schedule}");
    let block = format!("/v1/hosts/{}.vitro.test/block", ["x".repeat(60), "y".repeat(60), "z".repeat(60)].join("."));
    assert_eq!(daemon.json("PUT", &block, None).await.0, 200);

    let browser = Browser::start().await;
    let (base, quoted) = (format!("http://{}", daemon.addr), url::form_urlencoded::byte_serialize(long.as_bytes()));
    let explained = format!("/crawls/{id}/explain?url={}{}", site.url(""), quoted.collect::<String>());
    for (name, target) in [
        ("crawls", "/".to_owned()),
        ("crawl", format!("/crawls/{id}")),
        ("records", format!("/crawls/{id}/pages")),
        ("errors", format!("/crawls/{id}/errors")),
        ("explain", explained),
        ("refused", format!("/crawls/{id}/explain?url={}", site.url("/no"))),
        ("fetch", format!("/fetch?url={}", site.url("/kind"))),
        ("schedules", format!("/schedules?from={id}")),
        ("schedule", format!("/schedules/{}", schedule["id"].as_str().unwrap())),
        ("hosts", "/hosts".to_owned()),
        ("host", "/host?name=127.0.0.1".to_owned()),
    ] {
        browser.open(&format!("{base}{target}")).await;
        artifacts.look(&browser, &format!("hostile-{name}")).await;
        assert_eq!(browser.run("return window.xss ?? null").await, Value::Null, "{name}");
    }
    assert_eq!(browser.complaints().await, Vec::<String>::new(), "no policy was hurt");
}

#[tokio::test(flavor = "multi_thread")]
async fn whoever_has_no_mouse_gets_everywhere() {
    let ground = Ground::new();
    let daemon = Daemon::start(&ground, &config()).await;
    let id = daemon.begin(&json!({"seeds": {"urls": ["http://nobody.vitro.test/"]}})).await;
    let browser = Browser::start().await;
    browser.open(&format!("http://{}/crawls/{id}/pages", daemon.addr)).await;
    let (tab, enter) = ("\u{e004}", "\u{e007}");
    let at = "const el = document.activeElement, style = getComputedStyle(el); return [el.className || el.id || el.textContent, style.outlineStyle, el.getBoundingClientRect().left >= 0]";
    browser.press(tab).await;
    assert_eq!(browser.run(at).await, json!(["skip", "solid", true]), "the first stop leads past the bar, and is seen");
    browser.press(enter).await;
    browser.until("return location.hash === '#main'").await;
    let mut met = Vec::new();
    for _ in 0..20 {
        browser.press(tab).await;
        let stop = browser.run(at).await;
        assert_eq!((&stop[1], &stop[2]), (&json!("solid"), &json!(true)), "{stop}");
        met.push(stop[0].as_str().unwrap_or_default().to_owned());
        if met.last().is_some_and(|last| last == "url") {
            break;
        }
    }
    for field in ["Crawls", "outcome", "reason", "status", "url"] {
        assert!(met.iter().any(|stop| stop == field), "{field} is not among {met:?}");
    }
    assert!(!met.iter().any(|stop| stop == "Schedules"), "the bar was passed by: {met:?}");
    browser.press(&format!("nobody{enter}")).await;
    browser.until("return new URLSearchParams(location.search).get('url') === 'nobody'").await;
}
