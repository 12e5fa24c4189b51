//! One image from its bytes: PNG, JPEG, WebP, TIFF, JPEG 2000. Upright, with its resolution where it says one.
//!
//! Invariants: no image is larger than a page can be, whatever its header claims; a decoder's panic is an error of this
//! image.

use std::io::Cursor;

use image::{DynamicImage, GrayImage, ImageDecoder, ImageFormat, ImageReader, Limits, metadata::Orientation};

use super::{
    page_image::{MAX_BYTES, PageImage, check_size, cmyk, plausible_dpi},
    tiff_file,
};
use crate::codec::Codec;

/// Decodes the image in `bytes`; of a TIFF the page `frame`, counted from 0.
pub(super) fn decode(bytes: &[u8], frame: u32) -> Result<PageImage, String> {
    let codec = Codec::of(bytes).ok_or("it is of no kind that is known here")?;
    match codec {
        Codec::Tiff => tiff_file::decode(bytes, frame),
        Codec::Jpeg2000 => jpeg2000(bytes),
        Codec::Png => by_library(bytes, ImageFormat::Png, png_dpi(bytes)),
        Codec::Jpeg => by_library(bytes, ImageFormat::Jpeg, jpeg_dpi(bytes)),
        Codec::Webp => by_library(bytes, ImageFormat::WebP, None),
    }
}

fn by_library(bytes: &[u8], format: ImageFormat, dpi: Option<f32>) -> Result<PageImage, String> {
    let text = |error: image::ImageError| error.to_string();
    let mut reader = ImageReader::with_format(Cursor::new(bytes), format);
    let mut limits = Limits::default();
    limits.max_alloc = Some(MAX_BYTES);
    reader.limits(limits);
    let mut decoder = reader.into_decoder().map_err(text)?;
    let (width, height) = decoder.dimensions();
    check_size(width, height)?;
    let orientation = decoder.orientation().unwrap_or(Orientation::NoTransforms);
    let mut pixels = DynamicImage::from_decoder(decoder).map_err(text)?;
    pixels.apply_orientation(orientation);
    Ok(PageImage { pixels: on_white(pixels), dpi })
}

/// What is transparent shows white paper.
fn on_white(pixels: DynamicImage) -> DynamicImage {
    if !pixels.color().has_alpha() {
        return pixels;
    }
    let mut rgba = pixels.into_rgba8();
    for pixel in rgba.pixels_mut() {
        let [.., alpha] = pixel.0;
        for channel in pixel.0.iter_mut().take(3) {
            let over = u32::from(*channel) * u32::from(alpha) + 255 * (255 - u32::from(alpha));
            *channel = u8::try_from(over / 255).unwrap_or(u8::MAX);
        }
    }
    DynamicImage::ImageRgba8(rgba)
}

fn jpeg2000(bytes: &[u8]) -> Result<PageImage, String> {
    let settings = hayro_jpeg2000::DecodeSettings::default();
    let image = hayro_jpeg2000::Image::new(bytes, &settings).map_err(|error| error.to_string())?;
    let (width, height) = (image.width(), image.height());
    check_size(width, height)?;
    let (channels, alpha) = (usize::from(image.color_space().num_channels()), image.has_alpha());
    let mut context = hayro_jpeg2000::DecoderContext::default();
    let decoded = image.decode(&mut context).map_err(|error| error.to_string())?;
    let data = decoded.data_u8();
    let samples = channels + usize::from(alpha);
    let pixels = interleaved(width, height, samples, channels, &data).ok_or("its channels do not add up")?;
    Ok(PageImage { pixels, dpi: None })
}

/// An image from interleaved samples of 8 bits, of which the first `channels` are colours.
fn interleaved(
    width: u32,
    height: u32,
    samples: usize,
    channels: usize,
    data: &[u8],
) -> Option<DynamicImage> {
    let pixels = data.chunks_exact(samples.max(1));
    match channels {
        1 => {
            let grey = pixels.filter_map(|p| p.first().copied()).collect();
            GrayImage::from_raw(width, height, grey).map(DynamicImage::ImageLuma8)
        }
        3 => {
            let rgb = pixels.flat_map(|p| p.iter().take(3).copied()).collect();
            image::RgbImage::from_raw(width, height, rgb).map(DynamicImage::ImageRgb8)
        }
        4 => {
            let rgb = pixels.flat_map(cmyk).collect();
            image::RgbImage::from_raw(width, height, rgb).map(DynamicImage::ImageRgb8)
        }
        _ => None,
    }
}

