//! Knobs: what may differ from host to host, as data that can be read from a file.
//!
//! [`Knobs`] holds what somebody wants otherwise than it is; laid over [`Options`] it gives other options. An
//! [`Exception`] says on which hosts. None of it is looked at again for a page: a host's options are made once.

use std::{str::FromStr, time::Duration};

use globset::{Glob, GlobMatcher};
use serde::{Deserialize, Deserializer, de};

use super::{Options, Robots, dice::Dice};

/// No page waits longer, whatever a distribution says.
const MAX_LATENCY: Duration = Duration::from_mins(10);

/// Why a text is no knob.
#[derive(Debug, thiserror::Error)]
pub enum KnobError {
    /// A word that is none of those that there are.
    #[error("\"{text}\" is none of {known}")]
    Word {
        /// What was written.
        text: String,
        /// What may be.
        known: &'static str,
    },
    /// Not a share.
    #[error("\"{0}\" is no share: a number from 0 to 1, in steps of 0.001")]
    Share(String),
    /// Not a latency.
    #[error("\"{0}\" is no latency: \"20ms\", \"10ms-50ms\" or \"lognormal:20ms,0.5\" (median, sigma up to 3)")]
    Latency(String),
    /// Not a rate.
    #[error("\"{0}\" is no bandwidth: bytes a second, such as \"64 KiB\"")]
    Bandwidth(String),
    /// Not hosts.
    #[error("\"{0}\" are no hosts: a number, a range \"10-19\", or a glob over names such as \"h1*.vitro.test\"")]
    Hosts(String),
    /// Not a file of knobs.
    #[error("{0}")]
    File(#[from] config::ConfigError),
    /// `hosts` where everything is for all of them.
    #[error("[all] is for all hosts: it takes no \"hosts\"")]
    HostsOfAll,
    /// An exception for nobody in particular.
    #[error("[[host]] number {0} does not say for which hosts: hosts = \"…\"")]
    NoHosts(usize),
}

/// How long pages wait before they are answered. One roll a page, so that a page always takes the same time.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Latency {
    /// Any time between these, evenly.
    Even(Duration, Duration),
    /// Log-normal: half of all pages take longer than the median.
    LogNormal {
        /// The median.
        median: Duration,
        /// The standard deviation of the logarithm, in thousandths.
        sigma_permille: u32,
    },
}

impl Latency {
    /// No waiting.
    pub const NONE: Self = Self::Even(Duration::ZERO, Duration::ZERO);

    pub(super) fn roll(self, dice: &mut Dice) -> Duration {
        match self {
            Self::Even(least, most) => least + most.saturating_sub(least) * dice.below(1001) / 1000,
            Self::LogNormal { median, sigma_permille } => {
                // A sum of twelve even rolls is near enough to normal, and needs no more than adding.
                let mut rolls = Dice::again(dice.next());
                let sum: u32 = (0..12).map(|_| rolls.below(1_000_000)).sum();
                let factor = (f64::from(sigma_permille) / 1000.0 * (f64::from(sum) / 1_000_000.0 - 6.0)).exp();
                Duration::try_from_secs_f64(median.as_secs_f64() * factor).unwrap_or(MAX_LATENCY).min(MAX_LATENCY)
            }
        }
    }
}

impl FromStr for Latency {
    type Err = KnobError;

    fn from_str(text: &str) -> Result<Self, KnobError> {
        let wrong = || KnobError::Latency(text.to_owned());
        let time = |text: &str| match text.trim() {
            "0" => Ok(Duration::ZERO),
            text => humantime::parse_duration(text).ok().filter(|time| *time <= MAX_LATENCY).ok_or_else(wrong),
        };
        if let Some(of) = text.strip_prefix("lognormal:") {
            let (median, sigma) = of.split_once(',').ok_or_else(wrong)?;
            let sigma = sigma.trim().parse::<f64>().ok().filter(|sigma| (0.0..=3.0).contains(sigma));
            let sigma_permille = thousandths(sigma.ok_or_else(wrong)?);
            return Ok(Self::LogNormal { median: time(median)?, sigma_permille });
        }
        match text.split_once('-') {
            Some((least, most)) => {
                let (least, most) = (time(least)?, time(most)?);
                if least <= most { Ok(Self::Even(least, most)) } else { Err(wrong()) }
            }
            None => time(text).map(|time| Self::Even(time, time)),
        }
    }
}

