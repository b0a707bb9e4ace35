//! `dragline ctl get` and `receipt`: what a crawl has written, as it is.
//!
//! A download goes on where it stopped, in this process (the connection broke, the daemon was started again) or in an
//! earlier one (its draft, `FILE.part`, is there). The files of a crawl only grow, but for a crawl that is done again:
//! so the end of a draft is asked for once more, and a draft that ends in other bytes is begun anew.

use std::{
    ffi::OsString,
    fs::{self, File, OpenOptions},
    io::{self, Read, Seek, SeekFrom, Write},
    path::{Path, PathBuf},
};

use reqwest::{
    StatusCode,
    header::{self, HeaderMap, HeaderValue},
};
use serde::Deserialize;

use super::{
    super::{
        Exit, complain,
        human::{bytes, count, plain},
    },
    args::{GetArgs, ReceiptArgs},
    backoff::Backoff,
    client::Client,
    find::find,
    output::{body_on_one_line, put, put_line},
    trouble::Trouble,
};

/// How much of the end of a draft is compared: some records, and little enough for a line that breaks every now and then.
const OVERLAP_BYTES: u64 = 1024;
/// Most times that a file is begun anew because it is another one.
const MAX_BEGUN: usize = 3;

pub(super) async fn receipt(client: &Client, args: &ReceiptArgs) -> Result<Exit, Trouble> {
    let id = find(client, &args.id).await?;
    let mut answer = client.get(["v1", "crawls", &id, "receipt"]).send().await?;
    while let Some(chunk) = answer.chunk().await? {
        put(&chunk)?;
    }
    put(b"\n")?;
    Ok(Exit::Finished)
}

#[derive(Deserialize)]
struct OutputList {
    outputs: Vec<Output>,
}

#[derive(Deserialize)]
struct Output {
    file: String,
    bytes: u64,
}

pub(super) async fn get(client: &Client, args: &GetArgs) -> Result<Exit, Trouble> {
    let id = find(client, &args.id).await?;
    let Some(file) = &args.file else { return list(client, &id, args.json).await };
    let mut backoff = Backoff::new(args.patience, |text| complain(&format!("warning: {text}")));
    let mut place = match &args.output {
        Some(path) if path == Path::new("-") => Place::Stdout { at: 0 },
        path => Place::draft(target(file, path.as_deref())?)?,
    };
    match whole(client, &id, file, &mut place, &mut backoff).await {
        Ok(()) => place.finish()?,
        Err(trouble) => {
            place.leave();
            return Err(trouble);
        }
    }
    Ok(Exit::Finished)
}

/// Gets all that is missing, however often the connection breaks.
async fn whole(client: &Client, id: &str, file: &str, place: &mut Place, backoff: &mut Backoff) -> Result<(), Trouble> {
    let mut n_begun = 0;
    loop {
        match part(client, id, file, place, backoff).await {
            Ok(()) => return Ok(()),
            Err(Trouble::OtherFile { .. }) if n_begun < MAX_BEGUN => {
                n_begun += 1;
                place.begin_anew()?;
            }
            Err(trouble) => backoff.pause(trouble).await?,
        }
    }
}

async fn list(client: &Client, id: &str, json: bool) -> Result<Exit, Trouble> {
    let answer = client.get(["v1", "crawls", id, "outputs"]).send().await?;
    let (OutputList { outputs }, body) = answer.json_and_bytes().await?;
    if json {
        put_line(&body_on_one_line(&body))?;
    } else {
        for Output { file, bytes: n } in outputs {
            put_line(&format!("{:>10}  {}", bytes(n), plain(&file)))?;
        }
    }
    Ok(Exit::Finished)
}

/// Where a file goes: to `given`, which may be a folder, or here under its own name.
fn target(file: &str, given: Option<&Path>) -> Result<PathBuf, Trouble> {
    let name = Path::new(file).file_name();
    let name = name.ok_or_else(|| Trouble::Usage(format!("`{}` names no file", plain(file))))?;
    Ok(match given {
        Some(folder) if folder.is_dir() => folder.join(name),
        Some(path) => path.to_owned(),
        None => PathBuf::from(name),
    })
}

/// Where what comes is put.
enum Place {
    Stdout { at: u64 },
    Draft { file: File, path: PathBuf, target: PathBuf, at: u64 },
}

impl Place {
    fn draft(target: PathBuf) -> Result<Self, Trouble> {
        let mut path = OsString::from(target.as_os_str());
        path.push(".part");
        let path = PathBuf::from(path);
        let unwritable = |source| Trouble::File { file: path.clone(), what: "written", source };
        // Not truncated: what is in it need not come again.
        let opened = OpenOptions::new().read(true).write(true).create(true).truncate(false).open(&path);
        let file = opened.map_err(unwritable)?;
        let at = file.metadata().map_err(unwritable)?.len();
        Ok(Self::Draft { file, path, target, at })
    }

    /// How much is there.
    fn at(&self) -> u64 {
        match self {
            Self::Stdout { at } | Self::Draft { at, .. } => *at,
        }
    }

