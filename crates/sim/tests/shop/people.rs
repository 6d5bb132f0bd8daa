//! The people of a shop: their keys, the root that they signed, and what they sign after it.

use gatehold_core::assurance::Assurance;
use gatehold_core::hash::{Hash, hex};
use gatehold_core::ids::{HumanId, RequestId};
use gatehold_core::json::canonical;
use gatehold_core::request::RequestRecord;
use gatehold_core::review::{Answers, REVIEW_TYPE, ReviewAct, ReviewContext, UnverifiedReview};
use gatehold_core::ssh::soft::SoftVendor;
use gatehold_core::ssh::sshsig::{sign_software, software_key};
use gatehold_core::time::Timestamp;
use gatehold_core::trust::revocation::{REVOCATION_TYPE, RevocationSignature};
use gatehold_core::trust::{
    AttestationRoots, KeyRevocation, PinnedRoot, ROOT_NAMESPACE, RootHuman, RootKey, RootSignature,
    RootStatement, SAFE_NAMESPACE, SignedRevocation, SignedRoot,
};
use gatehold_gate::{Gate, GateError, LoginStatement, ReviewInput};

use super::{JWK, Shop};

/// The `type` of a login statement, and its signature namespace.
const LOGIN_TYPE: &str = "gatehold/login/v1";

#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Person {
    Owner,
    Reviewer,
    Second,
    /// Who comes later, and had no part in anything.
    Ada,
    /// Another one.
    Abe,
}

impl Person {
    /// Who is there from the first leaf.
    pub(super) const ALL: [Self; 3] = [Self::Owner, Self::Reviewer, Self::Second];

    fn name(self) -> &'static str {
        match self {
            Self::Owner => "owner",
            Self::Reviewer => "reviewer",
            Self::Second => "second",
            Self::Ada => "ada",
            Self::Abe => "abe",
        }
    }

    pub fn key(self) -> Hash {
        Hash::from_bytes(software_key(&self.seed()).thumbprint())
    }

    pub fn seed(self) -> [u8; 32] {
        *Hash::of(self.name().as_bytes()).as_bytes()
    }

    pub fn id(self) -> HumanId {
        HumanId::new("dev.local", self.name()).unwrap()
    }
}

impl Shop {
    /// Takes the force of somebody's own key away, signed by them.
    pub async fn revoke_key(&self, person: Person) -> Result<(), GateError> {
        self.gate.revoke_key(self.own_revocation(person)).await
    }

    /// Somebody's word that their own key is to have no force any more.
    pub fn own_revocation(&self, person: Person) -> SignedRevocation {
        let statement = KeyRevocation {
            type_: REVOCATION_TYPE.to_owned(),
            gate: self.gate.origin(),
            human: person.id(),
            key: person.key(),
        };
        let statement = canonical::to_bytes(&statement).unwrap();
        let signature = RevocationSignature {
            human: person.id(),
            key: person.key(),
            signature: sign_software(&person.seed(), SAFE_NAMESPACE, &statement).unwrap(),
        };
        SignedRevocation {
            statement: String::from_utf8(statement).unwrap(),
            signatures: vec![signature],
        }
    }

    /// Logs somebody in; gives the name of the key of their session.
    pub async fn login(&self, gate: &Gate, person: Person) -> Result<Hash, GateError> {
        let now = gate.now().await?;
        let login = LoginStatement {
            type_: LOGIN_TYPE.to_owned(),
            gate: gate.origin(),
            human: person.id(),
            key: person.key(),
            jwk: JWK.to_owned(),
            issued_at: now,
            expires_at: now.plus_seconds(3_600),
        };
        let statement = String::from_utf8(canonical::to_bytes(&login).unwrap()).unwrap();
        let signed = sign_software(&person.seed(), LOGIN_TYPE, statement.as_bytes()).unwrap();
        gate.login(&statement, &signed, now)?;
        Ok(gatehold_core::jwk::Jwk::parse(JWK).unwrap().thumbprint())
    }

