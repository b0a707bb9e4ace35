//! The gate: who looks, and what came with a form.
//!
//! It stands behind the door's questions about the way a call came, and asks the door what the key of a session may.
//! Keys that are taken out of the configuration close their sessions at the next call.

use std::{convert::Infallible, net::IpAddr, str::FromStr};

use axum::{
    Extension,
    extract::{FromRequest, FromRequestParts, Request, State},
    http::{HeaderMap, Method, Uri, header, request::Parts},
    middleware::Next,
    response::{IntoResponse, Redirect, Response},
};
use url::form_urlencoded;

use super::{App, Dashboard, calls, page, session::Token, words::encoded};
use crate::service::{
    door::{self, Caller, Need},
    problem::Problem,
};

/// Names of the cookie: browsers take the first one over TLS only, and from nobody but this very host.
const SECURE_COOKIE: &str = "__Host-dragline";
const COOKIE: &str = "dragline";
/// Forms say by this field that they are ours.
pub(super) const FORM_TOKEN: &str = "token";

/// Who looks.
#[derive(Clone)]
pub(super) struct Guest {
    pub(super) caller: Caller,
    /// None when no key is asked for, or before signing in.
    pub(super) session: Option<Token>,
    /// What forms carry.
    pub(super) form_token: String,
}

/// For handlers.
pub(super) type Looks = Extension<Guest>;

impl Guest {
    pub(super) fn may(&self, need: Need) -> bool {
        self.caller.may(need)
    }
}

/// What becomes of a call.
enum Way {
    In(Guest),
    /// To the login.
    Login,
    Out(Guest, Problem),
}

impl Dashboard {
    fn guest(&self, caller: Caller, session: Option<Token>) -> Guest {
        let form_token = self.lobby.form_token(session.as_ref());
        Guest { caller, session, form_token }
    }

    /// Who makes this call, and whether he may.
    fn way(&self, uri: &Uri, headers: &HeaderMap, need: Need, is_use: bool) -> Way {
        let door = self.app.door.borrow().clone();
        if let Some(anybody) = door.anybody() {
            return Way::In(self.guest(anybody, None));
        }
        let token = cookie(headers, Wire::of(&self.app, uri, headers).cookie_name());
        let key = token.as_ref().and_then(|token| self.lobby.key(token, self.app.clock.now(), is_use));
        let owner = key.and_then(|key| door.owner(&key).map(|owner| (key, owner)));
        match owner {
            Some((_, owner)) if need == Need::Nothing => Way::In(self.guest(owner, token)),
            Some((key, owner)) => match door.admit_as(&key, need) {
                Ok(caller) => Way::In(self.guest(caller, token)),
                Err(problem) => Way::Out(self.guest(owner, token), problem),
            },
            None if need == Need::Nothing => Way::In(self.guest(Caller::nobody(), None)),
            None => Way::Login,
        }
    }
}

/// Lets nobody in who may not do this, makes pages of problems, and counts.
pub(super) async fn admit(
    State((dashboard, need, path)): State<(Dashboard, Need, &'static str)>,
    mut request: Request,
    next: Next,
) -> Response {
    let (began, method) = (dashboard.app.clock.now(), request.method().clone());
    let is_live = path.ends_with("/live");
    let (guest, response) = match dashboard.way(request.uri(), request.headers(), need, !is_live) {
        Way::In(guest) => {
            request.extensions_mut().insert(guest.caller.clone());
            request.extensions_mut().insert(guest.clone());
            (guest, next.run(request).await)
        }
        Way::Login => {
            let nobody = dashboard.guest(Caller::nobody(), None);
            let wanted = request.uri().path_and_query().map_or("/", |wanted| wanted.as_str());
            let response = if method == Method::GET && !is_live {
                Redirect::to(&format!("/login?next={}", encoded(wanted))).into_response()
            } else {
                Problem::unauthorized("sign in again").into_response()
            };
            (nobody, response)
        }
        Way::Out(guest, problem) => (guest, problem.into_response()),
    };
    let response = page::of_problem(&guest, response);
    dashboard.app.metrics.count_call(&method, path, response.status(), dashboard.app.clock.now().since(began));
    response
}

/// Who may listen on the way from the browser to us, as far as that is known.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Wire {
    /// It is encrypted.
    Tls,
    /// It never leaves this machine.
    Loopback,
    /// Others, maybe.
    Unknown,
}

impl Wire {
    pub(super) fn of(app: &App, uri: &Uri, headers: &HeaderMap) -> Self {
        let has_tls = app.base.borrow().settings().daemon.tls.is_some();
        Self::told(has_tls, uri, headers)
    }

    /// By whether we speak TLS ourselves, what a proxy says of its caller, and by which name we were asked for.
    fn told(has_tls: bool, uri: &Uri, headers: &HeaderMap) -> Self {
        let is_forwarded =
            headers.get("x-forwarded-proto").is_some_and(|proto| proto.as_bytes().eq_ignore_ascii_case(b"https"));
        if has_tls || is_forwarded {
            Self::Tls
        } else if is_loopback(door::host_name(uri, headers).unwrap_or_default()) {
            Self::Loopback
        } else {
            Self::Unknown
        }
    }

