//! Words that books print in their own language around a table of contents: what it is called, what its levels
//! are called, what stands before a page number.
//!
//! Invariant: this is the one list of each; a word that is not here is still read by its place, a word that is
//! here only makes a weak sign strong.

use super::same_title::normalise;
use std::{collections::HashMap, collections::HashSet, sync::LazyLock};

/// How contents are headed.
const CONTENTS: &[&str] = &[
    "contents",
    "table of contents",
    "brief contents",
    "short contents",
    "full contents",
    "detailed contents",
    "contents in brief",
    "contents in detail",
    "contents at a glance",
    "summary of contents",
    "summary contents",
    "list of contents",
    "list of chapters",
    "list of stories",
    "table of chapters",
    "the contents",
    "chapters",
    "inhalt",
    "inhaltsverzeichnis",
    "inhaltsübersicht",
    "gesamtinhalt",
    "gesamtinhaltsverzeichnis",
    "kurzinhalt",
    "inhaltsangabe",
    "übersicht",
    "table des matières",
    "table",
    "sommaire",
    "table des chapitres",
    "table analytique",
    "índice",
    "índice general",
    "índice de contenido",
    "índice de contenidos",
    "contenido",
    "contenidos",
    "tabla de contenido",
    "tabla de contenidos",
    "sumario",
    "tabla de materias",
    "indice",
    "indice generale",
    "indice dei contenuti",
    "indice dei capitoli",
    "sommario",
    "contenuto",
    "tavola dei contenuti",
    "conteúdo",
    "sumário",
    "índice geral",
    "taula de continguts",
    "sumari",
    "inhoud",
    "inhoudsopgave",
    "inhoudstafel",
    "innehåll",
    "innehållsförteckning",
    "indhold",
    "indholdsfortegnelse",
    "innhold",
    "innholdsfortegnelse",
    "efnisyfirlit",
    "sisällys",
    "sisällysluettelo",
    "sisukord",
    "saturs",
    "satura rādītājs",
    "turinys",
    "spis treści",
    "spis rzeczy",
    "obsah",
    "tartalom",
    "tartalomjegyzék",
    "cuprins",
    "tabla de materii",
    "içindekiler",
    "содержание",
    "оглавление",
    "зміст",
    "змест",
    "съдържание",
    "садржај",
    "sadržaj",
    "содржина",
    "vsebina",
    "kazalo vsebine",
    "мазмұны",
    "гарчиг",
    "περιεχόμενα",
    "πίνακας περιεχομένων",
    "përmbajtja",
    "aurkibidea",
    "clár",
    "cynnwys",
    "enhavo",
    "mục lục",
    "daftar isi",
    "isi kandungan",
    "kandungan",
    "talaan ng nilalaman",
    "mga nilalaman",
    "yaliyomo",
    "inhoudsopgawe",
    "բովանդակություն",
    "სარჩევი",
    "תוכן",
    "תוכן עניינים",
    "תוכן העניינים",
    "התוכן",
    "المحتويات",
    "محتويات",
    "المحتوى",
    "فهرس",
    "الفهرس",
    "فهرس المحتويات",
    "فهرس الموضوعات",
    "فهرس الكتاب",
    "جدول المحتويات",
    "قائمة المحتويات",
    "محتويات الكتاب",
    "فهرست",
    "فهرست مطالب",
    "فهرست مندرجات",
    "مندرجات",
    "فہرست",
    "فہرست مضامین",
    "विषय सूची",
    "विषयसूची",
    "विषय-सूची",
    "अनुक्रम",
    "अनुक्रमणिका",
    "विषयानुक्रमणिका",
    "सूची",
    "সূচিপত্র",
    "সূচীপত্র",
    "বিষয়সূচি",
    "সূচি",
    "பொருளடக்கம்",
    "విషయ సూచిక",
    "విషయసూచిక",
    "ವಿಷಯ ಸೂಚಿ",
    "ಪರಿವಿಡಿ",
    "ഉള്ളടക്കം",
    "અનુક્રમણિકા",
    "ਤਤਕਰਾ",
    "สารบัญ",
    "ສາລະບານ",
    "មាតិកា",
    "မာတိကာ",
    "目录",
    "目錄",
    "目次",
    "總目",
    "总目",
    "总目录",
    "總目錄",
    "もくじ",
    "차례",
    "목차",
];

/// Words behind the contents' name that say that it goes on.
const CONTINUED: &[&str] = &[
    "continued",
    "contd",
    "cont",
    "fortsetzung",
    "suite",
    "continuación",
    "continuação",
    "segue",
    "продолжение",
    "vervolg",
    "續",
    "续",
];

