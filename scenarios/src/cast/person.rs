//! A person of a development gate: a generated key, a login, and reviews signed after opening what is shown.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use gatehold_client::wire::{
    ChangeRequest, Claims, Criterion, LoginRequest, Opened, ReviewRequest, ReviewResult, Submitted,
};
use gatehold_client::{Client, ClientError};
use gatehold_core::action::{DescriptorRef, Envelope};
use gatehold_core::hash::{Hash, hex};
use gatehold_core::ids::{HumanId, Origin};
use gatehold_core::json::canonical;
use gatehold_core::requester::GATE_WORKLOAD;
use gatehold_core::review::{Answers, REVIEW_TYPE, ReviewAct, ReviewContext};
use gatehold_core::ssh::{sign_software, sshsig};
use gatehold_core::trust::change::NhiCreate;
use gatehold_core::trust::{GATE_TARGET, SUBMIT_NAMESPACE, SubmitSignature};
use gatehold_core::wording::FactChallenge;
use gatehold_proof::{Algorithm, SigningKey};
use serde::Serialize;

use super::workload::payload_ref;
use crate::trouble::{Outcome, Trouble, trouble};
use crate::{Os, now_millis};

/// A person who can sign.
#[derive(Clone)]
pub struct Person {
    /// Who.
    pub human: HumanId,
    /// Calls signed with the key of their session.
    pub client: Client,
    origin: Origin,
    seed: [u8; 32],
}

/// What a reviewer answers, and how far they go.
#[derive(Debug, Clone)]
pub struct Answering {
    /// Answer by criterion id. A criterion that is not named is answered `yes`, or with its first choice.
    pub answers: BTreeMap<String, String>,
    /// Why.
    pub justification: String,
    /// Lower than what was asked for, seconds.
    pub ttl_seconds: Option<u32>,
    /// Lower than what was asked for, by cap.
    pub caps: BTreeMap<String, u64>,
}

impl Default for Answering {
    fn default() -> Self {
        Self {
            answers: BTreeMap::new(),
            justification: "it is what was planned".to_owned(),
            ttl_seconds: None,
            caps: BTreeMap::new(),
        }
    }
}

#[derive(Serialize)]
struct LoginStatement<'a> {
    #[serde(rename = "type")]
    type_: &'static str,
    gate: &'a Origin,
    human: &'a HumanId,
    key: Hash,
    jwk: String,
    issued_at: i64,
    expires_at: i64,
}

impl Person {
    /// Somebody whose key is generated from this seed, not logged in yet.
    ///
    /// # Errors
    /// Without randomness, or when the URL cannot be used.
    pub fn new(
        human: HumanId,
        origin: Origin,
        seed: [u8; 32],
        url: &str,
    ) -> Outcome<(Self, LoginRequest)> {
        Self::new_at(human, origin, seed, url, url)
    }

    fn new_at(
        human: HumanId,
        origin: Origin,
        seed: [u8; 32],
        url: &str,
        address: &str,
    ) -> Outcome<(Self, LoginRequest)> {
        let session = Os.random().map_err(trouble(&human))?;
        let session =
            SigningKey::from_seed(Algorithm::Ed25519, &session).map_err(trouble(&human))?;
        let now = now_millis();
        let statement = LoginStatement {
            type_: LOGIN_TYPE,
            gate: &origin,
            human: &human,
            key: Hash::from_bytes(sshsig::software_key(&seed).thumbprint()),
            jwk: session.public().to_jwk(),
            issued_at: now,
            expires_at: now + LOGIN_MILLIS,
        };
        let statement = canonical::to_bytes(&statement).map_err(trouble("login"))?;
        let signature = sign_software(&seed, LOGIN_TYPE, &statement).map_err(trouble("login"))?;
        let login = LoginRequest {
            statement: statement.into(),
            signature,
        };
        let client = super::client_at(url, address, Arc::new(session))?;
        let person = Self {
            human,
            client,
            origin,
            seed,
        };
        Ok((person, login))
    }

    /// Somebody who is logged in.
    ///
    /// # Errors
    /// What the gate says.
    pub async fn log_in(
        human: HumanId,
        origin: Origin,
        seed: [u8; 32],
        url: &str,
    ) -> Outcome<Self> {
        Self::log_in_at(human, origin, seed, url, url).await
    }

    /// The same at one process of the gate.
    ///
    /// # Errors
    /// What the gate says.
    pub async fn log_in_at(
        human: HumanId,
        origin: Origin,
        seed: [u8; 32],
        url: &str,
        address: &str,
    ) -> Outcome<Self> {
        let (person, login) = Self::new_at(human, origin, seed, url, address)?;
        person
            .client
            .login(&login)
            .await
            .map_err(trouble(format!("{} logs in", person.human)))?;
        Ok(person)
    }

    /// A second login of the same person, not handed in yet.
    ///
    /// # Errors
    /// Without randomness.
    pub fn another_login(&self, url: &str) -> Outcome<(Self, LoginRequest)> {
        Self::new(self.human.clone(), self.origin.clone(), self.seed, url)
    }

    /// The thumbprint under which the gate knows their key.
    #[must_use]
    pub fn thumbprint(&self) -> Hash {
        Hash::from_bytes(sshsig::software_key(&self.seed).thumbprint())
    }

