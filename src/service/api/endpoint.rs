//! One call of the API: what it is, for the router and for the document.

use axum::{
    Extension, Router,
    body::Body,
    extract::{Request, State},
    handler::Handler,
    http::{HeaderValue, Method, StatusCode, header},
    middleware::{Next, from_fn_with_state, map_response},
    response::{IntoResponse, Response},
    routing::{MethodFilter, MethodRouter, on},
};
use schemars::{JsonSchema, Schema, SchemaGenerator};
use tower_http::compression::{
    CompressionLayer, CompressionLevel, Predicate,
    predicate::{NotForContentType, SizeAbove},
};

use super::{App, endpoints};
use crate::service::{door::Need, problem::Problem};

/// How a schema is made, once there is a generator for all.
pub(super) type MakeSchema = fn(&mut SchemaGenerator) -> Schema;

/// What an answer holds.
#[derive(Clone, Copy)]
pub(super) enum Content {
    Nothing,
    Json(MakeSchema),
    AnyJson,
    Text,
    Bytes,
    EventStream,
}

/// What a body holds.
#[derive(Clone, Copy)]
pub(super) enum Payload {
    Json(MakeSchema),
    /// A configuration, as JSON or TOML.
    Document,
}

/// One call.
pub(crate) struct Endpoint {
    pub(super) method: Method,
    pub(super) path: &'static str,
    pub(super) need: Need,
    pub(super) summary: &'static str,
    pub(super) description: &'static str,
    pub(super) query: Option<MakeSchema>,
    pub(super) headers: Vec<(&'static str, &'static str)>,
    pub(super) payload: Option<Payload>,
    pub(super) answers: Vec<(u16, &'static str, Content)>,
    route: MethodRouter<App>,
}

fn schema<T: JsonSchema>(generator: &mut SchemaGenerator) -> Schema {
    generator.subschema_for::<T>()
}

impl Endpoint {
    fn new<H: Handler<T, App>, T: 'static>(
        method: Method,
        filter: MethodFilter,
        path: &'static str,
        handler: H,
    ) -> Self {
        Self {
            method,
            path,
            need: Need::Admin,
            summary: "",
            description: "",
            query: None,
            headers: Vec::new(),
            payload: None,
            answers: Vec::new(),
            route: on(filter, handler),
        }
    }

    pub(super) fn get<H: Handler<T, App>, T: 'static>(path: &'static str, handler: H) -> Self {
        Self::new(Method::GET, MethodFilter::GET, path, handler)
    }

    pub(super) fn post<H: Handler<T, App>, T: 'static>(path: &'static str, handler: H) -> Self {
        Self::new(Method::POST, MethodFilter::POST, path, handler)
    }

    pub(super) fn patch<H: Handler<T, App>, T: 'static>(path: &'static str, handler: H) -> Self {
        Self::new(Method::PATCH, MethodFilter::PATCH, path, handler)
    }

    pub(super) fn put<H: Handler<T, App>, T: 'static>(path: &'static str, handler: H) -> Self {
        Self::new(Method::PUT, MethodFilter::PUT, path, handler)
    }

    pub(super) fn delete<H: Handler<T, App>, T: 'static>(path: &'static str, handler: H) -> Self {
        Self::new(Method::DELETE, MethodFilter::DELETE, path, handler)
    }

    pub(super) fn needs(self, need: Need) -> Self {
        Self { need, ..self }
    }

    pub(super) fn says(self, summary: &'static str, description: &'static str) -> Self {
        Self { summary, description, ..self }
    }

    pub(super) fn query<T: JsonSchema>(self) -> Self {
        Self { query: Some(schema::<T>), ..self }
    }

    pub(super) fn header(mut self, name: &'static str, description: &'static str) -> Self {
        self.headers.push((name, description));
        self
    }

    pub(super) fn if_match(self) -> Self {
        self.header("If-Match", "The ETag of the crawl: nothing is done if it has changed since.")
    }

    pub(super) fn body<T: JsonSchema>(self) -> Self {
        Self { payload: Some(Payload::Json(schema::<T>)), ..self }
    }

    pub(super) fn document(self) -> Self {
        Self { payload: Some(Payload::Document), ..self }
    }

    /// The answer is sent packed to whoever says that he can unpack it, unless it is a part of something, or packed by
    /// what it is.
    pub(super) fn packed(self) -> Self {
        let packs = SizeAbove::default()
            .and(NotForContentType::const_new("application/gzip"))
            .and(NotForContentType::const_new("application/zstd"));
        let layer = CompressionLayer::new().quality(CompressionLevel::Fastest).compress_when(packs);
        Self { route: self.route.layer(layer), ..self }
    }

    fn answer(mut self, status: u16, description: &'static str, content: Content) -> Self {
        self.answers.push((status, description, content));
        self
    }

    pub(super) fn answers<T: JsonSchema>(self, status: u16, description: &'static str) -> Self {
        self.answer(status, description, Content::Json(schema::<T>))
    }

    pub(super) fn answers_any(self, status: u16, description: &'static str) -> Self {
        self.answer(status, description, Content::AnyJson)
    }

    pub(super) fn answers_nothing(self, status: u16, description: &'static str) -> Self {
        self.answer(status, description, Content::Nothing)
    }

    pub(super) fn answers_text(self, status: u16, description: &'static str) -> Self {
        self.answer(status, description, Content::Text)
    }

    pub(super) fn answers_bytes(self, status: u16, description: &'static str) -> Self {
        self.answer(status, description, Content::Bytes)
    }

    pub(super) fn answers_stream(self, status: u16, description: &'static str) -> Self {
        self.answer(status, description, Content::EventStream)
    }
}

