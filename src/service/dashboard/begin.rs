//! Beginning a crawl: the form, and the document that it makes.
//!
//! What is typed becomes a document as a program would send it, and is judged as such: the form knows no rules of its
//! own. Whatever is wrong is told beside the form, and what was typed stays.

use axum::{
    extract::State,
    response::{IntoResponse, Redirect, Response},
};
use maud::{Markup, html};
use serde_json::{Map, Value as Json, json};
use sha2::{Digest as _, Sha256};
use uuid::Uuid;

use super::{
    Dashboard, calls, crawls,
    gate::{Fields, Guest, Looks, Posted},
    page::{alert, token, with_status},
};
use crate::{
    config::{Document, DocumentFormat},
    service::{
        ledger::Idempotency,
        problem::{Problem, Wrong},
    },
};

/// The field that says which of the two forms it is; the other one is [`FIELDS`].
const TOML: &str = "toml";
/// A word for the form: sent twice it begins one crawl.
const CALL: &str = "call";

/// A field of the form, and where it goes.
struct Field {
    name: &'static str,
    label: &'static str,
    hint: &'static str,
    /// In the document.
    key: [&'static str; 2],
    kind: Kind,
}

enum Kind {
    Lines,
    Choice(&'static [(&'static str, &'static str)]),
    Text,
    Number,
}

const SCOPES: &[(&str, &str)] = &[
    ("host", "The seeds' hosts"),
    ("subdomains", "The seeds' hosts and those below them"),
    ("domain", "The seeds' whole domains"),
    ("prefix", "Below the seeds' paths"),
    ("list", "The seeds only"),
    ("any", "Anywhere"),
];

const FIELDS: &[Field] = &[
    Field {
        name: "seeds",
        label: "Seeds",
        hint: "URLs to begin with, one a line.",
        key: ["seeds", "urls"],
        kind: Kind::Lines,
    },
    Field {
        name: "name",
        label: "Name",
        hint: "Letters, digits, dots, hyphens; empty: the first seed.",
        key: ["job", "name"],
        kind: Kind::Text,
    },
    Field { name: "scope", label: "Scope", hint: "", key: ["scope", "mode"], kind: Kind::Choice(SCOPES) },
    Field { name: "pages", label: "Most pages", hint: "", key: ["limits", "pages"], kind: Kind::Number },
    Field { name: "depth", label: "Most depth", hint: "", key: ["limits", "depth"], kind: Kind::Number },
    Field {
        name: "rate",
        label: "Rate per host",
        hint: "Such as 1/s or 20/min; empty: as the daemon has it.",
        key: ["politeness", "rate"],
        kind: Kind::Text,
    },
    Field {
        name: "contact",
        label: "Contact",
        hint: "A mail address or URL for those whose sites are crawled.",
        key: ["job", "contact"],
        kind: Kind::Text,
    },
];

/// The forms, with what was typed and what is wrong with it.
pub(super) fn form(dashboard: &Dashboard, guest: &Guest, typed: &Fields, problem: Option<&Problem>) -> Markup {
    let is_toml = typed.get("as") == Some(TOML);
    // The operator may have said already whom to turn to.
    let can_be_reached = dashboard.app.base.borrow().settings().can_be_reached();
    let of_fields = problem.filter(|_| !is_toml);
    let of_toml = problem.filter(|_| is_toml);
    html! {
        section.card #start aria-labelledby="start-heading" {
            h2 #start-heading { "Start a crawl" }
            @if let Some(problem) = of_fields { (alert(problem)) }
            form method="post" action="/crawls#start" {
                (token(guest)) (call())
                @for field in FIELDS.iter().filter(|field| field.name != "contact" || !can_be_reached) {
                    (field_of(field, typed, of_fields.map_or(&[], |problem| &problem.errors)))
                }
                button type="submit" { "Start" }
            }
            details open[is_toml] {
                summary { "Or send a whole document" }
                @if let Some(problem) = of_toml { (alert(problem)) }
                form method="post" action="/crawls#start" {
                    (token(guest)) (call())
                    input type="hidden" name="as" value=(TOML);
                    div.field {
                        label for="document" { "Document (TOML)" }
                        textarea #document name="document" rows="10" spellcheck="false" autocapitalize="off" required
                            aria-describedby="document-hint" aria-invalid=[of_toml.map(|_| "true")]
                            placeholder="[seeds]\nurls = [\"https://example.com/\"]" { (typed.typed("document")) }
                        p #document-hint.hint { "As " code { "dragline run" } " takes it. It may narrow what the daemon's own configuration says, and never widen it." }
                    }
                    button type="submit" { "Start from the document" }
                }
            }
        }
    }
}

fn call() -> Markup {
    html! { input type="hidden" name=(CALL) value=(Uuid::now_v7()); }
}

fn field_of(field: &Field, typed: &Fields, errors: &[Wrong]) -> Markup {
    let (key, name, value) = (field.key.join("."), field.name, typed.typed(field.name));
    let wrong: Vec<&Wrong> = errors.iter().filter(|wrong| wrong.key.starts_with(&key)).collect();
    let (hint, error) = (format!("{name}-hint"), format!("{name}-error"));
    let told = [(!field.hint.is_empty(), &hint), (!wrong.is_empty(), &error)];
    let told: Vec<&str> = told.into_iter().filter(|(is_there, _)| *is_there).map(|(_, id)| id.as_str()).collect();
    let told = (!told.is_empty()).then(|| told.join(" "));
    let invalid = (!wrong.is_empty()).then_some("true");
    html! {
        div class={ "field " (name) } {
            label for=(name) { (field.label) }
            @match field.kind {
                Kind::Lines => textarea id=(name) name=(name) rows="3" required spellcheck="false" autocapitalize="off"
                    placeholder="https://example.com/" aria-describedby=[told] aria-invalid=[invalid] { (value) },
                Kind::Choice(choices) => select id=(name) name=(name) aria-describedby=[told] aria-invalid=[invalid] {
                    @for (word, label) in choices { option value=(word) selected[*word == value] { (label) } }
                },
                Kind::Text => input id=(name) name=(name) value=(value) autocomplete="off"
                    aria-describedby=[told] aria-invalid=[invalid];,
                Kind::Number => input id=(name) name=(name) value=(value) inputmode="numeric" autocomplete="off"
                    placeholder="no limit" aria-describedby=[told] aria-invalid=[invalid];,
            }
            @if !field.hint.is_empty() { p.hint id=(hint) { (field.hint) } }
            @if !wrong.is_empty() { p.wrong id=(error) { @for wrong in wrong { (wrong.message) ". " } } }
        }
    }
}

/// The document that a form means.
fn document(fields: &Fields) -> Result<Document, Problem> {
    if fields.get("as") == Some(TOML) {
        let document = Document::parse(fields.typed("document"), DocumentFormat::Toml);
        return document.map_err(|errors| Problem::document(&errors));
    }
    let mut tree = Map::new();
    for field in FIELDS {
        let Some(value) = fields.get(field.name) else { continue };
        let value = match field.kind {
            Kind::Lines => json!(value.split_whitespace().collect::<Vec<_>>()),
            Kind::Number => value.parse::<u64>().map_or_else(|_| json!(value), |n| json!(n)),
            Kind::Choice(_) | Kind::Text => json!(value),
        };
        let [section, key] = field.key;
        tree.entry(section).or_insert_with(|| json!({}))[key] = value;
    }
    Ok(Document::of(Json::Object(tree)))
}

pub(super) async fn create(
    State(dashboard): State<Dashboard>,
    looks: Looks,
    Posted(fields): Posted,
) -> Result<Response, Problem> {
    match begun(&dashboard, &looks, &fields).await {
        Ok(place) => Ok(Redirect::to(&place).into_response()),
        Err(problem) => {
            let page = crawls::show_with(&dashboard, &looks, &Fields::default(), &fields, Some(&problem)).await?;
            Ok(with_status(problem.code(), page))
        }
    }
}

/// Begins the crawl that a form means, and says where it is.
async fn begun(dashboard: &Dashboard, guest: &Guest, fields: &Fields) -> Result<String, Problem> {
    let document = document(fields)?;
    let digest: String = Sha256::digest(document.tree().to_string()).iter().map(|byte| format!("{byte:02x}")).collect();
    // The same form with something else in it is meant to be another crawl.
    let call = fields.get(CALL).and_then(|call| Uuid::try_parse(call).ok());
    let call = call.map(|call| Idempotency { key: format!("form {call} {digest}"), digest });
    let (shown, _) = calls::begin(&dashboard.app, &guest.caller, &document, calls::PRIORITY, false, call).await?;
    Ok(format!("/crawls/{}", shown.entry.id))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_form_becomes_the_document_that_a_program_would_send() {
        let check = |typed: &str, expected: Json| {
            let fields = Fields::parse(typed);
            assert_eq!(document(&fields).unwrap().tree(), &expected, "{typed}");
        };
        check("", json!({}));
        check(
            "seeds=https%3A%2F%2Fa.test%2F%0D%0A%0D%0A+https%3A%2F%2Fb.test%2F&name=&pages=10&depth=x&rate=1%2Fs&scope=host",
            json!({
                "seeds": {"urls": ["https://a.test/", "https://b.test/"]},
                "limits": {"pages": 10, "depth": "x"},
                "politeness": {"rate": "1/s"},
                "scope": {"mode": "host"},
            }),
        );
        check("as=toml&document=seeds.urls+%3D+%5B%22x%22%5D&seeds=y", json!({"seeds": {"urls": ["x"]}}));
        assert!(document(&Fields::parse("as=toml&document=%5B")).is_err());
    }
}
