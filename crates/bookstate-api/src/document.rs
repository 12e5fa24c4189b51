//! The OpenAPI document, made from the routes, and a page that shows it without anything from elsewhere.
//!
//! What all routes have in common is added here, once: the headers of the read path, the problems, the token.

use std::sync::LazyLock;

use axum::{
    http::header,
    response::{Html, IntoResponse},
};
use utoipa::openapi::{
    Content, HeaderBuilder, InfoBuilder, OpenApi, Ref, RefOr, ResponseBuilder, Schema,
    path::Operation,
    schema::{ObjectBuilder, Type},
    security::{HttpAuthScheme, HttpBuilder, SecurityRequirement, SecurityScheme},
    tag::TagBuilder,
};
use utoipa::{PartialSchema, ToSchema};
use utoipa_axum::{router::OpenApiRouter, routes};

use crate::{problem::ProblemBody, routes, state::ApiState};

/// Where the document is.
const DOCUMENT_PATH: &str = "/openapi.json";

/// The name of the scheme by which a token is given.
const TOKEN: &str = "token";

static DOCUMENT: LazyLock<OpenApi> = LazyLock::new(|| complete(all_routes().into_openapi()));
static TEXT: LazyLock<String> = LazyLock::new(|| {
    // The document is made of what JSON can hold; were it not, the test that compares it would say so.
    DOCUMENT.to_pretty_json().map(|text| text + "\n").unwrap_or_default()
});
static VIEWER: LazyLock<String> = LazyLock::new(|| viewer(&DOCUMENT));

/// The OpenAPI 3.1 document of the server.
#[must_use]
pub fn openapi() -> &'static OpenApi {
    &DOCUMENT
}

/// The OpenAPI document as it is served and checked in.
#[must_use]
pub fn openapi_text() -> &'static str {
    &TEXT
}

/// Every route that is in the document, itself among them.
pub(crate) fn all_routes() -> OpenApiRouter<ApiState> {
    routes::all().routes(routes!(document)).routes(routes!(viewer_page))
}

/// Show the OpenAPI document
#[utoipa::path(get, path = "/openapi.json", tag = "server", operation_id = "openapi",
    responses((status = 200, content_type = "application/json", body = serde_json::Value)))]
async fn document() -> impl IntoResponse {
    ([(header::CONTENT_TYPE, "application/json")], openapi_text())
}

/// Show the routes, for people
#[utoipa::path(get, path = "/docs", tag = "server", operation_id = "docs",
    responses((status = 200, content_type = "text/html", body = String)))]
async fn viewer_page() -> Html<&'static str> {
    Html(&VIEWER)
}

fn string() -> Schema {
    Schema::Object(ObjectBuilder::new().schema_type(Type::String).build())
}

fn integer() -> Schema {
    Schema::Object(ObjectBuilder::new().schema_type(Type::Integer).minimum(Some(0)).build())
}

fn complete(mut document: OpenApi) -> OpenApi {
    document.info = InfoBuilder::new()
        .title("bookstate")
        .version(env!("CARGO_PKG_VERSION"))
        .description(Some(
            "The state of books while long jobs work on them. A book that is worked on is answered from memory, \
             else from the local store, else from a target; the headers say which.",
        ))
        .license(Some(utoipa::openapi::LicenseBuilder::new().name("MIT OR Apache-2.0").build()))
        .build();
    let tags = [
        ("books", "Books and what is in them"),
        ("jobs", "Jobs that work on books"),
        ("targets", "Places that get a copy of every book"),
        ("fleet", "Machines that share the books"),
        ("server", "The server itself"),
    ];
    let tag = |(name, about): (&str, &str)| TagBuilder::new().name(name).description(Some(about)).build();
    document.tags = Some(tags.into_iter().map(tag).collect());
    let components = document.components.get_or_insert_default();
    components.schemas.insert(ProblemBody::name().into_owned(), ProblemBody::schema());
    let scheme = HttpBuilder::new().scheme(HttpAuthScheme::Bearer);
    let scheme = scheme.description(Some(
        "Needed when the server has tokens; without any it is for its own \
                                          machine.",
    ));
    components.security_schemes.insert(TOKEN.to_owned(), SecurityScheme::Http(scheme.build()).into());
    // Either is right: with a token, or on a server without.
    document.security =
        Some(vec![SecurityRequirement::default(), SecurityRequirement::new(TOKEN, Vec::<String>::new())]);
    for (path, item) in &mut document.paths.paths {
        if let Some(get) = item.get.as_mut() {
            if reads_a_book(path) {
                add_read_path(get);
            }
            add_problems(get);
        }
        for operation in [item.post.as_mut(), item.delete.as_mut()].into_iter().flatten() {
            add_problems(operation);
        }
        for operation in [item.get.as_mut(), item.post.as_mut(), item.delete.as_mut()].into_iter().flatten() {
            describe_answers(operation);
            name_for_clients(operation);
        }
    }
    document
}

/// Whether the route at a path shows one book: those that do, and no others, read through the read path.
fn reads_a_book(path: &str) -> bool {
    path.contains("{book_id}") || path == "/api/jobs/{id}"
}

