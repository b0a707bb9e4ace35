//! One line of an output, held against the schema of records: the same fields, of the same types, none
//! missing and none more.
//!
//! The schema (`docs/schemas/record.schema.json`) is made from [`Record`](crate::engine::record::Record),
//! which is only ever written. This is its reading side, strict where programs that read records need not
//! be: a field that nobody knows is no field of dragline's. Long texts are checked and not kept. A test holds
//! the two against each other, through an independent validator.

use std::{borrow::Cow, fmt, marker::PhantomData};

use serde::{
    Deserialize, Deserializer,
    de::{self, MapAccess, Visitor},
};

use crate::{
    fetch::{CacheStatus, Truncation},
    frontier::{Hop, Kind},
    robots::Signals,
};

/// A record, as far as it is judged.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields, expecting = "a record")]
pub(super) struct Line<'a> {
    #[serde(borrow)]
    pub(super) url: Cow<'a, str>,
    #[serde(borrow)]
    pub(super) final_url: Cow<'a, str>,
    #[serde(default)]
    pub(super) redirects: Vec<Hop>,
    pub(super) via: Option<String>,
    pub(super) depth: u16,
    #[serde(rename = "kind")]
    _kind: Kind,
    pub(super) outcome: Outcome,
    pub(super) reason: Option<String>,
    pub(super) rule: Option<Text>,
    #[serde(rename = "error")]
    _error: Option<Text>,
    pub(super) status: Option<u16>,
    pub(super) http_version: Option<Text>,
    #[serde(rename = "remote_address")]
    _remote_address: Option<Text>,
    #[serde(rename = "proxy")]
    _proxy: Option<Text>,
    #[serde(rename = "content_type")]
    _content_type: Option<Text>,
    #[serde(rename = "sniffed_type")]
    _sniffed_type: Option<Text>,
    #[serde(rename = "charset")]
    _charset: Option<Text>,
    pub(super) body_bytes: Option<u64>,
    pub(super) wire_bytes: Option<u64>,
    #[serde(rename = "cache")]
    _cache: Option<CacheStatus>,
    pub(super) truncated: Option<Truncation>,
    #[serde(rename = "undecoded")]
    _undecoded: Option<Text>,
    pub(super) digest: Option<String>,
    pub(super) same_as_pass: Option<u32>,
    #[serde(rename = "etag")]
    _etag: Option<Text>,
    #[serde(rename = "last_modified")]
    _last_modified: Option<Text>,
    #[serde(rename = "title")]
    _title: Option<Text>,
    #[serde(rename = "description")]
    _description: Option<Text>,
    #[serde(rename = "language")]
    _language: Option<Text>,
    #[serde(rename = "canonical")]
    _canonical: Option<Text>,
    #[serde(default, rename = "robots")]
    _robots: Vec<Text>,
    #[serde(rename = "usage")]
    _usage: Option<Signals>,
    #[serde(default, rename = "usage_reserved")]
    _usage_reserved: bool,
    #[serde(rename = "outlinks")]
    _outlinks: Option<u64>,
    #[serde(default, rename = "outlinks_truncated")]
    _outlinks_truncated: bool,
    pub(super) timings: Option<Timings>,
    pub(super) attempts: u32,
    #[serde(borrow)]
    pub(super) fetched_at: Cow<'a, str>,
    #[serde(rename = "text")]
    _text: Option<Text>,
    #[serde(rename = "links")]
    _links: Option<Vec<Text>>,
    #[serde(rename = "link_details")]
    _link_details: Option<Vec<Link>>,
    #[serde(rename = "metadata")]
    _metadata: Option<Metadata>,
    #[serde(rename = "headers")]
    _headers: Option<Map<Vec<Text>>>,
}