fn be16(bytes: &[u8], at: usize) -> Option<u16> {
    Some(u16::from_be_bytes(bytes.get(at..at.checked_add(2)?)?.try_into().ok()?))
}

fn be32(bytes: &[u8], at: usize) -> Option<u32> {
    Some(u32::from_be_bytes(bytes.get(at..at.checked_add(4)?)?.try_into().ok()?))
}

/// From the chunk `pHYs`, which stands before the pixels.
fn png_dpi(bytes: &[u8]) -> Option<f32> {
    let mut at = 8;
    loop {
        let length = usize::try_from(be32(bytes, at)?).ok()?;
        match bytes.get(at + 4..at + 8)? {
            b"pHYs" if bytes.get(at + 16) == Some(&1) => {
                return plausible_dpi(be32(bytes, at + 8)? as f32 * 0.0254);
            }
            b"IDAT" | b"IEND" => return None,
            _ => at = at.checked_add(length)?.checked_add(12)?,
        }
    }
}

/// From the JFIF header.
fn jpeg_dpi(bytes: &[u8]) -> Option<f32> {
    let mut at = 2;
    while bytes.get(at) == Some(&0xff) {
        let marker = *bytes.get(at + 1)?;
        let length = usize::from(be16(bytes, at + 2)?);
        if marker == 0xe0 && bytes.get(at + 4..at + 9) == Some(b"JFIF\0") {
            let density = f32::from(be16(bytes, at + 12)?);
            return match bytes.get(at + 11)? {
                1 => plausible_dpi(density),
                2 => plausible_dpi(density * 2.54),
                _ => None,
            };
        }
        if marker == 0xda {
            return None;
        }
        at = at.checked_add(2)?.checked_add(length)?;
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    fn encoded(format: ImageFormat) -> Vec<u8> {
        let mut out = Cursor::new(Vec::new());
        let image = DynamicImage::ImageLuma8(image::GrayImage::from_fn(20, 30, |x, _| {
            image::Luma([u8::try_from(x * 10).unwrap()])
        }));
        image.write_to(&mut out, format).unwrap();
        out.into_inner()
    }

    #[test]
    fn every_codec_is_known_by_its_first_bytes() {
        for (format, codec) in [
            (ImageFormat::Png, Codec::Png),
            (ImageFormat::Jpeg, Codec::Jpeg),
            (ImageFormat::WebP, Codec::Webp),
            (ImageFormat::Tiff, Codec::Tiff),
        ] {
            let bytes = encoded(format);
            assert_eq!(Codec::of(&bytes), Some(codec));
            let image = decode(&bytes, 0).unwrap();
            assert_eq!((image.pixels.width(), image.pixels.height()), (20, 30), "{codec:?}");
        }
    }

    #[test]
    fn a_bomb_is_refused_before_it_is_decoded() {
        let mut png = encoded(ImageFormat::Png);
        // The header's width and height; its checksum does not matter, since nothing is read behind it.
        png[16..24].copy_from_slice(&[0, 1, 0x86, 0xa0, 0, 1, 0x86, 0xa0]);
        assert!(decode(&png, 0).is_err());
    }

    #[test]
    fn every_damaged_copy_is_an_error_or_an_image() {
        for format in [ImageFormat::Png, ImageFormat::Jpeg, ImageFormat::WebP, ImageFormat::Tiff] {
            let bytes = encoded(format);
            for at in 0..bytes.len() {
                let mut damaged = bytes.clone();
                damaged[at] ^= 0x55;
                drop(decode(&damaged, 0));
                drop(decode(&bytes[..at], 0));
            }
        }
    }

    #[test]
    fn a_resolution_is_read_where_there_is_one() {
        let mut png = encoded(ImageFormat::Png);
        let chunk =
            [&9_u32.to_be_bytes()[..], b"pHYs", &11811_u32.to_be_bytes(), &11811_u32.to_be_bytes(), &[1]];
        let mut chunk = chunk.concat();
        chunk.extend_from_slice(&[0; 4]);
        png.splice(33..33, chunk);
        assert!((png_dpi(&png).unwrap() - 300.0).abs() < 0.1);
    }
}
