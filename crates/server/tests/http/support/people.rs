//! Three generated people of a development gate, and what they sign.

use std::collections::BTreeMap;
use std::sync::Arc;

use gatehold_client::Client;
use gatehold_client::wire::{LoginRequest, Opened, ReviewRequest};
use gatehold_core::action::{DescriptorRef, Envelope, PayloadRef};
use gatehold_core::assurance::Assurance;
use gatehold_core::decide::Claims;
use gatehold_core::hash::Hash;
use gatehold_core::ids::HumanId;
use gatehold_core::json::canonical;
use gatehold_core::review::{Answers, REVIEW_TYPE, ReviewAct, ReviewContext, UnverifiedReview};
use gatehold_core::ssh::sshsig::{sign_software, software_key};
use gatehold_core::time::Timestamp;
use gatehold_core::trust::revocation::{REVOCATION_TYPE, RevocationSignature};
use gatehold_core::trust::{
    AttestationRoots, KeyRevocation, ROOT_NAMESPACE, RootHuman, RootKey, RootSignature,
    RootStatement, SAFE_NAMESPACE, SUBMIT_NAMESPACE, SignedRevocation, SignedRoot, SubmitSignature,
};
use gatehold_core::wording::FactChallenge;
use gatehold_gate::{Gate, HumanSubmit, LoginStatement, ReviewInput};
use gatehold_ledger::{LogSigner, Origin};
use gatehold_proof::SigningKey;

use super::{House, NOW, key};

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Person {
    Owner,
    Reviewer,
    Second,
    /// Enrolled where a test wants somebody without a seat, and in no team.
    Bystander,
}

impl Person {
    /// Those whom the founding statement names.
    pub const ALL: [Self; 3] = [Self::Owner, Self::Reviewer, Self::Second];

    pub fn name(self) -> &'static str {
        match self {
            Self::Owner => "owner",
            Self::Reviewer => "reviewer",
            Self::Second => "second",
            Self::Bystander => "bystander",
        }
    }

    pub fn id(self) -> HumanId {
        HumanId::new("dev.local", self.name()).unwrap()
    }

    fn seed(self) -> [u8; 32] {
        *Hash::of(self.name().as_bytes()).as_bytes()
    }

    pub fn thumbprint(self) -> Hash {
        Hash::from_bytes(software_key(&self.seed()).thumbprint())
    }

    /// The line of their key.
    pub fn line(self) -> String {
        software_key(&self.seed()).to_line()
    }

    pub fn sign(self, namespace: &str, message: &[u8]) -> String {
        sign_software(&self.seed(), namespace, message).unwrap()
    }

    /// The ephemeral key of this person's login.
    pub fn session_key(self) -> Arc<SigningKey> {
        Arc::new(key(format!("session of {}", self.name()).as_bytes()))
    }

    /// The statement and its signature.
    pub fn login_request(self, gate: &Gate, ephemeral: &SigningKey) -> LoginRequest {
        let statement = LoginStatement {
            type_: "gatehold/login/v1".into(),
            gate: gate.origin(),
            human: self.id(),
            key: self.thumbprint(),
            jwk: ephemeral.public().to_jwk(),
            issued_at: Timestamp::from_millis(NOW),
            expires_at: Timestamp::from_millis(NOW + 3_600_000),
        };
        let bytes = canonical::to_bytes(&statement).unwrap();
        let signature = self.sign("gatehold/login/v1", &bytes);
        LoginRequest {
            statement: bytes.into(),
            signature,
        }
    }

    /// Logs in; the client acts with the session's key.
    pub async fn log_in(self, house: &House) -> Client {
        let ephemeral = self.session_key();
        let client = house.client(&ephemeral);
        let session = client
            .login(&self.login_request(&house.gate, &ephemeral))
            .await
            .unwrap();
        assert_eq!(session.human, self.id().to_string());
        client
    }

    /// Signs what was opened.
    pub fn review(self, opened: &Opened, approve: bool) -> ReviewRequest {
        let context: ReviewContext =
            canonical::from_canonical_bytes(&opened.context_template.0).unwrap();
        let envelope: Envelope = canonical::from_canonical_bytes(&opened.envelope.0).unwrap();
        let nonce: Hash = opened.request_nonce.parse().unwrap();
        let answers = answers(FactChallenge::of(&nonce, &context.limits, &envelope));
        let mut context = context.answering(&answers).unwrap();
        context.act = if approve {
            ReviewAct::Approve
        } else {
            ReviewAct::Deny
        };
        let bytes = context.to_bytes().unwrap();
        let signature = self.sign(REVIEW_TYPE, &bytes);
        ReviewRequest {
            context: bytes.into(),
            signature,
            answers: answers.criteria,
            justification: answers.justification,
            salt: answers.salt,
        }
    }
}

pub fn answers(fact: FactChallenge) -> Answers {
    let intent = ("intent".to_owned(), "yes".to_owned());
    Answers {
        criteria: BTreeMap::from([intent, (fact.id, fact.answer)]),
        justification: "looked at it".into(),
        salt: "salt".into(),
    }
}

