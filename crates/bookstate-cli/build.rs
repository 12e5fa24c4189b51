//! Tells the program its version, the commit that it is built from where that is known, and its features.

use std::process::Command;

fn main() {
    println!("cargo:rerun-if-changed=build.rs");
    // A package's sources are in no repository: who builds it may say the commit.
    println!("cargo:rerun-if-env-changed=BOOKSTATE_COMMIT");
    let told = std::env::var("BOOKSTATE_COMMIT").ok();
    if let Some(log) = git(&["rev-parse", "--git-path", "logs/HEAD"]) {
        println!("cargo:rerun-if-changed={log}");
    }
    let commit = told.or_else(|| git(&["rev-parse", "--short=10", "HEAD"]));
    let told_of = [("TLS", "tls", "no tls"), ("NATS", "nats", "no nats")];
    let features =
        told_of.map(
            |(name, with, without)| {
                if std::env::var_os(format!("CARGO_FEATURE_{name}")).is_some() { with } else { without }
            },
        );
    let version = std::env::var("CARGO_PKG_VERSION").unwrap_or_default();
    let details: Vec<&str> = commit.as_deref().into_iter().chain(features).collect();
    println!("cargo:rustc-env=BOOKSTATE_VERSION={version} ({})", details.join(", "));
}

/// What git says, if it is there and this is a repository.
fn git(arguments: &[&str]) -> Option<String> {
    let said = Command::new("git").args(arguments).output().ok().filter(|said| said.status.success())?;
    let text = String::from_utf8(said.stdout).ok()?;
    Some(text.trim().to_owned()).filter(|text| !text.is_empty())
}
