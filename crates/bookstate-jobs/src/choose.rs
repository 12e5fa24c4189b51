//! Which of several providers' readings of a page is the page's text. Pure, and explained.
//!
//! What a person wrote stands. Else the providers' order of preference decides among readings that look like text; one
//! that does not is taken only where there is no better one.

use bookstate_domain::{BookState, Engines, OcrResult, Provider};

/// A reading that its provider is less sure of is read again by the providers that stand in for others.
pub const GOOD: f64 = 0.5;

/// So much more sure a later provider must be than a doubtful earlier one.
const SURER: f64 = 0.05;

/// A text layer with fewer words than this, on an image of a page, is a stamp and no text.
const FEWEST_WORDS: usize = 4;

/// A reading, and why it was chosen.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Choice<'a> {
    /// The reading.
    pub reading: &'a OcrResult,
    /// Why, for people.
    pub reason: &'static str,
}

/// Whether a reading needs no other provider's.
#[must_use]
pub fn is_good(reading: &OcrResult) -> bool {
    reading.confidence.is_none_or(|confidence| confidence >= GOOD)
}

/// Chooses among the readings of a page, in the providers' order of preference.
#[must_use]
pub fn choose<'a>(readings: &[&'a OcrResult]) -> Option<Choice<'a>> {
    let has_text =
        |reading: &&&OcrResult| reading.text.as_deref().is_some_and(|text| !text.trim().is_empty());
    if let Some(reading) = readings.iter().find(|reading| reading.provider.as_str() == Provider::PERSON) {
        return Some(Choice { reading, reason: "a person's correction" });
    }
    let texts: Vec<&&OcrResult> = readings.iter().filter(has_text).collect();
    let sure = |reading: &OcrResult| reading.confidence.unwrap_or(1.0);
    let Some(first) = texts.first() else {
        // Who looked at the image is surer that nothing is on it than who found no text layer. Of equals the first.
        let reading = readings.iter().rev().max_by(|a, b| sure(a).total_cmp(&sure(b)))?;
        return Some(Choice { reading, reason: "no provider read any text" });
    };
    if is_good(first) {
        return Some(Choice { reading: first, reason: "the first in the order of preference with text" });
    }
    let mut best = **first;
    for reading in &texts {
        if sure(reading) > sure(best) + SURER {
            best = reading;
        }
    }
    // A page that a careful reader found blank, where the text layer is noise, is blank.
    let blank = readings.iter().find(|reading| !has_text(reading) && reading.confidence == Some(1.0));
    match blank {
        Some(reading) if sure(best) < GOOD => {
            Some(Choice { reading, reason: "the page is blank; what text there was is noise" })
        }
        _ if best.provider == first.provider => {
            Some(Choice { reading: best, reason: "doubtful, and no provider is surer" })
        }
        _ => Some(Choice {
            reading: best,
            reason: "the first provider's reading is doubtful, this one's is surer",
        }),
    }
}

/// How much the text layer of a page image looks like text, 0 to 1: what is lost (unknown characters), what is torn
/// (letters one by one), what is garbled (letters and signs mixed within words), and what is a stamp only.
#[must_use]
pub fn plausibility(text: &str) -> f64 {
    let words: Vec<&str> = text.split_whitespace().collect();
    if words.is_empty() {
        return 0.0;
    }
    let count = |test: fn(&str) -> bool| words.iter().filter(|word| test(word)).count() as f64;
    let all = words.len() as f64;
    let (garbled, single) = (count(is_garbled) / all, count(is_single) / all);
    // Texts have some garbled words (formulas) and some single letters; above that it shows.
    let garbled = ((garbled - 0.08) * 2.5).clamp(0.0, 1.0);
    let single = ((single - 0.35) * 2.0).clamp(0.0, 1.0);
    let stamp = if words.len() < FEWEST_WORDS { 0.6 } else { 0.0 };
    (1.0 - garbled.max(single).max(stamp)).clamp(0.0, 1.0)
}

fn is_single(word: &str) -> bool {
    let mut letters = word.chars();
    matches!((letters.next(), letters.next()), (Some(c), None) if c.is_alphabetic() && !is_ideograph(c))
}

fn is_ideograph(c: char) -> bool {
    ('\u{2e80}'..='\u{d7af}').contains(&c) || ('\u{f900}'..='\u{faff}').contains(&c)
}

