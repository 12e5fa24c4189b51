//! A made-up translation service: slow, and sometimes it has no answer. It translates into Pig Latin.

use std::{
    collections::HashSet,
    sync::{Mutex, PoisonError},
    time::Duration,
};

/// How long an answer takes.
const LATENCY: Duration = Duration::from_millis(30);
/// Of so many pages, one is refused when it is asked for the first time.
const TROUBLE: i32 = 7;

/// The service has no answer; another request may get one.
#[derive(Debug)]
pub struct Busy;

/// See the module documentation.
#[derive(Debug, Default)]
pub struct Service {
    refused: Mutex<HashSet<i32>>,
}

impl Service {
    /// Translates the text of a page.
    ///
    /// # Errors
    /// The service is busy.
    pub async fn translate(&self, page_num: i32, text: &str) -> Result<String, Busy> {
        tokio::time::sleep(LATENCY).await;
        let is_first = || self.refused.lock().unwrap_or_else(PoisonError::into_inner).insert(page_num);
        if page_num % TROUBLE == 0 && is_first() {
            return Err(Busy);
        }
        Ok(text.split(' ').map(pig_latin).collect::<Vec<_>>().join(" "))
    }
}

fn pig_latin(word: &str) -> String {
    match word.find(['a', 'e', 'i', 'o', 'u']) {
        Some(vowel) => {
            let (consonants, rest) = word.split_at(vowel);
            format!("{rest}{consonants}ay")
        }
        None => word.to_owned(),
    }
}
