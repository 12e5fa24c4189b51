//! One call of the program: started with limits, waited for, and ended whatever happens to us.
//!
//! The program runs below a small shell script that holds a line to this process: its standard input. First the page
//! comes over the line. When the line is cut after that, because the call ended or because this process was killed,
//! the script kills the program. The folder that the program works in is the script's: made by it, and removed by it
//! at its end. So nothing is left behind, at whatever moment this process is killed, and no unsafe call between fork
//! and exec is needed.

use std::{
    ffi::OsString,
    io::{ErrorKind, Read, Write},
    os::unix::process::{CommandExt, ExitStatusExt},
    process::{Child, ChildStdout, Command, ExitStatus, Stdio},
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::{Duration, Instant},
};

use image::GrayImage;
use rustix::{
    event::{PollFd, PollFlags, Timespec, poll},
    io::Errno,
    process::{Pid, Signal, kill_process_group},
};

use super::{Layout, OcrError, Tesseract};

/// `$1`: memory in KiB, `$2`: seconds of a processor, `$3`: bytes of the page, `$4`: the file that the program writes,
/// then the program with its arguments. Prints that file, or why there is none.
///
/// Who ends a whole service ends the script by its line: it has to outlive the program. What a killed program started
/// itself is of the script's group, and killed with it.
const SCRIPT: &str = r#"
trap '' HUP INT TERM
ulimit -v "$1" 2>/dev/null
ulimit -S -t "$2" 2>/dev/null
size=$3 answer=$4
shift 4
exec 3<&0 </dev/null
dir=$(mktemp -d "${TMPDIR:-/tmp}/bookstate-ocr-XXXXXX" 2>&1) || { echo "$dir"; exit 125; }
cd "$dir" || exit 125
if ! why=$(head -c "$size" <&3 2>&1 >page.pgm); then
  rm -rf "$dir"
  echo "$dir: $why"
  exit 125
fi
"$@" >said 2>&1 3<&- &
child=$!
{ read -r _ <&3; kill -9 "$child"; } >/dev/null 2>&1 &
watch=$!
wait "$child"
status=$?
kill -9 "$watch" 2>/dev/null
if [ "$status" -ne 0 ]; then
  cat said
elif ! cat "$answer" 2>/dev/null; then
  cat said
  status=124
fi
rm -rf "$dir"
if [ "$status" -eq 137 ]; then kill -9 0; fi
exit "$status"
"#;

/// The script's status when the folder could not be made, or not hold the page.
const NO_ROOM: i32 = 125;

/// The script's status when the program was content and wrote nothing.
const NO_ANSWER: i32 = 124;

/// The name of the page in the folder.
const IMAGE: &str = "page.pgm";

/// How often a running program is looked at.
const LOOK: Duration = Duration::from_millis(4);