    /// Opens a request, answers every criterion and signs.
    ///
    /// # Errors
    /// What the gate says.
    pub async fn review(
        &self,
        request: &str,
        act: ReviewAct,
        answering: &Answering,
    ) -> Result<ReviewResult, ReviewTrouble> {
        let opened = self.client.open(request).await?;
        let review = self.sign_review(&opened, act, answering)?;
        Ok(self.client.review(request, &review).await?)
    }

    /// Signs a review of what was opened.
    ///
    /// # Errors
    /// When the gate's template is not one.
    pub fn sign_review(
        &self,
        opened: &Opened,
        act: ReviewAct,
        answering: &Answering,
    ) -> Outcome<ReviewRequest> {
        let mut context: ReviewContext =
            canonical::from_bytes(opened.context_template.as_ref()).map_err(trouble("context"))?;
        let mut criteria = answers(&opened.criteria, answering);
        let envelope: Envelope =
            canonical::from_bytes(opened.envelope.as_ref()).map_err(trouble("envelope"))?;
        let nonce: Hash = (opened.request_nonce.parse()).map_err(trouble("nonce"))?;
        let fact = FactChallenge::of(&nonce, &context.limits, &envelope);
        criteria.insert(fact.id, fact.answer);
        let answers = Answers {
            criteria,
            justification: answering.justification.clone(),
            salt: hex(&Os.random().map_err(trouble("salt"))?),
        };
        context.act = act;
        context = context.answering(&answers).map_err(trouble("answers"))?;
        context.reviewer.issuer = self.human.issuer().to_owned();
        context.reviewer.subject = self.human.subject().to_owned();
        context.reviewer.key = self.thumbprint();
        if let Some(seconds) = answering.ttl_seconds {
            context.limits.ttl_seconds = context.limits.ttl_seconds.min(seconds);
        }
        for (name, cap) in &answering.caps {
            let limit = context.limits.caps.entry(name.clone()).or_insert(*cap);
            *limit = (*limit).min(*cap);
        }
        let bytes = context.to_bytes().map_err(trouble("context"))?;
        Ok(ReviewRequest {
            signature: sign_software(&self.seed, REVIEW_TYPE, &bytes).map_err(trouble("review"))?,
            context: bytes.into(),
            answers: answers.criteria,
            justification: answers.justification,
            salt: answers.salt,
        })
    }

    /// Asks the gate for a held change of itself.
    ///
    /// # Errors
    /// What the gate says.
    pub async fn submit_change(
        &self,
        descriptor: &DescriptorRef,
        resource: &str,
        payload: Vec<u8>,
    ) -> Result<Submitted, ReviewTrouble> {
        let change = self.change(descriptor, resource, payload)?;
        Ok(self.client.submit_change(&change, false).await?)
    }

    /// The signed body of a change.
    ///
    /// # Errors
    /// When a name cannot be one.
    pub fn change(
        &self,
        descriptor: &DescriptorRef,
        resource: &str,
        payload: Vec<u8>,
    ) -> Outcome<ChangeRequest> {
        let envelope = Envelope {
            descriptor: descriptor.clone(),
            workload: GATE_WORKLOAD.parse().map_err(trouble("workload"))?,
            task: None,
            target: GATE_TARGET.parse().map_err(trouble("target"))?,
            resource: resource.parse().map_err(trouble(resource))?,
            duration_seconds: CHANGE_SECONDS,
            caps: BTreeMap::new(),
            precondition: None,
            payload: payload_ref("application/json", &payload),
        };
        let envelope = canonical::to_bytes(&envelope).map_err(trouble("envelope"))?;
        let nonce = hex(&Os.random().map_err(trouble("nonce"))?);
        let nonce: String = nonce.chars().take(NONCE_CHARS).collect();
        let message = SubmitSignature::message(&envelope, &nonce);
        let signature = sign_software(&self.seed, SUBMIT_NAMESPACE, message.as_bytes())
            .map_err(trouble("submission"))?;
        Ok(ChangeRequest {
            envelope: envelope.into(),
            payload: payload.into(),
            claims: Claims::default(),
            nonce,
            signature,
        })
    }

    /// The payload that enrols a workload for which this person answers.
    ///
    /// # Errors
    /// When a name cannot be one.
    pub fn enrolment(&self, create: &NhiCreate) -> Outcome<Vec<u8>> {
        canonical::to_bytes(create).map_err(trouble("enrolment"))
    }

    /// This person alone, as a set.
    #[must_use]
    pub fn alone(&self) -> BTreeSet<HumanId> {
        [self.human.clone()].into()
    }

    /// Where this person acts.
    #[must_use]
    pub const fn origin(&self) -> &Origin {
        &self.origin
    }
}

/// Why a review did not happen: the gate refused, or the story is wrong.
#[derive(Debug, thiserror::Error)]
pub enum ReviewTrouble {
    /// The gate refused.
    #[error(transparent)]
    Gate(#[from] ClientError),
    /// The story is wrong.
    #[error(transparent)]
    Story(#[from] Trouble),
}

fn answers(criteria: &[Criterion], answering: &Answering) -> BTreeMap<String, String> {
    criteria
        .iter()
        .map(|criterion| {
            let answer = answering.answers.get(&criterion.id).cloned();
            let choice = criterion.choices.first().cloned();
            let answer = answer.or(choice).unwrap_or_else(|| "yes".to_owned());
            (criterion.id.clone(), answer)
        })
        .collect()
}

const LOGIN_TYPE: &str = "gatehold/login/v1";
const LOGIN_MILLIS: i64 = 3_600_000;
const CHANGE_SECONDS: u32 = 3_600;
const NONCE_CHARS: usize = 32;
