//! One pass: its files are found and read, every line is judged, and what it comes to is collected.
//!
//! It compares with nothing but the marks; that is the business of whoever has a witness.

use std::{
    fs, io,
    path::{Path, PathBuf},
};

use super::{
    Failure,
    counts::Counts,
    files::{self, Read1},
    found::{Finding, Findings, Kind},
    hosts::Hosts,
    line::{self, Line, Misfit, Outcome},
    rules,
    urls::{Place, Spot, Urls},
    watch::Watch,
};
use crate::{
    address::CanonicalUrl,
    sink::{self, Mark},
};

/// Where the files of a pass are.
#[derive(Debug, Clone)]
pub(super) struct Shelf {
    pub(super) pass: u32,
    /// The output folder.
    pub(super) out: PathBuf,
    /// Where in it: `""`, or `passes/<n>/`.
    pub(super) prefix: String,
    /// Names of files that are still to be moved from the output folder itself: not of its pass, but of the one before.
    pub(super) not_moved: Vec<String>,
}

impl Shelf {
    /// A file's name as seen from the output folder.
    pub(super) fn name(&self, file: &str) -> String {
        let moved = format!("{}{file}", self.prefix);
        let is_behind = self.not_moved.iter().any(|name| name == file) && !self.out.join(&moved).exists();
        if is_behind { file.to_owned() } else { moved }
    }

    pub(super) fn path(&self, file: &str) -> PathBuf {
        self.out.join(self.name(file))
    }

    /// Whether what lies there under this name is of the pass before.
    pub(super) fn is_of_before(&self, file: &str) -> bool {
        self.prefix.is_empty() && self.not_moved.iter().any(|name| name == file)
    }

    /// Whether the pass has such a file.
    pub(super) fn has(&self, file: &str) -> bool {
        !self.is_of_before(file) && self.path(file).exists()
    }

    /// Names of the outputs that lie there.
    fn outputs(&self) -> Result<Vec<String>, Failure> {
        let folder = self.out.join(&self.prefix);
        let entries = match fs::read_dir(&folder) {
            Ok(entries) => entries,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
            Err(error) => return Err(Failure::Unreadable { path: folder, source: error }),
        };
        let names = entries.filter_map(|entry| entry.ok()?.file_name().into_string().ok());
        let is_ours = |name: &String| sink::is_output_name(name) && !self.is_of_before(name);
        let mut names: Vec<String> = names.filter(is_ours).collect();
        names.sort();
        Ok(names)
    }
}

/// How sure the outputs' lengths are.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Ends {
    /// A run ended there, and nothing may stand behind.
    Here,
    /// A run was killed: what stands behind was not committed.
    Open,
}

/// What the records of a pass come to.
pub(super) struct Scan {
    pub(super) counts: Counts,
    pub(super) urls: Urls,
    pub(super) hosts: Hosts,
    /// The files, as seen from the output folder.
    pub(super) files: Vec<String>,
    pub(super) n_bytes: u64,
    pub(super) n_lines: u64,
    /// Whether every line of every file was read and counted.
    pub(super) is_whole: bool,
}

/// Reads the outputs of a pass up to their `marks`; whatever lies there, if there are none.
pub(super) fn scan(
    shelf: &Shelf,
    marks: Option<(&[Mark], Ends)>,
    scratch: &Path,
    watch: &mut Watch,
    findings: &mut Findings,
) -> Result<Scan, Failure> {
    let mut scan = Scan {
        counts: Counts::default(),
        urls: Urls::new(scratch),
        hosts: Hosts::new(scratch),
        files: Vec::new(),
        n_bytes: 0,
        n_lines: 0,
        is_whole: true,
    };
    let lying = shelf.outputs()?;
    match marks {
        Some((marks, ends)) => {
            for mark in marks {
                scan.read_marked(shelf, mark, ends, watch, findings)?;
            }
            for name in lying.iter().filter(|name| marks.iter().all(|mark| mark.file != **name)) {
                uncommitted(
                    shelf,
                    name,
                    &format!("{name} is not one of the files that were committed"),
                    ends,
                    findings,
                );
            }
        }
        None => {
            for name in &lying {
                let length = length(&shelf.path(name))?.unwrap_or_default();
                scan.read(shelf, name, length, watch, findings)?;
            }
        }
    }
    Ok(scan)
}

/// Says of what stands behind the marks what it is.
fn uncommitted(shelf: &Shelf, file: &str, what: &str, ends: Ends, findings: &mut Findings) {
    match ends {
        Ends::Here => {
            let what = format!("{what}, and the last run ended well");
            findings.add(Finding::new(Kind::Stray, shelf.pass, what).file(shelf.name(file)));
        }
        Ends::Open => findings.note(format!("{what}: the next run does away with it")),
    }
}

fn length(path: &Path) -> Result<Option<u64>, Failure> {
    match fs::metadata(path) {
        Ok(metadata) => Ok(Some(metadata.len())),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(source) => Err(Failure::Unreadable { path: path.to_owned(), source }),
    }
}

