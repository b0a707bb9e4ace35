//! A response's head: how long it is waited for, and how much of it is taken.
//!
//! hyper bounds what it reads of a head by buffers of its own; what is configured is checked here, on
//! what came, in the same way for HTTP/1 and HTTP/2. Interim responses (1xx) are dropped as they come
//! and move no timer: a server that sends nothing else runs into the first-byte timeout.

use std::pin::pin;

use http::HeaderMap;
use tokio::time::{Duration, Instant, sleep_until};

use super::{
    ErrorKind, Phase,
    classify::{self, Fault},
    connect::Trace,
};

/// What a field takes besides its name and value: `: ` and the line's end.
const FIELD_OVERHEAD_BYTES: usize = 4;

/// Waits for `exchange`, a request on its way: until `deadline`, and no longer than `first_byte` once
/// there is a connection for it.
pub(super) async fn wait(
    exchange: impl Future<Output = Result<reqwest::Response, reqwest::Error>>,
    trace: &Trace,
    deadline: Instant,
    first_byte: Duration,
) -> Result<reqwest::Response, Fault> {
    let mut exchange = pin!(exchange);
    let mut ready_at = Instant::now();
    loop {
        // Connecting has a timeout of its own.
        let is_connecting = trace.is_connecting();
        let patience = if is_connecting { deadline } else { deadline.min(ready_at + first_byte) };
        tokio::select! {
            biased;
            answer = &mut exchange => return answer.map_err(|error| classify::of_head(&error, trace)),
            () = trace.moved() => ready_at = Instant::now(),
            () = sleep_until(patience) => return Err(classify::of_deadline(trace)),
        }
    }
}

/// Most header fields, and most bytes of them.
#[derive(Debug, Clone, Copy)]
pub(super) struct Caps {
    pub(super) n_fields: usize,
    pub(super) n_bytes: usize,
}

impl Caps {
    /// # Errors
    /// When there are more, or longer ones.
    pub(super) fn check(self, headers: &HeaderMap) -> Result<(), Fault> {
        let n_bytes: usize =
            headers.iter().map(|(name, value)| name.as_str().len() + value.len() + FIELD_OVERHEAD_BYTES).sum();
        if headers.len() <= self.n_fields && n_bytes <= self.n_bytes {
            return Ok(());
        }
        Err(Fault::new(ErrorKind::Protocol, Phase::Head, classify::HEAD_TOO_LARGE))
    }
}

#[cfg(test)]
mod tests {
    use http::{HeaderName, HeaderValue};

    use super::*;

    #[test]
    fn fields_and_bytes_are_counted() {
        let mut headers = HeaderMap::new();
        for value in ["one", "two", "six"] {
            headers.append(HeaderName::from_static("x"), HeaderValue::from_static(value));
        }
        let check = |n_fields, n_bytes| Caps { n_fields, n_bytes }.check(&headers).is_ok();
        assert!(check(3, 24));
        assert!(!check(2, 24), "several values of one name are several fields");
        assert!(!check(3, 23));
    }
}
