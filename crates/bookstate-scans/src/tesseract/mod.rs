//! The program `tesseract` as a reader of pages.
//!
//! Invariants: one process per call, in a group of its own, with limits on time and memory; it ends when the call is
//! cancelled and when this process dies, however it dies; its answer depends on the image and the languages alone.
//!
//! Reading order: [`Tesseract`], `process` (one call), `tsv` (what it answers), `languages` (which to read with), `samples` (what a
//! few pages say of them), `several` (on all processors),
//! `page` (a page from image to words), `leaders`, `ligatures` and
//! `digits` (what the program takes for something else), `noise` (what is no print).

mod digits;
mod languages;
mod leaders;
mod ligatures;
mod noise;
mod page;
mod process;
mod samples;
mod several;
mod tsv;

use std::{
    collections::BTreeSet,
    ffi::OsString,
    path::PathBuf,
    process::{Command, Stdio},
    sync::Arc,
    time::Duration,
};

pub use languages::{Found, Languages, package_of};
pub use page::turned;
pub use process::Cancel;

use crate::PageError;

/// What to install, as people type it.
const INSTALL: &str = "apt-get install tesseract-ocr";

/// Why a page could not be read, by what to do.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum OcrError {
    /// The program is not there.
    #[error("reading scanned pages needs the program tesseract: {INSTALL} ({reason})")]
    Missing {
        /// What was tried.
        reason: String,
    },
    /// A language is not installed.
    #[error("tesseract has no data for the language {language}: apt-get install {package}")]
    Language {
        /// Its name for tesseract.
        language: String,
        /// The package that brings it.
        package: String,
    },
    /// The models of the reader [`paddle`](crate::paddle) are not there, or are of another kind.
    #[cfg(feature = "paddle")]
    #[error("the models of the engine paddle cannot be used: {reason}")]
    Models {
        /// Which of them, and why.
        reason: String,
    },
    /// The models of the reader [`paddle`](crate::paddle) failed with this page.
    #[cfg(feature = "paddle")]
    #[error("the engine paddle failed: {reason}")]
    Inference {
        /// Their runtime's words.
        reason: String,
    },
    /// The page's image cannot be had.
    #[error(transparent)]
    Image(#[from] PageError),
    /// The program took too long for this page: it would again.
    #[error("tesseract did not finish the page within {seconds} s")]
    TimedOut {
        /// The limit.
        seconds: u64,
    },
    /// The program was killed, by the system or a person: another try may do.
    #[error("tesseract was killed by signal {signal}")]
    Killed {
        /// The signal's number.
        signal: i32,
    },
    /// The program failed with this page.
    #[error("tesseract failed: {reason}")]
    Failed {
        /// Its last words.
        reason: String,
    },
    /// The program could not be run now: another try may do.
    #[error("tesseract could not be run: {reason}")]
    System {
        /// The operating system's words.
        reason: String,
    },
    /// Nobody wants the answer any more.
    #[error("reading was cancelled")]
    Cancelled,
}

/// How the program is run.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TesseractConfig {
    /// The program: a name that is looked up, or a path.
    pub program: PathBuf,
    /// How much time of a processor it may take for one page; counted in whole seconds.
    pub time: Duration,
    /// How long it may take by the clock, whatever else the machine does.
    pub wait: Duration,
    /// How much memory it may take, in bytes.
    pub memory: u64,
}

impl Default for TesseractConfig {
    fn default() -> Self {
        let (time, wait) = (Duration::from_secs(120), Duration::from_secs(900));
        Self { program: "tesseract".into(), time, wait, memory: 3 << 30 }
    }
}

/// The installed program. Cheap to clone.
#[derive(Debug, Clone)]
pub struct Tesseract(Arc<Installed>);

#[derive(Debug)]
struct Installed {
    config: TesseractConfig,
    languages: BTreeSet<String>,
}

/// How the program looks at an image: its page segmentation modes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Layout {
    /// Orientation and script only.
    Orientation,
    /// Finds blocks and columns.
    Page,
    /// One block of lines, each as wide as the page.
    Lines,
    /// As much text as there is, in no order.
    Sparse,
}

impl Layout {
    const fn mode(self) -> &'static str {
        match self {
            Self::Orientation => "0",
            Self::Page => "3",
            Self::Lines => "6",
            Self::Sparse => "11",
        }
    }
}

impl Tesseract {
    /// Looks for the program and the languages that it has.
    ///
    /// # Errors
    /// [`OcrError::Missing`].
    pub fn find(config: TesseractConfig) -> Result<Self, OcrError> {
        let missing = |reason: String| OcrError::Missing { reason };
        let listed = Command::new(&config.program).arg("--list-langs").stdin(Stdio::null()).output();
        let listed = listed.map_err(|error| missing(format!("{}: {error}", config.program.display())))?;
        // Version 4 lists them on the standard error.
        let text = [listed.stdout, listed.stderr].concat();
        let text = String::from_utf8_lossy(&text);
        let languages = text.lines().skip(1).map(str::trim);
        let languages: BTreeSet<String> =
            languages.filter(|line| !line.is_empty() && !line.contains(' ')).map(str::to_owned).collect();
        if languages.is_empty() {
            return Err(missing("it is there, and has no languages".to_owned()));
        }
        Ok(Self(Arc::new(Installed { config, languages })))
    }

    /// The languages that it has, as it names them.
    #[must_use]
    pub fn languages(&self) -> &BTreeSet<String> {
        &self.0.languages
    }

    /// The arguments of a call.
    fn arguments(&self, image: &str, dpi: f32, languages: &str, layout: Layout) -> Vec<OsString> {
        let dpi = dpi.clamp(70.0, 2400.0).round().to_string();
        let mut arguments: Vec<OsString> =
            [image, "out", "-l", languages, "--dpi", &dpi, "--psm", layout.mode()].map(OsString::from).into();
        if layout != Layout::Orientation {
            arguments.push("tsv".into());
        }
        arguments
    }
}
