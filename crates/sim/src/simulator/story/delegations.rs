//! People in a story who are away, and those who decide for them.

use gatehold_core::delegation::{Lending, Moment, Through};
use gatehold_core::hash::Hash;
use gatehold_core::ids::RequestId;
use gatehold_core::json::canonical;
use gatehold_core::trust::delegation::{DELEGATION_END_TYPE, DELEGATION_TYPE, EndSignature};
use gatehold_core::trust::{
    DelegationEnd, DelegationReason, DelegationStatement, SAFE_NAMESPACE, SignedDelegation,
    SignedDelegationEnd,
};

use super::Story;
use super::humans::first_key;
use crate::simulator::people::human;
use crate::simulator::work::Intent;

impl Story {
    /// What somebody who is away would sign, for an hour from now.
    pub fn statement(&mut self, from: &str, to: &str, teams: &[&str]) -> DelegationStatement {
        let now = self.0.shelf.now();
        DelegationStatement {
            type_: DELEGATION_TYPE.to_owned(),
            gate: self.0.origin.clone(),
            from: human(from),
            key: first_key(self.person(from)).thumbprint,
            to: human(to),
            teams: teams
                .iter()
                .map(|team| team.parse().expect("a plain name"))
                .collect(),
            task: None,
            checkpoints: None,
            not_before: now,
            not_after: now.plus_seconds(3_600),
            reason: DelegationReason::hash_of(&reason()),
            nonce: self.0.seed.text(),
            created_at: now,
        }
    }

    /// The statement, signed by somebody's own hand.
    pub fn promised(&mut self, by: &str, statement: DelegationStatement) -> SignedDelegation {
        let people = &self.0.people;
        let at = people.iter().position(|one| one.id == human(by));
        let at = at.expect("one of the five");
        match self.0.delegated(at, statement, reason()) {
            Intent::Delegate { delegation, .. } => delegation,
            _ => super::unreachable_answer(None),
        }
    }

    /// Somebody is away; the name of what they signed.
    ///
    /// # Panics
    /// When it is not recorded.
    pub fn delegate(&mut self, statement: DelegationStatement) -> Hash {
        let from = statement.from.subject().to_owned();
        let delegation = self.promised(&from, statement);
        let id = delegation.id();
        let told = self.tell(Intent::Delegate {
            delegation,
            reason: reason(),
        });
        assert!(told.is_ok(), "it was not recorded: {:?}", told.err());
        id
    }

    /// The end of a delegation, signed by these people with the first key of each.
    pub fn end_of(&mut self, delegation: Hash, by: &[&str]) -> SignedDelegationEnd {
        let statement = canonical::to_bytes(&DelegationEnd {
            type_: DELEGATION_END_TYPE.to_owned(),
            gate: self.0.origin.clone(),
            delegation,
        })
        .expect("small numbers only");
        let text = String::from_utf8(statement.clone()).expect("canonical JSON is text");
        let mut signatures = Vec::new();
        for name in by {
            let key = first_key(self.person(name));
            signatures.push(EndSignature {
                human: human(name),
                key: key.thumbprint,
                signature: key.sign(SAFE_NAMESPACE, &statement),
            });
            self.0.oracle.revoked.insert((human(name), text.clone()));
        }
        SignedDelegationEnd {
            statement: text,
            signatures,
        }
    }

    /// What others gave somebody at a request, now and in its open task.
    ///
    /// # Panics
    /// When the request is not held.
    pub fn given(&mut self, name: &str, request: RequestId) -> Vec<Through> {
        let moment = Moment {
            now: self.0.shelf.now(),
            task: self.record(request).envelope.task,
        };
        self.given_at(name, request, moment)
    }

    /// The same at another moment.
    ///
    /// # Panics
    /// When the request is not held.
    pub fn given_at(&mut self, name: &str, request: RequestId, moment: Moment) -> Vec<Through> {
        let directory = self.directory();
        let record = self.record(request);
        let held = record.held.as_ref().expect("it is held");
        Lending::new(&directory, &held.requirement, &record.requester, moment).through(&human(name))
    }
}

/// Why people in stories are away.
#[must_use]
pub fn reason() -> Vec<u8> {
    let reason = DelegationReason {
        text: "away".to_owned(),
        salt: "ab".to_owned(),
    };
    reason.to_bytes().expect("text has a canonical form")
}
