//! The engines that there are, by name.
//!
//! A job names its engines; the catalog turns the names into engines, when the job starts and again whenever
//! it is resumed. A name that it does not know is an error that lists those that it does.

mod local;
mod missing;
#[cfg(feature = "models")]
pub mod models;
#[cfg(feature = "paddle")]
mod paddle;
mod parts;
#[cfg(feature = "scans")]
mod scanned;
#[cfg(feature = "scans")]
mod tesseract;
mod text_layer;

use std::{collections::BTreeMap, fmt, sync::Arc, time::Duration};

use bookstate_domain::{BookState, Engines, Page, Provider, Stage, Text, Variant};

#[cfg(feature = "scans")]
use crate::scan::TESSERACT;
use crate::{
    choose::provider_name,
    engine::{AnalysisEngine, EngineError, OcrEngine},
    part::Part,
    plan::JobPlan,
    pool::LOCAL_POOL,
    unit::{Doer, PoolName, Work},
};
#[cfg(feature = "models")]
use local::NUMBERED;
pub use local::{LOCAL, LocalAnalysis};
pub use missing::MissingOcr;
#[cfg(feature = "paddle")]
pub use paddle::PaddleOcr;
use parts::{PartCatalog, PartSet};
#[cfg(feature = "scans")]
pub use tesseract::TesseractOcr;
pub(crate) use text_layer::source_failure;
pub use text_layer::{TEXT_LAYER, TextLayer};

/// How an engine is run.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct EngineSpec {
    /// The pool whose workers run it.
    pub pool: PoolName,
    /// It costs money: every unit leaves a Metric.
    pub metered: bool,
}

impl EngineSpec {
    /// An engine that this machine runs for nothing.
    #[must_use]
    pub fn local() -> Self {
        Self { pool: LOCAL_POOL.into(), metered: false }
    }
}

/// A name that no engine has.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("there is no {kind} engine {name:?}; known are {}", known.join(", "))]
pub struct UnknownEngine {
    /// `OCR`, `analysis`, or a part of the pipeline.
    pub kind: &'static str,
    /// The name.
    pub name: String,
    /// The names that there are.
    pub known: Vec<String>,
}

/// An engine and how it is run.
pub(crate) struct Registered<E: ?Sized> {
    pub(crate) engine: Arc<E>,
    pub(crate) spec: EngineSpec,
}

impl<E: ?Sized> Clone for Registered<E> {
    fn clone(&self) -> Self {
        Self { engine: self.engine.clone(), spec: self.spec.clone() }
    }
}

impl<E: ?Sized> fmt::Debug for Registered<E> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.spec.fmt(f)
    }
}

impl<E: ?Sized> Registered<E> {
    fn named(&self, name: &str) -> Named<E> {
        Named { name: name.into(), engine: self.engine.clone(), spec: self.spec.clone() }
    }
}

/// The engine of one part of the pipeline.
pub(crate) struct Named<E: ?Sized> {
    name: Text,
    pub(crate) engine: Arc<E>,
    spec: EngineSpec,
}

impl<E: ?Sized> Clone for Named<E> {
    fn clone(&self) -> Self {
        Self { name: self.name.clone(), engine: self.engine.clone(), spec: self.spec.clone() }
    }
}

impl<E: ?Sized> fmt::Debug for Named<E> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.name.fmt(f)
    }
}

/// What [`Engines::analysis`] names: the engine of all stages behind the pages, then those of single [parts](Part), as in
/// `local toc_finder=openrouter:some/model`.
fn names_of(analysis: &str) -> (&str, impl Iterator<Item = (&str, &str)>) {
    let mut words = analysis.split(' ');
    let general = words.next().unwrap_or_default();
    (general, words.map(|word| word.split_once('=').unwrap_or((word, ""))))
}

/// How long until it is looked again for what an engine needs.
const LOOK_AGAIN: Duration = Duration::from_secs(30);

/// What an engine says that lacks what it needs: its units wait, and no page is to blame.
fn not_there(provider: &str, why: impl fmt::Display) -> EngineError {
    EngineError::Held { provider: provider.to_owned(), reason: why.to_string(), pause: Some(LOOK_AGAIN) }
}

/// The engines that there are.
#[derive(Debug, Clone, Default)]
pub struct EngineCatalog {
    ocr: BTreeMap<String, Registered<dyn OcrEngine>>,
    analysis: BTreeMap<String, Registered<dyn AnalysisEngine>>,
    parts: PartCatalog,
}

impl EngineCatalog {
    /// No engines.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// The engines that need neither key nor network: OCR `text-layer` and `tesseract` (with the feature `scans`),
    /// analysis `local`.
    #[must_use]
    pub fn local() -> Self {
        let catalog = Self::new()
            .with_ocr(TEXT_LAYER, EngineSpec::local(), Arc::new(TextLayer))
            .with_analysis(LOCAL, EngineSpec::local(), Arc::new(LocalAnalysis));
        #[cfg(feature = "scans")]
        let catalog = catalog.with_ocr(TESSERACT, EngineSpec::local(), Arc::new(TesseractOcr::default()));
        catalog
    }

    /// Adds an OCR engine, or replaces the one of this name.
    #[must_use]
    pub fn with_ocr(mut self, name: &str, spec: EngineSpec, engine: Arc<dyn OcrEngine>) -> Self {
        self.ocr.insert(name.to_owned(), Registered { engine, spec });
        self
    }

    /// Adds an analysis engine, or replaces the one of this name.
    #[must_use]
    pub fn with_analysis(mut self, name: &str, spec: EngineSpec, engine: Arc<dyn AnalysisEngine>) -> Self {
        self.analysis.insert(name.to_owned(), Registered { engine, spec });
        self
    }

