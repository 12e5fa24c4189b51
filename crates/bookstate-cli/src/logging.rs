//! Log lines on standard error, and how they get along with progress bars.

use std::{
    io::{self, Write},
    sync::OnceLock,
};

use indicatif::MultiProgress;
use tracing_subscriber::{EnvFilter, fmt::MakeWriter};

use crate::{failure::Failure, settings::LogFormat, terminal, tone};

/// The target of the lines that say how a job proceeds where there are no bars.
pub(crate) const PROGRESS: &str = "bookstate::progress";

static BARS: OnceLock<MultiProgress> = OnceLock::new();

/// The bars of this process. Log lines are written above them.
pub(crate) fn bars() -> &'static MultiProgress {
    BARS.get_or_init(MultiProgress::new)
}

/// Begins to write log lines: warnings and progress, less when quiet, more when verbose. `BOOKSTATE_LOG`
/// outweighs both, in the form of `tracing`'s directives (`bookstate_sink=debug`).
///
/// # Errors
/// `BOOKSTATE_LOG` is not a list of directives.
pub(crate) fn start(
    format: LogFormat,
    quiet: u8,
    verbose: u8,
    directives: Option<&str>,
) -> Result<(), Failure> {
    let level = match (quiet, verbose) {
        (0, 0) => format!("warn,{PROGRESS}=info,bookstate_api::job_log=info"),
        (0, 1) => "info".to_owned(),
        (0, 2) => "debug".to_owned(),
        (0, _) => "trace".to_owned(),
        (1, _) => "error".to_owned(),
        _ => "off".to_owned(),
    };
    let filter = EnvFilter::try_new(directives.unwrap_or(&level))
        .map_err(|error| Failure::usage(format_args!("BOOKSTATE_LOG: {error}")))?;
    let lines = tracing_subscriber::fmt().with_env_filter(filter).with_writer(Lines).with_ansi(false);
    let begun = match format {
        LogFormat::Json => lines.json().flatten_event(true).try_init(),
        LogFormat::Text if verbose > 1 => lines.try_init(),
        LogFormat::Text => lines.with_target(false).compact().try_init(),
    };
    begun.map_err(Failure::unexpected)
}

/// Writes whole lines to standard error, above the bars if there are any. A line is kept until it is complete:
/// bars that are drawn between its pieces would tear it.
#[derive(Debug, Default)]
struct AboveBars {
    begun: Vec<u8>,
}

impl Write for AboveBars {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.begun.extend_from_slice(bytes);
        if let Some(end) = self.begun.iter().rposition(|byte| *byte == b'\n') {
            let rest = self.begun.split_off(end + 1);
            let lines = std::mem::replace(&mut self.begun, rest);
            show(&lines)?;
        }
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        if self.begun.is_empty() {
            return Ok(());
        }
        show(&std::mem::take(&mut self.begun))
    }
}

impl Drop for AboveBars {
    fn drop(&mut self) {
        // A closed standard error leaves nobody to tell.
        drop(self.flush());
    }
}

fn show(bytes: &[u8]) -> io::Result<()> {
    let text = String::from_utf8_lossy(bytes);
    emit(&terminal::plain(&text))
}

/// Writes a text in which nothing is left of strangers that a terminal would obey.
fn emit(text: &str) -> io::Result<()> {
    let write = || io::stderr().lock().write_all(text.as_bytes());
    match BARS.get() {
        Some(bars) => bars.suspend(write),
        None => write(),
    }
}

/// Makes a writer per log line.
#[derive(Debug, Clone, Copy)]
struct Lines;

impl<'w> MakeWriter<'w> for Lines {
    type Writer = AboveBars;
    fn make_writer(&'w self) -> AboveBars {
        AboveBars::default()
    }
}

/// Says something to the person at the terminal, on standard error: a `note`, a `warning`, an `error`.
pub(crate) fn say(kind: &str, text: impl std::fmt::Display) {
    let kind = tone::on_stderr(kind);
    // A closed standard error leaves nobody to tell.
    drop(emit(&format!("{kind}: {}\n", terminal::line(&text.to_string()))));
}

/// Says a text of several lines on standard error.
pub(crate) fn tell(text: &str) {
    // A closed standard error leaves nobody to tell.
    drop(write!(AboveBars::default(), "{text}"));
}
