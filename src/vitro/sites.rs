//! The hosts of a web: their names, sizes and roles, their robots.txt and their sitemaps.

use std::{collections::HashMap, fmt::Write as _, net::Ipv4Addr, sync::Arc};

use super::{
    Naming, Options, Robots, Role, Traps,
    dice::{Dice, Purpose},
    map::{Place, push_number},
};
use crate::verdict::Refusal;

/// Children of a page in its host's tree.
pub(super) const ARITY: u32 = 8;
/// Most entries of one sitemap file.
const SITEMAP_ENTRIES: u32 = 1_000;
/// Every so many ordinary pages, one is in the sitemap too.
const SITEMAP_SAMPLE: u32 = 4;
/// What robots.txt says to everybody where it disallows anything.
const FENCES: &str = "Disallow: /trap/\nDisallow: /private/\nAllow: /private/open/\n";
/// The section that [`Role::Guarded`] disallows as well.
const GUARDED: &str = "/people/";
/// The address of host 0; those of the others follow.
const FIRST_ADDRESS: u32 = u32::from_be_bytes([127, 0, 0, 1]);
/// Most hosts: there are no more addresses in 127.0.0.0/8, without its broadcast address.
pub(super) const MAX_HOSTS: u32 = (1 << 24) - 2;

/// All hosts of one web. Holds two numbers and one name a host, nothing a page.
#[derive(Debug)]
pub(super) struct Sites {
    pub(super) options: Options,
    /// Other options that hosts have, and which ones have which: 0 is `options`. Empty if nobody has others.
    variants: Vec<Options>,
    variant_of: Vec<u16>,
    sizes: Vec<u32>,
    names: Vec<Arc<str>>,
}

impl Sites {
    pub(super) fn new(options: Options) -> Self {
        let n_hosts = options.n_hosts.clamp(1, MAX_HOSTS);
        let names: Vec<Arc<str>> = (0..n_hosts).map(|host| format!("h{host}.vitro.test").into()).collect();
        let (variants, variant_of) = variants(&options, &names);
        let mut sites = Self { options, variants, variant_of, sizes: Vec::new(), names };
        sites.sizes = match sites.options.n_pages {
            None => (0..n_hosts).map(|host| sites.roll_size(host)).collect(),
            Some(n_pages) => share_out(sites.options.seed, n_hosts, n_pages),
        };
        sites
    }

    fn roll_size(&self, host: u32) -> u32 {
        let options = &self.options;
        match self.role(host) {
            Role::Patient => options.pages_per_host.min(options.patient_pages).max(1),
            _ => Dice::new(options.seed, Purpose::HostSize, host, 0).spread(options.pages_per_host).max(1),
        }
    }

    /// The options that hold for a host.
    pub(super) fn of(&self, host: u32) -> &Options {
        match self.variant_of.get(host as usize) {
            None | Some(0) => &self.options,
            Some(variant) => &self.variants[usize::from(*variant) - 1],
        }
    }

    /// Whether some host is asked over TLS.
    pub(super) fn any_secure(&self) -> bool {
        self.options.is_secure || self.variants.iter().any(|options| options.is_secure)
    }

