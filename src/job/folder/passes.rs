//! Passes over one crawl: when a finished one is done again, what it wrote is set aside.
//!
//! The store leads: one commit says that the new pass has begun and which files are to be moved. The
//! moving can be interrupted anywhere and is done again at the next start; a file that is no longer
//! there has been moved. Only when all are is anything written under the old names.

use std::{
    fs::{self, File},
    io,
    path::{Path, PathBuf},
};

use super::{FolderError, RECEIPT, REPORT, unwritable};
use crate::{
    engine::{Book, End},
    fault,
    frontier::Frontier,
    sink,
};

pub(crate) const PASSES: &str = "passes";

/// Whether a pass has ended, as far as it was to go: a new one may begin.
pub(super) fn is_over(book: &Book) -> bool {
    matches!(book.end, Some(End::Finished | End::LimitReached(_)))
}

/// Begins a new pass in a store: from here on the crawl is at its start, whatever happens next.
pub(super) fn begin(out: &Path, frontier: &mut dyn Frontier, book: &Book) -> Result<Book, FolderError> {
    let written = book.outputs.iter().map(|mark| mark.file.clone());
    let files = written.chain([RECEIPT, REPORT].map(str::to_owned)).filter(|name| out.join(name).exists());
    let book = Book {
        identity: book.identity.clone(),
        passes_before: book.passes_before + 1,
        setting_aside: files.collect(),
        ..Book::default()
    };
    frontier.begin_pass(&book.to_bytes())?;
    Ok(book)
}

/// Moves what is still to be moved, and has the store forget about it.
pub(super) fn set_aside(out: &Path, frontier: &mut dyn Frontier, book: &mut Book) -> Result<(), FolderError> {
    if book.setting_aside.is_empty() {
        return Ok(());
    }
    let folder = folder(out, book.passes_before);
    fault::io("pass.folder")
        .and_then(|()| fs::create_dir_all(&folder))
        .map_err(|source| unwritable(&folder, source))?;
    for name in book.setting_aside.iter().filter(|name| is_ours(name)) {
        move_into(&folder, out, name)?;
    }
    for folder in [&folder, &out.join(PASSES), out] {
        fault::io("pass.sync")
            .and_then(|()| File::open(folder)?.sync_all())
            .map_err(|source| unwritable(folder, source))?;
    }
    book.setting_aside.clear();
    frontier.commit(&book.to_bytes())?;
    Ok(())
}

fn move_into(folder: &Path, out: &Path, name: &str) -> Result<(), FolderError> {
    let (from, to) = (out.join(name), folder.join(name));
    if !from.exists() {
        return Ok(());
    }
    if to.exists() {
        return Err(unwritable(&to, io::Error::from(io::ErrorKind::AlreadyExists)));
    }
    fault::io("pass.move").and_then(|()| fs::rename(&from, &to)).map_err(|source| unwritable(&to, source))
}

/// Where the files of a pass are, once it is set aside.
fn folder(out: &Path, pass: u32) -> PathBuf {
    out.join(PASSES).join(pass.to_string())
}

/// The numbers of the passes that have a folder, in order.
pub(crate) fn passes_in(out: &Path) -> Vec<u32> {
    let number = |name: &str| name.parse::<u32>().ok().filter(|pass| pass.to_string() == name);
    let entries = fs::read_dir(out.join(PASSES)).into_iter().flatten().filter_map(Result::ok);
    let mut passes: Vec<u32> = entries.filter_map(|entry| number(entry.file_name().to_str()?)).collect();
    passes.sort_unstable();
    passes
}

/// The files of passes that are set aside, and nothing else that may be there.
pub(super) fn files(out: &Path) -> Vec<PathBuf> {
    let list = |folder: &Path| fs::read_dir(folder).into_iter().flatten().filter_map(Result::ok);
    let files = passes_in(out).into_iter().flat_map(|pass| list(&folder(out, pass)).map(|entry| entry.path()));
    files.filter(|path| path.file_name().and_then(|name| name.to_str()).is_some_and(is_ours)).collect()
}

/// Removes them, and the folders that are empty then.
pub(super) fn clear(out: &Path) -> Result<(), FolderError> {
    for file in files(out) {
        super::remove(&file)?;
        if let Some(pass) = file.parent() {
            // One that holds something else stays.
            let _ = fs::remove_dir(pass);
        }
    }
    let _ = fs::remove_dir(out.join(PASSES));
    Ok(())
}

