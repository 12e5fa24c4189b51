//! Which of several endpoints is asked next: in turn, but for those that rest.

use std::time::Duration;

/// The shortest and the longest rest of an endpoint that says nothing of its own.
const SHORTEST: Duration = Duration::from_secs(2);
const LONGEST: Duration = Duration::from_secs(60);

#[derive(Debug, Clone, Copy, Default)]
struct Endpoint {
    rests_until: Duration,
    /// Rests in a row.
    rests: u32,
}

/// See the module documentation. Times are given, as the time since any moment that stays the same.
#[derive(Debug)]
pub struct Rotation {
    endpoints: Vec<Endpoint>,
    next: usize,
}

impl Rotation {
    /// `count` endpoints, at least one, none of which rests.
    #[must_use]
    pub fn new(count: usize) -> Self {
        Self { endpoints: vec![Endpoint::default(); count.max(1)], next: 0 }
    }

    /// The endpoint to ask now.
    ///
    /// # Errors
    /// All of them rest: until when the first one does.
    pub fn pick(&mut self, now: Duration) -> Result<usize, Duration> {
        let count = self.endpoints.len();
        let places = (0..count).map(|step| (self.next + step) % count);
        let awake = places.into_iter().find(|place| self.rests_until(*place) <= now);
        let Some(place) = awake else { return Err(self.wakes()) };
        self.next = (place + 1) % count;
        Ok(place)
    }

    /// It asked for a pause, or for one without saying how long: then each is twice as long as the last.
    pub fn rest(&mut self, place: usize, now: Duration, pause: Option<Duration>) {
        let Some(endpoint) = self.endpoints.get_mut(place) else { return };
        let doubled = SHORTEST.saturating_mul(2u32.saturating_pow(endpoint.rests.min(16)));
        endpoint.rests = endpoint.rests.saturating_add(1);
        // Requests that were in flight together say the same; none of them makes a pause shorter.
        endpoint.rests_until = endpoint.rests_until.max(now + pause.unwrap_or(doubled.min(LONGEST)));
    }

    /// It asked somebody else for a pause.
    pub fn rest_as_told(&mut self, place: usize, until: Duration) {
        if let Some(endpoint) = self.endpoints.get_mut(place) {
            endpoint.rests_until = endpoint.rests_until.max(until);
        }
    }

    /// It answered.
    pub fn answered(&mut self, place: usize) {
        if let Some(endpoint) = self.endpoints.get_mut(place) {
            endpoint.rests = 0;
        }
    }

    /// When the first endpoint can be asked.
    #[must_use]
    pub fn wakes(&self) -> Duration {
        self.endpoints.iter().map(|endpoint| endpoint.rests_until).min().unwrap_or_default()
    }

    /// Whether any endpoint can be asked now.
    #[must_use]
    pub fn is_awake(&self, now: Duration) -> bool {
        self.wakes() <= now
    }

    /// Whether there is another endpoint than this.
    #[must_use]
    pub const fn has_others(&self) -> bool {
        self.endpoints.len() > 1
    }

    fn rests_until(&self, place: usize) -> Duration {
        self.endpoints.get(place).map_or(Duration::ZERO, |endpoint| endpoint.rests_until)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn endpoints_take_turns_and_one_that_rests_is_left_out() {
        let at = Duration::from_secs;
        let mut rotation = Rotation::new(3);
        let turns: Vec<_> = (0..4).map(|_| rotation.pick(at(0)).unwrap()).collect();
        assert_eq!(turns, [0, 1, 2, 0]);
        rotation.rest(1, at(0), Some(at(30)));
        rotation.rest(1, at(1), Some(at(5)));
        let turns: Vec<_> = (0..3).map(|_| rotation.pick(at(29)).unwrap()).collect();
        assert_eq!(turns, [2, 0, 2]);
        rotation.rest(0, at(29), None);
        rotation.rest(2, at(29), None);
        assert_eq!(rotation.pick(at(29)), Err(at(30)));
        assert_eq!(rotation.pick(at(30)), Ok(1));
        rotation.rest_as_told(1, at(40));
        rotation.rest_as_told(1, at(35));
        assert_eq!((rotation.wakes(), rotation.pick(at(31))), (at(31), Ok(2)));
        assert_eq!(rotation.pick(at(39)), Ok(0), "the longer one counts");
    }

    #[test]
    fn rests_grow_until_there_is_an_answer() {
        let mut rotation = Rotation::new(1);
        let mut now = Duration::ZERO;
        let mut rest = |rotation: &mut Rotation| {
            rotation.rest(0, now, None);
            let rest = rotation.pick(now).unwrap_err() - now;
            now += rest;
            rest.as_secs()
        };
        let rests: Vec<_> = (0..8).map(|_| rest(&mut rotation)).collect();
        assert_eq!(rests, [2, 4, 8, 16, 32, 60, 60, 60]);
        rotation.answered(0);
        assert_eq!(rest(&mut rotation), 2);
    }
}
