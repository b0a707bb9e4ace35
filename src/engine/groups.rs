//! Groups of URLs: what directories have given, and which of them are done with.
//!
//! Two rules. A directory's budget (`limits.pages_per_directory`) counts pages durably. The trap
//! rule (`traps.same_content`) follows chains: a page whose body was met on its host before and that
//! leads to URLs nobody had met, found on another such page, found on another … That is a symbolic
//! link to a parent, or a path that a server ignores the end of. The chain begins where what is new
//! ended, so the directory of its first page is what is left alone, and what is beside it is not.
//! Equal pages that are found on a page with something new (a log-in that stands for a hundred
//! pages) are no chain, and equal pages that lead nowhere new do no harm.
//!
//! What was met is remembered in tables of fixed size, newest first, and forgotten with the
//! process: a trap is then found out a second time. It owns no store; the recorder passes it in.

use std::{
    collections::HashMap,
    num::{NonZeroU32, NonZeroU64},
};

use xxhash_rust::xxh3::xxh3_64;

use super::EngineError;
use crate::{
    address::{CanonicalUrl, DirectoryKey, HostId},
    frontier::{Frontier, Retired},
    verdict::Refusal,
};

/// Most repeating pages of all hosts whose chains are followed; beyond it they start anew.
const MAX_CHAINED: usize = 65_536;
/// Most directories whose pages are held back from the store between two commits.
const MAX_HELD: usize = 65_536;
/// Places of a table of bodies at first. Of full size from the start it would cost a page of memory for nearly every page
/// of a small crawl, since digests lie anywhere.
const FIRST_BODIES: usize = 1024;
/// The table doubles when one place in so many is taken.
const FULL: usize = 4;

/// Bounds of what a group of URLs may give.
#[derive(Debug, Clone, Default)]
pub struct Options {
    /// Pages fetched of one directory, about (`limits.pages_per_directory`).
    pub pages_per_directory: Option<NonZeroU64>,
    /// Segments of a path that tell directories apart (`limits.directory_levels`).
    pub directory_levels: u16,
    /// Pages in a chain that repeat what is known and lead to new URLs (`traps.same_content`).
    pub same_content: Option<NonZeroU32>,
    /// Bytes for the digests of bodies met.
    pub memory_bytes: u64,
}

/// A page that was fetched.
pub(super) struct Page<'a> {
    pub(super) url: &'a CanonicalUrl,
    /// The page it was found on.
    pub(super) via: Option<&'a str>,
    /// Of its body; none of a body that is no sign of anything, such as an empty one.
    pub(super) content: Option<u64>,
    /// URLs of its own host that nobody had met before.
    pub(super) n_new: usize,
}

pub(super) struct Groups {
    options: Options,
    bodies: Bodies,
    /// Pages that repeat what is known, by hash: how many in the chain, and its first one's directory.
    chains: HashMap<u64, (u32, Box<str>)>,
    /// Pages of directories that were dealt with lately, and whether the store knows.
    pages: HashMap<(HostId, DirectoryKey), (u64, bool)>,
}

impl Groups {
    pub(super) fn new(options: Options) -> Self {
        Self { bodies: Bodies::new(options.memory_bytes), options, chains: HashMap::new(), pages: HashMap::new() }
    }

    /// Chains that are followed, and directories that are counted, in memory.
    pub(super) fn sizes(&self) -> (usize, usize) {
        (self.chains.len(), self.pages.len())
    }

    /// Takes notice of a page; answers with the directories that are done with now.
    pub(super) fn note(
        &mut self,
        page: &Page<'_>,
        host: HostId,
        frontier: &mut dyn Frontier,
    ) -> Result<Vec<Retired>, EngineError> {
        let full = self.count_page(page.url, host, frontier)?;
        Ok(full.into_iter().chain(self.compare(page, host)).collect())
    }

    fn count_page(
        &mut self,
        url: &CanonicalUrl,
        host: HostId,
        frontier: &mut dyn Frontier,
    ) -> Result<Option<Retired>, EngineError> {
        let Some(most) = self.options.pages_per_directory else { return Ok(None) };
        let directory = url.directory(self.options.directory_levels);
        let key = DirectoryKey::of(directory);
        if self.pages.len() >= MAX_HELD {
            self.write(frontier)?;
            self.pages.clear();
        }
        let n_before = match self.pages.get(&(host, key)) {
            Some((n_pages, _)) => *n_pages,
            None => frontier.directory_pages(host, key)?,
        };
        let n_pages = n_before + 1;
        self.pages.insert((host, key), (n_pages, false));
        Ok((n_pages >= most.get()).then(|| Retired {
            directory: directory.to_owned(),
            why: Refusal::DirectoryPageLimit,
            rule: format!("limits.pages_per_directory = {most} in {directory}").into(),
        }))
    }

    fn compare(&mut self, page: &Page<'_>, host: HostId) -> Option<Retired> {
        let most = self.options.same_content?;
        let digest = page.content? ^ host.0;
        if !self.bodies.meet(digest) || page.n_new == 0 {
            return None;
        }
        let before = page.via.and_then(|via| self.chains.get(&xxh3_64(via.as_bytes())));
        let (n_pages, start) = match before {
            Some((n_pages, start)) if page.url.as_str().starts_with(&**start) => (n_pages + 1, start.clone()),
            _ => (1, Box::from(page.url.directory(u16::MAX))),
        };
        if n_pages < most.get() {
            if self.chains.len() >= MAX_CHAINED {
                self.chains.clear();
            }
            self.chains.insert(xxh3_64(page.url.as_str().as_bytes()), (n_pages, start));
            return None;
        }
        let directory = String::from(start);
        Some(Retired {
            why: Refusal::DuplicateContent,
            rule: format!("traps.same_content = {most} in {directory}").into(),
            directory,
        })
    }

