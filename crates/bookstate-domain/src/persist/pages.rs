//! Persist methods on pages.

use std::sync::Arc;

use super::{Misuse, Ops, put};
use crate::{
    At, BookState, Heading, Json, OcrResult, OcrResultKey, Op, PAGE_RETRIES, Page, PageKey, PagePatch,
    Provider, ProviderRetries, Text, WriteOp, document::Document,
};

/// What a provider read on a page.
#[derive(Debug, Clone, PartialEq)]
pub struct PageReading {
    /// The page, 1-based.
    pub page_num: i32,
    /// The provider.
    pub provider: Provider,
    /// Its text; may be empty.
    pub text: Text,
    /// How sure it is, 0 to 1.
    pub confidence: Option<f64>,
    /// Running header, when there is one.
    pub header: Option<Text>,
    /// Running footer, when there is one.
    pub footer: Option<Text>,
}

impl BookState {
    /// The document of a page.
    #[must_use]
    pub fn page(&self, page_num: i32) -> Option<&Arc<Page>> {
        self.pages().get(&PageKey { book_id: self.book_id().clone(), page_num })
    }

    /// What a provider read on a page.
    #[must_use]
    pub fn ocr_result(&self, page_num: i32, provider: &Provider) -> Option<&Arc<OcrResult>> {
        let (book_id, provider) = (self.book_id().clone(), provider.clone());
        self.ocr_results().get(&OcrResultKey { book_id, page_num, provider })
    }

    /// Patches a page, or creates it: a page is created by its first result.
    fn upsert_page(&self, at: &At, page_num: i32, patch: PagePatch) -> WriteOp {
        let key = PageKey { book_id: self.book_id().clone(), page_num };
        if self.pages().contains_key(&key) {
            return Op::<Page>::Update { key, patch: Box::new(patch) }.into();
        }
        let mut page = key.document(at);
        page.apply(&patch);
        Op::Upsert(Arc::new(page)).into()
    }

    /// The page's text layer or image is available.
    ///
    /// # Errors
    /// The book has no such page.
    pub fn persist_page_extract(&self, at: &At, page_num: i32) -> Result<Ops, Misuse> {
        self.require_page(page_num)?;
        let patch = PagePatch { extract_complete: Some(true), ..PagePatch::default() };
        Ok(vec![self.upsert_page(at, page_num, patch)])
    }

    /// A provider has read a page. Writes the result and, when non-empty, the page's header and footer; with
    /// the last of `providers` the page's `ocr_complete`, and it is not given up any more. The header and footer of the first of `providers`
    /// win, whichever comes first in time.
    ///
    /// # Errors
    /// The book has no such page.
    pub fn persist_ocr_result(
        &self,
        at: &At,
        reading: PageReading,
        providers: &[Provider],
    ) -> Result<Ops, Misuse> {
        let page_num = reading.page_num;
        self.require_page(page_num)?;
        if reading.provider.as_str() == Provider::PERSON {
            return Err(Misuse::Reserved(reading.provider));
        }
        let others = providers.iter().filter(|p| **p != reading.provider);
        let all_in = others.into_iter().all(|p| self.ocr_result(page_num, p).is_some());
        let page = self.page(page_num);
        let preferred = providers.first().is_none_or(|first| *first == reading.provider);
        let filled = |new: Option<Text>, old: Option<&Text>| {
            new.filter(|text| !text.is_empty() && (preferred || old.is_none())).map(Some)
        };
        let patch = PagePatch {
            header: filled(reading.header, page.and_then(|page| page.header.as_ref())),
            footer: filled(reading.footer, page.and_then(|page| page.footer.as_ref())),
            ocr_complete: all_in.then_some(true),
            ocr_failed: (all_in && page.is_some_and(|page| page.ocr_failed)).then_some(false),
            ..PagePatch::default()
        };
        let key = OcrResultKey { book_id: self.book_id().clone(), page_num, provider: reading.provider };
        let mut result = key.document(at);
        result.text = Some(reading.text);
        result.confidence = reading.confidence;
        let mut ops = vec![put(self, result)];
        if !crate::document::Patch::is_empty(&patch) {
            ops.push(self.upsert_page(at, page_num, patch));
        }
        Ok(ops)
    }