fn add_read_path(operation: &mut Operation) {
    let headers = [
        ("x-bookstate-source", "Where the answer comes from: memory, local or target.", string()),
        ("x-bookstate-seq", "The last commit in the answer.", integer()),
        ("x-bookstate-persisted-seq", "The commit up to which every target has the book.", integer()),
    ];
    if let Some(RefOr::T(response)) = operation.responses.responses.get_mut("200") {
        for (name, about, schema) in headers {
            let header = HeaderBuilder::new().schema(Some(schema)).description(Some(about)).build();
            response.headers.insert(name.to_owned(), header.into());
        }
    }
    let unchanged =
        ResponseBuilder::new().description("As the `If-None-Match` of the request has it").build();
    operation.responses.responses.insert("304".to_owned(), unchanged.into());
}

/// OpenAPI wants every response described. A route says in its summary what it answers.
fn describe_answers(operation: &mut Operation) {
    let summary = operation.summary.clone().unwrap_or_else(|| "The answer".to_owned());
    for response in operation.responses.responses.values_mut() {
        if let RefOr::T(response) = response
            && response.description.is_empty()
        {
            response.description.clone_from(&summary);
        }
    }
}

/// Generators of clients make a function of each operation's id, which must be the only one: the tag goes before it.
fn name_for_clients(operation: &mut Operation) {
    let tag = operation.tags.iter().flatten().next().cloned().unwrap_or_default();
    if let Some(id) = &mut operation.operation_id {
        *id = format!("{tag}_{id}");
    }
}

fn add_problems(operation: &mut Operation) {
    let content = || Content::new(Some(Ref::from_schema_name(ProblemBody::name())));
    let problem = ResponseBuilder::new()
        .description("A problem; its `code` says which")
        .content("application/problem+json", content())
        .build();
    operation.responses.responses.insert("default".to_owned(), problem.into());
}

fn escaped(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;").replace('"', "&quot;")
}

const STYLE: &str = "body{font:1rem/1.5 system-ui,sans-serif;max-width:60rem;margin:2rem auto;padding:0 1rem;\
    color-scheme:light dark}code,pre{font:0.9rem ui-monospace,monospace}summary{cursor:pointer;padding:.3rem 0}\
    pre{overflow:auto;padding:.5rem;border:1px solid #8886}b{display:inline-block;min-width:4.5rem}\
    table{border-collapse:collapse}td,th{padding:.2rem .8rem .2rem 0;text-align:left;vertical-align:top}";

/// A page of HTML, without script.
fn viewer(document: &OpenApi) -> String {
    let json = serde_json::to_value(document).unwrap_or_default();
    let mut page = format!(
        "<!doctype html><html lang=\"en\"><head><meta charset=\"utf-8\"><meta name=\"viewport\" \
         content=\"width=device-width\"><title>bookstate: routes</title><style>{STYLE}</style></head><body>\
         <h1>bookstate {}</h1><p>{}</p><p><a href=\"{}\">The OpenAPI document</a></p>",
        escaped(&document.info.version),
        escaped(document.info.description.as_deref().unwrap_or_default()),
        DOCUMENT_PATH,
    );
    for tag in document.tags.iter().flatten() {
        let about = tag.description.as_deref().unwrap_or_default();
        section(&mut page, &tag.name, about, &json);
    }
    page.push_str("<h2>Shapes</h2>");
    let shapes = json.pointer("/components/schemas").and_then(|shapes| shapes.as_object());
    for (name, shape) in shapes.into_iter().flatten() {
        let text = serde_json::to_string_pretty(shape).unwrap_or_default();
        let (name, text) = (escaped(name), escaped(&text));
        page.push_str(&format!(
            "<details id=\"{name}\"><summary>{name}</summary><pre>{text}</pre></details>"
        ));
    }
    page.push_str("</body></html>");
    page
}

fn section(page: &mut String, tag: &str, about: &str, document: &serde_json::Value) {
    page.push_str(&format!("<h2>{}</h2><p>{}</p>", escaped(tag), escaped(about)));
    let paths = document["paths"].as_object();
    for (path, item) in paths.into_iter().flatten() {
        for (method, operation) in item.as_object().into_iter().flatten() {
            let tagged = operation["tags"].as_array().into_iter().flatten().any(|named| named == tag);
            if tagged {
                route(page, method, path, operation);
            }
        }
    }
}

fn route(page: &mut String, method: &str, path: &str, operation: &serde_json::Value) {
    let text = |value: &serde_json::Value| escaped(value.as_str().unwrap_or_default());
    page.push_str(&format!(
        "<details><summary><b>{}</b> <code>{}</code> {}</summary><p>{}</p><table>",
        escaped(&method.to_uppercase()),
        escaped(path),
        text(&operation["summary"]),
        text(&operation["description"]),
    ));
    for parameter in operation["parameters"].as_array().into_iter().flatten() {
        page.push_str(&format!(
            "<tr><td><code>{}</code><td>{}<td>{}",
            text(&parameter["name"]),
            text(&parameter["in"]),
            text(&parameter["description"]),
        ));
    }
    for (status, response) in operation["responses"].as_object().into_iter().flatten() {
        page.push_str(&format!(
            "<tr><td>{}<td>answer<td>{}",
            escaped(status),
            text(&response["description"])
        ));
        for (kind, content) in response["content"].as_object().into_iter().flatten() {
            let shape = content["schema"]["$ref"].as_str().and_then(|shape| shape.rsplit('/').next());
            page.push_str(&format!(" {}", escaped(kind)));
            if let Some(shape) = shape.map(escaped) {
                page.push_str(&format!(" <a href=\"#{shape}\">{shape}</a>"));
            }
        }
    }
    page.push_str("</table></details>");
}