/// How a body is compressed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Coding {
    /// Not at all.
    Identity,
    /// gzip.
    Gzip,
    /// Brotli.
    Brotli,
    /// Zstandard.
    Zstd,
}

impl FromStr for Coding {
    type Err = KnobError;

    fn from_str(text: &str) -> Result<Self, KnobError> {
        match text {
            "identity" => Ok(Self::Identity),
            "gzip" => Ok(Self::Gzip),
            "br" => Ok(Self::Brotli),
            "zstd" => Ok(Self::Zstd),
            _ => Err(KnobError::Word { text: text.to_owned(), known: "identity, gzip, br, zstd" }),
        }
    }
}

impl FromStr for Robots {
    type Err = KnobError;

    fn from_str(text: &str) -> Result<Self, KnobError> {
        match text {
            "allow" => Ok(Self::Allow),
            "some" => Ok(Self::Some),
            "deny" => Ok(Self::Deny),
            "missing" => Ok(Self::Missing),
            "closed" => Ok(Self::Closed),
            "varied" => Ok(Self::Varied),
            _ => Err(KnobError::Word { text: text.to_owned(), known: "allow, some, deny, missing, closed, varied" }),
        }
    }
}

/// A part of all pages.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Share {
    permille: u32,
}

impl FromStr for Share {
    type Err = KnobError;

    fn from_str(text: &str) -> Result<Self, KnobError> {
        let share = text.trim().parse::<f64>().ok().filter(|share| (0.0..=1.0).contains(share));
        share.map(|share| Self { permille: thousandths(share) }).ok_or_else(|| KnobError::Share(text.to_owned()))
    }
}

impl<'de> Deserialize<'de> for Share {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        f64::deserialize(from)?.to_string().parse().map_err(de::Error::custom)
    }
}

/// Bytes a second.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Bandwidth(u32);

impl FromStr for Bandwidth {
    type Err = KnobError;

    fn from_str(text: &str) -> Result<Self, KnobError> {
        let digits = text.trim_end_matches(|c: char| !c.is_ascii_digit());
        let factor = match text[digits.len()..].trim() {
            "" | "B" => Some(1),
            "kB" => Some(1_000),
            "KiB" => Some(1 << 10),
            "MB" => Some(1_000_000),
            "MiB" => Some(1 << 20),
            _ => None,
        };
        let rate = digits.trim().parse::<u32>().ok().zip(factor).and_then(|(n, factor)| n.checked_mul(factor));
        rate.map(Self).ok_or_else(|| KnobError::Bandwidth(text.to_owned()))
    }
}

fn thousandths(number: f64) -> u32 {
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "it is between 0 and 3")]
    let permille = (number * 1000.0).round() as u32;
    permille
}

fn parsed<'de, D: Deserializer<'de>, T: FromStr<Err = KnobError>>(from: D) -> Result<Option<T>, D::Error> {
    Option::<String>::deserialize(from)?.map(|text| text.parse().map_err(de::Error::custom)).transpose()
}

/// What is wanted otherwise than it is.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Knobs {
    /// Of an exception: which hosts.
    pub hosts: Option<String>,
    /// How long pages wait.
    #[serde(default, deserialize_with = "parsed")]
    pub latency: Option<Latency>,
    /// How fast an answer's body comes.
    #[serde(default, deserialize_with = "parsed")]
    pub bandwidth: Option<Bandwidth>,
    /// [`Options::error_permille`].
    pub errors: Option<Share>,
    /// [`Options::redirect_permille`].
    pub redirects: Option<Share>,
    /// [`Options::slow_permille`].
    pub slow: Option<Share>,
    /// [`Options::truncated_permille`].
    pub truncated: Option<Share>,
    /// [`Options::retry_after_permille`].
    pub unavailable: Option<Share>,
    /// What robots.txt is like.
    #[serde(default, deserialize_with = "parsed")]
    pub robots: Option<Robots>,
    /// Whether there are sitemaps.
    pub sitemaps: Option<bool>,
    /// How pages are compressed for those who accept it.
    #[serde(default, deserialize_with = "parsed")]
    pub encoding: Option<Coding>,
    /// Whether each answer is the last of its connection.
    pub close: Option<bool>,
    /// Whether it is asked over TLS.
    pub tls: Option<bool>,
    /// Whether it speaks HTTP/2 too.
    pub http2: Option<bool>,
}

