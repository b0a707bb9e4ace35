//! The rule that whoever crawls the public internet can be reached.
//!
//! A contact is `job.contact`, or a URL or mail address in a user agent of one's own. It is not
//! demanded when every seed is known to be on a private network: a literal address that is not
//! global, a name under a special-use domain (RFC 2606, RFC 6761, RFC 6762, RFC 9476's neighbours),
//! or a name that `[fetch.resolve]` answers.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use url::Host;

use super::{
    build::Checks,
    raw::Raw,
    seeds,
    settings::{Seeds, Settings},
};
use crate::address::{CanonicalUrl, Canonicalizer};

/// Domains that are never on the public internet.
const SPECIAL_USE: [&str; 6] = ["localhost", "test", "example", "invalid", "internal", "local"];

/// Reports a contact that is missing or is none. Reads the files of seeds for their hosts.
pub(crate) fn demand(raw: &Raw, seeds: &Seeds, canonicalizer: &Canonicalizer, checks: &mut Checks<'_>) {
    let contact = raw.job.contact.trim();
    let is_public = |url: &CanonicalUrl| is_public(url, raw.fetch.resolve.keys().map(String::as_str));
    let mut public = seeds.urls.iter().chain(&seeds.sitemaps).find(|url| is_public(url)).cloned();
    for (i, path) in seeds.files.iter().enumerate() {
        seeds::check_file(path, &format!("seeds.files[{i}]"), canonicalizer, checks, &mut |url| {
            if public.is_none() && is_public(&url) {
                public = Some(url);
            }
        });
    }
    if !contact.is_empty() {
        if !is_contact(contact) {
            checks.fail("job.contact", format!("`{contact}` is neither a URL with a scheme nor a mail address"));
        }
        return;
    }
    if is_contact(&raw.fetch.user_agent) || checks.is_bad("job.contact") || checks.is_bad("fetch.user_agent") {
        return;
    }
    let whom = match (public, seeds.stdin) {
        (Some(url), _) => url.host_str().to_owned(),
        (None, true) => "what standard input may name".to_owned(),
        (None, false) => return,
    };
    checks.fail(
        "job.contact",
        format!(
            "is needed to crawl {whom}: a URL or mail address by which the owners of servers can reach you \
             (job.contact, DRAGLINE__JOB__CONTACT, or --contact of `crawl`)"
        ),
    );
}

impl Settings {
    /// Whether the owners of servers find in the user agent how to reach whoever asks.
    pub fn can_be_reached(&self) -> bool {
        self.job.contact.is_some() || self.fetch.user_agent.to_str().is_ok_and(is_contact)
    }

    /// Whether asking `url` may reach a stranger's server.
    pub fn is_public(&self, url: &CanonicalUrl) -> bool {
        is_public(url, self.fetch.resolve.iter().map(|(pattern, _)| pattern.as_str()))
    }
}

/// Whether some word of `text` is a URL with a scheme or looks like a mail address.
fn is_contact(text: &str) -> bool {
    text.split([' ', '(', ')', ';', ',', '<', '>', '+']).any(|word| {
        let is_url = url::Url::parse(word).is_ok_and(|url| match url.scheme() {
            "http" | "https" => url.has_host(),
            "mailto" => is_mail(url.path()),
            _ => false,
        });
        is_url || is_mail(word)
    })
}

fn is_mail(word: &str) -> bool {
    let plain = |part: &str| !part.is_empty() && part.bytes().all(|b| b.is_ascii_graphic() && b != b'@' && b != b'/');
    word.split_once('@').is_some_and(|(who, host)| plain(who) && plain(host))
}

/// Whether asking `url` may reach a stranger's server.
fn is_public<'a>(url: &CanonicalUrl, mut resolved: impl Iterator<Item = &'a str>) -> bool {
    match url.as_url().host() {
        Some(Host::Ipv4(ip)) => is_global(IpAddr::V4(ip)),
        Some(Host::Ipv6(ip)) => is_global(IpAddr::V6(ip)),
        Some(Host::Domain(name)) => {
            let name = name.trim_end_matches('.');
            let top = name.rsplit('.').next().unwrap_or(name);
            let answered = resolved.any(|pattern| match pattern.strip_prefix('*') {
                Some(suffix) => name.ends_with(&suffix.to_ascii_lowercase()),
                None => name.eq_ignore_ascii_case(pattern),
            });
            !SPECIAL_USE.contains(&top) && !answered
        }
        None => false,
    }
}

/// Whether an address is anyone's. In doubt yes: then a contact is asked for.
fn is_global(ip: IpAddr) -> bool {
    match ip {
        IpAddr::V4(ip) => {
            let shared = ip.octets()[0] == 100 && ip.octets()[1] & 0xc0 == 64;
            let special = ip.is_loopback() || ip.is_private() || ip.is_link_local() || ip.is_documentation();
            !(special || shared || ip == Ipv4Addr::UNSPECIFIED)
        }
        IpAddr::V6(ip) => match ip.to_ipv4_mapped() {
            Some(mapped) => is_global(IpAddr::V4(mapped)),
            None => {
                let special = ip.is_loopback() || ip.is_unique_local() || ip.is_unicast_link_local();
                !(special || ip == Ipv6Addr::UNSPECIFIED)
            }
        },
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn contacts() {
        for text in
            ["mailto:me@example.org", "me@example.org", "https://example.org/bot", "bot/1 (+https://example.org)"]
        {
            assert!(is_contact(text), "{text}");
        }
        for text in ["", "me", "@", "example.org", "Mozilla/5.0 (X11)", "https://"] {
            assert!(!is_contact(text), "{text}");
        }
    }

    #[test]
    fn public_hosts() {
        let mut raw = Raw::default();
        raw.fetch.resolve.insert("*.lab.example.org".into(), "10.0.0.1".into());
        let check = |url: &str, expected: bool| {
            let url = Canonicalizer::default().parse(url).expect("valid");
            assert_eq!(is_public(&url, raw.fetch.resolve.keys().map(String::as_str)), expected, "{url}");
        };
        check("http://example.org/", true);
        check("http://8.8.8.8/", true);
        check("http://[2606:4700::1]/", true);
        check("http://a.lab.example.org/", false);
        check("http://localhost:8080/", false);
        check("http://a.localhost/", false);
        check("http://site.test./", false);
        check("http://192.168.1.1/", false);
        check("http://[::1]/", false);
        check("http://[::ffff:127.0.0.1]/", false);
    }
}
