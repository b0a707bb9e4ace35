//! A result as people read it. Pure; what comes from servers is made fit for a terminal.

use std::fmt::Write as _;

use super::super::human::{bytes, duration, plain};
use crate::engine::courier::FetchResult;

/// Why writing a text can't fail.
const IN_MEMORY: &str = "a String takes everything";

/// One line, indented lines for what else is shown, and the body.
pub(super) fn text(result: &FetchResult) -> String {
    let mut out = String::new();
    let status = match (result.status, result.outcome) {
        (Some(status), _) => status.to_string(),
        (None, "refused") => "no".to_owned(),
        (None, _) => "-".to_owned(),
    };
    let size = result.body_bytes.map(bytes).unwrap_or_default();
    let elapsed = duration(std::time::Duration::from_millis(result.elapsed_ms));
    write!(out, "{status:>3}  {size:>10}  {elapsed:>6}  {}", plain(&result.url)).expect(IN_MEMORY);
    if let Some(end) = result.final_url.as_ref().filter(|end| **end != result.url) {
        write!(out, " → {}", plain(end)).expect(IN_MEMORY);
    }
    out.push('\n');
    details(result, &mut out);
    if let Some(body) = &result.body {
        out.push('\n');
        body.lines().for_each(|line| writeln!(out, "{}", plain(line)).expect(IN_MEMORY));
        out.push('\n');
    } else if result.body_base64.is_some() {
        line(&mut out, "body", "not text; --output-dir writes it to a file");
    }
    out
}

fn details(result: &FetchResult, out: &mut String) {
    if let Some(reason) = &result.reason {
        let error = result.error.as_ref().or(result.rule.as_ref()).filter(|error| *error != reason);
        let error = error.map(|error| error.strip_prefix(&format!("{reason}: ")).unwrap_or(error));
        let told = error.map_or_else(|| reason.to_string(), |error| format!("{reason}: {error}"));
        line(out, result.outcome, &format!("{told}{}", remedy(reason)));
    } else if let Some(error) = &result.error {
        line(out, result.outcome, error);
    }
    if let Some(truncated) = result.truncated {
        line(out, "truncated", truncated.as_str());
    }
    if let Some(source) = result.source.as_ref().filter(|_| result.outcome == "invalid") {
        line(out, "at", source);
    }
    for hop in result.hops.iter().flatten() {
        let status = hop.status.map_or_else(|| "-".to_owned(), |status| status.to_string());
        line(out, "hop", &format!("{status} {}", hop.url));
    }
    if let Some(timings) = &result.timings {
        let phases = [
            ("dns", timings.dns_ms),
            ("connect", timings.connect_ms),
            ("tls", timings.tls_ms),
            ("first byte", timings.first_byte_ms),
            ("total", Some(timings.total_ms)),
        ];
        let phases = phases.iter().filter_map(|(name, ms)| ms.map(|ms| format!("{name} {ms:.1} ms")));
        line(out, "timings", &phases.collect::<Vec<_>>().join(", "));
    }
    if let Some(robots) = &result.robots {
        let verdict = if robots.allowed { "allowed" } else { "disallowed" };
        let rule = robots.rule.as_ref().or(robots.error.as_ref()).map(|rule| format!(", {rule}")).unwrap_or_default();
        line(out, "robots", &format!("{verdict} ({}{rule})", robots.standing));
    }
    if let Some(cache) = result.cache {
        line(out, "cache", cache);
    }
    if let Some(file) = &result.file {
        line(out, "file", file);
    }
    for (name, values) in result.headers.iter().flatten() {
        values.iter().for_each(|value| line(out, "header", &format!("{name}: {value}")));
    }
}

/// What helps where the guard says no; the rest says so itself or is not to be helped.
fn remedy(reason: &str) -> &'static str {
    match reason {
        "address-refused" => " (--allow-address lets it through)",
        "port-refused" => " (fetch.allow_ports lets it through)",
        _ => "",
    }
}

fn line(out: &mut String, name: &str, value: &str) {
    writeln!(out, "     {name:<10}  {}", plain(value)).expect(IN_MEMORY);
}
