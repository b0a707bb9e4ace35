//! The same as html5gum says, and as html5lib-tests say.

use std::{collections::BTreeMap, fmt::Write as _, mem};

use html5gum::{State, Tokenizer};
use proptest::prelude::*;
use serde::Deserialize;
use serde_json::{Value, json};

use super::{
    super::{KindSet, Limits, Options, emitter::TagEmitter, harvest::Harvest},
    scanner::scan_from,
    *,
};

/// Takes down tokens as the cases of `tests/conformance/tokenizer/` have them.
#[derive(Default)]
struct Taken {
    tokens: Vec<Value>,
    /// Text that is no token yet. It comes in pieces of any kind, characters that are cut in two among them.
    text: Vec<u8>,
    last_start_tag: Vec<u8>,
    name: Vec<u8>,
    is_end_tag: bool,
    is_self_closing: bool,
    attributes: BTreeMap<String, String>,
    /// Name and value of the current attribute.
    attribute: Option<(Vec<u8>, Vec<u8>)>,
    /// Whether start tags switch states as they do in HTML.
    switches: bool,
    takes_cdata: bool,
}

impl Taken {
    /// What was taken down, to the end.
    fn tokens(mut self) -> Vec<Value> {
        self.end_text();
        self.tokens
    }

    fn end_text(&mut self) {
        if !self.text.is_empty() {
            self.tokens.push(text(mem::take(&mut self.text)).into());
        }
    }

    fn end_attribute(&mut self) {
        if let Some((name, value)) = self.attribute.take() {
            self.attributes.entry(text(name)).or_insert_with(|| text(value));
        }
    }

    fn init_tag(&mut self, is_end_tag: bool) {
        *self = Self {
            tokens: mem::take(&mut self.tokens),
            text: mem::take(&mut self.text),
            last_start_tag: mem::take(&mut self.last_start_tag),
            is_end_tag,
            switches: self.switches,
            takes_cdata: self.takes_cdata,
            ..Self::default()
        };
    }
}

fn text(bytes: Vec<u8>) -> String {
    String::from_utf8(bytes).expect("whole characters")
}

impl Emitter for &mut Taken {
    type Token = Infallible;

    deaf!();

    fn emit_string(&mut self, piece: &[u8]) {
        self.text.extend_from_slice(piece);
    }

    fn init_start_tag(&mut self) {
        self.init_tag(false);
    }

    fn init_end_tag(&mut self) {
        self.init_tag(true);
    }

    fn push_tag_name(&mut self, part: &[u8]) {
        self.name.extend_from_slice(part);
    }

    fn init_attribute(&mut self) {
        self.end_attribute();
        self.attribute = Some(Default::default());
    }

    fn push_attribute_name(&mut self, part: &[u8]) {
        self.attribute.as_mut().expect("an attribute").0.extend_from_slice(part);
    }

    fn push_attribute_value(&mut self, part: &[u8]) {
        self.attribute.as_mut().expect("an attribute").1.extend_from_slice(part);
    }

    fn set_self_closing(&mut self) {
        self.is_self_closing = true;
    }

    fn emit_current_tag(&mut self) -> Option<State> {
        self.end_attribute();
        self.end_text();
        let (name, attributes) = (text(self.name.clone()), &self.attributes);
        if self.is_end_tag {
            self.tokens.push(json!([name]));
            return None;
        }
        let token = if self.is_self_closing { json!([name, attributes, true]) } else { json!([name, attributes]) };
        self.tokens.push(token);
        self.last_start_tag.clone_from(&self.name);
        self.switches.then(|| html5gum::naive_next_state(&self.name))?
    }

    fn current_is_appropriate_end_tag_token(&mut self) -> bool {
        self.is_end_tag && self.name == self.last_start_tag
    }

    fn adjusted_current_node_present_but_not_in_html_namespace(&mut self) -> bool {
        self.takes_cdata
    }
}

impl Listener for &mut Taken {
    fn wants_text(&self) -> bool {
        true
    }

    fn wants_attributes(&mut self) -> bool {
        true
    }

    fn wants_value(&mut self) -> bool {
        true
    }
}

/// As html5gum has it.
fn by_html5gum(state: State, text: &str, taken: &mut Taken) {
    let mut tokenizer = Tokenizer::new_with_emitter(text, taken);
    tokenizer.set_state(state);
    let Ok(()) = tokenizer.finish();
}

/// Holds the one against the other, in a document of HTML.
fn check(text: &str) {
    for takes_cdata in [false, true] {
        let taken = || Taken { switches: true, takes_cdata, ..Taken::default() };
        let (mut expected, mut found) = (taken(), taken());
        by_html5gum(State::Data, text, &mut expected);
        scan(text, &mut found);
        assert_eq!(found.tokens(), expected.tokens(), "{text:?}, CDATA: {takes_cdata}");
    }
}

#[derive(Deserialize)]
struct Case {
    id: String,
    text: String,
    state: String,
    #[serde(default)]
    last: String,
    tokens: Vec<Value>,
}

