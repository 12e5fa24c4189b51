//! The image of any page, from whatever the scan is: page `n` at a resolution.
//!
//! Invariants: the same file gives the same images; page numbers count from 1; an image has at most
//! 150 million pixels and is made within [`LIMIT`]: by a process of its own, where one is given that does it, else on a
//! thread. What panics, or takes for ever, costs its page and nothing else; only a process can be ended.

mod archive;
mod decode;
mod djvu;
mod elsewhere;
mod page_image;
mod pdf;
pub(crate) mod tiff_file;

use std::{
    fs,
    panic::{AssertUnwindSafe, catch_unwind},
    path::{Path, PathBuf},
    sync::{Arc, mpsc},
    time::Duration,
};

use image::imageops::FilterType;
use serde::{Deserialize, Serialize};

pub use self::{
    djvu::LayerWord,
    elsewhere::{ImageProgram, answer},
    page_image::PageImage,
};
pub use crate::codec::Codec;
use crate::{
    InputError, PageError,
    input::Form,
    spreads::pages::{Part, Spreads, half_of},
};

/// How long an image may take.
pub const LIMIT: Duration = Duration::from_secs(60);

/// Decoders recurse deeper in damaged files than the stack of a worker thread allows.
const STACK_BYTES: usize = 64 << 20;

/// What a page whose own resolution is unknown is drawn at, where it is drawn.
pub const DRAWN_DPI: f32 = 300.0;

/// At which resolution an image is wanted.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub enum Resolution {
    /// As it was scanned; what is drawn and not scanned, at [`DRAWN_DPI`].
    Native,
    /// So many dots per inch; an image whose own resolution is unknown stays as it is.
    Dpi(f32),
    /// So many pixels wide, the height in proportion.
    Width(u32),
    /// No wider and no higher than this, in pixels; an image that is smaller stays as it is.
    Within {
        /// The most pixels across.
        width: u32,
        /// The most pixels down.
        height: u32,
    },
}

/// A scan, opened. Cloning is cheap and shares everything.
#[derive(Debug, Clone)]
pub struct PageImages(Arc<Opened>);

#[derive(Debug)]
struct Opened {
    file: Kind,
    images: u32,
    /// Which of its images show two pages.
    spreads: Option<Spreads>,
    path: PathBuf,
    by: Option<ImageProgram>,
}

#[derive(Debug)]
enum Kind {
    Image(Vec<u8>),
    Archive(archive::Archive),
    Djvu(djvu::DjvuFile),
    Pdf(pdf::PdfFile),
}

/// A page image as the scan has it, still encoded.
#[derive(Debug, Clone)]
pub struct Encoded {
    /// How.
    pub codec: Codec,
    /// Its bytes.
    pub bytes: Vec<u8>,
}

impl PageImages {
    /// Opens the file at `path`: an image, an archive of images, a DjVu or a PDF file. Blocks.
    ///
    /// # Errors
    /// It cannot be read, is damaged, or holds no page.
    pub fn open(path: &Path) -> Result<Self, InputError> {
        Self::open_by(path, None)
    }

    /// The same, whose images are made by a program where one is given, in a process of its own. Blocks.
    ///
    /// # Errors
    /// As [`PageImages::open`].
    pub fn open_by(path: &Path, by: Option<ImageProgram>) -> Result<Self, InputError> {
        let unreadable =
            |error: std::io::Error| InputError::Unreadable { path: path.into(), reason: error.to_string() };
        let broken = |reason: String| InputError::Broken { path: path.into(), reason };
        let form = Form::of_file(path).map_err(unreadable)?;
        let whole = || fs::read(path).map_err(unreadable);
        let (file, images) = match form {
            Some(Form::Archive) => {
                let archive = archive::Archive::open(path).map_err(broken)?;
                let images = archive.page_count();
                (Kind::Archive(archive), images)
            }
            Some(Form::Image(codec)) => {
                let bytes = whole()?;
                let images =
                    if codec == Codec::Tiff { tiff_file::frames(std::io::Cursor::new(&bytes)) } else { 1 };
                (Kind::Image(bytes), images)
            }
            Some(Form::Djvu) => {
                let bytes = whole()?;
                let file = guarded(move || djvu::DjvuFile::new(bytes)).map_err(broken)?;
                let images = file.page_count();
                (Kind::Djvu(file), images)
            }
            None => {
                let bytes = whole()?;
                let file = guarded(move || pdf::PdfFile::new(bytes)).map_err(broken)?;
                let images = file.page_count();
                (Kind::Pdf(file), images)
            }
        };
        if images == 0 {
            return Err(InputError::NoImages { path: path.into() });
        }
        let spreads = Spreads::kept(path);
        Ok(Self(Arc::new(Opened { file, images, spreads, path: path.into(), by })))
    }

    /// How many pages there are; never 0. An image of which it is kept that it shows two pages is two.
    #[must_use]
    pub fn page_count(&self) -> u32 {
        let images = self.0.images;
        self.0.spreads.as_ref().map_or(images, |spreads| spreads.page_count(images))
    }

    /// The image of a page. Blocks, up to [`LIMIT`].
    ///
    /// # Errors
    /// There is no such page, or its image cannot be made.
    pub fn image(&self, page: u32, resolution: Resolution) -> Result<PageImage, PageError> {
        if let Some(program) = &self.0.by {
            self.part(page)?;
            return program.image(&self.0.path, page, resolution);
        }
        self.bounded(page, move |opened, part| {
            let Some(half) = part.half else { return opened.image(part.image, resolution) };
            let PageImage { pixels, dpi } = opened.image(part.image, Resolution::Native)?;
            Ok(resized(PageImage { pixels: half_of(&pixels, half), dpi }, resolution))
        })
    }

