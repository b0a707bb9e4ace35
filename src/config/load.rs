//! From sources to [`Loaded`]: read, inspect, merge, build.

use std::{
    io::Read,
    path::{Path, PathBuf},
};

use config::{FileFormat, Source};
use serde::Deserialize;
use serde_json::Value as Json;

use super::{
    ConfigErrors, Fault, Loaded, Problem, Settings,
    build::{self, Checks},
    inspect::inspect,
    layers::{Environment, Flags, Layer, Merged, Origin},
    lines::{self, line_at},
    raw::Raw,
    rows,
};

/// A configuration file may not be longer.
const MAX_FILE_BYTES: u64 = 4 << 20;

/// The layers of a configuration above the defaults.
#[derive(Debug, Clone, Default)]
pub struct Sources {
    /// The file, if there is one; its extension says which format it has.
    pub file: Option<PathBuf>,
    /// The environment; by default that of the process.
    pub environment: Environment,
    /// The flags.
    pub flags: Flags,
    /// What it is for.
    pub purpose: Purpose,
}

/// What a configuration is for, which says what it must hold.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Purpose {
    /// A crawl: it has seeds, and whoever is asked can reach its owner.
    #[default]
    Crawl,
    /// `dragline fetch`: its URLs come from elsewhere. Seeds are not looked at, and whether a contact
    /// is needed shows when the URLs are known ([`Settings::can_be_reached`](super::Settings::can_be_reached)).
    Fetch,
    /// `dragline serve`: what its jobs have in common. Seeds come with each of them.
    Daemon,
}

impl Sources {
    /// Reads and checks everything.
    ///
    /// # Errors
    /// All that is wrong, in the order of the layers.
    pub fn load(&self) -> Result<Loaded, ConfigErrors> {
        let (layers, problems) = self.read()?;
        let (merged, settings) = self.checked(layers, problems)?;
        let rows = rows::rows(&merged, &settings);
        Ok(Loaded { settings, rows })
    }

    /// The layers, each good in itself.
    pub(crate) fn layers(&self) -> Result<Vec<Layer>, ConfigErrors> {
        let (layers, problems) = self.read()?;
        if !problems.is_empty() {
            // With a problem it comes to nothing, and says what else is wrong.
            self.checked(layers.clone(), problems)?;
        }
        Ok(layers)
    }

    /// What is good of each layer, and what is wrong with the rest.
    fn read(&self) -> Result<(Vec<Layer>, Vec<Problem>), ConfigErrors> {
        let mut problems = Vec::new();
        let defaults = serde_json::to_value(Raw::default()).expect("plain data");
        let mut layers = vec![Layer { tree: defaults, origin: Origin::Default }];
        let mut add = |layer: Result<(Json, Origin), Problem>| match layer {
            Ok((tree, origin)) => {
                let tree = inspect(&tree, &origin, &mut problems);
                layers.push(Layer { tree, origin });
            }
            Err(problem) => problems.push(problem),
        };
        if let Some(path) = &self.file {
            add(read_file(path));
        }
        add(self.environment.layer());
        add(Ok(self.flags.layer()));

        // A file that can't be read would make everything else look wrong.
        if problems.iter().any(|problem| matches!(problem.fault, Fault::Unreadable(_))) {
            return Err(ConfigErrors(problems));
        }
        Ok((layers, problems))
    }

    /// What layers mean together; `problems` are known already.
    pub(crate) fn checked(
        &self,
        layers: Vec<Layer>,
        problems: Vec<Problem>,
    ) -> Result<(Merged, Settings), ConfigErrors> {
        let home = self.file.as_ref().map_or_else(|| "command line".to_owned(), |path| path.display().to_string());
        self.checked_as(&home, layers, problems)
    }

    /// The same, for what is called `home`.
    pub(crate) fn checked_as(
        &self,
        home: &str,
        layers: Vec<Layer>,
        problems: Vec<Problem>,
    ) -> Result<(Merged, Settings), ConfigErrors> {
        let (merged, raw) = match merge(layers) {
            Ok(merged) => merged,
            Err(problem) => return Err(ConfigErrors([problems, vec![problem]].concat())),
        };
        let mut checks = Checks::new(&merged, &self.environment, home.to_owned(), problems);
        let settings = build::build(&raw, self.file.as_deref(), self.purpose, &mut checks);
        let mut problems = checks.into_problems();
        problems.sort_by_key(|problem| place(problem, home));
        match settings {
            Some(settings) if problems.is_empty() => Ok((merged, settings)),
            _ => Err(ConfigErrors(problems)),
        }
    }
}