    fn cookie_name(self) -> &'static str {
        if self == Self::Loopback { COOKIE } else { SECURE_COOKIE }
    }

    /// The Set-Cookie that makes a browser keep a session, or forget it.
    pub(super) fn set_cookie(self, session: Option<&Token>) -> String {
        let (name, secure) = (self.cookie_name(), if self == Self::Loopback { "" } else { "; Secure" });
        let (value, age) = session.map_or(("", "; Max-Age=0"), |token| (token.as_str(), ""));
        format!("{name}={value}; Path=/; HttpOnly; SameSite=Strict{secure}{age}")
    }
}

fn is_loopback(name: &str) -> bool {
    let bare = name.trim_start_matches('[').trim_end_matches(']');
    name.eq_ignore_ascii_case("localhost") || IpAddr::from_str(bare).is_ok_and(|addr| addr.is_loopback())
}

fn cookie(headers: &HeaderMap, name: &str) -> Option<Token> {
    let lines = headers.get_all(header::COOKIE).into_iter().filter_map(|line| line.to_str().ok());
    let mut pairs = lines.flat_map(|line| line.split(';')).filter_map(|pair| pair.trim().split_once('='));
    pairs.find(|(its, _)| *its == name).map(|(_, value)| Token::of(value))
}

/// The fields of a query or a form.
#[derive(Debug, Clone, Default)]
pub(super) struct Fields(Vec<(String, String)>);

impl Fields {
    pub(super) fn parse(text: &str) -> Self {
        Self(form_urlencoded::parse(text.as_bytes()).into_owned().collect())
    }

    /// Has a field hold something as if it had been typed.
    pub(super) fn put(&mut self, name: &str, value: String) {
        self.0.push((name.to_owned(), value));
    }

    /// What was typed; empty if the field is not there.
    pub(super) fn typed(&self, name: &str) -> &str {
        self.0.iter().find(|(its, _)| its == name).map_or("", |(_, value)| value)
    }

    /// The same without what surrounds it; none if nothing is left.
    pub(super) fn get(&self, name: &str) -> Option<&str> {
        Some(self.typed(name).trim()).filter(|value| !value.is_empty())
    }
}

/// The query of a call.
pub(super) struct Asked(pub(super) Fields);

impl<S: Send + Sync> FromRequestParts<S> for Asked {
    type Rejection = Infallible;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Infallible> {
        Ok(Self(Fields::parse(parts.uri.query().unwrap_or_default())))
    }
}

/// A form that is ours.
pub(super) struct Posted(pub(super) Fields);

impl FromRequest<Dashboard> for Posted {
    type Rejection = Problem;

    async fn from_request(request: Request, dashboard: &Dashboard) -> Result<Self, Problem> {
        const KIND: &str = "application/x-www-form-urlencoded";
        if calls::media_type(request.headers()).is_none_or(|kind| kind != KIND) {
            return Err(Problem::media_type(KIND));
        }
        let session = request.extensions().get::<Guest>().and_then(|guest| guest.session.clone());
        let fields = Fields::parse(&calls::text(&dashboard.app, request).await?);
        if dashboard.lobby.is_form_token(session.as_ref(), fields.typed(FORM_TOKEN)) {
            Ok(Self(fields))
        } else {
            let why = "the form is from before you signed in, or before the daemon was started: go back, load the page again and send it again";
            Err(Problem::forbidden(why))
        }
    }
}

#[cfg(test)]
mod tests {
    use axum::http::HeaderValue;

    use super::*;

    #[test]
    fn a_cookie_is_kept_from_whoever_listens() {
        let check = |has_tls: bool, host: &'static str, proto: Option<&'static str>, expected: Wire| {
            let mut headers = HeaderMap::new();
            headers.insert(header::HOST, HeaderValue::from_static(host));
            proto.map(|proto| headers.insert("x-forwarded-proto", HeaderValue::from_static(proto)));
            let wire = Wire::told(has_tls, &Uri::from_static("/"), &headers);
            let line = wire.set_cookie(Some(&Token::of("x")));
            let is_secure = expected != Wire::Loopback;
            assert_eq!(wire, expected, "{host}");
            assert_eq!((line.contains("; Secure"), line.starts_with("__Host-")), (is_secure, is_secure), "{line}");
            assert!(line.contains("HttpOnly; SameSite=Strict") && line.contains("Path=/"), "{line}");
        };
        check(false, "127.0.0.1:7700", None, Wire::Loopback);
        check(false, "[::1]:7700", None, Wire::Loopback);
        check(false, "localhost", None, Wire::Loopback);
        check(true, "localhost", None, Wire::Tls);
        check(false, "localhost", Some("https"), Wire::Tls);
        check(false, "crawl.example", None, Wire::Unknown);
        check(true, "crawl.example", None, Wire::Tls);
        check(false, "10.0.0.7:7700", Some("http"), Wire::Unknown);
    }

    #[test]
    fn a_cookie_is_found_among_others() {
        let mut headers = HeaderMap::new();
        headers.append(header::COOKIE, HeaderValue::from_static("a=b; xdragline=1;dragline=2; dragline=3"));
        assert_eq!(cookie(&headers, COOKIE), Some(Token::of("2")));
        assert_eq!(cookie(&headers, SECURE_COOKIE), None);
    }

    #[test]
    fn fields_are_what_was_typed() {
        let fields = Fields::parse("a=1+2%0A&b=&a=3&c=%20%3Cx%3E%20");
        assert_eq!(
            (fields.typed("a"), fields.get("b"), fields.get("c"), fields.get("d")),
            ("1 2\n", None, Some("<x>"), None)
        );
    }
}