    /// The words that the scan itself claims for a page, with their places: the hidden text of a DjVu file. A PDF's
    /// text layer is read by `bookstate-reading`.
    ///
    /// # Errors
    /// As [`PageImages::image`].
    pub fn text_layer(&self, page: u32) -> Result<Vec<LayerWord>, PageError> {
        match &self.0.file {
            // The words of two pages are no text of one of them.
            Kind::Djvu(_) => self.bounded(page, |opened, part| match &opened.file {
                Kind::Djvu(file) if part.half.is_none() => file.words(part.image),
                _ => Ok(Vec::new()),
            }),
            _ => self.part(page).map(|_| Vec::new()),
        }
    }

    /// The image of a page as it is stored, where it is stored as one image that a PDF can hold as it is.
    ///
    /// # Errors
    /// There is no such page, or it cannot be read.
    pub fn encoded(&self, page: u32) -> Result<Option<Encoded>, PageError> {
        let Part { image, half: None } = self.part(page)? else { return Ok(None) };
        let bytes = match &self.0.file {
            Kind::Image(bytes) => bytes.clone(),
            Kind::Archive(archive) => {
                archive.read(image).map_err(|reason| PageError::Broken { page, reason })?.0
            }
            Kind::Djvu(_) | Kind::Pdf(_) => return Ok(None),
        };
        Ok(Codec::of(&bytes).map(|codec| Encoded { codec, bytes }))
    }

    /// The image of a page, and which half of it the page is.
    fn part(&self, page: u32) -> Result<Part, PageError> {
        let pages = self.page_count();
        let index = page.checked_sub(1).filter(|index| *index < pages);
        let index = index.ok_or(PageError::NoSuchPage { page, pages })?;
        let whole = Part { image: index, half: None };
        Ok(self.0.spreads.as_ref().map_or(whole, |spreads| spreads.part(index)))
    }

    /// Runs `work` on a thread of its own, and waits for it no longer than [`LIMIT`].
    fn bounded<T: Send + 'static>(
        &self,
        page: u32,
        work: impl FnOnce(&Opened, Part) -> Result<T, String> + Send + 'static,
    ) -> Result<T, PageError> {
        let part = self.part(page)?;
        let opened = self.0.clone();
        let broken = |reason: String| PageError::Broken { page, reason };
        let (sender, receiver) = mpsc::sync_channel(1);
        std::thread::Builder::new()
            .name("bookstate-image".to_owned())
            .stack_size(STACK_BYTES)
            .spawn(move || {
                // Nobody waits any more when the time is up.
                drop(sender.send(guarded(move || work(&opened, part))));
            })
            .map_err(|error| broken(format!("no thread to read it: {error}")))?;
        match receiver.recv_timeout(LIMIT) {
            Ok(result) => result.map_err(broken),
            Err(_) => Err(PageError::TimedOut { page, seconds: LIMIT.as_secs() }),
        }
    }
}

impl Opened {
    /// The image `index`, counted from 0.
    fn image(&self, index: u32, resolution: Resolution) -> Result<PageImage, String> {
        let image = match &self.file {
            Kind::Image(bytes) => decode::decode(bytes, index)?,
            Kind::Archive(archive) => {
                let (bytes, frame) = archive.read(index)?;
                decode::decode(&bytes, frame)?
            }
            Kind::Djvu(file) => file.image(index)?,
            Kind::Pdf(file) => return file.image(index, resolution),
        };
        Ok(resized(image, resolution))
    }
}

/// A panic of a decoder as an error.
fn guarded<T>(work: impl FnOnce() -> Result<T, String>) -> Result<T, String> {
    catch_unwind(AssertUnwindSafe(work)).unwrap_or_else(|panic| {
        let text = panic.downcast_ref::<String>().map(String::as_str);
        let text =
            text.or_else(|| panic.downcast_ref::<&'static str>().copied()).unwrap_or("no reason given");
        Err(format!("its decoder gave up: {}", text.lines().next().unwrap_or_default()))
    })
}

fn resized(image: PageImage, resolution: Resolution) -> PageImage {
    let PageImage { pixels, dpi } = image;
    let factor = match (resolution, dpi) {
        (Resolution::Dpi(wanted), Some(dpi)) => wanted / dpi,
        (Resolution::Width(width), _) => width as f32 / pixels.width().max(1) as f32,
        (Resolution::Within { width, height }, _) => {
            let across = width as f32 / pixels.width().max(1) as f32;
            across.min(height as f32 / pixels.height().max(1) as f32).min(1.0)
        }
        _ => 1.0,
    };
    let side = |side: u32| ((side as f32 * factor).round() as u32).max(1);
    let (width, height) = (side(pixels.width()), side(pixels.height()));
    let is_bounded = matches!(resolution, Resolution::Within { .. });
    let is_near = if is_bounded { factor == 1.0 } else { (factor - 1.0).abs() < 0.01 };
    if is_near || page_image::check_size(width, height).is_err() {
        return PageImage { pixels, dpi };
    }
    let filter = if factor < 1.0 { FilterType::Triangle } else { FilterType::CatmullRom };
    PageImage { pixels: pixels.resize_exact(width, height, filter), dpi: dpi.map(|dpi| dpi * factor) }
}
