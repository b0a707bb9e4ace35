//! The log of arrivals as a file: one JSON object a line, for each request when its answer has gone out.
//!
//! Lines come in the order in which answers end. What is under way is held in memory, which the number of connections
//! bounds. A disk that fails ends the journal, not the server; whoever flushes it is told.

use std::{
    collections::HashMap,
    fs::File,
    io::{self, BufWriter, Write},
    path::Path,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use serde::Serialize;

use super::{Arrival, Log, Moment};
use crate::clock::Timestamp;

/// One line. Times are microseconds since the Unix epoch.
#[derive(Debug, Serialize)]
struct Line<'a> {
    n: u64,
    at_us: Timestamp,
    began_us: Timestamp,
    ended_us: Timestamp,
    host: &'a str,
    path: &'a str,
    connection: u64,
    in_flight: u32,
    status: u16,
    #[serde(skip_serializing_if = "Option::is_none")]
    retry_after: Option<&'a str>,
}

/// A file that arrivals are written to.
#[derive(Debug, Clone)]
pub struct Journal(Arc<Mutex<Pen>>);

#[derive(Debug)]
struct Pen {
    out: BufWriter<File>,
    under_way: HashMap<u64, Arrival>,
    failed: Option<io::Error>,
}

impl Journal {
    /// Begins a file anew.
    ///
    /// # Errors
    /// When it can't be made.
    pub fn create(path: &Path) -> io::Result<Self> {
        let out = BufWriter::with_capacity(1 << 16, File::create(path)?);
        Ok(Self(Arc::new(Mutex::new(Pen { out, under_way: HashMap::new(), failed: None }))))
    }

    /// A log that keeps nothing in memory and tells this journal.
    pub fn log(&self) -> Log {
        let journal = self.clone();
        Log::tapped(0, Box::new(move |moment| journal.pen().hear(moment)))
    }

    /// Has all that was told written, and tells whether all of it was.
    ///
    /// # Errors
    /// When something could not be written, now or earlier.
    pub fn flush(&self) -> io::Result<()> {
        let mut pen = self.pen();
        if pen.failed.is_none()
            && let Err(error) = pen.out.flush()
        {
            pen.failed = Some(error);
        }
        pen.failed.as_ref().map_or(Ok(()), |error| Err(io::Error::new(error.kind(), error.to_string())))
    }

    fn pen(&self) -> MutexGuard<'_, Pen> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Pen {
    fn hear(&mut self, moment: Moment<'_>) {
        match moment {
            Moment::Asked(arrival) => {
                self.under_way.insert(arrival.number, arrival.clone());
            }
            Moment::Ended { number, at, began, status, retry_after } => {
                let Some(arrival) = self.under_way.remove(&number) else { return };
                let line = Line {
                    n: number,
                    at_us: arrival.at,
                    began_us: began,
                    ended_us: at,
                    host: &arrival.host,
                    path: &arrival.path,
                    connection: arrival.connection,
                    in_flight: arrival.in_flight,
                    status,
                    retry_after,
                };
                if self.failed.is_none()
                    && let Err(error) = write(&mut self.out, &line)
                {
                    self.failed = Some(error);
                }
            }
        }
    }
}

fn write(out: &mut BufWriter<File>, line: &Line<'_>) -> io::Result<()> {
    serde_json::to_writer(&mut *out, line)?;
    out.write_all(b"\n")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_disk_that_fails_is_told_of_until_the_end() {
        let full = Path::new("/dev/full");
        let journal = Journal::create(full).expect("it can be opened");
        let log = journal.log();
        let arrival = |number, at| Arrival {
            number,
            at,
            host: "h".into(),
            path: "/".into(),
            connection: 0,
            in_flight: 1,
            status: 0,
            retry_after: None,
            began: None,
            ended: None,
        };
        drop(log.push(arrival));
        assert!(journal.flush().is_err());
        drop(log.push(arrival));
        assert!(journal.flush().is_err() && journal.pen().under_way.is_empty());
    }
}
