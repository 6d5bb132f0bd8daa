//! A shop behind glass: the two reviewers have offline keys besides, two people who came later look at things afterwards.

use std::collections::{BTreeMap, BTreeSet};

use gatehold_core::assurance::Assurance;
use gatehold_core::correction::CorrectionText;
use gatehold_core::decide::{BreakGlassNow, LookAfterwards};
use gatehold_core::glass::{
    GLASS_TYPE, GlassSignature, GlassStatement, Judgement, Opening, POST_REVIEW_TYPE,
    PostReviewStatement, SignedGlass, UnverifiedPostReview,
};
use gatehold_core::hash::Hash;
use gatehold_core::ids::RequestId;
use gatehold_core::json::canonical;
use gatehold_core::request::State;
use gatehold_core::review::Answers;
use gatehold_core::ssh::sshsig::{sign_software, software_key};
use gatehold_core::trust::ENROL_NAMESPACE;
use gatehold_core::trust::change::HumanEnrol;
use gatehold_core::trust::glass::{GLASS_ENROL_NAMESPACE, GlassEnrol};
use gatehold_gate::{Gate, GateError};
use gatehold_policy::Bundle;
use serde_json::json;

use super::{Person, Shop, bundle_folder};

/// How long it is held before the glass may be broken, in seconds.
pub const WAIT_SECONDS: u32 = 60;
/// Within how many seconds two people look at it afterwards.
pub const LOOK_SECONDS: u32 = 7_200;
/// What is asked for.
pub const SQL: &str = "UPDATE orders SET status = 'retry' WHERE id = 7";

const OFFERED: &str = r#"
[break_glass]
people = ["reviewer@dev.local", "second@dev.local"]
descriptors = ["shop.write"]
resources = ["shop/"]
after_seconds = 60
limits = { ttl_seconds = 120, uses = 1, caps = {} }
post_review = { teams = ["auditors"], humans = [] }
post_review_within_seconds = 7200
"#;

const DESCRIPTOR: &str = include_str!("../../../../policies/default/descriptors/glass.enrol.toml");

/// The shop's bundle where the glass may be broken.
fn bundle() -> String {
    let bytes = Bundle::load(&bundle_folder()).unwrap().to_bytes();
    let mut packed: serde_json::Value = serde_json::from_slice(&bytes).unwrap();
    let files = packed.get_mut("files").unwrap().as_object_mut().unwrap();
    let name = "checkpoints/shop-write.toml";
    let checkpoint = format!("{}{OFFERED}", files.get(name).unwrap().as_str().unwrap());
    files.insert(name.to_owned(), checkpoint.into());
    files.insert("descriptors/glass.enrol.toml".to_owned(), DESCRIPTOR.into());
    String::from_utf8(canonical::to_bytes(&packed).unwrap()).unwrap()
}

impl Person {
    /// The key that lies in their drawer.
    pub fn offline(self) -> [u8; 32] {
        *Hash::of(&[&self.seed()[..], b"offline"].concat()).as_bytes()
    }
}

impl Shop {
    /// Goes on as a shop behind glass.
    pub async fn behind_glass(&self) {
        let done = |record: gatehold_core::request::RequestRecord| {
            assert_eq!(record.state, State::Completed, "{record:?}");
        };
        done(
            self.change("bundle.activate", &bundle(), Person::Owner)
                .await,
        );
        for person in [Person::Ada, Person::Abe] {
            let enrol = self.enrolment(person);
            done(self.change("human.enrol", &enrol, Person::Owner).await);
        }
        let everybody = [Person::Owner, Person::Reviewer, Person::Second, Person::Ada];
        for (team, members) in [
            ("auditors", &[Person::Ada, Person::Abe][..]),
            ("reviewers", &everybody[..]),
        ] {
            let members: BTreeSet<_> = members.iter().map(|person| person.id()).collect();
            let set = json!({ "team": team, "members": members }).to_string();
            done(self.change("team.set", &set, Person::Owner).await);
        }
        for (person, other) in [
            (Person::Reviewer, Person::Second),
            (Person::Second, Person::Reviewer),
        ] {
            let asked = self
                .propose("glass.enrol", &self.offline_key(person), Person::Owner)
                .await;
            self.approve(other, asked.id).await.unwrap();
            done(self.approve(Person::Ada, asked.id).await.unwrap());
        }
    }

    fn enrolment(&self, person: Person) -> String {
        let (human, key) = (person.id(), software_key(&person.seed()).to_line());
        let message = HumanEnrol::possession_message(&self.gate.origin(), &human, &key).unwrap();
        let enrol = HumanEnrol {
            possession: sign_software(&person.seed(), ENROL_NAMESPACE, &message).unwrap(),
            human,
            key,
            assurance: Assurance::Software,
            attestation: None,
            suspension: None,
        };
        String::from_utf8(canonical::to_bytes(&enrol).unwrap()).unwrap()
    }

