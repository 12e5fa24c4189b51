//! What a line says: a network gives for each step along the line how likely each character is.
//!
//! The steps are decoded as the network was trained (connectionist temporal classification): the likeliest character
//! of each, one for a run of equal ones, and none for what is the blank.

use std::{fs::File, path::Path};

use image::{GrayImage, Luma, imageops};
use rten_onnx::onnx::ModelProto;
use rten_tensor::{AsView, Layout};

use super::model::{Network, Thread, unusable};
use crate::tesseract::OcrError;

/// How high the network takes a line, and how wide at least.
const HEIGHT: u32 = 48;
/// A longer line is made narrower: what it then says is doubtful, which shows.
const WIDEST: f32 = 4096.0;

/// What a model calls the list of its characters, a line each.
const CHARACTERS: &str = "character";

/// What a network makes of a step along a line.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Step {
    /// The number of the likeliest character; 0: none.
    character: usize,
    /// How likely it is.
    confidence: f32,
}

/// A word of a line.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct LineWord {
    pub(super) text: String,
    /// Where it begins and ends, as shares of the line's width.
    pub(super) from: f32,
    pub(super) to: f32,
    /// The mean of its characters.
    pub(super) confidence: f32,
}

/// Puts a line to the network.
pub(super) fn steps(network: &Network, line: &GrayImage, thread: &Thread) -> Result<Vec<Step>, OcrError> {
    let height = line.height().max(1) as f32;
    let width = (line.width() as f32 * HEIGHT as f32 / height).clamp(1.0, WIDEST) as u32;
    let scaled = imageops::resize(line, width, HEIGHT, imageops::FilterType::Triangle);
    // What is narrower is not stretched: there is paper beside it.
    let mut paper = GrayImage::from_pixel(width.max(HEIGHT), HEIGHT, Luma([255]));
    imageops::replace(&mut paper, &scaled, 0, 0);
    let answer = network.answer::<3>(&paper, thread)?;
    let [_, steps, characters] = answer.shape();
    let step = |at: usize| {
        let likely = |n: usize| answer.get([0, at, n]).copied().filter(|n| n.is_finite()).unwrap_or(0.0);
        let mut best = Step { character: 0, confidence: likely(0) };
        for character in 1..characters {
            if likely(character) > best.confidence {
                best = Step { character, confidence: likely(character) };
            }
        }
        Step { confidence: best.confidence.clamp(0.0, 1.0), ..best }
    };
    // Of these the last ones are on the paper.
    let on_line = (steps as f32 * width as f32 / paper.width() as f32).ceil() as usize;
    Ok((0..on_line.min(steps)).map(step).collect())
}

/// How many characters a network tells, the blank between words among them.
pub(super) fn known(network: &Network, line: &GrayImage, thread: &Thread) -> Result<usize, OcrError> {
    let [_, _, characters] = network.answer::<3>(line, thread)?.shape();
    Ok(characters.saturating_sub(1))
}

/// The characters that a network knows.
#[derive(Debug)]
pub(super) struct Alphabet(Vec<String>);

impl Alphabet {
    /// The alphabet that is in a model.
    pub(super) fn of_model(path: &Path) -> Result<Self, OcrError> {
        let file = File::open(path).map_err(|error| unusable(path, error))?;
        let model = ModelProto::parse_file(file).map_err(|error| unusable(path, error))?;
        let mut about = model.metadata_props.into_iter();
        let characters = about.find(|entry| entry.key.as_deref() == Some(CHARACTERS));
        let characters = characters.and_then(|entry| entry.value).filter(|value| !value.is_empty());
        let characters =
            characters.ok_or_else(|| unusable(path, "the list of its characters is not in it"))?;
        Ok(Self::of(&characters))
    }

    /// The number 0 is none of them, and the blank between words is the last, whether it is listed or not.
    fn of(characters: &str) -> Self {
        let mut list: Vec<String> = characters.lines().map(str::to_owned).collect();
        if list.last().is_none_or(|last| last != " ") {
            list.push(" ".to_owned());
        }
        Self(list)
    }

    /// How many there are.
    pub(super) const fn characters(&self) -> usize {
        self.0.len()
    }

    /// The words of a line.
    pub(super) fn words(&self, steps: &[Step]) -> Vec<LineWord> {
        let mut words: Vec<LineWord> = Vec::new();
        let (mut before, mut goes_on, mut letters) = (0, false, 0.0_f32);
        let share = |at: usize| at as f32 / steps.len() as f32;
        for (at, step) in steps.iter().enumerate() {
            let is_repeated = step.character == before;
            before = step.character;
            if step.character == 0 {
                continue;
            }
            let text = self.0.get(step.character - 1).map_or("\u{fffd}", String::as_str);
            if text.trim().is_empty() {
                goes_on = false;
                continue;
            }
            match words.last_mut().filter(|_| goes_on) {
                Some(word) if is_repeated => word.to = share(at + 1),
                Some(word) => {
                    letters += 1.0;
                    word.text.push_str(text);
                    word.confidence += (step.confidence - word.confidence) / letters;
                    word.to = share(at + 1);
                }
                None => {
                    goes_on = true;
                    letters = 1.0;
                    let (from, to) = (share(at), share(at + 1));
                    words.push(LineWord { text: text.to_owned(), from, to, confidence: step.confidence });
                }
            }
        }
        words
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn words(line: &str) -> Vec<LineWord> {
        let alphabet = Alphabet::of("a\nb\nc");
        let number = |c| "-abc ".chars().position(|known| known == c).unwrap_or(9);
        let steps: Vec<Step> = line.chars().map(|c| Step { character: number(c), confidence: 0.8 }).collect();
        alphabet.words(&steps)
    }

    #[test]
    fn a_run_of_equal_steps_is_a_character_and_a_blank_ends_a_word() {
        let texts = |line: &str| words(line).into_iter().map(|word| word.text).collect::<Vec<_>>();
        assert_eq!(texts("-aab-b--  -cc"), ["abb", "c"]);
        assert_eq!(texts("aa  aa"), ["a", "a"], "the same letter again");
        assert_eq!(texts("--- -"), [] as [&str; 0]);
        assert_eq!(texts(""), [] as [&str; 0]);
        assert_eq!(texts("a?"), ["a\u{fffd}"], "a number that no character has");
    }

    #[test]
    fn words_stand_where_their_steps_are() {
        let words = words("--aa- bbb-");
        assert_eq!((words[0].from, words[0].to), (0.2, 0.4));
        assert_eq!((words[1].from, words[1].to), (0.6, 0.9));
        assert!((words[0].confidence - 0.8).abs() < 1e-6);
    }
}
