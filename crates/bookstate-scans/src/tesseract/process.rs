//! One call of the program: started with limits, waited for, and ended whatever happens to us.
//!
//! The program runs below a small shell script that holds a line to this process: its standard input. When the line
//! is cut, because the call ended or because this process was killed, the script kills the program and removes the
//! folder that it worked in. So nothing is left behind, and no unsafe call between fork and exec is needed.

use std::{
    ffi::OsString,
    fs::{self, File},
    io::Write,
    os::unix::process::{CommandExt, ExitStatusExt},
    path::Path,
    process::{Child, Command, Stdio},
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    thread,
    time::{Duration, Instant},
};

use image::GrayImage;
use rustix::process::{Pid, Signal, kill_process_group};

use super::{Layout, OcrError, Tesseract};

/// `$1`: memory in KiB, `$2`: seconds of a processor, `$3`: the folder, then the program with its arguments.
const SCRIPT: &str = r#"
ulimit -v "$1" 2>/dev/null
ulimit -S -t "$2" 2>/dev/null
dir=$3
shift 3
cd "$dir" || exit 126
exec 3<&0 </dev/null
"$@" 3<&- &
child=$!
{ read -r _ <&3; kill -9 "$child"; rm -rf "$dir"; } >/dev/null 2>&1 &
watch=$!
wait "$child"
status=$?
kill -9 "$watch" 2>/dev/null
exit "$status"
"#;

/// How often a running program is looked at.
const LOOK: Duration = Duration::from_millis(4);

/// The name of the image in the folder.
const IMAGE: &str = "page.pgm";

/// Tells calls that their answer is not wanted any more. Cloning is cheap; all clones are one.
#[derive(Debug, Clone, Default)]
pub struct Cancel(Arc<AtomicBool>);

impl Cancel {
    /// Ends what runs, and what would begin. A call notices within a few milliseconds.
    pub fn cancel(&self) {
        self.0.store(true, Ordering::Relaxed);
    }

    /// Whether it was called.
    #[must_use]
    pub fn is_cancelled(&self) -> bool {
        self.0.load(Ordering::Relaxed)
    }
}

impl Tesseract {
    /// Has the program look at an image; its answer, from the file that it wrote.
    pub(super) fn call(
        &self,
        image: &GrayImage,
        dpi: f32,
        languages: &str,
        layout: Layout,
        cancel: &Cancel,
    ) -> Result<String, OcrError> {
        let system = |error: std::io::Error| OcrError::System { reason: error.to_string() };
        let dir = tempfile::Builder::new().prefix("bookstate-ocr-").tempdir().map_err(system)?;
        write_pgm(&dir.path().join(IMAGE), image).map_err(system)?;
        let arguments = self.arguments(IMAGE, dpi, languages, layout);
        self.run(dir.path(), &arguments, cancel)?;
        let answer = match layout {
            Layout::Orientation => "out.osd",
            _ => "out.tsv",
        };
        let bytes = fs::read(dir.path().join(answer)).map_err(|error| OcrError::Failed {
            reason: format!("it wrote no answer ({error}): {}", last_words(dir.path())),
        })?;
        Ok(String::from_utf8_lossy(&bytes).into_owned())
    }

    fn run(&self, dir: &Path, arguments: &[OsString], cancel: &Cancel) -> Result<(), OcrError> {
        let config = &self.0.config;
        let system = |error: std::io::Error| OcrError::System { reason: error.to_string() };
        let said = File::create(dir.join("said")).map_err(system)?;
        let mut child = Command::new("/bin/sh")
            .args(["-c", SCRIPT, "bookstate-ocr"])
            .arg((config.memory >> 10).to_string())
            .arg(config.time.as_secs().max(1).to_string())
            .arg(dir)
            .arg(&config.program)
            .args(arguments)
            .env("OMP_THREAD_LIMIT", "1")
            .stdin(Stdio::piped())
            .stdout(Stdio::null())
            .stderr(said)
            .process_group(0)
            .spawn()
            .map_err(system)?;
        let began = Instant::now();
        loop {
            if let Some(status) = child.try_wait().map_err(system)? {
                // The script's status is the program's: 128 and the signal when one killed it.
                let signal = status.signal().or_else(|| status.code().and_then(killed_by));
                let late = || OcrError::TimedOut { seconds: config.time.as_secs() };
                return match (status.success(), signal) {
                    (true, _) => Ok(()),
                    (_, Some(signal)) if signal == Signal::XCPU.as_raw() => Err(late()),
                    (_, Some(signal)) => Err(OcrError::Killed { signal }),
                    _ => Err(OcrError::Failed { reason: last_words(dir) }),
                };
            }
            let over = if cancel.is_cancelled() {
                OcrError::Cancelled
            } else if began.elapsed() > config.wait {
                OcrError::TimedOut { seconds: config.wait.as_secs() }
            } else {
                thread::sleep(LOOK);
                continue;
            };
            end(&mut child);
            return Err(over);
        }
    }
}

/// Kills the script and all that it started.
fn end(child: &mut Child) {
    // It was not waited for yet, so that its number is still its own.
    if let Some(group) = i32::try_from(child.id()).ok().and_then(Pid::from_raw) {
        // A group that is gone already is what is wanted.
        kill_process_group(group, Signal::KILL).ok();
    }
    drop(child.kill());
    drop(child.wait());
}

const fn killed_by(code: i32) -> Option<i32> {
    if code > 128 && code < 128 + 65 { Some(code - 128) } else { None }
}

/// The last line that the program wrote for people.
fn last_words(dir: &Path) -> String {
    let said = fs::read(dir.join("said")).unwrap_or_default();
    let said = String::from_utf8_lossy(&said);
    let last = said.lines().rev().map(str::trim).find(|line| !line.is_empty());
    last.unwrap_or("it said nothing").chars().take(300).collect()
}

fn write_pgm(path: &Path, image: &GrayImage) -> std::io::Result<()> {
    let mut file = File::create(path)?;
    write!(file, "P5\n{} {}\n255\n", image.width(), image.height())?;
    file.write_all(image.as_raw())
}
