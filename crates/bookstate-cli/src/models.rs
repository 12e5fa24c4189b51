//! Models as the program uses them: the providers of the configuration with their keys, one ledger for all, and the
//! engines that ask them.

use std::sync::Arc;

use bookstate_domain::{AgentType, BookState, Operation, OperationState, Text};
use bookstate_jobs::{
    JobOptions, Part,
    engines::{
        EngineCatalog, EngineSpec, TesseractOcr,
        models::{
            AGENT_TURNS, Agent, Answers, Model, ModelClassifier, ModelMetadata, ModelOcr, ModelPatternFinder,
            ModelPolisher, ModelTocExtractor, PIECE_BYTES, Prompts,
        },
    },
    pool::PoolConfig,
    scan::TESSERACT,
};
#[cfg(feature = "nats")]
use bookstate_llm::Sharing;
use bookstate_llm::{Estimate, Provider, SharedLedger, Usd, ledger};
use bookstate_scans::images::ImageProgram;
use bookstate_store::Library;

use crate::{
    failure::Failure,
    library,
    logging::say,
    paddle,
    settings::{KeptAnswers, KeySource, Settings},
};

/// See the module documentation.
#[derive(Debug, Clone)]
pub(crate) struct Models {
    providers: Vec<(Arc<Provider>, KeySource)>,
    ledger: SharedLedger,
    named: Vec<Named>,
    prompts: Prompts,
    images: ImageProgram,
    keeps_talk: bool,
}

/// A model that a stage of new jobs names.
#[derive(Debug, Clone)]
struct Named {
    /// The part of the pipeline; none: it reads pages.
    part: Option<Part>,
    engine: String,
    model: Model,
}

/// What a stage of a book may take at most.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct StageEstimate {
    /// The stage, or the part of one, as the configuration names it.
    pub(crate) stage: &'static str,
    /// Its engine.
    pub(crate) engine: String,
    /// Units that may ask the model.
    pub(crate) units: u64,
    /// Of one unit.
    pub(crate) each: Estimate,
}

/// The engines of new jobs, those of models among them. The images of scanned pages are made by this program in another
/// process. Nothing is sent. Blocks.
///
/// # Errors
/// The system does not say where this program is, or a model's provider cannot be used as it is configured.
pub(crate) fn engines(settings: &Settings) -> Result<(EngineCatalog, Models), Failure> {
    let images = library::images(settings)?;
    let tesseract = TesseractOcr::default().with_images_by(images.clone());
    let catalog = EngineCatalog::local().with_ocr(TESSERACT, EngineSpec::local(), Arc::new(tesseract));
    let catalog = paddle::added_to(catalog, settings, &images);
    let models = Models::of(settings)?;
    Ok((models.add_to(catalog), models))
}

impl Models {
    /// The providers that the stages of new jobs name, with their keys. Nothing is sent. Blocks.
    ///
    /// # Errors
    /// A stage names a provider that is not configured, a key is not there, or the prompts cannot be read.
    pub(crate) fn of(settings: &Settings) -> Result<Self, Failure> {
        let ledger = SharedLedger::new(settings.budget);
        let mut providers: Vec<(Arc<Provider>, KeySource)> = Vec::new();
        let mut named = Vec::new();
        let answers = match settings.answers {
            KeptAnswers::Kept => Answers::Kept,
            KeptAnswers::Renewed => Answers::Renewed,
            KeptAnswers::Forgotten => Answers::Forgotten,
        };
        for (part, engine) in settings.model_engines() {
            let Some((name, model)) = engine.split_once(':') else { continue };
            let known = providers.iter().find(|(provider, _)| provider.name() == name);
            let provider = match known {
                Some((provider, _)) => provider.clone(),
                None => {
                    let (provider, source) = provider(settings, name, &ledger)?;
                    providers.push((provider.clone(), source));
                    provider
                }
            };
            named.push(Named {
                part,
                engine: engine.clone(),
                model: Model::new(provider, model).with_answers(answers),
            });
        }
        let (images, keeps_talk) = (library::images(settings)?, settings.debug_agents);
        let prompts = settings.prompts.as_deref().map(Prompts::read).transpose();
        let prompts = prompts.map_err(|error| Failure::usage(format_args!("models.prompts: {error}")))?;
        Ok(Self { providers, ledger, named, prompts: prompts.unwrap_or_default(), images, keeps_talk })
    }

    /// The options of new jobs, as JSON text: among them what their models are told.
    pub(crate) fn job_options(&self, settings: &Settings) -> Option<Text> {
        let parts = self.named.iter().map(|named| named.part);
        let options = JobOptions {
            languages: settings.languages.clone(),
            prompts: self.prompts.options(parts),
            without_fallback: settings.without_fallback.clone(),
        };
        options.text()
    }

