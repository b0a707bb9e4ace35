//! The document of a crawl that somebody sends to the daemon: a configuration file like any other, laid over the
//! daemon's own, and judged more strictly.
//!
//! Whoever sends it is a guest. What he may set is listed in [`MAY`], and each number only to the side of the
//! operator's that costs servers and the daemon less; everything else is the operator's: the guard, proxies, TLS,
//! files, what is read from the environment. What is not listed is refused, so that a key that comes new is closed.

use std::{collections::BTreeSet, path::Path};

use serde_json::{Map, Value as Json, json};

use super::{
    ConfigErrors, Fault, Problem, Settings, Sources,
    inspect::inspect,
    layers::{Environment, Layer, Origin, get},
    load::{self, Purpose},
    path::KeyPath,
    schema::{Node, Shape},
};

/// As messages call it.
const NAME: &str = "document";
/// As messages call where the operator's values stand.
const OPERATORS: &str = "the daemon's configuration";
/// Most keys of a document, longest of them, and most patterns in a list.
const MAX_KEYS: usize = 1000;
const MAX_KEY_BYTES: usize = 256;
const MAX_PATTERNS: usize = 200;

/// To which side a value may differ from the operator's.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum May {
    /// To any.
    Differ,
    /// It is a number, and may be less.
    BeLess,
    /// It is a number, and may be more.
    BeMore,
    /// It may be true, whatever the operator's is.
    BeTrue,
    /// It may be this text, whatever the operator's is.
    BeText(&'static str),
    /// Texts only: nothing that is read from somewhere.
    BeTexts,
}

/// What a document may set; a section stands for all its keys.
const MAY: &[(&str, May)] = &[
    ("job.name", May::Differ),
    ("job.contact", May::Differ),
    ("seeds.urls", May::Differ),
    ("seeds.sitemaps", May::Differ),
    ("canonical", May::Differ),
    ("scope", May::Differ),
    ("traps", May::Differ),
    ("politeness.rate", May::BeLess),
    ("politeness.burst", May::BeLess),
    ("politeness.per_host", May::BeLess),
    ("politeness.delay", May::BeMore),
    ("politeness.adaptive", May::BeMore),
    ("politeness.adaptive_min", May::BeMore),
    ("politeness.adaptive_max", May::BeMore),
    ("politeness.ip_rate", May::BeLess),
    ("politeness.ip_connections", May::BeLess),
    ("politeness.domain_rate", May::BeLess),
    ("politeness.domain_connections", May::BeLess),
    ("politeness.crawl_delay", May::BeTrue),
    ("politeness.max_delay", May::BeMore),
    ("politeness.backoff_base", May::BeMore),
    ("politeness.backoff_max", May::BeMore),
    ("politeness.retry_min", May::BeLess),
    ("politeness.retry_percent", May::BeLess),
    ("limits.pages", May::BeLess),
    ("limits.bytes", May::BeLess),
    ("limits.duration", May::BeLess),
    ("limits.depth", May::BeLess),
    ("limits.queue", May::BeLess),
    ("limits.pages_per_host", May::BeLess),
    ("limits.bytes_per_host", May::BeLess),
    ("limits.pages_per_directory", May::BeLess),
    ("limits.directory_levels", May::Differ),
    ("limits.errors_in_row", May::BeLess),
    ("limits.rate", May::BeLess),
    ("links", May::Differ),
    ("fetch.accept_language", May::Differ),
    ("fetch.headers", May::BeTexts),
    ("fetch.body", May::BeLess),
    ("fetch.concurrency", May::BeLess),
    ("fetch.retries", May::BeLess),
    ("fetch.retry_base", May::BeMore),
    ("fetch.retry_max", May::BeMore),
    ("fetch.max_redirects", May::BeLess),
    ("fetch.nofollow", May::Differ),
    ("cookies.enabled", May::Differ),
    ("cookies.max", May::BeLess),
    ("cookies.max_per_domain", May::BeLess),
    ("robots.mode", May::BeText("obey")),
    ("robots.signals", May::BeText("obey")),
    ("robots.sitemaps", May::Differ),
    ("sitemaps.max_size", May::BeLess),
    ("sitemaps.max_entries", May::BeLess),
    ("sitemaps.nesting", May::BeLess),
    ("sitemaps.newest_first", May::Differ),
    ("sitemaps.alternates", May::Differ),
    ("frontier.active_hosts", May::BeLess),
    ("frontier.session_budget", May::Differ),
    ("recrawl", May::Differ),
    ("outputs", May::Differ),
];

