//! The hosts of a web: their names, sizes and roles, their robots.txt and their sitemaps.

use std::{fmt::Write as _, sync::Arc};

use super::{
    Options, Robots, Role, Traps,
    dice::{Dice, Purpose},
    map::Place,
};
use crate::verdict::Refusal;

/// Children of a page in its host's tree.
pub(super) const ARITY: u32 = 8;
/// Most entries of one sitemap file.
const SITEMAP_ENTRIES: u32 = 1_000;
/// Pages of a host that asks for a crawl-delay.
const PATIENT_PAGES: u32 = 5;
/// Every so many ordinary pages, one is in the sitemap too.
const SITEMAP_SAMPLE: u32 = 4;
/// What robots.txt says to everybody where it disallows anything.
const FENCES: &str = "Disallow: /trap/\nDisallow: /private/\nAllow: /private/open/\n";

/// All hosts of one web. Holds one number and one name a host, nothing a page.
#[derive(Debug)]
pub(super) struct Sites {
    pub(super) options: Options,
    sizes: Vec<u32>,
    names: Vec<Arc<str>>,
}

impl Sites {
    pub(super) fn new(options: Options) -> Self {
        let n_hosts = options.n_hosts.max(1);
        let sizes = (0..n_hosts)
            .map(|host| match role(&options, host) {
                Role::Patient => options.pages_per_host.clamp(1, PATIENT_PAGES),
                _ => Dice::new(options.seed, Purpose::HostSize, host, 0).spread(options.pages_per_host).max(1),
            })
            .collect();
        let names = (0..n_hosts).map(|host| format!("h{host}.vitro.test").into()).collect();
        Self { options, sizes, names }
    }

    pub(super) fn n_hosts(&self) -> u32 {
        u32::try_from(self.sizes.len()).unwrap_or(u32::MAX)
    }

    pub(super) fn name(&self, host: u32) -> &Arc<str> {
        &self.names[host as usize]
    }

    /// The host that a name means, if it means one. Upper case is as good as lower case.
    pub(super) fn by_name(&self, name: &str) -> Option<u32> {
        if name == "127.0.0.1" || name.eq_ignore_ascii_case("localhost") {
            return Some(0);
        }
        let digits = name.get(1..)?.split('.').next()?;
        let host = digits.parse::<u32>().ok().filter(|host| *host < self.n_hosts())?;
        self.name(host).eq_ignore_ascii_case(name).then_some(host)
    }

    /// Pages that links lead to.
    pub(super) fn size(&self, host: u32) -> u32 {
        self.sizes[host as usize]
    }

    /// Pages that have children; they are the first ones and always plain.
    pub(super) fn n_inner(&self, host: u32) -> u32 {
        (self.size(host) - 1).div_ceil(ARITY).max(1)
    }

    /// Pages that only the sitemap names; their numbers follow those of the linked ones.
    pub(super) fn n_orphans(&self, host: u32) -> u32 {
        if self.has_sitemap(host) { (self.size(host) / 10).max(1) } else { 0 }
    }

    pub(super) fn role(&self, host: u32) -> Role {
        role(&self.options, host)
    }

    fn has_fences(&self, host: u32) -> bool {
        !matches!(self.role(host), Role::Bare | Role::Closed)
    }

    pub(super) fn has_private(&self, host: u32) -> bool {
        self.has_fences(host)
    }

    pub(super) fn has_trap(&self, host: u32) -> bool {
        match self.options.traps {
            Traps::Off => false,
            Traps::Fenced => self.has_fences(host),
            Traps::Open => true,
        }
    }

    pub(super) fn has_curios(&self, host: u32) -> bool {
        self.options.curios && matches!(self.role(host), Role::Fenced | Role::Bare)
    }

    pub(super) fn has_sitemap(&self, host: u32) -> bool {
        self.options.sitemaps && matches!(self.role(host), Role::Fenced | Role::Indexed | Role::Moved)
    }

    /// Why a crawler that obeys robots.txt does not ask for a place. Written from the intent, not
    /// from the text of the file, so that it checks a parser of the text.
    pub(super) fn refusal(&self, host: u32, place: Place) -> Option<Refusal> {
        match (self.role(host), place) {
            (Role::Closed, _) => Some(Refusal::RobotsUnreachable),
            (Role::Bare, _) => None,
            (_, Place::Private { open: false }) => Some(Refusal::RobotsDenied),
            (_, Place::Trap(_)) if self.options.traps != Traps::Open => Some(Refusal::RobotsDenied),
            _ => None,
        }
    }

