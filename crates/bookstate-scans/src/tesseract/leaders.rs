//! What a leader joins is one line: `Masson (Jacques) . . . . . 26 Sept., 1770.`
//!
//! The program takes what stands behind leaders for a column of its own and reads it after all that stands before
//! them. The leaders were wiped from the image; where they were says which two pieces belong together.

use std::collections::BTreeMap;

use crate::words::{Area, Word};

/// How far from a leader's ends, in letters, a line may end or begin.
const REACH: f32 = 12.0;

/// A word of at least so many letters that is at least so sure may be what a leader follows.
const LETTERS: usize = 2;
const SURE: f32 = 0.5;

/// Whether leaders are leaders: most follow words that were read. The dots of a picture's screen stand in rows as well,
/// and have none before them; to read them line by line takes minutes.
pub(super) fn follow_words(words: &[Word], leaders: &[Area], letter: f32) -> bool {
    let is_word = |word: &&Word| {
        word.confidence >= SURE && word.text.chars().filter(|c| c.is_alphabetic()).count() >= LETTERS
    };
    let words: Vec<Word> = words.iter().filter(is_word).cloned().collect();
    let lines = lines(&words);
    let follows = |leader: &&Area| lines.iter().any(|line| is_before(line, leader, letter));
    2 * leaders.iter().filter(follows).count() >= leaders.len()
}

/// A line of words as the program has it.
#[derive(Debug, Clone, Copy)]
struct Line {
    number: u32,
    block: u32,
    place: Area,
}

/// Joins the lines that leaders join. What follows the second in its block, without a leader of its own, stays behind
/// it. `letter`: the height of the page's letters in the words' pixels.
pub(super) fn join(words: &mut Vec<Word>, leaders: &[Area], letter: f32) {
    let lines = lines(words);
    let mut second_of: BTreeMap<u32, u32> = BTreeMap::new();
    let mut taken: Vec<u32> = Vec::new();
    for leader in leaders {
        let Some((first, second)) = joined(&lines, leader, letter) else { continue };
        let is_free = !taken.contains(&second) && !taken.contains(&first) && !second_of.contains_key(&second);
        if is_free && !second_of.contains_key(&first) {
            second_of.insert(first, second);
            taken.push(second);
        }
    }
    if second_of.is_empty() {
        return;
    }
    let mut followers: BTreeMap<u32, Vec<u32>> = BTreeMap::new();
    for second in &taken {
        let place = lines.iter().position(|line| line.number == *second).unwrap_or(lines.len());
        let block = lines.get(place).map(|line| line.block);
        let after = lines.iter().skip(place + 1);
        let behind = after.take_while(|line| {
            Some(line.block) == block
                && !taken.contains(&line.number)
                && !second_of.contains_key(&line.number)
        });
        followers.insert(*second, behind.map(|line| line.number).collect());
    }
    let moved: Vec<u32> = followers.values().flatten().chain(&taken).copied().collect();
    let mut of_line: BTreeMap<u32, Vec<Word>> = BTreeMap::new();
    for word in words.drain(..) {
        of_line.entry(word.line).or_default().push(word);
    }
    for line in lines.iter().filter(|line| !moved.contains(&line.number)) {
        words.extend(of_line.remove(&line.number).unwrap_or_default());
        let Some(second) = second_of.get(&line.number) else { continue };
        let behind = of_line.remove(second).unwrap_or_default().into_iter();
        words.extend(behind.map(|word| Word { line: line.number, block: line.block, ..word }));
        for follower in followers.get(second).into_iter().flatten() {
            let behind = of_line.remove(follower).unwrap_or_default().into_iter();
            words.extend(behind.map(|word| Word { block: line.block, ..word }));
        }
    }
}

/// The lines in the order of their first words.
fn lines(words: &[Word]) -> Vec<Line> {
    let mut lines: Vec<Line> = Vec::new();
    for word in words {
        match lines.iter_mut().rev().find(|line| line.number == word.line) {
            Some(line) => line.place = line.place.union(&word.area),
            None => lines.push(Line { number: word.line, block: word.block, place: word.area }),
        }
    }
    lines
}

/// Whether a line stands on a leader's baseline.
fn is_beside(line: &Line, leader: &Area, letter: f32) -> bool {
    let baseline = leader.y1;
    line.place.y0 < baseline && baseline < line.place.y1 + 0.4 * letter
}

/// Whether what stands so far from a leader's end belongs to it.
fn is_near(gap: f32, letter: f32) -> bool {
    gap >= -letter && gap <= REACH * letter
}

fn is_before(line: &Line, leader: &Area, letter: f32) -> bool {
    // Words behind a leader may be of its line already.
    is_beside(line, leader, letter)
        && (is_near(leader.x0 - line.place.x1, letter)
            || (line.place.x0 < leader.x0 && leader.x0 < line.place.x1))
}

