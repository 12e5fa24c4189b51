//! Pages of a PDF file, drawn.
//!
//! A page that is a scan is drawn at the resolution of its largest image, so that its pixels are those that the
//! scanner gave; any other at [`DRAWN_DPI`].

use hayro::{
    RenderCache, RenderSettings,
    hayro_interpret::{
        BlendMode, ClipPath, Context, Device, DrawMode, DrawProps, Image, ImageDrawProps, InterpreterCache,
        InterpreterSettings, SoftMask, font::GlyphRun, interpret_page,
    },
    hayro_syntax::{Pdf, page::Page},
    kurbo::{Affine, BezPath, Rect},
    vello_cpu::{
        Pixmap, RasterizerSettings, RenderContext, Resources, TargetInit, color::palette::css::WHITE,
    },
};
use image::{DynamicImage, GrayImage, RgbImage};

use super::{
    DRAWN_DPI, Resolution,
    page_image::{MAX_PIXELS, PageImage},
};

/// Resolutions of images that are believed: outside, the image is not the scan of a page.
const DPI: std::ops::RangeInclusive<f64> = 60.0..=1200.0;

/// An image that covers less of the page than this is an illustration.
const COVERS: f64 = 0.5;

pub(super) struct PdfFile {
    pdf: Pdf,
    pages: u32,
}

impl std::fmt::Debug for PdfFile {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("PdfFile").field("pages", &self.pages).finish_non_exhaustive()
    }
}

impl PdfFile {
    pub(super) fn new(bytes: Vec<u8>) -> Result<Self, String> {
        let pdf = Pdf::new(bytes).map_err(|error| format!("it cannot be opened as a PDF: {error:?}"))?;
        let pages = u32::try_from(pdf.pages().len()).unwrap_or(u32::MAX);
        Ok(Self { pdf, pages })
    }

    pub(super) fn page_count(&self) -> u32 {
        self.pages
    }

    fn page(&self, index: u32) -> Result<&Page<'_>, String> {
        let page = usize::try_from(index).ok().and_then(|index| self.pdf.pages().get(index));
        page.ok_or_else(|| "it is missing from the page tree".to_owned())
    }

    pub(super) fn image(&self, index: u32, resolution: Resolution) -> Result<PageImage, String> {
        let page = self.page(index)?;
        let (width, height) = page.render_dimensions();
        let dpi = match resolution {
            Resolution::Native => native_dpi(page).unwrap_or(DRAWN_DPI),
            Resolution::Dpi(dpi) => dpi,
            Resolution::Width(pixels) => pixels as f32 / width.max(1.0) * 72.0,
            Resolution::Within { width: across, height: down } => {
                let across = across as f32 / width.max(1.0) * 72.0;
                let down = down as f32 / height.max(1.0) * 72.0;
                across.min(down).min(native_dpi(page).unwrap_or(f32::MAX))
            }
        };
        let scale = fitting(width, height, dpi / 72.0)?;
        let drawn = draw(page, width, height, scale)?;
        Ok(PageImage { pixels: pixels(&drawn)?, dpi: Some(scale * 72.0) })
    }
}

/// The scale, made smaller until the image is no larger than one may be.
fn fitting(width: f32, height: f32, scale: f32) -> Result<f32, String> {
    let sound = [width, height, scale].iter().all(|n| n.is_finite() && *n > 0.0);
    if !sound {
        return Err("it has no size".to_owned());
    }
    let side = (f32::from(u16::MAX) - 1.0) / width.max(height);
    let area = (MAX_PIXELS as f32 / (width * height)).sqrt() * 0.99;
    Ok(scale.min(side).min(area))
}

