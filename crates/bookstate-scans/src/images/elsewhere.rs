//! Images that another process makes.
//!
//! A page's file is anybody's, and what a decoder or a drawing library does with it cannot be interrupted: a few
//! kilobytes can ask for patterns within patterns that are never drawn to their end, and for any amount of memory. So
//! a process of its own can make the image: it is ended when its time is up, the system ends it when it takes too
//! much, and it ends itself when nobody waits for its answer any more.
//!
//! The answer is a line of JSON, then the pixels, one byte per grey or three per colour, row by row.

use std::{
    ffi::OsString,
    io::{self, BufRead, BufReader, Read, Write},
    os::unix::process::CommandExt as _,
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    sync::mpsc,
    time::Duration,
};

use image::{DynamicImage, GrayImage, RgbImage};
use serde::{Deserialize, Serialize};

use super::{PageImage, PageImages, Resolution, page_image::check_size};
use crate::PageError;

/// The longest first line of an answer.
const MAX_LINE: u64 = 4096;

/// A program that makes the images of pages: it is given the file, the page and the resolution behind its other
/// arguments, calls [`answer`] with them and ends.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ImageProgram {
    /// The program.
    pub program: PathBuf,
    /// Its arguments.
    pub arguments: Vec<OsString>,
    /// How long it may take.
    pub time: Duration,
}

/// The first line of an answer.
#[derive(Debug, Serialize, Deserialize)]
enum Head {
    Image { width: u32, height: u32, has_colours: bool, dpi: Option<f32> },
    Broken { reason: String },
}

/// Makes the image of a page and writes it for the process that waits for it. Ends this process when that one is
/// gone, which it tells by the end of standard input. `resolution`: as [`ImageProgram`] is given it.
///
/// # Errors
/// The answer cannot be written. That there is no image is an answer, too.
pub fn answer(file: &Path, page: u32, resolution: &str, out: &mut dyn Write) -> io::Result<()> {
    std::thread::spawn(|| {
        // Nothing is ever written there.
        drop(io::stdin().read(&mut [0]));
        std::process::abort();
    });
    let resolution: Resolution = serde_json::from_str(resolution)?;
    let made = PageImages::open(file).map_err(|error| error.to_string());
    let made = made.and_then(|images| {
        images.image(page, resolution).map_err(|error| match error {
            PageError::Broken { reason, .. } => reason,
            error => error.to_string(),
        })
    });
    match made {
        Ok(PageImage { pixels, dpi }) => {
            let (width, height) = (pixels.width(), pixels.height());
            let has_colours = pixels.color().has_color();
            write_head(out, &Head::Image { width, height, has_colours, dpi })?;
            let samples =
                if has_colours { pixels.into_rgb8().into_raw() } else { pixels.into_luma8().into_raw() };
            out.write_all(&samples)?;
        }
        Err(reason) => {
            write_head(out, &Head::Broken { reason: reason.chars().take(500).collect() })?;
        }
    }
    out.flush()
}

fn write_head(out: &mut dyn Write, head: &Head) -> io::Result<()> {
    writeln!(out, "{}", serde_json::to_string(head)?)
}

/// A process that is ended with this value.
struct Ended(Child);

impl Drop for Ended {
    fn drop(&mut self) {
        drop(self.0.kill());
        drop(self.0.wait());
    }
}

impl ImageProgram {
    /// Has the program make the image of a page of a file, which this process does not look at. Blocks, as long as
    /// it may take.
    ///
    /// # Errors
    /// The image cannot be made within the program's time and limits, or the program cannot be run.
    pub fn image(&self, file: &Path, page: u32, resolution: Resolution) -> Result<PageImage, PageError> {
        let broken = |reason: String| PageError::Broken { page, reason };
        let system = |error: io::Error| PageError::System { page, reason: error.to_string() };
        let resolution = serde_json::to_string(&resolution).map_err(|error| system(error.into()))?;
        let mut command = Command::new(&self.program);
        command.args(&self.arguments).arg(file).arg(page.to_string()).arg(resolution).env_clear();
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::null());
        // What is typed at the terminal is for who asked, who ends it.
        command.process_group(0);
        let mut running = Ended(command.spawn().map_err(system)?);
        let answer = running.0.stdout.take().ok_or_else(|| system(io::ErrorKind::BrokenPipe.into()))?;
        let (sender, receiver) = mpsc::sync_channel(1);
        std::thread::Builder::new()
            .name("bookstate-image".to_owned())
            // The program is gone at the latest when nobody waits any more, and with it the answer's other end.
            .spawn(move || drop(sender.send(read(answer))))
            .map_err(system)?;
        match receiver.recv_timeout(self.time) {
            Ok(Ok(image)) => Ok(image),
            Ok(Err(Unread::Broken(reason))) => Err(broken(reason)),
            Ok(Err(Unread::CutOff)) => {
                Err(broken("making it takes more memory or time than is allowed".to_owned()))
            }
            Err(_) => Err(PageError::TimedOut { page, seconds: self.time.as_secs() }),
        }
    }
}