/// The five ends, in the words of records.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(super) enum Outcome {
    Fetched,
    NotModified,
    Redirected,
    Failed,
    Refused,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Timings {
    pub(super) dns_ms: Option<f64>,
    pub(super) connect_ms: Option<f64>,
    pub(super) tls_ms: Option<f64>,
    pub(super) first_byte_ms: Option<f64>,
    pub(super) total_ms: f64,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Link {
    #[serde(rename = "url")]
    _url: Text,
    #[serde(rename = "kind")]
    _kind: Text,
    #[serde(rename = "rel")]
    _rel: Option<Text>,
    #[serde(rename = "text")]
    _text: Option<Text>,
    #[serde(rename = "position")]
    _position: u32,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Metadata {
    #[serde(default, rename = "alternates")]
    _alternates: Vec<(Text, Text)>,
    #[serde(default, rename = "open_graph")]
    _open_graph: Vec<(Text, Text)>,
    #[serde(default, rename = "json_ld")]
    _json_ld: Vec<Text>,
    #[serde(rename = "refresh")]
    _refresh: Option<(u32, Option<Text>)>,
}

/// A text that was there.
#[derive(Debug)]
pub(super) struct Text;

impl<'de> Deserialize<'de> for Text {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        struct Seen;
        impl Visitor<'_> for Seen {
            type Value = Text;
            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a string")
            }
            fn visit_str<E: de::Error>(self, _: &str) -> Result<Text, E> {
                Ok(Text)
            }
        }
        from.deserialize_str(Seen)
    }
}

/// A map that was there, its values of one type.
#[derive(Debug)]
struct Map<V>(PhantomData<V>);

impl<'de, V: Deserialize<'de>> Deserialize<'de> for Map<V> {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        struct Seen<V>(PhantomData<V>);
        impl<'de, V: Deserialize<'de>> Visitor<'de> for Seen<V> {
            type Value = Map<V>;
            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("an object")
            }
            fn visit_map<A: MapAccess<'de>>(self, mut entries: A) -> Result<Map<V>, A::Error> {
                while entries.next_entry::<Text, V>()?.is_some() {}
                Ok(Map(PhantomData))
            }
        }
        from.deserialize_map(Seen(PhantomData))
    }
}

/// What is wrong with a line, if it is no record.
pub(super) enum Misfit {
    /// It is no JSON object in UTF-8.
    Line(String),
    /// It is one of something else.
    Schema(String),
}

/// Reads a line, without its end.
pub(super) fn read(line: &[u8]) -> Result<Line<'_>, Misfit> {
    let text = std::str::from_utf8(line)
        .map_err(|error| Misfit::Line(format!("it is no UTF-8 behind its byte {}", error.valid_up_to())))?;
    serde_json::from_str(text).map_err(|error| {
        let message = in_words(&error);
        match error.classify() {
            serde_json::error::Category::Data if text.trim_start().starts_with('{') => Misfit::Schema(message),
            serde_json::error::Category::Eof if text.is_empty() => Misfit::Line("it is empty".to_owned()),
            serde_json::error::Category::Eof => Misfit::Line("it breaks off".to_owned()),
            _ => Misfit::Line(message),
        }
    })
}

