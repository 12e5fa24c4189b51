//! The engine `paddle`: in a program that was built for it, and what is said in one that was not.

use bookstate_domain::Text;
use bookstate_jobs::engines::EngineCatalog;
use bookstate_scans::images::ImageProgram;

use crate::{failure::Failure, settings::Settings};

/// Its name among the engines.
const NAME: &str = "paddle";

/// The catalog with the engine, where the configuration says where its models are. Nothing is read yet.
///
/// # Errors
/// Pages are to be read with it, and it cannot be used.
pub(crate) fn added_to(
    catalog: EngineCatalog,
    settings: &Settings,
    images: &ImageProgram,
) -> Result<EngineCatalog, Failure> {
    let is_named = settings.engines.ocr.iter().any(|name: &Text| **name == *NAME);
    match &settings.paddle_models {
        Some(models) if built::IS_THERE => Ok(built::added_to(catalog, models, images)),
        _ if !is_named => Ok(catalog),
        Some(_) => Err(Failure::usage(
            "this bookstate is built without the engine paddle; build it with `--features paddle`",
        )),
        None => Err(Failure::usage(
            "the engine paddle needs `ocr.paddle_models`, the directory with its models: see the manual on scans",
        )),
    }
}

#[cfg(feature = "paddle")]
pub(crate) mod built {
    use std::{path::Path, sync::Arc};

    use bookstate_jobs::engines::{EngineCatalog, EngineSpec, PaddleOcr};
    use bookstate_scans::{images::ImageProgram, paddle::Paddle};

    use super::NAME;

    pub(super) const IS_THERE: bool = true;

    pub(super) fn added_to(catalog: EngineCatalog, models: &Path, images: &ImageProgram) -> EngineCatalog {
        let engine = PaddleOcr::new(models).with_images_by(images.clone());
        catalog.with_ocr(NAME, EngineSpec::local(), Arc::new(engine))
    }

    /// Why the models cannot be used.
    pub(crate) fn trouble(models: &Path) -> Option<String> {
        Paddle::load(models).err().map(|error| error.to_string())
    }
}

#[cfg(not(feature = "paddle"))]
pub(crate) mod built {
    use std::path::Path;

    use bookstate_jobs::engines::EngineCatalog;
    use bookstate_scans::images::ImageProgram;

    pub(super) const IS_THERE: bool = false;

    pub(super) fn added_to(catalog: EngineCatalog, _: &Path, _: &ImageProgram) -> EngineCatalog {
        catalog
    }

    /// Why the models cannot be used.
    pub(crate) fn trouble(_: &Path) -> Option<String> {
        Some("this bookstate is built without the engine paddle".to_owned())
    }
}
