//! TIFF: several pages in one file, one bit per pixel, fax compression.

use std::io::{Cursor, Read, Seek};

use image::{DynamicImage, GrayImage, RgbImage, metadata::Orientation};
use tiff::{
    ColorType,
    decoder::{Decoder, DecodingResult, Limits},
    tags::Tag,
};

use super::page_image::{MAX_BYTES, PageImage, check_size, cmyk, plausible_dpi};

/// The most pages of one file that are looked for.
const MAX_FRAMES: u32 = 20_000;

/// How many pages a file has; 1 where that cannot be said.
pub(crate) fn frames(source: impl Read + Seek) -> u32 {
    let Ok(mut decoder) = Decoder::new(source) else { return 1 };
    let mut frames = 1;
    while frames < MAX_FRAMES && decoder.more_images() && decoder.next_image().is_ok() {
        frames += 1;
    }
    frames
}

/// Decodes the page `frame`, counted from 0.
pub(super) fn decode(bytes: &[u8], frame: u32) -> Result<PageImage, String> {
    let text = |error: tiff::TiffError| error.to_string();
    let mut limits = Limits::default();
    limits.decoding_buffer_size = usize::try_from(MAX_BYTES).unwrap_or(usize::MAX);
    limits.intermediate_buffer_size = limits.decoding_buffer_size;
    let mut decoder = Decoder::new(Cursor::new(bytes)).map_err(text)?.with_limits(limits);
    for _ in 0..frame {
        decoder.next_image().map_err(text)?;
    }
    let (width, height) = decoder.dimensions().map_err(text)?;
    check_size(width, height)?;
    let color = decoder.colortype().map_err(text)?;
    let dpi = resolution(&mut decoder);
    let turned = tag(&mut decoder, Tag::Orientation).and_then(|n| u8::try_from(n).ok());
    let map = match color {
        ColorType::Palette(_) => decoder.get_tag_u16_vec(Tag::ColorMap).map_err(text)?,
        _ => Vec::new(),
    };
    let samples = match decoder.read_image().map_err(text)? {
        DecodingResult::U8(samples) => samples,
        // The upper byte of sixteen bits.
        DecodingResult::U16(samples) => samples.into_iter().map(|s| s.to_be_bytes()[0]).collect(),
        _ => return Err("its samples are no colours".to_owned()),
    };
    let mut pixels = pixels(width, height, color, &samples, &map)
        .ok_or_else(|| format!("its colours ({color:?}) do not fit its size"))?;
    if let Some(orientation) = turned.and_then(Orientation::from_exif) {
        pixels.apply_orientation(orientation);
    }
    Ok(PageImage { pixels, dpi })
}

fn tag(decoder: &mut Decoder<impl Read + Seek>, tag: Tag) -> Option<u32> {
    decoder.find_tag(tag).ok()??.into_u32().ok()
}

fn resolution(decoder: &mut Decoder<impl Read + Seek>) -> Option<f32> {
    let per_unit = decoder.find_tag(Tag::XResolution).ok()??.into_f64().ok()?;
    let per_inch = match tag(decoder, Tag::ResolutionUnit) {
        Some(3) => per_unit * 2.54,
        _ => per_unit,
    };
    plausible_dpi(per_inch as f32)
}

fn pixels(width: u32, height: u32, color: ColorType, samples: &[u8], map: &[u16]) -> Option<DynamicImage> {
    let grey = |data| GrayImage::from_raw(width, height, data).map(DynamicImage::ImageLuma8);
    let rgb = |data| RgbImage::from_raw(width, height, data).map(DynamicImage::ImageRgb8);
    match color {
        ColorType::Gray(bits @ (1 | 2 | 4)) => {
            let most = u16::from((1_u8 << bits) - 1);
            let level = |n: u8| u8::try_from(u16::from(n) * 255 / most).unwrap_or(u8::MAX);
            grey(unpacked(width, height, bits, samples)?.into_iter().map(level).collect())
        }
        ColorType::Gray(_) => grey(samples.to_vec()),
        ColorType::GrayA(_) => grey(samples.chunks_exact(2).filter_map(|p| p.first().copied()).collect()),
        ColorType::RGB(_) | ColorType::YCbCr(_) => rgb(samples.to_vec()),
        ColorType::RGBA(_) => rgb(samples.chunks_exact(4).flat_map(|p| p.iter().take(3).copied()).collect()),
        ColorType::CMYK(_) => rgb(samples.chunks_exact(4).flat_map(cmyk).collect()),
        ColorType::Palette(bits) => {
            let indices = match bits {
                1 | 2 | 4 => unpacked(width, height, bits, samples)?,
                _ => samples.to_vec(),
            };
            let colours = map.len() / 3;
            let channel = |index: u8, n: usize| {
                map.get(n * colours + usize::from(index)).map_or(0, |value| value.to_be_bytes()[0])
            };
            rgb(indices.into_iter().flat_map(|index| [0, 1, 2].map(|n| channel(index, n))).collect())
        }
        _ => None,
    }
}

/// One sample per byte, of rows that begin at a byte each.
fn unpacked(width: u32, height: u32, bits: u8, samples: &[u8]) -> Option<Vec<u8>> {
    let (width, height, bits) =
        (usize::try_from(width).ok()?, usize::try_from(height).ok()?, usize::from(bits));
    let row = (width * bits).div_ceil(8);
    let per_byte = 8 / bits;
    let mask = u8::MAX >> (8 - bits);
    let mut out = Vec::with_capacity(width.checked_mul(height)?);
    for row in samples.chunks_exact(row).take(height) {
        let all = row.iter().flat_map(|byte| (0..per_byte).map(move |n| byte >> (8 - bits * (n + 1)) & mask));
        out.extend(all.take(width));
    }
    Some(out)
}
