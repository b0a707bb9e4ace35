//! What a site says its content may be *used* for: signals beside robots.txt's yes and no.
//!
//! None of them is a standard yet, all are met in the wild, and a few have weight in law (the
//! reservation of article 4 of the EU's directive 2019/790). They are kept as they were said and
//! understood as far as they can be:
//!
//! | name | where | who says so |
//! |---|---|---|
//! | `content-signal` | robots.txt, header | contentsignals.org: `search`, `ai-input`, `ai-train` = `yes`/`no` |
//! | `content-usage` | robots.txt, header | IETF AIPREF: `train-ai`, `search`, … = `y`/`n` |
//! | `ai-training` | robots.txt | draft-canel-robots-ai-control: `DisallowAITraining`, `AllowAITraining` |
//! | `llm-policy` | robots.txt, header, meta | no one: an address of terms, or words such as `noai` |
//! | `tdm-reservation`, `tdm-policy` | header, meta, `/.well-known/tdmrep.json` | W3C TDM Reservation Protocol |
//! | `noai`, `noimageai` | meta and header robots | `DeviantArt`, and others after it |
//!
//! Deliberately not here: whether a signal binds us (`Policy::decide`), and asking for anything.
//! At most [`MAX_SIGNALS`] of at most [`MAX_SIGNAL_BYTES`] each are kept from one place.

use http::HeaderMap;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{MAX_SIGNAL_BYTES, MAX_SIGNALS, index, lines::trim, octets};

/// Where a signal stood.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Source {
    /// In robots.txt, in a group that concerns us or before all groups.
    Robots,
    /// In the answer's header.
    Header,
    /// In a `<meta>` element.
    Meta,
    /// In `/.well-known/tdmrep.json`.
    WellKnown,
}

/// What content may be used for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Purpose {
    /// Building a search index and showing its results.
    Search,
    /// Input of a model that answers (grounding, retrieval).
    AiInput,
    /// Training or tuning a model.
    AiTrain,
    /// Text and data mining, of which training a model is a case.
    Tdm,
}

impl Purpose {
    /// Every value, in the order of declaration.
    pub const ALL: [Self; 4] = [Self::Search, Self::AiInput, Self::AiTrain, Self::Tdm];

    /// By its name in the configuration.
    pub fn named(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|purpose| purpose.as_str() == name)
    }

    /// As in the configuration: `ai-train`.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Search => "search",
            Self::AiInput => "ai-input",
            Self::AiTrain => "ai-train",
            Self::Tdm => "tdm",
        }
    }
}

/// One thing that was said.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Signal {
    /// Where.
    pub source: Source,
    /// Lower case; see the table in the module's essay.
    pub name: String,
    /// As written.
    pub value: String,
    /// The pattern of the paths that it is about, when not all of the site or page.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub path: Option<String>,
}

/// What was said, in order.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(transparent)]
pub struct Signals(Vec<Signal>);

/// Names of header fields and `<meta>` elements that are signals.
const NAMES: [&str; 5] = ["content-signal", "content-usage", "llm-policy", "tdm-reservation", "tdm-policy"];

impl Signals {
    /// From an answer's header, `X-Robots-Tag: noai` included.
    pub fn from_headers(headers: &HeaderMap) -> Self {
        let mut signals = Self::default();
        for name in NAMES {
            for value in headers.get_all(name) {
                signals.add(Source::Header, name, value.as_bytes(), None);
            }
        }
        for value in headers.get_all("x-robots-tag") {
            signals.add_robots_words(Source::Header, &String::from_utf8_lossy(value.as_bytes()));
        }
        signals
    }

