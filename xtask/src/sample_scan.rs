//! `cargo xtask sample-scan FOLDER`: pages of the handbook as a scanner would give them, to try the reading of scans.

use std::path::PathBuf;

use anyhow::{Context as _, Result};
use bookstate_scans::images::{PageImages, Resolution};

/// Dots per inch of what most scanners make.
const DPI: f32 = 200.0;

/// What `sample-scan` takes.
#[derive(Debug, clap::Args)]
pub(crate) struct Options {
    /// Folder to make, with an image per page
    folder: PathBuf,
    /// How many pages, from the handbook's first on
    #[arg(long, default_value_t = 12)]
    pages: u32,
}

/// Draws the pages.
///
/// # Errors
/// The handbook is not there, or the images cannot be written.
pub(crate) fn run(options: &Options, out: &mut dyn std::io::Write) -> Result<()> {
    let handbook = concat!(env!("CARGO_MANIFEST_DIR"), "/../docs/handbook.pdf");
    let handbook = PageImages::open(handbook.as_ref())?;
    let Options { folder, pages } = options;
    std::fs::create_dir_all(folder).with_context(|| format!("cannot make {}", folder.display()))?;
    let pages = handbook.page_count().min(*pages);
    for page in 1..=pages {
        let image = handbook.image(page, Resolution::Dpi(DPI))?;
        let path = folder.join(format!("{page:03}.jpg"));
        let jpeg = image.jpeg().map_err(anyhow::Error::msg)?;
        std::fs::write(&path, jpeg).with_context(|| format!("cannot write {}", path.display()))?;
    }
    writeln!(out, "{pages} page images in {}", folder.display())?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_scan_has_an_image_per_page() {
        let folder = tempfile::tempdir().unwrap();
        let options = Options { folder: folder.path().join("scan"), pages: 2 };
        run(&options, &mut Vec::new()).unwrap();
        let scan = bookstate_scans::input::Scan::find(&options.folder).unwrap().unwrap();
        assert!(matches!(scan.parts, bookstate_scans::input::Parts::Images(images) if images.len() == 2));
    }
}
