//! Titles that say which part of a book they head: preface, index, Literaturverzeichnis.
//!
//! Invariant: a title is known when it *is* such a word (with a number, an article or a short addition around it),
//! not when it mentions one: "Index" is an index, "Index funds for beginners" is not.

use crate::toc::{PageText, is_contents_title, normalise, split_title};
use bookstate_domain::MatterType;
use std::{collections::HashMap, sync::LazyLock};

/// What a known title heads.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct KnownTitle {
    /// The word for it, in English.
    pub(super) content_type: &'static str,
    /// The part of the book that it is in; `None` when only its place tells (an introduction).
    pub(super) matter: Option<MatterType>,
    /// Whether it would be read aloud.
    pub(super) read_aloud: bool,
}

const FRONT: Option<MatterType> = Some(MatterType::FrontMatter);
const BACK: Option<MatterType> = Some(MatterType::BackMatter);

/// Content type, matter, read aloud, titles (normalised by [`normalise`] before they are compared).
type Row = (&'static str, Option<MatterType>, bool, &'static [&'static str]);

const KNOWN: &[Row] = &[
    (
        "list",
        FRONT,
        false,
        &[
            "list of figures",
            "list of tables",
            "list of illustrations",
            "figures",
            "tables",
            "list of algorithms",
            "abbildungsverzeichnis",
            "tabellenverzeichnis",
            "список иллюстраций",
            "список таблиц",
            "abbreviations",
            "list of abbreviations",
            "abkürzungsverzeichnis",
            "список сокращений",
        ],
    ),
    (
        "copyright",
        FRONT,
        false,
        &[
            "copyright",
            "copyright page",
            "imprint",
            "impressum",
            "legal notice",
            "colophon",
            "kolophon",
            "выходные данные",
            "mentions légales",
        ],
    ),
    ("dedication", FRONT, true, &["dedication", "widmung", "посвящение", "dédicace"]),
    ("epigraph", FRONT, true, &["epigraph", "motto", "эпиграф"]),
    (
        "preface",
        FRONT,
        true,
        &[
            "preface",
            "author's preface",
            "preface to the first edition",
            "preface to the second edition",
            "preface to the third edition",
            "vorwort",
            "vorbemerkung",
            "geleitwort",
            "предисловие",
            "préface",
            "avant-propos",
            "prefacio",
            "prólogo",
            "prefazione",
            "voorwoord",
            "předmluva",
            "przedmowa",
            "about this book",
            "about this manual",
            "about this guide",
            "über dieses buch",
            "об этой книге",
        ],
    ),
    ("foreword", FRONT, true, &["foreword", "forward", "zum geleit", "вступительное слово"]),
    (
        "acknowledgements",
        None,
        true,
        &[
            "acknowledgements",
            "acknowledgments",
            "acknowledgement",
            "danksagung",
            "danksagungen",
            "благодарности",
            "remerciements",
            "agradecimientos",
            "ringraziamenti",
            "credits",
        ],
    ),
    (
        "introduction",
        None,
        true,
        &[
            "introduction",
            "einleitung",
            "einführung",
            "введение",
            "вступление",
            "introducción",
            "introduzione",
            "inleiding",
            "general introduction",
        ],
    ),
    ("prologue", None, true, &["prologue", "prolog", "пролог"]),
    ("epilogue", None, true, &["epilogue", "epilog", "эпилог", "épilogue", "epílogo", "epilogo"]),
    (
        "conclusion",
        None,
        true,
        &["conclusion", "conclusions", "schluss", "fazit", "заключение", "zusammenfassung"],
    ),
    ("afterword", BACK, true, &["afterword", "nachwort", "послесловие", "postface", "postscript"]),
    (
        "appendix",
        BACK,
        true,
        &[
            "appendix",
            "appendices",
            "appendixes",
            "anhang",
            "anhänge",
            "приложение",
            "приложения",
            "annexe",
            "annexes",
            "apéndice",
            "apéndices",
            "appendice",
            "appendici",
            "bijlage",
            "bijlagen",
        ],
    ),
    (
        "glossary",
        BACK,
        false,
        &[
            "glossary",
            "glossary of terms",
            "glossar",
            "глоссарий",
            "словарь терминов",
            "glossaire",
            "glosario",
        ],
    ),
    (
        "bibliography",
        BACK,
        false,
        &[
            "bibliography",
            "references",
            "literature",
            "literature cited",
            "works cited",
            "further reading",
            "literatur",
            "literaturverzeichnis",
            "quellenverzeichnis",
            "библиография",
            "литература",
            "список литературы",
            "bibliographie",
            "bibliografía",
            "bibliografia",
            "literatuur",
            "sources",
        ],
    ),
    ("notes", BACK, false, &["notes", "endnotes", "anmerkungen", "примечания", "fußnoten"]),
    (
        "license",
        BACK,
        false,
        &[
            "license",
            "licence",
            "license details",
            "licence details",
            "licensing",
            "lizenz",
            "лицензия",
            "gnu free documentation license",
            "gnu general public license",
        ],
    ),
    (
        "index",
        BACK,
        false,
        &[
            "index",
            "subject index",
            "author index",
            "name index",
            "general index",
            "index of names",
            "index of terms",
            "concept index",
            "function index",
            "function and variable index",
            "variable index",
            "command index",
            "register",
            "stichwortverzeichnis",
            "sachregister",
            "sachverzeichnis",
            "personenregister",
            "указатель",
            "предметный указатель",
            "алфавитный указатель",
            "именной указатель",
            "indice analitico",
            "trefwoordenregister",
        ],
    ),
    ("about_author", BACK, false, &["about the author", "about the authors", "über den autor", "об авторе"]),
];

/// Looks up a title as it is printed, with or without its number.
pub(super) fn known_title(printed: &str) -> Option<KnownTitle> {
    let parts = split_title(printed);
    let title = normalise(parts.rest);
    if title.is_empty() || title.chars().count() > 60 {
        return None;
    }
    BY_TITLE.get(&title).copied().or_else(|| is_contents_title(printed).then_some(CONTENTS))
}

const CONTENTS: KnownTitle = KnownTitle { content_type: "contents", matter: FRONT, read_aloud: false };

/// The line of a digital library that says that the book begins below it, or ends above it.
fn marker(page: &PageText, words: [&str; 2]) -> Option<usize> {
    let says = |text: &str| {
        let lower = text.to_lowercase();
        let marked = lower.starts_with("***") || lower.starts_with("end of");
        marked && lower.contains("gutenberg") && words.iter().any(|w| lower.contains(w))
    };
    page.lines.iter().position(|l| l.text.len() <= 200 && says(&l.text))
}

/// The first line behind the header of a digital library, on the page where it ends.
pub(super) fn start_of_book(page: &PageText) -> Option<usize> {
    marker(page, ["start of th", "start of project"]).map(|line| line + 1)
}

/// The line where the licence of a digital library begins.
pub(super) fn end_of_book(page: &PageText) -> Option<usize> {
    marker(page, ["end of th", "end of project"])
}

static BY_TITLE: LazyLock<HashMap<String, KnownTitle>> = LazyLock::new(|| {
    let of = |row: &Row| KnownTitle { content_type: row.0, matter: row.1, read_aloud: row.2 };
    // A title in two rows means what the first says.
    let rows = KNOWN.iter().rev().flat_map(|row| row.3.iter().map(move |title| (normalise(title), of(row))));
    rows.collect()
});

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_title_is_known_when_it_is_one() {
        let of = |t| known_title(t).map(|k| k.content_type);
        assert_eq!(of("PREFACE"), Some("preface"));
        assert_eq!(of("F References"), None, "a lone letter is no number without a sign");
        assert_eq!(of("A.2  References"), Some("bibliography"));
        assert_eq!(of("Предисловие"), Some("preface"));
        assert_eq!(of("Literaturverzeichnis"), Some("bibliography"));
        assert_eq!(of("1 Introduction"), Some("introduction"));
        assert_eq!(of("Index funds for beginners"), None);
        assert_eq!(of(""), None);
    }
}