    /// The scheme that a host's URLs have.
    pub(super) fn scheme(&self, host: u32) -> &'static str {
        if self.of(host).is_secure { "https://" } else { "http://" }
    }

    /// The address of a host.
    pub(super) fn address(host: u32) -> Ipv4Addr {
        Ipv4Addr::from(FIRST_ADDRESS + host)
    }

    /// Appends a host's name or address.
    pub(super) fn write_host(&self, host: u32, naming: Naming, out: &mut String) {
        match naming {
            Naming::Names => out.push_str(self.name(host)),
            Naming::Addresses => {
                for (n, octet) in Self::address(host).octets().into_iter().enumerate() {
                    if n > 0 {
                        out.push('.');
                    }
                    push_number(out, octet.into());
                }
            }
        }
    }

    /// The host at an address.
    pub(super) fn by_address(&self, address: Ipv4Addr) -> Option<u32> {
        u32::from(address).checked_sub(FIRST_ADDRESS).filter(|host| *host < self.n_hosts())
    }

    pub(super) fn n_hosts(&self) -> u32 {
        u32::try_from(self.sizes.len()).unwrap_or(u32::MAX)
    }

    pub(super) fn name(&self, host: u32) -> &Arc<str> {
        &self.names[host as usize]
    }

    /// The host that a name means, if it means one. Upper case is as good as lower case.
    pub(super) fn by_name(&self, name: &str) -> Option<u32> {
        if name.starts_with("127.") {
            return self.by_address(name.parse().ok()?);
        }
        if name.eq_ignore_ascii_case("localhost") {
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
        match (self.of(host).robots, host % 6) {
            (Robots::Missing, _) => Role::Bare,
            (Robots::Allow, _) => Role::Open,
            (Robots::Some, _) => Role::Guarded,
            (Robots::Deny, _) => Role::Shut,
            (Robots::Closed, _) => Role::Closed,
            (Robots::Plain, _) | (Robots::Varied, 0) => Role::Fenced,
            (Robots::Varied, 1) => Role::Patient,
            (Robots::Varied, 2) => Role::Bare,
            (Robots::Varied, 3) => Role::Closed,
            (Robots::Varied, 4) => Role::Indexed,
            (Robots::Varied, _) => Role::Moved,
        }
    }

    fn has_fences(&self, host: u32) -> bool {
        !matches!(self.role(host), Role::Bare | Role::Closed | Role::Open | Role::Shut)
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
        self.of(host).sitemaps
            && matches!(self.role(host), Role::Fenced | Role::Indexed | Role::Moved | Role::Open | Role::Guarded)
    }

    /// Why a crawler that obeys robots.txt does not ask for a place. Written from the intent, not
    /// from the text of the file, so that it checks a parser of the text.
    pub(super) fn refusal(&self, host: u32, place: Place) -> Option<Refusal> {
        match (self.role(host), place) {
            (Role::Closed, _) => Some(Refusal::RobotsUnreachable),
            (Role::Bare | Role::Open, _) => None,
            (Role::Shut, _) => Some(Refusal::RobotsDenied),
            (Role::Guarded, Place::Page(n)) if n > 0 && place.section(self.options.seed, host) == GUARDED => {
                Some(Refusal::RobotsDenied)
            }
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
        text.push_str(match role {
            Role::Open => "Disallow:\n",
            Role::Shut => "Disallow: /\n",
            _ => fences,
        });
        if role == Role::Guarded {
            // Writing to a String can't fail, here and below.
            let _ = writeln!(text, "Disallow: {GUARDED}");
        }
        if role == Role::Patient {
            let _ = writeln!(text, "Crawl-delay: {}", self.of(host).crawl_delay_s);
        }
        if self.has_sitemap(host) {
            let (scheme, path) = (self.scheme(host), Place::SitemapRoot.path(self.options.seed, host));
            let _ = writeln!(text, "\nSitemap: {scheme}{authority}{path}");
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
        let scheme = self.scheme(host);
        if file.is_none() && n_files > 0 {
            xml.push_str("<sitemapindex xmlns=\"http://www.sitemaps.org/schemas/sitemap/0.9\">\n");
            for file in 0..n_files {
                let _ =
                    writeln!(xml, "<sitemap><loc>{scheme}{authority}{}</loc></sitemap>", path(Place::Sitemap(file)));
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
                "<url><loc>{scheme}{authority}{}</loc><lastmod>2026-01-{day:02}</lastmod></url>",
                path(page)
            );
        }
        xml.push_str("</urlset>\n");
        xml
    }
}

/// What exceptions make of the options, and which host has which.
fn variants(options: &Options, names: &[Arc<str>]) -> (Vec<Options>, Vec<u16>) {
    if options.exceptions.is_empty() {
        return (Vec::new(), Vec::new());
    }
    let matchers: Vec<_> = options.exceptions.iter().map(super::knobs::Exception::matcher).collect();
    let mut known: HashMap<Vec<usize>, u16> = HashMap::from([(Vec::new(), 0)]);
    let mut variants = Vec::new();
    let mut variant_of = Vec::with_capacity(names.len());
    for (host, name) in (0..).zip(names) {
        let hit: Vec<usize> = (0..matchers.len()).filter(|n| matchers[*n](host, name)).collect();
        let variant = *known.entry(hit).or_insert_with_key(|hit| {
            let mut other = options.clone();
            hit.iter().for_each(|n| options.exceptions[*n].knobs().apply(&mut other));
            // Exceptions that combine in more ways than that share the last one's options.
            if variants.len() < usize::from(u16::MAX) {
                variants.push(other);
            }
            u16::try_from(variants.len()).unwrap_or(u16::MAX)
        });
        variant_of.push(variant);
    }
    (variants, variant_of)
}

/// Shares `n_pages` out among hosts, log-normally; each has one at least.
fn share_out(seed: u64, n_hosts: u32, n_pages: u32) -> Vec<u32> {
    let weight = |host| Dice::new(seed, Purpose::HostSize, host, 0).weight();
    let n_pages = n_pages.max(n_hosts);
    let spare = u128::from(n_pages - n_hosts);
    let all: u128 = (0..n_hosts).map(|host| u128::from(weight(host))).sum();
    let part = |host| u32::try_from(spare * u128::from(weight(host)) / all).unwrap_or(u32::MAX);
    let mut sizes: Vec<u32> = (0..n_hosts).map(|host| 1 + part(host)).collect();
    // What rounding down left over is less than one a host.
    let left = n_pages - sizes.iter().sum::<u32>();
    sizes.iter_mut().take(left as usize).for_each(|size| *size += 1);
    sizes
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
            ("127.0.0.6", Some(5)),
            ("127.0.0.7", None),
            ("127.0.0.0", None),
            ("127.0.0.01", None),
            ("127.", None),
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

    #[test]
    fn pages_are_shared_out_exactly_and_unevenly() {
        for (n_hosts, n_pages) in [(1, 1000), (7, 7), (7, 3), (100, 100_000), (3, 1_000_001)] {
            let sites = Sites::new(Options::instrument(n_hosts, n_pages));
            let sizes: Vec<u32> = (0..n_hosts).map(|host| sites.size(host)).collect();
            assert_eq!(sizes.iter().sum::<u32>(), n_pages.max(n_hosts), "{n_hosts} {n_pages}");
            assert!(sizes.iter().all(|size| *size > 0));
        }
        let sites = Sites::new(Options::instrument(1000, 1_000_000));
        let mut sizes: Vec<u32> = (0..1000).map(|host| sites.size(host)).collect();
        sizes.sort_unstable();
        // Of a log-normal distribution with a sigma of 1.1 the median is about half of the mean.
        assert!((400..700).contains(&sizes[500]) && sizes[999] > 5_000, "{} {}", sizes[500], sizes[999]);
    }

    #[test]
    fn the_last_exception_for_a_host_has_the_last_word() {
        let (_, exceptions) = crate::vitro::knobs::read(
            "[[host]]\nhosts = \"0-2\"\nrobots = \"deny\"\ntls = true\n[[host]]\nhosts = \"h2.*\"\nrobots = \"some\"\n",
        )
        .expect("it is fine");
        let sites = Sites::new(Options { exceptions, ..Options::instrument(4, 100) });
        let roles = [0, 1, 2, 3].map(|host| sites.role(host));
        assert_eq!(roles, [Role::Shut, Role::Shut, Role::Guarded, Role::Open]);
        assert_eq!([1, 2, 3].map(|host| sites.scheme(host)), ["https://", "https://", "http://"]);
        assert!(sites.any_secure());
    }
}
