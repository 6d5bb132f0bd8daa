//! What people propose to change about the gate, and what they revoke: with their own signatures, or with somebody's
//! name and no signature of theirs.

use std::collections::BTreeSet;
use std::sync::Arc;

use gatehold_core::action::Action;
use gatehold_core::assurance::Assurance;
use gatehold_core::directory::{Baseline, Lifecycle};
use gatehold_core::ids::{HumanId, Origin};
use gatehold_core::json::canonical;
use gatehold_core::jwk::Jwk;
use gatehold_core::passkey::WebOrigin;
use gatehold_core::stops::Stops;
use gatehold_core::trust::change::{ConfigChange, HumanEnrol, NhiCreate, TeamSet, WorkloadResume};
use gatehold_core::trust::revocation::{REVOCATION_TYPE, RevocationSignature};
use gatehold_core::trust::{
    ENROL_NAMESPACE, GATE_TARGET, KeyRevocation, SAFE_NAMESPACE, SUBMIT_NAMESPACE,
    SignedRevocation, SubmitSignature,
};
use gatehold_core::workload::{WorkloadAssurance, WorkloadKind};
use serde::Serialize;

use super::Simulator;
use super::asks::change;
use super::oracle::{Checked, Violation};
use super::people::{Key, Person, console};
use super::work::Intent;

impl Simulator {
    /// A change that somebody wants.
    pub(super) fn propose(&mut self) -> Option<Intent> {
        let author = self.seed.index(self.people.len());
        let (kind, payload) = match self.seed.below(11) {
            0..4 => ("bundle.activate", self.new_bundle()?),
            4 => ("team.set", bytes(&self.new_team()?)),
            5 => ("human.enrol", bytes(&self.new_key()?)),
            6 | 7 => ("nhi.create", bytes(&self.changed_workload()?)),
            8 => ("stop.lift", bytes(&self.oracle.stops)),
            9 => ("config.change", bytes(&self.new_consoles())),
            _ => ("workload.resume", self.resumption()?),
        };
        // Past every stop, if nobody looks at where it goes.
        let target = if self.seed.per_mille(30) {
            "db"
        } else {
            GATE_TARGET
        };
        let action = change(kind, payload, target)?;
        self.author(author, action)
    }

    /// Signed by its author; or in an author's name by somebody else.
    fn author(&mut self, author: usize, action: Arc<Action>) -> Option<Intent> {
        let nonce = self.seed.text();
        let forged = self.seed.per_mille(60) && !self.quiet;
        let person = self.people.get(author)?;
        let named = self.seed.index(person.keys.len());
        let key = person.keys.get(named)?;
        let message = SubmitSignature::message(action.envelope_bytes(), &nonce);
        let hand = if forged {
            self.people
                .get((author + 1) % self.people.len())?
                .keys
                .first()?
        } else {
            self.oracle
                .authored
                .insert((person.id.clone(), action.digest()));
            key
        };
        Some(Intent::Propose {
            human: person.id.clone(),
            key: key.thumbprint,
            submit: SubmitSignature {
                nonce,
                signature: hand.sign(SUBMIT_NAMESPACE, message.as_bytes()),
            },
            action,
        })
    }

    /// Somebody who is paused goes on.
    fn resumption(&mut self) -> Option<Vec<u8>> {
        let paused: Vec<String> = self.oracle.paused.iter().cloned().collect();
        let workload = self.seed.pick(&paused)?.parse().ok()?;
        Some(bytes(&WorkloadResume { workload }))
    }

    fn new_bundle(&mut self) -> Option<Vec<u8>> {
        let current = self.bundles.get(&self.oracle.realm.bundle)?;
        let next = current.changed(&mut self.seed);
        let bytes = next.to_bytes();
        self.bundles.insert(next.hash(), next);
        Some(bytes)
    }

    /// Pages on which passkeys sign: now and then none of theirs, and mostly back again.
    fn new_consoles(&mut self) -> ConfigChange {
        let gone = self.oracle.realm.consoles != [console()];
        let elsewhere = WebOrigin::new("https://other.sim.example").expect("a plain origin");
        let consoles = match self.seed.below(4) {
            _ if gone => vec![console()],
            0 => vec![],
            1 => vec![elsewhere],
            _ => vec![elsewhere, console()],
        };
        ConfigChange { consoles }
    }

    fn new_team(&mut self) -> Option<TeamSet> {
        let team = *self.seed.pick(&["owners", "reviewers", "everyone"])?;
        let mut members = BTreeSet::new();
        for person in &self.people {
            if self.seed.per_mille(750) {
                members.insert(person.id.clone());
            }
        }
        if self.seed.per_mille(100) {
            members.insert(stranger());
        }
        Some(TeamSet {
            team: team.parse().ok()?,
            members,
        })
    }