/// Why an answer is no image.
#[derive(Debug, PartialEq, Eq)]
enum Unread {
    Broken(String),
    /// The program did not come to its end.
    CutOff,
}

/// Reads an answer, of which nothing is believed: the program has read a file of anybody's.
fn read(answer: impl Read) -> Result<PageImage, Unread> {
    let mut answer = BufReader::new(answer);
    let mut line = String::new();
    let cut_off = |_: io::Error| Unread::CutOff;
    answer.by_ref().take(MAX_LINE).read_line(&mut line).map_err(cut_off)?;
    let (width, height, has_colours, dpi) = match serde_json::from_str(&line) {
        Ok(Head::Image { width, height, has_colours, dpi }) => (width, height, has_colours, dpi),
        Ok(Head::Broken { reason }) => return Err(Unread::Broken(reason)),
        Err(_) => return Err(Unread::CutOff),
    };
    check_size(width, height).map_err(Unread::Broken)?;
    let samples = u64::from(width) * u64::from(height) * if has_colours { 3 } else { 1 };
    let mut pixels = Vec::new();
    answer.take(samples).read_to_end(&mut pixels).map_err(cut_off)?;
    let pixels = if has_colours {
        RgbImage::from_raw(width, height, pixels).map(DynamicImage::ImageRgb8)
    } else {
        GrayImage::from_raw(width, height, pixels).map(DynamicImage::ImageLuma8)
    };
    Ok(PageImage { pixels: pixels.ok_or(Unread::CutOff)?, dpi })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn program(script: &str) -> ImageProgram {
        let arguments = ["-c", script].map(OsString::from).to_vec();
        ImageProgram { program: "/bin/sh".into(), arguments, time: Duration::from_secs(60) }
    }

    fn said(script: &str) -> Result<PageImage, PageError> {
        program(script).image(Path::new("book.pdf"), 7, Resolution::Native)
    }

    #[test]
    fn an_answer_is_believed_as_far_as_it_goes() {
        let head = r#"{"Image":{"width":2,"height":1,"has_colours":true,"dpi":300.0}}"#;
        let image = said(&format!("echo '{head}'; printf abcdef")).unwrap();
        assert_eq!(image.pixels.to_rgb8().as_raw(), b"abcdef");
        assert_eq!(image.dpi, Some(300.0));
        let reason = |result: Result<PageImage, PageError>| match result {
            Err(PageError::Broken { page: 7, reason }) => reason,
            other => panic!("{other:?}"),
        };
        // What it is given: `sh` takes the file for its own name.
        let told = said(r#"printf '{"Broken":{"reason":"%s %s"}}\n' "$0" "$1""#);
        assert_eq!(reason(told), "book.pdf 7");
        for script in [
            &format!("echo '{head}'; printf abcde") as &str,
            "kill -ABRT $$",
            "true",
            "echo nonsense",
            "head -c 100000 /dev/zero",
        ] {
            assert!(reason(said(script)).contains("more memory or time"), "{script}");
        }
        let huge = r#"{"Image":{"width":60000,"height":60000,"has_colours":false,"dpi":null}}"#;
        assert!(reason(said(&format!("echo '{huge}'"))).contains("60000 x 60000"));
        let endless = ImageProgram { time: Duration::from_millis(50), ..program("exec sleep 100") };
        let late = endless.image(Path::new("book.pdf"), 1, Resolution::Native).unwrap_err();
        assert_eq!(late, PageError::TimedOut { page: 1, seconds: 0 });
        let none = ImageProgram { program: "/nowhere/at/all".into(), ..program("") };
        let system = none.image(Path::new("book.pdf"), 1, Resolution::Native).unwrap_err();
        assert!(matches!(system, PageError::System { page: 1, .. }), "{system}");
    }
}
