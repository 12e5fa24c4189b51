//! Pages of a DjVu file: the image, and the words of its hidden text.

use djvu_rs::{
    Document, TextZone, TextZoneKind,
    resource_limits::{ParseOptions, ResourceLimits},
};
use image::{DynamicImage, RgbImage};

use super::page_image::{MAX_PIXELS, PageImage, plausible_dpi};

/// How deep zones are nested at most: page, column, region, paragraph, line, word, character.
const MAX_DEPTH: usize = 16;

/// A word that the file claims to stand on a page.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LayerWord {
    /// Its text.
    pub text: String,
    /// Left, top, width and height in pixels of the page's native image.
    pub place: [u32; 4],
    /// Which of the page's lines it stands in, counted from 0.
    pub line: u32,
}

pub(super) struct DjvuFile(Document);

impl std::fmt::Debug for DjvuFile {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_tuple("DjvuFile").field(&self.page_count()).finish()
    }
}

impl DjvuFile {
    pub(super) fn new(bytes: Vec<u8>) -> Result<Self, String> {
        let limits = ResourceLimits {
            max_page_pixels: Some(MAX_PIXELS),
            max_render_pixels: Some(MAX_PIXELS),
            ..ResourceLimits::default()
        };
        let options = ParseOptions { limits: Some(limits) };
        let document =
            Document::from_bytes_with_options(bytes, &options).map_err(|error| error.to_string())?;
        Ok(Self(document))
    }

    pub(super) fn page_count(&self) -> u32 {
        u32::try_from(self.0.page_count()).unwrap_or(u32::MAX)
    }

    pub(super) fn image(&self, index: u32) -> Result<PageImage, String> {
        let page = self.page(index)?;
        let drawn = page.render().map_err(|error| error.to_string())?;
        let pixels = RgbImage::from_raw(drawn.width, drawn.height, drawn.to_rgb())
            .ok_or("its pixels do not fit its size")?;
        Ok(PageImage { pixels: DynamicImage::ImageRgb8(pixels), dpi: plausible_dpi(f32::from(page.dpi())) })
    }

    pub(super) fn words(&self, index: u32) -> Result<Vec<LayerWord>, String> {
        let layer = self.page(index)?.text_layer().map_err(|error| error.to_string())?;
        let mut words = Vec::new();
        let mut line = 0;
        for zone in layer.iter().flat_map(|layer| &layer.zones) {
            collect(zone, 0, &mut line, &mut words);
        }
        Ok(words)
    }

    fn page(&self, index: u32) -> Result<djvu_rs::Page<'_>, String> {
        let index = usize::try_from(index).map_err(|error| error.to_string())?;
        self.0.page(index).map_err(|error| error.to_string())
    }
}

fn collect(zone: &TextZone, depth: usize, line: &mut u32, words: &mut Vec<LayerWord>) {
    let is_word = matches!(zone.kind, TextZoneKind::Word | TextZoneKind::Character);
    if is_word || zone.children.is_empty() {
        let place = [zone.rect.x, zone.rect.y, zone.rect.width, zone.rect.height];
        let texts = zone.text.split_whitespace().map(str::to_owned);
        words.extend(texts.map(|text| LayerWord { text, place, line: *line }));
    } else if depth < MAX_DEPTH {
        for child in &zone.children {
            collect(child, depth + 1, line, words);
        }
    }
    if !is_word {
        *line = line.saturating_add(1);
    }
}