    fn new_key(&mut self) -> Option<HumanEnrol> {
        let at = self.seed.index(self.people.len());
        let seed = self.seed.bytes();
        let plain = self.oracle.realm.dev || self.seed.per_mille(300);
        let key = match (plain, self.seed.per_mille(400)) {
            (true, _) => Key::software(seed),
            (false, true) => Key::passkey(seed),
            (false, false) => Key::security(seed, Assurance::Verified),
        };
        // A key that somebody else holds already, or one that nobody shows to hold.
        let odd = self.seed.below(12);
        let other = self.people.get((at + 1) % self.people.len())?.keys.first();
        let person = self.people.get(at)?;
        let line = match (odd, other) {
            (0, Some(other)) => other.line.clone(),
            _ => key.line.clone(),
        };
        let message = HumanEnrol::possession_message(&self.origin, &person.id, &line).ok()?;
        let hand = match (odd, other) {
            (0 | 1, Some(other)) => other,
            _ => &key,
        };
        let last = self.oracle.realm.last_gone.get(&person.id);
        let enrol = HumanEnrol {
            human: person.id.clone(),
            possession: hand.sign(ENROL_NAMESPACE, &message),
            key: line,
            // An attestation that was made for somebody else.
            attestation: (odd == 2 && !plain)
                .then(|| key.attestation(&self.origin, &stranger()))
                .flatten(),
            // A key that claims to be more than it is.
            assurance: if odd == 2 {
                Assurance::Attested
            } else {
                key.assurance
            },
            // Or for somebody of whom it was never said that they are gone.
            suspension: last.map(|(id, _)| *id).filter(|_| odd != 3),
        };
        if odd > 2 {
            self.people.get_mut(at)?.keys.push(key);
        }
        Some(enrol)
    }

    fn changed_workload(&mut self) -> Option<NhiCreate> {
        let at = self.seed.index(self.agents.len());
        let id = self.agents.get(at)?.id.clone();
        let (known, _) = self.oracle.realm.workloads.get(&id)?;
        let mut next = NhiCreate {
            kind: WorkloadKind::AiAgent,
            baseline: Baseline::default(),
            assurance: WorkloadAssurance::Pop,
            ..known.clone()
        };
        match self.seed.below(6) {
            0 | 1 => {
                next.jwk = self.new_jwk();
                let key = Jwk::parse(&next.jwk).ok()?.thumbprint();
                self.agents.push(super::Agent {
                    id,
                    key,
                    jwk: next.jwk.clone(),
                });
            }
            2 => next.lifecycle = Lifecycle::Suspended,
            3 => next.not_after = self.shelf.now().plus_seconds(600),
            4 => next.jwk = self.agents.get((at + 1) % self.agents.len())?.jwk.clone(),
            _ => {
                next.lifecycle = Lifecycle::Active;
                next.not_after = self.shelf.now().plus_seconds(86_400);
            }
        }
        Some(next)
    }

    /// A key is revoked: by its holder, by two others, by too few, or by nobody who could.
    pub(super) fn revoke_key(&mut self) -> Option<Intent> {
        let subject = self.seed.index(self.people.len());
        let person = self.people.get(subject)?;
        let enrolled: Vec<_> = self
            .oracle
            .realm
            .humans
            .get(&person.id)?
            .keys()
            .copied()
            .collect();
        let key = *self.seed.pick(&enrolled)?;
        let gate = if self.seed.per_mille(100) {
            "another.gate".parse::<Origin>().ok()?
        } else {
            self.origin.clone()
        };
        let statement = bytes(&KeyRevocation {
            type_: REVOCATION_TYPE.to_owned(),
            gate: gate.clone(),
            human: person.id.clone(),
            key,
        });
        let count = self.people.len();
        let signers: Vec<usize> = match self.seed.below(4) {
            0 => vec![subject],
            1 => vec![(subject + 1) % count],
            2 => vec![(subject + 1) % count, (subject + 2) % count],
            _ => vec![(subject + 3) % count],
        };
        let forged = self.seed.per_mille(200);
        let mut signatures = Vec::new();
        for signer in signers {
            let hand = self.people.get(signer)?;
            // In the subject's name, by another hand.
            let named = if forged {
                self.people.get(subject)?
            } else {
                hand
            };
            let living = self.key_with_force(hand)?;
            signatures.push(RevocationSignature {
                human: named.id.clone(),
                key: self.key_with_force(named)?.thumbprint,
                signature: living.sign(SAFE_NAMESPACE, &statement),
            });
            if gate == self.origin {
                let text = String::from_utf8(statement.clone()).ok()?;
                self.oracle.revoked.insert((hand.id.clone(), text));
            }
        }
        let revocation = SignedRevocation {
            statement: String::from_utf8(statement).ok()?,
            signatures,
        };
        Some(Intent::RevokeKey { revocation })
    }

