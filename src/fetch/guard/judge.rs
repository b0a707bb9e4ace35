//! The order of the rules: deny, metadata, allow, ranges, for an address and for each one inside of it.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use url::{Host, Url};

use super::{Category, Guard, Objection, Options, embedded::embedded_v4, metadata::is_metadata, ranges};
use crate::fetch::ports::{BlockedPort, is_blocked};

impl Guard {
    /// A guard with this policy.
    pub fn new(options: Options) -> Self {
        Self { options: options.into() }
    }

    /// Whether a socket may be opened to `ip`.
    ///
    /// # Errors
    /// What kind of address it is, when it may not; if it carries another one inside that may not be
    /// asked, the kind of that one, because it tells more.
    pub fn check(&self, ip: IpAddr) -> Result<(), Category> {
        // An IPv4-mapped address opens an IPv4 socket: it is that address, for entries too.
        let ip = ip.to_canonical();
        let inside = || match ip {
            IpAddr::V4(_) => None,
            IpAddr::V6(ip) => Some(embedded_v4(ip).map(IpAddr::V4)),
        };
        let denied = |ip: IpAddr| self.options.deny.iter().any(|entry| entry.contains(ip));
        if denied(ip) || inside().into_iter().flatten().any(denied) {
            return Err(Category::Denied);
        }
        if let Some(category) = inside().into_iter().flatten().find_map(|ip| self.category_inside(ip)) {
            return Err(category);
        }
        self.category(ip).map_or(Ok(()), Err)
    }

    /// Whether a name may be asked, as far as the name tells: `localhost` and what is below it are
    /// loopback wherever they are looked up (RFC 6761 section 6.3), and an address with dots at its end, which
    /// the URL standard takes for a name, may be an address to whoever looks it up.
    ///
    /// # Errors
    /// [`Category::Loopback`], unless an entry lets a loopback address pass; or what kind of address it is.
    pub fn check_name(&self, name: &str) -> Result<(), Category> {
        if let Some(ip) = address(name) {
            return self.check(ip);
        }
        if !is_localhost(name) {
            return Ok(());
        }
        self.check(Ipv4Addr::LOCALHOST.into())
            .or_else(|category| self.check(Ipv6Addr::LOCALHOST.into()).map_err(|_| category))
    }

    /// Whether a connection may be opened to a port.
    ///
    /// # Errors
    /// When browsers block it, and [`Options::allow_ports`] doesn't list it.
    pub fn check_port(&self, port: u16) -> Result<(), BlockedPort> {
        if is_blocked(port) && !self.options.allow_ports.contains(&port) { Err(BlockedPort(port)) } else { Ok(()) }
    }

    /// Whether a socket may be opened for `url`, as far as its text tells: a name's addresses are
    /// checked when they are known.
    ///
    /// # Errors
    /// What speaks against it; of two reasons the address.
    pub fn check_url(&self, url: &Url) -> Result<(), Objection> {
        if let Some(ip) = literal(url) {
            self.check(ip).map_err(|category| Objection::Address { ip, category })?;
        }
        Ok(self.check_port(url.port_or_known_default().unwrap_or_default())?)
    }

    fn category(&self, ip: IpAddr) -> Option<Category> {
        if is_metadata(ip) {
            let is_named = self.options.allow.iter().any(|entry| entry.is_exactly(ip));
            return (!is_named).then_some(Category::CloudMetadata);
        }
        if self.options.allow.iter().any(|entry| entry.contains(ip)) {
            return None;
        }
        ranges::category(ip)
    }

    /// An entry lets private addresses pass inside of others too, since behind a translator they may
    /// be the very machines that are meant. What only makes sense on one machine or one link would be the
    /// translator's own.
    fn category_inside(&self, ip: IpAddr) -> Option<Category> {
        match ranges::category(ip) {
            None | Some(Category::Private | Category::Shared) => self.category(ip),
            Some(_) if is_metadata(ip) => Some(Category::CloudMetadata),
            Some(category) => Some(category),
        }
    }
}

/// The address that a URL's host is, whichever way it was written: the URL standard's parser has read
/// all spellings (decimal, octal, hexadecimal, short, percent-encoded, full-width).
pub fn literal(url: &Url) -> Option<IpAddr> {
    match url.host()? {
        Host::Ipv4(ip) => Some(ip.into()),
        Host::Ipv6(ip) => Some(ip.into()),
        Host::Domain(_) => None,
    }
}

/// The address that a host is, in any spelling of the URL standard; dots at its end change nothing.
pub(in crate::fetch) fn address(host: &str) -> Option<IpAddr> {
    match Host::parse(host.trim_end_matches('.')).ok()? {
        Host::Ipv4(ip) => Some(ip.into()),
        Host::Ipv6(ip) => Some(ip.into()),
        Host::Domain(_) => None,
    }
}

/// Whether a name is `localhost` or below it; a dot at its end changes nothing.
pub(in crate::fetch) fn is_localhost(name: &str) -> bool {
    let name = name.trim_end_matches('.').to_ascii_lowercase();
    name.strip_suffix("localhost").is_some_and(|above| above.is_empty() || above.ends_with('.'))
}
