//! What the bucket holds, as far as this machine has heard: for reads and for hints, never for decisions. Pure.

use std::{
    collections::{BTreeMap, HashMap},
    time::{Duration, Instant},
};

use bookstate_domain::BookId;

use crate::{
    keys::{Kind, parse, unword},
    notes::{Beat, JobNote, Machine, Owner, Pause, read},
};

#[derive(Debug, Clone, Default)]
pub(crate) struct View {
    pub(crate) owners: HashMap<BookId, Owner>,
    pub(crate) jobs: HashMap<BookId, JobNote>,
    pub(crate) machines: BTreeMap<String, Machine>,
    /// Until when, and of which pause that is.
    pub(crate) pauses: HashMap<String, (u64, Instant)>,
    /// Who has a share of quotas.
    pub(crate) beats: BTreeMap<String, Beat>,
}

/// What a change of a key changed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Changed {
    /// Nothing but that something was renewed.
    Nothing,
    /// Who has a book.
    Owner(BookId),
    /// Who has a share of quotas: a machine has beaten, or has none any more.
    Beat(String),
    /// Something else.
    Other,
}

impl View {
    /// Takes note of what a key holds now; `None`: it is gone. What cannot be read is as good as gone.
    pub(crate) fn apply(&mut self, key: &str, value: Option<&[u8]>, now: Instant) -> Changed {
        let Some((kind, word)) = parse(key) else { return Changed::Nothing };
        match kind {
            Kind::Epoch => Changed::Nothing,
            Kind::Own => {
                let Ok(book) = BookId::new(word) else { return Changed::Nothing };
                let changed = put(&mut self.owners, book.clone(), value.and_then(read));
                if changed { Changed::Owner(book) } else { Changed::Nothing }
            }
            Kind::Job => {
                let Ok(book) = BookId::new(word) else { return Changed::Nothing };
                other(put(&mut self.jobs, book, value.and_then(read)))
            }
            Kind::Machine => {
                let Some(name) = unword(word) else { return Changed::Nothing };
                let machine = value.and_then(read);
                if self.machines.get(&name) == machine.as_ref() {
                    return Changed::Nothing;
                }
                match machine {
                    Some(machine) => self.machines.insert(name, machine),
                    None => self.machines.remove(&name),
                };
                Changed::Other
            }
            Kind::Pause => {
                let Some(name) = unword(word) else { return Changed::Nothing };
                let pause = value.and_then(read::<Pause>);
                let known = self.pauses.get(&name).map(|(id, _)| *id);
                if pause.is_some_and(|pause| known == Some(pause.id)) {
                    return Changed::Nothing;
                }
                let until = |pause: Pause| (pause.id, now + Duration::from_millis(pause.pause_ms));
                other(put(&mut self.pauses, name, pause.map(until)))
            }
            Kind::Quota => {
                let Some(name) = unword(word) else { return Changed::Nothing };
                match value.and_then(read) {
                    Some(beat) => self.beats.insert(name.clone(), beat),
                    None => self.beats.remove(&name),
                };
                Changed::Beat(name)
            }
        }
    }

    /// The same, heard anew: a pause that was known ends when it would have.
    pub(crate) fn after(mut self, before: &Self) -> Self {
        for (name, (id, until)) in &mut self.pauses {
            if let Some((known, sooner)) = before.pauses.get(name).filter(|(known, _)| known == id) {
                (*id, *until) = (*known, *sooner);
            }
        }
        self
    }
}

fn other(changed: bool) -> Changed {
    if changed { Changed::Other } else { Changed::Nothing }
}

/// Whether it made a difference.
fn put<K: std::hash::Hash + Eq, V: PartialEq>(map: &mut HashMap<K, V>, key: K, value: Option<V>) -> bool {
    match value {
        Some(value) if map.get(&key) == Some(&value) => false,
        Some(value) => {
            map.insert(key, value);
            true
        }
        None => map.remove(&key).is_some(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::notes::write;

    #[test]
    fn a_renewal_is_no_change_and_what_is_gone_is_gone() {
        let (mut view, now) = (View::default(), Instant::now());
        let book = BookId::new("b").unwrap();
        let owner = Owner { machine: "m".into(), address: "a".into(), epoch: 1, start: "s".into() };
        let value = write(&owner);
        assert_eq!(view.apply("own.b", Some(&value), now), Changed::Owner(book.clone()));
        assert_eq!(view.apply("own.b", Some(&value), now), Changed::Nothing);
        assert_eq!(view.owners.get(&book), Some(&owner));
        assert_eq!(view.apply("own.b", None, now), Changed::Owner(book));
        assert_eq!(view.apply("own.b", None, now), Changed::Nothing);
        let pause = Some(&br#"{"pause_ms":1000,"id":7}"#[..]);
        assert_eq!(view.apply("pause.a=2Eb", pause, now), Changed::Other);
        let until = (7, now + Duration::from_secs(1));
        assert_eq!(view.pauses.get("a.b"), Some(&until));
        let mut fresh = View::default();
        fresh.apply("pause.a=2Eb", pause, now + Duration::from_millis(900));
        assert_eq!(fresh.after(&view).pauses.get("a.b"), Some(&until), "it is the same pause");
        let beat = Some(&br#"{"start":"s","beat":1}"#[..]);
        assert_eq!(view.apply("quota.m", beat, now), Changed::Beat("m".into()));
        for strange in ["epoch.b", "own.b.c", "x", "machine.=", "own."] {
            assert_eq!(view.apply(strange, Some(b"{}"), now), Changed::Nothing, "{strange}");
        }
    }
}