    /// What is asked for so that somebody has an offline key.
    pub fn offline_key(&self, person: Person) -> String {
        let (human, key) = (person.id(), software_key(&person.offline()).to_line());
        let message = GlassEnrol::possession_message(&self.gate.origin(), &human, &key).unwrap();
        let enrol = GlassEnrol {
            possession: sign_software(&person.offline(), GLASS_ENROL_NAMESPACE, &message).unwrap(),
            human,
            key,
            suspension: None,
        };
        String::from_utf8(canonical::to_bytes(&enrol).unwrap()).unwrap()
    }

    /// A write that has been held for as long as whoever decides is asked first.
    pub async fn held_long_enough(&self) -> RequestId {
        let task = self.task().await;
        let held = self.submit(&task, "shop.write", SQL).await.unwrap();
        assert_eq!(held.record.state, State::Held);
        self.later(WAIT_SECONDS).await;
        held.record.id
    }

    /// Time goes by.
    pub async fn later(&self, seconds: u32) {
        let now = self.gate.now().await.unwrap();
        self.memory().clock().set(now.plus_seconds(seconds));
    }

    /// What the two sign for it, after this change.
    pub async fn glass(
        &self,
        id: RequestId,
        change: impl FnOnce(&mut GlassStatement),
    ) -> BreakGlassNow {
        let by = Person::Second;
        let opened = self
            .gate
            .open_request(&by.id(), &by.key(), id)
            .await
            .unwrap();
        let (record, context) = (opened.record, opened.context);
        let fact = record.fact_challenge();
        let answers = Answers {
            criteria: [
                ("intent".to_owned(), "yes".to_owned()),
                (fact.id, fact.answer),
            ]
            .into(),
            justification: "orders are stuck, and nobody who decides answers".to_owned(),
            salt: "salt".to_owned(),
        };
        let now = self.gate.now().await.unwrap();
        let signers = [Person::Reviewer, Person::Second];
        let mut statement = GlassStatement {
            type_: GLASS_TYPE.to_owned(),
            gate: context.gate,
            request: id,
            request_hash: context.request_hash,
            digest: context.digest,
            display_hash: context.display_hash,
            requirement_hash: context.requirement_hash,
            tier: record.tier,
            incident: format!("INC-{id}"),
            responders: BTreeSet::new(),
            signers: signers.map(Person::id).into(),
            limits: context.limits,
            answers_hash: answers.hash().unwrap(),
            nonce: format!("glass-{id}"),
            created_at: now,
            use_by: now.plus_seconds(600),
            spend_by: context.spend_by,
        };
        change(&mut statement);
        BreakGlassNow {
            glass: signed_by(&statement, &signers),
            answers,
        }
    }

    /// What somebody signs who looks at it afterwards.
    pub async fn look(&self, by: Person, opening: &Opening) -> LookAfterwards {
        let words = CorrectionText {
            text: "it was right, by the page of the incident".to_owned(),
            salt: "00".repeat(32),
        };
        let text = words.to_bytes().unwrap();
        let statement = PostReviewStatement {
            type_: POST_REVIEW_TYPE.to_owned(),
            gate: self.gate.origin(),
            request: opening.request,
            glass: opening.glass,
            judgement: Judgement::Justified,
            text_hash: CorrectionText::hash_of(&text),
            human: by.id(),
            key: by.key(),
            issued_at: self.gate.now().await.unwrap(),
        };
        let statement = String::from_utf8(canonical::to_bytes(&statement).unwrap()).unwrap();
        let signature = sign_software(&by.seed(), POST_REVIEW_TYPE, statement.as_bytes());
        LookAfterwards {
            review: UnverifiedPostReview {
                signature: signature.unwrap(),
                statement,
            },
            text,
        }
    }

    /// The glass is broken for a new request; it is not used yet.
    pub async fn broken(&self, gate: &Gate) -> Result<RequestId, GateError> {
        let id = self.held_long_enough().await;
        let opening = self.glass(id, |_| {}).await;
        gate.break_glass(id, opening).await?;
        Ok(id)
    }
}

/// Signatures over a statement, each by the offline key of somebody.
pub fn signed_by(statement: &GlassStatement, hands: &[Person]) -> SignedGlass {
    let statement = String::from_utf8(statement.to_bytes().unwrap()).unwrap();
    let signature = |person: &Person| GlassSignature {
        human: person.id(),
        key: Hash::from_bytes(software_key(&person.offline()).thumbprint()),
        signature: sign_software(&person.offline(), GLASS_TYPE, statement.as_bytes()).unwrap(),
    };
    SignedGlass {
        signatures: hands.iter().map(signature).collect(),
        statement: statement.clone(),
    }
}