/// Characters that no text has, or letters and signs in an order that no word has.
fn is_garbled(word: &str) -> bool {
    let lost = |c: char| {
        c == char::REPLACEMENT_CHARACTER || c.is_control() || ('\u{e000}'..='\u{f8ff}').contains(&c)
    };
    if word.chars().any(lost) {
        return true;
    }
    let inner = word.trim_matches(|c: char| !c.is_alphanumeric());
    if inner.is_empty() {
        return word.chars().count() > 3 && !word.chars().all(|c| word.starts_with(c));
    }
    let signs = inner
        .chars()
        .filter(|c| {
            !c.is_alphanumeric() && !"-'’.,/:@&_\u{2010}\u{2011}\u{2013}\u{2014}=+~%#?()".contains(*c)
        })
        .count();
    let letters = inner.chars().filter(|c| c.is_alphabetic()).count();
    let digits = inner.chars().filter(|c| c.is_numeric()).count();
    // A small letter before a capital, more than once.
    let pairs = inner.chars().zip(inner.chars().skip(1));
    let turns = pairs.filter(|(a, b)| a.is_lowercase() && b.is_uppercase()).count();
    signs * 3 > inner.chars().count() || turns >= 2 || (digits >= 2 && letters >= 3 && turns >= 1)
}

/// The name under which an OCR engine's readings are kept: its own, with `-` for what no provider's name has.
///
/// ```
/// use bookstate_jobs::choose::provider_name;
///
/// assert_eq!(provider_name("openrouter:some/model-1.5").unwrap().as_str(), "openrouter-some-model-1-5");
/// ```
#[must_use]
pub fn provider_name(engine: &str) -> Option<Provider> {
    let kept = |c: char| if c.is_ascii_alphanumeric() || "_-".contains(c) { c } else { '-' };
    Provider::new(&engine.chars().map(kept).collect::<String>()).ok()
}

/// The provider of an OCR engine that is one of these; `None`: it is not.
#[must_use]
pub fn provider_among(engines: &Engines, engine: &str) -> Option<Provider> {
    engines.ocr.iter().find(|name| ***name == *engine).and_then(|name| provider_name(name))
}

/// The providers of the book's latest job, in its order of preference.
#[must_use]
pub fn preferred(state: &BookState) -> Vec<Provider> {
    let engines = state.latest_job().and_then(|job| job.engines.as_ref());
    engines.into_iter().flat_map(|engines| &engines.ocr).filter_map(|name| provider_name(name)).collect()
}

/// The reading that a page's text comes from, by the order of preference of the [`preferred`] providers.
#[must_use]
pub fn chosen<'a>(state: &'a BookState, page: i32, preferred: &[Provider]) -> Option<Choice<'a>> {
    choose(&in_order(state, page, preferred))
}

/// The readings of a page in a job's order of preference, a person's first.
fn in_order<'a>(state: &'a BookState, page: i32, providers: &[Provider]) -> Vec<&'a OcrResult> {
    let person = Provider::person();
    let order = std::iter::once(&person).chain(providers);
    order.filter_map(|provider| state.ocr_result(page, provider).map(|result| &**result)).collect()
}

#[cfg(test)]
mod tests {
    use bookstate_domain::{BookId, Seq};

    use super::*;

    #[test]
    fn text_is_plausible_and_noise_is_not() {
        let prose = "Each of the pictures in the upper lunettes, the work of Lagrenée le jeune, represents one of the";
        assert!(plausibility(prose) > 0.95);
        assert!(plausibility("f(x) = a + b, where x > 0; see [12] and http://example.org/a") > 0.5);
        assert!(plausibility("吾輩は猫である 名前はまだ無い どこで生れたか とんと見当がつかぬ") > 0.9);
        for noise in [
            "Digitized by Google",
            "\u{fffd}\u{fffd} \u{fffd}he \u{fffd}\u{fffd}use \u{fffd}f",
            "q\"$%a !)(&b x;;^^c ~|d]] <<e*",
            "T h e h o u s e o f t h e m a n",
            "",
        ] {
            assert!(plausibility(noise) < GOOD, "{noise:?}: {}", plausibility(noise));
        }
    }

    #[test]
    fn a_blank_page_is_that_of_who_is_surest_of_it() {
        let reading = |provider: &str, text: &str, confidence: Option<f64>| OcrResult {
            book_id: BookId::new("b-0123456789abcdef").unwrap(),
            page_num: 1,
            provider: Provider::new(provider).unwrap(),
            text: Some(text.into()),
            confidence,
            created_at: None,
            created_seq: Seq::ZERO,
        };
        let (layer, image) = (reading("text-layer", "", Some(0.0)), reading("tesseract", "", Some(1.0)));
        let provider = |readings: &[&OcrResult]| choose(readings).unwrap().reading.provider.to_string();
        assert_eq!(provider(&[&layer, &image]), "tesseract");
        // Of equals the first; what has text is before what has none.
        assert_eq!(provider(&[&reading("a", "", None), &image]), "a");
        assert_eq!(provider(&[&image, &reading("b", "a page with text", Some(0.9))]), "b");
    }
}