impl Scan {
    fn read_marked(
        &mut self,
        shelf: &Shelf,
        mark: &Mark,
        ends: Ends,
        watch: &mut Watch,
        findings: &mut Findings,
    ) -> Result<(), Failure> {
        let name = shelf.name(&mark.file);
        let Some(length) = length(&shelf.path(&mark.file))? else {
            // A file that was begun and never written to need not have survived.
            if mark.bytes > 0 || mark.records > 0 {
                self.is_whole = false;
                let what = format!("it is missing, with {} records", mark.records);
                findings.add(Finding::new(Kind::Missing, shelf.pass, what).file(name));
            }
            return Ok(());
        };
        if length < mark.bytes {
            self.is_whole = false;
            let what = format!("it has {length} bytes of the {} that were committed", mark.bytes);
            findings.add(Finding::new(Kind::Short, shelf.pass, what).file(name.clone()));
        } else if length > mark.bytes {
            let what = format!("{name} has {} bytes behind what was committed", length - mark.bytes);
            uncommitted(shelf, &mark.file, &what, ends, findings);
        }
        let before = self.n_lines;
        let read = self.read(shelf, &mark.file, mark.bytes, watch, findings)?;
        let n_lines = self.n_lines - before;
        if length >= mark.bytes && mark.crc32.is_some_and(|crc32| crc32 != read.crc32) {
            let what = "its bytes are not those that were committed (CRC-32)";
            findings.add(Finding::new(Kind::Changed, shelf.pass, what).file(name.clone()));
        }
        if n_lines != mark.records && read.damage.is_none() && length >= mark.bytes {
            let what = format!("it holds {n_lines} records, and {} were committed", mark.records);
            findings.add(Finding::new(Kind::Records, shelf.pass, what).file(name));
        }
        Ok(())
    }

    fn read(
        &mut self,
        shelf: &Shelf,
        file: &str,
        length: u64,
        watch: &mut Watch,
        findings: &mut Findings,
    ) -> Result<Read1, Failure> {
        let number = u32::try_from(self.files.len()).unwrap_or(u32::MAX);
        self.files.push(shelf.name(file));
        let files = self.files.clone();
        let place = Place { pass: shelf.pass, files: &files };
        let path = shelf.path(file);
        let (n_before, mut failed) = (self.n_lines, None);
        let read = files::read_lines(&path, length, &mut |n, line| {
            watch.line(n_before + n);
            if let Err(error) = self.take(line, Spot { file: number, line: n }, &place, findings) {
                failed.get_or_insert(error);
            }
        });
        let read = read.map_err(|source| Failure::Unreadable { path, source })?;
        if let Some(error) = failed {
            return Err(Failure::Scratch(error));
        }
        self.n_lines += read.n_lines;
        self.n_bytes += length;
        if let Some((at, what)) = &read.damage {
            self.is_whole = false;
            let what = format!("it can't be unpacked from there on: {what}");
            findings.add(Finding::new(Kind::Frame, shelf.pass, what).file(shelf.name(file)).byte(*at));
        } else if read.is_cut {
            let spot = Spot { file: number, line: read.n_lines };
            findings.add(place.at(Kind::Line, spot, "the last line has no end"));
        }
        Ok(read)
    }

    /// Judges a line, and counts it if it is a record.
    fn take(&mut self, line: &[u8], spot: Spot, place: &Place<'_>, findings: &mut Findings) -> io::Result<()> {
        let misfit = match line::read(line) {
            Ok(record) => match CanonicalUrl::from_stored(&record.url) {
                Ok(url) => return self.count(&record, &url, spot, place, findings),
                Err(_) => (Kind::Record, "its url is none".to_owned()),
            },
            Err(Misfit::Line(what)) => (Kind::Line, what),
            Err(Misfit::Schema(what)) => (Kind::Schema, what),
        };
        self.is_whole = false;
        findings.add(place.at(misfit.0, spot, misfit.1));
        Ok(())
    }

    fn count(
        &mut self,
        record: &Line<'_>,
        url: &CanonicalUrl,
        spot: Spot,
        place: &Place<'_>,
        findings: &mut Findings,
    ) -> io::Result<()> {
        rules::judge(record, url, place.pass, &mut |what| {
            let finding = place.at(Kind::Record, spot, what);
            findings.add(Finding { url: Some(record.url.clone().into_owned()), ..finding });
        });
        self.counts.add(record);
        self.hosts.add(url.host().id(), record)?;
        self.urls.record(url.fingerprint(), spot)?;
        if record.outcome == Outcome::Redirected {
            match CanonicalUrl::from_stored(&record.final_url) {
                Ok(target) => self.urls.target(target.fingerprint(), spot)?,
                Err(_) => findings.add(place.at(Kind::Record, spot, "it was redirected to what is no URL")),
            }
        }
        Ok(())
    }
}

/// Fills in the URLs of lines that were found wrong by their place: one more look at each file.
pub(super) fn name_urls(out: &Path, findings: &mut Findings) {
    let is_nameless = |finding: &Finding| {
        finding.url.is_none() && matches!(finding.kind, Kind::Double | Kind::Early | Kind::Unknown | Kind::Target)
    };
    let mut files: Vec<String> =
        findings.named.iter().filter(|it| is_nameless(it)).filter_map(|finding| finding.file.clone()).collect();
    files.sort();
    files.dedup();
    for file in files {
        // What can't be read a second time stays without its name.
        let _ = files::read_lines(&out.join(&file), u64::MAX, &mut |n, line| {
            for finding in findings.named.iter_mut().filter(|it| it.line == Some(n) && it.file.as_ref() == Some(&file))
            {
                if finding.url.is_none()
                    && let Ok(record) = line::read(line)
                {
                    finding.url = Some(record.url.into_owned());
                }
            }
        });
    }
}
