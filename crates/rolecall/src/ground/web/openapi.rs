//! The OpenAPI document, made from what the routes say of themselves.

use super::routes::{Guard, Named, Spec};
use serde_json::{Map, Value, json};
use utoipa::ToSchema as _;

/// The whole document.
#[must_use]
pub fn document(specs: &[Spec]) -> Value {
    let mut paths = Map::new();
    let mut schemas = Map::new();
    collect(&mut schemas, &Named::of::<super::problem::Problem>());
    for spec in specs.iter().filter(|spec| spec.path.starts_with("/api/v1")) {
        for named in spec.takes.iter().chain(&spec.gives) {
            collect(&mut schemas, named);
        }
        let path = spec.path.trim_start_matches("/api/v1");
        let entry = paths.entry(path).or_insert_with(|| json!({}));
        if let Some(entry) = entry.as_object_mut() {
            entry.insert(spec.method.as_str().to_lowercase(), operation(spec));
        }
    }
    json!({
        "openapi": "3.1.0",
        "info": {
            "title": "Rolecall",
            "version": env!("CARGO_PKG_VERSION"),
            "description": "Who may use which database, as what, since when, and why.",
            "license": { "name": "MIT OR Apache-2.0" },
        },
        "servers": [{ "url": "/api/v1" }],
        "security": [{ "token": [] }, { "password": [] }],
        "paths": paths,
        "components": {
            "schemas": schemas,
            "securitySchemes": {
                "token": { "type": "http", "scheme": "bearer", "description": "A token, from POST /login or made by hand." },
                "password": { "type": "http", "scheme": "basic", "description": "Account and password." },
            },
        },
    })
}

fn collect(schemas: &mut Map<String, Value>, named: &Named) {
    let others = named.others.iter().map(|(name, schema)| (name, schema));
    for (name, schema) in others.chain([(&named.name, &named.schema)]) {
        if let Ok(value) = serde_json::to_value(schema) {
            schemas.insert(name.clone(), value);
        }
    }
}

fn operation(spec: &Spec) -> Value {
    let mut operation = json!({
        "operationId": format!("{} {}", spec.method.as_str().to_lowercase(), spec.path.trim_start_matches("/api/v1")),
        "summary": spec.summary,
        "tags": [tag(spec.path)],
        "parameters": parameters(spec),
        "responses": responses(spec),
    });
    if let Some(object) = operation.as_object_mut() {
        match spec.guard {
            Some(Guard::Action(action)) => {
                object.insert("description".into(), json!(format!("Needs `{}`.", action.name())));
            }
            Some(Guard::Own(_)) => {
                object.insert("description".into(), json!("About the caller's own account."));
            }
            Some(Guard::Bearer(_) | Guard::Open) | None => {
                object.insert("security".into(), json!([]));
            }
        }
        if let Some(body) = &spec.takes {
            let content = json!({ "application/json": { "schema": reference(&body.name) } });
            object.insert("requestBody".into(), json!({ "required": true, "content": content }));
        }
    }
    operation
}

/// What the operation is about: the last kind of thing that its path names. A word behind a thing (`start`, `test`)
/// says what is done to it.
fn tag(path: &str) -> &str {
    const KINDS: [&str; 5] = ["users", "databases", "services", "projects", "audit"];
    let parts = path.trim_start_matches("/api/v1/").split('/');
    let kind = parts.clone().rev().find(|part| KINDS.contains(part));
    kind.or_else(|| parts.clone().next()).unwrap_or("rolecall")
}

fn parameters(spec: &Spec) -> Vec<Value> {
    let in_path = spec.path.split('/').filter_map(|part| part.strip_prefix('{')?.strip_suffix('}'));
    let mut found: Vec<Value> = in_path
        .map(|name| json!({ "name": name, "in": "path", "required": true, "schema": { "type": "string" } }))
        .collect();
    if spec.list {
        found.push(json!({ "name": "limit", "in": "query", "description": "How many items at most.",
            "schema": { "type": "integer", "minimum": 1, "maximum": 500, "default": 50 } }));
        for (name, text) in [
            ("cursor", "`next` of the page before."),
            ("search", "Only what contains this."),
            ("sort", "A field, or `-field` for the other direction."),
        ] {
            found.push(
                json!({ "name": name, "in": "query", "description": text, "schema": { "type": "string" } }),
            );
        }
    }
    for (name, text) in &spec.query {
        found.push(
            json!({ "name": name, "in": "query", "description": text, "schema": { "type": "string" } }),
        );
    }
    if spec.if_match {
        found.push(json!({ "name": "If-Match", "in": "header", "schema": { "type": "string" },
            "description": "The ETag of what you have seen; 412 if somebody has changed it since." }));
    }
    found
}

fn responses(spec: &Spec) -> Value {
    let mut good = json!({ "description": spec.summary });
    if let (Some(body), Some(good)) = (&spec.gives, good.as_object_mut()) {
        let schema = if body.paged {
            json!({ "type": "object", "required": ["items", "next"], "properties": {
                "items": { "type": "array", "items": reference(&body.name) },
                "next": { "type": ["string", "null"] } } })
        } else {
            reference(&body.name)
        };
        good.insert("content".into(), json!({ "application/json": { "schema": schema } }));
    }
    let problem = json!({
        "description": "A problem, with a code and a sentence.",
        "content": { "application/problem+json": { "schema": reference(&super::problem::Problem::name()) } },
    });
    let mut all = Map::new();
    all.insert(spec.status.as_str().to_owned(), good);
    all.insert("default".to_owned(), problem);
    Value::Object(all)
}

fn reference(name: &str) -> Value {
    json!({ "$ref": format!("#/components/schemas/{name}") })
}
