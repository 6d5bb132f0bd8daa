//! What humans do in a story: each signs with their own hand, and the oracle is told.

use gatehold_core::hash::Hash;
use gatehold_core::ids::{HumanId, Origin, RequestId};
use gatehold_core::json::canonical;
use gatehold_core::request::State;
use gatehold_core::review::{Answers, REVIEW_TYPE, ReviewAct, ReviewContext, UnverifiedReview};
use gatehold_core::trust::revocation::{REVOCATION_TYPE, RevocationSignature};
use gatehold_core::trust::{
    GATE_TARGET, KeyRevocation, SAFE_NAMESPACE, SUBMIT_NAMESPACE, SignedRevocation, SubmitSignature,
};
use serde::Serialize;

use super::{No, Story, Told};
use crate::simulator::OnScreen;
use crate::simulator::asks::change;
use crate::simulator::decides::{answers, with_answers};
use crate::simulator::oracle::Signed;
use crate::simulator::people::{Key, NAMES, Person, human};
use crate::simulator::rules::Rules;
use crate::simulator::work::Intent;

impl Story {
    /// The human opens a request.
    ///
    /// # Panics
    /// When there is nothing to open.
    pub fn open(&mut self, name: &str, request: RequestId) -> OnScreen {
        let person = self.person(name);
        let (who, key) = (person.id.clone(), first_key(person).thumbprint);
        let intent = Intent::Open {
            human: who.clone(),
            key,
            request,
        };
        let in_hand = self.load(0, intent).expect("it can be read");
        self.0.show(0, &who, &key, &in_hand.loaded);
        self.0.on_screen.pop_back().expect("it is held")
    }

    /// Their review of what they see, after these changes, signed by their own hand.
    pub fn review(
        &mut self,
        screen: &OnScreen,
        changed: impl FnOnce(&mut ReviewContext, &mut Answers),
    ) -> Intent {
        let salt = self.0.seed.text();
        let mut given = answers(screen, "yes", &salt);
        let mut context = with_answers(screen.context.clone(), &given);
        changed(&mut context, &mut given);
        Intent::Review {
            request: screen.context.request,
            review: self.sign(&screen.human, &screen.key, &context),
            answers: given,
            screen: screen.context.review_nonce.clone(),
        }
    }

    /// A context signed by somebody's hand.
    pub fn sign(
        &mut self,
        who: &HumanId,
        with: &Hash,
        context: &ReviewContext,
    ) -> UnverifiedReview {
        let sim = &mut self.0;
        let mut people = sim.people.iter();
        let person = people
            .find(|person| person.id == *who)
            .expect("one of the five");
        let mut keys = person.keys.iter();
        let key = keys
            .find(|key| key.thumbprint == *with)
            .expect("a key of theirs");
        let bytes = context.to_bytes().expect("small numbers only");
        let signature = key.sign(REVIEW_TYPE, &bytes);
        let text = String::from_utf8(bytes).expect("canonical JSON is text");
        let review = UnverifiedReview::new(text, signature);
        sim.oracle.signed.push(Signed {
            human: who.clone(),
            key: *with,
            by_passkey: key.is_passkey(),
            text: review.context.clone(),
            context: context.clone(),
            given: sim.oracle.shown(context),
        });
        review
    }

    /// Opens it and approves what is shown.
    ///
    /// # Errors
    /// [`No`].
    pub fn approve(&mut self, name: &str, request: RequestId) -> Result<Told, No> {
        let screen = self.open(name, request);
        let intent = self.review(&screen, |_, _| {});
        self.tell(intent)
    }

    /// Opens it and denies.
    ///
    /// # Errors
    /// [`No`].
    pub fn deny(&mut self, name: &str, request: RequestId) -> Result<Told, No> {
        let screen = self.open(name, request);
        let intent = self.review(&screen, |context, _| {
            context.act = ReviewAct::Deny;
        });
        self.tell(intent)
    }

    /// A change of the gate that somebody asks for with their own signature.
    pub fn proposal(&mut self, author: &str, kind: &str, payload: &impl Serialize) -> Intent {
        let payload = canonical::to_bytes(payload).expect("small numbers only");
        self.proposal_of(author, kind, payload)
    }

