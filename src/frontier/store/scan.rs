//! A table in order: all its sources merged, of which the youngest that knows a key is right.

use std::{collections::btree_map, sync::Arc};

use super::{
    Fresh, Key, Table,
    fresh::Sorted,
    run::{Cursor, Run},
};
use crate::frontier::FrontierError;

/// Something that has entries in order.
#[derive(Debug)]
enum Source<'a> {
    Fresh { table: &'a Sorted, rest: btree_map::Range<'a, Key, Option<Box<[u8]>>>, value: Option<&'a [u8]> },
    Numbers { all: Vec<(Key, [u8; 8])>, at: usize },
    Run(Box<Cursor>),
}

impl Source<'_> {
    fn value(&self) -> Option<&[u8]> {
        match self {
            Self::Fresh { value, .. } => *value,
            Self::Numbers { all, at } => Some(&all[*at].1),
            Self::Run(cursor) => cursor.value(),
        }
    }

    /// Goes to the first entry whose key is not before `key`, and tells its key.
    fn seek(&mut self, key: Key) -> Result<Option<Key>, FrontierError> {
        match self {
            Self::Fresh { table, rest, .. } => {
                *rest = table.range(key..);
                self.step()
            }
            Self::Numbers { all, at } => {
                *at += all[*at..].partition_point(|(found, _)| *found < key);
                Ok(all.get(*at).map(|(key, _)| *key))
            }
            Self::Run(cursor) => {
                cursor.advance_to(key)?;
                Ok(cursor.key())
            }
        }
    }

    fn step(&mut self) -> Result<Option<Key>, FrontierError> {
        match self {
            Self::Fresh { rest, value, .. } => {
                let next = rest.next();
                *value = next.and_then(|(_, value)| value.as_deref());
                Ok(next.map(|(key, _)| *key))
            }
            Self::Numbers { all, at } => {
                *at += 1;
                Ok(all.get(*at).map(|(key, _)| *key))
            }
            Self::Run(cursor) => {
                cursor.next()?;
                Ok(cursor.key())
            }
        }
    }
}

/// Entries of several sources in order, gone ones among them.
#[derive(Debug)]
pub(super) struct Merged<'a> {
    /// The youngest first.
    sources: Vec<Source<'a>>,
    heads: Vec<Option<Key>>,
}

impl<'a> Merged<'a> {
    pub(super) fn new() -> Self {
        Self { sources: Vec::new(), heads: Vec::new() }
    }

    /// Adds what is older than all that was added before.
    pub(super) fn add_fresh(&mut self, fresh: &'a Fresh, table: Table, from: Key) -> Result<(), FrontierError> {
        let source = if table == Table::Seen {
            let all = fresh.sorted_numbers().into_iter().map(|(key, number)| (key, number.to_le_bytes()));
            Source::Numbers { all: all.collect(), at: 0 }
        } else {
            let table = fresh.sorted(table);
            Source::Fresh { table, rest: table.range(from..), value: None }
        };
        self.add(source, from)
    }

    /// Adds what is older than all that was added before.
    pub(super) fn add_run(&mut self, run: &Arc<Run>, from: Key) -> Result<(), FrontierError> {
        let cursor = Cursor::seek(run.clone(), from)?;
        self.add(Source::Run(Box::new(cursor)), from)
    }

    fn add(&mut self, mut source: Source<'a>, from: Key) -> Result<(), FrontierError> {
        self.heads.push(source.seek(from)?);
        self.sources.push(source);
        Ok(())
    }

    /// The least key at hand, and which source speaks for it.
    pub(super) fn head(&self) -> Option<(Key, usize)> {
        let heads = self.heads.iter().enumerate().filter_map(|(i, key)| key.map(|key| (key, i)));
        heads.min()
    }

    /// What that source says of it: `None` is gone.
    pub(super) fn value(&self, source: usize) -> Option<&[u8]> {
        self.sources[source].value()
    }

    /// Goes on behind `key`, which is the least at hand.
    pub(super) fn pass(&mut self, key: Key) -> Result<(), FrontierError> {
        for (source, head) in self.sources.iter_mut().zip(&mut self.heads) {
            if *head == Some(key) {
                *head = source.step()?;
            }
        }
        Ok(())
    }

    fn seek(&mut self, key: Key) -> Result<(), FrontierError> {
        for (source, head) in self.sources.iter_mut().zip(&mut self.heads) {
            if head.is_some_and(|at| at < key) {
                *head = source.seek(key)?;
            }
        }
        Ok(())
    }
}

/// What a table holds, in order.
#[derive(Debug)]
pub(in crate::frontier) struct Scan<'a>(Merged<'a>);

impl<'a> Scan<'a> {
    pub(super) fn new(merged: Merged<'a>) -> Self {
        Self(merged)
    }

    /// The next entry that is not gone.
    pub(in crate::frontier) fn next(&mut self) -> Result<Option<(Key, Vec<u8>)>, FrontierError> {
        while let Some((key, source)) = self.0.head() {
            let value = self.0.value(source).map(<[u8]>::to_vec);
            self.0.pass(key)?;
            if let Some(value) = value {
                return Ok(Some((key, value)));
            }
        }
        Ok(None)
    }

    /// The key of the next entry, which stays the next, and whether it is gone.
    pub(in crate::frontier) fn look(&self) -> Option<(Key, bool)> {
        self.0.head().map(|(key, source)| (key, self.0.value(source).is_none()))
    }

    /// Goes on behind the next entry.
    pub(in crate::frontier) fn pass(&mut self) -> Result<(), FrontierError> {
        self.0.head().map_or(Ok(()), |(key, _)| self.0.pass(key))
    }

    /// Goes on at `key`, if it was not there yet.
    pub(in crate::frontier) fn seek(&mut self, key: Key) -> Result<(), FrontierError> {
        self.0.seek(key)
    }
}
