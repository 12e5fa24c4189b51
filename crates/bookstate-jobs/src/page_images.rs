//! Images of pages for people to look at: made when they are asked for, and kept so that none is made twice.
//!
//! They are JPEG files in one folder of the data directory, named after the book's file, how its images are split into
//! pages, the page, the width, the turn and a version, so that a name never means two images. What is kept is a copy and
//! no part of a book: all of it may be deleted at any time. It is bounded in bytes; the oldest goes first. A file that is
//! not whole is made anew.
//!
//! All of this blocks. Not here: who may have how many images made at once.

use std::{
    fs, io,
    io::Write,
    path::{Path, PathBuf},
    sync::atomic::{AtomicU64, Ordering},
    time::SystemTime,
};

use bookstate_domain::BookId;
use bookstate_scans::{
    InputError, PageError,
    images::{ImageProgram, PageImages, Resolution},
    input::Form,
    spreads::Spreads,
    tesseract::turned,
};
use bookstate_store::fs::private;
use parking_lot::Mutex;
use sha2::{Digest, Sha256};

/// The version of what is made of a page: another one is another image.
const FORMAT: u32 = 1;

/// The widths that an image can have, in pixels.
pub const WIDTHS: std::ops::RangeInclusive<u32> = 16..=3000;

/// A page is no higher than this, in pixels, however narrow it is.
const MOST_HEIGHT: u32 = 4500;

/// With what a JPEG file begins and ends.
const BEGINS: [u8; 2] = [0xff, 0xd8];
const ENDS: [u8; 2] = [0xff, 0xd9];

/// By how much an image is turned, clockwise, before it is shown.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Turn {
    /// Not at all.
    #[default]
    None,
    /// By 90 degrees.
    Right,
    /// By 180 degrees.
    Over,
    /// By 270 degrees.
    Left,
}

impl Turn {
    /// The turn by so many degrees; `None`: a page is never turned by that.
    #[must_use]
    pub const fn of_degrees(degrees: u16) -> Option<Self> {
        match degrees {
            0 => Some(Self::None),
            90 => Some(Self::Right),
            180 => Some(Self::Over),
            270 => Some(Self::Left),
            _ => None,
        }
    }

    const fn degrees(self) -> u16 {
        match self {
            Self::None => 0,
            Self::Right => 90,
            Self::Over => 180,
            Self::Left => 270,
        }
    }
}

/// Which image.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ImageName {
    copy: PathBuf,
    page: u32,
    width: u32,
    turn: Turn,
    name: String,
}

impl ImageName {
    /// The image of a page of the book whose file's copy is `copy`, turned, then no wider than `width`, which is taken
    /// into [`WIDTHS`]. `None`: the copy's name is none that we gave. Blocks.
    #[must_use]
    pub fn new(copy: &Path, page: u32, width: u32, turn: Turn) -> Option<Self> {
        let hash = copy.file_stem()?.to_str()?;
        let width = width.clamp(*WIDTHS.start(), *WIDTHS.end());
        let turned = if turn == Turn::None { String::new() } else { format!("r{}", turn.degrees()) };
        let name = format!("{hash}{}-{page}-{width}{turned}-{FORMAT}", split(copy));
        Some(Self { copy: copy.into(), page, width, turn, name })
    }

    /// The copy of the book's file.
    #[must_use]
    pub fn copy(&self) -> &Path {
        &self.copy
    }

    /// A name that no other image ever has.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.name
    }
}

/// How the images of a file are split into pages, as a part of a name: with or without that a page is another one.
fn split(copy: &Path) -> String {
    let Some(spreads) = Spreads::kept(copy) else { return String::new() };
    // It was JSON before.
    let digest = Sha256::digest(serde_json::to_vec(&spreads).unwrap_or_default());
    let digits: String = digest.iter().take(4).map(|byte| format!("{byte:02x}")).collect();
    format!("-{digits}")
}

/// Whether a copy of a book's file has page images, or pages that can be drawn.
#[must_use]
pub fn has_images(copy: &Path) -> bool {
    let form = Form::of_file(copy);
    form.is_ok_and(|form| form.is_some() || copy.extension().is_some_and(|kind| kind == "pdf"))
}

