//! Pages: what kind each is, and where its links lead.
//!
//! [`visit_links`] is what the truth follows and what the markup is written from (`draw.rs`); the spelling of a link
//! never changes where it leads.

use super::{
    Role,
    dice::{Dice, Purpose},
    map::Place,
    sites::{ARITY, Sites},
};

/// What an ordinary page does.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    Plain,
    /// Answers with this status, always.
    Status(u16),
    /// Answers with this status once, with that `Retry-After`.
    Once {
        status: u16,
        retry_after_s: Option<u32>,
    },
    /// Leads to an inner page, which is always plain.
    Redirect {
        status: u16,
        link: Link,
    },
    Slow,
    Truncated,
    /// The first request for it begins an outage of its host: so many answers have this status.
    Outage {
        status: u16,
        times: u32,
    },
}

/// A link to a place, and how it is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Link {
    pub(super) host: u32,
    pub(super) place: Place,
    pub(super) spelling: Spelling,
}

/// How a link is written. The first four are for links on one host only.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Spelling {
    /// `/a/b.html`
    Root,
    /// `../a/b.html`
    Relative,
    /// `/x/../a/./b.html`
    Dots,
    /// `/a/b.html#part`
    Fragment,
    /// `http://host/a/b.html`
    Absolute,
    /// `//host/a/b.html`
    SchemeRelative,
    /// `HTTP://HOST/a/b.html`
    Upper,
}

/// Most answers in a row that an outage spoils.
const MAX_OUTAGE: u32 = 4;

const OWN_SPELLINGS: [Spelling; 12] = [
    Spelling::Root,
    Spelling::Root,
    Spelling::Root,
    Spelling::Root,
    Spelling::Root,
    Spelling::Relative,
    Spelling::Relative,
    Spelling::Dots,
    Spelling::Fragment,
    Spelling::Absolute,
    Spelling::SchemeRelative,
    Spelling::Upper,
];
const OTHER_SPELLINGS: [Spelling; 4] =
    [Spelling::Absolute, Spelling::Absolute, Spelling::SchemeRelative, Spelling::Upper];

/// The kind of page `n` of `host`.
pub(super) fn kind(sites: &Sites, host: u32, n: u32) -> Kind {
    let options = sites.of(host);
    let is_leaf = n >= sites.n_inner(host) && n < sites.size(host);
    if !is_leaf || sites.role(host) == Role::Patient {
        return Kind::Plain;
    }
    let mut dice = Dice::new(options.seed, Purpose::PageKind, host, n);
    let mut roll = dice.below(1000);
    let mut falls_in = |share: u32| {
        let inside = roll < share;
        roll = roll.saturating_sub(share);
        inside
    };
    if falls_in(options.error_permille) {
        return *dice.pick(&[
            Kind::Status(404),
            Kind::Status(410),
            Kind::Status(500),
            Kind::Once { status: 500, retry_after_s: None },
        ]);
    }
    if falls_in(options.redirect_permille) {
        let status = *dice.pick(&[301, 302, 307, 308]);
        return Kind::Redirect { status, link: roll_link(sites, host, &mut dice, Sites::n_inner) };
    }
    if falls_in(options.slow_permille) {
        return Kind::Slow;
    }
    if falls_in(options.truncated_permille) {
        return Kind::Truncated;
    }
    if falls_in(options.retry_after_permille) {
        return Kind::Once { status: 503, retry_after_s: Some(options.retry_after_s) };
    }
    if falls_in(options.outage_permille) {
        return Kind::Outage { status: *dice.pick(&[502, 503, 504]), times: 1 + dice.below(MAX_OUTAGE) };
    }
    // Of what is nothing else, so that half of all leaves are slow unless many are something else.
    if host < options.sluggish_hosts && falls_in(500) {
        return Kind::Slow;
    }
    Kind::Plain
}

/// Tells `push` where the links of page `n` lead, in document order, repetitions included.
pub(super) fn visit_links(sites: &Sites, host: u32, n: u32, mut push: impl FnMut(Link)) {
    let options = &sites.options;
    let mut dice = Dice::new(options.seed, Purpose::PageLinks, host, n);
    let children = |n: u32, end: u32| {
        let first = n.saturating_mul(ARITY).saturating_add(1);
        first..first.saturating_add(ARITY).min(end)
    };
    if n < sites.n_inner(host) {
        for child in children(n, sites.size(host)) {
            push(Link { host, place: Place::Page(child), spelling: *dice.pick(&OWN_SPELLINGS) });
        }
    }
    if n == 0 {
        let mut push = |place| push(Link { host, place, spelling: Spelling::Root });
        if sites.has_curios(host) {
            push(Place::find(sites, host, super::curio::INDEX).expect("a host with curios has their index"));
        }
        if sites.has_private(host) {
            push(Place::Private { open: false });
            push(Place::Private { open: true });
        }
        if sites.has_trap(host) {
            push(Place::Trap(12 * 26 + 10));
        }
    }
    if n == 0 && options.host_tree {
        for child in children(host, sites.n_hosts()) {
            push(Link { host: child, place: Place::Page(0), spelling: *dice.pick(&OTHER_SPELLINGS) });
        }
    }
    let n_links = match options.links_per_page {
        mean if options.is_even => mean - mean / 3 + dice.below(2 * (mean / 3) + 1),
        mean => dice.below(2 * mean + 1),
    };
    for _ in 0..n_links {
        push(roll_link(sites, host, &mut dice, Sites::size));
    }
}

/// A link to one of the first `n_pages(host)` pages of this or another host.
fn roll_link(sites: &Sites, host: u32, dice: &mut Dice, n_pages: fn(&Sites, u32) -> u32) -> Link {
    let n_hosts = sites.n_hosts();
    let goes_out = dice.below(1000) < sites.options.cross_host_permille && n_hosts > 1;
    let to = match dice.low_below(n_hosts) {
        _ if !goes_out => host,
        other if other == host => (host + 1) % n_hosts,
        other => other,
    };
    let spellings: &[Spelling] = if goes_out { &OTHER_SPELLINGS } else { &OWN_SPELLINGS };
    Link { host: to, place: Place::Page(dice.low_below(n_pages(sites, to))), spelling: *dice.pick(spellings) }
}
