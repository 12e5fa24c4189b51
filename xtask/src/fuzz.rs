//! `cargo xtask fuzz --minutes M`: files of books that were changed at random, against every source.
//!
//! Each input is read by a process of its own, which is ended when it takes more time or memory than a file of its size
//! may: a panic, an overflow of the stack and a run without end are seen alike. The same seed gives the same inputs.
//! What was found is kept in `target/fuzz`, to become a test.

use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result};
use bookstate_reading::source::Source;

use crate::child::{self, Bounds, End};
use crate::conservation::{account, books_in};

/// What `fuzz` takes.
#[derive(Debug, clap::Args)]
pub(crate) struct Options {
    /// How long to go on
    #[arg(long, default_value_t = 5)]
    minutes: u64,
    /// Which inputs; printed, and another one each time when it is not given
    #[arg(long)]
    seed: Option<u64>,
    /// Files to change, or folders of them
    #[arg(value_name = "DIR", default_values = ["../shared/cases", "../shared/faults", "crates/bookstate-reading/tests"])]
    places: Vec<PathBuf>,
    /// Read one file and say nothing: what each process does
    #[arg(long, hide = true, value_name = "FILE")]
    one: Option<PathBuf>,
}

/// Larger files take too long to say much.
const MOST_BYTES: u64 = 2 << 20;
/// A file of this size or less is read within these bounds, by a build without optimisation.
const BOUNDS: Bounds = Bounds { time: Duration::from_secs(60), memory_kib: 1 << 20 };

/// Changes files and has them read until the time is over.
///
/// # Errors
/// An input was not read within bounds, or there are no files to change.
pub(crate) fn run(options: &Options, out: &mut impl Write) -> Result<()> {
    if let Some(path) = &options.one {
        read(path);
        return Ok(());
    }
    let mut files = Vec::new();
    for place in options.places.iter().filter(|place| place.exists()) {
        books_in(place, &mut files)?;
    }
    files.retain(|path| path.metadata().is_ok_and(|file| file.len() <= MOST_BYTES));
    let files: Vec<(PathBuf, Vec<u8>)> =
        files.into_iter().map(|path| Ok((path.clone(), std::fs::read(&path)?))).collect::<Result<_>>()?;
    anyhow::ensure!(!files.is_empty(), "there is no file to change: give a folder");
    let seed = options.seed.unwrap_or_else(|| {
        let now = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH);
        now.map_or(0, |now| now.as_secs())
    });
    writeln!(out, "seed {seed}, {} files", files.len())?;
    let kept = Path::new("target/fuzz");
    std::fs::create_dir_all(kept)?;
    let until = Instant::now() + Duration::from_secs(60 * options.minutes);
    let (mut inputs, mut found) = (0_u64, Vec::new());
    while Instant::now() < until {
        let mut dice = Dice(seed.wrapping_mul(0x9e37_79b9).wrapping_add(inputs));
        let (name, bytes) = input(&files, &mut dice);
        let ending = name.extension().and_then(|ending| ending.to_str()).unwrap_or("txt");
        let path = kept.join(format!("{seed}-{inputs}.{ending}"));
        std::fs::write(&path, bytes)?;
        match read_apart(&path)? {
            None => std::fs::remove_file(&path)?,
            Some(what) => {
                writeln!(out, "{what}: {} (of {})", path.display(), name.display())?;
                found.push(path);
            }
        }
        inputs += 1;
    }
    writeln!(out, "{inputs} inputs, {} of them not read within bounds", found.len())?;
    anyhow::ensure!(found.is_empty(), "see {}", kept.display());
    Ok(())
}

/// All that is made of a file.
fn read(path: &Path) {
    let Ok(source) = Source::open(path) else { return };
    let wrong = account(&source).wrong();
    // Whether words are lost is asked of whole files; here it must only come to an end.
    std::hint::black_box((wrong, source.info(), source.resources().len()));
}

/// Has a process read a file; what was wrong with it.
fn read_apart(path: &Path) -> Result<Option<String>> {
    let program = std::env::current_exe()?;
    let begun = Instant::now();
    let mut child = Command::new(program)
        .args(["fuzz", "--one"])
        .arg(path)
        .stdout(Stdio::null())
        .stderr(Stdio::piped())
        .spawn()
        .context("cannot run this program again")?;
    let status = match child::watch(&mut child, begun, BOUNDS)?.end {
        End::Itself(status) => status,
        End::TooLong => return Ok(Some("too long".to_owned())),
        End::TooMuchMemory => return Ok(Some("too much memory".to_owned())),
    };
    let mut said = String::new();
    if let Some(mut errors) = child.stderr.take() {
        // A panic has more to say than fits here.
        std::io::Read::read_to_string(&mut errors, &mut said).ok();
    }
    let first = said.lines().find(|line| !line.trim().is_empty()).unwrap_or_default();
    Ok((!status.success()).then(|| format!("{status} {first}")))
}

