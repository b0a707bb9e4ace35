//! From the client's errors to [`ErrorKind`], [`Phase`] and a message.
//!
//! reqwest, hyper, rustls and the system wrap one another; what matters is somewhere in the chain.
//! The messages are made here from what is found, so that no URL and no credential of one can be in
//! them. HTTP/2 errors have no public type in this stack and are told apart by their text; that
//! decides between two kinds of failure and nothing else.

use std::{error::Error, io};

use super::{
    ErrorKind, Phase,
    connect::Trace,
    resolve::{Failure, ResolveError},
};

/// Longest message; those of TLS may quote what the server sent.
const MAX_MESSAGE_BYTES: usize = 200;

/// Said of a head that is beyond our bounds, whoever notices.
pub(super) const HEAD_TOO_LARGE: &str = "the response's header fields are too many or too long";

/// What went wrong, in the three ways in which a record tells it.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Fault {
    pub(super) kind: ErrorKind,
    pub(super) phase: Phase,
    pub(super) message: String,
}

impl Fault {
    pub(super) fn new(kind: ErrorKind, phase: Phase, message: impl Into<String>) -> Self {
        Self { kind, phase, message: message.into() }
    }
}

/// An error before the response's head was complete.
pub(super) fn of_head(error: &reqwest::Error, trace: &Trace) -> Fault {
    if error.is_builder() {
        return Fault::new(ErrorKind::Protocol, Phase::Head, "the url can't be put into a request");
    }
    if let Some(error) = find::<ResolveError>(error) {
        return of_name(error);
    }
    if error.is_dns() {
        return Fault::new(ErrorKind::Dns, Phase::Resolve, "look up the name");
    }
    if error.is_connect() {
        return of_connect(error, trace.phase());
    }
    of_transfer(error, Phase::Head)
}

/// A name that leads nowhere.
pub(super) fn of_name(error: &ResolveError) -> Fault {
    let kind = match error {
        ResolveError::Refused(_) | ResolveError::Mixed(_) => ErrorKind::AddressRefused,
        ResolveError::Failed(Failure::Busy) => ErrorKind::Busy,
        ResolveError::Failed(_) => ErrorKind::Dns,
    };
    Fault::new(kind, Phase::Resolve, brief(&error.to_string()))
}

/// The end of the exchange's time before the response's head was complete.
pub(super) fn of_deadline(trace: &Trace) -> Fault {
    if trace.is_connecting() {
        return of_waiting(trace.phase());
    }
    Fault::new(ErrorKind::Timeout, Phase::Head, "timed out waiting for the response")
}

/// An error while the body was read.
pub(super) fn of_body(error: &reqwest::Error) -> Fault {
    of_transfer(error, Phase::Body)
}

fn of_connect(error: &reqwest::Error, phase: Phase) -> Fault {
    if error.is_timeout() {
        return of_waiting(phase);
    }
    if let Some(error) = find::<rustls::Error>(error) {
        return Fault::new(ErrorKind::Tls, phase, tls_message(error));
    }
    let message = find::<io::Error>(error).map_or_else(|| "connect".to_owned(), io_message);
    Fault::new(ErrorKind::Connect, phase, message)
}

/// The end of the time for what comes before a request.
pub(super) fn of_waiting(phase: Phase) -> Fault {
    let what = if phase == Phase::Resolve { "name resolution" } else { "a connection" };
    Fault::new(ErrorKind::Timeout, phase, format!("timed out waiting for {what}"))
}

fn of_transfer(error: &reqwest::Error, phase: Phase) -> Fault {
    if error.is_timeout() {
        return Fault::new(ErrorKind::Timeout, phase, "timed out");
    }
    if let Some(error) = find::<rustls::Error>(error) {
        return Fault::new(ErrorKind::Tls, phase, tls_message(error));
    }
    let hyper = find::<hyper::Error>(error);
    if let Some(hyper) = hyper {
        if hyper.is_parse_too_large() {
            return Fault::new(ErrorKind::Protocol, phase, HEAD_TOO_LARGE);
        }
        if hyper.is_parse() {
            return Fault::new(ErrorKind::Protocol, phase, brief(&hyper.to_string()));
        }
        if hyper.is_incomplete_message() || hyper.is_closed() || hyper.is_canceled() {
            return Fault::new(ErrorKind::Closed, phase, "connection closed early");
        }
    }
    if let Some(io) = find::<io::Error>(error) {
        return of_io(io, phase);
    }
    let message = brief(&innermost(error).to_string());
    // h2 says "detected" of what the peer did wrong and "received" of what it sent.
    let is_breach = message.contains("error detected") || message.contains("frame with invalid size");
    Fault::new(if is_breach { ErrorKind::Protocol } else { ErrorKind::Closed }, phase, message)
}

/// hyper reports broken framing (a chunk's size that is no number, …) as I/O errors of these kinds.
fn of_io(error: &io::Error, phase: Phase) -> Fault {
    match error.kind() {
        io::ErrorKind::InvalidInput | io::ErrorKind::InvalidData => {
            Fault::new(ErrorKind::Protocol, phase, brief(&error.to_string().to_lowercase()))
        }
        io::ErrorKind::UnexpectedEof => Fault::new(ErrorKind::Closed, phase, "connection closed early"),
        _ => Fault::new(ErrorKind::Closed, phase, io_message(error)),
    }
}

/// rustls says of the rarer mistakes what only its authors can read.
fn tls_message(error: &rustls::Error) -> String {
    use rustls::{CertificateError, Error::*, InvalidMessage};
    match error {
        InvalidMessage(InvalidMessage::InvalidContentType) => "tls: the server does not speak it".to_owned(),
        InvalidCertificate(CertificateError::Other(other)) => {
            brief(&format!("tls: invalid peer certificate: {}", other.0))
        }
        _ => brief(&format!("tls: {error}")),
    }
}

fn io_message(error: &io::Error) -> String {
    match error.kind() {
        // Some kinds have a message of the system's own with a number; this is the same in brief.
        io::ErrorKind::Other => brief(&error.to_string().to_lowercase()),
        kind => kind.to_string(),
    }
}

/// The first error of type `E` in the chain, looking also into I/O errors, which hide what they
/// carry from [`Error::source`].
fn find<'a, E: Error + 'static>(error: &'a (dyn Error + 'static)) -> Option<&'a E> {
    let mut next = Some(error);
    while let Some(error) = next {
        if let Some(found) = error.downcast_ref::<E>() {
            return Some(found);
        }
        next = inner(error);
    }
    None
}

fn innermost<'a>(error: &'a (dyn Error + 'static)) -> &'a (dyn Error + 'static) {
    let mut last = error;
    while let Some(next) = inner(last) {
        last = next;
    }
    last
}

fn inner<'a>(error: &'a (dyn Error + 'static)) -> Option<&'a (dyn Error + 'static)> {
    match error.downcast_ref::<io::Error>().and_then(io::Error::get_ref) {
        Some(carried) => Some(carried),
        None => error.source(),
    }
}

/// One line of printable characters, of bounded length.
fn brief(text: &str) -> String {
    let mut out = String::new();
    for c in text.chars().map(|c| if c.is_control() { ' ' } else { c }) {
        if out.len() + c.len_utf8() > MAX_MESSAGE_BYTES {
            break;
        }
        out.push(c);
    }
    out
}
