//! `dragline inspect guard`: whether a crawl would open a socket to an address or for a URL.
//!
//! Nothing is looked up and nothing is asked: a name passes here, and its addresses are judged when a
//! crawl has looked them up. Judged is what `fetch::guard` judges, under the default policy or under the
//! one that `--allow`, `--deny` and `--allow-port` make.

use std::net::IpAddr;

use clap::Args;
use serde::{Deserialize, Serialize};
use url::Host;

use super::{
    super::{Exit, human::plain},
    Form, batch, show, shown,
    text::Text,
};
use crate::{
    address::Canonicalizer,
    fetch::guard::{Category, Entry, Guard, Objection, Options, literal},
};

/// The category of a port that is refused; all others are those of addresses.
const PORT: &str = "port";

/// Whether the address guard lets an address or a URL pass
#[derive(Debug, Args)]
#[command(
    after_long_help = "An address may be written as in a URL (0x7f.1, 2130706433, [::1]) and may have a zone (fe80::1%eth0); \
    spaces around it don't count.\nA name is not looked up: it passes, unless it is localhost or below it.\n\n\
    Examples:\n  dragline inspect guard 169.254.169.254\n  \
    dragline inspect guard http://0x7f.1/ --json\n  \
    dragline inspect guard 10.1.2.3 --allow 10.0.0.0/8 --deny 10.1.0.0/16\n\n\
    Questions of --batch: {\"ip\": text} or {\"url\": text}"
)]
pub(crate) struct GuardArgs {
    /// An IP address or a URL
    #[arg(required_unless_present = "batch", conflicts_with = "batch")]
    target: Option<String>,
    /// As if fetch.allow_addresses listed this; may be repeated
    #[arg(long, alias = "allow-address", value_name = "CIDR|loopback")]
    allow: Vec<Entry>,
    /// As if fetch.deny_addresses listed this; may be repeated
    #[arg(long, value_name = "CIDR|loopback")]
    deny: Vec<Entry>,
    /// As if fetch.allow_ports listed this; may be repeated
    #[arg(long, value_name = "PORT")]
    allow_port: Vec<u16>,
    #[command(flatten)]
    form: Form,
}

#[derive(Debug, Deserialize)]
struct Question {
    ip: Option<Text>,
    url: Option<Text>,
}

#[derive(Debug, Default, PartialEq, Eq, Serialize)]
struct Answer {
    allowed: bool,
    /// Why not, in a word: what kind of address it is, or `port`.
    category: Option<&'static str>,
    /// The address that was judged, in its usual form; none for a name.
    ip: Option<String>,
    /// Why there is nothing to judge; it is not allowed then.
    error: Option<String>,
}

pub(super) fn execute(args: &GuardArgs) -> Exit {
    let options = Options { allow: args.allow.clone(), deny: args.deny.clone(), allow_ports: args.allow_port.clone() };
    let guard = Guard::new(options);
    if args.form.batch {
        // Whoever reads only whether it is allowed reads that here too.
        let instead = |error| Answer { error: Some(error), ..Answer::default() };
        return batch::run_or(instead, |question: Question| {
            match (&question.ip, &question.url) {
                (Some(ip), None) => Ok(of_ip(&guard, &ip.0)),
                (None, Some(url)) => Ok(of_url(&guard, &url.0)),
                _ => Err("not a question: exactly one of `ip` and `url` is needed"),
            }
            .map_err(str::to_owned)
        });
    }
    let target = args.target.as_deref().unwrap_or_default();
    let answer = if address(target).is_some() { of_ip(&guard, target) } else { of_url(&guard, target) };
    match show(&args.form, &answer, |answer| text(target, answer)) {
        Exit::Finished if answer.error.is_some() => Exit::Usage,
        exit => exit,
    }
}

fn of_ip(guard: &Guard, text: &str) -> Answer {
    let Some(ip) = address(text) else {
        return Answer { error: Some("not an IP address".to_owned()), ..Answer::default() };
    };
    let category = guard.check(ip).err().map(Category::as_str);
    Answer { allowed: category.is_none(), category, ip: Some(ip.to_string()), error: None }
}

fn of_url(guard: &Guard, text: &str) -> Answer {
    // What is no URL to a crawl (another scheme, no host), it opens no socket for.
    let url = match Canonicalizer::default().parse(text) {
        Ok(url) => url,
        Err(error) => return Answer { error: Some(error.to_string()), ..Answer::default() },
    };
    let url = url.as_url();
    let category = match guard.check_url(url) {
        Err(Objection::Address { category, .. }) => Some(category.as_str()),
        Err(Objection::Port(_)) => Some(PORT),
        Ok(()) => guard.check_name(url.host_str().unwrap_or_default()).err().map(Category::as_str),
    };
    Answer { allowed: category.is_none(), category, ip: literal(url).map(|ip| ip.to_string()), error: None }
}

/// An address as people, programs and URLs write one: with spaces around it, in brackets, with a zone
/// (RFC 4007 section 11; the guard doesn't care for it), or in any spelling of the URL standard.
fn address(text: &str) -> Option<IpAddr> {
    let text = text.trim();
    let inner = text.strip_prefix('[').and_then(|text| text.strip_suffix(']')).unwrap_or(text);
    let bare = match inner.split_once('%') {
        Some((bare, zone)) if bare.contains(':') && !zone.is_empty() => bare,
        _ => inner,
    };
    if let Ok(ip) = bare.parse() {
        return Some(ip);
    }
    match Host::parse(text).ok()? {
        Host::Ipv4(ip) => Some(ip.into()),
        Host::Ipv6(ip) => Some(ip.into()),
        Host::Domain(_) => None,
    }
}

fn text(target: &str, answer: &Answer) -> String {
    let target = shown(target);
    if let Some(error) = &answer.error {
        return format!("{target}  not allowed: {}\n", plain(error));
    }
    let which = match &answer.ip {
        Some(ip) if *ip != target => format!("{target} ({ip})"),
        _ => target,
    };
    match answer.category {
        None if answer.ip.is_none() => format!("{which}  allowed, if its addresses are\n"),
        None => format!("{which}  allowed\n"),
        Some(PORT) => format!("{which}  not allowed: its port is one that browsers block\n"),
        Some(category) => format!("{which}  not allowed: {category}\n"),
    }
}
