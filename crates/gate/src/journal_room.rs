//! How the 256 slots of the revocation journal are shared out: no machine and no person can fill it, and some are for stops
//! alone, so that nobody is kept from stopping something by what else is kept.

use std::collections::BTreeSet;

use gatehold_core::ids::HumanId;
use gatehold_core::stops::Stops;
use gatehold_core::trust::KeyRevocation;

use crate::safe_act::SafeAct;

/// Most entries of machines.
const MACHINES_MAX: usize = 80;
/// Most signals.
const SIGNALS_MAX: usize = 16;
/// Most of them by one sender.
const ONE_SENDER_MAX: usize = 8;
/// Most entries of one machine key.
const ONE_MACHINE_MAX: usize = 8;
/// Most revocations and denials of people.
const ENDINGS_MAX: usize = 64;
/// Most of them by one person.
const ONE_PERSON_ENDINGS_MAX: usize = 16;
/// Most keys whose force is taken.
const KEYS_MAX: usize = 32;
/// Most of these slots that people whom an identity provider deactivates take.
const SUSPENDED_MAX: usize = 16;
/// Most of them that one person signed.
const ONE_PERSON_KEYS_MAX: usize = 8;
/// Most stops. Nothing else takes these slots.
const STOPS_MAX: usize = 64;
/// Most stops that are kept as they are. Whoever stops something after that stops everything.
const OWN_WORDS_STOPS_MAX: usize = 48;
/// Most stops of one person that are kept as they are. Whoever stops more stops everything.
const ONE_PERSON_STOPS_MAX: usize = 16;
/// Signatures of a revocation that are verified; the others say nothing.
const SIGNATURES_MAX: usize = 8;