    /// A key of a person that has force now, or had it until they were gone.
    pub(super) fn key_with_force<'a>(&self, person: &'a Person) -> Option<&'a Key> {
        let realm = &self.oracle.realm;
        let enrolled = realm.humans.get(&person.id)?;
        let keys = person.keys.iter();
        let mut enrolled = keys.filter(|key| enrolled.contains_key(&key.thumbprint));
        let first = enrolled.clone().next();
        let living = enrolled.find(|key| realm.has_force(&person.id, &key.thumbprint));
        living.or(first)
    }

    /// Without faults: proposed, approved by all others who may, and applied.
    pub(super) fn change_at_once(
        &mut self,
        author: &HumanId,
        kind: &str,
        payload: &impl Serialize,
    ) {
        let at = self.people.iter().position(|person| person.id == *author);
        let applied = self.agreed(at.unwrap_or(0), kind, bytes(payload));
        assert_eq!(applied, Ok(true), "nothing stands in its way");
    }

    /// The same where something may stand in its way; says whether it was asked for at all.
    pub(super) fn agreed(
        &mut self,
        author: usize,
        kind: &str,
        payload: Vec<u8>,
    ) -> Result<bool, Violation> {
        let Some(action) = change(kind, payload, GATE_TARGET) else {
            return Ok(false);
        };
        let digest = action.digest();
        let Some(intent) = self.author(author, action) else {
            return Ok(false);
        };
        self.ask(0, intent);
        self.finish_work()?;
        let Some(request) = self.oracle.by_digest(&digest) else {
            return Ok(false);
        };
        for at in 0..self.people.len() {
            self.open_by(at, request);
            self.finish_work()?;
            self.approve_last();
            self.finish_work()?;
        }
        if kind == "human.enrol" && self.seed.per_mille(250) {
            self.gone_meanwhile(request)?;
        }
        self.redeem_change(request);
        self.finish_work()?;
        Ok(true)
    }

    /// Lets all work in flight come to its end.
    pub(super) fn finish_work(&mut self) -> Checked {
        for _ in 0..1_000 {
            if self.work.is_empty() {
                break;
            }
            self.advance(0)?;
        }
        Ok(())
    }

    /// People agree on something at once, while everything else waits between two of its steps.
    pub(super) fn upheaval(&mut self) -> Checked {
        let waiting = core::mem::take(&mut self.work);
        let screens = core::mem::take(&mut self.on_screen);
        let before = self
            .processes
            .first()
            .map(|first| (first.skew, first.lagging));
        if let Some(first) = self.processes.first_mut() {
            (first.skew, first.lagging) = (0, None);
        }
        self.quiet = true;
        let version = self.oracle.realm.version;
        let done = self.some_change_at_once();
        self.quiet = false;
        if let (Some(first), Some(before)) = (self.processes.first_mut(), before) {
            (first.skew, first.lagging) = before;
        }
        done?;
        if self.oracle.realm.version != version {
            for work in &waiting {
                *self.reached.entry(work.stage.names().1).or_insert(0) += 1;
            }
        }
        self.work = waiting;
        self.on_screen = screens;
        Ok(())
    }

    fn some_change_at_once(&mut self) -> Checked {
        let author = self.seed.index(self.people.len());
        let wanted = match self.seed.below(32) {
            // What somebody stopped goes on again, or the rest of the run would be refusals.
            20..25 if self.oracle.stops != Stops::default() => {
                Some(("stop.lift", bytes(&self.oracle.stops)))
            }
            20..30 if !self.oracle.paused.is_empty() => {
                self.resumption().map(|one| ("workload.resume", one))
            }
            0..5 => self.new_team().map(|team| ("team.set", bytes(&team))),
            7..13 => self.new_bundle().map(|bundle| ("bundle.activate", bundle)),
            5 | 6 | 13..16 => self.new_key().map(|key| ("human.enrol", bytes(&key))),
            16..18 => self
                .changed_workload()
                .map(|workload| ("nhi.create", bytes(&workload))),
            18 | 19 => {
                if let Some(intent) = self.revoke_key() {
                    self.ask(0, intent);
                    self.finish_work()?;
                }
                None
            }
            30.. => Some(("config.change", bytes(&self.new_consoles()))),
            _ => {
                if let Some(intent) = self.provider_says() {
                    self.ask(0, intent);
                    self.finish_work()?;
                }
                None
            }
        };
        if let Some((kind, payload)) = wanted {
            self.agreed(author, kind, payload)?;
        }
        Ok(())
    }
}

/// Somebody of the same name, vouched for by another issuer.
fn stranger() -> HumanId {
    HumanId::new("evil.example", "ann").expect("a plain name")
}

fn bytes(value: &impl Serialize) -> Vec<u8> {
    canonical::to_bytes(value).expect("small numbers only")
}