    /// The pools that the engines want.
    pub fn pools(&self) -> impl Iterator<Item = PoolName> {
        let ocr = self.ocr.values().map(|engine| engine.spec.pool.clone());
        let analysis = self.analysis.values().map(|engine| engine.spec.pool.clone());
        ocr.chain(analysis).chain(self.parts.pools()).chain([LOCAL_POOL.into()])
    }

    /// The engines of a job.
    ///
    /// # Errors
    /// A name that there is no engine of, or no OCR engine at all.
    pub fn resolve(&self, engines: &Engines) -> Result<EngineSet, UnknownEngine> {
        let unknown =
            |kind, name: &str, known: Vec<String>| UnknownEngine { kind, name: name.to_owned(), known };
        let no_ocr = |name: &str| unknown("OCR", name, self.ocr.keys().cloned().collect());
        let mut ocr = Vec::new();
        for name in &engines.ocr {
            let engine = self.ocr.get(&**name).ok_or_else(|| no_ocr(name))?;
            let provider = provider_name(name).ok_or_else(|| no_ocr(name))?;
            if ocr.iter().any(|(other, _)| *other == provider) {
                return Err(no_ocr(name));
            }
            ocr.push((provider, engine.clone()));
        }
        if ocr.is_empty() {
            return Err(no_ocr(""));
        }
        let (analysis_name, others) = names_of(&engines.analysis);
        let analysis = self
            .analysis
            .get(analysis_name)
            .ok_or_else(|| unknown("analysis", analysis_name, self.analysis.keys().cloned().collect()))?;
        let mut parts = PartSet::all(analysis_name, analysis);
        for (part, name) in others {
            let all = || Part::ALL.iter().map(|part| part.as_str().to_owned()).collect();
            let named: Part = part.parse().map_err(|_| unknown("part", part, all()))?;
            parts.put(named, name, &self.parts).map_err(|known| unknown(named.as_str(), name, known))?;
        }
        Ok(EngineSet { ocr, analysis: analysis.clone(), analysis_name: analysis_name.into(), parts })
    }
}

/// The engines of one job.
#[derive(Debug, Clone)]
pub struct EngineSet {
    pub(crate) ocr: Vec<(Provider, Registered<dyn OcrEngine>)>,
    pub(crate) analysis: Registered<dyn AnalysisEngine>,
    analysis_name: Text,
    pub(crate) parts: PartSet,
}

impl EngineSet {
    /// Why an OCR engine of the job cannot work at all for now. May block.
    #[must_use]
    pub fn missing(&self) -> Option<String> {
        self.ocr.iter().find_map(|(_, engine)| engine.engine.missing())
    }

    /// The pages that were given up because an engine was missing, or not asked for, that is there now. May block.
    #[must_use]
    pub fn readable_now(&self, state: &BookState) -> Vec<i32> {
        let failed: Vec<_> = state.pages().values().filter(|page| page.ocr_failed).collect();
        if failed.is_empty() {
            return Vec::new();
        }
        let there: Vec<_> = self.ocr.iter().filter(|(_, engine)| engine.engine.missing().is_none()).collect();
        let asked = |name: &Provider| {
            let mut engines = state.jobs().values().filter_map(|job| job.engines.as_ref());
            engines.any(|engines| engines.ocr.iter().any(|ocr| provider_name(ocr).as_ref() == Some(name)))
        };
        let readable = |page: &&&Arc<Page>| {
            let reason = page.failure_reason.as_deref().unwrap_or_default();
            there.iter().any(|(name, engine)| !asked(name) || engine.engine.was_missing(reason))
        };
        failed.iter().filter(readable).map(|page| page.page_num).collect()
    }

    /// What the planner needs of a job with these engines.
    #[must_use]
    pub fn job_plan(&self, variant: Variant) -> JobPlan {
        let providers = self.ocr.iter().map(|(name, engine)| (name.clone(), engine.spec.pool.clone()));
        let fallbacks = self.ocr.iter().filter(|(_, engine)| engine.engine.is_fallback());
        JobPlan {
            variant,
            providers: providers.collect(),
            fallbacks: fallbacks.map(|(name, _)| name.clone()).collect(),
            local_pool: LOCAL_POOL.into(),
            analysis_pool: self.analysis.spec.pool.clone(),
            part_pools: Part::ALL.map(|part| (part, self.parts.of(part).1.pool.clone())).into(),
            discovers_at_once: self.parts.chapter_finder.engine.looks_at_once(),
            finder_pages: self.parts.finder.engine.pages(),
        }
    }

    /// The names of the engines that do a stage behind the pages, each once.
    pub(crate) fn names_of(&self, stage: Stage) -> Text {
        // Of these stages some units are of no part.
        let is_mixed = matches!(stage, Stage::TocFinalize | Stage::Structure);
        let general = is_mixed.then_some(&self.analysis_name);
        let of_stage = Part::ALL.into_iter().filter(|part| part.stage() == stage);
        let mut names: Vec<&str> = Vec::new();
        for name in general.into_iter().chain(of_stage.map(|part| self.parts.of(part).0)) {
            if !names.contains(&&**name) {
                names.push(name);
            }
        }
        names.join(",").into()
    }

    /// The engine that does this work; `None`: the machine itself.
    pub(crate) fn of(&self, work: &Work) -> Option<(Text, &EngineSpec)> {
        match work.doer() {
            Doer::Machine => None,
            Doer::Provider(provider) => {
                let (name, engine) = self.ocr.iter().find(|(name, _)| name == provider)?;
                Some((name.as_str().into(), &engine.spec))
            }
            Doer::Analysis => Some(match work.part() {
                Some(part) => {
                    let (name, spec) = self.parts.of(part);
                    (name.clone(), spec)
                }
                None => (self.analysis_name.clone(), &self.analysis.spec),
            }),
        }
    }
}