    /// The same over bytes as they are.
    pub fn proposal_of(&mut self, author: &str, kind: &str, payload: Vec<u8>) -> Intent {
        let action = change(kind, payload, GATE_TARGET).expect("a well-formed change");
        let nonce = self.0.seed.text();
        let message = SubmitSignature::message(action.envelope_bytes(), &nonce);
        let person = self.person(author);
        let key = first_key(person);
        let submit = SubmitSignature {
            nonce,
            signature: key.sign(SUBMIT_NAMESPACE, message.as_bytes()),
        };
        let (who, key) = (person.id.clone(), key.thumbprint);
        let authored = (who.clone(), action.digest());
        self.0.oracle.authored.insert(authored);
        Intent::Propose {
            human: who,
            key,
            action,
            submit,
        }
    }

    /// Asked for, approved by everybody who may, and applied.
    ///
    /// # Panics
    /// When it is not applied.
    pub fn change(&mut self, author: &str, kind: &str, payload: &impl Serialize) -> RequestId {
        let intent = self.proposal(author, kind, payload);
        self.carry_out(intent)
    }

    /// The same for a proposal that stands already.
    ///
    /// # Panics
    /// When it is not applied.
    pub fn carry_out(&mut self, intent: Intent) -> RequestId {
        let request = self.submitted(intent);
        let excluded = self.record(request).requester.set();
        for name in NAMES {
            if self.record(request).state == State::Held && !excluded.contains(&human(name)) {
                // Who is not entitled, or whose key does not count, is refused, and nothing depends on it.
                let _ = self.approve(name, request);
            }
        }
        let told = self.redeem(request);
        assert!(told.is_ok(), "it was not applied: {:?}", told.err());
        request
    }

    /// Another bundle is activated: this one with some answers changed.
    pub fn activate(&mut self, changed: impl FnOnce(&mut Rules)) {
        let current = self.0.bundles.get(&self.0.oracle.realm.bundle);
        let mut next = current.expect("it was activated").clone();
        next.serial = self.0.seed.below(1 << 40);
        changed(&mut next);
        let bytes = next.to_bytes();
        self.0.bundles.insert(next.hash(), next);
        let intent = self.proposal_of("ann", "bundle.activate", bytes);
        self.carry_out(intent);
    }

    /// A key that nobody has enrolled, in this person's hand from now on.
    pub fn new_key(&mut self, name: &str, key: Key) -> Hash {
        let thumbprint = key.thumbprint;
        let mut people = self.0.people.iter_mut();
        let person = people
            .find(|person| person.id == human(name))
            .expect("one of the five");
        person.keys.push(key);
        thumbprint
    }

    /// A key revocation, signed by these people with the first key of each.
    pub fn revocation(&mut self, of: &str, by: &[&str]) -> SignedRevocation {
        let gate = self.0.origin.clone();
        self.revocation_at(gate, of, by)
    }

    /// The same for any gate.
    pub fn revocation_at(&mut self, gate: Origin, of: &str, by: &[&str]) -> SignedRevocation {
        let statement = KeyRevocation {
            type_: REVOCATION_TYPE.to_owned(),
            gate,
            human: human(of),
            key: first_key(self.person(of)).thumbprint,
        };
        let statement = canonical::to_bytes(&statement).expect("small numbers only");
        let text = String::from_utf8(statement.clone()).expect("canonical JSON is text");
        let mut signatures = Vec::new();
        for name in by {
            let key = first_key(self.person(name));
            signatures.push(RevocationSignature {
                human: human(name),
                key: key.thumbprint,
                signature: key.sign(SAFE_NAMESPACE, &statement),
            });
            self.0.oracle.revoked.insert((human(name), text.clone()));
        }
        SignedRevocation {
            statement: text,
            signatures,
        }
    }

    /// A key loses its force at its holder's word.
    ///
    /// # Panics
    /// When it does not.
    pub fn revoke_key(&mut self, of: &str) {
        let revocation = self.revocation(of, &[of]);
        let told = self.tell(Intent::RevokeKey { revocation });
        assert!(told.is_ok(), "it was not revoked: {:?}", told.err());
    }
}

pub(super) fn first_key(person: &Person) -> &Key {
    person.keys.first().expect("everybody has a key")
}
