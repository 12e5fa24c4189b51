//! The list of all keys, once: type, default, meaning. The manual's table, `config show`, the names of the
//! environment variables and the search for the nearest known key come from it.

use std::path::PathBuf;

use bookstate_domain::Variant;

use super::{
    layer::{Given, Origin, Row, WrongValue},
    on_failure::OnFailure,
    value::{
        Address, Dollars, EngineName, JournalPolicy, KeptAnswers, Languages, LogFormat, Origins, Paths,
        SettingValue, Whole, Words,
    },
};

/// A key, for the manual and for messages.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Key {
    /// Its name, `journal.policy`.
    pub(super) name: &'static str,
    /// What it means.
    pub(super) about: String,
    /// What is expected as its value.
    pub(super) expected: String,
    /// Its default, as JSON; none for what must be given.
    pub(super) default: Option<serde_json::Value>,
    /// The environment variable that sets it; targets have none.
    pub(super) variable: Option<String>,
}

/// The environment variable of a key.
pub(super) fn variable_of(name: &str) -> String {
    format!("BOOKSTATE_{}", name.replace('.', "_").to_uppercase())
}

macro_rules! keys {
    ($($(#[doc = $about:literal])+ $name:literal $field:ident: $type:ty = $default:expr;)*) => {
        /// The value of every key, and where it comes from. Not validated as a whole.
        #[derive(Debug)]
        pub(super) struct Layers { $(pub(super) $field: Given<$type>,)* }

        impl Layers {
            /// Every key at its default.
            pub(super) fn defaults() -> Self {
                Self { $($field: Given { value: $default, origin: Origin::Default },)* }
            }

            /// Every key, in the order in which the manual has them.
            pub(super) fn keys() -> Vec<Key> {
                vec![$(Key {
                    name: $name,
                    about: [$($about),+].concat().trim().to_owned(),
                    expected: <$type>::expected(),
                    default: Some(<$type as SettingValue>::show(&$default)),
                    variable: Some(variable_of($name)),
                }),*]
            }

            /// Sets a key to a value of the file. False: there is no such key.
            pub(super) fn set_toml(
                &mut self, name: &str, value: &toml::Value, origin: &Origin,
            ) -> Result<bool, WrongValue> {
                match name {
                    $($name => {
                        let found = value.to_string();
                        self.$field.set(name, SettingValue::from_toml(value), &found, origin)?;
                    })*
                    _ => return Ok(false),
                }
                Ok(true)
            }

            /// Sets a key to the text of a variable or a flag. False: there is no such key.
            pub(super) fn set_text(
                &mut self, name: &str, text: &str, origin: &Origin,
            ) -> Result<bool, WrongValue> {
                match name {
                    $($name => {
                        let found = format!("{text:?}");
                        self.$field.set(name, SettingValue::from_text(text), &found, origin)?;
                    })*
                    _ => return Ok(false),
                }
                Ok(true)
            }

            /// Every key with its value, for `config show`.
            pub(super) fn rows(&self) -> Vec<Row> {
                vec![$(self.$field.row($name)),*]
            }
        }
    };
}

keys! {
    /// Where the books are kept: local store, journal, copies of the sources.
    "data_dir" data_dir: PathBuf = PathBuf::from(".bookstate");
    /// When a commit is synced to disk: before the call returns, every few milliseconds, or when a target is
    /// to be written.
    "journal.policy" policy: JournalPolicy = JournalPolicy::Interval;
    /// Milliseconds between syncs under the policy `interval`.
    "journal.interval_ms" interval_ms: Whole<1, 60_000> = Whole(10);
    /// MiB at which a segment of the journal is sealed and the next begun.
    "journal.segment_mb" segment_mb: Whole<1, 1024> = Whole(64);
    /// Milliseconds that an idle local store waits after a first change, so that what follows joins the
    /// batch.
    "sink.local.linger_ms" local_linger_ms: Whole<0, 60_000> = Whole(20);
    /// Milliseconds that the end of a command waits for targets.
    "sink.drain_ms" drain_ms: Whole<0, 3_600_000> = Whole(10_000);
    /// Units of work that run at once on this machine; 0 is one per processor.
    "jobs.workers" workers: Whole<0, 1024> = Whole(0);
    /// Books that are worked on at once.
    "jobs.books" books: Whole<1, 1024> = Whole(4);
    /// MiB of free disk below which no unit of work is begun.
    "jobs.min_free_mb" min_free_mb: Whole<0, 1_048_576> = Whole(64);
    /// Milliseconds that a job waits for room on a full disk before the program gives up.
    "jobs.stall_ms" stall_ms: Whole<0, 86_400_000> = Whole(60_000);
    /// Which stages a new job runs: all, pages and metadata, or pages only.
    "jobs.variant" variant: Variant = Variant::Standard;
    /// What reads the pages of a new job, in order of preference.
    "jobs.ocr" ocr: Vec<EngineName> = vec![EngineName::known("text-layer"), EngineName::known("tesseract")];
    /// The languages that scanned pages are in, as `tesseract` names them; empty: found by the pages.
    "ocr.languages" languages: Languages = Languages(Vec::new());
    /// The directory with the models of the engine `paddle`: one file with `det` in its name and one with `rec`.
    "ocr.paddle_models" paddle_models: Option<PathBuf> = None;
    /// Seconds of a processor that making the image of a scanned page may take.
    "ocr.page_seconds" page_seconds: Whole<1, 3_600> = Whole(30);
    /// What does every other stage of a new job.
    "jobs.analysis" analysis: EngineName = EngineName::known("local");
    /// What finds title, authors and the like of a new job's book.
    "stages.metadata" metadata: EngineName = EngineName::known("local");
    /// What finds its table of contents.
    "stages.toc_finder" toc_finder: EngineName = EngineName::known("local");
    /// What reads the table's entries.
    "stages.toc_extract" toc_extract: EngineName = EngineName::known("local");
    /// What finds the page of each entry.
    "stages.toc_link" toc_link: EngineName = EngineName::known("local");
    /// What says which entries the numbering implies that the printed table lacks.
    "stages.patterns" patterns: EngineName = EngineName::known("local");
    /// What looks for each entry that the printed table lacks.
    "stages.discover" discover: EngineName = EngineName::known("local");
    /// What looks into each long stretch without an entry.
    "stages.gaps" gaps: EngineName = EngineName::known("local");
    /// What says which part of the book each chapter belongs to.
    "stages.classify" classify: EngineName = EngineName::known("local");
    /// What edits chapters' texts.
    "stages.polish" polish: EngineName = EngineName::known("local");
    /// What is done where a stage's model fails for good: the local rules do it, or it fails.
    "stages.on_failure" on_failure: OnFailure = OnFailure::LOCAL;
    /// What models may cost for a book, over all its jobs.
    "budget.per_book_usd" per_book_usd: Dollars = Dollars(None);
    /// What models may cost in a day, which begins at midnight UTC.
    "budget.per_day_usd" per_day_usd: Dollars = Dollars(None);
    /// What is done with answers of models: kept and used again, kept and asked for once more, or forgotten.
    "models.answers" answers: KeptAnswers = KeptAnswers::Kept;
    /// The directory with prompts that new jobs have in place of the program's own, a file STAGE.md each.
    "models.prompts" prompts: Option<PathBuf> = None;
    /// Whether all that agents said is kept when they have ended.
    "models.debug_agents" debug_agents: bool = false;
    /// Pages that a book may have that is taken in.
    "intake.max_pages" max_pages: Whole<1, 1_000_000> = Whole(20_000);
    /// How many times as large as its file a book may be before it has any text, once it has more than 4 MiB.
    "intake.max_growth" max_growth: Whole<1, 1_000_000> = Whole(32);
    /// Whether an image of a scanned book that is taken in is two pages when it shows two side by side.
    "intake.split_spreads" split_spreads: bool = true;
    /// MiB of memory that opening a file may take, beside what a file of its size needs in any case; making a
    /// page's image may take twice that.
    "intake.memory_mb" intake_memory_mb: Whole<128, 1_048_576> = Whole(1024);
    /// Where `serve` answers. Any other than a loopback address needs a token.
    "server.bind" bind: Address = Address::DEFAULT;
    /// The file with the token that allows everything; `BOOKSTATE_TOKEN` may hold the token itself.
    "server.token_file" token_file: Option<PathBuf> = None;
    /// The file with the token that allows reading; `BOOKSTATE_READ_TOKEN` may hold the token itself.
    "server.read_token_file" read_token_file: Option<PathBuf> = None;
    /// Directories below which the server takes in files by their path.
    "server.ingest_roots" ingest_roots: Paths = Paths(Vec::new());
    /// Origins of other sites whose pages may use the server.
    "server.cors_origins" cors_origins: Origins = Origins(Vec::new());
    /// Connections at once, as far as the system's limit of open files allows; a quarter is kept for clients with a
    /// token.
    "server.connections" connections: Whole<16, 1_000_000> = Whole(4096);
    /// MiB that an uploaded file may have.
    "server.upload_mb" upload_mb: Whole<1, 65_536> = Whole(512);
    /// The NATS servers of the fleet that `serve` is part of, `nats://HOST:PORT,HOST:PORT`.
    "fleet.url" fleet_url: Words = Words(None);
    /// The file with the token of the fleet's servers, if they ask for one.
    "fleet.token_file" fleet_token_file: Option<PathBuf> = None;
    /// This machine's name in the fleet, which no other one has; without it that of the system.
    "fleet.machine" fleet_machine: Words = Words(None);
    /// Where other machines of the fleet reach this server, `http://HOST:PORT`; without it where it answers.
    "fleet.address" fleet_address: Words = Words(None);
    /// Seconds after which a machine that says nothing has lost its books to the others.
    "fleet.lease_seconds" fleet_lease: Whole<2, 3_600> = Whole(15);
    /// How log lines are written.
    "log.format" log_format: LogFormat = LogFormat::Text;
}
