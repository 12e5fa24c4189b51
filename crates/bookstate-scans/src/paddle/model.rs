//! A model that was loaded, and how an image is put to it.

use std::{fmt, path::Path, sync::Arc};

use image::GrayImage;
use rten::{Model, RunOptions, ThreadPool};
use rten_tensor::{AsView, NdTensor};

use crate::tesseract::OcrError;

/// A network of one input, an image, and one output.
pub(super) struct Network {
    model: Model,
}

/// What a page is read on: one thread, since pages are read side by side.
#[derive(Clone)]
pub(super) struct Thread(Arc<ThreadPool>);

impl Thread {
    pub(super) fn begun() -> Self {
        Self(Arc::new(ThreadPool::with_num_threads(1)))
    }
}

impl fmt::Debug for Network {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Network").field("parameters", &self.model.total_params()).finish_non_exhaustive()
    }
}

impl Network {
    pub(super) fn load(path: &Path) -> Result<Self, OcrError> {
        let model = Model::load_file(path).map_err(|error| unusable(path, error))?;
        if (model.input_ids().len(), model.output_ids().len()) != (1, 1) {
            return Err(unusable(path, "it is no model that takes an image and has one answer"));
        }
        Ok(Self { model })
    }

    /// What the network says of an image, as a tensor of `N` dimensions.
    pub(super) fn answer<const N: usize>(
        &self,
        image: &GrayImage,
        thread: &Thread,
    ) -> Result<NdTensor<f32, N>, OcrError> {
        let options = RunOptions::default().with_thread_pool(Some(thread.0.clone()));
        let answer = self.model.run_one(tensor(image).view().into(), Some(options));
        let answer = answer.map_err(|error| failed(&error))?;
        answer.try_into().map_err(|error| failed(&error))
    }
}

/// An image in three equal colours, from -1 for ink to 1 for paper: what these models were made with.
fn tensor(image: &GrayImage) -> NdTensor<f32, 4> {
    let colour = image.as_raw().iter().map(|level| f32::from(*level) / 127.5 - 1.0);
    let data: Vec<f32> = colour.clone().chain(colour.clone()).chain(colour).collect();
    NdTensor::from_data([1, 3, image.height() as usize, image.width() as usize], data)
}

pub(super) fn unusable(path: &Path, error: impl fmt::Display) -> OcrError {
    OcrError::Models { reason: format!("{}: {error}", path.display()) }
}

fn failed(error: &dyn fmt::Display) -> OcrError {
    OcrError::Inference { reason: error.to_string() }
}