impl Knobs {
    /// Lays them over `options`.
    pub fn apply(&self, options: &mut Options) {
        fn set<T: Copy>(what: &mut T, to: Option<T>) {
            *what = to.unwrap_or(*what);
        }
        let permille = |share: Option<Share>| share.map(|share| share.permille);
        set(&mut options.latency, self.latency);
        set(&mut options.bandwidth, self.bandwidth.map(|rate| rate.0));
        set(&mut options.error_permille, permille(self.errors));
        set(&mut options.redirect_permille, permille(self.redirects));
        set(&mut options.slow_permille, permille(self.slow));
        set(&mut options.truncated_permille, permille(self.truncated));
        set(&mut options.retry_after_permille, permille(self.unavailable));
        set(&mut options.robots, self.robots);
        set(&mut options.sitemaps, self.sitemaps);
        set(&mut options.coding, self.encoding);
        set(&mut options.coded_permille, self.encoding.map(|coding| if coding == Coding::Identity { 0 } else { 1000 }));
        set(&mut options.closes, self.close);
        set(&mut options.is_secure, self.tls);
        set(&mut options.http2, self.http2);
    }
}

/// What is otherwise on some hosts. Of two that are for a host, the later one has the last word.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Exception {
    hosts: Hosts,
    knobs: Knobs,
}

#[derive(Debug, Clone, PartialEq, Eq)]
enum Hosts {
    Numbers(u32, u32),
    Names(String),
}

impl Exception {
    /// `knobs` on the hosts that `knobs.hosts` names: a number, a range `10-19`, or a glob over names.
    ///
    /// # Errors
    /// When it names none, or is no glob.
    pub fn new(knobs: Knobs) -> Result<Self, KnobError> {
        let text = knobs.hosts.as_deref().unwrap_or_default().trim();
        let wrong = || KnobError::Hosts(text.to_owned());
        let (first, last) = text.split_once('-').unwrap_or((text, text));
        let hosts = match (first.trim().parse(), last.trim().parse()) {
            (Ok(first), Ok(last)) if first <= last => Hosts::Numbers(first, last),
            (Ok(_), Ok(_)) => return Err(wrong()),
            _ if text.is_empty() => return Err(wrong()),
            _ => Glob::new(text).map(|_| Hosts::Names(text.to_owned())).map_err(|_| wrong())?,
        };
        Ok(Self { hosts, knobs })
    }

    pub(super) fn knobs(&self) -> &Knobs {
        &self.knobs
    }

    /// Tells of a host's number and name whether it is meant.
    pub(super) fn matcher(&self) -> impl Fn(u32, &str) -> bool + use<> {
        let names: Option<GlobMatcher> = match &self.hosts {
            Hosts::Numbers(..) => None,
            Hosts::Names(glob) => Glob::new(glob).ok().map(|glob| glob.compile_matcher()),
        };
        let numbers = match self.hosts {
            Hosts::Numbers(first, last) => first..=last,
            #[expect(clippy::reversed_empty_ranges, reason = "no number is meant")]
            Hosts::Names(_) => 1..=0,
        };
        move |number, name| numbers.contains(&number) || names.as_ref().is_some_and(|names| names.is_match(name))
    }
}

/// A file of knobs: `[all]` and any number of `[[host]]`.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
struct File {
    all: Knobs,
    host: Vec<Knobs>,
}

