//! Traces: `[traces]`, checked.

use http::HeaderValue;
use rustls::pki_types::CertificateDer;
use url::Url;

use super::{build::Checks, headers::headers, raw::Raw};
use crate::telemetry::traces::Options;

/// Most attributes of who we are, and longest name and value.
const MAX_ATTRIBUTES: usize = 32;
const MAX_ATTRIBUTE_BYTES: usize = 256;

/// Where traces go; `None` without an endpoint. `roots` are the certificate authorities of `[tls]`.
pub(crate) fn traces(raw: &Raw, roots: &[CertificateDer<'static>], checks: &mut Checks<'_>) -> Option<Options> {
    let given = &raw.traces;
    let mut headers = headers(&given.headers, "traces.headers", checks);
    headers.values_mut().for_each(|value: &mut HeaderValue| value.set_sensitive(true));
    // What comes from the environment is a text, which no bound was held against.
    if !(0.0..=1.0).contains(&given.sample) {
        checks.fail("traces.sample", "expected a number, from 0 to 1");
    }
    let mut resource = vec![
        ("service.name".to_owned(), given.service.clone()),
        ("service.version".to_owned(), env!("CARGO_PKG_VERSION").to_owned()),
    ];
    for (name, value) in &given.attributes {
        if name.is_empty() || name.len() > MAX_ATTRIBUTE_BYTES || value.len() > MAX_ATTRIBUTE_BYTES {
            checks
                .fail("traces.attributes", format!("a name or value has no or more than {MAX_ATTRIBUTE_BYTES} bytes"));
        }
        match name.as_str() {
            "service.name" => checks.fail("traces.attributes", "service.name is set by traces.service"),
            "service.version" => checks.fail("traces.attributes", "service.version is that of the program"),
            _ => resource.push((name.clone(), value.clone())),
        }
    }
    if given.attributes.len() > MAX_ATTRIBUTES {
        checks.fail("traces.attributes", format!("expected at most {MAX_ATTRIBUTES}"));
    }
    if given.service.is_empty() || given.service.len() > MAX_ATTRIBUTE_BYTES {
        checks.fail("traces.service", format!("expected a name of at most {MAX_ATTRIBUTE_BYTES} bytes"));
    }
    if given.endpoint.is_empty() {
        return None;
    }
    let endpoint = checks.ok("traces.endpoint", endpoint(&given.endpoint))?;
    Some(Options {
        endpoint,
        headers,
        roots: roots.to_vec(),
        sample: given.sample,
        resource,
        queue: given.queue as usize,
        timeout: given.timeout.0,
    })
}

fn endpoint(text: &str) -> Result<Url, String> {
    let url = Url::parse(text).map_err(|error| format!("not a URL: {error}"))?;
    if !matches!(url.scheme(), "http" | "https") {
        return Err("expected a URL of http or https (OTLP over gRPC is not spoken)".to_owned());
    }
    if !url.username().is_empty() || url.password().is_some() || url.query().is_some() || url.fragment().is_some() {
        return Err("expected scheme, host, port and path alone; a key or a login goes into traces.headers".to_owned());
    }
    if url.path().trim_end_matches('/').ends_with("/v1/traces") {
        return Err("`/v1/traces` is appended: leave it out".to_owned());
    }
    if url.port() == Some(4317) {
        return Err("4317 is the port of OTLP over gRPC, which is not spoken; that of HTTP is 4318".to_owned());
    }
    Ok(url)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_endpoint_is_a_base() {
        let check = |text: &str, expected: Result<&str, &str>| match (endpoint(text), expected) {
            (Ok(url), Ok(expected)) => assert_eq!(url.as_str(), expected),
            (Err(error), Err(expected)) => assert!(error.contains(expected) && !error.contains("sesame"), "{error}"),
            (found, _) => panic!("{text}: {found:?}"),
        };
        check("http://127.0.0.1:4318", Ok("http://127.0.0.1:4318/"));
        check("https://otlp.example/otlp/", Ok("https://otlp.example/otlp/"));
        check("127.0.0.1:4318", Err("not a URL"));
        check("grpc://127.0.0.1", Err("http or https"));
        check("http://127.0.0.1:4317", Err("gRPC"));
        check("http://127.0.0.1:4318/v1/traces", Err("leave it out"));
        check("http://me:sesame@127.0.0.1:4318", Err("traces.headers"));
        check("http://127.0.0.1:4318?key=sesame", Err("traces.headers"));
    }
}
