//! What changes the gate itself: the people, their teams, their keys, for whom they decide, and what is erased.

use gatehold_core::action::Action;
use gatehold_core::assurance::Assurance;
use gatehold_core::commit::{RowKey, Table, Write};
use gatehold_core::decide::{self, Counters, Fresh, Settings, Versioned, World};
use gatehold_core::ids::RequestId;
use gatehold_core::json::canonical;
use gatehold_core::refusal::Refusal;
use gatehold_core::requester::Requester;
use gatehold_core::review::ReviewAct;
use gatehold_core::ssh::sshsig::{sign_software, software_key};
use gatehold_core::tier::Tier;
use gatehold_core::time::Timestamp;
use gatehold_core::trust::change::{HumanEnrol, RecordErase, TeamSet};
use gatehold_core::trust::delegation::DELEGATION_TYPE;
use gatehold_core::trust::recovery::{RECOVERY_NAMESPACE, RECOVERY_TYPE, RecoverySignature};
use gatehold_core::trust::revocation::{KeyRevocation, REVOCATION_TYPE, RevocationSignature};
use gatehold_core::trust::{
    Change, DelegationReason, DelegationStatement, ENROL_NAMESPACE, Evidence, Recovery, RootHuman,
    RootKey, SAFE_NAMESPACE, SUBMIT_NAMESPACE, SignedDelegation, SignedRecovery, SignedRevocation,
    SubmitSignature,
};
use gatehold_core::verdict::Verdict;

use super::{Gate, OFFLINE, Who, envelope, requirement};

impl Gate {
    /// Ann changes the gate itself; Bob and Cid approve. Returns the leaf that applied it.
    pub fn change(&mut self, descriptor: &str, payload: &[u8]) -> u64 {
        let held = self.answer(Verdict::Hold(requirement(2)), Tier::Amber);
        let (id, submit) = self.ask_change(descriptor, payload);
        self.review(id, Who::Bob, ReviewAct::Approve, &held);
        self.review(id, Who::Cid, ReviewAct::Approve, &held);
        self.redeem_with(id, &held, Some(submit))
    }

    pub fn ask_change(&mut self, descriptor: &str, payload: &[u8]) -> (RequestId, SubmitSignature) {
        let held = self.answer(Verdict::Hold(requirement(2)), Tier::Amber);
        let envelope = envelope(descriptor, "gatehold", None, "gatehold", payload);
        let bytes = canonical::to_bytes(&envelope).unwrap();
        let action = Action::parse(&bytes, payload.to_vec()).unwrap();
        let requester = Requester::Human {
            human: Who::Ann.id(),
            key: Who::Ann.thumbprint(),
            beneficiaries: Change::of(&action)
                .unwrap()
                .beneficiaries(&self.directory()),
        };
        let nonce = format!("submit-{}", self.draws);
        let message = SubmitSignature::message(action.envelope_bytes(), &nonce);
        let submit = SubmitSignature {
            signature: sign_software(&Who::Ann.seed(), SUBMIT_NAMESPACE, message.as_bytes())
                .unwrap(),
            nonce,
        };
        let id = self.submitted(&envelope, payload, requester, &held, Some(&submit));
        (id, submit)
    }

    pub fn enrol(&mut self, who: Who) -> u64 {
        let origin = self.directory().origin;
        let message = HumanEnrol::possession_message(&origin, &who.id(), &who.line()).unwrap();
        let enrol = HumanEnrol {
            human: who.id(),
            key: who.line(),
            assurance: Assurance::Software,
            possession: sign_software(&who.seed(), ENROL_NAMESPACE, &message).unwrap(),
            attestation: None,
            suspension: None,
        };
        self.change("human.enrol", &canonical::to_bytes(&enrol).unwrap())
    }

    pub fn set_team(&mut self, members: &[Who]) -> u64 {
        let set = TeamSet {
            team: "reviewers".parse().unwrap(),
            members: members.iter().map(|who| who.id()).collect(),
        };
        self.change("team.set", &canonical::to_bytes(&set).unwrap())
    }

    /// People have an attachment erased; the store forgets it.
    pub fn erase(&mut self, leaf: u64, name: &str) -> u64 {
        let erase = RecordErase {
            leaf,
            name: name.to_owned(),
        };
        let by = self.change("record.erase", &canonical::to_bytes(&erase).unwrap());
        for name in erase.names() {
            self.forget(leaf, name, by);
        }
        by
    }

