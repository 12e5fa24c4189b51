//! From bytes to text, whatever their encoding.
//!
//! Invariants: a byte order mark decides, then a declaration, then whether the bytes are UTF-8; only what is none of
//! these is guessed. Text in UTF-8 with a few bad bytes stays UTF-8. Bytes that are no text in any encoding are none.

use chardetng::{EncodingDetector, Iso2022JpDetection, Utf8Detection};
use encoding_rs::{Encoding, MACINTOSH, UTF_8, UTF_16BE, UTF_16LE};

/// So many bytes are looked at for a guess.
const GUESS_FROM: usize = 1 << 20;
/// So many characters of text in UTF-16 without a mark are looked at.
const PROBE: usize = 1 << 16;

/// Text whose encoding nobody declared; `None` when it is none.
pub(super) fn text(bytes: &[u8]) -> Option<String> {
    if let Some((encoding, mark)) = marked(bytes) {
        return Some(encoding.decode_without_bom(bytes.get(mark..).unwrap_or_default()))
            .filter(|t| is_text(t));
    }
    if bytes.contains(&0) {
        return wide(bytes);
    }
    Some(unmarked(bytes)).filter(|text| is_text(text))
}

/// Text with the label of an encoding that its file declares.
pub(super) fn declared(bytes: &[u8], label: Option<&str>) -> String {
    if let Some((encoding, mark)) = marked(bytes) {
        return encoding.decode_without_bom(bytes.get(mark..).unwrap_or_default());
    }
    if let Ok(text) = std::str::from_utf8(bytes)
        && !bytes.contains(&0x1b)
        && !bytes.contains(&0)
    {
        return text.to_owned();
    }
    let encoding = label.and_then(|label| Encoding::for_label(label.as_bytes()));
    match encoding {
        // A declaration of UTF-16 that could be read as ASCII is wrong.
        Some(encoding) if encoding != UTF_16LE && encoding != UTF_16BE && !is_mostly_utf8(bytes) => {
            encoding.decode_without_bom_handling(bytes).0.into_owned()
        }
        _ => wide(bytes).unwrap_or_else(|| unmarked(bytes)),
    }
}