fn draw(page: &Page<'_>, width: f32, height: f32, scale: f32) -> Result<Pixmap, String> {
    // Rounded up, as scanners' software does: a page of 1240.3 points of pixels has 1241.
    let side = |points: f32| (points * scale - 0.01).ceil().clamp(1.0, f32::from(u16::MAX)) as u16;
    let (pixel_width, pixel_height) = (side(width), side(height));
    let (x, y) = (f64::from(pixel_width) / f64::from(width), f64::from(pixel_height) / f64::from(height));
    let transform = Affine::scale_non_uniform(x, y) * Affine::new(page.initial_transform(true).as_coeffs());
    let cache = RenderCache::new();
    let mut context = RenderContext::new(pixel_width, pixel_height);
    let settings = InterpreterSettings::default();
    hayro::render_into(page, &cache, &settings, &RenderSettings::default(), &mut context, transform);
    context.flush();
    let mut pixmap = Pixmap::new(pixel_width, pixel_height);
    let raster =
        RasterizerSettings { target_init: TargetInit::Clear(WHITE), ..RasterizerSettings::default() };
    context.render_with(&mut pixmap, &mut Resources::default(), raster);
    Ok(pixmap)
}

/// The drawn pixels, as grey where no colour was drawn.
fn pixels(drawn: &Pixmap) -> Result<DynamicImage, String> {
    let (width, height) = (u32::from(drawn.width()), u32::from(drawn.height()));
    let data = drawn.data_as_u8_slice();
    let colours = || data.chunks_exact(4);
    let is_grey = colours().all(|p| matches!(p, [r, g, b, _] if r == g && g == b));
    let image = if is_grey {
        let grey = colours().filter_map(|p| p.first().copied()).collect();
        GrayImage::from_raw(width, height, grey).map(DynamicImage::ImageLuma8)
    } else {
        let rgb = colours().flat_map(|p| p.iter().take(3).copied()).collect();
        RgbImage::from_raw(width, height, rgb).map(DynamicImage::ImageRgb8)
    };
    image.ok_or_else(|| "its pixels do not fit its size".to_owned())
}

/// The resolution of the largest image on a page, if it is a scan of the page.
fn native_dpi(page: &Page<'_>) -> Option<f32> {
    let (width, height) = page.render_dimensions();
    let area = f64::from(width) * f64::from(height);
    let cache = InterpreterCache::new();
    let upright = Affine::new(page.initial_transform(true).as_coeffs());
    let bounds = Rect::new(0.0, 0.0, f64::from(width), f64::from(height));
    let mut context = Context::new(upright, bounds, &cache, page.xref(), InterpreterSettings::default());
    let mut largest = LargestImage::default();
    interpret_page(page, &mut context, &mut largest);
    (largest.area >= COVERS * area && DPI.contains(&largest.dpi)).then_some(largest.dpi as f32)
}

/// Looks at images and at nothing else.
#[derive(Default)]
struct LargestImage {
    area: f64,
    dpi: f64,
}

impl<'a> Device<'a> for LargestImage {
    fn draw_image(&mut self, image: Image<'a, '_>, props: ImageDrawProps<'a>) {
        // The transform maps the image's pixels to points.
        let [a, b, c, d, ..] = props.transform.as_coeffs();
        let (width, height) = (f64::from(image.width()), f64::from(image.height()));
        let (points_x, points_y) = (a.hypot(b) * width, c.hypot(d) * height);
        let area = points_x * points_y;
        if area > self.area && points_x > 0.0 {
            *self = Self { area, dpi: width / points_x * 72.0 };
        }
    }

    fn draw_glyph_run(&mut self, _: &GlyphRun<'_, 'a>, _: DrawProps<'a>, _: &DrawMode) {}
    fn draw_path(&mut self, _: &BezPath, _: DrawProps<'a>, _: &DrawMode) {}
    fn push_clip_path(&mut self, _: &ClipPath) {}
    fn push_transparency_group(&mut self, _: f32, _: Option<SoftMask<'a>>, _: BlendMode) {}
    fn pop_clip(&mut self) {}
    fn pop_transparency_group(&mut self) {}
}