    /// From pairs of `name` and `content` of a page's `<meta>` elements; other names are passed over.
    pub fn from_meta<'a>(elements: impl IntoIterator<Item = (&'a str, &'a str)>) -> Self {
        let mut signals = Self::default();
        for (name, content) in elements {
            let name = name.trim().to_ascii_lowercase();
            if NAMES.contains(&name.as_str()) {
                signals.add(Source::Meta, &name, content.as_bytes(), None);
            } else if name == "robots" {
                signals.add_robots_words(Source::Meta, content);
            }
        }
        signals
    }

    /// From `/.well-known/tdmrep.json`: a list of `location`, `tdm-reservation`, `tdm-policy`. What
    /// is something else is passed over.
    pub fn from_tdmrep(json: &[u8]) -> Self {
        #[derive(Deserialize)]
        struct Rule {
            location: String,
            #[serde(rename = "tdm-reservation")]
            reservation: serde_json::Value,
            #[serde(rename = "tdm-policy")]
            policy: Option<String>,
        }
        let mut signals = Self::default();
        let rules: Vec<serde_json::Value> = serde_json::from_slice(json).unwrap_or_default();
        for rule in rules.into_iter().filter_map(|rule| serde_json::from_value::<Rule>(rule).ok()) {
            let path = Some(rule.location.as_str());
            let reservation = rule.reservation.to_string();
            signals.add(Source::WellKnown, "tdm-reservation", reservation.trim_matches('"').as_bytes(), path);
            if let Some(policy) = rule.policy {
                signals.add(Source::WellKnown, "tdm-policy", policy.as_bytes(), path);
            }
        }
        signals
    }

    /// From a line of robots.txt, whose name is one of `Directive::Usage`'s. Its value may begin
    /// with the path that it is about.
    pub(super) fn add_line(&mut self, name: &'static str, value: &[u8]) {
        let first = value.split(u8::is_ascii_whitespace).next().unwrap_or_default();
        match name {
            "disallowaitraining" | "allowaitraining" => {
                let says = if name == "allowaitraining" { "yes" } else { "no" };
                // As with rules, an empty path is no path at all.
                if !value.is_empty() {
                    self.add(Source::Robots, "ai-training", says.as_bytes(), Some(&String::from_utf8_lossy(value)));
                }
            }
            "content-signal" | "content-usage" if matches!(first, [b'/' | b'*', ..]) => {
                let said = trim(&value[first.len()..]);
                self.add(Source::Robots, name, said, Some(&String::from_utf8_lossy(first)));
            }
            _ => self.add(Source::Robots, name, value, None),
        }
    }

    fn add_robots_words(&mut self, source: Source, text: &str) {
        for word in text.split(|c: char| c == ',' || c == ':' || c.is_whitespace()) {
            for name in ["noai", "noimageai"] {
                if word.eq_ignore_ascii_case(name) && !self.0.iter().any(|said| said.name == name) {
                    self.add(source, name, b"", None);
                }
            }
        }
    }

    fn add(&mut self, source: Source, name: &str, value: &[u8], path: Option<&str>) {
        let value = &value[..value.len().min(MAX_SIGNAL_BYTES)];
        let too_long = path.is_some_and(|path| path.len() > MAX_SIGNAL_BYTES);
        if self.0.len() < MAX_SIGNALS && !too_long {
            let value = String::from_utf8_lossy(trim(value)).into_owned();
            self.0.push(Signal { source, name: name.to_owned(), value, path: path.map(str::to_owned) });
        }
    }

    /// Adds what was said elsewhere.
    pub fn extend(&mut self, more: &Self) {
        self.0.extend(more.0.iter().cloned());
    }

    /// In order.
    pub fn iter(&self) -> impl Iterator<Item = &Signal> {
        self.0.iter()
    }

    /// Whether nothing was said.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Those that concern a path with its query, without the paths that they are about: of each name
    /// the ones whose pattern is longest, as with rules; one without a pattern is about all paths.
    #[must_use]
    pub fn at(&self, path_and_query: &str) -> Self {
        let path = octets::normalise_path(path_and_query);
        let reach = |signal: &Signal| -> Option<usize> {
            let Some(pattern) = &signal.path else { return Some(0) };
            let pattern = octets::normalise_pattern(pattern.as_bytes())?;
            let decode = if pattern.contains('?') { octets::decode_query } else { octets::decode_as_path };
            index::matches(&pattern, &decode(&path)).then_some(pattern.len())
        };
        let reached: Vec<(usize, &Signal)> = self.0.iter().filter_map(|s| Some((reach(s)?, s))).collect();
        let is_nearest = |(length, signal): &&(usize, &Signal)| {
            let same = |(_, other): &&(usize, &Signal)| other.name == signal.name && other.source == signal.source;
            reached.iter().filter(same).all(|(other, _)| other <= length)
        };
        Self(reached.iter().filter(is_nearest).map(|(_, signal)| Signal { path: None, ..(*signal).clone() }).collect())
    }

    /// Whether a use is reserved: `Some(true)` when any signal says no to it, `Some(false)` when some
    /// say yes and none says no, `None` when none speaks of it. A reservation of text and data mining
    /// reserves training too, unless training is allowed by name.
    ///
    /// Paths are not looked at; ask [`Signals::at`] first.
    pub fn reserves(&self, purpose: Purpose) -> Option<bool> {
        let said = |purpose: Purpose| {
            let words = self.0.iter().flat_map(statements).filter(|(about, _)| *about == purpose);
            words.map(|(_, reserved)| reserved).reduce(|any, reserved| any || reserved)
        };
        match (said(purpose), purpose) {
            (None, Purpose::AiTrain) => said(Purpose::Tdm).filter(|reserved| *reserved),
            (said, _) => said,
        }
    }
}

