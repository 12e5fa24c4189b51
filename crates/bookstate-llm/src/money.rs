//! US dollars, exactly, and what tokens cost.

use std::{fmt, iter::Sum, ops::Add};

/// In a dollar.
const NANOS: f64 = 1e9;

/// An amount of US dollars, in units of a billionth: sums of many small amounts are exact.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Usd(u64);

impl Usd {
    /// Nothing.
    pub const ZERO: Self = Self(0);

    /// From an amount in dollars; `None` when it is negative, not a number or absurdly large.
    #[must_use]
    #[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "the range is checked")]
    pub fn from_dollars(dollars: f64) -> Option<Self> {
        (0.0..1e9).contains(&dollars).then(|| Self((dollars * NANOS).round() as u64))
    }

    /// In dollars.
    #[must_use]
    #[allow(clippy::cast_precision_loss, reason = "amounts are far below 2^53 billionths")]
    pub fn dollars(self) -> f64 {
        self.0 as f64 / NANOS
    }

    /// So many times this.
    #[must_use]
    pub const fn times(self, count: u64) -> Self {
        Self(self.0.saturating_mul(count))
    }

    /// What is left when `other` is taken away; never below nothing.
    #[must_use]
    pub const fn less(self, other: Self) -> Self {
        Self(self.0.saturating_sub(other.0))
    }
}

impl Add for Usd {
    type Output = Self;
    fn add(self, other: Self) -> Self {
        Self(self.0.saturating_add(other.0))
    }
}

impl Sum for Usd {
    fn sum<I: Iterator<Item = Self>>(amounts: I) -> Self {
        amounts.fold(Self::ZERO, Add::add)
    }
}

impl fmt::Display for Usd {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // Small amounts are what single requests cost: they need more places.
        let places = if self.0 < 1_000_000_000 { 6 } else { 2 };
        write!(f, "${:.places$}", self.dollars())
    }
}

/// What a model's tokens cost.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Price {
    /// For a million tokens sent.
    pub prompt: Usd,
    /// For a million tokens received.
    pub completion: Usd,
}

impl Price {
    /// What these tokens cost, rounded up.
    #[must_use]
    pub fn of(&self, prompt_tokens: u32, completion_tokens: u32) -> Usd {
        let part = |price: Usd, tokens: u32| u128::from(price.0) * u128::from(tokens);
        let sum = part(self.prompt, prompt_tokens) + part(self.completion, completion_tokens);
        Usd(u64::try_from(sum.div_ceil(1_000_000)).unwrap_or(u64::MAX))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sums_are_exact_and_prices_are_per_million_tokens() {
        let dime = Usd::from_dollars(0.1).unwrap();
        assert_eq!([dime, dime, dime].into_iter().sum::<Usd>(), Usd::from_dollars(0.3).unwrap());
        assert_eq!((dime.times(30), dime.times(u64::MAX)), (Usd::from_dollars(3.0).unwrap(), Usd(u64::MAX)));
        let price = Price { prompt: dime, completion: Usd::from_dollars(0.4).unwrap() };
        assert_eq!(price.of(1_000_000, 0), dime);
        assert_eq!(price.of(1_000, 500).to_string(), "$0.000300");
        assert_eq!(price.of(u32::MAX, u32::MAX).to_string(), "$2147.48");
        for wrong in [-0.1, f64::NAN, f64::INFINITY, 1e12] {
            assert_eq!(Usd::from_dollars(wrong), None, "{wrong}");
        }
        assert_eq!(dime.less(Usd::from_dollars(1.0).unwrap()), Usd::ZERO);
    }
}
