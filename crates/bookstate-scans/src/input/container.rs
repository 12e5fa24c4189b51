//! The one file that is kept of a scan, written once.

use std::{
    fs::File,
    io::{self, BufReader, BufWriter, Write},
    path::Path,
};

use tempfile::NamedTempFile;
use zip::{CompressionMethod, ZipWriter, write::SimpleFileOptions};

use super::{Parts, Scan};
use crate::{InputError, images::tiff_file::frames, private};

/// The entry of our archives that says how many pages each image has, a number per line.
pub const FRAMES_ENTRY: &str = "bookstate-frames.txt";

/// Writes the copy of a scan to `path`, unless it is there: whole or not at all. Images are stored as they are, in
/// order, one after the other.
///
/// # Errors
/// A page cannot be read, or the copy not written.
pub fn write(scan: &Scan, path: &Path) -> Result<(), InputError> {
    if path.exists() {
        return Ok(());
    }
    let failed = |error: &io::Error| InputError::Write { path: path.into(), reason: error.to_string() };
    let dir = path.parent().unwrap_or(Path::new("."));
    private::create_dirs(dir).map_err(|error| failed(&error))?;
    // Gone when it is dropped: what is left of an unfinished copy takes up room on what may be a full disk.
    let (file, temporary) = NamedTempFile::new_in(dir).map_err(|error| failed(&error))?.into_parts();
    let file = match &scan.parts {
        Parts::File(_) => copy(&scan.path, file, path)?,
        Parts::Images(images) => archive(images, file, path)?,
    };
    file.sync_all().map_err(|error| failed(&error))?;
    temporary.persist(path).map_err(|error| failed(&error.error))?;
    File::open(dir).and_then(|dir| dir.sync_all()).map_err(|error| failed(&error))
}

fn copy(from: &Path, mut to: File, path: &Path) -> Result<File, InputError> {
    let mut from_file = File::open(from).map_err(|error| super::unreadable(from, &error))?;
    io::copy(&mut from_file, &mut to)
        .map_err(|error| InputError::Write { path: path.into(), reason: error.to_string() })?;
    Ok(to)
}

fn archive(images: &[std::path::PathBuf], file: File, path: &Path) -> Result<File, InputError> {
    let failed = |reason: String| InputError::Write { path: path.into(), reason };
    let options = SimpleFileOptions::default().compression_method(CompressionMethod::Stored).large_file(true);
    let mut zip = ZipWriter::new(BufWriter::new(file));
    let mut counts = String::new();
    for (n, image) in images.iter().enumerate() {
        let source = File::open(image).map_err(|error| super::unreadable(image, &error))?;
        let pages = frames(BufReader::new(source));
        counts.push_str(&format!("{pages}\n"));
        let ending = image.extension().map(|e| e.to_string_lossy().to_lowercase()).unwrap_or_default();
        zip.start_file(format!("{:06}.{ending}", n + 1), options)
            .map_err(|error| failed(error.to_string()))?;
        let mut source = File::open(image).map_err(|error| super::unreadable(image, &error))?;
        io::copy(&mut source, &mut zip).map_err(|error| failed(error.to_string()))?;
    }
    zip.start_file(FRAMES_ENTRY, options).map_err(|error| failed(error.to_string()))?;
    zip.write_all(counts.as_bytes()).map_err(|error| failed(error.to_string()))?;
    let buffered = zip.finish().map_err(|error| failed(error.to_string()))?;
    buffered.into_inner().map_err(|error| failed(error.to_string()))
}