    /// The page's text as Markdown, and the headings in it. A page that every provider has read is not given up any
    /// more.
    ///
    /// # Errors
    /// The book has no such page.
    pub fn persist_ocr_markdown(
        &self,
        at: &At,
        page_num: i32,
        markdown: Text,
        headings: Vec<Heading>,
    ) -> Result<Ops, Misuse> {
        self.require_page(page_num)?;
        // A page that a person corrected keeps that text.
        let corrected = self.ocr_result(page_num, &Provider::person()).and_then(|result| result.text.clone());
        let markdown = corrected.unwrap_or(markdown);
        let headings = Some((!headings.is_empty()).then(|| Json::from(headings)));
        let is_late = self.page(page_num).is_some_and(|page| page.ocr_failed && page.ocr_complete);
        let patch = PagePatch {
            ocr_markdown: Some(Some(markdown)),
            headings,
            ocr_failed: is_late.then_some(false),
            ..PagePatch::default()
        };
        Ok(vec![self.upsert_page(at, page_num, patch)])
    }

    /// A person has corrected a page: this is its text from now on, which no engine replaces. It is kept as the reading
    /// of the provider [`Provider::PERSON`].
    ///
    /// # Errors
    /// The book has no such page, or one of its jobs is active.
    pub fn persist_page_correction(
        &self,
        at: &At,
        page_num: i32,
        text: Text,
        headings: Vec<Heading>,
    ) -> Result<Ops, Misuse> {
        self.require_page(page_num)?;
        if let Some(job) = self.active_job() {
            return Err(Misuse::JobActive(job.job_id.clone()));
        }
        let provider = Provider::person();
        let key = OcrResultKey { book_id: self.book_id().clone(), page_num, provider };
        let mut result = key.document(at);
        result.text = Some(text.clone());
        result.confidence = Some(1.0);
        let patch = PagePatch {
            ocr_markdown: Some(Some(text)),
            headings: Some((!headings.is_empty()).then(|| Json::from(headings))),
            extract_complete: Some(true),
            ocr_complete: Some(true),
            ocr_failed: Some(false),
            failure_reason: Some(None),
            ..PagePatch::default()
        };
        Ok(vec![put(self, result), self.upsert_page(at, page_num, patch)])
    }

    /// How often a provider has failed to read a page.
    #[must_use]
    pub fn provider_retries(&self, page_num: i32, provider: &Provider) -> i32 {
        let retries = self.page(page_num).and_then(|page| page.provider_retries.as_ref());
        let of = |found: &&ProviderRetries| *found.provider == *provider.as_str();
        retries.into_iter().flat_map(|all| all.iter()).find(of).map_or(0, |found| found.retries)
    }

    /// An attempt to read a page failed: that of a provider, or else one of the steps around it. With `for_good`, or at
    /// the [limit](PAGE_RETRIES), the page is given up. The attempts of one provider are not counted against another.
    ///
    /// # Errors
    /// The book has no such page.
    pub fn persist_page_failure(
        &self,
        at: &At,
        page_num: i32,
        provider: Option<&Provider>,
        reason: Text,
        for_good: bool,
    ) -> Result<Ops, Misuse> {
        self.require_page(page_num)?;
        let page = self.page(page_num);
        let retries = page.map_or(0, |page| page.ocr_retries).saturating_add(1);
        let mut of_providers: Vec<ProviderRetries> = page
            .and_then(|page| page.provider_retries.as_ref())
            .map_or_else(Vec::new, |retries| retries.to_vec());
        let own = match provider {
            Some(provider) => {
                let name = provider.as_str();
                let found = of_providers.binary_search_by(|other| (*other.provider).cmp(name));
                let place = found.unwrap_or_else(|place| {
                    of_providers.insert(place, ProviderRetries { provider: name.into(), retries: 0 });
                    place
                });
                of_providers.get_mut(place).map_or(0, |own| {
                    own.retries = own.retries.saturating_add(1);
                    own.retries
                })
            }
            None => of_providers.iter().fold(retries, |left, other| left.saturating_sub(other.retries)),
        };
        // A late failure, behind a result, takes nothing back.
        let failed = match page {
            Some(page) if page.is_read() => page.ocr_failed,
            _ => for_good || own >= PAGE_RETRIES,
        };
        let patch = PagePatch {
            ocr_retries: Some(retries),
            provider_retries: provider.map(|_| Some(Json::from(of_providers))),
            ocr_failed: Some(failed),
            failure_reason: Some(Some(reason)),
            ..PagePatch::default()
        };
        Ok(vec![self.upsert_page(at, page_num, patch)])
    }
}