/// For sorting: the file by its lines, then what it lacks, then what came from elsewhere.
fn place(problem: &Problem, home: &str) -> (u8, usize) {
    match problem.origin.strip_prefix(home) {
        Some("") => (1, 0),
        Some(line) => (0, line.trim_start_matches(':').parse().unwrap_or(usize::MAX)),
        None => (2, 0),
    }
}

fn merge(layers: Vec<Layer>) -> Result<(Merged, Raw), Problem> {
    let problem =
        |text: String| Problem { origin: "layers".into(), key: String::new(), fault: Fault::Unreadable(text) };
    let merged = Merged::of(layers).map_err(|error| problem(error.to_string()))?;
    // Each leaf was read alone before, so this fails only if merging made something new.
    let raw = Raw::deserialize(&merged.tree).map_err(|error| problem(error.to_string()))?;
    Ok((merged, raw))
}

/// The layer of a file.
fn read_file(path: &Path) -> Result<(Json, Origin), Problem> {
    let name = path.display().to_string();
    let unreadable =
        |text: String| Problem { origin: name.clone(), key: String::new(), fault: Fault::Unreadable(text) };
    let extension = path.extension().and_then(|e| e.to_str()).unwrap_or_default().to_ascii_lowercase();
    let format = match extension.as_str() {
        "toml" => FileFormat::Toml,
        "yaml" | "yml" => FileFormat::Yaml,
        "json" => FileFormat::Json,
        _ => return Err(unreadable("expected a file named .toml, .yaml, .yml or .json".to_owned())),
    };
    let text = read_text(path, MAX_FILE_BYTES).map_err(unreadable)?;
    read_text_of(&name, &text, format)
}

/// The layer of a text that is called `name`.
pub(crate) fn read_text_of(name: &str, text: &str, format: FileFormat) -> Result<(Json, Origin), Problem> {
    let unreadable = |line: Option<usize>, text: String| Problem {
        origin: line.map_or_else(|| name.to_owned(), |line| format!("{name}:{line}")),
        key: String::new(),
        fault: Fault::Unreadable(text),
    };
    let text = text.strip_prefix('\u{feff}').unwrap_or(text);
    if let Some((line, reason)) = syntax_error(text, format) {
        return Err(unreadable(line, reason));
    }
    let lines = match format {
        FileFormat::Toml => lines::of_toml(text),
        FileFormat::Yaml => lines::of_yaml(text),
        _ => lines::of_json(text),
    };
    let origin = Origin::File { name: name.to_owned(), lines };
    let values = config::File::from_str(text, format).collect();
    let values = values.map_err(|error| unreadable(line_in(&error.to_string()), one_line(&error.to_string())))?;
    Ok((Merged::of_values(values).tree, origin))
}

/// What is wrong with the text and on which line, in the words of the format's own parser.
fn syntax_error(text: &str, format: FileFormat) -> Option<(Option<usize>, String)> {
    match format {
        FileFormat::Toml => {
            let error = toml_edit::Document::parse(text).err()?;
            let line = error.span().map(|span| line_at(text, span.start));
            Some((line, format!("not valid TOML: {}", one_line(error.message()))))
        }
        FileFormat::Json => {
            let error = serde_json::from_str::<Json>(text).err()?;
            Some((Some(error.line()), format!("not valid JSON: {error}")))
        }
        _ => None,
    }
}

fn one_line(text: &str) -> String {
    text.split_whitespace().collect::<Vec<_>>().join(" ")
}

/// The number after the word `line` in a parser's message.
fn line_in(message: &str) -> Option<usize> {
    let (_, rest) = message.split_once("line ")?;
    rest.split(|c: char| !c.is_ascii_digit()).next()?.parse().ok()
}

/// A whole small text file; the reason if that can't be had.
pub(crate) fn read_text(path: &Path, max_bytes: u64) -> Result<String, String> {
    let file = std::fs::File::open(path).map_err(|error| format!("can't be read: {error}"))?;
    let mut text = String::new();
    let read = file.take(max_bytes + 1).read_to_string(&mut text);
    read.map_err(|error| format!("can't be read: {error}"))?;
    if text.len() as u64 > max_bytes {
        return Err(format!("is longer than {max_bytes} bytes"));
    }
    Ok(text)
}
