//! `cargo measure bench reading`: how fast books are read, and in how much memory.
//!
//! Three bars. Pages a second of the whole pipeline, from the file to the chapters in the local store, beside
//! `pdftotext`, which prints the text layer and no more: medians of runs that take turns, so that whatever else the
//! machine does happens to both. The memory that one long book takes. The memory of a server with many large files
//! queued, beside that of one with few. Linux only: memory is read in `/proc`.

use std::{
    fs::{self, File},
    io::{BufRead as _, BufReader, Write},
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    time::{Duration, Instant},
};

use anyhow::{Context as _, Result, ensure};
use clap::{Args, ValueEnum};

use crate::child::{self, Bounds, End, Ended, memory_kib};

/// The pipeline does so many pages while `pdftotext` does one, at least.
const LEAST_RATIO: f64 = 1.2;
/// A book of 9,000 pages takes no more.
const MOST_MEBIBYTES: u64 = 700;
/// Jobs that a server works on at once, with one more: the shortest queue.
const FEW: usize = 5;
/// Nothing here takes longer or more; a run that does has failed.
const BOUNDS: Bounds = Bounds { time: Duration::from_secs(1800), memory_kib: 16 << 20 };

/// What `bench reading` takes.
#[derive(Debug, Args)]
pub(crate) struct Options {
    /// What to measure; all without it
    #[arg(long, value_enum)]
    only: Vec<Measure>,
    /// A PDF book with a text layer
    #[arg(long, default_value = "../shared/books/pari-users.pdf")]
    book: PathBuf,
    /// The program to measure
    #[arg(long, default_value = "target/release/bookstate")]
    bin: PathBuf,
    /// Runs of each program
    #[arg(long, default_value_t = 5)]
    rounds: usize,
    /// Pages of the long book, which is the book over and over
    #[arg(long, default_value_t = 9000)]
    pages: usize,
    /// Files in the queue
    #[arg(long, default_value_t = 20)]
    queued: usize,
    /// Megabytes of each
    #[arg(long, default_value_t = 100)]
    megabytes: usize,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Measure {
    /// Pages a second
    Speed,
    /// Memory of a long book
    Long,
    /// Memory of a server with large files in its queue
    Queue,
}

/// Measures and writes what was measured.
///
/// # Errors
/// A program is not there or failed, or a bar was missed.
pub(crate) fn run(options: &Options, out: &mut dyn Write) -> Result<()> {
    ensure!(options.bin.exists(), "{}: build it with `cargo build --release`", options.bin.display());
    ensure!(options.book.exists(), "{}: name a book with --book", options.book.display());
    let dir = tempfile::tempdir()?;
    let bench = Bench { options, dir: dir.path(), pages: pages(&options.book)? };
    let wanted = |measure| options.only.is_empty() || options.only.contains(&measure);
    let mut missed = Vec::new();
    if wanted(Measure::Speed) {
        missed.extend(bench.speed(out)?);
    }
    if wanted(Measure::Long) {
        missed.extend(bench.long(out)?);
    }
    if wanted(Measure::Queue) {
        missed.extend(bench.queue(out)?);
    }
    ensure!(missed.is_empty(), "missed: {}", missed.join("; "));
    Ok(())
}

struct Bench<'a> {
    options: &'a Options,
    /// For whatever is made.
    dir: &'a Path,
    /// Of the book.
    pages: usize,
}

