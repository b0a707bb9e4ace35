//! The style, the script and the icon, by names that change with what is in them: they can be kept for ever.

use std::sync::LazyLock;

use axum::{
    extract::Path,
    http::{HeaderValue, header},
    response::{IntoResponse, Response},
};
use sha2::{Digest as _, Sha256};

use crate::{report, service::problem::Problem};

const KEEP: &str = "public, max-age=31536000, immutable";

/// A file that is built in.
pub(super) struct Asset {
    /// Where it is.
    pub(super) path: String,
    kind: &'static str,
    text: String,
}

impl Asset {
    fn new(ending: &str, kind: &'static str, text: String) -> Self {
        let digest: String = Sha256::digest(&text).iter().take(8).map(|byte| format!("{byte:02x}")).collect();
        Self { path: format!("/static/dashboard-{digest}.{ending}"), kind, text }
    }
}

/// The reports' style, and what only the dashboard has.
pub(super) static STYLE: LazyLock<Asset> = LazyLock::new(|| {
    Asset::new("css", "text/css; charset=utf-8", format!("{}\n{}", report::STYLE, include_str!("style.css")))
});
pub(super) static SCRIPT: LazyLock<Asset> =
    LazyLock::new(|| Asset::new("js", "text/javascript; charset=utf-8", include_str!("live.js").to_owned()));
pub(super) static ICON: LazyLock<Asset> =
    LazyLock::new(|| Asset::new("svg", "image/svg+xml", include_str!("icon.svg").to_owned()));

pub(super) async fn serve(Path(name): Path<String>) -> Result<Response, Problem> {
    let mut assets = [&STYLE, &SCRIPT, &ICON].into_iter();
    let found = assets.find(|asset| asset.path.strip_prefix("/static/") == Some(name.as_str()));
    let asset = found
        .ok_or_else(|| Problem::not_found("there is no such file; the page that names it is of another version"))?;
    let fields = [(header::CONTENT_TYPE, asset.kind), (header::CACHE_CONTROL, KEEP)];
    let fields = fields.map(|(name, value)| (name, HeaderValue::from_static(value)));
    Ok((fields, asset.text.clone()).into_response())
}