    pub fn human(&self, person: Person) -> HumanId {
        person.id()
    }

    pub async fn approve(&self, person: Person, id: RequestId) -> Result<RequestRecord, GateError> {
        let signed = self.sign(person, id, true).await;
        self.gate.review(signed).await
    }

    pub async fn deny(&self, person: Person, id: RequestId) -> Result<RequestRecord, GateError> {
        let signed = self.sign(person, id, false).await;
        self.gate.review(signed).await
    }

    /// Opens the request and signs its context.
    pub async fn sign(&self, person: Person, id: RequestId, approve: bool) -> ReviewInput {
        let act = if approve {
            ReviewAct::Approve
        } else {
            ReviewAct::Deny
        };
        let changed = |context: &mut ReviewContext| context.act = act;
        self.sign_saying(person, id, "looked at it", changed).await
    }

    /// The same with these words of why, after these changes.
    pub async fn sign_saying(
        &self,
        person: Person,
        id: RequestId,
        because: &str,
        changed: impl FnOnce(&mut ReviewContext),
    ) -> ReviewInput {
        let key = Hash::from_bytes(software_key(&person.seed()).thumbprint());
        let opened = self
            .gate
            .open_request(&person.id(), &key, id)
            .await
            .unwrap();
        let fact = opened.record.fact_challenge();
        let intent = ("intent".to_owned(), "yes".to_owned());
        let answers = Answers {
            criteria: [intent, (fact.id, fact.answer)].into(),
            justification: because.to_owned(),
            salt: "salt".into(),
        };
        let mut context = opened.context.answering(&answers).unwrap();
        changed(&mut context);
        let text = String::from_utf8(context.to_bytes().unwrap()).unwrap();
        let signature = sign_software(&person.seed(), REVIEW_TYPE, text.as_bytes()).unwrap();
        ReviewInput {
            request: id,
            review: UnverifiedReview::new(text, signature),
            answers,
        }
    }
}

/// The root statement of a shop, signed by its people.
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
    let everyone = Person::ALL.map(Person::id);
    let statement = RootStatement {
        type_: "gatehold/root/v1".into(),
        origin: "dev.local/gate".parse().unwrap(),
        created_at: Timestamp::from_millis(0),
        humans: humans.to_vec(),
        teams: [("reviewers".parse().unwrap(), everyone.into())].into(),
        bundle,
        log_key: log_key(),
        recovery_keys: OFFLINE.map(|seed| software_key(&seed).to_line()).to_vec(),
        attestation_roots: AttestationRoots {
            roots: vec![PinnedRoot {
                name: "soft".to_owned(),
                certificate: hex(&maker().root_certificate()),
            }],
            intermediates: vec![],
        },
        consoles: vec![],
    };
    let statement = String::from_utf8(canonical::to_bytes(&statement).unwrap()).unwrap();
    let signatures = Person::ALL.map(|person| RootSignature {
        key: line(person),
        signature: sign_software(&person.seed(), ROOT_NAMESPACE, statement.as_bytes()).unwrap(),
    });
    let offline = OFFLINE.map(|seed| RootSignature {
        key: software_key(&seed).to_line(),
        signature: sign_software(&seed, ROOT_NAMESPACE, statement.as_bytes()).unwrap(),
    });
    SignedRoot {
        statement,
        signatures: signatures.into_iter().chain(offline).collect(),
    }
}

/// The seed of the log's key.
pub const LOG_SEED: [u8; 32] = [1; 32];

/// The log's verifier key line.
fn log_key() -> String {
    let origin = gatehold_ledger::Origin::new("dev.local/gate").unwrap();
    let signer = gatehold_ledger::LogSigner::from_seed(origin, &LOG_SEED);
    signer.log_key().to_string()
}

/// The offline keys' seeds.
pub const OFFLINE: [[u8; 32]; 3] = [[201; 32], [202; 32], [203; 32]];

/// The one maker of security keys whose attestations count.
pub fn maker() -> SoftVendor {
    SoftVendor::new([7; 32], [0xa7; 16])
}
