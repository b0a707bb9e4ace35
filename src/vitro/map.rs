//! Places and their paths: the bijection between what is on a host and how it is asked for.

use super::{
    curio::CURIOS,
    dice::{Dice, Purpose},
    prose,
    sites::Sites,
};

/// The first year of the calendars.
const TRAP_EPOCH: u32 = 2000;
/// Months until a calendar's year has more digits than any test needs: the year 99999.
const TRAP_MONTHS: u32 = (100_000 - TRAP_EPOCH) * 12;

/// Something on a host that can be asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(super) enum Place {
    /// An ordinary page; 0 is the home page, numbers from the host's size on are orphans.
    Page(u32),
    /// An entry of [`CURIOS`].
    Curio(usize),
    /// Behind robots.txt, or in the part that it opens again.
    Private {
        /// Whether it is in the open part.
        open: bool,
    },
    /// A month of the calendar, counted from January 2000.
    Trap(u32),
    /// The style sheet.
    Style,
    /// `/robots.txt`.
    Robots,
    /// Where [`super::Role::Moved`] keeps it.
    RobotsMoved,
    /// `/sitemap.xml`: a list of pages or an index.
    SitemapRoot,
    /// A file that the index names; those with odd numbers are compressed.
    Sitemap(u32),
}

impl Place {
    /// Path and query, as in canonical URLs.
    pub(super) fn path(self, seed: u64, host: u32) -> String {
        let mut out = String::with_capacity(48);
        self.write_path(seed, host, &mut out);
        out
    }

    /// Appends path and query to `out`.
    pub(super) fn write_path(self, seed: u64, host: u32, out: &mut String) {
        match self {
            Self::Page(0) => out.push('/'),
            Self::Page(n) => {
                let mut dice = Dice::new(seed, Purpose::PageName, host, n);
                let parts = [prose::section(&mut dice), prose::word(&mut dice), "-", prose::word(&mut dice), "-"];
                parts.into_iter().for_each(|part| out.push_str(part));
                push_number(out, n);
                out.push_str(".html");
            }
            Self::Curio(n) => out.push_str(CURIOS[n].path),
            Self::Private { open: false } => out.push_str("/private/ledger.html"),
            Self::Private { open: true } => out.push_str("/private/open/notice.html"),
            Self::Trap(month) => {
                out.push_str("/trap/");
                push_number(out, TRAP_EPOCH + month / 12);
                out.push_str(if month % 12 < 9 { "/0" } else { "/" });
                push_number(out, month % 12 + 1);
            }
            Self::Style => out.push_str("/style.css"),
            Self::Robots => out.push_str("/robots.txt"),
            Self::RobotsMoved => out.push_str("/robots-moved.txt"),
            Self::SitemapRoot => out.push_str("/sitemap.xml"),
            Self::Sitemap(n) => {
                out.push_str("/sitemap-");
                push_number(out, n);
                out.push_str(if n % 2 == 1 { ".xml.gz" } else { ".xml" });
            }
        }
    }

    /// The first part of a page's path: `/news/`.
    pub(super) fn section(self, seed: u64, host: u32) -> &'static str {
        match self {
            Self::Page(n) if n > 0 => prose::section(&mut Dice::new(seed, Purpose::PageName, host, n)),
            _ => "/",
        }
    }

    /// The place that `target` (path and query) means on `host`, if there is such a place.
    pub(super) fn find(sites: &Sites, host: u32, target: &str) -> Option<Self> {
        let place = Self::guess(target)?;
        let exists = match place {
            Self::Page(n) => n < sites.size(host) + sites.n_orphans(host),
            Self::Curio(_) => sites.has_curios(host),
            Self::Private { .. } => sites.has_private(host),
            Self::Trap(month) => sites.has_trap(host) && month < TRAP_MONTHS,
            Self::SitemapRoot => sites.has_sitemap(host),
            Self::Sitemap(n) => n < sites.n_sitemap_files(host),
            Self::Style | Self::Robots | Self::RobotsMoved => true,
        };
        // A guess looks at no more than the number; only the path as a whole is the place's name.
        (exists && place.path(sites.options.seed, host) == target).then_some(place)
    }

    fn guess(target: &str) -> Option<Self> {
        Some(match target {
            "/" => Self::Page(0),
            "/style.css" => Self::Style,
            "/robots.txt" => Self::Robots,
            "/robots-moved.txt" => Self::RobotsMoved,
            "/sitemap.xml" => Self::SitemapRoot,
            "/private/ledger.html" => Self::Private { open: false },
            "/private/open/notice.html" => Self::Private { open: true },
            _ if target.starts_with("/curio/") => Self::Curio(CURIOS.iter().position(|curio| curio.path == target)?),
            _ => return Self::guess_numbered(target),
        })
    }

    fn guess_numbered(target: &str) -> Option<Self> {
        if let Some(month) = target.strip_prefix("/trap/") {
            let (year, month) = month.split_once('/')?;
            let years = year.parse::<u32>().ok()?.checked_sub(TRAP_EPOCH)?;
            let month = month.parse::<u32>().ok().filter(|month| (1..=12).contains(month))?;
            return Some(Self::Trap(years.checked_mul(12)?.checked_add(month - 1)?));
        }
        if let Some(file) = target.strip_prefix("/sitemap-") {
            return Some(Self::Sitemap(file.split('.').next()?.parse().ok()?));
        }
        let (_, number) = target.strip_suffix(".html")?.rsplit_once('-')?;
        Some(Self::Page(number.parse().ok()?))
    }
}

/// Appends a number in decimal; a tenth of the cost of `write!` on the hottest path.
pub(super) fn push_number(out: &mut String, n: u32) {
    if n >= 10 {
        push_number(out, n / 10);
    }
    out.push(char::from(b"0123456789"[(n % 10) as usize]));
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::vitro::Options;

    #[test]
    fn every_place_is_found_under_its_path() {
        let sites = Sites::new(Options::demo());
        let host = 0;
        let mut places = vec![
            Place::Private { open: false },
            Place::Private { open: true },
            Place::Style,
            Place::Robots,
            Place::RobotsMoved,
            Place::SitemapRoot,
            Place::Trap(0),
            Place::Trap(8),
            Place::Trap(9),
            Place::Trap(323),
        ];
        places.extend((0..sites.size(host) + sites.n_orphans(host)).map(Place::Page));
        places.extend((0..CURIOS.len()).map(Place::Curio));
        for place in places {
            let path = place.path(sites.options.seed, host);
            assert_eq!(Place::find(&sites, host, &path), Some(place), "{path}");
        }
        let indexed = 4;
        for n in 0..sites.n_sitemap_files(indexed) {
            let path = Place::Sitemap(n).path(sites.options.seed, indexed);
            assert_eq!(Place::find(&sites, indexed, &path), Some(Place::Sitemap(n)), "{path}");
        }
    }

    #[test]
    fn nothing_else_is_found() {
        let sites = Sites::new(Options::demo());
        let beyond = Place::Page(sites.size(0) + sites.n_orphans(0)).path(sites.options.seed, 0);
        for target in [
            "",
            "*",
            "//",
            "/x",
            "/a-1.html",
            "/-",
            "/curio/nothing",
            "/trap/",
            "/trap/1999/01",
            "/trap/2026/13",
            "/trap/2026/1",
            "/trap/4294967295/12",
            "/trap/999999/01",
            "/sitemap-0.xml",
            "/sitemap-99999999999.xml",
            "/é-1.html",
            "/robots.txt?",
            "/?a=1",
            &beyond,
        ] {
            assert_eq!(Place::find(&sites, 0, target), None, "{target}");
        }
    }
}
