//! Taking scans in: which files make a book, in which order, and the one file that is kept of them.
//!
//! Invariants: what a file is, is decided by its first bytes, not by its name; the pages of a folder are in the
//! natural order of their names; a book's identity is the hash of what its pages hold, in order, so that the same
//! photographs under other names or in another folder are the same book. The copy of a folder is a ZIP archive
//! (a CBZ), written page by page and never held in memory.

mod container;
mod order;

use std::{
    fs::{self, File},
    io::{self, BufReader, Read},
    path::{Path, PathBuf},
};

use sha2::{Digest, Sha256};

pub use self::order::natural;
use crate::{InputError, codec::Codec};
pub use container::{FRAMES_ENTRY, write};

/// How many first bytes of a file say what it is.
const HEAD: usize = 64;

/// What a file with page images is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Form {
    /// One image; a TIFF may hold several pages.
    Image(Codec),
    /// A ZIP archive of images, as comic books are.
    Archive,
    /// A DjVu file.
    Djvu,
}

impl Form {
    /// The ending of a file name that such a file is given.
    #[must_use]
    pub const fn extension(self) -> &'static str {
        match self {
            Self::Image(codec) => codec.extension(),
            Self::Archive => "cbz",
            Self::Djvu => "djvu",
        }
    }

    /// What the file at `path` is; `None`: no page images.
    ///
    /// # Errors
    /// It cannot be read.
    pub fn of_file(path: &Path) -> io::Result<Option<Self>> {
        head(path).map(|head| Self::of(&head))
    }

    /// What the first bytes of a file say; `None`: no page images.
    #[must_use]
    pub fn of(head: &[u8]) -> Option<Self> {
        if let Some(codec) = Codec::of(head) {
            Some(Self::Image(codec))
        } else if head.starts_with(b"PK\x03\x04") && !is_epub(head) {
            Some(Self::Archive)
        } else if head.starts_with(b"AT&TFORM") {
            Some(Self::Djvu)
        } else {
            None
        }
    }
}

/// An EPUB says what it is in its first entry, uncompressed; not every program that makes one keeps to that, but an
/// archive that begins with an EPUB's own folder is one all the same.
fn is_epub(head: &[u8]) -> bool {
    let has = |word: &[u8]| head.windows(word.len()).any(|part| part == word);
    has(b"application/epub+zip") || has(b"META-INF/")
}

/// A scanned book as it was given.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Scan {
    /// How it is named in messages.
    pub path: PathBuf,
    /// What it is made of.
    pub parts: Parts,
}

/// What a scanned book is made of.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Parts {
    /// One file.
    File(Form),
    /// Images, each a file, in the order of the pages.
    Images(Vec<PathBuf>),
}

impl Scan {
    /// The scan at `path`: a folder, a pattern with `*` or `?` in its last part, or a file. `None`: what is there is
    /// no scan, or nothing is there.
    ///
    /// # Errors
    /// A folder or pattern without images, or what cannot be read.
    pub fn find(path: &Path) -> Result<Option<Self>, InputError> {
        if path.is_dir() {
            let images = images_in(path, |_| true)?;
            return Self::of_images(path, images).map(Some);
        }
        if path.is_file() {
            let form = Form::of_file(path).map_err(|error| unreadable(path, &error))?;
            return Ok(form.map(|form| Self { path: path.into(), parts: Parts::File(form) }));
        }
        let pattern = path.file_name().and_then(|name| name.to_str()).unwrap_or_default();
        let folder = match path.parent() {
            Some(parent) if !parent.as_os_str().is_empty() => parent,
            _ => Path::new("."),
        };
        if pattern.contains(['*', '?']) && folder.is_dir() {
            let images = images_in(folder, |name| matches(pattern, name))?;
            return Self::of_images(path, images).map(Some);
        }
        Ok(None)
    }

    /// The scan whose pages are these files, in the natural order of their names.
    ///
    /// # Errors
    /// There is none.
    pub fn of_images(path: &Path, mut images: Vec<PathBuf>) -> Result<Self, InputError> {
        images.sort_by(|a, b| natural(&a.to_string_lossy(), &b.to_string_lossy()));
        if images.is_empty() {
            return Err(InputError::NoImages { path: path.into() });
        }
        Ok(Self { path: path.into(), parts: Parts::Images(images) })
    }

    /// What the kept copy is.
    #[must_use]
    pub const fn form(&self) -> Form {
        match self.parts {
            Parts::File(form) => form,
            Parts::Images(_) => Form::Archive,
        }
    }

    /// The hash that the book is known by, 64 hexadecimal digits: of the file's bytes, or of the list of the images'
    /// hashes. Reads every file once, a piece at a time.
    ///
    /// # Errors
    /// A file cannot be read.
    pub fn identity(&self) -> Result<String, InputError> {
        match &self.parts {
            Parts::File(_) => hash(&self.path),
            Parts::Images(images) => {
                let mut manifest = String::from("page images\n");
                for image in images {
                    manifest.push_str(&hash(image)?);
                    manifest.push('\n');
                }
                Ok(hex(&Sha256::digest(manifest.as_bytes())))
            }
        }
    }
}

