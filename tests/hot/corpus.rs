//! Made-up pages that look like those of a program's documentation, the same on every machine.

use std::fmt::Write as _;

use super::Input;

const WORDS: [&str; 24] = [
    "iterator", "slice", "pointer", "returns", "the", "of", "a", "value", "when", "panics", "buffer", "borrowed", "if",
    "capacity", "index", "length", "moves", "into", "safe", "every", "element", "closure", "until", "option",
];

/// `n` pages of some 16 KiB, each with some sixty links to others and a few elsewhere.
pub(crate) fn pages(n: usize) -> Vec<Input> {
    (0..n).map(page).collect()
}

fn page(number: usize) -> Input {
    let mut draw = Draw(number as u64 + 1);
    let title = format!("{}::{}", draw.word(), draw.word());
    let mut html = format!(
        "<!DOCTYPE html><html lang=\"en\"><head><meta charset=\"utf-8\"><meta name=\"viewport\" content=\"width=device-width\">\
         <meta name=\"description\" content=\"About {title} &amp; more\"><title>{title} - Documentation</title>\
         <link rel=\"stylesheet\" href=\"../static.files/style.css\"><link rel=\"canonical\" href=\"item{number}.html\">\
         <script>var data = {{\"root\": \"<a href='no-link'>\", \"n\": {number}}};</script></head><body class=\"rustdoc\">\
         <nav class=\"sidebar\"><h2><a href=\"../index.html\">All</a></h2><ul>"
    );
    for _ in 0..30 {
        let _ = write!(html, "<li><a class=\"fn\" href=\"{}\">{}</a></li>", draw.reference(), draw.word());
    }
    html += "</ul></nav><main>";
    for section in 0..14 {
        let _ = write!(html, "<section id=\"s{section}\"><h3><a href=\"#s{section}\">§</a> {}</h3><p>", draw.word());
        for _ in 0..60 {
            let _ = write!(html, "{} ", draw.word());
        }
        let _ = write!(
            html,
            "See <a href=\"{}\" title=\"{}\"><code>{}</code></a> &mdash; or <a href='{}'>this</a>.</p>\
             <pre class=\"rust\"><code><span class=\"kw\">let </span>x = <span class=\"number\">{}</span> &lt; y &amp;&amp; z;\n\
             <span class=\"comment\">// {}</span></code></pre><!-- section {section} --></section>",
            draw.reference(),
            draw.word(),
            draw.word(),
            draw.reference(),
            draw.below(1000),
            draw.word(),
        );
    }
    html += "</main><footer><a href=\"https://elsewhere.test/\">elsewhere</a> <a href=\"mailto:a@b.test\">mail</a></footer></body></html>";
    let url = format!("http://docs.test/std/module{}/item{number}.html", number % 7);
    Input { url: url.parse().expect("valid"), body: html.into_bytes() }
}

/// A robots.txt of the longer sort.
pub(crate) fn robots_txt() -> String {
    let mut text = String::from("User-agent: other\nDisallow: /\n\nUser-agent: *\nCrawl-delay: 1\n");
    for number in 0..150 {
        let _ = writeln!(text, "Disallow: /private{number}/\nAllow: /private{number}/open*.html$");
    }
    text + "Disallow: /*?sort=\nDisallow: /search\nSitemap: http://docs.test/sitemap.xml\n"
}

/// Numbers that look drawn and are not (a linear congruential generator).
struct Draw(u64);

impl Draw {
    fn below(&mut self, n: u64) -> u64 {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 33) % n
    }

    fn word(&mut self) -> &'static str {
        let n = self.below(WORDS.len() as u64);
        WORDS[usize::try_from(n).expect("small")]
    }

    /// As documentation writes them: relative, with dots, fragments and now and then a query.
    fn reference(&mut self) -> String {
        let (module, item) = (self.below(7), self.below(300));
        match self.below(6) {
            0 => format!("item{item}.html#method.{}", self.word()),
            1 => format!("../module{module}/item{item}.html?search={}%20{}", self.word(), self.word()),
            2 => format!("/std/module{module}/../module{module}/item{item}.html"),
            3 => format!("http://docs.test/std/module{module}/item{item}.html"),
            _ => format!("../module{module}/item{item}.html"),
        }
    }
}
