//! Reading pages with a vision model.

use async_trait::async_trait;
use bookstate_llm::{
    ChatRequest, Estimate, Finish, Image,
    answer::{is_looping, share_of},
};
use bookstate_scans::{
    PageError,
    images::{ImageProgram, PageImages, Resolution},
};

use super::{Model, prompts::Prompts};
use crate::{
    choose::{GOOD, plausibility},
    engine::{BookContext, EngineError, EngineResult, OcrEngine, OcrReading, blocking},
};

/// What a model says of a page without print.
const BLANK: &str = "[blank]";
/// The most tokens that the text of a page has.
const MOST_TOKENS: u32 = 6_000;
/// The longer side of the image that is sent, in pixels: small print can be read, and providers do not shrink it.
const LONGEST_SIDE: u32 = 1_568;
/// From so many words on the text layer says whether an answer is of this page.
const KNOWN_WORDS: usize = 40;
/// With less of these words in it an answer is doubted: of a text layer that looks like text, and of one that does not.
const LEAST_OF_TEXT: f64 = 0.8;
const LEAST_OF_NOISE: f64 = 0.2;
/// How sure an answer is that is doubted: less than what counts as read well.
const DOUBTED: f64 = 0.4;

/// A vision model as an OCR provider. Behind others it reads only what they did not read well.
#[derive(Debug, Clone)]
pub struct ModelOcr {
    model: Model,
    images: Option<ImageProgram>,
}

impl ModelOcr {
    /// Reads with this model. The images of pages are made by a program where one is given.
    #[must_use]
    pub const fn new(model: Model, images: Option<ImageProgram>) -> Self {
        Self { model, images }
    }

    /// What a page may take at most.
    #[must_use]
    pub fn estimate(&self, prompts: &Prompts) -> Estimate {
        let nothing = Image { media_type: "image/jpeg", bytes: [].into() };
        self.model.estimate(&self.request(prompts.get(None), nothing))
    }

    fn request(&self, prompt: &str, image: Image) -> ChatRequest {
        ChatRequest::new(&self.model.name, MOST_TOKENS).system(prompt).user_image("The page:", image)
    }
}

/// The text of an answer, if it is a whole one.
fn text_of(answer: &str, finish: Finish) -> Result<&str, EngineError> {
    if finish == Finish::Cut {
        return Err(EngineError::permanent(format!("the text is cut off after {MOST_TOKENS} tokens")));
    }
    if is_looping(answer) {
        return Err(EngineError::permanent("the model repeats itself"));
    }
    let text = answer.trim();
    Ok(if text == BLANK { "" } else { text })
}

#[async_trait]
impl OcrEngine for ModelOcr {
    async fn read(&self, book: BookContext, page: u32) -> EngineResult<OcrReading> {
        self.model.ready()?;
        let (of_book, program) = (book.clone(), self.images.clone());
        let (image, known) = blocking(move || {
            let known = of_book.source.page_text(page).map(|page| page.text).unwrap_or_default();
            Ok((page_image(&of_book, page, program)?, known))
        })
        .await?;
        let request = self.request(&Prompts::told(&book, None)?, image);
        let reading = self.model.ask(&book, &request, |text, finish| {
            let text = text_of(text, finish)?;
            let confidence = is_doubted(&known, text).then_some(DOUBTED);
            Ok(OcrReading { text: text.into(), confidence, ..OcrReading::default() })
        });
        reading.await.map(Into::into)
    }

    fn is_fallback(&self) -> bool {
        true
    }
}

/// Whether an answer leaves out what the text layer has, or is not of this page at all.
fn is_doubted(known: &str, text: &str) -> bool {
    let least = if plausibility(known) >= GOOD { LEAST_OF_TEXT } else { LEAST_OF_NOISE };
    known.split_whitespace().count() >= KNOWN_WORDS && share_of(known, text) < least
}

/// The page's image, as it is sent.
pub(super) fn page_image(
    book: &BookContext,
    page: u32,
    program: Option<ImageProgram>,
) -> Result<Image, EngineError> {
    let opened = book.memo.get_or_make("page images", || PageImages::open_by(&book.file, program))?;
    let images = (*opened).clone().map_err(EngineError::permanent)?;
    let size = Resolution::Within { width: LONGEST_SIDE, height: LONGEST_SIDE };
    let image = images.image(page, size).map_err(|error| match error {
        PageError::System { .. } => EngineError::transient(error),
        error => EngineError::permanent(error),
    })?;
    let jpeg = image.jpeg().map_err(EngineError::permanent)?;
    Ok(Image { media_type: "image/jpeg", bytes: jpeg.into() })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_answer_that_leaves_out_a_part_is_doubted() {
        let line = "the captain walked along the quiet harbour in the evening and counted ships";
        let known = [line; 6].join(" ");
        assert!(!is_doubted(&known, &known) && !is_doubted("a few words only", ""));
        assert!(is_doubted(&known, &[line; 4].join(" ")), "a third is not there");
        assert!(is_doubted(&known, ""), "a page with text is not blank");
        let noise = "\u{fffd}he q\"$%a x;;^^c e^|]d the captain walked along ".repeat(8);
        assert!(plausibility(&noise) < GOOD);
        assert!(!is_doubted(&noise, &known), "a layer of noise says little");
    }
}
