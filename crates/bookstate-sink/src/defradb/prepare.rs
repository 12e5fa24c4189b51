//! Getting a node ready: is it a DefraDB, and has it our collections?

use std::collections::BTreeSet;

use bookstate_store::TargetError;
use reqwest::{Method, StatusCode};
use serde::Deserialize;

use super::{
    client::Client,
    failure::{CallError, shortened},
    schema::{FoundCollection, Step, Wanted},
};

/// The routes of DefraDB 1.0's API, one per line: what tells one version from another, since a node does not
/// tell its own. One that differs is tried all the same, and said.
const ROUTES: &str = include_str!("../../graphql/routes.txt");

/// How many steps a set-up may have. More mean that somebody undoes them.
const MOST_STEPS: usize = 200;

/// Makes or extends our collections. Idempotent, also when several do it at once. Says how the node differs from the
/// version that this was measured with, if it does.
///
/// # Errors
/// [`TargetError::Unavailable`] or [`TargetError::Unusable`].
pub(super) async fn prepare(client: &Client, wanted: &Wanted) -> Result<Option<String>, TargetError> {
    let difference = other_version(client).await?;
    for _ in 0..MOST_STEPS {
        let (status, body) = call(client, Method::GET, "/api/v1/collections", String::new()).await?;
        if status != StatusCode::OK {
            return Err(unexpected(status, &body));
        }
        let found: Vec<FoundCollection> =
            serde_json::from_slice(&body).map_err(|error| unusable(&error.to_string()))?;
        match wanted.next_step(&found).map_err(|reason| unusable(&reason))? {
            None => return Ok(difference),
            Some(step) => take(client, step).await?,
        }
    }
    Err(TargetError::Unavailable { reason: "the node's collections change while they are set up".to_owned() })
}

/// Takes a step. Whoever did the same at the same time may have been first; the next look shows it.
async fn take(client: &Client, step: Step) -> Result<(), TargetError> {
    let (method, path, body) = match step {
        Step::Create(schema) => (Method::POST, "/api/v1/collections".to_owned(), schema),
        Step::Extend(patch) => {
            let body = serde_json::json!({ "Patch": patch }).to_string();
            (Method::PATCH, "/api/v1/collections".to_owned(), body)
        }
        Step::Index(collection, description) => {
            (Method::POST, format!("/api/v1/collections/{collection}/indexes"), description)
        }
    };
    let (status, body) = call(client, method, &path, body).await?;
    let text = String::from_utf8_lossy(&body);
    let was_first = ["already exists", "duplicate field", "transaction conflict"];
    if status.is_success() || was_first.into_iter().any(|words| text.contains(words)) {
        return Ok(());
    }
    Err(unexpected(status, &body))
}

async fn other_version(client: &Client) -> Result<Option<String>, TargetError> {
    #[derive(Deserialize)]
    struct OpenApi {
        info: Info,
        paths: serde_json::Map<String, serde_json::Value>,
    }
    #[derive(Deserialize)]
    struct Info {
        title: String,
        version: String,
    }
    let (status, body) = call(client, Method::GET, "/openapi.json", String::new()).await?;
    if status.is_server_error() || matches!(status.as_u16(), 401 | 403) {
        return Err(unexpected(status, &body));
    }
    let api: Option<OpenApi> = serde_json::from_slice(&body).ok();
    let Some(api) = api.filter(|api| api.info.title == "DefraDB API") else {
        return Err(unusable("there is no DefraDB at this URL: check it"));
    };
    if api.info.version != "1" {
        return Ok(Some(format!("its API has version {:?}", api.info.version)));
    }
    let known: BTreeSet<&str> = ROUTES.lines().collect();
    let found: BTreeSet<&str> = api.paths.keys().map(String::as_str).collect();
    Ok(known.symmetric_difference(&found).next().map(|route| {
        let verb = if known.contains(route) { "lacks" } else { "has" };
        format!("it {verb} the route {}", shortened(route))
    }))
}

async fn call(
    client: &Client,
    method: Method,
    path: &str,
    body: String,
) -> Result<(StatusCode, Vec<u8>), TargetError> {
    client.call(method, path, body.into_bytes()).await.map_err(CallError::of_read)
}

fn unexpected(status: StatusCode, body: &[u8]) -> TargetError {
    CallError::Status(status.as_u16(), shortened(&String::from_utf8_lossy(body))).of_read()
}

fn unusable(reason: &str) -> TargetError {
    TargetError::Unusable { reason: reason.to_owned() }
}