impl Bench<'_> {
    fn speed(&self, out: &mut dyn Write) -> Result<Option<String>> {
        let book = &self.options.book;
        let printed = self.dir.join("printed.txt");
        let pdftotext = || {
            let mut command = Command::new("pdftotext");
            command.arg(book).arg(&printed);
            command
        };
        let mutool = || {
            let mut command = Command::new("mutool");
            command.args(["draw", "-q", "-F", "text", "-o"]).arg(&printed).arg(book);
            command
        };
        let (mut ours, mut theirs, mut others) = (Vec::new(), Vec::new(), Vec::new());
        for _ in 0..self.options.rounds.max(1) {
            ours.push(self.process(book)?.time);
            theirs.push(ended(pdftotext())?.context("pdftotext is not installed")?.time);
            others.extend(ended(mutool())?.map(|ended| ended.time));
        }
        let rate = |times: &mut Vec<Duration>| {
            times.sort_unstable();
            times.get(times.len() / 2).map(|median| self.pages as f64 / median.as_secs_f64())
        };
        let (ours, theirs) = (rate(&mut ours).context("a run")?, rate(&mut theirs).context("a run")?);
        let ratio = ours / theirs;
        writeln!(out, "{:>6} pages, {} rounds", self.pages, self.options.rounds)?;
        writeln!(out, "{:24} {ours:>8.0} pages/s, {ratio:.2} × pdftotext (bar: {LEAST_RATIO})", "bookstate")?;
        writeln!(out, "{:24} {theirs:>8.0} pages/s", "pdftotext")?;
        match rate(&mut others) {
            Some(others) => writeln!(out, "{:24} {others:>8.0} pages/s", "mutool draw -F text")?,
            None => writeln!(out, "{:24} is not installed", "mutool draw -F text")?,
        }
        Ok((ratio < LEAST_RATIO).then(|| format!("{ratio:.2} × pdftotext")))
    }

    fn long(&self, out: &mut dyn Write) -> Result<Option<String>> {
        let long = self.dir.join("long.pdf");
        let mut qpdf = Command::new("qpdf");
        qpdf.args(["--empty", "--pages"]);
        for _ in 0..self.options.pages / self.pages {
            qpdf.arg(&self.options.book).arg("1-z");
        }
        if !self.options.pages.is_multiple_of(self.pages) {
            qpdf.arg(&self.options.book).arg(format!("1-{}", self.options.pages % self.pages));
        }
        made(qpdf.arg("--").arg(&long))?;
        let ended = self.process(&long)?;
        let mebibytes = ended.memory_kib / 1024;
        writeln!(
            out,
            "{:>6} pages in {:.0} s and {mebibytes} MiB (bar: {MOST_MEBIBYTES})",
            self.options.pages,
            ended.time.as_secs_f64()
        )?;
        Ok((mebibytes > MOST_MEBIBYTES).then(|| format!("{mebibytes} MiB for a long book")))
    }

    fn queue(&self, out: &mut dyn Write) -> Result<Option<String>> {
        let few = self.queue_of(FEW.min(self.options.queued), out)?;
        let many = self.queue_of(self.options.queued, out)?;
        // What one file takes may fall otherwise in each run; what is held by each queued job may not.
        let most = few + 2 * self.options.megabytes as u64;
        writeln!(out, "bar: {most} MiB")?;
        Ok((many > most).then(|| format!("{many} MiB with {} files queued", self.options.queued)))
    }

    /// The memory of a server that is sent so many large files, in MiB.
    fn queue_of(&self, files: usize, out: &mut dyn Write) -> Result<u64> {
        let (data, books) = (self.dir.join(format!("data-{files}")), self.dir.join(format!("books-{files}")));
        fs::create_dir_all(&books)?;
        let mut server = Server::start(&self.options.bin, &data)?;
        let mut process = Command::new(&self.options.bin);
        process.args(["process", "--quiet", "--server", &server.url]);
        for number in 0..files {
            process.arg(self.large(&books, number)?);
        }
        let ended = ended(process)?.context("bookstate")?;
        let memory = memory_kib(server.child.id()) / 1024;
        server.child.kill()?;
        writeln!(
            out,
            "{files:>6} files of {} MB at a server: {memory} MiB, {:.0} s",
            self.options.megabytes,
            ended.time.as_secs_f64()
        )?;
        fs::remove_dir_all(data)?;
        fs::remove_dir_all(books)?;
        Ok(memory)
    }

    /// The book with so many megabytes attached to it, other ones for each number.
    fn large(&self, dir: &Path, number: usize) -> Result<PathBuf> {
        let (attached, large) = (dir.join("attached"), dir.join(format!("{number}.pdf")));
        let mut state = number as u64 + 1;
        let mut noise = Vec::with_capacity(self.options.megabytes * 1_000_000);
        while noise.len() < self.options.megabytes * 1_000_000 {
            // Of a generator (xorshift): what repeats would be compressed.
            state ^= state << 13;
            state ^= state >> 7;
            state ^= state << 17;
            noise.extend(state.to_le_bytes());
        }
        File::create(&attached)?.write_all(&noise)?;
        let mut qpdf = Command::new("qpdf");
        made(qpdf.arg(&self.options.book).arg("--add-attachment").arg(&attached).arg("--").arg(&large))?;
        Ok(large)
    }

    /// Has a book processed in a data directory of its own.
    fn process(&self, book: &Path) -> Result<Ended> {
        let data = tempfile::tempdir_in(self.dir)?;
        let mut process = Command::new(&self.options.bin);
        process.args(["process", "--quiet", "--data-dir"]).arg(data.path()).arg(book);
        ended(process)?.context("bookstate")
    }
}

/// Runs a program; `None` when there is none.
///
/// # Errors
/// It failed, or went beyond all bounds.
fn ended(mut command: Command) -> Result<Option<Ended>> {
    command.stdin(Stdio::null()).stdout(Stdio::null());
    let begun = Instant::now();
    let mut child = match command.spawn() {
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(None),
        child => child?,
    };
    let ended = child::watch(&mut child, begun, BOUNDS)?;
    let success = matches!(ended.end, End::Itself(status) if status.success());
    ensure!(success, "{command:?}: {:?}", ended.end);
    Ok(Some(ended))
}

/// Runs qpdf, which may warn.
fn made(qpdf: &mut Command) -> Result<()> {
    let status = qpdf.stderr(Stdio::null()).status().context("qpdf is not installed")?;
    ensure!(matches!(status.code(), Some(0 | 3)), "{qpdf:?}: {status}");
    Ok(())
}

/// How many pages a PDF file has.
fn pages(book: &Path) -> Result<usize> {
    let said =
        Command::new("qpdf").arg("--show-npages").arg(book).output().context("qpdf is not installed")?;
    let text = String::from_utf8_lossy(&said.stdout);
    text.trim().parse().with_context(|| format!("the pages of {}", book.display()))
}

/// A server that ends with this.
struct Server {
    child: Child,
    url: String,
}

impl Server {
    fn start(bin: &Path, data: &Path) -> Result<Self> {
        let mut command = Command::new(bin);
        command.args(["serve", "--json", "--bind", "127.0.0.1:0", "--data-dir"]).arg(data);
        let mut child = command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::null()).spawn()?;
        let stdout = child.stdout.take().context("the server's output")?;
        let mut server = Self { child, url: String::new() };
        let mut line = String::new();
        BufReader::new(stdout).read_line(&mut line)?;
        let said: serde_json::Value =
            serde_json::from_str(&line).context("the server says where it listens")?;
        said["listening"].as_str().context("where the server listens")?.clone_into(&mut server.url);
        Ok(server)
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        // Where it has ended already there is nothing to end.
        drop(self.child.kill());
        drop(self.child.wait());
    }
}
