//! SURT, the Sort-friendly URI Reordering Transform: host labels from the top, so that a sorted list
//! has a domain's hosts side by side, and a prefix means a domain or a part of a site.
//!
//! The form is that of Heritrix (webarchive-commons, class `SURT`): the scheme stays, every label is
//! followed by a comma, a port comes after the last one. IP addresses are not reordered, because
//! their text is not a hierarchy from right to left. It is a way to write a [`CanonicalUrl`], not
//! another canonical form: keys of CDX files are made of more aggressively canonicalised URLs.

use url::{Host, Position};

use super::CanonicalUrl;

impl CanonicalUrl {
    /// `http://(com,example,www,)/path?query`; with a port `http://(com,example,www,:8080)/`; of an
    /// address `http://(192.0.2.1)/` and `http://([2001:db8::1]:8080)/`. A host's trailing dot (the
    /// root) is left out.
    pub fn surt(&self) -> String {
        let url = self.as_url();
        let mut surt = String::with_capacity(url.as_str().len() + 8);
        surt.push_str(url.scheme());
        surt.push_str("://(");
        match url.host() {
            Some(Host::Domain(name)) => {
                for label in name.strip_suffix('.').unwrap_or(name).rsplit('.') {
                    surt.push_str(label);
                    surt.push(',');
                }
            }
            _ => surt.push_str(self.host_str()),
        }
        if url.port().is_some() {
            surt.push(':');
            surt.push_str(&url[Position::BeforePort..Position::AfterPort]);
        }
        surt.push(')');
        surt.push_str(&url[Position::BeforePath..]);
        surt
    }
}

#[cfg(test)]
mod tests {
    use super::super::Canonicalizer;

    #[test]
    fn surts() {
        let check = |text: &str, expected: &str| {
            assert_eq!(Canonicalizer::default().parse(text).expect("valid").surt(), expected);
        };
        check("http://www.example.com/path?query", "http://(com,example,www,)/path?query");
        check("https://user:pw@Example.COM", "https://(com,example,)/");
        check("http://example.com:8080/a/b#c", "http://(com,example,:8080)/a/b");
        check("http://localhost/", "http://(localhost,)/");
        check("http://example.com./", "http://(com,example,)/");
        check("http://192.0.2.1:80/", "http://(192.0.2.1)/");
        check("http://[2001:DB8::1]:81/", "http://([2001:db8::1]:81)/");
        check("http://münchen.example/", "http://(example,xn--mnchen-3ya,)/");
    }
}