#[test]
fn published_cases() {
    let cases = include_str!("../../../tests/conformance/tokenizer/cases.json");
    let cases: Vec<Case> = serde_json::from_str(cases).expect("a list of cases");
    let mut wrong = String::new();
    for case in &cases {
        let state = match &*case.state {
            "data" => State::Data,
            "plaintext" => State::PlainText,
            "rcdata" => State::RcData,
            "rawtext" => State::RawText,
            "script" => State::ScriptData,
            "cdata" => State::CdataSection,
            other => panic!("{other}"),
        };
        let mut taken = Taken { last_start_tag: case.last.clone().into(), ..Taken::default() };
        scan_from(state, &case.text, &mut taken);
        let (Case { id, text, tokens, .. }, found) = (case, taken.tokens());
        if found != *tokens {
            writeln!(wrong, "{id} {text:?}\n  expected {tokens:?}\n  found    {found:?}").expect("a string");
        }
    }
    assert!(wrong.is_empty(), "{wrong}");
    assert!(cases.len() > 2_000);
}

#[test]
fn ends_of_comments() {
    for text in [
        "<!-->a",
        "<!--->a",
        "<!---->a",
        "<!----->a",
        "<!--!>a-->b",
        "<!---!>a-->b",
        "<!----!>a",
        "<!--a--!>b",
        "<!--a--!-->b",
        "<!--<!-->a",
        "<!--<!--->a",
        "<!--<!--!>a-->b",
        "<!-- > -- >a",
        "<!--a",
        "<!--a--",
        "<!--a--!",
        "<!-",
        "<!",
        "<!>a",
        "<!a>b",
        "<!doctype html>a",
        "<!DOCTYPE a PUBLIC \">b\">c",
        "<!doctype",
        "<?>a",
        "<?xml?>a",
        "</>a",
        "</?>a",
        "</",
        "<",
        "<<a>",
        "</ a>b",
    ] {
        check(text);
    }
}

#[test]
fn line_ends_and_nuls() {
    for text in ["<a href='x\r\ny'>\r\r\n\n", "<a\rhref=x\r>", "a\0b<a b\0=c\0>", "<script>\0</script>\0", "&#13;\r"] {
        check(text);
    }
}

/// Markup made of pieces on which tokenizers trip.
fn nasty() -> impl Strategy<Value = String> {
    let pieces = vec![
        "<",
        ">",
        "/",
        "</",
        "<!",
        "<!--",
        "-->",
        "--!>",
        "--",
        "-",
        "!",
        "<?",
        "<![CDATA[",
        "]]>",
        "]",
        "=",
        "\"",
        "'",
        "`",
        " ",
        "\n",
        "\t",
        "\u{c}",
        "\r",
        "\r\n",
        "&",
        "&amp;",
        "&amp",
        "&copy=",
        "&notit;",
        "&#x41;",
        "&#65",
        "&#",
        "&#x",
        "&#x80;",
        ";",
        "a",
        "A",
        "é",
        "\u{feff}",
        "<a",
        "<A ",
        "</a>",
        "href",
        "HREF=",
        "href='",
        "src=\"",
        "rel=x",
        "<script",
        "<script>",
        "</script",
        "</script>",
        "</SCRIPT ",
        "<!--<script>",
        "<style>",
        "</style>",
        "</style/",
        "<title>",
        "</title>",
        "<textarea>",
        "</textarea\n",
        "<xmp>",
        "</xmp>",
        "<plaintext>",
        "<svg>",
        "</svg>",
        "<doctype",
        "<!doctype html>",
        "<p>",
        "</p>",
        "<br/>",
        "<br / >",
        "x=y",
        "\u{0}",
    ];
    prop::collection::vec(prop::sample::select(pieces), 0..24).prop_map(|pieces| pieces.concat())
}

/// Holds the one against the other in what a harvest has at the end, with what is wanted and what is not.
fn check_harvest(text: &str) {
    let url = url::Url::parse("http://h/").expect("valid");
    let limits = |max_text_bytes| Limits { max_links: 100, max_meta_bytes: 100, max_text_bytes };
    let little = Options::new(limits(0));
    let all = Options { kinds: KindSet::ALL, max_link_text_bytes: 50, metadata: true, ..Options::new(limits(500)) };
    for options in [little, all] {
        let harvest = || Harvest::new(&url, encoding_rs::UTF_8, &options, false);
        let (mut expected, mut found) = (harvest(), harvest());
        let Ok(()) = Tokenizer::new_with_emitter(text, TagEmitter::new(&mut expected)).finish();
        scan(text, TagEmitter::new(&mut found));
        assert_eq!(format!("{found:?}"), format!("{expected:?}"), "{text:?}");
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(4096))]

    #[test]
    fn says_what_html5gum_says(text in nasty()) {
        check(&text);
    }

    #[test]
    fn what_is_passed_over_changes_nothing(text in nasty()) {
        check_harvest(&text);
    }

    #[test]
    fn of_any_text(text in "\\PC{0,60}", state in 0..6_usize) {
        let state =
            [State::Data, State::PlainText, State::RcData, State::RawText, State::ScriptData, State::CdataSection][state];
        let taken = || Taken { switches: true, last_start_tag: "a".into(), ..Taken::default() };
        let (mut expected, mut found) = (taken(), taken());
        by_html5gum(state, &text, &mut expected);
        scan_from(state, &text, &mut found);
        prop_assert_eq!(found.tokens(), expected.tokens());
    }
}