/// An encoding that a byte order mark names.
enum Marked {
    Of(&'static Encoding),
    Utf32 { little: bool },
}

impl Marked {
    fn decode_without_bom(&self, bytes: &[u8]) -> String {
        match self {
            Self::Of(encoding) => encoding.decode_without_bom_handling(bytes).0.into_owned(),
            Self::Utf32 { little } => utf32(bytes, *little),
        }
    }
}

fn marked(bytes: &[u8]) -> Option<(Marked, usize)> {
    match bytes {
        [0xff, 0xfe, 0, 0, ..] => Some((Marked::Utf32 { little: true }, 4)),
        [0, 0, 0xfe, 0xff, ..] => Some((Marked::Utf32 { little: false }, 4)),
        [0xef, 0xbb, 0xbf, ..] => Some((Marked::Of(UTF_8), 3)),
        [0xff, 0xfe, ..] => Some((Marked::Of(UTF_16LE), 2)),
        [0xfe, 0xff, ..] => Some((Marked::Of(UTF_16BE), 2)),
        _ => None,
    }
}

fn utf32(bytes: &[u8], little: bool) -> String {
    let of = |chunk: &[u8]| {
        let four = <[u8; 4]>::try_from(chunk).unwrap_or_default();
        let code = if little { u32::from_le_bytes(four) } else { u32::from_be_bytes(four) };
        char::from_u32(code).unwrap_or('\u{fffd}')
    };
    bytes.chunks(4).map(of).collect()
}

/// Text of two or four bytes a character, without a mark: of the ways to read it the one that gives text.
fn wide(bytes: &[u8]) -> Option<String> {
    if !bytes.contains(&0) {
        return None;
    }
    let probe = bytes.get(..4 * PROBE).unwrap_or(bytes);
    let ways = [
        Marked::Of(UTF_16LE),
        Marked::Of(UTF_16BE),
        Marked::Utf32 { little: true },
        Marked::Utf32 { little: false },
    ];
    let scored = ways.into_iter().map(|way| (score(&way.decode_without_bom(probe)), way));
    let (score, way) = scored.max_by_key(|(score, _)| *score)?;
    if score < 850 {
        return None;
    }
    Some(way.decode_without_bom(bytes))
}

/// How much of a text is what texts are made of, in thousandths. Of two readings of the same bytes the one with white
/// space between its words is the text.
fn score(text: &str) -> u32 {
    let (mut all, mut good) = (0_u32, 0_u32);
    for c in text.chars().filter(|c| *c != '\u{feff}') {
        all += 1;
        let plain = matches!(c, '\n' | '\r' | '\t' | '\u{c}' | ' ' | '\u{3000}');
        let sign = "\u{3001}\u{3002}\u{ff0c}.,;:!?-–—„“”‘’«»'\"()[]*#".contains(c);
        let bad = c == '\u{fffd}' || c == '\0' || c.is_control() || ('\u{e000}'..='\u{f8ff}').contains(&c);
        good += match () {
            () if plain || sign => 2,
            () if c.is_alphanumeric() || !bad => 1,
            () => 0,
        };
        if bad && !plain {
            good = good.saturating_sub(2);
        }
    }
    if all == 0 { 0 } else { u32::try_from(u64::from(good) * 1000 / u64::from(all)).unwrap_or(0) }
}

fn unmarked(bytes: &[u8]) -> String {
    // Japanese mail switches alphabets with an escape and is ASCII otherwise.
    let escapes = bytes.windows(2).any(|two| two == b"\x1b$");
    match std::str::from_utf8(bytes) {
        Ok(text) if !escapes => return text.to_owned(),
        _ => {}
    }
    if !escapes && is_mostly_utf8(bytes) {
        return String::from_utf8_lossy(bytes).into_owned();
    }
    let mut detector = EncodingDetector::new(Iso2022JpDetection::Allow);
    detector.feed(bytes.get(..GUESS_FROM).unwrap_or(bytes), bytes.len() <= GUESS_FROM);
    let encoding = detector.guess(None, Utf8Detection::Deny);
    let encoding = if is_mac_roman(bytes) { MACINTOSH } else { encoding };
    encoding.decode_without_bom_handling(bytes).0.into_owned()
}

/// Latin text of an old Macintosh, which nobody guesses: its letters are where other encodings have signs that do not
/// stand between letters. As such it has no capitals within words.
fn is_mac_roman(bytes: &[u8]) -> bool {
    let head = bytes.get(..GUESS_FROM).unwrap_or(bytes);
    let (mut low, mut high, mut inner) = (0_usize, 0_usize, 0_usize);
    for three in head.windows(3) {
        let [before, at, after] = three else { continue };
        if !(before.is_ascii_lowercase() && after.is_ascii_lowercase()) {
            continue;
        }
        match at {
            // An apostrophe, a dash: other encodings have them here.
            0x85 | 0x91..=0x97 => {}
            0x80..=0x9f => {
                low += 1;
                // Upper case up to 0x86 but for one; the letters of DOS are here.
                inner += usize::from(*at <= 0x86);
            }
            0xc0..=0xff => high += 1,
            _ => {}
        }
    }
    low >= 2 && low >= 4 * high && inner * 4 <= low
}

/// Characters of several bytes that are right outnumber the bytes that are wrong by far.
fn is_mostly_utf8(bytes: &[u8]) -> bool {
    let (mut right, mut wrong) = (0_usize, 0_usize);
    for chunk in bytes.utf8_chunks() {
        right += chunk.valid().chars().filter(|c| c.len_utf8() > 1).count();
        wrong += usize::from(!chunk.invalid().is_empty());
    }
    right > 0 && right >= wrong.saturating_mul(10)
}

/// Control characters are rare in a text.
fn is_text(text: &str) -> bool {
    let control = |c: &char| {
        c.is_control() && !matches!(c, '\n' | '\r' | '\t' | '\u{c}' | '\u{b}' | '\u{1a}' | '\u{85}')
    };
    let wrong = text.chars().filter(control).count();
    !text.contains('\0') && wrong <= text.chars().count() / 50
}

#[cfg(test)]
mod tests {
    use super::*;