    /// Hands the counts that changed to the store.
    pub(super) fn commit(&mut self, frontier: &mut dyn Frontier) -> Result<(), EngineError> {
        self.write(frontier)
    }

    fn write(&mut self, frontier: &mut dyn Frontier) -> Result<(), EngineError> {
        for ((host, directory), (n_pages, is_written)) in &mut self.pages {
            if !std::mem::replace(is_written, true) {
                frontier.set_directory_pages(*host, *directory, *n_pages)?;
            }
        }
        Ok(())
    }
}

/// Digests of bodies with their hosts, each in the place that it hashes to, where it displaces what was there.
struct Bodies {
    /// Zero is empty, and taken for met: of so many digests one is not worth a flag.
    digests: Vec<u64>,
    n_taken: usize,
    most: usize,
}

impl Bodies {
    fn new(bytes: u64) -> Self {
        let most = usize::try_from(bytes / 8).unwrap_or(FIRST_BODIES).max(FIRST_BODIES);
        Self { digests: vec![0; FIRST_BODIES], n_taken: 0, most }
    }

    /// Whether the body was met before; from now on it was.
    fn meet(&mut self, digest: u64) -> bool {
        if self.n_taken >= self.digests.len() / FULL && self.digests.len() < self.most {
            let grown = self.digests.len().saturating_mul(2).min(self.most);
            // Written, and not only asked for: each page of it is going to be.
            let known = std::mem::replace(&mut self.digests, std::iter::repeat_n(0, grown).collect());
            self.n_taken = 0;
            known.into_iter().filter(|digest| *digest != 0).for_each(|digest| _ = self.put(digest));
        }
        self.put(digest) == digest
    }

    /// What was in its place.
    fn put(&mut self, digest: u64) -> u64 {
        let place = usize::try_from(digest % self.digests.len() as u64).unwrap_or_default();
        let before = std::mem::replace(&mut self.digests[place], digest);
        self.n_taken += usize::from(before == 0);
        before
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        address::Canonicalizer,
        frontier::{self, MemoryFrontier},
    };

    struct Bench {
        groups: Groups,
        frontier: MemoryFrontier,
    }

    impl Bench {
        fn new(pages_per_directory: u64, same_content: u32) -> Self {
            let options = Options {
                pages_per_directory: NonZeroU64::new(pages_per_directory),
                directory_levels: 2,
                same_content: NonZeroU32::new(same_content),
                memory_bytes: 1 << 16,
            };
            let frontier = frontier::Options { max_queued: None, seen_cache_bytes: 0, buffer_bytes: 0 };
            Self { groups: Groups::new(options), frontier: MemoryFrontier::new(&frontier) }
        }

        fn note(&mut self, via: &str, url: &str, content: u64, n_new: usize) -> Vec<String> {
            let url = Canonicalizer::default().parse(url).expect("valid");
            let page = Page { url: &url, via: Some(via), content: Some(content), n_new };
            let retired = self.groups.note(&page, url.host().id(), &mut self.frontier).expect("in memory");
            retired.into_iter().map(|retired| retired.directory).collect()
        }
    }

    #[test]
    fn a_directory_gives_so_many_pages() {
        let mut bench = Bench::new(2, 0);
        assert!(bench.note("", "http://h/d/1", 1, 0).is_empty());
        assert!(bench.note("", "http://h/d/e/1", 2, 0).is_empty());
        // What was counted survives in the store.
        bench.groups.commit(&mut bench.frontier).expect("in memory");
        bench.groups.pages.clear();
        assert_eq!(bench.note("", "http://h/d/2?x=/y/", 3, 0), ["http://h/d/"]);
    }

    #[test]
    fn a_loop_is_left_at_its_entrance() {
        let mut bench = Bench::new(0, 3);
        assert!(bench.note("", "http://h/", 1, 5).is_empty());
        assert!(bench.note("http://h/", "http://h/docs/", 2, 5).is_empty());
        assert!(bench.note("http://h/docs/", "http://h/docs/loop/", 2, 1).is_empty());
        assert!(bench.note("http://h/docs/", "http://h/docs/a", 3, 0).is_empty(), "new, beside the loop");
        assert!(bench.note("http://h/docs/loop/", "http://h/docs/loop/loop/", 2, 1).is_empty());
        let retired = bench.note("http://h/docs/loop/loop/", "http://h/docs/loop/loop/loop/", 2, 1);
        assert_eq!(retired, ["http://h/docs/loop/"]);
    }

    #[test]
    fn equal_pages_side_by_side_are_no_trap() {
        let mut bench = Bench::new(0, 3);
        for n in 0..100 {
            assert!(bench.note("http://h/", &format!("http://h/user{n}/"), 7, 1).is_empty());
        }
    }

    #[test]
    fn equal_pages_that_lead_nowhere_are_no_trap() {
        let mut bench = Bench::new(0, 3);
        for n in 0..100 {
            let (via, url) = (format!("http://h/{n}"), format!("http://h/{}", n + 1));
            assert!(bench.note(&via, &url, 7, 0).is_empty());
        }
    }

    #[test]
    fn a_page_of_another_host_is_another_page() {
        let mut bench = Bench::new(0, 1);
        assert!(bench.note("", "http://a/", 7, 1).is_empty());
        assert!(bench.note("", "http://b/", 7, 1).is_empty());
        assert_eq!(bench.note("", "http://b/x/", 7, 1), ["http://b/x/"]);
    }
}
