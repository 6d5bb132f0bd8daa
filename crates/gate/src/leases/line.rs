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

    /// Takes out the first so many at most, and none of these: they keep their places.
    pub(super) fn take(&mut self, most: usize, but: &BTreeSet<GrantId>) -> Vec<GrantId> {
        let mut taken = Vec::new();
        let mut stay = VecDeque::new();
        while taken.len() < most
            && let Some(id) = self.order.pop_front()
        {
            if but.contains(&id) {
                stay.push_back(id);
            } else {
                self.standing.remove(&id);
                taken.push(id);
            }
        }
        stay.append(&mut self.order);
        self.order = stay;
        taken
    }

    /// Whether anybody waits but these.
    pub(super) fn waits(&self, but: &BTreeSet<GrantId>) -> bool {
        self.order.iter().any(|id| !but.contains(id))
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
        let nobody = BTreeSet::new();
        assert_eq!(line.take(2, &nobody), grants([5, 1]));
        // The oldest could not be asked about: it comes after whoever waits.
        line.add(grants([1, 9]));
        assert_eq!(line.take(2, &nobody), grants([9, 2]));
        assert_eq!(line.take(2, &nobody), grants([1]));
        assert!(line.is_empty() && line.take(2, &nobody).is_empty());
    }

    #[test]
    fn who_is_asked_about_keeps_their_place_and_nobody_from_theirs() {
        let mut line = Line::default();
        line.add(grants([5, 1, 9, 2]));
        let asked: BTreeSet<GrantId> = grants([5, 9]).into_iter().collect();
        assert_eq!(line.take(1, &asked), grants([1]));
        assert!(line.waits(&asked));
        assert_eq!(line.take(4, &asked), grants([2]));
        assert!(!line.waits(&asked) && !line.is_empty());
        assert_eq!(line.take(4, &BTreeSet::new()), grants([5, 9]));
    }
}
