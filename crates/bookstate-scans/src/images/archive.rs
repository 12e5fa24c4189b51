//! A ZIP archive of page images: a comic book, or the copy that is kept of a folder.

use std::{
    fs::File,
    io::{BufReader, Read, Seek, Write},
    path::Path,
    sync::{Mutex, PoisonError},
};

use zip::ZipArchive;

use super::tiff_file;
use crate::{
    codec::Codec,
    input::{FRAMES_ENTRY, natural},
};

/// The most bytes of one entry.
const MAX_ENTRY: u64 = 1 << 30;

/// See the module documentation. Entries are read one at a time and decoded outside of the lock.
#[derive(Debug)]
pub(super) struct Archive {
    zip: Mutex<ZipArchive<BufReader<File>>>,
    /// Per page the entry, and which of the entry's pages it is.
    pages: Vec<(usize, u32)>,
}

impl Archive {
    pub(super) fn open(path: &Path) -> Result<Self, String> {
        let file = File::open(path).map_err(|error| error.to_string())?;
        let mut zip = ZipArchive::new(BufReader::new(file)).map_err(|error| error.to_string())?;
        let entries = images(&mut zip)?;
        let counted: Vec<u32> = match frames(&mut zip) {
            Some(counted) if counted.len() == entries.len() => counted,
            _ => entries.iter().map(|(n, codec)| count(&mut zip, *n, *codec)).collect::<Result<_, _>>()?,
        };
        let pages =
            entries.iter().zip(counted).flat_map(|((entry, _), n)| (0..n).map(|frame| (*entry, frame)));
        let pages = pages.collect();
        Ok(Self { zip: Mutex::new(zip), pages })
    }

    pub(super) fn page_count(&self) -> u32 {
        u32::try_from(self.pages.len()).unwrap_or(u32::MAX)
    }

    /// The bytes of the image of a page, counted from 0, and which of its pages it is.
    pub(super) fn read(&self, index: u32) -> Result<(Vec<u8>, u32), String> {
        let place = usize::try_from(index).ok().and_then(|index| self.pages.get(index));
        let (entry, frame) = *place.ok_or("it is not in the archive")?;
        // A reader that panicked has left the archive as it was: it is read from the start of an entry each time.
        let mut zip = self.zip.lock().unwrap_or_else(PoisonError::into_inner);
        read(&mut zip, entry, MAX_ENTRY).map(|bytes| (bytes, frame))
    }
}

/// The entries that are images, in natural order.
fn images(zip: &mut ZipArchive<BufReader<File>>) -> Result<Vec<(usize, Codec)>, String> {
    let mut found = Vec::new();
    for entry in 0..zip.len() {
        let mut file = zip.by_index(entry).map_err(|error| error.to_string())?;
        let Ok(name) = file.name().map(|name| name.into_owned()) else { continue };
        let hidden = name.split('/').any(|part| part.starts_with('.') || part == "__MACOSX");
        if hidden || !file.is_file() {
            continue;
        }
        let mut head = Vec::new();
        let read = (&mut file).take(64).read_to_end(&mut head);
        if let (Ok(_), Some(codec)) = (read, Codec::of(&head)) {
            found.push((name, entry, codec));
        }
    }
    found.sort_by(|a, b| natural(&a.0, &b.0));
    Ok(found.into_iter().map(|(_, entry, codec)| (entry, codec)).collect())
}

/// How many pages each image has, where the archive says so.
fn frames(zip: &mut ZipArchive<BufReader<File>>) -> Option<Vec<u32>> {
    let entry = zip.index_for_name(FRAMES_ENTRY)?;
    let text = String::from_utf8(read(zip, entry, 1 << 20).ok()?).ok()?;
    text.lines().map(|line| line.parse().ok().filter(|n| *n > 0)).collect()
}

/// How many pages an image has. It is unpacked to a file without a name: an archive may claim that it is very large. One
/// that cannot be unpacked is a page that cannot be read.
fn count(zip: &mut ZipArchive<BufReader<File>>, entry: usize, codec: Codec) -> Result<u32, String> {
    if codec != Codec::Tiff {
        return Ok(1);
    }
    let Ok(file) = zip.by_index(entry) else { return Ok(1) };
    let mut packed = file.take(MAX_ENTRY);
    let system = |error: std::io::Error| format!("its pages cannot be counted: {error}");
    let mut unpacked = tempfile::tempfile().map_err(system)?;
    let mut piece = vec![0; 1 << 16];
    loop {
        match packed.read(&mut piece) {
            Ok(0) => break,
            Ok(n) => unpacked.write_all(piece.get(..n).unwrap_or_default()).map_err(system)?,
            Err(_) => return Ok(1),
        }
    }
    unpacked.rewind().map_err(system)?;
    Ok(tiff_file::frames(BufReader::new(unpacked)))
}

fn read(zip: &mut ZipArchive<BufReader<File>>, entry: usize, most: u64) -> Result<Vec<u8>, String> {
    let file = zip.by_index(entry).map_err(|error| error.to_string())?;
    let mut bytes = Vec::new();
    file.take(most + 1).read_to_end(&mut bytes).map_err(|error| error.to_string())?;
    if bytes.len() as u64 > most {
        return Err("it unpacks to more than an image can have".to_owned());
    }
    Ok(bytes)
}
