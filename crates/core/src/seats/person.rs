//! One person at the seats of a requirement: in which capacities they could stand there, and where each of them seats them.

use core::cmp::Reverse;
use std::collections::BTreeMap;

use crate::assurance::Assurance;
use crate::ids::HumanId;

/// What somebody counts for at each checkpoint that seats them: first the separate ones, then the shared ones.
pub(super) type Seats = Vec<Option<Assurance>>;

/// In which capacity somebody stands: in the place of a person who is away, or as themselves.
pub(super) type Stands<'a> = Option<&'a HumanId>;

/// One person with the best of their reviews, and the checkpoints that seat them in each capacity.
pub(super) struct Person<'a> {
    pub(super) human: &'a HumanId,
    own: Seats,
    /// In the place of somebody who is away, where that seats them anywhere else than their own does.
    lent: BTreeMap<&'a HumanId, Seats>,
}

impl<'a> Person<'a> {
    /// With their own seats, and those of each delegation by who is away.
    pub(super) fn new(
        human: &'a HumanId,
        own: Seats,
        given: impl Iterator<Item = (&'a HumanId, Seats)>,
    ) -> Self {
        let mut lent: BTreeMap<&HumanId, Seats> = BTreeMap::new();
        for (from, seats) in given {
            let known = lent.entry(from).or_insert_with(|| seats.clone());
            *known = either(known, &seats);
        }
        lent.retain(|_, seats| either(&own, seats) != own);
        Self { human, own, lent }
    }

    pub(super) fn has_a_choice(&self) -> bool {
        !self.lent.is_empty()
    }

    /// In which capacities, those that seat them at more checkpoints first.
    pub(super) fn capacities(&self) -> Vec<Stands<'a>> {
        let lent = self.lent.keys().map(|from| Some(*from));
        let mut all: Vec<Stands<'a>> = std::iter::once(None).chain(lent).collect();
        let seats = |stands: Stands<'a>| self.standing(stands).into_iter().flatten();
        all.sort_by_key(|stands| Reverse(seats(*stands).count()));
        all
    }

    /// Where they are seated in one capacity: their own seats are left to others while they stand for somebody.
    // INVARIANT(delegation-only-narrows): one signature is one person in the whole requirement.
    pub(super) fn standing(&self, stands: Stands<'a>) -> Seats {
        match stands.and_then(|from| self.lent.get(from)) {
            Some(lent) if guard!("seats-one-capacity", true) => lent.clone(),
            Some(lent) => either(&self.own, lent),
            None => self.own.clone(),
        }
    }

    /// Where they could be seated in any capacity that nobody has taken.
    pub(super) fn anywhere(&self, chosen: &[Stands<'a>]) -> Seats {
        let free = self.lent.iter();
        let free = free.filter(|(from, _)| !is_taken(Some(from), chosen));
        free.fold(self.own.clone(), |seats, (_, lent)| either(&seats, lent))
    }
}

/// Whether another stands in that place already.
// INVARIANT(delegation-only-narrows): whoever is away is counted once, by one of those who decide for them.
pub(super) fn is_taken(stands: Stands<'_>, chosen: &[Stands<'_>]) -> bool {
    let taken = stands.is_some() && chosen.contains(&stands);
    guard!("seats-one-authority", taken)
}

fn either(one: &[Option<Assurance>], other: &[Option<Assurance>]) -> Seats {
    let both = one.iter().zip(other);
    both.map(|(one, other)| *one.max(other)).collect()
}
