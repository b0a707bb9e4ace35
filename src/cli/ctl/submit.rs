//! `dragline ctl submit`: begins a crawl.

use std::{
    fs::File,
    io::{self, Read},
    path::Path,
};

use reqwest::{
    Method,
    header::{HeaderName, HeaderValue},
};

use super::{
    super::Exit,
    args::{DocumentKind, SubmitArgs},
    client::Client,
    model::Crawl,
    output::{body_on_one_line, put_line},
    trouble::Trouble,
    watch::to_the_end,
};

/// Longest document that is read; the daemon has a bound of its own.
const MAX_DOCUMENT_BYTES: u64 = 64 << 20;

const IDEMPOTENCY_KEY: HeaderName = HeaderName::from_static("idempotency-key");

pub(super) async fn submit(client: &Client, args: &SubmitArgs) -> Result<Exit, Trouble> {
    let document = read(&args.file)?;
    let kind = match kind(&args.file, args.format, &document)? {
        DocumentKind::Toml => "application/toml",
        DocumentKind::Json => "application/json",
    };
    let mut call = client.call(Method::POST, ["v1", "crawls"]).body(kind, document);
    call = call.query("priority", args.priority.map(|priority| priority.to_string()));
    call = call.query("paused", args.paused.then_some("true"));
    if let Some(word) = &args.idempotency_key {
        let value = HeaderValue::try_from(word.as_str()).ok().filter(|_| word.is_ascii());
        let wrong = || Trouble::Usage("--idempotency-key is a word of visible ASCII characters".to_owned());
        call = call.header(IDEMPOTENCY_KEY, value.ok_or_else(wrong)?);
    }
    let sent = async { call.send().await?.json_and_bytes::<Crawl>().await };
    let (crawl, body) = sent.await.map_err(|trouble| explained(trouble, args))?;
    put_line(&if args.json { body_on_one_line(&body) } else { crawl.id.clone() })?;
    if args.watch { to_the_end(client, &crawl, &args.watching, false).await } else { Ok(Exit::Finished) }
}

/// With the file's name in place of `document`, and a word on what may have happened.
fn explained(trouble: Trouble, args: &SubmitArgs) -> Trouble {
    match trouble {
        Trouble::Problem(problem) => Trouble::Problem(problem.of_document(args.file.display().to_string())),
        trouble if trouble.leaves_open_whether_it_was_done() => Trouble::Uncertain(Box::new(trouble)),
        trouble => trouble,
    }
}

fn read(file: &Path) -> Result<Vec<u8>, Trouble> {
    let wrong = |why: String| Trouble::Usage(format!("{} {why}", file.display()));
    let unreadable = |error: io::Error| wrong(format!("can't be read: {error}"));
    let source: Box<dyn Read> =
        if file == Path::new("-") { Box::new(io::stdin()) } else { Box::new(File::open(file).map_err(unreadable)?) };
    let mut document = Vec::new();
    source.take(MAX_DOCUMENT_BYTES + 1).read_to_end(&mut document).map_err(unreadable)?;
    if document.len() as u64 > MAX_DOCUMENT_BYTES {
        return Err(wrong(format!("is longer than {MAX_DOCUMENT_BYTES} bytes")));
    }
    Ok(document)
}

fn kind(file: &Path, given: Option<DocumentKind>, document: &[u8]) -> Result<DocumentKind, Trouble> {
    if let Some(kind) = given {
        return Ok(kind);
    }
    if file == Path::new("-") {
        // No document in TOML begins so: it would be a table without a name.
        let is_json = document.trim_ascii_start().first() == Some(&b'{');
        return Ok(if is_json { DocumentKind::Json } else { DocumentKind::Toml });
    }
    match file.extension().and_then(|extension| extension.to_str()) {
        Some("toml") => Ok(DocumentKind::Toml),
        Some("json") => Ok(DocumentKind::Json),
        _ => Err(Trouble::Usage(format!(
            "{} is called neither .toml nor .json, which is what a daemon takes: say which it is by --format",
            file.display()
        ))),
    }
}