/// What a signal says about which purposes, and whether it reserves them.
fn statements(signal: &Signal) -> Vec<(Purpose, bool)> {
    use Purpose::{AiTrain, Tdm};
    match signal.name.as_str() {
        "content-signal" | "content-usage" => {
            signal.value.split([',', ';']).filter_map(|item| item.split_once('=')).flat_map(preference).collect()
        }
        "ai-training" => vec![(AiTrain, signal.value == "no")],
        "noai" | "noimageai" => vec![(AiTrain, true)],
        "tdm-reservation" => match signal.value.as_str() {
            "1" => vec![(Tdm, true)],
            "0" => vec![(Tdm, false)],
            _ => Vec::new(),
        },
        "llm-policy" => {
            let words = signal.value.split([',', ';']).map(|word| word.trim().to_ascii_lowercase());
            words.flat_map(|word| policy_word(&word)).collect()
        }
        _ => Vec::new(),
    }
}

/// One `purpose=yes`, in the words of contentsignals.org and of AIPREF's drafts.
fn preference((key, value): (&str, &str)) -> Vec<(Purpose, bool)> {
    use Purpose::{AiInput, AiTrain, Search, Tdm};
    let reserved = match value.trim().trim_matches('"').to_ascii_lowercase().as_str() {
        "no" | "n" | "?0" => true,
        "yes" | "y" | "?1" => false,
        _ => return Vec::new(),
    };
    let key = key.trim().to_ascii_lowercase().replace('_', "-");
    let purposes: &[Purpose] = match key.as_str() {
        "search" => &[Search],
        "ai-input" | "ai-use" => &[AiInput],
        "ai-train" | "train-ai" | "genai" | "train-genai" => &[AiTrain],
        "ai" => &[AiInput, AiTrain],
        "tdm" => &[Tdm],
        "bots" | "all" => &Purpose::ALL,
        _ => &[],
    };
    purposes.iter().map(|purpose| (*purpose, reserved)).collect()
}

/// One word of an `llm-policy`, which nobody has defined; an address of terms says nothing by itself.
fn policy_word(word: &str) -> Vec<(Purpose, bool)> {
    use Purpose::{AiInput, AiTrain};
    match word.split_once(['=', ':']) {
        Some((key, value)) => {
            let reserved = match value.trim() {
                "no" | "n" | "deny" | "disallow" | "disallowed" | "false" | "none" => true,
                "yes" | "y" | "allow" | "allowed" | "true" => false,
                _ => return Vec::new(),
            };
            match key.trim() {
                "train" | "training" | "ai-train" | "train-ai" => vec![(AiTrain, reserved)],
                "input" | "inference" | "ai-input" | "grounding" | "rag" => vec![(AiInput, reserved)],
                _ => Vec::new(),
            }
        }
        None => match word {
            "noai" | "no-ai" | "none" | "deny" | "disallow" => vec![(AiTrain, true), (AiInput, true)],
            "notrain" | "no-train" | "no-training" => vec![(AiTrain, true)],
            "allow" | "all" => vec![(AiTrain, false), (AiInput, false)],
            _ => Vec::new(),
        },
    }
}

#[cfg(test)]
mod tests {
    use http::HeaderValue;
    use proptest::prelude::*;

    use super::*;

    /// What is said of `search`, `ai-input`, `ai-train`, `tdm`: `n`o, `y`es or `-`.
    fn said(signals: &Signals) -> String {
        let letter = |purpose| match signals.reserves(purpose) {
            Some(true) => 'n',
            Some(false) => 'y',
            None => '-',
        };
        Purpose::ALL.map(letter).iter().collect()
    }