/// How a document is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum DocumentFormat {
    /// TOML, as in a file.
    Toml,
    /// The same as JSON.
    Json,
}

/// A document that can be read; what it means is not judged yet.
#[derive(Debug, Clone)]
pub struct Document {
    tree: Json,
    origin: Origin,
}

impl Document {
    /// Reads a text.
    ///
    /// # Errors
    /// What is wrong with its notation, and on which line.
    pub fn parse(text: &str, format: DocumentFormat) -> Result<Self, ConfigErrors> {
        let format = match format {
            DocumentFormat::Toml => config::FileFormat::Toml,
            DocumentFormat::Json => config::FileFormat::Json,
        };
        let (tree, origin) = load::read_text_of(NAME, text, format).map_err(|problem| ConfigErrors(vec![problem]))?;
        Ok(Self { tree, origin })
    }

    /// One that was read before.
    pub fn of(tree: Json) -> Self {
        Self { tree, origin: Origin::File { name: NAME.to_owned(), lines: super::lines::Lines::default() } }
    }

    /// What it says.
    pub fn tree(&self) -> &Json {
        &self.tree
    }
}

/// The daemon's own configuration, on which documents are laid.
#[derive(Debug, Clone)]
pub struct Base {
    layers: Vec<Layer>,
    merged: Json,
    environment: Environment,
    settings: Settings,
}

impl Base {
    /// Reads and checks the daemon's configuration.
    ///
    /// # Errors
    /// All that is wrong with it.
    pub fn load(sources: &Sources) -> Result<Self, ConfigErrors> {
        let sources = Sources { purpose: Purpose::Daemon, ..sources.clone() };
        let layers = sources.layers()?;
        let (merged, settings) = sources.checked(layers.clone(), Vec::new())?;
        let layers = layers.into_iter().map(without_seeds).collect();
        Ok(Self { layers, merged: merged.tree, environment: sources.environment, settings })
    }

    /// Keys in which another configuration differs, of those below any of `paths`.
    pub fn differences(&self, other: &Self, paths: &[&str]) -> Vec<String> {
        let mut keys = Vec::new();
        for path in paths {
            differ(path, at(&self.merged, path), at(&other.merged, path), &mut keys);
        }
        keys
    }

    /// Whether there is such a key, or section.
    #[cfg(test)]
    pub(crate) fn knows(&self, path: &str) -> bool {
        !at(&self.merged, path).is_null()
    }

    /// The operator's settings.
    pub fn settings(&self) -> &Settings {
        &self.settings
    }

    /// The settings of a crawl into `out`.
    ///
    /// # Errors
    /// All that is wrong with the document.
    pub fn crawl(&self, document: &Document, out: &Path) -> Result<Settings, ConfigErrors> {
        too_many(&document.tree).map_or(Ok(()), |why| Err(ConfigErrors(vec![whole(&why)])))?;
        let mut problems = Vec::new();
        let tree = inspect(&document.tree, &document.origin, &mut problems);
        judge(Node::root(), &KeyPath::default(), &tree, &self.merged, &mut |path, message| {
            let (origin, key) = (document.origin.of(path), path.to_string());
            problems.push(Problem { origin, key, fault: Fault::Meaningless(message) });
        });
        if !problems.is_empty() {
            // What a guest may not name is not so much as looked at: a message about a file would tell what is in it.
            return Err(ConfigErrors(problems));
        }
        let place = json!({"job": {"out": out.to_string_lossy()}});
        let mut layers = self.layers.clone();
        layers.push(Layer { tree, origin: document.origin.clone() });
        layers.push(Layer { tree: place, origin: Origin::Default });
        let sources = Sources { environment: self.environment.clone(), ..Sources::default() };
        let checked = sources.checked_as(NAME, layers, Vec::new());
        let (_, settings) = checked.map_err(|errors| ConfigErrors(errors.0.into_iter().map(discreet).collect()))?;
        Ok(settings)
    }
}