/// How long the script may take to end what it began.
const GRACE: Duration = Duration::from_secs(5);

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
        let head = format!("P5\n{} {}\n255\n", image.width(), image.height());
        let answer = match layout {
            Layout::Orientation => "out.osd",
            _ => "out.tsv",
        };
        let arguments = self.arguments(IMAGE, dpi, languages, layout);
        let mut child = self.start(head.len() + image.as_raw().len(), answer, &arguments).map_err(system)?;
        let mut line = child.stdin.take();
        if let Some(line) = &mut line {
            // The script stops listening only when it has to say why.
            line.write_all(head.as_bytes()).and_then(|()| line.write_all(image.as_raw())).ok();
        }
        let heard = match child.stdout.take() {
            Some(stdout) => self.listen(stdout, line, &child, cancel),
            None => Err(OcrError::System { reason: "it cannot be listened to".into() }),
        };
        let status = child.wait().map_err(system)?;
        self.judge(status, &String::from_utf8_lossy(&heard?))
    }

    fn start(&self, size: usize, answer: &str, arguments: &[OsString]) -> std::io::Result<Child> {
        let config = &self.0.config;
        Command::new("/bin/sh")
            .args(["-c", SCRIPT, "bookstate-ocr"])
            .arg((config.memory >> 10).to_string())
            .arg(config.time.as_secs().max(1).to_string())
            .arg(size.to_string())
            .arg(answer)
            .arg(&config.program)
            .args(arguments)
            .env("OMP_THREAD_LIMIT", "1")
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .process_group(0)
            .spawn()
    }

    /// All that the script says, to its end; the line is cut when the time is over or the answer not wanted any more.
    fn listen(
        &self,
        mut stdout: ChildStdout,
        line: Option<impl Write>,
        child: &Child,
        cancel: &Cancel,
    ) -> Result<Vec<u8>, OcrError> {
        let wait = self.0.config.wait;
        let (began, mut line, mut over) = (Instant::now(), line, None);
        let (mut heard, mut piece) = (Vec::new(), [0; 16 << 10]);
        loop {
            let look = Timespec { tv_sec: 0, tv_nsec: LOOK.subsec_nanos().into() };
            let ready = match poll(&mut [PollFd::new(&stdout, PollFlags::IN)], Some(&look)) {
                Ok(ready) => ready > 0,
                Err(Errno::INTR) => false,
                Err(error) => return Err(system(error.into())),
            };
            match if ready { Some(stdout.read(&mut piece)) } else { None } {
                None => {}
                Some(Ok(0)) => break,
                Some(Ok(bytes)) => heard.extend_from_slice(&piece[..bytes]),
                Some(Err(error)) if error.kind() == ErrorKind::Interrupted => {}
                // The line is cut with this call, so that the script ends as for any other reason.
                Some(Err(error)) => return Err(system(error)),
            }
            if over.is_none() {
                if cancel.is_cancelled() {
                    over = Some((OcrError::Cancelled, Instant::now()));
                } else if began.elapsed() > wait {
                    over = Some((OcrError::TimedOut { seconds: wait.as_secs() }, Instant::now()));
                }
            }
            if let Some((_, since)) = &over {
                line = None;
                if since.elapsed() > GRACE {
                    kill(child);
                    break;
                }
            }
        }
        drop(line);
        over.map_or(Ok(heard), |(error, _)| Err(error))
    }

    /// What a script that ended by itself says with its status, which is the program's: 128 and the signal when one
    /// killed it.
    fn judge(&self, status: ExitStatus, said: &str) -> Result<String, OcrError> {
        let late = || OcrError::TimedOut { seconds: self.0.config.time.as_secs() };
        match (status.code(), status.signal().or_else(|| status.code().and_then(killed_by))) {
            (Some(0), _) => Ok(said.to_owned()),
            (_, Some(signal)) if signal == Signal::XCPU.as_raw() => Err(late()),
            (_, Some(signal)) => Err(OcrError::Killed { signal }),
            (Some(NO_ROOM), _) => Err(OcrError::System { reason: last_words(said) }),
            (Some(NO_ANSWER), _) => {
                Err(OcrError::Failed { reason: format!("it wrote no answer: {}", last_words(said)) })
            }
            _ => Err(OcrError::Failed { reason: last_words(said) }),
        }
    }
}

fn system(error: std::io::Error) -> OcrError {
    OcrError::System { reason: error.to_string() }
}

/// Kills the script and all that it started.
fn kill(child: &Child) {
    // It was not waited for yet, so that its number is still its own.
    if let Some(group) = i32::try_from(child.id()).ok().and_then(Pid::from_raw) {
        // A group that is gone already is what is wanted.
        kill_process_group(group, Signal::KILL).ok();
    }
}

const fn killed_by(code: i32) -> Option<i32> {
    if code > 128 && code < 128 + 65 { Some(code - 128) } else { None }
}

/// The last line that the program wrote for people.
fn last_words(said: &str) -> String {
    let last = said.lines().rev().map(str::trim).find(|line| !line.is_empty());
    last.unwrap_or("it said nothing").chars().take(300).collect()
}
