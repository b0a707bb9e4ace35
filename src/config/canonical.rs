//! What is one URL: `[canonical]`, from switches to the options of the canonicaliser.

use super::{build::Checks, raw::Raw};
use crate::address::{Options, Parameter, Rule, Rules};

/// The rules that are on and the parameters that were added. Names what can't be meant.
pub(crate) fn options(raw: &Raw, checks: &mut Checks<'_>) -> Options {
    let raw = &raw.canonical;
    let is_on = |rule: Rule| match rule {
        Rule::Fragment => raw.fragment,
        Rule::Userinfo => raw.userinfo,
        Rule::DefaultPort => raw.default_port,
        Rule::Case => raw.case,
        Rule::DotSegments => raw.dot_segments,
        Rule::Idn => raw.idn,
        Rule::PercentEncoding => raw.percent_encoding,
        Rule::EmptyQuery => raw.empty_query,
        Rule::SortedQuery => raw.sorted_query,
        Rule::TrackingParameters => raw.tracking_parameters,
        Rule::SessionParameters => raw.session_parameters,
        Rule::IndexFile => raw.index_file,
        Rule::DuplicateSlashes => raw.duplicate_slashes,
        Rule::Www => raw.www,
        Rule::LowercasePath => raw.lowercase_path,
    };
    for rule in Rule::ALL.into_iter().filter(|rule| !rule.is_switchable() && !is_on(*rule)) {
        let why = match rule {
            Rule::Userinfo => "credentials are never stored",
            _ => "the URL standard's parser does it",
        };
        checks.fail(&key(rule), format!("can't be switched off: {why}"));
    }
    let rules: Rules = Rule::ALL.into_iter().filter(|rule| is_on(*rule)).collect();
    let mut extra = |rule: Rule, names: &[String]| -> Vec<Parameter> {
        let key = format!("{}_extra", key(rule));
        if !names.is_empty() && !rules.contains(rule) && !checks.is_bad("canonical") {
            checks.fail(&key, format!("has no effect: {} is off", self::key(rule)));
        }
        let names = names.iter().enumerate();
        names.filter_map(|(i, name)| checks.ok(&format!("{key}[{i}]"), name.parse())).collect()
    };
    Options {
        rules,
        tracking_parameters_extra: extra(Rule::TrackingParameters, &raw.tracking_parameters_extra),
        session_parameters_extra: extra(Rule::SessionParameters, &raw.session_parameters_extra),
    }
}

/// As it is written in a file.
fn key(rule: Rule) -> String {
    format!("canonical.{}", rule.as_str().replace('-', "_"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::{Sources, raw::Canonical};

    #[test]
    fn every_rule_has_its_key_and_default() {
        let defaults = serde_json::to_value(Canonical::default()).expect("plain data");
        let defaults = defaults.as_object().expect("a section");
        for rule in Rule::ALL {
            let key = key(rule);
            let key = key.strip_prefix("canonical.").expect("just made");
            assert_eq!(defaults[key], rule.is_default(), "{key}");
        }
        assert_eq!(defaults.len(), Rule::ALL.len() + 2);
    }

    fn load(section: &str) -> Result<Options, String> {
        let folder = tempfile::tempdir().expect("a folder");
        let file = folder.path().join("site.toml");
        std::fs::write(&file, format!("seeds.urls = ['http://WWW.a.example/b/index.html#c']\n[canonical]\n{section}"))
            .expect("it can be written");
        let sources = Sources { file: Some(file), ..Sources::default() };
        let loaded = sources.load().map_err(|errors| errors.to_string())?;
        let canonicalizer = crate::address::Canonicalizer::new(&loaded.settings.canonical);
        assert_eq!(
            canonicalizer.parse(loaded.settings.seeds.urls[0].as_str()).expect("valid"),
            loaded.settings.seeds.urls[0]
        );
        Ok(loaded.settings.canonical)
    }

    #[test]
    fn sections() {
        assert_eq!(load(""), Ok(Options::default()));
        let options = load("fragment = false\nwww = true\nindex_file = true").expect("good");
        assert_eq!(options.rules, Rules::default().without(Rule::Fragment).with(Rule::Www).with(Rule::IndexFile));
        let options = load("tracking_parameters = true\ntracking_parameters_extra = ['partner*']").expect("good");
        assert_eq!(options.tracking_parameters_extra.len(), 1);
        let check = |section: &str, words: &str| {
            let error = load(section).unwrap_err();
            assert!(error.contains(words), "{error}");
        };
        check("case = false", "canonical.case: can't be switched off: the URL standard's parser does it");
        check("userinfo = false", "canonical.userinfo: can't be switched off: credentials are never stored");
        check("session_parameters = true\nsession_parameters_extra = ['a=b']", "session_parameters_extra[0]: expected");
        check("session_parameters_extra = ['a']", "has no effect: canonical.session_parameters is off");
        check("index_files = true", "did you mean `canonical.index_file`?");
    }
}