    fn unwritable(path: &Path) -> impl Fn(io::Error) -> Trouble {
        move |source| Trouble::File { file: path.to_owned(), what: "written", source }
    }

    /// The end of what is there, which is asked for again.
    fn end(&mut self) -> Result<Vec<u8>, Trouble> {
        let Self::Draft { file, path, at, .. } = self else { return Ok(Vec::new()) };
        let n = OVERLAP_BYTES.min(*at);
        let mut end = Vec::new();
        let read = file.seek(SeekFrom::Start(*at - n)).and_then(|_| file.take(n).read_to_end(&mut end));
        read.map_err(Self::unwritable(path))?;
        Ok(end)
    }

    fn write(&mut self, bytes: &[u8]) -> Result<(), Trouble> {
        match self {
            Self::Stdout { at } => {
                put(bytes)?;
                *at += bytes.len() as u64;
            }
            Self::Draft { file, path, at, .. } => {
                let written = file.seek(SeekFrom::Start(*at)).and_then(|_| file.write_all(bytes));
                written.map_err(Self::unwritable(path))?;
                *at += bytes.len() as u64;
            }
        }
        Ok(())
    }

    /// Forgets what is there; what has been printed can't be.
    fn begin_anew(&mut self) -> Result<(), Trouble> {
        match self {
            Self::Stdout { at: 0 } => Ok(()),
            Self::Stdout { .. } => {
                Err(Trouble::Internal("the file is another one by now, and some of it is printed".to_owned()))
            }
            Self::Draft { file, path, at, .. } => {
                file.set_len(0).map_err(Self::unwritable(path))?;
                *at = 0;
                Ok(())
            }
        }
    }

    /// Leaves a draft for the next time, if there is anything in it.
    fn leave(self) {
        if let Self::Draft { path, at: 0, .. } = self {
            let _ = fs::remove_file(path);
        }
    }

    fn finish(self) -> Result<(), Trouble> {
        let Self::Draft { file, path, target, at } = self else { return Ok(()) };
        let renamed = file.sync_all().and_then(|()| fs::rename(&path, &target));
        renamed.map_err(Self::unwritable(&target))?;
        complain(&format!("{}: {} bytes", target.display(), count(at)));
        Ok(())
    }
}

/// Gets what is missing.
async fn part(client: &Client, id: &str, file: &str, place: &mut Place, backoff: &mut Backoff) -> Result<(), Trouble> {
    let mut overlap = place.end()?;
    let from = place.at() - overlap.len() as u64;
    let path = ["v1", "crawls", id, "outputs"].into_iter().chain(file.split('/'));
    let mut call = client.get(path);
    if from > 0 || !overlap.is_empty() {
        let range = format!("bytes={from}-");
        call = call.header(header::RANGE, HeaderValue::try_from(range).expect("numbers are ASCII"));
    }
    let mut answer = match call.send().await {
        Err(Trouble::Problem(problem)) if problem.status() == 416 => {
            // It is shorter than what is there.
            return Err(Trouble::OtherFile { file: plain(file) });
        }
        sent => sent?,
    };
    let unclear = "it does not say how long the file is";
    // How much of what comes is to be passed over: whoever does not know of parts sends all.
    let (mut skipped, mut left) = match answer.status {
        StatusCode::PARTIAL_CONTENT => {
            let (first, last) = content_range(&answer.headers).ok_or_else(|| answer.foreign(unclear))?;
            if first != from || last < first {
                return Err(answer.foreign("it sent another part of the file than was asked for"));
            }
            (0, last - first + 1)
        }
        _ => (from, content_length(&answer.headers).ok_or_else(|| answer.foreign(unclear))?),
    };
    while left > 0 {
        let Some(chunk) = answer.chunk().await? else { return Err(answer.foreign("the file ended before its end")) };
        let mut new = &chunk[..chunk.len().min(usize::try_from(left).unwrap_or(usize::MAX))];
        left -= new.len() as u64;
        let n = new.len().min(usize::try_from(skipped).unwrap_or(usize::MAX));
        (skipped, new) = (skipped - n as u64, &new[n..]);
        let n = new.len().min(overlap.len());
        if new[..n] != overlap[..n] {
            return Err(Trouble::OtherFile { file: plain(file) });
        }
        overlap.drain(..n);
        if n < new.len() {
            // What is there already is no progress.
            backoff.reset();
            place.write(&new[n..])?;
        }
    }
    if skipped > 0 || !overlap.is_empty() {
        return Err(Trouble::OtherFile { file: plain(file) });
    }
    Ok(())
}

fn content_length(headers: &HeaderMap) -> Option<u64> {
    headers.get(header::CONTENT_LENGTH)?.to_str().ok()?.parse().ok()
}

/// First and last byte of `bytes 10-19/30`.
fn content_range(headers: &HeaderMap) -> Option<(u64, u64)> {
    let range = headers.get(header::CONTENT_RANGE)?.to_str().ok()?.strip_prefix("bytes ")?;
    let (first, last) = range.split_once('/')?.0.split_once('-')?;
    Some((first.parse().ok()?, last.parse().ok()?))
}
