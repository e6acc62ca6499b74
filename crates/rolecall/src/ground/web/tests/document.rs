//! The OpenAPI document is sound, has every route, and tells what the routes really answer.

use crate::testing::{Answer, Client, PASSWORD, World};
use serde_json::{Map, Value, json};
use std::collections::BTreeSet;

async fn document(world: &World) -> Value {
    world.nobody().get("/api/v1/openapi.json").await.status(200).json()
}

/// Every operation: method in capitals, path, and itself.
fn operations(document: &Value) -> Vec<(String, String, &Value)> {
    let paths = document["paths"].as_object().unwrap();
    let of = |(path, methods): (&String, &'_ Value)| -> Vec<_> {
        let methods = methods.as_object().unwrap();
        methods.keys().map(|method| (method.to_uppercase(), path.clone())).collect()
    };
    let names = paths.iter().flat_map(of);
    names
        .map(|(method, path)| {
            let operation = &paths[&path][method.to_lowercase()];
            (method, path, operation)
        })
        .collect()
}

/// Every `$ref` below a value.
fn references<'v>(value: &'v Value, found: &mut BTreeSet<&'v str>) {
    match value {
        Value::Object(fields) => {
            found.extend(fields.get("$ref").and_then(Value::as_str));
            fields.values().for_each(|value| references(value, found));
        }
        Value::Array(items) => items.iter().for_each(|value| references(value, found)),
        _ => {}
    }
}

fn resolve<'d>(document: &'d Value, reference: &str) -> Option<&'d Value> {
    document.pointer(reference.strip_prefix('#')?)
}

#[tokio::test]
async fn every_reference_leads_somewhere_and_every_schema_is_used() {
    let world = World::new().await;
    let document = document(&world).await;
    assert_eq!(document["openapi"], "3.1.0");
    let mut found = BTreeSet::new();
    references(&document, &mut found);
    for reference in &found {
        assert!(resolve(&document, reference).is_some(), "{reference} leads nowhere");
    }
    let schemas = document["components"]["schemas"].as_object().unwrap();
    let unused: Vec<_> = schemas
        .keys()
        .filter(|name| !found.contains(format!("#/components/schemas/{name}").as_str()))
        .collect();
    assert!(unused.is_empty(), "{unused:?}");
    world.stop().await;
}

#[tokio::test]
async fn every_route_below_the_base_is_in_the_document_and_the_other_way_round() {
    let world = World::new().await;
    let document = document(&world).await;
    let told: BTreeSet<_> = operations(&document)
        .into_iter()
        .map(|(method, path, _)| format!("{method} /api/v1{path}"))
        .collect();
    let served: BTreeSet<_> = world
        .routed
        .specs
        .iter()
        .filter(|spec| spec.path.starts_with("/api/v1"))
        .map(|spec| format!("{} {}", spec.method, spec.path))
        .collect();
    assert_eq!(told, served);
    // And each is really routed: the router knows the path, and this method on it.
    for spec in world.routed.specs.iter() {
        let path = spec.path.replace(['{', '}'], "");
        let code = world.nobody().send(spec.method.clone(), &path, None, "").await.code.as_u16();
        assert!(code != 405 && code != 404, "{} {path} is {code}", spec.method);
    }
    world.stop().await;
}

#[tokio::test]
async fn every_operation_has_a_name_of_its_own_its_parameters_and_its_answers() {
    let world = World::new().await;
    let document = document(&world).await;
    let mut ids = BTreeSet::new();
    for (method, path, operation) in operations(&document) {
        let asked = format!("{method} {path}");
        assert!(ids.insert(operation["operationId"].as_str().unwrap()), "{asked}");
        assert!(operation["summary"].as_str().is_some_and(|summary| !summary.is_empty()), "{asked}");
        let parameters = operation["parameters"].as_array().unwrap();
        let in_path: BTreeSet<_> = parameters
            .iter()
            .filter(|one| one["in"] == "path")
            .map(|one| one["name"].as_str().unwrap())
            .collect();
        let named: BTreeSet<_> =
            path.split('/').filter_map(|part| part.strip_prefix('{')?.strip_suffix('}')).collect();
        assert_eq!(in_path, named, "{asked}");
        let all: BTreeSet<_> =
            parameters.iter().map(|one| (one["in"].as_str(), one["name"].as_str())).collect();
        assert_eq!(all.len(), parameters.len(), "{asked}");
        let codes: Vec<_> = operation["responses"].as_object().unwrap().keys().map(String::as_str).collect();
        assert_eq!(codes.len(), 2, "{asked}: {codes:?}");
        assert!(
            codes.contains(&"default")
                && codes[0].parse::<u16>().is_ok_and(|code| (200..300).contains(&code)),
            "{asked}: {codes:?}"
        );
    }
    world.stop().await;
}

