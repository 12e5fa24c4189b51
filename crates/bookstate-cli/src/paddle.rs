//! The engine `paddle`: in a program that was built for it, and what stands in its place in one that was not.

use std::sync::Arc;

use bookstate_jobs::{
    engine::OcrEngine,
    engines::{EngineCatalog, EngineSpec, MissingOcr},
    scan::PADDLE,
};
use bookstate_scans::images::ImageProgram;

use crate::settings::Settings;

/// The catalog with the engine. Nothing is read yet.
pub(crate) fn added_to(catalog: EngineCatalog, settings: &Settings, images: &ImageProgram) -> EngineCatalog {
    let engine: Arc<dyn OcrEngine> = match &settings.paddle_models {
        Some(models) => built::engine(models, images),
        None => missing("the engine paddle needs `ocr.paddle_models`, the directory with its models"),
    };
    catalog.with_ocr(PADDLE, EngineSpec::local(), engine)
}

fn missing(remedy: &str) -> Arc<dyn OcrEngine> {
    Arc::new(MissingOcr::new(PADDLE, remedy))
}

#[cfg(feature = "paddle")]
pub(crate) mod built {
    use std::{path::Path, sync::Arc};

    use bookstate_jobs::{engine::OcrEngine, engines::PaddleOcr};
    use bookstate_scans::{images::ImageProgram, paddle::Paddle};

    pub(super) fn engine(models: &Path, images: &ImageProgram) -> Arc<dyn OcrEngine> {
        Arc::new(PaddleOcr::new(models).with_images_by(images.clone()))
    }

    /// Why the models cannot be used.
    pub(crate) fn trouble(models: &Path) -> Option<String> {
        Paddle::load(models).err().map(|error| error.to_string())
    }
}

#[cfg(not(feature = "paddle"))]
pub(crate) mod built {
    use std::{path::Path, sync::Arc};

    use bookstate_jobs::engine::OcrEngine;
    use bookstate_scans::images::ImageProgram;

    const REMEDY: &str =
        "this bookstate is built without the engine paddle; build it with `--features paddle`";

    pub(super) fn engine(_: &Path, _: &ImageProgram) -> Arc<dyn OcrEngine> {
        super::missing(REMEDY)
    }

    /// Why the models cannot be used.
    pub(crate) fn trouble(_: &Path) -> Option<String> {
        Some(REMEDY.to_owned())
    }
}