    #[track_caller]
    fn check_header(name: &'static str, value: &'static str, expected: &str) {
        let headers = HeaderMap::from_iter([(http::HeaderName::from_static(name), HeaderValue::from_static(value))]);
        let signals = Signals::from_headers(&headers);
        assert_eq!(said(&signals), expected, "{name}: {value}");
    }

    #[test]
    fn headers() {
        check_header("content-signal", "search=yes, ai-input=no, ai-train=no", "ynn-");
        check_header("content-signal", "Search = YES,ai_train=no;foo=no,=,x", "y-n-");
        check_header("content-usage", "train-ai=n, search=y", "y-n-");
        check_header("content-usage", "bots=n", "nnnn");
        check_header("tdm-reservation", "1", "--nn");
        check_header("tdm-reservation", "0", "---y");
        check_header("tdm-policy", "https://h/p.json", "----");
        check_header("llm-policy", "https://h/terms", "----");
        check_header("llm-policy", "training=deny, inference=allow", "-yn-");
        check_header("llm-policy", "noai", "-nn-");
        check_header("x-robots-tag", "noindex, NoAI, noimageai", "--n-");
    }

    #[test]
    fn meta_elements() {
        let elements = [("TDM-Reservation", "1"), ("tdm-policy", "https://h/p"), ("description", "x")];
        let signals = Signals::from_meta(elements);
        assert_eq!(said(&signals), "--nn");
        assert_eq!(signals.iter().map(|s| s.name.as_str()).collect::<Vec<_>>(), ["tdm-reservation", "tdm-policy"]);
        assert_eq!(said(&Signals::from_meta([("robots", "noindex,noai")])), "--n-");
    }

    #[test]
    fn training_by_name_goes_before_mining() {
        let mut signals = Signals::from_meta([("tdm-reservation", "1")]);
        signals.extend(&Signals::from_meta([("content-signal", "ai-train=yes")]));
        assert_eq!(said(&signals), "--yn");
        signals.extend(&Signals::from_meta([("content-usage", "train-ai=n")]));
        assert_eq!(said(&signals), "--nn", "any no is a no");
    }

    #[test]
    fn lines_with_paths() {
        let mut signals = Signals::default();
        signals.add_line("content-usage", b"train-ai=n");
        signals.add_line("content-usage", b"/open/ train-ai=y");
        signals.add_line("content-usage", b"/open/but*closed$ train-ai=n");
        signals.add_line("disallowaitraining", b"/secret");
        signals.add_line("disallowaitraining", b"");
        let at = |path: &str| said(&signals.at(path));
        assert_eq!([at("/"), at("/open/x"), at("/open/but/closed"), at("/secret")], ["--n-", "--y-", "--n-", "--n-"]);
        assert!(signals.at("/open/x").iter().all(|signal| signal.path.is_none()));
    }

    #[test]
    fn tdmrep() {
        let json = br#"[{"location": "/a/*", "tdm-reservation": 1, "tdm-policy": "https://h/p"}, 7,
            {"location": "/a/free/", "tdm-reservation": 0}, {"tdm-reservation": 1}]"#;
        let signals = Signals::from_tdmrep(json);
        let at = |path: &str| said(&signals.at(path));
        assert_eq!([at("/"), at("/a/x"), at("/a/free/x")], ["----", "--nn", "---y"]);
        assert!(Signals::from_tdmrep(b"{").is_empty());
    }

    #[test]
    fn bounded() {
        let mut signals = Signals::default();
        for _ in 0..=MAX_SIGNALS {
            signals.add_line("content-signal", &vec![b'x'; MAX_SIGNAL_BYTES + 1]);
        }
        assert_eq!(signals.0.len(), MAX_SIGNALS);
        assert!(signals.iter().all(|signal| signal.value.len() == MAX_SIGNAL_BYTES));
    }

    proptest! {
        #[test]
        fn anything_may_be_said(value in prop::collection::vec(any::<u8>(), 0..60), path in any::<String>()) {
            let mut signals = Signals::from_tdmrep(&value);
            for name in ["content-signal", "content-usage", "llm-policy", "allowaitraining"] {
                signals.add_line(name, &value);
            }
            let _ = Purpose::ALL.map(|purpose| signals.at(&path).reserves(purpose));
        }
    }
}
