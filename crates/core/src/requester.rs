//! Who asked, as of the moment they asked, and everyone who therefore must not decide.

use std::collections::BTreeSet;

use serde::{Deserialize, Serialize};

use crate::action::Envelope;
use crate::directory::{Directory, Lifecycle, Point, Workload};
use crate::hash::Hash;
use crate::ids::{HumanId, PointId, WorkloadId};
use crate::time::Timestamp;
use crate::trust::{CHANGE_PEOPLE_MIN, GATE_TARGET};
use crate::workload::{WorkloadAssurance, WorkloadKind};

/// The name that stands in an envelope where a human asks the gate itself for a held action.
pub const GATE_WORKLOAD: &str = "gatehold";

/// A human behind a workload's request.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Initiator {
    /// Who.
    pub human: HumanId,
    /// Whether the gate knows it from a signature or an enforcement point, and not from the requester's words.
    pub attested: bool,
}

/// The enforcement point that submitted for a workload, and who answers for it. It says who is behind a request, and that
/// frees others to decide: whoever speaks through it therefore never does.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SubmittingPoint {
    /// Which.
    pub id: PointId,
    /// The accountable person.
    pub owner: HumanId,
    /// Who proposed its key.
    pub proposer: HumanId,
}

impl SubmittingPoint {
    /// The point of this name, with the people whom the directory names now.
    #[must_use]
    pub fn of(id: &PointId, now: &Point) -> Self {
        Self {
            id: id.clone(),
            owner: now.owner.clone(),
            proposer: now.proposer.clone(),
        }
    }
}

/// The identity anchor of a request (M170), fixed at submission.
#[expect(
    clippy::large_enum_variant,
    reason = "almost every requester is a workload"
)]
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub enum Requester {
    /// A workload asked.
    Workload {
        /// Who acts.
        id: WorkloadId,
        /// What kind of identity.
        kind: WorkloadKind,
        /// Thumbprint of the key that signed the submission.
        key: Hash,
        /// The accountable person.
        owner: HumanId,
        /// The owner's stand-in.
        backup: HumanId,
        /// Everyone who may hold the workload's key.
        custodians: BTreeSet<HumanId>,
        /// Who proposed the workload's key.
        proposer: HumanId,
        /// How well the key is tied to the workload.
        assurance: WorkloadAssurance,
        /// The enforcement point that submitted for it, if one did.
        point: Option<SubmittingPoint>,
        /// The person behind it, if known.
        initiator: Option<Initiator>,
        /// Whoever delegated to it. Nobody yet: no command delegates, and the gate leaves it empty.
        delegators: BTreeSet<HumanId>,
        /// Whoever drafted or suggested the action. Nobody yet: no command suggests one, and the gate leaves it empty.
        drafters: BTreeSet<HumanId>,
    },
    /// A human asked the gate itself.
    Human {
        /// Who.
        human: HumanId,
        /// Thumbprint of the key that signed the submission.
        key: Hash,
        /// Who would gain by it.
        beneficiaries: BTreeSet<HumanId>,
    },
}

impl Requester {
    /// Fewest people who must approve, whatever the checkpoints ask: a change of the gate is never one person's to let
    /// through, and would not be applied, so it must not become redeemable either.
    #[must_use]
    pub const fn people_min(&self) -> usize {
        match self {
            Self::Workload { .. } => 1,
            Self::Human { .. } => CHANGE_PEOPLE_MIN,
        }
    }

    /// The requester set of the design: nobody in it may decide, through any door (threats A10, A11).
    // INVARIANT(requester-never-decides): owner and backup are in the set unless the initiator is attested as
    // another person; whoever answers for the point that attests always is.
    #[must_use]
    pub fn set(&self) -> BTreeSet<HumanId> {
        match self {
            Self::Human {
                human,
                beneficiaries,
                ..
            } => {
                let mut set = beneficiaries.clone();
                set.insert(human.clone());
                set
            }
            Self::Workload {
                owner,
                backup,
                custodians,
                proposer,
                point,
                initiator,
                delegators,
                drafters,
                ..
            } => {
                let mut set: BTreeSet<HumanId> = custodians
                    .iter()
                    .chain(delegators)
                    .chain(drafters)
                    .chain([proposer])
                    .cloned()
                    .collect();
                let someone_else = initiator.as_ref().is_some_and(|initiator| {
                    initiator.attested && ![owner, backup].contains(&&initiator.human)
                });
                if !someone_else {
                    set.extend([owner.clone(), backup.clone()]);
                }
                if let Some(initiator) = initiator {
                    set.insert(initiator.human.clone());
                }
                if let Some(point) = point
                    && guard!("requester-point", true)
                {
                    set.extend([point.owner.clone(), point.proposer.clone()]);
                }
                set
            }
        }
    }

