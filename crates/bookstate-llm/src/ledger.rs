//! The ledger: what was spent, what is in flight, and whether there is room for more.
//!
//! A request reserves what it may cost at most and settles what it did cost; until then the reservation counts. So
//! the budget is kept however many requests are in flight. A request that was sent and whose answer is lost is
//! settled with its reservation, as unknown: it may have cost that.

use std::{
    collections::{BTreeMap, HashMap},
    sync::Arc,
};

use parking_lot::Mutex;
use tokio::sync::Notify;

use crate::money::Usd;

/// What may be spent.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Budget {
    /// For one account; `None`: no limit.
    pub per_account: Option<Usd>,
    /// For all accounts together in a day, which begins at midnight UTC; `None`: no limit.
    pub per_day: Option<Usd>,
}

/// Which budget is used up.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Reached {
    /// The account's.
    Account {
        /// The limit.
        limit: Usd,
        /// What was spent of it.
        spent: Usd,
    },
    /// The day's.
    Day {
        /// The limit.
        limit: Usd,
        /// What was spent of it.
        spent: Usd,
    },
}

/// What came of asking for money.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Grant {
    /// It is reserved, under this number.
    Reserved(u64),
    /// There may be room when something in flight is settled: ask again then.
    Later,
    /// There is no room.
    Reached(Reached),
}

#[derive(Debug)]
struct Reservation {
    account: String,
    most: Usd,
}

/// See the module documentation. Days are counted by the caller, from any day on.
#[derive(Debug, Default)]
pub struct Ledger {
    budget: Budget,
    day: u64,
    spent_today: Usd,
    accounts: HashMap<String, Usd>,
    in_flight: BTreeMap<u64, Reservation>,
    next: u64,
    unknown: Usd,
}

impl Ledger {
    /// Nothing is spent yet.
    #[must_use]
    pub fn new(budget: Budget) -> Self {
        Self { budget, ..Self::default() }
    }

    /// From now on this may be spent.
    pub fn set_budget(&mut self, budget: Budget) {
        self.budget = budget;
    }

    /// An account has spent at least this, by what the caller has written down.
    pub fn at_least(&mut self, account: &str, spent: Usd) {
        let sum = self.accounts.entry(account.to_owned()).or_default();
        *sum = spent.max(*sum);
    }

    /// So much was spent on this day before the ledger began.
    pub fn begin_day(&mut self, day: u64, spent: Usd) {
        self.turn(day);
        self.spent_today = self.spent_today + spent;
    }

    /// Reserves what a request may cost at most.
    pub fn reserve(&mut self, day: u64, account: &str, most: Usd) -> Grant {
        self.turn(day);
        let spent = self.of_account(account);
        let of_account =
            self.in_flight.values().filter(|r| r.account == account).map(|r| r.most).sum::<Usd>();
        let of_all = self.in_flight.values().map(|r| r.most).sum::<Usd>();
        let limits = [
            (self.budget.per_account, spent, of_account, true),
            (self.budget.per_day, self.spent_today, of_all, false),
        ];
        for (limit, spent, in_flight, is_account) in limits {
            let Some(limit) = limit else { continue };
            // What costs nothing is never above a budget.
            if most == Usd::ZERO || spent + in_flight + most <= limit {
                continue;
            }
            if spent + most <= limit {
                return Grant::Later;
            }
            return Grant::Reached(match is_account {
                true => Reached::Account { limit, spent },
                false => Reached::Day { limit, spent },
            });
        }
        self.next += 1;
        self.in_flight.insert(self.next, Reservation { account: account.to_owned(), most });
        Grant::Reserved(self.next)
    }

    /// What a request did cost. Settling twice is settling once.
    pub fn settle(&mut self, day: u64, number: u64, cost: Usd) {
        self.turn(day);
        let Some(reservation) = self.in_flight.remove(&number) else { return };
        self.spent_today = self.spent_today + cost;
        let sum = self.accounts.entry(reservation.account).or_default();
        *sum = *sum + cost;
    }

    /// The answer of a request is lost: it may have cost all that was reserved.
    pub fn settle_unknown(&mut self, day: u64, number: u64) {
        if let Some(most) = self.in_flight.get(&number).map(|reservation| reservation.most) {
            self.unknown = self.unknown + most;
            self.settle(day, number, most);
        }
    }

    /// What was spent of an account.
    #[must_use]
    pub fn of_account(&self, account: &str) -> Usd {
        self.accounts.get(account).copied().unwrap_or_default()
    }

    /// What was spent today.
    #[must_use]
    pub fn today(&self, day: u64) -> Usd {
        if day == self.day { self.spent_today } else { Usd::ZERO }
    }