impl SafeAct {
    /// Whether what is kept says as much already, by the same person or machine: it takes no second slot.
    pub(crate) fn is_kept_in(&self, kept: &[Self]) -> bool {
        if let Self::Stop { human, add, .. } = self {
            if is_full_of_stops(kept) {
                return true;
            }
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
            // Another token that asks for the same.
            (
                Self::Signal { signal, add, .. },
                Self::Signal {
                    signal: by,
                    add: said,
                    ..
                },
            ) => signal.name == by.name && said.and(add) == *said,
            // A key that signs at random, or counts, signs the same anew each time.
            (Self::RevokeKey { revocation }, Self::RevokeKey { revocation: other }) => {
                revocation.statement == other.statement
            }
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
                let wide = count(&Self::is_stop) >= OWN_WORDS_STOPS_MAX
                    || count(&|act| act.is_stop() && own(act)) >= ONE_PERSON_STOPS_MAX;
                return Some(if wide { self.widened() } else { self });
            }
            Self::Signal { .. } => {
                count(&|act| act.sender().is_some()) < SIGNALS_MAX
                    && count(&|act| act.sender() == self.sender()) < ONE_SENDER_MAX
            }
            Self::Suspend { .. } => {
                count(&Self::takes_keys) < KEYS_MAX
                    && count(&|act| matches!(act, Self::Suspend { .. })) < SUSPENDED_MAX
            }
            Self::RevokeKey { .. } => {
                let signed = |by: &HumanId| count(&|act| act.signers().contains(by));
                count(&Self::takes_keys) < KEYS_MAX
                    && self
                        .signers()
                        .into_iter()
                        .all(|by| signed(by) < ONE_PERSON_KEYS_MAX)
            }
        };
        fits.then_some(self)
    }

    /// Whether a key signed it whose force an act that is kept takes. It would come to nothing when it reaches the store,
    /// and would stand in the way of the same, signed by a key that has force.
    pub(crate) fn is_signed_by_revoked(&self, kept: &[Self]) -> bool {
        let Self::RevokeKey { revocation } = self else {
            return false;
        };
        let revoked: Vec<_> = kept.iter().filter_map(Self::revoked_key).collect();
        let signatures = revocation.signatures.iter().take(SIGNATURES_MAX);
        signatures.into_iter().any(|signature| {
            let is_it =
                |gone: &KeyRevocation| gone.human == signature.human && gone.key == signature.key;
            revoked.iter().any(is_it)
        })
    }

    /// Who signed that a key is to have no force. Verified before it is kept.
    fn signers(&self) -> BTreeSet<&HumanId> {
        let Self::RevokeKey { revocation } = self else {
            return BTreeSet::new();
        };
        let signatures = revocation.signatures.iter().take(SIGNATURES_MAX);
        signatures.map(|signature| &signature.human).collect()
    }

    const fn is_stop(&self) -> bool {
        matches!(self, Self::Stop { .. })
    }

    const fn takes_keys(&self) -> bool {
        matches!(self, Self::RevokeKey { .. } | Self::Suspend { .. })
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

/// Whether the slots for stops are taken. The last of them were taken by people who stopped everything, so whatever somebody
/// else stops is stopped.
fn is_full_of_stops(kept: &[SafeAct]) -> bool {
    let everything = |act: &SafeAct| matches!(act, SafeAct::Stop { add, .. } if add.everything);
    kept.iter().filter(|act| act.is_stop()).count() >= STOPS_MAX && kept.iter().any(everything)
}

#[cfg(test)]
mod tests {
    use gatehold_core::hash::Hash;
    use gatehold_core::ids::{RequestId, TaskId};
    use gatehold_core::signal::Signal;
    use gatehold_core::time::Timestamp;
    use gatehold_core::trust::SignedRevocation;
    use gatehold_core::trust::revocation::RevocationSignature;

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

    fn signal(name: &str, task: u8) -> SafeAct {
        let signal = Signal {
            name: name.to_owned(),
            issuer: "https://idp.example".to_owned(),
            token_id: "j1".to_owned(),
            event: "urn:x".to_owned(),
            token: Hash::of(b"t"),
        };
        SafeAct::Signal {
            signal: Box::new(signal),
            known_until: Timestamp::from_millis(1),
            add: Stops {
                tasks: [TaskId::from_bytes([task; 16])].into(),
                ..Stops::default()
            },
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

    /// A key's revocation, signed by these people with keys of these numbers.
    fn revoke(key: (&str, u8), signed: &[(&str, u8)]) -> SafeAct {
        let statement = KeyRevocation {
            type_: "gatehold/key-revocation/v1".to_owned(),
            gate: "gate.example".parse().unwrap(),
            human: human(key.0),
            key: Hash::of(&[key.1]),
        };
        let statement = gatehold_core::json::canonical::to_bytes(&statement).unwrap();
        let signature = |(name, key): &(&str, u8)| RevocationSignature {
            human: human(name),
            key: Hash::of(&[*key]),
            signature: String::new(),
        };
        let revocation = SignedRevocation {
            statement: String::from_utf8(statement).unwrap(),
            signatures: signed.iter().map(signature).collect(),
        };
        SafeAct::RevokeKey { revocation }
    }

    #[test]
    fn a_key_is_revoked_once_however_often_that_is_signed() {
        let mut kept = Vec::new();
        let fresh = (0..=255).map(|number| {
            let mut act = revoke(("ann", 1), &[("ann", 2)]);
            if let SafeAct::RevokeKey { revocation } = &mut act {
                revocation.signatures[0].signature = format!("{number}");
            }
            act
        });
        assert_eq!(keep(&mut kept, fresh), 1);
        assert!(!revoke(("ann", 3), &[("ann", 2)]).is_kept_in(&kept));
    }

    #[test]
    fn whoever_signs_that_keys_are_revoked_has_a_share_too() {
        let mut kept = Vec::new();
        let keys = |names: [&'static str; 2]| {
            let signed = names.map(|name| (name, 0));
            (1..=255).map(move |key| revoke(("eve", key), &signed))
        };
        assert_eq!(keep(&mut kept, keys(["ann", "bob"])), ONE_PERSON_KEYS_MAX);
        // Neither of the two has any left with somebody else.
        assert_eq!(keep(&mut kept, keys(["ann", "cid"])), 0);
        assert_eq!(keep(&mut kept, keys(["cid", "bob"])), 0);
        let own = |name| (1..=255).map(move |key| revoke((name, key), &[(name, 0)]));
        let others = ["cid", "dan", "fay", "gus"].map(|name| keep(&mut kept, own(name)));
        let share = ONE_PERSON_KEYS_MAX;
        assert_eq!(others, [share, share, share, 0]);
        assert_eq!(kept.len(), KEYS_MAX);
    }

    #[test]
    fn a_provider_takes_half_of_what_is_for_keys() {
        let mut kept = Vec::new();
        let gone = |name: &str| SafeAct::Suspend {
            human: human(name),
            removed: false,
        };
        let names: Vec<String> = (0..100).map(|number| format!("p{number}")).collect();
        let all = names.iter().map(|name| gone(name));
        assert_eq!(keep(&mut kept, all), SUSPENDED_MAX);
        assert!(gone("p0").is_kept_in(&kept));
        let own = |name| (1..=255).map(move |key| revoke((name, key), &[(name, 0)]));
        let others = ["ann", "bob", "cid"].map(|name| keep(&mut kept, own(name)));
        let share = ONE_PERSON_KEYS_MAX;
        assert_eq!(others, [share, share, 0]);
        assert_eq!(kept.len(), KEYS_MAX);
    }

    #[test]
    fn a_sender_of_signals_has_a_share_and_says_the_same_once() {
        let mut kept = Vec::new();
        let all = |name: &'static str| (0..100).map(move |task| signal(name, task));
        assert_eq!(keep(&mut kept, all("idp")), ONE_SENDER_MAX);
        let mut again = signal("idp", 3);
        if let SafeAct::Signal { signal, .. } = &mut again {
            "j2".clone_into(&mut signal.token_id);
        }
        assert!(again.is_kept_in(&kept), "by another token");
        assert!(!signal("siem", 3).is_kept_in(&kept));
        assert_eq!(keep(&mut kept, all("siem")), SIGNALS_MAX - ONE_SENDER_MAX);
        assert_eq!(keep(&mut kept, all("more")), 0);
    }

    #[test]
    fn what_a_revoked_key_signed_is_not_kept() {
        let kept = vec![revoke(("ann", 1), &[("ann", 2)])];
        assert!(revoke(("ann", 2), &[("ann", 1)]).is_signed_by_revoked(&kept));
        assert!(!revoke(("ann", 3), &[("ann", 2)]).is_signed_by_revoked(&kept));
        assert!(!revoke(("ann", 2), &[("bob", 1)]).is_signed_by_revoked(&kept));
    }

    #[test]
    fn a_stop_finds_room_whatever_else_is_kept_and_whoever_stopped_before() {
        let names: Vec<String> = (0..100).map(|number| format!("p{number}")).collect();
        let mut kept = Vec::new();
        for name in &names {
            keep(&mut kept, (0..=255).map(|number| deny(name, number, false)));
            let keys = (1..=255).map(|key| revoke((name, key), &[(name, 0)]));
            keep(&mut kept, keys);
        }
        let machines = (0..=255).flat_map(|machine| (0..9).map(move |task| end(machine, task)));
        keep(&mut kept, machines);
        let signals = names
            .iter()
            .flat_map(|name| (0..9).map(move |task| signal(name, task)));
        keep(&mut kept, signals);
        assert_eq!(kept.len() + STOPS_MAX, 256);
        // All of them begin before anybody has had their share.
        for number in 0..20 {
            for name in &names {
                let act = stop(name, &format!("shop/{number}"));
                if !act.is_kept_in(&kept) {
                    let fitted = act.clone().fitted(&kept);
                    kept.push(fitted.expect("there is always room to stop"));
                }
                // By what they said themselves, or because everything is stopped.
                assert!(act.is_kept_in(&kept), "{name} {number}");
                assert!(kept.len() <= 256, "{name} {number}");
            }
        }
        assert_eq!(kept.len(), 256);
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
