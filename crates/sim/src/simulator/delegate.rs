//! People who are away and let others decide for them: mostly what they may, now and then what nobody may.

use gatehold_core::hash::Hash;
use gatehold_core::ids::{HumanId, TeamId};
use gatehold_core::json::canonical;
use gatehold_core::trust::delegation::{DELEGATION_END_TYPE, DELEGATION_TYPE, EndSignature};
use gatehold_core::trust::{
    DelegationEnd, DelegationReason, DelegationStatement, SAFE_NAMESPACE, SignedDelegation,
    SignedDelegationEnd,
};
use serde::Serialize;

use super::Simulator;
use super::oracle::Given;
use super::work::Intent;

impl Simulator {
    /// Somebody is away.
    pub(super) fn delegate(&mut self) -> Option<Intent> {
        let count = self.people.len();
        let at = self.seed.index(count);
        let from = self.people.get(at)?;
        let to = self
            .people
            .get((at + 1 + self.seed.index(count - 1)) % count);
        // One in twenty to themselves.
        let to = if self.seed.per_mille(50) { from } else { to? }.id.clone();
        let (from, key) = (from.id.clone(), self.key_with_force(from)?.thumbprint);
        let now = self.shelf.now();
        let seconds = |number: u64| i64::try_from(number).unwrap_or(0);
        let begins = now.millis() + 1_000 * (seconds(self.seed.below(400)) - 200);
        let lasts = match self.seed.below(20) {
            0 => 31 * 86_400,
            1 => -60,
            _ => 30 + seconds(self.seed.below(900)),
        };
        let teams = self.some_teams(&from);
        let task = if self.seed.per_mille(250) {
            self.some_task()
        } else {
            None
        };
        let named = self.seed.per_mille(200).then(|| {
            let names = ["one-reviewer", "two-owners", "tainted", "three"];
            let name = self.seed.pick(&names).expect("there are four");
            [name.parse().expect("a plain name")].into()
        });
        let reason = bytes(&DelegationReason {
            text: "away".to_owned(),
            salt: self.seed.text(),
        });
        let gate = if self.seed.per_mille(50) {
            "another.gate".parse().ok()?
        } else {
            self.origin.clone()
        };
        let statement = DelegationStatement {
            type_: DELEGATION_TYPE.to_owned(),
            gate,
            from,
            key,
            to,
            teams,
            task,
            checkpoints: named,
            not_before: gatehold_core::time::Timestamp::from_millis(begins),
            not_after: gatehold_core::time::Timestamp::from_millis(now.millis() + 1_000 * lasts),
            reason: DelegationReason::hash_of(&reason),
            nonce: self.seed.text(),
            created_at: now,
        };
        // By another's hand, in their name.
        let hand = if self.seed.per_mille(80) {
            (at + 1) % count
        } else {
            at
        };
        Some(self.delegated(hand, statement, reason))
    }

    /// A statement signed by somebody's hand; the oracle is told where it is their own.
    pub(super) fn delegated(
        &mut self,
        hand: usize,
        statement: DelegationStatement,
        reason: Vec<u8>,
    ) -> Intent {
        let text = bytes(&statement);
        let person = self.people.get(hand).expect("one of the five");
        let own = person.id == statement.from;
        let key = (person.keys.iter())
            .find(|key| !own || key.thumbprint == statement.key)
            .or(person.keys.first())
            .expect("everybody has a key");
        let delegation = SignedDelegation {
            signature: key.sign(DELEGATION_TYPE, &text),
            statement: String::from_utf8(text).expect("canonical JSON is text"),
        };
        if own && key.thumbprint == statement.key {
            self.oracle.promised.insert(delegation.id());
        }
        Intent::Delegate { delegation, reason }
    }

    fn some_teams(&mut self, human: &HumanId) -> std::collections::BTreeSet<TeamId> {
        let realm = &self.oracle.realm;
        let all: Vec<TeamId> = realm.teams.keys().cloned().collect();
        let member = |team: &&TeamId| {
            let members = realm.teams.get(*team);
            members.is_some_and(|members| members.contains(human))
        };
        let own: Vec<TeamId> = all.iter().filter(member).cloned().collect();
        let from = if self.seed.per_mille(900) { &own } else { &all };
        let count = 1 + self.seed.index(2);
        let mut teams = std::collections::BTreeSet::new();
        for _ in 0..count {
            teams.extend(self.seed.pick(from).cloned());
        }
        teams
    }

    /// Somebody ends a delegation: one of the two, two others, or one who may not.
    pub(super) fn end_delegation(&mut self) -> Option<Intent> {
        let given: Vec<(Hash, Given)> = (self.oracle.realm.delegations.iter())
            .map(|(id, given)| (*id, given.clone()))
            .collect();
        let (id, given) = self.seed.pick(&given)?.clone();
        let place = |human: &HumanId| self.people.iter().position(|one| one.id == *human);
        let (from, to) = (place(&given.from)?, place(&given.to)?);
        let count = self.people.len();
        let other = (0..count).filter(|at| *at != from && *at != to);
        let others: Vec<usize> = other.collect();
        let hands: Vec<usize> = match self.seed.below(5) {
            0 | 1 => vec![from],
            2 => vec![to],
            3 => others.into_iter().take(2).collect(),
            _ => others.into_iter().take(1).collect(),
        };
        let statement = bytes(&DelegationEnd {
            type_: DELEGATION_END_TYPE.to_owned(),
            gate: self.origin.clone(),
            delegation: id,
        });
        let text = String::from_utf8(statement.clone()).ok()?;
        let mut signatures = Vec::new();
        for hand in hands {
            let person = self.people.get(hand)?;
            let key = self.key_with_force(person)?;
            signatures.push(EndSignature {
                human: person.id.clone(),
                key: key.thumbprint,
                signature: key.sign(SAFE_NAMESPACE, &statement),
            });
            let human = person.id.clone();
            self.oracle.revoked.insert((human, text.clone()));
        }
        Some(Intent::EndDelegation {
            end: SignedDelegationEnd {
                statement: text,
                signatures,
            },
        })
    }
}

fn bytes(value: &impl Serialize) -> Vec<u8> {
    canonical::to_bytes(value).expect("small numbers only")
}