    pub fn forget(&mut self, leaf: u64, name: &str, by: u64) {
        let attachments = &mut self.leaves[usize::try_from(leaf).unwrap()].attachments;
        let mut gone = attachments.iter_mut().filter(|given| given.name == name);
        let Some(gone) = gone.find(|given| given.erased_by.is_none()) else {
            return;
        };
        (gone.salt, gone.bytes, gone.erased_by) = (None, None, Some(by));
    }

    /// The quorum is lost, and the offline keys put somebody back.
    pub fn recover(&mut self, who: Who) -> u64 {
        let directory = self.directory();
        let recovery = Recovery {
            type_: RECOVERY_TYPE.to_owned(),
            gate: directory.origin.clone(),
            root: directory.root,
            directory: directory.version,
            created_at: self.time(),
            revoke: vec![],
            enrol: vec![RootHuman {
                human: who.id(),
                keys: vec![RootKey {
                    key: who.line(),
                    assurance: Assurance::Software,
                    attestation: None,
                }],
            }],
            teams: [(
                "reviewers".parse().unwrap(),
                [Who::Bob.id(), Who::Cid.id(), who.id()].into(),
            )]
            .into(),
        };
        let statement = String::from_utf8(canonical::to_bytes(&recovery).unwrap()).unwrap();
        let hands = OFFLINE.into_iter().chain([who.seed()]);
        let signatures = hands.map(|seed| RecoverySignature {
            key: software_key(&seed).to_line(),
            signature: sign_software(&seed, RECOVERY_NAMESPACE, statement.as_bytes()).unwrap(),
        });
        let evidence = Evidence::Recovery(SignedRecovery {
            signatures: signatures.collect(),
            statement,
        });
        let write = decide::recover(&evidence, &directory, &self.fresh(), self.time()).unwrap();
        self.commit(write).index
    }

    /// Somebody is away for a minute.
    pub fn delegate(
        &mut self,
        from: Who,
        to: Who,
        change: impl FnOnce(&mut DelegationStatement),
    ) -> u64 {
        let reason = DelegationReason {
            text: "away".to_owned(),
            salt: "ab".to_owned(),
        };
        let reason = reason.to_bytes().unwrap();
        let mut statement = DelegationStatement {
            type_: DELEGATION_TYPE.to_owned(),
            gate: self.directory().origin,
            from: from.id(),
            key: from.thumbprint(),
            to: to.id(),
            teams: ["reviewers".parse().unwrap()].into(),
            task: None,
            checkpoints: None,
            not_before: self.time(),
            not_after: self.time().plus_seconds(60),
            reason: DelegationReason::hash_of(&reason),
            nonce: format!("nonce-{}", self.draws),
            created_at: self.time(),
        };
        change(&mut statement);
        let statement = String::from_utf8(canonical::to_bytes(&statement).unwrap()).unwrap();
        let delegation = SignedDelegation {
            signature: delegation_signed(from, &statement),
            statement,
        };
        self.link(|world, fresh, now| decide::delegate(&delegation, reason, world, fresh, now))
    }

    pub fn revoke_key(&mut self, who: Who) -> u64 {
        let statement = KeyRevocation {
            type_: REVOCATION_TYPE.to_owned(),
            gate: self.directory().origin,
            human: who.id(),
            key: who.thumbprint(),
        };
        let statement = String::from_utf8(canonical::to_bytes(&statement).unwrap()).unwrap();
        let revocation = SignedRevocation {
            signatures: vec![RevocationSignature {
                human: who.id(),
                key: who.thumbprint(),
                signature: sign_software(&who.seed(), SAFE_NAMESPACE, statement.as_bytes())
                    .unwrap(),
            }],
            statement,
        };
        let evidence = Evidence::Revocation(revocation);
        self.link(|world, fresh, now| decide::revoke_key(&evidence, world, fresh, now))
    }

    /// A link that no request carries.
    fn link(
        &mut self,
        decide: impl FnOnce(&World<'_>, &Fresh, Timestamp) -> Result<Write, Refusal>,
    ) -> u64 {
        let fresh = self.fresh();
        let directory = self.directory();
        let world = World {
            policy: None,
            directory: &directory,
            stops: &self.value(&RowKey::new(Table::Stops, &"main")),
            pause: &Versioned::default(),
            restraints: &self.restraints,
            task: None,
            counters: Counters::default(),
            rendered: None,
            findings: None,
            habits: None,
            settings: &Settings::default(),
        };
        let write = decide(&world, &fresh, self.time()).unwrap();
        self.commit(write).index
    }
}

/// A delegation's statement, signed by somebody.
pub fn delegation_signed(by: Who, statement: &str) -> String {
    sign_software(&by.seed(), DELEGATION_TYPE, statement.as_bytes()).unwrap()
}
