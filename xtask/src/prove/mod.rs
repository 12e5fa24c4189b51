//! `cargo xtask prove`: what is too long for a test run, run once in a while and reported with its numbers.

mod kills;
mod stories;

use std::io::Write;

use clap::Args;

/// What to prove.
#[derive(Debug, Args)]
pub(crate) struct Options {
    /// Play so many random stories of the sink: books, targets and data directories, and everything that goes wrong
    #[arg(long, value_name = "N", conflicts_with = "kills")]
    stories: Option<u64>,
    /// Kill the program so many times under write load, with a mirror and a real DefraDB node attached
    #[arg(long, value_name = "N")]
    kills: Option<usize>,
    /// Of the kills, so many are of the node instead
    #[arg(long, value_name = "N", default_value_t = 0, requires = "kills")]
    node_kills: usize,
    /// The beginning of all chance; chosen and printed when it is not given
    #[arg(long, value_name = "S")]
    seed: Option<u64>,
    /// Begin nothing new after so many minutes
    #[arg(long, value_name = "M", default_value_t = 600)]
    minutes: u64,
}

pub(crate) fn run(options: &Options, out: &mut dyn Write) -> anyhow::Result<()> {
    let seed = options.seed.unwrap_or_else(|| u64::from(std::process::id()).wrapping_mul(0x9e37_79b9));
    if let Some(stories) = options.stories {
        return stories::run(stories, seed, options.minutes, out);
    }
    if let Some(kills) = options.kills {
        let wanted = kills::Wanted { program: kills, node: options.node_kills, minutes: options.minutes };
        return kills::run(wanted, seed, out);
    }
    anyhow::bail!("nothing to prove was named: see --help")
}
