//! The identity provider: it says who is gone and who is back, at any moment and now and then late. And somebody without the log
//! key, who would have people back.

use gatehold_core::hash::{Hash, hex};
use gatehold_core::ids::{HumanId, Origin, RequestId};
use gatehold_core::request::State;
use gatehold_core::trust::suspension::{REINSTATEMENT_TYPE, SUSPENSION_TYPE};
use gatehold_core::trust::{Change, Reinstatement, SignedReinstatement, Suspension};
use gatehold_ledger::LogSigner;

use super::Simulator;
use super::oracle::Checked;
use super::work::Intent;

/// The seed of the log's key in every run.
const LOG_SEED: [u8; 32] = [3; 32];
/// More people than these are mostly not gone at a time: the others still have to decide.
const GONE_MOST: usize = 2;

/// Who signs with the log key of this gate.
pub(super) fn log_signer(origin: &Origin) -> LogSigner {
    of_seed(origin, &LOG_SEED)
}

fn of_seed(origin: &Origin, seed: &[u8; 32]) -> LogSigner {
    let origin = gatehold_ledger::Origin::new(origin.as_str()).expect("a plain name");
    LogSigner::from_seed(origin, seed)
}

/// A suspension as a gate draws one.
pub(super) fn suspension(gate: &Origin, human: &HumanId, removed: bool, seed: &[u8]) -> Suspension {
    Suspension {
        type_: SUSPENSION_TYPE.to_owned(),
        gate: gate.clone(),
        human: human.clone(),
        removed,
        nonce: hex(seed),
    }
}

impl Simulator {
    /// The provider says something of somebody.
    pub(super) fn provider_says(&mut self) -> Option<Intent> {
        let gone = self.oracle.realm.suspended.len();
        let back = match gone {
            0 => 0,
            few if few < GONE_MOST => 500,
            _ => 900,
        };
        if self.seed.per_mille(back) {
            return self.somebody_is_back();
        }
        // Mostly whoever it may be; now and then somebody for whom a key is being asked.
        let awaited = self.some_request(|request| request.kind() == "human.enrol");
        let awaited = awaited.filter(|_| self.seed.per_mille(300));
        // Or somebody who is gone already, while the word that they are back is on its way.
        let gone: Vec<HumanId> = self.oracle.realm.suspended.keys().cloned().collect();
        let again = self.seed.per_mille(400).then(|| self.seed.pick(&gone));
        let again = again.flatten().cloned();
        let human = match awaited.and_then(|id| self.enrolled_by(id)).or(again) {
            Some(human) => human,
            None => self.some_human()?,
        };
        let removed = self.seed.per_mille(200);
        Some(Intent::Suspend { human, removed })
    }

    /// Whose key a request would enrol.
    fn enrolled_by(&self, request: RequestId) -> Option<HumanId> {
        let request = self.oracle.requests.get(&request)?;
        match Change::of(&request.action) {
            Ok(Change::HumanEnrol(new)) => Some(new.human),
            _ => None,
        }
    }

    /// Whoever would get a key is gone before it is enrolled, and now and then back as well.
    pub(super) fn gone_meanwhile(&mut self, request: RequestId) -> Checked {
        let Some(human) = self.enrolled_by(request) else {
            return Ok(());
        };
        let gone = Intent::Suspend {
            human: human.clone(),
            removed: false,
        };
        self.ask(0, gone);
        self.finish_work()?;
        let stands = self.oracle.realm.suspended.get(&human);
        let stands = stands.map(|(id, _)| *id);
        let back = stands.filter(|_| self.seed.per_mille(500));
        if let Some(suspension) = back {
            let word = self.end_of_suspension(human, suspension, false);
            self.ask(0, word);
            self.finish_work()?;
        }
        Ok(())
    }

    /// Counts what did not happen because somebody was said to be gone meanwhile.
    pub(super) fn notice_gone(&mut self, intent: &Intent) {
        let realm = &self.oracle.realm;
        let gone = |human: &HumanId| realm.suspended.get(human).copied();
        let overtaken = match intent {
            Intent::Reinstate { end } => {
                let said = end.read().ok();
                let other = |said: Reinstatement| Some(gone(&said.human)?.0 != said.suspension);
                let other = said.and_then(other) == Some(true);
                other.then_some("reinstatement-overtaken")
            }
            Intent::Redeem { request, .. } => {
                let leaf = self.oracle.requests.get(request);
                let leaf = leaf.filter(|request| request.state == State::Redeemable);
                let leaf = leaf.map(|request| request.leaf);
                let human = self.enrolled_by(*request);
                let last = human.and_then(|human| {
                    let (_, last) = *realm.last_gone.get(&human)?;
                    Some((last, gone(&human).is_some()))
                });
                match leaf.zip(last) {
                    Some((leaf, (last, true))) if leaf < last => Some("enrolment-overtaken"),
                    Some((leaf, (last, false))) if leaf < last => {
                        Some("enrolment-overtaken-and-back")
                    }
                    _ => None,
                }
            }
            Intent::Review { review, .. } => {
                let mut signed = self.oracle.signed.iter();
                let signed = signed.find(|signed| signed.text == review.context);
                let taken = signed.is_some_and(|signed| realm.is_taken(&signed.human, &signed.key));
                taken.then_some("review-of-somebody-gone")
            }
            _ => None,
        };
        if let Some(what) = overtaken {
            self.reach(what);
        }
    }

    /// What the gate signs when it hears that somebody is back, whom it knows to be gone.
    fn somebody_is_back(&mut self) -> Option<Intent> {
        let suspended = self.oracle.realm.suspended.iter();
        let suspended: Vec<(HumanId, Hash)> = suspended
            .map(|(human, (id, _))| (human.clone(), *id))
            .collect();
        let (human, id) = self.seed.pick(&suspended)?.clone();
        let forged = self.seed.per_mille(100);
        // Said to be gone again, while that is on its way.
        if self.seed.per_mille(250) {
            let gone = Intent::Suspend {
                human: human.clone(),
                removed: false,
            };
            self.ask(1, gone);
        }
        Some(self.end_of_suspension(human, id, forged))
    }

    /// The end of a suspension, by the gate's own word or by another's.
    pub(super) fn end_of_suspension(
        &mut self,
        human: HumanId,
        suspension: Hash,
        forged: bool,
    ) -> Intent {
        let signer = if forged {
            of_seed(&self.origin, &[4; 32])
        } else {
            log_signer(&self.origin)
        };
        let statement = Reinstatement {
            type_: REINSTATEMENT_TYPE.to_owned(),
            gate: self.origin.clone(),
            human,
            suspension,
        };
        let end = SignedReinstatement::sign(&statement, |message| signer.sign_word(message));
        let end = end.expect("text has a canonical form");
        if !forged {
            self.oracle.heard.insert(end.statement.clone());
        }
        Intent::Reinstate { end }
    }
}