/// Why a document is too much to be judged: what follows takes time for each key and each pattern.
fn too_many(tree: &Json) -> Option<String> {
    fn keys(tree: &Json) -> usize {
        match tree {
            Json::Object(entries) => entries.values().map(|value| 1 + keys(value)).sum(),
            Json::Array(items) => items.iter().map(keys).sum(),
            _ => 0,
        }
    }
    fn longest_key(tree: &Json) -> usize {
        match tree {
            Json::Object(entries) => {
                entries.iter().map(|(key, value)| key.len().max(longest_key(value))).max().unwrap_or(0)
            }
            Json::Array(items) => items.iter().map(longest_key).max().unwrap_or(0),
            _ => 0,
        }
    }
    let lists = |section: &str, most: usize| {
        let lists = tree[section].as_object().into_iter().flatten();
        let long = lists.filter(|(_, list)| list.as_array().is_some_and(|items| items.len() > most));
        long.map(|(key, _)| format!("{section}.{key} may have {most} entries")).next()
    };
    if keys(tree) > MAX_KEYS {
        return Some(format!("a document may have {MAX_KEYS} keys"));
    }
    if longest_key(tree) > MAX_KEY_BYTES {
        return Some(format!("a key may have {MAX_KEY_BYTES} bytes"));
    }
    lists("scope", MAX_PATTERNS).or_else(|| lists("traps", MAX_PATTERNS)).or_else(|| lists("canonical", MAX_PATTERNS))
}

/// A problem of the document as a whole.
fn whole(why: &str) -> Problem {
    Problem { origin: NAME.to_owned(), key: String::new(), fault: Fault::Meaningless(why.to_owned()) }
}

/// A problem as a guest may hear of it: where the operator's files lie is nobody's business.
fn discreet(mut problem: Problem) -> Problem {
    if problem.origin.strip_prefix(NAME).is_none_or(|rest| !rest.is_empty() && !rest.starts_with(':')) {
        OPERATORS.clone_into(&mut problem.origin);
    }
    problem
}

fn at<'a>(tree: &'a Json, path: &str) -> &'a Json {
    path.split('.').fold(tree, |tree, key| &tree[key])
}

/// Adds the keys of two trees below `path` that have other values.
fn differ(path: &str, ours: &Json, theirs: &Json, keys: &mut Vec<String>) {
    match (ours, theirs) {
        (Json::Object(ours), Json::Object(theirs)) => {
            let names: BTreeSet<&String> = ours.keys().chain(theirs.keys()).collect();
            for name in names {
                let value = |of: &Map<String, Json>| of.get(name).cloned().unwrap_or_default();
                differ(&format!("{path}.{name}"), &value(ours), &value(theirs), keys);
            }
        }
        _ if ours != theirs => keys.push(path.to_owned()),
        _ => {}
    }
}

/// A daemon has no seeds of its own that a crawl could begin with by mistake.
fn without_seeds(mut layer: Layer) -> Layer {
    if let Some(tree) = layer.tree.as_object_mut().filter(|_| !matches!(layer.origin, Origin::Default)) {
        tree.remove("seeds");
    }
    layer
}

/// Tells what in `tree` is not for a guest to set.
fn judge(node: Node<'_>, path: &KeyPath, tree: &Json, operator: &Json, tell: &mut dyn FnMut(&KeyPath, String)) {
    match (node.shape(), tree) {
        (Shape::Table, Json::Object(entries)) => {
            for (key, value) in entries {
                if let Some(child) = node.child(key) {
                    judge(child, &path.key(key), value, operator, tell);
                }
            }
        }
        _ => {
            if let Some(message) = verdict(node, path, tree, get(operator, path)) {
                tell(path, message);
            }
        }
    }
}