impl House {
    /// Takes the force of somebody's own key away, signed by them.
    pub async fn revoke_key(&self, person: Person) {
        let statement = KeyRevocation {
            type_: REVOCATION_TYPE.to_owned(),
            gate: self.gate.origin(),
            human: person.id(),
            key: person.thumbprint(),
        };
        let statement = canonical::to_bytes(&statement).unwrap();
        let signature = RevocationSignature {
            human: person.id(),
            key: person.thumbprint(),
            signature: person.sign(SAFE_NAMESPACE, &statement),
        };
        let revocation = SignedRevocation {
            statement: String::from_utf8(statement).unwrap(),
            signatures: vec![signature],
        };
        self.gate.revoke_key(revocation).await.unwrap();
    }
}

/// Changes the gate itself, past HTTP: the owner submits, the two others approve.
pub async fn change(gate: &Gate, descriptor: &str, payload: &str) {
    let envelope = envelope(gate, None, descriptor, payload);
    let envelope = canonical::to_bytes(&envelope).unwrap();
    let nonce = format!("change-{}", Hash::of(payload.as_bytes()).hex());
    let message = SubmitSignature::message(&envelope, &nonce);
    let signature = Person::Owner.sign(SUBMIT_NAMESPACE, message.as_bytes());
    let submitted = gate
        .submit_human(HumanSubmit {
            human: Person::Owner.id(),
            key: Person::Owner.thumbprint(),
            envelope,
            payload: payload.as_bytes().to_vec(),
            claims: Claims::default(),
            submit: SubmitSignature { nonce, signature },
            dry_run: false,
        })
        .await
        .unwrap();
    let id = submitted.record.id;
    let mut state = submitted.record.state;
    for person in [Person::Reviewer, Person::Second] {
        let opened = gate
            .open_request(&person.id(), &person.thumbprint(), id)
            .await
            .unwrap();
        let answers = answers(opened.record.fact_challenge());
        let context = opened.context.answering(&answers).unwrap();
        let context = String::from_utf8(context.to_bytes().unwrap()).unwrap();
        let signature = person.sign(REVIEW_TYPE, context.as_bytes());
        let review = UnverifiedReview::new(context, signature);
        let input = ReviewInput {
            request: id,
            review,
            answers,
        };
        state = gate.review(input).await.unwrap().state;
    }
    assert_eq!(state, gatehold_core::request::State::Completed);
}

/// An envelope of the workload, or of a human when there is no task.
pub fn envelope(gate: &Gate, task: Option<&str>, descriptor: &str, payload: &str) -> Envelope {
    envelope_of(gate, task, descriptor, payload.as_bytes())
}

/// The same, of any bytes.
pub fn envelope_of(gate: &Gate, task: Option<&str>, descriptor: &str, payload: &[u8]) -> Envelope {
    let all = gate.descriptors();
    let found = all
        .iter()
        .find(|known| known.id.as_str() == descriptor)
        .unwrap();
    let human = task.is_none();
    Envelope {
        descriptor: DescriptorRef {
            id: found.id.clone(),
            hash: found.hash(),
        },
        workload: if human { "gatehold" } else { "deploy-bot" }
            .parse()
            .unwrap(),
        task: task.map(|task| task.parse().unwrap()),
        target: if human { "gatehold" } else { "sql:shop" }.parse().unwrap(),
        resource: if human { "gatehold" } else { "shop/orders" }
            .parse()
            .unwrap(),
        duration_seconds: 600,
        caps: BTreeMap::new(),
        precondition: None,
        payload: PayloadRef {
            media_type: found.media_types.first().unwrap().clone(),
            size: u64::try_from(payload.len()).unwrap(),
            sha256: Hash::of(payload),
        },
    }
}

/// What signs with the log's key.
pub fn log_signer() -> LogSigner {
    LogSigner::from_seed(Origin::new("dev.local/gate").unwrap(), &[1; 32])
}

pub fn root(bundle: Hash) -> SignedRoot {
    let line = |person: Person| software_key(&person.seed()).to_line();
    let humans = Person::ALL.map(|person| RootHuman {
        human: person.id(),
        keys: vec![RootKey {
            key: line(person),
            assurance: Assurance::Software,
            attestation: None,
        }],
    });
    let statement = RootStatement {
        type_: "gatehold/root/v1".into(),
        origin: "dev.local/gate".parse().unwrap(),
        created_at: Timestamp::from_millis(0),
        humans: humans.to_vec(),
        teams: [(
            "reviewers".parse().unwrap(),
            Person::ALL.map(Person::id).into(),
        )]
        .into(),
        bundle,
        log_key: log_signer().log_key().to_string(),
        recovery_keys: vec![],
        attestation_roots: AttestationRoots::default(),
        consoles: Vec::new(),
    };
    let statement = String::from_utf8(canonical::to_bytes(&statement).unwrap()).unwrap();
    let signatures = Person::ALL.map(|person| RootSignature {
        key: line(person),
        signature: person.sign(ROOT_NAMESPACE, statement.as_bytes()),
    });
    SignedRoot {
        statement,
        signatures: signatures.to_vec(),
    }
}
