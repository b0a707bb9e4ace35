//! The way to servers: `[proxy]`, `[tls]` and `[[client_certificate]]`, checked. Reads their files.

use std::path::Path;

use ipnet::IpNet;

use super::{
    auth,
    build::Checks,
    headers::reveal,
    hosts,
    load::read_text,
    raw::{self, Raw},
};
use crate::{
    address::Canonicalizer,
    fetch::{
        proxy::{Bypass, ProxyOptions, ProxyUrl},
        tls::{self, ClientCertificate, TlsOptions, TlsVersion},
    },
};

/// Most proxies, and most certificates of ours: each pair of them is a client of its own.
const MAX_PROXIES: usize = 32;
const MAX_CERTIFICATES: usize = 8;

/// Longest PEM file.
const MAX_PEM_BYTES: u64 = 4 << 20;

/// The proxies, their exceptions, and what is judged here.
pub(crate) fn proxy(raw: &Raw, checks: &mut Checks<'_>) -> ProxyOptions {
    let given = &raw.proxy;
    let mut options = ProxyOptions { check_names: given.check_names, ..ProxyOptions::default() };
    for (i, url) in given.urls.iter().enumerate() {
        let key = format!("proxy.urls[{i}]");
        let Some(text) = checks.ok(&key, reveal(url, checks)) else { continue };
        options.proxies.extend(checks.ok(&key, ProxyUrl::parse(&text)));
    }
    if options.proxies.len() > MAX_PROXIES {
        checks.fail("proxy.urls", format!("expected at most {MAX_PROXIES}, found {}", options.proxies.len()));
    }
    if !given.bypass.is_empty() && given.urls.is_empty() {
        checks.fail("proxy.bypass", "is of no use: proxy.urls is empty");
    }
    for (i, text) in given.bypass.iter().enumerate() {
        let net = text.parse::<IpNet>().ok().or_else(|| text.parse().ok().map(|ip: std::net::IpAddr| ip.into()));
        match net {
            Some(net) => options.bypass.push(Bypass::Net(net)),
            None => {
                let patterns = checks.ok(&format!("proxy.bypass[{i}]"), hosts::patterns(text)).unwrap_or_default();
                options.bypass.extend(patterns.into_iter().map(Bypass::Hosts));
            }
        }
    }
    options
}

/// Whom we trust, and who we are.
pub(crate) fn tls(raw: &Raw, canonicalizer: &Canonicalizer, checks: &mut Checks<'_>) -> TlsOptions {
    let mut options = TlsOptions {
        min_version: match raw.tls.min_version {
            raw::TlsVersion::V1_2 => TlsVersion::V1_2,
            raw::TlsVersion::V1_3 => TlsVersion::V1_3,
        },
        ..TlsOptions::default()
    };
    for (i, file) in raw.tls.roots.iter().enumerate() {
        let key = format!("tls.roots[{i}]");
        let Some(pem) = checks.ok(&key, pem(file)) else { continue };
        let found = tls::certificates(pem.as_bytes()).map_err(|error| format!("file {file} {error}"));
        options.roots.extend(checks.ok(&key, found).unwrap_or_default());
    }
    for (i, entry) in raw.client_certificate.iter().enumerate() {
        let key = format!("client_certificate[{i}]");
        if !checks.is_bad(&key) {
            options.certificates.extend(certificate(entry, &key, canonicalizer, checks));
        }
    }
    if options.certificates.len() > MAX_CERTIFICATES {
        checks.fail("client_certificate", format!("expected at most {MAX_CERTIFICATES}"));
    }
    let goes_by_https =
        raw.proxy.urls.iter().any(|url| {
            reveal(url, checks).is_ok_and(|text| ProxyUrl::parse(&text).is_ok_and(|proxy| proxy.is_https()))
        });
    if !options.certificates.is_empty() && goes_by_https {
        checks.fail("proxy.urls", "an https proxy would be shown the certificates of [[client_certificate]]");
    }
    options
}

fn certificate(
    entry: &raw::ClientCertificate,
    key: &str,
    canonicalizer: &Canonicalizer,
    checks: &mut Checks<'_>,
) -> Option<ClientCertificate> {
    let mut origins = Vec::new();
    for (i, text) in entry.origins.iter().enumerate() {
        let origin = auth::origin(text, canonicalizer).and_then(|origin| match origin.as_str() {
            https if https.starts_with("https:") => Ok(origin),
            _ => Err("expected an origin of https".to_owned()),
        });
        origins.extend(checks.ok(&format!("{key}.origins[{i}]"), origin));
    }
    if entry.origins.is_empty() {
        checks.fail(&format!("{key}.origins"), "is missing: who is to see the certificate?");
    }
    let chain = checks.ok(&format!("{key}.certificate"), pem(&entry.certificate))?;
    let secret = checks.ok(&format!("{key}.key"), pem(&entry.key))?;
    let made = ClientCertificate::from_pem(origins, chain.as_bytes(), secret.as_bytes());
    let place = if made.as_ref().is_err_and(|error| *error == tls::PemError::NoKey) { "key" } else { "certificate" };
    checks.ok(&format!("{key}.{place}"), made)
}

pub(crate) fn pem(file: &str) -> Result<String, String> {
    if file.is_empty() {
        return Err("is missing: a PEM file".to_owned());
    }
    read_text(Path::new(file), MAX_PEM_BYTES).map_err(|reason| format!("file {file} {reason}"))
}