    /// The engines of the named models, added to a catalog.
    fn add_to(&self, catalog: EngineCatalog) -> EngineCatalog {
        self.named.iter().fold(catalog, |catalog, Named { part, engine, model }| {
            let pool = engine.split_once(':').map_or(engine.as_str(), |(provider, _)| provider);
            let spec = EngineSpec { pool: pool.into(), metered: true };
            let (model, images) = (model.clone(), Some(self.images.clone()));
            let agent = || {
                let agent = Agent::new(model.clone()).keeping_talk(self.keeps_talk);
                // What reads pages sees.
                match self.named.iter().any(|named| named.part.is_none() && named.engine == *engine) {
                    true => agent.seeing(images.clone()),
                    false => agent,
                }
            };
            match part {
                None => catalog.with_ocr(engine, spec, Arc::new(ModelOcr::new(model, images))),
                Some(Part::Metadata) => {
                    catalog.with_metadata(engine, spec, Arc::new(ModelMetadata::new(model)))
                }
                Some(Part::TocFinder) => catalog.with_finder(engine, spec, Arc::new(agent())),
                Some(Part::TocExtract) => {
                    catalog.with_extractor(engine, spec, Arc::new(ModelTocExtractor::new(model)))
                }
                Some(Part::TocLink) => catalog.with_linker(engine, spec, Arc::new(agent())),
                Some(Part::Patterns) => {
                    catalog.with_pattern_finder(engine, spec, Arc::new(ModelPatternFinder::new(model)))
                }
                Some(Part::Discover) => catalog.with_chapter_finder(engine, spec, Arc::new(agent())),
                Some(Part::Gaps) => catalog.with_gap_investigator(engine, spec, Arc::new(agent())),
                Some(Part::Classify) => {
                    catalog.with_classifier(engine, spec, Arc::new(ModelClassifier::new(model)))
                }
                Some(Part::Polish) => {
                    catalog.with_polisher(engine, spec, Arc::new(ModelPolisher::new(model)))
                }
            }
        })
    }

    /// The pools of the providers. Rates are kept by the providers themselves.
    pub(crate) fn pools(&self) -> impl Iterator<Item = PoolConfig> {
        self.providers.iter().map(|(provider, _)| PoolConfig {
            concurrency: provider.config().concurrency,
            ..PoolConfig::new(provider.name())
        })
    }

    /// Counts what was spent today before, where there is a budget for the day.
    ///
    /// # Errors
    /// The local store cannot be read.
    pub(crate) async fn count_today(&self, library: &Library, settings: &Settings) -> Result<(), Failure> {
        if settings.budget.per_day.is_none() || self.providers.is_empty() {
            return Ok(());
        }
        let mut spent = Usd::ZERO;
        for id in library::known_books(library)? {
            if let Some(reading) = library.read(&id).await? {
                spent = spent + spent_today(&reading.snapshot.state, None);
            }
        }
        self.ledger.with(|ledger| ledger.begin_day(ledger::today(), spent));
        Ok(())
    }

    /// What the providers allow is shared with other machines from now on.
    #[cfg(feature = "nats")]
    pub(crate) fn share_with(&self, sharing: &Arc<dyn Sharing>) {
        self.providers().for_each(|provider| provider.share_with(sharing.clone()));
    }

    /// What a book may take at most, by stage: of what it has not done yet.
    pub(crate) fn estimates(&self, state: &BookState) -> Vec<StageEstimate> {
        let estimate = |Named { part, engine, model }: &Named| {
            let (agent, prompts) = (Agent::new(model.clone()), &self.prompts);
            let each = match part {
                None => ModelOcr::new(model.clone(), None).estimate(prompts),
                Some(Part::TocFinder | Part::TocLink | Part::Discover | Part::Gaps) => agent.estimate(),
                Some(Part::TocExtract) => ModelTocExtractor::new(model.clone()).estimate(prompts),
                Some(Part::Metadata) => ModelMetadata::new(model.clone()).estimate(prompts),
                Some(Part::Patterns) => ModelPatternFinder::new(model.clone()).estimate(prompts),
                Some(Part::Classify) => ModelClassifier::new(model.clone()).estimate(prompts),
                Some(Part::Polish) => ModelPolisher::new(model.clone()).estimate(prompts),
            };
            let stage = part.map_or("ocr", Part::as_str);
            StageEstimate { stage, engine: engine.clone(), units: open_units(state, *part), each }
        };
        self.named.iter().map(estimate).collect()
    }

    /// The providers, to be looked at.
    pub(crate) fn providers(&self) -> impl Iterator<Item = &Provider> {
        self.providers.iter().map(|(provider, _)| &**provider)
    }

    /// The models that stages name, of one provider.
    pub(crate) fn models_of(&self, provider: &str) -> Vec<&str> {
        let of_it = self.named.iter().filter_map(|named| named.engine.split_once(':'));
        of_it.filter(|(name, _)| *name == provider).map(|(_, model)| model).collect()
    }