/// Why there is no image.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ImageError {
    /// The book's file cannot be opened. It is the same the next time.
    #[error(transparent)]
    Input(#[from] InputError),
    /// The page's image cannot be made. It is the same the next time, unless the system was to blame.
    #[error(transparent)]
    Page(#[from] PageError),
}

/// See the module documentation.
#[derive(Debug)]
pub struct PageImageCache {
    dir: PathBuf,
    program: Option<ImageProgram>,
    most_bytes: u64,
    /// How many bytes are kept; none: not looked at yet.
    bytes: Mutex<Option<u64>>,
    temporary: AtomicU64,
}

impl PageImageCache {
    /// Images of a data directory's books: made by `program`, in a process of its own, where one is given; of those
    /// that are kept, `most_bytes`.
    #[must_use]
    pub fn new(data_dir: &Path, program: Option<ImageProgram>, most_bytes: u64) -> Self {
        let dir = images_dir(data_dir);
        Self { dir, program, most_bytes, bytes: Mutex::new(None), temporary: AtomicU64::new(0) }
    }

    /// By what images are made, where it is not this process.
    #[must_use]
    pub const fn program(&self) -> Option<&ImageProgram> {
        self.program.as_ref()
    }

    /// An image that is kept.
    #[must_use]
    pub fn kept(&self, image: &ImageName) -> Option<Vec<u8>> {
        let path = self.path(image);
        // A link leads to somebody else's file.
        fs::symlink_metadata(&path).ok().filter(fs::Metadata::is_file)?;
        let bytes = fs::read(&path).ok()?;
        (bytes.starts_with(&BEGINS) && bytes.ends_with(&ENDS)).then_some(bytes)
    }

    /// Makes an image.
    ///
    /// # Errors
    /// It cannot be made.
    pub fn make(&self, image: &ImageName) -> Result<Vec<u8>, ImageError> {
        let size = match image.turn {
            Turn::None | Turn::Over => Resolution::Within { width: image.width, height: MOST_HEIGHT },
            Turn::Right | Turn::Left => Resolution::Within { width: MOST_HEIGHT, height: image.width },
        };
        let mut made = match &self.program {
            Some(program) => program.image(&image.copy, image.page, size)?,
            None => PageImages::open(&image.copy)?.image(image.page, size)?,
        };
        let broken = |reason| PageError::Broken { page: image.page, reason };
        if image.turn != Turn::None {
            made.pixels = turned(&made.pixels, image.turn.degrees());
        }
        Ok(made.jpeg().map_err(broken)?)
    }

    fn path(&self, image: &ImageName) -> PathBuf {
        self.dir.join(format!("{}.jpg", image.name))
    }

    /// Keeps an image that was made.
    ///
    /// # Errors
    /// The operating system's. Nothing is lost by it: the image is made again.
    pub fn keep(&self, image: &ImageName, bytes: &[u8]) -> io::Result<()> {
        match private::create_dir(&self.dir) {
            Err(error) if error.kind() != io::ErrorKind::AlreadyExists => return Err(error),
            _ => {}
        }
        let number = self.temporary.fetch_add(1, Ordering::Relaxed);
        let temporary = self.dir.join(format!("{}.{number}.new", image.name));
        let path = self.path(image);
        let written = private::create_temporary(&temporary).and_then(|mut file| {
            file.write_all(bytes)?;
            fs::rename(&temporary, &path)
        });
        if written.is_err() {
            // The error that matters is the one before.
            drop(gone(&temporary));
        }
        written?;
        if !image.copy.exists() {
            // The book was removed meanwhile: see `remove`.
            return gone(&path);
        }
        self.count(&path, bytes.len() as u64)
    }

    /// Counts the newest file, and removes the oldest when it is too much: a quarter, so that not every image that is
    /// kept has to look at all others.
    fn count(&self, newest: &Path, more: u64) -> io::Result<()> {
        let mut bytes = self.bytes.lock();
        let kept = bytes.map_or(u64::MAX, |bytes| bytes.saturating_add(more));
        if kept > self.most_bytes {
            let mut files = files_in(&self.dir)?;
            let all: u64 = files.iter().map(|file| file.bytes).sum();
            files.sort_by_key(|file| file.made);
            let least = if all > self.most_bytes { self.most_bytes / 4 * 3 } else { all };
            let mut left = all;
            for file in files.iter().filter(|file| file.path != newest) {
                if left <= least {
                    break;
                }
                gone(&file.path)?;
                left = left.saturating_sub(file.bytes);
            }
            *bytes = Some(left);
        } else {
            *bytes = Some(kept);
        }
        Ok(())
    }
}

/// A file that is kept.
struct Kept {
    path: PathBuf,
    bytes: u64,
    made: SystemTime,
}

fn files_in(dir: &Path) -> io::Result<Vec<Kept>> {
    let mut files = Vec::new();
    for entry in fs::read_dir(dir)? {
        let entry = entry?;
        // One that has gone meanwhile is not there.
        let Ok(about) = entry.metadata() else { continue };
        let made = about.modified().unwrap_or(SystemTime::UNIX_EPOCH);
        files.push(Kept { path: entry.path(), bytes: about.len(), made });
    }
    Ok(files)
}

fn images_dir(data_dir: &Path) -> PathBuf {
    data_dir.join("page-images")
}

/// Removes the images of a book's pages. One that is being made is removed by its maker, once the copy of the book's
/// file has gone: so this is called again after that.
pub(crate) fn remove(data_dir: &Path, book_id: &BookId) -> io::Result<()> {
    let Some(prefix) = book_id.as_str().strip_prefix("b-") else { return Ok(()) };
    let files = match fs::read_dir(images_dir(data_dir)) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(()),
        files => files?,
    };
    for file in files {
        let file = file?;
        if file.file_name().to_str().is_some_and(|name| name.starts_with(prefix)) {
            gone(&file.path())?;
        }
    }
    Ok(())
}