/// The image files directly in a folder whose names are wanted; hidden ones are no pages.
fn images_in(folder: &Path, wanted: impl Fn(&str) -> bool) -> Result<Vec<PathBuf>, InputError> {
    let mut images = Vec::new();
    for entry in fs::read_dir(folder).map_err(|error| unreadable(folder, &error))? {
        let path = entry.map_err(|error| unreadable(folder, &error))?.path();
        let Some(name) = path.file_name().and_then(|name| name.to_str()) else { continue };
        if !name.starts_with('.') && wanted(name) && path.is_file() && is_image(&path)? {
            images.push(path);
        }
    }
    Ok(images)
}

/// Whether a name has the shape of a pattern: `*` is any run of characters, `?` any one.
fn matches(pattern: &str, name: &str) -> bool {
    let (pattern, name): (Vec<char>, Vec<char>) = (pattern.chars().collect(), name.chars().collect());
    // Where the last star stands, and how much of the name it has taken so far.
    let (mut p, mut n, mut star) = (0, 0, None);
    while n < name.len() {
        match pattern.get(p) {
            Some('*') => {
                star = Some((p, n));
                p += 1;
            }
            Some(c) if *c == '?' || Some(c) == name.get(n) => {
                p += 1;
                n += 1;
            }
            _ => match star {
                Some((at, taken)) => {
                    star = Some((at, taken + 1));
                    p = at + 1;
                    n = taken + 1;
                }
                None => return false,
            },
        }
    }
    pattern.iter().skip(p).all(|c| *c == '*')
}

fn is_image(path: &Path) -> Result<bool, InputError> {
    head(path).map(|head| Codec::of(&head).is_some()).map_err(|error| unreadable(path, &error))
}

fn head(path: &Path) -> io::Result<Vec<u8>> {
    let mut head = Vec::with_capacity(HEAD);
    File::open(path)?.take(HEAD as u64).read_to_end(&mut head)?;
    Ok(head)
}

fn hash(path: &Path) -> Result<String, InputError> {
    let file = File::open(path).map_err(|error| unreadable(path, &error))?;
    let mut reader = BufReader::with_capacity(1 << 16, file);
    let mut hasher = Sha256::new();
    let mut piece = vec![0; 1 << 16];
    loop {
        let read = reader.read(&mut piece).map_err(|error| unreadable(path, &error))?;
        match piece.get(..read) {
            Some(bytes) if read > 0 => hasher.update(bytes),
            _ => return Ok(hex(&hasher.finalize())),
        }
    }
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

fn unreadable(path: &Path, error: &io::Error) -> InputError {
    match error.kind() {
        io::ErrorKind::NotFound => InputError::Missing { path: path.into() },
        _ => InputError::Unreadable { path: path.into(), reason: error.to_string() },
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_pattern_matches_as_a_shell_would() {
        for (pattern, name, expected) in [
            ("*.png", "a.png", true),
            ("*.png", "a.jpg", false),
            ("p?.png", "p1.png", true),
            ("p?.png", "p10.png", false),
            ("*1*2*", "a1b2c", true),
            ("*1*2*", "a2b1c", false),
            ("*", "", true),
        ] {
            assert_eq!(matches(pattern, name), expected, "{pattern} {name}");
        }
    }

    #[test]
    fn a_folder_is_known_by_what_its_pages_hold() {
        let folder = tempfile::tempdir().unwrap();
        let (a, b) = (folder.path().join("a"), folder.path().join("b"));
        for (dir, names) in [(&a, ["2.png", "10.png"]), (&b, ["left.png", "right.png"])] {
            fs::create_dir(dir).unwrap();
            fs::write(dir.join(names[0]), b"\x89PNG\r\n\x1a\none").unwrap();
            fs::write(dir.join(names[1]), b"\x89PNG\r\n\x1a\ntwo").unwrap();
            fs::write(dir.join("notes.txt"), b"no page").unwrap();
        }
        let identity = |path: &Path| Scan::find(path).unwrap().unwrap().identity().unwrap();
        assert_eq!(identity(&a), identity(&b));
        assert_eq!(identity(&a), identity(&a.join("*.png")));
        fs::rename(a.join("10.png"), a.join("1.png")).unwrap();
        assert_ne!(identity(&a), identity(&b), "the order of the pages is part of the book");
        fs::create_dir(folder.path().join("empty")).unwrap();
        let empty = Scan::find(&folder.path().join("empty")).unwrap_err();
        assert!(matches!(empty, InputError::NoImages { .. }), "{empty}");
    }

    #[test]
    fn a_copy_is_its_owners_alone_and_nothing_is_left_of_a_failure() {
        use std::os::unix::fs::PermissionsExt;
        let place = tempfile::tempdir().unwrap();
        let images = place.path().join("images");
        fs::create_dir(&images).unwrap();
        fs::write(images.join("1.png"), b"\x89PNG\r\n\x1a\none").unwrap();
        let scan = Scan::find(&images).unwrap().unwrap();
        let dir = place.path().join("data/sources");
        write(&scan, &dir.join("copy.cbz")).unwrap();
        for (path, mode) in [(dir.clone(), 0o700), (dir.join("copy.cbz"), 0o600)] {
            assert_eq!(fs::metadata(&path).unwrap().permissions().mode() & 0o777, mode, "{}", path.display());
        }
        fs::remove_file(images.join("1.png")).unwrap();
        write(&scan, &dir.join("second.cbz")).unwrap_err();
        assert_eq!(fs::read_dir(&dir).unwrap().count(), 1);
    }
}
