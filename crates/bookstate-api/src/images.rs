//! Images of pages for clients: how many are made at once, who waits for how long, and what is remembered.
//!
//! Making one takes a process and a processor for a while, and what a page makes of that is its file's business. So few
//! are made at once; a client has a share of those that are waited for, and waits no longer than the limits say. One
//! that cannot be made is not tried again for a while. What is made, and how it is kept, is in
//! [`bookstate_jobs::page_images`].

use std::{
    collections::HashMap,
    path::{Path, PathBuf},
    sync::Arc,
    time::{Duration, Instant},
};

use bookstate_domain::{BookId, BookState};
use bookstate_jobs::{
    copy_of,
    figures::figures,
    page_images::{ImageError, ImageName, PageImageCache, Turn, has_images},
};
use bookstate_reading::export::Figure;
use bookstate_scans::{PageError, images::ImageProgram};
use parking_lot::Mutex;
use tokio::{sync::Semaphore, task::spawn_blocking};

use crate::{
    clients::{Client, Scarce},
    config::{Limits, ServerConfig},
    problem::{Code, Problem},
};

/// So many images that are kept are read from the disk at once.
const READS: usize = 8;
/// How long it is remembered that an image cannot be made.
const REMEMBERED: Duration = Duration::from_secs(10 * 60);
/// How many of these are remembered.
const MOST_REMEMBERED: usize = 1000;

/// See the module documentation.
#[derive(Debug)]
pub(crate) struct Images {
    data_dir: PathBuf,
    cache: Arc<PageImageCache>,
    reads: Arc<Semaphore>,
    making: Arc<Semaphore>,
    waiting: Scarce,
    wait: Duration,
    /// So many bytes must be free on the disk when an image is kept.
    room: u64,
    failed: Mutex<HashMap<String, (Instant, String)>>,
}

impl Images {
    pub(crate) fn new(data_dir: &Path, config: &ServerConfig) -> Self {
        let limits = &config.limits;
        let program = config.intake.images.clone().map(|program| within(program, limits));
        Self {
            data_dir: data_dir.into(),
            cache: Arc::new(PageImageCache::new(data_dir, program, limits.image_bytes)),
            reads: Arc::new(Semaphore::new(READS)),
            making: Arc::new(Semaphore::new(limits.images)),
            waiting: Scarce::new(limits.images_waiting),
            wait: limits.image_wait,
            room: limits.image_bytes,
            failed: Mutex::default(),
        }
    }

    /// The copy of a book's file, where there is one. Blocks.
    pub(crate) fn copy_of(&self, book_id: &BookId) -> Option<PathBuf> {
        copy_of(&self.data_dir, book_id)
    }

    /// The pictures on a book's pages. Blocks, for as long as the pages with pictures take to be made: the caller sees to it
    /// that few do that at once.
    pub(crate) fn figures(&self, state: &BookState) -> Vec<Figure> {
        let copy = self.copy_of(state.book_id());
        copy.map(|copy| figures(state, &copy, self.cache.program())).unwrap_or_default()
    }

    /// The image of a page of a book, which may have to be made.
    ///
    /// # Errors
    /// The book's file is not here or has no images.
    pub(crate) async fn find(
        &self,
        book_id: &BookId,
        page: u32,
        width: u32,
        turn: Turn,
    ) -> Result<ImageName, Problem> {
        let (data_dir, id) = (self.data_dir.clone(), book_id.clone());
        let found = spawn_blocking(move || {
            let copy = copy_of(&data_dir, &id).filter(|copy| has_images(copy))?;
            ImageName::new(&copy, page, width, turn)
        });
        let found = found.await.map_err(|error| Problem::internal(&error))?;
        found.ok_or_else(|| {
            Problem::new(Code::NoImage, "the book's file has no images of pages, or is not on this machine")
        })
    }

    /// The bytes of an image: kept, or made now. One that is made is kept while so many bytes are `free` that a job
    /// will not miss it.
    ///
    /// # Errors
    /// It cannot be made, or not within the limits.
    pub(crate) async fn image(
        &self,
        client: Client,
        image: ImageName,
        free: Option<u64>,
    ) -> Result<Vec<u8>, Problem> {
        let busy = || Problem::new(Code::Busy, "as many images as allowed are being made: try again later");
        let turn = |of: &Arc<Semaphore>| tokio::time::timeout(self.wait, of.clone().acquire_owned());
        let read = turn(&self.reads).await.map_err(|_| busy())?;
        let (cache, wanted) = (self.cache.clone(), image.clone());
        let kept = spawn_blocking(move || (cache.kept(&wanted), read));
        if let (Some(bytes), _) = kept.await.map_err(|error| Problem::internal(&error))? {
            return Ok(bytes);
        }
        if let Some(reason) = self.failure(&image, Instant::now()) {
            return Err(Problem::new(Code::ImageFailed, reason));
        }
        let place = self.waiting.take(client);
        let place = place.ok_or_else(|| Problem::new(Code::TooMany, "too many images are waited for"))?;
        let permit = turn(&self.making).await.map_err(|_| busy())?;
        let (cache, wanted) = (self.cache.clone(), image.clone());
        let has_room = free.is_none_or(|free| free >= self.room);
        let made = spawn_blocking(move || {
            // A client that goes away leaves its place when the image is made.
            let _held = (place, permit);
            // Somebody else may have had it made meanwhile.
            if let Some(bytes) = cache.kept(&wanted) {
                return Ok(bytes);
            }
            let bytes = cache.make(&wanted)?;
            if has_room && let Err(error) = cache.keep(&wanted, &bytes) {
                tracing::debug!(%error, "the image of a page is not kept");
            }
            Ok(bytes)
        });
        let made = made.await.map_err(|error| Problem::internal(&error))?;
        made.map_err(|error| self.refusal(&image, &error))
    }

    /// What is answered when an image could not be made.
    fn refusal(&self, image: &ImageName, error: &ImageError) -> Problem {
        let reason = match error {
            ImageError::Page(PageError::NoSuchPage { .. }) => {
                return Problem::new(Code::NoImage, "the book's file has no such page");
            }
            ImageError::Page(PageError::System { .. }) => {
                tracing::warn!(%error, "the image of a page could not be made");
                return Problem::new(Code::Busy, "the image cannot be made now: try again later");
            }
            error => error.to_string(),
        };
        // Where the copy is, is not for clients.
        let reason = reason.replace(&*image.copy().to_string_lossy(), "the book's file");
        self.remember(image, &reason, Instant::now());
        Problem::new(Code::ImageFailed, reason)
    }

    fn failure(&self, image: &ImageName, now: Instant) -> Option<String> {
        let failed = self.failed.lock();
        let (since, reason) = failed.get(image.as_str())?;
        (now.saturating_duration_since(*since) < REMEMBERED).then(|| reason.clone())
    }

    fn remember(&self, image: &ImageName, reason: &str, now: Instant) {
        let mut failed = self.failed.lock();
        if failed.len() >= MOST_REMEMBERED {
            failed.retain(|_, (since, _)| now.saturating_duration_since(*since) < REMEMBERED);
        }
        if failed.len() >= MOST_REMEMBERED {
            failed.clear();
        }
        failed.insert(image.as_str().to_owned(), (now, reason.to_owned()));
    }
}

/// The program, which may take no longer than the client waits.
fn within(program: ImageProgram, limits: &Limits) -> ImageProgram {
    let time = program.time.min(limits.image_time);
    ImageProgram { time, ..program }
}