/// Removes a file, if it is there.
fn gone(path: &Path) -> io::Result<()> {
    match fs::remove_file(path) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
        _ => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use std::{ffi::OsString, os::unix::fs::PermissionsExt, time::Duration};

    use super::*;

    const HASH: &str = "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef";

    /// A data directory with the copy of a file that nobody looks at, and a program that makes images of one grey
    /// pixel and writes down each.
    struct Place {
        dir: tempfile::TempDir,
        copy: PathBuf,
    }

    impl Place {
        fn new() -> Self {
            let dir = tempfile::tempdir().unwrap();
            let copy = crate::sources_dir(dir.path()).join(format!("{HASH}.pdf"));
            fs::create_dir(copy.parent().unwrap()).unwrap();
            fs::write(&copy, "%PDF-").unwrap();
            Self { dir, copy }
        }

        fn cache(&self, also: &str, most_bytes: u64) -> PageImageCache {
            let head = r#"{"Image":{"width":1,"height":1,"has_colours":false,"dpi":null}}"#;
            let made = self.dir.path().join("made");
            let script = format!("echo \"$1 $2\" >> {}; {also} echo '{head}'; printf x", made.display());
            let arguments = ["-c", &script].map(OsString::from).to_vec();
            let program =
                ImageProgram { program: "/bin/sh".into(), arguments, time: Duration::from_secs(60) };
            PageImageCache::new(self.dir.path(), Some(program), most_bytes)
        }

        fn name(&self, page: u32, width: u32) -> ImageName {
            ImageName::new(&self.copy, page, width, Turn::None).unwrap()
        }

        fn kept(&self) -> Vec<String> {
            let files = fs::read_dir(images_dir(self.dir.path())).into_iter().flatten();
            let mut names: Vec<String> =
                files.map(|file| file.unwrap().file_name().into_string().unwrap()).collect();
            names.sort();
            names
        }
    }

    impl PageImageCache {
        fn make_and_keep(&self, image: &ImageName) -> Vec<u8> {
            let bytes = self.make(image).unwrap();
            self.keep(image, &bytes).unwrap();
            bytes
        }
    }

    #[test]
    fn an_image_that_is_kept_is_whole_and_its_owners_alone() {
        let place = Place::new();
        let (cache, image) = (place.cache("", 1 << 20), place.name(3, 200));
        assert_eq!(cache.kept(&image), None);
        let bytes = cache.make_and_keep(&image);
        assert_eq!(cache.kept(&image).unwrap(), bytes);
        assert_eq!(place.kept(), [format!("{HASH}-3-200-1.jpg")]);
        let asked = fs::read_to_string(place.dir.path().join("made")).unwrap();
        assert_eq!(asked, "3 {\"Within\":{\"width\":200,\"height\":4500}}\n");
        let mode = |path: &Path| fs::metadata(path).unwrap().permissions().mode() & 0o777;
        let path = cache.path(&image);
        assert_eq!((mode(&cache.dir), mode(&path)), (0o700, 0o600));
        fs::write(&path, &bytes[..bytes.len() - 1]).unwrap();
        assert_eq!(cache.kept(&image), None, "what a power loss left");
        fs::remove_file(&path).unwrap();
        fs::write(place.dir.path().join("secret"), &bytes).unwrap();
        std::os::unix::fs::symlink(place.dir.path().join("secret"), &path).unwrap();
        assert_eq!(cache.kept(&image), None, "a link is not followed");
    }

    #[test]
    fn a_width_is_one_that_a_page_can_have() {
        let place = Place::new();
        let names = [0, 16, 3000, u32::MAX].map(|width| place.name(1, width).as_str().to_owned());
        assert_eq!(names, [16, 16, 3000, 3000].map(|width| format!("{HASH}-1-{width}-1")));
    }

    #[test]
    fn a_page_of_a_book_that_is_split_is_another_image() {
        let place = Place::new();
        let whole = place.name(1, 16);
        let mut names = vec![whole.as_str().to_owned()];
        for images in ["[1]", "[1,2]"] {
            let spreads = format!("{{\"images\":{images}}}");
            serde_json::from_str::<Spreads>(&spreads).unwrap().keep(&place.copy).unwrap();
            names.push(place.name(1, 16).as_str().to_owned());
        }
        names.dedup();
        assert_eq!(names.len(), 3, "{names:?}");
        assert!(names.iter().all(|name| name.starts_with(HASH) && name.ends_with("-1-16-1")), "{names:?}");
    }

    #[test]
    fn what_is_kept_is_bounded_and_the_oldest_goes_first() {
        let place = Place::new();
        let one = place.cache("", u64::MAX).make_and_keep(&place.name(1, 16)).len() as u64;
        // Another process goes on with what is there.
        let cache = place.cache("", 4 * one);
        for page in 2..=20 {
            let image = place.name(page, 16);
            cache.make_and_keep(&image);
            assert!(place.kept().len() <= 4, "{:?}", place.kept());
            assert!(cache.kept(&image).is_some(), "the newest is there");
            // The clock of a file system may be coarse.
            let made = SystemTime::UNIX_EPOCH + Duration::from_secs(page.into());
            fs::File::open(cache.path(&image)).unwrap().set_modified(made).unwrap();
        }
        let is_kept = |page: &u32| cache.kept(&place.name(*page, 16)).is_some();
        let kept: Vec<u32> = (1..=20).filter(is_kept).collect();
        assert!(kept.ends_with(&[18, 19, 20]) && kept.len() <= 4, "{kept:?}");
    }

    #[test]
    fn nothing_is_left_of_a_book_that_is_removed_also_while_an_image_is_made() {
        let place = Place::new();
        let book = BookId::new(&format!("b-{}", &HASH[..16])).unwrap();
        let cache = place.cache("", 1 << 20);
        cache.make_and_keep(&place.name(1, 16));
        let other = place.dir.path().join("page-images/ffff-1-16-1.jpg");
        fs::write(&other, "another book's").unwrap();
        crate::remove_copy(place.dir.path(), &book).unwrap();
        assert_eq!(place.kept(), ["ffff-1-16-1.jpg"]);
        // Removed while the image is made.
        let gone = Place::new();
        let cache = gone.cache("rm \"$0\";", 1 << 20);
        cache.make_and_keep(&gone.name(1, 16));
        assert!(gone.kept().is_empty() && !gone.copy.exists());
    }
}