/// Reads a file of knobs (TOML): those for all hosts, and exceptions.
///
/// # Errors
/// When it is no such file; says what is wrong with it.
pub fn read(toml: &str) -> Result<(Knobs, Vec<Exception>), KnobError> {
    let file: File = config::Config::builder()
        .add_source(config::File::from_str(toml, config::FileFormat::Toml))
        .build()?
        .try_deserialize()?;
    if file.all.hosts.is_some() {
        return Err(KnobError::HostsOfAll);
    }
    let exceptions = file.host.into_iter().enumerate().map(|(n, knobs)| match knobs.hosts {
        None => Err(KnobError::NoHosts(n + 1)),
        Some(_) => Exception::new(knobs),
    });
    Ok((file.all, exceptions.collect::<Result<_, _>>()?))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ms(n: u64) -> Duration {
        Duration::from_millis(n)
    }

    #[test]
    fn latencies_are_read() {
        let check = |text: &str, expected| assert_eq!(text.parse::<Latency>().ok(), expected, "{text}");
        check("0", Some(Latency::NONE));
        check("20ms", Some(Latency::Even(ms(20), ms(20))));
        check("10ms-50ms", Some(Latency::Even(ms(10), ms(50))));
        check("lognormal:20ms,0.5", Some(Latency::LogNormal { median: ms(20), sigma_permille: 500 }));
        for wrong in ["", "20", "50ms-10ms", "lognormal:20ms", "lognormal:20ms,-1", "lognormal:20ms,NaN", "2h", "-"] {
            check(wrong, None);
        }
    }

    #[test]
    fn a_log_normal_latency_has_its_median_and_its_spread() {
        let latency = Latency::LogNormal { median: ms(100), sigma_permille: 500 };
        let mut dice = Dice::again(5);
        let mut rolls: Vec<Duration> = (0..10_001).map(|_| latency.roll(&mut dice)).collect();
        rolls.sort_unstable();
        assert!((97..=103).contains(&rolls[5_000].as_millis()), "{:?}", rolls[5_000]);
        // One standard deviation above the median: e^0.5 times as much.
        assert!((155..=175).contains(&rolls[8_413].as_millis()), "{:?}", rolls[8_413]);
        let wild = Latency::LogNormal { median: MAX_LATENCY, sigma_permille: 3000 };
        assert!((0..1000).all(|_| wild.roll(&mut dice) <= MAX_LATENCY));
    }

    #[test]
    fn bandwidths_and_shares_are_read() {
        let rate = |text: &str| text.parse::<Bandwidth>().ok().map(|rate| rate.0);
        assert_eq!(
            ["500", "64 KiB", "1MB", "5 GB", "", "-1", "é", "9999 MiB"].map(rate),
            [Some(500), Some(65_536), Some(1_000_000), None, None, None, None, None]
        );
        let share = |text: &str| text.parse::<Share>().ok().map(|share| share.permille);
        assert_eq!(
            ["0.01", "1", "0", "1.1", "-0.1", "nan", "x"].map(share),
            [Some(10), Some(1000), Some(0), None, None, None, None]
        );
    }

    #[test]
    fn a_file_gives_knobs_and_exceptions() {
        let (all, exceptions) = read(
            "[all]\nlatency = \"5ms\"\nrobots = \"some\"\n[[host]]\nhosts = \"2-3\"\nerrors = 0.5\nclose = true\n\
             [[host]]\nhosts = \"h3.*\"\nencoding = \"br\"\n",
        )
        .expect("it is fine");
        assert_eq!((all.latency, all.robots), (Some(Latency::Even(ms(5), ms(5))), Some(Robots::Some)));
        let hit = |n: u32| exceptions.iter().map(|it| it.matcher()(n, &format!("h{n}.vitro.test"))).collect::<Vec<_>>();
        assert_eq!(
            [1, 2, 3, 30].map(hit),
            [vec![false, false], vec![true, false], vec![true, true], vec![false, false]]
        );
        let mut options = Options::instrument(4, 100);
        exceptions.iter().for_each(|exception| exception.knobs().apply(&mut options));
        assert!(options.closes && options.error_permille == 500 && options.coding == Coding::Brotli);
        assert_eq!(options.coded_permille, 1000);
    }

    #[test]
    fn what_is_no_file_of_knobs_says_what_is_wrong_with_it() {
        for (text, words) in [
            ("[all]\nlatnecy = \"5ms\"", "latnecy"),
            ("[all]\nlatency = 5", "latency"),
            ("[all]\nerrors = 2.0", "share"),
            ("[all]\nhosts = \"1\"", "[all] is for all hosts"),
            ("[[host]]\nerrors = 0.1", "number 1 does not say"),
            ("[[host]]\nhosts = \"9-1\"", "\"9-1\" are no hosts"),
            ("[[host]]\nhosts = \"[\"", "are no hosts"),
            ("[[host]]\nhosts = \"\"", "are no hosts"),
            ("[all]\nrobots = \"maybe\"", "none of allow, some"),
            ("= 3", ""),
            ("[[all]]", ""),
        ] {
            let error = read(text).expect_err(text).to_string();
            assert!(error.contains(words), "{text}: {error}");
        }
    }
}