    const GERMAN: &str =
        "Kapitel 1\n\nDie schöne Müllerin ging über die Brücke. Größe, Äpfel, Öl und „Übermut“.\n";
    const RUSSIAN: &str = "Глава первая\n\nОднажды весною, в час небывало жаркого заката, в Москве, на Патриарших прудах, появились два гражданина.\n";
    const CHINESE: &str = "第一回\n\n話說天下大勢，分久必合，合久必分。周末七國分爭，并入於秦。及秦滅之後，楚、漢分爭，又并入於漢。\n";
    const SIMPLE: &str =
        "第一章\n\n这是一个很长的故事，讲的是一个人和他的城市。他们在那里住了很多年，后来都离开了。\n";
    const FRENCH: &str = "Chapitre premier\n\nL’été dernier, près de la forêt, un élève français a rencontré sa grand-mère à l’hôtel où naît le fleuve.\n";
    const CZECH: &str = "Kapitola první\n\nPříliš žluťoučký kůň úpěl ďábelské ódy. Šest dětí přišlo večer domů a mělo veliký hlad.\n";
    const POLISH: &str = "Rozdział pierwszy\n\nZażółć gęślą jaźń. Wieczorem dzieci wróciły do domu i były bardzo głodne, więc zjadły kolację.\n";
    const GREEK: &str = "Κεφάλαιο πρώτο\n\nΉταν ένα πρωί του Μαΐου, όταν οι ψαράδες γύρισαν στο λιμάνι με τα δίχτυα τους άδεια και είδαν το πλοίο.\n";
    const TURKISH: &str = "Birinci bölüm\n\nÇocuklar akşam eve döndüklerinde çok acıkmışlardı; anneleri onlara sıcak çorba ve güzel ekmek verdi.\n";
    const HEBREW: &str = "פרק ראשון\n\nבבוקר אחד בחודש מאי חזרו הדייגים אל הנמל עם רשתות ריקות וראו את האונייה הגדולה עומדת במים.\n";
    const ARABIC: &str = "الفصل الأول\n\nفي صباح يوم من أيام شهر مايو عاد الصيادون إلى الميناء وشباكهم فارغة ورأوا السفينة الكبيرة واقفة في الماء.\n";
    const UKRAINIAN: &str = "Розділ перший\n\nОдного ранку рибалки повернулися до гавані з порожніми сітками і побачили великий корабель, що стояв біля її берега.\n";
    const KOREAN: &str = "제일장\n\n어느 봄날 아침 어부들은 빈 그물을 들고 항구로 돌아와서 물 위에 서 있는 커다란 배를 보았다.\n";
    const JAPANESE: &str = "第一章\n\n吾輩は猫である。名前はまだ無い。どこで生れたかとんと見当がつかぬ。\n";

    #[test]
    fn a_text_is_read_in_the_encoding_that_it_was_written_in() {
        let cases: [(&str, &str); 23] = [
            ("macintosh", GERMAN),
            ("macintosh", FRENCH),
            ("windows-1252", FRENCH),
            ("windows-1250", CZECH),
            ("iso-8859-2", POLISH),
            ("windows-1253", GREEK),
            ("windows-1254", TURKISH),
            ("windows-1255", HEBREW),
            ("windows-1256", ARABIC),
            ("koi8-u", UKRAINIAN),
            ("euc-kr", KOREAN),
            ("windows-1252", GERMAN),
            ("utf-8", GERMAN),
            ("koi8-r", RUSSIAN),
            ("windows-1251", RUSSIAN),
            ("iso-8859-5", RUSSIAN),
            ("ibm866", RUSSIAN),
            ("gb18030", SIMPLE),
            ("big5", CHINESE),
            ("shift_jis", JAPANESE),
            ("euc-jp", JAPANESE),
            ("iso-2022-jp", JAPANESE),
            ("utf-8", JAPANESE),
        ];
        for (label, sample) in cases {
            let sample = sample.repeat(5);
            let encoding = Encoding::for_label(label.as_bytes()).unwrap();
            let (bytes, _, lossy) = encoding.encode(&sample);
            assert!(!lossy, "{label}");
            assert_eq!(text(&bytes).as_deref(), Some(sample.as_str()), "{label}");
        }
    }

    #[test]
    fn two_bytes_a_character_with_and_without_a_mark() {
        for sample in [GERMAN, RUSSIAN, CHINESE, JAPANESE, "Plain words.\n"] {
            for mark in ["", "\u{feff}"] {
                let marked = format!("{mark}{sample}");
                let little: Vec<u8> = marked.encode_utf16().flat_map(u16::to_le_bytes).collect();
                let big: Vec<u8> = marked.encode_utf16().flat_map(u16::to_be_bytes).collect();
                for bytes in [little, big] {
                    assert_eq!(text(&bytes).as_deref(), Some(sample), "{mark:?}");
                }
                let little: Vec<u8> = marked.chars().flat_map(|c| u32::from(c).to_le_bytes()).collect();
                let big: Vec<u8> = marked.chars().flat_map(|c| u32::from(c).to_be_bytes()).collect();
                for wide in [little, big] {
                    assert_eq!(text(&wide).as_deref(), Some(sample));
                }
            }
        }
    }

    #[test]
    fn a_few_bad_bytes_leave_utf_8_what_it_is() {
        let mut bytes = GERMAN.repeat(20).into_bytes();
        bytes.insert(40, 0xff);
        assert!(text(&bytes).unwrap().contains("schöne Müllerin"));
        bytes.push(0xc3);
        assert!(text(&bytes).unwrap().contains("Größe"));
    }

    #[test]
    fn what_is_no_text_is_none() {
        let noise: Vec<u8> = (0..4000_u32).map(|n| (n.wrapping_mul(2_654_435_761) >> 13) as u8).collect();
        assert_eq!(text(&noise), None);
        assert_eq!(text(b"a\0b"), None);
    }
}
