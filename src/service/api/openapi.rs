//! The OpenAPI document (3.1), made from the table of calls and the schemas of what they take and answer.

use std::sync::LazyLock;

use axum::{
    http::{HeaderValue, header},
    response::{IntoResponse, Response},
};
use schemars::{SchemaGenerator, generate::SchemaSettings};
use serde_json::{Map, Value as Json, json};

use super::{
    endpoint::{Content, Endpoint, Payload},
    endpoints,
};
use crate::{
    config::json_schema,
    service::{door::Need, problem::Problem},
};

static TEXT: LazyLock<String> = LazyLock::new(|| serde_json::to_string_pretty(&openapi()).expect("plain data") + "\n");

pub(super) async fn serve() -> Response {
    ([(header::CONTENT_TYPE, HeaderValue::from_static("application/json"))], TEXT.as_str()).into_response()
}

/// The document.
pub(crate) fn openapi() -> Json {
    let settings =
        |written: SchemaSettings| written.with(|s| "/components/schemas".clone_into(s.definitions_path.to_mut()));
    let mut taken = settings(SchemaSettings::draft2020_12()).into_generator();
    let mut written = settings(SchemaSettings::draft2020_12().for_serialize()).into_generator();
    let problem = written.subschema_for::<Problem>();
    let mut paths = Map::new();
    for endpoint in endpoints() {
        let path = endpoint.path.replace("{*file}", "{file}");
        let operation = operation(&endpoint, &problem.clone().to_value(), &mut taken, &mut written);
        paths.entry(path).or_insert_with(|| json!({}))[endpoint.method.as_str().to_ascii_lowercase()] = operation;
    }
    for collection in ["/v1/crawls", "/v1/schedules", "/v1/webhooks"] {
        let links = links(&paths, &format!("{collection}/{{id}}"));
        paths[collection]["post"]["responses"]["201"]["links"] = links;
    }
    let mut schemas = written.take_definitions(true);
    schemas.extend(taken.take_definitions(true));
    let mut document: Json = serde_json::from_str(&json_schema()).expect("a schema is JSON");
    document.as_object_mut().into_iter().for_each(|schema| drop(schema.remove("$schema")));
    schemas.insert("Document".into(), document);
    json!({
        "openapi": "3.1.0",
        "info": {
            "title": "dragline",
            "version": env!("CARGO_PKG_VERSION"),
            "description": "A crawler that loses nothing: crawls and single URLs, politely.",
            "license": {"name": "MIT OR Apache-2.0", "identifier": "MIT OR Apache-2.0"},
        },
        "paths": paths,
        "components": {
            "schemas": schemas,
            "securitySchemes": {
                "key": {"type": "http", "scheme": "bearer"},
                "header": {"type": "apiKey", "in": "header", "name": "X-API-Key"},
            },
        },
    })
}

/// What can be done with what was made: every call whose path goes on from `path`, which has an id.
fn links(paths: &Map<String, Json>, path: &str) -> Json {
    let below =
        paths.iter().filter(|(its, _)| its.starts_with(path) && !its.contains("{file}") && !its.contains("{delivery}"));
    let operations = below.flat_map(|(_, operations)| operations.as_object().into_iter().flatten());
    let names = operations.filter_map(|(_, operation)| operation["operationId"].as_str());
    let link = |name: &str| json!({"operationId": name, "parameters": {"id": "$response.body#/id"}});
    names.map(|name| (name.to_owned(), link(name))).collect::<Map<_, _>>().into()
}

fn operation(endpoint: &Endpoint, problem: &Json, taken: &mut SchemaGenerator, written: &mut SchemaGenerator) -> Json {
    let mut parameters = Vec::new();
    for name in
        ["id", "delivery", "file", "host"].into_iter().filter(|name| endpoint.path.contains(&format!("{name}}}")))
    {
        parameters.push(json!({"name": name, "in": "path", "required": true, "schema": {"type": "string"}}));
    }
    if let Some(make) = endpoint.query {
        parameters.extend(query(&resolved(make(taken).to_value(), taken)));
    }
    for (name, description) in &endpoint.headers {
        let schema = json!({"type": "string"});
        parameters.push(json!({"name": name, "in": "header", "description": description, "schema": schema}));
    }
    let mut responses = Map::new();
    for (status, description, content) in &endpoint.answers {
        let mut response = json!({"description": description});
        if let Some((kind, schema)) = content_of(*content, written) {
            response["content"] = json!({kind: {"schema": schema}});
        }
        responses.insert(status.to_string(), response);
    }
    let content = json!({"application/problem+json": {"schema": problem}});
    responses.insert("default".to_owned(), json!({"description": "It was not done, and why.", "content": content}));
    let name = endpoint.path.trim_matches('/').replace(['/', '.'], "_").replace(['{', '}', '*'], "");
    let mut operation = json!({
        "operationId": format!("{}_{name}", endpoint.method.as_str().to_ascii_lowercase()),
        "summary": endpoint.summary,
        "description": endpoint.description,
        "parameters": parameters,
        "responses": responses,
        "x-scope": endpoint.need.as_str(),
    });
    if endpoint.need != Need::Nothing {
        operation["security"] = json!([{"key": []}, {"header": []}, {}]);
    }
    match endpoint.payload {
        None => {}
        Some(Payload::Json(make)) => {
            let schema = make(taken);
            operation["requestBody"] = json!({"required": true, "content": {"application/json": {"schema": schema}}});
        }
        Some(Payload::Document) => {
            let schema = json!({"$ref": "#/components/schemas/Document"});
            let content =
                json!({"application/json": {"schema": schema}, "application/toml": {"schema": {"type": "string"}}});
            operation["requestBody"] = json!({"required": true, "content": content});
        }
    }
    operation
}

/// A schema that may be a reference, itself.
fn resolved(schema: Json, generator: &SchemaGenerator) -> Json {
    let name = schema["$ref"].as_str().and_then(|path| path.rsplit('/').next());
    name.and_then(|name| generator.definitions().get(name)).cloned().unwrap_or(schema)
}

/// The parameters that the properties of a query's schema are.
fn query(schema: &Json) -> Vec<Json> {
    let required = |name: &str| schema["required"].as_array().is_some_and(|all| all.iter().any(|it| it == name));
    let parameter = |(name, schema): (&String, &Json)| {
        let mut schema = schema.clone();
        let description = schema.as_object_mut().and_then(|schema| schema.remove("description"));
        json!({"name": name, "in": "query", "required": required(name), "description": description, "schema": schema})
    };
    schema["properties"].as_object().into_iter().flatten().map(parameter).collect()
}

fn content_of(content: Content, generator: &mut SchemaGenerator) -> Option<(&'static str, Json)> {
    Some(match content {
        Content::Nothing => return None,
        Content::Json(make) => ("application/json", make(generator).to_value()),
        Content::AnyJson => ("application/json", json!({})),
        Content::Text => ("application/openmetrics-text", json!({"type": "string"})),
        Content::Bytes => ("*/*", json!({})),
        Content::EventStream => ("text/event-stream", json!({"type": "string"})),
    })
}
