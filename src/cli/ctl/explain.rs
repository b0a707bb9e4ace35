//! `dragline ctl explain`: the chain of decisions for one URL, as the daemon tells it.

use std::fmt::Write as _;

use serde_json::Value;

use super::{
    super::{Exit, human::plain},
    args::ExplainArgs,
    client::Client,
    find::find,
    output::{body_on_one_line, put, put_line},
    trouble::Trouble,
};

/// Width of the names on the left.
const NAME_WIDTH: usize = 11;

pub(super) async fn explain(client: &Client, args: &ExplainArgs) -> Result<Exit, Trouble> {
    let id = find(client, &args.id).await?;
    let call = client.get(["v1", "crawls", &id, "explain"]).query("url", Some(&args.asked));
    let (explanation, body): (Value, _) = call.send().await?.json_and_bytes().await?;
    if args.json {
        put_line(&body_on_one_line(&body))?;
    } else {
        put(text(&explanation).as_bytes())?;
    }
    Ok(Exit::Finished)
}

/// One line a link of the chain, the conclusion last; `--json` has all of it.
fn text(it: &Value) -> String {
    let mut out = format!("{}\n", said(&it["url"]));
    let mut line = |name: &str, text: &str| {
        writeln!(out, "  {name:NAME_WIDTH$} {text}").expect("a String takes everything");
    };
    let mut link = |name: &str, part: &Value, keys: &[&str]| {
        let told: Vec<String> = keys.iter().filter_map(|key| told(part, key)).collect();
        if !told.is_empty() {
            line(name, &told.join(", "));
        }
    };
    link("canonical", it, &["canonical"]);
    link("scope", &it["scope"], &["allowed", "reason", "rule"]);
    link("robots.txt", &it["robots"], &["allowed", "standing", "line", "rule", "crawl_delay_s", "expires_at"]);
    link("frontier", &it["frontier"], &["state", "depth", "n_before", "via", "attempts", "retry_at"]);
    link("host", &it["host"], &["host", "fetched", "interval_s", "wait_s", "backoff", "circuit", "quiet_until"]);
    for budget in it["budgets"].as_array().into_iter().flatten() {
        link("budget", budget, &["key", "used", "limit", "left"]);
    }
    link("record", &it["last"], &["outcome", "status", "reason", "rule", "content_type", "body_bytes"]);
    for note in it["notes"].as_array().into_iter().flatten() {
        line("note", &said(note));
    }
    line("so", &said(&it["conclusion"]));
    out
}

/// `state queued`; nothing for what is not known. What speaks for itself has no name before it.
fn told(part: &Value, key: &str) -> Option<String> {
    match (&part[key], key) {
        (Value::Null, _) => None,
        (Value::Bool(true), "allowed") => Some("allowed".to_owned()),
        (Value::Bool(false), "allowed") => Some("not allowed".to_owned()),
        (
            value,
            "canonical" | "reason" | "rule" | "standing" | "state" | "host" | "key" | "outcome" | "content_type",
        ) => Some(said(value)),
        (value, key) => Some(match key.strip_suffix("_s") {
            Some(name) => format!("{} {} s", name.replace('_', " "), said(value)),
            None => format!("{} {}", key.replace('_', " "), said(value)),
        }),
    }
}

fn said(value: &Value) -> String {
    value.as_str().map_or_else(|| plain(&value.to_string()), plain)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_chain() {
        let it = json!({"url": "http://h/\u{1b}", "canonical": "http://h/", "scope": {"allowed": false, "reason": "out-of-scope", "rule": null},
            "budgets": [{"key": "limits.pages", "used": 3, "limit": 10, "left": 7}], "last": null, "notes": ["n"], "conclusion": "c"});
        let expected = "http://h/\u{fffd}\n  canonical   http://h/\n  scope       not allowed, out-of-scope\n  \
                        budget      limits.pages, used 3, limit 10, left 7\n  note        n\n  so          c\n";
        assert_eq!(text(&it), expected);
        assert_eq!(text(&json!([])), "null\n  so          null\n");
    }
}
