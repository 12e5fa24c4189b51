//! One client's share of what is scarce, and how often it may guess a token.
//!
//! A client is an address and the token that it shows. So many scripts behind one proxy are different clients when
//! their tokens differ, and one token in many places is, too.

use std::{
    collections::HashMap,
    sync::Arc,
    time::{Duration, Instant},
};

use parking_lot::Mutex;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use crate::{connections::Address, tokens::TokenHash};

/// Wrong tokens that an address may show within [`WINDOW`].
const GUESSES: u32 = 20;
/// The time after which guesses are forgotten.
const WINDOW: Duration = Duration::from_secs(60);
/// Addresses whose guesses are remembered.
const REMEMBERED: usize = 10_000;

/// See the module documentation.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) struct Client {
    pub(crate) address: Address,
    pub(crate) token: Option<TokenHash>,
}

/// Something of which there are only so many at once, and of which one client has three quarters at most.
#[derive(Debug)]
pub(crate) struct Scarce {
    all: Arc<Semaphore>,
    total: usize,
    taken: Arc<Mutex<HashMap<Client, usize>>>,
}

impl Scarce {
    pub(crate) fn new(total: usize) -> Self {
        Self { all: Arc::new(Semaphore::new(total)), total, taken: Arc::default() }
    }

    /// One for a client; none when it has its share already, or all are taken.
    pub(crate) fn take(&self, client: Client) -> Option<Taken> {
        let share = self.total.saturating_mul(3).div_ceil(4);
        let mut taken = self.taken.lock();
        if taken.get(&client).copied().unwrap_or(0) >= share {
            return None;
        }
        let permit = self.all.clone().try_acquire_owned().ok()?;
        *taken.entry(client).or_default() += 1;
        Some(Taken { taken: self.taken.clone(), client, _permit: permit })
    }

    /// How many are taken.
    pub(crate) fn in_use(&self) -> usize {
        self.total.saturating_sub(self.all.available_permits())
    }
}

/// One of what is scarce, given back when dropped.
#[derive(Debug)]
pub(crate) struct Taken {
    taken: Arc<Mutex<HashMap<Client, usize>>>,
    client: Client,
    _permit: OwnedSemaphorePermit,
}

impl Drop for Taken {
    fn drop(&mut self) {
        let mut taken = self.taken.lock();
        if let Some(count) = taken.get_mut(&self.client) {
            *count = count.saturating_sub(1);
            if *count == 0 {
                taken.remove(&self.client);
            }
        }
    }
}

/// Wrong tokens, by the address that showed them.
#[derive(Debug, Default)]
pub(crate) struct Guesses(Mutex<HashMap<Address, (u32, Instant)>>);

impl Guesses {
    /// Whether an address has guessed too often lately.
    pub(crate) fn are_too_many(&self, address: Address, now: Instant) -> bool {
        let guesses = self.0.lock();
        let since = |began: Instant| now.saturating_duration_since(began);
        guesses.get(&address).is_some_and(|(count, began)| *count >= GUESSES && since(*began) < WINDOW)
    }

    /// An address has shown a wrong token.
    pub(crate) fn add(&self, address: Address, now: Instant) {
        let mut guesses = self.0.lock();
        let is_over = |began: Instant| now.saturating_duration_since(began) >= WINDOW;
        if guesses.len() >= REMEMBERED {
            guesses.retain(|_, (_, began)| !is_over(*began));
        }
        // With more addresses than this a guesser need not repeat itself anyway.
        if guesses.len() >= REMEMBERED && !guesses.contains_key(&address) {
            return;
        }
        let (count, began) = guesses.entry(address).or_insert((0, now));
        if is_over(*began) {
            (*count, *began) = (0, now);
        }
        *count = count.saturating_add(1);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn client(last: u8, token: Option<TokenHash>) -> Client {
        Client { address: std::net::IpAddr::from([10, 0, 0, last]).into(), token }
    }

    #[test]
    fn one_client_leaves_something_for_others() {
        let scarce = Scarce::new(4);
        let taken: Vec<_> = (0..10).map_while(|_| scarce.take(client(1, None))).collect();
        assert_eq!((taken.len(), scarce.in_use()), (3, 3));
        let other = scarce.take(client(1, Some([1; 32]))).unwrap();
        assert!(scarce.take(client(2, None)).is_none(), "there are four");
        drop((taken, other));
        assert!(scarce.taken.lock().is_empty() && scarce.in_use() == 0);
        assert!(Scarce::new(1).take(client(1, None)).is_some());
    }

    #[test]
    fn guesses_are_counted_by_address_and_forgotten() {
        let guesses = Guesses::default();
        let now = Instant::now();
        let (a, b) = (client(1, None).address, client(2, None).address);
        (0..GUESSES).for_each(|_| {
            assert!(!guesses.are_too_many(a, now));
            guesses.add(a, now);
        });
        assert!(guesses.are_too_many(a, now) && !guesses.are_too_many(b, now));
        assert!(!guesses.are_too_many(a, now + WINDOW));
        guesses.add(a, now + WINDOW);
        assert!(!guesses.are_too_many(a, now + WINDOW));
    }
}
