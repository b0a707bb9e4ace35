//! The dashboard without a browser: what its pages say, whom they serve, and what they refuse.

use serde_json::{Value, json};
use sha2::{Digest, Sha256};

use crate::support::{
    client::Got,
    daemon::{Daemon, config},
    ground::Ground,
    site::{Reply, Site},
};

pub(super) const FORM: &str = "Content-Type: application/x-www-form-urlencoded\r\n";

pub(super) fn text(got: &Got) -> String {
    String::from_utf8(got.body.clone()).unwrap()
}

/// What stands in a page between `before` and `after`.
pub(super) fn between<'a>(page: &'a str, before: &str, after: &str) -> &'a str {
    let (_, rest) = page.split_once(before).unwrap_or_else(|| panic!("no {before} in {page}"));
    rest.split_once(after).unwrap().0
}

/// The token of the forms of a page.
fn token(page: &str) -> &str {
    between(page, "name=\"token\" value=\"", "\"")
}

pub(super) fn encoded(fields: &[(&str, &str)]) -> String {
    url::form_urlencoded::Serializer::new(String::new()).extend_pairs(fields).finish()
}

/// Sends a form of the page at `from`, with its token.
pub(super) async fn send(daemon: &Daemon, from: &str, to: &str, lines: &str, fields: &[(&str, &str)]) -> Got {
    let page = text(&daemon.call("GET", from, lines, b"").await);
    let mut all = vec![("token", token(&page))];
    all.extend(fields);
    daemon.call("POST", to, &format!("{FORM}{lines}"), encoded(&all).as_bytes()).await
}

pub(super) fn key(name: &str, scopes: &[&str]) -> String {
    let digest: String = Sha256::digest(format!("key-{name}")).iter().map(|byte| format!("{byte:02x}")).collect();
    format!("[[key]]\nname = {name:?}\nhash = \"sha256:{digest}\"\nscopes = {}\n", json!(scopes))
}

pub(super) async fn with_keys(ground: &Ground) -> Daemon {
    let keys = [key("a", &["read", "crawl"]), key("b", &["read", "fetch"]), key("boss", &["admin"])].join("");
    ground.write("daemon.toml", format!("{}\n{keys}", config().toml()));
    Daemon::start_again(ground, "").await
}

/// Signs in, and gives the header line of the session.
pub(super) async fn sign_in(daemon: &Daemon, name: &str) -> String {
    let key = format!("key-{name}");
    let got = send(daemon, "/login", "/login", "", &[("key", &key), ("next", "/")]).await;
    assert_eq!((got.status, got.header("location")), (303, Some("/")), "{}", text(&got));
    let cookie = got.header("set-cookie").unwrap();
    assert!(cookie.contains("; Path=/; HttpOnly; SameSite=Strict") && !cookie.contains("Secure"), "{cookie}");
    format!("Cookie: {}\r\n", cookie.split(';').next().unwrap())
}

#[tokio::test(flavor = "multi_thread")]
async fn pages_are_closed_to_whatever_is_not_theirs() {
    let ground = Ground::new();
    let daemon = Daemon::start(&ground, &config()).await;
    let home = daemon.call("GET", "/", "", b"").await;
    assert_eq!((home.status, home.header("content-type")), (200, Some("text/html; charset=utf-8")));
    let policy = home.header("content-security-policy").unwrap();
    for part in
        ["default-src 'none'", "style-src 'self'", "script-src 'self'", "frame-ancestors 'none'", "base-uri 'none'"]
    {
        assert!(policy.contains(part) && !policy.contains("unsafe"), "{policy}");
    }
    assert_eq!(home.header("x-frame-options"), Some("DENY"));
    assert_eq!(home.header("cache-control"), Some("no-store"));
    let page = text(&home);
    assert!(!page.contains("style=") && !page.contains("<style") && !page.contains("onclick"), "{page}");
    for (before, kind) in [
        ("rel=\"stylesheet\" href=\"", "text/css"),
        ("script src=\"", "text/javascript"),
        ("svg+xml\" href=\"", "image/svg+xml"),
    ] {
        let got = daemon.call("GET", between(&page, before, "\""), "", b"").await;
        assert!(got.status == 200 && got.header("content-type").unwrap().starts_with(kind), "{before}");
        assert!(got.header("cache-control").unwrap().contains("immutable"));
        let file = text(&got);
        assert!(!file.contains("url(") && !file.contains("@import"), "nothing comes from elsewhere");
    }
    for (method, target, lines, expected) in [
        ("GET", "/static/other.css", "", 404),
        ("GET", "/crawls/x", "", 404),
        ("GET", "/crawls/00000000-0000-0000-0000-000000000000/pages", "", 404),
        ("GET", "/?after=..", "", 400),
        ("GET", "/", "Sec-Fetch-Site: cross-site\r\n", 403),
        ("GET", "/fetch?url=http://x.vitro.test/", "Sec-Fetch-Site: cross-site\r\n", 403),
        ("POST", "/crawls", "Origin: http://evil.example\r\n", 403),
        ("POST", "/crawls", "Origin: null\r\n", 403),
        ("POST", "/crawls", "", 415),
        ("POST", "/crawls", FORM, 403),
        ("POST", "/logout", FORM, 403),
        ("PUT", "/", "", 405),
    ] {
        let got = daemon.call(method, target, lines, b"").await;
        assert_eq!(got.status, expected, "{method} {target} {lines}: {}", text(&got));
    }
    let other = crate::support::client::get(daemon.addr, "evil.example", "/").await;
    assert_eq!(other.status, 421);
    assert_eq!(daemon.get("/v1/crawls").await.1, json!({"crawls": []}), "none of that began anything");
}

