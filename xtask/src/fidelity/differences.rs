//! Where two texts of one book differ, and of which class a difference is.
//!
//! The texts are aligned by runs of words that both have once, and between these word by word. Alignment is for people
//! who look for faults; the score is counted without it.

use std::collections::{BTreeMap, HashMap, HashSet};

/// Runs of so many words are anchors, tried from the longest to the shortest.
const RUNS: [usize; 4] = [8, 4, 2, 1];
/// Longer stretches without an anchor are not compared word by word.
const MOST_CELLS: usize = 4_000_000;
/// So many words in a row that are missing here and are extra there were moved.
const MOVED: usize = 4;

/// What may be wrong with words.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Class {
    /// Two words of the edition are one in the text.
    Glued,
    /// One word of the edition is several in the text.
    Split,
    /// Words stand at another place: the order, notes, floats.
    Moved,
    /// Numbers: of pages, sections, notes, lines.
    Numbers,
    /// Only the edition has them.
    Missing,
    /// Only the text has them.
    Extra,
    /// Other words stand at this place.
    Other,
}

impl Class {
    pub(super) fn name(self) -> &'static str {
        match self {
            Self::Glued => "glued",
            Self::Split => "split",
            Self::Moved => "moved",
            Self::Numbers => "numbers",
            Self::Missing => "only in the edition",
            Self::Extra => "only in the text",
            Self::Other => "other words",
        }
    }
}

/// The differences of a class: how many words, and the longest and most frequent of them.
#[derive(Debug, Default)]
pub(super) struct Differences {
    pub(super) words: usize,
    pub(super) examples: BTreeMap<String, usize>,
}

/// All places where the words of a text differ from those of the edition, by class.
pub(super) fn differences(edition: &[String], text: &[String]) -> BTreeMap<Class, Differences> {
    let mut gaps = Vec::new();
    align(edition, text, 0, &mut gaps);
    let runs = |side: fn(&Gap) -> &[String]| -> HashSet<String> {
        gaps.iter().flat_map(|gap| side(gap).windows(MOVED)).map(|run| run.join(" ")).collect()
    };
    let (missing, extra) = (runs(|gap| &gap.edition), runs(|gap| &gap.text));
    let mut out: BTreeMap<Class, Differences> = BTreeMap::new();
    for gap in &gaps {
        let class = gap.class(&missing, &extra);
        let of_class = out.entry(class).or_default();
        of_class.words += gap.edition.len().max(gap.text.len());
        let example = format!("{} | {}", shortened(&gap.edition), shortened(&gap.text));
        *of_class.examples.entry(example).or_default() += 1;
    }
    out
}

fn shortened(words: &[String]) -> String {
    let mut out = words.iter().take(12).map(String::as_str).collect::<Vec<_>>().join(" ");
    if words.len() > 12 {
        out.push_str(&format!(" … ({} words)", words.len()));
    }
    out
}

/// A place where the texts differ.
#[derive(Debug, PartialEq)]
struct Gap {
    edition: Vec<String>,
    text: Vec<String>,
}

impl Gap {
    fn class(&self, missing: &HashSet<String>, extra: &HashSet<String>) -> Class {
        let (edition, text) = (self.edition.concat(), self.text.concat());
        let numbers = |words: &[String]| words.iter().all(|w| w.starts_with(|c: char| c.is_numeric()));
        let moved = |words: &[String], there: &HashSet<String>| {
            let runs = words.windows(MOVED).filter(|run| there.contains(&run.join(" "))).count();
            runs * 2 + 2 * MOVED > words.len() + MOVED && runs > 0
        };
        if edition == text {
            return if self.edition.len() > self.text.len() { Class::Glued } else { Class::Split };
        }
        if numbers(&self.edition) && numbers(&self.text) {
            Class::Numbers
        } else if moved(&self.edition, extra) || moved(&self.text, missing) {
            Class::Moved
        } else if self.text.is_empty() {
            Class::Missing
        } else if self.edition.is_empty() {
            Class::Extra
        } else {
            Class::Other
        }
    }
}

fn align(a: &[String], b: &[String], run: usize, gaps: &mut Vec<Gap>) {
    let same = a.iter().zip(b).take_while(|(a, b)| a == b).count();
    let (a, b) = (a.get(same..).unwrap_or_default(), b.get(same..).unwrap_or_default());
    let same = a.iter().rev().zip(b.iter().rev()).take_while(|(a, b)| a == b).count();
    let (a, b) = (a.get(..a.len() - same).unwrap_or_default(), b.get(..b.len() - same).unwrap_or_default());
    if a.is_empty() && b.is_empty() {
        return;
    }
    if a.is_empty() || b.is_empty() {
        gaps.push(Gap { edition: a.to_vec(), text: b.to_vec() });
        return;
    }
    for (deeper, length) in RUNS.iter().enumerate().skip(run) {
        let anchors = anchors(a, b, *length);
        if anchors.is_empty() {
            continue;
        }
        let (mut i, mut j) = (0, 0);
        for (at, on) in anchors {
            if at < i || on < j {
                continue;
            }
            align(&a[i..at], &b[j..on], deeper, gaps);
            (i, j) = (at + length, on + length);
        }
        align(&a[i..], &b[j..], deeper, gaps);
        return;
    }
    if a.len() * b.len() > MOST_CELLS {
        gaps.push(Gap { edition: a.to_vec(), text: b.to_vec() });
    } else {
        word_by_word(a, b, gaps);
    }
}