    /// What was counted for requests whose answer is lost.
    #[must_use]
    pub const fn unknown(&self) -> Usd {
        self.unknown
    }

    fn turn(&mut self, day: u64) {
        if day > self.day {
            (self.day, self.spent_today) = (day, Usd::ZERO);
        }
    }
}

/// A ledger that several providers share, as they share the budget.
#[derive(Debug, Clone, Default)]
pub struct SharedLedger {
    ledger: Arc<Mutex<Ledger>>,
    settled: Arc<Notify>,
}

impl SharedLedger {
    /// A ledger with this budget.
    #[must_use]
    pub fn new(budget: Budget) -> Self {
        Self { ledger: Arc::new(Mutex::new(Ledger::new(budget))), settled: Arc::default() }
    }

    /// Looks at the ledger or changes it; whoever waits for room looks again.
    pub fn with<T>(&self, change: impl FnOnce(&mut Ledger) -> T) -> T {
        let result = change(&mut self.ledger.lock());
        self.settled.notify_waiters();
        result
    }

    /// Reserves, waiting as long as something in flight may make room. Cancel safe.
    ///
    /// # Errors
    /// The budget is used up.
    pub(crate) async fn reserve(&self, account: &str, most: Usd) -> Result<u64, Reached> {
        loop {
            let mut settled = std::pin::pin!(self.settled.notified());
            // Heard from now on, before the ledger is read.
            settled.as_mut().enable();
            let grant = self.ledger.lock().reserve(today(), account, most);
            match grant {
                Grant::Reserved(number) => return Ok(number),
                Grant::Reached(reached) => return Err(reached),
                Grant::Later => settled.await,
            }
        }
    }
}

/// Today's number, counted from 1970, in UTC.
#[must_use]
pub fn today() -> u64 {
    let now = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH);
    now.map_or(0, |since| since.as_secs() / 86_400)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn cents(cents: u32) -> Usd {
        Usd::from_dollars(f64::from(cents) / 100.0).unwrap()
    }

    #[test]
    fn a_used_up_budget_grants_nothing_and_a_raised_one_does() {
        let budget = Budget { per_account: Some(cents(10)), per_day: Some(cents(15)) };
        let mut ledger = Ledger::new(budget);
        let Grant::Reserved(first) = ledger.reserve(1, "a", cents(8)) else { panic!("there is room") };
        assert_eq!(ledger.reserve(1, "a", cents(8)), Grant::Later, "the first may cost less");
        ledger.settle(1, first, cents(9));
        ledger.settle(1, first, cents(9));
        let reached = Reached::Account { limit: cents(10), spent: cents(9) };
        assert_eq!(ledger.reserve(1, "a", cents(2)), Grant::Reached(reached));
        let reached = Reached::Day { limit: cents(15), spent: cents(9) };
        assert_eq!(ledger.reserve(1, "b", cents(7)), Grant::Reached(reached));
        assert!(matches!(ledger.reserve(2, "b", cents(7)), Grant::Reserved(_)), "another day");
        assert_eq!((ledger.today(2), ledger.of_account("a")), (Usd::ZERO, cents(9)));
        ledger.set_budget(Budget { per_account: Some(cents(20)), per_day: None });
        let Grant::Reserved(lost) = ledger.reserve(2, "a", cents(2)) else { panic!("it was raised") };
        ledger.settle_unknown(2, lost);
        assert_eq!((ledger.of_account("a"), ledger.unknown()), (cents(11), cents(2)));
        assert!(matches!(ledger.reserve(2, "a", Usd::ZERO), Grant::Reserved(_)));
    }

    proptest! {
        /// However requests are mixed, what is spent and in flight stays within the budgets, as long as none costs more
        /// than it reserved.
        #[test]
        fn nothing_is_ever_spent_above_a_budget(
            steps in proptest::collection::vec((0usize..3, 1u32..40, 0u32..100, any::<bool>()), 1..200)
        ) {
            let budget = Budget { per_account: Some(cents(100)), per_day: Some(cents(150)) };
            let mut ledger = Ledger::new(budget);
            let mut open: Vec<(u64, u32)> = Vec::new();
            for (account, most, share, ends) in steps {
                let name = ["a", "b", "c"][account];
                if let Grant::Reserved(number) = ledger.reserve(7, name, cents(most)) {
                    open.push((number, most));
                }
                if ends && let Some((number, most)) = open.pop() {
                    ledger.settle(7, number, cents(most * share / 100));
                }
                let in_flight: u32 = open.iter().map(|(_, most)| most).sum();
                prop_assert!(ledger.today(7) + cents(in_flight) <= cents(150));
                prop_assert!(["a", "b", "c"].iter().all(|name| ledger.of_account(name) <= cents(100)));
            }
        }
    }
}