/// Random numbers that a seed repeats (splitmix64).
struct Dice(u64);

impl Dice {
    fn roll(&mut self, below: usize) -> usize {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        usize::try_from((z ^ (z >> 31)) % (below.max(1) as u64)).unwrap_or(0)
    }

    /// A length of up to `bits` bits, mostly a short one.
    fn length(&mut self, bits: usize) -> usize {
        let bits = self.roll(bits);
        1 + self.roll(1 << bits)
    }
}

/// A file with some changes: bytes, pieces, numbers (of objects, lengths, places), pieces of another file.
fn input<'a>(files: &'a [(PathBuf, Vec<u8>)], dice: &mut Dice) -> (&'a Path, Vec<u8>) {
    let Some((name, original)) = files.get(dice.roll(files.len())) else {
        return (Path::new("none"), Vec::new());
    };
    let mut bytes = original.clone();
    for _ in 0..1 + dice.roll(8) {
        let at = dice.roll(bytes.len());
        let piece = at..(at + dice.length(12)).min(bytes.len());
        match dice.roll(7) {
            0 => {
                let value = dice.roll(256) as u8;
                bytes.get_mut(at).into_iter().for_each(|byte| *byte = value);
            }
            1 => drop(bytes.splice(piece, [])),
            2 => {
                let copy = bytes.get(piece).map(<[u8]>::to_vec).unwrap_or_default();
                let to = dice.roll(bytes.len() + 1);
                let times = dice.length(8);
                bytes.splice(to..to, copy.repeat(times.min((1 << 20) / copy.len().max(1))));
            }
            3 | 4 => change_number(&mut bytes, at, dice),
            5 => {
                let words: [&[u8]; 12] = [
                    b"<<",
                    b">>",
                    b"[",
                    b"endobj",
                    b"stream\n",
                    b"(",
                    b"<",
                    b"&#x",
                    b"\0\0\0\0",
                    b"\xff\xfe",
                    b"```\n",
                    b"\x0c",
                ];
                let word = words.get(dice.roll(words.len())).copied().unwrap_or_default();
                bytes.splice(at..at, word.repeat(dice.length(14)));
            }
            _ => {
                let Some((_, other)) = files.get(dice.roll(files.len())) else { continue };
                let from = dice.roll(other.len());
                let part = other.get(from..(from + dice.roll(4096)).min(other.len())).unwrap_or_default();
                bytes.splice(at..at, part.iter().copied());
            }
        }
    }
    (name, bytes)
}

/// The next number in digits becomes another.
fn change_number(bytes: &mut Vec<u8>, at: usize, dice: &mut Dice) {
    let digit = |byte: &u8| byte.is_ascii_digit();
    let Some(start) = bytes.get(at..).and_then(|rest| rest.iter().position(digit)).map(|i| at + i) else {
        return;
    };
    let end = bytes.get(start..).and_then(|rest| rest.iter().position(|byte| !digit(byte)));
    let end = end.map_or(bytes.len(), |i| start + i);
    let near = dice.roll(64).to_string();
    let numbers: [&str; 9] = [
        "0",
        "1",
        "-1",
        "2147483647",
        "4294967295",
        "9223372036854775807",
        "99999999999999999999",
        "1e9",
        &near,
    ];
    let number = numbers.get(dice.roll(numbers.len())).copied().unwrap_or_default();
    bytes.splice(start..end, number.bytes());
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_seed_gives_the_same_inputs_and_another_one_others() {
        let files = [(PathBuf::from("a.pdf"), b"%PDF-1.4 1 0 obj << /Length 12 >> stream".to_vec())];
        let of = |seed| input(&files, &mut Dice(seed)).1;
        assert!((0..50).all(|seed| of(seed) == of(seed)));
        assert!((0..50).filter(|seed| of(*seed) != files[0].1).count() > 40);
        assert!((0..50).any(|seed| of(seed) != of(seed + 50)));
    }
}
