//! The two files of the page, kept in the program. Their URLs change with their content, so that a browser
//! may keep them for ever and never has those of another version.

use std::sync::LazyLock;

use axum::{
    http::{HeaderName, header},
    response::IntoResponse,
};
use sha2::{Digest, Sha256};

/// Where the style is. It is open without a token: the form for the token needs it.
pub(crate) const STYLE_PATH: &str = "/static/page.css";
/// Where the script is.
pub(crate) const SCRIPT_PATH: &str = "/static/page.js";

const STYLE: &str = include_str!("page.css");
const SCRIPT: &str = include_str!("page.js");
const KEEP: (HeaderName, &str) = (header::CACHE_CONTROL, "public, max-age=31536000, immutable");

fn versioned(path: &str, content: &str) -> String {
    let digest: [u8; 32] = Sha256::digest(content.as_bytes()).into();
    let version: String = digest.iter().take(6).map(|byte| format!("{byte:02x}")).collect();
    format!("{path}?v={version}")
}

/// The URL of the style.
pub(super) fn style_url() -> &'static str {
    static URL: LazyLock<String> = LazyLock::new(|| versioned(STYLE_PATH, STYLE));
    &URL
}

/// The URL of the script.
pub(super) fn script_url() -> &'static str {
    static URL: LazyLock<String> = LazyLock::new(|| versioned(SCRIPT_PATH, SCRIPT));
    &URL
}

pub(super) async fn style() -> impl IntoResponse {
    ([(header::CONTENT_TYPE, "text/css; charset=utf-8"), KEEP], STYLE)
}

pub(super) async fn script() -> impl IntoResponse {
    ([(header::CONTENT_TYPE, "text/javascript; charset=utf-8"), KEEP], SCRIPT)
}
