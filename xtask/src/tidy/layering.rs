//! Which crate may use which: one table, checked against `cargo metadata` and shown in `docs/architecture.md`.
//!
//! A crate that is not in the table, and a row without a crate, are findings: so a new crate has to say where it
//! belongs. Tests of a crate may use what the crate may use, the crate itself (for its features), and what the
//! table's third column says.

use super::{
    generated::Generated,
    metadata::Metadata,
    tree::{Findings, Tree},
};

/// A row of the table.
#[derive(Debug)]
struct Layer {
    name: &'static str,
    /// Crates of ours that it may use.
    uses: &'static [&'static str],
    /// Crates of ours that its tests may use, too.
    tests_use: &'static [&'static str],
    /// Crates that it must not be built with, not even through another one.
    never: &'static [&'static str],
}

const DOMAIN: &str = "bookstate-domain";
const STORE: &str = "bookstate-store";
const SINK: &str = "bookstate-sink";
const NATS: &str = "bookstate-nats";
const FLEET: &str = "bookstate-fleet";
const READING: &str = "bookstate-reading";
const SCANS: &str = "bookstate-scans";
const LLM: &str = "bookstate-llm";
const JOBS: &str = "bookstate-jobs";
const API: &str = "bookstate-api";
const TESTS: &str = "bookstate-tests";
const AUDIT: &str = "cargo-audit-sync";

/// The layers, lowest first.
const LAYERS: [Layer; 15] = [
    Layer { name: "bookstate-domain-macros", uses: &[], tests_use: &[], never: &[] },
    Layer {
        name: DOMAIN,
        uses: &["bookstate-domain-macros"],
        tests_use: &[],
        never: &["tokio", "reqwest", "hyper", "axum", "rusqlite", "graphql_client", "rand", "getrandom"],
    },
    Layer {
        name: STORE,
        uses: &[DOMAIN],
        tests_use: &[],
        never: &["reqwest", "hyper", "axum", "graphql_client"],
    },
    Layer { name: SINK, uses: &[DOMAIN, STORE], tests_use: &[], never: &["axum"] },
    Layer {
        name: NATS,
        uses: &[DOMAIN, STORE],
        tests_use: &[],
        never: &["axum", "graphql_client", "reqwest"],
    },
    Layer {
        name: FLEET,
        uses: &[DOMAIN, NATS],
        tests_use: &[],
        never: &["axum", "graphql_client", "reqwest", "bookstate-sink", "bookstate-jobs"],
    },
    Layer {
        name: READING,
        uses: &[DOMAIN],
        tests_use: &[],
        never: &["tokio", "reqwest", "hyper", "axum", "rusqlite", "graphql_client"],
    },
    Layer {
        name: SCANS,
        uses: &[DOMAIN, READING],
        tests_use: &[],
        never: &["tokio", "reqwest", "hyper", "axum", "rusqlite", "graphql_client"],
    },
    Layer {
        name: LLM,
        uses: &[],
        tests_use: &[TESTS],
        never: &["rusqlite", "graphql_client", "bookstate-domain", "bookstate-store", "bookstate-reading"],
    },
    Layer {
        name: JOBS,
        uses: &[DOMAIN, STORE, READING, SCANS, LLM],
        tests_use: &[TESTS],
        never: &["axum", "graphql_client"],
    },
    Layer { name: API, uses: &[DOMAIN, STORE, SINK, READING, SCANS, JOBS], tests_use: &[TESTS], never: &[] },
    Layer {
        name: "bookstate-cli",
        uses: &[DOMAIN, STORE, SINK, NATS, FLEET, READING, SCANS, LLM, JOBS, API],
        tests_use: &[TESTS],
        never: &[],
    },
    Layer {
        name: TESTS,
        uses: &[],
        tests_use: &[DOMAIN, STORE, SINK, NATS, FLEET, READING, SCANS, JOBS, API],
        never: &[],
    },
    Layer { name: AUDIT, uses: &[], tests_use: &[], never: &["tokio"] },
    Layer {
        name: "xtask",
        uses: &[DOMAIN, STORE, SINK, READING, SCANS, JOBS, API, TESTS, AUDIT],
        tests_use: &[],
        never: &[],
    },
];

const MANIFEST: &str = "Cargo.toml";

/// Where a crate stands in the table, counted from the lowest.
pub(super) fn position(name: &str) -> usize {
    LAYERS.iter().position(|layer| layer.name == name).unwrap_or(LAYERS.len())
}

/// The table, as it stands in the documentation.
pub(super) fn table() -> Generated {
    let list = |names: &[&str]| {
        let names: Vec<String> = names.iter().map(|name| format!("`{name}`")).collect();
        if names.is_empty() { "-".to_owned() } else { names.join(", ") }
    };
    let mut text = "| crate | may use | its tests also | never, not even through another |\n".to_owned();
    text.push_str("|---|---|---|---|\n");
    for Layer { name, uses, tests_use, never } in &LAYERS {
        text.push_str(&format!("| `{name}` | {} | {} | {} |\n", list(uses), list(tests_use), list(never)));
    }
    Generated { path: "docs/architecture.md".to_owned(), part: Some("layers"), text }
}

/// Every edge between our crates is in the table, and what a crate must never be built with is not reached.
pub(super) fn check(tree: &Tree) -> anyhow::Result<Findings> {
    let mut findings = edges(&tree.members);
    // With an edge that must not be, there may be a cycle, in which cargo resolves nothing.
    if findings.list.is_empty() {
        let all = tree.all_crates()?;
        for layer in &LAYERS {
            let reached = all.reached_from(layer.name);
            for never in layer.never {
                let way = reached.get(never).map(|way| way.join(" -> ")).unwrap_or_default();
                findings.expect(way.is_empty(), MANIFEST, || {
                    format!("{} must not be built with {never}, and is: {way}", layer.name)
                });
            }
        }
    }
    Ok(findings)
}

fn edges(members: &Metadata) -> Findings {
    let mut findings = Findings::default();
    for layer in &LAYERS {
        let exists = members.packages.iter().any(|package| package.name == layer.name);
        findings
            .expect(exists, MANIFEST, || format!("{} is in the table of layers, but no member", layer.name));
    }
    for package in &members.packages {
        let Some(layer) = LAYERS.iter().find(|layer| layer.name == package.name) else {
            findings.add(MANIFEST, format!("{} is not in the table of layers", package.name));
            continue;
        };
        for dependency in &package.dependencies {
            let used = dependency.name.as_str();
            if !members.packages.iter().any(|package| package.name == used) {
                continue;
            }
            let is_dev = dependency.kind.as_deref() == Some("dev");
            let by_tests = is_dev && (layer.tests_use.contains(&used) || used == layer.name);
            findings.expect(layer.uses.contains(&used) || by_tests, MANIFEST, || {
                let who = if is_dev { "the tests of " } else { "" };
                format!("{who}{} must not use {used}: see the layers in docs/architecture.md", layer.name)
            });
        }
    }
    findings
}