/// Where `value` is not what `schema` says.
fn check(document: &Value, schema: &Value, value: &Value, at: &str) -> Result<(), String> {
    if let Some(reference) = schema["$ref"].as_str() {
        return check(document, resolve(document, reference).unwrap(), value, at);
    }
    if let Some(one_of) = schema["oneOf"].as_array().or(schema["anyOf"].as_array()) {
        let fits = one_of.iter().any(|schema| check(document, schema, value, at).is_ok());
        return if fits { Ok(()) } else { Err(format!("{at}: {value} is none of {one_of:?}")) };
    }
    assert!(schema["allOf"].is_null(), "what is put together is not looked at yet: {schema}");
    check_type(schema, value, at)?;
    match value {
        Value::Array(items) => items
            .iter()
            .zip(0..)
            .try_for_each(|(item, n)| check(document, &schema["items"], item, &format!("{at}[{n}]"))),
        Value::Object(fields) => check_fields(document, schema, fields, at),
        _ => Ok(()),
    }
}

fn check_type(schema: &Value, value: &Value, at: &str) -> Result<(), String> {
    let kind = match value {
        Value::Null => "null",
        Value::Bool(_) => "boolean",
        Value::Number(number) if number.is_f64() => "number",
        Value::Number(_) => "integer",
        Value::String(_) => "string",
        Value::Array(_) => "array",
        Value::Object(_) => "object",
    };
    let kinds: Vec<_> = match &schema["type"] {
        Value::String(one) => vec![one.as_str()],
        Value::Array(several) => several.iter().filter_map(Value::as_str).collect(),
        _ => vec![kind],
    };
    let is_kind = kinds.contains(&kind) || (kind == "integer" && kinds.contains(&"number"));
    if !is_kind {
        return Err(format!("{at}: {value} is no {kinds:?}"));
    }
    let is_word = schema["enum"].as_array().is_none_or(|words| words.contains(value));
    if is_word { Ok(()) } else { Err(format!("{at}: {value} is none of {}", schema["enum"])) }
}

fn check_fields(
    document: &Value,
    schema: &Value,
    fields: &Map<String, Value>,
    at: &str,
) -> Result<(), String> {
    let mut required = schema["required"].as_array().into_iter().flatten().filter_map(Value::as_str);
    if let Some(missing) = required.find(|name| !fields.contains_key(*name)) {
        return Err(format!("{at}: {missing} is missing"));
    }
    let Some(known) = schema["properties"].as_object() else { return Ok(()) };
    for (name, value) in fields {
        let schema = known.get(name).ok_or_else(|| format!("{at}: nobody told of {name}"))?;
        check(document, schema, value, &format!("{at}.{name}"))?;
    }
    Ok(())
}

/// Holds an answer against what the document says of the operation.
fn must_be_as_told(document: &Value, method: &str, path: &str, answer: &Answer) {
    let operation = &document["paths"][path][method];
    assert!(!operation.is_null(), "{method} {path} is not in the document");
    let code = answer.code.as_str();
    let told = operation["responses"].get(code);
    assert!(told.is_some() || answer.code.as_u16() >= 400, "{method} {path}: {code} was not told of");
    let told = told.unwrap_or(&operation["responses"]["default"]);
    let Some(content) = told["content"].as_object() else { return };
    let (kind, content) = content.iter().next().unwrap();
    assert_eq!(answer.header("content-type"), kind, "{method} {path}");
    if let Err(why) = check(document, &content["schema"], &answer.json(), "body") {
        panic!("{method} {path} {code}: {why}\n{}", answer.body);
    }
}

