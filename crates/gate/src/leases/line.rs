//! Leases that wait to be asked about, first come, first served: however old one is, and however often it comes again, it keeps
//! no other from its turn.

use std::collections::{BTreeSet, VecDeque};

use gatehold_core::ids::GrantId;

/// A line in which each stands once.
#[derive(Debug, Default)]
pub(super) struct Line {
    order: VecDeque<GrantId>,
    standing: BTreeSet<GrantId>,
}

impl Line {
    pub(super) fn is_empty(&self) -> bool {
        self.order.is_empty()
    }

    /// They come last. Who stands in it already keeps its place.
    pub(super) fn add(&mut self, ids: impl IntoIterator<Item = GrantId>) {
        for id in ids {
            if self.standing.insert(id) {
                self.order.push_back(id);
            }
        }
    }

    /// Takes out the first so many at most.
    pub(super) fn take(&mut self, most: usize) -> Vec<GrantId> {
        let most = most.min(self.order.len());
        let taken: Vec<GrantId> = self.order.drain(..most).collect();
        for id in &taken {
            self.standing.remove(id);
        }
        taken
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn grants<const N: usize>(numbers: [u8; N]) -> Vec<GrantId> {
        numbers
            .map(|number| GrantId::from_bytes([number; 16]))
            .into()
    }

    #[test]
    fn who_comes_again_keeps_nobody_from_their_turn() {
        let mut line = Line::default();
        line.add(grants([5, 1, 9]));
        line.add(grants([1, 5, 2]));
        assert_eq!(line.take(2), grants([5, 1]));
        // The oldest could not be asked about: it comes after whoever waits.
        line.add(grants([1, 9]));
        assert_eq!(line.take(2), grants([9, 2]));
        assert_eq!(line.take(2), grants([1]));
        assert!(line.is_empty() && line.take(2).is_empty());
    }
}