/// The parser speaks of the line of its text, which is always the first.
fn in_words(error: &serde_json::Error) -> String {
    let message = error.to_string();
    let what = message.split_once(" at line ").map_or(message.as_str(), |(what, _)| what);
    format!("{what} (column {})", error.column())
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;
    use crate::engine::record::{LinkDetail, Record, RecordMetadata, RecordTimings};

    /// A record with every field, as dragline writes it.
    fn full() -> Value {
        let (hops, robots) = ([Hop { url: "http://h/0".into(), status: 301 }], ["noindex".to_owned()]);
        let (details, json_ld) = (
            [LinkDetail { rel: Some("x".into()), text: Some("t".into()), ..LinkDetail::default() }],
            ["{}".to_owned()],
        );
        let usage = Signals::from_meta([("tdm-reservation", "1")]);
        let text = Some("text \" \u{1f577}");
        let record = Record {
            url: "http://h/".into(),
            final_url: "http://h/".into(),
            redirects: &hops,
            via: text,
            kind: "page",
            outcome: "fetched",
            reason: Some("x".into()),
            rule: text,
            error: text,
            status: Some(200),
            http_version: Some("HTTP/1.1".into()),
            remote_address: Some("127.0.0.1:80".into()),
            proxy: text,
            content_type: text,
            sniffed_type: text,
            charset: text,
            body_bytes: Some(1),
            wire_bytes: Some(2),
            cache: Some(CacheStatus::Hit),
            truncated: Some(Truncation::BodyLimit),
            undecoded: text,
            digest: Some("sha256:".into()),
            same_as_pass: Some(1),
            etag: Some("e".into()),
            last_modified: Some("l".into()),
            title: text,
            description: text,
            language: text,
            canonical: text,
            robots: &robots,
            usage: Some(&usage),
            usage_reserved: true,
            outlinks: Some(3),
            outlinks_truncated: true,
            timings: Some(RecordTimings {
                dns_ms: Some(1.5),
                connect_ms: Some(1.0),
                tls_ms: Some(0.0),
                first_byte_ms: Some(3.0),
                total_ms: 4.0,
            }),
            attempts: 1,
            fetched_at: "2026-11-26T10:00:00.000Z".into(),
            text,
            links: Some(vec!["http://h/1"]),
            link_details: Some(&details),
            metadata: Some(RecordMetadata {
                alternates: vec![("de", "http://h/de")],
                open_graph: vec![("og:title", "t")],
                json_ld: &json_ld,
                refresh: Some((3, None)),
            }),
            headers: Some([("server", vec!["x".into()])].into()),
            ..Record::default()
        };
        let full = serde_json::from_slice(&record.to_line()).expect("JSON");
        assert!(!usage.is_empty());
        full
    }

    /// Whether the committed schema and the reading side both let a record pass.
    fn judge(schema: &jsonschema::Validator, record: &Value) -> (bool, bool) {
        let line = serde_json::to_vec(record).expect("plain data");
        (schema.is_valid(record), read(&line).is_ok())
    }

    #[test]
    fn the_schema_and_the_reading_side_agree() {
        let schema: Value =
            serde_json::from_str(include_str!("../../../docs/schemas/record.schema.json")).expect("JSON");
        let properties = schema["properties"].as_object().expect("properties").clone();
        let schema = jsonschema::validator_for(&schema).expect("a schema");
        let full = full();
        assert_eq!(judge(&schema, &full), (true, true), "{:?}", schema.validate(&full));
        let fields = full.as_object().expect("an object");
        assert_eq!(fields.keys().collect::<Vec<_>>(), properties.keys().collect::<Vec<_>>(), "every field is tried");
        let mut least = json!({"url": "http://h/", "final_url": "http://h/", "depth": 0, "kind": "page"});
        for (key, value) in [("outcome", "refused"), ("fetched_at", "")] {
            least[key] = json!(value);
        }
        least["attempts"] = json!(0);
        assert_eq!(judge(&schema, &least), (true, true), "{:?}", schema.validate(&least));
        let required = ["url", "final_url", "depth", "kind", "outcome", "attempts", "fetched_at"];
        for key in fields.keys() {
            let mut without = full.clone();
            without.as_object_mut().expect("an object").remove(key);
            let is_required = required.contains(&key.as_str());
            assert_eq!(judge(&schema, &without), (!is_required, !is_required), "without {key}");
            // Nothing takes all of these.
            for wrong in [json!({"x": 1}), json!("text"), json!(-1), json!([7, "x"]), json!(2.5)] {
                let mut with = full.clone();
                with[key] = wrong.clone();
                let (by_schema, by_us) = judge(&schema, &with);
                // Words of a fixed set are plain texts to the schema.
                let is_word = matches!(key.as_str(), "kind" | "outcome") && wrong == "text";
                assert_eq!(by_schema, by_us || is_word, "{key} = {wrong}");
            }
        }
    }

    #[test]
    fn what_is_no_record_is_told_apart() {
        let check = |line: &[u8], expected: &str| {
            let text = match read(line) {
                Ok(_) => "fine".to_owned(),
                Err(Misfit::Line(what)) => format!("line: {what}"),
                Err(Misfit::Schema(what)) => format!("schema: {what}"),
            };
            assert!(text.starts_with(expected), "{text:?} {expected:?}");
        };
        check(b"", "line: it is empty");
        check(b"{\"url\":\"http://h/", "line: it breaks off");
        check(b"{\"url\":\"http://h/\"", "line: it breaks off");
        check(b"{\"url\":\"\xff\"}", "line: it is no UTF-8 behind its byte 8");
        check(b"[1]", "line: invalid type");
        check(b"{} {}", "schema: missing field");
        check(b"{\"url\":\"x\",\"url\":\"x\"}", "schema: duplicate field `url`");
        check(b"{\"uri\":\"x\"}", "schema: unknown field `uri`");
        let mut full = serde_json::to_vec(&full()).expect("plain data");
        check(&full, "fine");
        full.push(b'x');
        check(&full, "line: trailing characters");
    }
}