    /// The text of a host's robots.txt; `None` where there is none to be had.
    pub(super) fn robots_txt(&self, host: u32, authority: &str) -> Option<String> {
        let role = self.role(host);
        if matches!(role, Role::Bare | Role::Closed) {
            return None;
        }
        let fences = match self.options.traps {
            Traps::Open => FENCES.trim_start_matches("Disallow: /trap/\n"),
            _ => FENCES,
        };
        let mut text = String::from("# Written by vitro.\nUser-agent: badbot\nDisallow: /\n\nUser-agent: *\n");
        text.push_str(fences);
        if role == Role::Patient {
            // Writing to a String can't fail, here and below.
            let _ = writeln!(text, "Crawl-delay: {}", self.options.crawl_delay_s);
        }
        if self.has_sitemap(host) {
            let _ = writeln!(text, "\nSitemap: http://{authority}{}", Place::SitemapRoot.path(self.options.seed, host));
        }
        Some(text)
    }

    /// Pages in the sitemap, by their place in the list: orphans first, then a sample of the rest.
    pub(super) fn n_sitemap_entries(&self, host: u32) -> u32 {
        if self.has_sitemap(host) { self.n_orphans(host) + self.size(host).div_ceil(SITEMAP_SAMPLE) } else { 0 }
    }

    /// The page at `entry` of that list.
    pub(super) fn sitemap_entry(&self, host: u32, entry: u32) -> Place {
        let n_orphans = self.n_orphans(host);
        Place::Page(match entry.checked_sub(n_orphans) {
            None => self.size(host) + entry,
            Some(sample) => sample * SITEMAP_SAMPLE,
        })
    }

    /// Entries of each sitemap file; on a host with [`Role::Indexed`] there are at least two files.
    fn entries_per_file(&self, host: u32) -> u32 {
        let n_entries = self.n_sitemap_entries(host);
        let per_file = if self.role(host) == Role::Indexed { n_entries.div_ceil(2) } else { n_entries };
        per_file.clamp(1, SITEMAP_ENTRIES)
    }

    /// Sitemap files under the root; 0 when the root itself is the list of pages.
    pub(super) fn n_sitemap_files(&self, host: u32) -> u32 {
        match self.n_sitemap_entries(host).div_ceil(self.entries_per_file(host)) {
            0 | 1 => 0,
            n_files => n_files,
        }
    }

    /// The text of a sitemap: of the root, or of one of the files under it.
    pub(super) fn sitemap(&self, host: u32, file: Option<u32>, authority: &str) -> String {
        let n_files = self.n_sitemap_files(host);
        let mut xml = String::from("<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n");
        let path = |place: Place| place.path(self.options.seed, host);
        if file.is_none() && n_files > 0 {
            xml.push_str("<sitemapindex xmlns=\"http://www.sitemaps.org/schemas/sitemap/0.9\">\n");
            for file in 0..n_files {
                let _ = writeln!(xml, "<sitemap><loc>http://{authority}{}</loc></sitemap>", path(Place::Sitemap(file)));
            }
            xml.push_str("</sitemapindex>\n");
            return xml;
        }
        let per_file = self.entries_per_file(host);
        let first = file.unwrap_or(0) * per_file;
        let last = first.saturating_add(per_file).min(self.n_sitemap_entries(host));
        xml.push_str("<urlset xmlns=\"http://www.sitemaps.org/schemas/sitemap/0.9\">\n");
        for entry in first..last {
            let page = self.sitemap_entry(host, entry);
            let day = entry % 28 + 1;
            let _ = writeln!(
                xml,
                "<url><loc>http://{authority}{}</loc><lastmod>2026-01-{day:02}</lastmod></url>",
                path(page)
            );
        }
        xml.push_str("</urlset>\n");
        xml
    }
}

fn role(options: &Options, host: u32) -> Role {
    match (options.robots, host % 6) {
        (Robots::Missing, _) => Role::Bare,
        (Robots::Plain, _) | (Robots::Varied, 0) => Role::Fenced,
        (Robots::Varied, 1) => Role::Patient,
        (Robots::Varied, 2) => Role::Bare,
        (Robots::Varied, 3) => Role::Closed,
        (Robots::Varied, 4) => Role::Indexed,
        (Robots::Varied, _) => Role::Moved,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_read_back() {
        let sites = Sites::new(Options::demo());
        for (name, expected) in [
            ("h3.vitro.test", Some(3)),
            ("H3.VITRO.test", Some(3)),
            ("127.0.0.1", Some(0)),
            ("localhost", Some(0)),
            ("h6.vitro.test", None),
            ("h03.vitro.test", None),
            ("h3.vitro.test.evil", None),
            ("", None),
            ("é", None),
        ] {
            assert_eq!(sites.by_name(name), expected, "{name}");
        }
    }

    #[test]
    fn sitemaps_list_every_entry_once() {
        let sites = Sites::new(Options { pages_per_host: 9_000, ..Options::demo() });
        for host in [0, 4, 5] {
            let n_files = sites.n_sitemap_files(host);
            assert!(n_files >= 2);
            let index = sites.sitemap(host, None, "h");
            assert_eq!(index.matches("<loc>").count(), n_files as usize);
            let listed: usize = (0..n_files).map(|n| sites.sitemap(host, Some(n), "h").matches("<loc>").count()).sum();
            assert_eq!(listed, sites.n_sitemap_entries(host) as usize);
        }
    }
}
