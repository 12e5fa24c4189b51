//! Who has a connection, and who leaves when there are too many.
//!
//! A newcomer always gets in: refusing it would let whoever comes first keep all others out. When the places are
//! taken, the connection that is worth least goes. Places are of two kinds. Strangers, who have shown no token yet,
//! have most of them, and one address has at most half of these. Who has shown a token has places of its own, from
//! which no stranger can push it. When those are taken, too, it stays among the strangers.
//!
//! The choice is a pure function of the table; closing the connection is up to the task that serves it, which waits
//! for [`Leave`].

use std::{
    collections::HashMap,
    net::IpAddr,
    sync::Arc,
    time::{Duration, Instant},
};

use parking_lot::Mutex;
use tokio::sync::Notify;

/// How long a connection may say nothing before it is worth less than one that is being answered.
const FRESH: Duration = Duration::from_secs(1);

/// A client's address, as far as it is one client's: whoever has one IPv6 address has all of its /64.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(crate) struct Address(IpAddr);

impl From<IpAddr> for Address {
    fn from(address: IpAddr) -> Self {
        match address.to_canonical() {
            IpAddr::V6(address) => {
                let network = u128::from(address) & !u128::from(u64::MAX);
                Self(IpAddr::V6(network.into()))
            }
            address @ IpAddr::V4(_) => Self(address),
        }
    }
}

/// Says to a connection's task that its place is given to another.
pub(crate) type Leave = Arc<Notify>;

/// A connection in the table.
#[derive(Debug)]
struct Seat {
    address: Address,
    /// It has shown a token, and has one of the places kept for that.
    known: bool,
    /// Requests that are being answered.
    answering: usize,
    /// Since when it is as it is.
    since: Instant,
    leave: Leave,
}

impl Seat {
    /// Orders seats by who goes first: those that say nothing, then those that are as they are for longest.
    fn rank(&self, now: Instant) -> (bool, Instant) {
        let idle = self.answering == 0 && now.saturating_duration_since(self.since) >= FRESH;
        (!idle, self.since)
    }
}

#[derive(Debug, Default)]
struct Table {
    seats: HashMap<u64, Seat>,
    strangers: HashMap<Address, usize>,
    known: usize,
    next: u64,
}

impl Table {
    fn strangers(&self) -> usize {
        self.seats.len().saturating_sub(self.known)
    }

    fn remove(&mut self, id: u64) -> Option<Seat> {
        let seat = self.seats.remove(&id)?;
        if seat.known {
            self.known = self.known.saturating_sub(1);
        } else {
            self.forget(seat.address);
        }
        Some(seat)
    }

    fn forget(&mut self, address: Address) {
        if let Some(count) = self.strangers.get_mut(&address) {
            *count = count.saturating_sub(1);
            if *count == 0 {
                self.strangers.remove(&address);
            }
        }
    }

    /// Who leaves when somebody comes from `newcomer`; nobody while there is room.
    fn leaving(&self, newcomer: Address, places: Places, now: Instant) -> Option<u64> {
        let of = |address: &Address| self.strangers.get(address).copied().unwrap_or(0);
        let crowded = if of(&newcomer) >= places.of_one_address {
            newcomer
        } else if self.strangers() >= places.strangers {
            *self.strangers.iter().max_by_key(|(_, count)| **count)?.0
        } else {
            return None;
        };
        let there = self.seats.iter().filter(|(_, seat)| !seat.known && seat.address == crowded);
        there.min_by_key(|(_, seat)| seat.rank(now)).map(|(id, _)| *id)
    }
}

/// How many places there are.
#[derive(Debug, Clone, Copy)]
struct Places {
    strangers: usize,
    of_one_address: usize,
    known: usize,
}

impl Places {
    /// A quarter is for who has a token.
    fn of(connections: usize) -> Self {
        let strangers = (connections - connections / 4).max(2);
        Self { strangers, of_one_address: strangers / 2, known: (connections / 4).max(1) }
    }
}

/// All connections of a server. Cheap to clone.
#[derive(Debug, Clone)]
pub(crate) struct Connections {
    table: Arc<Mutex<Table>>,
    places: Places,
}

impl Connections {
    /// Places for so many connections, at least 3.
    pub(crate) fn new(connections: usize) -> Self {
        Self { table: Arc::default(), places: Places::of(connections) }
    }

    /// Gives a newcomer its place; somebody else may have to leave for it.
    pub(crate) fn enter(&self, address: IpAddr) -> (Peer, Leave) {
        let (address, now) = (Address::from(address), Instant::now());
        let mut table = self.table.lock();
        if let Some(seat) = table.leaving(address, self.places, now).and_then(|id| table.remove(id)) {
            seat.leave.notify_one();
        }
        let id = table.next;
        table.next += 1;
        let leave = Leave::default();
        let seat = Seat { address, known: false, answering: 0, since: now, leave: leave.clone() };
        table.seats.insert(id, seat);
        *table.strangers.entry(address).or_default() += 1;
        drop(table);
        let place = Place { connections: self.clone(), id, address };
        (Peer(Arc::new(place)), leave)
    }
}

