//! What a file may be that is taken in: how many pages, how much larger than itself the book, and how much memory and
//! time the opening.
//!
//! A file is anybody's. Its pages are the rows of the book, and a few bytes can make very many of them: so there is a
//! most, and a most in proportion to the file. What a library does while it opens a damaged file cannot be
//! interrupted: so another process can open it first, which the system ends when it takes too much.

use std::{
    ffi::OsString,
    io,
    path::{Path, PathBuf},
    process::{ExitStatus, Stdio},
    time::Duration,
};

/// What a page costs in the local store, in the journal and in memory before it has any text, in bytes.
const PAGE_BYTES: u64 = 600;
/// A book may always grow to this many bytes, however small its file is.
const SMALL: u64 = 4 << 20;

/// See the module documentation.
#[derive(Debug, Clone)]
pub struct Intake {
    /// Pages that a book may have.
    pub pages: u32,
    /// How many times as large as its file a book may be that has no text yet, once it has more than 4 MiB.
    pub growth: u32,
    /// Opens each file first, in a process of its own; without one, files are opened in this process alone.
    pub trial: Option<Trial>,
    /// What the file is called, where its path does not say it: an upload's. Any path of the client's system.
    pub file_name: Option<String>,
    /// Makes the images of pages that are looked at, in a process of its own; without one, this process makes them.
    #[cfg(feature = "scans")]
    pub images: Option<bookstate_scans::images::ImageProgram>,
    /// Images that show two pages side by side are two pages; else each image is one.
    #[cfg(feature = "scans")]
    pub split_spreads: bool,
}

impl Default for Intake {
    fn default() -> Self {
        Self {
            pages: 20_000,
            growth: 32,
            trial: None,
            file_name: None,
            #[cfg(feature = "scans")]
            images: None,
            #[cfg(feature = "scans")]
            split_spreads: true,
        }
    }
}

impl Intake {
    /// Why a book of so many pages is refused whose file has so many bytes.
    #[must_use]
    pub fn refusal(&self, pages: u32, file_bytes: u64) -> Option<String> {
        if pages > self.pages {
            return Some(format!("it has {pages} pages, and {} are allowed", self.pages));
        }
        let book = u64::from(pages).saturating_mul(PAGE_BYTES);
        let most = file_bytes.saturating_mul(u64::from(self.growth)).max(SMALL);
        (book > most).then(|| {
            let growth = self.growth;
            format!("its {pages} pages would make a book of more than {growth} times the file's size")
        })
    }
}

/// A program that opens a file: it is given the file's path behind its other arguments. Whether the file is a book is
/// not what it is asked. It has to come to an end by itself: any exit code of its own is one.
#[derive(Debug, Clone)]
pub struct Trial {
    /// The program.
    pub program: PathBuf,
    /// Its arguments.
    pub arguments: Vec<OsString>,
    /// How long it may take.
    pub time: Duration,
}

/// How a trial ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Tried {
    /// The file can be opened, or found to be no book.
    Safe,
    /// The system ended the program, or it was given up.
    Excessive,
}

impl Trial {
    /// Opens a file in a process of its own.
    ///
    /// Cancel safe: the process goes with the future.
    pub(crate) async fn of(&self, path: &Path) -> io::Result<Tried> {
        let mut command = tokio::process::Command::new(&self.program);
        command.args(&self.arguments).arg(path).env_clear().kill_on_drop(true);
        // What is typed at the terminal is for who asked, who ends it.
        command.process_group(0);
        command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
        let mut child = command.spawn()?;
        match tokio::time::timeout(self.time, child.wait()).await {
            Ok(ended) => Ok(tried(ended?)),
            Err(_) => {
                child.kill().await?;
                Ok(Tried::Excessive)
            }
        }
    }
}

fn tried(ended: ExitStatus) -> Tried {
    // None: a signal.
    if ended.code().is_some() { Tried::Safe } else { Tried::Excessive }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_book_is_bounded_by_its_pages_and_by_its_file() {
        let intake = Intake::default();
        for (pages, bytes) in [(20_000, 10 << 20), (600, 100), (6_000, 10_000), (300, 1 << 20)] {
            assert_eq!(intake.refusal(pages, bytes), None, "{pages} pages in {bytes} bytes");
        }
        assert!(intake.refusal(20_001, 1 << 30).unwrap().contains("20000 are allowed"));
        assert!(intake.refusal(15_000, 30_000).unwrap().contains("32 times"));
    }

    async fn trial(script: &str) -> Tried {
        let arguments = ["-c", script].map(OsString::from).to_vec();
        let trial = Trial { program: "/bin/sh".into(), arguments, time: Duration::from_secs(60) };
        trial.of(Path::new("book.pdf")).await.unwrap()
    }

    #[tokio::test]
    async fn a_trial_that_ends_by_itself_is_safe_and_one_that_is_ended_is_not() {
        assert_eq!(trial("exit 0").await, Tried::Safe);
        assert_eq!(trial("exit 3").await, Tried::Safe);
        assert_eq!(trial("kill -ABRT $$").await, Tried::Excessive);
        let endless = ["-c", "exec sleep 100"].map(OsString::from).to_vec();
        let time = Duration::from_millis(50);
        let endless = Trial { program: "/bin/sh".into(), arguments: endless, time };
        assert_eq!(endless.of(Path::new("book.pdf")).await.unwrap(), Tried::Excessive);
        let none = Trial { program: "/nowhere/at/all".into(), arguments: Vec::new(), time };
        none.of(Path::new("book.pdf")).await.unwrap_err();
    }
}