/// Words before a page number.
const PAGE: &[&str] = &[
    "p",
    "pp",
    "pg",
    "pgs",
    "page",
    "pages",
    "seite",
    "s",
    "pag",
    "pág",
    "págs",
    "pagina",
    "página",
    "стр",
    "с",
    "str",
    "strona",
    "strana",
    "σελ",
    "σ",
    "sid",
    "sida",
    "side",
    "oldal",
    "sayfa",
    "ص",
    "صفحة",
    "صفحه",
    "صـ",
    "עמ",
    "עמוד",
    "पृष्ठ",
    "पृ",
    "পৃষ্ঠা",
    "পৃ",
    "หน้า",
    "頁",
    "页",
    "第",
    "trang",
    "hal",
    "hlm",
    "f",
    "fol",
];

/// Signs right behind a page number: `3页`, `3쪽`.
const PAGE_SIGNS: &[char] = &['页', '頁', '쪽', '면', 'ペ', 'ー', 'ジ'];

/// Words that name a level, with the English name of what they stand for.
const LEVELS: &[(&str, &[&str])] = &[
    (
        "volume",
        &[
            "volume",
            "vol",
            "band",
            "tome",
            "tomo",
            "том",
            "deel",
            "volumen",
            "τόμος",
            "cilt",
            "المجلد",
            "כרך",
            "खंड",
            "খণ্ড",
            "tập",
            "svezak",
            "zväzok",
            "tom",
        ],
    ),
    (
        "book",
        &[
            "book",
            "buch",
            "livre",
            "libro",
            "livro",
            "книга",
            "boek",
            "kniha",
            "księga",
            "bok",
            "kitap",
            "βιβλίο",
            "könyv",
            "liber",
            "llibre",
            "الكتاب",
            "ספר",
            "bog",
            "quyển",
        ],
    ),
    (
        "part",
        &[
            "part",
            "teil",
            "partie",
            "parte",
            "часть",
            "část",
            "časť",
            "część",
            "rész",
            "osa",
            "kısım",
            "del",
            "частина",
            "част",
            "део",
            "dio",
            "partea",
            "μέρος",
            "الجزء",
            "القسم",
            "بخش",
            "חלק",
            "भाग",
            "পর্ব",
            "ภาค",
            "phần",
            "bagian",
            "dalis",
            "daļa",
            "मुख्य",
            "ნაწილი",
            "մաս",
        ],
    ),
    (
        "chapter",
        &[
            "chapter",
            "chap",
            "ch",
            "kapitel",
            "kapitlet",
            "chapitre",
            "capitolo",
            "capítulo",
            "capitulo",
            "глава",
            "розділ",
            "hoofdstuk",
            "kapitola",
            "rozdział",
            "fejezet",
            "luku",
            "bölüm",
            "capitol",
            "capitolul",
            "poglavlje",
            "поглавље",
            "poglavje",
            "κεφάλαιο",
            "kapittel",
            "kafli",
            "peatükk",
            "nodaļa",
            "skyrius",
            "الفصل",
            "فصل",
            "الباب",
            "باب",
            "פרק",
            "अध्याय",
            "অধ্যায়",
            "ਅਧਿਆਇ",
            "அத்தியாயம்",
            "บทที่",
            "บท",
            "chương",
            "bab",
            "caput",
            "თავი",
            "գլուխ",
            "раздзел",
            "kreu",
            "sura",
            "kapitulua",
            "kabanata",
        ],
    ),
    (
        "section",
        &[
            "section",
            "abschnitt",
            "sección",
            "sezione",
            "seção",
            "раздел",
            "sectie",
            "oddíl",
            "ενότητα",
            "paragraph",
        ],
    ),
    (
        "appendix",
        &[
            "appendix",
            "anhang",
            "annexe",
            "annex",
            "appendice",
            "apéndice",
            "anexo",
            "apêndice",
            "приложение",
            "bijlage",
            "příloha",
            "príloha",
            "dodatek",
            "függelék",
            "liite",
            "ek",
            "bilaga",
            "bilag",
            "vedlegg",
            "додаток",
            "παράρτημα",
            "anexa",
            "ملحق",
            "الملحق",
            "پیوست",
            "נספח",
            "परिशिष्ट",
            "পরিশিষ্ট",
            "ภาคผนวก",
            "phụ lục",
            "lampiran",
            "prilog",
            "прилог",
        ],
    ),
    (
        "lesson",
        &[
            "lesson",
            "lektion",
            "leçon",
            "lección",
            "lezione",
            "lição",
            "урок",
            "les",
            "lekcja",
            "الدرس",
            "درس",
        ],
    ),
    ("unit", &["unit", "einheit", "unité", "unidad", "unità", "unidade", "الوحدة"]),
    ("lecture", &["lecture", "vorlesung", "лекция"]),
    ("article", &["article", "artikel", "artículo", "articolo", "artigo", "статья"]),
];

/// Signs that count divisions in Chinese, Japanese and Korean, behind their number: `第三章`, `3화`.
const CLASSIFIERS: &[(&str, &[char])] = &[
    ("volume", &['卷', '巻', '册', '冊', '권']),
    ("part", &['部', '篇', '編', '编', '부', '편']),
    (
        "chapter",
        &['章', '回', '話', '话', '장', '화', '회', '讲', '講', '課', '课', '과', '夜', '幕', '막', '集'],
    ),
    ("section", &['节', '節', '절', '条', '條']),
];

