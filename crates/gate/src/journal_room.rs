//! How the slots of the revocation journal are shared out: no machine and no person can fill it, and as long as there is a
//! slot nobody is kept from stopping something or taking a key's force away.

use gatehold_core::stops::Stops;

use crate::safe_act::SafeAct;

/// Most entries of machines.
const MACHINES_MAX: usize = 128;
/// Most entries of one machine key.
const ONE_MACHINE_MAX: usize = 8;
/// Most revocations and denials of people; what is left is for stops and keys.
const ENDINGS_MAX: usize = 64;
/// Most of them by one person.
const ONE_PERSON_ENDINGS_MAX: usize = 16;
/// Most stops of one person that are kept as they are. Whoever stops more stops everything.
const ONE_PERSON_STOPS_MAX: usize = 16;

impl SafeAct {
    /// Whether what is kept says as much already, by the same person or machine: it takes no second slot.
    pub(crate) fn is_kept_in(&self, kept: &[Self]) -> bool {
        if let Self::Stop { human, add, .. } = self {
            let said = kept.iter().filter_map(|act| match act {
                Self::Stop { human: by, add, .. } if by == human => Some(add),
                _ => None,
            });
            let said = said.fold(Stops::default(), |all, add| all.and(add));
            return said.everything || said.and(add) == said;
        }
        kept.iter().any(|act| self.is_said_by(act))
    }

    /// The same act, in whatever words and by whatever channel.
    fn is_said_by(&self, other: &Self) -> bool {
        match (self, other) {
            (
                Self::Deny {
                    human,
                    request,
                    suspicious,
                    ..
                },
                Self::Deny {
                    human: by,
                    request: of,
                    suspicious: more,
                    ..
                },
            ) => human == by && request == of && (*more || !suspicious),
            _ => self == other,
        }
    }

    /// The act as there is room for it beside what is kept; nothing where whoever asks has had their share.
    pub(crate) fn fitted(self, kept: &[Self]) -> Option<Self> {
        let count = |same: &dyn Fn(&Self) -> bool| kept.iter().filter(|act| same(act)).count();
        let own = |act: &Self| act.machine() == self.machine() && act.person() == self.person();
        let fits = match &self {
            Self::Withdraw { .. } | Self::EndTask { .. } => {
                count(&|act| act.machine().is_some()) < MACHINES_MAX
                    && count(&own) < ONE_MACHINE_MAX
            }
            Self::Revoke { .. } | Self::Deny { .. } => {
                let ends = |act: &Self| matches!(act, Self::Revoke { .. } | Self::Deny { .. });
                count(&ends) < ENDINGS_MAX
                    && count(&|act| ends(act) && own(act)) < ONE_PERSON_ENDINGS_MAX
            }
            Self::Stop { .. } => {
                let stops = |act: &Self| matches!(act, Self::Stop { .. });
                if count(&|act| stops(act) && own(act)) >= ONE_PERSON_STOPS_MAX {
                    return Some(self.widened());
                }
                true
            }
            // Verified: there are no more of them than there are keys.
            Self::RevokeKey { .. } => true,
        };
        fits.then_some(self)
    }

    fn widened(mut self) -> Self {
        if let Self::Stop { add, .. } = &mut self {
            *add = Stops {
                everything: true,
                ..Stops::default()
            };
        }
        self
    }
}

#[cfg(test)]
mod tests {
    use gatehold_core::hash::Hash;
    use gatehold_core::ids::{HumanId, RequestId, TaskId};

    use super::*;

    fn human(name: &str) -> HumanId {
        format!("{name}@corp.example").parse().unwrap()
    }

    fn stop(name: &str, resource: &str) -> SafeAct {
        SafeAct::Stop {
            human: human(name),
            add: Stops {
                resources: [resource.parse().unwrap()].into(),
                ..Stops::default()
            },
            reason: resource.to_owned(),
        }
    }

    fn deny(name: &str, number: u8, suspicious: bool) -> SafeAct {
        SafeAct::Deny {
            human: human(name),
            request: RequestId::from_bytes([number; 16]),
            suspicious,
            text: format!("{suspicious}"),
            channel: "chat".to_owned(),
        }
    }

    fn end(machine: u8, number: u8) -> SafeAct {
        SafeAct::EndTask {
            key: Hash::of(&[machine]),
            task: TaskId::from_bytes([number; 16]),
        }
    }

    /// Keeps what fits; gives how many slots were taken.
    fn keep(kept: &mut Vec<SafeAct>, acts: impl Iterator<Item = SafeAct>) -> usize {
        let before = kept.len();
        for act in acts {
            if !act.is_kept_in(kept) {
                kept.extend(act.fitted(kept));
            }
        }
        kept.len() - before
    }

    #[test]
    fn nobody_takes_more_than_a_share() {
        let mut kept = Vec::new();
        let endings = |name: &'static str| (0..=255).map(move |number| deny(name, number, false));
        assert_eq!(keep(&mut kept, endings("ann")), ONE_PERSON_ENDINGS_MAX);
        assert_eq!(keep(&mut kept, endings("bob")), ONE_PERSON_ENDINGS_MAX);
        let others = ["cid", "dan", "eve"].map(|name| keep(&mut kept, endings(name)));
        assert_eq!(others, [ONE_PERSON_ENDINGS_MAX, ONE_PERSON_ENDINGS_MAX, 0]);
        let machines = (0..=255).flat_map(|machine| (0..9).map(move |task| end(machine, task)));
        assert_eq!(keep(&mut kept, machines), MACHINES_MAX);
    }

    #[test]
    fn whoever_stops_ever_more_stops_everything_and_is_never_refused() {
        let mut kept = Vec::new();
        for number in 0..300 {
            let act = stop("ann", &format!("shop/{number}"));
            if !act.is_kept_in(&kept) {
                let fitted = act.clone().fitted(&kept);
                kept.push(fitted.expect("there is always room to stop"));
            }
            // What was asked for is in force, or everything is.
            assert!(act.is_kept_in(&kept), "{number}");
        }
        assert_eq!(kept.len(), ONE_PERSON_STOPS_MAX + 1);
        // Another person's stops are their own.
        assert_eq!(keep(&mut kept, [stop("bob", "shop/1")].into_iter()), 1);
    }

    #[test]
    fn the_same_in_other_words_takes_no_second_slot() {
        let mut kept = vec![deny("ann", 1, false)];
        assert!(deny("ann", 1, false).is_kept_in(&kept));
        assert!(!deny("bob", 1, false).is_kept_in(&kept));
        // That it looks like misuse says more.
        assert!(!deny("ann", 1, true).is_kept_in(&kept));
        kept.push(deny("ann", 1, true));
        assert!(deny("ann", 1, true).is_kept_in(&kept) && deny("ann", 1, false).is_kept_in(&kept));
        let mut again = stop("ann", "shop/x");
        kept.push(again.clone());
        if let SafeAct::Stop { reason, .. } = &mut again {
            "in other words".clone_into(reason);
        }
        assert!(again.is_kept_in(&kept));
    }
}