#[tokio::test(flavor = "multi_thread")]
async fn forms_begin_crawls_and_say_what_is_wrong_with_them() {
    let ground = Ground::new();
    let daemon = Daemon::start(&ground, &config().set("limits.pages", 100).set("daemon.running", 1)).await;
    let hostile = "<script>alert(1)</script>\"'&";
    let wrong = [
        ("seeds", "http://x.vitro.test/<script>alert(2)</script>"),
        ("name", hostile),
        ("pages", "101"),
        ("depth", "deep"),
        ("rate", "often"),
    ];
    let got = send(&daemon, "/", "/crawls", "", &wrong).await;
    let page = text(&got);
    assert_eq!(got.status, 422, "{page}");
    for told in [
        "limits.pages",
        "limits.depth",
        "politeness.rate",
        "id=\"pages-error\"",
        "id=\"depth-error\"",
        "id=\"rate-error\"",
        "role=\"alert\"",
    ] {
        assert!(page.contains(told), "{told} is not in {page}");
    }
    assert!(page.contains("value=\"deep\"") && page.contains("value=\"often\""), "what was typed stays: {page}");
    assert!(
        page.contains("&lt;script&gt;alert(1)")
            && page.contains("&lt;script&gt;alert(2)")
            && !page.contains("<script>"),
        "{page}"
    );
    let toml = "[seeds]\nurls = ['http://x.vitro.test/']\n[limit]\npages = 3\n";
    let got = send(&daemon, "/", "/crawls", "", &[("as", "toml"), ("document", toml)]).await;
    let page = text(&got);
    assert!(got.status == 422 && page.contains("limits") && page.contains("document:3"), "{page}");
    assert!(page.contains("[limit]"), "what was typed stays");
    assert_eq!(daemon.get("/v1/crawls").await.1, json!({"crawls": []}));

    // Sent twice, it begins one crawl.
    let home = text(&daemon.call("GET", "/", "", b"").await);
    let call = between(&home, "name=\"call\" value=\"", "\"");
    let bad = [("call", call), ("seeds", "http://<img src=x>.vitro.test/\r\n")];
    let refused = send(&daemon, "/", "/crawls", "", &bad).await;
    assert_eq!(refused.status, 422, "no URL: {}", text(&refused));
    let good = [("call", call), ("seeds", "http://x.vitro.test/?<script>alert(1)</script>\"'&"), ("rate", "1/s")];
    let begun = send(&daemon, "/", "/crawls", "", &good).await;
    assert_eq!(begun.status, 303, "{}", text(&begun));
    let at = begun.header("location").unwrap().to_owned();
    assert_eq!(send(&daemon, "/", "/crawls", "", &good).await.header("location"), Some(at.as_str()));
    for target in [
        "/",
        "/live",
        &at,
        &format!("{at}/live"),
        &format!("{at}/pages?url=<script>&reason=\"><script>"),
        &format!("{at}/explain?url=<script>"),
    ] {
        let got =
            daemon.call("GET", &target.replace('<', "%3C").replace('>', "%3E").replace('"', "%22"), "", b"").await;
        let page = text(&got);
        assert_eq!(got.status, 200, "{target}: {page}");
        assert!(!page.contains("<script>") && !page.contains("<img"), "{target}: {page}");
    }
    let page = text(&daemon.call("GET", &at, "", b"").await);
    assert!(page.contains("&lt;script&gt;alert(1)&lt;/script&gt;&quot;'&amp;"), "{page}");
    let paused = json!({"seeds": {"urls": ["http://x.vitro.test/"]}});
    let (_, paused) = daemon.json("POST", "/v1/crawls?paused=true", Some(&paused)).await;
    let at = format!("/crawls/{}", paused["id"].as_str().unwrap());
    // A button of a page that is older than what it shows says why nothing is done.
    assert_eq!(send(&daemon, &at, &format!("{at}/cancel"), "", &[]).await.status, 303);
    daemon.until(at.rsplit('/').next().unwrap(), &["cancelled"]).await;
    let late = send(&daemon, &at, &format!("{at}/pause"), "", &[]).await;
    assert!(late.status == 409 && text(&late).contains("role=\"alert\""), "{}", text(&late));
    assert_eq!(send(&daemon, &at, &format!("{at}/explode"), "", &[]).await.status, 404);
    assert_eq!(send(&daemon, &at, &format!("{at}/delete"), "", &[]).await.header("location"), Some("/"));
    assert_eq!(daemon.call("GET", &at, "", b"").await.status, 404);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_servers_say_is_text() {
    let ground = Ground::new();
    let hostile = "<script>alert(3)</script><img src=x onerror=alert(4)>";
    let site = Site::new()
        .html("/", &format!("<title>{}</title><a href='/&lt;script&gt;'>x</a>", hostile.replace('<', "&lt;")))
        .reply("/kind", Reply::new(200, "text/<script>alert(5)</script>", "x").header("X-Evil", hostile))
        .robots(&format!("User-agent: *\nDisallow: /no{hostile}\nDisallow: /no"))
        .serve()
        .await;
    let daemon = Daemon::start(&ground, &config()).await;
    let base = site.url("/");
    let id = daemon.begin(&json!({"seeds": {"urls": [base, site.url("/kind"), site.url("/no")]}})).await;
    daemon.until(&id, &["finished"]).await;
    let kind = site.url("/kind");
    for (target, seen) in [
        (format!("/crawls/{id}"), "finished"),
        (format!("/crawls/{id}/pages"), "&lt;script&gt;alert(3)&lt;/script&gt;"),
        (format!("/crawls/{id}/explain?url={base}no"), "refused"),
        (format!("/crawls/{id}/explain?url={kind}"), "alert(5)"),
        (format!("/fetch?url={kind}"), "alert(4)"),
    ] {
        let got = daemon.call("GET", &target, "", b"").await;
        let page = text(&got);
        assert_eq!(got.status, 200, "{target}: {page}");
        assert!(page.contains(seen) && !page.contains("<script>") && !page.contains("<img"), "{target}: {page}");
    }
    // The files themselves come with a policy of their own: nothing in them is obeyed.
    let report = daemon.call("GET", &format!("/crawls/{id}/outputs/report.html"), "", b"").await;
    assert!(report.status == 200 && report.header("content-security-policy").unwrap().contains("sandbox"));
    let receipt = daemon.call("GET", &format!("/crawls/{id}/receipt"), "", b"").await;
    assert_eq!(receipt.header("content-type"), Some("application/json"));
}

#[tokio::test(flavor = "multi_thread")]
async fn whoever_signs_in_sees_and_does_what_the_key_may() {
    let ground = Ground::new();
    let daemon = with_keys(&ground).await;
    let away = daemon.call("GET", "/crawls/x?y=z", "", b"").await;
    assert_eq!((away.status, away.header("location")), (303, Some("/login?next=%2Fcrawls%2Fx%3Fy%3Dz")));
    for target in ["/live", "/crawls/x/live"] {
        assert_eq!(daemon.call("GET", target, "", b"").await.status, 401, "{target}");
    }
    assert_eq!(daemon.call("POST", "/crawls", FORM, b"seeds=x").await.status, 401);
    assert_eq!(daemon.call("POST", "/login", FORM, b"key=key-a").await.status, 403, "without a token");
    let wrong = send(&daemon, "/login?next=/fetch", "/login", "", &[("key", "key-x"), ("next", "/fetch")]).await;
    let page = text(&wrong);
    assert!(wrong.status == 403 && wrong.header("set-cookie").is_none() && page.contains("not known"), "{page}");
    assert!(page.contains("name=\"next\" value=\"/fetch\"") && !page.contains("key-x"), "{page}");
    let elsewhere = send(&daemon, "/login", "/login", "", &[("key", "key-a"), ("next", "//evil.example")]).await;
    assert_eq!(elsewhere.header("location"), Some("/"));

    let (a, b, boss) = (sign_in(&daemon, "a").await, sign_in(&daemon, "b").await, sign_in(&daemon, "boss").await);
    // Another's token is no good.
    let page_of_a = text(&daemon.call("GET", "/", &a, b"").await);
    let stolen = encoded(&[("token", token(&page_of_a)), ("seeds", "http://x.vitro.test/")]);
    assert_eq!(daemon.call("POST", "/crawls", &format!("{FORM}{boss}"), stolen.as_bytes()).await.status, 403);
    let begun = send(&daemon, "/", "/crawls", &a, &[("seeds", "http://x.vitro.test/"), ("name", "of-a")]).await;
    let at = begun.header("location").unwrap_or_else(|| panic!("{}", text(&begun))).to_owned();
    for (session, target, expected) in [
        (&a, at.clone(), 200),
        (&a, format!("{at}/pages"), 200),
        (&a, "/fetch?url=http://x.vitro.test/".to_owned(), 403),
        (&b, at.clone(), 404),
        (&b, format!("{at}/live"), 404),
        (&b, format!("{at}/pages"), 404),
        (&b, format!("{at}/explain?url=x"), 404),
        (&b, format!("{at}/receipt"), 404),
        (&b, format!("{at}/outputs/pages.jsonl"), 404),
        (&b, "/fetch".to_owned(), 200),
        (&boss, at.clone(), 200),
        (&boss, "/fetch".to_owned(), 200),
    ] {
        let got = daemon.call("GET", &target, session, b"").await;
        assert_eq!(got.status, expected, "{target} for {session}: {}", text(&got));
    }
    for (session, is_seen) in [(&a, true), (&b, false), (&boss, true)] {
        let page = text(&daemon.call("GET", "/", session, b"").await);
        assert_eq!(page.contains("of-a"), is_seen, "{session}");
        assert_eq!(
            page.contains("1 running") || page.contains("1 finished") || page.contains("1 queued"),
            is_seen,
            "{page}"
        );
    }
    assert!(!text(&daemon.call("GET", "/", &b, b"").await).contains("action=\"/crawls"), "no form for whoever may not");
    let refused = send(&daemon, "/fetch", &format!("{at}/cancel"), &b, &[]).await;
    assert_eq!(refused.status, 403);
    // A cookie opens pages, and nothing of the API.
    assert_eq!(daemon.call("GET", "/v1/crawls", &a, b"").await.status, 401);

    let out = send(&daemon, "/", "/logout", &a, &[]).await;
    assert!(out.status == 303 && out.header("set-cookie").unwrap().contains("Max-Age=0"));
    assert_eq!(daemon.call("GET", &at, &a, b"").await.status, 303, "the session is over on the server too");
    assert!(!daemon.has_logged("key-a") && !daemon.has_logged("key-x"));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_session_ends_with_its_key_and_keys_can_not_be_guessed_for_ever() {
    let ground = Ground::new();
    let daemon = with_keys(&ground).await;
    let (a, b) = (sign_in(&daemon, "a").await, sign_in(&daemon, "b").await);
    ground.write("daemon.toml", format!("{}\n{}", config().toml(), key("a", &["read"])));
    crate::support::binary::signal(&daemon.child, "HUP").await;
    crate::support::ground::until("it takes it", || daemon.has_logged("is in force")).await;
    let page = text(&daemon.call("GET", "/", &a, b"").await);
    assert!(page.contains("Signed in as") && !page.contains("action=\"/crawls"), "the key may less by now: {page}");
    assert_eq!(daemon.call("GET", "/", &b, b"").await.status, 303, "the key is gone");
    let login = text(&daemon.call("GET", "/login", "", b"").await);
    let body = encoded(&[("token", token(&login)), ("key", "guess")]);
    let mut last = Value::Null;
    for _ in 0..60 {
        last = json!(daemon.call("POST", "/login", FORM, body.as_bytes()).await.status);
        if last == 429 {
            break;
        }
    }
    assert_eq!(last, 429);
}
