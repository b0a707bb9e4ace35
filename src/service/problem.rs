//! What a caller is told when something is not done: problem details (RFC 9457).
//!
//! Never a path, a secret or an internal error: those are for the log. Every problem has a `type` that programs can
//! tell apart.

use axum::{
    Json,
    http::{HeaderValue, StatusCode, header},
    response::{IntoResponse, Response},
};
use schemars::JsonSchema;
use serde::Serialize;

use super::{foreman::Refused, hooks::HookError};
use crate::config::ConfigErrors;

/// Before the name of a kind of problem; resolves nowhere, as RFC 9457 allows.
const TYPES: &str = "urn:dragline:problem:";

/// Problem details.
#[derive(Debug, Clone, Serialize, JsonSchema)]
pub(crate) struct Problem {
    /// Which kind: `urn:dragline:problem:` and a word.
    #[serde(rename = "type")]
    kind: String,
    /// The same in words.
    pub(crate) title: &'static str,
    /// The status of the answer.
    status: u16,
    /// What is wrong this time, and what can be done about it.
    pub(crate) detail: String,
    /// All that is wrong with a document, one by one.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub(crate) errors: Vec<Wrong>,
    #[serde(skip)]
    retry_after: Option<u64>,
}

/// One thing that is wrong with a document.
#[derive(Debug, Clone, Serialize, JsonSchema)]
pub(crate) struct Wrong {
    /// Which key; empty if it is the document as a whole.
    pub(crate) key: String,
    /// Where it stands: `document:12`.
    pub(crate) at: String,
    /// What is wrong with it.
    pub(crate) message: String,
}

impl Problem {
    fn new(status: StatusCode, kind: &str, title: &'static str, detail: impl Into<String>) -> Self {
        let (kind, status, detail) = (format!("{TYPES}{kind}"), status.as_u16(), detail.into());
        Self { kind, title, status, detail, errors: Vec::new(), retry_after: None }
    }

    pub(crate) fn bad_request(detail: impl Into<String>) -> Self {
        Self::new(StatusCode::BAD_REQUEST, "bad-request", "The request can't be understood", detail)
    }

    pub(crate) fn unauthorized(detail: impl Into<String>) -> Self {
        Self::new(StatusCode::UNAUTHORIZED, "unauthorized", "A key is needed", detail)
    }

    pub(crate) fn forbidden(detail: impl Into<String>) -> Self {
        Self::new(StatusCode::FORBIDDEN, "forbidden", "This is not for you to do", detail)
    }

    pub(crate) fn not_found(what: impl Into<String>) -> Self {
        Self::new(StatusCode::NOT_FOUND, "not-found", "There is no such thing", what)
    }

    pub(crate) fn method_not_allowed() -> Self {
        let detail = "the Allow header says what can be done here";
        Self::new(StatusCode::METHOD_NOT_ALLOWED, "method-not-allowed", "This can't be done here", detail)
    }

    pub(crate) fn conflict(detail: impl Into<String>) -> Self {
        Self::new(StatusCode::CONFLICT, "conflict", "This can't be done to it as it is", detail)
    }

    pub(crate) fn too_large(most: usize) -> Self {
        let detail = format!("a body may have {most} bytes");
        Self::new(StatusCode::PAYLOAD_TOO_LARGE, "too-large", "The body is too long", detail)
    }

    pub(crate) fn too_slow() -> Self {
        let detail = "the body did not come in time";
        Self::new(StatusCode::REQUEST_TIMEOUT, "too-slow", "The request came too slowly", detail)
    }

    pub(crate) fn media_type(expected: &str) -> Self {
        let detail = format!("expected a Content-Type of {expected}");
        Self::new(StatusCode::UNSUPPORTED_MEDIA_TYPE, "media-type", "The body is of another kind", detail)
    }

    pub(crate) fn misdirected(detail: impl Into<String>) -> Self {
        Self::new(StatusCode::MISDIRECTED_REQUEST, "misdirected", "This is not the server that was meant", detail)
    }

    pub(crate) fn unprocessable(detail: impl Into<String>) -> Self {
        Self::new(StatusCode::UNPROCESSABLE_ENTITY, "unprocessable", "It can't be meant", detail)
    }