#[tokio::test]
async fn answers_are_what_the_document_says() {
    let world = World::new().await;
    let document = document(&world).await;
    let admin = world.admin().await;
    world.project("default", "other").await;
    let say = |method: &str, path: &str, answer: Answer| must_be_as_told(&document, method, path, &answer);
    let right = json!({ "account": "admin", "password": PASSWORD });
    say("post", "/login", world.nobody().post("/api/v1/login", &right).await.status(201));
    say("post", "/login", world.nobody().post("/api/v1/login", &json!({})).await.status(400));
    let wrong = json!({ "account": "admin", "password": "x" });
    say("post", "/login", world.nobody().post("/api/v1/login", &wrong).await.status(401));
    say("get", "/me", admin.get("/api/v1/me").await.status(200));
    say("get", "/me", world.nobody().get("/api/v1/me").await.status(401));
    say("post", "/projects", admin.post("/api/v1/projects", &json!({ "name": "acme" })).await.status(201));
    say("post", "/projects", admin.post("/api/v1/projects", &json!({ "name": "A" })).await.status(422));
    say("post", "/projects", admin.post("/api/v1/projects", &json!({ "name": "acme" })).await.status(409));
    say("get", "/projects", admin.get("/api/v1/projects?limit=1").await.status(200));
    say("get", "/projects/{project}", admin.get("/api/v1/projects/acme").await.status(200));
    say("get", "/projects/{project}", admin.get("/api/v1/projects/nowhere").await.status(404));
    say("patch", "/projects/{project}", admin.patch("/api/v1/projects/acme", &json!({})).await.status(200));
    say("delete", "/projects/{project}", admin.delete("/api/v1/projects/acme").await.status(204));
    say(
        "get",
        "/projects/{project}/services",
        admin.get("/api/v1/projects/other/services").await.status(200),
    );
    let service = admin.get("/api/v1/projects/other/services/pg").await.status(200);
    say("get", "/projects/{project}/services/{service}", service);
    let users = admin.get("/api/v1/projects/other/services/pg/users").await.status(502);
    say("get", "/projects/{project}/services/{service}/users", users);
    say("get", "/service-versions", admin.get("/api/v1/service-versions").await.status(200));
    say("get", "/service-authority", admin.get("/api/v1/service-authority").await.status(200));
    crate::ground::audit::seal_pending(&world.app.store, &world.app.vault).await.unwrap();
    say("get", "/audit", admin.get("/api/v1/audit").await.status(200));
    say("get", "/audit/verify", admin.get("/api/v1/audit/verify").await.status(200));
    say("get", "/health", world.nobody().get("/api/v1/health").await.status(200));
    say("post", "/logout", admin.post("/api/v1/logout", &json!({})).await.status(204));
    world.stop().await;
}

#[tokio::test]
async fn a_wrong_answer_would_be_seen() {
    let document =
        json!({ "paths": {}, "components": { "schemas": { "Word": { "type": "string", "enum": ["a"] } } } });
    let schema = json!({ "type": "object", "required": ["a"], "properties": {
        "a": { "$ref": "#/components/schemas/Word" }, "n": { "type": ["integer", "null"] } } });
    let check = |value: Value| check(&document, &schema, &value, "body");
    assert_eq!(check(json!({ "a": "a", "n": null })), Ok(()));
    for wrong in [
        json!({}),
        json!({ "a": "b" }),
        json!({ "a": 1 }),
        json!({ "a": "a", "n": "1" }),
        json!({ "a": "a", "x": 1 }),
        json!([]),
    ] {
        assert!(check(wrong.clone()).is_err(), "{wrong}");
    }
}

/// The whole API in one look: what is new, gone or answered otherwise shows in the change to this list.
#[tokio::test]
async fn the_list_of_operations_is_the_one_that_was_agreed() {
    let world = World::new().await;
    let document = document(&world).await;
    let mut page = String::new();
    for (method, path, operation) in operations(&document) {
        let responses = operation["responses"].as_object().unwrap();
        let code = responses.keys().find(|code| *code != "default").unwrap();
        let schema = &responses[code]["content"]["application/json"]["schema"];
        let paged =
            schema["properties"]["items"]["items"]["$ref"].as_str().map(|name| format!("[{}]", last(name)));
        let gives =
            paged.or_else(|| schema["$ref"].as_str().map(|name| last(name).to_owned())).unwrap_or_default();
        let takes = operation["requestBody"]["content"]["application/json"]["schema"]["$ref"]
            .as_str()
            .map_or("", last);
        page.push_str(format!("{method} {path} ({takes}) → {code} {gives}").trim_end());
        page.push('\n');
    }
    crate::testing::must_be_committed("crates/rolecall/src/ground/web/tests/operations.txt", &page);
    world.stop().await;
}

fn last(reference: &str) -> &str {
    reference.rsplit('/').next().unwrap_or_default()
}

/// A session of the console reads the document, too.
#[tokio::test]
async fn the_document_is_open_and_the_browsable_form_leads_to_it() {
    let world = World::new().await;
    let nobody: Client = world.nobody();
    nobody.get("/api/v1/openapi.json").await.status(200);
    let page = nobody.get("/api/docs/").await.status(200);
    assert!(page.header("content-type").starts_with("text/html"));
    let script = nobody.get("/api/docs/swagger-initializer.js").await.status(200);
    assert!(script.body.contains("/api/v1/openapi.json"), "{}", script.body);
    world.stop().await;
}
