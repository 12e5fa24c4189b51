//! The engines of single parts of the pipeline: those that there are, and those of one job.
//!
//! One list names each part with the trait of its engines; the catalog's methods and the choice by part follow from it.

use std::{collections::BTreeMap, sync::Arc};

use bookstate_domain::Text;

use super::{EngineCatalog, EngineSpec, Named, Registered};
use crate::{
    engine::{
        AnalysisEngine, ChapterFinder, Classifier, GapInvestigator, MetadataEngine, PatternFinder, Polisher,
        TocExtractor, TocFinder, TocLinker,
    },
    part::Part,
    unit::PoolName,
};

macro_rules! parts {
    ($($part:ident $field:ident: $engine:ident, $with:ident, $name:literal;)*) => {
        /// The engines that there are for single parts.
        #[derive(Debug, Clone, Default)]
        pub(super) struct PartCatalog {
            $($field: BTreeMap<String, Registered<dyn $engine>>,)*
        }

        impl PartCatalog {
            /// The pools that they want.
            pub(super) fn pools(&self) -> impl Iterator<Item = PoolName> {
                let mut pools = Vec::new();
                $(pools.extend(self.$field.values().map(|engine| engine.spec.pool.clone()));)*
                pools.into_iter()
            }
        }

        impl EngineCatalog {
            $(
                #[doc = concat!("Adds an engine for the part `", $name, "` alone, or replaces the one of this name.")]
                #[must_use]
                pub fn $with(mut self, name: &str, spec: EngineSpec, engine: Arc<dyn $engine>) -> Self {
                    self.parts.$field.insert(name.to_owned(), Registered { engine, spec });
                    self
                }
            )*
        }

        /// The engine of each part, for one job.
        #[derive(Debug, Clone)]
        pub(crate) struct PartSet {
            $(pub(crate) $field: Named<dyn $engine>,)*
        }

        impl PartSet {
            /// One engine for all.
            pub(super) fn all(name: &str, analysis: &Registered<dyn AnalysisEngine>) -> Self {
                Self {
                    $($field: Named {
                        name: name.into(),
                        engine: analysis.engine.clone(),
                        spec: analysis.spec.clone(),
                    },)*
                }
            }

            /// A part has another engine.
            ///
            /// # Errors
            /// There is none of this name: those that there are.
            pub(super) fn put(
                &mut self, part: Part, name: &str, catalog: &PartCatalog,
            ) -> Result<(), Vec<String>> {
                match part {
                    $(Part::$part => {
                        let known = || catalog.$field.keys().cloned().collect::<Vec<_>>();
                        self.$field = catalog.$field.get(name).ok_or_else(known)?.named(name);
                    })*
                }
                Ok(())
            }

            /// The engine of a part: its name and how it is run.
            pub(super) fn of(&self, part: Part) -> (&Text, &EngineSpec) {
                match part {
                    $(Part::$part => (&self.$field.name, &self.$field.spec),)*
                }
            }
        }
    };
}

parts! {
    Metadata metadata: MetadataEngine, with_metadata, "metadata";
    TocFinder finder: TocFinder, with_finder, "toc_finder";
    TocExtract extractor: TocExtractor, with_extractor, "toc_extract";
    TocLink linker: TocLinker, with_linker, "toc_link";
    Patterns pattern_finder: PatternFinder, with_pattern_finder, "patterns";
    Discover chapter_finder: ChapterFinder, with_chapter_finder, "discover";
    Gaps gap_investigator: GapInvestigator, with_gap_investigator, "gaps";
    Classify classifier: Classifier, with_classifier, "classify";
    Polish polisher: Polisher, with_polisher, "polish";
}
