//! Models as the program uses them: the providers of the configuration with their keys, one ledger for all, and the
//! engines that ask them.

use std::sync::Arc;

use bookstate_domain::{BookState, OperationState, Stage};
use bookstate_jobs::{
    engines::{
        EngineCatalog, EngineSpec, TesseractOcr,
        models::{Answers, Model, ModelOcr, ModelTocExtractor, ModelTocFinder},
    },
    pool::PoolConfig,
    scan::TESSERACT,
};
use bookstate_llm::{Estimate, Provider, SharedLedger, Usd, ledger};
use bookstate_scans::images::ImageProgram;
use bookstate_store::Library;

use crate::{
    failure::Failure,
    library,
    logging::say,
    settings::{KeptAnswers, KeySource, Settings},
};

/// See the module documentation.
#[derive(Debug, Clone)]
pub(crate) struct Models {
    providers: Vec<(Arc<Provider>, KeySource)>,
    ledger: SharedLedger,
    named: Vec<Named>,
    images: ImageProgram,
}

/// A model that a stage of new jobs names.
#[derive(Debug, Clone)]
struct Named {
    stage: Stage,
    engine: String,
    model: Model,
}

/// What a stage of a book may take at most.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct StageEstimate {
    /// The stage.
    pub(crate) stage: Stage,
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
    let tesseract = TesseractOcr::default().with_images_by(library::images(settings)?);
    let catalog = EngineCatalog::local().with_ocr(TESSERACT, EngineSpec::local(), Arc::new(tesseract));
    let models = Models::of(settings)?;
    Ok((models.add_to(catalog), models))
}

impl Models {
    /// The providers that the stages of new jobs name, with their keys. Nothing is sent. Blocks.
    ///
    /// # Errors
    /// A stage names a provider that is not configured, or a key is not there.
    pub(crate) fn of(settings: &Settings) -> Result<Self, Failure> {
        let ledger = SharedLedger::new(settings.budget);
        let mut providers: Vec<(Arc<Provider>, KeySource)> = Vec::new();
        let mut named = Vec::new();
        let answers = match settings.answers {
            KeptAnswers::Kept => Answers::Kept,
            KeptAnswers::Renewed => Answers::Renewed,
            KeptAnswers::Forgotten => Answers::Forgotten,
        };
        for (stage, engine) in settings.model_engines() {
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
                stage,
                engine: engine.clone(),
                model: Model::new(provider, model).with_answers(answers),
            });
        }
        Ok(Self { providers, ledger, named, images: library::images(settings)? })
    }

    /// The engines of the named models, added to a catalog.
    fn add_to(&self, catalog: EngineCatalog) -> EngineCatalog {
        self.named.iter().fold(catalog, |catalog, Named { stage, engine, model }| {
            let pool = engine.split_once(':').map_or(engine.as_str(), |(provider, _)| provider);
            let spec = EngineSpec { pool: pool.into(), metered: true };
            let model = model.clone();
            match stage {
                Stage::TocFinder => catalog.with_finder(engine, spec, Arc::new(ModelTocFinder::new(model))),
                Stage::TocExtract => {
                    catalog.with_extractor(engine, spec, Arc::new(ModelTocExtractor::new(model)))
                }
                _ => {
                    catalog.with_ocr(engine, spec, Arc::new(ModelOcr::new(model, Some(self.images.clone()))))
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

    /// What a book may take at most, by stage: of what it has not done yet.
    pub(crate) fn estimates(&self, state: &BookState) -> Vec<StageEstimate> {
        let open = |stage: Stage| {
            let state = stage.operation().map(|operation| state.operation(operation).state);
            u64::from(matches!(state, Some(OperationState::NotStarted | OperationState::InProgress)))
        };
        let page_count = state.book().map_or(0, |book| book.page_count);
        let unread = (1..=page_count).filter(|n| state.page(*n).is_none_or(|page| !page.is_read())).count();
        let estimate = |Named { stage, engine, model }: &Named| {
            let model = model.clone();
            let (units, each) = match stage {
                Stage::TocFinder => (open(*stage), ModelTocFinder::new(model).estimate()),
                Stage::TocExtract => (open(*stage), ModelTocExtractor::new(model).estimate()),
                _ => (unread as u64, ModelOcr::new(model, None).estimate()),
            };
            StageEstimate { stage: *stage, engine: engine.clone(), units, each }
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