    /// Takes the budget of a configuration, reads the keys again and has every provider tried again. Blocks.
    pub(crate) fn renew(&self, settings: &Settings) {
        self.ledger.with(|ledger| ledger.set_budget(settings.budget));
        for (provider, source) in &self.providers {
            match source.key() {
                Ok(key) => provider.renew(key),
                Err(error) => say("warning", format_args!("provider {}: {error}", provider.name())),
            }
        }
    }
}

/// Entries, implied entries and gaps that are assumed as long as nobody knows how many there are.
const ENTRIES: usize = 100;
const LOOKS: usize = 20;
/// Pages whose text goes into a request.
const PAGES_A_PIECE: i32 = 2;

/// How many units of a part a book has not done: requests, as many as there may be.
fn open_units(state: &BookState, part: Option<Part>) -> u64 {
    let is_settled = |operation: Operation| {
        !matches!(state.operation(operation).state, OperationState::NotStarted | OperationState::InProgress)
    };
    let page_count = state.book().map_or(0, |book| book.page_count);
    let Some(part) = part else {
        let is_unread = |n: &i32| state.page(*n).is_none_or(|page| !page.is_read());
        return (1..=page_count).filter(is_unread).count() as u64;
    };
    if part.stage().operation().is_some_and(is_settled) {
        return 0;
    }
    let without_result = |agent: AgentType, subjects: Vec<bookstate_domain::Text>| {
        subjects.iter().filter(|subject| !state.is_agent_complete(agent, subject)).count()
    };
    let analysis = state.pattern_analysis();
    let looks = match part {
        Part::TocLink if is_settled(Operation::TocExtract) => {
            let entries = state.toc_entries().values();
            entries.filter(|e| e.ident.is_printed() && !e.is_link_settled()).count()
        }
        Part::TocLink => ENTRIES,
        Part::Discover => analysis.map_or(LOOKS, |analysis| {
            let subjects = analysis.entries_to_find.iter().map(|missing| missing.subject());
            without_result(AgentType::ChapterFinder, subjects.collect())
        }),
        Part::Gaps => analysis.filter(|analysis| !analysis.gaps.is_empty()).map_or(LOOKS, |analysis| {
            let subjects = analysis.gaps.iter().map(|gap| gap.key.clone());
            without_result(AgentType::GapInvestigator, subjects.collect())
        }),
        Part::Polish => return pieces(state, page_count),
        Part::TocFinder => 1,
        Part::Metadata | Part::TocExtract | Part::Patterns | Part::Classify => return 1,
    };
    looks as u64 * AGENT_TURNS
}

/// The pieces in which chapters are edited.
fn pieces(state: &BookState, page_count: i32) -> u64 {
    let chapters = state.chapters().values();
    if state.chapters().values().any(|chapter| chapter.extract_complete) {
        let open = chapters.filter(|chapter| !chapter.is_polish_settled());
        let bytes = open.map(|chapter| chapter.mechanical_text.as_deref().map_or(0, str::len));
        // A piece ends between paragraphs, so it may be half as long.
        return bytes.map(|bytes| (2 * bytes).div_ceil(PIECE_BYTES) as u64).sum();
    }
    u64::try_from(page_count / PAGES_A_PIECE).unwrap_or(0) + ENTRIES as u64
}

fn provider(
    settings: &Settings,
    name: &str,
    ledger: &SharedLedger,
) -> Result<(Arc<Provider>, KeySource), Failure> {
    let configured = settings.providers.iter().find(|provider| provider.name() == name);
    let configured = configured.ok_or_else(|| {
        Failure::usage(format_args!(
            "a stage names provider {name}, which there is not: add [providers.{name}]"
        ))
    })?;
    let mut config = configured.config.clone();
    config.key =
        configured.key.key().map_err(|error| Failure::usage(format_args!("provider {name}: {error}")))?;
    let provider = Provider::with_ledger(config, ledger.clone()).map_err(Failure::usage)?;
    Ok((Arc::new(provider), configured.key.clone()))
}

/// What a book's Metrics of today say was spent: of one pool's engines, or of all.
pub(crate) fn spent_today(state: &BookState, provider: Option<&str>) -> Usd {
    let today = i128::from(ledger::today());
    let day = |metric: &bookstate_domain::Metric| metric.created_at.map(|at| at.as_nanos() / NANOS_OF_DAY);
    let is_its = |metric: &bookstate_domain::Metric| {
        let engine = metric.provider.as_deref().unwrap_or_default();
        provider.is_none_or(|name| engine.strip_prefix(name).is_some_and(|rest| rest.starts_with(['-', ':'])))
    };
    let metrics = state.metrics().values().filter(|metric| day(metric) == Some(today) && is_its(metric));
    metrics.filter_map(|metric| Usd::from_dollars(metric.cost_usd?)).sum()
}

const NANOS_OF_DAY: i128 = 86_400 * 1_000_000_000;