    pub(crate) fn changed(revision: u64) -> Self {
        let detail = format!("it is at revision {revision} by now: read it again");
        Self::new(StatusCode::PRECONDITION_FAILED, "changed", "It has changed since", detail)
    }

    pub(crate) fn too_many(detail: impl Into<String>, retry_after_s: u64) -> Self {
        let problem = Self::new(StatusCode::TOO_MANY_REQUESTS, "too-many", "Not so much at a time", detail);
        Self { retry_after: Some(retry_after_s.max(1)), ..problem }
    }

    pub(crate) fn unavailable(detail: impl Into<String>) -> Self {
        let problem = Self::new(StatusCode::SERVICE_UNAVAILABLE, "unavailable", "Not now", detail);
        Self { retry_after: Some(5), ..problem }
    }

    pub(crate) fn upstream(detail: impl Into<String>) -> Self {
        Self::new(StatusCode::BAD_GATEWAY, "upstream", "The URL could not be fetched", detail)
    }

    pub(crate) fn range(length: u64) -> Self {
        let detail = format!("it has {length} bytes");
        Self::new(StatusCode::RANGE_NOT_SATISFIABLE, "range", "There is no such part", detail)
    }

    /// Something of ours: the log says what.
    pub(crate) fn internal(what: &str, error: &dyn std::error::Error) -> Self {
        tracing::error!(%error, "{what}");
        let detail = format!("{what}; the log of the daemon says why");
        Self::new(StatusCode::INTERNAL_SERVER_ERROR, "internal", "The daemon has a problem", detail)
    }

    /// A document that can't be meant.
    pub(crate) fn document(errors: &ConfigErrors) -> Self {
        let errors: Vec<Wrong> = errors
            .0
            .iter()
            .map(|problem| Wrong {
                key: problem.key.clone(),
                at: problem.origin.clone(),
                message: problem.fault.to_string(),
            })
            .collect();
        let detail = match errors.as_slice() {
            [one] if one.key.is_empty() => one.message.clone(),
            [one] => format!("{}: {}", one.key, one.message),
            more => format!("{} things are wrong with it", more.len()),
        };
        Self {
            errors,
            ..Self::new(StatusCode::UNPROCESSABLE_ENTITY, "document", "The document can't be meant", detail)
        }
    }

    /// The status of the answer.
    pub(crate) fn code(&self) -> StatusCode {
        StatusCode::from_u16(self.status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR)
    }

    #[cfg(test)]
    pub(crate) fn status(&self) -> u16 {
        self.status
    }
}

impl From<Refused> for Problem {
    fn from(refused: Refused) -> Self {
        let detail = refused.to_string();
        match refused {
            Refused::Unknown => Self::not_found(detail),
            Refused::Changed(revision) => Self::changed(revision),
            Refused::Unfit(_) | Refused::Running => Self::conflict(detail),
            Refused::OtherCall => Self::unprocessable(detail),
            Refused::Full(_) | Refused::OwnersShare(_) | Refused::TooManyBlocked | Refused::TooManySchedules => {
                Self::too_many(detail, 60)
            }
            Refused::Disk(_) | Refused::Stopping => Self::unavailable(detail),
        }
    }
}

impl From<HookError> for Problem {
    fn from(error: HookError) -> Self {
        let detail = error.to_string();
        match error {
            HookError::Unknown | HookError::UnknownDelivery => Self::not_found(detail),
            HookError::Unfit(_) => Self::unprocessable(detail),
            HookError::TooMany { .. } | HookError::Full(_) => Self::too_many(detail, 60),
            HookError::Waits | HookError::Operators => Self::conflict(detail),
            HookError::Random | HookError::Disk(_) => Self::unavailable(detail),
        }
    }
}

impl IntoResponse for Problem {
    fn into_response(self) -> Response {
        let (status, retry_after) = (self.code(), self.retry_after);
        let mut response = (status, Json(&self)).into_response();
        // For whoever shows it to people.
        response.extensions_mut().insert(self);
        let headers = response.headers_mut();
        headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("application/problem+json"));
        if let Some(seconds) = retry_after {
            headers.insert(header::RETRY_AFTER, HeaderValue::from(seconds));
        }
        if status == StatusCode::UNAUTHORIZED {
            headers.insert(header::WWW_AUTHENTICATE, HeaderValue::from_static("Bearer realm=\"dragline\""));
        }
        response
    }
}