    /// The requester set, and whoever the directory names behind the workload and its point now: new custodians hold its key
    /// by now, and a stored requester from which somebody was taken away frees nobody.
    #[must_use]
    pub fn excluded(&self, directory: &Directory) -> BTreeSet<HumanId> {
        let mut set = self.set();
        if let Self::Workload { id, .. } = self
            && let Some(now) = directory.workloads.get(id)
            && guard!("requester-set-now", true)
        {
            set.extend(self.clone().behind(now, directory).set());
        }
        set
    }

    /// The same requester with the people whom the directory names now.
    fn behind(mut self, now: &Workload, directory: &Directory) -> Self {
        if let Self::Workload {
            owner,
            backup,
            custodians,
            proposer,
            point,
            key,
            ..
        } = &mut self
        {
            let submitting = directory.point_by_key(key);
            *point = submitting.map(|(id, now)| SubmittingPoint::of(id, now));
            *owner = now.owner.clone();
            *backup = now.backup.clone();
            custodians.clone_from(&now.custodians);
            *proposer = now.proposer.clone();
        }
        self
    }

    /// The key that must poll, withdraw and redeem (threat C13).
    #[must_use]
    pub const fn key(&self) -> Hash {
        match self {
            Self::Workload { key, .. } | Self::Human { key, .. } => *key,
        }
    }

    /// Whether software asked; else a person, for a change of the gate itself.
    #[must_use]
    pub const fn is_workload(&self) -> bool {
        matches!(self, Self::Workload { .. })
    }

    /// The name that lists and counters use.
    #[must_use]
    pub fn name(&self) -> String {
        match self {
            Self::Workload { id, .. } => id.to_string(),
            Self::Human { human, .. } => human.to_string(),
        }
    }

    /// Whether the envelope is not this requester's to ask for: people ask the gate only to change itself, and nobody
    /// else does; a workload asks in its own name.
    #[must_use]
    pub fn is_crossed(&self, envelope: &Envelope) -> bool {
        let on_gate = envelope.target.as_str() == GATE_TARGET;
        match self {
            Self::Human { .. } => !on_gate || envelope.workload.as_str() != GATE_WORKLOAD,
            Self::Workload { id, .. } => on_gate || envelope.workload != *id,
        }
    }

    /// The human who answers for it (M001, M039).
    #[must_use]
    pub const fn accountable(&self) -> &HumanId {
        match self {
            Self::Workload { owner, .. } => owner,
            Self::Human { human, .. } => human,
        }
    }

    /// When a workload's registration ends: the last time at which it may do anything.
    #[must_use]
    pub fn force_ends(&self, directory: &Directory) -> Option<Timestamp> {
        match self {
            Self::Human { .. } => None,
            Self::Workload { id, .. } => Some(directory.workloads.get(id)?.not_after),
        }
    }

