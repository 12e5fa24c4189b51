//! Are our collections replicated between nodes? Compare-and-set holds per node, so a copy that comes from another node is
//! none that a chunk was made for: it is said, and heals by comparison at best.
//!
//! A node that pushes to others knows these as replicators; one that takes what others publish knows the collections that
//! it listens to. One that others push to does not know it, so what is not said may be so all the same.

use std::collections::BTreeSet;

use reqwest::{Method, StatusCode};
use serde::Deserialize;

use super::{client::Client, schema::Wanted};

/// Those of our collections that a node replicates, by name; empty when none is, or it does not tell.
pub(super) async fn replicated(client: &Client, wanted: &Wanted) -> BTreeSet<String> {
    let ask = async |path: &str| {
        let answer = client.call(Method::GET, path, Vec::new()).await;
        // A node without peers says so with a status.
        answer.ok().filter(|(status, _)| *status == StatusCode::OK).map(|(_, body)| body).unwrap_or_default()
    };
    let replicators = ask("/api/v1/p2p/replicators").await;
    let subscribed = ask("/api/v1/p2p/collections").await;
    if [&replicators, &subscribed].iter().all(|body| matches!(body.trim_ascii(), b"" | b"[]" | b"null")) {
        return BTreeSet::new();
    }
    let mut found = replicated_of(&ask("/api/v1/collections").await, &replicators, &subscribed);
    found.retain(|name| wanted.has(name));
    found
}

/// What these answers say.
fn replicated_of(collections: &[u8], replicators: &[u8], subscribed: &[u8]) -> BTreeSet<String> {
    #[derive(Deserialize)]
    #[serde(rename_all = "PascalCase")]
    struct Collection {
        name: String,
        #[serde(rename = "CollectionID", default)]
        id: String,
        #[serde(rename = "VersionID", default)]
        version: String,
    }
    #[derive(Deserialize)]
    struct Replicator {
        #[serde(rename = "CollectionIDs", default)]
        collections: Vec<String>,
    }
    let collections: Vec<Collection> = serde_json::from_slice(collections).unwrap_or_default();
    let replicators: Vec<Replicator> = serde_json::from_slice(replicators).unwrap_or_default();
    let mut mentioned: BTreeSet<String> = serde_json::from_slice(subscribed).unwrap_or_default();
    mentioned.extend(replicators.into_iter().flat_map(|replicator| replicator.collections));
    let is_mentioned = |collection: &Collection| {
        [&collection.name, &collection.id, &collection.version]
            .into_iter()
            .any(|name| mentioned.contains(name))
    };
    collections.into_iter().filter(is_mentioned).map(|collection| collection.name).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// As nodes of version 1.0.0 said it, shortened.
    #[test]
    fn both_ways_of_replicating_are_understood() {
        let collections = br#"[{"Name":"Book","VersionID":"bafyb","CollectionID":"bafyb","Fields":[]},
            {"Name":"Page","VersionID":"bafyp2","CollectionID":"bafyp","Fields":[]}]"#;
        let replicators = br#"[{"ID":"12D3Koo","Addresses":["/ip4/127.0.0.1/tcp/19283/p2p/12D3Koo"],
            "CollectionIDs":["bafyb"],"Status":0,"LastStatusChange":"2026-11-28T22:45:40Z"}]"#;
        let names = |replicators: &[u8], subscribed: &[u8]| {
            replicated_of(collections, replicators, subscribed).into_iter().collect::<Vec<_>>()
        };
        assert_eq!(names(replicators, b"[]"), ["Book"]);
        assert_eq!(names(b"[]", br#"["Page"]"#), ["Page"]);
        assert_eq!(names(replicators, br#"["bafyp2", "Other"]"#), ["Book", "Page"]);
        assert!(names(b"[]", b"[]").is_empty());
        assert!(names(br#"{"error":"no p2p system configured"}"#, b"<html>").is_empty());
    }
}