/// All calls, each behind the door, and what stands `beside` them behind the same questions about the way.
pub(crate) fn router(app: App, beside: Router<App>) -> Router {
    let mut router = beside;
    for endpoint in endpoints() {
        let guard = from_fn_with_state((app.clone(), endpoint.need, endpoint.path), admit);
        router = router.route(endpoint.path, endpoint.route.layer(guard));
    }
    router
        .fallback(async || Problem::not_found("no call of the API has this path"))
        .method_not_allowed_fallback(async || Problem::method_not_allowed())
        .layer(from_fn_with_state(app.clone(), check_way))
        .layer(map_response(secure))
        .with_state(app)
}

/// Lets nobody in who did not mean this server.
async fn check_way(State(app): State<App>, request: Request, next: Next) -> Response {
    let door = app.door.borrow().clone();
    match door.check_way(request.uri(), request.headers()) {
        Ok(()) => next.run(request).await,
        Err(problem) => problem.into_response(),
    }
}

/// Lets nobody in who may not do this; and counts.
async fn admit(
    State((app, need, path)): State<(App, Need, &'static str)>,
    mut request: Request,
    next: Next,
) -> Response {
    let began = app.clock.now();
    let door = app.door.borrow().clone();
    let method = request.method().clone();
    let response = match door.admit(request.headers(), need) {
        Ok(caller) => {
            request.extensions_mut().insert(caller);
            next.run(request).await
        }
        Err(problem) => problem.into_response(),
    };
    app.metrics.count_call(&method, path, response.status(), app.clock.now().since(began));
    response
}

/// What keeps a browser from making more of an answer than it is.
async fn secure(mut response: Response<Body>) -> Response<Body> {
    const FIELDS: [(header::HeaderName, &str); 5] = [
        (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
        (header::X_FRAME_OPTIONS, "DENY"),
        (header::REFERRER_POLICY, "no-referrer"),
        (header::CONTENT_SECURITY_POLICY, "default-src 'none'; frame-ancestors 'none'; sandbox"),
        (header::HeaderName::from_static("cross-origin-resource-policy"), "same-origin"),
    ];
    for (name, value) in FIELDS {
        response.headers_mut().entry(name).or_insert(HeaderValue::from_static(value));
    }
    if response.status() != StatusCode::NOT_MODIFIED {
        response.headers_mut().entry(header::CACHE_CONTROL).or_insert(HeaderValue::from_static("no-store"));
    }
    response
}

/// For handlers: who calls.
pub(super) type Caller = Extension<crate::service::door::Caller>;