/// What is wrong with a value, if anything.
fn verdict(node: Node<'_>, path: &KeyPath, value: &Json, operator: Option<&Json>) -> Option<String> {
    let key = path.to_string();
    let section = key.split('.').next().unwrap_or_default();
    let may = MAY.iter().find(|(name, _)| *name == key || *name == section).map(|(_, may)| *may);
    let theirs = || operator.map_or_else(|| "not set".to_owned(), |value| super::rows::to_toml(value).to_string());
    let (value_size, operator_size) = (size(node, value), operator.map_or(f64::INFINITY, |value| size(node, value)));
    match may {
        None => Some("is for the operator of the daemon to set, not for a crawl's document".to_owned()),
        Some(May::Differ) => None,
        Some(May::BeLess) if value_size > operator_size => {
            Some(format!("may not be more than the daemon's, {}", theirs()))
        }
        Some(May::BeMore) if value_size < operator_size => {
            Some(format!("may not be less than the daemon's, {}", theirs()))
        }
        Some(May::BeLess | May::BeMore) => None,
        Some(May::BeTrue | May::BeText(_)) if Some(value) == operator => None,
        Some(May::BeTrue) if value.as_bool() == Some(true) => None,
        Some(May::BeText(this)) if value.as_str() == Some(this) => None,
        Some(May::BeTrue) => Some(format!("may only be true, or as the daemon has it: {}", theirs())),
        Some(May::BeText(this)) => Some(format!("may only be {this:?}, or as the daemon has it: {}", theirs())),
        Some(May::BeTexts) if value.as_object().is_some_and(|entries| entries.values().all(Json::is_string)) => None,
        Some(May::BeTexts) => Some("may only hold texts: a crawl's document reads nothing from elsewhere".to_owned()),
    }
}

