//! `cargo xtask nats`: NATS servers with JetStream for development, of the version that this project is tested with.
//!
//! What runs is written down in `target/nats/running-PORT.json`, so that a later call finds it again.

use std::io::Write;
use std::net::Ipv4Addr;
use std::path::PathBuf;

use anyhow::{Context as _, Result, bail};
use bookstate_tests::nats::{Cluster, NATS, Ports, Running};

/// What `nats` takes.
#[derive(Debug, clap::Args)]
#[command(
    after_long_help = "The first build takes about two minutes on one core and needs Go 1.26 or newer and a Go \
module proxy. BOOKSTATE_NATS names another program to be started instead.\n\nServers without TLS and access control, \
on loopback, for development. They run until they are stopped; `cargo clean` deletes the program and the data.\n\n\
Examples:\n  url=$(cargo xtask nats start --nodes 3)\n  bookstate process book.pdf --target fleet=$url\n  \
cargo xtask nats stop"
)]
pub(crate) struct Options {
    #[command(subcommand)]
    what: What,
}

#[derive(Debug, clap::Subcommand)]
enum What {
    /// Build the server from its Go module, at the version in tools/nats/go.mod
    Build,
    /// Start servers in the background, wait until they are ready, print their URL
    Start {
        /// How many; several are one cluster
        #[arg(long, default_value_t = 1, value_parser = clap::value_parser!(u16).range(1..=5))]
        nodes: u16,
        /// The first one's port on 127.0.0.1; the others have the next ones
        #[arg(long, default_value_t = PORT)]
        port: u16,
    },
    /// Stop them, in good order
    Stop {
        /// The first one's port
        #[arg(long, default_value_t = PORT)]
        port: u16,
    },
    /// Delete their data; stop them before, if they run
    Reset {
        /// The first one's port
        #[arg(long, default_value_t = PORT)]
        port: u16,
    },
}

/// NATS's own.
const PORT: u16 = 4222;

/// How far the ports for the cluster and for monitoring are from those for clients, as NATS's own are.
const CLUSTER: u16 = 2000;
const MONITOR: u16 = 4000;

/// Does it. What a script wants to know, a path or a URL, goes to `out`.
///
/// # Errors
/// When servers do not build, start or stop; the messages say what to do.
pub(crate) fn run(options: &Options, out: &mut dyn Write) -> Result<()> {
    match &options.what {
        What::Build => writeln!(out, "{}", NATS.build()?.display())?,
        What::Start { nodes, port } => writeln!(out, "{}", start(*nodes, *port)?)?,
        What::Stop { port } => {
            if !stop(*port)? {
                bail!("no servers run at port {port}");
            }
        }
        What::Reset { port } => {
            stop(*port)?;
            let data = data(*port)?;
            if data.exists() {
                std::fs::remove_dir_all(&data)
                    .with_context(|| format!("cannot delete {}", data.display()))?;
            }
        }
    }
    Ok(())
}

fn start(nodes: u16, port: u16) -> Result<String> {
    if let Some(running) = running(port)? {
        bail!("servers run at {} already", running.url);
    }
    let ports = (0..nodes).map(|number| {
        let of = |base: u16| port.checked_add(base)?.checked_add(number);
        Some(Ports {
            host: Ipv4Addr::LOCALHOST,
            client: of(0)?,
            cluster: of(CLUSTER)?,
            monitor: of(MONITOR)?,
        })
    });
    let ports: Vec<Ports> = ports.collect::<Option<_>>().context("the port is too high")?;
    let data = data(port)?;
    let running = Cluster::start(&data, &ports)?.detach(&data)?;
    let file = file(port)?;
    std::fs::write(&file, serde_json::to_vec(&running)?)
        .with_context(|| format!("cannot write {}", file.display()))?;
    Ok(running.url)
}

/// Says whether any ran.
fn stop(port: u16) -> Result<bool> {
    let Some(running) = running(port)? else { return Ok(false) };
    running.stop()?;
    let file = file(port)?;
    std::fs::remove_file(&file).with_context(|| format!("cannot delete {}", file.display()))?;
    Ok(true)
}

/// The servers that were started at a port, if one of them still runs.
fn running(port: u16) -> Result<Option<Running>> {
    let file = file(port)?;
    let Ok(text) = std::fs::read(&file) else { return Ok(None) };
    let running: Running = serde_json::from_slice(&text)
        .with_context(|| format!("{} is not as expected; delete it", file.display()))?;
    Ok(running.is_running().then_some(running))
}

fn file(port: u16) -> Result<PathBuf> {
    Ok(NATS.directory()?.join(format!("running-{port}.json")))
}

fn data(port: u16) -> Result<PathBuf> {
    Ok(NATS.directory()?.join(format!("data-{port}")))
}