/// The line before a leader and the one behind it; `None`: one of them is not there, or they are one already.
fn joined(lines: &[Line], leader: &Area, letter: f32) -> Option<(u32, u32)> {
    let beside = |line: &&Line| is_beside(line, leader, letter);
    let apart = |gap: f32| is_near(gap, letter);
    let before = lines.iter().filter(beside).filter(|line| apart(leader.x0 - line.place.x1));
    let before = before.max_by(|a, b| a.place.x1.total_cmp(&b.place.x1))?;
    let behind = lines.iter().filter(beside).filter(|line| apart(line.place.x0 - leader.x1));
    let behind = behind.min_by(|a, b| a.place.x0.total_cmp(&b.place.x0))?;
    (before.number != behind.number).then_some((before.number, behind.number))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        /// Whatever is joined, every word is there as often as before, and no line is in two places.
        #[test]
        fn no_word_is_lost_or_doubled(
            places in proptest::collection::vec((0_u32..12, 0_u32..3, 0_u32..9, 0_u32..9), 0..40),
            leaders in proptest::collection::vec((0_u32..9, 0_u32..9, 1_u32..4), 0..12),
        ) {
            let mut words: Vec<Word> = Vec::new();
            for (n, (line, block, x, y)) in places.into_iter().enumerate() {
                words.push(word(&format!("w{n}"), x as f32 * 60.0, y as f32 * 20.0, line, block));
            }
            words.sort_by_key(|word| word.line);
            let leaders: Vec<Area> = leaders
                .into_iter()
                .map(|(x, y, long)| {
                    let (x0, y1) = (x as f32 * 60.0, y as f32 * 20.0 + 15.0);
                    Area { x0, y0: y1 - 3.0, x1: x0 + long as f32 * 60.0, y1 }
                })
                .collect();
            let texts = |words: &[Word]| {
                let mut texts: Vec<String> = words.iter().map(|word| word.text.clone()).collect();
                texts.sort();
                texts
            };
            let before = texts(&words);
            join(&mut words, &leaders, 16.0);
            prop_assert_eq!(texts(&words), before);
            let mut lines: Vec<u32> = words.iter().map(|word| word.line).collect();
            lines.dedup();
            let all = lines.len();
            lines.sort_unstable();
            lines.dedup();
            prop_assert_eq!(lines.len(), all);
        }
    }

    fn word(text: &str, x0: f32, y0: f32, line: u32, block: u32) -> Word {
        let area = Area { x0, y0, x1: x0 + 10.0 * text.chars().count() as f32, y1: y0 + 20.0 };
        Word { text: text.to_owned(), area, confidence: 0.9, line, block }
    }

    fn leader(y: f32) -> Area {
        Area { x0: 220.0, y0: y - 3.0, x1: 480.0, y1: y }
    }

    fn text(words: &[Word]) -> String {
        words.iter().map(|word| format!("{}/{} ", word.text, word.line)).collect()
    }

    #[test]
    fn rows_of_dots_without_words_before_them_are_no_leaders() {
        let titles = [word("Masson", 100.0, 10.0, 0, 0), word("Cressent", 90.0, 50.0, 1, 0)];
        let (first, second) = (leader(28.0), leader(68.0));
        assert!(follow_words(&titles, &[first, second], 16.0));
        let joined = [word("Masson", 100.0, 10.0, 0, 0), word("26", 500.0, 10.0, 0, 0)];
        assert!(follow_words(&joined, &[first], 16.0), "one line already");
        let screen: Vec<Area> = (0..30).map(|row| leader(100.0 + 8.0 * row as f32)).collect();
        assert!(!follow_words(&titles, &screen, 16.0));
        let noise = [Word { confidence: 0.2, ..titles[0].clone() }, word("1.", 100.0, 50.0, 1, 0)];
        assert!(!follow_words(&noise, &[first, second], 16.0));
        assert!(!follow_words(&[], &[first], 16.0));
    }

    #[test]
    fn names_and_what_stands_behind_their_leaders_are_one_line() {
        let mut words = vec![
            word("Masson", 100.0, 100.0, 0, 0),
            word("Normand", 100.0, 130.0, 1, 0),
            word("Olivier", 100.0, 190.0, 2, 0),
            word("1770", 520.0, 101.0, 3, 1),
            word("Beginning", 520.0, 130.0, 4, 1),
            word("reign", 530.0, 160.0, 5, 1),
            word("1785", 520.0, 190.0, 6, 1),
        ];
        let all = words.len();
        join(&mut words, &[leader(118.0), leader(148.0), leader(208.0)], 16.0);
        assert_eq!(text(&words), "Masson/0 1770/0 Normand/1 Beginning/1 reign/5 Olivier/2 1785/2 ");
        assert_eq!(words.len(), all);
    }

    #[test]
    fn what_no_leader_joins_stays() {
        let mut words = vec![
            word("Masson", 100.0, 100.0, 0, 0),
            word("1770", 520.0, 101.0, 0, 0),
            word("aside", 520.0, 300.0, 1, 1),
        ];
        let before = words.clone();
        join(&mut words, &[leader(118.0), leader(500.0)], 16.0);
        assert_eq!(words, before);
    }
}
