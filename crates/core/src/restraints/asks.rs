//! Who asked to loosen something, by what its leaves say. Those that are open are few, because each of them ends with its
//! time; those that ended stay, so that none of them comes back, and are only ever looked up.

use std::collections::BTreeMap;
use std::sync::Arc;

use crate::ids::RequestId;
use crate::request::State;

/// A request to loosen something, as its leaves tell it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Asked {
    /// Its first leaf.
    pub(super) leaf: u64,
    /// Where it stands.
    pub(super) state: State,
}

/// All of them. What is done for every leaf or every stop walks the open ones alone.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(super) struct Asks {
    open: BTreeMap<RequestId, Asked>,
    /// Shared by those who read it: it grows for as long as the ledger does.
    ended: Arc<BTreeMap<RequestId, Asked>>,
}

impl Asks {
    /// Takes in a first leaf. One that was told before stays as it is, ended or not.
    pub(super) fn begin(&mut self, request: RequestId, asked: Asked) {
        if self.get(&request).is_none() {
            self.put(request, asked);
        }
    }

    /// Takes in where one stands. What ended stays ended.
    pub(super) fn step(&mut self, request: RequestId, state: State) {
        if let Some(asked) = self.open.remove(&request) {
            self.put(request, Asked { state, ..asked });
        }
    }

    fn put(&mut self, request: RequestId, asked: Asked) {
        if asked.state.is_terminal() {
            Arc::make_mut(&mut self.ended).insert(request, asked);
        } else {
            self.open.insert(request, asked);
        }
    }

    pub(super) fn get(&self, request: &RequestId) -> Option<&Asked> {
        self.open.get(request).or_else(|| self.ended.get(request))
    }

    /// Those that could still loosen something.
    pub(super) fn open(&self) -> impl Iterator<Item = (&RequestId, &Asked)> {
        self.open.iter()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_open_ones_are_all_that_is_walked_and_what_ended_never_comes_back() {
        let mut asks = Asks::default();
        let request = |number: u8| RequestId::from_bytes([number; 16]);
        let asked = |leaf, state| Asked { leaf, state };
        let ends = [
            State::Denied,
            State::Withdrawn,
            State::Expired,
            State::Completed,
        ];
        for number in 0..200 {
            let leaf = u64::from(number);
            asks.begin(request(number), asked(leaf, State::Held));
            asks.step(request(number), State::Redeemable);
            assert_eq!(asks.open().count(), 1);
            let end = ends[usize::from(number) % ends.len()];
            asks.step(request(number), end);
            assert_eq!(asks.open().count(), 0);
            // Put back, or told a second time.
            asks.step(request(number), State::Redeemable);
            asks.begin(request(number), asked(1_000, State::Held));
            assert_eq!(asks.open().count(), 0);
            assert_eq!(asks.get(&request(number)), Some(&asked(leaf, end)));
        }
        // Over with its first leaf.
        asks.begin(request(200), asked(200, State::Denied));
        assert_eq!(asks.open().count(), 0);
        asks.begin(request(201), asked(201, State::Held));
        let open: Vec<_> = asks.open().collect();
        assert_eq!(open, [(&request(201), &asked(201, State::Held))]);
        // Nobody asked for it.
        asks.step(request(202), State::Redeemable);
        assert_eq!(asks.get(&request(202)), None);
    }
}
