//! `cargo xtask defradb`: a DefraDB node for development, of the version that this project is tested with.
//!
//! What runs is written down in `target/defradb/node-PORT.json`, so that a later call finds it again.

use std::io::Write;
use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result, bail};
use bookstate_tests::node::{DEFRADB, Detached, Node};
use serde::{Deserialize, Serialize};

/// What `defradb` takes.
#[derive(Debug, clap::Args)]
#[command(
    after_long_help = "The first build takes 6 to 10 minutes on two cores and needs Go 1.26 or newer and a \
Go module proxy. BOOKSTATE_DEFRADB names another program to be started instead.\n\nA node without TLS, \
signatures, encryption and access control, on loopback, for development. It runs until it is stopped; \
`cargo clean` deletes the program and, unless --data says otherwise, the data.\n\nExamples:\n  \
cargo xtask defradb start\n  \
bookstate process book.pdf --target defradb=http://127.0.0.1:9181\n  \
cargo xtask defradb stop\n  \
url=$(cargo xtask defradb start --throwaway --port 9182)\n  \
cargo xtask defradb stop --port 9182"
)]
pub(crate) struct Options {
    #[command(subcommand)]
    what: What,
}

#[derive(Debug, clap::Subcommand)]
enum What {
    /// Build the node from its Go module, at the version in tools/defradb/go.mod
    Build,
    /// Start a node in the background, wait until it is ready, print its URL
    Start {
        #[command(flatten)]
        place: Place,
        /// Take a new directory, which `stop` deletes
        #[arg(long, conflicts_with = "data")]
        throwaway: bool,
    },
    /// Stop the node, in good order
    Stop {
        /// The port of the node
        #[arg(long, default_value_t = PORT)]
        port: u16,
    },
    /// Delete a node's data; stop it before, if it runs
    Reset {
        #[command(flatten)]
        place: Place,
    },
}

#[derive(Debug, clap::Args)]
struct Place {
    /// The directory of its data [default: data-PORT in target/defradb]
    #[arg(long, value_name = "DIR")]
    data: Option<PathBuf>,
    /// The port on 127.0.0.1
    #[arg(long, default_value_t = PORT)]
    port: u16,
}

/// DefraDB's own.
const PORT: u16 = 9181;

/// What the node makes in its directory.
const FILES: [&str; 5] = ["config.yaml", "data", "defradb.log", "local_document_acp", "local_node_acp"];

/// A node that was started.
#[derive(Debug, Serialize, Deserialize)]
struct Started {
    node: Detached,
    throwaway: bool,
}

/// Does it. What a script wants to know, a path or a URL, goes to `out`.
///
/// # Errors
/// When the node does not build, start or stop; the messages say what to do.
pub(crate) fn run(options: &Options, out: &mut dyn Write) -> Result<()> {
    match &options.what {
        What::Build => writeln!(out, "{}", DEFRADB.build()?.display())?,
        What::Start { place, throwaway } => writeln!(out, "{}", start(place, *throwaway)?)?,
        What::Stop { port } => {
            if !stop(*port)? {
                bail!("no node runs at port {port}");
            }
        }
        What::Reset { place } => reset(place)?,
    }
    Ok(())
}

fn start(place: &Place, throwaway: bool) -> Result<String> {
    if let Some(running) = running(place.port)? {
        bail!("a node runs at {} already, on {}", running.node.url(), running.node.directory.display());
    }
    let directory = if throwaway {
        DEFRADB.directory()?.join(format!("throwaway-{}", std::process::id()))
    } else {
        data(place)?
    };
    let node = match Node::start_at(&directory, place.port) {
        Err(error) if throwaway => {
            // Why it did not start matters more than a directory that stays.
            drop(std::fs::remove_dir_all(&directory));
            return Err(error.into());
        }
        started => started?,
    };
    let url = node.url();
    let port = node.address().port();
    let started = Started { node: node.detach()?, throwaway };
    let file = file(port)?;
    std::fs::write(&file, serde_json::to_vec(&started)?)
        .with_context(|| format!("cannot write {}", file.display()))?;
    Ok(url)
}

/// Says whether one ran.
fn stop(port: u16) -> Result<bool> {
    let Some(started) = running(port)? else { return Ok(false) };
    started.node.stop()?;
    if started.throwaway {
        delete(&started.node.directory)?;
    }
    let file = file(port)?;
    std::fs::remove_file(&file).with_context(|| format!("cannot delete {}", file.display()))?;
    Ok(true)
}

fn reset(place: &Place) -> Result<()> {
    let data = data(place)?;
    let Ok(data) = data.canonicalize() else { return Ok(()) };
    for entry in std::fs::read_dir(DEFRADB.directory()?)? {
        let name = entry?.file_name();
        let port =
            name.to_str().and_then(|name| name.strip_prefix("node-")?.strip_suffix(".json")?.parse().ok());
        let Some(port) = port else { continue };
        if running(port)?.is_some_and(|started| started.node.directory == data) {
            stop(port)?;
        }
    }
    if data.exists() { delete(&data) } else { Ok(()) }
}

/// Deletes what a node made, and its directory if nothing else is in it.
fn delete(directory: &Path) -> Result<()> {
    if !directory.join("config.yaml").is_file() {
        bail!("{} has no DefraDB node's data; nothing was deleted", directory.display());
    }
    for path in FILES.map(|name| directory.join(name)) {
        let deleted =
            if path.is_dir() { std::fs::remove_dir_all(&path) } else { std::fs::remove_file(&path) };
        match deleted {
            Err(error) if error.kind() != std::io::ErrorKind::NotFound => {
                return Err(error).with_context(|| format!("cannot delete {}", path.display()));
            }
            _ => {}
        }
    }
    // Only an empty one goes; another is the user's.
    drop(std::fs::remove_dir(directory));
    Ok(())
}

/// The node that was started at a port, if it still runs.
fn running(port: u16) -> Result<Option<Started>> {
    let file = file(port)?;
    let Ok(text) = std::fs::read(&file) else { return Ok(None) };
    let started: Started = serde_json::from_slice(&text)
        .with_context(|| format!("{} is not as expected; delete it", file.display()))?;
    Ok(started.node.is_running().then_some(started))
}

fn file(port: u16) -> Result<PathBuf> {
    Ok(DEFRADB.directory()?.join(format!("node-{port}.json")))
}

fn data(place: &Place) -> Result<PathBuf> {
    Ok(match &place.data {
        Some(data) => data.clone(),
        None => DEFRADB.directory()?.join(format!("data-{}", place.port)),
    })
}