fn is_ours(name: &str) -> bool {
    name == RECEIPT || name == REPORT || sink::is_output_name(name)
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::*;
    use crate::{
        frontier::{self, DiskFrontier},
        sink::Mark,
    };

    const OPTIONS: frontier::Options =
        frontier::Options { max_queued: None, seen_cache_bytes: 1 << 12, buffer_bytes: 1 << 20 };
    const FILES: [&str; 4] = ["pages-00000.jsonl", "pages-00001.jsonl", "receipt.json", "report.html"];

    /// The store of a pass that is over, and its files.
    fn finished(out: &Path) -> (DiskFrontier, Book) {
        for name in FILES {
            fs::write(out.join(name), name).expect("writable");
        }
        fs::write(out.join("notes.txt"), "not ours").expect("writable");
        let mark = |name: &str| Mark { file: name.into(), bytes: 17, records: 1, crc32: None };
        let outputs = FILES[..2].iter().map(|name| mark(name)).collect();
        let identity = BTreeMap::from([("seeds.urls".to_owned(), "[]".to_owned())]);
        let book = Book { identity, outputs, seeded: true, runs: 2, end: Some(End::Finished), ..Book::default() };
        let mut frontier = DiskFrontier::create(&out.join("store"), &OPTIONS).expect("created");
        frontier.commit(&book.to_bytes()).expect("committed");
        (frontier, book)
    }

    /// Kills the process after `n_steps` of a new pass's beginning, starts another one, and looks whether
    /// all is as if nothing had happened. Step 0 is the commit, then one a file, then the last commit.
    fn check(n_steps: usize) {
        let folder = tempfile::tempdir().expect("a folder");
        let out = folder.path();
        let (mut frontier, book) = finished(out);
        if n_steps > 0 {
            let book = begin(out, &mut frontier, &book).expect("it begins");
            let aside = super::folder(out, 1);
            if n_steps > 1 {
                fs::create_dir_all(&aside).expect("writable");
            }
            for name in book.setting_aside.iter().take(n_steps - 1) {
                move_into(&aside, out, name).expect("it moves");
            }
        }
        drop(frontier);

        let mut frontier = DiskFrontier::open(&out.join("store"), &OPTIONS).expect("whole");
        let mut book = Book::from_bytes(frontier.book()).expect("a book");
        assert_eq!(is_over(&book), n_steps == 0);
        if is_over(&book) {
            book = begin(out, &mut frontier, &book).expect("it begins");
        }
        set_aside(out, &mut frontier, &mut book).expect("it moves");
        assert_eq!((book.pass(), book.runs, book.seeded, book.end), (2, 0, false, None));
        assert_eq!(book.identity.len(), 1);
        assert_eq!(Book::from_bytes(frontier.book()).expect("a book"), book, "it is committed");
        for name in FILES {
            assert_eq!(fs::read_to_string(out.join("passes/1").join(name)).expect("it was moved"), name);
            assert!(!out.join(name).exists());
        }
        // What the new pass writes stays where it is.
        fs::write(out.join(FILES[0]), "new").expect("writable");
        set_aside(out, &mut frontier, &mut book).expect("nothing to do");
        assert!(out.join(FILES[0]).exists() && out.join("notes.txt").exists());
    }

    #[test]
    fn killed_between_any_two_steps_a_pass_is_set_aside_whole() {
        (0..=FILES.len() + 1).for_each(check);
    }

    #[test]
    fn nothing_that_is_set_aside_is_overwritten() {
        let folder = tempfile::tempdir().expect("a folder");
        let out = folder.path();
        let (mut frontier, book) = finished(out);
        fs::create_dir_all(out.join("passes/1")).expect("writable");
        fs::write(out.join("passes/1/receipt.json"), "somebody's").expect("writable");
        let mut book = begin(out, &mut frontier, &book).expect("it begins");
        let error = set_aside(out, &mut frontier, &mut book).expect_err("it is in the way");
        assert!(error.to_string().contains("receipt.json"), "{error}");
        assert_eq!(fs::read_to_string(out.join("passes/1/receipt.json")).expect("it is there"), "somebody's");
        assert!(out.join("receipt.json").exists());
    }

    #[test]
    fn only_what_is_ours_is_cleared() {
        let folder = tempfile::tempdir().expect("a folder");
        let out = folder.path();
        let (mut frontier, book) = finished(out);
        let mut book = begin(out, &mut frontier, &book).expect("it begins");
        set_aside(out, &mut frontier, &mut book).expect("it moves");
        fs::create_dir_all(out.join("passes/2")).expect("writable");
        fs::create_dir_all(out.join("passes/mine")).expect("writable");
        for name in ["passes/2/notes.txt", "passes/2/pages.jsonl", "passes/mine/pages.jsonl"] {
            fs::write(out.join(name), "").expect("writable");
        }
        assert_eq!(files(out).len(), FILES.len() + 1);
        clear(out).expect("it clears");
        assert!(files(out).is_empty() && !out.join("passes/1").exists());
        assert!(out.join("passes/2/notes.txt").exists() && out.join("passes/mine/pages.jsonl").exists());
    }
}