    /// Whether the key that asked still has force, and the workload may still act: a suspended, offboarded or expired
    /// one may not, whoever submits for it (M018).
    #[must_use]
    pub fn still_has_force(&self, directory: &Directory, now: Timestamp) -> bool {
        let living = |workload: &Workload| {
            workload.lifecycle == Lifecycle::Active && now <= workload.not_after
        };
        match self {
            Self::Human { human, key, .. } => directory.key(human, key).is_some(),
            Self::Workload {
                id,
                key,
                point: None,
                ..
            } => directory
                .workloads
                .get(id)
                .is_some_and(|workload| workload.key == *key && living(workload)),
            Self::Workload {
                id,
                key,
                point: Some(point),
                ..
            } => {
                directory.workloads.get(id).is_some_and(living)
                    && directory
                        .points
                        .get(&point.id)
                        .is_some_and(|point| point.key == *key && point.workloads.contains(id))
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn human(name: &str) -> HumanId {
        format!("{name}@corp.example").parse().unwrap()
    }

    fn workload(initiator: Option<Initiator>) -> Requester {
        Requester::Workload {
            id: "bot".parse().unwrap(),
            kind: WorkloadKind::AiAgent,
            key: Hash::of(b"key"),
            owner: human("owner"),
            backup: human("backup"),
            custodians: [human("custodian")].into(),
            proposer: human("proposer"),
            assurance: WorkloadAssurance::Pop,
            point: None,
            initiator,
            delegators: [human("delegator")].into(),
            drafters: [human("drafter")].into(),
        }
    }

    #[test]
    fn a11_owner_and_backup_are_excluded_unless_someone_else_is_attested() {
        let everyone = [
            "owner",
            "backup",
            "custodian",
            "proposer",
            "delegator",
            "drafter",
        ]
        .map(human);
        assert_eq!(workload(None).set(), BTreeSet::from(everyone.clone()));

        let claimed = workload(Some(Initiator {
            human: human("ann"),
            attested: false,
        }))
        .set();
        assert!(
            claimed.contains(&human("owner")),
            "a claimed initiator frees nobody"
        );
        assert!(claimed.contains(&human("ann")));

        let attested = workload(Some(Initiator {
            human: human("ann"),
            attested: true,
        }))
        .set();
        assert!(!attested.contains(&human("owner")) && !attested.contains(&human("backup")));
        assert!(attested.contains(&human("ann")) && attested.contains(&human("proposer")));

        let own = workload(Some(Initiator {
            human: human("owner"),
            attested: true,
        }))
        .set();
        assert!(own.contains(&human("owner")) && own.contains(&human("backup")));
    }

    #[test]
    fn a10_whoever_answers_for_the_point_is_excluded_whomever_it_attests() {
        let mut requester = workload(Some(Initiator {
            human: human("ann"),
            attested: true,
        }));
        let Requester::Workload { point, .. } = &mut requester else {
            return;
        };
        *point = Some(SubmittingPoint {
            id: "gateway".parse().unwrap(),
            owner: human("tends"),
            proposer: human("enrolled"),
        });
        let set = requester.set();
        assert!(set.contains(&human("tends")) && set.contains(&human("enrolled")));
        assert!(!set.contains(&human("owner")), "an attested person does");
    }

    /// Somebody of a delegation chain: any of the people in any of the parts.
    fn any_requester() -> impl Strategy<Value = (Requester, [Vec<HumanId>; 2])> {
        let people = || proptest::collection::vec(0_u8..12, 0..4);
        let named = |numbers: Vec<u8>| -> Vec<HumanId> {
            numbers
                .iter()
                .map(|number| human(&format!("p{number}")))
                .collect()
        };
        let parts = (people(), people(), people(), 0_u8..12, 0_u8..12, 0_u8..12);
        let initiator = proptest::option::of((0_u8..12, any::<bool>()));
        (parts, initiator).prop_map(move |(parts, initiator)| {
            let (custodians, delegators, drafters, owner, backup, proposer) = parts;
            let one = |number: u8| human(&format!("p{number}"));
            let initiator = initiator.map(|(number, attested)| Initiator {
                human: one(number),
                attested,
            });
            let mut always = [
                named(custodians.clone()),
                named(delegators.clone()),
                named(drafters.clone()),
                vec![one(proposer)],
            ]
            .concat();
            always.extend(initiator.as_ref().map(|initiator| initiator.human.clone()));
            let owners = vec![one(owner), one(backup)];
            let Requester::Workload { id, kind, key, .. } = workload(None) else {
                panic!("a workload is one");
            };
            let requester = Requester::Workload {
                id,
                kind,
                key,
                owner: one(owner),
                backup: one(backup),
                custodians: named(custodians).into_iter().collect(),
                proposer: one(proposer),
                assurance: WorkloadAssurance::Pop,
                point: None,
                initiator,
                delegators: named(delegators).into_iter().collect(),
                drafters: named(drafters).into_iter().collect(),
            };
            (requester, [always, owners])
        })
    }

    proptest! {
        /// Whatever chain stands behind a request, everybody in it is excluded; and only an initiator whom the gate
        /// itself knows to be somebody else frees owner and backup.
        #[test]
        fn a11_nobody_of_any_delegation_chain_may_decide((requester, [always, owners]) in any_requester()) {
            let set = requester.set();
            for human in &always {
                prop_assert!(set.contains(human));
            }
            let Requester::Workload { initiator, .. } = &requester else {
                panic!("a workload is one");
            };
            let freed = initiator
                .as_ref()
                .is_some_and(|initiator| initiator.attested && !owners.contains(&initiator.human));
            for human in &owners {
                prop_assert_eq!(set.contains(human), !freed || always.contains(human));
            }
            prop_assert!(set.iter().all(|human| always.contains(human) || owners.contains(human)));
        }
    }
}