/// For comparisons: what has no size has no end, unless it is a factor that is off.
fn size(node: Node<'_>, value: &Json) -> f64 {
    node.measure(value).unwrap_or(if node.is_factor() { 0.0 } else { f64::INFINITY })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::Flags;

    fn base(change: impl FnOnce(&mut Flags)) -> Base {
        let mut flags = Flags::default();
        flags.set("job.contact", "test", "me@example.org");
        change(&mut flags);
        let environment = Environment::given([("SECRET", "sesame")]);
        Base::load(&Sources { flags, environment, ..Sources::default() }).unwrap()
    }

    fn told(base: &Base, text: &str) -> Vec<String> {
        let document = Document::parse(text, DocumentFormat::Toml).unwrap();
        let problems = base.crawl(&document, Path::new("out")).map(drop).unwrap_err().0;
        problems.iter().map(ToString::to_string).collect()
    }

    #[test]
    fn a_document_is_laid_over_what_the_operator_says() {
        let base = base(|flags| flags.set("politeness.rate", "test", "2/s"));
        let text = "seeds.urls = ['https://example.com/']\n[politeness]\nrate = '1/s'\n[limits]\npages = 10\n";
        let document = Document::parse(text, DocumentFormat::Toml).unwrap();
        let settings = base.crawl(&document, Path::new("data/x")).unwrap();
        assert_eq!(settings.limits.pages, Some(10));
        assert_eq!(settings.job.out, Path::new("data/x"));
        assert_eq!(settings.job.name, "example.com");
        assert_eq!(settings.politeness.default.interval.as_secs(), 1);
        let again = Document::of(document.tree().clone());
        assert_eq!(base.crawl(&again, Path::new("data/x")).unwrap().fingerprint(), settings.fingerprint());
        let json = Document::parse(&document.tree().to_string(), DocumentFormat::Json).unwrap();
        assert_eq!(json.tree(), document.tree());
    }

    #[test]
    fn a_guest_can_not_widen_what_the_operator_set() {
        let base = base(|flags| {
            flags.set("limits.pages", "test", "1000");
            flags.set("politeness.adaptive", "test", "2");
        });
        let check = |line: &str, expected: &str| {
            let all = told(&base, &format!("seeds.urls = ['https://example.com/']\n{line}\n"));
            assert_eq!(all.len(), 1, "{line}: {all:?}");
            assert!(all[0].starts_with("document:2: ") && all[0].contains(expected), "{line}: {all:?}");
        };
        check("limits.pages = 1001", "may not be more than the daemon's, 1000");
        check("limits.pages = 'unlimited'", "may not be more");
        check("politeness.rate = '2/s'", "may not be more than the daemon's, \"1/s\"");
        check("politeness.rate = 'unlimited'", "may not be more");
        check("politeness.adaptive = 'off'", "may not be less");
        check("politeness.adaptive = 1.5", "may not be less");
        check("politeness.crawl_delay = false", "may only be true");
        check("politeness.backoff_max = '3s'", "may not be less");
        check("robots.mode = 'ignore'", "may only be \"obey\"");
        check("fetch.allow_addresses = ['loopback']", "operator");
        check("fetch.resolve.'example.com' = '127.0.0.1'", "operator");
        check("fetch.headers.X-Secret = { env = 'SECRET' }", "reads nothing from elsewhere");
        check("proxy.urls = ['http://127.0.0.1:1']", "operator");
        check("job.out = '/etc'", "operator");
        check("seeds.files = ['/etc/passwd']", "operator");
        check("seeds.files = ['Cargo.toml']", "operator");
        check("seeds.stdin = true", "operator");
        check("cookies.file = '/etc/passwd'", "operator");
        check("daemon.listen = '0.0.0.0:1'", "operator");
        check("auth = [{ origin = 'https://example.com', bearer = { env = 'SECRET' } }]", "operator");
        check("host = [{ match = 'example.com', rate = 'unlimited' }]", "operator");
        check("telemetry.log = 'trace'", "operator");
        check("traces.endpoint = 'http://127.0.0.1:4318'", "operator");
    }

    #[test]
    fn a_document_that_takes_long_to_judge_is_not_judged() {
        let base = base(|_| {});
        let check = |tree: Json, expected: &str| {
            let problems = base.crawl(&Document::of(tree), Path::new("out")).map(drop).unwrap_err().0;
            assert!(problems.len() == 1 && problems[0].to_string().contains(expected), "{problems:?}");
        };
        let many: Map<String, Json> = (0..2000).map(|n| (format!("k{n}"), json!(1))).collect();
        check(Json::Object(many), "1000 keys");
        check(json!({"x".repeat(100_000): 1}), "256 bytes");
        check(json!({"scope": {"include": vec!["*/a*"; 201]}}), "scope.include may have 200 entries");
    }

    #[test]
    fn nobody_hears_where_the_operators_values_stand() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("secret-place.toml");
        std::fs::write(&file, "politeness.adaptive_max = '10s'\n").unwrap();
        let sources = Sources { file: Some(file), environment: Environment::given([("A", "b")]), ..Sources::default() };
        let base = Base::load(&sources).unwrap();
        let told = told(&base, "seeds.urls = ['http://localhost/']\npoliteness.adaptive_min = '60s'\n");
        assert!(told.len() == 1 && !told[0].contains("secret-place"), "{told:?}");
        assert!(told[0].starts_with("the daemon's configuration: "), "{told:?}");
    }

    #[test]
    fn a_secret_header_for_whomever_a_guest_names_is_refused() {
        let mut flags = Flags::default();
        flags.set("fetch.headers.authorization", "test", "Bearer sesame");
        let environment = Environment::given([("A", "b")]);
        let error =
            Base::load(&Sources { flags, environment, ..Sources::default() }).map(drop).unwrap_err().to_string();
        assert!(error.contains("fetch.headers") && error.contains("[[auth]]") && !error.contains("sesame"), "{error}");
    }

    #[test]
    fn what_it_may_set_is_there() {
        for (name, _) in MAY {
            let node = Node::at(&KeyPath::dotted(name)).unwrap_or_else(|| panic!("{name} is no key"));
            assert!(!matches!(node.shape(), Shape::Tables(_)), "{name}");
        }
    }

    #[test]
    fn seeds_are_its_own() {
        let base = base(|flags| flags.set("seeds.urls", "test", vec!["https://operator.example/".to_owned()]));
        let all = told(&base, "limits.pages = 3\n");
        assert!(all.len() == 1 && all[0].contains("seeds"), "{all:?}");
    }
}