static CONTENTS_SET: LazyLock<HashSet<String>> =
    LazyLock::new(|| CONTENTS.iter().map(|w| normalise(w)).collect());
static CONTINUED_SET: LazyLock<Vec<String>> =
    LazyLock::new(|| CONTINUED.iter().map(|w| normalise(w)).collect());
static LEVEL_SET: LazyLock<HashMap<String, &'static str>> = LazyLock::new(|| {
    LEVELS
        .iter()
        .rev()
        .flat_map(|(name, words)| words.iter().map(move |w| (w.to_lowercase(), *name)))
        .collect()
});

/// The line is what contents are headed with: `Contents`, `INHALT`, `目 录`, `C0NTENTS`, `Contents (continued)`.
#[must_use]
pub fn is_contents_title(line: &str) -> bool {
    // Cheap refusals first: every line of a book comes here.
    if line.len() > 120 || line.split_whitespace().nth(6).is_some() || line.ends_with(['.', ',', ';']) {
        return false;
    }
    // Marks of emphasis, a page number or the sign of a note may stand beside the word.
    let bare = line.trim_matches(|c: char| !c.is_alphabetic() && !c.is_ascii_digit());
    let known = |text: &str| {
        let plain = normalise(text);
        let plain = CONTINUED_SET.iter().find_map(|w| plain.strip_suffix(w.as_str())).unwrap_or(&plain);
        // A digit within a word may be a letter misread; one by itself ("Chapter 5") is a number.
        let misread = || text.split_whitespace().all(|w| w.contains(char::is_alphabetic));
        CONTENTS_SET.contains(plain) || (misread() && CONTENTS_SET.contains(&letters_for_digits(plain)))
    };
    let without_number = || {
        let words: Vec<&str> = bare.split_whitespace().collect();
        let number = |w: &&&str| super::PageNumber::parse(w).is_some();
        let last = words.last().filter(number).is_some();
        let first = words.first().filter(number).is_some();
        let inner = words.get(usize::from(first)..words.len().saturating_sub(usize::from(last)));
        inner.filter(|w| !w.is_empty() && w.len() < words.len()).is_some_and(|w| known(&w.join(" ")))
    };
    !bare.is_empty() && (known(bare) || without_number())
}

/// What a reader by machine took for digits, as letters: `c0ntents`.
fn letters_for_digits(text: &str) -> String {
    text.chars()
        .map(|c| match c {
            '0' => 'o',
            '1' => 'l',
            '5' => 's',
            '8' => 'b',
            c => c,
        })
        .collect()
}

/// The English name of the level that `word` names in its language (`kapitel` is `chapter`); case does not
/// matter.
#[must_use]
pub fn level_of_word(word: &str) -> Option<&'static str> {
    // Nothing longer is in the list.
    if word.len() > 64 {
        return None;
    }
    LEVEL_SET.get(word.to_lowercase().as_str()).copied()
}

/// What a sign counts: `章` is `chapter`.
pub(crate) fn level_of_sign(sign: char) -> Option<&'static str> {
    CLASSIFIERS.iter().find(|(_, signs)| signs.contains(&sign)).map(|(name, _)| *name)
}

/// The word (with its full stop) says that a page number follows: `p.`, `S.`, `стр.`.
pub(super) fn is_page_word(word: &str) -> bool {
    let bare = word.trim_end_matches(['.', ':']).trim_start_matches(['(', '[', '（']);
    PAGE.contains(&bare.to_lowercase().as_str())
}

/// The sign may stand behind a page number.
pub(super) fn is_page_sign(sign: char) -> bool {
    PAGE_SIGNS.contains(&sign)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn contents_in_many_scripts() {
        for line in [
            "CONTENTS",
            "Table of Contents",
            "Contents (continued)",
            "目   录",
            "目次",
            "차례",
            "Περιεχόμενα",
            "المحتويات",
            "विषय-सूची",
            "Contents  v",
            "* Inhalt *",
            "C0NTENTS",
            "## Table of Contents",
            "Оглавление",
            "תוכן העניינים",
        ] {
            assert!(is_contents_title(line), "{line}");
        }
        for line in [
            "Content",
            "Chapter 5",
            "The contents of the box",
            "Index",
            "Inhalt und Form",
            "",
            "12",
            "Contents of the letter",
        ] {
            assert!(!is_contents_title(line), "{line}");
        }
    }

    #[test]
    fn levels_in_many_scripts() {
        assert_eq!(level_of_word("KAPITEL"), Some("chapter"));
        assert_eq!(level_of_word("Κεφάλαιο"), Some("chapter"));
        assert_eq!(level_of_word("الفصل"), Some("chapter"));
        assert_eq!(level_of_sign('章'), Some("chapter"));
        assert_eq!(level_of_word("harbour"), None);
    }
}