/// Runs of words that both have once, in the order of both: the longest rising series.
fn anchors(a: &[String], b: &[String], length: usize) -> Vec<(usize, usize)> {
    let once = |words: &'_ [String]| {
        let mut places: HashMap<Vec<String>, Option<usize>> = HashMap::new();
        for (i, run) in words.windows(length).enumerate() {
            places.entry(run.to_vec()).and_modify(|place| *place = None).or_insert(Some(i));
        }
        places
    };
    let (in_a, in_b) = (once(a), once(b));
    let mut pairs: Vec<(usize, usize)> =
        in_a.iter().filter_map(|(run, at)| Some(((*at)?, in_b.get(run).copied().flatten()?))).collect();
    pairs.sort_unstable();
    // Patience sorting: for each length the series that ends lowest.
    let mut ends: Vec<usize> = Vec::new();
    let mut before: Vec<Option<usize>> = vec![None; pairs.len()];
    for (k, (_, on)) in pairs.iter().enumerate() {
        let at = ends.partition_point(|e| pairs[*e].1 < *on);
        before[k] = at.checked_sub(1).map(|at| ends[at]);
        match ends.get_mut(at) {
            Some(end) => *end = k,
            None => ends.push(k),
        }
    }
    let mut series = Vec::new();
    let mut last = ends.last().copied();
    while let Some(k) = last {
        series.push(pairs[k]);
        last = before[k];
    }
    series.reverse();
    series
}

/// The longest common subsequence by table; what is not of it are gaps.
fn word_by_word(a: &[String], b: &[String], gaps: &mut Vec<Gap>) {
    let width = b.len() + 1;
    let mut table = vec![0_u32; (a.len() + 1) * width];
    for i in (0..a.len()).rev() {
        for j in (0..b.len()).rev() {
            table[i * width + j] = match a[i] == b[j] {
                true => table[(i + 1) * width + j + 1] + 1,
                false => table[(i + 1) * width + j].max(table[i * width + j + 1]),
            };
        }
    }
    let (mut i, mut j) = (0, 0);
    let mut open = Gap { edition: Vec::new(), text: Vec::new() };
    let mut close = |open: &mut Gap| {
        let gap = std::mem::replace(open, Gap { edition: Vec::new(), text: Vec::new() });
        if !gap.edition.is_empty() || !gap.text.is_empty() {
            gaps.push(gap);
        }
    };
    while i < a.len() && j < b.len() {
        if a[i] == b[j] {
            close(&mut open);
            (i, j) = (i + 1, j + 1);
        } else if table[(i + 1) * width + j] >= table[i * width + j + 1] {
            open.edition.push(a[i].clone());
            i += 1;
        } else {
            open.text.push(b[j].clone());
            j += 1;
        }
    }
    open.edition.extend(a.iter().skip(i).cloned());
    open.text.extend(b.iter().skip(j).cloned());
    close(&mut open);
}

#[cfg(test)]
mod tests {
    use super::*;

    fn found(edition: &str, text: &str) -> Vec<(Class, usize)> {
        let split = |t: &str| t.split_whitespace().map(str::to_owned).collect::<Vec<_>>();
        let all = differences(&split(edition), &split(text));
        all.into_iter().map(|(class, of)| (class, of.words)).collect()
    }

    #[test]
    fn each_difference_has_its_class() {
        assert_eq!(found("the quick brown fox", "the quick brown fox"), []);
        assert_eq!(found("the quick brown fox", "the quickbrown fox"), [(Class::Glued, 2)]);
        assert_eq!(found("the quick brown fox", "the qui ck brown fox"), [(Class::Split, 2)]);
        assert_eq!(found("see page of it", "see page 17 of it"), [(Class::Numbers, 1)]);
        assert_eq!(found("a word here", "a here"), [(Class::Missing, 1)]);
        assert_eq!(found("a here", "a head here"), [(Class::Extra, 1)]);
        let note = "this is a note of six";
        let text = "two three four five six seven eight nine";
        let moved = found(&format!("one {note} {text}"), &format!("one {text} {note}"));
        assert_eq!(moved, [(Class::Moved, 12)]);
    }
}