#[derive(Debug)]
struct Place {
    connections: Connections,
    id: u64,
    address: Address,
}

impl Drop for Place {
    fn drop(&mut self) {
        self.connections.table.lock().remove(self.id);
    }
}

/// A connection as its requests know it. Its place is free when the last of these is gone.
#[derive(Debug, Clone)]
pub(crate) struct Peer(Arc<Place>);

impl Peer {
    /// Who is at the other end, as far as an address says.
    pub(crate) fn address(&self) -> Address {
        self.0.address
    }

    /// It has shown a token: from now on it has a place that no stranger takes, if one is left.
    pub(crate) fn has_token(&self) {
        let Place { connections, id, address } = &*self.0;
        let mut table = connections.table.lock();
        if table.known >= connections.places.known {
            return;
        }
        let Some(seat) = table.seats.get_mut(id).filter(|seat| !seat.known) else { return };
        seat.known = true;
        table.known += 1;
        table.forget(*address);
    }

    /// A request is being answered, until the value is dropped.
    pub(crate) fn answering(&self) -> Answering {
        self.change(|seat| seat.answering += 1);
        Answering(self.clone())
    }

    fn change(&self, change: impl FnOnce(&mut Seat)) {
        if let Some(seat) = self.0.connections.table.lock().seats.get_mut(&self.0.id) {
            change(seat);
            seat.since = Instant::now();
        }
    }
}

/// See [`Peer::answering`].
#[derive(Debug)]
pub(crate) struct Answering(Peer);

impl Drop for Answering {
    fn drop(&mut self) {
        self.0.change(|seat| seat.answering = seat.answering.saturating_sub(1));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn address(last: u8) -> IpAddr {
        IpAddr::from([10, 0, 0, last])
    }

    fn open(connections: &Connections) -> usize {
        connections.table.lock().seats.len()
    }

    /// Whether a connection was told to leave.
    async fn left(leave: &Leave) -> bool {
        tokio::time::timeout(Duration::ZERO, leave.notified()).await.is_ok()
    }

    #[tokio::test]
    async fn whoever_has_most_places_makes_room_and_a_token_keeps_its_own() {
        let connections = Connections::new(16);
        let (healthy, stays) = connections.enter(address(1));
        healthy.has_token();
        let (other, other_stays) = connections.enter(address(2));
        let crowd: Vec<_> = (0..1000).map(|_| connections.enter(address(9))).collect();
        assert!(!left(&stays).await && !left(&other_stays).await, "others' crowds push nobody out");
        let mut gone = 0;
        for (_, leave) in &crowd {
            gone += usize::from(left(leave).await);
        }
        assert_eq!(
            (crowd.len() - gone, open(&connections)),
            (6, 8),
            "a share of half of the strangers' places"
        );
        assert!(!left(&crowd[999].1).await, "a newcomer gets in");
        // Two crowds and a few others have all places: the oldest is not who leaves.
        let second: Vec<_> = (0..5).map(|_| connections.enter(address(8))).collect();
        let third: Vec<_> = (3..6).map(|last| connections.enter(address(last))).collect();
        assert!(!left(&other_stays).await, "who has one place keeps it");
        assert_eq!(open(&connections), 13);
        drop((crowd, second, third, other, healthy));
        assert_eq!(open(&connections), 0);
    }

    #[tokio::test]
    async fn many_addresses_together_do_not_take_the_places_of_tokens() {
        let connections = Connections::new(16);
        let guests: Vec<_> = (0..8).map(|_| connections.enter(address(1))).collect();
        guests.iter().for_each(|(peer, _)| peer.has_token());
        let crowd: Vec<_> = (2..200).map(|last| connections.enter(address(last))).collect();
        assert_eq!(open(&connections), 16, "never more than there are places");
        let mut stay = 0;
        for (_, leave) in &guests {
            stay += usize::from(!left(leave).await);
        }
        assert!((4..=5).contains(&stay), "{stay}: a quarter is for tokens; the others of them are strangers");
        drop(crowd);
    }

    #[tokio::test]
    async fn who_is_answered_stays_before_who_says_nothing() {
        let connections = Connections::new(8);
        let (busy, busy_stays) = connections.enter(address(1));
        let _answering = busy.answering();
        let (idle, idle_leaves) = connections.enter(address(1));
        let long_ago = Instant::now().checked_sub(2 * FRESH).unwrap();
        connections.table.lock().seats.values_mut().for_each(|seat| seat.since = long_ago);
        let more: Vec<_> = (0..2).map(|_| connections.enter(address(1))).collect();
        assert!(left(&idle_leaves).await && !left(&busy_stays).await);
        drop((more, idle));
    }

    #[test]
    fn one_network_is_one_address() {
        let of = |text: &str| Address::from(text.parse::<IpAddr>().unwrap());
        assert_eq!(of("2001:db8::1"), of("2001:db8::ffff:1"));
        assert_ne!(of("2001:db8::1"), of("2001:db8:0:1::1"));
        assert_eq!(of("::ffff:10.0.0.1"), of("10.0.0.1"));
    }
}
