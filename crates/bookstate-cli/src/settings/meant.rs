//! The key that was meant where one is written that there is not.

use std::path::Path;

use super::{keys::Layers, provider_keys, target_keys};
use crate::failure::Failure;

/// An error that names the key, where it was written and the nearest known key.
pub(super) fn unknown(name: &str, place: &str) -> Failure {
    let targets = target_keys::KEYS.into_iter().map(|key| key.name);
    let of = |table: &str| name.strip_prefix(table).and_then(|rest| rest.split_once('.'));
    // Their own names are no part of what may be misspelt.
    let key = match (of("targets."), of("providers.")) {
        (Some((_, key)), _) => nearest(&format!("targets.NAME.{key}"), targets),
        (_, Some((_, key))) => nearest(&format!("providers.NAME.{key}"), provider_keys::KEYS.into_iter()),
        (None, None) => nearest(name, Layers::keys().into_iter().map(|key| key.name).chain(targets)),
    };
    match key {
        Some(key) => Failure::usage(format_args!("unknown key {name}{place}: did you mean {key}?")),
        None => Failure::usage(format_args!("unknown key {name}{place}: `config show` lists the known ones")),
    }
}

/// Where a key was written, for messages.
pub(super) fn written_in(path: &Path) -> String {
    format!(" in {}", path.display())
}

/// The word that was meant, if one is near enough.
fn nearest<'w>(word: &str, known: impl Iterator<Item = &'w str>) -> Option<&'w str> {
    let distance = |candidate: &str| {
        let whole = strsim::damerau_levenshtein(word, candidate);
        // `policy` on the top level is `journal.policy`.
        let last = |name: &str| name.rsplit('.').next().unwrap_or_default().to_owned();
        let tail = strsim::damerau_levenshtein(&last(word), &last(candidate)).saturating_mul(2);
        whole.min(tail + 1)
    };
    let ranked = known.map(|candidate| (distance(candidate), candidate));
    let (distance, candidate) = ranked.min_by_key(|(distance, _)| *distance)?;
    (distance <= candidate.len().max(3) / 3 + 1).then_some(candidate)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_nearest_key_is_the_one_that_was_meant() {
        let near = |word| nearest(word, Layers::keys().into_iter().map(|key| key.name));
        assert_eq!(near("journal.polcy"), Some("journal.policy"));
        assert_eq!(near("jurnal.policy"), Some("journal.policy"));
        assert_eq!(near("policy"), Some("journal.policy"));
        assert_eq!(near("sink.linger_ms"), Some("sink.local.linger_ms"));
        assert_eq!(near("data-dir"), Some("data_dir"));
        assert_eq!(near("colour.of.the.cover"), None);
    }
}
